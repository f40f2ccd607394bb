"""Sums of three digits by GPTs of several sizes, all after the same steps: one output, measured in three ways."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from course_lib.gpt import GPT, GPTConfig
from course_lib.metrics import bootstrap_interval
from course_lib.training import TrainingConfig, adamw
from experiments.shared import one_core, rounded, seeded, train_whole

__all__ = ["DIGITS", "answer", "encode", "row", "rows"]

DIGITS, SEPARATOR = 3, 10  # of a number; the id between the task and its answer
STEPS, BATCH, RATE = 600, 64, 0.01
WIDTHS, SEEDS = (8, 16, 24, 32, 48), (0, 1, 2)
TASKS = 1000  # held out: drawn with a seed of their own, from a million


def encode(first: Tensor, second: Tensor) -> Tensor:
    """A row per sum: the digits of both numbers, the separator, and those of the result, the ones always first."""
    columns = []
    for number, digits in ((first, DIGITS), (second, DIGITS), (first + second, DIGITS + 1)):
        columns += [number // 10**place % 10 for place in range(digits)]
    columns.insert(2 * DIGITS, torch.full_like(first, SEPARATOR))
    return torch.stack(columns, dim=1)


def draw(generator: Generator, count: int = BATCH) -> Tensor:
    """Random sums."""
    first, second = torch.randint(10**DIGITS, (2, count), generator=generator)
    return encode(first, second)


def loss_of(model: nn.Module, rows: Tensor) -> Tensor:
    """-ln p of the digits of the results, in nats per digit."""
    logits = model(rows[:, :-1])[:, 2 * DIGITS :]
    return F.cross_entropy(logits.flatten(0, 1), rows[:, 2 * DIGITS + 1 :].flatten())


@torch.no_grad()
def answer(model: nn.Module, tasks: Tensor) -> Tensor:
    """The digits that a model gives after each task and the separator, the likeliest first."""
    rows = tasks
    for _ in range(DIGITS + 1):
        rows = torch.cat([rows, model(rows)[:, -1:].argmax(dim=-1)], dim=1)
    return rows[:, tasks.shape[1] :]


def row(d_model: int, steps: int, seed: int) -> dict[str, Any]:
    """One model: nats per digit, digits right, and sums right."""
    config = GPTConfig(
        vocab_size=11, context_length=3 * DIGITS + 1, d_model=d_model, n_layers=2, n_heads=max(d_model // 8, 1)
    )
    model = seeded(seed, lambda: GPT(config))
    training = TrainingConfig(steps=steps, learning_rate=RATE, warmup_steps=steps // 10, beta2=0.99, seed=seed)
    with one_core():
        train_whole(model, loss_of, draw, training, make_optimiser=partial(adamw, fused=True))
        tasks = draw(Generator().manual_seed(1_000_003), TASKS)
        right = answer(model, tasks[:, : 2 * DIGITS + 1]) == tasks[:, 2 * DIGITS + 1 :]
        with torch.no_grad():
            nats = float(loss_of(model, tasks))
    exact = bootstrap_interval(lambda items: items.mean(axis=-1), right.all(dim=1).double().numpy())
    return {
        "d_model": d_model,
        "parameters": 24 * d_model**2 + 11 * d_model,
        "steps": steps,
        "seed": seed,
        "nats": round(nats, 4),
        "digits": round(float(right.double().mean()), 4),
        "exact": rounded(exact),
    }


def rows() -> Iterator[dict[str, Any]]:
    """A short run, then all widths with three seeds."""
    yield row(8, 60, 0)
    for d_model in WIDTHS:
        for seed in SEEDS:
            yield row(d_model, STEPS, seed)
