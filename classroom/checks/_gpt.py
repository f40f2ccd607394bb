"""What the checks of the notebook gpt compare with: the right functions, each with places to go wrong at."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from classroom.checks import Mistake


def numbers(seed: int, *shapes: tuple[int, ...]) -> list[Tensor]:
    generator = Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator) for shape in shapes]


def detached(answer: Any) -> Any:
    """The answer with gradients taken off its results, and a list of results as a tuple."""
    if not callable(answer):
        return answer

    def plain(*inputs: Any) -> Any:
        result = answer(*inputs)
        if isinstance(result, tuple | list):
            return tuple(part.detach() if isinstance(part, Tensor) else part for part in result)
        return result.detach() if isinstance(result, Tensor) else result

    return plain


def next_token(logits: Tensor, tokens: Tensor, **other: Any) -> float:
    """The loss; what is `other`: aligned(logits, tokens), log_p(logits), end(each)."""
    aligned = other.get("aligned", lambda logits, tokens: (logits[:, :-1], tokens[:, 1:]))
    logits, targets = aligned(logits, tokens)
    log_p = other.get("log_p", lambda z: z.log_softmax(dim=-1))(logits)
    each = -log_p.gather(-1, targets[..., None])[..., 0]  # (B, T)
    return float(other.get("end", lambda each: each.mean())(each))


def unflattened(logits: Tensor, tokens: Tensor) -> float:
    """What one gets who hands both to cross_entropy as they are: an error, unless there are V tokens."""
    return float(F.cross_entropy(logits, tokens))


def heads(qkv: Tensor, n_heads: int, **other: Any) -> tuple[Tensor, ...] | Tensor:
    """q, k and v (B, H, T, D); what is `other`: parts(qkv), cut(one, n_heads), results(q, k, v)."""
    parts = other.get("parts", lambda qkv: qkv.chunk(3, dim=-1))(qkv)
    cut = other.get("cut", lambda one, H: one.unflatten(-1, (H, -1)).transpose(1, 2))
    return other.get("results", lambda *three: three)(*(cut(one, n_heads) for one in parts))


def bits(nats: Tensor, lengths: Tensor, **other: Callable[[Tensor, Tensor], Tensor]) -> float:
    """Bits per character; `how` makes another number of the two."""
    return float(other.get("how", lambda nats, lengths: nats.sum() / lengths.sum() / math.log(2))(nats, lengths))


class Gradient:
    """The gradient of a least-squares model's mean loss over the rows that it is given, `room` rows at most."""

    def __init__(self, weight: Tensor, room: int) -> None:
        self.weight, self.room = weight, room

    def __call__(self, inputs: Tensor, targets: Tensor) -> Tensor:
        if len(inputs) > self.room:
            raise Mistake(f"there is room for {self.room} rows, and this asks for {len(inputs)}: one part at a time.")
        return 2 * inputs.T @ (inputs @ self.weight - targets) / len(inputs)

    def __repr__(self) -> str:
        return "gradient"


def accumulated(gradient: Any, parts: list[tuple[Tensor, Tensor]], **other: Any) -> Tensor:
    """The gradient of all rows; `how` makes another one of the parts' gradients and their numbers of rows."""
    rows = [len(inputs) for inputs, _ in parts]
    gradients = [gradient(*part) for part in parts]

    def weighed(gradients: list[Tensor], rows: list[int]) -> Tensor:
        return sum(n * one for n, one in zip(rows, gradients, strict=True)) / sum(rows)

    return other.get("how", weighed)(gradients, rows)


def mask(past: int, new: int, **other: Any) -> Tensor:
    """(new, past + new); `how` makes another one."""
    return other.get("how", lambda past, new: torch.ones(new, past + new, dtype=torch.bool).tril(past))(past, new)


def of_truths(answer: Any) -> Any:
    """The answer, with a Mistake where its result is a tensor that is not boolean."""

    def truths(*inputs: Any) -> Any:
        result = answer(*inputs)
        if isinstance(result, Tensor) and result.dtype != torch.bool:
            raise Mistake(f"a boolean mask is expected (True = may look), but yours holds {result.dtype} numbers: dtype=torch.bool, or a comparison.")
        return result

    return truths if callable(answer) else answer


def flops(V: int, C: int, L: int, T: int, B: int, **other: float | int) -> int:
    """Of a training step; what is `other`: factors of the parts, passes, operations a weight, texts and places."""
    blocks, table = L * other.get("block", 12) * C * C, other.get("table", 1) * V * C
    weights = blocks + table + other.get("places", 0) * T * C
    attention = other.get("attention", 2) * L * C * T
    tokens = (B if other.get("batch", 1) else 1) * (T if other.get("length", 1) else 1)
    return int(other.get("passes", 3) * other.get("operations", 2) * (weights + attention) * tokens)


def kept(V: int, C: int, L: int, T: int, B: int, **other: float | int) -> int:
    """Bytes kept for the way back; what is `other`: numbers a block (times C), behind the blocks, of the loss."""
    block = other.get("block", 16) * C
    token = other.get("layers", L) * block + other.get("last", 2) * C + other.get("loss", 1) * V
    return int(other.get("bytes", 4) * token * (T if other.get("length", 1) else 1) * (B if other.get("batch", 1) else 1))


def cross_entropy_of(p: Tensor) -> Tensor:
    """What one gets who hands probabilities to a function that expects logits."""
    return F.log_softmax(p.softmax(dim=-1), dim=-1)
