"""What diagrams are made of: boxes, operations, arrows, and grids of real numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from classroom.diagrams.canvas import FRAMES, LINES, PALETTE, SHAPES, Canvas, Label
from classroom.diagrams.geometry import Box, Point, crossing, lies_on, rounded

__all__ = ["Diagram", "rectangle"]

HEAD = 9, 4  # an arrow's head: its length, half its width


@dataclass
class Diagram(Canvas):
    """A drawing of boxes and arrows; a role of the palette says what each of them is."""

    frames: list[Box] = field(default_factory=list, repr=False)
    shapes: list[Box] = field(default_factory=list, repr=False)
    lines: list[list[Point]] = field(default_factory=list, repr=False)

    def box(self, x: float, y: float, w: float, h: float, text: str, role: str = "vector", size: float = 14) -> Box:
        """A box with a text in it."""
        self.shapes.append(box := Box(x, y, w, h))
        self.draw(SHAPES, rectangle(box, f'class="f-{role} s-{role}" rx="{min(PALETTE[role][4], h / 2):g}"'))
        self.label(x, y, text, size, owner=box, ground=(role, 1))
        return box

    def op(self, x: float, y: float, text: str, size: float = 15) -> Box:
        """A circle: an operation without parameters."""
        self.shapes.append(circle := Box(x, y, 28, 28))
        self.draw(SHAPES, f'<circle class="f-plain s-plain" cx="{x:g}" cy="{y:g}" r="14"/>')
        self.label(x, y, text, size, owner=circle)
        return circle

    def frame(self, x: float, y: float, w: float, h: float) -> None:
        """A dashed frame around parts."""
        self.frames.append(frame := Box(x, y, w, h))
        self.draw(FRAMES, rectangle(frame, 'class="s-faint" fill="none" stroke-dasharray="6 5" rx="12"'))

    def title(self, text: str) -> None:
        """The drawing's title, in its upper left corner."""
        self.label(18, 20, text, 15, align="start", bold=True)

    def label(
        self,
        x: float,
        y: float,
        text: str,
        size: float = 13,
        role: str = "plain",
        *,
        align: str = "middle",
        bold: bool = False,
        owner: Box | None = None,
        ground: tuple[str, float] = ("plain", 1),
    ) -> None:
        """Lines of text around y, centred at x, or with their "start" or "end" there; $formulas$ as in Matplotlib."""
        lines = text.split("\n")
        label = Label(Box(x, y, 0, 0), text, size, role, owner, ground)
        for n, line in enumerate(lines):
            if line:
                self.text(x, y + (n - (len(lines) - 1) / 2) * 1.3 * size, line, label, align, bold)

    def arrow(
        self, *points: Point, bend: str = "", role: str = "plain", width: float = 1.7, dashed: bool = False
    ) -> None:
        """A line along points; between two, `bend` goes "-|", "|-", "-|-" or "|-|". A start on a line gets a dot."""
        if bend:
            points = _bent(*points, bend)
        drawn = [piece for line in self.lines for piece in pairwise(line)]
        for (a, b), other in ((piece, other) for piece in pairwise(points) for other in drawn):
            if (cross := crossing(a, b, *other)) is not None:  # the line below gives way
                self.draw(LINES, _gap(cross, np.subtract(b, a), width))
        for element in _arrow(points, role, width, ' stroke-dasharray="5 4"' if dashed else ""):
            self.draw(LINES, element)
        if any(lies_on(points[0], *piece) for piece in drawn):
            self.draw(LINES, '<circle class="t-{}" cx="{:g}" cy="{:g}" r="3"/>'.format(role, *points[0]))
        self.lines.append(list(points))

    def flow(self, *boxes: Box, role: str = "plain", width: float = 1.7) -> None:
        """Arrows from box to box, each beside, above or below the one before."""
        for a, b in pairwise(boxes):
            self.arrow(*_facing(a, b), role=role, width=width)


def rectangle(box: Box, looks: str) -> str:
    """An SVG rectangle; `looks` are its other attributes."""
    return f'<rect x="{box.left[0]:g}" y="{box.top[1]:g}" width="{box.w:g}" height="{box.h:g}" {looks}/>'


def _gap(cross: np.ndarray, along: np.ndarray, width: float) -> str:
    """A piece of paper where a line crosses another, which it interrupts."""
    step = along / np.hypot(*along) * 6
    return f'<path class="under" stroke-width="{width + 6:g}" d="{rounded([cross - step, cross + step])}"/>'


def _arrow(points: Sequence[Point], role: str, width: float, looks: str) -> tuple[str, str]:
    """A line and its head."""
    end, before = np.array(points[-1], dtype=float), np.array(points[-2], dtype=float)
    ahead = (end - before) / np.hypot(*(end - before))
    path = rounded([*points[:-1], tuple(end - ahead * (HEAD[0] - 1))])
    back, side = end - HEAD[0] * ahead, HEAD[1] * np.array([-ahead[1], ahead[0]])
    corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in (end, back + side, back - side))
    line = f'<path class="s-{role}" fill="none" stroke-width="{width:g}"{looks} d="{path}"/>'
    return line, f'<polygon class="t-{role}" points="{corners}"/>'


def _bent(start: Point, end: Point, bend: str) -> tuple[Point, ...]:
    """The points of a line with a bend: "-|" goes sideways first, "|-" up or down, the others twice."""
    (x0, y0), (x1, y1) = start, end
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    ways = {"-|": [(x1, y0)], "|-": [(x0, y1)], "-|-": [(x, y0), (x, y1)], "|-|": [(x0, y), (x1, y)]}
    return (start, *ways[bend], end)


def _facing(a: Box, b: Box) -> tuple[Point, Point]:
    """The middles of the sides with which two boxes face each other."""
    right, down = b.x - a.x, b.y - a.y
    if min(abs(right), abs(down)) > 0.5:
        raise ValueError(f"flow joins boxes in one row or column, not {a} and {b}: draw an arrow with a bend")
    if abs(right) > abs(down):
        return (a.right, b.left) if right > 0 else (a.left, b.right)
    return (a.bottom, b.top) if down > 0 else (a.top, b.bottom)
