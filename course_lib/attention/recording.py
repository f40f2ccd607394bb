"""Looking at attention: the weights of every attention in a model, for as long as one asks for them."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from course_lib.validation import require

__all__ = ["Recorded", "recorded"]


class Recorded(nn.Module):
    """A module that can be looked at: where `record` is a list, forward adds its weights, (B, H, T, S), to it."""

    record: list[Tensor] | None = None


@contextmanager
def recorded(model: nn.Module) -> Iterator[dict[str, list[Tensor]]]:
    """The weights of each attention in `model` by its name, a tensor (B, H, T, S) for every time that it is called.

    Nothing is kept once the block ends but the maps themselves. Raises ValueError for a model without attention.

    >>> import torch
    >>> from course_lib.attention import MultiHeadAttention
    >>> layer = MultiHeadAttention(6, 2)
    >>> with recorded(layer) as maps:
    ...     layer(torch.zeros(1, 3, 6)).shape
    torch.Size([1, 3, 6])
    >>> {name: [tuple(weights.shape) for weights in each] for name, each in maps.items()}
    {'': [(1, 2, 3, 3)]}
    """
    require(isinstance(model, nn.Module), "the model must be a torch.nn.Module", model)
    watched = {name: module for name, module in model.named_modules() if isinstance(module, Recorded)}
    if not watched:
        raise ValueError(f"nothing in this {type(model).__name__} is attention of course_lib")
    before = {name: module.record for name, module in watched.items()}
    maps: dict[str, list[Tensor]] = {name: [] for name in watched}
    try:
        for name, module in watched.items():
            module.record = maps[name]
        yield maps
    finally:
        for name, module in watched.items():
            module.record = before[name]
