"""What happened in a run, and what of it is left for other programs: a line of JSON per step, with its speed."""

import json
import math
import operator
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor, nn

from course_lib.files import file_to_write, written_whole
from course_lib.training.config import TrainingConfig
from course_lib.training.distributed import blocks, rank
from course_lib.training.optimisers import learning_rate
from course_lib.validation import require, require_integer, require_number

__all__ = ["History", "RunLog", "flops_per_token"]


@dataclass
class History:
    """The losses of a run (nats, where the loss is a cross-entropy), and the weights of its best evaluation."""

    losses: list[float] = field(default_factory=list)  # of each step's batch, the first step's first
    evaluations: dict[int, float] = field(default_factory=dict)  # after so many steps: the held-out loss
    best_weights: dict[str, Tensor] = field(default_factory=dict)  # for load_state_dict; on process 0's CPU, or sharded
    stopped: bool = False  # by the stop button
    gradient_norms: list[float] = field(default_factory=list)  # of each step, before clipping
    seconds: list[float] = field(default_factory=list)  # that each step took, evaluations and checkpoints left out

    @property
    def best_step(self) -> int:
        """After how many steps the held-out loss was lowest. Raises ValueError where nothing was evaluated."""
        if not self.evaluations:
            raise ValueError("nothing was evaluated, so no step is the best: give `train` an `evaluate`")
        return min(self.evaluations, key=self.evaluations.__getitem__)

    @property
    def best_loss(self) -> float:
        """The lowest held-out loss. Raises ValueError where nothing was evaluated."""
        return self.evaluations[self.best_step]


class RunLog:
    """For `train`'s `log`: a file with one JSON object per line, one line per step.

    It holds step, loss (nats), learning_rate, gradient_norm (before clipping), tokens_per_second (evaluations and
    checkpoints left out), held_out (nats) where there was an evaluation and, where `peak_flops` is given, mfu: what
    share of so many floating-point operations per second the step used (Chowdhery et al., 2022, appendix B). Where a
    run goes on from a checkpoint, the lines up to there stay, what came after is dropped, and what is missing is added.
    Raises OSError where the disk is full.
    """

    def __init__(
        self,
        path: Path | str,
        config: TrainingConfig,
        *,
        tokens_per_step: int,
        flops_per_token: float | int = 0,
        peak_flops: float | int | None = None,
    ) -> None:
        require(isinstance(config, TrainingConfig), "config must be a TrainingConfig", config)
        require_integer("tokens_per_step", tokens_per_step, at_least=1)
        require_number("flops_per_token", flops_per_token, at_least=0, below=math.inf)
        if peak_flops is not None:
            require_number("peak_flops", peak_flops, above=0, below=math.inf)
        self.path, self.config, self.tokens = file_to_write(path), config, tokens_per_step
        self.flops, self.peak, self.begun = flops_per_token, peak_flops, False

    def __call__(self, history: History) -> None:
        """Add the line of the last step; of many processes the first does."""
        if rank():
            return
        steps = len(history.losses)
        if not self.begun:
            kept = _kept_lines(self.path, history)
            lines = [kept.get(step) or self._line(history, step) for step in range(1, steps + 1)]
            with written_whole(self.path) as file:
                file.write("".join(lines).encode())
            self.begun = True
            return
        try:
            with self.path.open("a", encoding="utf-8", newline="\n") as file:
                file.write(self._line(history, steps))
        except OSError as error:
            raise OSError(f"{self.path} could not be written ({error})") from error

    def _line(self, history: History, step: int) -> str:
        speed = self.tokens / history.seconds[step - 1]
        line = {
            "step": step,
            "loss": history.losses[step - 1],
            "learning_rate": learning_rate(step - 1, self.config),
            "gradient_norm": history.gradient_norms[step - 1],
            "tokens_per_second": round(speed, 1),
        }
        if step in history.evaluations:
            line["held_out"] = history.evaluations[step]
        if self.peak:
            line["mfu"] = round(speed * self.flops / self.peak, 4)
        return json.dumps(line) + "\n"


def _kept_lines(path: Path, history: History) -> dict[int, str]:
    """The lines that are there already, by their steps: those of this run, which have its losses."""
    kept = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            step, loss = operator.itemgetter("step", "loss")(json.loads(line))
        except (ValueError, KeyError, TypeError):  # cut off by a full disk
            continue
        if step in range(1, len(history.losses)) and history.losses[step - 1] == loss:
            kept[step] = line + "\n"
    return kept


def flops_per_token(model: nn.Module, context_length: int) -> int:
    """The floating-point operations that training a decoder-only model takes per token: 6 N + 12 L C T.

    N counts the parameters of the matrices in products, the one that gives the logits included; each takes a
    multiplication and an addition in the forward pass, and twice that in the backward pass. Attention compares vectors
    of C numbers at T positions in L layers, the masked half counted too, as is the custom: Chowdhery et al. (2022),
    appendix B. Raises ValueError for a model whose config does not say what that takes.

    >>> from course_lib.gpt import build, preset
    >>> flops_per_token(build(preset("tiny", vocab_size=97)), context_length=64)
    5186304
    """
    config = getattr(model, "config", None)
    decoder = all(hasattr(config, name) for name in ("n_layers", "d_model", "vocab_size"))
    require(decoder, "model must be a decoder-only model, GPT or ModernGPT", type(model).__name__)
    require_integer("context_length", context_length, at_least=1)
    matrices = [part for block in blocks(model) for part in block.modules() if isinstance(part, nn.Linear)]
    parameters = sum(part.weight.numel() for part in matrices) + config.vocab_size * config.d_model
    return 6 * parameters + 12 * config.n_layers * config.d_model * context_length
