"""Answers to the exercises of overfitting: other right ones, and wrong ones with words of their message."""

import itertools
import math

import numpy as np
import torch
from sklearn.neighbors import NearestCentroid

from course_lib import metrics


def stop_by_list(losses, patience):
    seen = []
    for loss in losses:
        seen.append(loss)
        if len(seen) - 1 - seen.index(min(seen)) == patience:
            break
    return seen.index(min(seen))


def stop_place(losses, patience):
    best, waited = 0, 0
    for now in range(1, len(losses)):
        best, waited = (now, 0) if losses[now] < losses[best] else (best, waited + 1)
        if waited == patience:
            return now
    return len(losses) - 1


def stop_by_hand(losses, patience, reset=0, first=0, enough=lambda waited, patience: waited == patience, end=None):
    best, waited = 0, first
    for now in range(1, len(losses)):
        if losses[now] < losses[best]:
            best, waited = now, reset
        else:
            waited += 1
            if enough(waited, patience):
                return best
    return best if end is None else end(best, losses)


def stop_on_strict_rises(losses, patience):
    best, rises = 0, 0
    for now in range(1, len(losses)):
        best = now if losses[now] < losses[best] else best
        rises = rises + 1 if losses[now] > losses[now - 1] else 0
        if rises == patience:
            break
    return best


def stop_with_previous(losses, patience):
    """The best is taken for the last one that was lower than its predecessor."""
    best, previous, waited = 0, losses[0], 0
    for now, loss in enumerate(losses[1:], start=1):
        best, waited = (now, 0) if loss < previous else (best, waited + 1)
        previous = loss
        if waited == patience:
            break
    return best


def stop_forgiving_ties(losses, patience):
    best, waited = 0, 0
    for now in range(1, len(losses)):
        if losses[now] <= losses[best]:
            best, waited = (now if losses[now] < losses[best] else best), 0
        else:
            waited += 1
        if waited == patience:
            break
    return best


def stop_against_the_past(losses, patience):
    best = 0
    for now in range(1, len(losses)):
        best = now if losses[now] < losses[best] else best
        if now >= patience and losses[now] >= losses[now - patience]:
            break
    return best


def stop_late(losses, patience):
    best, waited = 0, 0
    for now in range(1, len(losses)):
        best, waited = (now, 0) if losses[now] < losses[best] else (best, waited + 1)
        if waited > patience:
            break
    return best


def stop_on_ties(losses, patience):
    best, waited = 0, 0
    for now in range(1, len(losses)):
        best, waited = (now, 0) if losses[now] <= losses[best] else (best, waited + 1)
        if waited == patience:
            break
    return best


def stop_on_rises(losses, patience):
    best, waited = 0, 0
    for now in range(1, len(losses)):
        waited = 0 if losses[now] < losses[now - 1] else waited + 1
        best = now if losses[now] < losses[best] else best
        if waited == patience:
            break
    return best


def stop_without_reset(losses, patience):
    best, waited = 0, 0
    for now in range(1, len(losses)):
        if losses[now] < losses[best]:
            best = now
        else:
            waited += 1
        if waited == patience:
            break
    return best


def binned(number_of, top=True):
    """The calibration error with bins of one's own."""

    def error(confidence, correct, n_bins):
        groups = {}
        for sure, right in zip(confidence.tolist(), correct.tolist(), strict=True):
            number = number_of(sure, n_bins)
            groups.setdefault(min(number, n_bins - 1) if top else number, []).append(sure - right)
        return sum(abs(sum(group)) for group in groups.values()) / len(confidence)

    return error


def of_the_range(confidence, correct, n_bins):
    edges = torch.linspace(confidence.min(), confidence.max(), n_bins + 1, dtype=confidence.dtype)[1:-1]
    bins = torch.bucketize(confidence, edges, right=True)
    return torch.zeros(n_bins).index_add_(0, bins, correct.float() - confidence.float()).abs().sum() / len(bins)


def equal_sizes(confidence, correct, n_bins):
    order, n = confidence.argsort(), len(confidence)
    numbers = [place * n_bins // n for place in range(n)]
    sums = [0.0] * n_bins
    for number, item in zip(numbers, order.tolist(), strict=True):
        sums[number] += confidence[item].item() - correct[item].item()
    return sum(map(abs, sums)) / n


def with_empty_bins(confidence, correct, n_bins):
    bins, error = (confidence * n_bins).long().clamp(max=n_bins - 1), 0.0
    for number in range(n_bins):
        inside = bins == number
        error += (correct[inside].float().mean() - confidence[inside].mean()).abs() * inside.float().mean()
    return error


def edge_of_bins(confidence, correct, n_bins):
    bins = (confidence * n_bins).long().clamp(max=n_bins - 1)
    error = 0.0
    for number in bins.unique():
        inside = bins == number
        error += (correct[inside].float().mean() - number / n_bins).abs() * inside.float().mean()
    return error


def gaps_of_sums(confidence, correct, n_bins):
    bins = (confidence * n_bins).long().clamp(max=n_bins - 1)
    masks = [bins == number for number in range(n_bins)]
    return sum((confidence[mask].sum() - correct[mask].sum()).abs() * mask.float().mean() for mask in masks)


def of_wrong_answers(confidence, correct, n_bins):
    return binned(lambda sure, n: int(sure * n))(confidence, ~correct, n_bins)


def calibration(weigh, top=True, gap=abs):
    def error(confidence, correct, n_bins):
        total, edges = [], np.linspace(0, 1, n_bins + 1)
        for number, (low, high) in enumerate(itertools.pairwise(edges)):
            inside = (confidence >= low) & ((confidence < high) | (top and number == n_bins - 1))
            if inside.any():
                difference = gap((correct[inside].float().mean() - confidence[inside].mean()).item())
                total.append((difference, inside.float().mean().item()))
        return weigh(total)

    return error


def middle_of_bins(confidence, correct, n_bins):
    bins = (confidence * n_bins).long().clamp(max=n_bins - 1)
    error = 0.0
    for number in bins.unique():
        inside = bins == number
        error += (correct[inside].float().mean() - (number + 0.5) / n_bins).abs() * inside.float().mean()
    return error


def upper_half(confidence, correct, n_bins):
    bins = ((confidence - 0.5) * 2 * n_bins).long().clamp(max=n_bins - 1)
    error = 0.0
    for number in bins.unique():
        inside = bins == number
        error += (correct[inside].float().mean() - confidence[inside].mean()).abs() * inside.float().mean()
    return error


def weighed(total):
    return sum(gap * share for gap, share in total)


def folded(choose="train", fit="train", score="held out", keep=None, end=None):
    """The cross-validation with something else chosen, fitted or scored."""

    def validated(inputs, labels, n_folds, n_kept):
        rows, right, counts = np.arange(len(labels)), 0, []
        for fold in range(n_folds):
            parts = {"train": rows % n_folds != fold, "held out": rows % n_folds == fold, "all": rows >= 0}
            parts["first"] = rows % n_folds != 0
            x, y = inputs[parts[choose]], labels[parts[choose]]
            gaps = x[y == 1].mean(0) - x[y == 0].mean(0)
            kept = np.argsort(np.abs(gaps))[::-1][:n_kept] if keep is None else keep(gaps, n_kept)
            x, y = inputs[parts[fit]][:, kept], labels[parts[fit]]
            means = np.stack([x[y == 0].mean(0), x[y == 1].mean(0)])
            x, y = inputs[parts[score]][:, kept], labels[parts[score]]
            far = np.linalg.norm(x[:, None] - means, axis=2)
            counts.append((far.argmin(1) == y).mean())
            right += (far.argmin(1) == y).sum()
        return np.mean(counts) if end is None else end(right, counts)

    return validated


def validated_by_sklearn(inputs, labels, n_folds, n_kept):
    answers = np.empty(len(labels))
    for fold in range(n_folds):
        held = np.arange(len(labels)) % n_folds == fold
        x, y = inputs[~held], labels[~held]
        kept = np.abs(x[y == 1].mean(0) - x[y == 0].mean(0)).argsort()[-n_kept:]
        answers[held] = NearestCentroid().fit(x[:, kept], y).predict(inputs[held][:, kept])
    return (answers == labels).mean()


def choosing(**changes):
    """A good choice for the experiment, with changes."""
    usual = {"context_length": 3, "d_hidden": 48, "dropout": 0.0, "weight_decay": 0.2}
    return lambda: usual | {"learning_rate": 0.004, "steps": 800} | changes


RIGHT = {
    "early_stop": [stop_by_list, stop_by_hand],
    "halving_decays": [lambda: [0.69, 0.07, 0.14], lambda: torch.tensor([0.693, 0.0693, 0.1385])],
    "cross_validated": [folded(), validated_by_sklearn],
    "little_text": [choosing()],
    "calibration_error": [
        calibration(weighed),
        lambda c, r, n: metrics.calibration_error(c.numpy(), r.numpy(), n),
        binned(lambda sure, n: int(sure * n)),
    ],
}
WRONG = {
    "early_stop": [
        (lambda losses, patience: losses.index(min(losses)), "the run stops before this minimum"),
        (stop_place, "this is where the run stops"),
        (lambda x, p: stop_by_hand(x, p, end=lambda best, losses: len(losses) - 1), "where the list ends before"),
        (lambda losses, patience: len(losses) - 1, "this is the last evaluation"),
        (lambda x, p: stop_place(x, p) - p, "going back `patience` evaluations"),
        (lambda losses, patience: stop_by_hand(losses[:-1], patience), "your loop ends one too soon"),
        (stop_late, "too late"),
        (lambda losses, patience: stop_by_list(losses, patience - 1) if patience > 1 else 0, "too early"),
        (lambda x, p: stop_by_hand(x, p, enough=lambda waited, patience: waited == patience - 1), "too early"),
        (lambda losses, patience: stop_by_list(losses, 1), "wait for `patience` of them"),
        (stop_on_ties, "an equal loss is no improvement"),
        (stop_forgiving_ties, "an equal loss is not better"),
        (lambda x, p: stop_by_hand([-loss for loss in x], p), "lower is better"),
        (stop_with_previous, "is not yet the best so far"),
        (stop_on_rises, "not lower than the one just before"),
        (stop_on_strict_rises, "not lower than the one just before"),
        (stop_without_reset, "sets the count back to 0"),
        (lambda x, p: stop_by_hand(x, p, reset=1, enough=int.__ge__), "not to 1"),
        (stop_against_the_past, "of `patience` evaluations ago"),
        (lambda losses, patience: losses.index(min(losses[:patience])), "not evaluations from the beginning"),
        (lambda losses, patience: losses[stop_by_list(losses, patience)], "return its position"),
        (lambda losses, patience: stop_by_list(losses, patience) + 1, "one too high"),
        (lambda losses, patience: stop_by_list(losses, patience) - 1, "one before the best"),
        (lambda losses, patience: stop_late(losses, patience) + 1, "two things. You stop an evaluation too late"),
        (lambda losses, patience: max(range(len(losses)), key=losses.__getitem__), "two things. The run stops before"),
        (lambda losses, patience: patience, "expected"),
    ],
    "halving_decays": [
        (lambda: [0.7, 0.7, 0.7], "a tenth of the decay is needed"),
        (lambda: [0.07, 0.07, 0.07], "a tenth of the decay is needed"),
        (lambda: [0.7, 0.07, 0.07], "add up the learning rates of all steps"),
        (lambda: [0.5, 0.05, 0.1], "its share of what is left"),
        (lambda: [0.000693, 0.000693, 0.000693], "these are the products"),
        (lambda: [500, 50, 50], "in a single step"),
        (lambda: [0.7, 0.07], "three decays are expected"),
        (lambda: [0.7, 0.07, -0.14], "a number above 0"),
    ],
    "cross_validated": [
        (folded(choose="held out"), "chosen on the held-out fold"),
        (folded(choose="first"), "chosen once"),
        (folded(fit="all"), "the class means come from all rows"),
        (folded(score="train"), "scored on the rows that it was fitted on"),
        (folded(score="all"), "it is scored on all rows"),
        (folded(fit="held out"), "fitted and scored on the same"),
        (folded(keep=lambda gaps, k: np.abs(gaps).argsort()[:k]), "the smallest gaps"),
        (folded(keep=lambda gaps, k: gaps.argsort()[-k:]), "may be negative"),
        (folded(keep=lambda gaps, k: slice(None)), "all columns are used"),
        (lambda *inputs: 1 - folded()(*inputs), "the answers are reversed"),
        (folded(end=lambda right, counts: right), "the number of right answers"),
        (folded(end=lambda right, counts: counts[-1]), "the last fold alone"),
    ],
    "little_text": [
        (choosing(steps=50), "more steps"),
        (choosing(weight_decay=8, steps=200), "less decay"),
        (choosing(learning_rate=0.1, steps=60, weight_decay=0), "a lower learning rate"),
        (choosing(context_length=1, steps=300), "a longer context"),
        (choosing(context_length=8, steps=300), "a shorter context"),
        (choosing(d_hidden=256, weight_decay=0, learning_rate=0.01, steps=1_000), "a remedy"),
        (choosing(d_hidden=0), "d_hidden is a whole number from 8 to 256, but yours is 0."),
        (choosing(dropout=1), "dropout is a number from 0 to 0.9, but yours is 1."),
        (lambda: [64], "a dictionary with context_length"),
    ],
    "calibration_error": [
        (calibration(lambda total: sum(gap for gap, _ in total) / len(total)), "every bin counts the same"),
        (lambda c, r, n: calibration(lambda total: sum(gap for gap, _ in total))(c, r, n) / n, "the number of bins"),
        (calibration(lambda total: sum(gap for gap, _ in total)), "you add the gaps up"),
        (lambda c, r, n: len(c) * calibration(weighed)(c, r, n), "divide that by the number of all"),
        (calibration(lambda total: sum(gap * share**2 for gap, share in total)), "by its share twice"),
        (lambda c, r, n: len(c) * calibration(weighed)(c, r, n) / n, "not by the number of bins"),
        (calibration(lambda total: max(gap for gap, _ in total)), "the largest gap"),
        (calibration(weighed, gap=lambda gap: gap), "the absolute value is missing"),
        (lambda c, r, n: (c.mean() - r.float().mean()).item(), "the absolute value is missing"),
        (calibration(weighed, gap=lambda gap: gap**2), "these are squared gaps"),
        (lambda c, r, n: math.sqrt(calibration(weighed, gap=lambda gap: gap**2)(c, r, n)), "this is the root of"),
        (calibration(weighed, gap=lambda gap: max(0.0, -gap)), "too sure count"),
        (of_wrong_answers, "the share of *wrong* answers"),
        (lambda c, r, n: (r.float().mean() - c.mean()).abs(), "the means of all answers"),
        (lambda c, r, n: (r.float() - c).abs().mean(), "of each single answer"),
        (middle_of_bins, "its middle"),
        (edge_of_bins, "not its edge"),
        (upper_half, "you cut 0.5 to 1"),
        (of_the_range, "the range of the confidences"),
        (equal_sizes, "equally many answers"),
        (binned(lambda sure, n: round(sure * n), top=False), "round down"),
        (binned(lambda sure, n: min(int(sure * (n - 1)), n - 2)), "off by one"),
        (lambda c, r, n: binned(lambda sure, n: int(sure * n))(c, r, n + 1), "off by one"),
        (lambda c, r, n: binned(lambda sure, n: int(sure * n))(c, r, 10), "into 10 bins"),
        (gaps_of_sums, "not between two sums"),
        (binned(lambda sure, n: int(sure * n), top=False), "has a bin of its own"),
        (calibration(weighed, top=False), "falls out of the last bin"),
        (with_empty_bins, "an empty bin gives NaN"),
        (lambda c, r, n: 100 * calibration(weighed)(c, r, n), "times 100"),
    ],
}
