"""What tuning gives and costs: the Shakespeare model learns to follow directions, in several ways, with three seeds.

Rates were looked at on the validation plays, with seed 0: for all weights and for LoRA, the lower of two has the fewer
bits on given lines, and the higher one obeys more often. Results are of all lines of the
test plays that fit a direction and occur in no earlier play, and of lines that the model writes.
"""

import time
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.metrics import bootstrap_interval
from experiments import directions
from experiments.shared import one_core, rounded

Rows = tuple[Tensor, Tensor]

PARTS = ("row", "measured")
STEPS, SEEDS, WRITTEN = 120, (0, 1, 2), 100
RATES = {
    "all weights": (3e-4, 1e-3),
    "LoRA, rank 8": (3e-3, 1e-2),
    "LoRA, rank 1": (1e-2,),
    "head": (3e-3,),
    "loss on prompts too": (1e-3,),
    "no end token learned": (1e-3,),
}
CHANGES = ("loss on prompts too", "no end token learned")
TEXTS = ("plays", "spelling of 1623", "Wikipedia")
COLUMNS = (
    *("part", "system", "rate", "seed", "minus", "its rate", "trained weights", "seconds"),
    *("bits", "form", "length", "both", "ended", "other template"),
    *TEXTS,
)
OTHER_TEMPLATE = "\n\nA {length} {form}:\n"


def rows() -> Iterator[dict[str, Any]]:
    """The systems, what goes wrong, and paired differences; what a row does not have is None."""
    for found in _rows():
        yield dict.fromkeys(COLUMNS) | found


def _rows() -> Iterator[dict[str, Any]]:
    yield row("untouched", 0, 0)
    for system, rates in RATES.items():
        for rate in rates:
            for seed in SEEDS:
                yield row(system, rate, seed)
    yield difference(("LoRA, rank 8", 3e-3), ("all weights", 3e-4))
    yield difference(("LoRA, rank 8", 1e-2), ("all weights", 1e-3))
    for system in ("LoRA, rank 1", "head"):
        yield difference((system, RATES[system][0]), ("all weights", 1e-3))
    for system in CHANGES:
        yield difference((system, 1e-3), ("all weights", 1e-3))


@cache
def training_rows() -> Rows:
    """The training lines after their directions."""
    return directions.rows_of(directions.examples("train"))


def tuned(system: str, rate: float | int, seed: int) -> tuple[Any, int, float]:
    """A tuned model, its trained weights, and the seconds of processor time."""
    if system == "untouched":
        return directions.model()[0], 0, 0.0
    rows = training_rows()
    if system in CHANGES:
        rows = _with_prompts(rows) if system == CHANGES[0] else _without_end(rows)
    start = time.process_time()
    writer, trained = directions.prepared("all weights" if system in CHANGES else system, seed)
    directions.tune(writer, rows, rate, STEPS, seed)
    return writer, trained, time.process_time() - start


def measured(system: str, rate: float | int, seed: int) -> dict[str, Any]:
    """Bits of each test line and of each window of the other texts; what was written; what it cost."""
    with one_core():
        writer, trained, seconds = tuned(system, rate, seed)
        lines = directions.written(writer, WRITTEN, seed)
        others = directions.written(writer, WRITTEN // 2, seed, OTHER_TEMPLATE)
        return {
            "trained weights": trained,
            "seconds": round(seconds, 1),
            "bits": [round(one, 4) for one in directions.bits(writer, directions.examples("test"))],
            "written": directions.obedience(lines),
            "other template": directions.obedience(others)["both"],
            "texts": {text: [round(one, 4) for one in directions.text_bits(writer, text)] for text in TEXTS},
        }


def row(system: str, rate: float | int, seed: int) -> dict[str, Any]:
    """A system's figures; a text's is the change from the untouched model, in bits per character."""
    found, before = measured(system, rate, seed), measured("untouched", 0, 0)
    stored = {"part": "systems", "system": system, "rate": rate, "seed": seed}
    stored |= {name: found[name] for name in ("trained weights", "seconds")}
    stored |= {"bits": _mean(found["bits"])} | {name: round(share, 4) for name, share in found["written"].items()}
    stored["other template"] = round(found["other template"], 4)
    for text in TEXTS:
        stored[text] = _mean(np.subtract(found["texts"][text], before["texts"][text]))
    return stored


def difference(one: tuple[str, float | int], other: tuple[str, float | int]) -> dict[str, Any]:
    """The paired difference of bits on the same lines and of the other texts' windows; each a mean over the seeds."""
    ours, theirs = ([measured(*which, seed) for seed in SEEDS] for which in (one, other))
    stored = {"part": "differences", "system": one[0], "rate": one[1], "minus": other[0], "its rate": other[1]}
    for name in ("bits", *TEXTS):
        values = []
        for some in (ours, theirs):
            values.append(np.mean([found[name] if name == "bits" else found["texts"][name] for found in some], axis=0))
        stored[name] = _mean(values[0] - values[1])
    return stored


def _with_prompts(rows: Rows) -> Rows:
    """The same rows with a loss on every token of prompt and answer but the first."""
    tokens, counted = rows
    last = counted.shape[1] - 1 - counted.flip(1).int().argmax(dim=1)  # where the end token is
    everything = torch.arange(counted.shape[1]) <= last[:, None]
    everything[:, 0] = False
    return tokens, everything


def _without_end(rows: Rows) -> Rows:
    """The same rows without a loss on the end token."""
    tokens, counted = rows
    return tokens, counted & (tokens != directions.END)


def _mean(values: Any) -> list[float]:
    return rounded(bootstrap_interval(lambda x: x.mean(axis=-1), np.asarray(values, dtype=float)))
