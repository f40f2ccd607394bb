"""Exercises of the notebook neural_language_model."""

import math

import numpy as np
import torch
from course_lib import files
from experiments.shared import worst_by_change
from experiments.tables import network_budget
from torch import Generator
from torch.nn import functional as F

from classroom.answers import Mistake
from classroom.choices import demand_learning_rate, demand_names, demand_whole_numbers
from classroom.exercise import case, exercise, experiment

__all__ = ["adam_step", "context_windows", "initial_scales", "softmax", "within_budget"]


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


LAYERS = ((400, "none"), (100, "ReLU"), (256, "tanh"), (64, "sigmoid"))  # fan-in, and what its inputs come out of
_AFTER = {"none": lambda z: z, "ReLU": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid}


def _mean_square(activation, variance):
    """Of what comes out of an activation for normal pre-activations of this variance."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(200)
    values = _AFTER[activation](torch.from_numpy(nodes) * variance**0.5).square()
    return float((torch.from_numpy(weights) * values).sum() / weights.sum())


def _scaled(answer):
    """What is compared of four standard deviations: how far each layer's pre-activations are from a variance of 1."""

    def variances():
        scales = [float(scale) for scale in answer()]
        if len(scales) != len(LAYERS):
            raise Mistake(f"four standard deviations are expected, one for each layer, but you return {len(scales)}.")
        if not all(0 < scale < 1e6 for scale in scales):
            raise Mistake("a standard deviation is a number above 0.")
        found, variance = [], 1.0
        for (fan_in, activation), scale in zip(LAYERS, scales, strict=True):
            variance = fan_in * scale**2 * _mean_square(activation, variance)
            found.append("close to 1" if 0.85 <= variance <= 1.18 else f"2 to the power of {math.log2(variance):.1f}")
        return found

    return variances


def _chosen(mean_squares=(1.0, 0.5, 0.3943, 0.2934), size=lambda n, square: (n * square) ** -0.5):
    return [size(n, square) for (n, _), square in zip(LAYERS, mean_squares, strict=True)]


@exercise(
    kind="design",
    through=_scaled,
    praise="at every layer the pre-activations have a variance close to 1, whatever the layer before put out.",
    cases=lambda seed: [()],
    wrong={
        "1 / √fan-in is right where the inputs have a mean square of 1, as in the first layer: ReLU, tanh and sigmoid put out less.": {
            "scales": _chosen((1, 1, 1, 1))
        },
        "2 / fan-in is right after ReLU alone: tanh and sigmoid have mean squares of their own, and the first layer reads the inputs.": {
            "scales": _chosen((0.5, 0.5, 0.5, 0.5))
        },
        "the first layer and ReLU are right; after tanh and sigmoid the mean square is neither 1 nor a half: measure it.": [
            {"scales": _chosen((1, 0.5, 1, 1))},
            {"scales": _chosen((1, 0.5, 0.5, 0.5))},
        ],
        "after the sigmoid the mean counts too: take the mean of the squares, not the variance.": {"scales": _chosen((1, 0.5, 0.3943, 0.0434))},
        "after ReLU the mean counts too: take the mean of the squares, not the variance.": {"scales": _chosen((1, 0.3408, 0.3943, 0.2934))},
        "these are the variances of the weights: their standard deviations are the square roots.": {"scales": _chosen(size=lambda n, square: 1 / (n * square))},
        "the mean square belongs under the root with fan-in: 1 / √(fan-in · mean square).": {"scales": _chosen(size=lambda n, square: (square / n) ** 0.5)},
        "fan-in is missing: a sum of n products has n times the variance of one.": {"scales": _chosen(size=lambda n, square: square**-0.5)},
    },
)
def initial_scales(*, scales=None):
    """The standard deviation of each layer's initial weights, first layer first."""
    return scales or _chosen()


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


def _with_the_answer_inside(tokens, context_length):
    """As the reader finds it: each context ends with its own target."""
    windows = tokens.unfold(0, context_length, 1)
    return windows[1:], tokens[context_length:]


@exercise(
    kind="debug",
    found=_with_the_answer_inside,
    praise="the context ends right before its target, so nothing can be read off.",
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


BETTER = {"context_length": 4, "d_embed": 16, "d_hidden": 64, "batch_size": 256, "learning_rate": 0.02}
_RANGES = {"context_length": (1, 16), "d_embed": (1, 64), "d_hidden": (1, 1024), "batch_size": (16, 1024)}


@experiment(
    goal=2.87,
    unit="bits per character on a sample of the validation plays",
    stored=lambda: worst_by_change(files.load_results("network_budget")["rows"], network_budget.CHOICE, "bits"),
    advice={
        "a smaller hidden layer or a shorter context: an example gets cheaper, so the budget pays for more steps.": lambda choice: _affordable(choice) < 800,
        "a longer context: with so few characters there is little to predict from.": lambda choice: choice["context_length"] < 3,
        "a higher rate: there are too few steps to be careful.": lambda choice: choice["learning_rate"] < 0.008,
        "a lower rate: the hidden units saturate.": lambda choice: choice["learning_rate"] > 0.05,
        "a larger hidden layer: with this one many cheap steps gain little.": lambda choice: choice["d_hidden"] < 32,
        "other sizes nearby.": lambda choice: True,
    },
    wrong={
        "a smaller hidden layer or a shorter context": lambda: dict(network_budget.CHOICE),
        "a longer context": lambda: BETTER | {"context_length": 1, "batch_size": 512},
        "a higher rate": lambda: BETTER | {"learning_rate": 0.0005},
        "a lower rate": lambda: BETTER | {"learning_rate": 0.5},
        "a larger hidden layer": lambda: BETTER | {"d_hidden": 8, "batch_size": 1024, "context_length": 3},
        "d_hidden is a whole number from 1 to 1024, but yours is 0.": lambda: BETTER | {"d_hidden": 0},
        "learning_rate is a number above 0 and at most 1, but yours is 0.": lambda: BETTER | {"learning_rate": 0},
        "that would take 6,598 steps, and 5,000 is the most: a larger batch.": lambda: (
            BETTER | {"d_hidden": 4, "batch_size": 1024, "context_length": 4, "d_embed": 17}
        ),
        "a dictionary with context_length, d_embed, d_hidden, batch_size, learning_rate": lambda: {"d_hidden": 64},
    },
)
def within_budget(choice, seed):
    """Bits per character of a network of these sizes, trained for as long as the budget pays for."""
    demand_names(choice, BETTER)
    demand_whole_numbers(choice, _RANGES)
    demand_learning_rate(choice)
    if _affordable(choice) > 5_000:
        raise Mistake(f"that would take {_affordable(choice):,} steps, and 5,000 is the most: a larger batch.")
    return network_budget.score(0, **choice)[0]  # one seed, so that choices can be compared


def _affordable(choice):
    return network_budget.steps(*(choice[name] for name in ("context_length", "d_embed", "d_hidden", "batch_size")))
