"""A race on characters of Shakespeare: one budget of time, one change a row; what helps every seed stays."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from course_lib.gpt import SwiGLU
from course_lib.metrics import student_interval
from course_lib.speed_run import (
    RECIPE,
    Entry,
    NgramEmbedding,
    NormedAttention,
    SquaredReLU,
    TokenEmbedding,
    held_out_losses,
    race,
    rotary,
    silent_outputs,
    steps_within,
)
from course_lib.training import Execution, muon
from experiments.shared import rounded, unstopped

__all__ = ["BUDGET", "CHANGES", "SEEDS", "of", "row", "rows", "standing", "training"]

BUDGET = 500  # steps of the recipe: about 45 seconds of one core
SHORT = 40  # the budget of the first row
SEEDS = (0, 1, 2)

Change = Callable[[Entry], Entry]


def of(**changes: Any) -> Change:
    """A change of the model's parts."""
    return lambda entry: replace(entry, parts=replace(entry.parts, **changes))


def training(**changes: Any) -> Change:
    """A change of the training."""
    return lambda entry: replace(entry, **changes)


CHANGES: dict[str, Change] = {  # in the order in which they are tried
    "learning rate 0.002": training(learning_rate=0.002),
    "learning rate 0.004": training(learning_rate=0.004),
    "learning rate 0.008": training(learning_rate=0.008),
    "straight decay": training(schedule="trapezoid"),
    "6 windows a batch": training(batch_size=6),
    "24 windows a batch": training(batch_size=24),
    "context 32": of(context_length=32),
    "context 128": of(context_length=128),
    "silent outputs": of(first_weights=silent_outputs),
    "untied output": of(tied=False),
    "rotary positions": of(rotation=rotary, embedding=TokenEmbedding),
    "RMSNorm": of(norm=nn.RMSNorm),
    "QK norm": of(attention=lambda d_model: NormedAttention(d_model, 4, 4, bias=True)),
    "SwiGLU": of(feed_forward=lambda d_model: SwiGLU(d_model, 8 * d_model // 3)),
    "squared ReLU": of(feed_forward=lambda d_model: SquaredReLU(d_model, 4 * d_model)),
    "Muon": training(optimiser=muon),
    "twice the learning rate": lambda entry: replace(entry, learning_rate=2 * entry.learning_rate),
    "n-gram vectors": of(embedding=NgramEmbedding),
    "2 layers": of(n_layers=2),
    "bfloat16": training(execution=Execution(precision="bfloat16")),
    "torch.compile": training(execution=Execution(compile=True)),
}


def standing(kept: Sequence[str]) -> Entry:
    """The recipe with these changes, one after the other."""
    entry = RECIPE
    for change in kept:
        entry = CHANGES[change](entry)
    return entry


def row(change: str, before: Sequence[str], budget: int = BUDGET, split: str = "validation") -> dict[str, Any]:
    """What three seeds reach with a change ("none" for none) on top of those made before, in nats a character."""
    entry = standing(before if change == "none" else [*before, change])
    steps, start = steps_within(entry, budget), time.process_time()
    raced = [race(entry, steps, seed, show=False) for seed in SEEDS]
    models = [model for model, history in raced if unstopped(history)]
    seconds = (time.process_time() - start) / len(SEEDS)
    losses = [float(held_out_losses(model, split).mean()) for model in models]
    return {
        "change": change,
        "before": list(before),
        "budget": budget,
        "steps": steps,
        "seconds": round(seconds, 1),
        "parameters": sum(parameter.numel() for parameter in models[0].parameters()),
        "split": split,
        "losses": [round(loss, 4) for loss in losses],
        "loss": rounded(student_interval(losses)),
        "gain": None,
        "kept": None,
    }


def rows() -> Iterator[dict[str, Any]]:
    """A short race; the recipe; each change on top of what stands, kept where all seeds gain; both ends on test plays.

    `gain` is how much lower the loss is than that of what stood, seed by seed.
    """
    torch.set_num_threads(1)
    yield row("none", [], SHORT)
    best, kept = row("none", []), []
    yield best
    for change in CHANGES:
        tried = row(change, kept)
        gains = [before - after for before, after in zip(best["losses"], tried["losses"], strict=True)]
        tried |= {"gain": rounded(student_interval(gains)), "kept": min(gains) > 0}
        yield tried
        if tried["kept"]:
            best, kept = tried, [*kept, change]
    yield row("none", [], split="test")
    yield row("none", kept, split="test")
