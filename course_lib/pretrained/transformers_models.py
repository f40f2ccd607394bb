"""Models of the library Transformers as ours: Llama's as ModernGPT, GPT-2's as GPT; from its objects or its files."""

import json
import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from course_lib.gpt import GPT, GPTConfig, ModernGPT, ModernGPTConfig
from course_lib.pretrained.layouts import assemble, gpt2_layout, llama_layout

__all__ = ["from_transformers", "load_safetensors"]

_NO_WEIGHTS = (".attn.bias", ".attn.masked_bias", ".rotary_emb.inv_freq")  # tables that old versions stored as well


def from_transformers(config: Mapping[str, Any], state: Mapping[str, Tensor]) -> GPT | ModernGPT:
    """A copy in float32 of a model of Transformers: `from_transformers(theirs.config.to_dict(), theirs.state_dict())`.

    Raises ValueError for an architecture, or a setting of one, that ours has not, and for a tensor that is missing, has
    no place, or another shape; the sentence names it.
    """
    return _from(config, {name: partial(state.__getitem__, name) for name in state})


def load_safetensors(folder: str | os.PathLike[str]) -> GPT | ModernGPT:
    """The model in a folder that Transformers' `save_pretrained` wrote: config.json and *.safetensors, one or several.

    Raises ValueError as from_transformers, and for files that are missing or damaged. Pickled weights (*.bin) are never
    read: whoever wrote them could run any program.
    """
    folder = Path(folder)
    paths = sorted(folder.glob("*.safetensors"))
    if not paths:
        raise ValueError(f"{folder} should hold a file *.safetensors, but there is none")
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{folder} should hold a config.json, but it cannot be read: {error}") from error
    with ExitStack() as stack:
        tensors: dict[str, Callable[[], Tensor]] = {}
        for path in paths:
            try:
                file = stack.enter_context(safe_open(path, "pt"))
            except SafetensorError as error:
                raise ValueError(f"{path} is no whole safetensors file: {error}") from error
            tensors |= {name: partial(file.get_tensor, name) for name in file.keys()}  # noqa: SIM118 (it is no dict)
        return _from(config, tensors)


def _from(config: Mapping[str, Any], tensors: Mapping[str, Callable[[], Tensor]]) -> GPT | ModernGPT:
    kind = config.get("model_type")
    if kind not in _KINDS:
        raise ValueError(f"the architecture is {kind!r}, but here there are {' and '.join(map(repr, _KINDS))} only")
    sizes, layout, inner = _KINDS[kind]
    found = {name: read for name, read in tensors.items() if not name.endswith(_NO_WEIGHTS)}
    if not any(name.startswith(f"{inner}.") for name in found):  # the files of GPT-2 itself do without
        found = {name if name == "lm_head.weight" else f"{inner}.{name}": read for name, read in found.items()}
    ours = sizes(config)
    if isinstance(ours, GPTConfig) or ours.tied:
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
    d_model, n_heads = config["hidden_size"], config["num_attention_heads"]
    rotary = config.get("rope_parameters") or {"rope_theta": config.get("rope_theta", 10_000.0)}
    scaling = config.get("rope_scaling") or rotary  # under this name until version 5
    _require_settings(config, {"attention_bias": [False], "mlp_bias": [False], "hidden_act": ["silu"]})
    _require_settings({"head_dim": config.get("head_dim") or d_model // n_heads}, {"head_dim": [d_model // n_heads]})
    _require_settings(
        {"rope_type": scaling.get("rope_type", scaling.get("type", "default"))}, {"rope_type": ["default"]}
    )
    return ModernGPTConfig(
        vocab_size=config["vocab_size"],
        context_length=config["max_position_embeddings"],
        d_model=d_model,
        n_layers=config["num_hidden_layers"],
        n_heads=n_heads,
        n_kv_heads=config.get("num_key_value_heads") or n_heads,
        d_ff=config["intermediate_size"],
        rotary_base=rotary["rope_theta"],
        norm_eps=config.get("rms_norm_eps", 1e-6),
        tied=config.get("tie_word_embeddings", False),
    )


def _gpt2(config: Mapping[str, Any]) -> GPTConfig:
    same = {"activation_function": ["gelu_new", "gelu_pytorch_tanh"], "layer_norm_epsilon": [1e-5]}
    same |= {"n_inner": [None, 4 * config["n_embd"]], "scale_attn_weights": [True]}
    same |= {"scale_attn_by_inverse_layer_idx": [False], "add_cross_attention": [False], "tie_word_embeddings": [True]}
    _require_settings(config, same)
    return GPTConfig(
        vocab_size=config["vocab_size"],
        context_length=config["n_positions"],
        d_model=config["n_embd"],
        n_layers=config["n_layer"],
        n_heads=config["n_head"],
        dropout=config.get("resid_pdrop", 0.1),
    )


def _require_settings(config: Mapping[str, Any], possible: Mapping[str, list]) -> None:
    """That what a config sets is what our class does; what it leaves out is."""
    for name, values in possible.items():
        if name in config and config[name] not in values:
            raise ValueError(f"the model has {name} {config[name]!r}, but ours can have {values[-1]!r} only")


_KINDS = {"llama": (_llama, llama_layout, "model"), "gpt2": (_gpt2, gpt2_layout, "transformer")}
