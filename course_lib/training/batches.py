"""Batches that depend on nothing but a generator, so that a run can be repeated and resumed.

Axes: B batch, T position, N tokens of a text.
"""

from collections.abc import Callable

import torch
from jaxtyping import Int
from torch import Generator, Tensor

from course_lib.training.token_files import TokenFile

__all__ = ["random_rows", "random_windows", "windows"]


def random_rows(*tensors: Tensor, batch_size: int) -> Callable[[Generator], tuple[Tensor, ...]]:
    """A function that draws `batch_size` rows, with replacement, the same of each tensor.

    Raises ValueError for tensors of unequal length or of none.

    >>> draw = random_rows(torch.arange(5), 10 * torch.arange(5), batch_size=3)
    >>> first, second = draw(Generator().manual_seed(0))
    >>> torch.equal(10 * first, second)
    True
    """
    lengths = sorted({len(tensor) for tensor in tensors})
    if len(lengths) != 1 or lengths[0] == 0 or batch_size < 1:
        came = f"lengths {lengths} and batch_size {batch_size}"
        raise ValueError(f"tensors of one length and a batch are needed, but here are {came}")

    def draw(generator: Generator) -> tuple[Tensor, ...]:
        rows = torch.randint(lengths[0], (batch_size,), generator=generator)
        return tuple(tensor[rows.to(tensor.device)] for tensor in tensors)

    return draw


def random_windows(
    tokens: Int[Tensor, " N"] | TokenFile, *, batch_size: int, context_length: int
) -> Callable[[Generator], tuple[Int[Tensor, "B T"], Int[Tensor, "B T"]]]:
    """A function that draws windows of a text for a language model: the tokens, and for each the one that follows it.

    Every start is equally likely. Of a TokenFile only the windows drawn are read. Raises ValueError for a text that
    holds no whole window.

    >>> draw = random_windows(torch.arange(100), batch_size=2, context_length=4)
    >>> inputs, targets = draw(Generator().manual_seed(0))
    >>> inputs.shape, torch.equal(targets, inputs + 1)
    (torch.Size([2, 4]), True)
    """
    _demand_one_window(tokens, context_length)
    places = torch.arange(context_length, device=tokens.device)

    def draw(generator: Generator) -> tuple[Tensor, Tensor]:
        starts = torch.randint(len(tokens) - context_length, (batch_size, 1), generator=generator)
        at = starts.to(tokens.device) + places  # (B, T)
        return tokens[at], tokens[at + 1]

    return draw


def windows(tokens: Int[Tensor, " N"], context_length: int) -> tuple[Int[Tensor, "B T"], Int[Tensor, "B T"]]:
    """A text cut into windows that do not overlap, for evaluation: the tokens, and for each the one that follows it.

    Each token is predicted once; what is left at the end, less than a window, is dropped.
    Raises ValueError for a text that holds no whole window.

    >>> [part.tolist() for part in windows(torch.arange(6), 2)]
    [[[0, 1], [2, 3]], [[1, 2], [3, 4]]]
    """
    _demand_one_window(tokens, context_length)
    whole = (len(tokens) - 1) // context_length * context_length
    return tokens[:whole].view(-1, context_length), tokens[1 : whole + 1].view(-1, context_length)


def _demand_one_window(tokens: Tensor | TokenFile, context_length: int) -> None:
    if not 1 <= context_length < len(tokens):
        raise ValueError(f"a window of {context_length} tokens and its targets do not fit into {len(tokens)} tokens")
