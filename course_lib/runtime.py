"""Where the code runs, at what scale, in what mode, and whether a claim holds."""

import math
import os
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor, nn

from course_lib.validation import require, require_integer, require_number

__all__ = [
    "device",
    "devices_of",
    "evaluating",
    "expect",
    "own_randomness",
    "random_state",
    "scale",
    "seed_everything",
    "set_random_state",
]

CPU = torch.device("cpu")


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
    """Seed Python, NumPy and PyTorch (every device), so that a cell gives the same numbers each time it runs.

    Raises ValueError for a seed that NumPy does not take: it must have 32 bits.
    """
    require_integer("seed", seed, at_least=0, at_most=2**32 - 1)
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def devices_of(model: nn.Module) -> list[torch.device]:
    """The devices whose random numbers a model uses: the CPU first, then those that hold its weights."""
    found = {tensor.device for tensor in (*model.parameters(), *model.buffers())}
    return [CPU, *sorted(found - {CPU, torch.device("meta")}, key=str)]


def random_state(device: torch.device) -> Tensor:
    """The state of a device's random numbers, a tensor of bytes on the CPU."""
    return torch.get_rng_state() if device.type == "cpu" else torch.get_device_module(device).get_rng_state(device)


def set_random_state(device: torch.device, state: Tensor) -> None:
    """Put a device's random numbers back to a state, and no other device's."""
    if device.type == "cpu":
        torch.set_rng_state(state)
    else:
        torch.get_device_module(device).set_rng_state(state, device)


@contextmanager
def own_randomness(seed: int | None = None, devices: Sequence[torch.device] = (CPU,)) -> Iterator[None]:
    """Random numbers of their own on these devices, from a seed if there is one; afterwards all are as they were.

    `torch.manual_seed` seeds every device of the machine, also those that nothing here runs on.
    """
    if seed is not None:
        require_integer("seed", seed, at_least=0)
    before = [random_state(device) for device in devices]
    try:
        if seed is not None:
            for device in devices:
                set_random_state(device, Generator(device).manual_seed(seed).get_state())
        yield
    finally:
        for device, state in zip(devices, before, strict=True):
            set_random_state(device, state)


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
    Raises AssertionError with the value where the claim fails (NaN always fails), ValueError where there is no bound,
    and where value or bound is no number.

    >>> expect("validation loss", 1.52, at_most=1.60)
    validation loss · expected at most 1.60 · ok
    >>> expect("neighbour of paris", "london", equals="london")
    neighbour of paris · expected london · ok
    """
    bounded = at_least is not None or at_most is not None
    if bounded and equals is not None:
        raise ValueError(f"expect({name!r}, ...) takes equals= or bounds, not both")
    if equals is not None:
        wanted, same = str(equals), value == equals
        require(np.ndim(same) == 0, f"expect({name!r}, ...) compares one value with equals=", value)  # type: ignore[arg-type]
        holds = bool(same)
    elif bounded:
        for bound in (at_least, at_most):
            if bound is not None:
                require_number(f"the bound of {name!r}", bound)
        number, bounds = _number(name, value), []
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
        shown = value if equals is not None else f"{number:.6g}"
        usually = f" What usually causes this: {cause}" if cause else ""
        raise AssertionError(f"{name} · expected {wanted}, but it is {shown}.{usually}")
    print(f"{name} · expected {wanted} · ok")


def _number(name: str, value: Any) -> float:
    """A value with which bounds can be compared: a number, or a tensor or array of one."""
    one = value.item() if isinstance(value, Tensor | np.ndarray | np.generic) and math.prod(value.shape) == 1 else value
    require(isinstance(one, Real) and not isinstance(one, bool), f"{name!r} must be a number to have a bound", value)
    return float(one)


def _show(bound: float | int) -> str:
    return f"{bound:,}" if isinstance(bound, int) else f"{bound:.1e}" if 0 < abs(bound) < 0.01 else f"{bound:.2f}"
