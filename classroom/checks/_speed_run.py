"""What the checks of the notebook speed_run compare with: the right functions, each with places to go wrong at."""

import math
import statistics
from collections.abc import Sequence
from typing import Any

import torch
from scipy import stats
from torch import Tensor
from torch.nn import functional as F

COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def steps(recipe: Sequence[float], entry: Sequence[float], budget: int, **other: Any) -> int | float:
    """Steps in the recipe's time; what is `other`: speed(recipe, entry), of the recipe's, and end(steps)."""

    def by_turns(recipe: Sequence[float], entry: Sequence[float]) -> float:
        return statistics.median(r / e for r, e in zip(recipe, entry, strict=True))

    found = budget * other.get("speed", by_turns)(recipe, entry)
    return other.get("end", lambda found: max(1, round(found)))(found)


def gain(before: Sequence[float], after: Sequence[float], **other: Any) -> tuple[float, ...]:
    """Mean gain and its interval; what is `other`: gains(before, after), divisor(n), error(sd, n), factor(n), ends."""
    gains = other.get("gains", lambda before, after: [b - a for b, a in zip(before, after, strict=True)])(before, after)
    n, mean = len(gains), sum(gains) / len(gains)
    sd = math.sqrt(sum((each - mean) ** 2 for each in gains) / other.get("divisor", lambda n: n - 1)(n))
    sd = other["unpaired"](before, after) if "unpaired" in other else sd
    error = other.get("error", lambda sd, n: sd / math.sqrt(n))(sd, n)
    half = other.get("factor", lambda n: float(stats.t.ppf(0.975, n - 1)))(n) * error
    return other.get("ends", lambda mean, half: (mean, mean - half, mean + half))(mean, half)


def apart(before: Sequence[float], after: Sequence[float]) -> float:
    """The standard deviation of a difference of two seeds that have nothing to do with one another."""
    return math.sqrt(statistics.variance(before) + statistics.variance(after))


def rate(step: int, steps: int, warmup: int, highest: float, **other: Any) -> float:
    """Rise and straight way down; what is `other`: rise(step, warmup) and fall(step, steps, warmup), shares of 1."""
    if step < warmup:
        return highest * other.get("rise", lambda step, warmup: (step + 1) / warmup)(step, warmup)
    down = other.get("fall", lambda step, steps, warmup: (steps - step) / (steps - warmup))
    return highest * down(step, steps, warmup)


def rms(x: Tensor, gain: Tensor, eps: float, **other: Any) -> Tensor:
    """RMSNorm; what is `other`: centred(x), size(x), divide(x, size, eps), end(x, gain)."""
    size = other.get("size", lambda x: x.square().mean(dim=-1, keepdim=True))(x)
    centred = other.get("centred", lambda x: x)(x)
    normed = other.get("divide", lambda x, size, eps: x / (size + eps).sqrt())(centred, size, eps)
    return other.get("end", lambda x, gain: x * gain)(normed, gain)


def gated(x: Tensor, gate: Tensor, value: Tensor, out: Tensor, **other: Any) -> Tensor:
    """SwiGLU; what is `other`: bend(gate's product), join(bent, other product), matrices(gate, value, out)."""
    gate, value, out = other.get("matrices", lambda *three: three)(gate, value, out)
    bent = other.get("bend", F.silu)(x @ gate.T)
    return other.get("join", lambda bent, plain: bent * plain)(bent, x @ value.T) @ out.T


def orthogonal(matrix: Tensor, **other: Any) -> Tensor:
    """Five steps of Newton-Schulz; what is `other`: length(matrix), rounds, coefficients, step(x, a, b, c)."""

    def step(x: Tensor, a: float, b: float, c: float) -> Tensor:
        square = x @ x.T
        return a * x + b * square @ x + c * square @ square @ x

    x = matrix / other.get("length", lambda matrix: matrix.norm())(matrix)
    for _ in range(other.get("rounds", 5)):
        x = other.get("step", step)(x, *other.get("coefficients", COEFFICIENTS))
    return x


def rows(tokens: list[int], n: int, vocab_size: int, size: int, **other: Any) -> list[int]:
    """The n-grams' rows; what is `other`: gram(tokens, place, n), number(gram, vocab_size), row(number, size)."""

    def ending_at(tokens: list[int], place: int, n: int) -> list[int]:
        return ([0] * n + tokens)[place + 1 : place + 1 + n]

    found = []
    for place in range(len(tokens)):
        gram = other.get("gram", ending_at)(tokens, place, n)
        number = other.get("number", lambda gram, V: sum(t * V**k for k, t in enumerate(reversed(gram))))
        found.append(other.get("row", lambda number, size: number % size)(number(gram, vocab_size), size))
    return found


def flat(answer: Any) -> Any:
    """The answer with a list or an array of three as a tuple of floats."""

    def plain(*inputs: Any) -> Any:
        result = answer(*inputs)
        if isinstance(result, Tensor) or hasattr(result, "tolist"):
            result = result.tolist()
        if isinstance(result, tuple | list) and all(isinstance(each, float | int) or _one(each) for each in result):
            return tuple(float(each) for each in result)
        return result

    return plain if callable(answer) else answer


def _one(value: Any) -> bool:
    return getattr(value, "ndim", None) == 0


def unlike(seed: int, shape: tuple[int, int]) -> Tensor:
    """A matrix whose singular values are far apart, as a gradient's are."""
    generator = torch.Generator().manual_seed(seed)
    u, _, v = torch.linalg.svd(torch.randn(shape, generator=generator), full_matrices=False)
    return u * torch.logspace(1, -1, min(shape)) @ v
