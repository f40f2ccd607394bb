"""The geometry of diagrams: boxes, grids of cells, and lines that bend, cross and touch.

Coordinates are pixels, y grows downwards, and a shape is placed by its centre.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Box", "Grid", "Point", "crossing", "lies_on", "rounded", "spread"]

Point = tuple[float, float]
BEND = 9  # the radius of a line's bends
TOUCH = 3  # lines that meet within so many pixels of an end touch, and do not cross


@dataclass(frozen=True)
class Box:
    """A rectangle: its centre and its size. Arrows join the middles of the sides."""

    x: float
    y: float
    w: float
    h: float

    @property
    def left(self) -> Point:
        """The middle of the left side."""
        return self.x - self.w / 2, self.y

    @property
    def right(self) -> Point:
        """The middle of the right side."""
        return self.x + self.w / 2, self.y

    @property
    def top(self) -> Point:
        """The middle of the upper side."""
        return self.x, self.y - self.h / 2

    @property
    def bottom(self) -> Point:
        """The middle of the lower side."""
        return self.x, self.y + self.h / 2


@dataclass(frozen=True)
class Grid(Box):
    """A matrix of cells. Its rows, columns and cells are boxes."""

    shape: tuple[int, int]

    def part(self, i: int, j: int, rows: int = 1, columns: int = 1) -> Box:
        """The box of a cell, or of several from this one on."""
        w, h = self.w / self.shape[1], self.h / self.shape[0]
        x, y = self.left[0] + (j + columns / 2) * w, self.top[1] + (i + rows / 2) * h
        return Box(x, y, columns * w, rows * h)

    def row(self, i: int) -> Box:
        """The box of a row."""
        return self.part(i, 0, columns=self.shape[1])

    def column(self, j: int) -> Box:
        """The box of a column."""
        return self.part(0, j, rows=self.shape[0])


def spread(start: float, end: float, sizes: Sequence[float]) -> list[float]:
    """The centres of shapes of these sizes, placed from start to end with equal gaps.

    >>> spread(0, 100, [20, 40, 20])
    [10.0, 50.0, 90.0]
    """
    gap, edge, centres = (end - start - sum(sizes)) / (len(sizes) - 1), float(start), []
    for size in sizes:
        centres.append(edge + size / 2)
        edge += size + gap
    return centres


def rounded(points: Sequence[Point]) -> str:
    """An SVG path along the points, round at its bends."""
    corners = np.array(points, dtype=float)
    path = "M{:.1f} {:.1f}".format(*corners[0])
    for before, corner, after in zip(corners, corners[1:], corners[2:], strict=False):
        lengths = [np.hypot(*(before - corner)), np.hypot(*(after - corner))]
        radius = min(BEND, *(length / 2 for length in lengths))
        start = corner + (before - corner) * radius / lengths[0]
        end = corner + (after - corner) * radius / lengths[1]
        path += "L{:.1f} {:.1f}Q{:.1f} {:.1f} {:.1f} {:.1f}".format(*start, *corner, *end)
    return path + "L{:.1f} {:.1f}".format(*corners[-1])


def lies_on(point: Point, a: Point, b: Point) -> bool:
    """Whether a point lies on the line from a to b, and not at its ends.

    >>> lies_on((5, 0), (0, 0), (9, 0)), lies_on((9, 0), (0, 0), (9, 0))
    (True, False)
    """
    to_a, to_b, whole = (np.hypot(p[0] - q[0], p[1] - q[1]) for p, q in ((point, a), (point, b), (a, b)))
    return bool(min(to_a, to_b) > 1 and to_a + to_b - whole < 0.01)


def crossing(a: Point, b: Point, c: Point, d: Point) -> np.ndarray | None:
    """Where the lines from a to b and from c to d cross; None where they do not, or only touch.

    >>> crossing((0, 5), (10, 5), (4, 0), (4, 10)).tolist()
    [4.0, 5.0]
    """
    start, along, other, across = (np.array(v, dtype=float) for v in (a, np.subtract(b, a), c, np.subtract(d, c)))
    area = along[0] * across[1] - along[1] * across[0]
    if abs(area) < 1e-6:  # parallel
        return None
    gap = other - start
    for share, line in (
        ((gap[0] * across[1] - gap[1] * across[0]) / area, along),
        ((gap[0] * along[1] - gap[1] * along[0]) / area, across),
    ):
        if not TOUCH < share * np.hypot(*line) < np.hypot(*line) - TOUCH:
            return None
    return start + along * ((gap[0] * across[1] - gap[1] * across[0]) / area)
