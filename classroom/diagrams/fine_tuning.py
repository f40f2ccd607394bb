"""Drawings of readers with a verdict: a convolution over words, and the ways to put a head on an encoder."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from classroom.diagrams.diagram import Diagram
from classroom.diagrams.geometry import Box, spread
from classroom.diagrams.parts import grid, legend

__all__ = ["convolution", "heads"]

Words = Sequence[str]


def convolution(words: Words, x: ArrayLike, weight: ArrayLike, bias: float) -> Diagram:
    """One filter slides over a sentence: a number for each window, of which the largest goes on.

    `x` has a row for each word, `weight` a row for each word of a window.
    """
    x, weight = np.asarray(x, dtype=float), np.asarray(weight, dtype=float)
    width = len(weight)
    results = [float((x[t : t + width] * weight).sum() + bias) for t in range(len(x) - width + 1)]
    best = int(np.argmax(results))
    window = " ".join(words[best : best + width])
    alt = f"""The sentence {" ".join(words)}, a row of {x.shape[1]} numbers per word. A filter of {width} rows slides
        over it. Multiplied with each window and added up, with the bias {bias:g}, it gives
        {", ".join(f"{value:.1f}" for value in results)}. The largest, {results[best]:.1f}, belongs to {window}; it
        alone goes on to the output layer."""
    d = Diagram(900, 146 + 30 * len(x), alt)
    d.title("A filter slides over the words, and its largest result counts")
    middle = 74 + 15 * len(x)
    text = grid(d, 190, middle, x, cell=(44, 30), digits=1, rows=words, shape=f"(T, C) = {x.shape}")
    kernel = grid(d, 420, middle, weight, "weight", cell=(44, 30), digits=1, shape=f"bias {bias:g}".replace("-", "−"))
    d.label(420, kernel.top[1] - 16, f"a filter, ({width}, C)", 13, "weight", bold=True)
    d.flow(text, kernel)
    column = grid(d, 600, middle, np.reshape(results, (-1, 1)), cell=(54, 30), digits=1)
    d.label(600, column.top[1] - 16, "one number per window", 13, "vector", bold=True)
    d.flow(kernel, column)
    largest = d.box(730, middle, 70, 36, f"{results[best]:.1f}".replace("-", "−"), "state", 14)
    d.label(730, middle - 34, "the largest", 12, "faint")
    d.arrow(column.right, largest.left)
    output = d.box(838, middle, 76, 40, "output\nlayer", "weight", 13)
    d.flow(largest, output)
    legend(d, 40, d.height - 22, vector="computed", weight="learned", state="kept")
    return d


def heads(one: Words, two: tuple[Words, Words], tagged: dict[str, str]) -> Diagram:
    """Three heads on one encoder: a verdict on a text, on a pair of texts, and on each word.

    `tagged` gives each word its label, "" for none.
    """
    pair = ["[CLS]", *two[0], "[SEP]", *two[1], "[SEP]"]
    roles = ", ".join(f"{word}: {label or 'none'}" for word, label in tagged.items())
    alt = f"""Three uses of one encoder. A verdict on a text: it reads {" ".join(one)}, the states are pooled into one
        vector, and a head gives the logits of the labels. A verdict on a pair: it reads {" ".join(pair)}, segment 0
        up to the first SEP and segment 1 after it, and the head is the same. A verdict on each word: a head gives
        logits at each state; {roles}."""
    d = Diagram(900, 372, alt)
    d.title("One encoder, three kinds of verdict")
    texts = (["[CLS]", *one, "[SEP]"], pair, ["[CLS]", *tagged, "[SEP]"])
    names = ("on a text", "on a pair of texts", "on each word")
    segments = len(two[0]) + 2
    for n, (x, words, name) in enumerate(zip((150, 450, 750), texts, names, strict=True)):
        d.label(x, 54, name, 13, bold=True)
        places = spread(x - 136, x + 136, [len(word) * 6.6 + 8 for word in words])
        encoder = d.box(x, 232, 272, 40, "encoder", "weight", 14)
        for place, word in zip(places, words, strict=True):
            token = d.box(place, 292, len(word) * 6.6 + 8, 24, word, "token", 11)
            d.arrow(token.top, (place, encoder.bottom[1]))
        if n == 1:
            for number, some in enumerate((places[:segments], places[segments:])):
                d.label((some[0] + some[-1]) / 2, 322, f"segment {number}", 12, "faint")
        if n < 2:
            _pooled(d, x, encoder, places)
        else:
            _each(d, encoder, places, ["", *tagged.values(), ""])
    legend(d, 40, 352, token="what it reads", weight="learned", vector="states", state="the text's vector")
    return d


def _pooled(d: Diagram, x: float, encoder: Box, places: Sequence[float]) -> None:
    """The states, their mean, and a head upon it."""
    states = d.box(x, 176, 272, 24, f"{len(places)} states", "vector", 12)
    d.flow(encoder, states)
    vector = d.box(x, 134, 110, 24, "their mean", "state", 12)
    head = d.box(x, 90, 110, 28, "head: logits", "weight", 13)
    d.flow(states, vector, head)


def _each(d: Diagram, encoder: Box, places: Sequence[float], labels: Words) -> None:
    """A state for each token, and a head at each."""
    for place, label in zip(places, labels, strict=True):
        state = d.box(place, 176, 22, 24, "", "vector")
        d.arrow((place, encoder.top[1]), state.bottom)
        head = d.box(place, 134, 22, 24, "", "weight")
        d.flow(state, head)
        d.label(place, 104, label, 11, "plain", bold=True)
