"""Words that fastText never saw: do the pieces of their spelling say where they belong?"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from typing import Any

import gensim
import numpy as np
import torch
from scipy.stats import rankdata

from course_lib import data
from course_lib.embeddings import normalise
from course_lib.metrics import bootstrap_interval
from experiments.shared import rounded
from experiments.tables.word2vec import SEEDS, SETS, WIDTH, WINDOW, corpus, vectors_of

SEEN = (0.4, 2)  # learning rate and passes of the skip-gram that sees all words
SUBWORDS = {"alpha": 0.05, "epochs": 2}
WAYS = ("fastText", "spelled alike", "another word", "skip-gram, another seed")
SHOWN = ("unfunny", "unwatchable", "filmmaking", "spielberg", "overacting", "believably")
HIDDEN, VISIBLE = 300, 2000


@cache
def hidden() -> list[str]:
    """Words of middling frequency that no judgement is about, which fastText never sees."""
    words, documents = corpus()
    counts = Counter(id for document in documents for id in document)
    judged = {word.lower() for name in SETS for a, b, _ in data.word_similarity(name) for word in (a, b)}
    fit = [
        word
        for id, word in enumerate(words)
        if 20 <= counts[id] <= 200 and len(word) >= 5 and word not in judged and word not in SHOWN
    ]
    return [*(word for word in SHOWN if word in words), *fit[:: len(fit) // HIDDEN][: HIDDEN - len(SHOWN)]]


@cache
def _subwords(seed: int) -> Any:
    """FastText's vectors, trained without the hidden words."""
    words, documents = corpus()
    unseen = set(hidden())
    texts = [[words[id] for id in document if words[id] not in unseen] for document in documents]
    sizes = {"vector_size": WIDTH, "window": WINDOW, "negative": 5, "sample": 1e-3, "sg": 1, "min_count": 1}
    return gensim.models.FastText(texts, min_n=3, max_n=6, bucket=100_000, workers=1, seed=seed, **sizes, **SUBWORDS).wv


def grams(word: str) -> set[str]:
    """The pieces of 3 to 6 letters of a word, its ends marked."""
    marked = f"<{word}>"
    return {marked[start : start + n] for n in range(3, 7) for start in range(len(marked) - n + 1)}


@cache
def _spelled_alike() -> list[int]:
    """For each hidden word, the visible one that shares most of its pieces with it."""
    unseen, sizes, holders = set(hidden()), {}, defaultdict(list)
    for id, word in enumerate(corpus()[0]):
        if word not in unseen:
            sizes[id] = len(grams(word))
            for piece in grams(word):
                holders[piece].append(id)
    found = []
    for word in hidden():
        own = grams(word)
        shared = Counter(id for piece in own for id in holders[piece])
        found.append(max(shared, key=lambda id: shared[id] / (len(own) + sizes[id] - shared[id])))
    return found


@cache
def _agreement(way: str, seed: int) -> np.ndarray:
    words = corpus()[0]
    rows = torch.tensor([words.index(word) for word in hidden()])
    seen, again = (normalise(vectors_of("skip-gram", SEEN, s)) for s in (seed, seed % len(SEEDS) + 1))
    if way in ("fastText", "another word"):
        wv = _subwords(seed)
        made = normalise(torch.from_numpy(np.stack([wv[word] for word in hidden()])))
        made = made.roll(1, 0) if way == "another word" else made
        profiles = made @ normalise(torch.from_numpy(wv[words[:VISIBLE]])).T
    else:
        copied = rows if way == "skip-gram, another seed" else torch.tensor(_spelled_alike())
        profiles = again[copied] @ again[:VISIBLE].T
    return _row_correlations(profiles.numpy(), (seen[rows] @ seen[:VISIBLE].T).numpy())


def _row_correlations(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    one, other = (rankdata(values, axis=1) for values in (first, second))
    one, other = (ranks - ranks.mean(1, keepdims=True) for ranks in (one, other))
    return (one * other).sum(1) / np.sqrt((one**2).sum(1) * (other**2).sum(1))


def _examples(way: str, seed: int) -> dict[str, list[str]]:
    """What a way puts next to the first hidden words, with the first seed."""
    if seed != SEEDS[0] or way not in WAYS[:2]:
        return {}
    if way == "fastText":
        return {word: [name for name, _ in _subwords(seed).most_similar(word, topn=5)] for word in SHOWN}
    return {word: [corpus()[0][id]] for word, id in zip(SHOWN, _spelled_alike(), strict=False)}


def row(way: str, seed: int) -> dict[str, Any]:
    """How well a way to place the hidden words agrees with skip-gram, which saw them, and what it gains on a copy.

    For each, the rank correlation of its similarities to the most frequent words with those of skip-gram's vector. The
    gain is the paired difference from a copy of the vector of the visible word that is spelled most like it.
    """
    found = _agreement(way, seed)
    scores = {"agreement": found, "gain": found - _agreement("spelled alike", seed)}
    told = {name: rounded(bootstrap_interval(lambda x: x.mean(-1), values)) for name, values in scores.items()}
    return {"way": way, "seed": seed, "words": len(found), **told, "examples": _examples(way, seed)}


def rows() -> Iterator[dict[str, Any]]:
    """Each way with each seed."""
    for seed in SEEDS:
        for way in WAYS:
            yield row(way, seed)
