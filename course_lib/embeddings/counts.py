"""Vectors made by counting: co-occurrence, pointwise mutual information, truncated SVD.

Axes: D width of a vector, V vocabulary, T tokens of running text.
"""

import numpy as np
import scipy.sparse
import torch
from jaxtyping import Float, Int
from scipy.sparse.linalg import svds
from torch import Tensor

from course_lib.validation import require

__all__ = ["cooccurrence", "ppmi", "svd_vectors"]


def cooccurrence(tokens: Int[Tensor, " T"], vocab_size: int, window: int) -> scipy.sparse.csr_array:
    """How often each word stands at most `window` tokens from each other word: a symmetric V x V matrix of counts.

    A token of -1 is out of the vocabulary: it keeps its position in the window and is not counted.
    Raises ValueError for a token outside -1 ... vocab_size - 1 or a window below 1.

    >>> cooccurrence(torch.tensor([0, 1, 2, 1]), vocab_size=3, window=1).toarray().tolist()
    [[0.0, 1.0, 0.0], [1.0, 0.0, 2.0], [0.0, 2.0, 0.0]]
    """
    require(window >= 1, "window must be at least 1", window)
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
    most = min(matrix.shape) - 1
    require(1 <= d_embed <= most, f"d_embed must be from 1 to {most} for a {matrix.shape} matrix", d_embed)
    u, s, _ = svds(matrix, k=d_embed, v0=np.ones(min(matrix.shape)))
    u, s = u[:, ::-1], s[::-1]
    signs = np.sign(u[np.abs(u).argmax(axis=0), np.arange(d_embed)])
    return torch.from_numpy((u * signs * np.sqrt(s)).astype(np.float32))
