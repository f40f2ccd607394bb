"""Recurrent networks on characters of Shakespeare: at equal training time and size beside Bengio's, and a long run."""

import time
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from course_lib.losses import next_token_loss
from course_lib.mlp import MLPConfig, MLPLanguageModel
from course_lib.recurrent import RecurrentLM, RecurrentLMConfig
from course_lib.training import TrainingConfig, random_rows, random_windows
from experiments.shared import bits, characters, seeded, train_whole
from experiments.tables import neural_language_model

# Of each system: a width that makes about 250,000 weights; the steps that one core takes in 75 seconds; and, of the
# learning rates 0.001, 0.002, 0.004 and so on until it got worse, the best on the validation plays in half that time.
EQUAL = {
    "MLP": (1160, 9_300, 0.004),
    "RNN": (430, 600, 0.008),
    "GRU": (242, 525, 0.016),
    "LSTM": (206, 535, 0.064),
}
SHORT = 5  # the first rows have a fifth of these steps
SEEDS = (0, 1, 2)
LONG = ("GRU", 512, 4_000, 0.003, 0)
LANES = 64  # stretches of a split that are read side by side, each whole and from an empty state


def build(system: str, d_hidden: int, seed: int) -> nn.Module:
    """A network of 80 characters with its initial weights; the MLP sees eight characters."""
    if system == "MLP":
        return seeded(seed, lambda: MLPLanguageModel(MLPConfig(vocab_size=80, d_hidden=d_hidden)))
    return seeded(seed, lambda: RecurrentLM(RecurrentLMConfig(vocab_size=80, d_hidden=d_hidden, layer=system)))


@torch.no_grad()
def losses(model: nn.Module, split: str) -> np.ndarray:
    """-ln p of the characters of a split, in their order, in nats."""
    if isinstance(model, MLPLanguageModel):
        return neural_language_model.losses(model, split)
    text = torch.from_numpy(characters(split))
    length = (len(text) - 1) // LANES
    inputs, targets = (text[first:][: LANES * length].view(LANES, length) for first in (0, 1))
    state, each = None, []
    for window, wanted in zip(inputs.split(256, dim=1), targets.split(256, dim=1), strict=True):
        logits, state = model.run(window, state)
        each.append(F.cross_entropy(logits.transpose(1, 2), wanted, reduction="none"))
    return torch.cat(each, dim=1).flatten().double().numpy()


def batches(system: str) -> Callable:
    """What a network learns from: 256 contexts of 8 characters at a time, or 32 windows of 128."""
    if system == "MLP":
        return random_rows(*neural_language_model.pairs("train", 8), batch_size=256)
    return random_windows(torch.from_numpy(characters("train")), batch_size=32, context_length=128)


@cache
def trained(system: str, d_hidden: int, steps: int, learning_rate: float, seed: int) -> tuple[nn.Module, float]:
    """A network after its training, and how long that took one core, in minutes of processor time."""
    model, draw = build(system, d_hidden, seed), batches(system)
    config = TrainingConfig(steps=steps, learning_rate=learning_rate, warmup_steps=steps // 20, seed=seed)
    start = time.process_time()
    train_whole(model, next_token_loss, draw, config)
    return model, (time.process_time() - start) / 60


def row(
    system: str, d_hidden: int, steps: int, learning_rate: float, seed: int, tested: bool = False
) -> dict[str, Any]:
    """One network's bits per character on the validation plays, and on the test plays where it is `tested`."""
    model, minutes = trained(system, d_hidden, steps, learning_rate, seed)
    return {
        "system": system,
        "d_hidden": d_hidden,
        "steps": steps,
        "learning_rate": learning_rate,
        "seed": seed,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "minutes": round(minutes, 1),
        "validation": bits(losses(model, "validation")),
        "test": bits(losses(model, "test")) if tested else None,
    }


def rows() -> Iterator[dict[str, Any]]:
    """Every system in a fifth of the time, then in all of it for three seeds; a long run, scored on the test plays."""
    for system, (d_hidden, steps, learning_rate) in EQUAL.items():
        yield row(system, d_hidden, steps // SHORT, learning_rate, 0)
        for seed in SEEDS:
            yield row(system, d_hidden, steps, learning_rate, seed)
    yield row(*LONG, tested=True)
