"""Drawings of a look inside: the places of a block, an induction head with its helper, and a patched stream."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from classroom.diagrams.diagram import Diagram
from classroom.diagrams.geometry import Box, spread
from classroom.diagrams.parts import STREAM, legend

__all__ = ["induction", "patch", "places"]


def places(block: str, norms: Mapping[str, float]) -> Diagram:
    """A block and the names of its activations, each with the norm that one token's vector has there."""
    parts = ("input", "attention", "feed_forward", "")
    names = [f"{block}.{part}".rstrip(".") for part in parts]
    told = ", ".join(f"{name} {norms[name]:.0f}" for name in names)
    alt = f"""The residual stream runs from {names[0]} to {names[3]}. Attention and feed-forward read it, and each adds
        its output: {names[1]} and {names[2]}. Inside attention, {names[1]}.heads are the heads' outputs before the
        matrix W_O mixes them. The norms at the last token are: {told}."""
    d, y, up = Diagram(900, 276, alt), 206, 92
    d.title("A block adds to the stream twice; each activation has a name")
    start = d.box(70, y, 84, 40, f"{norms[names[0]]:.0f}", "state")
    sums = [d.op(x, y, "+") for x in (475, 700)]
    end = d.box(840, y, 84, 40, f"{norms[names[3]]:.0f}", "state")
    d.flow(start, *sums, end, **STREAM)
    heads = [d.box(x, up, 96, 40, text, "weight") for x, text in ((205, "attention"), (410, "$W_O$"))]
    inner = d.box(310, up, 64, 40, "heads", "vector")
    d.arrow((140, y), (140, up), heads[0].left)
    d.flow(heads[0], inner, heads[1])
    d.arrow(heads[1].right, sums[0].top, bend="-|")
    forward = d.box(606, up, 116, 40, "feed-forward", "weight")
    d.arrow((520, y), (520, up), forward.left)
    d.arrow(forward.right, sums[1].top, bend="-|")
    d.label(310, 50, f"{names[1]}.heads", 12, "vector", bold=True)
    for x, name in ((475, names[1]), (700, names[2])):
        d.label(x - 12, 150, f"{norms[name]:.0f}", 13, align="end")
        d.label(x, 240, name, 12, bold=True)
    for box, name in ((start, names[0]), (end, names[3])):
        d.label(box.x, 240, name, 12, bold=True)
    return d


def induction(tokens: Sequence[str], previous: float, match: float) -> Diagram:
    """How two heads copy what followed a token's first occurrence; the last token is the one that occurred before.

    `previous` and `match` are the weights that the two heads give to the key that is drawn.
    """
    last = len(tokens) - 1
    first = list(tokens).index(tokens[last])
    alt = f"""The tokens {" ".join(tokens)}. In layer 0 a head looks one token back with the weight {previous:.2f}, so
        that the stream at {tokens[first + 1]} also holds that it comes after {tokens[first]}. In layer 1 the last
        {tokens[last]} looks for a token that comes after {tokens[last]}, finds {tokens[first + 1]} with the weight
        {match:.2f}, and copies it: the model predicts {tokens[first + 1]}."""
    d = Diagram(900, 330, alt)
    d.title("An induction head, and the head that it builds on")
    centres = spread(150, 880, [112] * len(tokens))
    below = [d.box(x, 280, 44, 34, token, "token") for x, token in zip(centres, tokens, strict=True)]
    texts = [tokens[0], *(f"{own}, after {before}" for before, own in pairwise(tokens))]
    middle = [d.box(x, 170, 112, 36, text, "state", 13) for x, text in zip(centres, texts, strict=True)]
    for token, stream in zip(below, middle, strict=True):
        d.flow(token, stream, **STREAM)
    for token, stream in zip(below, middle[1:], strict=False):
        bold = token is below[first]
        _look(d, token, (stream.x - 26, stream.bottom[1]), bold)
    result = d.box(centres[last], 70, 44, 34, tokens[first + 1], "token")
    d.flow(middle[last], result, **STREAM)
    d.arrow(middle[first + 1].top, (centres[first + 1], 70), result.left, role="score", width=2.6)
    d.label((centres[first + 1] + result.x) / 2, 54, f"looks for “after {tokens[last]}”: {match:.2f}", 12, "score")
    d.label((centres[first] + centres[first + 1]) / 2 + 32, 236, f"{previous:.2f}", 12, "score")
    for y, text in ((280, "tokens"), (225, "layer 0:\nprevious token"), (170, "stream"), (105, "layer 1:\ninduction")):
        d.label(18, y, text, 12, "faint", align="start")
    return d


def _look(d: Diagram, key: Box, end: tuple[float, float], bold: bool) -> None:
    """An arrow of attention from the top of a token to the stream of the next one."""
    d.arrow((key.x + 12, key.top[1]), end, role="score" if bold else "faint", width=2.6 if bold else 1.3)


def patch(texts: tuple[Sequence[str], Sequence[str]], block: int, position: int, metric: Sequence[float]) -> Diagram:
    """A clean and a corrupted text, and one vector of the stream before a block that is put from one into the other.

    `metric` is its value for the clean text, for the corrupted one, and for the patched one.
    """
    clean, corrupted, after = metric
    share = (after - corrupted) / (clean - corrupted)
    names = ("clean", "corrupted", "patched")
    alt = f"""Two texts: {" ".join(texts[0])} (clean) and {" ".join(texts[1])} (corrupted). The stream of the clean text
        before block {block} at {texts[0][position]} replaces that of the corrupted text. The metric is {clean:.1f} for
        the clean text, {corrupted:.1f} for the corrupted one and {after:.1f} for the patched one: {share:.2f} of the
        difference is restored."""
    d = Diagram(900, 330, alt)
    d.title(f"Patching: the clean stream before block {block} at {texts[0][position].strip()}, in the corrupted text")
    rows = []
    for y, text, name, value in zip((100, 240), texts, names, (clean, after), strict=False):
        centres = spread(110, 560, [82] * len(text))
        tokens = [d.box(x, y - 34, 82, 28, token, "token", 13) for x, token in zip(centres, text, strict=True)]
        roles = ["vector" if n == position else "state" for n in range(len(text))]
        streams = [d.box(x, y + 24, 60, 28, "", role) for x, role in zip(centres, roles, strict=True)]
        for token, stream in zip(tokens, streams, strict=True):
            d.flow(token, stream, **STREAM)
        rest = d.box(665, y + 24, 120, 40, f"blocks {block} …", "weight")
        d.arrow(streams[-1].right, rest.left, **STREAM)
        result = d.box(820, y + 24, 90, 40, f"{value:+.1f}".replace("-", "−"), "score")
        d.flow(rest, result)
        d.label(18, y - 34, name, 13, align="start", bold=True)
        rows.append(streams)
    above, below = rows[0][position], rows[1][position]
    d.arrow(above.right, (above.x + 46, above.y), (above.x + 46, below.y), below.right, role="vector", width=3)
    told = f"{corrupted:+.1f} without the patch: {share:.0%} restored".replace("-", "−")
    d.label(820, 302, told.replace(": ", ":\n"), 12, "faint")
    legend(d, 40, 308, state="stream", vector="copied", score="metric, in logits")
    return d
