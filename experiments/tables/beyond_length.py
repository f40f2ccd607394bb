"""Which token came three places ago? A head that was trained on 16 tokens, asked on 64, by its kind of positions.

Tokens are one of 16, at random, so that guessing gets 1/16. The model is one layer of causal attention with one head
between an embedding and an output.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from course_lib import positions
from course_lib.attention import MultiHeadAttention, causal_mask
from course_lib.metrics import bootstrap_interval
from experiments.shared import rounded, seeded

VOCABULARY, TRAINED_LENGTH, LENGTH, BACK = 16, 16, 64, 3
KINDS = ("none", "sinusoidal", "learned", "rotary")
SEEDS = (0, 1, 2)
STEPS, BATCH_SIZE, LEARNING_RATE = 300, 64, 0.01


class ThreeAgo(nn.Module):
    """An embedding, one head of causal attention that sees `window` tokens back (None: all), an output."""

    def __init__(self, kind: str, window: int | None, d_model: int) -> None:
        super().__init__()
        self.kind, self.window, self.embed = kind, window, nn.Embedding(VOCABULARY, d_model)
        self.table = nn.Parameter(0.02 * torch.randn(LENGTH, d_model)) if kind == "learned" else None
        self.attention = MultiHeadAttention(d_model, 1, rotary=kind == "rotary")
        self.output = nn.Linear(d_model, VOCABULARY)

    def forward(self, tokens: Tensor) -> Tensor:
        x, length = self.embed(tokens), tokens.shape[1]
        if self.kind == "sinusoidal":
            x = x + positions.sinusoidal(length, x.shape[-1])
        if self.table is not None:
            x = x + self.table[:length]
        mask = causal_mask(length)
        if self.window is not None:
            mask = mask & ~causal_mask(length).tril(-self.window)
        return self.output(self.attention(x, mask=mask))


@cache
def trained(kind: str, window: int | None, d_model: int, steps: int, seed: int) -> ThreeAgo:
    """The model after training on random texts of 16 tokens."""
    model, generator = seeded(seed, lambda: ThreeAgo(kind, window, d_model)), Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=LEARNING_RATE, total_steps=steps)
    for _ in range(steps):
        tokens = torch.randint(VOCABULARY, (BATCH_SIZE, TRAINED_LENGTH), generator=generator)
        logits = model(tokens)[:, BACK:]
        loss = F.cross_entropy(logits.flatten(0, 1), tokens[:, :-BACK].flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return model


@torch.no_grad()
def accuracy(model: ThreeAgo, first: int, last: int) -> list[float]:
    """The share of right answers at the positions from `first` to `last`, with its 95% interval over 400 texts."""
    texts = torch.randint(VOCABULARY, (400, LENGTH), generator=Generator().manual_seed(99))
    right = model(texts)[:, BACK:].argmax(dim=-1) == texts[:, :-BACK]
    of_text = right[:, first - BACK : last + 1 - BACK].double().mean(dim=1).numpy()
    return rounded(bootstrap_interval(lambda x: x.mean(axis=-1), of_text))


def row(kind: str, window: int | None = None, d_model: int = 32, steps: int = STEPS, seed: int = 0) -> dict[str, Any]:
    """One model's accuracy within the trained length, up to twice and up to four times of it."""
    model = trained(kind, window, d_model, steps, seed)
    spans = {"3 to 15": (3, 15), "16 to 31": (16, 31), "32 to 63": (32, 63)}
    scores = {name: accuracy(model, *span) for name, span in spans.items()}
    return {"kind": kind, "window": window, "d_model": d_model, "steps": steps, "seed": seed} | scores


def rows() -> Iterator[dict[str, Any]]:
    """Every kind of positions, three seeds each; and the best of them in half and in twice the width."""
    for kind in KINDS:
        for seed in SEEDS:
            yield row(kind, seed=seed)
    for d_model in (16, 64):
        for seed in SEEDS:
            yield row("rotary", d_model=d_model, seed=seed)
