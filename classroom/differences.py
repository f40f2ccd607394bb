"""Where no declared mistake fits: what a wrong result has to do with the right one, in words."""

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from classroom.forms import same
from classroom.operations import as_arrays, constant, done, left, multiple
from classroom.showing import show

__all__ = ["alike", "relation"]

Pairs = Sequence[tuple[Any, Any]]  # wrong results with the right ones, plain, one pair a wrong case


def relation(pairs: Pairs, cases: Sequence[tuple[Any, ...]], names: Sequence[str]) -> str:
    """One sentence on how the wrong results differ from the right ones in all these cases; "" where none is known.

    `cases` are the inputs of each pair, and `names` the names of the inputs.
    """
    finders = (_kind, _parts, _text, _items, _shape, _truths, _numbers, multiple, _place)
    for find in finders:
        if words := find(pairs, cases, names):
            return words
    return ""


def _each(pairs: Pairs, kinds: type | tuple[type, ...]) -> bool:
    return all(isinstance(got, kinds) and isinstance(expected, kinds) for got, expected in pairs)


def _name(value: Any) -> str:
    """What sort of thing a plain value is, as a learner would say."""
    if isinstance(value, np.ndarray):
        return f"a tensor of shape {value.shape}"
    if isinstance(value, tuple | list) and not value:
        return f"an empty {type(value).__name__}"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    kinds = {bool: "True or False", int: "a whole number", float: "a number", str: "a string", dict: "a dictionary"}
    return kinds.get(type(value), f"a {type(value).__name__}")


def _kind(pairs: Pairs, cases: Any, names: Any) -> str:
    got, expected = pairs[0]
    if got is None or got is ...:
        return "your function returns nothing: is a `return` missing on one path?"
    number = (int, float)
    if isinstance(got, bool) != isinstance(expected, bool) and not isinstance(got, np.ndarray):
        return f"{_name(expected)} is expected, but your function returns {_name(got)}."
    if type(got) is type(expected) or (isinstance(got, number) and isinstance(expected, number)):
        if isinstance(expected, int) and isinstance(got, float) and not isinstance(expected, bool):
            return f"a whole number is expected, but your function returns {got:.4g}."
        return ""
    if isinstance(got, set | frozenset):
        return f"{_name(expected)} is expected: a set forgets the order, and how often each occurs."
    if isinstance(got, np.ndarray) and isinstance(expected, number) and got.size == 1:
        return f"a single number is expected, and yours is inside {_name(got)}: take it out."
    if isinstance(got, np.ndarray) and isinstance(expected, number):
        return left(pairs) or f"a single number is expected, but your function returns {_name(got)}."
    if isinstance(expected, tuple):
        which = [number for number, part in enumerate(expected) if same(got, part)]
        alone = f"; this is the {_ordinal(which[0])} of them alone" if which else ""
        return f"{len(expected)} results are expected, but your function returns {_name(got)}{alone}."
    if isinstance(got, tuple) and any(same(part, expected) for part in got):
        return "one result is expected, and yours is among several: return it alone."
    return f"{_name(expected)} is expected, but your function returns {_name(got)}."


def _ordinal(number: int) -> str:
    names = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh")
    return names[number] if number < len(names) else f"{number + 1}th"


def _parts(pairs: Pairs, cases: Any, names: Any) -> str:
    """Of several results, which are wrong; whether they are swapped; and what is wrong with the first of them."""
    if not _each(pairs, tuple):
        return ""
    size = len(pairs[0][1])
    if len(pairs[0][0]) != size:
        return f"{size} results are expected, but your function returns {len(pairs[0][0])}."
    for order in itertools.permutations(range(size)) if size < 5 else ():
        if all(same(tuple(got[place] for place in order), expected) for got, expected in pairs):
            return "the results are right, but in another order."
    wrong = [n for n in range(size) if not all(same(got[n], expected[n]) for got, expected in pairs)]
    one = wrong[0]
    differ = [not same(got[one], expected[one]) for got, expected in pairs]
    also = relation(
        [(got[one], expected[one]) for (got, expected), other in zip(pairs, differ, strict=True) if other],
        [case for case, other in zip(cases, differ, strict=True) if other],
        names,
    )
    if size == 1:
        return also
    which = "all" if len(wrong) == size else f"the {' and '.join(map(_ordinal, wrong))}"
    be, others = "is" if len(wrong) == 1 else "are", "the others are" if size > 2 else "the other is"
    right = "" if len(wrong) == size else f", {others} right"
    return f"of the {size} results {which} {be} wrong{right}. {also[:1].upper()}{also[1:]}".strip()


def _text(pairs: Pairs, cases: Any, names: Any) -> str:
    if not _each(pairs, str):
        return ""
    ways: dict[str, Callable[[str], str]] = {
        "only upper and lower case differ.": str.lower,
        "only white space at the ends differs.": str.strip,
        "only white space differs.": lambda text: "".join(text.split()),
        "the same characters in another order.": lambda text: "".join(sorted(text)),
    }
    for words, way in ways.items():
        if all(way(got) == way(expected) for got, expected in pairs):
            return words
    got, expected = pairs[0]
    if expected.startswith(got):
        return f"the end is missing: {expected[len(got) :][:40]!r}."
    if got.startswith(expected):
        return f"there is too much at the end: {got[len(expected) :][:40]!r}."
    first = next(n for n, (mine, its) in enumerate(itertools.zip_longest(got, expected)) if mine != its)
    return (
        f"the first difference is at character {first}: expected {expected[first : first + 12]!r}, "
        f"but got {got[first : first + 12]!r}."
    )


def _items(pairs: Pairs, cases: Any, names: Any) -> str:
    """Lists, sets and dictionaries: what is missing, what is too much, what stands elsewhere."""
    got, expected = pairs[0]
    if isinstance(expected, dict) and isinstance(got, dict):
        missing = [key for key in expected if key not in got]
        extra = [key for key in got if key not in expected]
        if missing or extra:
            return _missing_or_extra(missing, extra, "the key")
        key = next(key for key in expected if not same(got[key], expected[key]))
        return f"for the key {show(key)}: expected {show(expected[key])}, but got {show(got[key])}."
    if isinstance(expected, set) and isinstance(got, set):
        return _missing_or_extra(sorted(expected - got, key=repr), sorted(got - expected, key=repr), "the item")
    if not _each(pairs, list):
        return ""
    if all(same(got[::-1], expected) for got, expected in pairs):
        return "the items are right, but in reversed order."
    keys = Counter(map(repr, got)), Counter(map(repr, expected))
    if keys[0] == keys[1]:
        return "the items are right, but in another order."
    if len(got) != len(expected):
        size = f"{len(expected)} item{'s are' if len(expected) != 1 else ' is'} expected, but yours has {len(got)}"
        few, many = len(got), len(expected)
        ends = {
            "the end is missing": (got, expected[:few]),
            "the beginning is missing": (got, expected[max(0, many - few) :]),
            "there is too much at the end": (got[:many], expected),
            "there is too much at the beginning": (got[max(0, few - many) :], expected),
        }
        for words, (mine, its) in ends.items():
            if same(mine, its):
                return f"{size}: {words}."
        if set(keys[0]) == set(keys[1]):
            return f"{size}: repeated items are counted in another way."
        missing = [item for item in expected if repr(item) not in keys[0]]
        extra = [item for item in got if repr(item) not in keys[1]]
        return f"{size}. {_missing_or_extra(missing, extra, 'the item')}".strip()
    first = next(n for n, (mine, its) in enumerate(zip(got, expected, strict=True)) if not same(mine, its))
    if all(isinstance(item, int | float) for item in [*got, *expected]):
        return ""  # numbers: looked at below
    return f"the first difference is in item {first}: expected {show(expected[first])}, but got {show(got[first])}."


def _missing_or_extra(missing: Sequence[Any], extra: Sequence[Any], kind: str) -> str:
    found = [f"{kind} {show(missing[0])} is missing"] if missing else []
    found += [f"{kind} {show(extra[0])} is too much"] if extra else []
    return f"{', and '.join(found)}." if found else ""


def _shape(pairs: Pairs, cases: Any, names: Any) -> str:
    got, expected = pairs[0]
    if not isinstance(got, np.ndarray) or not isinstance(expected, np.ndarray):
        return ""
    if all(mine.shape == its.shape for mine, its in pairs):
        return ""
    got, expected = next((mine, its) for mine, its in pairs if mine.shape != its.shape)
    size = f"the shape should be {expected.shape}, but yours is {got.shape}"
    if got.squeeze().shape == expected.squeeze().shape and same(got.squeeze(), expected.squeeze()):
        what = "too much" if got.ndim > expected.ndim else "missing"
        return f"{size}: right numbers, but an axis of length 1 is {what}."
    if got.ndim == expected.ndim <= 4:
        for order in itertools.permutations(range(got.ndim)):
            if got.transpose(order).shape == expected.shape and same(got.transpose(order), expected):
                return f"{size}: right numbers, but the axes are in another order."
    if got.size == expected.size and same(got.ravel(), expected.ravel()):
        return f"{size}: right numbers, but in another shape."
    return left(pairs) or f"{size}."


def _truths(pairs: Pairs, cases: Any, names: Any) -> str:
    """Boolean tensors, or what should be."""
    got, expected = pairs[0]
    if not isinstance(expected, np.ndarray) or not isinstance(got, np.ndarray):
        return ""
    if expected.dtype.kind != "b":
        return "numbers are expected, but yours holds True and False." if got.dtype.kind == "b" else ""
    if got.dtype.kind != "b":
        return f"a boolean tensor is expected (True or False), but yours holds numbers ({got.dtype})."
    if all(same(mine, ~its) for mine, its in pairs):
        return "True and False are swapped."
    if expected.ndim > 1 and all(same(mine, its.mT) for mine, its in pairs):
        return "rows and columns are swapped: yours is transposed."
    more = all(bool((mine | ~its).all()) for mine, its in pairs)
    less = all(bool((~mine | its).all()) for mine, its in pairs)
    where = tuple(int(index) for index in np.argwhere(got != expected)[0])
    if more or less:
        return f"{'too few' if less else 'too many'} are True, for example at index {where}."
    return f"the first difference is at index {where}: it should be {bool(expected[where])}."


def _numbers(pairs: Pairs, cases: Any, names: Any) -> str:
    """One operation that leads from the right numbers to the wrong ones, or from the wrong to the right."""
    arrays = as_arrays(pairs)
    if not arrays or any(got.shape != expected.shape for got, expected in arrays):
        return ""
    got, expected = arrays[0]
    if np.isnan(got).any() and not np.isnan(expected).any():
        return "there is NaN in your result: is something divided by zero, or a logarithm of 0 taken?"
    if np.isinf(got).any() and not np.isinf(expected).any():
        return "there is an infinite value in your result: is something divided by zero, or a logarithm of 0 taken?"
    values = np.concatenate([got.ravel() for got, _ in arrays])
    if values.size < 2:
        return ""
    if np.ptp(values) == 0:
        wanted = np.concatenate([expected.ravel() for _, expected in arrays])
        return f"yours is {values[0]:.4g} each time, whatever the inputs." if np.ptp(wanted) > 0 else ""
    return done(arrays) or left(pairs) or constant(arrays)


def _place(pairs: Pairs, cases: Any, names: Any) -> str:
    """How many of many numbers are right, and where the first wrong one is."""
    got, expected = pairs[0]
    arrays = as_arrays(pairs[:1])
    if not arrays or arrays[0][0].shape != arrays[0][1].shape or arrays[0][0].size < 2:
        return ""
    got, expected = arrays[0]
    right = np.isclose(got, expected, rtol=1e-4, atol=1e-4, equal_nan=True)
    if same(np.sort(got.ravel()), np.sort(expected.ravel())):
        return "the numbers are right, but in another order."
    if not right.any():
        return ""
    where = tuple(int(index) for index in np.argwhere(~right)[0])
    index = where[0] if len(where) == 1 else where
    return (
        f"{right.sum()} of {right.size} numbers are right; the first wrong one is at index {index}: "
        f"expected {expected[where]:.4g}, but got {got[where]:.4g}."
    )


def alike(pairs: Pairs) -> bool:
    """Whether the wrong results have the type, the shape and the length of the right ones."""
    return all(
        type(got) is type(expected)
        and getattr(got, "shape", None) == getattr(expected, "shape", None)
        and (not isinstance(got, list | tuple | str) or len(got) == len(expected))
        for got, expected in pairs
    )
