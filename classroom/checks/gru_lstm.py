"""Exercises of the notebook gru_lstm."""

import functools
import math

import numpy as np
import torch
from torch import Generator, Tensor

from classroom import forms
from classroom.exercise import case, exercise

__all__ = ["flip_update_gate", "gru_step", "half_life", "leaky", "lstm_step", "nucleus"]


def _same(value):
    return value


def _random(seed, *shapes):
    generator = Generator().manual_seed(seed)
    return tuple(torch.randn(shape, generator=generator) for shape in shapes)


def _before(x):
    return torch.cat([torch.zeros(1), x[:-1]])


def _leak(h, x, z):
    return z * h + (1 - z) * x


@exercise(
    praise="a pulse of 1 becomes 0.5, and half as much at each step.",
    cases=lambda seed: [
        (torch.tensor([1.0, 0.0, 0.0]), 0.5),
        *((*_random(seed + n, (n,)), z) for n, z in ((7, 0.9), (5, 0.2), (11, 0.7))),
        case(torch.tensor([2.0]), 0.75, edge="a single input"),
    ],
    wrong={
        "z and 1 - z are swapped: z is the share of the *old* state.": {"step": lambda h, x, z: (1 - z) * h + z * x},
        "the input counts in full: give it the share that the old state does not have.": {"step": lambda h, x, z: z * h + x},
        "the old state must fade: multiply it by z, so that inputs count less the further back they are.": {"step": lambda h, x, z: h + (1 - z) * x},
        "this is the sum of the inputs: both the old state and the input need a share.": {"step": lambda h, x, z: h + x},
        "nothing is kept of the old state: each step must start from the state of the step before.": {"step": lambda h, x, z: (1 - z) * x},
        "the input has the share z, like the old state: the two shares must add up to 1.": {"step": lambda h, x, z: z * h + z * x},
        "the old state has the share 1 - z, like the input: the two shares must add up to 1.": {"step": lambda h, x, z: (1 - z) * (h + x)},
        "the input is subtracted: its share is 1 - z, not z - 1.": {"step": lambda h, x, z: z * h + (z - 1) * x},
        "brackets are missing: 1 - z as a whole is the factor of the input.": [
            {"step": lambda h, x, z: z * h + 1 - z * x},
            {"step": lambda h, x, z: (z * h + 1 - z) * x},
        ],
        "you add the step to the old state (`+=`): the new state replaces the old one.": {"step": lambda h, x, z: h + _leak(h, x, z)},
        "the step takes the state before the last one: hand each new state on to the next step.": lambda x, z: torch.stack(
            [(1 - z) * sum(z ** ((t - s) // 2) * x[s] for s in range(t % 2, t + 1, 2)) for t in range(len(x))]
        ),
        "the state begins at 0, not at the first input.": {"start": lambda x: x[0]},
        "the state begins at 0, not at 1.": {"start": lambda x: torch.ones(())},
        "this is the last state alone: return all of them, one for each input.": {"end": lambda states: states[-1]},
        "the 0 at the start is not a result: return one state for each input.": {"end": torch.stack},
        "append the new state, not the old one: yours are one step late.": {"end": lambda states: torch.stack(states)[:-1]},
        "every state is the last one: the list holds one tensor that changes in place. Make a new one at each step.": {
            "end": lambda states: states[-1].expand(len(states) - 1)
        },
        "the last input is left out: return one state for each input.": {"end": lambda states: torch.stack(states)[1:-1]},
        "the first input is left out: begin with `x[0]`, from the state 0.": {"reads": lambda x: x[1:]},
        "you read from the end: begin with `x[0]`.": {"reads": lambda x: x.flip(0)},
        "the states are in reversed order: the state after the first step comes first.": {"end": lambda states: torch.stack(states)[1:].flip(0)},
        "each step takes all inputs at once: give it `x[t]`, the one of its step.": {
            "reads": lambda x: x.expand(len(x), len(x)),
            "start": torch.zeros_like,
        },
        "mix with the last *state*, not with the last input.": lambda x, z: z * _before(x) + (1 - z) * x,
    },
)
def leaky(
    x,
    z,
    *,
    step=_leak,
    start=lambda x: torch.zeros(()),
    reads=lambda x: x,
    end=lambda states: torch.stack(states)[1:],
):
    """The states of h' = z h + (1 - z) x, from h = 0, one for each input."""
    states = [start(x)]
    for now in reads(x):
        states.append(step(states[-1], now, z))
    return end(states)


def _halving(z):
    return math.log(0.5) / math.log(z)


def _unasked(steps):
    """What the formula gives for z = 1 where that is not asked for; NumPy divides by 0."""
    try:
        return steps(1.0)
    except ZeroDivisionError:
        return -math.inf


@exercise(
    praise="0.9 keeps for 6.6 steps, 0.99 for 69, and 1 forever.",
    cases=lambda seed: [
        (0.5,),
        (0.9,),
        (0.99,),
        *((z,) for z in (0.05 + 0.9 * torch.rand(3, generator=Generator().manual_seed(seed)).double()).tolist()),
        case(1.0, edge="z = 1"),
    ],
    wrong={
        "what never fades has the half-life `math.inf`: return that for z = 1.": [
            {"at_one": _unasked},
            *({"at_one": lambda steps, value=value: value} for value in (math.nan, 0.0, 1.0)),
        ],
        "the sign is wrong: both logarithms are negative, so their quotient is positive.": {"steps": lambda z: -_halving(z)},
        "the quotient is upside down: ln z belongs in the denominator.": {"steps": lambda z: 1 / _halving(z)},
        "this is the number of steps until 1/e = 0.37 is left: ask for a half instead.": {"steps": lambda z: -1 / math.log(z)},
        "1 / (1 - z) is about the number of steps until 1/e is left: ask for which k z ** k is 0.5.": {"steps": lambda z: 1 / (1 - z)},
        "what is left falls by a share at each step, not by an amount: it is z ** k, not 1 - k (1 - z).": {"steps": lambda z: 0.5 / (1 - z)},
        "1 - z is only about -ln z: divide by the logarithm itself.": [
            {"steps": lambda z: math.log(2) / (1 - z)},
            {"steps": lambda z: math.log(0.5) / (1 - z)},
        ],
        "z ** k is not k times z: take logarithms of both sides of z ** k = 0.5.": [
            {"steps": lambda z: 0.5 / z},
            {"steps": lambda z: z / 0.5},
        ],
        "this is ln 0.5 alone: how often does ln z go into it?": {"steps": lambda z: math.log(0.5)},
        "this is the logarithm of z alone: how often does it go into that of 0.5?": [
            {"steps": math.log},
            {"steps": math.log2},
            {"steps": math.log10},
        ],
        "divide by ln z, not by z.": [{"steps": lambda z: math.log(0.5) / z}, {"steps": lambda z: math.log(2) / z}],
        "this is the logarithm of a quotient: the quotient of the two logarithms is wanted.": {"steps": lambda z: math.log(0.5 / z)},
        "you multiply the two logarithms: divide one by the other.": {"steps": lambda z: math.log(0.5) * math.log(z)},
        "the two logarithms have different bases: take the same for both.": [
            {"steps": lambda z: math.log(0.5) / math.log2(z)},
            {"steps": lambda z: math.log(0.5) / math.log10(z)},
            {"steps": lambda z: math.log10(0.5) / math.log(z)},
        ],
        "this is a power: which power of z is 0.5? Take logarithms to find the exponent.": [
            {"steps": lambda z: z**0.5},
            {"steps": lambda z: 0.5**z},
            {"steps": lambda z: 0.5 ** (1 / z)},
        ],
        "z is the share that each step keeps, not the share that it loses.": {"steps": lambda z: math.log(0.5) / math.log(1 - z)},
        "this is when a quarter is left: a half is wanted.": {"steps": lambda z: 2 * _halving(z)},
        "do not round: a half-life need not be a whole number of steps.": [
            {"end": end} for end in (round, math.ceil, math.floor, lambda k: math.floor(k) + 1, lambda k: round(k, 1))
        ],
    },
)
def half_life(z, *, steps=_halving, at_one=lambda steps: math.inf, end=float):
    """After how many steps half is left; infinite for z = 1."""
    return at_one(steps) if z == 1 else end(steps(z))


def _layer(seed, gates, B, d_in, C, states=1):
    """x, the states, W_x, W_h, b_x and b_h."""
    rows = gates * C
    return _random(seed, (B, d_in), *[(B, C)] * states, (rows, d_in), (rows, C), (rows,), (rows,))


def _by_hand(states, of_x, of_h):
    """A layer with one input, one state of each kind and no biases."""
    columns = [torch.tensor(rows)[:, None] for rows in (of_x, of_h)]
    return torch.ones(1, 1), *(torch.tensor([[state]]) for state in states), *columns, *[torch.zeros(len(of_x))] * 2


def _blocks(*order):
    """A function that cuts the columns of all gates into blocks, and gives them in another order than they have."""
    return lambda a: [a.chunk(len(order), dim=-1)[block] for block in order]


def _every(gates):
    """The mistake of taking every third (or fourth) column for a gate, instead of a block."""
    return lambda a: a.unflatten(-1, (-1, gates)).unbind(-1)


@exercise(
    praise="two gates, one candidate, and a mean of old and new.",
    cases=lambda seed: [
        _by_hand([0.5], [0.0, 1.0, 2.0], [0.0, 0.0, 1.0]),
        *(_layer(seed + B, 3, B, 3, 5) for B in (1, 7)),
        _layer(seed + 2, 3, 2, 11, 4),
    ],
    wrong={
        "z is the share of the *old* state here, and 1 - z that of the candidate.": {"mix": lambda n, h, z: z * n + (1 - z) * h},
        "the rows are those of r, z and n, in this order: r and z are swapped.": {"blocks": _blocks(1, 0, 2)},
        "the rows are those of r, z and n, in this order: yours are n, r and z.": {"blocks": _blocks(1, 2, 0)},
        "the rows are those of r, z and n, in this order: yours are r, n and z.": {"blocks": _blocks(0, 2, 1)},
        "the rows are those of r, z and n, in this order: yours are reversed.": {"blocks": _blocks(2, 1, 0)},
        "the rows are those of r, z and n, in this order: yours are z, n and r.": {"blocks": _blocks(2, 0, 1)},
        "the C rows of a gate lie together: cut blocks of C (`chunk`), do not take every third.": {"blocks": _every(3)},
        "the nonlinearity of the candidate is tanh: it must be able to lower a state, too.": [
            {"candidate": torch.sigmoid},
            {"candidate": torch.relu},
        ],
        "the candidate has no nonlinearity, so the state could grow without a bound: put it through tanh.": {"candidate": _same},
        "the gates are sigmoids, between 0 and 1: tanh is for the candidate.": {"gate": torch.tanh},
        "the gates have no nonlinearity: put what you have through a sigmoid.": {"gate": _same},
        "the share in the new state is z, not r, which acts in the candidate only.": {"gates": lambda r, z: (r, r)},
        "what acts in the candidate is r, not z, which is the share in the new state.": {"gates": lambda r, z: (z, z)},
        "the gates see the input only: add what comes from the old state, W_h h + b_h.": {"sees": lambda a, u: a},
        "the gates see the old state only: add what comes from the input, W_x x + b_x.": {"sees": lambda a, u: u},
        "the reset gate does nothing: in the candidate, r multiplies what comes from the old state.": {"inside": lambda a, r, h, U, c: a + h @ U + c},
        "r multiplies everything inside the tanh: it belongs to what comes from the old state alone.": {"inside": lambda a, r, h, U, c: r * (a + h @ U + c)},
        "r multiplies what comes from the input: it belongs to what comes from the old state.": {"inside": lambda a, r, h, U, c: r * a + h @ U + c},
        "r must multiply the bias b_h too: in PyTorch it stands before U h + c as a whole.": {"inside": lambda a, r, h, U, c: a + r * (h @ U) + c},
        "this is the paper's U (r h): in PyTorch, r multiplies the product with the matrix, not h itself.": [
            {"inside": lambda a, r, h, U, c: a + (r * h) @ U + c},
            {"inside": lambda a, r, h, U, c: a + (r * h) @ U + r * c},
        ],
        "the old state goes through its block of W_h and b_h before r multiplies it: you take h itself.": {"inside": lambda a, r, h, U, c: a + r * h},
        "r is the share that passes: you multiply by 1 - r.": {"inside": lambda a, r, h, U, c: a + (1 - r) * (h @ U + c)},
        "the candidate does not see the old state: r times what comes from it must be added.": {"inside": lambda a, r, h, U, c: a + 0 * r},
        "the candidate does not see the input: add what comes from it.": {"inside": lambda a, r, h, U, c: r * (h @ U + c)},
        "the candidate lacks the bias b_h, its last C numbers.": {"inside": lambda a, r, h, U, c: a + r * (h @ U)},
        "this is the candidate n: mix it with the old state.": {"mix": lambda n, h, z: n},
        "the old state is missing: its share is z.": {"mix": lambda n, h, z: (1 - z) * n},
        "the candidate is missing: its share is 1 - z.": {"mix": lambda n, h, z: z * h},
        "the candidate counts in full: its share is 1 - z.": {"mix": lambda n, h, z: n + z * h},
        "the old state counts in full: its share is z, so that the two shares add up to 1.": {"mix": lambda n, h, z: (1 - z) * n + h},
        "both shares are z: that of the candidate is 1 - z, so that the two add up to 1.": {"mix": lambda n, h, z: z * n + z * h},
        "the new state is the weighted sum of candidate and old state: there is no nonlinearity around it.": {
            "mix": lambda n, h, z: torch.tanh((1 - z) * n + z * h)
        },
        "return the new state alone, without the gate.": [
            {"mix": lambda n, h, z: (n, z)},
            {"mix": lambda n, h, z: ((1 - z) * n + z * h, z)},
        ],
        "the bias b_h is missing.": {"biases": lambda b_x, b_h: (b_x, 0 * b_h)},
        "the bias b_x is missing.": {"biases": lambda b_x, b_h: (0 * b_x, b_h)},
        "both biases are missing.": {"biases": lambda b_x, b_h: (0 * b_x, 0 * b_h)},
        "the biases are swapped: b_x belongs to the input and b_h to the old state, which r tells apart.": {"biases": lambda b_x, b_h: (b_h, b_x)},
    },
)
def gru_step(
    x,
    h,
    W_x,
    W_h,
    b_x,
    b_h,
    *,
    biases=lambda b_x, b_h: (b_x, b_h),
    blocks=lambda a: a.chunk(3, dim=-1),
    sees=lambda a, u: a + u,
    gate=torch.sigmoid,
    gates=lambda r, z: (r, z),
    inside=lambda a, r, h, U, c: a + r * (h @ U + c),
    candidate=torch.tanh,
    mix=lambda n, h, z: (1 - z) * n + z * h,
):
    """The new states (B, C) of a batch; the rows of the weights are those of r, z and n."""
    b_x, b_h = biases(b_x, b_h)
    a_r, a_z, a_n = blocks(x @ W_x.T + b_x)
    u_r, u_z, _ = blocks(h @ W_h.T + b_h)
    r, z = gates(gate(sees(a_r, u_r)), gate(sees(a_z, u_z)))
    U, c = blocks(W_h.T)[2], blocks(b_h)[2]
    return mix(candidate(inside(a_n, r, h, U, c)), h, z)


@exercise(
    praise="1 - sigmoid(a) = sigmoid(-a): the other convention is a change of sign.",
    cases=lambda seed: [
        (torch.tensor([[1.0], [2.0], [3.0]]),),
        *((weight,) for weight in _random(seed, (12, 5), (9,), (21, 7), (6, 11))),
    ],
    wrong={
        "1 - sigmoid(a) = sigmoid(-a): which change of the weights turns a into -a? No 1 is needed.": [
            {"update": lambda z: 1 - z},
            {"update": lambda z: z - 1},
        ],
        "the weights go *into* the sigmoid, so they need none themselves: 1 - sigmoid(a) = sigmoid(-a).": [
            {"update": lambda z: 1 - z.sigmoid()},
            {"update": torch.sigmoid},
        ],
        "1 - sigmoid(a) = sigmoid(-a): change the sign, do not divide.": {"update": lambda z: 1 / z},
        "`flip` reverses the order of the rows: they keep their order, and each number changes its sign.": {"update": lambda z: z.flip(0)},
        "these are absolute values: a negative weight becomes positive, and a positive one negative.": [
            {"update": torch.abs},
            {"update": lambda z: -z.abs()},
        ],
        "the update gate's rows are gone: change their sign instead of setting them to 0.": {"update": torch.zeros_like},
        "nothing has changed: the update gate's rows, the middle third, must change their sign.": {"update": _same},
        "the reset gate's rows changed, the first third: change the update gate's, which come next.": {
            "reset": torch.neg,
            "update": _same,
        },
        "the candidate's rows changed, the last third: change the update gate's, which come before.": {
            "update": _same,
            "candidate": torch.neg,
        },
        "the reset gate must stay as it is: only the middle third changes.": {"reset": torch.neg},
        "the candidate must stay as it is: only the middle third changes.": {"candidate": torch.neg},
        "every row changed: only the update gate's may, the middle third.": [torch.neg, lambda weight: 1 - weight],
        "a gate's rows are missing: return all rows, those of r and n as they were.": [
            {"order": (0, 1)},
            {"order": (1, 2)},
        ],
        "the rows must keep their order: r, z, n.": [{"order": order} for order in ((1, 0, 2), (0, 2, 1), (2, 1, 0))],
        "the rows of r and z are swapped: no rows move, the update gate's change their sign.": {
            "order": (1, 0, 2),
            "update": _same,
        },
        "these are the update gate's rows alone: return all rows, the others as they were.": [
            {"order": (1,)},
            {"order": (1,), "update": _same},
        ],
        "you cut along the last axis: the gates lie one after the other along the first, the rows.": {"axis": -1},
        "these are three tensors: join them to one with all rows (`torch.cat`).": {"join": torch.stack},
        "the three parts are joined side by side: join them along the rows, dim=0.": {"join": lambda parts: torch.cat(parts, dim=-1)},
        "the C rows of a gate lie together: change the middle third, not every third row.": lambda weight: torch.stack(
            [-row if number % 3 == 1 else row for number, row in enumerate(weight)]
        ),
        "a gate has a third of the rows: the number of columns can be another.": lambda weight: torch.cat(
            [
                weight[: weight.shape[1]],
                -weight[weight.shape[1] : 2 * weight.shape[1]],
                weight[2 * weight.shape[1] :],
            ]
        ),
    },
)
def flip_update_gate(weight, *, reset=_same, update=torch.neg, candidate=_same, axis=0, order=(0, 1, 2), join=torch.cat):
    """The same tensor with the update gate's rows for 1 - z instead of z."""
    r, z, n = weight.chunk(3, dim=axis)
    parts = [reset(r), update(z), candidate(n)]
    joined = [parts[number] for number in order]
    return join(joined) if axis == 0 else torch.cat(joined, dim=axis)


@exercise(
    praise="three gates, one candidate, and a sum instead of a mean.",
    cases=lambda seed: [
        _by_hand([0.5, 3.0], [0.0, 1.0, 2.0, -1.0], [0.0, 0.0, 1.0, 0.0]),
        *(_layer(seed + B, 4, B, 3, 5, states=2) for B in (1, 7)),
        _layer(seed + 2, 4, 2, 11, 3, states=2),
    ],
    wrong={
        **{
            f"the rows are those of i, f, g and o, in this order: {yours}.": {"blocks": _blocks(*order)}
            for yours, order in {
                "input and forget gate are swapped": (1, 0, 2, 3),
                "yours are i, f, o and g": (0, 1, 3, 2),
                "yours are i, g, f and o": (0, 2, 1, 3),
                "yours are f, i, o and g": (1, 0, 3, 2),
                "input and output gate are swapped": (3, 1, 2, 0),
                "forget and output gate are swapped": (0, 3, 2, 1),
            }.items()
        },
        "the C rows of a gate lie together: cut blocks of C (`chunk`), do not take every fourth.": {"blocks": _every(4)},
        "the nonlinearity of the candidate g is tanh: all four of yours are sigmoids.": {"candidate": torch.sigmoid},
        "the candidate g has no nonlinearity: put it through tanh.": {"candidate": _same},
        "the gates i, f and o are sigmoids, between 0 and 1: tanh is for the candidate.": {"gates": [torch.tanh] * 3},
        "the gates have no nonlinearity: put what you have through a sigmoid.": {"gates": [_same] * 3},
        "one of the gates i, f and o is no sigmoid: all three must lie between 0 and 1.": [
            {"gates": [other if number == gate else torch.sigmoid for number in range(3)]} for gate in range(3) for other in (_same, torch.tanh)
        ],
        "the forget gate is missing: it multiplies the old c.": {"write": lambda i, f, g, c: c + i * g},
        "the input gate is missing: it multiplies the candidate g.": {"write": lambda i, f, g, c: f * c + g},
        "both gates of the cell state are missing: f multiplies the old c, i the candidate.": {"write": lambda i, f, g, c: c + g},
        "the input gate is a gate of its own here, not 1 - f.": {"write": lambda i, f, g, c: f * c + (1 - f) * g},
        "the forget gate is a gate of its own here, not 1 - i.": {"write": lambda i, f, g, c: (1 - i) * c + i * g},
        "f is the share of the old c that is *kept*: you multiply by 1 - f.": {"write": lambda i, f, g, c: (1 - f) * c + i * g},
        "the old c is missing from the new one: add its share f.": {"write": lambda i, f, g, c: i * g},
        "the candidate is missing from the new c: add its share i.": {"write": lambda i, f, g, c: f * c},
        "the candidate g is missing: the input gate is what multiplies it.": {"write": lambda i, f, g, c: f * c + i},
        "the new c is a plain sum: the tanh comes later, on its way to h'.": {"write": lambda i, f, g, c: torch.tanh(f * c + i * g)},
        "the tanh is missing in h': it stands around the new c.": {"out": lambda o, new, c: o * new},
        "h' is made of the *new* c: yours still takes the old one.": {"out": lambda o, new, c: o * torch.tanh(c)},
        "the output gate is missing in h': it multiplies the tanh of the new c.": {"out": lambda o, new, c: torch.tanh(new)},
        "the output gate stands outside the tanh, not inside.": {"out": lambda o, new, c: torch.tanh(o * new)},
        "the nonlinearity around the new c is tanh, not a sigmoid.": {"out": lambda o, new, c: o * torch.sigmoid(new)},
        "h' is the output gate alone: multiply it by the tanh of the new c.": {"out": lambda o, new, c: o},
        "h' is the new c itself: take its tanh, and multiply by the output gate.": {"out": lambda o, new, c: new},
        "the two results are swapped: h' first, then c'.": {"results": lambda out, new, c: (new, out)},
        "return two things: h' and c'; this is h'.": {"results": lambda out, new, c: out},
        "return two things: h' and c'; this is c'.": {"results": lambda out, new, c: new},
        "the second result is the old c: return the new one.": {"results": lambda out, new, c: (out, c)},
        "the two results are joined to one tensor: return them one by one, h' and c'.": [
            {"results": lambda out, new, c: torch.cat([out, new])},
            {"results": lambda out, new, c: torch.cat([out, new], dim=1)},
        ],
        "`nn.LSTM` returns an output and a pair of states: here, return the two states, h' and c'.": {"results": lambda out, new, c: (out, (out, new))},
        "the bias b_h is missing.": {"biases": lambda b_x, b_h: b_x},
        "the bias b_x is missing.": {"biases": lambda b_x, b_h: b_h},
        "both biases are missing.": {"biases": lambda b_x, b_h: 0 * b_x},
        "the gates see h, not c: leave c out of what goes into them.": {"sees": lambda x, h, c: (x, c)},
        "the gates do not see the old h: add W_h h.": {"sees": lambda x, h, c: (x, 0 * h)},
        "the gates do not see the input: add W_x x.": {"sees": lambda x, h, c: (0 * x, h)},
        "the cell state keeps the old c, not the old h.": {"keeps": lambda h, c: h},
    },
)
def lstm_step(
    x,
    h,
    c,
    W_x,
    W_h,
    b_x,
    b_h,
    *,
    sees=lambda x, h, c: (x, h),
    biases=lambda b_x, b_h: b_x + b_h,
    blocks=lambda a: a.chunk(4, dim=-1),
    gates=(torch.sigmoid, torch.sigmoid, torch.sigmoid),
    candidate=torch.tanh,
    keeps=lambda h, c: c,
    write=lambda i, f, g, c: f * c + i * g,
    out=lambda o, new, c: o * torch.tanh(new),
    results=lambda out, new, c: (out, new),
):
    """The new h and the new c (B, C); the rows of the weights are those of i, f, g and o."""
    seen, state = sees(x, h, c)
    i, f, g, o = blocks(seen @ W_x.T + state @ W_h.T + biases(b_x, b_h))
    gate_i, gate_f, gate_o = gates
    new = write(gate_i(i), gate_f(f), candidate(g), keeps(h, c))
    return results(out(gate_o(o), new, c), new, c)


def _ranked(p: Tensor) -> Tensor:
    return p.argsort(descending=True)


def _enough(ranked, mass):
    return ranked.cumsum(0) - ranked < mass


def _put_back(kept, places):
    return torch.zeros_like(kept).scatter(0, places, kept)


def _ties_settled(cut):
    """Which of equally likely tokens are kept is open, so the kept ones among them come first."""

    @functools.wraps(cut)
    def settled(p, mass):
        result = forms.plain(cut(p, mass))
        if result is None or result is ...:
            return result
        result = np.array(result, dtype=float, ndmin=1)
        for value in p.unique() if result.shape == p.shape else ():
            tied = np.asarray(p == value)
            result[tied] = np.sort(result[tied])[::-1]
        return result

    return settled


@exercise(
    through=_ties_settled,
    praise="0.5 and 0.3 reach 0.7: 5/8 and 3/8, the others 0.",
    cases=lambda seed: [
        (torch.tensor([0.15, 0.5, 0.05, 0.3]), 0.7),
        *((_random(seed + n, (n,))[0].mul(1.5).softmax(0), mass) for n, mass in ((7, 0.9), (11, 0.55), (5, 0.8))),
        case(torch.tensor([0.15, 0.5, 0.05, 0.3]), 0.45, edge="a mass that the most likely token reaches alone"),
        case(torch.tensor([0.1875, 0.5, 0.0625, 0.25]), 0.75, edge="a sum that is exactly the mass"),
        case(torch.tensor([0.1, 0.3, 0.3, 0.3]), 0.5, edge="equally likely tokens"),
    ],
    wrong={
        "the kept probabilities no longer sum to 1: divide them by their sum.": {"scale": lambda kept, mass: kept},
        "the token with which the sum reaches the mass belongs to the kept ones: you stop one early.": [
            {"keep": lambda ranked, mass: ranked.cumsum(0) < mass},
            {"keep": lambda ranked, mass: ranked.cumsum(0) <= mass},
        ],
        "you keep one too many: once the sum has reached the mass, stop.": {
            "keep": lambda ranked, mass: torch.cat([torch.tensor([True]), _enough(ranked, mass)[:-1]])
        },
        "as few as reach the mass: of equally likely tokens, too, only so many stay.": {
            "keep": lambda ranked, mass: ranked >= ranked[_enough(ranked, mass)].min()
        },
        "a sum that is exactly the mass has reached it: compare with <, not <=.": {"keep": lambda ranked, mass: ranked.cumsum(0) - ranked <= mass},
        "begin with the most likely token: sort first, then add up.": {"rank": lambda p: torch.arange(len(p))},
        "you begin with the least likely token: sort in descending order.": {"rank": torch.argsort},
        "you keep the tail: the most likely tokens must stay, and the rest becomes 0.": [
            {"keep": lambda ranked, mass: ~_enough(ranked, mass)},
            {"keep": lambda ranked, mass: ranked.cumsum(0) > mass},
            {"keep": lambda ranked, mass: ranked.cumsum(0) >= mass},
        ],
        "the *sum* of the kept ones must reach the mass, not each of them.": [
            {"keep": lambda ranked, mass: ranked >= mass},
            {"keep": lambda ranked, mass: ranked >= 1 - mass},
            {"keep": lambda ranked, mass: ranked > 1 - mass},
        ],
        "this compares with the most likely token (min-p): sort and add up instead.": {"keep": lambda ranked, mass: ranked >= mass * ranked[0]},
        "the mass is a sum of probabilities, not a share of the tokens: add up.": [
            {"keep": lambda ranked, mass: torch.arange(len(ranked)) < math.ceil(mass * len(ranked))},
            {"keep": lambda ranked, mass: torch.arange(len(ranked)) < int(mass * len(ranked))},
        ],
        "you keep the most likely token alone: keep adding until the sum reaches the mass.": {"keep": lambda ranked, mass: torch.arange(len(ranked)) < 1},
        "nothing is cut: the tokens beyond the mass become 0.": {"keep": lambda ranked, mass: torch.ones_like(ranked, dtype=torch.bool)},
        "each token must stay at its position in `p`: undo the sorting.": {"put": lambda kept, places: kept},
        "sorting is undone by writing to the positions, `kept[places] = ...`: yours reads from them.": {"put": lambda kept, places: kept[places]},
        "the mask belongs to the sorted tokens: bring it to their positions before you use it.": lambda p, mass: (
            (kept := p * _enough(p[_ranked(p)], mass)) / kept.sum()
        ),
        "keep all positions: the tokens that are cut become 0.": [
            {"put": lambda kept, places: kept[kept > 0]},
            {"put": lambda kept, places: (spread := _put_back(kept, places))[spread > 0]},
        ],
        "this says which tokens are kept: their probabilities are wanted, divided by their sum.": [
            {"scale": lambda kept, mass: kept > 0},
            {"scale": lambda kept, mass: (kept > 0).float()},
        ],
        "the kept tokens keep their proportions: divide their probabilities by their sum.": [
            {"scale": lambda kept, mass: (kept > 0) / (kept > 0).sum()},
            {"scale": lambda kept, mass: kept / (kept > 0).sum()},
        ],
        "divide by the sum: a softmax would take the exponential of probabilities.": [
            {"scale": lambda kept, mass: kept.softmax(0)},
            {"scale": lambda kept, mass: kept.where(kept > 0, -torch.inf).softmax(0)},
        ],
        "divide by the sum of the kept ones: it is a little more than the mass.": {"scale": lambda kept, mass: kept / mass},
        "the largest becomes 1: divide by the sum of the kept ones, not by their maximum.": {"scale": lambda kept, mass: kept / kept.max()},
    },
)
def nucleus(p, mass, *, rank=_ranked, keep=_enough, put=_put_back, scale=lambda kept, mass: kept / kept.sum()):
    """The fewest most likely tokens that reach the mass, scaled to sum 1; the others 0."""
    places = rank(p)
    ranked = p[places]
    return scale(put(ranked.where(keep(ranked, mass), 0.0), places), mass)
