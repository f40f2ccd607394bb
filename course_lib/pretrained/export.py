"""Our models and tokenizers in the format of Transformers: GPT as its GPT-2, ModernGPT as its Llama."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from tokenizers import AddedToken, Regex, decoders, models, pre_tokenizers
from tokenizers import Tokenizer as Backend
from torch import Tensor

from course_lib.gpt import GPT, GPTConfig, ModernGPT, ModernGPTConfig
from course_lib.pretrained.layouts import Layout, gpt2_layout, llama_layout
from course_lib.pretrained.smollm2 import SMOLLM_PATTERN
from course_lib.tokenizers import GPT2_PATTERN, BPETokenizer, CharTokenizer, Tokenizer, byte_alphabet
from course_lib.validation import require

__all__ = ["to_transformers"]

_PATTERNS = {GPT2_PATTERN: "GPT2_PATTERN", SMOLLM_PATTERN: "SMOLLM_PATTERN"}  # which mean the same to both engines


def to_transformers(model: GPT | ModernGPT, tokenizer: Tokenizer, folder: str | os.PathLike[str]) -> None:
    """Write a folder from which AutoModelForCausalLM and AutoTokenizer load the same model and tokenizer.

    Logits and ids are equal. Their `tokenizer(text)` is our `encode(text, special=True)`: it recognises special tokens
    in the text and adds none. With `split_special_tokens=True` it is our `encode(text)`. Raises ValueError, which names
    the cause, for anything without a counterpart in Transformers, and for a folder that is not empty; then nothing is
    written.
    """
    require(isinstance(folder, str | os.PathLike), "the folder must be a string or a pathlib.Path", folder)
    folder, kind = Path(folder).absolute(), type(tokenizer).__name__
    require(type(model) in _MODELS, "the model must be a GPT or a ModernGPT", type(model).__name__)
    require(type(tokenizer) in _TOKENIZERS, "the tokenizer must be a BPETokenizer or a CharTokenizer", kind)
    most = model.config.vocab_size
    require(
        tokenizer.vocab_size <= most,
        f"the tokenizer's vocab_size must be at most the model's {most}",
        tokenizer.vocab_size,
    )
    empty = not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
    require(empty, "the folder must be new or empty", str(folder))
    describe, layout = _MODELS[type(model)]
    backend = _with_special_tokens(_TOKENIZERS[type(tokenizer)](tokenizer), tokenizer)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", suffix=".partial", dir=folder.parent) as partial:
        new = Path(partial) / "new"
        new.mkdir()
        weights = _weights(model, layout(model.config))
        safetensors.torch.save_file(weights, new / "model.safetensors", {"format": "pt"})
        precision = {"dtype": str(model.embedding.weight.dtype).removeprefix("torch.")}
        _write(new / "config.json", describe(model.config) | precision)
        (new / "tokenizer.json").write_text(backend.to_str(pretty=True), encoding="utf-8")
        length = {"model_max_length": model.config.context_length, "clean_up_tokenization_spaces": False}
        _write(new / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast"} | length)
        if folder.exists():
            folder.rmdir()
        os.replace(new, folder)


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _gpt2(config: GPTConfig) -> dict[str, Any]:
    return {
        "model_type": "gpt2",
        "architectures": ["GPT2LMHeadModel"],
        "vocab_size": config.vocab_size,
        "n_positions": config.context_length,
        "n_embd": config.d_model,
        "n_layer": config.n_layers,
        "n_head": config.n_heads,
        "n_inner": 4 * config.d_model,
        "activation_function": "gelu_new",
        "layer_norm_epsilon": 1e-5,
        "embd_pdrop": config.dropout,
        "resid_pdrop": config.dropout,
        "attn_pdrop": 0.0,
        "tie_word_embeddings": True,
        "bos_token_id": None,
        "eos_token_id": None,
    }


def _llama(config: ModernGPTConfig) -> dict[str, Any]:
    return {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "vocab_size": config.vocab_size,
        "max_position_embeddings": config.context_length,
        "hidden_size": config.d_model,
        "num_hidden_layers": config.n_layers,
        "num_attention_heads": config.n_heads,
        "num_key_value_heads": config.n_kv_heads,
        "head_dim": config.d_model // config.n_heads,
        "intermediate_size": config.d_ff,
        "hidden_act": "silu",
        "rms_norm_eps": config.norm_eps,
        "rope_theta": config.rotary_base,  # until version 5
        "rope_parameters": {"rope_type": "default", "rope_theta": config.rotary_base},
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": config.tied,
        "bos_token_id": None,
        "eos_token_id": None,
    }


def _weights(model: GPT | ModernGPT, layout: Layout) -> dict[str, Tensor]:
    """The weights with the names and layout of Transformers: the inverse of `assemble`."""
    ours, theirs = model.state_dict(), {}
    for name, parts in layout.items():
        rows = [part.shape[0] if part.change is None else part.shape[1] for part in parts]
        for part, tensor in zip(parts, ours[name].detach().cpu().split(rows), strict=True):
            assert part.change in (None, torch.t), "only a transposition is its own inverse"
            theirs[part.name] = (tensor if part.change is None else part.change(tensor)).contiguous()
    return theirs


def _bpe(tokenizer: BPETokenizer) -> Backend:
    known = tokenizer.pattern in _PATTERNS
    require(known, f"the pattern of a BPETokenizer must be {' or '.join(_PATTERNS.values())}", tokenizer.pattern)
    for token in tokenizer.special_tokens:
        require(token not in byte_alphabet(), "a special token must not be the token of a byte", token)
    ids = {token: id for id, token in enumerate(tokenizer.vocabulary)}
    unknown = None
    if not ids.keys() >= set(byte_alphabet()):  # Transformers would silently drop a byte without a token
        unknown = "no token" + "!" * max(map(len, ids))  # longer than any token, so it raises an error, as ours does
    backend = Backend(models.BPE(vocab=ids, merges=tokenizer.merges, unk_token=unknown))
    pieces = pre_tokenizers.Split(Regex(tokenizer.pattern), "isolated")
    to_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.pre_tokenizer = pre_tokenizers.Sequence([pieces, to_bytes])
    backend.decoder = decoders.ByteLevel()
    return backend


def _characters(tokenizer: CharTokenizer) -> Backend:
    ids = {token: id for id, token in enumerate(tokenizer.vocabulary)}
    backend = Backend(models.WordLevel(vocab=ids, unk_token="<unk>"))  # without one it raises an error, as ours does
    backend.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    backend.decoder = decoders.Fuse()
    return backend


def _with_special_tokens(backend: Backend, tokenizer: Tokenizer) -> Backend:
    backend.add_special_tokens(
        [AddedToken(token, special=True, normalized=False) for token in tokenizer.special_tokens]
    )
    for token in tokenizer.special_tokens:
        back = backend.decode([tokenizer.vocabulary.index(token)], skip_special_tokens=False)
        require(back == token, f"the special token {token!r} must read the same when Transformers decodes it", back)
    return backend


_MODELS = {GPT: (_gpt2, gpt2_layout), ModernGPT: (_llama, llama_layout)}
_TOKENIZERS = {BPETokenizer: _bpe, CharTokenizer: _characters}
