"""Answers to the exercises of transformer: other right ones, and wrong ones with words of their message."""

import math

import numpy as np
import torch
from torch.nn import functional as F

from course_lib.attention import scaled_dot_product_attention
from course_lib.transformer import Transformer, TransformerConfig


def norm_by_hand(x, gain, bias, axis=-1, correction=0, eps=1e-5, outside=0.0):
    centred = x - x.mean(dim=axis, keepdim=True)
    spread = (centred.square().sum(dim=axis, keepdim=True) / (x.shape[axis] - correction) + eps).sqrt()
    return centred / (spread + outside) * gain + bias


def norm_by_library(x, gain, bias):
    return F.layer_norm(x, (x.shape[-1],), gain, bias)


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


def counted_on_a_model(V, C, F, encoders, decoders):
    sizes = {"n_encoder_layers": encoders, "n_decoder_layers": decoders, "positions": "none"}
    with torch.device("meta"):
        model = Transformer(TransformerConfig(vocab_size=V, d_model=C, n_heads=1, d_ff=F, **sizes))
    return sum(parameter.numel() for parameter in model.parameters())


def count(V, C, F, encoders, decoders, attention=None, tables=1, last=2, norm=None, cross=2, bias=1):
    attention = 4 * C * C + 4 * C * bias if attention is None else attention(C)
    norm = 2 * C if norm is None else norm
    feed_forward = 2 * C * F + bias * (F + C)
    blocks = encoders * (attention + feed_forward + 2 * norm)
    blocks += decoders * (cross * attention + feed_forward + (cross + 1) * norm)
    return tables * V * C + blocks + last * norm


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


def smooth_probabilities(logits, targets, epsilon):
    p = logits.softmax(-1).gather(1, targets[:, None])[:, 0]
    return -((1 - epsilon) * p + epsilon / logits.shape[1]).log()[targets != 0].mean()


def rate(step, d_model, warmup):
    return (step * warmup**-1.5 if step < warmup else step**-0.5) / math.sqrt(d_model)


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


def other_results(choose):
    return lambda *inputs: choose(*step_by_library(*inputs))


RIGHT = {
    "layer_norm": [norm_by_hand, norm_by_library, norm_row_by_row],
    "decoder_block": [block_in_place, block_by_names, block_of(lambda x, norm, sublayer, place: sublayer(norm(x)) + x)],
    "parameter_count": [
        counted_on_a_model,
        count,
        lambda *sizes: np.int64(count(*sizes)),
        lambda *sizes: torch.tensor(count(*sizes)),
    ],
    "smoothed_loss": [smoothed_by_library, smoothed_by_targets, smoothed_by_loop],
    "paper_rate": [
        rate,
        lambda step, d_model, warmup: np.float64(rate(step, d_model, warmup)),
        lambda step, d_model, warmup: torch.tensor(rate(step, d_model, warmup)),
    ],
    "cached_step": [step_by_library, step_by_rows],
}
WRONG = {
    "layer_norm": [
        (lambda *inputs: norm_by_hand(*inputs, axis=1), "over positions (dim 1)"),
        (lambda *inputs: norm_by_hand(*inputs, axis=0), "as BatchNorm does"),
        (lambda x, gain, bias: F.layer_norm(x, x.shape[1:]) * gain + bias, "over positions and components together"),
        (lambda x, gain, bias: (x - x.mean()) / (x.var(unbiased=False) + 1e-5).sqrt() * gain + bias, "everything"),
        (lambda *inputs: norm_by_hand(*inputs, correction=1), "unbiased=False"),
        (lambda x, gain, bias: (x - x.mean(-1, True)) / x.std(-1, keepdim=True) * gain + bias, "1e-5 is missing"),
        (lambda *inputs: norm_by_hand(*inputs, eps=0), "add 1e-5 under the root"),
        (lambda *inputs: norm_by_hand(*inputs, eps=0, outside=1e-5), "not to its root"),
        (lambda x, gain, bias: F.rms_norm(x, x.shape[-1:], eps=1e-5) * gain + bias, "RMSNorm"),
        (lambda x, gain, bias: norm_by_hand(x, 1, bias), "the gain is missing"),
        (lambda x, gain, bias: norm_by_hand(x, gain, 0), "the bias is missing"),
        (lambda x, gain, bias: norm_by_hand(x, bias, gain), "swapped"),
        (lambda x, gain, bias: norm_by_hand(x, gain, gain * bias), "first times the gain"),
        (lambda x, gain, bias: (x - x.mean(-1, True)) * gain + bias, "division by the root"),
        (lambda x, gain, bias: x, "expected"),
    ],
    "decoder_block": [
        (block_of(lambda x, norm, sublayer, place: sublayer(norm(x))), "no residual is there"),
        (block_of(lambda x, norm, sublayer, place: norm(x + sublayer(x))), "this is post-norm"),
        (block_of(lambda x, norm, sublayer, place: x + norm(sublayer(x))), "the norm stands after"),
        (block_of(lambda x, norm, sublayer, place: x + sublayer(x)), "the norms are missing"),
        (block_of(lambda x, norm, sublayer, place: norm(x) + sublayer(norm(x))), "x itself is normalised"),
        (block_of(lambda x, norm, sublayer, place: x * (place != 1) + sublayer(norm(x))), "residual around look"),
        (block_of(lambda x, norm, sublayer, place: x + sublayer(norm(x) if place else x)), "the norm before attend"),
        (cross(lambda look, x, memory, norm: look(memory, x)), "the two inputs of look are swapped"),
        (cross(lambda look, x, memory, norm: look(x, x)), "must see the memory"),
        (cross(lambda look, x, memory, norm: look(x, norm(memory))), "memory comes normalised"),
        (no_cross, "look is missing"),
        (cross_first, "look comes second"),
        (in_parallel, "overwrite x after each"),
        (first_norm, "a norm of its own"),
    ],
    "parameter_count": [
        (lambda *sizes: count(*sizes, tables=3), "share one matrix"),
        (lambda *sizes: count(*sizes, tables=2), "the output matrix too"),
        (lambda *sizes: count(*sizes, tables=0), "the embedding is missing"),
        (lambda *sizes: count(*sizes, bias=0), "the biases are missing"),
        (lambda *sizes: count(*sizes, last=0), "the last two LayerNorms"),
        (lambda *sizes: count(*sizes, norm=0), "the LayerNorms are missing"),
        (lambda *sizes: count(*sizes, bias=0, norm=0), "biases and LayerNorms"),
        (lambda *sizes: count(*sizes, cross=1), "two attentions and three norms"),
        (lambda *sizes: count(*sizes, attention=lambda C: 3 * C * C + 3 * C), "W_O after the heads"),
        (lambda *sizes: count(*sizes) + 1, "expected"),
        (lambda *sizes: f"{count(*sizes)}", "expected"),
    ],
    "smoothed_loss": [
        (lambda *inputs: smoothed_by_targets(*inputs, end=lambda each, real: each.mean()), "padding counts"),
        (lambda *inputs: smoothed_by_targets(*inputs, end=lambda each, real: each[real].sum()), "this is the sum"),
        (lambda *inputs: smoothed_by_targets(*inputs, end=lambda e, real: (e * real).mean()), "of *real* tokens"),
        (lambda *inputs: smoothed_by_targets(*inputs, others_only=True), "the right one too"),
        (lambda *inputs: -smoothed_by_library(*inputs), "the minus is missing"),
        (lambda logits, targets, epsilon: smoothed_by_library(logits, targets, 0.0), "nothing is smoothed"),
        (lambda *inputs: smoothed_by_loop(*inputs, share=lambda e, V: e), "divide the sum over all tokens by V"),
        (lambda *inputs: smoothed_by_loop(*inputs, keep=lambda e: 1), "so that the weights sum to 1"),
        (lambda *inputs: smoothed_by_loop(*inputs, share=lambda e, V: 0), "share of all tokens is missing"),
        (
            lambda *inputs: smoothed_by_loop(*inputs, keep=lambda e: e, share=lambda e, V: (1 - e) / V),
            "are swapped",
        ),
        (lambda *inputs: smoothed_by_loop(*inputs, log=False), "take log_softmax first"),
        (smooth_probabilities, "not the probabilities"),
    ],
    "paper_rate": [
        (lambda step, C, warmup: C**-0.5 * max(step**-0.5, step * warmup**-1.5), "min, not max"),
        (lambda step, C, warmup: min(step**-0.5, step * warmup**-1.5), "the factor d_model"),
        (lambda step, C, warmup: C * rate(step, C, warmup), "the width stands below"),
        (lambda step, C, warmup: C**-0.5 * min(step**0.5, step * warmup**-1.5), "it only rises"),
        (lambda step, C, warmup: C**-0.5 * min(step**-0.5, step / warmup), "meet at step = warmup"),
        (lambda step, C, warmup: C**-0.5 * min(step**-0.5, step * warmup**-0.5), "meet at step = warmup"),
        (lambda step, C, warmup: C**-0.5 * step * warmup**-1.5, "it only rises"),
        (lambda step, C, warmup: (C * step) ** -0.5, "nothing is warmed up"),
        (lambda step, C, warmup: rate(min(step, warmup), C, warmup), "after the warm-up it must fall"),
        (lambda step, C, warmup: rate(step + 1, C, warmup), "do not add 1"),
    ],
    "cached_step": [
        (lambda *inputs: step_by_rows(*inputs, scale=lambda x, W: 1), "divided by the root of D"),
        (lambda *inputs: step_by_rows(*inputs, scale=lambda x, W: x.shape[1] ** 0.5), "not of C"),
        (lambda *inputs: step_by_rows(*inputs, scale=lambda x, W: W.shape[1]), "the *root* of D"),
        (lambda *inputs: step_by_rows(*inputs, own=False), "look at itself"),
        (lambda *inputs: step_by_rows(*inputs, weigh=lambda scores: scores), "the softmax is missing"),
        (lambda *inputs: step_by_rows(*inputs, weigh=torch.ones_like), "over the queries"),
        (other_results(lambda output, keys, values: output), "return three things"),
        (other_results(lambda output, keys, values: (output, values, keys)), "swapped in what you return"),
        (other_results(lambda output, keys, values: (output, keys[:-1], values[:-1])), "nothing is kept"),
        (other_results(lambda output, keys, values: (output, keys[-1:], values[-1:])), "not the new rows alone"),
        (other_results(lambda output, keys, values: (output, keys.roll(1, 0), values.roll(1, 0))), "at the end"),
        (lambda x, keys, values, W_q, W_k, W_v: step_by_library(x, keys, values, W_k, W_k, W_v), "ask with the key"),
    ],
}
