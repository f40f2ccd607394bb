"""N-gram models: the next token from the n - 1 tokens before it, by counting.

Tokens are ids: what a tokenizer's `encode` gives, or an array or tensor of integers.

The n-grams of each length form a sorted table; a row's key is the row of its first n - 1 tokens in the table of shorter
ones, times the vocabulary's size, plus its last token. So a long n-gram is found by one binary search a length, for all
positions of a text at once, and keys stay small. Row -1 stands for an n-gram never seen.

Axes: T tokens of running text, V vocabulary, G n-grams of one length.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from numbers import Real
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from course_lib.validation import Ids, ids_of, require, require_integer, require_number

__all__ = [
    "Grams",
    "NgramModel",
    "add_k",
    "count_ngrams",
    "jelinek_mercer",
    "kneser_ney",
    "modified_kneser_ney",
    "sample",
]


class Grams(NamedTuple):
    """The different n-grams of one length in a text: keys in ascending order, how often each occurs, and suffixes.

    A suffix is the row of an n-gram's last n - 1 tokens in the table of shorter ones.
    """

    vocab_size: int
    keys: Int[np.ndarray, " G"]
    counts: Int[np.ndarray, " G"]
    suffixes: Int[np.ndarray, " G"]


def count_ngrams(tokens: Ids, vocab_size: int, order: int) -> list[Grams]:
    """The n-grams of every length from 1 to `order`; a slice, `count_ngrams(...)[:n]`, makes a model of a lower order.

    Join several texts with a token that ends each: what follows it is then learned as a beginning. Raises ValueError
    for an order below 1, a text shorter than that, or a token outside 0 ... vocab_size - 1.

    >>> bigrams = count_ngrams([0, 1, 0, 1, 2], vocab_size=3, order=2)[1]
    >>> [(*divmod(int(key), 3), int(count)) for key, count in zip(bigrams.keys, bigrams.counts)]
    [(0, 1, 2), (1, 0, 1), (1, 2, 1)]
    """
    require_integer("vocab_size", vocab_size, at_least=1)
    tokens = ids_of("tokens", tokens, vocab_size)
    require(len(tokens), "tokens must hold at least one id", tokens)
    require_integer("order", order)
    require(1 <= order <= len(tokens), f"order must be from 1 to the {len(tokens)} tokens of the text", order)
    grams = []
    rows = np.zeros(len(tokens) + 1, dtype=np.int64)  # by the position where the gram starts; the empty gram is row 0
    for length in range(order):
        keys = rows[:-1] * vocab_size + tokens[length:]
        order_of_keys = np.argsort(keys)  # from here on as np.unique, which takes more than twice as long
        ordered = keys[order_of_keys]
        starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
        counts = np.diff(starts, append=len(keys))
        grams.append(Grams(vocab_size, ordered[starts], counts, rows[1:][order_of_keys[starts]]))
        rows = np.empty_like(keys)
        rows[order_of_keys] = np.repeat(np.arange(len(starts)), counts)
    return grams


@dataclass(frozen=True)
class _Level:
    """One length of context: p(token | context) = alpha(context token) + gamma(context) p(token | shorter context).

    `alpha` and `gamma` end with what holds for row -1: 0 and 1.
    """

    vocab_size: int
    keys: Int[np.ndarray, " G"]
    alpha: Float[np.ndarray, " rows"]
    gamma: Float[np.ndarray, " contexts"]

    def find(self, contexts: Int[np.ndarray, " T"], tokens: Int[np.ndarray, " T"]) -> Int[np.ndarray, " T"]:
        """The rows of contexts (by their rows) with a token added, -1 where there is none."""
        wanted = contexts * self.vocab_size + tokens
        rows = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        return np.where(self.keys[rows] == wanted, rows, -1)


class NgramModel:
    """A ladder of contexts down to the uniform 1 / V, made by the functions below; first tokens have shorter ones."""

    def __init__(self, vocab_size: int, levels: list[_Level]) -> None:
        self.vocab_size, self.order, self._levels = vocab_size, len(levels), levels

    def log_probabilities(self, tokens: Ids) -> Float[np.ndarray, " T"]:
        """ln p(token | the tokens before it) for every token of a text, in nats; -inf where it is held impossible.

        Raises ValueError for a token outside 0 ... vocab_size - 1.
        """
        tokens = ids_of("tokens", tokens, self.vocab_size)
        p = np.full(len(tokens), 1 / self.vocab_size)
        rows = np.zeros(len(tokens) + 1, dtype=np.int64)
        for length, level in enumerate(self._levels[: len(tokens)]):
            found = level.find(rows[:-1], tokens[length:])
            p[length:] = level.alpha[found] + level.gamma[rows[:-1]] * p[length:]
            rows = found
        with np.errstate(divide="ignore"):
            return np.log(p)

    def distribution(self, context: Ids) -> Float[np.ndarray, " V"]:
        """The probabilities of all tokens after a context, of which the last order - 1 tokens count.

        Raises ValueError for a token outside 0 ... vocab_size - 1.
        """
        return self._distribution(ids_of("context", context, self.vocab_size))

    def _distribution(self, context: Int[np.ndarray, " T"]) -> Float[np.ndarray, " V"]:
        context = context[max(0, len(context) - self.order + 1) :]
        p = np.full(self.vocab_size, 1 / self.vocab_size)
        rows = np.zeros(len(context) + 1, dtype=np.int64)
        for length, level in enumerate(self._levels[: len(context) + 1]):
            begin = rows[-1] * self.vocab_size
            seen = slice(*np.searchsorted(level.keys, [begin, begin + self.vocab_size]))
            p *= level.gamma[rows[-1]]
            p[level.keys[seen] - begin] += level.alpha[:-1][seen]
            rows = level.find(rows[:-1], context[length:])
        return p


def add_k(grams: list[Grams], k: float | int) -> NgramModel:
    """p(w | context) = (count(context w) + k) / (count(context ·) + k V); a context never seen gives 1 / V.

    k = 1 is Laplace's rule, k = 0 the relative frequencies. As a mixture: the relative frequency with weight
    N / (N + k V), the uniform distribution with the rest. Raises ValueError for k below 0.
    """
    _check_grams(grams)
    require_number("k", k, at_least=0, below=math.inf)
    added, levels = k * grams[0].vocab_size, []
    for n, table in enumerate(grams, start=1):
        contexts, totals = _sums(grams, n, table.counts)
        whole = np.maximum(totals + added, 1)  # below 1 only where there are no counts
        alpha, gamma = table.counts / whole[contexts], added / whole
        if n < len(grams):  # shorter contexts say nothing
            alpha, gamma = np.zeros(len(alpha)), np.ones(len(gamma))
        levels.append(_level(table, alpha, gamma, totals))
    return NgramModel(grams[0].vocab_size, levels)


def jelinek_mercer(grams: list[Grams], weight: float | int) -> NgramModel:
    """p(w | context) = weight count(context w) / count(context ·) + (1 - weight) p(w | shorter context).

    The same weight at every length, down to the uniform distribution: Jelinek and Mercer (1980), who fit the weights on
    held-out text. Raises ValueError for a weight outside 0 ... 1.
    """
    _check_grams(grams)
    require_number("weight", weight, at_least=0, at_most=1)
    levels = []
    for n, table in enumerate(grams, start=1):
        contexts, totals = _sums(grams, n, table.counts)
        alpha = weight * table.counts / totals[contexts]
        levels.append(_level(table, alpha, np.full(len(totals), 1.0 - weight), totals))
    return NgramModel(grams[0].vocab_size, levels)


def kneser_ney(grams: list[Grams], discounts: Sequence[float | int] | None = None) -> NgramModel:
    """Interpolated Kneser-Ney: each count less a discount D, and what that frees goes to the next shorter context.

    p(w | context) = max(c(context w) - D, 0) / c(context ·) + D types(context ·) / c(context ·) p(w | shorter context).
    c counts occurrences at the longest context, and below it how many different tokens stand before (context w): Kneser
    and Ney (1995), interpolated as by Chen and Goodman (1999), down to the uniform distribution. Without `discounts`,
    one for each length from 1 on, D = n1 / (n1 + 2 n2), where n1 n-grams have c = 1 and n2 have c = 2 (Ney, Essen and
    Kneser, 1994), or 0.5 where n1 is 0. Raises ValueError for discounts of another number or outside 0 ... 1.
    """
    _check_grams(grams)
    counts = _continuations(grams)
    if discounts is None:
        discounts = [_share(c) if (c == 1).any() else 0.5 for c in counts]
    fit = isinstance(discounts, Sequence | np.ndarray) and len(discounts) == len(grams)
    fit = fit and all(isinstance(d, Real) and not isinstance(d, bool) and 0 <= d <= 1 for d in discounts)
    require(fit, f"discounts must be {len(grams)} numbers from 0 to 1, one for each length", discounts)
    return _discounted(grams, counts, [[0, d, d, d] for d in discounts])


def modified_kneser_ney(grams: list[Grams]) -> NgramModel:
    """Kneser-Ney with three discounts a length, for counts of 1, of 2, and of 3 and more: Chen and Goodman (1999).

    D_c = c - (c + 1) Y n_(c+1) / n_c with Y = n1 / (n1 + 2 n2), kept from 0 to c, where n_c n-grams have count c; or
    c / 2 where one of n1 ... n4 is 0.
    """
    _check_grams(grams)
    counts, discounts = _continuations(grams), []
    for c in counts:
        n, estimates = [np.count_nonzero(c == times) for times in range(5)], [0.5, 1.0, 1.5]
        if all(n[1:]):
            estimates = [times - (times + 1) * _share(c) * n[times + 1] / n[times] for times in (1, 2, 3)]
        discounts.append([0, *np.clip(estimates, 0, [1, 2, 3])])
    return _discounted(grams, counts, discounts)


def _continuations(grams: list[Grams]) -> list[np.ndarray]:
    """What Kneser-Ney counts: how many different tokens stand before each n-gram; of the longest, its occurrences."""
    before = [np.bincount(longer.suffixes, minlength=len(table.keys)) for table, longer in pairwise(grams)]
    return [*before, grams[-1].counts]


def _share(counts: np.ndarray) -> float:
    once, twice = np.count_nonzero(counts == 1), np.count_nonzero(counts == 2)
    return once / (once + 2 * twice)


def _discounted(grams: list[Grams], counts: list[np.ndarray], discounts: list[list[float | int]]) -> NgramModel:
    """Each count less its discount (for counts of 0, 1, 2, and 3 and more), and the freed share to shorter contexts."""
    levels = []
    for n, (table, c, discount) in enumerate(zip(grams, counts, discounts, strict=True), start=1):
        taken = np.array(discount)[np.minimum(c, 3)]
        contexts, totals = _sums(grams, n, c)
        whole = np.maximum(totals, 1)
        freed = np.bincount(contexts, weights=taken, minlength=len(totals))
        levels.append(_level(table, (c - taken) / whole[contexts], freed / whole, totals))
    return NgramModel(grams[0].vocab_size, levels)


def _sums(grams: list[Grams], n: int, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The row of each n-gram's context, and for each context the sum of its counts."""
    contexts, size = grams[n - 1].keys // grams[0].vocab_size, len(grams[n - 2].keys) if n > 1 else 1
    return contexts, np.bincount(contexts, weights=counts, minlength=size)


def _level(table: Grams, alpha: np.ndarray, gamma: np.ndarray, totals: np.ndarray) -> _Level:
    """A level whose contexts without counts, such as one that only ends the text, leave all to the shorter context."""
    return _Level(table.vocab_size, table.keys, np.append(alpha, 0.0), np.append(np.where(totals > 0, gamma, 1.0), 1.0))


def _check_grams(grams: Sequence[Grams]) -> None:
    """Refuse what is not the beginning of a list of `count_ngrams`: with other tables, contexts would be wrong."""
    tables = list(grams) if isinstance(grams, list | tuple) else []
    fit = tables and all(isinstance(table, Grams) for table in tables)
    require(fit, "grams must be a list of tables, what count_ngrams gives", grams)
    totals = [int(table.counts.sum()) for table in tables]  # a text of T tokens has T - n + 1 n-grams
    if tables[0].suffixes.any() or totals != [totals[0] - n for n in range(len(tables))]:
        raise ValueError(
            "grams must be count_ngrams(...) or its first tables, count_ngrams(...)[:n], but some are missing"
        )


def sample(
    model: NgramModel, prompt: Ids, length: int, temperature: float | int = 1.0, seed: int = 0
) -> Int[np.ndarray, " length"]:
    """`length` tokens after a prompt (which may be empty), each drawn from p^(1 / temperature), scaled to sum 1.

    At temperature 1 from the model's own distribution; below, the likelier tokens gain; above, the others. Raises
    ValueError for a temperature that is not above 0, a length or seed below 0, or a token outside 0 ... vocab_size - 1.

    >>> always = add_k(count_ngrams([0, 1, 2, 0, 1, 2], vocab_size=3, order=2), k=0)
    >>> sample(always, [1], length=4).tolist()
    [2, 0, 1, 2]
    """
    require(
        isinstance(model, NgramModel), "model must be an NgramModel, what add_k gives for one", type(model).__name__
    )
    tokens = ids_of("prompt", prompt, model.vocab_size)
    require_integer("length", length, at_least=0)
    require_number("temperature", temperature, above=0, below=math.inf)
    require_integer("seed", seed, at_least=0)
    random, start = np.random.default_rng(seed), len(tokens)
    for _ in range(length):
        p = model._distribution(tokens)
        scaled = (p / p.max()) ** (1 / temperature)
        tokens = np.append(tokens, random.choice(model.vocab_size, p=scaled / scaled.sum()))
    return tokens[start:]
