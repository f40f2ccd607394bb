"""Drawings of attention: one query's lookup, masks, heads, and rotary positions."""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from classroom.diagrams.canvas import FRAMES
from classroom.diagrams.diagram import Diagram
from classroom.diagrams.geometry import Box, Grid, spread
from classroom.diagrams.parts import grid

__all__ = ["heads", "masks", "one_query", "rotary"]

Words = Sequence[str]


def one_query(q: ArrayLike, k: ArrayLike, v: ArrayLike, names: Words) -> Diagram:
    """One query's way through scores, softmax and values, with a row for each key."""
    q, k, v = (np.asarray(numbers, dtype=float) for numbers in (q, k, v))
    (S, D), scores = k.shape, k @ q
    scaled = scores / math.sqrt(D)
    weights = np.exp(scaled) / np.exp(scaled).sum()
    alt = f"""One query meets the keys of {", ".join(names)}. The scores are {np.round(scores, 2).tolist()}. Divided by
        √{D} and put through a softmax, they become the weights {np.round(weights, 2).tolist()}. The values, each times
        its weight, add up to the result {np.round(weights @ v, 2).tolist()}."""
    d, y = Diagram(900, 200 + 60 * S, alt), 125 + 30 * S
    d.title(f"One query looks at {S} keys")
    parts = (k, scores[:, None], scaled[:, None], weights[:, None], v, weights[:, None] * v)
    looks = (
        ("vector", "keys $K$", f"(S, D) = ({S}, {D})"),
        ("score", "scores", "(S)"),
        ("score", "scaled", "(S)"),
        ("score", "weights", "sum 1"),
        ("vector", "values $V$", f"(S, {v.shape[1]})"),
        ("vector", "weighted", ""),
    )
    cells = (44, 52, 52, 52, 52, 52)
    centres = spread(86, 866, [cell * part.shape[1] for cell, part in zip(cells, parts, strict=True)])
    grids = []
    for x, part, cell, (role, name, shape) in zip(centres, parts, cells, looks, strict=True):
        grids.append(grid(d, x, y, part, role, name=name, shape=shape, rows=() if grids else names, cell=(cell, 30)))
    query = grid(d, centres[0], y - 15 * S - 82, q, name="query $q$", cell=(44, 30))
    between = [(a.right[0] + b.left[0]) / 2 for a, b in pairwise(grids)]
    dot = d.op(between[0], y, "·", 26)
    total = grid(d, centres[-1], y + 15 * S + 75, weights @ v, cell=(52, 30))
    d.arrow(query.right, dot.top, bend="-|")
    d.flow(grids[0], dot, *grids[1:4])
    d.flow(grids[-1], total)
    signs = ((1, 16, 12, rf"$\div \sqrt{{{D}}}$"), (2, 16, 12, "softmax"), (3, 0, 18, "×"), (4, 0, 18, "="))
    for n, up, size, text in signs:
        d.label(between[n], y - up, text, size)
    d.label(total.left[0] - 12, total.y, "result: their sum", align="end")
    return d


def masks(tokens: Words, length: int) -> Diagram:
    """A causal mask, a padding mask (only the first `length` keys are real), and the two joined."""
    T = len(tokens)
    causal, padding = np.tri(T), np.tile(np.arange(T) < length, (T, 1)).astype(float)
    alt = f"""Three masks over the tokens {" ".join(tokens)}, a row per query, a column per key. Causal: each query may
        attend to itself and to the keys before it. Padding: every query may attend to the first {length} keys, not
        to the {T - length} padding tokens. Joined with &: only where both masks are true."""
    d, side = Diagram(900, 150 + 30 * T, alt), 30
    d.title("Which query (row) may attend to which key (column)")
    y, grids = 110 + 15 * T, []
    kinds = (("causal", causal), ("padding", padding), ("causal & padding", causal * padding))
    for x, (name, mask) in zip(spread(90, 880, [side * T] * 3), kinds, strict=True):
        rows = tokens if not grids else ()
        grids.append(_mask(d, x, y, mask, side, name, rows, tokens))
    d.label((grids[0].right[0] + grids[1].left[0]) / 2, y, "&", 20)
    d.label((grids[1].right[0] + grids[2].left[0]) / 2, y, "=", 20)
    return d


def _mask(d: Diagram, x: float, y: float, mask: np.ndarray, side: int, name: str, rows: Words, columns: Words) -> Grid:
    """A mask's cells, a tick where the query may attend."""
    box = grid(d, x, y, mask, "score", cell=(side, side), digits=None, name=name, rows=rows, columns=columns)
    for i, j in np.argwhere(mask > 0):
        cell = box.part(int(i), int(j))
        d.label(cell.x, cell.y, "✓", 13, owner=cell, ground=("score", 0.48))
    return box


def heads(x: ArrayLike, n_heads: int, seed: int = 0) -> Diagram:
    """How the columns of a matrix are split into heads, and how the heads' results are concatenated and mixed."""
    x, rng = np.asarray(x, dtype=float), np.random.default_rng(seed)
    (T, C), D, middle = x.shape, x.shape[1] // n_heads, 45 + 75 * n_heads
    alt = f"""{T} rows of {C} numbers are split by columns into {n_heads} heads of {D} numbers. Each head attends on its
        own, with its own weights. The results are concatenated to {T} rows of {C} numbers again, and the matrix W_O
        mixes them."""
    d = Diagram(900, 80 + 150 * n_heads, alt)
    d.title(f"{n_heads} heads: split, attend, concatenate, mix")
    whole = grid(d, 84, middle, x, cell=(22, 22), digits=None, name="$Q$, $K$ or $V$", shape="(T, C)")
    ends, results = [], []
    for head in range(n_heads):
        part, y = x[:, head * D : (head + 1) * D], 120 + 150 * head
        weights = np.exp(2 * rng.normal(size=(T, T)))
        weights /= weights.sum(axis=1, keepdims=True)
        results.append(weights @ part)
        small = {"cell": (22, 22), "digits": None}
        own = grid(d, 266, y, part, name=f"head {head}", shape="(T, D)", **small)
        seen = grid(d, 386, y, weights, "score", name="weights", shape="(T, T)", **small)
        ends.append(grid(d, 506, y, results[-1], name="result", shape="(T, D)", **small))
        d.arrow(whole.right, own.left, bend="-|-")
        d.flow(own, seen, ends[-1])
    joined = np.concatenate(results, axis=1)
    side = grid(d, 650, middle, joined, cell=(17, 22), digits=None, name="concatenated", shape="(T, C)")
    for end in ends:
        d.arrow(end.right, side.left, bend="-|-")
    mix = d.box(750, middle, 48, 42, "$W_O$", "weight", 16)
    mixed = joined @ rng.normal(size=(C, C))
    d.flow(side, mix, grid(d, 844, middle, mixed, cell=(14, 22), digits=None, name="mixed", shape="(T, C)"))
    return d


def rotary(angle: float, query: float, key: float, positions: Sequence[tuple[int, int]]) -> Diagram:
    """One pair of components of a query and of a key, each rotated by its position; all angles in degrees.

    `angle` is what one position rotates by; each pair of positions (of the query, of the key) gets a circle.
    """
    apart = [query - key + (p - s) * angle for p, s in positions]
    pairs = "; ".join(
        f"query at {p}, key at {s}: {between:g}° between them" for (p, s), between in zip(positions, apart, strict=True)
    )
    alt = f"""Rotary positions: a query and a key as arrows in a circle, not rotated {query - key:g}° apart. Each is
        rotated by {angle:g}° per position. {pairs}. Pairs at the same distance have the same angle between them,
        hence the same dot product."""
    d = Diagram(900, 286, alt)
    d.title(f"Rotary positions: each vector is rotated by {angle:g}° per position")
    plain, *circles = spread(40, 860, [180] * (len(positions) + 1))
    _dial(d, plain, {"q": (query, "vector"), "k": (key, "state")}, f"not rotated: {query - key:g}° apart")
    for x, (p, s), between in zip(circles, positions, apart, strict=True):
        arrows = {f"q at {p}": (query + p * angle, "vector"), f"k at {s}": (key + s * angle, "state")}
        steps = f"{query - key:g}° + {p - s} × {angle:g}°"
        _dial(d, x, arrows, f"{steps} = {between:g}° apart")
    return d


def _dial(d: Diagram, x: float, arrows: dict[str, tuple[float, str]], caption: str) -> None:
    """Arrows of unit length from the middle of a circle, each at its angle in degrees."""
    y, radius = 146, 66
    d.shapes.append(Box(x, y, 4, 4))
    d.draw(FRAMES, f'<circle class="s-faint" fill="none" cx="{x:g}" cy="{y:g}" r="{radius}"/>')
    for name, (angle, role) in arrows.items():
        across, up = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        end = x + radius * across, y - radius * up
        d.shapes.append(Box(*end, 1, 1))
        d.arrow((x, y), end, role=role, width=2.6)
        away = radius + 13 + 4 * len(name) * abs(across)  # the text's width counts beside the circle
        d.label(x + away * across, y - away * up, name, role=role, bold=True)
    d.label(x, y + radius + 42, caption)
