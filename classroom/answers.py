"""Running an answer: whatever it does, it is stopped, answered in words, and leaves the notebook as it was."""

import builtins
import contextlib
import copy
import ctypes
import inspect
import io
import math
import operator
import random
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from classroom import forms
from classroom.showing import shorten

__all__ = ["Mistake", "OutOfTime", "Outcome", "put_back", "run", "time_limit", "trusted"]

SECONDS = 10


class Mistake(Exception):
    """The answer is wrong, and the message says how. What an exercise hands to an answer may raise it, too."""


class OutOfTime(BaseException):
    """Raised in an answer that has not ended; no `except Exception` of its own catches it."""


@dataclass(frozen=True)
class Outcome:
    """What one call of an answer came to: a plain value, or what is to be said instead of it."""

    value: Any = None
    error: str = ""  # in words
    fatal: bool = False  # no other case need be tried
    printed: str = ""
    raised: str = ""  # the class of an exception


def run(function: Callable[..., Any], inputs: tuple[Any, ...], seconds: float | int = SECONDS) -> Outcome:
    """Call an answer on deep copies of the inputs, for `seconds` at most, and put back what it changes around it.

    Restored are the random states, the gradient mode, what is printed, and replaced functions of PyTorch and NumPy.
    """
    given = copy.deepcopy(inputs)
    before = _fingerprint(given)
    paper, start = _Tally(), time.monotonic()
    value, error, fatal, raised = None, "", False, ""
    with _restored(), contextlib.redirect_stdout(paper), contextlib.redirect_stderr(paper):
        try:
            with time_limit(seconds):
                value = forms.plain(function(*given))
        except OutOfTime:
            error, fatal = f"it did not end within {seconds:g} seconds: does a loop in it go on for ever?", True
        except KeyboardInterrupt:
            elapsed = time.monotonic() - start
            error, fatal = f"you stopped it after {elapsed:.0f} seconds: does a loop in it go on for ever?", True
        except SystemExit:
            error, fatal = "it calls exit(), which would end the whole notebook: use `return`.", True
        except Mistake as mistake:
            error = str(mistake)
        except BaseException as exception:
            error, raised = _in_words(function, exception), type(exception).__name__
    if replaced := put_back():
        names = " and ".join(f"`{name}`" for name in replaced[:3])
        error, fatal = f"your code replaces {names} for everybody: give your function a name of its own.", True
    if not error and _fingerprint(given) != before:
        error = "your function changes its input in place: work on a copy, or use what makes a new one."
    return Outcome(value, error, fatal, paper.text(), raised)


def trusted(function: Callable[..., Any], inputs: tuple[Any, ...], seconds: float | int = SECONDS) -> Outcome:
    """The same for a function of our own, which needs no guard."""
    with _restored():
        try:
            return Outcome(forms.plain(function(*copy.deepcopy(inputs))))
        except Exception as error:
            return Outcome(error=str(error) or "an error", raised=type(error).__name__)


def _in_words(function: Any, error: BaseException) -> str:
    """An error of the reader's own code, with the line that raised it."""
    file = getattr(getattr(inspect.unwrap(function), "__code__", None), "co_filename", None)
    lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    where = f" in its line `{lines[-1].line}`" if lines and lines[-1].line else ""
    return f"your code raised {type(error).__name__}{where}: {shorten(str(error), 200)}"


def time_limit(seconds: float | int) -> contextlib.AbstractContextManager[None]:
    """Raise OutOfTime inside the block after so many seconds, and again where that is swallowed."""
    in_main_thread = threading.current_thread() is threading.main_thread()
    return _by_signal(seconds) if hasattr(signal, "setitimer") and in_main_thread else _by_thread(seconds)


@contextlib.contextmanager
def _by_signal(seconds: float | int) -> Iterator[None]:
    def again(frame: Any, event: str, argument: Any) -> Any:
        """In the line of an `except:` that has just swallowed the first."""
        if event == "line":
            raise OutOfTime
        return again

    def ring(number: int, frame: Any) -> None:
        while frame and frame.f_code.co_filename != __file__:
            frame.f_trace, frame = again, frame.f_back
        sys.settrace(again)
        raise OutOfTime

    before, tracing = signal.signal(signal.SIGALRM, ring), sys.gettrace()
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.5)
    try:
        yield
    finally:
        sys.settrace(tracing)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def _by_thread(seconds: float | int) -> Iterator[None]:
    """On Windows, or outside the main thread: the exception arrives at the next line of Python."""
    done, thread = threading.Event(), ctypes.c_ulong(threading.get_ident())

    def watch() -> None:
        wait = float(seconds)
        while not done.wait(wait):
            ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(OutOfTime))
            wait = 0.5

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
        ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, None)


class _Tally(io.TextIOBase):
    """A place to print to that keeps the beginning and counts the lines."""

    def __init__(self) -> None:
        self.beginning, self.lines = "", 0

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.beginning += text[: max(0, 100 - len(self.beginning))]
        self.lines += text.count("\n")
        return len(text)

    def text(self) -> str:
        if not self.beginning.strip():
            return ""
        more = f" ... ({self.lines:,} lines)" if self.lines > 1 else ""
        return f"it printed {self.beginning.strip().splitlines()[0]!r}{more}"


@contextlib.contextmanager
def _restored() -> Iterator[None]:
    """Random states, gradient mode and default dtype as they were; the same random numbers in each call."""
    states = random.getstate(), np.random.get_state(), torch.default_generator.get_state()
    gradients, dtype = torch.is_grad_enabled(), torch.get_default_dtype()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        random.seed(0)
        np.random.seed(0)
        torch.default_generator.manual_seed(0)  # of the CPU alone: torch.manual_seed takes a millisecond
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])
            torch.default_generator.set_state(states[2])
            torch.set_grad_enabled(gradients)
            torch.set_default_dtype(dtype)


def _fingerprint(value: Any) -> Any:
    """Something equal for equal inputs, nested ones too: to find out whether an answer has changed them."""
    if isinstance(value, torch.Tensor | np.ndarray):
        array = np.asarray(value.detach().cpu() if isinstance(value, torch.Tensor) else value)
        return (array.shape, array.tobytes())
    if isinstance(value, dict):
        return [(key, _fingerprint(part)) for key, part in value.items()]
    if isinstance(value, list | tuple | set):
        return [type(value).__name__, *map(_fingerprint, value)]
    return value if isinstance(value, str | bytes | int | float | bool | type(None)) else type(value)


NAMESPACES = {
    "torch": torch,
    "torch.Tensor": torch.Tensor,
    "F": F,
    "np": np,
    "math": math,
    "random": random,
    "builtins": builtins,
}
ORIGINALS = {
    name: {key: value for key, value in vars(space).items() if key[:1] != "_" and callable(value)}
    for name, space in NAMESPACES.items()
}


def put_back() -> list[str]:
    """Undo replaced functions of PyTorch, NumPy and Python, and return their names.

    An answer that replaces torch.softmax would change what it is compared with, and all later cells.
    """
    replaced = []
    for name, space in NAMESPACES.items():
        here, originals = vars(space), ORIGINALS[name]
        if all(map(operator.is_, map(here.get, originals), originals.values())):
            continue
        for key, original in originals.items():
            now = here.get(key, original)
            if now is not original and _root(now) != _root(original):
                setattr(space, key, original)
                replaced.append(f"{name}.{key}")
    for key in vars(torch.Tensor).keys() - ORIGINALS["torch.Tensor"].keys():  # a method that was inherited
        if key[:1] != "_" and hasattr(torch._C.TensorBase, key) and _root(vars(torch.Tensor)[key]) != "torch":
            delattr(torch.Tensor, key)
            replaced.append(f"torch.Tensor.{key}")
    return replaced


def _root(value: Any) -> str:
    return str(getattr(value, "__module__", "")).partition(".")[0]
