"""Exercises of the notebook overfitting."""

import operator

import numpy as np
import torch
from torch.nn import functional as F

from classroom.exercise import case, exercise

__all__ = ["bag_of_vectors", "best_temperature", "calibration_error", "dropout", "early_stop", "first_step"]


def _generator(seed):
    return torch.Generator().manual_seed(seed)


def _random(seed, *shape):
    return torch.randn(shape, generator=_generator(seed))


def _rows(*rows):
    return torch.tensor(rows)


def _known(rows):
    return rows[rows >= 0]


@exercise(
    praise="unknown words neither count nor weigh, and a review of unknown words is zero.",
    cases=lambda seed: [
        (torch.tensor([[1.0, 2.0], [3.0, 6.0]]), _rows(0, 1)),
        *(
            (_random(seed, 11, 3) + torch.arange(11)[:, None] / 4, _rows(*rows))
            for rows in ([3, -1, 0, 7, 3, -1, 2], [0, 5, 0, -1], [6, 9, 9, 4, 1], [-1, -1, 8, 2, -1])
        ),
        case(_random(seed + 1, 7, 5), _rows(-1, 4), edge="a single known word"),
        case(_random(seed + 1, 7, 5), _rows(-1, -1), edge="a review without a known word"),
    ],
    wrong={
        "a review without a known word needs an answer of its own, zeros: the mean of nothing is NaN.": {"none": lambda vectors, mean: mean(vectors[:0])},
        "the zeros for a review without a known word need the form of a vector: one for each column of `vectors`.": [
            {"none": none}
            for none in (
                lambda vectors, mean: torch.zeros(len(vectors)),
                lambda vectors, mean: torch.zeros(()),
                lambda vectors, mean: torch.zeros(1),
                lambda vectors, mean: torch.zeros(1, vectors.shape[1]),
                lambda vectors, mean: torch.zeros_like(vectors),
            )
        ],
        "row -1 is the last row to Python: leave unknown words out.": {"known": lambda rows: rows},
        "unknown words get the vector of row 0: leave them out.": {"known": lambda rows: rows.clamp(min=0)},
        "unknown words get the vector of row 1: -1 means unknown, so leave them out.": {"known": torch.abs},
        "row 0 is a word as well: known are the rows from 0 up.": {"known": lambda rows: rows[rows > 0]},
        "a word that occurs twice counts twice: keep repeated rows.": {"known": lambda rows: _known(rows).unique()},
        "you stop at the first unknown word: skip it, and go on.": {"known": lambda rows: rows[(rows < 0).cumsum(0) == 0]},
        "one unknown word turns your whole result into zeros: average over the words that are known.": {
            "known": lambda rows: rows if (rows >= 0).all() else rows[:0]
        },
        "you leave out the words at the wrong positions: choose the rows that are not -1.": {"known": lambda rows: rows[rows < 0]},
        "the mask `rows >= 0` chooses among the rows: index `rows` with it, then `vectors` with the result.": [
            lambda vectors, rows: bag_of_vectors.right(vectors, (rows >= 0).long()),
            lambda vectors, rows: vectors[: len(rows)][rows >= 0].mean(0),
            {"known": lambda rows: torch.arange(len(rows))[rows >= 0]},
        ],
        "divide by the number of known words, not by that of all words.": lambda vectors, rows: vectors[_known(rows)].sum(0) / len(rows),
        "you divide by one more than the number of known words.": {"mean": lambda found: found.sum(0) / (len(found) + 1)},
        "divide by the number of words, not by the length of a vector.": {"mean": lambda found: found.sum(0) / found.shape[1]},
        "this is the sum, so long reviews get large vectors: take the mean.": {"mean": lambda found: found.sum(0)},
        "this is the maximum or the median of each column: take the mean.": [
            {"mean": lambda found: found.amax(0)},
            {"mean": lambda found: found.median(0).values},
        ],
        "this is one number for all: take the mean over the words only, dim=0.": {"mean": torch.mean},
        "this averages within each word's vector: average over the words, dim=0.": {"mean": lambda found: found.mean(1)},
        "these are the vectors of the known words: their mean is wanted.": {"mean": lambda found: found},
        "an axis of length 1 is left over: return one vector.": {"mean": lambda found: found.mean(0, keepdim=True)},
        "this is a unit vector: return the mean as it is.": {"mean": lambda found: F.normalize(found.mean(0), dim=0)},
        "this is the mean of row numbers: look up the vectors first.": lambda vectors, rows: _known(rows).double().mean(),
        "this is the mean of the whole table: only the review's words count.": lambda vectors, rows: vectors.mean(0),
    },
)
def bag_of_vectors(
    vectors,
    rows,
    *,
    known=_known,
    mean=lambda found: found.mean(0),
    none=lambda vectors, mean: torch.zeros(vectors.shape[1]),
):
    """The mean of the vectors of the known words (rows >= 0), zeros where there is none."""
    found = vectors[known(rows)]
    return mean(found) if len(found) else none(vectors, mean)


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


@exercise(
    praise="the expected value of every number is what it was.",
    cases=lambda seed: [
        case(
            torch.tensor([1.0, -2.0, 3.0, 4.0]),
            0.5,
            torch.tensor([0.9, 0.1, 0.5, 0.7]),
            edge="a number whose noise equals p",
        ),
        *(
            (_random(seed + n, *shape) + 0.5, p, torch.rand(shape, generator=_generator(seed + n + 1)))
            for n, (shape, p) in enumerate((((5, 7), 0.2), ((5, 7), 0.8), ((11,), 0.3), ((2, 3, 5), 0.6)))
        ),
        case(_random(seed, 5, 7), 0.0, torch.rand(5, 7, generator=_generator(seed)), edge="p = 0"),
    ],
    wrong={
        "the scale is missing: what stays must grow, to keep the expected value.": {"scale": lambda p, x, kept: 1},
        "you multiply by 1 - p: divide by it, since the numbers that stay must grow.": {"scale": lambda p, x, kept: 1 - p},
        "you divide by p: the share that stays is 1 - p.": [
            {"scale": lambda p, x, kept: 1 / p if p else torch.inf},
            {"scale": lambda p, x, kept: 1 / p if p else 0},
        ],
        "you multiply by 1 + p: divide by 1 - p, the share that stays.": {"scale": lambda p, x, kept: 1 + p},
        "you multiply by p: divide by 1 - p, the share that stays.": [
            {"scale": lambda p, x, kept: p},
            {"scale": lambda p, x, kept: p / (1 - p)},
        ],
        "you divide by the root of 1 - p: the expected value needs 1 - p itself.": {"scale": lambda p, x, kept: (1 - p) ** -0.5},
        "the scale is applied twice.": {"scale": lambda p, x, kept: (1 - p) ** -2},
        "you divide by the share that happened to stay: divide by 1 - p, the share that stays on average.": {
            "scale": lambda p, x, kept: kept.numel() / kept.sum()
        },
        "this keeps the sum of this very `x`: the scale depends on p alone.": {"scale": lambda p, x, kept: x.sum() / (x * kept).sum()},
        "you keep what should go: a number is dropped where the noise is below p.": {"stays": operator.lt},
        "p is the share that is dropped, not the share that is kept.": [
            {"stays": operator.lt, "scale": lambda p, x, kept: 1 / p if p else torch.inf},
            {"stays": operator.lt, "scale": lambda p, x, kept: 1 / p if p else 0},
        ],
        "a number is dropped where the noise is below p, not where it is below 1 - p.": {"stays": lambda noise, p: noise >= 1 - p},
        "a number whose noise equals p stays: it is dropped only where the noise is below p.": {"stays": operator.gt},
        "you compare the numbers of `x` with p: compare the noise.": lambda x, p, noise: x * (x >= p) / (1 - p),
        "the noise is compared with p, not multiplied by `x`.": [
            lambda x, p, noise: x * noise,
            lambda x, p, noise: x * noise / (1 - p),
            lambda x, p, noise: x * noise * (noise >= p) / (1 - p),
        ],
        "you draw noise of your own: use `noise`.": [
            lambda x, p, noise: x * (torch.rand(x.shape, generator=_generator(0)) >= p) / (1 - p),
            lambda x, p, noise: x * torch.empty_like(x).bernoulli_(1 - p, generator=_generator(0)) / (1 - p),
        ],
        "this is the mask: multiply `x` by it.": [
            {"end": lambda x, kept, scale: kept * scale},
            {"end": lambda x, kept, scale: kept},
        ],
        "dropped numbers must stay at their positions, as 0.": {"end": lambda x, kept, scale: x[kept] * scale},
        "the numbers that stay come out unscaled, the dropped ones too: those must become 0.": {"end": lambda x, kept, scale: torch.where(kept, x * scale, x)},
        "negative numbers are cut off: dropout treats them like all others.": {"end": lambda x, kept, scale: x.relu() * kept * scale},
    },
)
def dropout(
    x,
    p,
    noise,
    *,
    stays=operator.ge,
    scale=lambda p, x, kept: 1 / (1 - p),
    end=lambda x, kept, scale: x * kept * scale,
):
    """x with the numbers dropped where noise < p, the others scaled up."""
    kept = stays(noise, p)
    return end(x, kept, scale(p, x, kept))


def _adam(gradient):
    return gradient / (gradient.abs() + 1e-8)


@exercise(
    praise="a weight without a gradient shrinks by the share learning_rate · decay, and no more.",
    cases=lambda seed: [
        (torch.tensor([1.0, -2.0]), torch.tensor([3.0, 0.5]), 0.1, 0.5),
        case(torch.tensor([1.0, -2.0]), torch.tensor([0.0, 0.5]), 0.1, 0.5, edge="a gradient of 0"),
        *((3 * _random(seed + n, 7), 3 * _random(seed + n + 50, 7), 0.2 + n / 10, 0.3) for n in (0, 2)),
        (3 * _random(seed + 1, 5, 3), _random(seed + 51, 5, 3), 0.4, 0.2),
        case(3 * _random(seed, 7), torch.zeros(7), 0.3, 0.7, edge="gradients of 0"),
        case(3 * _random(seed, 7), _random(seed + 50, 7), 0.2, 0.0, edge="a decay of 0"),
        case(3 * _random(seed, 7), _random(seed + 50, 7) * 1e-8, 0.4, 0.1, edge="gradients as small as 1e-8"),
    ],
    wrong={
        "this is L2 regularisation within Adam, which divides the decay by its size: keep it out of the gradient.": {
            "move": lambda g, w, d: _adam(g + d * w),
            "shrink": lambda w, g, lr, d: 0,
        },
        "the decay counts twice, within the gradient and apart from it: only the second is AdamW.": {"move": lambda g, w, d: _adam(g + d * w)},
        "the decay is missing.": {"shrink": lambda w, g, lr, d: 0},
        "the decay must be multiplied by the learning rate as well.": {"shrink": lambda w, g, lr, d: d * w},
        "the decay must be multiplied by `decay` as well, not by the learning rate alone.": {"shrink": lambda w, g, lr, d: lr * w},
        "the decay has the wrong sign: it makes weights smaller.": {"shrink": lambda w, g, lr, d: -lr * d * w},
        "you let the new weight decay: take the weight as it was before the step.": {"shrink": lambda w, g, lr, d: lr * d * (w - lr * _adam(g))},
        "the learning rate counts twice in the decay.": {"shrink": lambda w, g, lr, d: lr * lr * d * w},
        "you let the gradient decay: the decay is a share of the weight.": {"shrink": lambda w, g, lr, d: lr * d * g},
        "the decay is proportional to the weight, not to its square.": {"shrink": lambda w, g, lr, d: lr * d * w.square()},
        "this takes the same from every weight, as L1 does: the decay is proportional to the weight.": {"shrink": lambda w, g, lr, d: lr * d * w.sign()},
        "the same number is taken from every weight: the decay is proportional to the weight.": {"shrink": lambda w, g, lr, d: lr * d},
        "the decay takes the weight with its sign: leave out the absolute value.": [
            {"shrink": lambda w, g, lr, d: lr * d * w.abs()},
            {"shrink": lambda w, g, lr, d: -lr * d * w.abs()},
        ],
        "Adam's move is multiplied by `decay`: only the weight is.": {"move": lambda g, w, d: d * _adam(g)},
        "this is plain gradient descent with decay: Adam divides the gradient by its size.": {"move": lambda g, w, d: g},
        "Adam's move is missing: this is the decay alone.": {"move": lambda g, w, d: 0},
        "the step goes uphill: Adam's move must be subtracted.": {"move": lambda g, w, d: -_adam(g)},
        "Adam's move must be multiplied by the learning rate, too.": lambda w, g, lr, d: w - _adam(g) - lr * d * w,
        "the running means are not corrected: at the first step, divide them by 1 - 0.9 and 1 - 0.999.": [
            {"move": lambda g, w, d: 0.1 * g / ((0.001 * g.square()).sqrt() + 1e-8)},
            {"move": lambda g, w, d: g / ((0.001 * g.square()).sqrt() + 1e-8)},
            {"move": lambda g, w, d: 0.1 * _adam(g)},
        ],
        "the root is missing: Adam divides by the gradient's size, not by its square.": {"move": lambda g, w, d: g / (g.square() + 1e-8)},
        "a gradient as small as 1e-8 moves a weight only half as far: ε is added to the gradient's size.": [
            {"move": lambda g, w, d: g.sign()},
            {"move": lambda g, w, d: g / (g.square() + 1e-8).sqrt()},
            {"move": lambda g, w, d: (g / g.abs()).nan_to_num(0.0)},
        ],
        "a gradient of 0 gives 0 / 0, NaN: add ε to the denominator.": {"move": lambda g, w, d: g / g.abs()},
        "ε is 1e-8.": [{"move": lambda g, w, d, eps=eps: g / (g.abs() + eps)} for eps in (1e-6, 1e-7, 1e-5, 1e-10)],
        "you divide by one size of the whole gradient: each number is divided by its own.": [
            {"move": lambda g, w, d: g / (g.norm() + 1e-8)},
            {"move": lambda g, w, d: g / g.norm()},
            {"move": lambda g, w, d: g / (g.abs().mean() + 1e-8)},
            {"move": lambda g, w, d: g / (g.abs().max() + 1e-8)},
            {"move": lambda g, w, d: g / (g.square().mean().sqrt() + 1e-8)},
        ],
        "the absolute value is missing: a gradient divided by itself is 1, whatever its sign.": {"move": lambda g, w, d: g / (g + 1e-8)},
        "this is the change: return the weights after it.": [
            {"end": lambda weight, change: -change},
            {"end": lambda weight, change: change},
        ],
        "the whole change is added: subtract it from the weights.": {"end": torch.add},
    },
)
def first_step(
    weight,
    gradient,
    learning_rate,
    decay,
    *,
    move=lambda g, w, d: _adam(g),
    shrink=lambda w, g, lr, d: lr * d * w,
    end=torch.sub,
):
    """The weights after AdamW's first step."""
    change = learning_rate * move(gradient, weight, decay) + shrink(weight, gradient, learning_rate, decay)
    return end(weight, change)


def _reviews(seed, factor, n=211):
    """Logits that are `factor` times too sure of themselves, with labels."""
    logits = _random(seed, n, 2) * 1.5
    noise = torch.rand(n, generator=_generator(seed + 100))
    return logits * factor, (noise < logits.softmax(1)[:, 1]).long()


def _lowest(candidates, losses):
    return candidates[int(torch.stack(losses).argmin())]


def _last_fall(candidates, losses):
    falls = [now < before for now, before in zip(losses, [torch.inf, *losses[:-1]], strict=True)]
    return [candidate for candidate, falling in zip(candidates, falls, strict=True) if falling][-1]


@exercise(
    praise="above 1 the model was too sure of itself, below 1 too timid; its answers stay the same.",
    cases=lambda seed: [
        (
            torch.tensor([[2.0, 0.0], [5.0, 3.0], [3.0, 5.0], [4.0, 5.0], [0.0, 2.0]]),
            torch.tensor([0, 1, 1, 1, 1]),
            [4.0, 0.5, 1.0, 3.0, 2.0],
        ),
        *(
            (*_reviews(seed + n, factor), candidates)
            for n, (factor, candidates) in enumerate(
                (
                    (3.0, [0.25, 4.0, 0.5, 1.0, 2.0, 3.0, 1.5]),
                    (0.4, [1.5, 3.0, 2.0, 1.0, 0.5, 4.0, 0.25]),
                    (1.0, [0.25, 4.0, 0.5, 1.0, 2.0, 3.0, 1.5]),
                    (2.0, [2.4, 0.4, 2.0, 1.2, 1.6, 0.8, 2.8, 3.6]),
                    (0.7, [0.3, 1.1, 0.5, 0.9, 0.6, 1.3, 0.7]),
                    (-1.0, [0.5, 4.0, 1.0, 2.0]),
                )
            )
        ),
    ],
    wrong={
        "this is the position of the best candidate: return the candidate itself.": {"end": lambda candidates, losses: int(torch.stack(losses).argmin())},
        "this is the lowest cross-entropy: return the candidate that gives it.": {"end": lambda candidates, losses: torch.stack(losses).min()},
        "these are all the losses: return the candidate with the lowest.": {"end": lambda candidates, losses: torch.stack(losses)},
        "this temperature gives the highest cross-entropy: take the lowest.": {"end": lambda candidates, losses: candidates[int(torch.stack(losses).argmax())]},
        "you return 1 / T: return the candidate as it is in the list.": {"end": lambda candidates, losses: 1 / _lowest(candidates, losses)},
        "compare each loss with the lowest so far, not with the one just before.": {"end": _last_fall},
        "you multiply by the temperature: divide the logits by it.": {"scaled": torch.mul},
        "you divide by the square of the temperature.": {"scaled": lambda x, t: x / t**2},
        "you divide the probabilities: divide the logits, before the softmax.": {"scaled": lambda x, t: x.softmax(1) / t},
        "`F.cross_entropy` takes the softmax itself: give it the logits.": {"scaled": lambda x, t: (x / t).softmax(1)},
        "accuracy cannot choose, since no temperature changes an answer: use the cross-entropy.": {"loss": lambda x, y: -(x.argmax(1) == y).double().mean()},
        "the softmax or its logarithm is missing: use `F.cross_entropy`.": [
            {"loss": lambda x, y: -x.gather(1, y[:, None]).mean()},
            {"loss": lambda x, y: -x.softmax(1).gather(1, y[:, None]).mean()},
        ],
        "the softmax runs down the columns: each review has its own, over its two numbers, dim=1.": {"loss": lambda x, y: F.nll_loss(x.log_softmax(0), y)},
        "this is the squared error of the probabilities: the cross-entropy is wanted.": {"loss": lambda x, y: (x.softmax(1)[:, 1] - y).square().mean()},
        "this is the gap between confidence and accuracy: the cross-entropy is wanted.": {
            "loss": lambda x, y: (x.softmax(1).amax(1).mean() - (x.argmax(1) == y).float().mean()).abs()
        },
        "the two labels are swapped: column 0 belongs to target 0.": {"loss": lambda x, y: F.cross_entropy(x, 1 - y)},
        "this takes one column for a single logit: the softmax is over both.": {"loss": lambda x, y: F.binary_cross_entropy_with_logits(x[:, 1], y.float())},
        "yours always takes the smallest temperature, which makes the model surest: compare with `targets`.": [
            {"loss": lambda x, y: F.cross_entropy(x, x.argmax(1))},
            lambda logits, targets, candidates: min(candidates),
        ],
        "yours always takes the largest temperature, whatever the loss.": lambda logits, targets, candidates: max(candidates),
        "this is the candidate closest to 1, whatever the loss.": lambda logits, targets, candidates: min(candidates, key=lambda t: abs(t - 1)),
    },
)
def best_temperature(logits, targets, candidates, *, scaled=torch.div, loss=F.cross_entropy, end=_lowest):
    """The candidate T for which softmax(logits / T) has the lowest cross-entropy."""
    return end(candidates, [loss(scaled(logits, t), targets).double() for t in candidates])


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
