"""Panels: live, saved, and answering wrong input."""

import base64
import re

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from gensim.models import KeyedVectors

from classroom.lab import WIDGET, photograph
from classroom.panels import (
    AttentionMap,
    Panel,
    analogy_panel,
    attention_panel,
    map_panel,
    neighbours_panel,
    row_of,
)
from course_lib import plotting


@pytest.fixture
def vectors():
    words = ["king", "queen", "man", "woman", "<unk>", "bread"]
    keyed = KeyedVectors(2)
    keyed.add_vectors(words, np.array([[3, 1], [3, 2], [1, 1], [1, 2], [-1, -1], [-1, 1]], dtype=np.float32))
    return keyed


def shown(panel):
    """The panel's picture, its text as HTML, and the saved file's plain text."""
    bundle, live = panel._repr_mimebundle_(), panel.children[-1].value
    picture = re.search('src="data:image/png;base64,([^"]*)"', live)[1]
    assert base64.b64decode(picture).startswith(b"\x89PNG") and picture in bundle["text/html"]
    return picture, live, bundle["text/plain"]


def test_a_control_changes_picture_and_text_and_saves_both():
    def draw(n):
        print(f"{n} bars")
        return plotting.bars(list("abc"[:n]), np.arange(n), title="bars", xlabel="x")

    panel = Panel(draw, n=ipywidgets.IntSlider(2, 1, 3))
    picture, live, text = shown(panel)
    assert text == "n = 2\n2 bars" and 'alt="n = 2\n2 bars"' in live and picture in live
    panel.children[0].value = 3
    assert shown(panel)[0] != picture
    assert shown(panel)[2] == "n = 3\n3 bars"
    panel.children[0].value = 2
    assert shown(panel)[0] == picture, "the same values draw the same picture"


def test_an_error_is_shown_escaped_and_the_last_picture_stays():
    def draw(word):
        plt.figure()
        if word == "bad":
            raise KeyError("<unk>")

    panel = Panel(draw, word=ipywidgets.Text("good"))
    picture, _, _ = shown(panel)
    panel.children[0].value = "bad"
    after, live, text = shown(panel)
    assert after == picture and ">KeyError: &#x27;&lt;unk&gt;&#x27;\n" in live
    assert text == "word = bad\nKeyError: '<unk>'\n(the picture is still the last one)"


def test_a_panel_whose_first_drawing_fails_saves_its_text():
    def draw(n):
        raise ValueError("nothing to draw")

    bundle = Panel(draw, n=ipywidgets.IntSlider(1))._repr_mimebundle_()
    assert bundle["text/plain"] == "n = 1\nnothing to draw" and "<img" not in bundle["text/html"]
    assert "n = 1\nnothing to draw\n(the panel as it was saved" in bundle["text/html"]


def test_a_panel_closes_its_own_figures_only():
    mine = plt.figure()
    Panel(lambda n: plt.figure(), n=ipywidgets.IntSlider(1))
    assert plt.get_fignums() == [mine.number]
    plt.close(mine)


def test_row_of(vectors):
    assert row_of(vectors, " queen ") == 1 and row_of(vectors, "<unk>") == 4
    with pytest.raises(ValueError, match="'quen' is not among the 6 words of these vectors; words like it: queen"):
        row_of(vectors, "quen")
    assert row_of(vectors, "King") == 0, "GloVe's words are in lower case"
    with pytest.raises(ValueError, match="type a word into each field"):
        row_of(vectors, "  ")


def test_neighbours_panel(vectors):
    panel = neighbours_panel(vectors, "king", k=2)
    assert shown(panel)[2] == "word = king, k = 2\nqueen 0.96, man 0.89"
    panel.children[0].value = "<unk>"
    assert "word = &lt;unk&gt;" in shown(panel)[1] and "<unk>" not in shown(panel)[1]
    panel.children[0].value = "zzz"
    assert "&#x27;zzz&#x27; is not among the 6 words" in shown(panel)[1]
    panel.children[1].value = 9
    panel.children[0].value = "king"
    assert shown(panel)[2].endswith("queen 0.96, man 0.89, woman 0.71, bread -0.45, <unk> -0.89"), "there are only five"


def test_analogy_panel(vectors):
    panel = analogy_panel(vectors, "man", "king", "woman")
    assert shown(panel)[2].startswith("a = man, b = king, c = woman\nqueen")


def test_map_panel(vectors):
    panel = map_panel(vectors, "king, queen; man woman man")
    assert "4 words; the plane keeps 100% of their variance" in shown(panel)[2]
    panel.children[0].value = "king king queen man"
    assert "at least four different words" in shown(panel)[1]
    panel.children[0].value = "king queen nobody"
    assert "nobody" in shown(panel)[1]


FIRST = torch.tensor([[[0.25, 0.75], [1, 0]], [[0, 1], [0, 0]], [[0.5, 0.5], [0.6, 0.4]]])


def looks(sentence):
    if not sentence:
        raise ValueError("type a sentence")
    tokens = sentence.split("|")
    return {"first": AttentionMap(FIRST, tokens, tokens), "last": AttentionMap(FIRST[:1], tokens, tokens[::-1])}


def test_attention_panel_shows_a_head_or_all():
    panel = attention_panel(looks, "to| be")
    everything, _, text = shown(panel)
    assert text.splitlines() == [
        "sentence = to| be, layer = first, head = all",
        "head 0: to → ·be 0.75, ·be → to 1.00",
        "head 1: to → ·be 1.00",
        "head 2: to → to 0.50, ·be → to 0.60",
    ]
    sentence, layer, head, _ = panel.children
    head.value = 2
    picture, _, text = shown(panel)
    assert picture != everything
    assert text.splitlines()[1:] == ["head 2: to → to 0.50, ·be → to 0.60"]
    layer.value = "last"
    assert shown(panel)[2].splitlines()[1] == "last has the heads 0 to 0: there is no head 2"
    head.value = 0
    assert shown(panel)[2].splitlines()[1:] == ["head 0: to → to 0.75, ·be → ·be 1.00"]
    sentence.value = ""
    assert "type a sentence" in shown(panel)[2]
    sentence.value = "or|not"
    assert "head 0: or → or 0.75" in shown(panel)[2]


def test_attention_panel_of_one_head_offers_no_choice_of_heads():
    panel = attention_panel(lambda sentence: {"last": looks(sentence)["last"]}, "to| be")
    assert len(panel.children) == 3
    assert shown(attention_panel(looks, "to| be", layer="last"))[2].startswith("sentence = to| be, layer = last, head")
    assert shown(panel)[2].splitlines() == ["sentence = to| be, layer = last", "to → to 0.75, ·be → ·be 1.00"]


def test_attention_panel_draws_each_head_with_one_scale(monkeypatch):
    drawn = []
    monkeypatch.setattr("classroom.panels._png", lambda figure: drawn.append(figure) or b"\x89PNG")
    panel = attention_panel(looks, "to| be")
    titles = [ax.get_title(loc="left") for ax in drawn[-1].axes if ax.images]
    assert titles == ["head 0", "head 1", "head 2"] and drawn[-1].get_suptitle() == "first"
    for ax, weights in zip(drawn[-1].axes, FIRST, strict=False):
        assert np.allclose(ax.images[0].get_array(), weights) and ax.images[0].get_clim() == (0, 1)
    panel.children[1].value, panel.children[2].value = "last", 0
    (ax,) = [ax for ax in drawn[-1].axes if ax.get_xlabel()]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["·be", "to"]
    assert ax.get_title(loc="left") == "last, head 0"


def tokens_of(figure):
    return [[label.get_text() for label in ax.get_yticklabels()] for ax in figure.axes if ax.images]


@pytest.mark.parametrize("heads", [1, 5, 12])
@pytest.mark.parametrize("length", [3, 19, 40])
def test_maps_fit_and_show_tokens_only_where_these_are_legible(monkeypatch, heads, length):
    drawn = []
    monkeypatch.setattr("classroom.panels._png", lambda figure: drawn.append(figure) or b"\x89PNG")
    tokens = [f"w{place}" for place in range(length)]
    weights = torch.eye(length).expand(heads, -1, -1)
    attention_panel(lambda sentence: {"first": AttentionMap(weights, tokens, tokens)}, "w")
    figure = drawn[-1]
    width, height = figure.get_size_inches()
    assert width <= 8.61 and height <= 6.21
    figure.canvas.draw()
    for ax in figure.axes[:heads]:
        inches = ax.get_window_extent().height / figure.dpi / length
        for label in ax.get_yticklabels():
            assert label.get_fontsize() >= 7 and label.get_fontsize() <= 80 * inches
    shown = tokens_of(figure)
    assert (shown[0] == tokens) == (shown[0] != []), "all tokens or none"
    if heads == 1 or length == 3:
        assert shown[0] == tokens
    if heads == 12 and length == 40:
        assert shown[0] == []


def test_on_saving_the_view_of_a_panel_gives_way_to_its_picture(vectors):
    panel = {"data": dict(neighbours_panel(vectors, "king")._repr_mimebundle_())}
    slider = {"data": dict(ipywidgets.IntSlider()._repr_mimebundle_())}
    cells = [{"cell_type": "markdown"}, {"outputs": [{"name": "stdout", "text": "x"}, panel, slider]}]
    assert panel["data"].keys() == {WIDGET, "text/html", "text/plain"}
    photograph(model={"type": "notebook", "content": {"nbformat": 4, "cells": cells}}, path="a.ipynb")
    assert panel["data"].keys() == {"text/html", "text/plain"}
    assert slider["data"].keys() == {WIDGET, "text/plain"}, "nothing better to show"
    photograph(model={"type": "file", "content": "text"}, path="a.txt")
