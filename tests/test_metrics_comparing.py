"""McNemar's test, pass@k, Bradley-Terry strengths and Elo ratings: by hand, against SciPy and scikit-learn."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.linear_model import LogisticRegression

from course_lib.metrics import bootstrap_interval
from course_lib.metrics.comparing import bradley_terry, elo, mcnemar, pass_at_k

RNG = np.random.default_rng(0)


def right(only_first, only_second, both=3, neither=2):
    first = [1] * (only_first + both) + [0] * (only_second + neither)
    second = [0] * only_first + [1] * (both + only_second) + [0] * neither
    return np.array(first), np.array(second)


@pytest.mark.parametrize("only_first, only_second", [(0, 0), (0, 5), (7, 2), (4, 4), (11, 30)])
def test_mcnemar_is_the_sum_of_binomial_probabilities(only_first, only_second):
    found, n = mcnemar(*right(only_first, only_second)), only_first + only_second
    tail = sum(math.comb(n, wins) for wins in range(min(only_first, only_second) + 1)) / 2**n
    assert found == pytest.approx((only_first, only_second, min(1, 2 * tail)))


def test_mcnemar_nears_the_chi_square_test_and_takes_any_truth_values():
    exact = mcnemar(*right(300, 360)).p_value
    assert exact == pytest.approx(stats.chi2.sf((360 - 300 - 1) ** 2 / 660, df=1), rel=0.01)
    first, second = right(1, 6)
    assert mcnemar(torch.tensor(first).bool(), second.astype(bool).tolist()) == mcnemar(first, second)
    assert mcnemar(second, first) == (6, 1, mcnemar(first, second).p_value)


def test_mcnemar_seldom_calls_equal_models_different():
    rng = np.random.default_rng(1)
    called = [mcnemar(*rng.integers(0, 2, (2, 80))).p_value < 0.05 for _ in range(400)]
    assert 0.01 < np.mean(called) <= 0.05


def test_pass_at_k_is_the_mean_over_all_subsets():
    passed = [True, False, False, True, False]
    for k in range(1, 6):
        some = [any(chosen) for chosen in itertools.combinations(passed, k)]
        assert pass_at_k(5, 2, k) == pytest.approx(np.mean(some))
    assert (pass_at_k(7, 0, 3), pass_at_k(7, 7, 1), pass_at_k(200, 50, 1)) == (0, 1, 0.25)


def test_pass_at_k_is_unbiased_where_the_plain_estimate_is_too_low():
    p, n, k = 0.3, 7, 5
    counts = stats.binom(n, p).pmf(range(n + 1))
    assert np.dot(counts, [pass_at_k(n, c, k) for c in range(n + 1)]) == pytest.approx(1 - (1 - p) ** k)
    assert np.dot(counts, [1 - (1 - c / n) ** k for c in range(n + 1)]) < 1 - (1 - p) ** k - 0.05


def played(strengths, n):
    names = list(strengths)
    for _ in range(n):
        a, b = RNG.choice(names, 2, replace=False)
        yield str(a), str(b), float(RNG.uniform() < 1 / (1 + math.exp(strengths[b] - strengths[a])))


def test_strengths_equal_logistic_regression_and_lie_near_the_truth():
    truth = {"a": 1.0, "b": 0.0, "c": -1.0, "d": 0.2}
    games = list(played(truth, 3000))
    ours = bradley_terry(games)
    x = np.array([[(name == a) - 1.0 * (name == b) for name in ours] for a, b, _ in games])
    peer = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10).fit(x, [score for _, _, score in games])
    theirs = peer.coef_[0] - peer.coef_[0].mean()
    np.testing.assert_allclose(list(ours.values()), theirs, atol=1e-5)
    assert sum(ours.values()) == pytest.approx(0, abs=1e-9)
    for name, strength in truth.items():
        assert ours[name] == pytest.approx(strength - np.mean(list(truth.values())), abs=0.2)


def test_two_players_by_hand_and_a_tie_is_half_a_win_for_each():
    two = bradley_terry([("x", "y", 1)] * 3 + [("y", "x", 1), ("x", "y", 0.5), ("x", "y", 0.5)])
    assert two["x"] - two["y"] == pytest.approx(math.log(4 / 2))
    assert bradley_terry([("x", "y", 0.5)]) == pytest.approx({"x": 0, "y": 0})


def test_players_without_finite_strengths_are_named():
    with pytest.raises(ValueError, match=r"must win and lose against the others, but not so the group a, b"):
        bradley_terry([("a", "b", 1), ("b", "a", 1), ("a", "c", 1)])
    with pytest.raises(ValueError, match="each group of players"):
        bradley_terry([("a", "b", 1), ("b", "a", 1), ("c", "d", 0.5)])


def test_elo_by_hand_keeps_the_sum():
    ratings = elo([("a", "b", 1), ("b", "c", 0.5), ("c", "a", 1)], k=20, start=0)
    b = -10 + 20 * (0.5 - 1 / (1 + 10 ** (10 / 400)))
    c = 20 * (0.5 - 1 / (1 + 10 ** (-10 / 400)))
    surprise = 1 - 1 / (1 + 10 ** ((10 - c) / 400))
    assert ratings == pytest.approx({"a": 10 - 20 * surprise, "b": b, "c": c + 20 * surprise})
    assert sum(ratings.values()) == pytest.approx(0)


def test_elo_in_small_steps_finds_bradley_and_terrys_strengths():
    games = list(played({"a": 0.8, "b": 0.0, "c": -0.5}, 300))
    many = [games[i] for _ in range(60) for i in RNG.permutation(len(games))]
    ratings = elo(many, k=0.5, start=0)
    for name, strength in bradley_terry(games).items():
        assert ratings[name] * math.log(10) / 400 == pytest.approx(strength, abs=0.02)


def test_a_paired_bootstrap_agrees_with_mcnemar():
    for only_second, differ in ((22, False), (60, True)):
        first, second = right(20, only_second, both=100, neither=60)
        gain = bootstrap_interval(lambda a, b: b.mean(axis=-1) - a.mean(axis=-1), first, second)
        assert (gain.low > 0) == (mcnemar(first, second).p_value < 0.05) == differ
