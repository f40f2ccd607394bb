"""Remedies against overfitting, one by one: a network that learns from 300 labelled reviews, eight seeds each.

A seed decides the reviews and the initial weights, and every remedy gets the same ones: differences are paired.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.metrics import student_interval
from course_lib.training import TrainingConfig, random_rows
from experiments.checkpoints.review_vectors import reviews, vectors
from experiments.shared import rounded, train_whole

PARTS = ("row", "run")
SEEDS = range(8)
STEPS = 600
UNTREATED: dict[str, Any] = {
    "labels": 300,  # reviews whose verdict is known; their number, and which, but not their texts
    "width": 256,  # of both hidden layers; 0: no hidden layer
    "kept": 1.0,  # the share of a review's words that an augmented copy keeps
    "dropout": 0.0,
    "l1": 0.0,  # added to the loss: l1 · Σ|w|
    "l2": 0.0,  # added to the loss: l2 / 2 · Σw²
    "decay": 0.0,  # decoupled
    "learning_rate": 0.001,
    "stopped": 0,  # 1: the weights of the best evaluation, not the last
}
TREATED: list[tuple[str, list[float | int]]] = [
    ("labels", [1000, 3000]),
    ("kept", [0.2]),
    ("width", [16, 4, 0]),
    ("dropout", [0.5, 0.8, 0.9]),
    ("l1", [0.001, 0.003, 0.006]),
    ("l2", [0.03, 0.1, 0.3]),
    ("decay", [10.0, 30.0, 100.0]),
    ("stopped", [1]),
]
PRODUCTS = (0.0, 0.01, 0.03, 0.1)  # learning rate x decay: the share of a weight that one step takes away
OTHER_RATES = (0.0003, 0.003)


def means(texts: list[Tensor]) -> Tensor:
    """The mean vector of each text, on the scale of the training reviews."""
    return (_bags(texts) - scale()[0]) / scale()[1]


def _bags(texts: list[Tensor]) -> Tensor:
    starts = torch.tensor([0, *map(len, texts[:-1])]).cumsum(0)
    return vectors()[0](torch.cat(texts), starts)


@cache
def scale() -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of the training reviews' mean vectors."""
    bags = _bags(reviews()["train"][0])
    return bags.mean(dim=0), bags.std(dim=0)


@cache
def halves() -> list[tuple[Tensor, Tensor]]:
    """The validation reviews by turns: one half decides when to stop, the other is reported."""
    texts, verdicts = reviews()["validation"]
    return [(means(texts[half::2]), verdicts[half::2]) for half in (0, 1)]


def network(width: int, dropout: float) -> nn.Sequential:
    """Two hidden layers, or none where the width is 0: then it is a logistic regression."""
    if not width:
        return nn.Sequential(nn.Linear(100, 2))
    hidden = [nn.Linear(100, width), nn.ReLU(), nn.Dropout(dropout)]
    hidden += [nn.Linear(width, width), nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*hidden, nn.Linear(width, 2))


@cache
def run(seed: int, **changes: float | int) -> tuple[float, float, float]:
    """After training with these changes: the loss (nats) on each half of validation, and the second half's accuracy."""
    chosen = UNTREATED | changes
    generator = torch.Generator().manual_seed(seed)
    texts, verdicts = reviews()["train"]
    labelled = torch.randperm(len(texts), generator=generator)[: chosen["labels"]]
    copies = 1 if chosen["kept"] == 1.0 else 20
    kept = [_some_words(texts[i], chosen["kept"], generator) for _ in range(copies) for i in labelled]
    choosing, (inputs, targets) = halves()
    torch.manual_seed(seed)
    model = network(int(chosen["width"]), chosen["dropout"])
    config = TrainingConfig(
        steps=STEPS,
        learning_rate=chosen["learning_rate"],
        schedule="constant",
        weight_decay=chosen["decay"],
        evaluate_every=20 if chosen["stopped"] else STEPS,
        seed=seed,
    )
    draw = random_rows(means(kept), verdicts[labelled].repeat(copies), batch_size=32)
    history = train_whole(model, _penalised(chosen["l1"], chosen["l2"]), draw, config, evaluate=_loss(*choosing))
    if chosen["stopped"]:
        model.load_state_dict(history.best_weights)
    with torch.no_grad():
        right = (model(inputs).argmax(dim=1) == targets).double().mean().item()
        return _loss(*choosing)(model).item(), _loss(inputs, targets)(model).item(), right


def _penalised(l1: float, l2: float) -> Callable[[nn.Module, tuple[Tensor, Tensor]], Tensor]:
    """The cross-entropy, with a cost for the weights of the matrices."""

    def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        cost = F.cross_entropy(model(batch[0]), batch[1])
        weights = [parameter for parameter in model.parameters() if parameter.ndim == 2]
        if l1:
            cost = cost + l1 * sum(weight.abs().sum() for weight in weights)
        return cost + l2 / 2 * sum(weight.square().sum() for weight in weights) if l2 else cost

    return loss


def _loss(inputs: Tensor, targets: Tensor) -> Callable[[nn.Module], Tensor]:
    return lambda model: F.cross_entropy(model(inputs), targets)


def _some_words(text: Tensor, share: float, generator: torch.Generator) -> Tensor:
    kept = text[torch.rand(len(text), generator=generator) < share]
    return kept if len(kept) else text


def row(treatment: str, strength: float | int, learning_rate: float = 0.001) -> dict[str, Any]:
    """One remedy: loss and accuracy on the reported half, each with its mean and the 95% interval (Student's t).

    `choosing` is the mean loss on the other half, by which a strength is chosen; `losses` has a loss for each seed.
    """
    change = {} if treatment == "none" else {treatment: strength}
    choosing, losses, accuracies = np.array([run(seed, **change, learning_rate=learning_rate) for seed in SEEDS]).T
    return {
        "treatment": treatment,
        "strength": strength,
        "learning_rate": learning_rate,
        "choosing": round(float(choosing.mean()), 4),
        "loss": rounded(student_interval(losses)),
        "accuracy": rounded(student_interval(accuracies)),
        "losses": losses.round(4).tolist(),
    }


def rows() -> Iterator[dict[str, Any]]:
    """The untreated network, every strength of every remedy, and decay with other learning rates."""
    yield row("none", 0)
    for treatment, strengths in TREATED:
        for strength in strengths:
            yield row(treatment, strength)
    for learning_rate in OTHER_RATES:
        for product in PRODUCTS:
            yield row("decay", round(product / learning_rate, 2), learning_rate)
