"""The search of `emoji_names` with what helped on the validation emoji; then the test emoji are scored once more.

`longer` trains for 1,600 steps on names from which the mean of the training names is subtracted: what all names share
tells no two apart. `views` is the same model, and a picture's vector is the mean of ten: as it is and mirrored, and
both moved by two pixels in each direction. `views and rule` adds the scores of the rule that needs no training, half
as strong. To move, rotate or enlarge each picture of a batch by itself in training did not help.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.runtime import evaluating
from course_lib.vision import TwoTowers, contrastive_loss
from experiments.pictures import fit
from experiments.shared import seeded
from experiments.tables import emoji_names

__all__ = ["row", "rows"]

STEPS = 1600
SEEDS = (0, 1, 2)
SHIFT = 2  # pixels
SYSTEMS = ("longer", "views", "views and rule")


def row(system: str, seed: int, split: str, shuffled: bool = False) -> dict[str, Any]:
    """Recall at 1 and 10 of names that look for their picture, the ranks, and recall at 10 the other way."""
    splits = emoji_names.pairs()
    if system == "nearest names":
        scores = emoji_names.without_training(splits, split)
    elif system == "before":
        choice = emoji_names.CHOICE | {"steps": emoji_names.LONG}
        found = emoji_names.row(**choice, seed=seed, shuffled=shuffled, split=split)
        kept = ("candidates", "recall at 1", "recall at 10", "names, recall at 10", "ranks")
        return _about(system, seed, split, shuffled) | {name: found[name] for name in kept}
    else:
        pictures, names = splits[split]
        vectors = _vectors(_trained(seed, shuffled), pictures, views=system != "longer")
        scores = (_centred(names) @ vectors.T).numpy()
        if system == "views and rule":
            scores = _standard(scores) + _standard(emoji_names.without_training(splits, split)) / 2
    return _about(system, seed, split, shuffled) | emoji_names.scored(scores)


def _about(system: str, seed: int, split: str, shuffled: bool) -> dict[str, Any]:
    return {"system": system, "seed": seed, "split": split, "shuffled": shuffled}


@cache
def _trained(seed: int, shuffled: bool) -> TwoTowers:
    choice = emoji_names.CHOICE
    model = seeded(seed, lambda: emoji_names.towers("learned"))
    pictures, names = emoji_names.pairs()["train"]
    batches = emoji_names.draw(pictures, _centred(names), choice["batch_size"], shuffled)
    fit(model, lambda model, batch: contrastive_loss(model(*batch)), batches, STEPS, choice["learning_rate"], seed)
    return model


def _centred(names: Tensor) -> Tensor:
    _, seen = emoji_names.pairs()["train"]
    return F.normalize(names - seen.mean(dim=0), dim=1)


def _vectors(model: TwoTowers, pictures: Tensor, views: bool) -> Tensor:
    """The unit vectors of pictures; with views, of each the mean over ten."""
    seen = [pictures]
    if views:
        for side in (pictures, pictures.flip(3)):
            seen += [side.roll(by, axis) for axis in (2, 3) for by in (-SHIFT, SHIFT)]
        seen.append(pictures.flip(3))
    with torch.no_grad(), evaluating(model):
        vectors = torch.stack([model.of_pictures(view) for view in seen])  # (views, B, D)
    return F.normalize(vectors.mean(dim=0), dim=1)


def _standard(scores: np.ndarray) -> np.ndarray:
    return (scores - scores.mean()) / scores.std()


def rows() -> Iterator[dict[str, Any]]:
    """On the validation emoji what changed step by step; on the test emoji the same systems, and shuffled pairs."""
    for split in ("validation", "test"):
        yield row("nearest names", 0, split)
    for seed in SEEDS:
        yield row("before", seed, "validation")
        for split in ("validation", "test"):
            for system in SYSTEMS:
                yield row(system, seed, split)
        yield row("views", seed, "test", shuffled=True)
