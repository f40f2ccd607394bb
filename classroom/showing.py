"""Values in few characters, for what a verdict says."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["shorten", "show", "show_inputs"]

MOST_CHARACTERS = 400  # of what a verdict says


def shorten(text: str, most: int = MOST_CHARACTERS) -> str:
    """The text, cut where it is too long."""
    return text if len(text) <= most else f"{text[: most - 4].rstrip()} ..."


def show_inputs(case: tuple[Any, ...], names: Sequence[str], most: int = 150) -> str:
    """The inputs of a case by name: `u = [3, 4], v = [4, 3]`; only their shapes where they are large."""
    shown = [(name, value) for name, value in zip(names, case, strict=False) if not callable(value)]
    texts = [f"{name} = {show(value)}" for name, value in shown]
    if len(", ".join(texts)) > most:
        texts = [f"{name} = {show(value, 40)}" for name, value in shown]
    text = ", ".join(texts)
    return text if len(text) <= most else f"{text[: most - 4]} ..."


def show(value: Any, most: int = 80) -> str:
    """A value in at most so many characters; a large array as its shape."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        array = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
        text = np.array2string(array, precision=4, separator=", ", threshold=24, max_line_width=10_000)
        text = text.replace("\n", "")
        return text if len(text) <= most else f"(numbers of shape {tuple(array.shape)})"
    if isinstance(value, float):
        return f"{value:.5g}"
    if isinstance(value, list | tuple) and value:
        inner = ", ".join(show(part, most) for part in itertools.islice(value, 12))
        inner += ", ..." if len(value) > 12 else ""
        text = f"[{inner}]" if isinstance(value, list) else f"({inner})"
    else:
        text = repr(value)
    return text if len(text) <= most else f"{text[: most - 4]} ..."
