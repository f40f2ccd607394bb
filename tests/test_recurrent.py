"""RNN, GRU and LSTM against PyTorch's on the same weights: values, states, gradients, padding, dropout; the model."""

import pytest
import torch
from helpers import numbers
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from course_lib.recurrent import (
    GRU,
    LSTM,
    RNN,
    RecurrentLM,
    RecurrentLMConfig,
    detached,
    gru_cell,
    lstm_cell,
    rnn_cell,
)

B, T, D_IN, C = 3, 7, 5, 11
PEERS = {RNN: nn.RNN, GRU: nn.GRU, LSTM: nn.LSTM}
LENGTHS = [5, 2, 7]
every_layer = pytest.mark.parametrize("layer", PEERS, ids=lambda layer: layer.__name__)


def _pair(layer, n_layers=1, dropout=0.0):
    """Ours and PyTorch's, the same weights."""
    torch.manual_seed(n_layers)
    theirs = PEERS[layer](D_IN, C, n_layers, batch_first=True, dropout=dropout).double()
    ours = layer(D_IN, C, n_layers, dropout).double()
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def _inputs(length=T, seed=0):
    return torch.randn(B, length, D_IN, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def _state(layer, n_layers):
    parts = torch.randn(2, n_layers, B, C, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    return (parts[0], parts[1]) if layer is LSTM else parts[0]


def _leaves(state):
    """The tensors of a state, ready for gradients."""
    return [part.requires_grad_() for part in (state if isinstance(state, tuple) else (state,))]


def _gradients(module, inputs, result):
    """What a fixed function of outputs and states gives for every input and weight."""
    tensors = [part for one in result for part in (one if isinstance(one, tuple) else (one,))]
    loss = sum((tensor * torch.linspace(-1, 1, tensor.numel()).view_as(tensor)).sum() for tensor in tensors)
    return torch.autograd.grad(loss, [*inputs, *module.parameters()])


@every_layer
@pytest.mark.parametrize("n_layers", [1, 2, 3])
@pytest.mark.parametrize("given", [False, True], ids=["zeros", "state"])
def test_values_and_gradients_equal_pytorch(layer, n_layers, given):
    ours, theirs = _pair(layer, n_layers)
    x = _inputs().requires_grad_()
    state = _state(layer, n_layers) if given else None
    leaves = [x, *(_leaves(state) if given else [])]
    mine, peer = ours(x, state), theirs(x, state)
    torch.testing.assert_close(mine, peer)
    torch.testing.assert_close(_gradients(ours, leaves, mine), _gradients(theirs, leaves, peer))


@every_layer
@pytest.mark.parametrize("n_layers", [1, 3])
@pytest.mark.parametrize("given", [False, True], ids=["zeros", "state"])
def test_padding_equals_pytorchs_packed_sequences(layer, n_layers, given):
    ours, theirs = _pair(layer, n_layers)
    x = _inputs().requires_grad_()
    state = _state(layer, n_layers) if given else None
    leaves = [x, *(_leaves(state) if given else [])]
    packed, last = theirs(pack_padded_sequence(x, LENGTHS, batch_first=True, enforce_sorted=False), state)
    peer = pad_packed_sequence(packed, batch_first=True)[0], last
    gradients = _gradients(theirs, leaves, peer)
    mask = torch.arange(T) < torch.tensor(LENGTHS)[:, None]
    for padding in ({"lengths": LENGTHS}, {"lengths": torch.tensor(LENGTHS)}, {"mask": mask}):
        mine = ours(x, state, **padding)
        torch.testing.assert_close(mine, peer)
        torch.testing.assert_close(_gradients(ours, leaves, mine), gradients)


@every_layer
def test_a_mask_may_have_holes_and_padding_changes_nothing(layer):
    ours, _ = _pair(layer, 2)
    x, mask = _inputs(), torch.tensor([[1, 0, 1, 1, 0, 0, 1], [0, 0, 0, 1, 1, 1, 1], [0] * 7]).bool()
    outputs, state = ours(x, mask=mask)
    other = torch.where(mask[:, :, None], x, 1e3)
    torch.testing.assert_close(ours(other, mask=mask), (outputs, state), rtol=0, atol=0)
    for row in range(B):
        alone, after = ours(x[row : row + 1, mask[row]])
        torch.testing.assert_close(outputs[row, mask[row]], alone[0])
        for part, whole in zip(*((s if layer is LSTM else (s,)) for s in (after, state)), strict=True):
            torch.testing.assert_close(whole[:, row], part[:, 0])
    assert not outputs[~mask].any()


@every_layer
def test_a_sequence_may_be_read_in_two_parts(layer):
    ours, _ = _pair(layer, 2)
    x = _inputs()
    outputs, state = ours(x)
    first, between = ours(x[:, :3])
    second, after = ours(x[:, 3:], between)
    torch.testing.assert_close((torch.cat([first, second], dim=1), after), (outputs, state))
    nothing, still = ours(x[:, :0], between)
    assert nothing.shape == (B, 0, C)
    torch.testing.assert_close(still, between, rtol=0, atol=0)


@every_layer
def test_a_later_input_changes_nothing_earlier(layer):
    ours, _ = _pair(layer, 2)
    x = _inputs()
    other = x.clone()
    other[:, 4] += 1
    before, after = ours(x)[0], ours(other)[0]
    torch.testing.assert_close(before[:, :4], after[:, :4], rtol=0, atol=0)
    assert (before[:, 4:] != after[:, 4:]).any(-1).all()


@every_layer
def test_dropout_is_pytorchs_between_layers_and_in_training_only(layer):
    ours, theirs = _pair(layer, 3, dropout=0.4)
    x, results = _inputs(), []
    for module in (ours, theirs, ours):
        torch.manual_seed(len(results) // 2)
        results.append(module(x))
    torch.testing.assert_close(results[0], results[1])
    assert not torch.allclose(results[0][0], results[2][0]), "another seed, other numbers zeroed"
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))
    single = layer(D_IN, C, dropout=0.9).double()
    torch.testing.assert_close(single(x), single.eval()(x), rtol=0, atol=0)


@every_layer
def test_first_weights_are_pytorchs(layer):
    weights = []
    for make in (layer, PEERS[layer]):
        torch.manual_seed(5)
        weights.append(dict(make(D_IN, C, 2).state_dict()))
    assert list(weights[0]) == list(weights[1])
    torch.testing.assert_close(*weights, rtol=0, atol=0)


@pytest.mark.parametrize("cell, peer", [(rnn_cell, nn.RNNCell), (gru_cell, nn.GRUCell), (lstm_cell, nn.LSTMCell)])
def test_cells_equal_pytorchs(cell, peer):
    theirs = peer(D_IN, C).double()
    x, h, c = numbers(B, D_IN), numbers(B, C), numbers(1, B, C)[0]
    projected = F.linear(x, theirs.weight_ih, theirs.bias_ih)
    state = (h, c) if cell is lstm_cell else (h,)
    expected = theirs(x, state if cell is lstm_cell else h)
    torch.testing.assert_close(cell(projected, *state, theirs.weight_hh, theirs.bias_hh), expected)


@pytest.mark.parametrize(
    "work, words",
    [
        (lambda: GRU(0, 5), "d_in must be at least 1, but it is 0"),
        (lambda: RNN(3, 0), "d_hidden must be at least 1"),
        (lambda: LSTM(3, 5, 0), "n_layers must be at least 1"),
        (lambda: LSTM(3, 5, dropout=1.5), "dropout must be at least 0 and below 1, but it is 1.5"),
        (lambda: GRU(3, 5)(torch.zeros(2, 7, 4)), r"inputs must be .* \(batch, time, 3\), but .* \(2, 7, 4\)"),
        (lambda: GRU(3, 5)(torch.zeros(2, 7, 3), torch.zeros(1, 3, 5)), r"\(1, 2, 5\), but it is \(1, 3, 5\)"),
        (lambda: GRU(3, 5)(torch.zeros(2, 7, 3), (torch.zeros(1, 2, 5),) * 2), "state must be 1 x"),
        (lambda: LSTM(3, 5)(torch.zeros(2, 7, 3), torch.zeros(1, 2, 5)), "state must be 2 x"),
        (
            lambda: GRU(3, 5)(torch.zeros(2, 7, 3), lengths=[8, 1]),
            r"lengths must be from 0 to 7, but they are \[8, 1\]",
        ),
        (lambda: GRU(3, 5)(torch.zeros(2, 7, 3), lengths=[-1, 1]), "lengths must be from 0 to 7"),
        (lambda: GRU(3, 5)(torch.zeros(2, 7, 3), lengths=[7]), r"lengths must be a tensor of integers \(2\)"),
        (lambda: GRU(3, 5)(torch.zeros(2, 7, 3), mask=torch.ones(2, 6).bool()), r"mask must be .*\(2, 7\).*\(2, 6\)"),
        (lambda: GRU(3, 5)(torch.zeros(1, 1, 3), lengths=[1], mask=torch.ones(1, 1).bool()), "both are given"),
        (lambda: RecurrentLMConfig(vocab_size=0), "vocab_size must be at least 1"),
        (lambda: RecurrentLMConfig(vocab_size=3, d_embed=0), "d_embed must be at least 1"),
        (lambda: RecurrentLMConfig(vocab_size=3, dropout=-0.1), "dropout must be at least 0 and below 1"),
    ],
)
def test_what_will_not_do(work, words):
    with pytest.raises(ValueError, match=words):
        work()


V = 13
CONFIG = RecurrentLMConfig(vocab_size=V, d_embed=5, d_hidden=11, n_layers=2)


def _model(layer=GRU, **changes):
    torch.manual_seed(0)
    return RecurrentLM(RecurrentLMConfig(**{**vars(CONFIG), "layer": layer.__name__, **changes})).double().eval()


def _tokens(rows=3, length=7):
    return torch.randint(V, (rows, length), generator=torch.Generator().manual_seed(2))


@every_layer
def test_logits_are_those_of_pytorchs_layers(layer):
    model = _model(layer)
    theirs = PEERS[layer](5, 11, 2, batch_first=True).double()
    theirs.load_state_dict(model.recurrent.state_dict())
    torch.testing.assert_close(model(_tokens()), model.output(theirs(model.embed(_tokens()))[0]))


@every_layer
def test_steps_give_the_logits_of_the_whole(layer):
    model, tokens = _model(layer), _tokens()
    state = model.start(tokens[:, :3])
    for place in range(3, 7):
        logits, state = model.step(tokens[:, place], state)
        torch.testing.assert_close(logits, model(tokens)[:, place])
    torch.testing.assert_close(state, model.run(tokens)[1])


@every_layer
def test_start_reads_rows_of_unequal_length_as_each_alone(layer):
    model, tokens, lengths = _model(layer), _tokens(), [4, 0, 7]
    state = model.start(tokens, torch.tensor(lengths))
    logits, _ = model.step(torch.tensor([1, 2, 3]), state)
    for row, length in enumerate(lengths):
        alone = torch.cat([tokens[row, :length], torch.tensor([row + 1])])
        torch.testing.assert_close(logits[row], model(alone[None])[0, -1])


@every_layer
def test_detached_states_carry_values_but_no_gradients(layer):
    model, tokens = _model(layer), _tokens()
    whole = model(tokens)
    _, state = model.run(tokens[:, :4])
    cut = detached(state)
    torch.testing.assert_close(cut, state, rtol=0, atol=0)
    for carried, flows in ((state, True), (cut, False)):
        logits, _ = model.run(tokens[:, 4:], carried)
        torch.testing.assert_close(logits, whole[:, 4:])
        (gradient,) = torch.autograd.grad(logits.sum(), model.embed.weight, retain_graph=True)
        only_earlier = sorted({*tokens[:, :4].flatten().tolist()} - {*tokens[:, 4:].flatten().tolist()})
        assert only_earlier and gradient[only_earlier].any().item() is flows


def test_dropout_touches_vectors_layers_and_outputs_in_training_only():
    model = _model(dropout=0.5)
    torch.testing.assert_close(model(_tokens()), _model()(_tokens()), rtol=0, atol=0)
    reached = []
    for module in (model.recurrent, model.output):
        module.register_forward_pre_hook(lambda module, inputs: reached.append((inputs[0] == 0).double().mean().item()))
    model.train()(_tokens(31, 17))
    assert reached == pytest.approx([0.5, 0.5], abs=0.06) and model.recurrent.dropout == 0.5


@every_layer
def test_learns_one_batch_by_heart(layer):
    model, tokens = _model(layer, d_hidden=23).train().float(), _tokens(5, 8)
    tokens[:, 0] = torch.arange(5)
    optimise = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(60):
        loss = F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())
        optimise.zero_grad()
        loss.backward()
        optimise.step()
    assert loss < 0.05
