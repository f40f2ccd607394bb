"""Drawings of recurrent networks: one cell, the cell unrolled, stacked and bidirectional, and read in windows."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from classroom.diagrams.diagram import Diagram
from classroom.diagrams.geometry import Box, spread
from classroom.diagrams.parts import STREAM, grid, legend

__all__ = ["cell", "several_layers", "unrolled", "windows"]


def cell(x: ArrayLike, h: ArrayLike, W_x: ArrayLike, W_h: ArrayLike, b: ArrayLike) -> Diagram:
    """One step of a recurrent network with its numbers: from an input and a state to the new state."""
    x, h, W_x, W_h, b = (np.asarray(values, dtype=float) for values in (x, h, W_x, W_h, b))
    from_x, from_h = W_x @ x, W_h @ h
    new = np.tanh(from_x + from_h + b)
    (units, inputs), column = W_x.shape, (58, 28)
    alt = f"""One step of a recurrent cell. The input {_listed(x)} is multiplied by W_x, {units} rows and {inputs}
        columns, which gives {_listed(from_x)}. The state {_listed(h)} is multiplied by W_h, {units} by {units}, which
        gives {_listed(from_h)}. Their sum with the bias goes through tanh: the new state {_listed(new)}. It is both
        the output and the state of the next step."""
    d = Diagram(900, 340, alt)
    d.title("One step: the new state comes from the input and from the old state")
    state = grid(d, 110, 92, h[:, None], "state", cell=column, name="state $h$", shape=f"({units},)")
    given = grid(d, 110, 228, x[:, None], "token", cell=column, name="input $x$", shape=f"({inputs},)")
    recurrent = grid(d, 250, 92, W_h, "weight", cell=column, name="$W_h$", shape=f"({units}, {units})")
    reading = grid(d, 250, 228, W_x, "weight", cell=column, name="$W_x$", shape=f"({units}, {inputs})")
    carried = grid(d, 420, 92, from_h[:, None], cell=column, name="$W_h h$", shape=f"({units},)")
    read = grid(d, 420, 228, from_x[:, None], cell=column, name="$W_x x$", shape=f"({units},)")
    total, bend = d.op(540, 160, "+"), d.box(640, 160, 64, 34, "tanh", "plain")
    bias = grid(d, 540, 244, b[:, None], "weight", cell=column, name="", shape="bias $b$")
    after = grid(d, 770, 160, new[:, None], "state", cell=column, name="new state $h'$", shape=f"({units},)")
    d.flow(state, recurrent, carried)
    d.flow(given, reading, read)
    d.arrow(carried.right, total.top, bend="-|")
    d.arrow(read.right, (488, read.y), (488, 160), total.left)
    d.arrow(bias.top, total.bottom)
    d.flow(total, bend, after)
    d.arrow(after.right, (860, 160), (860, 318), (24, 318), (24, 92), state.left, **STREAM)
    d.label(690, 300, "one step later it is the old state", 12, "faint")
    return d


def _listed(values: np.ndarray) -> str:
    return "(" + ", ".join(f"{value:.3g}" for value in values.ravel()) + ")"


def unrolled(characters: Sequence[str], B: int, C: int, V: int) -> Diagram:
    """The cell unrolled over characters: each step reads one, and is to predict the next; the losses are averaged."""
    inputs, targets = characters[:-1], characters[1:]
    alt = f"""A recurrent network, unrolled over {len(inputs)} steps. Each step reads a character, {" ".join(inputs)},
        and the state of the step before it, ({B}, {C}). From its new state the output layer makes logits, ({B}, {V}),
        and the loss is −ln p of the next character: {" ".join(targets)}. The loss of the text is the mean of these. All
        steps have the same weights W_x, W_h and W_o."""
    d = Diagram(900, 430, alt)
    d.title("Unrolled: the same weights at every step")
    total = d.box(500, 70, 210, 34, "loss: mean over the steps", "loss", 13)
    before = d.box(150, 304, 60, 36, "$h_0$", "state")
    for t, x in enumerate(spread(220, 880, [96] * len(inputs)), 1):
        token = d.box(x, 390, 44, 30, inputs[t - 1], "token", 15)
        state = d.box(x, 304, 96, 36, f"$h_{t}$", "state")
        logits = d.box(x, 222, 96, 32, "logits", "vector", 13)
        loss = d.box(x, 146, 104, 32, f"−ln p({targets[t - 1]})", "loss", 13)
        d.flow(token, state)
        d.flow(before, state, **STREAM)
        d.flow(state, logits, loss)
        d.arrow(loss.top, (x, 108), (500, 108), total.bottom)
        d.label(x + 8, 350, "$W_x$", 12, "weight", align="start")
        d.label(x + 8, 264, "$W_o$", 12, "weight", align="start")
        d.label((before.right[0] + state.left[0]) / 2, 286, "$W_h$", 12, "weight")
        before = state
    rows = ((390, f"inputs\n({B}, T)"), (304, f"states\n({B}, T, {C})"), (222, f"logits\n({B}, T, {V})"))
    for y, text in (*rows, (146, f"losses\n({B}, T)")):
        d.label(20, y, text, 12, "faint", align="start")
    return d


def several_layers(words: Sequence[str], C: int) -> Diagram:
    """Two ways of having two layers: stacked, and bidirectional."""
    alt = f"""Two recurrent networks that read {" ".join(words)}. Left, stacked: the states of the first layer are the
        inputs of the second, both run from left to right, and the outputs have {C} numbers. Right, bidirectional: one
        layer runs from left to right and another from right to left, and their states at a word are concatenated to
        {2 * C} numbers."""
    d = Diagram(900, 340, alt)
    _chains(d, words, (120, 440), ("layer 1", "layer 2"), backward=False)
    _chains(d, words, (570, 890), ("forward", "backward"), backward=True)
    for x, title in ((18, "Stacked: depth"), (478, "Bidirectional: both sides")):
        d.label(x, 20, title, 15, align="start", bold=True)
    d.label(18, 62, f"outputs\n(B, T, {C})", 12, "faint", align="start")
    d.label(478, 62, f"outputs\n(B, T, {2 * C})", 12, "faint", align="start")
    return d


def _chains(
    d: Diagram, words: Sequence[str], ends: tuple[float, float], names: tuple[str, str], backward: bool
) -> None:
    """Two rows of states above the words; the upper one reads the lower one, or the words in the other direction."""
    rows: list[list[Box]] = [[], []]
    aside = 18 if backward else 0
    for x, word in zip(spread(*ends, [70] * len(words)), words, strict=True):
        token, output = d.box(x, 306, 70, 28, word, "token", 13), d.box(x, 62, 70, 30, "", "vector")
        low, high = d.box(x - aside, 222, 32, 30, "", "state"), d.box(x + aside, 140, 32, 30, "", "state")
        d.arrow((x - aside, token.top[1]), low.bottom)
        if backward:
            d.arrow((x + aside, token.top[1]), high.bottom)
            d.arrow(low.top, (x - aside, output.bottom[1]))
        else:
            d.flow(low, high)
        d.arrow(high.top, (x + aside, output.bottom[1]))
        rows[0].append(low)
        rows[1].append(high)
    d.flow(*rows[0], **STREAM)
    d.flow(*(reversed(rows[1]) if backward else rows[1]), **STREAM)
    for y, name in zip((222, 140), names, strict=True):
        d.label(ends[0] - 102 if not backward else ends[0] - 92, y, name, 12, "faint", align="start")


def windows(steps: int, k: int) -> Diagram:
    """A text read in windows of k steps: the state is carried over, the gradient stays in its window."""
    alt = f"""{steps} steps of a recurrent network in windows of {k}. The state goes on from step to step and from
        window to window. The gradient goes back from each window's loss to the first step of the same window and stops
        there: the state that enters a window is detached."""
    d = Diagram(900, 236, alt)
    d.title(f"Windows of {k}: the state is carried over, the gradient is cut")
    places = [60 + 780 * (t + 0.5) / steps for t in range(steps)]
    states = [d.box(x, 150, 40, 34, f"$h_{{{t}}}$", "state", 13) for t, x in enumerate(places, 1)]
    d.flow(*states, **STREAM)
    for first in range(0, steps, k):
        last = min(first + k, steps) - 1
        middle, width = (places[first] + places[last]) / 2, places[last] - places[first] + 54
        d.frame(middle, 138, width, 148)
        loss = d.box(places[last], 88, 50, 26, "loss", "loss", 13)
        d.flow(loss, states[last], role="loss")
        d.arrow(states[last].bottom, (places[last], 190), (places[first], 190), states[first].bottom, role="loss")
        if first:
            d.label((places[first - 1] + places[first]) / 2, 226, "detach", 12, "loss", bold=True)
    legend(d, 60, 50, state="state, forward", loss="gradient, backward")
    return d
