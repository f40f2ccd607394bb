"""Vectors of words, learned from the training movie reviews alone: `python -m experiments.checkpoints.review_vectors`.

It writes data/checkpoints/review_vectors.safetensors, in a minute or two on two cores. Skip-gram's training
cannot go on from its middle: stopped, it leaves the file as it was and begins anew when it is called again.
"""

import sys
from collections import Counter
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn

from course_lib import PROJECT, data
from course_lib.embeddings import SkipGramConfig, train_skipgram
from course_lib.training import load_weights, save_weights
from experiments.shared import finish, raising_at_the_stop, words_of

__all__ = ["make", "reviews", "vectors"]

FILE = PROJECT / "data" / "checkpoints" / "review_vectors.safetensors"
WORDS, WIDTH = 10_000, 100


def make() -> Path:
    """Train on the texts of IMDb's training split (their verdicts are not looked at) and store the frequent words."""
    texts = [words_of(text) for text, _ in data.movie_reviews("imdb")["train"]]
    frequent = [word for word, _ in Counter(word for text in texts for word in text).most_common(WORDS)]
    row = {word: number for number, word in enumerate(frequent)}
    documents = [[row[word] for word in text if word in row] for text in texts]
    config = SkipGramConfig(d_embed=WIDTH, epochs=3, seed=0)
    with raising_at_the_stop():
        found, _ = train_skipgram(documents, WORDS, config, watch=lambda so_far: print(f"{so_far.done:.0%}", end="\r"))
    bag = nn.EmbeddingBag(WORDS, WIDTH, _weight=found).half()
    save_weights(FILE, bag, {"words": frequent, "text": "IMDb, training split", "config": str(config)})
    return FILE


@cache
def vectors() -> tuple[nn.EmbeddingBag, list[str]]:
    """The stored vectors as a bag of words, which gives the mean of a text's vectors; and the words in order."""
    bag = nn.EmbeddingBag(WORDS, WIDTH, mode="mean")
    about = load_weights(FILE, bag)
    return bag.requires_grad_(False), about["words"]


@cache
def reviews() -> dict[str, tuple[list[Tensor], Tensor]]:
    """The known words of each split's reviews, as rows of the vectors, and the verdicts."""
    row = {word: number for number, word in enumerate(vectors()[1])}
    found = {}
    for split, pairs in data.movie_reviews("imdb").items():
        texts = [torch.tensor([row[word] for word in words_of(text) if word in row]) for text, _ in pairs]
        found[split] = texts, torch.tensor([verdict for _, verdict in pairs])
    return found


if __name__ == "__main__":
    sys.exit(finish(make, again="begins anew"))
