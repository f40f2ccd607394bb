"""Metrics against SciPy, and the coverage that an interval promises."""

import numpy as np
import pytest
from scipy import stats

from course_lib.metrics import Interval, bootstrap_interval, spearman

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    "values", [lambda n: RNG.normal(size=n), lambda n: RNG.integers(0, 4, n)], ids=["no ties", "ties"]
)
def test_spearman_equals_scipy(values):
    for size in (3, 17, 101):
        x, y = values(size), values(size)
        assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic, nan_ok=True)


def test_spearman_of_many_rows_at_once_and_of_a_constant():
    x, y = RNG.normal(size=(5, 7)), RNG.normal(size=(5, 7))
    x[3] = 1
    expected = [stats.spearmanr(a, b).statistic if a.std() else np.nan for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(spearman(x, y), expected)


def test_interval_holds_the_truth_as_often_as_it_says():
    hits = 0
    for trial in range(200):
        sample = np.random.default_rng(trial).normal(size=60)
        interval = bootstrap_interval(lambda x: x.mean(axis=-1), sample, n_resamples=300, seed=trial)
        hits += interval.low <= 0 <= interval.high
    assert 0.90 <= hits / 200 <= 0.99


def test_samples_are_resampled_together():
    x = RNG.normal(size=50)
    interval = bootstrap_interval(spearman, x, 2 * x + 1)
    assert tuple(interval) == pytest.approx((1, 1, 1))


def test_the_seed_decides():
    x = RNG.normal(size=30)
    mean = lambda sample: sample.mean(axis=-1)  # noqa: E731
    assert bootstrap_interval(mean, x, seed=1) == bootstrap_interval(mean, x, seed=1)
    assert bootstrap_interval(mean, x, seed=1) != bootstrap_interval(mean, x, seed=2)


@pytest.mark.parametrize("samples", [(np.ones(3), np.ones(4)), (np.ones(1),)])
def test_samples_that_will_not_do(samples):
    with pytest.raises(ValueError, match="samples must be of one length of at least 2"):
        bootstrap_interval(lambda *s: s[0].mean(axis=-1), *samples)


def test_an_interval_reads_well():
    assert str(Interval(0.5, 0.25, 0.754)) == "0.50 [0.25, 0.75]"
