"""The next token from its logits: what is done to them, as functions, and the config that says which.

Axes: B any axes before the last, V vocabulary.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from course_lib.validation import require, require_integer, require_number, require_sizes

__all__ = ["GenerationConfig", "adjusted", "choose", "greedy", "penalise_repetition", "sample", "top_k", "top_p"]


@dataclass(frozen=True, kw_only=True)
class GenerationConfig:
    """How tokens are chosen, and when that ends. Raises ValueError for a value out of range.

    The penalty comes first, then the temperature, top_k and top_p, as in Transformers.
    """

    max_new_tokens: int = 100
    temperature: float | int = 1.0  # logits are divided by it; 0 takes the likeliest token
    top_k: int | None = None  # draw from the k likeliest
    top_p: float | int = 1.0  # draw from the fewest that have probability p together
    repetition_penalty: float | int = 1.0  # above 1, tokens of the prompt and of the answer become less likely
    end_token: int | None = None  # ends the answer and is not part of it
    begin_token: int | None = None  # of an encoder-decoder: opens the answer; None continues the prompt

    def __post_init__(self) -> None:
        require_sizes(self, "max_new_tokens")
        require_number("temperature", self.temperature, at_least=0, below=math.inf)
        require_number("top_p", self.top_p, above=0, at_most=1)
        require_number("repetition_penalty", self.repetition_penalty, above=0, below=math.inf)
        for name, least in {"top_k": 1, "end_token": 0, "begin_token": 0}.items():
            if getattr(self, name) is not None:
                require_integer(name, getattr(self, name), at_least=least)


def greedy(logits: Float[Tensor, "*B V"]) -> Int[Tensor, "*B"]:
    """The likeliest token; of equals, the first. Raises ValueError where the logits are no distribution."""
    _require_logits(logits)
    largest, tokens = logits.max(dim=-1)
    require_distribution(largest.isfinite().all())
    return tokens


def require_distribution(holds: object) -> None:
    """Raise ValueError unless a check of logits holds."""
    if not holds:
        raise ValueError("logits must make a distribution, but a row holds NaN, +inf, or nothing but -inf")


def _require_logits(logits: Tensor) -> None:
    fits = isinstance(logits, Tensor) and logits.is_floating_point() and logits.ndim and logits.shape[-1]
    require(fits, "logits must be a tensor of floating-point numbers, one for each token in its last axis", logits)


def sample(
    logits: Float[Tensor, "*B V"], generator: Generator | Sequence[Generator] | None = None
) -> Int[Tensor, "*B"]:
    """A token drawn from softmax(logits), the same on every device: where a uniform number falls among the summed p.

    With one generator for each row, a row draws what it would draw alone. Raises ValueError where the logits are no
    distribution: NaN, or -inf throughout.
    """
    _require_logits(logits)
    summed = logits.to("cpu", torch.float64).softmax(dim=-1).cumsum(dim=-1)
    require_distribution(not summed[..., -1].isnan().any())
    rows = summed.shape[:-1]
    several = isinstance(generator, Sequence)
    for one in generator if several else [generator]:
        fits = isinstance(one, Generator) and one.device.type == "cpu"
        require(fits or generator is None, "a generator must be a torch.Generator on the CPU", one)
    if several:
        if len(generator) != rows.numel():
            raise ValueError(f"{rows.numel()} generators are needed, but there are {len(generator)}")
        uniform = torch.cat([torch.rand(1, generator=one, dtype=torch.float64) for one in generator]).view(*rows, 1)
    else:
        uniform = torch.rand(*rows, 1, generator=generator, dtype=torch.float64)
    return torch.searchsorted(summed, uniform * summed[..., -1:], right=True)[..., 0].to(logits.device)


def top_k(logits: Float[Tensor, "*B V"], k: int) -> Float[Tensor, "*B V"]:
    """The k largest logits, the others -inf; what equals the k-th stays too. Fan, Lewis and Dauphin (2018).

    >>> top_k(torch.tensor([1.0, 3.0, 2.0]), 2)
    tensor([-inf, 3., 2.])
    """
    _require_logits(logits)
    require_integer("k", k, at_least=1)
    least = logits.topk(min(k, logits.shape[-1])).values[..., -1:]
    return logits.masked_fill(logits < least, -math.inf)


def top_p(logits: Float[Tensor, "*B V"], p: float | int) -> Float[Tensor, "*B V"]:
    """The fewest tokens whose probabilities sum to p or more, the others -inf. Holtzman et al. (2020), section 3.1.

    At least one stays; of equals, the first.

    >>> top_p(torch.tensor([0.2, 0.7, 0.1]).log(), 0.8)
    tensor([-1.6094, -0.3567,    -inf])
    """
    _require_logits(logits)
    require_number("p", p, above=0, at_most=1)
    if p == 1:  # the sum may round to 1 before the last token
        return logits
    ordered, ids = torch.sort(logits, dim=-1, descending=True, stable=True)
    probabilities = ordered.softmax(dim=-1)
    dropped = probabilities.cumsum(dim=-1) - probabilities >= p  # those before it suffice
    return logits.masked_fill(dropped.scatter(-1, ids, dropped), -math.inf)


def penalise_repetition(
    logits: Float[Tensor, "*B V"], seen: Bool[Tensor, "*B V"], penalty: float | int
) -> Float[Tensor, "*B V"]:
    """Logits of tokens seen before are divided by the penalty, or multiplied with it where they are below 0.

    Keskar et al. (2019, CTRL), section 4.1, divide always, which would make a negative one likelier; Transformers does
    as we do. Raises ValueError unless `seen` is boolean, of the logits' shape.
    """
    _require_logits(logits)
    fits = isinstance(seen, Tensor) and seen.dtype == torch.bool and seen.shape == logits.shape
    require(fits, f"seen must be boolean, of shape {tuple(logits.shape)}", seen)
    require_number("penalty", penalty, above=0, below=math.inf)
    return torch.where(seen, torch.where(logits > 0, logits / penalty, logits * penalty), logits)


def choose(
    logits: Float[Tensor, "B V"],
    seen: Bool[Tensor, "B V"],
    config: GenerationConfig,
    generator: Generator | Sequence[Generator] | None = None,
) -> Int[Tensor, " B"]:
    """The next token of each row as the config says; `seen` marks the tokens that the penalty is for."""
    logits = penalise_repetition(logits, seen, config.repetition_penalty)
    return greedy(logits) if config.temperature == 0 else sample(adjusted(logits, config), generator)


def adjusted(logits: Float[Tensor, "B V"], config: GenerationConfig) -> Float[Tensor, "B V"]:
    """The logits by the config's temperature, which must not be 0, its top_k and its top_p."""
    logits = (logits - logits.amax(dim=-1, keepdim=True)) / config.temperature  # at most 0: nothing overflows
    if config.top_k is not None:
        logits = top_k(logits, config.top_k)
    return top_p(logits, config.top_p)
