"""Masks: which query may look at which key. True = may attend.

Axes: B batch, T query position, S key position.
"""

import torch
from jaxtyping import Bool, Int
from torch import Tensor

__all__ = ["causal_mask", "padding_mask"]


def causal_mask(length: int, device: torch.device | None = None) -> Bool[Tensor, "T T"]:
    """Each position may look at itself and at those before it: Vaswani et al. (2017), section 3.2.3.

    >>> causal_mask(3).int()
    tensor([[1, 0, 0],
            [1, 1, 0],
            [1, 1, 1]], dtype=torch.int32)
    """
    return torch.ones(length, length, dtype=torch.bool, device=device).tril()


def padding_mask(lengths: Int[Tensor, " B"], longest: int | None = None) -> Bool[Tensor, "B 1 1 S"]:
    """All queries may look at the first `lengths` keys of their row, not at the padding after them.

    S is `longest`, or the greatest length. With `&` it joins a causal mask. Raises ValueError for a length above S or
    below 0.

    >>> padding_mask(torch.tensor([3, 1]))[:, 0, 0].int()
    tensor([[1, 1, 1],
            [1, 0, 0]], dtype=torch.int32)
    """
    longest = int(lengths.max()) if longest is None else longest
    if not ((lengths >= 0) & (lengths <= longest)).all():
        raise ValueError(f"lengths must be from 0 to {longest}, but they are {lengths.tolist()}")
    return (torch.arange(longest, device=lengths.device) < lengths[:, None])[:, None, None]
