"""Printing on any console: what its encoding lacks (`·` in cp932, `é` in ASCII) becomes a question mark, no error."""

import io
import sys
from typing import Any

__all__ = ["replace_unprintable", "say"]


def say(text: str = "", end: str = "\n", *, file: Any = None) -> None:
    """Print at once, with question marks for what the console cannot show: in place of `print` in the library.

    >>> ascii_only = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    >>> say("café · 3", file=ascii_only)
    >>> ascii_only.buffer.getvalue().split()
    [b'caf?', b'?', b'3']
    """
    stream = sys.stdout if file is None else file
    encoding = getattr(stream, "encoding", None) or "utf-8"
    print(text.encode(encoding, errors="replace").decode(encoding), end=end, file=stream, flush=True)


def replace_unprintable() -> None:
    """For the first line of a command's main: every later `print`, and argparse's `--help`, does as `say` does."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
