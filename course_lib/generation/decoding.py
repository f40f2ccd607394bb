"""Tokens from a model, step by step, for a batch of prompts of any lengths.

Axes: B batch (prompts), T position, V vocabulary.
"""

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from course_lib.generation.choosing import GenerationConfig, choose
from course_lib.runtime import evaluating
from course_lib.validation import Ids, require, require_integer, rows_of_ids

__all__ = ["Answer", "Decoder", "answer_steps", "answers", "generate"]


@runtime_checkable
class Decoder(Protocol):
    """What decoding asks of a model. The state may be anything; decoding only hands it on.

    A model may offer more. With `config.vocab_size`, ids are checked against it. With `reorder` (see BeamDecoder), rows
    leave the batch once they have ended. With `join(states)`, texts that were begun one by one go on as one batch (see
    serving); it needs `reorder`. With `room(length)`, a model of limited context (`config.context_length`) says how
    many tokens it can step through after a source of this length, below 0 for one that is too long itself; it needs
    `reorder`, so that no row is stepped beyond that.
    """

    def start(self, source: Int[Tensor, "B T"], lengths: Int[Tensor, " B"]) -> Any:
        """The state after each row's first `lengths` tokens; what follows them is padding. A row may be empty."""

    def step(self, tokens: Int[Tensor, " B"], state: Any) -> tuple[Float[Tensor, "B V"], Any]:
        """The logits of what follows one more token a row, and the state after it."""


@dataclass
class Answer:
    """What a model wrote after one prompt, and why it ended.

    Log probabilities are the model's, ln of softmax(logits): before penalty, temperature, top_k and top_p.
    """

    tokens: list[int] = field(default_factory=list)  # without the end token
    log_probabilities: list[float] = field(default_factory=list)  # of each token
    end_log_probability: float | None = None  # of the end token, where that ended the answer
    reason: str | None = None  # "end token", "stop", "max_new_tokens" or "context" (it is full); None: not ended yet


class Task(NamedTuple):
    """Prompts as decoding goes through them: what is read first, and what is stepped through then."""

    sources: list[list[int]]  # go to the model's start
    begins: list[list[int]]  # of each the last token is stepped through first
    most: list[int]  # tokens that each answer may have
    vocab_size: int | None  # ids from there on are neither read nor written; None: not known

    @classmethod
    def of(
        cls, name: str, model: Decoder, prompts: Iterable[Ids], config: Any, vocab_size: int | None = None
    ) -> "Task":
        """Raises ValueError for what the model cannot read, and names it; `vocab_size` None is the model's."""
        known = vocab_size or getattr(getattr(model, "config", None), "vocab_size", None)
        rows = rows_of_ids(name, prompts, known)
        if not rows or not all(rows):
            came = f"{name}[{rows.index([])}] is empty" if rows else "there are none"
            raise ValueError(f"each {name.removesuffix('s')} needs at least one token, but {came}")
        for token in ("begin_token", "end_token"):
            id = getattr(config, token)
            if known is not None and id is not None:
                require(id < known, f"{token} must be below vocab_size, which is {known}", id)
        if config.begin_token is None:  # the prompt's own last token is the first that is stepped through
            sources, begins = [row[:-1] for row in rows], rows
        else:
            sources, begins = rows, [[config.begin_token]] * len(rows)
        room = getattr(model, "room", lambda length: math.inf)
        most = [min(config.max_new_tokens, room(len(source))) for source in sources]
        for index, row in enumerate(rows):
            if most[index] < 1:
                what = f"{name}[{index}]" if config.begin_token is None else f"{name}[{index}] and begin_token"
                size = f"{model.config.context_length} tokens (context_length)"
                raise ValueError(f"{what} must fit into the model's context, {size}, but it has {len(row)}")
        return cls(sources, begins, most, known)


def generate(
    model: Decoder,
    prompts: Iterable[Ids],
    config: GenerationConfig,
    generator: Generator | Sequence[Generator] | None = None,
) -> list[list[int]]:
    """The tokens that follow each prompt, without the prompt and the end token.

    Prompts of unequal length may share a batch: each gets the answer that it gets alone, when sampling if each has a
    generator of its own; with a single one (or None, PyTorch's own) the rows share its numbers. Generators live on the
    CPU. The model is used in evaluation mode. An answer that reaches the end of the model's context ends there, of
    which a UserWarning tells. Raises ValueError for a prompt without tokens, longer than the context, or with ids that
    the model does not know.

    >>> class CountUp:  # after 2 comes 3
    ...     def start(self, source, lengths): return None
    ...     def step(self, tokens, state): return torch.eye(7)[(tokens + 1) % 7], None
    >>> generate(CountUp(), [[1], [2, 3]], GenerationConfig(temperature=0, max_new_tokens=4, end_token=6))
    [[2, 3, 4, 5], [4, 5]]
    """
    found = answers(model, prompts, config, generator)
    warn_of_context([answer.reason == "context" for answer in found])
    return [answer.tokens for answer in found]


def answers(
    model: Decoder,
    prompts: Iterable[Ids],
    config: GenerationConfig,
    generator: Generator | Sequence[Generator] | None = None,
    stop: Callable[[list[int]], bool] | None = None,
) -> list[Answer]:
    """As `generate`, but with the log probability of each token and the reason why each answer ended.

    `stop` gets an answer's tokens after each new one, and returns whether it ends with that.
    """
    found: list[Answer] = []
    for found in answer_steps(model, prompts, config, generator, stop):  # noqa: B007
        pass
    return found


def answer_steps(
    model: Decoder,
    prompts: Iterable[Ids],
    config: GenerationConfig,
    generator: Generator | Sequence[Generator] | None = None,
    stop: Callable[[list[int]], bool] | None = None,
) -> Iterator[list[Answer]]:
    """The answers while they are written: the same list after each step, until all have ended.

    Whoever goes through the steps has what was written when they are interrupted; `generate` and `answers` are then
    interrupted as a whole, because half an answer must not pass for a whole one.
    """
    require_decoder(model, config)
    return written(model, Task.of("prompts", model, prompts, config), config, generator, stop)


def require_decoder(model: Decoder, config: GenerationConfig) -> None:
    """Raise ValueError unless the two are what their annotations say."""
    require(isinstance(model, Decoder), "model must have start and step (see Decoder)", type(model).__name__)
    require(isinstance(config, GenerationConfig), "config must be a GenerationConfig", config)


def written(
    model: Decoder,
    task: Task,
    config: GenerationConfig,
    generator: Generator | Sequence[Generator] | None,
    stop: Callable[[list[int]], bool] | None,
) -> Iterator[list[Answer]]:
    """answer_steps of a task."""
    rows, seen = len(task.begins), None
    found, batch = [Answer() for _ in range(rows)], list(range(rows))
    with evaluating(model) as device:
        with torch.no_grad():
            state = model.start(*padded(task.sources, device))
        tokens = torch.tensor([row[-1] for row in task.begins], device=device)
        while batch:
            with torch.no_grad():  # not around the yield, which would take the caller's gradients
                logits, state = model.step(tokens, state)
            logits = logits[:, : task.vocab_size].float()  # half precision sums too coarsely
            seen = _seen(task.begins, logits, config) if seen is None else seen
            tokens = choose(_of_all(logits, batch, rows), seen, config, generator)
            seen.scatter_(1, tokens[:, None], True)
            tokens = tokens if len(batch) == rows else tokens[batch]
            log_p = logits.log_softmax(dim=-1).gather(1, tokens[:, None])[:, 0].tolist()
            for row, token, each in zip(batch, tokens.tolist(), log_p, strict=True):
                if found[row].reason is None:
                    add_token(found[row], token, each, task.most[row], config, stop)
            yield found
            live = [index for index, row in enumerate(batch) if found[row].reason is None]
            if not live:
                return
            if len(live) < len(batch) and hasattr(model, "reorder"):
                tokens, batch = tokens[live], [batch[index] for index in live]
                state = model.reorder(state, torch.tensor(live, device=device))


def _of_all(logits: Tensor, batch: list[int], rows: int) -> Tensor:
    """The logits of all rows, zeros where one has left the batch, so that the others draw the numbers they would."""
    if len(batch) == rows:
        return logits
    every = logits.new_zeros(rows, logits.shape[1])
    every[batch] = logits
    return every


def add_token(
    answer: Answer,
    token: int,
    log_probability: float,
    most: int,
    config: GenerationConfig,
    stop: Callable[[list[int]], bool] | None,
) -> None:
    """Write one more token to an answer, of at most `most` tokens, and the reason where it ends with that."""
    if token == config.end_token:
        answer.end_log_probability, answer.reason = log_probability, "end token"
        return
    answer.tokens.append(token)
    answer.log_probabilities.append(log_probability)
    if stop is not None and stop(answer.tokens):
        answer.reason = "stop"
    elif len(answer.tokens) == most:
        answer.reason = "max_new_tokens" if most == config.max_new_tokens else "context"


def warn_of_context(full: list[bool]) -> None:
    """Warn where answers ended because the context was full."""
    if any(full):
        which = "the answer ends" if len(full) == 1 else f"{sum(full)} of {len(full)} answers end"
        warnings.warn(f"{which} early, as the model's context is full (config.context_length)", stacklevel=3)


def padded(rows: list[list[int]], device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    """The rows as a tensor, zeros at their ends, and their lengths."""
    lengths = [len(row) for row in rows]
    longest = max(lengths, default=0)
    tokens = [row + [0] * (longest - len(row)) for row in rows]
    return torch.tensor(tokens, dtype=torch.long, device=device), torch.tensor(lengths, device=device)


def _seen(begins: list[list[int]], logits: Tensor, config: GenerationConfig) -> Tensor:
    """Which tokens stand in each row, (B, V). Raises ValueError where one of them, or the end, has no logit."""
    seen, most = torch.zeros_like(logits, dtype=torch.bool), logits.shape[1] - 1
    for row, tokens in zip(seen, begins, strict=True):
        require(max(tokens) <= most, f"ids must be from 0 to {most}, as the model's logits are", max(tokens))
        row[tokens] = True
    if config.end_token is not None:
        require_integer("end_token", config.end_token, at_most=most)
    return seen
