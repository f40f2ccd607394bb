"""Skip-gram on a third of the movie reviews beside counting with the same window, each tuned."""

import itertools
import math
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib import data
from course_lib.embeddings import (
    SkipGramConfig,
    cooccurrence,
    cosine_similarity,
    keep_probability,
    ppmi,
    svd_vectors,
    train_skipgram,
)
from course_lib.metrics import bootstrap_interval, spearman
from experiments.shared import judgements, raising_at_the_stop, rounded, words_of

EVERY = 3  # one review in three
MIN_COUNT = 5
WINDOW, WIDTH = 5, 100
SETS = ("wordsim353", "simlex999")
SEEDS = (1, 2, 3)
SETTINGS: dict[str, tuple[tuple[float, ...], ...]] = {
    # learning rate, passes over the text
    "skip-gram": ((0.2, 2), (0.4, 2), (0.8, 2), (0.2, 5), (0.4, 5)),
    # smoothing of the contexts, k of the shift ln k, power of the singular values
    "counting": tuple(itertools.product((1.0, 0.75), (1.0, 5.0), (-0.5, -0.25, 0.0, 0.25, 0.5))),
}
PLAIN = "counting, plain window"  # all distances alike, no subsampling
PARTS = ("row", "difference")


@cache
def corpus() -> tuple[list[str], list[list[int]]]:
    """The words that a third of the reviews holds at least MIN_COUNT times, most frequent first; each review as ids."""
    splits = (split for source in ("imdb", "rotten_tomatoes") for split in data.movie_reviews(source).values())
    reviews = [text for split in splits for text, _ in split]
    texts = [words_of(text) for text in reviews[::EVERY]]
    counts = Counter(word for text in texts for word in text)
    words = [word for word, count in counts.most_common() if count >= MIN_COUNT]
    ids = {word: id for id, word in enumerate(words)}
    return words, [[ids[word] for word in text if word in ids] for text in texts]


def similarities(vectors: Tensor, name: str, part: str) -> tuple[np.ndarray, np.ndarray]:
    """What people say of the known pairs of a set, and the cosine similarities of these vectors."""
    pairs, people = judgements(name, {word: id for id, word in enumerate(corpus()[0])}, part)
    return people, cosine_similarity(vectors[pairs[:, 0]], vectors[pairs[:, 1]]).numpy()


def counted(seed: int | None) -> Any:
    """Co-occurrence as word2vec weights it: frequent words thinned by chance, and the mean of the windows 1 to 5.

    A word's reach is drawn from 1 to WINDOW there, so the mean over these windows is what is expected of it. With
    seed=None nothing is thinned, and all distances up to WINDOW count alike.
    """
    words, documents = corpus()
    text = torch.tensor([id for document in documents for id in [*document, *[-1] * WINDOW]])
    if seed is None:
        return cooccurrence(text, len(words), WINDOW)
    keep = keep_probability(text[text >= 0].bincount(minlength=len(words)), SkipGramConfig().subsample)
    chance = torch.rand(len(text), generator=torch.Generator().manual_seed(seed))
    text = text[(text < 0) | (chance < keep[text])]  # text[-1] is the last word: its place in `keep` does not matter
    return sum(cooccurrence(text, len(words), reach) for reach in range(1, WINDOW + 1)) / WINDOW


@cache
def _directions(seed: int | None, smoothing: float, k: float) -> Tensor:
    """The singular vectors times their values, of PPMI shifted by ln k."""
    table = ppmi(counted(seed), smoothing)
    table.data = np.maximum(table.data - math.log(k), 0)
    return svd_vectors(table, WIDTH, power=1.0)


@cache
def vectors_of(system: str, setting: tuple[float, ...], seed: int) -> Tensor:
    words, documents = corpus()
    if system in ("counting", PLAIN):
        smoothing, k, power = setting
        scaled = _directions(None if system == PLAIN else seed, smoothing, k)
        return scaled * scaled.norm(dim=0) ** (power - 1)  # the norm of a column is its singular value
    with raising_at_the_stop():
        rate, passes = setting
        config = SkipGramConfig(epochs=int(passes), window=WINDOW, d_embed=WIDTH, learning_rate=rate, seed=seed)
        return train_skipgram(documents, len(words), config)[0]


def row(system: str, setting: tuple[float, ...], seed: int, part: str) -> dict[str, Any]:
    """One system's rank correlations with people's judgements."""
    vectors = vectors_of(system, tuple(setting), seed)
    scores = {name: rounded(bootstrap_interval(spearman, *similarities(vectors, name, part))) for name in SETS}
    return {"system": system, "setting": list(setting), "seed": seed, "part": part, **scores}


def difference(first: str, second: str, settings: list[Any], seed: int) -> dict[str, Any]:
    """By how much the first system's scores are higher than the second's, on the same pairs."""
    one, other = (
        vectors_of(name, tuple(setting), seed) for name, setting in zip((first, second), settings, strict=True)
    )
    result: dict[str, Any] = {"system": f"{first} - {second}", "setting": settings, "seed": seed, "part": "test"}
    for name in SETS:
        people, ours = similarities(one, name, "test")
        theirs = similarities(other, name, "test")[1]
        gain = bootstrap_interval(lambda p, a, b: spearman(p, a) - spearman(p, b), people, ours, theirs)
        result[name] = rounded(gain)
    return result


def rows() -> Iterator[dict[str, Any]]:
    """Each system tuned on the pairs for choosing, then scored on the others; counting with a plain window, too."""
    best: dict[str, Any] = {}
    for system, settings in SETTINGS.items():
        tried = [row(system, setting, 1, "development") for setting in settings]
        yield from tried
        best[system] = max(tried, key=lambda found: sum(found[name][0] for name in SETS))["setting"]
    for seed in SEEDS:
        for system in SETTINGS:
            yield row(system, best[system], seed, "test")
        yield difference("skip-gram", "counting", list(best.values()), seed)
    yield row(PLAIN, best["counting"], 1, "test")
    yield difference("counting", PLAIN, [best["counting"]] * 2, 1)
