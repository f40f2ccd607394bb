"""Answers to the exercises of gpt: other right ones, and wrong ones with words of their message."""

import math
from fractions import Fraction

import numpy as np
import torch
from torch.nn import functional as F

from course_lib.gpt import GPTConfig, build
from course_lib.training import flops_per_token


def loss_by_library(logits, tokens):
    return F.cross_entropy(logits[:, :-1].transpose(1, 2), tokens[:, 1:])


def loss_by_loop(logits, tokens, shift=1, first=0, softmax=lambda row: row.softmax(0), share=None):
    total, count = 0.0, 0
    for row, text in zip(logits, tokens, strict=True):
        for t in range(first, len(text) - shift):
            total -= softmax(row[t])[text[t + shift]].log().item()
            count += 1
    return total / (count if share is None else share(*tokens.shape))


def loss_of_probabilities(logits, tokens):
    return F.cross_entropy(logits.softmax(-1)[:, :-1].flatten(0, 1), tokens[:, 1:].flatten())


def loss_between(predicted, labels):
    """The loss with the logits and the labels chosen in another way."""
    return lambda logits, tokens: F.cross_entropy(predicted(logits).flatten(0, 1), labels(tokens).flatten())


def loss_at_the_end(logits, tokens):
    return F.cross_entropy(logits[:, -2], tokens[:, -1])


def log_p_of_next(logits, tokens, dim=-1):
    return logits[:, :-1].log_softmax(dim).gather(2, tokens[:, 1:, None]).squeeze(2)


def heads_by_view(qkv, n_heads):
    B, T, width = qkv.shape
    return tuple(one.view(B, T, n_heads, width // 3 // n_heads).transpose(1, 2) for one in qkv.split(width // 3, -1))


def heads_at_once(qkv, n_heads):
    return list(qkv.reshape(*qkv.shape[:2], 3, n_heads, -1).permute(2, 0, 3, 1, 4))


def heads_one_by_one(qkv, n_heads, order=(0, 1, 2)):
    C = qkv.shape[-1] // 3
    D, found = C // n_heads, []
    for part in order:
        first = part * C
        found.append(torch.stack([qkv[..., first + h * D : first + (h + 1) * D] for h in range(n_heads)], dim=1))
    return tuple(found)


def heads_of_other_parts(parts):
    return lambda qkv, H: tuple(part.unflatten(-1, (H, -1)).transpose(1, 2) for part in parts(qkv))


def cut_by(cut):
    """Heads whose thirds are cut in another way."""
    return lambda qkv, H: tuple(cut(one, H, one.shape[0], one.shape[1]) for one in qkv.chunk(3, dim=-1))


def bits_by_numpy(nats, lengths):
    return np.asarray(nats).sum() / np.asarray(lengths).sum() / np.log(2)


def bits_by_loop(nats, lengths):
    total = 0.0
    for one in nats:
        total += one.item() / math.log(2)
    return total / int(lengths.sum())


def bits_per(count):
    return lambda nats, lengths: float(nats.sum()) / count(nats, lengths) / math.log(2)


def gradient_as_one(gradient, parts):
    inputs, targets = zip(*parts, strict=True)
    return gradient(torch.cat(inputs), torch.cat(targets))


def gradient_by_shares(gradient, parts):
    total = sum(len(inputs) for inputs, _ in parts)
    return torch.stack([gradient(*part) * (len(part[0]) / total) for part in parts]).sum(0)


def gradient_by_loop(gradient, parts, weigh=len, divide=None):
    found, rows = 0, 0
    for inputs, targets in parts:
        found = found + weigh(inputs) * gradient(inputs, targets)
        rows += len(inputs)
    return found / (rows if divide is None else divide(parts))


def gradient_of_weights(weigh, divide=sum):
    """The parts' gradients with weights made of all lengths."""

    def accumulated(gradient, parts):
        lengths = [inputs.shape[0] for inputs, _ in parts]
        found = torch.zeros(parts[0][0].shape[1])
        for weight, part in zip(weigh(lengths), parts, strict=True):
            found += weight * gradient(*part)
        return found / divide(lengths)

    return accumulated


def gradient_by_averages(gradient, parts):
    found = gradient(*parts[0])
    for part in parts[1:]:
        found = 0.5 * found + 0.5 * gradient(*part)
    return found


def mask_by_places(past, new):
    return torch.arange(past + new) <= torch.arange(past, past + new)[:, None]


def mask_by_joining(past, new, inner=lambda new: torch.ones(new, new).tril().bool()):
    return torch.cat([torch.ones(new, past, dtype=torch.bool), inner(new)], dim=1)


def mask_by_last_rows(past, new):
    return torch.ones(past + new, past + new, dtype=torch.bool).tril()[past:]


def flops_by_library(V, C, L, T, B):
    with torch.device("meta"):
        model = build(GPTConfig(vocab_size=V, d_model=C, n_layers=L, n_heads=1, context_length=T))
    return flops_per_token(model, T) * B * T


def flops_by_products(
    V, C, L, T, B, passes=3, matrices=(3, 1, 4, 4), attention=4, last=1, tokens=None, table=0, looked_at=None, own=None
):
    block = sum(2 * n * C * C for n in matrices)
    pairs = attention * C * (T if looked_at is None else looked_at(T))
    forward = L * block + (L if own is None else own) * pairs + 2 * last * V * C + table
    return passes * forward * (B * T if tokens is None else tokens(B, T))


def kept_by_list(
    V, C, L, T, B, block=(1, 1, 3, 1, 1, 1, 4, 4), last=2, loss=1, size=4, rows=None, layers=None, scored=None
):
    per_token = sum(n * C for n in block) * (L if layers is None else layers) + last * C
    rows = rows or (lambda B, T: B * T)
    return size * (per_token * rows(B, T) + loss * V * (scored or rows)(B, T))


RIGHT = {
    "next_token_loss": [
        loss_by_library,
        loss_by_loop,
        lambda logits, tokens: np.float64(loss_by_loop(logits, tokens)),
        lambda logits, tokens: loss_by_library(logits * torch.ones((), requires_grad=True), tokens),
    ],
    "split_heads": [
        heads_by_view,
        heads_at_once,
        heads_one_by_one,
        lambda *inputs: torch.stack(heads_by_view(*inputs)),
        lambda *inputs: [part.numpy() for part in heads_one_by_one(*inputs)],
    ],
    "bits_a_character": [bits_by_numpy, bits_by_loop, lambda nats, lengths: nats.sum() / math.log(2) / lengths.sum()],
    "accumulated_gradient": [gradient_by_shares, gradient_by_loop, gradient_of_weights(lambda n: n)],
    "chunk_mask": [
        lambda past, new: [[column <= past + row for column in range(past + new)] for row in range(new)],
        mask_by_places,
        mask_by_joining,
        mask_by_last_rows,
    ],
    "step_flops": [flops_by_library, flops_by_products, lambda *sizes: float(flops_by_products(*sizes))],
    "activation_bytes": [kept_by_list, lambda V, C, L, T, B: Fraction(8, 2) * B * T * (C * (16 * L + 2) + V)],
}
WRONG = {
    "next_token_loss": [
        (loss_between(lambda z: z, lambda t: t), "nothing is shifted"),
        (loss_between(lambda z: z[:, :-1], lambda t: t[:, :-1]), "nothing is shifted"),
        (loss_between(lambda z: z[:, 1:], lambda t: t[:, :-1]), "the wrong way"),
        (loss_between(lambda z: z[:-1], lambda t: t[1:]), "this shifts the batch axis"),
        (loss_between(lambda z: z, lambda t: torch.roll(t, -1, dims=1)), "have no label in it"),
        (loss_between(lambda z: z[:, :1], lambda t: t[:, 1:2]), "only the first prediction"),
        (loss_between(lambda z: z[:, 1:-1], lambda t: t[:, 2:]), "token 1 from token 0, is missing"),
        (loss_between(lambda z: z[:, :-2], lambda t: t[:, 1:-1]), "the last prediction is missing"),
        (loss_between(lambda z: z[:1, :-1], lambda t: t[:1, 1:]), "only the first window"),
        (loss_between(lambda z: 2 * z[:, :-1], lambda t: t[:, 1:]), "expected"),
        (F.cross_entropy, "flatten batch and position"),
        (lambda logits, tokens: F.cross_entropy(logits[:, :-1], tokens[:, 1:]), "flatten batch and position"),
        (lambda logits, tokens: F.cross_entropy(logits.flatten(0, 1)[:-1], tokens.flatten()[1:]), "run into each"),
        (lambda *inputs: loss_by_loop(*inputs, shift=2), "shifted by two"),
        (loss_at_the_end, "only the last prediction"),
        (loss_of_probabilities, "one too many"),
        (lambda *inputs: loss_by_loop(*inputs, softmax=lambda row: row.exp()), "take log_softmax first"),
        (lambda *inputs: loss_by_loop(*inputs, softmax=lambda row: row.sigmoid()), "(sigmoid)"),
        (lambda *inputs: -log_p_of_next(*inputs).exp().mean(), "the logarithm is missing"),
        (lambda *inputs: -log_p_of_next(*inputs, dim=1).mean(), "over the positions"),
        (lambda *inputs: -log_p_of_next(*inputs, dim=0).mean(), "over the batch"),
        (lambda *inputs: -log_p_of_next(*inputs).exp().mean().log(), "-ln of the mean probability"),
        (lambda *inputs: -log_p_of_next(*inputs).mean(1), "one loss per window"),
        (lambda *inputs: -log_p_of_next(*inputs), "one loss per prediction"),
        (lambda *inputs: -loss_by_library(*inputs), "the minus sign is missing"),
        (lambda *inputs: loss_by_loop(*inputs, share=lambda B, T: 1), "this is the sum"),
        (lambda *inputs: loss_by_loop(*inputs, share=lambda B, T: B), "number of windows"),
        (lambda *inputs: loss_by_loop(*inputs, share=lambda B, T: T - 1), "those of one window"),
        (lambda *inputs: loss_by_loop(*inputs, share=lambda B, T: B * T), "not by that of the tokens"),
        (lambda *inputs: loss_by_library(*inputs) / math.log(2), "this is in bits"),
        (lambda *inputs: loss_by_library(*inputs) / math.log(2) + 1, "expected"),
        (lambda *inputs: math.e ** loss_by_loop(*inputs), "this is the perplexity"),
        (lambda *inputs: -loss_of_probabilities(*inputs), "two things"),
    ],
    "split_heads": [
        (cut_by(lambda one, H, B, T: one.reshape(B, H, T, -1)), "mixes positions and heads"),
        (cut_by(lambda one, H, B, T: one.reshape(B, T, H, -1)), "must stand before the positions"),
        (cut_by(lambda one, H, B, T: one.reshape(B, T, H, -1).transpose(1, 3)), "only axes 1 and 2"),
        (cut_by(lambda one, H, B, T: one.reshape(B, T, H, -1).permute(0, 2, 3, 1)), "this is (B, H, D, T)"),
        (cut_by(lambda one, H, B, T: torch.stack(one.split(one.shape[-1] // H, -1))), "this is (H, B, T, D)"),
        (
            cut_by(lambda one, H, B, T: one.reshape(B, T, H, -1).transpose(1, 2).reshape(B * H, T, -1)),
            "become one axis",
        ),
        (cut_by(lambda one, H, B, T: one.reshape(B, T, -1, H).permute(0, 3, 1, 2)), "are neighbours"),
        (cut_by(lambda one, H, B, T: one.unflatten(-1, (-1, H)).transpose(1, 2)), "sizes are swapped"),
        (cut_by(lambda one, H, B, T: one), "not split"),
        (lambda *inputs: heads_one_by_one(*inputs, order=(0, 2, 1)), "keys and values are swapped"),
        (lambda *inputs: heads_one_by_one(*inputs, order=(1, 0, 2)), "queries and keys are swapped"),
        (lambda *inputs: heads_one_by_one(*inputs, order=(2, 1, 0)), "begins with the values"),
        (lambda *inputs: heads_one_by_one(*inputs, order=(0, 0, 0)), "three times"),
        (lambda *inputs: torch.cat(heads_one_by_one(*inputs), dim=1), "end to end"),
        (lambda qkv, H: heads_by_view(torch.cat([qkv[..., n::3] for n in range(3)], -1), H), "every third number"),
        (
            heads_of_other_parts(lambda qkv: qkv.tensor_split((qkv.shape[1] + 2) // 3 * torch.arange(1, 3), 1)),
            "into thirds",
        ),
        (lambda qkv, H: tuple(qkv.unflatten(-1, (H, -1)).transpose(1, 2).chunk(3, -1)), "each third has its own"),
        (lambda *inputs: heads_by_view(*inputs)[0], "3 results are expected"),
        (lambda *inputs: heads_by_view(*inputs)[:2], "3 results are expected"),
    ],
    "bits_a_character": [
        (lambda nats, lengths: nats.mean() / math.log(2), "bits per token"),
        (lambda nats, lengths: nats.sum() / lengths.sum(), "nats per character"),
        (lambda nats, lengths: nats.mean(), "nats per token"),
        (lambda nats, lengths: nats.sum() / lengths.sum() * math.log(2), "do not multiply"),
        (lambda nats, lengths: nats.sum() / lengths.sum() / math.log2(math.e), "do not multiply"),
        (lambda nats, lengths: (nats / lengths / math.log(2)).mean(), "mean of each token's quotient"),
        (lambda nats, lengths: sum(nats / lengths) / math.log(2), "sum of each token's quotient"),
        (lambda nats, lengths: nats / math.log(2) / lengths, "one number per token"),
        (lambda nats, lengths: nats.sum() / math.log(2), "whole text"),
        (lambda nats, lengths: lengths.sum() / (nats / math.log(2)).sum(), "the reciprocal"),
        (lambda nats, lengths: (nats * lengths).sum() / lengths.sum() / math.log(2), "whatever its length"),
        (lambda nats, lengths: nats.mean() / lengths.sum() / math.log(2), "the mean of the nats and the sum"),
        (bits_per(lambda nats, lengths: lengths.float().mean()), "the sum of the nats and the mean"),
        (bits_per(lambda nats, lengths: lengths.sum() + len(lengths) - 1), "nothing stands between"),
        (lambda nats, lengths: -torch.log2(nats).sum() / lengths.sum(), "nats are logarithms already"),
        (lambda nats, lengths: math.exp(nats.sum() / lengths.sum()), "the perplexity"),
        (lambda nats, lengths: nats.sum() / lengths.sum() / math.log(10), "ln 10"),
        (lambda nats, lengths: nats.mean() / math.log(10), "two things"),
        (bits_per(lambda nats, lengths: lengths.max()), "expected"),
    ],
    "accumulated_gradient": [
        (lambda gradient, parts: sum(gradient(*part) for part in parts) / len(parts), "their plain mean"),
        (lambda gradient, parts: sum(gradient(*part) for part in parts), "the plain sum"),
        (lambda *inputs: gradient_by_loop(*inputs, weigh=lambda x: 1), "but do not weight"),
        (lambda *inputs: gradient_by_loop(*inputs, divide=lambda parts: 1), "not divided"),
        (lambda *inputs: gradient_by_loop(*inputs, divide=len), "not by the number of parts"),
        (gradient_of_weights(lambda n: n, divide=max), "the largest"),
        (lambda *inputs: gradient_by_loop(*inputs, divide=lambda parts: len(parts[-1][0])), "those of the last"),
        (lambda *inputs: gradient_by_loop(*inputs, divide=lambda parts: len(parts[0][0])), "those of the first"),
        (lambda gradient, parts: gradient_by_shares(gradient, parts) / len(parts), "divided twice"),
        (gradient_of_weights(lambda n: [n[0]] * len(n)), "the weight of the first"),
        (gradient_of_weights(lambda n: [n[-1] for _ in n]), "the weight of the last"),
        (lambda *inputs: gradient_by_loop(*inputs, weigh=lambda x: x.numel()), "counts all numbers"),
        (lambda gradient, parts: gradient(*parts[-1]), "only the last part"),
        (lambda gradient, parts: gradient(*parts[0]), "only the first part"),
        (gradient_of_weights(lambda n: [0, *n[1:]]), "the first part is missing"),
        (gradient_of_weights(lambda n: [*n[:-1], 0]), "the last part is missing"),
        (gradient_by_averages, "half of all weight"),
        (lambda *inputs: gradient_by_loop(*inputs, weigh=lambda x: 1 / len(x), divide=lambda p: 1), "do not divide"),
        (gradient_of_weights(lambda n: [m * m for m in n]), "expected"),
        (gradient_as_one, "one part at a time"),
        (lambda gradient, parts: gradient(*parts[0][::-1]), "the inputs first"),
    ],
    "chunk_mask": [
        (lambda past, new: torch.ones(new, past + new, dtype=torch.bool).tril(), "further right"),
        (lambda past, new: ~mask_by_places(past, new), "the reverse"),
        (lambda past, new: mask_by_joining(past, new, lambda n: torch.ones(n, n).tril(-1).bool()), "at itself"),
        (lambda past, new: mask_by_joining(past, new, lambda n: torch.ones(n, n).tril(1).bool()), "that follows it"),
        (lambda past, new: torch.ones(new, past + new, dtype=torch.bool), "must not see"),
        (lambda past, new: torch.ones(new, past + new, dtype=torch.bool).triu(past), "upside down"),
        (lambda past, new: torch.ones(new, past + new, dtype=torch.bool).triu(past).logical_not(), "at itself"),
        (lambda past, new: ~torch.ones(new, past + new, dtype=torch.bool).tril(), "two things"),
        (lambda past, new: torch.ones(new, past + new, dtype=torch.bool).tril(new), "not by `new`"),
        (lambda past, new: torch.ones(new, past + new, dtype=torch.bool).tril(-past), "yours moves to the left"),
        (lambda past, new: mask_by_places(past, new) & (torch.arange(past + new) >= past), "may look at all of them"),
        (lambda past, new: (torch.arange(past + new) < past).expand(new, -1), "see only the cache"),
        (lambda past, new: mask_by_joining(past, new, lambda n: torch.eye(n).bool()), "each sees only itself"),
        (
            lambda past, new: torch.cat([torch.ones(new, new).tril(), torch.ones(new, past)], 1).bool(),
            "the cache comes first",
        ),
        (lambda past, new: torch.ones(past + new, past + new).tril().bool(), "its last rows"),
        (lambda past, new: torch.ones(past, past + new).tril(past).bool(), "one row per cached token"),
        (lambda past, new: mask_by_places(past, new).T, "transposed"),
        (lambda past, new: torch.ones(new, new).tril().bool(), "columns of the cache are missing"),
        (lambda past, new: torch.ones(new, past).bool(), "only the columns of the cache"),
        (lambda past, new: mask_by_places(past, new).float(), "boolean tensor is expected"),
        (lambda past, new: mask_by_places(past, new) & (torch.arange(past + new) > 0), "expected"),
    ],
    "step_flops": [
        (lambda *sizes: flops_by_products(*sizes, passes=1), "the forward pass alone"),
        (lambda *sizes: flops_by_products(*sizes, passes=2), "twice the forward pass"),
        (lambda *sizes: flops_by_products(*sizes, passes=4), "four times the forward pass"),
        (lambda *sizes: flops_by_products(*sizes) // 2, "are two operations"),
        (lambda *sizes: flops_by_products(*sizes, attention=0), "attention's own products, of queries"),
        (lambda *sizes: flops_by_products(*sizes, attention=2), "it has two products"),
        (lambda *sizes: flops_by_products(*sizes, attention=8), "count twice here"),
        (lambda *sizes: flops_by_products(*sizes, attention=4 / 3), "attention's backward pass"),
        (lambda *sizes: flops_by_products(*sizes, passes=1, attention=12), "the backward pass of the weights"),
        (lambda *sizes: flops_by_products(*sizes, looked_at=lambda T: 1), "one factor T too few"),
        (lambda *sizes: flops_by_products(*sizes, looked_at=lambda T: T * T), "one factor T too many"),
        (lambda *sizes: flops_by_products(*sizes, own=1), "belong to every layer"),
        (lambda V, C, L, T, B: flops_by_products(V, C, 1, T, B), "the L blocks are missing"),
        (lambda *sizes: flops_by_products(*sizes, last=0), "gives the logits"),
        (lambda *sizes: flops_by_products(*sizes, last=2), "looking a token up"),
        (lambda V, C, L, T, B: flops_by_products(V, C, L, T, B, last=L), "not in every layer"),
        (lambda V, C, L, T, B: flops_by_products(V, C, L, T, B, table=2 * T * C), "positions are looked up"),
        (lambda *sizes: flops_by_products(*sizes, matrices=(3, 1)), "the feed-forward layers are missing"),
        (lambda *sizes: flops_by_products(*sizes, matrices=(3, 1, 4)), "lacks 4 C²"),
        (lambda *sizes: flops_by_products(*sizes, matrices=(3, 4, 4)), "is it W_O"),
        (lambda *sizes: flops_by_products(*sizes, matrices=(1, 1, 4, 4)), "q, k and v are three"),
        (lambda *sizes: flops_by_products(*sizes, matrices=(3, 1, 4, 4, 4)), "4 C² too many"),
        (lambda *sizes: flops_by_products(*sizes, matrices=(3, 1, 1)), "not counted rightly"),
        (lambda V, C, L, T, B: 6 * B * T * (12 * L * C + V * C + 2 * L * C * T), "the square is missing"),
        (lambda *sizes: flops_by_products(*sizes, tokens=lambda B, T: 1), "for one token"),
        (lambda *sizes: flops_by_products(*sizes, tokens=lambda B, T: T), "for one window"),
        (lambda *sizes: flops_by_products(*sizes, tokens=lambda B, T: B), "has T tokens"),
        (lambda *sizes: flops_by_products(*sizes, attention=0, last=0), "two things"),
        (lambda *sizes: flops_by_products(*sizes, table=1), "expected"),
    ],
    "activation_bytes": [
        (lambda *sizes: kept_by_list(*sizes, size=1), "each takes 4 bytes"),
        (lambda *sizes: kept_by_list(*sizes, size=2), "4 bytes, not 2"),
        (lambda *sizes: kept_by_list(*sizes, size=8), "4 bytes, not 8"),
        (lambda *sizes: kept_by_list(*sizes, size=32), "this is in bits"),
        (lambda *sizes: kept_by_list(*sizes, layers=1), "the L blocks are missing"),
        (lambda *sizes: kept_by_list(*sizes, loss=0), "the loss is missing"),
        (lambda *sizes: kept_by_list(*sizes, loss=2), "are kept once"),
        (lambda *sizes: kept_by_list(*sizes, scored=lambda B, T: 1), "not V in all"),
        (lambda *sizes: kept_by_list(*sizes, scored=lambda B, T: B), "so T per window"),
        (lambda *sizes: kept_by_list(*sizes, last=0), "behind the blocks, the last norm"),
        (lambda *sizes: kept_by_list(*sizes, last=1), "two things are kept"),
        (lambda *sizes: kept_by_list(*sizes, last=3), "first block's x"),
        (lambda V, C, L, T, B: 4 * B * T * L * (18 * C + V), "not in every layer"),
        (lambda V, C, L, T, B: kept_by_list(V, C, L, T, B, loss=L), "not in every layer"),
        (lambda *sizes: kept_by_list(*sizes, block=(1, 1, 3, 1, 1, 1, 4)), "keeps 4 C twice, before GELU"),
        (lambda *sizes: kept_by_list(*sizes, block=(1, 1, 3, 1, 1, 1)), "lacks 8 C"),
        (lambda *sizes: kept_by_list(*sizes, block=(1, 3, 1, 1, 4, 4)), "each of its norms keeps its input"),
        (lambda *sizes: kept_by_list(*sizes, block=(1, 1, 1, 1, 1, 1, 4, 4)), "each of its norms"),
        (lambda *sizes: kept_by_list(*sizes, block=(1, 1, 1, 1, 3, 1, 1, 1, 4, 4)), "a sum keeps nothing"),
        (lambda *sizes: kept_by_list(*sizes, block=(1, 1, 1, 1, 1, 4, 4)), "lacks 3 C"),
        (lambda *sizes: kept_by_list(*sizes, block=(1, 1, 3, 1, 1, 1, 1, 4, 4)), "C too many"),
        (lambda *sizes: kept_by_list(*sizes, block=(1, 1, 3, 1, 1, 4, 4)), "and is kept"),
        (lambda *sizes: kept_by_list(*sizes, block=(2, 3, 4)), "not counted rightly"),
        (lambda V, C, L, T, B: kept_by_list(V, C, L * C, T, B), "what is kept are activations"),
        (
            lambda V, C, L, T, B: kept_by_list(V, C, L, T, B) + 4 * (V * C + L * (3 + 1 + 4 + 4) * C**2),
            "the model's own weights",
        ),
        (lambda *sizes: kept_by_list(*sizes, rows=lambda B, T: 1), "for one token"),
        (lambda *sizes: kept_by_list(*sizes, rows=lambda B, T: T), "for one window"),
        (lambda *sizes: kept_by_list(*sizes, rows=lambda B, T: B), "each window has T tokens"),
        (lambda *sizes: kept_by_list(*sizes, size=1, last=0), "two things"),
        (lambda *sizes: kept_by_list(*sizes) + 1, "expected"),
    ],
}
