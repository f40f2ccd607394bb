"""Models in files: every kind comes back with its config, weights and tokenizer, and what is none is refused."""

import json

import pytest
import safetensors.torch
import torch
from torch import nn

from course_lib import model_files
from course_lib.bert import BERTConfig, MaskedLM
from course_lib.gpt import GPT, GPTConfig, ModernGPT, ModernGPTConfig
from course_lib.mlp import MLPConfig, MLPLanguageModel
from course_lib.model_files import MODELS, load_model, read_about, save_model
from course_lib.recurrent import RecurrentLM, RecurrentLMConfig
from course_lib.seq2seq import Seq2Seq, Seq2SeqConfig
from course_lib.tokenizers import BPETokenizer, CharTokenizer, WordTokenizer
from course_lib.training import save_weights
from course_lib.transformer import Transformer, TransformerConfig

TEXT = "the cat and the hat and the mat " * 9
BPE = BPETokenizer.train(TEXT, vocab_size=271, special_tokens=["<end>"], pattern=r" ?[a-z]+|\s+|.")
SIZES = {"vocab_size": 271, "context_length": 7, "d_model": 6, "n_layers": 2, "n_heads": 3}
EXAMPLES = [
    GPT(GPTConfig(**SIZES, dropout=0.25)),
    ModernGPT(ModernGPTConfig(**SIZES, n_kv_heads=1, d_ff=5, tied=False, norm_eps=1e-6)),
    MaskedLM(BERTConfig(**SIZES, d_ff=5, n_segments=3, norm_eps=1e-6)),
    MLPLanguageModel(MLPConfig(vocab_size=271, context_length=3, d_embed=2, d_hidden=5)),
    RecurrentLM(RecurrentLMConfig(vocab_size=271, d_embed=3, d_hidden=5, n_layers=2, layer="LSTM")),
    Seq2Seq(Seq2SeqConfig(vocab_size=271, d_embed=3, d_hidden=4, attention="multiplicative")),
    Transformer(TransformerConfig(vocab_size=271, d_model=6, n_heads=3, d_ff=5, positions="rotary", norm="post")),
]


def test_there_is_an_example_of_every_kind():
    assert {type(model).__name__ for model in EXAMPLES} == MODELS.keys()


@pytest.mark.parametrize("model", EXAMPLES, ids=lambda model: type(model).__name__)
@pytest.mark.parametrize("half", [False, True])
def test_a_model_comes_back_as_it_was(tmp_path, model, half):
    path, before = tmp_path / "new" / "model.safetensors", {n: w.clone() for n, w in model.state_dict().items()}
    save_model(path, model.train(), BPE, {"steps": 3}, half=half)
    back, tokenizer = load_model(str(path))
    assert type(back) is type(model) and back.config == model.config and not back.training
    assert vars(tokenizer).keys() == vars(BPE).keys() and tokenizer.merges == BPE.merges
    assert tokenizer.encode("the cat<end>", special=True) == BPE.encode("the cat<end>", special=True)
    assert read_about(path) == {"steps": 3}
    for name, weight in back.state_dict().items():
        assert weight.dtype == torch.float32
        assert torch.equal(weight, before[name].half().float() if half else before[name]), name
        assert torch.equal(model.state_dict()[name], before[name]), name


@pytest.mark.parametrize(
    "tokenizer",
    [None, CharTokenizer.train(TEXT, special_tokens=["<unk>"]), WordTokenizer.train(TEXT), BPE],
    ids=lambda tokenizer: type(tokenizer).__name__,
)
def test_every_tokenizer_comes_back(tmp_path, tokenizer):
    save_model(tmp_path / "model", EXAMPLES[0], tokenizer, "nine lines")
    _, back = load_model(tmp_path / "model")
    assert type(back) is type(tokenizer) and read_about(tmp_path / "model") == "nine lines"
    if tokenizer is not None:
        assert all(getattr(back, name) == getattr(tokenizer, name) for name in tokenizer.FIELDS)
        assert back.decode(back.encode("the dot")) == tokenizer.decode(tokenizer.encode("the dot"))


class GPTOfMyOwn(GPT):
    pass


def test_what_cannot_be_stored_is_refused_and_nothing_written(tmp_path):
    small = GPT(GPTConfig(**SIZES | {"vocab_size": 11}))
    for words, arguments in {
        "the model must be one of GPT, .*, but it is 'Linear'": (nn.Linear(2, 3),),
        "but it is 'GPTOfMyOwn'": (GPTOfMyOwn(GPTConfig(**SIZES)),),
        "the tokenizer must be one of BPETokenizer, .*, but it is 'list'": (small, ["a", "b"]),
        "the tokenizer's vocab_size must be at most the model's 11, but it is 270": (small, BPE),
    }.items():
        with pytest.raises(ValueError, match=words):
            save_model.__wrapped__(tmp_path / "model", *arguments)
    assert not list(tmp_path.iterdir())


def describe(path, **changes):
    """The file with another description."""
    found = model_files.checkpoints.read_about(path) | changes
    tensors = safetensors.torch.load_file(path)
    safetensors.torch.save_file(tensors, path, {"about": json.dumps(found)})


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"format": "another"}, "model holds no model and config: expected what save_model writes"),
        ({"version": 2}, "model has version 2 of the format, but version 1 is read here"),
        ({"kind": "Mamba"}, "model holds a Mamba, but the models known here are GPT, "),
        ({"config": {"vocab_size": 0}}, "describes a GPT that cannot be built: vocab_size must be at least 1"),
        ({"config": {"width": 2}}, "describes a GPT that cannot be built: "),
        ({"config": [2]}, "describes a GPT that cannot be built"),
        ({"config": SIZES | {"d_model": 9}}, r"holds another model: for .* expected \(.*9\), but the file holds"),
        ({"tokenizer": {"kind": "Unigram"}}, "describes a GPT that cannot be built: .*'Unigram'"),
        ({"tokenizer": {"kind": "CharTokenizer"}}, "describes a GPT that cannot be built: .*'vocabulary'"),
        ({"tokenizer": "CharTokenizer"}, "describes a GPT that cannot be built"),
    ],
)
def test_what_is_no_model_of_ours_is_refused(tmp_path, changes, words):
    path = tmp_path / "model"
    save_model(path, EXAMPLES[0], BPE)
    describe(path, **changes)
    with pytest.raises(ValueError, match=words) as caught:
        load_model(path)
    assert "\n" not in str(caught.value)


def test_missing_damaged_and_foreign_files(tmp_path):
    path = tmp_path / "model"
    for read in (load_model, read_about):
        with pytest.raises(FileNotFoundError, match="model"):
            read(path)
    save_weights(path, nn.Linear(2, 3), {"steps": 3})
    with pytest.raises(ValueError, match="holds no model and config"):
        load_model(path)
    safetensors.torch.save_file({"weight": torch.zeros(2)}, path, {"about": "another's words"})
    with pytest.raises(ValueError, match="holds no model and config"):
        load_model(path)
    save_model(path, EXAMPLES[0])
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(ValueError, match="damaged"):
        load_model(path)
