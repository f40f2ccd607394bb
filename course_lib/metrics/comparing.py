"""Which model is better: on the same items (McNemar's test), in pairwise comparisons (Bradley-Terry strengths and Elo
ratings), and when each may try several times (pass@k).

For the difference between two models' scores on the same items, with its interval, give both to `bootstrap_interval`.

Axes: K players.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse.csgraph import connected_components
from scipy.stats import binomtest
from torch import Tensor

from course_lib.validation import require, require_finite, require_integer, require_number

__all__ = ["Game", "McNemar", "bradley_terry", "elo", "mcnemar", "pass_at_k"]

Game = tuple[str, str, float | int]  # two players; the first scored 1 for a win, 0.5 for a tie, 0 for a loss


class McNemar(NamedTuple):
    """How many items only the first model got right, and only the second; how likely chance makes such a difference."""

    only_first: int
    only_second: int
    p_value: float


def mcnemar(first: ArrayLike | Tensor, second: ArrayLike | Tensor) -> McNemar:
    """McNemar's exact test (1947): did two models answer the same items equally well? `first` and `second` say, for
    each item, whether that model was right.

    Items that both models got right, or both wrong, say nothing about the difference. If the models were equally good,
    each other item would be a toss of a fair coin, so the p-value is that of a two-sided binomial test: the probability
    of a split at least as uneven as the one observed. It is 1 where the models never differ. Raises ValueError for
    anything but truth values (or 0 and 1), for unequal lengths, and for no items.

    >>> mcnemar([1, 1, 1, 1, 1, 0], [1, 0, 0, 0, 0, 0])
    McNemar(only_first=4, only_second=0, p_value=0.125)
    """
    right = [require_finite(name, one) for name, one in (("first", first), ("second", second))]
    for name, one in zip(("first", "second"), right, strict=True):
        fits = one.ndim == 1 and one.size and np.isin(one, (0, 1)).all()
        require(fits, f"{name} must hold truth values, or 0 and 1, in one row, and at least one", one)
    lengths = f"but they have {len(right[0])} and {len(right[1])}"
    if len(right[0]) != len(right[1]):
        raise ValueError(f"first and second must be about the same items, {lengths}")
    only_first, only_second = int((right[0] > right[1]).sum()), int((right[0] < right[1]).sum())
    differ = only_first + only_second
    return McNemar(only_first, only_second, float(binomtest(only_first, differ).pvalue) if differ else 1.0)


def pass_at_k(n_samples: int, n_passed: int, k: int) -> float:
    """The probability that at least one of k programs passes, estimated from n samples of which some passed.

    1 - C(n - passed, k) / C(n, k): Chen et al. (2021, section 2.1, equation 1). C(n, k) counts the ways to choose k of
    the n samples, C(n - passed, k) those without a single one that passed. The estimate is unbiased. The plain
    1 - (1 - passed / n)^k is too low, because it may draw one sample twice. For several problems take the mean.
    Raises ValueError for more passed than sampled, and for k below 1 or above n.

    >>> pass_at_k(n_samples=4, n_passed=1, k=2)
    0.5
    """
    require_integer("n_samples", n_samples, at_least=1)
    require_integer("n_passed", n_passed, at_least=0, at_most=n_samples)
    require_integer("k", k, at_least=1, at_most=n_samples)
    return 1 - math.comb(n_samples - n_passed, k) / math.comb(n_samples, k)


def bradley_terry(games: Iterable[Game]) -> dict[str, float]:
    """Each player's strength s in nats, most likely given all games: p(a beats b) = 1 / (1 + exp(s_b - s_a)).

    Bradley and Terry (1952), fitted by Hunter's iteration (2004, equation 3): exp(s_a) = wins of a /
    Σ_b games of a and b / (exp(s_a) + exp(s_b)). A tie counts as half a win for each. The mean strength is 0, since
    only differences matter; 400 / ln 10 times the strength is on Elo's scale. Raises ValueError for what is no game,
    and where some players won (or lost) all their games against the others, because then no finite strength is best.

    >>> strengths = bradley_terry([("a", "b", 1), ("a", "b", 1), ("a", "b", 1), ("a", "b", 0)])
    >>> round(strengths["a"] - strengths["b"], 6) == round(float(np.log(3)), 6)
    True
    """
    games = _games(games)
    names = list(dict.fromkeys(name for game in games for name in game[:2]))
    place = {name: index for index, name in enumerate(names)}
    wins = np.zeros((len(names), len(names)))  # (K, K): how often the row's player beat the column's
    for first, second, score in games:
        wins[place[first], place[second]] += score
        wins[place[second], place[first]] += 1 - score
    n_groups, group = connected_components(wins > 0, connection="strong")
    if n_groups > 1:
        inside = ", ".join(name for name, number in zip(names, group, strict=True) if number == group[0])
        raise ValueError(f"each group of players must win and lose against the others, but not so the group {inside}")
    played, p = wins + wins.T, np.ones(len(names))
    for _ in range(100_000):
        before = p
        p = wins.sum(axis=1) / (played / (p[:, None] + p)).sum(axis=1)
        p = p / np.exp(np.log(p).mean())
        if np.abs(np.log(p / before)).max() < 1e-10:
            break
    return dict(zip(names, np.log(p).tolist(), strict=True))


def elo(games: Iterable[Game], k: float | int = 32, start: float | int = 1000) -> dict[str, float]:
    """Each player's rating after these games in this order: winning raises it by k times the surprise (Elo, 1978).

    rating_a += k (score - expected), expected = 1 / (1 + 10^((rating_b - rating_a) / 400)), and b loses what a gains.
    So 400 points are odds of 10 to 1. This is Bradley and Terry's model, learned by one gradient step per game: late
    games count most, and another order gives other ratings. Raises ValueError for what is no game, and for k of 0 or
    below.

    >>> elo([("a", "b", 1)])
    {'a': 1016.0, 'b': 984.0}
    """
    require_number("k", k, above=0, below=math.inf)
    require_number("start", start, above=-math.inf, below=math.inf)
    ratings: dict[str, float] = {}
    for first, second, score in _games(games):
        a, b = ratings.setdefault(first, float(start)), ratings.setdefault(second, float(start))
        gain = k * (score - 1 / (1 + 10 ** ((b - a) / 400)))
        ratings[first], ratings[second] = a + gain, b - gain
    return ratings


def _games(games: Iterable[Game]) -> list[Game]:
    require(isinstance(games, Iterable) and not isinstance(games, str), "games must be a list of games", games)
    found = list(games)
    require(found, "games must hold at least one game", found)
    for index, game in enumerate(found):
        three = isinstance(game, tuple | list) and len(game) == 3
        fits = three and isinstance(game[0], str) and isinstance(game[1], str) and game[0] != game[1]
        require(fits, f"games[{index}] must be two different players' names and the first one's score", game)
        require_number(f"the score of games[{index}]", game[2], at_least=0, at_most=1)
    return found
