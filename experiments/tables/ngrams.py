"""Characters of Shakespeare by counting: how the order and the smoothing change the bits per character."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from course_lib.ngrams import Grams, NgramModel, add_k, count_ngrams, jelinek_mercer, kneser_ney, modified_kneser_ney
from experiments.shared import BLOCK, bits, characters

ORDERS = range(1, 10)
WEIGHTS = (0.5, 0.7, 0.9)


@cache
def counts() -> list[Grams]:
    """The n-grams of the training plays."""
    text = characters("train")
    return count_ngrams(text, int(text.max()) + 1, max(ORDERS))


def model(order: int, smoothing: str, weight: float | None) -> NgramModel:
    """The model of a row's settings."""
    smooth = {
        "add-one": lambda grams: add_k(grams, 1),
        "Kneser-Ney": kneser_ney,
        "modified Kneser-Ney": modified_kneser_ney,
    }
    smooth["Jelinek-Mercer"] = lambda grams: jelinek_mercer(grams, weight)
    return smooth[smoothing](counts()[:order])


def row(order: int, smoothing: str, weight: float | None = None) -> dict[str, Any]:
    """One setting's bits per character on the validation plays, and on every twelfth block of the training plays."""
    trained, seen = model(order, smoothing, weight), characters("train")
    seen = seen[: len(seen) // BLOCK * BLOCK].reshape(-1, BLOCK)[::12].ravel()
    settings = {"order": order, "smoothing": smoothing, "weight": weight}
    return {
        **settings,
        "train": bits(-trained.log_probabilities(seen)),
        "validation": bits(-trained.log_probabilities(characters("validation"))),
        "test": None,
    }


def rows() -> Iterator[dict[str, Any]]:
    """Every setting; the one that is best on the validation plays, and no other, is scored on the test plays too."""
    settings = [("add-one", None), *(("Jelinek-Mercer", weight) for weight in WEIGHTS)]
    settings += [("Kneser-Ney", None), ("modified Kneser-Ney", None)]
    made = [row(order, *setting) for setting in settings for order in ORDERS]
    best = min(made, key=lambda one: one["validation"][0])
    chosen = model(*(best[name] for name in ("order", "smoothing", "weight")))
    best["test"] = bits(-chosen.log_probabilities(characters("test")))
    yield from made
