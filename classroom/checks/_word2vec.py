"""What is often wrong in answers to the exercises of word2vec, and what to say of it."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["PAIRS", "Wrong", "all_pairs", "formula", "gradient_mistakes", "loss_mistakes", "pair_loss"]

Wrong = list[tuple[Callable[..., object], str]]
Pairs = list[tuple[str, str]]


def _within(here: int, there: int, window: int, length: int) -> bool:
    return there >= 0 and 0 < abs(here - there) <= window


def all_pairs(rule: Callable[[int, int, int, int], bool] = _within) -> Callable[[list[str], int], Pairs]:
    """The function that gives all pairs of places that a rule allows; places below 0 count from the end."""

    def pairs_of(tokens: list[str], window: int) -> Pairs:
        places, length = range(-len(tokens), len(tokens)), len(tokens)
        return [(tokens[h], tokens[t]) for h in places[length:] for t in places if rule(h, t, window, length)]

    return pairs_of


def _first_places(tokens: list[str], window: int) -> Pairs:
    """The mistake of one who looks the centre's place up by its word."""
    found = [(tokens.index(centre), there) for centre in tokens for there in range(len(tokens))]
    return [(tokens[h], tokens[t]) for h, t in found if _within(h, t, window, len(tokens))]


PAIRS: Wrong = [
    (
        all_pairs(lambda h, t, k, n: t >= 0 and abs(h - t) <= k),
        "each word is paired with itself: leave out the place of the centre.",
    ),
    (
        lambda tokens, window: [pair for pair in all_pairs()(tokens, window) if pair[0] != pair[1]],
        "a word that stands twice in a window is its own context: compare the places, not the words.",
    ),
    (
        all_pairs(lambda h, t, k, n: t >= 0 and h != t and -k <= t - h < k),
        "the farthest contexts on the right are missing: the end of a range does not belong to it.",
    ),
    (
        all_pairs(lambda h, t, k, n: h != t and abs(h - t) <= k),
        "at the start of the text a place below 0 counts from the end in Python: begin at max(0, here - window).",
    ),
    (
        all_pairs(lambda h, t, k, n: _within(h, t, k, n) and k <= h < n - k),
        "the first and the last words are never the centre: they have fewer contexts, but they have some.",
    ),
    (all_pairs(lambda h, t, k, n: _within(h, t, k, n) and h >= k), "the first words are never the centre."),
    (all_pairs(lambda h, t, k, n: _within(h, t, k, n) and t < n - 1), "the last word is never a context."),
    (all_pairs(lambda h, t, k, n: _within(h, t, k, n) and t > 0), "the first word is never a context."),
    (all_pairs(lambda h, t, k, n: _within(h, t, k, n) and t > h), "the contexts to the left are missing."),
    (all_pairs(lambda h, t, k, n: _within(h, t, k, n) and t < h), "the contexts to the right are missing."),
    (
        all_pairs(lambda h, t, k, n: _within(h, t, k - 1, n)),
        "the window is too narrow by one: a context may stand exactly `window` places away.",
    ),
    (
        all_pairs(lambda h, t, k, n: _within(h, t, k + 1, n)),
        "the window is too wide by one: contexts more than `window` places away are in the list.",
    ),
    (
        all_pairs(lambda h, t, k, n: _within(h, t, k, n) and abs(h - t) == k),
        "only the words exactly `window` places away are there: take those between, too.",
    ),
    (
        lambda tokens, window: [(tokens[0], word) for word in tokens[1 : window + 1]] if tokens else None,
        "only the first word was the centre: does the `return` stand inside the loop?",
    ),
    (
        lambda tokens, window: list(set(all_pairs()(tokens, window))),
        "a pair that occurs twice must be in the list twice: use no set.",
    ),
    (_first_places, "`index` finds a word's first place only: go through the places, with `enumerate`."),
]


def _by_log(x: Tensor) -> Tensor:
    """ln σ(x) as many write it first: infinite where σ(x) rounds to 0."""
    return x.sigmoid().log()


def pair_loss(u: Tensor, c: Tensor, n: Tensor, ln: Callable[[Tensor], Tensor] = F.logsigmoid) -> Tensor:
    """The loss of one pair with its negatives, in nats."""
    return -ln(u @ c) - ln(-(n @ u)).sum()


LOSS: Wrong = [
    (
        lambda u, c, n, ln: -ln(u @ c) - ln(n @ u).sum(),
        "the negatives are rewarded for high scores: inside the sigmoid their scores get a minus.",
    ),
    (
        lambda u, c, n, ln: -ln(-(u @ c)) - ln(n @ u).sum(),
        "the true pair and the negatives have changed places: the minus inside σ belongs to the negatives.",
    ),
    (
        lambda u, c, n, ln: -ln(-(u @ c)) - ln(-(n @ u)).sum(),
        "the true pair is punished for a high score: no minus inside its σ.",
    ),
    (
        lambda u, c, n, ln: -pair_loss(u, c, n, ln),
        "this is the loss with the sign turned round: logarithms of probabilities are negative, hence the minus.",
    ),
    (
        lambda u, c, n, ln: -ln(u @ c) + ln(-(n @ u)).sum(),
        "the negatives' terms have the wrong sign: there is a minus in front of the sum as well.",
    ),
    (
        lambda u, c, n, ln: ln(u @ c) - ln(-(n @ u)).sum(),
        "the true pair's term has the wrong sign: it, too, gets a minus in front.",
    ),
    (
        lambda u, c, n, ln: -ln(u @ c) - ln(-(n @ u)).mean(),
        "you average over the negatives: the loss adds them up.",
    ),
    (
        lambda u, c, n, ln: pair_loss(u, c, n, ln) / (1 + len(n)),
        "you average over the pairs, true and drawn: the loss adds them up.",
    ),
    (
        lambda u, c, n, ln: -ln(u @ c) - ln(-(n @ c)).sum(),
        "the negatives are scored against c: score them against u.",
    ),
    (
        lambda u, c, n, ln: -ln(u @ c) - ln(-(n @ u).sum()),
        "you add up the negatives' scores before the logarithm: each has a term of its own.",
    ),
    (lambda u, c, n, ln: -ln(u @ c) - ln(-(n[0] @ u)), "only the first negative counts: add up the terms of all."),
    (lambda u, c, n, ln: -ln(u @ c), "the negatives are missing."),
    (lambda u, c, n, ln: -ln(-(n @ u)).sum(), "the true pair is missing."),
    (lambda u, c, n, ln: -ln(u @ c) - ln(-(n @ u)), "one number is expected: add the negatives' terms up."),
    (lambda u, c, n, ln: (-ln(u * c)).sum() - ln(-(n * u)).sum(), "a score is a dot product, `u @ c`, not `u * c`."),
    (lambda u, c, n, ln: -ln(u * c) - ln(-(n * u)).sum(), "a score is a dot product, `u @ c`, not `u * c`."),
    (
        lambda u, c, n, ln: -(u @ c).sigmoid() - (-(n @ u)).sigmoid().sum(),
        "the logarithms are missing: -ln σ(x), `F.logsigmoid`.",
    ),
    (lambda u, c, n, ln: -(u @ c) + (n @ u).sum(), "the logistic function is missing: ln σ of each score."),
    (
        lambda u, c, n, ln: -(torch.cat([c[None], n]) @ u).log_softmax(0)[0],
        "this is the softmax over the true word and the negatives: each pair is a question of its own, with σ.",
    ),
    (
        lambda u, c, n, ln: pair_loss(u, c, n, ln) / math.log(2),
        "this is in bits (log base 2): nats use the natural logarithm.",
    ),
    (lambda u, c, n, ln: pair_loss(u, c, n, ln) / math.log(10), "this is log base 10: nats use the natural logarithm."),
]


def loss_mistakes(centre: Callable[[Tensor], Tensor]) -> Wrong:
    """The mistakes in the loss, each with a safe logarithm and an unsafe one; `centre` makes u of what is given."""
    expanded: Wrong = [
        (lambda given, c, n, wrong=wrong, ln=ln: wrong(centre(given), c, n, ln), words) for wrong, words in LOSS for ln in (F.logsigmoid, _by_log)
    ]
    unsafe = "right for small scores, but where σ(x) rounds to 0 its logarithm is infinite: use `F.logsigmoid`."
    return [*expanded, (lambda given, c, n: pair_loss(centre(given), c, n, _by_log), unsafe)]


def formula(u: Tensor, c: Tensor, n: Tensor, true: int = 1, drawn: int = 0, belief: Callable[..., Tensor] = torch.sigmoid) -> tuple[Tensor, Tensor, Tensor]:
    """The three gradients: belief minus truth, where `true` and `drawn` are the truths."""
    error, errors = belief(u @ c) - true, belief(n @ u) - drawn
    return error * c + errors @ n, error * u, errors[:, None] * u


def gradient_mistakes(part: int) -> Wrong:
    """What may be wrong with one of the three gradients."""
    whole: Wrong = [
        (
            lambda u, c, n: tuple(-g for g in formula(u, c, n)),
            "its sign is turned round: a gradient points uphill, belief minus truth; the step down subtracts it.",
        ),
        (lambda *vectors: formula(*vectors, true=0), "the true pair is treated as a negative: its truth is 1."),
        (lambda *vectors: formula(*vectors, drawn=1), "the negatives are treated as true: their truth is 0."),
        (
            lambda *vectors: formula(*vectors, belief=lambda x: x),
            "the logistic function is missing: the belief is σ(score).",
        ),
        (
            lambda u, c, n: tuple(x - g for x, g in zip((u, c, n), formula(u, c, n), strict=True)),
            "this is the vector after a step: return the gradient alone.",
        ),
        (lambda u, c, n: formula(u, c, n)[::-1], "the gradients come in another order: u, c, negatives."),
        (lambda u, c, n: (formula(u, c, n)[1], formula(u, c, n)[0], n), "this is c's: give u's first, then c's."),
    ]
    of_u: Wrong = [
        (lambda u, c, n: ((u @ c).sigmoid() - 1) * c, "it lacks the negatives: they push u away."),
        (lambda u, c, n: (n @ u).sigmoid() @ n, "it lacks the true pair."),
        (lambda u, c, n: ((u @ c).sigmoid() - 1) * c - (n @ u).sigmoid() @ n, "the negatives are added, with a plus."),
        (lambda u, c, n: (1 - (u @ c).sigmoid()) * c + (n @ u).sigmoid() @ n, "the true pair's error is σ(u · c) - 1."),
        (
            lambda u, c, n: ((u @ c).sigmoid() - 1) * c + (n @ u).sigmoid() @ n / len(n),
            "you average over the negatives: the loss adds them up.",
        ),
        (
            lambda u, c, n: ((u @ c).sigmoid() - 1) * c + (n @ u).sigmoid()[:, None] * n,
            "the negatives' shares are not added up: one vector as wide as u is expected.",
        ),
    ]
    of_c: Wrong = [(lambda u, c, n: ((u @ c).sigmoid() - 1) * c, "it is a multiple of u, not of c.")]
    of_n: Wrong = [
        (lambda u, c, n: (n @ u).sigmoid()[:, None] * n, "its rows are multiples of u, not of the negatives."),
        (lambda u, c, n: (n @ u).sigmoid().sum() * u, "it has a row for each negative: do not add them up."),
    ]
    own = (of_u, of_c, of_n)[part]
    return [(lambda *vectors, wrong=wrong: wrong(*vectors)[part], words) for wrong, words in whole] + own
