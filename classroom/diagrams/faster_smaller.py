"""Drawings of smaller and faster models: what a step reads, a block of integers, and guesses that are judged."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from classroom.diagrams.diagram import Diagram
from classroom.diagrams.parts import grid, legend

__all__ = ["judged_guesses", "quantised_block", "step_reads"]


def step_reads(megabytes: Mapping[str, float], cache: float) -> Diagram:
    """One token goes in, every weight and the cache are read, and one token comes out."""
    told = ", ".join(f"{name} {size:.0f} MB" for name, size in megabytes.items())
    alt = f"""To write one token, the processor fetches from memory: {told}, and the cache of keys and values,
        {cache:.0f} MB. Then the next token comes out, and all of it is fetched again."""
    d = Diagram(760, 300, alt)
    d.title("What one decoding step reads from memory")
    token, step = d.box(90, 220, 110, 40, "one token", "token"), d.box(380, 220, 240, 52, "one decoding step", "vector")
    after = d.box(670, 220, 110, 40, "next token", "token")
    d.flow(token, step, after)
    places = np.linspace(120, 640, len(megabytes) + 1)
    for place, (name, size) in zip(places.tolist(), {**megabytes, "cache": cache}.items(), strict=True):
        role = "state" if name == "cache" else "weight"
        box = d.box(place, 95, 150, 54, f"{name}\n{size:.0f} MB", role)
        d.arrow(box.bottom, (380 + (place - 380) / 3, step.top[1]), role=role)
    legend(d, 60, 278, weight="learned: the same for every token", state="grows with the text")
    return d


def quantised_block(weights: ArrayLike, codes: ArrayLike, back: ArrayLike, scale: float) -> Diagram:
    """A block's weights, their integers with one scale, and what comes back."""
    weights, codes, back = (np.asarray(values, dtype=float) for values in (weights, codes, back))
    alt = f"""A block of {len(weights)} weights: {_listed(weights, 2)}. Divided by the scale {scale:.3f} and rounded,
        they are the integers {_listed(codes, 0)}. The integers times the scale give back {_listed(back, 2)}."""
    d = Diagram(640, 264, alt)
    d.title("A block: one scale, and an integer for each weight")
    cell = (62, 28)
    first = grid(d, 400, 70, [weights], "weight", cell=cell)
    second = grid(d, 400, 150, [codes], "vector", cell=cell)
    third = grid(d, 400, 230, [back], "weight", cell=cell)
    for y, text in ((70, "weights"), (150, "integers"), (230, "what comes back")):
        d.label(250, y, text, align="end")
    d.arrow(first.bottom, second.top)
    d.arrow(second.bottom, third.top)
    d.label(410, 110, f"divide by the scale {scale:.3f}, round", 12, "faint", align="start")
    d.label(410, 190, f"multiply by {scale:.3f}", 12, "faint", align="start")
    return d


def _listed(values: np.ndarray, digits: int) -> str:
    return ", ".join(f"{value:.{digits}f}" for value in values)


def judged_guesses(text: Sequence[str], guesses: Sequence[str], accepted: int, own: str) -> Diagram:
    """Guesses behind a text; the model reads them at once, keeps the first few, and adds a token of its own."""
    kept, lost = guesses[:accepted], guesses[accepted:]
    alt = f"""After {" ".join(text)}, the guesses are {" ".join(guesses)}. The model reads them in one call. It accepts
        {" ".join(kept) or "none"}, rejects {" ".join(lost) or "none"}, and writes {own} itself: {accepted + 1} tokens
        in one call."""
    tokens = [*text, *guesses]
    width = 92
    d = Diagram(60 + width * len(tokens), 270, alt)
    d.title("Guess several tokens, then judge them in one call")
    xs = [76 + width * number for number in range(len(tokens))]
    for number, (x, token) in enumerate(zip(xs, tokens, strict=True)):
        guessed = number >= len(text)
        box = d.box(x, 80, width - 10, 32, token, "vector" if guessed else "token", 12)
        if number >= len(text) - 1:
            d.arrow(box.bottom, (x, 140))
    middle, wide = (xs[len(text) - 1] + xs[-1]) / 2, xs[-1] - xs[len(text) - 1] + width - 10
    model = d.box(middle, 160, wide, 40, "the model, one call", "weight")
    for number in range(accepted + 1):
        x = xs[len(text) - 1 + number]
        word, role = (guesses[number], "state") if number < accepted else (own, "score")
        d.arrow((x, model.bottom[1]), d.box(x, 225, width - 10, 32, word, role, 12).top)
    legend(d, 60, 256, vector="guess", state="accepted", score="the model's own")
    return d
