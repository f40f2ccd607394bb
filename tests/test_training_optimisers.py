"""Schedules and optimisers against values by hand and PyTorch's own; Muon's iteration, groups and steps."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim import lr_scheduler

from course_lib.training import TrainingConfig, adamw, learning_rate, muon, orthogonalise, train


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


def matrix_of(values, rows, columns, seed=0):
    """A matrix with these singular values, and the orthogonal one (U Vᵀ) with the same directions."""
    generator = torch.Generator().manual_seed(seed)
    left = torch.linalg.qr(torch.randn(rows, len(values), generator=generator)).Q
    right = torch.linalg.qr(torch.randn(columns, len(values), generator=generator)).Q
    return left @ torch.diag(torch.tensor(values)) @ right.T, left @ right.T


@pytest.mark.parametrize("rows, columns", [(5, 7), (7, 5), (5, 5), (5, 13)])
def test_singular_values_come_near_one_and_directions_stay(rows, columns):
    matrix, orthogonal = matrix_of([5.0, 4.0, 3.0, 2.0, 1.0], rows, columns)
    found = orthogonalise(matrix)
    values = torch.linalg.svdvals(found)
    assert found.shape == matrix.shape and values.min() > 0.65 and values.max() < 1.25
    # in the same directions, exactly: Uᵀ x V is diagonal
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    inner = left.T @ found @ right.T
    torch.testing.assert_close(inner, torch.diag(inner.diagonal()), atol=1e-5, rtol=0)
    assert (found - orthogonal).norm() / orthogonal.norm() < 0.35 < (matrix - orthogonal).norm()
    torch.testing.assert_close(orthogonalise(1000 * matrix), found, atol=1e-4, rtol=1e-4)


def test_the_iteration_by_hand_on_one_number():
    """A matrix with one singular value is its norm times U Vᵀ: the polynomial is applied to 1, five times."""
    expected = 1.0
    for _ in range(5):
        expected = 3.4445 * expected - 4.7750 * expected**3 + 2.0315 * expected**5
    assert orthogonalise(torch.tensor([[0.0, 7.0, 0.0]])).tolist() == [[0.0, pytest.approx(expected, rel=1e-4), 0.0]]
    assert orthogonalise(torch.zeros(2, 3)).tolist() == [[0.0] * 3] * 2


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.out = nn.Embedding(11, 6), nn.Linear(6, 11)
        self.out.weight = self.embed.weight
        self.blocks = nn.ModuleList(nn.Linear(6, 6) for _ in range(2))

    def forward(self, tokens):
        x = self.embed(tokens)
        for block in self.blocks:
            x = x + block(x).tanh()
        return self.out(x)


def next_token(model, batch):
    return F.cross_entropy(model(batch), (3 * batch + 1) % 11)


def test_hidden_matrices_go_to_muon_and_each_weight_is_in_one_group():
    model = Model()
    model.blocks[1].weight.requires_grad_(False)
    groups = muon(model, config(steps=60, learning_rate=0.02, weight_decay=0.1), ratio=2).param_groups
    hidden, matrices, vectors = ([id(p) for p in group["params"]] for group in groups)
    assert hidden == [id(model.blocks[0].weight)] and matrices == [id(model.embed.weight)]
    assert vectors == [id(p) for p in (model.out.bias, model.blocks[0].bias, model.blocks[1].bias)]
    assert [group["weight_decay"] for group in groups] == [0.1, 0.1, 0.0] and groups[0]["rate_factor"] == 2


def test_steps_equal_pytorchs_muon_and_adamw():
    mine, theirs = Model(), Model()
    ours = muon(mine, config(steps=60, learning_rate=0.02, weight_decay=0.1))
    hidden = [block.weight for block in theirs.blocks]
    rest = [theirs.embed.weight], [p for p in theirs.parameters() if p.ndim < 2]
    groups = [{"params": part, "weight_decay": decay} for part, decay in zip(rest, (0.1, 0.0), strict=True)]
    peers = [
        torch.optim.Muon(hidden, lr=0.02, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(groups, lr=0.02, betas=(0.9, 0.999)),
    ]
    for step in range(5):
        batch = torch.randint(11, (13,), generator=torch.Generator().manual_seed(step))
        for model, optimisers in ((mine, [ours]), (theirs, peers)):
            model.zero_grad()
            next_token(model, batch).backward()
            for optimiser in optimisers:
                optimiser.step()
    for (name, a), b in zip(mine.named_parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=4e-3, rtol=0.01, msg=name)  # PyTorch's iteration is in bfloat16
        assert (a - dict(Model().named_parameters())[name]).abs().max() > 0.02


def test_it_learns_and_its_rate_is_the_configs_times_the_ratio():
    draw = lambda generator: torch.randint(11, (32,), generator=generator)  # noqa: E731
    optimisers = []

    def optimiser(model, config):
        optimisers.append(muon(model, config, ratio=0.5))
        return optimisers[0]

    history = train(
        Model(),
        next_token,
        draw,
        config(steps=200, learning_rate=0.02, schedule="constant"),
        make_optimiser=optimiser,
        show=False,
    )
    assert history.losses[-1] < 1 < 2 < history.losses[0]
    assert [group["lr"] for group in optimisers[0].param_groups] == [0.01, 0.02, 0.02]


def test_a_model_without_blocks_is_named():
    with pytest.raises(ValueError, match=r"matrices in a model's nn\.ModuleLists, but here are none: use adamw"):
        muon(nn.Linear(3, 5), config())
