"""Batches that depend on nothing but a generator, so that a run can be repeated and resumed; and their texts on disk.

A token file holds the ids of a text and is read where it is needed, so that a text may be larger than memory. It is one
line of JSON, padded with spaces to HEADER bytes, then the ids, two bytes each (little-endian uint16) or four (uint32)
for a vocabulary of more than 65,536 tokens.

Axes: B batch, T position, N tokens of a text.
"""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from numpy.typing import ArrayLike
from torch import Generator, Tensor

from course_lib.files import written_whole

__all__ = ["TokenFile", "random_rows", "random_windows", "windows", "write_tokens"]

FORMAT, VERSION, HEADER = "course_lib tokens", 1, 256


def write_tokens(path: Path | str, parts: Iterable[ArrayLike], vocab_size: int) -> int:
    """Write the ids of a text, which come in parts of any length, as a token file; returns how many there were.

    One part at a time is in memory; the file appears whole or not at all. Raises ValueError for an id outside
    0 ... vocab_size - 1 and for a text without tokens, OSError where the disk is full.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_tokens(f"{folder}/text.tokens", [[4, 0, 2], [1]], vocab_size=5)
    ...     TokenFile(f"{folder}/text.tokens")[1:]
    4
    tensor([0, 2, 1])
    """
    dtype, count = "<u2" if vocab_size <= 1 << 16 else "<u4", 0
    with written_whole(Path(path)) as file:
        file.write(bytes(HEADER))
        for part in parts:
            ids = np.asarray(part, dtype=np.int64)
            _require_known(ids, vocab_size, f"after {count:,} tokens")
            file.write(ids.astype(dtype).tobytes())
            count += ids.size
        if not count:
            raise ValueError("a token file needs tokens, but the text is empty")
        about = {"format": FORMAT, "version": VERSION, "dtype": dtype, "tokens": count, "vocab_size": vocab_size}
        file.seek(0)
        file.write(json.dumps(about).encode().ljust(HEADER - 1) + b"\n")
    return count


class TokenFile:
    """A token file that is used like a one-dimensional tensor: what is indexed is read, and nothing else.

    Each id is checked when it is read. Raises ValueError for a file that is no token file, for one that is cut short,
    and for an id beyond the vocabulary.
    """

    device = torch.device("cpu")

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        about = self._header()
        self.vocab_size: int = about["vocab_size"]
        expected = HEADER + about["tokens"] * np.dtype(about["dtype"]).itemsize
        if (size := self.path.stat().st_size) != expected:
            raise ValueError(f"{path} should have {expected:,} bytes, but has {size:,}: write it again")
        self._ids = np.memmap(self.path, about["dtype"], mode="r", offset=HEADER, shape=(about["tokens"],))

    def _header(self) -> dict[str, Any]:
        if not self.path.is_file():
            raise FileNotFoundError(f"there is no token file {self.path}")
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

    def __getitem__(self, at: slice | Int[Tensor, "..."]) -> Int[Tensor, "..."]:
        ids = np.asarray(self._ids[at if isinstance(at, slice) else at.numpy()], dtype=np.int64)
        _require_known(ids, self.vocab_size, f"in {self.path}")
        return torch.from_numpy(ids)


def _require_known(ids: np.ndarray, vocab_size: int, where: str) -> None:
    if ids.size and not 0 <= ids.min() <= ids.max() < vocab_size:
        wrong = ids[(ids < 0) | (ids >= vocab_size)].flat[0]
        raise ValueError(f"ids must be from 0 to {vocab_size - 1} (vocab_size), but {where} there is {wrong}")


def random_rows(*tensors: Tensor, batch_size: int) -> Callable[[Generator], tuple[Tensor, ...]]:
    """A function that draws `batch_size` rows, with replacement, the same of each tensor.

    Raises ValueError for tensors of unequal length or of none.

    >>> draw = random_rows(torch.arange(5), 10 * torch.arange(5), batch_size=3)
    >>> first, second = draw(Generator().manual_seed(0))
    >>> torch.equal(10 * first, second)
    True
    """
    lengths = sorted({len(tensor) for tensor in tensors})
    if len(lengths) != 1 or lengths[0] == 0 or batch_size < 1:
        came = f"lengths {lengths} and batch_size {batch_size}"
        raise ValueError(f"tensors of one length and a batch are needed, but here are {came}")

    def draw(generator: Generator) -> tuple[Tensor, ...]:
        rows = torch.randint(lengths[0], (batch_size,), generator=generator)
        return tuple(tensor[rows.to(tensor.device)] for tensor in tensors)

    return draw


def random_windows(
    tokens: Int[Tensor, " N"] | TokenFile, *, batch_size: int, context_length: int
) -> Callable[[Generator], tuple[Int[Tensor, "B T"], Int[Tensor, "B T"]]]:
    """A function that draws windows of a text for a language model: the tokens, and for each the one that follows it.

    Every start is equally likely. Of a TokenFile only the windows drawn are read. Raises ValueError for a text that
    holds no whole window.

    >>> draw = random_windows(torch.arange(100), batch_size=2, context_length=4)
    >>> inputs, targets = draw(Generator().manual_seed(0))
    >>> inputs.shape, torch.equal(targets, inputs + 1)
    (torch.Size([2, 4]), True)
    """
    _require_one_window(tokens, context_length)
    positions = torch.arange(context_length, device=tokens.device)

    def draw(generator: Generator) -> tuple[Tensor, Tensor]:
        starts = torch.randint(len(tokens) - context_length, (batch_size, 1), generator=generator)
        at = starts.to(tokens.device) + positions  # (B, T)
        return tokens[at], tokens[at + 1]

    return draw


def windows(tokens: Int[Tensor, " N"], context_length: int) -> tuple[Int[Tensor, "B T"], Int[Tensor, "B T"]]:
    """A text cut into windows that do not overlap, for evaluation: the tokens, and for each the one that follows it.

    Each token is predicted once; what is left at the end, less than a window, is dropped.
    Raises ValueError for a text that holds no whole window.

    >>> [part.tolist() for part in windows(torch.arange(6), 2)]
    [[[0, 1], [2, 3]], [[1, 2], [3, 4]]]
    """
    _require_one_window(tokens, context_length)
    used = (len(tokens) - 1) // context_length * context_length
    return tokens[:used].view(-1, context_length), tokens[1 : used + 1].view(-1, context_length)


def _require_one_window(tokens: Tensor | TokenFile, context_length: int) -> None:
    if not 1 <= context_length < len(tokens):
        raise ValueError(f"a window of {context_length} tokens and its targets do not fit into {len(tokens)} tokens")
