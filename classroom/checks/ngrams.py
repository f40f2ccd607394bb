"""Checks of the notebook ngrams."""

import math
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.special import softmax

from classroom.checks import Mistake, compare, exercise

__all__ = ["bits_per_character", "continuation", "discounted", "next_counts", "perplexity", "sharpen"]

TEXT = "the king is dead . long live the king .".split()


@exercise
def next_counts(answer: Any, seed: int) -> str:
    """next_counts(tokens, context): which tokens follow the context, and how often."""

    def follow(ends: int = 0, context_of: Callable[..., Any] = tuple, start: int = 0) -> Callable[..., dict]:
        def counts(tokens: list[str], context: tuple[str, ...]) -> dict[str, int]:
            n = len(context)
            places = range(start, len(tokens) - n + ends)
            return dict(Counter(tokens[i + n] for i in places if context_of(tokens[i : i + n]) == context))

        return counts

    def before(tokens: list[str], context: tuple[str, ...]) -> dict[str, int]:
        return follow()(tokens[::-1], context[::-1])

    def wrapped(tokens: list[str], context: tuple[str, ...]) -> dict[str, int]:
        return follow()(tokens + tokens[: len(context)], context)

    def shares(tokens: list[str], context: tuple[str, ...]) -> dict[str, float]:
        counts = follow()(tokens, context)
        return {token: count / sum(counts.values()) for token, count in counts.items()}

    mistakes = [
        (follow(1), "the context at the very end of the text has no next token: stop the loop before it."),
        (follow(-1), "the last place is missing: the final token of the text is a next token too."),
        (follow(start=1), "the first place is missing: begin at position 0."),
        (lambda tokens, context: {}, "nothing is found: is a list compared with a tuple? They are never equal."),
        (before, "these are the tokens before the context: those after it are wanted."),
        (wrapped, "the text does not go round: what ends it is followed by nothing."),
        (
            lambda t, context: follow()(t, context[-1:]),
            "only the last token of the context is compared: all of it must match.",
        ),
        (
            lambda tokens, context: dict.fromkeys(follow()(tokens, context), 1),
            "every follower is counted once only: add 1 each time it comes.",
        ),
        (shares, "these are shares: return the counts themselves."),
        (
            lambda tokens, context: follow()(tokens, context) if context else {},
            "right, except for the empty context: every token follows it, the first of the list too.",
        ),
    ]
    random = np.random.default_rng(seed).choice(list("abc"), 41).tolist()
    cases = [(TEXT, ("the",)), (TEXT, ("the", "king")), (TEXT, (".",)), (TEXT, ("queen",)), (TEXT, ())]
    cases += [(list("aaabbabaab"), ("a", "a")), (list("aaabbabaab"), ("a", "b"))]
    cases += [(random, tuple(random[:n])) for n in (0, 1, 2)] + [(random, tuple(random[-n:])) for n in (1, 2)]
    compare(_giving(answer, _as_counts), follow(), cases, mistakes)
    return "after (the, king): once `is`, once the full stop."


def _giving(answer: Any, plain: Callable[[Any], Any]) -> Any:
    """The answer with its results made plain, so that any sensible type of result will do."""
    return (lambda *inputs: plain(answer(*inputs))) if callable(answer) else answer


def _also(answer: Any, reference: Callable[..., Any], case: tuple[Any, ...], words: str) -> None:
    """Say the words where the answer, right so far, fails in this case in whatever way."""
    try:
        compare(answer, reference, [case])
    except Exception:
        raise Mistake(words) from None


def _as_counts(result: Any) -> Any:
    return {token: count for token, count in result.items() if count} if isinstance(result, dict) else result


@exercise
def perplexity(answer: Any, seed: int) -> str:
    """perplexity(probabilities): exp of the mean of -ln p; infinite where a probability is 0."""

    def reference(probabilities: list[float]) -> float:
        return math.inf if 0 in probabilities else math.exp(-sum(map(math.log, probabilities)) / len(probabilities))

    mistakes = [
        (lambda p: math.log(reference(p)), "this is the cross-entropy in nats: exp of it is still to come."),
        (lambda p: math.log2(reference(p)), "this is the cross-entropy in bits: the perplexity is 2 to that power."),
        (lambda p: 1 / reference(p), "the minus is missing: this is the mean probability, below 1."),
        (lambda p: 1 / (sum(p) / len(p)), "this is 1 over the ordinary mean: the mean of the *logarithms* is wanted."),
        (lambda p: sum(1 / one for one in p) / len(p), "this is the mean of 1 / p: average -ln p, then take exp."),
        (lambda p: math.exp(math.log2(reference(p))), "exp does not undo log2: use ln with exp, or log2 with 2 **."),
        (lambda p: 2 ** math.log(reference(p)), "2 ** does not undo ln: use ln with exp, or log2 with 2 **."),
        (
            lambda p: 1 / math.prod(p),
            "this is 1 over the product of all, so that long texts look worse: take the mean of -ln p, then exp.",
        ),
    ]
    cases = [([0.25, 0.5, 0.125],), ([0.1] * 5,), ([1.0, 1.0],)]
    cases += [(np.random.default_rng(seed).uniform(0.01, 1, 13).tolist(),)]
    compare(answer, reference, cases, mistakes)
    for text, words in (
        ([0.03] * 2000, "right for short texts, but the product of 2,000 probabilities rounds to 0: add logarithms."),
        ([0.5, 0.0, 0.5], "right, except where a probability is 0: one impossible token makes it infinite, math.inf."),
    ):
        _also(answer, reference, (text,), words)
    return "1/4, 1/2 and 1/8 are as hard as a choice among 4; a single 0 is unforgivable."


@exercise
def continuation(answer: Any, seed: int) -> str:
    """continuation(tokens, word): the share of the different pairs that end with the word."""

    def ending(tokens: list[str], word: str, kind: Callable[[Any], Any] = set, end: int = 1) -> int:
        return sum(pair[end] == word for pair in kind(pairwise(tokens)))

    def different(tokens: list[str]) -> int:
        return len(set(pairwise(tokens)))

    mistakes = [
        (
            lambda tokens, word: ending(tokens, word, kind=list) / (len(tokens) - 1),
            "repeated pairs count once: a set of pairs keeps each once.",
        ),
        (
            lambda tokens, word: ending(tokens, word, end=0) / different(tokens),
            "these are the pairs that begin with the word: those that end with it are wanted.",
        ),
        (lambda tokens, word: tokens.count(word) / len(tokens), "this is how often the word occurs: count pairs."),
        (ending, "this is the number of pairs: divide by the number of all different pairs."),
        (
            lambda tokens, word: ending(tokens, word) / len(set(tokens)),
            "you divide by the number of different words: divide by the number of different pairs.",
        ),
        (
            lambda tokens, word: ending(tokens, word) / (len(tokens) - 1),
            "you divide by the number of all pairs: repeated ones count once below the line too.",
        ),
        (
            lambda tokens, word: ending([*tokens, tokens[0]], word) / different([*tokens, tokens[0]]),
            "the text does not go round: its last token and its first are no pair.",
        ),
    ]
    random = np.random.default_rng(seed).choice(list("abcdefg"), 30, p=[0.4, 0.25, 0.15, 0.1, 0.05, 0.03, 0.02])
    cases = [(TEXT, "king"), (TEXT, "."), (TEXT, "the"), (TEXT, "queen")]
    cases += [(["ab", "a", "b", "ab", "b", "a"], word) for word in ("a", "b")]
    cases += [(random.tolist(), word) for word in random[[0, 7, 29]].tolist()]
    compare(answer, lambda tokens, word: ending(tokens, word) / different(tokens), cases, mistakes)
    return "king comes twice, but always after `the`: 1 of 8 different pairs."


@exercise
def discounted(answer: Any, seed: int) -> str:
    """discounted(counts, lower, discount): one step of the ladder, as a distribution over the vocabulary."""

    def step(freed: Callable[..., Any] = lambda c, d: d * np.count_nonzero(c), least: float = 0) -> Callable[..., np.ndarray]:
        return lambda c, q, d: (np.maximum(c - d, least) + freed(c, d) * q) / c.sum()

    mistakes = [
        (step(least=-np.inf), "counts of 0 fall below 0: cut off with np.maximum(counts - discount, 0)."),
        (
            step(freed=lambda c, d: d * len(c)),
            "only what occurred was discounted: multiply D by the number of counts above 0, not by the vocabulary.",
        ),
        (step(freed=lambda c, d: d), "every word seen gave D: multiply it by the number of counts above 0, the types."),
        (
            step(freed=lambda c, d: 0),
            "what the discounts freed is lost, so that the sum is below 1: give it to `lower`.",
        ),
        (
            step(freed=lambda c, d: d * c.sum()),
            "D comes off each word once, however often it came: multiply by the number of counts above 0.",
        ),
        (step(freed=lambda c, d: d * len(set(c[c > 0]))), "two words seen once are two types, not one."),
        (
            lambda c, q, d: np.maximum(c - d, 0) / c.sum() + d * np.count_nonzero(c) * q,
            "the share for `lower` must be divided by the total as well.",
        ),
        (lambda c, q, d: step()(c, q, d) * c.sum(), "divide by the total of the counts: the sum must be 1."),
        (
            lambda c, q, d: np.where(c > 0, step()(c, 0 * q, d), step()(c, q, d)),
            "this is back-off: here every word, seen or not, gets its part of the freed share.",
        ),
        (
            lambda c, q, d: (np.maximum(c - d, 0).astype(int) + d * np.count_nonzero(c) * q) / c.sum(),
            "an array of whole numbers cuts off decimals: 2 - 0.5 became 1. Make a new array instead.",
        ),
    ]
    random = np.random.default_rng(seed)
    lower = random.dirichlet(np.ones(6))
    cases = [(np.array([2, 1, 0, 0]), np.array([0.1, 0.2, 0.3, 0.4]), 0.5)]
    cases += [(random.permutation([3, 1, 0, 7, 1, 3]), lower, discount) for discount in (0.3, 0.75)]
    plain = _giving(answer, _as_array)
    with np.errstate(all="ignore"):
        compare(plain, step(), cases, mistakes)
        never_seen = (np.zeros(6, dtype=int), lower, 0.5)
        words = "right, except for a context that was never seen: nothing to divide by, so return `lower`."
        _also(plain, lambda c, q, d: q, never_seen, words)
    return "1.5 + 0.5 of 3 counts stay, and the share of 1 / 3 that is free goes down the ladder."


def _as_array(result: Any) -> Any:
    return result if result is None or result is ... else np.asarray(result, dtype=float)


@exercise
def bits_per_character(answer: Any, seed: int) -> str:
    """bits_per_character(log_probabilities, text): the bits that all tokens cost, divided by the characters."""

    def bits(nats: np.ndarray, text: str) -> float:
        return float(-np.sum(nats) / len(text) / math.log(2))

    mistakes = [
        (lambda nats, text: -bits(nats, text), "the minus is missing: logarithms of probabilities are negative."),
        (lambda nats, text: bits(nats, text) * math.log(2), "these are nats per character: divide by ln 2 for bits."),
        (
            lambda nats, text: bits(nats, text) * math.log(2) ** 2,
            "you multiply by ln 2: a bit is ln 2 = 0.69 nats, so there are more bits than nats. Divide.",
        ),
        (
            lambda nats, text: bits(nats, text) * len(text) / len(nats),
            "these are bits per token: divide by the number of characters, len(text).",
        ),
        (
            lambda nats, text: bits(nats, text) / len(nats),
            "the mean over tokens is divided by the characters: add all tokens up instead.",
        ),
        (
            lambda nats, text: bits(nats, text) * len(text) / len(text.encode()),
            "these are bits per byte: é is one character, but two bytes. Divide by len(text).",
        ),
        (
            lambda nats, text: bits(nats, text) * len(text) / len("".join(text.split())),
            "blanks and newlines are characters too: divide by len(text).",
        ),
        (
            lambda nats, text: bits(nats, text) * len(text) / len(text.split()),
            "these are bits per word: divide by the number of characters, len(text).",
        ),
        (
            lambda nats, text: 2.0 ** bits(nats, text),
            "this is a perplexity per character: the bits themselves are wanted.",
        ),
        (
            lambda nats, text: bits(nats, text) * len(text),
            "these are the bits of the whole text: divide by its characters.",
        ),
    ]
    random = np.random.default_rng(seed)
    cases = [(np.log([0.5, 0.25]), "to be")]
    cases += [(np.log(random.uniform(0.01, 1, n)), text) for n, text in ((7, "a café, open\nat noon\n"), (3, "Ah é!"))]
    compare(answer, bits, cases, mistakes)
    return "1 + 2 bits for the five characters of `to be`: 0.6."


@exercise
def sharpen(answer: Any, seed: int) -> str:
    """sharpen(probabilities, temperature): p^(1 / temperature), scaled to sum 1."""

    def power(p: np.ndarray, exponent: float) -> np.ndarray:
        raised = (p / p.max()) ** exponent
        return raised / raised.sum()

    mistakes = [
        (power, "the exponent is 1 / temperature: a *low* temperature must sharpen."),
        (lambda p, t: p ** (1 / t), "the sum is no longer 1: divide by it."),
        (lambda p, t: (p / p.max()) ** (1 / t), "the largest is 1 now, not the sum: divide by the sum as well."),
        (lambda p, t: p, "nothing changes: scaling undoes a division by the temperature. Raise p to 1 / temperature."),
        (lambda p, t: softmax(p / t), "softmax(p / temperature) takes p for logits: its input must be ln p."),
        (lambda p, t: softmax(p ** (1 / t)), "divide by the sum: softmax would take exp once more."),
    ]
    random = np.random.default_rng(seed)
    cases = [(np.array([0.6, 0.3, 0.1]), 0.5)]
    cases += [(random.dirichlet(np.ones(n)), float(t)) for n, t in ((5, 0.7), (7, 2.0), (3, 1.0))]
    plain = _giving(answer, _as_array)
    with np.errstate(all="ignore"):
        compare(plain, lambda p, t: power(p, 1 / t), cases, mistakes)
        for case, words in (
            ((np.array([0.5, 0.0, 0.5]), 9.0), "right, except where a probability is 0: it must stay 0."),
            (
                (np.array([0.01] * 96 + [0.02, 0.0199, 0.0001]), 0.005),
                "right, but at a low temperature every power rounds to 0: divide p by its maximum first, or subtract the maximum from ln p / temperature.",
            ),
        ):
            _also(plain, lambda p, t: power(p, 1 / t), case, words)
    return "0.6, 0.3 and 0.1 at temperature 0.5: 36, 9 and 1 parts of 46."
