"""What does not fit in a diagram, found by computation: texts, arrows, contrast."""

from collections.abc import Iterator
from itertools import combinations, pairwise

import numpy as np

from classroom.diagrams.canvas import PALETTE, Label
from classroom.diagrams.diagram import Diagram
from classroom.diagrams.geometry import Box

__all__ = ["contrast", "faults"]


def _apart(a: Box, b: Box) -> float:
    """The gap between two boxes; negative where they overlap."""
    return max(abs(a.x - b.x) - (a.w + b.w) / 2, abs(a.y - b.y) - (a.h + b.h) / 2)


def _room(outer: Box, inner: Box) -> float:
    """The least margin of the inner box in the outer one; negative where it sticks out."""
    return min((outer.w - inner.w) / 2 - abs(outer.x - inner.x), (outer.h - inner.h) / 2 - abs(outer.y - inner.y))


def _edge(box: Box, x: float, y: float) -> float:
    """How far a point is from the box's edge."""
    dx, dy = abs(x - box.x) - box.w / 2, abs(y - box.y) - box.h / 2
    return abs(max(dx, dy)) if max(dx, dy) <= 0 else float(np.hypot(max(dx, 0), max(dy, 0)))


def _way(points: list[tuple[float, float]]) -> Iterator[Box]:
    """The points of a line, two pixels apart, as boxes without size."""
    for (x0, y0), (x1, y1) in pairwise(points):
        for share in np.linspace(0, 1, int(np.hypot(x1 - x0, y1 - y0) / 2) + 2):
            yield Box(x0 + share * (x1 - x0), y0 + share * (y1 - y0), 0, 0)


def contrast(label: Label, dark: bool) -> float:
    """The ratio of WCAG 2 between a text and what is under it: 4.5 is needed, 21 is black on white."""

    def rgb(colour: str) -> np.ndarray:
        return np.array([int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)])

    def luminance(colour: np.ndarray) -> float:
        linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    fill, line = (2, 3) if dark else (0, 1)
    role, tint = label.ground
    paper = rgb(PALETTE["plain"][fill])
    under = rgb(PALETTE[role][fill]) if tint == 1 else tint * rgb(PALETTE[role][line]) + (1 - tint) * paper
    low, high = sorted([luminance(rgb(PALETTE[label.role][line])), luminance(under)])
    return (high + 0.05) / (low + 0.05)


def _of_labels(d: Diagram) -> Iterator[str]:
    page = Box(d.width / 2, d.height / 2, d.width, d.height)
    for label in d.labels:
        if label.size < 11:
            yield f"{label.text!r} is set in {label.size} pixels: at least 11"
        if _room(label.owner or page, label.box) < (1.5 if label.owner else 4):
            yield f"{label.text!r} does not fit into its {'box' if label.owner else 'page'}"
        for dark in (False, True):
            if contrast(label, dark) < 4.5:
                yield f"{label.text!r} has a contrast of {contrast(label, dark):.1f} (dark: {dark}): at least 4.5"
    for a, b in combinations(d.labels, 2):
        if _apart(a.box, b.box) < 2:
            yield f"{a.text!r} and {b.text!r} touch"
    for label in (label for label in d.labels if label.owner is None):
        if any(_apart(label.box, shape) < 1 for shape in d.shapes):
            yield f"{label.text!r} lies on a shape"
        if any(_apart(label.box, frame) < 2 and _room(frame, label.box) < 2 for frame in d.frames):
            yield f"{label.text!r} lies on a frame's edge"
        if any(_apart(label.box, point) < 1.5 for line in d.lines for point in _way(line)):
            yield f"{label.text!r} lies on an arrow"


def _of_arrows(d: Diagram) -> Iterator[str]:
    for n, line in enumerate(d.lines):
        others = [point for m, other in enumerate(d.lines) if m != n for point in _way(other)]
        name = f"the arrow {line[0]} → {line[-1]}"
        for end in (line[0], line[-1]):
            at_shape = any(_edge(shape, *end) <= 1 for shape in d.shapes)
            if not at_shape and all(_apart(Box(*end, 0, 0), point) > 2 for point in others):
                yield f"{name} ends at {end}, where nothing is"
        if any(_room(shape, point) > 2 for shape in d.shapes for point in _way(line)):
            yield f"{name} runs under a shape"


def faults(d: Diagram) -> list[str]:
    """One sentence for each fault."""
    crowded = [f"{a} and {b} overlap" for a, b in combinations(d.shapes, 2) if _apart(a, b) < -0.5]
    return [*_of_labels(d), *_of_arrows(d), *crowded, *(["no alt text"] if len(d.alt) < 40 else [])]
