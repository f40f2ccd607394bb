"""Answers to the exercises of speed_run: other right ones, and wrong ones with words of their message."""

import math
import statistics

import numpy as np
import torch
from scipy import stats
from torch import nn
from torch.nn import functional as F

from course_lib.training import TrainingConfig, learning_rate, orthogonalise


def steps_by_numpy(recipe, entry, budget):
    return np.maximum(1, np.round(budget * np.median(np.array(recipe) / np.array(entry)))).astype(int)


def steps_by_sorting(recipe, entry, budget, pick=lambda ratios: ratios[len(ratios) // 2], end=lambda n: max(1, n)):
    ratios = sorted(r / e for r, e in zip(recipe, entry, strict=True))
    return end(round(budget * pick(ratios)))


def gain_by_scipy(before, after):
    gains = np.subtract(before, after)
    low, high = stats.t.interval(0.95, len(gains) - 1, gains.mean(), stats.sem(gains))
    return [gains.mean(), low, high]


def gain_by_hand(before, after, t=lambda n: stats.t.ppf(0.975, n - 1), spread=statistics.stdev, root=math.sqrt):
    gains = [b - a for b, a in zip(before, after, strict=True)]
    half = t(len(gains)) * spread(gains) / root(len(gains))
    return statistics.mean(gains), statistics.mean(gains) - half, statistics.mean(gains) + half


def gain_of_means(before, after):
    mean, n = statistics.mean(before) - statistics.mean(after), len(before)
    half = stats.t.ppf(0.975, n - 1) * math.sqrt((statistics.variance(before) + statistics.variance(after)) / n)
    return mean, mean - half, mean + half


def rate_by_library(step, steps, warmup, highest):
    settings = {"warmup_steps": warmup, "schedule": "trapezoid", "decay_steps": steps - warmup}
    return learning_rate(step, TrainingConfig(steps=steps, learning_rate=highest, **settings))


def rate_by_least(step, steps, warmup, highest, first=1, last=0):
    rise = (step + first) / warmup if warmup else 1
    return highest * min(rise, (steps - last - step) / (steps - last - warmup)) if step >= warmup else highest * rise


def rms_by_torch(x, gain, eps):
    norm = nn.RMSNorm(x.shape[-1], eps)
    norm.weight.data = gain
    return norm(x)


def rms_by_power(x, gain, eps):
    return gain * x * torch.rsqrt(x.pow(2).mean(-1, True) + eps)


def swiglu_by_linear(x, gate, value, out):
    return F.linear(F.silu(F.linear(x, gate)) * F.linear(x, value), out)


def swiglu_by_sigmoid(x, gate, value, out, join=torch.mul):
    z = x @ gate.T
    return join(z / (1 + (-z).exp()), x @ value.T) @ out.T


def schulz_on_the_other_side(matrix, steps=5, start=lambda m: m / m.norm(), b=-4.7750, c=2.0315):
    x = start(matrix)
    for _ in range(steps):
        square = x.T @ x
        x = 3.4445 * x + x @ (b * square + c * square @ square)
    return x


def schulz_by_values(matrix):
    u, s, v = torch.linalg.svd(matrix, full_matrices=False)
    s = s / s.norm()
    for _ in range(5):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    return u * s @ v


def rows_by_numpy(tokens, n, vocab_size, size):
    padded = np.array([0] * (n - 1) + tokens)
    grams = np.lib.stride_tricks.sliding_window_view(padded, n)
    return (grams @ vocab_size ** np.arange(n)[::-1]) % size


def rows_one_by_one(tokens, n, vocab_size, size, first=None, behind=0, wrap=False):
    found = []
    for place in range(len(tokens)):
        number = 0
        for k in range(place - n + 1 if first is None else place + first, place + 1 + behind):
            number = number * vocab_size + (tokens[k % len(tokens)] if wrap or 0 <= k < len(tokens) else 0)
        found.append(number % size)
    return found


RIGHT = {
    "steps_in_time": [steps_by_numpy, steps_by_sorting],
    "gain": [gain_by_scipy, gain_by_hand, lambda before, after: np.array(gain_by_hand(before, after))],
    "straight_rate": [rate_by_library, rate_by_least],
    "rms_norm": [rms_by_torch, rms_by_power],
    "swiglu": [swiglu_by_linear, swiglu_by_sigmoid],
    "newton_schulz": [lambda matrix: orthogonalise(matrix), schulz_on_the_other_side, schulz_by_values],
    "ngram_rows": [rows_by_numpy, rows_one_by_one],
}
WRONG = {
    "steps_in_time": [
        (lambda recipe, entry, budget: steps_by_sorting(entry, recipe, budget), "turned over"),
        (lambda *inputs: steps_by_sorting(*inputs, pick=statistics.mean), "the mean of the ratios"),
        (
            lambda recipe, entry, budget: max(1, round(budget * np.median(recipe) / np.median(entry))),
            "compare turn by turn",
        ),
        (lambda recipe, entry, budget: max(1, round(budget * sum(recipe) / sum(entry))), "the mean of each"),
        (lambda recipe, entry, budget: max(1, round(budget * recipe[0] / entry[0])), "one turn is chance"),
        (lambda *inputs: steps_by_sorting(*inputs, pick=max), "is luck"),
        (lambda *inputs: steps_by_sorting(*inputs, end=lambda n: n), "not 0"),
        (
            lambda recipe, entry, budget: max(1, int(budget * np.median(np.array(recipe) / entry))),
            "cut off, not rounded",
        ),
        (lambda recipe, entry, budget: budget * float(np.median(np.array(recipe) / entry)), "steps are whole"),
        (lambda *inputs: steps_by_sorting(*inputs, pick=min), "expected"),
    ],
    "gain": [
        (lambda before, after: gain_by_hand(after, before), "turned over"),
        (lambda *inputs: gain_by_hand(*inputs, spread=statistics.pstdev), "n - 1, not n"),
        (lambda *inputs: gain_by_hand(*inputs, root=lambda n: 1), "divide the standard deviation"),
        (lambda *inputs: gain_by_hand(*inputs, root=lambda n: n), "not by n"),
        (lambda *inputs: gain_by_hand(*inputs, t=lambda n: 1.96), "1.96 is for many"),
        (lambda *inputs: gain_by_hand(*inputs, t=lambda n: stats.t.ppf(0.975, n)), "degrees of freedom"),
        (lambda *inputs: gain_by_hand(*inputs, t=lambda n: stats.t.ppf(0.95, n - 1)), "at each end"),
        (lambda *inputs: gain_by_hand(*inputs, t=lambda n: 1), "one standard error"),
        (gain_of_means, "the seeds are pairs"),
        (lambda *inputs: sorted(gain_by_hand(*inputs)), "the order is"),
        (lambda *inputs: (gain_by_hand(*inputs)[0],) * 3, "expected"),
    ],
    "straight_rate": [
        (lambda *inputs: rate_by_least(*inputs, first=0), "would learn nothing"),
        (lambda *inputs: rate_by_least(*inputs, last=1), "the last step"),
        (
            lambda step, steps, warmup, highest: highest * min(1, (step + 1) / max(warmup, 1)),
            "this stays",
        ),
        (
            lambda step, steps, warmup, highest: learning_rate(
                step, TrainingConfig(steps=steps, learning_rate=highest, warmup_steps=warmup)
            ),
            "this is the cosine",
        ),
        (
            lambda step, steps, warmup, highest: (
                highest * ((step + 1) / warmup if step < warmup else (steps - step) / steps)
            ),
            "divide by steps - warmup",
        ),
        (
            lambda step, steps, warmup, highest: highest * (1 if step < warmup else (steps - step) / (steps - warmup)),
            "there at once",
        ),
        (lambda step, steps, warmup, highest: highest * (1 - step / steps), "expected"),
    ],
    "rms_norm": [
        (lambda x, gain, eps: F.layer_norm(x, x.shape[-1:], gain, None, eps), "this is LayerNorm"),
        (lambda x, gain, eps: gain * x / (x.pow(2).sum(-1, True) + eps).sqrt(), "take their mean"),
        (lambda x, gain, eps: gain * x / (x.pow(2).mean(-1, True) + eps), "the root is missing"),
        (lambda x, gain, eps: gain * x / (x.pow(2).mean(-1, True).sqrt() + eps), "under the root"),
        (lambda x, gain, eps: rms_by_power(x, gain, 0), "eps is missing"),
        (lambda x, gain, eps: rms_by_power(x, torch.ones_like(gain), eps), "the gain is missing"),
        (lambda x, gain, eps: rms_by_power(x, 1 + gain, eps), "Gemma's"),
        (lambda x, gain, eps: gain * x / (x.pow(2).mean() + eps).sqrt(), "each position has its own"),
        (lambda x, gain, eps: gain * x / (x.pow(2).mean(-2, True) + eps).sqrt(), "not over the positions"),
        (lambda x, gain, eps: 2 * rms_by_power(x, gain, eps), "expected"),
    ],
    "swiglu": [
        (lambda x, gate, value, out: swiglu_by_linear(x, value, gate, out), "belongs to the gate's product"),
        (lambda x, gate, value, out: ((x @ gate.T).sigmoid() * (x @ value.T)) @ out.T, "sigmoid alone"),
        (lambda x, gate, value, out: (F.gelu(x @ gate.T) * (x @ value.T)) @ out.T, "this is GEGLU"),
        (lambda x, gate, value, out: (F.relu(x @ gate.T) * (x @ value.T)) @ out.T, "this is ReGLU"),
        (lambda x, gate, value, out: ((x @ gate.T) * (x @ value.T)) @ out.T, "the bend is missing"),
        (lambda *inputs: swiglu_by_sigmoid(*inputs, join=torch.add), "not added"),
        (lambda *inputs: swiglu_by_sigmoid(*inputs, join=lambda bent, plain: bent), "is missing"),
        (lambda *inputs: swiglu_by_sigmoid(*inputs, join=lambda bent, plain: bent * F.silu(plain)), "both products"),
        (lambda x, gate, value, out: (F.silu(x @ gate) * (x @ value)) @ out, "raised"),
        (lambda *inputs: 2 * swiglu_by_linear(*inputs), "expected"),
    ],
    "newton_schulz": [
        (lambda matrix: schulz_on_the_other_side(matrix, start=lambda m: m), "fly away"),
        (
            lambda matrix: schulz_on_the_other_side(matrix, start=lambda m: m / torch.linalg.svdvals(m)[0]),
            "the largest singular value",
        ),
        (lambda matrix: schulz_on_the_other_side(matrix, start=lambda m: m / m.abs().max()), "the largest entry"),
        (lambda matrix: schulz_on_the_other_side(matrix, start=lambda m: F.normalize(m, dim=1)), "each row"),
        (lambda matrix: schulz_on_the_other_side(matrix, steps=1), "not one"),
        (lambda matrix: schulz_on_the_other_side(matrix, steps=4), "yours are four"),
        (lambda matrix: schulz_on_the_other_side(matrix, c=0), "the last term"),
        (lambda matrix: schulz_on_the_other_side(matrix, b=2.0315, c=-4.7750), "there is NaN"),
        (lambda matrix: schulz_on_the_other_side(matrix, b=4.7750), "b is negative"),
        (lambda matrix: matrix / matrix.norm(), "expected"),
    ],
    "ngram_rows": [
        (lambda t, n, V, size: rows_one_by_one(t, n, V, size, first=0, behind=n - 1), "begins at the place"),
        (lambda t, n, V, size: rows_one_by_one(t, n, V, size, first=-n, behind=-1), "ends one before"),
        (lambda *inputs: rows_one_by_one(*inputs, wrap=True), "no ring"),
        (lambda t, n, V, size: [one % size for one in t], "own token alone"),
        (lambda t, n, V, size: rows_one_by_one(t, n + 1, V, size), "one token too many"),
        (
            lambda t, n, V, size: [
                sum(k * V**i for i, k in enumerate(([0] * n + t)[p + 1 : p + n + 1])) % size for p in range(len(t))
            ],
            "counts 1",
        ),
        (
            lambda t, n, V, size: [sum(([0] * n + t)[p + 1 : p + n + 1]) % size for p in range(len(t))],
            "a plain sum",
        ),
        (lambda t, n, V, size: rows_by_numpy(t, n, V, V**n).tolist(), "modulo size"),
        (lambda t, n, V, size: rows_by_numpy(t, n, V, size)[n - 1 :], "expected"),
    ],
}
