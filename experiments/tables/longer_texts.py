"""Longer texts: a question about a passage (BoolQ) and whole reviews (IMDb), by counts and by MiniLM.

MiniLM reads 96 tokens of each text, or of question and passage together; counts have the whole text. The accuracy is on
400 texts of the test split, the same for all systems; `right` says of each whether it is right. C is chosen on 400
texts of the validation split; the rate of fine-tuning is the one of the table fine_tuning, and there is one seed.
"""

from collections.abc import Iterator
from functools import cache

import numpy as np

from course_lib import data
from course_lib.metrics import bootstrap_interval
from experiments import readers
from experiments.shared import rounded

__all__ = ["row", "rows"]

HELD_OUT, LONGEST, RATE = 400, 96, 1e-4


def rows() -> Iterator[dict]:
    for system, labelled in (("majority", 1_000), ("TF-IDF", 1_000), ("TF-IDF", None), ("TF-IDF, question only", None)):
        yield row("BoolQ", system, labelled)
    yield row("IMDb", "TF-IDF", 1_000)
    yield row("BoolQ", "fine-tuned", 1_000)
    yield row("IMDb", "fine-tuned", 1_000)


def row(task: str, system: str, labelled: int | None) -> dict:
    """The accuracy of a system fitted on so many labelled texts; None: on all."""
    splits = [split(task, name, n) for name, n in _sizes(labelled)]
    if system.endswith("question only"):
        splits = [([question for question, _ in texts], labels) for texts, labels in splits]
    train, validation, test = splits
    if system == "majority":
        answers = np.full(HELD_OUT, np.bincount(train[1]).argmax())
    elif system == "fine-tuned":
        rows = [readers.encoded(texts, LONGEST) for texts in (train[0], test[0])]
        answers = readers.fine_tuned((rows[0], train[1]), rows[1], labelled, RATE, seed=1)
    else:
        _, answers = readers.counted(train, validation, test, choices=(1, 10, 100))
    right = answers == test[1]
    return {
        "task": task,
        "system": system,
        "labelled": len(train[1]),
        "accuracy": rounded(bootstrap_interval(lambda x: x.mean(axis=-1), right.astype(float))),
        "right": "".join(str(int(one)) for one in right),
    }


def _sizes(labelled: int | None) -> list[tuple[str, int | None]]:
    return [("train", labelled), ("validation", HELD_OUT), ("test", HELD_OUT)]


@cache
def split(task: str, name: str, n: int | None) -> readers.Split:
    """The first texts of a split in an order of their own, with labels: of BoolQ, pairs of a question and a passage."""
    if task == "BoolQ":
        rows = [
            ((question.question, question.passage), int(question.answers[0] == "yes"))
            for question in data.question_set("boolq")[name]
        ]
    else:
        rows = data.movie_reviews("imdb")[name]
    order = np.random.default_rng(0).permutation(len(rows))[:n]
    texts, labels = zip(*(rows[i] for i in order), strict=True)
    return texts, np.array(labels)
