"""The reader's progress: which exercises have passed, in one small file that git ignores."""

import itertools
import json
import os
from datetime import datetime
from pathlib import Path

from course_lib import PROJECT, files

__all__ = ["passed", "progress_file", "record_passed"]


def progress_file() -> Path:
    """Where progress is kept: the file that COURSE_PROGRESS names, else progress.json in the learner's folder.

    Raises ValueError for a relative path in COURSE_PROGRESS or COURSE_MY.
    """
    my = files.path_in_environment("COURSE_MY") or PROJECT / "my"
    return files.path_in_environment("COURSE_PROGRESS") or my / "progress.json"


def passed() -> dict[str, str]:
    """The exercises that have passed ("notebook.exercise") with the time of each; none where the file is unreadable."""
    try:
        return _kept(progress_file())
    except (OSError, _Damaged):
        return {}


def record_passed(exercise: str) -> str:
    """Add one exercise, and return what hindered it ("" where nothing did). The first pass keeps its time.

    The file is replaced whole; one that cannot be read is kept beside it under a name of its own.
    """
    words = ""
    try:
        file = progress_file()
        try:
            kept = _kept(file)
        except _Damaged:
            kept, words = {}, f"your progress file was damaged; it is kept as {_put_aside(file)}, and a new one begun"
        kept.setdefault(exercise, datetime.now().isoformat(timespec="seconds"))
        with files.written_whole(file) as stream:
            stream.write(json.dumps(kept, indent=1).encode())
    except (OSError, ValueError) as error:
        return f"your progress could not be saved: {error}"
    return words


class _Damaged(Exception):
    """The file holds something else than progress."""


def _kept(file: Path) -> dict[str, str]:
    """What the file holds; nothing where it is missing or empty. Raises _Damaged, or OSError."""
    try:
        text = file.read_bytes().decode("utf-8-sig")
        kept = json.loads(text) if text.strip() else {}
    except FileNotFoundError:
        return {}
    except (RecursionError, ValueError):
        raise _Damaged from None
    if not isinstance(kept, dict):
        raise _Damaged
    return kept


def _put_aside(file: Path) -> Path:
    names = (file.with_name(f"{file.name}.damaged{number or ''}") for number in itertools.count())
    aside = next(name for name in names if not name.exists())
    os.replace(file, aside)
    return aside
