"""Exercises of the notebook recurrent_networks."""

import functools

import numpy as np
import torch
from course_lib import files
from experiments.tables import memory_budget
from torch import Generator, Tensor

from classroom.answers import Mistake
from classroom.choices import demand_learning_rate, demand_names, demand_whole_numbers
from classroom.exercise import case, exercise, experiment

__all__ = ["bptt", "one_mark", "recalls", "truncated", "unroll"]


def _random(seed, *shapes):
    generator = Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator) for shape in shapes]


def _layer(seed, B, inputs, hidden, *time):
    """x, h, W_x, W_h and b."""
    return tuple(_random(seed, (B, *time, inputs), (B, hidden), (hidden, inputs), (hidden, hidden), (hidden,)))


def _step(x, h, W_x, W_h, b):
    return torch.tanh(x @ W_x.T + h @ W_h.T + b)


EXAMPLE = [torch.tensor(table) for table in ([[1.0]], [[0.5, -0.5]], [[1.0], [0.0]], [[0.0, 0.0], [1.0, 0.0]])]


def _stacked(states, first):
    return torch.stack(states, dim=1)


@exercise(
    praise="each state comes from the one before, and the weights are the same at every step.",
    cases=lambda seed: [
        (torch.tensor([[[1.0], [0.0]]]), torch.tensor([[0.5, -0.5]]), *EXAMPLE[2:], torch.zeros(2)),
        _layer(seed + 1, 2, 3, 5, 7),
        _layer(seed + 2, 7, 2, 5, 3),
        case(*_layer(seed + 3, 1, 3, 5, 4), edge="a batch of one"),
        case(*_layer(seed + 4, 4, 3, 2, 1), edge="sequences of one step"),
    ],
    wrong={
        "every step starts from the first h: give each step the state of the step before it.": {"carry": lambda new, old, first: first},
        "every step starts from zeros: give each step the state of the step before it.": {"carry": lambda new, old, first: 0 * new},
        "the states are added up: the new state replaces the old one.": {"carry": lambda new, old, first: new + old},
        "you walk along the batch, the first axis: the steps are x[:, t].": [
            {"steps": lambda x: x.unbind(0), "stack": lambda states, first: torch.stack(states)},
            {"steps": lambda x: x.unbind(0)},
        ],
        "you read from the end: begin with x[:, 0].": {"steps": lambda x: x.flip(1).unbind(1)},
        "every step reads the first input: read x[:, t] at step t.": {"steps": lambda x: [x[:, 0]] * x.shape[1]},
        "every step reads the last input: read x[:, t] at step t.": {"steps": lambda x: [x[:, -1]] * x.shape[1]},
        "the last step is missing: read all T steps.": {"steps": lambda x: x[:, :-1].unbind(1) or x.unbind(1)},
        "the first step is missing: begin with x[:, 0].": {"steps": lambda x: x[:, 1:].unbind(1) or x.unbind(1)},
        "you begin with zeros: begin with the state h given.": {"start": lambda h: 0 * h},
        "tanh is missing in each step.": {"step": lambda x, h, W_x, W_h, b: x @ W_x.T + h @ W_h.T + b},
        "this is the sigmoid in each step: tanh is wanted.": {"step": lambda x, h, W_x, W_h, b: torch.sigmoid(x @ W_x.T + h @ W_h.T + b)},
        "W_h must be transposed in each step: h @ W_h.T.": {"step": lambda x, h, W_x, W_h, b: _step(x, h, W_x, W_h.T, b)},
        "the bias b is missing in each step.": {"step": lambda x, h, W_x, W_h, b: _step(x, h, W_x, W_h, 0)},
        "the states lie as (T, B, C): stack along dim=1.": {"stack": lambda states, first: torch.stack(states)},
        "this mixes batch and time, since view does not move axes: stack along dim=1, or transpose.": {
            "stack": lambda states, first: torch.stack(states).reshape(len(first), len(states), -1)
        },
        "the axes have another order: (B, T, C), so stack along dim=1.": {"stack": lambda states, first: torch.stack(states, dim=-1)},
        "the states are concatenated in one row: a new axis for time is wanted, torch.stack(states, dim=1).": [
            {"stack": lambda states, first: torch.cat(states, dim=1)},
            {"stack": lambda states, first: torch.cat(states, dim=0)},
        ],
        "the states are in reversed order: the first step first.": {"stack": lambda states, first: torch.stack(states[::-1], dim=1)},
        "append the new state, not the old: your states are one step late.": {"stack": lambda states, first: torch.stack([first, *states[:-1]], dim=1)},
        "the state at the start is no result: one state per step.": {"stack": lambda states, first: torch.stack([first, *states], dim=1)},
        "the second result is the state at the start: the last is wanted.": {"last": lambda states, first, stacked: first},
        "the second result is the state of the first step: the last is wanted.": {"last": lambda states, first, stacked: states[0]},
        "the second result is the state before the last step: the last is wanted.": {"last": lambda states, first, stacked: [first, *states][-2]},
        "the second result is the last sequence of the batch: of (B, T, C) take [:, -1].": {"last": lambda states, first, stacked: stacked[-1]},
        "the last state is (B, C): leave the extra axis away.": [
            {"last": lambda states, first, stacked: states[-1][None]},
            {"last": lambda states, first, stacked: states[-1][:, None]},
        ],
        "return two things: all states, and the last one.": {"end": lambda stacked, last: stacked},
        "this is the last state only: return all states, and the last one.": {"end": lambda stacked, last: last},
        "the two results are swapped: all states first, then the last.": {"end": lambda stacked, last: (last, stacked)},
    },
)
def unroll(
    x,
    h,
    W_x,
    W_h,
    b,
    *,
    steps=lambda x: x.unbind(1),
    start=lambda h: h,
    step=_step,
    carry=lambda new, old, first: new,
    stack=_stacked,
    last=lambda states, first, stacked: states[-1],
    end=lambda stacked, last: (stacked, last),
):
    """The states after every step (B, T, C), and the last one (B, C)."""
    state, states = start(h), []
    for one in steps(x):
        states.append(step(one, state, W_x, W_h, b))
        state = carry(states[-1], state, h)
    stacked = stack(states, h)
    return end(stacked, last(states, h, stacked))


SCENES = {  # where the marks are, and after how many characters we look
    "before any mark": ((), 20),
    "at the first mark": ((3,), 4),
    "1 character after the first mark": ((3,), 5),
    "100 characters after the first mark": ((3,), 104),
    "at the second mark": ((3, 13), 14),
    "1 character after the second mark": ((3, 13), 15),
    "100 characters after the second mark": ((3, 13), 114),
    "after three marks": ((3, 13, 23), 40),
    "after two marks in a row": ((3, 4), 20),
    "after 25 marks": (tuple(range(5, 255, 10)), 280),
}


def _read_marks(answer):
    """What is compared of a network that reads marks: in each scene, whether it says that the text is inside."""

    def said():
        weights = answer()
        if not isinstance(weights, tuple | list) or len(weights) != 5:
            raise Mistake("five things are expected: W_x, W_h, b, w, c.")
        W_x, W_h, b, w, c = (torch.as_tensor(part, dtype=torch.float64) for part in weights)
        units = len(b) if b.ndim == 1 else 0
        if not 1 <= units <= 4:
            raise Mistake(f"b holds a number for each unit, two of them (four at most), but yours has shape {tuple(b.shape)}.")
        for name, part, shape in (("W_x", W_x, (units, 1)), ("W_h", W_h, (units, units)), ("w", w, (units,))):
            if part.shape != shape:
                raise Mistake(f"with {units} units, {name} has shape {shape}, but yours has {tuple(part.shape)}.")
        return [f"{name}: {_side(marks, steps, (W_x, W_h, b, w, c))}" for name, (marks, steps) in SCENES.items()]

    return said


def _side(marks, steps, weights):
    """Inside or outside, where the network has read so many characters with marks at these places."""
    W_x, W_h, b, w, c = weights
    h = torch.zeros_like(b)
    for place in range(steps):
        h = torch.tanh(W_x[:, 0] * (place in marks) + W_h @ h + b)
    return "inside" if (w @ h + c).item() > 0 else "outside"


def _two_thresholds(size=5.0, coding=0.5, lows=(-0.5, -1.5), w=(1.0, -1.0), c=-1.0):
    row = [size * coding, -size * coding]
    return [[size], [size]], [row, row], [size * low for low in lows], list(w), c


@exercise(
    kind="design",
    through=_read_marks,
    praise="two units count the marks modulo 2, however long the text is.",
    cases=lambda seed: [()],
    wrong={
        "this is a switch that only turns on: what a mark does must depend on the state.": {
            "weights": ([[4.0], [4.0]], [[2.0, 0.0], [0.0, 2.0]], [0.0, 0.0], [1.0, 1.0], -0.5)
        },
        "the network says `outside` from beginning to end: a mark must change one unit and not the other, and the readout must see it.": [
            {"weights": ([[0.0], [0.0]], [[0.0, 0.0], [0.0, 0.0]], [0.0, 0.0], [1.0, -1.0], -1.0)},
            {"weights": _two_thresholds(c=-3.0)},
            {"weights": _two_thresholds(lows=(-0.5, -0.5))},
        ],
        "the network says `inside` from beginning to end: look at the sign of c, and at the state before any mark.": {"weights": _two_thresholds(c=3.0)},
        "right at a mark, and forgotten one step later: W_h must hold the state. (Two tanh units differ by 0 or 2, not by 0 or 1.)": [
            {"weights": ([[5.0], [5.0]], [[0.0, 0.0], [0.0, 0.0]], [-2.5, -7.5], [1.0, -1.0], -1.0)},
            {"weights": _two_thresholds(coding=1.0)},
        ],
        "the state fades: only with large enough weights is it held at a fixed point.": [
            {"weights": _two_thresholds(size=size, c=c)} for size, c in ((1.25, -0.8), (2.0, -1.2), (2.25, -1.0))
        ],
        "inside and outside are exchanged: turn the signs of w and c.": {"weights": _two_thresholds(w=(-1.0, 1.0), c=1.0)},
    },
)
def one_mark(*, weights=None):
    """W_x, W_h and b of tanh units that read marks, and w and c of the readout."""
    return weights or _two_thresholds()


def _sequence(seed, T, C):
    states, W_h, last = _random(seed + T, (T + 1, C), (C, C), (C,))
    return states.tanh(), W_h, last


@exercise(
    praise="one outer product per step, added up.",
    cases=lambda seed: [
        (torch.tensor([[0.5, 0.0], [0.0, -0.5]]), torch.tensor([[1.0, 2.0], [0.0, 1.0]]), torch.tensor([1.0, 2.0])),
        _sequence(seed, 3, 2),
        _sequence(seed, 5, 4),
        _sequence(seed, 2, 3),
        case(*_sequence(seed, 1, 3), edge="a sequence of one step"),
    ],
    wrong={
        "this is the share of the last step alone: W_h was used at every step. Go on back.": {"steps": lambda T: [T]},
        "the last step is missing: begin at step T.": {"steps": lambda T: range(T - 1, 0, -1)},
        "the first step is missing: there W_h met h_0. Go down to t = 1.": {"steps": lambda T: range(T, 1, -1)},
        "one step too many: nothing comes before h_0, so end with t = 1.": {"steps": lambda T: range(T, -1, -1)},
        "you go forward through time: begin with the last step, where the gradient is given.": {"steps": lambda T: range(1, T + 1)},
        "you keep the share of one step only: add up the shares of all steps.": {"add": lambda result, share: share},
        "this is the mean over the steps: the sum is wanted.": {"end": lambda result, g, T: result / T},
        "the sign is reversed: add each share.": {"add": lambda result, share: result - share},
        "this is the gradient with respect to h_0: with respect to W_h, add up the outer products.": {"end": lambda result, g, T: g},
        "on the way back the matrix is transposed: W_h.T @ delta.": {"back": lambda W, delta, g, last: W @ delta},
        "the gradient is not passed back: after each step g becomes W_h.T @ delta.": {"back": lambda W, delta, g, last: last},
        "W_h is missing on the way back: after each step g becomes W_h.T @ delta.": {"back": lambda W, delta, g, last: delta},
        "pass delta back, not g: the gradient goes through tanh first.": {"back": lambda W, delta, g, last: W.T @ g},
        "the old g stays when it goes back: g becomes W_h.T @ delta, it is not added.": {"back": lambda W, delta, g, last: g + W.T @ delta},
        "each step back starts with `last` again: g becomes W_h.T @ delta alone.": {"back": lambda W, delta, g, last: last + W.T @ delta},
        "the derivative of tanh is missing: times 1 - h_t ** 2.": {"slope": lambda h, t: 1},
        "the derivative of tanh is missing in the outer product: delta, not g.": {"share": lambda delta, h, g: torch.outer(g, h)},
        "the derivative of tanh is 1 - h_t ** 2: the square is missing.": {"slope": lambda h, t: 1 - h[t]},
        "the derivative of tanh is 1 - h_t ** 2: only h_t is squared.": {"slope": lambda h, t: (1 - h[t]) ** 2},
        "the derivative of tanh is 1 - h_t ** 2, with a minus.": {"slope": lambda h, t: 1 + h[t] ** 2},
        "this is the sigmoid's derivative, h (1 - h): tanh has 1 - h ** 2.": {"slope": lambda h, t: h[t] * (1 - h[t])},
        "the state is tanh of something already: the derivative is 1 - h_t ** 2.": {"slope": lambda h, t: 1 - h[t].tanh() ** 2},
        "this multiplies by h_t itself: the derivative of tanh is 1 - h_t ** 2.": {"slope": lambda h, t: h[t]},
        "the derivative belongs to the state that came out, h_t, not h_(t-1).": {"slope": lambda h, t: 1 - h[t - 1] ** 2},
        "W_h was multiplied with h_(t-1) at step t, not with h_t.": {"met": lambda h, t: h[t]},
        "each delta meets the state before its own step: outer(delta, h_(t-1)).": [
            {"met": lambda h, t: h[-2]},
            {"met": lambda h, t: h[0]},
        ],
        "this is transposed: a row is a unit that receives, so outer(delta, h_(t-1)).": {"share": lambda delta, h, g: torch.outer(h, delta)},
        "the share of a step is a table, outer(delta, h_(t-1)), not an elementwise product.": {"share": lambda delta, h, g: delta * h},
    },
)
def bptt(
    states,
    W_h,
    last,
    *,
    steps=lambda T: range(T, 0, -1),
    slope=lambda h, t: 1 - h[t] ** 2,
    met=lambda h, t: h[t - 1],
    share=lambda delta, h, g: torch.outer(delta, h),
    add=lambda result, share: result + share,
    back=lambda W, delta, g, last: W.T @ delta,
    end=lambda result, g, T: result,
):
    """dL/dW_h, where states (T + 1, C) are h_0 ... h_T and last (C) is dL/dh_T."""
    result, g, T = torch.zeros_like(W_h), last, len(states) - 1
    for t in steps(T):
        delta = g * slope(states, t)
        result = add(result, share(delta, met(states, t), g))
        g = back(W_h, delta, g, last)
    return end(result, g, T)


def _with_reach(function):
    """What a function returns, and how much each of its states depends on the input of each step, by autograd."""

    @functools.wraps(function)
    def probed(x, *rest):
        x = x.clone().requires_grad_()
        states = function(x, *rest)
        if states is None or states is ...:
            return states
        if isinstance(states, tuple):
            raise Mistake("return the states after every step alone, (B, T, C), not the last one as well.")
        if not isinstance(states, Tensor):
            raise Mistake("one tensor of all states is expected, (B, T, C), through which gradients flow.")
        if states.ndim != 3:
            raise Mistake(f"the states of all steps are expected, (B, T, C), but yours have shape {tuple(states.shape)}.")
        reach = torch.zeros(states.shape[1], x.shape[1])
        for t in range(states.shape[1] if states.requires_grad else 0):
            [slopes] = torch.autograd.grad(states[:, t].sum(), x, retain_graph=True, materialize_grads=True)
            reach[t] = slopes.abs().sum((0, 2))
        return states, reach

    return probed


def _restarted(x, h, W_x, W_h, b, k):
    start, states = h, []
    for t in range(x.shape[1]):
        if t % k == 0:
            h = start
        h = _step(x[:, t], h, W_x, W_h, b)
        if (t + 1) % k == 0:
            h = h.detach()
        states.append(h)
    return torch.stack(states, dim=1)


@exercise(
    kind="debug",
    found=_restarted,
    praise="the values of the whole sequence, the gradients of each window.",
    cases=lambda seed: [
        (*_layer(seed + 1, 1, 1, 1, 4), 2),
        (*_layer(seed + 2, 2, 3, 4, 9), 3),
        (*_layer(seed + 3, 3, 2, 5, 8), 4),
        case(*_layer(seed + 4, 1, 3, 4, 7), 4, edge="a last window that is shorter"),
        case(*_layer(seed + 5, 3, 3, 4, 5), 2, edge="a last window that is shorter"),
        case(*_layer(seed + 6, 2, 3, 4, 4), 6, edge="a window longer than the sequence"),
        case(*_layer(seed + 7, 2, 3, 4, 3), 1, edge="windows of one step"),
    ],
    through=_with_reach,
    wrong={
        "the states are right, but no gradient is cut: h.detach() where a window begins.": {"cut": lambda t, k, T: False},
        "you cut before every step: only where a window begins, t % k == 0.": {"cut": lambda t, k, T: True},
        "you cut everywhere but where a window begins: the condition is t % k == 0.": {"cut": lambda t, k, T: t % k != 0},
        "you cut one step early: at t = k, 2k, ..., before the step is taken.": [
            {"cut": lambda t, k, T: t % k == k - 1},
            {"cut": lambda t, k, T: t and t % k == k - 1},
        ],
        "you cut one step late: at t = k, 2k, ..., before the step is taken.": {"cut": lambda t, k, T: t % k == 1},
        "your windows are one step too long: cut where t % k == 0.": {"cut": lambda t, k, T: t % (k + 1) == 0},
        "your windows are one step too short: cut where t % k == 0.": {"cut": lambda t, k, T: k > 1 and t % (k - 1) == 0},
        "you cut once: every window begins with a cut, t % k == 0.": {"cut": lambda t, k, T: t == k},
        "you count the windows from the end: the first one begins at step 0, and only the last may be shorter.": {"cut": lambda t, k, T: (T - t) % k == 0},
        "you cut once, k steps before the end: every window begins with a cut, t % k == 0.": {"cut": lambda t, k, T: t == T - k},
        "k is a number of steps, not of windows: cut where t % k == 0.": {"cut": lambda t, k, T: t % -(-T // k) == 0},
        "a window must go on from the last state: detach it, no zeros.": [
            {"forget": lambda h, first: torch.zeros_like(h), "cut": lambda t, k, T: t and t % k == 0},
            {"forget": lambda h, first: torch.zeros_like(h)},
        ],
        "a window must go on from the last state: yours start from the given h again.": {"forget": lambda h, first: first.detach()},
        "the first window must start from the given h, not from zeros.": {"forget": lambda h, first: torch.zeros_like(h) if h is first else h.detach()},
        "no gradient is left at all: detach the state that you carry on, not what you return.": {"keep": lambda h, t, k: h.detach()},
        "the last state of a window has no gradient: detach the state that you carry on, not what you return.": {
            "keep": lambda h, t, k: h.detach() if t % k == k - 1 else h
        },
        "the first state of a window has no gradient: detach the state before the step, not after it.": {
            "keep": lambda h, t, k: h.detach() if t % k == 0 else h
        },
        "the last, shorter window is missing: all T states are wanted.": {
            "end": lambda states, k: torch.stack(states[: len(states) // k * k or len(states)], dim=1)
        },
        "only the last state of each window is there: all T states are wanted.": {
            "end": lambda states, k: torch.stack(states[k - 1 :: k] or states[-1:], dim=1)
        },
        "the states lie as (T, B, C): stack them along dim=1.": {"end": lambda states, k: torch.stack(states)},
        "tanh is missing in each step.": {"step": lambda x, h, W_x, W_h, b: x @ W_x.T + h @ W_h.T + b},
    },
)
def truncated(
    x,
    h,
    W_x,
    W_h,
    b,
    k,
    *,
    cut=lambda t, k, T: t % k == 0,
    forget=lambda h, first: h.detach(),
    step=_step,
    keep=lambda h, t, k: h,
    end=lambda states, k: torch.stack(states, dim=1),
):
    """All states (B, T, C); gradients reach back to the first step of the window, no further."""
    state, states = h, []
    for t in range(x.shape[1]):
        if cut(t, k, x.shape[1]):
            state = forget(state, h)
        state = step(x[:, t], state, W_x, W_h, b)
        states.append(keep(state, t, k))
    return end(states, k)


SHORTER = {"longest_gap": 10, "batch_size": 32, "learning_rate": 0.01, "start": "random"}
_RANGES = {"longest_gap": (1, 80), "batch_size": (4, 256)}


def _means():
    """Each stored choice that changes one thing, with its mean over the seeds: two changes would tell the answer."""
    scores = {}
    for row in files.load_results("memory_budget")["rows"]:
        changes = [f"{name} {row[name]}" for name, value in memory_budget.CHOICE.items() if row[name] != value]
        if len(changes) <= 1:
            scores.setdefault(*changes or ["the usual choice"], []).append(row["accuracy"][0])
    return [(name, float(np.mean(values))) for name, values in scores.items()]


@experiment(
    goal=0.95,
    unit="of the answers after 80 symbols are right, mean of three seeds",
    stored=_means,
    advice={
        "longer gaps in training: what lasts three steps need not last 80.": lambda choice: choice["longest_gap"] < 4,
        "shorter gaps in training: the budget pays for more batches, and the gradient has a shorter way.": lambda choice: choice["longest_gap"] > 25,
        "a smaller batch: the budget pays for more steps.": lambda choice: choice["batch_size"] > 64,
        "a lower rate: the network unlearns between one batch and the next.": lambda choice: choice["learning_rate"] > 0.05,
        "a higher rate: there are too few steps to be careful.": lambda choice: choice["learning_rate"] < 0.003,
        "gaps between 5 and 15, a rate near 0.01, or another start.": lambda choice: True,
    },
    wrong={
        "shorter gaps in training": lambda: dict(memory_budget.CHOICE),
        "longer gaps in training": lambda: SHORTER | {"longest_gap": 2},
        "a smaller batch": lambda: SHORTER | {"batch_size": 256},
        "a lower rate": lambda: SHORTER | {"learning_rate": 0.5},
        "a higher rate": lambda: SHORTER | {"learning_rate": 0.0005},
        "gaps between 5 and 15": lambda: SHORTER | {"longest_gap": 20},
        "longest_gap is a whole number from 1 to 80, but yours is 100.": lambda: SHORTER | {"longest_gap": 100},
        "learning_rate is a number above 0 and at most 1, but yours is 2.": lambda: SHORTER | {"learning_rate": 2},
        "start is one of random, orthogonal, identity, but yours is 'zeros'.": lambda: SHORTER | {"start": "zeros"},
        "that would take 8,000 steps, and 2,000 is the most: a larger batch, or longer gaps.": lambda: SHORTER | {"longest_gap": 1, "batch_size": 4},
        "a dictionary with longest_gap, batch_size, learning_rate, start": lambda: {"longest_gap": 10},
    },
    lower_is_better=False,
)
def recalls(choice, seed):
    """The share of right answers after 80 symbols of RNNs that were trained so, mean of three fixed seeds."""
    demand_names(choice, SHORTER)
    demand_whole_numbers(choice, _RANGES)
    demand_learning_rate(choice)
    if choice["start"] not in memory_budget.STARTS:
        raise Mistake(f"start is one of {', '.join(memory_budget.STARTS)}, but yours is {choice['start']!r}.")
    count = memory_budget.steps(choice["longest_gap"], choice["batch_size"])
    if count > 2_000:
        raise Mistake(f"that would take {count:,} steps, and 2,000 is the most: a larger batch, or longer gaps.")
    return float(np.mean([memory_budget.score(number, **choice)[0] for number in memory_budget.SEEDS]))
