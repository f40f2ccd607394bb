"""Drawings of the encoder-decoder of GRUs: with a fixed summary, with attention, and of its beam search."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from classroom.diagrams.diagram import Diagram
from classroom.diagrams.geometry import Box, spread
from classroom.diagrams.parts import STREAM, grid, legend

__all__ = ["beams", "bottleneck", "looking_back"]

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


def beams(first: Mapping[str, float], then: Mapping[str, Mapping[str, float]], k: int) -> Diagram:
    """Two steps of a beam search: the probabilities of the first word, and of the second one after each first one."""
    kept = sorted(first, key=first.__getitem__, reverse=True)[:k]
    total = {(a, b): first[a] * p for a in kept for b, p in then[a].items()}
    best = sorted(total, key=total.__getitem__, reverse=True)[:k]
    alt = f"""Two steps of a search with {k} beams. Of the first words {", ".join(first)}, the most likely stay:
        {", ".join(kept)}. Each is continued with every word. Of all continuations, the {k} with the largest product
        stay: {", ".join(f"{a} {b} with {total[a, b]:.2f}" for a, b in best)}."""
    heights = spread(84, 84 + 38 * len(total), [28] * len(total))
    d = Diagram(900, 150 + 38 * len(total), alt)
    d.title(f"Beam search with {k} beams: all continuations compete")
    places = dict(zip(total, heights, strict=True))
    middle = sum(heights) / len(heights)
    start = d.box(90, middle, 84, 30, "BEGIN", "token", 13)
    ends = [*kept, *(word for word in first if word not in kept)]
    tops = [sum(places[a, b] for b in then[a]) / len(then[a]) for a in kept]
    tops += [heights[-1] + 44 + 38 * n for n in range(len(ends) - len(kept))]
    for a, y in zip(ends, tops, strict=True):
        box = _beam(d, 330, y, f"{a}  {first[a]:.2f}", a in kept)
        d.arrow(start.right, box.left, role="state" if a in kept else "faint", dashed=a not in kept)
        for b in then[a] if a in kept else ():
            leaf = _beam(d, 620, places[a, b], f"{b}  {then[a][b]:.2f}", (a, b) in best)
            stays = (a, b) in best
            d.arrow(box.right, leaf.left, role="state" if stays else "faint", dashed=not stays)
            d.label(700, places[a, b], f"{first[a]:.2f} × {then[a][b]:.2f} = {total[a, b]:.3f}", 13, align="start",
                    bold=stays)  # fmt: skip
    d.label(330, 52, "first word", 12, "faint")
    d.label(620, 52, "second word", 12, "faint")
    d.label(700, 52, "probability of both", 12, "faint", align="start")
    legend(d, 40, d.height - 20, state="kept", token="given")
    return d


def _beam(d: Diagram, x: float, y: float, text: str, kept: bool) -> Box:
    return d.box(x, y, 130, 28, text, "state" if kept else "plain", 13)


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
