"""Drawings of gated networks: one step of a GRU, one step of an LSTM, and a language model of characters."""

from collections.abc import Mapping, Sequence

from classroom.diagrams.diagram import Diagram
from classroom.diagrams.geometry import Box, spread
from classroom.diagrams.parts import STREAM, legend

__all__ = ["character_model", "gru_cell", "lstm_cell"]


def gru_cell(values: Mapping[str, float]) -> Diagram:
    """One step of a GRU; `values` are those of x, h, r, z, n and h' of one unit."""
    shown = {name.replace("'", "+"): f"{value:.3g}" for name, value in values.items()}
    alt = f"""One step of a GRU. The old state h = {shown["h"]} runs along the top: it is multiplied by
        z = {shown["z"]}, then a share of the candidate is added, which gives the new state {shown["h+"]}. The gates
        r = {shown["r"]} and z are computed from h and from the input x = {shown["x"]}. The candidate n = {shown["n"]}
        is the tanh of the input's part plus r times the state's part. Its share is 1 - z."""
    d = Diagram(900, 410, alt)
    d.title("One step of a GRU")
    h, new = (
        d.box(56, 96, 76, 36, f"$h$ = {shown['h']}", "state"),
        d.box(836, 96, 92, 36, f"$h'$ = {shown['h+']}", "state"),
    )
    keep, total = d.op(540, 96, "⊙"), d.op(720, 96, "+")
    d.flow(h, keep, total, new, **STREAM)
    d.label(56, 128, "(B, C)", 12, "faint")
    r, u = d.box(180, 270, 62, 40, "$r$: σ", "weight"), d.box(310, 176, 56, 36, "$U_n$", "weight", 16)
    z, n = d.box(430, 176, 62, 40, "$z$: σ", "weight"), d.box(600, 270, 78, 40, "$n$: tanh", "weight")
    reset, rest, share = d.op(310, 270, "⊙"), d.box(630, 176, 52, 30, "1 − $z$", "plain", 13), d.op(720, 176, "⊙")
    for gate in (r, u, z):
        d.arrow((gate.x, 96), gate.top)
    d.flow(u, reset)
    d.flow(r, reset, n)
    x = d.box(56, 350, 76, 36, f"$x$ = {shown['x']}", "token")
    d.label(56, 382, "(B, I)", 12, "faint")
    d.arrow(x.right, (n.x, 350), n.bottom)
    for gate in (r, z):
        d.arrow((gate.x, 350), gate.bottom)
    d.arrow(z.right, keep.bottom, bend="-|")
    d.arrow((540, 176), rest.left)
    d.flow(rest, share, total)
    d.arrow(n.right, share.bottom, bend="-|")
    for x_at, y_at, name in ((246, 255, "r"), (500, 160, "z"), (680, 255, "n")):
        d.label(x_at, y_at, shown[name], 12, "faint")
    legend(d, 660, 350, state="the state", weight="learned")
    d.label(756, 384, "⊙ multiplies unit by unit", 12, "faint")
    return d


def lstm_cell(values: Mapping[str, float]) -> Diagram:
    """One step of an LSTM; `values` are those of c, f, i, g, o, c' and h' of one unit."""
    shown = {name.replace("'", "+"): f"{value:.3g}" for name, value in values.items()}
    alt = f"""One step of an LSTM. The cell state c = {shown["c"]} runs along the top: it is multiplied by the forget
        gate f = {shown["f"]}, then the product of input gate i = {shown["i"]} and candidate g = {shown["g"]} is added,
        which gives c' = {shown["c+"]}. The output gate o = {shown["o"]} times the tanh of c' is the new
        h' = {shown["h+"]}. All four blocks i, f, g and o are computed from the input x and the old h."""
    d = Diagram(900, 420, alt)
    d.title("One step of an LSTM")
    c, new_c = (
        d.box(56, 90, 76, 36, f"$c$ = {shown['c']}", "state"),
        d.box(836, 90, 96, 36, f"$c'$ = {shown['c+']}", "state"),
    )
    keep, total = d.op(310, 90, "⊙"), d.op(430, 90, "+")
    d.flow(c, keep, total, new_c, **STREAM)
    d.label(56, 122, "(B, C)", 12, "faint")
    blocks = {name: d.box(x, 250, 74, 40, f"${name}$: {bend}", "weight") for name, x, bend in _BLOCKS}
    write, tanh = d.op(430, 170, "⊙"), d.box(750, 160, 56, 32, "tanh", "plain", 13)
    out, new_h = d.op(750, 250, "⊙"), d.box(836, 250, 96, 36, f"$h'$ = {shown['h+']}", "state")
    d.flow(blocks["f"], keep)
    d.flow(blocks["i"], write, total)
    d.arrow(blocks["g"].top, write.right, bend="|-")
    d.arrow((750, 90), tanh.top)
    d.flow(tanh, out, new_h)
    d.flow(blocks["o"], out)
    product = d.box(180, 330, 150, 40, "$W x + U h + b$", "weight")
    d.label(180, 364, "(B, 4C): i, f, g, o", 12, "faint")
    x, h = d.box(56, 300, 50, 32, "$x$", "token"), d.box(56, 366, 50, 32, "$h$", "state")
    d.arrow(x.right, (product.left[0], 322), bend="-|-")
    d.arrow(h.right, (product.left[0], 338), bend="-|-")
    d.arrow(product.right, (blocks["o"].x, 330), blocks["o"].bottom)
    for name in "fig":
        d.arrow((blocks[name].x, 330), blocks[name].bottom)
    for name, at_x, at_y in (("f", 330, 205), ("i", 450, 212), ("g", 584, 205), ("o", 718, 232)):
        d.label(at_x, at_y, shown[name], 12, "faint")
    legend(d, 560, 392, state="states", weight="learned", plain="unit by unit")
    return d


_BLOCKS = (("f", 310, "σ"), ("i", 430, "σ"), ("g", 550, "tanh"), ("o", 670, "σ"))


def character_model(text: Sequence[str], d_embed: int, d_hidden: int, vocab_size: int) -> Diagram:
    """Embedding, GRU and output layer, unrolled over a text: each column predicts the next character."""
    text = ["␣" if character == " " else character for character in text]
    read, wanted = text[:-1], text[1:]
    alt = f"""A language model of characters. It reads {", ".join(read)}. Each character becomes a vector of {d_embed}
        numbers, a GRU turns it and the old state into a new state of {d_hidden} numbers, and an output layer turns the
        state into {vocab_size} logits, from which {", ".join(wanted)} are to be predicted. The state goes on from
        column to column; all columns have the same weights."""
    d = Diagram(900, 440, alt)
    d.title("One character after another")
    before = d.box(130, 235, 70, 40, "zeros", "state", 13)
    for x, character, target in zip(spread(190, 880, [90] * len(read)), read, wanted, strict=True):
        column = _column(d, x, character, target)
        d.flow(before, column[2], **STREAM)
        d.flow(*column)
        before = column[2]
    sides = {390: "characters, (B, T)", 310: f"vectors, (…, {d_embed})", 235: "", 160: f"logits, (…, {vocab_size})"}
    sides |= {90: "next characters", 272: f"states, (…, {d_hidden})"}
    for y, words in sides.items():
        d.label(16, y, words, 12, "faint", align="start")
    legend(d, 480, 424, state="state", weight="learned", token="characters")
    return d


def _column(d: Diagram, x: float, character: str, target: str) -> list[Box]:
    """One step's boxes, from the character that is read up to the one that follows."""
    return [
        d.box(x, 390, 40, 28, character, "token"),
        d.box(x, 310, 78, 34, "embed", "weight", 13),
        d.box(x, 235, 78, 40, "GRU", "weight", 13),
        d.box(x, 160, 78, 34, "output", "weight", 13),
        d.box(x, 90, 40, 28, target, "token"),
    ]
