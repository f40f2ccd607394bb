"""Batches: what they hold, that they repeat, and that every place is drawn."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator

from course_lib.training import random_rows, random_windows, windows


def test_targets_follow_their_inputs_and_every_window_is_drawn():
    draw = random_windows(torch.arange(13) * 3, batch_size=500, context_length=5)
    inputs, targets = draw(Generator().manual_seed(0))
    assert inputs.shape == targets.shape == (500, 5)
    assert torch.equal(targets, inputs + 3) and torch.equal(inputs[:, 1:], targets[:, :-1])
    assert set(inputs[:, 0].tolist()) == {3 * start for start in range(8)}
    assert targets.max() == 36


def test_a_generator_decides_the_batches():
    for draw in (
        random_windows(torch.arange(50), batch_size=3, context_length=4),
        random_rows(torch.arange(50), torch.arange(50.0), batch_size=3),
    ):
        generator, twin = Generator().manual_seed(5), Generator().manual_seed(5)
        first, second = draw(generator), draw(generator)
        assert all(torch.equal(a, b) for a, b in zip(first, draw(twin), strict=True))
        assert all(torch.equal(a, b) for a, b in zip(second, draw(twin), strict=True))
        assert not torch.equal(first[0], second[0])


def test_the_smallest_text_has_one_window():
    inputs, targets = random_windows(torch.arange(4), batch_size=2, context_length=3)(Generator())
    assert inputs.tolist() == [[0, 1, 2]] * 2 and targets.tolist() == [[1, 2, 3]] * 2


@given(length=st.integers(2, 60), context=st.integers(1, 12))
def test_windows_predict_each_token_once(length, context):
    if context >= length:
        with pytest.raises(ValueError, match="do not fit"):
            windows(torch.arange(length), context)
        return
    inputs, targets = windows(torch.arange(length), context)
    assert inputs.flatten().tolist() == list(range(inputs.numel()))
    assert torch.equal(targets, inputs + 1)
    assert length - 1 - inputs.numel() < context


@pytest.mark.parametrize("context", [0, 7, 8])
def test_windows_that_do_not_fit_are_refused(context):
    with pytest.raises(ValueError, match=f"a window of {context} tokens and its targets do not fit into 7 tokens"):
        random_windows(torch.arange(7), batch_size=2, context_length=context)


def test_rows_stay_together_and_must_be_as_many():
    a, b = random_rows(torch.arange(7), torch.arange(7) + 100, batch_size=300)(Generator().manual_seed(0))
    assert torch.equal(a + 100, b) and set(a.tolist()) == set(range(7))
    with pytest.raises(ValueError, match=r"lengths \[6, 7\] and batch_size 2"):
        random_rows(torch.arange(7), torch.arange(6), batch_size=2)
