"""The shards of a run in a folder, by PyTorch's distributed checkpoints, each process writing and reading its own.

They are safetensors files: PyTorch's own format is pickle, which would run whatever code a file holds.
"""

import os
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor

from course_lib.training.distributed import barrier, rank

__all__ = [
    "count_shards",
    "damage_named",
    "folder_written_whole",
    "like_it",
    "put_back",
    "read_shards",
    "remove_aside",
    "set_aside",
    "write_shards",
]


def write_shards(folder: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write the tensors, of which each process has the same names; what is not sharded is written once."""
    from torch.distributed import checkpoint  # takes a second, which only a sharded run spends

    writer = checkpoint.HuggingFaceStorageWriter(str(folder), save_distributed=True)
    try:
        checkpoint.save(dict(tensors), storage_writer=writer)
    except checkpoint.CheckpointException as failed:
        error, _ = next(iter(failed.failures.values()))
        raise error from failed


def count_shards(folder: Path) -> int:
    """How many files of shards there are: at most one per process."""
    return len(list(folder.glob("*.safetensors")))


def read_shards(folder: Path, files: int, like: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a folder of so many files, sharded as those that are `like` them, or else in full.

    Raises ValueError where a file is missing or damaged.
    """
    from torch.distributed import checkpoint

    if (found := count_shards(folder)) != files:
        raise ValueError(f"{folder} should hold {files} files, but holds {found}: delete it and train anew")
    reader, tensors = checkpoint.HuggingFaceStorageReader(str(folder)), {}
    with damage_named(folder):
        stored = reader.read_metadata().state_dict_metadata
    for name, about in stored.items():
        if (reference := like_it(name, about.size, like)) is not None:
            tensors[name] = torch.empty_like(reference, dtype=about.properties.dtype, requires_grad=False)
        else:
            tensors[name] = torch.empty(about.size, dtype=about.properties.dtype)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "torch.distributed is disabled")  # nothing new to a single process
        checkpoint.load(tensors, storage_reader=reader)
    return tensors


def like_it(name: str, shape: torch.Size, like: Mapping[str, Tensor]) -> Tensor | None:
    """A tensor is like one of its name, or of its name up to the last dot, if their shapes are equal."""
    reference = like.get(name, like.get(name.rpartition(".")[0]))
    return reference if reference is not None and reference.shape == shape else None


@contextmanager
def damage_named(path: Path) -> Iterator[None]:
    """Answer what safetensors cannot read with a sentence."""
    try:
        yield
    except SafetensorError as error:
        raise ValueError(
            f"{path} is no safetensors file, or damaged ({error}): expected what save_weights or train writes"
        ) from None


@contextmanager
def folder_written_whole(path: Path) -> Iterator[Path]:
    """A folder that all processes fill; at the end it takes its place. Whatever fails, the old one stays."""
    partial = path.with_name(f".{path.name}.partial")
    if rank() == 0:
        shutil.rmtree(partial, ignore_errors=True)
    barrier()
    try:
        yield partial
        if rank() == 0:
            set_aside(path)
            os.replace(partial, path)
            remove_aside(path)
    except OSError as error:
        raise OSError(f"{path} could not be written ({error}); if there was one before it, it is kept") from error
    finally:
        if rank() == 0:
            shutil.rmtree(partial, ignore_errors=True)
    barrier()


def set_aside(path: Path) -> None:
    """Make room for a folder, or in place of one: no system exchanges folders in one stroke."""
    if path.exists():
        remove_aside(path)
        os.replace(path, _aside(path))


def put_back(path: Path) -> None:
    """What was set aside, where its successor never came."""
    if rank() == 0 and _aside(path).exists() and not path.exists():
        os.replace(_aside(path), path)
    barrier()


def remove_aside(path: Path) -> None:
    """Remove what was set aside."""
    if _aside(path).is_dir():
        shutil.rmtree(_aside(path))
    else:
        _aside(path).unlink(missing_ok=True)


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.old")
