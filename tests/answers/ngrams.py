"""Answers to the exercises of ngrams: other right ones, and wrong ones with words of their message."""

import math
from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np
import torch

from course_lib import metrics


def followers(tokens, context, first=0, last=0, shift=0, same=lambda part, context: tuple(part) == context):
    n = len(context)
    counts = defaultdict(int)
    for place in range(first, len(tokens) - n + last):
        if same(tokens[place : place + n], context):
            counts[tokens[place + n + shift]] += 1
    return counts


def followers_with_zeros(tokens, context):
    counts = dict.fromkeys(tokens, 0)
    for *before, token in zip(*(tokens[i:] for i in range(len(context) + 1)), strict=False):
        if tuple(before) == tuple(context):
            counts[token] += 1
    return counts


def without_overlap(tokens, context):
    counts, place, n = Counter(), 0, len(context)
    while place < len(tokens) - n:
        found = tuple(tokens[place : place + n]) == context
        counts.update([tokens[place + n]] * found)
        place += max(1, n) if found else 1
    return counts


def before(tokens, context):
    n = len(context)
    return dict(Counter(tokens[i - 1] for i in range(1, len(tokens) - n + 1) if tuple(tokens[i : i + n]) == context))


def in_bits(probabilities):
    with np.errstate(divide="ignore"):
        return 2 ** float(np.mean(-np.log2(probabilities)))


def by_root(probabilities):
    return math.inf if 0 in probabilities else math.prod(p ** (-1 / len(probabilities)) for p in probabilities)


def pairs_ending(tokens, word):
    return {(a, b) for a, b in pairwise(tokens) if b == word}


def predecessors(tokens, word):
    before_each = defaultdict(set)
    for a, b in pairwise(tokens):
        before_each[b].add(a)
    return len(before_each[word]) / sum(map(len, before_each.values()))


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


def softmax(logits):
    raised = np.exp(logits - logits.max())
    return raised / raised.sum()


def in_log_space(p, temperature):
    with np.errstate(divide="ignore"):
        return torch.from_numpy(np.log(p) / temperature).softmax(0)


def powers(p, temperature):
    return p ** (1 / temperature) / (p ** (1 / temperature)).sum()


def powers_by_maximum(p, temperature):
    scaled = (p / p.max()) ** (1 / temperature)
    return scaled / scaled.sum()


def nats(log_probabilities):
    return -sum(log_probabilities)


RIGHT = {
    "next_counts": [followers, followers_with_zeros],
    "perplexity": [in_bits, by_root, lambda p: metrics.perplexity(math.inf if 0 in p else -np.log(p).mean())],
    "continuation": [predecessors, lambda t, w: np.mean([b == w for _, b in set(pairwise(t))])],
    "discounted": [by_loop, step],
    "bits_per_character": [
        lambda log_p, text: nats(log_p / math.log(2)) / len(text),
        lambda log_p, text: metrics.bits_per_character(-log_p, len(text)),
    ],
    "sharpen": [in_log_space, powers_by_maximum],
}
WRONG = {
    "next_counts": [
        (lambda t, c: followers(t, c, same=lambda part, context: part == context), "never equal"),
        (lambda t, c: followers(t, c, last=-1), "the last place is missing"),
        (lambda t, c: followers(t, c, last=1), "at the very end of the text has no next token"),
        (lambda t, c: followers(t, c, first=1), "the first place is missing"),
        (before, "before the context"),
        (lambda t, c: followers(t + t[: len(c)], c), "does not go round"),
        (lambda t, c: dict.fromkeys(followers(t, c), 1), "counted once only"),
        (lambda t, c: {w: n / sum(followers(t, c).values()) for w, n in followers(t, c).items()}, "these are shares"),
        (lambda t, c: {w: n / len(t) for w, n in followers(t, c).items()}, "expected {"),
        (lambda t, c: followers(t, c) if c else {}, "except for the empty context"),
        (lambda t, c: followers(t, c, same=lambda part, context: set(part) == set(context)), "expected {"),
        (without_overlap, "expected {"),
        (lambda t, c: Counter(b for a, b in pairwise(t) if a == c[-1]), "IndexError"),
        (lambda t, c: list(followers(t, c).items()), "expected {"),
        (lambda t, c: followers(t, c[-1:]), "only the last token"),
        (lambda t, c: set(followers(t, c)), "expected {"),
        (lambda t, c: followers(t, c, shift=-1), "expected {"),
    ],
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
        (lambda p: math.prod(p) ** (-1 / len(p)), "rounds to 0"),
        (lambda p: math.exp(-sum(map(math.log, p)) / len(p)), "one impossible token makes it infinite"),
        (lambda p: math.exp(-sum(math.log(x) for x in p if x) / len(p)), "one impossible token"),
        (lambda p: None if 0 in p else math.exp(-sum(map(math.log, p)) / len(p)), "one impossible token"),
        (lambda p: math.exp(-sum(math.log(x + 1e-12) for x in p) / len(p)), "one impossible token"),
        (lambda p: torch.tensor(p), "a single number is expected"),
    ],
    "continuation": [
        (lambda t, w: sum(b == w for _, b in pairwise(t)) / (len(t) - 1), "repeated pairs count once"),
        (lambda t, w: np.mean([a == w for a, _ in set(pairwise(t))]), "begin with the word"),
        (lambda t, w: t.count(w) / len(t), "this is how often the word occurs"),
        (lambda t, w: len(pairs_ending(t, w)), "this is the number of pairs"),
        (lambda t, w: len(pairs_ending(t, w)) / len(set(t)), "the number of different words"),
        (lambda t, w: len(pairs_ending(t, w)) / (len(t) - 1), "the number of all pairs"),
        (lambda t, w: predecessors([*t, t[0]], w), "does not go round"),
        (lambda t, w: predecessors(t[1:], w), "expected 0."),
        (lambda t, w: predecessors(t[:-1], w), "expected 0."),
        (lambda t, w: np.mean([pair.endswith(w) for pair in {a + b for a, b in pairwise(t)}]), "expected 0."),
        (lambda t, w: len(pairs_ending(t, w)) / max(1, t.count(w)), "expected 0."),
        (lambda t, w: np.mean([w in pair for pair in set(pairwise(t))]), "expected 0."),
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
        (lambda c, q, d: step(c, q, d, freed=lambda c, d: d * (c > 1).sum()), "expected ["),
        (in_place, "changes its input in place"),
    ],
    "bits_per_character": [
        (lambda log_p, text: -nats(log_p) / len(text) / math.log(2), "the minus is missing"),
        (lambda log_p, text: nats(log_p) / len(text), "these are nats per character"),
        (lambda log_p, text: nats(log_p) / len(text) * math.log(2), "you multiply by ln 2"),
        (lambda log_p, text: nats(log_p) / len(log_p) / math.log(2), "bits per token"),
        (lambda log_p, text: -np.mean(log_p) / len(text) / math.log(2), "add all tokens up"),
        (lambda log_p, text: nats(log_p) / len(text.encode()) / math.log(2), "bits per byte"),
        (lambda log_p, text: nats(log_p) / len(text.split()) / math.log(2), "bits per word"),
        (lambda log_p, text: nats(log_p) / len("".join(text.split())) / math.log(2), "blanks and newlines"),
        (lambda log_p, text: nats(log_p) / math.log(2), "the bits of the whole text"),
        (lambda log_p, text: np.exp(nats(log_p) / len(text)), "this is a perplexity per character"),
        (lambda log_p, text: -log_p / len(text) / math.log(2), "expected 0.6"),
    ],
    "sharpen": [
        (lambda p, t: powers(p, 1 / t), "the exponent is 1 / temperature"),
        (lambda p, t: p ** (1 / t), "the sum is no longer 1"),
        (lambda p, t: p / t / (p / t).sum(), "nothing changes"),
        (lambda p, t: softmax(p / t), "takes p for logits"),
        (lambda p, t: softmax(p ** (1 / t)), "softmax would take exp once more"),
        (lambda p, t: softmax(np.log(p) * t), "the exponent is 1 / temperature"),
        (lambda p, t: p, "nothing changes"),
        (powers, "divide p by its maximum first"),
        (lambda p, t: (p / p.max()) ** (1 / t), "the largest is 1 now"),
        (lambda p, t: powers_by_maximum(p + 1e-9, t), "it must stay 0"),
        (lambda p, t: powers(p, t) if t > 0.1 else 1.0 * (p == p.max()), "divide p by its maximum first"),
        (lambda p, t: powers_by_maximum(p + 1e-3, t) if 0 in p else powers(p, t), "it must stay 0"),
    ],
}
