"""Checks of the notebook seq2seq_attention."""

import functools
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from classroom.checks import Changes, Mistake, compare, exercise, variants
from classroom.checks._seq2seq_attention import (
    Beam,
    Toy,
    best,
    forcing,
    loop,
    of_kinds,
    one_each,
    padded,
    precision,
    unclipped,
    weights,
)
from classroom.checks.forms import as_number

__all__ = ["additive_weights", "beam_step", "brevity_penalty", "clipped_precision", "greedy", "teacher_forcing"]


@exercise
def clipped_precision(answer: Any, seed: int) -> str:
    """clipped_precision(hypothesis, reference, n): the share of n-grams that match, each as often as in both."""
    mistakes: list[tuple[Callable[..., Any], str]] = [
        (unclipped, "clip: an n-gram matches at most as often as the reference has it (`min`)."),
        (
            lambda h, r, n: precision(r, h, n),
            "this is the recall: precision asks which share of the *hypothesis* is right.",
        ),
        (of_kinds, "you count each n-gram once, as sets do: count how often it stands there."),
        (
            lambda h, r, n: precision(h, r, n) * (len(h) - n + 1) / len(h),
            "divide by the number of the hypothesis' n-grams: they are fewer than its words.",
        ),
        (
            lambda h, r, n: precision(h[:-1], r[:-1], n),
            "the last n-gram is missing: there are len(hypothesis) - n + 1.",
        ),
        (lambda h, r, n: precision(h, r, 1), "you compare single words whatever n is: take n in a row."),
        (lambda h, r, n: 100 * precision(h, r, n), "a share from 0 to 1 is wanted, not a percentage."),
        (
            lambda h, r, n: precision(h, r, n) * (len(h) - n + 1),
            "this is a count: divide it by the hypothesis' n-grams.",
        ),
        (
            lambda h, r, n: sum(a == b for a, b in zip(h, r, strict=False)) / len(h),
            "an n-gram may match anywhere, not in its own place alone.",
        ),
    ]
    draw = Generator().manual_seed(seed)
    lines = [["abcd"[one] for one in torch.randint(4, (length,), generator=draw)] for length in (9, 7, 11, 8)]
    cases: list[tuple[list[str], list[str], int]] = [("the the the cat".split(), "the cat sat on the mat".split(), 1)]
    cases += [("I loue it and loue it".split(), "I love it and loue it so".split(), 2)]
    cases += [(lines[0], lines[1], 1), (lines[2], lines[3], 2), ("a b a b a b".split(), "a b c a b".split(), 2)]
    plain = as_number(answer)
    compare(plain, precision, cases, mistakes)
    try:
        compare(plain, lambda hypothesis, reference, n: 0.0, [(["yes"], ["yes", "sir"], 2)])
    except Exception:
        raise Mistake("right, except for fewer words than n: no n-gram matches, so 0.0.") from None
    return "'the the the cat' gets 3 of 4: the third 'the' gains nothing."


@exercise
def brevity_penalty(answer: Any, seed: int) -> str:
    """brevity_penalty(length, reference): the factor for answers that are too short, from the words of all of them."""

    def right(c: int, r: int) -> float:
        return min(1.0, math.exp(1 - r / c))

    mistakes: list[tuple[Callable[..., Any], str]] = [
        (
            lambda c, r: min(1.0, math.exp(1 - c / r)),
            "this punishes the long: the reference's length over yours, r / c.",
        ),
        (lambda c, r: 1.0 if c < r else right(r, c), "this punishes the long: where yours is longer, the factor is 1."),
        (lambda c, r: math.exp(1 - r / c), "a long answer would be rewarded: never more than 1."),
        (lambda c, r: max(1.0, math.exp(1 - r / c)), "`min`, not `max`: the factor is 1 at most."),
        (lambda c, r: min(1.0, c / r), "this falls in a straight line: exp(1 - r / c)."),
        (lambda c, r: min(1.0, math.exp(-r / c)), "1 - r / c in the exponent: equal lengths give exp(0) = 1."),
        *((lambda c, r, m=m: min(m, 1 - r / c), "this is the exponent: the factor is exp of it.") for m in (0.0, 1.0)),
        (lambda c, r: math.exp(-abs(1 - r / c)), "only the too short is punished: from r words on the factor is 1."),
    ]
    drawn = torch.randint(5, 60, (4, 2), generator=Generator().manual_seed(seed)).tolist()
    cases = [(9, 10), (10, 10), (20, 10), (5, 10), *((c, r + 60) for c, r in drawn[:2]), *map(tuple, drawn[2:])]
    compare(as_number(answer), right, cases, mistakes)
    return "nine words for ten cost a tenth, five for ten almost two thirds."


@exercise
def teacher_forcing(answer: Any, seed: int) -> str:
    """teacher_forcing(rows, begin, end, pad): the decoder's inputs and what it shall say after each, two tensors."""

    def opened(row: list[int], begin: int, end: int) -> list[int]:
        return [begin, *row]

    def closed(row: list[int], begin: int, end: int) -> list[int]:
        return [*row, end]

    def both(row: list[int], begin: int, end: int) -> list[int]:
        return [begin, *row, end]

    unshifted = "inputs and targets are the same: the model would learn to repeat what it is shown. Shift by one."
    right = forcing()
    mistakes: list[tuple[Callable[..., Any], str]] = [
        (forcing(opened, opened), unshifted),
        (forcing(closed, closed), unshifted),
        (forcing(both, both), unshifted),
        (forcing(closed, opened), "they are swapped: BEGIN stands in the inputs, END in the targets."),
        (
            forcing(lambda row, b, e: [b, *row[:-1]], lambda row, b, e: row),
            "END is missing in the targets: when would it stop?",
        ),
        (forcing(both, closed), "END is never an input: nothing follows it."),
        (forcing(both, lambda row, b, e: [*row, e, e]), "END is never an input: nothing follows it."),
        (forcing(lambda row, b, e: row, closed), "BEGIN is missing in the inputs: what does the first token follow?"),
        (
            forcing(lambda row, b, e: row, lambda row, b, e: [*row[1:], e]),
            "BEGIN is missing: nobody asks for the first token.",
        ),
        (forcing(opened, both), "BEGIN is never a target: it is given, not said."),
        (forcing(left=True), "the padding stands in front: it comes after the tokens."),
        (forcing(filler=lambda pad: 0), "fill up with `pad`: it need not be 0."),
        (lambda rows, b, e, pad: torch.stack(right(rows, b, e, pad)), "return two tensors, inputs and targets."),
        (lambda rows, b, e, pad: right(rows, b, e, pad)[0], "return two tensors: the targets are missing."),
        (
            lambda rows, b, e, pad: (right(rows, b, e, pad)[0], F.pad(padded(rows, pad), (0, 1), value=e)),
            "END follows a row's last token, then comes padding.",
        ),
    ]

    def pair(*inputs: Any) -> Any:
        result = answer(*inputs)
        if not isinstance(result, list | tuple) or len(result) != 2:
            return result
        try:
            return tuple(side if isinstance(side, Tensor) else torch.tensor(side) for side in result)
        except (TypeError, ValueError):
            raise Mistake("the rows of a tensor are equally long: fill the shorter ones up with `pad`.") from None

    draw = Generator().manual_seed(seed)
    rows = [torch.randint(4, 9, (length,), generator=draw).tolist() for length in (5, 2, 3)]
    cases = [([[7, 8, 9], [5]], 1, 2, 0), (rows, 1, 2, 0), (rows[:2], 3, 1, 2)]
    compare(pair if callable(answer) else answer, right, cases, mistakes)
    return "each input stands before the token that it shall lead to."


@exercise
def greedy(answer: Any, seed: int) -> str:
    """greedy(model, source, begin, end, most): the likeliest token each time, until END or `most` tokens."""
    other = {
        "END is a sign to stop, not part of the answer.": {"keep_end": True},
        "BEGIN opens the answer, but is not part of it.": {"keep_begin": True},
        "END must not stop being the end: yours goes on after it.": {"stop": False},
        "feed the token back that was just chosen: yours steps with BEGIN each time.": {"feed": False},
        "hand the new state on: each of your steps begins from the first state.": {"hand": False},
        "you write one token too many: at most `most`.": {"extra": 1},
        "you stop one token too early: `most` of them are allowed.": {"extra": -1},
        "you take the least likely token: argmax.": {"pick": torch.argmin},
        "neither BEGIN nor END is part of the answer.": {"keep_begin": True, "keep_end": True},
    }
    mistakes = variants(loop, other)
    toys = [Toy(seed + number, end=2, ends=ends) for number, ends in enumerate((4, 6, 15, 0))]
    cases = [(toy, source, 1, 2, 8) for toy, source in zip(toys, ([3, 4], [5], [6, 6, 3], [4]), strict=True)]
    cases.append((Toy(seed + 9, end=0, ends=3), [3, 3], 5, 0, 5))

    def listed(*inputs: Any) -> Any:
        result = answer(*inputs)
        return [int(token) for token in result] if isinstance(result, list | tuple | Tensor) else result

    compare(listed if callable(answer) else answer, loop, cases, mistakes)
    return "one token in, one token out, and the state goes along."


@exercise
def additive_weights(answer: Any, seed: int) -> str:
    """additive_weights(query, keys, W, U, v, mask): how much each query looks at each key."""

    def bare(scores: Tensor, mask: Tensor) -> Tensor:
        return scores

    other: Changes = {
        "the weights of one sentence must sum to 1: softmax over the keys (dim=1), not over the sentences.": {"scale": lambda s: s.softmax(0).nan_to_num()},
        "padding is attended: where the mask is False, the score becomes -inf before the softmax.": {"hide": bare},
        "padding has no weight, but the others no longer sum to 1: mask the scores, before the softmax.": {
            "hide": bare,
            "after": lambda w, m: w * m,
        },
        "a score of 0 is a score like others, exp(0) = 1: padding needs -inf.": {"hide": lambda s, m: s * m},
        "the mask is turned round: True says which keys may be seen.": {"hide": lambda s, m: s.masked_fill(m, -math.inf)},
        "the tanh is missing: v·tanh(W q + U k).": {"bend": lambda a: a},
        "a sigmoid stands where tanh should.": {"bend": torch.sigmoid},
        "the query plays no part: add W q to U k.": {"mix": lambda q, k: k},
        "the two are added, W q + U k, not multiplied.": {"mix": torch.mul},
        "these are the scores: their softmax over the keys is wanted.": {"scale": lambda s: s},
        "a sigmoid of each score: the weights of a sentence must sum to 1 (softmax).": {"scale": torch.sigmoid},
        "these are logarithms of weights: softmax, not log_softmax.": {"scale": lambda s: s.log_softmax(1)},
    }
    mistakes: list[tuple[Callable[..., Any], str]] = [
        *variants(weights, other),
        (
            lambda *inputs: weights(*inputs[:4], torch.ones_like(inputs[4]), inputs[5]),
            "v is missing: it weighs the components of the tanh.",
        ),
        (
            lambda *inputs: (weights(*inputs)[..., None] * inputs[1]).sum(1),
            "this is the context already: return the weights.",
        ),
        (
            lambda q, k, W, U, v, m: ((q @ W.T)[:, None] + k @ U.T).matmul(v).tanh().masked_fill(~m, -math.inf).softmax(1),
            "the tanh comes before v, on each component: v·tanh(W q + U k).",
        ),
    ]
    draw = Generator().manual_seed(seed)
    cases = []
    for B, S, lengths in ((1, 3, [3]), (2, 5, [5, 2]), (3, 4, [4, 1, 3])):
        tensors = [torch.randn(shape, generator=draw) for shape in ((B, 3), (B, S, 5), (7, 3), (7, 5), (7,))]
        cases.append((*tensors, torch.arange(S) < torch.tensor(lengths)[:, None]))

    def plain(*inputs: Any) -> Any:
        result = answer(*inputs)
        return result.detach() if isinstance(result, Tensor) else result

    compare(plain if callable(answer) else answer, weights, cases, mistakes)
    return "they sum to 1 over the keys, and padding gets none."


@exercise
def beam_step(answer: Any, seed: int) -> str:
    """beam_step(beams, log_p, k): the k likeliest continuations of all beams, best first."""
    mistakes: list[tuple[Callable[..., Any], str]] = [
        (functools.partial(best, total=lambda old, row: row), "a beam's own log probability is forgotten: add it."),
        (
            functools.partial(best, total=lambda old, row: old + row.exp()),
            "you add a probability to a log probability: add log p to log p.",
        ),
        (
            functools.partial(best, total=lambda old, row: old.exp() * row.exp()),
            "these are probabilities, which of long answers become 0: add logarithms.",
        ),
        (functools.partial(best, total=torch.mul), "add the logarithms: only probabilities are multiplied."),
        (
            functools.partial(best, largest=False),
            "these are the worst: the best log probability is the largest, nearest 0.",
        ),
        (one_each, "one continuation of each beam is not enough: the best k of *all* may come from one beam."),
        (lambda beams, log_p, k: best(beams, log_p, k)[::-1], "the best comes first: yours stand in rising order."),
        (
            lambda beams, log_p, k: [one for beam, row in zip(beams, log_p, strict=True) for one in best([beam], row[None], k)],
            "k continuations of each beam are too many: keep the best k of all.",
        ),
        (
            lambda beams, log_p, k: [(t[-1:], s) for t, s in best(beams, log_p, k)],
            "the beam's own tokens belong to it, before the new one.",
        ),
        (lambda beams, log_p, k: [t for t, _ in best(beams, log_p, k)], "return pairs: tokens and log probability."),
        (
            lambda beams, log_p, k: [(t, s / len(t)) for t, s in best(beams, log_p, k)],
            "do not divide by the length: all are equally long.",
        ),
    ]

    def plain(beams: list[Beam], log_p: Tensor, k: int) -> Any:
        result = answer([(list(tokens), score) for tokens, score in beams], log_p, k)
        if not isinstance(result, list | tuple) or not all(isinstance(one, list | tuple) and len(one) == 2 for one in result):
            return result
        if not all(isinstance(tokens, list | tuple | Tensor) for tokens, _ in result):
            return list(result)
        return [([int(token) for token in tokens], float(score)) for tokens, score in result]

    draw = Generator().manual_seed(seed)
    cases: list[tuple[list[Beam], Tensor, int]] = [([([1], -0.1), ([3], -2.5)], torch.tensor([[0.2, 0.5, 0.3], [0.8, 0.15, 0.05]]).log(), 2)]
    for number, (n, vocab_size, k) in enumerate(((2, 5, 2), (3, 7, 3), (4, 5, 4), (1, 5, 3))):
        old = (-3 * torch.rand(n, generator=draw)).sort(descending=True).values.tolist()
        log_p = (2 * torch.randn(n, vocab_size, generator=draw)).log_softmax(1)
        cases.append(([([row, number], score) for row, score in enumerate(old)], log_p, k))
    compare(plain if callable(answer) else answer, best, cases, mistakes)
    return "both of the best continue one beam: the other is dropped."
