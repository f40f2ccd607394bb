"""The exercises as assignments for Otter: `course.py edition otter --out FOLDER [--seed N]`.

Each notebook becomes a master notebook, of which `otter assign` makes the students' notebook and the autograder. Otter
by itself runs a submission in one kernel with its tests, where an answer can read and change them. Here the tests only
say what `Grader`, a plugin, found out beforehand: it judges each answer as `course.py grade` does, in a process of its
own with limits, and no code of a submission reaches Otter's kernel. Against malice that is no sandbox.
"""

import argparse
import importlib
import re
import secrets
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import nbformat
import torch
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell

from classroom import class_grades, editions, notebooks
from classroom.exercise import Experiment
from classroom.grade_one import grade_exercise, hidden_seeds
from classroom.grading import Cell, Edition, read_cells

__all__ = ["Grader", "judge", "master", "otter"]

SEED = "seed.txt"
PUBLISHED, LARGEST = 0, 2**31 - 1  # seeds
WORDS = {"open": "not attempted yet.", "missing": "no cell defines it."}
CONFIG = """# ASSIGNMENT CONFIG
init_cell: false
export_cell: false
generate: true
tests:
  ok_format: false
plugins:
  - classroom.otter_edition.Grader:
      notebook: {notebook}
      seed: {seed}
      seconds: {seconds}
"""
TEST = '''""" # BEGIN TEST CONFIG
hidden: {hidden}
points: {points}
""" # END TEST CONFIG
def test_{name}_{which}(verdicts):
    passed, words = verdicts["{name}"]["{which}"]
    assert passed, words'''
README = """# The exercises for Otter

This folder holds all solutions and the seed of the hidden cases. Keep it where no student can read it.

Run these from the course's folder. `python` is that of its environment, in `.venv/bin` or `.venv\\Scripts`:

    python -m pip install -r tests/otter/requirements.txt
    python -m otter assign {folder}/NN_NAME/NN_NAME.ipynb {folder}/NN_NAME/made
    python -m otter run -a {folder}/NN_NAME/made/autograder/NN_NAME-autograder_TIME.zip -o RESULTS SUBMISSION.ipynb

`made/student` has the notebook to hand out. What is graded, and with which limits, is in docs/teaching.md.
"""


def otter(seed: int, folder: str = "FOLDER") -> dict[str, bytes]:
    """The files of the edition: path, with slashes, and content. The hidden cases are drawn with the seed."""
    files = {SEED: f"{seed}\n".encode(), "README.md": README.format(folder=folder).encode()}
    for path in notebooks.notebooks():
        made = master(notebooks.read(path), path.stem, seed)
        files[f"{path.stem}/{path.name}"] = (nbformat.writes(made) + "\n").encode()
    return files


def master(notebook: NotebookNode, name: str, seed: int) -> NotebookNode:
    """A notebook of the course as `otter assign` wants it, without outputs: exercises are questions, stars are points.

    Solutions are in solution blocks, and the seed is in the configuration; the rest is what students may see.
    """
    made = new_notebook(metadata={key: notebook.metadata[key] for key in ("course", "kernelspec", "language_info")})
    made.cells.append(new_raw_cell(CONFIG.format(notebook=name, seed=seed, seconds=class_grades.SECONDS)))
    cells = iter(notebook.cells)
    for cell in cells:
        if "statement" in cell.metadata.get("tags", []):
            made.cells += _question(cell, next(cells), next(cells), next(cells))
        else:
            made.cells.append(_plain(cell))
    for number, cell in enumerate(made.cells):
        cell.id = f"cell-{number}"  # nbformat draws one, and a second run shall write the same bytes
    return made


def _plain(cell: NotebookNode, source: str | None = None) -> NotebookNode:
    """A cell without outputs and attachments, with the metadata that the course uses, and perhaps another source."""
    new = new_code_cell if cell.cell_type == "code" else new_markdown_cell
    kept = {key: value for key, value in cell.metadata.items() if key in ("course", "jupyter", "tags")}
    return new(cell.source if source is None else source, metadata=kept)


def _question(
    statement: NotebookNode, stub: NotebookNode, check: NotebookNode, solution: NotebookNode
) -> Iterator[NotebookNode]:
    """The cells of one exercise. Students keep the course's own check, which says what is wrong without Otter."""
    about = stub.metadata["course"]
    name, stars = about["id"].partition(".")[2], about["stars"]
    right = re.sub(rf"\b{name}_solution\b", name, solution.source.rstrip().rpartition("\n")[0].rstrip())
    both = f"# BEGIN SOLUTION NO PROMPT\n{right}\n# END SOLUTION\nr''' # BEGIN PROMPT\n{stub.source}\n'''; # END PROMPT"
    yield new_raw_cell(f"# BEGIN QUESTION\nname: {name}\ncheck_cell: false")
    yield _plain(statement)
    yield new_raw_cell("# BEGIN SOLUTION")
    yield _plain(stub, both)
    yield new_raw_cell("# END SOLUTION")
    yield new_raw_cell("# BEGIN TESTS")
    hides = about["kind"] != "experiment"
    yield new_code_cell(TEST.format(name=name, which="public", hidden="false", points=0 if hides else stars))
    if hides:
        yield new_code_cell(TEST.format(name=name, which="hidden", hidden="true", points=stars))
    yield new_raw_cell("# END TESTS")
    yield _plain(check)
    yield new_raw_cell("# END QUESTION")


def judge(submission: Path, notebook: str, seed: int, seconds: float) -> dict[str, dict[str, tuple[bool, str]]]:
    """Of each exercise of a notebook: whether the submission passes the public and the hidden test, and the words.

    An answer has `seconds` for each test, and an experiment besides what its check allows a training.
    """
    cells, edition = read_cells(submission), Edition(notebooks.find(notebook))
    checks = importlib.import_module(f"classroom.checks.{edition.slug}")
    found = {}
    for identity in edition.stubs:
        name = identity.partition(".")[2]
        check = getattr(checks, name)
        trains = isinstance(check, Experiment)
        limit = seconds + check.seconds if trains else seconds
        public = hidden = _judged(identity, edition, cells, limit, [PUBLISHED])
        if public[0] and not trains:
            seeds = hidden_seeds(seed, identity, cells)
            hidden = _judged(identity, edition, cells, limit, seeds)
        found[name] = {"public": public, "hidden": hidden}
    return found


def _judged(
    identity: str, edition: Edition, cells: Sequence[Cell], seconds: float, seeds: Sequence[int]
) -> tuple[bool, str]:
    result, words = grade_exercise(identity, edition, cells, seconds, seeds)
    return result == "solved", words or WORDS.get(result, "")


class Grader:
    """What Otter's configuration names as its plugin: it judges a submission before Otter runs anything of it."""

    def __init__(self, submission: str, about: dict[str, Any], settings: dict[str, Any]) -> None:
        self.submission, self.settings = Path(submission), settings
        self.verdicts: dict[str, dict[str, tuple[bool, str]]] = {}

    def before_grading(self, config: Any) -> None:
        """Remove what Otter, its kernel or an answer could read: the seed, a log, files that pose as modules."""
        folder = self.submission.parent
        source = folder.parent / "source"
        if folder.name != "submission" or not source.is_dir():  # not Otter's own copy
            raise ValueError(f"a submission is graded in Otter's own copy, but {self.submission} is none")
        (source / "otter_config.json").unlink(missing_ok=True)
        for path in folder.iterdir():
            if path == self.submission or path.name == "tests":
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()

    def before_execution(self, submission: Any) -> NotebookNode:
        """A notebook that holds only the verdicts, to be executed instead of the submission."""
        torch.set_num_threads(1)
        self.verdicts = verdicts = judge(self.submission, **self.settings)
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        return new_notebook(cells=[new_code_cell(f"verdicts = {verdicts!r}")], metadata={"kernelspec": kernel})

    def generate_report(self) -> str | None:
        """What Otter prints for the teacher: what was said of answers that pass. None where there is nothing."""
        told = {
            f"{name}: {words}"
            for name, both in self.verdicts.items()
            for passed, words in both.values()
            if passed and words
        }
        return "\n".join(sorted(told)) or None


def main(arguments: list[str]) -> int:
    """Returns the exit code: 0, or 2 for a wrong word."""
    parser = argparse.ArgumentParser(prog="course.py edition otter", description="Make the exercises for Otter.")
    parser.add_argument("--out", type=Path, required=True, help="a folder that no student can read")
    parser.add_argument("--seed", help="of the hidden cases; without it, the folder's, or one is drawn")
    parser.error = lambda message: _fail(f"course.py edition otter: {message}")  # type: ignore[method-assign]
    chosen = parser.parse_args(arguments)
    try:
        edition = otter(_seed(chosen.out, chosen.seed), str(chosen.out))
        for name in editions.write_folder(edition, chosen.out):
            print(f"{name} was changed there since, and stays as it is")
        (chosen.out / SEED).chmod(0o600)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{chosen.out} has {len(edition) - 2} master notebooks for Otter, and README.md says how to go on")
    return 0


def _fail(sentence: str) -> None:
    print(sentence, file=sys.stderr)
    sys.exit(2)


def _seed(folder: Path, chosen: str | None) -> int:
    """The seed that was asked for, else that of an earlier edition, else a new one."""
    kept = folder / SEED
    if chosen is None and not kept.is_file():
        return secrets.randbelow(LARGEST) + 1
    word = (kept.read_text(encoding="utf-8") if chosen is None else chosen).strip()
    if not (word.isdecimal() and PUBLISHED < int(word) <= LARGEST):
        where = kept if chosen is None else "--seed"
        raise ValueError(f"{where} must hold a whole number from 1 to {LARGEST}, but it is {word[:40]!r}")
    return int(word)
