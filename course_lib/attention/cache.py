"""The keys and values of what a model has read, kept so that only new tokens are computed: rows of any lengths.

Axes: B batch, N new token, S position of a key, L layers, G heads of keys and values, D per-head width.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from course_lib.validation import require

__all__ = ["Cache", "State", "counts_of", "join", "visible"]


class Cache(NamedTuple):
    """The keys and values of one layer, with room for those of N new tokens, and where these go.

    A pair (keys, values) is a cache as well: the new ones are the last N of all rows.
    """

    keys: Float[Tensor, "B G S D"]
    values: Float[Tensor, "B G S D"]
    positions: Int[Tensor, "B N"] | None = None  # of the new tokens; None: the last N of all rows
    mask: Bool[Tensor, "#B 1 N S"] | None = None  # `visible`, computed once for all layers; None: computed here

    def store(self, k: Float[Tensor, "B G N D"], v: Float[Tensor, "B G N D"]) -> Bool[Tensor, "#B 1 N S"] | None:
        """Write new keys and values; returns which keys the new tokens may attend to, None for the usual (causal) ones.

        Raises ValueError for shapes that do not fit.
        """
        (rows, heads, new, width), keys = k.shape, self.keys.shape[-2]
        for kept in (self.keys, self.values):
            fits = kept.shape == (rows, heads, keys, width) and keys >= new
            require(fits, f"a cache must be ({rows}, {heads}, at least {new}, {width}) for these tokens", kept)
        if self.positions is None:
            self.keys[:, :, keys - new :], self.values[:, :, keys - new :] = k, v
            return self.mask
        require(self.positions.shape == (rows, new), f"a cache's positions must be ({rows}, {new})", self.positions)
        index = self.positions[:, None, :, None].expand_as(k)
        self.keys.scatter_(2, index, k.to(self.keys.dtype))
        self.values.scatter_(2, index, v.to(self.values.dtype))
        return visible(self.positions, keys) if self.mask is None else self.mask


def visible(positions: Int[Tensor, "#B N"], n_keys: int) -> Bool[Tensor, "#B 1 N S"]:
    """Which of the keys the tokens at these positions may attend to: those up to their own.

    >>> visible(torch.tensor([[1, 2]]), 4)[0, 0].int()
    tensor([[1, 1, 0, 0],
            [1, 1, 1, 0]], dtype=torch.int32)
    """
    return (torch.arange(n_keys, device=positions.device) <= positions[..., None])[:, None]


class State(NamedTuple):
    """The texts read so far: of row b, the keys and values of positions 0 to lengths[b] - 1, in a cache with room.

    What is read next is written behind them, so one may go on from a state twice: the second time its cache is copied.
    Only one that was truncated is lost, as the new text takes the place of the old.
    """

    cache: Float[Tensor, "L 2 B G capacity D"]  # finite throughout: a weight of 0 times NaN would be NaN
    lengths: list[int]
    filled: list[int]  # how far each row of the cache was written; one list for all states that share the cache

    @classmethod
    def empty(cls, like: Tensor, n_layers: int, batch: int, n_heads: int, d_head: int, length: int) -> "State":
        """Nothing read, and room for `length` tokens a row; `like` has the device and the precision."""
        cache = like.new_zeros(n_layers, 2, batch, n_heads, _capacity(length), d_head)
        return cls(cache, [0] * batch, [0] * batch)

    def writable(self, length: int) -> "State":
        """This state if nothing was written behind its texts and `length` positions fit, else a copy."""
        self.require_kept()
        longest = max(self.lengths, default=0)
        if self.filled == self.lengths and length <= self.cache.shape[-2]:
            return self
        cache = self.cache.new_zeros(*self.cache.shape[:-2], _capacity(length), self.cache.shape[-1])
        cache[..., :longest, :] = self.cache[..., :longest, :]
        return State(cache, self.lengths, list(self.lengths))

    def layers(self, new: int) -> tuple[Int[Tensor, "#B N"], list[Cache]]:
        """The positions of `new` tokens behind each row, and the layers' caches for these; needs `writable`.

        Where all rows are equally long, the positions are slices, and a single token needs no mask.
        """
        device, longest = self.cache.device, max(self.lengths, default=0)
        positions, places, mask = torch.arange(longest, longest + new, device=device)[None], None, None
        if min(self.lengths, default=0) < longest:
            starts = torch.tensor(self.lengths, device=device)
            places = positions = torch.arange(new, device=device) + starts[:, None]
        if places is not None or (new > 1 and longest):
            mask = visible(positions, longest + new)
        layers = self.cache[..., : longest + new, :].unbind()
        return positions, [Cache(*keys_values.unbind(), places, mask) for keys_values in layers]

    def read(self, lengths: list[int]) -> "State":
        """The state once the new tokens are written, of which each row keeps as many as give it this length."""
        self.filled[:] = lengths
        return State(self.cache, lengths, self.filled)

    def truncate(self, lengths: Sequence[int]) -> "State":
        """The state after the first `lengths` tokens of each row; it takes over the cache, and the others lose it."""
        self.require_kept()
        lengths = counts_of(lengths, self.lengths)
        if lengths == self.lengths:
            return self
        self.filled[:] = [-1] * len(lengths)
        return State(self.cache, lengths, list(lengths))

    def reorder(self, rows: Int[Tensor, " M"]) -> "State":
        """A copy of these rows, in this order; a row may occur more than once."""
        self.require_kept()
        lengths = [self.lengths[row] for row in rows.tolist()]
        return State(self.cache[:, :, rows], lengths, list(lengths))

    def require_kept(self) -> None:
        """Raise ValueError if this state was truncated."""
        if min(self.filled, default=0) < 0:
            raise ValueError("this state was truncated: go on from the one that truncate returned")


def join(states: Sequence[State]) -> State:
    """A copy of the rows of several states as one state, one below the other."""
    require(states, "states must hold at least one state", states)
    lengths, first = [length for state in states for length in state.lengths], states[0].cache
    capacity, rows = max(state.cache.shape[-2] for state in states), 0
    cache = first.new_zeros(*first.shape[:2], len(lengths), first.shape[3], capacity, first.shape[-1])
    for state in states:
        state.require_kept()
        cache[:, :, rows : rows + len(state.lengths), :, : state.cache.shape[-2]] = state.cache
        rows += len(state.lengths)
    return State(cache, lengths, list(lengths))


def counts_of(lengths: Tensor | Sequence[int], most: list[int]) -> list[int]:
    """The lengths as a list; raises ValueError unless there is an integer a row, from 0 to the most that it has."""
    found = lengths.tolist() if isinstance(lengths, Tensor) else list(lengths)
    fits = len(found) == len(most) and all(
        isinstance(one, int) and 0 <= one <= n for one, n in zip(found, most, strict=True)
    )
    require(fits, f"lengths must be integers, one a row, from 0 to {most}", found)
    return found


def _capacity(length: int) -> int:
    """A power of two, so that a text that grows is seldom copied."""
    return max(16, 1 << (length - 1).bit_length())
