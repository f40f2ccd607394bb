"""Skip-gram on six million words of movie reviews beside gensim's, beside counting, and with its parts switched off."""

from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

import gensim
import numpy as np
import torch
from torch import Tensor

from course_lib import data
from course_lib.embeddings import (
    SkipGramConfig,
    analogy,
    cooccurrence,
    cosine_similarity,
    ppmi,
    svd_vectors,
    train_skipgram,
)
from course_lib.metrics import bootstrap_interval, spearman
from experiments.shared import judgements, raising_at_the_stop, rounded, words_of

MIN_COUNT = 5
EPOCHS = 3
SETS = ("wordsim353", "simlex999")
SLOW = "gensim, steps of 0.025"  # gensim's default
PARTS = ("row", "difference")
OFF = {"no subsampling": {"subsample": 0}, "power 0": {"noise_power": 0}, "power 1": {"noise_power": 1}}


@cache
def corpus() -> tuple[list[str], list[list[int]]]:
    """The words that the reviews hold at least MIN_COUNT times, most frequent first; each review as their numbers."""
    splits = (split for source in ("imdb", "rotten_tomatoes") for split in data.movie_reviews(source).values())
    texts = [words_of(text) for split in splits for text, _ in split]
    counts = Counter(word for text in texts for word in text)
    words = [word for word, count in counts.most_common() if count >= MIN_COUNT]
    numbers = {word: number for number, word in enumerate(words)}
    return words, [[numbers[word] for word in text if word in numbers] for text in texts]


@cache
def questions() -> Tensor:
    """The analogy questions whose four words are known, as rows."""
    numbers = {word: number for number, word in enumerate(corpus()[0])}
    asked = [[word.lower() for word in question] for section in data.analogies().values() for question in section]
    return torch.tensor([[numbers[word] for word in four] for four in asked if set(four) <= numbers.keys()])


def similarities(vectors: Tensor, name: str, part: str) -> tuple[np.ndarray, np.ndarray]:
    """What people say of the known pairs of a set, and the cosine similarities of these vectors."""
    numbers = {word: number for number, word in enumerate(corpus()[0])}
    pairs, people = judgements(name, numbers, part)
    return people, cosine_similarity(vectors[pairs[:, 0]], vectors[pairs[:, 1]]).numpy()


def solved(vectors: Tensor) -> np.ndarray:
    """For each of the questions, 1 where the nearest word is the answer."""
    parts = [analogy(vectors, part[:, :3])[1][:, 0] == part[:, 3] for part in questions().split(500)]
    return torch.cat(parts).double().numpy()


@cache
def _vectors(system: str, seed: int) -> Tensor:
    words, documents = corpus()
    if system.startswith("gensim"):
        texts = [[words[number] for number in document] for document in documents]
        model = gensim.models.Word2Vec(
            texts,
            vector_size=100,
            window=5,
            negative=5,
            sample=1e-3,
            sg=1,
            alpha=0.025 if system == SLOW else SkipGramConfig().learning_rate,
            min_count=1,
            epochs=EPOCHS,
            workers=1,
            seed=seed,
        )
        return torch.from_numpy(model.wv[words])
    if system == "PPMI + SVD":
        text = torch.tensor([number for document in documents for number in [*document, *[-1] * 5]])
        return svd_vectors(ppmi(cooccurrence(text, len(words), window=5)), 100)
    settings = OFF.get(system, {})
    with raising_at_the_stop():
        return train_skipgram(documents, len(words), SkipGramConfig(epochs=EPOCHS, seed=seed, **settings))[0]


def row(system: str, seed: int, part: str = "test") -> dict[str, Any]:
    """One system's rank correlations with people's judgements, and its share of analogies solved."""
    vectors = _vectors(system, seed)
    scores = {name: bootstrap_interval(spearman, *similarities(vectors, name, part)) for name in SETS}
    scores["analogies"] = bootstrap_interval(lambda right: right.mean(-1), solved(vectors))
    return {"system": system, "seed": seed, **{name: rounded(score) for name, score in scores.items()}}


def difference(first: str, second: str, seed: int) -> dict[str, Any]:
    """By how much the first system's scores are higher than the second's, on the same pairs and questions."""
    one, other = _vectors(first, seed), _vectors(second, seed)
    result: dict[str, Any] = {"system": f"{first} minus {second}", "seed": seed}
    for name in SETS:
        people, ours = similarities(one, name, "test")
        theirs = similarities(other, name, "test")[1]
        gain = bootstrap_interval(lambda p, a, b: spearman(p, a) - spearman(p, b), people, ours, theirs)
        result[name] = rounded(gain)
    return result | {"analogies": rounded(bootstrap_interval(lambda d: d.mean(-1), solved(one) - solved(other)))}


def rows() -> Iterator[dict[str, Any]]:
    """Ours and gensim's with three seeds, gensim's default steps, counting, and each part switched off."""
    for seed in (1, 2, 3):
        yield row("skip-gram", seed)
        yield row("gensim", seed)
        yield difference("skip-gram", "gensim", seed)
    for rival in (SLOW, "PPMI + SVD"):
        yield row(rival, 1)
        yield difference("skip-gram", rival, 1)
    for system in OFF:
        yield row(system, 1)
        yield difference(system, "skip-gram", 1)
