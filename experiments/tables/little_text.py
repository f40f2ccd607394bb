"""Bengio's network on 10,000 characters of Shakespeare, too few for it: what helps on plays that it never read?

A seed decides the stretch of the training plays and the initial weights; every choice gets the same ones.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.losses import next_token_loss, token_losses
from course_lib.mlp import MLPConfig, MLPLanguageModel
from course_lib.training import TrainingConfig, random_rows
from experiments.shared import bits, characters, one_core, seeded, train_whole
from experiments.tables.neural_language_model import pairs

SEEDS = (0, 1, 2)
EVERY = 20  # of the held-out contexts, every twentieth is scored
BETWEEN = 1_000_000  # characters between the stretches of two seeds
CHOICE: dict[str, Any] = {
    "context_length": 8,
    "d_hidden": 256,
    "dropout": 0.0,
    "weight_decay": 0.0,
    "learning_rate": 0.005,
    "steps": 1_000,
}
CHANGES: list[dict[str, Any]] = [
    {},
    {"context_length": 5},
    {"context_length": 3},
    {"d_hidden": 64},
    {"d_hidden": 16},
    {"dropout": 0.5},
    {"dropout": 0.8},
    {"weight_decay": 0.3},
    {"weight_decay": 1.0},
    {"weight_decay": 3.0},
    {"steps": 250},
]
LONGER = (30_000, 100_000)


class Dropping(MLPLanguageModel):
    """Bengio's network with dropout on its hidden layer."""

    def __init__(self, config: MLPConfig, dropout: float) -> None:
        super().__init__(config)
        self.dropout = dropout

    def forward(self, context: Tensor) -> Tensor:
        hidden = torch.tanh(self.hidden(self.embed(context).flatten(-2)))
        return self.output(F.dropout(hidden, self.dropout, self.training))


def score(seed: int, read: int = 10_000, **choice: Any) -> tuple[list[float], list[float]]:
    """Bits per character of the text that was read, and of a sample of the validation plays, with their intervals."""
    sizes = MLPConfig(vocab_size=80, context_length=choice["context_length"], d_hidden=choice["d_hidden"])
    text = torch.from_numpy(characters("train"))[seed * BETWEEN :][:read]
    seen = text.unfold(0, sizes.context_length, 1)[:-1], text[sizes.context_length :]
    unseen = [rows[::EVERY] for rows in pairs("validation", sizes.context_length)]
    config = TrainingConfig(
        steps=choice["steps"],
        learning_rate=choice["learning_rate"],
        schedule="constant",
        weight_decay=choice["weight_decay"],
        seed=seed,
    )
    with one_core():
        model = seeded(seed, lambda: Dropping(sizes, choice["dropout"]))
        train_whole(model, next_token_loss, random_rows(*seen, batch_size=128), config)
        nats = [token_losses(model, *rows, batch_size=8192).double().numpy() for rows in (seen, unseen)]
    return bits(nats[0]), bits(nats[1])


def row(seed: int, read: int = 10_000, **choice: Any) -> dict[str, Any]:
    """A choice, and its bits per character of what was read and of what was not."""
    train, validation = score(seed, read, **choice)
    return {**choice, "read": read, "seed": seed, "train": train, "bits": validation}


def rows() -> Iterator[dict[str, Any]]:
    """The usual choice, one change at a time, and longer texts, each with three seeds."""
    for change in CHANGES:
        for seed in SEEDS:
            yield row(seed, **CHOICE | change)
    for read in LONGER:
        for seed in SEEDS:
            yield row(seed, read, **CHOICE)
