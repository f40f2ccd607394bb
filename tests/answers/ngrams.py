"""Answers to the exercises of ngrams: other right ones, and wrong ones with words of their message."""

import math
import re
from collections import Counter, defaultdict
from itertools import combinations, pairwise

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


def windows(tokens, size):
    return [tuple(tokens[i : i + size]) for i in range(len(tokens) - size + 1)]


def jumping(tokens, context):
    counts, n = Counter(), len(context)
    for i in range(0, len(tokens) - n, n + 1):
        if tuple(tokens[i : i + n]) == context:
            counts[tokens[i + n]] += 1
    return counts


def first_found(tokens, context):
    for *window, token in windows(tokens, len(context) + 1):
        if tuple(window) == context:
            return {token: 1}
    return {}


def last_found(tokens, context):
    counts = {}
    for *window, token in windows(tokens, len(context) + 1):
        if tuple(window) == context:
            counts = {token: 1}
    return counts


def any_in_place(tokens, context):
    n = len(context)
    counts = Counter()
    for *window, token in windows(tokens, n + 1):
        if n == 0 or sum(a == b for a, b in zip(window, context, strict=True)) > 0:
            counts[token] += 1
    return counts


def one_on(tokens, context):
    n = len(context)
    return Counter(tokens[i + 1] for i in range(len(tokens) - n) if tuple(tokens[i : i + n]) == context)


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


def by_what_is_left(counts, lower, discount):
    if not counts.any():
        return lower
    left = np.maximum(counts - discount, 0)
    return (left + discount * np.count_nonzero(counts) * lower) / left.sum()


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
        (lambda t, c: followers(t, c, last=-1), "the last position is missing"),
        (lambda t, c: followers(t, c, last=1), "a context at the very end, which nothing follows there"),
        (lambda t, c: followers(t, c, first=1), "the first position is missing"),
        (before, "before the context"),
        (lambda t, c: followers(t + t[: len(c)], c), "does not go round"),
        (lambda t, c: dict.fromkeys(followers(t, c), 1), "counted once only"),
        (lambda t, c: {w: n / sum(followers(t, c).values()) for w, n in followers(t, c).items()}, "these are shares"),
        (lambda t, c: {w: n / len(t) for w, n in followers(t, c).items()}, "these are shares"),
        (lambda t, c: followers(t, c) if c else {}, "except for the empty context"),
        (
            lambda t, c: followers(t, c, same=lambda part, context: set(part) == set(context)),
            "the order of the tokens counts",
        ),
        (without_overlap, "occurrences may overlap"),
        (lambda t, c: Counter(b for a, b in pairwise(t) if a == c[-1]), "only the last token"),
        (lambda t, c: list(followers(t, c).items()), "dictionary is expected"),
        (lambda t, c: followers(t, c[-1:]), "only the last token"),
        (lambda t, c: set(followers(t, c)), "a set forgets the order"),
        (lambda t, c: followers(t, c, first=len(c)), "at the beginning as the context is long"),
        (jumping, "occurrences may overlap"),
        (first_found, "you stop at the first occurrence"),
        (last_found, "only the last occurrence"),
        (lambda t, c: Counter(t), "the context is not looked at"),
        (
            lambda t, c: followers(t, c, same=lambda part, context: part[:1] == list(context[:1])),
            "only the first token",
        ),
        (lambda t, c: followers(t, c, same=lambda part, context: not c or set(part) & set(c)), "expected {"),
        (any_in_place, "one token of the context is enough"),
        (lambda t, c: followers(t, c, last=-1, shift=1), "one token too far"),
        (one_on, "right for contexts of one token only"),
        (lambda t, c: Counter(w for w in windows(t, len(c) + 1) if w[:-1] == c), "yours hold the context, too"),
        (lambda t, c: dict(Counter(followers(t, c)).most_common(1)), "the most frequent follower alone"),
        (lambda t, c: followers(t, c, shift=-1), "the last token of the context itself"),
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
    "continuation": [
        (lambda t, w: sum(b == w for _, b in pairwise(t)) / (len(t) - 1), "repeated pairs count once"),
        (lambda t, w: np.mean([a == w for a, _ in set(pairwise(t))]), "begin with the word"),
        (lambda t, w: t.count(w) / len(t), "this is how often the word occurs"),
        (lambda t, w: len(pairs_ending(t, w)), "this is the number of pairs"),
        (lambda t, w: len(pairs_ending(t, w)) / len(set(t)), "the number of different words"),
        (lambda t, w: len(pairs_ending(t, w)) / (len(t) - 1), "the number of all pairs"),
        (lambda t, w: predecessors([*t, t[0]], w), "does not go round"),
        (lambda t, w: predecessors(t[1:], w), "the first pair is missing"),
        (lambda t, w: predecessors(t[:-1], w), "the last pair is missing"),
        (lambda t, w: np.mean([pair.endswith(w) for pair in {a + b for a, b in pairwise(t)}]), "written together"),
        (lambda t, w: len(pairs_ending(t, w)) / max(1, t.count(w)), "by how often the word occurs"),
        (lambda t, w: np.mean([w in pair for pair in set(pairwise(t))]), "must be the second of the pair"),
        (lambda t, w: np.mean([w in pair for pair in pairwise(t)]), "two things"),
        (lambda t, w: sum(b == w for _, b in pairwise(t)) / len(set(pairwise(t))), "once in the numerator, too"),
        (lambda t, w: len(pairs_ending(t, w)) / len(t), "by the number of tokens"),
        (lambda t, w: len(pairs_ending(t, w)) / len(set(t)) ** 2, "the square of the number of words"),
        (lambda t, w: 1 - predecessors(t, w), "do not end with the word"),
        (lambda t, w: 1 / len(set(t)) if w in t else 0, "1 over the number of different words"),
        (lambda t, w: np.mean([b == w for _, b in {(min(p), max(p)) for p in pairwise(t)}]), "a pair has an order"),
        (lambda t, w: np.mean([b == w for a, b in set(pairwise(t)) if a != b]), "not pairs of different tokens"),
        (lambda t, w: np.mean([b == w for (_, b), n in Counter(pairwise(t)).items() if n < 2]), "that occur once"),
        (lambda t, w: np.mean([b == w for _, b in set(combinations(t, 2))]), "only neighbours are pairs"),
        (lambda t, w: np.mean([t[i + 1] == w for i in range(0, len(t) - 1, 2)]), "pairs overlap"),
        (lambda t, w: np.mean([b == w for _, b in {tuple(t[i : i + 2]) for i in range(0, len(t) - 1, 2)}]), "overlap"),
        (lambda t, w: np.mean([b == w for _, b in {(t[i], t[i + 2]) for i in range(len(t) - 2)}]), "leave a token out"),
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
        (lambda log_p, text: nats(log_p) / len(log_p) / math.log(2), "bits per token"),
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
    "sharpen": [
        (lambda p, t: powers(p, 1 / t), "the exponent is 1 / temperature"),
        (lambda p, t: p ** (1 / t), "the sum is no longer 1"),
        (lambda p, t: p / t / (p / t).sum(), "nothing changes"),
        (lambda p, t: softmax(p / t), "takes p for logits"),
        (lambda p, t: softmax(p ** (1 / t)), "softmax takes exp once more"),
        (lambda p, t: softmax(np.log(p) * t), "the exponent is 1 / temperature"),
        (lambda p, t: p, "nothing changes"),
        (powers, "divide p by its maximum first"),
        (lambda p, t: (p / p.max()) ** (1 / t), "the largest is 1 now"),
        (lambda p, t: powers_by_maximum(p + 1e-9, t), "which must stay 0"),
        (lambda p, t: powers(p, t) if t > 0.1 else 1.0 * (p == p.max()), "divide p by its maximum first"),
        (lambda p, t: powers_by_maximum(p + 1e-3, t) if 0 in p else powers(p, t), "two things"),
        (lambda p, t: (p / max(p)) ** (1 / t) / sum(p / max(p)), "not by the sum before it"),
        (lambda p, t: (x := powers_by_maximum(p, t)) / np.linalg.norm(x), "you divide by the norm"),
        (lambda p, t: (p / max(p)) ** (1 / t) / len(p), "by the number of values"),
        (lambda p, t: softmax(p * t), "and multiplies by the temperature"),
        (lambda p, t: np.log(np.maximum(p, 1e-300)) / t, "these are logarithms"),
        (lambda p, t: np.eye(len(p))[p.argmax()], "expected ["),
        (lambda p, t: (p == max(p)) / sum(p == max(p)), "the most probable token alone"),
        (lambda p, t: np.ones(len(p)) / len(p), "all equal"),
        (lambda p, t: softmax(np.log(p, where=p > 0, out=np.zeros(len(p))) / t), "became the largest of all"),
    ],
}
