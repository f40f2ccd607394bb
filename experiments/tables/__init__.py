"""Stored results: tables that take too long for a notebook, each made by a module of this package.

A module offers `rows()`, which yields one dictionary a row, and `row(**settings)`, which makes one of them. Running it,
`python3 course.py results NAME`, writes data/results/NAME.json; a notebook reads that with `files.load_results`.
"""

import datetime
import importlib
import importlib.metadata
import json
import os
import pkgutil
import platform
import time
from pathlib import Path

import torch
from tqdm import tqdm

from course_lib import files

__all__ = ["make", "names"]


def names() -> list[str]:
    """The results that can be made."""
    return [module.name for module in pkgutil.iter_modules(__path__)]


def make(name: str) -> Path:
    """Run an experiment and store its rows, the file whole or not at all. Raises ValueError for an unknown name."""
    if name not in names():
        raise ValueError(f"no results are called {name!r}; there are {', '.join(names())}")
    experiment = importlib.import_module(f"{__name__}.{name}")
    start = time.monotonic()
    rows = list(tqdm(experiment.rows(), desc=name, unit="row"))
    stored = {
        "name": name,
        "command": f"python3 course.py results {name}",
        "date": datetime.date.today().isoformat(),
        "seconds": round(time.monotonic() - start),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {_accelerator()}",
        "versions": {package: importlib.metadata.version(package) for package in ("torch", "numpy", "scipy", "gensim")},
        "rows": rows,
    }
    with files.written_whole(file := files.RESULTS / f"{name}.json") as stream:
        stream.write((json.dumps(stored, indent=1) + "\n").encode())
    return file


def _accelerator() -> str:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
