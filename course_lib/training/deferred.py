"""A model that no single device can hold, sharded before it has memory; its initial weights are those of any other.

It is built on PyTorch's meta device, where tensors have shapes and no memory. What would have filled them on the CPU is
recorded, with the random state at the time, and repeated for one tensor at a time, of which a process keeps its shard.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

from course_lib.runtime import own_randomness
from course_lib.training.distributed import distribute_like, distribute_model

__all__ = ["build_sharded"]


def build_sharded(make: Callable[[], nn.Module], device: torch.device) -> nn.Module:
    """The model that `make` builds on the CPU, its weights the same, sharded over the processes on their devices.

    Each process holds its shards and one whole tensor at a time. PyTorch's random numbers go on as after `make`. Raises
    ValueError for a model that sets a part of a weight, or makes one of numbers that stand in the code.
    """
    with _Recorder() as recorder, torch.device("meta"):
        model = make()
    filled = {name: recorder.call(tensor) for name, tensor in _tensors(model).items()}
    distribute_model(model, "shard", device)
    model.to_empty(device=device)
    with torch.no_grad(), own_randomness():
        for name, tensor in _tensors(model).items():
            tensor.copy_(distribute_like(filled[name].value().to(device), tensor))
    return model


@dataclass(frozen=True, eq=False)
class _Call:
    """An operation that gave a tensor; among its arguments may be others."""

    operation: Any
    arguments: tuple[Any, dict[str, Any]]
    state: Tensor | None  # of the CPU's random numbers, where the operation uses them

    def value(self) -> Tensor:
        """The tensor, computed on the CPU."""
        args, named = tree_map(lambda part: part.value() if isinstance(part, _Call) else part, self.arguments)
        if self.state is not None:
            torch.set_rng_state(self.state)
        return self.operation(*args, **named)


class _Recorder(TorchDispatchMode):
    """Records how each tensor on the meta device came about; random numbers are drawn as on the CPU."""

    def __init__(self) -> None:
        super().__init__()
        self.filled: dict[int, tuple[Tensor, _Call]] = {}  # by storage, which lives as long as the tensor kept with it

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named, made = kwargs or {}, operation(*args, **(kwargs or {}))
        if not (isinstance(made, Tensor) and made.is_meta):
            return made
        if operation.is_view:
            if (made.shape, made.stride()) != (args[0].shape, args[0].stride()):
                raise ValueError(f"a model that is to be sharded must fill whole tensors, but it uses {operation}")
            return made
        random = torch.Tag.nondeterministic_seeded in operation.tags
        call = _Call(operation, tree_map(self._on_cpu, (tuple(args), named)), torch.get_rng_state() if random else None)
        if random:
            call.value()  # draws the numbers, and drops them
        self.filled[_key(made)] = made, call
        return made

    def _on_cpu(self, part: Any) -> Any:
        if isinstance(part, Tensor) and part.is_meta:
            return self.call(part)
        return torch.device("cpu") if part == torch.device("meta") else part

    def call(self, tensor: Tensor) -> _Call:
        """How a tensor came about."""
        if _key(tensor) not in self.filled:  # torch.tensor(...), whose numbers the meta device drops
            raise ValueError("a model that is to be sharded must not make its tensors from numbers (torch.tensor)")
        return self.filled[_key(tensor)][1]


def _key(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    return dict(model.named_parameters()) | dict(model.named_buffers())
