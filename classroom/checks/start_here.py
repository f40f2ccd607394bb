"""Exercises of the notebook start_here."""

import random
import statistics

from classroom.exercise import case, exercise

__all__ = ["median"]


def _cases(seed):
    draw = random.Random(seed)
    return [
        ([3, 1, 2],),
        case([4, 1, 3, 2], edge="an even number of numbers"),
        ([9, 0.5, 7, -4, 2.5],),
        (draw.sample(range(-50, 50), 7),),
        case(draw.sample(range(-99, 50, 2), 5) + draw.sample(range(50, 99, 2), 3), edge="an even number of numbers"),
        case([-2, -7, 6, -5, -4, -3], edge="an even number of numbers"),
        case([1, 8], edge="two numbers"),
        case([5], edge="a single number"),
        case([2, 2, 3], edge="repeated numbers"),
        case([1, 1, 1, 4], edge="repeated numbers"),
    ]


@exercise(
    praise="your function leaves its input unchanged, and handles even lengths correctly.",
    cases=_cases,
    wrong={
        "a set forgets how often a number occurs in the list: sort the list itself.": {"order": lambda numbers: sorted(set(numbers))},
        "you take the middle of the list as given: sort the numbers first.": {"order": list},
        "`sorted` with `key=abs` ignores the sign: sort the numbers themselves.": {"order": lambda numbers: sorted(numbers, key=abs)},
        "as strings, 10 comes before 9: sort the numbers themselves.": {"order": lambda numbers: sorted(numbers, key=str)},
        "this is the mean (sum divided by count): the median is the middle of the sorted numbers.": statistics.fmean,
        "this is the mean of the smallest and the largest number: the median is the middle one of the sorted list.": (
            lambda numbers: (min(numbers) + max(numbers)) / 2
        ),
        "this is the most frequent number, the mode: the median is the middle of the sorted numbers.": statistics.mode,
        "this is the index of the middle, not the number there: index the sorted list with it.": lambda numbers: len(numbers) // 2,
        "if there are two middle numbers, return their mean, not the larger one.": {"mean": lambda a, b: b},
        "if there are two middle numbers, return their mean, not the smaller one.": {"mean": lambda a, b: a},
        "if there are two middle numbers, halve their sum: yours is not divided by 2.": {"mean": lambda a, b: a + b},
        "`a + b / 2` halves only b: put the sum in parentheses.": {"mean": lambda a, b: a + b / 2},
        "the mean of two whole numbers can end in .5, and yours is rounded: divide with `/`.": [
            {"mean": lambda a, b: (a + b) // 2},
            {"mean": lambda a, b: int((a + b) / 2)},
            {"mean": lambda a, b: round((a + b) / 2)},
        ],
        "you return the two middle numbers: return their mean, a single number.": [
            {"mean": lambda a, b: [a, b]},
            {"mean": lambda a, b: (a, b)},
        ],
        "if the count is odd, there is a single middle number: return it, without a mean of two.": {"odd": lambda n: [n // 2 - 1, n // 2]},
        "your middle is one position too far right: indices start at 0.": [
            {"odd": lambda n: [n // 2 + 1]},
            {"even": lambda n: [n // 2, n // 2 + 1]},
            {"odd": lambda n: [n // 2 + 1], "even": lambda n: [n // 2, n // 2 + 1]},
        ],
        "your middle is one position too far left: with n numbers it is at `n // 2`.": [
            {"odd": lambda n: [n // 2 - 1]},
            {"even": lambda n: [n // 2 - 2, n // 2 - 1]},
            {"odd": lambda n: [n // 2 - 1], "even": lambda n: [n // 2 - 2, n // 2 - 1]},
        ],
        "if the count is even, the two middle numbers are at `n // 2 - 1` and `n // 2`: yours are two apart.": {"even": lambda n: [n // 2 - 1, n // 2 + 1]},
    },
)
def median(
    numbers,
    *,
    order=sorted,
    odd=lambda n: [n // 2],
    even=lambda n: [n // 2 - 1, n // 2],
    mean=lambda a, b: (a + b) / 2,
):
    """The middle of the sorted numbers; the mean of the two middle ones if there are two."""
    ordered = order(numbers)
    positions = odd(len(ordered)) if len(ordered) % 2 else even(len(ordered))
    middle = [ordered[position] for position in positions]
    return float(middle[0]) if len(middle) == 1 else mean(*middle)
