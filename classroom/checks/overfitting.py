"""Exercises of the notebook overfitting."""

import numpy as np
import torch
from course_lib import files
from experiments.shared import worst_by_change
from experiments.tables import little_text as table

from classroom.answers import Mistake
from classroom.choices import demand_names, demand_whole_numbers
from classroom.exercise import case, exercise, experiment

__all__ = ["calibration_error", "cross_validated", "early_stop", "halving_decays", "little_text"]


def _generator(seed):
    return torch.Generator().manual_seed(seed)


def _best(losses, best, now):
    return best


def _last(losses, best, now):
    return now


def _against_the_past(losses, patience):
    """The mistake of stopping where the loss is not lower than that of `patience` evaluations ago."""
    for now in range(patience, len(losses)):
        if losses[now] >= losses[now - patience]:
            return int(np.argmin(losses[: now + 1]))
    return int(np.argmin(losses))


@exercise(
    praise="the best so far is kept, and a later one that the run never reaches does not count.",
    cases=lambda seed: [
        ([0.69, 0.50, 0.44, 0.47, 0.52, 0.60, 0.70], 2),
        ([3, 2, 4, 5, 1], 2),
        ([9, 5, 7, 6, 8, 7, 4], 3),
        ([5, 6, 4, 5, 3, 4, 2, 6, 6, 6, 1], 3),
        case([5, 4, 4, 4, 3], 2, edge="equal losses"),
        case([4, 5, 3, 3, 6, 2, 7], 3, edge="equal losses"),
        case([5, 4, 4, 6, 6, 6], 2, edge="equal losses"),
        case([1, 2, 0], 1, edge="a patience of 1"),
        case([4, 3, 2, 1], 1, edge="losses that fall to the end"),
        case([5, 3, 4], 2, edge="a list that ends before the patience is used up"),
        case([3, 2, 4, 5, 1], 4, edge="a list that ends before the patience is used up"),
        case([6, 2, 7, 5, 4], 5, edge="a list that ends before the patience is used up"),
        case([5, 3, 4, 4], 2, edge="a patience that is used up at the end of the list"),
        case([1.0], 3, edge="a single evaluation"),
        *((torch.randint(0, 30, (12,), generator=_generator(seed + n)).tolist(), 2 + n % 3) for n in range(20)),
    ],
    wrong={
        "the run stops before this minimum: go through the losses one by one, and end when the patience is used up.": {
            "used_up": lambda waited, patience: False
        },
        "this is where the run stops: the best evaluation came before, keep it.": [
            {"stopped": _last, "ended": _last},
            {"stopped": _last},
        ],
        "where the list ends before the patience is used up, the best so far is kept, too, not the last.": {"ended": _last},
        "this is the last evaluation: the best so far is kept, and the run may end sooner.": lambda losses, patience: len(losses) - 1,
        "going back `patience` evaluations finds the best only if the run was stopped: the list may end sooner.": (
            lambda losses, patience: early_stop.right(losses, patience, stopped=_last, ended=_last) - patience
        ),
        "the last evaluation counts as well: your loop ends one too soon.": lambda losses, patience: early_stop.right(losses[:-1], patience),
        "you stop an evaluation too late: stop when `patience` in a row have not been lower than the best.": {
            "used_up": lambda waited, patience: waited > patience
        },
        "you stop an evaluation too early: stop when `patience` in a row have not been lower than the best.": [
            {"used_up": lambda waited, patience: waited >= patience - 1},
            {"used_up": lambda waited, patience: 0 < waited >= patience - 1},
            {"used_up": lambda waited, patience: 0 < waited == patience - 1},
        ],
        "you stop at the first loss that is not lower: wait for `patience` of them.": {"used_up": lambda waited, patience: waited >= 1},
        "an equal loss is no improvement: a new best must be lower.": {"better": lambda losses, now, best: losses[now] <= losses[best]},
        "an equal loss is not better: it counts as one more evaluation without a new best.": {
            "count": lambda improved, waited, losses, now, best: 0 if losses[now] <= losses[best] else waited + 1
        },
        "lower is better: you keep the highest loss.": {"better": lambda losses, now, best: losses[now] > losses[best]},
        "a loss below the one just before it is not yet the best so far: compare with the best.": {
            "better": lambda losses, now, best: losses[now] < losses[now - 1]
        },
        "you wait for `patience` losses that are not lower than the one just before: compare with the best so far.": [
            {"count": lambda improved, waited, losses, now, best: 0 if losses[now] < losses[now - 1] else waited + 1},
            {"count": lambda improved, waited, losses, now, best: 0 if losses[now] <= losses[now - 1] else waited + 1},
            {"count": lambda improved, waited, losses, now, best: waited + (losses[now] >= losses[max(now - 1, 0)])},
        ],
        "you count all evaluations without a new best: each new best sets the count back to 0.": {
            "count": lambda improved, waited, losses, now, best: waited + (not improved)
        },
        "a new best sets the count back to 0, not to 1: only what comes after it is counted.": {
            "count": lambda improved, waited, losses, now, best: 1 if improved else waited + 1
        },
        "you compare with the loss of `patience` evaluations ago: compare with the best so far.": _against_the_past,
        "the patience counts evaluations without a new best, not evaluations from the beginning.": [
            lambda losses, patience: int(np.argmin(losses[:patience])),
            lambda losses, patience: int(np.argmin(losses[: patience + 1])),
        ],
        "this is the lowest loss: return its position in the list, counted from 0.": {
            "stopped": lambda losses, best, now: losses[best],
            "ended": lambda losses, best, now: losses[best],
        },
        "positions are counted from 0: yours is one too high.": {
            "stopped": lambda losses, best, now: best + 1,
            "ended": lambda losses, best, now: best + 1,
        },
        "this is one before the best: the evaluation with the lowest loss so far is kept.": {
            "stopped": lambda losses, best, now: best - 1,
            "ended": lambda losses, best, now: best - 1,
        },
    },
)
def early_stop(
    losses,
    patience,
    *,
    better=lambda losses, now, best: losses[now] < losses[best],
    count=lambda improved, waited, losses, now, best: 0 if improved else waited + 1,
    used_up=lambda waited, patience: waited >= patience,
    stopped=_best,
    ended=_best,
):
    """The position of the evaluation that early stopping keeps."""
    best, waited = 0, -1  # so that the first evaluation has waited for none
    for now in range(len(losses)):
        improved = better(losses, now, best)
        waited = count(improved, waited, losses, now, best)
        if improved:
            best = now
        elif used_up(waited, patience):
            return stopped(losses, best, now)
    return ended(losses, best, len(losses) - 1)


def _bins(confidence, n_bins):
    return (confidence * n_bins).long().clamp(max=n_bins - 1)


def _answers(seed, n_bins, n, low=0.5, fall=False):
    """Confidences from `low` to 1, five of them exactly 1, and which answers were right."""
    confidence = low + (1 - low) * torch.rand(n, generator=_generator(seed)).double()
    correct = torch.rand(n, generator=_generator(seed + 50)) < (1.5 - 0.8 * confidence if fall else confidence**2)
    confidence[:5], correct[:5] = 1.0, torch.tensor([True, True, False, True, False])
    return confidence, correct, n_bins


@exercise(
    praise="each bin weighs as much as it holds, and empty bins nothing.",
    cases=lambda seed: [
        (torch.tensor([0.91, 0.68, 0.86, 0.72]), torch.tensor([True, False, True, True]), 5),
        _answers(seed, 12, 97),
        _answers(seed + 1, 7, 83, fall=True),
        _answers(seed + 2, 3, 61, low=0.0, fall=True),
        case(
            torch.tensor([1.0, 0.8, 1.0, 0.3]),
            torch.tensor([False, True, True, True]),
            4,
            edge="a confidence of exactly 1",
        ),
        case(torch.tensor([0.3, 0.9, 0.4, 0.8]), torch.tensor([True, True, False, True]), 2, edge="no empty bin"),
    ],
    wrong={
        "every bin counts the same: weight it by its share of the answers.": {"total": lambda gaps, sizes, n: gaps.mean()},
        "you divide by the number of bins: weight each by its share of the answers.": {"total": lambda gaps, sizes, n: gaps.sum() / n},
        "you add the gaps up: weight each by its share of the answers.": {"total": lambda gaps, sizes, n: gaps.sum()},
        "you weight each bin by its number of answers: divide that by the number of all.": {"total": lambda gaps, sizes, n: (gaps * sizes).sum()},
        "each bin is weighted by its share twice.": {"total": lambda gaps, sizes, n: (gaps * (sizes / sizes.sum()).square()).sum()},
        "divide by the number of all answers, not by the number of bins.": {"total": lambda gaps, sizes, n: (gaps * sizes).sum() / n},
        "this is the largest gap: the mean over all answers is wanted.": {"total": lambda gaps, sizes, n: gaps.max()},
        "the absolute value is missing, so bins above and below cancel out.": [
            {"gap": lambda sure, right: right - sure},
            {"gap": lambda sure, right: sure - right},
        ],
        "these are squared gaps: take absolute ones.": {"gap": lambda sure, right: (sure - right).square()},
        "this is the root of the mean squared gap: take the mean of absolute gaps.": {
            "gap": lambda sure, right: (sure - right).square(),
            "end": torch.sqrt,
        },
        "only bins that are too sure count in yours: take the absolute gap.": {"gap": lambda sure, right: (sure - right).clamp(min=0)},
        "you compare the confidence with the share of *wrong* answers: take the share that is right.": {"gap": lambda sure, right: (sure - (1 - right)).abs()},
        "gaps of different sign cancel here, as in the means of all answers: take each bin's absolute value, then add up.": {
            "bins": lambda confidence, n_bins: torch.zeros_like(confidence).long()
        },
        "this is the gap of each single answer: average within the bins first.": lambda c, r, n: (r.double() - c).abs().mean(),
        "take the mean confidence in a bin, not its middle.": {"sure": lambda inside, number, n_bins: (number + 0.5) / n_bins},
        "take the mean confidence in a bin, not its edge.": [
            {"sure": lambda inside, number, n_bins: number / n_bins},
            {"sure": lambda inside, number, n_bins: (number + 1) / n_bins},
        ],
        "you cut 0.5 to 1 into bins: cut 0 to 1.": {"bins": lambda c, n: ((c - 0.5) / 0.5 * n).floor().clamp(max=n - 1)},
        "you cut the range of the confidences into bins: cut 0 to 1.": {"bins": lambda c, n: ((c - c.min()) / (c.max() - c.min()) * n).long().clamp(max=n - 1)},
        "your bins hold equally many answers: cut 0 to 1 into bins of equal width.": {"bins": lambda c, n: c.argsort().argsort() * n // len(c)},
        "you round to the nearest edge of a bin: round down to find the number of the bin.": {"bins": lambda c, n: (c * n).round().long()},
        "the number of bins is off by one: n_bins of them have n_bins + 1 edges.": [
            {"bins": lambda c, n: _bins(c, n - 1)},
            {"bins": lambda c, n: _bins(c, n + 1)},
        ],
        "you cut into 10 bins, whatever `n_bins` is.": {"bins": lambda c, n: _bins(c, 10)},
        "the gap of a bin is between two means, not between two sums.": {"total": lambda gaps, sizes, n: (gaps * sizes.square() / sizes.sum()).sum()},
        "a confidence of exactly 1 has a bin of its own: it belongs to the last.": {"bins": lambda c, n: (c * n).long()},
        "a confidence of exactly 1 falls out of the last bin: let that bin hold its upper edge.": [
            lambda c, r, n: calibration_error.right(c[c < 1], r[c < 1], n) * (c < 1).double().mean(),
            lambda c, r, n: calibration_error.right(c[c < 1], r[c < 1], n),
        ],
        "an empty bin gives NaN, the mean of nothing: skip it.": {"numbers": lambda bins, n_bins: torch.arange(n_bins)},
    },
)
def calibration_error(
    confidence,
    correct,
    n_bins,
    *,
    bins=_bins,
    numbers=lambda bins, n_bins: bins.unique(),
    sure=lambda inside, number, n_bins: inside.mean(),
    gap=lambda sure, right: (sure - right).abs(),
    total=lambda gaps, sizes, n_bins: (gaps * sizes / sizes.sum()).sum(),
    end=float,
):
    """The mean over all answers of their bin's gap between confidence and share right."""
    found = bins(confidence, n_bins)
    masks = [found == number for number in numbers(found, n_bins)]
    gaps = [gap(sure(confidence[mask], number, n_bins), correct[mask].double().mean()) for mask, number in zip(masks, numbers(found, n_bins), strict=True)]
    return end(total(torch.stack(gaps), torch.stack([mask.sum() for mask in masks]), n_bins))


RUNS = (np.full(1_000, 0.001), np.full(1_000, 0.01), np.linspace(0.01, 0, 1_001)[:-1])  # the learning rate of every step


def _told(share):
    """What is left of a weight, coarsely, so that 0.69 and 0.7 in place of ln 2 are the same mistake."""
    if 0.485 <= share <= 0.515:
        return "half is left"
    halvings = -np.log2(share) if share else np.inf
    return f"it is halved {halvings:.{0 if halvings > 2 else 1}f} times"


def _what_is_left(answer):
    """What is compared of three decays: what each run leaves of a weight without a gradient."""

    def left():
        decays = [float(decay) for decay in answer()]
        if len(decays) != len(RUNS):
            raise Mistake(f"three decays are expected, one for each run, but you return {len(decays)}.")
        if not all(decay > 0 for decay in decays):
            raise Mistake("a decay is a number above 0.")
        shares = [float(np.prod(1 - rates * decay)) for rates, decay in zip(RUNS, decays, strict=True)]
        return [_told(abs(share)) for share in shares]

    return left


@exercise(
    kind="design",
    through=_what_is_left,
    praise="in each run the learning rates times the decay add up to ln 2, and half of the weight is left.",
    cases=lambda seed: [()],
    wrong={
        "with ten times the learning rate a tenth of the decay is needed: their product is what one step takes away.": [
            {"decays": (0.693, 0.693, 0.693)},
            {"decays": (0.0693, 0.0693, 0.0693)},
        ],
        "in the third run the learning rate falls: add up the learning rates of all steps.": {"decays": (0.693, 0.0693, 0.0693)},
        "each step takes its share of what is left, not of the first weight: to halve it, the shares add up to more than a half.": {"decays": (0.5, 0.05, 0.1)},
        "these are the products: a step multiplies the decay by the learning rate, so divide by it.": [
            {"decays": (0.000693, 0.000693, 0.000693)},
            {"decays": (0.0005, 0.0005, 0.0005)},
        ],
        "this halves the weight in a single step: spread it over all 1,000.": [{"decays": (500, 50, 50)}, {"decays": (500, 50, 100)}],
    },
)
def halving_decays(*, decays=(0.693, 0.0693, 0.1386)):
    """The weight decay of each run, in the order of the runs."""
    return decays


def _gaps(x, y):
    return x[y == 1].mean(axis=0) - x[y == 0].mean(axis=0)


def _table(seed, signal=0.0, rows=60, columns=400):
    """Random columns, of which the first few tell the label where there is a signal."""
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.arange(rows) % 2)
    inputs = generator.normal(size=(rows, columns))
    inputs[:, :3] += signal * labels[:, None]
    return inputs, labels


def _chosen_on_all_rows(inputs, labels, n_folds, n_kept):
    """As the reader finds it: the labels of the held-out fold help to choose the columns."""
    everything = np.full(len(labels), True)
    return cross_validated.right(inputs, labels, n_folds, n_kept, choosing=lambda x, y, train, folds: everything)


@exercise(
    kind="debug",
    found=_chosen_on_all_rows,
    praise="no label of a held-out fold took part in anything that was done before its score, and noise scores like noise.",
    cases=lambda seed: [
        *((*_table(seed + n), 5, 10) for n in range(3)),
        *((*_table(seed + 9 + n, signal=1.0), 6, 5) for n in range(3)),
        (*_table(seed + 20, signal=0.7, columns=50), 10, 3),
    ],
    wrong={
        "the columns are chosen on the held-out fold: choose them on the training rows.": {"choosing": lambda x, y, train, folds: ~train},
        "the columns are chosen once, on the training rows of one fold: the rows of the other folds took part in that choice. Choose anew for every fold.": [
            {"choosing": lambda x, y, train, folds: folds != 0},
            {"choosing": lambda x, y, train, folds: folds == 0},
        ],
        "the columns are right, but the class means come from all rows: take the training rows.": {"fitting": lambda train: np.full(len(train), True)},
        "the classifier is scored on the rows that it was fitted on: score it on the held-out fold.": {"scored": lambda train: train},
        "it is scored on all rows, and most of them it was fitted on: score it on the held-out fold.": {"scored": lambda train: np.full(len(train), True)},
        "it is fitted and scored on the same held-out rows: fit it on the training rows.": {"fitting": lambda train: ~train},
        "these are the columns with the smallest gaps: keep those with the largest.": {"keep": lambda gaps, k: abs(gaps).argsort()[:k]},
        "a large gap may be negative, too: take its absolute value.": {"keep": lambda gaps, k: gaps.argsort()[-k:]},
        "all columns are used: keep those with the largest gaps.": {"keep": lambda gaps, k: np.arange(len(gaps))},
        "the answers are reversed: a row belongs to the class whose mean is nearer.": {"nearest": lambda distances: distances[1] > distances[0]},
        "this is the number of right answers: divide it by the number of rows.": {"end": lambda right, n, parts: right},
        "this is the score of the last fold alone: count the right answers of all folds.": {"end": lambda right, n, parts: parts[-1].mean()},
    },
)
def cross_validated(
    inputs,
    labels,
    n_folds,
    n_kept,
    *,
    choosing=lambda x, y, train, folds: train,
    fitting=lambda train: train,
    scored=lambda train: ~train,
    keep=lambda gaps, k: abs(gaps).argsort()[-k:],
    nearest=lambda distances: distances[1] < distances[0],
    end=lambda right, n, parts: right / n,
):
    """The accuracy of a nearest-mean classifier on held-out folds, with the n_kept columns that differ most."""
    folds = np.arange(len(labels)) % n_folds
    parts = []
    for fold in range(n_folds):
        train = folds != fold
        chosen, fitted, judged = choosing(inputs, labels, train, folds), fitting(train), scored(train)
        kept = keep(_gaps(inputs[chosen], labels[chosen]), n_kept)
        x, y = inputs[fitted][:, kept], labels[fitted]
        means = [x[y == label].mean(axis=0) for label in (0, 1)]
        distances = [np.square(inputs[judged][:, kept] - mean).sum(axis=1) for mean in means]
        parts.append(nearest(distances) == labels[judged])
    right = sum(part.sum() for part in parts)
    return end(right, sum(map(len, parts)), parts)


_WHOLE = {"context_length": (1, 8), "d_hidden": (8, 256), "steps": (50, 1_000)}
_NUMBERS = {"dropout": (0, 0.9), "weight_decay": (0, 10), "learning_rate": (0.0001, 0.1)}


def _stored():
    """The choices of the table with the text that the reader's choice gets."""
    rows = files.load_results("little_text")["rows"]
    return [row for row in rows if row["read"] == 10_000 and row["seed"] == 0]


BETTER = {"context_length": 3, "d_hidden": 64, "dropout": 0.0, "weight_decay": 0.3, "learning_rate": 0.003, "steps": 1_000}


@experiment(
    goal=3.65,
    unit="bits per character on a sample of the validation plays",
    stored=lambda: worst_by_change(_stored(), table.CHOICE, "bits"),
    advice={
        "more steps: the network has hardly begun.": lambda choice: choice["steps"] * choice["learning_rate"] < 0.5,
        "less decay: each step takes away more than 1% of every weight.": lambda choice: choice["learning_rate"] * choice["weight_decay"] > 0.01,
        "a lower learning rate.": lambda choice: choice["learning_rate"] > 0.02,
        "a longer context: one character says little about the next.": lambda choice: choice["context_length"] < 2,
        "a shorter context: of 10,000 characters, most contexts as long as this occur once.": lambda choice: choice["context_length"] > 4,
        "a remedy: decay, dropout, or a smaller hidden layer.": lambda choice: not choice["weight_decay"] and not choice["dropout"] and choice["d_hidden"] > 64,
        "other values nearby.": lambda choice: True,
    },
    wrong={
        "more steps": lambda: BETTER | {"steps": 50},
        "less decay": lambda: BETTER | {"weight_decay": 10, "steps": 200},
        "a lower learning rate": lambda: BETTER | {"learning_rate": 0.1, "steps": 50, "weight_decay": 0},
        "a longer context": lambda: BETTER | {"context_length": 1, "steps": 300},
        "a shorter context": lambda: BETTER | {"context_length": 8, "steps": 300},
        "a remedy": lambda: BETTER | {"d_hidden": 256, "weight_decay": 0, "steps": 1_000, "learning_rate": 0.01},
        "d_hidden is a whole number from 8 to 256, but yours is 0.": lambda: BETTER | {"d_hidden": 0},
        "dropout is a number from 0 to 0.9, but yours is 1.": lambda: BETTER | {"dropout": 1},
        "a dictionary with context_length, d_hidden, dropout, weight_decay, learning_rate, steps": lambda: {"d_hidden": 64},
    },
)
def little_text(choice, seed):
    """Bits per character of a network that learned from 10,000 characters with these settings."""
    demand_names(choice, table.CHOICE)
    demand_whole_numbers(choice, _WHOLE)
    for name, (low, high) in _NUMBERS.items():
        if not isinstance(choice[name], int | float) or not low <= choice[name] <= high:
            raise Mistake(f"{name} is a number from {low} to {high}, but yours is {choice[name]}.")
    return table.score(0, **choice)[1][0]  # one seed, so that choices can be compared
