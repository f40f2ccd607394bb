"""Planted secrets counted, exposure by hand, DP-SGD beside Opacus: a batch's gradient, the noise, and epsilon."""

import math
import warnings

import numpy as np
import pytest
import torch
from helpers import enlarge
from torch import Generator, nn

from course_lib.gpt import GPT, GPTConfig
from course_lib.losses import next_token_loss
from course_lib.privacy import draw_secrets, epsilon, exposure, plant, poisson_rows, private_loss
from course_lib.training import TrainingConfig, train

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from opacus.accountants import PRVAccountant
    from opacus.accountants.analysis import rdp
    from opacus.grad_sample import GradSampleModule
    from opacus.optimizers import DPOptimizer

V, T, B = 13, 7, 5
BATCH = tuple(torch.randint(V, (B, T), generator=Generator().manual_seed(seed)) for seed in (0, 1))
TEXT = "\n".join(f"line {number}" for number in range(100))


class Small(nn.Module):
    """A language model of layers that Opacus knows."""

    def __init__(self):
        super().__init__()
        self.embedding, self.hidden, self.output = nn.Embedding(V, 11), nn.Linear(11, 3), nn.Linear(3, V)

    def forward(self, tokens):
        return self.output(torch.tanh(self.hidden(self.embedding(tokens).cumsum(1))))


def small():
    torch.manual_seed(0)
    return enlarge(Small())


def gradients(model, loss, batch=BATCH):
    model.zero_grad()
    loss(model, batch).backward()
    return torch.cat([weight.grad.flatten() for weight in model.parameters()])


# Secrets


def test_secrets_differ_have_their_digits_and_come_again():
    secrets = draw_secrets(900, 3, seed=5)
    assert len(set(secrets)) == 900 and {len(secret) for secret in secrets} == {3}
    assert all(secret.isdecimal() for secret in secrets) and any(secret.startswith("0") for secret in secrets)
    assert secrets == draw_secrets(900, 3, seed=5) != draw_secrets(900, 3, seed=6)


def test_planted_sentences_are_whole_lines_and_nothing_else_changes():
    planted = plant(TEXT, {"a secret": 3, "another": 0, "a third": 1}, seed=2).split("\n")
    assert planted.count("a secret") == 3 and planted.count("a third") == 1 and "another" not in planted
    assert [line for line in planted if line.startswith("line")] == TEXT.split("\n")
    assert planted != plant(TEXT, {"a secret": 3, "another": 0, "a third": 1}, seed=3).split("\n")


def test_secrets_are_planted_everywhere_first_and_last_line_included():
    places = [plant("a\nb", {"x": 1}, seed).split("\n").index("x") for seed in range(60)]
    assert {0, 1, 2} == set(places)


def test_exposure_by_hand():
    others = np.arange(1.0, 8.0)  # with the secret there are 8 candidates
    assert exposure([0.5, 1.5, 7.5], others).tolist() == [3, 2, 0]
    assert exposure([1.0], others).tolist() == [2]  # a tie counts against the secret
    assert exposure([0.5, 0.5], torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.1, 0.2]])).tolist() == [2, 0]


def test_a_secret_never_seen_has_one_and_a_half_bits():
    losses = np.random.default_rng(0).normal(size=(4000, 100))
    assert abs(exposure(losses[:, 0], losses[:, 1:]).mean() - 1 / math.log(2)) < 0.1


# DP-SGD


def test_rows_come_independently_at_their_rate_and_stay_together():
    draw = poisson_rows(torch.arange(50), 10 * torch.arange(50), rate=0.2)
    generator = Generator().manual_seed(0)
    drawn = [draw(generator) for _ in range(2000)]
    assert all(torch.equal(10 * first, second) for first, second in drawn)
    sizes = torch.tensor([float(len(first)) for first, _ in drawn])
    assert abs(sizes.mean() - 10) < 0.3 and abs(sizes.var() - 8) < 0.8  # binomial: 50 · 0.2 · 0.8
    counts = torch.cat([first for first, _ in drawn]).bincount(minlength=50)
    assert counts.min() > 300 and counts.max() < 500


@pytest.mark.parametrize("clip", [0.3, 0.65, 100.0])
def test_a_batchs_gradient_is_that_of_opacus(clip):
    ours, theirs = small(), small()
    found = gradients(ours, private_loss(next_token_loss, clip=clip, noise=0, batch_size=B))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a warning of PyTorch's hooks, about a later version
        sampled = GradSampleModule(theirs, batch_first=True)
        optimiser = DPOptimizer(
            torch.optim.SGD(sampled.parameters(), lr=0), noise_multiplier=0, max_grad_norm=clip, expected_batch_size=B
        )
        next_token_loss(sampled, BATCH).backward()
        optimiser.step()
    torch.testing.assert_close(found, torch.cat([weight.grad.flatten() for weight in theirs.parameters()]))


def test_without_clipping_and_noise_it_is_the_mean_gradient_and_the_mean_loss():
    model = enlarge(GPT(GPTConfig(vocab_size=V, context_length=T, d_model=6, n_layers=2, n_heads=2)))
    private = private_loss(next_token_loss, clip=1e9, noise=0, batch_size=B)
    torch.testing.assert_close(gradients(model, private), gradients(model, next_token_loss))
    torch.testing.assert_close(private(model, BATCH), next_token_loss(model, BATCH), check_stride=False)


def test_no_row_moves_the_sum_by_more_than_clip():
    model = small()
    private = private_loss(next_token_loss, clip=0.1, noise=0, batch_size=1)
    every = [gradients(model, private, tuple(part[row : row + 1] for part in BATCH)) for row in range(B)]
    assert all(abs(one.norm() - 0.1) < 1e-6 for one in every)
    torch.testing.assert_close(gradients(model, private), sum(every))


def test_the_noise_has_its_size_and_comes_to_an_empty_batch_too():
    model, empty = small(), tuple(part[:0] for part in BATCH)
    torch.manual_seed(1)
    private = private_loss(next_token_loss, clip=0.5, noise=3.0, batch_size=4)
    noise = torch.cat([gradients(model, private, empty) for _ in range(40)])
    assert abs(noise.std() * 4 / 1.5 - 1) < 0.03 and abs(noise.mean()) < 0.02
    torch.manual_seed(2)
    noisy = torch.stack([gradients(model, private) for _ in range(300)])
    clean = gradients(model, private_loss(next_token_loss, clip=0.5, noise=0, batch_size=4))
    assert (noisy.mean(0) - clean).abs().max() < 5 * 0.375 / math.sqrt(300)


def test_it_trains_and_a_run_repeats():
    draw = poisson_rows(*BATCH, rate=0.8)
    private = private_loss(next_token_loss, clip=1.0, noise=0.1, batch_size=4)

    def losses():
        history = train(small(), private, draw, TrainingConfig(steps=60, learning_rate=0.03, seed=1), show=False)
        return history.losses

    first = losses()
    assert np.mean(first[-10:]) < np.mean(first[:10]) - 0.3
    assert first == losses()


@pytest.mark.parametrize(
    "rate, noise, steps, delta",
    [(0.01, 1.1, 1000, 1e-5), (0.1, 2.0, 300, 1e-4), (1, 5.0, 20, 1e-3), (0.003, 0.6, 4000, 1e-6)],
)
def test_epsilon_is_opacus_bound_from_the_same_orders(rate, noise, steps, delta):
    orders = list(range(2, 257))
    spent = rdp.compute_rdp(q=rate, noise_multiplier=noise, steps=steps, orders=orders)
    theirs, _ = rdp.get_privacy_spent(orders=orders, rdp=spent, delta=delta)
    assert epsilon(rate=rate, noise=noise, steps=steps, delta=delta) == pytest.approx(float(theirs), rel=1e-6)


def test_epsilon_is_a_bound_near_the_numerical_accountants():
    accountant = PRVAccountant()
    accountant.history = [(1.1, 0.01, 1000)]
    tight = accountant.get_epsilon(delta=1e-5)
    assert tight <= epsilon(rate=0.01, noise=1.1, steps=1000, delta=1e-5) < 1.25 * tight


def test_epsilon_grows_with_steps_and_rate_and_falls_with_noise():
    def found(**changes):
        return epsilon(**{"rate": 0.05, "noise": 1.0, "steps": 100, "delta": 1e-5} | changes)

    assert found(steps=200) > found() > found(noise=2.0)
    assert found(rate=0.1) > found() > found(delta=1e-3)
