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


def shares(e):
    return e / e.sum(-1, keepdim=True)


def softmax_over_first_axis(logits):
    e = torch.exp(logits - logits.max())
    return e / e.sum(dim=0)


def softmax_without_keepdim(logits):
    e = torch.exp(logits)
    return e / e.sum(-1)


def corrected(mean, beta, t):
    return mean / (1 - beta**t)


def adam_with(
    new_m=lambda m, g, beta: beta * m + (1 - beta) * g,
    new_v=lambda v, g, m, beta: beta * v + (1 - beta) * g * g,
    m_hat=corrected,
    v_hat=corrected,
    size=lambda v, eps: v.sqrt() + eps,
    one_beta=False,
    plain=False,
):
    def step(w, g, m, v, t, lr, beta1, beta2, eps):
        m = new_m(m, g, beta1)
        v = new_v(v, g, m, beta2)
        along = g if plain else m_hat(m, beta1, t)
        return w - lr * along / size(v_hat(v, beta1 if one_beta else beta2, t), eps), m, v

    return step


def adam_one_late(w, g, m, v, t, lr, beta1, beta2, eps):
    w = w - lr * corrected(m, beta1, t) / (corrected(v, beta2, t).sqrt() + eps)
    return w, beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g


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


def windows_round(tokens, k):
    places = (torch.arange(len(tokens))[:, None] + torch.arange(k + 1)) % len(tokens)
    return tokens[places[:, :-1]], tokens[places[:, -1]]


def windows_filled(tokens, k):
    padded = torch.cat([torch.zeros(k, dtype=torch.long), tokens])
    return torch.stack([padded[i : i + k] for i in range(len(tokens))]), tokens


def windows_apart(tokens, k):
    contexts, targets = windows_by_loop(tokens, k)
    return contexts[::k], targets[::k]


def scales_by_measuring():
    generator = torch.Generator().manual_seed(0)
    z, scales = torch.randn(100_000, generator=generator), []
    for fan_in, activation in ((400, lambda z: z), (100, torch.relu), (256, torch.tanh), (64, torch.sigmoid)):
        scales.append((fan_in * activation(z).square().mean()) ** -0.5)
    return scales


def choosing(**changes):
    usual = {"context_length": 4, "d_embed": 16, "d_hidden": 64, "batch_size": 256, "learning_rate": 0.02}
    return lambda: usual | changes


RIGHT = {
    "softmax": [
        softmax_by_rows,
        functools.partial(torch.softmax, dim=-1),
        lambda z: (z - z.logsumexp(-1, True)).exp(),
        lambda z: softmax_by_rows(z).tolist(),
    ],
    "initial_scales": [
        lambda: [0.05, 0.14, 0.1, 0.23],
        lambda: torch.tensor([0.05, 0.1414, 0.0995, 0.2308]),
        scales_by_measuring,
    ],
    "adam_step": [adam, adam_by_torch, lambda *inputs: list(adam(*inputs)), lambda *inputs: torch.stack(adam(*inputs))],
    "context_windows": [
        windows_by_loop,
        windows_by_index,
        lambda t, k: [part.tolist() for part in windows_by_loop(t, k)],
    ],
    "within_budget": [choosing(), choosing(d_hidden=80)],
}
WRONG = {
    "softmax": [
        (lambda z: z.exp() / z.exp().sum(-1, keepdim=True), "exp(1000) is infinite"),
        (lambda z: (z - z.max()).exp() / (z - z.max()).exp().sum(-1, keepdim=True), "subtract each row's own"),
        (lambda z: torch.softmax(z, dim=0), "the first axis (dim=0)"),
        (softmax_over_first_axis, "the sum runs over"),
        (lambda z: z.exp() / z.exp().sum(), "the whole table"),
        (lambda z: z.exp() / z.exp().sum(0), "the first axis"),
        (softmax_without_keepdim, "your code raised RuntimeError"),
        (lambda z: softmax_without_keepdim(z - z.amax(-1, True)), "your code raised RuntimeError"),
        (lambda z: shares(torch.exp(z - z.abs().max(-1, keepdim=True).values)), "the largest absolute value"),
        (lambda z: shares(torch.exp(z - z.max(0, keepdim=True).values)), "the largest logit of each column"),
        (lambda z: shares(torch.exp(z.clamp(-80, 80))), "limits on the logits"),
        (lambda z: shares(torch.exp(z / z.abs().max(-1, keepdim=True).values)), "changes their differences"),
        (lambda z: z.softmax(1) if z.ndim > 1 else z.softmax(0), "the sum runs over dim=1"),
        (lambda z: F.normalize(torch.exp(z - z.max(-1, keepdim=True).values), dim=-1), "not by its norm"),
        (lambda z: shares(2 ** (z - z.max(-1, keepdim=True).values)), "this is a power of 2"),
        (lambda z: torch.softmax(z.abs(), -1), "every logit is taken as positive"),
        (lambda z: torch.softmax(torch.softmax(z, -1), -1), "softmax is taken twice"),
        (lambda z: torch.eq(z, z.max(-1, keepdim=True).values) * 1.0, "1 for the largest logit"),
        (lambda z: shares(torch.exp(z) - z.max(-1, keepdim=True).values), "before exp, not after it"),
        (lambda z: torch.exp(z - z.max(-1, keepdim=True).values), "the division by the sum"),
        (lambda z: z / z.sum(-1, keepdim=True), "the exponential is missing"),
        (lambda z: z.sigmoid(), "this is the sigmoid"),
        (lambda z: z.log_softmax(-1), "leave out the log"),
        (lambda z: torch.softmax(z, -1) * z.shape[-1], "not by its mean"),
        (lambda z: (z - z.mean(-1, True)).exp() / (z - z.mean(-1, True)).exp().sum(-1, True), "far above the mean"),
        (lambda z: (z - z.amin(-1, True)).exp() / (z - z.amin(-1, True)).exp().sum(-1, True), "not the least"),
        (lambda z: torch.softmax(-z, -1), "the sign is reversed"),
        (lambda z: torch.softmax(z - z.mean(), 0), "the first axis"),
    ],
    "initial_scales": [
        (lambda: [400**-0.5, 100**-0.5, 256**-0.5, 64**-0.5], "ReLU, tanh and sigmoid put out less"),
        (lambda: [(2 / n) ** 0.5 for n in (400, 100, 256, 64)], "right after ReLU alone"),
        (lambda: [0.05, 0.1414, 256**-0.5, 64**-0.5], "neither 1 nor a half"),
        (lambda: [0.05, 0.1414, 0.0995, (64 * 0.0434) ** -0.5], "after the sigmoid the mean counts too"),
        (lambda: [0.05, (34.08) ** -0.5, 0.0995, 0.2308], "after ReLU the mean counts too"),
        (lambda: [1 / 400, 1 / 50, 1 / 100.9, 1 / 18.8], "these are the variances"),
        (lambda: [0.05, 0.0707, 0.0392, 0.0677], "belongs under the root with fan-in"),
        (lambda: [1, 1.414, 1.593, 1.846], "fan-in is missing"),
        (lambda: [0.05, 0.14, 0.1], "four standard deviations are expected"),
        (lambda: [0.05, 0.14, 0.1, -0.23], "a number above 0"),
    ],
    "adam_step": [
        (functools.partial(adam, corrected=False), "the bias correction is missing"),
        (functools.partial(adam, inside=True), "eps is inside the root"),
        (functools.partial(adam, stored_hats=True), "you return the corrected means"),
        (functools.partial(adam, later=1), "no t + 1"),
        (functools.partial(adam, later=-1), "no t - 1"),
        (adam_without_root, "the root is missing"),
        (adam_with_mixed_betas, "each beta is on the wrong side"),
        (adam_corrected_by(lambda mean, beta, t: mean / (1 - beta)), "right at t = 1 only"),
        (adam_corrected_by(lambda mean, beta, t: mean / (1 - beta * t)), "to the power of t"),
        (adam_corrected_by(lambda mean, beta, t: mean * (1 - beta**t)), "too small at first"),
        (lambda *inputs: [adam(*inputs)[place] for place in (0, 2, 1)], "m and v are swapped"),
        (lambda w, g, m, v, t, lr, b1, b2, eps: adam(w, g, m, v, t, lr, b1, b1, eps), "beta2"),
        (adam_uphill, "you walk uphill"),
        (adam_in_place, "changes its input in place"),
        (lambda *inputs: adam(*inputs)[0], "return three things"),
        (lambda w, g, m, v, *rest: (adam(w, g, m, v, *rest)[0], m, v), "return the new m and v"),
        (lambda w, g, m, v, t, lr, *rest: adam(w, g, m, v, t, 1.0, *rest), "the learning rate is missing"),
        (lambda w, g, m, v, t, lr, b1, b2, eps: adam(w, g, m, v, t, lr, b1, b2, 0.0), "eps is missing"),
        (lambda w, g, m, v, t, lr, b1, b2, eps: adam(w, g, m, v, t, lr, b2, b1, eps), "exchanged"),
        (lambda w, g, m, v, t, lr, b1, b2, eps: adam(w, g, m, v, t, lr, b2, b2, eps), "beta2 for both"),
        (adam_with(v_hat=lambda v, beta, t: v), "v must be corrected too"),
        (adam_with(m_hat=lambda m, beta, t: m), "m must be corrected too"),
        (adam_corrected_by(lambda mean, beta, t: mean / (1 - beta) ** t), "only beta is raised"),
        (adam_corrected_by(lambda mean, beta, t: mean / beta**t), "the 1 - is missing"),
        (adam_with(one_beta=True), "with its own beta"),
        (adam_with(size=lambda v, eps: torch.maximum(v.sqrt(), torch.tensor(eps))), "it is no lower limit"),
        (adam_with(size=lambda v, eps: 1.0), "v is not used"),
        (adam_with(size=lambda v, eps: 1 / (v**0.5 + eps)), "you multiply by sqrt(v) + eps"),
        (adam_with(m_hat=lambda m, beta, t: m / (1 - beta**t), plain=True), "not along g alone"),
        (adam_one_late, "update m and v first"),
        (lambda *inputs: (inputs[0] - adam(*inputs)[0], *adam(*inputs)[1:]), "this is the step alone"),
        (adam_with(new_v=lambda v, g, m, beta: beta * v + (1 - beta) * abs(g)), "mean of the squared gradients"),
        (adam_with(new_v=lambda v, g, m, beta: beta * v + (1 - beta) * m * m), "not of m squared"),
        (adam_with(new_v=lambda v, g, m, beta: beta * v + (g - beta * g) ** 2), "not (1 - beta2) as well"),
        (adam_with(new_m=lambda m, g, beta: m - beta * m + beta * g), "beta1 is on the wrong side"),
        (adam_with(new_v=lambda v, g, m, beta: v - beta * v + beta * g * g), "beta2 is on the wrong side"),
        (adam_with(new_m=lambda m, g, beta: beta * m + g), "the factors 1 - beta are missing"),
        (adam_with(new_v=lambda v, g, m, beta: v + (1 - beta) * g * g), "must shrink by beta"),
        (adam_with(new_m=lambda m, g, beta: g - beta * g), "the old means are not used"),
        (lambda w, *rest: (w, *adam(w, *rest)[1:]), "return the new w, not the old"),
        (lambda w, g, m, v, t, lr, *rest: (w - lr * g, *adam(w, g, m, v, t, lr, *rest)[1:]), "a plain gradient step"),
    ],
    "context_windows": [
        (functools.partial(windows_in_range, last=1), "the last context is missing"),
        (functools.partial(windows_in_range, first=1), "the first context is missing"),
        (functools.partial(windows_in_range, shift=-1), "own last token"),
        (functools.partial(windows_in_range, last=1, shift=1), "one too far"),
        (lambda t, k: (t.unfold(0, k, 1)[:-1], t[:-k]), "own first token"),
        (lambda t, k: (t.unfold(0, k, 1)[:-1], t[1 : len(t) - k + 1]), "the second token of the context"),
        (lambda t, k: (t.unfold(0, k, 1)[:-1], t[1:]), "all tokens from the second on"),
        (lambda t, k: (windows_by_loop(t, k)[0], t), "the targets are all tokens:"),
        (windows_round, "does not go round"),
        (windows_filled, "only whole contexts are wanted"),
        (lambda t, k: tuple(part.flip(0) for part in windows_by_loop(t, k)), "the last context comes first"),
        (lambda t, k: (windows_by_loop(t, k)[0].reshape(-1), t[k:]), "one long row"),
        (lambda t, k: t[k:], "the targets alone"),
        (lambda t, k: t.unfold(0, k + 1, 1), "return two, windows"),
        (lambda t, k: [(t[i : i + k], t[i + k]) for i in range(len(t) - k)], "a list of pairs"),
        (windows_with_target, "hold the target as well"),
        (lambda t, k: (t.unfold(0, k, 1), t[k:]), "nothing follows the last one"),
        (lambda t, k: (t.unfold(0, k, 1)[:-1], t.unfold(0, k, 1)[1:]), "not a whole window"),
        (windows_apart, "do not overlap"),
        (lambda t, k: (windows_by_loop(t, k)[0].flip(1), t[k:]), "the oldest token first"),
        (lambda t, k: (windows_by_loop(t, k)[0].T, t[k:]), "stand as columns"),
        (lambda t, k: (windows_by_loop(t, k)[0], t[k:, None]), "the targets are a column"),
        (lambda t, k: windows_by_loop(t, k)[0], "return two things"),
        (lambda t, k: windows_by_loop(t, k)[::-1], "swapped"),
    ],
    "within_budget": [
        (choosing(context_length=8, d_hidden=256, learning_rate=0.005), "a smaller hidden layer or a shorter context"),
        (choosing(context_length=2, d_hidden=40, batch_size=512), "a longer context"),
        (choosing(learning_rate=0.001), "a higher rate"),
        (choosing(learning_rate=0.3), "a lower rate"),
        (choosing(d_hidden=10, batch_size=1024, context_length=3), "a larger hidden layer"),
        (choosing(d_hidden=0), "d_hidden is a whole number from 1 to 1024, but yours is 0."),
        (choosing(learning_rate=0), "learning_rate is a number above 0 and at most 1, but yours is 0."),
        (choosing(d_hidden=4, d_embed=17, batch_size=1024), "would take 6,598 steps, and 5,000 is the most"),
        (lambda: [64], "a dictionary with context_length"),
    ],
}
