"""The first 400 steps of a small Transformer on short lines of the Folio: who has left the plateau by then?"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import torch
from torch.nn import functional as F

from course_lib import data, translation
from course_lib.metrics import Interval, bootstrap_interval
from course_lib.tokenizers import CharTokenizer
from course_lib.training import TrainingConfig
from course_lib.transformer import Transformer, TransformerConfig
from experiments.shared import one_core, rounded, seeded, train_whole

STEPS, LONGEST, HELD_OUT = 400, 25, 300
SEEDS = (0, 1)
CHOICE = {
    "learning_rate": 5e-3,
    "warmup_steps": 40,
    "norm": "pre",
    "positions": "rotary",
    "n_encoder_layers": 2,
    "n_decoder_layers": 2,
}
CHANGES: list[dict[str, Any]] = [
    {},
    {"learning_rate": 1e-2},
    {"learning_rate": 2.5e-3},
    {"warmup_steps": 0},
    {"norm": "post"},
    {"positions": "sinusoidal"},
    {"n_encoder_layers": 1},
    {"n_decoder_layers": 1},
]


@cache
def tokenizer() -> CharTokenizer:
    """The characters of the training plays, after PAD, BEGIN, END and one for unknown characters."""
    texts = (text for pair in data.folio_pairs()["train"] for text in pair)
    return CharTokenizer.train(texts, special_tokens=["<pad>", "<begin>", "<end>", "<unk>"])


@cache
def short(split: str) -> translation.Pairs:
    """The pairs of a split whose source has at most LONGEST characters; of the validation plays the first HELD_OUT."""
    found = [pair for pair in data.folio_pairs()[split] if len(pair[0]) <= LONGEST]
    return translation.tokenized(tokenizer(), found if split == "train" else found[:HELD_OUT])


@cache
def row(*, seed: int, **choice: Any) -> dict[str, Any]:
    """The loss on held-out lines (nats per character, with its 95% interval over lines) after STEPS steps."""
    config = TransformerConfig(
        vocab_size=tokenizer().vocab_size,
        d_model=64,
        d_ff=256,
        n_heads=4,
        dropout=0,
        **{name: choice[name] for name in ("norm", "positions", "n_encoder_layers", "n_decoder_layers")},
    )
    run = TrainingConfig(
        steps=STEPS,
        learning_rate=choice["learning_rate"],
        warmup_steps=choice["warmup_steps"],
        beta2=0.98,
        evaluate_every=STEPS,
        seed=seed,
    )
    model = seeded(seed, lambda: Transformer(config))
    batches = translation.pair_batches(short("train"), batch_tokens=500)
    with one_core():
        train_whole(model, translation.translation_loss(), batches, run, show=False)
        return {**choice, "seed": seed, "loss": rounded(_loss(model))}


@torch.no_grad()
def _loss(model: Transformer) -> Interval:
    lines = short("validation")
    logits, wanted = model(lines.source, lines.target[:, :-1]), lines.target[:, 1:]
    losses = F.cross_entropy(logits.transpose(1, 2), wanted, ignore_index=translation.PAD, reduction="none")
    totals = losses.sum(dim=1).double().numpy()
    lengths = (wanted != translation.PAD).sum(dim=1).numpy()
    return bootstrap_interval(lambda total, length: total.sum(axis=-1) / length.sum(axis=-1), totals, lengths)


def rows() -> Iterator[dict[str, Any]]:
    """A usual choice, and one change each, for two seeds."""
    for changes in CHANGES:
        for seed in SEEDS:
            yield row(**CHOICE | changes, seed=seed)
