"""A class's notebooks, graded into one table: `python -m classroom.class_grades FOLDER [--to FILE]`.

Only what exercises need is run: imports, definitions and the answer, each exercise in a process of its own with limits
on time, memory and files, judged by the course's checks on seeds of its own. What a notebook records, prints or claims
counts for nothing, and an answer that asks for the checks finds nothing in their place. That is no sandbox.

    solved       the check passes with every seed
    open         the answer is untouched
    failed       there is an answer, and the check does not pass
    missing      neither the exercise's cell nor another one that defines the answer is there
    timed out    the answer, with its check, took too long
    died         its process ended, as by exit() or for lack of memory
    unreadable   the file is no notebook of the course
"""

import argparse
import ast
import contextlib
import csv
import functools
import hashlib
import importlib
import io
import multiprocessing
import os
import re
import secrets
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import astuple, dataclass, fields
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType
from typing import Any

from classroom import grading, verdicts
from classroom.grading import Cell, Edition
from classroom.notebooks import exercises, notebooks, read
from course_lib import files

__all__ = ["Grade", "grade_class", "grade_exercise", "grade_notebook", "hidden_seeds", "summary"]

SECONDS = 60
HIDDEN = 3  # so often does an answer get cases that were never published
MEMORY, FILE_SIZE = 3 * 2**30, 20 * 2**20  # bytes, beyond what is in use, and of a file
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for a formula's beginning
WORDS = ("solved", "failed", "open", "missing", "timed out", "died")
ASKS_THE_CHECK = re.compile(r"\bclassroom\b|\.right\b|\w_solution\b|\b__import__\b")


@dataclass(frozen=True)
class Grade:
    """A row of the table. `digest` is of the file, so that one that was handed in anew is graded anew."""

    student: str
    file: str
    notebook: str
    exercise: str
    stars: int
    result: str
    message: str
    seconds: float
    digest: str
    seed: int


def grade_class(folder: Path, table: Path, seconds: float = SECONDS, seed: int | None = None) -> list[Grade]:
    """Grade every notebook under a folder, and keep the table up to date, whole after each notebook.

    The first folder on the way to a file names the student, or, where there is none, the file itself does. What the
    table already has of the same files and seed is kept, so that a run that was stopped goes on. Without a seed, that
    of the table is taken, or one is drawn. Raises ValueError for a folder without notebooks and a file that is no table
    of this kind.
    """
    if not folder.is_dir():
        raise ValueError(f"FOLDER must be a folder with notebooks, but {folder} is none")
    handed_in = sorted(path for path in folder.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)
    if not handed_in:
        raise ValueError(f"FOLDER must hold notebooks, but there is no .ipynb file in {folder}")
    kept = _read_table(table)
    seed = next((row.seed for row in kept), secrets.randbelow(2**31)) if seed is None else seed
    asked = {(str(path.relative_to(folder)), _digest(path), seed): path for path in handed_in}
    done = [row for row in kept if _key(row) in asked]
    known = set(map(_key, done))
    left = [path for key, path in asked.items() if key not in known]
    workers = min(len(left), os.cpu_count() or 1)
    if left:
        with _pool(workers) as pool:
            jobs: list[Future] = [pool.submit(grade_notebook, path, folder, seconds, seed) for path in left]
            try:
                for job in as_completed(jobs):
                    done += job.result()
                    _write_table(table, done)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    _write_table(table, done)
    return sorted(done, key=lambda row: (row.student, row.file))


def _pool(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _quiet)


def _key(row: Grade) -> tuple[str, str, int]:
    """What a row's notebook was graded by: the file, its content, the seed."""
    return row.file, row.digest, row.seed


def _quiet() -> None:
    """A worker leaves Ctrl-C to the command, and uses one thread: there are as many workers as cores."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import torch

    torch.set_num_threads(1)


def grade_notebook(path: Path, folder: Path, seconds: float, seed: int) -> list[Grade]:
    """The grades of one notebook, one for each exercise of its official edition."""
    name = path.relative_to(folder)
    student = name.parts[0] if len(name.parts) > 1 else name.stem
    common = {"student": student, "file": str(name), "digest": _digest(path), "seed": seed}
    try:
        cells = grading.read_cells(path)
        edition = grading.edition_of(cells, path, notebooks())
    except grading.Unreadable as error:
        words = str(error).replace(str(path), name.name)
        return [Grade(notebook="", exercise="", stars=0, result="unreadable", message=words, seconds=0, **common)]
    rows = []
    for one in exercises(_official(edition.path)):
        start = time.monotonic()
        result, message = grade_exercise(one.id, edition, cells, seconds, (0, seed))
        taken = round(time.monotonic() - start, 2)
        about = {"notebook": edition.path.stem, "exercise": one.id, "stars": one.stars}
        rows.append(Grade(result=result, message=message, seconds=taken, **about, **common))
    return rows


@functools.cache
def _official(path: Path) -> Any:
    return read(path)


def grade_exercise(
    identity: str, edition: Edition, cells: Sequence[Cell], seconds: float, seeds: Sequence[int]
) -> tuple[str, str]:
    """A word and what is to be said of one exercise, whose answer must pass with every seed.

    An experiment is scored with the first seed only, because its goal was set for that one.
    """
    place = grading.place_of(identity, edition, cells)
    if not place.answers:
        return place.word, ""
    answer = cells[place.answers[-1]].source
    if answer.strip() == edition.stubs[identity].strip():
        return "open", ""
    forked = sys.platform.startswith("linux")  # elsewhere what was imported may not survive a fork
    if forked:
        _prepared(edition.path)  # once, for all children
    here, there = multiprocessing.Pipe(duplex=False)
    context = multiprocessing.get_context("fork" if forked else "spawn")
    child = context.Process(target=_judged, args=(there, identity, edition, cells, answer, seeds))
    child.start()
    there.close()
    try:
        result, message = here.recv() if here.poll(seconds) else ("timed out", f"no verdict after {seconds:g} seconds")
    except EOFError:
        child.join()
        result, message = "died", f"its process ended with exit code {child.exitcode}"
    finally:
        if hasattr(os, "killpg"):
            with contextlib.suppress(OSError):
                os.killpg(child.pid, signal.SIGKILL)  # and what it started
        child.kill()
        child.join()
    if len(place.answers) > 1:
        message = f"{len(place.answers)} cells define it, and the last one counts. {message}".strip()
    if ASKS_THE_CHECK.search(answer):
        message = f"Look at it: the answer names the checks or a solution. {message}".strip()
    return result, message


def hidden_seeds(seed: int, identity: str, cells: Sequence[Cell]) -> list[int]:
    """Seeds that depend on all that was handed in: whoever learns them can use them in no other submission."""
    text = "\0".join([str(seed), identity, *(cell.source for cell in cells)])
    digest = hashlib.sha256(text.encode()).digest()
    return [int.from_bytes(digest[4 * place : 4 * place + 4]) % 2**31 for place in range(HIDDEN)]


@functools.cache
def _prepared(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The names that the official notebook imports and defines, and what the checks consist of before any answer."""
    names: dict[str, Any] = {"__name__": "__main__"}
    edition = Edition(path)
    _define(names, [cell for cell in grading.read_cells(path) if not cell.tags & {"exercise", "solution", "check"}])
    importlib.import_module(f"classroom.checks.{edition.slug}")
    return names, verdicts.engine(edition.slug)


def _define(names: dict[str, Any], cells: Sequence[Cell]) -> None:
    """Execute what cells import and define, and the constants that they set, nothing else; what fails is left out."""
    for cell in cells:
        if cell.kind != "code" or cell.tree is None:
            continue
        for node in cell.tree.body:
            if isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef) or _is_constant(node):
                try:
                    exec(compile(ast.Module([node], []), "<notebook>", "exec"), names)
                except Exception:
                    continue


def _is_constant(node: ast.AST) -> bool:
    if not isinstance(node, ast.Assign):
        return False
    try:
        ast.literal_eval(node.value)
    except ValueError:
        return False
    return True


def _judged(
    pipe: Connection, identity: str, edition: Edition, cells: Sequence[Cell], answer: str, seeds: Sequence[int]
) -> None:
    """In the child: run an answer, and send the verdict."""
    if hasattr(os, "setsid"):
        os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with open(os.devnull, "w") as quiet, tempfile.TemporaryDirectory() as folder:
        os.dup2(quiet.fileno(), 1)
        os.dup2(quiet.fileno(), 2)
        os.chdir(folder)
        os.environ["COURSE_PROGRESS"] = str(Path(folder, "progress.json"))
        names, begun = _prepared(edition.path)
        _limit()
        ours = _hide_the_checks(names)
        _define(names, [cell for cell in cells if "solution" not in cell.tags and cell.source != answer])
        pipe.send(_verdict(identity, names, begun, ours, answer, seeds))
        os.chdir(os.sep)


class _Nothing:
    """What an answer finds in place of the checks, which know the right function: it does nothing when called."""

    def __getattr__(self, name: str) -> "_Nothing":
        if name[:2] == "__":
            raise AttributeError(name)
        return self

    def __call__(self, *inputs: Any, **more: Any) -> None:
        return None


def _hide_the_checks(names: dict[str, Any]) -> dict[str, ModuleType]:
    """Put nothing in place of this package, in the names and for imports; returns its modules."""
    ours = {name: module for name, module in sys.modules.items() if _is_ours(name)}
    sys.modules.update(dict.fromkeys(ours, _Nothing()))  # type: ignore[arg-type]
    for name, value in names.items():
        if _is_ours(value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", "")):
            names[name] = _Nothing()
    return ours


def _is_ours(module: Any) -> bool:
    return str(module).partition(".")[0] == "classroom"


def _limit() -> None:
    """Limit memory and the size of files where the system can."""
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_SIZE, FILE_SIZE))
    if sys.platform.startswith("linux"):
        in_use = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (in_use + MEMORY, in_use + MEMORY))


def _verdict(
    identity: str,
    names: dict[str, Any],
    begun: dict[str, Any],
    ours: dict[str, ModuleType],
    answer: str,
    seeds: Sequence[int],
) -> tuple[str, str]:
    slug, _, name = identity.partition(".")
    names.pop(name, None)
    check = begun[f"classroom.checks.{slug}.{name}"]
    try:
        tree = Cell("code", answer).tree
        exec(compile(answer if tree is None else ast.unparse(tree), f"<{identity}>", "exec"), names)
    except SyntaxError as error:
        return "failed", f"its cell is no Python: {error.msg} (line {error.lineno})"
    except Exception as error:
        return "failed", f"its cell raises {type(error).__name__}: {error}"
    if name not in names:
        return "failed", f"its cell defines no `{name}`"
    for seed in seeds[:1] if check.kind == "experiment" else seeds:
        verdict = check(names[name], seed=seed, record=False)
        sys.modules.update(ours)
        if changed := verdicts.replaced(begun, slug):
            return "failed", f"it replaces {changed}, a part of the course's checks"
        _hide_the_checks(names)
        if not verdict.passed:
            return ("open" if verdict.passed is None else "failed"), _line(verdict.message)
    return "solved", ""


def _line(text: str, most: int = 300) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


@functools.cache
def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path.is_file() else ""


def _read_table(table: Path) -> list[Grade]:
    """The rows of an earlier table; none where there is no file."""
    if not table.exists():
        return []
    with table.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        columns = [field.name for field in fields(Grade)]
        if reader.fieldnames != columns:
            raise ValueError(f"{table} is no table of grades, and would be overwritten: --to names another file")
        rows = [{name: _plain(value) for name, value in row.items()} for row in reader]
        return [
            Grade(**row | {"stars": int(row["stars"]), "seconds": float(row["seconds"]), "seed": int(row["seed"])})
            for row in rows
        ]


def _write_table(table: Path, rows: Sequence[Grade]) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(field.name for field in fields(Grade))
    for row in sorted(rows, key=lambda row: (row.student, row.file)):
        writer.writerow(map(_cell, astuple(row)))
    with files.written_whole(table) as file:
        file.write(text.getvalue().encode("utf-8-sig"))  # spreadsheets tell UTF-8 by its mark


def _cell(value: Any) -> Any:
    """A text that a spreadsheet does not take for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in FORMULA else value


def _plain(value: str) -> str:
    """A text as it was before `_cell`."""
    return value[1:] if value[:1] == "'" and value[1:2] in FORMULA else value


def summary(rows: Sequence[Grade]) -> Iterator[str]:
    """A class in words: how many solved each exercise, and what went wrong most often."""
    students = {row.student for row in rows}
    handed_in = {row.file for row in rows}
    yield f"{len(handed_in)} notebooks of {len(students)} students"
    graded = {}
    for row in rows:
        if row.exercise:
            graded.setdefault(row.exercise, []).append(row)
        else:
            yield f"  unreadable: {row.message}"
    if graded:
        longest = max(map(len, graded))
        yield f"  {'exercise':{longest}}  {'  '.join(WORDS)}"
    for exercise in sorted(
        graded, key=lambda name: sum(row.result == "solved" for row in graded[name]) / len(graded[name])
    ):
        counts = Counter(row.result for row in graded[exercise])
        yield f"  {exercise:{longest}}  {'  '.join(f'{counts[word]:{len(word)}}' for word in WORDS)}"
        mistakes = Counter(row.message for row in graded[exercise] if row.result == "failed")
        for message, count in mistakes.most_common(1):
            yield f"  {'':{longest}}  most often ({count}): {message}"


def main(arguments: list[str]) -> int:
    """Returns the exit code: 0, 2 for a wrong word, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="course.py grade", description="Grade a class's notebooks into one table.")
    parser.add_argument("folder", type=Path, help="FOLDER/STUDENT/NOTEBOOK.ipynb, or FOLDER/STUDENT.ipynb")
    parser.add_argument(
        "--to", type=Path, default=Path("grades.csv"), help="the table (grades.csv); it is gone on with"
    )
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"for one answer and its check ({SECONDS})")
    parser.add_argument("--seed", type=int, help="of the hidden cases; without it, the table's, or one is drawn")
    chosen = parser.parse_args(arguments)
    try:
        rows = grade_class(chosen.folder, chosen.to, chosen.seconds, chosen.seed)
    except KeyboardInterrupt:
        print(f"\nStopped: {chosen.to} has what was graded, and the same command goes on.", file=sys.stderr)
        return 130
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    print("\n".join(summary(rows)))
    print(f"each exercise is a row of {chosen.to}")
    return 0


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.exit(main(sys.argv[1:]))
