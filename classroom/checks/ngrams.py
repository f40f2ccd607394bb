"""Exercises of the notebook ngrams."""

import math
from itertools import pairwise

import numpy as np
from course_lib import files
from experiments.tables import discounts

from classroom.answers import Mistake
from classroom.exercise import case, exercise, experiment

__all__ = [
    "better_discounts",
    "bits_per_character",
    "discounted",
    "frequency_and_continuation",
    "perplexity",
]

SMALL = (1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15, 1e-16, 1e-20)  # what is added to avoid log(0)
TEXT = "the king is dead . long live the king .".split()


def _mean(costs, probabilities):
    return sum(costs) / len(costs)


@exercise(
    praise="1/4, 1/2 and 1/8 are as hard as a choice among 4; a single 0 makes it infinite.",
    cases=lambda seed: [
        ([0.25, 0.5, 0.125],),
        ([0.1] * 5,),
        (np.random.default_rng(seed).uniform(0.01, 1, 13).tolist(),),
        case([0.2], edge="a text of one token"),
        case([1.0, 1.0], edge="a text without surprise"),
        case([0.5, 0.0, 0.5], edge="a probability of 0"),
        case([0.03] * 2000, edge="a text of 2,000 tokens"),
    ],
    wrong={
        "this is the cross-entropy in nats: take exp of it.": {"power": lambda nats: nats},
        "this is the cross-entropy in bits: raise 2 to it.": {"log": math.log2, "power": lambda bits: bits},
        "this is the mean of ln p: the minus and exp are missing.": {
            "power": lambda nats: -nats,
            "impossible": lambda p: -math.inf,
        },
        "the minus is missing: this is the (geometric) mean of the probabilities, below 1.": {
            "power": lambda nats: math.exp(-nats),
            "impossible": lambda p: 0.0,
        },
        "the minus stands outside: it belongs to the logarithm, inside exp.": {
            "power": lambda nats: -math.exp(-nats),
            "impossible": lambda p: -0.0,
        },
        "exp does not undo log2: use ln with exp, or log2 with 2 **.": {"log": math.log2},
        "exp does not undo log10: use ln with exp.": {"log": math.log10},
        "2 ** does not undo ln: use ln with exp, or log2 with 2 **.": {"power": lambda nats: 2**nats},
        "10 ** does not undo ln: use ln with exp.": {"power": lambda nats: 10**nats},
        "you take the sum, so long texts look worse: take the mean of -ln p over the tokens.": [
            {"average": lambda costs, p: sum(costs)},
            lambda p: 1 / math.prod(p) if math.prod(p) else math.inf,
        ],
        "you divide by the wrong number: the mean is over all tokens, len(probabilities).": [
            {"average": lambda costs, p: sum(costs) / (len(p) - 1) if len(p) > 1 else math.inf},
            {"average": lambda costs, p: sum(costs) / (len(p) + 1)},
        ],
        "you divide by the sum of the probabilities: divide by how many there are.": {"average": lambda costs, p: sum(costs) / sum(p)},
        "this is an entropy, which weights each -ln p by p: here every token counts the same.": {"average": lambda costs, p: float(np.dot(p, costs))},
        "this is the most surprising token alone: take the mean over all.": {"average": lambda costs, p: max(costs)},
        "this is the median: the mean of -ln p is wanted.": {"average": lambda costs, p: float(np.median(costs))},
        "this is 1 over the ordinary mean: average the *logarithms*.": lambda p: len(p) / sum(p),
        "this is the mean of 1 / p: average -ln p, then take exp.": lambda p: math.inf if 0 in p else sum(1 / x for x in p) / len(p),
        "right for short texts, but the product of 2,000 probabilities rounds to 0: add logarithms.": lambda p: (
            math.prod(p) ** (-1 / len(p)) if math.prod(p) else math.inf
        ),
        "you leave out the probabilities of 0: one impossible token makes the perplexity infinite, math.inf.": [
            {"impossible": lambda p: math.exp(-sum(math.log(x) for x in p if x) / len(p))},
            {"impossible": lambda p: math.exp(-sum(math.log(x) for x in p if x) / sum(x > 0 for x in p))},
        ],
        "a small number stands in for a probability of 0: one impossible token makes it infinite, math.inf.": [
            {"impossible": lambda p, small=small: math.exp(-sum(math.log(x + small) for x in p) / len(p))} for small in SMALL
        ],
        "right, except where a probability is 0: one impossible token makes the perplexity infinite, math.inf.": [
            {"impossible": lambda p: 0.0},
            {"impossible": lambda p: math.nan},
            {"impossible": lambda p: -math.inf},
        ],
    },
)
def perplexity(probabilities, *, log=math.log, average=_mean, power=math.exp, impossible=lambda p: math.inf):
    """exp of the mean of -ln p; infinite where one p is 0."""
    if 0 in probabilities:
        return impossible(probabilities)
    return power(average([-log(p) for p in probabilities], probabilities))


def _compared(answer):
    """What is compared of a text: how often its two words occur, and in how many different pairs they are second."""

    def found():
        tokens = answer()
        tokens = tokens.split() if isinstance(tokens, str) else list(tokens)
        if len(tokens) > 20:
            raise Mistake(f"at most 20 tokens are allowed, but yours has {len(tokens)}.")
        pairs = set(pairwise(tokens))
        often, seldom = (tokens.count(word) for word in ("highness", "piece"))
        few, many = (sum(second == word for _, second in pairs) for word in ("highness", "piece"))
        if not (often and seldom):
            raise Mistake("both words, highness and piece, must occur.")
        return {
            "highness occurs at least twice as often": often >= 2 * seldom,
            "piece has at least twice the continuation probability": many >= 2 * few,
            "highness follows some word": few > 0,
        }

    return found


@exercise(
    kind="design",
    through=_compared,
    praise="frequency says *highness*, continuation says *piece*: they answer different questions.",
    cases=lambda seed: [()],
    wrong={
        "*highness* is not twice as often: repeat it, always after the same word.": {"text": "your highness a piece the piece"},
        "*piece* must be second in at least twice as many different pairs as *highness*: put different words before it.": [
            {"text": "your highness your highness a piece"},
            {"text": "your highness your highness his highness his highness a piece the piece"},
        ],
        "*highness* comes first only, so it follows no word at all.": {"text": "highness a piece"},
    },
)
def frequency_and_continuation(*, text="your highness " * 4 + "a piece the piece"):
    """A text of at most 20 tokens."""
    return text


def _kept(counts, discount):
    return np.maximum(counts - discount, 0)


def _freed(counts, discount):
    return discount * np.count_nonzero(counts)


def _distributions(seed):
    random = np.random.default_rng(seed)
    return [(random.permutation([3, 1, 0, 7, 1, 4]), random.dirichlet(np.ones(6)), d) for d in (0.3, 0.75)]


@exercise(
    praise="1.5 + 0.5 of 3 counts stay, and the share of 1 / 3 that is free goes down the ladder.",
    cases=lambda seed: [
        (np.array([2, 1, 0, 0]), np.array([0.1, 0.2, 0.3, 0.4]), 0.5),
        *_distributions(seed),
        case(np.array([5, 2, 3]), np.array([0.2, 0.3, 0.5]), 0.6, edge="a context after which every word was seen"),
        case(np.array([0, 0, 4, 0]), np.array([0.4, 0.3, 0.1, 0.2]), 0.7, edge="a context with a single continuation"),
        case(np.array([0, 0, 0]), np.array([0.2, 0.3, 0.5]), 0.5, edge="a context that was never seen"),
    ],
    wrong={
        "counts of 0 fall below 0: cut off with np.maximum(counts - discount, 0).": {"kept": lambda c, d: c - d},
        "the absolute value turns 0 - D into D: cut off at 0 instead.": {"kept": lambda c, d: np.abs(c - d)},
        "the counts keep everything, so that the sum is above 1: subtract D from each that was seen.": {"kept": lambda c, d: c},
        "an array of whole numbers cuts off decimals: 2 - 0.5 became 1. Make a new array instead.": {"kept": lambda c, d: np.maximum(c - d, 0).astype(int)},
        "D is subtracted from each count, not a share of it: counts - D, not counts * (1 - D).": {"kept": lambda c, d: c * (1 - d)},
        "this mixes both distributions with the fixed weights 1 - D and D: subtract D from each count instead.": {
            "kept": lambda c, d: c * (1 - d),
            "freed": lambda c, d: d * c.sum(),
        },
        "what the discounts freed is lost, so that the sum is below 1: give it to `lower`.": {"freed": lambda c, d: 0},
        "only what occurred was discounted: multiply D by the number of counts above 0, not by all counts.": {"freed": lambda c, d: d * len(c)},
        "every word seen gave D: multiply it by the number of counts above 0, the types.": {"freed": lambda c, d: d},
        "the number of types must be multiplied by D: each type gave D, not 1.": {"freed": lambda c, d: np.count_nonzero(c)},
        "D comes off each word once, however often it came: multiply by the number of counts above 0.": {"freed": lambda c, d: d * c.sum()},
        "two words seen equally often are two types, not one: count all the counts above 0.": {"freed": lambda c, d: d * len(set(c[c > 0]))},
        "words seen once are types too: multiply D by the number of counts above 0, not above 1.": {"freed": lambda c, d: d * (c > 1).sum()},
        "not only words seen once gave D: multiply it by the number of all counts above 0.": {"freed": lambda c, d: d * (c == 1).sum()},
        "the words never seen gave nothing: multiply D by the number of counts above 0.": {"freed": lambda c, d: d * (c == 0).sum()},
        "you share the freed part out equally: `lower` says how much of it each word gets.": {"spread": lambda lower, c: 1 / len(c)},
        "each word gets the whole freed part: multiply it by `lower`.": {"spread": lambda lower, c: 1},
        "this is back-off: here every word, seen or not, gets its part of the freed share.": [
            {"spread": lambda lower, c: np.where(c > 0, 0, lower)},
            {"spread": lambda lower, c: np.where(c > 0, 0, lower) / (lower[c == 0].sum() or 1)},
        ],
        "words never seen get their part of the freed share, too.": [
            {"spread": lambda lower, c: np.where(c > 0, lower, 0)},
            {"spread": lambda lower, c: np.where(c > 0, lower, 0) / lower[c > 0].sum()},
        ],
        "divide by the total of the counts: the sum must be 1.": {"total": lambda c, d: 1},
        "you divide by the size of the vocabulary: divide by the total of the counts.": {"total": lambda c, d: len(c)},
        "you divide by the number of types: divide by the total of the counts.": {"total": lambda c, d: np.count_nonzero(c)},
        "you divide by what the discounts left: divide by the total of the counts as they were.": {"total": lambda c, d: _kept(c, d).sum()},
        "the share for `lower` must be divided by the total as well.": lambda c, lower, d: (
            _kept(c, d) / (c.sum() or 1) + (_freed(c, d) if c.any() else 1) * lower
        ),
        "what the counts keep must be divided by the total as well.": lambda c, lower, d: _kept(c, d) + (_freed(c, d) / c.sum() if c.any() else 1) * lower,
        "this adds D to each count: here D is subtracted, and what that frees goes to `lower`.": [
            lambda c, lower, d: (c + d) / (c.sum() + d * len(c)),
            lambda c, lower, d: (c + d * len(c) * lower) / (c.sum() + d * len(c)),
            lambda c, lower, d: (c + d * lower) / (c.sum() + d),
        ],
        "right, except for a context that was never seen: nothing to divide by, so return `lower`.": [
            {"unseen": lambda lower: lower * np.nan},
            {"unseen": lambda lower: lower * 0},
            {"unseen": lambda lower: np.full(len(lower), 1 / len(lower))},
        ],
    },
)
def discounted(
    counts,
    lower,
    discount,
    *,
    kept=_kept,
    freed=_freed,
    spread=lambda lower, c: lower,
    total=lambda c, d: c.sum(),
    unseen=lambda lower: lower,
):
    """The counts minus the discount, and what that frees shared out as `lower` says."""
    if not counts.any():
        return unseen(lower)
    return (kept(counts, discount) + freed(counts, discount) * spread(lower, counts)) / total(counts, discount)


def _as_found(log_probabilities, text):
    """As the reader finds it: bits per token."""
    return -log_probabilities.mean() / math.log(2)


@exercise(
    kind="debug",
    found=_as_found,
    praise="1 + 2 bits for the five characters of `to be`: 0.6, however the text is split.",
    cases=lambda seed: [
        (np.log([0.5, 0.25]), "to be"),
        (np.log(np.random.default_rng(seed).uniform(0.01, 1, 5)), "anagrams, twice"),
        case(
            np.log(np.random.default_rng(seed).uniform(0.01, 1, 7)),
            "a bar, open\nat noon\n",
            edge="a text with newlines",
        ),
        case(np.log(np.random.default_rng(seed).uniform(0.01, 1, 3)), "Ah, café!", edge="a letter of two bytes, é"),
        case(np.log([0.2]), "king", edge="a text of one token"),
    ],
    wrong={
        "the minus is missing: logarithms of probabilities are negative.": {"cost": np.sum},
        "these are nats per character: divide by ln 2 for bits.": {"unit": lambda nats: nats},
        "you multiply by ln 2: a bit is ln 2 = 0.69 nats, so there are more bits than nats. Divide.": {"unit": lambda nats: nats * math.log(2)},
        "you divide by 2: a bit is ln 2 = 0.69 nats, so divide by that.": {"unit": lambda nats: nats / 2},
        "you divide by ln 10, which gives decimal digits: divide by ln 2 for bits.": {"unit": lambda nats: nats / math.log(10)},
        "the mean over tokens is divided by the characters: add all tokens up instead.": {"cost": lambda log_p: -log_p.mean()},
        "these are the bits of the whole text: divide by its characters.": {"size": lambda text, n: 1},
        "these are bits per byte: é is one character, but two bytes. Divide by len(text).": {"size": lambda text, n: len(text.encode())},
        "these are bits per word: divide by the number of characters, len(text).": {"size": lambda text, n: len(text.split())},
        "spaces and newlines are characters too: divide by len(text).": [
            {"size": lambda text, n: len("".join(text.split()))},
            {"size": lambda text, n: len(text.replace(" ", ""))},
        ],
        "a newline is a character too: divide by len(text).": [
            {"size": lambda text, n: len(text.strip())},
            {"size": lambda text, n: len(text.replace("\n", ""))},
        ],
        "punctuation marks and spaces are characters too: divide by len(text).": {"size": lambda text, n: sum(character.isalpha() for character in text)},
        "a character that occurs twice counts twice: divide by len(text), not by the number of different characters.": {"size": lambda text, n: len(set(text))},
        "you divide by len(text) - 1: all characters count.": {"size": lambda text, n: len(text) - 1},
        "this is a perplexity per character: the bits themselves are wanted.": [
            {"end": lambda bits: 2.0**bits},
            {"end": math.exp},
        ],
        "these are characters per bit: divide the other way round.": {"end": lambda bits: 1 / bits},
        "you average the probabilities: add up their logarithms.": {"cost": lambda log_p: -len(log_p) * np.log(np.exp(log_p).mean())},
        "you add up the probabilities before the logarithm: add up the logarithms, as given.": {"cost": lambda log_p: -np.log(np.exp(log_p).sum())},
        "you add up the probabilities: add up their logarithms, as given.": {"cost": lambda log_p: np.exp(log_p).sum()},
        "this is an entropy, which weights each ln p by p: every token of the text counts the same.": {"cost": lambda log_p: -(np.exp(log_p) * log_p).sum()},
        "the values are logarithms already: add them up without another logarithm.": {"cost": lambda log_p: -np.log(-log_p).sum()},
        "the cost of all tokens must be added up to one number.": {"cost": np.negative},
    },
)
def bits_per_character(
    log_probabilities,
    text,
    *,
    cost=lambda log_p: -log_p.sum(),
    unit=lambda nats: nats / math.log(2),
    size=lambda text, n: len(text),
    end=lambda bits: bits,
):
    """What all tokens cost, in bits, divided by the characters of the text."""
    return end(unit(cost(log_probabilities)) / size(text, len(log_probabilities)))


ORDER, BETTER = 6, [0.5, 0.7, 0.8, 0.85, 0.9, 0.95]


def _stored():
    rows = files.load_results("discounts")["rows"]
    return [(f"order {row['order']}, discount {row['discount'] or 'estimated'}", row["bits"][0]) for row in rows]


@experiment(
    goal=2.535,
    unit="bits per character on a stretch of the validation plays",
    stored=_stored,
    advice={
        "a longer context: five or six discounts.": lambda choice: len(choice) < 5,
        "larger discounts at the longest contexts, whose counts are the smallest.": lambda choice: choice[-1] < 0.85,
        "smaller discounts at the shortest contexts: their counts are large and reliable.": lambda choice: choice[0] > 0.8,
        "larger discounts in the middle.": lambda choice: choice[len(choice) // 2] < 0.8,
        "other discounts nearby.": lambda choice: True,
    },
    wrong={
        "a longer context": lambda: [0.5, 0.6],
        "larger discounts at the longest contexts": lambda: [0.5] * 6,
        "smaller discounts at the shortest contexts": lambda: [1.0] * 6,
        "larger discounts in the middle": lambda: [0.5, 0.5, 0.5, 0.5, 0.6, 0.9],
        "a list of 1 to 6 discounts is expected": lambda: 0.5,
        "a discount is a number from 0 to 1, but yours is 1.5.": lambda: [0.5, 1.5],
    },
)
def better_discounts(choice, seed):
    """Bits per character of Kneser-Ney with these discounts, one for each length."""
    if not isinstance(choice, list | tuple) or not 1 <= len(choice) <= ORDER:
        raise Mistake(f"a list of 1 to {ORDER} discounts is expected, the one for the shortest context first.")
    for discount in choice:
        if isinstance(discount, bool) or not isinstance(discount, int | float) or not 0 <= discount <= 1:
            raise Mistake(f"a discount is a number from 0 to 1, but yours is {discount}.")
    return discounts.score(list(choice), len(choice))[0]
