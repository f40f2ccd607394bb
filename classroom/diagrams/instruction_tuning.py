"""Drawings of teaching a model to answer: what counts in a conversation, an adapter, rows with and without padding."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from classroom.diagrams.diagram import Diagram
from classroom.diagrams.parts import legend

__all__ = ["adapter", "conversation", "filled_rows"]


def conversation(messages: Sequence[tuple[str, Sequence[str], str]]) -> Diagram:
    """A conversation as the model reads it, a message per line; the loss is taken on answers and their end tokens.

    A message is its role, its tokens, and its end token.
    """
    told = "; ".join(f"{role}: {' '.join(tokens)}" for role, tokens, _ in messages)
    alt = f"""A conversation of {len(messages)} messages, one after the other in one row of tokens. {told}. Each begins
        with a header, which names the role, and ends with an end token. The loss is taken on the tokens of the
        assistant's messages and on their end tokens, and on nothing else."""
    d = Diagram(900, 92 + 46 * len(messages), alt)
    d.title("The loss is taken on what the assistant says, and on where it stops")
    for n, (role, tokens, end) in enumerate(messages):
        y, left = 62 + 46 * n, 150.0
        d.box(80, y, 118, 30, role, "weight", 12)
        counted = role == "assistant"
        for token in [*tokens, end]:
            width = 14 + 7.4 * len(token)
            d.box(left + width / 2, y, width, 30, token, "loss" if counted else "token", 12)
            left += width + 6
    meanings = {"weight": "headers, written by the program", "token": "read only", "loss": "read and learned"}
    legend(d, 30, d.height - 24, **meanings)
    return d


def adapter(width_in: int, width_out: int, rank: int, alpha: float) -> Diagram:
    """A matrix that stays as it is, with two narrow ones beside it that are trained."""
    fixed, trained = width_in * width_out, rank * (width_in + width_out)
    alt = f"""x, of width {width_in}, goes two ways. Above, the matrix W, {width_out} by {width_in}, with {fixed:,}
        fixed weights. Below, A, {rank} by {width_in}, which starts with random numbers, then B, {width_out} by
        {rank}, which starts at zero: {trained:,} trained weights. Their product is multiplied by alpha / rank =
        {alpha / rank:g} and added to W x; the sum is y, of width {width_out}."""
    d = Diagram(900, 236, alt)
    d.title("LoRA: the matrix stays, and a narrow detour is trained")
    x = d.box(70, 122, 92, 40, f"x\n{width_in}", "vector", 13)
    fixed_box = d.box(400, 78, 250, 44, f"W, fixed\n{width_out} × {width_in} = {fixed:,}", "plain", 13)
    a = d.box(280, 166, 150, 44, f"A, trained\n{rank} × {width_in}", "weight", 13)
    b = d.box(500, 166, 150, 44, f"B, starts at zero\n{width_out} × {rank}", "weight", 13)
    scale = d.op(640, 166, "×")
    total = d.op(740, 122, "+")
    y = d.box(838, 122, 84, 40, f"y\n{width_out}", "vector", 13)
    d.arrow(x.right, fixed_box.left, bend="-|-")
    d.arrow(x.right, a.left, bend="-|-")
    d.flow(a, b, scale)
    d.label(390, 202, f"only {rank} numbers", 12, "faint")
    d.label(640, 200, f"α / rank = {alpha / rank:g}", 12, "faint")
    d.arrow(fixed_box.right, total.top, bend="-|")
    d.arrow(scale.right, total.bottom, bend="-|")
    d.flow(total, y)
    legend(d, 30, 220, weight=f"trained: {trained:,} weights", vector="computed")
    return d


def filled_rows(batches: dict[str, ArrayLike]) -> Diagram:
    """Batches of rows, each row as pieces of tokens, one per example; what is left of a row is padding.

    A batch is a list of rows, and a row a list of the lengths of its examples.
    """
    shares, longest = {}, 0
    for name, rows in batches.items():
        used = [int(np.sum(row)) for row in rows]
        shares[name] = 1 - sum(used) / (max(used) * len(used))
        longest = max(longest, *used)
    told = "; ".join(f"{name}: {share:.0%} of the batch is padding" for name, share in shares.items())
    alt = f"Three batches, a bar for each row, with a piece for each example. {told}."
    tallest = max(len(rows) for rows in batches.values())
    d = Diagram(900, 128 + 20 * tallest, alt)
    d.title("Examples in rows: what is padding?")
    step, unit = 860 / len(batches), (860 / len(batches) - 40) / longest
    for n, (name, rows) in enumerate(batches.items()):
        left, width = 30 + n * step, max(int(np.sum(row)) for row in rows) * unit
        d.label(left, 52, f"{name}: {shares[name]:.0%} padding", 13, align="start", bold=True)
        for line, row in enumerate(rows):
            y, start = 80 + 20 * line, left
            for length in row:
                d.box(start + length * unit / 2, y, length * unit - 2, 15, "", "token")
                start += length * unit
            if left + width - start > 1:
                d.box((start + left + width) / 2, y, left + width - start - 2, 15, "", "faint")
    legend(d, 30, d.height - 22, token="an example", faint="padding")
    return d
