"""How far from the original are rows of SmolLM2's embedding matrix that are kept in a few bits per weight?"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import gguf
import numpy as np

from course_lib import data, pretrained
from course_lib.metrics import bootstrap_interval
from experiments.shared import rounded

ROWS = 1_000
CHOICE: dict[str, Any] = {"block": 32, "bits": 4, "minimum": True, "clips": [1.0]}
CHANGES: list[dict[str, Any]] = [
    {},
    {"minimum": False},
    {"block": 64},
    {"block": 192},
    {"block": 64, "bits": 3},
    {"block": 16, "bits": 3, "minimum": False},
    {"block": 576, "minimum": False},
    {"block": 64, "clips": [0.8]},
    {"block": 64, "clips": [0.5]},
    {"minimum": False, "clips": [0.8, 1.0]},
]


@cache
def weights() -> np.ndarray:
    """The first rows of the embedding matrix, which the file keeps in 8 bits per weight: (ROWS, 576)."""
    tensor = pretrained.read_gguf(data.smollm2_file()).tensors["token_embd.weight"]
    return gguf.dequantize(tensor.data[:ROWS], tensor.tensor_type)


def bits_per_weight(*, block: int, bits: int, minimum: bool, **_: Any) -> float:
    """The bits of a code, and a share of its block's scale (and minimum), in half precision."""
    return bits + 16 * (1 + minimum) / block


def squeezed(blocks: np.ndarray, *, bits: int, minimum: bool, clips: Sequence[float | int]) -> np.ndarray:
    """Blocks of weights, (N, block), as they come back. For each block, the best of the `clips` is kept.

    A clip of 1 spreads the 2^bits levels over the whole range of the block, and one of 0.8 over eight tenths of it
    around its centre; weights outside get the outermost level. Without a minimum, the range is symmetric around 0.
    """
    if minimum:
        centre, half = (blocks.max(1) + blocks.min(1)) / 2, (blocks.max(1) - blocks.min(1)) / 2
    else:
        centre, half = np.zeros(len(blocks)), np.abs(blocks).max(1)
    best, least = blocks, np.full(len(blocks), np.inf)
    for clip in clips:
        if minimum:
            low = (centre - clip * half).astype(np.float16).astype(np.float32)[:, None]
            scale = (2 * clip * half / (2**bits - 1)).astype(np.float16).astype(np.float32)[:, None]
            codes = np.clip(np.round((blocks - low) / np.maximum(scale, 1e-8)), 0, 2**bits - 1)
        else:
            low = 0.0
            scale = (clip * half / (2 ** (bits - 1) - 0.5)).astype(np.float16).astype(np.float32)[:, None]
            codes = np.clip(np.round(blocks / np.maximum(scale, 1e-8)), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        back = scale * codes + low
        errors = np.square(back - blocks).sum(1)
        best = np.where((errors < least)[:, None], back, best)
        least = np.minimum(errors, least)
    return best


@cache
def _errors(block: int, bits: int, minimum: bool, clips: tuple[float | int, ...]) -> np.ndarray:
    """The squared error of each row."""
    blocks = weights().reshape(-1, block)
    back = squeezed(blocks, bits=bits, minimum=minimum, clips=clips)
    return np.square(back - blocks).reshape(ROWS, -1).sum(1)


def row(*, block: int, bits: int, minimum: bool, clips: Sequence[float | int]) -> dict[str, Any]:
    """Bits per weight, and the error: root mean square, in percent of that of the weights, with its 95% interval."""
    choice = {"block": block, "bits": bits, "minimum": minimum, "clips": list(clips)}
    errors, sizes = _errors(block, bits, minimum, tuple(clips)), np.square(weights()).sum(1)
    error = bootstrap_interval(lambda lost, size: 100 * (lost.sum(-1) / size.sum(-1)) ** 0.5, errors, sizes)
    return {**choice, "bits_per_weight": round(bits_per_weight(**choice), 3), "error": rounded(error)}


def rows() -> Iterator[dict[str, Any]]:
    """Q4_1's choice, and others."""
    for changes in CHANGES:
        yield row(**CHOICE | changes)
