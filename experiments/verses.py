"""Greek verses and their English: word tables that align their words, and networks whose attention may.

Axes: G Greek words, E English words of a verse; T target and S source tokens.
"""

import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from course_lib import data
from course_lib.attention import recorded
from course_lib.metrics import alignment_counts, alignment_error_rate, bootstrap_interval, translation_scores
from course_lib.tokenizers import WordTokenizer
from course_lib.training import TrainingConfig
from course_lib.translation import (
    BEGIN,
    SPECIAL,
    Pairs,
    pair_batches,
    tokenized,
    translate,
    translation_loss,
)
from experiments.shared import one_core, rounded, train_whole

__all__ = [
    "Pair",
    "WordTable",
    "attention_maps",
    "by_attention",
    "diagonal",
    "diagonal_prior",
    "dice_links",
    "error_rate",
    "grow_diagonal",
    "pairs",
    "table_links",
    "train_verses",
]

VOCABULARY = 4000  # words, of both languages together
FLOOR = 1e-6  # the probability of an English word beside a Greek one that it never met
Links = set[tuple[int, int]]
Prior = Callable[[int, int], Float[np.ndarray, "E G1"]]


class Pair(NamedTuple):
    """The words of a verse in both languages, as models read them, and the links made by hand."""

    greek: list[str]
    english: list[str]
    links: Links

    def texts(self) -> tuple[str, str]:
        """The two sides as texts."""
        return " ".join(self.greek), " ".join(self.english)


def plain(word: str) -> str:
    """A word in small letters without accents and breathings; Greek has one letter s then.

    >>> plain("Λόγος"), plain("Word")
    ('λογοσ', 'word')
    """
    letters = unicodedata.normalize("NFD", word.lower().replace("ς", "σ"))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


@cache
def pairs(
    split: str, words: str = "lemmas", greek_letters: int | None = None, english_letters: int | None = None
) -> list[Pair]:
    """A split's verses: Greek "lemmas" (dictionary forms) or "words" as they stand; words cut to so many letters."""
    column = {"words": "greek", "lemmas": "lemmas"}[words]
    return [
        Pair(
            [plain(word)[:greek_letters] for word in getattr(verse, column)],
            [word.lower().replace("’", "'")[:english_letters] for word in verse.english],
            set(verse.links),
        )
        for verse in data.greek_testament()[split]
    ]


def counts_of(proposed: Sequence[Links], split: str) -> np.ndarray:
    """What the alignment error rate needs to know of each verse of a split."""
    gold = [pair.links for pair in pairs(split)]
    return np.array([alignment_counts(*links) for links in zip(proposed, gold, strict=True)])


def error_rate(proposed: Sequence[Links], split: str) -> list[float]:
    """The alignment error rate of a split, with the ends of its 95% interval over verses."""
    counts = counts_of(proposed, split)
    verses = np.arange(len(counts))
    return rounded(bootstrap_interval(lambda drawn: alignment_error_rate(counts[drawn]), verses, n_resamples=1000))


def diagonal(pair: Pair) -> Links:
    """Each English word linked to the Greek word at the same share of the verse."""
    G, E = len(pair.greek), len(pair.english)
    return {(int((j + 0.5) / E * G), j) for j in range(E)}


def diagonal_prior(sharpness: float | int, null: float | int) -> Prior:
    """Where an English word's partner is before the words are looked at: Dyer, Chahuneau and Smith (2013), section 2.

    A row for each English word j: `null` for no partner, then (1 - null) exp(-sharpness |i / G - j / E|), normalised
    over the Greek words i; i and j count from the middle of a word.
    """

    def prior(G: int, E: int) -> np.ndarray:
        apart = np.abs((np.arange(G) + 0.5) / G - (np.arange(E)[:, None] + 0.5) / E)
        near = np.exp(-sharpness * apart)
        near *= (1 - null) / near.sum(axis=1, keepdims=True)
        return np.hstack([np.full((E, 1), null), near])

    return prior


def uniform(G: int, E: int) -> Float[np.ndarray, "E G1"]:
    """Model 1's prior: all Greek words and NULL alike."""
    return np.full((E, G + 1), 1 / (G + 1))


class WordTable:
    """IBM model 1: t(English word | Greek word), by expectation-maximisation (Brown et al., 1993, section 4.2).

    With a prior for the positions it is the idea of fast_align. NULL, an additional Greek word, has the id 0.
    """

    def __init__(self, verses: Sequence[Pair], iterations: int, prior: Prior = uniform) -> None:
        self.prior = prior
        self.greek = {word: id for id, word in enumerate(dict.fromkeys(w for v in verses for w in v.greek), start=1)}
        self.english = {word: id for id, word in enumerate(dict.fromkeys(w for v in verses for w in v.english))}
        met = np.concatenate([self._keys(v).ravel() for v in verses])  # a key for each two words that met
        weights = np.concatenate([prior(len(v.greek), len(v.english)).ravel() for v in verses])
        sizes = [len(v.greek) + 1 for v in verses for _ in v.english]
        token = np.repeat(np.arange(len(sizes)), sizes)  # which English word of the text
        self.keys, cell = np.unique(met, return_inverse=True)
        greek_of = self.keys // len(self.english)
        self.t = np.ones(len(self.keys))
        for _ in range(iterations):
            share = self.t[cell] * weights
            share /= np.bincount(token, share)[token]  # E: how much of each English word comes from which Greek word
            count = np.bincount(cell, share)
            self.t = count / np.bincount(greek_of, count)[greek_of]  # M: what each Greek word became, as shares

    def _keys(self, pair: Pair) -> np.ndarray:
        """A number for each English word and each Greek one, NULL first; below 0 where one of them is unknown."""
        greek = np.array([0, *(self.greek.get(word, -1) for word in pair.greek)])
        english = np.array([self.english.get(word, -1) for word in pair.english])[:, None]
        return np.where((greek < 0) | (english < 0), -1, greek * len(self.english) + english)

    def probabilities(self, pair: Pair) -> Float[np.ndarray, "E G1"]:
        """t(e | g) for each English word e and each Greek word g of a verse, NULL first."""
        keys = self._keys(pair)
        places = np.searchsorted(self.keys, keys).clip(max=len(self.keys) - 1)
        return np.where(self.keys[places] == keys, self.t[places], FLOOR)

    def links(self, pair: Pair) -> Links:
        """Each English word with the Greek word that it most likely comes from; none where that is NULL."""
        best = (self.probabilities(pair) * self.prior(len(pair.greek), len(pair.english))).argmax(axis=1)
        return {(int(i) - 1, j) for j, i in enumerate(best) if i}

    def best_words(self) -> dict[str, str]:
        """For each Greek word the English one that it most often becomes."""
        names, greek = list(self.english), list(self.greek)
        order = np.lexsort((self.t, self.keys // len(names)))
        last = {int(key) // len(names): names[int(key) % len(names)] for key in self.keys[order]}
        return {greek[id - 1]: word for id, word in last.items() if id}


def swapped(verses: Sequence[Pair]) -> list[Pair]:
    """The verses with English as the first side, for a table in the other direction."""
    return [Pair(pair.english, pair.greek, {(j, i) for i, j in pair.links}) for pair in verses]


def back(links: Links) -> Links:
    """Links of a swapped verse as links of the verse."""
    return {(i, j) for j, i in links}


def grow_diagonal(forward: Links, backward: Links) -> Links:
    """The links of both directions, and those of either that touch one of them and link a word that has none.

    Koehn, Och and Marcu (2003), section 4.5, without the final step.
    """
    found, new = forward & backward, True
    while new:
        greek, english = {i for i, _ in found}, {j for _, j in found}
        touching = {(i + a, j + b) for i, j in found for a in (-1, 0, 1) for b in (-1, 0, 1)}
        near = sorted(touching & (forward | backward) - found)
        new = {(i, j) for i, j in near if i not in greek or j not in english}
        found = found | new
    return found


# From the links of both directions, each English word's choice first, to one set.
JOINS: dict[str, Callable[[Links, Links], Links]] = {
    "forward": lambda forward, backward: forward,
    "backward": lambda forward, backward: backward,
    "intersection": lambda forward, backward: forward & backward,
    "union": lambda forward, backward: forward | backward,
    "grow-diag": grow_diagonal,
}


def table_links(table: Callable[[bool], WordTable], verses: Sequence[Pair], join: str) -> list[Links]:
    """The links of some verses by a table, or by two: `table` gives that of either direction, True for the swapped."""
    forward = backward = [set() for _ in verses]
    if join != "backward":
        known = table(False)
        forward = [known.links(pair) for pair in verses]
    if join != "forward":
        known = table(True)
        backward = [back(known.links(pair)) for pair in swapped(verses)]
    return [JOINS[join](*links) for links in zip(forward, backward, strict=True)]


@cache
def dice_scores() -> tuple[Counter, Counter, Counter]:
    """In how many training verses each Greek word is, each English word, and each two together."""
    greek, english, both = Counter(), Counter(), Counter()
    for pair in pairs("train"):
        greek.update(set(pair.greek))
        english.update(set(pair.english))
        both.update((g, e) for g in set(pair.greek) for e in set(pair.english))
    return greek, english, both


def dice_links(pair: Pair) -> Links:
    """Each English word with the Greek word of the largest Dice coefficient, 2 c(g, e) / (c(g) + c(e))."""
    greek, english, both = dice_scores()
    links = set()
    for j, e in enumerate(pair.english):
        scores = [2 * both[g, e] / max(greek[g] + english[e], 1) for g in pair.greek]
        links.add((int(np.argmax(scores)), j))
    return links


@cache
def _postings() -> tuple[dict[str, float], dict[str, list[int]], list[float]]:
    verses = pairs("train")
    found: dict[str, list[int]] = {}
    for row, pair in enumerate(verses):
        for word in dict.fromkeys(pair.greek):
            found.setdefault(word, []).append(row)
    rarity = {word: float(np.log(len(verses) / len(rows))) for word, rows in found.items()}
    return rarity, found, [sum(rarity[word] ** 2 for word in dict.fromkeys(pair.greek)) ** 0.5 for pair in verses]


def nearest(pair: Pair) -> str:
    """The English of the training verse whose Greek is nearest, by the cosine of its words weighted by rarity."""
    rarity, found, norms = _postings()
    scores: Counter[int] = Counter()
    for word in dict.fromkeys(pair.greek):  # unlike a set, in one order: sums of floats depend on it
        for row in found.get(word, ()):
            scores[row] += rarity[word] ** 2 / norms[row]
    best = scores.most_common(1)
    return " ".join(pairs("train")[best[0][0]].english) if best else ""


@cache
def tokenizer() -> WordTokenizer:
    """The most frequent words of both languages, learned from the training verses; all others are <unk>."""
    texts = (text for pair in pairs("train") for text in pair.texts())
    return WordTokenizer.train(texts, VOCABULARY, [*SPECIAL, "<unk>"])


@cache
def tokens(split: str) -> Pairs:
    """A split's verses as tokens."""
    return tokenized(tokenizer(), [pair.texts() for pair in pairs(split)])


def train_verses(
    model: nn.Module, steps: int, learning_rate: float, seed: int, *, batch_tokens: int = 800, **other: Any
) -> float:
    """Train on the training verses, Greek into English; returns the minutes of processor time."""
    config = TrainingConfig(
        steps=steps, learning_rate=learning_rate, seed=seed, warmup_steps=steps // 20, beta2=0.98, **other
    )
    with one_core():
        start = time.process_time()
        batches = pair_batches(tokens("train"), batch_tokens=batch_tokens)
        train_whole(model, translation_loss(label_smoothing=0.1), batches, config)
        return (time.process_time() - start) / 60


def translation_of(model: Any, split: str) -> dict[str, list[float]]:
    """BLEU and chrF of what a model writes for a split, greedy."""
    model.eval()
    return scores_of(translate(model, tokenizer(), [pair.texts()[0] for pair in pairs(split)]), split)


def scores_of(written: Sequence[str], split: str) -> dict[str, list[float]]:
    """BLEU and chrF of what was written for a split's verses, with the ends of their 95% intervals over verses."""
    found = translation_scores(written, [pair.texts()[1] for pair in pairs(split)])
    return {name: [round(end, 2) for end in found[name]] for name in ("BLEU", "chrF")}


def _pieces(words: Sequence[str]) -> tuple[list[int], list[int]]:
    """The tokens of some words, and of each token which word it belongs to."""
    ids: list[int] = []
    owners: list[int] = []
    for position, word in enumerate(words):
        new = tokenizer().encode(word if position == 0 else f" {word}")
        ids += new
        owners += [position] * len(new)
    return ids, owners


@torch.no_grad()
def attention_maps(model: nn.Module, verses: Sequence[Pair]) -> list[dict[str, Tensor]]:
    """For each verse the cross-attention of each layer and head between words, (E, G), with the English words given.

    A row is what was looked at while its English word was written ("written"), or one step later, when the decoder had
    read it ("read"). Rows of a word of several tokens are averaged, weights on the tokens of a Greek word added up.
    """
    model.eval()
    found = []
    for pair in verses:
        (source, greek), (target, english) = _pieces(pair.greek), _pieces(pair.english)
        with recorded(model) as maps:
            model(torch.tensor([source]), torch.tensor([[BEGIN, *target]]))
        from_greek, to_english = _owned(greek), _owned(english).T
        to_english = to_english / to_english.sum(dim=1, keepdim=True)
        words = {}
        for name, [weights] in maps.items():
            if name == "attention" or name.endswith("cross_attention"):
                for head, weight in enumerate(weights[0]):
                    at = name if weights.shape[1] == 1 else f"{name}, head {head}"
                    words[f"{at}, written"] = to_english @ weight[:-1] @ from_greek
                    words[f"{at}, read"] = to_english @ weight[1:] @ from_greek
        found.append(words)
    return found


def _owned(owners: Sequence[int]) -> Float[Tensor, "T W"]:
    """1 where a token (row) belongs to a word (column)."""
    return torch.nn.functional.one_hot(torch.tensor(owners)).float()


def by_attention(weights: Float[Tensor, "E G"]) -> Links:
    """Each English word with the Greek word of the largest weight."""
    return {(int(i), j) for j, i in enumerate(weights.argmax(dim=1))}
