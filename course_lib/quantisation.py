"""Weights kept in a few bits: integers, and a scale for each block of them.

A block is a run of neighbouring weights of one row of a matrix. Its scale is chosen so that its largest weight still
fits, so one outlier makes the steps coarse for the whole block, and for no other.

Axes: O width that goes out, I width that comes in, N blocks of a row, B any axes before the last.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.ao.nn.quantized.dynamic import Linear as DynamicLinear
from torch.ao.quantization import per_channel_dynamic_qconfig

from course_lib.gpt import GPT, ModernGPT
from course_lib.linear import Linear, linear
from course_lib.validation import require, require_integer, texts_of

__all__ = [
    "QuantisationConfig",
    "Quantised",
    "QuantisedLinear",
    "quantise",
    "quantise_dynamically",
    "quantise_model",
    "relative_error",
    "stored_bytes",
]


@dataclass(frozen=True, kw_only=True)
class QuantisationConfig:
    """How weights become integers. Raises ValueError for a value out of range."""

    bits: int = 8  # per integer: from 2 to 8
    block: int | None = None  # weights that share a scale; None: all of a row
    zero_point: bool = False  # False: steps are symmetric around 0; True: they span the block's least to its largest

    def __post_init__(self) -> None:
        require_integer("bits", self.bits, at_least=2, at_most=8)
        if self.block is not None:
            require_integer("block", self.block, at_least=1)
        require(isinstance(self.zero_point, bool), "zero_point must be True or False", self.zero_point)

    def bits_per_weight(self, width: int) -> float:
        """The bits of an integer and its share of the block's 16-bit scale (and least weight), in rows of this width.

        >>> QuantisationConfig(bits=4, block=32, zero_point=True).bits_per_weight(576)
        5.0
        """
        require_integer("width", width, at_least=1)
        return self.bits + 16 * (1 + self.zero_point) / (self.block or width)


class Quantised(NamedTuple):
    """A matrix in integers: code · scale + least."""

    codes: UInt8[Tensor, "O N _"]
    scales: Float[Tensor, "O N 1"]  # in half precision, as in the files of llama.cpp
    least: Float[Tensor, "O N 1"] | None  # the weight of code 0; None: symmetric around 0
    bits: int

    def weights(self) -> Float[Tensor, "O I"]:
        """The weights that come back, in float32."""
        scales, codes = self.scales.float(), self.codes.float()
        if self.least is None:
            return ((codes - 2 ** (self.bits - 1)) * scales).flatten(1)
        return (codes * scales + self.least.float()).flatten(1)


def quantise(weights: Float[Tensor, "O I"], config: QuantisationConfig) -> Quantised:
    """Each block's weights as integers: round(w / s), or round((w - least) / s) with a zero point.

    The scale s is the largest |w| over 2^(bits - 1) - 1, or the range of w over 2^bits - 1 (Dettmers et al., 2022,
    section 2.1). Raises ValueError for what is no finite matrix, and for a block that does not divide its rows.

    >>> row = torch.tensor([[0.8, -0.25, 0.05, -1.4]])  # 4 bits: codes -7 to 7, so the scale is 1.4 / 7
    >>> quantise(row, QuantisationConfig(bits=4)).weights()
    tensor([[ 0.7998, -0.2000,  0.0000, -1.3997]])
    """
    fits = isinstance(weights, Tensor) and weights.is_floating_point() and weights.ndim == 2 and weights.numel()
    require(fits, "weights must be a matrix of floating-point numbers", weights)
    require(isinstance(config, QuantisationConfig), "config must be a QuantisationConfig", config)
    width = weights.shape[1]
    require(width % (config.block or width) == 0, f"block must divide the {width} weights of a row", config.block)
    blocks = weights.detach().float().unflatten(1, (-1, config.block or width))
    if config.zero_point:
        least, zero, most = blocks.amin(-1, keepdim=True), 0, 2**config.bits - 1
        scales = (blocks.amax(-1, keepdim=True) - least) / most
        codes, least = (blocks - least) / scales, least.half()
    else:
        least, zero, most = None, 2 ** (config.bits - 1), 2**config.bits - 1
        scales = blocks.abs().amax(-1, keepdim=True) / (zero - 1)
        codes = blocks / scales + zero
    scales = scales.half()
    finite = scales.isfinite().all() and (least is None or least.isfinite().all())
    require(finite, "weights must be finite, and their scales below 65504 (half precision)", weights)
    codes = codes.nan_to_num(zero)  # where all weights of a block are equal, or 0, the scale is 0
    return Quantised(codes.round().clamp(0, most).byte(), scales, least, config.bits)


def relative_error(weights: Float[Tensor, "O I"], config: QuantisationConfig) -> float:
    """The root mean square of what quantising changes, over the root mean square of the weights."""
    change = quantise(weights, config).weights() - weights.detach().float()
    return (change.norm() / weights.detach().float().norm()).item() if change.any() else 0.0


class QuantisedLinear(nn.Module):
    """A linear layer that keeps integers: x Wᵀ + b with W = code · scale + least, which is made anew at each call.

    Codes of 4 bits or fewer lie two in a byte. The layer saves memory, and no time: the weights of a call are float32.
    `quantise_dynamically` saves time.
    """

    def __init__(self, layer: nn.Linear, config: QuantisationConfig) -> None:
        super().__init__()
        require(isinstance(layer, nn.Linear), "layer must be a torch.nn.Linear", layer)
        codes, scales, least, self.bits = quantise(layer.weight, config)
        self.packed = self.bits <= 4 and codes.shape[-1] % 2 == 0
        codes = codes[..., ::2] | codes[..., 1::2] << 4 if self.packed else codes
        self.bias = layer.bias
        for name, kept in {"codes": codes, "scales": scales, "least": least}.items():
            self.register_buffer(name, kept)

    @property
    def weight(self) -> Float[Tensor, "O I"]:
        """The weights that the integers stand for, in float32."""
        codes = torch.stack([self.codes & 15, self.codes >> 4], dim=-1).flatten(2) if self.packed else self.codes
        return Quantised(codes, self.scales, self.least, self.bits).weights()

    def forward(self, x: Float[Tensor, "*B I"]) -> Float[Tensor, "*B O"]:
        return linear(x, self.weight.to(x.dtype), self.bias)


def quantise_model(model: nn.Module, config: QuantisationConfig, leave_out: Iterable[str] = ()) -> int:
    """Put a QuantisedLinear in the place of each Linear of a model, and return how many weights they hold.

    Layers whose name contains one of the `leave_out` stay as they are, and so do embeddings. Quantise a copy to keep
    the model. Raises ValueError for a model without such layers, and for names that no layer has.
    """
    require(isinstance(model, nn.Module), "the model must be a torch.nn.Module", model)
    return sum(_replaced(model, leave_out, lambda layer: QuantisedLinear(layer, config)))


def quantise_dynamically(model: GPT | ModernGPT, leave_out: Iterable[str] = ()) -> int:
    """As `quantise_model` in 8 bits per row, with PyTorch's layers: inputs too become 8-bit integers, which is faster.

    It is for the CPU. PyTorch has deprecated these layers in favour of torchao, whose own were slower than float32
    here: for one row and 576 x 3072 weights, float32 took 0.8 ms, PyTorch's 0.36 ms, torchao's 1.8 ms.
    """
    require(isinstance(model, GPT | ModernGPT), "the model must be a GPT or a ModernGPT", type(model).__name__)
    return sum(_replaced(model, leave_out, _dynamic))


def _dynamic(layer: nn.Linear) -> nn.Module:
    plain = nn.Linear(layer.in_features, layer.out_features, device="meta")
    plain.weight, plain.bias, plain.qconfig = layer.weight, layer.bias, per_channel_dynamic_qconfig
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the deprecation, see quantise_dynamically
        return DynamicLinear.from_float(plain)


def _replaced(model: nn.Module, leave_out: Iterable[str], make: Callable[[nn.Linear], nn.Module]) -> Iterator[int]:
    """Replace a model's Linear layers; yields the number of weights of each."""
    layers = {path: layer for path, layer in model.named_modules() if path and type(layer) in (Linear, nn.Linear)}
    names = texts_of("leave_out", leave_out)
    require(layers, "the model must have Linear layers in it", type(model).__name__)
    for name in names:
        require(any(name in path for path in layers), f"leave_out must name layers, as {next(iter(layers))!r}", name)
    for path, layer in layers.items():
        if not any(name in path for name in names):
            owner, _, attribute = path.rpartition(".")
            setattr(model.get_submodule(owner), attribute, make(layer))
            yield layer.weight.numel()


def stored_bytes(model: nn.Module) -> int:
    """The bytes of a model's parameters and buffers, each counted once."""
    require(isinstance(model, nn.Module), "the model must be a torch.nn.Module", model)
    return sum(tensor.numel() * tensor.element_size() for tensor in (*model.parameters(), *model.buffers()))
