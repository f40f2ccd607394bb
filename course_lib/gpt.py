"""Decoder-only Transformers: GPT (2019) and its successor ModernGPT (2023), two small classes with shared parts.

Both compute the logits of all positions at once (`forward`) or one token at a time with a cache (`start`, `step`).

Axes: B batch, T position, S position of a key, L blocks, G heads of keys and values, D per-head width, C d_model,
V vocabulary.
"""

import math
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.attention.grouped import GroupedQueryAttention, KeysValues
from course_lib.linear import Embedding, Linear, linear
from course_lib.positions import Rotation, rotation_at
from course_lib.validation import require, require_divides, require_number, require_one_of, require_sizes

__all__ = [
    "GPT",
    "PRESETS",
    "Block",
    "FeedForward",
    "GPTConfig",
    "ModernGPT",
    "ModernGPTConfig",
    "SwiGLU",
    "build",
    "initialise",
    "preset",
]


@dataclass(frozen=True, kw_only=True)
class GPTConfig:
    """The sizes of a GPT. Raises ValueError for an invalid one."""

    vocab_size: int  # different tokens
    context_length: int = 64  # maximum number of tokens of a text
    d_model: int = 128  # width of the residual stream; the feed-forward's hidden layer is 4 times as wide
    n_layers: int = 4  # blocks
    n_heads: int = 4
    dropout: float | int = 0.0  # in training, of the embeddings and of each sublayer's output

    def __post_init__(self) -> None:
        require_sizes(self, "vocab_size", "context_length", "d_model", "n_layers", "n_heads")
        require_divides(n_heads=self.n_heads, d_model=self.d_model)
        require_number("dropout", self.dropout, at_least=0, below=1)


@dataclass(frozen=True, kw_only=True)
class ModernGPTConfig:
    """The sizes of a ModernGPT. Raises ValueError for an invalid one."""

    vocab_size: int  # different tokens
    context_length: int = 64  # maximum number of tokens of a text
    d_model: int = 128  # width of the residual stream
    n_layers: int = 4  # blocks
    n_heads: int = 4  # query heads
    n_kv_heads: int = 2  # key and value heads; each serves n_heads / n_kv_heads query heads
    d_ff: int = 352  # width of the feed-forward's hidden layer; 8/3 d_model has as many parameters as GPT's 4 d_model
    rotary_base: float | int = 10_000  # the slowest pair rotates once in about 2π x base positions
    norm_eps: float = 1e-5  # added to the mean square that RMSNorm divides by
    tied: bool = True  # the embedding matrix also computes the logits

    def __post_init__(self) -> None:
        require_sizes(self, "vocab_size", "context_length", "d_model", "n_layers", "n_heads", "n_kv_heads", "d_ff")
        require_divides(n_heads=self.n_heads, d_model=self.d_model)
        require_divides(n_kv_heads=self.n_kv_heads, n_heads=self.n_heads)
        d_head = self.d_model // self.n_heads
        require(d_head % 2 == 0, "d_model / n_heads must be even, as rotary positions go by pairs", d_head)
        require(self.rotary_base > 1, "rotary_base must be above 1", self.rotary_base)
        require(self.norm_eps > 0, "norm_eps must be above 0", self.norm_eps)


class FeedForward(nn.Module):
    """W_2 gelu(W_1 x + b_1) + b_2 at each position by itself; GELU in its tanh form (Hendrycks and Gimpel, 2016)."""

    def __init__(self, d_model: int, d_ff: int) -> None:
        super().__init__()
        self.hidden, self.output = Linear(d_model, d_ff), Linear(d_ff, d_model)

    def forward(self, x: Float[Tensor, "B T C"]) -> Float[Tensor, "B T C"]:
        return self.output(F.gelu(self.hidden(x), approximate="tanh"))


class SwiGLU(nn.Module):
    """W_2 (silu(W_1 x) * W_3 x): Shazeer (2020), equation 6. W_1 and W_3 are stacked in one matrix, W_1 first."""

    def __init__(self, d_model: int, d_ff: int) -> None:
        super().__init__()
        self.hidden = Linear(d_model, 2 * d_ff, bias=False)
        self.output = Linear(d_ff, d_model, bias=False)

    def forward(self, x: Float[Tensor, "B T C"]) -> Float[Tensor, "B T C"]:
        gate, value = self.hidden(x).chunk(2, dim=-1)
        return self.output(F.silu(gate) * value)


class RMSNorm(nn.RMSNorm):
    """PyTorch's, with its weights cast to the precision of x, because its fused kernel needs a single precision."""

    def forward(self, x: Float[Tensor, "*B C"]) -> Float[Tensor, "*B C"]:
        return F.rms_norm(x, self.normalized_shape, self.weight.to(x.dtype), self.eps)


class Block(nn.Module):
    """x + attention(norm1(x)), then x + feed_forward(norm2(x)), with dropout on each sublayer's output."""

    def __init__(
        self,
        norm1: nn.Module,
        attention: GroupedQueryAttention,
        norm2: nn.Module,
        feed_forward: nn.Module,
        dropout: float | int = 0.0,
    ) -> None:
        super().__init__()
        self.norm1, self.norm2 = norm1, norm2
        self.attention, self.feed_forward = attention, feed_forward
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        x: Float[Tensor, "B T C"],
        rotation: Rotation | None = None,
        cache: KeysValues | None = None,
        mask: Bool[Tensor, "B 1 1 S"] | None = None,
    ) -> Float[Tensor, "B T C"]:
        x = x + self.dropout(self.attention(self.norm1(x), rotation, cache, mask))
        return x + self.dropout(self.feed_forward(self.norm2(x)))


class State(NamedTuple):
    """The keys and values of the tokens read so far, in a cache with spare capacity. Shorter rows are right-aligned.

    `step` writes into the cache of the state it receives, so use each state once and continue with the one returned.
    `reorder` returns a copy.
    """

    cache: Float[Tensor, "L 2 B G capacity D"]
    length: int  # positions of the cache that are filled
    starts: Int[Tensor, " B"] | None  # position of each row's first token in the cache; None: 0 in all rows


class DecoderOnly(nn.Module):
    """A language model that reads from left to right. A subclass implements `read`."""

    def read(
        self,
        tokens: Int[Tensor, "B T"],
        positions: Int[Tensor, "#B T"],
        caches: list[KeysValues | None],
        mask: Bool[Tensor, "B 1 1 S"] | None = None,
    ) -> Float[Tensor, "B T C"]:
        """The normalised output of the last block for tokens at these positions; one cache (or None) per block."""
        raise NotImplementedError

    def logits(self, x: Float[Tensor, "*B C"]) -> Float[Tensor, "*B V"]:
        """The product of each output with each token's embedding: one matrix embeds and computes the logits."""
        return linear(x, self.embedding.weight)

    def forward(self, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "B T V"]:
        """The logits of the token after each position, given the tokens up to it.

        Raises ValueError for more than context_length tokens.
        """
        _require_fits(tokens.shape[1], self.config)
        positions = torch.arange(tokens.shape[1], device=tokens.device)[None]
        return self.logits(self.read(tokens, positions, [None] * self.config.n_layers))

    @torch.no_grad()
    def start(self, source: Int[Tensor, "B T"], lengths: Int[Tensor, " B"]) -> State:
        """The state after the first `lengths` tokens of each row; the rest is padding. A row may be empty.

        Raises ValueError for more than context_length tokens.
        """
        length = int(lengths.max())
        _require_fits(length, self.config)
        cache = _empty_cache(self, len(source), length + 1)
        if length:
            positions = torch.arange(length, device=source.device)[None]
            self.read(source[:, :length], positions, _of_blocks(cache, length))
        starts = length - lengths
        for row, start in enumerate(starts.tolist()):
            if start:  # right-align the row: the padding moves to the left, where the mask hides it
                cache[:, :, row, :, :length] = cache[:, :, row, :, :length].roll(start, dims=-2)
        return State(cache, length, starts if starts.any() else None)

    @torch.no_grad()
    def step(self, tokens: Int[Tensor, " B"], state: State) -> tuple[Float[Tensor, "B V"], State]:
        """Read one more token per row: the logits of the next one, and the new state, which replaces the one given.

        Raises ValueError where a row has context_length tokens already.
        """
        cache, length, starts = state
        _require_fits(length + 1, self.config)
        if length == cache.shape[-2]:
            cache = _empty_cache(self, len(tokens), length + 1)
            cache[..., :length, :] = state.cache
        positions, mask = torch.tensor([[length]], device=tokens.device), None
        if starts is not None:
            positions = positions - starts[:, None]  # (B, 1)
            mask = (torch.arange(length + 1, device=tokens.device) >= starts[:, None])[:, None, None]
        x = self.read(tokens[:, None], positions, _of_blocks(cache, length + 1), mask)
        return self.logits(x[:, 0]), State(cache, length + 1, starts)

    @torch.no_grad()
    def reorder(self, state: State, rows: Int[Tensor, " N"]) -> State:
        """A copy of the state with these rows, in this order; a row may occur more than once."""
        return State(state.cache[:, :, rows], state.length, None if state.starts is None else state.starts[rows])


def _require_fits(length: int, config: "GPTConfig | ModernGPTConfig") -> None:
    if length > config.context_length:
        raise ValueError(f"a text may have {config.context_length} tokens (context_length), but this one has {length}")


def _empty_cache(model: "GPT | ModernGPT", batch: int, length: int) -> Float[Tensor, "L 2 B G capacity D"]:
    """A cache for at least `length` tokens per row; its capacity is a power of two, at most context_length."""
    capacity = min(model.config.context_length, max(16, 1 << (length - 1).bit_length()))
    attention = model.blocks[0].attention
    shape = (model.config.n_layers, 2, batch, attention.n_kv_heads, capacity, attention.d_head)
    return model.embedding.weight.new_empty(shape)


def _of_blocks(cache: Tensor, length: int) -> list[KeysValues]:
    """Views of the first positions of the cache as keys and values, one pair per block."""
    return [keys_values.unbind() for keys_values in cache[..., :length, :].unbind()]


class GPT(DecoderOnly):
    """Radford et al. (2019, GPT-2): learned positions, LayerNorm before each sublayer, GELU, biases, and one matrix
    that embeds and computes the logits.

    Initialisation (section 2.3 and the code): weights are normal with standard deviation 0.02, divided by √(2 n_layers)
    in the matrices that write to the residual stream, because that many outputs are added there; biases are 0.

    >>> GPT(GPTConfig(vocab_size=11))(torch.tensor([[1, 2, 3]])).shape
    torch.Size([1, 3, 11])
    """

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config, c = config, config.d_model
        self.embedding, self.positions = Embedding(config.vocab_size, c), nn.Embedding(config.context_length, c)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(
            Block(
                nn.LayerNorm(c),
                GroupedQueryAttention(c, config.n_heads, config.n_heads, bias=True),
                nn.LayerNorm(c),
                FeedForward(c, 4 * c),
                config.dropout,
            )
            for _ in range(config.n_layers)
        )
        self.norm = nn.LayerNorm(c)
        initialise(self)

    def read(
        self,
        tokens: Int[Tensor, "B T"],
        positions: Int[Tensor, "#B T"],
        caches: list[KeysValues | None],
        mask: Bool[Tensor, "B 1 1 S"] | None = None,
    ) -> Float[Tensor, "B T C"]:
        """The normalised output of the last block for tokens at these positions."""
        x = _as_computed(self.dropout(self.embedding(tokens) + self.positions(positions)))
        for block, cache in zip(self.blocks, caches, strict=True):
            x = block(x, None, cache, mask)
        return self.norm(x)


class ModernGPT(DecoderOnly):
    """The design of 2023, as in Llama (Touvron et al., 2023) and SmolLM2: RMSNorm (Zhang and Sennrich, 2019), rotary
    positions, SwiGLU, grouped queries, no biases. Initialised like GPT.

    >>> ModernGPT(ModernGPTConfig(vocab_size=11))(torch.tensor([[1, 2, 3]])).shape
    torch.Size([1, 3, 11])
    """

    def __init__(self, config: ModernGPTConfig) -> None:
        super().__init__()
        self.config, c, eps = config, config.d_model, config.norm_eps
        self.embedding = Embedding(config.vocab_size, c)
        self.blocks = nn.ModuleList(
            Block(
                RMSNorm(c, eps),
                GroupedQueryAttention(c, config.n_heads, config.n_kv_heads),
                RMSNorm(c, eps),
                SwiGLU(c, config.d_ff),
            )
            for _ in range(config.n_layers)
        )
        self.norm = RMSNorm(c, eps)
        self.output = None if config.tied else Linear(c, config.vocab_size, bias=False)
        initialise(self)

    def read(
        self,
        tokens: Int[Tensor, "B T"],
        positions: Int[Tensor, "#B T"],
        caches: list[KeysValues | None],
        mask: Bool[Tensor, "B 1 1 S"] | None = None,
    ) -> Float[Tensor, "B T C"]:
        """The normalised output of the last block for tokens at these positions."""
        x = _as_computed(self.embedding(tokens))
        d_head = self.config.d_model // self.config.n_heads
        rotation = rotation_at(positions[:, None], d_head, self.config.rotary_base, x.dtype)  # the same for all heads
        for block, cache in zip(self.blocks, caches, strict=True):
            x = block(x, rotation, cache, mask)
        return self.norm(x)

    def logits(self, x: Float[Tensor, "*B C"]) -> Float[Tensor, "*B V"]:
        """The product with the embedding, or with the output matrix of an untied model."""
        return super().logits(x) if self.output is None else self.output(x)


def build(config: GPTConfig | ModernGPTConfig) -> GPT | ModernGPT:
    """A model with this config and initial weights.

    >>> type(build(preset("modern_tiny", vocab_size=97))).__name__
    'ModernGPT'
    """
    return GPT(config) if isinstance(config, GPTConfig) else ModernGPT(config)


def initialise(model: nn.Module) -> None:
    """Give a model GPT's initial weights. It needs a config and `blocks` with `attention` and `feed_forward`."""
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
    for block in model.blocks:
        for sublayer in (block.attention, block.feed_forward):
            nn.init.normal_(sublayer.output.weight, std=0.02 / math.sqrt(2 * model.config.n_layers))


def _as_computed(x: Tensor) -> Tensor:
    """x in the precision of autocast, if that is on, because every sublayer reads and writes the residual stream."""
    device = x.device.type
    return x.to(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else x


PRESETS: dict[str, GPTConfig | ModernGPTConfig] = {
    "tiny": GPTConfig(vocab_size=256),
    "small": GPTConfig(vocab_size=256, context_length=256, d_model=384, n_layers=6, n_heads=6),
    "gpt2": GPTConfig(vocab_size=50_257, context_length=1024, d_model=768, n_layers=12, n_heads=12),
    "modern_tiny": ModernGPTConfig(vocab_size=256),
    "modern_small": ModernGPTConfig(
        vocab_size=256, context_length=256, d_model=384, n_layers=6, n_heads=6, n_kv_heads=2, d_ff=1024
    ),
    "smollm2": ModernGPTConfig(
        vocab_size=49_152,
        context_length=8192,
        d_model=576,
        n_layers=30,
        n_heads=9,
        n_kv_heads=3,
        d_ff=1536,
        rotary_base=100_000,
    ),
}


def preset(name: str, **changes: Any) -> GPTConfig | ModernGPTConfig:
    """The config of that name, with changes: "gpt2" is Radford et al. (2019), the smallest of their four, "smollm2"
    Allal et al. (2025), of 135 million parameters. The small ones have a vocabulary of bytes.

    Raises ValueError for an unknown name, and TypeError for an unknown field.

    >>> preset("tiny", vocab_size=97)
    GPTConfig(vocab_size=97, context_length=64, d_model=128, n_layers=4, n_heads=4, dropout=0.0)
    """
    require_one_of("the preset", PRESETS, name)
    return replace(PRESETS[name], **changes)
