"""Our models in Transformers: the same ids, texts and logits; what has no counterpart there is named, not written."""

import json

import pytest
import torch
import transformers
from torch import nn

from course_lib.gpt import GPT, GPTConfig, ModernGPT, ModernGPTConfig
from course_lib.mlp import MLPConfig, MLPLanguageModel
from course_lib.pretrained import export, load_safetensors, load_shakespeare_gpt, load_smollm2, to_transformers
from course_lib.pretrained.smollm2 import SMOLLM_PATTERN
from course_lib.tokenizers import BPETokenizer, CharTokenizer, WordTokenizer

TEXTS = [
    "the cat and the hat, and the mat",
    "  two  blanks\n\nlines\t\ttabs \r\n end  ",
    "naïve café, Ærøskøbing: ça va? 'tis 1603, it's 20%",
    "emoji 🎬 — 👍🏽, 中文, e\u0301",
    "\x1c\x85\xa0\u2028\u200b\ufeff",
    "cat",
    "",
]
SPECIAL = ["<unk>", "<|end|>", "<|end|>!", "my token"]
MARKED = ["the cat<|end|>the hat", "<|end|>!<|end|>", "my token, my tokens<|end|> ", "<unk>"]
CONTEXT = 97
SIZES = {"context_length": CONTEXT, "d_model": 12, "n_layers": 2, "n_heads": 3}
TOKENIZERS = {
    "bpe": lambda special: BPETokenizer.train(TEXTS[:3] * 3, 300, special),
    "digits": lambda special: BPETokenizer.train(TEXTS[:3] * 3, 300, special, SMOLLM_PATTERN),
    "characters": lambda special: CharTokenizer.train([*TEXTS, *MARKED], special_tokens=special),
}
MODELS = {
    "GPT": lambda size: GPT(GPTConfig(vocab_size=size, **SIZES, dropout=0.25)),
    "ModernGPT": lambda size: ModernGPT(
        ModernGPTConfig(vocab_size=size, **SIZES, n_kv_heads=1, d_ff=11, rotary_base=101, norm_eps=0.01)
    ),
    "untied": lambda size: ModernGPT(ModernGPTConfig(vocab_size=size, **SIZES, n_kv_heads=3, d_ff=11, tied=False)),
}


def _model(name, vocab_size):
    """Weights so large that every token counts, gains and biases away from 1 and 0, where one is not noticed."""
    torch.manual_seed(3)
    model = MODELS[name](vocab_size)
    for parameter in model.parameters():
        nn.init.normal_(parameter, mean=0.3 if parameter.ndim == 1 else 0, std=0.3)
    return model.eval()


def _theirs(folder):
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    return model, transformers.AutoTokenizer.from_pretrained(folder)


def _same_texts(ours, theirs, texts):
    for text in texts:
        ids = theirs(text)["input_ids"]
        assert ids == ours.encode(text, special=True), text
        assert theirs(text, split_special_tokens=True)["input_ids"] == ours.encode(text), text
        assert theirs.decode(ids) == ours.decode(ids), text


@pytest.mark.parametrize("special", [[], SPECIAL], ids=["plain", "special"])
@pytest.mark.parametrize("kind", TOKENIZERS)
@pytest.mark.parametrize("name", MODELS)
def test_the_same_ids_texts_and_logits(tmp_path, name, kind, special):
    ours = TOKENIZERS[kind](special)
    model = _model(name, ours.vocab_size + 3)  # sizes are often rounded up
    to_transformers(model, ours, tmp_path / "new" / "model")
    peer, theirs = _theirs(tmp_path / "new" / "model")
    _same_texts(ours, theirs, [*TEXTS, *MARKED])
    for text in filter(None, TEXTS):
        ids = torch.tensor([ours.encode(text)])[:, :CONTEXT]
        with torch.no_grad():
            torch.testing.assert_close(model(ids), peer(ids).logits, rtol=1e-4, atol=1e-4)
    assert theirs.model_max_length == CONTEXT and peer.dtype == torch.float32
    back = load_safetensors(tmp_path / "new" / "model")
    assert back.config == model.config
    for weight, found in zip(model.parameters(), back.parameters(), strict=True):
        assert torch.equal(weight, found)


@pytest.mark.parametrize("name", ["GPT", "ModernGPT"])
def test_what_it_writes_is_what_transformers_needs_and_trains_as_ours(tmp_path, name):
    ours = TOKENIZERS["bpe"]([])
    model = _model(name, ours.vocab_size)
    to_transformers(model.bfloat16(), ours, str(tmp_path))
    names = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    assert {path.name for path in tmp_path.iterdir()} == names
    peer, loading = transformers.AutoModelForCausalLM.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(loading.values()), "no key is missing or left over"
    assert peer.dtype == torch.bfloat16
    dropped = {module.p for module in peer.modules() if isinstance(module, nn.Dropout)}
    assert dropped == ({0.25, 0.0} if name == "GPT" else set())
    assert getattr(peer.config, "bos_token_id", None) is None and peer.config.eos_token_id is None


@pytest.mark.parametrize(
    "ours, words",
    [
        (CharTokenizer.train("ab "), "'z' is not among"),
        (BPETokenizer(["a", "b", "ab"], [("a", "b")]), "no token for the byte 0x7a"),
    ],
)
def test_what_we_have_no_token_for_is_an_error_there_too(tmp_path, ours, words):
    to_transformers(_model("GPT", 3), ours, tmp_path)
    _, theirs = _theirs(tmp_path)
    _same_texts(ours, theirs, ["ab", "aab", "bba"])
    for text in ("abz", "z", "a\tb"):
        with pytest.raises(Exception, match=r"(?i)unk"):
            theirs(text)
    with pytest.raises(ValueError, match=words):
        ours.encode("abz")


@pytest.mark.slow
@pytest.mark.parametrize("load", [load_shakespeare_gpt, load_smollm2])
def test_the_models_of_the_course(tmp_path, load):
    model, ours = load()
    to_transformers(model, ours, tmp_path)
    peer, theirs = _theirs(tmp_path)
    _same_texts(ours, theirs, [*TEXTS, "ROMEO.\nBut soft, what light through yonder window breaks?\n"])
    ids = torch.tensor([ours.encode(TEXTS[2])])
    with torch.no_grad():
        torch.testing.assert_close(model(ids), peer(ids).logits, rtol=1e-4, atol=1e-4)


BPE = TOKENIZERS["bpe"]([])
REFUSED = {
    "the model must be a GPT or a ModernGPT, but it is 'MLPLanguageModel'": lambda: (
        MLPLanguageModel(MLPConfig(vocab_size=300)),
        BPE,
    ),
    "the tokenizer must be a BPETokenizer or a CharTokenizer, but it is 'WordTokenizer'": lambda: (
        _model("GPT", 300),
        WordTokenizer.train("the cat"),
    ),
    "the tokenizer's vocab_size must be at most the model's 299, but it is 300": lambda: (_model("GPT", 299), BPE),
    r"the pattern of a BPETokenizer must be GPT2_PATTERN or SMOLLM_PATTERN, but it is '.+'": lambda: (
        _model("GPT", 300),
        BPETokenizer.train("the cat", 256, pattern=r"[\s\S]"),
    ),
    "a special token must not be the token of a byte, but it is '!'": lambda: (
        _model("GPT", 300),
        BPETokenizer(BPE.vocabulary[:256], [], ["!"]),
    ),
    "the special token '<é>' must read the same when Transformers decodes it, but it is '<�>'": lambda: (
        _model("ModernGPT", 300),
        BPETokenizer([*BPE.vocabulary[:256], "<é>"], [], ["<é>"]),
    ),
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_has_no_counterpart_is_refused_and_nothing_written(tmp_path, words):
    with pytest.raises(ValueError, match=words):
        to_transformers.__wrapped__(*REFUSED[words](), tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_holds_something_stays_as_it_is(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="the folder must be new or empty, but it is '"):
        to_transformers(_model("GPT", 300), BPE, tmp_path)
    with pytest.raises(ValueError, match="the folder must be new or empty"):
        to_transformers(_model("GPT", 300), BPE, tmp_path / "notes.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_write_that_fails_leaves_nothing(tmp_path, monkeypatch):
    def full(path, content):
        raise OSError("No space left on device")

    monkeypatch.setattr(export, "_write", full)
    with pytest.raises(OSError, match="No space"):
        to_transformers(_model("GPT", 300), BPE, tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_the_config_can_be_read_by_version_4(tmp_path):
    to_transformers(_model("ModernGPT", 300), BPE, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    assert config["rope_theta"] == config["rope_parameters"]["rope_theta"] == 101
