"""Drawings of pictures: a kernel that slides, patches as tokens, pairs in a batch, a picture before a text."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from classroom.diagrams.canvas import SHAPES
from classroom.diagrams.diagram import Diagram, rectangle
from classroom.diagrams.geometry import Box, spread
from classroom.diagrams.parts import grid, legend

__all__ = ["pairs", "patches_as_tokens", "prefix", "sliding_kernel"]


def sliding_kernel(picture: ArrayLike, kernel: ArrayLike, result: ArrayLike, at: tuple[int, int]) -> Diagram:
    """A picture, a kernel, and the result, whose number at `at` is the sum over one window."""
    picture, kernel, result = (np.asarray(values, dtype=float) for values in (picture, kernel, result))
    (i, j), (high, wide) = at, kernel.shape
    alt = f"""A picture of {picture.shape[0]} by {picture.shape[1]} numbers. A window of {high} by {wide} at row {i},
        column {j} is multiplied by a kernel of the same size, number by number, and the products are added up:
        {result[at]:.0f}, the number at row {i}, column {j} of the result, which has {result.shape[0]} by
        {result.shape[1]} numbers."""
    d = Diagram(760, 290, alt)
    d.title("A convolution: one kernel, the same weights in every window")
    left = grid(d, 140, 160, picture, "token", cell=(36, 30), name="picture", shape="(Y, X)")
    grid(d, 400, 160, kernel, "weight", cell=(36, 30), name="kernel", shape=f"({high}, {wide})")
    right = grid(d, 630, 160, result, "score", cell=(40, 30), name="result")
    corner, end = left.part(i, j), left.part(i + high - 1, j + wide - 1)
    centre = ((corner.x + end.x) / 2, (corner.y + end.y) / 2)
    _mark(d, *centre, 36 * wide + 4, 30 * high + 4)
    _mark(d, right.part(i, j).x, right.part(i, j).y, 40, 30)
    d.op(275, 160, "⊙")
    d.op(510, 160, "Σ")
    d.label(400, 262, f"the framed window ⊙ the kernel, added up: {result[at]:.0f}", 12, "faint")
    return d


def _mark(d: Diagram, x: float, y: float, w: float, h: float) -> None:
    d.draw(SHAPES, rectangle(Box(x, y, w, h), 'class="s-plain" fill="none" stroke-width="2.2"'))


def patches_as_tokens(picture: ArrayLike, size: int, width: int, layers: int, labels: int) -> Diagram:
    """A picture cut into patches, each a row of numbers; a linear layer, the first token, the blocks, the labels."""
    values = np.asarray(picture, dtype=float)
    side = len(values)
    count, numbers = (side // size) ** 2, 3 * size * size
    alt = f"""A picture of {side} by {side} pixels in three colours is cut into {count} patches of {size} by {size}.
        Each is a row of {numbers} numbers, which a linear layer turns into a vector of width {width}. A learned first
        token stands before them and positions are added: {count + 1} tokens. They go through {layers} blocks of
        attention and feed-forward. A linear layer turns the first token's last state into {labels} logits."""
    d = Diagram(980, 230, alt)
    d.title("Patches are tokens")
    looks = [
        (f"({count}, {numbers})", "token", 110),
        (f"linear\n{numbers} → {width}", "weight", 110),
        (f"({count + 1}, {width})", "vector", 110),
        (f"{layers} blocks", "weight", 110),
        (f"({width},)", "state", 90),
        (f"({labels},)", "score", 80),
    ]
    box = grid(d, 100, 120, values - values.min(), "token", cell=(128 / side, 128 / side), digits=None)
    across = side // size
    for number in range(count):
        corner = box.part(number // across * size, number % across * size)
        last = box.part(number // across * size + size - 1, number % across * size + size - 1)
        _mark(d, (corner.x + last.x) / 2, (corner.y + last.y) / 2, 128 / across, 128 / across)
    places = spread(210, 960, [w for _, _, w in looks])
    boxes = [d.box(x, 120, w, 48, text, role, 13) for x, (text, role, w) in zip(places, looks, strict=True)]
    d.flow(box, *boxes)
    d.label(100, 206, f"(3, {side}, {side})", 12, "faint")
    below = ("patches", "", "+ first token\n+ positions", "", "first state", "labels")
    for part, text in zip(boxes, below, strict=True):
        d.label(part.x, 172, text, 12, "faint")
    return d


def pairs(names: Sequence[str], scores: ArrayLike, sizes: tuple[int, int, int]) -> Diagram:
    """Two towers and the scaled dot products of a batch: the right pairs are on the diagonal."""
    scores = np.asarray(scores, dtype=float)
    side, features, width = sizes
    count = len(names)
    told = "; ".join(
        f"{name}: {', '.join(f'{value:.1f}' for value in row)}" for name, row in zip(names, scores.T, strict=True)
    )
    alt = f"""Pictures of {side} by {side} pixels go through convolutions, which give {features} numbers each, and a
        projection to {width}. Names go through MiniLM, which is frozen, and become vectors of width {width}. Scaled dot
        products of the unit vectors make a matrix with a row for each picture and a column for each name; the right
        pairs are on the diagonal. The columns: {told}."""
    d = Diagram(960, 330, alt)
    d.title("Every picture against every name of the batch")
    above = [
        d.box(90, 100, 130, 44, f"pictures\n({count}, 3, {side}, {side})", "token", 12),
        d.box(250, 100, 120, 44, "convolutions", "weight", 13),
        d.box(400, 100, 110, 44, f"linear\n{features} → {width}", "weight", 12),
        d.box(530, 100, 90, 44, f"({count}, {width})", "vector", 13),
    ]
    below = [
        d.box(90, 250, 130, 44, f"{count} names", "token", 13),
        d.box(325, 250, 200, 44, "MiniLM (frozen)", "plain", 13),
        d.box(530, 250, 90, 44, f"({count}, {width})", "vector", 13),
    ]
    d.flow(*above)
    d.flow(*below)
    product = d.op(530, 175, "·")
    d.arrow(above[-1].bottom, product.top)
    d.arrow(below[-1].top, product.bottom)
    box = grid(d, 780, 175, scores, "score", cell=(74, 36), digits=1)
    for number, name in enumerate(names):
        d.label(box.column(number).x, box.top[1] - 12, name, 11)
        part = box.part(number, number)
        _mark(d, part.x, part.y, 74, 36)
    d.label(box.x, 286, "a row per picture; framed: the right pairs", 12, "faint")
    d.flow(product, box)
    return d


def prefix(words: Sequence[str], following: Sequence[str], count: int, width: int) -> Diagram:
    """Vectors made from a picture stand before the words' embeddings; a frozen GPT predicts each next word."""
    alt = f"""A picture goes through convolutions and a projection, which learn, and becomes {count} vectors of width
        {width}. They stand before the embeddings of the words {" ".join(words)}. The frozen GPT reads all of them.
        After the last of the picture's vectors and after each word it predicts the next: {", ".join(following)}."""
    d = Diagram(900, 300, alt)
    d.title("A picture as the beginning of a text")
    places = spread(230, 880, [84] * (count + len(words)))
    d.box(555, 130, 640, 40, "GPT (frozen)", "plain")
    looks = [("vector", "state")] * count + [(word, "token") for word in words]
    entries = [d.box(x, 200, 84, 30, text, role, 13) for x, (text, role) in zip(places, looks, strict=True)]
    for entry in entries:
        d.arrow(entry.top, (entry.x, 150))
    for x, text in zip(places[count - 1 :], following, strict=True):
        answer = d.box(x, 66, 84, 28, text, "score", 13)
        d.arrow((x, 110), answer.bottom)
    first, last = places[0], places[count - 1]
    chain = [
        d.box(52, 262, 80, 34, "picture", "token", 13),
        d.box(168, 262, 110, 34, "convolutions", "weight", 13),
        d.box((first + last) / 2, 262, last - first + 60, 34, f"linear → ({count}, {width})", "weight", 12),
    ]
    d.flow(*chain)
    for entry in entries[:count]:
        d.arrow((entry.x, 245), entry.bottom)
    legend(d, 760, 262, weight="learns")
    return d
