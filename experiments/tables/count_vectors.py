"""What the choices of a count model do: one change at a time, each beside the usual choice on the same pairs."""

from collections import Counter
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any

import numpy as np
import scipy.sparse
import torch
from torch import Tensor

from course_lib import data
from course_lib.embeddings import cooccurrence, cosine_similarity, ppmi, svd_vectors
from course_lib.metrics import bootstrap_interval, spearman
from experiments.shared import judgements, rounded, words_of

MIN_COUNT = 5
SETS = ("wordsim353", "simlex999")
USUAL = {"window": 8, "nearer": False, "weighting": "PPMI", "smoothing": 1.0, "width": 50, "power": 0.5}
CHANGES = (
    {"window": 1},
    {"window": 2},
    {"window": 4},
    {"window": 16},
    {"window": 32},
    {"window": 64},
    {"nearer": True},
    {"window": 16, "nearer": True},
    {"weighting": "counts", "width": None},
    {"width": None},
    {"width": None, "smoothing": 0.75},
    {"width": 25},
    {"width": 100},
    {"width": 200},
    {"smoothing": 0.75},
    {"smoothing": 0.5},
    {"smoothing": 0.25},
    {"power": 0.0},
    {"power": 1.0},
)


@cache
def corpus() -> tuple[list[str], Tensor]:
    """The words that the Wikipedia articles hold at least MIN_COUNT times, and the text as their numbers, else -1."""
    tokens = [token for text in data.wikipedia().values() for token in words_of(text)]
    words = [word for word, count in Counter(tokens).most_common() if count >= MIN_COUNT]
    numbers = {word: number for number, word in enumerate(words)}
    return words, torch.tensor([numbers.get(token, -1) for token in tokens])


@cache
def counts(window: int, nearer: bool) -> scipy.sparse.csr_array:
    """The co-occurrence counts; where `nearer`, the mean of the tables of windows 1 to `window`.

    In that mean a direct neighbour counts 1 and the farthest one 1 / window, as word2vec's reaches make it on average.
    """
    words, tokens = corpus()
    if not nearer:
        return cooccurrence(tokens, len(words), window)
    return sum(counts(reach, False) for reach in range(1, window + 1)) / window


@lru_cache(maxsize=4)
def vectors(
    window: int, nearer: bool, weighting: str, smoothing: float | int, width: int | None, power: float | int
) -> Tensor:
    """A vector for each word of the corpus; the width None keeps all the columns of the table."""
    table = counts(window, nearer)
    if weighting == "PPMI":
        table = ppmi(table, smoothing)
    return torch.from_numpy(table.toarray()).float() if width is None else svd_vectors(table, width, power)


def judged(vectors: Tensor, name: str) -> tuple[np.ndarray, np.ndarray]:
    """What people say of a set's pairs for choosing, and the cosines of their vectors."""
    rows = {word: row for row, word in enumerate(corpus()[0])}
    pairs, people = judgements(name, rows, "development")
    return people, cosine_similarity(vectors[pairs[:, 0]], vectors[pairs[:, 1]]).numpy()


def agreement(**change: Any) -> float:
    """The mean over both sets of a choice's rank correlation with people on the pairs for choosing."""
    made = vectors(**USUAL | change)
    return float(np.mean([spearman(*judged(made, name)) for name in SETS]))


def row(**change: Any) -> dict[str, Any]:
    """One choice's rank correlation with people on the pairs for choosing, and its gain over the usual choice there."""
    choice, result = USUAL | change, {}
    for name in SETS:
        people, usual = judged(vectors(**USUAL), name)
        changed = judged(vectors(**choice), name)[1]
        gain = bootstrap_interval(lambda p, a, b: spearman(p, a) - spearman(p, b), people, changed, usual)
        result[name] = rounded(bootstrap_interval(spearman, people, changed))
        result[f"{name}, gain"] = rounded(gain)
    return choice | result


def rows() -> Iterator[dict[str, Any]]:
    """The usual choice, then each change of it."""
    for change in ({}, *CHANGES):
        yield row(**change)
