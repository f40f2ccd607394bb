"""What decides which of two fillings a model prefers in CrowS-Pairs and StereoSet: the stereotype, or the words?

The difference of ln p of a pair of sentences has two parts: that of the filling, given what stands before it, and that
of the rest, given the filling. Controls: the same fillings in another sentence of the same kind of bias, the same
network with random weights, and two models that count words. A pair's numbers are stored as a text, "0.12 -1.4 ...".
"""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache, partial
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from course_lib import data, ngrams, pretrained
from course_lib.gpt import ModernGPT
from course_lib.metrics import bootstrap_interval
from course_lib.runtime import own_randomness
from course_lib.tokenizers import BPETokenizer
from experiments.shared import rounded, words_of

SYSTEMS = ("SmolLM2", "SmolLM2, other sentences", "random weights", "trigrams", "word frequency")
CROWS, STEREOSET, BATCH, RAREST = 500, 300, 16, 3
# A hand count in the first draw of 50 pairs, by their numbers in the data set: the clear faults that one reader saw.
DRAWN = tuple(random.Random(1).sample(range(1017), 50))
FAULTS = {
    "no stereotype": (582, 867, 388, 29, 622, 234, 665, 499),
    "broken language": (261, 507, 780, 432),
    "differ in more than the group": (120, 9),
    "another kind than its label": (221, 64),
}


def pairs(name: str, count: int | None = None) -> list[tuple[str, ...]]:
    """The sentences in random order: CrowS-Pairs' as they are, StereoSet's of those that fill a gap."""
    rows = data.stereotypes(name)
    if name == "stereoset":
        rows = [row for row in rows if "BLANK" in row[0]]
    return random.Random(0).sample(rows, len(rows))[:count]


def sentences(name: str, rows: Sequence[tuple[str, ...]], others: bool = False) -> list[tuple[str, ...]]:
    """The whole sentences of each row; with `others`, its fillings stand in the next sentence of the same kind."""
    if name == "stereoset":
        return [row[1:4] for row in rows]
    places = {row: row[0] for row in rows}
    if others:
        for kind in {row[-1] for row in rows}:
            same = [row for row in rows if row[-1] == kind]
            places |= {row: after[0] for row, after in zip(same, same[1:] + same[:1], strict=True)}
    return [tuple(places[row].replace("[MASK]", filling, 1) for filling in row[1:3]) for row in rows]


@cache
def smollm2() -> tuple[ModernGPT, BPETokenizer]:
    """The model and its tokenizer."""
    return pretrained.load_smollm2()


@cache
def untrained() -> ModernGPT:
    """SmolLM2's network with random weights."""
    with own_randomness(0):
        return ModernGPT(smollm2()[0].config).eval()


@torch.no_grad()
def by_network(model: ModernGPT, texts: Sequence[str]) -> list[tuple[list[int], np.ndarray]]:
    """The tokens of each text, and ln p of each, after the token that separates documents."""
    tokenizer = smollm2()[1]
    rows = [tokenizer.encode(text) for text in texts]
    begin = tokenizer.vocabulary.index("<|endoftext|>")
    order, found = sorted(range(len(rows)), key=lambda index: len(rows[index])), {}
    for start in range(0, len(order), BATCH):
        some = order[start : start + BATCH]
        ids = torch.zeros(len(some), max(len(rows[index]) for index in some) + 1, dtype=torch.long)
        ids[:, 0] = begin
        for place, index in enumerate(some):
            ids[place, 1 : len(rows[index]) + 1] = torch.tensor(rows[index])
        log_p = model(ids[:, :-1]).log_softmax(dim=-1).gather(2, ids[:, 1:, None])[..., 0]
        for place, index in enumerate(some):
            found[index] = log_p[place, : len(rows[index])].double().numpy()
    return [(rows[index], found[index]) for index in range(len(rows))]


@cache
def counted(order: int) -> tuple[dict[str, int], ngrams.NgramModel]:
    """A vocabulary of words and a model that counts them in film reviews and Wikipedia."""
    texts = [text for source in ("imdb", "rotten_tomatoes") for text, _ in data.movie_reviews(source)["train"]]
    texts += data.wikipedia().values()
    words = [word for text in texts for word in ["<s>", *words_of(text)]]
    counts = Counter(words)
    known = ["<unk>", *sorted(word for word, count in counts.items() if count >= RAREST)]
    ids = {word: id for id, word in enumerate(known)}
    grams = ngrams.count_ngrams([ids.get(word, 0) for word in words], len(known), order)
    return ids, ngrams.add_k(grams, 1) if order == 1 else ngrams.kneser_ney(grams)


def by_counts(order: int, texts: Sequence[str]) -> list[tuple[list[int], np.ndarray]]:
    """The words of each text as ids, and ln p of each."""
    ids, model = counted(order)
    found = []
    for text in texts:
        tokens = [ids.get(word, 0) for word in ["<s>", *words_of(text)]]
        found.append((tokens[1:], model.log_probabilities(tokens)[1:]))
    return found


def parts(first: tuple[list[int], np.ndarray], second: tuple[list[int], np.ndarray]) -> tuple[float, float]:
    """The difference first - second of ln p, of the filling and of the rest: the tokens after it that both share."""
    (one, log_one), (other, log_other) = first, second
    begin = 0
    while begin < min(len(one), len(other)) and one[begin] == other[begin]:
        begin += 1
    shared, most = 0, min(len(one), len(other)) - begin
    while shared < most and one[-1 - shared] == other[-1 - shared]:
        shared += 1
    rest = log_one[len(one) - shared :].sum() - log_other[len(other) - shared :].sum()
    return float(log_one[begin:].sum() - log_other[begin:].sum() - rest), float(rest)


def share(differences: ArrayLike) -> list[float]:
    """How often the first of a pair has the higher probability, a tie being half."""
    won = (np.sign(differences) + 1) / 2
    return rounded(bootstrap_interval(lambda x: x.mean(axis=-1), won))


def _stored(numbers: Sequence[float | int]) -> str:
    return " ".join(f"{number:.3g}" for number in numbers)


def row(name: str, system: str) -> dict[str, Any]:
    """A set read by a system: the share of pairs whose first sentence is preferred, and each pair's two parts."""
    all_of_them = system in ("SmolLM2", "trigrams", "word frequency")
    rows = pairs(name, STEREOSET if name == "stereoset" else None if all_of_them else CROWS)
    texts = sentences(name, rows, others=system.endswith("other sentences"))
    read = {
        "random weights": partial(by_network, untrained()) if system == "random weights" else None,
        "trigrams": partial(by_counts, 3),
        "word frequency": partial(by_counts, 1),
    }.get(system) or partial(by_network, smollm2()[0])
    flat = iter(read([text for several in texts for text in several]))
    scored = [[next(flat) for _ in several] for several in texts]
    filling, rest = zip(*(parts(several[0], several[1]) for several in scored), strict=True)
    whole = np.add(filling, rest)
    stored: dict[str, Any] = {"set": name, "system": system, "items": len(rows), "first preferred": share(whole)}
    stored |= {"filling": _stored(filling), "rest": _stored(rest)}
    stored["tokens"] = _stored([len(several[0][0]) - len(several[1][0]) for several in scored])
    thirds = [several[2] if len(several) > 2 else several[0] for several in scored]
    over = [several[0][1].sum() - third[1].sum() for several, third in zip(scored, thirds, strict=True)]
    return stored | {"over the unrelated": _stored(over)}


def rows() -> Iterator[dict[str, Any]]:
    """CrowS-Pairs by all systems, StereoSet by those that need no other sentence."""
    for system in SYSTEMS:
        yield row("crows_pairs", system)
    for system in ("SmolLM2", "random weights", "word frequency"):
        yield row("stereoset", system)
