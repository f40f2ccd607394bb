"""Which tensor of another library becomes which weight of ours, and a model put together from them.

Our attention has queries, keys and values in one matrix, and SwiGLU its gate and its values: such a weight consists of
several tensors' rows.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.overrides import TorchFunctionMode

from course_lib.bert import BERT, BERTConfig
from course_lib.gpt import GPT, GPTConfig, ModernGPT, ModernGPTConfig, build
from course_lib.validation import require

__all__ = ["Layout", "Part", "assemble", "bert_layout", "gguf_layout", "gpt2_layout", "llama_layout"]


class Part(NamedTuple):
    """A tensor as it stands elsewhere, and what makes rows of ours of it."""

    name: str
    shape: tuple[int, ...]
    change: Callable[[Tensor], Tensor] | None = None  # None: it is theirs as it is ours


Layout = dict[str, list[Part]]  # for each weight of ours the parts that it consists of, from the top


def llama_layout(config: ModernGPTConfig) -> Layout:
    """Of Transformers' LlamaForCausalLM, and of the safetensors files that it writes.

    >>> for part in llama_layout(ModernGPTConfig(vocab_size=11))["blocks.3.feed_forward.hidden.weight"]:
    ...     part.name, part.shape
    ('model.layers.3.mlp.gate_proj.weight', (352, 128))
    ('model.layers.3.mlp.up_proj.weight', (352, 128))
    """
    require(isinstance(config, ModernGPTConfig), "config must be a ModernGPTConfig", config)
    v, c, ff = config.vocab_size, config.d_model, config.d_ff
    kv = c // config.n_heads * config.n_kv_heads
    layout = {
        "embedding.weight": [Part("model.embed_tokens.weight", (v, c))],
        "norm.weight": [Part("model.norm.weight", (c,))],
    }
    if not config.tied:
        layout["output.weight"] = [Part("lm_head.weight", (v, c))]
    for n in range(config.n_layers):
        ours, theirs = f"blocks.{n}", f"model.layers.{n}"
        layout |= {
            f"{ours}.norm1.weight": [Part(f"{theirs}.input_layernorm.weight", (c,))],
            f"{ours}.attention.projection.weight": [
                Part(f"{theirs}.self_attn.q_proj.weight", (c, c)),
                Part(f"{theirs}.self_attn.k_proj.weight", (kv, c)),
                Part(f"{theirs}.self_attn.v_proj.weight", (kv, c)),
            ],
            f"{ours}.attention.output.weight": [Part(f"{theirs}.self_attn.o_proj.weight", (c, c))],
            f"{ours}.norm2.weight": [Part(f"{theirs}.post_attention_layernorm.weight", (c,))],
            f"{ours}.feed_forward.hidden.weight": [
                Part(f"{theirs}.mlp.gate_proj.weight", (ff, c)),
                Part(f"{theirs}.mlp.up_proj.weight", (ff, c)),
            ],
            f"{ours}.feed_forward.output.weight": [Part(f"{theirs}.mlp.down_proj.weight", (c, ff))],
        }
    return layout


_IN_GGUF = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "model.layers": "blk",
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def gguf_layout(config: ModernGPTConfig) -> Layout:
    """Of a GGUF file of the architecture "llama": llama_layout under the names of llama.cpp.

    The rows of queries and keys stand there in another order: rotary positions rotate neighbours, not halves of a head.
    """
    llama = llama_layout(config)
    heads = {"attn_q": config.n_heads, "attn_k": config.n_kv_heads}
    layout: Layout = {}
    for ours, parts in llama.items():
        layout[ours] = []
        for part in parts:
            name = part.name
            for theirs, in_gguf in _IN_GGUF.items():
                name = name.replace(theirs, in_gguf)
            n_heads = heads.get(name.split(".")[-2])
            layout[ours].append(Part(name, part.shape, None if n_heads is None else partial(_halves, n_heads=n_heads)))
    return layout


def _halves(weight: Float[Tensor, "HD C"], n_heads: int) -> Float[Tensor, "HD C"]:
    """Rows of each head from pairs of neighbours (0, 1), (2, 3), ... to two halves: 0, 2, ..., then 1, 3, ..."""
    return weight.unflatten(0, (n_heads, -1, 2)).transpose(1, 2).flatten(0, 2)


def gpt2_layout(config: GPTConfig) -> Layout:
    """Of Transformers' GPT2LMHeadModel, and of the safetensors files that it writes: its matrices are transposed."""
    require(isinstance(config, GPTConfig), "config must be a GPTConfig", config)
    v, c = config.vocab_size, config.d_model
    layout = {
        "embedding.weight": [Part("transformer.wte.weight", (v, c))],
        "positions.weight": [Part("transformer.wpe.weight", (config.context_length, c))],
    }
    vectors = {"norm": "transformer.ln_f"}
    for n in range(config.n_layers):
        ours, theirs = f"blocks.{n}", f"transformer.h.{n}"
        vectors |= {f"{ours}.norm1": f"{theirs}.ln_1", f"{ours}.norm2": f"{theirs}.ln_2"}
        for part, name, rows, columns in (
            ("attention.projection", "attn.c_attn", 3 * c, c),
            ("attention.output", "attn.c_proj", c, c),
            ("feed_forward.hidden", "mlp.c_fc", 4 * c, c),
            ("feed_forward.output", "mlp.c_proj", c, 4 * c),
        ):
            layout[f"{ours}.{part}.weight"] = [Part(f"{theirs}.{name}.weight", (columns, rows), torch.t)]
            layout[f"{ours}.{part}.bias"] = [Part(f"{theirs}.{name}.bias", (rows,))]
    for part, name in vectors.items():
        layout |= {f"{part}.{kind}": [Part(f"{name}.{kind}", (c,))] for kind in ("weight", "bias")}
    return layout


def bert_layout(config: BERTConfig) -> Layout:
    """Of Transformers' BertModel within a model with a head, without what stands on the encoder, the pooler included.

    >>> for part in bert_layout(BERTConfig(vocab_size=11))["blocks.3.attention.projection.bias"]:
    ...     part.name, part.shape
    ('bert.encoder.layer.3.attention.self.query.bias', (128,))
    ('bert.encoder.layer.3.attention.self.key.bias', (128,))
    ('bert.encoder.layer.3.attention.self.value.bias', (128,))
    """
    require(isinstance(config, BERTConfig), "config must be a BERTConfig", config)
    c, ff, first = config.d_model, config.d_ff, "bert.embeddings"
    layout = {
        "embedding.weight": [Part(f"{first}.word_embeddings.weight", (config.vocab_size, c))],
        "positions.vectors": [Part(f"{first}.position_embeddings.weight", (config.context_length, c))],
        "segments.weight": [Part(f"{first}.token_type_embeddings.weight", (config.n_segments, c))],
    }
    pairs = [("norm", [f"{first}.LayerNorm"], (c,))]
    for n in range(config.n_layers):
        ours, theirs = f"blocks.{n}", f"bert.encoder.layer.{n}"
        heads = [f"{theirs}.attention.self.{name}" for name in ("query", "key", "value")]
        pairs += [
            (f"{ours}.attention.projection", heads, (c, c)),
            (f"{ours}.attention.output", [f"{theirs}.attention.output.dense"], (c, c)),
            (f"{ours}.residuals.0.norm", [f"{theirs}.attention.output.LayerNorm"], (c,)),
            (f"{ours}.feed_forward.0", [f"{theirs}.intermediate.dense"], (ff, c)),
            (f"{ours}.feed_forward.2", [f"{theirs}.output.dense"], (c, ff)),
            (f"{ours}.residuals.1.norm", [f"{theirs}.output.LayerNorm"], (c,)),
        ]
    for ours, theirs, shape in pairs:
        layout[f"{ours}.weight"] = [Part(f"{name}.weight", shape) for name in theirs]
        layout[f"{ours}.bias"] = [Part(f"{name}.bias", shape[:1]) for name in theirs]
    return layout


def assemble(
    config: BERTConfig | GPTConfig | ModernGPTConfig, layout: Layout, tensors: Mapping[str, Callable[[], Tensor]]
) -> BERT | GPT | ModernGPT:
    """The model of that config with these weights in float32, in evaluation mode; no tensor is read twice, or kept.

    `tensors` gives for each name what reads the tensor. Raises ValueError that names a tensor which is missing, has
    another shape, or has no place in the model.
    """
    wanted = {part.name for parts in layout.values() for part in parts}
    _require_none("is missing", wanted - tensors.keys())
    _require_none(f"has no place in a {type(config).__name__.removesuffix('Config')}", tensors.keys() - wanted)
    with torch.device("meta"), _NoFirstWeights():
        model = BERT(config) if isinstance(config, BERTConfig) else build(config)
    weights = {ours: torch.empty(tensor.shape) for ours, tensor in model.state_dict().items()}
    for ours, parts in layout.items():
        start = 0
        for part in parts:
            tensor = _read(part, tensors)
            weights[ours][start : start + len(tensor)] = tensor
            start += len(tensor)
    model.load_state_dict(weights, assign=True)
    return model.eval()


def _read(part: Part, tensors: Mapping[str, Callable[[], Tensor]]) -> Tensor:
    tensor = tensors[part.name]()
    require(isinstance(tensor, Tensor), f"the tensor {part.name!r} must be a torch.Tensor", type(tensor))
    if tuple(tensor.shape) != part.shape:
        raise ValueError(f"the tensor {part.name!r} should have the shape {part.shape}, but has {tuple(tensor.shape)}")
    return tensor.detach() if part.change is None else part.change(tensor.detach())


class _NoFirstWeights(TorchFunctionMode):
    """Leaves out what torch.nn.init does: on the device "meta" its first call takes a second, for nothing."""

    def __torch_function__(self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        if getattr(function, "__module__", None) == "torch.nn.init":
            return kwargs["tensor"]
        return function(*args, **(kwargs or {}))


def _require_none(what: str, names: Iterable[str]) -> None:
    if first := sorted(names)[:1]:
        others = f" (and so for {len(set(names)) - 1} more)" if len(set(names)) > 1 else ""
        raise ValueError(f"the tensor {first[0]!r} {what}{others}")
