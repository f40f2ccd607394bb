"""One notebook, graded: each exercise of its official edition gets a result, whatever the file has lost on its way.

    solved       the course's check passes
    open         the answer is untouched
    failed       there is an answer, and the check does not pass
    missing      neither the cell with the exercise's metadata nor another one that defines the answer is there
    twice        more than one cell defines the answer
    not reached  the kernel died, or a cell was stopped, before the verdict

The notebook runs from top to bottom in a kernel of its own; the check is asked where the notebook asks it, else after
the answer's cell.
"""

import ast
import functools
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager

from classroom.kernels import Died, Kernel, OverTime, kernel
from course_lib import PROJECT

__all__ = [
    "Cell",
    "Edition",
    "Place",
    "Report",
    "Unreadable",
    "cell_of",
    "edition_of",
    "grade",
    "place_of",
    "read_cells",
]

BEGIN = f"""
import sys
sys.path.insert(0, {str(PROJECT)!r})
from classroom import verdicts
sys.path.pop(0)
verdicts.begin(%r)
del sys, verdicts
"""
CHECK_SECONDS = 600  # a check limits its answer itself; this is for whatever else may go wrong
VERDICTS = "__import__('classroom.verdicts').verdicts"
WORDS = {
    "StdinNotImplementedError": "asks for input, which nobody can give here",
    "SystemExit": "calls sys.exit(), which would end the whole notebook",
}


class Unreadable(ValueError):
    """A file that is no notebook, or none of the course's; the message says why."""


@dataclass(frozen=True)
class Cell:
    """What grading reads of a cell, of whatever its file still has."""

    kind: str
    source: str
    tags: frozenset[str] = frozenset()
    exercise: str = ""  # "notebook.exercise", from the metadata

    @functools.cached_property
    def tree(self) -> ast.Module | None:
        """The cell as Python, magics and all, but for one that takes the whole cell; None where it is none."""
        source = re.sub(r"^%%.*", "", self.source.lstrip())
        try:
            return ast.parse(TransformerManager().transform_cell(source))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None

    def binds(self, name: str) -> bool:
        """Whether the cell defines this name: as a function, a class or a variable, or by an import."""
        if self.kind != "code" or name not in self.source:
            return False
        if self.tree is None:  # a slip in an answer
            return bool(re.search(rf"(?m)^\s*(?:(?:async )?def|class)\s+{name}\b|^{name}\s*=", self.source))
        return name in _bound(self.tree.body)


def _bound(statements: Sequence[ast.AST]) -> Iterator[str]:
    """The names that statements bind, those of nested blocks too, and not those inside a function."""
    for node in statements:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).partition(".")[0]
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif not isinstance(node, ast.Lambda):
            yield from _bound(list(ast.iter_child_nodes(node)))


def read_cells(path: Path) -> list[Cell]:
    """The cells of a notebook file. Raises Unreadable where it is none; missing metadata and ids do not matter."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        found = json.loads(text)
    except IsADirectoryError:
        raise Unreadable(f"{path} is a folder, not a notebook") from None
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Unreadable(f"{path} is no notebook: its bytes are not UTF-8 text") from None
    except (ValueError, RecursionError):
        raise Unreadable(f"{path} is {'no notebook: it is not JSON' if text.strip() else 'empty'}") from None
    if isinstance(found, dict) and ("worksheets" in found or found.get("nbformat") in (1, 2, 3)):
        raise Unreadable(f"{path} is a notebook of an old format: open it in JupyterLab, and save it")
    cells = found.get("cells") if isinstance(found, dict) else None
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise Unreadable(f"{path} is no notebook: it is JSON, but has no list of cells")
    return [cell_of(cell) for cell in cells]


def cell_of(found: Mapping[str, Any]) -> Cell:
    """What grading reads of a cell as its file has it, with or without metadata."""
    metadata, source = (found.get(key) for key in ("metadata", "source"))
    metadata = metadata if isinstance(metadata, dict) else {}
    tags, course = (metadata.get(key) for key in ("tags", "course"))
    source = "".join(map(str, source)) if isinstance(source, list) else str(source or "")
    source = source.encode(errors="replace").decode()  # a kernel takes no half characters
    identity = course.get("id") if isinstance(course, dict) else ""
    kept = frozenset(map(str, tags)) if isinstance(tags, list) else frozenset()
    kind = found.get("cell_type") or ("code" if identity or "outputs" in found else "markdown")
    return Cell(str(kind), source, kept, str(identity or ""))


class Edition:
    """The official edition of a notebook: its exercises with their stubs and checks, and its other code."""

    def __init__(self, path: Path) -> None:
        self.path, cells = path, read_cells(path)
        self.slug = path.stem.partition("_")[2]
        self.title = next((cell.source.partition("\n")[0] for cell in cells if cell.source.startswith("# ")), "")
        self.stubs = {cell.exercise: cell.source for cell in cells if "exercise" in cell.tags}
        self.checks = {f"{identity}({_name(identity)})" for identity in self.stubs}
        code = [cell for cell in cells if cell.kind == "code"]
        self.others = {cell.source.strip() for cell in code if "exercise" not in cell.tags}
        self.raising = {cell.source.strip() for cell in code if "raises-exception" in cell.tags}

    def evidence(self, cells: Sequence[Cell], path: Path) -> float:
        """How much speaks for it that these cells are a copy of this notebook, whatever the file is called."""
        asks = re.compile(rf"\bclassroom\.checks import .*\b{self.slug}\b|^{self.slug}\.\w+\(", re.MULTILINE)
        signs = sum(cell.exercise in self.stubs or bool(asks.search(cell.source)) for cell in cells)
        titled = any(self.title and cell.source.partition("\n")[0] == self.title for cell in cells)
        return signs + titled + (0.5 if self.slug and self.slug in path.stem else 0)


def _name(identity: str) -> str:
    return identity.rpartition(".")[2]


@dataclass
class Place:
    """Where an exercise of the edition is in a notebook: the cells that answer it, and the one where it is judged."""

    answers: list[int]
    judged: int | None
    word: str = "not reached"  # its result before the verdict


def place_of(identity: str, edition: Edition, cells: Sequence[Cell]) -> Place:
    """Where an exercise of the edition is answered in a copy, whatever the copy has lost."""
    name = _name(identity)
    own = [index for index, cell in enumerate(cells) if cell.kind == "code" and cell.exercise == identity]
    answers = [index for index in own if cells[index].binds(name)]
    if not answers:  # its metadata are lost, or the answer was written into another cell
        ours = re.compile(rf"(?m)^\s*from (?:course_lib|experiments)\b.*\b{name}\b")
        for index, cell in enumerate(cells):
            free = cell.exercise in ("", identity) and cell.source.strip() not in edition.others
            if free and cell.binds(name) and not ours.search(cell.source):
                answers.append(index)
    if not answers and own:
        if all(cells[index].tree is not None and not cells[index].tree.body for index in own):
            return Place([], None, "open")
        answers = own[-1:]  # the kernel tells why it defines nothing
    if not answers:
        return Place([], None, "missing")
    asks = re.compile(rf"\b{re.escape(identity)}\(\s*{name}\b")
    after = [index for index, cell in enumerate(cells) if index > answers[-1] and asks.search(cell.source)]
    return Place(answers, after[0] if after else answers[-1])


@dataclass
class Report:
    """What came of a notebook: how long it took, what a teacher must look at, and a result for each exercise."""

    path: Path
    edition: Path
    seconds: float = 0.0
    troubles: list[str] = field(default_factory=list)  # cells that failed or were stopped, the kernel's end
    broken: bool = False  # whether the kernel died, or a cell was stopped
    results: dict[str, tuple[str, str]] = field(default_factory=dict)  # exercise: a word, and what is to be said of it

    @property
    def code(self) -> int:
        """The exit code: 0; 1 where a cell failed or an exercise is missing or there twice; 4 where it is broken."""
        lost = any(word in ("missing", "twice") for word, _ in self.results.values())
        return 4 if self.broken else int(lost or bool(self.troubles))

    def lines(self) -> Iterator[str]:
        """The report in words."""
        yield f"{self.path.name}, a copy of {self.edition.stem}, ran in {self.seconds:.1f} s"
        yield from (f"  {trouble}" for trouble in self.troubles)
        yield from (f"  {word:11}  {id}{f' · {said}' if said else ''}" for id, (word, said) in self.results.items())
        solved = sum(word == "solved" for word, _ in self.results.values())
        yield f"solved: {solved} of {len(self.results)}"


def grade(path: Path, editions: Sequence[Path], seconds: float) -> Report:
    """Run a copy of a notebook, with so many seconds for each cell, and judge the exercises of its official edition.

    Raises Unreadable for a file that is no notebook, or none of these.
    """
    cells = read_cells(path)
    edition = edition_of(cells, path, editions)
    run = _Run(edition, cells, seconds, Report(path, edition.path))
    start = time.monotonic()
    run.all(path.parent)
    run.report.seconds = time.monotonic() - start
    return run.report


def edition_of(cells: Sequence[Cell], path: Path, editions: Sequence[Path]) -> Edition:
    """The official edition of which a notebook is a copy, by what is in it. Raises Unreadable where it is none."""
    edition = max(map(Edition, editions), key=lambda one: one.evidence(cells, path))
    if not edition.evidence(cells, path):
        raise Unreadable(f"{path} is none of the course's notebooks: it has neither a title nor an exercise of theirs")
    return edition


class _Run:
    """The cells of a notebook, executed one after the other, and the exercises, judged on the way."""

    def __init__(self, edition: Edition, cells: Sequence[Cell], seconds: float, report: Report) -> None:
        self.edition, self.cells, self.seconds, self.report = edition, cells, seconds, report
        self.places = {identity: place_of(identity, edition, cells) for identity in edition.stubs}
        self.failed: set[int] = set()
        self.stopped: set[int] = set()

    def all(self, folder: Path) -> None:
        """Fill the report."""
        for identity, place in self.places.items():
            self.report.results[identity] = place.word, ""
        code = [index for index, cell in enumerate(self.cells) if cell.kind == "code" and cell.source.strip()]
        label = "its start"
        try:
            with kernel(folder) as opened:
                begun = opened.execute(BEGIN % self.edition.slug, CHECK_SECONDS)
                if begun["status"] != "ok":
                    raise Died(f"the course's checks cannot be imported there ({_error(begun)})")
                for number, index in enumerate(code, 1):
                    label = f"cell [{number}]"
                    self._execute(opened, index, label)
                    for identity in (one for one, place in self.places.items() if place.judged == index):
                        self.report.results[identity] = self._judge(opened, identity, label)
        except (Died, OverTime) as died:
            self.report.broken = True
            self.report.troubles.append(f"the kernel died in {label}: {died or 'it took too long'}")

    def _execute(self, opened: Kernel, index: int, label: str) -> None:
        cell = self.cells[index]
        source = cell.source.strip()
        if source in self.edition.checks:  # its check is asked anyway
            return
        try:
            reply = opened.execute(cell.source, self.seconds)
        except OverTime:
            self.stopped.add(index)
            self._too_long(label, self.seconds)
            return
        if reply["status"] == "error":
            self.failed.add(index)
            if "raises-exception" not in cell.tags and source not in self.edition.raising:
                self.report.troubles.append(f"error        {label} {_error(reply)}")

    def _too_long(self, label: str, seconds: float) -> None:
        self.report.broken = True
        self.report.troubles.append(f"stopped      {label} ran for more than {seconds:g} seconds: does it ever end?")

    def _judge(self, opened: Kernel, identity: str, label: str) -> tuple[str, str]:
        place = self.places[identity]
        failed = bool(self.failed & set(place.answers[-1:]))
        try:
            reply = opened.execute(f"{VERDICTS}.judge({identity!r}, {failed})", CHECK_SECONDS, f"{VERDICTS}.said")
        except OverTime:
            self._too_long(label, CHECK_SECONDS)
            return "not reached", ""
        if reply["status"] != "ok":
            return "failed", f"its check could not be asked ({_error(reply)})."
        passed, words = json.loads(ast.literal_eval(reply["user_expressions"]["value"]["data"]["text/plain"]))
        word = {True: "solved", None: "open", False: "failed"}[passed]
        if word == "failed" and self.stopped & {*place.answers, place.judged}:
            word = "not reached"
        if len(place.answers) > 1:
            return "twice", f"{len(place.answers)} cells define it; the last is {word}"
        return word, _short(words, 160) if word == "failed" else ""


def _error(reply: Mapping[str, Any]) -> str:
    return WORDS.get(str(reply.get("ename"))) or _short(f"{reply.get('ename')}: {reply.get('evalue')}", 200)


def _short(text: str, most: int) -> str:
    line = " ".join(text.split()).removesuffix(":")
    return line if len(line) <= most else f"{line[: most - 1]}…"
