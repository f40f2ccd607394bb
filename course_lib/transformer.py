"""The Transformer of 2017: an encoder that reads the source, a decoder that writes the target and looks at both.

Axes: B batch, T target position, S source position, C d_model, V vocabulary. Token 0 is padding, in every text.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.attention import MultiHeadAttention, causal_mask, padding_mask
from course_lib.attention.multi_head import KeysValues
from course_lib.linear import Embedding
from course_lib.positions import LearnedPositions, SinusoidalPositions
from course_lib.shapes import lengths_of, require_tensor
from course_lib.validation import require, require_divides, require_number, require_one_of, require_sizes

__all__ = ["DecoderBlock", "EncoderBlock", "FeedForward", "PostNorm", "PreNorm", "Transformer", "TransformerConfig"]


@dataclass(frozen=True, kw_only=True)
class TransformerConfig:
    """The sizes and kinds of a Transformer's parts. Raises ValueError for a size below 1 or an unknown kind."""

    vocab_size: int  # different tokens, of source and target together; token 0 is padding
    context_length: int = 128  # most tokens of a text, where positions are learned
    d_model: int = 128  # width of the stream between the blocks
    n_heads: int = 4
    d_ff: int = 512  # width of the feed-forward's hidden layer
    n_encoder_layers: int = 2
    n_decoder_layers: int = 2
    dropout: float | int = 0.1  # share of numbers zeroed in training: of the embeddings and of each sublayer's output
    norm: str = "pre"  # "pre": before a sublayer, "post": after the sum, as in 2017
    positions: str = "sinusoidal"  # "sinusoidal", "learned", "rotary" or "none"

    def __post_init__(self) -> None:
        require_sizes(self, "vocab_size", "context_length", "d_model", "n_heads", "d_ff")
        require_sizes(self, "n_encoder_layers", "n_decoder_layers")
        require_number("dropout", self.dropout, at_least=0, below=1)
        require_one_of("norm", RESIDUALS, self.norm)
        require_one_of("positions", POSITIONS, self.positions)
        require_divides(n_heads=self.n_heads, d_model=self.d_model)
        pairs = {"sinusoidal": self.d_model, "rotary": self.d_model // self.n_heads}.get(self.positions, 2)
        require(pairs % 2 == 0, f"{self.positions} positions go by pairs: the width must be even", pairs)


Sublayer = Callable[[Tensor], Tensor]
Past = tuple[Float[Tensor, "B H _ D"], Float[Tensor, "B H _ D"]]  # keys and values of what was written so far


class PreNorm(nn.Module):
    """x + dropout(sublayer(norm(x))): Xiong et al. (2020), section 3.3. The stream itself is never normalised."""

    def __init__(self, d_model: int, dropout: float | int, norm_eps: float = 1e-5) -> None:
        super().__init__()
        self.d_model, self.norm, self.dropout = d_model, nn.LayerNorm(d_model, norm_eps), nn.Dropout(dropout)

    def forward(self, x: Float[Tensor, "B T C"], sublayer: Sublayer) -> Float[Tensor, "B T C"]:
        require_tensor("x", x, "batch", "time", self.d_model)
        return x + self.dropout(sublayer(self.norm(x)))


class PostNorm(PreNorm):
    """norm(x + dropout(sublayer(x))): Vaswani et al. (2017), sections 3.1 and 5.4."""

    def forward(self, x: Float[Tensor, "B T C"], sublayer: Sublayer) -> Float[Tensor, "B T C"]:
        require_tensor("x", x, "batch", "time", self.d_model)
        return self.norm(x + self.dropout(sublayer(x)))


RESIDUALS = {"pre": PreNorm, "post": PostNorm}
POSITIONS = ("sinusoidal", "learned", "rotary", "none")


class FeedForward(nn.Sequential):
    """W_2 relu(W_1 x + b_1) + b_2 at each position by itself: Vaswani et al. (2017), section 3.3."""

    def __init__(self, d_model: int, d_ff: int) -> None:
        super().__init__(nn.Linear(d_model, d_ff), nn.ReLU(), nn.Linear(d_ff, d_model))


class EncoderBlock(nn.Module):
    """Self-attention, then feed-forward, each in a residual."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.attention = MultiHeadAttention(config.d_model, config.n_heads, rotary=config.positions == "rotary")
        self.feed_forward = FeedForward(config.d_model, config.d_ff)
        self.residuals = _residuals(config, 2)

    def forward(self, x: Float[Tensor, "B S C"], mask: Bool[Tensor, "..."] | None = None) -> Float[Tensor, "B S C"]:
        around_attention, around_feed_forward = self.residuals
        x = around_attention(x, lambda x: self.attention(x, mask=mask))
        return around_feed_forward(x, self.feed_forward)


class DecoderBlock(nn.Module):
    """Causal self-attention, attention to the encoder's output, then feed-forward, each in a residual.

    Rotary positions rotate in self-attention alone: cross-attention compares contents.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.attention = MultiHeadAttention(config.d_model, config.n_heads, rotary=config.positions == "rotary")
        self.cross_attention = MultiHeadAttention(config.d_model, config.n_heads)
        self.feed_forward = FeedForward(config.d_model, config.d_ff)
        self.residuals = _residuals(config, 3)

    def forward(
        self,
        x: Float[Tensor, "B T C"],
        memory: Float[Tensor, "B S C"],
        mask: Bool[Tensor, "..."] | None = None,
        memory_mask: Bool[Tensor, "..."] | None = None,
    ) -> Float[Tensor, "B T C"]:
        around_attention, around_cross, around_feed_forward = self.residuals
        x = around_attention(x, lambda x: self.attention(x, mask=mask))
        x = around_cross(x, lambda x: self.cross_attention(x, memory, memory_mask))
        return around_feed_forward(x, self.feed_forward)

    def step(
        self, x: Float[Tensor, "B 1 C"], past: Past | None, memory: KeysValues, memory_mask: Tensor
    ) -> tuple[Float[Tensor, "B 1 C"], Past]:
        """forward at the next position alone; `past` holds the keys and values of those before it."""
        around_attention, around_cross, around_feed_forward = self.residuals
        start = 0 if past is None else past[0].shape[2]

        def look_back(x: Tensor) -> Tensor:
            nonlocal past
            new = self.attention.keys_values(x, start)
            past = new if past is None else tuple(torch.cat(pair, dim=2) for pair in zip(past, new, strict=True))
            return self.attention.lookup(x, past, start=start)

        x = around_attention(x, look_back)
        x = around_cross(x, lambda x: self.cross_attention.lookup(x, memory, memory_mask, start))
        return around_feed_forward(x, self.feed_forward), past


class State(NamedTuple):
    """What decoding needs between two steps: keys and values of the source and of what was written, block by block."""

    mask: Bool[Tensor, "B 1 1 S"]
    memory: tuple[KeysValues, ...]
    past: tuple[Past | None, ...]  # None: nothing was written

    def written(self) -> int:
        """How many tokens were written so far."""
        return 0 if self.past[0] is None else self.past[0][0].shape[2]

    def of(self, rows: Int[Tensor, " N"]) -> "State":
        """The state of some rows."""
        memory = tuple((keys[rows], values[rows]) for keys, values in self.memory)
        past = tuple(None if kept is None else (kept[0][rows], kept[1][rows]) for kept in self.past)
        return State(self.mask[rows], memory, past)


class Transformer(nn.Module):
    """Vaswani et al. (2017): the logits of each target token, given the source and the tokens before it.

    One matrix embeds source and target and gives the logits (section 3.4). Embeddings start with standard deviation
    d_model^-1/2 (variance 1 after the factor √d_model), the rest as PyTorch's layers.

    >>> model = Transformer(TransformerConfig(vocab_size=11, d_model=6, n_heads=2, d_ff=5))
    >>> model(torch.tensor([[1, 2, 3]]), torch.tensor([[1, 4]])).shape
    torch.Size([1, 2, 11])
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        require(isinstance(config, TransformerConfig), "config must be a TransformerConfig", config)
        self.config = config
        self.embedding = Embedding(config.vocab_size, config.d_model)
        nn.init.normal_(self.embedding.weight, std=config.d_model**-0.5)
        self.positions, self.dropout = _positions(config), nn.Dropout(config.dropout)
        self.limit = config.context_length if config.positions == "learned" else None  # most tokens of a text, if any
        self.encoder = nn.ModuleList(EncoderBlock(config) for _ in range(config.n_encoder_layers))
        self.decoder = nn.ModuleList(DecoderBlock(config) for _ in range(config.n_decoder_layers))
        self.encoder_norm, self.decoder_norm = _last_norm(config), _last_norm(config)

    def forward(self, source: Int[Tensor, "B S"], target: Int[Tensor, "B T"]) -> Float[Tensor, "B T V"]:
        _require_pairs(source, target)
        mask, causal = (source != 0)[:, None, None], causal_mask(target.shape[1], target.device)  # (B, 1, 1, S), (T, T)
        memory, x = self.encode(source, mask), self.embed(target)
        for block in self.decoder:
            x = block(x, memory, causal, mask)
        return self.logits(x)

    def encode(self, source: Int[Tensor, "B S"], mask: Bool[Tensor, "B 1 1 S"]) -> Float[Tensor, "B S C"]:
        """The source as the decoder sees it: a vector for each token, each having looked at the others."""
        x = self.embed(source)
        for block in self.encoder:
            x = block(x, mask)
        return self.encoder_norm(x)

    def embed(self, tokens: Int[Tensor, "B T"], start: int = 0) -> Float[Tensor, "B T C"]:
        """A token's vector times √d_model, and its position's."""
        return self.dropout(self.positions(self.embedding(tokens) * math.sqrt(self.config.d_model), start))

    def logits(self, x: Float[Tensor, "B T C"]) -> Float[Tensor, "B T V"]:
        """How well the decoder's output fits each token's vector."""
        return F.linear(self.decoder_norm(x), self.embedding.weight)

    def start(self, source: Int[Tensor, "B S"], lengths: Int[Tensor, " B"]) -> State:
        """The state before the first step: the source, encoded once. What follows `lengths` tokens is padding."""
        mask = _real(source, lengths)
        memory = self.encode(source, mask)
        kept = tuple(block.cross_attention.keys_values(memory) for block in self.decoder)
        return State(mask, kept, (None,) * len(self.decoder))

    def step(self, tokens: Int[Tensor, " B"], state: State) -> tuple[Float[Tensor, "B V"], State]:
        """The logits of what follows one more token a row, and the state after it."""
        require_tensor("tokens", tokens, len(state.mask), integers=True)
        x, past = self.embed(tokens[:, None], state.written()), []
        for block, before, memory in zip(self.decoder, state.past, state.memory, strict=True):
            x, now = block.step(x, before, memory, state.mask)
            past.append(now)
        return self.logits(x)[:, 0], state._replace(past=tuple(past))

    def reorder(self, state: State, rows: Int[Tensor, " N"]) -> State:
        """The state of the rows given, in their order; a row may come more than once."""
        return state.of(rows)

    def room(self, length: int) -> float | int:
        """How many tokens can be written for a source of this length; below 0 if it is too long itself."""
        most = math.inf if self.limit is None else self.limit
        return most if length <= most else -1


def _require_pairs(source: Any, target: Any) -> None:
    require_tensor("source", source, "batch", "time", integers=True)
    require_tensor("target", target, len(source), "time", integers=True)


def _real(source: Any, lengths: Any) -> Bool[Tensor, "B 1 1 S"]:
    """Which tokens of the source are no padding."""
    require_tensor("source", source, "batch", "time", integers=True)
    longest = source.shape[1]
    return padding_mask(lengths_of(lengths, len(source), longest, source.device), longest)


def _last_norm(config: TransformerConfig) -> nn.Module:
    """Before the logits, where no block ends with a norm of its own."""
    return nn.LayerNorm(config.d_model) if config.norm == "pre" else nn.Identity()


def _residuals(config: TransformerConfig, count: int) -> nn.ModuleList:
    return nn.ModuleList(RESIDUALS[config.norm](config.d_model, config.dropout) for _ in range(count))


class _NoPositions(nn.Module):
    """Nothing is added: the blocks' attention rotates queries and keys (rotary), or nothing knows the order."""

    def forward(self, x: Tensor, start: int = 0) -> Tensor:
        return x


def _positions(config: TransformerConfig) -> nn.Module:
    if config.positions == "sinusoidal":
        return SinusoidalPositions(config.d_model)
    if config.positions == "learned":
        return LearnedPositions(config.context_length, config.d_model)
    return _NoPositions()
