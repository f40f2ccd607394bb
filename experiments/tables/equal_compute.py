"""Small GPTs on characters of Shakespeare, all trained with the same number of floating-point operations.

Every model is scored in windows of its own context_length, each character after at least half a window, so a longer one
also sees more when it is scored. The learning rate is searched for the usual sizes only, where both neighbours of the
best are worse; at other sizes another one may be better.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import torch

from course_lib.gpt import GPT, GPTConfig
from course_lib.losses import next_token_loss, text_losses
from course_lib.training import TrainingConfig, flops_per_token, random_windows
from experiments.shared import bits, characters, one_core, seeded, train_whole

OPERATIONS = 4 * 10**10  # of all steps of a run, forward and backward
VOCABULARY, HEAD, HELD_OUT = 80, 16, 20_000  # characters; width of a head; characters of the validation plays
MOST_STEPS = 1000
SEEDS = (0, 1)
CHOICE = {"d_model": 80, "n_layers": 3, "context_length": 64, "batch_size": 16, "learning_rate": 0.004}
CHANGES: list[dict[str, Any]] = [
    {},
    {"learning_rate": 0.008},
    {"learning_rate": 0.002},
    {"d_model": 160},
    {"d_model": 32},
    {"n_layers": 6},
    {"n_layers": 1},
    {"context_length": 128, "batch_size": 8},
    {"context_length": 32},
    {"batch_size": 64},
    {"batch_size": 8},
]


@cache
def ids(split: str) -> torch.Tensor:
    """A split's text as ids of characters."""
    return torch.from_numpy(characters(split))


def build(seed: int, **choice: Any) -> GPT:
    """A GPT of the sizes of a choice, with its initial weights."""
    sizes = {name: choice[name] for name in ("d_model", "n_layers", "context_length")}
    config = GPTConfig(vocab_size=VOCABULARY, n_heads=choice["d_model"] // HEAD, **sizes)
    return seeded(seed, lambda: GPT(config))


def steps_of(**choice: Any) -> int:
    """How many steps the operations suffice for."""
    length = choice["context_length"]
    step = flops_per_token(build(0, **choice), length) * length * choice["batch_size"]
    return int(OPERATIONS // step)


@cache
def row(*, seed: int, **choice: Any) -> dict[str, Any]:
    """Bits per character of held-out text, with their interval, after as many steps as the operations suffice for."""
    steps = steps_of(**choice)
    config = TrainingConfig(
        steps=steps, learning_rate=choice["learning_rate"], warmup_steps=steps // 10, beta2=0.99, seed=seed
    )
    model = build(seed, **choice)
    draw = random_windows(ids("train"), batch_size=choice["batch_size"], context_length=choice["context_length"])
    with one_core():  # such small models gain nothing from a second one, and lose much where it is busy
        train_whole(model, next_token_loss, draw, config)
        nats = text_losses(model, ids("validation")[:HELD_OUT])
    return {**choice, "seed": seed, "steps": steps, "bits": bits(nats.double().numpy())}


def rows() -> Iterator[dict[str, Any]]:
    """A usual choice, and one change each, for two seeds."""
    for changes in CHANGES:
        for seed in SEEDS:
            yield row(**CHOICE | changes, seed=seed)
