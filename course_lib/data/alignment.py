"""Monotone alignment of two spellings of one text, word by word.

Runs of words that occur once in either text are anchors, of which the longest rising chain is kept; what lies between
two anchors is aligned by dynamic programming over words, where two words may also stand for one ("my selfe", "myself").
"""

import functools
import re
from bisect import bisect_left
from collections import Counter

__all__ = ["ALIKE", "align", "spelling"]

ALIKE, _MERGED = 0.4, 0.8  # least likeness of two words, and of two words to one
_SMALL, _LARGEST = 100, 10_000  # cells of a table: up to these it is made at once; larger ones are left out

Block = tuple[int, int, int, int]  # words start to end of the one text, start to end of the other
Match = tuple[Block, float]  # with the likeness, from 0 to 1


@functools.cache
def spelling(word: str) -> str:
    """A word as both centuries would spell it: one letter for u and v, i, j and y; "ay" as "I"; no doubles, no final e.

    >>> spelling("Vnkinde") == spelling("unkind"), spelling("Ioyes") == spelling("joys")
    (True, False)
    """
    letters = re.sub(r"[^a-z]", "", word.lower().replace("&", "and").replace("æ", "ae").replace("vv", "w"))
    letters = "i" if letters in ("ay", "aye") else letters.translate(str.maketrans("vjy", "uii"))
    return re.sub(r"(?<=..)e$|(?<=..)ie$", "", re.sub(r"(.)\1", r"\1", letters))


@functools.cache
def _likeness(one: str, other: str) -> float:
    """How alike two spellings are, from 0 to 1: the share of their pairs of letters that both have."""
    pairs, others = (set(zip("^" + word, word + "$", strict=True)) for word in (one, other))
    return 2 * len(pairs & others) / (len(pairs) + len(others))


@functools.cache
def _bones(word: str) -> str:
    return word[:1] + re.sub("[aeiouw]", "", word[1:])


def align(one: list[str], other: list[str]) -> list[Match]:
    """The blocks of words (spellings) that stand for one another, in rising order, each with its likeness.

    A block has one word on either side, or two on one. Words without a counterpart are in no block.
    """
    return _between((0, len(one), 0, len(other)), one, other, 3)


def _between(block: Block, one: list[str], other: list[str], run: int) -> list[Match]:
    """The matches in a block: equal words at its start, anchors of `run` words or fewer, what lies between."""
    i, end, j, other_end = block
    found = []
    while i < end and j < other_end and one[i] == other[j]:
        found.append(((i, i + 1, j, j + 1), 1.0))
        i, j = i + 1, j + 1
    rest = i, end, j, other_end
    if run == 0 or (run < 3 and (end - i) * (other_end - j) <= _SMALL):
        return found + _table(rest, one, other)
    for first, second in [*_anchors(rest, one, other, run), (end, other_end)]:
        if i < first and j < second:
            found += _between((i, first, j, second), one, other, run - 1)
        if first < end:
            found.append(((first, first + 1, second, second + 1), 1.0))
            i, j = first + 1, second + 1
    return found


def _anchors(block: Block, one: list[str], other: list[str], run: int) -> list[tuple[int, int]]:
    """The longest rising chain of places where a run of words occurs that is in either text once."""
    start, end, other_start, other_end = block
    places = _once(one, start, end, run)
    others = _once(other, other_start, other_end, run)
    best: list[int] = []  # the smallest place in the other text that ends a chain of each length
    chain: list[tuple[int, int, tuple | None]] = []
    for words, place in places.items():
        if words in others:
            length = bisect_left(best, others[words])
            link = (place, others[words], chain[length - 1] if length else None)
            best[length : length + 1] = [others[words]]
            chain[length : length + 1] = [link]
    found, last = [], chain[-1] if chain else None
    while last:
        found.append(last[:2])
        last = last[2]
    return found[::-1]


def _once(words: list[str], start: int, end: int, run: int) -> dict[tuple[str, ...], int]:
    runs = [tuple(words[place : place + run]) for place in range(start, end - run + 1)]
    counts = Counter(runs)
    return {found: start + place for place, found in enumerate(runs) if counts[found] == 1}


def _table(block: Block, one: list[str], other: list[str]) -> list[Match]:
    """The best path through the table of all words against all words; words that are hardly alike are left out."""
    start, end, other_start, other_end = block
    a, b = one[start:end], other[other_start:other_end]
    if not 0 < len(a) * len(b) <= _LARGEST:
        return []
    score = [[0.0] * (len(b) + 1) for _ in range(len(a) + 1)]  # the best sum of likenesses from here to the end
    step = {}
    for i in range(len(a) - 1, -1, -1):
        for j in range(len(b) - 1, -1, -1):
            moves = [(score[i + 1][j], 1, 0, 0.0), (score[i][j + 1], 0, 1, 0.0)]
            for di, dj in ((1, 1), (2, 1), (1, 2)):
                if i + di <= len(a) and j + dj <= len(b):
                    same = di == dj and _bones(a[i]) == _bones(b[j])
                    like = 1.0 if same else _likeness("".join(a[i : i + di]), "".join(b[j : j + dj]))
                    if di == dj or like >= _MERGED:
                        moves.append((score[i + di][j + dj] + like - ALIKE, di, dj, like))
            score[i][j], *step[i, j] = max(moves)
    found, i, j = [], 0, 0
    while (i, j) in step:
        di, dj, like = step[i, j]
        if di and dj:
            found.append(((start + i, start + i + di, other_start + j, other_start + j + dj), like))
        i, j = i + di, j + dj
    return found
