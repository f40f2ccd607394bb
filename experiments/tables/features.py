"""Sparse autoencoders on the Shakespeare GPT: how well they rebuild the stream, and what single features predict.

The parts: `rebuilt` (the loss of the language model where the stream is replaced, features that never fire, and how
much the rebuilt vectors shrink), `scores` (how well the best single number predicts a property of a token: chosen on
the validation plays, scored on the test plays), `steering` (a feature's direction added to the stream, and ten random
directions of the same norm) and `silent` (dead features by initial weights, and with a loss that revives them).
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.gpt import ModernGPT
from course_lib.metrics import bootstrap_interval
from experiments import dictionaries as own
from experiments import properties
from experiments.shared import one_core, rounded

SYSTEMS: dict[str, dict[str, Any]] = {
    "top 4": {"n_features": 640, "k": 4},
    "top 16": {"n_features": 640, "k": 16},
    "top 64": {"n_features": 640, "k": 64},
    "L1 of 0.2": {"n_features": 640, "penalty": 0.2},
    "L1 of 0.4": {"n_features": 640, "penalty": 0.4},
    "random directions": {"n_features": 640, "k": 16, "frozen": True},
    "160 features": {"n_features": 160, "k": 16},
    "1280 features": {"n_features": 1280, "k": 16},
    "untrained model": {"n_features": 640, "k": 16},
}
SCORED = ("top 16", "160 features", "1280 features", "untrained model")
SILENT: dict[str, dict[str, Any]] = {
    "both": {},
    "neither": {"tied": False, "centred": False},
    "neither, revived": {"tied": False, "centred": False, "revive": True},
}
SEEDS = (0, 1, 2)
TRAINED, CHOSEN, TESTED = 500, 96, 96  # windows of 128 tokens
DOSES = (1.0, 2.0, 4.0)
RANDOM_VECTORS = 10
STEERED = "in a speaker's name"


def model_of(system: str, seed: int) -> ModernGPT:
    """The model whose stream a system rebuilds."""
    return own.untrained(seed) if system == "untrained model" else own.gpt()


@cache
def activations(untrained: int | None, split: str, number: int) -> Float[Tensor, "N C"]:
    """The stream of the Shakespeare GPT, or of an untrained one by its seed."""
    model = own.gpt() if untrained is None else own.untrained(untrained)
    return own.stream(model, own.windows(split, number))


def mean_of(values: Tensor) -> list[float]:
    """The mean with its 95% interval over windows."""
    return rounded(bootstrap_interval(lambda x: x.mean(axis=-1), values.double().numpy()))


@cache
def _trained(system: str, seed: int) -> own.Dictionary:
    of = seed if system == "untrained model" else None
    with one_core():
        return own.fit(activations(of, "train", TRAINED), seed, **SYSTEMS[system])


@cache
def _plain_loss(untrained: int | None) -> Float[Tensor, " B"]:
    """Nats per token of each test window of the Shakespeare GPT, or of an untrained one by its seed."""
    model = own.gpt() if untrained is None else own.untrained(untrained)
    return own.loss_with(model, own.windows("test", TESTED), None)


@torch.no_grad()
def rebuilt(system: str, seed: int) -> dict[str, Any]:
    """The loss with the rebuilt stream put back, and how many features are used."""
    dictionary, model = _trained(system, seed), model_of(system, seed)
    x = activations(seed if system == "untrained model" else None, "test", TESTED)
    features, tokens = dictionary.encode(x), own.windows("test", TESTED)
    again = features @ dictionary.directions().T + dictionary.bias
    centred, deviation = x - x.mean(dim=0), again - dictionary.bias
    plain = _plain_loss(seed if system == "untrained model" else None)
    firing = (features > 0).float().mean(dim=0)
    wanted = x - dictionary.bias
    return {
        "part": "rebuilt",
        "setting": [system, seed],
        "rise": mean_of(own.loss_with(model, tokens, dictionary) - plain),
        "explained": round(1 - ((x - again).square().sum() / centred.square().sum()).item(), 4),
        "per token": round((features > 0).sum(dim=1).float().mean().item(), 2),
        "never": int((firing == 0).sum()),
        "rescale": round(((wanted * deviation).sum() / deviation.square().sum()).item(), 4),
    }


@torch.no_grad()
def without(system: str) -> dict[str, Any]:
    """The rise of the loss where no dictionary rebuilds the stream."""
    x, model, tokens = activations(None, "train", TRAINED), own.gpt(), own.windows("test", TESTED)
    mean = x.mean(dim=0)
    axes = torch.linalg.svd(x - mean, full_matrices=False).Vh.T

    def largest(x: Tensor, basis: Tensor) -> Tensor:
        parts = (x - mean) @ basis
        kept = parts.abs().topk(16, dim=-1).indices
        return torch.zeros_like(parts).scatter(-1, kept, parts.gather(-1, kept)) @ basis.T + mean

    changes = {
        "zero": torch.zeros_like,
        "mean": lambda x: mean.expand_as(x),
        "first 16 components": lambda x: (x - mean) @ axes[:, :16] @ axes[:, :16].T + mean,
        "largest 16 components": lambda x: largest(x, axes),
        "largest 16 coordinates": lambda x: largest(x, torch.eye(len(mean))),
    }
    held_out = activations(None, "test", TESTED)
    again = changes[system](held_out)
    centred = held_out - held_out.mean(dim=0)
    plain = _plain_loss(None)
    return {
        "part": "rebuilt",
        "setting": [system, None],
        "rise": mean_of(own.loss_with(model, tokens, changes[system]) - plain),
        "explained": round(1 - ((held_out - again).square().sum() / centred.square().sum()).item(), 4),
    }


@torch.no_grad()
def numbers(system: str, seed: int, split: str) -> Float[Tensor, "N F"]:
    """What is read at each token: features, neurons of the third feed-forward, coordinates or random directions."""
    number = CHOSEN if split == "validation" else TESTED
    if system == "neurons":
        return own.stream(own.gpt(), own.windows(split, number), f"{own.PLACE}.feed_forward.output.input")
    x = activations(seed if system == "untrained model" else None, split, number)
    if system == "coordinates":
        return x
    if system == "640 random projections":
        return (x - activations(None, "train", TRAINED).mean(dim=0)) @ own.draws(640, x.shape[1], seed).T
    if system == "components":
        train = activations(None, "train", TRAINED)
        return (x - train.mean(dim=0)) @ torch.linalg.svd(train - train.mean(dim=0), full_matrices=False).Vh.T
    return _trained(system, seed).encode(x)


def scored(system: str, seed: int) -> list[dict[str, Any]]:
    """For each property the best single number: F1 and AUC on other plays than those on which it was chosen."""
    chosen, tested = (numbers(system, seed, split) for split in ("validation", "test"))
    on_chosen = properties.labels(own.windows("validation", CHOSEN))
    on_tested = properties.labels(own.windows("test", TESTED))
    rules, areas = properties.best_rules(chosen, on_chosen), properties.areas(chosen, on_chosen)
    found = []
    for name, label in on_tested.items():
        column = int(np.abs(areas[name] - 0.5).argmax())
        area = float(properties.areas(tested[:, [column]], {name: label})[name][0])
        found.append(
            {
                "part": "scores",
                "setting": [system, name, seed],
                "F1": round(properties.f1_of(rules[name], tested, label), 4),
                "F1, where chosen": round(rules[name].f1, 4),
                "always yes": round(float(2 * label.mean() / (1 + label.mean())), 4),
                "AUC": round(area if areas[name][column] > 0.5 else 1 - area, 4),
            }
        )
    return found


@cache
def steering_feature(seed: int) -> tuple[Float[Tensor, " C"], float]:
    """The feature that predicts names of speakers best on the validation plays: its direction, and its mean size."""
    dictionary, x = _trained("top 16", seed), activations(None, "validation", CHOSEN)
    with torch.no_grad():
        features = dictionary.encode(x)
        label = properties.labels(own.windows("validation", CHOSEN))[STEERED]
        column = properties.best_rules(features, {STEERED: label})[STEERED].column
        active = features[:, column]
        return dictionary.directions()[:, column], active[active > 0].mean().item()


@cache
def _plain() -> Float[Tensor, "2 B"]:
    return own.with_vector(torch.zeros(own.gpt().config.d_model), own.windows("test", TESTED)[:32])


def steered(dose: float, seed: int) -> dict[str, Any]:
    """What a dose of the feature changes, and what random directions of the same norm change."""
    direction, size = steering_feature(seed)
    tokens = own.windows("test", TESTED)[:32]
    change = own.with_vector(dose * size * direction, tokens) - _plain()
    random = own.draws(RANDOM_VECTORS, len(direction), seed)
    null = torch.stack([own.with_vector(dose * size * vector, tokens) - _plain() for vector in random]).mean(dim=2)
    return {
        "part": "steering",
        "setting": [dose, seed],
        "shift": mean_of(change[0]),
        "null": [round(value, 4) for value in null[:, 0].tolist()],
        "price": round(change[1].mean().item(), 4),
        "null, price": [round(value, 4) for value in null[:, 1].tolist()],
    }


def silent(choice: str, seed: int) -> dict[str, Any]:
    """How many features never fire on the test plays, by how training began."""
    with one_core():
        dictionary = own.fit(activations(None, "train", TRAINED), seed, n_features=640, k=4, **SILENT[choice])
    x = activations(None, "test", TESTED)
    with torch.no_grad():
        never = (dictionary.encode(x) == 0).all(dim=0).sum().item()
        explained = 1 - (x - dictionary(x)).square().sum() / (x - x.mean(dim=0)).square().sum()
    return {
        "part": "silent",
        "setting": [choice, seed],
        "never": never,
        "explained": round(explained.item(), 4),
    }


def row(part: str, *setting: Any) -> Any:
    """One row of a part, or all of its rows with this setting."""
    parts = {"rebuilt": rebuilt, "without": without, "scores": scored, "steering": steered, "silent": silent}
    return parts[part](*setting)


def rows() -> Iterator[dict[str, Any]]:
    """All parts."""
    for system in ("zero", "mean", "first 16 components", "largest 16 components", "largest 16 coordinates"):
        yield row("without", system)
    for system in ("neurons", "coordinates", "components"):
        yield from row("scores", system, 0)
    for seed in SEEDS:
        yield from row("scores", "640 random projections", seed)
        for system in SYSTEMS:
            yield row("rebuilt", system, seed)
        for system in SCORED:
            yield from row("scores", system, seed)
        for dose in DOSES:
            yield row("steering", dose, seed)
        for choice in SILENT:
            yield row("silent", choice, seed)
