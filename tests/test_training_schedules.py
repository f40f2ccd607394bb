"""Configs, schedules and optimisers against hand values and PyTorch's own."""

import math

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from course_lib.training import TrainingConfig, adamw, learning_rate


def config(**changes):
    return TrainingConfig(**{"steps": 37, "learning_rate": 0.3, **changes})


def rates(config):
    return [learning_rate(step, config) for step in range(config.steps)]


def pytorchs(config):
    """The same schedule from PyTorch's parts."""
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=config.learning_rate)
    first, fall = config.warmup_steps, config.decay_steps
    left = config.steps - first
    constant = lr_scheduler.ConstantLR(optimiser, factor=1.0)
    parts = {
        "cosine": [(left, lr_scheduler.CosineAnnealingLR(optimiser, left))],
        "constant": [(left, constant)],
        "trapezoid": [(left - fall, constant), (fall, lr_scheduler.LinearLR(optimiser, 1.0, 0.0, max(fall, 1)))],
    }[config.schedule]
    parts.insert(0, (first, lr_scheduler.LambdaLR(optimiser, lambda step: (step + 1) / first if first else 1.0)))
    lengths, schedules = zip(*(part for part in parts if part[0]), strict=True)
    schedule = lr_scheduler.SequentialLR(
        optimiser, list(schedules), [sum(lengths[: k + 1]) for k in range(len(lengths) - 1)]
    )
    found = []
    for _ in range(config.steps):
        found.append(schedule.get_last_lr()[0])
        optimiser.step()
        schedule.step()
    return found


@pytest.mark.parametrize("schedule, decay", [("cosine", 0), ("constant", 0), ("trapezoid", 7), ("trapezoid", 26)])
@pytest.mark.parametrize("warmup", [0, 1, 11])
def test_schedules_equal_pytorchs(schedule, decay, warmup):
    made = config(schedule=schedule, decay_steps=decay, warmup_steps=warmup)
    assert rates(made) == pytest.approx(pytorchs(made))


def test_schedules_by_hand():
    assert rates(config(steps=4, learning_rate=1, schedule="constant", warmup_steps=2)) == [0.5, 1, 1, 1]
    assert rates(config(steps=4, learning_rate=2)) == pytest.approx([2, 1 + math.sqrt(0.5), 1, 1 - math.sqrt(0.5)])
    assert rates(config(steps=3, learning_rate=3, warmup_steps=3)) == [1, 2, 3]
    trapezoid = config(steps=8, learning_rate=4, warmup_steps=2, schedule="trapezoid", decay_steps=4)
    assert rates(trapezoid) == [2, 4, 4, 4, 4, 3, 2, 1]
    assert all(rate > 0 for rate in rates(config(warmup_steps=5)))


def test_adamw_decays_matrices_alone_and_leaves_frozen_weights_out():
    model = nn.Sequential(nn.Linear(3, 5), nn.LayerNorm(5), nn.Linear(5, 2))
    model[2].weight.requires_grad_(False)
    groups = adamw(model, config(weight_decay=0.1)).param_groups
    assert [(len(group["params"]), group["weight_decay"]) for group in groups] == [(1, 0.1), (4, 0.0)]
    assert groups[0]["params"][0] is model[0].weight
    assert len(adamw(nn.LayerNorm(3), config()).param_groups) == 1


def test_tied_weights_are_in_one_group_once():
    model = nn.Sequential(nn.Embedding(7, 3), nn.Linear(3, 7))
    model[1].weight = model[0].weight
    groups = adamw(model, config(weight_decay=0.1)).param_groups
    assert [[id(p) for p in group["params"]] for group in groups] == [[id(model[0].weight)], [id(model[1].bias)]]


def test_fused_steps_are_the_same_steps():
    models = [nn.Linear(3, 2), nn.Linear(3, 2)]
    models[1].load_state_dict(models[0].state_dict())
    for model, fused in zip(models, (None, True), strict=True):
        optimiser = adamw(model, config(weight_decay=0.5), fused=fused)
        assert optimiser.param_groups[0]["fused"] is fused
        for _ in range(3):
            optimiser.zero_grad()
            model(torch.arange(6.0).view(2, 3)).square().sum().backward()
            optimiser.step()
    for mine, theirs in zip(*(model.parameters() for model in models), strict=True):
        torch.testing.assert_close(mine, theirs)


def test_decoupled_decay_by_hand():
    """With a gradient of zero a step multiplies a matrix by 1 - lr · decay and leaves a bias alone."""
    model = nn.Linear(3, 2)
    weight, bias = model.weight.clone(), model.bias.clone()
    optimiser = adamw(model, config(weight_decay=0.5, learning_rate=0.1))
    (model(torch.ones(1, 3)) * 0).sum().backward()
    optimiser.step()
    torch.testing.assert_close(model.weight, weight * 0.95)
    torch.testing.assert_close(model.bias, bias)


@pytest.mark.parametrize(
    "changes, sentence",
    [
        ({"steps": 0}, "steps must be at least 1, but it is 0"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0, but it is 0.0"),
        ({"learning_rate": math.nan}, "learning_rate must be above 0, but it is nan"),
        ({"warmup_steps": 38}, r"warmup_steps must be from 0 to 37 \(steps\), but it is 38"),
        ({"schedule": "linear"}, "schedule must be 'cosine', 'constant' or 'trapezoid', but it is 'linear'"),
        ({"decay_steps": 1}, "decay_steps must be from 0 to 0 with the schedule 'cosine', but it is 1"),
        ({"schedule": "trapezoid"}, "decay_steps must be from 1 to 37 with the schedule 'trapezoid', but it is 0"),
        ({"schedule": "trapezoid", "warmup_steps": 30, "decay_steps": 8}, "must be from 1 to 7 .*, but it is 8"),
        ({"weight_decay": -0.1}, "weight_decay must be at least 0"),
        ({"beta2": 1.0}, "beta2 must be at least 0 and below 1, but it is 1.0"),
        ({"clip_norm": 0}, "clip_norm must be above 0"),
        ({"evaluate_every": 0}, "evaluate_every must be at least 1"),
    ],
)
def test_a_config_out_of_range_is_refused(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        config(**changes)
