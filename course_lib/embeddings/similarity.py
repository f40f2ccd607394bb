"""Vectors compared: cosine similarity, neighbours, analogies, association.

Axes: D width of a vector, V vocabulary, N queries, K neighbours.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_lib.validation import ids_of, require, require_finite, require_integer

__all__ = ["analogy", "association", "cosine_similarity", "nearest_neighbours", "normalise"]


def normalise(vectors: Float[Tensor, "*B D"]) -> Float[Tensor, "*B D"]:
    """Each vector divided by its length; a zero vector, which has no direction, stays zero.

    As all functions of this module, it raises ValueError for anything but tensors of finite floating-point numbers.

    >>> normalise(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
    tensor([[0.6000, 0.8000],
            [0.0000, 0.0000]])
    """
    return _unit("vectors", vectors)


def _unit(name: str, vectors: Float[Tensor, "*B D"], width: int | None = None) -> Float[Tensor, "*B D"]:
    _check_vectors(name, vectors, width)
    lengths = vectors.norm(dim=-1, keepdim=True)
    if not lengths.isfinite().all():  # less work than to look at all numbers
        require_finite(name, vectors)
    return vectors / lengths.where(lengths > 0, 1.0)


def _check_vectors(name: str, vectors: Tensor, width: int | None) -> None:
    """Refuse anything but a tensor of floating-point numbers; with a width, anything but rows of that width."""
    fits = isinstance(vectors, Tensor) and vectors.is_floating_point() and vectors.ndim > 0
    require(fits, f"{name} must be a tensor of floating-point numbers", vectors)
    if width is not None:
        rows = vectors.ndim == 2 and vectors.shape[1] == width
        require(rows, f"{name} must be a matrix with rows of {width} numbers", vectors)


def cosine_similarity(u: Float[Tensor, "*#B D"], v: Float[Tensor, "*#B D"]) -> Float[Tensor, "*B"]:
    """cos(u, v) = u · v / (|u| |v|), from -1 to 1, over the last axis; the axes before it broadcast.

    A zero vector has similarity 0 to everything, as in torch.nn.functional.cosine_similarity. Raises ValueError for
    vectors of unequal widths, and shapes that do not broadcast.

    >>> cosine_similarity(torch.tensor([3.0, 4.0]), torch.tensor([[4.0, 3.0], [-3.0, -4.0], [0.0, 0.0]]))
    tensor([ 0.9600, -1.0000,  0.0000])
    """
    u, v = _unit("u", u), _unit("v", v)
    sizes = zip(u.shape[-2::-1], v.shape[-2::-1], strict=False)
    if u.shape[-1] != v.shape[-1] or not all(a == b or 1 in (a, b) for a, b in sizes):
        shapes = f"{tuple(u.shape)} and {tuple(v.shape)}"
        raise ValueError(f"u and v must be of one width, their other axes equal or 1, but their shapes are {shapes}")
    return (u * v).sum(-1)


def nearest_neighbours(
    queries: Float[Tensor, "*N D"], vectors: Float[Tensor, "V D"], k: int, lengths: Float[Tensor, " V"] | None = None
) -> tuple[Float[Tensor, "*N K"], Int[Tensor, "*N K"]]:
    """The k vectors of greatest cosine similarity to each query, best first: (similarities, rows of `vectors`).

    A query that is itself a row comes first among its own neighbours. Give `lengths`, vectors.norm(dim=-1), where you
    have them: computing them takes longer than one search. Raises ValueError unless 1 <= k <= V.

    >>> nearest_neighbours(torch.tensor([1.0, 0.2]), torch.tensor([[2.0, 0.0], [0.0, 5.0], [1.0, 1.0]]), k=2)[1]
    tensor([0, 2])
    """
    unit = _unit("queries", queries)
    _check_vectors("vectors", vectors, queries.shape[-1])
    require_integer("k", k)
    require(1 <= k <= len(vectors), f"k must be from 1 to the {len(vectors)} vectors there are", k)
    return _best(k, _similarities(unit, vectors, lengths), vectors)


def _similarities(
    queries: Float[Tensor, "*N D"], vectors: Float[Tensor, "V D"], lengths: Float[Tensor, " V"] | None
) -> Float[Tensor, "*N V"]:
    require(queries.dtype == vectors.dtype, f"vectors must be of the dtype {queries.dtype}, as the queries", vectors)
    if lengths is None:
        lengths = vectors.norm(dim=-1)
    else:
        fit = isinstance(lengths, Tensor) and lengths.shape == vectors.shape[:1]
        require(fit, f"lengths must be a tensor with one number for each of the {len(vectors)} vectors", lengths)
        require_finite("lengths", lengths)
    return (queries @ vectors.T).div_(lengths.where(lengths > 0, 1.0))


def _best(
    k: int, similarities: Float[Tensor, "*N V"], vectors: Float[Tensor, "V D"]
) -> tuple[Float[Tensor, "*N K"], Int[Tensor, "*N K"]]:
    best, rows = similarities.topk(k)
    if not best.isfinite().all():  # NaN comes first, so that the numbers of all vectors need not be looked at
        require_finite("vectors", vectors)
    return best, rows


def analogy(
    vectors: Float[Tensor, "V D"],
    questions: Int[Tensor, "*N 3"] | Int[np.ndarray, "*N 3"] | Sequence,
    k: int = 1,
    lengths: Float[Tensor, " V"] | None = None,
) -> tuple[Float[Tensor, "*N K"], Int[Tensor, "*N K"]]:
    """For questions (a, b, c), "a is to b as c is to ?", the k rows closest to b - a + c: (similarities, rows).

    The 3CosAdd of Levy and Goldberg (2014, section 2): the three are made unit vectors first, and cannot be the answer.
    `lengths` as in `nearest_neighbours`. Raises ValueError where there are fewer than k rows besides those three, and
    for a question that names a row which is not there.

    >>> vectors = torch.tensor([[0.0, 1.0], [1.0, 1.0], [0.0, 2.0], [1.0, 2.0], [-1.0, 0.0]])
    >>> analogy(vectors, torch.tensor([0, 1, 2]))[1]
    tensor([3])
    """
    require(isinstance(vectors, Tensor) and vectors.ndim == 2, "vectors must be a matrix, a tensor", vectors)
    asked = require_finite("questions", questions)
    require(asked.shape[-1:] == (3,), "questions must be three rows each, (..., 3)", questions)
    ids = ids_of("questions", asked.reshape(-1), len(vectors)).reshape(asked.shape)
    questions = torch.from_numpy(ids).to(vectors.device)
    require_integer("k", k)
    most = len(vectors) - 3
    require(1 <= k <= most, f"k must be from 1 to {most}, the vectors less the question's three", k)
    a, b, c = _unit("vectors", vectors[questions]).unbind(-2)
    similarities = _similarities(_unit("questions", b - a + c), vectors, lengths)
    return _best(k, similarities.scatter_(-1, questions, -torch.inf), vectors)


def association(
    words: Float[Tensor, "*N D"], first: Float[Tensor, "A D"], second: Float[Tensor, "B D"]
) -> Float[Tensor, "*N"]:
    """How much closer each word is to the first set of vectors than to the second: the difference of its mean cosines.

    This is s(w, A, B) of the word-embedding association test (Caliskan, Bryson and Narayanan, 2017). Raises ValueError
    for an empty set, and vectors of unequal widths.
    """
    unit = _unit("words", words)
    first, second = _unit("first", first, words.shape[-1]), _unit("second", second, words.shape[-1])
    for name, vectors in {"first": first, "second": second}.items():
        require(len(vectors), f"{name} must hold at least one vector", vectors)
    return (unit @ first.T).mean(-1) - (unit @ second.T).mean(-1)
