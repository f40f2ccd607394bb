"""Answers to the exercises of word_vectors: other right ones, and wrong ones with words of their message."""

import itertools
import math

import numpy as np
import torch
from torch.nn import functional as F

from course_lib import embeddings


def company(near=lambda i, j, window, tokens: i != j and abs(i - j) <= window, end=lambda table: table):
    """Counted over all pairs of positions; `near` says how much a pair counts."""

    def counts(tokens, n_words, window):
        table = np.zeros((n_words, n_words))
        for (i, word), (j, other) in itertools.product(enumerate(tokens), repeat=2):
            table[word, other] += near(i, j, window, tokens)
        return end(table)

    return counts


def end_mended(tokens, n_words, window):
    counts = torch.zeros(n_words, n_words)
    for here, word in enumerate(tokens):
        for there in range(here - window, min(len(tokens), here + window + 1)):
            if there != here:
                counts[word, tokens[there]] += 1
    return counts


def wrapped(tokens, n_words, window):
    counts = torch.zeros(n_words, n_words)
    for here, word in enumerate(tokens):
        for step in range(1, window + 1):
            for there in (here - step, here + step):
                counts[word, tokens[there % len(tokens)]] += 1
    return counts


def pmi(counts, smoothing, words=1.0, joint=lambda counts: counts / counts.sum(), chance=lambda p: p):
    """PMI in nats; the words' power, the joint probabilities and those of chance can be changed."""
    rows, columns = counts.sum(1, keepdim=True) ** words, counts.sum(0, keepdim=True) ** smoothing
    return torch.log(joint(counts) / chance(rows / rows.sum() * (columns / columns.sum())))


def ppmi_by_cells(counts, smoothing):
    result, total = torch.zeros_like(counts), counts.sum()
    powers = [float(column.sum()) ** smoothing for column in counts.T]
    for i, j in itertools.product(*map(range, counts.shape)):
        if counts[i, j] > 0:
            by_chance = counts[i].sum() / total * powers[j] / sum(powers)
            result[i, j] = max(0.0, math.log(counts[i, j] / total / by_chance))
    return result


def positive(**changes):
    return lambda counts, smoothing: pmi(counts, smoothing, **changes).clamp(min=0)


def of_chance(shares):
    """PPMI with other probabilities of chance: a function of the words' shares, the contexts' shares and the power."""

    def ppmi(counts, smoothing):
        joint = counts / counts.sum()
        return torch.log(joint / shares(joint.sum(1), joint.sum(0), smoothing)).clamp(min=0)

    return ppmi


def offset(
    signs=(-1, 1, 1),
    excluded=(0, 1, 2),
    unit=lambda v: v / v.norm(dim=1, keepdim=True),
    low=-torch.inf,
    pick=torch.argmax,
):
    """By the offset method; `excluded` are the places of a, b and c that cannot be the answer."""

    def solve(vectors, a, b, c):
        ready = unit(vectors)
        similarities = ready @ (signs[0] * ready[a] + signs[1] * ready[b] + signs[2] * ready[c])
        similarities[[(a, b, c)[place] for place in excluded]] = low
        return pick(similarities)

    return solve


def raw_target(vectors, a, b, c):
    similarities = F.cosine_similarity(vectors, vectors[b] - vectors[a] + vectors[c], dim=1)
    similarities[[a, b, c]] = -torch.inf
    return similarities.argmax()


def settings(window=10, nearer=True, smoothing=1.0, power=0.5):
    return lambda: {"window": window, "nearer": nearer, "smoothing": smoothing, "power": power}


RIGHT = {
    "window_counts": [company(), company(end=lambda table: table.astype(int).tolist())],
    "three_measures": [
        lambda: np.array([[1, 0], [5, 0], [1, 1], [50, 20]]),
        lambda: [(0.0, 1.0), (0.0, 0.1), (0.3, 1.0), (-3.0, 3.0)],
    ],
    "ppmi": [
        ppmi_by_cells,
        positive(),
        lambda counts, smoothing: ppmi_by_cells(counts, smoothing).numpy(),
        lambda counts, smoothing: embeddings.ppmi(counts.numpy(), smoothing).toarray(),
    ],
    "analogy": [lambda v, a, b, c: int(embeddings.analogy(v, torch.tensor([a, b, c]))[1]), offset()],
    "count_settings": [lambda: {"power": torch.tensor(1.0), "smoothing": 1, "nearer": True, "window": 10.0}],
}
WRONG = {
    "window_counts": [
        (end_mended, "Python counts negative positions from the end"),
        (company(lambda i, j, w, t: i != j and -w <= j - i < w), "`range` leaves its end out: the neighbour"),
        (company(lambda i, j, w, t: i != j and -w <= j - i <= w + 1), "one position too far to the right"),
        (company(lambda i, j, w, t: i != j and -w < j - i <= w), "begins one position too late"),
        (company(lambda i, j, w, t: i != j and -w - 1 <= j - i <= w), "begins one position too early"),
        (company(lambda i, j, w, t: 0 < j != i and abs(i - j) <= w), "the first word of the text is never"),
        (company(lambda i, j, w, t: i != j < len(t) - 1 and abs(i - j) <= w), "the last word of the text is never"),
        (company(lambda i, j, w, t: i < j <= i + w), "only neighbours on the right"),
        (company(lambda i, j, w, t: j < i <= j + w), "only neighbours on the left"),
        (company(lambda i, j, w, t: abs(i - j) <= w), "a token is not its own neighbour"),
        (company(lambda i, j, w, t: t[i] != t[j] and abs(i - j) <= w), "two tokens of one word can be neighbours"),
        (company(lambda i, j, w, t: i != j and abs(i - j) <= w and 1 / abs(i - j)), "however far away it is"),
        (company(end=lambda table: table + table.T), "every pair is counted twice"),
        (company(end=lambda table: table > 0), "Numbers are expected, but yours holds True and False"),
        (company(end=lambda table: (table > 0).astype(float)), "count how often"),
        (company(end=lambda table: table / table.sum()), "NaN"),
        (wrapped, "numbers are right; the first wrong one"),
    ],
    "three_measures": [
        (lambda: [[1.0, 0.0], [5.0, 0.0], [1.0, 0.5], [9.0, 0.0]], "by cosine, c ties"),
        (lambda: [[1.0, 0.0], [1.1, 0.0], [1.0, 0.5], [9.0, 3.0]], "by distance, a wins, too"),
        (lambda: [[1.0, 0.0], [9.0, 0.0], [0.1, 0.2], [1.0, 0.5]], "two things. By distance, c wins, too"),
        (lambda: [[1.0, 0.0], [2.0, 2.0], [1.0, 0.0], [5.0, 0.0]], "two things. By cosine, c ties"),
        (lambda: [[1.0, 0.0], [2.0, 2.0], [1.0, 0.5], [5.0, 0.0]], "by cosine, c wins, too"),
        (lambda: [[1.0, 0.0], [1.0, 0.0], [9.0, 0.1], [5.0, 0.1]], "two things. By distance, a wins, too"),
        (lambda: [[1.0, 0.0], [0.2, 0.0], [0.1, 0.1], [1.1, 0.1]], "by distance, c wins, too"),
        (lambda: [[1.0, 0.0], [5.0, 1.0], [1.1, 0.0], [9.0, 3.0]], "by cosine, b wins, too"),
        (lambda: [[1.0, 0.0], [5.0, 0.0], [1.0, 0.5], [3.0, 3.0]], "by the dot product, a wins, too"),
        (lambda: [[1.0, 0.0], [0.1, 0.0], [1.0, 0.5], [0.5, 3.0]], "by the dot product, b wins, too"),
        (lambda: [[1.0, 0.0], [1.0, 0.0], [0.5, 0.5], [0.2, 0.3]], "by all three measures, a wins"),
        (lambda: [[1.0, 0.0], [1.0, 0.5], [5.0, 0.0], [9.0, 9.0]], "a and b are swapped"),
        (lambda: [[1.0, 0.0], [9.0, 9.0], [1.0, 0.5], [5.0, 0.0]], "a and c are swapped"),
        (lambda: [[1.0, 0.0], [5.0, 0.0], [9.0, 9.0], [1.0, 0.5]], "b and c are swapped"),
        (lambda: [[1.0, 0.0], [1.0, 0.5], [9.0, 9.0], [5.0, 0.0]], "the three winners are in another order"),
        (lambda: [[1.0, 0.0], [9.0, 9.0], [5.0, 0.0], [1.0, 0.5]], "the three winners are in another order"),
        (lambda: torch.eye(4)[:, :3], "four rows of two numbers are expected, but yours has the shape (4, 3)"),
        (lambda: torch.eye(2), "four rows of two numbers are expected"),
        (lambda: [[1.0, 0.0], [0.0], [2.0, 2.0], [1.0, 3.0]], "a tensor of four rows of two numbers each"),
        (lambda: [[1.0, 0.0], [0.0, 0.0], [2.0, 2.0], [1.0, 3.0]], "a zero vector has no direction"),
        (lambda: torch.full((4, 2), math.inf), "infinite"),
        (lambda: 7, "a tensor of four rows"),
    ],
    "ppmi": [
        (pmi, "negative values are still there"),
        (lambda c, s: torch.log(pmi(c, s).exp().clamp(min=0)), "negative values are still there"),
        (lambda c, s: pmi(c, s).nan_to_num(neginf=0), "other negative values"),
        (lambda c, s: pmi(c, s).abs().nan_to_num(posinf=0), "these are absolute values"),
        (lambda c, s: torch.log2(pmi(c, s).exp()).clamp(min=0), "this is in bits"),
        (lambda c, s: torch.log10(pmi(c, s).exp()).clamp(min=0), "base 10"),
        (lambda c, s: torch.log(1 + pmi(c, s).exp()), "ln(1 + ratio)"),
        (lambda c, s: torch.log(c / c.sum(1, keepdim=True)).clamp(min=0), "both p(w) and p(c)"),
        (positive(joint=lambda counts: counts), "divided by the total of the table"),
        (lambda c, s: pmi(c, 1.0).clamp(min=0), "there is no smoothing yet"),
        (lambda c, s: pmi(c, 1.0, words=s).clamp(min=0), "the words are smoothed"),
        (lambda c, s: pmi(c, s, words=s).clamp(min=0), "both words and contexts are smoothed"),
        (lambda c, s: pmi(c, 1.0, chance=lambda p: p**s).clamp(min=0), "only the totals of the contexts"),
        (positive(joint=lambda counts: counts**0.75 / (counts**0.75).sum()), "the cells are smoothed"),
        (of_chance(lambda w, c, s: w[:, None] * c**s), "do not sum to 1"),
        (lambda c, s: of_chance(lambda w, p, _: w[:, None] * (p * c.sum()) ** s / c.sum())(c, s), "do not sum to 1"),
        (of_chance(lambda w, c, s: w * (c[:, None] ** s / (c**s).sum())), "rows and columns are swapped"),
        (lambda c, s: pmi(c, s).exp() * (pmi(c, s) > 0), "the logarithm is missing"),
        (lambda c, s: pmi(c, s).exp(), "the logarithm is missing"),
        (lambda c, s: (c * pmi(c, s)).clamp(min=0), "NaN"),
        (lambda c, s: ppmi_by_cells(c, s) * c / c.sum(), "weighted by p(w, c)"),
        (lambda c, s: ppmi_by_cells(c + 1, s), "you add 1 to every count"),
    ],
    "analogy": [
        (offset(signs=(1, -1, 1)), "the sign is reversed"),
        (offset(signs=(1, 1, -1)), "this is a + b - c"),
        (offset(signs=(1, 1, 1)), "add all three"),
        (offset(signs=(0, 1, 1)), "a is missing"),
        (offset(signs=(-1, 1, 0)), "the direction: start at c"),
        (offset(signs=(-1, 1, -1)), "this is b - a - c"),
        (offset(excluded=()), "one of the question's own words wins"),
        (offset(excluded=(0,)), "b and c can still be the answer"),
        (offset(excluded=(1,)), "a and c can still be the answer"),
        (offset(excluded=(2,)), "a and b can still be the answer"),
        (offset(excluded=(0, 1)), "c can still be the answer"),
        (offset(excluded=(1, 2)), "a can still be the answer"),
        (offset(excluded=(0, 2)), "b can still be the answer"),
        (offset(low=0), "0 is not low enough"),
        (offset(unit=lambda v: v), "long vectors win"),
        (offset(unit=lambda v: v / v.norm(dim=0)), "a word is a row, dim=1"),
        (raw_target, "the target is made of the raw vectors"),
        (offset(low=torch.inf, pick=torch.argmin), "the least similar row"),
        (offset(excluded=(), pick=lambda s: s.argsort()[-4]), "do not take the fourth"),
        (offset(pick=torch.max), "this is the similarity"),
        (offset(pick=lambda s: s.topk(1).indices), "return the row's number alone"),
        (lambda v, a, b, c: v[offset()(v, a, b, c)], "number is expected"),
    ],
    "count_settings": [
        (settings(window=2), "a wider window"),
        (settings(window=8, smoothing=0.5), "more smoothing is not better for both sets"),
        (settings(window=8, power=0), "a larger power of the singular values"),
        (settings(window=8, nearer=False), "near words that count more"),
        (settings(window=8), "one change at a time"),
        (settings(window=16), "the window is a whole number from 1 to 12, but yours is 16."),
        (settings(window=2.5), "the window is a whole number from 1 to 12, but yours is 2.5."),
        (settings(nearer="yes"), "nearer is True or False, but yours is yes."),
        (settings(smoothing=2), "smoothing is a number from 0 to 1, but yours is 2."),
        (settings(power=-1), "power is a number from 0 to 1, but yours is -1."),
        (lambda: (8, 0.5, 0.75), "a dictionary with window, nearer, smoothing, power is expected"),
        (lambda window: settings(window)(), "it is called with 0 inputs"),
    ],
}
