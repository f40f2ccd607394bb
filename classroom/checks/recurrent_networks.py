"""Checks of the notebook recurrent_networks."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Generator, Tensor

from classroom.checks import Mistake, compare, exercise

__all__ = ["bptt", "clip_by_norm", "rnn_step", "truncated", "unroll", "with_radius"]


def _random(seed: int, *shapes: tuple[int, ...]) -> list[Tensor]:
    generator = Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator) for shape in shapes]


def _layer(seed: int, B: int, inputs: int, hidden: int, *time: int) -> tuple[Tensor, ...]:
    """x, h, W_x, W_h and b."""
    return tuple(_random(seed, (B, *time, inputs), (B, hidden), (hidden, inputs), (hidden, hidden), (hidden,)))


def _step(x: Tensor, h: Tensor, W_x: Tensor, W_h: Tensor, b: Tensor) -> Tensor:
    return torch.tanh(x @ W_x.T + h @ W_h.T + b)


def _detached(answer: Any) -> Any:
    """The answer with gradients taken off its results, and a list of results made a tuple."""
    if not callable(answer):
        return answer

    def plain(*inputs: Any) -> Any:
        result = answer(*inputs)
        if isinstance(result, list | tuple):
            return tuple(part.detach() if isinstance(part, Tensor) else part for part in result)
        return result.detach() if isinstance(result, Tensor) else result

    return plain


@exercise
def rnn_step(answer: Any, seed: int) -> str:
    """rnn_step(x, h, W_x, W_h, b): tanh(W_x x + W_h h + b) for every row of a batch."""

    def bent(bend: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
        return lambda x, h, W_x, W_h, b: bend(x @ W_x.T + h @ W_h.T + b)

    def apart(x: Tensor, h: Tensor, W_x: Tensor, W_h: Tensor, b: Tensor) -> Tensor:
        return torch.tanh(x @ W_x.T) + torch.tanh(h @ W_h.T + b)

    mistakes = [
        (bent(lambda total: total), "the sum is right, and tanh of it is still to come."),
        (bent(torch.sigmoid), "this is the sigmoid of the sum: tanh is wanted."),
        (bent(torch.relu), "this is the ReLU of the sum: tanh is wanted."),
        (lambda x, h, W_x, W_h, b: _step(x, h, W_x, W_h.T, b), "W_h is turned round: h @ W_h.T, as for W_x."),
        (lambda x, h, W_x, W_h, b: _step(x, h, W_x, W_h, 0 * b), "the bias b is missing."),
        (lambda x, h, W_x, W_h, b: _step(x, h, W_x, W_h, 2 * b), "the bias b is added twice."),
        (lambda x, h, W_x, W_h, b: _step(x, 0 * h, W_x, W_h, b), "the old state h is missing: nothing is remembered."),
        (lambda x, h, W_x, W_h, b: _step(0 * x, h, W_x, W_h, b), "the input x is missing."),
        (lambda x, h, W_x, W_h, b: h + _step(x, h, W_x, W_h, b), "the old state is added once more outside tanh."),
        (apart, "add first, then one tanh of the whole sum."),
        (lambda x, h, W_x, W_h, b: x @ W_x.T + torch.tanh(h @ W_h.T + b), "tanh covers a part: take it of the sum."),
        (lambda x, h, W_x, W_h, b: torch.tanh(x @ W_x.T) + h @ W_h.T + b, "tanh covers a part: take it of the sum."),
        (lambda x, h, W_x, W_h, b: torch.tanh(x @ W_x.T + h @ W_h.T) + b, "b belongs inside tanh."),
        (lambda x, h, W_x, W_h, b: torch.tanh(x @ W_x.T + h * W_h.diagonal() + b), "every unit sees all units of h."),
    ]
    pencil = [torch.tensor(table) for table in ([[1.0]], [[0.5, -0.5]], [[1.0], [0.0]], [[0.0, 0.0], [1.0, 0.0]])]
    compare(_detached(answer), _step, [(*pencil, torch.zeros(2)), _layer(seed, 1, 3, 5), _layer(seed, 7, 3, 5)], mistakes)
    return "the second unit of the example holds what the first one held a step ago."


def _unroll(x: Tensor, h: Tensor, *weights: Tensor) -> tuple[Tensor, Tensor]:
    outputs = []
    for step in range(x.shape[1]):
        h = _step(x[:, step], h, *weights)
        outputs.append(h)
    return torch.stack(outputs, dim=1), h


@exercise
def unroll(answer: Any, seed: int) -> str:
    """unroll(x, h, W_x, W_h, b): all states (B, T, C), and the last one (B, C)."""

    def forgetful(x: Tensor, h: Tensor, *weights: Tensor) -> tuple[Tensor, Tensor]:
        states = _step(x, h[:, None], *weights)
        return states, states[:, -1]

    def along_the_batch(x: Tensor, h: Tensor, *weights: Tensor) -> tuple[Tensor, Tensor]:
        states = [h := _step(row, h, *weights) for row in x]
        return torch.stack(states), h

    def changed(change: Callable[..., Any]) -> Callable[..., Any]:
        return lambda x, h, *weights: change(*_unroll(x, h, *weights), h)

    def late(out: Tensor, last: Tensor, h: Tensor, end: int | None = -1) -> tuple[Tensor, Tensor]:
        return torch.cat([h[:, None], out[:, :end]], dim=1), last

    mistakes = [
        (forgetful, "every step starts from the first h: give each step the state of the step before it."),
        (along_the_batch, "you walk along the batch, the first axis: the steps are x[:, t]."),
        (changed(lambda out, last, h: (out.transpose(0, 1), last)), "the states lie as (T, B, C): stack along dim=1."),
        (changed(lambda out, last, h: out), "return two things: all states, and the last one."),
        (changed(lambda out, last, h: last), "this is the last state only: return all states, and the last one."),
        (changed(lambda out, last, h: (last, out)), "the two results are swapped: all states first, then the last."),
        (changed(lambda out, last, h: (out, h)), "the second result is the state at the start: the last is wanted."),
        (changed(lambda out, last, h: (out, out[:, 0])), "the second result is the state of the first step."),
        (changed(lambda out, last, h: (out, last[None])), "the last state is (B, C): leave the extra axis away."),
        (changed(lambda *all_: late(*all_, end=None)), "the state at the start is no result: one state a step."),
        (changed(late), "append the new state, not the old: your states are one step late."),
        (changed(lambda out, last, h: (out.flip(1), last)), "the states are in reversed order: the first step first."),
        (lambda x, h, *weights: _unroll(x.flip(1), h, *weights), "you read from the end: begin with x[:, 0]."),
        (lambda x, h, *weights: _unroll(x, 0 * h, *weights), "you begin with zeros: begin with the state h given."),
    ]

    cases = [_layer(seed + B, B, 3, 5, T) for B, T in ((1, 4), (2, 7), (7, 2), (4, 1))]
    compare(_detached(answer), _unroll, cases, mistakes)
    return "each state comes from the one before, and the weights are the same at every step."


@exercise
def bptt(answer: Any, seed: int) -> str:
    """bptt(states, W_h, last): dL/dW_h, where states are h_0 ... h_T and dL/dh_T = last."""

    def back(
        through: Callable[[Tensor], Tensor] = lambda W: W.T,
        slope: Callable[[Tensor, int], Tensor] = lambda h, t: 1 - h[t] ** 2,
        met: Callable[[Tensor, int], Tensor] = lambda h, t: h[t - 1],
        steps: Callable[[int], Sequence[int]] = lambda T: range(T, 0, -1),
        keep: int = 1,
    ) -> Callable[..., Tensor]:
        def gradient(states: Tensor, W_h: Tensor, last: Tensor) -> Tensor:
            result, g = torch.zeros_like(W_h), last
            for t in steps(len(states) - 1):
                delta = g * slope(states, t)
                result = keep * result + torch.outer(delta, met(states, t))
                g = through(W_h) @ delta
            return result

        return gradient

    right = back()
    mistakes = [
        (
            back(steps=lambda T: [T]),
            "this is the share of the last step alone: W_h was used at every step. Go on back.",
        ),
        (back(keep=0), "you keep the share of one step only: add up the shares of all steps."),
        (back(through=lambda W: W), "on the way back the matrix is turned round: W_h.T @ delta."),
        (back(slope=lambda h, t: torch.ones_like(h[t])), "the slope of tanh is missing: times 1 - h_t ** 2."),
        (back(slope=lambda h, t: 1 - h[t]), "the slope of tanh is 1 - h_t ** 2: the square is missing."),
        (back(slope=lambda h, t: h[t] * (1 - h[t])), "h (1 - h) is the sigmoid's slope: tanh has 1 - h ** 2."),
        (back(slope=lambda h, t: 1 - h[t].tanh() ** 2), "h_t is tanh of something already: its slope is 1 - h_t ** 2."),
        (back(slope=lambda h, t: 1 - h[t - 1] ** 2), "the slope belongs to the state that came out, h_t, not h_(t-1)."),
        (back(met=lambda h, t: h[t]), "W_h was multiplied with h_(t-1) at step t, not with h_t."),
        (back(met=lambda h, t: h[-2]), "each delta meets the state before its own step: outer(delta, h_(t-1))."),
        (back(steps=lambda T: range(T, 1, -1)), "the first step is missing: there W_h met h_0. Go down to t = 1."),
        (lambda h, W, last: right(h, W, last).T, "this is turned round: a row is a unit that receives, delta."),
        (lambda h, W, last: right(h, W, last) / (len(h) - 1), "this is the mean over the steps: the sum is wanted."),
    ]
    cases = []
    for T, C in ((1, 2), (3, 2), (5, 4)):
        states, W_h, last = _random(seed + T, (T + 1, C), (C, C), (C,))
        cases.append((states.tanh(), W_h, last))
    compare(_detached(answer), right, cases, mistakes)
    return "one outer product a step, added up."


@exercise
def with_radius(answer: Any, seed: int) -> str:
    """with_radius(W, radius): W times a number, so that its largest absolute eigenvalue is the radius."""

    def by(size: Callable[[Tensor], Tensor]) -> Callable[[Tensor, float], Tensor]:
        return lambda W, radius: W * (radius / size(W))

    values, now = torch.linalg.eigvals, lambda W: torch.linalg.eigvals(W).abs().max()
    mistakes = [
        (by(lambda W: torch.linalg.matrix_norm(W, 2)), "this sets the largest singular value: take eigenvalues."),
        (by(torch.linalg.norm), "this sets the Frobenius norm: take the largest absolute eigenvalue."),
        (by(lambda W: values(W).real.max()), "this is the largest real part: take absolute values first."),
        (by(lambda W: values(W).real.abs().max()), "this looks at real parts only: .abs() of the complex eigenvalue."),
        (by(lambda W: values(W)[0].abs()), "this is the first eigenvalue, not the largest: they are not sorted."),
        (by(lambda W: torch.linalg.eigvalsh(W).abs().max()), "eigvalsh is for symmetric matrices: take eigvals."),
        (by(lambda W: W.abs().max()), "this sets the largest entry: take the largest absolute eigenvalue."),
        (by(lambda W: W.new_ones(())), "divide by the radius that W has now: it is not 1."),
        (lambda W, radius: W / now(W), "this has radius 1: multiply by the radius that is wanted."),
        (lambda W, radius: W * (now(W) / radius), "the factor is turned round: radius / (the radius of W now)."),
        (lambda W, radius: radius / now(W), "this is the factor: multiply W by it."),
    ]
    turn = torch.tensor([[1.2, 0.0, 0.0], [0.0, 0.0, -2.0], [0.0, 2.0, 0.5]])
    mix = _random(seed, (3, 3))[0].triu(1) + torch.eye(3)
    cases = [(mix @ turn @ torch.linalg.inv(mix), 0.9), (torch.diag(torch.tensor([-1.0, 0.5, -3.0])), 1.5)]
    cases += [(matrix, 1.1) for matrix in _random(seed, (7, 7), (5, 5))]
    compare(answer, by(now), cases, mistakes)
    return "the largest eigenvalue has the length asked for."


@exercise
def clip_by_norm(answer: Any, seed: int) -> str:
    """clip_by_norm(gradients, largest): all tensors times one number, where their common norm exceeds `largest`."""

    def norm(gradients: Sequence[Tensor]) -> Tensor:
        return torch.cat([g.flatten() for g in gradients]).norm()

    def scaled(factor: Callable[[Any, float], Any]) -> Callable[..., list[Tensor]]:
        return lambda gradients, largest: [g * factor(gradients, largest) for g in gradients]

    def by(size: Callable[[Tensor], Tensor]) -> Callable[..., list[Tensor]]:
        def factor(gradients: Sequence[Tensor], largest: float) -> Tensor:
            return (largest / size(torch.cat([g.flatten() for g in gradients]))).clamp(max=1)

        return scaled(factor)

    def each(gradients: list[Tensor], largest: float) -> list[Tensor]:
        return [by(torch.Tensor.norm)([g], largest)[0] for g in gradients]

    def plainly(gradients: list[Tensor], largest: float) -> Any:
        given = [g.clone() for g in gradients]
        result = answer(given, largest)
        if not all(torch.equal(now, before) for now, before in zip(given, gradients, strict=True)):
            raise Mistake("your function changes the given tensors in place: return new ones, g * factor.")
        return list(result) if isinstance(result, tuple) or hasattr(result, "__next__") else result

    zero = "right, except where all gradients are 0: ask first whether the norm exceeds the limit, then divide."
    mistakes = [
        (each, "each tensor is clipped alone, which turns the direction: one norm for all together."),
        (lambda gs, largest: [g.clamp(-largest, largest) for g in gs], "each number is cut off on its own: scale all."),
        (scaled(lambda gs, largest: largest / norm(gs)), "a gradient that is short enough must stay: at most times 1."),
        (
            scaled(lambda gs, largest: largest / (norm(gs) + 1e-6)),
            "a gradient that is short enough must stay as it is.",
        ),
        (scaled(lambda gs, largest: min(1.0, largest / float(norm(gs)))), zero),
        (by(lambda g: g.square().sum()), "the root is missing: the norm is the root of the sum of all squares."),
        (by(lambda g: g.abs().sum()), "this is the sum of absolute values: take the root of the sum of squares."),
        (by(lambda g: g.abs().max()), "this is the largest number: take the root of the sum of squares."),
        (
            scaled(lambda gs, largest: (largest / sum(g.norm() for g in gs)).clamp(max=1)),
            "norms do not add up, squares do: the root of the sum of all squares.",
        ),
        (scaled(lambda gs, largest: 1.0), "nothing is clipped: where the norm exceeds `largest`, scale all down."),
        (scaled(lambda gs, largest: float(norm(gs) <= largest)), "a long gradient becomes 0: scale it to the limit."),
    ]
    drawn = [2 * part for part in _random(seed, (3, 5), (5,), (2, 2, 2))]
    cases = [([torch.tensor([3.0, 0.0]), torch.tensor([[4.0]])], 1.0), (drawn, 2.0), (drawn, 100.0)]
    cases += [([torch.zeros(3), torch.zeros(2)], 1.0)]
    compare(plainly if callable(answer) else answer, by(torch.Tensor.norm), cases, mistakes)
    return "3 and 4 have the norm 5 together, and become 0.6 and 0.8."


@exercise
def truncated(answer: Any, seed: int) -> str:
    """truncated(x, h, W_x, W_h, b, k): all states (B, T, C); gradients reach back to the window's first step only."""

    def walk(cut: Callable[[int, int], bool], forget: bool = False) -> Callable[..., Tensor]:
        def states(x: Tensor, h: Tensor, W_x: Tensor, W_h: Tensor, b: Tensor, k: int) -> Tensor:
            outputs = []
            for t in range(x.shape[1]):
                if cut(t, k):
                    h = torch.zeros_like(h) if forget else h.detach()
                h = _step(x[:, t], h, W_x, W_h, b)
                outputs.append(h)
            return torch.stack(outputs, dim=1)

        return states

    right = walk(lambda t, k: t % k == 0)
    mistakes = [
        (walk(lambda t, k: False), "the states are right, but no gradient is cut: h.detach() where a window begins."),
        (walk(lambda t, k: True), "you cut before every step: only where a window begins, t % k == 0."),
        (walk(lambda t, k: t % k == k - 1), "you cut one step early: at t = k, 2k, ..., before the step is taken."),
        (walk(lambda t, k: t % k == 1), "you cut one step late: at t = k, 2k, ..., before the step is taken."),
        (walk(lambda t, k: t % k == 0 and t > 0, True), "a window must go on from the last state: detach, no zeros."),
        (walk(lambda t, k: t == k), "you cut once: every window begins with a cut, t % k == 0."),
        (lambda *inputs: right(*inputs).detach(), "no gradient is left at all: detach the state, not what you return."),
        (lambda *inputs: right(*inputs).transpose(0, 1), "the states lie as (T, B, C): stack them along dim=1."),
    ]
    cases = [(*_layer(seed + k, B, 3, 4, T), k) for B, T, k in ((2, 9, 3), (1, 7, 4), (3, 5, 2), (2, 4, 6))]
    probed = [(_probe(wrong), words) for wrong, words in mistakes]
    compare(_probe(answer) if callable(answer) else answer, _probe(right), cases, probed)
    return "the values of the whole sequence, the gradients of each window."


def _probe(function: Callable[..., Any]) -> Callable[..., Any]:
    """What a function returns, and how much each of its states depends on the input of each step, by autograd."""

    def probed(x: Tensor, *rest: Any) -> Any:
        x = x.clone().requires_grad_()
        states = function(x, *rest)
        if not isinstance(states, Tensor) or states.ndim != 3:
            return states
        rows = torch.zeros(states.shape[1], x.shape[1])
        for t in range(states.shape[1] if states.requires_grad else 0):
            [found] = torch.autograd.grad(states[:, t].sum(), x, retain_graph=True)
            rows[t] = found.abs().sum((0, 2))
        return states.detach(), rows

    return probed
