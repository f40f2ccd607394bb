"""Drawings of skip-gram: a pair with its negatives, its gradients, and a word as the mean of its pieces."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from classroom.diagrams.diagram import Diagram
from classroom.diagrams.geometry import Box, spread
from classroom.diagrams.parts import grid, legend

__all__ = ["pair_gradients", "pair_with_negatives", "word_from_pieces"]

CELL = (46, 30)


def pair_with_negatives(centre: str, contexts: Sequence[str], u: ArrayLike, rows: ArrayLike, V: int) -> Diagram:
    """From two tables to scores, probabilities and errors; the first context is the true one."""
    u, rows = np.asarray(u, dtype=float), np.asarray(rows, dtype=float)
    scores = rows @ u
    probabilities = 1 / (1 + np.exp(-scores))
    labels = np.eye(1, len(rows))[0]
    told = ", ".join(f"{word} {p:.2f}" for word, p in zip(contexts, probabilities, strict=True))
    alt = f"""Two tables of shape ({V:,}, {len(u)}). The row of {centre} in the first is u; the rows of
        {", ".join(contexts)} in the second are the true context and the negatives. Their dot products with
        u are the scores, and the logistic function makes them probabilities: {told}. Minus the labels 1 and
        0, they are the errors."""
    d = Diagram(940, 320, alt)
    d.title("One pair with its negatives: two tables, one question per row")
    y = 170
    first = d.box(80, 90, 110, 50, f"centres U\n({V:,}, {len(u)})", "weight", 13)
    second = d.box(80, y + 40, 110, 50, f"contexts C\n({V:,}, {len(u)})", "weight", 13)
    one = grid(d, 340, 90, u, cell=CELL, shape="u: (D,)")
    more = grid(d, 340, y + 40, rows, cell=CELL, shape="(1 + k, D)")
    d.flow(first, d.box(235, 90, 80, 24, centre, "token", 12), one)
    for number, word in enumerate(contexts):
        name = d.box(235, more.row(number).y, 80, 24, word, "token", 12)
        turns = () if name.y == second.y else ((165, second.y), (165, name.y))
        d.arrow(second.right, *turns, name.left)
        d.flow(name, more.row(number))
    dot = d.op(430, y + 40, "·")
    d.flow(more, dot)
    d.arrow(one.right, dot.top, bend="-|")
    _columns(d, dot, scores, probabilities, labels)
    legend(d, 40, 298, weight="learned", vector="computed", token="given", loss="what the gradient is made of")
    return d


def _columns(d: Diagram, dot: Box, scores: np.ndarray, probabilities: np.ndarray, labels: np.ndarray) -> None:
    """To the right of the product: a row for each question, from its score to its error."""
    values = {"score": (scores, "vector", 510), "probability": (probabilities, "vector", 640)}
    values |= {"label": (labels, "token", 765), "error": (probabilities - labels, "loss", 880)}
    boxes = []
    for name, (column, role, x) in values.items():
        boxes.append(grid(d, x, dot.y, column[:, None], role, cell=(58, 30)))
        d.label(x, boxes[-1].top[1] - 16, name, 13, role, bold=True)
    d.flow(dot, *boxes[:2])
    d.label(576, dot.y - 20, "σ", 15)
    d.label(702.5, dot.y, "−", 18)
    d.label(822.5, dot.y, "=", 18)


def pair_gradients(contexts: Sequence[str], u: ArrayLike, rows: ArrayLike, errors: ArrayLike) -> Diagram:
    """The errors times the other vector: a weighted sum of rows for u, a multiple of u for each row."""
    u, rows, errors = (np.asarray(values, dtype=float) for values in (u, rows, errors))
    of_u, of_rows = errors @ rows, np.outer(errors, u) + 0.0  # no -0
    told = ", ".join(f"{word} {error:.2f}" for word, error in zip(contexts, errors, strict=True))
    alt = f"""The errors are {told}. Above, the errors weight the rows of the contexts, and their sum is the
        gradient of u, ({of_u[0]:.2f}, {of_u[1]:.2f}). Below, each error times u is the gradient of that
        row."""
    d = Diagram(820, 400, alt)
    d.title("Where the gradients come from: each error times the other vector")
    error = grid(d, 190, 200, errors[:, None], "loss", cell=(62, 30), rows=contexts)
    d.label(105, error.top[1] - 16, "error", 13, "loss", bold=True)
    above = grid(d, 420, 105, rows, cell=CELL, shape="(1 + k, D)")
    d.label(420, above.top[1] - 14, "rows of C", 13, "vector", bold=True)
    below = grid(d, 420, 300, u, cell=CELL, shape="u: (D,)")
    d.arrow(error.top, (190, 105), above.left)
    d.arrow(error.bottom, (190, 300), below.left)
    total = grid(d, 680, 105, of_u, "state", cell=(58, 30), shape="(D,)")
    d.label(680, total.top[1] - 16, "gradient of u", 13, "state", bold=True)
    each = grid(d, 680, 300, of_rows, "state", cell=(58, 30), shape="(1 + k, D)")
    d.label(680, each.top[1] - 16, "gradients of the rows", 13, "state", bold=True)
    d.flow(above, total)
    d.label(545, 88, "weighted sum", 12, "faint")
    d.arrow(below.right, each.left)
    d.label(545, 283, "error times u", 12, "faint")
    legend(d, 40, 378, loss="prediction minus label", vector="looked up", state="gradient")
    return d


def word_from_pieces(word: str, pieces: Sequence[str], known: str, shared: Sequence[str]) -> Diagram:
    """The pieces of an unseen word, those that a seen word taught, and their mean."""
    alt = f"""The word {word}, its ends marked, is cut into the pieces {", ".join(pieces)}. Of these, the word
        {known}, which was in the text, has {", ".join(shared)}, so they were trained with it. Each piece
        has a vector, and the mean of them is the vector of {word}."""
    d = Diagram(900, 300, alt)
    d.title(f"A word that was never seen: {word} is the mean of its pieces")
    whole = d.box(110, 152, 150, 40, f"<{word}>", "token")
    ys = spread(48, 256, [22] * len(pieces))
    mean = d.op(600, 152, "Σ/n", 11)
    for y, piece in zip(ys, pieces, strict=True):
        there, back = ((), ()) if y == whole.y else (((225, 152), (225, y)), ((560, y), (560, 152)))
        box = d.box(320, y, 70, 22, piece, "state" if piece in shared else "plain", 12)
        row = d.box(460, y, 110, 22, "(D,)", "weight", 12)
        d.arrow(whole.right, *there, box.left)
        d.flow(box, row)
        d.arrow(row.right, *back, mean.left)
    result = d.box(760, 152, 170, 40, f"vector of {word}", "vector", 13)
    d.flow(mean, result)
    legend(d, 40, 280, state=f"also in <{known}>", weight="learned", vector="computed")
    return d
