"""Exercises of the notebook choosing_a_model."""

import math
import random

from course_lib import files
from experiments.tables import cascades

from classroom.answers import Mistake
from classroom.choices import demand_names
from classroom.exercise import case, exercise, experiment

__all__ = ["cascade", "elo_update", "on_the_front", "quick_cascade", "winning_prices"]


def _models(seed, n):
    dice = random.Random(seed)
    return [round(dice.uniform(0.1, 50), 1) for _ in range(n)], [round(dice.uniform(0.5, 0.9), 3) for _ in range(n)]


def _dominated(a, b):
    """Is the first (milliseconds, accuracy) beaten by the second?"""
    return b[0] <= a[0] and b[1] >= a[1] and a != b


def _hull(points, front):
    """Those of the front that are the cheapest at some price of an error."""
    kept = []
    for i in front:
        while len(kept) > 1:
            (x0, y0), (x1, y1), (x2, y2) = (points[k] for k in (kept[-2], kept[-1], i))
            if (y1 - y0) * (x2 - x0) > (y2 - y0) * (x1 - x0):
                break
            kept.pop()
        kept.append(i)
    return kept


@exercise(
    praise="a model stays if no other is at least as fast and at least as accurate, and better in one of the two.",
    cases=lambda seed: [
        ([1.0, 5.0, 8.0, 20.0], [0.70, 0.75, 0.74, 0.85]),
        ([20.0, 1.0, 8.0, 5.0], [0.85, 0.70, 0.74, 0.75]),
        _models(seed, 9),
        _models(seed + 1, 12),
        case([1.0, 10.0, 11.0], [0.70, 0.72, 0.85], edge="a model a little better than the next faster one"),
        case([2.0, 2.0, 6.0, 9.0], [0.70, 0.75, 0.75, 0.80], edge="equal times, or equal accuracies"),
    ],
    wrong={
        "these are the places in the order of the lists: sort them by milliseconds.": {"order": lambda front, points: sorted(front)},
        "a model must go, too, if another is equal in one of the two and better in the other.": {"beaten": lambda a, b: b[0] < a[0] and b[1] > a[1]},
        "the fewer milliseconds the better.": {"beaten": lambda a, b: b[0] >= a[0] and b[1] >= a[1] and a != b},
        "these are the models that some other one beats: keep the rest.": {"keep": False},
        "a model that is slow for its gain is still not beaten by any single other one.": {"order": lambda front, points: _hull(points, front)},
        "the places are wanted, not the milliseconds.": lambda milliseconds, accuracies: sorted(milliseconds),
    },
)
def on_the_front(milliseconds, accuracies, *, beaten=_dominated, keep=True, order=lambda front, points: front):
    """The places of the models on the Pareto front, the fastest first."""
    points = list(zip(milliseconds, accuracies, strict=True))
    front = [i for i, one in enumerate(points) if any(beaten(one, other) for other in points) != keep]
    return order(sorted(front, key=lambda i: (points[i][0], i)), points)


def _probabilities(seed, n):
    dice = random.Random(seed)
    return [[round(dice.random(), 2) for _ in range(n)] for _ in range(2)]


def _as_found(first, second, width):
    handed_on = [p < 0.5 + width for p in first]
    return [q if doubtful else p for p, q, doubtful in zip(first, second, handed_on, strict=True)]


@exercise(
    kind="debug",
    found=_as_found,
    praise="doubt is nearness to 0.5 from either side: 0.03 is as sure as 0.97.",
    cases=lambda seed: [
        ([0.03, 0.45, 0.52, 0.97], [0.6, 0.2, 0.9, 0.1], 0.1),
        (*_probabilities(seed, 12), 0.2),
        (*_probabilities(seed + 1, 12), 0.35),
        case([0.1, 0.5, 0.9], [0.4, 0.3, 0.2], 0.0, edge="a width of 0"),
        case([0.1, 0.5, 0.9], [0.4, 0.3, 0.2], 0.6, edge="a width above 0.5"),
    ],
    wrong={
        "texts about which the first model is sure are handed on, and the doubtful ones kept.": {"doubtful": lambda p, width: abs(p - 0.5) >= width},
        "only those above 0.5 can be doubtful here: measure the distance from 0.5 on both sides.": {"doubtful": lambda p, width: 0 <= p - 0.5 < width},
        "only those below 0.5 can be doubtful here: measure the distance from 0.5 on both sides.": {"doubtful": lambda p, width: 0 <= 0.5 - p < width},
        "the width is a distance from 0.5 to each side: do not halve it.": {"doubtful": lambda p, width: abs(p - 0.5) < width / 2},
        "a text that is handed on gets the second model's probability alone, not the mean of both.": {"answer": lambda p, q: (p + q) / 2},
        "with a width of 0 nothing is handed on: doubt is a distance below the width.": {"doubtful": lambda p, width: abs(p - 0.5) <= width},
    },
)
def cascade(first, second, width, *, doubtful=lambda p, width: abs(p - 0.5) < width, answer=lambda p, q: q):
    """The probability for each text: the second model's where the first one's is nearer to 0.5 than the width."""
    return [answer(p, q) if doubtful(p, width) else p for p, q in zip(first, second, strict=True)]


@exercise(
    praise="equal ratings and a win: 32 · (1 − 0.5) = 16 points, gained by one and lost by the other.",
    cases=lambda seed: [
        (1000.0, 1000.0, 1, 32),
        (1200.0, 800.0, 1, 32),
        (1200.0, 800.0, 0, 32),
        (900.0, 1350.0, 0, 16),
        _game(seed),
        case(1100.0, 1000.0, 0.5, 32, edge="a tie"),
    ],
    wrong={
        "the loser must lose what the winner gains.": {"other": 1},
        "this is the expected score of the other player: look at the sign of the difference.": {"sign": -1},
        "400 points are odds of 10 to 1: the power is one of 10, not of e.": {"base": math.e},
        "what was expected is missing: a win over a much weaker player should bring almost nothing.": {"expect": 0},
        "a loss moves the ratings, too: the surprise is the score minus the expected score.": lambda a, b, score, k: (
            (a + k * (1 - _expected(a, b)), b - k * (1 - _expected(a, b))) if score == 1 else (a, b)
        ),
        "both ratings move by the same number of points: the second one is computed from the first one's new rating.": lambda a, b, score, k: _second_from_new(
            a, b, score, k
        ),
    },
)
def elo_update(a, b, score, k, *, other=-1, sign=1, base=10, expect=1):
    """Both ratings after a game; score is the first player's: 1, 0.5 or 0."""
    gain = k * (score - expect / (1 + base ** (sign * (b - a) / 400)))
    return a + gain, b + other * gain


def _expected(a, b):
    return 1 / (1 + 10 ** ((b - a) / 400))


def _game(seed):
    dice = random.Random(seed)
    return float(dice.randint(700, 1500)), float(dice.randint(700, 1500)), dice.randint(0, 1), dice.randint(8, 40)


def _second_from_new(a, b, score, k):
    new = a + k * (score - _expected(a, b))
    return new, b + k * (1 - score - _expected(b, new))


SECONDS = {"A": 1, "B": 10, "C": 30, "D": 100}  # for 1,000 texts
ERRORS = {"A": 250, "B": 200, "C": 195, "D": 160}


def _winner(price):
    return min(SECONDS, key=lambda name: SECONDS[name] + price * ERRORS[name])


def _priced(design):
    """From a dictionary of prices to what holds of one model's."""

    def holds(name):
        prices = design()
        if not isinstance(prices, dict) or set(prices) != set(SECONDS):
            raise Mistake("a dictionary with A, B, C and D is expected: a price for each, or None.")
        price = prices[name]
        if price is None:
            return "no price"
        if isinstance(price, bool) or not isinstance(price, int | float) or not 0 <= price < math.inf:
            raise Mistake(f"a price is a number of at least 0, or None where no price will do, but that of {name} is {price!r}.")
        return "the cheapest" if _winner(price) == name else "another costs less"

    return holds


@exercise(
    kind="design",
    through=_priced,
    praise="C is beaten by no other model, and yet no price makes it the cheapest.",
    cases=lambda seed: [(name,) for name in SECONDS],
    wrong={
        "at the price for A, another model costs less: how much may an error cost before 9 seconds more pay off?": {"a": 1.0},
        "at the price for B, another model costs less: B lies between two of the break-even prices.": {"b": 3.0},
        "at the price for D, another model costs less: an error must cost more.": {"d": 2.0},
        "no price is given for A, but there is one.": {"a": None},
        "no price is given for B, but there is one.": {"b": None},
        "no price is given for D, but there is one.": {"d": None},
        "at the price for C, another model costs less. Is there any price at which C beats both of its neighbours?": {"c": 3.0},
    },
)
def winning_prices(*, a=0.1, b=1.0, c=None, d=5.0):
    """A price of an error at which each model costs the least, None where there is none."""
    return {"A": a, "B": b, "C": c, "D": d}


BUDGET = 5.0  # milliseconds


def _stored():
    return [
        (f"{row['first']}, then {row['second']}, width {row['width']}: {row['milliseconds']:.1f} ms", row["accuracy"][0])
        for row in files.load_results("cascades")["rows"]
        if row["milliseconds"] <= BUDGET
    ]


def _choice(**changes):
    return cascades.USUAL | changes


@experiment(
    goal=0.82,
    unit="share of the test sentences that are right",
    lower_is_better=False,
    stored=_stored,
    advice={
        "a wider band of doubt: there is time left for more texts.": lambda choice: cascades.row(**choice)["milliseconds"] < 0.7 * BUDGET,
        "a second model that is right more often than the first.": lambda choice: choice["second"] != "MiniLM, fine-tuned",
        "another first model: how often is it right where it is sure?": lambda choice: True,
    },
    wrong={
        "a wider band of doubt": lambda: _choice(width=0.02),
        "first and second are names of models": lambda: _choice(first="BERT"),
        "width is a number from 0 to 0.5, but yours is 2.": lambda: _choice(width=2),
        "your cascade takes": lambda: _choice(width=0.5),
        "a dictionary with first, second, width is expected": lambda: {"first": "TF-IDF"},
    },
)
def quick_cascade(choice, seed):
    """Which model reads first, which second, and how near to 0.5 a text is handed on."""
    demand_names(choice, cascades.USUAL)
    first, second, width = (choice[name] for name in cascades.USUAL)
    if {first, second} - set(cascades.field()):
        raise Mistake(f"first and second are names of models: {'; '.join(cascades.field())}.")
    if isinstance(width, bool) or not isinstance(width, int | float) or not 0 <= width <= 0.5:
        raise Mistake(f"width is a number from 0 to 0.5, but yours is {width}.")
    found = cascades.row(first, second, width)
    if found["milliseconds"] > BUDGET:
        raise Mistake(f"your cascade takes {found['milliseconds']:.1f} ms a text on average; the limit is {BUDGET:g}.")
    return found["accuracy"][0]
