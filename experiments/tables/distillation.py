"""What a small GPT learns from a trained one: the same student with and without its teacher, on the same windows.

The teacher is the Shakespeare GPT. A student that learns from "the text" minimises the cross-entropy of the next token;
one that learns from "the teacher", the cross-entropy with the teacher's distribution of it, at every position of the
same windows. A step with a teacher takes longer, as the teacher reads the windows too; "the text, longer" has more
steps instead.
"""

import time
from collections.abc import Iterator
from functools import cache
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.gpt import ModernGPTConfig, build
from course_lib.losses import next_token_loss, token_losses
from course_lib.metrics import bootstrap_interval
from course_lib.model_files import read_about
from course_lib.pretrained import load_shakespeare_gpt
from course_lib.pretrained.shakespeare import SHAKESPEARE_GPT
from course_lib.training import TrainingConfig, muon, random_windows, windows
from experiments.shared import one_core, rounded, seeded, train_whole
from experiments.tables.gpt_shakespeare import TOKENS, ids

CONTEXT = 128
STUDENT = ModernGPTConfig(
    vocab_size=TOKENS, context_length=CONTEXT, d_model=64, n_layers=2, n_heads=4, n_kv_heads=4, d_ff=176
)
STEPS, LONGER, BATCH_SIZE = 100, 220, 12
LEARNING_RATE = 0.012  # in 200 steps with the text, seed 0, validation plays: 0.006 4.38, 0.012 4.30, 0.024 4.29
SEEDS = (0, 1, 2)
AMOUNTS = {"all": None, "20,000": 20_000}  # tokens of the training plays that a student sees
HELD_OUT = 20_000  # tokens of the test plays
LESSONS = ("the text", "the teacher", "the text, longer")


@cache
def teacher() -> nn.Module:
    """The trained model, with its weights fixed."""
    return load_shakespeare_gpt()[0].requires_grad_(False)


def from_teacher(model: nn.Module, batch: tuple[Int[Tensor, "N T"], Int[Tensor, "N T"]]) -> Float[Tensor, ""]:
    """The mean cross-entropy of the student's predictions with the teacher's, in nats per token."""
    inputs = torch.as_tensor(batch[0])
    with torch.no_grad():
        wanted = teacher()(inputs).softmax(dim=-1)
    return F.cross_entropy(model(inputs).flatten(0, 1), wanted.flatten(0, 1))


@torch.no_grad()
def held_out(model: nn.Module, split: str = "test") -> list[float]:
    """Nats per token of held-out plays, with the interval over windows."""
    inputs, targets = windows(ids(TOKENS, split)[:HELD_OUT], CONTEXT)
    return rounded(bootstrap_interval(lambda x: x.mean(-1), token_losses(model, inputs, targets).mean(1).numpy()))


def row(lesson: str, tokens: str, seed: int, *, split: str = "test", rate: float = LEARNING_RATE) -> dict[str, Any]:
    """The loss of a student on held-out plays, and the minutes of one core that its training took."""
    model, text = seeded(seed, lambda: build(STUDENT)), ids(TOKENS, "train")[: AMOUNTS[tokens]]
    steps = LONGER if lesson == "the text, longer" else STEPS
    config = TrainingConfig(
        steps=steps, learning_rate=rate, warmup_steps=steps // 20, weight_decay=0.1, beta2=0.99, seed=seed
    )
    batches = random_windows(text, batch_size=BATCH_SIZE, context_length=CONTEXT)
    loss = from_teacher if lesson == "the teacher" else next_token_loss
    with one_core():
        start = time.process_time()
        train_whole(model, loss, batches, config, make_optimiser=muon)
        minutes = (time.process_time() - start) / 60
        found = held_out(model, split)
    return {
        "lesson": lesson,
        "tokens": tokens,
        "seed": seed,
        "steps": steps,
        "parameters": sum(weights.numel() for weights in model.parameters()),
        "minutes": round(minutes, 2),
        "loss": found,
    }


def baseline() -> dict[str, Any]:
    """The teacher's own row, with the minutes of one core that its file says."""
    training = read_about(SHAKESPEARE_GPT)
    return {
        "lesson": "the teacher itself",
        "tokens": "all",
        "seed": 0,
        "steps": training["steps"],
        "parameters": sum(weights.numel() for weights in teacher().parameters()),
        "minutes": training["minutes"],
        "loss": held_out(teacher()),
    }


def rows() -> Iterator[dict[str, Any]]:
    """Every lesson on much text and on little, for three seeds."""
    yield baseline()
    for seed in SEEDS:
        for tokens in AMOUNTS:
            for lesson in LESSONS:
                yield row(lesson, tokens, seed)
