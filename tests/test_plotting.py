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
    "attention_map": lambda **ax: plotting.attention_map(np.eye(2), "ab", "cd", title="t", xlabel="x", **ax),
    "heatmap": lambda **ax: plotting.heatmap([[1, 2], [3, 4]], **LABELS, **ax),
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


def labels(axis):
    return [text.get_text() for text in axis.get_ticklabels()]


def test_an_attention_map_has_queries_down_and_keys_across():
    weights = np.array([[0.1, 0.2, 0.7], [1, 0, 0]])
    ax = plotting.attention_map(weights, ["a", " b"], ["$x$", " y", "z\n"], title="t")
    (image,) = ax.images
    assert np.array_equal(image.get_array(), weights) and image.get_clim() == (0, 1)
    assert labels(ax.yaxis) == ["a", "·b"] and labels(ax.xaxis) == ["$x$", "·y", "z↵"]
    assert not any(text.get_parse_math() for text in ax.get_xticklabels()), "a dollar sign is no formula"
    ax.figure.canvas.draw()
    letters = plotting.attention_map(np.eye(3), "abc", ["a", "be", "\n"], title="t")
    letters.figure.canvas.draw()
    assert [text.get_rotation() for text in letters.get_xticklabels()] == [0, 90, 0], "a letter stands upright"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("key", "query")
    assert [text.get_text() for text in ax.texts] == ["0.10", "0.20", "0.70", "1.00", "0.00", "0.00"]
    assert [other.get_ylabel() for other in ax.figure.axes if other is not ax] == ["weight"]
    ax = plotting.attention_map(weights, "ab", "xyz", title="t", xlabel="source", ylabel="target", bar=None)
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.figure.axes) == ("source", "target", [ax])


def test_an_attention_map_refuses_weights_of_other_tokens():
    with pytest.raises(ValueError, match=r"weights of shape \(2, 3\), queries by keys, but the shape is \(3, 2\)"):
        plotting.attention_map(np.ones((3, 2)), "ab", "xyz", title="t")


def test_a_heatmap_has_zero_in_the_middle_where_values_have_both_signs():
    (image,) = plotting.heatmap([[-1, 3]], **LABELS).images
    assert image.get_clim() == (-3, 3) and image.get_cmap().name == "PuOr"
    (image,) = plotting.heatmap([[1, 3]], **LABELS).images
    assert image.get_clim() == (1, 3) and image.get_cmap().name == "Blues"
    (image,) = plotting.heatmap([[-1, 3]], **LABELS, low=-2, high=4).images
    assert image.get_clim() == (-2, 4)


def test_a_large_heatmap_has_no_numbers():
    assert not plotting.heatmap(np.ones((2, 9)), **LABELS).texts
    assert len(plotting.heatmap(np.ones((2, 8)), **LABELS).texts) == 16


def test_an_error_leaves_no_empty_picture_and_the_axes_that_were_given():
    with pytest.raises(ValueError, match="one value each"):
        plotting.bars(["a"], [1, 2], title="t", xlabel="x")
    assert not plt.get_fignums()
    ax = plt.figure().add_subplot()
    with pytest.raises(ValueError, match="one value each"):
        plotting.bars(["a"], [1, 2], title="t", xlabel="x", ax=ax)
    assert ax.figure.number in plt.get_fignums()


def test_nan_is_a_gap_where_something_is_left_to_draw():
    (line,) = plotting.curves({"a": ([0, 1, 2], [1, np.nan, 3])}, **LABELS).get_lines()
    assert np.isnan(line.get_ydata()[1])
    (image,) = plotting.heatmap([[-1, np.nan, 3], [0, -np.inf, 1]], **LABELS).images
    assert image.get_clim() == (-3, 3) and image.get_cmap().name == "PuOr"
