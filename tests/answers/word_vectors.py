"""Answers to the exercises of word_vectors: other right ones, and wrong ones with words of their message."""

import itertools
import math

import numpy as np
import scipy.stats
import torch

from course_lib import embeddings


def cosine_by_loops(u, v):
    product = sum(a * b for a, b in zip(u.tolist(), v.tolist(), strict=True))
    lengths = math.hypot(*u.tolist()) * math.hypot(*v.tolist())
    return product / lengths if lengths else 0.0


def pmi(counts):
    joint = counts / counts.sum()
    return torch.log(joint / (joint.sum(1, keepdim=True) * joint.sum(0, keepdim=True)))


def ppmi_by_cells(counts):
    result, total = torch.zeros_like(counts), counts.sum()
    for i, j in itertools.product(*map(range, counts.shape)):
        if counts[i, j] > 0:
            result[i, j] = max(0.0, math.log(counts[i, j] * total / (counts[i].sum() * counts[:, j].sum())))
    return result


def ranked(vectors, row, k):
    similarities = embeddings.cosine_similarity(vectors[row], vectors)
    order = similarities.argsort(descending=True)
    return order[order != row][:k]


def zero_ranked(vectors, row, k):
    similarities = embeddings.cosine_similarity(vectors[row], vectors)
    similarities[row] = 0
    return similarities.topk(k).indices


def cut_ranked(vectors, row, k):
    others = torch.cat([vectors[:row], vectors[row + 1 :]])
    return embeddings.nearest_neighbours(vectors[row], others, k)[1]


def dot_ranked(vectors, row, k):
    order = (vectors @ vectors[row]).argsort(descending=True)
    return order[order != row][:k]


def offset(vectors, a, b, c, signs=(-1, 1, 1), excluded=(0, 1, 2), unit=True, low=-torch.inf):
    ready = vectors / vectors.norm(dim=1, keepdim=True) if unit else vectors
    similarities = ready @ (signs[0] * ready[a] + signs[1] * ready[b] + signs[2] * ready[c])
    similarities[[(a, b, c)[place] for place in excluded]] = low
    return similarities.argmax()


def differences(x, y):
    pool = [*x, *y]
    for chosen in itertools.combinations(range(len(pool)), len(x)):
        others = [pool[i] for i in range(len(pool)) if i not in chosen]
        yield sum(pool[i] for i in chosen) / len(x) - sum(others) / len(y)


def p_of_splits(x, y, size):
    total, others = sum(x) + sum(y), len(x + y) - size
    sums = [sum(group) for group in itertools.combinations(x + y, size)]
    found = [first / size - (total - first) / others for first in sums]
    return sum(difference >= observed(x, y) for difference in found) / len(found)


def observed(x, y):
    return sum(x) / len(x) - sum(y) / len(y)


def share(x, y, count):
    found = list(differences(x, y))
    return sum(count(difference, observed(x, y)) for difference in found) / len(found)


def by_scipy(x, y):
    statistic = lambda a, b: np.mean(a) - np.mean(b)  # noqa: E731
    return scipy.stats.permutation_test((x, y), statistic, n_resamples=np.inf, alternative="greater").pvalue


def ranks(x):
    return x.argsort().argsort().float()


def correlation(x, y):
    return torch.corrcoef(torch.stack([x.float(), y.float()]))[0, 1]


def spearman_by_differences(x, y):
    n = len(x)
    return 1 - 6 * (ranks(x) - ranks(y)).square().sum().item() / (n * (n * n - 1))


RIGHT = {
    "cosine_similarity": [cosine_by_loops, embeddings.cosine_similarity],
    "ppmi": [ppmi_by_cells, lambda counts: pmi(counts).clamp(min=0)],
    "nearest": [ranked],
    "analogy": [lambda v, a, b, c: int(embeddings.analogy(v, torch.tensor([a, b, c]))[1]), offset],
    "spearman": [spearman_by_differences, lambda x, y: scipy.stats.spearmanr(x, y).statistic],
    "p_value": [lambda x, y: share(x, y, lambda d, real: d >= real), by_scipy],
}
WRONG = {
    "cosine_similarity": [
        (lambda u, v: u @ v, "this is the dot product"),
        (lambda u, v: u @ v / u.norm(), "the length of v must go too"),
        (lambda u, v: u @ v / v.norm(), "the length of u must go too"),
        (lambda u, v: u @ v / (u @ u) / (v @ v), "squared lengths"),
        (lambda u, v: u @ v / (u.norm() + v.norm()), "divide by their product"),
        (lambda u, v: u @ v / (u.abs().sum() * v.abs().sum()), "sums of absolute values"),
        (lambda u, v: u @ v / (u.norm() * v.norm()), "right for two ordinary vectors, but a zero vector"),
        (lambda u, v: torch.tensor(0.0) if u.norm() == 0 else u @ v / (u.norm() * v.norm()), "there is NaN"),
        (lambda u, v: (u * v).sum() / u.norm() * v.norm(), "in brackets"),
        (lambda u, v: u * v / (u.norm() * v.norm()), "the sum is missing"),
        (lambda u, v: round(cosine_by_loops(u, v), 1), "expected 0.96"),
        (lambda u, v: cosine_by_loops(u, v) if u.norm() * v.norm() else None, "missing on one path"),
        (lambda u, v: (u - v).norm(), "this is the distance"),
        (lambda u, v: 1 - u @ v / (u.norm() * v.norm()), "cosine distance"),
        (lambda u, v: torch.arccos(u @ v / (u.norm() * v.norm())), "the angle itself"),
        (lambda u, v: u * v, "a single number is expected, but yours is a tensor of shape (2,)"),
        (lambda u, v: u / v["length"], "your code raised"),
    ],
    "ppmi": [
        (pmi, "negative values are still there"),
        (lambda counts: pmi(counts).nan_to_num(neginf=0), "other negative values"),
        (lambda counts: torch.log2(pmi(counts).exp()).clamp(min=0), "this is in bits"),
        (lambda counts: torch.log10(pmi(counts).exp()).clamp(min=0), "base 10"),
        (
            lambda counts: torch.log(counts / counts.sum(1, keepdim=True)).clamp(min=0),
            "divide p(w, c) by both p(w) and p(c)",
        ),
        (lambda c: torch.log(c / (c.sum(1, keepdim=True) * c.sum(0))).clamp(min=0), "divided by the total"),
        (lambda c: torch.log(c / c.sum() / (c.sum(1, keepdim=True) * c.sum(0))).clamp(min=0), "everything comes out 0"),
        (lambda counts: pmi(counts).exp() * (pmi(counts) > 0), "the logarithm is missing"),
        (lambda counts: (counts * pmi(counts)).clamp(min=0), "NaN"),
        (
            lambda c: torch.log(c / c.sum() / (c.sum(1) * c.sum(0) / c.sum() ** 2)).clamp(min=0),
            "keepdim=True is missing",
        ),
        (lambda counts: ppmi_by_cells(counts).numpy(), "a tensor is expected"),
    ],
    "nearest": [
        (lambda v, row, k: embeddings.nearest_neighbours(v[row], v, k)[1], "the word itself comes first"),
        (lambda v, row, k: embeddings.nearest_neighbours(v[row], v, k)[1][1:], "only k - 1"),
        (lambda v, row, k: ranked(v, row, len(v)).flip(0)[:k], "least similar"),
        (dot_ranked, "long vectors win"),
        (lambda v, row, k: (v - v[row]).norm(dim=1).argsort()[1 : k + 1], "ranks by distance"),
        (lambda v, row, k: embeddings.nearest_neighbours(v[row], v, k + 1)[0][1:], "these are the similarities"),
        (lambda v, row, k: ranked(v, row, k).tolist(), "a tensor is expected"),
        (lambda v, row, k: ranked(v, row, k).float(), "whole numbers are expected"),
        (lambda v, row, k: ranked(v / v.norm(dim=0), row, k), "a word is a row, dim=1"),
        (zero_ranked, "0 is not low enough"),
        (cut_ranked, "the rows have moved"),
    ],
    "analogy": [
        (lambda v, a, b, c: offset(v, a, b, c, signs=(1, -1, 1)), "turned round"),
        (lambda v, a, b, c: offset(v, a, b, c, signs=(1, 1, -1)), "this is a + b - c"),
        (lambda v, a, b, c: offset(v, a, b, c, signs=(1, 1, 1)), "add all three"),
        (lambda v, a, b, c: offset(v, a, b, c, excluded=()), "one of the question's own words wins"),
        (lambda v, a, b, c: offset(v, a, b, c, excluded=(2,)), "a and b can still be the answer"),
        (lambda v, a, b, c: offset(v, a, b, c, excluded=(1, 2)), "a can still be the answer"),
        (lambda v, a, b, c: offset(v, a, b, c, excluded=(0, 2)), "b can still be the answer"),
        (lambda v, a, b, c: offset(v, a, b, c, low=0), "0 is not low enough"),
        (lambda v, a, b, c: float(offset(v, a, b, c)), "whole numbers are expected"),
        (lambda v, a, b, c: offset(v, a, b, c, unit=False), "long vectors win"),
        (lambda v, a, b, c: v[offset(v, a, b, c)], "a single number is expected"),
    ],
    "spearman": [
        (correlation, "Pearson's correlation"),
        (lambda x, y: correlation(x.argsort(), y.argsort()), "apply it twice"),
        (lambda x, y: correlation(ranks(x), -ranks(y)), "the sign is wrong"),
        (lambda x, y: correlation(ranks(x), ranks(y)).abs(), "the sign is lost"),
        (lambda x, y: embeddings.cosine_similarity(ranks(x), ranks(y)), "subtract their mean first"),
        (lambda x, y: (ranks(x) - ranks(y)).square().sum(), "squared rank differences"),
    ],
    "p_value": [
        (lambda x, y: share(x, y, lambda d, real: d > real), "use >="),
        (lambda x, y: share(x, y, lambda d, real: abs(d) >= abs(real)), "two-sided"),
        (lambda x, y: share(x, y, lambda d, real: d < real), "smaller differences"),
        (lambda x, y: share(x, y, lambda d, real: d <= real), "points the wrong way"),
        (observed, "expected 0.05"),
        (lambda x, y: share(x, y, lambda d, real: d > real + 1e-9), "use >="),
        (lambda x, y: p_of_splits(x, y, len(y)), "must have len(x) numbers"),
        (lambda x, y: p_of_splits(x, y, len(x)), "rounding lost the observed split"),
    ],
}
