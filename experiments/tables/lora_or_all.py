"""SmolLM2 after a short tuning on 1623's spelling: LoRA against all weights, with three seeds each.

Both systems see the same pairs in the same order. Of a run with so few steps, the likelihood of the modern lines says
more than how many of them are written exactly.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from course_lib.metrics import bootstrap_interval
from course_lib.pretrained import load_smollm2
from experiments import speller
from experiments.folio import lines
from experiments.seeds import crossed
from experiments.shared import one_core, rounded

PARTS = ("row", "before", "measured")
SYSTEMS, SEEDS = ("LoRA", "all weights"), (0, 1, 2)
STEPS, TESTED, UNTOUCHED = 40, 2000, 400  # steps of 8 pairs; test lines, evenly spread, for all but the untouched model
# Bits on 128 validation lines after 40 steps with seed 3: 0.3538, 0.3415, 0.3423 with 0.003, 0.004, 0.008 (LoRA), and
# 0.3416, 0.3376, 0.3433 with 0.0001, 0.0002, 0.0004 (all weights).
RATES = {"LoRA": 4e-3, "all weights": 2e-4}
TEXTS = ("modern plays", "Wikipedia", "programs")
COLUMNS = ("part", "system", "minus", "seed", "bits", *TEXTS, "trained weights", "optimiser's state, MB")


def rows() -> Iterator[dict[str, Any]]:
    """The untouched model, each run, LoRA minus all weights; what a row does not have is None."""
    for found in _rows():
        yield dict.fromkeys(COLUMNS) | found


def _rows() -> Iterator[dict[str, Any]]:
    yield before()
    yield row("untouched")
    for system in SYSTEMS:
        for seed in SEEDS:
            yield row(system, seed)
    for seed in SEEDS:
        yield difference([seed])
    yield difference(SEEDS)


def before() -> dict[str, Any]:
    """Bits per character of the three texts before any tuning."""
    with one_core():
        writer = load_smollm2()[0].bfloat16()
        texts = {name: _mean(speller.text_bits(writer, name)) for name in TEXTS}
    return {"part": "texts before", "system": "untouched"} | texts


def measured(system: str, seed: int | None = None) -> dict[str, Any]:
    """Bits per character of each test line, of the windows of each text; and the number of trained weights."""
    if system == "untouched":
        writer, trained = load_smollm2()[0].bfloat16(), 0
    else:
        writer = speller.tuned(system, STEPS, seed or 0, RATES[system])[0]
        trained = sum(weight.numel() for weight in writer.parameters() if weight.requires_grad)
    with one_core():
        count = UNTOUCHED if system == "untouched" else TESTED
        nats = speller.exact(writer, "test", count)[1]
        texts = {name: speller.text_bits(writer, name) for name in TEXTS}
    bits = np.array(nats) / np.log(2) / characters(count)
    return {"bits": bits.round(4).tolist(), "texts": texts, "trained": trained}


def characters(count: int) -> np.ndarray:
    """The length of each of so many modern lines, its end counted as one."""
    return np.array([len(new) + 1 for _, new in lines("test", count)])


def row(system: str, seed: int | None = None) -> dict[str, Any]:
    """Bits per character of the modern lines, and how many bits the other texts have risen by."""
    found = measured(system, seed)
    stored = {"part": "systems", "system": system, "seed": seed, "bits": _mean(found["bits"])}
    stored |= {name: _mean(np.array(values)) for name, values in _rises(system, seed).items()}
    return stored | {
        "trained weights": found["trained"],
        "optimiser's state, MB": round(8 * found["trained"] / 1e6, 1),
    }


def _rises(system: str, seed: int | None) -> dict[str, np.ndarray]:
    texts, untouched = measured(system, seed)["texts"], measured("untouched")["texts"]
    return {name: np.subtract(texts[name], untouched[name]) for name in TEXTS}


def difference(seeds: list[int] | tuple[int, ...]) -> dict[str, Any]:
    """LoRA minus all weights on the same lines and windows; of several seeds, these are drawn anew with the lines."""
    ours, theirs = ([measured(system, seed) for seed in seeds] for system in SYSTEMS)
    pairs = list(zip(ours, theirs, strict=True))
    stored = {"part": "differences", "system": SYSTEMS[0], "minus": SYSTEMS[1]}
    stored["seed"] = seeds[0] if len(seeds) == 1 else None
    stored["bits"] = crossed([np.subtract(one["bits"], other["bits"]) for one, other in pairs])
    for name in TEXTS:
        stored[name] = crossed([np.subtract(a["texts"][name], b["texts"][name]) for a, b in pairs])
    return stored


def _mean(values: Any) -> list[float]:
    return rounded(bootstrap_interval(lambda x: x.mean(axis=-1), np.asarray(values, dtype=float)))
