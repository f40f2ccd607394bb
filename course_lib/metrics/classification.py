"""How often answers are right, and whether a model's sureness fits that.

What takes arrays works over their last axis. Axes: N items.
"""

from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from course_lib.validation import require, require_finite, require_integer

__all__ = ["accuracy", "calibration_error", "precision_recall_f1", "reliability"]


def accuracy(truth: ArrayLike | Tensor, predicted: ArrayLike | Tensor) -> np.ndarray | np.floating:
    """The share of predictions that are right.

    Raises ValueError where the shapes differ, for no items, and for anything but labels: integers, truth values or
    words (a model's probabilities are none).

    >>> float(accuracy(np.array([1, 0, 2, 1]), np.array([1, 1, 2, 1])))
    0.75
    """
    truth, predicted = _labels(truth, predicted)
    return (truth == predicted).mean(axis=-1)


def precision_recall_f1(
    truth: ArrayLike | Tensor, predicted: ArrayLike | Tensor, positive: int | str = 1
) -> tuple[np.ndarray | np.floating, np.ndarray | np.floating, np.ndarray | np.floating]:
    """Of the items called positive, the share that are; of those that are, the share found; their harmonic mean, F1.

    0 where the denominator is 0, as scikit-learn's precision_recall_fscore_support gives with zero_division=0. Raises
    ValueError as `accuracy`, and for a positive label of another kind than the others.

    >>> [float(score) for score in precision_recall_f1(np.array([1, 1, 0, 0, 1]), np.array([1, 1, 1, 1, 0]))]
    [0.5, 0.6666666666666666, 0.5714285714285714]
    """
    truth, predicted = _labels(truth, predicted)
    fits = isinstance(positive, str if truth.dtype.kind == "U" else int | np.integer)
    require(fits, "positive must be a label of the same kind as the others", positive)
    found = np.sum((truth == positive) & (predicted == positive), axis=-1)
    called, real = np.sum(predicted == positive, axis=-1), np.sum(truth == positive, axis=-1)
    return found / np.maximum(called, 1), found / np.maximum(real, 1), 2 * found / np.maximum(called + real, 1)


def reliability(
    confidence: ArrayLike | Tensor, correct: ArrayLike | Tensor, n_bins: int = 10
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean confidence, share correct and number of items in each of n_bins bins of equal width; empty ones left out.

    `confidence` is the probability that a model gives its answer, `correct` whether that answer is right. A bin holds
    its upper edge. Raises ValueError for a confidence outside 0 ... 1, for anything but truth values (or 0 and 1) in
    `correct`, other shapes, no items, or n_bins below 1.

    >>> [column.round(2).tolist() for column in reliability(np.array([0.9, 0.7, 0.8]), np.array([1, 0, 1]), n_bins=5)]
    [[0.75, 0.9], [0.5, 1.0], [2, 1]]
    """
    _check_shapes(confidence, correct)
    require_integer("n_bins", n_bins, at_least=1)
    confidence, correct = require_finite("confidence", confidence), require_finite("correct", correct)
    fits = confidence.ndim == 1 and confidence.size and confidence.min() >= 0 and confidence.max() <= 1
    require(fits, "confidence must hold probabilities, from 0 to 1, in one row, and at least one", confidence)
    require(np.isin(correct, (0, 1)).all(), "correct must hold truth values, or 0 and 1", correct)
    bins = np.searchsorted(np.linspace(0, 1, n_bins + 1)[1:-1], confidence)
    sizes = np.bincount(bins, minlength=n_bins)
    filled = sizes > 0
    sums = [np.bincount(bins, weights=values, minlength=n_bins) for values in (confidence, correct)]
    return sums[0][filled] / sizes[filled], sums[1][filled] / sizes[filled], sizes[filled]


def calibration_error(confidence: ArrayLike | Tensor, correct: ArrayLike | Tensor, n_bins: int = 10) -> float:
    """The expected calibration error: how far confidence and share correct lie apart, on average over the items.

    Σ_bins (items in it / all items) |share correct - mean confidence|, from 0 to 1: Naeini, Cooper and Hauskrecht
    (2015). Few items make it too large: chance moves each bin. Arguments and errors as in `reliability`.

    >>> round(calibration_error(np.array([0.9, 0.7, 0.8]), np.array([1, 0, 1]), n_bins=5), 4)
    0.2
    """
    mean_confidence, share_correct, sizes = reliability(confidence, correct, n_bins)
    return float(np.average(np.abs(share_correct - mean_confidence), weights=sizes))


def _labels(truth: ArrayLike | Tensor, predicted: ArrayLike | Tensor) -> list[np.ndarray]:
    """Both as arrays of labels: integers and truth values, or words."""
    _check_shapes(truth, predicted)
    found = []
    for name, labels in (("truth", truth), ("predicted", predicted)):
        array = _array(labels)
        fits = array.dtype.kind in "biuU" and array.ndim and array.shape[-1]
        require(fits, f"{name} must hold labels, integers or words, and at least one", labels)
        found.append(array)
    if (found[0].dtype.kind == "U") != (found[1].dtype.kind == "U"):
        raise ValueError("truth and predicted must be labels of one kind, but one holds integers and the other words")
    return found


def _array(labels: ArrayLike | Tensor) -> np.ndarray:
    if isinstance(labels, Tensor):
        return labels.detach().cpu().numpy()
    array = labels if isinstance(labels, np.ndarray) else np.asarray(labels, dtype=object)
    if array.dtype.kind == "O":  # NumPy by itself would make a word of a NaN among words
        for kind, dtype in ((str, str), (Integral | np.bool_, np.int64)):
            if all(isinstance(label, kind) for label in array.flat):
                return array.astype(dtype)
    return array


def _check_shapes(first: ArrayLike | Tensor, second: ArrayLike | Tensor) -> None:
    try:
        shapes = np.shape(first), np.shape(second)
    except ValueError:
        raise ValueError("both must be arrays, but one of them has rows of unequal length") from None
    if shapes[0] != shapes[1]:
        raise ValueError(f"both must be of one shape, but theirs are {shapes[0]} and {shapes[1]}")
