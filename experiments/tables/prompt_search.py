"""Choosing one of 24 ways to ask and score with 480 answers in all: every way gets a few questions, the best go on.

The answers are SmolLM2's, from the stored table `evaluation`. The chosen way is judged on questions that chose nothing.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Float

from course_lib import files
from course_lib.metrics import bootstrap_interval
from experiments.shared import rounded

BUDGET, REPEATS = 480, 1_000


@cache
def answers() -> Float[np.ndarray, "ways items"]:
    """1 where a way's answer to a question is right."""
    stored = [row for row in files.load_results("evaluation")["rows"] if row["part"] == "prompt"]
    return np.array([[float(digit) for digit in row["details"]["right"]] for row in stored])


def chosen(right: Float[np.ndarray, "ways items"], first: int, keep: int, dice: np.random.Generator) -> int:
    """The way with the most right answers after both rounds; ties are broken at random."""
    ways, items = right.shape
    early = right[:, :first].sum(axis=1) + dice.random(ways) / 2
    best = np.argsort(-early)[:keep]
    seen = min(items, first + (BUDGET - ways * first) // keep)
    late = right[best, :seen].sum(axis=1) + dice.random(keep) / 2
    return int(best[np.argmax(late)])


def row(first: int, keep: int) -> dict[str, Any]:
    """The mean accuracy of the chosen way on the untouched half, over random halves; its interval over these."""
    right, dice = answers(), np.random.default_rng(0)
    scores = []
    for _ in range(REPEATS):
        shuffled = right[:, dice.permutation(right.shape[1])]
        half = right.shape[1] // 2
        scores.append(shuffled[chosen(shuffled[:, :half], first, keep, dice), half:].mean())
    interval = rounded(bootstrap_interval(lambda x: x.mean(-1), np.array(scores)))
    return {"first": first, "keep": keep, "answers": BUDGET, "repeats": REPEATS, "accuracy": interval}


def rows() -> Iterator[dict[str, Any]]:
    """All ways alike, and some with two rounds."""
    yield row(20, 1)
    for first, keep in ((1, 1), (1, 8), (5, 1), (5, 12), (10, 12), (15, 2), (15, 8)):
        yield row(first, keep)
