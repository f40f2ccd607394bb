"""Finding test questions in the training text of a model by its probabilities alone, in several ways.

The model is a 4-gram model of characters; half of the questions stand in its training text, once each. A reference
model has read other articles, and none of the questions.
"""

import random
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Float
from sklearn.metrics import roc_auc_score

from course_lib import data
from course_lib.metrics import bootstrap_interval
from course_lib.ngrams import NgramModel, count_ngrams, kneser_ney
from course_lib.tokenizers import CharTokenizer
from experiments.shared import rounded

QUESTIONS, CHARACTERS, ORDER = 200, 400_000, 4
USUAL = {"part": "question", "lowest": 1.0, "reference": 0.0}
PARTS_OF_AN_ITEM = ("question", "answer", "both")


@cache
def models() -> tuple[CharTokenizer, NgramModel, NgramModel]:
    """The tokenizer, the model that has read the first half of the questions, and the reference."""
    articles = "\n\n".join(data.wikipedia().values())
    text, other = articles[:CHARACTERS], articles[-CHARACTERS:]
    pieces, dice = text.split("\n\n"), random.Random(0)
    for question, answer in items()[: QUESTIONS // 2]:
        pieces.insert(dice.randrange(len(pieces)), f"{question}\n{answer}")
    tokenizer = CharTokenizer.train([text, other], special_tokens=["<unk>"])
    fitted = []
    for one in ("\n\n".join(pieces), other):
        fitted.append(kneser_ney(count_ngrams(tokenizer.encode(one), tokenizer.vocab_size, ORDER)))
    return tokenizer, *fitted


@cache
def items() -> list[tuple[str, str]]:
    """The questions with their right answers."""
    return [(one.question, one.answers[0]) for one in data.question_set("commonsense_qa")["test"][:QUESTIONS]]


def nats(number: int, part: str, reference: float | int) -> Float[np.ndarray, " T"]:
    """ln p of each character of a part of an item, minus a share of what the reference gives it."""
    tokenizer, model, other = models()
    question, answer = items()[number]
    ids, start = tokenizer.encode(f"{question}\n{answer}"), len(question)
    found = model.log_probabilities(ids) - reference * other.log_probabilities(ids)
    return {"question": found[:start], "answer": found[start:], "both": found}[part]


def row(part: str, lowest: float | int, reference: float | int) -> dict[str, Any]:
    """The area under the ROC curve: how often an item that was read scores higher than one that was not.

    An item's score is the mean over the share `lowest` of its characters with the lowest values.
    """
    scores = []
    for number in range(QUESTIONS):
        values = np.sort(nats(number, part, reference))
        scores.append(values[: max(1, round(lowest * len(values)))].mean())
    labels = np.arange(QUESTIONS) < QUESTIONS // 2
    interval = bootstrap_interval(_areas, labels.astype(float), np.array(scores), n_resamples=300)
    return {"part": part, "lowest": lowest, "reference": reference, "items": QUESTIONS, "AUC": rounded(interval)}


def _areas(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    flat = zip(labels.reshape(-1, labels.shape[-1]), scores.reshape(-1, scores.shape[-1]), strict=True)
    return np.array([roc_auc_score(one, other) for one, other in flat]).reshape(labels.shape[:-1])


def rows() -> Iterator[dict[str, Any]]:
    """One change at a time."""
    yield row(**USUAL)
    for change in (
        {"part": "answer"},
        {"part": "both"},
        {"lowest": 0.1},
        {"lowest": 0.3},
        {"lowest": 0.7},
        {"reference": 0.5},
    ):
        yield row(**USUAL | change)
