"""The gradient of a batch, as an Execution says: in parts, in bfloat16, compiled, by many processes."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.training import processes
from course_lib.training.config import Execution

__all__ = ["backward_pass", "precision"]

Loss = Callable[[nn.Module, Any], Tensor]


def backward_pass(model: nn.Module, loss: Loss, execution: Execution) -> Callable[[Any], float]:
    """A function that adds a batch's gradient to the parameters and gives its loss, both over all processes.

    The batch is cut into parts of equally many rows, `accumulate` for each process, and the parts' losses are averaged:
    for a loss that is a mean over rows, that is the loss of the whole batch. Call it before there is an optimiser: it
    may shard the model's weights.
    """
    if execution.compile and execution.parallel == "shard":
        for block in processes.blocks(model):
            block.compile()  # block by block, since each is brought together and parted again on its own
    spread = processes.spread(model, execution.parallel)
    if execution.compile and execution.parallel == "replicate":
        loss = torch.compile(loss)
    first, parts = processes.rank() * execution.accumulate, processes.count() * execution.accumulate

    def backward(batch: Any) -> float:
        total = torch.zeros(())
        mine = _rows(batch, parts)[first : first + execution.accumulate]
        for part in mine:
            with _alone(spread, part is not mine[-1]):
                with precision(model, execution):
                    value = loss(spread, part) / execution.accumulate
                value.backward()
            total = total + value.detach()
        return processes.mean(total.item())

    return backward


def precision(model: nn.Module, execution: Execution) -> AbstractContextManager:
    """Where matrix products are in the execution's precision; what needs more of it (losses, norms) keeps float32."""
    if execution.precision == "float32":
        return nullcontext()
    return torch.autocast(next(model.parameters()).device.type, dtype=torch.bfloat16)


def _alone(spread: nn.Module, more: bool) -> AbstractContextManager:
    """Where more parts are to come: gradients stay with each process, and are sent after the last."""
    if isinstance(spread, nn.parallel.DistributedDataParallel):
        return spread.no_sync() if more else nullcontext()
    if hasattr(spread, "set_requires_gradient_sync"):
        spread.set_requires_gradient_sync(not more)
    return nullcontext()


def _rows(batch: Any, parts: int) -> Sequence[Any]:
    """A batch, a tensor or a tuple of some, cut into parts of equally many rows."""
    if parts == 1:
        return [batch]
    tensors = [batch] if isinstance(batch, Tensor) else list(batch)
    if len(tensors[0]) % parts:
        count = f"{processes.count()} (processes) x {parts // processes.count()} (accumulate)"
        raise ValueError(f"a batch of {len(tensors[0])} rows cannot be cut into {count} parts of one size")
    cut = list(zip(*(tensor.chunk(parts) for tensor in tensors), strict=True))
    if isinstance(batch, Tensor):
        return [part for (part,) in cut]
    return [type(batch)(*part) if hasattr(batch, "_fields") else part for part in cut]
