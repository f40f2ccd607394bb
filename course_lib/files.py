"""Files: written whole or not at all; and the stored results that notebooks read."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from course_lib import PROJECT
from course_lib.validation import require, text_of

__all__ = ["RESULTS", "existing_file", "file_to_write", "load_results", "path_in_environment", "written_whole"]

RESULTS = PROJECT / "data" / "results"


@contextmanager
def written_whole(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A file to write beside the real one; at the end it is forced to the disk, then takes its place in one stroke.

    Missing folders are made. Whatever fails on the way, a full disk for one, leaves the old file as it was and nothing
    beside it; an OSError then says so. In a path, `~` is the home folder. Raises ValueError for a path to a folder.
    """
    path = file_to_write(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        kept = "; the one before it is still there, whole" if path.exists() else ""
        raise OSError(f"{path} could not be written ({error}){kept}") from error
    finally:
        with suppress(OSError):  # where its folder is none, for one
            partial.unlink()


def file_to_write(path: str | os.PathLike[str]) -> Path:
    """The path of a file to write. Raises ValueError for a folder, and for anything but a path."""
    path = _path(path)
    require(not path.is_dir(), "the path must name a file, not a folder", str(path))
    return path


def existing_file(path: str | os.PathLike[str], what: str) -> Path:
    """The path of a file to read; `what` it should be ("token file") is named where there is none.

    Raises FileNotFoundError for a missing file, and ValueError for a folder and for anything but a path.
    """
    path = _path(path)
    require(not path.is_dir(), f"the path must name a {what}, not a folder", str(path))
    if not path.exists():
        raise FileNotFoundError(f"there is no {what} {path}")
    return path


def path_in_environment(variable: str) -> Path | None:
    """The absolute path that an environment variable holds, `~` being the home folder; None where it is not set.

    Raises ValueError for a relative path: it would mean another folder in each notebook and command.
    """
    value = os.environ.get(variable, "").strip()
    if not value:
        return None
    path = _at_home(Path(value))
    require(path.is_absolute(), f"the environment variable {variable} must hold an absolute path", value)
    return path


def _path(path: Any) -> Path:
    require(isinstance(path, str | os.PathLike) and str(path), "a path must be a string or a pathlib.Path", path)
    return _at_home(Path(path))


def _at_home(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:  # there is no such user, or no home folder: the name is meant as it is
        return path


def load_results(name: str) -> dict[str, Any]:
    """Stored results: `rows`, and how they came about (`command`, `date`, `seconds`, `machine`, `versions`).

    Raises FileNotFoundError that names the command which makes them.
    """
    file = RESULTS / f"{text_of('name', name)}.json"
    if not file.is_file():
        raise FileNotFoundError(f"{file} is missing: `python3 course.py results {name}` makes it")
    return json.loads(file.read_text(encoding="utf-8"))
