"""Which of 20 turns comes next in a chat: BM25, and SmolLM2 untouched and tuned on other chats, with three seeds.

"per token" ranks turns by their mean log probability, "gain" by how much the turns before raise their log probability.
Nothing was tuned on chatterbot, nor on the test conversations of chitchat.
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
SEEDS = (0, 1, 2)
ASKED = {"chitchat": (["test"], 80), "chatterbot": (["train", "validation", "test"], 40)}  # splits; items
CONTEXTS = (("chitchat", talk.EARLIER), ("chatterbot", 1))  # turns that are read at most
COLUMNS = ("part", "system", "minus", "text", "earlier", "score", "first", "bits")


def rows() -> Iterator[dict[str, Any]]:
    """Each system, the mean over its seeds; paired differences on the same items; what a row does not have is None."""
    for found in _rows():
        yield dict.fromkeys(COLUMNS) | found


def _rows() -> Iterator[dict[str, Any]]:
    for text, earlier in CONTEXTS:
        yield row("BM25", text, earlier, "words")
        for system in ("untouched", "tuned"):
            for score in ("per token", "gain"):
                yield row(system, text, earlier, score)
    for text, earlier in CONTEXTS:
        yield difference(("tuned", earlier, "gain"), ("untouched", earlier, "gain"), text)
        for system in ("untouched", "tuned"):
            yield difference((system, earlier, "gain"), ("BM25", earlier, "words"), text)
            yield difference((system, earlier, "gain"), (system, earlier, "per token"), text)


@cache
def asked(text: str) -> list[talk.Item]:
    """The items of a text."""
    splits, count = ASKED[text]
    return talk.items(text, splits, count)


def measured(system: str, seed: int) -> dict[str, Any]:
    """For each text and context: the share of the first place that each item's true turn takes, by score; its bits."""
    found = {}
    with one_core():
        writer = talk.tuned(seed) if system == "tuned" else load_smollm2()[0].bfloat16()
        for text, earlier in CONTEXTS:
            some = asked(text)
            with_turns, without = talk.nats(writer, some, earlier), talk.nats(writer, some, 0)
            lengths = np.repeat(
                [[talk.length(one.turn) + 1 for one in block] for block in talk.blocks(some)], 20, axis=0
            )
            own = with_turns[np.arange(len(some)), np.arange(len(some)) % talk.CANDIDATES]
            characters = np.array([len(one.turn) + 1 for one in some])
            found[f"{text} {earlier}"] = {
                "per token": _first(-with_turns / lengths),
                "gain": _first(without - with_turns),
                "bits": np.round(own / np.log(2) / characters, 4).tolist(),
            }
    return found


def _first(scores: np.ndarray) -> list[float]:
    """For each row, the share of the first place that its true turn takes: less than 1 where others have its score."""
    own = scores[np.arange(len(scores)), np.arange(len(scores)) % talk.CANDIDATES]
    highest = scores.max(axis=1)
    return (((own == highest) / (scores == highest[:, None]).sum(axis=1)).round(4)).tolist()


def values(system: str, text: str, earlier: int, score: str) -> dict[str, np.ndarray]:
    """What each item scores, the mean over the seeds."""
    if system == "BM25":
        return {"first": np.array(_first(talk.by_words(asked(text), earlier)))}
    seeds = SEEDS if system == "tuned" else SEEDS[:1]
    found = [measured(system, seed)[f"{text} {earlier}"] for seed in seeds]
    return {
        "first": np.mean([one[score] for one in found], axis=0),
        "bits": np.mean([o["bits"] for o in found], axis=0),
    }


def row(system: str, text: str, earlier: int, score: str) -> dict[str, Any]:
    """How often the true turn is first of 20, and its bits per character."""
    settings = {"part": "systems", "system": system, "text": text, "earlier": earlier, "score": score}
    return settings | {name: _mean(found) for name, found in values(system, text, earlier, score).items()}


def difference(one: tuple[str, int, str], other: tuple[str, int, str], text: str) -> dict[str, Any]:
    """The paired difference of two rows on the same items; each is a system, its number of turns and its score."""
    ours, theirs = (values(system, text, earlier, score) for system, earlier, score in (one, other))
    stored = {"part": "differences", "system": one[0], "text": text, "earlier": one[1], "score": one[2]}
    stored["minus"] = ", ".join(map(str, other))
    return stored | {name: _mean(ours[name] - theirs[name]) for name in ours if name in theirs}


def _mean(found: np.ndarray) -> list[float]:
    return rounded(bootstrap_interval(lambda x: x.mean(axis=-1), np.asarray(found, dtype=float)))
