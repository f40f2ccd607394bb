"""Answers to the exercises of word_vectors: other right ones, and wrong ones with words of their message."""

import itertools
import math

import numpy as np
import scipy.stats
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


def cosine_by_loops(u, v):
    product = sum(a * b for a, b in zip(u.tolist(), v.tolist(), strict=True))
    lengths = math.hypot(*u.tolist()) * math.hypot(*v.tolist())
    return product / lengths if lengths else 0.0


def cosine(above=lambda u, v: u @ v, below=lambda u, v: math.sqrt(u @ u) * math.sqrt(v @ v), zero=0.0):
    """Above and below the line of the fraction, with zero vectors set apart."""

    def similarity(u, v):
        if u.norm() == 0 or v.norm() == 0:
            return torch.tensor(zero)
        return above(u, v) / below(u, v)

    return similarity


def of_cosine(change):
    return lambda u, v: float(change(cosine()(u, v))) if u.any() and v.any() else 0.0


def of_centred(u, v):
    return cosine()(u - u.mean(), v - v.mean())


def pmi(counts):
    joint = counts / counts.sum()
    return torch.log(joint / (joint.sum(1, keepdim=True) * joint.sum(0, keepdim=True)))


def ppmi_by_cells(counts):
    result, total = torch.zeros_like(counts), counts.sum()
    for i, j in itertools.product(*map(range, counts.shape)):
        if counts[i, j] > 0:
            result[i, j] = max(0.0, math.log(counts[i, j] * total / (counts[i].sum() * counts[:, j].sum())))
    return result


def with_chance(chance, joint=lambda counts: counts / counts.sum()):
    return lambda counts: torch.log(joint(counts) / chance(counts / counts.sum())).clamp(min=0)


def ranked(vectors, row, k):
    similarities = embeddings.cosine_similarity(vectors[row], vectors)
    order = similarities.argsort(descending=True)
    return order[order != row][:k]


def topped(low, more=0, cut=0, unit=lambda vectors: F.normalize(vectors, dim=1), change=lambda s: s):
    """By topk; the word's own similarity becomes `low` (None: stays)."""

    def nearest(vectors, row, k):
        similarities = change(unit(vectors) @ unit(vectors)[row])
        if low is not None:
            similarities[row] = low
        return similarities.topk(k + more).indices[cut:]

    return nearest


def cut_ranked(vectors, row, k):
    others = torch.cat([vectors[:row], vectors[row + 1 :]])
    return embeddings.nearest_neighbours(vectors[row], others, k)[1]


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


def ranks(x):
    return x.argsort().argsort().float()


def correlation(x, y):
    return torch.corrcoef(torch.stack([x.float(), y.float()]))[0, 1]


def by_rank_differences(divisor=lambda n: n * (n * n - 1), factor=6, start=1):
    """The short formula, 1 - 6 Σd² / (n (n² - 1)), and what it can be mistaken for."""

    def spearman(x, y):
        squares = (ranks(x) - ranks(y)).square().sum().item()
        return start - (1 if start else -1) * factor * squares / divisor(len(x))

    return spearman


def kendall(x, y):
    pairs = list(itertools.combinations(range(len(x)), 2))
    return sum(1 if (x[i] < x[j]) == (y[i] < y[j]) else -1 for i, j in pairs) / len(pairs)


def observed(x, y):
    return sum(x) / len(x) - sum(y) / len(y)


def differences(x, y, size=None):
    pool, size = [*x, *y], len(x) if size is None else size
    for chosen in itertools.combinations(range(len(pool)), size):
        others = [pool[i] for i in range(len(pool)) if i not in chosen]
        yield sum(pool[i] for i in chosen) / size - sum(others) / len(others)


def share(count=lambda d, real: d >= real - 1e-9, size=lambda x, y: len(x), end=lambda hits, n: hits / n):
    """The share of the splits that count."""

    def p_value(x, y):
        found = list(differences(x, y, size(x, y)))
        return end(sum(count(difference, observed(x, y)) for difference in found), len(found))

    return p_value


def of_different_groups(x, y):
    total = sum(x) + sum(y)
    groups = set(itertools.combinations(sorted(x + y), len(x)))
    found = [sum(group) / len(x) - (total - sum(group)) / len(y) for group in groups]
    return sum(difference >= observed(x, y) - 1e-9 for difference in found) / len(found)


def by_scipy(x, y):
    statistic = lambda a, b: np.mean(a) - np.mean(b)  # noqa: E731
    return scipy.stats.permutation_test((x, y), statistic, n_resamples=np.inf, alternative="greater").pvalue


def settings(window=8, smoothing=0.5, power=0.75):
    return lambda: {"window": window, "smoothing": smoothing, "power": power}


RIGHT = {
    "window_counts": [company(), company(end=lambda table: table.astype(int).tolist())],
    "cosine_similarity": [cosine_by_loops, embeddings.cosine_similarity],
    "three_measures": [
        lambda: np.array([[1, 0], [5, 0], [1, 1], [50, 20]]),
        lambda: [(0.0, 1.0), (0.0, 0.1), (0.3, 1.0), (-3.0, 3.0)],
    ],
    "ppmi": [ppmi_by_cells, lambda counts: pmi(counts).clamp(min=0), lambda counts: ppmi_by_cells(counts).numpy()],
    "nearest": [ranked, lambda v, row, k: ranked(v, row, k).tolist(), lambda v, row, k: ranked(v, row, k).float()],
    "analogy": [lambda v, a, b, c: int(embeddings.analogy(v, torch.tensor([a, b, c]))[1]), offset()],
    "spearman": [by_rank_differences(), lambda x, y: scipy.stats.spearmanr(x, y).statistic],
    "count_settings": [lambda: {"power": torch.tensor(0.75), "smoothing": 0.5, "window": 8.0}],
    "p_value": [share(), by_scipy],
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
    "cosine_similarity": [
        (lambda u, v: u @ v / (u.norm() * v.norm()), "a zero vector, which has no direction, gives NaN"),
        (cosine(zero=1.0), "return 0 there, not 1"),
        (lambda u, v: torch.tensor(0.0) if u.norm() == 0 else u @ v / (u.norm() * v.norm()), "There is NaN"),
        (lambda u, v: u @ v, "this is the dot product"),
        (lambda u, v: u @ v / u.norm(), "two things"),
        (cosine(below=lambda u, v: u.norm()), "divide by the norm of v, too"),
        (cosine(below=lambda u, v: v.norm()), "divide by the norm of u, too"),
        (lambda u, v: u @ v / (u @ u) / (v @ v), "two things"),
        (cosine(below=lambda u, v: (u @ u) * (v @ v)), "squared norms"),
        (cosine(below=lambda u, v: u.norm() + v.norm()), "divide by their product"),
        (cosine(below=lambda u, v: u.abs().sum() * v.abs().sum()), "sums of absolute values"),
        (cosine(below=lambda u, v: len(v)), "the number of components"),
        (lambda u, v: (u * v).sum() / u.norm() * v.norm(), "in brackets"),
        (lambda u, v: u * v / (u.norm() * v.norm()), "the sum is missing"),
        (lambda u, v: u * v, "the sum is missing"),
        (cosine(above=lambda u, v: u * v), "the sum is missing"),
        (cosine(above=lambda u, v: (u * v).mean()), "the mean of the products"),
        (cosine(above=lambda u, v: (u * v).abs().sum()), "every product counts as positive"),
        (of_centred, "Pearson's correlation"),
        (lambda u, v: round(cosine_by_loops(u, v), 1), "expected 0.96"),
        (lambda u, v: cosine_by_loops(u, v) if u.norm() * v.norm() else None, "missing on one path"),
        (lambda u, v: (u - v).norm(), "this is the distance"),
        (of_cosine(lambda x: 1 - x), "cosine distance"),
        (of_cosine(math.acos), "this is the angle"),
        (of_cosine(lambda x: x * x), "the square of the cosine"),
        (of_cosine(abs), "the sign is lost"),
        (lambda u, v: u / v["length"], "your code raised"),
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
        (lambda counts: torch.log(pmi(counts).exp().clamp(min=0)), "negative values are still there"),
        (lambda counts: pmi(counts).nan_to_num(neginf=0), "other negative values"),
        (lambda counts: pmi(counts).abs().nan_to_num(posinf=0), "these are absolute values"),
        (lambda counts: torch.log2(pmi(counts).exp()).clamp(min=0), "this is in bits"),
        (lambda counts: torch.log10(pmi(counts).exp()).clamp(min=0), "base 10"),
        (lambda counts: torch.log(1 + pmi(counts).exp()), "ln(1 + ratio)"),
        (lambda counts: torch.log(counts / counts.sum(1, keepdim=True)).clamp(min=0), "both p(w) and p(c)"),
        (lambda c: torch.log(c / (c.sum(1, keepdim=True) * c.sum(0))).clamp(min=0), "divided by the total"),
        (lambda c: torch.log(c / c.sum() / (c.sum(1, keepdim=True) * c.sum(0))).clamp(min=0), "everything comes out 0"),
        (with_chance(lambda p: p.sum(1, keepdim=True) * p.sum(0), joint=lambda c: c), "divided by the total of the"),
        (with_chance(lambda p: p.sum(1) * p.sum(0)), "keepdim=True is missing"),
        (with_chance(lambda p: p.sum(0)[:, None] * p.sum(1)), "rows and columns are swapped"),
        (lambda counts: pmi(counts).exp() * (pmi(counts) > 0), "the logarithm is missing"),
        (lambda counts: pmi(counts).exp(), "the logarithm is missing"),
        (lambda counts: (counts * pmi(counts)).clamp(min=0), "NaN"),
        (lambda counts: ppmi_by_cells(counts) * counts / counts.sum(), "weighted by p(w, c)"),
        (lambda counts: ppmi_by_cells(counts + 1), "you add 1 to every count"),
    ],
    "nearest": [
        (topped(low=None), "the word itself comes first"),
        (lambda v, row, k: embeddings.cosine_similarity(v[row], v).argsort(descending=True)[:k], "the word itself"),
        (topped(low=None, cut=1), "only k - 1"),
        (lambda v, row, k: ranked(v, row, k)[:-1], "only k - 1"),
        (topped(low=None, more=1, cut=1), "parallel to the word"),
        (lambda v, row, k: ranked(v, row, k + 1), "one neighbour too many"),
        (lambda v, row, k: ranked(v, row, k + 1)[1:], "the first neighbour is lost"),
        (lambda v, row, k: ranked(v, row, len(v)).flip(0)[:k], "least similar"),
        (lambda v, row, k: ranked(v, row, k).flip(0), "the best must come first"),
        (topped(low=-torch.inf, unit=lambda vectors: vectors), "long vectors win"),
        (lambda v, row, k: (v - v[row]).norm(dim=1).argsort()[1 : k + 1], "ranks by distance"),
        (topped(low=-torch.inf, change=torch.abs), "the sign is lost"),
        (topped(low=-torch.inf, unit=lambda vectors: F.normalize(vectors, dim=0)), "a word is a row, dim=1"),
        (lambda v, row, k: ranked(v / v.norm(dim=0), row, k), "a word is a row, dim=1"),
        (topped(low=0), "0 is not low enough"),
        (cut_ranked, "the rows have moved"),
        (lambda v, row, k: embeddings.nearest_neighbours(v[row], v, k + 1)[0][1:], "these are the similarities"),
        (lambda v, row, k: v[ranked(v, row, k)], "not the vectors"),
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
    "spearman": [
        (correlation, "Pearson's correlation"),
        (lambda x, y: correlation(x.argsort(), y.argsort()), "apply it twice"),
        (lambda x, y: correlation(ranks(x), y), "only x is ranked"),
        (lambda x, y: correlation(x, ranks(y)), "only y is ranked"),
        (lambda x, y: correlation(ranks(x), -ranks(y)), "the sign is wrong"),
        (lambda x, y: correlation(ranks(x), ranks(y)).abs(), "the sign is lost"),
        (lambda x, y: correlation(ranks(x), ranks(y)) ** 2, "the square of the correlation"),
        (lambda x, y: embeddings.cosine_similarity(ranks(x), ranks(y)), "subtract their mean first"),
        (lambda x, y: np.corrcoef(ranks(x), ranks(y)), "a 2 × 2 matrix"),
        (lambda x, y: (ranks(x) - ranks(y)).square().sum(), "squared rank differences"),
        (by_rank_differences(divisor=lambda n: n * (n - 1)), "the denominator is n (n² - 1)"),
        (by_rank_differences(factor=1), "the 6 is missing"),
        (by_rank_differences(start=0), "the 1 - is missing"),
        (kendall, "Kendall's correlation"),
    ],
    "count_settings": [
        (settings(window=2, smoothing=1, power=0.5), "a wider window"),
        (settings(window=6, smoothing=1, power=0.5), "smoothing: a power below 1"),
        (settings(window=8, smoothing=0.75, power=0), "a larger power of the singular values"),
        (settings(window=16), "the window is a whole number from 1 to 10, but yours is 16."),
        (settings(window=2.5), "the window is a whole number from 1 to 10, but yours is 2.5."),
        (settings(smoothing=2), "smoothing is a number from 0 to 1, but yours is 2."),
        (settings(power=-1), "power is a number from 0 to 1, but yours is -1."),
        (lambda: (8, 0.5, 0.75), "a dictionary with window, smoothing, power is expected"),
        (lambda window: settings(window)(), "it is called with 0 inputs"),
    ],
    "p_value": [
        (share(count=lambda d, real: d >= real), "rounding lost splits"),
        (share(count=lambda d, real: d > real), "use >="),
        (share(count=lambda d, real: d > real + 1e-9), "use >="),
        (share(count=lambda d, real: abs(d) >= abs(real)), "two-sided"),
        (share(count=lambda d, real: d < real), "smaller differences"),
        (share(count=lambda d, real: d <= real), "points the wrong way"),
        (share(size=lambda x, y: len(y)), "must have len(x) numbers"),
        (share(size=lambda x, y: len(x + y) // 2), "must have len(x) numbers"),
        (share(end=lambda hits, n: hits), "divide by the number of all"),
        (share(end=lambda hits, n: (hits - 1) / (n - 1)), "the observed split is one of them"),
        (share(end=lambda hits, n: (hits + 1) / (n + 1)), "the observed split is one of them"),
        (of_different_groups, "Choose positions, not values"),
        (observed, "expected 1"),
    ],
}
