"""Handwritten digits somewhere on a larger picture: a vision Transformer beside a convolutional network.

The digits of scikit-learn, 8 x 8 pixels, are placed at random on 16 x 16: anew whenever they are drawn for training,
once for the 400 of validation, by which rates and sizes are chosen, and for the 397 of test. In `scrambled` pictures,
all pixels have changed places by one fixed permutation, so that neighbours are neighbours no more.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from course_lib.metrics import bootstrap_interval
from course_lib.runtime import evaluating
from course_lib.vision import ViT, ViTConfig
from experiments.pictures import Convolutions, fit
from experiments.shared import rounded, seeded

__all__ = [
    "CHOICE",
    "batches",
    "chosen",
    "convolutional",
    "digits",
    "label_loss",
    "place",
    "row",
    "rows",
    "steps_of",
    "vit",
]

SIDE, DIGIT = 16, 8
CHOICE = {"patch_size": 4, "d_model": 32, "n_layers": 2, "batch_size": 64, "learning_rate": 0.003}
BUDGET = 300  # steps of that choice; another choice gets as many as cost the same
SEEDS = (0, 1, 2)


@cache
def digits() -> dict[str, tuple[Tensor, Tensor]]:
    """By split: pictures with values from -1 to 1, and labels."""
    found = load_digits()
    order = torch.randperm(len(found.target), generator=Generator().manual_seed(0))
    pictures = torch.tensor(found.images, dtype=torch.float32)[order] / 8 - 1
    labels = torch.tensor(found.target)[order]
    parts = {"train": slice(0, 1000), "validation": slice(1000, 1400), "test": slice(1400, None)}
    return {split: (pictures[part], labels[part]) for split, part in parts.items()}


def place(pictures: Tensor, generator: Generator) -> Tensor:
    """Each digit at a random position of an empty picture, in three equal colours."""
    corners = torch.randint(SIDE - DIGIT + 1, (2, len(pictures), 1, 1), generator=generator)
    rows = corners[0] + torch.arange(DIGIT)[:, None]
    columns = corners[1] + torch.arange(DIGIT)
    placed = torch.full((len(pictures), SIDE, SIDE), -1.0)
    placed[torch.arange(len(pictures))[:, None, None], rows, columns] = pictures
    return placed[:, None].expand(-1, 3, -1, -1)


class Labelled(nn.Module):
    """A tower and a linear layer that gives the logits of the ten digits."""

    def __init__(self, tower: nn.Module, width: int, pool: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.tower, self.pool, self.labels = tower, pool, nn.Linear(width, 10)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.labels(self.pool(self.tower(pictures)))


def vit(patch_size: int, d_model: int, n_layers: int) -> nn.Module:
    """A vision Transformer with ten labels."""
    config = ViTConfig(
        image_size=SIDE, patch_size=patch_size, d_model=d_model, n_layers=n_layers, n_heads=4, d_ff=2 * d_model
    )
    return Labelled(ViT(config), d_model, lambda states: states[:, 0])


def convolutional() -> nn.Module:
    """Three convolutions with ten labels: as many parameters as the usual Transformer, within 5%."""
    return Labelled(Convolutions((20, 32, 42), (1, 2, 2)), 84, lambda vectors: vectors)


def steps_of(patch_size: int, d_model: int, n_layers: int, batch_size: int) -> int:
    """How many steps a choice may take, so that all take about as long as BUDGET steps of the usual one."""
    sizes = [CHOICE[name] for name in ("patch_size", "d_model", "n_layers", "batch_size")]
    return round(BUDGET * _milliseconds(*sizes) / _milliseconds(patch_size, d_model, n_layers, batch_size))


def _milliseconds(patch_size: int, d_model: int, n_layers: int, batch_size: int) -> float:
    """A step on one core, fitted by least squares to the times of eleven choices."""
    tokens = (SIDE // patch_size) ** 2 + 1
    return 1.84 + n_layers * (0.78 + 6e-5 * batch_size * tokens * d_model + 1.7e-5 * batch_size * tokens**2)


def row(
    tower: str,
    seed: int,
    patch_size: int | None = None,
    d_model: int | None = None,
    n_layers: int | None = None,
    batch_size: int = 64,
    learning_rate: float | None = None,
    steps: int | None = None,
    scrambled: bool = False,
    test: bool = False,
) -> dict[str, Any]:
    """The accuracy of a tower on the validation digits, and where asked for on the test digits."""
    sizes = {"patch_size": patch_size, "d_model": d_model, "n_layers": n_layers, "batch_size": batch_size}
    run = {"learning_rate": learning_rate, "steps": steps, "scrambled": scrambled, "seed": seed}
    about = {"tower": tower, **sizes, **run}
    change = _scrambled if scrambled else lambda pictures: pictures
    if tower == "logistic regression":
        predict, found = _logistic(change, seed), {"parameters": 7_690, "seconds": None}
    else:
        make = convolutional if tower == "convolutions" else lambda: vit(patch_size, d_model, n_layers)
        model = seeded(seed, make)
        seconds = fit(model, label_loss, batches(batch_size, change), steps, learning_rate, seed)
        found = {"parameters": sum(p.numel() for p in model.parameters()), "seconds": round(seconds, 1)}
        predict = _predictions(model)
    found["test"] = None
    for split in ("validation", "test") if test else ("validation",):
        pictures, labels = digits()[split]
        right = predict(change(place(pictures, Generator().manual_seed(5)))) == labels.numpy()
        found[split] = rounded(bootstrap_interval(lambda x: x.mean(axis=-1), right.astype(float)))
    return {**about, **found}


def _scrambled(pictures: Tensor) -> Tensor:
    order = torch.randperm(SIDE * SIDE, generator=Generator().manual_seed(1))
    return pictures.flatten(2)[:, :, order].view(pictures.shape)


def batches(
    batch_size: int, change: Callable[[Tensor], Tensor] = torch.clone
) -> Callable[[Generator], tuple[Tensor, Tensor]]:
    """A function that draws training digits, each at a new position, and their labels."""
    pictures, labels = digits()["train"]

    def draw(generator: Generator) -> tuple[Tensor, Tensor]:
        chosen = torch.randint(len(labels), (batch_size,), generator=generator)
        return change(place(pictures[chosen], generator)), labels[chosen]

    return draw


def label_loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """The cross-entropy of the labels, in nats."""
    pictures, labels = batch
    return F.cross_entropy(model(pictures), labels)


def _predictions(model: nn.Module) -> Callable[[Tensor], np.ndarray]:
    def predict(pictures: Tensor) -> np.ndarray:
        with torch.no_grad(), evaluating(model):
            return model(pictures).argmax(dim=1).numpy()

    return predict


def _logistic(change: Callable[[Tensor], Tensor], seed: int) -> Callable[[Tensor], np.ndarray]:
    pictures, labels = digits()["train"]
    generator = Generator().manual_seed(seed)
    many = change(place(pictures.repeat(5, 1, 1), generator))[:, 0].flatten(1)
    fitted = LogisticRegression(C=0.01, max_iter=1000).fit(many.numpy(), labels.repeat(5).numpy())
    return lambda pictures: fitted.predict(pictures[:, 0].flatten(1).numpy())


def chosen(seed: int, **changes: Any) -> dict[str, Any]:
    """The row of a vision Transformer with these changes of the usual choice, in the same budget."""
    choice = CHOICE | changes
    sizes = {name: choice[name] for name in ("patch_size", "d_model", "n_layers", "batch_size")}
    return row("patches", seed, **choice, steps=steps_of(**sizes))


def rows() -> Iterator[dict[str, Any]]:
    """The baseline; both towers by rate, scrambled, and the Transformer longer; then its other sizes."""
    yield row("logistic regression", 0, test=True)
    best = {"convolutions": 0.01, "patches": 0.003}
    for tower, rates in {"convolutions": (0.01, 0.03), "patches": (0.003, 0.01)}.items():
        sizes = {name: CHOICE[name] for name in ("patch_size", "d_model", "n_layers")} if tower == "patches" else {}
        for seed in SEEDS:
            for rate in rates:
                yield row(tower, seed, **sizes, learning_rate=rate, steps=BUDGET, test=rate == best[tower])
            if tower == "patches":
                yield row(tower, seed, **sizes, learning_rate=best[tower], steps=4 * BUDGET, test=True)
            yield row(tower, seed, **sizes, learning_rate=best[tower], steps=BUDGET, scrambled=True)
    for changes in (
        {"patch_size": 2},
        {"patch_size": 8},
        {"d_model": 16},
        {"d_model": 64},
        {"n_layers": 1},
        {"batch_size": 256},
        {"batch_size": 32},
        {"n_layers": 1, "learning_rate": 0.01},
    ):
        yield chosen(0, **changes)
