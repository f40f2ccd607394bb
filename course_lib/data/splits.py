"""Fixed splits, and what keeps them apart: no held-out text occurs in training, nor one that differs by a word."""

import functools
import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

__all__ = ["SPLITS", "digest", "draw", "keep_apart", "variants", "without_repeats"]

SPLITS = ("train", "validation", "test")


def digest(key: str) -> int:
    """A number that depends on nothing but the text: fixed splits and orders are made from it."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big")


@functools.cache
def draw(key: str) -> str:
    """The split of a key: one in ten is "validation", one in ten "test", the rest "train".

    >>> [draw(word) for word in ("the", "of", "and", "to")]
    ['validation', 'train', 'train', 'test']
    """
    return {0: "validation", 1: "test"}.get(digest(key) % 10, "train")


def variants(text: str) -> set[str]:
    """The text in bare words, and from four words on with each word left out in turn.

    Two texts share a variant if they are the same, or differ by one word that was changed, added or dropped.

    >>> sorted(variants("Nay, answer me: stand!"))
    ['answer me stand', 'nay answer me', 'nay answer me stand', 'nay answer stand', 'nay me stand']
    """
    words = re.findall(r"[^\W_]+", text.lower().replace("'", ""))
    shorter = range(len(words) if len(words) >= 4 else 0)
    return {" ".join(words), *(" ".join(words[:left_out] + words[left_out + 1 :]) for left_out in shorter)}


def keep_apart(splits: dict[str, list], texts: Sequence[int] = (0,)) -> dict[str, list]:
    """The splits without validation rows that are near training rows, and test rows that are near either.

    A row is near another if one of its `texts` (by their positions in the row) shares a variant with the other's.
    """
    marked = defaultdict(list)
    for split in SPLITS[1:]:
        for position, row in enumerate(splits[split]):
            for mark in _marks(row, texts):
                marked[mark].append((split, position))
    near = {
        (held_out, position)
        for split in SPLITS
        for row in splits[split]
        for mark in _marks(row, texts)
        for held_out, position in marked.get(mark, ())
        if SPLITS.index(held_out) > SPLITS.index(split)
    }
    return {s: [row for position, row in enumerate(splits[s]) if (s, position) not in near] for s in SPLITS}


def _marks(row: tuple, texts: Sequence[int]) -> set[tuple[int, str]]:
    return {(place, variant) for place in texts for variant in variants(row[place])}


def without_repeats(texts: Iterable[str]) -> list[int]:
    """The positions of the texts that do not share a variant with an earlier one."""
    seen: set[str] = set()
    kept = []
    for position, text in enumerate(texts):
        marks = variants(text)
        if seen.isdisjoint(marks):
            kept.append(position)
        seen |= marks
    return kept
