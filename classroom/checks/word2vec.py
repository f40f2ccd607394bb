"""Checks of the notebook word2vec."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from classroom.checks import Mistake, compare, exercise
from classroom.checks._word2vec import PAIRS, Wrong, all_pairs, formula, gradient_mistakes, loss_mistakes, pair_loss

__all__ = ["cbow_loss", "gradients", "keep_probability", "loss", "noise", "pairs"]


def _random(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@exercise
def pairs(answer: Any, seed: int) -> str:
    """pairs(tokens, window), in any order."""
    draw = random.Random(seed)
    cases = [
        ("a film a film".split(), 2),
        ("a terrible film with a terrible script".split(), 2),
        (["only"], 3),
        ([], 2),
    ]
    cases += [([draw.choice("abcdefg") for _ in range(length)], window) for length, window in ((9, 1), (11, 3), (4, 5))]
    if not callable(answer):
        raise Mistake("a function is expected here.")
    compare(_sorted(answer), _sorted(all_pairs()), cases, [(_sorted(wrong), words) for wrong, words in PAIRS])
    return "22 pairs in the sentence of seven words: eleven neighbourhoods, each seen from both sides."


def _sorted(function: Callable[..., Any]) -> Callable[..., Any]:
    """The pairs that a function gives, in one order, so that any order will do."""

    def in_order(tokens: list[str], window: int) -> Any:
        given = function(tokens, window)
        if given is None or given is ...:
            return given
        if isinstance(given, set | frozenset | dict):
            raise Mistake("a pair that occurs twice must be in the list twice: use no set.")
        found = [tuple(pair) if isinstance(pair, tuple | list | np.ndarray) else pair for pair in given]
        for pair in found:
            if isinstance(pair, tuple) and [type(place) for place in pair] == [int, int]:
                raise Mistake(f"these are places, {pair!r}: a pair holds the words that stand there.")
            if not isinstance(pair, tuple) or len(pair) != 2 or not all(isinstance(word, str) for word in pair):
                raise Mistake(f"a list of pairs (centre, context) is expected, but it holds {pair!r}.")
        return sorted(tuple(map(str, pair)) for pair in found)

    return in_order


TERRIBLE = torch.tensor([0.0, 1.0]), torch.tensor([0.0, 2.0]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
EXTREME = torch.full((2,), 9.0), torch.full((2,), -9.0), torch.full((1, 2), 9.0)


@exercise
def loss(answer: Any, seed: int) -> str:
    """loss(u, c, negatives) of one pair, in nats."""
    cases = [TERRIBLE, *(_case(seed + i, k, width) for i, (k, width) in enumerate([(5, 7), (3, 2), (1, 5)])), EXTREME]
    compare(_lenient(answer), pair_loss, cases, loss_mistakes(lambda u: u))
    return "2.133 nats for the pair above, and 324 where scores are as wrong as -162 and 162."


def _case(seed: int, k: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    return _random(seed, width), _random(seed + 100, width), _random(seed + 200, k, width)


def _lenient(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose result may be a plain number or an array, and which may have used autograd."""
    if not callable(function):
        return function

    def result(*inputs: Tensor) -> Any:
        given = function(*inputs)
        for one in inputs:
            one.requires_grad_(False)
        return _plain(given)

    return result


def _plain(given: Any) -> Any:
    if isinstance(given, list | tuple):
        return tuple(map(_plain, given))
    if isinstance(given, float | np.ndarray | np.generic):
        return torch.as_tensor(given)
    return given.detach() if isinstance(given, Tensor) else given


@exercise
def gradients(answer: Any, seed: int) -> str:
    """gradients(u, c, negatives): those of u, c and the negatives, by formula."""
    cases = [TERRIBLE, *(_case(seed + i, k, width) for i, (k, width) in enumerate([(3, 5), (4, 2), (1, 7)]))]
    lenient = _lenient(answer)

    def part_of(vectors: tuple[Tensor, ...], part: int) -> Any:
        given = lenient(*vectors)
        if given is None or given is ...:
            return given
        if not isinstance(given, tuple) or len(given) != 3:
            raise Mistake("a tuple of three is expected: the gradients of u, of c and of the negatives.")
        stacked = isinstance(given[part], tuple) and all(isinstance(row, Tensor) for row in given[part])
        return torch.stack(given[part]) if stacked else given[part]

    for part, name in enumerate(("u", "c", "the negatives") if callable(answer) else ()):
        try:
            compare(
                lambda *vectors, part=part: part_of(vectors, part),
                lambda *vectors, part=part: formula(*vectors)[part],
                cases,
                gradient_mistakes(part),
            )
        except Mistake as mistake:
            raise Mistake(f"the gradient of {name}: {mistake}") from None
    if not callable(answer):
        raise Mistake("a function is expected here.")
    return "all three agree with the formulas, for the pair above and at random vectors."


def _keep(counts: Tensor, s: float) -> Tensor:
    ratio = s * counts.sum() / counts
    return (ratio.sqrt() + ratio).clamp(max=1)


@exercise
def keep_probability(answer: Any, seed: int) -> str:
    """keep_probability(counts, s)."""
    mistakes: Wrong = [
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
        (
            lambda counts, s: 1 - (s / (counts / counts.sum())).sqrt(),
            "this is the paper's probability of dropping a word: the formula above gives that of keeping it.",
        ),
        (
            lambda counts, s: (s * counts.sum() / counts + (s * counts.sum() / counts).sqrt()).clamp(min=1),
            "min(1, x) is `clamp(max=1)`, not `clamp(min=1)`.",
        ),
        (
            lambda counts, s: (2 * s / (counts / counts.sum())).sqrt().clamp(max=1),
            "the root is taken of the sum: √(s / f) first, then + s / f.",
        ),
        (
            lambda counts, s: (s / (counts / counts.sum())).sqrt().clamp(max=1) + s / (counts / counts.sum()),
            "probabilities above 1 are left: clamp the sum, not the root alone.",
        ),
        (lambda counts, s: _keep(counts, 0.001), "s is always 0.001: use the argument `s`."),
        (
            lambda counts, s: _keep(counts, s) / _keep(counts, s).sum(),
            "these sum to 1, but each word is kept or not for itself: do not divide by the sum.",
        ),
    ]
    generator = torch.Generator().manual_seed(seed)
    cases = [(torch.tensor([990.0, 10.0]), 0.01)]
    cases += [(torch.randint(1, 1000, (n,), generator=generator).float(), s) for n, s in ((7, 0.02), (11, 0.05))]
    compare(answer, _keep, cases, mistakes)
    return "a word that makes up 99% of a text is kept one time in nine at s = 0.01, and a rare one always."


@exercise
def noise(answer: Any, seed: int) -> str:
    """noise(counts, power)."""
    mistakes: Wrong = [
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
        (lambda counts, power: counts.softmax(0), "this is the softmax: powers of the counts are asked for."),
        (lambda counts, power: (counts**power).softmax(0), "no softmax on top: divide the powers by their sum."),
        (lambda counts, power: counts * power / (counts * power).sum(), "`**` is the power; `*` only multiplies."),
        (lambda counts, power: counts**power / (counts**power).max(), "divide by the sum of the powers, not the most."),
        (lambda counts, power: counts**-power / (counts**-power).sum(), "upside down: rare words come most often."),
        (lambda counts, power: torch.ones(len(counts)) / len(counts), "all words come as often: use their counts."),
    ]
    counts = torch.randint(1, 100, (7,), generator=torch.Generator().manual_seed(seed)).float()
    cases = [(torch.tensor([16.0, 1.0]), 0.75), (counts, 0.75), (counts, 0.0), (counts, 0.4)]
    compare(answer, lambda counts, power: counts**power / (counts**power).sum(), cases, mistakes)
    return "counts of 16 and 1 become 8/9 and 1/9 at the power 3/4."


@exercise
def cbow_loss(answer: Any, seed: int) -> str:
    """cbow_loss(around, c, negatives): the loss of a word given the mean of the words around it."""
    mistakes: Wrong = [
        (lambda around, c, n: pair_loss(around.sum(0), c, n), "you add up the vectors around: CBOW takes their mean."),
        (
            lambda around, c, n: sum(pair_loss(u, c, n) for u in around),
            "this is skip-gram, a loss for each word around: CBOW takes the mean of the vectors first.",
        ),
        (
            lambda around, c, n: sum(pair_loss(u, c, n) for u in around) / len(around),
            "this is the mean of the losses: take the mean of the vectors first, then one loss.",
        ),
        (
            lambda around, c, n: pair_loss(around.mean().expand(len(c)), c, n),
            "`mean()` averages all numbers into one: average over the words, `mean(dim=0)`.",
        ),
        (lambda around, c, n: pair_loss(around[0], c, n), "only the first word around counts: take the mean of all."),
        *loss_mistakes(lambda around: around.mean(0)),
    ]
    cases = [(torch.tensor([[0.0, 2.0], [0.0, 1.0], [0.0, 0.0]]), *TERRIBLE[1:])]
    for m, k, width in ((4, 5, 7), (2, 3, 5), (1, 2, 3)):
        cases.append((_random(seed + m, m, width), _random(seed + 9, width), _random(seed + 19, k, width)))
    cases.append((EXTREME[0].expand(2, 2).clone(), *EXTREME[1:]))
    compare(_lenient(answer), lambda around, c, n: pair_loss(around.mean(0), c, n), cases, mistakes)
    return "one loss for the whole window, where skip-gram has one for each of its words."
