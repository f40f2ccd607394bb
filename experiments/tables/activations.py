"""Which activation between the layers: Bengio's network with one, four and eight hidden layers, on Shakespeare.

Every weight begins with the variance 1 / fan-in, for ReLU, GELU and SiLU 2 / fan-in. Of three rates we keep that with
the lowest loss on the validation plays with the first seed; three seeds with this rate are scored on the test plays.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from course_lib.linear import Embedding
from course_lib.losses import next_token_loss, token_losses
from course_lib.training import TrainingConfig, random_rows
from experiments.shared import bits, seeded, train_whole
from experiments.tables.neural_language_model import pairs

ACTIVATIONS: dict[str, tuple[Callable[[Tensor], Tensor], float]] = {  # with the gain: variance = gain / fan-in
    "none": (lambda z: z, 1.0),
    "sigmoid": (torch.sigmoid, 1.0),
    "tanh": (torch.tanh, 1.0),
    "ReLU": (torch.relu, 2.0),
    "GELU": (nn.functional.gelu, 2.0),
    "SiLU": (nn.functional.silu, 2.0),
}
DEPTHS = (1, 4, 8)
RATES = (0.001, 0.003, 0.01)
SEEDS = (0, 1, 2)
CONTEXT, EMBEDDING, WIDTH, BATCH_SIZE, STEPS = 8, 16, 128, 128, 1_000
EVERY = 10  # of the held-out contexts, every tenth is scored


class Deep(nn.Module):
    """The network with several hidden layers of one width, all with one activation."""

    def __init__(self, activation: str, depth: int) -> None:
        super().__init__()
        self.activation, gain = ACTIVATIONS[activation]
        widths = [CONTEXT * EMBEDDING] + [WIDTH] * depth
        self.embed = Embedding(80, EMBEDDING)
        self.layers = nn.ModuleList(nn.Linear(n, WIDTH) for n in widths[:-1])
        self.output = nn.Linear(WIDTH, 80)
        for layer in [*self.layers, self.output]:
            nn.init.zeros_(layer.bias)
            nn.init.normal_(layer.weight, std=((1.0 if layer is self.output else gain) / layer.in_features) ** 0.5)

    def forward(self, contexts: Int[Tensor, "*B T"]) -> Float[Tensor, "*B V"]:
        """The logits of what follows each context."""
        h = self.embed(contexts).flatten(-2)
        for layer in self.layers:
            h = self.activation(layer(h))
        return self.output(h)


def scored(model: nn.Module, split: str) -> list[float]:
    """Bits per character over every tenth context of a split."""
    contexts, targets = pairs(split, CONTEXT)
    return bits(token_losses(model, contexts[::EVERY], targets[::EVERY], batch_size=8192).double().numpy())


@cache
def trained(activation: str, depth: int, rate: float, seed: int) -> nn.Module:
    """A network after training; equal seeds read equal batches."""
    model = seeded(seed, lambda: Deep(activation, depth))
    config = TrainingConfig(steps=STEPS, learning_rate=rate, warmup_steps=STEPS // 20, seed=seed)
    batches = random_rows(*pairs("train", CONTEXT), batch_size=BATCH_SIZE)
    train_whole(model, next_token_loss, batches, config)
    return model


def validated(activation: str, depth: int, rate: float) -> float:
    """Bits per character on the validation plays, with the first seed."""
    return scored(trained(activation, depth, rate, SEEDS[0]), "validation")[0]


def row(activation: str, depth: int, rate: float, seed: int) -> dict[str, Any]:
    """A network's bits per character on the test plays."""
    settings = {"activation": activation, "depth": depth, "rate": rate, "seed": seed}
    return settings | {"test": scored(trained(activation, depth, rate, seed), "test")}


PARTS = ("row", "validated")


def rows() -> Iterator[dict[str, Any]]:
    """For each activation and depth the best rate, with three seeds, and what the other rates gave on validation."""
    for depth in DEPTHS:
        for activation in ACTIVATIONS:
            tried = {rate: validated(activation, depth, rate) for rate in RATES}
            best = min(tried, key=lambda rate: tried[rate])
            for seed in SEEDS:
                yield row(activation, depth, best, seed) | {"validation": {f"{r:g}": tried[r] for r in RATES}}
