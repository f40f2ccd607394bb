"""Metrics against SciPy, PyTorch and scikit-learn, and the coverage that an interval promises."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn import metrics as peer
from sklearn.calibration import calibration_curve

from course_lib.metrics import (
    Interval,
    accuracy,
    bits_per_character,
    bootstrap_interval,
    calibration_error,
    cross_entropy,
    perplexity,
    precision_recall_f1,
    reliability,
    spearman,
    student_interval,
)

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


def test_students_interval_is_scipys():
    values = RNG.normal(loc=3, size=7)
    for confidence in (0.5, 0.95):
        expected = stats.t.interval(confidence, 6, values.mean(), stats.sem(values))
        assert student_interval(values, confidence) == pytest.approx((values.mean(), *expected))
    for few in ([1.0], [], np.ones((2, 2))):
        with pytest.raises(ValueError, match="at least two values in a row"):
            student_interval(few)


def test_an_interval_reads_well():
    assert str(Interval(0.5, 0.25, 0.754)) == "0.50 [0.25, 0.75]"


def test_cross_entropy_equals_pytorch_with_padding_and_its_gradient():
    torch.manual_seed(0)
    logits = torch.randn(3, 5, 7, requires_grad=True)
    targets = torch.randint(0, 7, (3, 5))
    targets[0, 2:] = -1
    ours = cross_entropy(logits, targets, ignore_index=-1)
    kept = targets != -1
    theirs = torch.nn.functional.cross_entropy(logits[kept], targets[kept])
    torch.testing.assert_close(ours, theirs)
    for one, other in zip(torch.autograd.grad(ours, logits), torch.autograd.grad(theirs, logits), strict=True):
        torch.testing.assert_close(one, other)


def test_logarithms_of_probabilities_serve_as_logits():
    probabilities, targets = torch.tensor([[0.5, 0.125, 0.375], [0.25, 0.25, 0.5]]), torch.tensor([1, 0])
    assert cross_entropy(probabilities.log(), targets).item() == pytest.approx(2.5 * math.log(2))
    assert cross_entropy(torch.tensor([0.25, 0.75]).log(), torch.tensor(0)).item() == pytest.approx(math.log(4))
    assert cross_entropy(torch.tensor([[1.0, 0.0]]).log(), torch.tensor([1])).item() == math.inf


@pytest.mark.parametrize("targets", [torch.zeros(2), torch.zeros(3, 1), torch.zeros(3, 7)])
def test_targets_of_another_shape_are_refused(targets):
    with pytest.raises(ValueError, match=r"targets must be of the shape \(3,\)"):
        cross_entropy.__wrapped__(torch.zeros(3, 7), targets.long())


def test_perplexity_by_hand():
    assert perplexity(math.log(6)) == pytest.approx(6)
    assert perplexity(torch.tensor(0.0)) == perplexity(0) == 1
    assert perplexity(math.inf) == perplexity(1000) == math.inf


def test_bits_per_character_compares_across_tokenizers():
    per_word, per_letter = math.log(64), [math.log(4)] * 3
    assert bits_per_character(per_word, 3) == pytest.approx(2)
    assert bits_per_character(per_letter, [1, 1, 1]) == pytest.approx(2)
    np.testing.assert_allclose(bits_per_character([[1, 2], [0, 6]], [[1, 2], [1, 1]]) * math.log(2), [1, 3])


@pytest.mark.parametrize("characters", [0, [0, 0], [[1, 2], [0, 0]]])
def test_a_text_without_characters_is_refused(characters):
    with pytest.raises(ValueError, match="at least one character, but there are 0"):
        bits_per_character(np.ones(np.shape(characters)), characters)


@pytest.mark.parametrize("positive", [0, 2])
def test_scores_of_answers_equal_scikit_learn(positive):
    truth, predicted = RNG.integers(0, 3, (2, 4, 53))
    theirs = [
        peer.precision_recall_fscore_support(t, p, labels=[positive], average=None, zero_division=0)[:3]
        for t, p in zip(truth, predicted, strict=True)
    ]
    np.testing.assert_allclose(np.stack(precision_recall_f1(truth, predicted, positive), -1), np.squeeze(theirs))
    right = [peer.accuracy_score(t, p) for t, p in zip(truth, predicted, strict=True)]
    np.testing.assert_allclose(accuracy(truth, predicted), right)


def test_scores_where_nothing_is_positive_are_zero():
    none, some = np.zeros(4, int), np.array([0, 1, 0, 0])
    for truth, predicted in ((none, none), (none, some), (some, none)):
        assert precision_recall_f1(truth, predicted) == (0, 0, 0)
    assert precision_recall_f1(np.array(["a", "b"]), np.array(["a", "a"]), "a") == pytest.approx((0.5, 1, 2 / 3))


def test_reliability_equals_scikit_learn():
    confidence = np.concatenate([RNG.uniform(0.3, 1, 200), [0, 0.4, 1.0]])
    correct = RNG.uniform(size=203) < confidence**2
    share, mean = calibration_curve(correct, confidence, n_bins=7)
    ours = reliability(confidence, correct, n_bins=7)
    np.testing.assert_allclose(ours[0], mean)
    np.testing.assert_allclose(ours[1], share)
    assert ours[2].sum() == 203 and len(ours[2]) < 7


def test_a_bin_holds_its_upper_edge():
    assert [column.tolist() for column in reliability(np.array([0.5, 0.75]), np.array([1, 0]), 2)][2] == [1, 1]
    assert reliability(np.array([0.5, 0.25]), np.array([1, 0]), 2)[2].tolist() == [2]


def test_calibration_error_by_hand():
    confidence, correct = np.array([0.55, 0.65, 0.95, 0.95]), np.array([True, False, True, False])
    assert calibration_error(confidence, correct, n_bins=2) == pytest.approx(abs(0.5 - 0.775))
    by_tenths = (abs(1 - 0.55) + abs(0 - 0.65) + 2 * abs(0.5 - 0.95)) / 4
    assert calibration_error(confidence, correct) == pytest.approx(by_tenths)
    assert calibration_error(np.array([1.0, 0.0]), np.array([1, 0])) == 0


@pytest.mark.parametrize(
    "confidence, correct, n_bins, words",
    [
        ([0.5, 1.2], [1, 0], 10, "from 0 to 1"),
        ([np.nan], [1], 10, r"confidence must be finite numbers, but at \(0,\) there is nan"),
        ([], [], 10, "at least one"),
        ([0.5], [1, 0], 10, "one shape"),
        ([0.5], [1], 0, "n_bins must be at least 1"),
    ],
)
def test_confidences_that_will_not_do(confidence, correct, n_bins, words):
    with pytest.raises(ValueError, match=words):
        calibration_error(np.array(confidence, float), np.array(correct), n_bins)


def test_answers_of_another_shape_are_refused():
    for score in (accuracy, precision_recall_f1):
        with pytest.raises(ValueError, match=r"theirs are \(3,\) and \(4,\)"):
            score(np.ones(3), np.ones(4))


def test_a_paired_difference_is_surer_than_two_scores():
    truth = RNG.integers(0, 2, 400)
    first = np.where(RNG.uniform(size=400) < 0.75, truth, 1 - truth)
    second = np.where(RNG.uniform(size=400) < 0.06, 1 - first, first)  # agrees with the first on most items

    def advantage(truth, first, second):
        return accuracy(truth, first) - accuracy(truth, second)

    alone, paired = bootstrap_interval(accuracy, truth, first), bootstrap_interval(advantage, truth, first, second)
    gain = (first == truth) * 1.0 - (second == truth)
    width = 2 * 1.96 * gain.std() / 20
    assert paired.value == pytest.approx(gain.mean())
    assert paired.high - paired.low == pytest.approx(width, rel=0.1)
    assert paired.high - paired.low < 0.5 * math.sqrt(2) * (alone.high - alone.low)


def test_bits_per_character_and_f1_have_intervals():
    nats, characters = RNG.uniform(1, 2, 50), RNG.integers(1, 4, 50)
    low, high = bootstrap_interval(bits_per_character, nats, characters)[1:]
    assert low < bits_per_character(nats, characters) < high
    truth, predicted = RNG.integers(0, 2, (2, 50))
    value, low, high = bootstrap_interval(lambda t, p: precision_recall_f1(t, p)[2], truth, predicted)
    assert low < value == peer.f1_score(truth, predicted) < high


def test_lists_and_tensors_score_as_arrays():
    truth, predicted, sure = [1, 0, 2, 1], [1, 1, 2, 1], [0.875, 0.625, 0.5, 0.75]
    right = [True, False, True, True]
    for kind in (list, torch.tensor):
        assert accuracy(kind(truth), kind(predicted)) == 0.75
        assert precision_recall_f1(kind(truth), kind(predicted)) == pytest.approx((2 / 3, 1, 0.8))
        assert calibration_error(kind(sure), kind(right)) == calibration_error(np.array(sure), np.array(right))
        assert spearman(kind(truth), kind(sure)) == spearman(np.array(truth), np.array(sure))
        assert student_interval(kind(sure)) == student_interval(np.array(sure))
        assert bootstrap_interval(accuracy, kind(truth), kind(predicted)).value == 0.75
    assert accuracy(["a", "b"], np.array(["a", "c"], dtype=object)) == 0.5
    assert accuracy([True, np.False_], [1, 0]) == 1


def test_a_statistic_of_all_resamples_together_is_refused_however_often_it_is_called():
    for batch in (None, 7):
        with pytest.raises(ValueError, match=r"of samples of shape \(\d+, 31\) it gives the shape \(\)"):
            bootstrap_interval(np.mean, np.arange(31), batch=batch)


def test_targets_outside_the_vocabulary_are_named():
    with pytest.raises(ValueError, match=r"targets must be ids from 0 to 6, or -1 to be ignored: Target 7 is out of"):
        cross_entropy(torch.zeros(2, 7), torch.tensor([-1, 7]), ignore_index=-1)
    assert cross_entropy(torch.zeros(2, 7), torch.tensor([3, 4], dtype=torch.int32)).item() == pytest.approx(
        math.log(7)
    )


def test_a_perplexity_bears_rounding_and_no_forgotten_sign():
    assert perplexity(-1e-9) == pytest.approx(1) and perplexity(torch.tensor([0.0])) == 1
    with pytest.raises(ValueError, match="at least 0"):
        perplexity(-0.01)


def test_impossible_texts_cost_infinitely_many_bits():
    assert bits_per_character([1.0, math.inf], [1, 1]) == math.inf
