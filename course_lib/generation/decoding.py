"""Tokens from a model, step by step, for a batch of prompts of any lengths.

Axes: B batch (prompts), T position, V vocabulary.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from course_lib.generation.choosing import GenerationConfig, choose

__all__ = ["Decoder", "generate", "steps"]


@runtime_checkable
class Decoder(Protocol):
    """What decoding asks of a model. The state may be anything; decoding only hands it on."""

    def start(self, source: Int[Tensor, "B T"], lengths: Int[Tensor, " B"]) -> Any:
        """The state after each row's first `lengths` tokens; what follows them is padding. A row may be empty."""

    def step(self, tokens: Int[Tensor, " B"], state: Any) -> tuple[Float[Tensor, "B V"], Any]:
        """The logits of what follows one more token a row, and the state after it."""


def generate(
    model: Decoder,
    prompts: Sequence[Sequence[int]],
    config: GenerationConfig,
    generator: Generator | Sequence[Generator] | None = None,
) -> list[list[int]]:
    """The tokens that follow each prompt, without the prompt and the end token.

    Prompts of unequal length may share a batch: each gets the answer that it gets alone, when sampling if each has a
    generator of its own; with a single one (or None, PyTorch's own) the rows share its numbers. Generators live on the
    CPU. The model is used in evaluation mode. Raises ValueError for a prompt without tokens.

    >>> class CountUp:  # after 2 comes 3
    ...     def start(self, source, lengths): return None
    ...     def step(self, tokens, state): return torch.eye(7)[(tokens + 1) % 7], None
    >>> generate(CountUp(), [[1], [2, 3]], GenerationConfig(temperature=0, max_new_tokens=4, end_token=6))
    [[2, 3, 4, 5], [4, 5]]
    """
    answers: list[list[int]] = [[] for _ in prompts]
    for tokens in steps(model, prompts, config, generator):
        for answer, token in zip(answers, tokens, strict=True):
            answer += [] if token is None else [token]
    return answers


def steps(
    model: Decoder,
    prompts: Sequence[Sequence[int]],
    config: GenerationConfig,
    generator: Generator | Sequence[Generator] | None = None,
) -> Iterator[list[int | None]]:
    """One token a prompt at each step, None once its answer has ended, until all have."""
    rows = [list(prompt) for prompt in prompts]
    if not rows or not all(rows):
        raise ValueError(f"each prompt needs at least one token, but their lengths are {[len(row) for row in rows]}")
    if config.begin_token is None:  # the prompt's own last token is the first that is stepped through
        sources, written = [row[:-1] for row in rows], rows
    else:
        sources, written = rows, [[config.begin_token]] * len(rows)
    seen, ended = None, [False] * len(rows)
    with evaluating(model) as device:
        with torch.no_grad():
            state = model.start(*padded(sources, device))
        tokens = torch.tensor([row[-1] for row in written], device=device)
        for _ in range(config.max_new_tokens):
            with torch.no_grad():  # not around the yield, which would take the caller's gradients
                logits, state = model.step(tokens, state)
            seen = _seen(written, logits) if seen is None else seen
            tokens = choose(logits, seen, config, generator)
            seen.scatter_(1, tokens[:, None], True)
            chosen = tokens.tolist()
            ended = [over or token == config.end_token for over, token in zip(ended, chosen, strict=True)]
            if all(ended):
                return
            yield [None if over else token for over, token in zip(ended, chosen, strict=True)]


def padded(rows: list[list[int]], device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    """The rows as a tensor, zeros at their ends, and their lengths."""
    lengths = [len(row) for row in rows]
    longest = max(lengths, default=0)
    padded = [row + [0] * (longest - len(row)) for row in rows]
    return torch.tensor(padded, dtype=torch.long, device=device), torch.tensor(lengths, device=device)


def _seen(written: list[list[int]], logits: Tensor) -> Tensor:
    """Which tokens stand in each row, (B, V)."""
    seen = torch.zeros_like(logits, dtype=torch.bool)
    for row, tokens in zip(seen, written, strict=True):
        row[tokens] = True
    return seen


@contextmanager
def evaluating(model: Decoder) -> Iterator[torch.device]:
    """The model in evaluation mode, where it has modes, afterwards as it was; gives its device."""
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
