"""The GRU encoder-decoder against PyTorch's GRU and against its equations written out; padding, order, steps."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from course_lib.attention import recorded
from course_lib.recurrent import GRU
from course_lib.seq2seq import Encoder, Seq2Seq, Seq2SeqConfig

V, B, S, T = 17, 3, 7, 5
CONFIG = {"vocab_size": V, "d_embed": 5, "d_hidden": 22, "dropout": 0.0}
KINDS = ("none", "additive", "multiplicative")
LENGTHS = [4, 7, 1]
every_kind = pytest.mark.parametrize("kind", KINDS)


def _model(kind="additive", **changes):
    torch.manual_seed(3)
    return Seq2Seq(Seq2SeqConfig(**{**CONFIG, "attention": kind, **changes})).double()


def _tokens(rows, length, seed=0):
    """No padding among them."""
    return torch.randint(1, V, (rows, length), generator=torch.Generator().manual_seed(seed))


def _batch():
    source = _tokens(B, S)
    for row, length in zip(source, LENGTHS, strict=True):
        row[length:] = 0
    return source, _tokens(B, T, seed=1)


def _load(theirs, encoder):
    """Our two GRUs' weights in PyTorch's one that reads both ways."""
    weights = encoder.forwards.state_dict()
    weights |= {f"{name}_reverse": weight for name, weight in encoder.backwards.state_dict().items()}
    theirs.load_state_dict(weights)
    return theirs


def _read_by_pytorch(theirs, x):
    """What stands at each token, and the last states of both directions."""
    packed, last = theirs(pack_padded_sequence(x, LENGTHS, batch_first=True, enforce_sorted=False))
    return pad_packed_sequence(packed, batch_first=True)[0], torch.cat([last[0], last[1]], dim=-1)


def test_encoder_equals_pytorchs_bidirectional_gru_on_packed_sequences():
    encoder = Encoder(5, 22).double()
    theirs = _load(nn.GRU(5, 11, batch_first=True, bidirectional=True).double(), encoder)
    x = torch.randn(B, S, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(2)).requires_grad_()
    results = []
    for read in (lambda: encoder(x, torch.tensor(LENGTHS)), lambda: _read_by_pytorch(theirs, x)):
        memory, summary = read()
        assert memory.shape == (B, S, 22) and summary.shape == (B, 22)
        loss = (memory * torch.linspace(-1, 1, memory.numel()).view_as(memory)).sum() + summary.pow(3).sum()
        results.append((memory, summary, torch.autograd.grad(loss, x)[0]))
    torch.testing.assert_close(*results)


def _score(attention, query, key):
    """How well one query fits one key, by the papers' formulas."""
    if hasattr(attention, "query"):
        hidden = [attention.query.weight[i] @ query + attention.key.weight[i] @ key for i in range(len(query))]
        return sum(v * torch.tanh(one) for v, one in zip(attention.score, hidden, strict=True))
    return query @ (attention.key.weight @ key)


def _by_the_equations(model, source, target):
    """The logits of one pair, one position after the other; PyTorch's GRU reads, its cell writes."""
    width = model.config.d_hidden
    encoder = _load(nn.GRU(5, width // 2, bidirectional=True).double(), model.encoder)
    cell = nn.GRUCell(5, width).double()
    cell.load_state_dict({name.removesuffix("_l0"): w for name, w in model.decoder.state_dict().items()})
    memory, last = encoder(model.embedding(source))
    summary = torch.cat([last[0], last[1]])
    state, logits = torch.tanh(model.bridge(summary)), []
    for token in target:
        state = cell(model.embedding(token), state)
        context = summary
        if model.attention is not None:
            exps = [_score(model.attention, state, key).exp() for key in memory]
            context = sum(e * key for e, key in zip(exps, memory, strict=True)) / sum(exps)
        logits.append(model.output(torch.tanh(model.combine(torch.cat([state, context])))))
    return torch.stack(logits)


@every_kind
def test_logits_are_those_of_the_equations(kind):
    model = _model(kind)
    source, target = _batch()
    logits = model(source, target)
    assert logits.shape == (B, T, V)
    for row, length in enumerate(LENGTHS):
        torch.testing.assert_close(logits[row], _by_the_equations(model, source[row, :length], target[row]))


def test_attention_by_hand():
    """Two source tokens whose states are 1 and -1 in the first number; all that is not set is 0."""
    expected = {"additive": 0.5 * (math.tanh(1.3) - math.tanh(-0.7)), "multiplicative": 0.3 * 2 * 2}
    for kind, difference in expected.items():
        attention = _model(kind, d_hidden=2).attention
        for parameter in attention.parameters():
            nn.init.zeros_(parameter)
        with torch.no_grad():
            attention.key.weight[0, 0] = 1 if kind == "additive" else 2
            if kind == "additive":
                attention.query.weight[0, 0], attention.score[0] = 1, 0.5
        memory = torch.tensor([[[1.0, 5.0], [-1.0, 5.0]]], dtype=torch.float64)
        mean = attention(torch.tensor([[[0.3, 7.0]]], dtype=torch.float64), memory)
        first = 1 / (1 + math.exp(-difference))
        torch.testing.assert_close(mean, torch.tensor([[[2 * first - 1, 5.0]]], dtype=torch.float64))


@every_kind
def test_padding_changes_nothing_and_gets_no_weight(kind):
    model = _model(kind)
    source, target = _batch()
    longer = F.pad(source, (0, 3))
    torch.testing.assert_close(model(longer, target), model(source, target))
    for row, length in enumerate(LENGTHS):
        alone = model(source[row : row + 1, :length], target[row : row + 1])
        torch.testing.assert_close(model(longer, target)[row], alone[0])
    if kind != "none":
        with recorded(model) as maps:
            model(longer, target)
        [weights] = maps["attention"]
        assert weights.shape == (B, 1, T, S + 3)
        torch.testing.assert_close(weights.sum(-1), torch.ones_like(weights[..., 0]))
        for row, length in enumerate(LENGTHS):
            assert (weights[row, ..., :length] > 0).all() and not weights[row, ..., length:].any()


@every_kind
def test_a_later_target_token_changes_nothing_earlier(kind):
    model = _model(kind)
    source, target = _batch()
    other = target.clone()
    other[:, 3] = other[:, 3] % (V - 1) + 1
    before, after = model(source, target), model(source, other)
    torch.testing.assert_close(after[:, :3], before[:, :3], rtol=0, atol=0)
    assert (before[:, 3:] != after[:, 3:]).any(-1).all()


@every_kind
def test_every_source_token_reaches_every_target_position(kind):
    model = _model(kind)
    source, target = _tokens(B, S), _tokens(B, T, seed=1)
    for place in (0, S - 1):
        other = source.clone()
        other[:, place] = other[:, place] % (V - 1) + 1
        assert (model(source, target) != model(other, target)).any(-1).all()


@every_kind
def test_steps_give_the_logits_of_the_whole(kind):
    model = _model(kind)
    source, target = _batch()
    whole, state = model(source, target), model.start(source, torch.tensor(LENGTHS))
    for place in range(T):
        logits, state = model.step(target[:, place], state)
        torch.testing.assert_close(logits, whole[:, place])
    begun, between = model.write(target[:, :2], model.start(source, torch.tensor(LENGTHS)))
    torch.testing.assert_close(torch.cat([begun, model.write(target[:, 2:], between)[0]], dim=1), whole)


@every_kind
def test_reordered_states_go_on_as_their_rows_would(kind):
    model = _model(kind)
    source, target = _batch()
    _, state = model.step(target[:, 0], model.start(source, torch.tensor(LENGTHS)))
    rows = torch.tensor([2, 0, 0, 1, 2])
    logits, after = model.step(target[rows, 1], model.reorder(state, rows))
    torch.testing.assert_close(logits, model(source, target)[rows, 1])
    torch.testing.assert_close(model.step(target[rows, 2], after)[0], model(source, target)[rows, 2])


@every_kind
def test_gradients_reach_every_parameter(kind):
    model = _model(kind)
    model(*_batch()).pow(2).sum().backward()
    names = [name for name, parameter in model.named_parameters() if parameter.grad is None or not parameter.grad.any()]
    assert not names
    assert any(name.startswith("attention.") for name, _ in model.named_parameters()) is (kind != "none")


@every_kind
def test_learns_one_batch_by_heart(kind):
    model = _model(kind, d_embed=13).float()
    source, target = _batch()
    optimiser = torch.optim.Adam(model.parameters(), lr=0.03)
    for _ in range(100):
        loss = F.cross_entropy(model(source, target[:, :-1]).flatten(0, 1), target[:, 1:].flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss < 0.05


def test_dropout_touches_both_embeddings_and_what_gives_the_logits_in_training_only():
    model = _model(dropout=0.5)
    source, target = _tokens(31, S), _tokens(31, T, seed=1)
    torch.testing.assert_close(model.eval()(source, target), _model()(source, target), rtol=0, atol=0)
    reached = {}
    for name in ("encoder", "decoder", "combine", "output"):
        getattr(model, name).register_forward_pre_hook(
            lambda module, inputs, name=name: reached.update({name: (inputs[0] == 0).double().mean().item()})
        )
    model.train()(source, target)
    assert reached == pytest.approx({"encoder": 0.5, "decoder": 0.5, "combine": 0, "output": 0.5}, abs=0.07)


def test_the_decoder_is_the_courses_gru_of_one_layer():
    model = _model()
    assert isinstance(model.decoder, GRU) and model.decoder.n_layers == 1


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"vocab_size": 0}, "vocab_size must be at least 1, but it is 0"),
        ({"d_embed": 0}, "d_embed must be at least 1"),
        ({"d_hidden": 0}, "d_hidden must be at least 1"),
        ({"d_hidden": 23}, "d_hidden must be even: half of it for each direction, but it is 23"),
        ({"dropout": 1.0}, "dropout must be at least 0 and below 1, but it is 1.0"),
        ({"dropout": -0.1}, "dropout must be at least 0"),
        ({"attention": "dot"}, "attention must be one of none, additive, multiplicative, but it is 'dot'"),
    ],
)
def test_what_will_not_do(changes, words):
    with pytest.raises(ValueError, match=words):
        Seq2SeqConfig(**{**CONFIG, **changes})
