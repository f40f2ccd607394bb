"""A race: who reaches the lowest loss on characters of Shakespeare in one budget of time?

An Entry is a model put together from Parts, and how it is trained; `race` trains it. Its budget is the time in which
the RECIPE takes so many steps: `steps_within`.
"""

from experiments.speed_run.parts import (
    GPTOfParts,
    NgramEmbedding,
    NormedAttention,
    Parts,
    PositionEmbedding,
    SquaredReLU,
    TokenEmbedding,
    rotary,
    silent_outputs,
)
from experiments.speed_run.race import RECIPE, Entry, held_out_losses, race, steps_within

__all__ = [
    "RECIPE",
    "Entry",
    "GPTOfParts",
    "NgramEmbedding",
    "NormedAttention",
    "Parts",
    "PositionEmbedding",
    "SquaredReLU",
    "TokenEmbedding",
    "held_out_losses",
    "race",
    "rotary",
    "silent_outputs",
    "steps_within",
]
