"""How often answers are right, and whether a model's sureness fits that.

What takes arrays works over their last axis. Axes: N items.
"""

import numpy as np
from jaxtyping import Float

from course_lib.validation import require

__all__ = ["accuracy", "calibration_error", "precision_recall_f1", "reliability"]


def accuracy(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray | np.floating:
    """The share of predictions that are right. Raises ValueError where the shapes differ.

    >>> float(accuracy(np.array([1, 0, 2, 1]), np.array([1, 1, 2, 1])))
    0.75
    """
    _check_shapes(truth, predicted)
    return (truth == predicted).mean(axis=-1)


def precision_recall_f1(
    truth: np.ndarray, predicted: np.ndarray, positive: int | str = 1
) -> tuple[np.ndarray | np.floating, np.ndarray | np.floating, np.ndarray | np.floating]:
    """Of the items called positive, the share that are; of those that are, the share found; their harmonic mean, F1.

    0 where the denominator is 0, as scikit-learn's precision_recall_fscore_support gives with zero_division=0. Raises
    ValueError where the shapes differ.

    >>> [float(score) for score in precision_recall_f1(np.array([1, 1, 0, 0, 1]), np.array([1, 1, 1, 1, 0]))]
    [0.5, 0.6666666666666666, 0.5714285714285714]
    """
    _check_shapes(truth, predicted)
    found = np.sum((truth == positive) & (predicted == positive), axis=-1)
    called, real = np.sum(predicted == positive, axis=-1), np.sum(truth == positive, axis=-1)
    return found / np.maximum(called, 1), found / np.maximum(real, 1), 2 * found / np.maximum(called + real, 1)


def reliability(
    confidence: Float[np.ndarray, " N"], correct: np.ndarray, n_bins: int = 10
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean confidence, share correct and number of items in each of n_bins bins of equal width; empty ones left out.

    `confidence` is the probability that a model gives its answer, `correct` whether that answer is right. A bin holds
    its upper edge. Raises ValueError for a confidence outside 0 ... 1, other shapes, no items, or n_bins below 1.

    >>> [column.round(2).tolist() for column in reliability(np.array([0.9, 0.7, 0.8]), np.array([1, 0, 1]), n_bins=5)]
    [[0.75, 0.9], [0.5, 1.0], [2, 1]]
    """
    _check_shapes(confidence, correct)
    require(n_bins >= 1, "n_bins must be at least 1", n_bins)
    if not len(confidence) or not (confidence.min() >= 0 and confidence.max() <= 1):
        raise ValueError("confidence must hold probabilities, from 0 to 1, and at least one")
    bins = np.searchsorted(np.linspace(0, 1, n_bins + 1)[1:-1], confidence)
    sizes = np.bincount(bins, minlength=n_bins)
    filled = sizes > 0
    sums = [np.bincount(bins, weights=values, minlength=n_bins) for values in (confidence, correct)]
    return sums[0][filled] / sizes[filled], sums[1][filled] / sizes[filled], sizes[filled]


def calibration_error(confidence: Float[np.ndarray, " N"], correct: np.ndarray, n_bins: int = 10) -> float:
    """The expected calibration error: how far confidence and share correct lie apart, on average over the items.

    Σ_bins (items in it / all items) |share correct - mean confidence|: Guo, Pleiss, Sun and Weinberger (2017, section
    2), from 0 to 1. Few items make it too large: chance moves each bin. Arguments and errors as in `reliability`.

    >>> round(calibration_error(np.array([0.9, 0.7, 0.8]), np.array([1, 0, 1]), n_bins=5), 4)
    0.2
    """
    mean_confidence, share_correct, sizes = reliability(confidence, correct, n_bins)
    return float(np.average(np.abs(share_correct - mean_confidence), weights=sizes))


def _check_shapes(first: np.ndarray, second: np.ndarray) -> None:
    if np.shape(first) != np.shape(second):
        raise ValueError(f"both must be of one shape, but theirs are {np.shape(first)} and {np.shape(second)}")
