"""Stored results: tables that take too long for a notebook, each made by a module of this package.

A module offers `rows()`, which yields one dictionary a row, and `row(**settings)`, which makes one of them. Running it,
`python3 course.py results NAME`, writes data/results/NAME.json; a notebook reads that with `files.load_results`. Each
row is kept as soon as it is there, so that the same command, once stopped, goes on: `rows` calls `row` for all of them
in any case, and gets those that are done from `experiments.partial`. A module's PARTS name the functions whose results
are kept, where `row` is not the only one that takes long. Where a table needs a machine that few have, the module's
`lacks()` says in a sentence what is missing here.
"""

import datetime
import importlib
import json
import pkgutil
from pathlib import Path

from tqdm import tqdm

from course_lib import files
from experiments.partial import Partial, version

__all__ = ["make", "names"]


def names() -> list[str]:
    """The results that can be made."""
    return [module.name for module in pkgutil.iter_modules(__path__)]


def make(name: str) -> Path:
    """Run an experiment, or go on with it, and store its rows: the file whole or not at all, at the end.

    Raises ValueError for an unknown name and where the machine lacks what the table needs, and OSError where the disk
    is full: what is done is kept.
    """
    if name not in names():
        raise ValueError(f"no results are called {name!r}; there are {', '.join(names())}")
    experiment = importlib.import_module(f"{__name__}.{name}")
    missing = experiment.lacks() if hasattr(experiment, "lacks") else None
    if missing:
        raise ValueError(f"{missing}; nothing was changed")
    about = version(experiment)
    file, partial = files.RESULTS / f"{name}.json", Partial(files.RESULTS / f"{name}.partial", about)
    with partial.remembering(experiment):
        rows = list(tqdm(experiment.rows(), desc=name, unit="row"))
    stored = {
        "name": name,
        "command": f"python3 course.py results {name}",
        "date": datetime.date.today().isoformat(),
        "seconds": round(partial.seconds),
        "machine": about["machine"],
        "versions": about["versions"],
        "rows": rows,
    }
    with files.written_whole(file) as stream:
        stream.write((json.dumps(stored, indent=1) + "\n").encode())
    partial.path.unlink()
    return file
