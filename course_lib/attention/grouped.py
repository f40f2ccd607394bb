"""Causal self-attention for decoder-only models: grouped heads, turned queries and keys, and a cache to step with.

Axes: B batch, T position, S position of a key, H heads, G heads of keys and values, D per-head width, C d_model = H D.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from course_lib.attention.functions import scaled_dot_product_attention
from course_lib.attention.masks import causal_mask
from course_lib.attention.recording import Recorded
from course_lib.linear import Linear
from course_lib.positions import Turns, turn, turns
from course_lib.validation import require_divides

__all__ = ["GroupedQueryAttention", "turns_at"]

KeysValues = tuple[Float[Tensor, "B G S D"], Float[Tensor, "B G S D"]]


def turns_at(
    places: Int[Tensor, "*B T"], d_head: int, base: float | int = 10_000, dtype: torch.dtype | None = None
) -> Turns:
    """What `positions.turn` multiplies with, for heads at any positions: made once for all layers, (*B, T, D) each."""
    frequencies = base ** -(torch.arange(0, d_head, 2, device=places.device) / d_head)
    cos, sin = turns(places[..., None] * frequencies)
    return cos.to(dtype), sin.to(dtype)


class GroupedQueryAttention(Recorded):
    """Each position looks at itself and those before it; H / G heads of queries share a head of keys and values.

    Ainslie et al. (2023), section 2.2. With n_kv_heads = n_heads it is multi-head attention. The three projections lie
    in one matrix, queries first. Uses PyTorch's fused kernel, but for weights that are recorded. Raises ValueError
    where n_heads does not divide d_model, or n_kv_heads not n_heads.

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
        by: Turns | None = None,
        past: KeysValues | None = None,
        mask: Bool[Tensor, "B 1 1 S"] | None = None,
    ) -> Float[Tensor, "B T C"]:
        """`by` turns queries and keys. `past` is room that ends with x: its keys and values are put there.

        `mask` is for a step (T = 1) alone.
        """
        width = self.n_kv_heads * self.d_head
        parts = self.projection(x).split([x.shape[-1], width, width], dim=-1)
        q, k, v = (part.unflatten(-1, (-1, self.d_head)).transpose(1, 2) for part in parts)  # (B, H or G, T, D)
        if by is not None:
            q, k = turn(q, by), turn(k, by)
        if past is not None:
            for room, new in zip(past, (k, v), strict=True):
                room[:, :, -x.shape[1] :] = new
            k, v = past
        attend = self._attend if self.record is None else self._record
        return self.output(attend(q, k, v, mask).transpose(1, 2).flatten(2))  # (B, H, T, D) -> (B, T, C)

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        if q.shape[2] > 1:
            return F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=self.n_kv_heads < self.n_heads)
        grouped = q.view(len(q), self.n_kv_heads, -1, self.d_head)  # at a step, a group's queries look at the same keys
        return F.scaled_dot_product_attention(grouped, k, v, attn_mask=mask).view(q.shape)

    def _record(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        k, v = (part.repeat_interleave(self.n_heads // self.n_kv_heads, dim=1) for part in (k, v))
        mask = causal_mask(q.shape[2], q.device) if q.shape[2] > 1 else mask
        heads, weights = scaled_dot_product_attention(q, k, v, mask)
        self.record.append(weights.detach())
        return heads
