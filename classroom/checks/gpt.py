"""Checks of the notebook gpt."""

import math
from typing import Any

import torch
from torch import Generator

from classroom.checks import Changes, compare, exercise, variants
from classroom.checks import _gpt as right
from classroom.checks._gpt import Gradient, detached, numbers, of_truths
from classroom.checks.forms import as_number, as_whole

__all__ = [
    "accumulated_gradient",
    "activation_bytes",
    "bits_a_character",
    "chunk_mask",
    "next_token_loss",
    "split_heads",
    "step_flops",
]


@exercise
def next_token_loss(answer: Any, seed: int) -> str:
    """next_token_loss(logits, tokens): the mean over all predictions whose answer is in the window, in nats."""
    other: Changes = {
        "nothing is shifted: logits[:, t] were made from token t, and must be asked for token t + 1.": {"aligned": lambda logits, tokens: (logits, tokens)},
        "shifted the wrong way: logits[:, t] are for token t + 1, so drop the last logits and the first token.": {
            "aligned": lambda logits, tokens: (logits[:, 1:], tokens[:, :-1])
        },
        "shifted by two: token t + 1 follows token t.": {"aligned": lambda logits, tokens: (logits[:, :-2], tokens[:, 2:])},
        "shift inside each window: this asks the end of one window for the beginning of the next.": {
            "aligned": lambda logits, tokens: (logits.flatten(0, 1)[None, :-1], tokens.flatten()[None, 1:])
        },
        "the last position has no answer in the window (roll hands it the first token): drop it.": {
            "aligned": lambda logits, tokens: (logits, tokens.roll(-1, 1))
        },
        "only the last prediction counts here: a window asks one question at every place.": {
            "aligned": lambda logits, tokens: (logits[:, -2:-1], tokens[:, -1:])
        },
        "these are logits: take log_softmax first.": {"log_p": lambda z: z},
        "take the logarithm of the softmax.": {"log_p": lambda z: z.softmax(dim=-1)},
        "cross_entropy wants logits: your softmax before it is one too many.": {"log_p": right.cross_entropy_of},
        "the minus is missing: -log p.": {"end": lambda each: -each.mean()},
        "this is the sum over all predictions: their mean is wanted.": {"end": lambda each: each.sum()},
        "divide by all predictions, B (T - 1), not by the number of windows.": {"end": lambda each: each.sum() / len(each)},
        "divide by the number of predictions: it is B (T - 1), not B T.": {"end": lambda each: each.sum() / each.shape[0] / (each.shape[1] + 1)},
        "these are bits: nats are wanted, do not divide by ln 2.": {"end": lambda each: each.mean() / math.log(2)},
    }
    cases = [(torch.tensor([[[0.5, 0.25, 0.25], [0.1, 0.1, 0.8], [0.2, 0.7, 0.1]]]).log() + 1, torch.tensor([[0, 1, 2]]))]
    for number, (B, T, V) in enumerate(((3, 7, 5), (2, 5, 11))):
        (logits,) = numbers(seed + number, (B, T, V))
        cases.append((2 * logits, torch.randint(V, (B, T), generator=Generator().manual_seed(seed + number))))
    as_they_are = "cross_entropy takes the classes on axis 1: shift both, then flatten(0, 1) and flatten() first."
    mistakes = [*variants(right.next_token, other), (right.unflattened, as_they_are)]
    compare(as_number(detached(answer)), right.next_token, cases, mistakes)
    return "a window of T tokens asks T - 1 questions, and one token more makes it T."


@exercise
def split_heads(answer: Any, seed: int) -> str:
    """split_heads(qkv, n_heads): queries, keys and values, (B, H, T, D) each, from one matrix's (B, T, 3C)."""

    def interleaved(one: torch.Tensor, H: int) -> torch.Tensor:
        return one.unflatten(-1, (-1, H)).permute(0, 3, 1, 2)

    def by_head(qkv: torch.Tensor, n_heads: int) -> tuple[torch.Tensor, ...]:
        return tuple(qkv.unflatten(-1, (n_heads, 3, -1)).permute(3, 0, 2, 1, 4).unbind())

    def in_threes(qkv: torch.Tensor) -> list[torch.Tensor]:
        return [qkv[..., place::3] for place in range(3)]

    other: Changes = {
        "view or reshape to (B, H, T, D) mixes positions and heads: first (B, T, H, D), then transpose(1, 2).": {
            "cut": lambda one, H: one.reshape(one.shape[0], H, one.shape[1], -1)
        },
        "the heads still stand behind the positions, (B, T, H, D): transpose(1, 2).": {"cut": lambda one, H: one.unflatten(-1, (H, -1))},
        "the last two axes are swapped: (B, H, T, D), each position a row.": {"cut": lambda one, H: one.unflatten(-1, (H, -1)).permute(0, 2, 3, 1)},
        "only axes 1 and 2, positions and heads, change places: transpose(1, 2).": {"cut": lambda one, H: one.unflatten(-1, (H, -1)).transpose(1, 3)},
        "a head's D numbers are neighbours: (B, T, H, D), not (B, T, D, H).": {"cut": interleaved},
        "the sizes are swapped: unflatten the last axis into (n_heads, -1).": {"cut": lambda one, H: one.unflatten(-1, (-1, H)).transpose(1, 2)},
        "the heads are not split: (B, T, C) each, and (B, H, T, D) is wanted.": {"cut": lambda one, H: one},
        "keys and values are swapped: the order is q, k, v.": {"results": lambda q, k, v: (q, v, k)},
        "queries and keys are swapped: the order is q, k, v.": {"results": lambda q, k, v: (k, q, v)},
        "q, k and v are thirds of the last axis, C numbers each: not every third number.": {"parts": in_threes},
        "return q, k and v, three tensors.": {"results": lambda q, k, v: torch.stack([q, k, v])},
    }
    whole = "first the thirds (all queries, then all keys, then all values), then the heads in each."
    mistakes = [*variants(right.heads, other), (by_head, whole)]
    cases = [(torch.arange(24.0).view(1, 2, 12), 2)]
    for number, (B, T, H, D) in enumerate(((2, 3, 5, 7), (3, 5, 2, 4))):
        cases.append((*numbers(seed + number, (B, T, 3 * H * D)), H))
    compare(detached(answer), right.heads, cases, mistakes)
    return "one product makes 3 H small matrices; no number has been computed twice, or moved to another token."


@exercise
def bits_a_character(answer: Any, seed: int) -> str:
    """bits_a_character(nats, lengths): from each token's -ln p and its number of characters."""
    other: Changes = {
        "these are bits a token: divide by the characters, not by the tokens.": {"how": lambda nats, lengths: nats.mean() / math.log(2)},
        "these are nats a character: one bit is ln 2 nats, divide by it.": {"how": lambda nats, lengths: nats.sum() / lengths.sum()},
        "these are nats a token: divide by the characters, and by ln 2.": {"how": lambda nats, lengths: nats.mean()},
        "divide by ln 2, do not multiply: a nat is more than a bit.": {"how": lambda nats, lengths: nats.sum() / lengths.sum() * math.log(2)},
        "this is the mean of each token's quotient: sum the nats, sum the characters, then divide.": {
            "how": lambda nats, lengths: (nats / lengths).mean() / math.log(2)
        },
        "this is the sum of each token's quotient: sum the nats, sum the characters, then divide.": {
            "how": lambda nats, lengths: (nats / lengths).sum() / math.log(2)
        },
        "upside down: these are characters a bit.": {"how": lambda nats, lengths: lengths.sum() / nats.sum() * math.log(2)},
        "these are bits of the whole text: divide by its characters.": {"how": lambda nats, lengths: nats.sum() / math.log(2)},
        "each token's nats count once, whatever its length.": {"how": lambda nats, lengths: (nats * lengths).sum() / lengths.sum() / math.log(2)},
    }
    cases = [(torch.tensor([1.0, 3.0]) * math.log(2), torch.tensor([1, 3]))]
    for number, N in enumerate((7, 13)):
        (nats,) = numbers(seed + number, (N,))
        cases.append((nats.abs() * 5, torch.randint(1, 9, (N,), generator=Generator().manual_seed(seed + number))))
    compare(as_number(detached(answer)), right.bits, cases, variants(right.bits, other))
    return "two tokens that cost 1 and 3 bits and have 1 and 3 characters: 1 bit a character."


@exercise
def accumulated_gradient(answer: Any, seed: int) -> str:
    """accumulated_gradient(gradient, parts): of the mean loss over the rows of all parts, which differ in length."""
    other: Changes = {
        "the parts differ in length: weigh each part's gradient by its rows, then divide by all rows.": {
            "how": lambda gradients, rows: sum(gradients) / len(gradients)
        },
        "this is the plain sum: each part's gradient is a mean over its own rows already.": {"how": lambda gradients, rows: sum(gradients)},
        "weighed rightly, but not divided: divide by the rows of all parts.": {
            "how": lambda gradients, rows: sum(n * one for n, one in zip(rows, gradients, strict=True))
        },
        "divide by the rows of all parts, not by the number of parts.": {
            "how": lambda gradients, rows: sum(n * one for n, one in zip(rows, gradients, strict=True)) / len(gradients)
        },
        "only the last part is left: add to what was there, do not overwrite it.": {"how": lambda gradients, rows: gradients[-1]},
        "only the first part counts: is the return inside the loop?": {"how": lambda gradients, rows: gradients[0]},
        "a part's weight is its share of the rows: multiply by its rows, do not divide.": {
            "how": lambda gradients, rows: sum(one / n for n, one in zip(rows, gradients, strict=True))
        },
    }

    def first_share(gradient: Any, parts: Any) -> torch.Tensor:
        rows = [len(inputs) for inputs, _ in parts]
        return rows[0] * gradient(*parts[0]) / sum(rows)

    mistakes = [
        *variants(right.accumulated, other),
        (first_share, "only the first part counts: is the return inside the loop?"),
    ]
    cases = []
    for number, lengths in enumerate(((3, 1), (2, 7, 4), (5, 1, 3, 2))):
        weight, inputs, targets = numbers(seed + number, (3,), (sum(lengths), 3), (sum(lengths),))
        parts = list(zip(inputs.split(list(lengths)), targets.split(list(lengths)), strict=True))
        cases.append((Gradient(weight, room=max(lengths)), parts))
    compare(detached(answer), right.accumulated, cases, mistakes)
    return "the same gradient as of all rows at once, with room for one part."


@exercise
def chunk_mask(answer: Any, seed: int) -> str:
    """chunk_mask(past, new): where `new` tokens may look behind a cache of `past`; boolean (new, past + new)."""

    def ones(past: int, new: int) -> torch.Tensor:
        return torch.ones(new, past + new, dtype=torch.bool)

    other: Changes = {
        "row i is token past + i: its triangle begins `past` columns further right (tril(past)).": {"how": lambda past, new: ones(past, new).tril()},
        "a token may look at itself.": {"how": lambda past, new: ones(past, new).tril(past - 1)},
        "a token may not look at the one that follows it.": {"how": lambda past, new: ones(past, new).tril(past + 1)},
        "this is the reverse: True = may look.": {"how": lambda past, new: ~ones(past, new).tril(past)},
        "new tokens must not see those that follow them.": {"how": ones},
        "the tokens in the cache may be looked at by all.": {"how": lambda past, new: ones(past, new).tril(past).logical_and(torch.arange(past + new) >= past)},
        "the cache's columns come first, then the new tokens'.": {"how": lambda past, new: ones(past, new).tril(past).roll(new, 1)},
        "the triangle is upside down: a token looks back, tril instead of triu.": {"how": lambda past, new: ones(past, new).triu(past)},
        "the diagonal moves by `past` columns, not by `new`.": {"how": lambda past, new: ones(past, new).tril(new)},
        "this is the mask of the whole text: only the new tokens ask, the last `new` rows.": {
            "how": lambda past, new: torch.ones(past + new, past + new, dtype=torch.bool).tril()
        },
        "rows are the queries (new), columns the keys (past + new): yours is turned over.": {"how": lambda past, new: ones(past, new).tril(past).T},
        "the columns of the cache are missing: (new, past + new).": {"how": lambda past, new: ones(0, new).tril()},
    }
    drawn = torch.randint(2, 8, (2, 2), generator=Generator().manual_seed(seed)).tolist()
    cases = [(2, 3), (0, 4), (5, 1), *map(tuple, drawn)]
    compare(of_truths(answer), right.mask, cases, variants(right.mask, other))
    return "past = 0 is the causal mask, new = 1 a row of True: reading and writing are two ends of one thing."


@exercise
def step_flops(answer: Any, seed: int) -> str:
    """step_flops(V, C, L, T, B): of a training step of the GPT, matrix products alone."""
    other: Changes = {
        "the way back is missing: it costs twice the way forward, so 6 a weight in all.": {"passes": 1},
        "the way back costs twice the way forward: 2 + 4 a weight, not 2 + 2.": {"passes": 2},
        "a multiplication and an addition are two operations.": {"operations": 1},
        "attention is missing: scores and means take 4 C T a token and layer forwards.": {"attention": 0},
        "attention counts by half: it has two products (scores, then means), and the masked half counts as well.": {"attention": 1},
        "attention's way back is missing: 4 C T a token and layer forwards, 12 C T in all.": {"attention": 2 / 3},
        "the product that gives the logits is missing: V C weights.": {"table": 0},
        "looking a token up costs no product: V C counts once, for the logits.": {"table": 2},
        "places are looked up and added: no product.": {"places": 1},
        "a block has 12 C²: q, k and v (3), W_O (1), up (4), down (4). The feed-forward is missing.": {"block": 4},
        "a block has 12 C²: q, k and v (3), W_O (1), up (4), down (4). The attention's four are missing.": {"block": 8},
        "a block has 12 C²: q, k and v (3), W_O (1), up (4), down (4). Is W_O missing?": {"block": 11},
        "this is for one token: a step has B T of them.": {"batch": 0, "length": 0},
        "this is for one window: a step has B of them.": {"batch": 0},
        "each window has T tokens: times B T.": {"length": 0},
    }
    drawn = torch.randint(2, 30, (2, 5), generator=Generator().manual_seed(seed)).tolist()
    cases = [(80, 80, 3, 64, 16), (50_257, 768, 12, 1024, 1), *map(tuple, drawn)]
    compare(as_whole(answer), right.flops, cases, variants(right.flops, other))
    return "6 N a token, and a little for attention: 12 L C T."


@exercise
def activation_bytes(answer: Any, seed: int) -> str:
    """activation_bytes(V, C, L, T, B): what a GPT keeps from the way forward for the way back, in float32."""
    other: Changes = {
        "these are numbers: in float32 each takes 4 bytes.": {"bytes": 1},
        "in float32 a number takes 4 bytes.": {"bytes": 2},
        "the L blocks are missing: each keeps its own.": {"layers": 1},
        "the loss is missing: it keeps V log-probabilities a token.": {"loss": 0},
        "the log-probabilities are kept once: the logits themselves are not needed any more.": {"loss": 2},
        "behind the blocks, the last norm keeps its input, and the table's product its own: 2 C.": {"last": 0},
        "behind the blocks two things are kept: the last norm's input, and the product's.": {"last": 1},
        "what the embedding gives is the first block's x: it is kept once.": {"last": 3},
        "a sum keeps nothing, its slope is 1: 16 C a block.": {"block": 18},
        "the feed-forward keeps 4 C twice: before GELU for its slope, and after it as W_2's input.": {"block": 12},
        "each norm keeps its input, and the matrix behind it the norm's output: 16 C a block.": {"block": 14},
        "attention keeps q, k and v (3 C) and its result (C): 16 C a block. What did you leave out?": {"block": 13},
        "attention's result is W_O's input: kept once, 16 C a block.": {"block": 17},
        "attention's result is W_O's input, and is kept: 16 C a block.": {"block": 15},
        "this is for one token: there are B T of them.": {"batch": 0, "length": 0},
        "this is for one window: there are B of them.": {"batch": 0},
    }
    drawn = torch.randint(2, 30, (2, 5), generator=Generator().manual_seed(seed)).tolist()
    cases = [(80, 80, 3, 64, 16), (50_257, 768, 12, 1024, 8), *map(tuple, drawn)]
    compare(as_whole(answer), right.kept, cases, variants(right.kept, other))
    return "16 C a block, whatever the number of heads; and V for the loss: a quarter of all that GPT-2 keeps."
