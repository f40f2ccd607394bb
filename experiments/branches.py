"""Several chats in one row: their common beginning is read once, and none of them sees another.

Each branch is read as it would be alone after the beginning: its positions go on from there, and a mask hides the other
branches. So the gradients are those of rows of their own, but without padding and without the repeated beginning; and
the answers whose probability is wanted are the only tokens whose logits are computed.
"""

from collections.abc import Sequence
from itertools import takewhile
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.attention.cache import Cache
from course_lib.gpt import ModernGPT
from course_lib.runtime import evaluating

__all__ = ["Branches", "branched", "branches_loss", "common_beginning", "scored"]


class Branches(NamedTuple):
    """One row of T tokens (1, T) with their positions and mask; and for each of A answer tokens, where in the row it is
    predicted, which token it is, and the number of its branch.
    """

    tokens: Tensor
    positions: Tensor
    mask: Tensor  # (1, 1, T, T)
    before: Tensor  # (A,)
    wanted: Tensor  # (A,)
    owners: Tensor  # (A,)


def common_beginning(rows: Sequence[Sequence[int]]) -> list[int]:
    """The tokens with which all rows begin."""
    columns = takewhile(lambda column: len(set(column)) == 1, zip(*rows, strict=False))
    return [column[0] for column in columns]


def branched(
    beginning: Sequence[int], pairs: Sequence[tuple[Sequence[int], Sequence[int]]], end_token: int
) -> Branches:
    """One row for pairs of tokens that follow a beginning: those that are only read, and those of an answer.

    The first may be empty. The end token is added to each answer and is predicted, but not read.
    """
    start = len(beginning)
    tokens, positions, owners = list(beginning), list(range(start)), [-1] * start
    before, wanted, answering = [], [], []
    for number, (read, answer) in enumerate(pairs):
        first = len(tokens)
        places = [start - 1, *range(first, first + len(read) + len(answer))]
        tokens += [*read, *answer]
        positions += range(start, start + len(read) + len(answer))
        owners += [number] * (len(read) + len(answer))
        before += places[len(read) :]
        wanted += [*answer, end_token]
        answering += [number] * (len(answer) + 1)
    owner = torch.tensor(owners)
    mask = ((owner[:, None] == owner) | (owner == -1)).tril()
    parts = torch.tensor([tokens]), torch.tensor([positions]), mask[None, None]
    return Branches(*parts, *(torch.tensor(one) for one in (before, wanted, answering)))


def _logits(writer: ModernGPT, batch: Branches) -> Tensor:
    """The logits (A, V) of the answers' tokens, in float32."""
    config, like = writer.config, writer.embedding.weight
    precision = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else like.dtype
    shape = 1, config.n_kv_heads, batch.tokens.shape[1], config.d_model // config.n_heads
    caches = [
        Cache(like.new_zeros(shape, dtype=precision), like.new_zeros(shape, dtype=precision), None, batch.mask)
        for _ in range(config.n_layers)
    ]
    return writer.logits(writer.read(batch.tokens, batch.positions, caches)[0, batch.before]).float()


def branches_loss(writer: nn.Module, batch: Branches) -> Tensor:
    """The mean of -ln p over the answers' tokens, their end tokens included: a loss for `train`."""
    return F.cross_entropy(_logits(writer, batch), batch.wanted)


def scored(writer: nn.Module, batch: Branches) -> tuple[list[float], list[bool]]:
    """For each branch -ln p of its answer with the end; and whether greedy decoding writes just that.

    Greedy decoding writes an answer where each of its tokens is the most probable one after those before it.
    """
    with evaluating(writer), torch.no_grad():
        logits = _logits(writer, batch)
    losses = F.cross_entropy(logits, batch.wanted, reduction="none")
    misses = (logits.argmax(dim=-1) != batch.wanted).float()
    sums = torch.zeros(2, int(batch.owners.max()) + 1).index_add(1, batch.owners, torch.stack([losses, misses]))
    return sums[0].tolist(), (sums[1] == 0).tolist()
