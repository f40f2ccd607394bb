"""Editions for a class: the course without its solutions, as a folder, a zip or a branch of git.

`python -m classroom.editions student --out FOLDER [--zip FILE] [--branch NAME]`, or another kind, which has a module of
its own in `OTHERS`. A hand-out is the whole course but for
solutions and tests, so that `python3 course.py lab` works in it as it does here. It can be made again at any time: a
file that somebody has changed in the folder since stays as it is, and the branch gets a new commit and is never
rewritten.
"""

import argparse
import copy
import hashlib
import importlib
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import nbformat
from nbformat import NotebookNode

from classroom.notebooks import notebooks, read
from course_lib import PROJECT, files

__all__ = ["commit", "student", "without_solutions", "write_folder", "write_zip"]

PARTS = ("classroom", "course_lib", "data", "experiments", "course.py", "LICENSE", "pyproject.toml", "requirements.txt")
MORE = (".gitattributes", ".gitignore", "AGENTS.md", "docs", "setup.py")
OTHERS = {  # kind: the module that makes it, with `main(arguments) -> int`
    "nbgrader": "classroom.nbgrader_edition",
    "otter": "classroom.otter_edition",
}
LEFT_OUT = ("__pycache__", "packages", ".ipynb_checkpoints")
LIST = ".edition.json"  # what was written, and the digest of each file
README = """# How language models work

You need Python 3.11 or newer, 3 GB of disk, and a network the first time.

    python3 course.py lab

sets everything up and opens the notebooks in your browser. They are copies in the folder `my/`: what you write there
is yours, and no update touches it. Begin with `00_start_here`.

- **Data** is fetched when a notebook first needs it; `python3 course.py data` fetches all of it at once. If your
  teacher has named a shared folder, set the variable `COURSE_DATA` to it before you start.
- **Exercises** have a check under them: run your cell, then the check. It says what is wrong as often as you ask.
- **If something does not work**, `python3 course.py doctor` says what to do.

| notebook | exercises | to read and solve | to run |
| --- | --- | --- | --- |
"""


def without_solutions(notebook: NotebookNode) -> NotebookNode:
    """A notebook without its solutions: neither their cells nor what these gave."""
    notebook = copy.deepcopy(notebook)
    notebook.cells = [cell for cell in notebook.cells if "solution" not in cell.metadata.get("tags", [])]
    return notebook


def student() -> dict[str, bytes]:
    """The files of a hand-out: path, with slashes, and content."""
    found = {}
    for part in (*PARTS, *MORE):
        top = PROJECT / part
        for path in [top] if top.is_file() else sorted(top.rglob("*")):
            name = path.relative_to(PROJECT)
            if path.is_file() and not set(name.parts) & set(LEFT_OUT) and not _is_for_now(name):
                found[name.as_posix()] = path.read_bytes()
    text = README
    for path in notebooks():
        notebook = without_solutions(read(path))
        found[f"notebooks/{path.name}"] = (nbformat.writes(notebook) + "\n").encode()
        about = notebook.metadata["course"]
        tasks = sum("exercise" in cell.metadata.get("tags", []) for cell in notebook.cells)
        text += f"| {path.stem} | {tasks} | {about['read_minutes']} min | {about['run_minutes']} min |\n"
    return found | {"README.md": text.encode()}


def _is_for_now(name: Path) -> bool:
    """Whether a file is of a run that has not ended, or of an installation."""
    return ".partial" in name.name or name.suffix in (".run", ".pyc") or any(".egg-info" in part for part in name.parts)


def write_folder(edition: Mapping[str, bytes], folder: Path) -> list[str]:
    """Write an edition into a folder, and return the files there that somebody has changed, which stay as they are.

    Files of an earlier edition that this one lacks are removed, unless they were changed. Raises ValueError for a
    folder with files in it that no edition wrote, and for one inside the course.
    """
    _require_own_folder(folder)
    written = _written(folder)
    if folder.exists() and not written and any(folder.iterdir()):
        raise ValueError(f"--out must be a new or empty folder, or one of an earlier edition, but {folder} is neither")
    kept = []
    for name in sorted({*written, *edition}):
        path, new = folder / name, edition.get(name)
        now = _digest(path.read_bytes()) if path.is_file() else None
        if now is not None and now not in (written.get(name), new and _digest(new)):
            kept.append(name)
        elif new is None:
            path.unlink(missing_ok=True)
            written.pop(name, None)
        else:
            if now != _digest(new):
                path.parent.mkdir(parents=True, exist_ok=True)
                with files.written_whole(path) as file:
                    file.write(new)
            written[name] = _digest(new)
    with files.written_whole(folder / LIST) as file:
        file.write(json.dumps(written, indent=1, sort_keys=True).encode())
    return kept


def _require_own_folder(folder: Path) -> None:
    if folder.resolve().is_relative_to(PROJECT):
        raise ValueError(f"--out must be a folder outside the course, but {folder} is inside")
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"--out must be a folder, but {folder} is a file")


def _written(folder: Path) -> dict[str, str]:
    try:
        return dict(json.loads((folder / LIST).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError):
        raise ValueError(
            f"{folder / LIST} is damaged: without it nobody knows what was changed; take a new folder"
        ) from None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def write_zip(edition: Mapping[str, bytes], path: Path) -> None:
    """Write an edition as a zip; the same files give the same bytes."""
    with files.written_whole(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(edition):
            about = zipfile.ZipInfo(str(PurePosixPath("course", name)))
            about.external_attr, about.compress_type = 0o644 << 16, zipfile.ZIP_DEFLATED
            archive.writestr(about, edition[name])


def commit(edition: Mapping[str, bytes], branch: str, repository: Path = PROJECT) -> str | None:
    """Commit an edition to a branch, on top of what is there; returns the commit, or None where nothing has changed.

    Neither the files that are checked out nor the index are touched, so nbgitpuller can follow the branch. Raises
    ValueError where git refuses, with its words, and for the branch that is checked out.
    """
    name = f"refs/heads/{branch}"
    _git(repository, "check-ref-format", name)
    if _git(repository, "symbolic-ref", "--quiet", "HEAD", refused="") == name:
        raise ValueError(f"--branch must be a branch for the edition alone, but {branch} is checked out")
    parent = _git(repository, "rev-parse", "--quiet", "--verify", name, refused="")
    with tempfile.TemporaryDirectory() as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
        lines = []
        for path, content in sorted(edition.items()):
            blob = _git(repository, "hash-object", "-w", "--stdin", given=content)
            lines.append(f"100644 {blob}\t{path}\n")
        _git(repository, "update-index", "--add", "--index-info", given="".join(lines).encode(), **index)
        tree = _git(repository, "write-tree", **index)
    if parent and _git(repository, "rev-parse", f"{parent}^{{tree}}") == tree:
        return None
    on_top = ["-p", parent] if parent else []
    made = _git(repository, "commit-tree", tree, *on_top, "-m", "The course for students")
    _git(repository, "update-ref", name, made, parent or "0" * 40)
    return made


def _git(repository: Path, *words: str, given: bytes = b"", refused: str | None = None, **variables: str) -> str:
    """What git answers; `refused`, where it is given and git refuses."""
    try:
        done = subprocess.run(
            ["git", *words], cwd=repository, input=given, capture_output=True, env=os.environ | variables, check=False
        )
    except FileNotFoundError:
        raise ValueError("--branch needs git, which is not installed") from None
    if done.returncode and refused is None:
        said = done.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise ValueError(f"git {words[0]} failed: {said or 'it gave no reason'}")
    return refused or "" if done.returncode else done.stdout.decode().strip()


def main(arguments: list[str]) -> int:
    """Returns the exit code: 0, or 2 for a wrong word."""
    if arguments and arguments[0] in OTHERS:
        return importlib.import_module(OTHERS[arguments[0]]).main(arguments[1:])
    parser = argparse.ArgumentParser(prog="course.py edition", description="Make the course for a class.")
    parser.add_argument("kind", choices=["student", *OTHERS])
    parser.add_argument("--out", type=Path, help="a folder")
    parser.add_argument("--zip", type=Path, help="a zip file")
    parser.add_argument("--branch", help="a branch of this repository, as for nbgitpuller")
    chosen = parser.parse_args(arguments)
    if not (chosen.out or chosen.zip or chosen.branch):
        parser.error("say where to: --out FOLDER, --zip FILE or --branch NAME")
    try:
        edition = student()
        if chosen.out:
            for name in write_folder(edition, chosen.out):
                print(f"{name} was changed there since, and stays as it is")
            print(f"{chosen.out} has the course for students, {len(edition)} files")
        if chosen.zip:
            write_zip(edition, chosen.zip)
            print(f"{chosen.zip} has the course for students, {chosen.zip.stat().st_size / 1e6:.1f} MB")
        if chosen.branch:
            made = commit(edition, chosen.branch)
            print(f"{chosen.branch}: {f'a new commit, {made[:10]}' if made else 'nothing has changed'}")
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
