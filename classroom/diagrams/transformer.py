"""Drawings of the Transformer: the whole encoder-decoder, and where its blocks normalise."""

from collections.abc import Sequence

import numpy as np

from classroom.diagrams.diagram import Diagram
from classroom.diagrams.geometry import Box
from classroom.diagrams.parts import STREAM, grid, legend, pills, residual

__all__ = ["norm_order", "transformer"]

Words = Sequence[str]


def transformer(sizes: dict[str, int], n_blocks: int, source: Words, target: Words, predicted: Words) -> Diagram:
    """The encoder-decoder with pre-norm residuals, and the shapes of one batch: the sizes of B, S, T, C and V."""
    B, S, T, C, V = (sizes[axis] for axis in "BSTCV")
    alt = f"""The Transformer, from the bottom up. Left, the encoder: {S} source tokens become vectors of {C} numbers
        from an embedding table, positions are added, and each of {n_blocks} blocks adds to this stream the results of
        self-attention and of a feed-forward layer, which read normalised copies of it; after a last norm it is the
        memory. Right, the decoder: {T} target tokens, and {n_blocks} blocks of causal self-attention,
        cross-attention with keys and values from the memory, and a feed-forward layer; after a last norm the
        embedding table gives {V} logits for each position."""
    d = Diagram(900, 896, alt)
    d.title("The Transformer: two streams, and what is added to them")
    sum1, [self1, _], memory = _stack(d, 86, 250, ["self-attention", "feed-forward"])
    sum2, [self2, cross, _], last = _stack(d, 814, 650, ["self-attention", "cross-attention", "feed-forward"])
    table = d.box(450, 798, 160, 40, "embedding $E$, (V, C)", "weight", 13)
    positions = d.box(450, 734, 160, 38, "positions", "plain")
    for plus, words, pinned, n, away, align in ((sum1, source, 0, S, 12, "start"), (sum2, target, -2, T, -12, "end")):
        lookup, tokens = d.box(plus.x, 798, 116, 40, "look up × √C", "plain", 13), pills(d, words, plus.x, 862, pinned)
        d.flow(tokens[pinned], lookup, role="token")
        d.flow(lookup, plus, **STREAM)
        d.flow(table, lookup)
        d.flow(positions, plus)
        d.label(plus.x + away, 830, f"({B}, {n})", 12, "faint", align=align)
        d.label(plus.x + away, 766, f"({B}, {n}, {C})", 12, "faint", align=align)
    d.arrow(memory.right, (450, memory.y), (450, cross.y), cross.left, **STREAM)
    logits = d.box(814, last.y - 70, 116, 40, "times $E^T$", "weight")
    d.flow(last, logits, **STREAM)
    d.flow(logits, pills(d, predicted, 814, last.y - 142, -2)[-2])
    _seen(d, [(357, self1.y, np.ones((5, 5))), (543, self2.y, np.tri(5)), (543, cross.y + 46, np.ones((5, 4)))])
    d.label(290, memory.y - 14, f"memory ({B}, {S}, {C})")
    d.label(480, cross.y - 15, "$K$, $V$")
    d.label(660, cross.y + 29, "$Q$", align="start")
    d.label(802, logits.y - 39, f"logits ({B}, {T}, {V:,})", align="end")
    d.label(744, logits.y, "the same table", align="end")
    d.label(378, 660, f"× {n_blocks} blocks", align="end")
    d.label(522, 660, f"× {n_blocks} blocks", align="start")
    _notes(d, f"B = {B} · S = {S} and T = {T} tokens\nC = {C} numbers per token · V = {V:,} tokens in the vocabulary")
    return d


def _stack(d: Diagram, x: float, at: float, sublayers: Words) -> tuple[Box, list[Box], Box]:
    """A stream at x with a residual branch for each sublayer; its first sum, the sublayers, its last norm."""
    start = plus = d.op(x, 734, "+")
    boxes: list[Box] = []
    for name in sublayers:
        rise = 52 if boxes else 96
        _, box, plus = residual(d, plus, at, ("norm", "plain"), (name, "weight"), rise=rise)
        boxes.append(box)
    d.frame(x + (120 if at > x else -120), (640 + plus.y) / 2, 368, 716 - plus.y)
    norm = d.box(x, plus.y - 80, 116, 38, "norm", "plain")
    d.flow(plus, norm, **STREAM)
    return start, boxes, norm


def _seen(d: Diagram, masks: Sequence[tuple[float, float, np.ndarray]]) -> None:
    """Small masks beside their attentions."""
    for x, y, mask in masks:
        grid(d, x, y, mask, "score", cell=(9, 9), digits=None)
        d.label(x, y + 33, "all" if mask.all() else "causal", 12, "faint")


def _notes(d: Diagram, sizes: str) -> None:
    how = "Each sublayer reads a normalised copy of its stream\nand adds its result to it. The squares show to which"
    d.label(18, 98, f"{how}\npositions (columns) each position (row) may attend.\n\n{sizes}", align="start")
    legend(d, 31, 180, state="a stream", weight="learned", token="tokens")


def norm_order() -> Diagram:
    """A sublayer with its norm after the sum (post-norm, 2017) and with its norm before the sublayer (pre-norm)."""
    alt = """Two ways to normalise. Left, post-norm, as in the paper of 2017: the sublayer's result is added to the
        stream, and the sum is normalised; every block's norm lies on the way of the stream. Right, pre-norm: the
        sublayer reads a normalised copy, its result is added, and nothing but sums lies on the way of the stream."""
    d = Diagram(900, 370, alt)
    d.title("Where a block normalises")
    d.label(190, 62, "post-norm: norm(x + f(x))", 14, bold=True)
    d.label(660, 62, "pre-norm: x + f(norm(x))", 14, bold=True)
    left, right = (d.box(x, 336, 44, 32, "$x$", "state", 16) for x in (90, 560))
    ends = [d.box(x, 104, 44, 32, "$x'$", "state", 16) for x in (90, 560)]
    plus, norm = d.op(90, 216, "+"), d.box(90, 162, 110, 34, "norm", "plain")
    sublayer = d.box(270, 246, 150, 38, "sublayer $f$", "weight")
    d.flow(left, plus, norm, ends[0], **STREAM)
    d.arrow((90, 290), (270, 290), sublayer.bottom)
    d.arrow(sublayer.top, (270, 216), plus.right)
    *_, plus = residual(d, right, 740, ("norm", "plain"), ("sublayer $f$", "weight"), rise=46)
    d.flow(plus, ends[1], **STREAM)
    return d
