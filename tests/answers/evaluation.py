"""Answers to the exercises of evaluation, as readers write them: right ones, and wrong ones with their words."""

from math import comb, prod

import numpy as np

from course_lib.metrics.comparing import mcnemar, pass_at_k


def by_library(first, second):
    return mcnemar(first, second).p_value


def by_counts(first, second, tosses=None, cut=True, only=max):
    only_first = sum(a > b for a, b in zip(first, second, strict=True))
    only_second = sum(a < b for a, b in zip(first, second, strict=True))
    n = tosses or only_first + only_second
    tail = sum(comb(n, i) for i in range(only(only_first, only_second), n + 1)) / 2**n
    return min(1, 2 * tail) if cut else 2 * tail


def one_sided(first, second):
    differ = [a for a, b in zip(first, second, strict=True) if a != b]
    more = max(sum(differ), len(differ) - sum(differ))
    return sum(comb(len(differ), i) for i in range(more, len(differ) + 1)) / 2 ** len(differ)


def exactly(first, second):
    differ = [a for a, b in zip(first, second, strict=True) if a != b]
    return min(1, 2 * comb(len(differ), sum(differ)) / 2 ** len(differ))


def strictly_more(first, second):
    differ = [a for a, b in zip(first, second, strict=True) if a != b]
    more = max(sum(differ), len(differ) - sum(differ))
    return min(1, 2 * sum(comb(len(differ), i) for i in range(more + 1, len(differ) + 1)) / 2 ** len(differ))


def by_product(n, passed, k):
    if n - passed < k:
        return 1.0
    return 1 - prod((n - passed - i) / (n - i) for i in range(k))


def by_bytes(log_p, prompt_length, answer):
    own = np.array(log_p)[prompt_length:]
    return own.sum() / len(answer.encode("utf-8"))


def systems(b=6, c=2):
    def design():
        chosen = []
        for shared in (b, c):
            first = [1] * shared + [0] * (14 - shared)
            chosen.append(first + [1] * (8 - shared) + [0] * (6 - 8 + shared))
        return chosen

    return design


def choice(part="both", lowest=0.1, reference=0.5):
    return lambda: {"part": part, "lowest": lowest, "reference": reference}


RIGHT = {
    "sign_test": [by_library, by_counts],
    "passes_at_k": [by_product, pass_at_k],
    "per_byte": [by_bytes, lambda log_p, n, answer: sum(log_p[n - len(log_p) :]) / len(bytes(answer, "utf-8"))],
    "other_systems": [systems(8), lambda: (np.repeat([1, 0], [8, 12]), [0] * 12 + [1] * 8)],
    "find_leaks": [choice(), choice("both", 0.3, 0.4)],
}
WRONG = {
    "sign_test": [
        (one_sided, "this is the probability of one side only"),
        (lambda first, second: by_counts(first, second, tosses=len(first)), "all items are counted as tosses"),
        (exactly, "this is the probability of exactly this split"),
        (strictly_more, "the observed split itself belongs to the tail"),
        (lambda first, second: by_counts(first, second, only=lambda a, b: a), "take the larger of the two counts"),
        (lambda first, second: by_counts(first, second, cut=False), "a p-value above 1"),
    ],
    "passes_at_k": [
        (lambda n, passed, k: 1 - (1 - passed / n) ** k, "this draws with replacement"),
        (lambda n, passed, k: 1 - by_product(n, passed, k), "this is the probability that none"),
        (lambda n, passed, k: comb(passed, k) / comb(n, k), "this is the probability that all k pass"),
        (lambda n, passed, k: k * passed / n, "this is k times the share"),
        (lambda n, passed, k: passed / n, "this is pass@1"),
    ],
    "per_byte": [
        (lambda log_p, n, answer: sum(log_p) / len(answer.encode()), "the prompt's tokens are scored, too"),
        (lambda log_p, n, answer: sum(log_p[n - 1 :]) / len(answer.encode()), "the last token of the prompt"),
        (lambda log_p, n, answer: sum(log_p[n + 1 :]) / len(answer.encode()), "the first token of the answer"),
        (lambda log_p, n, answer: np.mean(log_p[n:]), "this is per token"),
        (lambda log_p, n, answer: sum(log_p[n:]) / len(answer), "this divides by characters"),
        (lambda log_p, n, answer: sum(log_p[n:]), "the sum is not divided yet"),
    ],
    "other_systems": [
        (systems(5), "the test does not tell B from A"),
        (systems(8, 8), "the test tells C from A"),
        (lambda: 3, "two lists of 0 and 1 are expected"),
        (lambda: ([1] * 8, [1] * 8), "each list has 20 entries"),
        (lambda: ([1] * 9 + [0] * 11, [1] * 8 + [0] * 12), "each of the two systems is right 8 times"),
    ],
    "find_leaks": [
        (choice("question"), "more of each item"),
        (choice(reference=1.0), "a share of the reference nearer to a half"),
        (choice(lowest=1.0, reference=0.2), "a smaller share of the lowest values"),
        (choice("title"), "part is question, answer or both, but yours is 'title'."),
        (choice(lowest=0), "lowest is a number above 0 and at most 1, but yours is 0."),
        (choice(reference=-1), "reference is a number from 0 to 2, but yours is -1."),
        (lambda: {"part": "both"}, "a dictionary with part, lowest, reference is expected"),
    ],
}
