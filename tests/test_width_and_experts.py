"""What the tables of widths and experts stand on: muP and its Adam, routing, the balancing loss, what is counted."""

import math

import pytest
import torch
from torch import Generator
from transformers import MixtralConfig
from transformers.models.mixtral import modeling_mixtral

from course_lib.gpt import GPT
from course_lib.training import TrainingConfig
from experiments import experts, widths
from experiments.shared import seeded

TOKENS = torch.arange(12).view(2, 6)


def test_mup_is_the_usual_gpt_at_the_base_width_and_without_rules():
    for width, rules in ((widths.BASE, widths.RULES), (4 * widths.BASE, ())):
        usual = seeded(0, lambda width=width: GPT(widths.config_of(width)))
        assert torch.equal(widths.model_of(width, 0, rules)(TOKENS), usual(TOKENS))


def test_each_rule_of_mup_changes_what_it_names():
    usual, scaled = widths.model_of(4 * widths.BASE, 0), widths.model_of(4 * widths.BASE, 0, widths.RULES)
    for before, after in zip(usual.hidden(), scaled.hidden(), strict=True):
        assert torch.allclose(after, before / 2)
    assert torch.equal(usual.embedding.weight, scaled.embedding.weight)
    assert scaled.output_factor == 0.25
    assert scaled.blocks[0].attention.factor == 0.5
    optimiser = widths.adamw_of(scaled, TrainingConfig(steps=1, learning_rate=0.01))
    factors = {id(p): group.get("rate_factor", 1) for group in optimiser.param_groups for p in group["params"]}
    assert len(factors) == len(list(scaled.parameters()))
    assert {factors[id(p)] for p in scaled.hidden()} == {0.25}
    assert factors[id(scaled.embedding.weight)] == 1


def test_a_mixture_equals_mixtrals_block_with_its_gradients():
    torch.manual_seed(0)
    ours = experts.Experts(16, 24, count=4, k=2)
    sizes = {"hidden_size": 16, "intermediate_size": 24, "num_local_experts": 4, "num_experts_per_tok": 2}
    theirs = modeling_mixtral.MixtralSparseMoeBlock(MixtralConfig(**sizes))
    theirs.gate.weight.data = ours.router.weight.data.clone()
    theirs.experts.gate_up_proj.data = torch.stack([one.hidden.weight for one in ours.experts]).detach()
    theirs.experts.down_proj.data = torch.stack([one.output.weight for one in ours.experts]).detach()
    x = torch.randn(2, 5, 16)
    assert torch.allclose(ours(x), theirs(x), atol=1e-6)
    ours(x).square().sum().backward()
    theirs(x).square().sum().backward()
    assert torch.allclose(ours.router.weight.grad, theirs.gate.weight.grad, atol=1e-5)


def test_the_balancing_loss_equals_that_of_transformers_and_is_k_at_balance():
    logits = torch.randn(50, 8, generator=Generator().manual_seed(0))
    theirs = modeling_mixtral.load_balancing_loss_func((logits,), num_experts=8, top_k=2)
    assert experts.balance_loss(logits, 2) == pytest.approx(float(theirs), abs=1e-5)
    even = torch.eye(4).repeat(3, 1) * 1e-6
    assert experts.balance_loss(even, 1) == pytest.approx(1, abs=1e-4)


def test_a_frozen_router_stays_and_active_parameters_are_equal():
    frozen, dense = experts.mixture(0, frozen=True), experts.dense(0)
    assert not any(block.feed_forward.router.weight.requires_grad for block in frozen.blocks)
    of_experts = sum(p.numel() for block in frozen.blocks for p in block.feed_forward.experts.parameters())
    of_routers = sum(block.feed_forward.router.weight.numel() for block in frozen.blocks)
    unused = of_experts * (experts.EXPERTS - experts.ACTIVE) // experts.EXPERTS
    total = sum(p.numel() for p in frozen.parameters())
    assert total - unused - of_routers == sum(p.numel() for p in dense.parameters())


def test_experts_in_use_and_shared_bits():
    assert experts.effective(torch.ones(8)) == pytest.approx(8)
    assert experts.effective(torch.tensor([1.0, 1.0, 0.0])) == pytest.approx(2)
    first, second = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 0, 1])
    assert experts.bits_shared(first, second) == pytest.approx(0, abs=1e-9)
    assert experts.bits_shared(first, first) == pytest.approx(math.log2(2))
