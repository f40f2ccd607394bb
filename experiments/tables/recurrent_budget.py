"""A recurrent network of characters within a fixed budget of multiplications: which kind, which sizes, which rate?

A character costs gates x width x (32 + width) + 80 x width multiplications on the way forward, where a plain network
has 1 block of weights, a GRU 3 and an LSTM 4; the number of steps is what the budget pays for. Bits per character on
the first 60,000 characters of the validation plays.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.losses import next_token_loss
from course_lib.training import TrainingConfig, random_windows
from experiments.shared import bits, characters, one_core, seeded, train_whole

BUDGET = 20_000_000_000
LAYERS = {"RNN": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM}
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
SEEDS = (0, 1, 2)
LANES, SLICE = 64, 500  # held-out text: stretches read side by side with a carried state, so many characters at a time
CHOICE = {"kind": "GRU", "width": 128, "batch_size": 16, "window": 100, "learning_rate": 0.008}
CHANGES: list[dict[str, Any]] = [
    {},
    {"kind": "RNN"},
    {"kind": "LSTM"},
    {"width": 64},
    {"batch_size": 8},
    {"window": 50},
    {"learning_rate": 0.004},
    {"learning_rate": 0.016},
]


class CharacterModel(nn.Module):
    """A vector for each of 80 characters, one recurrent layer, a logit for each character that may follow."""

    def __init__(self, kind: str, width: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(80, 32)
        self.recurrent = LAYERS[kind](32, width, batch_first=True)
        self.output = nn.Linear(width, 80)

    def run(self, tokens: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """The logits, and the state after the last token."""
        outputs, state = self.recurrent(self.embed(tokens), state)
        return self.output(outputs), state

    def forward(self, tokens: Tensor) -> Tensor:
        """The logits of what follows each token."""
        return self.run(tokens)[0]


@torch.no_grad()
def losses(model: CharacterModel, text: np.ndarray) -> np.ndarray:
    """-ln p of the characters of a text, in nats."""
    length = (len(text) - 1) // LANES
    inputs, targets = (torch.from_numpy(text)[first:][: LANES * length].view(LANES, length) for first in (0, 1))
    state, each = None, []
    for window, wanted in zip(inputs.split(SLICE, dim=1), targets.split(SLICE, dim=1), strict=True):
        logits, state = model.run(window, state)
        each.append(F.cross_entropy(logits.transpose(1, 2), wanted, reduction="none"))
    return torch.cat(each, dim=1).flatten().double().numpy()


def steps(kind: str, width: int, batch_size: int, window: int) -> int:
    """How many steps the budget pays for."""
    per_character = GATES[kind] * width * (32 + width) + 80 * width
    return BUDGET // (batch_size * window * per_character)


def score(seed: int, **choice: Any) -> list[float]:
    """Bits per character, with their interval, after as many steps as the budget pays for."""
    sizes = {name: choice[name] for name in ("kind", "width", "batch_size", "window")}
    count = steps(**sizes)
    with one_core():
        model = seeded(seed, lambda: CharacterModel(choice["kind"], choice["width"]))
        config = TrainingConfig(steps=count, learning_rate=choice["learning_rate"], warmup_steps=count // 20, seed=seed)
        text = torch.from_numpy(characters("train"))
        batches = random_windows(text, batch_size=choice["batch_size"], context_length=choice["window"])
        train_whole(model, next_token_loss, batches, config)
        return bits(losses(model, characters("validation")[:60_000]))


def row(seed: int, **choice: Any) -> dict[str, Any]:
    """A choice, how many steps the budget pays for, and its bits per character."""
    sizes = {name: choice[name] for name in ("kind", "width", "batch_size", "window")}
    return {**choice, "seed": seed, "steps": steps(**sizes), "bits": score(seed, **choice)}


def rows() -> Iterator[dict[str, Any]]:
    """The usual choice and one change at a time, each with three seeds."""
    for change in CHANGES:
        for seed in SEEDS:
            yield row(seed, **CHOICE | change)
