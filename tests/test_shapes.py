"""Forward looks at shapes and dtypes alone: no value is asked for, and torch.compile makes one graph of it."""

import numpy as np
import pytest
import torch
from torch import nn

from course_lib.gpt import GPT, GPTConfig, ModernGPT, ModernGPTConfig
from course_lib.mlp import MLPConfig, MLPLanguageModel
from course_lib.recurrent import RecurrentLM, RecurrentLMConfig
from course_lib.seq2seq import Seq2Seq, Seq2SeqConfig
from course_lib.shapes import lengths_of
from course_lib.transformer import Transformer, TransformerConfig
from experiments.speed_run import GPTOfParts, NgramEmbedding, Parts, TokenEmbedding, rotary

V, T = 11, 5
SIZES = {"vocab_size": V, "context_length": T, "d_model": 8, "n_layers": 1, "n_heads": 2}
SOURCE, TARGET = torch.tensor([[1, 7, 3, 10, 2], [4, 9, 5, 0, 0]]), torch.tensor([[1, 8, 2], [1, 2, 0]])


def _transformer(positions):
    sizes = {"d_model": 8, "n_heads": 2, "d_ff": 5, "n_encoder_layers": 1, "n_decoder_layers": 1}
    return Transformer(TransformerConfig(vocab_size=V, context_length=T, dropout=0, positions=positions, **sizes))


def _of_parts(**parts):
    return GPTOfParts(Parts(n_layers=1, d_model=8, context_length=T, **parts), V)


LANGUAGE_MODELS = {
    "MLP": lambda: MLPLanguageModel(MLPConfig(vocab_size=V, context_length=T, d_embed=3, d_hidden=7)),
    "RNN": lambda: RecurrentLM(RecurrentLMConfig(vocab_size=V, d_embed=3, d_hidden=7, layer="RNN")),
    "GRU": lambda: RecurrentLM(RecurrentLMConfig(vocab_size=V, d_embed=3, d_hidden=7, layer="GRU")),
    "LSTM": lambda: RecurrentLM(RecurrentLMConfig(vocab_size=V, d_embed=3, d_hidden=7, layer="LSTM")),
    "GPT": lambda: GPT(GPTConfig(**SIZES)),
    "ModernGPT": lambda: ModernGPT(ModernGPTConfig(**SIZES, n_kv_heads=1, d_ff=7)),
    "of parts": lambda: _of_parts(),
    "of parts, rotary": lambda: _of_parts(embedding=TokenEmbedding, rotation=rotary),
    "of parts, n-grams": lambda: _of_parts(embedding=NgramEmbedding),
}
ENCODER_DECODERS = {
    kind: lambda kind=kind: Seq2Seq(Seq2SeqConfig(vocab_size=V, d_embed=3, d_hidden=4, dropout=0, attention=kind))
    for kind in ("none", "additive", "multiplicative")
} | {kind: lambda kind=kind: _transformer(kind) for kind in ("sinusoidal", "learned", "rotary")}
MODELS = {name: (build, (SOURCE,)) for name, build in LANGUAGE_MODELS.items()} | {
    name: (build, (SOURCE, TARGET)) for name, build in ENCODER_DECODERS.items()
}
every_model = pytest.mark.parametrize("name", MODELS)


@pytest.fixture(autouse=True)
def without_checked_annotations(monkeypatch):
    """They refuse unsigned ids, and cannot be compiled."""
    monkeypatch.setattr("jaxtyping.config.jaxtyping_disable", True)


@pytest.mark.parametrize("name", [name for name in MODELS if "GPT" not in name])  # which asks "meta" for its autocast
def test_no_value_is_looked_at(name):
    """On the device "meta" there are none: what would make a GPU wait is an error there."""
    build, texts = MODELS[name]
    with torch.device("meta"):
        model = build()
    logits = model(*(text.to("meta") for text in texts))
    assert logits.shape[-1] == V and logits.device.type == "meta"


@pytest.mark.filterwarnings("ignore:Dynamo detected a call to a `functools.lru_cache`")
@every_model
def test_one_compiled_graph_gives_the_same(name):
    build, texts = MODELS[name]
    torch.manual_seed(0)
    model = build()
    torch.compiler.reset()
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(*texts), model(*texts))


@pytest.mark.parametrize(
    "kind", [list, tuple, np.array, torch.tensor, iter, lambda lengths: np.array(lengths, np.uint8)]
)
def test_lengths_in_any_container(kind):
    found = lengths_of(kind([3, 0, 7]), 3, 7)
    assert isinstance(found, torch.Tensor) and found.tolist() == [3, 0, 7]


def test_lengths_where_a_value_is_not_known_are_counted_only():
    lengths = torch.empty(3, dtype=torch.long, device="meta")
    assert lengths_of(lengths, 3, 7).shape == (3,)
    with pytest.raises(ValueError, match=r"lengths must be a tensor of integers \(2\)"):
        lengths_of(lengths, 2, 7)


@pytest.mark.parametrize("name", [name for name in MODELS if name != "MLP"])
def test_ids_of_any_integers(name):
    build, texts = MODELS[name]
    model = build()
    for dtype in (torch.int32, torch.int16, torch.uint8):
        torch.testing.assert_close(model(*(text.to(dtype) for text in texts)), model(*texts), rtol=0, atol=0)


def test_every_table_of_ids_names_a_wrong_one():
    """The library's own embedding stands wherever ids are looked up; positions are no ids."""
    for build, _ in MODELS.values():
        for name, module in build().named_modules():
            if isinstance(module, nn.Embedding) and "position" not in name:
                with pytest.raises(ValueError, match=f"ids must be from 0 to {V - 1}"):
                    module(torch.tensor([V]))
