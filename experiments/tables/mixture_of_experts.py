"""A mixture of eight experts on plays beside a dense model of as many active parameters, at equal steps and equal time.

Both have their own learning rate, searched by factors of 2 until both neighbours are worse. "dense, longer" reads as
many more characters as the mixture's time allows, at the dense model's rate.
"""

import time
from collections.abc import Iterator
from typing import Any

import torch

from course_lib.losses import next_token_loss
from course_lib.training import TrainingConfig
from experiments.experts import balanced, dense, mixture, routing
from experiments.rates import best_rate, searched
from experiments.scaling import CONTEXT, FUSED, draw_windows, held_out, loss_after, read
from experiments.shared import one_core

__all__ = ["CHARACTERS", "PARTS", "SYSTEMS", "row", "rows", "time_ratio"]

BATCH = 16
STEP = BATCH * CONTEXT
CHARACTERS = 1464 * STEP
SEEDS = (0, 1, 2)
SYSTEMS = ("dense", "mixture", "dense, longer")
PARTS = ("row", "time_ratio")


def time_ratio() -> float:
    """How many times as long a step of the mixture takes as one of the dense model: the median of 9 turns."""
    draw, ratios = draw_windows(read("plays", "train"), CHARACTERS, BATCH, 0), []
    batch = draw(torch.Generator().manual_seed(0))
    config = TrainingConfig(steps=1, learning_rate=0.001)
    with one_core():
        runs = [(dense(0), next_token_loss), (mixture(0), balanced)]
        runs = [(model, loss, FUSED(model, config)) for model, loss in runs]
        for _ in range(9):
            seconds = []
            for model, loss, optimiser in runs:
                start = time.process_time()
                for _ in range(10):
                    optimiser.zero_grad()
                    loss(model, batch).backward()
                    optimiser.step()
                seconds.append(time.process_time() - start)
            ratios.append(seconds[1] / seconds[0])
    return round(sorted(ratios)[len(ratios) // 2], 2)


def row(system: str, characters: int, learning_rate: float, seed: int) -> dict[str, Any]:
    """One run: its loss on held-out plays in nats per character; of a mixture also who was chosen there."""
    is_dense = system.startswith("dense")
    model = dense(seed) if is_dense else mixture(seed)
    draw = draw_windows(read("plays", "train"), characters, BATCH, seed)
    loss = next_token_loss if is_dense else balanced
    scored = held_out("plays")
    nats = loss_after(model, draw, characters, learning_rate, seed, scored, batch_size=BATCH, loss=loss)
    return {
        "system": system,
        "characters": characters,
        "learning_rate": learning_rate,
        "seed": seed,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "loss": nats,
        "blocks": [] if is_dense else routing(model, scored),
    }


def rows() -> Iterator[dict[str, Any]]:
    """A short run; the search of both rates, and more seeds at the best; then the longer runs."""
    yield row("dense", 40 * STEP, 0.01, 0)
    ratio = time_ratio()
    rates = {}
    for system in ("dense", "mixture"):

        def made(rate: float, system: str = system) -> dict[str, Any]:
            return row(system, CHARACTERS, rate, 0)

        found = searched(made, 0.005, "loss")
        yield from found
        rates[system] = best_rate(found, "loss")
        yield from (row(system, CHARACTERS, rates[system], seed) for seed in SEEDS[1:])
    longer = round(CHARACTERS / STEP * ratio) * STEP
    yield from (row("dense, longer", longer, rates["dense"], seed) for seed in SEEDS)
