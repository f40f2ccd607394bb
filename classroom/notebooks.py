"""The course's notebooks: which there are, their exercises, and running them so that a second run changes no byte.

`python -m classroom.notebooks run NN|PATH` runs a copy and reports; `refresh [NN ...] [--check]` re-executes in place.
"""

import argparse
import asyncio
import copy
import os
import re
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode
from nbformat.warnings import MissingIDFieldWarning

from classroom import grading, kernels
from classroom.lab import WIDGET
from classroom.progress import passed
from course_lib import PROJECT, files

__all__ = ["Exercise", "course_map", "execute", "exercises", "find", "normalise", "notebooks", "read", "skills"]

FOLDER = PROJECT / "notebooks"
CELL_TIMEOUT_SECONDS = 300
KINDS = {
    "build": "build: write the idea",
    "debug": "debug: find a fault by measuring",
    "design": "design: choose numbers by hand",
    "experiment": "experiment: reach a goal within a budget",
}
EXIT_CODES = {
    CellExecutionError: 1,
    TimeoutError: 4,
    DeadKernelError: 4,
    grading.Unreadable: 3,
    OSError: 1,
    ValueError: 2,
}


@dataclass(frozen=True)
class Exercise:
    """One exercise as its stub's metadata describe it; `id` is "notebook.exercise"."""

    id: str
    stars: int
    minutes: int
    kind: str = "build"  # or "debug", "design", "experiment"


def notebooks() -> list[Path]:
    """The notebooks of the course, in reading order."""
    return sorted(FOLDER.glob("[0-9][0-9]_*.ipynb"))


def find(word: str) -> Path:
    """The notebook of a number ("2", "02"), a slug ("word_vectors"), a file name or a path.

    Raises ValueError, which names the notebooks that there are.
    """
    if word.endswith(".ipynb") and Path(word).exists():
        return Path(word)
    for path in notebooks():
        number, _, slug = path.stem.partition("_")
        if word in (number, slug, path.stem, path.name) or (word.isdigit() and int(word) == int(number)):
            return path
    if Path(word).exists():  # no notebook by its name, and whoever reads it says so
        return Path(word)
    raise ValueError(f"no notebook is called {word!r}; there are {', '.join(path.stem for path in notebooks())}")


def read(path: Path) -> NotebookNode:
    """A notebook as nbformat 4 has it. Raises `grading.Unreadable`, a ValueError, for a file that is none."""
    grading.read_cells(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MissingIDFieldWarning)  # `normalise` gives ids
        return nbformat.reads(path.read_text(encoding="utf-8-sig"), as_version=4)


def exercises(notebook: NotebookNode) -> list[Exercise]:
    """The exercises of a notebook, in order, from the metadata of their stubs."""
    stubs = [cell for cell in notebook.cells if "exercise" in cell.metadata.get("tags", [])]
    return [Exercise(**stub.metadata["course"]) for stub in stubs]


def course_map() -> str:
    """The notebooks that are here as a Markdown table: times, what each needs, and the reader's progress."""
    solved = passed()
    rows = ["| notebook | reading | running | needs | exercises passed |", "|---|---|---|---|---|"]
    for path in notebooks():
        notebook = read(path)
        about = notebook.metadata["course"]
        done = [exercise.id in solved for exercise in exercises(notebook)]
        bar = f"{'▰' * sum(done)}{'▱' * (len(done) - sum(done))} {sum(done)} of {len(done)}" if done else "–"
        title = re.match(r"# (.+)", notebook.cells[0].source)[1]  # type: ignore[index]
        times = f"{about['read_minutes']} min | {about['run_minutes']} min"
        rows.append(
            f"| [{path.stem[:2]} {title}]({path.name}) | {times} | {', '.join(about['needs']) or '–'} | {bar} |"
        )
    return "\n".join(rows)


def skills() -> str:
    """How many exercises of each kind, and with how many stars, have passed, as a Markdown table."""
    solved, rows = passed(), ["| exercises | passed |", "|---|---|"]
    every = [exercise for path in notebooks() for exercise in exercises(read(path))]
    groups = {kind: [one for one in every if one.kind == kind] for kind in KINDS}
    groups |= {"★" * stars: [one for one in every if one.stars == stars] for stars in (1, 2, 3)}
    for name, group in groups.items():
        rows.append(f"| {KINDS.get(name, name)} | {sum(one.id in solved for one in group)} of {len(group)} |")
    return "\n".join(rows)


def execute(path: Path) -> NotebookNode:
    """A copy of the notebook, executed from top to bottom in a new kernel in the notebook's own folder.

    Raises nbclient's CellExecutionError where a cell fails, DeadKernelError where the kernel dies, and TimeoutError
    where a cell takes over five minutes.
    """
    notebook = read(path)
    folder = {"metadata": {"path": str(path.parent)}}
    options = {"timeout": CELL_TIMEOUT_SECONDS, "kernel_name": "python3", "record_timing": False}
    options["kernel_manager_class"] = kernels.ThisPythonAsync
    client = NotebookClient(notebook, resources=folder, **options)
    with ThreadPoolExecutor(1) as pool:  # in the main thread nbclient would take Ctrl-C for the kernel's death
        done = pool.submit(asyncio.run, client.async_execute(**kernels.QUIET))
        try:
            return done.result()
        except DeadKernelError:
            raise DeadKernelError(f"the kernel died while {path.name} ran") from None
        finally:
            while not done.done():  # interrupted: the kernel's end ends the client
                kernels.kill(client.km)
                wait([done], timeout=0.2)


def normalise(notebook: NotebookNode) -> NotebookNode:
    """The notebook without what differs from run to run or from machine to machine: ids, versions, widget state."""
    notebook = copy.deepcopy(notebook)
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    about = notebook.metadata.get("course", {})
    notebook.metadata = nbformat.from_dict({"course": about, "kernelspec": kernel, "language_info": {"name": "python"}})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for place, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{place:03d}"
        kept = {key: cell.metadata[key] for key in ("course", "jupyter", "tags") if key in cell.metadata}
        if "tags" in kept:
            kept["tags"] = sorted(set(kept["tags"]))
        cell.metadata = nbformat.from_dict(kept)
        if cell.cell_type == "code":
            cell.outputs = _normal_outputs(cell.outputs, cell.execution_count)
    return notebook


def _normal_outputs(outputs: Iterable[NotebookNode], execution_count: int | None) -> list[NotebookNode]:
    normal: list[NotebookNode] = []
    for output in outputs:
        previous = normal[-1] if normal else None
        if output.output_type == "stream":
            if previous and previous.output_type == "stream" and previous.name == output.name:
                previous.text += output.text
                continue
        elif output.output_type == "error":
            output.traceback = [_plain(line) for line in output.traceback]
        else:
            output.metadata = nbformat.from_dict({})
            output.data.pop(WIDGET, None)  # a view onto a widget that is gone with its kernel
            if "text/plain" in output.data:
                output.data["text/plain"] = _plain(output.data["text/plain"])
            if output.output_type == "execute_result":
                output.execution_count = execution_count
        normal.append(output)
    for output in normal:
        if output.output_type == "stream":
            output.text = _plain(re.sub(r"(?m)^.*\r(?=[^\n])", "", output.text))  # a progress bar: its last state
    return normal


def _plain(text: str) -> str:
    """Without colours, addresses of objects, the project's folder, and the names of the kernel's temporary files."""
    text = text.replace(f"{PROJECT}{os.sep}", "")
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    text = re.sub(r"\b0x[0-9a-fA-F]{6,}", "0xADDRESS", text)
    return re.sub(r"\S*ipykernel_\d+/\d+\.py", "CELL.py", text)


def _keep_uncompared(new: NotebookNode, old: NotebookNode) -> None:
    """Put back the outputs that cannot repeat (timings, samples), where the cell is the same."""
    for cell, before in zip(new.cells, old.cells, strict=True):
        if "nbval-ignore-output" in cell.metadata.get("tags", []) and before.get("outputs"):
            cell.outputs = before.outputs


def refresh(paths: Iterable[Path], check: bool) -> bool:
    """Re-execute and normalise notebooks in place; with `check`, only say which would change. True where any did."""
    changed = []
    for path in paths:
        start, old = time.monotonic(), path.read_text(encoding="utf-8")
        notebook = execute(path)
        if check:
            _keep_uncompared(notebook, read(path))
        new = nbformat.writes(normalise(notebook)) + "\n"
        if new != old:
            changed.append(path)
            if not check:
                with files.written_whole(path) as file:
                    file.write(new.encode())
        verdict = "unchanged" if new == old else "would change" if check else "written"
        print(f"{path.stem:28}{time.monotonic() - start:6.1f} s  {verdict}", flush=True)
    return bool(changed)


def run(path: Path) -> int:
    """Run a copy of one notebook, and print what came of it: troubles, and each exercise of its official edition.

    Returns the exit code: 0; 1 where a cell failed or an exercise is missing or there twice; 4 where the kernel died or
    a cell took over five minutes.
    """
    report = grading.grade(path, notebooks(), CELL_TIMEOUT_SECONDS)
    print("\n".join(report.lines()), flush=True)
    return report.code


def main(arguments: list[str]) -> int:
    """Returns the exit code: 0; 1, 3, 4 for a notebook (`run`) or a change (`refresh --check`: 1); 2 for a wrong word.

    3 says that a file is no notebook of the course, 130 that Ctrl-C ended it.
    """
    parser = argparse.ArgumentParser(prog="python -m classroom.notebooks", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run").add_argument("notebook")
    refreshing = commands.add_parser("refresh")
    refreshing.add_argument("notebook", nargs="*")
    refreshing.add_argument("--check", action="store_true")
    chosen = parser.parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory() as folder, kernels.apart(folder):
            if chosen.command == "run":
                return run(find(chosen.notebook))
            os.environ["COURSE_SCALE"] = "laptop"
            paths = [find(word) for word in chosen.notebook] or notebooks()
            return int(refresh(paths, chosen.check) and chosen.check)
    except KeyboardInterrupt:
        warnings.simplefilter("ignore", RuntimeWarning)  # of a coroutine that Ctrl-C kept from being awaited
        print("\nStopped: no notebook is half written, and no kernel runs on.", file=sys.stderr)
        return 130
    except (CellExecutionError, DeadKernelError, OSError, ValueError) as error:
        print(_plain(str(error)), file=sys.stderr)
        return next(code for kind, code in EXIT_CODES.items() if isinstance(error, kind))


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):  # an answer's words on a console that lacks their characters
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that a terminal that is closed ends the kernel
    sys.exit(main(sys.argv[1:]))
