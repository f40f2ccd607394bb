"""How sure a score is: bootstrap and Student's intervals over SciPy's; and rank correlation.

What takes arrays works over their last axis, so that `bootstrap_interval` can give it all its resamples at once.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

__all__ = ["Interval", "bootstrap_interval", "spearman", "student_interval"]


class Interval(NamedTuple):
    """A value measured on the whole sample, and the ends of its confidence interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


def bootstrap_interval(
    statistic: Callable[..., np.ndarray | np.floating],
    *samples: np.ndarray,
    confidence: float = 0.95,
    n_resamples: int = 2000,
    seed: int = 0,
    batch: int | None = None,
) -> Interval:
    """The percentile bootstrap interval of a statistic of paired samples (Efron, 1979), through scipy.stats.bootstrap.

    `samples` are of one length and resampled together; `statistic` works over the last axis, so that it sees all
    resamples at once, or `batch` of them where all would not fit in memory. For the difference of two models on the
    same items (a paired bootstrap), give both models' outputs and return the difference of their scores: where its
    interval is without 0, one model is better. Raises ValueError for samples of unequal length or of fewer than two
    items.
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
        batch=batch,
        confidence_level=confidence,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    interval = done.confidence_interval
    return Interval(float(statistic(*samples)), float(interval.low), float(interval.high))


def student_interval(values: ArrayLike, confidence: float = 0.95) -> Interval:
    """The mean of a few independent values, for example of several seeds, with Student's t interval (1908).

    mean ± t s / √n, with the values' standard deviation s (n - 1 in its denominator) and Student's quantile t for n - 1
    degrees of freedom. It assumes normally distributed values. Raises ValueError for fewer than two.

    >>> print(student_interval([1.0, 2.0, 3.0]))
    2.00 [-0.48, 4.48]
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or len(values) < 2:
        raise ValueError(f"an interval needs at least two values in a row, but their shape is {values.shape}")
    mean = float(values.mean())
    half = float(stats.t.ppf((1 + confidence) / 2, len(values) - 1) * stats.sem(values))
    return Interval(mean, mean - half, mean + half)


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
