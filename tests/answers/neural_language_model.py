"""Answers to the exercises of neural_language_model: other right ones, and wrong ones with words of their message."""

import functools
import math

import torch
from torch.nn import functional as F


def softmax_by_rows(logits):
    if logits.ndim > 1:
        return torch.stack([softmax_by_rows(row) for row in logits])
    e = [math.exp(x - max(logits.tolist())) for x in logits.tolist()]
    return torch.tensor(e) / sum(e)


def softmax_over_first_axis(logits):
    e = torch.exp(logits - logits.max())
    return e / e.sum(dim=0)


def softmax_without_keepdim(logits):
    e = torch.exp(logits)
    return e / e.sum(-1)


def by_autograd(logits, targets):
    z = logits.clone().requires_grad_()
    F.cross_entropy(z, targets).backward()
    return z.grad


def by_autograd_on_the_input(logits, targets):
    logits.requires_grad_()
    [gradient] = torch.autograd.grad(F.cross_entropy(logits, targets), [logits], create_graph=True)
    return gradient


def by_columns(logits, targets):
    p = torch.softmax(logits, dim=1)
    p[:, targets] -= 1
    return p / len(targets)


def with_half_the_mean(logits, targets):
    p = torch.softmax(logits, dim=1) / len(targets)
    p[range(len(targets)), targets] -= 1
    return p


def by_index(logits, targets):
    p = torch.softmax(logits, dim=1)
    p[range(len(targets)), targets] -= 1
    return p / len(targets)


def without_mean(logits, targets):
    return by_index(logits, targets) * len(targets)


def of_sum_over_all(logits, targets):
    z = logits.clone().requires_grad_()
    (F.log_softmax(z, 1) * F.one_hot(targets, z.shape[1])).mean().neg().backward()
    return z.grad


def own_input_changed(logits, targets):
    logits[range(len(targets)), targets] -= 1
    return logits.softmax(1) / len(targets)


def forwards(tape):
    """Forward differentiation: once for each value, the derivative of everything after it."""
    result = []
    for origin in range(len(tape)):
        slopes = [float(place == origin) for place in range(len(tape))]
        for place in range(origin + 1, len(tape)):
            slopes[place] = sum(slopes[source] * slope for source, slope in tape[place])
        result.append(slopes[-1])
    return result


def by_tensor(tape):
    result = torch.zeros(len(tape), dtype=torch.float64)
    result[-1] = 1
    for place in range(len(tape) - 1, -1, -1):
        for source, slope in tape[place]:
            result[source] += result[place] * slope
    return result


def overwriting(tape):
    result = [0.0] * len(tape)
    result[-1] = 1.0
    for place in reversed(range(len(tape))):
        for source, slope in tape[place]:
            result[source] = result[place] * slope
    return result


def from_the_front(tape):
    result = [0.0] * len(tape)
    result[-1] = 1.0
    for place, entries in enumerate(tape):
        for source, slope in entries:
            result[source] += result[place] * slope
    return result


def without_a_start(tape):
    result = [0.0] * len(tape)
    for place in reversed(range(len(tape))):
        for source, slope in tape[place]:
            result[source] += result[place] * slope
    return result


def from_ones(tape):
    result = [1.0] * len(tape)
    for place in reversed(range(len(tape))):
        for source, slope in tape[place]:
            result[source] += result[place] * slope
    return result


def one_step_back(tape):
    result = [0.0] * len(tape)
    result[-1] = 1.0
    for source, slope in tape[-1]:
        result[source] += slope
    return result


def slopes_added(tape):
    result = [0.0] * (len(tape) - 1) + [1.0]
    for place in reversed(range(len(tape))):
        for source, slope in tape[place]:
            result[source] += result[place] + slope
    return result


def slopes_alone(tape):
    result = [0.0] * (len(tape) - 1) + [1.0]
    for entries in tape[::-1]:
        for source, slope in entries:
            result[source] += slope
    return result


def depth_first(tape):
    result = [0.0] * len(tape)
    result[-1] = 1.0

    def back(place):
        for source, slope in tape[place]:
            result[source] += slope * result[place]
            back(source)

    back(len(tape) - 1)
    return result


def adam(w, g, m, v, t, lr, beta1, beta2, eps, corrected=True, inside=False, stored_hats=False, later=0):
    m = torch.lerp(g, m, beta1)
    v = torch.lerp(g * g, v, beta2)
    m_hat = m / (1 - beta1 ** (t + later)) if corrected else m
    v_hat = v / (1 - beta2 ** (t + later)) if corrected else v
    new = w - lr * m_hat / (torch.sqrt(v_hat + eps) if inside else torch.sqrt(v_hat) + eps)
    return (new, m_hat, v_hat) if stored_hats else (new, m, v)


def adam_by_torch(w, g, m, v, t, lr, beta1, beta2, eps):
    parameter = torch.nn.Parameter(w.clone())
    parameter.grad = g.clone()
    optimise = torch.optim.Adam([parameter], lr=lr, betas=(beta1, beta2), eps=eps)
    step = torch.tensor(float(t - 1))
    optimise.state[parameter] = {"step": step, "exp_avg": m.clone(), "exp_avg_sq": v.clone()}
    optimise.step()
    return parameter.detach(), optimise.state[parameter]["exp_avg"], optimise.state[parameter]["exp_avg_sq"]


def adam_in_place(w, g, m, v, t, lr, beta1, beta2, eps):
    m.mul_(beta1).add_((1 - beta1) * g)
    v.mul_(beta2).add_((1 - beta2) * g * g)
    w.sub_(lr * m / (1 - beta1**t) / ((v / (1 - beta2**t)).sqrt() + eps))
    return w, m, v


def adam_without_root(w, g, m, v, t, lr, beta1, beta2, eps):
    _, m, v = adam(w, g, m, v, t, lr, beta1, beta2, eps)
    return w - lr * (m / (1 - beta1**t)) / (v / (1 - beta2**t) + eps), m, v


def adam_with_mixed_betas(w, g, m, v, t, lr, beta1, beta2, eps):
    m = (1 - beta1) * m + beta1 * g
    v = (1 - beta2) * v + beta2 * g**2
    return w - lr * (m / (1 - beta1**t)) / (torch.sqrt(v / (1 - beta2**t)) + eps), m, v


def adam_corrected_by(hat):
    def step(w, g, m, v, t, lr, beta1, beta2, eps):
        _, m, v = adam(w, g, m, v, t, lr, beta1, beta2, eps)
        return w - lr * hat(m, beta1, t) / (hat(v, beta2, t).sqrt() + eps), m, v

    return step


def adam_uphill(w, g, m, v, *rest):
    new, m, v = adam(w, g, m, v, *rest)
    return 2 * w - new, m, v


def windows_by_loop(tokens, k):
    pairs = [(tokens[i : i + k], tokens[i + k]) for i in range(len(tokens) - k)]
    return torch.stack([context for context, _ in pairs]), torch.stack([target for _, target in pairs])


def windows_by_index(tokens, k):
    rows = torch.arange(len(tokens) - k)[:, None] + torch.arange(k + 1)
    return [tokens[rows][:, :-1], tokens[rows][:, -1]]


def windows_in_range(tokens, k, first=0, last=0, shift=0):
    places = range(first, len(tokens) - k - last)
    return torch.stack([tokens[i : i + k] for i in places]), tokens[[i + k + shift for i in places]]


def windows_with_target(tokens, k):
    return torch.stack([tokens[i : i + k + 1] for i in range(len(tokens) - k)]), tokens[k:]


def windows_in_zeros(tokens, k):
    contexts, targets = torch.zeros(len(tokens) - k, k), torch.zeros(len(tokens) - k)
    for place in range(len(tokens) - k):
        contexts[place], targets[place] = tokens[place : place + k], tokens[place + k]
    return contexts, targets


def windows_apart(tokens, k):
    contexts, targets = windows_by_loop(tokens, k)
    return contexts[::k], targets[::k]


RIGHT = {
    "softmax": [softmax_by_rows, functools.partial(torch.softmax, dim=-1), lambda z: (z - z.logsumexp(-1, True)).exp()],
    "cross_entropy_gradient": [by_autograd, by_autograd_on_the_input, by_index],
    "gradients": [forwards, by_tensor, lambda tape: tuple(forwards(tape)), lambda tape: by_tensor(tape).numpy()],
    "initial_weights": [
        lambda n, m: torch.empty(n, m).normal_(0, n**-0.5),
        lambda n, m: (2 * torch.rand(n, m) - 1) * math.sqrt(3 / n),
        lambda n, m: torch.nn.Parameter(torch.randn(m, n).T / math.sqrt(n)),
    ],
    "adam_step": [adam, adam_by_torch, lambda *inputs: list(adam(*inputs))],
    "context_windows": [windows_by_loop, windows_by_index, lambda t, k: (t.unfold(0, k, 1)[:-1], t[k:])],
}
WRONG = {
    "softmax": [
        (lambda z: z.exp() / z.exp().sum(-1, keepdim=True), "exp(1000) is infinite"),
        (lambda z: (z - z.max()).exp() / (z - z.max()).exp().sum(-1, keepdim=True), "subtract each row's own"),
        (lambda z: torch.softmax(z, dim=0), "the first axis (dim=0)"),
        (softmax_over_first_axis, "the sum runs over"),
        (lambda z: z.exp() / z.exp().sum(), "the whole table"),
        (lambda z: z.exp() / z.exp().sum(0), "the first axis"),
        (softmax_without_keepdim, "your code raised RuntimeError in its line `return e / e.sum(-1)`"),
        (lambda z: torch.exp(z - z.max(-1, keepdim=True).values), "the division by the sum"),
        (lambda z: z / z.sum(-1, keepdim=True), "the exponential is missing"),
        (lambda z: z.sigmoid(), "this is the sigmoid"),
        (lambda z: z.log_softmax(-1), "leave the log away"),
        (lambda z: softmax_by_rows(z).tolist(), "a tensor is expected"),
        (lambda z: torch.softmax(z, -1) * z.shape[-1], "not by its mean"),
        (lambda z: (z - z.mean(-1, True)).exp() / (z - z.mean(-1, True)).exp().sum(-1, True), "far above the mean"),
        (lambda z: (z - z.amin(-1, True)).exp() / (z - z.amin(-1, True)).exp().sum(-1, True), "not the least"),
        (lambda z: torch.softmax(-z, -1), "the sign is turned round"),
        (lambda z: torch.softmax(z - z.mean(), 0), "the first axis"),
    ],
    "cross_entropy_gradient": [
        (without_mean, "divide by the number of examples"),
        (of_sum_over_all, "you divide by the columns too"),
        (lambda z, y: -by_index(z, y), "the sign is turned round"),
        (lambda z, y: -without_mean(z, y), "the mean over rows is missing"),
        (lambda z, y: z.softmax(-1), "these are the probabilities"),
        (lambda z, y: z.softmax(-1) / len(y), "the targets are missing"),
        (lambda z, y: (z - F.one_hot(y, z.shape[1])) / len(y), "the softmax is missing"),
        (lambda z, y: (z.softmax(0) - F.one_hot(y, z.shape[1])) / len(y), "runs over the examples"),
        (lambda z, y: F.cross_entropy(z, y), "this is the loss itself"),
        (lambda z, y: -F.one_hot(y, z.shape[1]) / z.softmax(1) / len(y), "not the logits"),
        (lambda z, y: F.one_hot(y, z.shape[1]) * (z.softmax(1) - 1) / len(y), "a gradient too"),
        (lambda z, y: without_mean(z, y) / z.shape[1], "the examples are the rows"),
        (lambda z, y: z.softmax(1) - F.one_hot(y, z.shape[1]) / len(y), "p as well"),
        (with_half_the_mean, "y as well"),
        (by_columns, "is y in every row"),
        (lambda z, y: (z.softmax(1) - F.one_hot(y)) / len(y), "your code raised RuntimeError"),
        (own_input_changed, "changes its input in place"),
        (lambda z, y: (z.softmax(-1) - y) / len(y), "the number of a column"),
    ],
    "gradients": [
        (overwriting, "add, with `+=`"),
        (from_the_front, "walk back through all"),
        (one_step_back, "only the last step"),
        (from_ones, "only the last value begins at 1"),
        (without_a_start, "all stays 0"),
        (slopes_added, "the chain rule multiplies"),
        (slopes_alone, "the slopes are added up alone"),
        (depth_first, "some count double"),
        (lambda tape: forwards(tape)[::-1], "reversed order"),
        (lambda tape: forwards(tape)[:-1], "for [[], [], [(0, 3.0), (1, 2.0)]]"),
        (lambda tape: sum(forwards(tape)), "expected [3.0, 2.0, 1.0]"),
    ],
    "initial_weights": [
        (lambda n, m: torch.zeros(n, m), "hold one number"),
        (lambda n, m: torch.full((n, m), n**-0.5), "hold one number"),
        (lambda n, m: (torch.randn(n, 1) / n**0.5).expand(n, m), "hold one number"),
        (lambda n, m: torch.randn(n, m), "the variance is 1:"),
        (lambda n, m: torch.randn(n, m) / n, "take its square root"),
        (lambda n, m: torch.randn(n, m) * n**0.5, "divide by it"),
        (lambda n, m: torch.randn(n, m) / m**0.5, "a sum runs over fan_in"),
        (lambda n, m: torch.randn(m, n) / n**0.5, "the shape is turned round"),
        (lambda n, m: torch.randn(n, m) * (2 / n) ** 0.5, "meant for ReLU"),
        (lambda n, m: torch.nn.init.kaiming_normal_(torch.empty(n, m)), "takes the columns for fan_in"),
        (lambda n, m: torch.nn.init.xavier_normal_(torch.empty(n, m)), "Glorot's"),
        (lambda n, m: (2 * torch.rand(n, m) - 1) / n**0.5, "uniform between -a and a"),
        (lambda n, m: (torch.rand(n, m) - 0.5) / n**0.5, "torch.rand has variance 1 / 12"),
        (lambda n, m: torch.rand(n, m) / n**0.5, "the mean is"),
        (lambda n, m: torch.randn(n, m) * 0.05, "the scale must follow fan_in"),
        (lambda n, m: torch.randn(n) / n**0.5, "yours are torch.float32, (400,)"),
        (lambda n, m: torch.randn(n, m).numpy() / n**0.5, "a tensor is expected"),
        (lambda n, m: torch.randn(n, m) * 3 / n**0.5, "should be 0.05, but yours is 0.15"),
    ],
    "adam_step": [
        (functools.partial(adam, corrected=False), "the bias correction is missing"),
        (functools.partial(adam, inside=True), "eps is inside the root"),
        (functools.partial(adam, stored_hats=True), "you return the corrected means"),
        (functools.partial(adam, later=1), "no t + 1"),
        (functools.partial(adam, later=-1), "no t - 1"),
        (adam_without_root, "the root is missing"),
        (adam_with_mixed_betas, "the betas weigh the wrong side"),
        (adam_corrected_by(lambda mean, beta, t: mean / (1 - beta)), "right at t = 1 only"),
        (adam_corrected_by(lambda mean, beta, t: mean / (1 - beta * t)), "to the power of t"),
        (adam_corrected_by(lambda mean, beta, t: mean * (1 - beta**t)), "too small at first"),
        (lambda *inputs: [adam(*inputs)[place] for place in (0, 2, 1)], "m and v are swapped"),
        (lambda *inputs: torch.stack(adam(*inputs)), "not one that holds them"),
        (lambda w, g, m, v, t, lr, b1, b2, eps: adam(w, g, m, v, t, lr, b1, b1, eps), "beta2"),
        (adam_uphill, "you walk uphill"),
        (adam_in_place, "changes its input in place"),
        (lambda *inputs: adam(*inputs)[0], "return three things"),
        (lambda w, g, m, v, *rest: (adam(w, g, m, v, *rest)[0], m, v), "return the new m and v"),
        (lambda w, g, m, v, t, lr, *rest: adam(w, g, m, v, t, 1.0, *rest), "the learning rate is missing"),
        (lambda w, g, m, v, t, lr, b1, b2, eps: adam(w, g, m, v, t, lr, b1, b2, 0.0), "eps is missing"),
        (lambda w, g, m, v, t, lr, b1, b2, eps: adam(w, g, m, v, t, lr, b2, b1, eps), "but got"),
        (lambda w, g, m, v, t, lr, *rest: (w - lr * g, *adam(w, g, m, v, t, lr, *rest)[1:]), "but got"),
    ],
    "context_windows": [
        (functools.partial(windows_in_range, last=1), "the last context is missing"),
        (functools.partial(windows_in_range, first=1), "the first context is missing"),
        (functools.partial(windows_in_range, shift=-1), "the context's last token"),
        (functools.partial(windows_in_range, last=1, shift=1), "one too far"),
        (lambda t, k: (t.unfold(0, k, 1)[:-1], t[:-k]), "the context's first token"),
        (lambda t, k: (t.unfold(0, k, 1)[1:], t[k:]), "ends with its own target"),
        (lambda t, k: t.unfold(0, k + 1, 1), "return two tensors"),
        (windows_in_zeros, "have become decimals"),
        (lambda t, k: [(t[i : i + k], t[i + k]) for i in range(len(t) - k)], "a list of pairs"),
        (lambda t, k: [part.tolist() for part in windows_by_loop(t, k)], "tensors are expected"),
        (windows_with_target, "that is cheating"),
        (lambda t, k: (t.unfold(0, k, 1), t[k:]), "nothing follows the last one"),
        (lambda t, k: (t.unfold(0, k, 1)[:-1], t.unfold(0, k, 1)[1:]), "not a whole window"),
        (windows_apart, "do not overlap"),
        (lambda t, k: (windows_by_loop(t, k)[0].flip(1), t[k:]), "the oldest token first"),
        (lambda t, k: (windows_by_loop(t, k)[0].T, t[k:]), "stand as columns"),
        (lambda t, k: (windows_by_loop(t, k)[0], t[k:, None]), "the targets are a column"),
        (lambda t, k: windows_by_loop(t, k)[0], "return two things"),
        (lambda t, k: windows_by_loop(t, k)[::-1], "swapped"),
        (lambda t, k: tuple(part.float() for part in windows_by_loop(t, k)), "have become decimals"),
    ],
}
