"""How sure a score is: bootstrap and Student's intervals over SciPy's; and rank correlation.

What takes arrays works over their last axis, so that `bootstrap_interval` can give it all its resamples at once.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats
from torch import Tensor

from course_lib.validation import require, require_finite, require_integer, require_number

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
    *samples: ArrayLike | Tensor,
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
    items, and for a statistic that is one number for all resamples together.
    """
    require_number("confidence", confidence, above=0, below=1)
    require_integer("n_resamples", n_resamples, at_least=1)
    require_integer("seed", seed, at_least=0)
    if batch is not None:
        require_integer("batch", batch, at_least=1)
    samples = [_sample(index, sample) for index, sample in enumerate(samples)]
    lengths = {len(sample) for sample in samples}
    if len(lengths) != 1 or min(lengths) < 2:
        raise ValueError(f"samples must be of one length of at least 2, but their lengths are {sorted(lengths)}")
    done = stats.bootstrap(
        samples,
        lambda *resampled, axis: _over_last_axis(statistic, resampled),
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


def _sample(index: int, sample: ArrayLike | Tensor) -> np.ndarray:
    """A row of finite numbers, or of words."""
    words = isinstance(sample, np.ndarray) and sample.dtype.kind == "U"
    array = sample if words else require_finite(f"samples[{index}]", sample)
    require(array.ndim == 1, f"samples[{index}] must be one row", sample)
    return array


def _over_last_axis(
    statistic: Callable[..., np.ndarray | np.floating], resampled: tuple[np.ndarray, ...]
) -> np.ndarray:
    found = np.asarray(statistic(*resampled))
    if found.shape != resampled[0].shape[:-1]:
        shapes = f"of samples of shape {resampled[0].shape} it gives the shape {found.shape}"
        raise ValueError(f"the statistic must work over the last axis, as x.mean(axis=-1) does, but {shapes}")
    return found


def student_interval(values: ArrayLike | Tensor, confidence: float = 0.95) -> Interval:
    """The mean of a few independent values, for example of several seeds, with Student's t interval (1908).

    mean ± t s / √n, with the values' standard deviation s (n - 1 in its denominator) and Student's quantile t for n - 1
    degrees of freedom. It assumes normally distributed values. Raises ValueError for fewer than two, or a confidence
    that is not between 0 and 1.

    >>> print(student_interval([1.0, 2.0, 3.0]))
    2.00 [-0.48, 4.48]
    """
    require_number("confidence", confidence, above=0, below=1)
    values = require_finite("values", values).astype(np.float64)
    if values.ndim != 1 or len(values) < 2:
        raise ValueError(f"an interval needs at least two values in a row, but their shape is {values.shape}")
    mean = float(values.mean())
    half = float(stats.t.ppf((1 + confidence) / 2, len(values) - 1) * stats.sem(values))
    return Interval(mean, mean - half, mean + half)


def spearman(x: ArrayLike | Tensor, y: ArrayLike | Tensor) -> np.ndarray | np.floating:
    """Spearman's rank correlation over the last axis, from -1 to 1: do x and y put things into the same order?

    Equal to scipy.stats.spearmanr, ties included, but for many rows at once. NaN where all values of a row are the
    same. Raises ValueError for NaN, for shapes that differ, and for fewer than two values in a row.

    >>> float(spearman(np.array([1, 2, 3, 4]), np.array([10, 20, 40, 30])).round(2))
    0.8
    """
    x, y = require_finite("x", x), require_finite("y", y)
    if x.shape != y.shape or not x.ndim or x.shape[-1] < 2:
        shapes = f"their shapes are {x.shape} and {y.shape}"
        raise ValueError(f"x and y must be of one shape, with at least two values in a row, but {shapes}")
    ranks = [stats.rankdata(values, axis=-1) for values in (x, y)]
    a, b = [r - r.mean(axis=-1, keepdims=True) for r in ranks]
    with np.errstate(invalid="ignore"):
        return (a * b).sum(-1) / np.sqrt((a * a).sum(-1) * (b * b).sum(-1))
