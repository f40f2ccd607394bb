"""Speculative decoding: several tokens are guessed cheaply, and the model reads the guesses at once and judges them.

Leviathan, Kalman and Matias (2023) and Chen et al. (2023).

Axes: N position among new tokens, V vocabulary.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Generator, Tensor
from torch.nn import functional as F

from course_lib.generation.choosing import GenerationConfig, adjusted, greedy, sample
from course_lib.generation.decoding import Answer, Task, add_token, padded, require_decoder
from course_lib.runtime import evaluating
from course_lib.validation import Ids, require, require_sizes

__all__ = ["Draft", "DraftModel", "PromptLookup", "Speculation", "speculate"]


class Draft(NamedTuple):
    """Guessed tokens, and the distribution that each was drawn from; None: there was no choice."""

    tokens: list[int]
    probabilities: Float[Tensor, "N V"] | None = None


@dataclass(frozen=True, kw_only=True)
class PromptLookup:
    """Guesses what followed the latest earlier occurrence of the text's last tokens (Saxena, 2023). Costs no model."""

    n_drafts: int = 7  # tokens that are guessed at once
    longest: int = 3  # how many of the last tokens are looked for; where they do not occur, fewer

    def __post_init__(self) -> None:
        require_sizes(self, "n_drafts", "longest")

    def draft(self, text: list[int], most: int, config: GenerationConfig, generator: Generator | None) -> Draft:
        """At most `most` tokens to follow a text.

        >>> PromptLookup(n_drafts=2).draft([5, 1, 2, 3, 4, 1, 2], 9, GenerationConfig(), None).tokens
        [3, 4]
        """
        for n in range(min(self.longest, len(text) - 1), 0, -1):
            for end in range(len(text) - 1, n - 1, -1):
                if text[end - n : end] == text[-n:]:
                    return Draft(text[end : end + min(most, self.n_drafts)])
        return Draft([])


@dataclass(kw_only=True)
class DraftModel:
    """Guesses of a smaller model, drawn as the config says. It keeps its cache from one call to the next."""

    model: Any  # with `extend` and `truncate`, as GPT and ModernGPT
    n_drafts: int = 4  # tokens that are guessed at once
    text: list[int] = field(default_factory=list, init=False)  # what the state has read
    state: Any = field(default=None, init=False)

    def __post_init__(self) -> None:
        _require_extends(self.model)
        require_sizes(self, "n_drafts")

    @torch.no_grad()
    def draft(self, text: list[int], most: int, config: GenerationConfig, generator: Generator | None) -> Draft:
        """At most `most` tokens to follow a text, and fewer where the context of the model is full."""
        most = min(most, self.n_drafts, self.model.room(len(text)) + 1)
        if most < 1:
            return Draft([])
        same = 0
        while same < min(len(self.text), len(text) - 1) and self.text[same] == text[same]:
            same += 1
        state, self.state, self.text = self.state, None, []  # so that nothing half done is kept where this is stopped
        with evaluating(self.model) as device:
            state = self.model.truncate(state, [same]) if same else self.model.start(*padded([[]], device))
            new, tokens, rows = text[same:], [], []
            while len(tokens) < most:
                logits, state = self.model.extend(torch.tensor([new], device=device), state)
                rows.append(_probabilities(logits[0, -1:], config))
                new = [_drawn(rows[-1], generator)]
                tokens += new
        self.state, self.text = state, [*text, *tokens[:-1]]
        return Draft(tokens, torch.cat(rows))


@dataclass
class Speculation(Answer):
    """An answer, and how often the model was called for it, the prompt's reading not counted."""

    calls: int = 0

    @property
    def tokens_per_call(self) -> float:
        """Without speculation, 1. An end token counts, as it is written too."""
        return (len(self.tokens) + (self.reason == "end token")) / self.calls


def speculate(
    model: Any, prompt: Ids, config: GenerationConfig, drafter: Any, generator: Generator | None = None
) -> Speculation:
    """An answer as `answers` gives it, in fewer calls of the model where the guesses are good.

    A guess x, drawn from q, is accepted with probability min(1, p(x) / q(x)), where p is the model's distribution. In
    place of the first that is rejected comes a token drawn from max(p - q, 0), normalised; if all are accepted, one
    more from p. So tokens have the distribution p whatever is guessed, and at temperature 0 the text is that of
    `generate`. The drafter is a PromptLookup, a DraftModel or anything with such a `draft`. The model must have
    `extend` and `truncate`, and the config no repetition penalty.
    """
    require_decoder(model, config)
    _require_extends(model)
    require(hasattr(drafter, "draft"), "drafter must have draft (see PromptLookup)", drafter)
    require(config.repetition_penalty == 1, "config.repetition_penalty must be 1", config.repetition_penalty)
    require(config.begin_token is None, "config.begin_token must be None", config.begin_token)
    fits = generator is None or isinstance(generator, Generator)
    require(fits, "a generator must be a torch.Generator on the CPU", generator)
    task = Task.of("prompts", model, [prompt], config)
    [text], [source], [most], found = [list(row) for row in task.begins], task.sources, task.most, Speculation()
    with evaluating(model) as device, torch.no_grad():
        state = model.start(*padded([source], device))
        while found.reason is None:
            left = most - len(found.tokens) - 1
            draft = drafter.draft(text, left, config, generator) if left else Draft([])
            logits, state = model.extend(torch.tensor([[text[-1], *draft.tokens]], device=device), state)
            found.calls, logits = found.calls + 1, logits[0].float()
            tokens = _judged(_probabilities(logits, config), draft, generator)
            for token, row in zip(tokens, logits.log_softmax(dim=-1), strict=False):
                if found.reason is None:
                    add_token(found, token, row[token].item(), most, config, None)
            state = model.truncate(state, [len(text) + len(tokens) - 1])
            text += tokens
    return found


def _judged(p: Float[Tensor, "N V"], draft: Draft, generator: Generator | None) -> list[int]:
    """The guesses up to the first that is rejected, and a token of the model's own."""
    guesses = torch.tensor(draft.tokens, dtype=torch.long)
    q = F.one_hot(guesses, p.shape[1]).to(p) if draft.probabilities is None else draft.probabilities
    require(q.shape[1] == p.shape[1], f"the drafts must be distributions over {p.shape[1]} tokens, as the model's", q)
    for index, token in enumerate(draft.tokens):
        uniform = torch.rand((), generator=generator, dtype=p.dtype)
        if uniform * q[index, token] >= p[index, token]:
            return [*draft.tokens[:index], _drawn((p[index] - q[index]).clamp(min=0)[None], generator)]
    return [*draft.tokens, _drawn(p[-1:], generator)]


def _probabilities(logits: Float[Tensor, "N V"], config: GenerationConfig) -> Float[Tensor, "N V"]:
    """The distributions that the config draws from; at temperature 0 all is on one token."""
    logits = logits.to("cpu", torch.float64)
    if config.temperature == 0:
        return F.one_hot(greedy(logits), logits.shape[-1]).double()
    return adjusted(logits, config).softmax(dim=-1)


def _drawn(weights: Float[Tensor, "1 V"], generator: Generator | None) -> int:
    return sample(weights.log(), generator).item()


def _require_extends(model: Any) -> None:
    fits = all(hasattr(model, method) for method in ("extend", "truncate", "room"))
    require(fits, "model must have extend, truncate and room, as a GPT", type(model).__name__)
