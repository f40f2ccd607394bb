"""Exercises of the notebook gpt."""

import math
import random

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from classroom.answers import Mistake
from classroom.exercise import case, exercise

__all__ = [
    "accumulated_gradient",
    "activation_bytes",
    "bits_a_character",
    "chunk_mask",
    "next_token_loss",
    "split_heads",
    "step_flops",
]

LN2 = math.log(2)
PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29)


def _random(seed, *shape):
    return torch.randn(shape, generator=Generator().manual_seed(seed))


def _windows(seed, B, T, V):
    return 2 * _random(seed, B, T, V), torch.randint(V, (B, T), generator=Generator().manual_seed(seed))


def _unflattened(logits, tokens):
    """Cross entropy with the positions where the classes should be: an error, unless there are as many of both."""
    return F.cross_entropy(logits, tokens)


@exercise(
    praise="a window of T tokens asks T - 1 questions, and one token more makes it T.",
    cases=lambda seed: [
        (
            torch.tensor([[[0.5, 0.25, 0.25], [0.1, 0.1, 0.8], [0.2, 0.7, 0.1]]]).log() + 1,
            torch.tensor([[0, 1, 2]]),
        ),
        _windows(seed, 2, 5, 5),
        _windows(seed + 1, 3, 7, 6),
        _windows(seed + 2, 2, 5, 4),
    ],
    wrong={
        "nothing is shifted: the logits at position t are for the token at position t + 1.": [
            {"aligned": lambda logits, tokens: (logits, tokens)},
            {"aligned": lambda logits, tokens: (logits[:, :-1], tokens[:, :-1])},
            {"aligned": lambda logits, tokens: (logits[:, 1:], tokens[:, 1:])},
        ],
        "shifted the wrong way: the logits at t are for the token at t + 1, so drop the last logits and the first token.": {
            "aligned": lambda logits, tokens: (logits[:, 1:], tokens[:, :-1])
        },
        "shifted by two: the logits at t are for the token at t + 1.": {"aligned": lambda logits, tokens: (logits[:, :-2], tokens[:, 2:])},
        "the windows run into each other: the end of one is asked for the beginning of the next. Shift along axis 1, before you flatten.": {
            "aligned": lambda logits, tokens: (logits.flatten(0, 1)[None, :-1], tokens.flatten()[None, 1:])
        },
        "this shifts the batch axis: position is axis 1.": {"aligned": lambda logits, tokens: (logits[: len(logits) - 1], tokens[1:])},
        "the last logits of a window have no label in it (`roll` hands them the first token): drop them.": {
            "aligned": lambda logits, tokens: (logits, tokens.roll(-1, 1))
        },
        "only the last prediction of each window counts here: every position makes one.": {
            "aligned": lambda logits, tokens: (logits[:, -2:-1], tokens[:, -1:])
        },
        "only the first prediction of each window counts here: every position makes one.": {"aligned": lambda logits, tokens: (logits[:, :1], tokens[:, 1:2])},
        "the first prediction, token 1 from token 0, is missing.": {"aligned": lambda logits, tokens: (logits[:, 1:-1], tokens[:, 2:])},
        "the last prediction is missing: the last token of the window is a label, too.": {"aligned": lambda logits, tokens: (logits[:, :-2], tokens[:, 1:-1])},
        "only the first window counts here: take the mean over all of them.": {"aligned": lambda logits, tokens: (logits[:1, :-1], tokens[:1, 1:])},
        "logits are not log-probabilities: take log_softmax first.": {"log_p": lambda z: z},
        "the logarithm is missing: this is the mean probability, with a minus.": {"log_p": lambda z: z.softmax(dim=-1)},
        "`F.cross_entropy` takes logits: your softmax before it is one too many.": {"log_p": lambda z: z.softmax(dim=-1).log_softmax(dim=-1)},
        "the softmax runs over the positions: it belongs over the vocabulary, the last axis.": {"log_p": lambda z: z.log_softmax(dim=1)},
        "the softmax runs over the batch: it belongs over the vocabulary, the last axis.": {"log_p": lambda z: z.log_softmax(dim=0)},
        "this takes each logit for a yes or no of its own (sigmoid): the tokens exclude each other, so take softmax.": {"log_p": F.logsigmoid},
        "the minus sign is missing: the loss is -ln p.": {"end": lambda losses: -losses.mean()},
        "this is the sum over all predictions: return their mean.": {"end": lambda losses: losses.sum()},
        "divide by all predictions, B (T - 1), not by the number of windows.": {"end": lambda losses: losses.sum() / len(losses)},
        "divide by all predictions, B (T - 1), not by those of one window.": {"end": lambda losses: losses.sum() / losses.shape[1]},
        "divide by the number of predictions, B (T - 1), not by that of the tokens, B T.": {
            "end": lambda losses: losses.sum() / losses.shape[0] / (losses.shape[1] + 1)
        },
        "this is in bits: the loss is wanted in nats, so do not divide by ln 2.": {"end": lambda losses: losses.mean() / LN2},
        "this is -ln of the mean probability: take the logarithm of each, then the mean.": {"end": lambda losses: -(-losses).exp().mean().log()},
        "this is the perplexity, the exponential of the loss: return the loss itself.": {"end": lambda losses: losses.mean().exp()},
        "one loss per window: take the mean over the windows as well.": {"end": lambda losses: losses.mean(dim=1)},
        "one loss per prediction: take their mean.": [
            {"end": lambda losses: losses},
            {"end": lambda losses: losses.flatten()},
        ],
        "`F.cross_entropy` takes the classes on axis 1, and axis 1 of the logits is the position: flatten batch and "
        "position into one axis, of the tokens too.": [
            _unflattened,
            lambda logits, tokens: _unflattened(logits[:, :-1], tokens[:, 1:]),
        ],
    },
)
def next_token_loss(
    logits,
    tokens,
    *,
    aligned=lambda logits, tokens: (logits[:, :-1], tokens[:, 1:]),
    log_p=lambda z: z.log_softmax(dim=-1),
    end=lambda losses: losses.mean(),
):
    """The mean of -ln p over all predictions whose label is in the window."""
    predicted, labels = aligned(logits, tokens)
    return end(-log_p(predicted).gather(-1, labels[..., None])[..., 0])


def _cut(part, H):
    return part.unflatten(-1, (H, -1)).transpose(1, 2)


@exercise(
    praise="one product makes 3 H small matrices; no number has been computed twice, or moved to another token.",
    cases=lambda seed: [
        (torch.arange(36.0).view(1, 3, 12), 2),
        (_random(seed, 2, 3, 3 * 5 * 7), 5),
        (_random(seed + 1, 3, 5, 3 * 2 * 7), 2),
    ],
    wrong={
        "view or reshape straight to (B, H, T, D) mixes positions and heads: first (B, T, H, D), then swap two axes.": {
            "cut": lambda part, H: part.reshape(part.shape[0], H, part.shape[1], -1)
        },
        "this is (B, T, H, D): the heads must stand before the positions.": {"cut": lambda part, H: part.unflatten(-1, (H, -1))},
        "this is (B, H, D, T): each position is a row, (B, H, T, D).": {"cut": lambda part, H: part.unflatten(-1, (H, -1)).permute(0, 2, 3, 1)},
        "this is (B, D, H, T): only axes 1 and 2, positions and heads, change places.": {"cut": lambda part, H: part.unflatten(-1, (H, -1)).transpose(1, 3)},
        "this is (H, B, T, D): the batch stays in front, and only axes 1 and 2 change places.": {
            "cut": lambda part, H: part.unflatten(-1, (H, -1)).permute(2, 0, 1, 3)
        },
        "batch and heads have become one axis: keep them apart, (B, H, T, D).": {"cut": lambda part, H: _cut(part, H).flatten(0, 1)},
        "a head's D numbers are neighbours, not every H-th number: the last axis is (H, D).": {
            "cut": lambda part, H: part.unflatten(-1, (-1, H)).permute(0, 3, 1, 2)
        },
        "the sizes are swapped: the last axis is cut into H heads of D numbers.": [
            {"cut": lambda part, H: part.unflatten(-1, (-1, H)).transpose(1, 2)},
            {"cut": lambda part, H: part.unflatten(-1, (-1, H))},
        ],
        "the heads are not split: this is (B, T, C) for each, and (B, H, T, D) is wanted.": {"cut": lambda part, H: part},
        "keys and values are swapped: the order is q, k, v.": {"results": lambda q, k, v: (q, v, k)},
        "queries and keys are swapped: the order is q, k, v.": {"results": lambda q, k, v: (k, q, v)},
        "the order is q, k, v: yours begins with the values.": [
            {"results": lambda q, k, v: (v, k, q)},
            {"results": lambda q, k, v: (v, q, k)},
        ],
        "q, k and v are one tensor here, end to end: return three.": [
            {"results": lambda q, k, v: torch.cat([q, k, v], dim=1)},
            {"results": lambda q, k, v: torch.cat([q, k, v], dim=-1)},
            {"results": lambda q, k, v: torch.cat([q, k, v])},
        ],
        "q, k and v are thirds of the last axis, C numbers each: not every third number.": {"parts": lambda qkv: [qkv[..., start::3] for start in range(3)]},
        "this cuts the positions into thirds: q, k and v are thirds of the last axis.": {"parts": lambda qkv: qkv.chunk(3, dim=1)},
        "the same third comes three times: q, k and v are three different ones.": {"parts": lambda qkv: [qkv.chunk(3, dim=-1)[0]] * 3},
        "you cut the heads before the thirds: all queries come first, then all keys, then all values, and each third has its own heads.": lambda qkv, n_heads: (
            _cut(qkv, n_heads).chunk(3, dim=-1)
        ),
    },
)
def split_heads(qkv, n_heads, *, parts=lambda qkv: qkv.chunk(3, dim=-1), cut=_cut, results=lambda q, k, v: (q, k, v)):
    """Queries, keys and values, (B, H, T, D) each, from one matrix's (B, T, 3C)."""
    return results(*(cut(part, n_heads) for part in parts(qkv)))


@exercise(
    praise="two tokens that cost 1 and 4 bits and have 1 and 3 characters: 5 bits for 4 characters, 1.25 each.",
    cases=lambda seed: [
        (torch.tensor([1.0, 4.0]) * LN2, torch.tensor([1, 3])),
        *((5 * _random(seed + N, N).abs(), torch.randint(1, 9, (N,), generator=Generator().manual_seed(seed + N))) for N in (7, 13)),
    ],
    wrong={
        "this is in bits per token: divide by the number of characters.": {"count": lambda nats, lengths: len(nats)},
        "this is in nats per character: one bit is ln 2 nats, so divide by it.": {"unit": 1},
        "this is in nats per token: divide by the characters, and by ln 2.": {
            "count": lambda nats, lengths: len(nats),
            "unit": 1,
        },
        "divide by ln 2, do not multiply: the same cost in bits is a larger number than in nats.": {"unit": 1 / LN2},
        "this is with ln 10: a bit is ln 2 nats.": {"unit": math.log(10)},
        "this is the mean of each token's quotient, in which a short token counts as much as a long one: sum the nats, "
        "sum the characters, then divide.": lambda nats, lengths: (nats / lengths).mean() / LN2,
        "this is the sum of each token's quotient: sum the nats, sum the characters, then divide.": (lambda nats, lengths: (nats / lengths).sum() / LN2),
        "this is one number per token: sum the nats and sum the characters, then divide.": (lambda nats, lengths: nats / lengths / LN2),
        "this is the reciprocal, characters per bit: divide the cost by the characters.": {"end": lambda bits: 1 / bits},
        "these are the bits of the whole text: divide by its characters.": {"count": lambda nats, lengths: 1},
        "each token's nats count once, whatever its length.": {"cost": lambda nats, lengths: (nats * lengths).sum()},
        "you take the mean of the nats and the sum of the lengths: take sums of both.": {"cost": lambda nats, lengths: nats.mean()},
        "you take the sum of the nats and the mean of the lengths: take sums of both.": {"count": lambda nats, lengths: lengths.double().mean()},
        "nothing stands between two tokens: the lengths hold all characters.": {"count": lambda nats, lengths: lengths.sum() + len(nats) - 1},
        "nats are logarithms already: convert them to bits by a division, without another logarithm.": [
            {"cost": lambda nats, lengths: nats.log2().sum(), "unit": 1},
            {"cost": lambda nats, lengths: -nats.log2().sum(), "unit": 1},
        ],
        "this is the perplexity, an exponential of the cost: return the bits themselves.": [
            {"end": lambda bits: 2**bits},
            {"end": torch.exp},
            {"end": torch.exp, "unit": 1},
        ],
    },
)
def bits_a_character(
    nats,
    lengths,
    *,
    cost=lambda nats, lengths: nats.sum(),
    count=lambda nats, lengths: lengths.sum(),
    unit=LN2,
    end=lambda bits: bits,
):
    """Bits per character, from each token's -ln p and its number of characters."""
    return end(cost(nats, lengths) / count(nats, lengths) / unit)


class _Gradient:
    """The gradient of a linear model's mean squared error over the rows that it is given, `room` rows at most."""

    def __init__(self, weight: Tensor, room: int) -> None:
        self.weight, self.room = weight, room

    def __call__(self, inputs: Tensor, targets: Tensor) -> Tensor:
        if inputs.ndim < targets.ndim:
            raise Mistake("`gradient` takes the inputs first, then the targets.")
        if len(inputs) > self.room:
            raise Mistake(f"this asks for {len(inputs)} rows at once, with room for {self.room}: one part at a time.")
        return 2 * inputs.T @ (inputs @ self.weight - targets) / len(inputs)

    def __repr__(self) -> str:
        return "gradient"


def _in_parts(seed, *rows):
    weight, inputs, targets = _random(seed, 3), _random(seed + 50, sum(rows), 3), _random(seed + 100, sum(rows))
    return _Gradient(weight, max(rows)), list(zip(inputs.split(rows), targets.split(rows), strict=True))


def _pairwise_mean(gradient, parts):
    mean = gradient(*parts[0])
    for part in parts[1:]:
        mean = (mean + gradient(*part)) / 2
    return mean


@exercise(
    praise="the same gradient as of all rows at once, with room for one part.",
    cases=lambda seed: [
        _in_parts(seed, 3, 1),
        _in_parts(seed + 1, 2, 7, 4),
        _in_parts(seed + 2, 5, 1, 3, 2),
        _in_parts(seed + 3, 2, 1, 5),
    ],
    wrong={
        "the parts differ in length, so their plain mean is not the gradient of all rows: weight each part by its rows.": {
            "weight": lambda rows: 1,
            "divisor": len,
        },
        "this is the plain sum: each part's gradient is a mean over its own rows, so weight it by them, and divide by all rows.": {
            "weight": lambda rows: 1,
            "divisor": lambda rows: 1,
        },
        "you divide by all rows, but do not weight: a part's gradient is a mean, and times its rows it is a sum.": {"weight": lambda rows: 1},
        "weighted correctly, but not divided: divide by the rows of all parts.": {"divisor": lambda rows: 1},
        "divide by the rows of all parts, not by the number of parts.": {"divisor": len},
        "divide by the rows of all parts, not by those of the largest.": {"divisor": max},
        "divide by the rows of all parts, not by those of the last: the loop's variable holds only these.": {"divisor": lambda rows: rows[-1]},
        "divide by the rows of all parts, not by those of the first.": {"divisor": lambda rows: rows[0]},
        "divided twice: a part's share of all rows is its whole weight.": [
            {"divisor": lambda rows: sum(rows) ** 2},
            {"divisor": lambda rows: sum(rows) * len(rows)},
        ],
        "every part has the weight of the first: each needs its own number of rows.": {"weights": lambda rows: [rows[0]] * len(rows)},
        "every part has the weight of the last: each needs its own number of rows.": {"weights": lambda rows: [rows[-1]] * len(rows)},
        "the weight is the number of rows, len(inputs): yours counts all numbers in them.": {"weight": lambda rows: 3 * rows},
        "a part's weight is its share of the rows: multiply by its rows, do not divide.": [
            {"weight": lambda rows: 1 / rows},
            {"weight": lambda rows: 1 / rows, "divisor": lambda rows: 1},
            {"weight": lambda rows: 1 / rows, "divisor": len},
        ],
        "only the last part is left: add to what was there, do not overwrite it.": [
            lambda gradient, parts: gradient(*parts[-1]),
            {"weights": lambda rows: [0] * (len(rows) - 1) + [rows[-1]]},
        ],
        "only the first part counts: is the `return` inside the loop?": [
            lambda gradient, parts: gradient(*parts[0]),
            {"weights": lambda rows: [rows[0]] + [0] * (len(rows) - 1)},
        ],
        "the first part is missing from the sum.": {"weights": lambda rows: [0, *rows[1:]]},
        "the last part is missing from the sum.": {"weights": lambda rows: [*rows[:-1], 0]},
        "the mean of two at a time gives the last part half of all weight: add all up, then divide once.": (_pairwise_mean),
    },
)
def accumulated_gradient(
    gradient,
    parts,
    *,
    weight=lambda rows: rows,
    weights=lambda rows: rows,
    divisor=sum,
):
    """The gradient of the mean loss over the rows of all parts, one part at a time."""
    rows = [len(inputs) for inputs, _ in parts]
    weighted = [weight(n) * gradient(*part) for n, part in zip(weights(rows), parts, strict=True)]
    return sum(weighted) / divisor(rows)


@exercise(
    praise="past = 0 is the causal mask, new = 1 a row of True: reading and writing are two ends of one thing.",
    cases=lambda seed: [
        (2, 3),
        case(0, 4, edge="an empty cache"),
        case(5, 1, edge="a single new token"),
        (3 + seed % 3, 7),
        (7, 2 + seed % 3),
    ],
    wrong={
        "row i is the token at position past + i of the text, so the triangle begins `past` columns further right.": {"diagonal": lambda past, new: 0},
        "a token may look at itself.": {"diagonal": lambda past, new: past - 1},
        "a token may not look at the one that follows it.": {"diagonal": lambda past, new: past + 1},
        "the diagonal moves by `past` columns, not by `new`.": {"diagonal": lambda past, new: new},
        "the diagonal moves to the right, by +past: yours moves to the left.": {"diagonal": lambda past, new: -past},
        "this is the reverse: True means that a token may look.": {"end": torch.logical_not},
        "every new token sees everything: it must not see those that follow it.": {"diagonal": lambda past, new: past + new},
        "the tokens in the cache are hidden: every new token may look at all of them.": {
            "end": lambda mask: mask & (torch.arange(mask.shape[1]) >= mask.shape[1] - len(mask))
        },
        "the new tokens see only the cache: each may look at itself and at the new ones before it, too.": {
            "end": lambda mask: mask & (torch.arange(mask.shape[1]) < mask.shape[1] - len(mask))
        },
        "of the new tokens, each sees only itself: it may look at the new ones before it, too.": (
            lambda past, new: torch.cat([torch.ones(new, past), torch.eye(new)], dim=1) > 0
        ),
        "the order of the columns is wrong: the cache comes first, then the new tokens.": {"end": lambda mask: mask.roll(len(mask), 1)},
        "the triangle is upside down: a token looks back, so keep what lies below the diagonal (tril), not above (triu).": [
            {"triangle": torch.triu},
            {"triangle": torch.triu, "diagonal": lambda past, new: 0},
        ],
        "this is the mask of the whole text: the queries are the new tokens alone, its last rows.": {
            "shape": lambda past, new: (past + new, past + new),
            "diagonal": lambda past, new: 0,
        },
        "there is one row per cached token here: the rows are the queries, one per new token.": {"shape": lambda past, new: (past, past + new)},
        "rows are the queries (new), columns the keys (past + new): yours is transposed.": {"end": lambda mask: mask.T},
        "the columns of the cache are missing: the shape is (new, past + new).": {
            "shape": lambda past, new: (new, new),
            "diagonal": lambda past, new: 0,
        },
        "these are only the columns of the cache: those of the new tokens are missing.": {"shape": lambda past, new: (new, past)},
    },
)
def chunk_mask(
    past,
    new,
    *,
    shape=lambda past, new: (new, past + new),
    triangle=torch.tril,
    diagonal=lambda past, new: past,
    end=lambda mask: mask,
):
    """Where `new` tokens may look behind a cache of `past`: boolean, (new, past + new)."""
    return end(triangle(torch.ones(shape(past, new), dtype=torch.bool), diagonal(past, new)))


def _sizes(seed):
    drawn = random.Random(seed)
    return [tuple(drawn.sample(PRIMES, 5)) for _ in range(2)]


@exercise(
    praise="6 N per token, and a little for attention: 12 L C T.",
    cases=lambda seed: [(7, 2, 3, 5, 11), (80, 80, 3, 64, 16), (50_257, 768, 12, 1024, 1), *_sizes(seed)],
    wrong={
        "this is the forward pass alone: the backward pass costs twice as much again.": {
            "passes": 1,
            "attention_passes": 1,
        },
        "this is twice the forward pass: the backward pass alone is twice, so both together are three times.": {
            "passes": 2,
            "attention_passes": 2,
        },
        "this is four times the forward pass: the backward pass is twice, so both together are three times.": {
            "passes": 4,
            "attention_passes": 4,
        },
        "a multiplication and an addition are two operations per weight and token.": {"operations": 1},
        "attention's own products, of queries with keys and of weights with values, are missing: they have no weights, but cost operations.": {"attention": 0},
        "attention counts by half: it has two products (scores, then weighted means), and the masked half counts as well.": {"attention": 1},
        "attention's own products count twice here: the scores take C T multiplications per token and layer, the weighted means as many.": {"attention": 4},
        "attention's backward pass is missing: its products cost three times their forward pass, too.": {"attention_passes": 1},
        "the backward pass of the weights is missing: they cost three times their forward pass, as attention does.": {"passes": 1},
        "attention grows with T per token, and there are B T tokens: yours has one factor T too few.": {"keys": lambda T: 1},
        "attention has one factor T too many: each of the B T tokens looks at T.": {"keys": lambda T: T**2},
        "attention's own products belong to every layer: times L.": {"attention_layers": lambda L: 1},
        "the L blocks are missing: each has weights and attention of its own.": [
            {"layers": lambda L: 1, "attention_layers": lambda L: 1},
            {"layers": lambda L: 1},
        ],
        "the product that gives the logits, with V C weights, is missing.": {"table": 0},
        "looking a token up costs no product: V C counts once, for the logits.": {"table": 2},
        "the logits' product comes once, behind the blocks: not in every layer.": {"tables": lambda L: L},
        "positions are looked up and added, without a product.": {"positions": 1},
        "the feed-forward layers are missing: they multiply with two matrices of 4 C² weights each.": {"block": 4},
        "a block lacks 4 C² here: attention has four matrices (q, k, v and W_O, C² each), the feed-forward two of 4 C² each.": {"block": 8},
        "a block lacks C² here: is it W_O, behind attention?": {"block": 11},
        "a block lacks 2 C² here: q, k and v are three matrices.": {"block": 10},
        "a block has 4 C² too many here: the feed-forward has two matrices of 4 C² each.": {"block": 16},
        "a block's weights are not counted rightly: q, k, v and W_O have C² each, the feed-forward's two 4 C² each.": [
            {"block": weights} for weights in (1, 2, 3, 5, 6, 7, 9, 13, 14, 15, 18, 20, 24)
        ],
        "a matrix from C to C has C² weights: the square is missing.": {"matrix": lambda C: C},
        "this is for one token: a step has B T of them.": {"tokens": lambda T, B: 1},
        "this is for one window: a step has B of them.": {"tokens": lambda T, B: T},
        "each window has T tokens: a step has B T of them.": {"tokens": lambda T, B: B},
    },
)
def step_flops(
    V,
    C,
    L,
    T,
    B,
    *,
    operations=2,
    passes=3,
    attention_passes=3,
    block=12,
    matrix=lambda C: C * C,
    table=1,
    tables=lambda L: 1,
    positions=0,
    attention=2,
    keys=lambda T: T,
    layers=lambda L: L,
    attention_layers=lambda L: L,
    tokens=lambda T, B: B * T,
):
    """Operations of a training step of the GPT, matrix products alone."""
    weights = layers(L) * block * matrix(C) + table * tables(L) * V * C + positions * T * C
    between_tokens = attention_layers(L) * attention * C * keys(T)
    return operations * (passes * weights + attention_passes * between_tokens) * tokens(T, B)


@exercise(
    praise="16 C per block, whatever the number of heads; and V for the loss: a quarter of all that GPT-2 keeps.",
    cases=lambda seed: [(7, 2, 3, 5, 11), (80, 80, 3, 64, 16), (50_257, 768, 12, 1024, 8), *_sizes(seed)],
    wrong={
        "this is how many numbers are kept: in float32 each takes 4 bytes.": {"size": 1},
        "in float32 a number takes 4 bytes, not 2.": {"size": 2},
        "in float32 a number takes 4 bytes, not 8.": {"size": 8},
        "this is in bits: a byte has eight.": {"size": 32},
        "the L blocks are missing: each keeps its own.": {"layers": lambda L: 1},
        "the loss is missing: it keeps V log-probabilities per token.": {"loss": 0},
        "the log-probabilities are kept once: the logits themselves are not needed any more.": {"loss": 2},
        "the loss keeps V numbers for each token, not V in all.": {"scored": lambda T, B: 1},
        "the loss keeps V numbers for each token, so T per window.": {"scored": lambda T, B: B},
        "behind the blocks, the last norm keeps its input, and the product of the logits its own: C each.": {"behind": 0},
        "behind the blocks two things are kept: the last norm's input, and that of the product for the logits.": {"behind": 1},
        "what the embedding returns is the first block's x: it is kept once.": {"behind": 3},
        "what stands behind the blocks is kept once, not in every layer.": [
            {"behinds": lambda L: L, "losses": lambda L: L},
            {"behinds": lambda L: L},
            {"losses": lambda L: L},
        ],
        "a sum keeps nothing, as its gradient is 1: yours counts 2 C more per block.": {"block": 18},
        "a block lacks 4 C here: the feed-forward keeps 4 C twice, before GELU for its gradient, and after it as W_2's input.": {"block": 12},
        "a block lacks 8 C here: the feed-forward keeps 4 C twice, before and after GELU.": {"block": 8},
        "a block lacks 2 C here: each of its norms keeps its input, and the matrix behind it the norm's output; and q, k and v are three.": {"block": 14},
        "a block lacks 3 C here: attention keeps q, k and v, C numbers each.": {"block": 13},
        "a block has C too many here: attention's result is W_O's input, and kept once.": {"block": 17},
        "a block lacks C here: attention's result is W_O's input, and is kept.": {"block": 15},
        "a block's numbers are not counted rightly: go from x to the sum at its end, and write down the input of each "
        "norm and matrix, q, k and v, and what GELU gets.": [{"block": numbers} for numbers in (1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 19, 20, 22, 24)],
        "these are the weights of a block, C² each: what is kept are activations, C numbers each per token.": {"width": lambda C: C * C},
        "the model's own weights are there anyway: count only what the forward pass keeps for the backward pass.": (
            lambda V, C, L, T, B: 4 * (B * T * (16 * L * C + 2 * C + V) + 12 * L * C * C + V * C)
        ),
        "this is for one token: there are B T of them.": {"tokens": lambda T, B: 1, "scored": lambda T, B: 1},
        "this is for one window: there are B of them.": {"tokens": lambda T, B: T, "scored": lambda T, B: T},
        "each window has T tokens: times B T.": {"tokens": lambda T, B: B, "scored": lambda T, B: B},
    },
)
def activation_bytes(
    V,
    C,
    L,
    T,
    B,
    *,
    size=4,
    block=16,
    width=lambda C: C,
    layers=lambda L: L,
    behind=2,
    behinds=lambda L: 1,
    loss=1,
    losses=lambda L: 1,
    tokens=lambda T, B: B * T,
    scored=lambda T, B: B * T,
):
    """Bytes that a GPT keeps from the forward pass of one batch for the backward pass, in float32."""
    per_token = layers(L) * block * width(C) + behind * behinds(L) * C
    return size * (per_token * tokens(T, B) + loss * losses(L) * V * scored(T, B))
