"""The best learning rate as a GPT grows wider, in the standard parametrisation and in muP; and as its batch grows.

Every run has a rate inside its grid: where the best rate is the first or the last, the grid goes on by a factor of 2.
"""

from collections.abc import Iterator
from typing import Any

from experiments.rates import best_rate, searched
from experiments.scaling import draw_windows, held_out, loss_after, read
from experiments.widths import BASE, RULES, adamw_of, model_of

__all__ = ["CHARACTERS", "RATES", "WIDTHS", "row", "rows"]

WIDTHS = (32, 64, 128, 256)
RATES = (0.0025, 0.005, 0.01, 0.02, 0.04)
CHARACTERS, BATCH = 204_800, 8  # 400 steps
SEEDS = (0, 1, 2)
BATCH_WIDTH = 64
BATCHES = ((4, 204_800), (16, 204_800), (32, 204_800), (8, 409_600), (16, 409_600))  # 8 stands in the grid


def row(
    part: str, d_model: int, learning_rate: float, seed: int, batch: int = BATCH, characters: int = CHARACTERS
) -> dict[str, Any]:
    """One run: its loss on held-out plays, in nats per character."""
    model = model_of(d_model, seed, RULES if part == "muP" else ())
    draw = draw_windows(read("plays", "train"), characters, batch, seed)
    loss = loss_after(
        model,
        draw,
        characters,
        learning_rate,
        seed,
        held_out("plays"),
        batch_size=batch,
        make_optimiser=adamw_of,
    )
    return {
        "part": part,
        "d_model": d_model,
        "batch": batch,
        "characters": characters,
        "learning_rate": learning_rate,
        "seed": seed,
        "loss": loss,
    }


def grid(part: str, d_model: int) -> list[dict[str, Any]]:
    """Runs at all rates, and beyond them until both neighbours of the best are worse."""
    tried = {rate: row(part, d_model, rate, 0) for rate in RATES}

    def made(rate: float) -> dict[str, Any]:
        if rate not in tried:
            tried[rate] = row(part, d_model, rate, 0)
        return tried[rate]

    searched(made, best_rate(list(tried.values()), "loss"), "loss")
    return [tried[rate] for rate in sorted(tried)]


def rows() -> Iterator[dict[str, Any]]:
    """A short run; the grids of both parametrisations, equal at the base width; more seeds; then the batches."""
    yield row("standard", 32, 0.02, 0, characters=40_960)
    for part in ("standard", "muP"):
        for d_model in WIDTHS if part == "standard" else WIDTHS[1:]:
            found = grid(part, d_model)
            yield from found
            own = best_rate(found, "loss")
            if d_model == BASE:
                of_base = own
            for rate in sorted({own, of_base}):
                yield from (row(part, d_model, rate, seed) for seed in SEEDS[1:])
    for batch, characters in BATCHES:

        def made(rate: float, seed: int = 0, batch: int = batch, characters: int = characters) -> dict[str, Any]:
            return row("batch", BATCH_WIDTH, rate, seed, batch, characters)

        found = searched(made, 0.01, "loss")
        yield from found
        yield from (made(best_rate(found, "loss"), seed) for seed in SEEDS[1:])
