"""The book: the executed notebooks as a static site that opens from a folder, without a server and without a network.

`python -m classroom.book [--out FOLDER]`. The notebooks are prepared here and built by Sphinx, which has an environment
of its own, `.venv-book`, made at the first call; docs/book holds its settings. A warning of Sphinx stops the build.
"""

import argparse
import copy
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from itertools import groupby
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from classroom.notebooks import exercises, notebooks, read
from classroom.panels import SAVED
from course_lib import PROJECT
from course_lib.installing import PipError, pip_environment, why_pip_failed

__all__ = ["BookError", "build", "first_page", "page", "sphinx_python"]

SETTINGS = PROJECT / "docs" / "book"
VENV = PROJECT / ".venv-book"
MARK = ".buildinfo"  # Sphinx leaves it in what it has built
PARTS = ("Part I: words", "Part II: language models", "Part III: attention", "Part IV: large language models")
LABELS = {"solution": "the solution", "source_hidden": "the code", "outputs_hidden": "what comes out"}
FOLDS = {"solution": "hide-cell", "source_hidden": "hide-input", "outputs_hidden": "hide-output"}
PLOT = "the plot that the code above draws"
FIRST_PAGE = """# How language models work

This is the course to read, anywhere and without a network. It climbs from words as vectors to a Transformer that you
have written, trained and understood. The same pages exist as notebooks, in which the code runs, panels move and each
exercise has a check that says what is wrong.

- **Predictions.** After "Predict, then run", the result is folded. Decide first, then open it.
- **Exercises.** Their hints and solutions are folded, too. Try before you look.
- **Panels** are pictures here, with what they said when they were saved.
"""


class BookError(RuntimeError):
    """The book cannot be made: the message says why, and what to do."""


def page(notebook: NotebookNode) -> NotebookNode:
    """A notebook as Sphinx should show it: solutions and predicted results folded, no checks, pictures with words."""
    notebook = copy.deepcopy(notebook)
    cells = []
    for cell in notebook.cells:
        if "check" not in cell.metadata.get("tags", []):  # it answers whoever runs it
            cells += [_folded(cell), *_texts(cell)]
            _describe(cell)
    notebook.cells = cells
    return notebook


def _folded(cell: NotebookNode) -> NotebookNode:
    """The cell with MyST-NB's tag and labels for what begins folded."""
    said = {*cell.metadata.get("tags", []), *(key for key, on in cell.metadata.get("jupyter", {}).items() if on)}
    kind = next((kind for kind in FOLDS if kind in said), None)
    if kind:
        labels = {f"code_prompt_{verb}": f"{verb.title()} {LABELS[kind]}" for verb in ("show", "hide")}
        cell.metadata = nbformat.from_dict({"tags": [FOLDS[kind]], "mystnb": labels})
    return cell


def _texts(cell: NotebookNode) -> list[NotebookNode]:
    """The cell's Markdown outputs, taken out of it as cells, in which links lead from page to page."""
    texts = [output for output in cell.get("outputs", []) if "text/markdown" in output.get("data", {})]
    if texts:
        cell.outputs = [output for output in cell.outputs if output not in texts]
    return [nbformat.v4.new_markdown_cell(output.data["text/markdown"]) for output in texts]


def _describe(cell: NotebookNode) -> None:
    """Give pictures their alternative text, and say of a panel where its controls are."""
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        if "image/png" in data:
            plain = data.get("text/plain", "")
            alt = PLOT if plain.startswith("<Figure") else plain
            cell.metadata.setdefault("mystnb", {})["image"] = {"alt": " ".join(alt.split())}
        if "text/html" in data:
            data["text/html"] = data["text/html"].replace(SAVED, "a panel; its controls work in the notebook")


def first_page(books: dict[str, NotebookNode]) -> str:
    """The map: notebooks by part, with minutes, exercises and what is built. The keys are names of files, in order."""
    text = FIRST_PAGE
    for part, names in groupby(books, key=_part):
        rows, entries = "", ""
        for name in names:
            about, opening = books[name].metadata["course"], books[name].cells[0].source
            title = f"{name[:2]} {re.match(r'# (.+)', opening)[1]}"  # type: ignore[index]
            built = re.search(r"(?ms)^\*\*What you will build\.\*\* (.+?)(?:\n\n|\Z)", opening)
            tasks = len(exercises(books[name]))
            rows += f"- **[{title}]({name}.ipynb)** · {about['read_minutes']} minutes · "
            rows += f"{tasks} exercise{'s' * (tasks != 1)}<br>\n  {' '.join(built[1].split()) if built else ''}\n"
            entries += f"{title} <{name}>\n"
        text += f"\n## {PARTS[part]}\n\n{rows}\n```{{toctree}}\n:hidden:\n:caption: {PARTS[part]}\n{entries}```\n"
    return text


def _part(name: str) -> int:
    """The part of NN_slug: its first digit, and the last part has all that follow."""
    return min(int(name[0]), len(PARTS) - 1)


def sphinx_python() -> Path:
    """The Python that has Sphinx: that of .venv-book, which is made, or made anew, where it is not what is wanted.

    Raises BookError with what to do where it cannot be made.
    """
    requirements = SETTINGS / "requirements.txt"
    python = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = VENV / "requirements.txt.installed"
    wanted = hashlib.sha256(f"{sys.version_info[:2]} {PROJECT}".encode() + requirements.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    print("Making .venv-book, with what docs/book/requirements.txt names.", flush=True)
    if subprocess.call([sys.executable, "-m", "venv", "--clear", VENV]):
        raise BookError("Python could not make .venv-book, for the reason above")
    with tempfile.TemporaryDirectory() as scratch:
        log = Path(scratch) / "pip.log"
        command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements]
        try:
            failed = subprocess.call(command, env=pip_environment(log, str(python)))
        except PipError as error:
            raise BookError(str(error)) from None
        said = log.read_text(encoding="utf-8", errors="replace") if failed else ""
    if failed:
        why = why_pip_failed(said, PROJECT, "try again where there is a network")
        raise BookError(f"pip could not install what the book needs: {why or 'it says why above'}")
    stamp.write_text(wanted, encoding="utf-8")
    return python


def build(out: Path) -> None:
    """Build the book into a folder; an earlier book there is replaced when the new one is whole.

    Raises ValueError for a folder that holds something else, and BookError where Sphinx finds fault with a notebook.
    """
    out = out.resolve()
    if out.exists() and not (out / MARK).exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"--out must be a new or empty folder, or one with an earlier book, but {out} is neither")
    python = sphinx_python()
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".book-") as scratch:
        source, made = Path(scratch, "source"), Path(scratch, "made")
        source.mkdir()
        books = {path.stem: read(path) for path in notebooks()}
        for name, notebook in books.items():
            nbformat.write(page(notebook), source / f"{name}.ipynb")
        (source / "index.md").write_text(first_page(books), encoding="utf-8")
        options = ["-b", "html", "-q", "-W", "--keep-going", "-j", "2", "-c", SETTINGS, "-d", Path(scratch, "trees")]
        if subprocess.call([python, "-m", "sphinx", *options, source, made], env=os.environ | {"PYTHONUTF8": "1"}):
            raise BookError("Sphinx found the faults above, so there is no new book")
        if out.exists():
            shutil.rmtree(out)
        made.replace(out)


def main(arguments: list[str]) -> int:
    """Returns the exit code: 0; 1 where the book cannot be made, 2 for a wrong word, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="course.py book", description="Make the course as a site to read offline.")
    parser.add_argument("--out", type=Path, default=PROJECT / "book", help="a folder (default: book, in the course's)")
    out = parser.parse_args(arguments).out
    try:
        build(out)
    except (BookError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2 if isinstance(error, ValueError) else 1
    except KeyboardInterrupt:
        print("\nStopped: an earlier book is as it was.", file=sys.stderr)
        return 130
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    print(f"{out / 'index.html'} opens the book ({size / 1e6:.0f} MB); copy the whole folder wherever you like.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
