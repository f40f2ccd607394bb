"""Exercises of the notebook transformer."""

import torch
from course_lib import files
from experiments.shared import worst_by_change
from experiments.tables import first_steps
from torch import Generator
from torch.nn import functional as F

from classroom.answers import Mistake
from classroom.exercise import case, exercise, experiment

__all__ = [
    "cached_step",
    "decoder_block",
    "layer_norm",
    "off_the_plateau",
    "smoothed_loss",
    "sort_two",
]


def _random(seed, *shapes):
    generator = Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator) for shape in shapes]


def _vectors(seed, B, T, C, mean=1.0, deviation=2.0):
    x, gain, bias = _random(seed, (B, T, C), (C,), (C,))
    return mean + deviation * x, gain, bias


def _mean(x, axes):
    return x.mean(axes, keepdim=True)


def _variance(x, axes):
    return x.var(axes, keepdim=True, unbiased=False)


@exercise(
    praise="1, 3, 1, 3 becomes -1, 1, -1, 1, and equal numbers become zeros.",
    cases=lambda seed: [
        (
            torch.tensor([[[1.0, 3.0, 1.0, 3.0], [2.0, 2.0, 6.0, 6.0]]]),
            torch.tensor([1.0, 1.0, 2.0, 2.0]),
            torch.tensor([0.0, 0.0, 0.0, 1.0]),
        ),
        _vectors(seed, 3, 7, 5),
        _vectors(seed + 1, 2, 3, 11),
        case(
            torch.tensor([[[5.0, 5.0, 5.0], [2.0, 2.0, 2.0]]]),
            torch.tensor([1.0, 2.0, 3.0]),
            torch.tensor([0.5, 0.0, -1.0]),
            edge="equal numbers",
        ),
        case(*_vectors(seed + 2, 2, 3, 5, mean=0.01, deviation=1e-3), edge="numbers so close together that 1e-5 matters"),
    ],
    wrong={
        "this averages over the positions (dim 1): each position is normalised by itself, over its last axis.": {"axes": 1},
        "this averages over the batch (dim 0): each position is normalised by itself, over its last axis.": {"axes": 0},
        "this averages over batch and positions, as BatchNorm does: LayerNorm averages over the last axis.": {"axes": (0, 1)},
        "this averages over positions and components together: average over the last axis alone.": {"axes": (1, 2)},
        "this averages over the whole tensor: each position is normalised by itself, over its last axis.": {"axes": (0, 1, 2)},
        "the variance is right, but the mean is taken over another axis: both run over the last axis alone.": [
            {"mean": lambda x, axes: x.mean(0, keepdim=True)},
            {"mean": lambda x, axes: x.mean(1, keepdim=True)},
            {"mean": lambda x, axes: x.mean()},
        ],
        "the mean is right, but the variance is taken over another axis: both run over the last axis alone.": [
            {"variance": lambda x, axes: x.var(0, keepdim=True, unbiased=False)},
            {"variance": lambda x, axes: x.var(1, keepdim=True, unbiased=False)},
            {"variance": lambda x, axes: x.var(unbiased=False)},
        ],
        "the variance must divide by C, not by C - 1: unbiased=False.": {"variance": lambda x, axes: x.var(axes, keepdim=True)},
        "the sum of the squared deviations is not divided by C: the variance is their mean.": {
            "variance": lambda x, axes: (x - _mean(x, axes)).square().sum(axes, keepdim=True)
        },
        "the variance is the mean of the squared deviations from the mean: yours is the mean of the squares of x.": {
            "variance": lambda x, axes: x.square().mean(axes, keepdim=True)
        },
        "this divides by the norm of the vector: subtract the mean, and divide by the root of the variance.": (
            lambda x, gain, bias: F.normalize(x, dim=-1) * gain + bias
        ),
        "this divides by the mean absolute deviation: the variance is the mean of the squares.": {
            "variance": lambda x, axes: _mean((x - _mean(x, axes)).abs(), axes).square()
        },
        "equal numbers have the variance 0: add 1e-5 under the root.": {"root": torch.sqrt},
        "1e-5 belongs under the root: add it to the variance, not to the root.": {"root": lambda v: v.sqrt() + 1e-5},
        "another small number is added to the variance: it is 1e-5 here.": [{"root": lambda v, e=e: (v + e).sqrt()} for e in (1e-3, 1e-4, 1e-6, 1e-8)],
        "the small number is subtracted: add 1e-5 to the variance.": {"root": lambda v: (v - 1e-5).sqrt()},
        "divide by the root of the variance, not by the variance.": [
            {"root": lambda v: v + 1e-5},
            {"root": lambda v: v},
        ],
        "the root is taken twice: a standard deviation is a root already.": {"root": lambda v: (v.sqrt() + 1e-5).sqrt()},
        "the division by the root of the variance is missing.": {"root": lambda v: 1},
        "you multiply by the root of the variance: divide by it.": {"root": lambda v: 1 / (v + 1e-5).sqrt()},
        "the mean is not subtracted in the numerator.": {"centred": lambda x, mean: x},
        "the mean is not subtracted: this is RMSNorm, which comes later in the course.": {
            "centred": lambda x, mean: x,
            "variance": lambda x, axes: x.square().mean(axes, keepdim=True),
        },
        "only the mean is divided by the root: put the difference x - mean in brackets.": [
            lambda x, gain, bias: (x - _mean(x, -1) / (_variance(x, -1) + 1e-5).sqrt()) * gain + bias,
            lambda x, gain, bias: x - _mean(x, -1) / (_variance(x, -1) + 1e-5).sqrt() * gain + bias,
        ],
        "the mean is added: subtract it.": {"centred": lambda x, mean: x + mean},
        "the sign is reversed: subtract the mean from x, not x from the mean.": {"centred": lambda x, mean: mean - x},
        "the gain is missing: multiply the normalised x by it.": {"scale": lambda y, gain, bias: y + bias},
        "the bias is missing: add it at the end.": {"scale": lambda y, gain, bias: y * gain},
        "gain and bias are missing: multiply the normalised x by the gain, then add the bias.": {"scale": lambda y, gain, bias: y},
        "gain and bias are swapped: the gain is a factor, the bias is added.": {"scale": lambda y, gain, bias: y * bias + gain},
        "the bias is multiplied by the gain, too: first multiply by the gain, then add the bias.": {"scale": lambda y, gain, bias: (y + bias) * gain},
        "gain and bias are added to each other: multiply by the gain first, then add the bias.": {"scale": lambda y, gain, bias: y * (gain + bias)},
        "the bias is subtracted: add it.": {"scale": lambda y, gain, bias: y * gain - bias},
        "you divide by the gain: multiply by it.": {"scale": lambda y, gain, bias: y / gain + bias},
        "1 is added to the gain: multiply by the gain as it is.": {"scale": lambda y, gain, bias: y * (1 + gain) + bias},
        "nothing is normalised: the mean is subtracted and the root of the variance divides, before gain and bias.": (lambda x, gain, bias: x * gain + bias),
        "gain and bias come after the normalisation, which would undo them.": lambda x, gain, bias: F.layer_norm(x * gain + bias, x.shape[-1:]),
    },
)
def layer_norm(
    x,
    gain,
    bias,
    *,
    axes=-1,
    mean=_mean,
    variance=_variance,
    centred=lambda x, mean: x - mean,
    root=lambda v: (v + 1e-5).sqrt(),
    scale=lambda y, gain, bias: y * gain + bias,
):
    """Each position's vector with mean 0 and variance 1, times gain, plus bias."""
    return scale(centred(x, mean(x, axes)) / root(variance(x, axes)), gain, bias)


class _Sublayer:
    """A function with a readable name."""

    def __init__(self, name, function):
        self.name, self.function = name, function

    def __call__(self, *inputs):
        return self.function(*inputs)

    def __repr__(self):
        return self.name


def _block(seed, B, T, S, C):
    """The inputs of a decoder block: causal self-attention, cross-attention, feed-forward, and three unequal norms."""
    x, memory, A, D, E, gains = _random(seed, (B, T, C), (B, S, C), (C, C), (C, C), (C, C), (3, C))
    norms = [_Sublayer(f"norm {n}", lambda x, n=n: F.layer_norm(x, (C,), gains[n], gains[(n + 1) % 3])) for n in range(3)]
    return (
        x,
        memory,
        _Sublayer("attend", lambda x: torch.cumsum(torch.tanh(x @ A), dim=-2) / 3),
        _Sublayer("look", lambda x, memory: torch.softmax(x @ D @ memory.mT, dim=-1) @ memory),
        _Sublayer("feed_forward", lambda x: torch.relu(x @ E) @ E.T / 3),
        norms,
    )


def _pre_norm(x, norm, sublayer):
    return x + sublayer(norm(x))


def _no_norm(x, norm, sublayer):
    return x + sublayer(x)


def _no_residual(x, norm, sublayer):
    return sublayer(norm(x))


def _post_norm(x, norm, sublayer):
    return norm(x + sublayer(x))


def _normed_stream(x, norm, sublayer):
    return norm(x) + sublayer(norm(x))


def _skipped(x, norm, sublayer):
    return x


def _everywhere(step):
    return {"around_attend": step, "around_look": step, "around_feed_forward": step}


def _from_the_start(x, memory, attend, look, feed_forward, norms):
    first = x + attend(norms[0](x))
    second = x + look(norms[1](first), memory)
    return x + feed_forward(norms[2](second))


def _overwritten_stream(x, memory, attend, look, feed_forward, norms):
    x = norms[0](x)
    x = x + attend(x)
    x = norms[1](x)
    x = x + look(x, memory)
    x = norms[2](x)
    return x + feed_forward(x)


@exercise(
    kind="debug",
    found=_overwritten_stream,
    praise="three residuals, and nothing but sums on the stream: where all sublayers give zeros, x comes out as it went in.",
    cases=lambda seed: [
        _block(seed, 1, 2, 2, 3),
        _block(seed + 1, 2, 3, 3, 5),
        case(*_block(seed + 2, 2, 3, 7, 5), edge="a memory longer than x"),
        case(*_block(seed + 3, 1, 1, 1, 7), edge="a single position"),
    ],
    wrong={
        "the residuals are missing: each sublayer's result is added to x.": _everywhere(_no_residual),
        **{
            f"the residual around {name} is missing: its result is added to x.": {f"around_{name}": _no_residual} for name in ("attend", "look", "feed_forward")
        },
        "this is post-norm, as in 2017, with the norm after the sum: pre-norm puts it in front of the sublayer.": [
            _everywhere(_post_norm),
            {"around_attend": _post_norm},
            {"around_look": _post_norm},
            {"around_feed_forward": _post_norm},
        ],
        "the norm comes after the sublayer: it must come before, on what goes into the sublayer.": _everywhere(lambda x, norm, sublayer: x + norm(sublayer(x))),
        "the norms are missing: what goes into a sublayer is normalised first.": _everywhere(_no_norm),
        **{f"the norm before {name} is missing.": {f"around_{name}": _no_norm} for name in ("attend", "look", "feed_forward")},
        "x itself is normalised: normalise only what goes into a sublayer, and leave the residual stream as it is.": [
            {"around_attend": _normed_stream},
            {"around_look": _normed_stream},
            {"around_feed_forward": _normed_stream},
        ],
        "a norm follows the last sublayer: each of the three norms is used once, in front of its sublayer.": [
            {"end": lambda x, norms: norms[2](x)},
            {"end": lambda x, norms: norms[0](x)},
        ],
        **{f"{name} is missing, or its result is lost: assign it to x.": {f"around_{name}": _skipped} for name in ("attend", "look", "feed_forward")},
        "each sublayer has its own norm: norms[0], norms[1], norms[2].": [{"numbers": (n, n, n)} for n in range(3)],
        "the norms are mixed up: norms[0] belongs to attend, norms[1] to look, norms[2] to feed_forward.": [
            {"numbers": numbers} for numbers in ((1, 0, 2), (0, 2, 1), (2, 1, 0), (1, 2, 0), (2, 0, 1))
        ],
        "look comes second: the target attends to itself first.": [
            {"order": (1, 0, 2)},
            {"order": (1, 0, 2), "numbers": (1, 0, 2)},
        ],
        "feed_forward comes last.": [
            {"order": order, "numbers": numbers}
            for order, numbers in (
                ((0, 2, 1), (0, 1, 2)),
                ((0, 2, 1), (0, 2, 1)),
                ((2, 0, 1), (0, 1, 2)),
                ((2, 0, 1), (1, 2, 0)),
            )
        ],
        "the two inputs of look are swapped: x asks (queries), memory is looked at (keys and values).": [
            {"cross": lambda look, x, memory, norms: look(memory, x)},
            {"cross": lambda look, x, memory, norms: look(norms[1](memory), x), "around_look": _no_norm},
        ],
        "look must see the memory, but it sees x again.": {"cross": lambda look, x, memory, norms: look(x, x)},
        "x must ask: look gets the memory twice.": {"cross": lambda look, x, memory, norms: look(memory, memory)},
        "the memory comes normalised from the encoder: norms[1] is for x alone.": [
            {"cross": lambda look, x, memory, norms, n=n: look(x, norms[n](memory))} for n in range(3)
        ],
        "only look sees the memory: attend and feed_forward work on x.": [
            {"inputs": lambda x, memory, place: memory if place == 0 else x},
            {"inputs": lambda x, memory, place: memory if place == 2 else x},
        ],
        "there is one residual around all three sublayers: each needs its own.": (
            lambda x, memory, attend, look, feed_forward, norms: x + feed_forward(norms[2](look(norms[1](attend(norms[0](x))), memory)))
        ),
        "each sublayer works on what the one before it returned: assign the new x each time.": (
            lambda x, memory, attend, look, feed_forward, norms: x + attend(norms[0](x)) + look(norms[1](x), memory) + feed_forward(norms[2](x))
        ),
        "each residual adds the newest x, not the x of the beginning.": _from_the_start,
        "x is added twice in each residual.": _everywhere(lambda x, norm, sublayer: 2 * x + sublayer(norm(x))),
        "a residual is a sum: add the sublayer's result to x, do not multiply.": _everywhere(lambda x, norm, sublayer: x * sublayer(norm(x))),
    },
)
def decoder_block(
    x,
    memory,
    attend,
    look,
    feed_forward,
    norms,
    *,
    around_attend=_pre_norm,
    around_look=_pre_norm,
    around_feed_forward=_pre_norm,
    cross=lambda look, x, memory, norms: look(x, memory),
    inputs=lambda x, memory, place: x,
    numbers=(0, 1, 2),
    order=(0, 1, 2),
    end=lambda x, norms: x,
):
    """Self-attention, cross-attention and feed-forward, each in a pre-norm residual."""
    steps = (around_attend, around_look, around_feed_forward)
    sublayers = (attend, lambda y: cross(look, y, memory, norms), feed_forward)
    for place in order:
        x = steps[place](x, lambda x, n=place: norms[numbers[n]](inputs(x, memory, n)), sublayers[place])
    return end(x, norms)


def _sorts(design):
    """From the matrices of a feed-forward layer to what it makes of two numbers."""

    def of_two(a, b):
        try:
            w_1, b_1, w_2 = (torch.as_tensor(part).detach().float() for part in design())
        except (TypeError, ValueError):
            raise Mistake("three tensors are expected: W_1, b_1 and W_2.") from None
        units = b_1.numel()
        if w_1.shape != (2, units) or b_1.shape != (units,) or w_2.shape != (units, 2):
            shapes = ", ".join(str(tuple(part.shape)) for part in (w_1, b_1, w_2))
            raise Mistake(f"with F units the shapes are (2, F), (F,) and (F, 2), but yours are {shapes}.")
        if units > 8:
            raise Mistake(f"8 units are enough, but yours are {units}.")
        return (torch.relu(torch.tensor([float(a), float(b)]) @ w_1 + b_1) @ w_2).tolist()

    return of_two


@exercise(
    kind="design",
    through=_sorts,
    praise="relu(a - b) is how far a is above b: taken from a and added to b, it sorts.",
    cases=lambda seed: [
        (5, 2),
        (2, 5),
        (3 + seed % 3, 9),
        case(-4, 7, edge="one of the numbers negative"),
        case(-1, -6, edge="both numbers negative"),
        case(4, 4, edge="two equal numbers"),
    ],
    wrong={
        "the larger one comes first: the smaller one is wanted first.": {"columns": (1, 0)},
        "negative numbers are lost, as a ReLU makes them 0: a unit for -a and one for -b bring them back.": {"negative": 0.0},
        "the numbers come out as they went in: let a unit see by how much a is above b.": {"difference": 0.0},
        "both results move the same way: what is taken from one number is added to the other.": {"back": -1.0},
        "this moves the numbers the wrong way: a unit for a - b, taken from the first and added to the second.": {"down": 1.0, "back": -1.0},
    },
)
def sort_two(*, columns=(0, 1), negative=1.0, difference=1.0, down=-1.0, back=1.0):
    """W_1 (2, F), b_1 (F,) and W_2 (F, 2) of relu((a, b) W_1 + b_1) W_2 = (the smaller, the larger)."""
    w_1 = torch.tensor([[1.0, -1.0, 0.0, 0.0, 1.0], [0.0, 0.0, 1.0, -1.0, -1.0]])
    w_2 = torch.tensor([[1.0, 0.0], [-negative, 0.0], [0.0, 1.0], [0.0, -negative], [down * difference, back * difference]])
    return w_1, torch.zeros(5), w_2[:, list(columns)]


def _tokens(seed, N, V, padding):
    (logits,) = _random(seed, (N, V))
    targets = torch.randint(1, V, (N,), generator=Generator().manual_seed(seed))
    targets[padding] = 0
    return 3 * logits, targets


def _mixed_probabilities(logits, targets, epsilon):
    p = logits.softmax(-1).gather(1, targets[:, None])[:, 0]
    return -((1 - epsilon) * p + epsilon / logits.shape[1]).log()[targets != 0].mean()


def _right_token(logits, targets):
    return F.cross_entropy(logits, targets, ignore_index=0)


@exercise(
    praise="where all tokens are equally likely, smoothing changes nothing.",
    cases=lambda seed: [
        (torch.tensor([[0.7, 0.2, 0.1]]).log(), torch.tensor([2]), 0.3),
        (*_tokens(seed, 7, 5, [5, 6]), 0.1),
        (*_tokens(seed + 1, 11, 13, [8, 9, 10]), 0.3),
        case(*_tokens(seed + 2, 5, 3, [0, 2]), 0.2, edge="padding between the tokens"),
        case(*_tokens(seed + 3, 3, 7, []), 0.2, edge="no padding"),
        case(*_tokens(seed + 4, 5, 3, [4]), 0.0, edge="epsilon = 0"),
    ],
    wrong={
        "padding counts: take the mean over the tokens that are not 0.": {"real": lambda targets: targets > -1},
        "padding counts in the term of all tokens: leave it out of both terms.": lambda logits, targets, e: (
            (1 - e) * _right_token(logits, targets) - e * logits.log_softmax(-1).mean()
        ),
        "you take the mean over the padding: take it over the tokens that are not 0.": {"real": lambda targets: targets == 0},
        "the sum is right, but you divide it by all N, padding included: divide by the number of real tokens.": {
            "end": lambda each, real: each[real].sum() / len(each)
        },
        "this is the sum over the tokens: take their mean.": {"end": lambda each, real: each[real].sum()},
        "these are the losses of the tokens: take the mean over the real ones.": [
            {"end": lambda each, real: each},
            {"end": lambda each, real: each[real]},
            {"end": lambda each, real: each * real},
        ],
        "this is the perplexity: leave the exponential out.": {"end": lambda each, real: each[real].mean().exp()},
        "the minus sign is missing: the loss is -ln p.": {"end": lambda each, real: -each[real].mean()},
        "the right token's term has the wrong sign: both terms are -ln p.": {"kept": lambda e, V: e - 1},
        "the term of all tokens has the wrong sign: both terms are -ln p.": {"shared": lambda e, V: -e / V},
        "these are logits: apply log_softmax first.": {"log_p": lambda z: z},
        "the softmax is taken twice: the loss takes the logits as they are.": {"log_p": lambda z: z.softmax(dim=-1).log_softmax(dim=-1)},
        "the logarithm of the softmax is missing.": {"log_p": lambda z: z.softmax(dim=-1)},
        "the softmax runs over the tokens of the batch (dim 0): it belongs over the vocabulary, the last axis.": {"log_p": lambda z: z.log_softmax(dim=0)},
        "this is in bits (log2): nats (ln) are wanted.": {"log_p": lambda z: z.softmax(dim=-1).log2()},
        "epsilon is shared among all V tokens, the right one included: each counts epsilon / V.": [
            {"kept": lambda e, V: 1 - e - e / (V - 1), "shared": lambda e, V: e / (V - 1)},
            {"kept": lambda e, V: 1 - e - e / V},
            {"shared": lambda e, V: e / (V - 1)},
        ],
        "padding is a token of the vocabulary here: all V tokens share epsilon, number 0 included.": [
            {"every": lambda log_p: log_p[:, 1:].sum(-1)},
            {"every": lambda log_p: log_p[:, 1:].mean(-1) * log_p.shape[1]},
        ],
        "divide epsilon by V, the size of the vocabulary, not by the number of tokens in the batch.": (
            lambda logits, targets, e: smoothed_loss.right(logits, targets, e, shared=lambda e, V: e / len(targets))
        ),
        "the sum over all tokens is not divided by V: each of them counts epsilon / V.": {"shared": lambda e, V: e},
        "epsilon and 1 - epsilon are swapped: the right token keeps 1 - epsilon.": {
            "kept": lambda e, V: e,
            "shared": lambda e, V: (1 - e) / V,
        },
        "nothing is smoothed: every token must count epsilon / V.": {"kept": lambda e, V: 1, "shared": lambda e, V: 0},
        "the right token keeps its full weight: it counts 1 - epsilon, so that the weights sum to 1.": {"kept": lambda e, V: 1},
        "the term of all tokens is missing: each of them counts epsilon / V.": {"shared": lambda e, V: 0},
        "the term of the right token is missing: it counts 1 - epsilon.": {"kept": lambda e, V: 0},
        "the right token counts epsilon: it keeps 1 - epsilon.": {"kept": lambda e, V: e},
        "the term of all tokens is not multiplied by epsilon: each of them counts epsilon / V.": {"shared": lambda e, V: 1 / V},
        "the term of all tokens is multiplied by 1 - epsilon: each of them counts epsilon / V.": {"shared": lambda e, V: (1 - e) / V},
        "epsilon / V is added to the loss: it is a weight, which multiplies -ln p of each token.": lambda z, t, e: (
            (1 - e) * _right_token(z, t) + e / z.shape[1]
        ),
        "the target is smoothed, not the prediction: mix the two losses, not the probabilities.": _mixed_probabilities,
    },
)
def smoothed_loss(
    logits,
    targets,
    epsilon,
    *,
    log_p=lambda logits: logits.log_softmax(dim=-1),
    kept=lambda e, V: 1 - e,
    shared=lambda e, V: e / V,
    every=lambda log_p: log_p.sum(-1),
    real=lambda targets: targets != 0,
    end=lambda each, real: each[real].mean(),
):
    """The cross-entropy with label smoothing, in nats per real token."""
    logs, V = log_p(logits), logits.shape[1]
    right = logs.gather(1, targets[:, None])[:, 0]
    each = -kept(epsilon, V) * right - shared(epsilon, V) * every(logs)
    return end(each, real(targets))


def _cached(seed, t, C, D):
    return tuple(_random(seed + t, (1, C), (t, D), (t, D), *[(C, D)] * 3))


@exercise(
    praise="one query, and no key is computed twice.",
    cases=lambda seed: [
        _cached(seed, 2, 3, 2),
        _cached(seed, 4, 5, 3),
        _cached(seed, 6, 3, 11),
        case(*_cached(seed, 0, 7, 3), edge="no token before it (t = 0)"),
        case(*_cached(seed, 1, 5, 2), edge="one token before it"),
    ],
    wrong={
        "a token attends to itself, too: append its key and value first, then attend.": {"seen": lambda keys, values: (keys[:-1], values[:-1])},
        "the token attends to itself alone: it must see the keys and values of the cache, too.": {"seen": lambda keys, values: (keys[-1:], values[-1:])},
        "the scores are not divided by the root of D.": {"weigh": lambda scores, D, C: scores.softmax(-1)},
        "the root of D divides the scores, before the softmax: you divide the weights.": {"weigh": lambda scores, D, C: scores.softmax(-1) / D**0.5},
        "divide by the root of D, the width of the keys, not of C.": {"weigh": lambda scores, D, C: (scores / C**0.5).softmax(-1)},
        "divide by the root of D, the width of the keys, not of the number of keys.": [
            {"weigh": lambda scores, D, C: (scores / scores.shape[1] ** 0.5).softmax(-1)},
            {"weigh": lambda scores, D, C: (scores / (scores.shape[1] - 1) ** 0.5).softmax(-1)},
        ],
        "divide by the *root* of D.": {"weigh": lambda scores, D, C: (scores / D).softmax(-1)},
        "you multiply by the root of D: divide by it.": {"weigh": lambda scores, D, C: (scores * D**0.5).softmax(-1)},
        "every value counts alike: weight the values with the softmax of the scores.": {
            "weigh": lambda scores, D, C: torch.ones_like(scores) / scores.shape[1]
        },
        "the softmax is missing: scores are not weights.": {"weigh": lambda scores, D, C: scores / D**0.5},
        "the softmax runs over the queries (dim 0): it belongs over the keys, the last axis.": {"weigh": lambda scores, D, C: (scores / D**0.5).softmax(0)},
        "the weights do not sum to 1: take the softmax.": [
            {"weigh": lambda scores, D, C: (scores / D**0.5).exp()},
            {"weigh": lambda scores, D, C: (scores / D**0.5).sigmoid()},
        ],
        "no mask is needed: the newest token sees all keys, and your mask hides all but the first.": {
            "weigh": lambda scores, D, C: F.one_hot(torch.tensor([0]), scores.shape[1]).float()
        },
        "the new row belongs at the end: the cache is in the order of the text.": {"grown": lambda kept, new: torch.cat([new, kept])},
        "the new row replaces the last one: append it.": {"grown": lambda kept, new: torch.cat([kept[:-1], new])},
        "the key and the value of the new token are swapped: x @ W_k belongs to the keys.": {"new": lambda x, W_q, W_k, W_v: (x @ W_v, x @ W_k)},
        "the new key is not made with W_k.": [
            {"new": lambda x, W_q, W_k, W_v: (x @ W_q, x @ W_v)},
            {"new": lambda x, W_q, W_k, W_v: (x @ W_v, x @ W_v)},
        ],
        "the new value is not made with W_v.": [
            {"new": lambda x, W_q, W_k, W_v: (x @ W_k, x @ W_k)},
            {"new": lambda x, W_q, W_k, W_v: (x @ W_k, x @ W_q)},
        ],
        "the query asks, x @ W_q: you ask with the key or the value.": [
            {"query": lambda x, W_q, W_k, W_v: x @ W_k},
            {"query": lambda x, W_q, W_k, W_v: x @ W_v},
        ],
        "the mean is over the values: yours is over the keys.": {"seen": lambda keys, values: (keys, keys)},
        "the scores are between query and keys: yours are with the values.": {"seen": lambda keys, values: (values, values)},
        "keys and values are swapped in the attention: the keys give the scores, the mean is over the values.": {"seen": lambda keys, values: (values, keys)},
        "nothing is kept: return the keys and values with the new row at the end.": {"results": lambda out, keys, values: (out, keys[:-1], values[:-1])},
        "these are the weights: the output is the mean of the values with these weights.": {"mix": lambda weights, values: weights},
        "return three things: the output, the keys and the values.": {"results": lambda out, keys, values: out},
        "keys and values are swapped in what you return.": {"results": lambda out, keys, values: (out, values, keys)},
        "the output comes first in what you return, then the keys and the values.": {"results": lambda out, keys, values: (keys, values, out)},
        "return all keys and values, not the new rows alone.": {"results": lambda out, keys, values: (out, keys[-1:], values[-1:])},
    },
)
def cached_step(
    x,
    keys,
    values,
    W_q,
    W_k,
    W_v,
    *,
    query=lambda x, W_q, W_k, W_v: x @ W_q,
    new=lambda x, W_q, W_k, W_v: (x @ W_k, x @ W_v),
    grown=lambda kept, new: torch.cat([kept, new]),
    seen=lambda keys, values: (keys, values),
    weigh=lambda scores, D, C: (scores / D**0.5).softmax(-1),
    mix=lambda weights, values: weights @ values,
    results=lambda out, keys, values: (out, keys, values),
):
    """Causal attention for one more token: the output, and the longer keys and values."""
    key, value = new(x, W_q, W_k, W_v)
    keys, values = grown(keys, key), grown(values, value)
    asked, looked_at = seen(keys, values)
    weights = weigh(query(x, W_q, W_k, W_v) @ asked.T, W_k.shape[1], x.shape[1])
    return results(mix(weights, looked_at), keys, values)


@experiment(
    goal=1.0,
    unit="nats per character after 400 steps, the worse of two seeds",
    stored=lambda: worst_by_change(files.load_results("first_steps")["rows"], first_steps.CHOICE, "loss"),
    advice={
        "a second decoder block, which can use what the first one found in the source.": lambda choice: choice["n_decoder_layers"] < 2,
        "a learning rate between 0.003 and 0.01.": lambda choice: not 0.003 <= choice["learning_rate"] <= 0.01,
        "a longer warm-up, up to a third of the steps.": lambda choice: choice["warmup_steps"] < 60,
        "the other place for the norm, or another kind of positions.": lambda choice: True,
    },
    wrong={
        "a second decoder block, which can use": lambda: _steps_choice(n_decoder_layers=1),
        "a learning rate between 0.003 and 0.01.": lambda: _steps_choice(learning_rate=0.0002),
        "a longer warm-up, up to a third of the steps.": lambda: _steps_choice(learning_rate=0.01, warmup_steps=40, norm="pre"),
        "norm is one of pre, post, but yours is 'none'.": lambda: _steps_choice(norm="none"),
        "positions is one of sinusoidal, learned, rotary, none, but yours is 'turned'.": lambda: _steps_choice(positions="turned"),
        "learning_rate is a number above 0 and at most 0.1, but yours is 1.": lambda: _steps_choice(learning_rate=1),
        "warmup_steps is a whole number from 0 to 400, but yours is 0.1.": lambda: _steps_choice(warmup_steps=0.1),
        "n_encoder_layers is one of 1, 2, but yours is 6.": lambda: _steps_choice(n_encoder_layers=6),
        "n_decoder_layers is one of 1, 2, but yours is 3.": lambda: _steps_choice(n_decoder_layers=3),
        "a dictionary with learning_rate, warmup_steps, norm, positions, n_encoder_layers, n_decoder_layers is expected": lambda: {"norm": "pre"},
    },
)
def off_the_plateau(choice, seed):
    """Rate, warm-up, norm, positions and layers of a small Transformer that trains for 400 steps."""
    if not isinstance(choice, dict) or set(choice) != set(first_steps.CHOICE):
        raise Mistake(f"a dictionary with {', '.join(first_steps.CHOICE)} is expected, and nothing else.")
    options = {
        "norm": ("pre", "post"),
        "positions": ("sinusoidal", "learned", "rotary", "none"),
        "n_encoder_layers": (1, 2),
        "n_decoder_layers": (1, 2),
    }
    for name, allowed in options.items():
        if choice[name] not in allowed:
            raise Mistake(f"{name} is one of {', '.join(map(str, allowed))}, but yours is {choice[name]!r}.")
    rate, warmup = choice["learning_rate"], choice["warmup_steps"]
    if not isinstance(rate, int | float) or not 0 < rate <= 0.1:
        raise Mistake(f"learning_rate is a number above 0 and at most 0.1, but yours is {rate!r}.")
    if warmup not in range(first_steps.STEPS + 1):
        raise Mistake(f"warmup_steps is a whole number from 0 to {first_steps.STEPS}, but yours is {warmup!r}.")
    return max(first_steps.row(**choice, seed=other)["loss"][0] for other in first_steps.SEEDS)


def _steps_choice(**changes):
    return first_steps.CHOICE | {"warmup_steps": 120, "norm": "post"} | changes
