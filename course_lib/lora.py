"""LoRA: a matrix stays as it is, and the product of two small matrices beside it is trained in its place.

Axes: B any axes before the last, I width that comes in, O width that goes out.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from course_lib.attention import GroupedQueryAttention, MultiHeadAttention
from course_lib.gpt import SwiGLU
from course_lib.linear import Linear
from course_lib.training.checkpoints import load_weights, read_about, save_weights
from course_lib.validation import require, require_integer, require_number, texts_of

__all__ = ["LoRAConfig", "add_lora", "load_lora", "merge_lora", "save_lora"]


@dataclass(frozen=True, kw_only=True)
class LoRAConfig:
    """Which matrices get adapters, and of what size. Raises ValueError for a value of the wrong type or out of range.

    A target is a matrix's name, or a piece of that name between dots: of "blocks.0.attention.projection.query", the
    target "query" selects the queries of every attention, "attention" its four matrices, "blocks" all of the blocks.
    """

    rank: int = 8
    alpha: float | int = 16  # the product is multiplied by alpha / rank
    targets: tuple[str, ...] | list[str] = ("query", "value")  # as in most of the paper's experiments

    def __post_init__(self) -> None:
        require_integer("rank", self.rank, at_least=1)
        require_number("alpha", self.alpha, above=0, below=math.inf)
        require(texts_of("targets", self.targets), "targets must hold at least one name", self.targets)


class LoRALinear(nn.Module):
    """W x + (alpha / rank) B A x, where W stays fixed and A and B are trained: Hu et al. (2021), equation 3.

    B starts at zero, so that the layer's outputs begin unchanged; A starts as PyTorch's linear layers do. W may hold
    several matrices, one above the other (queries, keys, values); each of these has an A and a B of its own, or none.
    The gradient of W is never computed. Both A and B are kept in float32 where W is in bfloat16, which would lose small
    steps.
    """

    def __init__(self, base: nn.Linear, parts: dict[str, slice], config: LoRAConfig) -> None:
        super().__init__()
        self.base, self.parts, self.config, self.adapters = base, parts, config, nn.ModuleDict()
        precision = torch.promote_types(base.weight.dtype, torch.float32)
        for part, rows in parts.items():
            a = Linear(base.in_features, config.rank, bias=False)
            b = Linear(config.rank, rows.stop - rows.start, bias=False)
            nn.init.zeros_(b.weight)
            self.adapters[part] = nn.Sequential(a, b).to(base.weight.device, precision)

    def forward(self, x: Float[Tensor, "*B I"]) -> Float[Tensor, "*B O"]:
        y, scale = self.base(x), self.config.alpha / self.config.rank
        for part, adapter in self.adapters.items():
            y[..., self.parts[part]].add_(adapter(x.to(adapter[0].weight.dtype)).to(y.dtype), alpha=scale)
        return y

    @property
    def weight(self) -> Float[Tensor, "O I"]:
        """W + (alpha / rank) B A: for merging, and for MultiHeadAttention, which multiplies with some of its rows."""
        weight, scale = self.base.weight.clone(), self.config.alpha / self.config.rank
        for part, adapter in self.adapters.items():
            weight[self.parts[part]].add_((adapter[1].weight @ adapter[0].weight).to(weight.dtype), alpha=scale)
        return weight

    @property
    def bias(self) -> Float[Tensor, " O"] | None:
        """The fixed layer's."""
        return self.base.bias


def add_lora(model: nn.Module, config: LoRAConfig) -> int:
    """Put adapters beside the matrices that the config names, freeze all else, and return the number of weights that
    are still trained.

    Raises ValueError for a target that no matrix has, and names those there are, and for a model that has adapters.

    >>> from course_lib.gpt import ModernGPT, ModernGPTConfig
    >>> model = ModernGPT(ModernGPTConfig(vocab_size=11, d_model=12, n_heads=6, n_kv_heads=2, n_layers=1))
    >>> add_lora(model, LoRAConfig(rank=3, targets=["query", "value"]))  # 3 (12 + 12) + 3 (12 + 4)
    120
    """
    require(isinstance(model, nn.Module), "the model must be a torch.nn.Module", model)
    require(isinstance(config, LoRAConfig), "config must be a LoRAConfig", config)
    plain = not any(isinstance(layer, LoRALinear) for layer in model.modules())
    require(plain, "the model must have no adapters yet (merge_lora ends them)", type(model).__name__)
    matrices = dict(_matrices(model))
    there = dict.fromkeys(re.sub(r"^.*\.\d+\.", "", path) for path in matrices)  # the same names in every block
    chosen: dict[str, dict[str, slice]] = {}
    for target in config.targets:
        selected = [where for path, where in matrices.items() if f".{target}." in f".{path}."]
        require(selected, f"targets must be among {', '.join(there)}", target)
        for layer, part, rows in selected:
            chosen.setdefault(layer, {})[part] = rows
    model.requires_grad_(False)
    for name, parts in chosen.items():
        model.set_submodule(name, LoRALinear(model.get_submodule(name), parts, config))
    return sum(weight.numel() for weight in model.parameters() if weight.requires_grad)


def merge_lora(model: nn.Module) -> None:
    """Add each B A to its W, in place, and put the plain layers back: the same outputs, at a plain model's cost.

    All weights can be trained afterwards. To separate the two again, load the model anew and then its adapters, with
    `load_lora`. In bfloat16 the sum is rounded. Raises ValueError for a model without adapters.
    """
    for name, layer in _adapted(model).items():
        with torch.no_grad():
            layer.base.weight.copy_(layer.weight)
        model.set_submodule(name, layer.base)
    model.requires_grad_(True)


def save_lora(path: Path | str, model: nn.Module) -> None:
    """Write the adapters and their config, without the model's own weights: a safetensors file of a few MB.

    Raises ValueError for a model without adapters.
    """
    [config, *_] = [layer.config for layer in _adapted(model).values()]
    save_weights(path, _adapters(model), {"LoRA": asdict(config)})


def load_lora(path: Path | str, model: nn.Module) -> None:
    """`add_lora` with the adapters of a file that `save_lora` wrote, beside the weights that they were trained with.

    Raises FileNotFoundError for a missing file, and ValueError for a damaged or other one, and for a model whose
    matrices have other names or sizes; the model is then left without adapters.
    """
    about = read_about(path)
    if "LoRA" not in about:
        raise ValueError(f"{path} holds no adapters: expected what save_lora writes")
    add_lora(model, LoRAConfig(**about["LoRA"]))
    try:
        load_weights(path, _adapters(model))
    except ValueError:
        merge_lora(model)  # B is still zero
        raise


def _matrices(model: nn.Module) -> Iterator[tuple[str, tuple[str, str, slice]]]:
    """The name of each matrix; the name of the layer that holds it, its part of that layer, and its rows."""
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Linear) and name:
            owner, start = model.get_submodule(name.rpartition(".")[0]), 0
            for part, rows in _stacked(owner, layer).items():
                yield f"{name}.{part}".removesuffix(".whole"), (name, part, slice(start, start + rows))
                start += rows


def _stacked(owner: nn.Module, layer: nn.Linear) -> dict[str, int]:
    """How many rows each of the matrices that a layer holds has, from the top; most layers hold one."""
    rows = layer.out_features
    if isinstance(owner, GroupedQueryAttention | MultiHeadAttention) and layer is owner.projection:
        query = owner.output.in_features
        return {"query": query, "key": (rows - query) // 2, "value": (rows - query) // 2}
    if isinstance(owner, SwiGLU) and layer is owner.hidden:
        return {"gate": rows // 2, "up": rows // 2}
    return {"whole": rows}


def _adapted(model: nn.Module) -> dict[str, LoRALinear]:
    require(isinstance(model, nn.Module), "the model must be a torch.nn.Module", model)
    layers = {name: module for name, module in model.named_modules() if isinstance(module, LoRALinear)}
    require(layers, "the model must have adapters (add_lora puts them there)", type(model).__name__)
    return layers


def _adapters(model: nn.Module) -> nn.ModuleDict:
    """The adapters alone, by the names of their layers."""
    return nn.ModuleDict({name.replace(".", "/"): layer.adapters for name, layer in _adapted(model).items()})
