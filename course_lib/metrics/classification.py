"""How good, and how sure: scores with intervals, over SciPy's.

What takes arrays works over their last axis, so that `bootstrap_interval` can give it all its resamples at once.

Axes: B any axes before the last, V vocabulary (classes), N items.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike
from scipy import stats
from torch import Tensor
from torch.nn import functional as F

__all__ = [
    "Interval",
    "accuracy",
    "bits_per_character",
    "bootstrap_interval",
    "calibration_error",
    "cross_entropy",
    "perplexity",
    "precision_recall_f1",
    "reliability",
    "spearman",
]


class Interval(NamedTuple):
    """A value measured on the whole sample, and the ends of its confidence interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


def cross_entropy(
    logits: Float[Tensor, "*B V"], targets: Int[Tensor, "*B"], ignore_index: int = -100
) -> Float[Tensor, ""]:
    """The mean of -ln p(target) over all targets but those equal to `ignore_index` (padding), in nats a token.

    p is the softmax of the logits. Logarithms of probabilities are logits too: their softmax is the probabilities.
    NaN where every target is ignored, as in PyTorch. Raises ValueError where the shapes do not fit.

    >>> import torch
    >>> cross_entropy(torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]).log(), torch.tensor([1, -100]))
    tensor(1.3863)
    """
    if logits.shape[:-1] != targets.shape:
        raise ValueError(
            f"targets must be of the shape {tuple(logits.shape[:-1])}, the logits' without the last axis, "
            f"but theirs is {tuple(targets.shape)}"
        )
    return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1), ignore_index=ignore_index)


def perplexity(cross_entropy: float | int | Tensor) -> float:
    """exp(cross-entropy in nats a token): among how many tokens, all equally likely, the choice would be as hard.

    Perplexities compare only where the tokens are the same; `bits_per_character` compares across tokenizers.

    >>> round(perplexity(np.log(10)), 6)
    10.0
    """
    with np.errstate(over="ignore"):
        return float(np.exp(float(cross_entropy)))


def bits_per_character(nats: ArrayLike | float | int, characters: ArrayLike | int) -> np.ndarray | np.floating:
    """The nats that a whole text costs, divided by its characters and by ln 2; of pieces of a text, their sums first.

    Whatever the tokens were, the characters are the same: the number compares across tokenizers, as long as the tokens
    make up the whole text. Raises ValueError where there are no characters.

    >>> float(bits_per_character([2 * np.log(2), 4 * np.log(2)], [1, 3]))
    1.5
    """
    total = np.sum(characters, axis=-1)
    if np.any(total <= 0):
        raise ValueError(f"bits per character needs at least one character, but there are {np.min(total)}")
    return np.sum(nats, axis=-1) / total / np.log(2)


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
    found, called, real = (
        np.sum(which, axis=-1)
        for which in ((truth == positive) & (predicted == positive), predicted == positive, truth == positive)
    )
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
    if n_bins < 1:
        raise ValueError(f"n_bins must be at least 1, but it is {n_bins}")
    if not len(confidence) or not (confidence.min() >= 0 and confidence.max() <= 1):
        raise ValueError("confidence must hold probabilities, from 0 to 1, and at least one")
    bins = np.searchsorted(np.linspace(0, 1, n_bins + 1)[1:-1], confidence)
    sizes = np.bincount(bins, minlength=n_bins)
    filled = sizes > 0
    sums = [np.bincount(bins, weights=values, minlength=n_bins) for values in (confidence, correct)]
    mean_confidence, share_correct = (total[filled] / sizes[filled] for total in sums)
    return mean_confidence, share_correct, sizes[filled]


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


def spearman(x: np.ndarray, y: np.ndarray) -> np.ndarray | np.floating:
    """Spearman's rank correlation over the last axis, from -1 to 1: do x and y put things into the same order?

    Equal to scipy.stats.spearmanr, ties included, but for many rows at once. NaN where a row holds one value only.

    >>> float(spearman(np.array([1, 2, 3, 4]), np.array([10, 20, 40, 30])).round(2))
    0.8
    """
    ranks = [stats.rankdata(values, axis=-1) for values in (x, y)]
    a, b = [r - r.mean(axis=-1, keepdims=True) for r in ranks]
    with np.errstate(invalid="ignore"):
        return (a * b).sum(-1) / np.sqrt((a * a).sum(-1) * (b * b).sum(-1))


def bootstrap_interval(
    statistic: Callable[..., np.ndarray | np.floating],
    *samples: np.ndarray,
    confidence: float = 0.95,
    n_resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """The percentile bootstrap interval of a statistic of paired samples (Efron, 1979), through scipy.stats.bootstrap.

    `samples` are of one length and resampled together; `statistic` works over the last axis, so that it sees all
    resamples at once. For the difference of two models on the same items (a paired bootstrap), give both models'
    outputs and return the difference of their scores: where its interval is without 0, one model is better.
    Raises ValueError for samples of unequal length or of fewer than two items.
    """
    lengths = {len(sample) for sample in samples}
    if len(lengths) != 1 or min(lengths) < 2:
        raise ValueError(f"samples must be of one length of at least 2, but their lengths are {sorted(lengths)}")
    done = stats.bootstrap(
        samples,
        lambda *resampled, axis: statistic(*resampled),
        paired=True,
        vectorized=True,
        n_resamples=n_resamples,
        confidence_level=confidence,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    interval = done.confidence_interval
    return Interval(float(statistic(*samples)), float(interval.low), float(interval.high))
