"""Bytes that are neither text nor sound: pixels, tunes made by rule, and the columns of a table, each row by row.

Each is predicted byte by byte by a small GPT, and by counts, and compressed by zlib, bz2 and lzma. Scores are bits per
byte of held-out rows. A compressor has seen the training rows as well: what counts is how many bytes its file grows by
when the held-out rows are added to them. All choices of the GPT read 300,000 bytes in training.
"""

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer, load_digits
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from course_lib.gpt import GPT, GPTConfig
from course_lib.metrics import bootstrap_interval
from course_lib.ngrams import count_ngrams, modified_kneser_ney
from course_lib.runtime import evaluating
from experiments.pictures import fit
from experiments.shared import rounded, seeded

__all__ = ["CHOICE", "COMPRESSORS", "FIELDS", "compressed", "row", "rows", "splits"]

CHOICE = {"field": "pixels", "d_model": 32, "n_layers": 1, "batch_size": 32, "learning_rate": 0.003}
BEST = {"d_model": 64, "n_layers": 2, "batch_size": 8}  # of a few choices, on the validation rows
READ = 300_000  # bytes in training
SEEDS = (0, 1, 2)
COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "zlib": lambda content: zlib.compress(content, 9),
    "bz2": bz2.compress,
    "lzma": lambda content: lzma.compress(content, preset=9),
}
COUNTS = ("one byte", "one byte by position", "three bytes")
MAJOR = (0, 2, 4, 5, 7, 9, 11)  # semitones above the keynote
RHYTHMS = ([2] * 8, [3, 1] * 4, [1, 1, 2] * 2 + [2, 2], [4, 2, 2, 1, 1, 2, 2, 2])


def _pixels() -> np.ndarray:
    """Handwritten digits: 64 pixels each, from 0 to 16."""
    return load_digits().images.reshape(-1, 64)


def _tunes() -> np.ndarray:
    """Phrases in the form A A B A, each of 8 notes: a pitch (60 is the middle C), then a length."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(1_800):
        keynote = 55 + int(rng.integers(12))
        first, second = _phrase(keynote, rng), _phrase(keynote, rng)
        found.append(first + first + second + first)
    return np.array(found)


def _phrase(keynote: int, rng: np.random.Generator) -> list[int]:
    step, notes = int(rng.choice([0, 2, 4])), []
    for length in RHYTHMS[rng.integers(len(RHYTHMS))]:
        notes += [keynote + 12 * (step // 7) + MAJOR[step % 7], length]
        step = int(np.clip(step + rng.choice([-2, -1, -1, 0, 1, 1, 2]), -3, 9))
    return notes


def _table() -> np.ndarray:
    """30 measurements of each of 569 tumours; `splits` makes them numbers from 0 to 15."""
    return load_breast_cancer().data


FIELDS = {"pixels": _pixels, "tunes": _tunes, "table": _table}


@cache
def splits(field: str) -> dict[str, np.ndarray]:
    """By split, an array of bytes with a row for each picture, tune or patient: 60%, 20% and 20%."""
    found = FIELDS[field]()
    found = found[np.random.default_rng(0).permutation(len(found))]
    fifth = len(found) // 5
    train = found[: -2 * fifth]
    if field == "table":  # 16 levels, each equally frequent in training
        levels = np.quantile(train, np.arange(1, 16) / 16, axis=0)
        found = (found[:, None] > levels).sum(axis=1)
    found = found.astype(np.uint8)
    return {"train": found[: -2 * fifth], "validation": found[-2 * fifth : -fifth], "test": found[-fifth:]}


def compressed(field: str, name: str, split: str) -> float:
    """Bits per byte of a split by a compressor that has seen the training rows."""
    seen, added = (splits(field)[part].tobytes() for part in ("train", split))
    compress = COMPRESSORS[name]
    return 8 * (len(compress(seen + added)) - len(compress(seen))) / len(added)


def row(
    field: str,
    system: str,
    seed: int = 0,
    d_model: int | None = None,
    n_layers: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    test: bool = False,
) -> dict[str, Any]:
    """Bits per byte on the validation rows and, where asked for, on the test rows; intervals resample the rows."""
    about: dict[str, Any] = dict(locals())
    del about["test"]
    asked = ("validation", "test") if test else ("validation",)
    if system in COMPRESSORS:
        bits = {split: [round(compressed(field, system, split), 4), None, None] for split in asked}
    else:
        measure = _counted(field, system) if system in COUNTS else _trained(**about)
        bits = {split: _interval(measure(splits(field)[split])) for split in asked}
    return about | {"validation": None, "test": None} | bits


def _interval(bits: np.ndarray) -> list[float]:
    return rounded(bootstrap_interval(lambda x: x.mean(axis=-1), bits.mean(axis=1)))


def _counted(field: str, system: str) -> Callable[[np.ndarray], np.ndarray]:
    """From rows to the bits of each byte, by counts of the training rows."""
    train, size = splits(field)["train"], 1 + max(int(rows.max()) for rows in splits(field).values())
    if system == "three bytes":
        model = modified_kneser_ney(count_ngrams(train.flatten().astype(int), size, 3))
        return lambda rows: -model.log_probabilities(rows.flatten().astype(int)).reshape(rows.shape) / np.log(2)
    counts = np.stack([np.bincount(column, minlength=size) for column in train.T]) + 0.1
    if system == "one byte":
        counts = counts.sum(axis=0, keepdims=True).repeat(train.shape[1], axis=0)
    shares = counts / counts.sum(axis=1, keepdims=True)
    return lambda rows: -np.log2(shares[np.arange(rows.shape[1]), rows])


def _trained(
    field: str, system: str, seed: int, d_model: int, n_layers: int, batch_size: int, learning_rate: float
) -> Callable[[np.ndarray], np.ndarray]:
    """From rows to the bits of each byte, by a GPT that reads a first token and then the bytes of a row."""
    train = splits(field)["train"]
    first = 1 + max(int(rows.max()) for rows in splits(field).values())
    length = train.shape[1]
    sizes = GPTConfig(vocab_size=first + 1, context_length=length, d_model=d_model, n_layers=n_layers, n_heads=4)
    model = seeded(seed, lambda: GPT(sizes))

    def tokens(rows: np.ndarray) -> Tensor:
        return F.pad(torch.tensor(rows.astype(int)), (1, 0), value=first)

    def draw(generator: Generator) -> Tensor:
        return tokens(train)[torch.randint(len(train), (batch_size,), generator=generator)]

    fit(model, lambda model, batch: _nats(model, batch).mean(), draw, _steps(batch_size, length), learning_rate, seed)

    def measure(rows: np.ndarray) -> np.ndarray:
        with torch.no_grad(), evaluating(model):
            return torch.cat([_nats(model, part) for part in tokens(rows).split(100)]).numpy() / np.log(2)

    return measure


def _nats(model: nn.Module, tokens: Tensor) -> Tensor:
    logits = model(tokens[:, :-1])  # (B, T, V)
    return F.cross_entropy(logits.mT, tokens[:, 1:], reduction="none")


def _steps(batch_size: int, length: int) -> int:
    return round(READ / batch_size / length)


def rows() -> Iterator[dict[str, Any]]:
    """For each field counts and compressors, the usual choice and the best one; then one change at a time."""
    usual = {name: value for name, value in CHOICE.items() if name != "field"}
    for field in FIELDS:
        for system in (*COUNTS, *COMPRESSORS):
            yield row(field, system, test=True)
        for seed in SEEDS:
            yield row(field, "Transformer", seed, **usual)
            yield row(field, "Transformer", seed, **usual | BEST, test=True)
        for changes in ({"d_model": 64}, {"n_layers": 2}, {"batch_size": 8}, {"learning_rate": 0.01}):
            yield row(field, "Transformer", 0, **usual | changes)
