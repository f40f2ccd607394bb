"""The loss of a batch, of held-out windows and of a long text, beside sums by hand."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_lib.gpt import GPT, GPTConfig
from course_lib.losses import next_token_loss, text_losses, token_losses
from course_lib.mlp import MLPConfig, MLPLanguageModel

V, T = 13, 6
INPUTS, TARGETS = torch.randint(V, (2, 5, T), generator=torch.Generator().manual_seed(0))


def gpt(context_length=T, **changes):
    torch.manual_seed(0)
    return GPT(GPTConfig(vocab_size=V, context_length=context_length, d_model=10, n_layers=2, n_heads=2, **changes))


def by_hand(model, inputs, targets):
    return -model(inputs).log_softmax(dim=-1).gather(-1, targets[..., None])[..., 0]


def test_a_batchs_loss_is_the_mean_over_its_tokens_and_can_be_learned_from():
    model = gpt()
    loss = next_token_loss(model, (INPUTS, TARGETS))
    torch.testing.assert_close(loss, by_hand(model, INPUTS, TARGETS).mean())
    loss.backward()
    assert all(weight.grad is not None for weight in model.parameters())


def test_a_model_of_one_prediction_a_context():
    model, targets = MLPLanguageModel(MLPConfig(vocab_size=V, context_length=T)), TARGETS[:, 0]
    torch.testing.assert_close(next_token_loss(model, (INPUTS, targets)), by_hand(model, INPUTS, targets).mean())
    torch.testing.assert_close(token_losses(model, INPUTS, targets, 2), by_hand(model, INPUTS, targets))


@pytest.mark.parametrize("batch_size", [1, 2, 5, 64])
def test_held_out_losses_are_of_every_token_whatever_the_batches(batch_size):
    model = gpt(dropout=0.5)
    losses = token_losses(model, INPUTS, TARGETS, batch_size)
    assert model.training and not losses.requires_grad
    torch.testing.assert_close(losses, by_hand(model.eval(), INPUTS, TARGETS).detach())


class Repeats(nn.Module):
    """It holds what it has read last for the likeliest to come."""

    def __init__(self, context_length):
        super().__init__()
        self.config = GPTConfig(vocab_size=V, context_length=context_length)

    def forward(self, tokens):
        assert tokens.shape[1] <= self.config.context_length
        return F.one_hot(tokens, V).float()


class Counts(Repeats):
    """Its loss for token 0 is the number of tokens that it sees."""

    def forward(self, tokens):
        p = torch.exp(-torch.arange(1.0, tokens.shape[1] + 1)).expand(len(tokens), -1)
        return torch.stack([p, 1 - p], dim=-1).log()


@pytest.mark.parametrize("context_length", [1, 5, 6])
@pytest.mark.parametrize("length", [2, 4, 6, 7, 8, 9, 10, 23, 24])
def test_each_token_of_a_long_text_is_predicted_once_after_half_a_window(context_length, length):
    text = torch.randint(V, (length,), generator=torch.Generator().manual_seed(length))
    expected = F.cross_entropy(F.one_hot(text[:-1], V).float(), text[1:], reduction="none")
    torch.testing.assert_close(text_losses(Repeats(context_length), text, batch_size=3), expected)
    seen = text_losses(Counts(context_length), torch.zeros_like(text)).round().int().tolist()
    assert seen[:context_length] == list(range(1, length))[:context_length]
    assert all(context_length / 2 < count <= context_length for count in seen[context_length:])


def test_what_will_not_do():
    with pytest.raises(ValueError, match=r"targets must have the shape \(5, 6\), but it is .*6, 5"):
        next_token_loss(gpt(), (INPUTS, TARGETS.T))
    with pytest.raises(ValueError, match="a text to predict must have at least 2 tokens, but it is 1"):
        text_losses(gpt(), torch.tensor([3]))
