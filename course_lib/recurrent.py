"""Networks with a memory, the RNN, the GRU and the LSTM: cells, layers, and a language model.

A cell is one step: a function that reads as its equation. A layer projects all inputs in one product, then applies its
cell position by position. Weights have the names and layout of torch.nn, so one line copies them in either direction:
`torch.nn.GRU(3, 5, batch_first=True).load_state_dict(GRU(3, 5).state_dict())`.

Axes: B batch, T position (time), I d_in, C d_hidden, G rows of all gates (one, three or four times C), L layers,
V vocabulary.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.linear import Embedding
from course_lib.shapes import lengths_of, require_tensor
from course_lib.validation import require, require_number, require_one_of, require_sizes

__all__ = ["GRU", "LSTM", "RNN", "RecurrentLM", "RecurrentLMConfig", "detached", "gru_cell", "lstm_cell", "rnn_cell"]

Hidden = Float[Tensor, "L rows C"]  # as many rows as the batch, which the layer checks
State = Hidden | tuple[Hidden, Hidden]  # an LSTM's is (h, c)


def rnn_cell(
    projected: Float[Tensor, "B C"], h: Float[Tensor, "B C"], weight: Float[Tensor, "C C"], bias: Float[Tensor, " C"]
) -> Float[Tensor, "B C"]:
    """One step of Elman's network (1990): h' = tanh(W x + b + U h + c); `projected` is W x + b."""
    _require_gates(1, projected, h)
    return torch.tanh(projected + F.linear(h, weight, bias))


def gru_cell(
    projected: Float[Tensor, "B G"], h: Float[Tensor, "B C"], weight: Float[Tensor, "G C"], bias: Float[Tensor, " G"]
) -> Float[Tensor, "B C"]:
    """One step of a gated recurrent unit; `projected` is W x + b.

    Its rows are those of the reset gate, the update gate and the candidate, in this order:

    r = sigmoid(W_r x + b_r + U_r h + c_r)        z = sigmoid(W_z x + b_z + U_z h + c_z)
    n = tanh(W_n x + b_n + r (U_n h + c_n))       h' = (1 - z) n + z h

    Cho et al. (2014), section 2.3, reset h before the product, U_n (r h); as PyTorch we do it after, which takes one
    product a step instead of two. Chung et al. (2014) call 1 - z what is z here.
    """
    _require_gates(3, projected, h)
    r_x, z_x, n_x = projected.chunk(3, dim=-1)
    r_h, z_h, n_h = F.linear(h, weight, bias).chunk(3, dim=-1)
    r = torch.sigmoid(r_x + r_h)
    z = torch.sigmoid(z_x + z_h)
    n = torch.tanh(n_x + r * n_h)
    return (1 - z) * n + z * h


def lstm_cell(
    projected: Float[Tensor, "B G"],
    h: Float[Tensor, "B C"],
    c: Float[Tensor, "B C"],
    weight: Float[Tensor, "G C"],
    bias: Float[Tensor, " G"],
) -> tuple[Float[Tensor, "B C"], Float[Tensor, "B C"]]:
    """One step of long short-term memory; the rows are input gate, forget gate, candidate and output gate.

    i, f, o = sigmoid(W x + b + U h + c), each with its rows, and g = tanh of its own;
    c' = f c + i g and h' = o tanh(c').

    Hochreiter and Schmidhuber (1997) had no forget gate (f = 1): it is by Gers, Schmidhuber and Cummins (2000). As in
    PyTorch, no gate sees c (no peepholes).
    """
    _require_gates(4, projected, h)
    i, f, g, o = (projected + F.linear(h, weight, bias)).chunk(4, dim=-1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def _require_gates(gates: int, projected: Tensor, h: Tensor) -> None:
    """That the sum of both does not broadcast; a comparison that is cheap, as it is made at every step."""
    if projected.numel() != gates * h.numel():
        require_tensor("projected", projected, *h.shape[:-1], gates * h.shape[-1])


class _Recurrent(nn.Module):
    """What the layers share; a subclass names its cell. Arguments as torch.nn's, always batch first.

    `dropout` is the share of numbers zeroed between two layers in training. Weights start uniform within
    1 / sqrt(d_hidden) of 0. Raises ValueError for sizes below 1 or a dropout below 0 or of 1 and more.
    """

    cell: ClassVar[Callable]
    gates: ClassVar[int]  # blocks of d_hidden rows in each weight
    parts: ClassVar[int] = 1  # tensors in the state

    def __init__(self, d_in: int, d_hidden: int, n_layers: int = 1, dropout: float | int = 0.0) -> None:
        super().__init__()
        self.d_in, self.d_hidden, self.n_layers, self.dropout = d_in, d_hidden, n_layers, dropout
        require_sizes(self, "d_in", "d_hidden", "n_layers")
        require_number("dropout", dropout, at_least=0, below=1)
        rows, within = self.gates * d_hidden, 1 / math.sqrt(d_hidden)
        for layer in range(n_layers):
            sizes = {"weight_ih": (rows, d_in if layer == 0 else d_hidden), "weight_hh": (rows, d_hidden)}
            for name, size in {**sizes, "bias_ih": (rows,), "bias_hh": (rows,)}.items():
                self.register_parameter(f"{name}_l{layer}", nn.Parameter(torch.empty(size).uniform_(-within, within)))

    def forward(
        self,
        x: Float[Tensor, "B T I"],
        state: State | None = None,
        *,
        lengths: Int[Tensor, "..."] | Sequence[int] | None = None,
        mask: Bool[Tensor, "..."] | None = None,
    ) -> tuple[Float[Tensor, "B T C"], State]:
        """The last layer's output at every step, and the state of every layer after the last; `state` None is zeros.

        Rows of unequal length are padded: `lengths` says how many steps of each are real, the first ones, or `mask`
        (B, T) says which (True = real). A padded step leaves the state as it was, and its output is zeros. Raises
        ValueError where shapes do not fit together.
        """
        require_tensor("inputs", x, "batch", "time", self.d_in)
        real = _real_steps(x, lengths, mask)
        x = x.transpose(0, 1)  # (T, B, I)
        before = _parts(state, (self.n_layers, x.shape[1], self.d_hidden), self.parts, x)
        after = []  # of each layer
        for layer, first in enumerate(zip(*before, strict=True)):
            if layer:
                x = F.dropout(x, self.dropout, self.training)
            names = ("weight_ih", "bias_ih", "weight_hh", "bias_hh")
            weights = [getattr(self, f"{name}_l{layer}") for name in names]
            x, last = _read(x, first, self.cell, weights, real)
            after.append(last)
        state = tuple(torch.stack(part) for part in zip(*after, strict=True))
        return x.transpose(0, 1), state if self.parts > 1 else state[0]


class RNN(_Recurrent):
    """Layers of rnn_cell, as torch.nn.RNN(batch_first=True).

    >>> outputs, state = RNN(3, 5, n_layers=2)(torch.zeros(7, 11, 3))
    >>> outputs.shape, state.shape
    (torch.Size([7, 11, 5]), torch.Size([2, 7, 5]))
    """

    cell = staticmethod(rnn_cell)
    gates = 1


class GRU(_Recurrent):
    """Layers of gru_cell, as torch.nn.GRU(batch_first=True).

    >>> outputs, state = GRU(3, 5)(torch.zeros(2, 11, 3), lengths=[11, 4])
    >>> torch.equal(state[0, 1], outputs[1, 3]), outputs[1, 4:].any().item()
    (True, False)
    """

    cell = staticmethod(gru_cell)
    gates = 3


class LSTM(_Recurrent):
    """Layers of lstm_cell, as torch.nn.LSTM(batch_first=True); the state is the pair (h, c).

    >>> outputs, (h, c) = LSTM(3, 5)(torch.zeros(2, 11, 3))
    >>> h.shape == c.shape == (1, 2, 5)
    True
    """

    cell = staticmethod(lstm_cell)
    gates, parts = 4, 2


def _read(
    x: Tensor, state: tuple[Tensor, ...], cell: Callable, weights: list[Tensor], real: Tensor | None
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """One layer over (T, B, I): its outputs and the state after the last step; `real` (T, B, 1) says which count."""
    weight_in, bias_in, weight, bias = weights
    outputs = []
    for t, projected in enumerate(F.linear(x, weight_in, bias_in).unbind()):  # all inputs in one product
        new = _tuple(cell(projected, *state, weight, bias))
        if real is not None:
            new = tuple(torch.where(real[t], *pair) for pair in zip(new, state, strict=True))
        state = new
        outputs.append(state[0])
    stacked = torch.stack(outputs) if outputs else x.new_zeros(0, *state[0].shape)
    return stacked if real is None else stacked.masked_fill(~real, 0), state


def _parts(state: State | None, shape: tuple[int, ...], parts: int, like: Tensor) -> tuple[Tensor, ...]:
    """The state as a tuple of tensors; zeros where none is given."""
    if state is None:
        return (like.new_zeros(shape),) * parts
    given = _tuple(state)
    if [tuple(part.shape) for part in given if isinstance(part, Tensor)] != [shape] * parts:
        came = ", ".join(
            str(tuple(part.shape)) if isinstance(part, Tensor) else repr(type(part).__name__) for part in given
        )
        raise ValueError(f"the state must be {parts} x (layers, batch, d_hidden) = {shape}, but it is {came}")
    return given


def _tuple(state: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return state if isinstance(state, tuple) else (state,)


def _real_steps(x: Tensor, lengths: Tensor | Sequence[int] | None, mask: Tensor | None) -> Tensor | None:
    """Which steps count, (T, B, 1), or None where all do."""
    if lengths is not None:
        if mask is not None:
            raise ValueError("lengths and mask say the same thing: one of them must be None, but both are given")
        lengths = lengths_of(lengths, x.shape[0], x.shape[1], x.device)
        mask = torch.arange(x.shape[1], device=x.device) < lengths[:, None]
    if mask is None:
        return None
    fits = isinstance(mask, Tensor) and mask.dtype == torch.bool and mask.shape == x.shape[:2]
    require(fits, f"a mask must be boolean and of shape {tuple(x.shape[:2])}", mask)
    return mask.T[:, :, None]


LAYERS = {"RNN": RNN, "GRU": GRU, "LSTM": LSTM}


@dataclass(frozen=True, kw_only=True)
class RecurrentLMConfig:
    """The sizes of a RecurrentLM and its kind of layer. Raises ValueError for an invalid one."""

    vocab_size: int  # different tokens
    d_embed: int = 64  # numbers in a token's vector
    d_hidden: int = 256  # numbers in a layer's state
    n_layers: int = 1
    dropout: float | int = 0.0  # share of numbers zeroed in training: of the vectors, between layers, of the outputs
    layer: str = "GRU"  # "RNN", "GRU" or "LSTM"

    def __post_init__(self) -> None:
        require_sizes(self, "vocab_size", "d_embed", "d_hidden", "n_layers")
        require_number("dropout", self.dropout, at_least=0, below=1)
        require_one_of("layer", LAYERS, self.layer)


class RecurrentLM(nn.Module):
    """A language model that reads one token after another: a vector a token, recurrent layers, one logit a token.

    Mikolov et al. (2010), with dropout where Zaremba, Sutskever and Vinyals (2014) put it.
    `forward` gives the logits of a text read from its beginning; `run` goes on from a state and gives the new one.

    >>> model = RecurrentLM(RecurrentLMConfig(vocab_size=7, d_embed=3, d_hidden=5, layer="LSTM"))
    >>> model(torch.tensor([[1, 2, 3], [6, 0, 0]])).shape
    torch.Size([2, 3, 7])
    """

    def __init__(self, config: RecurrentLMConfig) -> None:
        super().__init__()
        require(isinstance(config, RecurrentLMConfig), "config must be a RecurrentLMConfig", config)
        self.config = config
        self.embed = Embedding(config.vocab_size, config.d_embed)
        self.recurrent = LAYERS[config.layer](config.d_embed, config.d_hidden, config.n_layers, config.dropout)
        self.dropout = nn.Dropout(config.dropout)
        self.output = nn.Linear(config.d_hidden, config.vocab_size)

    def forward(self, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "B T V"]:
        """The logits of what follows each token, given it and those before it."""
        return self.run(tokens)[0]

    def run(self, tokens: Int[Tensor, "B T"], state: State | None = None) -> tuple[Float[Tensor, "B T V"], State]:
        """The logits, and the state to read on from; `detached` first, where gradients need not flow back."""
        require_tensor("tokens", tokens, "batch", "time", integers=True)
        outputs, state = self.recurrent(self.dropout(self.embed(tokens)), state)
        return self.output(self.dropout(outputs)), state

    def start(self, source: Int[Tensor, "B T"], lengths: Int[Tensor, " B"] | None = None) -> State:
        """The state after each row's first `lengths` tokens; without it, after all. A row may be empty."""
        require_tensor("source", source, "batch", "time", integers=True)
        return self.recurrent(self.dropout(self.embed(source)), lengths=lengths)[1]

    def step(self, tokens: Int[Tensor, " B"], state: State) -> tuple[Float[Tensor, "B V"], State]:
        """The logits of what follows one more token a row, and the state after it."""
        require_tensor("tokens", tokens, "batch", integers=True)
        logits, state = self.run(tokens[:, None], state)
        return logits[:, 0], state


def detached(state: State) -> State:
    """The state without its history: from there, gradients do not flow back (truncated back-propagation through time).

    Williams and Peng (1990). A text too long for one batch is read window by window, each from the last one's state.
    """
    require(
        all(isinstance(part, Tensor) for part in _tuple(state)), "a state must be a tensor, or a pair of them", state
    )
    return tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()
