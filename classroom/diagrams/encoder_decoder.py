"""Drawings of the encoder-decoder of GRUs: with a fixed summary, and with attention."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from classroom.diagrams.diagram import Diagram
from classroom.diagrams.geometry import Box, spread
from classroom.diagrams.parts import STREAM, grid, legend

__all__ = ["bottleneck", "looking_back"]

Words = Sequence[str]
CELLS = 300  # the height at which the GRUs stand


def bottleneck(source: Words, target: Words, d_hidden: int) -> Diagram:
    """A GRU reads the source; its last state, the summary, is all that the decoder gets of it.

    The target begins with BEGIN, and each token of it but the last is read where the next one is predicted.
    """
    alt = f"""An encoder-decoder without attention. The encoder, a GRU, reads {" ".join(source)} from left to right, a
        state for each token. Only the last state goes on: the summary, {d_hidden} numbers. The decoder, another GRU,
        starts from it, reads {" ".join(target[:-1])} and predicts {" ".join(target[1:])}."""
    d = Diagram(900, 430, alt)
    d.title("Without attention: everything passes through one state")
    summary = d.box(440, CELLS, 92, 44, "summary", "state")
    before = summary
    d.flow(_encoder(d, source, 40, 350)[-1], summary, **STREAM)
    d.label(440, CELLS - 40, f"(1, {d_hidden})", 12, "faint")
    for x, word, predicted in zip(spread(540, 876, [70] * (len(target) - 1)), target, target[1:], strict=False):
        cell, output = _step(d, x, word), d.box(x, CELLS - 80, 72, 36, "softmax", "weight", 13)
        d.flow(before, cell, **STREAM)
        d.flow(cell, output, d.box(x, CELLS - 150, 66, 28, predicted, "token", 13))
        before = cell
    legend(d, 40, 60, state="state", weight="learned: GRU, output layer", token="tokens")
    return d


def looking_back(source: Words, target: Words, step: int, weights: ArrayLike) -> Diagram:
    """The decoder's state at one step asks all states of the encoder; their weighted mean is the context.

    `weights` are those of this step, one for each token of the source.
    """
    weights = np.asarray(weights, dtype=float)
    shares = ", ".join(f"{word} {weight:.2f}" for word, weight in zip(source, weights, strict=True))
    alt = f"""An encoder-decoder with attention. All states of the encoder are kept as keys. The decoder has read
        {" ".join(target[: step + 1])}; its state is the query. The weights of the keys are {shares}. Their weighted
        mean, the context, and the decoder's state together predict {target[step + 1]}."""
    d = Diagram(900, 450, alt)
    d.title(f"With attention: to predict “{target[step + 1]}”, the decoder looks at all states")
    keys = _encoder(d, source, 60, 430)
    gap, middle = keys[1].x - keys[0].x, (keys[0].x + keys[-1].x) / 2
    row = grid(d, middle, 205, weights, "score", cell=(gap, 30))
    d.label(row.left[0] + 4, 176, "softmax of the scores", role="score", align="start", bold=True)
    for n, key in enumerate(keys):
        d.flow(key, row.part(0, n))
    previous, query = _step(d, 600, target[step - 1]), _step(d, 760, target[step])
    d.flow(previous, query, **STREAM)
    context = d.box(middle, 96, 100, 40, "context $c$", "vector")
    d.flow(row, context)
    d.label(middle + 12, 148, "mean of the states\nunder these weights", 12, "faint", align="start")
    output = d.box(760, 96, 130, 40, r"$W_o \tanh(W[s; c])$", "weight", 13)
    d.flow(context, output)
    d.flow(query, output)
    d.arrow((760, 205), row.right)
    d.label(772, 232, "state $s$", align="start")
    d.label(600, 190, "query", role="score", bold=True)
    d.flow(output, d.box(866, 96, 52, 28, target[step + 1], "token", 13))
    legend(d, 40, 425, state="states, the keys", score="attention", weight="learned", token="tokens")
    return d


def _encoder(d: Diagram, source: Words, start: float, end: float) -> list[Box]:
    """The source's tokens, each under its step of a GRU, from left to right."""
    cells: list[Box] = []
    for x, word in zip(spread(start, end, [66] * len(source)), source, strict=True):
        cells.append(_step(d, x, word))
        if len(cells) > 1:
            d.flow(*cells[-2:], **STREAM)
    return cells


def _step(d: Diagram, x: float, word: str) -> Box:
    """A step of a GRU, with the token that it reads."""
    token, cell = d.box(x, CELLS + 78, 66, 28, word, "token", 13), d.box(x, CELLS, 44, 44, "GRU", "weight", 13)
    d.flow(token, cell, role="token")
    return cell
