"""Answers to the exercises of gpt: other right ones, and wrong ones with words of their message."""

import math
from fractions import Fraction

import numpy as np
import torch
from torch.nn import functional as F


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


def kept_by_list(
    V, C, L, T, B, block=(1, 1, 3, 1, 1, 1, 4, 4), last=2, loss=1, size=4, rows=None, layers=None, scored=None
):
    per_token = sum(n * C for n in block) * (L if layers is None else layers) + last * C
    rows = rows or (lambda B, T: B * T)
    return size * (per_token * rows(B, T) + loss * V * (scored or rows)(B, T))


def use(**changes):
    choice = {"d_model": 32, "n_layers": 1, "context_length": 32, "batch_size": 16, "learning_rate": 0.008}
    return lambda: choice | changes


RIGHT = {
    "plan_step": [lambda: (5, 4, 24, 20), lambda: [6, 4, 20, 24], lambda: torch.tensor([8, 4, 15, 32])],
    "best_use": [lambda: {**use()(), "learning_rate": torch.tensor(0.008).item()}],
    "next_token_loss": [
        loss_by_library,
        loss_by_loop,
        lambda logits, tokens: np.float64(loss_by_loop(logits, tokens)),
        lambda logits, tokens: loss_by_library(logits * torch.ones((), requires_grad=True), tokens),
    ],
    "accumulated_gradient": [gradient_by_shares, gradient_by_loop, gradient_of_weights(lambda n: n)],
    "chunk_mask": [
        lambda past, new: [[column <= past + row for column in range(past + new)] for row in range(new)],
        mask_by_places,
        mask_by_joining,
        mask_by_last_rows,
    ],
    "activation_bytes": [kept_by_list, lambda V, C, L, T, B: Fraction(8, 2) * B * T * (C * (16 * L + 2) + V)],
}
WRONG = {
    "plan_step": [
        (lambda: (8, 3, 20, 1), "but nothing divides them"),
        (lambda: (8, 3, 20, 480), "this divides by the windows: a part's"),
        (lambda: (8, 3, 20, 20), "this divides by the windows of a part"),
        (lambda: (8, 3, 20, 3), "the parts of one process"),
        (lambda: (5, 4, 24, 5), "the processes alone"),
        (lambda: (8, 3, 20, 48), "expected"),
        (lambda: (8, 2, 30, 16), "needs 26.5 GB"),
        (lambda: (8, 4, 20, 32), "640 windows here, but 480 are wanted"),
        (lambda: (16, 2, 15, 32), "there are 8 GPUs"),
        (lambda: (8, 6, 10, 48), "at most 4 parts"),
        (lambda: (8, 2.5, 24, 20), "all four numbers are whole"),
        (lambda: (8, 3, 20), "four numbers are expected"),
        (lambda: "8 3 20 24", "four numbers are expected"),
    ],
    "best_use": [
        (use(d_model=128, n_layers=3), "a smaller model: it takes more steps"),
        (use(batch_size=128), "smaller batches or shorter windows: more steps."),
        (use(learning_rate=0.0003), "a learning rate between 0.004 and 0.012."),
        (use(d_model=16), "that makes 2422 steps, and at most 1000 are allowed."),
        (use(d_model=1024, n_layers=12, batch_size=512), "too many operations for a single step"),
        (use(d_model=40), "d_model is a multiple of 16, from 16 to 1024, but yours is 40."),
        (use(n_layers=0), "n_layers is a whole number from 1 to 12, but yours is 0."),
        (use(context_length=4), "context_length is a whole number from 8 to 512, but yours is 4."),
        (use(batch_size=0), "batch_size is a whole number from 1 to 512, but yours is 0."),
        (use(learning_rate=1), "learning_rate is a number above 0 and at most 0.1, but yours is 1."),
        (
            lambda: {"d_model": 32},
            "a dictionary with d_model, n_layers, context_length, batch_size, learning_rate is expected",
        ),
    ],
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
