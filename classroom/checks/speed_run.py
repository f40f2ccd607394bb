"""Exercises of the notebook speed_run."""

import math
import random
import statistics
from dataclasses import replace
from functools import cache

import numpy as np
import torch
from course_lib import files
from experiments.shared import one_core, unstopped
from experiments.speed_run import Entry, NgramEmbedding, held_out_losses, race, steps_within
from experiments.tables.speed_run import BUDGET, standing
from scipy import stats
from torch import Generator
from torch.nn import functional as F

from classroom.answers import Mistake
from classroom.exercise import case, exercise, experiment

__all__ = ["fastest", "gain", "multiply", "newton_schulz", "ngram_rows", "steps_in_time"]


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


def _unrelated(before, after):
    """The exercise as it is found: as if the seeds were no pairs, and as if there were many of them."""
    mean = statistics.mean(before) - statistics.mean(after)
    half = 1.96 * _unpaired(before, after) / math.sqrt(len(before))
    return mean, mean - half, mean + half


@exercise(
    kind="debug",
    found=_unrelated,
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


def _computed(design):
    """From three matrices to what a SwiGLU with them makes of two numbers."""

    def products(pairs):
        try:
            gate, value, out = (torch.as_tensor(matrix).detach().double() for matrix in design())
        except (TypeError, ValueError):
            raise Mistake("three matrices are expected: gate, value and out.") from None
        units = gate.shape[0] if gate.ndim else 0
        if gate.shape != (units, 2) or value.shape != (units, 2) or out.shape != (1, units):
            shapes = ", ".join(str(tuple(matrix.shape)) for matrix in (gate, value, out))
            raise Mistake(f"gate and value are (F, 2) and out is (1, F), with the same F, but yours are {shapes}.")
        if not 1 <= units <= 2:
            raise Mistake(f"two hidden units are enough, but yours has {units}.")
        x = torch.tensor(pairs).double()
        return ((F.silu(x @ gate.T) * (x @ value.T)) @ out.T).flatten().tolist()

    return products


@exercise(
    kind="design",
    through=_computed,
    praise="silu(z) − silu(−z) = z, so the two gates leave the first number, and the value multiplies it by the second.",
    cases=lambda seed: [
        ([(2.0, 3.0), (0.5, 7.0), (4.0, 0.25)],),
        ([tuple(pair) for pair in _random(seed, 5, 2).tolist()],),
        case([(-2.0, 3.0), (1.5, -0.5), (-4.0, -5.0)], edge="a negative number"),
        case([(0.0, 3.0), (2.0, 0.0)], edge="a zero"),
        case([(12.0, 11.0), (-13.0, 7.0)], edge="large numbers"),
    ],
    tolerance=1e-4,
    wrong={
        "this is silu of the first number times the second: wrong where the first is small or negative. Let a second unit add what is missing.": [
            {"signs": (1.0, 0.0)},
            {"second": 0.0},
        ],
        "silu(z) + silu(−z) is no straight line, but silu(z) − silu(−z) is: one of the units has to be subtracted.": {"signs": (1.0, 1.0)},
        "the two units cancel: the second needs the opposite gate.": {"second": 1.0},
        "this is minus the product: exchange the signs of the two units.": {"signs": (-1.0, 1.0)},
        "this is twice the product.": {"signs": (2.0, -2.0)},
        "this is half the product.": {"signs": (0.5, -0.5)},
        "this is the square of the first number: the values have to read the second.": {"read": (1.0, 0.0)},
        "this is the first number times the sum of both: the values have to read the second alone.": {"read": (1.0, 1.0)},
    },
)
def multiply(*, second=-1.0, signs=(1.0, -1.0), read=(0.0, 1.0)):
    """The matrices gate, value and out of a SwiGLU with two hidden units that multiplies its two inputs."""
    return torch.tensor([[1.0, 0.0], [second, 0.0]]), torch.tensor([read, read]), torch.tensor([signs])


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


SEED = 3  # of the check: no stored race has it
LARGEST = {"n_layers": 8, "d_model": 256, "context_length": 256}


def _stored_races():
    rows = [row for row in files.load_results("speed_run")["rows"] if row["budget"] == BUDGET]
    raced = [row for row in rows if row["split"] == "validation" and row["equal"] == "time"]
    names = [f"{row['change']} after {len(row['before'])} changes" for row in raced]
    return [(name, max(row["losses"])) for name, row in zip(names, raced, strict=True)]


@experiment(
    goal=2.0,
    unit="nats per character with a seed that no stored race has",
    stored=_stored_races,
    advice={
        "the embedding that knows n-grams.": lambda entry: entry.parts.embedding is not NgramEmbedding,
        "shorter windows: a step takes less time, so there are more of them.": lambda entry: entry.parts.context_length > 32,
        "a learning rate between 0.002 and 0.006.": lambda entry: not 0.002 <= entry.learning_rate <= 0.006,
        "a straight decay, fewer layers, or another batch size.": lambda entry: True,
    },
    wrong={
        "the embedding that knows n-grams.": lambda: standing(["context 32", "2 layers", "learning rate 0.004"]),
        "shorter windows: a step takes less time": lambda: standing(["n-gram vectors"]),
        "a learning rate between 0.002 and 0.006.": lambda: standing(["n-gram vectors", "context 32", "learning rate 0.016"]),
        "an Entry is expected, such as `standing([...])` or `replace(RECIPE, ...)`, but yours is a list.": lambda: ["context 32"],
        "d_model is at most 256 here, but yours is 512.": lambda: _sized(d_model=512),
        "n_layers is at most 8 here, but yours is 9.": lambda: _sized(n_layers=9),
        "the batch has at most 64 windows here, but yours has 65.": lambda: replace(standing([]), batch_size=65),
    },
    seconds=300,
)
def fastest(entry, seed):
    """An Entry that needs few nats within the race's budget of time."""
    if not isinstance(entry, Entry):
        raise Mistake(f"an Entry is expected, such as `standing([...])` or `replace(RECIPE, ...)`, but yours is a {type(entry).__name__}.")
    for name, most in LARGEST.items():
        if getattr(entry.parts, name) > most:
            raise Mistake(f"{name} is at most {most} here, but yours is {getattr(entry.parts, name)}.")
    if entry.batch_size > 64:
        raise Mistake(f"the batch has at most 64 windows here, but yours has {entry.batch_size}.")
    return _raced(entry)


@cache
def _raced(entry):
    with one_core():
        model, history = race(entry, steps_within(entry, BUDGET, rounds=2), SEED, show=False)
        unstopped(history)
        return float(held_out_losses(model).mean())


def _sized(**sizes):
    return replace(standing([]), parts=replace(standing([]).parts, **sizes))
