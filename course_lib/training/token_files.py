"""Token files: texts as numbers on the disk, read where they are needed, so that a text may be larger than memory.

A file is one line of JSON, filled up with blanks to HEADER bytes, then the ids, two bytes each (little-endian uint16)
or four (uint32) for a vocabulary of more than 65,536 tokens.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from numpy.typing import ArrayLike
from torch import Tensor

from course_lib.files import written_whole

__all__ = ["TokenFile", "write_tokens"]

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
            _demand_known(ids, vocab_size, f"after {count:,} tokens")
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
            assert (about["format"], about["version"]) == (FORMAT, VERSION)
            assert about["dtype"] in ("<u2", "<u4") and about["tokens"] > 0 and about["vocab_size"] > 0
        except (ValueError, KeyError, TypeError, AssertionError):
            raise ValueError(f"{self.path} is no token file: expected what write_tokens writes") from None
        return about

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, at: slice | Int[Tensor, "..."]) -> Int[Tensor, "..."]:
        ids = np.asarray(self._ids[at if isinstance(at, slice) else at.numpy()], dtype=np.int64)
        _demand_known(ids, self.vocab_size, f"in {self.path}")
        return torch.from_numpy(ids)


def _demand_known(ids: np.ndarray, vocab_size: int, where: str) -> None:
    if ids.size and not 0 <= ids.min() <= ids.max() < vocab_size:
        wrong = ids[(ids < 0) | (ids >= vocab_size)].flat[0]
        raise ValueError(f"ids must be from 0 to {vocab_size - 1} (vocab_size), but {where} there is {wrong}")
