"""Answers to the exercises of word2vec: other right ones, and wrong ones with words of their message."""

import math

import numpy as np
import torch
from torch.nn import functional as F


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


def stepped(u, c, negatives):
    """The vectors after a step instead of the gradients."""
    error, errors = (u @ c).sigmoid() - 1, (negatives @ u).sigmoid()
    return u - error * c - errors @ negatives, c - error * u, negatives - errors[:, None] * u


def move_by_loop(contexts, drawn, u, rate, label=0, along="u"):
    moved = contexts.clone()
    for word in drawn:
        error = (contexts[word] @ u).sigmoid() - label
        moved[word] = moved[word] - rate * error * (u if along == "u" else contexts[word])
    return moved


def move_by_put(contexts, drawn, u, rate):
    errors = (contexts[drawn] @ u).sigmoid()
    return contexts.index_put((drawn,), -rate * torch.outer(errors, u), accumulate=True)


def move_by_matrix(contexts, drawn, u, rate):
    times = drawn.bincount(minlength=len(contexts))
    return contexts - rate * (times * (contexts @ u).sigmoid())[:, None] * u


def one_after_another(contexts, drawn, u, rate):
    for word in drawn.tolist():
        contexts = move_by_loop(contexts, [word], u, rate)
    return contexts


def all_words(contexts, drawn, u, rate):
    return contexts - rate * torch.outer((contexts @ u).sigmoid(), u)


def best(together, centre, context, total, k):
    return math.log(together * total / (k * centre * context))


def score_by_descent(together, centre, context, total, k):
    sampled, score = k * centre * context / total, 0.0
    for _ in range(3000):
        probability = 1 / (1 + math.exp(-score))
        score -= (together * (probability - 1) + sampled * probability) / (together + sampled)
    return score


def power_of_counts(power):
    weights = [count**power for count in (6000, 3000, 100, 5)]
    return [weight / sum(weights) for weight in weights]


def choice(**changes):
    chosen = {"window": 2, "learning_rate": 0.4, "negatives": 5, "noise_power": 0.75, "subsample": 0}
    return lambda: chosen | changes


RIGHT = {
    "pairs": [
        pairs_by_slices,
        lambda tokens, window: np.array(pairs_by_slices(tokens, window)),
        lambda tokens, window: list(pairs_by_distance(tokens, window)),
    ],
    "gradients": [
        gradients_by_loop,
        gradients_by_autograd,
        lambda u, c, negatives: tuple(part.numpy() for part in gradients_by_loop(u, c, negatives)),
    ],
    "move_negatives": [move_by_loop, move_by_put, move_by_matrix],
    "best_score": [
        lambda together, centre, context, total, k: math.log(together) - math.log(k * centre * context / total),
        lambda together, centre, context, total, k: np.log(together * total / centre / context / k),
        score_by_descent,
    ],
    "negatives_by_hand": [
        lambda: [0.6, 0.36, 0.0365, 0.0035],
        lambda: power_of_counts(0.75),
        lambda: np.array(power_of_counts(0.8)),
    ],
    "better_skipgram": [choice()],
}

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
    "move_negatives": [
        (lambda contexts, *rest: 2 * contexts - move_by_loop(contexts, *rest), "they move towards u"),
        (lambda *inputs: move_by_loop(*inputs, label=1), "the label of a negative is 0"),
        (one_after_another, "each repeat sees a vector that has moved already"),
        (lambda *inputs: move_by_loop(*inputs, along="row"), "not times the negative itself"),
        (all_words, "words that were not drawn have moved"),
        (lambda contexts, drawn, u, rate: move_by_loop(contexts, drawn, u, 1.0), "the learning rate is missing"),
        (lambda contexts, drawn, u, rate: move_by_loop(contexts, drawn, u, rate / len(drawn)), "you average"),
        (lambda contexts, *rest: move_by_loop(contexts, *rest) - contexts, "this is the change alone"),
    ],
    "best_score": [
        (lambda t, centre, context, total, k: math.log(t * total / centre / context), "this is the PMI"),
        (lambda t, centre, context, total, k: math.log(k * t * total / centre / context), "subtract ln k."),
        (lambda t, centre, context, total, k: math.log(t * total / centre / context) - k, "not k"),
        (lambda t, centre, context, total, k: math.log(t * total / centre / context) / k, "the PMI is divided by k"),
        (lambda *counts: max(0, best(*counts)), "cut nothing off at 0"),
        (lambda t, centre, context, total, k: t / (t + k * centre * context / total), "the probability of a true pair"),
        (lambda t, centre, context, total, k: t / (k * centre * context / total), "the ratio of true to sampled pairs"),
        (lambda *counts: -best(*counts), "the sign is reversed"),
        (lambda *counts: best(*counts) / math.log(2), "this is in bits"),
        (lambda t, centre, context, total, k: math.log(t / (k * centre * context)), "the total is missing"),
        (lambda t, centre, context, total, k: math.log(t / (k * centre)), "the context's count is missing"),
        (lambda t, centre, context, total, k: math.log(t * total / (k * context)), "the centre's count is missing"),
    ],
    "negatives_by_hand": [
        (lambda: [0.25] * 4, "*the* is still above *florid*"),
        (lambda: power_of_counts(1), "on two pairs only"),
        (lambda: [0.80, 0.15, 0.045, 0.005], "*of* is above *the*"),
        (lambda: 0.25, "a list of four numbers is expected"),
        (lambda: [0.5, 0.5], "four probabilities are expected"),
        (lambda: [0.5, 0.4, 0.2, 0.1], "sum to 1"),
    ],
    "better_skipgram": [
        (choice(noise_power=0), "another power"),
        (choice(learning_rate=0.02), "a larger learning rate"),
        (choice(learning_rate=2), "a smaller learning rate"),
        (choice(subsample=1e-4), "to keep more of the text"),
        (choice(window=15), "a narrower window"),
        (choice(negatives=30), "other values nearby"),
        (
            lambda: {"window": 5},
            "a dictionary with window, learning_rate, negatives, noise_power, subsample is expected",
        ),
        (choice(window=2.5), "window is a whole number from 1 to 15, but yours is 2.5."),
        (choice(learning_rate=0), "learning_rate is a number from 0.001 to 2, but yours is 0."),
        (choice(negatives=0), "negatives is a whole number from 1 to 30, but yours is 0."),
        (choice(noise_power=-1), "noise_power is a number from 0 to 2, but yours is -1."),
        (choice(subsample=50), "subsample is a number from 0 to 1, but yours is 50."),
    ],
}


def _rest(u, c, negatives, truth):
    return ((u @ c).sigmoid() - truth) * u, gradients_by_loop(u, c, negatives)[2]
