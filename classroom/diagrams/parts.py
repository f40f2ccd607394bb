"""Parts that several drawings share: matrices of numbers, tokens in a row, residual branches, legends."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from classroom.diagrams.canvas import SHAPES
from classroom.diagrams.diagram import Diagram, rectangle
from classroom.diagrams.geometry import Box, Grid

__all__ = ["STREAM", "grid", "legend", "pills", "residual"]

STREAM = {"role": "state", "width": 2.8}  # how the arrows of a residual stream look


def grid(
    d: Diagram,
    x: float,
    y: float,
    values: ArrayLike,
    role: str = "vector",
    *,
    cell: tuple[float, float] = (44, 28),
    digits: int | None = 2,
    name: str = "",
    shape: str = "",
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
) -> Grid:
    """A matrix, its cells tinted by size, with numbers unless `digits` is None; a strip where it has one row."""
    values = np.atleast_2d(np.asarray(values, dtype=float))
    box = Grid(x, y, values.shape[1] * cell[0], values.shape[0] * cell[1], values.shape)
    most = np.abs(values).max(initial=1e-9)
    d.shapes.append(box)
    d.draw(SHAPES, rectangle(box, 'class="f-plain"'))
    for (i, j), value in np.ndenumerate(values):
        part, tint = box.part(i, j), round(0.06 + 0.42 * abs(value) / most, 2)
        d.draw(SHAPES, rectangle(part, f'class="t-{role} s-{role}" stroke-width=".7" fill-opacity="{tint}"'))
        if digits is not None:
            d.label(part.x, part.y, _number(value, values, digits), 12, owner=part, ground=(role, tint))
    d.draw(SHAPES, rectangle(box, f'class="s-{role}" fill="none"'))
    for i, text in enumerate(rows):
        d.label(box.left[0] - 8, box.row(i).y, text, align="end")
    for j, text in enumerate(columns):
        d.label(box.column(j).x, box.top[1] - 12, text)
    d.label(x, box.top[1] - (34 if columns else 16), name, 13, role, bold=True)
    d.label(x, box.bottom[1] + 16, shape, 12, "faint")
    return box


def _number(value: float, values: np.ndarray, digits: int) -> str:
    """A number with a real minus sign; no digits after the point where all of them, or this one, are whole."""
    whole = value == 0 or bool((values == np.round(values)).all())
    return f"{value:.{0 if whole else digits}f}".replace("-", "−")


def legend(d: Diagram, x: float, y: float, **roles: str) -> None:
    """Samples of roles with what they mean, in a row."""
    for role, meaning in roles.items():
        if role == "plain":
            d.op(x, y, "⊙")
        else:
            d.box(x, y, 26, 18, "", role)
        d.label(x + 22, y, meaning, 12, "faint", align="start")
        x += 58 + d.labels[-1].box.w


def pills(d: Diagram, words: Sequence[str], x: float, y: float, pinned: int) -> list[Box]:
    """Tokens in a row, the one of index `pinned` with its centre at x."""
    widths = np.array([18 + 7.8 * len(word) for word in words])
    centres = np.cumsum(widths + 5) - 5 - widths / 2
    centres += x - centres[pinned]
    placed = zip(centres.tolist(), widths.tolist(), words, strict=True)
    return [d.box(centre, y, width, 26, word, "token", 13) for centre, width, word in placed]


def residual(d: Diagram, below: Box, at: float, *parts: tuple[str, str], rise: float = 46, w: float = 150) -> list[Box]:
    """The stream from the box below up to a sum, and a branch off it through parts (text, role) stacked at `at`.

    Returns the parts' boxes, then the sum.
    """
    y, near = below.top[1] - rise, "left" if at > below.x else "right"
    boxes = [d.box(at, y - n * 58, w, 38, *part) for n, part in enumerate(parts)]
    total = d.op(below.x, boxes[-1].y, "+")
    d.flow(below, total, **STREAM)
    d.arrow((below.x, y), getattr(boxes[0], near))
    d.flow(*boxes, total)
    return [*boxes, total]
