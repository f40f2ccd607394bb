"""Exercises of the notebook width_and_experts."""

from functools import cache

import torch
from course_lib import files
from experiments.shared import worst_by_change
from experiments.tables import width_choices
from torch import Generator, Tensor

from classroom.answers import Mistake
from classroom.exercise import case, exercise, experiment

__all__ = ["balancing_loss", "gates", "powers", "spend", "switch_weights"]

MATRICES = ("input", "hidden", "output")
WISHES = (
    "input: its outputs begin at the same size",
    "input: a step moves its outputs as far",
    "hidden: its outputs begin at the same size",
    "hidden: a step moves its outputs as far",
    "output: its own step moves the logits as far",
    "output: a step of the hidden layer moves the logits as far at most",
)


def _grown(design):
    """From a table of powers to which wishes it fulfils."""

    def asked(wish):
        table = design()
        if not isinstance(table, dict) or set(table) != set(MATRICES):
            raise Mistake("a dictionary with input, hidden and output is expected.")
        try:
            (a, b), (c, d), (e, f) = ([float(power) for power in table[name]] for name in MATRICES)
        except (TypeError, ValueError):
            raise Mistake("each matrix needs two numbers: the powers of its start and of its rate.") from None
        growth = dict(zip(WISHES, (a, b, c + 0.5, d + 1, f + 1, max(e + 1, 0)), strict=True))
        return abs(growth[wish]) < 1e-6

    return asked


@exercise(
    kind="design",
    through=_grown,
    praise="a fixed number of terms needs no rule; r times as many independent ones need a start of 1/√r, and as many aligned ones a factor of 1/r.",
    cases=lambda seed: [(wish,) for wish in WISHES],
    wrong={
        "the input matrix sums 10 terms at every width: nothing about it depends on r.": [
            {"input": (-0.5, 0)},
            {"input": (0, -1)},
            {"input": (-0.5, -1)},
        ],
        "the hidden matrix begins too large or too small: its r times as many terms are independent at the start, so they grow as √r.": [
            {"hidden": (0, -1)},
            {"hidden": (-1, -1)},
        ],
        "a step of the hidden matrix moves its outputs too far, or not far enough: with Adam all r times as many terms pull the same way.": [
            {"hidden": (-0.5, 0)},
            {"hidden": (-0.5, -0.5)},
        ],
        "a step of the output matrix moves the logits too far, or not far enough: it has r times as many terms, all aligned.": [
            {"output": (-1, 0)},
            {"output": (-1, -0.5)},
        ],
        "the output matrix begins too large: what a step changes in the hidden layer is aligned with it, so r times as many terms add up.": [
            {"output": (-0.5, -1)},
            {"output": (0, -1)},
        ],
        "nothing depends on the width here: this is the standard parametrisation with one start and one rate.": {
            "hidden": (0, 0),
            "output": (0, 0),
        },
    },
)
def powers(*, input=(0, 0), hidden=(-0.5, -1), output=(-1, -1)):
    """For each matrix of an MLP, the powers of r with which its start and its rate change."""
    return {"input": input, "hidden": hidden, "output": output}


def _logits(seed, positions, experts):
    return torch.randn(positions, experts, generator=Generator().manual_seed(seed))


FOUR = torch.tensor([[2.0, 1.0, 0.0, -1.0], [0.0, 0.0, 3.0, 1.0]])


def _kept(logits, k, largest=True):
    """A boolean matrix: the k experts of each position."""
    chosen = logits.topk(k, dim=-1, largest=largest).indices
    return torch.zeros_like(logits, dtype=torch.bool).scatter(-1, chosen, True)


def _gates(logits, k, *, axis=-1, kept=_kept, renormalise=True):
    probabilities = logits.softmax(dim=axis) * kept(logits, k)
    return probabilities / probabilities.sum(dim=-1, keepdim=True) if renormalise else probabilities


@exercise(
    praise="e² to e¹ is 0.73 to 0.27; all other experts get 0.",
    cases=lambda seed: [
        (FOUR, 2),
        (_logits(seed, 5, 8), 2),
        (_logits(seed + 1, 4, 6), 3),
        case(_logits(seed + 2, 3, 4), 1, edge="a single chosen expert"),
        case(_logits(seed + 3, 3, 4), 4, edge="all experts chosen"),
    ],
    wrong={
        "the weights of a position do not sum to 1: divide by the sum of the chosen ones.": {"renormalise": False},
        "all experts have a weight: those that are not chosen get 0.": {"kept": lambda logits, k: torch.ones_like(logits)},
        "the experts that are left out get a weight through e⁰ = 1: keep their logits from the softmax, or set their probabilities to 0.": lambda logits, k: (
            logits * _kept(logits, k)
        ).softmax(dim=-1),
        "these are the least probable experts: choose the largest logits.": {"kept": lambda logits, k: _kept(logits, k, largest=False)},
        "the softmax goes over the positions: it goes over the experts of each position.": {"axis": 0},
        "the chosen experts get equal weights: the more probable one gets more.": lambda logits, k: _kept(logits, k) / k,
        "the logits themselves are divided by their sum: a softmax comes first.": lambda logits, k: (
            logits * _kept(logits, k) / (logits * _kept(logits, k)).sum(dim=-1, keepdim=True)
        ),
    },
)
def gates(logits, k, *, axis=-1, kept=_kept, renormalise=True):
    """The weight of each expert for each position: a softmax over the k chosen ones, 0 for the others."""
    return _gates(logits, k, axis=axis, kept=kept, renormalise=renormalise)


def _shares(logits, k):
    return _kept(logits, k).float().mean(dim=0)


def _means(logits, k):
    return logits.softmax(dim=-1).mean(dim=0)


@exercise(
    praise="with equal shares and equal probabilities the loss is k; where one expert gets more, of both, it is larger.",
    cases=lambda seed: [
        (FOUR, 1),
        (FOUR, 2),
        (_logits(seed, 16, 8), 2),
        case(2 * _logits(seed + 1, 12, 4) + torch.tensor([3.0, 0.0, 0.0, 0.0]), 1, edge="an expert that nearly all positions choose"),
    ],
    wrong={
        "the number of experts is missing: it multiplies the sum.": {"factor": lambda count, k: 1},
        "these are squared probabilities: one factor is the share of positions that choose the expert.": {"first": _means},
        "these are squared shares, and a share has no gradient: one factor is the mean probability.": {"second": _shares},
        "the shares count the first choice only: a position counts for each of its k experts.": {"first": lambda logits, k: _shares(logits, 1)},
        "these are counts: divide by the number of positions.": {"first": lambda logits, k: _shares(logits, k) * len(logits)},
        "the shares are divided by k: here they sum to k.": {"factor": lambda count, k: count / k},
        "the products are averaged over the experts: add them up.": {"factor": lambda count, k: 1 / count},
        "the softmax goes over the positions: it goes over the experts of each position.": {
            "second": lambda logits, k: logits.softmax(dim=0).mean(dim=0),
        },
    },
)
def balancing_loss(logits, k, *, first=_shares, second=_means, factor=lambda count, k: count):
    """E times the sum over the experts of share of positions times mean probability."""
    return factor(logits.shape[1], k) * (first(logits, k) * second(logits, k)).sum()


VALUES = torch.tensor([1.0, -2.0, 0.5, 3.0])


def _with_gradient(answer):
    """From the weights of an answer to these, and the gradient that the logits receive through them."""

    def weighed(logits):
        logits = logits.clone().requires_grad_()
        made = answer(logits)
        if made is None or made is ...:
            return made
        weights = torch.as_tensor(made)
        if not isinstance(weights, Tensor) or weights.shape != (len(logits),):
            raise Mistake(f"one weight for each of the {len(logits)} positions is expected.")
        if not weights.requires_grad:
            return [weights, torch.zeros_like(logits)]
        return [weights, torch.autograd.grad((weights * VALUES[: len(weights)]).sum(), logits)[0]]

    return weighed


def _renormalised(logits):
    weights, _ = logits.softmax(dim=-1).topk(1, dim=-1)
    weights = weights / weights.sum(dim=-1, keepdim=True)
    return weights[:, 0]


@exercise(
    kind="debug",
    found=_renormalised,
    through=_with_gradient,
    praise="one weight divided by itself is 1, whatever the router says; the probability itself tells the router how good its choice was.",
    cases=lambda seed: [(FOUR,), (_logits(seed, 4, 8),), case(20 * _logits(seed + 1, 3, 4), edge="a router that is sure")],
    wrong={
        "the weight has a value, but no gradient goes through it: do not detach it, and do not compute it without gradients.": {
            "end": Tensor.detach,
        },
        "this is the logit: the weight is the probability.": {"of": lambda logits: logits},
        "the softmax goes over the positions: it goes over the experts of each position.": {"of": lambda logits: logits.softmax(dim=0)},
        "this is the logarithm of the probability: it is never above 0.": {"of": lambda logits: logits.log_softmax(dim=-1)},
        "a sigmoid looks at one logit alone: the probability compares it with the others.": {"of": torch.sigmoid},
    },
)
def switch_weights(logits, *, of=lambda logits: logits.softmax(dim=-1), end=lambda weights: weights):
    """The weight of the chosen expert of each position: its probability."""
    return end(of(logits).max(dim=-1).values)


def _stored():
    return worst_by_change(files.load_results("width_choices")["rows"], width_choices.CHOICE, "loss")


@cache
def _measured(d_model, batch, learning_rate):
    return width_choices.row(d_model, batch, learning_rate)


def _choice(**changes):
    return lambda: width_choices.CHOICE | changes


@experiment(
    goal=2.42,
    unit="nats per character on held-out plays",
    stored=_stored,
    advice={
        "another rate: this one is so high that the run learns little.": lambda choice: choice["learning_rate"] > 0.06,
        "a higher rate: this one hardly moves the model.": lambda choice: choice["learning_rate"] < 0.004,
        "a narrower model: for the same operations it reads more characters.": lambda choice: choice["d_model"] > 16,
        "a smaller batch, for more steps.": lambda choice: choice["batch"] > 8,
        "twice or half the rate.": lambda choice: True,
    },
    wrong={
        "another rate": _choice(learning_rate=0.5),
        "a higher rate": _choice(d_model=16, learning_rate=0.0005),
        "a narrower model": _choice(),
        "a smaller batch": _choice(d_model=16, batch=32),
        "d_model is one of 16, 32, 64, but yours is 128.": _choice(d_model=128),
        "batch is one of 4, 8, 16, 32, but yours is 1.": _choice(batch=1),
        "learning_rate is a number from 0.0001 to 1, but yours is 2.": _choice(learning_rate=2),
        "a dictionary with d_model, batch, learning_rate is expected": lambda: {"batch": 8},
    },
    seconds=120,
)
def spend(choice, seed):
    """Width, batch and learning rate of a run of 2 · 10¹⁰ operations, for the lowest loss."""
    if not isinstance(choice, dict) or set(choice) != set(width_choices.CHOICE):
        raise Mistake("a dictionary with d_model, batch, learning_rate is expected, and nothing else.")
    d_model, batch, rate = (choice[name] for name in width_choices.CHOICE)
    for name, value, allowed in (("d_model", d_model, width_choices.WIDTHS), ("batch", batch, width_choices.BATCHES)):
        if value not in allowed:
            raise Mistake(f"{name} is one of {', '.join(map(str, allowed))}, but yours is {value}.")
    if not isinstance(rate, int | float) or not 0.0001 <= rate <= 1:
        raise Mistake(f"learning_rate is a number from 0.0001 to 1, but yours is {rate}.")
    return _measured(int(d_model), int(batch), float(rate))["loss"][0]
