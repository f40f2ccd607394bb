"""Drawings of search: an index of words, two encoders, and a passage on its way into an answer."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from classroom.diagrams.diagram import Diagram
from classroom.diagrams.geometry import spread
from classroom.diagrams.parts import grid, pills

__all__ = ["two_encoders", "with_a_passage", "word_index"]


def word_index(words: Sequence[str], passages: Sequence[str], weights: ArrayLike, query: Sequence[str]) -> Diagram:
    """A row for each word, a column for each passage; the query's rows add up to the scores."""
    weights = np.asarray(weights, dtype=float)
    rows = [words.index(word) for word in query if word in words]
    scores = weights[rows].sum(axis=0)
    told = ", ".join(f"{name} {score:.2f}" for name, score in zip(passages, scores, strict=True))
    alt = f"""An index: for each of the words {", ".join(words)} what it adds to the score of each passage, 0 where the
        passage lacks it. The query {" ".join(query)} adds up its words' rows. The scores are {told}."""
    d = Diagram(820, 190 + 28 * len(words), alt)
    d.title("A query adds up the rows of its words")
    box = grid(d, 470, 75 + 14 * len(words), weights, "weight", cell=(92, 28), rows=words, columns=passages)
    asked = pills(d, query, 120, box.y, len(query) // 2)
    for pill, row in zip(asked, rows, strict=False):
        d.arrow((pill.x, pill.top[1]), (box.left[0] - 70, box.row(row).y), bend="|-")
    total = grid(d, 470, 150 + 28 * len(words), [scores], "score", cell=(92, 28))
    d.arrow(box.bottom, total.top, role="score")
    d.label(total.left[0] - 8, total.y, "score", 13, align="end")
    d.label(120, box.y + 34, "the query", 12, "faint")
    return d


def two_encoders(query: str, passages: Sequence[str], width: int, number: int) -> Diagram:
    """Passages become vectors once, a query when it comes; dot products are the scores."""
    alt = f"""{number:,} passages go through MiniLM once, beforehand, and become a matrix of {number:,} unit vectors of
        width {width}. The query "{query}" goes through the same MiniLM and becomes a vector of width {width}. The dot
        products of the query's vector with each row are {number:,} scores, of which the best k are found."""
    d = Diagram(900, 290, alt)
    d.title("One encoder for both: passages beforehand, the query when it comes")
    above = [
        d.box(120, 95, 190, 44, f"{number:,} passages", "token"),
        d.box(360, 95, 130, 44, "MiniLM", "weight"),
        d.box(580, 95, 170, 44, f"({number:,}, {width})", "vector"),
    ]
    below = [
        d.box(120, 220, 190, 44, _short(query), "token", 12),
        d.box(360, 220, 130, 44, "MiniLM", "weight"),
        d.box(580, 220, 170, 44, f"({width},)", "vector"),
    ]
    d.flow(*above)
    d.flow(*below)
    d.label(360, 158, "the same weights,\nthe same pooling", 12, "faint")
    product = d.op(730, 158, "·")
    d.arrow(above[-1].right, product.top, bend="-|")
    d.arrow(below[-1].right, product.bottom, bend="-|")
    d.flow(product, d.box(825, 158, 110, 44, f"({number:,},)", "score"))
    d.label(825, 200, "scores, best k", 12, "faint")
    return d


def _short(text: str) -> str:
    return text if len(text) <= 24 else f"{text[:23].rstrip()}…"


def with_a_passage(question: str, found: Sequence[str], tokens: int, answer: str) -> Diagram:
    """A question, the passages that are found, the prompt, the answer, and its source."""
    alt = f"""The question "{question}" goes into the search, which finds the passages {", ".join(found)}. The first and
        the question make a prompt of {tokens} tokens. SmolLM2 reads it and answers "{answer}", and the id of the
        passage, {found[0]}, is shown as the source."""
    d = Diagram(900, 250, alt)
    d.title("First look it up, then answer, and say where it stands")
    places = spread(20, 880, [150, 120, 150, 120, 190])
    boxes = [
        d.box(places[0], 100, 150, 44, "question", "token"),
        d.box(places[1], 100, 120, 44, "search", "plain"),
        d.box(places[2], 100, 150, 44, "prompt", "token"),
        d.box(places[3], 100, 120, 44, "SmolLM2", "weight"),
        d.box(places[4], 100, 190, 44, _short(answer), "token", 12),
    ]
    d.flow(*boxes)
    d.label(places[2], 66, f"passage and question, {tokens} tokens", 12, "faint")
    hits = [d.box(places[1], 180 + 0 * n, 120, 30, name, "vector", 12) for n, name in enumerate(found[:1])]
    d.flow(boxes[1], hits[0])
    source = d.box(places[4], 180, 190, 30, f"source: {found[0]}", "vector", 12)
    d.flow(hits[0], source)
    return d
