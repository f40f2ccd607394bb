"""BM25 on BoolQ's validation questions and passages: saturation, length, cut words, and how often the title counts."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from course_lib import data
from course_lib.metrics import bootstrap_interval
from course_lib.metrics.ranking import reciprocal_ranks
from course_lib.retrieval import BM25, words_of
from experiments.shared import rounded

CHOICE = {"k1": 1.2, "b": 0.75, "letters": None, "title": 1}
K = 100


@cache
def questions(split: str) -> tuple[list[str], list[str], list[str]]:
    """A split's passages, its questions, and each question's passage, by its number."""
    rows = data.question_set("boolq")[split]
    passages = list(dict.fromkeys(row.passage for row in rows))
    numbers = {passage: str(number) for number, passage in enumerate(passages)}
    return passages, [row.question for row in rows], [numbers[row.passage] for row in rows]


def cut(text: str, letters: int | None) -> str:
    """The words of a text, each cut to its first letters."""
    return " ".join(word[:letters] for word in words_of(text))


def weighted(passage: str, title: int) -> str:
    """A passage ("Title -- text") whose title is written several times."""
    name, _, text = passage.partition(" -- ")
    return " ".join([name] * title + [text])


def row(k1: float | int, b: float | int, letters: int | None, title: int, split: str = "validation") -> dict[str, Any]:
    """The mean reciprocal rank with its 95% interval."""
    passages, queries, right = questions(split)
    index = BM25(k1, b)
    index.add({str(number): cut(weighted(passage, title), letters) for number, passage in enumerate(passages)})
    found = index.search([cut(query, letters) for query in queries], K)
    ranks = reciprocal_ranks([[hit.id for hit in hits] for hits in found], right)
    score = rounded(bootstrap_interval(lambda x: x.mean(-1), ranks))
    return {"k1": k1, "b": b, "letters": letters, "title": title, "split": split, "queries": len(queries), "MRR": score}


def rows() -> Iterator[dict[str, Any]]:
    """One change at a time, and a few together."""
    yield row(**CHOICE)
    for change in (
        {"k1": 0.6},
        {"k1": 2.0},
        {"b": 0.0},
        {"b": 0.4},
        {"b": 1.0},
        {"letters": 3},
        {"letters": 4},
        {"letters": 6},
        {"title": 2},
        {"title": 3},
        {"letters": 4, "title": 2},
    ):
        yield row(**CHOICE | change)
