"""How well a language model predicts: cross-entropy and what is made of it.

Axes: B any axes before the last, V vocabulary.
"""

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import ArrayLike
from torch import Tensor
from torch.nn import functional as F

from course_lib.validation import require, require_finite

__all__ = ["bits_per_character", "cross_entropy", "perplexity"]


def cross_entropy(
    logits: Float[Tensor, "*B V"], targets: Int[Tensor, "*B"], ignore_index: int = -100
) -> Float[Tensor, ""]:
    """The mean of -ln p(target) over all targets but those equal to `ignore_index` (padding), in nats a token.

    p is the softmax of the logits. Logarithms of probabilities are logits too: their softmax is the probabilities.
    NaN where every target is ignored, as in PyTorch. Raises ValueError where the shapes do not fit, and for a target
    outside 0 ... V - 1 (on a GPU PyTorch's own error comes: a check would have to wait for it).

    >>> cross_entropy(torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]).log(), torch.tensor([1, -100]))
    tensor(1.3863)
    """
    floating = isinstance(logits, Tensor) and logits.is_floating_point() and logits.ndim
    require(floating, "logits must be a tensor of floating-point numbers", logits)
    integers = isinstance(targets, Tensor) and not targets.is_floating_point() and targets.dtype != torch.bool
    require(integers, "targets must be a tensor of integers (ids)", targets)
    if logits.shape[:-1] != targets.shape:
        raise ValueError(
            f"targets must be of the shape {tuple(logits.shape[:-1])}, the logits' without the last axis, "
            f"but theirs is {tuple(targets.shape)}"
        )
    require(targets.numel(), "targets must hold at least one id", targets)
    logits, targets = logits.reshape(-1, logits.shape[-1]), targets.reshape(-1).long()
    try:
        return F.cross_entropy(logits, targets, ignore_index=ignore_index)
    except IndexError as error:
        most = logits.shape[1] - 1
        raise ValueError(f"targets must be ids from 0 to {most}, or {ignore_index} to be ignored: {error}") from None


def perplexity(cross_entropy: float | int | Tensor) -> float:
    """exp(cross-entropy in nats a token): among how many tokens, all equally likely, the choice would be as hard.

    Perplexities compare only where the tokens are the same; `bits_per_character` compares across tokenizers. Raises
    ValueError for anything but one number of at least 0 (the mean of ln p itself is below: its sign is missing).

    >>> round(perplexity(np.log(10)), 6)
    10.0
    """
    nats = require_finite("cross_entropy", cross_entropy, or_infinite=True)
    require(nats.size == 1, "cross_entropy must be one number, a mean over tokens", cross_entropy)
    rounding = 1e-6  # a probability of 1 may come out a little above
    require(nats.item() >= -rounding, "cross_entropy must be at least 0, the mean of -ln p", nats.item())
    with np.errstate(over="ignore"):
        return float(np.exp(nats.item()))


def bits_per_character(
    nats: ArrayLike | Tensor | float | int, characters: ArrayLike | Tensor | int
) -> np.ndarray | np.floating:
    """The nats that a whole text costs, divided by its characters and by ln 2; of pieces of a text, their sums first.

    Whatever the tokens were, the characters are the same: the number compares across tokenizers, as long as the tokens
    make up the whole text. Raises ValueError where there are no characters, and for NaN.

    >>> float(bits_per_character([2 * np.log(2), 4 * np.log(2)], [1, 3]))
    1.5
    """
    nats = require_finite("nats", nats, or_infinite=True)
    characters = require_finite("characters", characters)
    require((characters >= 0).all(), "characters must be at least 0", characters.min(initial=0).item())
    total = np.sum(characters, axis=-1)
    if np.any(total <= 0):
        raise ValueError(f"bits per character needs at least one character, but there are {np.min(total)}")
    fit = nats.shape[:-1] == total.shape or not total.ndim
    require(fit, f"nats must have pieces on their last axis for the {total.shape} texts of characters", nats.shape)
    return np.sum(nats, axis=-1) / total / np.log(2)
