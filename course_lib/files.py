"""Files: written whole or not at all; and the stored results that notebooks read."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from course_lib import PROJECT

__all__ = ["RESULTS", "load_results", "written_whole"]

RESULTS = PROJECT / "data" / "results"


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """A file to write beside the real one; at the end it is forced to the disk, then takes its place in one stroke.

    Whatever fails on the way, a full disk for one, leaves the old file as it was and nothing beside it; an OSError then
    says so.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
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


def load_results(name: str) -> dict[str, Any]:
    """Stored results: `rows`, and how they came about (`command`, `date`, `seconds`, `machine`, `versions`).

    Raises FileNotFoundError that names the command which makes them.
    """
    file = RESULTS / f"{name}.json"
    if not file.is_file():
        raise FileNotFoundError(f"{file} is missing: `python3 course.py results {name}` makes it")
    return json.loads(file.read_text(encoding="utf-8"))
