"""The race: what an entry is, how many steps its time allows, its training and its score.

Axes: B batch, T position, V vocabulary.
"""

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor, nn

from course_lib import data
from course_lib.losses import next_token_loss, token_losses
from course_lib.runtime import own_randomness
from course_lib.tokenizers import CharTokenizer
from course_lib.training import History, TrainingConfig, adamw, random_windows, train, windows
from course_lib.validation import require, require_integer, require_number, require_one_of
from experiments.speed_run.parts import GPTOfParts, Parts

__all__ = ["RECIPE", "Entry", "held_out_losses", "race", "steps_within"]

HELD_OUT = 50_000  # characters of the validation plays, or of the test plays, that score an entry


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What races: a model's parts, and how it is trained. As it stands, the recipe that all others change.

    That is nanoGPT's published recipe for a CPU, but its layers and norms have biases, its GELU is the tanh form, and
    the learning rate falls towards 0, not to a tenth. Raises ValueError for a value of the wrong type or out of range.
    """

    parts: Parts = field(default_factory=Parts)
    batch_size: int = 12  # windows
    learning_rate: float = 0.001
    schedule: str = "cosine"  # or "trapezoid": from the end of the warmup a straight way down to 0
    optimiser: Callable[[nn.Module, TrainingConfig], torch.optim.Optimizer] = adamw

    def __post_init__(self) -> None:
        require(isinstance(self.parts, Parts), "parts must be Parts", self.parts)
        require_integer("batch_size", self.batch_size, at_least=1)
        require_number("learning_rate", self.learning_rate, above=0, below=math.inf)
        require_one_of("schedule", ("cosine", "constant", "trapezoid"), self.schedule)
        require(callable(self.optimiser), "optimiser must be a function of model and config", self.optimiser)


RECIPE = Entry()


@cache
def _text(split: str) -> Tensor:
    """A split of Shakespeare as ids of characters."""
    return torch.tensor(_characters().encode(data.shakespeare(split)))


@cache
def _characters() -> CharTokenizer:
    return CharTokenizer.train(data.shakespeare("train"))


def _first_weights(entry: Entry, seed: int) -> GPTOfParts:
    with own_randomness(seed):
        return GPTOfParts(entry.parts, _characters().vocab_size)


def _draw(entry: Entry) -> Callable[[Generator], tuple[Tensor, Tensor]]:
    return random_windows(_text("train"), batch_size=entry.batch_size, context_length=entry.parts.context_length)


def _config(entry: Entry, steps: int, seed: int) -> TrainingConfig:
    warmup = steps // 20
    return TrainingConfig(
        steps=steps,
        learning_rate=entry.learning_rate,
        warmup_steps=warmup,
        schedule=entry.schedule,
        decay_steps=steps - warmup if entry.schedule == "trapezoid" else 0,
        weight_decay=0.1,
        beta2=0.99,
        seed=seed,
    )


def race(entry: Entry, steps: int, seed: int = 0, **options: Any) -> tuple[GPTOfParts, History]:
    """A model after so many steps on the training plays, and what happened; `options` are for `training.train`."""
    require(isinstance(entry, Entry), "what races must be an Entry", entry)
    require_integer("steps", steps, at_least=1)
    config = _config(entry, steps, seed)  # first, as the text takes a second to read
    model = _first_weights(entry, seed)
    history = train(model, next_token_loss, _draw(entry), config, make_optimiser=entry.optimiser, **options)
    return model, history


def held_out_losses(model: nn.Module, split: str = "validation") -> np.ndarray:
    """-ln p of the first characters of a split, in nats, in windows that do not overlap: each begins afresh."""
    length = model.config.context_length
    inputs, targets = windows(_text(split)[:HELD_OUT], length)
    return token_losses(model, inputs, targets, max(1, 4096 // length)).flatten().double().numpy()


def steps_within(entry: Entry, recipe_steps: int, rounds: int = 5) -> int:
    """How many steps an entry can take in the time in which the recipe takes `recipe_steps`.

    The two are timed by turns, a dozen steps at a time and in processor time, so that what else the machine does
    matters little. A learning rate and its schedule change nothing in a step, so an entry that differs in them alone
    is not timed, and takes the recipe's steps.
    """
    require_integer("recipe_steps", recipe_steps, at_least=1)
    require_integer("rounds", rounds, at_least=1)
    entry = replace(entry, learning_rate=RECIPE.learning_rate, schedule=RECIPE.schedule)
    if entry == RECIPE:
        return recipe_steps
    ratios = [_seconds_a_step(RECIPE) / _seconds_a_step(entry) for _ in range(rounds)]
    return max(1, round(recipe_steps * statistics.median(ratios)))


def _seconds_a_step(entry: Entry) -> float:
    ends: list[float] = []
    _, history = race(entry, 12, show=False, log=lambda history: ends.append(time.process_time()))
    if history.stopped:
        raise KeyboardInterrupt  # a time that was cut short is none
    return statistics.median(np.diff(ends[2:]).tolist())
