"""A verdict on a sentence: how many labelled sentences does a reader need, with pretrained weights and without?

Rotten Tomatoes, whose labels are half and half. Each seed draws its own labelled sentences from the training split.
Every choice (C, layer, passes of the convolutions) is made on the 852 validation sentences, and the rate was
chosen there once, by a few runs with seed 0; the accuracy is on the 854 test sentences, the same for all. `right` says
of each whether it is right, so that systems can be compared on the same sentences.
"""

from collections.abc import Callable, Iterator
from functools import cache, partial

import numpy as np

from course_lib import data
from course_lib.metrics import bootstrap_interval
from experiments import readers
from experiments.shared import rounded

__all__ = ["row", "rows"]

PASSES = {50: 500, 200: 1_200, 1_000: 3_000, 2_000: 4_000, 6_817: 6_817}  # sentences read in fine-tuning
RATE = 1e-4
SEEDS = (1, 2, 3)
ALL = 6_817
FROM_RANDOM = (200, 2_000)
Answers = Callable[..., tuple[np.ndarray | None, np.ndarray]]


def rows() -> Iterator[dict]:
    """The rows of the table, one by one."""
    for system in ("TF-IDF, words", "TF-IDF, words and pairs", "TF-IDF, letters", "naive Bayes weights, pairs"):
        yield row(system, ALL, 1)
    sampled = [(n, seed) for n in PASSES for seed in SEEDS if n != ALL]
    for n, seed in sampled:
        yield row("TF-IDF, words and pairs", n, seed)
    for n, seed in [*sampled, *((ALL, seed) for seed in SEEDS)]:
        yield row("convolutions, GloVe vectors", n, seed)
    for seed in SEEDS:
        yield row("convolutions, random vectors", ALL, seed)
    for layer in range(7):
        yield row(f"frozen, layer {layer}", ALL, 1)
    for n, seed in [*sampled, (ALL, 1)]:
        yield row("frozen, all layers", n, seed)
    for n, seed in [*sampled, *((ALL, seed) for seed in SEEDS)]:
        yield row("fine-tuned", n, seed)
    for n in FROM_RANDOM:
        yield row("random weights", n, 1)


def row(system: str, labelled: int, seed: int) -> dict:
    """The accuracy of a system fitted on so many labelled sentences."""
    train = sample(labelled, seed)
    validation, test = (split("rotten_tomatoes", name) for name in ("validation", "test"))
    chosen, answers = _answers(system)(train, validation, test, seed=seed)
    right = answers == test[1]
    return {
        "system": system,
        "labelled": labelled,
        "seed": seed,
        "validation": None if chosen is None else round(float((chosen == validation[1]).mean()), 4),
        "accuracy": rounded(bootstrap_interval(lambda x: x.mean(axis=-1), right.astype(float))),
        "right": "".join(str(int(one)) for one in right),
    }


@cache
def split(source: str, name: str) -> readers.Split:
    """The texts of a split, and their labels."""
    texts, labels = zip(*data.movie_reviews(source)[name], strict=True)
    return texts, np.array(labels)


def sample(n: int, seed: int) -> readers.Split:
    """So many sentences of the training split, drawn by the seed; all of them in one order."""
    texts, labels = split("rotten_tomatoes", "train")
    some = np.arange(len(texts)) if n == len(texts) else np.random.default_rng(seed).permutation(len(texts))[:n]
    return [texts[i] for i in some], labels[some]


def _answers(system: str) -> Answers:
    counts = {
        "TF-IDF, words": {"ngrams": 1},
        "TF-IDF, words and pairs": {"ngrams": 2},
        "TF-IDF, letters": {"characters": True},
        "naive Bayes weights, pairs": {"weights": "naive Bayes"},
    }
    if system in counts:
        return partial(_counted, **counts[system])
    if system.startswith("convolutions"):
        return partial(readers.convolved, pretrained="GloVe" in system)
    if system.startswith("frozen"):
        return partial(_frozen, layer=None if "all" in system else int(system[-1]))
    return partial(_fine_tuned, pretrained=system == "fine-tuned")


def _counted(*splits: readers.Split, seed: int, **settings: object) -> tuple[np.ndarray, np.ndarray]:
    return readers.counted(*splits, **settings)


@cache
def _states(name: str) -> tuple[dict[str, int], np.ndarray]:
    texts, _ = split("rotten_tomatoes", name)
    bert, _ = readers.minilm()
    return {text: number for number, text in enumerate(texts)}, readers.states_of(bert, readers.encoded(texts, 64))


def _frozen(*splits: readers.Split, seed: int, layer: int | None) -> tuple[np.ndarray, np.ndarray]:
    features = []
    for name, (texts, _) in zip(("train", "validation", "test"), splits, strict=True):
        numbers, states = _states(name)
        chosen = states[[numbers[text] for text in texts]]
        features.append(chosen.reshape(len(chosen), -1) if layer is None else chosen[:, layer])
    return readers.logistic(*features, splits[0][1], splits[1][1], choices=(0.0003, 0.003, 0.03, 0.3, 3), scaled=True)


def _fine_tuned(
    train: readers.Split, validation: readers.Split, test: readers.Split, seed: int, pretrained: bool
) -> tuple[None, np.ndarray]:
    rows = [readers.encoded(texts, 64) for texts in (train[0], test[0])]
    return None, readers.fine_tuned((rows[0], train[1]), rows[1], PASSES[len(train[0])], RATE, seed, pretrained)
