"""What is often wrong in positions, and what to say of it."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["ROTATE", "SINUSOIDAL", "Wrong"]

Wrong = list[tuple[Callable[..., object], str]]


def _angles(length: int, width: int, step: float | int = 2, first: int = 0, unit: float | int = 1) -> Tensor:
    """Position times 10000^(-step · pair / width), (length, width / 2): right with the defaults."""
    pair = torch.arange(width // 2, dtype=torch.float64)
    return torch.arange(first, first + length)[:, None] * 10_000.0 ** (-step * pair / width) * unit


def _woven(angles: Tensor) -> Tensor:
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1).float()


def _each(length: int, width: int, step: int) -> Tensor:
    """A frequency for every component instead of every pair."""
    angles = _angles(length, 2 * width, 2 * step)
    return torch.where(torch.arange(width) % 2 == 0, angles.sin(), angles.cos()).float()


def _added(angles: Tensor) -> Tensor:
    return (angles.sin() + angles.cos()).float()


ADDED = "sine and cosine are added into one number: they are two components of the vector, side by side."
EACH = "within a pair sine and cosine have the same frequency: the exponent changes from pair to pair, not with each "

SINUSOIDAL: Wrong = [
    (lambda n, c: _added(_angles(n, c)), ADDED),
    (lambda n, c: _added(_angles(n, c)).repeat_interleave(2, dim=1), ADDED),
    (lambda n, c: _added(_angles(n, c)).repeat(1, 2), ADDED),
    (lambda n, c: _added(_angles(n, 2 * c)), ADDED),
    (lambda n, c: _added(_angles(n, 2 * c, 4)), ADDED),
    (
        lambda n, c: torch.cat([_angles(n, c).sin(), _angles(n, c).cos()], dim=1).float(),
        "all sines stand before all cosines: right numbers, but the paper alternates them, sine, cosine, sine ...",
    ),
    (
        lambda n, c: _woven(_angles(n, c)).view(n, -1, 2).flip(-1).flatten(1),
        "the cosine stands before the sine: even components are sines, odd ones cosines.",
    ),
    (lambda n, c: _woven(_angles(n, c, 1)), "the exponent is off by a factor 2: pair i has 2i / d_model."),
    (lambda n, c: _woven(_angles(n, c, 4)), "the exponent is twice too large: pair i has 2i / d_model."),
    (lambda n, c: _woven(_angles(n, c, -2)), "you multiply by 10000^(2i / d): divide the position by it."),
    (lambda n, c: _woven(_angles(n, c, 0)), "all pairs have the same frequency: divide by 10000^(2i / d_model)."),
    (lambda n, c: _each(n, c, 1), f"{EACH}component: component 2i + 1 has the exponent of 2i."),
    (lambda n, c: _each(n, c, 2), f"{EACH}component: component 2i + 1 has the exponent of 2i."),
    (
        lambda n, c: _woven(_angles(n, c, unit=math.pi / 180)),
        "you turn the angle from degrees into radians: it is in radians already.",
    ),
    (
        lambda n, c: _woven(_angles(n, c, unit=180 / math.pi)),
        "you turn the angle into degrees: sin and cos take radians.",
    ),
    (lambda n, c: _woven(_angles(n, c, first=1)), "positions count from 0."),
    (lambda n, c: _woven(_angles(n, c)).mT, "this is the table on its side: a row is a position."),
    (lambda n, c: _angles(n, c).sin().float().repeat_interleave(2, dim=1), "odd components need the cosine."),
    (lambda n, c: _angles(n, c).float(), "these are the angles: their sines and cosines are wanted."),
]


def _circle(x: Tensor, **other: float | int) -> tuple[Tensor, Tensor]:
    """The cosine and the sine by which each position and pair turns."""
    angles = _angles(*x.shape[-2:], **other)
    return angles.cos().float(), angles.sin().float()


def _turn(back: int = 1, **other: float | int) -> Callable[[Tensor], Tensor]:
    """Pairs i and i + D/2 turned: right with the defaults; back = -1 turns the other way round."""

    def turned(x: Tensor) -> Tensor:
        (cos, sin), (a, b) = _circle(x, **other), x.chunk(2, dim=-1)
        return torch.cat([a * cos - back * b * sin, b * cos + back * a * sin], dim=-1)

    return turned


def _neighbours(x: Tensor) -> Tensor:
    halves = torch.cat([x[..., ::2], x[..., 1::2]], dim=-1)
    return torch.stack(_turn()(halves).chunk(2, dim=-1), dim=-1).flatten(-2)


def _two_pluses(x: Tensor) -> Tensor:
    (cos, sin), (a, b) = _circle(x), x.chunk(2, dim=-1)
    return torch.cat([a * cos + b * sin, b * cos + a * sin], dim=-1)


def _overwritten(x: Tensor) -> Tensor:
    (cos, sin), (a, b) = _circle(x), x.chunk(2, dim=-1)
    a = a * cos - b * sin
    return torch.cat([a, b * cos + a * sin], dim=-1)


ROTATE: Wrong = [
    (
        _neighbours,
        "a true rotation, of neighbours (2i, 2i + 1), as in the paper: here a pair is i and i + D/2, as in Llama.",
    ),
    (_turn(-1), "this turns the other way round: a cos - b sin, and b cos + a sin."),
    (_two_pluses, "two plus signs are no rotation: a cos - b sin, and b cos + a sin."),
    (_overwritten, "the second half is made from the new first half: keep the old one until both are computed."),
    (_turn(step=1), "the exponent is off by a factor 2: pair i has 2i / D."),
    (_turn(step=4), "the exponent is twice too large: pair i has 2i / D, and D is the whole width."),
    (_turn(step=0), "all pairs turn equally fast: pair i turns by p / 10000^(2i / D)."),
    (_turn(first=1), "positions count from 0: the first vector stays as it is."),
    (_turn(unit=math.pi / 180), "you turn the angle from degrees into radians: it is in radians already."),
    (_turn(unit=180 / math.pi), "you turn the angle into degrees: sin and cos take radians."),
    (lambda x: x + torch.cat(_circle(x)[::-1], dim=-1), "this adds sines and cosines to x: turn x instead."),
    (lambda x: x * _circle(x)[0].repeat(1, 2), "only the cosines are there: the sines mix the two halves."),
    (
        lambda x: _turn()(x.transpose(0, -2)).transpose(0, -2),
        "the position is the place along the axis before the last, not along the first.",
    ),
    (lambda x: x, "nothing has turned."),
]
