"""Kneser-Ney on little text: the bits per character with estimated discounts and with one discount for all lengths.

Counted in the first 300,000 characters of the training works, scored on the first 60,000 of the validation plays.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from course_lib.ngrams import Grams, count_ngrams, kneser_ney
from experiments.shared import bits, characters

ORDERS = (4, 5, 6)
EQUAL = (0.3, 0.5, 0.7, 0.9)
TRAINING, HELD_OUT = 300_000, 60_000


@cache
def counted(order: int) -> list[Grams]:
    """The counts of all lengths up to an order."""
    return count_ngrams(characters("train")[:TRAINING], 80, order)


def score(discounts: Sequence[float] | None, order: int) -> list[float]:
    """Bits per character with these discounts, one for each length, or with estimated ones; with the interval."""
    model = kneser_ney(counted(order), discounts)
    return bits(-model.log_probabilities(characters("validation")[:HELD_OUT]))


def row(order: int, discount: float | None) -> dict[str, Any]:
    """An order with one discount for all lengths; None: estimated from the counts."""
    chosen = None if discount is None else [discount] * order
    return {"order": order, "discount": discount, "bits": score(chosen, order)}


def rows() -> Iterator[dict[str, Any]]:
    """Every order with every choice."""
    for order in ORDERS:
        for discount in (None, *EQUAL):
            yield row(order, discount)
