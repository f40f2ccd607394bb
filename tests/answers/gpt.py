"""Answers to the exercises of gpt: other right ones, and wrong ones with words of their message."""

import math

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


def loss_without_shift(logits, tokens):
    return F.cross_entropy(logits.flatten(0, 1), tokens.flatten())


def loss_backwards(logits, tokens):
    return F.cross_entropy(logits[:, 1:].flatten(0, 1), tokens[:, :-1].flatten())


def loss_of_rolled(logits, tokens):
    return F.cross_entropy(logits.flatten(0, 1), torch.roll(tokens, -1, dims=1).flatten())


def loss_at_the_end(logits, tokens):
    return F.cross_entropy(logits[:, -2], tokens[:, -1])


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


def flops_by_products(V, C, L, T, B, passes=3, block=12, attention=4, last=1, tokens=None, table=0):
    forward = L * (2 * block * C * C + attention * C * T) + 2 * last * V * C + table
    return passes * forward * (B * T if tokens is None else tokens(B, T))


def kept_by_list(V, C, L, T, B, block=(1, 1, 3, 1, 1, 1, 4, 4), last=2, loss=1, size=4, rows=None, layers=None):
    per_token = sum(n * C for n in block) * (L if layers is None else layers) + last * C + loss * V
    return size * per_token * (B * T if rows is None else rows(B, T))


RIGHT = {
    "next_token_loss": [
        loss_by_library,
        loss_by_loop,
        lambda logits, tokens: np.float64(loss_by_loop(logits, tokens)),
        lambda logits, tokens: loss_by_library(logits * torch.ones((), requires_grad=True), tokens),
    ],
    "split_heads": [heads_by_view, heads_at_once, heads_one_by_one],
    "bits_a_character": [bits_by_numpy, bits_by_loop, lambda nats, lengths: nats.sum() / math.log(2) / lengths.sum()],
    "accumulated_gradient": [gradient_by_shares, gradient_by_loop],
    "chunk_mask": [mask_by_places, mask_by_joining, mask_by_last_rows],
    "step_flops": [flops_by_library, flops_by_products, lambda *sizes: float(flops_by_products(*sizes))],
    "activation_bytes": [kept_by_list, lambda V, C, L, T, B: 4 * B * T * (C * (16 * L + 2) + V)],
}
WRONG = {
    "next_token_loss": [
        (loss_without_shift, "nothing is shifted"),
        (loss_backwards, "the wrong way"),
        (F.cross_entropy, "classes on axis 1"),
        (lambda logits, tokens: F.cross_entropy(logits.flatten(0, 1)[:-1], tokens.flatten()[1:]), "inside each window"),
        (lambda *inputs: loss_by_loop(*inputs, shift=2), "shifted by two"),
        (loss_of_rolled, "the last position has no answer"),
        (loss_at_the_end, "only the last prediction"),
        (loss_of_probabilities, "one too many"),
        (lambda *inputs: loss_by_loop(*inputs, softmax=lambda row: row.exp()), "take log_softmax first"),
        (lambda *inputs: -loss_by_library(*inputs), "the minus is missing"),
        (lambda *inputs: loss_by_loop(*inputs, share=lambda B, T: 1), "this is the sum"),
        (lambda *inputs: loss_by_loop(*inputs, share=lambda B, T: B), "number of windows"),
        (lambda *inputs: loss_by_loop(*inputs, share=lambda B, T: B * T), "not B T"),
        (lambda *inputs: loss_by_library(*inputs) / math.log(2), "these are bits"),
        (lambda *inputs: loss_by_loop(*inputs, first=1), "expected"),
    ],
    "split_heads": [
        (cut_by(lambda one, H, B, T: one.reshape(B, H, T, -1)), "mixes positions and heads"),
        (cut_by(lambda one, H, B, T: one.reshape(B, T, H, -1)), "still stand behind"),
        (cut_by(lambda one, H, B, T: one.reshape(B, T, H, -1).transpose(1, 3)), "axes 1 and 2"),
        (cut_by(lambda one, H, B, T: one.reshape(B, T, H, -1).permute(0, 2, 3, 1)), "last two axes"),
        (cut_by(lambda one, H, B, T: one.reshape(B, T, -1, H).permute(0, 3, 1, 2)), "are neighbours"),
        (cut_by(lambda one, H, B, T: one.unflatten(-1, (-1, H)).transpose(1, 2)), "sizes are swapped"),
        (cut_by(lambda one, H, B, T: one), "not split"),
        (lambda *inputs: heads_one_by_one(*inputs, order=(0, 2, 1)), "keys and values are swapped"),
        (lambda *inputs: heads_one_by_one(*inputs, order=(1, 0, 2)), "queries and keys are swapped"),
        (lambda qkv, H: heads_by_view(torch.cat([qkv[..., n::3] for n in range(3)], -1), H), "every third number"),
        (lambda qkv, H: tuple(qkv.unflatten(-1, (H, -1)).transpose(1, 2).chunk(3, -1)), "first the thirds"),
        (lambda *inputs: torch.stack(heads_by_view(*inputs)), "three tensors"),
    ],
    "bits_a_character": [
        (lambda nats, lengths: nats.mean() / math.log(2), "bits a token"),
        (lambda nats, lengths: nats.sum() / lengths.sum(), "nats a character"),
        (lambda nats, lengths: nats.mean(), "nats a token"),
        (lambda nats, lengths: nats.sum() / lengths.sum() * math.log(2), "do not multiply"),
        (lambda nats, lengths: (nats / lengths / math.log(2)).mean(), "mean of each token's quotient"),
        (lambda nats, lengths: nats.sum() / math.log(2), "whole text"),
        (lambda nats, lengths: (nats * lengths).sum() / lengths.sum() / math.log(2), "whatever its length"),
        (lambda nats, lengths: nats.sum() / lengths.sum() / math.log(10), "expected"),
    ],
    "accumulated_gradient": [
        (lambda gradient, parts: sum(gradient(*part) for part in parts) / len(parts), "weigh each part's"),
        (lambda gradient, parts: sum(gradient(*part) for part in parts), "plain sum"),
        (lambda *inputs: gradient_by_loop(*inputs, divide=lambda parts: 1), "not divided"),
        (lambda *inputs: gradient_by_loop(*inputs, divide=len), "not by the number of parts"),
        (lambda gradient, parts: gradient(*parts[-1]), "only the last part"),
        (lambda gradient, parts: gradient(*parts[0]), "only the first part"),
        (lambda *inputs: gradient_by_loop(*inputs, weigh=lambda x: 1 / len(x), divide=lambda p: 1), "do not divide"),
        (lambda *inputs: gradient_by_loop(*inputs, weigh=lambda x: 1), "expected"),
        (gradient_as_one, "one part at a time"),
    ],
    "chunk_mask": [
        (lambda past, new: torch.ones(new, past + new, dtype=torch.bool).tril(), "further right"),
        (lambda past, new: ~mask_by_places(past, new), "the reverse"),
        (lambda past, new: mask_by_joining(past, new, lambda n: torch.ones(n, n).tril(-1).bool()), "at itself"),
        (lambda past, new: mask_by_joining(past, new, lambda n: torch.ones(n, n).tril(1).bool()), "that follows it"),
        (lambda past, new: torch.ones(new, past + new, dtype=torch.bool), "must not see"),
        (lambda past, new: torch.ones(new, past + new, dtype=torch.bool).triu(past), "upside down"),
        (lambda past, new: torch.ones(new, past + new, dtype=torch.bool).tril(new), "not by `new`"),
        (lambda past, new: mask_by_places(past, new) & (torch.arange(past + new) >= past), "looked at by all"),
        (lambda past, new: torch.ones(past + new, past + new).tril().bool(), "only the new tokens ask"),
        (lambda past, new: mask_by_places(past, new).T, "turned over"),
        (lambda past, new: torch.ones(new, new).tril().bool(), "columns of the cache"),
        (lambda past, new: mask_by_places(past, new).float(), "boolean mask"),
    ],
    "step_flops": [
        (lambda *sizes: flops_by_products(*sizes, passes=1), "the way back is missing"),
        (lambda *sizes: flops_by_products(*sizes, passes=2), "2 + 4 a weight"),
        (lambda *sizes: flops_by_products(*sizes) // 2, "are two operations"),
        (lambda *sizes: flops_by_products(*sizes, attention=0), "attention is missing"),
        (lambda *sizes: flops_by_products(*sizes, attention=2), "it has two products"),
        (lambda *sizes: flops_by_products(*sizes, attention=4 / 3), "attention's way back"),
        (lambda *sizes: flops_by_products(*sizes, last=0), "gives the logits is missing"),
        (lambda *sizes: flops_by_products(*sizes, last=2), "looking a token up"),
        (lambda *sizes: flops_by_products(*sizes, block=8), "12 C²"),
        (lambda *sizes: flops_by_products(*sizes, tokens=lambda B, T: 1), "for one token"),
        (lambda *sizes: flops_by_products(*sizes, tokens=lambda B, T: T), "for one window"),
        (lambda *sizes: flops_by_products(*sizes, tokens=lambda B, T: B), "has T tokens"),
        (lambda *sizes: flops_by_products(*sizes, table=1), "expected"),
    ],
    "activation_bytes": [
        (lambda *sizes: kept_by_list(*sizes, size=1), "each takes 4 bytes"),
        (lambda *sizes: kept_by_list(*sizes, size=2), "takes 4 bytes"),
        (lambda *sizes: kept_by_list(*sizes, layers=1), "the L blocks are missing"),
        (lambda *sizes: kept_by_list(*sizes, loss=0), "the loss is missing"),
        (lambda *sizes: kept_by_list(*sizes, loss=2), "are kept once"),
        (lambda *sizes: kept_by_list(*sizes, last=0), "behind the blocks"),
        (lambda *sizes: kept_by_list(*sizes, last=3), "first block's x"),
        (lambda *sizes: kept_by_list(*sizes, block=(1, 1, 3, 1, 1, 1, 4)), "keeps 4 C twice"),
        (lambda *sizes: kept_by_list(*sizes, block=(1, 3, 1, 1, 4, 4)), "each norm keeps its input"),
        (lambda *sizes: kept_by_list(*sizes, block=(1, 1, 1, 1, 3, 1, 1, 1, 4, 4)), "a sum keeps nothing"),
        (lambda *sizes: kept_by_list(*sizes, rows=lambda B, T: 1), "for one token"),
        (lambda *sizes: kept_by_list(*sizes, rows=lambda B, T: T), "for one window"),
        (lambda *sizes: kept_by_list(*sizes, block=(2, 3, 4)), "expected"),
    ],
}
