"""Which of 20 turns comes next in a chat: SmolLM2 before and after a short tuning on other chats, with three seeds."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

from course_lib.pretrained import load_smollm2
from experiments import talk
from experiments.seeds import crossed
from experiments.shared import one_core

PARTS = ("row", "measured")
SEEDS = (0, 1, 2)
ASKED = 160  # chats of the test split, of each of which one turn is asked for
SCORES = ("per token", "gain")
COLUMNS = ("part", "system", "minus", "score", "first", "bits")


def rows() -> Iterator[dict[str, Any]]:
    """Each system, the mean over its seeds; paired differences on the same chats; what a row does not have is None."""
    for found in _rows():
        yield dict.fromkeys(COLUMNS) | found


def _rows() -> Iterator[dict[str, Any]]:
    yield row("BM25", "words")
    for system in ("untouched", "tuned"):
        for score in SCORES:
            yield row(system, score)
    for score in SCORES:
        yield difference("tuned", score, "untouched", score)
    for system in ("untouched", "tuned"):
        yield difference(system, "gain", "BM25", "words")


@cache
def asked() -> list[talk.Item]:
    """The turns that are asked for, with those before them."""
    return talk.items("chitchat", ["test"], ASKED)


def measured(system: str, seed: int = 0) -> dict[str, list[float]]:
    """By each score, the share of the first place that each true turn takes; and its bits per character."""
    some = asked()
    with one_core():
        writer = talk.tuned(seed) if system == "tuned" else load_smollm2()[0].bfloat16()
        after, alone = talk.nats(writer, some, talk.EARLIER), talk.nats(writer, some, 0)
    own = after[np.arange(len(some)), np.arange(len(some)) % talk.CANDIDATES]
    bits = own / np.log(2) / np.array([len(one.turn) + 1 for one in some])
    return talk.ranked(some, after, alone) | {"bits": bits.round(4).tolist()}


def values(system: str, score: str) -> dict[str, np.ndarray]:
    """What each turn scores (columns) with each seed (rows)."""
    if system == "BM25":
        return {"first": np.array([talk.shares(talk.by_words(asked(), talk.EARLIER))])}
    found = [measured(system, seed) for seed in (SEEDS if system == "tuned" else SEEDS[:1])]
    return {"first": np.array([one[score] for one in found]), "bits": np.array([one["bits"] for one in found])}


def row(system: str, score: str) -> dict[str, Any]:
    """How often the true turn is first of 20, and its bits per character."""
    stored = {"part": "systems", "system": system, "score": score}
    return stored | {name: crossed(found) for name, found in values(system, score).items()}


def difference(system: str, score: str, other: str, its_score: str) -> dict[str, Any]:
    """The paired difference of two systems on the same turns."""
    ours, theirs = values(system, score), values(other, its_score)
    stored = {"part": "differences", "system": system, "minus": other, "score": score}
    return stored | {name: crossed(ours[name] - theirs[name]) for name in ours if name in theirs}
