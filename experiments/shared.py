"""What several experiments share: words, characters and judgements as numbers, runs that are whole or not at all."""

import re
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from course_lib import data
from course_lib.metrics import Interval, bits_per_character, bootstrap_interval
from course_lib.runtime import own_randomness
from course_lib.training import History, train

__all__ = [
    "bits",
    "characters",
    "finish",
    "judgements",
    "one_core",
    "raising_at_the_stop",
    "rounded",
    "seeded",
    "train_whole",
    "unstopped",
    "words_of",
    "worst_by_change",
]

BLOCK = 2000  # characters: what the bootstrap resamples, as neighbouring characters depend on one another


def words_of(text: str) -> list[str]:
    """The words of a text from which vectors are learned: lower case, letters and inner apostrophes."""
    return re.findall(r"[a-z]+(?:'[a-z]+)?", text.lower())


def judgements(name: str, rows: dict[str, int], part: str) -> tuple[Int[Tensor, "N 2"], Float[np.ndarray, " N"]]:
    """The known pairs of a set of judgements as rows of vectors, and people's scores of them.

    Every third pair is for choosing ("development"), the others for reporting ("test").
    """
    # WordSim-353 has two pairs twice, one of them reversed: each is kept once.
    scores = {tuple(sorted((a.lower(), b.lower()))): score for a, b, score in data.word_similarity(name)}
    known = [(rows[a], rows[b], score) for (a, b), score in scores.items() if {a, b} <= rows.keys()]
    chosen = [pair for number, pair in enumerate(known) if (number % 3 == 0) == (part == "development")]
    return torch.tensor([pair[:2] for pair in chosen]), np.array([pair[2] for pair in chosen])


@cache
def characters(split: str) -> np.ndarray:
    """A split of Shakespeare as ids of characters, those of the training text in their order."""
    ids = {character: id for id, character in enumerate(sorted(set(data.shakespeare("train"))))}
    return np.array([ids[character] for character in data.shakespeare(split)])


def bits(nats: np.ndarray, lengths: np.ndarray | None = None) -> list[float]:
    """Bits per character, with the ends of the 95% interval over blocks of the text, from -ln p of each character.

    Where tokens are predicted, `lengths` gives the number of characters of each.
    """
    lengths = np.ones(len(nats), dtype=int) if lengths is None else lengths
    starts = np.unique(np.searchsorted(lengths.cumsum(), np.arange(0, lengths.sum(), BLOCK), side="right"))
    sums = np.add.reduceat(nats, starts), np.add.reduceat(lengths, starts)
    return rounded(bootstrap_interval(bits_per_character, *sums))


def rounded(interval: Interval) -> list[float]:
    """A value and the ends of its interval as they are stored."""
    return [round(end, 4) for end in interval]


def train_whole(*arguments: Any, show: bool = False, **named: Any) -> History:
    """`train`, which raises KeyboardInterrupt where the stop button ended it."""
    return unstopped(train(*arguments, show=show, **named))


def unstopped(history: History) -> History:
    """The history of a whole run; raises KeyboardInterrupt for one that was stopped: half a run is not a result."""
    if history.stopped:
        raise KeyboardInterrupt
    return history


@contextmanager
def raising_at_the_stop() -> Iterator[None]:
    """Raise KeyboardInterrupt where the block ends itself quietly once the stop button (Ctrl-C) is pressed."""
    pressed, before = [], signal.getsignal(signal.SIGINT)

    def press(number: int, frame: Any) -> None:
        pressed.append(number)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, press)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        raise KeyboardInterrupt


def seeded(seed: int, make: Callable[[], nn.Module]) -> nn.Module:
    """A model with the initial weights of a seed."""
    with own_randomness(seed):
        return make()


def finish(make: Callable[[], Path], again: str = "goes on from what is done") -> int:
    """Make a file and say so, or in one sentence why not; returns the command's exit code: 0, 1, or 130 after Ctrl-C.

    `again` is what the same command does after Ctrl-C.
    """
    try:
        print(f"written: {make()}")
    except KeyboardInterrupt:
        print(f"\nStopped: no stored file is half made, and the same command {again}.", file=sys.stderr)
        return 130
    except (data.DataError, FloatingPointError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


@contextmanager
def one_core() -> Iterator[None]:
    """One thread, so that time is comparable and a run repeats whatever the machine has."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def worst_by_change(rows: Sequence[dict[str, Any]], usual: dict[str, Any], score: str) -> list[tuple[str, float]]:
    """For each choice in stored rows, named by what differs from the usual one, the highest score over the seeds."""
    worst: dict[str, float] = {}
    for row in rows:
        changes = [f"{name} {row[name]}" for name, value in usual.items() if row[name] != value]
        name = ", ".join(changes) or "the usual choice"
        worst[name] = max(row[score][0], worst.get(name, 0.0))
    return list(worst.items())
