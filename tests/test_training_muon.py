"""Muon: its iteration against a decomposition by hand, its steps against PyTorch's, its groups, and that it learns."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_lib.training import TrainingConfig, muon, orthogonalise, train


def config(**changes):
    return TrainingConfig(**{"steps": 60, "learning_rate": 0.02, **changes})


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
    groups = muon(model, config(weight_decay=0.1), ratio=2).param_groups
    hidden, matrices, vectors = ([id(p) for p in group["params"]] for group in groups)
    assert hidden == [id(model.blocks[0].weight)] and matrices == [id(model.embed.weight)]
    assert vectors == [id(p) for p in (model.out.bias, model.blocks[0].bias, model.blocks[1].bias)]
    assert [group["weight_decay"] for group in groups] == [0.1, 0.1, 0.0] and groups[0]["rate_factor"] == 2


def test_steps_equal_pytorchs_muon_and_adamw():
    mine, theirs = Model(), Model()
    ours = muon(mine, config(weight_decay=0.1))
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

    history = train(Model(), next_token, draw, config(steps=200, schedule="constant"), optimiser=optimiser, show=False)
    assert history.losses[-1] < 1 < 2 < history.losses[0]
    assert [group["lr"] for group in optimisers[0].param_groups] == [0.01, 0.02, 0.02]


def test_a_model_without_blocks_is_named():
    with pytest.raises(ValueError, match=r"matrices in a model's nn\.ModuleLists, but here are none: use adamw"):
        muon(nn.Linear(3, 5), config())
