"""Answers to the exercises of choosing_a_model, as readers write them: right ones, and wrong ones with their words."""

from math import exp

import numpy as np

from course_lib.metrics.comparing import elo


def by_sweep(milliseconds, accuracies):
    front, best = [], -1.0
    for i in sorted(range(len(milliseconds)), key=lambda i: (milliseconds[i], -accuracies[i])):
        if accuracies[i] > best:
            front.append(i)
            best = accuracies[i]
    return front


def by_arrays(milliseconds, accuracies):
    x, y = np.array(milliseconds), np.array(accuracies)
    beaten = [((x <= a) & (y >= b) & ((x < a) | (y > b))).any() for a, b in zip(x, y, strict=True)]
    return [int(i) for i in np.argsort(x, kind="stable") if not beaten[i]]


def strictly(milliseconds, accuracies):
    points = list(zip(milliseconds, accuracies, strict=True))
    kept = [i for i, (x, y) in enumerate(points) if not any(a < x and b > y for a, b in points)]
    return sorted(kept, key=lambda i: milliseconds[i])


def slow_is_good(milliseconds, accuracies):
    return by_arrays([-x for x in milliseconds], accuracies)[::-1]


def the_beaten(milliseconds, accuracies):
    front = by_sweep(milliseconds, accuracies)
    return [i for i in sorted(range(len(milliseconds)), key=lambda i: (milliseconds[i], i)) if i not in front]


def worth_its_time(milliseconds, accuracies):
    """From each model to the one that gains most per millisecond."""
    left, kept = by_sweep(milliseconds, accuracies), []
    while left:
        kept.append(left[0])
        x, y = milliseconds[left[0]], accuracies[left[0]]
        rest = left[1:]
        gains = [(accuracies[i] - y) / (milliseconds[i] - x) for i in rest]
        left = rest[int(np.argmax(gains)) :] if rest else []
    return kept


def by_where(first, second, width):
    p, q = np.array(first), np.array(second)
    return np.where(np.abs(p - 0.5) < width, q, p)


def by_bounds(first, second, width):
    answers = []
    for p, q in zip(first, second, strict=True):
        sure = p - 0.5 >= width or 0.5 - p >= width
        answers.append(p if sure else q)
    return answers


def handing_on(doubtful, mix=False):
    def cascade(first, second, width):
        ends = zip(first, second, strict=True)
        return [((p + q) / 2 if mix else q) if doubtful(p, width) else p for p, q in ends]

    return cascade


def by_library(a, b, score, k):
    return tuple(elo([("a", "b", score)], k=k).values()) if a == b == 1000 else by_hand(a, b, score, k)


def by_hand(a, b, score, k):
    odds = 10 ** ((a - b) / 400)
    points = k * (score - odds / (1 + odds))
    return [a + points, b - points]


def expecting(expected, other=-1):
    def update(a, b, score, k):
        points = k * (score - expected(a, b))
        return a + points, b + other * points

    return update


def expected(a, b):
    return 1 / (1 + 10 ** ((b - a) / 400))


def only_wins(a, b, score, k):
    return by_hand(a, b, score, k) if score == 1 else (a, b)


def one_by_one(a, b, score, k):
    new = a + k * (score - expected(a, b))
    return new, b + k * (1 - score - expected(b, new))


def prices(**changes):
    return lambda: {"A": 0.05, "B": 0.5, "C": None, "D": 10} | changes


def choice(first="TF-IDF", second="MiniLM, fine-tuned", width=0.2):
    return lambda: {"first": first, "second": second, "width": width}


RIGHT = {
    "on_the_front": [by_sweep, by_arrays],
    "cascade": [by_where, by_bounds],
    "elo_update": [by_hand, by_library],
    "winning_prices": [prices(), prices(A=0, B=2.2)],
    "quick_cascade": [choice(), choice(width=0.19)],
}
WRONG = {
    "on_the_front": [
        (lambda x, y: sorted(by_sweep(x, y)), "sort them by milliseconds"),
        (strictly, "equal in one of the two"),
        (slow_is_good, "the fewer milliseconds the better"),
        (the_beaten, "these are the models that some other one beats"),
        (lambda x, y: sorted(x), "the places are wanted"),
        (worth_its_time, "a model that is slow for its gain"),
    ],
    "cascade": [
        (handing_on(lambda p, width: abs(p - 0.5) >= width), "texts about which the first model is sure"),
        (handing_on(lambda p, width: width > p - 0.5 >= 0), "only those above 0.5"),
        (handing_on(lambda p, width: width > 0.5 - p >= 0), "only those below 0.5"),
        (handing_on(lambda p, width: abs(p - 0.5) < width / 2), "do not halve it"),
        (handing_on(lambda p, width: abs(p - 0.5) < width, mix=True), "not the mean of both"),
        (handing_on(lambda p, width: abs(p - 0.5) <= width), "with a width of 0"),
    ],
    "elo_update": [
        (expecting(expected, other=1), "the loser must lose"),
        (expecting(lambda a, b: expected(b, a)), "look at the sign of the difference"),
        (expecting(lambda a, b: 1 / (1 + exp((b - a) / 400))), "odds of 10 to 1"),
        (expecting(lambda a, b: 0), "what was expected is missing"),
        (only_wins, "a loss moves the ratings, too"),
        (one_by_one, "both ratings move by the same number"),
    ],
    "winning_prices": [
        (prices(A=2.0), "at the price for A"),
        (prices(B=4.0), "at the price for B"),
        (prices(C=2.1), "at the price for C"),
        (prices(D=1.0), "at the price for D"),
        (prices(A=None), "no price is given for A"),
        (prices(B=None), "no price is given for B"),
        (prices(D=None), "no price is given for D"),
        (lambda: [1, 2, 3], "a dictionary with A, B, C and D is expected"),
        (prices(A="cheap"), "a price is a number of at least 0"),
    ],
    "quick_cascade": [
        (choice(width=0.02), "a wider band of doubt"),
        (choice(first="BERT"), "first and second are names of models"),
        (choice(width=2), "width is a number from 0 to 0.5, but yours is 2."),
        (choice(width=0.5), "your cascade takes"),
        (lambda: {"first": "TF-IDF"}, "a dictionary with first, second, width is expected"),
    ],
}
