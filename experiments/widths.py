"""What the table of widths stands on: the maximal update parametrisation (muP) of the course's GPT, and its Adam.

Yang et al. (2022), table 8, for Adam: with r = width / base width, a hidden matrix begins with a standard deviation of
1/√r times that at the base width and learns at 1/r times the rate; the logits are divided by r; and scores are divided
by the width of a head, not by its root. All of it is counted from the base width, where the model is the usual one. The
number of heads is fixed, so a head grows with the model.
"""

from collections.abc import Collection
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from course_lib.attention.grouped import GroupedQueryAttention
from course_lib.gpt import GPT, GPTConfig
from course_lib.training import TrainingConfig
from experiments.scaling import CONTEXT, LAYERS, VOCABULARY
from experiments.shared import seeded

__all__ = ["BASE", "RULES", "MuGPT", "adamw_of", "config_of", "model_of"]

BASE, HEADS = 8, 2
RULES = ("start", "rate", "output", "attention")


class ScaledAttention(GroupedQueryAttention):
    """Attention whose scores are multiplied by a factor."""

    factor = 1.0

    def attend(self, q: Tensor, *others: Any) -> Tensor:
        """As usual, with queries that are `factor` times as long."""
        return super().attend(q * self.factor, *others)


class MuGPT(GPT):
    """A GPT in muP; with some rules left out, a control."""

    def __init__(self, config: GPTConfig, base: int = BASE, rules: Collection[str] = RULES) -> None:
        super().__init__(config)
        r = config.d_model / base
        self.rate_factor = 1 / r if "rate" in rules else 1.0
        self.output_factor = 1 / r if "output" in rules else 1.0
        for block in self.blocks:
            scaled = ScaledAttention(config.d_model, config.n_heads, config.n_heads, bias=True)
            scaled.load_state_dict(block.attention.state_dict())
            scaled.factor = r**-0.5 if "attention" in rules else 1.0
            block.attention = scaled
        if "start" in rules:
            with torch.no_grad():
                for matrix in self.hidden():
                    matrix.mul_(r**-0.5)

    def hidden(self) -> list[nn.Parameter]:
        """The matrices whose two sides grow with the width."""
        return [parameter for parameter in self.blocks.parameters() if parameter.ndim == 2]

    def logits(self, x: Float[Tensor, "*B C"]) -> Float[Tensor, "*B V"]:
        """GPT's, times the factor."""
        return super().logits(x) * self.output_factor


def config_of(d_model: int) -> GPTConfig:
    """A GPT of this width for the characters of the tables of scaling."""
    return GPTConfig(vocab_size=VOCABULARY, context_length=CONTEXT, d_model=d_model, n_layers=LAYERS, n_heads=HEADS)


def model_of(d_model: int, seed: int, rules: Collection[str] = ()) -> MuGPT:
    """A GPT with its initial weights, in the standard parametrisation without rules, in muP with all of them."""
    return seeded(seed, lambda: MuGPT(config_of(d_model), rules=rules))


def adamw_of(model: MuGPT, config: TrainingConfig) -> torch.optim.Optimizer:
    """AdamW with a rate of its own for the hidden matrices."""
    hidden = model.hidden()
    own = {id(matrix) for matrix in hidden}
    others = [parameter for parameter in model.parameters() if id(parameter) not in own]
    groups = [{"params": hidden, "rate_factor": model.rate_factor}, {"params": others}]
    settings = {"lr": config.learning_rate, "betas": (0.9, config.beta2), "weight_decay": config.weight_decay}
    return torch.optim.AdamW(groups, fused=True, **settings)
