"""Exercises of the notebook features."""

import math
from functools import cache

import numpy as np
import torch
from experiments import dictionaries
from torch import Generator
from torch.nn import functional as F

from classroom.answers import Mistake
from classroom.exercise import case, exercise, experiment

__all__ = ["choose_and_score", "penalised_loss", "pentagon", "sparse_code", "train_dictionary"]


def _random(seed, *shape):
    return torch.randn(shape, generator=Generator().manual_seed(seed))


def _largest(features, k):
    top = features.topk(k, dim=-1)
    return torch.zeros_like(features).scatter(-1, top.indices, top.values)


def _code_case(seed, N, C, many, k):
    return _random(seed, N, C) + 1, _random(seed + 1, many, C), 0.3 * _random(seed + 2, many), _random(seed + 3, C) + 1, k


def _over_the_batch(features, k):
    least = features.flatten().topk(k * len(features)).values[-1]
    return torch.where(features >= least, features, 0)


def _over_the_tokens(features, k):
    return _largest(features.mT, min(k, len(features))).mT


def _by_absolute_value(features, k):
    kept = _largest(features.abs(), k) > 0
    return torch.relu(torch.where(kept, features, 0))


@exercise(
    praise="the k largest features of each token are kept with their sizes, all others are 0.",
    cases=lambda seed: [
        (torch.tensor([[3.0, 1.0], [1.0, 4.0]]), torch.tensor([[1.0, 0], [0, 1], [1, 1]]), torch.tensor([0.0, 0.5, -1]), torch.tensor([1.0, 1]), 1),
        _code_case(seed, 6, 4, 12, 3),
        _code_case(seed + 4, 5, 8, 20, 2),
        case(
            torch.tensor([[-1.0, -2.0], [2.0, -2.0]]),
            torch.eye(2),
            torch.full((2,), 0.5),
            torch.zeros(2),
            2,
            edge="a token with fewer than k positive features",
        ),
    ],
    wrong={
        "the bias is not subtracted: the encoder reads the stream minus the bias.": {"centre": lambda x, bias: x},
        "the bias is added: subtract it before the encoder.": {"centre": lambda x, bias: x + bias},
        "the threshold is missing, or only compared with: it is added to what the encoder computes.": [
            {"shift": lambda z, threshold: z},
            {"shift": lambda z, threshold: z * (z > threshold)},
        ],
        "the threshold is subtracted: add it.": {"shift": lambda z, threshold: z - threshold},
        "the threshold is added after the ReLU: add it before.": [
            {"shift": lambda z, threshold: torch.relu(z) + threshold, "relu": lambda z: z},
            {"shift": lambda z, threshold: torch.relu(z) + threshold},
        ],
        "negative features are kept: the ReLU is missing.": {"relu": lambda z: z},
        "all positive features are kept: only the k largest of each token may remain.": {"select": lambda z, k: z},
        "the largest are chosen over all tokens together: each token has its own k.": {"select": _over_the_batch},
        "the k largest are chosen among the tokens, feature by feature: choose among the features, token by token.": {"select": _over_the_tokens},
        "negative features take places among the k: the ReLU comes before the choice.": {"relu": lambda z: z, "select": _by_absolute_value},
        "the kept features have become 1: keep their sizes.": {"select": lambda z, k: (_largest(z, k) > 0).float()},
        "one feature too many is kept.": {"select": lambda z, k: _largest(z, min(k + 1, z.shape[-1]))},
    },
)
def sparse_code(
    x,
    encoder,
    threshold,
    bias,
    k,
    *,
    centre=lambda x, bias: x - bias,
    shift=lambda z, threshold: z + threshold,
    relu=torch.relu,
    select=_largest,
):
    """The features (N, F) of streams x (N, C): ReLU, and of each token only the k largest."""
    return select(relu(shift(centre(x, bias) @ encoder.mT, threshold)), k)


def _through_two_numbers(design):
    def asked(x):
        if isinstance(result := design(), torch.Tensor | np.ndarray):
            raise Mistake("two things are expected: W, (2, 5), and b, (5).")
        try:
            W, b = (torch.as_tensor(values, dtype=torch.float32) for values in result)
        except (TypeError, ValueError):
            raise Mistake("two things are expected: W, (2, 5), and b, (5).") from None
        if W.shape != (2, 5) or b.shape != (5,):
            raise Mistake(f"W must be (2, 5) and b (5), but yours are {tuple(W.shape)} and {tuple(b.shape)}.")
        if not (W.isfinite().all() and b.isfinite().all()):
            raise Mistake("a number is infinite or NaN.")
        rebuilt = torch.relu(x @ W.T @ W + b)
        present = x > 0
        if (highest := rebuilt[~present].max()) > 0.1:
            raise Mistake(
                f"an absent feature is rebuilt as more than 0.1, namely as {highest:.2f}: its dot product with the present one, plus its bias, is too large."
            )
        if (rebuilt[present] - 1).abs() > 0.1:
            raise Mistake(
                f"a feature that is present is not rebuilt as 1, within 0.1, but as {rebuilt[present].item():.2f}: its squared norm plus its bias must be 1."
            )
        return (rebuilt - x).abs().max().item() <= 0.1

    return asked


@exercise(
    kind="design",
    through=_through_two_numbers,
    praise="five directions 72° apart, and a negative bias that removes what they share: each feature alone comes back, and no other.",
    cases=lambda seed: [(row,) for row in torch.eye(5)],
    wrong={
        "an absent feature is rebuilt as more than 0.1": [{"bias": lambda shared: 0.0}, {"step": 1}, {"norm": lambda shared: 1.5, "bias": lambda shared: -0.3}],
        "a feature that is present is not rebuilt as 1": [{"norm": lambda shared: 1.0}, {"norm": lambda shared: 1.2 / (1 - shared)}],
    },
)
def pentagon(*, step=2, norm=lambda shared: 1 / (1 - shared), bias=lambda shared: -shared / (1 - shared)):
    """W (2, 5) and b (5) with which five features pass through two numbers, one at a time."""
    angles = torch.arange(5) * math.pi * step / 5
    shared = math.cos(2 * math.pi / 5)
    W = math.sqrt(norm(shared)) * torch.stack([angles.cos(), angles.sin()])
    return W, torch.full((5,), float(bias(shared)))


def _loss_case(seed, N, C, many):
    x, encoder, decoder = _random(seed, N, C), _random(seed + 1, many, C), _random(seed + 2, C, many)
    return x, encoder, decoder, 0.5


def _unpriced(x, encoder, decoder, penalty):
    """The exercise as it is found: large directions make small features."""
    features = torch.relu(x @ encoder.T)
    error = (x - features @ decoder.T).square().sum(dim=1)
    return (error + penalty * features.sum(dim=1)).mean()


def _rebuilt(features, decoder):
    return features @ decoder.mT


def _by_unit_directions(features, decoder):
    return features @ F.normalize(decoder, dim=0).mT


def _price_of_the_sum(x, encoder, decoder, penalty):
    written = torch.relu(x @ encoder.mT) @ decoder.mT
    return ((x - written).square().sum(dim=1) + penalty * written.norm(dim=1)).mean()


@exercise(
    kind="debug",
    found=_unpriced,
    praise="a feature costs its size times the norm of its direction, so that a larger direction no longer makes it cheaper.",
    cases=lambda seed: [
        (torch.tensor([[1.0, 2.0]]), torch.eye(2), torch.tensor([[3.0, 0.0], [4.0, 0.5]]), 0.1),
        _loss_case(seed, 7, 4, 10),
        _loss_case(seed + 3, 5, 6, 9),
        case(*_loss_case(seed + 6, 4, 3, 6)[:3], 0.0, edge="no penalty"),
    ],
    wrong={
        "the encoder's norms set the price: the decoder's directions can grow while the features shrink.": lambda x, encoder, decoder, penalty: (
            penalised_loss.right(x, encoder, decoder, penalty, price=lambda _: encoder.norm(dim=1))
        ),
        "the squared norms set the price: take the norm of each direction.": {"price": lambda decoder: decoder.square().sum(dim=0)},
        "the rebuilt stream has changed: the penalty alone must change.": [
            {"rebuild": _by_unit_directions},
            {"rebuild": _by_unit_directions, "price": lambda decoder: torch.ones(decoder.shape[1])},
        ],
        "the absolute values of a direction are summed: take its norm, the root of the summed squares.": {"price": lambda decoder: decoder.abs().sum(dim=0)},
        "the norms are added to the penalty: multiply each feature by the norm of its direction.": lambda x, encoder, decoder, penalty: (
            _unpriced(x, encoder, decoder, penalty) + penalty * decoder.norm(dim=0).sum()
        ),
        "this is the norm of all that is written together, where opposite directions cancel: each feature pays for itself.": _price_of_the_sum,
        "active features are counted: a count has no gradient, so training could not lower it.": lambda x, encoder, decoder, penalty: (
            penalised_loss.right(x, encoder, decoder, 0) + penalty * (x @ encoder.mT > 0).sum(dim=1).float().mean()
        ),
        "features are divided by the norms: multiply by them.": {"price": lambda decoder: 1 / decoder.norm(dim=0)},
        "one norm for all: each direction has its own.": {"price": lambda decoder: decoder.norm()},
    },
)
def penalised_loss(x, encoder, decoder, penalty, *, price=lambda decoder: decoder.norm(dim=0), rebuild=_rebuilt):
    """The squared error plus a penalty on the features that scaling a direction cannot lower."""
    features = torch.relu(x @ encoder.mT)
    error = (x - rebuild(features, decoder)).square().sum(dim=1)
    return (error + penalty * (features * price(decoder)).sum(dim=1)).mean()


def _two_numbers(result):
    if not isinstance(result, list | tuple | np.ndarray) or np.shape(result) != (2,):
        raise Mistake("no finding without its null: return two numbers, the F1 of the chosen feature and that of one chosen for the shuffled labels.")
    return tuple(map(float, result))


def _f1(features, labels):
    fires = features > 0
    hits = (fires & labels[:, None]).sum(dim=0)
    return 2 * hits / (fires.sum(dim=0) + labels.sum()).clamp(min=1)


def _first(x):
    return x[: len(x) // 2]


def _second(x):
    return x[len(x) // 2 :]


def _labelled(seed, N, many):
    features = torch.relu(_random(seed, N, many) - 0.8)
    labels = _random(seed + 1, N) + 2 * (features[:, 3] > 0) > 1
    return features, labels, labels[torch.randperm(N, generator=Generator().manual_seed(seed + 2))]


@exercise(
    form=_two_numbers,
    praise="chosen on the first half, scored on the second, once for the property and once for labels that mean nothing.",
    cases=lambda seed: [_labelled(seed, 60, 8), _labelled(seed + 3, 100, 20), _labelled(seed + 6, 40, 12), _labelled(seed + 9, 80, 15)],
    wrong={
        "the best score of the second half is returned: choose the feature on the first half, and only score it on the second.": {"choose_on": _second},
        "the feature is chosen on all tokens, among them those that score it: choose on the first half.": {"choose_on": lambda x: x},
        "this is the score of the half on which the feature was chosen: score it on the second half.": {"score_on": _first},
        "the halves are swapped: choose on the first, score on the second.": {"choose_on": _second, "score_on": _first},
        "the null has to choose a feature of its own, by the shuffled labels.": lambda features, labels, shuffled: (
            _chosen(features, labels, labels),
            _chosen(features, labels, shuffled),
        ),
        "the null is scored on the true labels: choose and score it by the shuffled ones.": lambda features, labels, shuffled: (
            _chosen(features, labels, labels),
            _chosen(features, shuffled, labels),
        ),
        "the second half alone must score: these are scores of all tokens.": {"score_on": lambda x: x},
        "all tokens choose, and all tokens score: choose on the first half, score on the second.": {"choose_on": lambda x: x, "score_on": lambda x: x},
        "a feature that is 0 says no: yes is above 0.": {"measure": lambda features, labels: _f1(torch.ones_like(features), labels)},
        "this is accuracy, and F1 is asked for.": {"measure": lambda features, labels: ((features > 0) == labels[:, None]).float().mean(dim=0)},
        "this is precision alone, and F1 is asked for.": {
            "measure": lambda features, labels: ((features > 0) & labels[:, None]).sum(dim=0) / (features > 0).sum(dim=0).clamp(min=1)
        },
        "this is recall alone, and F1 is asked for.": {
            "measure": lambda features, labels: ((features > 0) & labels[:, None]).sum(dim=0) / labels.sum().clamp(min=1)
        },
        "no finding without its null": lambda features, labels, shuffled: _chosen(features, labels, labels),
    },
)
def choose_and_score(features, labels, shuffled, *, choose_on=_first, score_on=_second, measure=_f1):
    """The F1 of the best feature for the labels, and for shuffled ones: chosen on the first half, scored on the second."""
    found = []
    for wanted in (labels, shuffled):
        column = measure(choose_on(features), choose_on(wanted)).argmax()
        found.append(measure(score_on(features), score_on(wanted))[column].item())
    return tuple(found)


def _chosen(features, by, scored_by):
    column = _f1(_first(features), _first(by)).argmax()
    return _f1(_second(features), _second(scored_by))[column].item()


ABOVE_NULL = 0.2


CHOICE = {"n_features": 160, "rate": 0.003, "centred": True, "tied": True, "nulls": 1}


@cache
def _stored():
    """Choices whose trainings take a moment, made when they are asked for."""
    changes = {"the usual choice": {}, "320 features": {"n_features": 320}, "rate 0.01": {"rate": 0.01}}
    return [(name, dictionaries.short_training(**CHOICE | change)[0]) for name, change in changes.items()]


def _choice(**changes):
    return CHOICE | {"n_features": 320, "rate": 0.02} | changes


@experiment(
    goal=0.59,
    unit="of the variance explained on the validation plays",
    lower_is_better=False,
    stored=_stored,
    advice={
        "the mean as the first bias: without it, every feature first learns the mean.": lambda choice: not choice["centred"],
        "directions that begin as the encoder: a feature then writes what it reads.": lambda choice: not choice["tied"],
        "a higher learning rate: 60 steps are few.": lambda choice: choice["rate"] < 0.008,
        "a lower learning rate.": lambda choice: choice["rate"] > 0.05,
        "more features.": lambda choice: choice["n_features"] < 300,
        "a rate between 0.01 and 0.03.": lambda choice: True,
    },
    wrong={
        "the mean as the first bias": lambda: _choice(centred=False, n_features=160),
        "directions that begin as the encoder": lambda: _choice(tied=False, n_features=160),
        "a higher learning rate": lambda: _choice(rate=0.003),
        "a lower learning rate": lambda: _choice(rate=0.2),
        "more features": lambda: _choice(n_features=80),
        "no finding without its null: nulls is a whole number from 1 to 3, but yours is 0.": lambda: _choice(nulls=0),
        "n_features is a whole number from 8 to 640, but yours is 5000.": lambda: _choice(n_features=5000),
        "rate is a number above 0 and below 1, but yours is 3.": lambda: _choice(rate=3),
        "centred is True or False, but yours is 1.": lambda: _choice(centred=1),
        "a dictionary with n_features, rate, centred, tied, nulls is expected": lambda: {"n_features": 160},
    },
)
def train_dictionary(choice, seed):
    """The share of the variance that a short training explains; frozen random directions are its null."""
    if not isinstance(choice, dict) or set(choice) != set(CHOICE):
        raise Mistake(f"a dictionary with {', '.join(CHOICE)} is expected, and nothing else.")
    if type(choice["n_features"]) is not int or choice["n_features"] not in range(8, 641):
        raise Mistake(f"n_features is a whole number from 8 to 640, but yours is {choice['n_features']}.")
    if not isinstance(choice["rate"], int | float) or not 0 < choice["rate"] < 1:
        raise Mistake(f"rate is a number above 0 and below 1, but yours is {choice['rate']}.")
    for name in ("centred", "tied"):
        if not isinstance(choice[name], bool):
            raise Mistake(f"{name} is True or False, but yours is {choice[name]}.")
    if choice["nulls"] not in (1, 2, 3):
        raise Mistake(f"no finding without its null: nulls is a whole number from 1 to 3, but yours is {choice['nulls']}.")
    explained, null = dictionaries.short_training(**choice)
    if explained < null + ABOVE_NULL:
        raise Mistake(f"the directions explain {explained:.2f}, and random ones {null:.2f}: that is no finding yet. Try a higher rate.")
    return explained
