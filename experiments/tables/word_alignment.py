"""Which Greek word became which English one? Word tables and attention on the New Testament, and what they translate.

All learn from the training books alone, Greek words as they stand (without accents) where a row does not say lemmas.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

from torch import nn

from course_lib import data
from course_lib.seq2seq import Seq2Seq, Seq2SeqConfig
from course_lib.transformer import Transformer, TransformerConfig
from experiments import verses
from experiments.shared import seeded
from experiments.verses import Links, Pair, WordTable

PARTS = ("row", "trained")
ITERATIONS, SHARPNESS, NULL = 5, 8, 0.08
SEEDS = (0, 1, 2)
# Chosen on the validation books: 5 iterations, of 3, 5 and 10; sharpness 8, of 4, 8, 16 and 32; NULL 0.08, of 0.02,
# 0.08 and 0.2.
PRIOR = verses.diagonal_prior(SHARPNESS, NULL)
GRU = Seq2SeqConfig(vocab_size=verses.VOCABULARY, d_embed=96, d_hidden=128, dropout=0.1)
TRANSFORMER = TransformerConfig(
    vocab_size=verses.VOCABULARY,
    d_model=96,
    d_ff=192,
    n_encoder_layers=1,
    n_decoder_layers=1,
    dropout=0.1,
    positions="rotary",
)
# Of each network: how it is built, its steps and its learning rate.
NETWORKS: dict[str, tuple[Callable[[], nn.Module], int, float]] = {
    "GRU, additive attention": (lambda: Seq2Seq(GRU), 700, 0.006),
    "Transformer": (lambda: Transformer(TRANSFORMER), 1_000, 0.004),
}
Align = Callable[[Sequence[Pair]], list[Links]]


def by(links: Callable[[Pair], Links]) -> Align:
    """An aligner of many verses, from one of a single verse."""
    return lambda found: [links(pair) for pair in found]


@cache
def table(prior: str, words: str = "words", swap: bool = False) -> WordTable:
    """Model 1, or fast_align's idea, learned from the training books."""
    found = verses.pairs("train", words)
    chosen = {"uniform": verses.uniform, "diagonal": PRIOR}[prior]
    return WordTable(verses.swapped(found) if swap else found, ITERATIONS, chosen)


def backward(found: Sequence[Pair]) -> list[Links]:
    """fast_align's idea in the other direction: each Greek word chooses an English one."""
    return [verses.back(table("diagonal", swap=True).links(pair)) for pair in verses.swapped(found)]


def joined(join: Callable[[Links, Links], Links]) -> Align:
    """Both directions of fast_align's idea, joined."""
    return lambda found: [
        join(ours, theirs) for ours, theirs in zip(by(table("diagonal").links)(found), backward(found), strict=True)
    ]


ALIGNERS: dict[str, tuple[str, Align]] = {
    "diagonal": ("words", by(verses.diagonal)),
    "Dice": ("words", by(verses.dice_links)),
    "model 1": ("words", by(lambda pair: table("uniform").links(pair))),
    "model 1, diagonal prior": ("words", by(lambda pair: table("diagonal").links(pair))),
    "the other direction": ("words", backward),
    "both directions, intersection": ("words", joined(lambda ours, theirs: ours & theirs)),
    "both directions, grow-diag": ("words", joined(verses.grow_diagonal)),
    "model 1, lemmas": ("lemmas", by(lambda pair: table("uniform", "lemmas").links(pair))),
    "model 1, diagonal prior, lemmas": ("lemmas", by(lambda pair: table("diagonal", "lemmas").links(pair))),
}


def glossed(system: str) -> list[str]:
    """The test verses word by word, in the order of the Greek."""
    known = table("uniform" if system == "model 1" else "diagonal").best_words()
    return [" ".join(known[word] for word in pair.greek if word in known) for pair in verses.pairs("test")]


def human_glosses() -> list[str]:
    """The glosses that people wrote for each Greek word, in the order of the Greek."""
    return [" ".join(gloss.lower() for gloss in verse.glosses if gloss) for verse in data.greek_testament()["test"]]


WRITERS: dict[str, Callable[[], list[str]]] = {
    "nearest training verse": lambda: [verses.nearest(pair) for pair in verses.pairs("test")],
    "model 1": lambda: glossed("model 1"),
    "model 1, diagonal prior": lambda: glossed("model 1, diagonal prior"),
    "glosses by people": human_glosses,
}
EMPTY = ("AER", "precision", "recall", "BLEU", "chrF", "attention", "validation", "other_shift")


def row(system: str) -> dict[str, Any]:
    """A system without a network: how it aligns the test verses, and what it makes of them, where it does."""
    found: dict[str, Any] = {"system": system, "seed": 0, "parameters": 0, "minutes": 0, **dict.fromkeys(EMPTY)}
    if system in ALIGNERS:
        words, align = ALIGNERS[system]
        found["validation"] = verses.error_rate(align(verses.pairs("validation", words)), "validation")
        found |= aligned(align(verses.pairs("test", words)))
    if system in WRITERS:
        found |= verses.scores_of(WRITERS[system](), "test")
    return found


def aligned(links: Sequence[Links]) -> dict[str, Any]:
    """The scores of links for the test verses."""
    correct, _, proposed, sure = (int(total) for total in verses.counts_of(links, "test").sum(axis=0))
    precision, recall = round(correct / max(proposed, 1), 4), round(correct / sure, 4)
    return {"AER": verses.error_rate(links, "test"), "precision": precision, "recall": recall}


def trained(system: str, seed: int, steps: int | None = None) -> dict[str, Any]:
    """A network: the attention that aligns the validation verses best, on the test verses; and its translations."""
    build, all_steps, learning_rate = NETWORKS[system]
    model = seeded(seed, build)
    steps = all_steps if steps is None else steps
    minutes = verses.train_verses(model, steps, learning_rate, seed) if steps else 0
    chosen = verses.attention_maps(model, verses.pairs("validation"))
    rates = {at: verses.error_rate(_links(chosen, at), "validation") for at in chosen[0]}
    best = min(rates, key=lambda at: rates[at][0])
    place, _, when = best.rpartition(", ")
    other = f"{place}, {'read' if when == 'written' else 'written'}"
    maps = verses.attention_maps(model, verses.pairs("test"))
    return {
        "system": system if steps else f"{system}, untrained",
        "seed": seed,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "minutes": round(minutes, 1),
        **dict.fromkeys(EMPTY),
        **aligned(_links(maps, best)),
        **(verses.translation_of(model, "test") if steps else {}),
        "attention": best,
        "validation": rates[best],
        "other_shift": verses.error_rate(_links(maps, other), "test"),
    }


def _links(maps: Sequence[dict[str, Any]], at: str) -> list[Links]:
    return [verses.by_attention(words[at]) for words in maps]


def rows() -> Iterator[dict[str, Any]]:
    """Everything without a network, an untrained one, then each network for three seeds."""
    for system in dict.fromkeys([*ALIGNERS, *WRITERS]):
        yield row(system)
    for system in NETWORKS:
        yield trained(system, 0, 0)
    for seed in SEEDS:
        for system in NETWORKS:
            yield trained(system, seed)
