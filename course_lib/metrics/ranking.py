"""How well a search ranks, from the rank of each query's right document: recall at k and the mean reciprocal rank.

What takes reciprocal ranks works over their last axis, so that `bootstrap_interval` can give it all its resamples.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from course_lib.validation import require, require_finite, require_integer, texts_of

__all__ = ["recall_at", "reciprocal_ranks"]


def reciprocal_ranks(rankings: Iterable[Sequence[str]], right: Iterable[str]) -> Float[np.ndarray, " Q"]:
    """1 / rank of the right document in each query's ranking, whose first has rank 1; 0 where it is missing.

    Their mean is the mean reciprocal rank, MRR. A ranking is a list of ids, best first. Raises ValueError where there
    are not as many rankings as right documents.

    >>> reciprocal_ranks([["b", "a"], ["b", "c"]], right=["a", "a"])
    array([0.5, 0. ])
    """
    right, rows = texts_of("right", right), [texts_of("each ranking", ranking) for ranking in rankings]
    if len(rows) != len(right):
        raise ValueError(f"each query needs a ranking and a right document, but there are {len(rows)} and {len(right)}")
    return np.array([1 / (row.index(id) + 1) if id in row else 0.0 for row, id in zip(rows, right, strict=True)])


def recall_at(k: int, reciprocal_ranks: ArrayLike) -> np.ndarray | np.floating:
    """The share of queries whose right document is among the first k, from what `reciprocal_ranks` gives.

    >>> float(recall_at(2, np.array([1, 1 / 2, 1 / 3, 0])))
    0.5
    """
    require_integer("k", k, at_least=1)
    given = require_finite("reciprocal_ranks", reciprocal_ranks)
    require(given.ndim and given.shape[-1], "reciprocal_ranks must hold at least one query's", reciprocal_ranks)
    require((given >= 0).all() and (given <= 1).all(), "reciprocal ranks must be from 0 to 1", given.max().item())
    return (given >= 1 / k).mean(axis=-1)
