"""Exercises of the notebook word2vec."""

import itertools
import math
import random

import numpy as np
import torch
from torch import Generator
from torch.nn import functional as F

from classroom.exercise import case, exercise

__all__ = ["cbow_loss", "gradients", "keep_probability", "loss", "noise", "pairs"]


def _random(seed, *shape):
    return torch.randn(shape, generator=Generator().manual_seed(seed))


def _texts(seed):
    draw = random.Random(seed)
    return [
        ("a b c".split(), 1),
        ("a terrible film with a terrible script".split(), 2),
        (draw.sample("abcdefghi", 9), 1),
        (draw.sample("abcdefghijk", 11), 3),
        (draw.choices("abcd", k=13), 4),
        case("a film a film".split(), 2, edge="a word that occurs twice in a window"),
        case("a b c d".split(), 5, edge="a window longer than the text"),
        case(["only"], 3, edge="a text of one word"),
        case([], 2, edge="an empty text"),
    ]


def _in_one_order(found):
    """A list of pairs sorted, since any order will do."""
    found = found.tolist() if isinstance(found, np.ndarray) else found
    if not isinstance(found, list | tuple):
        return found
    return sorted((tuple(pair) if isinstance(pair, list | np.ndarray) else pair for pair in found), key=repr)


def _first_positions(tokens, window):
    found = [(tokens.index(centre), there) for centre in tokens for there in range(len(tokens))]
    return [(tokens[here], tokens[there]) for here, there in found if 0 < abs(here - there) <= window]


def _neighbours(tokens, here, window):
    return tokens[max(0, here - window) : here] + tokens[here + 1 : here + window + 1]


def _beside_index_window(tokens, window):
    found = []
    for here, centre in enumerate(tokens):
        around = tokens[max(0, here - window) : here + window + 1]
        found += [(centre, context) for index, context in enumerate(around) if index != window]
    return found


def _by_slices(tokens, window):
    found = []
    for here, centre in enumerate(tokens):
        contexts = tokens[here - window : here] + tokens[here + 1 : here + window + 1]
        found += [(centre, context) for context in contexts]
    return found


@exercise(
    praise="22 pairs in the sentence of seven words: eleven pairs of neighbours, each seen from both sides.",
    cases=_texts,
    form=_in_one_order,
    wrong={
        "each word is paired with itself: leave out the position of the centre.": {"differs": lambda here, there, tokens: True},
        "a word that occurs twice in a window is its own context: compare the positions, not the words.": {
            "differs": lambda here, there, tokens: tokens[here] != tokens[there]
        },
        "the farthest contexts on the right are missing: the end of a range does not belong to it.": {
            "stop": lambda here, window, length: min(length, here + window)
        },
        "the farthest contexts on the left are missing: the window begins at `here - window`.": {
            "start": lambda here, window, length: max(0, here - window + 1)
        },
        "at the beginning of the text, a position below 0 counts from the end in Python: start at 0 at the lowest.": [
            {"start": lambda here, window, length: here - window},
            {"start": lambda here, window, length: max(-length, here - window)},
        ],
        "at the beginning of the text, a slice from a position below 0 is empty: start at 0 at the lowest.": _by_slices,
        "near the beginning of the text, the centre is not at index `window` of its slice: compare its position.": (_beside_index_window),
        "overlapping windows give the same pair several times: go through the centres, each with its own contexts.": (
            lambda tokens, window: [pair for n in range(len(tokens) - window) for pair in itertools.permutations(tokens[n : n + window + 1], 2)]
        ),
        "the distance needs its absolute value: the window ends on both sides.": [
            {"stop": lambda here, window, length: length},
            {"start": lambda here, window, length: 0},
        ],
        "the text is not a circle: at its beginning and its end there are fewer contexts.": {
            "start": lambda here, window, length: here - window,
            "stop": lambda here, window, length: here + window + 1,
            "pair": lambda here, there, tokens: (tokens[here], tokens[there % len(tokens)]),
        },
        "the first and the last words are never the centre: they have fewer contexts, but they have some.": {
            "centres": lambda length, window: range(window, length - window)
        },
        "the first words are never the centre: they have contexts on the right.": [
            {"centres": lambda length, window: range(window, length)},
            {"centres": lambda length, window: range(1, length)},
        ],
        "the last words are never the centre: they have contexts on the left.": [
            {"centres": lambda length, window: range(length - window)},
            {"centres": lambda length, window: range(length - 1)},
        ],
        "the last word is never a context: the end of a range does not belong to it.": {
            "stop": lambda here, window, length: min(length - 1, here + window + 1)
        },
        "the first word is never a context: positions start at 0.": {"start": lambda here, window, length: max(1, here - window)},
        "the contexts to the left are missing.": {"start": lambda here, window, length: here},
        "the contexts to the right are missing.": {"stop": lambda here, window, length: here},
        "the window is too narrow by one: a context may be exactly `window` positions away.": {
            "start": lambda here, window, length: max(0, here - window + 1),
            "stop": lambda here, window, length: min(length, here + window),
        },
        "the window is too wide by one: contexts more than `window` positions away are in the list.": {
            "start": lambda here, window, length: max(0, here - window - 1),
            "stop": lambda here, window, length: min(length, here + window + 2),
        },
        "the window is too wide by one on the right: contexts are at most `window` positions away.": {
            "stop": lambda here, window, length: min(length, here + window + 2)
        },
        "the window is too wide by one on the left: contexts are at most `window` positions away.": {
            "start": lambda here, window, length: max(0, here - window - 1)
        },
        "`window` counts the positions on each side, not on both sides together: do not halve it.": {
            "start": lambda here, window, length: max(0, here - window // 2),
            "stop": lambda here, window, length: min(length, here + window // 2 + 1),
        },
        "`window` is not used: contexts farther away do not count.": {
            "start": lambda here, window, length: 0,
            "stop": lambda here, window, length: length,
        },
        "only the words exactly `window` positions away are there: take those between, too.": lambda tokens, window: [
            pair for two in zip(tokens, tokens[window:], strict=False) for pair in (two, two[::-1])
        ],
        "only the direct neighbours are there: take all words up to `window` positions away.": {
            "start": lambda here, window, length: max(0, here - 1),
            "stop": lambda here, window, length: min(length, here + 2),
        },
        "only the first word is a centre: is the `return` inside the loop?": [
            {"centres": lambda length, window: range(min(1, length))},
            lambda tokens, window: [(tokens[0], context) for context in tokens[1 : window + 1]] if tokens else None,
        ],
        "a pair that occurs twice must be in the list twice: use no set.": {"end": lambda found: list(dict.fromkeys(found))},
        "each pair is there twice: every position has its turn as the centre, so add (centre, context) only.": {
            "end": lambda found: found + [pair[::-1] for pair in found]
        },
        "these are positions: a pair holds the words at these positions.": {"pair": lambda here, there, tokens: (here, there)},
        "a pair holds two words, not a position.": [
            {"pair": lambda here, there, tokens: (tokens[here], there)},
            {"pair": lambda here, there, tokens: (here, tokens[there])},
        ],
        "a pair is a tuple of two words: (centre, context), not one string.": [
            {"pair": lambda here, there, tokens: tokens[here] + tokens[there]},
            {"pair": lambda here, there, tokens: f"{tokens[here]} {tokens[there]}"},
        ],
        "each centre comes with all its contexts in one list: make a pair of every single context.": [
            lambda tokens, window: [(word, _neighbours(tokens, n, window)) for n, word in enumerate(tokens)],
            lambda tokens, window: [(word, *_neighbours(tokens, n, window)) for n, word in enumerate(tokens)],
            lambda tokens, window: [(word, tokens[max(0, n - window) : n + window + 1]) for n, word in enumerate(tokens)],
        ],
        "these are lists in a list: one list of pairs is expected, so `extend`, not `append`.": lambda tokens, window: [
            [(word, context) for context in _neighbours(tokens, n, window)] for n, word in enumerate(tokens)
        ],
        "`index` finds only a word's first position: loop over the positions, with `enumerate`.": _first_positions,
    },
)
def pairs(
    tokens,
    window,
    *,
    centres=lambda length, window: range(length),
    start=lambda here, window, length: max(0, here - window),
    stop=lambda here, window, length: min(length, here + window + 1),
    differs=lambda here, there, tokens: here != there,
    pair=lambda here, there, tokens: (tokens[here], tokens[there]),
    end=list,
):
    """All (centre, context) pairs at most `window` positions apart."""
    found = []
    for here in centres(len(tokens), window):
        for there in range(start(here, window, len(tokens)), stop(here, window, len(tokens))):
            if differs(here, there, tokens):
                found.append(pair(here, there, tokens))
    return end(found)


def _true_score(u, c):
    return u @ c


def _drawn_scores(u, c, negatives):
    return -(negatives @ u)


def _minus_both(true, drawn, k):
    return -true - drawn


def _unsafe(x):
    return x.sigmoid().log()


def _with_epsilon(epsilon):
    return lambda x: (x.sigmoid() + epsilon).log()


def _vectors(seed, k, width):
    return _random(seed, width), _random(seed + 100, width), _random(seed + 200, k, width)


TERRIBLE = torch.tensor([0.0, 1.0]), torch.tensor([0.0, 2.0]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
EXTREME = torch.tensor([9.0, 9.0, 0.0]), torch.tensor([-9.0, -9.0, 0.0]), torch.tensor([[9.0, 9.0, 0.0]])

LOSS_MISTAKES = {
    "right for small scores, but infinite where σ(x) rounds to 0: use `F.logsigmoid`, which is safe there.": {"ln": _unsafe},
    "a small number inside the logarithm makes the loss too small where σ(x) is nearly 0: use `F.logsigmoid`.": [
        *({"ln": _with_epsilon(10.0**-digits)} for digits in range(5, 13)),
        *({"ln": lambda x, least=10.0**-digits: x.sigmoid().clamp(min=least).log()} for digits in range(5, 13)),
    ],
    "the scores are clipped, so very wrong ones cost too little: `F.logsigmoid` needs no clipping.": [
        {"ln": lambda x, most=most: F.logsigmoid(x.clamp(-most, most))} for most in (5, 6, 10, 15, 20, 30, 50, 100)
    ],
    "the negatives are rewarded for high scores: inside the sigmoid their scores get a minus.": {"drawn": lambda u, c, negatives: negatives @ u},
    "the true pair and the negatives are swapped: the minus inside σ belongs to the negatives.": {
        "true": lambda u, c: -(u @ c),
        "drawn": lambda u, c, negatives: negatives @ u,
    },
    "the true pair is punished for a high score: no minus inside its σ.": {"true": lambda u, c: -(u @ c)},
    "this is the loss with the sign reversed: logarithms of probabilities are negative, hence the minus.": {"end": lambda true, drawn, k: true + drawn},
    "the negatives' terms have the wrong sign: there is a minus in front of their sum as well.": {"end": lambda true, drawn, k: drawn - true},
    "the true pair's term has the wrong sign: it, too, gets a minus in front.": {"end": lambda true, drawn, k: true - drawn},
    "you average over the negatives: the loss adds up their terms.": {"add": torch.mean},
    "you average over all pairs, the true one and the negatives: the loss adds up their terms.": {"end": lambda true, drawn, k: -(true + drawn) / (1 + k)},
    "you divide the whole loss by the number of negatives: it is a plain sum.": {"end": lambda true, drawn, k: -(true + drawn) / k},
    "the negatives are scored against c: score them against u.": {"drawn": lambda u, c, negatives: -(negatives @ c)},
    "you add up the negatives' scores before the logarithm: each has a term of its own.": {"drawn": lambda u, c, negatives: -(negatives @ u).sum()},
    "you average the negatives or their scores before the logarithm: each has a term of its own.": {"drawn": lambda u, c, negatives: -(negatives @ u).mean()},
    "you add up the negatives' probabilities before the logarithm: add up ln σ of each.": {
        "ln": torch.sigmoid,
        "end": lambda true, drawn, k: -true.log() - drawn.log(),
    },
    "only one of the negatives counts: add up the terms of all.": [
        {"drawn": lambda u, c, negatives: -(negatives[0] @ u)},
        {"drawn": lambda u, c, negatives: -(negatives[-1] @ u)},
        {"add": torch.max},
        {"add": torch.min},
    ],
    "the negatives are missing.": {"end": lambda true, drawn, k: -true},
    "the true pair is missing.": {"end": lambda true, drawn, k: -drawn},
    "one number is expected: add up the negatives' terms.": {"add": lambda terms: terms},
    "a score is a dot product, `u @ c`, not the elementwise product `u * c`.": [
        {"true": lambda u, c: u * c, "drawn": lambda u, c, negatives: -(negatives * u)},
        {
            "true": lambda u, c: u * c,
            "drawn": lambda u, c, negatives: -(negatives * u),
            "end": lambda true, drawn, k: -true.sum() - drawn,
        },
    ],
    "a score is the dot product itself, not the cosine: leave the vectors' norms in it.": {
        "true": lambda u, c: F.cosine_similarity(u, c, dim=0),
        "drawn": lambda u, c, negatives: -F.cosine_similarity(negatives, u[None]),
    },
    "the logarithms are missing: each term is -ln σ(x).": [
        {"ln": torch.sigmoid},
        {"ln": lambda x: x.sigmoid() - 1},
    ],
    "this is a squared error: each term is -ln σ(x).": {"ln": lambda x: -((1 - x.sigmoid()) ** 2)},
    "the logistic function is missing: each term is -ln σ(score).": {"ln": lambda x: x},
    "this is the probability of all pairs together: take minus its logarithm.": {"end": lambda true, drawn, k: (true + drawn).exp()},
    "the terms are multiplied: add them up, as they are logarithms.": {"end": lambda true, drawn, k: true * drawn},
    "this is a softmax over the true word and the negatives: here every pair is a question of its own, with σ.": {
        "drawn": lambda u, c, negatives: negatives @ u,
        "ln": lambda x: x,
        "add": lambda scores: scores.logsumexp(0),
        "end": lambda true, drawn, k: torch.logaddexp(true, drawn) - true,
    },
    "this is in bits (log base 2): nats use the natural logarithm.": {"end": lambda true, drawn, k: -(true + drawn) / math.log(2)},
    "this is with the logarithm to base 10: nats use the natural one.": {"end": lambda true, drawn, k: -(true + drawn) / math.log(10)},
}


@exercise(
    praise="2.133 nats for the pair above, and 324 where the scores are as wrong as -162 and 162.",
    cases=lambda seed: [
        TERRIBLE,
        *(_vectors(seed + n, k, width) for n, (k, width) in enumerate([(5, 7), (3, 2), (4, 4)])),
        case(*_vectors(seed + 3, 1, 5), edge="a single negative"),
        case(*EXTREME, edge="scores of -162 and 162, where σ(x) rounds to 0"),
    ],
    wrong=LOSS_MISTAKES,
)
def loss(u, c, negatives, *, true=_true_score, drawn=_drawn_scores, ln=F.logsigmoid, add=torch.sum, end=_minus_both):
    """The loss of one pair with its negatives, in nats: -ln σ(u · c) - Σ ln σ(-n · u)."""
    return end(ln(true(u, c)), add(ln(drawn(u, c, negatives))), len(negatives))


def _softmax_gradients(u, c, negatives):
    probabilities = (torch.cat([c[None], negatives]) @ u).softmax(0)
    error, errors = probabilities[0] - 1, probabilities[1:]
    return error * c + errors @ negatives, error * u, errors[:, None] * u


def _error(score, label):
    return score.sigmoid() - label


@exercise(
    praise="all three agree with the formulas, for the pair above and for random vectors.",
    cases=lambda seed: [
        TERRIBLE,
        *(_vectors(seed + n, k, width) for n, (k, width) in enumerate([(3, 5), (4, 2), (3, 3)])),
        case(*_vectors(seed + 3, 1, 7), edge="a single negative"),
    ],
    wrong={
        "the signs are reversed: a gradient points uphill, prediction minus label; a training step subtracts it.": {
            "error": lambda score, label: label - score.sigmoid()
        },
        "the label of the true pair is missing: it is 1, so its error is σ(score) - 1.": {"labels": (0, 0)},
        "the negatives are treated as true: their label is 0, so their error is σ(score).": {"labels": (1, 1)},
        "the labels are swapped: 1 for the true pair, 0 for the negatives.": {"labels": (0, 1)},
        "the logistic function is missing: the prediction is σ(score).": {"error": lambda score, label: score - label},
        "the prediction is σ(score): the gradient of the loss has no logarithm left.": {"error": lambda score, label: F.logsigmoid(score) - label},
        "the factor σ(1 - σ) belongs to a squared error: here it cancels, and prediction minus label is left.": {
            "error": lambda score, label: (score.sigmoid() - label) * score.sigmoid() * (1 - score.sigmoid())
        },
        "you multiply by the derivative σ(1 - σ) alone: the error is prediction minus label.": {
            "error": lambda score, label: score.sigmoid() * (1 - score.sigmoid())
        },
        "the error is squared: prediction minus label itself is the factor.": {"error": lambda score, label: (score.sigmoid() - label) ** 2},
        "the minus in the negatives' scores belongs to the loss: their error is σ(n · u), not 1 - σ(n · u).": {
            "drawn": lambda u, c, negatives: -(negatives @ u)
        },
        "the negatives are scored against c: score them against u.": {"drawn": lambda u, c, negatives: negatives @ c},
        "this is a softmax over the true word and the negatives: each pair has a prediction of its own, σ(score).": (_softmax_gradients),
        "these are the vectors after a step: return the gradients alone.": {
            "end": lambda vectors, found: tuple(x - g for x, g in zip(vectors, found, strict=True))
        },
        "there is a learning rate in these: return the gradients as they are.": [
            {"end": lambda vectors, found, rate=rate: tuple(rate * g for g in found)} for rate in (0.5, 0.1, 0.05, 0.025, 0.01, 0.001)
        ],
        "you average over all pairs: the loss adds up their terms, so there is no division.": {
            "end": lambda vectors, found: tuple(g / (1 + len(vectors[2])) for g in found)
        },
        "the gradient of u lacks the negatives: they push u away.": {"of_u": lambda u, c, negatives, error, errors: error * c},
        "the gradient of u lacks the true pair: add its error times c.": {"of_u": lambda u, c, negatives, error, errors: errors @ negatives},
        "the gradient of u subtracts the negatives' part: add it.": {"of_u": lambda u, c, negatives, error, errors: error * c - errors @ negatives},
        "the negatives' errors have the wrong sign in both gradients: σ(n · u) - 0 is added.": {
            "of_u": lambda u, c, negatives, error, errors: error * c - errors @ negatives,
            "of_negatives": lambda u, negatives, errors: -errors[:, None] * u,
        },
        "the true pair's error has the wrong sign in both gradients: it is σ(u · c) - 1, not 1 - σ(u · c).": {
            "of_u": lambda u, c, negatives, error, errors: errors @ negatives - error * c,
            "of_c": lambda u, c, error: -error * u,
        },
        "u and c are swapped in the true pair's part: the gradient of each is the error times the other.": [
            {
                "of_u": lambda u, c, negatives, error, errors: error * u + errors @ negatives,
                "of_c": lambda u, c, error: error * c,
            },
            {"of_u": lambda u, c, negatives, error, errors: error * u + errors @ negatives},
        ],
        "the gradient of u has the true pair's part with the wrong sign: its error is σ(u · c) - 1.": {
            "of_u": lambda u, c, negatives, error, errors: errors @ negatives - error * c
        },
        "the gradient of u has the average of the negatives' parts: the loss adds them up.": {
            "of_u": lambda u, c, negatives, error, errors: error * c + errors @ negatives / len(negatives)
        },
        "you average over the negatives: the loss adds up their terms, so there is no division.": {
            "of_u": lambda u, c, negatives, error, errors: error * c + errors @ negatives / len(negatives),
            "of_negatives": lambda u, negatives, errors: errors[:, None] * u / len(negatives),
        },
        "the gradient of u has a row for each negative: add the rows up to one vector.": {
            "of_u": lambda u, c, negatives, error, errors: error * c + errors[:, None] * negatives
        },
        "the gradient of u weights the negatives alike: multiply each by its own error.": [
            {"of_u": lambda u, c, negatives, error, errors: error * c + negatives.sum(0)},
            {"of_u": lambda u, c, negatives, error, errors: error * c + errors.sum() * negatives.sum(0)},
            {"of_u": lambda u, c, negatives, error, errors: error * c + errors.mean() * negatives.sum(0)},
        ],
        "the gradient of c is a multiple of u, not of c.": {"of_c": lambda u, c, error: error * c},
        "the gradient of c is the error times u: yours is the error alone, or u alone.": [
            {"of_c": lambda u, c, error: error},
            {"of_c": lambda u, c, error: u},
        ],
        "the rows of the negatives' gradient are multiples of u, not of the negatives.": {
            "of_negatives": lambda u, negatives, errors: errors[:, None] * negatives
        },
        "in the gradient of the negatives their label is 0 as well: row i is σ(n · u) times u.": {
            "of_negatives": lambda u, negatives, errors: (errors - 1)[:, None] * u
        },
        "the gradient of the negatives has a row for each of them: do not add them up.": {"of_negatives": lambda u, negatives, errors: errors.sum() * u},
        "the gradient of the negatives has a row for each of them: do not average them.": {"of_negatives": lambda u, negatives, errors: errors.mean() * u},
        "the gradient of the negatives is transposed: row i is error i times u.": {"of_negatives": lambda u, negatives, errors: u[:, None] * errors},
        "the rows of the negatives' gradient are all equal: row i is error i times u.": [
            {"of_negatives": lambda u, negatives, errors: errors.mean() * u.expand_as(negatives)},
            {"of_negatives": lambda u, negatives, errors: errors.sum() * u.expand_as(negatives)},
            {"of_negatives": lambda u, negatives, errors: u.expand_as(negatives)},
        ],
    },
)
def gradients(
    u,
    c,
    negatives,
    *,
    drawn=lambda u, c, negatives: negatives @ u,
    error=_error,
    labels=(1, 0),
    of_u=lambda u, c, negatives, error, errors: error * c + errors @ negatives,
    of_c=lambda u, c, error: error * u,
    of_negatives=lambda u, negatives, errors: errors[:, None] * u,
    end=lambda vectors, found: found,
):
    """Prediction minus label, times the other vector of the product."""
    true_error, errors = error(u @ c, labels[0]), error(drawn(u, c, negatives), labels[1])
    found = of_u(u, c, negatives, true_error, errors), of_c(u, c, true_error), of_negatives(u, negatives, errors)
    return end((u, c, negatives), found)


def _word_counts(seed):
    draw = Generator().manual_seed(seed)
    return [
        (torch.tensor([4.0, 1.0]), 0.2),
        (torch.tensor([990.0, 10.0]), 0.01),
        *((torch.randint(1, 1000, (n,), generator=draw).float(), s) for n, s in ((7, 0.02), (11, 0.05), (5, 0.003))),
        case(torch.tensor([30.0, 50.0, 20.0]), 0.03, edge="frequent words only, where nothing is above 1"),
        case(torch.tensor([3.0, 2.0, 5.0]), 0.5, edge="rare words only, which are all kept"),
    ]


@exercise(
    praise="a word that makes up 99% of a text is kept one time in nine at s = 0.01, and a rare one always.",
    cases=_word_counts,
    wrong={
        "this is the probability of dropping a word: that of keeping it is wanted.": {"end": lambda keep: 1 - keep},
        "probabilities above 1 are left: the formula begins with min(1, ...).": {"cut": lambda keep: keep},
        "probabilities above 1 are left: cut off the sum, not the root alone.": {
            "formula": lambda ratio: ratio.sqrt().clamp(max=1) + ratio,
            "cut": lambda keep: keep,
        },
        "probabilities above 1 are left: cut off the sum, not the two parts of it.": {
            "formula": lambda ratio: ratio.sqrt().clamp(max=1) + ratio.clamp(max=1),
            "cut": lambda keep: keep,
        },
        "min(1, x) is `clamp(max=1)`, not `clamp(min=1)`.": {"cut": lambda keep: keep.clamp(min=1)},
        "what is above 1 has become 0: it must become 1, since rare words are always kept.": {"cut": lambda keep: keep.where(keep <= 1, 0.0)},
        "these are True and False, or 0 and 1: the probability itself is wanted.": [
            {"cut": lambda keep: keep >= 1},
            {"cut": lambda keep: (keep >= 1).float()},
        ],
        "this is the formula of the paper, √(s / f): the one above has + s / f as well.": {"formula": lambda ratio: ratio.sqrt()},
        "the root is missing: √(s / f) + s / f.": [
            {"formula": lambda ratio: ratio},
            {"formula": lambda ratio: ratio + ratio},
        ],
        "this has the square, not the root: √(s / f) + s / f.": {"formula": lambda ratio: ratio**2 + ratio},
        "the two parts are multiplied: √(s / f) plus s / f.": {"formula": lambda ratio: ratio.sqrt() * ratio},
        "the two parts are subtracted: √(s / f) plus s / f.": [
            {"formula": lambda ratio: ratio.sqrt() - ratio},
            {"formula": lambda ratio: (ratio.sqrt() - ratio).clamp(min=0)},
        ],
        "the root is taken of the sum: take √(s / f) first, then add s / f.": {"formula": lambda ratio: (ratio + ratio).sqrt()},
        "this is the paper's probability of dropping a word: the formula above gives that of keeping it.": {
            "formula": lambda ratio: 1 - ratio.sqrt(),
            "cut": lambda keep: keep,
        },
        "the paper's probability of dropping a word, cut off at 0: the formula above gives that of keeping it.": {
            "formula": lambda ratio: (1 - ratio.sqrt()).clamp(min=0)
        },
        "you use the counts themselves: f is the word's share of the text, its count over the sum of the counts.": {"share": lambda counts: counts},
        "the share of a word is its count over the sum of all counts, not over the number of words.": {"share": lambda counts: counts / len(counts)},
        "the share of a word is its count over the sum of all counts, not over the largest.": {"share": lambda counts: counts / counts.max()},
        "the share is a softmax of the counts: divide each count by the sum of all counts.": {"share": lambda counts: counts.softmax(0)},
        "the fraction is upside down: s / f keeps rare words, f / s would keep frequent ones.": [
            {"ratio": lambda share, s: share / s},
            {"ratio": lambda share, s: share / s, "formula": lambda ratio: (ratio.sqrt() + 1) * ratio},
        ],
        "s is multiplied by f: divide s by f, so that rare words are kept.": {"ratio": lambda share, s: s * share},
        "s is a fixed number: use the argument `s`.": [
            {"ratio": lambda share, s: 0.001 / share},
            {"ratio": lambda share, s: 0.0001 / share},
            {"ratio": lambda share, s: 0.00001 / share},
        ],
        "every probability comes out as 1: compare your ratios with s / f. Is `s` there, and the right way up?": {"ratio": lambda share, s: 1 / share},
        "the root covers the whole fraction, and both parts have it: √(s / f) + s / f.": [
            lambda counts, s: ((s**0.5 + s) * counts.sum() / counts).clamp(max=1),
            lambda counts, s: ((s * counts.sum() / counts).sqrt() + s).clamp(max=1),
            lambda counts, s: (s**0.5 + s * counts.sum() / counts).clamp(max=1),
        ],
        "these are the shares or counts that are left: the probability alone is wanted.": [
            lambda counts, s: keep_probability.right(counts, s) * counts,
            lambda counts, s: keep_probability.right(counts, s) * counts / counts.sum(),
        ],
        "these sum to 1, but each word is kept or dropped on its own: do not divide by the sum.": [
            {"end": lambda keep: keep / keep.sum()},
            {"cut": lambda keep: keep / keep.sum()},
        ],
        "you divide by the largest value: cut off what is above 1 instead.": {"cut": lambda keep: keep / keep.max()},
    },
)
def keep_probability(
    counts,
    s,
    *,
    share=lambda counts: counts / counts.sum(),
    ratio=lambda share, s: s / share,
    formula=lambda ratio: ratio.sqrt() + ratio,
    cut=lambda keep: keep.clamp(max=1),
    end=lambda keep: keep,
):
    """min(1, √(s / f) + s / f), where f is the word's share of the text."""
    return end(cut(formula(ratio(share(counts), s))))


def _noise_counts(seed):
    draw = Generator().manual_seed(seed)
    return [
        (torch.tensor([16.0, 1.0]), 0.75),
        (torch.randint(1, 100, (7,), generator=draw).float(), 0.75),
        (torch.randint(1, 100, (5,), generator=draw).float(), 0.4),
        (torch.randint(1, 20, (11,), generator=draw).float(), 1.5),
        case(torch.tensor([5.0, 2.0, 3.0]), 1.0, edge="the power 1"),
        case(torch.tensor([5.0, 2.0, 3.0]), 0.0, edge="the power 0, where all words are equally likely"),
    ]


@exercise(
    praise="counts of 16 and 1 become 8/9 and 1/9 at the power 3/4.",
    cases=_noise_counts,
    wrong={
        "these do not sum to 1: divide by the sum of the powers.": {"total": lambda weights, counts: 1},
        "these do not sum to 1: take the powers first, then divide by the sum of these powers.": {
            "weights": lambda counts, power: (counts / counts.sum()) ** power,
            "total": lambda weights, counts: 1,
        },
        "these do not sum to 1: divide by the sum of the powers, not of the counts.": {"total": lambda weights, counts: counts.sum()},
        "divide by the sum of the powers, not by the largest.": {"total": lambda weights, counts: weights.max()},
        "divide by the sum of the powers, not by their norm.": {"total": lambda weights, counts: weights.norm()},
        "divide by the sum of the powers, not by the number of words: the mean does not make probabilities.": [
            {"total": lambda weights, counts: len(counts)},
            {"total": lambda weights, counts: weights.mean()},
        ],
        "the power is missing: raise each count to `power`.": {"weights": lambda counts, power: counts},
        "the power is always 0.75 or 0.5: use the argument `power`.": [
            {"weights": lambda counts, power: counts**0.75},
            {"weights": lambda counts, power: counts.sqrt()},
        ],
        "you add 1 to the counts: take them as they are.": {"weights": lambda counts, power: (counts + 1) ** power},
        "this is the softmax of the counts: powers of the counts are wanted.": {"weights": lambda counts, power: (counts - counts.max()).exp()},
        "this is a softmax of the counts times the power: raise the counts to the power, then divide by the sum.": {
            "weights": lambda counts, power: (power * (counts - counts.max())).exp()
        },
        "no softmax on top: divide the powers by their sum.": {"weights": lambda counts, power: (counts**power - (counts**power).max()).exp()},
        "no softmax on top: the powers of the shares need only be divided by their sum.": {
            "weights": lambda counts, power: ((counts / counts.sum()) ** power).exp()
        },
        "`*` only multiplies: the power is `**`.": {
            "weights": lambda counts, power: counts * power,
        },
        "base and exponent are swapped: `counts ** power`.": {"weights": lambda counts, power: torch.tensor(power) ** counts},
        "the exponent is `power`, not 1 / `power`.": {"weights": lambda counts, power: counts ** (1 / power)},
        "the exponent is `power`, not 1 - `power`.": {"weights": lambda counts, power: counts ** (1 - power)},
        "upside down: rare words come most often. The exponent has no minus.": {"weights": lambda counts, power: counts**-power},
        "1 minus the probability favours rare words: leave the 1 - away.": {"end": lambda p: 1 - p},
        "these are logarithms: leave them away.": [
            {"weights": lambda counts, power: power * counts.log()},
            {"weights": lambda counts, power: (counts**power).log()},
            {"end": torch.log},
        ],
        "the power is taken twice, before and after the division: once is enough.": [
            {"weights": lambda counts, power: counts ** (2 * power)},
            {"end": lambda p: p**2},
            lambda counts, power: noise.right(counts, power) ** power,
        ],
        "all words are equally likely here: use their counts.": {"weights": lambda counts, power: torch.ones_like(counts)},
        "this is the cumulative distribution: the probability of each word is wanted.": {"end": lambda p: p.cumsum(0)},
    },
)
def noise(
    counts,
    power,
    *,
    weights=lambda counts, power: counts**power,
    total=lambda weights, counts: weights.sum(),
    end=lambda p: p,
):
    """The counts to a power, divided by the sum of these."""
    raised = weights(counts, power)
    return end(raised / total(raised, counts))


def _around(seed, m, k, width):
    return _random(seed + m, m, width), _random(seed + 9, width), _random(seed + 19, k, width)


@exercise(
    praise="one loss for the whole window, where skip-gram has one for each of its words.",
    cases=lambda seed: [
        (torch.tensor([[0.0, 2.0], [0.0, 1.0], [0.0, 0.0]]), *TERRIBLE[1:]),
        # as many words as axes, so that a mean over the wrong axis gives a number
        *(_around(seed, *sizes) for sizes in ((4, 3, 4), (5, 2, 5), (3, 5, 3), (2, 3, 2), (4, 5, 7), (2, 3, 5))),
        case(*_around(seed, 1, 2, 3), edge="a single word around"),
        case(EXTREME[0].expand(3, 3).clone(), *EXTREME[1:], edge="scores of -162 and 162, where σ(x) rounds to 0"),
    ],
    wrong={
        "you add up the vectors around: CBOW takes their mean.": {"centre": lambda around: around.sum(0)},
        "this is skip-gram, a loss for each word around: CBOW takes the mean of the vectors first.": (
            lambda around, c, negatives: sum(loss.right(u, c, negatives) for u in around)
        ),
        "this is the mean of the losses: take the mean of the vectors first, then one loss.": (
            lambda around, c, negatives: sum(loss.right(u, c, negatives) for u in around) / len(around)
        ),
        "`mean()` averages all numbers into one: average over the words, `mean(dim=0)`.": {"centre": lambda around: around.mean().expand(around.shape[1])},
        "this averages over the components of each vector: average over the words, `mean(dim=0)`.": {"centre": lambda around: around.mean(1)},
        "you add up the components of each vector: average over the words, `mean(dim=0)`.": {"centre": lambda around: around.sum(1)},
        "only one word around counts: take the mean of all.": [
            {"centre": lambda around: around[0]},
            {"centre": lambda around: around[-1]},
            {"centre": lambda around: around[len(around) // 2]},
        ],
        "the sum of the vectors is divided by the wrong number: divide by the number of words around.": [
            {"centre": lambda around: around.sum(0) / (len(around) + 1)},
            {"centre": lambda around: around.sum(0) / (len(around) - 1)},
            {"centre": lambda around: around.sum(0) / around.shape[1]},
            lambda around, c, negatives: loss.right(around.sum(0) / len(negatives), c, negatives),
        ],
        "every word around is scored on its own: score their mean against c and the negatives.": [
            lambda around, c, negatives: -F.logsigmoid((around @ c).mean()) - F.logsigmoid(-around @ negatives.mT).sum(),
            lambda around, c, negatives: -F.logsigmoid(around @ c).sum() - F.logsigmoid(-around.mean(0) @ negatives.mT).sum(),
            lambda around, c, negatives: -F.logsigmoid(around @ c).mean() - F.logsigmoid(-around @ negatives.mT).mean(),
        ],
        "this is the largest of each component: take the mean of the vectors.": {"centre": lambda around: around.amax(0)},
        "this is the median of each component: take the mean of the vectors.": {"centre": lambda around: around.median(0).values},
        "the mean vector is divided by its norm: take the mean as it is.": {"centre": lambda around: F.normalize(around.mean(0), dim=0)},
        "the vectors are divided by their norms: take the mean of the vectors as they are.": [
            {"centre": lambda around: F.normalize(around).mean(0)},
            {"centre": lambda around: (around / around.norm(dim=1, keepdim=True)).mean(0)},
        ],
        "the true centre is averaged in: `u` is the mean of the words around it alone.": (
            lambda around, c, negatives: loss.right(torch.cat([around, c[None]]).mean(0), c, negatives)
        ),
        **LOSS_MISTAKES,
    },
)
def cbow_loss(
    around,
    c,
    negatives,
    *,
    centre=lambda around: around.mean(0),
    true=_true_score,
    drawn=_drawn_scores,
    ln=F.logsigmoid,
    add=torch.sum,
    end=_minus_both,
):
    """The loss of a word given the mean of the words around it."""
    return loss.right(centre(around), c, negatives, true=true, drawn=drawn, ln=ln, add=add, end=end)
