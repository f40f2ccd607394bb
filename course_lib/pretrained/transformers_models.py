"""Models of the library Transformers as ours: Llama's as ModernGPT, GPT-2's as GPT, BERT's encoder as BERT.

They come from its objects or its files.
"""

import json
import os
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from course_lib.bert import BERT, BERTConfig
from course_lib.gpt import GPT, GPTConfig, ModernGPT, ModernGPTConfig
from course_lib.pretrained.layouts import assemble, bert_layout, gpt2_layout, llama_layout
from course_lib.validation import require, require_integer

__all__ = ["from_transformers", "load_safetensors"]

_TABLES = (".attn.bias", ".attn.masked_bias", ".rotary_emb.inv_freq", ".position_ids")  # which old versions stored
_POOLER = ("pooler.dense.weight", "pooler.dense.bias")  # stands on BERT's encoder in every file, trained or not


def from_transformers(config: Mapping[str, Any], state: Mapping[str, Tensor]) -> BERT | GPT | ModernGPT:
    """A copy in float32 of a model of Transformers: `from_transformers(theirs.config.to_dict(), theirs.state_dict())`.

    Raises ValueError for an architecture, or a setting of one, that ours has not, for a size or a tensor that is
    missing, and for a tensor that has no place, or another shape; the sentence names it.
    """
    require(isinstance(config, Mapping), "config must be a mapping, as config.to_dict() gives it", config)
    require(isinstance(state, Mapping), "state must be a mapping of tensors, as state_dict() gives it", type(state))
    return _from(config, {name: partial(state.__getitem__, name) for name in state})


def load_safetensors(folder: str | os.PathLike[str]) -> BERT | GPT | ModernGPT:
    """The model in a folder that Transformers' `save_pretrained` wrote: config.json and *.safetensors, one or several.

    As Transformers does, it takes model.safetensors, or else the files that model.safetensors.index.json names; without
    either, all that there are. Raises ValueError as from_transformers, and for files that are missing or damaged.
    Pickled weights (*.bin) are never read: whoever wrote them could run any program.
    """
    require(isinstance(folder, str | os.PathLike), "the folder must be a string or a pathlib.Path", folder)
    folder = Path(folder)
    require(folder.is_dir(), "the path must name a folder with config.json and *.safetensors", str(folder))
    files = _files(folder)
    config = _json(folder / "config.json")
    with ExitStack() as stack:
        tensors: dict[str, Callable[[], Tensor]] = {}
        for path, names in files.items():
            try:
                file = stack.enter_context(safe_open(path, "pt"))
            except SafetensorError as error:
                raise ValueError(f"{path} is no whole safetensors file: {error}") from error
            held = set(file.keys())
            names = held if names is None else names
            if wrong := (names - held) | (names & tensors.keys()):
                trouble = "is held by two files" if min(wrong) in tensors else "is not in it, as the index says"
                raise ValueError(f"{path} should hold each of its tensors once, but {min(wrong)!r} {trouble}")
            tensors |= {name: partial(file.get_tensor, name) for name in names}
        return _from(config, tensors)


def _files(folder: Path) -> dict[Path, set[str] | None]:
    """The files of the weights, each with the names of the tensors to be read from it; None: all."""
    whole, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if whole.is_file() or not index.is_file():
        paths = [whole] if whole.is_file() else sorted(folder.glob("*.safetensors"))
        if not paths:
            raise ValueError(f"{folder} should hold a file *.safetensors, but there is none")
        return dict.fromkeys(paths)
    named = _json(index).get("weight_map")
    fits = isinstance(named, dict) and all(isinstance(file, str) and Path(file).name == file for file in named.values())
    require(fits and named, f"{index} must have a weight_map from tensors to files beside it", named)
    files = defaultdict(set)
    for name, file in named.items():
        if not (folder / file).is_file():
            raise ValueError(f"{index} names the file {file}, but there is none")
        files[folder / file].add(name)
    return files


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        require(isinstance(found, dict), "JSON must be an object", found)
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path.parent} should hold a {path.name}, but it cannot be read: {error}") from error
    return found


def _from(config: Mapping[str, Any], tensors: Mapping[str, Callable[[], Tensor]]) -> BERT | GPT | ModernGPT:
    kind = config.get("model_type")
    if kind not in list(_KINDS):  # a list has no hash
        raise ValueError(f"the architecture is {kind!r}, but here there are {', '.join(map(repr, _KINDS))} only")
    sizes, layout, inner = _KINDS[kind]
    found = {name: read for name, read in tensors.items() if not name.endswith(_TABLES + _POOLER)}
    if not any(name.startswith(f"{inner}.") for name in found):  # the files of GPT-2 itself do without
        found = {name if name == "lm_head.weight" else f"{inner}.{name}": read for name, read in found.items()}
    ours = sizes(config)
    if getattr(ours, "tied", isinstance(ours, GPTConfig)):
        _drop_tied_output(found, next(iter(layout(ours)["embedding.weight"])).name)
    return assemble(ours, layout(ours), found)


def _drop_tied_output(tensors: dict[str, Callable[[], Tensor]], embedding: str) -> None:
    """Take the logits' matrix out where it is the embedding's once more."""
    output = tensors.pop("lm_head.weight", None)
    if output is not None and embedding in tensors and not torch.equal(output(), tensors[embedding]()):
        raise ValueError(
            f"the tensor 'lm_head.weight' should equal {embedding!r}, as the config ties them, but does not"
        )


def _llama(config: Mapping[str, Any]) -> ModernGPTConfig:
    d_model, n_heads = _size(config, "hidden_size"), _size(config, "num_attention_heads")
    rotary = config.get("rope_parameters") or {"rope_theta": config.get("rope_theta", 10_000.0)}
    scaling = config.get("rope_scaling") or rotary  # under this name until version 5
    fits = isinstance(rotary, Mapping) and isinstance(scaling, Mapping) and "rope_theta" in rotary
    require(fits, "the config's rope_parameters must have a rope_theta", rotary)
    _require_settings(config, {"attention_bias": [False], "mlp_bias": [False], "hidden_act": ["silu"]})
    _require_settings({"head_dim": config.get("head_dim") or d_model // n_heads}, {"head_dim": [d_model // n_heads]})
    _require_settings(
        {"rope_type": scaling.get("rope_type", scaling.get("type", "default"))}, {"rope_type": ["default"]}
    )
    return ModernGPTConfig(
        vocab_size=_size(config, "vocab_size"),
        context_length=_size(config, "max_position_embeddings"),
        d_model=d_model,
        n_layers=_size(config, "num_hidden_layers"),
        n_heads=n_heads,
        n_kv_heads=config.get("num_key_value_heads") or n_heads,
        d_ff=_size(config, "intermediate_size"),
        rotary_base=rotary["rope_theta"],
        norm_eps=config.get("rms_norm_eps", 1e-6),
        tied=config.get("tie_word_embeddings", False),
    )


def _gpt2(config: Mapping[str, Any]) -> GPTConfig:
    same = {"activation_function": ["gelu_new", "gelu_pytorch_tanh"], "layer_norm_epsilon": [1e-5]}
    same |= {"n_inner": [None, 4 * _size(config, "n_embd")], "scale_attn_weights": [True]}
    same |= {"scale_attn_by_inverse_layer_idx": [False], "add_cross_attention": [False], "tie_word_embeddings": [True]}
    _require_settings(config, same)
    return GPTConfig(
        vocab_size=_size(config, "vocab_size"),
        context_length=_size(config, "n_positions"),
        d_model=_size(config, "n_embd"),
        n_layers=_size(config, "n_layer"),
        n_heads=_size(config, "n_head"),
        dropout=config.get("resid_pdrop", 0.1),
    )


def _bert(config: Mapping[str, Any]) -> BERTConfig:
    same = {"hidden_act": ["gelu"], "position_embedding_type": ["absolute"], "pad_token_id": [0]}
    _require_settings(config, same | {"is_decoder": [False], "add_cross_attention": [False]})
    return BERTConfig(
        vocab_size=_size(config, "vocab_size"),
        context_length=_size(config, "max_position_embeddings"),
        d_model=_size(config, "hidden_size"),
        n_layers=_size(config, "num_hidden_layers"),
        n_heads=_size(config, "num_attention_heads"),
        d_ff=_size(config, "intermediate_size"),
        n_segments=_size(config, "type_vocab_size"),
        dropout=config.get("hidden_dropout_prob", 0.1),
        norm_eps=config.get("layer_norm_eps", 1e-12),
    )


def _size(config: Mapping[str, Any], name: str) -> int:
    if name not in config:
        raise ValueError(f"the config must say {name}, but does not")
    require_integer(f"the config's {name}", config[name], at_least=1)
    return config[name]


def _require_settings(config: Mapping[str, Any], possible: Mapping[str, list]) -> None:
    """That what a config sets is what our class does; what it leaves out is."""
    for name, values in possible.items():
        if name in config and config[name] not in values:
            raise ValueError(f"the model has {name} {config[name]!r}, but ours can have {values[-1]!r} only")


_KINDS = {
    "bert": (_bert, bert_layout, "bert"),
    "gpt2": (_gpt2, gpt2_layout, "transformer"),
    "llama": (_llama, llama_layout, "model"),
}
