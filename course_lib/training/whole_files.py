"""Files that appear whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ["written_whole"]


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """A file to write beside the real one; at the end it is forced to the disk, then takes its place in one stroke.

    Whatever fails on the way, a full disk for one, leaves the old file as it was and nothing beside it; an OSError then
    says so.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        kept = "; the one before it is still there, whole" if path.exists() else ""
        raise OSError(f"{path} could not be written ({error}){kept}") from error
    finally:
        partial.unlink(missing_ok=True)
