"""Multi-head attention: several lookups side by side, each in a part of the width.

Axes: B batch, T query position, S key position, H heads, D per-head width, C d_model = H D.
"""

from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.attention.functions import fused, scaled_dot_product_attention
from course_lib.attention.recording import Recorded
from course_lib.positions import rotate
from course_lib.shapes import require_tensor
from course_lib.validation import require, require_divides, require_integer

__all__ = ["KeysValues", "MultiHeadAttention"]

KeysValues = tuple[Float[Tensor, "B H S D"], Float[Tensor, "B H S D"]]


class MultiHeadAttention(Recorded):
    """Concat(head_1 ... head_H) W_O with head_i = attention(x W_Q, source W_K, source W_V).

    Vaswani et al. (2017), section 3.2.2. One matrix projects all three, as in torch.nn.MultiheadAttention. `rotary`
    rotates queries and keys. Runs PyTorch's fused kernel unless recorded. Raises ValueError for heads that do not fit.

    >>> import torch
    >>> MultiHeadAttention(6, 2)(torch.zeros(1, 3, 6), torch.zeros(1, 5, 6)).shape
    torch.Size([1, 3, 6])
    """

    def __init__(self, d_model: int, n_heads: int, *, rotary: bool = False) -> None:
        super().__init__()
        require_integer("d_model", d_model, at_least=1)
        require_divides(n_heads=n_heads, d_model=d_model)
        d_head = d_model // n_heads
        require(
            not rotary or d_head % 2 == 0, "d_model / n_heads must be even, as rotary positions go by pairs", d_head
        )
        self.d_model, self.n_heads, self.rotary = d_model, n_heads, rotary
        self.projection, self.output = nn.Linear(d_model, 3 * d_model), nn.Linear(d_model, d_model)
        nn.init.xavier_uniform_(self.projection.weight)
        for linear in (self.projection, self.output):
            nn.init.zeros_(linear.bias)

    def forward(
        self,
        x: Float[Tensor, "B T C"],
        source: Float[Tensor, "B S C"] | None = None,
        mask: Bool[Tensor, "..."] | None = None,
    ) -> Float[Tensor, "B T C"]:
        """Each position of x looks at those of the source that the mask lets it see; without source, at x itself."""
        if source is None:
            require_tensor("x", x, "batch", "time", self.d_model)
            q, k, v = self._heads(x, 0, 3)
            return self._attend(self._rotated(q), self._rotated(k), v, mask)
        return self.lookup(x, self.keys_values(source), mask)

    def keys_values(self, source: Float[Tensor, "B S C"], start: int = 0) -> KeysValues:
        """What `lookup` looks at, to be kept; `start` is the position of the first (it matters to rotary)."""
        require_tensor("the source", source, "batch", "time", self.d_model)
        k, v = self._heads(source, 1, 2)
        return self._rotated(k, start), v

    def lookup(
        self, x: Float[Tensor, "B T C"], kept: KeysValues, mask: Bool[Tensor, "..."] | None = None, start: int = 0
    ) -> Float[Tensor, "B T C"]:
        """As forward, over keys and values that were computed before; `start` is the first query's position."""
        require_tensor("x", x, len(kept[0]), "time", self.d_model)
        (q,) = self._heads(x, 0, 1)
        return self._attend(self._rotated(q, start), *kept, mask)

    def _heads(self, x: Tensor, first: int, parts: int) -> tuple[Tensor, ...]:
        """Queries (part 0), keys (1), values (2): `parts` of them from `first` on, each (B, H, T, D)."""
        rows = slice(first * self.d_model, (first + parts) * self.d_model)
        projected = F.linear(x, self.projection.weight[rows], self.projection.bias[rows])
        return projected.view(*x.shape[:2], parts, self.n_heads, -1).permute(2, 0, 3, 1, 4).unbind()

    def _rotated(self, x: Tensor, start: int = 0) -> Tensor:
        return rotate(x, start) if self.rotary else x

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        if self.record is None:
            heads = fused(q, k, v, mask)
        else:
            heads, weights = scaled_dot_product_attention(q, k, v, mask)
            self.record.append(weights.detach())
        return self.output(heads.transpose(1, 2).flatten(2))  # (B, H, T, D) -> (B, T, C)
