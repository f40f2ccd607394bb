"""The reader's progress in two small files that git ignores: which exercises have passed, and which mistakes were made.

A mistake comes back for review 1, 3, 7 and 21 days after its exercise has passed.
"""

import itertools
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from course_lib import PROJECT, files

__all__ = ["Mistake", "due", "passed", "progress_file", "record_mistake", "record_passed", "reviewed"]

DAYS = (1, 3, 7, 21)  # from one review of a mistake to the next
MISTAKES = 5  # of one exercise that are kept, the last ones


@dataclass(frozen=True)
class Mistake:
    """What a check once said of an answer, whose exercise has passed since."""

    exercise: str
    words: str


def progress_file() -> Path:
    """Where progress is kept: the file that COURSE_PROGRESS names, else progress.json in the learner's folder.

    Raises ValueError for a relative path in COURSE_PROGRESS or COURSE_MY.
    """
    my = files.path_in_environment("COURSE_MY") or PROJECT / "my"
    return files.path_in_environment("COURSE_PROGRESS") or my / "progress.json"


def passed() -> dict[str, str]:
    """The exercises that have passed ("notebook.exercise") with the time of each; none where the file is unreadable."""
    try:
        return _kept(progress_file(), _is_progress)
    except (OSError, _Damaged):
        return {}


def record_passed(exercise: str) -> str:
    """Add one exercise, and return what hindered it ("" where nothing did). The first pass keeps its time.

    The files are replaced whole; one that cannot be read is kept beside it under a name of its own.
    """

    def add(kept: dict[str, Any]) -> None:
        kept.setdefault(exercise, datetime.now().isoformat(timespec="seconds"))

    def begin(kept: dict[str, Any]) -> None:
        if exercise in kept and not kept[exercise].get("due"):
            kept[exercise] |= {"reviews": 0, "due": _after(0)}

    words = _changed(progress_file, add, _is_progress)
    return words or (_changed(_mistakes_file, begin, _is_mistakes) if _mistakes() else "")


def record_mistake(exercise: str, words: str) -> str:
    """Keep what a check said of a wrong answer, for review; returns what hindered it ("" where nothing did)."""

    def add(kept: dict[str, Any]) -> None:
        one = kept.setdefault(exercise, {"words": [], "reviews": 0, "due": None})
        one["words"] = [*(said for said in one["words"] if said != words), words][-MISTAKES:]

    return _changed(_mistakes_file, add, _is_mistakes)


def due(today: date | None = None) -> list[Mistake]:
    """The mistakes that come back on this day, the earliest first."""
    today = today or date.today()
    ready = {name: one for name, one in _mistakes().items() if one["due"] and date.fromisoformat(one["due"]) <= today}
    ordered = sorted(ready, key=lambda name: ready[name]["due"])
    return [Mistake(name, words) for name in ordered for words in ready[name]["words"][-1:]]


def reviewed(mistake: Mistake, well: bool) -> str:
    """After a review: a mistake that was explained well comes back later, or no more; another one tomorrow.

    Returns what hindered it ("" where nothing did).
    """

    def move(kept: dict[str, Any]) -> None:
        one = kept.get(mistake.exercise)
        if one is not None:
            one["reviews"] = one["reviews"] + 1 if well else 0
            one["due"] = _after(one["reviews"])
            if one["due"] is None:
                one["words"].remove(mistake.words)
                if one["words"]:  # the one before it
                    one |= {"reviews": 0, "due": _after(0)}
                else:
                    del kept[mistake.exercise]

    return _changed(_mistakes_file, move, _is_mistakes)


def _after(reviews: int) -> str | None:
    """The day of the next review after so many that went well; None after the last one."""
    return (date.today() + timedelta(days=DAYS[reviews])).isoformat() if reviews < len(DAYS) else None


def _mistakes_file() -> Path:
    return progress_file().with_name("mistakes.json")


def _mistakes() -> dict[str, Any]:
    """What is kept of mistakes; nothing where the file cannot be read."""
    try:
        return _kept(_mistakes_file(), _is_mistakes)
    except (OSError, ValueError, _Damaged):
        return {}


def _changed(place: Callable[[], Path], change: Callable[[dict[str, Any]], None], fits: Callable[[Any], bool]) -> str:
    """Change what a file holds; a damaged or foreign one is put aside first. Returns what hindered it."""
    words = ""
    try:
        file = place()
        try:
            kept = _kept(file, fits)
        except _Damaged:
            kept, words = {}, f"your progress file was damaged; it is kept as {_put_aside(file)}, and a new one begun"
        change(kept)
        with files.written_whole(file) as stream:
            stream.write(json.dumps(kept, indent=1).encode())
    except (OSError, ValueError) as error:
        return f"your progress could not be saved: {error}"
    return words


class _Damaged(Exception):
    """The file holds something else than progress."""


def _kept(file: Path, fits: Callable[[Any], bool]) -> dict[str, Any]:
    """What the file holds; nothing where it is missing or empty. Raises _Damaged, or OSError."""
    try:
        text = file.read_bytes().decode("utf-8-sig")
        kept = json.loads(text) if text.strip() else {}
    except FileNotFoundError:
        return {}
    except (RecursionError, ValueError):
        raise _Damaged from None
    if not isinstance(kept, dict) or not all(fits(value) for value in kept.values()):
        raise _Damaged
    return kept


def _is_progress(value: Any) -> bool:
    return isinstance(value, str)


def _is_mistakes(value: Any) -> bool:
    if not isinstance(value, dict) or value.keys() != {"words", "reviews", "due"}:
        return False
    words, reviews = value["words"], value["reviews"]
    texts = isinstance(words, list) and all(isinstance(one, str) for one in words)
    try:
        date.fromisoformat(value["due"] or "2000-01-01")
    except (TypeError, ValueError):
        return False
    return texts and isinstance(reviews, int)


def _put_aside(file: Path) -> Path:
    names = (file.with_name(f"{file.name}.damaged{number or ''}") for number in itertools.count())
    aside = next(name for name in names if not name.exists())
    os.replace(file, aside)
    return aside
