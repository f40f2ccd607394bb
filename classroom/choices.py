"""What an experiment demands of a reader's choice, in the same words everywhere."""

from collections.abc import Collection, Mapping
from typing import Any

from classroom.answers import Mistake

__all__ = ["demand_learning_rate", "demand_names", "demand_whole_numbers"]


def demand_names(choice: Any, names: Collection[str]) -> None:
    """Raise Mistake where a choice is no dictionary with exactly these names."""
    if not isinstance(choice, dict) or set(choice) != set(names):
        raise Mistake(f"a dictionary with {', '.join(names)} is expected, and nothing else.")


def demand_whole_numbers(choice: Mapping[str, Any], ranges: Mapping[str, tuple[int, int]]) -> None:
    """Raise Mistake where one of these is no integer in its range, ends included."""
    for name, (low, high) in ranges.items():
        if not isinstance(choice[name], int) or not low <= choice[name] <= high:
            raise Mistake(f"{name} is a whole number from {low} to {high}, but yours is {choice[name]}.")


def demand_learning_rate(choice: Mapping[str, Any]) -> None:
    """Raise Mistake where the learning rate is no number above 0 and at most 1."""
    rate = choice["learning_rate"]
    if not isinstance(rate, int | float) or not 0 < rate <= 1:
        raise Mistake(f"learning_rate is a number above 0 and at most 1, but yours is {rate}.")
