"""What several tables of pictures share: a small convolutional network, and a run of a few steps."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Generator, Tensor, nn

from course_lib.training import TrainingConfig
from experiments.shared import one_core, train_whole

__all__ = ["Convolutions", "fit"]


class Convolutions(nn.Module):
    """3 x 3 convolutions, each with batch normalisation and ReLU; the mean and the maximum of each channel."""

    def __init__(self, widths: Sequence[int], strides: Sequence[int]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for width, stride in zip(widths, strides, strict=True):
            layers += [nn.Conv2d(before, width, 3, stride, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
            before = width
        self.layers = nn.Sequential(*layers)

    def forward(self, pictures: Tensor) -> Tensor:
        found = self.layers(pictures)  # (B, C, Y, X)
        return torch.cat([found.mean(dim=(2, 3)), found.amax(dim=(2, 3))], dim=1)


def fit(
    model: nn.Module,
    loss: Callable[[nn.Module, Any], Tensor],
    batches: Callable[[Generator], Any],
    steps: int,
    learning_rate: float,
    seed: int,
) -> float:
    """Train with AdamW, a warmup of 20 steps and a cosine; returns the seconds."""
    config = TrainingConfig(
        steps=steps, learning_rate=learning_rate, warmup_steps=min(20, steps), weight_decay=0.05, seed=seed
    )
    with one_core():
        history = train_whole(model, loss, batches, config)
    return sum(history.seconds)
