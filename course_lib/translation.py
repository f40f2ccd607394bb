"""Pairs of texts as batches, the loss of a model that writes one for the other, its writing, a trained one.

Any encoder-decoder will do that gives logits for (source, target): Seq2Seq, Transformer.

Axes: N pairs, B batch, S source position, T target position. Token 0 is padding; targets open and end with tokens of
their own. A tokenizer has the three as its first, special tokens: SPECIAL.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from course_lib import PROJECT
from course_lib.generation import BeamConfig, BeamDecoder, beam_search
from course_lib.generation.decoding import padded
from course_lib.losses import mean_over
from course_lib.model_files import load_model
from course_lib.shapes import require_tensor
from course_lib.tokenizers import BPETokenizer, Tokenizer
from course_lib.transformer import Transformer
from course_lib.validation import require, require_integer, require_number, text_of, texts_of

__all__ = [
    "BEGIN",
    "END",
    "PAD",
    "Pairs",
    "load_translator",
    "mean_loss",
    "pair_batches",
    "tokenized",
    "train_tokenizer",
    "translate",
    "translation_loss",
]

CHECKPOINT = PROJECT / "data" / "checkpoints" / "folio_transformer.safetensors"
PAD, BEGIN, END = 0, 1, 2
SPECIAL = ["<pad>", "<begin>", "<end>"]


class Pairs(NamedTuple):
    """Pairs as tensors on the right of which stands padding: the source, and the target between BEGIN and END."""

    source: Int[Tensor, "N S"]
    target: Int[Tensor, "N T"]


def train_tokenizer(pairs: Iterable[tuple[str, str]], vocab_size: int) -> BPETokenizer:
    """One tokenizer for both sides, so that what they share has one vector: byte pairs after PAD, BEGIN and END.

    Raises ValueError for anything but pairs of texts.
    """
    return BPETokenizer.train((text for pair in _pairs_of(pairs) for text in pair), vocab_size, SPECIAL)


def tokenized(tokenizer: Tokenizer, pairs: Iterable[tuple[str, str]]) -> Pairs:
    """The pairs as ids. Raises ValueError for an empty source, as there is nothing to read, and for anything but pairs
    of texts; also for a tokenizer whose first tokens are not those of SPECIAL.
    """
    _require_special(tokenizer)
    pairs = _pairs_of(pairs)
    sources = [tokenizer.encode(source) for source, _ in pairs]
    if not all(sources):
        raise ValueError(f"each source needs some text, but that of pair {sources.index([])} is empty")
    targets = [[BEGIN, *tokenizer.encode(target), END] for _, target in pairs]
    return Pairs(padded(sources)[0], padded(targets)[0])


def _pairs_of(pairs: Any) -> list[tuple[str, str]]:
    several = isinstance(pairs, Iterable) and not isinstance(pairs, str | bytes | Mapping | Tensor)
    require(several, "pairs must be several pairs of texts, a list for example", pairs)
    found = list(pairs)
    require(found, "pairs must be one or more pairs of texts", found)
    for index, pair in enumerate(found):
        fits = isinstance(pair, Sequence) and not isinstance(pair, str | bytes) and len(pair) == 2
        require(fits, f"pairs[{index}] must be a pair of texts, (source, target)", pair)
        for side, text in enumerate(pair):
            text_of(f"pairs[{index}][{side}]", text)
    return found


def _require_special(tokenizer: Any) -> None:
    """That no letter of a text has the id of PAD, BEGIN or END."""
    require(isinstance(tokenizer, Tokenizer), "the tokenizer must be one of course_lib.tokenizers", tokenizer)
    first = tokenizer.vocabulary[: len(SPECIAL)]
    fits = first == SPECIAL and set(SPECIAL) <= set(tokenizer.special_tokens)
    require(fits, f"the tokenizer's first tokens must be the special tokens {', '.join(SPECIAL)}", first)


def _require_pairs(pairs: Any) -> None:
    """That each row of both sides is tokens, one at least (of targets two), then padding alone."""
    require(isinstance(pairs, Pairs), "pairs must be Pairs, as `tokenized` makes them", pairs)
    require_tensor("source", pairs.source, "pairs", "time", integers=True)
    require_tensor("target", pairs.target, len(pairs.source), "time", integers=True)
    require(len(pairs.source), "pairs must be one or more", pairs.source)
    for name, side, least in (("source", pairs.source, 1), ("target", pairs.target, 2)):
        real = side != PAD
        wrong = (real.sum(dim=1) < least) | (real[:, 1:] > real[:, :-1]).any(dim=1) | (side < 0).any(dim=1)
        if wrong.any():
            row = int(wrong.int().argmax())
            expected = f"each {name} must be {least} or more ids above {PAD} (PAD), then padding alone"
            raise ValueError(f"{expected}, but row {row} is not")


def pair_batches(pairs: Pairs, *, batch_tokens: int, near: int = 500) -> Callable[[Generator], Pairs]:
    """A function that draws pairs of about one length, as many as have at most `batch_tokens` tokens, but one at least.

    A random pair chooses the length, then the batch is drawn from the `near` pairs around it in the order of lengths.
    Raises ValueError for padding before the end of a row, and for a batch below one token.
    """
    _require_pairs(pairs)
    require_integer("batch_tokens", batch_tokens, at_least=1)
    require_integer("near", near, at_least=1)
    lengths = torch.stack([(side != PAD).sum(dim=1) for side in pairs])  # (2, N)
    order = lengths.sum(dim=0).argsort(stable=True)
    near = min(near, len(order))

    def draw(generator: Generator) -> Pairs:
        middle = int(torch.randint(len(order), (), generator=generator))
        first = min(max(middle - near // 2, 0), len(order) - near)
        longest = int(lengths[:, order[first : first + near]].sum(dim=0).max())
        size = max(batch_tokens // longest, 1)
        rows = order[first + torch.randint(near, (size,), generator=generator)]
        return _trimmed(pairs, rows)

    return draw


def _trimmed(pairs: Pairs, rows: Tensor) -> Pairs:
    """Some of the pairs, without columns that hold nothing but padding."""
    source, target = pairs.source[rows], pairs.target[rows]
    return Pairs(source[:, : _longest(source)], target[:, : _longest(target)])


def _longest(side: Tensor) -> int:
    return int((side != PAD).sum(dim=1).max())


def translation_loss(label_smoothing: float | int = 0.0) -> Callable[[nn.Module, Pairs], Float[Tensor, ""]]:
    """The cross-entropy of each target token after the real ones before it (teacher forcing), in nats a token.

    With label smoothing ε, the token counts 1 - ε and every token ε / V: Szegedy et al. (2016), section 7.
    """
    require_number("label_smoothing", label_smoothing, at_least=0, at_most=1)

    @mean_over(lambda batch: (batch.target[:, 1:] != PAD).sum())
    def loss(model: nn.Module, batch: Pairs) -> Tensor:
        logits = model(batch.source, batch.target[:, :-1])
        targets = batch.target[:, 1:].flatten()
        return F.cross_entropy(logits.flatten(0, 1), targets, ignore_index=PAD, label_smoothing=label_smoothing)

    return loss


@torch.no_grad()
def mean_loss(model: nn.Module, pairs: Pairs, batch_size: int = 256) -> float:
    """The cross-entropy over all target tokens, in nats a token."""
    _require_pairs(pairs)
    require_integer("batch_size", batch_size, at_least=1)
    order = (pairs.target != PAD).sum(dim=1).argsort()
    total = tokens = 0.0
    for rows in order.split(batch_size):
        batch = _trimmed(pairs, rows)
        count = int((batch.target[:, 1:] != PAD).sum())
        total += float(translation_loss()(model, batch)) * count
        tokens += count
    return total / tokens


def translate(
    model: BeamDecoder, tokenizer: Tokenizer, texts: Iterable[str], *, n_beams: int = 1, batch_size: int = 256
) -> list[str]:
    """What the model writes for each text: the best of its beams (one beam is greedy).

    Texts of like length go together, so that little is padding. What does not end is cut at twice the tokens of the
    longest text in its batch, and ten, or where the model has no more positions. Raises ValueError, before anything is
    written, for a text that is empty or has more tokens than the model has positions, and for a tokenizer that does not
    fit the model.
    """
    _require_special(tokenizer)
    most = getattr(getattr(model, "config", None), "vocab_size", tokenizer.vocab_size)
    require(
        tokenizer.vocab_size <= most,
        f"the tokenizer's vocab_size must be at most the model's {most}",
        tokenizer.vocab_size,
    )
    require_integer("batch_size", batch_size, at_least=1)
    limit = getattr(model, "limit", None)
    sources = _sources(tokenizer, texts, limit)
    order = sorted(range(len(sources)), key=lambda row: len(sources[row]))
    written = [""] * len(sources)
    for first in range(0, len(order), batch_size):
        rows = order[first : first + batch_size]
        longest = 2 * len(sources[rows[-1]]) + 10
        longest = longest if limit is None else min(longest, limit)
        config = BeamConfig(n_beams=n_beams, max_new_tokens=longest, begin_token=BEGIN, end_token=END)
        for row, found in zip(rows, beam_search(model, [sources[row] for row in rows], config), strict=True):
            written[row] = tokenizer.decode(found[0].tokens)
    return written


def _sources(tokenizer: Tokenizer, texts: Any, limit: int | None) -> list[list[int]]:
    sources = [tokenizer.encode(text) for text in texts_of("texts", texts)]
    allowed = "at least one token" + ("" if limit is None else f" and at most {limit} (the model's positions)")
    for index, source in enumerate(sources):
        require(source and (limit is None or len(source) <= limit), f"texts[{index}] must have {allowed}", source)
    return sources


def load_translator() -> tuple[Transformer, BPETokenizer]:
    """The Transformer that was trained at length on the Folio pairs (its card: data/checkpoints), and its tokenizer."""
    return load_model(CHECKPOINT)
