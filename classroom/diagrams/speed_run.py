"""Drawings of the race: equal steps and equal time, where inventions sit in a block, n-grams' rows, Muon's step."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from classroom.diagrams.diagram import Diagram
from classroom.diagrams.parts import STREAM, grid, legend

__all__ = ["block_of_parts", "equal_time", "ngram_rows", "singular_values"]


def equal_time(recipe: str, entry: str, ratio: float, steps: int = 6) -> Diagram:
    """Two entries' steps as blocks on a time axis; one of the entry's takes `ratio` times as long as the recipe's."""
    allowed = max(1, round(steps / ratio))
    alt = f"""Steps as blocks along an axis of time. {recipe}: {steps} steps. {entry}: each step takes {ratio:.2f} times
        as long. At equal steps it also takes {steps}, and {ratio:.2f} times the time; at equal time it is allowed
        {allowed}."""
    d = Diagram(900, 292, alt)
    d.title("Equal steps are not equal time")
    width = 856 / max(1, ratio) / steps
    rows = ((recipe, steps, 1), (f"{entry}, equal steps", steps, ratio), (f"{entry}, equal time", allowed, ratio))
    for n, (name, count, length) in enumerate(rows):
        y = 82 + 62 * n
        d.label(18, y - 29, name, 12, align="start", bold=True)
        for step in range(count):
            role = "vector" if step < max(1, steps / length) - 0.5 else "faint"
            d.box(20 + width * length * (step + 0.5), y, width * length - 3, 30, str(step + 1), role, 12)
    end = width * steps
    d.box(20 + end / 2, 250, end - 3, 24, "the budget of time", "token", 12)
    legend(d, 60 + end, 250, vector="within the budget", faint="over it")
    return d


def block_of_parts(*, d_model: int, n_heads: int, n_layers: int) -> Diagram:
    """A block of the recipe's GPT, and at each part the name of the invention that can take its place."""
    alt = f"""One of {n_layers} blocks of a GPT of width {d_model} with {n_heads} heads, and what inventions replace.
        A token's vector and a position's vector are added: rotary positions replace the second, n-gram vectors are
        added to the first. In the block, two LayerNorms, for which RMSNorm stands in. Queries and keys can be rotated
        (rotary positions) and normalised (QK norm) before attention. The feed-forward layer can be a SwiGLU. Muon
        replaces the optimiser of the block's matrices."""
    d = Diagram(900, 390, alt)
    d.title("One block, and the places of six inventions")
    token = d.box(86, 92, 126, 38, "token vector", "weight", 13)
    position = d.box(86, 204, 126, 38, "position vector", "weight", 13)
    plus0, plus1, plus2 = d.op(186, 92, "+"), d.op(540, 92, "+"), d.op(812, 92, "+")
    out = d.box(868, 92, 40, 34, "$x'$", "state", 16)
    d.flow(token, plus0, plus1, plus2, out, **STREAM)
    d.arrow(position.right, plus0.bottom, bend="-|")
    _places(d, (86, 57, "n-gram vectors"), (86, 239, "rotary positions"), (86, 260, "replace it"))
    norm = d.box(256, 170, 100, 36, "LayerNorm", "plain", 13)
    d.arrow((256, 92), norm.top)
    layer = d.box(256, 262, 116, 44, "$W_Q, W_K, W_V$", "weight", 15)
    qk = d.box(402, 262, 84, 48, "queries,\nkeys", "vector", 13)
    attend = d.box(540, 262, 96, 44, "attention", "score", 13)
    mix = d.box(540, 170, 64, 36, "$W_O$", "weight", 15)
    d.flow(norm, layer, qk, attend, mix, plus1)
    _places(d, (314, 170, "RMSNorm", "start"), (402, 305, "rotary positions"), (402, 327, "QK norm"))
    norm2 = d.box(644, 170, 100, 36, "LayerNorm", "plain", 13)
    feed = d.box(812, 262, 116, 44, "feed-forward", "weight", 13)
    d.arrow((644, 92), norm2.top)
    d.arrow(norm2.bottom, feed.left, bend="|-")
    d.flow(feed, plus2)
    _places(
        d, (702, 170, "RMSNorm", "start"), (812, 305, "SwiGLU"), (402, 366, "Muon trains the block's matrices", "start")
    )
    legend(d, 40, 366, weight="learned", vector="computed", score="attention")
    return d


def _places(d: Diagram, *places: tuple) -> None:
    """Names of inventions at the parts that they change."""
    for x, y, name, *align in places:
        d.label(x, y, name, 13, bold=True, align=align[0] if align else "middle")


def ngram_rows(text: str, rows: Sequence[int], size: int, vectors: ArrayLike) -> Diagram:
    """The last character of a text: its own vector, and those of the rows of the n-grams that end with it."""
    vectors = np.asarray(vectors, dtype=float)
    grams = [text[len(text) - n :] for n in range(2, 2 + len(rows))]
    named = "; ".join(f"{gram!r} row {row:,}" for gram, row in zip(grams, rows, strict=True))
    alt = f"""The text {text!r}, and its last character {text[-1]!r}. A hash turns each n-gram that ends with it into
        the number of a row, {size:,} for each length: {named}. The rows' vectors and the character's own are added."""
    d = Diagram(900, 68 + 58 * len(vectors), alt)
    d.title("The n-grams that end with a character, and their rows")
    total = d.op(640, 49 + 29 * len(vectors), "+")
    for n, (gram, vector) in enumerate(zip([text[-1], *grams], vectors, strict=True)):
        y = 78 + 58 * n
        pill = d.box(90, y, 110, 30, gram.replace(" ", "␣").replace("\n", "↵"), "token", 14)
        middle = d.box(228, y, 106, 30, "hash" if n else "its own row", "plain", 13)
        found = grid(d, 470, y, vector, "weight", cell=(46, 28))
        d.flow(pill, middle)
        d.flow(middle, found)
        if n:
            d.label(328, y - 14, f"row {rows[n - 1]:,}", 12, "faint")
        d.arrow(found.right, total.top if y < total.y else total.bottom, bend="-|")
    result = grid(d, 780, total.y, vectors.sum(axis=0), cell=(46, 28), name="what the block reads")
    d.flow(total, result)
    return d


def singular_values(values: ArrayLike, directions: Sequence[int]) -> Diagram:
    """The singular values of a matrix, over its norm, before and after each step of Newton-Schulz; a row per step."""
    values = np.asarray(values, dtype=float)
    alt = f"""Singular values of a gradient of which the directions {list(directions)} are shown. Divided by its norm:
        {np.round(values[0], 3).tolist()}. After {len(values) - 1} steps: {np.round(values[-1], 2).tolist()}."""
    d = Diagram(900, 112 + 32 * len(values), alt)
    d.title("A gradient's singular values on their way towards 1")
    names = ["over its norm", *(f"after step {n}" for n in range(1, len(values)))]
    columns = [f"{n}." for n in directions]
    grid(
        d,
        500,
        92 + 16 * len(values),
        values,
        cell=(68, 32),
        digits=3,
        rows=names,
        columns=columns,
        name="direction, sorted",
    )
    return d
