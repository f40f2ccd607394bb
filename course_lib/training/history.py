"""What happened in a run."""

from dataclasses import dataclass, field

from torch import Tensor

__all__ = ["History"]


@dataclass
class History:
    """The losses of a run (nats, where the loss is a cross-entropy), and the weights of its best evaluation."""

    losses: list[float] = field(default_factory=list)  # of each step's batch, the first step's first
    evaluations: dict[int, float] = field(default_factory=dict)  # after so many steps: the held-out loss
    best_weights: dict[str, Tensor] = field(default_factory=dict)  # for model.load_state_dict; on the CPU of process 0
    stopped: bool = False  # by the stop button
    gradient_norms: list[float] = field(default_factory=list)  # of each step, before clipping
    seconds: list[float] = field(default_factory=list)  # that each step took, evaluations and checkpoints left out

    @property
    def best_step(self) -> int:
        """After how many steps the held-out loss was lowest. Raises ValueError where nothing was evaluated."""
        return min(self.evaluations, key=self.evaluations.__getitem__)

    @property
    def best_loss(self) -> float:
        """The lowest held-out loss. Raises ValueError where nothing was evaluated."""
        return self.evaluations[self.best_step]
