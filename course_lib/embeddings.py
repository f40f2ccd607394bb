"""Words as vectors: cosine similarity, neighbours, analogies, and vectors made by counting. Tensors in, tensors out.

Axes: D width of a vector, V vocabulary, C contexts, N queries, K neighbours, T tokens of running text.
"""

import numpy as np
import scipy.sparse
import torch
from jaxtyping import Float, Int
from scipy.sparse.linalg import svds
from torch import Tensor

__all__ = [
    "analogy",
    "association",
    "cooccurrence",
    "cosine_similarity",
    "nearest_neighbours",
    "normalise",
    "ppmi",
    "svd_vectors",
]


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
    if not 1 <= k <= len(vectors):
        raise ValueError(f"k must be from 1 to the {len(vectors)} vectors there are, but it is {k}")
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
    if not 1 <= k <= len(vectors) - 3:
        raise ValueError(
            f"k must be from 1 to {len(vectors) - 3}, the vectors less the question's three, but it is {k}"
        )
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


def cooccurrence(tokens: Int[Tensor, " T"], vocab_size: int, window: int) -> scipy.sparse.csr_array:
    """How often each word stands at most `window` tokens from each other word: a symmetric V x V matrix of counts.

    A token of -1 is out of the vocabulary: it keeps its place in the window and is not counted.
    Raises ValueError for a token outside -1 ... vocab_size - 1 or a window below 1.

    >>> cooccurrence(torch.tensor([0, 1, 2, 1]), vocab_size=3, window=1).toarray().tolist()
    [[0.0, 1.0, 0.0], [1.0, 0.0, 2.0], [0.0, 2.0, 0.0]]
    """
    if window < 1:
        raise ValueError(f"window must be at least 1 token, but it is {window}")
    if len(tokens) and not -1 <= int(tokens.min()) <= int(tokens.max()) < vocab_size:
        raise ValueError(
            f"tokens must be from -1 to {vocab_size - 1}, but they run from {int(tokens.min())} to {int(tokens.max())}"
        )
    ids = tokens.numpy()
    counts = scipy.sparse.csr_array((vocab_size, vocab_size), dtype=np.float64)
    for distance in range(1, window + 1):
        left, right = ids[:-distance], ids[distance:]
        known = (left >= 0) & (right >= 0)
        pairs = (np.ones(known.sum()), (left[known], right[known]))
        counts += scipy.sparse.csr_array(pairs, shape=counts.shape)  # repeated pairs add up
    return counts + counts.T


def ppmi(counts: scipy.sparse.csr_array) -> scipy.sparse.csr_array:
    """Positive pointwise mutual information, max(0, ln p(w, c) / (p(w) p(c))), in nats; pairs never seen stay 0.

    Church and Hanks (1990); the positive part: Bullinaria and Levy (2007).

    >>> ppmi(scipy.sparse.csr_array([[1.0, 1.0], [0.0, 2.0]])).toarray().round(3).tolist()
    [[0.693, 0.0], [0.0, 0.288]]
    """
    pairs = counts.tocoo()
    word_totals, context_totals = counts.sum(axis=1), counts.sum(axis=0)
    expected = word_totals[pairs.row] * context_totals[pairs.col] / counts.sum()
    information = np.maximum(np.log(pairs.data / expected), 0)
    positive = scipy.sparse.csr_array((information, (pairs.row, pairs.col)), shape=counts.shape)
    positive.eliminate_zeros()
    return positive


def svd_vectors(matrix: scipy.sparse.csr_array, d_embed: int) -> Float[Tensor, "V D"]:
    """Vectors of width d_embed from the best matrix of that rank: U √Σ of a truncated SVD, widest direction first.

    The root of the singular values: Levy, Goldberg and Dagan (2015, section 3.3). SciPy's `svds` does the work, from a
    fixed start, with each direction's sign such that its largest entry is positive: the same vectors every time.
    Raises ValueError unless 1 <= d_embed < the smaller side of the matrix.
    """
    if not 1 <= d_embed < min(matrix.shape):
        raise ValueError(
            f"d_embed must be from 1 to {min(matrix.shape) - 1} for a {matrix.shape} matrix, not {d_embed}"
        )
    u, s, _ = svds(matrix, k=d_embed, v0=np.ones(min(matrix.shape)))
    u, s = u[:, ::-1], s[::-1]
    signs = np.sign(u[np.abs(u).argmax(axis=0), np.arange(d_embed)])
    return torch.from_numpy((u * signs * np.sqrt(s)).astype(np.float32))
