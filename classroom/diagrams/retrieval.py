"""Drawings of search: an index of words, two encoders, and a passage on its way into an answer."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from classroom.diagrams.diagram import Diagram
from classroom.diagrams.geometry import spread
from classroom.diagrams.parts import grid, legend

__all__ = ["two_encoders", "with_a_passage", "word_index"]


def word_index(words: Sequence[str], passages: Sequence[str], weights: ArrayLike, query: Sequence[str]) -> Diagram:
    """A row for each word, a column for each passage; the query's rows, each word once, add up to the scores."""
    weights = np.asarray(weights, dtype=float)
    rows = [words.index(word) for word in query]
    scores = weights[rows].sum(axis=0)
    told = ", ".join(f"{name} {score:.2f}" for name, score in zip(passages, scores, strict=True))
    alt = f"""An index: for each of the words {", ".join(words)} what it adds to the score of each passage, 0 where the
        passage lacks it. The query {" ".join(query)} adds up its words' rows. The scores are {told}."""
    height = 28 * len(words)
    d = Diagram(640, 210 + height, alt)
    d.title("A query adds up the rows of its words")
    box = grid(d, 400, 80 + height / 2, weights, cell=(92, 28), columns=passages)
    for number, word in enumerate(words):
        y = box.row(number).y
        if number in rows:
            d.flow(d.box(150, y, 80, 24, word, "token", 13), box.row(number))
        else:
            d.label(150, y, word, 13, "faint")
    total = grid(d, 400, 140 + height, [scores], "score", cell=(92, 28))
    d.arrow(box.bottom, total.top, role="score")
    d.label(150, total.y, "sum of the two rows" if len(rows) == 2 else "sum of the rows", 13, "score")
    legend(d, 60, d.height - 22, token="in the query", vector="computed beforehand", score="score")
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
    """A question, the passage that is found, the prompt made of both, the answer, and its source."""
    alt = f"""The question "{question}" goes into the search, which finds {", then ".join(found)}. The first of them and
        the question make a prompt of {tokens} tokens. SmolLM2 reads it and answers "{answer}". The name of the passage,
        {found[0]}, is shown as the source."""
    d = Diagram(960, 236, alt)
    d.title("First look it up, then answer, and show the source")
    widths = [100, 90, 130, 100, 110, 190]
    places = spread(24, 936, widths)
    looks = [
        ("question", "token"),
        ("search", "plain"),
        (found[0], "vector"),
        ("prompt", "token"),
        ("SmolLM2", "weight"),
    ]
    boxes = [d.box(x, 120, w, 44, *look) for x, w, look in zip(places, widths, looks, strict=False)]
    boxes.append(d.box(places[-1], 120, widths[-1], 44, _short(answer), "token", 12))
    d.flow(*boxes)
    asked, passage, prompt = boxes[0], boxes[2], boxes[3]
    d.arrow(asked.top, (asked.x, 66), (prompt.x, 66), prompt.top)
    d.label(prompt.x, 158, f"{tokens} tokens", 12, "faint")
    source = d.box(places[-1], 200, widths[-1], 34, f"source: {found[0]}", "vector", 13)
    d.arrow(passage.bottom, source.left, bend="|-")
    return d
