"""Shakespeare as numbers of characters, and the score of a model of them."""

from functools import cache

import numpy as np

from course_lib import data
from course_lib.metrics import bits_per_character, bootstrap_interval

BLOCK = 2000  # characters: what the bootstrap draws, as neighbouring characters depend on one another


@cache
def characters(split: str) -> np.ndarray:
    """A split's text as numbers of characters, those of the training text in their order."""
    numbers = {character: number for number, character in enumerate(sorted(set(data.shakespeare("train"))))}
    return np.array([numbers[character] for character in data.shakespeare(split)])


def bits(nats: np.ndarray, lengths: np.ndarray | None = None) -> list[float]:
    """Bits per character, with the ends of the 95% interval over blocks of the text, from -ln p of each character.

    Where what is predicted are tokens, `lengths` says how many characters each has.
    """
    lengths = np.ones(len(nats), dtype=int) if lengths is None else lengths
    starts = np.unique(np.searchsorted(lengths.cumsum(), np.arange(0, lengths.sum(), BLOCK), side="right"))
    sums = np.add.reduceat(nats, starts), np.add.reduceat(lengths, starts)
    return [round(end, 4) for end in bootstrap_interval(bits_per_character, *sums)]
