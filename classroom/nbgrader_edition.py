"""The exercises as an nbgrader course: `python -m classroom.editions nbgrader --out FOLDER [--seed N] [NN ...]`.

FOLDER/source holds an assignment for each notebook: stubs, and checks that are worth as many points as the exercise has
stars. Nothing in it is a secret. The solutions stay in the course, and the seed of the hidden cases in FOLDER alone.
nbgrader does not run a submitted notebook: `nbgrader_config.py` there calls `judge` instead.
"""

import argparse
import importlib
import re
import secrets
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from classroom import editions, grading, notebooks
from course_lib import PROJECT

__all__ = ["course", "judge", "main", "without_secrets"]

CONFIG = PROJECT / "classroom" / "nbgrader" / "nbgrader_config.py"
SEED = "hidden_seed.txt"
CHECK = """verdict = {slug}.{name}({name})
display(verdict)
{points} if verdict.passed else 0  # points
### BEGIN HIDDEN TESTS
raise RuntimeError("nbgrader did not read the nbgrader_config.py of the course's folder")
### END HIDDEN TESTS"""
BEYOND = (
    "right for the cases of the notebook's check, but not for other inputs: does your answer hold for any input, "
    "or only for those?"
)
FOREIGN = "this is no check of the course, and it was not run: give its points by hand."
WORDS = {
    "missing": "no cell defines `{name}`.",
    "timed out": "there was {said}: does a loop in it go on for ever?",
    "died": "{said}: does your answer end Python, or need more memory than there is?",
}


def without_secrets(notebook: NotebookNode) -> NotebookNode:
    """A notebook as an nbgrader assignment: no solution, no output, no attachment; its exercises are worth points."""
    notebook = notebooks.normalise(editions.without_solutions(notebook))
    for place, cell in enumerate(notebook.cells):
        cell.pop("attachments", None)
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        if "exercise" in cell.metadata.get("tags", []):
            about = cell.metadata["course"]
            cell.metadata["nbgrader"] = _metadata(about["id"].partition(".")[2], grade=False)
            check = notebook.cells[place + 1]
            made = _check(about["id"], about["stars"])
            check.source = made.source
            check.metadata["nbgrader"] = made.metadata["nbgrader"]
    return notebook


def _check(identity: str, points: float) -> NotebookNode:
    """The cell that is worth an exercise's points."""
    slug, _, name = identity.partition(".")
    metadata = {"nbgrader": _metadata(_grade_id(identity), grade=True) | {"points": points}}
    return nbformat.v4.new_code_cell(CHECK.format(slug=slug, name=name, points=points), metadata=metadata)


def _grade_id(identity: str) -> str:
    return f"{identity.partition('.')[2]}-check"


def _metadata(grade_id: str, grade: bool) -> dict[str, object]:
    kind = {"grade": grade, "solution": not grade, "locked": grade, "task": False}
    return {"schema_version": 3, "grade_id": grade_id, "cell_type": "code"} | kind


def course(paths: Sequence[Path], seed: int) -> dict[str, bytes]:
    """The files of a teacher's folder: an assignment for each notebook, nbgrader's settings, and the seed."""
    found = {"nbgrader_config.py": CONFIG.read_bytes(), SEED: f"{seed}\n".encode()}
    for path in paths:
        text = nbformat.writes(without_secrets(notebooks.read(path)))
        found[f"source/{path.stem}/{path.name}"] = f"{text}\n".encode()
    return found


def judge(notebook: NotebookNode, name: str, points: Mapping[str, float], seed: int, seconds: float) -> None:
    """Put into each check of a submitted notebook what the course's check says of the answer, and its points.

    `points` has those of every graded cell, by its grade_id: a check that the notebook has lost is added at its end.
    A cell with points that is none of the course's is not run, and gets 0 until somebody grades it.
    """
    edition = grading.Edition(notebooks.find(name.partition("_")[2]))
    checks = {_grade_id(identity): identity for identity in edition.stubs}
    cells = [grading.cell_of(cell) for cell in notebook.cells if not _is_check(cell)]
    kept = {cell.metadata["nbgrader"]["grade_id"] for cell in notebook.cells if _is_check(cell)}
    for lost, identity in checks.items():
        if lost in points and lost not in kept:
            notebook.cells.append(_check(identity, points[lost]))
    for cell in filter(_is_check, notebook.cells):
        grade_id = cell.metadata["nbgrader"]["grade_id"]
        if grade_id not in points:  # nbgrader would refuse the whole notebook
            del cell.metadata["nbgrader"]
            continue
        passed, words = False, FOREIGN
        if identity := checks.get(grade_id):
            passed, words = _judged(identity, edition, cells, seed, seconds)
            cell.source = re.sub(r"\n### BEGIN HIDDEN TESTS.*", "", cell.source, flags=re.DOTALL)
        cell.outputs = _outputs(identity or grade_id, passed, words, points[grade_id] if passed else 0)


def _is_check(cell: NotebookNode) -> bool:
    about = cell.metadata.get("nbgrader", {})
    return cell.cell_type == "code" and about.get("grade", False) and not about.get("solution", False)


def _judged(
    identity: str, edition: grading.Edition, cells: Sequence[grading.Cell], seed: int, seconds: float
) -> tuple[bool | None, str]:
    """Whether an answer passes with the published cases and with hidden ones (None: not attempted), and the words."""
    from classroom.grade_one import grade_exercise, hidden_seeds  # not before it is needed, as it brings PyTorch

    slug, _, name = identity.partition(".")
    check = getattr(importlib.import_module(f"classroom.checks.{slug}"), name)
    word, said = grade_exercise(identity, edition, cells, seconds, [0])
    if word == "solved" and check.kind != "experiment":
        word, said = grade_exercise(identity, edition, cells, seconds, hidden_seeds(seed, identity, cells))
        if word in ("open", "failed"):  # nothing that tells a hidden case, or that the answer itself may have written
            word, said = "failed", next((words for words in check.wrong if " ".join(words.split()) in said), BEYOND)
    if word == "solved":
        return True, getattr(check, "praise", "the goal is reached.")
    return None if word == "open" else False, WORDS.get(word, "{said}").format(name=name, said=said)


def _outputs(identity: str, passed: bool | None, words: str, points: float) -> list[NotebookNode]:
    """A verdict as the course shows it, and the points, in the form in which nbgrader reads them."""
    from classroom.exercise import Verdict

    verdict = Verdict(identity, passed, words)
    shown = {"text/plain": repr(verdict), "text/html": verdict._repr_html_()}
    return [
        nbformat.v4.new_output("display_data", shown),
        nbformat.v4.new_output("execute_result", {"text/plain": str(points)}, execution_count=None),
    ]


def main(arguments: list[str]) -> int:
    """Returns the exit code: 0, or 2 for a wrong word."""
    parser = argparse.ArgumentParser(prog="course.py edition nbgrader", description="Make a course for nbgrader.")
    parser.add_argument("notebook", nargs="*", help="NN; without one, all of them")
    parser.add_argument("--out", type=Path, required=True, help="the teacher's folder, new or of an earlier edition")
    parser.add_argument("--seed", help="of the hidden cases, a whole number; without it, the folder's, or one is drawn")
    parser.error = lambda message: _fail(f"course.py edition nbgrader: {message}")  # type: ignore[method-assign]
    chosen = parser.parse_args(arguments)
    try:
        seed = _seed(chosen.seed, chosen.out)
        earlier = [path.name for path in chosen.out.glob("source/[0-9][0-9]_*")] if chosen.notebook else []
        there = {path.stem for path in notebooks.notebooks()}
        paths = {notebooks.find(word) for word in [*chosen.notebook, *there.intersection(earlier)]}
        edition = course(sorted(paths) or notebooks.notebooks(), seed)
        for name in editions.write_folder(edition, chosen.out):
            print(f"{name} was changed there since, and stays as it is")
        (chosen.out / SEED).chmod(0o600)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    made = len(edition) - 2
    print(f"{chosen.out} has {made} assignment{'s' * (made > 1)}; it is yours alone, and students get its release/")
    return 0


def _fail(sentence: str) -> None:
    print(sentence, file=sys.stderr)
    sys.exit(2)


def _seed(given: str | None, folder: Path) -> int:
    """The seed that was given, else the folder's, else one that nobody knows."""
    kept = folder / SEED
    if given is None and not kept.is_file():
        return secrets.randbelow(2**31)
    text = kept.read_text(encoding="utf-8") if given is None else given
    if not text.strip().isdecimal():
        where = kept if given is None else "--seed"
        raise ValueError(f"{where} must hold a whole number, 0 or larger, but it is {text.strip()[:40]!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
