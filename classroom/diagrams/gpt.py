"""Drawings of GPT: a block with its cache, a step's memory, two processes' gradients, one weight's way from 4 bits."""

import numpy as np
from numpy.typing import ArrayLike

from classroom.diagrams.diagram import Diagram
from classroom.diagrams.geometry import Box
from classroom.diagrams.parts import STREAM, grid, legend

__all__ = ["all_reduce", "block_with_cache", "modern_block", "q4_1_block", "row_order", "training_memory"]


def block_with_cache(weights: ArrayLike) -> Diagram:
    """A pre-norm block that reads one new token, with the keys and values of earlier ones in a cache.

    `weights` are the new token's attention weights, its own last.
    """
    past = len(np.asarray(weights)) - 1
    alt = f"""A GPT block reads one new token, whose vector x runs along the top. A normalised copy becomes a query, a
        key and a value; key and value are appended to a cache with those of the {past} tokens before. The query meets
        all {past + 1} keys; the softmax gives the weights {np.round(weights, 2).tolist()}; the mean of the values
        under these weights is added to the stream, and then the result of a feed-forward layer."""
    d = Diagram(900, 556, alt)
    d.title("A GPT block reads one token, with a cache")
    x, out = d.box(48, 76, 60, 36, "$x$", "state", 18), d.box(862, 76, 44, 36, "$x'$", "state", 18)
    plus1, plus2, norm = d.op(690, 76, "+"), d.op(810, 76, "+"), d.box(110, 140, 70, 36, "norm", "plain")
    d.flow(x, plus1, plus2, out, **STREAM)
    d.arrow((110, 76), norm.top)
    new = _projections(d, norm, past)
    d.label(340, 174, "$q$ (1, D)", 12, "faint")
    dot, times, mix = d.op(440, 282, "·", 26), d.op(566, 440, "×"), d.box(690, 370, 64, 38, "$W_O$", "weight", 16)
    row = grid(d, 566, 282, weights, "score", cell=(34, 28), name=f"weights (1, {past + 1})")
    d.label(554, 318, r"softmax($q K^T / \sqrt{D}$)", align="end")
    d.arrow(new["Q"].right, dot.top, bend="-|")
    d.arrow((384, 282), dot.left)
    d.flow(dot, row, times)
    d.arrow((384, 440), times.left)
    d.arrow(times.right, mix.bottom, bend="-|")
    d.flow(mix, plus1)
    norm2, feed = d.box(752, 150, 70, 36, "norm", "plain"), d.box(752, 226, 94, 46, "feed-\nforward", "weight", 13)
    d.arrow((752, 76), norm2.top)
    d.flow(norm2, feed)
    d.arrow(feed.right, plus2.bottom, bend="-|")
    legend(d, 470, 524, state="carried on", vector="new", weight="learned")
    return d


def _projections(d: Diagram, norm: Box, past: int) -> dict[str, Box]:
    """The new token's query, key and value, the last two under the caches."""
    random, new = np.random.default_rng(0), {}
    for name, y in (("V", 480), ("Q", 196), ("K", 330)):
        layer = d.box(210, y, 64, 38, f"$W_{name}$", "weight", 16)
        if name == "V":
            d.arrow(norm.bottom, layer.left, bend="|-")
        else:
            d.arrow((norm.x, y), layer.left)
        new[name] = grid(d, 340, y, random.normal(size=(1, 4)), cell=(22, 16), digits=None)
        d.flow(layer, new[name])
        if name != "Q":
            old, above = random.normal(size=(past, 4)), y - 8 - 8 * past
            grid(d, 340, above, old, "state", cell=(22, 16), digits=None, name=f"cache of ${name}$")
            d.label(340, y + 24, f"({past} + 1, D)", 12, "faint")
    return new


def training_memory(*, weights: int, gradients: int, optimiser: int, activations: int) -> Diagram:
    """What a training step keeps in memory, in bytes, as bars."""
    kept = {
        "weight": ("weights", weights),
        "loss": ("gradients", gradients),
        "state": ("optimiser", optimiser),
        "vector": ("activations", activations),
    }
    shares = ", ".join(f"{name} {size / 1e6:,.1f} MB" for name, size in kept.values())
    total = weights + gradients + optimiser + activations
    d = Diagram(900, 270, f"The memory of a training step: {shares}; together {total / 1e6:,.1f} MB.")
    d.title("The memory of a training step")
    most = max(size for _, size in kept.values())
    for n, (role, (name, size)) in enumerate(kept.items()):
        y, width = 70 + 44 * n, max(520 * size / most, 3)
        d.label(150, y, name, align="end")
        d.box(162 + width / 2, y, width, 28, "", role)
        d.label(174 + width, y, f"{size / 1e6:,.1f} MB", align="start")
    d.label(162, 248, f"together {total / 1e6:,.1f} MB", align="start", bold=True)
    return d


def all_reduce(windows: int, first: ArrayLike, second: ArrayLike) -> Diagram:
    """Two processes halve a batch of so many windows; four numbers of each one's gradient, and of their mean."""
    own = np.asarray([first, second], dtype=float)
    mean = own.mean(axis=0)
    alt = f"""A batch of {windows} windows is halved. Each of two processes has a copy of the model and computes the
        gradient of its half: {np.round(own[0], 2).tolist()} and {np.round(own[1], 2).tolist()} are four numbers of
        each. The all-reduce adds them up, and half the sum is the gradient of the whole batch:
        {np.round(mean, 2).tolist()}."""
    d = Diagram(900, 316, alt)
    d.title("Two processes compute one gradient")
    batch = d.box(64, 150, 92, 48, f"{windows}\nwindows", "token")
    plus, halve = d.op(620, 150, "+"), d.op(672, 150, "÷2", 12)
    for rank, y in enumerate((96, 204)):
        part = d.box(196, y, 100, 36, f"{windows // 2} windows", "token")
        model = d.box(334, y, 100, 46, f"model in\nprocess {rank}", "weight", 13)
        gradient = grid(d, 498, y, own[rank], "loss", cell=(46, 28), name="its gradient")
        d.arrow(batch.right, part.left, bend="-|-")
        d.flow(part, model, gradient)
        d.arrow(gradient.right, plus.bottom if rank else plus.top, bend="-|")
    result = grid(d, 798, 150, mean, "loss", cell=(46, 28), name="their mean", shape="in both processes")
    d.flow(plus, halve, result)
    d.label(646, 106, "all-reduce", 12, "faint", align="start")
    legend(d, 196, 284, token="data", weight="learned", loss="gradients")
    return d


def q4_1_block(codes: ArrayLike, scale: float, least: float) -> Diagram:
    """A block of Q4_1: 20 bytes (scale and minimum in float16, then 32 codes of 4 bits) become 32 weights."""
    codes = np.asarray(codes).reshape(4, 8)
    weights = codes * scale + least
    sum_of_first = f"{codes[0, 0]} × {scale:.4f} {'−' if least < 0 else '+'} {abs(least):.4f}"
    first = f"{weights[0, 0]:.4f}".replace("-", "−")
    alt = f"""A block of Q4_1, 20 bytes: the scale {scale:.4f} and the minimum {least:.4f}, 2 bytes each, and 32 codes
        from 0 to 15 in 16 bytes, 4 bits each. Every weight is its code times the scale plus the minimum: the first is
        {sum_of_first} = {first}."""
    d = Diagram(900, 290, alt)
    d.title("Q4_1: 20 bytes become 32 weights")
    stored = grid(d, 142, 180, codes, "weight", cell=(30, 28), name="32 codes", shape="16 bytes: 4 bits per code")
    times, plus = d.op(352, 180, "×"), d.op(470, 180, "+")
    size = d.box(352, 82, 104, 36, f"{scale:.4f}", "weight")
    low = d.box(470, 82, 104, 36, f"{least:.4f}".replace("-", "−"), "weight")
    d.label(352, 52, "scale, 2 bytes", 12, "faint")
    d.label(470, 52, "minimum, 2 bytes", 12, "faint")
    result = grid(d, 708, 180, weights, cell=(44, 28), name="32 weights", shape=f"first: {sum_of_first} = {first}")
    d.flow(stored, times, plus, result)
    d.flow(size, times)
    d.flow(low, plus)
    return d


def modern_block(*, C: int, n_heads: int, n_kv_heads: int, d_ff: int) -> Diagram:
    """A block of Llama's design: RMSNorm, rotary positions, grouped queries, SwiGLU, and where its cache begins."""
    D, group = C // n_heads, n_heads // n_kv_heads
    alt = f"""A block of Llama's design. The stream of width {C} runs along the top. A copy, normalised by RMSNorm, is
        multiplied by the query matrix ({n_heads} heads of {D}) and by the key and value matrices ({n_kv_heads} heads of
        {D} each). Queries and keys are rotated; keys and values go to the cache. In the attention, {group} query heads
        share one head of keys and values. An output matrix leads back to the stream. Then another normalised copy is
        multiplied by a gate matrix and an up matrix, {d_ff} wide; silu of the gate times up, elementwise, goes through
        a down matrix and is added to the stream."""
    d = Diagram(900, 456, alt)
    d.title("A block of the real model")
    x, out = d.box(40, 80, 52, 36, "$x$", "state", 18), d.box(858, 80, 44, 36, "$x'$", "state", 18)
    plus1, plus2 = d.op(500, 80, "+"), d.op(790, 80, "+")
    d.flow(x, plus1, plus2, out, **STREAM)
    d.label(300, 58, f"the stream, {C} numbers per token", 12, "faint")
    heads = {"Q": f"{n_heads} heads × {D}", "K": f"{n_kv_heads} heads × {D}", "V": f"{n_kv_heads} heads × {D}"}
    _grouped_attention(d, plus1, heads)
    _gated_feed_forward(d, plus2, f"{d_ff} wide")
    legend(d, 320, 436, state="carried on", weight="learned", score="attention")
    return d


def _grouped_attention(d: Diagram, total: Box, heads: dict[str, str]) -> None:
    """The branch of modern_block's attention, from the stream at its left up to the sum."""
    norm = d.box(104, 146, 84, 34, "RMSNorm", "plain", 13)
    d.arrow((104, 80), norm.top)
    layers = {}
    for name, y in (("V", 366), ("K", 288), ("Q", 210)):
        layers[name] = d.box(196, y, 70, 36, f"$W_{name}$", "weight", 16)
        d.label(196, y + 30, heads[name], 12, "faint")
        if name == "V":
            d.arrow(norm.bottom, layers[name].left, bend="|-")
        else:
            d.arrow((104, y), layers[name].left)
    turn_q, turn_k = d.box(292, 210, 64, 34, "rotate", "plain", 13), d.box(292, 288, 64, 34, "rotate", "plain", 13)
    attend = d.box(398, 288, 96, 56, "grouped\nattention", "score", 13)
    mix = d.box(500, 288, 56, 36, "$W_O$", "weight", 16)
    d.flow(layers["Q"], turn_q)
    d.flow(layers["K"], turn_k, attend, mix, total)
    d.arrow(turn_q.right, attend.top, bend="-|")
    d.arrow(layers["V"].right, attend.bottom, bend="-|")
    d.label(410, 396, "keys (rotated) and values go to the cache", 12, "faint")


def _gated_feed_forward(d: Diagram, total: Box, width: str) -> None:
    """The branch of modern_block's SwiGLU."""
    norm = d.box(574, 146, 84, 34, "RMSNorm", "plain", 13)
    d.arrow((574, 80), norm.top)
    gate, up = d.box(652, 210, 64, 36, "gate", "weight"), d.box(652, 288, 64, 36, "up", "weight")
    d.arrow(norm.bottom, up.left, bend="|-")
    d.arrow((574, 210), gate.left)
    silu, times = d.box(722, 210, 50, 34, "silu", "plain", 13), d.op(722, 288, "⊙")
    down = d.box(790, 288, 64, 36, "down", "weight")
    d.flow(gate, silu, times, down, total)
    d.flow(up, times)
    d.label(652, 318, width, 12, "faint")


def row_order(width: int) -> Diagram:
    """The rows of one head as llama.cpp sorts them, in neighbouring pairs, and as halves."""
    half = width // 2
    alt = f"""The {width} rows of one head. In the file, the two rows of a rotary pair are neighbours: pair 0 first,
        pair 0 second, pair 1 first, and so on. In our order, the first rows of all pairs, from the file's rows of even
        index, come before the second rows of all pairs, from the odd ones."""
    d = Diagram(900, 88 + 36 * width, alt)
    d.title("The rows of one head: neighbours become halves")
    d.label(250, 52, "in the file", 13, bold=True)
    d.label(650, 52, "in our class", 13, bold=True)
    for n in range(width):
        pair, second = divmod(n, 2)
        to, role = pair + half * second, "plain" if second else "weight"
        start = d.box(250, 84 + 36 * n, 180, 28, f"pair {pair}, {'second' if second else 'first'}", role, 13)
        end = d.box(650, 84 + 36 * to, 180, 28, f"pair {pair}, {'second' if second else 'first'}", role, 13)
        d.label(148, 84 + 36 * n, f"row {n}", 12, "faint", align="end")
        d.arrow(start.right, end.left, role=role)
    for n in range(width):
        d.label(752, 84 + 36 * n, f"row {n}", 12, "faint", align="start")
    return d
