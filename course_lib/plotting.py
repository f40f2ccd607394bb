"""Plots: functions that take data and return Matplotlib Axes. Colours survive colour blindness; shapes, greyscale."""

import functools
from collections.abc import Callable, Sequence, Sized
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Text
from numpy.typing import ArrayLike

from course_lib.metrics import Interval
from course_lib.validation import require, require_finite, text_of

__all__ = ["COLOURS", "arrows", "attention_map", "bars", "curves", "heatmap", "intervals", "visible", "words_on_map"]

# Okabe and Ito (2008), in an order of falling darkness.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]
MARKERS = ["o", "s", "^", "D", "v", "P"]
DASHES = ["-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 3))]
STYLE = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.prop_cycle": plt.cycler(color=COLOURS),
}


def _styled(plot: Callable[..., Axes]) -> Callable[..., Axes]:
    """Draw in the course's style, on `ax` where one is given, else on a new figure, which goes again on an error."""

    @functools.wraps(plot)
    def draw(*args: Any, ax: Axes | None = None, **kwargs: Any) -> Axes:
        if plt.rcParams["text.usetex"]:
            _leave_latex_out(ax)
        # Outside the context: the first figure chooses the backend, whose settings would go with the context.
        figure = plt.figure(figsize=(7, 3.8), layout="constrained") if ax is None else ax.figure
        try:
            with plt.rc_context(STYLE):
                return plot(*args, ax=figure.add_subplot() if ax is None else ax, **kwargs)
        except Exception:
            if ax is None:
                plt.close(figure)
            raise

    return draw


def _leave_latex_out(ax: Axes | None) -> None:
    """Switch off a matplotlibrc's `text.usetex`: ticks are drawn later, and LaTeX would choke on our `%` and `_`."""
    plt.rcParams["text.usetex"] = False
    for text in [] if ax is None else ax.figure.findobj(Text):
        text.set_usetex(False)


@_styled
def bars(labels: Sequence[str], values: ArrayLike, *, title: str, xlabel: str, ax: Axes) -> Axes:
    """Horizontal bars, the first on top, each with its value (to two decimals where they are no integers)."""
    values = require_finite("values", values)
    require(len(labels), "bars need at least one label", labels)
    if values.shape != (len(labels),):
        raise ValueError(f"the {len(labels)} labels must have one value each, but the values' shape is {values.shape}")
    drawn = ax.barh(range(len(labels)), values, color=COLOURS[0])
    ax.set_yticks(range(len(labels)), labels)
    ax.invert_yaxis()
    ax.bar_label(drawn, fmt="%d" if np.issubdtype(values.dtype, np.integer) else "%.2f", padding=3)
    ax.margins(x=0.12)
    ax.set(title=title, xlabel=xlabel)
    return ax


@_styled
def intervals(scores: dict[str, Interval], *, title: str, xlabel: str, ax: Axes) -> Axes:
    """One row a name: the value as a dot, its interval as a line, and a dotted line at zero."""
    require(scores, "scores must hold at least one interval", scores)
    rows = range(len(scores))
    ends = require_finite("scores", list(scores.values()))
    require(ends.shape == (len(scores), 3), "scores must be intervals: a value, its low and its high end", scores)
    value, low, high = ends.T
    require((low <= value).all() and (value <= high).all(), "values must be within their intervals", scores)
    ax.errorbar(value, rows, xerr=[value - low, high - value], fmt="o", color=COLOURS[0], capsize=4)
    ax.axvline(0, color="0.5", linestyle=":")
    ax.set_yticks(rows, list(scores))
    ax.invert_yaxis()
    ax.margins(y=0.2)
    ax.set(title=title, xlabel=xlabel)
    return ax


@_styled
def curves(lines: dict[str, tuple[ArrayLike, ArrayLike]], *, title: str, xlabel: str, ylabel: str, ax: Axes) -> Axes:
    """Lines of x and y, each with a colour and a dash of its own, and dots where the points are few."""
    require(lines, "lines must hold at least one line", lines)
    for line, (name, pair) in enumerate(lines.items()):
        x, y = _checked(name, pair)
        marker = MARKERS[line % 6] if len(np.asarray(x)) <= 25 else None
        ax.plot(x, y, color=COLOURS[line % 6], linestyle=DASHES[line % 6], marker=marker, markersize=4, label=name)
    if len(lines) > 1:
        ax.legend(frameon=False, fontsize=9)
    ax.set(title=title, xlabel=xlabel, ylabel=ylabel)
    return ax


def _checked(name: str, pair: tuple[ArrayLike, ArrayLike]) -> tuple[ArrayLike, ArrayLike]:
    """A line's x and y; NaN among them is a gap, but something must be left to draw."""
    require(isinstance(pair, Sized) and len(pair) == 2, f"the line {name!r} must be a pair, its x and its y", pair)
    x, y = pair
    shapes = tuple(np.shape(x)), tuple(np.shape(y))
    if shapes[0] != shapes[1] or len(shapes[0]) != 1:
        raise ValueError(f"the line {name!r} must have as many y as x, in one row each, but their shapes are {shapes}")
    drawn = np.isfinite(np.asarray(x, dtype=float)) & np.isfinite(np.asarray(y, dtype=float))
    require(drawn.any(), f"the line {name!r} must have a finite number", list(y))
    return x, y


@_styled
def arrows(vectors: dict[str, Any], *, title: str, xlabel: str, ylabel: str, ax: Axes) -> Axes:
    """Vectors of the plane as arrows from the origin, at equal scales, so that angles look as they are."""
    require(vectors, "vectors must hold at least one vector", vectors)
    for name, vector in vectors.items():
        shape = require_finite(f"vectors[{name!r}]", vector).shape
        require(shape == (2,), f"vectors[{name!r}] must have two numbers, to be drawn on a plane", vector)
    for place, (name, (x, y)) in reversed(list(enumerate(vectors.items()))):  # the first on top
        ax.annotate("", (x, y), (0, 0), arrowprops={"arrowstyle": "->", "lw": 2, "color": COLOURS[place % 6]})
        ax.annotate(name, (x, y), xytext=(0, 8), textcoords="offset points", ha="center", color=COLOURS[place % 6])
    reach = np.array([*vectors.values(), (0, 0)])
    ax.set_xlim(reach[:, 0].min() - 0.3, reach[:, 0].max() * 1.25 + 0.3)
    ax.set_ylim(reach[:, 1].min() - 0.3, reach[:, 1].max() * 1.15 + 0.3)
    ax.set_aspect("equal")
    ax.set(title=title, xlabel=xlabel, ylabel=ylabel)
    return ax


@_styled
def words_on_map(
    groups: dict[str, Sequence[str]], places: ArrayLike, *, title: str, xlabel: str, ylabel: str, ax: Axes
) -> Axes:
    """Words at their places (rows of `places`, group by group), each group with a colour and a marker of its own."""
    start, places, expected = 0, require_finite("places", places), (sum(map(len, groups.values())), 2)
    if places.shape != expected or not len(places):
        raise ValueError(f"the words need places of shape {expected}, but the shape is {places.shape}")
    for group, (name, words) in enumerate(groups.items()):
        points = places[start : start + len(words)]
        ax.scatter(*points.T, color=COLOURS[group % 6], marker=MARKERS[group % 6], label=name)
        for word, point in zip(words, points, strict=True):
            ax.annotate(word, point, xytext=(4, 3), textcoords="offset points", fontsize=9)
        start += len(words)
    if len(groups) > 1:
        ax.legend(frameon=False, fontsize=9)
    ax.margins(0.12)
    ax.set(title=title, xlabel=xlabel, ylabel=ylabel)
    return ax


@_styled
def heatmap(
    values: ArrayLike,
    *,
    title: str,
    xlabel: str,
    ylabel: str,
    bar: str | None = None,
    low: float | int | None = None,
    high: float | int | None = None,
    ax: Axes,
) -> Axes:
    """A matrix as colours, the first row on top, the more the darker; values that fall on both sides of 0 get two hues.

    `bar` labels a colour bar; `low` and `high` are the ends of its scale. Where there are few, the
    values stand in their cells too.
    """
    matrix = np.asarray(values, dtype=float)
    finite = matrix[np.isfinite(matrix)]
    require(matrix.ndim == 2 and finite.size, "values must be a matrix with a finite number in it", values)
    both = low is None and high is None and finite.min() < 0 < finite.max()
    reach = np.abs(finite).max()
    low, high = (-reach, reach) if both else (low, high)
    drawn = ax.imshow(matrix, cmap="PuOr" if both else "Blues", vmin=low, vmax=high, interpolation="nearest")
    if max(matrix.shape) <= 8:
        for (row, column), value in np.ndenumerate(matrix):
            dark = abs(drawn.norm(value) - 0.5) > 0.3 if both else drawn.norm(value) > 0.6
            ax.text(column, row, f"{value:.2f}", ha="center", va="center", color="white" if dark else "black")
    if bar is not None:
        ax.figure.colorbar(drawn, ax=ax, label=bar)
    ax.spines[:].set(visible=True, color="0.8")
    ax.set(title=title, xlabel=xlabel, ylabel=ylabel)
    return ax


def attention_map(
    weights: ArrayLike,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    title: str,
    xlabel: str = "key",
    ylabel: str = "query",
    bar: str | None = "weight",
    ax: Axes | None = None,
) -> Axes:
    """Attention weights from 0 (white) to 1 (dark): a row for each query token, a column for each key token."""
    matrix = np.asarray(weights)
    if matrix.shape != (len(rows), len(columns)):
        expected = f"({len(rows)}, {len(columns)}), queries by keys"
        raise ValueError(f"these tokens need weights of shape {expected}, but the shape is {matrix.shape}")
    ax = heatmap(matrix, title=title, xlabel=xlabel, ylabel=ylabel, bar=bar, low=0, high=1, ax=ax)
    ax.set_xticks(range(len(columns)), map(visible, columns), rotation=90, fontsize=9, parse_math=False)
    for label in ax.get_xticklabels():
        label.set_rotation(90 if len(label.get_text()) > 1 else 0)
    ax.set_yticks(range(len(rows)), map(visible, rows), fontsize=9, parse_math=False)
    ax.tick_params(length=0)
    return ax


def visible(token: str) -> str:
    """A token with its blanks and line breaks shown: '·' and '↵'."""
    return text_of("token", token).replace(" ", "·").replace("\n", "↵")
