"""Cells: one step of an RNN, a GRU and an LSTM, as functions that read as their equations.

Axes: B batch, C d_hidden, G rows of all gates (one, three or four times C).
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

__all__ = ["gru_cell", "lstm_cell", "rnn_cell"]


def rnn_cell(
    projected: Float[Tensor, "B C"], h: Float[Tensor, "B C"], weight: Float[Tensor, "C C"], bias: Float[Tensor, " C"]
) -> Float[Tensor, "B C"]:
    """One step of Elman's network (1990): h' = tanh(W x + b + U h + c); `projected` is W x + b."""
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
    i, f, g, o = (projected + F.linear(h, weight, bias)).chunk(4, dim=-1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c
