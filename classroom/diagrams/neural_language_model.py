"""Drawings of the neural language model: from eight characters to a prediction, and a gradient on its way back."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from classroom.diagrams.diagram import Diagram
from classroom.diagrams.geometry import spread
from classroom.diagrams.parts import grid, legend

__all__ = ["from_context_to_prediction", "gradient_on_its_way_back"]


def from_context_to_prediction(
    context: Sequence[str], vectors: ArrayLike, sizes: tuple[int, int, int], likely: Mapping[str, float]
) -> Diagram:
    """Bengio's network: a context's characters, the beginnings of their vectors (a row each), sizes, and a prediction.

    The sizes are those of a vector, of the hidden layer and of the vocabulary.
    """
    vectors = np.asarray(vectors, dtype=float)
    (d_embed, d_hidden, vocabulary), k = sizes, len(context)
    best = ", ".join(f"{name} {share:.2f}" for name, share in likely.items())
    alt = f"""{k} characters, {" ".join(context)}, each look up a row of the table C, a vector of {d_embed} numbers. The
        vectors are concatenated to x, {k * d_embed} numbers. The matrix H and tanh make {d_hidden} hidden units of x,
        the matrix U makes {vocabulary} logits of these, and the softmax makes probabilities: {best}, and so on."""
    d = Diagram(900, 474, alt)
    d.title("From a context to a prediction")
    table = d.box(480, 128, 790, 32, f"C: a row of {d_embed} numbers per character ({vocabulary} rows)", "weight")
    for name, values, x in zip(context, vectors, spread(96, 864, [90] * k), strict=True):
        token = d.box(x, 76, 40, 30, name, "token", 15)
        d.arrow(token.bottom, (x, table.top[1]))
        strip = grid(d, x, 190, values[None], "vector", cell=(32, 28), digits=1)
        d.arrow((x, table.bottom[1]), strip.top)
        d.arrow(strip.bottom, (x, 236))
    x = d.box(480, 252, 790, 32, f"x: the {k} vectors, concatenated: {k * d_embed} numbers")
    hidden = d.box(480, 318, 420, 32, f"h = tanh(H x + d): {d_hidden} hidden units", "weight")
    logits = d.box(480, 378, 420, 32, f"z = U h + b: {vocabulary} logits", "weight")
    d.flow(x, hidden, logits)
    softmax = d.box(480, 438, 100, 32, "softmax", "plain")
    d.flow(logits, softmax)
    shares = ", ".join(f"{name} {share:.2f}" for name, share in likely.items())
    following = d.box(730, 438, 290, 32, f"next: {shares}, ...", "vector")
    d.flow(softmax, following)
    for y, text in ((76, "context"), (190, "vectors")):
        d.label(40, y, text, 13, "faint")
    legend(d, 60, 438, weight="learned", vector="computed")
    return d


def gradient_on_its_way_back(sizes: Sequence[float], activation: str) -> Diagram:
    """A chain of layers with one activation, and the size of the loss's gradient at the outputs of each."""
    alt = f"""A chain of {len(sizes)} layers with {activation}. Values go from left to right, gradients from right to
        left. The size of the gradient at the layers' outputs, first to last: {", ".join(_short(s) for s in sizes)}."""
    d = Diagram(900, 214, alt)
    d.title(f"Values from left to right, gradients from right to left ({activation})")
    places = spread(60, 860, [62] * len(sizes))
    layers = [d.box(x, 82, 62, 34, f"layer {n}", "weight", 12) for n, x in enumerate(places, 1)]
    gradients = [d.box(x, 146, 62, 30, _short(size), "loss", 12) for x, size in zip(places, sizes, strict=True)]
    d.flow(*layers)
    d.flow(*reversed(gradients))
    legend(d, 60, 192, weight="learned", loss="root mean square of the gradient at this layer's outputs")
    return d


def _short(size: float) -> str:
    """A number of very different sizes in a few characters."""
    return f"{size:.2f}" if 0.01 <= size < 100 else f"{size:.0e}".replace("e-0", "e-").replace("-", "−")
