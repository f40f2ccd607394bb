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


def bent(bend):
    return lambda x, h, W_x, W_h, b: bend(F.linear(x, W_x, b) + F.linear(h, W_h))


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


def of_largest(W):
    values = torch.linalg.eigvals(W)
    return values[values.abs().argmax()]


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


def long_ones(gradients, largest):
    factor = largest / norm_of(gradients)
    return [g * factor if g.norm() > largest else g for g in gradients]


def scaled_up(gradients, largest):
    return [g * largest / max(norm_of(gradients), 1e-12) for g in gradients]


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


RIGHT = {
    "rnn_step": [step, by_pytorchs_cell, row_by_row, lambda *inputs: step(*inputs).tolist()],
    "unroll": [by_pytorchs_layer, by_list],
    "bptt": [by_matrices, by_autograd, back, lambda *inputs: back(*inputs).tolist()],
    "with_radius": [by_power, by_numpy],
    "clip_by_norm": [by_if, by_torch, lambda gs, largest: (g for g in by_if(gs, largest))],
    "truncated": [by_windows, cut, other(lambda t, k: t and t % k == 0)],
}
WRONG = {
    "rnn_step": [
        (lambda x, h, W_x, W_h, b: x @ W_x.T + h @ W_h.T + b, "tanh of it is still missing"),
        (lambda x, h, W_x, W_h, b: torch.sigmoid(x @ W_x.T + h @ W_h.T + b), "this is the sigmoid"),
        (lambda x, h, W_x, W_h, b: torch.tanh(x @ W_x.T + h @ W_h + b), "W_h must be transposed"),
        (lambda x, h, W_x, W_h, b: torch.tanh(x @ W_x.T + h @ W_h.T), "the bias b is missing"),
        (lambda x, h, W_x, W_h, b: torch.tanh(x @ W_x.T + b), "the old state h is missing"),
        (lambda x, h, W_x, W_h, b: torch.tanh(h @ W_h.T + b), "the input x is missing"),
        (lambda x, h, W_x, W_h, b: F.linear(x, W_x).tanh() + F.linear(h, W_h, b).tanh(), "one tanh of the whole sum"),
        (lambda x, h, W_x, W_h, b: F.linear(x, W_x, b) + F.linear(h, W_h).tanh() - b + b, "tanh covers only a part"),
        (lambda x, h, W_x, W_h, b: F.linear(x, W_x) + F.linear(h, W_h, b).tanh(), "tanh covers only a part"),
        (lambda x, h, W_x, W_h, b: torch.tanh(F.linear(x, W_x, b) + F.linear(h, W_h, b)), "added twice"),
        (lambda x, h, W_x, W_h, b: torch.tanh(F.linear(x, W_x) + F.linear(h, W_h)) + b, "b belongs inside"),
        (lambda x, h, W_x, W_h, b: h + step(x, h, W_x, W_h, b), "once more outside tanh"),
        (bent(F.relu), "this is the ReLU"),
        (bent(lambda total: F.softmax(total, dim=1)), "this is the softmax"),
        (bent(F.hardtanh), "cut off at -1 and 1"),
        (bent(lambda total: total.sin() / total.cos()), "this is tan or sinh"),
        (bent(lambda total: total.tanh().tanh()), "tanh is taken twice"),
        (lambda x, h, W_x, W_h, b: F.linear(x.tanh(), W_x) + F.linear(h.tanh(), W_h, b), "not around x and h"),
        (lambda x, h, W_x, W_h, b: step(x, h, W_x, W_h, -b), "the bias b is subtracted"),
        (lambda x, h, W_x, W_h, b: (F.linear(x, W_x, b) + h).tanh(), "the product with W_h is missing"),
        (lambda x, h, W_x, W_h, b: (F.linear(x, W_x, b) + h * W_h.diag()).tanh(), "not an elementwise one"),
        (lambda x, h, W_x, W_h, b: (F.linear(x, W_x, b) + W_h @ h[0]).tanh(), "the first row's for all"),
        (lambda x, h, W_x, W_h, b: (F.linear(x, W_x, b) - F.linear(h, W_h)).tanh(), "subtracted: add them"),
        (lambda x, h, W_x, W_h, b: (F.linear(x, W_x) * F.linear(h, W_h) + b).tanh(), "multiplied: add them"),
        (lambda x, h, W_x, W_h, b: 0.5 * h + 0.5 * step(x, h, W_x, W_h, b), "mixed with the old one"),
        (lambda *inputs: step(*inputs).mT, "the result is transposed"),
        (lambda x, h, W_x, W_h, b: F.linear(x, W_x, b).sigmoid(), "two things"),
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
        (divided_by(lambda W: W.abs().sum(1).max()), "the largest sum of a row or column"),
        (lambda W, radius: (W / of_largest(W) * radius).real, "with its sign, or a complex number"),
        (divided_by(lambda W: of_largest(W).real), "with its sign, or a complex number"),
        (divided_by(lambda W: torch.linalg.eigvals(W)[-1].abs()), "this is the last eigenvalue"),
        (divided_by(lambda W: min(torch.linalg.eigvals(W).abs())), "the smallest absolute eigenvalue"),
        (divided_by(lambda W: sum(torch.linalg.eigvals(W).abs())), "all eigenvalues together"),
        (divided_by(lambda W: abs(torch.linalg.det(W))), "the determinant or the trace"),
        (lambda W, radius: W / by_numpy(W, radius)[0, 0] * W[0, 0], "the factor is upside down"),
        (lambda W, radius: W * radius * torch.linalg.eigvals(W).abs().max(), "you multiply by the radius of W now"),
        (lambda W, radius: W * (radius / torch.linalg.eigvals(W).abs().max()).sqrt(), "no root and no square"),
        (lambda W, radius: W + radius / torch.linalg.eigvals(W).abs().max(), "adding one moves the eigenvalues"),
        (lambda W, radius: by_numpy(W, radius) if by_numpy(W, 1.0).norm() * radius < W.norm() else W, "in both cases"),
    ],
    "clip_by_norm": [
        (lambda gs, largest: [by_if([g], largest)[0] for g in gs], "each tensor is clipped alone"),
        (lambda gs, largest: [g.clamp(-largest, largest) for g in gs], "each number is cut off"),
        (lambda gs, largest: [g * largest / norm_of(gs) for g in gs], "must stay as it is"),
        (lambda gs, largest: [g * largest / (norm_of(gs) + 1e-6) for g in gs], "must stay as it is"),
        (lambda gs, largest: [g * min(1.0, largest / norm_of(gs).item()) for g in gs], "where all gradients are 0"),
        (factor(lambda gs: norm_of(gs) ** 2), "the root is missing"),
        (factor(lambda gs: sum(g.norm() for g in gs)), "norms do not add up"),
        (factor(lambda gs: sum(g.abs().sum() for g in gs)), "the sum of absolute values"),
        (factor(lambda gs: max(g.abs().max() for g in gs)), "the largest number"),
        (lambda gs, largest: gs, "nothing is clipped"),
        (lambda gs, largest: [g if norm_of(gs) <= largest else 0 * g for g in gs], "becomes 0"),
        (in_place, "in place"),
        (long_ones, "long themselves"),
        (
            lambda gs, largest: by_if(gs, largest) if norm_of(gs) > largest else scaled_up(gs, largest),
            "must stay as it is",
        ),
        (lambda gs, largest: gs if norm_of(gs) > largest else scaled_up(gs, largest), "points the wrong way"),
        (lambda gs, largest: [g / norm_of(gs) * norm_of(gs).clamp(max=largest) for g in gs], "all gradients are 0"),
        (factor(lambda gs: abs(sum(g.sum() for g in gs))), "the sum of all numbers"),
        (factor(lambda gs: norm_of(gs) / sum(g.numel() for g in gs) ** 0.5), "the mean of the squares"),
        (factor(lambda gs: sum(g.norm() for g in gs) / len(gs)), "the mean of the norms"),
        (factor(lambda gs: max(g.norm() for g in gs)), "the largest of the norms"),
        (factor(lambda gs: gs[0].norm()), "the norm of one tensor alone"),
        (lambda gs, largest: [g * max(1.0, norm_of(gs) / largest) for g in gs], "upside down"),
        (lambda gs, largest: by_if(gs, largest) if norm_of(gs) <= largest else by_if(gs, 1.0), "the norm becomes 1"),
        (lambda gs, largest: [g * largest if norm_of(gs) > largest else g for g in gs], "without dividing by the norm"),
        (lambda gs, largest: [g * min(1.0, largest / (norm_of(gs) + 1e-9)) ** 0.5 for g in gs], "a root or a square"),
        (lambda gs, largest: by_if(gs, largest) if norm_of(gs) > largest**2 else gs, "not the squared norm"),
        (lambda gs, largest: [g - max(norm_of(gs) - largest, 0) for g in gs], "subtracting the excess"),
        (lambda gs, largest: torch.cat([g.flatten() for g in by_if(gs, largest)]), "not one long tensor"),
        (lambda gs, largest: norm_of(by_if(gs, largest)), "not their norm"),
        (lambda gs, largest: by_if(gs, largest)[0], "expected"),
    ],
    "truncated": [
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
