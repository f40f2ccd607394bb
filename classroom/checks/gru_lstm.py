"""Checks of the notebook gru_lstm."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor

from classroom.checks import Mistake, compare, exercise, variants
from classroom.checks.forms import as_number

__all__ = ["flip_update_gate", "gru_step", "half_life", "leaky", "lstm_step", "nucleus"]


def _random(seed: int, *shapes: tuple[int, ...]) -> list[Tensor]:
    generator = Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator) for shape in shapes]


def _detached(answer: Any, one: Callable[[Any], Any] = lambda result: result) -> Any:
    """The answer with gradients taken off its results; `one` makes other sensible kinds of a result plain."""
    if not callable(answer):
        return answer

    def plain(*inputs: Any) -> Any:
        result = one(answer(*inputs))
        if isinstance(result, tuple):
            return tuple(part.detach() if isinstance(part, Tensor) else part for part in result)
        return result.detach() if isinstance(result, Tensor) else result

    return plain


@exercise
def half_life(answer: Any, seed: int) -> str:
    """half_life(z): after how many steps half is left, where each step keeps the share z."""

    def steps(z: float) -> float:
        return math.log(0.5) / math.log(z)

    whole = "do not round: a half-life need not be a whole number of steps."
    mistakes = [
        (lambda z: -steps(z), "the sign is wrong: both logarithms are negative, so that their quotient is not."),
        (lambda z: 1 / steps(z), "the quotient is turned round: ln 0.5 is divided by ln z."),
        (lambda z: -1 / math.log(z), "after so many steps 1/e = 0.37 is left: for a half, ln 0.5 over ln z."),
        (lambda z: 1 / (1 - z), "this is about when 1/e is left: for a half, ask for which k z ** k is 0.5."),
        (lambda z: 0.5 / (1 - z), "what is left falls by a share each step, not by an amount: z ** k, not k (1 - z)."),
        (lambda z: 0.5 / z, "z ** k is not k times z: take logarithms of both sides of z ** k = 0.5."),
        (lambda z: math.log(0.5), "divide by the logarithm of z."),
        (lambda z: math.log(z), "this is ln z: how often does it go into ln 0.5?"),
        (lambda z: math.log(0.5) / z, "divide by ln z, not by z."),
        (lambda z: math.log(0.5 / z), "ln 0.5 / ln z is wanted, the quotient of two logarithms: not ln of a quotient."),
        (lambda z: z**0.5, "this is the root of z: which power of z is 0.5?"),
        *((lambda z, cut=cut: float(cut(steps(z))), whole) for cut in (round, math.ceil, math.floor)),
    ]
    drawn = torch.rand(2, generator=Generator().manual_seed(seed), dtype=torch.float64)
    plain = as_number(answer)
    compare(plain, steps, [(0.9,), (0.5,), (0.99,), *((0.05 + 0.9 * float(z),) for z in drawn)], mistakes)
    try:
        compare(plain, lambda z: math.inf, [(1.0,)])
    except Exception:
        raise Mistake("right, except for z = 1: ln 1 is 0. What never fades has the half-life math.inf.") from None
    return "0.9 keeps for 6.6 steps, 0.99 for 69, and 1 forever."


@exercise
def leaky(answer: Any, seed: int) -> str:
    """leaky(x, z): the states of h' = z h + (1 - z) x, from h = 0, one for each input."""

    def walk(old: Callable[[float], float], new: Callable[[float], float], first: bool = False) -> Callable[..., Any]:
        def states(x: Tensor, z: float) -> Tensor:
            h, result = x[0] if first else torch.zeros(()), []
            for one in x:
                h = old(z) * h + new(z) * one
                result.append(h)
            return torch.stack(result)

        return states

    right = walk(lambda z: z, lambda z: 1 - z)
    mistakes = [
        (walk(lambda z: 1 - z, lambda z: z), "z and 1 - z are swapped: z is the share of the *old* state."),
        (walk(lambda z: z, lambda z: 1), "the input counts in full: multiply it by 1 - z."),
        (walk(lambda z: 1, lambda z: 1 - z), "the old state must lose something: multiply it by z."),
        (walk(lambda z: 0, lambda z: 1 - z), "nothing is kept: each state starts from 0. Hand the new state on."),
        (walk(lambda z: z, lambda z: z), "the input has the factor 1 - z, so that the two shares add up to 1."),
        (walk(lambda z: z, lambda z: 1 - z, True), "the state begins at 0, not at the first input."),
        (lambda x, z: right(x, z)[-1], "this is the last state: return all of them, one for each input."),
        (lambda x, z: torch.cat([torch.zeros(1), right(x, z)]), "the 0 at the start is no result: one state an input."),
        (lambda x, z: _before(right(x, z)), "append the new state, not the old: yours are one step late."),
        (lambda x, z: right(x.flip(0), z), "you read from the end: begin with x[0]."),
        (lambda x, z: right(x, z).flip(0), "the states are in reversed order: the first step first."),
        (lambda x, z: z * _before(x) + (1 - z) * x, "mix with the last *state*, not with the last input."),
        (lambda x, z: (1 - z) * x.cumsum(0), "what lies further back counts less: multiply by z at each step."),
    ]

    def stacked(result: Any) -> Any:
        parts = result if isinstance(result, list | tuple) and result else [None]
        plain = all(isinstance(part, float) or getattr(part, "ndim", None) == 0 for part in parts)
        return torch.tensor([float(part) for part in parts]) if plain else result

    x, y = _random(seed, (7,), (5,))
    compare(_detached(answer, stacked), right, [(torch.tensor([1.0, 0.0, 0.0]), 0.5), (x, 0.9), (y, 0.2)], mistakes)
    return "a pulse of 1 becomes 0.5, and half as much at each step."


def _before(x: Tensor) -> Tensor:
    return torch.cat([torch.zeros(1), x[:-1]])


def _gru(*inputs: Tensor, order: str = "rzn", **other: Any) -> Any:
    """A step of a GRU; what is `other` than in PyTorch: gate, bend, inner(U, h, r, c, U h), mix(n, h, z)."""
    x, h, W_x, W_h, b_x, b_h = inputs
    of_x = dict(zip(order, (x @ W_x.T + b_x).chunk(3, dim=1), strict=True))
    of_h = dict(zip(order, (h @ W_h.T).chunk(3, dim=1), strict=True))
    U = dict(zip(order, W_h.chunk(3), strict=True))
    c = dict(zip(order, b_h.chunk(3), strict=True))
    gate, bend = other.get("gate", torch.sigmoid), other.get("bend", torch.tanh)
    r, z = (gate(of_x[name] + of_h[name] + c[name]) for name in "rz")
    inner = other.get("inner", lambda U, h, r, c, u: r * (u + c))
    n = bend(of_x["n"] + inner(U["n"], h, r, c["n"], of_h["n"]))
    return other.get("mix", lambda n, h, z: (1 - z) * n + z * h)(n, h, z)


@exercise
def gru_step(answer: Any, seed: int) -> str:
    """gru_step(x, h, W_x, W_h, b_x, b_h): the new states of a batch, by PyTorch's conventions."""
    other = {
        "z is the share of the *old* state here: (1 - z) n + z h.": {"mix": lambda n, h, z: z * n + (1 - z) * h},
        "the rows are those of r, z and n, in this order: r and z are swapped.": {"order": "zrn"},
        "the rows are those of r, z and n, in this order: you take n for the first.": {"order": "nrz"},
        "the rows are those of r, z and n, in this order: yours are r, n and z.": {"order": "rnz"},
        "the candidate is bent by tanh: a sigmoid could only push the state up.": {"bend": torch.sigmoid},
        "the candidate is bent by tanh: the state would grow without a bound.": {"bend": lambda a: a},
        "the gates are sigmoids, between 0 and 1: tanh is for the candidate.": {"gate": torch.tanh},
        "the gates are sigmoids: this is what goes into them.": {"gate": lambda a: a},
        "the reset gate does nothing: r (W_h h + b_h) with the rows of n.": {"inner": lambda U, h, r, c, u: u + c},
        "r multiplies the bias b_h too, as in PyTorch: r (U h + c).": {"inner": lambda U, h, r, c, u: r * u + c},
        "this is the paper's U (r h): in PyTorch, r (U h + c).": {"inner": lambda U, h, r, c, u: (r * h) @ U.T + c},
        "the candidate does not see the old state: r (U h + c) is missing.": {"inner": lambda U, h, r, c, u: 0 * u},
        "the candidate's b_h is missing: r (U h + c).": {"inner": lambda U, h, r, c, u: r * u},
        "this is the candidate n: mix it with the old state, (1 - z) n + z h.": {"mix": lambda n, h, z: n},
        "the old state's share is missing: + z h.": {"mix": lambda n, h, z: (1 - z) * n},
        "the candidate's share is 1 - z, not 1.": {"mix": lambda n, h, z: n + z * h},
        "the old state counts z, not 1: the two shares add up to 1.": {"mix": lambda n, h, z: (1 - z) * n + h},
        "return the new state alone, not the gates too.": {"mix": lambda n, h, z: (n, z)},
    }
    mistakes = variants(_gru, other)
    mistakes += [
        (lambda *inputs: _gru(*inputs[:-1], 0 * inputs[-1]), "the bias b_h is missing."),
        (lambda *inputs: _gru(*inputs[:-2], 0 * inputs[-2], inputs[-1]), "the bias b_x is missing."),
    ]
    cases = [_layer(seed + B, 3, B, 3, 5) for B in (1, 7)]
    cases.insert(0, tuple(torch.tensor(table) for table in ([[1.0]], [[0.5]], [[0.0], [1.0], [2.0]], [[0.0]] * 3)))
    cases[0] += (torch.zeros(3), torch.zeros(3))
    compare(_detached(answer), _gru, cases, mistakes)
    return "two gates, one candidate, and a mean of old and new."


def _layer(seed: int, gates: int, B: int, d_in: int, C: int, states: int = 1) -> tuple[Tensor, ...]:
    """x, the states, W_x, W_h, b_x and b_h."""
    rows = gates * C
    return tuple(_random(seed, (B, d_in), *[(B, C)] * states, (rows, d_in), (rows, C), (rows,), (rows,)))


@exercise
def flip_update_gate(answer: Any, seed: int) -> str:
    """flip_update_gate(weight): a GRU's weight or bias with the update gate's rows for 1 - z instead of z."""

    def by(r: Callable, z: Callable, n: Callable) -> Callable[[Tensor], Tensor]:
        return lambda w: torch.cat([bend(part) for bend, part in zip((r, z, n), w.chunk(3), strict=True)])

    def stay(w: Tensor) -> Tensor:
        return w

    right = by(stay, torch.neg, stay)
    mistakes = [
        (by(stay, lambda w: 1 - w, stay), "1 - sigmoid(a) = sigmoid(-a): the rows change their sign, no 1 is needed."),
        (by(stay, lambda w: 1 - w.sigmoid(), stay), "the weights go *into* the sigmoid: 1 - sigmoid(a) = sigmoid(-a)."),
        (by(torch.neg, stay, stay), "these are the reset gate's rows, the first third: the update gate's come next."),
        (by(stay, stay, torch.neg), "these are the candidate's rows, the last: the update gate's are the middle."),
        (torch.neg, "every row changed its sign: only the update gate's may, the middle third."),
        (by(torch.neg, torch.neg, stay), "the reset gate must stay as it is: only the middle third changes."),
        (by(stay, torch.neg, torch.neg), "the candidate must stay as it is: only the middle third changes."),
        (by(stay, lambda w: 1 / w, stay), "1 - sigmoid(a) = sigmoid(-a): change the sign, do not divide."),
        (lambda w: -w.chunk(3)[1], "these are the update gate's rows alone: return all rows, the others as they were."),
        (stay, "nothing has changed: the update gate's rows, the middle third, must change their sign."),
        (lambda w: torch.cat([w.chunk(3)[k] for k in (1, 0, 2)]), "no rows move: the update gate's change their sign."),
    ]
    table = torch.tensor([[1.0], [2.0], [3.0]])
    compare(_detached(answer), right, [(table,), *((one,) for one in _random(seed, (12, 5), (9,), (21, 7)))], mistakes)
    return "1 - sigmoid(a) = sigmoid(-a): the other convention is a change of sign."


def _lstm(*inputs: Tensor, order: str = "ifgo", **other: Any) -> Any:
    """A step of an LSTM; what is `other` than in PyTorch: gate, bend, inout(i, f), out(o, c', c), results(h', c')."""
    x, h, c, W_x, W_h, b_x, b_h = inputs
    parts = dict(zip(order, (x @ W_x.T + h @ W_h.T + b_x + b_h).chunk(4, dim=1), strict=True))
    gate = other.get("gate", torch.sigmoid)
    i, f, o = (gate(parts[name]) for name in "ifo")
    g = other.get("bend", torch.tanh)(parts["g"])
    i, f = other.get("inout", lambda i, f: (i, f))(i, f)
    new = f * c + i * g
    out = other.get("out", lambda o, new, c: o * torch.tanh(new))(o, new, c)
    return other.get("results", lambda out, new: (out, new))(out, new)


@exercise
def lstm_step(answer: Any, seed: int) -> str:
    """lstm_step(x, h, c, W_x, W_h, b_x, b_h): the new h and the new c of a batch, by PyTorch's conventions."""
    other = {
        "the rows are those of i, f, g and o: input and forget gate are swapped.": {"order": "figo"},
        "the rows are those of i, f, g and o, in this order: yours are i, f, o and g.": {"order": "ifog"},
        "the candidate g is bent by tanh: all four of yours are sigmoids.": {"bend": torch.sigmoid},
        "the candidate g is bent by tanh: yours is not bent.": {"bend": lambda a: a},
        "the gates i, f and o are sigmoids, between 0 and 1: tanh is for the candidate.": {"gate": torch.tanh},
        "the forget gate is missing: c' = f c + i g.": {"inout": lambda i, f: (i, torch.ones_like(f))},
        "the input gate is missing: c' = f c + i g.": {"inout": lambda i, f: (torch.ones_like(i), f)},
        "i is a gate of its own here, not 1 - f.": {"inout": lambda i, f: (1 - f, f)},
        "f is the share that is *kept*: c' = f c + i g, not (1 - f) c.": {"inout": lambda i, f: (i, 1 - f)},
        "the old c is missing: c' = f c + i g.": {"inout": lambda i, f: (i, 0 * f)},
        "what goes out is o tanh(c'): the tanh is missing.": {"out": lambda o, new, c: o * new},
        "what goes out is o tanh(c') with the *new* c.": {"out": lambda o, new, c: o * torch.tanh(c)},
        "the output gate is missing: h' = o tanh(c').": {"out": lambda o, new, c: torch.tanh(new)},
        "o stands outside the tanh: o tanh(c'), not tanh(o c').": {"out": lambda o, new, c: torch.tanh(o * new)},
        "the two results are swapped: h' first, then c'.": {"results": lambda out, new: (new, out)},
        "return two things: h' and c'; this is h'.": {"results": lambda out, new: out},
        "return two things: h' and c'; this is c'.": {"results": lambda out, new: new},
    }
    mistakes = variants(_lstm, other)
    mistakes += [
        (lambda *inputs: _lstm(*inputs[:-1], 0 * inputs[-1]), "the bias b_h is missing."),
        (lambda *inputs: _lstm(*inputs[:-2], 0 * inputs[-2], inputs[-1]), "the bias b_x is missing."),
        (lambda x, h, c, *rest: _lstm(x, c, c, *rest), "the gates see h, not c: c stays on its conveyor."),
    ]

    def pair(result: Any) -> Any:
        return tuple(result) if isinstance(result, list) else result

    compare(_detached(answer, pair), _lstm, [_layer(seed + B, 4, B, 3, 5, states=2) for B in (1, 7)], mistakes)
    return "three gates, one candidate, and a sum instead of a mean."


@exercise
def nucleus(answer: Any, seed: int) -> str:
    """nucleus(p, mass): the fewest likeliest tokens that sum to the mass, scaled to sum 1; the others 0."""

    def keeping(keep: Callable[[Tensor, float], Tensor], scale: bool = True) -> Callable[[Tensor, float], Tensor]:
        def cut(p: Tensor, mass: float) -> Tensor:
            kept = torch.where(keep(p, mass), p, torch.zeros_like(p))
            return kept / kept.sum() if scale else kept

        return cut

    def ranked(rule: Callable[[Tensor, float], Tensor], largest: bool = True) -> Callable[[Tensor, float], Tensor]:
        def keep(p: Tensor, mass: float) -> Tensor:
            order = p.argsort(descending=largest)
            return torch.zeros_like(p, dtype=torch.bool).scatter(0, order, rule(p[order], mass))

        return keep

    def enough(p: Tensor, mass: float) -> Tensor:
        return p.cumsum(0) - p < mass

    def below(p: Tensor, mass: float) -> Tensor:
        return p.cumsum(0) < mass

    def one_more(p: Tensor, mass: float) -> Tensor:
        return torch.cat([torch.tensor([True]), enough(p, mass)[:-1]])

    right = keeping(ranked(enough))
    mistakes = [
        (keeping(ranked(enough), scale=False), "the kept ones no longer sum to 1: divide by their sum."),
        (keeping(ranked(below)), "the token with which the sum reaches the mass belongs to it: you stop one early."),
        (keeping(ranked(below), scale=False), "you stop one early, and the rest does not sum to 1."),
        (keeping(ranked(one_more)), "you keep one too many: once the sum has reached the mass, stop."),
        (keeping(enough), "begin with the likeliest: sort first, then add up."),
        (keeping(ranked(enough, largest=False)), "you begin with the least likely: sort in falling order."),
        (keeping(lambda p, mass: p >= mass), "the *sum* of the kept must reach the mass, not each of them."),
        (keeping(lambda p, mass: p >= mass * p.max()), "this compares with the likeliest (min-p): sort and add up."),
        (lambda p, m: right(p, m).sort(descending=True).values, "each token must stay in its place: undo the sorting."),
        (lambda p, m: right(p, m)[right(p, m) > 0], "keep all places: what is cut becomes 0."),
        (lambda p, m: right(p, m) > 0, "these say which are kept: their probabilities, scaled to sum 1, are wanted."),
        (lambda p, m: torch.softmax(right(p, m), 0), "divide by the sum: softmax would take exp of probabilities."),
        (lambda p, m: p, "nothing is cut: what lies beyond the mass becomes 0."),
    ]
    cases = [(torch.tensor([0.15, 0.5, 0.05, 0.3]), mass) for mass in (0.7, 0.45)]
    for number, (n, mass) in enumerate(((7, 0.9), (11, 0.55), (5, 0.8))):
        cases.append((_random(seed + number, (n,))[0].mul(1.5).softmax(0), mass))
    compare(_detached(answer), right, cases, mistakes)
    return "0.5 and 0.3 reach 0.7: 5/8 and 3/8, the others 0."
