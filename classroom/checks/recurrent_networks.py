"""Exercises of the notebook recurrent_networks."""

import functools

import torch
from torch import Generator, Tensor

from classroom.answers import Mistake
from classroom.exercise import case, exercise

__all__ = ["bptt", "clip_by_norm", "rnn_step", "truncated", "unroll", "with_radius"]


def _random(seed, *shapes):
    generator = Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator) for shape in shapes]


def _layer(seed, B, inputs, hidden, *time):
    """x, h, W_x, W_h and b."""
    return tuple(_random(seed, (B, *time, inputs), (B, hidden), (hidden, inputs), (hidden, hidden), (hidden,)))


def _step(x, h, W_x, W_h, b):
    return torch.tanh(x @ W_x.T + h @ W_h.T + b)


EXAMPLE = [torch.tensor(table) for table in ([[1.0]], [[0.5, -0.5]], [[1.0], [0.0]], [[0.0, 0.0], [1.0, 0.0]])]


@exercise(
    praise="the second unit of the example holds what the first one held a step ago.",
    cases=lambda seed: [
        (*EXAMPLE, torch.zeros(2)),
        _layer(seed, 7, 3, 5),
        _layer(seed + 1, 4, 7, 2),
        case(*_layer(seed + 2, 1, 3, 5), edge="a batch of one"),
    ],
    wrong={
        "the sum is right, and tanh of it is still missing.": {"bend": lambda total: total},
        "this is the sigmoid of the sum: tanh is wanted.": {"bend": torch.sigmoid},
        "this is the ReLU of the sum: tanh is wanted.": {"bend": torch.relu},
        "this is the softmax of the sum: tanh is wanted, for each unit on its own.": {"bend": lambda total: total.softmax(-1)},
        "the sum is cut off at -1 and 1: tanh is wanted.": {"bend": lambda total: total.clamp(-1, 1)},
        "this is tan or sinh: the hyperbolic tangent, torch.tanh, is wanted.": [
            {"bend": torch.tan},
            {"bend": torch.sinh},
        ],
        "tanh is taken twice.": {"bend": lambda total: total.tanh().tanh()},
        "tanh belongs around the sum, not around x and h before the matrices.": [
            {
                "from_x": lambda x, W_x: x.tanh() @ W_x.T,
                "from_h": lambda h, W_h: h.tanh() @ W_h.T,
                "bend": lambda total: total,
            },
            {"from_h": lambda h, W_h: h.tanh() @ W_h.T, "bend": lambda total: total},
            {"from_h": lambda h, W_h: h.tanh() @ W_h.T},
        ],
        "W_h must be transposed, as W_x is: h @ W_h.T.": {"from_h": lambda h, W_h: h @ W_h},
        "the bias b is missing.": {"bias": lambda b: 0},
        "the bias b is added twice.": {"bias": lambda b: 2 * b},
        "the bias b is subtracted: add it.": {"bias": lambda b: -b},
        "the old state h is missing: nothing is remembered.": {"from_h": lambda h, W_h: 0},
        "the input x is missing.": {"from_x": lambda x, W_x: 0},
        "the product with W_h is missing: each unit must see all units of the old state.": {"from_h": lambda h, W_h: h},
        "every unit sees all units of h: a matrix product, h @ W_h.T, not an elementwise one.": [
            {"from_h": lambda h, W_h: h * W_h.diagonal()},
            {"from_h": lambda h, W_h: h * W_h.sum(1)},
        ],
        "every row has a state of its own: you use the first row's for all.": {"from_h": lambda h, W_h: h[:1] @ W_h.T},
        "the two products are subtracted: add them.": {"from_h": lambda h, W_h: -h @ W_h.T},
        "the two products are multiplied: add them.": lambda x, h, W_x, W_h, b: torch.tanh((x @ W_x.T) * (h @ W_h.T) + b),
        "the old state is added once more outside tanh.": {"end": lambda new, h: new + h},
        "the new state is mixed with the old one: the new one alone is wanted.": {"end": lambda new, h: (new + h) / 2},
        "the result is transposed: one row for each example, (B, C).": {"end": lambda new, h: new.T},
        "add first, then one tanh of the whole sum.": [
            lambda x, h, W_x, W_h, b: torch.tanh(x @ W_x.T) + torch.tanh(h @ W_h.T + b),
            lambda x, h, W_x, W_h, b: torch.tanh(x @ W_x.T + b) + torch.tanh(h @ W_h.T),
            lambda x, h, W_x, W_h, b: torch.tanh(x @ W_x.T) + torch.tanh(h @ W_h.T) + b,
        ],
        "tanh covers only a part: take it of the whole sum.": [
            lambda x, h, W_x, W_h, b: x @ W_x.T + torch.tanh(h @ W_h.T + b),
            lambda x, h, W_x, W_h, b: x @ W_x.T + torch.tanh(h @ W_h.T) + b,
            lambda x, h, W_x, W_h, b: torch.tanh(x @ W_x.T) + h @ W_h.T + b,
            lambda x, h, W_x, W_h, b: torch.tanh(x @ W_x.T + b) + h @ W_h.T,
        ],
        "the bias b belongs inside tanh.": lambda x, h, W_x, W_h, b: _step(x, h, W_x, W_h, 0) + b,
    },
)
def rnn_step(
    x,
    h,
    W_x,
    W_h,
    b,
    *,
    from_x=lambda x, W_x: x @ W_x.T,
    from_h=lambda h, W_h: h @ W_h.T,
    bias=lambda b: b,
    bend=torch.tanh,
    end=lambda new, h: new,
):
    """The new states (B, C) of a batch: tanh(W_x x + W_h h + b) for every row."""
    return end(bend(from_x(x, W_x) + from_h(h, W_h) + bias(b)), h)


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


_values = torch.linalg.eigvals


def _largest_value(W):
    return max(_values(W), key=abs)


def _radius(W):
    return _values(W).abs().max()


TURN = torch.tensor([[1.2, 0.0, 0.0], [0.0, 0.0, -2.0], [0.0, 2.0, 0.5]])


def _mixed(seed):
    mix = _random(seed, (3, 3))[0].triu(1) + torch.eye(3)
    return mix @ TURN @ torch.linalg.inv(mix)


@exercise(
    praise="the largest absolute eigenvalue is the number asked for.",
    cases=lambda seed: [
        (torch.tensor([[2.0, 3.0], [0.0, 1.0]]), 0.5),
        *((matrix, radius) for matrix, radius in zip(_random(seed, (7, 7), (5, 5)), (1.1, 0.7), strict=True)),
        case(torch.tensor([[-1.0, 1.0, 0.0], [0.0, 0.5, 4.0], [0.0, 0.0, -3.0]]), 1.5, edge="negative eigenvalues"),
        case(torch.tensor([[0.5, -2.0], [2.0, 0.5]]), 0.9, edge="complex eigenvalues"),
        case(torch.tensor([[0.4, 0.1], [0.3, -0.2]]), 1.2, edge="a matrix whose radius must grow"),
        case(_mixed(seed), 0.9, edge="complex eigenvalues"),
    ],
    wrong={
        "this sets the largest singular value: take the eigenvalues.": [
            {"size": lambda W: torch.linalg.matrix_norm(W, 2)},
            {"size": lambda W: torch.linalg.matrix_norm(W, 2) ** 2},
        ],
        "this sets the Frobenius norm: take the largest absolute eigenvalue.": {"size": torch.linalg.norm},
        "this sets the largest sum of a row or column: take the largest absolute eigenvalue.": [
            {"size": lambda W: torch.linalg.matrix_norm(W, torch.inf)},
            {"size": lambda W: torch.linalg.matrix_norm(W, 1)},
        ],
        "this is the largest real part: take absolute values first.": {"size": lambda W: _values(W).real.max()},
        "this looks at real parts only: .abs() of the complex eigenvalue.": {"size": lambda W: _values(W).real.abs().max()},
        "this is the largest eigenvalue with its sign, or a complex number: its absolute value is wanted.": [
            {"size": lambda W: _largest_value(W)},
            {"size": lambda W: _largest_value(W).real},
            {"size": lambda W: 1 / (1 / _largest_value(W)).real},
        ],
        "this is the first eigenvalue, not the largest: they are not sorted.": {"size": lambda W: _values(W)[0].abs()},
        "this is the last eigenvalue, not the largest: they are not sorted.": {"size": lambda W: _values(W)[-1].abs()},
        "this is the smallest absolute eigenvalue: the largest is wanted.": {"size": lambda W: _values(W).abs().min()},
        "you take all eigenvalues together: the largest alone is wanted.": [
            {"size": lambda W: _values(W).abs().sum()},
            {"size": lambda W: _values(W).abs().mean()},
            {"size": lambda W: _values(W).abs().norm()},
        ],
        "this is the determinant or the trace: take the largest absolute eigenvalue.": [
            {"size": lambda W: torch.linalg.det(W).abs()},
            {"size": torch.linalg.det},
            {"size": torch.trace},
            {"size": lambda W: torch.trace(W).abs()},
        ],
        "eigvalsh is for symmetric matrices: take eigvals.": {"size": lambda W: torch.linalg.eigvalsh(W).abs().max()},
        "this sets the largest entry: take the largest absolute eigenvalue.": [
            {"size": lambda W: W.abs().max()},
            {"size": lambda W: W.max()},
            {"size": lambda W: W.diagonal().abs().max()},
        ],
        "divide by the radius that W has now: it is not 1.": {"factor": lambda radius, now: radius},
        "this has radius 1: multiply by the radius that is wanted.": {"factor": lambda radius, now: 1 / now},
        "the factor is upside down: radius / (the radius of W now).": {"factor": lambda radius, now: now / radius},
        "you multiply by the radius of W now: divide by it.": {"factor": lambda radius, now: radius * now},
        "the factor needs no root and no square: if W is doubled, so are its eigenvalues.": [
            {"factor": lambda radius, now: (radius / now) ** 0.5},
            {"factor": lambda radius, now: (radius / now) ** 2},
        ],
        "multiply W by a number: adding one moves the eigenvalues in another way.": [
            {"end": lambda W, factor: W + factor},
            {"end": lambda W, factor: W + factor * torch.eye(len(W))},
        ],
        "this is the factor: multiply W by it.": {"end": lambda W, factor: factor},
        "scale W in both cases, where its radius is too large and where it is too small.": [
            {"factor": lambda radius, now: (radius / now).clamp(max=1)},
            {"factor": lambda radius, now: (radius / now).clamp(min=1)},
        ],
    },
)
def with_radius(W, radius, *, size=_radius, factor=lambda radius, now: radius / now, end=lambda W, factor: W * factor):
    """W times a number, so that its largest absolute eigenvalue is the radius."""
    return end(W, factor(radius, size(W)))


def _all(gradients):
    return torch.cat([g.flatten() for g in gradients])


def _common(gradients):
    return _all(gradients).norm()


def _limited(largest, norm):
    return largest / norm if norm > largest else 1.0


def _on_its_own(gradients, largest):
    return [g * _limited(largest, g.norm()) for g in gradients]


def _only_long_ones(gradients, largest):
    return [g * _limited(largest, _common(gradients)) if g.norm() > largest else g for g in gradients]


@exercise(
    praise="3 and 4 have the norm 5 together, and become 0.6 and 0.8.",
    cases=lambda seed: [
        ([torch.tensor([3.0, 0.0]), torch.tensor([[4.0]])], 1.0),
        ([2 * part for part in _random(seed, (3, 5), (5,), (2, 2, 2))], 2.0),
        ([2 * part for part in _random(seed + 1, (7, 3), (2,))], 3.0),
        ([torch.tensor([1.5]), torch.tensor([[-2.0]])], 2.0),
        case([torch.tensor([1.2]), torch.tensor([1.6])], 3.0, edge="a norm below `largest`"),
        case([torch.tensor([0.9, -0.9]), torch.tensor([0.8])], 1.0, edge="numbers that are all below `largest`"),
        case([torch.tensor([0.3, -0.2]), torch.tensor([[0.1]])], 2.0, edge="a norm below `largest`"),
        case(_random(seed, (3, 5), (5,), (2, 2, 2)), 100.0, edge="a norm below `largest`"),
        case([torch.tensor([[6.0, -8.0]])], 2.0, edge="a single tensor"),
        case([torch.zeros(3), torch.zeros(2)], 1.0, edge="gradients that are all 0"),
    ],
    wrong={
        "each tensor is clipped alone, which turns the direction: one norm for all together.": _on_its_own,
        "only the tensors that are long themselves are scaled: one factor for all of them.": _only_long_ones,
        "each number is cut off on its own: scale all of them by one factor.": [
            lambda gradients, largest: [g.clamp(-largest, largest) for g in gradients],
            lambda gradients, largest: [g.clamp(max=largest) for g in gradients],
        ],
        "a gradient that is short enough must stay as it is: scale only where the norm exceeds `largest`.": [
            {"factor": lambda largest, norm: largest / norm},
            {"factor": lambda largest, norm: largest / (norm + 1e-6)},
            {"factor": lambda largest, norm: largest / norm if norm else 1.0},
        ],
        "the comparison points the wrong way: scale where the norm exceeds `largest`.": {
            "factor": lambda largest, norm: largest / norm if norm < largest else 1.0
        },
        "right, except where all gradients are 0: ask first whether the norm exceeds the limit, then divide.": {
            "factor": lambda largest, norm: (largest / norm if norm > largest else 1.0) if norm else torch.nan
        },
        "the root is missing: the norm is the root of the sum of all squares.": {"norm": lambda gradients: _all(gradients).square().sum()},
        "this is the sum of absolute values: take the root of the sum of squares.": {"norm": lambda gradients: _all(gradients).abs().sum()},
        "this is the sum of all numbers: take the root of the sum of squares.": [
            {"norm": lambda gradients: _all(gradients).sum()},
            {"norm": lambda gradients: _all(gradients).sum().abs()},
        ],
        "this is the largest number: take the root of the sum of squares.": [
            {"norm": lambda gradients: _all(gradients).abs().max()},
            {"norm": lambda gradients: _all(gradients).max()},
        ],
        "you take the mean of the squares: a norm is the root of their sum.": {"norm": lambda gradients: _all(gradients).square().mean().sqrt()},
        "norms do not add up, squares do: the root of the sum of all squares.": {"norm": lambda gradients: sum(g.norm() for g in gradients)},
        "this is the mean of the norms: squares add up, so take the root of the sum of all squares.": {
            "norm": lambda gradients: sum(g.norm() for g in gradients) / len(gradients)
        },
        "this is the largest of the norms: take the root of the sum of all squares.": {"norm": lambda gradients: max(g.norm() for g in gradients)},
        "this is the norm of one tensor alone: all numbers of all tensors count.": [
            {"norm": lambda gradients: gradients[0].norm()},
            {"norm": lambda gradients: gradients[-1].norm()},
        ],
        "nothing is clipped: where the norm exceeds `largest`, scale all down.": {"factor": lambda largest, norm: 1.0},
        "a long gradient becomes 0: scale it to the limit.": {"factor": lambda largest, norm: float(norm <= largest)},
        "the factor is upside down: largest / norm.": {"factor": lambda largest, norm: norm / largest if norm > largest else 1.0},
        "the norm becomes 1: it should become `largest`, so the factor is largest / norm.": {
            "factor": lambda largest, norm: 1 / norm if norm > largest else 1.0
        },
        "you multiply by `largest` without dividing by the norm: the factor is largest / norm.": {
            "factor": lambda largest, norm: largest if norm > largest else 1.0
        },
        "the factor is largest / norm, without a root or a square.": [
            {"factor": lambda largest, norm: (largest / norm) ** 0.5 if norm > largest else 1.0},
            {"factor": lambda largest, norm: (largest / norm) ** 2 if norm > largest else 1.0},
        ],
        "compare the norm with `largest`, not the squared norm, or the norm with its square.": [
            {"factor": lambda largest, norm: largest / norm if norm > largest**2 else 1.0},
            {"factor": lambda largest, norm: largest / norm if norm**2 > largest else 1.0},
        ],
        "subtracting the excess changes the direction: multiply all by one factor.": lambda gradients, largest: [
            g - (_common(gradients) - largest).clamp(min=0) for g in gradients
        ],
        "return a list with a tensor for each given one, not one long tensor.": {"end": lambda clipped: _all(clipped)},
        "return the list of tensors, not their norm.": {"end": _common},
    },
)
def clip_by_norm(gradients, largest, *, norm=_common, factor=_limited, end=lambda clipped: clipped):
    """All tensors times one number, so that their common norm is at most `largest`."""
    scale = factor(largest, norm(gradients))
    return end([g * scale for g in gradients])


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


@exercise(
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
