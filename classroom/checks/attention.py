"""Checks of the notebook attention."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from classroom.checks import Mistake, compare, exercise
from classroom.checks._attention import ROTATE, SINUSOIDAL, Wrong
from course_lib import positions
from course_lib.attention import causal_mask, padding_mask

__all__ = ["batch_mask", "rotate", "sinusoidal", "soft_lookup", "split_heads", "window_mask"]


def _random(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@exercise
def soft_lookup(answer: Any, seed: int) -> str:
    """soft_lookup(q, k, v): softmax(q kᵀ / √d) v, with any axes before the last two."""

    def attend(
        scale: Callable[..., float] = lambda q, k, v: q.shape[-1] ** 0.5, dim: int = -1
    ) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
        return lambda q, k, v: (q @ k.mT / scale(q, k, v)).softmax(dim) @ v

    def weights(q: Tensor, k: Tensor) -> Tensor:
        return (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1)

    mistakes: Wrong = [
        (attend(lambda q, k, v: 1), "the scores are not scaled: divide q kᵀ by √d before the softmax."),
        (attend(lambda q, k, v: q.shape[-1]), "you divide by d itself: by its root, √d."),
        (attend(lambda q, k, v: q.shape[-1] ** -0.5), "you multiply by √d: divide by it."),
        (
            attend(lambda q, k, v: k.shape[-2] ** 0.5),
            "this is the root of the number of keys: d is the width of a query, its last axis.",
        ),
        (attend(lambda q, k, v: q.shape[-2] ** 0.5), "this is the root of the number of queries: d is their width."),
        (attend(lambda q, k, v: v.shape[-1] ** 0.5), "this is the root of the width of the values: d is the queries'."),
        (
            attend(dim=-2),
            "your softmax runs over the queries (dim=-2): for each query the weights of the *keys* sum to 1, dim=-1.",
        ),
        (lambda q, k, v: attend()(k, q, v), "queries and keys have changed places: a row of scores is a query, q kᵀ."),
        (
            attend(dim=0),
            "your softmax runs along the first axis: the keys stand along the last one, dim=-1.",
        ),
        (
            lambda q, k, v: (q @ k.mT).softmax(-1) / q.shape[-1] ** 0.5 @ v,
            "you scale after the softmax: the weights no longer sum to 1. Divide the scores first.",
        ),
        (lambda q, k, v: q @ k.mT / q.shape[-1] ** 0.5 @ v, "the softmax is missing: these are raw scores times v."),
        (lambda q, k, v: weights(q, k), "these are the weights: the mean of the values, weights @ v, is wanted."),
        (
            lambda q, k, v: (weights(q, k), attend()(q, k, v)),
            "return the mean of the values alone, without the weights.",
        ),
        (
            lambda q, k, v: (attend()(q, k, v), weights(q, k)),
            "return the mean of the values alone, without the weights.",
        ),
    ]
    three, ln3 = torch.eye(3, 4), math.log(3)
    q, k = 2 * three + torch.tensor([[0.0] * 4, [0] * 4, [2, 2, -2, 0]]), ln3 * three * torch.tensor([[1], [1], [0]])
    cases = [(q, k, torch.tensor([[0.0], [10.0], [5.0]]))]
    cases += [
        (2 * _random(seed, *b, 5, 11), _random(seed + 1, *b, 7, 11), _random(seed + 2, *b, 7, 3)) for b in [(), (2,)]
    ]
    compare(answer, attend(), cases, mistakes)
    return "three tokens: 3, 7 and 5, as by hand; and whole batches."


def _boolean(answer: Any) -> Any:
    """The same function, but one that gives a mask of numbers is told so."""

    def checked(*inputs: Any) -> Any:
        mask = answer(*inputs)
        if isinstance(mask, Tensor) and mask.dtype != torch.bool:
            raise Mistake(
                f"your mask holds numbers ({mask.dtype}): a mask here is boolean, True where a query may look. "
                "Do not turn it into 0 and 1, nor into 0 and -inf."
            )
        return mask

    return checked if callable(answer) else answer


LEFT = "this is for padding on the right: here it stands on the left, the first longest - length places."


@exercise
def batch_mask(answer: Any, seed: int) -> str:
    """batch_mask(lengths, longest): causal and without the padding keys on the left, (B, 1, T, T)."""

    def real(lengths: Tensor, longest: int, more: int = 0) -> Tensor:
        return (torch.arange(longest) >= longest - lengths[:, None] - more)[:, None, None]  # (B, 1, 1, T)

    def both(lengths: Tensor, longest: int, more: int = 0) -> Tensor:
        return real(lengths, longest, more) & causal_mask(longest)

    mistakes: Wrong = [
        (
            lambda n, longest: ~both(n, longest),
            "the sign is turned round: True must mean may attend (PyTorch's nn.MultiheadAttention means the reverse).",
        ),
        (lambda n, longest: padding_mask(n, longest) & causal_mask(longest), LEFT),
        (
            lambda n, longest: real(n, longest) & causal_mask(longest).mT,
            "each query sees what comes after it: `tril` keeps what comes before, `triu` what comes after.",
        ),
        (
            lambda n, longest: real(n, longest) & causal_mask(longest).tril(-1),
            "no query sees itself: the diagonal is allowed.",
        ),
        (
            lambda n, longest: causal_mask(longest).expand(len(n), 1, -1, -1),
            "padding can still be seen: the keys in the first longest - length places are forbidden.",
        ),
        (lambda n, longest: causal_mask(longest), "one mask for all: padding differs from text to text."),
        (
            lambda n, longest: real(n, longest).expand(-1, 1, longest, -1),
            "later tokens can still be seen: join the causal mask with &.",
        ),
        (
            lambda n, longest: real(n, longest) | causal_mask(longest),
            "`|` allows what either mask allows: both must allow it, `&`.",
        ),
        (
            lambda n, longest: real(n, longest).mT & causal_mask(longest),
            "you forbid the padding *queries*, the rows: forbid the padding *keys*, the columns.",
        ),
        (
            lambda n, longest: both(n, longest, 1),
            "one key of padding can be seen: the first real place is longest - length, counted from 0.",
        ),
        (
            lambda n, longest: both(n, longest, -1),
            "the first real key is forbidden: a key is real where its position >= longest - length.",
        ),
        (
            lambda n, longest: both(n, longest) | torch.eye(longest, dtype=torch.bool),
            "padding queries see themselves: their rows are to be False throughout.",
        ),
        (lambda n, longest: both(n, longest)[:, 0], "right, but without the axis of heads: (B, 1, T, T) is wanted."),
    ]
    lengths = torch.randint(1, 6, (7,), generator=torch.Generator().manual_seed(seed))
    cases = [(torch.tensor([4, 2]), 4), (torch.tensor([3, 1, 2]), 5), (lengths, 6)]
    compare(_boolean(answer), both, cases, mistakes)
    return "each query sees itself and what came before, and never padding."


@exercise
def window_mask(answer: Any, seed: int) -> str:
    """window_mask(length, window): each query sees itself and the window - 1 tokens before it."""

    def band(newest: int = 0, oldest: int = 0, both: bool = False) -> Callable[[int, int], Tensor]:
        def mask(length: int, window: int) -> Tensor:
            back = torch.arange(length)[:, None] - torch.arange(length)  # how far back the key is
            return (back.abs() if both else back).ge(newest) & (back.abs() if both else back).lt(window + oldest)

        return mask

    right = band()
    mistakes: Wrong = [
        (lambda n, window: ~right(n, window), "the sign is turned round: True must mean may attend."),
        (band(oldest=1), "that is one key too many: the query itself counts, so window - 1 others."),
        (band(oldest=-1), "that is one key too few: the query itself and window - 1 others."),
        (band(newest=1), "no query sees itself: the diagonal belongs to the window."),
        (band(newest=1, oldest=1), "no query sees itself: the window begins at the query, not before it."),
        (band(both=True), "the window opens to both sides: a query may not see what comes after it."),
        (band(newest=-10_000), "later tokens can be seen: join the causal mask with &."),
        (lambda n, window: causal_mask(n), "this is the causal mask: old tokens must drop out of the window."),
        (lambda n, window: right(n, window).mT, "each query sees what comes after it: queries are the rows."),
        (lambda n, window: causal_mask(n) & ~right(n, window), "this is what lies before the window: turn it round."),
    ]
    compare(_boolean(answer), right, [(6, 3), (5, 1), (4, 9), (3, 3), (8 + seed % 5, 4)], mistakes)
    return "a band below the diagonal: with window 1 the identity, with a large one the causal mask."


@exercise
def split_heads(answer: Any, seed: int) -> str:
    """split_heads(x, n_heads): (B, T, C) to (B, H, T, D), head h with its D neighbouring components."""

    def parts(x: Tensor, n_heads: int) -> Tensor:
        return x.unflatten(-1, (n_heads, -1))  # (B, T, H, D)

    mistakes: Wrong = [
        (
            lambda x, h: x.reshape(x.shape[0], h, x.shape[1], -1),
            "the shape is right, but a view to (B, H, T, D) mixes tokens: it cuts the numbers in the order in which "
            "they lie. View as (B, T, H, D), then transpose T and H.",
        ),
        (parts, "this is (B, T, H, D): transpose T and H."),
        (
            lambda x, h: x.unflatten(-1, (-1, h)).permute(0, 3, 1, 2),
            "head 0 gets every H-th component: split C as (H, D), heads first.",
        ),
        (lambda x, h: x.unflatten(-1, (-1, h)).transpose(1, 2), "C is split as (D, H): heads first, (H, D)."),
        (lambda x, h: parts(x, h).permute(0, 2, 3, 1), "this is (B, H, D, T): a head's last axis is its width D."),
        (
            lambda x, h: parts(x, h).transpose(1, 2).flatten(0, 1),
            "batch and heads are in one axis: keep them apart, (B, H, T, D).",
        ),
        (lambda x, h: parts(x, h).permute(2, 0, 1, 3), "this is (H, B, T, D): the batch comes first."),
        (
            lambda x, h: x.unflatten(1, (h, -1)),
            "you split the tokens among the heads: every head gets all tokens, and a part of the width.",
        ),
        (
            lambda x, h: x[:, None].expand(-1, h, -1, -1),
            "every head gets the whole width: give each a part, D = C / H.",
        ),
    ]
    cases = [(torch.arange(12.0).view(1, 2, 6), 2), (_random(seed, 3, 10, 14), 2), (_random(seed, 2, 6, 15), 3)]
    compare(answer, lambda x, h: parts(x, h).transpose(1, 2), cases, mistakes)
    return "head h holds components h D to (h + 1) D - 1 of every token."


@exercise
def sinusoidal(answer: Any, seed: int) -> str:
    """sinusoidal(length, d_model): sines in even components, cosines in odd ones."""
    cases = [(3, 4), (50, 16), (7 + seed % 3, 10)]
    compare(_single(answer), positions.sinusoidal, cases, SINUSOIDAL)
    return "each pair of components is a hand of a clock; the first turns by 1 radian a token, each next more slowly."


@exercise
def rotate(answer: Any, seed: int) -> str:
    """rotate(x): components i and i + D/2 of position p turned by p / 10000^(2i / D)."""
    small = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    cases = [(small,), (_random(seed, 7, 10),), (_random(seed, 2, 3, 5, 6),)]
    compare(_single(answer), positions.rotate, cases, ROTATE)
    return "lengths stay, directions turn with the position."


def _single(answer: Any) -> Any:
    """The same function with its result in single precision, whatever floating-point numbers it gives."""

    def single(*inputs: Any) -> Any:
        result = answer(*inputs)
        return result.float() if isinstance(result, Tensor) and result.is_floating_point() else result

    return single if callable(answer) else answer
