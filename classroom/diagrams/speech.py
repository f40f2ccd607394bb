"""Drawings of speech: from samples to a picture, the encoder-decoder that reads it, and a table of edits."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from classroom.diagrams.diagram import Diagram
from classroom.diagrams.geometry import spread
from classroom.diagrams.parts import legend

__all__ = ["edit_table", "from_sound_to_picture", "listener"]


def from_sound_to_picture(samples: int, frames: int, frequencies: int, bands: int) -> Diagram:
    """A second of sound on its way to the log-mel picture, with the shape after each step."""
    alt = f"""A second of sound, {samples:,} samples, is cut into {frames} windows of 400 samples, one every 160. Each
        window is faded in and out and becomes the power of {frequencies} frequencies. Mel filters, a matrix of
        {bands} by {frequencies}, sum these to {bands} bands, and the logarithm makes the picture, {bands} by
        {frames}."""
    d = Diagram(960, 186, alt)
    d.title("From a second of sound to its log-mel picture")
    widths = [110, 130, 150, 150, 130]
    steps = [
        ("samples", "token", f"({samples:,},)"),
        ("windows of 400", "vector", f"({frames}, 400)"),
        ("power spectrum", "vector", f"({frames}, {frequencies})"),
        ("mel bands", "vector", f"({bands}, {frames})"),
        ("log-mel", "score", f"({bands}, {frames})"),
    ]
    boxes = []
    for x, w, (name, role, shape) in zip(spread(24, 936, widths), widths, steps, strict=True):
        boxes.append(d.box(x, 84, w, 44, name, role))
        d.label(x, 122, shape, 13)
    d.flow(*boxes)
    for left, right, what in zip(boxes, boxes[1:], ("every 160", "fade, FFT", "filters", "log10"), strict=False):
        d.label((left.right[0] + right.left[0]) / 2, 150, what, 12, "faint")
    return d


def listener(frames: int, positions: int, d_model: int, layers: int, vocabulary: int) -> Diagram:
    """Whisper: convolutions and the encoder on one side, the decoder with cross-attention on the other."""
    alt = f"""Whisper. Left, the encoder: the log-mel picture (80, {frames:,}) goes through two convolutions, of which
        the second halves the frames, to ({positions:,}, {d_model}); positions are added; {layers} blocks make the
        memory of the same shape. Right, the decoder: the tokens written so far go through {layers} blocks of causal
        self-attention, cross-attention to the memory, and feed-forward, and become the logits of {vocabulary:,}
        tokens."""
    d = Diagram(900, 332, alt)
    d.title("Whisper: a picture of sound goes in, text comes out")
    left = [
        d.box(210, 290, 220, 38, "log-mel picture", "token"),
        d.box(210, 224, 220, 38, "2 convolutions", "weight"),
        d.box(210, 148, 220, 44, f"{layers} encoder blocks", "weight"),
        d.box(210, 78, 220, 38, "memory", "state"),
    ]
    d.flow(*left)
    right = [
        d.box(620, 300, 260, 34, "tokens so far", "token"),
        d.box(620, 224, 260, 38, "causal self-attention", "weight"),
        d.box(620, 158, 260, 38, "cross-attention", "weight"),
        d.box(620, 110, 260, 34, "feed-forward", "weight"),
        d.box(620, 54, 260, 34, "logits of the next token", "score"),
    ]
    d.flow(*right)
    d.frame(620, 169, 292, 164)
    d.arrow(left[-1].right, (400, 78), (400, 158), right[2].left, role="score")
    for box, shape in ((left[0], f"(80, {frames:,})"), (left[1], f"({positions:,}, {d_model})")):
        d.label(46, box.y, shape, 12, "faint")
    d.label(46, 78, f"({positions:,}, {d_model})", 12, "faint")
    d.label(820, 54, f"({vocabulary:,},)", 12, "faint")
    d.label(822, 158, f"{layers} blocks", 12, "faint")
    return d


def edit_table(
    transcript: Sequence[str], reference: Sequence[str], table: ArrayLike, path: Sequence[tuple[int, int]]
) -> Diagram:
    """The fewest edits of every beginning of a transcript into every beginning of the reference, and a way there."""
    table = np.asarray(table, dtype=float)
    alt = f"""A table with a row for each word of the transcript "{" ".join(transcript)}" and a column for each of the
        reference "{" ".join(reference)}", both after a row and a column for no words. Each cell has the fewest edits of
        the words so far. The last cell has {table[-1, -1]:.0f}. A way of least cost to it is marked."""
    d = Diagram(130 + 68 * table.shape[1], 128 + 34 * table.shape[0], alt)
    d.title("The fewest edits, beginning by beginning")
    for j, word in enumerate(["·", *reference]):
        d.label(150 + 68 * j, 60, word)
    for i, word in enumerate(["·", *transcript]):
        d.label(98, 88 + 34 * i, word, align="end")
        for j in range(table.shape[1]):
            d.box(150 + 68 * j, 88 + 34 * i, 60, 28, f"{table[i, j]:.0f}", "score" if (i, j) in path else "vector")
    legend(d, 40, d.height - 22, vector="fewest edits", score="a way of least cost")
    return d
