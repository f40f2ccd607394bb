"""Bengio's network within a fixed budget of multiplications: which sizes, which batch, which rate?

Training costs context_length x d_embed x d_hidden + d_hidden x 80 multiplications per example on the way forward; the
number of steps is what the budget pays for. Bits per character on a sample of the validation plays.
"""

from collections.abc import Iterator
from typing import Any

from course_lib.losses import next_token_loss, token_losses
from course_lib.mlp import MLPConfig, MLPLanguageModel
from course_lib.training import TrainingConfig, random_rows
from experiments.shared import bits, one_core, seeded, train_whole
from experiments.tables.neural_language_model import pairs

BUDGET = 4_000_000_000
EVERY = 20  # of the held-out contexts, every twentieth is scored
SEEDS = (0, 1, 2)
CHOICE = {"context_length": 8, "d_embed": 16, "d_hidden": 256, "batch_size": 256, "learning_rate": 0.005}
CHANGES: list[dict[str, Any]] = [
    {},
    {"context_length": 5},
    {"context_length": 3},
    {"d_embed": 8},
    {"d_hidden": 64},
    {"batch_size": 64},
    {"learning_rate": 0.002},
    {"learning_rate": 0.01},
]


def steps(context_length: int, d_embed: int, d_hidden: int, batch_size: int) -> int:
    """How many steps the budget pays for."""
    return BUDGET // (batch_size * d_hidden * (context_length * d_embed + 80))


def score(seed: int, **choice: Any) -> list[float]:
    """Bits per character on the sample, with their interval, after as many steps as the budget pays for."""
    sizes = {name: choice[name] for name in ("context_length", "d_embed", "d_hidden")}
    count = steps(**sizes, batch_size=choice["batch_size"])
    with one_core():
        model = seeded(seed, lambda: MLPLanguageModel(MLPConfig(vocab_size=80, **sizes)))
        config = TrainingConfig(steps=count, learning_rate=choice["learning_rate"], warmup_steps=count // 20, seed=seed)
        batches = random_rows(*pairs("train", sizes["context_length"]), batch_size=choice["batch_size"])
        train_whole(model, next_token_loss, batches, config)
        contexts, targets = pairs("validation", sizes["context_length"])
        nats = token_losses(model, contexts[::EVERY], targets[::EVERY], batch_size=8192)
    return bits(nats.double().numpy())


def row(seed: int, **choice: Any) -> dict[str, Any]:
    """A choice, how many steps the budget pays for, and its bits per character."""
    sizes = {name: choice[name] for name in ("context_length", "d_embed", "d_hidden", "batch_size")}
    return {**choice, "seed": seed, "steps": steps(**sizes), "bits": score(seed, **choice)}


def rows() -> Iterator[dict[str, Any]]:
    """The usual choice and one change at a time, each with three seeds."""
    for change in CHANGES:
        for seed in SEEDS:
            yield row(seed, **CHOICE | change)
