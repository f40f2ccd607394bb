"""Decoder-only Transformers: GPT (2019) and its successor ModernGPT (2023), two small classes with shared parts.

Both compute the logits of all positions at once (`forward`), or of the next tokens alone with a cache (`start`, then
`step` for one token, `extend` for several, `truncate` to take some back, `join` for several texts as one batch).

Axes: B batch, T position, N position among new tokens, L blocks, G heads of keys and values, D per-head width,
C d_model, V vocabulary.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.attention import cache as caches
from course_lib.attention.cache import Cache, State, counts_of
from course_lib.attention.grouped import GroupedQueryAttention
from course_lib.linear import Embedding, Linear, linear
from course_lib.positions import Rotation, rotation_at
from course_lib.shapes import require_tensor
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
        require_number("rotary_base", self.rotary_base, above=1, below=math.inf)
        require_number("norm_eps", self.norm_eps, above=0, below=math.inf)
        require(isinstance(self.tied, bool), "tied must be True or False", self.tied)


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
        cache: Cache | None = None,
    ) -> Float[Tensor, "B T C"]:
        x = x + self.dropout(self.attention(self.norm1(x), rotation, cache))
        return x + self.dropout(self.feed_forward(self.norm2(x)))


class DecoderOnly(nn.Module):
    """A language model that reads from left to right. A subclass implements `read`.

    Raises ValueError for a text of more than context_length tokens, whether it is read at once or step by step.
    """

    def read(
        self, tokens: Int[Tensor, "B T"], positions: Int[Tensor, "#B T"], caches: Sequence[Cache | None]
    ) -> Float[Tensor, "B T C"]:
        """The normalised output of the last block for tokens at these positions; one cache (or None) per block."""
        raise NotImplementedError

    def logits(self, x: Float[Tensor, "*B C"]) -> Float[Tensor, "*B V"]:
        """The product of each output with each token's embedding: one matrix embeds and computes the logits."""
        return linear(x, self.embedding.weight)

    def forward(self, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "B T V"]:
        """The logits of the token after each position, given the tokens up to it."""
        require_tensor("tokens", tokens, "batch", "time", integers=True)
        _require_fits(tokens.shape[1], self.config)
        positions = torch.arange(tokens.shape[1], device=tokens.device)[None]
        return self.logits(self.read(tokens, positions, [None] * self.config.n_layers))

    @torch.no_grad()
    def start(self, source: Int[Tensor, "B T"], lengths: Int[Tensor, " B"] | Sequence[int]) -> State:
        """The state after the first `lengths` tokens of each row; the rest is padding. A row may be empty."""
        require_tensor("source", source, "batch", "time", integers=True)
        lengths = counts_of(lengths, [source.shape[1]] * len(source))
        longest, attention = max(lengths, default=0), self.blocks[0].attention
        sizes = (self.config.n_layers, len(source), attention.n_kv_heads, attention.d_head)
        state = State.empty(self.embedding.weight, *sizes, length=longest + 1)
        return _read_on(self, source[:, :longest], state, lengths)[1]

    @torch.no_grad()
    def step(self, tokens: Int[Tensor, " B"], state: State) -> tuple[Float[Tensor, "B V"], State]:
        """Read one more token a row: the logits of what follows it, and the new state."""
        require_tensor("tokens", tokens, "batch", integers=True)
        logits, state = self.extend(tokens[:, None], state)
        return logits[:, 0], state

    @torch.no_grad()
    def extend(
        self, tokens: Int[Tensor, "B N"], state: State, lengths: Int[Tensor, " B"] | Sequence[int] | None = None
    ) -> tuple[Float[Tensor, "B N V"], State]:
        """Read several more tokens a row, or the first `lengths` of them: the logits after each, and the new state.

        At what follows these, padding, the logits mean nothing.
        """
        require_tensor("tokens", tokens, "batch", "time", integers=True)
        all_new = [tokens.shape[1]] * len(tokens)
        x, state = _read_on(self, tokens, state, all_new if lengths is None else counts_of(lengths, all_new))
        return self.logits(x), state

    def truncate(self, state: State, lengths: Int[Tensor, " B"] | Sequence[int]) -> State:
        """The state after only the first `lengths` tokens of each row, to go on from in place of the one given."""
        return state.truncate(lengths)

    @torch.no_grad()
    def reorder(self, state: State, rows: Int[Tensor, " N"]) -> State:
        """A copy of the state with these rows, in this order; a row may occur more than once."""
        return state.reorder(rows)

    @torch.no_grad()
    def join(self, states: Sequence[State]) -> State:
        """A copy of several states as one, whose rows are then stepped together."""
        return caches.join(states)

    def room(self, length: int) -> int:
        """How many more tokens a text of this length may have; below 0 if it is too long itself."""
        return self.config.context_length - length


def _read_on(
    model: DecoderOnly, tokens: Tensor, state: State, counts: list[int]
) -> tuple[Float[Tensor, "B N C"], State]:
    """The outputs at new tokens, of which the first `counts` of each row are read, and the state after these."""
    require(len(tokens) == len(state.lengths), f"tokens must have {len(state.lengths)} rows, as the state", tokens)
    after = [length + count for length, count in zip(state.lengths, counts, strict=True)]
    _require_fits(max(after, default=0), model.config)
    end = max(state.lengths, default=0) + tokens.shape[1]
    state = state.writable(end)
    positions, caches = state.layers(tokens.shape[1])
    if end > model.config.context_length:  # only padding stands there
        positions = positions.clamp(max=model.config.context_length - 1)
    return model.read(tokens, positions, caches), state.read(after)


def _require_fits(length: int, config: "GPTConfig | ModernGPTConfig") -> None:
    if length > config.context_length:
        raise ValueError(f"a text may have {config.context_length} tokens (context_length), but this one has {length}")


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
        require(isinstance(config, GPTConfig), "config must be a GPTConfig", config)
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
        self, tokens: Int[Tensor, "B T"], positions: Int[Tensor, "#B T"], caches: Sequence[Cache | None]
    ) -> Float[Tensor, "B T C"]:
        """The normalised output of the last block for tokens at these positions."""
        x = _as_computed(self.dropout(self.embedding(tokens) + self.positions(positions)))
        for block, cache in zip(self.blocks, caches, strict=True):
            x = block(x, None, cache)
        return self.norm(x)


class ModernGPT(DecoderOnly):
    """The design of 2023, as in Llama (Touvron et al., 2023) and SmolLM2: RMSNorm (Zhang and Sennrich, 2019), rotary
    positions, SwiGLU, grouped queries, no biases. Initialised like GPT.

    >>> ModernGPT(ModernGPTConfig(vocab_size=11))(torch.tensor([[1, 2, 3]])).shape
    torch.Size([1, 3, 11])
    """

    def __init__(self, config: ModernGPTConfig) -> None:
        super().__init__()
        require(isinstance(config, ModernGPTConfig), "config must be a ModernGPTConfig", config)
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
        self, tokens: Int[Tensor, "B T"], positions: Int[Tensor, "#B T"], caches: Sequence[Cache | None]
    ) -> Float[Tensor, "B T C"]:
        """The normalised output of the last block for tokens at these positions."""
        x = _as_computed(self.embedding(tokens))
        d_head = self.config.d_model // self.config.n_heads
        rotation = rotation_at(positions[:, None], d_head, self.config.rotary_base, x.dtype)  # the same for all heads
        for block, cache in zip(self.blocks, caches, strict=True):
            x = block(x, rotation, cache)
        return self.norm(x)

    def logits(self, x: Float[Tensor, "*B C"]) -> Float[Tensor, "*B V"]:
        """The product with the embedding, or with the output matrix of an untied model."""
        return super().logits(x) if self.output is None else self.output(x)


def build(config: GPTConfig | ModernGPTConfig) -> GPT | ModernGPT:
    """A model with this config and initial weights.

    >>> type(build(preset("modern_tiny", vocab_size=97))).__name__
    'ModernGPT'
    """
    require(isinstance(config, GPTConfig | ModernGPTConfig), "config must be a GPTConfig or a ModernGPTConfig", config)
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

    Raises ValueError for an unknown name or field.

    >>> preset("tiny", vocab_size=97)
    GPTConfig(vocab_size=97, context_length=64, d_model=128, n_layers=4, n_heads=4, dropout=0.0)
    """
    require_one_of("the preset", PRESETS, name)
    for field in changes:
        require_one_of(f"a field of {name}", [one.name for one in fields(PRESETS[name])], field)
    return replace(PRESETS[name], **changes)
