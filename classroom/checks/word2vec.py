"""Exercises of the notebook word2vec."""

import itertools
import math
import random

import numpy as np
import torch
from experiments import skipgram
from torch import Generator
from torch.nn import functional as F

from classroom.answers import Mistake
from classroom.choices import demand_names
from classroom.exercise import case, exercise, experiment

__all__ = ["best_score", "better_skipgram", "gradients", "move_negatives", "negatives_by_hand", "pairs"]


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


def _vectors(seed, k, width):
    return _random(seed, width), _random(seed + 100, width), _random(seed + 200, k, width)


TERRIBLE = torch.tensor([0.0, 1.0]), torch.tensor([0.0, 2.0]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])


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


def _tables(seed, V, D, drawn):
    return _random(seed, V, D), torch.tensor(drawn), _random(seed + 100, D), 0.5


def _once_each(contexts, drawn, u, rate):
    errors = (contexts[drawn] @ u).sigmoid()
    moved = contexts.clone()
    moved[drawn] -= rate * errors[:, None] * u
    return moved


def _one_after_another(contexts, drawn, u, rate):
    moved = contexts.clone()
    for word in drawn:
        moved[word] = moved[word] - rate * (moved[word] @ u).sigmoid() * u
    return moved


def _moved(contexts, drawn, u, rate, errors=lambda scores: scores.sigmoid(), direction=lambda u, rows: u):
    rows = contexts[drawn]
    step = errors(rows @ u)[:, None] * direction(u, rows)
    return contexts.index_add(0, drawn, -rate * step)


@exercise(
    kind="debug",
    found=_once_each,
    praise="a word that is drawn twice has two terms in the loss, so it moves twice as far.",
    cases=lambda seed: [
        (torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]), torch.tensor([2, 0, 2]), torch.tensor([0.0, 1.0]), 1.0),
        _tables(seed, 6, 3, [1, 4, 4, 4, 0]),
        _tables(seed + 1, 9, 5, [8, 8]),
        case(*_tables(seed + 2, 5, 4, [3, 0, 2]), edge="words that are all different"),
        case(*_tables(seed + 3, 4, 2, [1]), edge="a single negative"),
    ],
    wrong={
        "they move towards u: a step subtracts the gradient.": {"sign": -1},
        "the label of a negative is 0: its error is σ(score), not σ(score) - 1.": {"label": 1},
        "each repeat sees a vector that has moved already: compute all errors at the old vectors.": _one_after_another,
        "the gradient of a negative is its error times u, not times the negative itself.": {"direction": lambda u, rows: rows},
        "words that were not drawn have moved, too: only the drawn ones have a term in the loss.": (
            lambda contexts, drawn, u, rate: contexts - rate * (contexts @ u).sigmoid()[:, None] * u
        ),
        "the learning rate is missing.": {"step": lambda rate: 1.0},
        "you average over the negatives: the loss adds up their terms.": {"share": len},
        "this is the change alone: return the moved vectors.": lambda contexts, drawn, u, rate: _moved(contexts, drawn, u, rate) - contexts,
    },
)
def move_negatives(contexts, drawn, u, rate, *, sign=1, label=0, direction=lambda u, rows: u, step=lambda rate: rate, share=lambda drawn: 1):
    """The contexts (V, D) after one step that moves the drawn words (k,) away from u (D,)."""
    return _moved(contexts, drawn, u, sign * step(rate) / share(drawn), lambda scores: scores.sigmoid() - label, direction)


@exercise(
    praise="at the best score, σ(score) is the share of true pairs: 8 of 8 + 10 in the example, and ln (8 / 10) = -0.223.",
    cases=lambda seed: [
        (8, 40, 50, 1000, 5),
        (20, 40, 50, 1000, 2),
        tuple(random.Random(seed).randint(*ends) for ends in ((3, 30), (40, 90), (100, 300), (5000, 9000), (2, 20))),
        case(3, 30, 40, 900, 1, edge="a single negative"),
    ],
    wrong={
        "this is the PMI: k sampled pairs stand against each true one, so the score is lower.": {"shift": lambda pmi, k: pmi},
        "the negatives make the score lower: subtract ln k.": {"shift": lambda pmi, k: pmi + math.log(k)},
        "k is inside the logarithm: subtract ln k, not k.": {"shift": lambda pmi, k: pmi - k},
        "the PMI is divided by k: k is inside the logarithm.": {"shift": lambda pmi, k: pmi / k},
        "a best score may be negative: cut nothing off at 0.": {"end": lambda score: max(score, 0.0)},
        "this is the probability of a true pair, σ(score): which score has it?": {"end": lambda score: 1 / (1 + math.exp(-score))},
        "this is the ratio of true to sampled pairs: σ(x) = a / (a + b) where x is the logarithm of a / b.": {"end": math.exp},
        "the sign is reversed: more true pairs, higher score.": {"end": lambda score: -score},
        "this is in bits: use the natural logarithm.": {"end": lambda score: score / math.log(2)},
        "the total is missing: a sampled pair has the context with probability context / total.": {"all": lambda total: 1},
        "the context's count is missing: frequent words are sampled more often.": lambda together, centre, context, total, k: math.log(together / (centre * k)),
        "the centre's count is missing: each of its pairs brings k sampled words.": lambda together, centre, context, total, k: math.log(
            together * total / (context * k)
        ),
    },
)
def best_score(together, centre, context, total, k, *, shift=lambda pmi, k: pmi - math.log(k), end=lambda score: score, all=lambda total: total):
    """The score at which the pair's gradient is zero: ln of the true pairs over the sampled ones."""
    return end(shift(math.log(together * all(total) / (centre * context)), k))


WITH_FILM = {"the": 300, "of": 90, "terrible": 24, "florid": 2}


def _preferred(design):
    """From the probabilities of the four words to which of two has the higher best score with *film*."""

    def asked(question):
        try:
            q = [float(value) for value in design()]
        except (TypeError, ValueError):
            raise Mistake("a list of four numbers is expected: the, of, terrible, florid.") from None
        if len(q) != len(WITH_FILM):
            raise Mistake(f"four probabilities are expected, but there are {len(q)}.")
        if min(q) <= 0 or not math.isclose(sum(q), 1, abs_tol=1e-6):
            raise Mistake(f"probabilities are above 0 and sum to 1, but the smallest is {min(q):.3g} and the sum {sum(q):.3f}.")
        ratios = dict(zip(WITH_FILM, (count / p for count, p in zip(WITH_FILM.values(), q, strict=True)), strict=True))
        first, second = question.split(" above ")
        return ratios[first] > ratios[second]

    return asked


def _powers(power):
    weights = [count**power for count in (6000, 3000, 100, 5)]
    return [weight / sum(weights) for weight in weights]


@exercise(
    kind="design",
    through=_preferred,
    praise="drawn more often, a word gets lower scores: too rare draws favour *the*, too frequent ones favour *florid*.",
    cases=lambda seed: [("terrible above florid",), ("florid above the",), ("the above of",)],
    wrong={
        "*the* is still above *florid*: a word that is drawn seldom keeps its high scores. Draw *the* more often.": {"q": _powers(0)},
        "*florid* is above *terrible*, on two pairs only: it is drawn too seldom.": {"q": _powers(1)},
        "*of* is above *the*: of these two, *the* is drawn too often.": {"q": [0.80, 0.15, 0.045, 0.005]},
    },
)
def negatives_by_hand(*, q=(0.61, 0.35, 0.0365, 0.0035)):
    """The probabilities of drawing the, of, terrible and florid."""
    return list(q)


SETTINGS = {"window": (1, 15), "learning_rate": (0.001, 2), "negatives": (1, 30), "noise_power": (0, 2), "subsample": (0, 1)}
WHOLE = ("window", "negatives")


def _choice(**changes):
    return {"window": 2, "learning_rate": 0.4, "negatives": 5, "noise_power": 0.75, "subsample": 0} | changes


@experiment(
    goal=0.09,
    unit="of the ten nearest words shared with GloVe",
    lower_is_better=False,
    stored=lambda: list(skipgram.FIELD.items()),
    advice={
        "another power: with uniform negatives, frequent words are hardly pushed away.": lambda choice: choice["noise_power"] < 0.5,
        "a larger learning rate: two passes over a little text are few steps.": lambda choice: choice["learning_rate"] < 0.2,
        "a smaller learning rate: the vectors overshoot.": lambda choice: choice["learning_rate"] > 1,
        "to keep more of the text: it is short as it is.": lambda choice: 0 < choice["subsample"] < 0.01,
        "a narrower window: GloVe's nearest words can mostly replace each other.": lambda choice: choice["window"] > 3,
        "other values nearby.": lambda choice: True,
    },
    wrong={
        "another power": lambda: _choice(noise_power=0),
        "a larger learning rate": lambda: _choice(learning_rate=0.02),
        "a smaller learning rate": lambda: _choice(learning_rate=2),
        "to keep more of the text": lambda: _choice(subsample=1e-4),
        "a narrower window": lambda: _choice(window=15),
        "other values nearby": lambda: _choice(negatives=30),
        "a dictionary with window, learning_rate, negatives, noise_power, subsample is expected": lambda: {"window": 5},
        "window is a whole number from 1 to 15, but yours is 2.5.": lambda: _choice(window=2.5),
        "learning_rate is a number from 0.001 to 2, but yours is 0.": lambda: _choice(learning_rate=0),
        "negatives is a whole number from 1 to 30, but yours is 0.": lambda: _choice(negatives=0),
        "noise_power is a number from 0 to 2, but yours is -1.": lambda: _choice(noise_power=-1),
        "subsample is a number from 0 to 1, but yours is 50.": lambda: _choice(subsample=50),
    },
)
def better_skipgram(choice, seed):
    """The share of neighbours that agree with GloVe's, for a choice of settings."""
    demand_names(choice, SETTINGS)
    for name, (least, most) in SETTINGS.items():
        value, kind = choice[name], "whole number" if name in WHOLE else "number"
        right = int if name in WHOLE else int | float
        if isinstance(value, bool) or not isinstance(value, right) or not least <= value <= most:
            raise Mistake(f"{name} is a {kind} from {least} to {most}, but yours is {value}.")
    return skipgram.share(choice)
