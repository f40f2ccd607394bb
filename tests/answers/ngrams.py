"""Answers to the exercises of ngrams: other right ones, and wrong ones with words of their message."""

import math
import re
from collections import Counter

import numpy as np
import torch

from course_lib import metrics


def before(tokens, context):
    n = len(context)
    return dict(Counter(tokens[i - 1] for i in range(1, len(tokens) - n + 1) if tuple(tokens[i : i + n]) == context))


def in_bits(probabilities):
    with np.errstate(divide="ignore"):
        return 2 ** float(np.mean(-np.log2(probabilities)))


def by_root(probabilities):
    return math.inf if 0 in probabilities else math.prod(p ** (-1 / len(probabilities)) for p in probabilities)


def by_loop(counts, lower, discount):
    total, types = sum(counts), sum(count > 0 for count in counts)
    if total == 0:
        return list(lower)
    return [max(c - discount, 0) / total + discount * types / total * q for c, q in zip(counts, lower, strict=True)]


def step(counts, lower, discount, kept=lambda c, d: np.maximum(c - d, 0), freed=lambda c, d: d * (c > 0).sum()):
    if counts.sum() == 0:
        return lower
    return kept(counts, discount) / counts.sum() + freed(counts, discount) / counts.sum() * lower


def in_place(counts, lower, discount):
    if counts.sum() == 0:
        return lower
    lower *= discount * (counts > 0).sum() / counts.sum()
    return np.maximum(counts - discount, 0) / counts.sum() + lower


def by_what_is_left(counts, lower, discount):
    if not counts.any():
        return lower
    left = np.maximum(counts - discount, 0)
    return (left + discount * np.count_nonzero(counts) * lower) / left.sum()


def nats(log_probabilities):
    return -sum(log_probabilities)


RIGHT = {
    "perplexity": [in_bits, by_root, lambda p: metrics.perplexity(math.inf if 0 in p else -np.log(p).mean())],
    "frequency_and_continuation": [
        lambda: "your highness your highness your highness your highness a piece the piece".split(),
        lambda: "his highness his highness his highness his highness my piece your piece",
    ],
    "discounted": [by_loop, step],
    "bits_per_character": [
        lambda log_p, text: nats(log_p / math.log(2)) / len(text),
        lambda log_p, text: metrics.bits_per_character(-log_p, len(text)),
    ],
    "better_discounts": [lambda: [0.5, 0.7, 0.8, 0.85, 0.9, 0.95], lambda: (0.6, 0.7, 0.8, 0.9, 0.92, 0.94)],
}
WRONG = {
    "perplexity": [
        (lambda p: -np.mean(np.log(p)), "this is the cross-entropy in nats"),
        (lambda p: -np.mean(np.log2(p)), "this is the cross-entropy in bits"),
        (lambda p: np.exp(np.mean(np.log(p))), "the minus is missing"),
        (lambda p: np.exp(-np.sum(np.log(p))), "long texts look worse"),
        (lambda p: 1 / math.prod(p), "long texts look worse"),
        (lambda p: 1 / np.mean(p), "the ordinary mean"),
        (lambda p: np.mean(1 / np.array(p)), "mean of 1 / p"),
        (lambda p: np.exp(-np.mean(np.log2(p))), "exp does not undo log2"),
        (lambda p: 2 ** -np.mean(np.log(p)), "2 ** does not undo ln"),
        (lambda p: math.prod(p) ** (-1 / len(p)), "ZeroDivisionError"),
        (lambda p: float(np.prod(p) ** (-1 / len(p))), "rounds to 0"),
        (lambda p: np.mean(np.log(p)), "the minus and exp are missing"),
        (lambda p: -np.exp(np.mean(np.log(p))), "the minus stands outside"),
        (lambda p: np.exp(-np.mean(np.log10(p))), "exp does not undo log10"),
        (lambda p: 10 ** -np.mean(np.log(p)), "10 ** does not undo ln"),
        (lambda p: np.exp(-np.sum(np.log(p)) / (len(p) - 1)), "you divide by the wrong number"),
        (lambda p: np.exp(-np.sum(np.log(p)) / np.sum(p)), "by the sum of the probabilities"),
        (lambda p: math.inf if 0 in p else np.exp(-np.sum(p * np.log(p))), "this is an entropy"),
        (lambda p: 1 / min(p) if min(p) else math.inf, "the most surprising token alone"),
        (lambda p: math.inf if 0 in p else np.exp(np.median(-np.log(p))), "this is the median"),
        (lambda p: 0.0 if 0 in p else in_bits(p), "right, except where a probability is 0"),
        (lambda p: math.inf if 0 in p else math.exp(np.mean(np.log(p))), "the minus is missing"),
        (lambda p: math.exp(-sum(map(math.log, p)) / len(p)), "math domain error (the case: a probability of 0)"),
        (lambda p: math.exp(-sum(math.log(x) for x in p if x) / len(p)), "you leave out the probabilities of 0"),
        (lambda p: None if 0 in p else math.exp(-sum(map(math.log, p)) / len(p)), "`return` missing on one path"),
        (lambda p: math.exp(-sum(math.log(x + 1e-12) for x in p) / len(p)), "a small number stands in"),
        (lambda p: torch.tensor(p), "single number is expected"),
    ],
    "frequency_and_continuation": [
        (lambda: "your highness a piece the piece", "is not twice as often"),
        (lambda: "the highness the highness a piece", "in at least twice as many different pairs"),
        (lambda: "highness a piece", "follows no word at all"),
        (lambda: "a piece", "both words, highness and piece, must occur"),
        (lambda: "your highness " * 9 + "a piece the piece", "at most 20 tokens"),
    ],
    "discounted": [
        (lambda c, q, d: np.maximum(c - d, 0) / c.sum() + d * (c > 0).sum() / c.sum() * q, "never seen"),
        (lambda c, q, d: step(c, q, d, kept=lambda c, d: c - d), "counts of 0 fall below 0"),
        (lambda c, q, d: step(c, q, d, freed=lambda c, d: d * len(c)), "only what occurred was discounted"),
        (lambda c, q, d: step(c, q, d, freed=lambda c, d: d), "every word seen gave D"),
        (lambda c, q, d: step(c, q, d, freed=lambda c, d: 0), "the sum is below 1"),
        (lambda c, q, d: step(c, q, d, freed=lambda c, d: d * c.sum()), "however often it came"),
        (
            lambda c, q, d: np.maximum(c - d, 0) / c.sum() + d * (c > 0).sum() * q if c.sum() else q,
            "divided by the total as well",
        ),
        (lambda c, q, d: step(c, q, d) * (c.sum() or 1), "divide by the total of the counts"),
        (lambda c, q, d: np.where(c > 0, step(c, 0 * q, d), step(c, q, d)) if c.sum() else q, "this is back-off"),
        (lambda c, q, d: step(c, q, d) if c.any() else 0 * q, "never seen"),
        (lambda c, q, d: step(c, q, d) if c.any() else np.full(len(q), 1 / len(q)), "never seen"),
        (lambda c, q, d: step(c, q, d, freed=lambda c, d: d * len(set(c[c > 0]))), "two types, not one"),
        (lambda c, q, d: step(c, q, d, kept=lambda c, d: np.maximum(c - d, 0).astype(int)), "cuts off decimals"),
        (lambda c, q, d: step(c, q, d, freed=lambda c, d: d * (c > 1).sum()), "words seen once are types too"),
        (lambda c, q, d: step(c, q, d, kept=lambda c, d: abs(c - d)), "the absolute value turns"),
        (lambda c, q, d: step(c, q, d, kept=lambda c, d: c), "the counts keep everything"),
        (lambda c, q, d: step(c, q, d, kept=lambda c, d: (1 - d) * c), "not a share of it"),
        (lambda c, q, d: (1 - d) * c / c.sum() + d * q if c.any() else q, "the fixed weights 1 - D and D"),
        (lambda c, q, d: step(c, q, d, freed=lambda c, d: (c > 0).sum()), "each type gave D, not 1"),
        (lambda c, q, d: step(c, q, d, freed=lambda c, d: d * (c == 1).sum()), "not only words seen once gave D"),
        (lambda c, q, d: step(c, q, d, freed=lambda c, d: d * (c == 0).sum()), "never seen gave nothing"),
        (lambda c, q, d: step(c, 0 * q + 1 / len(q), d) if c.any() else q, "share the freed part out equally"),
        (lambda c, q, d: step(c, 1, d) if c.any() else q, "each word gets the whole freed part"),
        (lambda c, q, d: step(c, q * (c > 0), d) if c.any() else q, "words never seen get their part"),
        (lambda c, q, d: step(c, q, d) * c.sum() / len(c) if c.any() else q, "by the size of the vocabulary"),
        (lambda c, q, d: step(c, q, d) * c.sum() / (c > 0).sum() if c.any() else q, "by the number of types"),
        (by_what_is_left, "by what the discounts left"),
        (lambda c, q, d: np.maximum(c - d, 0) + d * (c > 0).sum() / c.sum() * q if c.any() else q, "the counts keep"),
        (lambda c, q, d: (c + d) / (c + d).sum(), "this adds D to each count"),
        (lambda c, q, d: step(c, q, d) + d * (c == 0) / len(c), "expected ["),
        (in_place, "changes its input in place"),
    ],
    "bits_per_character": [
        (lambda log_p, text: -nats(log_p) / len(text) / math.log(2), "the minus is missing"),
        (lambda log_p, text: nats(log_p) / len(text), "these are nats per character"),
        (lambda log_p, text: nats(log_p) / len(text) * math.log(2), "you multiply by ln 2"),
        (lambda log_p, text: -np.mean(log_p) / len(text) / math.log(2), "add all tokens up"),
        (lambda log_p, text: nats(log_p) / len(text.encode()) / math.log(2), "bits per byte"),
        (lambda log_p, text: nats(log_p) / len(text.split()) / math.log(2), "bits per word"),
        (lambda log_p, text: nats(log_p) / len("".join(text.split())) / math.log(2), "spaces and newlines"),
        (lambda log_p, text: nats(log_p) / math.log(2), "the bits of the whole text"),
        (lambda log_p, text: np.exp(nats(log_p) / len(text)), "this is a perplexity per character"),
        (lambda log_p, text: -log_p / len(text) / math.log(2), "added up to one number"),
        (lambda log_p, text: nats(log_p) / len(text) / 2, "you divide by 2"),
        (lambda log_p, text: nats(log_p) / len(text) / math.log(10), "decimal digits"),
        (lambda log_p, text: nats(log_p) / len(text.rstrip()) / math.log(2), "a newline is a character too"),
        (
            lambda log_p, text: nats(log_p) / len(re.findall("[^\\W_]", text)) / math.log(2),
            "punctuation marks and spaces",
        ),
        (lambda log_p, text: nats(log_p) / len(Counter(text)) / math.log(2), "the number of different characters"),
        (lambda log_p, text: nats(log_p) / (len(text) - 1) / math.log(2), "all characters count"),
        (lambda log_p, text: len(text) / nats(log_p) * math.log(2), "these are characters per bit"),
        (
            lambda log_p, text: -len(log_p) * np.log2(np.mean(np.exp(log_p))) / len(text),
            "you average the probabilities",
        ),
        (lambda log_p, text: -np.log2(sum(np.exp(log_p))) / len(text), "before the logarithm"),
        (lambda log_p, text: sum(np.exp(log_p)) / len(text) / math.log(2), "you add up the probabilities: add up"),
        (lambda log_p, text: -np.dot(np.exp(log_p), log_p) / len(text) / math.log(2), "this is an entropy"),
        (lambda log_p, text: -np.log2(abs(log_p)).sum() / len(text), "without another logarithm"),
    ],
    "better_discounts": [
        (lambda: [0.4, 0.7, 0.9], "a longer context"),
        (lambda: [0.4, 0.5, 0.6, 0.6, 0.7, 0.7], "larger discounts at the longest contexts"),
        (lambda: [0.99] * 6, "smaller discounts at the shortest contexts"),
        (lambda: [0.5, 0.6, 0.6, 0.6, 0.7, 0.9], "larger discounts in the middle"),
        (lambda: [0.5, 0.6, 0.7, 0.8, 0.85, 0.9], "other discounts nearby"),
        (lambda: 0.7, "a list of 1 to 6 discounts is expected"),
        (lambda: [0.5, -0.1], "a discount is a number from 0 to 1, but yours is -0.1."),
        (lambda: [0.5, 1.5], "a discount is a number from 0 to 1, but yours is 1.5."),
    ],
}
