"""Exercises of the notebook bias_and_inventions."""

from functools import cache

import numpy as np
from course_lib import files

from classroom.answers import Mistake
from classroom.exercise import case, exercise, experiment

__all__ = ["above_chance", "balanced", "p_of_names", "two_parts", "when_to_answer"]

SHE = (["The", "nurse", "said", "she", "was", "late"], [-2.0, -5.0, -1.0, -2.0, -0.5, -3.0])
HE = (["The", "nurse", "said", "he", "was", "late"], [-2.0, -5.0, -1.0, -2.5, -0.75, -3.5])


def _pair(seed, before, fillings, after):
    dice = np.random.default_rng(seed)
    start, tokens = dice.uniform(-6, -1, before), [f"a{place}" for place in range(before)]
    found = []
    for number, length in enumerate(fillings):
        words = tokens + [f"{'xy'[number]}{place}" for place in range(length)] + [f"b{place}" for place in range(after)]
        found += [words, np.concatenate([start, dice.uniform(-6, -1, length + after)])]
    return tuple(found)


def _shared_end(tokens, others):
    shared = 0
    while shared < min(len(tokens), len(others)) and tokens[-1 - shared] == others[-1 - shared]:
        shared += 1
    return shared


def _from_the_front(tokens, others):
    """How many tokens of the first sentence stand after its first token that differs, as if a filling had one token."""
    return len(tokens) - 1 - next(place for place, (one, other) in enumerate(zip(tokens, others, strict=False)) if one != other)


@exercise(
    praise="the filling adds 0.5 and the rest 0.75; and fillings of different lengths are aligned at the end.",
    cases=lambda seed: [
        (*SHE, *HE),
        _pair(seed, 3, (1, 1), 4),
        _pair(seed + 1, 0, (1, 1), 5),
        case(*_pair(seed + 2, 2, (1, 3), 4), edge="fillings of different numbers of tokens"),
        case(*_pair(seed + 3, 4, (2, 1), 0), edge="a filling at the end of the sentence"),
    ],
    wrong={
        "the tokens after the filling are aligned from the front: with fillings of different lengths, count from the end.": {"end": _from_the_front},
        "this is the difference of the whole sentence and of the rest: the filling's part is what remains.": lambda a, log_a, b, log_b: (
            sum(log_a) - sum(log_b),
            two_parts.right(a, log_a, b, log_b)[1],
        ),
        "this subtracts the first sentence from the second.": {"sign": -1},
        "the two parts are in the reverse order: filling, then rest.": lambda *pair: two_parts.right(*pair)[::-1],
        "these are means: ln p of a text is the *sum* over its tokens.": {"total": lambda log_p: np.mean(log_p) if len(log_p) else 0.0},
        "this is the whole difference alone: which part of it is the filling's?": lambda a, log_a, b, log_b: sum(log_a) - sum(log_b),
    },
)
def two_parts(tokens_a, log_a, tokens_b, log_b, *, end=_shared_end, total=np.sum, sign=1):
    """The difference of ln p, first sentence minus second: of the filling, and of the rest that both share."""
    first = np.split(np.asarray(log_a), [len(log_a) - end(tokens_a, tokens_b)])
    second = np.split(np.asarray(log_b), [len(log_b) - end(tokens_b, tokens_a)])
    filling, rest = (float(total(one) - total(other)) for one, other in zip(first, second, strict=True))
    return sign * filling, sign * rest


# ln p of the first word minus that of the second, counted in film reviews and Wikipedia: stereotypes.counted(1).
PAIRS = {
    "brother sister": 0.34,
    "uncle aunt": 0.79,
    "father mother": 0.33,
    "husband wife": -0.81,
    "son daughter": 0.32,
    "boyfriend girlfriend": -0.52,
    "grandfather grandmother": -0.23,
    "nephew niece": 0.15,
    "king queen": 0.96,
    "prince princess": 0.58,
    "waiter waitress": -0.80,
    "actor actress": 0.69,
    "landlord landlady": 0.19,
    "boy girl": -0.63,
    "man woman": 0.80,
    "he she": 0.84,
}
FEWEST, FARTHEST = 8, 0.1
SLIGHTLY_MORE = ("brother sister", "father mother", "son daughter", "nephew niece", "landlord landlady")
MUCH_MORE = ("uncle aunt", "king queen", "man woman", "he she")
IN_BALANCE = ("uncle aunt", "prince princess", "brother sister", "son daughter")
IN_BALANCE += ("husband wife", "boyfriend girlfriend", "grandfather grandmother", "boy girl")


def _weighed(design):
    """From a choice of pairs to what a model that only counts words makes of them."""

    def asked(question):
        chosen = design()
        if not isinstance(chosen, list | tuple) or not all(isinstance(pair, str) for pair in chosen):
            raise Mistake('a list of pairs is expected, each a text as "king queen".')
        if unknown := [pair for pair in chosen if pair not in PAIRS]:
            raise Mistake(f"{unknown[0]!r} is none of the sixteen pairs, in their order.")
        if len(set(chosen)) < max(FEWEST, len(chosen)):
            raise Mistake(f"{len(set(chosen))} different pairs: at least {FEWEST} are needed, each once.")
        differences = np.array([PAIRS[pair] for pair in chosen])
        if question == "how many":
            return bool((differences > 0).sum() * 2 == len(differences))
        return bool(abs(differences.mean()) <= FARTHEST)

    return asked


@exercise(
    kind="design",
    through=_weighed,
    praise="counting words prefers the first word of half of your pairs, and by nothing on average: what is left must come from the sentence.",
    cases=lambda seed: [("how many",), ("how far",)],
    wrong={
        "the first words are more frequent in more, or fewer, than half of your pairs: a model that counts words is then not at 50%.": {
            "pairs": [*SLIGHTLY_MORE, "husband wife", "boyfriend girlfriend", "grandfather grandmother"]
        },
        "half of the first words are more frequent, but not by as much as the others are less frequent: the mean must be within 0.1 of 0.": {
            "pairs": [*MUCH_MORE, "grandfather grandmother", "boyfriend girlfriend", "boy girl", "waiter waitress"]
        },
        "on your pairs, counting words alone finds the stereotype: neither half of the first words nor their mean is in balance.": {
            "pairs": [*MUCH_MORE, *SLIGHTLY_MORE, "husband wife"]
        },
    },
)
def balanced(*, pairs=IN_BALANCE):
    """At least eight of the sixteen pairs, of which a model that counts words prefers neither side."""
    return list(pairs)


def _scores(seed, names, sentences):
    dice = np.random.default_rng(seed)
    scores = dice.normal(size=(names, 1)) + dice.normal(size=sentences) + 0.2 * dice.normal(size=(names, sentences))
    first = np.arange(names) < names // 2
    orders = [dice.permutation(names) for _ in range(60)]
    return scores, first, orders + [np.argsort(order) for order in orders]


def _each_sentence_anew(scores, order):
    return np.stack([scores[np.roll(order, 2 * place + 1), place] for place in range(scores.shape[1])], axis=1)


def _dealt_anew(scores, first, orders):
    """The exercise as it is found: each sentence deals its scores out to the names in an order of its own."""

    def gap(values):
        return abs(values[first].mean() - values[~first].mean())

    reached = 0
    for order in orders:
        columns = []
        for place in range(scores.shape[1]):
            columns.append(scores[np.roll(order, place), place])
        shuffled = np.stack(columns, axis=1)
        if gap(shuffled) >= gap(scores):
            reached += 1
    return (1 + reached) / (1 + len(orders))


SMALL = (np.array([[3.0, 3.0], [1.0, 1.0], [2.0, 2.0], [0.0, 0.0]]), np.array([True, True, False, False]))
SMALL_ORDERS = [np.array(order) for order in ([0, 1, 2, 3], [0, 2, 1, 3], [1, 0, 2, 3], [3, 1, 2, 0], [2, 3, 0, 1])]


@exercise(
    kind="debug",
    found=_dealt_anew,
    praise="names change groups, and each keeps its scores: now the null knows that two names of one group differ.",
    cases=lambda seed: [
        (*SMALL, SMALL_ORDERS),
        _scores(seed, 8, 30),
        _scores(seed + 1, 12, 20),
        case(*_scores(seed + 2, 10, 1), edge="a single sentence"),
    ],
    wrong={
        "each sentence still deals its scores out anew: a name must keep its scores in all sentences when it changes its group.": {"deal": _each_sentence_anew},
        "the real grouping is one of those that are possible: (1 + reached) / (1 + number of orders).": {"more": 0},
        "a gap is as surprising in the other direction: compare absolute values.": {"size": lambda gap: gap},
        "a gap as large as the real one counts, too.": {"reaches": lambda gap, real: gap > real + 1e-12},
        "this is the share of groupings with a *smaller* gap.": {"reaches": lambda gap, real: gap <= real + 1e-12},
    },
)
def p_of_names(scores, first, orders, *, deal=lambda scores, order: scores[order], more=1, size=abs, reaches=lambda gap, real: gap >= real - 1e-12):
    """The p-value of the gap between two groups of names: scores (names, sentences), first (names,), orders of names."""

    def gap(values):
        return size(values[first].mean() - values[~first].mean())

    reached = sum(reaches(gap(deal(scores, order)), gap(scores)) for order in orders)
    return (more + reached) / (more + len(orders))


def _answers(seed, count):
    dice = np.random.default_rng(seed)
    confidence = dice.permutation(count) / count
    return confidence, (dice.random(count) < 0.2 + 0.6 * confidence).astype(float)


@exercise(
    praise="the risks 0, 1/2, 1/3, 1/2 have the mean 1/3, and chance is 1/2; a finding and its null.",
    cases=lambda seed: [
        (np.array([0.9, 0.8, 0.6, 0.3]), np.array([1.0, 0.0, 1.0, 0.0])),
        _answers(seed, 30),
        _answers(seed + 1, 77),
    ],
    wrong={
        "this is the area alone: a finding needs its null. Give back the risk of random abstention, too.": {"both": lambda area, chance: area},
        "this begins with the *least* confident answer.": {"sign": 1},
        "these are shares of right answers: the risk is the share of wrong ones.": {"wrong": lambda right: right},
        "random abstention does not know which answers are wrong: its risk is the share of wrong answers among all, not 1/2.": {
            "null": lambda risks, missed: 0.5
        },
        "the null is the mean over all answers, but yours is the risk of the most confident one.": {"null": lambda risks, missed: risks[0]},
        "the order is null, then area: give back the area first.": {"both": lambda area, chance: (chance, area)},
        "this adds the wrong answers up: at each coverage, divide by the number of answers given.": {"each": lambda counts: np.full(len(counts), len(counts))},
    },
)
def above_chance(
    confidence,
    right,
    *,
    sign=-1,
    wrong=lambda right: 1 - right,
    each=lambda counts: counts,
    null=lambda risks, missed: missed.mean(),
    both=lambda area, chance: (area, chance),
):
    """The mean risk over all coverages if the most confident answers are given first, and that of random abstention."""
    missed = wrong(np.asarray(right))[np.argsort(sign * np.asarray(confidence), kind="stable")]
    risks = missed.cumsum() / each(np.arange(1, len(missed) + 1))
    return both(float(risks.mean()), float(null(risks, missed)))


KINDS = ("mean_p", "whole_p", "agreement")
MOST_APART = 1.5  # points per 100 questions: how near the null must be


@cache
def _half(part):
    """The confidences (items, 3) and +1 or -1/2 for each answer, of every other question, from part 0 or 1."""
    confidences, points = [], []
    for row in files.load_results("inventions")["rows"]:
        if row["task"] == "names" and row["leave"] == "none":
            mean_p, log_p, agreement = (np.array(row[name].split(), dtype=float) for name in ("mean_p", "log_p", "agreement"))
            confidences.append(np.stack([mean_p, np.exp(log_p), agreement], axis=1)[part::2])
            points.append(np.array([1.5 * int(one) - 0.5 for one in row["each right"]])[part::2])
    return np.concatenate(confidences), np.concatenate(points)


def _earned(choice, part):
    """Points per 100 questions, and the share that is answered."""
    confidences, points = _half(part)
    weights = np.array([choice["weights"].get(kind, 0.0) for kind in KINDS])
    given = confidences @ weights / weights.sum() >= choice["threshold"]
    return float(100 * (points * given).mean()), float(given.mean())


def _choice(threshold=0.45, null=None, **weights):
    choice = {"weights": weights or {"whole_p": 1.0, "agreement": 2.0}, "threshold": threshold}
    return choice | {"null": _null(choice) if null is None else null}


def _null(choice):
    return _earned(choice, 0)[1] * _earned(choice | {"threshold": 0.0}, 0)[0]


def _stored():
    kinds = [{"mean_p": 1.0}, {"whole_p": 1.0}, {"agreement": 1.0}]
    return [(f"{next(iter(one))} above {least}", _earned({"weights": one, "threshold": least}, 1)[0]) for one in kinds for least in (0.5, 0.7, 0.9)]


@experiment(
    goal=2.5,
    unit="points per 100 questions of the other half",
    lower_is_better=False,
    stored=_stored,
    advice={
        "a higher threshold: many answers are given, and most are wrong.": lambda choice: _earned(choice, 0)[1] > 0.3,
        "a lower threshold: hardly a question is answered.": lambda choice: _earned(choice, 0)[1] < 0.03,
        "weight on the agreement: it may know what the probabilities do not.": lambda choice: not choice["weights"].get("agreement"),
        "a threshold a little higher or lower, or other weights.": lambda choice: True,
    },
    wrong={
        "a higher threshold": lambda: _choice(0.1),
        "a lower threshold": lambda: _choice(1.0, whole_p=1.0),
        "weight on the agreement": lambda: _choice(0.8, mean_p=1.0),
        "a finding needs its null": lambda: {"weights": {"whole_p": 1.0}, "threshold": 0.5},
        "this is not what random abstention earns": lambda: _choice(0.45, null=0.0),
        "threshold is a number from 0 to 1, but yours is 70.": lambda: _choice(70, null=0.0),
        "weights are numbers of at least 0, not all 0, for": lambda: _choice(0.45, null=0.0, luck=1.0),
        "a dictionary with weights, threshold, null is expected": lambda: 0.7,
    },
)
def when_to_answer(choice, seed):
    """Weights of three confidences and a threshold: +1 for a right answer, -1/2 for a wrong one, 0 for none."""
    if not isinstance(choice, dict) or not {"weights", "threshold"} <= set(choice) <= {"weights", "threshold", "null"}:
        raise Mistake("a dictionary with weights, threshold, null is expected, and nothing else.")
    if "null" not in choice:
        raise Mistake("a finding needs its null: add the points that random abstention earns at your coverage on the first half.")
    weights, least = choice["weights"], choice["threshold"]
    fits = isinstance(weights, dict) and set(weights) <= set(KINDS) and all(isinstance(w, int | float) and w >= 0 for w in weights.values())
    if not fits or not sum(weights.values()) > 0:
        raise Mistake(f"weights are numbers of at least 0, not all 0, for {', '.join(KINDS)}.")
    if not isinstance(least, int | float) or not 0 <= least <= 1:
        raise Mistake(f"threshold is a number from 0 to 1, but yours is {least}.")
    if not isinstance(choice["null"], int | float) or abs(choice["null"] - _null(choice)) > MOST_APART:
        raise Mistake("this is not what random abstention earns: the share that you answer, times the points of answering all, both on the first half.")
    return round(_earned(choice, 1)[0], 1)
