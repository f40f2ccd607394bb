"""A learning rate searched by factors of 2 until the rates on both sides of the best one are worse."""

from collections.abc import Callable
from typing import Any

__all__ = ["best_rate", "searched"]


def searched(made: Callable[[float], dict[str, Any]], rate: float, score: str) -> list[dict[str, Any]]:
    """Rows at rates from the given one on, up and down, until those beside the best one are worse (higher)."""
    tried: dict[float, dict[str, Any]] = {}
    best = rate
    while not {best / 2, best, best * 2} <= tried.keys():
        for beside in (best, best * 2, best / 2):
            if beside not in tried:
                tried[beside] = made(beside)
        best = min(tried, key=lambda rate: tried[rate][score][0])
    return [tried[rate] for rate in sorted(tried)]


def best_rate(found: list[dict[str, Any]], score: str) -> float:
    """The learning rate of the best of some rows."""
    return min(found, key=lambda row: row[score][0])["learning_rate"]
