"""One run in many processes, by PyTorch's own engines: torchrun starts them, DDP or FSDP2 keeps their weights alike.

Every process draws the same batches and works on rows of its own, so that their number changes nothing but the time.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, distributed, nn

__all__ = ["anywhere", "blocks", "count", "gathered", "joined", "like", "mean", "rank", "spread", "wait", "whole"]


@contextmanager
def joined(device: torch.device) -> Iterator[torch.device]:
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


def count() -> int:
    """How many processes there are; 1 without torchrun."""
    return distributed.get_world_size() if _many() else 1


def rank() -> int:
    """Which of them this is, from 0; 0 alone shows, logs and writes."""
    return distributed.get_rank() if _many() else 0


def _many() -> bool:
    return distributed.is_available() and distributed.is_initialized()


def mean(value: float) -> float:
    """The mean of a number over the processes, the same in each."""
    if count() == 1:
        return value
    total = torch.tensor(value, dtype=torch.float64)
    distributed.all_reduce(total)
    return total.item() / count()


def anywhere(holds: bool) -> bool:
    """Whether something holds in any of the processes."""
    return mean(float(holds)) > 0


def wait() -> None:
    """Go on when all processes have come this far."""
    mean(0.0)


def gathered(tensor: Tensor) -> list[Tensor]:
    """A tensor of each process, on the CPU and of one shape, in the order of their ranks."""
    if count() == 1:
        return [tensor]
    tensors = [torch.empty_like(tensor) for _ in range(count())]
    distributed.all_gather(tensors, tensor)
    return tensors


def blocks(model: nn.Module) -> list[nn.Module]:
    """The layers that a model repeats: what stands in its lists of modules."""
    return [block for part in model.modules() if isinstance(part, nn.ModuleList) for block in part]


def spread(model: nn.Module, parallel: str) -> nn.Module:
    """The model for all processes: with "replicate" each holds it (DDP, Li et al., 2020), with "shard" a part of it.

    Sharding (FSDP2; Zhao et al., 2023) changes the model itself, block by block: there must be no optimiser yet.
    """
    if count() == 1:
        return model
    device = next(model.parameters()).device
    if parallel == "replicate":
        return nn.parallel.DistributedDataParallel(model, device_ids=[device] if device.type == "cuda" else None)
    from torch.distributed.fsdp import fully_shard

    for tensor in model.state_dict().values():
        distributed.broadcast(tensor, src=0)
    mesh = distributed.init_device_mesh(device.type, (count(),))
    for block in blocks(model):
        fully_shard(block, mesh=mesh)
    return fully_shard(model, mesh=mesh)


def whole(tensor: Tensor) -> Tensor:
    """A tensor whose parts lie with the processes, put together in each of them; any other as it is."""
    return tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor


def like(tensor: Tensor, parted: Tensor) -> Tensor:
    """A whole tensor, the same in each process, parted as another one is."""
    if not hasattr(parted, "full_tensor"):
        return tensor
    from torch.distributed.tensor import DTensor, Replicate

    mesh = parted.device_mesh
    everywhere = DTensor.from_local(tensor.to(parted.device), mesh, [Replicate()] * mesh.ndim, run_check=False)
    return everywhere.redistribute(mesh, parted.placements)
