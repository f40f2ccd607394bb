"""Tokenizers as files: JSON, written whole or not at all, and validated when it is read."""

import hashlib
import json
from pathlib import Path
from typing import Any, get_args

from course_lib.files import written_whole

__all__ = ["read", "write"]

FORMAT, VERSION = "course_lib tokenizer", 1


def write(path: Path, kind: str, content: dict[str, Any]) -> None:
    """Write the content under a header that says what it is, with its SHA-256; a failure leaves the old file."""
    header = {"format": FORMAT, "version": VERSION, "kind": kind, "sha256": _digest(content)}
    with written_whole(path) as file:
        file.write((json.dumps(header | content, ensure_ascii=False, indent=1) + "\n").encode())


def read(path: Path, kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    """The content that `write` wrote; `fields` names the values expected in it and their types.

    The SHA-256 guards against damage, not against malice. Raises ValueError for a file that is anything else.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON, or nested without end
        raise ValueError(f"{path} should hold a {kind} as JSON, but cannot be read: {error}") from error
    about = found if isinstance(found, dict) else {}
    for name, expected in {"format": FORMAT, "version": VERSION, "kind": kind}.items():
        if about.get(name) != expected:
            raise ValueError(f"{path} should have {name} {expected!r}, but has {about.get(name)!r}")
    if extra := about.keys() ^ (fields.keys() | {"format", "version", "kind", "sha256"}):
        raise ValueError(f"{path} should hold {', '.join(fields)}; missing or not expected: {', '.join(sorted(extra))}")
    content = {name: about[name] for name in fields}
    for name, kind_of_value in fields.items():
        if not _fits(content[name], kind_of_value):
            raise ValueError(f"{path} should hold {name} as {kind_of_value}, but it is another kind of value")
    if about["sha256"] != _digest(content):
        raise ValueError(f"{path} is damaged: its content does not have the SHA-256 that it names")
    return content


def _fits(value: Any, kind: Any) -> bool:
    if kind is str:
        return isinstance(value, str)
    return isinstance(value, list) and all(_fits(part, get_args(kind)[0]) for part in value)


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
