"""What a training run is (its length, its step sizes, its limits, its seed), and how a machine computes it."""

import math
from dataclasses import dataclass, fields

from course_lib.validation import require, require_integer, require_number, require_one_of

__all__ = ["Execution", "TrainingConfig"]

SCHEDULES = ("cosine", "constant", "trapezoid")
PRECISIONS = ("float32", "bfloat16")
PARALLEL = ("replicate", "shard")


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How a model is trained; the model, the data and the batch size are chosen elsewhere.

    Raises ValueError for a value of the wrong type or out of range, with what was expected and what came.

    >>> TrainingConfig(steps=100, learning_rate=1e-3, warmup_steps=200)
    Traceback (most recent call last):
    ValueError: warmup_steps must be from 0 to 100 (steps), but it is 200
    """

    steps: int  # updates of the weights
    learning_rate: float | int  # the highest, reached after the warmup
    warmup_steps: int = 0  # steps over which the learning rate rises
    schedule: str = "cosine"  # after the warmup: "cosine" falls towards 0 until the last step, "constant" stays,
    decay_steps: int = 0  # and "trapezoid" stays, then falls towards 0 over these last steps
    weight_decay: float | int = 0.0  # decoupled: each step subtracts learning rate x weight_decay of every matrix
    beta2: float = 0.999  # how much of AdamW's mean of squared gradients each step keeps
    clip_norm: float | int = 1.0  # the largest Euclidean norm of the gradient; math.inf clips nothing
    evaluate_every: int = 100  # steps between two evaluations (and two checkpoints); the last step is always evaluated
    seed: int = 0  # of the batches and of dropout

    def __post_init__(self) -> None:
        for name in ("steps", "warmup_steps", "decay_steps", "evaluate_every"):
            require_integer(name, getattr(self, name))
        for name in ("learning_rate", "weight_decay", "beta2", "clip_norm"):
            require_number(name, getattr(self, name))
        require_integer("seed", self.seed, at_least=0, at_most=2**63 - 1)
        require(self.steps >= 1, "steps must be at least 1", self.steps)
        require_number("learning_rate", self.learning_rate, below=math.inf)
        require(self.learning_rate > 0, "learning_rate must be above 0", self.learning_rate)
        up_to = f"warmup_steps must be from 0 to {self.steps} (steps)"
        require(0 <= self.warmup_steps <= self.steps, up_to, self.warmup_steps)
        require_one_of("schedule", SCHEDULES, self.schedule)
        least, most = (1, self.steps - self.warmup_steps) if self.schedule == "trapezoid" else (0, 0)
        of_it = f"decay_steps must be from {least} to {most} with the schedule {self.schedule!r}"
        require(least <= self.decay_steps <= most, of_it, self.decay_steps)
        require_number("weight_decay", self.weight_decay, at_least=0, below=math.inf)
        require_number("beta2", self.beta2, at_least=0, below=1)
        require(self.clip_norm > 0, "clip_norm must be above 0", self.clip_norm)
        require(self.evaluate_every >= 1, "evaluate_every must be at least 1 (step)", self.evaluate_every)

    def is_due(self, step: int) -> bool:
        """Whether evaluation and checkpoint come after so many steps."""
        return step == self.steps or step % self.evaluate_every == 0

    def differences(self, other: "TrainingConfig") -> list[str]:
        """Where two runs differ, as sentences' ends: "steps 100 and 200"."""
        pairs = [(field.name, getattr(self, field.name), getattr(other, field.name)) for field in fields(self)]
        return [f"{name} {mine} and {theirs}" for name, mine, theirs in pairs if mine != theirs]


@dataclass(frozen=True, kw_only=True)
class Execution:
    """How a machine computes a run: it changes time and memory, and the losses by rounding alone, dropout aside.

    Dropout draws other masks where a batch is computed in other parts. Parts count by what the loss is a mean over:
    `losses.mean_over`. A run may go on from its checkpoint with another Execution. Raises ValueError for a value of the
    wrong type or out of range.
    """

    precision: str = "float32"  # of matrix products; "bfloat16" (autocast) leaves weights and optimiser in float32
    accumulate: int = 1  # parts into which a batch is cut, one after the other: less memory, the whole batch's gradient
    compile: bool = False  # translate model and loss with torch.compile: a minute's wait, then faster steps
    parallel: str = "replicate"  # each of many processes holds the model (DDP); "shard": a part of it (FSDP2)

    def __post_init__(self) -> None:
        require_one_of("precision", PRECISIONS, self.precision)
        require_integer("accumulate", self.accumulate)
        require(self.accumulate >= 1, "accumulate must be at least 1 (part)", self.accumulate)
        require(isinstance(self.compile, bool), "compile must be True or False", self.compile)
        require_one_of("parallel", PARALLEL, self.parallel)
