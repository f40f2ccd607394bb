"""Training and scoring of models that write the lines of 1623 in modern spelling."""

import time
from collections.abc import Sequence
from functools import cache
from typing import Any

from torch import nn

from course_lib import data
from course_lib.metrics import translation_scores
from course_lib.tokenizers import BPETokenizer
from course_lib.training import TrainingConfig
from course_lib.translation import (
    Pairs,
    mean_loss,
    pair_batches,
    tokenized,
    train_tokenizer,
    translate,
    translation_loss,
)
from experiments.shared import one_core, train_whole

__all__ = ["held_out_loss", "lines", "pairs", "scores", "scores_of", "tokenizer", "train_folio"]

VOCABULARY = 1000  # tokens


@cache
def tokenizer(vocab_size: int = VOCABULARY) -> BPETokenizer:
    """Tokens for both spellings, learned from the training plays."""
    return train_tokenizer(data.folio_pairs()["train"], vocab_size)


@cache
def lines(split: str, count: int | None = None) -> list[tuple[str, str]]:
    """A split's pairs, or `count` of them, evenly spread."""
    found = data.folio_pairs()[split]
    return found if count is None else found[:: len(found) // count][:count]


@cache
def pairs(split: str, vocab_size: int = VOCABULARY) -> Pairs:
    """A split's pairs as tokens."""
    return tokenized(tokenizer(vocab_size), lines(split))


def train_folio(
    model: nn.Module,
    steps: int,
    learning_rate: float,
    seed: int,
    *,
    batch_tokens: int = 1024,
    label_smoothing: float = 0.0,
    **other: Any,
) -> float:
    """Train on the training plays; returns the minutes of processor time. `other` goes to TrainingConfig."""
    settings = {"warmup_steps": steps // 20, "beta2": 0.98} | other
    config = TrainingConfig(steps=steps, learning_rate=learning_rate, seed=seed, **settings)
    batches = pair_batches(pairs("train", model.config.vocab_size), batch_tokens=batch_tokens)
    with one_core():
        start = time.process_time()
        train_whole(model, translation_loss(label_smoothing), batches, config)
        return (time.process_time() - start) / 60


def held_out_loss(model: nn.Module) -> float:
    """Nats a token on the validation plays."""
    return round(mean_loss(model, pairs("validation", model.config.vocab_size)), 4)


def scores(model: Any, split: str, count: int | None = None, n_beams: int = 1) -> dict[str, list[float]]:
    """BLEU, chrF and exact match in percent, each with the ends of its 95% interval over lines."""
    sources = [source for source, _ in lines(split, count)]
    return scores_of(translate(model, tokenizer(model.config.vocab_size), sources, n_beams=n_beams), split, count)


def scores_of(written: Sequence[str], split: str, count: int | None = None) -> dict[str, list[float]]:
    """The scores of what was written for a split's sources."""
    found = translation_scores(written, [target for _, target in lines(split, count)])
    return {name: [round(end, 2) for end in interval] for name, interval in found.items()}
