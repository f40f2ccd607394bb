"""Drawings of scaling: three products per matrix, and a MinHash signature."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from classroom.diagrams.diagram import Diagram
from classroom.diagrams.parts import grid, legend

__all__ = ["min_hash", "three_products"]


def three_products(positions: int, d_in: int, d_out: int) -> Diagram:
    """A matrix in training: one product in the forward pass, two in the backward pass, of the same size."""
    each = 2 * positions * d_in * d_out
    alt = f"""The forward pass multiplies {positions} rows of width {d_in} by a matrix of {d_in} by {d_out} parameters.
        The backward pass multiplies the {positions} gradients of width {d_out} by the transposed matrix, and the
        transposed inputs by these gradients. Each of the three products takes {each:,} operations, 2 per parameter and
        position, so the sum is {3 * each:,}, 6 per parameter and position."""
    d = Diagram(880, 312, alt)
    d.title("Three products for each matrix: 2 + 2 + 2 operations per parameter and position")
    inputs, outputs, weights = (positions, d_in), (positions, d_out), (d_in, d_out)
    rows = [
        ("forward", ("inputs", inputs, "vector"), ("W", weights, "weight"), ("outputs", outputs, "vector")),
        ("backward", ("gradients", outputs, "score"), ("Wᵀ", weights[::-1], "weight"), ("of inputs", inputs, "score")),
        ("backward", ("inputsᵀ", inputs[::-1], "vector"), ("gradients", outputs, "score"), ("of W", weights, "score")),
    ]
    for number, (name, (left, shape, role), (right, second, its), (result, third, made)) in enumerate(rows):
        y = 96 + 74 * number
        d.label(58, y, name, 13, bold=True)
        d.box(190, y, 150, 46, f"{left}\n{shape}", role, 13)
        d.label(290, y, "·", 18)
        d.box(390, y, 150, 46, f"{right}\n{second}", its, 13)
        d.label(480, y, "=", 18)
        d.box(580, y, 170, 46, f"{result}\n{third}", made, 13)
        d.label(770, y, f"{each:,} operations", 13, "faint")
    legend(d, 120, 292, vector="computed forward", weight="parameters", score="gradients")
    return d


def min_hash(names: Sequence[str], shared: ArrayLike, numbers: ArrayLike) -> Diagram:
    """Two texts' shingles in three random orders: the signature keeps the first of each order.

    `shared` says of each shingle whether the first text, and whether the second, has it; `numbers` has a row per order.
    """
    has, numbers = np.asarray(shared, dtype=bool), np.asarray(numbers, dtype=float)
    signatures = [[int(row[own].min()) for row in numbers] for own in has]
    same = sum(a == b for a, b in zip(*signatures, strict=True))
    both, either = int(has.all(axis=0).sum()), int(has.any(axis=0).sum())
    alt = f"""Shingles {", ".join(names)}. The first text has {_listed(names, has[0])}, the second
        {_listed(names, has[1])}: {both} of {either} are shared. {len(numbers)} orders give each shingle a number. Of
        each order, a text's signature keeps the smallest number of its own shingles: {signatures[0]} and
        {signatures[1]}. {same} of {len(numbers)} numbers agree."""
    width, orders = 78, len(numbers)
    d = Diagram(880, 226 + 34 * orders, alt)
    d.title(f"Equal numbers, {same} of {orders}, estimate the shingles in common, {both} of {either}")
    x, y = 345, 150
    for row, (label, own) in enumerate(zip(("first text", "second text"), has, strict=True)):
        d.label(x - width * len(names) / 2 - 48, y - 68 + 26 * row, label, 13, bold=True)
        for number, name in enumerate(names):
            if own[number]:
                place = x + (number - (len(names) - 1) / 2) * width
                d.box(place, y - 68 + 26 * row, width - 8, 22, name, "token", 11)
    table = grid(
        d, x, y + 17 * orders, numbers, cell=(width, 34), digits=0, rows=[f"order {n + 1}" for n in range(orders)]
    )
    for column, (label, own) in enumerate(zip(("first", "second"), signatures, strict=True)):
        place = 660 + 110 * column
        d.label(place, y - 18, label, 13, bold=True)
        for row, value in enumerate(own):
            equal = signatures[0][row] == signatures[1][row]
            d.box(place, table.row(row).y, 70, 26, str(value), "state" if equal else "vector", 13)
    d.label(715, y - 44, "smallest of its own shingles", 12, "faint")
    legend(d, 120, d.height - 24, token="a shingle of the text", vector="numbers", state="equal in both")
    return d


def _listed(names: Sequence[str], own: np.ndarray) -> str:
    return ", ".join(name for name, there in zip(names, own, strict=True) if there)
