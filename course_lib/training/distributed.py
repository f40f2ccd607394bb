"""One run in many processes, by PyTorch's own engines: torchrun starts them, DDP or FSDP2 keeps their weights alike.

Every process draws the same batches and works on rows of its own, so that their number changes nothing but the time.
Without torchrun there is one process, of rank 0 in a world of size 1: these functions hand back what they are given.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, distributed, nn

__all__ = [
    "all_gather",
    "all_reduce_any",
    "all_reduce_mean",
    "barrier",
    "blocks",
    "distribute_like",
    "distribute_model",
    "full_tensor",
    "is_sharded",
    "process_group",
    "rank",
    "world_size",
]


@contextmanager
def process_group(device: torch.device) -> Iterator[torch.device]:
    """Be one of the processes that torchrun started, where it did: gives the device of this one."""
    if "RANK" not in os.environ:
        yield device
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    distributed.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    try:
        yield device
    finally:
        distributed.destroy_process_group()


def world_size() -> int:
    """How many processes there are."""
    return distributed.get_world_size() if _is_initialised() else 1


def rank() -> int:
    """Which of them this is, from 0; only 0 shows, logs and writes what all have."""
    return distributed.get_rank() if _is_initialised() else 0


def _is_initialised() -> bool:
    return distributed.is_available() and distributed.is_initialized()


def all_reduce_mean(value: float) -> float:
    """The mean of a number over the processes, the same in each."""
    if world_size() == 1:
        return value
    total = torch.tensor(value, dtype=torch.float64)
    distributed.all_reduce(total)
    return total.item() / world_size()


def all_reduce_any(holds: bool) -> bool:
    """Whether something holds in any of the processes."""
    return all_reduce_mean(float(holds)) > 0


def barrier() -> None:
    """Wait until all processes have come this far."""
    all_reduce_mean(0.0)


def all_gather(tensor: Tensor) -> list[Tensor]:
    """A tensor of each process, on the CPU and of one shape, in the order of their ranks."""
    if world_size() == 1:
        return [tensor]
    tensors = [torch.empty_like(tensor) for _ in range(world_size())]
    distributed.all_gather(tensors, tensor)
    return tensors


def blocks(model: nn.Module) -> list[nn.Module]:
    """The layers that a model repeats, each the unit of sharding: the modules in its nn.ModuleLists."""
    return [block for part in model.modules() if isinstance(part, nn.ModuleList) for block in part]


def distribute_model(model: nn.Module, parallel: str, device: torch.device | None = None) -> nn.Module:
    """The model for all processes: each holds a replica (DDP, Li et al., 2020) or a shard (FSDP2; Zhao et al., 2023).

    Sharding changes the model itself, so there must be no optimiser yet. A model on the meta device is sharded for a
    `device` before it has memory there. A sharded model stays as it is.
    """
    if world_size() == 1 or any(is_sharded(parameter) for parameter in model.parameters()):
        return model
    device = device or next(model.parameters()).device
    if parallel == "replicate":
        return nn.parallel.DistributedDataParallel(model, device_ids=[device] if device.type == "cuda" else None)
    from torch.distributed.fsdp import fully_shard

    for tensor in model.state_dict().values():
        if not tensor.is_meta:
            distributed.broadcast(tensor, src=0)
    mesh = distributed.init_device_mesh(device.type, (world_size(),))
    for block in reversed(blocks(model)):  # one within another first
        fully_shard(block, mesh=mesh)
    return fully_shard(model, mesh=mesh)


def is_sharded(tensor: Tensor) -> bool:
    """Whether each process holds only a part of the tensor, which is then a DTensor."""
    if world_size() == 1:
        return False
    from torch.distributed.tensor import DTensor

    return isinstance(tensor, DTensor)


def full_tensor(tensor: Tensor) -> Tensor:
    """A sharded tensor put together in each process, on the device of the shards' mesh; any other as it is."""
    return tensor.to(tensor.device_mesh.device_type).full_tensor() if is_sharded(tensor) else tensor


def distribute_like(tensor: Tensor, reference: Tensor) -> Tensor:
    """A full tensor, the same in each process, sharded as another one is."""
    if is_sharded(tensor) or not is_sharded(reference):
        return tensor
    from torch.distributed.tensor import distribute_tensor

    shards = distribute_tensor(tensor, reference.device_mesh, reference.placements, src_data_rank=None)
    return shards.clone()  # else a shard would keep all of the tensor in memory
