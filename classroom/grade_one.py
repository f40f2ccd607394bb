"""One exercise of a submitted notebook, judged in a process of its own with limits on time, memory and files.

Only what the exercise needs is run: imports, definitions and the answer. An answer that asks for the checks finds
nothing in their place. That keeps accidents apart; against malice it is no sandbox.
"""

import ast
import contextlib
import functools
import hashlib
import importlib
import multiprocessing
import os
import re
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType
from typing import Any

from classroom import grading, verdicts
from classroom.exercise import Exercise, Experiment
from classroom.grading import Cell, Edition

__all__ = ["grade_exercise", "hidden_seeds"]

HIDDEN = 3  # so often does an answer get cases that were never published
MEMORY, FILE_SIZE = 3 * 2**30, 20 * 2**20  # bytes, beyond what is in use, and of a file
NEEDED = {"PATH", "HOME", "USERPROFILE", "SYSTEMROOT", "TMPDIR", "TEMP", "TMP", "LANG", "OMP_NUM_THREADS"}
ASKS_THE_CHECK = re.compile(r"\bclassroom\b|\.right\b|\w_solution\b|\b__import__\b")


def grade_exercise(
    identity: str, edition: Edition, cells: Sequence[Cell], seconds: float, seeds: Sequence[int]
) -> tuple[str, str]:
    """A word and what is to be said of one exercise, whose answer must pass with every seed.

    An experiment is scored with the first seed only, because its goal was set for that one. It has all the seconds for
    that: a machine that grades a class may be slower than the student's.
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
    child = context.Process(target=_judged, args=(there, identity, edition, cells, answer, seeds, seconds))
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
    pipe: Connection,
    identity: str,
    edition: Edition,
    cells: Sequence[Cell],
    answer: str,
    seeds: Sequence[int],
    seconds: float,
) -> None:
    """In the child: run an answer, and send the verdict."""
    if hasattr(os, "setsid"):
        os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with open(os.devnull, "w") as quiet, tempfile.TemporaryDirectory() as folder:
        os.dup2(quiet.fileno(), 1)
        os.dup2(quiet.fileno(), 2)
        os.chdir(folder)
        _limit_environment()
        os.environ["COURSE_PROGRESS"] = str(Path(folder, "progress.json"))
        names, begun = _prepared(edition.path)
        _limit()
        ours = _hide_the_checks(names)
        _define(names, [cell for cell in cells if "solution" not in cell.tags and cell.source != answer])
        check = begun[f"classroom.checks.{identity}"]
        if check.kind == "experiment":
            check, seeds = replace(check, seconds=seconds), seeds[:1]
        pipe.send(_verdict(check, names, begun, ours, answer, seeds))
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


def _limit_environment() -> None:
    """Leave no variable of whoever grades that an answer could tell in its error, such as a password."""
    for name in set(os.environ) - NEEDED:
        if not name.startswith("COURSE_"):
            del os.environ[name]


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
    check: Exercise | Experiment,
    names: dict[str, Any],
    begun: dict[str, Any],
    ours: dict[str, ModuleType],
    answer: str,
    seeds: Sequence[int],
) -> tuple[str, str]:
    slug, _, name = check.id.partition(".")
    names.pop(name, None)
    try:
        tree = Cell("code", answer).tree
        exec(compile(answer if tree is None else ast.unparse(tree), f"<{check.id}>", "exec"), names)
    except SyntaxError as error:
        return "failed", f"its cell is no Python: {error.msg} (line {error.lineno})"
    except Exception as error:
        return "failed", f"its cell raises {type(error).__name__}: {error}"
    if name not in names:
        return "failed", f"its cell defines no `{name}`"
    for seed in seeds:
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
