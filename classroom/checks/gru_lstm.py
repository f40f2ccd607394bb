"""Exercises of the notebook gru_lstm."""

import functools
import math

import numpy as np
import torch
from course_lib import files
from course_lib.recurrent import gru_cell
from experiments.shared import worst_by_change
from experiments.tables import recurrent_budget
from torch import Generator, Tensor

from classroom import forms
from classroom.answers import Mistake
from classroom.choices import demand_learning_rate, demand_names, demand_whole_numbers
from classroom.exercise import case, exercise, experiment

__all__ = ["gru_step", "hold", "lstm_step", "nucleus", "within_budget"]


def _same(value):
    return value


def _random(seed, *shapes):
    generator = Generator().manual_seed(seed)
    return tuple(torch.randn(shape, generator=generator) for shape in shapes)


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


def _found_lstm_step(x, h, c, W_x, W_h, b_x, b_h):
    """The exercise as it is found: another library's order of blocks, and an output from the old cell state."""
    i, f, o, g = (x @ W_x.T + b_x + h @ W_h.T + b_h).chunk(4, dim=1)
    new = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), new


@exercise(
    kind="debug",
    found=_found_lstm_step,
    praise="the blocks are i, f, g and o, and h' is computed from the new cell state.",
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


OTHERS = 0.8  # the numbers without a mark


def _state_after(design):
    """From a design of a GRU with one unit to a judgement of its last state, for numbers with marks at some steps."""

    def judged(steps, marked):
        try:
            parts = [torch.as_tensor(part, dtype=torch.float32) for part in design()]
            W_x, W_h, b = (part.reshape(shape) for part, shape in zip(parts, [(3, 2), (3, 1), (3,)], strict=True))
        except (TypeError, ValueError, RuntimeError):
            raise Mistake("three things are expected: W_x (3, 2), W_h (3, 1) and b (3).") from None
        if not all(part.isfinite().all() for part in (W_x, W_h, b)):
            raise Mistake("the weights must be finite: a gate of sigmoid(8) is open enough.")
        h = torch.zeros(1, 1)
        for step in range(steps):
            x = torch.tensor([[marked.get(step, OTHERS), float(step in marked)]])
            h = gru_cell(x @ W_x.T + b, h, W_h, torch.zeros(3))
        return _place(h.item(), list(marked.values()), last=marked.get(steps - 1, OTHERS))

    return judged


def _place(state, marked, last):
    """Where a state lies, in words."""
    wanted = marked[-1]
    near = {"held": wanted, "the last number": math.tanh(last), "both marked numbers": sum(marked), "near 0": 0.0}
    for words, place in near.items():
        if abs(state - place) <= 0.05:
            return words
    if state * wanted < 0:
        return "the wrong sign"
    return "too small" if abs(state) < abs(wanted) else "too large"


@exercise(
    kind="design",
    through=_state_after,
    praise="the unit takes a marked number, and keeps it for forty steps.",
    cases=lambda seed: [
        (40, {0: 0.3}),
        (40, {0: -0.3}),
        case(1, {0: 0.3}, edge="right after the mark"),
        case(3, {0: 0.3}, edge="two steps after the mark"),
        case(60, {0: -0.4, 20: 0.2}, edge="a second mark"),
        case(60, {20: -0.3}, edge="numbers before the mark"),
    ],
    wrong={
        "the state is another number at every step: without a mark, z must be near 1.": {"bias": -8.0, "mark": 0.0},
        "z is turned round: it must be near 0 at the mark and near 1 elsewhere.": {"bias": -8.0, "mark": 16.0},
        "nothing is ever taken in: at the mark, z must be near 0.": {"mark": 0.0},
        "only a part of the marked number is taken in: at the mark, z must be nearer to 0.": [{"mark": mark} for mark in (-7.0, -8.0)],
        "the state fades: after forty steps z to the power of 40 is left, so z must be nearer to 1 without a mark.": [
            {"bias": bias, "mark": -16.0} for bias in (1.5, 2.5, 3.5, 4.5)
        ],
        "the candidate is too large: tanh(x) is near x only for small x, so the weight of the number must be 1.": {"number": 5.0},
        "the candidate is too small: the weight of the number must be 1.": {"number": 0.5},
        "the sign of the number is turned: its weight in the candidate must be 1.": {"number": -1.0},
        "the candidate reads the mark: it must read the number, the first column.": {"number": 0.0, "read": 2.0},
        "the old number is still in the new one: the candidate must not see the state, or r must be 0.": {"old": 1.0, "reset": 8.0},
    },
)
def hold(*, bias=8.0, mark=-16.0, number=1.0, read=0.0, old=0.0, reset=0.0):
    """W_x (3, 2), W_h (3, 1) and b (3) of a GRU with one unit that keeps the last marked number."""
    W_x = torch.tensor([[0.0, 0.0], [0.0, mark], [number, read]])
    W_h = torch.tensor([[0.0], [0.0], [old]])
    return W_x, W_h, torch.tensor([reset, bias, 0.0])


BETTER = {"kind": "LSTM", "width": 64, "batch_size": 8, "window": 50, "learning_rate": 0.016}
_RANGES = {"width": (16, 512), "batch_size": (1, 64), "window": (2, 200)}


@experiment(
    seconds=120,
    goal=2.75,
    unit="bits per character on 60,000 characters of the validation plays",
    stored=lambda: worst_by_change(files.load_results("recurrent_budget")["rows"], recurrent_budget.CHOICE, "bits"),
    advice={
        "a smaller batch, a shorter window or a smaller state: the budget then pays for more steps.": lambda choice: _affordable(choice) < 700,
        "a longer window: the network cannot learn what lies further back.": lambda choice: choice["window"] < 15,
        "a higher rate: there are too few steps to be careful.": lambda choice: choice["learning_rate"] < 0.004,
        "a lower rate: the steps are too large.": lambda choice: choice["learning_rate"] > 0.05,
        "another kind, or other sizes nearby.": lambda choice: True,
    },
    wrong={
        "a smaller batch, a shorter window or a smaller state": lambda: dict(recurrent_budget.CHOICE),
        "a longer window": lambda: BETTER | {"window": 3, "batch_size": 64},
        "a higher rate": lambda: BETTER | {"learning_rate": 0.0005},
        "a lower rate": lambda: BETTER | {"learning_rate": 0.1},
        "width is a whole number from 16 to 512, but yours is 8.": lambda: BETTER | {"width": 8},
        "learning_rate is a number above 0 and at most 1, but yours is 0.": lambda: BETTER | {"learning_rate": 0},
        "kind is 'RNN', 'GRU' or 'LSTM', but yours is 'rnn'.": lambda: BETTER | {"kind": "rnn"},
        "that would take 13,469 steps, and 4,000 is the most: a larger batch or a longer window.": lambda: BETTER | {"batch_size": 1},
        "a dictionary with kind, width, batch_size, window, learning_rate": lambda: {"width": 64},
    },
)
def within_budget(choice, seed):
    """Bits per character of a network of this kind and size, trained for as long as the budget pays for."""
    demand_names(choice, BETTER)
    if choice["kind"] not in recurrent_budget.GATES:
        raise Mistake(f"kind is 'RNN', 'GRU' or 'LSTM', but yours is {choice['kind']!r}.")
    demand_whole_numbers(choice, _RANGES)
    demand_learning_rate(choice)
    if _affordable(choice) > 4_000:
        raise Mistake(f"that would take {_affordable(choice):,} steps, and 4,000 is the most: a larger batch or a longer window.")
    return recurrent_budget.score(0, **choice)[0]  # one seed, so that choices can be compared


def _affordable(choice):
    return recurrent_budget.steps(*(choice[name] for name in ("kind", "width", "batch_size", "window")))
