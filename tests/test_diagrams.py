"""Every drawing fits, is the same twice, and can be read aloud; and what finds faults in drawings finds them."""

from itertools import pairwise
from xml.etree import ElementTree

import pytest
from diagram_faults import faults
from drawings import DRAWINGS

from classroom.diagrams.canvas import PALETTE
from classroom.diagrams.diagram import Diagram


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_fits(name):
    assert faults(DRAWINGS[name]()) == []


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_is_the_same_twice_and_is_xml(name):
    first, second = DRAWINGS[name](), DRAWINGS[name]()
    assert first._repr_mimebundle_() == second._repr_mimebundle_()
    root = ElementTree.fromstring(first.svg)
    assert root.find("{*}desc").text == first.alt
    assert len(first.svg) < 80_000
    assert "<text" not in first.svg  # no font of the reader's machine


def test_a_drawing_does_not_depend_on_the_readers_style():
    import matplotlib

    usual = DRAWINGS["one_query"]().svg
    with matplotlib.rc_context({"text.usetex": True, "font.size": 30, "mathtext.fontset": "cm"}):
        assert DRAWINGS["one_query"]().svg == usual


def faults_of(change):
    d = Diagram(300, 200, "A diagram with one fault that the finder must find, and a text about it.")
    a, b = d.box(60, 100, 60, 40, "left"), d.box(240, 100, 60, 40, "right")
    change(d, a, b)
    return faults(d)


@pytest.mark.parametrize(
    "words, change",
    [
        ("does not fit into its box", lambda d, a, b: d.box(150, 40, 40, 20, "feed-forward")),
        ("does not fit into its page", lambda d, a, b: d.label(295, 20, "outside")),
        ("touch", lambda d, a, b: [d.label(150, 30, "one"), d.label(152, 36, "two")]),
        ("at least 11", lambda d, a, b: d.label(150, 30, "tiny", 8)),
        ("at least 4.5", lambda d, a, b: d.label(150, 30, "pale", role="token", ground=("weight", 1))),
        ("lies on a shape", lambda d, a, b: d.label(90, 118, "over")),
        ("lies on an arrow", lambda d, a, b: [d.arrow(a.right, b.left), d.label(150, 104, "crossed")]),
        ("where nothing is", lambda d, a, b: d.arrow(a.right, (150, 100))),
        ("runs under a shape", lambda d, a, b: [d.op(150, 100, "+"), d.arrow(a.right, b.left)]),
        ("overlap", lambda d, a, b: d.box(80, 120, 60, 40, "")),
        ("frame's edge", lambda d, a, b: [d.frame(150, 100, 290, 120), d.label(150, 42, "title")]),
    ],
)
def test_a_fault_is_found(words, change):
    assert any(words in fault for fault in faults_of(change)), faults_of(change)


def test_a_good_diagram_has_no_faults():
    assert faults_of(lambda d, a, b: d.arrow(a.right, b.left)) == []


def test_flow_needs_boxes_in_one_row_or_column():
    d = Diagram(300, 200, "")
    with pytest.raises(ValueError, match="in one row or column"):
        d.flow(d.box(60, 100, 60, 40, "left"), d.box(240, 150, 60, 40, "right"))


def test_fills_differ_in_grey():
    def grey(colour):
        return sum(int(colour[n : n + 2], 16) * share for n, share in ((1, 0.30), (3, 0.59), (5, 0.11)))

    order = [grey(PALETTE[role][0]) for role in ("plain", "token", "vector", "state", "weight")]
    assert all(lighter - darker > 7 for lighter, darker in pairwise(order))
