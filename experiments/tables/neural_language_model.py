"""Bengio's network on characters of Shakespeare: how its context, its width and its training change its score."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.losses import next_token_loss, token_losses
from course_lib.mlp import MLPConfig, MLPLanguageModel
from course_lib.training import TrainingConfig, random_rows
from experiments.shared import bits, characters, seeded, train_whole

CONTEXTS = (1, 2, 3, 5, 8)
WIDTHS = (64, 256, 512)
STEPS, MANY_STEPS = 6_000, 40_000
BATCH_SIZE = 256
PARTS = ("row", "test_score")
SEEDS = (0, 1)


def pairs(split: str, context_length: int) -> tuple[Tensor, Tensor]:
    """Every context of a split's text, and the character that follows it; the contexts are views of one text."""
    text = torch.from_numpy(characters(split))
    return text.unfold(0, context_length, 1)[:-1], text[context_length:]


def losses(model: MLPLanguageModel, split: str) -> np.ndarray:
    """-ln p of each character of a split but the first context_length ones, in nats."""
    contexts, targets = pairs(split, model.config.context_length)
    return token_losses(model, contexts, targets, batch_size=8192).double().numpy()


@cache
def trained(context_length: int, d_hidden: int, steps: int, seed: int) -> MLPLanguageModel:
    """A model of these sizes, trained from these initial weights on these batches."""
    sizes = MLPConfig(vocab_size=80, context_length=context_length, d_hidden=d_hidden)
    model = seeded(seed, lambda: MLPLanguageModel(sizes))
    config = TrainingConfig(steps=steps, learning_rate=5e-3, warmup_steps=steps // 20, seed=seed)
    train_whole(model, next_token_loss, random_rows(*pairs("train", context_length), batch_size=BATCH_SIZE), config)
    return model


def row(context_length: int, d_hidden: int, steps: int, seed: int) -> dict[str, Any]:
    """One setting's bits per character on the validation plays."""
    model = trained(context_length, d_hidden, steps, seed)
    return {
        "context_length": context_length,
        "d_hidden": d_hidden,
        "steps": steps,
        "seed": seed,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "validation": bits(losses(model, "validation")),
        "test": None,
    }


def test_score(context_length: int, d_hidden: int, steps: int, seed: int) -> list[float]:
    """One setting's bits per character on the test plays."""
    return bits(losses(trained(context_length, d_hidden, steps, seed), "test"))


def rows() -> Iterator[dict[str, Any]]:
    """Context lengths, widths, and a long run; the one best on the validation plays is scored on the test plays too."""
    settings = [(k, 256, STEPS, seed) for k in CONTEXTS for seed in SEEDS]
    settings += [(8, width, STEPS, seed) for width in WIDTHS if width != 256 for seed in SEEDS]
    settings += [(8, max(WIDTHS), MANY_STEPS, 0)]
    made = [row(*setting) for setting in settings]
    best = min(made, key=lambda one: one["validation"][0])
    best["test"] = test_score(*(best[name] for name in ("context_length", "d_hidden", "steps", "seed")))
    yield from made
