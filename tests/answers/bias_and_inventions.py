"""Answers to the exercises of bias_and_inventions, as readers write them: right ones, wrong ones with their words."""

import numpy as np

from classroom.checks import bias_and_inventions


def from_the_end(tokens_a, log_a, tokens_b, log_b):
    filling = sum(log_a) - sum(log_b)
    rest = 0.0
    for place in range(1, min(len(tokens_a), len(tokens_b)) + 1):
        if tokens_a[-place] != tokens_b[-place]:
            break
        rest += log_a[-place] - log_b[-place]
    return filling - rest, rest


def from_the_front(tokens_a, log_a, tokens_b, log_b):
    begin = 0
    while tokens_a[begin] == tokens_b[begin]:
        begin += 1
    rest = sum(log_a[begin + 1 :]) - sum(log_b[begin + 1 :])
    return sum(log_a) - sum(log_b) - rest, rest


def whole_and_rest(tokens_a, log_a, tokens_b, log_b):
    filling, rest = from_the_end(tokens_a, log_a, tokens_b, log_b)
    return filling + rest, rest


def turned(*pair):
    filling, rest = from_the_end(*pair)
    return -filling, -rest


def of_means(tokens_a, log_a, tokens_b, log_b):
    shared = 0
    while shared < min(len(tokens_a), len(tokens_b)) and tokens_a[-1 - shared] == tokens_b[-1 - shared]:
        shared += 1
    cut_a, cut_b = len(log_a) - shared, len(log_b) - shared
    rest = np.mean(log_a[cut_a:]) - np.mean(log_b[cut_b:]) if shared else 0.0
    return float(np.mean(log_a[:cut_a]) - np.mean(log_b[:cut_b])), float(rest)


def by_labels(scores, first, orders):
    means = scores.mean(axis=1)
    real = abs(means[first].mean() - means[~first].mean())
    reached = 0
    for order in orders:
        label = first[order]
        reached += abs(means[label].mean() - means[~label].mean()) >= real - 1e-12
    return (1 + reached) / (1 + len(orders))


def by_names(scores, first, orders, more=1, size=abs, reaches=np.greater_equal):
    def gap(values):
        return size(values[first].mean() - values[~first].mean())

    reached = 0
    for order in orders:
        reached += bool(reaches(round(gap(scores[order]), 9), round(gap(scores), 9)))
    return (more + reached) / (more + len(orders))


def rolled(scores, first, orders):
    real = abs(scores[first].mean() - scores[~first].mean())
    gaps = []
    for order in orders:
        columns = [np.roll(order, 2 * place + 1) for place in range(scores.shape[1])]
        shuffled = np.array([scores[names, place] for place, names in enumerate(columns)]).T
        gaps.append(abs(shuffled[first].mean() - shuffled[~first].mean()))
    return (1 + sum(gap >= real - 1e-12 for gap in gaps)) / (1 + len(orders))


def one_by_one(confidence, right, descending=True, counted=0):
    order = sorted(range(len(right)), key=lambda place: confidence[place], reverse=descending)
    wrong, risks = 0, []
    for given, place in enumerate(order, 1):
        wrong += right[place] == counted
        risks.append(wrong / given)
    return sum(risks) / len(risks), 1 - sum(right) / len(right)


def by_cumsum(confidence, right):
    wrong = 1 - right[np.argsort(confidence)[::-1]]
    return (wrong.cumsum() / np.arange(1, len(wrong) + 1)).mean(), wrong.mean()


def first_risk(confidence, right):
    return one_by_one(confidence, right)[0], float(1 - right[np.argmax(confidence)])


def added_up(confidence, right):
    wrong = 1 - right[np.argsort(confidence)[::-1]]
    return float((wrong.cumsum() / len(wrong)).mean()), float(wrong.mean())


def choice(threshold=0.45, null=None, **weights):
    def made():
        made_of = {"weights": weights or {"whole_p": 1.0, "agreement": 2.0}, "threshold": threshold}
        return made_of | {"null": bias_and_inventions._null(made_of) if null is None else null}

    return made


def pairs(text):
    return lambda: [" ".join(pair) for pair in zip(text.split()[::2], text.split()[1::2], strict=True)]


RIGHT = {
    "two_parts": [from_the_end, lambda *pair: list(from_the_end(*pair))],
    "balanced": [
        pairs(
            "uncle aunt prince princess brother sister son daughter husband wife boyfriend girlfriend "
            "grandfather grandmother boy girl"
        ),
        pairs(
            "uncle aunt actor actress brother sister son daughter nephew niece husband wife boyfriend girlfriend "
            "grandfather grandmother boy girl waiter waitress"
        ),
    ],
    "p_of_names": [by_labels, by_names],
    "above_chance": [one_by_one, by_cumsum],
    "when_to_answer": [choice(), choice(0.7, agreement=1.0)],
}
WRONG = {
    "two_parts": [
        (from_the_front, "aligned from the front"),
        (whole_and_rest, "the filling's part is what remains"),
        (turned, "this subtracts the first sentence from the second"),
        (lambda *pair: from_the_end(*pair)[::-1], "the two parts are in the reverse order"),
        (of_means, "these are means"),
        (lambda a, log_a, b, log_b: sum(log_a) - sum(log_b), "this is the whole difference alone"),
    ],
    "balanced": [
        (
            pairs(
                "brother sister father mother son daughter nephew niece landlord landlady husband wife "
                "boyfriend girlfriend grandfather grandmother"
            ),
            "a model that counts words is then not at 50%",
        ),
        (
            pairs(
                "uncle aunt king queen man woman he she grandfather grandmother boyfriend girlfriend boy girl "
                "waiter waitress"
            ),
            "the mean must be within 0.1 of 0",
        ),
        (
            pairs(
                "uncle aunt king queen man woman he she grandfather grandmother brother sister boy girl father mother"
            ),
            "counting words alone finds the stereotype",
        ),
        (lambda: ["king queen"], "1 different pairs: at least 8 are needed"),
        (lambda: ["queen king"] * 8, "'queen king' is none of the sixteen pairs"),
        (lambda: "king queen", "a list of pairs is expected"),
    ],
    "p_of_names": [
        (rolled, "each sentence still deals its scores out anew"),
        (lambda *inputs: by_names(*inputs, more=0), "the real grouping is one of those that are possible"),
        (lambda *inputs: by_names(*inputs, size=lambda gap: gap), "compare absolute values"),
        (lambda *inputs: by_names(*inputs, reaches=np.greater), "a gap as large as the real one counts, too"),
        (
            lambda *inputs: by_names(*inputs, reaches=np.less_equal),
            "this is the share of groupings with a *smaller* gap",
        ),
    ],
    "above_chance": [
        (lambda *inputs: one_by_one(*inputs)[0], "this is the area alone: a finding needs its null"),
        (lambda *inputs: one_by_one(*inputs, descending=False), "this begins with the *least* confident answer"),
        (
            lambda confidence, right: (one_by_one(confidence, right, counted=1)[0], float(right.mean())),
            "these are shares of right answers",
        ),
        (lambda *inputs: (one_by_one(*inputs)[0], 0.5), "random abstention does not know which answers are wrong"),
        (first_risk, "yours is the risk of the most confident one"),
        (lambda *inputs: one_by_one(*inputs)[::-1], "the order is null, then area"),
        (added_up, "this adds the wrong answers up"),
    ],
    "when_to_answer": [
        (choice(0.1), "a higher threshold"),
        (choice(1.0, whole_p=1.0), "a lower threshold"),
        (choice(0.8, mean_p=1.0), "weight on the agreement"),
        (lambda: {"weights": {"whole_p": 1.0}, "threshold": 0.5}, "a finding needs its null"),
        (choice(null=0.0), "this is not what random abstention earns"),
        (choice(70, null=0.0), "threshold is a number from 0 to 1, but yours is 70."),
        (choice(null=0.0, luck=1.0), "weights are numbers of at least 0, not all 0, for"),
        (lambda: 0.7, "a dictionary with weights, threshold, null is expected"),
    ],
}
