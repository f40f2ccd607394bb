"""Which Greek word became which English one? Word tables and attention on the New Testament, and what they translate.

All learn from the training books alone, from Greek words in their dictionary forms where a row does not say otherwise.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

from torch import nn

from course_lib import data
from course_lib.metrics import alignment_error_rate
from course_lib.seq2seq import Seq2Seq, Seq2SeqConfig
from course_lib.transformer import Transformer, TransformerConfig
from course_lib.translation import mean_loss
from experiments import verses
from experiments.shared import seeded
from experiments.verses import Links, WordTable

PARTS = ("row", "searched", "trained")
# Chosen on the validation books, with words as they stand: 5 iterations, of 3, 5 and 10; sharpness 8, of 4, 8, 16 and
# 32; NULL 0.08, of 0.02, 0.08 and 0.2.
ITERATIONS, SHARPNESS, NULL = 5, 8, 0.08
SEEDS, RATES, SEARCH_STEPS = (0, 1, 2), (0.001, 0.002, 0.004, 0.008, 0.016), 1_000
GRU = Seq2SeqConfig(vocab_size=verses.VOCABULARY, d_embed=96, d_hidden=160, dropout=0.2)
TRANSFORMER = TransformerConfig(
    vocab_size=verses.VOCABULARY,
    d_model=96,
    d_ff=192,
    n_heads=4,
    n_encoder_layers=2,
    n_decoder_layers=2,
    dropout=0.2,
)
# Of each network: how it is built, and its steps, as many as one core takes in six minutes.
NETWORKS: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "GRU, additive attention": (lambda: Seq2Seq(GRU), 6_000),
    "Transformer": (lambda: Transformer(TRANSFORMER), 7_500),
}


@cache
def table(words: str = "lemmas", sharpness: float | int | None = SHARPNESS, swap: bool = False) -> WordTable:
    """Model 1 (sharpness None), or with the prior of fast_align, learned from the training books."""
    found = verses.pairs("train", words)
    prior = verses.uniform if sharpness is None else verses.diagonal_prior(sharpness, NULL)
    return WordTable(verses.swapped(found) if swap else found, ITERATIONS, prior)


def links_of(split: str, words: str, sharpness: float | int | None, join: str) -> list[Links]:
    """The links of a split's verses by one or two such tables."""
    return verses.table_links(lambda swap: table(words, sharpness, swap), verses.pairs(split, words), join)


@cache
def chosen_error_rate(
    words: str,
    greek_letters: int | None,
    english_letters: int | None,
    iterations: int,
    sharpness: float | int,
    null: float | int,
    join: str,
) -> float:
    """The error rate on the validation books of settings of one's own."""
    letters = greek_letters, english_letters
    train = verses.pairs("train", words, *letters)
    prior = verses.diagonal_prior(sharpness, null)

    def learned(swap: bool) -> WordTable:
        return WordTable(verses.swapped(train) if swap else train, int(iterations), prior)

    found = verses.table_links(learned, verses.pairs("validation", words, *letters), join)
    return float(alignment_error_rate(verses.counts_of(found, "validation")))


ALIGNERS: dict[str, Callable[[str], list[Links]]] = {
    "diagonal": lambda split: [verses.diagonal(pair) for pair in verses.pairs(split)],
    "Dice": lambda split: [verses.dice_links(pair) for pair in verses.pairs(split)],
    "model 1": lambda split: links_of(split, "lemmas", None, "forward"),
    "model 1, Greek chooses": lambda split: links_of(split, "lemmas", None, "backward"),
    "diagonal prior": lambda split: links_of(split, "lemmas", SHARPNESS, "forward"),
    "diagonal prior, Greek chooses": lambda split: links_of(split, "lemmas", SHARPNESS, "backward"),
    "diagonal prior, intersection": lambda split: links_of(split, "lemmas", SHARPNESS, "intersection"),
    "diagonal prior, union": lambda split: links_of(split, "lemmas", SHARPNESS, "union"),
    "diagonal prior, grow-diag": lambda split: links_of(split, "lemmas", SHARPNESS, "grow-diag"),
    "model 1, words as they stand": lambda split: links_of(split, "words", None, "forward"),
    "diagonal prior, words as they stand": lambda split: links_of(split, "words", SHARPNESS, "forward"),
}


def glossed(system: str) -> list[str]:
    """The test verses word by word, in the order of the Greek."""
    known = table(sharpness=None if system == "model 1" else SHARPNESS).best_words()
    return [" ".join(known[word] for word in pair.greek if word in known) for pair in verses.pairs("test")]


def human_glosses() -> list[str]:
    """The glosses that people wrote for each Greek word, in the order of the Greek."""
    return [" ".join(gloss.lower() for gloss in verse.glosses if gloss) for verse in data.greek_testament()["test"]]


WRITERS: dict[str, Callable[[], list[str]]] = {
    "nearest training verse": lambda: [verses.nearest(pair) for pair in verses.pairs("test")],
    "model 1": lambda: glossed("model 1"),
    "diagonal prior": lambda: glossed("diagonal prior"),
    "glosses by people": human_glosses,
}
EMPTY = ("AER", "precision", "recall", "BLEU", "chrF", "attention", "validation", "other_shift", "loss")
UNTRAINED = {"seed": 0, "steps": 0, "learning_rate": 0, "parameters": 0, "minutes": 0}


def row(system: str) -> dict[str, Any]:
    """A system without a network: how it aligns the test verses, and what it makes of them, where it does."""
    found: dict[str, Any] = {"system": system, **UNTRAINED, **dict.fromkeys(EMPTY)}
    if system in ALIGNERS:
        found["validation"] = verses.error_rate(ALIGNERS[system]("validation"), "validation")
        found |= aligned(ALIGNERS[system]("test"))
    if system in WRITERS:
        found |= verses.scores_of(WRITERS[system](), "test")
    return found


def aligned(links: Sequence[Links]) -> dict[str, Any]:
    """The scores of links for the test verses."""
    correct, _, proposed, sure = (int(total) for total in verses.counts_of(links, "test").sum(axis=0))
    precision, recall = round(correct / max(proposed, 1), 4), round(correct / sure, 4)
    return {"AER": verses.error_rate(links, "test"), "precision": precision, "recall": recall}


def fitted(system: str, seed: int, steps: int, learning_rate: float) -> tuple[nn.Module, dict[str, Any]]:
    """A network after so many steps, and the row of a table that it begins."""
    model = seeded(seed, NETWORKS[system][0])
    minutes = verses.train_verses(model, steps, learning_rate, seed) if steps else 0
    model.eval()
    return model, {
        "system": system,
        "seed": seed,
        "steps": steps,
        "learning_rate": learning_rate,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "minutes": round(minutes, 1),
        **dict.fromkeys(EMPTY),
        "loss": round(mean_loss(model, verses.tokens("validation")), 4),
    }


def searched(system: str, learning_rate: float) -> dict[str, Any]:
    """A short run, of which only the loss on the validation books is looked at."""
    _, found = fitted(system, 0, SEARCH_STEPS, learning_rate)
    return found | {"system": f"{system}, search"}


def trained(system: str, seed: int, steps: int, learning_rate: float) -> dict[str, Any]:
    """A network: the attention that aligns the validation verses best, on the test verses; and its translations."""
    model, found = fitted(system, seed, steps, learning_rate)
    chosen = verses.attention_maps(model, verses.pairs("validation"))
    rates = {at: verses.error_rate(_links(chosen, at), "validation") for at in chosen[0]}
    best = min(rates, key=lambda at: rates[at][0])
    place, _, when = best.rpartition(", ")
    other = f"{place}, {'read' if when == 'written' else 'written'}"
    maps = verses.attention_maps(model, verses.pairs("test"))
    return {
        **found,
        "system": system if steps else f"{system}, untrained",
        **aligned(_links(maps, best)),
        **(verses.translation_of(model, "test") if steps else {}),
        "attention": best,
        "validation": rates[best],
        "other_shift": verses.error_rate(_links(maps, other), "test"),
    }


def _links(maps: Sequence[dict[str, Any]], at: str) -> list[Links]:
    return [verses.by_attention(words[at]) for words in maps]


def rows() -> Iterator[dict[str, Any]]:
    """All without a network; a search for learning rates, short and then long; networks untrained and trained."""
    for system in dict.fromkeys([*ALIGNERS, *WRITERS]):
        yield row(system)
    for system, (_, steps) in NETWORKS.items():
        losses = {}
        for learning_rate in RATES:
            found = searched(system, learning_rate)
            losses[learning_rate] = found["loss"]
            yield found
        yield trained(system, 0, 0, 0)
        long = [trained(system, SEEDS[0], steps, min(losses, key=losses.__getitem__))]
        while len(long) < 2 or long[-1]["loss"] < long[-2]["loss"]:  # a short search may prefer too high a rate
            long.append(trained(system, SEEDS[0], steps, long[-1]["learning_rate"] / 2))
        *higher, best, lower = long
        for other in [*higher, lower]:
            yield other | {"system": f"{system}, another rate"}
        yield best
        for seed in SEEDS[1:]:
            yield trained(system, seed, steps, best["learning_rate"])
