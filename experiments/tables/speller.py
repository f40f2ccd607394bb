"""SmolLM2 writes 1623's lines in modern spelling, untouched and with the adapters of data/checkpoints: one seed.

Beside it stand copying and the course's own Transformer, on the same lines of the test plays. Memory is measured in
processes of their own, which take two steps.
"""

import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

from course_lib.lora import load_lora
from course_lib.metrics import bootstrap_interval
from course_lib.pretrained import load_smollm2
from course_lib.translation import load_translator, translate
from experiments import speller
from experiments.checkpoints import smollm2_speller
from experiments.folio import lines
from experiments.shared import one_core, rounded

PARTS = ("row", "measured", "cost_row")
SYSTEMS = ("copying", "our Transformer", "untouched", "LoRA")
TEXTS = ("modern plays", "Wikipedia", "programs")
COSTS = ("trained weights", "optimiser's state, MB", "peak memory, MB", "seconds of a step")
COLUMNS = ("part", "system", "minus", "exact", "bits", *TEXTS, *COSTS)


def rows() -> Iterator[dict[str, Any]]:
    """What a step costs, figures of each system, paired differences; what a row does not have is None."""
    for found in _rows():
        yield dict.fromkeys(COLUMNS) | found


def _rows() -> Iterator[dict[str, Any]]:
    for system in ("all weights", "LoRA, weights in float32", "LoRA", "head"):
        yield cost_row(system)
    for system in SYSTEMS:
        yield row(system)
    for other in ("copying", "our Transformer", "untouched"):
        yield difference("LoRA", other)


def writer_of(system: str) -> Any:
    """SmolLM2 as the system has it, in bfloat16."""
    writer = load_smollm2()[0].bfloat16()
    if system == "LoRA":
        load_lora(smollm2_speller.FILE, writer)
    return writer


def measured(system: str) -> dict[str, Any]:
    """Which test lines are right, the nats of each, and bits per character of other texts."""
    wanted = [new for _, new in lines("test", speller.TESTED)]
    sources = [old for old, _ in lines("test", speller.TESTED)]
    with one_core():
        if system == "copying":
            return {"right": [int(one == other) for one, other in zip(sources, wanted, strict=True)]}
        if system == "our Transformer":
            found = translate(*load_translator(), sources)
            return {"right": [int(one == other) for one, other in zip(found, wanted, strict=True)]}
        writer = writer_of(system)
        right, nats = speller.exact(writer)
        texts = {name: speller.text_bits(writer, name) for name in TEXTS}
    return {"right": right, "nats": [round(one, 3) for one in nats], "texts": texts}


def row(system: str) -> dict[str, Any]:
    """Exact lines, bits per character of the right line, and how many bits the other texts have risen by."""
    found, stored = measured(system), {"part": "systems", "system": system}
    stored["exact"] = _mean(found["right"])
    if "nats" in found:
        before = measured("untouched")
        stored["bits"] = _mean(np.array(found["nats"]) / np.log(2) / characters())
        for name in TEXTS:
            stored[name] = _mean(np.subtract(found["texts"][name], before["texts"][name]))
    return stored


@cache
def characters() -> np.ndarray:
    """The length of each right line, its end counted as one."""
    return np.array([len(new) + 1 for _, new in lines("test", speller.TESTED)])


def difference(system: str, other: str) -> dict[str, Any]:
    """The paired difference of two systems on the same lines."""
    ours, theirs = measured(system), measured(other)
    stored = {"part": "differences", "system": system, "minus": other}
    stored["exact"] = _mean(np.subtract(ours["right"], theirs["right"]))
    if "nats" in theirs:
        stored["bits"] = _mean(np.subtract(ours["nats"], theirs["nats"]) / np.log(2) / characters())
        for name in TEXTS:
            stored[name] = _mean(np.subtract(ours["texts"][name], theirs["texts"][name]))
    return stored


def cost_row(system: str) -> dict[str, Any]:
    """Trained weights, MB of the optimiser's state and of the process at its peak, seconds of a step of 8 pairs."""
    command = [sys.executable, "-m", "experiments.speller", system]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    weights, peak, seconds = int(said[-3]), float(said[-2]), float(said[-1])
    values = weights, round(8 * weights / 1e6, 1), round(peak), round(seconds, 2)
    return {"part": "costs", "system": system} | dict(zip(COSTS, values, strict=True))


def _mean(values: Any) -> list[float]:
    return rounded(bootstrap_interval(lambda x: x.mean(axis=-1), np.asarray(values, dtype=float)))
