"""The course's own field of models on one task: quality beside seconds, megabytes and another kind of text.

Rotten Tomatoes, whose labels are half and half, with all 6,817 labelled sentences; the other kind are whole IMDb
reviews, of which the first 64 words are read. Probabilities are stored in thousandths, text by text, so that thresholds
and cascades can be tried and models be compared on the same texts. Times are those of one core.
"""

import time
from collections.abc import Iterator

import numpy as np

from course_lib import data
from course_lib.metrics import bootstrap_interval
from experiments.field import FIELD, SEEDED, Split
from experiments.shared import one_core, rounded

__all__ = ["row", "rows"]

SEEDS = (1, 2, 3)
OTHERS = 300  # IMDb reviews
TIMED = 100


def rows() -> Iterator[dict]:
    """The rows of the table, one by one."""
    for seed in SEEDS:
        for system in FIELD:
            if seed == SEEDS[0] or system in SEEDED:
                yield row(system, seed)


def row(system: str, seed: int) -> dict:
    """A model's probabilities for each text, and what it costs."""
    train, validation, test = (split("rotten_tomatoes", name) for name in ("train", "validation", "test"))
    others = split("imdb", "test")[0][:OTHERS]
    with one_core():
        start = time.process_time()
        predict, megabytes = FIELD[system](train, validation, seed)
        seconds = time.process_time() - start
        predict(test[0][:2])  # what is done at the first call alone is not timed
        start = time.process_time()
        for text in test[0][:TIMED]:
            predict([text])
        alone = (time.process_time() - start) / TIMED
        start = time.process_time()
        of_test = predict(test[0])
        together = (time.process_time() - start) / len(test[0])
        found = {"validation": predict(validation[0]), "test": of_test, "imdb": predict(others)}
    right = ((of_test > 0.5) == test[1]).astype(float)
    return {
        "system": system,
        "seed": seed,
        "accuracy": rounded(bootstrap_interval(lambda x: x.mean(axis=-1), right)),
        "training_seconds": round(seconds, 1),
        "milliseconds": round(1000 * alone, 3),  # a text, read alone
        "milliseconds_together": round(1000 * together, 3),  # a text, read with others
        "megabytes": round(megabytes, 2),
        **{name: np.rint(1000 * p).astype(int).tolist() for name, p in found.items()},
    }


def split(source: str, name: str) -> Split:
    """The texts of a split, and their labels."""
    texts, labels = zip(*data.movie_reviews(source)[name], strict=True)
    return texts, np.array(labels)
