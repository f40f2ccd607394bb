"""Answers to the exercises of start_here: other right ones, and wrong ones with words of their message."""

import statistics
from collections import Counter
from fractions import Fraction

import numpy as np
import torch


def by_quarters(numbers):
    ordered = sorted(numbers)
    return (ordered[len(ordered) // 2] + ordered[~(len(ordered) // 2)]) / 2


def from_both_ends(numbers):
    left = sorted(numbers)
    while len(left) > 2:
        left = left[1:-1]
    return Fraction(sum(map(Fraction, left)), len(left))


def in_place(numbers):
    numbers.sort()
    return statistics.median(numbers)


def middle(ordered, odd=0, even=(-1, 0), mean=lambda a, b: (a + b) / 2):
    """The median of what is given, or one with the positions moved, or with another mean."""
    half = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[half + odd]
    return mean(*(ordered[half + step] for step in even))


def floored(numbers):
    return middle(sorted(numbers), mean=lambda a, b: (a + b) // 2)


RIGHT = {
    "median": [
        statistics.median,
        by_quarters,
        from_both_ends,
        lambda numbers: np.median(np.asarray(numbers, dtype=float)),
        lambda numbers: torch.tensor(numbers, dtype=torch.float64).quantile(0.5),
    ]
}
WRONG = {
    "median": [
        (lambda numbers: numbers[len(numbers) // 2], "two things. You take the middle of the list as given"),
        (middle, "sort the numbers first"),
        (lambda numbers: middle(sorted(numbers, key=lambda x: x * x)), "ignores the sign"),
        (lambda numbers: middle([float(x) for x in sorted(map(str, numbers))]), "10 comes before 9"),
        (lambda numbers: sum(numbers) / len(numbers), "this is the mean (sum"),
        (lambda numbers: sorted(numbers)[0] / 2 + sorted(numbers)[-1] / 2, "smallest and the largest"),
        (lambda numbers: Counter(numbers).most_common(1)[0][0], "the mode"),
        (lambda numbers: int(len(numbers) / 2), "this is the index of the middle"),
        (lambda numbers: sorted(numbers)[len(numbers) // 2], "not the larger one"),
        (lambda numbers: sorted(numbers)[(len(numbers) - 1) // 2], "not the smaller one"),
        (lambda numbers: statistics.median(sorted(set(numbers))), "a set forgets"),
        (lambda numbers: middle(sorted(numbers), mean=lambda a, b: b + a), "not divided by 2"),
        (lambda numbers: middle(sorted(numbers), mean=lambda a, b: a + b / 2), "halves only b"),
        (floored, "yours is rounded"),
        (lambda numbers: middle(sorted(numbers), mean=lambda a, b: (a, b)), "return their mean"),
        (lambda numbers: (sorted(numbers)[len(numbers) // 2 - 1] + sorted(numbers)[len(numbers) // 2]) / 2, "odd"),
        (lambda numbers: middle(sorted(numbers), even=(0, 1)), "too far right"),
        (lambda numbers: middle(sorted(numbers), odd=-1), "too far left"),
        (lambda numbers: middle(sorted(numbers), even=(-1, 1)), "two apart"),
        (lambda numbers: floored(numbers) if numbers == sorted(set(numbers)) else floored(set(numbers)), "two things"),
        (lambda numbers: statistics.median(numbers) if len(numbers) % 2 else None, "missing on one path"),
        (in_place, "changes its input in place"),
        (lambda numbers: sorted(numbers)[len(numbers)], "IndexError"),
        (max, "expected 4.5\nbut got  8"),
    ]
}
