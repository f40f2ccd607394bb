"""Answers to the exercises of recurrent_networks: other right ones, and wrong ones with words of their message."""

import torch
from torch import nn
from torch.nn import functional as F


def step(x, h, W_x, W_h, b):
    return torch.tanh(F.linear(x, W_x, b) + F.linear(h, W_h))


def by_pytorchs_cell(x, h, W_x, W_h, b):
    cell = nn.RNNCell(x.shape[1], h.shape[1])
    cell.load_state_dict({"weight_ih": W_x, "weight_hh": W_h, "bias_ih": b, "bias_hh": 0 * b})
    return cell(x, h)


def row_by_row(x, h, W_x, W_h, b):
    return torch.stack([torch.tanh(W_x @ one + W_h @ old + b) for one, old in zip(x, h, strict=True)])


def not_turned(x, h, W_x, W_h, b):
    return torch.tanh(x @ W_x + h @ W_h + b)


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


def by_power(W, radius):
    """The radius by Gelfand's formula: the limit of |W^n|^(1/n)."""
    power, logarithm = W.double(), 0.0
    for _ in range(24):
        norm = power.norm()
        power, logarithm = power / norm, logarithm + norm.log()
        power, logarithm = power @ power, 2 * logarithm
    return (W * (radius / torch.exp((logarithm + power.norm().log()) / 2**24))).float()


def by_numpy(W, radius):
    import numpy as np

    return W / float(np.abs(np.linalg.eigvals(W.numpy())).max()) * radius


def divided_by(size):
    return lambda W, radius: W / size(W) * radius


def norm_of(gradients):
    return sum((g**2).sum() for g in gradients) ** 0.5


def by_if(gradients, largest):
    norm = norm_of(gradients)
    if norm <= largest:
        return gradients
    return [g * largest / norm for g in gradients]


def by_torch(gradients, largest):
    parameters = [nn.Parameter(torch.zeros_like(g)) for g in gradients]
    for parameter, g in zip(parameters, gradients, strict=True):
        parameter.grad = g.clone()
    nn.utils.clip_grad_norm_(parameters, largest)
    return tuple(parameter.grad for parameter in parameters)


def in_place(gradients, largest):
    nn_norm = norm_of(gradients)
    for g in gradients:
        g.mul_(min(1.0, largest / max(float(nn_norm), 1e-12)))
    return gradients


def factor(of):
    return lambda gradients, largest: [g * min(1.0, largest / (float(of(gradients)) + 1e-9)) for g in gradients]


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


def other(when, by=torch.Tensor.detach):
    return lambda *inputs: cut(*inputs, when=when, by=by)


RIGHT = {
    "rnn_step": [step, by_pytorchs_cell, row_by_row],
    "unroll": [by_pytorchs_layer, by_list],
    "bptt": [by_matrices, by_autograd, back],
    "with_radius": [by_power, by_numpy],
    "clip_by_norm": [by_if, by_torch, lambda gs, largest: (g for g in by_if(gs, largest))],
    "truncated": [by_windows, cut, other(lambda t, k: t and t % k == 0)],
}
WRONG = {
    "rnn_step": [
        (lambda x, h, W_x, W_h, b: x @ W_x.T + h @ W_h.T + b, "tanh of it is still to come"),
        (lambda x, h, W_x, W_h, b: torch.sigmoid(x @ W_x.T + h @ W_h.T + b), "this is the sigmoid"),
        (lambda x, h, W_x, W_h, b: torch.tanh(x @ W_x.T + h @ W_h + b), "W_h is turned round"),
        (lambda x, h, W_x, W_h, b: torch.tanh(x @ W_x.T + h @ W_h.T), "the bias b is missing"),
        (lambda x, h, W_x, W_h, b: torch.tanh(x @ W_x.T + b), "the old state h is missing"),
        (lambda x, h, W_x, W_h, b: torch.tanh(h @ W_h.T + b), "the input x is missing"),
        (lambda x, h, W_x, W_h, b: F.linear(x, W_x).tanh() + F.linear(h, W_h, b).tanh(), "one tanh of the whole sum"),
        (lambda x, h, W_x, W_h, b: F.linear(x, W_x, b) + F.linear(h, W_h).tanh() - b + b, "but got"),
        (lambda x, h, W_x, W_h, b: F.linear(x, W_x) + F.linear(h, W_h, b).tanh(), "tanh covers a part"),
        (lambda x, h, W_x, W_h, b: torch.tanh(F.linear(x, W_x, b) + F.linear(h, W_h, b)), "added twice"),
        (lambda x, h, W_x, W_h, b: torch.tanh(F.linear(x, W_x) + F.linear(h, W_h)) + b, "b belongs inside"),
        (lambda x, h, W_x, W_h, b: h + step(x, h, W_x, W_h, b), "once more outside tanh"),
        (lambda *inputs: step(*inputs).tolist(), "a tensor is expected"),
        (not_turned, "your code raised RuntimeError in its line `return torch.tanh(x @ W_x + h @ W_h + b)`"),
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
    ],
    "bptt": [
        (lambda *inputs: back(*inputs, steps=1), "the share of the last step alone"),
        (lambda *inputs: back(*inputs, add=False), "add up the shares"),
        (lambda *inputs: back(*inputs, through=False), "W_h.T @ delta"),
        (lambda *inputs: back(*inputs, slope=False), "the slope of tanh is missing"),
        (lambda *inputs: back(*inputs, earlier=0), "not with h_t."),
        (lambda *inputs: back(*inputs, first=2), "Go down to t = 1"),
        (lambda *inputs: back(*inputs).T, "this is turned round"),
        (lambda h, W, last: back(h, W, last) / (len(h) - 1), "the sum is wanted"),
        (lambda h, W, last: back(h, W, last).tolist(), "a tensor is expected"),
        (lambda h, W, last: -back(h, W, last), "but got"),
        (lambda h, W, last: back(h, W, last).sum(0), "the shape should be"),
    ],
    "with_radius": [
        (divided_by(lambda W: torch.linalg.matrix_norm(W, ord=2)), "the largest singular value"),
        (divided_by(torch.norm), "Frobenius"),
        (divided_by(lambda W: torch.linalg.eigvals(W).real.max()), "the largest real part"),
        (divided_by(lambda W: torch.linalg.eigvals(W).real.abs().max()), "real parts only"),
        (divided_by(lambda W: torch.linalg.eigvalsh(W).abs().max()), "for symmetric matrices"),
        (divided_by(lambda W: W.abs().max()), "the largest entry"),
        (lambda W, radius: W * radius, "the radius that W has now"),
        (lambda W, radius: by_numpy(W, 1.0), "this has radius 1"),
        (divided_by(lambda W: torch.linalg.eigvals(W)[0].abs()), "they are not sorted"),
        (lambda W, radius: radius / torch.linalg.eigvals(W).abs().max(), "multiply W by it"),
    ],
    "clip_by_norm": [
        (lambda gs, largest: [by_if([g], largest)[0] for g in gs], "each tensor is clipped alone"),
        (lambda gs, largest: [g.clamp(-largest, largest) for g in gs], "each number is cut off"),
        (lambda gs, largest: [g * largest / norm_of(gs) for g in gs], "at most times 1"),
        (lambda gs, largest: [g * largest / (norm_of(gs) + 1e-6) for g in gs], "must stay as it is"),
        (lambda gs, largest: [g * min(1.0, largest / norm_of(gs).item()) for g in gs], "where all gradients are 0"),
        (factor(lambda gs: norm_of(gs) ** 2), "the root is missing"),
        (factor(lambda gs: sum(g.norm() for g in gs)), "norms do not add up"),
        (factor(lambda gs: sum(g.abs().sum() for g in gs)), "the sum of absolute values"),
        (factor(lambda gs: max(g.abs().max() for g in gs)), "the largest number"),
        (lambda gs, largest: gs, "nothing is clipped"),
        (lambda gs, largest: [g if norm_of(gs) <= largest else 0 * g for g in gs], "becomes 0"),
        (in_place, "in place"),
        (lambda gs, largest: by_if(gs, largest)[0], "expected"),
    ],
    "truncated": [
        (without_detach, "no gradient is cut"),
        (other(lambda t, k: True), "you cut before every step"),
        (other(lambda t, k: (t + 1) % k == 0), "one step early"),
        (other(lambda t, k: t % k == 1), "one step late"),
        (other(lambda t, k: t and t % k == 0, torch.zeros_like), "detach, no zeros"),
        (other(lambda t, k: t == k), "you cut once"),
        (lambda *inputs: cut(*inputs).detach(), "no gradient is left at all"),
        (lambda *inputs: cut(*inputs).transpose(0, 1), "stack them along dim=1"),
        (lambda *inputs: cut(*inputs)[:, -1], "expected"),
    ],
}
