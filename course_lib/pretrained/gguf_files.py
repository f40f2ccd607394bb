"""GGUF, the format of llama.cpp: what such a file says of itself, and its tensors, whose numbers lie in blocks."""

import hashlib
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.files import existing_file
from course_lib.validation import require, require_integer

__all__ = ["GGUFFile", "dequantised", "read_gguf"]


@dataclass(frozen=True)
class GGUFFile:
    """What a GGUF file holds. The tensors' numbers stay on the disk until `dequantised` asks for them."""

    path: Path
    fields: dict[str, Any]  # the architecture, its sizes, the tokenizer, the chat template, the licence
    tensors: dict[str, gguf.gguf_reader.ReaderTensor]  # by name: tensor_type, shape (the last axis first), data (bytes)

    def __getitem__(self, name: str) -> Any:
        """The field of that name; raises ValueError where there is none."""
        if name not in self.fields:
            raise ValueError(f"{self.path} should say {name}, but does not")
        return self.fields[name]

    def size(self, name: str) -> int:
        """The field of that name; raises ValueError unless it is an integer of at least 1."""
        require_integer(f"{name} in {self.path}", self[name], at_least=1)
        return self[name]

    def texts(self, name: str) -> list[str]:
        """The field of that name; raises ValueError unless it is a list of texts."""
        fits = isinstance(self[name], list) and all(isinstance(text, str) for text in self[name])
        require(fits, f"{name} in {self.path} must be a list of texts", self[name])
        return self[name]

    def __repr__(self) -> str:
        return f"GGUFFile({self.path.name}, {len(self.fields)} fields, {len(self.tensors)} tensors)"


class _Reader(gguf.GGUFReader):
    """The package's reader, which takes each number and string by `_get`: here as a plain array (a slice of a memmap
    takes six times as long, and there are 300,000), and never less than was asked for, as where a file breaks off.
    """

    def _get(self, offset: Any, dtype: Any, count: Any = 1, override_order: str | None = None) -> np.ndarray:
        return np.frombuffer(self.data, _ordered(dtype, override_order or self.byte_order), int(count), int(offset))


@cache
def _ordered(dtype: Any, order: str) -> np.dtype:
    return np.dtype(dtype).newbyteorder(order)


def read_gguf(path: str | os.PathLike[str], sha256: str | None = None) -> GGUFFile:
    """The fields and tensors of a GGUF file; with `sha256`, only of the one file that has it.

    Raises FileNotFoundError for a missing file, and ValueError for one that is no GGUF, that breaks off, or that has
    another SHA-256.
    """
    path = existing_file(path, "GGUF file")
    with open(path, "rb") as stream:
        if stream.read(4) != b"GGUF":
            raise ValueError(f"{path} is no GGUF file: it does not begin with the four letters GGUF")
        stream.seek(0)
        if sha256 is not None and (found := hashlib.file_digest(stream, "sha256").hexdigest()) != sha256:
            raise ValueError(f"{path} is not the file it should be: its SHA-256 is {found}, not {sha256}")
    try:
        reader = _Reader(path)
        fields = {name: field.contents() for name, field in reader.fields.items()}
    except (ValueError, KeyError, IndexError, OverflowError, TypeError) as error:
        raise ValueError(f"{path} is no whole GGUF file, or a damaged one: {error}") from error
    return GGUFFile(path, fields, {tensor.name: tensor for tensor in reader.tensors})


def dequantised(tensor: gguf.gguf_reader.ReaderTensor) -> Float[Tensor, "..."]:
    """A tensor's numbers as float32, by the package's own arithmetic.

    Q4_1, for one, has blocks of 32 numbers in 20 bytes: a scale d, a least value m (half precision each), and 4 bits q
    a number, which is then d q + m. Raises ValueError for a kind of blocks that the package cannot read.
    """
    known = isinstance(tensor, gguf.gguf_reader.ReaderTensor)
    require(known, "the tensor must be one of GGUFFile.tensors", type(tensor).__name__)
    try:
        numbers = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
    except NotImplementedError as error:
        kind = tensor.tensor_type.name
        raise ValueError(f"the tensor {tensor.name!r} is stored as {kind}, which cannot be read: {error}") from error
    return torch.from_numpy(np.array(numbers, dtype=np.float32, copy=not numbers.flags.writeable or None))
