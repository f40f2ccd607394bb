"""Answers to the exercises of start_here: other right ones, and wrong ones with words of their message."""

import statistics


def averaging_quarters(numbers):
    ordered = sorted(numbers)
    return (ordered[len(ordered) // 2] + ordered[~(len(ordered) // 2)]) / 2


def in_place(numbers):
    numbers.sort()
    return statistics.median(numbers)


RIGHT = {"median": [statistics.median, averaging_quarters]}
WRONG = {
    "median": [
        (lambda numbers: numbers[len(numbers) // 2], "sort the numbers first"),
        (lambda numbers: sum(numbers) / len(numbers), "this is the mean"),
        (lambda numbers: sorted(numbers)[len(numbers) // 2], "not the upper one"),
        (lambda numbers: sorted(numbers)[(len(numbers) - 1) // 2], "not the lower one"),
        (lambda numbers: statistics.median(sorted(set(numbers))), "a set forgets"),
        (lambda numbers: statistics.median(numbers) if len(numbers) % 2 else None, "missing on one path"),
        (in_place, "changes its input in place"),
        (lambda numbers: sorted(numbers)[len(numbers)], "IndexError"),
        (lambda numbers: max(numbers), "expected 2\nbut got  3"),
    ]
}
