"""Checks of tensors by shape and dtype: all that a model's `forward` looks at.

Looking at values would make a GPU wait, and break a compiled graph.
"""

import reprlib
import sys
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from course_lib.validation import ids_of, require

__all__ = ["lengths_of", "require_tensor"]

_INTEGERS = {torch.int64, torch.int32, torch.int16, torch.int8, torch.uint16, torch.uint8}


def require_tensor(name: str, tensor: Any, *axes: str | int, integers: bool = False) -> None:
    """Raise ValueError unless this is a tensor of floats, or of integers, with these axes.

    An axis is a name, or its size where only one will do; "..." in front stands for any axes.

    >>> require_tensor("tokens", torch.tensor([3, 1]), "batch", "time", integers=True)
    Traceback (most recent call last):
    ValueError: tokens must be a tensor of integers (batch, time), but it is a tensor of shape (2,) and dtype int64
    """
    fits = isinstance(tensor, Tensor) and (tensor.dtype in _INTEGERS if integers else tensor.dtype.is_floating_point)
    if not fits or not _has(axes, tensor.shape):
        kind = "integers" if integers else "floats"
        require(False, f"{name} must be a tensor of {kind} ({', '.join(map(str, axes))})", tensor)


def _has(axes: Sequence[str | int], shape: Sequence[int]) -> bool:
    if axes[0] == "...":
        axes = axes[1:]
        shape = shape[max(len(shape) - len(axes), 0) :]
    return len(shape) == len(axes) and all(
        isinstance(axis, str) or axis == size for axis, size in zip(axes, shape, strict=True)
    )


def lengths_of(lengths: Any, rows: int | str, longest: int | None, device: Any = None) -> Int[Tensor, " B"]:
    """How many positions of each row are real (a list, an integer array or tensor), as a tensor.

    Raises ValueError unless they are integers, one per row, from 0 to `longest` (None: to any). Those on a GPU are only
    counted.

    >>> lengths_of([3, 8], 2, longest=7)
    Traceback (most recent call last):
    ValueError: lengths must be from 0 to 7, but they are [3, 8]
    """
    if not isinstance(lengths, Tensor):
        lengths = torch.from_numpy(ids_of("lengths", lengths, least=-sys.maxsize))
    require_tensor("lengths", lengths, rows, integers=True)
    seen = lengths.device.type == "cpu" and not torch.compiler.is_compiling()
    if seen and not ((lengths >= 0) & (lengths <= (sys.maxsize if longest is None else longest))).all():
        most = "at least 0" if longest is None else f"from 0 to {longest}"
        raise ValueError(f"lengths must be {most}, but they are {reprlib.repr(lengths.tolist())}")
    return lengths.to(device)
