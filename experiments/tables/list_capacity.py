"""How long a list can a state hold? GRUs of several widths read six symbols and repeat them, for several lengths.

Each symbol is one of eight, so the list is 18 bits and chance is 1/8. The learning rate of each width is doubled or
halved, with seed 0 and the middle number of steps, until the rates on both sides of the best one are worse.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from course_lib.metrics import bootstrap_interval
from course_lib.training import TrainingConfig
from experiments.rates import best_rate, searched
from experiments.shared import rounded, seeded, train_whole

WIDTHS, STEPS, SEEDS = (8, 16, 32), (200, 800, 2400), (0, 1, 2)
SYMBOLS, LENGTH, BATCH_SIZE = 8, 6, 64


class Repeater(nn.Module):
    """A GRU that reads a list of symbols, then as many empty inputs, and gives a logit of each symbol for each."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.recurrent = nn.GRU(SYMBOLS + 1, width, batch_first=True)
        self.output = nn.Linear(width, SYMBOLS)

    def forward(self, x: Tensor) -> Tensor:
        """The logits (B, n, 8) of the n symbols."""
        return self.output(self.recurrent(x)[0][:, x.shape[1] // 2 :])


def lists(number: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """What is read, and the symbols that must be repeated."""
    symbols = torch.randint(SYMBOLS, (number, LENGTH), generator=generator)
    return F.one_hot(torch.cat([symbols, torch.full_like(symbols, SYMBOLS)], dim=1), SYMBOLS + 1).float(), symbols


def loss(model: Repeater, batch: tuple[Tensor, Tensor]) -> Tensor:
    """The mean cross-entropy of the repeated symbols, in nats."""
    x, symbols = batch
    return F.cross_entropy(model(x).transpose(1, 2), symbols)


def row(width: int, steps: int, learning_rate: float, seed: int) -> dict[str, Any]:
    """One network's error, the share of symbols that it repeats wrongly, on 2,000 new lists."""
    model = seeded(seed, lambda: Repeater(width))
    config = TrainingConfig(steps=steps, learning_rate=learning_rate, warmup_steps=steps // 20, seed=seed)
    train_whole(model, loss, lambda generator: lists(BATCH_SIZE, generator), config)
    x, symbols = lists(2000, Generator().manual_seed(1_000_000))
    with torch.no_grad():
        wrong = (model(x).argmax(dim=2) != symbols).double().mean(dim=1).numpy()
    return {
        "width": width,
        "steps": steps,
        "learning_rate": learning_rate,
        "seed": seed,
        "error": rounded(bootstrap_interval(lambda shares: shares.mean(axis=-1), wrong)),
    }


def rows() -> Iterator[dict[str, Any]]:
    """Every width: the rates that were then the best one at every number of steps with three seeds."""
    for width in WIDTHS:
        found = searched(partial(row, width, STEPS[1], seed=0), 0.032, "error")
        yield from found
        rate = best_rate(found, "error")
        for steps in STEPS:
            for seed in SEEDS:
                if (steps, seed) != (STEPS[1], 0):
                    yield row(width, steps, rate, seed)
