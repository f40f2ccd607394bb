"""What the checks of the notebook transformer compare with: the right functions, each with places to go wrong at."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

Sublayer = Callable[[Tensor], Tensor]


def numbers(seed: int, *shapes: tuple[int, ...]) -> list[Tensor]:
    generator = Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator) for shape in shapes]


def normalised(x: Tensor, gain: Tensor, bias: Tensor, **other: Any) -> Tensor:
    """LayerNorm; what is `other` than in the paper: the axes, divide(centred, variance), centre, unbiased, scale."""
    dim, unbiased = other.get("dim", -1), other.get("unbiased", False)
    centred = x - x.mean(dim=dim, keepdim=True) if other.get("centre", True) else x
    variance = x.var(dim=dim, keepdim=True, unbiased=unbiased)
    if not other.get("centre", True):
        variance = x.square().mean(dim=dim, keepdim=True)
    divide = other.get("divide", lambda centred, variance: centred / torch.sqrt(variance + 1e-5))
    return other.get("scale", lambda y, gain, bias: y * gain + bias)(divide(centred, variance), gain, bias)


class Part:
    """A sublayer with a readable name."""

    def __init__(self, name: str, work: Callable[..., Tensor]) -> None:
        self.name, self.work = name, work

    def __call__(self, *inputs: Tensor) -> Tensor:
        return self.work(*inputs)

    def __repr__(self) -> str:
        return self.name


def pieces(seed: int, C: int) -> tuple[Any, ...]:
    """Causal self-attention, cross-attention, feed-forward and three norms that differ from each other."""
    A, D, E, gains = numbers(seed, (C, C), (C, C), (C, C), (3, C))

    def attend(x: Tensor) -> Tensor:
        return torch.cumsum(torch.tanh(x @ A), dim=-2) / 3

    def look(x: Tensor, memory: Tensor) -> Tensor:
        return torch.softmax(x @ D @ memory.transpose(-2, -1), dim=-1) @ memory

    norms = [Part(f"norm {n + 1}", lambda x, n=n: F.layer_norm(x, (C,), gains[n], gains[(n + 1) % 3])) for n in range(3)]
    feed_forward = Part("feed_forward", lambda x: torch.relu(x @ E) @ E.T / 3)
    return Part("attend", attend), Part("look", look), feed_forward, norms


def block(x: Tensor, memory: Tensor, attend: Any, look: Any, feed_forward: Any, norms: Any, **other: Any) -> Tensor:
    """A pre-norm decoder block; what is `other`: the residual's form, the order, what look gets, one norm for all."""
    residual = other.get("residual", lambda x, norm, sublayer: x + sublayer(norm(x)))
    asked = other.get("asked", lambda look, x, memory, norm: look(x, memory))
    sublayers = [attend, lambda y: asked(look, y, memory, norms[1]), feed_forward]
    for n in other.get("order", (0, 1, 2)):
        norm = norms[0] if other.get("one_norm") else norms[n]
        x = other.get("forms", {}).get(n, residual)(x, norm, sublayers[n])
    return x


def parallel(x: Tensor, memory: Tensor, attend: Any, look: Any, feed_forward: Any, norms: Any) -> Tensor:
    return x + attend(norms[0](x)) + look(norms[1](x), memory) + feed_forward(norms[2](x))


def smoothed(logits: Tensor, targets: Tensor, epsilon: float, **other: Any) -> float:
    """The loss; what is `other`: log_p(logits), mixed(right, every, epsilon, V), which count, and how it ends."""
    log_p = other.get("log_p", lambda z: z.log_softmax(dim=-1))(logits)
    right, every = -log_p.gather(1, targets[:, None])[:, 0], -log_p.sum(dim=-1)
    mixed = other.get("mixed", lambda right, every, e, V: (1 - e) * right + e * every / V)
    each, counted = mixed(right, every, epsilon, logits.shape[1]), targets != 0
    return float(other.get("end", lambda each, counted: each[counted].mean())(each, counted))


def cached(x: Tensor, keys: Tensor, values: Tensor, *weights: Tensor, **other: Any) -> Any:
    """A step; what is `other`: scale(scores, D, C), grown (how a row is added), weigh, mean, results."""
    q, k, v = (x @ weight for weight in weights)
    grown = other.get("grown", lambda kept, new: torch.cat([kept, new]))
    keys, values = grown(keys, k), grown(values, v)
    seen = other.get("seen", lambda keys, values: (keys, values))(keys, values)
    asked = other.get("asked", lambda q, k, v: q)(q, k, v)
    scale = other.get("scale", lambda D, C: D**0.5)(k.shape[1], x.shape[1])
    weights = other.get("weigh", lambda scores: scores.softmax(dim=-1))(asked @ seen[0].T / scale)
    return other.get("results", lambda *three: three)(weights @ seen[1], keys, values)
