"""Vectors compared: cosine similarity, neighbours, analogies, association.

Axes: D width of a vector, V vocabulary, N queries, K neighbours.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_lib.validation import require

__all__ = ["analogy", "association", "cosine_similarity", "nearest_neighbours", "normalise"]


def normalise(vectors: Float[Tensor, "*B D"]) -> Float[Tensor, "*B D"]:
    """Each vector divided by its length; a zero vector, which has no direction, stays zero.

    >>> normalise(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
    tensor([[0.6000, 0.8000],
            [0.0000, 0.0000]])
    """
    lengths = vectors.norm(dim=-1, keepdim=True)
    return vectors / lengths.where(lengths > 0, 1.0)


def cosine_similarity(u: Float[Tensor, "*#B D"], v: Float[Tensor, "*#B D"]) -> Float[Tensor, "*B"]:
    """cos(u, v) = u · v / (|u| |v|), from -1 to 1, over the last axis; the axes before it broadcast.

    A zero vector has similarity 0 to everything, as in torch.nn.functional.cosine_similarity.

    >>> cosine_similarity(torch.tensor([3.0, 4.0]), torch.tensor([[4.0, 3.0], [-3.0, -4.0], [0.0, 0.0]]))
    tensor([ 0.9600, -1.0000,  0.0000])
    """
    return (normalise(u) * normalise(v)).sum(-1)


def nearest_neighbours(
    queries: Float[Tensor, "*N D"], vectors: Float[Tensor, "V D"], k: int, lengths: Float[Tensor, " V"] | None = None
) -> tuple[Float[Tensor, "*N K"], Int[Tensor, "*N K"]]:
    """The k vectors of greatest cosine similarity to each query, best first: (similarities, rows of `vectors`).

    A query that is itself a row comes first among its own neighbours. Give `lengths`, vectors.norm(dim=-1), where you
    have them: computing them takes longer than one search. Raises ValueError unless 1 <= k <= V.

    >>> nearest_neighbours(torch.tensor([1.0, 0.2]), torch.tensor([[2.0, 0.0], [0.0, 5.0], [1.0, 1.0]]), k=2)[1]
    tensor([0, 2])
    """
    require(1 <= k <= len(vectors), f"k must be from 1 to the {len(vectors)} vectors there are", k)
    best, rows = _similarities(queries, vectors, lengths).topk(k)
    return best, rows


def _similarities(
    queries: Float[Tensor, "*N D"], vectors: Float[Tensor, "V D"], lengths: Float[Tensor, " V"] | None
) -> Float[Tensor, "*N V"]:
    lengths = vectors.norm(dim=-1) if lengths is None else lengths
    return (normalise(queries) @ vectors.T).div_(lengths.where(lengths > 0, 1.0))


def analogy(
    vectors: Float[Tensor, "V D"],
    questions: Int[Tensor, "*N 3"],
    k: int = 1,
    lengths: Float[Tensor, " V"] | None = None,
) -> tuple[Float[Tensor, "*N K"], Int[Tensor, "*N K"]]:
    """For questions (a, b, c), "a is to b as c is to ?", the k rows closest to b - a + c: (similarities, rows).

    The 3CosAdd of Levy and Goldberg (2014, section 2): the three are made unit vectors first, and cannot be the answer.
    `lengths` as in `nearest_neighbours`. Raises ValueError where there are fewer than k rows besides those three.

    >>> vectors = torch.tensor([[0.0, 1.0], [1.0, 1.0], [0.0, 2.0], [1.0, 2.0], [-1.0, 0.0]])
    >>> analogy(vectors, torch.tensor([0, 1, 2]))[1]
    tensor([3])
    """
    most = len(vectors) - 3
    require(1 <= k <= most, f"k must be from 1 to {most}, the vectors less the question's three", k)
    a, b, c = normalise(vectors[questions]).unbind(-2)
    similarities = _similarities(b - a + c, vectors, lengths)
    best, rows = similarities.scatter_(-1, questions, -torch.inf).topk(k)
    return best, rows


def association(
    words: Float[Tensor, "*N D"], first: Float[Tensor, "A D"], second: Float[Tensor, "B D"]
) -> Float[Tensor, "*N"]:
    """How much closer each word is to the first set of vectors than to the second: the difference of its mean cosines.

    This is s(w, A, B) of the word-embedding association test (Caliskan, Bryson and Narayanan, 2017).
    """
    unit = normalise(words)
    return (unit @ normalise(first).T).mean(-1) - (unit @ normalise(second).T).mean(-1)
