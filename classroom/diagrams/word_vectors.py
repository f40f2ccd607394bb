"""Drawings of word vectors: a window that counts, the three factors of an SVD, and the step of an analogy."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from classroom.diagrams.canvas import SHAPES
from classroom.diagrams.diagram import Diagram
from classroom.diagrams.geometry import Box, Point, spread
from classroom.diagrams.parts import grid, legend

__all__ = ["factors", "projected_step", "window_of"]


def window_of(tokens: Sequence[str], word: str, window: int, columns: Sequence[str], counts: ArrayLike) -> Diagram:
    """A text, the windows around a word, and the word's row of counts."""
    counts = np.asarray(counts, dtype=float)
    here = [place for place, token in enumerate(tokens) if token == word]
    near = {place for centre in here for place in range(centre - window, centre + window + 1)}
    told = ", ".join(f"{name} {count:.0f}" for name, count in zip(columns, counts, strict=True))
    alt = f"""The text {" ".join(tokens)}. Around each {word} a window opens {window} tokens to the left and to the
        right. The tokens in the windows add up to the row of {word}: {told}."""
    d = Diagram(900, 236, alt)
    d.title(f"Counting the neighbours of {word!r} in a window of {window}")
    places = spread(16, 884, [56] * len(tokens))
    for place, x in enumerate(places):
        role = "state" if place in here else "vector" if place in near else "token"
        d.box(x, 76, 53, 30, tokens[place], role, 13)
    row = grid(d, 496, 166, [counts], cell=(58, 30), columns=columns, rows=[f"row of {word}"])
    for centre in here:
        left, right = max(centre - window, 0), min(centre + window, len(tokens) - 1)
        middle = (places[left] + places[right]) / 2
        d.frame(middle, 76, places[right] - places[left] + 60, 44)
        frame, end = Box(middle, 98, 2, 0), Box(middle, row.top[1] - 26, 2, 0)
        d.shapes += [frame, end]
        d.flow(frame, end, role="vector")
    legend(d, 60, 214, state="the word", vector="in its window", token="outside")
    return d


def factors(
    words: Sequence[str], contexts: Sequence[str], matrix: ArrayLike, svd: Sequence[ArrayLike], kept: int
) -> Diagram:
    """A table of words and contexts as the product of three factors (U, the singular values, V transposed).

    Below it, what `kept` directions give.
    """
    matrix = np.asarray(matrix, dtype=float)
    u, s, vt = (np.asarray(factor, dtype=float).round(6) + 0.0 for factor in svd)  # no -0
    best = ((u[:, :kept] * s[:kept]) @ vt[:kept]).round(4)
    d = Diagram(900, 372, _told(words, contexts, matrix, (u, s, vt), best, kept))
    d.title(f"Three factors, and what {kept} of {len(s)} directions keep")
    size, y = (46, 30), 120
    names = [f"direction {n}" for n in range(1, len(s) + 1)]
    table = grid(d, 152, y, matrix, "token", cell=size, name="M", rows=words, columns=contexts)
    left = grid(d, 384, y, u, cell=size, name="U: words")
    middle = grid(d, 572, y, np.diag(s), "score", cell=size, name="Σ: sizes")
    right = grid(d, 784, y, vt, cell=size, name="Vᵀ: contexts", columns=contexts)
    for x, sign in ((280, "="), (478, "·"), (667, "·")):
        d.label(x, y, sign, 17, bold=True)
    for n in range(kept, len(s)):
        d.frame(left.column(n).x, y, size[0] + 6, left.h + 10)
        d.frame(middle.part(n, n).x, middle.part(n, n).y, size[0] + 6, size[1] + 8)
        d.frame(right.x, right.row(n).y, right.w + 8, size[1] + 8)
    d.label(572, 192, f"dashed: left out ({', '.join(names[kept:])})", 12, "faint")
    d.label(572, 214, "the columns of U are perpendicular, as are the rows of Vᵀ", 12, "faint")
    near = grid(
        d, 152, 312, best, "token", cell=size, name=f"the best table of rank {kept}", rows=words, columns=contexts
    )
    short = grid(d, 496, 312, u[:, :kept] * np.sqrt(s[:kept]), cell=(84, 30), rows=words, columns=names[:kept])
    d.label(short.x, short.top[1] - 34, "the words' vectors", 13, "vector", bold=True)
    d.label(730, 312, f"rows of $U \\sqrt{{\\Sigma}}$, {kept} numbers each", 13)
    d.shapes.append(heading := Box(152, near.top[1] - 46, 2, 0))
    d.flow(table, heading)
    return d


def _told(
    words: Sequence[str],
    contexts: Sequence[str],
    matrix: np.ndarray,
    svd: Sequence[np.ndarray],
    best: np.ndarray,
    kept: int,
) -> str:
    """The drawing of `factors` in words."""
    u, s, vt = svd
    rows = "; ".join(
        f"{word} {' '.join(f'{value:g}' for value in old)}, then {' '.join(f'{value:g}' for value in new.round(2))}"
        for word, old, new in zip(words, matrix, best, strict=True)
    )
    return f"""The table M of the words {", ".join(words)} and the contexts {", ".join(contexts)} is the product of U,
        of shape {u.shape}, the diagonal matrix of the singular values {", ".join(f"{value:.2f}" for value in s)}, and V
        transposed, of shape {vt.shape}. Without the last column of U, the last singular value and the last row of V
        transposed, the product is the best table of rank {kept}. Row by row, before and after: {rows}."""


def projected_step(names: Sequence[str], step: float, along: float, between: float) -> Diagram:
    """A step from the first word; its part along the way to the second decides to which of the two it stays closer.

    `names`: the two words, then the two that the step joins. `along`: the step's projection on the way.
    """
    start, goal, first, second = names
    aside = float(np.sqrt(step**2 - along**2))
    winner = start if along < between / 2 else goal
    alt = f"""A line from {start} to {goal}, {between:.2f} long. The step from {first} to {second}, {step:.2f} long,
        starts at {start} and goes {along:.2f} along the line and {aside:.2f} aside. Half of the way is
        {between / 2:.2f}. So the point where the step ends is closer to {winner}."""
    d = Diagram(760, 440, alt)
    d.title(f"Where the step from {first} to {second} leads")
    scale, origin = 500 / between, (110.0, 350.0)

    def place(right: float, up: float) -> Point:
        return origin[0] + scale * right, origin[1] - scale * up

    tip, foot, half, end = place(along, aside), place(along, 0), place(between / 2, 0), place(between, 0)
    above, below = (half[0], 40), (half[0], half[1] + 16)
    for x, y in (origin, end, tip, foot, above, below):
        d.shapes.append(Box(x, y, 2, 2))
    d.arrow(origin, end, width=1.2)
    d.arrow(below, above, role="faint", dashed=True)
    d.arrow(tip, foot, role="faint", dashed=True)
    d.arrow(origin, foot, role="score", width=4)
    d.arrow(origin, tip, role="vector", width=2.6)
    for (x, y), role in ((origin, "plain"), (end, "plain"), (tip, "vector")):
        d.draw(SHAPES, f'<circle class="t-{role}" cx="{x:.1f}" cy="{y:.1f}" r="5"/>')
    d.label(origin[0], origin[1] + 24, start, 15, bold=True)
    d.label(end[0], end[1] + 24, goal, 15, bold=True)
    d.label(tip[0] - 16, tip[1] - 6, f"{start} − {first} + {second}", 14, "vector", align="end", bold=True)
    d.label(foot[0], foot[1] + 24, f"projection: {along:.2f}", 13, "score")
    d.label(half[0] + 12, 52, f"half of the way: {between / 2:.2f}", 13, "faint", align="start")
    d.label(end[0] - 130, end[1] - 16, f"whole way: {between:.2f}", 13)
    d.label(half[0] + 12, 74, f"to the left of this line, {start} is closer", 13, "faint", align="start")
    legend(d, 60, 416, vector=f"the step, {step:.2f} long", score="its projection on the way")
    return d
