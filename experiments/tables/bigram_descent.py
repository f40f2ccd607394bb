"""A softmax over pairs of letters after 60 steps of gradient descent: how far its loss stays above that of counting."""

import re
from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import Any

import torch
from torch import Tensor

from course_lib import data

SYMBOLS = " abcdefghijklmnopqrstuvwxyz"
STEPS = 60
RATES = (1.0, 3.0, 10.0, 30.0)
MOMENTA = (0.0, 0.5, 0.9)
STARTS = ("zeros", "letters")
STRETCHES = 3  # of 20,000 letters each, so that a choice is not made for one text


@cache
def tables() -> Tensor:
    """How often each letter (column) follows each letter (row), in each stretch of text."""
    words = re.findall("[a-z]+", data.shakespeare("train").lower())
    letters = " ".join(words)[: STRETCHES * 20_001]
    ids = torch.tensor([SYMBOLS.index(letter) for letter in letters]).reshape(STRETCHES, 20_001)
    pairs = 27 * ids[:, :-1] + ids[:, 1:]
    return torch.stack([torch.bincount(stretch, minlength=27 * 27) for stretch in pairs]).view(-1, 27, 27).double()


def loss(logits: Tensor, table: Tensor) -> float:
    """The mean cross-entropy of a stretch's pairs in nats."""
    return -(table * logits.log_softmax(dim=1)).sum().item() / table.sum().item()


def gap(table: Tensor, rate: float, momentum: float, start: str) -> float:
    """The loss after the steps, minus the loss of the counted table, in nats per letter."""
    logits = torch.zeros_like(table)
    if start == "letters":
        logits = (table.sum(dim=0) + 1).log().repeat(27, 1)
    velocity = torch.zeros_like(table)
    for _ in range(STEPS):
        expected = logits.softmax(dim=1) * table.sum(dim=1, keepdim=True)
        velocity = momentum * velocity + (expected - table) / table.sum()
        logits = logits - rate * velocity
    counted = (table / table.sum(dim=1, keepdim=True)).clamp(min=1e-30).log()
    return loss(logits, table) - loss(counted, table)


def gaps(rate: float, momentum: float, start: str) -> list[float]:
    """The gap on each stretch of text."""
    return [gap(table, rate, momentum, start) for table in tables()]


def row(rate: float, momentum: float, start: str) -> dict[str, Any]:
    """A choice, with the mean gap, the least and the largest."""
    found = gaps(rate, momentum, start)
    mean, low, high = sum(found) / STRETCHES, min(found), max(found)
    return {"rate": rate, "momentum": momentum, "start": start, "gap": [round(n, 4) for n in (mean, low, high)]}


def rows() -> Iterator[dict[str, Any]]:
    """Every rate with every momentum, from zeros and from the logarithms of the letters' counts."""
    for choice in product(RATES, MOMENTA, STARTS):
        yield row(*choice)
