"""Do gates pay on text? A plain, a GRU and an LSTM network on characters, in equal steps and in equal time.

All have about 42,000 weights and PyTorch's layers. "GRU, r = 1" is the control without a reset gate: that GRU with the
gate held open, so that 10,736 of its weights do nothing. For each kind and length, the learning rate is doubled or
halved, with seed 0, until the rates on both sides of the best one are worse; seeds 1 and 2 follow at the best rate.
"""

import time
from collections.abc import Iterator
from functools import cache, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.losses import next_token_loss
from course_lib.training import TrainingConfig, random_windows
from experiments.rates import best_rate, searched
from experiments.shared import bits, characters, seeded, train_whole

LAYERS = {"RNN": nn.RNN, "GRU": nn.GRU, "GRU, r = 1": nn.GRU, "LSTM": nn.LSTM}
# Of each kind a width that makes about 42,000 weights, and the rate at which the search begins.
KINDS = {"RNN": (150, 0.004), "GRU": (88, 0.008), "GRU, r = 1": (88, 0.008), "LSTM": (75, 0.016)}
# Steps: a number that all kinds have, and as many as one core takes in the time of the GRU's 800.
LENGTHS = {"RNN": (800, 1250), "GRU": (800,), "GRU, r = 1": (800,), "LSTM": (800, 2200)}
SEEDS = (0, 1, 2)
BATCH_SIZE, WINDOW = 16, 64  # each step reads so many windows of so many characters, each from an empty state
LANES, SLICE = 64, 500  # held-out text: stretches read side by side with a carried state, so many characters at a time


class CharacterModel(nn.Module):
    """A vector for each of 80 characters, one recurrent layer, a logit for each character that may follow."""

    def __init__(self, kind: str, width: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(80, 32)
        self.recurrent = LAYERS[kind](32, width, batch_first=True)
        self.output = nn.Linear(width, 80)
        if kind == "GRU, r = 1":
            self._hold_open(width)

    def _hold_open(self, width: int) -> None:
        """Let the first gate of the layer be 1 whatever it reads, also after training."""
        for name, parameter in self.recurrent.named_parameters():
            with torch.no_grad():
                parameter[:width] = 10.0 if name.startswith("bias") else 0.0
            trained = torch.ones(len(parameter), *[1] * (parameter.ndim - 1))
            trained[:width] = 0
            parameter.register_hook(trained.mul)

    def run(self, tokens: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """The logits, and the state after the last token."""
        outputs, state = self.recurrent(self.embed(tokens), state)
        return self.output(outputs), state

    def forward(self, tokens: Tensor) -> Tensor:
        """The logits of what follows each token."""
        return self.run(tokens)[0]


@cache
def trained(kind: str, steps: int, learning_rate: float, seed: int) -> tuple[CharacterModel, float]:
    """A network after its training, and how long that took one core, in seconds of processor time."""
    model = seeded(seed, lambda: CharacterModel(kind, KINDS[kind][0]))
    batches = random_windows(torch.from_numpy(characters("train")), batch_size=BATCH_SIZE, context_length=WINDOW)
    config = TrainingConfig(steps=steps, learning_rate=learning_rate, warmup_steps=steps // 20, seed=seed)
    start = time.process_time()
    train_whole(model, next_token_loss, batches, config)
    return model, time.process_time() - start


@torch.no_grad()
def losses(model: CharacterModel, text: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of the characters of a text, in nats: -ln p of each, and of whether it is a newline."""
    length = (len(text) - 1) // LANES
    inputs, targets = (torch.from_numpy(text)[first:][: LANES * length].view(LANES, length) for first in (0, 1))
    state, all_of_them, newlines = None, [], []
    for window, wanted in zip(inputs.split(SLICE, dim=1), targets.split(SLICE, dim=1), strict=True):
        logits, state = model.run(window, state)
        all_of_them.append(F.cross_entropy(logits.transpose(1, 2), wanted, reduction="none"))
        newline = logits[..., 0] - logits[..., 1:].logsumexp(dim=2)  # the newline is character 0
        ends = (wanted == 0).float()
        newlines.append(F.binary_cross_entropy_with_logits(newline, ends, reduction="none"))
    return tuple(torch.cat(parts, dim=1).flatten().double().numpy() for parts in (all_of_them, newlines))


def row(kind: str, steps: int, learning_rate: float, seed: int) -> dict[str, Any]:
    """One network's bits per character on the validation plays, and those of newline or not."""
    model, seconds = trained(kind, steps, learning_rate, seed)
    all_of_them, newlines = losses(model, characters("validation"))
    return {
        "kind": kind,
        "width": KINDS[kind][0],
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "steps": steps,
        "learning_rate": learning_rate,
        "seed": seed,
        "seconds": round(seconds, 1),
        "validation": bits(all_of_them),
        "newline or not": bits(newlines),
    }


def rows() -> Iterator[dict[str, Any]]:
    """Every kind at every length: the rates that were searched with seed 0, then the best one with the other seeds."""
    for kind, lengths in LENGTHS.items():
        rate = KINDS[kind][1]
        for steps in lengths:
            found = searched(partial(row, kind, steps, seed=0), rate, "validation")
            yield from found
            rate = best_rate(found, "validation")
            for seed in SEEDS[1:]:
                yield row(kind, steps, rate, seed)
