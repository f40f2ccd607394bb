"""GPT as of 2019, and what became of it: two small classes over shared parts.

Axes: B batch, T position, C d_model, V vocabulary.
"""

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.attention.grouped import GroupedQueryAttention, turns_at
from course_lib.gpt.config import GPTConfig, ModernGPTConfig
from course_lib.gpt.decoding import DecoderOnly, Past
from course_lib.linear import Linear

__all__ = ["GPT", "Block", "FeedForward", "ModernGPT", "SwiGLU", "build", "initialise"]


class FeedForward(nn.Module):
    """W_2 gelu(W_1 x + b_1) + b_2 at each position by itself; GELU in its tanh form (Hendrycks and Gimpel, 2016)."""

    def __init__(self, d_model: int, d_ff: int) -> None:
        super().__init__()
        self.hidden, self.output = Linear(d_model, d_ff), Linear(d_ff, d_model)

    def forward(self, x: Float[Tensor, "B T C"]) -> Float[Tensor, "B T C"]:
        return self.output(F.gelu(self.hidden(x), approximate="tanh"))


class SwiGLU(nn.Module):
    """W_2 (silu(W_1 x) * W_3 x): Shazeer (2020), equation 6. W_1 and W_3 lie in one matrix, W_1 first."""

    def __init__(self, d_model: int, d_ff: int) -> None:
        super().__init__()
        self.hidden = Linear(d_model, 2 * d_ff, bias=False)
        self.output = Linear(d_ff, d_model, bias=False)

    def forward(self, x: Float[Tensor, "B T C"]) -> Float[Tensor, "B T C"]:
        gate, value = self.hidden(x).chunk(2, dim=-1)
        return self.output(F.silu(gate) * value)


class RMSNorm(nn.RMSNorm):
    """PyTorch's, with its weights in the precision of x: for two precisions it has no fused kernel."""

    def forward(self, x: Float[Tensor, "*B C"]) -> Float[Tensor, "*B C"]:
        return F.rms_norm(x, self.normalized_shape, self.weight.to(x.dtype), self.eps)


class Block(nn.Module):
    """x + attention(norm(x)), then x + feed_forward(norm(x))."""

    def __init__(
        self,
        norms: list[nn.Module],
        attention: GroupedQueryAttention,
        feed_forward: nn.Module,
        dropout: float | int = 0.0,
    ) -> None:
        super().__init__()
        self.norm1, self.norm2 = norms
        self.attention, self.feed_forward, self.dropout = attention, feed_forward, nn.Dropout(dropout)

    def forward(self, x: Float[Tensor, "B T C"], *context: object) -> Float[Tensor, "B T C"]:
        x = x + self.dropout(self.attention(self.norm1(x), *context))
        return x + self.dropout(self.feed_forward(self.norm2(x)))


class GPT(DecoderOnly):
    """Radford et al. (2019, GPT-2): learned positions, LayerNorm before each sublayer, GELU, biases, one matrix to
    embed and to give the logits.

    Initialisation (section 2.3 and the code): weights normal with standard deviation 0.02, those that write to the
    stream divided by √(2 n_layers), as so many add up there; biases 0.

    >>> import torch
    >>> GPT(GPTConfig(vocab_size=11))(torch.tensor([[1, 2, 3]])).shape
    torch.Size([1, 3, 11])
    """

    def __init__(self, config: GPTConfig) -> None:
        super().__init__(config)
        c = config.d_model
        self.embedding, self.positions = nn.Embedding(config.vocab_size, c), nn.Embedding(config.context_length, c)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(
            Block(
                [nn.LayerNorm(c), nn.LayerNorm(c)],
                GroupedQueryAttention(c, config.n_heads, config.n_heads, bias=True),
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
        places: Int[Tensor, "#B T"],
        past: Past,
        mask: Bool[Tensor, "B 1 1 S"] | None = None,
    ) -> Float[Tensor, "B T C"]:
        """What the last block makes of tokens at these positions, normalised."""
        x = as_computed(self.dropout(self.embedding(tokens) + self.positions(places)))
        for block, keys_values in zip(self.blocks, past, strict=True):
            x = block(x, None, keys_values, mask)
        return self.norm(x)


class ModernGPT(DecoderOnly):
    """What GPT had become by 2023, as in Llama (Touvron et al., 2023) and SmolLM2: RMSNorm (Zhang and Sennrich, 2019),
    rotary positions, SwiGLU, grouped queries, no biases. Initialisation as GPT's.

    >>> import torch
    >>> ModernGPT(ModernGPTConfig(vocab_size=11))(torch.tensor([[1, 2, 3]])).shape
    torch.Size([1, 3, 11])
    """

    def __init__(self, config: ModernGPTConfig) -> None:
        super().__init__(config)
        c, eps = config.d_model, config.norm_eps
        self.embedding = nn.Embedding(config.vocab_size, c)
        self.blocks = nn.ModuleList(
            Block(
                [RMSNorm(c, eps), RMSNorm(c, eps)],
                GroupedQueryAttention(c, config.n_heads, config.n_kv_heads),
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
        places: Int[Tensor, "#B T"],
        past: Past,
        mask: Bool[Tensor, "B 1 1 S"] | None = None,
    ) -> Float[Tensor, "B T C"]:
        """What the last block makes of tokens at these positions, normalised."""
        x = as_computed(self.embedding(tokens))
        by = turns_at(places[:, None], self.blocks[0].attention.d_head, self.config.rotary_base, x.dtype)
        for block, keys_values in zip(self.blocks, past, strict=True):
            x = block(x, by, keys_values, mask)
        return self.norm(x)

    def logits(self, x: Float[Tensor, "*B C"]) -> Float[Tensor, "*B V"]:
        """How well what was read fits each token's vector, or its row of a matrix of its own."""
        return super().logits(x) if self.output is None else self.output(x)


def build(config: GPTConfig | ModernGPTConfig) -> GPT | ModernGPT:
    """The model that a config describes, with first weights.

    >>> from course_lib.gpt import preset
    >>> type(build(preset("modern_tiny", vocab_size=97))).__name__
    'ModernGPT'
    """
    return GPT(config) if isinstance(config, GPTConfig) else ModernGPT(config)


def as_computed(x: Tensor) -> Tensor:
    """x in the precision of autocast, where that is on: the stream is read and written by every sublayer."""
    device = x.device.type
    return x.to(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else x


def initialise(model: nn.Module) -> None:
    """GPT's first weights: see there. The model has `blocks` of attention and feed_forward, and a config."""
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
    for block in model.blocks:
        for sublayer in (block.attention, block.feed_forward):
            nn.init.normal_(sublayer.output.weight, std=0.02 / math.sqrt(2 * model.config.n_layers))
