"""A small mixture of experts on plays, with and without the loss that balances them, and a dense model.

Each of the four experts is as large as the dense model's feed-forward, and a character goes to one of them, so that as
many parameters are active. A second dense model reads as many more characters as the mixture's time allows.
"""

import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.gpt import GPT, FeedForward
from course_lib.linear import Linear
from course_lib.losses import next_token_loss
from experiments.scaling import BATCH, draw_windows, held_out, loss_after, model_of, read
from experiments.shared import one_core

__all__ = ["Experts", "balance_loss", "mixture", "row", "rows"]

EXPERTS, BALANCE = 4, 0.01  # the weight of the balancing loss, as in Fedus et al. (2022)
D_MODEL, CHARACTERS, RATE = 32, 400_000, 0.01
SEEDS = (0, 1, 2)
PARTS = ("row", "time_ratio")


class Experts(nn.Module):
    """Switch routing (Fedus et al., 2022): each position goes to its likeliest expert, times that one's probability."""

    def __init__(self, d_model: int, d_ff: int, count: int) -> None:
        super().__init__()
        self.router = Linear(d_model, count, bias=False)
        self.experts = nn.ModuleList(FeedForward(d_model, d_ff) for _ in range(count))
        self.shares = self.probabilities = torch.zeros(count)

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(0, -2)
        probabilities = self.router(flat).softmax(dim=-1)
        best, chosen = probabilities.max(dim=-1)
        output = torch.zeros_like(flat)
        for number, expert in enumerate(self.experts):
            own = (chosen == number).nonzero()[:, 0]
            if len(own):
                output = output.index_copy(0, own, expert(flat[own][None])[0] * best[own, None])
        self.shares = torch.bincount(chosen, minlength=len(self.experts)) / len(chosen)
        self.probabilities = probabilities.mean(dim=0)
        return output.view_as(x)


def balance_loss(model: nn.Module) -> Tensor:
    """For each block, count x sum of shares x mean probabilities: 1 where all are equal; and the sum of these."""
    layers = [block.feed_forward for block in model.blocks]
    return torch.stack([len(one.shares) * (one.shares * one.probabilities).sum() for one in layers]).sum()


def mixture(seed: int, count: int = EXPERTS) -> GPT:
    """The dense model with experts in place of each feed-forward, with initial weights on the same scale."""
    model = model_of(D_MODEL, seed)
    generator = torch.Generator().manual_seed(seed)
    for block in model.blocks:
        dense = block.feed_forward
        block.feed_forward = layer = Experts(D_MODEL, 4 * D_MODEL, count)
        nn.init.normal_(layer.router.weight, std=0.02, generator=generator)
        for expert in layer.experts:
            for mine, its in ((expert.hidden, dense.hidden), (expert.output, dense.output)):
                nn.init.normal_(mine.weight, std=its.weight.std().item(), generator=generator)
                nn.init.zeros_(mine.bias)
    return model


def _loss(balanced: bool) -> Any:
    def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        value = next_token_loss(model, batch)
        return value + BALANCE * balance_loss(model) if balanced else value

    return loss


def time_ratio() -> float:
    """How many times as long a step of the mixture takes as one of the dense model: the median of turns."""
    draw, ratios = draw_windows(read("plays", "train"), CHARACTERS, BATCH, 0), []
    batch = draw(torch.Generator().manual_seed(0))
    with one_core():
        models = {"dense": model_of(D_MODEL, 0), "mixture": mixture(0)}
        for _ in range(9):
            seconds = {}
            for name, model in models.items():
                start = time.process_time()
                for _ in range(10):
                    next_token_loss(model, batch).backward()
                seconds[name] = time.process_time() - start
            ratios.append(seconds["mixture"] / seconds["dense"])
    return round(sorted(ratios)[len(ratios) // 2], 2)


def row(system: str, characters: int, seed: int) -> dict[str, Any]:
    """One run: its loss, and for each block the share of held-out characters that goes to each expert."""
    dense = system.startswith("dense")
    model = model_of(D_MODEL, seed) if dense else mixture(seed)
    draw = draw_windows(read("plays", "train"), characters, BATCH, seed)
    scored = held_out("plays")
    loss = next_token_loss if dense else _loss(system == "mixture, balanced")
    nats = loss_after(model, draw, characters, RATE, seed, scored, loss)
    shares = []
    if not dense:
        with torch.no_grad():
            model(scored[: len(scored) // 64 * 64].view(-1, 64))
        shares = [[round(share, 3) for share in block.feed_forward.shares.tolist()] for block in model.blocks]
    return {
        "system": system,
        "characters": characters,
        "seed": seed,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "loss": nats,
        "shares": shares,
    }


def rows() -> Iterator[dict[str, Any]]:
    """A short dense run; three seeds of the four systems."""
    yield row("dense", 40_960, 0)
    longer = int(CHARACTERS * time_ratio())
    for seed in SEEDS:
        yield row("dense", CHARACTERS, seed)
        yield row("mixture, balanced", CHARACTERS, seed)
        yield row("mixture, free", CHARACTERS, seed)
        yield row("dense, equal time", longer, seed)
