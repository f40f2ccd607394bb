"""Emoji and their names, learned together: which picture does a name find among pictures never seen?

Pictures of 32 x 32 pixels, names as MiniLM's frozen vectors, which are not projected: only the pictures' tower learns.
Settings were chosen by the validation emoji; the test emoji are scored by one setting, and by the same one with
shuffled pairs. `emoji_changes` has more rows of the same kind.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from course_lib import data
from course_lib.bert import sentence_vectors
from course_lib.metrics import bootstrap_interval
from course_lib.metrics.ranking import recall_at
from course_lib.runtime import evaluating
from course_lib.vision import TwoTowers, contrastive_loss, pixels
from experiments.pictures import Convolutions, fit
from experiments.readers import minilm
from experiments.shared import rounded, seeded

__all__ = ["CHOICE", "LONG", "draw", "pairs", "row", "rows", "scored", "towers", "without_training"]

CHOICE = {"tower": "convolutions", "batch_size": 16, "learning_rate": 0.001, "scale": "learned", "steps": 400}
LONG = 800  # steps of the setting that is scored on the test emoji
SEEDS = (0, 1, 2)
CANDIDATES = 116  # of a random split, as many as the test emoji


def towers(scale: str | float) -> TwoTowers:
    """A tower of pictures beside names whose vectors stay as they are; the scale is learned, or fixed."""
    pictures = Convolutions((32, 64, 128, 128), (2, 2, 2, 1))
    model = TwoTowers(pictures, nn.Identity(), 256, 384, 384)
    nn.init.eye_(model.text_projection.weight).requires_grad_(False)
    if scale != "learned":
        model.log_scale.data.fill_(np.log(scale))
        model.log_scale.requires_grad_(False)
    return model


@cache
def pairs(split_by: str = "family", skin_tones: bool = False) -> dict[str, tuple[Tensor, Tensor]]:
    """By split: pictures, and the unit vectors of their names."""
    found = data.emoji(skin_tones)
    names, pictures, parts = [], [], {}
    for split, emoji in found.items():
        parts[split] = torch.arange(len(names), len(names) + len(emoji))
        names += [one.english for one in emoji]
        pictures += [one.picture for one in emoji]
    small = F.avg_pool2d(pixels(pictures), 2)
    model, tokenizer = minilm()
    vectors = F.normalize(sentence_vectors(model, [tokenizer.sequence(name)[0] for name in names]), dim=1)
    if split_by == "random":
        order = torch.randperm(len(names), generator=Generator().manual_seed(0))
        parts = {"validation": order[:CANDIDATES], "train": order[CANDIDATES:][: len(parts["train"])]}
    elif skin_tones:
        order = torch.randperm(len(parts["validation"]), generator=Generator().manual_seed(0))
        parts["validation"] = parts["validation"][order[:CANDIDATES]]
    return {split: (small[part], vectors[part]) for split, part in parts.items()}


def draw(
    pictures: Tensor, names: Tensor, batch_size: int, shuffled: bool = False
) -> Callable[[Generator], tuple[Tensor, Tensor]]:
    """A function that draws pairs, their pictures moved by up to 3 pixels and half of the time mirrored."""
    if shuffled:
        names = names[torch.randperm(len(names), generator=Generator().manual_seed(0))]

    def batch(generator: Generator) -> tuple[Tensor, Tensor]:
        chosen = torch.randint(len(names), (batch_size,), generator=generator)
        down, right, mirrored = torch.randint(-3, 4, (3,), generator=generator).tolist()
        moved = pictures[chosen].roll((down, right), dims=(2, 3))
        return moved.flip(3) if mirrored > 0 else moved, names[chosen]

    return batch


def row(
    tower: str,
    batch_size: int,
    learning_rate: float,
    scale: str | float,
    steps: int,
    seed: int,
    shuffled: bool = False,
    split_by: str = "family",
    skin_tones: bool = False,
    split: str = "validation",
) -> dict[str, Any]:
    """Recall at 1 and 10 of names that look for their picture, the ranks, and recall at 10 the other way."""
    about = locals()
    splits = pairs(split_by, skin_tones)
    if tower == "nearest names":
        nothing = {"parameters": None, "seconds": None, "final scale": None}
        return {**about, **nothing, **scored(without_training(splits, split))}
    model = seeded(seed, lambda: towers(scale))
    batches = draw(*splits["train"], batch_size, shuffled)
    seconds = fit(model, lambda model, batch: contrastive_loss(model(*batch)), batches, steps, learning_rate, seed)
    pictures, names = splits[split]
    with torch.no_grad(), evaluating(model):
        scores = model(pictures, names).T.numpy()  # a row per name
    return {
        **about,
        "parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "seconds": round(seconds, 1),
        "final scale": round(model.log_scale.exp().item(), 1),
        **scored(scores),
    }


def without_training(splits: dict[str, tuple[Tensor, Tensor]], split: str) -> np.ndarray:
    """The baseline: cosines of pixels with the mean picture of the five training emoji whose names are nearest."""
    (seen, seen_names), (pictures, names) = splits["train"], splits[split]
    nearest = (names @ seen_names.T).topk(5, dim=1).indices  # (names, 5)
    mean = seen.mean(dim=0)
    expected = (seen[nearest].mean(dim=1) - mean).flatten(1)
    return (F.normalize(expected, dim=1) @ F.normalize((pictures - mean).flatten(1), dim=1).T).numpy()


def scored(scores: np.ndarray) -> dict[str, Any]:
    """Of scores with a row per name and a column per picture, the right ones on the diagonal."""
    found, named = _ranks(scores), _ranks(scores.T)
    return {
        "candidates": len(scores),
        "recall at 1": _recall(1, found),
        "recall at 10": _recall(10, found),
        "names, recall at 10": _recall(10, named),
        "ranks": " ".join(map(str, found.tolist())),
    }


def _ranks(scores: np.ndarray) -> np.ndarray:
    return (scores >= scores.diagonal()[:, None]).sum(axis=1)


def _recall(k: int, ranks: np.ndarray) -> list[float]:
    return rounded(bootstrap_interval(lambda x: recall_at(k, x), 1 / ranks))


def rows() -> Iterator[dict[str, Any]]:
    """The rule without training, the chosen setting, and the same with shuffled pairs."""
    for split in ("validation", "test"):
        yield row(**CHOICE | {"tower": "nearest names"}, seed=0, split=split)
    for seed in SEEDS:
        for shuffled in (False, True):
            yield row(**CHOICE | {"steps": LONG}, seed=seed, shuffled=shuffled, split="test")
