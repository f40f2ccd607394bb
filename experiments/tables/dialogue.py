"""Which of 20 turns comes next in a chat: BM25, and SmolLM2 as it is.

"per token" ranks turns by their mean log probability, "gain" by how much the turns before raise their log probability.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

from course_lib.metrics import bootstrap_interval
from course_lib.pretrained import load_smollm2
from experiments import talk
from experiments.shared import one_core, rounded

PARTS = ("row", "measured")
ASKED = {"chitchat": (["test"], 80), "chatterbot": (["train", "validation", "test"], 40)}  # splits; items
CONTEXTS = (("chitchat", talk.EARLIER), ("chitchat", 1), ("chatterbot", 1))  # turns that are read at most
COLUMNS = ("part", "system", "minus", "text", "earlier", "score", "first")


def rows() -> Iterator[dict[str, Any]]:
    """Each system; paired differences on the same items; what a row does not have is None."""
    for found in _rows():
        yield dict.fromkeys(COLUMNS) | found


def _rows() -> Iterator[dict[str, Any]]:
    for text, earlier in CONTEXTS:
        yield row("BM25", text, earlier, "words")
        for score in ("per token", "gain"):
            yield row("SmolLM2", text, earlier, score)
    for text, earlier in CONTEXTS:
        for other in (("BM25", earlier, "words"), ("SmolLM2", earlier, "per token")):
            yield difference(("SmolLM2", earlier, "gain"), other, text)
    yield difference(("SmolLM2", talk.EARLIER, "gain"), ("SmolLM2", 1, "gain"), "chitchat")


@cache
def asked(text: str) -> list[talk.Item]:
    """The items of a text."""
    splits, count = ASKED[text]
    return talk.items(text, splits, count)


def measured(text: str, earlier: int) -> dict[str, list[float]]:
    """By SmolLM2's two scores, the share of the first place that each item's true turn takes."""
    some = asked(text)
    with one_core():
        writer = load_smollm2()[0].bfloat16()
        with_turns, without = talk.nats(writer, some, earlier), talk.nats(writer, some, 0)
    return talk.ranked(some, with_turns, without)


def places(system: str, text: str, earlier: int, score: str) -> np.ndarray:
    """The share of the first place that each item's true turn takes."""
    if system == "BM25":
        return np.array(talk.shares(talk.by_words(asked(text), earlier)))
    return np.array(measured(text, earlier)[score])


def row(system: str, text: str, earlier: int, score: str) -> dict[str, Any]:
    """How often the true turn is first of 20."""
    settings = {"part": "systems", "system": system, "text": text, "earlier": earlier, "score": score}
    return settings | {"first": _mean(places(system, text, earlier, score))}


def difference(one: tuple[str, int, str], other: tuple[str, int, str], text: str) -> dict[str, Any]:
    """The paired difference of two rows on the same items; each is a system, its number of turns and its score."""
    ours, theirs = (places(system, text, earlier, score) for system, earlier, score in (one, other))
    stored = {"part": "differences", "system": one[0], "text": text, "earlier": one[1], "score": one[2]}
    return stored | {"minus": ", ".join(map(str, other)), "first": _mean(ours - theirs)}


def _mean(found: np.ndarray) -> list[float]:
    return rounded(bootstrap_interval(lambda x: x.mean(axis=-1), np.asarray(found, dtype=float)))
