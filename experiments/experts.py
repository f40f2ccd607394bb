"""What the table of experts stands on: a mixture in place of each feed-forward, its balancing loss, who chose whom.

The models are ModernGPTs on plays. A mixture has EXPERTS experts of half the dense hidden width and sends each position
to two of them, so that as many parameters are active as in the dense model. It drops no position: each expert computes
as many rows as choose it.

Axes: N positions of a batch, E experts, K chosen ones of a position, C d_model.
"""

import math
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from course_lib.gpt import ModernGPT, ModernGPTConfig, SwiGLU
from course_lib.linear import Linear
from course_lib.losses import next_token_loss
from experiments.scaling import CONTEXT, LAYERS, VOCABULARY
from experiments.shared import seeded

__all__ = [
    "Experts",
    "balance_loss",
    "balanced",
    "bits_shared",
    "dense",
    "effective",
    "mixture",
    "route",
    "routing",
]

D_MODEL, HEADS, HIDDEN = 64, 4, 176
EXPERTS, ACTIVE = 8, 2
BALANCE = 0.01  # the weight of the balancing loss, as in Fedus et al. (2022)


def route(logits: Float[Tensor, "N E"], k: int) -> tuple[Float[Tensor, "N K"], Int[Tensor, "N K"]]:
    """The k most probable experts of each position, and their probabilities, which are made to sum to 1."""
    weights, chosen = logits.softmax(dim=-1).topk(k, dim=-1)
    return weights / weights.sum(dim=-1, keepdim=True), chosen


class Experts(nn.Module):
    """A mixture of SwiGLU experts, each position to k of them (Jiang et al., 2024, section 2.1)."""

    def __init__(self, d_model: int, d_ff: int, count: int, k: int) -> None:
        super().__init__()
        self.k = k
        self.router = Linear(d_model, count, bias=False)
        self.experts = nn.ModuleList(SwiGLU(d_model, d_ff) for _ in range(count))
        self.logits: Tensor | None = None  # the router's, of the last batch

    def forward(self, x: Float[Tensor, "B T C"]) -> Float[Tensor, "B T C"]:
        """The weighted sum of the outputs of the k chosen experts."""
        rows = x.flatten(0, 1)
        self.logits = self.router(rows)
        weights, chosen = route(self.logits, self.k)
        output = torch.zeros_like(rows)
        for number, expert in enumerate(self.experts):
            row, place = (chosen == number).nonzero(as_tuple=True)
            if len(row):
                made = expert(rows[row][None])[0] * weights[row, place, None]
                output = output.index_add(0, row, made)
        return output.view_as(x)


def balance_loss(logits: Float[Tensor, "N E"], k: int) -> Float[Tensor, ""]:
    """E times the sum over experts of the share of positions and the mean probability: k where all are equal."""
    probabilities = logits.softmax(dim=-1)
    chosen = probabilities.topk(k, dim=-1).indices
    shares = torch.bincount(chosen.flatten(), minlength=logits.shape[1]) / len(logits)
    return logits.shape[1] * (shares * probabilities.mean(dim=0)).sum()


def balanced(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """The loss of the next token and, of each mixture, the balancing loss."""
    loss = next_token_loss(model, batch)
    for block in model.blocks:
        layer = block.feed_forward
        loss = loss + BALANCE * balance_loss(layer.logits, layer.k)
    return loss


def dense(seed: int, hidden: int = HIDDEN) -> ModernGPT:
    """A ModernGPT with its initial weights."""
    config = ModernGPTConfig(
        vocab_size=VOCABULARY,
        context_length=CONTEXT,
        d_model=D_MODEL,
        n_layers=LAYERS,
        n_heads=HEADS,
        n_kv_heads=HEADS,
        d_ff=hidden,
    )
    return seeded(seed, lambda: ModernGPT(config))


def mixture(seed: int, frozen: bool = False) -> ModernGPT:
    """The dense model with a mixture in place of each feed-forward; `frozen`: the routers stay as they begin."""
    model = dense(seed)

    def replaced() -> ModernGPT:
        for block in model.blocks:
            block.feed_forward = Experts(D_MODEL, HIDDEN // ACTIVE, EXPERTS, ACTIVE)
        for module in (m for block in model.blocks for m in block.feed_forward.modules() if isinstance(m, nn.Linear)):
            nn.init.normal_(module.weight, std=0.02)
        for block in model.blocks:
            for expert in block.feed_forward.experts:
                nn.init.normal_(expert.output.weight, std=0.02 / (2 * LAYERS) ** 0.5)
        return model

    seeded(seed, replaced)
    for block in model.blocks:
        block.feed_forward.router.weight.requires_grad_(not frozen)
    return model


def effective(shares: Float[Tensor, " E"]) -> float:
    """The exponential of the entropy of shares: as many equal experts would be used as evenly."""
    parts = shares.double() / shares.sum()
    return float(torch.special.entr(parts).sum().exp())


def bits_shared(first: Int[Tensor, " N"], second: Int[Tensor, " N"]) -> float:
    """The mutual information of two ids of each position, in bits, from their counts."""
    joint = torch.zeros(int(first.max()) + 1, int(second.max()) + 1, dtype=torch.double)
    joint.index_put_((first, second), torch.ones(len(first), dtype=torch.double), accumulate=True)
    joint /= len(first)
    sums = [torch.special.entr(part).sum() for part in (joint.sum(dim=1), joint.sum(dim=0), joint)]
    return float(sums[0] + sums[1] - sums[2]) / math.log(2)


def routing(model: ModernGPT, ids: Int[Tensor, " P"]) -> list[dict[str, Any]]:
    """For each block: the share of positions that goes to each expert, and what a first choice tells of a character."""
    tokens = ids[: len(ids) // CONTEXT * CONTEXT].view(-1, CONTEXT)
    with torch.no_grad():
        model(tokens)
    found = []
    for block in model.blocks:
        layer = block.feed_forward
        _, chosen = route(layer.logits, layer.k)
        shares = torch.bincount(chosen.flatten(), minlength=len(layer.experts)) / len(chosen)
        first = chosen[:, 0]
        found.append(
            {
                "shares": [round(share, 4) for share in shares.tolist()],
                "effective": round(effective(shares), 3),
                "bits": round(bits_shared(first, tokens.flatten()), 3),
                "of": round(bits_shared(first, first), 3),
            }
        )
    return found
