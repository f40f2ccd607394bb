"""Exercises of the notebook neural_language_model."""

import functools
import math

import numpy as np
import torch
from torch import Generator
from torch.nn import functional as F

from classroom.answers import Mistake
from classroom.exercise import case, exercise

__all__ = ["adam_step", "context_windows", "initial_weights", "softmax"]


def _random(seed, *shape):
    return torch.randn(shape, generator=Generator().manual_seed(seed))


def _largest(z):
    return z.amax(-1, keepdim=True)


def _over(*axes):
    """The sum over other axes, with whatever is subtracted before."""
    total = lambda e: e.sum(axes, keepdim=True)  # noqa: E731
    shifts = (_largest, torch.max, lambda z: z.amax(axes, keepdim=True), lambda z: 0)
    return [{"total": total, "shift": shift} for shift in shifts]


@exercise(
    praise="each row sums to 1, and logits of 1000 do no harm.",
    cases=lambda seed: [
        (torch.tensor([[0.0, math.log(3), 0.0], [math.log(2), 0.0, 0.0]]),),
        (_random(seed, 3, 5),),
        (_random(seed + 1, 2, 4, 3),),
        (_random(seed + 2, 5, 2, 7),),
        case(_random(seed, 7), edge="logits with a single axis"),
        case(2 * _random(seed, 2, 3, 2, 5), edge="logits with four axes"),
        case(torch.tensor([[1000.0, 1000.0, 999.0], [998.0, 1001.0, 1000.0]]), edge="logits of 1000"),
        case(torch.tensor([[-1000.0, -1001.0, -1002.0]]), edge="logits of -1000"),
        case(torch.tensor([[1000.0, 999.0], [0.0, 1.0], [-1000.0, -998.0]]), edge="rows of very different logits"),
        case(torch.tensor([[1000.0, 0.0, -1000.0, 1000.0]]), edge="a row with 1000 and -1000"),
    ],
    wrong={
        "right for small logits, but exp(1000) is infinite: subtract each row's largest logit first.": {"shift": lambda z: 0},
        "rows far below the table's largest logit become 0 / 0: subtract each row's own largest.": {"shift": torch.max},
        "a logit far above the mean still overflows: subtract the largest.": {"shift": lambda z: z.mean(-1, True)},
        "subtract the largest logit, not the least: that overflows.": {"shift": lambda z: z.amin(-1, True)},
        "this subtracts the largest absolute value, so that negative rows become 0 / 0: the largest logit itself.": {"shift": lambda z: z.abs().amax(-1, True)},
        "you subtract the largest logit of each column: every row needs a number of its own (dim=-1).": {"shift": lambda z: z.amax(0, True)},
        "limits on the logits make large ones equal: subtract each row's largest instead.": [
            {"ready": lambda z, limit=limit: z.clamp(-limit, limit), "shift": lambda z: 0} for limit in (10, 20, 50, 80, 88)
        ]
        + [{"ready": lambda z, limit=limit: z.clamp(max=limit), "shift": lambda z: 0} for limit in (20, 50, 80, 88)],
        "dividing the logits changes their differences: subtract each row's largest instead.": [
            {"ready": lambda z: z / _largest(z), "shift": lambda z: 0},
            {"ready": lambda z: z / z.abs().amax(-1, True), "shift": lambda z: 0},
            {"ready": lambda z: z / z.max(), "shift": lambda z: 0},
            {"ready": lambda z: z / z.norm(dim=-1, keepdim=True), "shift": lambda z: 0},
            {"ready": lambda z: (z - z.mean(-1, True)) / z.std(-1, keepdim=True)},
        ],
        "the sum runs over the first axis (dim=0): each row of the last axis (dim=-1) must sum to 1.": _over(0),
        "the sum runs over dim=1: each row of the last axis (dim=-1) must sum to 1.": _over(1),
        "the sum runs over the whole table: each row of the last axis (dim=-1) must sum to 1.": _over(),
        "the division by the sum of each row is missing.": {"total": lambda e: 1},
        "divide by the sum of each row, not by its mean.": {"total": lambda e: e.mean(-1, True)},
        "divide by the sum of each row, not by its norm.": {"total": lambda e: e.norm(dim=-1, keepdim=True)},
        "the exponential is missing: exp first, then divide by the sum.": [
            {"power": lambda z: z, "shift": lambda z: 0},
            {"power": lambda z: z},
            {"power": lambda z: z, "shift": lambda z: z.amin(-1, True)},
        ],
        "this is a power of 2: softmax takes exp, the power of e.": [
            {"power": torch.exp2},
            {"power": torch.exp2, "shift": lambda z: 0},
        ],
        "the sign is reversed: the largest logit must get the largest probability.": {"ready": torch.negative},
        "every logit is taken as positive: leave out the absolute value.": {"ready": torch.abs},
        "this is the sigmoid of each logit: a row must sum to 1.": torch.sigmoid,
        "these are the logarithms of the probabilities: leave out the log.": [
            lambda z: z.log_softmax(-1),
            {"end": torch.log},
        ],
        "softmax is taken twice.": {"end": lambda p: p.softmax(-1)},
        "this is 1 for the largest logit and 0 for the others: each gets its share, exp(z) / sum.": {"end": lambda p: (p == _largest(p)).float()},
        "the largest logit must be subtracted before exp, not after it.": lambda z: (z.exp() - _largest(z)) / (z.exp() - _largest(z)).sum(-1, True),
    },
)
def softmax(
    logits,
    *,
    ready=lambda z: z,
    shift=_largest,
    power=torch.exp,
    total=lambda e: e.sum(-1, keepdim=True),
    end=lambda p: p,
):
    """exp(z_j) / sum_k exp(z_k) over the last axis, without overflow."""
    z = ready(logits)
    e = power(z - shift(z))
    return end(e / total(e))


def _statistics(weights):
    """What is compared of random weights: two runs never give the same ones."""
    if not isinstance(weights, list | np.ndarray):
        return weights
    table = np.array(weights, dtype=float)
    if table.ndim != 2:
        return {"shape": table.shape, "varied": True, "mean / std": 0.0, "ln(std · √rows)": 0.0}
    spread = float(table.std())
    return {
        "shape": table.shape,
        "varied": bool(min(table[0].std(), table[:, 0].std()) > 1e-9),
        "mean / std": round(float(table.mean()) / (spread or 1), 2),
        "ln(std · √rows)": round(math.log(spread * len(table) ** 0.5), 2) if spread > 1e-9 else -math.inf,
    }


@functools.cache
def _normal(fan_in, fan_out):
    return _random(0, fan_in, fan_out)


@functools.cache
def _uniform(fan_in, fan_out):
    return torch.rand(fan_in, fan_out, generator=Generator().manual_seed(0))


@exercise(
    praise="an output is on the same scale as an input, however many are summed.",
    cases=lambda seed: [(211, 97), (97, 211), case(2, 10_007, edge="a fan_in of 2")],
    form=_statistics,
    tolerance=0.03,
    wrong={
        "the variance is 1: multiply by 1 / sqrt(fan_in).": {"scale": lambda n, m: 1},
        "the standard deviation is 1 / fan_in, as the variance should be: take its square root.": {"scale": lambda n, m: 1 / n},
        "you multiply by sqrt(fan_in): divide by it.": {"scale": lambda n, m: n**0.5},
        "you multiply by fan_in: divide by its square root.": {"scale": lambda n, m: n},
        "you divide by sqrt(fan_out): a sum runs over fan_in products.": {"scale": lambda n, m: m**-0.5},
        "you divide by fan_out: a sum runs over fan_in products, and the root is missing.": {"scale": lambda n, m: 1 / m},
        "the variance is 2 / fan_in, which is meant for ReLU: 1 / fan_in is wanted here.": {"scale": lambda n, m: (2 / n) ** 0.5},
        "the standard deviation is 2 / fan_in: the variance should be 1 / fan_in.": {"scale": lambda n, m: 2 / n},
        "torch.nn.init takes the columns for fan_in, and 2 for ReLU: the rows, and 1, are wanted.": {"scale": lambda n, m: (2 / m) ** 0.5},
        "this is Glorot's 2 / (fan_in + fan_out): 1 / fan_in is wanted here.": [
            {"scale": lambda n, m: (2 / (n + m)) ** 0.5},
            {"scale": lambda n, m: (6 / (n + m)) ** 0.5},
            {"scale": lambda n, m: (n + m) ** -0.5},
        ],
        "you divide by the root of fan_in times fan_out: a sum runs over fan_in products only.": {"scale": lambda n, m: (n * m) ** -0.5},
        "the scale is a fixed number: it must follow fan_in.": [{"scale": lambda n, m, scale=scale: scale} for scale in (0.01, 0.02, 0.05, 0.1, 0.5, 0.001)],
        "uniform between -a and a has variance a² / 3: a must be sqrt(3 / fan_in).": {"draw": lambda n, m: 2 * _uniform(n, m) - 1},
        "torch.rand has variance 1 / 12: take torch.randn, or stretch it by sqrt(12).": {"draw": lambda n, m: _uniform(n, m) - 0.5},
        "the mean is not 0: torch.rand lies between 0 and 1, torch.randn has mean 0 and variance 1.": [
            {"draw": _uniform},
            {"draw": lambda n, m: _uniform(n, m) * 12**0.5},
            {"draw": lambda n, m: _uniform(n, m) * 3**0.5},
            {"draw": lambda n, m: _normal(n, m).abs()},
            {"draw": lambda n, m: _normal(n, m) + 1},
        ],
        "whole rows or columns hold one number, and units that begin alike stay alike: draw each at random.": [
            {"draw": torch.ones},
            {"draw": torch.zeros},
            {"draw": lambda n, m: _normal(n, 1).expand(n, m)},
            {"draw": lambda n, m: _normal(1, m).expand(n, m)},
        ],
        "the shape is transposed: fan_in rows and fan_out columns, so that x @ weights works.": {"end": lambda weights: weights.mT},
        "a matrix is wanted, of fan_in rows and fan_out columns.": [
            {"end": lambda weights: weights[:, 0]},
            {"end": lambda weights: weights[0]},
            {"end": torch.flatten},
        ],
    },
)
def initial_weights(fan_in, fan_out, *, draw=_normal, scale=lambda n, m: n**-0.5, end=lambda weights: weights):
    """Random weights (fan_in, fan_out) of mean 0 and variance 1 / fan_in."""
    return end(draw(fan_in, fan_out) * scale(fan_in, fan_out))


def _corrected(mean, beta, t, other):
    return mean / (1 - beta**t)


def _each(by):
    """A mistake in the bias correction, of both means or of one."""
    return [{"m_hat": by, "v_hat": by}, {"m_hat": by}, {"v_hat": by}]


def _uncorrected(mean, beta, t, other):
    return mean


def _from_old_means(w, g, m, v, t, lr, beta1, beta2, eps):
    _, new_m, new_v = _adam(w, g, m, v, t, lr, beta1, beta2, eps)
    return w - lr * m / (1 - beta1**t) / ((v / (1 - beta2**t)).sqrt() + eps), new_m, new_v


def _with_betas(first, second):
    def step(w, g, m, v, t, lr, beta1, beta2, eps):
        betas = (beta1, beta2)
        return _adam(w, g, m, v, t, lr, betas[first], betas[second], eps)

    return step


def _steps(seed):
    w, g, m, v = _random(seed, 4, 5)
    return [
        (w, g, 0.5 * m, v.square(), 3, 0.05, 0.8, 0.95, 1e-3),
        (w, 1e-2 * g, torch.zeros(5), torch.zeros(5), 2, 0.3, 0.7, 0.9, 1e-2),
        (w, 3 * g, m, v.square(), 7, 0.2, 0.6, 0.97, 1e-3),
    ]


ZERO = torch.zeros(2)


@exercise(
    praise="the first step has the size lr, whatever the size of the gradient.",
    cases=lambda seed: [
        (torch.tensor([1.0, 1.0]), torch.tensor([2.0, -3.0]), ZERO, ZERO, 1, 0.1, 0.9, 0.999, 1e-8),
        *_steps(seed),
        case(torch.tensor([1.0, 2.0]), ZERO, ZERO, ZERO, 1, 0.1, 0.9, 0.999, 1e-8, edge="a gradient of 0"),
    ],
    wrong={
        "the bias correction is missing: m / (1 - beta1**t), v / (1 - beta2**t).": {
            "m_hat": _uncorrected,
            "v_hat": _uncorrected,
        },
        "v must be corrected too: divide it by 1 - beta2**t.": {"v_hat": _uncorrected},
        "m must be corrected too: divide it by 1 - beta1**t.": {"m_hat": _uncorrected},
        "t is 1 at the first step already: no t + 1.": _each(lambda mean, beta, t, other: mean / (1 - beta ** (t + 1))),
        "t is 1 at the first step: no t - 1.": _each(lambda mean, beta, t, other: mean / (1 - beta ** (t - 1)) if t > 1 else mean / 0),
        "divide by 1 - beta**t: 1 - beta is right at t = 1 only.": _each(lambda mean, beta, t, other: mean / (1 - beta)),
        "beta to the power of t, beta**t: not beta * t.": _each(lambda mean, beta, t, other: mean / (1 - beta * t)),
        "1 - beta**t, not (1 - beta)**t: only beta is raised to the power.": _each(lambda mean, beta, t, other: mean / (1 - beta) ** t),
        "divide by 1 - beta**t: the 1 - is missing.": _each(lambda mean, beta, t, other: mean / beta**t),
        "the means are too small at first: divide by 1 - beta**t, do not multiply.": _each(lambda mean, beta, t, other: mean * (1 - beta**t)),
        "each mean is corrected with its own beta: beta1 for m, beta2 for v.": _each(lambda mean, beta, t, other: mean / (1 - other**t)),
        "you return the corrected means: the next step needs m and v.": {"keep": lambda w, m, v, *hats: (w, *hats)},
        "eps is inside the root: the paper and PyTorch add it after.": {"size": lambda v, eps: (v + eps).sqrt()},
        "eps is missing: without it a gradient of 0 gives 0 / 0.": {"size": lambda v, eps: v.sqrt()},
        "eps is added, it is no lower limit.": [
            {"size": lambda v, eps: v.sqrt().clamp(min=eps)},
            {"size": lambda v, eps: v.clamp(min=eps).sqrt()},
        ],
        "the root is missing: divide by sqrt(v) + eps.": {"size": lambda v, eps: v + eps},
        "v is not used: divide the step by sqrt(v) + eps.": {"size": lambda v, eps: 1},
        "you multiply by sqrt(v) + eps: divide the step by it.": {"size": lambda v, eps: 1 / (v.sqrt() + eps)},
        "the step goes along m, the mean of the gradients, not along g alone.": {"along": lambda m_hat, g: g},
        "this is a plain gradient step: go along m, divided by sqrt(v) + eps.": {
            "along": lambda m_hat, g: g,
            "size": lambda v, eps: 1,
        },
        "the step must use the new means: update m and v first.": _from_old_means,
        "you walk uphill: subtract the step.": {"move": lambda w, lr, step: w + lr * step},
        "the learning rate is missing: times lr.": {"move": lambda w, lr, step: w - step},
        "this is the step alone: subtract it from w.": [
            {"move": lambda w, lr, step: lr * step},
            {"move": lambda w, lr, step: -lr * step},
        ],
        "v must be the mean of the squared gradients.": [
            {"second": lambda v, g, beta, m: beta * v + (1 - beta) * g},
            {"second": lambda v, g, beta, m: beta * v + (1 - beta) * g.abs()},
        ],
        "v is the mean of g squared, not of m squared.": {"second": lambda v, g, beta, m: beta * v + (1 - beta) * m**2},
        "v is the mean of the squares: square g, not (1 - beta2) as well.": {"second": lambda v, g, beta, m: beta * v + ((1 - beta) * g) ** 2},
        "each beta is on the wrong side: beta * old mean + (1 - beta) * new.": {
            "first": lambda m, g, beta: (1 - beta) * m + beta * g,
            "second": lambda v, g, beta, m: (1 - beta) * v + beta * g**2,
        },
        "beta1 is on the wrong side: beta1 * m + (1 - beta1) * g.": {"first": lambda m, g, beta: (1 - beta) * m + beta * g},
        "beta2 is on the wrong side: beta2 * v + (1 - beta2) * g².": {"second": lambda v, g, beta, m: (1 - beta) * v + beta * g**2},
        "the factors 1 - beta are missing: a mean needs beta * old + (1 - beta) * new.": [
            {"first": lambda m, g, beta: beta * m + g, "second": lambda v, g, beta, m: beta * v + g**2},
            {"first": lambda m, g, beta: beta * m + g},
            {"second": lambda v, g, beta, m: beta * v + g**2},
        ],
        "the old means must shrink by beta: beta * old + (1 - beta) * new.": [
            {
                "first": lambda m, g, beta: m + (1 - beta) * g,
                "second": lambda v, g, beta, m: v + (1 - beta) * g**2,
            },
            {"first": lambda m, g, beta: m + (1 - beta) * g},
            {"second": lambda v, g, beta, m: v + (1 - beta) * g**2},
            {"second": lambda v, g, beta, m: v + g**2},
        ],
        "the old means are not used: beta * old + (1 - beta) * new.": [
            {"first": lambda m, g, beta: (1 - beta) * g, "second": lambda v, g, beta, m: (1 - beta) * g**2},
            {"first": lambda m, g, beta: (1 - beta) * g},
            {"second": lambda v, g, beta, m: (1 - beta) * g**2},
        ],
        "v has a constant of its own, beta2: yours uses beta1 for both.": _with_betas(0, 0),
        "m has a constant of its own, beta1: yours uses beta2 for both.": _with_betas(1, 1),
        "beta1 and beta2 are exchanged: beta1 belongs to m, beta2 to v.": _with_betas(1, 0),
        "m and v are swapped: return w, m, v.": {"keep": lambda w, m, v, *hats: (w, v, m)},
        "return three things: the new w, m and v.": {"keep": lambda w, m, v, *hats: w},
        "w is right, but return the new m and v, not the old.": lambda *inputs: (_adam(*inputs)[0], *inputs[2:4]),
        "m and v are right, but return the new w, not the old.": lambda *inputs: (inputs[0], *_adam(*inputs)[1:]),
    },
)
def adam_step(
    w,
    g,
    m,
    v,
    t,
    lr,
    beta1,
    beta2,
    eps,
    *,
    first=lambda m, g, beta: beta * m + (1 - beta) * g,
    second=lambda v, g, beta, m: beta * v + (1 - beta) * g**2,
    m_hat=_corrected,
    v_hat=_corrected,
    along=lambda m_hat, g: m_hat,
    size=lambda v, eps: v.sqrt() + eps,
    move=lambda w, lr, step: w - lr * step,
    keep=lambda w, m, v, m_hat, v_hat: (w, m, v),
):
    """The new w, m and v after step number t of Adam."""
    m = first(m, g, beta1)
    v = second(v, g, beta2, m)
    hats = m_hat(m, beta1, t, beta2), v_hat(v, beta2, t, beta1)
    return keep(move(w, lr, along(hats[0], g) / size(hats[1], eps)), m, v, *hats)


_adam = adam_step.right


def _whole(result):
    """The result, where tokens are still whole numbers."""
    parts = result if isinstance(result, list | tuple) else [result]
    if any(isinstance(part, np.ndarray) and part.dtype.kind == "f" for part in parts):
        raise Mistake("the tokens have become decimals: keep whole numbers (dtype=torch.long).")
    return result


def _tokens(seed, n):
    return torch.randperm(n, generator=Generator().manual_seed(seed + n))


@exercise(
    praise="five tokens and contexts of two: three pairs.",
    cases=lambda seed: [
        (torch.tensor([4, 1, 3, 2, 0]), 2),
        (_tokens(seed, 17), 3),
        (_tokens(seed, 11), 5),
        (torch.tensor([2, 2, 5, 2, 2, 7, 7, 1]), 3),
        case(_tokens(seed, 7), 1, edge="contexts of one token"),
        case(torch.tensor([6, 8, 5]), 2, edge="a text with a single context"),
    ],
    form=_whole,
    wrong={
        "the last context is missing: there are N - k.": {
            "contexts": lambda windows, tokens, k: windows[:-2],
            "targets": lambda tokens, k: tokens[k:-1],
        },
        "the first context is missing: it begins at token 0.": {
            "contexts": lambda windows, tokens, k: windows[1:-1],
            "targets": lambda tokens, k: tokens[k + 1 :],
        },
        "the target is the context's own last token: take the next one.": [
            {"targets": lambda tokens, k: tokens[k - 1 : -1]},
            {"contexts": lambda windows, tokens, k: windows, "targets": lambda tokens, k: tokens[k - 1 :]},
        ],
        "the target is the context's own first token: take the one after the context.": [
            {"targets": lambda tokens, k: tokens[:-k]},
            {
                "contexts": lambda windows, tokens, k: windows,
                "targets": lambda tokens, k: tokens[: len(tokens) - k + 1],
            },
        ],
        "the target is one too far: it stands right after the context.": {
            "contexts": lambda windows, tokens, k: windows[:-2],
            "targets": lambda tokens, k: tokens[k + 1 :],
        },
        "the target is the second token of the context: take the one after the context.": {"targets": lambda tokens, k: tokens[1 : len(tokens) - k + 1]},
        "the targets are all tokens from the second on: the first target is the one after the first context.": {"targets": lambda tokens, k: tokens[1:]},
        "the targets are all tokens: the first target is the one after the first context.": {"targets": lambda tokens, k: tokens},
        "the contexts hold the target as well, so there is nothing to predict: k tokens each.": {
            "size": lambda k: k + 1,
            "contexts": lambda windows, tokens, k: windows,
        },
        "each context ends with its own target: it must end one token earlier.": {"contexts": lambda windows, tokens, k: windows[1:]},
        "there is one context more than targets: nothing follows the last one.": {"contexts": lambda windows, tokens, k: windows},
        "a target is one token, not a whole window.": {"targets": lambda tokens, k: tokens.unfold(0, k, 1)[1:]},
        "the text does not go round: only N - k tokens have a whole context before them.": {
            "contexts": lambda windows, tokens, k: torch.cat([tokens, tokens[:k]]).unfold(0, k, 1)[: len(tokens)],
            "targets": lambda tokens, k: tokens.roll(-k),
        },
        "only whole contexts are wanted: do not fill up the first ones.": [
            {
                "contexts": lambda windows, tokens, k: F.pad(tokens, (k, 0)).unfold(0, k, 1)[:-1],
                "targets": lambda tokens, k: tokens,
            },
            {
                "contexts": lambda windows, tokens, k: F.pad(tokens, (k - 1, 0)).unfold(0, k, 1)[:-1],
                "targets": lambda tokens, k: tokens[1:],
            },
        ],
        "your contexts do not overlap: one begins at each token.": [
            {
                "contexts": lambda windows, tokens, k: windows[:-1:k],
                "targets": lambda tokens, k: tokens[k::k],
            },
            {
                "contexts": lambda windows, tokens, k: windows[:-1][:: k + 1],
                "targets": lambda tokens, k: tokens[k :: k + 1],
            },
        ],
        "the contexts are reversed: the oldest token first.": {"contexts": lambda windows, tokens, k: windows[:-1].flip(1)},
        "the last context comes first: keep the order of the text.": {
            "contexts": lambda windows, tokens, k: windows[:-1].flip(0),
            "targets": lambda tokens, k: tokens[k:].flip(0),
        },
        "the contexts stand as columns: one row each (transpose).": {"contexts": lambda windows, tokens, k: windows[:-1].T},
        "the contexts are one long row: one row each.": {"contexts": lambda windows, tokens, k: windows[:-1].flatten()},
        "the targets are a column: the shape is (N - k,).": {"targets": lambda tokens, k: tokens[k:, None]},
        "return two things: the contexts and their targets.": {"end": lambda contexts, targets: contexts},
        "these are the targets alone: return the contexts, too.": {"end": lambda contexts, targets: targets},
        "the two are swapped: the contexts first, then the targets.": {"end": lambda contexts, targets: (targets, contexts)},
        "this is a list of pairs: return one tensor of contexts, and one of targets.": {
            "end": lambda contexts, targets: list(zip(contexts, targets, strict=True))
        },
        "context and target lie in one tensor: return two, windows[:, :-1] and windows[:, -1].": {
            "end": lambda contexts, targets: torch.cat([contexts, targets[:, None]], 1)
        },
    },
)
def context_windows(
    tokens,
    context_length,
    *,
    size=lambda k: k,
    contexts=lambda windows, tokens, k: windows[:-1],
    targets=lambda tokens, k: tokens[k:],
    end=lambda contexts, targets: (contexts, targets),
):
    """All contexts (N - context_length, context_length), and the token after each (N - context_length)."""
    windows = tokens.unfold(0, size(context_length), 1)
    return end(contexts(windows, tokens, context_length), targets(tokens, context_length))
