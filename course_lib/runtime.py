"""Where the code runs, at what scale, in what mode, and whether a claim holds."""

import math
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from course_lib.console import say
from course_lib.validation import require

__all__ = ["device", "evaluating", "expect", "scale", "seed_everything"]


def scale() -> str:
    """The dial: "gpu" where there is CUDA or Apple's MPS, else "laptop"; COURSE_SCALE overrides.

    Raises ValueError where COURSE_SCALE is neither of the two.
    """
    chosen = os.environ.get("COURSE_SCALE", "").strip().lower()
    require(chosen in ("", "laptop", "gpu"), "COURSE_SCALE must be 'laptop' or 'gpu'", chosen)
    found = torch.cuda.is_available() or torch.backends.mps.is_available()
    return chosen or ("gpu" if found else "laptop")


def device() -> torch.device:
    """The device to train on: CUDA, else MPS, else the CPU; always the CPU at laptop scale, so that figures repeat."""
    if scale() == "gpu":
        if torch.cuda.is_available():
            return torch.device("cuda")
        if torch.backends.mps.is_available():
            return torch.device("mps")
    return torch.device("cpu")


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and PyTorch (every device), so that a cell gives the same numbers each time it runs."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


@contextmanager
def evaluating(model: object) -> Iterator[torch.device]:
    """Put a model into evaluation mode, and back into its former mode at the end; yields its device.

    >>> model = nn.Sequential(nn.Linear(2, 3), nn.Dropout(0.5))
    >>> with evaluating(model) as device:
    ...     model[1].training, device
    (False, device(type='cpu'))
    >>> model[1].training
    True
    """
    modules = list(model.modules()) if isinstance(model, nn.Module) else []
    training = [module for module in modules if module.training]
    weights = next(model.parameters(), None) if modules else None
    try:
        for module in training:
            module.training = False
        yield torch.device("cpu") if weights is None else weights.device
    finally:
        for module in training:
            module.training = True


def expect(
    name: str,
    value: object,
    *,
    at_least: float | int | None = None,
    at_most: float | int | None = None,
    equals: object = None,
    cause: str | None = None,
) -> None:
    """Assert a claim, and print a verdict that is the same on every machine: the value itself is not printed.

    Give `equals`, or one or both of `at_least` and `at_most`; `cause` says what usually makes it fail.
    Raises AssertionError with the value where the claim fails (NaN always fails), ValueError where there is no bound.

    >>> expect("validation loss", 1.52, at_most=1.60)
    validation loss · expected at most 1.60 · ok
    >>> expect("neighbour of paris", "london", equals="london")
    neighbour of paris · expected london · ok
    """
    if equals is not None:
        wanted, holds = str(equals), value == equals
    elif at_least is not None or at_most is not None:
        number, bounds = float(value), []  # type: ignore[arg-type]
        holds = not math.isnan(number)
        if at_least is not None:
            bounds.append(f"at least {_show(at_least)}")
            holds = holds and number >= at_least
        if at_most is not None:
            bounds.append(f"at most {_show(at_most)}")
            holds = holds and number <= at_most
        wanted = " and ".join(bounds)
    else:
        raise ValueError(f"expect({name!r}, ...) needs equals=, at_least= or at_most=")
    if not holds:
        shown = value if equals is not None else f"{float(value):.6g}"  # type: ignore[arg-type]
        usually = f" What usually causes this: {cause}" if cause else ""
        raise AssertionError(f"{name} · expected {wanted}, but it is {shown}.{usually}")
    say(f"{name} · expected {wanted} · ok")


def _show(bound: float | int) -> str:
    return f"{bound:,}" if isinstance(bound, int) else f"{bound:.1e}" if 0 < abs(bound) < 0.01 else f"{bound:.2f}"
