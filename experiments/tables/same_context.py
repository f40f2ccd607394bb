"""A GRU under the conditions of the GPT on characters in `gpt_shakespeare`: the same windows, time and scoring.

The networks of `recurrent_models` had more time than that GPT, learned from windows of 128 characters, and were scored
with a state that is carried through the whole text. Here a GRU of the same size learns from GPT's batches of 16 windows
of 64 characters, takes one core as long as GPT's 2,000 steps, and is scored in GPT's windows, each from an empty state:
every character after at least half a window, and none of them with more than one. `carried` is the score of the same
network with its state carried on.
"""

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor, nn

from course_lib.losses import next_token_loss, text_losses
from course_lib.training import TrainingConfig, random_windows
from experiments.shared import bits, train_whole
from experiments.tables import gpt_shakespeare, recurrent_models
from experiments.tables.gpt_shakespeare import BATCH_SIZE, CHARACTERS, SEEDS, SIZES

D_HIDDEN = 242  # as many weights as the GPT has, within 2%
STEPS = 1_880  # as long as 2,000 of the GPT: timed by turns, a step took 33.5 and 31.5 ms of one core
SHORT = 10  # the first row has a tenth of these steps
RATES = (0.004, 0.008, 0.016, 0.032)  # in half the time, with the first seed: both neighbours of the best are worse


class InWindows(nn.Module):
    """A recurrent network that reads every window from an empty state, and no more than a window."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.config = SimpleNamespace(vocab_size=CHARACTERS, context_length=SIZES["context_length"])

    def forward(self, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "B T V"]:
        return self.model(tokens)


def row(steps: int, learning_rate: float, seed: int) -> dict[str, Any]:
    """One GRU's bits per character on the validation plays, in windows and with its state carried on."""
    model = recurrent_models.build("GRU", D_HIDDEN, seed)
    length = SIZES["context_length"]
    text = gpt_shakespeare.ids(CHARACTERS, "train")
    batches = random_windows(text, batch_size=BATCH_SIZE, context_length=length)
    config = TrainingConfig(steps=steps, learning_rate=learning_rate, warmup_steps=steps // 20, beta2=0.99, seed=seed)
    start = time.process_time()
    train_whole(model, next_token_loss, batches, config)
    minutes = (time.process_time() - start) / 60
    in_windows = text_losses(InWindows(model), gpt_shakespeare.ids(CHARACTERS, "validation"))
    return {
        "system": "GRU, GPT's windows",
        "steps": steps,
        "learning_rate": learning_rate,
        "seed": seed,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "minutes": round(minutes, 2),
        "validation": bits(in_windows.double().numpy()),
        "carried": bits(recurrent_models.losses(model, "validation")),
        "test": None,
    }


def rows() -> Iterator[dict[str, Any]]:
    """A short run; each learning rate in half the time; the best one in all of it, for three seeds."""
    yield row(STEPS // SHORT, RATES[0], SEEDS[0])
    searched = [row(STEPS // 2, rate, SEEDS[0]) for rate in RATES]
    yield from searched
    best = min(searched, key=lambda found: found["validation"][0])["learning_rate"]
    for seed in SEEDS:
        yield row(STEPS, best, seed)
