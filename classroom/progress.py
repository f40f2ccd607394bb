"""The reader's progress: which exercises have passed, in one small file that git ignores."""

import json
import os
from datetime import datetime
from pathlib import Path

from course_lib import PROJECT, files

__all__ = ["passed", "progress_file", "record_passed"]


def progress_file() -> Path:
    """Where progress is kept: the file that COURSE_PROGRESS names, else progress.json in the learner's folder."""
    my = files.path_in_environment("COURSE_MY") or PROJECT / "my"
    return files.path_in_environment("COURSE_PROGRESS") or my / "progress.json"


def passed() -> dict[str, str]:
    """The exercises that have passed ("notebook.exercise") with the time of each; none where the file is unreadable."""
    try:
        kept = json.loads(progress_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


def record_passed(exercise: str) -> str:
    """Add one exercise, and return what hindered it ("" where nothing did). The first pass keeps its time.

    The file is replaced whole; one that cannot be read is kept beside it under the name *.damaged.
    """
    file = progress_file()
    kept = passed()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if not kept and file.exists() and file.read_text(encoding="utf-8", errors="replace").strip() not in ("", "{}"):
            os.replace(file, file.with_name(file.name + ".damaged"))
        kept.setdefault(exercise, datetime.now().isoformat(timespec="seconds"))
        with files.written_whole(file) as stream:
            stream.write(json.dumps(kept, indent=1).encode())
    except OSError as error:
        return f"your progress could not be saved: {error}"
    return ""
