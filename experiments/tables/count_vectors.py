"""How the choices of a count model change its score: the window, the weighting, the width of the vectors."""

from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

import scipy.sparse
import torch

from course_lib import data
from course_lib.embeddings import cooccurrence, cosine_similarity, ppmi, svd_vectors
from course_lib.metrics import bootstrap_interval, spearman
from experiments.shared import judgements, rounded, words_of

MIN_COUNT = 5
WINDOWS = (1, 2, 4, 8, 16)
WIDTHS = (50, 100, 200)


@cache
def corpus() -> tuple[list[str], torch.Tensor]:
    """The words that the Wikipedia articles hold at least MIN_COUNT times, and the text as their numbers, else -1."""
    tokens = [token for text in data.wikipedia().values() for token in words_of(text)]
    words = [word for word, count in Counter(tokens).most_common() if count >= MIN_COUNT]
    numbers = {word: number for number, word in enumerate(words)}
    return words, torch.tensor([numbers.get(token, -1) for token in tokens])


def row(window: int, weighting: str, width: int | None) -> dict[str, Any]:
    """One setting's rank correlation with people's judgements, on the pairs for choosing alone."""
    matrix = _matrix(window, weighting)
    vectors = torch.from_numpy(matrix.toarray()).float() if width is None else svd_vectors(matrix, width)
    result: dict[str, Any] = {"window": window, "weighting": weighting, "width": width or matrix.shape[1]}
    numbers = {word: number for number, word in enumerate(corpus()[0])}
    pairs, people = judgements("wordsim353", numbers, "development")
    model = cosine_similarity(vectors[pairs[:, 0]], vectors[pairs[:, 1]]).numpy()
    result["development"] = rounded(bootstrap_interval(spearman, people, model))
    return result


@cache
def _matrix(window: int, weighting: str) -> scipy.sparse.csr_array:
    words, tokens = corpus()
    counts = cooccurrence(tokens, len(words), window)
    return {"counts": lambda: counts, "PPMI": lambda: ppmi(counts)}[weighting]()


def rows() -> Iterator[dict[str, Any]]:
    """Every window with raw counts, with PPMI, and with PPMI cut to each width."""
    for window in WINDOWS:
        yield row(window, "counts", None)
        yield row(window, "PPMI", None)
        for width in WIDTHS:
            yield row(window, "PPMI", width)
