"""SmolLM2 asked which of 20 turns comes next in a chat: the true one or one of 19 from other chats."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Generator, nn

from course_lib import data
from course_lib.data.splits import digest
from course_lib.lora import add_lora
from course_lib.pretrained import chat_tokens, load_smollm2
from course_lib.retrieval import BM25
from course_lib.runtime import own_randomness
from experiments import speller
from experiments.branches import Branches, branched, common_beginning, scored

__all__ = [
    "CANDIDATES",
    "Item",
    "blocks",
    "by_words",
    "items",
    "length",
    "messages",
    "nats",
    "prompt",
    "ranked",
    "shares",
    "tuned",
]

SYSTEM = {"role": "system", "content": "Chat."}
CANDIDATES, EARLIER = 20, 3  # turns to choose from; earlier turns that are read at most
READ, LENGTHS = 60, range(3, 31)  # tokens of the earlier turns at most; tokens of a turn that is predicted
BATCH, STEPS, RATE = 8, 40, 2e-3  # items in a batch; steps; a guess: no other rate was tried


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


def batch_of(some: Sequence[Item]) -> Branches:
    """Each item's turn after the turns before it, in one row."""
    encode = speller.model()[1].encode
    prompts = [prompt(item.earlier) for item in some]
    shared = common_beginning(prompts)
    pairs = [(tokens[len(shared) :], encode(item.turn)) for tokens, item in zip(prompts, some, strict=True)]
    return branched(shared, pairs, speller.end_token())


def tuned(seed: int, steps: int = STEPS) -> nn.Module:
    """SmolLM2 after so many steps on items of chitchat's training conversations, all different."""
    pool = items("chitchat", ["train"], BATCH * steps * 3)
    drawn = torch.randperm(len(pool), generator=Generator().manual_seed(seed))[: BATCH * steps]
    batches = [batch_of([pool[place] for place in places.tolist()]) for places in drawn.split(BATCH)]
    writer = load_smollm2()[0].bfloat16()
    with own_randomness(seed):
        add_lora(writer, speller.ADAPTERS)
    speller.tune(writer, batches, RATE, seed, autocast=False)
    return writer


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


def ranked(some: Sequence[Item], after: np.ndarray, alone: np.ndarray) -> dict[str, list[float]]:
    """By two scores, the share of the first place that each item's true turn takes, from `nats` with and without turns.

    "per token" is the mean log probability, "gain" how much the turns before raise the log probability.
    """
    lengths = np.repeat([[length(one.turn) + 1 for one in block] for block in blocks(some)], CANDIDATES, axis=0)
    return {"per token": shares(-after / lengths), "gain": shares(alone - after)}


def shares(scores: np.ndarray) -> list[float]:
    """For each row, the share of the first place that its true turn takes: less than 1 where others have its score."""
    own = scores[np.arange(len(scores)), np.arange(len(scores)) % CANDIDATES]
    highest = scores.max(axis=1)
    return (((own == highest) / (scores == highest[:, None]).sum(axis=1)).round(4)).tolist()


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
