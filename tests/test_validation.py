"""Demands on arguments: one sentence that says what was expected and what came."""

import math
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from course_lib.validation import (
    ids_of,
    require,
    require_divides,
    require_finite,
    require_integer,
    require_number,
    require_one_of,
    require_sizes,
    rows_of_ids,
    text_of,
    texts_of,
)

WRONG = [
    (lambda: require(False, "k must be at least 1", 0), "k must be at least 1, but it is 0"),
    (lambda: require(False, "a stop string must hold some text", ""), "hold some text, but it is ''"),
    (lambda: require(False, "x must be finite", torch.zeros(2, 3)), r"a tensor of shape \(2, 3\) and dtype float32"),
    (lambda: require(False, "x must be short", list(range(10_000))), r"but it is \[0, 1, 2, 3, 4, 5, \.\.\.\]"),
    (lambda: require(False, "x must be short", "a\n" * 10_000), "but it is '.{60,80}'"),
    (lambda: require_integer("k", True), "k must be an integer, but it is True"),
    (lambda: require_integer("k", 2.0), r"k must be an integer, but it is 2\.0"),
    (lambda: require_integer("k", 7, at_least=1, at_most=5), "k must be at least 1 and at most 5, but it is 7"),
    (lambda: require_number("p", "0.5"), r"p must be a number, but it is '0\.5'"),
    (lambda: require_number("p", math.nan), "p must be a number, but it is nan"),
    (lambda: require_number("p", math.inf, above=0, below=math.inf), "p must be above 0 and finite, but it is inf"),
    (lambda: require_number("p", 1, at_least=0, below=1), "p must be at least 0 and below 1, but it is 1"),
    (lambda: require_sizes(SimpleNamespace(a=3, b=0), "a", "b"), "b must be at least 1, but it is 0"),
    (lambda: require_sizes(SimpleNamespace(a=2.5), "a"), r"a must be an integer, but it is 2\.5"),
    (lambda: require_sizes(SimpleNamespace(a="7"), "a"), "a must be an integer, but it is '7'"),
    (lambda: require_divides(n_heads=5, d_model=12), "n_heads must divide d_model, but they are 5 and 12"),
    (lambda: require_divides(n_heads=0, d_model=12), "n_heads must divide d_model, but they are 0 and 12"),
    (lambda: require_divides(n_heads=2.0, d_model=12), r"n_heads must be an integer, but it is 2\.0"),
    (lambda: require_one_of("norm", ["pre", "post"], "both"), "norm must be one of pre, post, but it is 'both'"),
    (lambda: require_one_of("norm", ["pre", "post"], ["pre"]), r"norm must be one of pre, post, but it is \['pre'\]"),
    (lambda: require_finite("x", [0, math.inf]), r"x must be finite numbers, but at \(1,\) there is inf"),
    (
        lambda: require_finite("x", torch.tensor([[math.nan]])),
        r"x must be finite numbers, but at \(0, 0\) there is nan",
    ),
    (lambda: require_finite("x", math.nan), "x must be finite numbers, but it is nan"),
    (lambda: require_finite("x", [1, math.nan], or_infinite=True), r"x must be numbers, but at \(1,\) there is nan"),
    (lambda: require_finite("x", [[1], [None]]), r"x must be numbers, but at \(1, 0\) there is None"),
    (
        lambda: require_finite("x", [[1, 2], [3]]),
        r"x must be numbers, in rows of equal length, but it is \[\[1, 2\], \[3\]\]",
    ),
    (lambda: require_finite("x", "12"), "x must be numbers, but it is '12'"),
    (lambda: require_finite("x", ["1", 2]), r"x must be numbers, but it is \['1', 2\]"),
    (lambda: text_of("text", b"to be"), "text must be a string, but it is b'to be'"),
    (lambda: text_of("text", "to \ud800"), r"text must consist of characters, but at position 3 there is .*"),
    (lambda: texts_of("texts", "to be"), "texts must be several texts, but it is one, 'to be': put it in a list"),
    (
        lambda: texts_of("texts", {"to": "be"}),
        "texts must be several texts, a list for example, but it is {'to': 'be'}",
    ),
    (lambda: texts_of("texts", 5), "texts must be several texts, a list for example, but it is 5"),
    (lambda: texts_of("texts", ["to", math.nan]), r"texts\[1\] must be a string, but it is nan"),
    (lambda: ids_of("ids", "12"), "ids must be a sequence of ids, a list for example, but it is '12'"),
    (lambda: ids_of("ids", 5), "ids must be a sequence of ids, a list for example, but it is 5"),
    (lambda: ids_of("ids", [1, 2.0]), r"ids must be integers \(ids\), but at position 1 there is 2\.0"),
    (lambda: ids_of("ids", [1, True]), r"ids must be integers \(ids\), but at position 1 there is True"),
    (lambda: ids_of("ids", [[1], [2]]), r"ids must be integers \(ids\), but at position 0 there is \[1\]"),
    (lambda: ids_of("ids", torch.ones(1, 3).long()), r"one sequence of ids, but it is a tensor of shape \(1, 3\) .*"),
    (lambda: ids_of("ids", torch.tensor(3)), r"one sequence of ids, but it is a tensor of shape \(\) .*"),
    (lambda: ids_of("ids", np.ones(3)), r"integers \(ids\), but it is an array of shape \(3,\) and dtype float64"),
    (lambda: ids_of("ids", np.ones(3, dtype=bool)), ".* dtype bool"),
    (lambda: ids_of("ids", [3, -1]), "ids must be ids of at least 0, but at position 1 there is -1"),
    (lambda: ids_of("ids", [3, 7], 7), r"ids must be ids from 0 to 6 \(vocab_size - 1\), but at position 1 there is 7"),
    (lambda: ids_of("ids", [3, -2], 7, least=-1), "ids must be ids from -1 to 6 .* position 1 there is -2"),
    (lambda: ids_of("ids", [1 << 70]), "ids must be ids, but one of them has more than 63 bits"),
    (lambda: rows_of_ids("rows", [1, 2]), "rows must be several sequences of ids, but it is one: put it in a list"),
    (lambda: rows_of_ids("rows", torch.arange(3)), "rows must be several sequences of ids, but it is one: .*"),
    (lambda: rows_of_ids("rows", "ab"), "rows must be several sequences of ids, a list of lists for example, .*"),
    (lambda: rows_of_ids("rows", [[1], [9]], 7), r"rows\[1\] must be ids from 0 to 6 .* position 0 there is 9"),
]


@pytest.mark.parametrize("work, words", WRONG)
def test_what_will_not_do(work, words):
    with pytest.raises(ValueError, match=f"{words}$"):
        work()


def test_what_will_do():
    require(True, "never shown", None)
    require_integer("k", np.int64(3), at_least=3, at_most=3)
    require_number("p", np.float32(0.5), above=0, below=1)
    require_sizes(SimpleNamespace(a=1, b=np.int64(3)), "a", "b")
    require_divides(n_heads=3, d_model=12)
    require_one_of("norm", {"pre": 1, "post": 2}, "post")
    assert require_finite("x", torch.zeros(2, 0)).shape == (2, 0)
    assert require_finite("x", [[1, 2], [3, 4]]).dtype.kind == "i"
    assert require_finite("x", torch.tensor([1e300], dtype=torch.float64)).item() == 1e300
    assert require_finite("x", torch.ones(1, dtype=torch.bfloat16, requires_grad=True)).item() == 1
    assert require_finite("x", [Fraction(1, 2), 10**30]).tolist() == [0.5, 1e30]
    assert require_finite("x", [math.inf], or_infinite=True).item() == math.inf


IDS = [[3, 0, 6], (3, 0, 6), np.array([3, 0, 6], dtype=np.uint16), torch.tensor([3, 0, 6], dtype=torch.int32)]


@pytest.mark.parametrize("ids", [*IDS, iter([3, 0, 6]), list(torch.tensor([3, 0, 6])), list(np.array([3, 0, 6]))])
def test_ids_come_in_any_sequence(ids):
    found = ids_of("ids", ids, vocab_size=7)
    assert found.dtype == np.int64 and found.tolist() == [3, 0, 6]


@pytest.mark.parametrize("nothing", [[], torch.tensor([]), np.array([])])
def test_a_sequence_of_ids_may_be_empty(nothing):
    assert ids_of("ids", nothing, vocab_size=7).tolist() == []


@pytest.mark.parametrize("rows", [[[3, 0], [6]], [np.array([3, 0]), torch.tensor([6])], iter([[3, 0], [6]])])
def test_rows_of_ids_may_be_of_any_lengths(rows):
    assert rows_of_ids("rows", rows, vocab_size=7) == [[3, 0], [6]]


def test_a_matrix_has_a_row_of_ids_each():
    assert rows_of_ids("rows", torch.tensor([[3, 0], [6, 1]])) == [[3, 0], [6, 1]]
    assert rows_of_ids("rows", []) == []


def test_a_generator_of_texts_is_texts():
    assert texts_of("texts", (word for word in ("to", "be"))) == ["to", "be"]
