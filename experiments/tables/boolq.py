"""A verdict on two texts: is the answer of a passage to a question yes or no (BoolQ), by counts and by MiniLM?

MiniLM reads 96 tokens of question and passage together; counts have both whole. The accuracy is on 400 questions of the
test split, the same for all systems; `right` says of each whether it is right. C is chosen on 400 questions of the
validation split; the rate of fine-tuning is the one of the table fine_tuning, and there is one seed.
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
    """The rows of the table, one by one."""
    for system, labelled in (("majority", 1_000), ("TF-IDF", 1_000), ("TF-IDF", None), ("TF-IDF, question only", None)):
        yield row(system, labelled)
    yield row("fine-tuned", 1_000)


def row(system: str, labelled: int | None) -> dict:
    """The accuracy of a system fitted on so many labelled questions; None: on all."""
    splits = [split(name, n) for name, n in _sizes(labelled)]
    if system.endswith("question only"):
        splits = [([question for question, _ in texts], labels) for texts, labels in splits]
    train, validation, test = splits
    if system == "majority":
        answers = np.full(HELD_OUT, np.bincount(train[1]).argmax())
    elif system == "fine-tuned":
        rows = [readers.encoded(texts, LONGEST) for texts in (train[0], test[0])]
        answers = readers.fine_tuned((rows[0], train[1]), rows[1], len(train[1]), RATE, seed=1)
    else:
        _, answers = readers.counted(train, validation, test, choices=(1, 10, 100))
    right = answers == test[1]
    return {
        "system": system,
        "labelled": len(train[1]),
        "accuracy": rounded(bootstrap_interval(lambda x: x.mean(axis=-1), right.astype(float))),
        "right": "".join(str(int(one)) for one in right),
    }


def _sizes(labelled: int | None) -> list[tuple[str, int | None]]:
    return [("train", labelled), ("validation", HELD_OUT), ("test", HELD_OUT)]


@cache
def split(name: str, n: int | None) -> readers.Split:
    """The first questions of a split in an order of their own, each with its passage, and 1 for yes, 0 for no."""
    rows = data.question_set("boolq")[name]
    order = np.random.default_rng(0).permutation(len(rows))[:n]
    texts = [(rows[i].question, rows[i].passage) for i in order]
    return texts, np.array([int(rows[i].answers[0] == "yes") for i in order])
