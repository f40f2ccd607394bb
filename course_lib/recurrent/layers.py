"""Layers: one product projects all inputs, then a cell steps through them, one position after another.

Axes: B batch, T position (time), I d_in, C d_hidden, L layers.
"""

import math
from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.recurrent.cells import gru_cell, lstm_cell, rnn_cell
from course_lib.validation import require_dropout, require_sizes

__all__ = ["GRU", "LSTM", "RNN"]

Hidden = Float[Tensor, "L rows C"]  # as many rows as the batch, which the layer checks
State = Hidden | tuple[Hidden, Hidden]  # an LSTM's is (h, c)


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
        require_dropout(dropout)
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
        if x.ndim != 3 or x.shape[2] != self.d_in:
            raise ValueError(f"inputs must be (batch, time, {self.d_in}), but they are {tuple(x.shape)}")
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
    if [tuple(part.shape) for part in given] != [shape] * parts:
        came = ", ".join(str(tuple(part.shape)) for part in given)
        raise ValueError(f"the state must be {parts} x (layers, batch, d_hidden) = {shape}, but it is {came}")
    return given


def _tuple(state: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return state if isinstance(state, tuple) else (state,)


def _real_steps(x: Tensor, lengths: Tensor | Sequence[int] | None, mask: Tensor | None) -> Tensor | None:
    """Which steps count, (T, B, 1), or None where all do."""
    if lengths is not None:
        if mask is not None:
            raise ValueError("lengths and mask say the same thing: one of them must be None, but both are given")
        lengths = torch.as_tensor(lengths, device=x.device)
        if lengths.shape != x.shape[:1] or not ((lengths >= 0) & (lengths <= x.shape[1])).all():
            expected = f"lengths must be {x.shape[0]} numbers from 0 to {x.shape[1]}"
            raise ValueError(f"{expected}, but they are {lengths.tolist()}")
        mask = torch.arange(x.shape[1], device=x.device) < lengths[:, None]
    if mask is None:
        return None
    if mask.shape != x.shape[:2]:
        raise ValueError(f"the mask must be {tuple(x.shape[:2])}, but it is {tuple(mask.shape)}")
    return mask.T[:, :, None]
