"""Drawings of BERT: what it is asked in training, and where a head begins to look."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from classroom.diagrams.diagram import Diagram
from classroom.diagrams.geometry import spread
from classroom.diagrams.parts import grid, legend

__all__ = ["first_looks", "masked_objective", "pooling"]

MASK = "[MASK]"


def masked_objective(words: Sequence[str], inputs: Sequence[str], asked: Sequence[int]) -> Diagram:
    """A text, what the encoder reads of it, and the positions at which it is asked for the word that was there."""
    changed = [f"{words[i]} is read as {inputs[i]}" for i in asked]
    alt = f"""The text {" ".join(words)} has {len(words)} tokens, of which {len(asked)} are chosen:
        {"; ".join(changed)}. The encoder reads all tokens at once, to the left and to the right. Only at the chosen
        positions is its state turned into a prediction and compared with the word that was there."""
    d = Diagram(900, 356, alt)
    d.title("Masked tokens: the encoder reads everything and is asked about a few positions")
    encoder = d.box(480, 182, 780, 44, "bidirectional encoder", "weight", 15)
    for i, x in enumerate(spread(96, 868, [84] * len(words))):
        role = "score" if i in asked else "token"
        above, below = d.box(x, 66, 82, 28, words[i], "token", 13), d.box(x, 122, 82, 28, inputs[i], role, 13)
        d.flow(above, below)
        d.arrow(below.bottom, (x, encoder.top[1]))
        if i in asked:
            state, target = d.box(x, 246, 40, 28, "h", "state", 14), d.box(x, 312, 82, 28, words[i], "vector", 13)
            d.arrow((x, encoder.bottom[1]), state.top)
            d.flow(state, target)
    for y, name in ((66, "text"), (122, "input"), (246, "states"), (312, "targets")):
        d.label(44, y, name, 13, "faint")
    return d


def first_looks(biases: ArrayLike, distances: Sequence[int]) -> Diagram:
    """The biases of each head over distances before training, and the weights that they give to equal scores."""
    biases = np.asarray(biases, dtype=float)
    weights = np.exp(biases) / np.exp(biases).sum(axis=1, keepdims=True)
    best = [distances[i] for i in biases.argmax(axis=1).tolist()]
    alt = f"""Two grids, a row per head and a column per distance from {distances[0]} to {distances[-1]}. Left: the bias
        that is added to the scores. It is 0 at the distances {best}, one for each head, and lower elsewhere. Right: the
        weights after the softmax where all other scores are equal; they are largest at the same distances."""
    d = Diagram(900, 92 + 30 * len(biases) + 46, alt)
    d.title("Where each head begins to look")
    rows, columns = [f"head {n}" for n in range(len(biases))], [f"{n:+d}" if n else "0" for n in distances]
    y, cell = 92 + 15 * len(biases), (38, 30)
    left = grid(d, 250, y, biases, "vector", cell=cell, digits=0, name="bias", rows=rows, columns=columns)
    right = grid(d, 690, y, weights, "score", cell=cell, digits=2, name="weight", columns=columns)
    d.arrow(left.right, right.left)
    d.label((left.right[0] + right.left[0]) / 2, y - 16, "softmax", 12)
    d.label(450, y + 15 * len(biases) + 24, "distance from the query to the key", 12, "faint")
    return d


def pooling(states: ArrayLike, words: Sequence[str], length: int) -> Diagram:
    """The states of a padded text, and its two vectors: the first state, and the mean of the real tokens' states."""
    states = np.asarray(states, dtype=float)
    alt = f"""The states of {len(words)} tokens, a row each: {" ".join(words)}. The last
        {len(words) - length} are padding.
        One vector of the text is the first row. Another is the mean of the first {length} rows, without padding."""
    d = Diagram(900, 150 + 32 * len(words), alt)
    d.title("From a state per token to a vector per text")
    y, cell = 70 + 16 * len(words), (44, 32)
    whole = grid(d, 280, y, states, "state", cell=cell, rows=words, name="states", shape="(T, C)")
    first = grid(d, 680, y - 50, states[:1], cell=cell, name="first token")
    mean = grid(d, 680, y + 50, states[:length].mean(axis=0, keepdims=True), cell=cell, name=f"mean of {length} tokens")
    d.arrow((whole.right[0], y - 50), first.left)
    d.arrow((whole.right[0], y + 50), mean.left)
    legend(d, 520, y + 40 + 16 * len(words), state="one per token", vector="one per text")
    return d
