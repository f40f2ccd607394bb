"""Answers to the exercises of gru_lstm: other right ones, and wrong ones with words of their message."""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from course_lib import generation, recurrent


def leak(x, z, old=lambda z: z, new=lambda z: 1 - z, start=0.0):
    h, states = start, []
    for one in x.tolist():
        h = old(z) * h + new(z) * one
        states.append(h)
    return torch.tensor(states)


def leak_by_powers(x, z):
    """Every input's share in every state."""
    distance = torch.arange(len(x))[:, None] - torch.arange(len(x))
    return torch.where(distance >= 0, (1 - z) * torch.tensor(z) ** distance.clamp(min=0), torch.zeros(())) @ x


def by_pytorchs_cell(kind):
    def step(x, *rest):
        *states, W_x, W_h, b_x, b_h = rest
        cell = kind(x.shape[1], states[0].shape[1])
        cell.load_state_dict({"weight_ih": W_x, "weight_hh": W_h, "bias_ih": b_x, "bias_hh": b_h})
        return cell(x, states[0] if len(states) == 1 else tuple(states))

    return step


def gru_by_chunks(x, h, W_x, W_h, b_x, b_h):
    return recurrent.gru_cell(F.linear(x, W_x, b_x), h, W_h, b_h)


def gru(x, h, W_x, W_h, b_x, b_h, mix=None, rows=(0, 1, 2), bend=torch.tanh, gate=torch.sigmoid, inner=None):
    a, u, C = F.linear(x, W_x, b_x), F.linear(h, W_h, b_h), h.shape[1]
    part = [slice(row * C, (row + 1) * C) for row in rows]
    r, z = (gate(a[:, rows] + u[:, rows]) for rows in part[:2])
    n = bend(a[:, part[2]] + (r * u[:, part[2]] if inner is None else inner(r, h, W_h[part[2]], b_h[part[2]])))
    return n + z * (h - n) if mix is None else mix(n, h, z)


def other_gru(**change):
    return lambda *inputs: gru(*inputs, **change)


def gru_row_by_row(x, h, *weights):
    return torch.cat([gru(x[row : row + 1], h[row : row + 1], *weights) for row in range(len(x))])


def unturned(x, h, W_x, W_h, b_x, b_h):
    return torch.sigmoid(x @ W_x + h @ W_h + b_x + b_h)


def by_sign(weight):
    C = len(weight) // 3
    sign = torch.ones(3 * C)
    sign[C : 2 * C] = -1
    return torch.diag(sign) @ weight


def by_copy(weight):
    result = weight.clone()
    result[len(weight) // 3 : -(len(weight) // 3)] *= -1
    return result


def in_place(weight):
    weight[len(weight) // 3 : -(len(weight) // 3)] *= -1
    return weight


def thirds(r, z, n):
    return lambda weight: torch.cat([bend(part) for bend, part in zip((r, z, n), weight.chunk(3), strict=True)])


def same(part):
    return part


def lstm_by_chunks(x, h, c, W_x, W_h, b_x, b_h):
    return list(recurrent.lstm_cell(F.linear(x, W_x, b_x), h, c, W_h, b_h))


def lstm(x, h, c, W_x, W_h, b_x, b_h, rows=(0, 1, 2, 3), bend=torch.tanh, keep=None, out=None):
    parts = (F.linear(x, W_x, b_x) + F.linear(h, W_h, b_h)).split(h.shape[1], dim=1)
    i, f, g, o = (parts[row] for row in rows)
    i, f, g, o = i.sigmoid(), f.sigmoid(), bend(g), o.sigmoid()
    new = f * c + i * g if keep is None else keep(i, f, g, c)
    return (o * new.tanh() if out is None else out(o, new, c)), new


def other_lstm(**change):
    return lambda *inputs: lstm(*inputs, **change)


def by_loop(p, mass):
    result, total = torch.zeros_like(p), 0.0
    for place in p.argsort(descending=True).tolist():
        if total >= mass:
            break
        result[place] = p[place]
        total += p[place].item()
    return result / result.sum()


def by_library(p, mass):
    return generation.top_p(p.log(), mass).softmax(0)


def by_threshold(p, mass):
    """The least kept probability, then all that reach it."""
    ordered = np.sort(p.numpy())[::-1]
    least = ordered[np.searchsorted(ordered.cumsum(), mass)]
    kept = p * (p >= float(least))
    return kept / kept.sum()


def ranked(rule, largest=True):
    def cut(p, mass):
        order = p.argsort(descending=largest)
        kept = torch.zeros_like(p)
        kept[order] = torch.where(rule(p[order], mass), p[order], 0 * p)
        return kept / kept.sum()

    return cut


RIGHT = {
    "half_life": [
        lambda z: math.inf if z == 1 else -1 / math.log2(z),
        lambda z: -np.log(2) / np.log(z) if z < 1 else np.inf,
        lambda z: torch.tensor(0.5).log() / torch.tensor(z).log() if z < 1 else torch.tensor(math.inf),
    ],
    "leaky": [leak, leak_by_powers, lambda x, z: list(leak(x, z)), lambda x, z: leak(x, z).tolist()],
    "gru_step": [by_pytorchs_cell(nn.GRUCell), gru_by_chunks, gru, gru_row_by_row],
    "flip_update_gate": [by_sign, by_copy, lambda weight: nn.Parameter(by_copy(weight))],
    "lstm_step": [by_pytorchs_cell(nn.LSTMCell), lstm_by_chunks, lstm],
    "nucleus": [by_loop, by_library, by_threshold, ranked(lambda p, mass: p.cumsum(0) - p < mass)],
}
WRONG = {
    "half_life": [
        (lambda z: math.log(z) / math.log(0.5), "turned round"),
        (lambda z: -math.log(0.5) / math.log(z), "the sign"),
        (lambda z: 1 / (1 - z), "1/e is left"),
        (lambda z: -1 / math.log(z), "1/e = 0.37"),
        (lambda z: 0.5 / z, "not k times z"),
        (lambda z: 0.5 / (1 - z), "not by an amount"),
        (lambda z: math.log(0.5) / z, "divide by ln z"),
        (lambda z: math.ceil(math.log(0.5) / math.log(z)), "do not round"),
        (lambda z: float(math.floor(math.log(0.5) / math.log(z))), "do not round"),
        (lambda z: math.log(0.5) / math.log(z), "right, except for z = 1"),
        (lambda z: math.log(0.5) / math.log(z) if z < 1 else 0.0, "right, except for z = 1"),
        (lambda z: z, "expected"),
    ],
    "leaky": [
        (lambda x, z: leak(x, 1 - z), "swapped"),
        (lambda x, z: leak(x, z, new=lambda z: 1), "counts in full"),
        (lambda x, z: leak(x, z, old=lambda z: 1), "must lose something"),
        (lambda x, z: (1 - z) * x, "nothing is kept"),
        (lambda x, z: leak(x, z, start=x[0].item()), "begins at 0"),
        (lambda x, z: leak(x, z)[-1], "this is the last state"),
        (lambda x, z: [0.0, *leak(x, z)], "the 0 at the start"),
        (lambda x, z: F.pad(leak(x, z), (1, 0))[:-1], "one step late"),
        (lambda x, z: leak(x.flip(0), z), "from the end"),
        (lambda x, z: z * F.pad(x, (1, 0))[:-1] + (1 - z) * x, "not with the last input"),
        (lambda x, z: x * z, "expected"),
    ],
    "gru_step": [
        (other_gru(mix=lambda n, h, z: z * n + (1 - z) * h), "share of the *old* state"),
        (other_gru(rows=(1, 0, 2)), "r and z are swapped"),
        (other_gru(rows=(1, 2, 0)), "you take n for the first"),
        (other_gru(rows=(0, 2, 1)), "yours are r, n and z"),
        (other_gru(bend=torch.sigmoid), "a sigmoid could only"),
        (other_gru(bend=same), "grow without a bound"),
        (other_gru(gate=torch.tanh), "the gates are sigmoids"),
        (other_gru(inner=lambda r, h, U, c: F.linear(h, U, c)), "the reset gate does nothing"),
        (other_gru(inner=lambda r, h, U, c: r * F.linear(h, U) + c), "multiplies the bias"),
        (other_gru(inner=lambda r, h, U, c: F.linear(r * h, U, c)), "the paper's"),
        (other_gru(inner=lambda r, h, U, c: 0), "does not see the old state"),
        (other_gru(mix=lambda n, h, z: n), "this is the candidate"),
        (other_gru(mix=lambda n, h, z: (1 - z) * n), "old state's share is missing"),
        (lambda x, h, W_x, W_h, b_x, b_h: gru(x, h, W_x, W_h, b_x, 0 * b_h), "the bias b_h is missing"),
        (lambda x, h, W_x, W_h, b_x, b_h: gru(x, h, W_x, W_h, 0 * b_x, b_h), "the bias b_x is missing"),
        (lambda *inputs: gru(*inputs).tolist(), "a tensor is expected"),
        (unturned, "your code raised RuntimeError"),
    ],
    "flip_update_gate": [
        (thirds(same, lambda part: 1 - part, same), "no 1 is needed"),
        (torch.neg, "only the update gate's may"),
        (thirds(torch.neg, same, same), "the reset gate's rows"),
        (thirds(same, same, torch.neg), "the candidate's rows"),
        (thirds(torch.neg, torch.neg, same), "the reset gate must stay"),
        (lambda weight: -weight.chunk(3)[1], "rows alone"),
        (lambda weight: weight.clone(), "nothing has changed"),
        (thirds(same, lambda part: 1 - torch.sigmoid(part), same), "*into* the sigmoid"),
        (in_place, "in place"),
        (lambda weight: thirds(same, torch.neg, same)(weight).tolist(), "a tensor is expected"),
    ],
    "lstm_step": [
        (other_lstm(rows=(1, 0, 2, 3)), "input and forget gate are swapped"),
        (other_lstm(rows=(0, 1, 3, 2)), "yours are i, f, o and g"),
        (other_lstm(bend=torch.sigmoid), "all four of yours"),
        (other_lstm(bend=same), "yours is not bent"),
        (other_lstm(keep=lambda i, f, g, c: c + i * g), "the forget gate is missing"),
        (other_lstm(keep=lambda i, f, g, c: f * c + g), "the input gate is missing"),
        (other_lstm(keep=lambda i, f, g, c: f * c + (1 - f) * g), "not 1 - f"),
        (other_lstm(keep=lambda i, f, g, c: (1 - f) * c + i * g), "*kept*"),
        (other_lstm(keep=lambda i, f, g, c: i * g), "the old c is missing"),
        (other_lstm(out=lambda o, new, c: o * new), "the tanh is missing"),
        (other_lstm(out=lambda o, new, c: o * c.tanh()), "*new* c"),
        (other_lstm(out=lambda o, new, c: new.tanh()), "the output gate is missing"),
        (lambda *inputs: lstm(*inputs)[::-1], "swapped"),
        (lambda *inputs: lstm(*inputs)[0], "this is h'"),
        (lambda *inputs: lstm(*inputs)[1], "this is c'"),
        (lambda x, h, c, *weights: lstm(x, c, c, *weights), "the gates see h"),
        (lambda *inputs: lstm(*inputs[:-1], 0 * inputs[-1]), "the bias b_h is missing"),
    ],
    "nucleus": [
        (lambda p, mass: by_library(p, mass) * p[by_library(p, mass) > 0].sum(), "no longer sum to 1"),
        (ranked(lambda p, mass: p.cumsum(0) < mass), "stop one early"),
        (ranked(lambda p, mass: p.cumsum(0) - p < mass, largest=False), "the least likely"),
        (lambda p, mass: by_loop(p, mass).sort(descending=True).values, "in its place"),
        (lambda p, mass: by_loop(p, mass)[by_loop(p, mass) > 0], "keep all places"),
        (lambda p, mass: p * (p >= mass) / (p * (p >= mass)).sum(), "not each of them"),
        (lambda p, mass: p * (p.cumsum(0) - p < mass) / (p * (p.cumsum(0) - p < mass)).sum(), "sort first"),
        (lambda p, mass: p, "nothing is cut"),
        (lambda p, mass: by_loop(p, mass).tolist(), "a tensor is expected"),
    ],
}
