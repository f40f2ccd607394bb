"""What it costs to set weights to zero: the loss of the Shakespeare GPT, pruned by three rules, and trained on or not.

Pruned are the weights of the linear layers. "magnitude" zeroes the smallest of each matrix in absolute value, "random"
as many at random. A retrained model goes on learning from the training plays with its zeros held at zero; the model
without zeros that trains on for as many steps is the control.
"""

import copy
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import torch
from torch import Generator, Tensor, nn

from course_lib.losses import next_token_loss, token_losses
from course_lib.metrics import bootstrap_interval
from course_lib.pretrained import load_shakespeare_gpt
from course_lib.training import TrainingConfig, random_windows, windows
from experiments.shared import one_core, rounded, train_whole
from experiments.tables.gpt_shakespeare import TOKENS, ids

CONTEXT, BATCH_SIZE, STEPS, LEARNING_RATE = 128, 12, 40, 0.0005
SHARES = (0.0, 0.2, 0.4, 0.6, 0.8)  # of the weights that are zeroed
SEEDS = (0, 1, 2)
HELD_OUT = 20_000  # tokens of the plays


@cache
def before() -> nn.Module:
    """The trained model as it is."""
    return load_shakespeare_gpt()[0]


def keep_masks(model: nn.Module, share: float, rule: str, seed: int) -> dict[str, Tensor]:
    """For each linear layer which weights stay: True where one does."""
    generator, masks = Generator().manual_seed(seed), {}
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Linear):
            weights = layer.weight.detach()
            score = weights.abs() if rule == "magnitude" else torch.rand(weights.shape, generator=generator)
            least = score.flatten().argsort()[: round(share * score.numel())]
            mask = torch.ones(score.numel(), dtype=torch.bool)
            mask[least] = False
            masks[name] = mask.view(score.shape)
    return masks


@torch.no_grad()
def apply_masks(model: nn.Module, masks: dict[str, Tensor]) -> None:
    """Set the weights that do not stay to zero."""
    for name, mask in masks.items():
        model.get_submodule(name).weight.mul_(mask)


def masked_loss(masks: dict[str, Tensor]) -> Callable[[nn.Module, Any], Tensor]:
    """The next token's loss, which sets the weights to zero again before each step."""

    def loss(model: nn.Module, batch: Any) -> Tensor:
        apply_masks(model, masks)
        return next_token_loss(model, batch)

    return loss


def window_losses(model: nn.Module, split: str) -> Tensor:
    """The mean loss of each window of held-out plays, in nats per token."""
    inputs, targets = windows(ids(TOKENS, split)[:HELD_OUT], CONTEXT)
    return token_losses(model, inputs, targets).mean(dim=1).double()


@cache
def exact(split: str) -> Tensor:
    """The losses of the model as it is."""
    return window_losses(before(), split)


def row(share: float, rule: str, retrained: bool, seed: int, split: str = "test") -> dict[str, Any]:
    """The loss of a pruned model, and its rise over the model as it is, on the same windows."""
    model = copy.deepcopy(before())
    masks = keep_masks(model, share, rule, seed)
    apply_masks(model, masks)
    if retrained:
        text = ids(TOKENS, "train")
        batches = random_windows(text, batch_size=BATCH_SIZE, context_length=CONTEXT)
        config = TrainingConfig(steps=STEPS, learning_rate=LEARNING_RATE, warmup_steps=10, beta2=0.99, seed=seed)
        with one_core():
            train_whole(model, masked_loss(masks), batches, config)
        apply_masks(model, masks)
    found = window_losses(model, split)
    zeros = sum((~mask).sum().item() for mask in masks.values()) / sum(mask.numel() for mask in masks.values())
    return {
        "share": share,
        "rule": rule,
        "retrained": retrained,
        "seed": seed,
        "split": split,
        "zeros": round(zeros, 3),
        "loss": rounded(bootstrap_interval(lambda x: x.mean(-1), found.numpy())),
        "rise": rounded(bootstrap_interval(lambda x: x.mean(-1), (found - exact(split)).numpy())),
    }


def rows() -> Iterator[dict[str, Any]]:
    """Magnitude with and without retraining, and random zeros, for each share of zeros."""
    for share in SHARES[1:]:
        yield row(share, "magnitude", False, 0)
        yield row(share, "random", False, 0)
    for seed in SEEDS:
        for share in (0.0, *SHARES[3:]):
            yield row(share, "magnitude", True, seed)
