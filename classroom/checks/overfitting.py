"""Checks of the notebook overfitting."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from course_lib import metrics
from torch import Tensor
from torch.nn import functional as F

from classroom.checks import compare, exercise

__all__ = ["bag_of_vectors", "best_temperature", "calibration_error", "dropout", "early_stop", "first_step"]


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@exercise
def bag_of_vectors(answer: Any, seed: int) -> str:
    """bag_of_vectors(vectors, rows): the mean of the vectors of known words; rows of -1 are unknown."""

    def over(known: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
        def mean(vectors: Tensor, rows: Tensor) -> Tensor:
            found = vectors[known(rows)]
            return found.mean(0) if len(found) else torch.zeros(vectors.shape[1])

        return mean

    def known(rows: Tensor) -> Tensor:
        return rows[rows >= 0]

    mistakes = [
        (lambda v, r: v[r].mean(0), "row -1 means the last row to Python: leave unknown words out, rows[rows >= 0]."),
        (lambda v, r: v[known(r)].mean(0), "a review without a known word gives NaN: return zeros there."),
        (lambda v, r: v[known(r)].sum(0) / len(r), "divide by the number of known words, not by that of all words."),
        (lambda v, r: v[known(r)].sum(0), "this is the sum, so long reviews get long vectors: take the mean."),
        (lambda v, r: v[known(r)].mean(), "this is one number for all: take the mean over the words only, dim=0."),
        (lambda v, r: v[known(r)].mean(1), "this averages within each word's vector: average over the words, dim=0."),
        (over(lambda r: r[r > 0]), "row 0 is a word as well: known are the rows >= 0."),
        (over(lambda r: known(r).unique()), "a word that stands twice must count twice: keep repeated rows."),
        (over(lambda r: r.clamp(min=0)), "unknown words get the vector of row 0: leave them out."),
    ]
    vectors = torch.randn(11, 3, generator=_generator(seed)) + torch.arange(11)[:, None] / 4
    cases = [(torch.tensor([[1.0, 2.0], [3.0, 6.0]]), torch.tensor([0, 1]))]
    cases += [(vectors, torch.tensor(rows)) for rows in ([3, -1, 0, 7, 3, -1, 2], [-1, -1], [0, 5, 0, -1])]
    compare(answer, over(known), cases, mistakes)
    return "unknown words neither count nor weigh, and a review of unknown words is zero."


def _kept(losses: list[float | int], patience: int, ties: bool = False, last: bool = False, late: int = 0) -> int:
    best = 0
    for now, loss in enumerate(losses):
        if loss < losses[best] or (ties and loss <= losses[best]):
            best = now
        elif now - best >= patience + late:
            return now if last else best
    return len(losses) - 1 if last else best


def _counting(bad: Callable[[list[float | int], int, int, int], int]) -> Callable[..., int]:
    """Early stopping with another count of bad evaluations: bad(losses, now, best, count so far)."""

    def kept(losses: list[float | int], patience: int) -> int:
        best, count = 0, 0
        for now in range(1, len(losses)):
            count = bad(losses, now, best, count)
            best = now if losses[now] < losses[best] else best
            if count >= patience:
                break
        return best

    return kept


@exercise
def early_stop(answer: Any, seed: int) -> str:
    """early_stop(losses, patience): the number of the evaluation whose weights are kept."""
    rises = _counting(lambda x, now, best, count: count + 1 if x[now] >= x[now - 1] else 0)
    never_reset = _counting(lambda x, now, best, count: count + (x[now] >= x[best]))
    mistakes = [
        (lambda x, p: int(np.argmin(x)), "the run stops before this minimum: go through the losses one by one, and end "
         "when the patience is used up."),
        (lambda x, p: _kept(x, p, last=True), "this is where the run stops: the best evaluation came before, keep it."),
        (lambda x, p: _kept(x, p, late=1), "you stop an evaluation too late: `patience` in a row without a new best."),
        (lambda x, p: _kept(x, p, late=-1), "you stop an evaluation too early: `patience` in a row, no new best."),
        (lambda x, p: _kept(x, p, ties=True), "an equal loss is no improvement: a new best must be smaller, `<`."),
        (rises, "you compare with the loss just before: compare with the best so far."),
        (never_reset, "you count all evaluations without a new best: each new best sets the count back to 0."),
        (lambda x, p: _kept(x, 1), "you stop at the first loss without a new best: wait for `patience` of them."),
        (lambda x, p: len(x) - 1, "this is the last evaluation: the best so far is kept, and the run may end sooner."),
        (lambda x, p: x[_kept(x, p)], "this is the lowest loss: return its place in the list, counted from 0."),
        (lambda x, p: _kept(x, p) + 1, "places are counted from 0: yours is one too high."),
    ]  # fmt: skip
    cases = [([0.69, 0.50, 0.44, 0.47, 0.52, 0.60, 0.70], 2), ([3, 2, 4, 5, 1], 2), ([3, 2, 4, 5, 1], 3)]
    cases += [([5, 4, 4, 4, 3], 2), ([5, 6, 4, 5, 3, 4, 2, 6, 6, 6, 1], 3), ([9, 5, 7, 6, 8, 7, 4], 3)]
    cases += [([1.0], 3), ([4, 3, 2, 1], 1), ([1, 2, 0], 1)]
    cases += [(torch.randint(0, 30, (12,), generator=_generator(seed + i)).tolist(), 2 + i % 3) for i in range(20)]
    compare(answer, _kept, cases, mistakes)
    return "the best so far is kept, and a later one that the run never reaches does not count."


@exercise
def dropout(answer: Any, seed: int) -> str:
    """dropout(x, p, noise): 0 where noise < p, the rest scaled by 1 / (1 - p)."""

    def dropped(scale: Callable[[float | int, Tensor], Any], turned: bool = False) -> Callable[..., Tensor]:
        def of(x: Tensor, p: float | int, noise: Tensor) -> Tensor:
            kept = noise < p if turned else noise >= p
            return x * kept * scale(p, kept)

        return of

    mistakes = [
        (dropped(lambda p, kept: 1), "the scale is missing: divide what stays by 1 - p, to keep the expected sum."),
        (dropped(lambda p, kept: 1 - p), "you multiply by 1 - p: divide by it, since the numbers that stay must grow."),
        (dropped(lambda p, kept: 1 / p if p else 0), "you divide by p: the share that stays is 1 - p."),
        (dropped(lambda p, kept: 1 / (1 - p), True), "you keep what should go: a number is dropped where noise < p."),
        (dropped(lambda p, kept: 1 / p if p else 0, True), "p is the share that is dropped, not that is kept."),
        (dropped(lambda p, kept: 1, True), "you keep what should go (noise < p), and the scale 1 / (1 - p) fails."),
        (dropped(lambda p, kept: kept.numel() / kept.sum()), "you divide by the share that happened to stay: divide by "
         "1 - p, the share that stays on average."),
        (lambda x, p, noise: x * (noise > p) / (1 - p), "a number whose noise equals p stays: below p means <."),
        (lambda x, p, noise: (noise >= p) / (1 - p), "this is the mask, scaled: multiply x by it."),
        (dropped(lambda p, kept: 1 + p), "you multiply by 1 + p: divide by 1 - p, the share that stays."),
        (lambda x, p, noise: x[noise >= p] / (1 - p), "dropped numbers must stay in their places, as 0."),
    ]  # fmt: skip
    x = torch.randn(5, 7, generator=_generator(seed)) + 3
    noise = torch.rand(5, 7, generator=_generator(seed + 1))
    hand = (torch.tensor([1.0, 2.0, 3.0, 4.0]), 0.5, torch.tensor([0.9, 0.1, 0.5, 0.7]))
    cases = [hand, (x, 0.2, noise), (x, 0.8, noise), (x, 0.0, noise)]
    compare(answer, dropped(lambda p, kept: 1 / (1 - p)), cases, mistakes)
    return "the expected value of every number is what it was."


@exercise
def first_step(answer: Any, seed: int) -> str:
    """first_step(weight, gradient, learning_rate, decay): the weight after AdamW's first step."""

    def adam(gradient: Tensor) -> Tensor:
        return gradient / (gradient.abs() + 1e-8)

    small = "a gradient as small as 1e-8 moves a weight only half as far: divide by |gradient| + 1e-8."
    mistakes = [
        (lambda w, g, lr, d: w - lr * adam(g + d * w), "this is L2 within Adam, which divides the decay by its own "
         "size, too: take learning_rate * decay * weight away from the weight itself."),
        (lambda w, g, lr, d: w - lr * adam(g), "the decay is missing: take learning_rate * decay * weight away."),
        (lambda w, g, lr, d: w - lr * adam(g) - d * w, "the decay must be multiplied by the learning rate as well."),
        (lambda w, g, lr, d: w - lr * adam(g) + lr * d * w, "the decay has the wrong sign: it makes weights smaller."),
        (lambda w, g, lr, d: (w - lr * adam(g)) * (1 - lr * d), "you let the new weight decay: the weight before the "
         "step is meant."),
        (lambda w, g, lr, d: w - lr * g - lr * d * w, "this is plain gradient descent with decay: Adam divides the "
         "gradient by its size, |gradient| + 1e-8."),
        (lambda w, g, lr, d: w + lr * adam(g) - lr * d * w, "the step goes uphill: Adam's part must be taken away."),
        (lambda w, g, lr, d: w - lr * adam(g) - lr * d * w.square(), "the decay is proportional to the weight, not to "
         "its square."),
        (lambda w, g, lr, d: w - lr * adam(g) - lr * d * w.sign(), "this takes the same from every weight, as L1 does: "
         "multiply by the weight."),
        (lambda w, g, lr, d: -lr * adam(g) - lr * d * w, "this is the change: return the weights after it."),
        (lambda w, g, lr, d: w - lr * g.sign() - lr * d * w, small),
        (lambda w, g, lr, d: w - lr * g / (g.square() + 1e-8).sqrt() - lr * d * w, small),
        (lambda w, g, lr, d: w - lr * g / (g.norm() + 1e-8) - lr * d * w, "you divide by the length of the whole "
         "gradient: each weight's is divided by its own size, gradient.abs()."),
        (lambda w, g, lr, d: w - lr * g / g.abs() - lr * d * w, "a gradient of 0 gives 0 / 0, NaN: divide by "
         "|gradient| + 1e-8."),
    ]  # fmt: skip
    weight, gradient = torch.randn(2, 7, generator=_generator(seed)) * 3
    hand = (torch.tensor([1.0, -2.0]), torch.tensor([0.0, 0.5]), 0.1, 0.5)
    cases = [hand, (weight, gradient, 0.2, 0.3), (weight, gradient * 0, 0.3, 0.7), (weight, gradient, 0.2, 0.0)]
    cases += [(weight, gradient * 1e-8, 0.4, 0.1)]
    compare(answer, lambda w, g, lr, d: w - lr * adam(g) - lr * d * w, cases, mistakes)
    return "a weight without a gradient shrinks by the share learning_rate · decay, and no more."


@exercise
def best_temperature(answer: Any, seed: int) -> str:
    """best_temperature(logits, targets, candidates): the candidate T with the least cross-entropy of logits / T."""

    def chosen(score: Callable[[Tensor, Tensor, float | int], Tensor]) -> Callable[..., float]:
        return lambda x, y, candidates: float(min(candidates, key=lambda t: score(x, y, t).item()))

    def loss(x: Tensor, y: Tensor, t: float | int) -> Tensor:
        return F.cross_entropy(x / t, y)

    right = chosen(loss)
    log_missing = "the softmax or its logarithm is missing: use F.cross_entropy."
    mistakes = [
        (lambda x, y, c: c.index(right(x, y, c)), "this is the place of the best candidate: return the candidate."),
        (lambda x, y, c: loss(x, y, right(x, y, c)).item(), "this is the lowest cross-entropy: return the candidate."),
        (chosen(lambda x, y, t: F.cross_entropy(x * t, y)), "you multiply by the temperature: divide logits by it."),
        (chosen(lambda x, y, t: -loss(x, y, t)), "this temperature gives the highest cross-entropy: take the lowest."),
        (chosen(lambda x, y, t: -(x.argmax(1) == y).double().mean()), "accuracy cannot choose, since no temperature "
         "changes an answer: use the cross-entropy."),
        (chosen(lambda x, y, t: F.cross_entropy(x.softmax(1) / t, y)), "you divide the probabilities: divide the "
         "logits, before the softmax."),
        (chosen(lambda x, y, t: -(x / t).gather(1, y[:, None]).mean()), log_missing),
        (chosen(lambda x, y, t: -(x / t).softmax(1).gather(1, y[:, None]).mean()), log_missing),
        (chosen(lambda x, y, t: F.cross_entropy((x / t).softmax(1), y)), "F.cross_entropy takes the softmax itself: "
         "give it the logits."),
    ]  # fmt: skip
    cases = []
    for number, factor in enumerate((3.0, 0.4, 1.0)):
        logits = torch.randn(211, 2, generator=_generator(seed + number)) * 1.5
        noise = torch.rand(211, generator=_generator(seed + number + 100))
        candidates = [0.25, 4.0, 0.5, 1.0, 2.0, 3.0, 1.5][:: -1 if number % 2 else 1]
        cases.append((logits * factor, (noise < logits.softmax(1)[:, 1]).long(), candidates))
    compare(answer, right, cases, mistakes)
    return "above 1 the model was too sure of itself, below 1 too timid; its answers stay the same."


def _over_bins(
    gap: Callable[..., Tensor],
    total: Callable[..., Tensor],
    top: bool = True,
    low: float | int = 0,
    middle: bool = False,
) -> Callable[..., float]:
    """The error with another gap or sum, without the clamp, with bins from `low` up, or from the bins' middles."""

    def error(confidence: Tensor, correct: Tensor, n_bins: int) -> float:
        bins = ((confidence - low) / (1 - low) * n_bins).long()
        bins = bins.clamp(max=n_bins - 1) if top else bins
        gaps, sizes = [], []
        for number in bins.unique():
            inside = bins == number
            sure = (number + 0.5) / n_bins if middle else confidence[inside].mean()
            gaps.append(gap(sure, correct[inside].double().mean()))
            sizes.append(inside.sum())
        return float(total(torch.stack(gaps).double(), torch.stack(sizes) / len(bins)))

    return error


def _absolute(sure: Tensor, right: Tensor) -> Tensor:
    return (right - sure).abs()


def _mean(gaps: Tensor, shares: Tensor) -> Tensor:
    return (gaps * shares).sum()


@exercise
def calibration_error(answer: Any, seed: int) -> str:
    """calibration_error(confidence, correct, n_bins): the mean gap of confidence and share correct, bin by bin."""

    signed = "the absolute value is missing, so that bins above and below cancel out."
    mistakes = [
        (_over_bins(_absolute, lambda g, s: g.mean()), "every bin counts the same: weigh it by its share of items."),
        (lambda c, r, n: _over_bins(_absolute, lambda g, s: g.sum())(c, r, n) / n, "you divide by the number of bins: "
         "weigh each by its share of the items."),
        (_over_bins(_absolute, lambda g, s: g.sum()), "you add the gaps up: weigh each by its share of the items."),
        (lambda c, r, n: _over_bins(_absolute, _mean)(c, r, n) * len(c), "you weigh each bin by its number of items: "
         "divide that by the number of all."),
        (_over_bins(_absolute, lambda g, s: g.max()), "this is the largest gap: the mean over all items is wanted."),
        (_over_bins(lambda sure, right: right - sure, _mean), signed),
        (_over_bins(lambda sure, right: sure - right, _mean), signed),
        (_over_bins(lambda sure, right: (sure - right).square(), _mean), "these are squares: take absolute gaps."),
        (lambda c, r, n: (r.double().mean() - c.mean()).abs(), "this compares the means of all items: use bins."),
        (lambda c, r, n: (r.double() - c).abs().mean(), "this is the gap item by item: average within bins first."),
        (_over_bins(_absolute, _mean, middle=True), "take the mean confidence in a bin, not its middle."),
        (_over_bins(_absolute, _mean, low=0.5), "you cut 0.5 to 1 into bins: cut from 0 to 1."),
        (_over_bins(_absolute, _mean, top=False), "a confidence of exactly 1 has a bin of its own: it is in the last."),
        (lambda c, r, n: _over_bins(_absolute, _mean)(c[c < 1], r[c < 1], n) * (c < 1).double().mean(), "a confidence "
         "of exactly 1 falls out of the last bin: let a bin hold its upper edge."),
    ]  # fmt: skip
    cases = [(torch.tensor([0.9, 0.7, 0.85, 0.72]), torch.tensor([True, False, True, True]), 5)]
    for number, n_bins in ((0, 10), (1, 7)):
        confidence = 0.5 + 0.5 * torch.rand(97, generator=_generator(seed + number)).double()
        chance = 1.5 - 0.8 * confidence if number else confidence**2
        correct = torch.rand(97, generator=_generator(seed + number + 50)) < chance
        confidence[:5], correct[:5] = 1.0, torch.tensor([True, True, False, True, False])
        cases.append((confidence, correct, n_bins))
    compare(answer, lambda c, r, n: metrics.calibration_error(c.double().numpy(), r.numpy(), n), cases, mistakes)
    return "each bin weighs as much as it holds, and empty bins nothing."
