"""Skip-gram on a little text: what its settings change, measured by the neighbours that GloVe gives the same words."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib import data
from course_lib.embeddings import SkipGramConfig, normalise, train_skipgram
from course_lib.metrics import bootstrap_interval
from experiments.shared import raising_at_the_stop, rounded
from experiments.tables.word2vec import corpus

EVERY = 3  # of the reviews that word2vec.corpus() holds
CHOICE = {"window": 5, "learning_rate": 0.1, "negatives": 5, "noise_power": 0.75, "subsample": 1e-3}
SEEDS = (1, 2, 3)
FREQUENT, ASKED, NEAREST = 2000, 1000, 10


@cache
def documents() -> list[list[int]]:
    """The reviews that are trained on."""
    return corpus()[1][::EVERY]


@cache
def _by_glove() -> tuple[list[int], Tensor]:
    """The most frequent words that GloVe knows, and for some of them which others are the nearest by GloVe."""
    glove = data.glove()
    words = corpus()[0]
    frequent = [id for id, word in enumerate(words) if word in glove][:FREQUENT]
    return frequent, _nearest(torch.from_numpy(np.stack([glove[words[id]] for id in frequent])))


def _nearest(vectors: Tensor) -> Tensor:
    """A row for each word that is asked for, 1 at its nearest words; the first tenth is too frequent to ask for."""
    unit = normalise(vectors)
    first = FREQUENT // 10
    cosines = unit[first : first + ASKED] @ unit.T
    cosines[torch.arange(ASKED), torch.arange(ASKED) + first] = -2.0  # not the word itself
    return torch.zeros_like(cosines).scatter_(1, cosines.topk(NEAREST).indices, 1.0)


def shares(choice: dict[str, Any], seed: int) -> np.ndarray:
    """For 1,000 words, the share of the ten nearest words that are among the ten nearest by GloVe."""
    config = SkipGramConfig(d_embed=50, epochs=2, seed=seed, **choice)
    with raising_at_the_stop():
        vectors = train_skipgram(documents(), len(corpus()[0]), config)[0]
    frequent, by_glove = _by_glove()
    return (_nearest(vectors[frequent]) * by_glove).sum(1).double().numpy() / NEAREST


def row(seed: int, **choice: float | int) -> dict[str, Any]:
    """The mean share of a choice with a seed, and its 95% interval over the words."""
    score = rounded(bootstrap_interval(lambda values: values.mean(-1), shares(choice, seed)))
    return choice | {"seed": seed, "score": score}


def rows() -> Iterator[dict[str, Any]]:
    """One change at a time, with three seeds."""
    changes: list[dict[str, float | int]] = [
        {},
        {"window": 2},
        {"window": 10},
        {"learning_rate": 0.025},
        {"learning_rate": 0.05},
        {"negatives": 1},
        {"negatives": 15},
        {"noise_power": 0},
        {"noise_power": 1},
        {"subsample": 0},
        {"subsample": 1e-4},
    ]
    for change in changes:
        for seed in SEEDS:
            yield row(seed, **CHOICE | change)
