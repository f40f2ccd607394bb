"""Checks of the notebook start_here."""

import random
import statistics
from typing import Any

from classroom.checks import compare, exercise

__all__ = ["median"]


@exercise
def median(answer: Any, seed: int) -> str:
    """median(numbers) of a list."""

    def middle(numbers: list[int]) -> int:
        return numbers[len(numbers) // 2]

    mistakes = [
        (
            lambda numbers: float(statistics.median(set(numbers))),
            "a set forgets how often a number stands in the list: sort the list itself.",
        ),
        (middle, "you take the middle of the list as it stands: sort the numbers first."),
        (statistics.fmean, "this is the mean (sum divided by number): the median is the middle of the sorted numbers."),
        (
            statistics.median_high,
            "with an even number there are two middle ones: return their mean, not the upper one.",
        ),
        (statistics.median_low, "with an even number there are two middle ones: return their mean, not the lower one."),
        (
            lambda numbers: (sorted(numbers)[len(numbers) // 2 - 1] + middle(sorted(numbers))) / 2,
            "with an odd number there is one middle one: return it, without a mean of two.",
        ),
    ]
    numbers = random.Random(seed)
    cases = [([3, 1, 2],), ([4, 1, 3, 2],), ([2, 2, 3],), ([1, 1, 1, 4],)]
    cases += [(numbers.sample(range(-50, 50), size),) for size in (1, 7, 8)]
    compare(answer, lambda numbers: float(statistics.median(numbers)), cases, mistakes)
    return "the input is left as it was, and even lengths are right."
