"""Plots return Axes that carry what they were given, on the given axes or a new figure, and leave the style alone."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from course_lib import plotting
from course_lib.metrics import Interval

LABELS = {"title": "t", "xlabel": "x", "ylabel": "y"}
PLOTS = {
    "bars": lambda **ax: plotting.bars(["a", "b"], [1.0, 2.0], title="t", xlabel="x", **ax),
    "intervals": lambda **ax: plotting.intervals({"a": Interval(1, 0, 2)}, title="t", xlabel="x", **ax),
    "arrows": lambda **ax: plotting.arrows({"u": (3, 4), "v": (4, 3)}, **LABELS, **ax),
    "curves": lambda **ax: plotting.curves({"a": ([0, 1], [2, 3]), "b": ([0, 1], [4, 5])}, **LABELS, **ax),
    "words_on_map": lambda **ax: plotting.words_on_map({"g": ["a"], "h": ["b"]}, np.eye(2), **LABELS, **ax),
}


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


@pytest.mark.parametrize("plot", PLOTS.values(), ids=PLOTS)
def test_a_plot_has_its_title_and_labels_and_leaves_the_style_alone(plot):
    before = dict(mpl.rcParams)
    ax = plot()
    assert ax.get_title(loc="left") == "t"
    assert ax.get_xlabel() == "x"
    assert dict(mpl.rcParams) == before
    ax.figure.canvas.draw()


@pytest.mark.parametrize("plot", PLOTS.values(), ids=PLOTS)
def test_a_plot_draws_on_the_axes_it_is_given(plot):
    ax = plt.figure().add_subplot()
    assert plot(ax=ax) is ax
    assert len(plt.get_fignums()) == 1


def test_curves_differ_in_colour_and_dash():
    ax = PLOTS["curves"]()
    first, second = ax.get_lines()
    assert list(first.get_ydata()) == [2, 3] and list(second.get_ydata()) == [4, 5]
    assert first.get_color() != second.get_color() and first.get_linestyle() != second.get_linestyle()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b"]


def test_bars_stand_in_order_with_their_values():
    ax = PLOTS["bars"]()
    assert [patch.get_width() for patch in ax.patches] == [1, 2]
    assert ax.yaxis_inverted() and [text.get_text() for text in ax.texts] == ["1.00", "2.00"]
