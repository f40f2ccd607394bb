"""Answers to the exercises of transformer: other right ones, and wrong ones with words of their message."""

import math

import numpy as np
import torch
from torch.nn import functional as F

from course_lib.attention import scaled_dot_product_attention


def norm_by_hand(x, gain, bias, axis=-1, correction=0, eps=1e-5, outside=0.0):
    centred = x - x.mean(dim=axis, keepdim=True)
    spread = (centred.square().sum(dim=axis, keepdim=True) / (x.shape[axis] - correction) + eps).sqrt()
    return centred / (spread + outside) * gain + bias


def norm_by_library(x, gain, bias):
    return F.layer_norm(x, (x.shape[-1],), gain, bias)


def norm_by_numpy(x, gain, bias):
    x, gain, bias = (tensor.double().numpy() for tensor in (x, gain, bias))
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5) * gain + bias


def norm_of(top=None, spread=None, end=None):
    """A norm whose numerator, denominator or last line is other."""

    def norm(x, gain, bias):
        mean = x.sum(-1, keepdim=True) / x.shape[-1]
        variance = torch.einsum("btc,btc->bt", x - mean, x - mean)[..., None] / x.shape[-1]
        above = (x - mean) if top is None else top(x, mean)
        below = torch.sqrt(variance + 1e-5) if spread is None else spread(x, variance)
        return gain * above / below + bias if end is None else end(above / below, gain, bias)

    return norm


def norm_row_by_row(x, gain, bias):
    rows = [norm_by_hand(row, gain, bias) for row in x.flatten(0, 1)]
    return torch.stack(rows).view_as(x)


def block_in_place(x, memory, attend, look, feed_forward, norms):
    x = x.clone()
    for norm, sublayer in zip(norms, (attend, lambda y: look(y, memory), feed_forward), strict=True):
        x += sublayer(norm(x))
    return x


def block_by_names(x, memory, attend, look, feed_forward, norms):
    first, second, third = norms
    a = x + attend(first(x))
    b = a + look(second(a), memory)
    return b + feed_forward(third(b))


def block_of(step):
    """A block whose step(x, norm, sublayer, place) is other."""

    def block(x, memory, attend, look, feed_forward, norms):
        sublayers = (attend, lambda y: look(y, memory), feed_forward)
        for place, (norm, sublayer) in enumerate(zip(norms, sublayers, strict=True)):
            x = step(x, norm, sublayer, place)
        return x

    return block


def cross(look_at):
    """A block whose cross-attention is other."""

    def block(x, memory, attend, look, feed_forward, norms):
        x = x + attend(norms[0](x))
        x = x + look_at(look, norms[1](x), memory, norms[1])
        return x + feed_forward(norms[2](x))

    return block


def looking_of(numbers=(0, 1, 2), last=lambda x, norms: x):
    """A block whose norms are chosen by number, and which does something at the end."""

    def block(x, memory, attend, look, feed_forward, norms):
        i, j, k = numbers
        a = attend(norms[i](x)) + x
        b = look(norms[j](a), memory) + a
        return last(feed_forward(norms[k](b)) + b, norms)

    return block


def without_feed_forward(x, memory, attend, look, feed_forward, norms):
    x = x + attend(norms[0](x))
    return x + look(norms[1](x), memory)


def attention_lost(x, memory, attend, look, feed_forward, norms):
    attend(norms[0](x)) + x
    x = x + look(norms[1](x), memory)
    return x + feed_forward(norms[2](x))


def cross_last(x, memory, attend, look, feed_forward, norms):
    x = x + attend(norms[0](x))
    x = x + feed_forward(norms[1](x))
    return x + look(norms[2](x), memory)


def onto_the_input(x, memory, attend, look, feed_forward, norms):
    y = x + attend(norms[0](x))
    y = x + look(norms[1](y), memory)
    return x + feed_forward(norms[2](y))


def no_cross(x, memory, attend, look, feed_forward, norms):
    x = x + attend(norms[0](x))
    return x + feed_forward(norms[2](x))


def cross_first(x, memory, attend, look, feed_forward, norms):
    x = x + look(norms[1](x), memory)
    x = x + attend(norms[0](x))
    return x + feed_forward(norms[2](x))


def in_parallel(x, memory, attend, look, feed_forward, norms):
    return x + attend(norms[0](x)) + look(norms[1](x), memory) + feed_forward(norms[2](x))


def first_norm(x, memory, attend, look, feed_forward, norms):
    norm = norms[0]
    x = x + attend(norm(x))
    x = x + look(norm(x), memory)
    return x + feed_forward(norm(x))


def smoothed_by_library(logits, targets, epsilon):
    return F.cross_entropy(logits, targets, ignore_index=0, label_smoothing=epsilon)


def smoothed_by_targets(logits, targets, epsilon, others_only=False, end=None):
    V = logits.shape[1]
    wanted = torch.full_like(logits, epsilon / (V - 1 if others_only else V))
    right = 1 - epsilon if others_only else 1 - epsilon + epsilon / V
    wanted.scatter_(1, targets[:, None], right)
    each = -(wanted * logits.log_softmax(-1)).sum(1)
    return each[targets != 0].mean() if end is None else end(each, targets != 0)


def smoothed_by_loop(logits, targets, epsilon, keep=None, share=None, log=True):
    losses = []
    for row, target in zip(logits.double(), targets.tolist(), strict=True):
        if target:
            log_p = row - row.logsumexp(0) if log else row
            kept = 1 - epsilon if keep is None else keep(epsilon)
            part = epsilon / len(row) if share is None else share(epsilon, len(row))
            losses.append(-kept * log_p[target] - part * log_p.sum())
    return sum(losses).item() / len(losses)


def smoothed_of(log_p=None, mix=None, real=None, end=None):
    """A smoothed loss one part of which is other: mix(loss of the right token, mean loss, epsilon, V)."""

    def loss(logits, targets, epsilon):
        logs = torch.log(logits.softmax(-1)) if log_p is None else log_p(logits)
        right = -logs[torch.arange(len(targets)), targets]
        mean, V = -logs.mean(-1), logits.shape[-1]
        each = (1 - epsilon) * right + epsilon * mean if mix is None else mix(right, mean, epsilon, V)
        mask = (targets > 0) if real is None else real(targets)
        return (each * mask).sum() / mask.sum() if end is None else end(each, mask)

    return loss


def as_in_the_annotated_transformer(logits, targets, epsilon):
    wanted = torch.full_like(logits, epsilon / logits.shape[1])
    wanted.scatter_add_(1, targets[:, None], torch.full((len(targets), 1), 1 - epsilon))
    wanted[:, 0] = 0
    return -(wanted * logits.log_softmax(-1)).sum(1)[targets != 0].mean()


def smooth_probabilities(logits, targets, epsilon):
    p = logits.softmax(-1).gather(1, targets[:, None])[:, 0]
    return -((1 - epsilon) * p + epsilon / logits.shape[1]).log()[targets != 0].mean()


def step_by_library(x, keys, values, W_q, W_k, W_v):
    keys, values = torch.cat([keys, x @ W_k]), torch.cat([values, x @ W_v])
    output, _ = scaled_dot_product_attention(x @ W_q, keys, values)
    return output, keys, values


def step_by_rows(x, keys, values, W_q, W_k, W_v, scale=None, own=True, weigh=None):
    new_keys, new_values = torch.vstack([keys, x @ W_k]), torch.vstack([values, x @ W_v])
    seen = slice(None) if own else slice(-1)
    scores = (new_keys[seen] @ (x @ W_q)[0]) / (math.sqrt(W_k.shape[1]) if scale is None else scale(x, W_k))
    weights = scores.softmax(0) if weigh is None else weigh(scores)
    return [(weights[:, None] * new_values[seen]).sum(0, keepdim=True), new_keys, new_values]


def step_of(attend=None, query=None, key=None, value=None, grow=None):
    """A step one part of which is other: attend(q, keys, values, x)."""

    def step(x, keys, values, W_q, W_k, W_v):
        q = x @ W_q if query is None else query(x, W_q, W_k, W_v)
        k = x @ W_k if key is None else key(x, W_q, W_k, W_v)
        v = x @ W_v if value is None else value(x, W_q, W_k, W_v)
        keys, values = (torch.cat([keys, k]), torch.cat([values, v])) if grow is None else grow(keys, values, k, v)
        if attend is not None:
            return attend(q, keys, values, x), keys, values
        return F.scaled_dot_product_attention(q[None], keys[None], values[None])[0], keys, values

    return step


def other_results(choose):
    return lambda *inputs: choose(*step_by_library(*inputs))


def by_half_sums(w_1=((1.0, -1.0, 1.0, -1.0), (1.0, -1.0, -1.0, 1.0)), w_2=((1, 1), (-1, -1), (-1, 1), (-1, 1))):
    """The smaller is (a + b - |a - b|) / 2, the larger (a + b + |a - b|) / 2."""
    return lambda: (torch.tensor(w_1), torch.zeros(len(w_2)), torch.tensor(w_2) / 2)


def by_five_units(down, back):
    """Units for a, -a, b, -b and a - b; what is added of the last to the first result and to the second."""
    w_1 = torch.tensor([[1.0, -1.0, 0.0, 0.0, 1.0], [0.0, 0.0, 1.0, -1.0, -1.0]])
    w_2 = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0], [down, back]])
    return lambda: (w_1, torch.zeros(5), w_2)


def steps(**changes):
    choice = {"learning_rate": 0.005, "warmup_steps": 120, "norm": "post", "positions": "rotary"}
    return lambda: choice | {"n_encoder_layers": 2, "n_decoder_layers": 2} | changes


RIGHT = {
    "layer_norm": [norm_by_hand, norm_by_library, norm_row_by_row, norm_by_numpy, norm_of()],
    "decoder_block": [
        block_in_place,
        block_by_names,
        block_of(lambda x, norm, sublayer, place: sublayer(norm(x)) + x),
        looking_of(),
    ],
    "sort_two": [by_half_sums(), lambda: tuple(part.tolist() for part in by_half_sums()())],
    "off_the_plateau": [lambda: {**steps()(), "learning_rate": torch.tensor(0.005).item()}],
    "smoothed_loss": [smoothed_by_library, smoothed_by_targets, smoothed_by_loop, smoothed_of()],
    "cached_step": [step_by_library, step_by_rows, step_of()],
}
WRONG = {
    "sort_two": [
        (by_half_sums(w_2=((1, 1), (-1, -1), (1, -1), (1, -1))), "the larger one comes first"),
        (by_half_sums(w_2=((1, 1), (0, 0), (-1, 1), (-1, 1))), "expected"),
        (lambda: (torch.eye(2), torch.zeros(2), torch.eye(2)), "two things"),
        (
            lambda: (
                torch.tensor([[1.0, -1, 0, 0], [0, 0, 1, -1]]),
                torch.zeros(4),
                [[1, 0], [-1, 0], [0, 1], [0, -1]],
            ),
            "as they went in",
        ),
        (
            by_five_units(-1.0, -1.0),
            "both results move the same way: what is taken from one number is added to the other.",
        ),
        (
            by_five_units(1.0, -1.0),
            "this moves the numbers the wrong way: a unit for a - b, taken from the first and added",
        ),
        (lambda: torch.eye(2), "three tensors are expected"),
        (lambda: (torch.eye(3), torch.zeros(3), torch.eye(3)), "with F units the shapes are (2, F), (F,) and (F, 2)"),
        (lambda: (torch.ones(2, 9), torch.zeros(9), torch.ones(9, 2)), "8 units are enough"),
    ],
    "off_the_plateau": [
        (steps(n_decoder_layers=1), "a second decoder block, which can use"),
        (steps(learning_rate=0.01, warmup_steps=40, norm="pre"), "a longer warm-up, up to a third of the steps."),
        (steps(learning_rate=0.0002), "a learning rate between"),
        (steps(norm="none"), "norm is one of pre, post, but yours is 'none'."),
        (steps(positions="turned"), "positions is one of sinusoidal, learned, rotary, none, but yours is 'turned'."),
        (steps(learning_rate=1), "learning_rate is a number above 0 and at most 0.1, but yours is 1."),
        (steps(learning_rate="high"), "learning_rate is a number above 0 and at most 0.1, but yours is 'high'."),
        (steps(warmup_steps=0.1), "warmup_steps is a whole number from 0 to 400, but yours is 0.1."),
        (steps(n_encoder_layers=6), "n_encoder_layers is one of 1, 2, but yours is 6."),
        (steps(n_decoder_layers=3), "n_decoder_layers is one of 1, 2, but yours is 3."),
        (
            lambda: [0.005, 120, "pre", "rotary", 2, 2],
            "a dictionary with learning_rate, warmup_steps, norm, positions, n_encoder_layers, n_decoder_layers is",
        ),
    ],
    "layer_norm": [
        (lambda *inputs: norm_by_hand(*inputs, axis=1), "over the positions (dim 1)"),
        (lambda *inputs: norm_by_hand(*inputs, axis=0), "over the batch (dim 0)"),
        (lambda x, gain, bias: F.batch_norm(x.mT, None, None, training=True).mT * gain + bias, "as BatchNorm does"),
        (lambda x, gain, bias: F.layer_norm(x, x.shape[1:]) * gain + bias, "over positions and components together"),
        (lambda x, gain, bias: (x - x.mean()) / (x.var(unbiased=False) + 1e-5).sqrt() * gain + bias, "whole tensor"),
        (norm_of(top=lambda x, mean: x - x.mean()), "but the mean is taken over another axis"),
        (norm_of(spread=lambda x, v: (x.var(unbiased=False) + 1e-5).sqrt()), "but the variance is taken over another"),
        (lambda *inputs: norm_by_hand(*inputs, correction=1), "unbiased=False"),
        (lambda x, gain, bias: (x - x.mean(-1, True)) / x.std(-1, keepdim=True) * gain + bias, "two things"),
        (lambda x, gain, bias: (x - x.mean(-1, True)) / (x.std(-1, keepdim=True) + 1e-5) * gain + bias, "two things"),
        (norm_of(spread=lambda x, v: (x.shape[-1] * v + 1e-5).sqrt()), "is not divided by C"),
        (norm_of(spread=lambda x, v: ((x - x.mean(-1, True)).abs().mean(-1, True) ** 2 + 1e-5).sqrt()), "absolute"),
        (lambda *inputs: norm_by_hand(*inputs, eps=0), "add 1e-5 under the root"),
        (lambda *inputs: norm_by_hand(*inputs, eps=0, outside=1e-5), "not to the root"),
        (lambda *inputs: norm_by_hand(*inputs, eps=1e-6), "another small number"),
        (lambda *inputs: norm_by_hand(*inputs, eps=-1e-5), "the small number is subtracted"),
        (norm_of(spread=lambda x, v: (x**2).mean(-1, True).add(1e-5).sqrt()), "the mean of the squares of x"),
        (lambda x, gain, bias: x / x.norm(dim=-1, keepdim=True) * gain + bias, "by the norm of the vector"),
        (norm_of(spread=lambda x, v: v + 1e-5), "not by the variance"),
        (
            lambda x, gain, bias: (
                (x - x.mean(-1, True) / x.var(-1, unbiased=False, keepdim=True).add(1e-5).sqrt()) * gain + bias
            ),
            "brackets",
        ),
        (norm_of(end=lambda y, gain, bias: y * (gain + bias)), "gain and bias are added to each other"),
        (
            norm_of(spread=lambda x, v: (x.std(-1, unbiased=False, keepdim=True) + 1e-5) ** 0.5),
            "the root is taken twice",
        ),
        (norm_of(spread=lambda x, v: (v + 1e-5) ** -0.5), "you multiply by the root"),
        (norm_of(top=lambda x, mean: x), "is not subtracted in the numerator"),
        (norm_of(top=lambda x, mean: x + mean), "the mean is added"),
        (norm_of(top=lambda x, mean: mean - x), "the sign is reversed"),
        (lambda x, gain, bias: F.rms_norm(x, x.shape[-1:], eps=1e-5) * gain + bias, "RMSNorm"),
        (lambda x, gain, bias: norm_by_hand(x, 1, bias), "the gain is missing"),
        (lambda x, gain, bias: norm_by_hand(x, gain, 0), "the bias is missing"),
        (lambda x, gain, bias: norm_by_hand(x, 1, 0), "gain and bias are missing"),
        (lambda x, gain, bias: norm_by_hand(x, bias, gain), "swapped"),
        (lambda x, gain, bias: norm_by_hand(x, gain, gain * bias), "the bias is multiplied by the gain"),
        (lambda x, gain, bias: norm_by_hand(x, gain, -bias), "the bias is subtracted"),
        (lambda x, gain, bias: norm_by_hand(x, 1 / gain, bias), "you divide by the gain"),
        (lambda x, gain, bias: norm_by_hand(x, 1 + gain, bias), "1 is added to the gain"),
        (lambda x, gain, bias: (x - x.mean(-1, True)) * gain + bias, "the division by the root"),
        (lambda x, gain, bias: torch.addcmul(bias, x, gain), "nothing is normalised"),
        (lambda x, gain, bias: norm_by_hand(x * gain + bias, 1, 0), "gain and bias come after"),
        (lambda x, gain, bias: (x - x.mean(-1)) / x.std(-1) * gain + bias, "your code raised"),
        (lambda x, gain, bias: x, "expected"),
    ],
    "decoder_block": [
        (block_of(lambda x, norm, sublayer, place: sublayer(norm(x))), "the residuals are missing"),
        (block_of(lambda x, norm, sublayer, place: norm(x + sublayer(x))), "this is post-norm"),
        (block_of(lambda x, norm, sublayer, place: x + norm(sublayer(x))), "the norm comes after"),
        (block_of(lambda x, norm, sublayer, place: x + sublayer(x)), "the norms are missing"),
        (
            block_of(lambda x, norm, sublayer, place: (norm(x) if place == 1 else x) + sublayer(norm(x))),
            "x itself is normalised",
        ),
        *(
            (block_of(lambda x, norm, sublayer, place, n=n: x * (place != n) + sublayer(norm(x))), f"around {name} is")
            for n, name in enumerate(("attend", "look", "feed_forward"))
        ),
        *(
            (
                block_of(lambda x, norm, sublayer, place, n=n: x + sublayer(x if place == n else norm(x))),
                f"before {name}",
            )
            for n, name in enumerate(("attend", "look", "feed_forward"))
        ),
        (block_of(lambda x, norm, sublayer, place: sublayer(norm(x)) + (x if place == 1 else 0)), "two things"),
        (block_of(lambda x, norm, sublayer, place: x + x + sublayer(norm(x))), "x is added twice"),
        (block_of(lambda x, norm, sublayer, place: sublayer(norm(x)).mul(x)), "a residual is a sum"),
        (cross(lambda look, x, memory, norm: look(memory, x)), "the two inputs of look are swapped"),
        (cross(lambda look, x, memory, norm: look(x, x)), "sees x again"),
        (cross(lambda look, x, memory, norm: look(memory, memory)), "the memory twice"),
        (cross(lambda look, x, memory, norm: look(x, norm(memory))), "the memory comes normalised"),
        (
            lambda x, memory, attend, look, feed, norms: looking_of()(
                x, memory, lambda y: attend(norms[0](memory)), look, feed, norms
            ),
            "only look sees the memory",
        ),
        (
            lambda x, memory, *parts: (
                x + block_of(lambda x, norm, sublayer, place: sublayer(norm(x)))(x, memory, *parts)
            ),
            "one residual around all three",
        ),
        (attention_lost, "attend is missing"),
        (no_cross, "look is missing"),
        (without_feed_forward, "feed_forward is missing"),
        (cross_first, "look comes second"),
        (cross_last, "feed_forward comes last"),
        (in_parallel, "each sublayer works on"),
        (onto_the_input, "adds the newest x"),
        (first_norm, "its own norm"),
        (looking_of((0, 2, 1)), "the norms are mixed up"),
        (looking_of(last=lambda x, norms: norms[-1](x)), "a norm follows the last sublayer"),
        (lambda x, memory, attend, look, feed_forward, norms: feed_forward(norms[2](x), memory), "your code raised"),
    ],
    "smoothed_loss": [
        (lambda *inputs: smoothed_by_targets(*inputs, end=lambda each, real: each.mean()), "padding counts"),
        (smoothed_of(real=lambda targets: ~targets.bool()), "over the padding"),
        (lambda *inputs: smoothed_by_targets(*inputs, end=lambda e, real: (e * real).mean()), "divide it by all N"),
        (lambda *inputs: smoothed_by_targets(*inputs, end=lambda each, real: each[real].sum()), "this is the sum"),
        (smoothed_of(end=lambda each, mask: each), "these are the losses of the tokens"),
        (lambda *inputs: smoothed_by_library(*inputs).exp(), "perplexity"),
        (lambda *inputs: -smoothed_by_library(*inputs), "the minus sign is missing"),
        (smoothed_of(mix=lambda right, mean, e, V: e * mean - (1 - e) * right), "the right token's term has the wrong"),
        (smoothed_of(mix=lambda right, mean, e, V: (1 - e) * right - e * mean), "the term of all tokens has the wrong"),
        (lambda *inputs: smoothed_by_loop(*inputs, log=False), "apply log_softmax first"),
        (lambda logits, targets, e: smoothed_by_library(logits.softmax(1), targets, e), "the softmax is taken twice"),
        (
            lambda z, t, e: (1 - e) * smoothed_by_library(z, t, 0.0) - e * F.log_softmax(z, 1).mean(),
            "out of both terms",
        ),
        (lambda z, t, e: smoothed_by_loop(z, t, e, share=lambda e, V: e / len(z)), "the size of the vocabulary"),
        (smoothed_of(log_p=lambda z: torch.softmax(z, 1)), "the logarithm of the softmax"),
        (smoothed_of(log_p=lambda z: z.softmax(0).log()), "over the tokens of the batch"),
        (smoothed_of(log_p=lambda z: z.log_softmax(1) / math.log(2)), "in bits"),
        (lambda *inputs: smoothed_by_targets(*inputs, others_only=True), "the right one included"),
        (as_in_the_annotated_transformer, "padding is a token of the vocabulary"),
        (lambda *inputs: smoothed_by_loop(*inputs, share=lambda e, V: e), "is not divided by V"),
        (lambda *inputs: smoothed_by_loop(*inputs, keep=lambda e: e, share=lambda e, V: (1 - e) / V), "are swapped"),
        (lambda logits, targets, epsilon: smoothed_by_library(logits, targets, 0.0), "nothing is smoothed"),
        (lambda *inputs: smoothed_by_loop(*inputs, keep=lambda e: 1), "keeps its full weight"),
        (lambda *inputs: smoothed_by_loop(*inputs, share=lambda e, V: 0), "the term of all tokens is missing"),
        (smoothed_of(mix=lambda right, mean, e, V: e * mean), "the term of the right token is missing"),
        (smoothed_of(mix=lambda right, mean, e, V: e * right + e * mean), "the right token counts epsilon"),
        (smoothed_of(mix=lambda right, mean, e, V: (1 - e) * right + mean), "is not multiplied by epsilon"),
        (smoothed_of(mix=lambda right, mean, e, V: (1 - e) * (right + mean)), "is multiplied by 1 - epsilon"),
        (smoothed_of(mix=lambda right, mean, e, V: (1 - e) * right + e / V), "epsilon / V is added to the loss"),
        (smooth_probabilities, "not the probabilities"),
    ],
    "cached_step": [
        (lambda *inputs: step_by_rows(*inputs, scale=lambda x, W: 1), "are not divided by the root of D"),
        (lambda *inputs: step_by_rows(*inputs, scale=lambda x, W: x.shape[1] ** 0.5), "not of C"),
        (lambda *inputs: step_by_rows(*inputs, scale=lambda x, W: W.shape[1]), "the *root* of D"),
        (lambda *inputs: step_by_rows(*inputs, scale=lambda x, W: W.shape[1] ** -0.5), "you multiply by the root"),
        (step_of(lambda q, k, v, x: (q @ k.T / math.sqrt(len(k))).softmax(1) @ v), "not of the number of keys"),
        (step_of(lambda q, k, v, x: (q @ k.T).softmax(1) / math.sqrt(k.shape[1]) @ v), "you divide the weights"),
        (step_of(lambda q, k, v, x: torch.exp(q @ k.T / math.sqrt(k.shape[1])) @ v), "do not sum to 1"),
        (step_of(lambda q, k, v, x: (q @ k.T / math.sqrt(k.shape[1])).softmax(1)), "these are the weights"),
        (step_of(lambda q, k, v, x: v.mean(0, keepdim=True)), "every value counts alike"),
        (step_of(lambda q, k, v, x: v[:1]), "no mask is needed"),
        (step_of(lambda q, k, v, x: v[-1:]), "attends to itself alone"),
        (lambda *inputs: step_by_rows(*inputs, own=False), "a token attends to itself, too"),
        (lambda *inputs: step_by_rows(*inputs, weigh=lambda scores: scores), "the softmax is missing"),
        (lambda *inputs: step_by_rows(*inputs, weigh=torch.ones_like), "over the queries"),
        (step_of(lambda q, k, v, x: scaled_dot_product_attention(q, k, k)[0]), "yours is over the keys"),
        (step_of(lambda q, k, v, x: scaled_dot_product_attention(q, v, v)[0]), "yours are with the values"),
        (step_of(lambda q, k, v, x: scaled_dot_product_attention(q, v, k)[0]), "are swapped in the attention"),
        (step_of(key=lambda x, W_q, W_k, W_v: x @ W_q), "the new key is not made with W_k"),
        (step_of(value=lambda x, W_q, W_k, W_v: x @ W_k), "the new value is not made with W_v"),
        (
            step_of(key=lambda x, W_q, W_k, W_v: x @ W_v, value=lambda x, W_q, W_k, W_v: x @ W_k),
            "the key and the value of the new token are swapped",
        ),
        (step_of(grow=lambda K, V, k, v: (torch.cat([K[:-1], k]), torch.cat([V[:-1], v]))), "the new row replaces"),
        (step_of(grow=lambda K, V, k, v: (torch.cat([k, K]), torch.cat([v, V]))), "belongs at the end"),
        (other_results(lambda output, keys, values: output), "return three things"),
        (other_results(lambda output, keys, values: (output, values, keys)), "swapped in what you return"),
        (other_results(lambda output, keys, values: (keys, values, output)), "the output comes first"),
        (other_results(lambda output, keys, values: (output, keys[:-1], values[:-1])), "nothing is kept"),
        (other_results(lambda output, keys, values: (output, keys[-1:], values[-1:])), "not the new rows alone"),
        (other_results(lambda output, keys, values: (output, keys.roll(1, 0), values.roll(1, 0))), "at the end"),
        (other_results(lambda output, keys, values: (output[0], keys, values)), "an axis of length 1 is missing"),
        (lambda x, keys, values, W_q, W_k, W_v: step_by_library(x, keys, values, W_k, W_k, W_v), "ask with the key"),
    ],
}
