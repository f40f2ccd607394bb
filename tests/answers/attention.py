"""Answers to the exercises of attention: right ones written in another way, and wrong ones with what must be said."""

import math

import torch
from torch.nn import functional as F

from course_lib.attention import causal_mask, padding_mask, scaled_dot_product_attention
from course_lib.positions import rotate as library_rotate


def attend(q, k, v, *, scale=None, dim=-1):
    scores = torch.einsum("...td,...sd->...ts", q, k) / (math.sqrt(q.shape[-1]) if scale is None else scale)
    raised = torch.exp(scores - scores.amax(dim, keepdim=True))
    return raised / raised.sum(dim, keepdim=True) @ v


def by_loops(q, k, v):
    if q.ndim > 2:
        return torch.stack([by_loops(*each) for each in zip(q, k, v, strict=True)])
    rows = []
    for query in q:
        weights = torch.stack([query @ key / len(query) ** 0.5 for key in k]).softmax(0)
        rows.append(sum(weight * value for weight, value in zip(weights, v, strict=True)))
    return torch.stack(rows)


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


def window_by_loops(length, window):
    return torch.tensor([[query - window < key <= query for key in range(length)] for query in range(length)])


def window_by_triangles(length, window, oldest=1, newest=0):
    ones = torch.ones(length, length, dtype=torch.bool)
    return ones.tril(newest) & ones.triu(oldest - window)


def heads_by_slices(x, n_heads):
    width = x.shape[-1] // n_heads
    return torch.stack([x[..., h * width : (h + 1) * width] for h in range(n_heads)], dim=1)


def heads_by_view(x, n_heads):
    batch, length, d_model = x.shape
    return x.view(batch, length, n_heads, d_model // n_heads).permute(0, 2, 1, 3)


def table(length, d_model, *, exponent=lambda j, d: 2 * (j // 2) / d, first=0, unit=1.0, sin=math.sin, cos=math.cos):
    rows = torch.zeros(length, d_model)
    for p in range(length):
        for j in range(d_model):
            angle = (p + first) / 10_000 ** exponent(j, d_model) * unit
            rows[p, j] = (cos if j % 2 else sin)(angle)
    return rows


def table_by_slices(length, d_model, added=False):
    result = torch.zeros(length, d_model)
    frequencies = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10_000.0) / d_model))
    angles = torch.arange(length).unsqueeze(1) * frequencies
    result[:, 0::2], result[:, 1::2] = torch.sin(angles), torch.cos(angles)
    return (result[:, 0::2] + result[:, 1::2]).repeat_interleave(2, dim=1) if added else result


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


def neighbours(x):
    result = torch.empty_like(x)
    a, b = by_complex_numbers(torch.cat([x[..., ::2], x[..., 1::2]], dim=-1)).chunk(2, dim=-1)
    result[..., ::2], result[..., 1::2] = a, b
    return result


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
    "window_mask": [
        window_by_loops,
        window_by_triangles,
        lambda n, window: causal_mask(n) & ~causal_mask(n).tril(-window),
    ],
    "split_heads": [heads_by_slices, heads_by_view, lambda x, h: torch.stack(x.chunk(h, dim=-1), dim=1)],
    "sinusoidal": [table, table_by_slices, lambda n, c: table(n, c).double()],
    "rotate": [by_complex_numbers, as_llama, lambda x: library_rotate(x.double())],
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
        (lambda q, k, v: attend(q, k, torch.eye(k.shape[-2])), "these are the weights"),
        (scaled_dot_product_attention, "without the weights"),
        (lambda q, k, v: attend(q, k, v) if q.ndim == 2 else attend(q[0], k[0], v[0]), "the shape should be"),
        (lambda q, k, v: torch.softmax(q @ k.transpose(0, 1) / q.shape[-1] ** 0.5, -1) @ v, "your code raised"),
        (lambda q, k, v: torch.softmax(q @ k / q.shape[-1] ** 0.5, -1) @ v, "RuntimeError"),
        (lambda q, k, v: attend(k, q, v), "have changed places"),
    ],
    "batch_mask": [
        (lambda n, longest: ~joined(n, longest), "the sign is turned round"),
        (lambda n, longest: joined(n, longest, past=causal_mask(longest).T), "sees what comes after it"),
        (lambda n, longest: joined(n, longest, past=causal_mask(longest).tril(-1)), "no query sees itself"),
        (lambda n, longest: joined(n, longest, join=torch.logical_or), "`|` allows"),
        (lambda n, longest: causal_mask(longest).repeat(len(n), 1, 1, 1), "padding can still be seen"),
        (lambda n, longest: causal_mask(longest), "one mask for all"),
        (lambda n, longest: padding_mask(n, longest) & causal_mask(longest), "this is for padding on the right"),
        (lambda n, longest: padding_mask(n, longest).flip(-1).repeat(1, 1, longest, 1), "later tokens can still"),
        (padded_queries, "you forbid the padding *queries*"),
        (lambda n, longest: joined(n, longest) | torch.eye(longest).bool(), "padding queries see themselves"),
        (lambda n, longest: joined(n + 1, longest), "one key of padding can be seen"),
        (lambda n, longest: joined(n - 1, longest), "the first real key is forbidden"),
        (lambda n, longest: joined(n, longest).squeeze(1), "without the axis of heads"),
        (lambda n, longest: joined(n, longest).float(), "your mask holds numbers (torch.float32)"),
        (lambda n, longest: joined(n, longest).int(), "your mask holds numbers (torch.int32)"),
        (lambda n, longest: torch.where(joined(n, longest), 0.0, -math.inf), "your mask holds numbers"),
        (lambda n, longest: padding_mask(n, longest), "the shape should be"),
        (lambda n, longest: padding_mask(n) & causal_mask(longest), "expected"),
    ],
    "window_mask": [
        (lambda n, window: ~window_by_loops(n, window), "the sign is turned round"),
        (lambda n, window: window_by_triangles(n, window, oldest=0), "one key too many"),
        (lambda n, window: window_by_triangles(n, window, oldest=2), "one key too few"),
        (lambda n, window: window_by_triangles(n, window, newest=-1), "no query sees itself"),
        (lambda n, window: window_by_triangles(n, window, oldest=0, newest=-1), "no query sees itself"),
        (lambda n, window: window_by_loops(n, window) | window_by_loops(n, window).T, "opens to both sides"),
        (lambda n, window: torch.ones(n, n).bool().triu(1 - window), "later tokens can be seen"),
        (lambda n, window: causal_mask(n), "this is the causal mask"),
        (lambda n, window: window_by_loops(n, window).T, "queries are the rows"),
        (lambda n, window: causal_mask(n).tril(-window), "this is what lies before the window"),
        (lambda n, window: window_by_loops(n, window).float(), "your mask holds numbers"),
        (lambda n, window: window_by_loops(n, window)[None], "the shape should be"),
        (lambda n, window: window_by_loops(n, 3), "expected"),
    ],
    "split_heads": [
        (lambda x, h: x.view(len(x), h, x.shape[1], x.shape[2] // h), "mixes tokens"),
        (lambda x, h: x.view(len(x), x.shape[1], h, x.shape[2] // h), "transpose T and H"),
        (lambda x, h: torch.stack([x[..., i::h] for i in range(h)], dim=1), "every H-th component"),
        (lambda x, h: x.view(len(x), x.shape[1], -1, h).transpose(1, 2), "C is split as (D, H)"),
        (lambda x, h: heads_by_view(x, h).transpose(2, 3), "this is (B, H, D, T)"),
        (lambda x, h: heads_by_view(x, h).reshape(len(x) * h, x.shape[1], -1), "batch and heads are in one axis"),
        (lambda x, h: torch.stack(x.chunk(h, dim=-1)), "this is (H, B, T, D)"),
        (lambda x, h: torch.stack(x.chunk(h, dim=1), dim=1), "you split the tokens among the heads"),
        (lambda x, h: torch.stack([x] * h, dim=1), "every head gets the whole width"),
        (lambda x, h: list(x.chunk(h, dim=-1)), "a tensor is expected"),
    ],
    "sinusoidal": [
        (lambda n, c: table_by_slices(n, c)[:, ::2] + table_by_slices(n, c)[:, 1::2], "added into one number"),
        (lambda n, c: table_by_slices(n, c, added=True), "added into one number"),
        (
            lambda n, c: (
                table(n, c, exponent=lambda j, d: j / d, sin=lambda a: math.sin(a) + math.cos(a))
                + table(n, c, exponent=lambda j, d: j / d, sin=lambda a: 0, cos=math.sin)
            ),
            "added into one number",
        ),
        (lambda n, c: table_by_slices(n, c)[:, [*range(0, c, 2), *range(1, c, 2)]], "all sines stand before"),
        (lambda n, c: table(n, c, sin=math.cos, cos=math.sin), "the cosine stands before the sine"),
        (lambda n, c: table(n, c, exponent=lambda j, d: j // 2 / d), "off by a factor 2"),
        (lambda n, c: table(n, c, exponent=lambda j, d: 4 * (j // 2) / d), "twice too large"),
        (lambda n, c: table(n, c, exponent=lambda j, d: -2 * (j // 2) / d), "you multiply by"),
        (lambda n, c: table(n, c, exponent=lambda j, d: 0), "all pairs have the same frequency"),
        (lambda n, c: table(n, c, exponent=lambda j, d: j / d), "component 2i + 1 has the exponent of 2i"),
        (lambda n, c: table(n, c, exponent=lambda j, d: 2 * j / d), "component 2i + 1 has the exponent of 2i"),
        (lambda n, c: table(n, c, unit=math.pi / 180), "from degrees into radians"),
        (lambda n, c: table(n, c, unit=180 / math.pi), "sin and cos take radians"),
        (lambda n, c: table(n, c, first=1), "positions count from 0"),
        (lambda n, c: table(n, c).T, "on its side"),
        (lambda n, c: table(n, c, cos=math.sin), "odd components need the cosine"),
        (lambda n, c: table(n, c)[None], "the shape should be"),
        (lambda n, c: table(n, c).tolist(), "a tensor is expected"),
        (lambda n, c: table(n, c, exponent=lambda j, d: 2 * (j // 2) / d * 0.75), "expected"),
    ],
    "rotate": [
        (neighbours, "a true rotation, of neighbours"),
        (lambda x: by_complex_numbers(x, sign=-1), "the other way round"),
        (lambda x: as_llama(x, half=lambda a, b: (b, -a)), "the other way round"),
        (lambda x: as_llama(x, half=lambda a, b: (b, a)), "two plus signs are no rotation"),
        (lambda x: by_complex_numbers(x, exponent=1), "off by a factor 2"),
        (lambda x: by_complex_numbers(x, exponent=4), "twice too large"),
        (lambda x: by_complex_numbers(x, exponent=0), "turn equally fast"),
        (lambda x: by_complex_numbers(x, first=1), "positions count from 0"),
        (lambda x: by_complex_numbers(x, unit=math.pi / 180), "in radians already"),
        (lambda x: by_complex_numbers(x, unit=180 / math.pi), "sin and cos take radians"),
        (lambda x: by_complex_numbers(x.transpose(0, -2)).transpose(0, -2), "the axis before the last"),
        (lambda x: x, "nothing has turned"),
        (lambda x: x[..., : x.shape[-1] // 2], "the shape should be"),
        (lambda x: by_complex_numbers(x, exponent=1.5), "expected"),
    ],
}
