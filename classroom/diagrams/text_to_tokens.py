"""Drawings of tokenization: the way from a text to the rows of an embedding, and the merges of a word."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from classroom.diagrams.diagram import Diagram
from classroom.diagrams.geometry import Box
from classroom.diagrams.parts import grid

__all__ = ["merge_tree", "to_rows"]


def to_rows(pieces: Sequence[Sequence[str]], ids: Sequence[int], rows: ArrayLike, width: int) -> Diagram:
    """From a text to the first numbers of its tokens' embedding rows; each piece is a list of its tokens."""
    tokens, rows = [token for piece in pieces for token in piece], np.asarray(rows, dtype=float)
    text = "".join(tokens)
    alt = f"""The text {text!r} is split into the pieces {" | ".join(map("".join, pieces))}. The merges cut the
        pieces into the tokens {" | ".join(tokens)}. Their ids are {", ".join(map(str, ids))}, and each
        id picks a row of {width} numbers. Only these rows enter the model."""
    sizes = [max(64, 9 * len(token) + 22) for token in tokens]
    d = Diagram(max(420, 136 + sum(sizes) + 14 * len(sizes)), 428, alt)
    d.title("What enters the model: rows, not letters")
    for y, name in ((68, "text"), (142, "pieces"), (222, "tokens"), (294, "ids"), (366, "rows")):
        d.label(24, y, name, 13, "faint", align="start", bold=True)
    starts = 120 + np.cumsum([0, *(size + 14 for size in sizes)])
    centres = [float(start + size / 2) for start, size in zip(starts, sizes, strict=False)]
    left, right = centres[0] - sizes[0] / 2, centres[-1] + sizes[-1] / 2
    whole = d.box((left + right) / 2, 68, right - left, 30, _seen(text), "plain")
    place = 0
    for piece in pieces:
        last = place + len(piece) - 1
        start, end = centres[place] - sizes[place] / 2, centres[last] + sizes[last] / 2
        box = d.box((start + end) / 2, 142, end - start, 30, _seen("".join(piece)), "plain")
        d.arrow((box.x, whole.bottom[1]), box.top)
        for token in range(place, last + 1):
            x = centres[token]
            cut = d.box(x, 222, sizes[token], 30, _seen(tokens[token]), "token")
            number = d.box(x, 294, 60, 28, str(ids[token]), "vector")
            d.arrow((x, box.bottom[1]), cut.top)
            numbers = grid(d, x, 366, rows[token][:, None], "weight", cell=(58, 22), digits=2)
            d.flow(cut, number, numbers)
        place = last + 1
    d.label((left + right) / 2, 412, f"the first {rows.shape[1]} of {width} numbers", 12, "faint")
    return d


def merge_tree(word: str, merges: Sequence[tuple[str, str]], ranks: Sequence[int]) -> Diagram:
    """The merges that join the letters of a word, with their ranks, in the order in which they are applied."""
    step = min(74, 780 / len(word))
    symbols: list[tuple[str, Box, int]] = []
    levels = _levels(word, merges)
    d = Diagram(900, 140 + 72 * levels, _alt(word, merges, ranks))
    d.title(f"{len(merges)} merges cut {word} into tokens")
    low = 105 + 72 * levels
    for number, letter in enumerate(word):
        x = 450 + step * (number - (len(word) - 1) / 2)
        symbols.append((letter, d.box(x, low, 34, 30, _seen(letter), "plain"), 0))
    for pair, rank in zip(merges, ranks, strict=True):
        at = _where(symbols, pair)
        (first, left, a), (second, right, b) = symbols[at : at + 2]
        level = 1 + max(a, b)
        wide = max(96, 34 + 9 * len(first + second))
        text = f"{first + second}\nmerge {rank:,}"
        box = d.box((left.x + right.x) / 2, low - 72 * level, wide, 42, text, "token", 12)
        d.arrow(left.top, (box.x - 10, box.bottom[1]))
        d.arrow(right.top, (box.x + 10, box.bottom[1]))
        symbols[at : at + 2] = [(first + second, box, level)]
    return d


def _where(symbols: list[tuple[str, Box, int]], pair: tuple[str, str]) -> int:
    """The first index at which a pair of neighbours occurs."""
    texts = [symbol[0] for symbol in symbols]
    return next(n for n, two in enumerate(pairwise(texts)) if two == tuple(pair))


def _levels(word: str, merges: Sequence[tuple[str, str]]) -> int:
    """How high the tree is."""
    symbols = [(letter, 0) for letter in word]
    for first, second in merges:
        at = next(n for n, ((a, _), (b, _)) in enumerate(pairwise(symbols)) if (a, b) == (first, second))
        symbols[at : at + 2] = [(first + second, 1 + max(symbols[at][1], symbols[at + 1][1]))]
    return max(level for _, level in symbols)


def _alt(word: str, merges: Sequence[tuple[str, str]], ranks: Sequence[int]) -> str:
    steps = "; ".join(f"{a} and {b} (merge {rank:,})" for (a, b), rank in zip(merges, ranks, strict=True))
    return f"""The letters of {word} in a row at the bottom. Merges join neighbours in the order in which they were
        learned: {steps}. What no further merge joins are the tokens."""


def _seen(text: str) -> str:
    """A text whose spaces can be seen."""
    return text.replace(" ", "·")
