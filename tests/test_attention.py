"""Attention against PyTorch's on the same weights, values and gradients; its masks, its modules, and how it is seen."""

import gc
import math
import weakref

import numpy as np
import pytest
import torch
from helpers import numbers
from torch import nn
from torch.nn import functional as F

from course_lib.attention import (
    AdditiveAttention,
    MultiHeadAttention,
    MultiplicativeAttention,
    additive_scores,
    attend,
    causal_mask,
    dot_product_scores,
    padding_mask,
    recorded,
    scaled_dot_product_attention,
)
from course_lib.attention.functions import fused
from course_lib.positions import rotate

B, H, T, S, D, E = 2, 3, 5, 7, 11, 13
C = H * D


def some_mask(*shape):
    """A random mask that lets each query see something."""
    mask = torch.rand(*shape, generator=torch.Generator().manual_seed(1)) < 0.5
    mask[..., 0] |= ~mask.any(-1)
    return mask


def gradients(result, leaves):
    return torch.autograd.grad((result * torch.linspace(-1, 1, result.numel()).view_as(result)).sum(), leaves)


# name: (mask, the source's length; None is self-attention)
MASKS = {
    "no mask": (None, None),
    "causal": (causal_mask(T), None),
    "padding": (padding_mask(torch.tensor([T, 2])), None),
    "causal and padding": (padding_mask(torch.tensor([T, 2])) & causal_mask(T), None),
    "each head its own": (some_mask(B, H, T, T), None),
    "cross": (None, S),
    "cross, padding": (padding_mask(torch.tensor([3, S])), S),
    "cross, each head its own": (some_mask(B, H, T, S), S),
}
every_mask = pytest.mark.parametrize("mask, length", MASKS.values(), ids=MASKS)


def pair(seed=0):
    """Ours and PyTorch's multi-head attention, the same weights; the biases are not 0."""
    torch.manual_seed(seed)
    ours, theirs = MultiHeadAttention(C, H).double(), nn.MultiheadAttention(C, H, batch_first=True).double()
    for bias in (ours.projection.bias, ours.output.bias):
        nn.init.normal_(bias)
    named = {"projection.weight": "in_proj_weight", "projection.bias": "in_proj_bias"}
    named |= {"output.weight": "out_proj.weight", "output.bias": "out_proj.bias"}
    theirs.load_state_dict({named[name]: value for name, value in ours.state_dict().items()})
    return ours, theirs, [dict(theirs.named_parameters())[named[name]] for name, _ in ours.named_parameters()]


def for_pytorch(mask, length):
    """PyTorch's mask means the reverse (True = may not) and has batch and heads in one axis."""
    return None if mask is None else ~mask.expand(B, H, T, length).reshape(B * H, T, length)


@every_mask
def test_multi_head_attention_is_pytorchs(mask, length):
    ours, theirs, peers = pair()
    x, source = numbers(B, T, C).requires_grad_(), numbers(B, length or 1, C).requires_grad_()
    other = x if length is None else source
    expected, _ = theirs(x, other, other, attn_mask=for_pytorch(mask, other.shape[1]), need_weights=False)
    inputs = [x] if length is None else [x, source]
    wanted = gradients(expected, [*inputs, *peers])
    result = ours(x, None if length is None else source, mask)
    torch.testing.assert_close(result, expected)
    torch.testing.assert_close(gradients(result, [*inputs, *ours.parameters()]), wanted)
    with recorded(ours):
        result = ours(x, None if length is None else source, mask)
    torch.testing.assert_close(result, expected)
    torch.testing.assert_close(gradients(result, [*inputs, *ours.parameters()]), wanted)


@every_mask
def test_recorded_weights_are_pytorchs(mask, length):
    ours, theirs, _ = pair()
    x, source = numbers(B, T, C), numbers(B, length, C) if length else None
    other = x if source is None else source
    _, weights = theirs(x, other, other, attn_mask=for_pytorch(mask, other.shape[1]), average_attn_weights=False)
    with recorded(ours) as maps:
        ours(x, source, mask)
    torch.testing.assert_close(maps[""], [weights])


@every_mask
def test_scaled_dot_product_attention_is_pytorchs(mask, length):
    q, k, v = (numbers(B, H, n, w).requires_grad_() for n, w in ((T, D), (length or T, D), (length or T, E)))
    expected = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    result, weights = scaled_dot_product_attention(q, k, v, mask)
    torch.testing.assert_close(result, expected)
    torch.testing.assert_close(gradients(result, [q, k, v]), gradients(expected, [q, k, v]))
    torch.testing.assert_close(weights.sum(-1), torch.ones(B, H, T, dtype=torch.float64))
    assert mask is None or not weights[~mask.expand_as(weights)].any()


def test_scaled_dot_product_attention_by_hand():
    k = torch.tensor([[math.log(3), 5, 0, 0], [0, 1, 0, 0]])
    result, weights = scaled_dot_product_attention(torch.tensor([[2.0, 0, 0, 0]]), k, torch.tensor([[8.0], [4.0]]))
    torch.testing.assert_close(weights, torch.tensor([[0.75, 0.25]]))  # scores 2 ln 3 / √4 and 0
    torch.testing.assert_close(result, torch.tensor([[7.0]]))


def test_functions_take_any_axes_before_the_last_two_and_broadcast_keys():
    q, k, v = numbers(B, H, T, D), numbers(S, D), numbers(S, E)
    result, weights = scaled_dot_product_attention(q, k, v, some_mask(T, S))
    alone, own = scaled_dot_product_attention(q[1, 2], k, v, some_mask(T, S))
    torch.testing.assert_close((result[1, 2], weights[1, 2]), (alone, own))


def test_scores_keep_the_variance_of_the_components():
    scores = dot_product_scores(numbers(1, 307, 101), numbers(1, 311, 101))
    assert scores.var().item() == pytest.approx(1, abs=0.05)


def test_additive_scores_are_the_papers():
    q, k, v = numbers(B, T, D), numbers(B, S, D), numbers(D)
    scores = additive_scores(q, k, v)
    assert scores.shape == (B, T, S)
    for place in ((0, 0, 0), (1, 4, 2), (0, 3, 6)):
        row, t, s = place
        one = sum(v[i] * math.tanh(q[row, t, i] + k[row, s, i]) for i in range(D))
        torch.testing.assert_close(scores[place], one)


@pytest.mark.parametrize("masked", [False, True])
def test_attention_of_one_head_is_its_papers(masked):
    torch.manual_seed(0)
    queries, keys = numbers(B, T, D), numbers(B, S, E)
    mask = padding_mask(torch.tensor([3, S])) if masked else None
    additive, multiplicative = AdditiveAttention(D, E, 17).double(), MultiplicativeAttention(D, E).double()
    hidden = (queries @ additive.query.weight.T)[:, :, None] + (keys @ additive.key.weight.T)[:, None]
    scores = {additive: torch.einsum("btsa,a->bts", hidden.tanh(), additive.score)}
    scores[multiplicative] = torch.einsum("btq,qk,bsk->bts", queries, multiplicative.key.weight, keys)
    for layer, score in scores.items():
        seen = score if mask is None else score.masked_fill(~mask[:, 0], -math.inf)
        with recorded(layer) as maps:
            result = layer(queries, keys, mask)
        torch.testing.assert_close(maps[""], [seen.softmax(-1)[:, None]])
        torch.testing.assert_close(result, seen.softmax(-1) @ keys)
        torch.testing.assert_close(layer(queries, keys, mask), result, rtol=0, atol=0)


BLIND = some_mask(B, H, T, S)
BLIND[0, :, 3] = BLIND[1, 2, 0] = False


@pytest.mark.parametrize("explicit", [True, False], ids=["explicit", "fused"])
def test_a_query_that_may_look_nowhere_gets_zeros_and_finite_gradients(explicit):
    q, k, v = (numbers(B, H, n, D).requires_grad_() for n in (T, S, S))
    result = scaled_dot_product_attention(q, k, v, BLIND)[0] if explicit else fused(q, k, v, BLIND)
    blind = ~BLIND.any(-1)
    assert blind.sum() == H + 1 and not result[blind].any() and result[~blind].all()
    with torch.autograd.set_detect_anomaly(True):  # no NaN on the way either
        of_q, of_k, of_v = gradients(result, [q, k, v])
    assert not of_q[blind].any() and of_q[~blind].any() and of_k.isfinite().all() and of_v.isfinite().all()


def test_fused_is_the_explicit_one_blind_queries_too():
    q, k, v = (numbers(B, H, n, D).requires_grad_() for n in (T, S, S))
    results = fused(q, k, v, BLIND), scaled_dot_product_attention(q, k, v, BLIND)[0]
    torch.testing.assert_close(*results)
    torch.testing.assert_close(*(gradients(result, [q, k, v]) for result in results))


@pytest.mark.parametrize("watched", [False, True], ids=["fused", "explicit"])
def test_multi_head_attention_gives_a_blind_query_the_output_bias(watched):
    layer, _, _ = pair()
    x = numbers(B, T, C).requires_grad_()
    mask = causal_mask(T) & padding_mask(torch.tensor([0, T]))
    if watched:
        with recorded(layer) as maps:
            result = layer(x, mask=mask)
        assert not maps[""][0][0].any()
    else:
        result = layer(x, mask=mask)
    torch.testing.assert_close(result[0], layer.output.bias.expand(T, C))
    assert all(gradient.isfinite().all() for gradient in gradients(result, [x, *layer.parameters()]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_masks_work_in_every_precision(dtype):
    for low in (1, -60_000):  # lower than many a number that others take for minus infinity
        scores = torch.tensor([[60_000, low, low], [1, 2, 3]], dtype=dtype)
        _, weights = attend(scores, torch.eye(3, dtype=dtype), BAD_ROW)
        assert weights.tolist() == [[0, 0.5, 0.5], [0, 0, 0]]


BAD_ROW = torch.tensor([[False, True, True], [False, False, False]])


def test_causal_mask():
    assert causal_mask(T).tolist() == [[key <= query for key in range(T)] for query in range(T)]
    assert causal_mask(0).shape == (0, 0)


def test_padding_mask():
    mask = padding_mask(torch.tensor([2, 0, 3]))
    assert mask.shape == (3, 1, 1, 3)
    assert mask[:, 0, 0].tolist() == [[True, True, False], [False] * 3, [True] * 3]
    assert padding_mask(torch.tensor([2]), 5)[0, 0, 0].tolist() == [True, True, False, False, False]
    assert (padding_mask(torch.tensor([2, 3])) & causal_mask(3)).shape == (2, 1, 3, 3)


def test_lengths_of_padding_come_in_any_container():
    for lengths in ([2, 0, 3], (2, 0, 3), np.array([2, 0, 3]), iter([2, 0, 3])):
        assert torch.equal(padding_mask(lengths), padding_mask(torch.tensor([2, 0, 3])))


def test_a_mask_for_all_rows_and_heads_is_the_one_with_every_axis():
    q, k, v = numbers(B, H, T, D), numbers(B, H, S, D), numbers(B, H, S, D)
    mask = some_mask(T, S)
    expected = scaled_dot_product_attention(q, k, v, mask.expand(B, H, T, S))
    for same in (mask, mask[None, None], mask.expand(B, 1, T, S)):
        torch.testing.assert_close(scaled_dot_product_attention(q, k, v, same), expected, rtol=0, atol=0)
    single, keys = MultiplicativeAttention(D, D), numbers(B, S, D).float()
    queries = numbers(B, T, D).float()
    torch.testing.assert_close(single(queries, keys, mask), single(queries, keys, mask.expand(B, 1, T, S)))


@pytest.mark.parametrize("rotary", [False, True])
def test_a_later_token_changes_nothing_earlier(rotary):
    layer, x = MultiHeadAttention(H * 10, H, rotary=rotary).double(), numbers(B, T, H * 10)
    other = x.clone()
    other[:, 3] += 1
    before, after = layer(x, mask=causal_mask(T)), layer(other, mask=causal_mask(T))
    torch.testing.assert_close(before[:, :3], after[:, :3], rtol=0, atol=0)
    assert (before[:, 3:] != after[:, 3:]).any(-1).all()


def test_padding_changes_nothing():
    layer, _, _ = pair()
    x, lengths = numbers(B, T, C), torch.tensor([3, T])
    other = x.clone()
    other[0, 3:] = 1e3
    results = [layer(each, mask=padding_mask(lengths)) for each in (x, other)]
    torch.testing.assert_close(results[0][0, :3], results[1][0, :3], rtol=0, atol=0)
    torch.testing.assert_close(results[0][:1, :3], layer(x[:1, :3]))


def test_without_positions_a_new_order_of_tokens_is_a_new_order_of_results():
    plain, turned = (MultiHeadAttention(H * 10, H, rotary=rotary).double() for rotary in (False, True))
    x, order = numbers(B, T, H * 10), torch.tensor([3, 0, 4, 1, 2])
    torch.testing.assert_close(plain(x[:, order]), plain(x)[:, order])
    torch.testing.assert_close(plain(x, x[:, order]), plain(x))
    assert not torch.allclose(turned(x[:, order]), turned(x)[:, order])


def test_rotary_turns_queries_and_keys_but_not_values():
    torch.manual_seed(0)
    layer, x = MultiHeadAttention(H * 10, H, rotary=True).double(), numbers(B, T, H * 10)
    q, k, v = (part.view(B, T, H, 10).transpose(1, 2) for part in layer.projection(x).chunk(3, dim=-1))
    heads, weights = scaled_dot_product_attention(rotate(q), rotate(k), v)
    torch.testing.assert_close(layer(x), layer.output(heads.transpose(1, 2).reshape(B, T, -1)))
    with recorded(layer) as maps:
        layer(x)
    torch.testing.assert_close(maps[""], [weights])


@pytest.mark.parametrize("rotary", [False, True])
def test_a_lookup_over_kept_keys_is_the_forward(rotary):
    layer, x = MultiHeadAttention(H * 10, H, rotary=rotary).double(), numbers(B, T, H * 10)
    whole = layer(x, mask=causal_mask(T))
    first, second = layer.keys_values(x[:, :2]), layer.keys_values(x[:, 2:], start=2)
    kept = tuple(torch.cat(parts, dim=2) for parts in zip(first, second, strict=True))
    assert kept[0].shape == kept[1].shape == (B, H, T, 10)
    torch.testing.assert_close(layer.lookup(x[:, 2:], kept, causal_mask(T)[2:], start=2), whole[:, 2:])
    for place in range(T):
        seen = tuple(part[:, :, : place + 1] for part in kept)
        torch.testing.assert_close(
            layer.lookup(x[:, place : place + 1], seen, start=place), whole[:, place : place + 1]
        )
    torch.testing.assert_close(layer.lookup(x, layer.keys_values(x)), layer(x, x))


def test_first_weights_are_xaviers_with_biases_of_zero():
    torch.manual_seed(0)
    layer = MultiHeadAttention(C, H)
    bound = math.sqrt(6 / (C + 3 * C))
    largest = layer.projection.weight.abs().max().item()
    assert 0.99 * bound < largest <= bound
    assert not layer.projection.bias.any() and not layer.output.bias.any()


class Two(nn.Module):
    """Two attentions, of which the first is asked twice."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([MultiHeadAttention(6, 2), nn.Linear(6, 6)])
        self.cross = AdditiveAttention(6, 6, 5)

    def forward(self, x, source):
        x = self.layers[0](self.layers[0](x))
        return self.cross(self.layers[1](x), source)


def test_recorded_names_every_attention_and_keeps_each_call():
    model, x, source = Two(), torch.randn(1, 3, 6), torch.randn(1, 5, 6)
    outside = model(x, source)
    with recorded(model) as maps:
        inside = model(x, source)
        model(x[:, :2], source)
    torch.testing.assert_close(inside, outside)
    shapes = {name: [tuple(weights.shape) for weights in each] for name, each in maps.items()}
    assert shapes == {"layers.0": [(1, 2, 3, 3)] * 2 + [(1, 2, 2, 2)] * 2, "cross": [(1, 1, 3, 5), (1, 1, 2, 5)]}
    assert not any(weights.requires_grad for each in maps.values() for weights in each)
    model(x, source)
    assert len(maps["cross"]) == 2, "after the block nothing is added"


def test_nothing_is_kept_after_the_block():
    model = Two()
    before = set(vars(model.cross)), set(model.state_dict())
    with recorded(model) as maps:
        model(torch.randn(1, 3, 6), torch.randn(1, 5, 6))
    weights = weakref.ref(maps["cross"][0])
    assert model.cross.record is None and model.layers[0].record is None
    assert (set(vars(model.cross)) - {"record"}, set(model.state_dict())) == before
    del maps
    gc.collect()
    assert weights() is None


def test_an_error_ends_the_recording():
    model = Two()
    with pytest.raises(ValueError, match="x must be a tensor"), recorded(model):
        model(torch.randn(1, 3, 7), torch.randn(1, 5, 6))
    assert model.cross.record is None and model.layers[0].record is None


def test_recordings_may_be_nested():
    model, x, source = Two(), torch.randn(1, 3, 6), torch.randn(1, 5, 6)
    with recorded(model) as outer:
        model(x, source)
        with pytest.raises(KeyError), recorded(model.cross) as inner:
            model(x, source)
            raise KeyError
        model(x, source)
    assert (len(outer["layers.0"]), len(outer["cross"]), len(inner[""])) == (6, 2, 1)
    assert model.cross.record is None


def attended(mask):
    return lambda: attend(torch.zeros(B, H, T, S), torch.zeros(B, H, S, D), mask)


def asked(mask):
    return lambda: MultiHeadAttention(6, 3)(torch.zeros(B, T, 6), torch.zeros(B, S, 6), mask)


@pytest.mark.parametrize(
    "work, words",
    [
        (lambda: MultiHeadAttention(C, 2), "n_heads must divide d_model, but they are 2 and 33"),
        (lambda: MultiHeadAttention(C, 0), "n_heads must divide d_model, but they are 0 and 33"),
        (lambda: MultiHeadAttention(C, H, rotary=True), "must be even, as rotary positions go by pairs, but it is 11"),
        (lambda: recorded(nn.Linear(2, 3)).__enter__(), "nothing in this Linear is attention of course_lib"),
        (lambda: padding_mask(torch.tensor([3, -1])), r"lengths must be at least 0, but they are \[3, -1\]"),
        (lambda: padding_mask(torch.tensor([3, 5]), 4), r"lengths must be from 0 to 4, but they are \[3, 5\]"),
        *(
            (way(mask), words)
            for way in (attended, asked)
            for mask, words in (
                (torch.zeros(T, S), r"must be boolean, True = may attend, but its dtype is torch\.float32"),
                (torch.ones(T, S, dtype=torch.int64), r"boolean, True = may attend, but its dtype is torch\.int64"),
                (causal_mask(T), r"must broadcast to \(2, 3, 5, 7\), but its shape is \(5, 5\)"),
                (causal_mask(S), r"must broadcast to \(2, 3, 5, 7\), but its shape is \(7, 7\)"),
                (torch.ones(B, T, S).bool(), r"must broadcast to \(2, 3, 5, 7\), but its shape is \(2, 5, 7\)"),
                (torch.ones(1, B, H, T, S).bool(), r"must broadcast .* but its shape is \(1, 2, 3, 5, 7\)"),
            )
        ),
    ],
)
def test_what_will_not_do(work, words, monkeypatch):
    monkeypatch.setattr("jaxtyping.config.jaxtyping_disable", True)  # else the annotations of the tests speak first
    with pytest.raises(ValueError, match=words):
        work()
