"""Where a token stands: sinusoidal and learned vectors that are added to it, and rotations of queries and keys.

Axes: B any axes before the last two, T position, C d_model, D per-head width (both even), P pairs.
"""

import math
from functools import lru_cache

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from course_lib.shapes import require_tensor
from course_lib.validation import require, require_integer, require_number

__all__ = [
    "LearnedPositions",
    "Rotation",
    "SinusoidalPositions",
    "rotary_angles",
    "rotate",
    "rotate_by",
    "rotation_at",
    "sinusoidal",
]

Rotation = tuple[Float[Tensor, "..."], Float[Tensor, "..."]]  # cosines and sines, (T, D), or (B, 1, T, D)


def sinusoidal(length: int, d_model: int, start: int = 0, base: float | int = 10_000) -> Float[Tensor, "T C"]:
    """A vector for each position p: component 2i is sin(p / base^(2i / C)), component 2i + 1 its cosine.

    Vaswani et al. (2017), section 3.5. Two positions' dot product depends on their distance alone. Raises ValueError
    for an odd d_model.

    >>> sinusoidal(2, 4)
    tensor([[0.0000, 1.0000, 0.0000, 1.0000],
            [0.8415, 0.5403, 0.0100, 0.9999]])
    """
    angles = _angles(length, d_model, start, base)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1).float()


def rotary_angles(length: int, d_head: int, start: int = 0, base: float | int = 10_000) -> Float[Tensor, "T P"]:
    """The angle of pair i of the components at each position p: p / base^(2i / D), in radians."""
    return _angles(length, d_head, start, base).float()


def rotate(x: Float[Tensor, "*B T D"], start: int = 0, base: float | int = 10_000) -> Float[Tensor, "*B T D"]:
    """Queries or keys, each pair of components rotated by its angle, so that q·k depends on the distance of the two.

    Su et al. (2021), section 3.2. A pair is components i and i + D/2, as in Transformers' Llama; the paper takes
    neighbours, which differs in the components' order alone. `start` is the position of the first.

    >>> rotate(torch.tensor([[1.0, 0.0], [1.0, 0.0]]))
    tensor([[1.0000, 0.0000],
            [0.5403, 0.8415]])
    """
    require_tensor("x", x, "...", "time", "width")
    require_integer("start", start)  # before the cache, for which 1.0 is 1
    return rotate_by(x, _rotation_from(x.shape[-2], x.shape[-1], start, base))


def rotation_at(
    positions: Int[Tensor, "*B T"], d_head: int, base: float | int = 10_000, dtype: torch.dtype | None = None
) -> Rotation:
    """The cosines and sines for `rotate_by` at any positions, (*B, T, D) each, computed once for all layers."""
    require_tensor("positions", positions, "...", "time", integers=True)
    _require_pairs(d_head, base)
    frequencies = base ** -(torch.arange(0, d_head, 2, device=positions.device) / d_head)
    cos, sin = _rotation(positions[..., None] * frequencies)
    return cos.to(dtype), sin.to(dtype)


def rotate_by(x: Float[Tensor, "*B T D"], rotation: Rotation) -> Float[Tensor, "*B T D"]:
    """(x1 cos - x2 sin, x2 cos + x1 sin) for the two halves x1 and x2 of each head."""
    cos, signed_sin = rotation
    if x.shape[-2:] != cos.shape[-2:]:
        require_tensor("x", x, "...", *cos.shape[-2:])
    return x * cos.to(x) + x.roll(x.shape[-1] // 2, dims=-1) * signed_sin.to(x)


def _rotation(angles: Float[Tensor, "..."]) -> Rotation:
    """Cosines and sines for both halves of a head; the sines of the first half are negative."""
    cos, sin = angles.cos(), angles.sin()
    return torch.cat([cos, cos], dim=-1), torch.cat([-sin, sin], dim=-1)


@lru_cache(maxsize=256)  # every layer of every step asks for the same ones
@torch.inference_mode(False)  # else what generation has kept could not be trained through
def _rotation_from(length: int, d_head: int, start: int, base: float | int) -> Rotation:
    return _rotation(rotary_angles(length, d_head, start, base))


def _angles(length: int, width: int, start: int, base: float | int) -> Tensor:
    """Position over wavelength for each pair of components, (length, width / 2), in double precision."""
    require_integer("length", length, at_least=0)
    require_integer("start", start)
    _require_pairs(width, base)
    cpu = {"dtype": torch.float64, "device": "cpu"}  # whatever the default device is, as rotations are kept
    frequencies = base ** -(torch.arange(0, width, 2, **cpu) / width)
    return torch.arange(start, start + length, **cpu)[:, None] * frequencies


def _require_pairs(width: int, base: float | int) -> None:
    require_integer("the width", width, at_least=1)
    require(width % 2 == 0, "positions go by pairs of components: the width must be even", width)
    require_number("base", base, above=0, below=math.inf)


class SinusoidalPositions(nn.Module):
    """Adds `sinusoidal` vectors: nothing is learned, and any length has one.

    >>> SinusoidalPositions(4)(torch.zeros(1, 2, 4)).shape
    torch.Size([1, 2, 4])
    """

    def __init__(self, d_model: int) -> None:
        super().__init__()
        _require_pairs(d_model, 1)
        self.d_model = d_model

    def forward(self, x: Float[Tensor, "B T C"], start: int = 0) -> Float[Tensor, "B T C"]:
        require_tensor("x", x, "batch", "time", self.d_model)
        return x + sinusoidal(x.shape[1], self.d_model, start).to(x)


class LearnedPositions(nn.Module):
    """Adds a vector that is learned for each position: Gehring et al. (2017), section 3.1; BERT, GPT-2.

    Raises ValueError for a position that has none.

    >>> LearnedPositions(3, 4)(torch.zeros(1, 5, 4))
    Traceback (most recent call last):
    ValueError: there are 3 learned positions, but the text goes on to position 5
    """

    def __init__(self, context_length: int, d_model: int) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.randn(context_length, d_model) * 0.02)

    def forward(self, x: Float[Tensor, "B T C"], start: int = 0) -> Float[Tensor, "B T C"]:
        require_tensor("x", x, "batch", "time", self.vectors.shape[1])
        require_integer("start", start, at_least=0)
        end = start + x.shape[1]
        if end > len(self.vectors):
            raise ValueError(f"there are {len(self.vectors)} learned positions, but the text goes on to position {end}")
        return x + self.vectors[start:end]
