"""Numbers that are wrong: one operation, factor or size that leads from the right ones to them, or back."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from classroom.forms import same

__all__ = ["as_arrays", "constant", "done", "left", "multiple"]

Pairs = Sequence[tuple[Any, Any]]  # wrong results with the right ones, plain, one pair a wrong case

# What may have been done to the right numbers: "yours is ..."; and what may be left to do: "... is missing".
DONE: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "the right one, transposed": lambda x: x.swapaxes(-1, -2),
    "the right one with the sign reversed": np.negative,
    "1 minus the right one": lambda x: 1 - x,
    "the reciprocal of the right one, upside down": lambda x: 1 / x,
    "the right one without its sign": np.abs,
    "the right one with negative values cut off at 0": lambda x: np.maximum(x, 0),
    "the right one, rounded": np.round,
    "the right one, rounded down": np.floor,
    "the right one, rounded up": np.ceil,
    "the square of the right one": np.square,
    "the square root of the right one": np.sqrt,
    "the natural logarithm of the right one": np.log,
    "minus the logarithm of the right one": lambda x: -np.log(x),
    "the base-2 logarithm of the right one": np.log2,
    "the exponential of the right one": np.exp,
    "the right one in reversed order": lambda x: x[..., ::-1],
    "the right one with its rows in reversed order": lambda x: x[::-1],
    "the right one, sorted": lambda x: np.sort(x, axis=-1),
    "the right one, moved by one position": lambda x: np.roll(x, 1, axis=-1),
    "the right one, moved back by one position": lambda x: np.roll(x, -1, axis=-1),
    "the cumulative sum of the right one": lambda x: np.cumsum(x, axis=-1),
    "the right one, divided by its sum": lambda x: x / x.sum(),
    "the right one, divided by its norm": lambda x: x / np.linalg.norm(x),
    "the right one minus its mean": lambda x: x - x.mean(),
}
LEFT: dict[str, Callable[[np.ndarray], Any]] = {
    "the absolute value is missing": np.abs,
    "a maximum with 0 is missing": lambda x: np.maximum(x, 0),
    "the values are not divided by their sum": lambda x: x / x.sum(axis=-1, keepdims=True),
    "the values are not divided by their norm": lambda x: x / np.linalg.norm(x, axis=-1, keepdims=True),
    "the mean has not been subtracted": lambda x: x - x.mean(axis=-1, keepdims=True),
    "a sum over all values is missing": np.sum,
    "a mean over all values is missing": np.mean,
    "a sum over the last axis is missing": lambda x: x.sum(axis=-1),
    "a sum over the first axis is missing": lambda x: x.sum(axis=0),
    "a mean over the last axis is missing": lambda x: x.mean(axis=-1),
    "a mean over the first axis is missing": lambda x: x.mean(axis=0),
    "the largest of yours is wanted": np.max,
    "the smallest of yours is wanted": np.min,
}
FACTORS = {
    "ln 2, which turns bits into nats": math.log(2),
    "1 / ln 2, which turns nats into bits": 1 / math.log(2),
    "100": 100,
    "1 / 100": 0.01,
    "2": 2,
    "1/2": 0.5,
    "-1": -1,
    "ln 10": math.log(10),
    "π / 180, from degrees to radians": math.pi / 180,
}


def as_arrays(pairs: Pairs) -> list[tuple[np.ndarray, np.ndarray]]:
    """The pairs as arrays of floating-point numbers, where all are numbers or lists of numbers; else none."""
    try:
        arrays = [tuple(np.asarray(value, dtype=float) for value in pair) for pair in pairs]
    except (TypeError, ValueError):
        return []
    return arrays


def done(arrays: Pairs) -> str:
    """What was done to the right numbers to make the wrong ones."""
    with np.errstate(all="ignore"):
        for words, operation in DONE.items():
            if all(_agrees(operation, expected, got) for got, expected in arrays):
                return f"yours is {words}."
    return ""


def left(pairs: Pairs) -> str:
    """What is left to do to the wrong numbers to make the right ones."""
    with np.errstate(all="ignore"):
        for words, operation in LEFT.items():
            if all(_agrees(operation, got, expected) for got, expected in as_arrays(pairs) or [(np.nan, 0)]):
                return f"{words}."
    return ""


def _agrees(operation: Callable[[Any], Any], before: Any, after: Any) -> bool:
    """Whether the operation, which must change something, leads from one to the other."""
    try:
        made = np.asarray(operation(before), dtype=float)
    except (ValueError, IndexError, TypeError):
        return False
    after = np.asarray(after, dtype=float)
    finite = made.shape == after.shape and bool(np.isfinite(made).all())
    return finite and same(np.atleast_1d(made), np.atleast_1d(after)) and made.size > 0


def constant(arrays: Pairs) -> str:
    """The same factor or the same difference everywhere."""
    if not all(np.isfinite(mine).all() and np.isfinite(its).all() for mine, its in arrays):
        return ""
    got = np.concatenate([mine.ravel() for mine, _ in arrays])
    expected = np.concatenate([its.ravel() for _, its in arrays])
    if got.size < 2 or same(got, got.mean() + 0 * got):
        return ""
    shift = got - expected
    if same(shift, shift[0] + 0 * shift):
        return f"yours is {abs(shift[0]):.4g} too {'large' if shift[0] > 0 else 'small'} everywhere."
    used = np.abs(expected) > 1e-6
    if not used.any() or not same(got[~used], expected[~used]):
        return ""
    ratio = got[used] / expected[used]
    if same(ratio, ratio[0] + 0 * ratio):
        for words, factor in FACTORS.items():
            if np.isclose(ratio[0], factor, rtol=1e-4):
                return f"yours is the right one times {words}."
        return f"yours is {ratio[0]:.4g} times the right one everywhere."
    return ""


def multiple(pairs: Pairs, cases: Sequence[tuple[Any, ...]], names: Sequence[str]) -> str:
    """A factor, or a difference, that is a size of the inputs: a length, an axis, a number that was given."""
    arrays = as_arrays(pairs)
    if len(pairs) < 2 or not arrays or any(got.shape != expected.shape for got, expected in arrays):
        return ""
    sizes = [_sizes(case, names) for case in cases]
    ways: dict[str, Callable[[Any, float], Any]] = {
        "yours is the right one times {}.": lambda x, n: x * n,
        "yours is the right one divided by {}.": lambda x, n: x / n,
        "yours is the right one times the square root of {}.": lambda x, n: x * math.sqrt(n),
        "yours is the right one divided by the square root of {}.": lambda x, n: x / math.sqrt(n),
        "yours is the right one plus {}.": lambda x, n: x + n,
        "yours is the right one minus {}.": lambda x, n: x - n,
    }
    for size in sizes[0]:
        values = [others.get(size, 0) for others in sizes]
        if min(values) <= 0 or len(set(values)) < 2:
            continue
        for words, way in ways.items():
            if all(_agrees(lambda x, way=way, n=n: way(x, n), its, mine)
                   for (mine, its), n in zip(arrays, values, strict=True)):  # fmt: skip
                return words.format(size)
    return ""


def _sizes(case: tuple[Any, ...], names: Sequence[str]) -> dict[str, float | int]:
    found: dict[str, float | int] = {}
    for name, value in zip(names, case, strict=False):
        if isinstance(value, bool):
            continue
        if isinstance(value, int | float):
            found[f"`{name}`"] = value
        shape = getattr(value, "shape", None)
        if shape is not None:
            found |= {f"the length of axis {axis} of `{name}`": size for axis, size in enumerate(shape)}
        elif hasattr(value, "__len__"):
            found[f"the length of `{name}`"] = len(value)
    return found
