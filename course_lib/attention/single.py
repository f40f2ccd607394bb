"""Attention of one head, as the recurrent encoder-decoder has it: the query a decoder's state, keys the encoder's.

Axes: B batch, T query position, S key position, Q width of queries, K width of keys, which are the values too.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from course_lib.attention.functions import additive_scores, attend
from course_lib.attention.recording import Recorded
from course_lib.shapes import require_tensor
from course_lib.validation import require

__all__ = ["AdditiveAttention", "MultiplicativeAttention"]


class _Single(Recorded):
    """One head over keys that are the values too; a subclass gives the scores."""

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        raise NotImplementedError

    def forward(
        self,
        queries: Float[Tensor, "B T Q"],
        keys: Float[Tensor, "B S K"],
        mask: Bool[Tensor, "..."] | None = None,
    ) -> Float[Tensor, "B T K"]:
        """For each query the mean of the keys, weighted by softmax(scores); the mask has an axis of 1 for the head."""
        require_tensor("queries", queries, "batch", "time", "width")
        require_tensor("keys", keys, len(queries), "source", "width")
        if isinstance(mask, Tensor) and mask.ndim == 4:
            require(mask.shape[1] == 1, "a mask's axis of heads must be 1, as there is one head", mask)
            mask = mask[:, 0]
        mean, weights = attend(self.scores(queries, keys), keys, mask)
        if self.record is not None:
            self.record.append(weights[:, None].detach())
        return mean


class AdditiveAttention(_Single):
    """Scores v·tanh(W q + U k): Bahdanau, Cho and Bengio (2015), appendix A.1.2.

    >>> AdditiveAttention(2, 3, 5)(torch.zeros(1, 7, 2), torch.ones(1, 11, 3)).shape
    torch.Size([1, 7, 3])
    """

    def __init__(self, d_query: int, d_key: int, d_hidden: int) -> None:
        super().__init__()
        self.query = nn.Linear(d_query, d_hidden, bias=False)
        self.key = nn.Linear(d_key, d_hidden, bias=False)
        self.score = nn.Parameter(torch.empty(d_hidden).uniform_(-1, 1) / d_hidden**0.5)

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        return additive_scores(self.query(queries), self.key(keys), self.score)


class MultiplicativeAttention(_Single):
    """Scores q·W k, "general": Luong, Pham and Manning (2015), equation 8.

    >>> MultiplicativeAttention(2, 3)(torch.zeros(1, 7, 2), torch.ones(1, 11, 3)).shape
    torch.Size([1, 7, 3])
    """

    def __init__(self, d_query: int, d_key: int) -> None:
        super().__init__()
        self.key = nn.Linear(d_key, d_query, bias=False)

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        return queries @ self.key(keys).transpose(-2, -1)
