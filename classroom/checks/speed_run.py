"""Checks of the notebook speed_run."""

import math
import statistics
from collections.abc import Callable
from typing import Any

import torch
from scipy import stats
from torch import Generator
from torch.nn import functional as F

from classroom.checks import Changes, compare, exercise, variants
from classroom.checks import _speed_run as right
from classroom.checks._gpt import detached, numbers
from classroom.checks.forms import as_list, as_number, as_whole

__all__ = ["gain", "newton_schulz", "ngram_rows", "rms_norm", "steps_in_time", "straight_rate", "swiglu"]


@exercise
def steps_in_time(answer: Any, seed: int) -> str:
    """steps_in_time(recipe, entry, budget): how many steps fit into the time of `budget` steps of the recipe."""

    def ratio(middle: Callable[[Any], float]) -> Callable[[Any, Any], float]:
        return lambda recipe, entry: middle(recipe) / middle(entry)

    other: Changes = {
        "turned over: an entry that takes twice as long may take half as many steps.": {
            "speed": lambda recipe, entry: statistics.median(e / r for r, e in zip(recipe, entry, strict=True))
        },
        "the mean of the ratios: one bad moment of the machine moves it. Take the median.": {
            "speed": lambda recipe, entry: statistics.mean(r / e for r, e in zip(recipe, entry, strict=True))
        },
        "compare turn by turn, then take the median of the ratios: the machine changes its pace between the turns.": {"speed": ratio(statistics.median)},
        "the mean of each: turn by turn, please, and the median of the ratios.": {"speed": ratio(statistics.mean)},
        "one turn is chance: take all of them.": {"speed": lambda recipe, entry: recipe[0] / entry[0]},
        "the best turn of all is luck: take the median of the ratios.": {"speed": lambda recipe, entry: max(r / e for r, e in zip(recipe, entry, strict=True))},
        "steps are whole: round.": {"end": lambda found: found},
        "cut off, not rounded: 2.9 steps are nearer to 3.": {"end": lambda found: max(1, int(found))},
        "even the slowest entry may take one step: not 0.": {"end": round},
    }
    cases: list[tuple[Any, ...]] = [
        ([1.0, 1.0, 3.0, 1.1, 1.0], [2.1, 1.9, 6.3, 2.0, 9.0], 500),
        ([0.01, 0.011, 0.02], [3.0, 3.0, 3.0], 40),
        ([0.3, 0.1, 0.11], [0.1, 0.031, 0.033], 500),
    ]
    drawn = torch.rand(2, 7, generator=Generator().manual_seed(seed)) + 0.5
    cases.append((drawn[0].tolist(), drawn[1].tolist(), 297))
    compare(as_whole(answer), right.steps, cases, variants(right.steps, other))
    return "an entry that is slower by half gets a third fewer steps, whatever the machine does meanwhile."


@exercise
def gain(answer: Any, seed: int) -> str:
    """gain(before, after): the mean gain of the same seeds and the ends of its 95% interval, a tuple of three."""
    other: Changes = {
        "turned over: a loss that falls is a gain, before less after.": {"gains": lambda before, after: [a - b for b, a in zip(before, after, strict=True)]},
        "the standard deviation of a few values divides by n - 1, not n.": {"divisor": lambda n: n},
        "the interval is for the mean: divide the standard deviation by the square root of n.": {"error": lambda sd, n: sd},
        "divide by the square root of n, not by n.": {"error": lambda sd, n: sd / n},
        "1.96 is for many values: for a few take Student's t, stats.t.ppf(0.975, n - 1).": {"factor": lambda n: 1.96},
        "Student's t has n - 1 degrees of freedom here.": {"factor": lambda n: float(stats.t.ppf(0.975, n))},
        "95% in the middle leaves 2.5% at each end: ppf(0.975, ...).": {"factor": lambda n: float(stats.t.ppf(0.95, n - 1))},
        "without Student's factor this is one standard error, not 95%.": {"factor": lambda n: 1},
        "the seeds are pairs: take the differences first, then their mean and standard deviation.": {"unpaired": right.apart},
        "the order is mean, low end, high end.": {"ends": lambda mean, half: (mean - half, mean, mean + half)},
        "the ends of the interval are wanted, mean - half and mean + half.": {"ends": lambda mean, half: (mean, half)},
    }
    before, after = numbers(seed, (5,), (5,))
    cases = [
        ([2.4, 2.5, 2.6], [2.3, 2.38, 2.52]),
        ([2.0, 2.1, 2.3, 2.2], [2.1, 2.0, 2.5, 2.2]),
        ((2 + before).tolist(), (2 + before + 0.3 * after).tolist()),
    ]
    compare(right.flat(answer), right.gain, cases, variants(right.gain, other))
    return "seeds that are high before are high after: what they share drops out of the difference."


@exercise
def straight_rate(answer: Any, seed: int) -> str:
    """straight_rate(step, steps, warmup, highest): up over the warmup, then straight down; steps count from 0."""
    other: Changes = {
        "step 0 would learn nothing: in the warmup (step + 1) / warmup.": {"rise": lambda step, warmup: step / warmup},
        "after the warmup the way is straight: this is the cosine.": {
            "fall": lambda step, steps, warmup: (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) / 2
        },
        "after the warmup it falls: this stays.": {"fall": lambda step, steps, warmup: 1},
        "the way down begins at the end of the warmup: divide by steps - warmup.": {"fall": lambda step, steps, warmup: (steps - step) / steps},
        "the way down begins at the highest rate: steps - step, over steps - warmup.": {
            "fall": lambda step, steps, warmup: (steps - step - 1) / (steps - warmup)
        },
        "the last step (steps - 1) would learn nothing: 0 is reached only at `steps`.": {
            "fall": lambda step, steps, warmup: (steps - 1 - step) / (steps - 1 - warmup)
        },
        "after the warmup it falls: yours rises.": {"fall": lambda step, steps, warmup: (step - warmup) / (steps - warmup)},
        "the warmup rises step by step to the highest rate: yours is there at once.": {"rise": lambda step, warmup: 1},
    }
    steps, warmup = (20, 30)[seed % 2], 4 + seed % 3
    cases = [(step, 10, 4, 1.0) for step in range(10)]
    cases += [(step, steps, warmup, 0.004) for step in (0, warmup - 1, warmup, warmup + 5, steps - 1)]
    cases.append((0, 5, 0, 2.0))
    scaled = [(step, steps, warmup, highest * 1000) for step, steps, warmup, highest in cases]
    compare(as_number(answer), right.rate, scaled, variants(right.rate, other))
    return "the last step still learns a little, and the step after it would not."


@exercise
def rms_norm(answer: Any, seed: int) -> str:
    """rms_norm(x, gain, eps): x (..., C) over the root of its mean square, times the gain (C)."""
    other: Changes = {
        "this is LayerNorm: RMSNorm takes no mean away.": {
            "centred": lambda x: x - x.mean(dim=-1, keepdim=True),
            "size": lambda x: (x - x.mean(dim=-1, keepdim=True)).square().mean(dim=-1, keepdim=True),
        },
        "RMSNorm takes no mean away.": {"centred": lambda x: x - x.mean(dim=-1, keepdim=True)},
        "this divides by the length, the root of the sum of squares: take their mean.": {"size": lambda x: x.square().sum(dim=-1, keepdim=True)},
        "the root is missing: divide by the square root of the mean square.": {"divide": lambda x, size, eps: x / (size + eps)},
        "the square is missing: the root of the mean of squares.": {"size": lambda x: x.abs().mean(dim=-1, keepdim=True)},
        "eps stands under the root, with the mean square.": {"divide": lambda x, size, eps: x / (size.sqrt() + eps)},
        "eps is missing: a row of zeros would give NaN.": {"divide": lambda x, size, eps: x / size.sqrt()},
        "the gain is missing.": {"end": lambda x, gain: x},
        "Llama's gain multiplies; Gemma's 1 + gain is another custom.": {"end": lambda x, gain: x * (1 + gain)},
        "one size for the whole tensor: each position has its own, over the last axis.": {"size": lambda x: x.square().mean()},
        "over the last axis (dim=-1), the components, not over the positions.": {"size": lambda x: x.square().mean(dim=-2, keepdim=True)},
    }
    x, gain = numbers(seed, (2, 3, 5), (5,))
    cases = [
        (torch.tensor([[3.0, 4.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]), torch.tensor([1.0, 1.0, 2.0, 2.0]), 0.01),
        (x + 1, gain, 0.1),
    ]
    compare(detached(answer), right.rms, cases, variants(right.rms, other))
    return "one statistic fewer than LayerNorm, and no bias: (3, 4, 0, 0) over 2.5."


@exercise
def swiglu(answer: Any, seed: int) -> str:
    """swiglu(x, gate, value, out): out (silu(gate x) * (value x)), matrices as nn.Linear has them."""
    other: Changes = {
        "the bend belongs to the gate's product: silu(x @ gate.T) * (x @ value.T).": {"matrices": lambda gate, value, out: (value, gate, out)},
        "this bends with the sigmoid alone (GLU): silu(z) = z · sigmoid(z).": {"bend": torch.sigmoid},
        "this is GEGLU: silu instead of GELU.": {"bend": F.gelu},
        "this is ReGLU: silu instead of ReLU.": {"bend": F.relu},
        "the bend is missing: silu of the gate's product.": {"bend": lambda z: z},
        "the two are multiplied, not added.": {"join": lambda bent, plain: bent + plain},
        "the second product, with `value`, is missing: it is what the gate lets through.": {"join": lambda bent, plain: bent},
        "both products are bent here: silu is for the gate's alone.": {"join": lambda bent, plain: bent * F.silu(plain)},
    }
    x, gate, value, out = numbers(seed, (2, 3, 5), (7, 5), (7, 5), (5, 7))
    cases = [(torch.ones(1, 1), torch.tensor([[2.0]]), torch.tensor([[3.0]]), torch.tensor([[1.0]]))]
    cases.append((x, gate, value, out))
    compare(detached(answer), right.gated, cases, variants(right.gated, other))
    return "by hand: silu(2) · 3 = 5.28. Three matrices, so the width shrinks to 8/3 of d_model for as many weights."


@exercise
def newton_schulz(answer: Any, seed: int) -> str:
    """newton_schulz(matrix): five steps of x <- a x + b (x xᵀ) x + c (x xᵀ)² x, from the matrix over its norm."""

    def by_element(x: torch.Tensor, a: float, b: float, c: float) -> torch.Tensor:
        return a * x + b * x**3 + c * x**5

    def by_square(x: torch.Tensor, a: float, b: float, c: float) -> torch.Tensor:
        square = x @ x.T
        return a * x + b * square @ x + c * square.square() @ x

    other: Changes = {
        "divide the matrix by its norm first: singular values above 1.2 or so fly away.": {"length": lambda matrix: 1},
        "this divides by the largest singular value; the norm, matrix.norm(), is cheap and large enough.": {
            "length": lambda matrix: torch.linalg.matrix_norm(matrix, 2)
        },
        "the largest entry is not enough: divide by matrix.norm().": {"length": lambda matrix: matrix.abs().max()},
        "each row has its own length here: the whole matrix has one, matrix.norm().": {"length": lambda matrix: matrix.norm(dim=-1, keepdim=True)},
        "five steps, not one.": {"rounds": 1},
        "five steps: yours are four.": {"rounds": 4},
        "five steps: yours are six.": {"rounds": 6},
        "powers of the entries are not those of the singular values: x xᵀ is a matrix product, x @ x.T.": {"step": by_element},
        "(x xᵀ)² is the matrix times itself, square @ square, not each entry squared.": {"step": by_square},
        "the last term, c (x xᵀ)² x, is missing.": {"step": lambda x, a, b, c: a * x + b * x @ x.T @ x},
        "b is negative: -4.7750.": {"coefficients": (3.4445, 4.7750, 2.0315)},
        "Newton and Schulz's own coefficients (1.5, -0.5) need many more steps: take those of the text.": {"coefficients": (1.5, -0.5, 0)},
    }
    cases = [(torch.tensor([[3.0, 0.0], [0.0, 0.1]]),), (right.unlike(seed, (3, 5)),), (right.unlike(seed, (4, 4)),)]
    compare(detached(answer), right.orthogonal, cases, variants(right.orthogonal, other))
    return "singular values of 10 and of 0.1 end about as large: every direction gets its step."


@exercise
def ngram_rows(answer: Any, seed: int) -> str:
    """ngram_rows(tokens, n, vocab_size, size): for each place the row of the n-gram that ends there, a list."""
    other: Changes = {
        "this n-gram begins at the place: the model would see the tokens that it is to predict.": {
            "gram": lambda tokens, place, n: (tokens + [0] * n)[place : place + n]
        },
        "the n-gram ends with the token of its place; yours ends one before.": {"gram": lambda tokens, place, n: ([0] * n + tokens)[place : place + n]},
        "the text is no ring: before its first token stand zeros.": {"gram": lambda tokens, place, n: [tokens[place - k] for k in range(n - 1, -1, -1)]},
        "the place's own token alone: an n-gram has n.": {"gram": lambda tokens, place, n: [tokens[place]]},
        "one token too many: an n-gram has n, the place's own among them.": {"gram": lambda tokens, place, n: ([0] * n + tokens)[place : place + n + 1]},
        "the last token of the n-gram counts 1, those before it vocab_size, vocab_size squared and so on.": {
            "number": lambda gram, V: sum(t * V**k for k, t in enumerate(gram))
        },
        "a plain sum gives 'on' and 'no' the same number: powers of vocab_size keep the order.": {"number": lambda gram, V: sum(gram)},
        "the table has `size` rows: take the number modulo size.": {"row": lambda number, size: number},
        "divided instead of the rest: number % size.": {"row": lambda number, size: number // size},
    }
    drawn = torch.randint(11, (2, 9), generator=Generator().manual_seed(seed)).tolist()
    cases = [([1, 2, 3, 4], 2, 10, 7), ([5, 3, 9], 3, 10, 4096), (drawn[0], 3, 11, 97), (drawn[1], 1, 11, 97)]
    compare(as_list(answer), right.rows, cases, variants(right.rows, other))
    return "1, 2, 3, 4 by twos: 01, 12, 23, 34, each modulo 7. The first has a zero before it."
