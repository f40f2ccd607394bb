"""Right and almost right answers to the exercises of seq2seq_attention: each takes what is other than it should be."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Generator, Tensor

from classroom.checks import Mistake

__all__ = [
    "Beam",
    "Toy",
    "best",
    "forcing",
    "loop",
    "of_kinds",
    "one_each",
    "padded",
    "precision",
    "unclipped",
    "weights",
]

Words = list[str]
Beam = tuple[list[int], float]


def grams(words: Words, n: int) -> Counter:
    return Counter(tuple(words[start : start + n]) for start in range(len(words) - n + 1))


def precision(hypothesis: Words, reference: Words, n: int) -> float:
    """The share of the n-grams that match, none more often than the reference has it."""
    ours, theirs = grams(hypothesis, n), grams(reference, n)
    return sum(min(count, theirs[gram]) for gram, count in ours.items()) / ours.total()


def unclipped(hypothesis: Words, reference: Words, n: int) -> float:
    """The share of the n-grams that stand in the reference, however often."""
    ours, theirs = grams(hypothesis, n), grams(reference, n)
    return sum(count for gram, count in ours.items() if gram in theirs) / ours.total()


def of_kinds(hypothesis: Words, reference: Words, n: int) -> float:
    """The share of the different n-grams that match, instead of all of them."""
    ours, theirs = set(grams(hypothesis, n)), set(grams(reference, n))
    return len(ours & theirs) / len(ours)


def padded(rows: Sequence[Sequence[int]], pad: int, left: bool = False) -> Tensor:
    """The rows as a tensor, filled up with `pad` on the right, or on the left."""
    longest = max(map(len, rows))
    fill = [[pad] * (longest - len(row)) for row in rows]
    return torch.tensor([[*f, *row] if left else [*row, *f] for row, f in zip(rows, fill, strict=True)])


def forcing(
    inputs: Callable[[list[int], int, int], list[int]] = lambda row, begin, end: [begin, *row],
    targets: Callable[[list[int], int, int], list[int]] = lambda row, begin, end: [*row, end],
    left: bool = False,
    filler: Callable[[int], int] = lambda pad: pad,
) -> Callable[..., tuple[Tensor, Tensor]]:
    """What goes in and what is wanted; what is other than it should be."""

    def batch(rows: list[list[int]], begin: int, end: int, pad: int) -> tuple[Tensor, Tensor]:
        sides = [[side(row, begin, end) for row in rows] for side in (inputs, targets)]
        longest = max(len(row) for side in sides for row in side)
        a, b = (padded([*side, [pad] * longest], filler(pad), left)[:-1] for side in sides)
        return a, b

    return batch


class Toy:
    """A model with start and step whose next token depends on the last one, on the source and on the steps so far."""

    def __init__(self, seed: int, end: int, ends: int) -> None:
        self.tables = torch.randn(20, 7, 7, generator=Generator().manual_seed(seed))
        self.tables[:, :, end] = -9.0
        self.tables[ends:, :, end] = 9.0
        self.ends = ends

    def __repr__(self) -> str:
        return f"a model that says END after {self.ends} tokens"

    def start(self, source: Tensor, lengths: Tensor) -> tuple[int, int]:
        if source.ndim != 2 or lengths.shape != source.shape[:1]:
            raise Mistake("start takes a batch: the source as a tensor (1, S), and its length as a tensor (1,).")
        return int(source.sum()) % 2, 0

    def step(self, tokens: Tensor, state: tuple[int, int]) -> tuple[Tensor, tuple[int, int]]:
        if getattr(tokens, "shape", None) != (1,):
            raise Mistake("step takes a batch of one token: torch.tensor([token]).")
        which, done = state
        table = self.tables[done] if which else self.tables[done].roll(1, 0)
        return table[tokens], (which, done + 1)


def loop(model: Toy, source: list[int], begin: int, end: int, most: int, **other: Any) -> list[int]:
    """Greedy decoding; what is `other` than it should be: feed, hand, pick, keep_end, keep_begin, extra, stop."""
    first = state = model.start(torch.tensor([source]), torch.tensor([len(source)]))
    token, tokens = begin, [begin] if other.get("keep_begin") else []
    for _ in range(most + other.get("extra", 0)):
        logits, state = model.step(torch.tensor([token if other.get("feed", True) else begin]), state)
        state = state if other.get("hand", True) else first
        token = int(other.get("pick", torch.argmax)(logits[0]))
        if token == end and other.get("stop", True):
            return [*tokens, token] if other.get("keep_end") else tokens
        tokens.append(token)
    return tokens


def weights(query: Tensor, keys: Tensor, W: Tensor, U: Tensor, v: Tensor, mask: Tensor, **other: Any) -> Tensor:
    """Additive attention's weights; what is `other` than it should be: bend, hide, scale, after."""
    q, k = (query @ W.T)[:, None], keys @ U.T
    scores = other.get("bend", torch.tanh)(other.get("mix", torch.add)(q, k)) @ v
    hidden = other.get("hide", lambda s, m: s.masked_fill(~m, -math.inf))(scores, mask)
    return other.get("after", lambda w, m: w)(other.get("scale", lambda s: s.softmax(1))(hidden), mask)


def best(beams: list[Beam], log_p: Tensor, k: int, total: Callable[[float, Tensor], Tensor] = torch.add, largest: bool = True) -> list[Beam]:
    """The k best continuations; `total` makes one score of a beam's and its continuations'."""
    scores = torch.stack([total(torch.tensor(old), row) for (_, old), row in zip(beams, log_p, strict=True)])
    values, places = scores.flatten().topk(k, largest=largest)
    parts = [divmod(place, log_p.shape[1]) for place in places.tolist()]
    return [([*beams[b][0], token], value) for (b, token), value in zip(parts, values.tolist(), strict=True)]


def one_each(beams: list[Beam], log_p: Tensor, k: int) -> list[Beam]:
    """Each beam with its likeliest token, instead of the k best of all."""
    found = [best([beam], row[None], 1)[0] for beam, row in zip(beams, log_p, strict=True)]
    return sorted(found, key=lambda beam: -beam[1])[:k]
