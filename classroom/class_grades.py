"""A class's notebooks, graded into one table: `python -m classroom.class_grades FOLDER [--to FILE]`.

Each exercise is judged by itself (`classroom.grade_one`), by the course's checks on seeds of the grading's own. What a
notebook records, prints or claims counts for nothing.

    solved       the check passes with every seed
    open         the answer is untouched
    failed       there is an answer, and the check does not pass
    missing      neither the exercise's cell nor another one that defines the answer is there
    timed out    the answer, with its check, took too long
    died         its process ended, as by exit() or for lack of memory
    unreadable   the file is no notebook of the course
"""

import argparse
import csv
import functools
import hashlib
import io
import multiprocessing
import os
import secrets
import signal
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from classroom import grading
from classroom.grade_one import grade_exercise
from classroom.notebooks import exercises, notebooks, read
from course_lib import files

__all__ = ["Grade", "grade_class", "grade_notebook", "summary"]

SECONDS = 60
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for a formula's beginning
WORDS = ("solved", "failed", "open", "missing", "timed out", "died")


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
