"""The text that word2vec trains on, people's judgements of its words, and skip-gram on a little of it.

`python -m experiments.skipgram` measures FIELD anew.
"""

from collections import Counter
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib import data
from course_lib.embeddings import SkipGramConfig, cosine_similarity, normalise, train_skipgram
from experiments.shared import judgements, raising_at_the_stop, words_of

__all__ = ["CHOICE", "FIELD", "SETS", "corpus", "share", "similarities"]

EVERY = 4  # one review in four
MIN_COUNT = 5
SETS = ("wordsim353", "simlex999")

# Skip-gram on half of that text, two passes, width 50, seed 1
CHOICE = {"window": 5, "learning_rate": 0.1, "negatives": 5, "noise_power": 0.75, "subsample": 1e-3}
CHANGES: list[dict[str, float | int]] = [
    {},
    {"window": 2},
    {"window": 10},
    {"learning_rate": 0.025},
    {"learning_rate": 0.3},
    {"negatives": 1},
    {"negatives": 15},
    {"noise_power": 0},
    {"noise_power": 1},
    {"subsample": 0},
    {"subsample": 1e-4},
]
FIELD = {  # the share that each change of the usual choice reaches
    "the usual choice": 0.070,
    "window 2": 0.076,
    "window 10": 0.052,
    "learning_rate 0.025": 0.042,
    "learning_rate 0.3": 0.076,
    "negatives 1": 0.067,
    "negatives 15": 0.045,
    "noise_power 0": 0.037,
    "noise_power 1": 0.069,
    "subsample 0": 0.078,
    "subsample 0.0001": 0.041,
}
FREQUENT, ASKED, NEAREST = 2000, 1000, 10


@cache
def corpus() -> tuple[list[str], list[list[int]]]:
    """The words that a quarter of the reviews holds MIN_COUNT times or more, frequent ones first; reviews as ids."""
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


def share(choice: dict[str, Any]) -> float:
    """Of the ten nearest words of 1,000 words, the share that is among the ten nearest by GloVe."""
    words, documents = corpus()
    config = SkipGramConfig(d_embed=50, epochs=2, seed=1, **choice)
    with raising_at_the_stop():
        vectors = train_skipgram(documents[::2], len(words), config)[0]
    frequent, by_glove = _by_glove()
    return float((_nearest(vectors[frequent]) * by_glove).sum(1).mean() / NEAREST)


if __name__ == "__main__":
    for change in CHANGES:
        told = ", ".join(f"{name} {value}" for name, value in change.items()) or "the usual choice"
        print(f'    "{told}": {share(CHOICE | change):.3f},', flush=True)
