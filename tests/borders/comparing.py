"""Borders of the metrics of Part IV: summaries, and models beside others."""

import math

from course_lib.metrics.comparing import bradley_terry, elo, mcnemar, pass_at_k
from course_lib.metrics.rouge import rouge, rouge_tokens

from borders import Border


def rows(of, *mistakes):
    return [Border(f"metrics.{of}", mistake, call, says) for mistake, call, says in mistakes]


def of_games(name, rate):
    return rows(
        f"comparing.{name}",
        ("no games", lambda: rate([]), "games must hold at least one game"),
        ("a number", lambda: rate(5), "games must be a list of games, but it is 5"),
        ("one game", lambda: rate(("a", "b", 1)), "games[0] must be two different players' names"),
        ("no score", lambda: rate([("a", "b")]), "games[0] must be two different players' names"),
        ("against oneself", lambda: rate([("a", "b", 1), ("a", "a", 1)]), "games[1] must be two different"),
        ("ids for names", lambda: rate([(1, 2, 1)]), "games[0] must be two different players' names"),
        ("a winner's name", lambda: rate([("a", "b", "a")]), "the score of games[0] must be a number"),
        ("percent", lambda: rate([("a", "b", 100)]), "the score of games[0] must be at least 0 and at most 1"),
        ("NaN", lambda: rate([("a", "b", math.nan)]), "the score of games[0] must be a number"),
    )


BORDERS = [
    *rows(
        "rouge.rouge",
        ("several texts", lambda: rouge(["a"], ["a"]), "summary must be a string, but it is ['a']"),
        ("None", lambda: rouge("a", None), "reference must be a string, but it is None"),
        ("a word for stem", lambda: rouge("a", "a", "porter"), "stem must be True or False, but it is 'porter'"),
    ),
    *rows(
        "rouge.rouge_tokens",
        ("bytes", lambda: rouge_tokens(b"a"), "text must be a string, but it is b'a'"),
        ("None for stem", lambda: rouge_tokens("a", None), "stem must be True or False, but it is None"),
    ),
    *rows(
        "comparing.mcnemar",
        ("unequal lengths", lambda: mcnemar([1, 0], [1]), "must be about the same items, but they have 2 and 1"),
        ("no items", lambda: mcnemar([], []), "first must hold truth values, or 0 and 1, in one row, and at least one"),
        ("answers", lambda: mcnemar([1, 0], [2, 0]), "second must hold truth values, or 0 and 1"),
        ("probabilities", lambda: mcnemar([0.2, 1], [1, 0]), "first must hold truth values, or 0 and 1"),
        ("one number", lambda: mcnemar(1, 0), "first must hold truth values, or 0 and 1, in one row"),
        ("None", lambda: mcnemar([None], [1]), "first must be numbers, but at (0,) there is None"),
        ("words", lambda: mcnemar(["yes"], ["no"]), "first must be numbers"),
    ),
    *rows(
        "comparing.pass_at_k",
        ("k above n", lambda: pass_at_k(5, 2, 10), "k must be at least 1 and at most 5, but it is 10"),
        ("k of 0", lambda: pass_at_k(5, 2, 0), "k must be at least 1 and at most 5"),
        ("more passed than sampled", lambda: pass_at_k(5, 6, 1), "n_passed must be at least 0 and at most 5"),
        ("no samples", lambda: pass_at_k(0, 0, 1), "n_samples must be at least 1"),
        ("a share", lambda: pass_at_k(5, 0.4, 1), "n_passed must be an integer, but it is 0.4"),
    ),
    *of_games("bradley_terry", bradley_terry),
    *rows(
        "comparing.bradley_terry",
        ("only wins", lambda: bradley_terry([("a", "b", 1)]), "each group of players must win and lose"),
    ),
    *of_games("elo", elo),
    *rows(
        "comparing.elo",
        ("k of 0", lambda: elo([("a", "b", 1)], k=0), "k must be above 0 and finite, but it is 0"),
        ("no start", lambda: elo([("a", "b", 1)], start=None), "start must be a number, but it is None"),
    ),
]
NOTHING = {}
