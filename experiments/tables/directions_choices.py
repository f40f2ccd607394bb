"""How often 60 steps of LoRA or fewer make the Shakespeare model obey, where it may forget no more than 0.2 bits.

Measured on the validation plays; the choices are the rank, the learning rate and the number of steps.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from course_lib.metrics import bootstrap_interval
from experiments import directions
from experiments.shared import one_core, rounded
from experiments.tables.instruction_tuning import training_rows

CHOICE: dict[str, float] = {"rank": 8, "learning_rate": 1e-2, "steps": 40}
MOST_FORGOTTEN, WRITTEN = 0.2, 50


def row(rank: int, learning_rate: float, steps: int) -> dict[str, Any]:
    """The share of obeyed directions, and the rise in bits per character of the validation plays."""
    with one_core():
        writer, _ = directions.prepared(f"LoRA, rank {rank}")
        if steps:
            directions.tune(writer, training_rows(), learning_rate, steps, 0)
        found = directions.written(writer, WRITTEN, 0)
        after = directions.text_bits(writer, "validation plays")
    before = directions.text_bits(directions.model()[0], "validation plays")
    stored = {"rank": rank, "learning_rate": learning_rate, "steps": steps}
    obeyed = [directions.obedience([one])["both"] for one in found]
    return stored | {"obeyed": _mean(obeyed), "forgotten": _mean(np.subtract(after, before))}


def rows() -> Iterator[dict[str, Any]]:
    """The model itself, the usual choice, and one or two changes of it."""
    yield row(8, 1e-2, 0)
    for change in (
        {},
        {"steps": 20},
        {"steps": 60},
        {"rank": 1},
        {"rank": 16},
        {"learning_rate": 3e-3},
        {"learning_rate": 3e-2},
        {"learning_rate": 3e-3, "steps": 60},
    ):
        yield row(**CHOICE | change)


def _mean(values: Any) -> list[float]:
    return rounded(bootstrap_interval(lambda x: x.mean(axis=-1), np.asarray(values, dtype=float)))
