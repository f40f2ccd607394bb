"""Drawings of word alignment: links between two sentences, and alignments beside the one made by hand."""

from collections.abc import Sequence

import numpy as np

from classroom.diagrams.diagram import Diagram
from classroom.diagrams.geometry import spread
from classroom.diagrams.parts import grid, legend

__all__ = ["alignments", "links"]

Words = Sequence[str]
Links = Sequence[tuple[int, int]]


def links(greek: Words, glosses: Words, english: Words, linked: Links) -> Diagram:
    """Two sentences, and which word became which; links that cross another are in a colour of their own."""
    crossing = {one for one in linked for i, j in linked if (one[0] - i) * (one[1] - j) < 0}
    rendered = [f"{greek[i]} became {english[j]}" for i, j in linked]
    alt = f"""The Greek words {" ".join(greek)} above, the English words {" ".join(english)} below, joined by
        {len(linked)} links made by hand: {", ".join(rendered)}. {len(crossing)} of the links cross another."""
    d = Diagram(900, 300, alt)
    d.title("Which word became which")
    above = _row(d, greek, 100)
    below = _row(d, english, 235)
    for box, gloss in zip(above, glosses, strict=True):
        d.label(box.x, 68, gloss or "–", 12, "faint")
    for i, j in linked:
        role = "score" if (i, j) in crossing else "plain"
        d.arrow(above[i].bottom, below[j].top, role=role)
    legend(d, 60, 280, score="a link that crosses another")
    return d


def _row(d: Diagram, words: Words, y: float) -> list:
    widths = [20 + 8.6 * len(word) for word in words]
    places = spread(20, 880, widths)
    return [d.box(x, y, w, 28, word, "token", 13) for x, w, word in zip(places, widths, words, strict=True)]


def alignments(greek: Words, english: Words, by_hand: Links, proposed: dict[str, Links]) -> Diagram:
    """A matrix for each aligner: coloured where it links two words, ticked where people did."""
    made = [
        f"{name} links {len(found)} pairs, {len(set(found) & set(by_hand))} of them right"
        for name, found in proposed.items()
    ]
    alt = f"""Matrices with a row for each Greek word, {" ".join(greek)}, and a column for each English one,
        {" ".join(english)}. People linked {len(by_hand)} pairs. {". ".join(made)}."""
    G, E = len(greek), len(english)
    side = min(30, int(640 / (E * len(proposed))))
    d = Diagram(900, 150 + side * G, alt)
    d.title("Coloured: what an aligner links. Ticked: what people linked")
    numbers = [str(j + 1) for j in range(E)]
    centres = spread(150, 880, [side * E] * len(proposed))
    for n, (x, (name, found)) in enumerate(zip(centres, proposed.items(), strict=True)):
        values = np.zeros((G, E))
        for i, j in found:
            values[i, j] = 1
        look = {"cell": (side, side), "digits": None, "name": name}
        box = grid(d, x, 95 + side * G / 2, values, "score", rows=() if n else greek, columns=numbers, **look)
        for i, j in by_hand:
            cell = box.part(i, j)
            d.label(cell.x, cell.y, "✓", 13, owner=cell, ground=("score", 0.48 * values[i, j]))
    d.label(
        450, 125 + side * G, " · ".join(f"{n} {word}" for n, word in zip(numbers, english, strict=True)), 12, "faint"
    )
    return d
