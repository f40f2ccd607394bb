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


def steps_by_sorting(recipe, entry, budget, pick=statistics.median, end=lambda n: max(1, n)):
    ratios = sorted(r / e for r, e in zip(recipe, entry, strict=True))
    return end(round(budget * pick(ratios)))


def steps_at(speed, end=lambda n: max(1, round(n))):
    """Steps at a speed that is made of both lists in another way."""
    return lambda recipe, entry, budget: end(budget * float(speed(np.array(recipe), np.array(entry))))


def gain_by_scipy(before, after):
    gains = np.subtract(before, after)
    low, high = stats.t.interval(0.95, len(gains) - 1, gains.mean(), stats.sem(gains))
    return [gains.mean(), low, high]


def gain_by_hand(before, after, t=lambda n: stats.t.ppf(0.975, n - 1), spread=statistics.stdev, root=math.sqrt):
    gains = [b - a for b, a in zip(before, after, strict=True)]
    half = t(len(gains)) * spread(gains) / root(len(gains))
    return statistics.mean(gains), statistics.mean(gains) - half, statistics.mean(gains) + half


def gain_with(change=np.subtract, middle=np.mean, spread=np.subtract, half=1.0):
    """The interval by NumPy, with one of its parts changed."""

    def gained(before, after):
        gains = change(np.array(before), np.array(after))
        error = np.std(spread(np.array(before), np.array(after)), ddof=1) / len(gains) ** 0.5
        wide = half * stats.t(len(gains) - 1).isf(0.025) * error
        return middle(gains), middle(gains) - wide, middle(gains) + wide

    return gained


def gain_as(order):
    """Mean and ends of the interval, handed over in another way."""
    return lambda before, after: order(*(float(value) for value in gain_by_scipy(before, after)))


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


def rate_of(rise=lambda n, warmup, steps: n / warmup, fall=lambda left, of, steps: left / of, last_warm=-1):
    """The rate from how many steps there have been, and how many are left."""

    def rate(step, steps, warmup, highest):
        if step <= warmup + last_warm:
            return highest * rise(step + 1, warmup, steps)
        return highest * fall(steps - step, steps - warmup, steps)

    return rate


def rms_by_torch(x, gain, eps):
    norm = nn.RMSNorm(x.shape[-1], eps)
    norm.weight.data = gain
    return norm(x)


def rms_by_power(x, gain, eps):
    return gain * x * torch.rsqrt(x.pow(2).mean(-1, True) + eps)


def rms_by_mean(x, gain, eps, power=2, dim=-1, add=0, scale=torch.mul, keep=True, over=torch.true_divide):
    mean = (x**power).mean(dim, keepdim=keep)
    return scale(over(x + add, torch.sqrt(mean + eps)), gain)


def swiglu_by_linear(x, gate, value, out):
    return F.linear(F.silu(F.linear(x, gate)) * F.linear(x, value), out)


def swiglu_by_sigmoid(x, gate, value, out, join=torch.mul):
    z = x @ gate.T
    return join(z / (1 + (-z).exp()), x @ value.T) @ out.T


def swiglu_of(hidden):
    """The feed-forward layer with another hidden layer between its matrices."""
    return lambda x, gate, value, out: F.linear(hidden(F.linear(x, gate), F.linear(x, value)), out)


def schulz_on_the_other_side(matrix, steps=5, start=lambda m: m / m.norm(), b=-4.7750, c=2.0315):
    x = start(matrix)
    for _ in range(steps):
        square = x.T @ x
        x = 3.4445 * x + x @ (b * square + c * square @ square)
    return x


def schulz_by_terms(second, third, norm=torch.norm, end=lambda x, matrix: x, a=3.4445, b=-4.7750, c=2.0315):
    """Five steps whose second and third terms are made in another way."""

    def stepped(matrix):
        x = matrix / norm(matrix)
        for _ in range(5):
            x = a * x + b * second(x) + c * third(x)
        return end(x, matrix)

    return stepped


def cubed(x):
    return x @ x.T @ x


def to_the_fifth(x):
    return x @ x.T @ x @ x.T @ x


def schulz_with_one_square(matrix):
    x = matrix / matrix.norm()
    square = x @ x.T
    for _ in range(5):
        x = 3.4445 * x - 4.7750 * square @ x + 2.0315 * square @ square @ x
    return x


def schulz_with_norms(matrix):
    x = matrix
    for _ in range(5):
        x = schulz_by_polynomial(x / x.norm())
    return x


def schulz_by_polynomial(x):
    return 3.4445 * x - 4.7750 * cubed(x) + 2.0315 * to_the_fifth(x)


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


def rows_of(grams, base=None, row=lambda number, size: number % size):
    """Rows of n-grams that are cut out, or numbered, in another way."""

    def rows(tokens, n, vocab_size, size):
        B = vocab_size if base is None else base(n, vocab_size, size)
        return [row(sum(t * B**k for k, t in enumerate(reversed(gram))), size) for gram in grams(tokens, n)]

    return rows


def windows(tokens, n):
    return [[tokens[end - k] if end >= k else 0 for k in range(n - 1, -1, -1)] for end in range(len(tokens))]


RIGHT = {
    "steps_in_time": [steps_by_numpy, steps_by_sorting, steps_at(lambda r, e: np.median(r / e))],
    "gain": [gain_by_scipy, gain_by_hand, lambda before, after: np.array(gain_by_hand(before, after)), gain_with()],
    "straight_rate": [rate_by_library, rate_by_least, rate_of(), lambda *inputs: np.float64(rate_by_least(*inputs))],
    "rms_norm": [rms_by_torch, rms_by_power, rms_by_mean],
    "swiglu": [swiglu_by_linear, swiglu_by_sigmoid, swiglu_of(lambda g, v: F.silu(g) * v)],
    "newton_schulz": [
        lambda matrix: orthogonalise(matrix),
        schulz_on_the_other_side,
        schulz_by_values,
        schulz_by_terms(cubed, to_the_fifth),
    ],
    "ngram_rows": [
        rows_by_numpy,
        rows_one_by_one,
        rows_of(windows),
        lambda *inputs: torch.tensor(rows_one_by_one(*inputs)),
    ],
}
WRONG = {
    "steps_in_time": [
        (lambda recipe, entry, budget: steps_by_sorting(entry, recipe, budget), "this is the reciprocal"),
        (lambda *inputs: steps_by_sorting(*inputs, pick=statistics.mean), "the mean of the ratios"),
        (steps_at(lambda r, e: np.exp(np.log(r / e).mean())), "the geometric mean"),
        (steps_at(lambda r, e: 1 / np.mean(e / r)), "the harmonic mean"),
        (steps_at(lambda r, e: np.median(r) / np.median(e)), "compare turn by turn, since"),
        (lambda recipe, entry, budget: max(1, round(budget * sum(recipe) / sum(entry))), "two means, or two sums"),
        (steps_at(lambda r, e: r.min() / e.min()), "the shortest times"),
        (steps_at(lambda r, e: np.median(np.sort(r) / np.sort(e))), "sort each list by itself"),
        (lambda recipe, entry, budget: max(1, round(budget * recipe[0] / entry[0])), "the first turn alone"),
        (steps_at(lambda r, e: r[-1] / e[-1]), "the last turn alone"),
        (steps_at(lambda r, e: (r / e)[len(r) // 2]), "sort the ratios first"),
        (lambda *inputs: steps_by_sorting(*inputs, pick=max), "is luck"),
        (lambda *inputs: steps_by_sorting(*inputs, pick=min), "is bad luck"),
        (lambda *inputs: steps_by_sorting(*inputs, pick=lambda ratios: ratios[len(ratios) // 2]), "the upper one"),
        (
            lambda *inputs: steps_by_sorting(*inputs, pick=lambda ratios: ratios[(len(ratios) - 1) // 2]),
            "the lower one",
        ),
        (steps_at(lambda r, e: round(np.median(r / e))), "the ratio itself is rounded"),
        (lambda *inputs: steps_by_sorting(*inputs, end=lambda n: n), "not 0"),
        (lambda *inputs: steps_by_sorting(*inputs, end=lambda n: n + 1), "does not come on top"),
        (lambda *inputs: steps_by_sorting(*inputs, end=lambda n: min(1, n)), "at least one is `max`"),
        (
            lambda recipe, entry, budget: min(budget, steps_by_sorting(recipe, entry, budget)),
            "do not cap them",
        ),
        (lambda recipe, entry, budget: steps_by_sorting(recipe, entry, 1), "the budget is missing"),
        (steps_at(lambda r, e: np.median(r)), "divide by the entry's seconds"),
        (steps_at(lambda r, e: np.median(r / e), lambda n: max(1, math.floor(n))), "cuts off the fraction"),
        (steps_at(lambda r, e: np.median(r / e), lambda n: max(1, math.ceil(n))), "rounds up"),
        (steps_at(lambda r, e: np.median(r / e), lambda n: n), "a number of steps is whole"),
        (steps_at(lambda r, e: np.median(e / r), int), "two things"),
        (steps_at(lambda r, e: np.median(r / e) + 0.1), "expected"),
    ],
    "gain": [
        (lambda before, after: gain_by_hand(after, before), "the sign is reversed"),
        (gain_with(lambda b, a: abs(b - a)), "expected"),
        (gain_with(lambda b, a: abs(b - a), spread=lambda b, a: abs(b - a)), "counts as positive"),
        (gain_with(lambda b, a: 1 - a / b, spread=lambda b, a: 1 - a / b), "relative to the loss before"),
        (lambda *inputs: gain_by_hand(*inputs, spread=statistics.pstdev), "n - 1, not n"),
        (lambda *inputs: gain_by_hand(*inputs, spread=statistics.variance), "this is the variance"),
        (gain_with(spread=lambda b, a: b), "the losses before"),
        (gain_with(spread=lambda b, a: a), "the losses after"),
        (lambda *inputs: gain_by_hand(*inputs, root=lambda n: 1), "divide the standard deviation"),
        (lambda *inputs: gain_by_hand(*inputs, root=lambda n: n), "not by n"),
        (lambda *inputs: gain_by_hand(*inputs, root=lambda n: (n - 1) ** 0.5), "in the standard deviation already"),
        (lambda *inputs: gain_by_hand(*inputs, t=lambda n: 1.96), "1.96 is for many"),
        (lambda *inputs: gain_by_hand(*inputs, t=lambda n: stats.t.ppf(0.975, n)), "here, not n"),
        (lambda *inputs: gain_by_hand(*inputs, t=lambda n: stats.t.ppf(0.975, 2 * n - 2)), "not 2n"),
        (lambda *inputs: gain_by_hand(*inputs, t=lambda n: stats.t.ppf(0.95, n - 1)), "at each end"),
        (lambda *inputs: gain_by_hand(*inputs, t=lambda n: stats.t.isf(0.005, n - 1)), "99% interval"),
        (lambda *inputs: gain_by_hand(*inputs, t=lambda n: stats.t.cdf(0.975, n - 1)), "`cdf` does the opposite"),
        (lambda *inputs: gain_by_hand(*inputs, t=lambda n: 1), "one standard error"),
        (gain_of_means, "the seeds are pairs"),
        (lambda *inputs: sorted(gain_by_hand(*inputs)), "the order is mean, low end"),
        (gain_as(lambda mean, low, high: (mean, high, low)), "low and high are swapped"),
        (gain_as(lambda mean, low, high: (low, high, mean)), "the mean comes first"),
        (gain_as(lambda mean, low, high: (low, high)), "the mean is missing"),
        (gain_as(lambda mean, low, high: (mean, low - mean, high - mean)), "the mean minus and plus half"),
        (gain_with(half=0.5), "do not halve it"),
        (gain_with(half=2), "twice too wide"),
        (
            lambda before, after: (
                gain_by_hand(before, after)[0],
                min(b - a for b, a in zip(before, after, strict=True)),
                max(b - a for b, a in zip(before, after, strict=True)),
            ),
            "the smallest and the largest gain",
        ),
        (gain_with(middle=np.sum), "this is the sum"),
        (gain_with(middle=np.median), "this is the median"),
        (lambda *inputs: gain_by_hand(*inputs, t=lambda n: 1.96, spread=statistics.pstdev), "two things"),
        (lambda *inputs: (gain_by_hand(*inputs)[0],) * 3, "expected"),
    ],
    "straight_rate": [
        (lambda *inputs: rate_by_least(*inputs, first=0), "would learn nothing"),
        (rate_of(rise=lambda n, warmup, steps: n / (warmup + 1)), "one step too long"),
        (rate_of(rise=lambda n, warmup, steps: (n - 1) / max(1, warmup - 1) if warmup > 1 else 1), "one part fewer"),
        (rate_of(rise=lambda n, warmup, steps: 0), "the warmup learns nothing"),
        (rate_of(rise=lambda n, warmup, steps: 1 - (n - 1) / warmup), "the warmup rises: yours falls"),
        (rate_of(rise=lambda n, warmup, steps: (n / warmup) ** 2), "equal parts: yours is a curve"),
        (rate_of(rise=lambda n, warmup, steps: n / steps), "not over all of them"),
        (rate_of(rise=lambda n, warmup, steps: n // warmup), "cuts off the fraction"),
        (rate_of(fall=lambda left, of, steps: (left / of) ** 2), "line is straight: yours is a curve"),
        (rate_of(fall=lambda left, of, steps: 1 - left / of), "the rate falls: yours rises"),
        (rate_of(fall=lambda left, of, steps: (left - (steps - of)) / of), "count its steps from there"),
        (rate_of(fall=lambda left, of, steps: (left - 1) / of), "one step ahead"),
        (rate_of(fall=lambda left, of, steps: (left + 1) / of), "one step behind"),
        (rate_of(fall=lambda left, of, steps: (left + 1) / (of + 1)), "not one step later"),
        (rate_of(last_warm=0), "not <="),
        (rate_of(last_warm=-2), "still belongs to the warmup"),
        (lambda step, steps, warmup, highest: rate_by_least(step, steps, warmup, 1), "multiply by `highest`"),
        (lambda step, steps, warmup, highest: highest + rate_of()(step, steps, warmup, 1), "it is not added"),
        (lambda *inputs: rate_by_least(*inputs, last=1), "the last step"),
        (
            lambda step, steps, warmup, highest: highest * min(1, (step + 1) / max(warmup, 1)),
            "yours stays",
        ),
        (
            lambda step, steps, warmup, highest: learning_rate(
                step, TrainingConfig(steps=steps, learning_rate=highest, warmup_steps=warmup)
            ),
            "this is the cosine",
        ),
        (rate_of(fall=lambda left, of, steps: left / steps), "it has `steps - warmup` steps"),
        (
            lambda step, steps, warmup, highest: highest * (1 if step < warmup else (steps - step) / (steps - warmup)),
            "there at once",
        ),
        (lambda step, steps, warmup, highest: highest * (1 - step / steps), "there is no warmup"),
        (rate_of(lambda n, warmup, steps: (n - 1) / warmup, lambda left, of, steps: left / steps), "two things"),
        (lambda *inputs: rate_of()(*inputs) + 0.25, "0.25 too large"),
    ],
    "rms_norm": [
        (lambda x, gain, eps: F.layer_norm(x, x.shape[-1:], gain, None, eps), "this is LayerNorm"),
        (lambda x, gain, eps: rms_by_power(x - x.mean(-1, True), gain, eps), "this is LayerNorm"),
        (
            lambda x, gain, eps: gain * (x - x.mean(-1, True)) / (x.pow(2).mean(-1, True) + eps).sqrt(),
            "does not subtract the mean.",
        ),
        (lambda x, gain, eps: gain * x / (x.std(-1, keepdim=True) ** 2 + eps).sqrt(), "this is the variance"),
        (lambda x, gain, eps: gain * x / (x.pow(2).sum(-1, True) + eps).sqrt(), "take their mean"),
        (
            lambda x, gain, eps: gain * x / ((x * x).sum(-1, keepdim=True) / (x.shape[-1] - 1) + eps) ** 0.5,
            "not by C - 1",
        ),
        (lambda x, gain, eps: gain * x / (x.pow(2).mean(-1, True) + eps), "the root is missing"),
        (lambda x, gain, eps: gain * x / (x.abs().mean(-1, True) + eps).sqrt(), "a mean of absolute values"),
        (lambda x, gain, eps: gain * x * torch.rsqrt(x.mean(-1, True) ** 2 + eps), "the square of the mean"),
        (lambda *inputs: rms_by_mean(*inputs, power=1), "the square is missing"),
        (lambda x, gain, eps: gain * x / (x.abs().amax(-1, True) ** 2 + eps).sqrt(), "divides by the largest"),
        (lambda *inputs: rms_by_mean(*inputs, over=torch.mul), "do not multiply by it"),
        (lambda x, gain, eps: gain * x / (x.pow(2).mean(-1, True).sqrt() + eps), "under the root, beside"),
        (lambda x, gain, eps: rms_by_mean(x, gain, eps, add=eps), "not to x"),
        (lambda x, gain, eps: rms_by_power(x, gain, eps * eps), "not its square"),
        (lambda x, gain, eps: rms_by_power(x, gain, 0), "eps is missing"),
        (lambda x, gain, eps: rms_by_power(x, gain, 1e-5), "not one of your own"),
        (lambda x, gain, eps: rms_by_power(x, torch.ones_like(gain), eps), "the gain is missing"),
        (lambda *inputs: rms_by_mean(*inputs, scale=torch.add), "it is not added"),
        (lambda x, gain, eps: rms_by_power(x, 1 / gain, eps), "do not divide by it"),
        (lambda x, gain, eps: rms_by_power(x, 1 + gain, eps), "Gemma's"),
        (lambda x, gain, eps: gain * x / (x.pow(2).mean() + eps).sqrt(), "each position has its own"),
        (lambda *inputs: rms_by_mean(*inputs, dim=0), "not over the positions"),
        (lambda *inputs: rms_by_mean(*inputs, keep=False), "`keepdim=True` is missing"),
        (lambda x, gain, eps: x / (x.pow(2).mean(-1, True) + eps), "two things"),
        (lambda x, gain, eps: 2 * rms_by_power(x, gain, eps), "times 2"),
    ],
    "swiglu": [
        (lambda x, gate, value, out: swiglu_by_linear(x, value, gate, out), "they are swapped"),
        (swiglu_of(lambda g, v: F.silu(g * v)), "after the multiplication"),
        (lambda x, gate, value, out: F.silu(F.linear(F.linear(x, gate) * F.linear(x, value), out)), "after the matrix"),
        (lambda x, gate, value, out: ((x @ gate.T).sigmoid() * (x @ value.T)) @ out.T, "sigmoid alone"),
        (lambda x, gate, value, out: (F.gelu(x @ gate.T) * (x @ value.T)) @ out.T, "this is GEGLU"),
        (lambda x, gate, value, out: (F.relu(x @ gate.T) * (x @ value.T)) @ out.T, "this is ReGLU"),
        (swiglu_of(lambda g, v: g.tanh() * v), "this is tanh"),
        (swiglu_of(lambda g, v: (1 + g.exp()).log() * v), "this is softplus"),
        (swiglu_of(lambda g, v: torch.softmax(g, -1) * v), "this is softmax"),
        (lambda x, gate, value, out: ((x @ gate.T) * (x @ value.T)) @ out.T, "the nonlinearity is missing"),
        (swiglu_of(lambda g, v: v.sigmoid() * g), "with the same z"),
        (swiglu_of(lambda g, v: g * g * g.sigmoid() * v), "comes twice: silu holds it"),
        (lambda *inputs: swiglu_by_sigmoid(*inputs, join=torch.add), "not added"),
        (lambda *inputs: swiglu_by_sigmoid(*inputs, join=lambda bent, plain: bent), "the value's product is missing"),
        (lambda x, gate, value, out: F.linear(F.silu(F.linear(x, value)), out), "the gate is missing"),
        (lambda x, gate, value, out: swiglu_by_linear(x, gate, gate, out), "the gate comes twice"),
        (lambda *inputs: swiglu_by_sigmoid(*inputs, join=lambda bent, plain: bent * F.silu(plain)), "both products"),
        (lambda x, gate, value, out: F.silu(F.linear(x, gate)) * F.linear(x, value), "the matrix `out` is missing"),
        (lambda x, gate, value, out: (F.silu(x @ gate) * (x @ value)) @ out, "transpose each matrix"),
        (lambda x, gate, value, out: torch.matmul(F.silu(x @ gate.T) * (x @ value.T), out), "`out` must be transposed"),
        (
            lambda x, gate, value, out: F.linear(F.silu(x @ gate) * (x @ value), out),
            "`gate` and `value` must be transposed",
        ),
        (lambda x, gate, value, out: ((x @ gate.T) * (x @ value.T)) @ out, "two things"),
        (lambda *inputs: 2 * swiglu_by_linear(*inputs), "times 2"),
    ],
    "newton_schulz": [
        (lambda matrix: schulz_on_the_other_side(matrix, start=lambda m: m), "grow without bound"),
        (
            lambda matrix: schulz_on_the_other_side(matrix, start=lambda m: m / torch.linalg.svdvals(m)[0]),
            "the largest singular value",
        ),
        (lambda matrix: schulz_on_the_other_side(matrix, start=lambda m: m / m.abs().max()), "the largest entry"),
        (lambda matrix: schulz_on_the_other_side(matrix, start=lambda m: F.normalize(m, dim=1)), "for each row"),
        (lambda matrix: schulz_on_the_other_side(matrix, start=lambda m: m / (m * m).sum()), "the squared norm"),
        (lambda matrix: schulz_on_the_other_side(matrix, start=lambda m: m / m.abs().sum()), "the absolute values"),
        (schulz_with_norms, "not in each of them"),
        (schulz_by_terms(cubed, to_the_fifth, end=lambda x, m: x / x.norm()), "by its norm again"),
        (schulz_by_terms(cubed, to_the_fifth, end=lambda x, m: m.norm() * x), "multiplied back"),
        (lambda matrix: schulz_on_the_other_side(matrix, steps=1), "not one"),
        (lambda matrix: matrix / matrix.norm(), "no step is taken"),
        (lambda matrix: schulz_on_the_other_side(matrix, steps=4), "yours are four"),
        (lambda matrix: schulz_on_the_other_side(matrix, steps=6), "yours are six"),
        (lambda matrix: schulz_on_the_other_side(matrix, steps=3), "yours are fewer"),
        (lambda matrix: schulz_on_the_other_side(matrix, steps=10), "yours are more"),
        (schulz_with_one_square, "computed anew"),
        (schulz_by_terms(lambda x: x**3, lambda x: x**5), "powers of the entries"),
        (schulz_by_terms(cubed, lambda x: (x @ x.T) ** 2 @ x), "not each entry squared"),
        (schulz_by_terms(cubed, cubed), "is missing its square"),
        (schulz_by_terms(to_the_fifth, lambda x: x @ x.T @ to_the_fifth(x)), "one too high"),
        (lambda matrix: schulz_on_the_other_side(matrix, c=0), "the last term"),
        (schulz_by_terms(cubed, to_the_fifth, b=0), "one of the three terms"),
        (schulz_by_terms(lambda x: x @ x.T, lambda x: x @ x.T @ x @ x.T), "the last x of each term"),
        (schulz_by_terms(lambda x: x @ x @ x.T, lambda x: x @ x @ x.T @ x @ x.T), "another order"),
        (lambda matrix: schulz_on_the_other_side(matrix, b=2.0315, c=-4.7750), "are swapped"),
        (lambda matrix: schulz_on_the_other_side(matrix, b=4.7750), "b is negative"),
        (schulz_by_terms(cubed, to_the_fifth, a=1.5, b=-0.5, c=0), "Schulz's own coefficients"),
        (lambda matrix: torch.linalg.svd(matrix, False)[0] @ torch.linalg.svd(matrix, False)[2], "the exact U"),
        (lambda matrix: schulz_on_the_other_side(matrix).round(), "rounded"),
    ],
    "ngram_rows": [
        (lambda t, n, V, size: rows_one_by_one(t, n, V, size, first=0, behind=n - 1), "begins at the position"),
        (lambda t, n, V, size: rows_one_by_one(t, n, V, size, first=-n, behind=-1), "ends one before"),
        (lambda t, n, V, size: rows_one_by_one(t, n, V, size, first=2 - n, behind=1), "ends one later"),
        (lambda *inputs: rows_one_by_one(*inputs, wrap=True), "no ring"),
        (rows_of(lambda tokens, n: windows(tokens[:1] * n + tokens, n)[n:]), "yours repeats it"),
        (lambda t, n, V, size: [one % size for one in t], "own token counts"),
        (rows_of(windows, base=lambda n, V, size: size), "own token counts"),
        (lambda t, n, V, size: rows_one_by_one(t, n + 1, V, size), "one token too many"),
        (lambda t, n, V, size: rows_one_by_one(t, n - 1, V, size), "one token too few"),
        (lambda t, n, V, size: rows_one_by_one(t, len(t), V, size), "all tokens up to"),
        (lambda t, n, V, size: rows_one_by_one(t, 2, V, size), "takes two tokens"),
        (
            lambda t, n, V, size: [0] * min(n - 1, len(t)) + rows_one_by_one(t, n, V, size)[n - 1 :],
            "get row 0 here",
        ),
        (rows_of(lambda tokens, n: windows([*tokens, 0], n)), "one row too many"),
        (
            lambda t, n, V, size: [
                sum(k * V**i for i, k in enumerate(([0] * n + t)[p + 1 : p + n + 1])) % size for p in range(len(t))
            ],
            "from the wrong end",
        ),
        (
            lambda t, n, V, size: [sum(([0] * n + t)[p + 1 : p + n + 1]) % size for p in range(len(t))],
            "a plain sum",
        ),
        (lambda t, n, V, size: [int(np.prod(gram)) % size for gram in windows(t, n)], "a product of the tokens"),
        (lambda t, n, V, size: [V * row % size for row in rows_one_by_one(t, n, V, size)], "is multiplied by"),
        (lambda t, n, V, size: [V * sum(gram) % size for gram in windows(t, n)], "every token counts vocab_size"),
        (rows_of(windows, base=lambda n, V, size: V + 1), "not its neighbour"),
        (rows_of(windows, base=lambda n, V, size: 10), "not 10"),
        (rows_of(windows, base=lambda n, V, size: 2), "not 2"),
        (rows_of(windows, base=lambda n, V, size: n), "not n"),
        (lambda t, n, V, size: rows_by_numpy(t, n, V, V**n).tolist(), "the table has `size` rows"),
        (rows_of(windows, row=lambda number, size: number // size), "this is the quotient"),
        (lambda t, n, V, size: rows_one_by_one(t, n, V, V), "not by vocab_size"),
        (lambda t, n, V, size: rows_one_by_one(t, n, V, size - 1), "from 0 to size - 1"),
        (rows_of(windows, row=lambda number, size: min(number, size - 1)), "cut off here"),
        (lambda t, n, V, size: windows(t, n), "the n-grams themselves"),
        (lambda t, n, V, size: rows_by_numpy(t, n, V, size)[n - 1 :], "have no row"),
        (rows_of(windows, base=lambda n, V, size: V + 1, row=lambda number, size: number), "two things"),
        (lambda t, n, V, size: [row + 5 for row in rows_by_numpy(t, n, V, size)], "5 too large"),
    ],
}
