"""Causal self-attention for decoder-only models: grouped heads, rotary positions, and a cache for decoding.

Axes: B batch, T position, S position of a key, H heads, G heads of keys and values, D per-head width, C d_model = H D.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from course_lib.attention.cache import Cache, visible
from course_lib.attention.functions import scaled_dot_product_attention
from course_lib.attention.recording import Recorded
from course_lib.linear import Linear
from course_lib.positions import Rotation, rotate_by
from course_lib.validation import require_divides

__all__ = ["GroupedQueryAttention"]


class GroupedQueryAttention(Recorded):
    """Each position attends to itself and those before it; H / G query heads share a head of keys and values.

    Ainslie et al. (2023), section 2.2. With n_kv_heads = n_heads it is multi-head attention. The three projections are
    stacked in one matrix, queries first. Uses PyTorch's fused kernel unless the weights are recorded. Raises ValueError
    if n_heads does not divide d_model, or n_kv_heads does not divide n_heads.

    >>> import torch
    >>> GroupedQueryAttention(12, 6, 2)(torch.zeros(1, 3, 12)).shape
    torch.Size([1, 3, 12])
    """

    def __init__(self, d_model: int, n_heads: int, n_kv_heads: int, *, bias: bool = False) -> None:
        super().__init__()
        require_divides(n_heads=n_heads, d_model=d_model)
        require_divides(n_kv_heads=n_kv_heads, n_heads=n_heads)
        self.n_heads, self.n_kv_heads, self.d_head = n_heads, n_kv_heads, d_model // n_heads
        self.projection = Linear(d_model, (n_heads + 2 * n_kv_heads) * self.d_head, bias=bias)
        self.output = Linear(d_model, d_model, bias=bias)

    def forward(
        self,
        x: Float[Tensor, "B T C"],
        rotation: Rotation | None = None,
        cache: Cache | tuple[Tensor, Tensor] | None = None,
    ) -> Float[Tensor, "B T C"]:
        """Rotate queries and keys by `rotation`, and write the keys and values of x into the `cache`.

        With a cache, x are the T new tokens, which attend to all tokens before them as well. Raises ValueError for a
        cache whose shape does not fit.
        """
        projected = self.projection(x).unflatten(-1, (-1, self.d_head)).transpose(1, 2)  # (B, H + 2 G, T, D)
        q, k, v = projected.split([self.n_heads, self.n_kv_heads, self.n_kv_heads], dim=1)
        if rotation is not None:
            q, k = rotate_by(q, rotation), rotate_by(k, rotation)
        mask = None
        if cache is not None:
            cache = Cache(*cache)
            mask = cache.store(k, v)
            k, v = cache.keys, cache.values
        return self.output(self.attend(q, k, v, mask).transpose(1, 2).flatten(2))  # (B, H, T, D) -> (B, T, C)

    def attend(
        self,
        q: Float[Tensor, "B H T D"],
        k: Float[Tensor, "B G S D"],
        v: Float[Tensor, "B G S D"],
        mask: Bool[Tensor, "#B 1 T S"] | None,
    ) -> Float[Tensor, "B H T D"]:
        """The weighted mean of the values that each query may attend to, for each head.

        Without a mask, the queries are those of the last T keys, and attend to all keys up to their own.
        """
        new, keys = q.shape[2], k.shape[2]
        if mask is None and new > 1 and (new < keys or self.record is not None):
            mask = visible(torch.arange(keys - new, keys, device=q.device)[None], keys)
        if self.record is not None:
            group = self.n_heads // self.n_kv_heads
            k, v = k.repeat_interleave(group, dim=1), v.repeat_interleave(group, dim=1)
            heads, weights = scaled_dot_product_attention(q, k, v, mask)
            self.record.append(weights.detach())
            return heads
        if new == 1:  # the queries of a group share their keys, so they can be treated as positions of one head
            grouped = q.view(len(q), self.n_kv_heads, -1, self.d_head)
            return F.scaled_dot_product_attention(grouped, k, v, attn_mask=mask).view(q.shape)
        grouped = self.n_kv_heads < self.n_heads
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None, enable_gqa=grouped)
