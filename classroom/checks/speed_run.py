"""Exercises of the notebook speed_run."""

import math
import random
import statistics

import numpy as np
import torch
from scipy import stats
from torch import Generator
from torch.nn import functional as F

from classroom.exercise import case, exercise

__all__ = ["gain", "newton_schulz", "ngram_rows", "rms_norm", "steps_in_time", "straight_rate", "swiglu"]


def _random(seed, *shape):
    return torch.randn(shape, generator=Generator().manual_seed(seed))


def _ratios(recipe, entry):
    return [r / e for r, e in zip(recipe, entry, strict=True)]


def _seconds(seed, turns):
    drawn = random.Random(seed)
    return [[round(drawn.uniform(0.5, 1.5), 3) for _ in range(turns)] for _ in range(2)]


@exercise(
    praise="an entry that takes half as long again gets a third fewer steps, whatever the machine does meanwhile.",
    cases=lambda seed: [
        ([1.0, 1.0, 3.0], [2.1, 1.9, 7.0], 500),
        ([1.0, 1.0, 3.0, 1.1, 1.0], [2.1, 1.9, 6.3, 2.0, 9.0], 503),
        ([0.3, 0.1, 0.11], [0.1, 0.031, 0.033], 499),
        (*_seconds(seed, 7), 997),
        (*_seconds(seed + 1, 7), 1009),
        case([0.011, 0.01, 0.02], [3.1, 3.0, 3.0], 40, edge="an entry so slow that it gets one step"),
        case([1.0, 1.2, 1.1, 3.0], [1.9, 1.0, 1.3, 2.2], 331, edge="an even number of turns"),
        case([2.0, 1.7], [1.1, 2.3], 227, edge="an even number of turns"),
    ],
    wrong={
        "this is the reciprocal: an entry that takes twice as long may take half as many steps.": {"ratios": lambda recipe, entry: _ratios(entry, recipe)},
        "this is the mean of the ratios, which one bad moment of the machine moves: take the median.": {"middle": statistics.mean},
        "this is the geometric mean of the ratios: take the median.": {"middle": statistics.geometric_mean},
        "this is the harmonic mean of the ratios: take the median of recipe over entry.": {"middle": statistics.harmonic_mean},
        "you divide two medians: compare turn by turn, since the machine changes its pace between the turns, and take the median of the ratios.": {
            "ratios": lambda recipe, entry: [statistics.median(recipe) / statistics.median(entry)]
        },
        "you divide two means, or two sums: compare turn by turn, and take the median of the ratios.": {
            "ratios": lambda recipe, entry: [sum(recipe) / sum(entry)]
        },
        "you divide the shortest times: compare turn by turn, and take the median of the ratios.": {"ratios": lambda recipe, entry: [min(recipe) / min(entry)]},
        "you sort each list by itself, which tears the turns apart: form the ratios first.": {
            "ratios": lambda recipe, entry: _ratios(sorted(recipe), sorted(entry))
        },
        "the first turn alone is down to chance: take all of them.": {"middle": lambda ratios: ratios[0]},
        "the last turn alone is down to chance: take all of them.": {"middle": lambda ratios: ratios[-1]},
        "this is the ratio in the middle of the list: sort the ratios first.": {"middle": lambda ratios: ratios[len(ratios) // 2]},
        "the most favourable turn is luck: take the median of the ratios.": {"middle": max},
        "the least favourable turn is bad luck: take the median of the ratios.": {"middle": min},
        "of an even number of ratios the median is the mean of the two in the middle: yours is the upper one.": {"middle": statistics.median_high},
        "of an even number of ratios the median is the mean of the two in the middle: yours is the lower one.": {"middle": statistics.median_low},
        "a number of steps is whole: round it.": [
            {"end": lambda steps, budget: max(1, steps)},
            {"end": lambda steps, budget: steps},
        ],
        "this cuts off the fraction: round to the nearest whole number.": {"end": lambda steps, budget: max(1, int(steps))},
        "this rounds up: round to the nearest whole number.": {"end": lambda steps, budget: max(1, math.ceil(steps))},
        "the ratio itself is rounded here: multiply by the budget first.": {"middle": lambda ratios: round(statistics.median(ratios))},
        "even the slowest entry may take one step, not 0.": {"end": lambda steps, budget: round(steps)},
        "one step is the least, but it does not come on top.": {"end": lambda steps, budget: 1 + round(steps)},
        "a faster entry may take more steps than the recipe: do not cap them at the budget.": {"end": lambda steps, budget: min(budget, max(1, round(steps)))},
        "`min(1, ...)` allows one step at most: at least one is `max`.": {"end": lambda steps, budget: min(1, round(steps))},
        "the budget is missing: this is how many steps the entry takes in the time of one.": {"end": lambda steps, budget: max(1, round(steps / budget))},
        "this is the seconds of the recipe's steps: divide by the entry's seconds per step.": {"ratios": lambda recipe, entry: recipe},
    },
)
def steps_in_time(
    recipe,
    entry,
    budget,
    *,
    ratios=_ratios,
    middle=statistics.median,
    end=lambda steps, budget: max(1, round(steps)),
):
    """How many steps the entry may take in the time of `budget` steps of the recipe."""
    return end(budget * middle(ratios(recipe, entry)), budget)


def _differences(before, after):
    return [b - a for b, a in zip(before, after, strict=True)]


def _unpaired(before, after):
    return math.sqrt(statistics.variance(before) + statistics.variance(after))


def _losses(seed, seeds):
    before = [round(2.4 + 0.1 * value, 3) for value in _random(seed, seeds).tolist()]
    return before, [round(b - 0.05 + 0.03 * v, 3) for b, v in zip(before, _random(seed + 9, seeds).tolist(), strict=True)]


def _student(share, freedom):
    return float(stats.t.ppf(share, freedom))


@exercise(
    praise="seeds that are high before are high after: what they share drops out of the difference.",
    cases=lambda seed: [
        ([2.4, 2.5, 2.6], [2.3, 2.38, 2.52]),
        _losses(seed, 5),
        _losses(seed + 1, 7),
        case([2.0, 2.1, 2.3, 2.2], [2.1, 2.0, 2.5, 2.2], edge="a loss that rises"),
        case([2.5, 2.4], [2.2, 2.3], edge="two seeds"),
    ],
    tolerance=1e-5,
    wrong={
        "the sign is reversed: a loss that falls is a gain, so subtract after from before.": {"gains": lambda before, after: _differences(after, before)},
        "every gain counts as positive: leave the absolute value out, since a loss may rise.": {
            "gains": lambda before, after: [abs(gain) for gain in _differences(before, after)]
        },
        "these are gains relative to the loss before: take the differences alone.": {
            "gains": lambda before, after: [(b - a) / b for b, a in zip(before, after, strict=True)]
        },
        "the standard deviation of a sample divides by n - 1, not n: `stdev`, not `pstdev`.": {"spread": lambda before, after, gains: statistics.pstdev(gains)},
        "this is the variance: take its root, the standard deviation.": {"spread": lambda before, after, gains: statistics.variance(gains)},
        "the seeds are pairs: take the differences first, then their mean and standard deviation.": [
            {"spread": lambda before, after, gains: _unpaired(before, after)},
            {
                "spread": lambda before, after, gains: _unpaired(before, after),
                "factor": lambda n: _student(0.975, 2 * n - 2),
            },
        ],
        "this is the spread of the losses before: take that of the gains.": {"spread": lambda before, after, gains: statistics.stdev(before)},
        "this is the spread of the losses after: take that of the gains.": {"spread": lambda before, after, gains: statistics.stdev(after)},
        "the interval is for the mean: divide the standard deviation by the square root of n.": {"root": lambda n: 1},
        "divide by the square root of n, not by n.": {"root": lambda n: n},
        "divide by the square root of n: n - 1 is in the standard deviation already.": {"root": lambda n: math.sqrt(n - 1)},
        "1.96 is for many values: for a few take Student's t, with n - 1 degrees of freedom.": [
            {"factor": lambda n: 1.96},
            {"factor": lambda n: 2},
        ],
        "Student's t has n - 1 degrees of freedom here, not n.": {"factor": lambda n: _student(0.975, n)},
        "Student's t has n - 1 degrees of freedom here: the differences are n numbers, not 2n.": {"factor": lambda n: _student(0.975, 2 * n - 2)},
        "95% in the middle leaves 2.5% at each end: the share below the upper end is 0.975.": [
            {"factor": lambda n: _student(0.95, n - 1)},
            {"factor": lambda n: 1.645},
        ],
        "this is the 99% interval: 95% is wanted.": {"factor": lambda n: _student(0.995, n - 1)},
        "without Student's factor this is one standard error, not the half of a 95% interval.": {"factor": lambda n: 1},
        "Student's factor comes from `ppf`, which turns a share into a number: `cdf` does the opposite.": {
            "factor": lambda n: float(stats.t.cdf(0.975, n - 1))
        },
        "the order is mean, low end, high end.": {"ends": lambda mean, half: (mean - half, mean, mean + half)},
        "low and high are swapped: the order is mean, low end, high end.": [
            {"ends": lambda mean, half: (mean, mean + half, mean - half)},
            {"factor": lambda n: _student(0.025, n - 1)},
        ],
        "the mean comes first: mean, low end, high end.": {"ends": lambda mean, half: (mean - half, mean + half, mean)},
        "the mean is missing: return mean, low end and high end.": {"ends": lambda mean, half: (mean - half, mean + half)},
        "the ends of the interval are wanted, the mean minus and plus half of its width.": [
            {"ends": lambda mean, half: (mean, half)},
            {"ends": lambda mean, half: (mean, -half, half)},
            {"ends": lambda mean, half: (mean, half, half)},
        ],
        "the half is added and subtracted whole: do not halve it again.": {"ends": lambda mean, half: (mean, mean - half / 2, mean + half / 2)},
        "the interval is twice too wide: subtract and add the half once.": {"ends": lambda mean, half: (mean, mean - 2 * half, mean + 2 * half)},
        "these are the smallest and the largest gain: the interval is made of the mean and its standard error.": (
            lambda before, after: (
                statistics.mean(_differences(before, after)),
                min(_differences(before, after)),
                max(_differences(before, after)),
            )
        ),
        "this is the sum of the gains: take their mean.": {"centre": sum},
        "this is the median of the gains: take their mean.": {"centre": statistics.median},
    },
)
def gain(
    before,
    after,
    *,
    gains=_differences,
    centre=statistics.mean,
    spread=lambda before, after, gains: statistics.stdev(gains),
    root=math.sqrt,
    factor=lambda n: _student(0.975, n - 1),
    ends=lambda mean, half: (mean, mean - half, mean + half),
):
    """The mean gain of the same seeds and the ends of its 95% interval."""
    found = gains(before, after)
    n = len(found)
    return ends(centre(found), factor(n) * spread(before, after, found) / root(n))


@exercise(
    praise="the last step still learns a little, and the step after it would not.",
    cases=lambda seed: [
        *((step, 10, 4, 2.0) for step in (1, 2, 6, 7, 8)),
        *((step, 29 + seed % 3, 7, 300.0) for step in (2, 3, 5, 11, 17, 20, 23, 26)),
        case(0, 10, 4, 2.0, edge="the first step"),
        case(0, 23, 5, 4.0, edge="the first step"),
        case(3, 10, 4, 2.0, edge="the last step of the warmup"),
        case(4, 23, 5, 4.0, edge="the last step of the warmup"),
        case(4, 10, 4, 2.0, edge="the first step after the warmup"),
        case(5, 23, 5, 4.0, edge="the first step after the warmup"),
        case(9, 10, 4, 2.0, edge="the last step"),
        case(22, 23, 5, 4.0, edge="the last step"),
        case(0, 8, 1, 3.0, edge="a warmup of one step"),
        case(1, 8, 1, 3.0, edge="a warmup of one step"),
    ],
    wrong={
        "step 0 would learn nothing: steps count from 0, and step `warmup - 1` has the highest rate.": {"rise": lambda step, steps, warmup: step / warmup},
        "the warmup takes one step too long: step `warmup - 1` has the highest rate.": {"rise": lambda step, steps, warmup: (step + 1) / (warmup + 1)},
        "the warmup rises in `warmup` equal parts, from 1 / warmup on: yours begins at 0 and has one part fewer.": {
            "rise": lambda step, steps, warmup: step / (warmup - 1) if warmup > 1 else 1
        },
        "the warmup rises step by step to the highest rate: yours is there at once.": {"rise": lambda step, steps, warmup: 1},
        "the warmup learns nothing here: it rises in equal parts.": {"rise": lambda step, steps, warmup: 0},
        "the warmup rises: yours falls.": {"rise": lambda step, steps, warmup: (warmup - step) / warmup},
        "the warmup rises in equal parts: yours is a curve.": [
            {"rise": lambda step, steps, warmup: ((step + 1) / warmup) ** 2},
            {"rise": lambda step, steps, warmup: math.sqrt((step + 1) / warmup)},
            {"rise": lambda step, steps, warmup: (1 - math.cos(math.pi * (step + 1) / warmup)) / 2},
        ],
        "the warmup rises over `warmup` steps, not over all of them.": {"rise": lambda step, steps, warmup: (step + 1) / steps},
        "after the warmup the line is straight: this is the cosine.": {
            "fall": lambda step, steps, warmup: (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) / 2
        },
        "after the warmup the line is straight: yours is a curve.": [
            {"fall": lambda step, steps, warmup: ((steps - step) / (steps - warmup)) ** 2},
            {"fall": lambda step, steps, warmup: math.sqrt((steps - step) / (steps - warmup))},
            {"fall": lambda step, steps, warmup: math.sqrt(warmup / max(step, 1))},
        ],
        "after the warmup the rate falls: yours stays.": {"fall": lambda step, steps, warmup: 1},
        "after the warmup the rate falls: yours rises.": {"fall": lambda step, steps, warmup: (step - warmup) / (steps - warmup)},
        "the fall begins at the highest rate, at step `warmup`: it has `steps - warmup` steps.": [
            {"fall": lambda step, steps, warmup: (steps - step) / steps},
            {"fall": lambda step, steps, warmup: 1 - (step - warmup) / steps},
        ],
        "the fall begins at step `warmup`, so count its steps from there: 0 is reached at `steps`.": [
            {"fall": lambda step, steps, warmup: 1 - step / (steps - warmup)},
            {"fall": lambda step, steps, warmup: (steps - step - warmup) / (steps - warmup)},
        ],
        "the fall is one step ahead: step `warmup` still has the highest rate.": {"fall": lambda step, steps, warmup: (steps - step - 1) / (steps - warmup)},
        "the fall is one step behind: step `warmup` has the highest rate, and not a higher one.": {
            "fall": lambda step, steps, warmup: (steps - step + 1) / (steps - warmup)
        },
        "the last step, steps - 1, would learn nothing: 0 is reached only at `steps`.": {
            "fall": lambda step, steps, warmup: (steps - 1 - step) / (steps - 1 - warmup)
        },
        "0 is reached at `steps`, not one step later.": {"fall": lambda step, steps, warmup: (steps + 1 - step) / (steps + 1 - warmup)},
        "step `warmup` belongs to the fall: the warmup ends before it, so compare with <, not <=.": {"warm": lambda step, warmup: step <= warmup},
        "step `warmup - 1` still belongs to the warmup.": {"warm": lambda step, warmup: step < warmup - 1},
        "this is the share of the highest rate: multiply by `highest`.": {"scale": lambda highest, share: share},
        "the share multiplies the highest rate: it is not added, nor taken from it.": [
            {"scale": lambda highest, share: highest + share},
            {"scale": lambda highest, share: highest - share},
        ],
        "there is no warmup here: the rate first rises over `warmup` steps.": [
            lambda step, steps, warmup, highest: highest * (steps - step) / steps,
            lambda step, steps, warmup, highest: highest * (steps - step) / (steps - warmup),
        ],
        "`//` cuts off the fraction: divide with `/`.": [
            {"rise": lambda step, steps, warmup: (step + 1) // warmup},
            {"fall": lambda step, steps, warmup: (steps - step) // (steps - warmup)},
            {
                "rise": lambda step, steps, warmup: (step + 1) // warmup,
                "fall": lambda step, steps, warmup: (steps - step) // (steps - warmup),
            },
        ],
    },
)
def straight_rate(
    step,
    steps,
    warmup,
    highest,
    *,
    warm=lambda step, warmup: step < warmup,
    rise=lambda step, steps, warmup: (step + 1) / warmup,
    fall=lambda step, steps, warmup: (steps - step) / (steps - warmup),
    scale=lambda highest, share: highest * share,
):
    """The learning rate of a step: a straight rise, then a straight line down."""
    return scale(highest, rise(step, steps, warmup) if warm(step, warmup) else fall(step, steps, warmup))


def _mean_square(x, dim=-1):
    return x.square().mean(dim=dim, keepdim=True)


@exercise(
    praise="one statistic fewer than LayerNorm, and no bias: (3, 4, 0, 0) over 2.5.",
    cases=lambda seed: [
        (torch.tensor([[3.0, 4.0], [1.0, 7.0]]), torch.tensor([1.0, 2.0]), 0.5),
        (_random(seed, 2, 3, 5) + 1, _random(seed + 1, 5), 0.1),
        (_random(seed + 2, 3, 3, 3) + 1, _random(seed + 3, 3), 0.3),
        (_random(seed + 4, 5, 5) - 1, _random(seed + 5, 5), 0.2),
        case(torch.tensor([3.0, 4.0, 0.0, 0.0]), torch.tensor([1.0, 1.0, 2.0, 2.0]), 0.5, edge="a single vector"),
        case(torch.zeros(2, 4), torch.tensor([1.0, 1.0, 2.0, 2.0]), 0.01, edge="a vector of zeros"),
    ],
    wrong={
        "this is LayerNorm: RMSNorm does not subtract the mean.": {
            "centred": lambda x: x - x.mean(dim=-1, keepdim=True),
            "size": lambda x: x.var(dim=-1, keepdim=True, correction=0),
        },
        "RMSNorm does not subtract the mean.": {"centred": lambda x: x - x.mean(dim=-1, keepdim=True)},
        "this is the variance, which subtracts the mean first: take the mean of the squares themselves.": [
            {"size": lambda x: x.var(dim=-1, keepdim=True, correction=0)},
            {"size": lambda x: x.var(dim=-1, keepdim=True)},
        ],
        "this divides by the norm, the root of the sum of squares: take their mean.": {"size": lambda x: x.square().sum(dim=-1, keepdim=True)},
        "the mean square divides by C, not by C - 1.": {"size": lambda x: x.square().sum(dim=-1, keepdim=True) / max(x.shape[-1] - 1, 1)},
        "the root is missing: divide by the square root of the mean square.": {"divided": lambda x, size, eps: x / (size + eps)},
        "the mean square is missing its squares: this is a mean of absolute values.": [
            {"size": lambda x: x.abs().mean(dim=-1, keepdim=True)},
            {"size": lambda x: x.abs().mean(dim=-1, keepdim=True).square()},
        ],
        "this is the square of the mean: take the mean of the squares.": {"size": lambda x: x.mean(dim=-1, keepdim=True).square()},
        "the square is missing: this is the root of the mean of x itself.": {"size": lambda x: x.mean(dim=-1, keepdim=True)},
        "this divides by the largest: take the root of the mean square.": {"size": lambda x: x.square().amax(dim=-1, keepdim=True)},
        "divide by the root of the mean square, do not multiply by it.": {"divided": lambda x, size, eps: x * (size + eps).sqrt()},
        "eps stands under the root, beside the mean square.": {"divided": lambda x, size, eps: x / (size.sqrt() + eps)},
        "eps is added to the mean square of x, not to x.": {"divided": lambda x, size, eps: (x + eps) / (size + eps).sqrt()},
        "eps is added as it is, not its square.": {"divided": lambda x, size, eps: x / (size + eps**2).sqrt()},
        "eps is missing, and a vector of zeros gives NaN: add it under the root.": {"divided": lambda x, size, eps: x / size.sqrt()},
        "take the eps that is given, not one of your own.": [
            {"divided": lambda x, size, eps, own=own: x / (size + own).sqrt()} for own in (1e-5, 1e-6, 1e-8, 1e-12)
        ],
        "the gain is missing: multiply by it at the end.": {"end": lambda x, gain: x},
        "the gain multiplies: it is not added.": {"end": lambda x, gain: x + gain},
        "the gain multiplies: do not divide by it.": {"end": lambda x, gain: x / gain},
        "Llama's gain multiplies as it is: 1 + gain is Gemma's convention.": {"end": lambda x, gain: x * (1 + gain)},
        "this is one mean square for the whole tensor: each position has its own, over the last axis.": {"size": lambda x: x.square().mean()},
        "the mean is over the last axis (dim=-1), the components, not over the positions.": [
            {"size": lambda x: _mean_square(x, -2 if x.ndim > 1 else -1)},
            {"size": lambda x: _mean_square(x, 0)},
        ],
        "the mean square must keep the last axis, with length 1: `keepdim=True` is missing.": {"size": lambda x: x.square().mean(dim=-1)},
    },
)
def rms_norm(
    x,
    gain,
    eps,
    *,
    centred=lambda x: x,
    size=_mean_square,
    divided=lambda x, size, eps: x / (size + eps).sqrt(),
    end=lambda x, gain: x * gain,
):
    """x (..., C) over the root of its mean square, times the gain (C)."""
    return end(divided(centred(x), size(x), eps), gain)


def _layer(seed, *axes, C, F):
    return _random(seed, *axes, C), _random(seed + 1, F, C), _random(seed + 2, F, C), _random(seed + 3, C, F)


@exercise(
    praise="by hand: silu(2) · 3 = 5.28. Three matrices, so the width shrinks to 8/3 of d_model for as many weights.",
    cases=lambda seed: [
        (torch.ones(1, 1), torch.tensor([[2.0]]), torch.tensor([[3.0]]), torch.tensor([[1.0]])),
        _layer(seed, 2, 3, C=5, F=7),
        _layer(seed + 10, 2, C=3, F=3),
        _layer(seed + 20, 5, 2, C=4, F=4),
    ],
    wrong={
        "silu belongs to the gate's product, and the value's stays as it is: they are swapped.": {"activated": lambda g, v: g * F.silu(v)},
        "silu is for the gate's product alone: yours comes after the multiplication.": {"activated": lambda g, v: F.silu(g * v)},
        "silu belongs inside, to the gate's product: yours comes after the matrix `out`.": lambda x, gate, value, out: F.silu(
            ((x @ gate.T) * (x @ value.T)) @ out.T
        ),
        "this is the sigmoid alone, as in GLU: silu(z) = z · sigmoid(z).": {"activated": lambda g, v: torch.sigmoid(g) * v},
        "this is GEGLU: take silu instead of GELU.": [
            {"activated": lambda g, v: F.gelu(g) * v},
            {"activated": lambda g, v: F.gelu(g, approximate="tanh") * v},
        ],
        "this is ReGLU: take silu instead of ReLU.": {"activated": lambda g, v: F.relu(g) * v},
        "this is tanh: take silu.": {"activated": lambda g, v: torch.tanh(g) * v},
        "this is softplus: silu(z) = z · sigmoid(z).": {"activated": lambda g, v: F.softplus(g) * v},
        "this is softmax: take silu, which looks at each number by itself.": {"activated": lambda g, v: g.softmax(dim=-1) * v},
        "the nonlinearity is missing: apply silu to the gate's product.": {"activated": lambda g, v: g * v},
        "silu(z) = z · sigmoid(z), with the same z: yours takes the sigmoid of the value's product.": {"activated": lambda g, v: g * torch.sigmoid(v)},
        "the z of z · sigmoid(z) comes twice: silu holds it already.": {"activated": lambda g, v: g * F.silu(g) * v},
        "the two products are multiplied, not added.": {"activated": lambda g, v: F.silu(g) + v},
        "the value's product is missing: it is what the gate lets through.": {"activated": lambda g, v: F.silu(g)},
        "the gate is missing: silu of its product multiplies the value's.": [
            {"activated": lambda g, v: v},
            {"activated": lambda g, v: F.silu(v)},
        ],
        "the gate comes twice: the other factor is the value's product.": {"activated": lambda g, v: F.silu(g) * g},
        "silu is applied to both products here: it is for the gate's alone.": {"activated": lambda g, v: F.silu(g) * F.silu(v)},
        "the matrix `out` is missing: it leads back to C numbers.": {"back": lambda hidden, out: hidden},
        "`nn.Linear` keeps its weight as (outputs, inputs): transpose each matrix.": {
            "into": lambda x, weight: x @ weight,
            "back": lambda hidden, out: hidden @ out,
        },
        "`out` must be transposed, too: `nn.Linear` keeps its weight as (outputs, inputs).": {"back": lambda hidden, out: hidden @ out},
        "`gate` and `value` must be transposed, too: `nn.Linear` keeps its weight as (outputs, inputs).": {"into": lambda x, weight: x @ weight},
    },
)
def swiglu(
    x,
    gate,
    value,
    out,
    *,
    into=lambda x, weight: x @ weight.T,
    activated=lambda g, v: F.silu(g) * v,
    back=lambda hidden, out: hidden @ out.T,
):
    """out (silu(gate x) * (value x)), with matrices as nn.Linear keeps them."""
    return back(activated(into(x, gate), into(x, value)), out)


def _matrix(seed, *shape):
    """A matrix whose singular values differ, and are small beside its norm: a wrong step does not overflow at once."""
    u, _, v = torch.linalg.svd(_random(seed, *shape).double(), full_matrices=False)
    return u * torch.linspace(1, 0.3, min(shape)) @ v


def _all_or_none(result):
    """NaN everywhere in what has overflowed: in which entries first depends on the order of operations."""
    if isinstance(result, np.ndarray) and not np.isfinite(result).all():
        return np.full_like(result, np.nan)
    return result


def _powers(square):
    return square, square @ square


A, B, C = 3.4445, -4.7750, 2.0315


@exercise(
    praise="singular values of 0.6 and of 0.01 end at 0.70 and 0.83: every direction gets its step.",
    form=_all_or_none,
    cases=lambda seed: [
        (torch.tensor([[0.6, 0.0], [0.0, 0.01]]).double(),),
        (_matrix(seed, 9, 11),),
        (_matrix(seed + 1, 13, 10),),
        (_matrix(seed + 2, 10, 10),),
        (_matrix(seed + 3, 12, 12),),
        case(30 * _matrix(seed + 4, 9, 9), edge="a large matrix"),
    ],
    wrong={
        "divide the matrix by its norm first: singular values above 1.3 or so grow without bound.": {"norm": lambda matrix: 1},
        "this divides by the largest singular value: the norm, matrix.norm(), is cheap and large enough.": {
            "norm": lambda matrix: torch.linalg.matrix_norm(matrix, 2)
        },
        "the largest entry is not enough: divide by matrix.norm().": {"norm": lambda matrix: matrix.abs().max()},
        "the whole matrix has one norm: yours takes one for each row, or for each column.": [
            {"norm": lambda matrix: matrix.norm(dim=-1, keepdim=True)},
            {"norm": lambda matrix: matrix.norm(dim=0)},
        ],
        "this divides by the squared norm: take the root of the sum of squares.": {"norm": lambda matrix: matrix.square().sum()},
        "this divides by the sum of the absolute values: the norm is the root of the sum of squares.": {"norm": lambda matrix: matrix.abs().sum()},
        "the norm divides once, before the first step: not in each of them.": {"before": lambda x: x / x.norm()},
        "the result is divided by its norm again: once, before the first step, is enough.": {"end": lambda x, matrix: x / x.norm()},
        "the norm is multiplied back at the end: leave the singular values near 1.": {"end": lambda x, matrix: x * matrix.norm()},
        "five steps, not one: put the result back into x, and go on with it.": {"steps": 1},
        "no step is taken: apply the polynomial five times.": {"steps": 0},
        "five steps: yours are four.": {"steps": 4},
        "five steps: yours are six.": {"steps": 6},
        "five steps: yours are fewer.": [{"steps": 2}, {"steps": 3}],
        "five steps: yours are more.": [{"steps": 7}, {"steps": 8}, {"steps": 10}],
        "x xᵀ must be computed anew in every step: yours is that of the first.": {"renewed": False},
        "powers of the entries are not those of the singular values: x xᵀ is a product of matrices, x @ x.T.": {
            "polynomial": lambda x, square, a, b, c: a * x + b * x**3 + c * x**5
        },
        "(x xᵀ)² is the matrix times itself, not each entry squared.": {"powers": lambda square: (square, square**2)},
        "(x xᵀ)² is missing its square: the last term multiplies the matrix by itself.": {"powers": lambda square: (square, square)},
        "each power is one too high: b goes with x xᵀ, c with (x xᵀ)².": {"powers": lambda square: (square @ square, square @ square @ square)},
        "the last term, c (x xᵀ)² x, is missing.": {"coefficients": lambda a, b, c: (a, b, 0)},
        "one of the three terms is missing: a x, b (x xᵀ) x and c (x xᵀ)² x.": [
            {"coefficients": lambda a, b, c: (a, 0, c)},
            {"coefficients": lambda a, b, c: (0, b, c)},
        ],
        "the last x of each term is missing: (x xᵀ) and (x xᵀ)² both multiply x.": {
            "polynomial": lambda x, square, a, b, c: a * x + b * square + c * square @ square if len(square) == x.shape[1] else x
        },
        "x xᵀ stands on the left of x, (x xᵀ) x: yours has another order.": [
            {"polynomial": lambda x, square, a, b, c: a * x + x @ (b * square + c * square @ square) if len(square) == x.shape[1] else x},
            {"polynomial": lambda x, square, a, b, c: a * x + (b * x.T @ x + c * x.T @ x @ x.T @ x) @ x if len(square) == x.shape[1] else x},
        ],
        "b is negative: add b (x xᵀ) x as it is, do not subtract it.": {"coefficients": lambda a, b, c: (a, -b, c)},
        "b and c are swapped: b goes with x xᵀ, c with its square.": {"coefficients": lambda a, b, c: (a, c, b)},
        "these are Newton and Schulz's own coefficients, 1.5 and -0.5, which need many more steps: take those of the text.": {
            "coefficients": lambda a, b, c: (1.5, -0.5, 0)
        },
        "this is the exact U Vᵀ: apply the polynomial five times, which comes near it without the singular values.": (
            lambda matrix: torch.linalg.svd(matrix, full_matrices=False).U @ torch.linalg.svd(matrix, full_matrices=False).Vh
        ),
    },
)
def newton_schulz(
    matrix,
    *,
    norm=lambda matrix: matrix.norm(),
    steps=5,
    before=lambda x: x,
    renewed=True,
    powers=_powers,
    coefficients=lambda a, b, c: (a, b, c),
    polynomial=None,
    end=lambda x, matrix: x,
):
    """Five steps of x <- a x + b (x xᵀ) x + c (x xᵀ)² x, from the matrix over its norm."""
    x = matrix / norm(matrix)
    first = x @ x.T
    a, b, c = coefficients(A, B, C)
    for _ in range(steps):
        x = before(x)
        square = x @ x.T if renewed else first
        if polynomial:
            x = polynomial(x, square, a, b, c)
        else:
            one, two = powers(square)
            x = a * x + (b * one + c * two) @ x
    return end(x, matrix)


def _horner(digits, V):
    number = 0
    for digit in digits:
        number = number * V + digit
    return number


def _tokens(seed, length, vocab_size):
    return torch.randint(1, vocab_size, (length,), generator=Generator().manual_seed(seed)).tolist()


@exercise(
    praise="1, 2, 3, 4 by twos: 01, 12, 23, 34, each modulo 7. The first has a zero before it.",
    cases=lambda seed: [
        ([1, 2, 3, 4], 2, 10, 7),
        ([5, 3, 9, 2, 7], 3, 10, 4096),
        (_tokens(seed, 9, 11), 3, 11, 97),
        (_tokens(seed + 1, 11, 13), 4, 13, 1009),
        (_tokens(seed + 2, 7, 5), 2, 5, 23),
        case([8, 3, 7], 1, 11, 5, edge="n-grams of one token"),
        case([5, 3, 9], 5, 10, 101, edge="fewer tokens than n"),
        case([4, 4, 4, 4], 2, 10, 13, edge="repeated tokens"),
        case([0, 6, 0, 2], 3, 7, 50, edge="tokens that are 0"),
    ],
    wrong={
        "this n-gram begins at the position: the model would see the tokens that it is to predict.": {
            "gram": lambda tokens, position, n: (tokens + [0] * n)[position : position + n]
        },
        "the n-gram ends with the token of its position: yours ends one before.": {
            "gram": lambda tokens, position, n: ([0] * n + tokens)[position : position + n]
        },
        "the n-gram ends with the token of its position: yours ends one later.": {
            "gram": lambda tokens, position, n: ([0] * n + tokens + [0])[position + 2 : position + 2 + n]
        },
        "the text is no ring: zeros stand before its first token, but a negative index reads its end.": {
            "gram": lambda tokens, position, n: [tokens[(position - k) % len(tokens)] for k in reversed(range(n))]
        },
        "zeros stand before the first token: yours repeats it.": {
            "gram": lambda tokens, position, n: ([tokens[0]] * n + tokens)[position + 1 : position + 1 + n]
        },
        "only the position's own token counts here: an n-gram has n, and their base is vocab_size (to the base size, all others vanish in the remainder).": [
            {"gram": lambda tokens, position, n: [tokens[position]]},
            {"base": lambda n, vocab_size, size: size},
        ],
        "one token too many: an n-gram has n, the position's own among them.": {
            "gram": lambda tokens, position, n: ([0] * n + tokens)[position : position + n + 1]
        },
        "one token too few: an n-gram has n, the position's own among them.": {
            "gram": lambda tokens, position, n: ([0] * n + tokens)[position + 2 : position + 1 + n]
        },
        "this reads all tokens up to the position: an n-gram has n.": {"gram": lambda tokens, position, n: tokens[: position + 1]},
        "this takes two tokens each time: an n-gram has n.": {"gram": lambda tokens, position, n: [0, *tokens][position : position + 2]},
        "the first positions have no row: zeros before the first token give them one.": lambda tokens, n, V, size: [
            _horner(tokens[start : start + n], V) % size for start in range(len(tokens) - n + 1)
        ],
        "the first positions get row 0 here: read zeros before the first token, and then their tokens.": (
            lambda tokens, n, V, size: [_horner(tokens[end - n + 1 : end + 1], V) % size if end >= n - 1 else 0 for end in range(len(tokens))]
        ),
        "one row too many at the end: there is one for each position.": lambda tokens, n, V, size: [
            _horner(([0] * n + tokens + [0])[start + 1 : start + 1 + n], V) % size for start in range(len(tokens) + 1)
        ],
        "the last token of the n-gram counts 1, the one before it vocab_size: yours reads the digits from the wrong end.": {
            "number": lambda gram, V: _horner(gram[::-1], V)
        },
        "a plain sum gives 'on' and 'no' the same number: powers of vocab_size keep the order.": {"number": lambda gram, V: sum(gram)},
        "a product of the tokens loses their order: powers of vocab_size keep it.": {"number": lambda gram, V: math.prod(gram)},
        "the last token counts 1: yours is multiplied by vocab_size, too.": {"number": lambda gram, V: V * _horner(gram, V)},
        "every token counts vocab_size here: only the one before the last does, and each one before that times more.": {
            "number": lambda gram, V: V * sum(gram)
        },
        "the base is vocab_size, not its neighbour.": [
            {"number": lambda gram, V: _horner(gram, V + 1)},
            {"number": lambda gram, V: _horner(gram, V - 1)},
        ],
        "the base is vocab_size, not 10.": {"number": lambda gram, V: _horner(gram, 10)},
        "the base is vocab_size, not 2.": {"number": lambda gram, V: _horner(gram, 2)},
        "the base is vocab_size, not n.": {"base": lambda n, vocab_size, size: n},
        "the table has `size` rows: take the remainder of the number after division by size.": {"row": lambda number, V, size: number},
        "this is the quotient: take the remainder, with %.": {"row": lambda number, V, size: number // size},
        "take the remainder after division by `size`, the rows of the table, not by vocab_size.": {"row": lambda number, V, size: number % V},
        "the rows count from 0 to size - 1: take the remainder after division by size itself.": [
            {"row": lambda number, V, size: number % (size - 1)},
            {"row": lambda number, V, size: number % (size + 1)},
            {"row": lambda number, V, size: number % size + 1},
        ],
        "a number above the table's end is cut off here: take the remainder.": {"row": lambda number, V, size: min(number, size - 1)},
        "these are the n-grams themselves: read each as a number, and take the remainder.": lambda tokens, n, V, size: [
            ([0] * n + tokens)[start + 1 : start + 1 + n] for start in range(len(tokens))
        ],
    },
)
def ngram_rows(
    tokens,
    n,
    vocab_size,
    size,
    *,
    gram=lambda tokens, position, n: ([0] * n + tokens)[position + 1 : position + 1 + n],
    base=lambda n, vocab_size, size: vocab_size,
    number=_horner,
    row=lambda number, V, size: number % size,
):
    """For each position the row of the n-gram that ends there, as a list."""
    V = base(n, vocab_size, size)
    return [row(number(gram(tokens, position, n), V), vocab_size, size) for position in range(len(tokens))]
