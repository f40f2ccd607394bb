"""Drawings of features: five of them in two numbers, a sparse autoencoder, and texts with a feature's activation."""

from collections.abc import Sequence

from classroom.diagrams.canvas import SHAPES
from classroom.diagrams.diagram import Diagram, rectangle
from classroom.diagrams.geometry import Box
from classroom.diagrams.parts import grid

__all__ = ["dictionary", "feature_texts", "squeezed"]

PIECE, GAP = 25, 34  # the height of a token, and from one text to the next


def squeezed(features: Sequence[float], h: Sequence[float], rebuilt: Sequence[float]) -> Diagram:
    """Features that pass through fewer numbers and are rebuilt from them, with the values of one example."""
    n, m = len(features), len(h)
    shown = [", ".join(f"{value:.2f}" for value in values) for values in (features, h, rebuilt)]
    alt = f"""{n} features, here {shown[0]}, are multiplied by W, which gives {m} numbers h: {shown[1]}. The
        transposed W, a bias and a ReLU rebuild {n} features from h: {shown[2]}."""
    d, y = Diagram(900, 250, alt), 132
    d.title(f"{n} features in {m} numbers, and back")
    x = grid(d, 90, y, [[value] for value in features], "token", name="x", shape=f"({n})")
    W = d.box(240, y, 110, 44, "$W$", "weight")
    code = grid(d, 400, y, [[value] for value in h], "vector", cell=(58, 28), name="h", shape=f"({m})")
    back = d.box(560, y, 110, 44, "$W^T$", "weight")
    relu = d.box(690, y, 84, 44, "+ b, relu", "plain", 13)
    again = grid(d, 815, y, [[value] for value in rebuilt], "token", name="x rebuilt", shape=f"({n})")
    for start, end in ((x, W), (W, code), (code, back), (back, relu), (relu, again)):
        d.flow(start, end)
    d.label(240, y + 42, f"({m}, {n})", 12, "faint")
    d.label(560, y + 42, f"({n}, {m})", 12, "faint")
    return d


def dictionary(width: int, n_features: int, active: Sequence[float], explained: float) -> Diagram:
    """A sparse autoencoder on a stream; `active` are the largest features of one token, as they are."""
    values = ", ".join(f"{value:.1f}" for value in active)
    alt = f"""The stream of a token, {width} numbers, minus a bias is multiplied by the encoder, which gives
        {n_features} features. A ReLU and the choice of the largest leave a few, here {values} and smaller ones. The
        decoder has a unit direction for each feature: features times directions plus the bias rebuild the stream. On
        other plays {explained:.0%} of the variance is explained."""
    d, y = Diagram(900, 262, alt), 120
    d.title(f"A sparse autoencoder: {width} numbers, {n_features} features of which few are not 0")
    stream = d.box(70, y, 78, 44, "stream", "state")
    encoder = d.box(205, y, 104, 44, "encoder", "weight")
    chosen = d.box(345, y, 92, 52, "relu,\nlargest k", "plain", 13)
    features = grid(d, 510, y, [active], "vector", cell=(38, 30), digits=1, name="features")
    decoder = d.box(690, y, 104, 44, "decoder", "weight")
    again = d.box(830, y, 84, 44, "rebuilt", "state")
    d.flow(stream, encoder, chosen)
    d.arrow(chosen.right, features.left)
    d.arrow(features.right, decoder.left)
    d.flow(decoder, again)
    for x, text in (
        (70, f"({width})"),
        (205, f"({n_features}, {width})"),
        (510, f"the largest of ({n_features})"),
        (690, f"({width}, {n_features}),\nunit columns"),
        (830, f"{explained:.0%} explained"),
    ):
        d.label(x, y + 50, text, 12, "faint")
    bias = d.box(450, 222, 78, 34, "bias", "weight")
    d.arrow(bias.left, (131, bias.y), (131, y), encoder.left)
    d.arrow(bias.right, (762, bias.y), (762, y), again.left)
    d.label(141, bias.y - 12, "subtracted", 12, "faint", align="start")
    d.label(752, bias.y - 12, "added", 12, "faint", align="end")
    return d


def feature_texts(title: str, texts: Sequence[tuple[Sequence[str], Sequence[float]]]) -> Diagram:
    """Pieces of text, each token tinted by a feature's activation there; the largest of each text is written out."""
    most = max(max(values) for _, values in texts)
    told = "; ".join(f"{''.join(words)!r} with {max(values):.1f} at {_top(words, values)!r}" for words, values in texts)
    d = Diagram(900, 70 + GAP * len(texts), f"{title}. Texts with the largest activation in each: {told}.")
    d.title(title)
    for row, (words, values) in enumerate(texts):
        x, y = 74.0, 62 + GAP * row
        d.label(18, y, f"{max(values):.1f}", 13, "vector", align="start", bold=True)
        for word, value in zip(words, values, strict=True):
            text = word.replace("\n", "⏎").replace(" ", "·")
            w = 10 + 8.6 * len(text)
            if x + w > 890:
                break
            box, tint = Box(x + w / 2, y, w, PIECE), round(0.45 * max(0.0, value) / most, 2)
            d.shapes.append(box)
            d.draw(SHAPES, rectangle(box, f'class="t-vector s-faint" stroke-width=".5" fill-opacity="{tint}"'))
            d.label(box.x, y, text, 12, owner=box, ground=("vector", tint))
            x += w + 3
    return d


def _top(words: Sequence[str], values: Sequence[float]) -> str:
    """The token with the largest activation."""
    return words[max(range(len(values)), key=lambda place: values[place])]
