"""Exercises of the notebook evaluation."""

import math
import random

from course_lib import files
from experiments.tables import leaked_questions

from classroom.answers import Mistake
from classroom.exercise import case, exercise, experiment

__all__ = ["find_leaks", "other_systems", "passes_at_k", "per_byte", "sign_test"]

BY_HAND = [1, 1, 1, 1, 1, 0], [1, 0, 0, 0, 0, 0]


def _results(seed, items, first, second):
    dice = random.Random(seed)
    return [[int(dice.random() < share) for _ in range(items)] for share in (first, second)]


def _at_least(n, k):
    return sum(math.comb(n, i) for i in range(k, n + 1)) / 2**n


@exercise(
    praise="4 to 0 among the items that differ: 2 · (1/2)^4 = 0.125, whatever happens on the others.",
    cases=lambda seed: [
        BY_HAND,
        _results(seed, 40, 0.8, 0.5),
        _results(seed + 1, 30, 0.4, 0.6),
        case([1, 0, 1, 0, 1, 1], [0, 1, 0, 1, 1, 1], edge="as many items for one system as for the other"),
        case([1, 0, 1], [1, 0, 1], edge="two systems that never differ"),
    ],
    wrong={
        "this is the probability of one side only: a lead of the other system would surprise you just as much, so double it.": {"sides": 1},
        "all items are counted as tosses: those that both got right, or both wrong, say nothing.": {"tosses": lambda first, second, differ: len(first)},
        "this is the probability of exactly this split: add those of the splits that are more uneven.": {"tail": lambda n, k: math.comb(n, k) / 2**n},
        "the observed split itself belongs to the tail.": {"tail": lambda n, k: _at_least(n, k + 1)},
        "this goes by the items that only the first got right: take the larger of the two counts.": {"larger": lambda first, second: first},
        "a p-value above 1: cut it off at 1.": {"most": math.inf},
    },
)
def sign_test(
    first,
    second,
    *,
    sides=2,
    tosses=lambda first, second, differ: differ,
    tail=_at_least,
    larger=max,
    most=1.0,
):
    """The p-value of McNemar's exact test, from two lists of 0 and 1."""
    pairs = list(zip(first, second, strict=True))
    only_first, only_second = pairs.count((1, 0)), pairs.count((0, 1))
    n = tosses(first, second, only_first + only_second)
    return min(most, sides * tail(n, larger(only_first, only_second)))


@exercise(
    praise="4 samples of which 1 passed: 3 of the 6 ways to choose 2 hold it, so 0.5.",
    cases=lambda seed: [
        (4, 1, 2),
        (10, 3, 1),
        (16, 5, 4),
        _samples(seed),
        case(10, 0, 5, edge="no sample that passed"),
        case(5, 4, 3, edge="fewer failures than tries"),
    ],
    wrong={
        "this draws with replacement, so that one sample may be drawn twice: count the ways to choose k different ones.": lambda n, passed, k: (
            1 - (1 - passed / n) ** k
        ),
        "this is the probability that none of the k passes: subtract it from 1.": {"whole": 0, "sign": 1},
        "this is the probability that all k pass: one that passes is enough.": lambda n, passed, k: math.comb(passed, k) / math.comb(n, k),
        "this is k times the share that passed: it counts a choice with two that passed twice, and can go above 1.": lambda n, passed, k: k * passed / n,
        "this is pass@1: k does not matter here.": lambda n, passed, k: passed / n,
    },
)
def passes_at_k(n, passed, k, *, whole=1, sign=-1):
    """The probability that at least one of k samples, chosen from n of which some passed, passes."""
    return whole + sign * math.comb(n - passed, k) / math.comb(n, k)


def _samples(seed):
    dice = random.Random(seed)
    n = dice.randint(8, 20)
    return n, dice.randint(1, n // 2), dice.randint(2, 4)


def _nats(seed, tokens):
    dice = random.Random(seed)
    return [-round(dice.uniform(0.1, 6), 2) for _ in range(tokens)]


def _harness(log_p, prompt_length, answer):
    return sum(log_p) / len(answer)


@exercise(
    kind="debug",
    found=_harness,
    praise="only the answer's own tokens, divided by its bytes in UTF-8.",
    cases=lambda seed: [
        ([-3.0, -5.0, -1.0, -2.0], 2, "bank"),
        (_nats(seed, 9), 5, "department store"),
        (_nats(seed + 1, 7), 6, "mall"),
        case([-3.0, -2.0, -1.0], 1, "café", edge="an answer with a letter of two bytes"),
    ],
    wrong={
        "the prompt's tokens are scored, too: a constant, but the longer the answer, the less of it each byte has to bear.": {"start": lambda length: 0},
        "the last token of the prompt is scored, too.": {"start": lambda length: length - 1},
        "the first token of the answer is missing.": {"start": lambda length: length + 1},
        "this is per token: divide by the bytes of the text.": lambda log_p, prompt_length, answer: (
            sum(log_p[prompt_length:]) / max(1, len(log_p) - prompt_length)
        ),
        "this divides by characters: é is one character and two bytes.": {"size": len},
        "the sum is not divided yet.": {"size": lambda answer: 1},
    },
)
def per_byte(log_p, prompt_length, answer, *, start=lambda length: length, size=lambda answer: len(answer.encode())):
    """ln p of the answer per byte; log_p has an entry for each token of prompt and answer."""
    return sum(log_p[start(prompt_length) :]) / size(answer)


SYSTEM = [1] * 14 + [0] * 6


def _designed(design):
    """From two lists to what holds of them beside the fixed system."""

    def holds(what):
        try:
            near, far = (list(map(int, one)) for one in design())
        except (TypeError, ValueError):
            raise Mistake("two lists of 0 and 1 are expected: those of B, then those of C.") from None
        for one in (near, far):
            if len(one) != 20 or set(one) - {0, 1}:
                raise Mistake("each list has 20 entries, 1 where the system is right and 0 where it is wrong.")
            if sum(one) != 8:
                raise Mistake(f"each of the two systems is right 8 times, but one of yours is right {sum(one)} times.")
        p_value = sign_test.right(SYSTEM, near if "B" in what else far)
        return p_value < 0.05

    return holds


def _right_on(shared):
    """A system with 8 right answers, of which some are those of the fixed one."""
    return [1] * shared + [0] * (14 - shared) + [1] * (8 - shared) + [0] * (shared - 2)


@exercise(
    kind="design",
    through=_designed,
    praise="14 and 8 right in both cases: what decides is on how many items the two systems differ, and how evenly.",
    cases=lambda seed: [("the test tells B from A",), ("the test tells C from A",)],
    wrong={
        "the test does not tell B from A: on how many items is only B right?": {"b": 5},
        "the test tells C from A: make the items on which they differ more, and more even.": {"c": 8},
    },
)
def other_systems(*, b=8, c=2):
    """The results of B and C on A's 20 items."""
    return _right_on(b), _right_on(c)


def _stored():
    usual, named = leaked_questions.USUAL, []
    for row in files.load_results("leaked_questions")["rows"]:
        changes = [f"{name} {row[name]}" for name, value in usual.items() if row[name] != value]
        named.append((", ".join(changes) or "the usual choice", row["AUC"][0]))
    return named


def _choice(**changes):
    return {"part": "both", "lowest": 0.1, "reference": 0.5} | changes


@experiment(
    goal=0.9,
    unit="area under the ROC curve",
    lower_is_better=False,
    stored=_stored,
    advice={
        "more of each item: question and answer were both in the training text.": lambda choice: choice["part"] != "both",
        "a share of the reference nearer to a half: with all of it, the noise of the second model is added in full.": lambda choice: (
            not 0.2 <= choice["reference"] <= 0.8
        ),
        "a smaller share of the lowest values: frequent words are probable whether they were read or not.": lambda choice: True,
    },
    wrong={
        "more of each item": lambda: _choice(part="question"),
        "a share of the reference nearer to a half": lambda: _choice(reference=1.0),
        "a smaller share of the lowest values": lambda: _choice(lowest=1.0, reference=0.2),
        "part is question, answer or both, but yours is 'title'.": lambda: _choice(part="title"),
        "lowest is a number above 0 and at most 1, but yours is 0.": lambda: _choice(lowest=0),
        "reference is a number from 0 to 2, but yours is -1.": lambda: _choice(reference=-1),
        "a dictionary with part, lowest, reference is expected": lambda: {"part": "both"},
    },
)
def find_leaks(choice, seed):
    """Which part of an item is looked at, what share of its lowest values, and how much of a reference is subtracted."""
    if not isinstance(choice, dict) or set(choice) != set(leaked_questions.USUAL):
        raise Mistake("a dictionary with part, lowest, reference is expected, and nothing else.")
    part, lowest, reference = (choice[name] for name in leaked_questions.USUAL)
    if part not in leaked_questions.PARTS_OF_AN_ITEM:
        raise Mistake(f"part is question, answer or both, but yours is {part!r}.")
    if not isinstance(lowest, int | float) or not 0 < lowest <= 1:
        raise Mistake(f"lowest is a number above 0 and at most 1, but yours is {lowest}.")
    if not isinstance(reference, int | float) or not 0 <= reference <= 2:
        raise Mistake(f"reference is a number from 0 to 2, but yours is {reference}.")
    return leaked_questions.row(part, lowest, reference)["AUC"][0]
