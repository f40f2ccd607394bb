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


def bits(nats: np.ndarray) -> list[float]:
    """Bits per character, with the ends of the 95% interval over blocks of the text, from -ln p of each character."""
    starts = np.arange(0, len(nats), BLOCK)
    interval = bootstrap_interval(bits_per_character, np.add.reduceat(nats, starts), np.diff(starts, append=len(nats)))
    return [round(end, 4) for end in interval]
