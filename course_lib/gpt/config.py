"""The sizes of decoder-only models, and sets of them with a name."""

from dataclasses import dataclass, replace
from typing import Any

from course_lib.validation import require, require_divides, require_dropout, require_one_of, require_sizes

__all__ = ["PRESETS", "GPTConfig", "ModernGPTConfig", "preset"]


@dataclass(frozen=True, kw_only=True)
class GPTConfig:
    """The sizes of a GPT. Raises ValueError for one that will not do."""

    vocab_size: int  # different tokens
    context_length: int = 64  # most tokens of a text
    d_model: int = 128  # width of the stream between the blocks; the feed-forward's hidden layer is 4 times as wide
    n_layers: int = 4  # blocks
    n_heads: int = 4
    dropout: float | int = 0.0  # share of numbers zeroed in training: of the embeddings and of each sublayer's output

    def __post_init__(self) -> None:
        require_sizes(self, "vocab_size", "context_length", "d_model", "n_layers", "n_heads")
        require_divides(n_heads=self.n_heads, d_model=self.d_model)
        require_dropout(self.dropout)


@dataclass(frozen=True, kw_only=True)
class ModernGPTConfig:
    """The sizes of a ModernGPT. Raises ValueError for one that will not do."""

    vocab_size: int  # different tokens
    context_length: int = 64  # most tokens of a text
    d_model: int = 128  # width of the stream between the blocks
    n_layers: int = 4  # blocks
    n_heads: int = 4  # of queries
    n_kv_heads: int = 2  # of keys and values; each serves n_heads / n_kv_heads heads of queries
    d_ff: int = 352  # width of the feed-forward's hidden layer; 8/3 d_model has the weights of GPT's 4 d_model
    rotary_base: float | int = 10_000  # the slowest pair turns once in about 2π x base positions
    norm_eps: float = 1e-5  # added to the mean square that RMSNorm divides by
    tied: bool = True  # one matrix embeds and gives the logits

    def __post_init__(self) -> None:
        require_sizes(self, "vocab_size", "context_length", "d_model", "n_layers", "n_heads", "n_kv_heads", "d_ff")
        require_divides(n_heads=self.n_heads, d_model=self.d_model)
        require_divides(n_kv_heads=self.n_kv_heads, n_heads=self.n_heads)
        d_head = self.d_model // self.n_heads
        require(d_head % 2 == 0, "d_model / n_heads must be even, as rotary positions go by pairs", d_head)
        require(self.rotary_base > 1, "rotary_base must be above 1", self.rotary_base)
        require(self.norm_eps > 0, "norm_eps must be above 0", self.norm_eps)


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

    Raises ValueError for a name that there is not, and TypeError for a change of a field that there is not.

    >>> preset("tiny", vocab_size=97)
    GPTConfig(vocab_size=97, context_length=64, d_model=128, n_layers=4, n_heads=4, dropout=0.0)
    """
    require_one_of("the preset", PRESETS, name)
    return replace(PRESETS[name], **changes)
