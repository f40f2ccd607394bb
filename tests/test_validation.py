"""Demands on arguments: one sentence that says what was expected and what came."""

from types import SimpleNamespace

import numpy as np
import pytest

from course_lib.validation import require, require_divides, require_dropout, require_one_of, require_sizes


@pytest.mark.parametrize(
    "work, words",
    [
        (lambda: require(False, "k must be at least 1", 0), "k must be at least 1, but it is 0"),
        (lambda: require(False, "a stop string must hold some text", ""), "hold some text, but it is ''"),
        (lambda: require_sizes(SimpleNamespace(a=3, b=0), "a", "b"), "b must be at least 1, but it is 0"),
        (lambda: require_sizes(SimpleNamespace(a=2.5), "a"), r"a must be an integer, but it is 2\.5"),
        (lambda: require_sizes(SimpleNamespace(a="7"), "a"), "a must be an integer, but it is '7'"),
        (lambda: require_divides(n_heads=5, d_model=12), "n_heads must divide d_model, but they are 5 and 12"),
        (lambda: require_divides(n_heads=0, d_model=12), "n_heads must divide d_model, but they are 0 and 12"),
        (lambda: require_dropout(1), "dropout must be at least 0 and below 1, but it is 1"),
        (lambda: require_dropout(-0.1), r"dropout must be at least 0 and below 1, but it is -0\.1"),
        (lambda: require_dropout(float("nan")), "but it is nan"),
        (lambda: require_one_of("norm", ["pre", "post"], "both"), "norm must be one of pre, post, but it is 'both'"),
    ],
)
def test_what_will_not_do(work, words):
    with pytest.raises(ValueError, match=f"{words}$"):
        work()


def test_what_will_do():
    require(True, "never shown", None)
    require_sizes(SimpleNamespace(a=1, b=np.int64(3)), "a", "b")
    require_divides(n_heads=3, d_model=12)
    require_dropout(0)
    require_one_of("norm", {"pre": 1, "post": 2}, "post")
