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


def by_index(tokens, window):
    found = []
    for centre in tokens:
        here = tokens.index(centre)
        for there in range(max(0, here - window), min(len(tokens), here + window + 1)):
            if there != here:
                found.append((centre, tokens[there]))
    return found


def first_centre_only(tokens, window):
    found = []
    for here, centre in enumerate(tokens):
        for context in tokens[max(0, here - window) : here] + tokens[here + 1 : here + window + 1]:
            found.append((centre, context))
        return found
    return None


def numbers_of_places(tokens, window):
    return [(a, b) for a in range(len(tokens)) for b in range(len(tokens)) if 0 < abs(a - b) <= window]


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


def gradients_by_autograd(u, c, negatives):
    leaves = [u.requires_grad_(), c.requires_grad_(), negatives.requires_grad_()]
    (-F.logsigmoid(u @ c) - F.logsigmoid(-(negatives @ u)).sum()).backward()
    return [leaf.grad for leaf in leaves]


def keep_by_loop(counts, s):
    total = sum(counts.tolist())
    shares = [count / total for count in counts.tolist()]
    return torch.tensor([min(1.0, math.sqrt(s / f) + s / f) for f in shares])


def stepped(u, c, negatives):
    """The vectors after a step instead of the gradients."""
    error, errors = (u @ c).sigmoid() - 1, (negatives @ u).sigmoid()
    return u - error * c - errors @ negatives, c - error * u, negatives - errors[:, None] * u


RIGHT = {
    "pairs": [
        pairs_by_slices,
        lambda tokens, window: np.array(pairs_by_slices(tokens, window)),
        lambda tokens, window: list(pairs_by_distance(tokens, window)),
    ],
    "loss": [
        loss_by_loop,
        lambda u, c, negatives: np.float32(loss_by_loop(u, c, negatives)),
        lambda u, c, negatives: F.softplus(-(u * c).sum()) + F.softplus(torch.mv(negatives, u)).sum(),
        lambda u, c, negatives: F.binary_cross_entropy_with_logits(
            torch.cat([c[None], negatives]) @ u, torch.tensor([1.0] + [0.0] * len(negatives)), reduction="sum"
        ),
    ],
    "gradients": [
        gradients_by_loop,
        gradients_by_autograd,
        lambda u, c, negatives: tuple(part.numpy() for part in gradients_by_loop(u, c, negatives)),
    ],
    "keep_probability": [keep_by_loop, lambda counts, s: embeddings.keep_probability(counts.long(), s)],
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
        (lambda tokens, window: pairs_by_slices(tokens, window - 1), "too narrow by one"),
        (lambda tokens, window: pairs_by_slices(tokens, window + 1), "too wide by one"),
        (lambda tokens, window: {tuple(pair) for pair in pairs_by_slices(tokens, window)}, "use no set"),
        (by_index, "`index` finds a word's first place only"),
        (first_centre_only, "does the `return` stand inside the loop"),
        (numbers_of_places, "these are places"),
        (
            lambda tokens, window: [
                (tokens[i], tokens[j])
                for i in range(len(tokens))
                for j in range(max(0, i - window), min(len(tokens) - 1, i + window + 1))
                if i != j
            ],
            "the last word is never a context",
        ),
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
        (unsafe_loss, "where σ(x) rounds to 0"),
        (lambda u, c, n: loss_by_loop(u, c, n) / math.log(2), "in bits"),
        (lambda u, c, n: -(torch.log2((u @ c).sigmoid()) + torch.log2((-n @ u).sigmoid()).sum()), "in bits"),
        (lambda u, c, n: -(u @ c) + (n @ u).sum(), "the logistic function is missing"),
        (lambda u, c, n: -F.logsigmoid(-(u @ c)) - F.logsigmoid(n @ u).sum(), "have changed places"),
        (lambda u, c, n: -F.logsigmoid(-(u @ c)) - F.logsigmoid(-n @ u).sum(), "punished for a high score"),
        (lambda u, c, n: -F.logsigmoid(u @ c) + F.logsigmoid(-n @ u).sum(), "negatives' terms have the wrong sign"),
        (lambda u, c, n: -F.logsigmoid(u * c) - F.logsigmoid(-n * u).sum(), "is a dot product"),
        (lambda u, c, n: (-F.logsigmoid(u * c)).sum() - F.logsigmoid(-n * u).sum(), "is a dot product"),
        (lambda u, c, n: loss_by_loop(u, c, n) / (1 + len(n)), "average over the pairs"),
        (lambda u, c, n: -(torch.cat([c[None], n]) @ u).log_softmax(0)[0], "this is the softmax"),
        (lambda u, c, n: -F.logsigmoid(u @ c) - F.logsigmoid(n.neg_() @ u).sum(), "changes its input"),
        (lambda u, c, n: loss_by_loop(u, c, n[:1]), "only the first negative"),
    ],
    "gradients": [
        (lambda u, c, n: tuple(-g for g in gradients_by_loop(u, c, n)), "its sign is turned round"),
        (stepped, "the vector after a step"),
        (lambda u, c, n: gradients_by_loop(u, c, n)[::-1], "another order"),
        (lambda u, c, n: [gradients_by_loop(u, c, n)[place] for place in (1, 0, 2)], "give u's first"),
        (lambda u, c, n: ((u @ c - 1) * c + (n @ u) @ n, (u @ c - 1) * u, torch.outer(n @ u, u)), "logistic function"),
        (lambda u, c, n: (((u @ c).sigmoid() - 1) * c - (n @ u).sigmoid() @ n, *_rest(u, c, n, 1)), "with a plus"),
        (lambda u, c, n: [*gradients_by_loop(u, c, n)[:2], gradients_by_loop(u, c, n)[2].T], "the negatives: "),
        (lambda u, c, n: gradients_by_loop(u, c, n)[:2], "a tuple of three"),
        (lambda u, c, n: ((u @ c).sigmoid() * c + (n @ u).sigmoid() @ n, *_rest(u, c, n, 0)), "treated as a negative"),
        (lambda u, c, n: (((u @ c).sigmoid() - 1) * c, *_rest(u, c, n, 1)), "lacks the negatives"),
        (
            lambda u, c, n: (gradients_by_loop(u, c, n)[0], ((u @ c).sigmoid() - 1) * c, gradients_by_loop(u, c, n)[2]),
            "the gradient of c: it is a multiple of u",
        ),
        (
            lambda u, c, n: (*gradients_by_loop(u, c, n)[:2], (n @ u).sigmoid().sum() * u),
            "the gradient of the negatives: it has a row for each",
        ),
        (lambda u, c, n: gradients_by_loop(u, c, n)[0], "a tuple of three is expected"),
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
        (lambda counts, s: keep_by_loop(counts, 0.001), "use the argument `s`"),
        (lambda counts, s: 1 - (s * counts.sum() / counts).sqrt(), "the paper's probability of dropping"),
        (lambda counts, s: (2 * s * counts.sum() / counts).sqrt().clamp(max=1), "the root is taken of the sum"),
        (lambda counts, s: keep_by_loop(counts, s) / keep_by_loop(counts, s).sum(), "do not divide by the sum"),
        (
            lambda counts, s: ((s * counts.sum() / counts) ** 0.5 + s * counts.sum() / counts).clamp(min=1),
            "not `clamp(min=1)`",
        ),
    ],
    "noise": [
        (lambda counts, power: counts**power, "divide by the sum of the powers"),
        (lambda counts, power: (counts / counts.sum()) ** power, "you divide first"),
        (lambda counts, power: counts / counts.sum(), "the power is missing"),
        (lambda counts, power: counts * power / (counts * power).sum(), "`**` is the power"),
        (lambda counts, power: counts.softmax(0), "this is the softmax"),
        (lambda counts, power: (counts**power).softmax(0), "no softmax on top"),
        (lambda counts, power: counts**-power / (counts**-power).sum(), "upside down"),
        (lambda counts, power: counts**power / (counts**power).max(), "not the most"),
        (lambda counts, power: counts**0.75 / (counts**0.75).sum(), "use the argument `power`"),
        (lambda counts, power: np.asarray(counts**power / (counts**power).sum()), "a tensor is expected"),
    ],
    "cbow_loss": [
        (lambda around, c, n: loss_by_loop(sum(around), c, n), "CBOW takes their mean"),
        (lambda around, c, n: sum(loss_by_loop(u, c, n) for u in around), "this is skip-gram"),
        (lambda around, c, n: loss_by_loop(around.mean(1), c, n), "raised"),
        (lambda around, c, n: loss_by_loop(around.mean().expand(len(c)), c, n), "`mean(dim=0)`"),
        (lambda around, c, n: loss_by_loop(around[0], c, n), "only the first word around"),
        (lambda around, c, n: loss_by_loop(around.mean(0), c, n) / math.log(2), "in bits"),
        (lambda around, c, n: unsafe_loss(around.mean(0), c, n), "where σ(x) rounds to 0"),
        (lambda around, c, n: -F.logsigmoid(around.mean(0) @ c) - F.logsigmoid(n @ around.mean(0)).sum(), "rewarded"),
        (lambda around, c, n: sum(loss_by_loop(u, c, n) for u in around) / len(around), "the mean of the losses"),
    ],
}


def _rest(u, c, negatives, truth):
    return ((u @ c).sigmoid() - truth) * u, gradients_by_loop(u, c, negatives)[2]
