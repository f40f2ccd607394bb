"""The loss of a language model in nats per token: of a training batch, and of held-out text.

Axes: N windows or contexts, T position, V vocabulary, L tokens of a long text, P of them predicted (L - 1).
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.runtime import evaluating
from course_lib.validation import require

__all__ = ["next_token_loss", "text_losses", "token_losses"]


def next_token_loss(model: nn.Module, batch: tuple[Int[Tensor, "N T"], Int[Tensor, "..."]]) -> Float[Tensor, ""]:
    """The mean of -ln p(target) over a batch of inputs and targets, in nats per token: what training minimises.

    The model may predict a token after each position, (N, T, V), or one after each context, (N, V).

    >>> class CountUp(nn.Module):  # after 2 comes 3, with a probability of 3/4
    ...     def forward(self, tokens): return torch.eye(4)[(tokens + 1) % 4].mul(9.0).clamp(min=1).log()
    >>> next_token_loss(CountUp(), (torch.tensor([[0, 1]]), torch.tensor([[1, 2]])))
    tensor(0.2877)
    """
    inputs, targets = batch
    return F.cross_entropy(*_flat(model(inputs), targets))


def token_losses(
    model: nn.Module, inputs: Int[Tensor, "N T"], targets: Int[Tensor, "..."], batch_size: int = 64
) -> Float[Tensor, "..."]:
    """-ln p of each target, in nats, in evaluation mode and in batches of `batch_size` rows."""
    each = []
    with evaluating(model), torch.no_grad():
        for some, wanted in zip(inputs.split(batch_size), targets.split(batch_size), strict=True):
            each.append(F.cross_entropy(*_flat(model(some), wanted), reduction="none").view(wanted.shape))
    return torch.cat(each)


def text_losses(model: nn.Module, tokens: Int[Tensor, " L"], batch_size: int = 64) -> Float[Tensor, " P"]:
    """-ln p of every token of a long text except the first, in nats, each given at least half a window of context.

    Windows of the model's context_length overlap by half: a window's first half serves only as context, except in the
    first window, where less context exists. Raises ValueError for fewer than two tokens.
    """
    require(len(tokens) >= 2, "a text to predict must have at least 2 tokens", len(tokens))
    predicted = len(tokens) - 1
    length = min(model.config.context_length, predicted)
    starts = [*range(0, predicted - length, max(length // 2, 1)), predicted - length]
    windows = tokens.unfold(0, length + 1, 1)[starts]
    losses = token_losses(model, windows[:, :-1], windows[:, 1:], batch_size)
    done, each = 0, []
    for start, row in zip(starts, losses, strict=True):
        each.append(row[done - start :])
        done = start + length
    return torch.cat(each)


def _flat(logits: Tensor, targets: Tensor) -> tuple[Float[Tensor, "P V"], Int[Tensor, " P"]]:
    require(
        logits.shape[:-1] == targets.shape, f"targets must have the shape {tuple(logits.shape[:-1])}", targets.shape
    )
    return logits.flatten(0, -2), targets.flatten()
