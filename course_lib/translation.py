"""Pairs of texts as batches, the loss of a model that writes one for the other, its writing, a trained one.

Any encoder-decoder will do that gives logits for (source, target): Seq2Seq, Transformer.

Axes: N pairs, B batch, S source position, T target position. Token 0 is padding; targets open and end with tokens of
their own.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from course_lib import PROJECT
from course_lib.generation import BeamConfig, BeamDecoder, beam_search
from course_lib.generation.decoding import padded
from course_lib.losses import mean_over
from course_lib.model_files import load_model
from course_lib.tokenizers import BPETokenizer, Tokenizer
from course_lib.transformer import Transformer

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


def train_tokenizer(pairs: Sequence[tuple[str, str]], vocab_size: int) -> BPETokenizer:
    """One tokenizer for both sides, so that what they share has one vector: byte pairs after PAD, BEGIN and END."""
    return BPETokenizer.train((text for pair in pairs for text in pair), vocab_size, SPECIAL)


def tokenized(tokenizer: Tokenizer, pairs: Sequence[tuple[str, str]]) -> Pairs:
    """The pairs as ids. Raises ValueError for an empty source: there is nothing to read."""
    sources = [tokenizer.encode(source) for source, _ in pairs]
    if not all(sources):
        raise ValueError(f"each source needs some text, but that of pair {sources.index([])} is empty")
    targets = [[BEGIN, *tokenizer.encode(target), END] for _, target in pairs]
    return Pairs(padded(sources)[0], padded(targets)[0])


def pair_batches(pairs: Pairs, *, batch_tokens: int, near: int = 500) -> Callable[[Generator], Pairs]:
    """A function that draws pairs of about one length, as many as have at most `batch_tokens` tokens, but one at least.

    A random pair chooses the length, then the batch is drawn from the `near` pairs around it in the order of lengths.
    """
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

    @mean_over(lambda batch: (batch.target[:, 1:] != PAD).sum())
    def loss(model: nn.Module, batch: Pairs) -> Tensor:
        logits = model(batch.source, batch.target[:, :-1])
        targets = batch.target[:, 1:].flatten()
        return F.cross_entropy(logits.flatten(0, 1), targets, ignore_index=PAD, label_smoothing=label_smoothing)

    return loss


@torch.no_grad()
def mean_loss(model: nn.Module, pairs: Pairs, batch_size: int = 256) -> float:
    """The cross-entropy over all target tokens, in nats a token."""
    order = (pairs.target != PAD).sum(dim=1).argsort()
    total = tokens = 0.0
    for rows in order.split(batch_size):
        batch = _trimmed(pairs, rows)
        count = int((batch.target[:, 1:] != PAD).sum())
        total += float(translation_loss()(model, batch)) * count
        tokens += count
    return total / tokens


def translate(
    model: BeamDecoder, tokenizer: Tokenizer, texts: Sequence[str], *, n_beams: int = 1, batch_size: int = 256
) -> list[str]:
    """What the model writes for each text: the best of its beams (one beam is greedy).

    Texts of like length go together, so that little is padding. What does not end is cut at twice the tokens of the
    longest text in its batch, and ten.
    """
    sources = [tokenizer.encode(text) for text in texts]
    order = sorted(range(len(texts)), key=lambda row: len(sources[row]))
    written = [""] * len(texts)
    for first in range(0, len(order), batch_size):
        rows = order[first : first + batch_size]
        longest = 2 * len(sources[rows[-1]]) + 10
        config = BeamConfig(n_beams=n_beams, max_new_tokens=longest, begin_token=BEGIN, end_token=END)
        for row, found in zip(rows, beam_search(model, [sources[row] for row in rows], config), strict=True):
            written[row] = tokenizer.decode(found[0].tokens)
    return written


def load_translator() -> tuple[Transformer, BPETokenizer]:
    """The Transformer that was trained at length on the Folio pairs (its card: data/checkpoints), and its tokenizer."""
    return load_model(CHECKPOINT)
