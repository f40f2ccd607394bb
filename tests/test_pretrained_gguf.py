"""Small GGUF files, written by the package: fields, kinds of numbers, a model of them; files that are none."""

import hashlib
import struct

import gguf
import numpy as np
import pytest
import torch
import transformers
from gguf import GGMLQuantizationType as Kind
from helpers import enlarge
from torch import Generator

from course_lib.gpt import ModernGPT, ModernGPTConfig
from course_lib.pretrained import (
    dequantised,
    from_transformers,
    gguf_config,
    gguf_layout,
    gguf_model,
    gguf_tokenizer,
    llama_layout,
    load_gguf,
    read_gguf,
)
from course_lib.tokenizers import byte_alphabet

CONFIG = ModernGPTConfig(
    vocab_size=260, context_length=37, d_model=96, n_layers=2, n_heads=6, n_kv_heads=2, d_ff=64, rotary_base=101
)
TOKENS = ["<|im_start|>", "<|im_end|>", *byte_alphabet(), "lo", "low"]
MERGES = ["l o", "lo w"]
FIELDS = {
    "llama.context_length": 37,
    "llama.embedding_length": 96,
    "llama.block_count": 2,
    "llama.feed_forward_length": 64,
    "llama.attention.head_count": 6,
    "llama.attention.head_count_kv": 2,
    "llama.rope.freq_base": 101.0,
    "llama.attention.layer_norm_rms_epsilon": 1e-5,
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.pre": "smollm",
    "tokenizer.ggml.tokens": TOKENS,
    "tokenizer.ggml.merges": MERGES,
    "tokenizer.ggml.token_type": [3, 4] + [1] * 258,
}


def _llama():
    """Transformers' Llama of these sizes, and the tensors of its file: the package says how its rows are ordered."""
    sizes = {"hidden_size": 96, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 6}
    rotary = {"rope_type": "default", "rope_theta": 101.0}
    config = transformers.LlamaConfig(
        vocab_size=260,
        num_key_value_heads=2,
        rms_norm_eps=1e-5,
        rope_parameters=rotary,
        tie_word_embeddings=True,
        **sizes,
    )
    torch.manual_seed(3)
    return enlarge(transformers.LlamaForCausalLM(config).eval())


def _neighbours(weight, heads):
    """Rows as llama.cpp's converter of Llama's weights puts them: pairs that turn together are neighbours."""
    return weight.reshape(heads, 2, len(weight) // heads // 2, -1).swapaxes(1, 2).reshape(weight.shape)


def _tensors(theirs):
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, 2)
    tensors = {}
    for name, weight in theirs.state_dict().items():
        if name != "lm_head.weight":
            numbers = weight.numpy()
            heads = {"q_proj": 6, "k_proj": 2}.get(name.split(".")[-2])
            tensors[names.get_name(name, (".weight",))] = numbers if heads is None else _neighbours(numbers, heads)
    return tensors


def _write(path, tensors, kinds=None, architecture="llama", **changes):
    """A GGUF file; `kinds` says for a part of a name how its numbers are stored. A field that is None is left out."""
    writer = gguf.GGUFWriter(path, architecture)
    add = {int: writer.add_uint32, float: writer.add_float32, str: writer.add_string, list: writer.add_array}
    for name, value in (FIELDS | changes).items():
        if value is not None:
            add[type(value)](name, value)
    for name, numbers in tensors.items():
        kind = next((kind for part, kind in (kinds or {}).items() if part in name), Kind.F32)
        if kind in (Kind.F32, Kind.F16):
            writer.add_tensor(name, numbers.astype({Kind.F32: np.float32, Kind.F16: np.float16}[kind]))
        else:
            blocks = gguf.quantize(numbers, kind)
            writer.add_tensor(name, blocks, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture(scope="module")
def llama():
    return _llama()


@pytest.fixture
def whole(tmp_path, llama):
    return _write(tmp_path / "whole.gguf", _tensors(llama))


def test_fields_and_tensors(whole):
    file = read_gguf(whole)
    assert file["general.architecture"] == "llama" and file["llama.rope.freq_base"] == 101.0
    assert file["tokenizer.ggml.tokens"] == TOKENS and file["tokenizer.ggml.token_type"][:3] == [3, 4, 1]
    assert file.tensors["blk.1.attn_k.weight"].shape.tolist() == [96, 32] and len(file.tensors) == 2 + 2 * 9
    assert repr(file) == f"GGUFFile(whole.gguf, {len(file.fields)} fields, 20 tensors)"
    with pytest.raises(ValueError, match=r"whole.gguf should say llama.colour, but does not"):
        file["llama.colour"]


def test_a_whole_model_and_its_tokenizer(whole, llama):
    model, tokenizer = load_gguf(whole)
    assert model.config == CONFIG and isinstance(model, ModernGPT) and not model.training
    tokens = torch.randint(260, (3, 37), generator=Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(model(tokens), llama(tokens).logits, rtol=1e-4, atol=1e-4)
    assert tokenizer.vocabulary[tokenizer.encode("low")[0]] == "low"
    assert tokenizer.encode("<|im_end|>", special=True) == [1] and len(tokenizer.encode("<|im_end|>")) == 10
    assert [tokenizer.decode([token]) for token in tokenizer.encode(" 12 low")] == [" ", "1", "2", " ", "low"]


def test_the_library_that_reads_it_by_itself_agrees(whole, llama):
    """Transformers' own reader, on the same file: its weights, put into ours, are those that we read."""
    theirs = transformers.LlamaForCausalLM.from_pretrained(whole.parent, gguf_file=whole.name)
    other = from_transformers(theirs.config.to_dict(), theirs.state_dict()).state_dict()
    for name, weight in load_gguf(whole)[0].state_dict().items():
        torch.testing.assert_close(weight, other[name], rtol=0, atol=0, msg=name)


@pytest.mark.parametrize("kind, error", [(Kind.F32, 0), (Kind.F16, 1e-3), (Kind.Q8_0, 0.02), (Kind.Q4_1, 0.25)])
def test_numbers_come_back(kind, error, tmp_path):
    """As near as the kind allows, and to the last bit what the package makes of them."""
    numbers = torch.randn(7, 96, generator=Generator().manual_seed(0)).numpy()
    tensor = read_gguf(_write(tmp_path / "one.gguf", {"one": numbers}, {"": kind})).tensors["one"]
    assert tensor.tensor_type == kind
    found = dequantised(tensor)
    assert found.shape == (7, 96) and found.dtype == torch.float32
    assert np.abs(found.numpy() - numbers).max() <= error
    assert error == 0 or np.abs(found.numpy() - numbers).max() > error / 100, "not better than the kind can be"
    expected = gguf.dequantize(tensor.data, kind)
    assert np.array_equal(found.numpy(), expected)
    found.zero_()  # it is our own: the file, or the package's array, does not change with it
    assert np.array_equal(dequantised(tensor).numpy(), expected)


def test_a_block_of_four_bits_by_hand(tmp_path):
    numbers = np.linspace(-1, 1, 64, dtype=np.float32)[None]
    tensor = read_gguf(_write(tmp_path / "one.gguf", {"one": numbers}, {"": Kind.Q4_1})).tensors["one"]
    for block, found in zip(tensor.data.reshape(2, 20), dequantised(tensor).view(2, 32), strict=True):
        d, m = struct.unpack("<2e", block[:4].tobytes())
        by_hand = [d * q + m for half in (block[4:] & 15, block[4:] >> 4) for q in half.tolist()]
        assert found.tolist() == pytest.approx(by_hand, abs=1e-6)


def test_a_model_of_several_kinds(tmp_path, llama):
    """As SmolLM2's file: norms in full, the embedding in 8 bits, the matrices in 4, and one in halves."""
    kinds = {"norm": Kind.F32, "token_embd": Kind.Q8_0, "attn_v": Kind.F16, "": Kind.Q4_1}
    path = _write(tmp_path / "several.gguf", _tensors(llama), kinds)
    file = read_gguf(path)
    assert {tensor.tensor_type for tensor in file.tensors.values()} == set(kinds.values())
    model = gguf_model(file)
    exact = dict(from_transformers(llama.config.to_dict(), llama.state_dict()).named_parameters())
    for name, weight in model.named_parameters():
        assert (weight - exact[name]).abs().max() <= (0 if "norm" in name else 0.09), name


def test_layouts_differ_in_names_and_in_the_rows_of_queries_and_keys():
    here, there = gguf_layout(CONFIG), llama_layout(CONFIG)
    assert list(here) == list(there)
    moved = set()
    for ours, parts in here.items():
        assert [part.shape for part in parts] == [part.shape for part in there[ours]]
        moved |= {part.name for part in parts if part.change}
    assert moved == {f"blk.{n}.attn_{part}.weight" for n in (0, 1) for part in "qk"}


def test_an_output_matrix_of_its_own(tmp_path, llama):
    output = np.full((260, 96), 0.5, np.float32)
    model = gguf_model(read_gguf(_write(tmp_path / "untied.gguf", _tensors(llama) | {"output.weight": output})))
    assert not model.config.tied and (model.output.weight == 0.5).all()


@pytest.mark.parametrize(
    "change, words",
    [
        ({"blk.1.ffn_up.weight": None}, "the tensor 'blk.1.ffn_up.weight' is missing"),
        ({"blk.1.attn_q.bias": np.zeros(96, np.float32)}, "the tensor 'blk.1.attn_q.bias' has no place in a ModernGPT"),
        (
            {"blk.0.attn_k.weight": np.zeros((64, 96), np.float32)},
            r"the tensor 'blk.0.attn_k.weight' should have the shape \(32, 96\), but has \(64, 96\)",
        ),
    ],
)
def test_a_wrong_tensor_is_named(change, words, tmp_path, llama):
    tensors = {name: tensor for name, tensor in (_tensors(llama) | change).items() if tensor is not None}
    with pytest.raises(ValueError, match=words):
        load_gguf(_write(tmp_path / "wrong.gguf", tensors))


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"architecture": "mamba"}, "has the architecture 'mamba', but a ModernGPT can be 'llama' only"),
        ({"llama.rope.scaling.type": "yarn"}, "has llama.rope.scaling.type 'yarn', but .* can have 'none' only"),
        ({"llama.expert_count": 8}, "has llama.expert_count 8, but a ModernGPT of its size can have 0 only"),
        ({"llama.rope.dimension_count": 8}, "has llama.rope.dimension_count 8, but .* can have 16 only"),
        ({"llama.attention.key_length": 32}, "has llama.attention.key_length 32"),
        ({"llama.block_count": None}, "wrong.gguf should say llama.block_count, but does not"),
        ({"tokenizer.ggml.tokens": None}, "should say tokenizer.ggml.tokens, but does not"),
    ],
)
def test_an_architecture_that_there_is_not_here(changes, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        gguf_config(read_gguf(_write(tmp_path / "wrong.gguf", {}, **changes)))


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"tokenizer.ggml.model": "llama"}, "a tokenizer of the kind 'llama' with 'smollm', but here there is 'gpt2'"),
        ({"tokenizer.ggml.pre": "qwen2"}, "a tokenizer of the kind 'gpt2' with 'qwen2', but here there is 'gpt2'"),
        ({"tokenizer.ggml.merges": ["l o", "x y"]}, r"the merge \('x', 'y'\) needs the token 'xy'"),
        ({"tokenizer.ggml.merges": None}, "should say tokenizer.ggml.merges"),
    ],
)
def test_a_tokenizer_that_there_is_not_here(changes, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        gguf_tokenizer(read_gguf(_write(tmp_path / "wrong.gguf", {}, **changes)))


def test_a_hash_that_is_not_the_files(whole):
    right = hashlib.sha256(whole.read_bytes()).hexdigest()
    assert read_gguf(whole, right).path == whole
    with pytest.raises(ValueError, match=f"is not the file it should be: its SHA-256 is {right}, not {'0' * 64}"):
        read_gguf(whole, "0" * 64)
    with pytest.raises(ValueError, match="its SHA-256 is"):
        load_gguf(whole, "0" * 64)


@pytest.mark.parametrize("content", [b"", b"GG", b"PK\x03\x04 a zip file", b"a text\n"])
def test_a_file_that_is_no_gguf(content, tmp_path):
    path = tmp_path / "other.gguf"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"other.gguf is no GGUF file: it does not begin with the four letters GGUF"):
        read_gguf(path)


def test_a_file_that_breaks_off(whole):
    """Anywhere: in the head, among the fields, among the tensors' names, in the last tensor."""
    content = whole.read_bytes()
    cuts = [4, 7, 20, 25, *range(30, len(content), len(content) // 50), len(content) - 1]
    for length in cuts:
        whole.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"whole.gguf is no whole GGUF file, or a damaged one: "):
            read_gguf(whole)


def test_a_file_whose_numbers_are_nonsense(whole):
    content = bytearray(whole.read_bytes())
    for place, value in ((4, 99), (8, 2**40), (16, 2**40), (24, 2**50)):
        damaged = bytearray(content)
        damaged[place : place + (4 if place == 4 else 8)] = value.to_bytes(4 if place == 4 else 8, "little")
        whole.write_bytes(damaged)
        with pytest.raises(ValueError, match="is no whole GGUF file, or a damaged one"):
            read_gguf(whole)


def test_a_kind_that_the_package_cannot_read(tmp_path):
    tensor = read_gguf(_write(tmp_path / "one.gguf", {"one": np.ones((1, 32), np.float32)})).tensors["one"]
    strange = tensor._replace(tensor_type=Kind.F64)
    with pytest.raises(ValueError, match=r"the tensor 'one' is stored as F64, which cannot be read: "):
        dequantised(strange)


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.gguf"):
        read_gguf(tmp_path / "nowhere.gguf")
