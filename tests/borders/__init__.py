"""The table of borders: what each public function answers to what a reader can get wrong.

A module of this package holds the rows of one part of the library, `BORDERS`; tests/test_borders.py tries them all, and
sees that no public name is forgotten. A name that takes nothing a reader can get wrong is listed in `NOTHING`, with the
reason.
"""

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["Border", "borders", "nothing"]


class Border(NamedTuple):
    """One promise: calling `of` in this way raises an error of one sentence which holds these words.

    `of` is the public name as one imports it, without "course_lib.": "tokenizers.BPETokenizer.train".
    """

    of: str
    mistake: str
    call: Callable[[], Any]
    says: str
    error: type[Exception] = ValueError


def _parts() -> list[Any]:
    return [importlib.import_module(f"{__name__}.{part.name}") for part in pkgutil.iter_modules(__path__)]


def borders() -> list[Border]:
    """All rows."""
    return [border for part in _parts() for border in part.BORDERS]


def nothing() -> dict[str, str]:
    """The public names without a row, each with the reason."""
    return {name: reason for part in _parts() for name, reason in part.NOTHING.items()}
