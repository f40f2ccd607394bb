"""What grading asks of a notebook's kernel: the verdict of the course's own check on an answer that is there.

It is the check as the kernel had it before the notebook's first cell: what the notebook records, prints or puts in the
check's place counts for nothing. That is no sandbox: who wants to can get at this module, too.
"""

import importlib
import json
from typing import Any

from IPython import get_ipython

from classroom.exercise import Exercise, Experiment

__all__ = ["begin", "engine", "judge", "replaced", "said"]

ENGINE = ("exercise", "judging", "answers", "choices", "forms", "differences", "showing")
_checks: dict[str, Any] = {}
_before: dict[str, Any] = {}
said = ""  # by the last judgement, as JSON


def begin(slug: str) -> None:
    """Before the notebook's first cell: remember the checks of its exercises, and the engine."""
    _checks.update(vars(importlib.import_module(f"classroom.checks.{slug}")))
    _before.update(engine(slug))


def judge(identity: str, failed: bool) -> None:
    """Put into `said` whether an answer passes (None: not attempted), and the words; its cell may have `failed`."""
    global said
    said = json.dumps(_verdict(identity, failed))


def _verdict(identity: str, failed: bool) -> tuple[bool | None, str]:
    slug, _, name = identity.partition(".")
    names = get_ipython().user_ns
    if changed := replaced(_before, slug):
        return False, f"this notebook replaces {changed}, a part of the course's checks."
    if name not in names or (failed and getattr(names[name], "__module__", "") != "__main__"):
        return False, f"its cell {'raises an error and ' if failed else ''}defines no `{name}`."
    verdict = _checks[name](names[name], record=False)
    return verdict.passed, verdict.message


def replaced(before: dict[str, Any], slug: str) -> str:
    """The first part of the engine that is another one than before, or ""."""
    now = engine(slug)
    return next((key for key in before if now.get(key) is not before[key]), "")


def engine(slug: str) -> dict[str, Any]:
    """What the engine and the notebook's checks consist of: functions, classes and exercises, and what these hold."""
    found = {}
    for module in (importlib.import_module(f"classroom.{part}") for part in (*ENGINE, f"checks.{slug}")):
        for name, value in vars(module).items():
            if callable(value):
                found[f"{module.__name__}.{name}"] = value
            if getattr(value, "__module__", "") == module.__name__ or isinstance(value, Exercise | Experiment):
                held = getattr(value, "__dict__", {}) | {"__code__": getattr(value, "__code__", None)}
                kept = {key: part for key, part in held.items() if key[:2] != "__" or key in ("__call__", "__code__")}
                found |= {f"{module.__name__}.{name}.{key}": part for key, part in kept.items()}
    return found
