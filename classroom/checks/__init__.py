"""Checks that answer back: an exercise's answer goes in, a verdict that names the likely mistake comes out.

A check looks only at what an answer does, never at its text, and never raises in a reader's notebook.
"""

import functools
import html
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import torch

from classroom.progress import record_passed

__all__ = ["Changes", "Mistake", "Verdict", "compare", "exercise", "same", "variants"]

Changes = dict[str, dict[str, Any]]  # of a mistake's words, what is other in the right function to make it


@dataclass(frozen=True)
class Verdict:
    """What a check says; `passed` is None where the exercise was not attempted."""

    exercise: str
    passed: bool | None
    message: str

    def __repr__(self) -> str:
        sign = {True: "✔ passed", False: "✘ not yet", None: "○ not attempted yet"}[self.passed]
        return f"{sign} · {self.message}" if self.message else sign

    def _repr_html_(self) -> str:
        colour = {True: "#009E73", False: "#D55E00", None: "#888888"}[self.passed]
        style = f"border-left: 5px solid {colour}; padding: 0.4em 0.8em; white-space: pre-wrap"
        return f'<div style="{style}">{html.escape(repr(self))}</div>'


class Mistake(Exception):
    """Raised inside a check: the answer is wrong, and the message says how."""


class NotAttempted(Exception):
    """Raised inside a check: the answer is still the stub."""


def exercise(check: Callable[[Any, int], str | None]) -> Callable[..., Verdict]:
    """Turn `check(answer, seed)`, which raises Mistake, into `check(answer, seed=0, record=True) -> Verdict`.

    What `check` returns is said with the verdict "passed". A pass is recorded as progress unless record=False.
    """
    name = f"{check.__module__.rpartition('.')[2]}.{check.__name__}"

    @functools.wraps(check)
    def verdict(answer: Any, seed: int = 0, record: bool = True) -> Verdict:
        try:
            if answer is None or answer is ...:
                raise NotAttempted(
                    f"replace the `...` of {check.__name__} with your answer, run that cell, then this one."
                )
            praise = check(answer, seed) or ""
        except NotAttempted as stub:
            return Verdict(name, None, str(stub))
        except Mistake as mistake:
            return Verdict(name, False, str(mistake))
        except Exception as error:
            return Verdict(name, False, _explain(answer, error))
        if record and (problem := record_passed(name)):
            praise = f"{praise} ({problem})".strip()
        return Verdict(name, True, praise)

    return verdict


def _explain(answer: Any, error: Exception) -> str:
    """An error of the reader's own code, with the line that raised it."""
    file = getattr(getattr(answer, "__code__", None), "co_filename", None)
    lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    where = f" in its line `{lines[-1].line}`" if lines and lines[-1].line else ""
    return f"your code raised {type(error).__name__}{where}: {error}"


def compare(
    answer: Any,
    reference: Callable[..., Any],
    cases: Iterable[tuple[Any, ...]],
    mistakes: Iterable[tuple[Callable[..., Any], str]] = (),
) -> None:
    """Raise Mistake where the answer differs from the reference in a case, NotAttempted where it gives nothing in any.

    `mistakes` are pairs of a wrong function and what to say of it: said where it does what the answer does in every
    case, errors included. Otherwise the first case that differs is shown, or its error raised.
    """
    if not callable(answer):
        raise Mistake(f"a function is expected here, but this is {_show(answer)}.")
    results = [(case, _outcome(answer, case), reference(*case)) for case in cases]
    if all(got is None or got is ... for _, got, _ in results):
        raise NotAttempted("it returns nothing so far. If you did write it: is the `return` missing?")
    wrong_results = [result for result in results if not same(result[1], result[2])]
    if not wrong_results:
        return
    for wrong, words in mistakes:
        if all(_same_outcome(got, _outcome(wrong, case)) for case, got, _ in results):
            raise Mistake(words)
    _differ(*wrong_results[0])


def variants(function: Callable[..., Any], changes: Changes) -> list[tuple[Callable[..., Any], str]]:
    """Mistakes for `compare`: the right function, which takes what can go wrong as keywords, with each change."""
    return [(functools.partial(function, **change), words) for words, change in changes.items()]


def _outcome(function: Callable[..., Any], case: tuple[Any, ...]) -> Any:
    """What the function makes of copies of the inputs: its result, or the error that it raises."""
    given = [_copy(value) for value in case]
    try:
        result = function(*given)
    except Exception as error:
        return error
    if not all(same(now, before) for now, before in zip(given, case, strict=True)):
        return Mistake("your function changes its input in place: work on a copy, or use what makes a new one.")
    return result


def _same_outcome(got: Any, wrong: Any) -> bool:
    return type(got) is type(wrong) if isinstance(got, Exception) else same(got, wrong)


def _differ(case: tuple[Any, ...], got: Any, expected: Any) -> NoReturn:
    if isinstance(got, Exception):
        raise got
    got, expected = _plain_number(got), _plain_number(expected)
    inputs = _show_all(case)
    if got is None:
        raise Mistake(f"for {inputs}\nyour function returns nothing: is a `return` missing on one path?")
    if isinstance(expected, torch.Tensor) and not isinstance(got, torch.Tensor):
        raise Mistake(f"a tensor is expected, but your function returns {_show(got)}.")
    if isinstance(got, torch.Tensor) and not isinstance(expected, torch.Tensor):
        raise Mistake(f"a single number is expected, but yours is a tensor of shape {tuple(got.shape)}.")
    if isinstance(expected, torch.Tensor) and got.shape != expected.shape:
        raise Mistake(f"the shape should be {tuple(expected.shape)}, but yours is {tuple(got.shape)}.")
    if _is_whole(expected) and not _is_whole(got):
        raise Mistake(f"whole numbers are expected (rows, not values), but your function returns {_show(got)}.")
    if isinstance(got, torch.Tensor | float) and np.isnan(np.asarray(got)).any():
        raise Mistake(f"there is NaN in your result for {inputs}: is something divided by zero, or log(0)?")
    raise Mistake(f"for {inputs}\nexpected {_show(expected)}\nbut got  {_show(got)}")


def _is_whole(value: Any) -> bool:
    return not value.is_floating_point() if isinstance(value, torch.Tensor) else isinstance(value, int)


def same(got: Any, expected: Any, tolerance: float = 1e-4) -> bool:
    """Equal in kind, shape and, for floating-point numbers, up to a relative and absolute tolerance; NaN equals NaN."""
    got, expected = _plain_number(got), _plain_number(expected)
    if isinstance(expected, torch.Tensor | np.ndarray):
        if not isinstance(got, type(expected)) or got.shape != expected.shape:
            return False
        if isinstance(got, torch.Tensor) and got.is_floating_point() != expected.is_floating_point():
            return False
        return bool(np.allclose(np.asarray(got), np.asarray(expected), rtol=tolerance, atol=tolerance, equal_nan=True))
    if isinstance(expected, float):
        close = isinstance(got, float | int) and np.isclose(got, expected, tolerance, tolerance, equal_nan=True)
        return bool(close)
    if isinstance(expected, list | tuple):
        return (
            isinstance(got, type(expected))
            and len(got) == len(expected)
            and all(same(g, e, tolerance) for g, e in zip(got, expected, strict=True))
        )
    return type(got) is type(expected) and bool(got == expected)


def _plain_number(value: Any) -> Any:
    return value.item() if isinstance(value, torch.Tensor | np.generic) and value.ndim == 0 else value


def _copy(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.clone()
    return value.copy() if isinstance(value, np.ndarray | list | dict) else value


def _show_all(values: tuple[Any, ...]) -> str:
    return ", ".join(_show(value) for value in values)


def _show(value: Any) -> str:
    if isinstance(value, torch.Tensor | np.ndarray):
        text = np.array2string(np.asarray(value), precision=3, separator=", ", threshold=20).replace("\n", "")
        return f"{text} (shape {tuple(value.shape)})"
    text = f"{value:.4g}" if isinstance(value, float) else repr(value)
    return text if len(text) <= 200 else f"{text[:200]} ..."
