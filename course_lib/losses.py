"""The loss of a language model in nats per token: of a training batch, and of held-out text; and what a loss averages.

Axes: N windows or contexts, T position, V vocabulary, L tokens of a long text, P of them predicted (L - 1).
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.runtime import evaluating
from course_lib.validation import Ids, ids_of, require, require_integer, rows_of_ids

__all__ = ["mean_over", "next_token_loss", "text_losses", "token_losses"]

IGNORED = -100  # PyTorch's target where there is nothing to predict
Rows = Sequence[Sequence[int]] | Int[np.ndarray, "N T"] | Int[Tensor, "N T"]
Targets = Sequence[Any] | Int[np.ndarray, "..."] | Int[Tensor, "..."]
Loss = TypeVar("Loss", bound=Callable[..., Tensor])


def mean_over(count: Callable[[Any], Tensor | int]) -> Callable[[Loss], Loss]:
    """A decorator that says of how many values in a batch a loss is the mean: as `count(batch)`.

    Where `train` computes a batch in parts (Execution's `accumulate`, several processes), it weights each part's loss
    by its count, so that it does not matter how much padding a part has. A loss without a count must be a mean over
    rows. Raises ValueError for a count that is no function.

    >>> @mean_over(lambda batch: (batch[1] != 0).sum())  # 0 is padding
    ... def loss(model, batch):
    ...     return F.cross_entropy(model(batch[0]).flatten(0, 1), batch[1].flatten(), ignore_index=0)
    >>> loss.count((torch.tensor([[3, 4]]), torch.tensor([[4, 0]])))
    tensor(1)
    """
    require(callable(count), "count must be a function of a batch", count)

    def counted(loss: Loss) -> Loss:
        loss.count = count  # type: ignore[attr-defined]
        return loss

    return counted


@mean_over(lambda batch: (torch.as_tensor(batch[1]) != IGNORED).sum())
def next_token_loss(model: nn.Module, batch: tuple[Int[Tensor, "N T"], Int[Tensor, "..."]]) -> Float[Tensor, ""]:
    """The mean of -ln p(target) over a batch of inputs and targets, in nats per token: what training minimises.

    The model may predict a token after each position, (N, T, V), or one after each context, (N, V). Targets of -100
    (padding) do not count. Raises ValueError for what is no pair of ids of matching shapes.

    >>> class CountUp(nn.Module):  # after 2 comes 3, with a probability of 3/4
    ...     def forward(self, tokens): return torch.eye(4)[(tokens + 1) % 4].mul(9.0).clamp(min=1).log()
    >>> next_token_loss(CountUp(), (torch.tensor([[0, 1]]), torch.tensor([[1, 2]])))
    tensor(0.2877)
    """
    require(isinstance(batch, tuple | list) and len(batch) == 2, "a batch must be a pair, inputs and targets", batch)
    inputs, targets = _rows("inputs", batch[0]), _rows("targets", batch[1], (1, 2))
    return F.cross_entropy(*_flat(model(inputs), targets), ignore_index=IGNORED)


def token_losses(model: nn.Module, inputs: Rows, targets: Targets, batch_size: int = 64) -> Float[Tensor, "..."]:
    """-ln p of each target, in nats, in evaluation mode and in batches of `batch_size` rows.

    Raises ValueError for ids outside the model's vocabulary, and for inputs and targets of other shapes.
    """
    require_integer("batch_size", batch_size, at_least=1)
    inputs, targets = _rows("inputs", inputs), _rows("targets", targets, (1, 2))
    require(len(inputs) == len(targets), f"targets must be {len(inputs)} rows, as inputs are", len(targets))
    for name, ids in (("inputs", inputs), ("targets", targets)):
        ids_of(name, ids.flatten(), _vocab_size(model))
    return _each(model, inputs, targets, batch_size)


def _each(model: nn.Module, inputs: Tensor, targets: Tensor, batch_size: int) -> Tensor:
    each = []
    with evaluating(model), torch.no_grad():
        for some, wanted in zip(inputs.split(batch_size), targets.split(batch_size), strict=True):
            each.append(F.cross_entropy(*_flat(model(some), wanted), reduction="none").view(wanted.shape))
    return torch.cat(each)


def text_losses(model: nn.Module, tokens: Ids, batch_size: int = 64) -> Float[Tensor, " P"]:
    """-ln p of every token of a long text except the first, in nats, each given at least half a window of context.

    Windows of the model's context_length overlap by half: a window's first half serves only as context, except in the
    first window, where less context exists. Raises ValueError for fewer than two tokens, and for ids outside the
    model's vocabulary.
    """
    require_integer("batch_size", batch_size, at_least=1)
    ids = torch.from_numpy(ids_of("tokens", tokens, _vocab_size(model)))
    tokens = ids.to(tokens.device) if isinstance(tokens, Tensor) else ids
    require(len(tokens) >= 2, "a text to predict must have at least 2 tokens", len(tokens))
    predicted = len(tokens) - 1
    length = min(model.config.context_length, predicted)
    starts = [*range(0, predicted - length, max(length // 2, 1)), predicted - length]
    windows = tokens.unfold(0, length + 1, 1)[starts]
    losses = _each(model, windows[:, :-1], windows[:, 1:], batch_size)
    done, each = 0, []
    for start, row in zip(starts, losses, strict=True):
        each.append(row[done - start :])
        done = start + length
    return torch.cat(each)


def _vocab_size(model: nn.Module) -> int | None:
    return getattr(getattr(model, "config", None), "vocab_size", None)


def _rows(name: str, ids: Any, ranks: tuple[int, ...] = (2,)) -> Int[Tensor, "..."]:
    """Ids as a tensor; of a tensor only rank and dtype are looked at, so that no GPU waits."""
    if isinstance(ids, list | tuple) and 1 in ranks and not any(map(np.ndim, ids)):
        ids = ids_of(name, ids)
    if not isinstance(ids, Tensor | np.ndarray):
        ids = rows_of_ids(name, ids)
        lengths = sorted(set(map(len, ids)))
        require(len(lengths) == 1, f"{name} must be rows of ids, all of one length", lengths)
    ids = torch.as_tensor(ids)
    axes = "(N, T)" if ranks == (2,) else "(N, T), or one for each row, (N,)"
    require(ids.ndim in ranks and ids.numel(), f"{name} must be rows of ids, {axes}, and not empty", ids)
    integers = not (ids.is_floating_point() or ids.is_complex() or ids.dtype == torch.bool)
    require(integers, f"{name} must be integers (ids)", ids)
    return ids.long()


def _flat(logits: Tensor, targets: Tensor) -> tuple[Float[Tensor, "P V"], Int[Tensor, " P"]]:
    require(
        logits.shape[:-1] == targets.shape, f"targets must have the shape {tuple(logits.shape[:-1])}", targets.shape
    )
    return logits.flatten(0, -2), targets.flatten()
