"""Drawings of models that remember: what each part of the data may decide, folds, dropout, and where decay enters."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from classroom.diagrams.diagram import Diagram
from classroom.diagrams.geometry import spread
from classroom.diagrams.parts import grid

__all__ = ["dropped", "folds", "two_decays", "which_decides_what"]


def which_decides_what(labelled: int, unlabelled: int, choosing: int, comparing: int, test: int) -> Diagram:
    """The reviews, split by split, and the one thing that each may decide."""
    sizes = [labelled, unlabelled, choosing, comparing, test]
    names = ["labelled", "texts alone", "validation, half 1", "validation, half 2", "test"]
    decides = ["weights", "word vectors,\nscale of inputs", "strengths,\nwhen to stop", "which model", "nothing"]
    told = "; ".join(
        f"{size:,} {name} decide: {what}".replace("\n", " ")
        for size, name, what in zip(sizes, names, decides, strict=True)
    )
    alt = f"""The reviews in five groups, and what each may decide. {told}. The test reviews are used once, for the
        number that is reported."""
    d = Diagram(900, 206, alt)
    d.title("What each group of reviews may decide")
    for i, x in enumerate(spread(30, 870, [150] * 5)):
        group = d.box(x, 76, 150, 52, f"{sizes[i]:,}\n{names[i]}", "token", 13)
        chosen = d.box(x, 150, 150, 46, decides[i], "score" if i == 4 else "weight", 13)
        d.arrow(group.bottom, chosen.top, dashed=i == 4)
    d.label(795, 189, "measured once, at the end", 11, "faint")
    return d


def folds(losses: Sequence[float], size: int) -> Diagram:
    """Cross-validation: one model per row, its held-out fold, and its loss there; `size` is the number of examples."""
    n = len(losses)
    alt = f"""{size} labelled reviews, cut into {n} folds of {size // n}. In each of {n} rows another fold is held out
        and a model is trained on the others. The losses on the held-out folds are
        {", ".join(f"{loss:.2f}" for loss in losses)}; their mean is {np.mean(losses):.2f}."""
    d = Diagram(900, 116 + 36 * n, alt)
    d.title(f"Cross-validation with {n} folds")
    places = spread(130, 640, [96] * n)
    for i, loss in enumerate(losses):
        y = 66 + 36 * i
        d.label(112, y, f"model {i + 1}", 13, "faint", align="end")
        for j, x in enumerate(places):
            d.box(x, y, 96, 28, "held out" if i == j else "train", "score" if i == j else "token", 12)
        d.label(668, y, "loss on its fold", 12, "faint", align="start")
        d.box(810, y, 64, 26, f"{loss:.2f}", "loss", 13)
    y = 74 + 36 * n
    d.label(668, y, "mean", 13, "plain", align="start", bold=True)
    d.box(810, y, 64, 28, f"{np.mean(losses):.2f}", "loss", 14)
    d.label(130, y, f"each of the {size} reviews is held out once", 12, "faint", align="start")
    return d


def dropped(x: ArrayLike, noise: ArrayLike, p: float) -> Diagram:
    """One hidden layer in training, with its noise, its mask and what goes on, and in evaluation."""
    x, noise = np.asarray(x, dtype=float), np.asarray(noise, dtype=float)
    mask = noise >= p
    out = x * mask / (1 - p)
    alt = f"""Dropout with p = {p:g}. In training, units {_said(x)} meet noise {_said(noise)}. The mask is 0 where the
        noise is below p, {_said(mask)}, and the units that stay are divided by {1 - p:g}: {_said(out)}. In evaluation
        the units go on unchanged."""
    d = Diagram(900, 252, alt)
    d.title(f"Dropout in training, p = {p:g}")
    cell = (52, 28)
    units = grid(d, 200, 106, x, cell=cell, digits=1, name="units")
    random = grid(d, 200, 192, noise, "token", cell=cell, digits=2, name="noise, new at every step")
    kept = grid(d, 560, 192, mask.astype(float), "score", cell=cell, digits=0, shape=f"mask: noise ≥ {p:g}")
    d.flow(random, kept)
    times = d.op(560, 106, "×")
    d.flow(units, times)
    d.flow(kept, times)
    scale = d.box(650, 106, 92, 32, f"÷ {1 - p:g}", "plain", 14)
    d.flow(times, scale)
    result = grid(d, 800, 106, out, cell=(34, 28), digits=1, name="what goes on")
    d.flow(scale, result)
    d.label(18, 236, "in evaluation the units go on as they are", 12, "faint", align="start")
    return d


def _said(values: ArrayLike) -> str:
    return ", ".join(f"{value:g}" for value in np.asarray(values, dtype=float))


def two_decays(weight: float, learning_rate: float, penalty: float) -> Diagram:
    """Where the pull towards 0 enters a step of Adam, for a weight whose gradient from the data is 0."""
    pull = penalty * weight
    after = weight - learning_rate, weight - learning_rate * pull
    alt = f"""Two steps of Adam for a weight of {weight:g} whose gradient from the data is 0, with a learning rate of
        {learning_rate:g} and a penalty of {penalty:g}. L2: the pull {pull:g} is added to the gradient and divided by
        the gradient's running size, {pull:g}, which leaves 1; times the learning rate, the step is {learning_rate:g}
        and the weight becomes {after[0]:g}. Decoupled decay: the pull goes past the division; times the learning rate,
        the step is {learning_rate * pull:g} and the weight becomes {after[1]:g}."""
    d = Diagram(900, 290, alt)
    d.title("Where the pull towards 0 enters a step of Adam")
    for y, name in ((96, "L2"), (208, "decoupled decay")):
        d.label(24, y - 34, name, 14, "plain", align="start", bold=True)
        gradient = d.box(96, y, 140, 34, "gradient: 0", "vector", 13)
        size = f"÷ running size {pull:g}" if y < 100 else "÷ running size"
        divide = d.box(380, y, 160, 34, size, "plain", 13)
        step = d.box(630, y, 160, 34, f"× learning rate {learning_rate:g}", "plain", 13)
        new = d.box(810, y, 120, 34, "weight " + (f"{after[0]:g}" if y < 100 else f"{after[1]:g}"), "weight", 13)
        if y < 100:
            plus = d.op(240, y, "+")
            d.flow(gradient, plus, divide, step, new)
            d.label(506, y - 14, "1", 13)
            pulled = d.box(240, y + 46, 130, 28, f"pull: {pull:g}", "loss", 13)
        else:
            plus = d.op(506, y, "+")
            d.flow(gradient, divide, plus, step, new)
            pulled = d.box(506, y + 46, 130, 28, f"pull: {pull:g}", "loss", 13)
        d.flow(pulled, plus)
    return d
