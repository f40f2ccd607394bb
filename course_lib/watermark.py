"""A watermark in generated text: after each token, a different half of the vocabulary becomes more likely.

Axes: B batch, T position, V vocabulary.
"""

import hashlib
import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor, nn

from course_lib.generation import Decoder
from course_lib.shapes import require_tensor
from course_lib.validation import Ids, ids_of, require, require_integer, require_number

__all__ = ["Watermark", "Watermarked"]


@dataclass(frozen=True, kw_only=True)
class Watermark:
    """The soft watermark of Kirchenbauer et al. (2023, algorithm 2), and its detector.

    The previous token and the key seed a random choice of a share of the vocabulary, the green tokens, and the logits
    of these are raised by `strength`. Anyone who has the key can count the green tokens of a text without the model.
    Raises ValueError for a value out of range.
    """

    vocab_size: int  # different tokens
    key: int = 0  # secret
    share: float = 0.5  # of the vocabulary that is green
    strength: float | int = 2.0  # added to the logits of green tokens

    def __post_init__(self) -> None:
        require_integer("vocab_size", self.vocab_size, at_least=2)
        require_integer("key", self.key, at_least=0)
        require_number("share", self.share, above=0, below=1)
        require_number("strength", self.strength, at_least=0, below=math.inf)

    def green(self, previous: int) -> Bool[Tensor, " V"]:
        """Which tokens are green after this one."""
        require_integer("previous", previous, at_least=0, at_most=self.vocab_size - 1)
        digest = hashlib.sha256(f"{self.key} {previous}".encode()).digest()
        generator = Generator().manual_seed(int.from_bytes(digest[:4], "big"))
        chosen = torch.randperm(self.vocab_size, generator=generator)[: round(self.share * self.vocab_size)]
        return torch.zeros(self.vocab_size, dtype=torch.bool).index_fill(0, chosen, True)

    def z_score(self, tokens: Ids) -> float:
        """How many standard deviations the number of green tokens is above its mean without a watermark: equation 3.

        In texts without a watermark it is about standard normal, so 1% of them exceed 2.33. We count each pair of
        tokens once, because its repetitions are always the same colour. Raises ValueError for fewer than two tokens.
        """
        ids = ids_of("tokens", tokens, self.vocab_size).tolist()
        require(len(ids) >= 2, "a text must have at least 2 tokens", len(ids))
        pairs = set(pairwise(ids))
        greens = sum(self.green(previous)[token].item() for previous, token in pairs)
        share = round(self.share * self.vocab_size) / self.vocab_size
        return (greens - share * len(pairs)) / math.sqrt(len(pairs) * share * (1 - share))


class Watermarked(nn.Module):
    """A model whose text has a watermark, for `generate` and all else that takes a Decoder.

    The log probabilities of an Answer are then those with the watermark.

    >>> class Even:  # all tokens are equally likely
    ...     def start(self, source, lengths): return None
    ...     def step(self, tokens, state): return torch.zeros(len(tokens), 6), None
    >>> logits, _ = Watermarked(Even(), Watermark(vocab_size=6)).step(torch.tensor([3]), None)
    >>> logits
    tensor([[0., 2., 0., 2., 2., 0.]])
    """

    def __init__(self, model: Decoder, watermark: Watermark) -> None:
        super().__init__()
        require(isinstance(model, Decoder), "model must have start and step (see Decoder)", type(model).__name__)
        require(isinstance(watermark, Watermark), "the watermark must be a Watermark", watermark)
        self.model, self.watermark, self.config = model, watermark, getattr(model, "config", None)
        for name in ("reorder", "room"):
            if hasattr(model, name):
                setattr(self, name, getattr(model, name))

    def start(self, source: Int[Tensor, "B T"], lengths: Int[Tensor, " B"]) -> Any:
        """The model's state after the prompts."""
        return self.model.start(source, lengths)

    def step(self, tokens: Int[Tensor, " B"], state: Any) -> tuple[Float[Tensor, "B V"], Any]:
        """The logits after one more token per row, those of green tokens raised, and the new state."""
        logits, state = self.model.step(tokens, state)
        require_tensor("the logits", logits, len(tokens), self.watermark.vocab_size)
        green = torch.stack([self.watermark.green(token) for token in tokens.tolist()]).to(logits.device)
        return logits + self.watermark.strength * green, state
