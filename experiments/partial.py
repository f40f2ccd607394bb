"""A table while it is made: what has been computed is in a file beside the result, and a stopped command goes on.

The file's first line says which version of the experiment it is of; each other line is one call of a function of the
experiment, with what it returned. A line is written in one stroke, so that only the last one can be cut off.
"""

import functools
import hashlib
import importlib.metadata
import inspect
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from course_lib import PROJECT

__all__ = ["Partial", "version"]

PACKAGES = ("torch", "numpy", "scipy", "gensim")
SOURCES = ("course_lib/**/*.py", "experiments/**/*.py", "data/requirements.txt", "data/checkpoints/*.safetensors")


def version(experiment: ModuleType) -> dict[str, Any]:
    """What the rows of an experiment depend on: its sources and data (a digest), the packages, the machine."""
    digest = hashlib.sha256()
    for path in [Path(str(experiment.__file__)), *(path for one in SOURCES for path in sorted(PROJECT.glob(one)))]:
        digest.update(path.read_bytes())
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return {
        "sources": digest.hexdigest(),
        "versions": {package: importlib.metadata.version(package) for package in PACKAGES},
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {gpu}",
    }


class Partial:
    """What is done of a table, and the file that keeps it."""

    def __init__(self, path: Path, version: dict[str, Any]) -> None:
        """Read what is there. Of another version it is put aside, which is said; a line that is cut off is dropped."""
        self.path = path
        self.known: dict[str, Any] = {}
        self.before, self.last = 0.0, time.monotonic()
        lines = _whole_lines(path)
        if lines and lines[0] != version:
            aside = path.with_name(f"{path.name}.old")
            os.replace(path, aside)
            print(f"{path.name} is of another version of the experiment: kept as {aside}, begun anew.", file=sys.stderr)
            lines = []
        for line in lines[1:]:
            self.known[line["call"]] = line["result"]
            self.before += line["seconds"]
        if not lines:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._append(version)

    @property
    def seconds(self) -> float:
        """How long all of it took, the stopped commands too."""
        return self.before + time.monotonic() - self.last

    def _append(self, line: dict[str, Any]) -> None:
        data = (json.dumps(line) + "\n").encode()
        try:
            with self.path.open("ab", buffering=0) as file:
                written = file.write(data)
                os.fsync(file.fileno())
                if written != len(data):
                    raise OSError("the disk is full, or the file may not grow")
        except OSError as error:
            kept = f"{len(self.known)} parts that are done are kept" if self.known else "nothing had been computed"
            raise OSError(f"{self.path} could not be written ({error}); {kept}") from error

    def remember(self, compute: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, which computes nothing twice: its arguments and what it returns go through JSON."""
        signature = inspect.signature(compute)

        @functools.wraps(compute)
        def look_up(*arguments: Any, **named: Any) -> Any:
            bound = signature.bind(*arguments, **named)
            bound.apply_defaults()
            call = f"{compute.__name__} {json.dumps(bound.arguments)}"
            if call not in self.known:
                result = json.loads(json.dumps(compute(*arguments, **named)))
                seconds, self.last = time.monotonic() - self.last, time.monotonic()
                self._append({"call": call, "seconds": round(seconds, 3), "result": result})
                self.known[call], self.before = result, self.before + seconds
            return json.loads(json.dumps(self.known[call]))  # a copy: rows are changed by those who ask for them

        return look_up

    @contextmanager
    def remembering(self, experiment: ModuleType) -> Iterator[None]:
        """While a table is made, `row` of its module, and what else its PARTS name, compute nothing twice."""
        parts = {name: getattr(experiment, name) for name in getattr(experiment, "PARTS", ("row",))}
        try:
            for name, compute in parts.items():
                setattr(experiment, name, self.remember(compute))
            yield
        finally:
            for name, compute in parts.items():
                setattr(experiment, name, compute)


def _whole_lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a file of JSON lines, up to the first that is not whole; there the file is cut."""
    lines: list[dict[str, Any]] = []
    if not path.exists():
        return lines
    end, content = 0, path.read_bytes()
    for data in content.splitlines(keepends=True):
        try:
            line = json.loads(data)
        except ValueError:
            break
        if not data.endswith(b"\n"):
            break
        lines.append(line)
        end += len(data)
    if end < len(content):
        os.truncate(path, end)
    return lines
