"""What both models share: from tokens through the blocks to logits, at once or step by step with a cache.

Axes: B batch, T position, L blocks, G heads of keys and values, D per-head width, C d_model, V vocabulary.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from course_lib.attention.grouped import KeysValues
from course_lib.gpt.config import GPTConfig, ModernGPTConfig
from course_lib.linear import linear

__all__ = ["DecoderOnly", "State"]


class State(NamedTuple):
    """The keys and values of what was read, in room for more. A shorter row is moved right, so that all rows end alike.

    `step` writes into the state that it is given, so a state is used once: go on from the one that comes back.
    `reorder` gives a copy.
    """

    cache: Float[Tensor, "L 2 B G room D"]
    length: int  # places that are taken, of the longest row all by its own tokens
    starts: Int[Tensor, " B"] | None  # the place of each row's first token; None: 0 in all


Past = Sequence[KeysValues | None]  # for each block its cache, that ends with the tokens now read; None: no cache


class _Stepwise(nn.Module):
    """How a DecoderOnly reads a prompt and goes on from it, one token after another, with a cache."""

    @torch.no_grad()
    def start(self, source: Int[Tensor, "B T"], lengths: Int[Tensor, " B"]) -> State:
        """The state after each row's first `lengths` tokens; what follows them is padding. A row may be empty.

        Raises ValueError for more than context_length tokens.
        """
        length = int(lengths.max())
        self._demand_room(length)
        cache = self._room(len(source), length + 1)
        if length:
            places = torch.arange(length, device=source.device)[None]
            self.read(source[:, :length], places, _by_block(cache, length))
        starts = length - lengths
        for row, start in enumerate(starts.tolist()):
            if start:  # padding at the end is seen by nobody, and comes to the beginning
                cache[:, :, row, :, :length] = cache[:, :, row, :, :length].roll(start, dims=-2)
        return State(cache, length, starts if starts.any() else None)

    @torch.no_grad()
    def step(self, tokens: Int[Tensor, " B"], state: State) -> tuple[Float[Tensor, "B V"], State]:
        """The logits of what follows one more token a row, and the state after it; the one given is used up.

        Raises ValueError where a row has context_length tokens already.
        """
        cache, length, starts = state
        self._demand_room(length + 1)
        if length == cache.shape[-2]:
            larger = self._room(len(tokens), length + 1)
            larger[..., :length, :] = cache
            cache = larger
        place, mask = torch.tensor([[length]], device=tokens.device), None
        if starts is not None:
            mask = (torch.arange(length + 1, device=tokens.device) >= starts[:, None])[:, None, None]
            place = place - starts[:, None]
        x = self.read(tokens[:, None], place, _by_block(cache, length + 1), mask)
        return self.logits(x[:, 0]), State(cache, length + 1, starts)

    @torch.no_grad()
    def reorder(self, state: State, rows: Int[Tensor, " N"]) -> State:
        """A copy of the state of the rows given, in their order; a row may come more than once."""
        return State(state.cache[:, :, rows], state.length, None if state.starts is None else state.starts[rows])

    def _room(self, batch: int, needed: int) -> Tensor:
        """An empty cache for at least `needed` tokens a row: powers of two, up to context_length."""
        room = min(self.config.context_length, max(16, 1 << (needed - 1).bit_length()))
        attention = self.blocks[0].attention
        shape = (self.config.n_layers, 2, batch, attention.n_kv_heads, room, attention.d_head)
        return self.embedding.weight.new_empty(shape)

    def _demand_room(self, length: int) -> None:
        if length > self.config.context_length:
            most = self.config.context_length
            raise ValueError(f"a text may have {most} tokens (context_length), but this one has {length}")


class DecoderOnly(_Stepwise):
    """A language model that reads from left to right, at once or step by step; a subclass says how it reads."""

    def __init__(self, config: GPTConfig | ModernGPTConfig) -> None:
        super().__init__()
        self.config = config

    def read(
        self,
        tokens: Int[Tensor, "B T"],
        places: Int[Tensor, "#B T"],
        past: Past,
        mask: Bool[Tensor, "B 1 1 S"] | None = None,
    ) -> Float[Tensor, "B T C"]:
        """What the last block makes of tokens at these positions, normalised."""
        raise NotImplementedError

    def logits(self, x: Float[Tensor, "*B C"]) -> Float[Tensor, "*B V"]:
        """How well what was read fits each token's vector: one matrix embeds and gives the logits."""
        return linear(x, self.embedding.weight)

    def forward(self, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "B T V"]:
        """The logits of what follows each token, given it and those before it.

        Raises ValueError for more than context_length tokens.
        """
        self._demand_room(tokens.shape[1])
        places = torch.arange(tokens.shape[1], device=tokens.device)[None]
        return self.logits(self.read(tokens, places, [None] * self.config.n_layers))


def _by_block(cache: Tensor, length: int) -> list[KeysValues]:
    """The first places of the cache as keys and values, block by block; what is written there is in the cache."""
    return [pair.unbind() for pair in cache[..., :length, :].unbind()]
