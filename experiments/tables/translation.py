"""1623 spelling into modern spelling: copying, GRUs and the Transformer, each trained for as long on one core."""

from collections.abc import Callable, Iterator
from typing import Any

from torch import nn

from course_lib.seq2seq import Seq2Seq, Seq2SeqConfig
from course_lib.transformer import Transformer, TransformerConfig
from experiments.folio import held_out_loss, lines, scores, scores_of, train_folio
from experiments.shared import seeded

Build = Callable[[], nn.Module]


def gru(attention: str, d_hidden: int) -> Build:
    """A recurrent encoder-decoder, without dropout: the training plays are seen little more than once."""
    config = Seq2SeqConfig(vocab_size=1000, d_embed=128, d_hidden=d_hidden, dropout=0, attention=attention)
    return lambda: Seq2Seq(config)


TRANSFORMER = TransformerConfig(vocab_size=1000, dropout=0, positions="rotary")
# Of each system: how it is built, with a million weights; its steps, the GRUs' equal, the Transformer's as many as one
# core takes in the time of the GRU with additive attention; the tokens of a batch; the learning rate. Chosen on the
# validation plays, in one to three minutes each: the learning rates, by factors of two; a vocabulary of 1,000, over
# 2,000 and 4,000; the batch, of 512 and 1,024 for additive attention, of 256, 512 and 1,024 for the Transformer; the
# Transformer's layers (2 + 2, over 3 + 1 and 2 + 1) and positions.
SYSTEMS: dict[str, tuple[Build, int, int, float]] = {
    "GRU without attention": (gru("none", 284), 1_650, 1024, 0.004),
    "GRU, multiplicative attention": (gru("multiplicative", 264), 1_650, 1024, 0.002),
    "GRU, additive attention": (gru("additive", 256), 1_650, 1024, 0.004),
    "Transformer": (lambda: Transformer(TRANSFORMER), 3_100, 512, 0.002),
}
SEEDS = (0, 1, 2)


def copied() -> dict[str, Any]:
    """The baseline writes its source."""
    empty = {
        "steps": 0,
        "batch_tokens": 0,
        "learning_rate": 0,
        "seed": 0,
        "parameters": 0,
        "minutes": 0,
        "validation": None,
    }
    return {"system": "copy", **empty, **scores_of([source for source, _ in lines("test")], "test")}


def row(system: str, seed: int) -> dict[str, Any]:
    """One model's loss on the validation plays, and its scores on the test plays, greedy."""
    build, steps, batch_tokens, learning_rate = SYSTEMS[system]
    model = seeded(seed, build)
    minutes = train_folio(model, steps, learning_rate, seed, batch_tokens=batch_tokens)
    return {
        "system": system,
        "steps": steps,
        "batch_tokens": batch_tokens,
        "learning_rate": learning_rate,
        "seed": seed,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "minutes": round(minutes, 1),
        "validation": held_out_loss(model),
        **scores(model, "test"),
    }


def rows() -> Iterator[dict[str, Any]]:
    """Copying, then every system for three seeds."""
    yield copied()
    for system in SYSTEMS:
        for seed in SEEDS:
            yield row(system, seed)
