"""Bengio's network: equal to its equation and to PyTorch's own layers, blind to what is not in its context."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_lib.mlp import MLPConfig, MLPLanguageModel

SIZES = {"vocab_size": 11, "context_length": 3, "d_embed": 5, "d_hidden": 7}


@pytest.fixture
def model():
    torch.manual_seed(0)
    return MLPLanguageModel(MLPConfig(**SIZES))


@pytest.fixture
def contexts():
    return torch.randint(11, (13, 3), generator=torch.Generator().manual_seed(1))


def test_logits_are_those_of_the_equation(model, contexts):
    h, d, u, b = (p.detach() for p in (*model.hidden.parameters(), *model.output.parameters()))
    vectors = model.embed.weight.detach()
    for context, logits in zip(contexts, model(contexts), strict=True):
        x = torch.cat([vectors[token] for token in context])
        torch.testing.assert_close(logits, u @ torch.tanh(h @ x + d) + b)


def test_values_and_gradients_equal_a_convolution_over_the_text(model):
    """The same network as PyTorch's Conv1d, which slides over the text: an independent way to the same numbers."""
    text = torch.randint(11, (17,), generator=torch.Generator().manual_seed(2))
    slide = nn.Conv1d(5, 7, kernel_size=3)
    with torch.no_grad():
        slide.weight.copy_(model.hidden.weight.view(7, 3, 5).transpose(1, 2))
        slide.bias.copy_(model.hidden.bias)
    theirs = model.output(torch.tanh(slide(model.embed(text).T)).T)
    ours = model(text.unfold(0, 3, 1))
    torch.testing.assert_close(ours, theirs)
    (F.cross_entropy(ours[:-1], text[3:]) + F.cross_entropy(theirs[:-1], text[3:])).backward()
    torch.testing.assert_close(model.hidden.weight.grad.view(7, 3, 5).transpose(1, 2), slide.weight.grad)


def test_every_place_of_the_context_counts(model):
    context = torch.tensor([1, 2, 3])
    for place in range(3):
        other = context.clone()
        other[place] = 9
        assert not torch.allclose(model(context), model(other))
    assert not torch.allclose(model(context), model(context.flip(0)))


def test_any_axes_may_stand_before_the_context(model, contexts):
    torch.testing.assert_close(model(contexts.view(1, 13, 3))[0], model(contexts))
    torch.testing.assert_close(model(contexts[0]), model(contexts)[0])


def test_number_of_parameters(model):
    assert sum(p.numel() for p in model.parameters()) == 11 * 5 + (3 * 5 + 1) * 7 + (7 + 1) * 11


def test_learns_one_batch_by_heart(model, contexts):
    contexts = contexts.unique(dim=0)
    targets = torch.arange(len(contexts)) % 11
    optimise = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(150):
        optimise.zero_grad()
        F.cross_entropy(model(contexts), targets).backward()
        optimise.step()
    assert F.cross_entropy(model(contexts), targets) < 0.01


@pytest.mark.parametrize("size", SIZES)
def test_sizes_must_be_positive(size):
    with pytest.raises(ValueError, match=f"{size} must be at least 1, but it is 0"):
        MLPConfig(**{**SIZES, size: 0})


@pytest.mark.parametrize("length", [2, 4])
def test_a_context_of_another_length_is_refused(model, length):
    with pytest.raises(
        ValueError, match=rf"contexts must be .* \(\.\.\., 3\), but it is a tensor of shape \(2, {length}\)"
    ):
        model(torch.zeros(2, length, dtype=torch.long))
