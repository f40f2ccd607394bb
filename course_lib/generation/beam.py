"""Beam search: the likeliest answers found by keeping several beginnings alive at each step.

Axes: B sources still being searched, K beams of each, N = B K rows of the model's batch, V vocabulary.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_lib.generation.choosing import require_distribution
from course_lib.generation.decoding import Decoder, Task, padded, warn_of_context
from course_lib.runtime import evaluating
from course_lib.validation import Ids, require, require_integer, require_number, require_sizes

__all__ = ["BeamConfig", "BeamDecoder", "Beams", "Hypothesis", "beam_search", "beam_steps"]


@runtime_checkable
class BeamDecoder(Decoder, Protocol):
    """What beam search asks of a model: a Decoder that can also take rows out of its state."""

    def reorder(self, state: Any, rows: Int[Tensor, " N"]) -> Any:
        """The state of these rows, in this order; a row may come twice (a beam that splits) or not at all."""


@dataclass(frozen=True, kw_only=True)
class BeamConfig:
    """How wide and how far to search. Raises ValueError for a value out of range."""

    begin_token: int  # opens the answer; the source goes whole to the model's start
    end_token: int  # ends the answer and is not part of it
    n_beams: int = 4
    max_new_tokens: int = 100  # the end token among them
    length_penalty: float | int = 1.0  # alpha: 0 compares plain log probabilities, which favours short answers

    def __post_init__(self) -> None:
        require_sizes(self, "n_beams", "max_new_tokens")
        require_integer("begin_token", self.begin_token, at_least=0)
        require_integer("end_token", self.end_token, at_least=0)
        require_number("length_penalty", self.length_penalty, at_least=0, below=math.inf)

    def score(self, log_probability: float, length: int) -> float:
        """ln p / length^alpha, the end token counted in the length: per token where alpha is 1.

        As in Transformers. Wu et al. (2016, section 7) divide by ((5 + length) / 6)^alpha instead.
        """
        return log_probability / length**self.length_penalty


class Hypothesis(NamedTuple):
    """An answer or its beginning, without the end token; its score; ln p of its tokens and of its end."""

    tokens: list[int]
    score: float
    log_probability: float


class Beams(NamedTuple):
    """Where the search of one source stands, both lists best first; it is over when nothing is live."""

    live: list[Hypothesis]
    finished: list[Hypothesis]


def beam_search(model: BeamDecoder, sources: Iterable[Ids], config: BeamConfig) -> list[list[Hypothesis]]:
    """The best finished answers to each source that the search finds, best first, at most n_beams of them.

    One beam is greedy search, whatever the penalty. Sources of unequal length may share a batch: each gets what it gets
    alone. The model is used in evaluation mode. What reaches the end of the model's context counts as finished, of
    which a UserWarning tells. Raises ValueError for a source without tokens, longer than the context, or with ids that
    the model does not know, and where the logits are no distribution.

    >>> class Fork:  # 2 is likelier than 3 at first, but what follows it is uncertain, and what follows 3 is not
    ...     p = torch.tensor([[0, 0.4, 0.2, 0.4], [0, 0, 0.55, 0.45], [0.4, 0.2, 0.2, 0.2], [0.9, 0.1, 0, 0]])
    ...     def start(self, source, lengths): return None
    ...     def step(self, tokens, state): return self.p[tokens].log(), None
    ...     def reorder(self, state, rows): return None
    >>> config = BeamConfig(n_beams=2, begin_token=1, end_token=0, length_penalty=0)
    >>> [(tokens, round(math.exp(log_p), 3)) for tokens, score, log_p in beam_search(Fork(), [[1]], config)[0]]
    [([3], 0.405), ([2], 0.22)]
    """
    beams: list[Beams] = []
    for beams in beam_steps(model, sources, config):  # noqa: B007
        pass
    return [one.finished for one in beams]


def beam_steps(model: BeamDecoder, sources: Iterable[Ids], config: BeamConfig) -> Iterator[list[Beams]]:
    """The search as it goes: the beams of every source after each step, until all are over.

    At each step every live beam is continued with every token, and of all continuations of a source the likeliest 2 K
    are looked at: at most K of them end, so that K are left to live. One that ends is finished if it is among the first
    K. After max_new_tokens, or where the context is full, the live ones count as finished, without an end.
    """
    require(isinstance(model, BeamDecoder), "model must have start, step and reorder", type(model).__name__)
    require(isinstance(config, BeamConfig), "config must be a BeamConfig", config)
    return _search(model, Task.of("sources", model, sources, config), config)


def _search(model: BeamDecoder, task: Task, config: BeamConfig) -> Iterator[list[Beams]]:
    beams = [Beams([Hypothesis([], 0.0, 0.0)], []) for _ in task.sources]
    searched = list(range(len(beams)))
    parents = [row for row in searched for _ in range(config.n_beams)]
    with evaluating(model) as device:
        with torch.no_grad():
            state = model.start(*padded(task.sources, device))
        for length in range(1, max(task.most) + 1):
            tokens, log_p = _inputs([beams[source] for source in searched], config)
            with torch.no_grad():  # not around the yield, which would take the caller's gradients
                state = model.reorder(state, torch.tensor(parents, device=device))
                logits, state = model.step(tokens.to(device), state)
            values, indices = _likeliest(logits, log_p.to(device), 2 * config.n_beams)
            parents, still = [], []
            for row, source in enumerate(searched):
                chosen = [divmod(index, logits.shape[-1]) for index in indices[row]]
                last = length == task.most[source]
                beams[source], origins = _advance(beams[source], values[row], chosen, length, last, config)
                if origins:
                    still.append(source)
                    missing = config.n_beams - len(origins)  # rows without a beam, whose ln p is -inf
                    parents += [row * config.n_beams + origin for origin in [*origins, *origins[:1] * missing]]
            yield list(beams)
            searched = still
            if not searched:
                break
    warn_of_context([_is_full(one, most, config) for one, most in zip(beams, task.most, strict=True)])


def _is_full(beams: Beams, most: int, config: BeamConfig) -> bool:
    """Whether an answer has as many tokens as the context holds, so that no end came."""
    return most < config.max_new_tokens and any(len(one.tokens) == most for one in beams.finished)


def _inputs(beams: list[Beams], config: BeamConfig) -> tuple[Int[Tensor, " N"], Float[Tensor, "B K"]]:
    """The last token and ln p of each live beam, K rows a source: where fewer are live, the others have ln p = -inf."""
    tokens, log_p = [], []
    for live, _ in beams:
        missing = config.n_beams - len(live)
        tokens += [beam.tokens[-1] if beam.tokens else config.begin_token for beam in live]
        tokens += [config.begin_token] * missing
        log_p.append([beam.log_probability for beam in live] + [-math.inf] * missing)
    return torch.tensor(tokens), torch.tensor(log_p)


def _likeliest(
    logits: Float[Tensor, "N V"], log_p: Float[Tensor, "B K"], n: int
) -> tuple[list[list[float]], list[list[int]]]:
    """Each source's n likeliest continuations: ln p, and the index beam * V + token; of equals, the first."""
    each = logits.float().log_softmax(dim=-1)  # half precision sums too coarsely
    totals = (log_p[:, :, None] + each.view(*log_p.shape, -1)).flatten(1)  # (B, K V)
    require_distribution(not totals.isnan().any())
    values, indices = totals.topk(min(n + 1, totals.shape[-1]))
    if (values[:, 1:] == values[:, :-1]).any():  # topk takes equals in any order
        values, indices = totals.sort(dim=-1, descending=True, stable=True)
    return values[:, :n].tolist(), indices[:, :n].tolist()


def _advance(
    beams: Beams, log_p: list[float], chosen: list[tuple[int, int]], length: int, last: bool, config: BeamConfig
) -> tuple[Beams, list[int]]:
    """The beams of one source after a step, from the likeliest continuations (beam, token); and the live ones' origins.

    The search is over once no live beam can come to score above the K-th finished. That is safe: ln p only falls, so a
    beam ends at its present ln p at best, and as ln p <= 0 and alpha >= 0, the greatest length is the most favourable.
    """
    live, origins, finished = [], [], list(beams.finished)
    for rank, (total, (beam, token)) in enumerate(zip(log_p, chosen, strict=True)):
        if total == -math.inf:
            break
        tokens, score = beams.live[beam].tokens, config.score(total, length)
        if token == config.end_token:
            if rank < config.n_beams:
                finished.append(Hypothesis(tokens, score, total))
        elif len(live) < config.n_beams:
            live.append(Hypothesis([*tokens, token], score, total))
            origins.append(beam)
    if last:
        finished, live = finished + live, []
    finished = sorted(finished, key=lambda one: one.score, reverse=True)[: config.n_beams]
    if live and len(finished) == config.n_beams:
        attainable = config.score(live[0].log_probability, config.max_new_tokens)
        if config.n_beams == 1 or attainable <= finished[-1].score:  # one beam stops at its first end: greedy search
            live = []
    return Beams(live, finished), origins if live else []
