"""How well a language model predicts: cross-entropy and what is made of it.

Axes: B any axes before the last, V vocabulary.
"""

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike
from torch import Tensor
from torch.nn import functional as F

__all__ = ["bits_per_character", "cross_entropy", "perplexity"]


def cross_entropy(
    logits: Float[Tensor, "*B V"], targets: Int[Tensor, "*B"], ignore_index: int = -100
) -> Float[Tensor, ""]:
    """The mean of -ln p(target) over all targets but those equal to `ignore_index` (padding), in nats a token.

    p is the softmax of the logits. Logarithms of probabilities are logits too: their softmax is the probabilities.
    NaN where every target is ignored, as in PyTorch. Raises ValueError where the shapes do not fit.

    >>> import torch
    >>> cross_entropy(torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]).log(), torch.tensor([1, -100]))
    tensor(1.3863)
    """
    if logits.shape[:-1] != targets.shape:
        raise ValueError(
            f"targets must be of the shape {tuple(logits.shape[:-1])}, the logits' without the last axis, "
            f"but theirs is {tuple(targets.shape)}"
        )
    return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1), ignore_index=ignore_index)


def perplexity(cross_entropy: float | int | Tensor) -> float:
    """exp(cross-entropy in nats a token): among how many tokens, all equally likely, the choice would be as hard.

    Perplexities compare only where the tokens are the same; `bits_per_character` compares across tokenizers.

    >>> round(perplexity(np.log(10)), 6)
    10.0
    """
    with np.errstate(over="ignore"):
        return float(np.exp(float(cross_entropy)))


def bits_per_character(nats: ArrayLike | float | int, characters: ArrayLike | int) -> np.ndarray | np.floating:
    """The nats that a whole text costs, divided by its characters and by ln 2; of pieces of a text, their sums first.

    Whatever the tokens were, the characters are the same: the number compares across tokenizers, as long as the tokens
    make up the whole text. Raises ValueError where there are no characters.

    >>> float(bits_per_character([2 * np.log(2), 4 * np.log(2)], [1, 3]))
    1.5
    """
    total = np.sum(characters, axis=-1)
    if np.any(total <= 0):
        raise ValueError(f"bits per character needs at least one character, but there are {np.min(total)}")
    return np.sum(nats, axis=-1) / total / np.log(2)
