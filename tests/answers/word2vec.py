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


def pairs_between(left, right):
    """Contexts from `left(window)` positions before the centre to `right(window)` after it."""

    def pairs(tokens, window):
        places = [(i, j) for i in range(len(tokens)) for j in range(len(tokens)) if i != j]
        return [(tokens[i], tokens[j]) for i, j in places if -left(window) <= j - i <= right(window)]

    return pairs


def centres_within(first, last):
    def pairs(tokens, window):
        found = []
        for i in range(first(window), len(tokens) - last(window)):
            found += [(tokens[i], tokens[j]) for j in range(len(tokens)) if 0 < abs(i - j) <= window]
        return found

    return pairs


def in_a_circle(tokens, window):
    found = []
    for i, centre in enumerate(tokens):
        for step in range(1, window + 1):
            found += [(centre, tokens[(i + step) % len(tokens)]), (centre, tokens[(i - step) % len(tokens)])]
    return found


def beside_index_window(tokens, window):
    found = []
    for here in range(len(tokens)):
        around = tokens[max(0, here - window) : here + window + 1]
        for place in range(len(around)):
            if place != window:
                found.append((tokens[here], around[place]))
    return found


def in_all_windows(tokens, window):
    found = []
    for first in range(len(tokens) - window):
        inside = tokens[first : first + window + 1]
        found += [(a, b) for i, a in enumerate(inside) for j, b in enumerate(inside) if i != j]
    return found


def exactly_that_far(tokens, window):
    found = []
    for i in range(window, len(tokens)):
        found += [(tokens[i], tokens[i - window]), (tokens[i - window], tokens[i])]
    return found


def nested(tokens, window):
    found = []
    for here, centre in enumerate(tokens):
        around = tokens[max(0, here - window) : here] + tokens[here + 1 : here + window + 1]
        found.append([(centre, context) for context in around])
    return found


def slices_from_below(tokens, window):
    found = []
    for i in range(len(tokens)):
        for context in tokens[i - window : i]:
            found.append((tokens[i], context))
        for context in tokens[i + 1 : i + 1 + window]:
            found.append((tokens[i], context))
    return found


def without_the_first(tokens, window):
    found = []
    for i in range(len(tokens)):
        for j in range(max(1, i - window), min(len(tokens), i + window + 1)):
            if i != j:
                found.append((tokens[i], tokens[j]))
    return found


def loss_by_loop(u, c, negatives):
    total = math.log(1 + math.exp(-float(u @ c)))
    for n in negatives:
        total += float(F.softplus(u @ n))
    return total


def unsafe_loss(u, c, negatives):
    return -torch.log(torch.sigmoid(u @ c)) - torch.log(torch.sigmoid(-negatives @ u)).sum()


def loss_with_epsilon(u, c, negatives):
    return -torch.log(torch.sigmoid(u @ c) + 1e-8) - torch.log(torch.sigmoid(-negatives @ u) + 1e-8).sum()


def loss_terms(u, c, negatives):
    """The logarithms of the true pair and of each negative."""
    return F.logsigmoid(u @ c), F.logsigmoid(-(negatives @ u))


def loss_by_softmax(u, c, negatives):
    scores = torch.cat([c[None], negatives]) @ u
    return F.cross_entropy(scores[None], torch.tensor([0]))


def loss_of_summed_probabilities(u, c, negatives):
    return -torch.log(torch.sigmoid(u @ c)) - torch.log(torch.sigmoid(-negatives @ u).sum())


def loss_by_bce(u, c, negatives):
    scores = torch.cat([c[None], negatives]) @ u
    return F.binary_cross_entropy_with_logits(scores, torch.eye(len(scores))[0])


def each_word_alone(around, c, negatives):
    true = torch.stack([u @ c for u in around]).mean()
    return F.softplus(-true) + F.softplus(torch.einsum("md,kd->mk", around, negatives)).sum()


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


def parts(u, c, negatives):
    """The true pair's error, the negatives' errors, and the three gradients."""
    of_u, of_c, of_negatives = gradients_by_loop(u, c, negatives)
    return torch.sigmoid(u @ c) - 1, torch.sigmoid(negatives @ u), of_u, of_c, of_negatives


def gradients_with_errors(errors_of):
    def gradients(u, c, negatives):
        error, errors = errors_of(u, c, negatives)
        return error * c + errors @ negatives, error * u, torch.outer(errors, u)

    return gradients


def derivative(x):
    return torch.sigmoid(x) * torch.sigmoid(-x)


def softmax_errors(u, c, negatives):
    scores = torch.cat([c[None], negatives]) @ u
    errors = F.softmax(scores, dim=0) - torch.eye(len(scores))[0]
    return errors[0], errors[1:]


def with_u(change):
    """All right but for the gradient of u: `change` makes it of c, negatives and the errors."""

    def gradients(u, c, negatives):
        error, errors, _, of_c, of_negatives = parts(u, c, negatives)
        return change(c, negatives, error, errors), of_c, of_negatives

    return gradients


def with_negatives(change):
    """All right but for the gradient of the negatives: `change` makes it of u and the errors."""

    def gradients(u, c, negatives):
        _, errors, of_u, of_c, _ = parts(u, c, negatives)
        return of_u, of_c, change(u, errors)

    return gradients


def keep_of(counts, s, share=lambda counts: counts / counts.sum(), ratio=lambda s, f: s / f):
    """The right formula, of another share or another ratio."""
    x = ratio(s, share(counts))
    return torch.minimum(x**0.5 + x, torch.tensor(1.0))


def ratios(counts, s):
    return s * counts.sum() / counts


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
    "keep_probability": [
        keep_by_loop,
        lambda counts, s: keep_by_loop(counts, s).numpy(),
        lambda counts, s: keep_by_loop(counts, s).tolist(),
        lambda counts, s: embeddings.keep_probability(counts.long(), s),
    ],
    "noise": [
        lambda counts, power: F.normalize(counts**power, p=1, dim=0),
        lambda counts, power: (power * counts.log()).softmax(0),
        lambda counts, power: np.asarray(counts**power / (counts**power).sum()),
    ],
    "cbow_loss": [lambda around, c, negatives: loss_by_loop(sum(around) / len(around), c, negatives)],
}

LOSS = [
    (lambda u, c, n: -F.logsigmoid(u @ c) - F.logsigmoid(n @ u).sum(), "rewarded for high scores"),
    (lambda u, c, n: F.softplus(-(u @ c).clamp(-6, 6)) + F.softplus((n @ u).clamp(-6, 6)).sum(), "are clipped"),
    (lambda u, c, n: loss_by_loop(u / u.norm(), c / c.norm(), F.normalize(n)), "not the cosine"),
    (lambda u, c, n: torch.sigmoid(-u @ c) ** 2 + (torch.sigmoid(n @ u) ** 2).sum(), "a squared error"),
    (lambda u, c, n: 1 - torch.sigmoid(u @ c) + torch.sigmoid(n @ u).sum(), "the logarithms are missing"),
    (loss_with_epsilon, "a small number inside the logarithm"),
    (loss_by_bce, "average over all pairs"),
    (loss_by_softmax, "this is a softmax"),
    (loss_of_summed_probabilities, "probabilities before the logarithm"),
    (lambda u, c, n: loss_by_loop(u, c, n) / len(n), "divide the whole loss by the number of negatives"),
    (lambda u, c, n: -F.logsigmoid(u @ c) - F.logsigmoid(-n.mean(0) @ u), "average the negatives or their scores"),
    (lambda u, c, n: -F.logsigmoid(-n @ u).sum(), "the true pair is missing"),
    (lambda u, c, n: F.logsigmoid(u @ c) - F.logsigmoid(-n @ u).sum(), "true pair's term has the wrong sign"),
    (lambda u, c, n: (u @ c).sigmoid() * (-n @ u).sigmoid().prod(), "this is the probability"),
    (lambda u, c, n: -torch.log10((u @ c).sigmoid()) - torch.log10((-n @ u).sigmoid()).sum(), "two things"),
    (lambda u, c, n: loss_by_loop(u, c, n) / math.log(10), "to base 10"),
    (lambda u, c, n: loss_terms(u, c, n)[0] * loss_terms(u, c, n)[1].sum(), "the terms are multiplied"),
    (lambda u, c, n: F.logsigmoid(u @ c) + F.logsigmoid(-n @ u).sum(), "the sign reversed"),
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
    (lambda u, c, n: -F.logsigmoid(-(u @ c)) - F.logsigmoid(n @ u).sum(), "are swapped"),
    (lambda u, c, n: -F.logsigmoid(-(u @ c)) - F.logsigmoid(-n @ u).sum(), "punished for a high score"),
    (lambda u, c, n: -F.logsigmoid(u @ c) + F.logsigmoid(-n @ u).sum(), "negatives' terms have the wrong sign"),
    (lambda u, c, n: -F.logsigmoid(u * c) - F.logsigmoid(-n * u).sum(), "is a dot product"),
    (lambda u, c, n: (-F.logsigmoid(u * c)).sum() - F.logsigmoid(-n * u).sum(), "is a dot product"),
    (lambda u, c, n: loss_by_loop(u, c, n) / (1 + len(n)), "average over all pairs"),
    (lambda u, c, n: -(torch.cat([c[None], n]) @ u).log_softmax(0)[0], "this is a softmax"),
    (lambda u, c, n: -F.logsigmoid(u @ c) - F.logsigmoid(n.neg_() @ u).sum(), "changes its input"),
    (lambda u, c, n: loss_by_loop(u, c, n[:1]), "only one of the negatives"),
]

WRONG = {
    "pairs": [
        (pairs_between(lambda window: window - 1, lambda window: window), "the farthest contexts on the left"),
        (pairs_between(lambda window: window, lambda window: window + 1), "too wide by one on the right"),
        (pairs_between(lambda window: window + 1, lambda window: window), "too wide by one on the left"),
        (pairs_between(lambda window: window, lambda window: 0), "the contexts to the right are missing"),
        (pairs_between(lambda window: 1, lambda window: 1), "only the direct neighbours"),
        (pairs_between(lambda window: window // 2, lambda window: window // 2), "do not halve it"),
        (centres_within(lambda window: window, lambda window: window), "the first and the last words are never"),
        (centres_within(lambda window: window, lambda window: 0), "the first words are never the centre"),
        (centres_within(lambda window: 0, lambda window: 1), "the last words are never the centre"),
        (pairs_between(lambda window: window, lambda window: 99), "the distance needs its absolute value"),
        (beside_index_window, "not at index `window` of its slice"),
        (in_all_windows, "overlapping windows"),
        (in_a_circle, "the text is not a circle"),
        (exactly_that_far, "only the words exactly `window` positions away"),
        (nested, "`extend`, not `append`"),
        (without_the_first, "the first word is never a context"),
        (lambda tokens, window: [*pairs_by_distance(tokens, window)] * 2, "each pair is there twice"),
        (lambda tokens, window: [(tokens[a], b) for a, b in numbers_of_places(tokens, window)], "not a position"),
        (slices_from_below, "a slice from a position below 0 is empty"),
        (lambda tokens, window: [" ".join(pair) for pair in pairs_by_distance(tokens, window)], "not one string"),
        (every_pair, "`window` is not used"),
        (compare_words, "compare the positions, not the words"),
        (sliced_from_the_end, "counts from the end in Python"),
        (contexts_first, "make a pair of every single context"),
        (lambda tokens, window: pairs_by_slices(tokens, window - 1), "too narrow by one"),
        (lambda tokens, window: pairs_by_slices(tokens, window + 1), "too wide by one"),
        (lambda tokens, window: {tuple(pair) for pair in pairs_by_slices(tokens, window)}, "a set forgets"),
        (by_index, "`index` finds only a word's first position"),
        (first_centre_only, "is the `return` inside the loop"),
        (numbers_of_places, "these are positions"),
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
        (lambda tokens, window: len(pairs_by_slices(tokens, window)), "returns a whole number"),
    ],
    "loss": LOSS,
    "gradients": [
        (lambda u, c, n: tuple(-g for g in gradients_by_loop(u, c, n)), "the signs are reversed"),
        (gradients_with_errors(lambda u, c, n: ((u @ c).sigmoid(), (n @ u).sigmoid())), "the label of the true pair"),
        (gradients_with_errors(lambda u, c, n: ((u @ c).sigmoid() - 1, (n @ u).sigmoid() - 1)), "treated as true"),
        (gradients_with_errors(lambda u, c, n: ((u @ c).sigmoid(), (n @ u).sigmoid() - 1)), "the labels are swapped"),
        (gradients_with_errors(lambda u, c, n: (F.logsigmoid(u @ c) - 1, F.logsigmoid(n @ u))), "no logarithm left"),
        (
            gradients_with_errors(
                lambda u, c, n: (-F.sigmoid(-u @ c) * derivative(u @ c), F.sigmoid(n @ u) * derivative(n @ u))
            ),
            "belongs to a squared error",
        ),
        (
            gradients_with_errors(lambda u, c, n: (derivative(u @ c), derivative(n @ u))),
            "the derivative σ(1 - σ) alone",
        ),
        (
            gradients_with_errors(lambda u, c, n: (F.sigmoid(-u @ c) ** 2, F.sigmoid(n @ u) ** 2)),
            "the error is squared",
        ),
        (gradients_with_errors(lambda u, c, n: ((u @ c).sigmoid() - 1, (-n @ u).sigmoid())), "belongs to the loss"),
        (gradients_with_errors(lambda u, c, n: ((u @ c).sigmoid() - 1, (n @ c).sigmoid())), "score them against u"),
        (
            gradients_with_errors(lambda u, c, n: (F.sigmoid(u @ c) - 1, -F.sigmoid(n @ u))),
            "wrong sign in both gradients",
        ),
        (gradients_with_errors(lambda u, c, n: (1 - F.sigmoid(u @ c), F.sigmoid(n @ u))), "not 1 - σ(u · c)"),
        (lambda u, c, n: [0.01 * part for part in gradients_by_loop(u, c, n)], "a learning rate"),
        (lambda u, c, n: (parts(u, c, n)[0] * u + parts(u, c, n)[1] @ n, *parts(u, c, n)[3:]), "u and c are swapped"),
        (with_negatives(lambda u, errors: torch.outer(errors - 1, u)), "their label is 0 as well"),
        (gradients_with_errors(softmax_errors), "this is a softmax"),
        (lambda u, c, n: tuple(g / (len(n) + 1) for g in gradients_by_loop(u, c, n)), "average over all pairs"),
        (with_u(lambda c, n, error, errors: errors @ n), "lacks the true pair"),
        (with_u(lambda c, n, error, errors: -error * c + errors @ n), "with the wrong sign"),
        (with_u(lambda c, n, error, errors: error * c + (errors[:, None] * n).mean(0)), "the average of the negatives"),
        (with_u(lambda c, n, error, errors: error * c + errors[:, None] * n), "add the rows up"),
        (with_u(lambda c, n, error, errors: error * c + errors.sum() * n.sum(0)), "weights the negatives alike"),
        (lambda u, c, n: (parts(u, c, n)[2], parts(u, c, n)[0], parts(u, c, n)[4]), "the error alone"),
        (with_negatives(lambda u, errors: errors.mean() * u), "do not average them"),
        (with_negatives(lambda u, errors: torch.outer(u, errors)), "is transposed"),
        (with_negatives(lambda u, errors: torch.stack([errors.sum() * u] * len(errors))), "all equal"),
        (
            lambda u, c, n: (
                parts(u, c, n)[0] * c + (parts(u, c, n)[1][:, None] * n).mean(0),
                parts(u, c, n)[3],
                parts(u, c, n)[4] / len(n),
            ),
            "you average over the negatives",
        ),
        (
            lambda u, c, n: (*gradients_by_loop(u, c, n)[:2], torch.diag((n @ u).sigmoid()) @ n),
            "the rows of the negatives' gradient are multiples of u",
        ),
        (stepped, "the vectors after a step"),
        (lambda u, c, n: gradients_by_loop(u, c, n)[::-1], "another order"),
        (lambda u, c, n: [gradients_by_loop(u, c, n)[place] for place in (1, 0, 2)], "in another order"),
        (lambda u, c, n: ((u @ c - 1) * c + (n @ u) @ n, (u @ c - 1) * u, torch.outer(n @ u, u)), "logistic function"),
        (
            lambda u, c, n: (((u @ c).sigmoid() - 1) * c - (n @ u).sigmoid() @ n, *_rest(u, c, n, 1)),
            "subtracts the negatives' part",
        ),
        (lambda u, c, n: [*gradients_by_loop(u, c, n)[:2], gradients_by_loop(u, c, n)[2].T], "is transposed"),
        (lambda u, c, n: gradients_by_loop(u, c, n)[:2], "3 results are expected"),
        (
            lambda u, c, n: ((u @ c).sigmoid() * c + (n @ u).sigmoid() @ n, *_rest(u, c, n, 0)),
            "the label of the true pair is missing",
        ),
        (lambda u, c, n: (((u @ c).sigmoid() - 1) * c, *_rest(u, c, n, 1)), "lacks the negatives"),
        (
            lambda u, c, n: (gradients_by_loop(u, c, n)[0], ((u @ c).sigmoid() - 1) * c, gradients_by_loop(u, c, n)[2]),
            "the gradient of c is a multiple of u",
        ),
        (
            lambda u, c, n: (*gradients_by_loop(u, c, n)[:2], (n @ u).sigmoid().sum() * u),
            "do not add them up",
        ),
        (lambda u, c, n: gradients_by_loop(u, c, n)[0], "3 results are expected"),
    ],
    "keep_probability": [
        (lambda counts, s: 1 - keep_by_loop(counts, s), "the probability of dropping"),
        (lambda counts, s: ratios(counts, s).sqrt().clamp(max=1) + ratios(counts, s), "not the root alone"),
        (lambda counts, s: ratios(counts, s).sqrt().clamp(0, 1) + ratios(counts, s).clamp(0, 1), "not the two parts"),
        (lambda counts, s: keep_by_loop(counts, s) * (keep_by_loop(counts, s) < 1), "has become 0"),
        (lambda counts, s: ratios(counts, s).sqrt() + ratios(counts, s) >= 1, "True and False"),
        (lambda counts, s: ratios(counts, s).clamp(max=1), "the root is missing"),
        (lambda counts, s: (ratios(counts, s) ** 2 + ratios(counts, s)).clamp(max=1), "the square, not the root"),
        (lambda counts, s: (ratios(counts, s) ** 1.5).clamp(max=1), "the two parts are multiplied"),
        (lambda counts, s: (ratios(counts, s) ** 0.5 - ratios(counts, s)).clamp(max=1), "the two parts are subtracted"),
        (lambda counts, s: (1 - ratios(counts, s).sqrt()).relu(), "cut off at 0"),
        (lambda counts, s: keep_of(counts, s, share=lambda x: x / x.numel()), "not over the number of words"),
        (lambda counts, s: keep_of(counts, s, share=lambda x: x / max(x)), "not over the largest"),
        (lambda counts, s: keep_of(counts, s, share=lambda x: F.softmax(x, 0)), "the share is a softmax"),
        (lambda counts, s: keep_of(counts, s, ratio=lambda s, f: f / s), "upside down"),
        (lambda counts, s: keep_of(counts, s, ratio=lambda s, f: f * s), "s is multiplied by f"),
        (lambda counts, s: keep_of(counts, s, ratio=lambda s, f: f**-1), "every probability comes out as 1"),
        (lambda counts, s: (ratios(counts, s) ** 0.5 + s).clamp(max=1), "the root covers the whole fraction"),
        (lambda counts, s: keep_by_loop(counts, s) * counts / sum(counts), "that are left"),
        (
            lambda counts, s: (
                (ratios(counts, s).sqrt() + ratios(counts, s)) / max(ratios(counts, s).sqrt() + ratios(counts, s))
            ),
            "the largest value",
        ),
        (lambda counts, s: (s / (counts / counts.sum())).sqrt().clamp(max=1), "the formula of the paper"),
        (lambda counts, s: ((s / counts) ** 0.5 + s / counts).clamp(max=1), "you use the counts themselves"),
        (
            lambda counts, s: (s * counts.sum() / counts) ** 0.5 + s * counts.sum() / counts,
            "probabilities above 1 are left",
        ),
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
        (lambda counts, power: counts**power / sum(counts), "not of the counts"),
        (lambda counts, power: counts**power / sum(counts) ** power, "take the powers first"),
        (lambda counts, power: (counts + 1) ** power / ((counts + 1) ** power).sum(), "you add 1 to the counts"),
        (lambda counts, power: F.normalize(counts**power, dim=0), "not by their norm"),
        (lambda counts, power: counts**power / len(counts), "not by the number of words"),
        (lambda counts, power: F.softmax(power * counts, dim=0), "softmax of the counts times the power"),
        (lambda counts, power: F.softmax((counts / counts.sum()) ** power, dim=0), "the powers of the shares"),
        (lambda counts, power: power**counts / (power**counts).sum(), "base and exponent are swapped"),
        (lambda counts, power: F.normalize(counts ** (1 / power), p=1, dim=0), "not 1 / `power`"),
        (lambda counts, power: F.normalize(counts ** (1 - power), p=1, dim=0), "not 1 - `power`"),
        (lambda counts, power: 1 - F.normalize(counts**power, p=1, dim=0), "favours rare words"),
        (lambda counts, power: power * counts.log() - torch.log((counts**power).sum()), "these are logarithms"),
        (lambda counts, power: counts ** (2 * power) / (counts ** (2 * power)).sum(), "the power is taken twice"),
        (lambda counts, power: torch.full(counts.shape, 1 / len(counts)), "all words are equally likely"),
        (lambda counts, power: torch.cumsum(F.normalize(counts**power, p=1, dim=0), 0), "the cumulative distribution"),
        (lambda counts, power: (counts / counts.sum()) ** power, "take the powers first"),
        (lambda counts, power: counts / counts.sum(), "the power is missing"),
        (lambda counts, power: counts * power / (counts * power).sum(), "the power is `**`"),
        (lambda counts, power: counts.softmax(0), "this is the softmax of the counts"),
        (lambda counts, power: (counts**power).softmax(0), "no softmax on top"),
        (lambda counts, power: counts**-power / (counts**-power).sum(), "upside down"),
        (lambda counts, power: counts**power / (counts**power).max(), "not by the largest"),
        (lambda counts, power: counts**0.75 / (counts**0.75).sum(), "use the argument `power`"),
    ],
    "cbow_loss": [
        (lambda around, c, n: loss_by_loop(sum(around), c, n), "CBOW takes their mean"),
        (lambda around, c, n: loss_by_loop(sum(around) / (1 + len(around)), c, n), "divided by the wrong number"),
        (each_word_alone, "every word around is scored on its own"),
        (lambda around, c, n: loss_by_loop(around.sum(1), c, n), "add up the components of each vector"),
        (lambda around, c, n: loss_by_loop(around.max(0).values, c, n), "the largest of each component"),
        (lambda around, c, n: loss_by_loop(around.quantile(0.5, dim=0, interpolation="lower"), c, n), "the median"),
        (lambda around, c, n: loss_by_loop(sum(around) / sum(around).norm(), c, n), "is divided by its norm"),
        (lambda around, c, n: loss_by_loop((around / around.norm(dim=1)[:, None]).mean(0), c, n), "by their norms"),
        (
            lambda around, c, n: loss_by_loop((sum(around) + c) / (len(around) + 1), c, n),
            "the true centre is averaged in",
        ),
        *((lambda around, c, n, wrong=wrong: wrong(around.mean(0), c, n), words) for wrong, words in LOSS),
        (lambda around, c, n: sum(loss_by_loop(u, c, n) for u in around), "this is skip-gram"),
        (lambda around, c, n: loss_by_loop(around.mean(1), c, n), "over the components of each vector"),
        (lambda around, c, n: loss_by_loop(around.mean().expand(len(c)), c, n), "`mean(dim=0)`"),
        (lambda around, c, n: loss_by_loop(around[0], c, n), "only one word around"),
        (lambda around, c, n: sum(loss_by_loop(u, c, n) for u in around) / len(around), "the mean of the losses"),
    ],
}


def _rest(u, c, negatives, truth):
    return ((u @ c).sigmoid() - truth) * u, gradients_by_loop(u, c, negatives)[2]
