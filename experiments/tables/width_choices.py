"""How low the loss gets for 2 · 10¹⁰ operations: the choices are the width, the batch and the learning rate."""

from collections.abc import Iterator
from typing import Any

from experiments.scaling import CONTEXT, draw_windows, held_out, loss_after, parameters, read
from experiments.widths import adamw_of, model_of

__all__ = ["BATCHES", "CHOICE", "WIDTHS", "characters", "row", "rows"]

CHOICE: dict[str, float] = {"d_model": 32, "batch": 16, "learning_rate": 0.01}
OPERATIONS = 2e10
WIDTHS, BATCHES = (16, 32, 64), (4, 8, 16, 32)
SEED, SCORED = 0, 20_001


def characters(d_model: int) -> int:
    """How many characters a model of this width reads for the operations: 6 N D."""
    return int(OPERATIONS / (6 * parameters(d_model)))


def row(d_model: int, batch: int, learning_rate: float) -> dict[str, Any]:
    """One run, and its loss on held-out plays in nats per character."""
    text = read("plays", "train")
    steps = characters(d_model) // (batch * CONTEXT)
    count = steps * batch * CONTEXT
    draw = draw_windows(text, count, batch, SEED)
    scored = held_out("plays")[:SCORED]
    own = {"batch_size": batch, "make_optimiser": adamw_of}
    loss = loss_after(model_of(d_model, SEED), draw, count, learning_rate, SEED, scored, **own)
    return {"d_model": d_model, "batch": batch, "learning_rate": learning_rate, "steps": steps, "loss": loss}


def rows() -> Iterator[dict[str, Any]]:
    """The usual choice, and others that change one thing or two."""
    for change in (
        {},
        {"d_model": 64},
        {"d_model": 16},
        {"batch": 8},
        {"batch": 32},
        {"learning_rate": 0.02},
        {"learning_rate": 0.005},
        {"batch": 32, "learning_rate": 0.02},
        {"d_model": 64, "learning_rate": 0.02},
        {"d_model": 16, "learning_rate": 0.02},
    ):
        yield row(**CHOICE | change)
