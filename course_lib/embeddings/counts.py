"""Vectors made by counting: co-occurrence, pointwise mutual information, truncated SVD.

Axes: D width of a vector, V vocabulary, T tokens of running text.
"""

import math

import numpy as np
import scipy.sparse
import torch
from jaxtyping import Float
from scipy.sparse.linalg import svds
from torch import Tensor

from course_lib.validation import Ids, ids_of, require, require_finite, require_integer, require_number

__all__ = ["cooccurrence", "ppmi", "svd_vectors"]

Matrix = np.ndarray | scipy.sparse.sparray | scipy.sparse.spmatrix


def cooccurrence(tokens: Ids, vocab_size: int, window: int) -> scipy.sparse.csr_array:
    """How often each word stands at most `window` tokens from each other word: a symmetric V x V matrix of counts.

    A token of -1 is out of the vocabulary: it keeps its position in the window and is not counted.
    Raises ValueError for a token outside -1 ... vocab_size - 1 or a window below 1.

    >>> cooccurrence([0, 1, 2, 1], vocab_size=3, window=1).toarray().tolist()
    [[0.0, 1.0, 0.0], [1.0, 0.0, 2.0], [0.0, 2.0, 0.0]]
    """
    require_integer("vocab_size", vocab_size, at_least=1)
    require_integer("window", window, at_least=1)
    ids = ids_of("tokens", tokens, vocab_size, least=-1)
    counts = scipy.sparse.csr_array((vocab_size, vocab_size), dtype=np.float64)
    for distance in range(1, min(window + 1, len(ids))):
        left, right = ids[:-distance], ids[distance:]
        known = (left >= 0) & (right >= 0)
        pairs = (np.ones(known.sum()), (left[known], right[known]))
        counts += scipy.sparse.csr_array(pairs, shape=counts.shape)  # repeated pairs add up
    return counts + counts.T


def ppmi(counts: Matrix, smoothing: float | int = 1.0) -> scipy.sparse.csr_array:
    """Positive pointwise mutual information, max(0, ln p(w, c) / (p(w) p(c))), in nats; pairs never seen stay 0.

    Church and Hanks (1990); the positive part: Bullinaria and Levy (2007). With `smoothing` below 1, p(c) is in
    proportion to the context's count to that power, so that rare contexts surprise less: Levy, Goldberg and Dagan
    (2015, section 3.1). Raises ValueError unless 0 <= smoothing <= 1, and for counts below 0.

    >>> ppmi(scipy.sparse.csr_array([[1.0, 1.0], [0.0, 2.0]])).toarray().round(3).tolist()
    [[0.693, 0.0], [0.0, 0.288]]
    """
    require_number("smoothing", smoothing, at_least=0, at_most=1)
    counts = _matrix("counts", counts)
    require(not (counts.data < 0).any(), "counts must be at least 0", float(counts.data.min(initial=0)))
    pairs = counts.tocoo()
    word_totals, context_totals = counts.sum(axis=1), counts.sum(axis=0) ** smoothing
    expected = word_totals[pairs.row] * context_totals[pairs.col] / context_totals.sum()
    information = np.maximum(np.log(pairs.data / expected), 0)
    positive = scipy.sparse.csr_array((information, (pairs.row, pairs.col)), shape=counts.shape)
    positive.eliminate_zeros()
    return positive


def _matrix(name: str, matrix: Matrix) -> scipy.sparse.csr_array:
    """A matrix of finite numbers, sparse or not, without stored zeros."""
    fits = isinstance(matrix, np.ndarray) or scipy.sparse.issparse(matrix)
    require(fits and matrix.ndim == 2, f"{name} must be a matrix, SciPy's sparse one or NumPy's", matrix)
    require_finite(name, matrix.data if scipy.sparse.issparse(matrix) else matrix)
    found = scipy.sparse.csr_array(matrix, dtype=np.float64, copy=True)
    found.eliminate_zeros()
    return found


def svd_vectors(matrix: Matrix, d_embed: int, power: float | int = 0.5) -> Float[Tensor, "V D"]:
    """Vectors of width d_embed from the best matrix of that rank: U Σ^power of a truncated SVD, widest direction first.

    The power of the singular values: Levy, Goldberg and Dagan (2015, section 3.3). SciPy's `svds` does the work, from a
    fixed start, with each direction's sign such that its largest entry is positive: the same vectors every time.
    Raises ValueError unless 1 <= d_embed < the smaller side of the matrix, and for a matrix of zeros.
    """
    matrix = _matrix("matrix", matrix)
    require(matrix.nnz, "matrix must hold a number other than 0", matrix)
    most = min(matrix.shape) - 1
    require_integer("d_embed", d_embed)
    require(1 <= d_embed <= most, f"d_embed must be from 1 to {most} for a {matrix.shape} matrix", d_embed)
    require_number("power", power, at_least=0, below=math.inf)
    u, s, _ = svds(matrix, k=d_embed, v0=np.ones(min(matrix.shape)))
    u, s = u[:, ::-1], s[::-1]
    signs = np.sign(u[np.abs(u).argmax(axis=0), np.arange(d_embed)])
    return torch.from_numpy((u * signs * s**power).astype(np.float32))
