"""Answers to the exercises of recurrent_networks: other right ones, and wrong ones with words of their message."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


def step(x, h, W_x, W_h, b):
    return torch.tanh(F.linear(x, W_x, b) + F.linear(h, W_h))


def by_pytorchs_layer(x, h, W_x, W_h, b):
    layer = nn.RNN(x.shape[2], h.shape[1], batch_first=True)
    weights = {"weight_ih_l0": W_x, "weight_hh_l0": W_h, "bias_ih_l0": b, "bias_hh_l0": torch.zeros_like(b)}
    layer.load_state_dict(weights)
    outputs, last = layer(x, h[None])
    return outputs, last[0]


def by_list(x, h, W_x, W_h, b):
    states = [h]
    for one in x.unbind(dim=1):
        states.append(step(one, states[-1], W_x, W_h, b))
    return [torch.stack(states[1:]).transpose(0, 1), states[-1]]


def walked(carry=lambda new, old: new, step=step):
    def walk(x, h, W_x, W_h, b):
        states = []
        for t in range(x.shape[1]):
            states.append(step(x[:, t], h, W_x, W_h, b))
            h = carry(states[-1], h)
        return torch.stack(states, dim=1), states[-1]

    return walk


def steps(x, h, *weights):
    return list(by_list(x, h, *weights)[0].unbind(dim=1))


def without_passing_on(x, h, W_x, W_h, b):
    states = torch.stack([step(x[:, t], h, W_x, W_h, b) for t in range(x.shape[1])], dim=1)
    return states, states[:, -1]


def along_the_batch(x, h, W_x, W_h, b):
    states = []
    for one in x:
        h = step(one, h, W_x, W_h, b)
        states.append(h)
    return torch.stack(states), h


def one_late(x, h, W_x, W_h, b):
    states = []
    for t in range(x.shape[1]):
        states.append(h)
        h = step(x[:, t], h, W_x, W_h, b)
    return torch.stack(states, dim=1), h


def with_the_first(x, h, W_x, W_h, b):
    states, last = by_list(x, h, W_x, W_h, b)
    return torch.cat([h[:, None], states], dim=1), last


def changed(change):
    return lambda *inputs: change(*by_list(*inputs))


def by_matrices(states, W_h, last):
    """Each delta from the end anew, through a product of Jacobians."""
    T, result = len(states) - 1, torch.zeros_like(W_h)
    for t in range(1, T + 1):
        g = last
        for later in range(T, t, -1):
            g = (torch.diag(1 - states[later] ** 2) @ W_h).T @ g
        result = result + torch.outer(g * (1 - states[t] ** 2), states[t - 1])
    return result


def by_autograd(states, W_h, last):
    """With inputs that make these states out of this W_h."""
    fed, W = states[1:].atanh() - states[:-1] @ W_h.T, W_h.clone().requires_grad_()
    h = states[0]
    for one in fed:
        h = torch.tanh(one + W @ h)
    (h @ last).backward()
    return W.grad


def back(states, W_h, last, through=True, slope=True, add=True, first=1, steps=None, earlier=1):
    result, g = torch.zeros_like(W_h), last
    for t in range(len(states) - 1, first - 1, -1)[:steps]:
        delta = g * (1 - states[t] ** 2) if slope else g
        part = torch.outer(delta, states[t - earlier])
        result = result + part if add else part
        g = (W_h.T if through else W_h) @ delta
    return result


def table(h, W, last, steps=None, slope=None, part=None, g_next=None):
    """Step by step, with what a learner may put in its places."""
    slope = slope or (lambda t: 1 - h[t] ** 2)
    part = part or (lambda delta, g, t: torch.outer(delta, h[t - 1]))
    g_next = g_next or (lambda delta, g: delta @ W)
    result, g = 0 * W, last
    for t in steps or range(len(h) - 1, 0, -1):
        delta = g * slope(t)
        result = result + part(delta, g, t)
        g = g_next(delta, g)
    return result


def to_the_start(states, W_h, last):
    g = last
    for state in states[1:].flip(0):
        g = g * (1 - state**2) @ W_h
    return g


def cut(x, h, W_x, W_h, b, k, when=lambda t, k: t % k == 0, by=torch.Tensor.detach):
    states = []
    for t, one in enumerate(x.unbind(dim=1)):
        h = step(one, by(h) if when(t, k) else h, W_x, W_h, b)
        states.append(h)
    return torch.stack(states, dim=1)


def by_windows(x, h, W_x, W_h, b, k):
    parts = []
    for window in x.split(k, dim=1):
        states, h = by_pytorchs_layer(window, h, W_x, W_h, b)
        h = h.detach()
        parts.append(states)
    return torch.cat(parts, dim=1)


def without_detach(x, h, W_x, W_h, b, k):
    return by_pytorchs_layer(x, h, W_x, W_h, b)[0]


def kept(keep, by_step=step):
    def walk(x, h, W_x, W_h, b, k):
        states = []
        for t in range(x.shape[1]):
            if t % k == 0:
                h = h.detach()
            h = by_step(x[:, t], h, W_x, W_h, b)
            states.append(keep(h, t, k))
        return torch.stack(states, dim=1)

    return walk


def from_the_end(x, *rest):
    return cut(x, *rest, when=lambda t, k: (x.shape[1] - t) % k == 0)


def once_before_the_end(x, *rest):
    return cut(x, *rest, when=lambda t, k: t == x.shape[1] - k)


def into_k_windows(x, h, W_x, W_h, b, k):
    size = -(-x.shape[1] // k)
    return cut(x, h, W_x, W_h, b, size)


def from_the_start(x, h, W_x, W_h, b, k):
    windows = [unwindowed(window, h, W_x, W_h, b) for window in x.split(k, dim=1)]
    return torch.cat(windows, dim=1)


def unwindowed(x, h, W_x, W_h, b):
    return by_list(x, h.detach(), W_x, W_h, b)[0]


def other(when, by=torch.Tensor.detach):
    return lambda *inputs: cut(*inputs, when=when, by=by)


def marks(size=5.0, hold=0.5, first=-0.5, second=-1.5, w=(1.0, -1.0), c=-1.0):
    """Weights of two units, one that asks for at least one mark, and one that asks for two."""
    held = size * torch.tensor([[hold, -hold]]).repeat(2, 1)
    weights = torch.full((2, 1), size), held, size * torch.tensor([first, second]), torch.tensor(w), c
    return lambda: weights


def with_a_spare_unit():
    W_h = np.zeros((3, 3))
    W_h[:2, 1:] = 4.0, -4.0
    return np.array([[0.0], [8.0], [8.0]]), W_h[[2, 0, 1]], np.array([0, -4.0, -12.0]), [0, 1, -1], -1


def switch():
    return torch.tensor([[4.0], [4.0]]), 2 * torch.eye(2), torch.zeros(2), torch.ones(2), -0.5


def training(**changes):
    return lambda: {"longest_gap": 10, "batch_size": 32, "learning_rate": 0.01, "start": "random"} | changes


def not_detached_at_the_end(x, h, W_x, W_h, b, k):
    """The second fault of the function that was found, without the first."""
    states = []
    for t in range(x.shape[1]):
        h = step(x[:, t], h, W_x, W_h, b)
        h = h.detach() if (t + 1) % k == 0 else h
        states.append(h)
    return torch.stack(states, dim=1)


def from_the_start_again(x, h, W_x, W_h, b, k):
    """The first fault alone."""
    return torch.cat([by_list(window, h, W_x, W_h, b)[0] for window in x.split(k, dim=1)], dim=1)


RIGHT = {
    "one_mark": [marks(), marks(8.0), marks(w=(2.0, -2.0), c=-1.5), with_a_spare_unit],
    "recalls": [training(), training(start="identity", longest_gap=20)],
    "unroll": [by_pytorchs_layer, by_list],
    "bptt": [by_matrices, by_autograd, back, lambda *inputs: back(*inputs).tolist()],
    "truncated": [by_windows, cut, other(lambda t, k: t and t % k == 0)],
}
WRONG = {
    "one_mark": [
        (switch, "this is a switch that only turns on"),
        (marks(first=-1.5), "from beginning to end: a mark must change one unit"),
        (marks(c=4.0), "says `inside` from beginning to end"),
        (marks(hold=1.0), "forgotten one step later"),
        (marks(hold=0.0), "forgotten one step later"),
        (marks(2.0, c=-1.2), "the state fades"),
        (marks(w=(-1.0, 1.0), c=1.0), "exchanged: turn the signs of w and c"),
        (lambda: marks()()[:3], "five things are expected: W_x, W_h, b, w, c."),
        (lambda: (*marks()()[:2], torch.zeros(9), *marks()()[3:]), "but yours has shape (9,)"),
        (lambda: (torch.zeros(1, 2), *marks()()[1:]), "W_x has shape (2, 1), but yours has (1, 2)."),
    ],
    "recalls": [
        (training(longest_gap=80, learning_rate=0.003), "shorter gaps in training"),
        (training(longest_gap=2), "longer gaps in training"),
        (training(batch_size=256), "a smaller batch"),
        (training(learning_rate=0.5), "a lower rate"),
        (training(learning_rate=0.0005), "a higher rate"),
        (training(longest_gap=20), "gaps between 5 and 15"),
        (training(longest_gap=100), "longest_gap is a whole number from 1 to 80, but yours is 100."),
        (training(learning_rate=2), "learning_rate is a number above 0 and at most 1, but yours is 2."),
        (training(start="zeros"), "start is one of random, orthogonal, identity, but yours is 'zeros'."),
        (training(longest_gap=1, batch_size=4), "that would take 8,000 steps, and 2,000 is the most"),
        (lambda: {"longest_gap": 10}, "a dictionary with longest_gap, batch_size, learning_rate, start"),
    ],
    "unroll": [
        (without_passing_on, "every step starts from the first h"),
        (along_the_batch, "you walk along the batch"),
        (one_late, "your states are one step late"),
        (with_the_first, "the state at the start is no result"),
        (changed(lambda states, last: (states.transpose(0, 1), last)), "stack along dim=1"),
        (changed(lambda states, last: states), "return two things"),
        (changed(lambda states, last: last), "this is the last state only"),
        (changed(lambda states, last: (last, states)), "swapped"),
        (changed(lambda states, last: (states, last[None])), "leave the extra axis away"),
        (changed(lambda states, last: (states, states[:, 0])), "the state of the first step"),
        (changed(lambda states, last: (states.flip(1), last)), "in reversed order"),
        (lambda x, *rest: by_list(x.flip(1), *rest), "begin with x[:, 0]"),
        (lambda x, h, *rest: by_list(x, torch.zeros_like(h), *rest), "you begin with zeros"),
        (lambda x, h, *rest: (by_list(x, h, *rest)[0], h), "the state at the start: the last is wanted"),
        (walked(lambda new, old: torch.zeros_like(new)), "every step starts from zeros"),
        (walked(lambda new, old: old + new), "the states are added up"),
        (lambda x, *rest: by_list(x[:, :1].expand_as(x), *rest), "reads the first input"),
        (lambda x, *rest: by_list(x[:, -1:].expand_as(x), *rest), "reads the last input"),
        (lambda x, *rest: by_list(x[:, :-1] if x.shape[1] > 1 else x, *rest), "the last step is missing"),
        (lambda x, *rest: by_list(x[:, 1:] if x.shape[1] > 1 else x, *rest), "the first step is missing"),
        (walked(step=lambda x, h, W_x, W_h, b: F.linear(x, W_x, b) + F.linear(h, W_h)), "tanh is missing"),
        (walked(step=lambda *inputs: (step(*inputs).atanh()).sigmoid()), "this is the sigmoid"),
        (lambda x, h, W_x, W_h, b: by_list(x, h, W_x, W_h.T, b), "W_h must be transposed"),
        (lambda x, h, W_x, W_h, b: by_list(x, h, W_x, W_h, 0 * b), "the bias b is missing"),
        (lambda x, h, *rest: (torch.cat(steps(x, h, *rest)).view(*x.shape[:2], -1), by_list(x, h, *rest)[1]), "mixes"),
        (changed(lambda states, last: (states.transpose(1, 2), last)), "the axes have another order"),
        (changed(lambda states, last: (states.flatten(1), last)), "concatenated in one row"),
        (lambda x, h, *rest: (by_list(x, h, *rest)[0], [h, *steps(x, h, *rest)][-2]), "before the last step"),
        (changed(lambda states, last: (states, states[-1])), "the last sequence of the batch"),
    ],
    "bptt": [
        (lambda *inputs: back(*inputs, steps=1), "the share of the last step alone"),
        (lambda *inputs: back(*inputs, add=False), "add up the shares"),
        (lambda *inputs: back(*inputs, through=False), "W_h.T @ delta"),
        (lambda *inputs: back(*inputs, slope=False), "the derivative of tanh is missing: times"),
        (lambda *inputs: back(*inputs, earlier=0), "not with h_t."),
        (lambda *inputs: back(*inputs, first=2), "Go down to t = 1"),
        (lambda *inputs: back(*inputs).T, "this is transposed"),
        (lambda h, W, last: back(h, W, last) / (len(h) - 1), "the sum is wanted"),
        (lambda h, W, last: -back(h, W, last), "the sign is reversed"),
        (lambda h, W, last: table(h, W, last, steps=range(len(h) - 2, 0, -1)), "the last step is missing"),
        (lambda h, W, last: table(h, W, last, steps=range(len(h) - 1, -1, -1)), "one step too many"),
        (lambda h, W, last: table(h, W, last, steps=range(1, len(h))), "you go forward through time"),
        (to_the_start, "with respect to h_0"),
        (lambda h, W, last: table(h, W, last, g_next=lambda delta, g: last), "the gradient is not passed back"),
        (lambda h, W, last: table(h, W, last, g_next=lambda delta, g: delta), "W_h is missing on the way back"),
        (lambda h, W, last: table(h, W, last, g_next=lambda delta, g: g @ W), "pass delta back, not g"),
        (lambda h, W, last: table(h, W, last, g_next=lambda delta, g: g + delta @ W), "the old g stays"),
        (lambda h, W, last: table(h, W, last, g_next=lambda delta, g: last + delta @ W), "starts with `last` again"),
        (
            lambda h, W, last: table(h, W, last, part=lambda delta, g, t: torch.outer(g, h[t - 1])),
            "in the outer product",
        ),
        (lambda h, W, last: table(h, W, last, slope=lambda t: 1 - h[t]), "the square is missing"),
        (lambda h, W, last: table(h, W, last, slope=lambda t: (1 - h[t]) ** 2), "only h_t is squared"),
        (lambda h, W, last: table(h, W, last, slope=lambda t: 1 + h[t] ** 2), "with a minus"),
        (lambda h, W, last: table(h, W, last, slope=lambda t: h[t] - h[t] ** 2), "the sigmoid's derivative"),
        (lambda h, W, last: table(h, W, last, slope=lambda t: 1 / h[t].cosh() ** 2), "tanh of something already"),
        (lambda h, W, last: table(h, W, last, slope=lambda t: h[t]), "this multiplies by h_t itself"),
        (lambda h, W, last: table(h, W, last, slope=lambda t: 1 - h[t - 1] ** 2), "the state that came out"),
        (
            lambda h, W, last: table(h, W, last, part=lambda delta, g, t: torch.outer(delta, h[0])),
            "before its own step",
        ),
        (lambda h, W, last: table(h, W, last, part=lambda delta, g, t: delta * h[t - 1]), "not an elementwise product"),
        (lambda h, W, last: table(h, W, last, slope=lambda t: 1.0, g_next=lambda delta, g: W @ g), "two things"),
        (lambda h, W, last: back(h, W, last).sum(0), "shape should be (2, 2)"),
    ],
    "truncated": [
        (from_the_start_again, "yours start from the given h again"),
        (not_detached_at_the_end, "the last state of a window has no gradient"),
        (without_detach, "no gradient is cut"),
        (other(lambda t, k: True), "you cut before every step"),
        (other(lambda t, k: (t + 1) % k == 0), "one step early"),
        (other(lambda t, k: t % k == 1), "one step late"),
        (other(lambda t, k: t and t % k == 0, torch.zeros_like), "detach it, no zeros"),
        (other(lambda t, k: t == k), "you cut once"),
        (lambda *inputs: cut(*inputs).detach(), "no gradient is left at all"),
        (lambda *inputs: cut(*inputs).transpose(0, 1), "stack them along dim=1"),
        (lambda *inputs: cut(*inputs)[:, -1], "the states of all steps are expected"),
        (lambda *inputs: (cut(*inputs), cut(*inputs)[:, -1]), "not the last one as well"),
        (other(lambda t, k: t % k), "everywhere but where a window begins"),
        (other(lambda t, k: t % (k + 1) == 0), "one step too long"),
        (other(lambda t, k: k > 1 and t % (k - 1) == 0), "one step too short"),
        (from_the_end, "count the windows from the end"),
        (once_before_the_end, "you cut once, k steps before the end"),
        (into_k_windows, "not of windows"),
        (from_the_start, "start from the given h again"),
        (lambda x, h, *rest: cut(x, 0 * h, *rest), "not from zeros"),
        (kept(lambda h, t, k: h.detach() if (t + 1) % k == 0 else h), "the last state of a window has no gradient"),
        (kept(lambda h, t, k: h.detach() if t % k == 0 else h), "the first state of a window has no gradient"),
        (lambda x, *rest: cut(x, *rest)[:, : x.shape[1] - x.shape[1] % rest[-1] or None], "last, shorter window"),
        (lambda x, *rest: cut(x, *rest)[:, min(rest[-1], x.shape[1]) - 1 :: rest[-1]], "the last state of each window"),
        (kept(lambda h, t, k: h, by_step=lambda x, h, W_x, W_h, b: F.linear(x, W_x, b) + F.linear(h, W_h)), "tanh is"),
    ],
}
