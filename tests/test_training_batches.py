"""Batches: what they hold, that they repeat, and that every window is drawn. Token files: round trip, a text larger
than memory, and every kind of damage named.
"""

import os
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator

from course_lib.training import TokenFile, batches, random_rows, random_windows, windows, write_tokens


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


@given(parts=st.lists(st.lists(st.integers(0, 70_000)), min_size=1), vocab_size=st.sampled_from([70_001, 2**31]))
def test_parts_of_any_length_round_trip(tmp_path_factory, parts, vocab_size):
    ids, file = [number for part in parts for number in part], tmp_path_factory.mktemp("tokens") / "text.tokens"
    if not ids:
        with pytest.raises(ValueError, match="the text is empty"):
            write_tokens(file, parts, vocab_size)
        return
    assert write_tokens(file, parts, vocab_size) == len(ids)
    tokens = TokenFile(file)
    assert len(tokens) == len(ids) and tokens[:].tolist() == ids and tokens.vocab_size == vocab_size


@pytest.mark.parametrize("vocab_size, width", [(65_536, 2), (65_537, 4)])
def test_ids_take_two_bytes_where_they_can(tmp_path, vocab_size, width):
    write_tokens(tmp_path / "text", [[0, 1], np.array([vocab_size - 1], np.uint32), torch.tensor([5])], vocab_size)
    assert (tmp_path / "text").stat().st_size == batches.HEADER + 4 * width
    assert TokenFile(tmp_path / "text")[:].tolist() == [0, 1, vocab_size - 1, 5]


def test_batches_of_a_file_are_those_of_the_tensor(tmp_path):
    text = torch.randint(300, (500,), generator=Generator().manual_seed(2))
    write_tokens(tmp_path / "text", text.split(7), vocab_size=300)
    file = TokenFile(tmp_path / "text")
    for source in (text, file):
        inputs, targets = random_windows(source, batch_size=5, context_length=11)(Generator().manual_seed(3))
        assert inputs.dtype == torch.int64 and torch.equal(inputs[:, 1:], targets[:, :-1])
        if source is text:
            expected = inputs, targets
    assert torch.equal(inputs, expected[0]) and torch.equal(targets, expected[1])
    assert all(torch.equal(a, b) for a, b in zip(windows(file[:200], 7), windows(text[:200], 7), strict=True))


@pytest.mark.skipif(sys.platform == "win32", reason="files with holes take their full size there")
def test_a_text_larger_than_memory_is_drawn_from(tmp_path):
    file, tokens = tmp_path / "text", 500_000_000_000  # a terabyte, all of it a hole that takes no room
    write_tokens(file, [[7]], vocab_size=9)
    header = file.read_bytes()[: batches.HEADER].replace(b'"tokens": 1,', b'"tokens": %d,' % tokens)
    file.write_bytes(header[: batches.HEADER - 1].rstrip().ljust(batches.HEADER - 1) + b"\n")
    os.truncate(file, batches.HEADER + 2 * tokens)
    inputs, _ = random_windows(TokenFile(file), batch_size=50, context_length=100)(Generator().manual_seed(0))
    assert inputs.shape == (50, 100) and not inputs.any()


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    file = tmp_path / "text"
    write_tokens(file, [[1, 2]], vocab_size=5)

    def parts():
        yield [3]
        raise MemoryError

    with pytest.raises(MemoryError):
        write_tokens(file, parts(), vocab_size=5)
    for wrong in 5, -1:
        sentence = rf"parts\[1\] must be ids from 0 to 4 \(vocab_size - 1\), but at position 1 there is {wrong}"
        with pytest.raises(ValueError, match=sentence):
            write_tokens(file, [[3, 4], [0, wrong]], vocab_size=5)
    assert TokenFile(file)[:].tolist() == [1, 2] and list(tmp_path.iterdir()) == [file]


def test_damage_is_named(tmp_path):
    file = tmp_path / "text"
    with pytest.raises(FileNotFoundError, match="there is no token file"):
        TokenFile(file)
    write_tokens(file, [[1, 2, 3]], vocab_size=5)
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    with pytest.raises(ValueError, match="should have 262 bytes, but has 261"):
        TokenFile(file)
    file.write_bytes(whole[:-2] + b"\x05\x00")
    assert TokenFile(file)[:2].tolist() == [1, 2]
    with pytest.raises(ValueError, match=r"from 0 to 4 \(vocab_size\), but in .*text there is 5"):
        TokenFile(file)[:]
    for other in (
        b"",
        whole[:50],
        b"To be, or not to be",
        whole.replace(b"tokens", b"TOKENS", 1),
        b"[1]",
        b"\xff" * 300,
    ):
        file.write_bytes(other)
        with pytest.raises(ValueError, match="is no token file: expected what write_tokens writes"):
            TokenFile(file)
