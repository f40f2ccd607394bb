"""Weights of Transformers' Llama and GPT-2 in our classes: equal logits, and what is wrong with others is named."""

import json

import pytest
import torch
import transformers
from helpers import enlarge
from safetensors.torch import load_file, save_file
from torch import Generator, nn

from course_lib.gpt import GPT, ModernGPT
from course_lib.pretrained import from_transformers, load_safetensors

V, CONTEXT = 13, 37
SPECIAL = {"bos_token_id": 0, "eos_token_id": 0}


def _llama(n_kv_heads=2, tied=True):
    sizes = {"hidden_size": 24, "intermediate_size": 11, "num_hidden_layers": 3, "num_attention_heads": 6}
    rotary = {"rope_type": "default", "rope_theta": 101.0}
    config = transformers.LlamaConfig(
        vocab_size=V,
        num_key_value_heads=n_kv_heads,
        max_position_embeddings=CONTEXT,
        rms_norm_eps=0.01,
        rope_parameters=rotary,
        tie_word_embeddings=tied,
        **sizes,
        **SPECIAL,
    )
    torch.manual_seed(3)
    return enlarge(transformers.LlamaForCausalLM(config)).eval()


def _gpt2():
    sizes = {"vocab_size": V, "n_positions": CONTEXT, "n_embd": 15, "n_layer": 3, "n_head": 5}
    torch.manual_seed(3)
    return enlarge(transformers.GPT2LMHeadModel(transformers.GPT2Config(**sizes, **SPECIAL))).eval()


every_model = pytest.mark.parametrize("build", [_llama, _gpt2])


def _same_logits(ours, theirs):
    tokens = torch.randint(V, (3, CONTEXT), generator=Generator().manual_seed(1))
    assert not ours.training
    with torch.no_grad():
        torch.testing.assert_close(ours(tokens), theirs(tokens).logits, rtol=1e-4, atol=1e-5)


def _ours(theirs, **changes):
    return from_transformers(theirs.config.to_dict() | changes, theirs.state_dict())


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("n_kv_heads", [1, 2, 6])
def test_llama(n_kv_heads, tied):
    theirs = _llama(n_kv_heads, tied)
    ours = _ours(theirs)
    assert isinstance(ours, ModernGPT) and ours.config.n_kv_heads == n_kv_heads and ours.config.tied == tied
    _same_logits(ours, theirs)


def test_gpt2():
    theirs = _gpt2()
    ours = _ours(theirs)
    assert isinstance(ours, GPT)
    _same_logits(ours, theirs)


@every_model
def test_it_is_a_copy_in_float32(build):
    theirs = build()
    ours = _ours(theirs)
    before = ours(torch.tensor([[1, 2, 3]]))
    for parameter in theirs.parameters():
        nn.init.zeros_(parameter)
    torch.testing.assert_close(ours(torch.tensor([[1, 2, 3]])), before, rtol=0, atol=0)
    assert {weight.dtype for weight in _ours(theirs.to(torch.bfloat16)).parameters()} == {torch.float32}
    assert all(weight.requires_grad for weight in ours.parameters()), "it can be trained on"


def test_a_config_of_before_version_5():
    theirs = _llama()
    old = theirs.config.to_dict() | {"rope_theta": 101.0, "rope_scaling": None}
    old.pop("rope_parameters")
    _same_logits(from_transformers(old, theirs.state_dict()), theirs)


def test_gpt2s_own_files_without_prefix_and_with_tables():
    theirs = _gpt2()
    state = {name.removeprefix("transformer."): tensor for name, tensor in theirs.state_dict().items()}
    tables = {f"h.{n}.attn.{kind}": torch.ones(1) for n in range(3) for kind in ("bias", "masked_bias")}
    _same_logits(from_transformers(theirs.config.to_dict(), state | tables), theirs)
    state.pop("lm_head.weight")
    _same_logits(from_transformers(theirs.config.to_dict(), state), theirs)


@every_model
@pytest.mark.parametrize("largest, files", [("5GB", 1), ("5KB", range(2, 20))])
def test_a_folder_that_transformers_wrote(build, largest, files, tmp_path):
    theirs = build()
    theirs.save_pretrained(tmp_path, max_shard_size=largest)
    found = len(list(tmp_path.glob("*.safetensors")))
    assert found == files if isinstance(files, int) else found in files
    _same_logits(load_safetensors(tmp_path), theirs)


def test_the_files_that_the_index_names_and_no_others(tmp_path):
    """As Transformers: model.safetensors where it is there, else the index's; what else lies there is not read."""
    theirs, other = _llama(), _llama()
    nn.init.zeros_(other.model.norm.weight)
    theirs.save_pretrained(tmp_path, max_shard_size="5KB")
    save_file({"model.norm.weight": torch.zeros(24)}, tmp_path / "zz_old.safetensors")
    _same_logits(load_safetensors(tmp_path), theirs)
    other.save_pretrained(tmp_path / "other")
    (tmp_path / "other" / "model.safetensors").rename(tmp_path / "model.safetensors")
    _same_logits(load_safetensors(tmp_path), transformers.AutoModelForCausalLM.from_pretrained(tmp_path))
    assert not load_safetensors(tmp_path).norm.weight.any()


CASES = [(_llama, "model.layers.1.mlp.up_proj.weight", 3, (11, 24)), (_gpt2, "transformer.h.1.mlp.c_fc.bias", 2, (60,))]


@pytest.mark.parametrize("build, name, others, shape", CASES)
def test_a_wrong_tensor_is_named(build, name, others, shape):
    theirs = build()
    config, state = theirs.config.to_dict(), theirs.state_dict()
    with pytest.raises(ValueError, match=f"the tensor '{name}' is missing$"):
        from_transformers(config, {one: tensor for one, tensor in state.items() if one != name})
    few = {one: tensor for one, tensor in state.items() if "mlp" not in one}
    with pytest.raises(ValueError, match=r"the tensor '.*mlp.*' is missing \(and so for \d+ more\)"):
        from_transformers(config, few)
    extra = name.replace(".1.", ".7.")
    with pytest.raises(ValueError, match=f"the tensor '{extra}' has no place in a (Modern)?GPT$"):
        from_transformers(config, state | {extra: state[name]})
    wrong = torch.zeros(5, *shape[1:])
    expected = rf"the tensor '{name}' should have the shape {shape}, but has {tuple(wrong.shape)}"
    with pytest.raises(ValueError, match=expected.replace("(", r"\(").replace(")", r"\)")):
        from_transformers(config, state | {name: wrong})


def test_sizes_that_do_not_fit_the_tensors():
    theirs = _llama()
    with pytest.raises(ValueError, match=r"the tensor 'model.layers.0.mlp.gate_proj.weight' should have the shape"):
        _ours(theirs, intermediate_size=12)
    with pytest.raises(ValueError, match=r"the tensor 'model.layers.3.* is missing"):
        _ours(theirs, num_hidden_layers=4)
    with pytest.raises(ValueError, match=r"the tensor 'lm_head.weight' is missing"):
        from_transformers(
            theirs.config.to_dict() | {"tie_word_embeddings": False},
            {name: tensor for name, tensor in theirs.state_dict().items() if name != "lm_head.weight"},
        )


@every_model
def test_an_output_matrix_that_should_be_the_embedding(build):
    theirs = build()
    state = dict(theirs.state_dict())
    state["lm_head.weight"] = state["lm_head.weight"] + 1
    with pytest.raises(ValueError, match=r"'lm_head.weight' should equal '.*', as the config ties them, but does not"):
        from_transformers(theirs.config.to_dict(), state)


@pytest.mark.parametrize(
    "build, changes, words",
    [
        (
            _llama,
            {"model_type": "mamba"},
            "the architecture is 'mamba', but here there are 'bert', 'gpt2', 'llama' only",
        ),
        (_llama, {"model_type": None}, "the architecture is None"),
        (_llama, {"attention_bias": True}, "the model has attention_bias True, but ours can have False only"),
        (_llama, {"mlp_bias": True}, "mlp_bias"),
        (_llama, {"hidden_act": "gelu"}, "the model has hidden_act 'gelu', but ours can have 'silu' only"),
        (_llama, {"head_dim": 6}, "the model has head_dim 6, but ours can have 4 only"),
        (_llama, {"rope_parameters": {"rope_type": "yarn", "rope_theta": 101.0}}, "rope_type 'yarn'"),
        (_llama, {"rope_scaling": {"type": "linear", "factor": 2.0}}, "rope_type 'linear'"),
        (_gpt2, {"activation_function": "relu"}, "activation_function 'relu'"),
        (_gpt2, {"n_inner": 61}, "n_inner 61, but ours can have 60 only"),
        (_gpt2, {"layer_norm_epsilon": 1e-6}, "layer_norm_epsilon 1e-06"),
        (_gpt2, {"scale_attn_weights": False}, "scale_attn_weights False"),
        (_gpt2, {"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx True"),
        (_gpt2, {"add_cross_attention": True}, "add_cross_attention True"),
        (_gpt2, {"tie_word_embeddings": False}, "tie_word_embeddings False"),
    ],
)
def test_what_ours_cannot_be(build, changes, words):
    with pytest.raises(ValueError, match=words):
        _ours(build(), **changes)


def test_weights_are_never_unpickled(tmp_path, monkeypatch):
    theirs = _llama()
    torch.save(theirs.state_dict(), tmp_path / "pytorch_model.bin")
    (tmp_path / "config.json").write_text(json.dumps(theirs.config.to_dict()), encoding="utf-8")
    monkeypatch.setattr("pickle.load", pytest.fail)
    monkeypatch.setattr("torch.load", pytest.fail)
    with pytest.raises(ValueError, match=r"should hold a file \*.safetensors, but there is none"):
        load_safetensors(tmp_path)
    save_file(
        {name: tensor for name, tensor in theirs.state_dict().items() if "lm_head" not in name},
        tmp_path / "a.safetensors",
    )
    _same_logits(load_safetensors(tmp_path), theirs)


def test_a_folder_that_is_not_whole(tmp_path):
    theirs = _llama()
    theirs.save_pretrained(tmp_path)
    weights, config = tmp_path / "model.safetensors", tmp_path / "config.json"
    said = config.read_text(encoding="utf-8")
    for text in (said[:40], None):
        config.unlink() if text is None else config.write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=r"should hold a config.json, but it cannot be read: "):
            load_safetensors(tmp_path)
    config.write_text(said, encoding="utf-8")
    whole, tensors = weights.read_bytes(), load_file(weights)
    for damaged in (whole[:-7], whole[:5], b"", b"PK\x03\x04" + whole[4:]):
        weights.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"model.safetensors is no whole safetensors file: "):
            load_safetensors(tmp_path)
    tensors.pop("model.norm.weight")
    save_file(tensors, weights)
    with pytest.raises(ValueError, match=r"the tensor 'model.norm.weight' is missing"):
        load_safetensors(tmp_path)
