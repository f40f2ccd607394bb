"""Token files: round trip, a text larger than memory, and every kind of damage named."""

import os
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator

from course_lib.training import TokenFile, random_windows, token_files, windows, write_tokens


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
    assert (tmp_path / "text").stat().st_size == token_files.HEADER + 4 * width
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
    header = file.read_bytes()[: token_files.HEADER].replace(b'"tokens": 1,', b'"tokens": %d,' % tokens)
    file.write_bytes(header[: token_files.HEADER - 1].rstrip().ljust(token_files.HEADER - 1) + b"\n")
    os.truncate(file, token_files.HEADER + 2 * tokens)
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
    for wrong, where in (5, "after 2 tokens there is 5"), (-1, "after 2 tokens there is -1"):
        with pytest.raises(ValueError, match=rf"from 0 to 4 \(vocab_size\), but {where}"):
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
