"""Exercises of the notebook retrieval."""

import math
import random

import torch
from course_lib import files
from experiments.tables import bm25_settings
from torch import Generator

from classroom.answers import Mistake
from classroom.exercise import case, exercise, experiment

__all__ = ["bm25", "fuse", "ranks_of_right", "settings", "tune"]

WORDS = "the dog bit a man cat saw old river".split()
BY_HAND = ["dog"], [["dog", "bit", "dog"], ["man"], ["dog", "saw", "a", "cat", "again"]], 1.0, 1.0


def _collection(seed, count, asked):
    dice = random.Random(seed)
    passages = [dice.choices(WORDS, k=dice.randint(2, 11)) for _ in range(count)]
    return dice.sample(WORDS, asked), passages, 1.2, 0.75


@exercise(
    praise="three passages of 3, 1 and 5 words: tf over tf plus k1 times the relative length, times the idf.",
    cases=lambda seed: [
        BY_HAND,
        _collection(seed, 7, 2),
        _collection(seed + 1, 5, 3),
        case(["dog", "dog"], *_collection(seed + 2, 5, 1)[1:], edge="a word that occurs twice in the query"),
        case(["unicorn", "dog"], *_collection(seed + 3, 5, 1)[1:], edge="a word that no passage has"),
    ],
    wrong={
        "the idf is missing: a rare word must count more than a frequent one.": {"idf": lambda N, df: 1.0},
        "without the 1 inside the logarithm, a word in more than half of the passages counts below 0: ln(1 + ...).": {
            "idf": lambda N, df: math.log((N - df + 0.5) / (df + 0.5))
        },
        "this is the idf of TF-IDF, ln(N / df): BM25's is ln(1 + (N - df + 0.5) / (df + 0.5)).": {"idf": lambda N, df: math.log(N / max(df, 0.5))},
        "df is the number of passages that hold the word, not how often it occurs in all of them.": {
            "df": lambda word, passages: sum(p.count(word) for p in passages)
        },
        "nothing saturates: tf stands in the denominator, too.": {"gain": lambda tf, k1, norm: tf / (k1 * norm)},
        "a word counts once per passage here: use how often it occurs.": {"count": lambda passage, word: float(word in passage)},
        "the length is missing: k1 is multiplied by 1 - b + b length / mean length.": {"norm": lambda b, length, mean: 1.0},
        "the length is upside down: a longer passage needs a larger denominator.": {"norm": lambda b, length, mean: 1 - b + b * mean / length},
        "b and 1 - b are swapped: with b = 0, the length must not matter.": {"norm": lambda b, length, mean: b + (1 - b) * length / mean},
        "this is the older form with k1 + 1 above the line: every score is that much larger.": {"gain": lambda tf, k1, norm: (k1 + 1) * tf / (tf + k1 * norm)},
        "a word that occurs twice in the query counts twice.": {"asked": lambda query: list(dict.fromkeys(query))},
    },
)
def bm25(
    query,
    passages,
    k1,
    b,
    *,
    idf=lambda N, df: math.log(1 + (N - df + 0.5) / (df + 0.5)),
    df=lambda word, passages: sum(word in passage for passage in passages),
    gain=lambda tf, k1, norm: tf / (tf + k1 * norm),
    count=lambda passage, word: passage.count(word),
    norm=lambda b, length, mean: 1 - b + b * length / mean,
    asked=list,
):
    """The BM25 score of each passage, a list of words, for a query, a list of words."""
    mean = sum(map(len, passages)) / len(passages)
    scores = []
    for passage in passages:
        score = 0.0
        for word in asked(query):
            tf = count(passage, word)
            if tf:
                score += idf(len(passages), df(word, passages)) * gain(tf, k1, norm(b, len(passage), mean))
        scores.append(score)
    return scores


SHELF = {"A": (1, 1, 100), "B": (0, 6, 100), "C": (1, 0, 100), "D": (0, 3, 300), "E": (0, 2, 50)}
IDF = {"volcano": 1.5, "ash": 1.0}  # by the order of the counts


def _order(design):
    """From k1 and b to which passage of the shelf stands above which."""

    def asked(question):
        try:
            k1, b = map(float, design())
        except (TypeError, ValueError):
            raise Mistake("two numbers are expected, k1 and b.") from None
        if not (0 <= k1 < math.inf and 0 <= b <= 1):
            raise Mistake("k1 is at least 0, and b is from 0 to 1.")
        scores = {}
        for name, (*counts, length) in SHELF.items():
            norm = k1 * (1 - b + b * length / 100)
            scores[name] = sum(idf * tf / (tf + norm) for idf, tf in zip(IDF.values(), counts, strict=True) if tf)
        return scores[question[0]] > scores[question[-1]]

    return asked


@exercise(
    kind="design",
    through=_order,
    praise="k1 says how soon the next occurrence of a word adds little, b how much a long passage must have to keep up.",
    cases=lambda seed: [("A above B",), ("B above C",), ("D above C",), ("E above D",)],
    wrong={
        "A, which has both words, is still below B, which repeats one: how soon must repetition stop to pay?": {"k1": 5.0},
        "E is still below D, which needs six times its length for one more occurrence: the length must count more.": {"b": 0.0},
        "D is still below C: its length counts too much.": [{"b": 0.75}, {"k1": 1.2, "b": 0.75}],
        "B and D are below C, although they repeat their word: repetition saturates too soon.": {"k1": 0.5},
    },
)
def settings(*, k1=2.0, b=0.22):
    """k1 and b with which A > B > C, D > C and E > D."""
    return k1, b


def _scores(seed, Q, N):
    generator = Generator().manual_seed(seed)
    return torch.randint(5, (Q, N), generator=generator).float(), torch.randint(N, (Q,), generator=generator)


def _optimistic(scores, right):
    own = scores.gather(1, right[:, None])
    return 1 + (scores > own).sum(dim=1)


@exercise(
    kind="debug",
    found=_optimistic,
    praise="where all scores are equal, the right passage is last: a system that knows nothing gets nothing.",
    cases=lambda seed: [
        (torch.tensor([[0.9, 0.1, 0.5], [0.2, 0.4, 0.3]]), torch.tensor([0, 2])),
        case(torch.ones(2, 5), torch.tensor([3, 0]), edge="scores that are all equal"),
        _scores(seed, 7, 11),
        _scores(seed + 1, 5, 3),
    ],
    wrong={
        "the passage is compared with itself, too, and counted twice: the best has rank 1.": {"first": 1},
        "ranks count from 1, not from 0.": {"first": -1},
        "this counts how many score lower: the best passage has rank 1.": {"beats": torch.le},
        "among equal scores, the right passage comes last: yours comes in the order of the passages.": lambda scores, right: (
            scores.argsort(dim=1, descending=True, stable=True).argsort(dim=1).gather(1, right[:, None])[:, 0] + 1
        ),
    },
)
def ranks_of_right(scores, right, *, first=0, beats=torch.ge):
    """The rank of each query's right passage, the worst among equal scores; scores are (Q, N), right is (Q,)."""
    own = scores.gather(1, right[:, None])
    return first + beats(scores, own).sum(dim=1)


def _rankings(seed):
    """Two rankings, drawn until no two ids have the same score: the order of equals is free."""
    dice = random.Random(seed)
    while True:
        rankings = [dice.sample("abcdefg", dice.randint(4, 6)) for _ in range(2)]
        constant = dice.randint(1, 60)
        scores = [sum(1 / (constant + 1 + ids.index(id)) for ids in rankings if id in ids) for id in {*rankings[0], *rankings[1]}]
        if len({round(score, 9) for score in scores}) == len(scores):
            return rankings, constant


@exercise(
    praise="c is second and first, a is first and missing: 1/62 + 1/61 against 1/61.",
    cases=lambda seed: [
        ([["a", "c", "b"], ["c", "d"]], 60),
        ([["a", "b", "c", "d"], ["b", "e", "a"]], 1),
        ([["a", "b", "c"], ["d", "c", "a"], ["c", "b", "a"]], 10),
        _rankings(seed),
        case([["b", "a"]], 60, edge="a single ranking"),
    ],
    wrong={
        "only what all rankings hold is left: a document that one of them misses simply adds nothing there.": {
            "kept": lambda id, rankings: all(id in ranking for ranking in rankings)
        },
        "the worst comes first: sort by the sum in descending order.": {"sign": 1},
        "this is the mean over the rankings that hold the document: being found twice must count more.": {"total": lambda parts: sum(parts) / len(parts)},
        "only the best rank of each document counts here: add up over the rankings.": {"total": max},
        "the ids are sorted by the alphabet: sort by the sum.": lambda rankings, constant: sorted({id for ranking in rankings for id in ranking}),
        "this is the first ranking, then what it misses: all rankings count alike.": lambda rankings, constant: list(
            dict.fromkeys(id for ranking in rankings for id in ranking)
        ),
    },
)
def fuse(rankings, constant, *, kept=lambda id, rankings: True, sign=-1, total=sum):
    """The ids of several rankings, ordered by the sum of 1 / (constant + rank)."""
    parts = {}
    for ranking in rankings:
        for rank, id in enumerate(ranking, start=1):
            parts.setdefault(id, []).append(1 / (constant + rank))
    found = [id for id in parts if kept(id, rankings)]
    return sorted(found, key=lambda id: sign * total(parts[id]))


def _stored():
    rows = files.load_results("bm25_settings")["rows"]
    usual = bm25_settings.CHOICE
    named = []
    for row in rows:
        changes = [f"{name} {row[name]}" for name, value in usual.items() if row[name] != value]
        named.append((", ".join(changes) or "the usual choice", row["MRR"][0]))
    return named


def _choice(**changes):
    return {"k1": 1.2, "b": 0.75, "letters": 6, "title": 5} | changes


@experiment(
    goal=0.885,
    unit="mean reciprocal rank on BoolQ's validation questions",
    lower_is_better=False,
    stored=_stored,
    advice={
        "words cut to fewer letters, so that *games* and *game* are one.": lambda choice: choice["letters"] is None or choice["letters"] > 7,
        "words cut to more letters: with so few, different words become one.": lambda choice: (choice["letters"] or 20) < 5,
        "a title that counts more often: questions name what they are about.": lambda choice: choice["title"] < 4,
        "k1 and b nearer to the usual 1.2 and 0.75.": lambda choice: True,
    },
    wrong={
        "words cut to fewer letters": lambda: _choice(letters=None, title=1),
        "words cut to more letters": lambda: _choice(letters=3),
        "a title that counts more often": lambda: _choice(title=1),
        "k1 and b nearer to the usual": lambda: _choice(k1=50.0, b=0.0),
        "k1 is a number from 0 to 100, but yours is -1.": lambda: _choice(k1=-1),
        "b is a number from 0 to 1, but yours is 75.": lambda: _choice(b=75),
        "letters is None or a whole number from 1 to 20, but yours is 0.": lambda: _choice(letters=0),
        "title is a whole number from 1 to 10, but yours is 0.": lambda: _choice(title=0),
        "a dictionary with k1, b, letters, title is expected": lambda: {"k1": 1.2},
    },
)
def tune(choice, seed):
    """Saturation, length, letters kept of each word, and how often the title counts."""
    if not isinstance(choice, dict) or set(choice) != {"k1", "b", "letters", "title"}:
        raise Mistake("a dictionary with k1, b, letters, title is expected, and nothing else.")
    k1, b, letters, title = (choice[name] for name in ("k1", "b", "letters", "title"))
    for name, value, most in (("k1", k1, 100), ("b", b, 1)):
        if not isinstance(value, int | float) or not 0 <= value <= most:
            raise Mistake(f"{name} is a number from 0 to {most}, but yours is {value}.")
    if letters is not None and letters not in range(1, 21):
        raise Mistake(f"letters is None or a whole number from 1 to 20, but yours is {letters}.")
    if title not in range(1, 11):
        raise Mistake(f"title is a whole number from 1 to 10, but yours is {title}.")
    return bm25_settings.row(k1, b, letters, title)["MRR"][0]
