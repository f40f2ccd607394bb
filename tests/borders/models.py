"""Borders of the models and what they are made of: `attention`, `linear`, `mlp`, `positions`, `recurrent`, `seq2seq`, `shapes`, `speed_run`, `transformer`."""

import math

import torch
from course_lib.attention import (
    AdditiveAttention,
    GroupedQueryAttention,
    MultiHeadAttention,
    MultiplicativeAttention,
    additive_scores,
    attend,
    causal_mask,
    dot_product_scores,
    padding_mask,
    recorded,
    scaled_dot_product_attention,
)
from course_lib.gpt import GPT, GPTConfig, ModernGPT, ModernGPTConfig
from course_lib.linear import Embedding, Linear, linear
from course_lib.mlp import MLPConfig, MLPLanguageModel
from course_lib.positions import LearnedPositions, SinusoidalPositions, rotary_angles, rotate, rotate_by, rotation_at, sinusoidal
from course_lib.recurrent import GRU, LSTM, RNN, RecurrentLM, RecurrentLMConfig, detached, gru_cell, lstm_cell, rnn_cell
from course_lib.seq2seq import Encoder, Seq2Seq, Seq2SeqConfig
from course_lib.shapes import lengths_of, require_tensor
from course_lib.transformer import DecoderBlock, EncoderBlock, PostNorm, PreNorm, Transformer, TransformerConfig
from experiments.speed_run import (
    Entry,
    GPTOfParts,
    NgramEmbedding,
    NormedAttention,
    Parts,
    PositionEmbedding,
    TokenEmbedding,
    race,
    rotary,
    silent_outputs,
    steps_within,
)
from torch import nn

from borders import Border

B, H, T, S, C = 2, 3, 5, 7, 6


def floats(*shape):
    return torch.zeros(shape)


def ids(*shape):
    return torch.ones(shape, dtype=torch.long)


def true(*shape):
    return torch.ones(shape, dtype=torch.bool)


# Every way in which a mask can be wrong for scores (B, H, T, S), whatever asks for it.
MASKS = {
    "0 and 1": (torch.ones(T, S, dtype=torch.long), "a mask must be boolean, True = may attend"),
    "0 and -inf": (torch.zeros(T, S), "a mask must be boolean, True = may attend"),
    "a list": ([[True] * S] * T, "a mask must be a boolean tensor"),
    "(T, T)": (true(T, T), "a mask must broadcast to (2, 3, 5, 7)"),
    "(B, S)": (true(B, S), "a mask must broadcast to (2, 3, 5, 7)"),
    "(S,)": (true(S), "a mask must have 2 axes"),
    "(B, T, S)": (true(B, T, S), "a mask must broadcast to (2, 3, 5, 7)"),
    "(1, T, S), which happens to broadcast": (true(1, T, S), "a mask must have 2 axes, (T, S), or 4"),
    "(H, T, S), which happens to broadcast": (true(H, T, S), "a mask must have 2 axes, (T, S), or 4"),
    "an axis too many": (true(1, B, H, T, S), "a mask must broadcast to (2, 3, 5, 7)"),
}
MASKED = {
    "attention.attend": lambda mask: attend(floats(B, H, T, S), floats(B, H, S, 11), mask),
    "attention.scaled_dot_product_attention": lambda mask: scaled_dot_product_attention(floats(B, H, T, 11), floats(B, H, S, 11), floats(B, H, S, 2), mask),
    "attention.MultiHeadAttention": lambda mask: MultiHeadAttention(C, H)(floats(B, T, C), floats(B, S, C), mask),
    "transformer.DecoderBlock": lambda mask: DecoderBlock(small(n_heads=H))(floats(B, T, C), floats(B, S, C), memory_mask=mask),
}


def watched(mask):
    """The path on which weights are recorded is another one."""
    layer = MultiHeadAttention(C, H)
    with recorded(layer):
        layer(floats(B, T, C), floats(B, S, C), mask)


def small(**changes):
    sizes = {"vocab_size": 11, "context_length": 4, "d_model": C, "n_heads": 2, "d_ff": 5, "n_encoder_layers": 1, "n_decoder_layers": 1}
    return TransformerConfig(**{**sizes, **changes})


def transformer(**changes):
    return Transformer(small(**changes))


def seq2seq():
    return Seq2Seq(Seq2SeqConfig(vocab_size=11, d_embed=3, d_hidden=4))


def mlp():
    return MLPLanguageModel(MLPConfig(vocab_size=7, context_length=3, d_embed=2, d_hidden=5))


def recurrent(layer="GRU"):
    return RecurrentLM(RecurrentLMConfig(vocab_size=7, d_embed=3, d_hidden=5, layer=layer))


def of_parts(**changes):
    return GPTOfParts(Parts(**{"n_layers": 1, "d_model": 8, "context_length": 4, **changes}), 11)


def encoder_decoder(name, build):
    """What both encoder-decoders answer."""

    def stepped(tokens):
        model = build()
        return model.step(tokens, model.start(ids(B, S), [S] * B))

    return [
        Border(name, "source without a batch axis", lambda: build()(ids(4), ids(1, 3)), "source must be a tensor of integers (batch, time)"),
        Border(name, "target without a batch axis", lambda: build()(ids(1, 4), ids(3)), "target must be a tensor of integers (1, time)"),
        Border(name, "fewer targets than sources", lambda: build()(ids(2, 4), ids(1, 3)), "target must be a tensor of integers (2, time)"),
        Border(name, "float ids", lambda: build()(floats(1, 4), ids(1, 3)), "source must be a tensor of integers"),
        Border(name, "boolean ids", lambda: build()(ids(1, 4), true(1, 3)), "target must be a tensor of integers"),
        Border(name, "a list", lambda: build()([[1, 2]], ids(1, 3)), "source must be a tensor of integers"),
        Border(name, "a source id beyond", lambda: build()(ids(1, 4) * 11, ids(1, 3)), "ids must be from 0 to 10 (vocab_size - 1), but there is 11"),
        Border(name, "a target id below", lambda: build()(ids(1, 4), -ids(1, 3)), "ids must be from 0 to 10 (vocab_size - 1), but there is -1"),
        Border(name, "lengths beyond the source", lambda: build().start(ids(2, 4), torch.tensor([4, 5])), "lengths must be from 0 to 4"),
        Border(name, "a negative length", lambda: build().start(ids(2, 4), torch.tensor([4, -1])), "lengths must be from 0 to 4"),
        Border(name, "one length for all", lambda: build().start(ids(2, 4), torch.tensor([4])), "lengths must be a tensor of integers (2)"),
        Border(name, "lengths of rank 2", lambda: build().start(ids(2, 4), ids(2, 1)), "lengths must be a tensor of integers (2)"),
        Border(name, "float lengths", lambda: build().start(ids(2, 4), torch.tensor([4.0, 1.0])), "lengths must be a tensor of integers"),
        Border(name, "start without a batch axis", lambda: build().start(ids(4), [4]), "source must be a tensor of integers (batch, time)"),
        Border(name, "a step of rank 2", lambda: stepped(ids(B, 1)), "tokens must be a tensor of integers (2)"),
        Border(name, "a step of other rows", lambda: stepped(ids(B + 1)), "tokens must be a tensor of integers (2)"),
        Border(name, "a float step", lambda: stepped(floats(B)), "tokens must be a tensor of integers (2)"),
        Border(name, "no config", lambda: type(build())({"vocab_size": 11}), "config must be a"),
    ]


def sizes_of(name, config, *sizes):
    """What every size of a config answers."""
    wrong = {"0": 0, "a fraction": 1.5, "True": True, "NaN": math.nan, "a string": "8", "None": None, "a list": [8]}
    return [
        Border(name, f"{size}: {mistake}", lambda size=size, value=value: config(**{"vocab_size": 11, size: value}), f"{size} must be a")
        for size in sizes
        for mistake, value in wrong.items()
    ]


def dropouts(name, config):
    wrong = {"1": 1, "negative": -0.1, "NaN": math.nan, "a string": "0.1", "True": True, "None": None}
    return [
        Border(name, f"dropout: {mistake}", lambda value=value: config(vocab_size=11, dropout=value), "dropout must be a") for mistake, value in wrong.items()
    ]


CELLS = {"rnn_cell": (rnn_cell, 1), "gru_cell": (gru_cell, 3), "lstm_cell": (lstm_cell, 4)}


def celled(name, rows, width):
    cell, gates = CELLS[name]
    states = [floats(B, 5)] * (2 if cell is lstm_cell else 1)
    return cell(floats(rows, width), *states, floats(5 * gates, 5), floats(5 * gates))


ATTENTION = [
    *(Border(of, f"a mask: {mistake}", lambda ask=ask, mask=mask: ask(mask), says) for of, ask in MASKED.items() for mistake, (mask, says) in MASKS.items()),
    *(Border("attention.MultiHeadAttention", f"a mask, recorded: {mistake}", lambda mask=mask: watched(mask), says) for mistake, (mask, says) in MASKS.items()),
    Border(
        "attention.attend",
        "a mask of rank 4 for scores of rank 3",
        lambda: attend(floats(B, T, S), floats(B, S, 2), true(B, 1, 1, S)),
        "a mask must broadcast to (2, 5, 7)",
    ),
    Border("attention.attend", "one row of scores", lambda: attend(floats(S), floats(S, 2)), "scores must be a tensor of floats (..., time, source)"),
    Border("attention.attend", "values for other keys", lambda: attend(floats(B, T, S), floats(B, S + 1, 2)), "v must be a tensor of floats (..., 7, width)"),
    Border("attention.attend", "values of other rows", lambda: attend(floats(B, T, S), floats(B + 1, S, 2)), "v must be a tensor of floats (2, 7, width)"),
    Border(
        "attention.dot_product_scores",
        "other widths",
        lambda: dot_product_scores(floats(B, T, 6), floats(B, S, 5)),
        "k must be a tensor of floats (..., source, 6)",
    ),
    Border(
        "attention.dot_product_scores",
        "keys of other rows",
        lambda: dot_product_scores(floats(1, T, 6), floats(B, S, 6)),
        "k must be a tensor of floats (1, source, 6)",
    ),
    Border("attention.dot_product_scores", "one query", lambda: dot_product_scores(floats(6), floats(S, 6)), "q must be a tensor of floats (..., time, width)"),
    Border("attention.dot_product_scores", "integers", lambda: dot_product_scores(ids(T, 6), ids(S, 6)), "q must be a tensor of floats"),
    Border("attention.scaled_dot_product_attention", "a list", lambda: scaled_dot_product_attention([[1.0]], floats(1, 1), floats(1, 1)), "q must be a tensor"),
    Border(
        "attention.scaled_dot_product_attention",
        "fewer values than keys",
        lambda: scaled_dot_product_attention(floats(T, 6), floats(S, 6), floats(1, 6)),
        "v must be",
    ),
    Border(
        "attention.additive_scores",
        "widths that would broadcast",
        lambda: additive_scores(floats(B, T, 1), floats(B, S, 6), floats(6)),
        "k must be a tensor of floats (2, source, 1)",
    ),
    Border(
        "attention.additive_scores",
        "rows that would broadcast",
        lambda: additive_scores(floats(1, T, 6), floats(B, S, 6), floats(6)),
        "k must be a tensor of floats (1, source, 6)",
    ),
    Border(
        "attention.additive_scores",
        "a v of another width",
        lambda: additive_scores(floats(B, T, 6), floats(B, S, 6), floats(5)),
        "v must be a tensor of floats (6)",
    ),
    Border("attention.causal_mask", "a negative length", lambda: causal_mask(-1), "length must be at least 0"),
    Border("attention.causal_mask", "a fraction", lambda: causal_mask(2.5), "length must be an integer"),
    Border("attention.causal_mask", "a tensor", lambda: causal_mask(floats(3, 3)), "length must be an integer"),
    Border("attention.padding_mask", "floats", lambda: padding_mask(torch.tensor([3.0, 1.0])), "lengths must be a tensor of integers (batch)"),
    Border("attention.padding_mask", "floats in a list", lambda: padding_mask([3, 1.5]), "lengths must be integers"),
    Border("attention.padding_mask", "booleans", lambda: padding_mask(true(3)), "lengths must be a tensor of integers (batch)"),
    Border("attention.padding_mask", "rank 2", lambda: padding_mask(ids(2, 1)), "lengths must be a tensor of integers (batch)"),
    Border("attention.padding_mask", "one number", lambda: padding_mask(3), "lengths must be a sequence"),
    Border("attention.padding_mask", "negative", lambda: padding_mask([3, -1]), "lengths must be at least 0, but they are [3, -1]"),
    Border("attention.padding_mask", "above longest", lambda: padding_mask([3, 5], 4), "lengths must be from 0 to 4, but they are [3, 5]"),
    Border("attention.padding_mask", "none", lambda: padding_mask([]), "lengths must be one or more"),
    Border("attention.padding_mask", "a fraction for longest", lambda: padding_mask([3], 4.5), "longest must be an integer"),
    Border("attention.MultiHeadAttention", "a width of 0", lambda: MultiHeadAttention(0, 1), "d_model must be at least 1"),
    Border("attention.MultiHeadAttention", "a fraction", lambda: MultiHeadAttention(6, 1.5), "n_heads must be an integer"),
    Border("attention.MultiHeadAttention", "heads that do not fit", lambda: MultiHeadAttention(6, 4), "n_heads must divide d_model"),
    Border("attention.MultiHeadAttention", "rotary and odd", lambda: MultiHeadAttention(6, 2, rotary=True), "must be even"),
    Border("attention.MultiHeadAttention", "no batch axis", lambda: MultiHeadAttention(6, 2)(floats(3, 6)), "x must be a tensor of floats (batch, time, 6)"),
    Border("attention.MultiHeadAttention", "ids", lambda: MultiHeadAttention(6, 2)(ids(1, 3, 6)), "x must be a tensor of floats"),
    Border("attention.MultiHeadAttention", "another width", lambda: MultiHeadAttention(6, 2)(floats(1, 3, 5)), "x must be a tensor of floats (batch, time, 6)"),
    Border(
        "attention.MultiHeadAttention",
        "a source without a batch axis",
        lambda: MultiHeadAttention(6, 2)(floats(1, 3, 6), floats(3, 6)),
        "the source must be a tensor of floats (batch, time, 6)",
    ),
    Border(
        "attention.MultiHeadAttention",
        "one source for two texts",
        lambda: MultiHeadAttention(6, 2)(floats(2, 3, 6), floats(1, 3, 6)),
        "x must be a tensor of floats (1, time, 6)",
    ),
    Border("attention.GroupedQueryAttention", "heads that do not fit", lambda: GroupedQueryAttention(12, 6, 4), "n_kv_heads must divide n_heads"),
    Border(
        "attention.AdditiveAttention",
        "other rows",
        lambda: AdditiveAttention(2, 3, 5)(floats(1, 7, 2), floats(2, 4, 3)),
        "keys must be a tensor of floats (1, source, width)",
    ),
    Border(
        "attention.MultiplicativeAttention",
        "keys without a batch axis",
        lambda: MultiplicativeAttention(2, 3)(floats(1, 7, 2), floats(4, 3)),
        "keys must be a tensor",
    ),
    Border(
        "attention.MultiplicativeAttention",
        "a mask of 0 and 1",
        lambda: MultiplicativeAttention(2, 3)(floats(1, 7, 2), floats(1, 4, 3), ids(1, 1, 1, 4)),
        "a mask must be boolean",
    ),
    Border(
        "attention.MultiplicativeAttention",
        "a mask of other keys",
        lambda: MultiplicativeAttention(2, 3)(floats(1, 7, 2), floats(1, 4, 3), true(7, 7)),
        "a mask must broadcast to (1, 7, 4)",
    ),
    Border(
        "attention.MultiplicativeAttention",
        "a mask of two heads",
        lambda: MultiplicativeAttention(2, 3)(floats(1, 7, 2), floats(1, 4, 3), true(1, 2, 7, 4)),
        "there is one head",
    ),
    Border("attention.recorded", "no attention", lambda: recorded(nn.Linear(2, 3)).__enter__(), "nothing in this Linear is attention"),
    Border("attention.recorded", "no model", lambda: recorded(None).__enter__(), "the model must be a torch.nn.Module"),
]

POSITIONS = [
    Border("positions.sinusoidal", "an odd width", lambda: sinusoidal(3, 5), "the width must be even"),
    Border("positions.sinusoidal", "no width", lambda: sinusoidal(3, 0), "the width must be at least 1"),
    Border("positions.sinusoidal", "a fraction", lambda: sinusoidal(2.5, 4), "length must be an integer"),
    Border("positions.sinusoidal", "negative", lambda: sinusoidal(-1, 4), "length must be at least 0"),
    Border("positions.sinusoidal", "start, a fraction", lambda: sinusoidal(3, 4, 0.5), "start must be an integer"),
    Border("positions.sinusoidal", "base 0", lambda: sinusoidal(3, 4, base=0), "base must be above 0"),
    Border("positions.sinusoidal", "base NaN", lambda: sinusoidal(3, 4, base=math.nan), "base must be a number"),
    Border("positions.rotary_angles", "an odd width", lambda: rotary_angles(3, 5), "the width must be even"),
    Border("positions.rotate", "an odd width", lambda: rotate(floats(3, 5)), "the width must be even"),
    Border("positions.rotate", "one vector", lambda: rotate(floats(4)), "x must be a tensor of floats (..., time, width)"),
    Border("positions.rotate", "ids", lambda: rotate(ids(3, 4)), "x must be a tensor of floats"),
    Border("positions.rotate", "start, a fraction", lambda: rotate(floats(3, 4), 1.0), "start must be an integer"),
    Border("positions.rotate", "start, a list", lambda: rotate(floats(3, 4), [1]), "start must be an integer"),
    Border("positions.rotate", "base negative", lambda: rotate(floats(3, 4), 0, -1.0), "base must be above 0"),
    Border("positions.rotation_at", "an odd width", lambda: rotation_at(ids(3), 5), "the width must be even"),
    Border("positions.rotation_at", "floats", lambda: rotation_at(floats(3), 4), "positions must be a tensor of integers (..., time)"),
    Border("positions.rotation_at", "a list", lambda: rotation_at([0, 1], 4), "positions must be a tensor of integers"),
    Border(
        "positions.rotate_by", "one position for three", lambda: rotate_by(floats(3, 4), rotation_at(ids(1), 4)), "x must be a tensor of floats (..., 1, 4)"
    ),
    Border("positions.rotate_by", "another width", lambda: rotate_by(floats(3, 6), rotation_at(ids(3), 4)), "x must be a tensor of floats (..., 3, 4)"),
    Border("positions.SinusoidalPositions", "an odd width", lambda: SinusoidalPositions(5), "the width must be even"),
    Border("positions.SinusoidalPositions", "no batch axis", lambda: SinusoidalPositions(4)(floats(3, 4)), "x must be a tensor of floats (batch, time, 4)"),
    Border("positions.SinusoidalPositions", "ids", lambda: SinusoidalPositions(4)(ids(1, 3, 4)), "x must be a tensor of floats"),
    Border("positions.LearnedPositions", "beyond the table", lambda: LearnedPositions(3, 4)(floats(1, 5, 4)), "there are 3 learned positions"),
    Border("positions.LearnedPositions", "start beyond the table", lambda: LearnedPositions(3, 4)(floats(1, 1, 4), 3), "there are 3 learned positions"),
    Border("positions.LearnedPositions", "before the table", lambda: LearnedPositions(3, 4)(floats(1, 1, 4), -1), "start must be at least 0"),
    Border(
        "positions.LearnedPositions",
        "a width that would broadcast",
        lambda: LearnedPositions(3, 4)(floats(1, 2, 1)),
        "x must be a tensor of floats (batch, time, 4)",
    ),
]

LAYERS = [
    Border("linear.Embedding", "an id beyond", lambda: Embedding(5, 2)(torch.tensor([[3, 7]])), "ids must be from 0 to 4 (vocab_size - 1), but there is 7"),
    Border("linear.Embedding", "an id below", lambda: Embedding(5, 2)(torch.tensor([-1])), "ids must be from 0 to 4 (vocab_size - 1), but there is -1"),
    Border("linear.Embedding", "floats", lambda: Embedding(5, 2)(floats(1, 3)), "ids must be a tensor of integers"),
    Border("linear.Embedding", "booleans", lambda: Embedding(5, 2)(true(1, 3)), "ids must be a tensor of integers"),
    Border("linear.Embedding", "a list", lambda: Embedding(5, 2)([1, 2]), "ids must be a tensor of integers"),
    Border("linear.Linear", "another width", lambda: Linear(5, 16)(floats(1, 4)), "x must be a tensor of floats (..., 5)"),
    Border("linear.linear", "another width", lambda: linear(floats(1, 1), floats(16, 5)), "x must be a tensor of floats (..., 5)"),
    Border(
        "shapes.require_tensor",
        "another rank",
        lambda: require_tensor("x", ids(3), "batch", "time", integers=True),
        "x must be a tensor of integers (batch, time)",
    ),
    Border("shapes.require_tensor", "another size", lambda: require_tensor("x", floats(3, 4), "...", 5), "x must be a tensor of floats (..., 5)"),
    Border("shapes.lengths_of", "another number", lambda: lengths_of([1, 2], 3, 4), "lengths must be a tensor of integers (3)"),
    Border("mlp.MLPLanguageModel", "an id beyond", lambda: mlp()(ids(1, 3) * 7), "ids must be from 0 to 6 (vocab_size - 1), but there is 7"),
    Border("mlp.MLPLanguageModel", "a context of another length", lambda: mlp()(ids(2, 4)), "contexts must be a tensor of integers (..., 3)"),
    Border("mlp.MLPLanguageModel", "one id", lambda: mlp()(torch.tensor(1)), "contexts must be a tensor of integers (..., 3)"),
    Border("mlp.MLPLanguageModel", "floats", lambda: mlp()(floats(2, 3)), "contexts must be a tensor of integers"),
    Border("mlp.MLPLanguageModel", "a list", lambda: mlp()([1, 2, 3]), "contexts must be a tensor of integers"),
    Border("mlp.MLPLanguageModel", "no config", lambda: MLPLanguageModel(7), "config must be an MLPConfig"),
    *sizes_of("mlp.MLPConfig", MLPConfig, "vocab_size", "context_length", "d_embed", "d_hidden"),
]

RECURRENT = [
    *(
        border
        for name, (_, gates) in CELLS.items()
        for border in (
            Border(
                f"recurrent.{name}",
                "rows that would broadcast",
                lambda name=name, gates=gates: celled(name, 1, 5 * gates),
                "projected must be a tensor of floats (2, ",
            ),
            Border(
                f"recurrent.{name}",
                "the gates of another cell",
                lambda name=name, gates=gates: celled(name, B, 5 * gates + 5),
                "projected must be a tensor of floats (2, ",
            ),
        )
    ),
    *(
        border
        for layer in (RNN, GRU, LSTM)
        for border in (
            Border(f"recurrent.{layer.__name__}", "a width of 0", lambda layer=layer: layer(0, 5), "d_in must be at least 1"),
            Border(f"recurrent.{layer.__name__}", "a fraction", lambda layer=layer: layer(3, 2.5), "d_hidden must be an integer"),
            Border(f"recurrent.{layer.__name__}", "dropout 1", lambda layer=layer: layer(3, 5, 2, 1.0), "dropout must be at least 0 and below 1"),
            Border(
                f"recurrent.{layer.__name__}",
                "no batch axis",
                lambda layer=layer: layer(3, 5)(floats(7, 3)),
                "inputs must be a tensor of floats (batch, time, 3)",
            ),
            Border(f"recurrent.{layer.__name__}", "ids", lambda layer=layer: layer(3, 5)(ids(2, 7, 3)), "inputs must be a tensor of floats"),
            Border(
                f"recurrent.{layer.__name__}", "a state of other rows", lambda layer=layer: layer(3, 5)(floats(2, 7, 3), floats(1, 1, 5)), "the state must be"
            ),
            Border(
                f"recurrent.{layer.__name__}", "a state in a list", lambda layer=layer: layer(3, 5)(floats(2, 7, 3), [floats(1, 2, 5)]), "the state must be"
            ),
            Border(
                f"recurrent.{layer.__name__}",
                "a length beyond",
                lambda layer=layer: layer(3, 5)(floats(2, 7, 3), lengths=[8, 1]),
                "lengths must be from 0 to 7, but they are [8, 1]",
            ),
            Border(
                f"recurrent.{layer.__name__}", "float lengths", lambda layer=layer: layer(3, 5)(floats(2, 7, 3), lengths=[7.0, 1.0]), "lengths must be integers"
            ),
            Border(
                f"recurrent.{layer.__name__}",
                "a mask of 0 and 1",
                lambda layer=layer: layer(3, 5)(floats(2, 7, 3), mask=ids(2, 7)),
                "a mask must be boolean and of shape (2, 7)",
            ),
            Border(
                f"recurrent.{layer.__name__}",
                "a mask of another rank",
                lambda layer=layer: layer(3, 5)(floats(2, 7, 3), mask=true(2, 1, 1, 7)),
                "a mask must be boolean and of shape (2, 7)",
            ),
        )
    ),
    *sizes_of("recurrent.RecurrentLMConfig", RecurrentLMConfig, "vocab_size", "d_embed", "d_hidden", "n_layers"),
    *dropouts("recurrent.RecurrentLMConfig", RecurrentLMConfig),
    Border("recurrent.RecurrentLMConfig", "an unknown layer", lambda: RecurrentLMConfig(vocab_size=7, layer="gru"), "layer must be one of RNN, GRU, LSTM"),
    Border("recurrent.RecurrentLMConfig", "a class for the layer", lambda: RecurrentLMConfig(vocab_size=7, layer=GRU), "layer must be one of RNN, GRU, LSTM"),
    Border("recurrent.RecurrentLM", "an id beyond", lambda: recurrent()(ids(1, 3) * 9), "ids must be from 0 to 6 (vocab_size - 1), but there is 9"),
    Border("recurrent.RecurrentLM", "no batch axis", lambda: recurrent()(ids(3)), "tokens must be a tensor of integers (batch, time)"),
    Border("recurrent.RecurrentLM", "floats", lambda: recurrent()(floats(1, 3)), "tokens must be a tensor of integers"),
    Border("recurrent.RecurrentLM", "a list", lambda: recurrent()([[1, 2]]), "tokens must be a tensor of integers"),
    Border("recurrent.RecurrentLM", "start without a batch axis", lambda: recurrent().start(ids(3)), "source must be a tensor of integers (batch, time)"),
    Border("recurrent.RecurrentLM", "lengths beyond the source", lambda: recurrent().start(ids(2, 3), torch.tensor([3, 4])), "lengths must be from 0 to 3"),
    Border("recurrent.RecurrentLM", "a step of rank 2", lambda: recurrent().step(ids(1, 1), floats(1, 1, 5)), "tokens must be a tensor of integers (batch)"),
    Border("recurrent.RecurrentLM", "a state of other rows", lambda: recurrent().step(ids(2), floats(1, 1, 5)), "the state must be"),
    Border("recurrent.RecurrentLM", "a GRU's state for an LSTM", lambda: recurrent("LSTM").run(ids(1, 2), floats(1, 1, 5)), "the state must be 2 x"),
    Border("recurrent.RecurrentLM", "the config of another model", lambda: RecurrentLM(MLPConfig(vocab_size=7)), "config must be a RecurrentLMConfig"),
    Border("recurrent.detached", "None", lambda: detached(None), "a state must be a tensor, or a pair of them"),
    Border("recurrent.detached", "a list", lambda: detached([floats(1, 1, 5)]), "a state must be a tensor, or a pair of them"),
]

ENCODER_DECODERS = [
    *sizes_of("seq2seq.Seq2SeqConfig", Seq2SeqConfig, "vocab_size", "d_embed", "d_hidden"),
    *dropouts("seq2seq.Seq2SeqConfig", Seq2SeqConfig),
    Border("seq2seq.Seq2SeqConfig", "an odd width", lambda: Seq2SeqConfig(vocab_size=11, d_hidden=5), "d_hidden must be even"),
    Border("seq2seq.Seq2SeqConfig", "True for attention", lambda: Seq2SeqConfig(vocab_size=11, attention=True), "attention must be one of none, additive"),
    Border("seq2seq.Encoder", "an odd width", lambda: Encoder(3, 5), "d_hidden must be even"),
    Border("seq2seq.Encoder", "a length beyond", lambda: Encoder(3, 4)(floats(2, 7, 3), torch.tensor([8, 1])), "lengths must be from 0 to 7"),
    Border("seq2seq.Encoder", "another width", lambda: Encoder(3, 4)(floats(2, 7, 4), [7, 1]), "x must be a tensor of floats (batch, time, 3)"),
    *encoder_decoder("seq2seq.Seq2Seq", seq2seq),
    *encoder_decoder("transformer.Transformer", transformer),
    *sizes_of("transformer.TransformerConfig", TransformerConfig, "vocab_size", "context_length", "d_model", "n_heads", "d_ff"),
    *sizes_of("transformer.TransformerConfig", TransformerConfig, "n_encoder_layers", "n_decoder_layers"),
    *dropouts("transformer.TransformerConfig", TransformerConfig),
    Border("transformer.TransformerConfig", "an unknown norm", lambda: small(norm=True), "norm must be one of pre, post"),
    Border("transformer.TransformerConfig", "unknown positions", lambda: small(positions=["rotary"]), "positions must be one of sinusoidal"),
    Border("transformer.TransformerConfig", "heads that do not fit", lambda: small(n_heads=4), "n_heads must divide d_model"),
    Border("transformer.TransformerConfig", "sinusoidal and odd", lambda: small(d_model=5, n_heads=1), "the width must be even"),
    Border("transformer.TransformerConfig", "rotary and odd", lambda: small(positions="rotary"), "the width must be even"),
    Border(
        "transformer.Transformer",
        "a source beyond the positions",
        lambda: transformer(positions="learned")(ids(1, 5), ids(1, 3)),
        "there are 4 learned positions",
    ),
    Border(
        "transformer.Transformer",
        "a target beyond the positions",
        lambda: transformer(positions="learned")(ids(1, 3), ids(1, 5)),
        "there are 4 learned positions",
    ),
    Border(
        "transformer.Transformer", "encode with a mask of rank 2", lambda: transformer().encode(ids(2, 4), true(2, 4)), "a mask must broadcast to (2, 2, 4, 4)"
    ),
    Border("transformer.EncoderBlock", "no batch axis", lambda: EncoderBlock(small())(floats(3, C)), "x must be a tensor of floats (batch, time, 6)"),
    Border("transformer.EncoderBlock", "a mask of 0 and 1", lambda: EncoderBlock(small())(floats(1, 3, C), ids(3, 3)), "a mask must be boolean"),
    Border(
        "transformer.DecoderBlock", "memory without a batch axis", lambda: DecoderBlock(small())(floats(1, 3, C), floats(3, C)), "the source must be a tensor"
    ),
    Border("transformer.PreNorm", "another width", lambda: PreNorm(6, 0.0)(floats(1, 3, 5), nn.Identity()), "x must be a tensor of floats (batch, time, 6)"),
    Border("transformer.PostNorm", "no batch axis", lambda: PostNorm(6, 0.0)(floats(3, 6), nn.Identity()), "x must be a tensor of floats (batch, time, 6)"),
]

# The model is in `gpt`; that its ids are named is tested here, as the embedding is `linear`'s.
DECODERS = [
    Border(
        "gpt.GPT",
        "an id beyond",
        lambda: GPT(GPTConfig(vocab_size=11, n_layers=1))(ids(1, 3) * 11),
        "ids must be from 0 to 10 (vocab_size - 1), but there is 11",
    ),
    Border(
        "gpt.ModernGPT",
        "an id below",
        lambda: ModernGPT(ModernGPTConfig(vocab_size=11, n_layers=1))(-ids(1, 3)),
        "ids must be from 0 to 10 (vocab_size - 1), but there is -1",
    ),
]

RACE = [
    *(
        Border("speed_run.Parts", f"{size}: {value!r}", lambda size=size, value=value: Parts(**{size: value}), f"{size} must be a")
        for size in ("n_layers", "d_model", "context_length")
        for value in (0, 1.5, True, "4", None)
    ),
    *(
        Border("speed_run.Parts", f"no function for {part}", lambda part=part, value=value: Parts(**{part: value}), f"{part} must be a function")
        for part in ("embedding", "rotation", "norm", "attention", "feed_forward", "first_weights")
        for value in ("rotary", nn.LayerNorm(8))
    ),
    Border("speed_run.Parts", "tied: 1", lambda: Parts(tied=1), "tied must be True or False"),
    Border("speed_run.GPTOfParts", "an Entry", lambda: GPTOfParts(Entry(), 11), "parts must be Parts"),
    Border("speed_run.GPTOfParts", "no vocabulary", lambda: GPTOfParts(Parts(), 0), "vocab_size must be at least 1"),
    Border("speed_run.GPTOfParts", "too long a text", lambda: of_parts()(ids(1, 5)), "a text may have 4 tokens (context_length), but it is 5"),
    Border(
        "speed_run.GPTOfParts", "too long a text, rotary", lambda: of_parts(embedding=TokenEmbedding, rotation=rotary)(ids(1, 5)), "a text may have 4 tokens"
    ),
    Border("speed_run.GPTOfParts", "no batch axis", lambda: of_parts()(ids(3)), "tokens must be a tensor of integers (batch, time)"),
    Border("speed_run.GPTOfParts", "an id beyond", lambda: of_parts()(ids(1, 3) * 11), "ids must be from 0 to 10 (vocab_size - 1), but there is 11"),
    Border("speed_run.GPTOfParts", "an id beyond, n-grams", lambda: of_parts(embedding=NgramEmbedding)(ids(1, 3) * 11), "ids must be from 0 to 10"),
    Border("speed_run.PositionEmbedding", "too long a text", lambda: PositionEmbedding(11, 4, 6)(ids(1, 5)), "a text may have 4 tokens (context_length)"),
    Border("speed_run.TokenEmbedding", "floats", lambda: TokenEmbedding(11, 4, 6)(floats(1, 3)), "ids must be a tensor of integers"),
    Border("speed_run.NgramEmbedding", "no batch axis", lambda: NgramEmbedding(11, 4, 6)(ids(3)), "tokens must be a tensor of integers (batch, time)"),
    Border("speed_run.NormedAttention", "heads that do not fit", lambda: NormedAttention(12, 5, 5), "n_heads must divide d_model"),
    Border("speed_run.rotary", "an odd width", lambda: rotary(4, 5), "the width must be even"),
    Border("speed_run.rotary", "a fraction", lambda: rotary(2.5, 4), "length must be an integer"),
    Border("speed_run.silent_outputs", "no blocks", lambda: silent_outputs(nn.Linear(2, 3)), "the model must have blocks"),
    *(
        Border("speed_run.Entry", f"batch_size: {value!r}", lambda value=value: Entry(batch_size=value), "batch_size must be a")
        for value in (0, 1.5, True, "4", math.nan)
    ),
    *(
        Border("speed_run.Entry", f"learning_rate: {value!r}", lambda value=value: Entry(learning_rate=value), "learning_rate must be a")
        for value in (0, math.inf, math.nan, True, "4")
    ),
    Border("speed_run.Entry", "an unknown schedule", lambda: Entry(schedule="linear"), "schedule must be one of cosine, constant, trapezoid"),
    Border("speed_run.Entry", "a config for the parts", lambda: Entry(parts=GPTConfig(vocab_size=11)), "parts must be Parts"),
    Border("speed_run.Entry", "a word for the optimiser", lambda: Entry(optimiser="muon"), "optimiser must be a function"),
    Border("speed_run.race", "parts alone", lambda: race(Parts(), 3), "what races must be an Entry"),
    Border("speed_run.race", "no steps", lambda: race(Entry(), 0), "steps must be at least 1"),
    Border("speed_run.race", "a fraction of a step", lambda: race(Entry(), 2.5), "steps must be an integer"),
    Border("speed_run.steps_within", "no steps", lambda: steps_within(Entry(), 0), "recipe_steps must be at least 1"),
    Border("speed_run.steps_within", "no rounds", lambda: steps_within(Entry(batch_size=3), 3, 0), "rounds must be at least 1"),
]

BORDERS = [*ATTENTION, *POSITIONS, *LAYERS, *RECURRENT, *ENCODER_DECODERS, *DECODERS, *RACE]
NOTHING = {
    "positions.Rotation": "a type",
    "speed_run.held_out_losses": "takes a model of the race and a split, whose name data.shakespeare checks",
    "speed_run.SquaredReLU": "two of PyTorch's layers, which name the widths that do not fit",
    "transformer.FeedForward": "two of PyTorch's layers, which name the widths that do not fit",
    "speed_run.RECIPE": "an Entry",
}
