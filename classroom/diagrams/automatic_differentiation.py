"""Drawings of automatic differentiation: a computation graph, a layer's backward pass, and one letter's gradient."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from classroom.diagrams.diagram import Diagram
from classroom.diagrams.geometry import Box
from classroom.diagrams.parts import grid, legend

__all__ = ["computation_graph", "layer_backward", "letter_gradient"]

Sources = Sequence[tuple[int, float]]
Node = tuple[str, float, float, Sources]


def computation_graph(nodes: Sequence[Node]) -> Diagram:
    """A formula's values and gradients: for each node its name, value, gradient, and sources (index, derivative).

    The nodes are in the order in which they are computed; inputs have no sources.
    """
    depths: list[int] = []
    for _, _, _, sources in nodes:
        depths.append(1 + max((depths[source] for source, _ in sources), default=-1))
    said = [f"{name} = {value:g} with the gradient {gradient:g}" for name, value, gradient, _ in nodes]
    alt = f"""A computation graph, read from left to right: {"; ".join(said)}. Each arrow carries the derivative of its
        operation. A gradient is the sum, over the arrows that leave a node, of the arrow's derivative times the
        gradient at its end."""
    rows = max(depths.count(depth) for depth in depths)
    d = Diagram(900, 140 + 110 * rows, alt)
    d.title("Values from left to right, gradients from right to left")
    boxes: list[Box] = []
    step = 700 / max(depths)
    for n, (name, value, gradient, _) in enumerate(nodes):
        above, same = depths[:n].count(depths[n]), depths.count(depths[n])
        y = 75 + 55 * rows + 110 * (above - (same - 1) / 2)
        boxes.append(d.box(100 + step * depths[n], y, 126, 34, f"{name} = {value:g}", "vector"))
        d.label(boxes[n].x, y + 31, f"gradient {gradient:g}".replace("-", "−"), 13, "loss", bold=True)
    for n, (_, _, _, sources) in enumerate(nodes):
        near = [(source, derivative) for source, derivative in sources if depths[source] == depths[n] - 1]
        for place, (source, derivative) in enumerate(near):
            _edge(d, boxes[source], boxes[n], derivative, 9 * (2 * place - len(near) + 1))
        for source, derivative in sources:
            if depths[source] < depths[n] - 1:
                over = boxes[source].top[1] - 24
                d.arrow(boxes[source].top, (boxes[source].x, over), (boxes[n].x, over), boxes[n].top)
                d.label(boxes[n].x - 60, over - 14, f"× {derivative:g}")
    legend(d, 60, d.height - 22, vector="a value", loss="gradient of the result with respect to this value")
    return d


def _edge(d: Diagram, source: Box, target: Box, derivative: float, shift: float) -> None:
    """An arrow with the derivative of its operation beside its head."""
    end = (target.left[0], target.y + shift)
    d.arrow(source.right, end, bend="-|-" if source.y != end[1] else "")
    d.label((source.right[0] + 3 * end[0]) / 4, end[1] + (18 if shift > 0 else -15), f"× {derivative:g}")


def layer_backward(x: ArrayLike, w: ArrayLike, dz: ArrayLike) -> Diagram:
    """The three products of a layer z = x w: one forward, and two backward with their shapes."""
    x, w, dz = (np.asarray(values, dtype=float) for values in (x, w, dz))
    (N, D), H = x.shape, w.shape[1]
    alt = f"""Three matrix products. Forward: x, {N} by {D}, times W, {D} by {H}, is z, {N} by {H}. Backward, for the
        inputs: dz, {N} by {H}, times W transposed, {H} by {D}, is dx, of the shape of x. Backward, for the weights:
        x transposed, {D} by {N}, times dz is dW, of the shape of W. dx is {np.round(dz @ w.T, 2).tolist()}, dW is
        {np.round(x.T @ dz, 2).tolist()}."""
    d = Diagram(900, 560, alt)
    d.title("A layer: one product forward, two products backward")
    products = (
        ("forward", ("$x$", x, "vector", "(N, D)"), ("$W$", w, "weight", "(D, H)"), ("$z$", "vector", "(N, H)")),
        ("inputs", ("$dz$", dz, "loss", "(N, H)"), ("$W^T$", w.T, "weight", "(H, D)"), ("$dx$", "loss", "(N, D)")),
        ("weights", ("$x^T$", x.T, "vector", "(D, N)"), ("$dz$", dz, "loss", "(N, H)"), ("$dW$", "loss", "(D, H)")),
    )
    for row, (label, (a, left, a_role, a_shape), (b, right, b_role, b_shape), (c, role, shape)) in enumerate(products):
        y = 125 + 165 * row
        d.label(40, y, label, 14, align="start", bold=True)
        grid(d, 260, y, left, a_role, name=a, shape=a_shape, cell=(48, 28))
        d.label(388, y, "@", 18)
        grid(d, 516, y, right, b_role, name=b, shape=b_shape, cell=(48, 28))
        d.label(642, y, "=", 18)
        grid(d, 768, y, left @ right, role, name=c, shape=shape, cell=(52, 28))
    return d


def letter_gradient(p: ArrayLike, target: int, letters: Sequence[str]) -> Diagram:
    """Probabilities of the next letter, the one-hot label, and their difference: the gradient of the logits."""
    p = np.asarray(p, dtype=float)
    label = np.eye(len(p))[target]
    alt = f"""Three strips with a cell for each of {", ".join(letters)}. The probabilities p are
        {np.round(p, 2).tolist()}; the label is 1 at {letters[target]} and 0 elsewhere. Their difference, the gradient
        of the logits, is {np.round(p - label, 2).tolist()}; its numbers sum to 0."""
    d = Diagram(900, 330, alt)
    d.title(f"The gradient of the logits where the next letter is {letters[target]}")
    wide = min(60, 700 / len(p))
    strips = (("vector", p, "$p$"), ("token", label, "label $y$"), ("loss", p - label, "$p - y$"))
    signs = ("", "−", "=")
    for n, ((role, values, name), sign) in enumerate(zip(strips, signs, strict=True)):
        y = 100 + 85 * n
        strip = grid(d, 500, y, values, role, cell=(wide, 30), columns=() if n else letters)
        d.label(strip.left[0] - 24, y, name, 14, align="end")
        d.label(strip.left[0] - 120, y, sign, 18)
    return d
