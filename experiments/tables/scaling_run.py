"""The run that `scaling_forecast` speaks of, made after the forecast was committed, and a short run of its size."""

from collections.abc import Iterator
from typing import Any

from course_lib import files
from experiments.scaling import BATCH, draw_windows, held_out, loss_after, model_of, parameters, read
from experiments.tables.scaling_forecast import LARGE

__all__ = ["row", "rows"]

SHORT = 40_960  # characters


def row(characters: int, seed: int = 0) -> dict[str, Any]:
    """A run of the large model at the learning rate that the forecast names."""
    [rate] = {one["learning rate"] for one in files.load_results("scaling_forecast")["rows"]}
    d_model = LARGE["d_model"]
    draw = draw_windows(read("plays", "train"), characters, BATCH, seed)
    loss = loss_after(model_of(d_model, seed), draw, characters, rate, seed, held_out("plays"))
    return {
        "d_model": d_model,
        "parameters": parameters(d_model),
        "characters": characters,
        "learning rate": rate,
        "seed": seed,
        "loss": loss,
    }


def rows() -> Iterator[dict[str, Any]]:
    """The short run, then the whole one."""
    yield row(SHORT)
    yield row(LARGE["characters"])
