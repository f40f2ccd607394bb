"""Exercises of the notebook ngrams."""

import math
from collections import Counter
from itertools import combinations, pairwise

import numpy as np
from scipy.special import softmax

from classroom.exercise import case, exercise

__all__ = ["bits_per_character", "continuation", "discounted", "next_counts", "perplexity", "sharpen"]

SMALL = (1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15, 1e-16, 1e-20)  # what is added to avoid log(0)
TEXT = "the king is dead . long live the king .".split()


def _positions(tokens, context):
    return range(len(tokens) - len(context))


def _window(tokens, i, n):
    return tuple(tokens[i : i + n])


def _found(tokens, context):
    return [i for i in _positions(tokens, context) if _window(tokens, i, len(context)) == context]


def _apart(step):
    """Positions as a loop visits them that moves on by `step(n)` after each match."""

    def visited(tokens, context):
        i, n = 0, len(context)
        while i < len(tokens) - n:
            yield i
            i += step(n) if _window(tokens, i, n) == context else 1

    return visited


def _letters(seed, letters, size, **more):
    return np.random.default_rng(seed).choice(list(letters), size, **more).tolist()


def _contexts(seed):
    text = _letters(seed, "abc", 41)
    return [(text, tuple(text[:n])) for n in (1, 2, 3)] + [(text, tuple(text[19 : 19 + n])) for n in (2, 3)]


@exercise(
    praise="after (the, king): once `is`, once the full stop.",
    cases=lambda seed: [
        (TEXT, ("the",)),
        (TEXT, ("the", "king")),
        (list("abbaabab"), ("a", "b")),
        *_contexts(seed),
        case(TEXT, (".",), edge="a context at the very end, which nothing follows there"),
        case(list("abacab"), ("a", "b"), edge="a context at the very end, which nothing follows there"),
        case(TEXT, ("queen",), edge="a context that does not occur"),
        case(list("aabaaac"), ("a", "a"), edge="occurrences that overlap"),
        case(list("ababab"), ("a", "b", "a"), edge="occurrences that overlap"),
        case(TEXT, (), edge="an empty context"),
        case(["a"], ("a", "b"), edge="a text shorter than the context"),
    ],
    wrong={
        "the last position is missing: the final token of the text is a next token too.": {
            "positions": lambda tokens, context: range(len(tokens) - len(context) - 1)
        },
        "the first position is missing: begin at position 0.": {"positions": lambda tokens, context: range(1, len(tokens) - len(context))},
        "you skip as many positions at the beginning as the context is long: a context can stand at position 0.": {
            "positions": lambda tokens, context: range(len(context), len(tokens) - len(context))
        },
        "occurrences may overlap: after each, move on by one token only.": [
            {"positions": _apart(lambda n: n + 1)},
            {"positions": _apart(lambda n: max(n, 1))},
            {"positions": lambda tokens, context: range(0, len(tokens) - len(context), len(context) or 1)},
            {"positions": lambda tokens, context: range(0, len(tokens) - len(context), len(context) + 1)},
        ],
        "you stop at the first occurrence: go on through the whole list.": {"positions": lambda tokens, context: _found(tokens, context)[:1]},
        "only the last occurrence is counted: add to what the earlier ones gave.": {"positions": lambda tokens, context: _found(tokens, context)[-1:]},
        "nothing is found: is a list compared with a tuple? They are never equal.": {"matches": lambda *both: False},
        "the context is not looked at: count only the tokens that follow it.": [
            {"matches": lambda *both: True},
            lambda tokens, context: Counter(tokens),
        ],
        "only the last token of the context is compared: all of it must match.": [
            {"matches": lambda window, context: window[-1:] == context[-1:]},
            lambda tokens, context: Counter(b for a, b in pairwise([None, *tokens]) if not context or a == context[-1]),
        ],
        "only the first token of the context is compared: all of it must match.": {"matches": lambda window, context: window[:1] == context[:1]},
        "one token of the context is enough in yours: all of them must match.": {
            "matches": lambda window, context: not context or any(a == b for a, b in zip(window, context, strict=True))
        },
        "the order of the tokens counts: (a, b) is another context than (b, a). Compare tuples, not sets.": [
            {"matches": lambda window, context: set(window) == set(context)},
            {"matches": lambda window, context: sorted(window) == sorted(context)},
        ],
        "these are the tokens before the context: those after it are wanted.": [
            {"follower": lambda tokens, i, n: tokens[i - 1]},
            lambda tokens, context: Counter(tokens[i - 1] for i in range(1, len(tokens)) if _window(tokens, i, len(context)) == context),
        ],
        "this is the last token of the context itself: the next one stands at i + len(context).": {"follower": lambda tokens, i, n: tokens[i + n - 1]},
        "you count one token too far: the next one stands at i + len(context).": {
            "positions": lambda tokens, context: range(len(tokens) - len(context) - 1),
            "follower": lambda tokens, i, n: tokens[i + n + 1],
        },
        "right for contexts of one token only: the next token stands at i + len(context), not at i + 1.": {"follower": lambda tokens, i, n: tokens[i + 1]},
        "the keys are the next tokens alone: yours hold the context, too.": {"follower": lambda tokens, i, n: _window(tokens, i, n + 1)},
        "the text does not go round: nothing follows its last token.": lambda tokens, context: Counter(
            _with_start(tokens, context)[i + len(context)] for i in _found(_with_start(tokens, context), context)
        ),
        "every follower is counted once only: add 1 each time it comes.": {"end": lambda counts: dict.fromkeys(counts, 1)},
        "these are shares: return the counts themselves.": [
            {"end": lambda counts: {token: count / counts.total() for token, count in counts.items()}},
            lambda tokens, context: {token: count / len(tokens) for token, count in Counter(_followers(tokens, context)).items()},
        ],
        "this is the most frequent follower alone: count all of them.": {"end": lambda counts: dict(counts.most_common(1))},
        "right, except for the empty context: every token follows it, the first of the list too.": [
            lambda tokens, context: Counter(_followers(tokens, context)) if context else {},
            lambda tokens, context: Counter(_followers(tokens, context) if context else tokens[1:]),
        ],
    },
    form=lambda counts: {token: n for token, n in counts.items() if n} if isinstance(counts, dict) else counts,
)
def next_counts(
    tokens,
    context,
    *,
    positions=_positions,
    matches=lambda window, context: window == context,
    follower=lambda tokens, i, n: tokens[i + n],
    end=lambda counts: counts,
):
    """How often each token follows the context (a tuple) in the list of tokens."""
    n = len(context)
    found = [i for i in positions(tokens, context) if matches(_window(tokens, i, n), context)]
    return end(Counter(follower(tokens, i, n) for i in found))


def _followers(tokens, context):
    return [tokens[i + len(context)] for i in _found(tokens, context)]


def _with_start(tokens, context):
    return tokens + tokens[: len(context)]


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


def _pairs(tokens):
    return set(pairwise(tokens))


def _mean_of(truths):
    return float(np.mean(list(truths)))


@exercise(
    praise="king comes twice, but always after `the`: 1 of 8 different pairs.",
    cases=lambda seed: [
        (list("abcbab"), "b"),
        *((TEXT, word) for word in ("king", ".", "the")),
        *((["ab", "a", "b", "ab", "b", "a"], word) for word in ("a", "b")),
        *((text := _letters(seed, "abcdefg", 30, p=[0.4, 0.25, 0.15, 0.1, 0.05, 0.03, 0.02]), text[position]) for position in (0, 7, 29)),
        case(list("aabba"), "a", edge="a pair of the same token twice"),
        case(list("bcaac"), "b", edge="a word that only begins the text"),
        case(TEXT, "queen", edge="a word that does not occur"),
    ],
    wrong={
        "repeated pairs count once: a set of pairs keeps each once.": {"pairs": lambda tokens: list(pairwise(tokens))},
        "each different pair counts once in the numerator, too.": lambda tokens, word: (
            sum(second == word for _, second in pairwise(tokens)) / len(_pairs(tokens))
        ),
        "you divide by the number of all pairs: repeated pairs count once in the denominator, too.": {"total": lambda pairs, tokens: len(tokens) - 1},
        "you divide by the number of tokens: divide by the number of different pairs.": {"total": lambda pairs, tokens: len(tokens)},
        "you divide by the number of different words: divide by the number of different pairs.": {"total": lambda pairs, tokens: len(set(tokens))},
        "you divide by how often the word occurs: divide by the number of different pairs.": lambda tokens, word: (
            sum(second == word for _, second in _pairs(tokens)) / max(1, tokens.count(word))
        ),
        "you divide by the square of the number of words: only pairs that occur count.": {"total": lambda pairs, tokens: len(set(tokens)) ** 2},
        "this is the number of pairs: divide by the number of all different pairs.": {"total": lambda pairs, tokens: 1},
        "these are the pairs that begin with the word: those that end with it are wanted.": {"counts": lambda first, second, word: first == word},
        "the word must be the second of the pair: you count pairs that begin with it, too.": [
            {"counts": lambda first, second, word: word in (first, second)},
            {"counts": lambda first, second, word: (first == word) + (second == word)},
        ],
        "these are the pairs that do not end with the word.": {"counts": lambda first, second, word: second != word},
        "this is how often the word occurs: count different pairs.": lambda tokens, word: tokens.count(word) / len(tokens),
        "this is 1 over the number of different words, or 0: count pairs.": lambda tokens, word: (word in tokens) / len(set(tokens)),
        "a pair has an order: (a, b) and (b, a) are different pairs.": [
            {"pairs": lambda tokens: {tuple(sorted(pair)) for pair in pairwise(tokens)}},
            lambda tokens, word: _mean_of(word in pair for pair in set(map(frozenset, pairwise(tokens)))),
        ],
        "different pairs are not pairs of different tokens: (a, a) is a pair like any other.": {
            "pairs": lambda tokens: {(a, b) for a, b in pairwise(tokens) if a != b}
        },
        "you keep only the pairs that occur once: the repeated ones are different pairs too, each counts once.": {
            "pairs": lambda tokens: [pair for pair, count in Counter(pairwise(tokens)).items() if count == 1]
        },
        "only neighbours are pairs: the second token follows the first directly.": {"pairs": lambda tokens: set(combinations(tokens, 2))},
        "pairs overlap: every token but the last begins one.": [
            {"pairs": lambda tokens: set(zip(tokens[::2], tokens[1::2], strict=False))},
            {"pairs": lambda tokens: list(zip(tokens[::2], tokens[1::2], strict=False))},
        ],
        "the two of a pair are neighbours: yours leave a token out.": {"pairs": lambda tokens: set(zip(tokens, tokens[2:], strict=False))},
        "two tokens written together are no longer a pair (ab + a, a + ba): keep tuples.": lambda tokens, word: _mean_of(
            pair.endswith(word) for pair in {a + b for a, b in pairwise(tokens)}
        ),
        "the text does not go round: its last token and its first are no pair.": {"pairs": lambda tokens: _pairs([*tokens, tokens[0]])},
        "the first pair is missing.": {"pairs": lambda tokens: _pairs(tokens[1:])},
        "the last pair is missing.": {"pairs": lambda tokens: _pairs(tokens[:-1])},
    },
)
def continuation(
    tokens,
    word,
    *,
    pairs=_pairs,
    counts=lambda first, second, word: second == word,
    total=lambda pairs, tokens: len(pairs),
):
    """The share of the different pairs in a list of tokens that end with the word."""
    found = pairs(tokens)
    return sum(counts(*pair, word) for pair in found) / total(found, tokens)


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


@exercise(
    praise="1 + 2 bits for the five characters of `to be`: 0.6.",
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
        "these are bits per token: divide by the number of characters, len(text).": {"size": lambda text, n: n},
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


def _divided(raised, p):
    return raised / raised.sum()


def _best(p):
    return (p == p.max()) / (p == p.max()).sum()


CLOSE = np.array([0.01] * 96 + [0.02, 0.0199, 0.0001])


@exercise(
    praise="0.6, 0.3 and 0.1 at temperature 0.5: 36, 9 and 1 parts of 46.",
    cases=lambda seed: [
        (np.array([0.6, 0.3, 0.1]), 0.5),
        *((np.random.default_rng(seed + n).dirichlet(np.ones(n)), t) for n, t in ((5, 0.7), (7, 2.0), (4, 1.5))),
        case(np.random.default_rng(seed).dirichlet(np.ones(3)), 1.0, edge="temperature 1, which changes nothing"),
        case(np.array([0.5, 0.0, 0.5]), 9.0, edge="a probability of 0"),
        case(CLOSE, 0.005, edge="temperature 0.005"),
    ],
    wrong={
        "the exponent is 1 / temperature: a *low* temperature must sharpen.": {"exponent": lambda t: t},
        "the sum is no longer 1: divide by it.": lambda p, t: p ** (1 / t),
        "the largest is 1 now, not the sum: divide by the sum as well.": {"scale": lambda raised, p: raised},
        "divide by the sum after the power, not by the sum before it.": {"scale": lambda raised, p: raised / (p / p.max()).sum()},
        "you divide by the norm: divide by the sum, so that the probabilities add up to 1.": {"scale": lambda raised, p: raised / np.sqrt((raised**2).sum())},
        "you divide by the number of values: divide by their sum.": {"scale": lambda raised, p: raised / len(raised)},
        "softmax takes exp once more: the powers are only divided by their sum.": [
            {"scale": lambda raised, p: softmax(raised)},
            lambda p, t: softmax(p ** (1 / t)),
        ],
        "nothing changes, as scaling undoes a factor: raise p to the power 1 / temperature, do not divide it.": [
            lambda p, t: p,
            lambda p, t: p / t,
            lambda p, t: p * t,
        ],
        "softmax(p / temperature) takes p for logits: its input must be ln p.": lambda p, t: softmax(p / t),
        "this takes p for logits, and multiplies by the temperature: raise p to 1 / temperature.": lambda p, t: softmax(p * t),
        "these are logarithms: exp and the division by the sum are missing.": [
            lambda p, t: np.log(np.where(p > 0, p, 1e-300)) / t,
            lambda p, t: np.log(np.where(p > 0, p, 1e-300) / p.max()) / t,
        ],
        "this is the most probable token alone, which is temperature 0.": lambda p, t: _best(p),
        "this is the limit of a high temperature, all equal: raise p to 1 / temperature.": lambda p, t: np.full(len(p), 1 / len(p)),
        "a small number added to p, or a lower limit on it, lifts a probability of 0, which must stay 0: "
        "(p / p.max()) ** (1 / temperature) needs no logarithm.": [{"zero": lambda p, small=small: p + small} for small in (1e-2, 1e-3, *SMALL)]
        + [{"zero": lambda p, small=small: p.clip(min=small)} for small in (1e-2, 1e-3, 1e-4)],
        "a probability of 0 became the largest of all, as its logarithm was set to 0: it must stay 0.": {"zero": lambda p: np.where(p > 0, p, 1.0)},
        "right, but at a low temperature every power rounds to 0: divide p by its maximum first, or subtract the maximum from ln p / temperature.": [
            {"low": lambda p: p * np.nan},
            {"low": lambda p: p * 0},
            {"low": _best},
            {"low": lambda p: np.full(len(p), 1 / len(p))},
            {"low": lambda p: p},
        ],
    },
)
def sharpen(p, temperature, *, exponent=lambda t: 1 / t, zero=lambda p: p, scale=_divided, low=None):
    """The probabilities p ** (1 / temperature), scaled to sum 1; `low` at a temperature too low for powers of p."""
    if low and temperature < 0.01:
        return low(p)
    p = zero(p)
    return scale((p / p.max()) ** exponent(temperature), p)
