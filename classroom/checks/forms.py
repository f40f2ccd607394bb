"""Answers whose result comes in another form than asked for: a tuple for a list, an array without axes for a number."""

import numbers
from collections.abc import Callable
from typing import Any

from classroom.checks import Mistake

__all__ = ["as_list", "as_number", "as_whole"]


def as_list(answer: Any) -> Any:
    """The same function with its result as a list where it is a tuple, bytes, a generator or the like."""

    def listed(result: Any) -> Any:
        if isinstance(result, str):
            raise Mistake(f"a list is expected, but your function returns the string {result[:60]!r}.")
        if isinstance(result, set | frozenset):
            raise Mistake("a set forgets the order and how often each occurs: return a list.")
        return list(result) if hasattr(result, "__iter__") else result

    return _giving(answer, listed)


def as_number(answer: Any) -> Any:
    """The same function with its result as a float where it is an array without axes, a fraction or the like."""

    def one(result: Any) -> Any:
        result = result.item() if getattr(result, "ndim", None) == 0 else result
        if hasattr(result, "__iter__"):
            raise Mistake(f"one number is expected, but your function returns {repr(result)[:60]}")
        return float(result) if isinstance(result, numbers.Real) else result

    return _giving(answer, one)


def as_whole(answer: Any) -> Any:
    """The same function with its result as an int where it is a whole number in another form."""

    def whole(result: Any) -> Any:
        result = result.item() if getattr(result, "ndim", None) == 0 else result
        return int(result) if isinstance(result, float) and result.is_integer() else result

    return _giving(answer, whole)


def _giving(answer: Any, form: Callable[[Any], Any]) -> Any:
    return (lambda *inputs: form(answer(*inputs))) if callable(answer) else answer
