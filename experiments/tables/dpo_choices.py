"""How far 15 steps of DPO or fewer can go towards the lines that the program prefers, for at most 1 nat of KL.

Measured on prompts of the validation plays; the choices are β, the learning rate and the number of steps.
"""

import copy
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

from course_lib.metrics import bootstrap_interval
from experiments import replies
from experiments.replies import Pair, long_words
from experiments.shared import one_core, rounded

CHOICE: dict[str, float] = {"beta": 0.1, "learning_rate": 3e-4, "steps": 15}
MOST_KL = 1.0
ASKED, MEASURED, EACH = 400, 200, 2


@cache
def pairs() -> list[Pair]:
    """Pairs of the model's own lines after prompts of the training plays, the preferred one first."""
    return replies.judged(replies.prompts("train", ASKED), 0)


@cache
def before() -> list[int]:
    """The long words in the lines that the model wrote before."""
    asked = replies.prompts("validation", MEASURED)
    return [long_words(line) for line in replies.sampled(replies.model()[0], asked, 1, EACH)]


def row(beta: float, learning_rate: float, steps: int) -> dict[str, Any]:
    """The win rate over the lines from before, a tie counted as half, and the KL in nats per line."""
    asked = replies.prompts("validation", MEASURED)
    writer, reference = copy.deepcopy(replies.model()[0]), replies.model()[0]
    with one_core():
        if steps:
            replies.dpo(writer, pairs(), steps, 0, beta, learning_rate)
        ours = np.array([long_words(line) for line in replies.sampled(writer, asked, 2, EACH)])
        theirs = np.array(before())
        kl = np.array(replies.divergence(writer, reference, [one for one in asked for _ in range(EACH)], 2))
    wins = ((ours > theirs) + 0.5 * (ours == theirs)).reshape(MEASURED, EACH).mean(axis=1)
    kl = kl.reshape(MEASURED, EACH).mean(axis=1)
    stored = {"beta": beta, "learning_rate": learning_rate, "steps": steps}
    return stored | {"win rate": _mean(wins), "KL": _mean(kl)}


def _mean(values: np.ndarray) -> list[float]:
    return rounded(bootstrap_interval(lambda x: x.mean(axis=-1), values))


def rows() -> Iterator[dict[str, Any]]:
    """The model itself; the usual choice; and one or two changes of it."""
    yield row(0.1, 3e-4, 0)
    for change in (
        {},
        {"steps": 5},
        {"beta": 0.03},
        {"beta": 0.3},
        {"learning_rate": 1e-4},
        {"learning_rate": 6e-4},
        {"learning_rate": 1e-3},
        {"beta": 0.3, "learning_rate": 6e-4},
        {"beta": 1.0, "learning_rate": 6e-4},
    ):
        yield row(**CHOICE | change)
