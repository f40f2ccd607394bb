"""Answers to the exercises of word2vec: other right ones, and wrong ones with words of their message."""

import math

import numpy as np
import torch
from torch.nn import functional as F

from course_lib import embeddings


def pairs_by_slices(tokens, window):
    found = []
    for here, centre in enumerate(tokens):
        around = tokens[max(0, here - window) : here] + tokens[here + 1 : here + window + 1]
        found += [[centre, context] for context in around]
    return found


def pairs_by_distance(tokens, window):
    for distance in range(1, window + 1):
        for left, right in zip(tokens, tokens[distance:], strict=False):
            yield left, right
            yield right, left


def sliced_from_the_end(tokens, window):
    found = []
    for here, centre in enumerate(tokens):
        for there in range(here - window, min(len(tokens), here + window + 1)):
            if there != here and there >= -len(tokens):
                found.append((centre, tokens[there]))
    return found


def every_pair(tokens, window):
    return [(a, b) for i, a in enumerate(tokens) for j, b in enumerate(tokens) if i != j]


def compare_words(tokens, window):
    found = []
    for here, centre in enumerate(tokens):
        for context in tokens[max(0, here - window) : here + window + 1]:
            if context != centre:
                found.append((centre, context))
    return found


def contexts_first(tokens, window):
    return [(centre, tokens[max(0, i - window) : i + window + 1]) for i, centre in enumerate(tokens)]


def loss_by_loop(u, c, negatives):
    total = math.log(1 + math.exp(-float(u @ c)))
    for n in negatives:
        total += float(F.softplus(u @ n))
    return total


def unsafe_loss(u, c, negatives):
    return -torch.log(torch.sigmoid(u @ c)) - torch.log(torch.sigmoid(-negatives @ u)).sum()


def gradients_by_loop(u, c, negatives):
    error = 1 / (1 + torch.exp(-(u @ c))) - 1
    of_u, of_negatives = error * c, []
    for n in negatives:
        belief = torch.sigmoid(n @ u)
        of_u = of_u + belief * n
        of_negatives.append(belief * u)
    return [of_u, error * u, torch.stack(of_negatives)]


def keep_by_loop(counts, s):
    total = sum(counts.tolist())
    shares = [count / total for count in counts.tolist()]
    return torch.tensor([min(1.0, math.sqrt(s / f) + s / f) for f in shares])


def stepped(u, c, negatives):
    """The vectors after a step instead of the gradients."""
    error, errors = (u @ c).sigmoid() - 1, (negatives @ u).sigmoid()
    return u - error * c - errors @ negatives, c - error * u, negatives - errors[:, None] * u


RIGHT = {
    "pairs": [pairs_by_slices, lambda tokens, window: list(pairs_by_distance(tokens, window))],
    "loss": [
        loss_by_loop,
        lambda u, c, negatives: F.softplus(-(u * c).sum()) + F.softplus(torch.mv(negatives, u)).sum(),
        lambda u, c, negatives: F.binary_cross_entropy_with_logits(
            torch.cat([c[None], negatives]) @ u, torch.tensor([1.0] + [0.0] * len(negatives)), reduction="sum"
        ),
    ],
    "gradients": [gradients_by_loop],
    "keep_probability": [keep_by_loop, embeddings.keep_probability],
    "noise": [
        lambda counts, power: F.normalize(counts**power, p=1, dim=0),
        lambda counts, power: (power * counts.log()).softmax(0),
    ],
    "cbow_loss": [lambda around, c, negatives: loss_by_loop(sum(around) / len(around), c, negatives)],
}

WRONG = {
    "pairs": [
        (every_pair, "expected"),
        (compare_words, "compare the places, not the words"),
        (sliced_from_the_end, "counts from the end in Python"),
        (contexts_first, "pairs (centre, context) is expected, but it holds"),
        (lambda tokens, window: list(pairs_by_slices(tokens, window - 1)), "expected"),
        (lambda tokens, window: pairs_by_slices(tokens, window) + [(t, t) for t in tokens], "paired with itself"),
        (
            lambda tokens, window: [
                (centre, context)
                for here, centre in enumerate(tokens)
                for context in tokens[here + 1 : here + window + 1]
            ],
            "contexts to the left are missing",
        ),
        (
            lambda tokens, window: [
                (tokens[i], tokens[j])
                for i in range(len(tokens))
                for j in range(max(0, i - window), min(len(tokens), i + window))
                if i != j
            ],
            "the farthest contexts on the right",
        ),
        (lambda tokens, window: list({tuple(pair) for pair in pairs_by_slices(tokens, window)}), "use no set"),
        (lambda tokens, window: len(pairs_by_slices(tokens, window)), "raised TypeError"),
    ],
    "loss": [
        (lambda u, c, n: -F.logsigmoid(u @ c) - F.logsigmoid(n @ u).sum(), "rewarded for high scores"),
        (lambda u, c, n: F.logsigmoid(u @ c) + F.logsigmoid(-n @ u).sum(), "the sign turned round"),
        (lambda u, c, n: -F.logsigmoid(u @ c) - F.logsigmoid(-(n @ u).sum()), "a term of its own"),
        (lambda u, c, n: -F.logsigmoid(u @ c) - F.logsigmoid(-n @ u), "one number is expected"),
        (lambda u, c, n: -F.logsigmoid(u @ c) - F.logsigmoid(-n @ u).mean(), "average over the negatives"),
        (lambda u, c, n: -F.logsigmoid(u @ c) - F.logsigmoid(-n @ c).sum(), "score them against u"),
        (lambda u, c, n: -torch.sigmoid(u @ c) - torch.sigmoid(-n @ u).sum(), "the logarithms are missing"),
        (lambda u, c, n: -F.logsigmoid(u @ c), "the negatives are missing"),
        (unsafe_loss, "expected"),
    ],
    "gradients": [
        (lambda u, c, n: tuple(-g for g in gradients_by_loop(u, c, n)), "all signs are turned round"),
        (stepped, "expected"),
        (lambda u, c, n: ((u @ c).sigmoid() * c + (n @ u).sigmoid() @ n, *_rest(u, c, n, 0)), "treated as a negative"),
        (lambda u, c, n: (((u @ c).sigmoid() - 1) * c, *_rest(u, c, n, 1)), "lacks the negatives"),
        (
            lambda u, c, n: (gradients_by_loop(u, c, n)[0], ((u @ c).sigmoid() - 1) * c, gradients_by_loop(u, c, n)[2]),
            "c's gradient is a multiple of u",
        ),
        (
            lambda u, c, n: (*gradients_by_loop(u, c, n)[:2], (n @ u).sigmoid().sum() * u),
            "a row for each negative",
        ),
        (lambda u, c, n: gradients_by_loop(u, c, n)[0], "expected"),
    ],
    "keep_probability": [
        (lambda counts, s: 1 - keep_by_loop(counts, s), "the probability of dropping"),
        (lambda counts, s: (s / (counts / counts.sum())).sqrt().clamp(max=1), "the formula of the paper"),
        (lambda counts, s: ((s / counts) ** 0.5 + s / counts).clamp(max=1), "you use the counts themselves"),
        (
            lambda counts, s: (s * counts.sum() / counts) ** 0.5 + s * counts.sum() / counts,
            "probabilities above 1 are left",
        ),
        (lambda counts, s: keep_by_loop(counts, s).numpy(), "a tensor is expected"),
    ],
    "noise": [
        (lambda counts, power: counts**power, "divide by the sum of the powers"),
        (lambda counts, power: (counts / counts.sum()) ** power, "you divide first"),
        (lambda counts, power: counts / counts.sum(), "the power is missing"),
        (lambda counts, power: counts**0.75 / (counts**0.75).sum(), "use the argument `power`"),
        (lambda counts, power: np.asarray(counts**power / (counts**power).sum()), "a tensor is expected"),
    ],
    "cbow_loss": [
        (lambda around, c, n: loss_by_loop(sum(around), c, n), "CBOW takes their mean"),
        (lambda around, c, n: sum(loss_by_loop(u, c, n) for u in around), "this is skip-gram"),
        (lambda around, c, n: loss_by_loop(around.mean(1), c, n), "raised"),
        (lambda around, c, n: sum(loss_by_loop(u, c, n) for u in around) / len(around), "the mean of the losses"),
    ],
}


def _rest(u, c, negatives, truth):
    return ((u @ c).sigmoid() - truth) * u, gradients_by_loop(u, c, negatives)[2]
