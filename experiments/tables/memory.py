"""A task of memory: symbols come one after the other, and at the end the first is asked for.

Every symbol is one of eight, equally likely, so chance is 1/8; the first has a mark, the others are to be ignored. A
network learns from sequences with up to `longest_gap` symbols after the first, every number equally often, and is
measured where there are exactly so many. All networks have about 5,200 weights.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from course_lib.metrics import bootstrap_interval
from course_lib.runtime import own_randomness
from course_lib.training import TrainingConfig
from experiments.shared import rounded, train_whole

SYMBOLS = 8
# PyTorch's layers: ours give the same numbers, and take longer. The widths make the numbers of weights alike.
LAYERS: dict[str, tuple[Callable[..., nn.Module], int]] = {
    "RNN": (nn.RNN, 64),
    "GRU": (nn.GRU, 35),
    "LSTM": (nn.LSTM, 30),
}
LONGEST_GAPS = (10, 20, 40, 80)
LEARNING_RATES = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
FIRST_TRIED = (0.001, 0.003, 0.01, 0.03, 0.1)  # the others only where the best is at an end of those tried
PARTS = ("row", "validation")
SEEDS = (0, 1, 2)
STEPS, BATCH_SIZE = 1500, 32


class Recaller(nn.Module):
    """A recurrent layer, and logits of the eight symbols from its last output."""

    def __init__(self, system: str) -> None:
        super().__init__()
        layer, width = LAYERS[system]
        self.recurrent = layer(SYMBOLS + 1, width, batch_first=True)
        self.output = nn.Linear(width, SYMBOLS)

    def forward(self, x: Tensor) -> Tensor:
        return self.output(self.recurrent(x)[0][:, -1])


def sequences(gap: int, number: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Sequences of 1 + gap symbols, each a row of nine numbers, the ninth for the mark; and their first symbols."""
    symbols = torch.randint(SYMBOLS, (number, gap + 1), generator=generator)
    x = F.one_hot(symbols, SYMBOLS + 1).float()
    x[:, 0, SYMBOLS] = 1
    return x, symbols[:, 0]


def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """The mean cross-entropy of the answers, in nats."""
    x, first = batch
    return F.cross_entropy(model(x), first)


@cache
def trained(system: str, longest_gap: int, learning_rate: float, seed: int) -> Recaller:
    """A network trained from these initial weights on these sequences."""
    with own_randomness(seed):
        model = Recaller(system)

    def draw(generator: Generator) -> tuple[Tensor, Tensor]:
        gap = int(torch.randint(1, longest_gap + 1, (), generator=generator))
        return sequences(gap, BATCH_SIZE, generator)

    config = TrainingConfig(steps=STEPS, learning_rate=learning_rate, warmup_steps=STEPS // 20, seed=seed)
    train_whole(model, loss, draw, config)
    return model


@torch.no_grad()
def recalled(model: Recaller, gap: int, kind: int, number: int) -> np.ndarray:
    """Which of some sequences are answered correctly; kind 0 is for validation, 1 for the test."""
    x, first = sequences(gap, number, Generator().manual_seed(1_000_000 + kind))
    return (model(x).argmax(dim=1) == first).double().numpy()


def row(system: str, longest_gap: int, learning_rate: float, seed: int) -> dict[str, Any]:
    """One network's share of right answers after the longest gap, with its 95% interval over test sequences."""
    model = trained(system, longest_gap, learning_rate, seed)
    right = recalled(model, longest_gap, 1, 2000)
    return {
        "system": system,
        "d_hidden": LAYERS[system][1],
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "longest_gap": longest_gap,
        "learning_rate": learning_rate,
        "seed": seed,
        "accuracy": rounded(bootstrap_interval(lambda x: x.mean(axis=-1), right)),
    }


def validation(system: str, longest_gap: int, learning_rate: float) -> tuple[float, float]:
    """The share of right answers to sequences for validation, and their loss in nats, as means over the seeds."""
    x, first = sequences(longest_gap, 1000, Generator().manual_seed(1_000_000))
    models = [trained(system, longest_gap, learning_rate, seed) for seed in SEEDS]
    with torch.no_grad():
        logits = [model(x) for model in models]
    right = np.mean([(answer.argmax(dim=1) == first).double().mean().item() for answer in logits])
    nats = np.mean([F.cross_entropy(answer, first).item() for answer in logits])
    return round(float(right), 4), round(float(nats), 5)


def tried(system: str, longest_gap: int) -> dict[float, tuple[float, float]]:
    """`validation` at each learning rate, until the one with the lowest loss lies between two others."""
    scores = {rate: validation(system, longest_gap, rate) for rate in FIRST_TRIED}
    while True:
        best = LEARNING_RATES.index(lowest_loss(scores))
        beside = [rate for rate in LEARNING_RATES[max(best - 1, 0) : best + 2] if rate not in scores]
        if not beside:
            return {rate: scores[rate] for rate in LEARNING_RATES if rate in scores}
        scores |= {rate: validation(system, longest_gap, rate) for rate in beside}


def lowest_loss(scores: dict[float, tuple[float, float]]) -> float:
    """The learning rate whose networks have the lowest mean loss."""
    return min(scores, key=lambda rate: scores[rate][1])


def rows() -> Iterator[dict[str, Any]]:
    """Every network at every longest gap, three seeds each, at the learning rate that is best on validation.

    `rates`, `validation` and `nats` are the rates tried, and their mean share of right answers and loss.
    """
    for system in LAYERS:
        for gap in LONGEST_GAPS:
            scores = tried(system, gap)
            right, nats = (list(column) for column in zip(*scores.values(), strict=True))
            for seed in SEEDS:
                made = row(system, gap, lowest_loss(scores), seed)
                yield made | {"rates": list(scores), "validation": right, "nats": nats}
