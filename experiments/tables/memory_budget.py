"""The task of `memory` with a budget of symbols: which training lets an RNN name the first symbol after 80 others?

A network reads BUDGET symbols in training, whatever their gaps and batches; the share of right answers is measured
where exactly GAP symbols follow the first.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Generator, Tensor, nn

from course_lib.metrics import bootstrap_interval
from course_lib.training import TrainingConfig
from experiments.shared import one_core, rounded, seeded, train_whole
from experiments.tables import memory

BUDGET, GAP = 64_000, 80
STARTS = ("random", "orthogonal", "identity")  # of the recurrent matrix
SEEDS = (0, 1, 2)
CHOICE = {"longest_gap": 80, "batch_size": 32, "learning_rate": 0.003, "start": "random"}
CHANGES: list[dict[str, Any]] = [
    {},
    {"longest_gap": 40},
    {"longest_gap": 20},
    {"longest_gap": 10},
    {"longest_gap": 2},
    {"batch_size": 8},
    {"learning_rate": 0.001},
    {"learning_rate": 0.01},
    {"start": "orthogonal"},
    {"start": "identity"},
    {"longest_gap": 10, "learning_rate": 0.01},
]


def steps(longest_gap: int, batch_size: int) -> int:
    """How many batches the budget pays for: a sequence has (longest_gap + 3) / 2 symbols on average."""
    return 2 * BUDGET // (batch_size * (longest_gap + 3))


def network(start: str) -> nn.Module:
    """The RNN of `memory`, its recurrent matrix as PyTorch makes it, or random and orthogonal, or the identity."""
    model = memory.Recaller("RNN")
    with torch.no_grad():
        recurrent = model.recurrent.weight_hh_l0
        if start == "orthogonal":
            nn.init.orthogonal_(recurrent)
        elif start == "identity":
            nn.init.eye_(recurrent)
    return model


def score(seed: int, *, longest_gap: int, batch_size: int, learning_rate: float, start: str) -> list[float]:
    """The share of right answers after GAP symbols, with its 95% interval over sequences for validation."""

    def draw(generator: Generator) -> tuple[Tensor, Tensor]:
        gap = int(torch.randint(1, longest_gap + 1, (), generator=generator))
        return memory.sequences(gap, batch_size, generator)

    with one_core():
        model = seeded(seed, lambda: network(start))
        count = steps(longest_gap, batch_size)
        config = TrainingConfig(steps=count, learning_rate=learning_rate, warmup_steps=count // 20, seed=seed)
        train_whole(model, memory.loss, draw, config)
        right = memory.recalled(model, GAP, 0, 1000)
    return rounded(bootstrap_interval(lambda x: x.mean(axis=-1), right))


def row(seed: int, **choice: Any) -> dict[str, Any]:
    """A choice, how many batches the budget pays for, and its share of right answers."""
    count = steps(choice["longest_gap"], choice["batch_size"])
    return {**choice, "seed": seed, "steps": count, "accuracy": score(seed, **choice)}


def rows() -> Iterator[dict[str, Any]]:
    """The usual choice and one change at a time, each with three seeds."""
    for change in CHANGES:
        for seed in SEEDS:
            yield row(seed, **CHOICE | change)
