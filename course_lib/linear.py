"""Two layers of PyTorch's, adapted: a linear one as fast as the memory allows, an embedding that names a wrong id.

Models that decode multiply few rows by every weight, so fetching the weights takes the time.

Axes: B any axes before the last, I width that comes in, O width that goes out, C width of a vector.
"""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from course_lib.shapes import require_tensor

__all__ = ["Embedding", "Linear", "OneDNN", "linear"]

FEW = 8  # rows up to which fetching the weights takes longer than computing with them
PARTS = 16
CONVERTS = torch.backends.cpu.get_cpu_capability() == "AVX2"  # such a processor has no instructions for bfloat16


class Linear(nn.Linear):
    """PyTorch's, by `linear`."""

    def forward(self, x: Float[Tensor, "*B I"]) -> Float[Tensor, "*B O"]:
        return linear(x, self.weight, self.bias)


class Embedding(nn.Embedding):
    """PyTorch's, with a ValueError of one sentence for an id that has no vector.

    On a CPU the lookup notices such an id by itself. A GPU would have to wait, so there it is not looked for.

    >>> Embedding(5, 2)(torch.tensor([[3, 7]]))
    Traceback (most recent call last):
    ValueError: ids must be from 0 to 4 (vocab_size - 1), but there is 7
    """

    def forward(self, ids: Int[Tensor, "*B"]) -> Float[Tensor, "*B C"]:
        require_tensor("ids", ids, "...", integers=True)
        ids = ids if ids.dtype in (torch.int64, torch.int32) else ids.long()
        if torch.compiler.is_compiling():
            return super().forward(ids)
        try:
            return super().forward(ids)
        except IndexError:
            most = self.num_embeddings - 1
            wrong = ids[(ids < 0) | (ids > most)][0].item()
            raise ValueError(f"ids must be from 0 to {most} (vocab_size - 1), but there is {wrong}") from None


class OneDNN(TorchFunctionMode):
    """Inside it, F.linear in float32 on a CPU is computed by the library oneDNN, which has no gradients here.

    PyTorch's own choice, MKL, reached 98 billion operations a second where oneDNN reached 206 (AMD EPYC, one thread).
    """

    def __torch_function__(self, function: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        here = function is F.linear and torch.backends.mkldnn.is_available()
        if here and all(isinstance(x, Tensor) and x.is_cpu and x.dtype == torch.float32 for x in args):
            return F.linear(*(x.to_mkldnn() for x in args)).to_dense()
        return function(*args, **(kwargs or {}))


def linear(
    x: Float[Tensor, "*B I"], weight: Float[Tensor, "O I"], bias: Float[Tensor, " O"] | None = None
) -> Float[Tensor, "*B O"]:
    """x Wᵀ + b, as F.linear but for rounding; on a CPU without gradients faster in two cases.

    For a single row F.linear leaves the fetching of the weights to one core. So few rows in float32 are multiplied with
    parts of the weights side by side, where all cores fetch. And where a processor lacks instructions for bfloat16,
    products of more rows are made in float32.

    >>> with torch.no_grad():
    ...     linear(torch.tensor([1.0, 2.0]), torch.ones(16, 2))[:3]
    tensor([3., 3., 3.])
    """
    if x.shape[-1:] != weight.shape[1:]:
        require_tensor("x", x, "...", weight.shape[1])
    rows = x.shape[:-1].numel()
    if x.device.type != "cpu" or torch.is_grad_enabled():
        return F.linear(x, weight, bias)
    if x.dtype == torch.bfloat16 and rows > FEW and CONVERTS:
        return F.linear(x.float(), weight.float(), None if bias is None else bias.float()).bfloat16()
    if x.dtype != torch.float32 or not 0 < rows <= FEW or len(weight) % PARTS:
        return F.linear(x, weight, bias)
    columns = x.reshape(rows, -1).T.expand(PARTS, -1, -1)  # the same for each part
    y = torch.bmm(weight.unflatten(0, (PARTS, -1)), columns).flatten(0, 1)
    y = y.T.contiguous().view(*x.shape[:-1], -1)
    return y if bias is None else y + bias
