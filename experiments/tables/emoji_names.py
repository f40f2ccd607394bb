"""Emoji and their names, learned together: which picture does a name find among pictures never seen?

Pictures of 32 x 32 pixels, names as MiniLM's frozen vectors, which are not projected: only the pictures' tower learns.
Settings were chosen by the validation emoji; the test emoji are scored by one setting, and by the same one with
shuffled pairs. Where emoji are split at `random` instead of by family, near-identical ones fall on both sides.
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
from course_lib.vision import TwoTowers, ViT, ViTConfig, contrastive_loss, pixels
from experiments.pictures import Convolutions, fit
from experiments.readers import minilm
from experiments.shared import rounded, seeded

__all__ = ["CHOICE", "draw", "pairs", "row", "rows", "towers"]

CHOICE = {"tower": "convolutions", "batch_size": 16, "learning_rate": 0.001, "scale": "learned", "steps": 400}
LONG = 1_200  # steps of the setting that is scored on the test emoji
SEEDS = (0, 1, 2)
CANDIDATES = 116  # of a random split, as many as the test emoji


class FirstState(nn.Module):
    """A vision Transformer whose picture vector is its first token's state."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        self.vit = ViT(config)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.vit(pictures)[:, 0]


def towers(tower: str, scale: str | float) -> TwoTowers:
    """A tower of pictures beside names whose vectors stay as they are; the scale is learned, or fixed."""
    if tower == "convolutions":
        pictures, width = Convolutions((32, 64, 128, 128), (2, 2, 2, 1)), 256
    else:
        vit = ViTConfig(image_size=32, patch_size=4, d_model=104, n_layers=3, n_heads=4, d_ff=224)
        pictures, width = FirstState(vit), 104
    model = TwoTowers(pictures, nn.Identity(), width, 384, 384)
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
        return {**about, **_scored(_without_training(splits, split))}
    model = seeded(seed, lambda: towers(tower, scale))
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
        **_scored(scores),
    }


def _without_training(splits: dict[str, tuple[Tensor, Tensor]], split: str) -> np.ndarray:
    """The baseline: cosines of pixels with the mean picture of the five training emoji whose names are nearest."""
    (seen, seen_names), (pictures, names) = splits["train"], splits[split]
    nearest = (names @ seen_names.T).topk(5, dim=1).indices  # (names, 5)
    mean = seen.mean(dim=0)
    expected = (seen[nearest].mean(dim=1) - mean).flatten(1)
    return (F.normalize(expected, dim=1) @ F.normalize((pictures - mean).flatten(1), dim=1).T).numpy()


def _scored(scores: np.ndarray) -> dict[str, Any]:
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
    """The chosen setting on the test emoji, and its control; then one thing at a time, on the validation emoji."""
    for split in ("validation", "test"):
        yield row(**CHOICE | {"tower": "nearest names"}, seed=0, split=split)
    for seed in SEEDS:
        for shuffled in (False, True):
            yield row(**CHOICE | {"steps": LONG}, seed=seed, shuffled=shuffled, split="test")
    for seed in SEEDS:
        for batch_size, steps, rates in ((16, 400, (0.001,)), (64, 100, (0.001, 0.003)), (256, 25, (0.001, 0.003))):
            for rate in rates:
                yield row(**CHOICE | {"batch_size": batch_size, "steps": steps, "learning_rate": rate}, seed=seed)
        for batch_size in (16, 256):
            yield row(**CHOICE | {"batch_size": batch_size, "steps": 100, "learning_rate": 0.003}, seed=seed)
        for scale in (1.0, 20.0, 100.0):
            yield row(**CHOICE | {"scale": scale}, seed=seed)
        for rate in (0.0003, 0.001):
            yield row(**CHOICE | {"tower": "patches", "steps": 180, "learning_rate": rate}, seed=seed)
        for split_by, skin_tones in (("random", False), ("family", True), ("random", True)):
            yield row(**CHOICE, seed=seed, split_by=split_by, skin_tones=skin_tones)
