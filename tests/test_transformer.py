"""The Transformer against PyTorch's on the same weights: values and gradients; causality, padding, steps; learning."""

import math
import warnings

import pytest
import torch
from helpers import numbers
from torch import nn
from torch.nn import functional as F

from course_lib.attention import causal_mask, recorded
from course_lib.positions import sinusoidal
from course_lib.transformer import (
    DecoderBlock,
    EncoderBlock,
    FeedForward,
    PostNorm,
    PreNorm,
    Transformer,
    TransformerConfig,
)
from course_lib.translation import BEGIN, Pairs, translation_loss

B, S, T, C, HEADS, D_FF, V = 3, 7, 5, 12, 2, 11, 13
SIZES = {"vocab_size": V, "context_length": 17, "d_model": C, "n_heads": HEADS, "d_ff": D_FF, "dropout": 0}
LENGTHS = [7, 4, 1]
every_norm = pytest.mark.parametrize("norm", ["pre", "post"])
every_position = pytest.mark.parametrize("positions", ["sinusoidal", "learned", "rotary", "none"])


def _config(**changes):
    return TransformerConfig(**{**SIZES, **changes})


def _random_biases(module):
    """Biases begin at 0 and gains at 1, where a forgotten one would not be noticed."""
    for parameter in module.parameters():
        if parameter.ndim == 1:
            nn.init.normal_(parameter, mean=0.3)


def _model(seed=0, **changes):
    torch.manual_seed(seed)
    model = Transformer(_config(**changes)).double()
    _random_biases(model)
    return model


def _texts():
    """Sources of three lengths and targets."""
    generator = torch.Generator().manual_seed(1)
    source = torch.randint(3, V, (B, S), generator=generator)
    source[torch.arange(S) >= torch.tensor(LENGTHS)[:, None]] = 0
    target = torch.randint(3, V, (B, T), generator=generator)
    target[:, 0] = BEGIN
    return source, target


def _layer(kind, norm, n_heads=HEADS):
    return kind(C, n_heads, D_FF, dropout=0.0, batch_first=True, norm_first=norm == "pre").double()


ATTENTION = {"projection.weight": "in_proj_weight", "projection.bias": "in_proj_bias"}
ATTENTION |= {f"output.{kind}": f"out_proj.{kind}" for kind in ("weight", "bias")}


def _names(block):
    """For each of our block's parameters the name of PyTorch's."""
    names = {f"attention.{ours}": f"self_attn.{theirs}" for ours, theirs in ATTENTION.items()}
    if isinstance(block, DecoderBlock):
        names |= {f"cross_attention.{ours}": f"multihead_attn.{theirs}" for ours, theirs in ATTENTION.items()}
    for kind in ("weight", "bias"):
        names |= {f"feed_forward.0.{kind}": f"linear1.{kind}", f"feed_forward.2.{kind}": f"linear2.{kind}"}
        names |= {f"residuals.{n}.norm.{kind}": f"norm{n + 1}.{kind}" for n in range(len(block.residuals))}
    assert set(names) == {name for name, _ in block.named_parameters()}
    return names


def _copy(block, theirs):
    weights = block.state_dict()
    theirs.load_state_dict({there: weights[here] for here, there in _names(block).items()})


def _same_gradients(block, theirs):
    peers = dict(theirs.named_parameters())
    for here, there in _names(block).items():
        torch.testing.assert_close(block.get_parameter(here).grad, peers[there].grad, msg=lambda m, n=here: f"{n}: {m}")


def _backward(result):
    (result * torch.linspace(-1, 1, result.numel(), dtype=result.dtype).view_as(result)).sum().backward()


@every_norm
def test_an_encoder_block_equals_pytorchs(norm):
    torch.manual_seed(2)
    ours, theirs = EncoderBlock(_config(norm=norm)).double(), _layer(nn.TransformerEncoderLayer, norm)
    _random_biases(ours)
    _copy(ours, theirs)
    x, y = numbers(B, S, C).requires_grad_(), numbers(B, S, C).requires_grad_()
    padding = torch.arange(S) >= torch.tensor(LENGTHS)[:, None]
    mine, peer = ours(x, ~padding[:, None, None]), theirs(y, src_key_padding_mask=padding)
    torch.testing.assert_close(mine, peer)
    _backward(mine)
    _backward(peer)
    torch.testing.assert_close(x.grad, y.grad)
    _same_gradients(ours, theirs)


@every_norm
def test_a_decoder_block_equals_pytorchs(norm):
    torch.manual_seed(3)
    ours, theirs = DecoderBlock(_config(norm=norm)).double(), _layer(nn.TransformerDecoderLayer, norm)
    _random_biases(ours)
    _copy(ours, theirs)
    inputs = [[numbers(B, T, C).requires_grad_(), numbers(B, S, C).requires_grad_()] for _ in range(2)]
    padding, causal = torch.arange(S) >= torch.tensor(LENGTHS)[:, None], causal_mask(T)
    mine = ours(*inputs[0], causal, ~padding[:, None, None])
    peer = theirs(*inputs[1], tgt_mask=~causal, memory_key_padding_mask=padding)
    torch.testing.assert_close(mine, peer)
    _backward(mine)
    _backward(peer)
    torch.testing.assert_close([x.grad for x in inputs[0]], [x.grad for x in inputs[1]])
    _same_gradients(ours, theirs)


class Peer(nn.Module):
    """The same model from PyTorch's parts.

    nn.Transformer ends both stacks with a LayerNorm in either order of norms; after a post-norm block, which ends with
    one, neither the paper nor ours has it: so it is None there.
    """

    def __init__(self, ours):
        super().__init__()
        config = ours.config
        self.scale, self.positions = math.sqrt(config.d_model), sinusoidal(32, config.d_model).double()
        self.embedding = nn.Embedding.from_pretrained(ours.embedding.weight.detach().clone(), freeze=False)
        sizes = {"d_model": config.d_model, "nhead": config.n_heads, "dim_feedforward": config.d_ff, "dropout": 0.0}
        sizes |= {"num_encoder_layers": len(ours.encoder), "num_decoder_layers": len(ours.decoder)}
        with warnings.catch_warnings(action="ignore"):  # of a fast path that norm_first rules out
            self.transformer = nn.Transformer(**sizes, norm_first=config.norm == "pre", batch_first=True).double()
        for part in ("encoder", "decoder"):
            stack = getattr(self.transformer, part)
            for block, theirs in zip(getattr(ours, part), stack.layers, strict=True):
                _copy(block, theirs)
            if config.norm == "pre":
                stack.norm.load_state_dict(getattr(ours, f"{part}_norm").state_dict())
            else:
                stack.norm = None

    def forward(self, source, target):
        x, y = (self.embedding(t) * self.scale + self.positions[: t.shape[1]] for t in (source, target))
        later, padding = ~causal_mask(target.shape[1]), source == 0
        masks = {"tgt_mask": later, "src_key_padding_mask": padding, "memory_key_padding_mask": padding}
        return F.linear(self.transformer(x, y, **masks), self.embedding.weight)


@every_norm
@pytest.mark.parametrize("layers", [(1, 1), (2, 3)])
def test_the_whole_equals_pytorchs_in_logits_and_gradients(norm, layers):
    ours = _model(norm=norm, n_encoder_layers=layers[0], n_decoder_layers=layers[1])
    theirs = Peer(ours)
    mine, peer = ours(*_texts()), theirs(*_texts())
    torch.testing.assert_close(mine, peer)
    _backward(mine)
    _backward(peer)
    torch.testing.assert_close(ours.embedding.weight.grad, theirs.embedding.weight.grad)
    for blocks, stack in ((ours.encoder, theirs.transformer.encoder), (ours.decoder, theirs.transformer.decoder)):
        for block, layer in zip(blocks, stack.layers, strict=True):
            _same_gradients(block, layer)


def test_feed_forward_by_hand():
    layer = FeedForward(1, 2)
    weights = [torch.tensor([[2.0], [-3.0]]), torch.tensor([1.0, 1.0]), torch.tensor([[5.0, 7.0]]), torch.tensor([0.5])]
    layer.load_state_dict(dict(zip(["0.weight", "0.bias", "2.weight", "2.bias"], weights, strict=True)))
    torch.testing.assert_close(layer(torch.tensor([[[1.0], [-1.0]]])), torch.tensor([[[15.5], [28.5]]]))


@every_norm
@every_position
def test_a_later_token_changes_nothing_earlier(norm, positions):
    model, (source, target) = _model(norm=norm, positions=positions), _texts()
    other = target.clone()
    other[:, 3] = (other[:, 3] + 1) % (V - 3) + 3
    before, after = model(source, target), model(source, other)
    torch.testing.assert_close(before[:, :3], after[:, :3], rtol=0, atol=0)
    assert (before[:, 3:] != after[:, 3:]).any(-1).all()


@every_position
def test_each_source_token_counts(positions):
    model, (source, target) = _model(positions=positions), _texts()
    for place in range(S):
        other = source.clone()
        other[0, place] = (other[0, place] + 1) % (V - 3) + 3
        changed = (model(other, target) != model(source, target)).any(-1)
        assert changed[0].all() and not changed[1:].any(), "in its own row alone"


@every_norm
@every_position
def test_padding_changes_nothing(norm, positions):
    model, (source, target) = _model(norm=norm, positions=positions), _texts()
    logits = model(source, target)
    wider, longer = F.pad(source, (0, 3)), F.pad(target, (0, 2))
    torch.testing.assert_close(model(wider, longer)[:, :T], logits)
    for row, length in enumerate(LENGTHS):
        torch.testing.assert_close(model(source[row : row + 1, :length], target[row : row + 1])[0], logits[row])


@every_norm
@every_position
def test_steps_give_the_logits_of_the_whole(norm, positions):
    model, (source, target) = _model(norm=norm, positions=positions, n_decoder_layers=3), _texts()
    logits, state = model(source, target), model.start(source, torch.tensor(LENGTHS))
    for place in range(T):
        each, state = model.step(target[:, place], state)
        torch.testing.assert_close(each, logits[:, place])


@every_position
@pytest.mark.parametrize("written", [0, 2])
def test_reordered_rows_go_on_as_their_own(positions, written):
    model, (source, target) = _model(positions=positions), _texts()
    state = model.start(source, torch.tensor(LENGTHS))
    for place in range(written):
        _, state = model.step(target[:, place], state)
    rows = torch.tensor([2, 0, 0, 1, 2])
    kept, _ = model.step(target[:, written], state)
    moved, after = model.step(target[rows, written], model.reorder(state, rows))
    torch.testing.assert_close(moved, kept[rows])
    again, _ = model.step(target[rows, written + 1], after)
    torch.testing.assert_close(again, model(source[rows], target[rows])[:, written + 1])


def test_positions_tell_order_and_none_does_not():
    source = torch.tensor([[3, 4, 5, 6]])
    for positions in ("sinusoidal", "learned", "rotary", "none"):
        model = _model(positions=positions)
        apart = (model(source, torch.tensor([[1]])) - model(source.flip(1), torch.tensor([[1]]))).abs().max()
        assert (apart < 1e-12) == (positions == "none"), positions


@every_position
def test_the_decoder_looks_at_contents_not_at_places(positions):
    """Cross-attention sees the encoder's vectors as a set: order is theirs to tell, by what self-attention put in."""
    generator = torch.Generator().manual_seed(2)
    block = _model(positions=positions).decoder[0]
    x, memory = (torch.randn(B, n, C, generator=generator, dtype=torch.float64) for n in (T, S))
    torch.testing.assert_close(block(x, memory), block(x, memory.flip(1)))


def test_one_matrix_embeds_both_sides_and_gives_the_logits():
    model, (source, target) = _model(), _texts()
    assert sum(V in parameter.shape for parameter in model.parameters()) == 1
    _backward(model(source, target))
    gradient = model.embedding.weight.grad
    unused = sorted(set(range(V)) - set(source.flatten().tolist()) - set(target.flatten().tolist()))
    assert unused and gradient[unused].any(dim=1).all(), "as an output, every row has a gradient"
    x = numbers(2, 3, C)
    torch.testing.assert_close(model.logits(x), model.decoder_norm(x) @ model.embedding.weight.T)
    torch.testing.assert_close(model.embed(target), model.embedding.weight[target] * C**0.5 + sinusoidal(T, C).double())


@every_norm
@every_position
def test_every_parameter_learns(norm, positions):
    model = _model(norm=norm, positions=positions)
    translation_loss()(model, Pairs(*_texts())).backward()
    for name, parameter in model.named_parameters():
        used = parameter.grad if "positions" not in name else parameter.grad[: max(S, T - 1)]
        assert used.abs().sum() > 0, name


@every_norm
def test_one_batch_is_learned_by_heart(norm):
    model, batch = _model(norm=norm, d_model=16, d_ff=32), Pairs(*_texts())
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(60 if norm == "pre" else 140):
        loss = translation_loss()(model, batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss < 0.02


@every_norm
def test_an_untrained_model_hardly_knows_anything(norm):
    torch.manual_seed(0)
    model = Transformer(_config(vocab_size=1009, d_model=64, n_heads=4, d_ff=256, norm=norm))
    source, target = (torch.randint(3, 1009, (31, length)) for length in (S, T))
    loss = translation_loss()(model, Pairs(source, target)).item()
    assert loss == pytest.approx(math.log(1009), abs=0.75)


def test_first_weights():
    torch.manual_seed(0)
    model = Transformer(_config(vocab_size=1009, d_model=64, n_heads=4, d_ff=256))
    assert model.embedding.weight.std().item() == pytest.approx(64**-0.5, rel=0.02)
    bound = math.sqrt(6 / (64 + 3 * 64))
    assert model.encoder[0].attention.projection.weight.abs().max().item() == pytest.approx(bound, rel=0.01)
    for name, parameter in model.named_parameters():
        if "attention" in name and name.endswith("bias"):
            assert not parameter.any(), name


def test_label_smoothing_by_hand():
    class Fixed(nn.Module):
        def forward(self, source, target):
            return torch.tensor([0.7, 0.2, 0.1]).log().expand(*target.shape, 3)

    batch = Pairs(torch.tensor([[1]]), torch.tensor([[1, 2, 0]]))  # one token counts: 2, of probability 0.1
    assert translation_loss()(Fixed(), batch).item() == pytest.approx(-math.log(0.1))
    every = -(math.log(0.7) + math.log(0.2) + math.log(0.1)) / 3
    smoothed = 0.7 * -math.log(0.1) + 0.3 * every
    assert translation_loss(0.3)(Fixed(), batch).item() == pytest.approx(smoothed)


def test_dropout_in_training_only():
    model, texts = _model(dropout=0.4), _texts()
    plain = _model()
    torch.testing.assert_close(model.eval()(*texts), plain(*texts), rtol=0, atol=0)
    model.train()
    torch.manual_seed(0)
    first, second = model(*texts), model(*texts)
    assert not torch.allclose(first, second)
    ones = torch.ones(2, 3, dtype=torch.long)
    left = model.embed(ones) / model.eval().embed(ones)
    assert 0.2 < (left == 0).double().mean() < 0.6, "of the embeddings"
    torch.testing.assert_close(left[left != 0], torch.full_like(left[left != 0], 1 / 0.6))
    for block in [*model.encoder, *model.decoder]:
        assert all(residual.dropout.p == 0.4 for residual in block.residuals)


@pytest.mark.parametrize("kind", [PreNorm, PostNorm])
def test_dropout_takes_from_what_a_sublayer_adds(kind):
    residual, x = kind(C, 0.5), torch.randn(B, T, C)
    residual.norm = nn.Identity()
    added = residual(x, lambda x: torch.full_like(x, 3.0)) - x
    dropped = (added.abs() < 1e-5).double().mean()
    assert 0.3 < dropped < 0.7
    torch.testing.assert_close(added[added.abs() > 1e-5], torch.full_like(added[added.abs() > 1e-5], 6.0))


def test_attention_is_recorded_by_name():
    model, (source, target) = _model(), _texts()
    with recorded(model) as maps:
        model(source, target)
    shapes = {name: tuple(weights.shape) for name, (weights,) in maps.items()}
    each = {"encoder.{}.attention": (S, S), "decoder.{}.attention": (T, T), "decoder.{}.cross_attention": (T, S)}
    assert shapes == {name.format(n): (B, HEADS, *size) for name, size in each.items() for n in range(2)}
    for row, length in enumerate(LENGTHS):
        assert not maps["decoder.1.cross_attention"][0][row, :, :, length:].any()
    assert not maps["decoder.0.attention"][0].triu(1).any()


def test_the_shares_of_a_pre_norm_stream_are_summed_and_a_post_norm_is_normalised():
    """What leaves a post-norm block has mean 0 and variance 1 at each position; a pre-norm stream has not."""
    x, spread = numbers(B, S, C), {}
    for norm in ("pre", "post"):
        torch.manual_seed(4)
        y = EncoderBlock(_config(norm=norm)).double()(x)
        spread[norm] = (y.mean(-1).abs().max() + (y.var(-1, unbiased=False) - 1).abs().max()).item()
    assert spread["post"] < 1e-3 and spread["pre"] > 0.1


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"vocab_size": 0}, "vocab_size must be at least 1, but it is 0"),
        ({"context_length": 0}, "context_length must be at least 1"),
        ({"d_model": -2}, "d_model must be at least 1, but it is -2"),
        ({"n_heads": 0}, "n_heads must be at least 1"),
        ({"d_ff": 0}, "d_ff must be at least 1"),
        ({"n_encoder_layers": 0}, "n_encoder_layers must be at least 1"),
        ({"n_decoder_layers": 0}, "n_decoder_layers must be at least 1"),
        ({"dropout": 1}, "dropout must be at least 0 and below 1, but it is 1"),
        ({"dropout": -0.1}, "dropout must be at least 0"),
        ({"norm": "none"}, "norm must be one of pre, post, but it is 'none'"),
        ({"positions": "learnt"}, "positions must be one of sinusoidal, learned, rotary, none, but it is 'learnt'"),
        ({"n_heads": 5}, "n_heads must divide d_model"),
        ({"d_model": 15, "n_heads": 3}, "must be even"),
        ({"d_model": 15, "n_heads": 5, "positions": "rotary"}, "must be even"),
    ],
)
def test_what_will_not_do(changes, words):
    with pytest.raises(ValueError, match=words):
        Transformer(_config(**changes))(*_texts())


def test_more_positions_than_were_learned():
    model = _model(positions="learned", context_length=6)
    with pytest.raises(ValueError, match="there are 6 learned positions"):
        model(*_texts())
