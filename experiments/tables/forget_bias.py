"""Does an LSTM remember longer if its forget gates begin open? The task of `memory` with gaps of up to 60.

A number is added to the initial biases of the forget gate. For each, the learning rate is doubled or halved, with seed
0, until neither rate beside the best one is better; seeds 1 and 2 follow at the best rate.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from course_lib.metrics import bootstrap_interval
from course_lib.training import TrainingConfig
from experiments.rates import best_rate, searched
from experiments.shared import rounded, seeded, train_whole
from experiments.tables import memory

BIASES, SEEDS = (0.0, 1.0, 3.0), (0, 1, 2)
GAP, STEPS, BATCH_SIZE = 60, 1000, 32


def network(bias: float, seed: int) -> memory.Recaller:
    """An LSTM with the initial weights of a seed, and a number added to the biases of its forget gate."""
    model = seeded(seed, lambda: memory.Recaller("LSTM"))
    width = model.recurrent.hidden_size
    with torch.no_grad():
        model.recurrent.bias_hh_l0[width : 2 * width] += bias
    return model


def row(bias: float, learning_rate: float, seed: int) -> dict[str, Any]:
    """One network's loss (nats) and its share of right answers after the longest gap, on 2,000 new sequences."""
    model = network(bias, seed)

    def draw(generator: Generator) -> tuple[Tensor, Tensor]:
        gap = int(torch.randint(1, GAP + 1, (), generator=generator))
        return memory.sequences(gap, BATCH_SIZE, generator)

    config = TrainingConfig(steps=STEPS, learning_rate=learning_rate, warmup_steps=STEPS // 20, seed=seed)
    train_whole(model, memory.loss, draw, config)
    x, first = memory.sequences(GAP, 2000, Generator().manual_seed(2_000_000))
    with torch.no_grad():
        logits = model(x)
    measured = {
        "nats": F.cross_entropy(logits, first, reduction="none"),
        "accuracy": (logits.argmax(dim=1) == first).double(),
    }
    intervals = {
        name: rounded(bootstrap_interval(lambda shares: shares.mean(axis=-1), values.double().numpy()))
        for name, values in measured.items()
    }
    return {"bias": bias, "learning_rate": learning_rate, "seed": seed, **intervals}


def rows() -> Iterator[dict[str, Any]]:
    """Every bias: the rates that were then the best one with the other seeds."""
    for bias in BIASES:
        found = searched(partial(row, bias, seed=0), 0.016, "nats")
        yield from found
        best = best_rate(found, "nats")
        for seed in SEEDS[1:]:
            yield row(bias, best, seed)
