"""Attention as functions: masks, scores of queries and keys, and the mean of values that these weigh.

A mask says which query may attend to which key (True = may attend). It is (T, S), for all rows and heads alike, or it
has every axis of the scores, each of their size or of size 1. So (B, S) is refused, except where B = T: there it cannot
be told from (T, S), and means that. `padding_mask` makes (B, 1, 1, S) of it.

Axes: B any axes before the last two (batch, heads), T query position, S key position, D width of queries and keys, E
width of values, A width of the additive score's hidden layer.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from course_lib.shapes import lengths_of, require_tensor
from course_lib.validation import Ids, require, require_integer

__all__ = [
    "additive_scores",
    "attend",
    "causal_mask",
    "dot_product_scores",
    "fused",
    "padding_mask",
    "scaled_dot_product_attention",
]


def causal_mask(length: int, device: torch.device | None = None) -> Bool[Tensor, "T T"]:
    """Each position may look at itself and at those before it: Vaswani et al. (2017), section 3.2.3.

    >>> causal_mask(3).int()
    tensor([[1, 0, 0],
            [1, 1, 0],
            [1, 1, 1]], dtype=torch.int32)
    """
    require_integer("length", length, at_least=0)
    return torch.ones(length, length, dtype=torch.bool, device=device).tril()


def padding_mask(lengths: Ids, longest: int | None = None) -> Bool[Tensor, "B 1 1 S"]:
    """All queries may look at the first `lengths` keys of their row, not at the padding after them.

    S is `longest`, or the greatest length. With `&` it joins a causal mask. Raises ValueError for anything but integers
    (a list, an array or a tensor), and for a length above S or below 0.

    >>> padding_mask(torch.tensor([3, 1]))[:, 0, 0].int()
    tensor([[1, 1, 1],
            [1, 0, 0]], dtype=torch.int32)
    """
    if longest is not None:
        require_integer("longest", longest, at_least=0)
    lengths = lengths_of(lengths, "batch", longest)
    require(longest is not None or len(lengths), "lengths must be one or more integers", lengths)
    longest = int(lengths.max()) if longest is None else longest
    return (torch.arange(longest, device=lengths.device) < lengths[:, None])[:, None, None]


def dot_product_scores(q: Float[Tensor, "*B T D"], k: Float[Tensor, "*#B S D"]) -> Float[Tensor, "*B T S"]:
    """How well each query fits each key: q·k / √D (Vaswani et al., 2017, equation 1).

    For independent components of variance 1, q·k has the variance D; the division makes it 1 again.
    """
    require_tensor("q", q, "...", "time", "width")
    _require_fits("k", k, (*q.shape[:-2], "source", q.shape[-1]))
    return q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])


def additive_scores(
    q: Float[Tensor, "*B T A"], k: Float[Tensor, "*B S A"], v: Float[Tensor, " A"]
) -> Float[Tensor, "*B T S"]:
    """How well each query fits each key: v·tanh(q + k), for q and k projected to one width.

    Bahdanau, Cho and Bengio (2015, appendix A.1.2). Unlike a dot product it takes T x S x A numbers at a time.
    """
    require_tensor("q", q, "...", "time", "width")
    require_tensor("k", k, *q.shape[:-2], "source", q.shape[-1])
    require_tensor("v", v, q.shape[-1])
    return torch.tanh(q[..., :, None, :] + k[..., None, :, :]) @ v


def attend(
    scores: Float[Tensor, "*B T S"], v: Float[Tensor, "*#B S E"], mask: Bool[Tensor, "..."] | None = None
) -> tuple[Float[Tensor, "*B T E"], Float[Tensor, "*B T S"]]:
    """The mean of the values under weights softmax(scores), and the weights, which sum to 1 over the keys.

    Where the mask is False the weight is 0; a query that may look nowhere gets zeros.

    >>> mean, weights = attend(torch.tensor([[0.0, 0.0, 5.0]]), torch.eye(3), torch.tensor([[True, True, False]]))
    >>> mean, weights
    (tensor([[0.5000, 0.5000, 0.0000]]), tensor([[0.5000, 0.5000, 0.0000]]))
    """
    require_tensor("scores", scores, "...", "time", "source")
    _require_fits("v", v, (*scores.shape[:-2], scores.shape[-1], "width"))
    if mask is None:
        weights = scores.softmax(dim=-1)
    else:
        _require_mask(mask, scores.shape)
        # The least number instead of -inf: a row without any key then stays finite, and so does its gradient.
        weights = scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(dim=-1).masked_fill(~mask, 0)
    return weights @ v, weights


def scaled_dot_product_attention(
    q: Float[Tensor, "*B T D"],
    k: Float[Tensor, "*#B S D"],
    v: Float[Tensor, "*#B S E"],
    mask: Bool[Tensor, "..."] | None = None,
) -> tuple[Float[Tensor, "*B T E"], Float[Tensor, "*B T S"]]:
    """softmax(q kᵀ / √D) v, and the weights: Vaswani et al. (2017, equation 1).

    The mask broadcasts to the scores' shape; True = may attend. Raises ValueError where it does not fit.

    >>> q, k, v = torch.zeros(1, 2), torch.ones(3, 2), torch.tensor([[1.0], [2.0], [6.0]])
    >>> scaled_dot_product_attention(q, k, v)
    (tensor([[3.]]), tensor([[0.3333, 0.3333, 0.3333]]))
    """
    return attend(dot_product_scores(q, k), v, mask)


def fused(
    q: Float[Tensor, "B H T D"],
    k: Float[Tensor, "B H S D"],
    v: Float[Tensor, "B H S D"],
    mask: Bool[Tensor, "..."] | None,
) -> Float[Tensor, "B H T D"]:
    """scaled_dot_product_attention by PyTorch's kernel, which never holds all T x S weights (Dao et al., 2022)."""
    if mask is not None:
        _require_mask(mask, (*q.shape[:3], k.shape[2]))
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


def _require_mask(mask: Any, shape: Sequence[int]) -> None:
    """Raise ValueError unless a mask is boolean and fits scores of this shape: (T, S), or one axis for each axis."""
    require(isinstance(mask, Tensor), "a mask must be a boolean tensor", mask)
    if mask.dtype != torch.bool:
        raise ValueError(f"a mask must be boolean, True = may attend, but its dtype is {mask.dtype}")
    if not _broadcasts(mask.shape, shape):
        raise ValueError(f"a mask must broadcast to {tuple(shape)}, but its shape is {tuple(mask.shape)}")
    axes = f"a mask must have 2 axes, (T, S), or {len(shape)}, one for each of the scores'"
    require(mask.ndim in (2, len(shape)), axes, tuple(mask.shape))


def _require_fits(name: str, tensor: Any, axes: Sequence[int | str]) -> None:
    """As require_tensor, but all axes before the last two may be missing, or of size 1."""
    require_tensor(name, tensor, "...", *axes[-2:])
    if not _broadcasts(tensor.shape[:-2], axes[:-2]):
        require_tensor(name, tensor, *axes)


def _broadcasts(shape: Sequence[int], to: Sequence[int]) -> bool:
    return len(shape) <= len(to) and all(
        own in (1, wanted) for own, wanted in zip(reversed(shape), reversed(to), strict=False)
    )
