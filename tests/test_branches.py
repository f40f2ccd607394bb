"""Chats side by side in one row: the losses, gradients and scores of rows of their own."""

import pytest
import torch

from course_lib.gpt import ModernGPT, ModernGPTConfig
from course_lib.tuning import answer_loss, answer_rows, summed_log_probabilities
from experiments.branches import branched, branches_loss, common_beginning, scored

BEGINNING, END = [1, 2, 3], 0
PAIRS = [([], [4, 5]), ([7], [8, 9, 10]), ([], [11]), ([6, 6], [4])]


@pytest.fixture
def model():
    torch.manual_seed(0)
    config = ModernGPTConfig(vocab_size=13, d_model=24, n_heads=6, n_kv_heads=2, n_layers=2)
    writer = ModernGPT(config)
    for weight in writer.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    return writer


def test_losses_and_gradients_are_those_of_rows_of_their_own(model):
    rows = answer_rows([(BEGINNING + read, answer) for read, answer in PAIRS], end_token=END, context_length=12)
    batch = branched(BEGINNING, PAIRS, END)
    found = []
    for loss, some in ((answer_loss, rows), (branches_loss, batch)):
        model.zero_grad()
        value = loss(model, some)
        value.backward()
        found.append([value.detach(), *(weight.grad for weight in model.parameters())])
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-6)
    nats, _ = scored(model, batch)
    torch.testing.assert_close(torch.tensor(nats), -summed_log_probabilities(model, rows), rtol=1e-4, atol=1e-5)


def test_an_answer_is_right_where_each_of_its_tokens_is_the_most_probable(model):
    with torch.no_grad():
        [first] = model(torch.tensor([BEGINNING]))[:, -1].argmax(dim=-1).tolist()
        [second] = model(torch.tensor([[*BEGINNING, first]]))[:, -1].argmax(dim=-1).tolist()
    _, right = scored(model, branched(BEGINNING, [([], [first]), ([], [(first + 1) % 13])], end_token=second))
    assert right == [True, False]


def test_what_chats_have_in_common_is_their_beginning():
    assert common_beginning([[1, 2, 3], [1, 2, 4, 5]]) == [1, 2]
    assert common_beginning([[1, 2], [3]]) == []
