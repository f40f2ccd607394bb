"""SmolLM2 asked which of 20 turns comes next in a chat: the true one or one of 19 from other chats."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from torch import nn

from course_lib import data
from course_lib.data.splits import digest
from course_lib.pretrained import chat_tokens
from course_lib.retrieval import BM25
from experiments import speller
from experiments.branches import branched, scored

__all__ = ["CANDIDATES", "Item", "blocks", "by_words", "items", "length", "messages", "nats", "prompt"]

SYSTEM = {"role": "system", "content": "Chat."}
CANDIDATES, EARLIER = 20, 3  # turns to choose from; earlier turns that are read at most
READ, LENGTHS = 60, range(3, 31)  # tokens of the earlier turns at most; tokens of a turn that is predicted


class Item(NamedTuple):
    """The turns before, the oldest first, and the turn that came next."""

    earlier: tuple[str, ...]
    turn: str


def items(name: str, splits: Sequence[str], count: int) -> list[Item]:
    """A turn of each of so many conversations, with those before it; chitchat's is the fourth or a later one."""
    found = []
    for split in splits:
        for turns in data.conversations(name)[split]:
            fits = [place for place in range(1 if name == "chatterbot" else 3, len(turns)) if _fits(turns, place)]
            if fits and len(found) < count:
                place = fits[digest(turns[0] + turns[-1]) % len(fits)]
                found.append(Item(turns[max(place - EARLIER, 0) : place], turns[place]))
    return found


def _fits(turns: Sequence[str], place: int) -> bool:
    read = sum(length(turn) for turn in turns[max(place - EARLIER, 0) : place])
    return length(turns[place]) in LENGTHS and read <= READ


@cache
def length(turn: str) -> int:
    """The number of a turn's tokens."""
    return len(speller.model()[1].encode(turn))


def messages(earlier: Sequence[str]) -> list[dict[str, str]]:
    """Turns as a chat: the last one is the user's, and the model's own alternate with these."""
    roles = ["user" if (len(earlier) - place) % 2 else "assistant" for place in range(len(earlier))]
    return [SYSTEM, *({"role": role, "content": turn} for role, turn in zip(roles, earlier, strict=True))]


def prompt(earlier: Sequence[str]) -> list[int]:
    """The tokens of such a chat, up to the header of the model's turn."""
    return chat_tokens(speller.model()[1], messages(earlier))


def blocks(some: Sequence[Item]) -> Iterator[list[Item]]:
    """Groups of items, of each of which every true turn is a candidate for all."""
    for start in range(0, len(some) - CANDIDATES + 1, CANDIDATES):
        yield list(some[start : start + CANDIDATES])


def nats(writer: nn.Module, some: Sequence[Item], earlier: int) -> np.ndarray:
    """-ln p of each candidate (columns) after the last so many turns of each item (rows), block by block."""
    encode, found = speller.model()[1].encode, []
    for block in blocks(some):
        candidates = [([], encode(item.turn)) for item in block]
        for item in block:
            turns = item.earlier[len(item.earlier) - earlier :] if earlier < len(item.earlier) else item.earlier
            found.append(scored(writer, branched(prompt(turns), candidates, speller.end_token()))[0])
            if not earlier:  # nothing before: the same for all of the block
                found += [found[-1]] * (len(block) - 1)
                break
    return np.array(found)


def by_words(some: Sequence[Item], earlier: int) -> np.ndarray:
    """BM25's score of each candidate for the last so many turns as a query; rare are words of few of all candidates."""
    index, found = BM25(), []
    index.add({str(place): item.turn for place, item in enumerate(some)})
    for start, block in zip(range(0, len(some), CANDIDATES), blocks(some), strict=False):
        for item in block:
            [hits] = index.search([" ".join(item.earlier[-earlier:])], k=len(some))
            scores = {int(name): score for name, score in hits}
            found.append([scores.get(start + place, 0.0) for place in range(CANDIDATES)])
    return np.array(found)
