"""Checks of the notebook word2vec."""

import random
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.checks import Mistake, compare, exercise

__all__ = ["cbow_loss", "gradients", "keep_probability", "loss", "noise", "pairs"]

Words = list[str]
Pairs = list[tuple[str, str]]


def _random(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _pairs(tokens: Words, steps: Iterable[int], itself: bool = False, wrap: bool = False) -> Pairs:
    """The pairs of each token with those so many steps away."""
    length = len(tokens)
    return [
        (tokens[here], tokens[here + step])
        for here in range(length)
        for step in steps
        if (step or itself) and (-length if wrap else 0) <= here + step < length
    ]


@exercise
def pairs(answer: Any, seed: int) -> str:
    """pairs(tokens, window), in any order."""
    draw = random.Random(seed)
    cases = [("a terrible film with a terrible script".split(), 2), (["only"], 3), ([], 2)]
    cases += [([draw.choice("abcdefg") for _ in range(length)], window) for length, window in ((9, 1), (11, 3), (4, 5))]

    def reference(tokens: Words, window: int) -> Pairs:
        return _pairs(tokens, range(-window, window + 1))

    def inner(tokens: Words, window: int) -> Pairs:
        places = range(window, len(tokens) - window)
        return [(tokens[here], tokens[here + step]) for here in places for step in range(-window, window + 1) if step]

    mistakes: list[tuple[Callable[..., Any], str]] = [
        (
            lambda tokens, window: _pairs(tokens, range(-window, window + 1), itself=True),
            "each word is paired with itself: leave out the place of the centre.",
        ),
        (
            lambda tokens, window: [pair for pair in reference(tokens, window) if pair[0] != pair[1]],
            "a word that stands twice in a window is its own context: compare the places, not the words.",
        ),
        (
            lambda tokens, window: _pairs(tokens, range(-window, window)),
            "the farthest contexts on the right are missing: the end of a range does not belong to it.",
        ),
        (
            lambda tokens, window: _pairs(tokens, range(-window, window + 1), wrap=True),
            "at the start of the text a place below 0 counts from the end in Python: begin at max(0, here - window).",
        ),
        (inner, "the first and the last words are never the centre: they have fewer contexts, but they have some."),
        (lambda tokens, window: _pairs(tokens, range(1, window + 1)), "the contexts to the left are missing."),
        (lambda tokens, window: _pairs(tokens, range(-window, 0)), "the contexts to the right are missing."),
        (
            lambda tokens, window: list(set(reference(tokens, window))),
            "a pair that occurs twice must be in the list twice: use no set.",
        ),
    ]
    if not callable(answer):
        raise Mistake("a function is expected here.")
    compare(_sorted(answer), _sorted(reference), cases, [(_sorted(wrong), words) for wrong, words in mistakes])
    return "22 pairs in the sentence of seven words: eleven neighbourhoods, each seen from both sides."


def _sorted(function: Callable[..., Any]) -> Callable[..., Any]:
    """The pairs that a function gives, in one order, so that any order will do."""

    def in_order(tokens: Words, window: int) -> Any:
        given = function(tokens, window)
        if given is None or given is ...:
            return given
        found = list(given)
        for pair in found:
            if not isinstance(pair, tuple | list) or list(map(type, pair)) != [str, str]:
                raise Mistake(f"a list of pairs (centre, context) is expected, but it holds {pair!r}.")
        return sorted(tuple(pair) for pair in found)

    return in_order


def _loss(u: Tensor, c: Tensor, negatives: Tensor) -> Tensor:
    return -F.logsigmoid(u @ c) - F.logsigmoid(-(negatives @ u)).sum()


@exercise
def loss(answer: Any, seed: int) -> str:
    """loss(u, c, negatives) of one pair, in nats."""
    mistakes: list[tuple[Callable[..., Any], str]] = [
        (
            lambda u, c, n: -F.logsigmoid(u @ c) - F.logsigmoid(n @ u).sum(),
            "the negatives are rewarded for high scores: inside the sigmoid their scores get a minus.",
        ),
        (
            lambda u, c, n: -_loss(u, c, n),
            "this is the loss with the sign turned round: logarithms of probabilities are negative, hence the minus.",
        ),
        (
            lambda u, c, n: -F.logsigmoid(u @ c) - F.logsigmoid(-(n @ u)).mean(),
            "you average over the negatives: the loss adds them up.",
        ),
        (
            lambda u, c, n: -F.logsigmoid(u @ c) - F.logsigmoid(-(n @ c)).sum(),
            "the negatives are scored against c: score them against u.",
        ),
        (
            lambda u, c, n: -F.logsigmoid(u @ c) - F.logsigmoid(-(n @ u).sum()),
            "you add up the negatives' scores before the logarithm: each has a term of its own.",
        ),
        (lambda u, c, n: -F.logsigmoid(u @ c), "the negatives are missing."),
        (
            lambda u, c, n: -F.logsigmoid(u @ c) - F.logsigmoid(-(n @ u)),
            "one number is expected: add the negatives' terms up.",
        ),
        (
            lambda u, c, n: -(u @ c).sigmoid() - (-(n @ u)).sigmoid().sum(),
            "the logarithms are missing: -ln σ(x), `F.logsigmoid`.",
        ),
        (
            lambda u, c, n: _loss(u, c, n) / torch.tensor(2.0).log(),
            "this is in bits (log base 2): nats use the natural logarithm.",
        ),
    ]
    example = (torch.tensor([0.0, 1.0]), torch.tensor([0.0, 2.0]), torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    cases = [example, *(_case(seed + i, k, width) for i, (k, width) in enumerate([(5, 7), (3, 2), (1, 5)]))]
    cases.append((torch.full((2,), 9.0), torch.full((2,), -9.0), torch.full((1, 2), 9.0)))
    compare(_lenient(answer), _loss, cases, [(_lenient(wrong), words) for wrong, words in mistakes])
    return "2.133 nats for the pair above, and 324 where scores are as wrong as -162 and 162."


def _case(seed: int, k: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    return _random(seed, width), _random(seed + 100, width), _random(seed + 200, k, width)


def _lenient(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose result may be a plain number instead of a tensor, or a list instead of a tuple."""
    if not callable(function):
        return function

    def result(*inputs: Tensor) -> Any:
        given = function(*inputs)
        if isinstance(given, list):
            return tuple(given)
        return torch.tensor(given) if isinstance(given, float) else given

    return result


@exercise
def gradients(answer: Any, seed: int) -> str:
    """gradients(u, c, negatives): those of u, c and the negatives, by formula."""

    def formula(u: Tensor, c: Tensor, n: Tensor, truths: tuple[int, int] = (1, 0), sign: int = 1) -> tuple[Tensor, ...]:
        error, errors = sign * ((u @ c).sigmoid() - truths[0]), sign * ((n @ u).sigmoid() - truths[1])
        return error * c + errors @ n, error * u, errors[:, None] * u

    def reference(*inputs: Tensor) -> tuple[Tensor, ...]:
        leaves = [given.clone().requires_grad_() for given in inputs]
        return torch.autograd.grad(_loss(*leaves), leaves)

    mistakes: list[tuple[Callable[..., Any], str]] = [
        (
            lambda u, c, n: formula(u, c, n, sign=-1),
            "all signs are turned round: a gradient points uphill, belief minus truth; the step down subtracts it.",
        ),
        (
            lambda u, c, n: formula(u, c, n, truths=(0, 0)),
            "the true pair is treated as a negative: its error is σ(u · c) - 1.",
        ),
        (lambda u, c, n: formula(u, c, n, truths=(1, 1)), "the negatives are treated as true: their truth is 0."),
        (
            lambda u, c, n: (((u @ c).sigmoid() - 1) * c, *formula(u, c, n)[1:]),
            "u's gradient lacks the negatives: they push u away.",
        ),
        (
            lambda u, c, n: (formula(u, c, n)[0], ((u @ c).sigmoid() - 1) * c, formula(u, c, n)[2]),
            "c's gradient is a multiple of u.",
        ),
        (
            lambda u, c, n: (*formula(u, c, n)[:2], (n @ u).sigmoid()[:, None] * n),
            "the negatives' gradients are multiples of u.",
        ),
        (
            lambda u, c, n: (*formula(u, c, n)[:2], (n @ u).sigmoid().sum() * u),
            "the last gradient has a row for each negative.",
        ),
    ]
    cases = [_case(seed + i, k, width) for i, (k, width) in enumerate([(3, 5), (4, 2), (1, 7)])]
    compare(_lenient(answer), reference, cases, mistakes)
    return "autograd gives the same for all three, at random vectors."


def _keep(counts: Tensor, s: float) -> Tensor:
    ratio = s * counts.sum() / counts
    return (ratio.sqrt() + ratio).clamp(max=1)


@exercise
def keep_probability(answer: Any, seed: int) -> str:
    """keep_probability(counts, s)."""
    mistakes: list[tuple[Callable[..., Any], str]] = [
        (lambda counts, s: 1 - _keep(counts, s), "this is the probability of dropping a word: keep is 1 minus that."),
        (
            lambda counts, s: (s / (counts / counts.sum())).sqrt() + s / (counts / counts.sum()),
            "probabilities above 1 are left: `clamp(max=1)`.",
        ),
        (
            lambda counts, s: (s / (counts / counts.sum())).sqrt().clamp(max=1),
            "this is the formula of the paper, √(s / f): the one above has + s / f as well.",
        ),
        (
            lambda counts, s: ((s / counts).sqrt() + s / counts).clamp(max=1),
            "you use the counts themselves: f is the word's share of the text, count / sum of the counts.",
        ),
        (
            lambda counts, s: ((counts / counts.sum() / s).sqrt() + counts / counts.sum() / s).clamp(max=1),
            "the fraction is upside down: s / f keeps rare words, f / s would keep frequent ones.",
        ),
        (lambda counts, s: (s / (counts / counts.sum())).clamp(max=1), "the root is missing: √(s / f) + s / f."),
    ]
    generator = torch.Generator().manual_seed(seed)
    cases = [(torch.tensor([990.0, 10.0]), 0.01)]
    cases += [(torch.randint(1, 1000, (n,), generator=generator).float(), s) for n, s in ((7, 0.02), (11, 0.05))]
    compare(answer, _keep, cases, mistakes)
    return "a word that makes up 99% of a text is kept one time in nine at s = 0.01, and a rare one always."


@exercise
def noise(answer: Any, seed: int) -> str:
    """noise(counts, power)."""
    mistakes: list[tuple[Callable[..., Any], str]] = [
        (lambda counts, power: counts**power, "they do not sum to 1: divide by the sum of the powers."),
        (
            lambda counts, power: (counts / counts.sum()) ** power,
            "they do not sum to 1: you divide first and take the power then. Divide by the sum of the powers.",
        ),
        (
            lambda counts, power: counts**power / counts.sum(),
            "they do not sum to 1: divide by the sum of the powers, not of the counts.",
        ),
        (lambda counts, power: counts / counts.sum(), "the power is missing."),
        (
            lambda counts, power: counts**0.75 / (counts**0.75).sum(),
            "the power is always 0.75: use the argument `power`.",
        ),
    ]
    counts = torch.randint(1, 100, (7,), generator=torch.Generator().manual_seed(seed)).float()
    cases = [(torch.tensor([16.0, 1.0]), 0.75), (counts, 0.75), (counts, 0.0), (counts, 0.4)]
    compare(answer, lambda counts, power: counts**power / (counts**power).sum(), cases, mistakes)
    return "counts of 16 and 1 become 8/9 and 1/9 at the power 3/4."


@exercise
def cbow_loss(answer: Any, seed: int) -> str:
    """cbow_loss(around, c, negatives): the loss of a word given the mean of the words around it."""
    mistakes: list[tuple[Callable[..., Any], str]] = [
        (lambda around, c, n: _loss(around.sum(0), c, n), "you add up the vectors around: CBOW takes their mean."),
        (
            lambda around, c, n: sum(_loss(u, c, n) for u in around),
            "this is skip-gram, a loss for each word around: CBOW takes the mean of the vectors first.",
        ),
        (
            lambda around, c, n: sum(_loss(u, c, n) for u in around) / len(around),
            "this is the mean of the losses: take the mean of the vectors first, then one loss.",
        ),
        (
            lambda around, c, n: -F.logsigmoid(around.mean(0) @ c) - F.logsigmoid(n @ around.mean(0)).sum(),
            "the negatives are rewarded for high scores: inside the sigmoid their scores get a minus.",
        ),
        (
            lambda around, c, n: -F.logsigmoid(around.mean(0) @ c) - F.logsigmoid(-(n @ around.mean(0))).mean(),
            "you average over the negatives: the loss adds them up.",
        ),
        (lambda around, c, n: -F.logsigmoid(around.mean(0) @ c), "the negatives are missing."),
    ]
    sizes = [(4, 5, 7), (2, 3, 5), (1, 2, 3)]
    cases = [
        (_random(seed + i, m, d), _random(seed + 9, d), _random(seed + 19, k, d)) for i, (m, k, d) in enumerate(sizes)
    ]
    reference = lambda around, c, n: _loss(around.mean(0), c, n)  # noqa: E731
    compare(_lenient(answer), reference, cases, mistakes)
    return "one loss for the whole window, where skip-gram has one for each of its words."
