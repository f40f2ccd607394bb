"""Batches that depend on nothing but a generator, so that a run can be repeated and resumed; and their texts on disk.

A token file holds the ids of a text and is read where it is needed, so that a text may be larger than memory. It is one
line of JSON, padded with spaces to HEADER bytes, then the ids, two bytes each (little-endian uint16) or four (uint32)
for a vocabulary of more than 65,536 tokens.

Axes: B batch, T position, N tokens of a text.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from numpy.typing import ArrayLike
from torch import Generator, Tensor

from course_lib.files import existing_file, written_whole
from course_lib.tokenizers import Tokenizer
from course_lib.validation import Ids, ids_of, require, require_integer, text_of

__all__ = ["TokenFile", "random_rows", "random_windows", "windows", "write_tokens"]

FORMAT, VERSION, HEADER = "course_lib tokens", 1, 256
LETTERS = 100  # parts, or more, of fewer than two ids each on average are taken for the letters of a text


def write_tokens(
    path: Path | str,
    parts: Iterable[Ids] | Iterable[str],
    vocab_size: int | None = None,
    *,
    tokenizer: Tokenizer | None = None,
) -> int:
    """Write a text as a token file; returns how many tokens there were.

    It comes in parts of any length: texts, with the tokenizer for them, or sequences of ids, with the vocabulary's
    size. One part at a time is in memory; the file appears whole or not at all. Raises ValueError for one text or one
    sequence in place of several, for ids outside the vocabulary, for a text without tokens, and for many parts of
    hardly a token each: a text encoded letter by letter. Raises OSError where the disk is full.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_tokens(f"{folder}/text.tokens", [[4, 0, 2], [1]], vocab_size=5)
    ...     TokenFile(f"{folder}/text.tokens")[1:]
    4
    tensor([0, 2, 1])
    """
    if tokenizer is not None:
        require(vocab_size is None, "vocab_size must be left out where there is a tokenizer", vocab_size)
        parts, vocab_size = _encoded(tokenizer, parts), tokenizer.vocab_size
    require_integer("vocab_size", vocab_size, at_least=1, at_most=1 << 32)
    _require_several(parts)
    dtype, count = "<u2" if vocab_size <= 1 << 16 else "<u4", 0
    with written_whole(path) as file:
        file.write(bytes(HEADER))
        for index, part in enumerate(parts):
            ids = ids_of(f"parts[{index}]", part, vocab_size)
            file.write(ids.astype(dtype).tobytes())
            count += ids.size
        if not count:
            raise ValueError("a token file needs tokens, but the text is empty")
        _require_whole_texts(index + 1, count)
        about = {"format": FORMAT, "version": VERSION, "dtype": dtype, "tokens": count, "vocab_size": vocab_size}
        file.seek(0)
        file.write(json.dumps(about).encode().ljust(HEADER - 1) + b"\n")
    return count


def _encoded(tokenizer: Tokenizer, texts: Iterable[str]) -> Iterator[list[int]]:
    _require_several(texts)
    return (tokenizer.encode(text_of(f"parts[{index}]", text)) for index, text in enumerate(texts))


def _require_several(parts: Any) -> None:
    several = isinstance(parts, Iterable) and not isinstance(parts, str | bytes | Mapping | Set)
    require(several, "parts must be several texts or sequences of ids: put a single one in a list", parts)


def _require_whole_texts(parts: int, count: int) -> None:
    if parts >= LETTERS and count < 2 * parts:
        came = f"here are {parts:,} parts with {count:,} ids in all: put a single text in a list"
        raise ValueError(f"parts must be texts, not the letters of one, but {came}")


class TokenFile:
    """A token file that is used like a one-dimensional tensor: what is indexed is read, and nothing else.

    Each id is checked when it is read. Raises ValueError for a file that is no token file, for one that is cut short,
    and for an id beyond the vocabulary.
    """

    device = torch.device("cpu")

    def __init__(self, path: Path | str) -> None:
        self.path = existing_file(path, "token file")
        about = self._header()
        self.vocab_size: int = about["vocab_size"]
        expected = HEADER + about["tokens"] * np.dtype(about["dtype"]).itemsize
        if (size := self.path.stat().st_size) != expected:
            raise ValueError(f"{path} should have {expected:,} bytes, but has {size:,}: write it again")
        self._ids = np.memmap(self.path, about["dtype"], mode="r", offset=HEADER, shape=(about["tokens"],))

    def _header(self) -> dict[str, Any]:
        with self.path.open("rb") as file:
            line = file.read(HEADER)
        try:
            about = json.loads(line)
            known = (about["format"], about["version"]) == (FORMAT, VERSION) and about["dtype"] in ("<u2", "<u4")
            known = known and about["tokens"] > 0 and about["vocab_size"] > 0
        except (ValueError, KeyError, TypeError):
            known = False
        if not known:
            raise ValueError(f"{self.path} is no token file: expected what write_tokens writes")
        return about

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, at: int | slice | Int[Tensor, "..."]) -> Int[Tensor, "..."]:
        ids = np.asarray(self._ids[at.numpy() if isinstance(at, Tensor) else at], dtype=np.int64)
        if ids.size and (most := ids.max()) >= self.vocab_size:
            size = self.vocab_size
            raise ValueError(f"ids must be from 0 to {size - 1} (vocab_size), but in {self.path} there is {most}")
        return torch.from_numpy(ids)


Text = Ids | TokenFile


def random_rows(*tensors: Tensor | ArrayLike, batch_size: int) -> Callable[[Generator], tuple[Tensor, ...]]:
    """A function that draws `batch_size` rows, with replacement, the same of each tensor (or array, or list of rows).

    Raises ValueError for tensors of unequal length or of none, and for what is no tensor of numbers.

    >>> draw = random_rows(torch.arange(5), 10 * torch.arange(5), batch_size=3)
    >>> first, second = draw(Generator().manual_seed(0))
    >>> torch.equal(10 * first, second)
    True
    """
    require_integer("batch_size", batch_size, at_least=1)
    tensors = tuple(_rows(f"tensors[{index}]", tensor) for index, tensor in enumerate(tensors))
    lengths = sorted({len(tensor) for tensor in tensors})
    if len(lengths) != 1 or lengths[0] == 0:
        came = f"lengths {lengths} and batch_size {batch_size}"
        raise ValueError(f"tensors of one length and a batch are needed, but here are {came}")

    def draw(generator: Generator) -> tuple[Tensor, ...]:
        rows = torch.randint(lengths[0], (batch_size,), generator=generator)
        return tuple(tensor[rows.to(tensor.device)] for tensor in tensors)

    return draw


def _rows(name: str, rows: Any) -> Tensor:
    """Rows as a tensor on which an embedding or a layer can work: integers of any kind become int64."""
    if not isinstance(rows, Tensor):
        try:
            array = np.asarray(rows)
        except ValueError:  # of rows of unequal length
            array = np.array(None)
        numbers = f"{name} must be a tensor, array or list of numbers, with rows of one length"
        require(array.dtype.kind in "biuf", numbers, rows)
        if array.dtype.kind in "iu":
            array = array.astype(np.int64)
        rows = torch.from_numpy(array) if isinstance(rows, np.ndarray) else torch.tensor(array.tolist())
    require(rows.ndim, f"{name} must have rows", rows)
    return rows.long() if rows.dtype in (torch.uint16, torch.uint32, torch.uint64) else rows


def random_windows(
    tokens: Text, *, batch_size: int, context_length: int
) -> Callable[[Generator], tuple[Int[Tensor, "B T"], Int[Tensor, "B T"]]]:
    """A function that draws windows of a text for a language model: the tokens, and for each the one that follows it.

    Every start is equally likely. Of a TokenFile only the windows drawn are read. Raises ValueError for what is no
    sequence of ids, and for one that holds no whole window.

    >>> draw = random_windows(torch.arange(100), batch_size=2, context_length=4)
    >>> inputs, targets = draw(Generator().manual_seed(0))
    >>> inputs.shape, torch.equal(targets, inputs + 1)
    (torch.Size([2, 4]), True)
    """
    require_integer("batch_size", batch_size, at_least=1)
    tokens = _text(tokens, context_length)
    positions = torch.arange(context_length, device=tokens.device)

    def draw(generator: Generator) -> tuple[Tensor, Tensor]:
        starts = torch.randint(len(tokens) - context_length, (batch_size, 1), generator=generator)
        at = starts.to(tokens.device) + positions  # (B, T)
        return tokens[at], tokens[at + 1]

    return draw


def windows(tokens: Text, context_length: int) -> tuple[Int[Tensor, "B T"], Int[Tensor, "B T"]]:
    """A text cut into windows that do not overlap, for evaluation: the tokens, and for each the one that follows it.

    Each token is predicted once; what is left at the end, less than a window, is dropped.
    Raises ValueError for what is no sequence of ids, and for one that holds no whole window.

    >>> [part.tolist() for part in windows(torch.arange(6), 2)]
    [[[0, 1], [2, 3]], [[1, 2], [3, 4]]]
    """
    tokens = _text(tokens, context_length)[:]
    used = (len(tokens) - 1) // context_length * context_length
    return tokens[:used].view(-1, context_length), tokens[1 : used + 1].view(-1, context_length)


def _text(tokens: Text, context_length: int) -> Int[Tensor, " N"] | TokenFile:
    """The ids of a text that holds a window and its targets, where they were."""
    require_integer("context_length", context_length)
    if not isinstance(tokens, TokenFile):
        ids = torch.from_numpy(ids_of("tokens", tokens))
        tokens = ids.to(tokens.device) if isinstance(tokens, Tensor) else ids
    if not 1 <= context_length < len(tokens):
        raise ValueError(f"a window of {context_length} tokens and its targets do not fit into {len(tokens)} tokens")
    return tokens
