"""The first neural language model: one vector a token, one hidden layer, one logit for every token that may follow.

Axes: B any axes before the last, T the tokens of a context, V vocabulary.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from course_lib.linear import Embedding
from course_lib.shapes import require_tensor
from course_lib.validation import require, require_sizes

__all__ = ["MLPConfig", "MLPLanguageModel"]


@dataclass(frozen=True, kw_only=True)
class MLPConfig:
    """The sizes of an MLPLanguageModel. Raises ValueError for anything but integers of at least 1."""

    vocab_size: int  # different tokens
    context_length: int = 8  # tokens that the model sees
    d_embed: int = 16  # numbers in a token's vector
    d_hidden: int = 256  # hidden units

    def __post_init__(self) -> None:
        require_sizes(self, "vocab_size", "context_length", "d_embed", "d_hidden")


class MLPLanguageModel(nn.Module):
    """The next token from the context_length tokens before it: logits = U tanh(H x + d) + b.

    x holds the vectors of the context's tokens, end to end; every position has its own columns of H. Bengio, Ducharme,
    Vincent and Jauvin (2003), section 2, without the direct connections from x to the logits; initial weights as
    PyTorch's layers have them.

    >>> model = MLPLanguageModel(MLPConfig(vocab_size=7, context_length=3, d_embed=2, d_hidden=5))
    >>> model(torch.tensor([[1, 2, 3], [6, 0, 0]])).shape
    torch.Size([2, 7])
    """

    def __init__(self, config: MLPConfig) -> None:
        super().__init__()
        require(isinstance(config, MLPConfig), "config must be an MLPConfig", config)
        self.config = config
        self.embed = Embedding(config.vocab_size, config.d_embed)
        self.hidden = nn.Linear(config.context_length * config.d_embed, config.d_hidden)
        self.output = nn.Linear(config.d_hidden, config.vocab_size)

    def forward(self, context: Int[Tensor, "*B T"]) -> Float[Tensor, "*B V"]:
        """The logits of what follows each context. Raises ValueError for contexts of another length."""
        require_tensor("contexts", context, "...", self.config.context_length, integers=True)
        x = self.embed(context).flatten(-2)  # (B, T * d_embed)
        return self.output(torch.tanh(self.hidden(x)))
