"""A GPT of parts that can be exchanged one by one, for the race to a low loss within a budget of time.

Axes: B batch, T position, H heads, G heads of keys and values, S position of a key, D per-head width, C d_model,
V vocabulary.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.attention import GroupedQueryAttention
from course_lib.gpt import Block, FeedForward, initialise
from course_lib.linear import Embedding
from course_lib.positions import Rotation, rotation_at
from course_lib.shapes import require_tensor
from course_lib.validation import require, require_integer, require_sizes

__all__ = [
    "GPTOfParts",
    "NgramEmbedding",
    "NormedAttention",
    "Parts",
    "PositionEmbedding",
    "SquaredReLU",
    "TokenEmbedding",
    "no_rotation",
    "rotary",
    "silent_outputs",
]


def _require_tokens(tokens: Tensor, context_length: int) -> None:
    require_tensor("tokens", tokens, "batch", "time", integers=True)
    length = tokens.shape[1]
    require(length <= context_length, f"a text may have {context_length} tokens (context_length)", length)


class PositionEmbedding(nn.Module):
    """A vector for the token and one for its position, added: GPT's."""

    def __init__(self, vocab_size: int, context_length: int, d_model: int) -> None:
        super().__init__()
        self.token, self.position = Embedding(vocab_size, d_model), nn.Embedding(context_length, d_model)

    def forward(self, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "B T C"]:
        _require_tokens(tokens, len(self.position.weight))
        return self.token(tokens) + self.position.weight[: tokens.shape[1]]


class TokenEmbedding(nn.Module):
    """A vector for the token alone: its position is told elsewhere, or not at all."""

    def __init__(self, vocab_size: int, context_length: int, d_model: int) -> None:
        super().__init__()
        self.token = Embedding(vocab_size, d_model)

    def forward(self, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "B T C"]:
        return self.token(tokens)


class NgramEmbedding(TokenEmbedding):
    """A vector for the token, and one for each n-gram of 2, 3 and 4 tokens that ends with it, added.

    For each n there are 4,096 vectors, zeros at first; a hash decides which of them an n-gram has, and some share one:
    fastText's way with the n-grams of a word (Bojanowski et al., 2017, section 3.2), before a language model on bytes
    in Pagnoni et al. (2024, section 3.2.1), and a record of modded-nanogpt (2026, pull request 201). Before the first
    token stand tokens of id 0.

    >>> embedding = NgramEmbedding(vocab_size=11, context_length=8, d_model=6)
    >>> embedding(torch.tensor([[1, 2, 3]])).shape
    torch.Size([1, 3, 6])
    """

    LENGTHS, ROWS = (2, 3, 4), 4096

    def __init__(self, vocab_size: int, context_length: int, d_model: int) -> None:
        super().__init__(vocab_size, context_length, d_model)
        self.table = nn.Parameter(torch.zeros(len(self.LENGTHS) * self.ROWS, d_model))

    def forward(self, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "B T C"]:
        return super().forward(tokens) + F.embedding(self.rows(tokens), self.table).sum(dim=0)

    def rows(self, tokens: Int[Tensor, "B T"]) -> Int[Tensor, "N B T"]:
        """The rows of the table that belong to the n-grams ending at each token, one for each n."""
        require_tensor("tokens", tokens, "batch", "time", integers=True)
        tokens, found = tokens.long(), []  # the product needs 64 bits
        code = tokens
        for number, length in enumerate(self.LENGTHS):
            code = (code * 31_337 + F.pad(tokens, (length - 1, 0))[:, : tokens.shape[1]] + 1) % 2_147_483_647
            found.append(code % self.ROWS + number * self.ROWS)
        return torch.stack(found)


class NormedAttention(GroupedQueryAttention):
    """Attention whose queries and keys are normalised (QK norm), which bounds the scores.

    RMSNorm without a gain in each head: Henry et al. (2020), and Dehghani et al. (2023) at scale. A rotation does not
    change norms, so the normalisation may follow it.
    """

    def attend(
        self,
        q: Float[Tensor, "B H T D"],
        k: Float[Tensor, "B G S D"],
        v: Float[Tensor, "B G S D"],
        mask: Bool[Tensor, "#B 1 T S"] | None,
    ) -> Float[Tensor, "B H T D"]:
        """GroupedQueryAttention's, with normalised queries and keys."""
        return super().attend(F.rms_norm(q, q.shape[-1:]), F.rms_norm(k, k.shape[-1:]), v, mask)


class SquaredReLU(nn.Module):
    """W_2 max(0, W_1 x)²: So et al. (2021, Primer), section 3."""

    def __init__(self, d_model: int, d_ff: int) -> None:
        super().__init__()
        self.hidden, self.output = nn.Linear(d_model, d_ff), nn.Linear(d_ff, d_model)

    def forward(self, x: Float[Tensor, "B T C"]) -> Float[Tensor, "B T C"]:
        return self.output(F.relu(self.hidden(x)).square())


def no_rotation(length: int, d_head: int) -> None:
    """No rotary positions."""


def rotary(length: int, d_head: int) -> Rotation:
    """Rotary positions (Su et al., 2021): the rotation of the first `length` positions."""
    require_integer("length", length, at_least=1)
    return rotation_at(torch.arange(length), d_head)


def silent_outputs(model: nn.Module) -> None:
    """GPT's first weights, but each sublayer begins by adding nothing: its output matrix is 0.

    Zhang, Dauphin and Ma (2019, Fixup), section 3, have it for residual networks.
    """
    require(hasattr(model, "blocks"), "the model must have blocks", type(model).__name__)
    initialise(model)
    for block in model.blocks:
        for sublayer in (block.attention, block.feed_forward):
            nn.init.zeros_(sublayer.output.weight)


def attention(d_model: int) -> GroupedQueryAttention:
    """Four heads, with biases: GPT's."""
    return GroupedQueryAttention(d_model, 4, 4, bias=True)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a model is put together from: sizes, and functions that make its parts. As it stands, a small GPT.

    Raises ValueError for a size below 1, and for a part that is no function.
    """

    n_layers: int = 4
    d_model: int = 128
    context_length: int = 64
    embedding: Callable[[int, int, int], nn.Module] = PositionEmbedding  # of vocab_size, context_length, d_model
    rotation: Callable[[int, int], Rotation | None] = no_rotation  # of context_length, d_head
    norm: Callable[[int], nn.Module] = nn.LayerNorm  # of d_model
    attention: Callable[[int], GroupedQueryAttention] = attention  # of d_model
    feed_forward: Callable[[int], nn.Module] = lambda d_model: FeedForward(d_model, 4 * d_model)
    tied: bool = True  # one matrix embeds and gives the logits
    first_weights: Callable[[nn.Module], None] = initialise

    def __post_init__(self) -> None:
        require_sizes(self, "n_layers", "d_model", "context_length")
        for name in ("embedding", "rotation", "norm", "attention", "feed_forward", "first_weights"):
            part = getattr(self, name)
            makes = callable(part) and not isinstance(part, nn.Module)
            require(makes, f"{name} must be a function that makes the part, or a class", type(part).__name__)
        require(isinstance(self.tied, bool), "tied must be True or False", self.tied)


class GPTOfParts(nn.Module):
    """A decoder-only model of the parts given.

    >>> GPTOfParts(Parts(), vocab_size=11)(torch.tensor([[1, 2, 3]])).shape
    torch.Size([1, 3, 11])
    """

    def __init__(self, parts: Parts, vocab_size: int) -> None:
        super().__init__()
        require(isinstance(parts, Parts), "parts must be Parts", parts)
        require_integer("vocab_size", vocab_size, at_least=1)
        d_model = parts.d_model
        self.config = parts
        self.embedding = parts.embedding(vocab_size, parts.context_length, d_model)
        self.blocks = nn.ModuleList(
            Block(parts.norm(d_model), parts.attention(d_model), parts.norm(d_model), parts.feed_forward(d_model))
            for _ in range(parts.n_layers)
        )
        self.norm = parts.norm(d_model)
        self.output = nn.Linear(d_model, vocab_size, bias=False)
        if parts.tied:
            self.output.weight = self.embedding.token.weight
        self.rotation = parts.rotation(parts.context_length, self.blocks[0].attention.d_head)
        parts.first_weights(self)

    def forward(self, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "B T V"]:
        """The logits of what follows each token, given it and those before it."""
        _require_tokens(tokens, self.config.context_length)
        x, rotation = self.embedding(tokens), self.rotation
        if rotation is not None:
            cos, sin = rotation
            rotation = cos[: tokens.shape[1]], sin[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x, rotation)
        return self.output(self.norm(x))
