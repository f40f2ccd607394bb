"""Answers to the exercises of gru_lstm: other right ones, and wrong ones with words of their message."""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from course_lib import generation, recurrent


def by_pytorchs_cell(kind):
    def step(x, *rest):
        *states, W_x, W_h, b_x, b_h = rest
        cell = kind(x.shape[1], states[0].shape[1])
        cell.load_state_dict({"weight_ih": W_x, "weight_hh": W_h, "bias_ih": b_x, "bias_hh": b_h})
        return cell(x, states[0] if len(states) == 1 else tuple(states))

    return step


def gru_by_chunks(x, h, W_x, W_h, b_x, b_h):
    return recurrent.gru_cell(F.linear(x, W_x, b_x), h, W_h, b_h)


def gru(x, h, W_x, W_h, b_x, b_h, mix=None, rows=(0, 1, 2), bend=torch.tanh, gate=torch.sigmoid, inner=None, seen=None):
    a, u, C = F.linear(x, W_x, b_x), F.linear(h, W_h, b_h), h.shape[1]
    if seen is not None:
        a, u = seen(a, u, a[:, 2 * C :], u[:, 2 * C :])
    part = [slice(row * C, (row + 1) * C) for row in rows]
    r, z = (gate(a[:, rows] + u[:, rows]) for rows in part[:2])
    n = bend(a[:, part[2]] + (r * u[:, part[2]] if inner is None else inner(r, h, W_h[part[2]], b_h[part[2]])))
    return n + z * (h - n) if mix is None else mix(n, h, z)


def other_gru(**change):
    return lambda *inputs: gru(*inputs, **change)


def gru_row_by_row(x, h, *weights):
    return torch.cat([gru(x[row : row + 1], h[row : row + 1], *weights) for row in range(len(x))])


def scaled_inside(x, h, W_x, W_h, b_x, b_h, scale_old=True):
    """r before the wrong part of the candidate."""
    (a_r, a_z, a_n), (u_r, u_z, u_n) = F.linear(x, W_x, b_x).chunk(3, 1), F.linear(h, W_h, b_h).chunk(3, 1)
    r, z = (a_r + u_r).sigmoid(), (a_z + u_z).sigmoid()
    n = torch.tanh(r * (a_n + u_n) if scale_old else r * a_n + u_n)
    return torch.lerp(n, h, z)


def blind_candidate(x, h, W_x, W_h, b_x, b_h):
    (a_r, a_z, _), (u_r, u_z, u_n) = F.linear(x, W_x, b_x).chunk(3, 1), F.linear(h, W_h, b_h).chunk(3, 1)
    return torch.lerp(torch.tanh((a_r + u_r).sigmoid() * u_n), h, (a_z + u_z).sigmoid())


def one_gate(used):
    def step(x, h, W_x, W_h, b_x, b_h):
        (a_r, a_z, a_n), (u_r, u_z, u_n) = F.linear(x, W_x, b_x).chunk(3, 1), F.linear(h, W_h, b_h).chunk(3, 1)
        gate = torch.sigmoid(a_r + u_r if used == "r" else a_z + u_z)
        return torch.lerp(torch.tanh(a_n + gate * u_n), h, gate)

    return step


def interleaved(step, gates):
    """Every third (or fourth) row instead of blocks of rows."""

    def of_rows(*inputs):
        *states, W_x, W_h, b_x, b_h = inputs
        sorted_rows = [torch.cat([weight[gate::gates] for gate in range(gates)]) for weight in (W_x, W_h, b_x, b_h)]
        return step(*states, *sorted_rows)

    return of_rows


def unturned(x, h, W_x, W_h, b_x, b_h):
    return torch.sigmoid(x @ W_x + h @ W_h + b_x + b_h)


def same(part):
    return part


def lstm_by_chunks(x, h, c, W_x, W_h, b_x, b_h):
    return list(recurrent.lstm_cell(F.linear(x, W_x, b_x), h, c, W_h, b_h))


def lstm(x, h, c, W_x, W_h, b_x, b_h, rows=(0, 1, 2, 3), bend=torch.tanh, keep=None, out=None, gate=torch.sigmoid):
    parts = (F.linear(x, W_x, b_x) + F.linear(h, W_h, b_h)).split(h.shape[1], dim=1)
    i, f, g, o = (parts[row] for row in rows)
    i, f, g, o = gate(i), gate(f), bend(g), gate(o)
    new = f * c + i * g if keep is None else keep(i, f, g, c)
    return (o * new.tanh() if out is None else out(o, new, c)), new


def lstm_with_plain_output(x, h, c, W_x, W_h, b_x, b_h):
    i, f, g, o = (F.linear(x, W_x, b_x) + F.linear(h, W_h, b_h)).chunk(4, dim=-1)
    new = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o * new.tanh(), new


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


def by_count(p, mass):
    kept = torch.zeros_like(p)
    count = math.ceil(mass * len(p))
    kept[p.topk(count).indices] = p.topk(count).values
    return kept / kept.sum()


def one_too_many(p, mass):
    values, places = p.sort(descending=True)
    count = int((values.cumsum(0) < mass).sum()) + 2
    kept = torch.zeros_like(p)
    kept[places[:count]] = values[:count]
    return kept / kept.sum()


def read_back(p, mass):
    values, places = p.sort(descending=True)
    kept = values.where(values.cumsum(0) - values < mass, 0.0)
    return (kept / kept.sum())[places]


def mask_of_sorted(p, mass):
    values = p.sort(descending=True).values
    kept = p.clone()
    kept[values.cumsum(0) - values >= mass] = 0
    return kept / kept.sum()


def unscaled(p, mass):
    return torch.where(by_loop(p, mass) > 0, p, 0.0)


def ranked(rule, largest=True):
    def cut(p, mass):
        order = p.argsort(descending=largest)
        kept = torch.zeros_like(p)
        kept[order] = torch.where(rule(p[order], mass), p[order], 0 * p)
        return kept / kept.sum()

    return cut


def unit(z=(0.0, -16.0), n=(1.0, 0.0), bias=8.0, old=0.0, r=0.0):
    """A GRU with one unit as lists of numbers."""
    return lambda: ([[0.0, 0.0], list(z), list(n)], [0.0, 0.0, old], [r, bias, 0.0])


def choosing(**change):
    choice = {"kind": "LSTM", "width": 64, "batch_size": 8, "window": 50, "learning_rate": 0.016}
    return lambda: choice | change


RIGHT = {
    "hold": [
        unit(),
        unit(z=(0.0, -30.0), bias=12.0),
        unit(old=1.0, r=-12.0),
        lambda: (np.array([[0, 0], [0, -20], [1, 0]]), np.zeros((3, 1)), np.array([0, 10, 0])),
    ],
    "within_budget": [choosing(learning_rate=0.012)],
    "gru_step": [
        lambda *inputs: gru(*inputs).tolist(),
        by_pytorchs_cell(nn.GRUCell),
        gru_by_chunks,
        gru,
        gru_row_by_row,
    ],
    "lstm_step": [by_pytorchs_cell(nn.LSTMCell), lstm_by_chunks, lstm],
    "nucleus": [
        by_loop,
        lambda p, mass: by_loop(p, mass).tolist(),
        by_library,
        ranked(lambda p, mass: p.cumsum(0) - p < mass),
    ],
}
WRONG = {
    "hold": [
        (unit(z=(0.0, 0.0), bias=-9.0), "without a mark, z must be near 1"),
        (unit(z=(0.0, 20.0), bias=-10.0), "z is turned round"),
        (unit(z=(0.0, 0.0)), "nothing is ever taken in"),
        (unit(z=(0.0, -8.0)), "only a part of the marked number"),
        (unit(z=(0.0, -9.0), bias=3.0), "the state fades"),
        (unit(n=(6.0, 0.0)), "the candidate is too large"),
        (unit(n=(0.4, 0.0)), "the candidate is too small"),
        (unit(n=(-1.0, 0.0)), "the sign of the number is turned"),
        (unit(n=(0.0, 1.0)), "the candidate reads the mark"),
        (unit(old=1.0, r=10.0), "the old number is still in the new one"),
        (lambda: torch.zeros(3), "three things are expected"),
        (unit(bias=math.inf), "the weights must be finite"),
    ],
    "within_budget": [
        (
            choosing(kind="GRU", width=128, batch_size=16, window=100, learning_rate=0.008),
            "the budget then pays for more steps",
        ),
        (choosing(window=3, batch_size=64), "a longer window: the network"),
        (choosing(learning_rate=0.0005), "a higher rate"),
        (choosing(learning_rate=0.1), "a lower rate"),
        (choosing(width=8), "width is a whole number from 16 to 512, but yours is 8."),
        (choosing(learning_rate=0), "learning_rate is a number above 0 and at most 1, but yours is 0."),
        (choosing(kind="rnn"), "kind is 'RNN', 'GRU' or 'LSTM', but yours is 'rnn'."),
        (choosing(batch_size=1), "would take 13,469 steps, and 4,000 is the most"),
        (lambda: {"width": 64}, "a dictionary with kind, width, batch_size, window, learning_rate"),
    ],
    "gru_step": [
        (other_gru(mix=lambda n, h, z: z * n + (1 - z) * h), "share of the *old* state"),
        (other_gru(rows=(1, 0, 2)), "r and z are swapped"),
        (other_gru(rows=(1, 2, 0)), "yours are n, r and z"),
        (other_gru(rows=(0, 2, 1)), "yours are r, n and z"),
        (other_gru(rows=(2, 1, 0)), "yours are reversed"),
        (other_gru(rows=(2, 0, 1)), "yours are z, n and r"),
        (interleaved(gru, 3), "do not take every third"),
        (other_gru(bend=torch.sigmoid), "able to lower a state"),
        (other_gru(bend=same), "grow without a bound"),
        (other_gru(gate=torch.tanh), "tanh is for the candidate"),
        (other_gru(gate=same), "the gates have no nonlinearity"),
        (
            other_gru(
                seen=lambda a, u, a_n, u_n: (a, u * torch.tensor([0.0, 0.0, 1.0]).repeat_interleave(a_n.shape[1]))
            ),
            "the gates see the input only",
        ),
        (other_gru(seen=lambda a, u, a_n, u_n: (torch.cat([0 * a_n, 0 * a_n, a_n], dim=1), u)), "the old state only"),
        (other_gru(inner=lambda r, h, U, c: F.linear(h, U, c)), "the reset gate does nothing"),
        (scaled_inside, "everything inside the tanh"),
        (lambda *inputs: scaled_inside(*inputs, scale_old=False), "r multiplies what comes from the input"),
        (other_gru(inner=lambda r, h, U, c: r * F.linear(h, U) + c), "multiply the bias b_h too"),
        (other_gru(inner=lambda r, h, U, c: F.linear(r * h, U, c)), "the paper's"),
        (other_gru(inner=lambda r, h, U, c: (1 - r) * F.linear(h, U, c)), "you multiply by 1 - r"),
        (other_gru(inner=lambda r, h, U, c: r * h), "you take h itself"),
        (one_gate("r"), "is z, not r"),
        (one_gate("z"), "is r, not z"),
        (other_gru(inner=lambda r, h, U, c: 0), "does not see the old state"),
        (blind_candidate, "does not see the input"),
        (other_gru(inner=lambda r, h, U, c: r * F.linear(h, U)), "the candidate lacks the bias b_h"),
        (other_gru(mix=lambda n, h, z: n), "this is the candidate"),
        (other_gru(mix=lambda n, h, z: (1 - z) * n), "the old state is missing"),
        (other_gru(mix=lambda n, h, z: z * h), "the candidate is missing"),
        (other_gru(mix=lambda n, h, z: n + z * h), "the candidate counts in full"),
        (other_gru(mix=lambda n, h, z: h + (1 - z) * n), "the old state counts in full"),
        (other_gru(mix=lambda n, h, z: z * (n + h)), "both shares are z"),
        (other_gru(mix=lambda n, h, z: torch.tanh(n + z * (h - n))), "no nonlinearity around it"),
        (other_gru(mix=lambda n, h, z: (n + z * (h - n), z)), "without the gate"),
        (lambda x, h, W_x, W_h, b_x, b_h: gru(x, h, W_x, W_h, b_x, 0 * b_h), "the bias b_h is missing"),
        (lambda x, h, W_x, W_h, b_x, b_h: gru(x, h, W_x, W_h, 0 * b_x, b_h), "the bias b_x is missing"),
        (lambda x, h, W_x, W_h, b_x, b_h: gru(x, h, W_x, W_h, 0 * b_x, 0 * b_h), "both biases are missing"),
        (lambda x, h, W_x, W_h, b_x, b_h: gru(x, h, W_x, W_h, b_h, b_x), "the biases are swapped"),
        (
            other_gru(mix=lambda n, h, z: z * n + (1 - z) * h, inner=lambda r, h, U, c: F.linear(h, U, c)),
            "two things. Z is the share of the *old* state here",
        ),
        (unturned, "your code raised RuntimeError"),
    ],
    "lstm_step": [
        (other_lstm(rows=(1, 0, 2, 3)), "input and forget gate are swapped"),
        (other_lstm(rows=(0, 1, 3, 2)), "yours are i, f, o and g"),
        (other_lstm(rows=(0, 2, 1, 3)), "yours are i, g, f and o"),
        (other_lstm(rows=(1, 0, 3, 2)), "yours are f, i, o and g"),
        (other_lstm(rows=(3, 1, 2, 0)), "input and output gate are swapped"),
        (other_lstm(rows=(0, 3, 2, 1)), "forget and output gate are swapped"),
        (interleaved(lstm, 4), "do not take every fourth"),
        (other_lstm(bend=torch.sigmoid), "all four of yours"),
        (other_lstm(bend=same), "g has no nonlinearity"),
        (other_lstm(gate=torch.tanh), "tanh is for the candidate"),
        (other_lstm(gate=same), "the gates have no nonlinearity"),
        (lstm_with_plain_output, "one of the gates i, f and o is no sigmoid"),
        (lambda *inputs: torch.cat(lstm(*inputs)), "joined to one tensor"),
        (other_lstm(keep=lambda i, f, g, c: c + i * g), "the forget gate is missing"),
        (other_lstm(keep=lambda i, f, g, c: f * c + g), "the input gate is missing"),
        (other_lstm(keep=lambda i, f, g, c: g + c), "both gates of the cell state"),
        (other_lstm(keep=lambda i, f, g, c: f * c + (1 - f) * g), "not 1 - f"),
        (other_lstm(keep=lambda i, f, g, c: torch.lerp(c, g, i)), "not 1 - i"),
        (other_lstm(keep=lambda i, f, g, c: (1 - f) * c + i * g), "*kept*"),
        (other_lstm(keep=lambda i, f, g, c: i * g), "the old c is missing"),
        (other_lstm(keep=lambda i, f, g, c: f * c), "the candidate is missing from the new c"),
        (other_lstm(keep=lambda i, f, g, c: i + f * c), "the candidate g is missing"),
        (other_lstm(keep=lambda i, f, g, c: (i * g + f * c).tanh()), "the new c is a plain sum"),
        (other_lstm(out=lambda o, new, c: o * new), "the tanh is missing"),
        (other_lstm(out=lambda o, new, c: o * c.tanh()), "*new* c"),
        (other_lstm(out=lambda o, new, c: new.tanh()), "the output gate is missing"),
        (other_lstm(out=lambda o, new, c: (new * o).tanh()), "outside the tanh"),
        (other_lstm(out=lambda o, new, c: o * new.sigmoid()), "is tanh, not a sigmoid"),
        (other_lstm(out=lambda o, new, c: o), "the output gate alone"),
        (other_lstm(out=lambda o, new, c: new), "the new c itself"),
        (lambda *inputs: lstm(*inputs)[::-1], "swapped"),
        (lambda *inputs: lstm(*inputs)[0], "this is h'"),
        (lambda *inputs: lstm(*inputs)[1], "this is c'"),
        (lambda *inputs: (lstm(*inputs)[0], inputs[2]), "the second result is the old c"),
        (lambda *inputs: (lstm(*inputs)[0], lstm(*inputs)), "`nn.LSTM` returns"),
        (lambda x, h, c, *weights: lstm(x, c, c, *weights), "leave c out"),
        (lambda x, h, c, *weights: lstm(x, 0 * h, c, *weights), "do not see the old h"),
        (lambda x, h, c, *weights: lstm(0 * x, h, c, *weights), "do not see the input"),
        (lambda x, h, c, *weights: lstm(x, h, h, *weights), "not the old h"),
        (lambda *inputs: lstm(*inputs[:-1], 0 * inputs[-1]), "the bias b_h is missing"),
        (lambda *inputs: lstm(*inputs[:-2], 0 * inputs[-2], inputs[-1]), "the bias b_x is missing"),
        (lambda *inputs: lstm(*inputs[:-2], 0 * inputs[-2], 0 * inputs[-1]), "both biases are missing"),
        (
            other_lstm(keep=lambda i, f, g, c: c + i * g, out=lambda o, new, c: o * new),
            "two things. The forget gate is missing",
        ),
    ],
    "nucleus": [
        (by_threshold, "only so many stay"),
        (unscaled, "no longer sum to 1"),
        (ranked(lambda p, mass: p.cumsum(0) < mass), "stop one early"),
        (ranked(lambda p, mass: p.cumsum(0) <= mass), "stop one early"),
        (one_too_many, "one too many"),
        (ranked(lambda p, mass: p.cumsum(0) - p <= mass), "compare with <, not <="),
        (lambda p, mass: p * (p.cumsum(0) - p < mass) / (p * (p.cumsum(0) - p < mass)).sum(), "sort first"),
        (ranked(lambda p, mass: p.cumsum(0) - p < mass, largest=False), "the least likely"),
        (ranked(lambda p, mass: p.cumsum(0) > mass), "you keep the tail"),
        (lambda p, mass: p * (p >= mass) / (p * (p >= mass)).sum(), "not each of them"),
        (lambda p, mass: torch.where(p < mass * p.max(), 0.0, p) / p[p >= mass * p.max()].sum(), "min-p"),
        (by_count, "not a share of the tokens"),
        (lambda p, mass: F.one_hot(p.argmax(), len(p)).float(), "the most likely token alone"),
        (lambda p, mass: p, "nothing is cut"),
        (lambda p, mass: by_loop(p, mass).sort(descending=True).values, "undo the sorting"),
        (read_back, "yours reads from them"),
        (mask_of_sorted, "the mask belongs to the sorted tokens"),
        (lambda p, mass: by_loop(p, mass)[by_loop(p, mass) > 0], "keep all positions"),
        (lambda p, mass: by_loop(p, mass) > 0, "this says which tokens are kept"),
        (lambda p, mass: (by_loop(p, mass) > 0) / (by_loop(p, mass) > 0).sum(), "keep their proportions"),
        (lambda p, mass: unscaled(p, mass).softmax(0), "exponential of probabilities"),
        (lambda p, mass: unscaled(p, mass) / mass, "a little more than the mass"),
        (lambda p, mass: by_loop(p, mass) / by_loop(p, mass).max(), "not by their maximum"),
        (lambda p, mass: (by_loop(p, mass).log() / 2).softmax(0), "expected"),
    ],
}
