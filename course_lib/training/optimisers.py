"""How a step changes the weights: the learning rate over a run, AdamW, and Muon for the hidden matrices."""

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from course_lib.training.config import TrainingConfig
from course_lib.training.distributed import blocks, distribute_like, full_tensor
from course_lib.validation import require, require_integer, require_number

__all__ = ["Muon", "adamw", "learning_rate", "muon", "orthogonalise"]


def learning_rate(step: int, config: TrainingConfig) -> float:
    """The learning rate of a step, counted from 0: a linear rise over the warmup, then constant or a decay.

    In the warmup lr · (step + 1) / warmup_steps. The decay begins with t = 0 and ends one step before t = 1, so that no
    step is wasted on a rate of 0. "cosine": lr · (1 + cos πt) / 2 from the warmup on (Loshchilov and Hutter, 2017,
    equation 5); "trapezoid": lr · (1 - t) over the last decay_steps (Hägele et al., 2024). Raises ValueError for a step
    that the run does not have.

    >>> config = TrainingConfig(steps=8, learning_rate=1.0, warmup_steps=4)
    >>> [round(learning_rate(step, config), 2) for step in range(8)]
    [0.25, 0.5, 0.75, 1.0, 1.0, 0.85, 0.5, 0.15]
    """
    require_integer("step", step, at_least=0, at_most=config.steps - 1)
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    if config.schedule == "cosine":
        done = (step - config.warmup_steps) / (config.steps - config.warmup_steps)
        return config.learning_rate * (1 + math.cos(math.pi * done)) / 2
    left = config.steps - step
    if left < config.decay_steps:  # only a trapezoid has any
        return config.learning_rate * left / config.decay_steps
    return float(config.learning_rate)


def adamw(model: nn.Module, config: TrainingConfig, fused: bool | None = None) -> torch.optim.Optimizer:
    """PyTorch's AdamW (Loshchilov and Hutter, 2019), which decays the matrices and leaves biases and gains alone.

    `fused` takes a step in one pass over the weights: faster, and the same but for rounding. Raises ValueError for a
    model that has no parameter to train.
    """
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    require(trained, "the model must have a parameter that requires a gradient", _described(model))
    groups = [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]
    betas = (0.9, config.beta2)
    used = [group for group in groups if group["params"]]
    return torch.optim.AdamW(used, lr=config.learning_rate, betas=betas, fused=fused)


def _described(model: nn.Module) -> str:
    return f"{type(model).__name__} with {len(list(model.parameters()))} parameters"


def orthogonalise(matrix: Float[Tensor, "M N"], steps: int = 5) -> Float[Tensor, "M N"]:
    """About U Vᵀ, where U S Vᵀ is the matrix: its directions stay, its singular values all come near 1.

    Each step of a Newton-Schulz iteration, x ← a x + b (x xᵀ) x + c (x xᵀ)² x, moves every singular value s of x along
    a s + b s³ + c s⁵, without a decomposition; x begins as the matrix over its norm. The coefficients lift small values
    quickly and leave the large ones between 0.7 and 1.2: Jordan et al. (2024), who found that near 1 is near enough.
    Raises ValueError for what is no matrix of floating-point numbers.

    >>> torch.linalg.svdvals(orthogonalise(torch.tensor([[3.0, 0.0], [0.0, 1.0]]))).round(decimals=1)
    tensor([1.1000, 0.8000])
    """
    require_integer("steps", steps, at_least=0)
    is_matrix = isinstance(matrix, Tensor) and matrix.ndim == 2 and matrix.is_floating_point()
    require(is_matrix, "the matrix must be a tensor with two axes, of floating-point numbers", matrix)
    a, b, c = 3.4445, -4.7750, 2.0315
    wide = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix  # x xᵀ is then the smaller of the two products
    x = wide.to(torch.bfloat16 if matrix.is_cuda else matrix.dtype)  # fast there, and exact enough
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return (x.T if wide is not matrix else x).to(matrix.dtype)


class Muon(torch.optim.AdamW):
    """AdamW, but for groups that name a `momentum`: their matrices take orthogonalised steps.

    m ← μ m + (1 - μ) g, then w ← w - lr · (decay · w + 0.2 √max(M, N) · orthogonalise(μ m + (1 - μ) g)): Jordan et
    al. (2024), with the factor of Liu et al. (2025), section 2.2, that makes a step as long as one of AdamW, so that a
    learning rate serves both. A step uses up the gradients of the matrices.
    """

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        """One step of Muon where a group names a momentum, of AdamW elsewhere."""
        assert closure is None, "gradients come from backward()"
        for group in self.param_groups:
            if "momentum" in group:
                for matrix in group["params"]:
                    if matrix.grad is not None:
                        self._orthogonal_step(matrix, group)
                        matrix.grad = None  # AdamW passes over it
        super().step()

    def _orthogonal_step(self, matrix: Tensor, group: dict[str, Any]) -> None:
        state = self.state[matrix]
        if not state:  # under the names of AdamW, which looks for them when it is loaded
            state["step"], state["exp_avg"] = torch.zeros(()), torch.zeros_like(matrix)
        state["step"] += 1
        mean = state["exp_avg"].lerp_(matrix.grad, 1 - group["momentum"])
        ahead = matrix.grad.lerp(mean, group["momentum"])  # Nesterov's
        length = 0.2 * max(matrix.shape) ** 0.5
        matrix.mul_(1 - group["lr"] * group["weight_decay"])
        matrix.sub_(distribute_like(orthogonalise(full_tensor(ahead)), matrix), alpha=group["lr"] * length)


def muon(model: nn.Module, config: TrainingConfig, *, momentum: float = 0.95, ratio: float | int = 1.0) -> Muon:
    """Muon for the matrices of the model's blocks (what stands in an nn.ModuleList), AdamW for all else.

    Embeddings, output, biases and gains stand outside or are no matrices. The matrices' learning rate is `ratio` times
    the config's. Raises ValueError for a model that has no such matrix, and for a momentum or ratio out of range.
    """
    require_number("momentum", momentum, at_least=0, below=1)
    require_number("ratio", ratio, above=0, below=math.inf)
    inside = {p for block in blocks(model) for p in block.parameters() if p.ndim == 2 and p.requires_grad}
    rest = [p for p in model.parameters() if p.requires_grad and p not in inside]
    if not inside:
        raise ValueError("Muon is for the matrices in a model's nn.ModuleLists, but here are none: use adamw")
    hidden = [p for p in model.parameters() if p in inside]  # a set has no order, and a checkpoint needs one
    groups: list[dict[str, Any]] = [
        {"params": hidden, "momentum": momentum, "rate_factor": ratio, "weight_decay": config.weight_decay},
        {"params": [p for p in rest if p.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in rest if p.ndim < 2], "weight_decay": 0.0},
    ]
    return Muon([group for group in groups if group["params"]], lr=config.learning_rate, betas=(0.9, config.beta2))
