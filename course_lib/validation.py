"""Checks of arguments, each with a message of one sentence: what was expected and what was passed.

`require` is the general one. `text_of`, `texts_of`, `ids_of` and `rows_of_ids` also return what they checked, in one
form. Their place is where data enters the library (encode, batches, generation, files): they look at values, for which
a GPU would have to wait, so a model's `forward` looks at ranks and dtypes only.
"""

import math
import operator
import reprlib
from collections.abc import Iterable, Mapping, Set
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from jaxtyping import Int, Integer
from torch import Tensor

__all__ = [
    "Ids",
    "ids_of",
    "require",
    "require_divides",
    "require_finite",
    "require_integer",
    "require_number",
    "require_one_of",
    "require_sizes",
    "rows_of_ids",
    "text_of",
    "texts_of",
]

Ids = Iterable[int] | Integer[np.ndarray, "_"] | Integer[Tensor, "_"]  # unsigned ones, too; of any length

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80


def require(holds: object, expected: str, came: object) -> None:
    """Raise a ValueError that says what was expected and what came instead, unless the condition holds.

    >>> require(0 <= 1.5 < 1, "dropout must be at least 0 and below 1", 1.5)
    Traceback (most recent call last):
    ValueError: dropout must be at least 0 and below 1, but it is 1.5
    """
    if not holds:
        raise ValueError(f"{expected}, but it is {_shown(came)}")


def _shown(came: object) -> str:
    """A value in a few words, on one line."""
    if isinstance(came, Tensor | np.ndarray):
        kind = "a tensor" if isinstance(came, Tensor) else "an array"
        return f"{kind} of shape {tuple(came.shape)} and dtype {str(came.dtype).removeprefix('torch.')}"
    if isinstance(came, torch.Size):
        return str(tuple(came))
    return " ".join(_SHORT.repr(came).split())


def require_integer(name: str, value: Any, *, at_least: int | None = None, at_most: int | None = None) -> None:
    """Raise ValueError unless a value is an integer (True is none) within these bounds.

    >>> require_integer("top_k", 0.5, at_least=1)
    Traceback (most recent call last):
    ValueError: top_k must be an integer, but it is 0.5
    """
    require(isinstance(value, Integral) and not isinstance(value, bool), f"{name} must be an integer", value)
    _require_within(name, value, {"at least": at_least, "at most": at_most})


def require_number(
    name: str,
    value: Any,
    *,
    at_least: float | int | None = None,
    above: float | int | None = None,
    at_most: float | int | None = None,
    below: float | int | None = None,
) -> None:
    """Raise ValueError unless a value is a number (True and NaN are none) within these bounds.

    >>> require_number("dropout", 1.5, at_least=0, below=1)
    Traceback (most recent call last):
    ValueError: dropout must be at least 0 and below 1, but it is 1.5
    """
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    require(is_number and not math.isnan(value), f"{name} must be a number", value)
    _require_within(name, value, {"at least": at_least, "above": above, "at most": at_most, "below": below})


_HOLDS = {"at least": operator.ge, "above": operator.gt, "at most": operator.le, "below": operator.lt}


def _require_within(name: str, value: Any, bounds: dict[str, float | int | None]) -> None:
    given = {words: bound for words, bound in bounds.items() if bound is not None}
    holds = all(_HOLDS[words](value, bound) for words, bound in given.items())
    expected = " and ".join("finite" if bound == math.inf else f"{words} {bound}" for words, bound in given.items())
    require(holds, f"{name} must be {expected}", value)


def require_sizes(config: object, *names: str) -> None:
    """Raise ValueError unless each of these attributes of a config is an integer of at least 1."""
    for name in names:
        require_integer(name, getattr(config, name), at_least=1)


def require_divides(**sizes: Any) -> None:
    """Raise ValueError unless the first of two sizes divides the second.

    >>> require_divides(n_heads=5, d_model=128)
    Traceback (most recent call last):
    ValueError: n_heads must divide d_model, but they are 5 and 128
    """
    for name, size in sizes.items():
        require_integer(name, size)
    (small, divisor), (large, size) = sizes.items()
    if divisor < 1 or size % divisor:
        raise ValueError(f"{small} must divide {large}, but they are {divisor} and {size}")


def require_one_of(name: str, choices: Iterable[str], came: object) -> None:
    """Raise ValueError unless a word is one of the choices.

    >>> require_one_of("norm", ("pre", "post"), "none")
    Traceback (most recent call last):
    ValueError: norm must be one of pre, post, but it is 'none'
    """
    choices = list(choices)
    require(came in choices, f"{name} must be one of {', '.join(choices)}", came)


def require_finite(name: str, numbers: Any) -> None:
    """Raise ValueError where an array or tensor holds NaN or an infinite number, and say where the first one is.

    >>> require_finite("vectors", np.array([[0.0, 1.0], [math.nan, 2.0]]))
    Traceback (most recent call last):
    ValueError: vectors must be finite numbers, but at (1, 0) there is nan
    """
    array = numbers.detach().cpu().float().numpy() if isinstance(numbers, Tensor) else np.asarray(numbers)
    wrong = np.argwhere(~np.isfinite(array))
    if len(wrong):
        place = tuple(map(int, wrong[0]))
        raise ValueError(f"{name} must be finite numbers, but at {place} there is {array[place]}")


def text_of(name: str, text: Any) -> str:
    """The text; raises ValueError for anything but a string, and for a lone surrogate, half a character of UTF-16.

    >>> text_of("text", None)
    Traceback (most recent call last):
    ValueError: text must be a string, but it is None
    """
    require(isinstance(text, str), f"{name} must be a string", text)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        wrong = f"at position {error.start} there is {text[error.start]!a}, a lone surrogate (half a character)"
        raise ValueError(f"{name} must consist of characters, but {wrong}") from None
    return text


def texts_of(name: str, texts: Any) -> list[str]:
    """Several texts as a list; raises ValueError for a single text, and for anything but a string among them.

    >>> texts_of("prompts", "to be")
    Traceback (most recent call last):
    ValueError: prompts must be several texts, but it is one, 'to be': put it in a list
    >>> texts_of("prompts", ["to be", None])
    Traceback (most recent call last):
    ValueError: prompts[1] must be a string, but it is None
    """
    if isinstance(texts, str):
        raise ValueError(f"{name} must be several texts, but it is one, {_shown(texts)}: put it in a list")
    several = isinstance(texts, Iterable) and not isinstance(texts, bytes | Mapping | Set | Tensor)
    require(several, f"{name} must be several texts, a list for example", texts)
    return [text_of(f"{name}[{index}]", text) for index, text in enumerate(texts)]


def ids_of(name: str, ids: Any, vocab_size: int | None = None, *, least: int = 0) -> Int[np.ndarray, " T"]:
    """One sequence of ids (a list, an integer array or tensor) as an array of int64; it may be empty.

    Raises ValueError for anything but integers (True is none), for an axis too many, and for ids outside
    `least` ... vocab_size - 1.

    >>> ids_of("tokens", [3, 1, 7], vocab_size=5)
    Traceback (most recent call last):
    ValueError: tokens must be ids from 0 to 4 (vocab_size - 1), but at position 2 there is 7
    """
    array = _array_of(name, ids)
    require(array.ndim == 1, f"{name} must be one sequence of ids", ids)
    require(not array.size or array.dtype.kind in "iu", f"{name} must be integers (ids)", ids)
    least_found, most = (int(array.min()), int(array.max())) if array.size else (least, least)
    if least_found < least or (vocab_size is not None and most >= vocab_size):
        above = vocab_size is not None and most >= vocab_size
        place = int(np.argmax(array >= vocab_size if above else array < least))
        allowed = f"of at least {least}" if vocab_size is None else f"from {least} to {vocab_size - 1} (vocab_size - 1)"
        raise ValueError(f"{name} must be ids {allowed}, but at position {place} there is {array[place]}")
    return array.astype(np.int64)


def _array_of(name: str, ids: Any) -> np.ndarray:
    if isinstance(ids, Tensor):
        return ids.detach().cpu().numpy()
    if isinstance(ids, np.ndarray):
        return ids
    sequence = isinstance(ids, Iterable) and not isinstance(ids, str | bytes | Mapping | Set)
    require(sequence, f"{name} must be a sequence of ids, a list for example", ids)
    found = [id.item() if isinstance(id, Tensor) and id.ndim == 0 else id for id in ids]
    for kind in set(map(type, found)):
        if kind is bool or not issubclass(kind, Integral):
            place = next(index for index, id in enumerate(found) if type(id) is kind)
            raise ValueError(f"{name} must be integers (ids), but at position {place} there is {_shown(found[place])}")
    try:
        return np.array(found, dtype=np.int64)
    except OverflowError:
        raise ValueError(f"{name} must be ids, but one of them has more than 63 bits") from None


def rows_of_ids(name: str, rows: Any, vocab_size: int | None = None) -> list[list[int]]:
    """Several sequences of ids, of any lengths, as lists; a matrix of integers has one per row.

    Raises ValueError for a single sequence, and whatever `ids_of` raises for one of them.

    >>> rows_of_ids("prompts", [1, 2, 3])
    Traceback (most recent call last):
    ValueError: prompts must be several sequences of ids, but it is one: put it in a list
    """
    sequence = isinstance(rows, Iterable) and not isinstance(rows, str | bytes | Mapping | Set)
    require(sequence, f"{name} must be several sequences of ids, a list of lists for example", rows)
    one = isinstance(rows, Tensor | np.ndarray) and rows.ndim < 2
    found = [] if one else list(rows)
    if one or (found and all(isinstance(row, Integral) for row in found)):
        raise ValueError(f"{name} must be several sequences of ids, but it is one: put it in a list")
    return [ids_of(f"{name}[{index}]", row, vocab_size).tolist() for index, row in enumerate(found)]
