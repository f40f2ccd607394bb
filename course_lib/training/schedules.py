"""How large a step is: the learning rate over a run, the optimiser, and the limit on the gradient."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from course_lib.training.config import TrainingConfig
from course_lib.training.processes import whole

__all__ = ["adamw", "clip_gradient", "learning_rate"]


def learning_rate(step: int, config: TrainingConfig) -> float:
    """The learning rate of a step, counted from 0: a straight rise over the warmup, then constant or a way down.

    In the warmup lr · (step + 1) / warmup_steps. The way down begins with t = 0 and ends one step before t = 1, so that
    no step is wasted on a rate of 0. "cosine": lr · (1 + cos πt) / 2 from the warmup on (Loshchilov and Hutter, 2017,
    equation 5); "trapezoid": lr · (1 - t) over the last decay_steps (Hägele et al., 2024).

    >>> config = TrainingConfig(steps=8, learning_rate=1.0, warmup_steps=4)
    >>> [round(learning_rate(step, config), 2) for step in range(8)]
    [0.25, 0.5, 0.75, 1.0, 1.0, 0.85, 0.5, 0.15]
    """
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

    `fused` takes a step in one pass over the weights: faster, and the same but for rounding.
    """
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]
    betas = (0.9, config.beta2)
    used = [group for group in groups if group["params"]]
    return torch.optim.AdamW(used, lr=config.learning_rate, betas=betas, fused=fused)


@torch.no_grad()
def clip_gradient(parameters: Iterable[Tensor], largest: float | int) -> float:
    """Scale the gradient down where its norm, over all parameters together, exceeds `largest`; returns the norm before.

    g ← g · min(1, largest / ‖g‖): its direction stays (Pascanu, Mikolov and Bengio, 2013, algorithm 1).
    A norm that is not finite leaves the gradient as it is.

    >>> weight = torch.tensor([0.0, 0.0], requires_grad=True)
    >>> weight.grad = torch.tensor([3.0, 4.0])
    >>> clip_gradient([weight], 1.0), weight.grad.tolist()
    (5.0, [0.6000000238418579, 0.800000011920929])
    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if not gradients:
        raise ValueError("no parameter has a gradient: the loss must depend on the model, and backward() come first")
    norm = whole(torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in gradients]))).item()
    if largest < norm < math.inf:
        for gradient in gradients:
            gradient.mul_(largest / norm)
    return norm
