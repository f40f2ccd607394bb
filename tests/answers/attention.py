"""Answers to the exercises of attention: right ones written in another way, and wrong ones with what must be said."""

import itertools
import math

import torch
from torch.nn import functional as F

from course_lib.attention import causal_mask, padding_mask, scaled_dot_product_attention
from course_lib.positions import rotate as library_rotate


def attend(q, k, v, *, scale=None, dim=-1):
    scores = torch.einsum("...td,...sd->...ts", q, k) / (math.sqrt(q.shape[-1]) if scale is None else scale)
    raised = torch.exp(scores - scores.amax(dim, keepdim=True))
    return raised / raised.sum(dim, keepdim=True) @ v


def weighted(weights, scale=lambda q, k: math.sqrt(q.shape[-1])):
    """Attention with another function than softmax from scores to weights, or another divisor."""
    return lambda q, k, v: weights(q @ k.transpose(-1, -2) / scale(q, k)) @ v


def softmax(scores):
    return F.softmax(scores, dim=-1)


def over_all(scores):
    return torch.exp(scores) / torch.exp(scores).sum(dim=(-2, -1), keepdim=True)


def best_only(scores):
    return (scores == scores.max(dim=-1, keepdim=True).values).float()


def norms(q, k):
    return q.norm(dim=-1, keepdim=True) * k.norm(dim=-1).unsqueeze(-2)


def by_loops(q, k, v):
    if q.ndim > 2:
        return torch.stack([by_loops(*each) for each in zip(q, k, v, strict=True)])
    rows = []
    for query in q:
        weights = torch.stack([query @ key / len(query) ** 0.5 for key in k]).softmax(0)
        rows.append(sum(weight * value for weight, value in zip(weights, v, strict=True)))
    return torch.stack(rows)


def causal(hidden, low=-math.inf, scale=lambda d: math.sqrt(d), dim=-1):
    """Causal attention; `hidden` says for a query's and a key's position whether the key is hidden."""

    def attention(q, k, v):
        scores, length = torch.einsum("...td,...sd->...ts", q, k) / scale(q.shape[-1]), q.shape[-2]
        for query, key in itertools.product(range(length), repeat=2):
            if hidden(query, key):
                scores[..., query, key] = low
        return scores.softmax(dim) @ v

    return attention


def causal_by_sums(q, k, v):
    weights = torch.exp(q @ k.mT / math.sqrt(q.shape[-1])).tril()
    return weights / weights.sum(dim=-1, keepdim=True) @ v


def masked_by(change):
    return lambda q, k, v: F.softmax(change(q @ k.mT / math.sqrt(q.shape[-1])), dim=-1) @ v


def divided_by_count(q, k, v):
    weights = F.softmax(q @ k.mT / math.sqrt(q.shape[-1]), dim=-1).tril()
    return weights @ v / (1 + torch.arange(q.shape[-2])).unsqueeze(1)


def mask_by_loops(lengths, longest):
    rows = [
        [[[longest - length <= key <= query for key in range(longest)] for query in range(longest)]]
        for length in lengths.tolist()
    ]
    return torch.tensor(rows)


def joined(lengths, longest, real=None, past=None, join=torch.logical_and):
    positions = torch.arange(longest)
    real = (positions >= longest - lengths[:, None])[:, None, None, :] if real is None else real
    past = positions[None, :] <= positions[:, None] if past is None else past
    return join(real, past)


def padded_queries(lengths, longest):
    return joined(lengths, longest, real=(torch.arange(longest) >= longest - lengths[:, None])[:, None, :, None])


def blocks(n, window):
    return torch.tensor([[key // window == query // window and key <= query for key in range(n)] for query in range(n)])


def by_complex_numbers(x, sign=1, exponent=2, first=0, unit=1.0):
    half = x.shape[-1] // 2
    angles = (torch.arange(x.shape[-2]) + first)[:, None] * 10_000.0 ** (-exponent * torch.arange(half) / (2 * half))
    turned = torch.complex(x[..., :half], x[..., half:]) * torch.polar(torch.ones(()), sign * unit * angles)
    return torch.cat([turned.real, turned.imag], dim=-1)


def as_llama(x, half=lambda a, b: (-b, a)):
    width = x.shape[-1]
    angles = torch.outer(torch.arange(x.shape[-2]).float(), 10_000 ** -(torch.arange(0, width, 2) / width))
    angles = torch.cat([angles, angles], dim=-1)
    return x * angles.cos() + torch.cat(half(x[..., : width // 2], x[..., width // 2 :]), dim=-1) * angles.sin()


def rotated(mix, join=lambda a, b: torch.cat([a, b], dim=-1)):
    """Rotary positions with another mixture of the halves a and b with cos and sin."""

    def rotate(x):
        a, b = x.chunk(2, dim=-1)
        angles = torch.outer(torch.arange(x.shape[-2]), 10_000.0 ** (-torch.arange(a.shape[-1]) / a.shape[-1]))
        return join(*mix(a, b, angles.cos(), angles.sin()))

    return rotate


def truly(a, b, cos, sin):
    return a * cos - b * sin, b * cos + a * sin


def overwriting(a, b, cos, sin):
    a = a * cos - b * sin
    b = b * cos + a * sin
    return a, b


def along_axis_1(x):
    return by_complex_numbers(x.transpose(1, -2)).transpose(1, -2) if x.ndim > 2 else by_complex_numbers(x)


def neighbours(x):
    result = torch.empty_like(x)
    a, b = by_complex_numbers(torch.cat([x[..., ::2], x[..., 1::2]], dim=-1)).chunk(2, dim=-1)
    result[..., ::2], result[..., 1::2] = a, b
    return result


def turning(steps, factor=50.0, keys=0):
    """Queries whose clocks are turned by so many steps, and keys, too."""

    def matrix(turned, length):
        blocks = []
        for i in range(8):
            angle = turned * 10_000 ** (-i / 8)
            cos, sin = length * math.cos(angle), length * math.sin(angle)
            blocks.append(torch.tensor([[cos, -sin], [sin, cos]]))
        return torch.block_diag(*blocks)

    return lambda: (matrix(steps, factor), matrix(keys, 1.0))


def settings(kind="rotary", window=8, d_model=32, steps=300):
    return lambda: {"kind": kind, "window": window, "d_model": d_model, "steps": steps}


RIGHT = {
    "soft_lookup": [
        attend,
        by_loops,
        F.scaled_dot_product_attention,
        lambda q, k, v: ((q / q.shape[-1] ** 0.25) @ (k / k.shape[-1] ** 0.25).transpose(-1, -2)).softmax(-1) @ v,
    ],
    "batch_mask": [
        mask_by_loops,
        joined,
        lambda n, longest: padding_mask(n, longest).flip(-1) & causal_mask(longest),
        lambda n, longest: joined(n, longest) & padded_queries(n, longest),
    ],
    "causal_attention": [
        causal(lambda query, key: key > query),
        causal_by_sums,
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
        masked_by(lambda scores: scores + torch.full_like(scores, -1e9).triu(1)),
    ],
    "look_back": [turning(-3), turning(0, keys=3), lambda: torch.stack(turning(-1, 90.0, keys=2)()).numpy()],
    "rotate": [by_complex_numbers, as_llama, lambda x: library_rotate(x.double()), rotated(truly)],
    "beyond_trained_length": [lambda: {"steps": 300.0, "d_model": 32, "window": torch.tensor(8), "kind": "rotary"}],
}
WRONG = {
    "soft_lookup": [
        (lambda q, k, v: attend(q, k, v, scale=1), "the scores are not scaled"),
        (lambda q, k, v: attend(q, k, v, scale=q.shape[-1]), "you divide by d itself"),
        (lambda q, k, v: attend(q, k, v, scale=1 / math.sqrt(q.shape[-1])), "you multiply by √d"),
        (lambda q, k, v: attend(q, k, v, scale=math.sqrt(k.shape[-2])), "the root of the number of keys"),
        (lambda q, k, v: attend(q, k, v, scale=math.sqrt(q.shape[-2])), "the root of the number of queries"),
        (lambda q, k, v: attend(q, k, v, scale=math.sqrt(v.shape[-1])), "the root of the width of the values"),
        (lambda q, k, v: attend(q, k, v, dim=-2), "your softmax runs over the queries"),
        (lambda q, k, v: attend(q, k, v, dim=0), "your softmax runs along the first axis"),
        (lambda q, k, v: torch.softmax(q @ k.mT, -1) / q.shape[-1] ** 0.5 @ v, "you scale after the softmax"),
        (lambda q, k, v: q @ k.mT / q.shape[-1] ** 0.5 @ v, "the softmax is missing"),
        (weighted(softmax, scale=lambda q, k: 1 / q.shape[-1]), "you multiply by d:"),
        (weighted(softmax, scale=lambda q, k: math.sqrt(len(q))), "the root of the length of the first axis"),
        (weighted(softmax, scale=lambda q, k: q.shape[-1] ** 0.25), "the fourth root"),
        (weighted(softmax, scale=norms), "as for a cosine"),
        (weighted(lambda scores: scores.softmax(dim=1)), "along axis 1"),
        (weighted(over_all), "over all scores at once"),
        (weighted(torch.exp), "the exponentials are not divided"),
        (weighted(lambda scores: scores / scores.sum(dim=-1, keepdim=True)), "without exp"),
        (weighted(best_only), "the best key alone"),
        (weighted(torch.sigmoid), "these are sigmoids"),
        (lambda q, k, v: attend(q, k, torch.eye(k.shape[-2])), "these are the weights"),
        (scaled_dot_product_attention, "without the weights"),
        (lambda q, k, v: attend(q, k, v) if q.ndim == 2 else attend(q[0], k[0], v[0]), "The shape should be"),
        (lambda q, k, v: torch.softmax(q @ k.transpose(0, 1) / q.shape[-1] ** 0.5, -1) @ v, "your code raised"),
        (lambda q, k, v: torch.softmax(q @ k / q.shape[-1] ** 0.5, -1) @ v, "RuntimeError"),
        (lambda q, k, v: attend(k, q, v), "queries and keys are swapped"),
    ],
    "batch_mask": [
        (lambda n, longest: ~joined(n, longest), "the mask is inverted"),
        (lambda n, longest: joined(n, longest, past=causal_mask(longest).T), "sees what comes after it"),
        (lambda n, longest: joined(n, longest, past=causal_mask(longest).tril(-1)), "no query sees itself"),
        (
            lambda n, longest: joined(n, longest, past=torch.ones(longest, longest).tril(1) > 0),
            "one token of the future",
        ),
        (lambda n, longest: joined(n, longest, join=torch.logical_or), "`|` allows"),
        (lambda n, longest: joined(n, longest, join=torch.logical_xor), "`^` allows"),
        (lambda n, longest: causal_mask(longest).repeat(len(n), 1, 1, 1), "padding can still be seen"),
        (lambda n, longest: causal_mask(longest), "one mask for all"),
        (lambda n, longest: padding_mask(n, longest) & causal_mask(longest), "this is for padding on the right"),
        (lambda n, longest: padding_mask(n, longest).flip(-1).repeat(1, 1, longest, 1), "later tokens can still"),
        (padded_queries, "you forbid the padding *queries*"),
        (lambda n, longest: joined(n, longest) | torch.eye(longest).bool(), "padding queries see themselves"),
        (lambda n, longest: joined(n + 1, longest), "one key of padding can be seen"),
        (lambda n, longest: joined(n - 1, longest), "the first real key is forbidden"),
        (lambda n, longest: joined(n, longest).squeeze(1), "without the axis of heads"),
        (lambda n, longest: joined(n, longest).squeeze(1)[None], "the axis of heads comes second"),
        (lambda n, longest: padding_mask(n, longest).flip(-1), "the same for each query"),
        (lambda n, longest: joined(n, longest).float(), "your mask holds numbers (float32)"),
        (lambda n, longest: joined(n, longest).int(), "your mask holds numbers (int32)"),
        (lambda n, longest: torch.where(joined(n, longest), 0.0, -math.inf), "your mask holds numbers"),
        (padding_mask, "two things"),
        (lambda n, longest: padding_mask(n) & causal_mask(longest), "your code raised RuntimeError"),
    ],
    "causal_attention": [
        (masked_by(torch.tril), "a score of 0 is a score like any other"),
        (masked_by(lambda scores: scores * torch.ones_like(scores).tril()), "a score of 0 is a score like any other"),
        (causal(lambda query, key: key < query), "upside down"),
        (masked_by(lambda scores: scores + torch.full_like(scores, -math.inf).tril(-1)), "upside down"),
        (causal(lambda query, key: key >= query, low=-1e9), "no query sees itself"),
        (causal(lambda query, key: key >= query), "no query sees itself"),
        (causal(lambda query, key: key > query + 1), "one token of the future"),
        (causal(lambda query, key: False), "nothing is hidden"),
        (causal(lambda query, key: key > query, dim=-2), "the softmax runs over the queries"),
        (masked_by(lambda scores: scores + torch.ones_like(scores).tril()), "the mask adds 1"),
        (causal(lambda query, key: key > query, scale=lambda d: 1), "the root is lost"),
        (divided_by_count, "the number of visible keys"),
    ],
    "look_back": [
        (turning(0), "the head looks at the token itself"),
        (turning(-3, keys=-3), "the head looks at the token itself"),
        (turning(3), "three positions *later*"),
        (turning(-2), "the head looks two back"),
        (turning(-1), "the head looks one back"),
        (turning(-4), "the head looks four back"),
        (turning(-3, 1.0), "the weights are too even"),
        (lambda: (torch.eye(16), torch.eye(16)), "two things"),
        (lambda: (torch.zeros(16, 16), torch.zeros(16, 16)), "expected"),
        (lambda: torch.eye(16), "two matrices are expected"),
        (lambda: (torch.eye(16), torch.eye(8)), "W_K is a 16 × 16 matrix, but yours has the shape (8, 8)"),
        (lambda: (torch.eye(16) / 0, torch.eye(16)), "W_Q holds an infinite number or NaN"),
    ],
    "rotate": [
        (neighbours, "a true rotation, of neighbours"),
        (lambda x: by_complex_numbers(x, sign=-1), "in the opposite direction"),
        (lambda x: as_llama(x, half=lambda a, b: (b, -a)), "in the opposite direction"),
        (lambda x: as_llama(x, half=lambda a, b: (b, a)), "two plus signs are no rotation"),
        (lambda x: by_complex_numbers(x, exponent=1), "off by a factor 2"),
        (lambda x: by_complex_numbers(x, exponent=4), "twice too large"),
        (lambda x: by_complex_numbers(x, exponent=0), "rotate equally fast"),
        (lambda x: by_complex_numbers(x, first=1), "positions count from 0"),
        (lambda x: by_complex_numbers(x, unit=math.pi / 180), "in radians already"),
        (lambda x: by_complex_numbers(x, unit=180 / math.pi), "sin and cos take radians"),
        (lambda x: by_complex_numbers(x.transpose(0, -2)).transpose(0, -2), "the axis before the last"),
        (lambda x: x, "nothing is rotated"),
        (lambda x: by_complex_numbers(x, exponent=-2), "you multiply by 10000^(2i / D)"),
        (lambda x: by_complex_numbers(x, exponent=1.5), "the base of the frequencies"),
        (along_axis_1, "not along the second"),
        (rotated(lambda a, b, cos, sin: (a * cos - b * sin, b * cos - a * sin)), "two minus signs"),
        (rotated(lambda a, b, cos, sin: (a * sin - b * cos, b * sin + a * cos)), "sine and cosine are swapped"),
        (rotated(overwriting), "made from the new first half"),
        (rotated(truly, join=lambda a, b: torch.cat([b, a], dim=-1)), "the halves are swapped"),
        (rotated(truly, join=lambda a, b: torch.stack([a, b], dim=-1).flatten(-2)), "the two halves alternate"),
        (rotated(truly, join=lambda a, b: a), "only the first half is there"),
        (rotated(lambda a, b, cos, sin: (a * cos - b * sin, b)), "the second half is not rotated"),
        (rotated(lambda a, b, cos, sin: (a * cos, b * cos)), "only the cosines"),
        (rotated(lambda a, b, cos, sin: (a + sin, b + cos)), "rotate x instead"),
        (lambda x: x[..., : x.shape[-1] // 2], "The shape should be"),
        (lambda x: by_complex_numbers(x, exponent=1.3), "expected"),
    ],
    "beyond_trained_length": [
        (settings(kind="sinusoidal"), "positions for which only the distance"),
        (settings(window=None), "a window: beyond the trained length"),
        (settings(window=3), "a window that reaches the token asked for"),
        (settings(steps=5), "more steps."),
        (settings(kind="rotory"), "kind is one of none, sinusoidal, learned, rotary, but yours is 'rotory'."),
        (settings(window=0), "the window is None or a whole number from 1 to 64, but yours is 0."),
        (settings(d_model=64), "d_model is an even number from 2 to 32, but yours is 64."),
        (settings(steps=3000), "steps is a whole number from 1 to 300, but yours is 3000."),
        (lambda: ("rotary", 8, 32, 300), "a dictionary with kind, window, d_model, steps is expected"),
    ],
}
