"""The best learning rate as a GPT grows wider, in the standard parametrisation and in muP; and as its batch grows.

Each rate has three seeds. The rates go on by factors of 2 until both neighbours of the best mean are worse.
"""

from collections.abc import Iterator
from statistics import mean
from typing import Any

from experiments.rates import best_rate, searched
from experiments.scaling import draw_windows, held_out, loss_after, read
from experiments.widths import RULES, adamw_of, model_of

__all__ = ["CHARACTERS", "WIDTHS", "row", "rows"]

WIDTHS = (8, 16, 32, 64)
CHARACTERS, BATCH = 307_200, 8  # 600 steps
SEEDS = (0, 1, 2)
FIRST = {8: 0.04, 16: 0.02, 32: 0.02, 64: 0.01}  # width: where the search begins in the standard parametrisation
BATCH_WIDTH = 16
BATCHES = ((4, 153_600), (4, 307_200), (16, 307_200))  # 8 is in the grid


def row(
    part: str, d_model: int, learning_rate: float, seed: int, batch: int = BATCH, characters: int = CHARACTERS
) -> dict[str, Any]:
    """One run: its loss on held-out plays, in nats per character."""
    model = model_of(d_model, seed, RULES if part == "muP" else ())
    draw = draw_windows(read("plays", "train"), characters, batch, seed)
    scored = held_out("plays")
    own = {"batch_size": batch, "make_optimiser": adamw_of}
    loss = loss_after(model, draw, characters, learning_rate, seed, scored, **own)
    return {
        "part": part,
        "d_model": d_model,
        "batch": batch,
        "characters": characters,
        "learning_rate": learning_rate,
        "seed": seed,
        "loss": loss,
    }


def grid(rates: list[float], part: str, d_model: int, *more: int) -> tuple[list[dict[str, Any]], float]:
    """Runs at these rates, and beyond the first of them until both neighbours of the best are worse; and the best."""

    def made(rate: float) -> dict[str, Any]:
        runs = [row(part, d_model, rate, seed, *more) for seed in SEEDS]
        return {"learning_rate": rate, "runs": runs, "loss": [mean(run["loss"][0] for run in runs)]}

    found = {one["learning_rate"]: one for one in searched(made, rates[0], "loss")}
    for rate in rates[1:]:
        if rate not in found:
            found[rate] = made(rate)
    return [run for rate in sorted(found) for run in found[rate]["runs"]], best_rate(list(found.values()), "loss")


def rows() -> Iterator[dict[str, Any]]:
    """A short run; the grids of both parametrisations, which are one at the base width; then the batches."""
    yield row("standard", WIDTHS[0], 0.02, 0, characters=40_960)
    of_base = FIRST[WIDTHS[0]]
    for d_model in WIDTHS:
        runs, own = grid([FIRST[d_model], of_base], "standard", d_model)
        yield from runs
        of_base = own if d_model == WIDTHS[0] else of_base
    for d_model in WIDTHS[1:]:
        yield from grid([of_base], "muP", d_model)[0]
    for batch, characters in BATCHES:
        yield from grid([0.02], "batch", BATCH_WIDTH, batch, characters)[0]
