"""What a run leaves for other programs: a line of JSON a step, with its speed."""

import json
from pathlib import Path
from typing import Any

from torch import nn

from course_lib.files import written_whole
from course_lib.training.config import TrainingConfig
from course_lib.training.history import History
from course_lib.training.processes import blocks
from course_lib.training.schedules import learning_rate

__all__ = ["RunLog", "flops_per_token"]


class RunLog:
    """For `train`'s `log`: a file with one JSON object a line, one line a step.

    It holds step, loss (nats), learning_rate, gradient_norm (before clipping), tokens_per_second (evaluations and
    checkpoints left out), held_out (nats) where there was an evaluation and, where `peak_flops` is given, mfu: which
    share of so many floating-point operations a second the step used (Chowdhery et al., 2022, appendix B). A run that
    goes on from a checkpoint drops the lines of steps that came after it. Raises OSError where the disk is full.
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
        self.path, self.config, self.tokens = Path(path), config, tokens_per_step
        self.flops, self.peak, self.begun = flops_per_token, peak_flops, False

    def __call__(self, history: History) -> None:
        """Add the line of the last step."""
        steps = len(history.losses)
        lines = [json.dumps(self._line(history, step)) + "\n" for step in range(steps if self.begun else 1, steps + 1)]
        if not self.begun:
            with written_whole(self.path) as file:
                file.write("".join(lines).encode())
            self.begun = True
            return
        try:
            with self.path.open("a", encoding="utf-8", newline="\n") as file:
                file.writelines(lines)
        except OSError as error:
            raise OSError(f"{self.path} could not be written ({error})") from error

    def _line(self, history: History, step: int) -> dict[str, Any]:
        speed = self.tokens / history.seconds[step - 1]
        line = {
            "step": step,
            "loss": history.losses[step - 1],
            "learning_rate": learning_rate(step - 1, self.config),
            "gradient_norm": history.gradient_norms[step - 1],
            "tokens_per_second": round(speed, 1),
        }
        line |= {"held_out": history.evaluations[step]} if step in history.evaluations else {}
        return line | ({"mfu": round(speed * self.flops / self.peak, 4)} if self.peak else {})


def flops_per_token(model: nn.Module, context_length: int) -> int:
    """The floating-point operations that training a decoder-only model takes for a token: 6 N + 12 L C T.

    N counts the numbers in the matrices that are multiplied with, the one that gives the logits included; each takes a
    multiplication and an addition forwards, and twice that backwards. Attention compares C numbers of T positions in L
    layers, the masked half counted too, as is the custom: Chowdhery et al. (2022), appendix B.

    >>> from course_lib.gpt import build, preset
    >>> flops_per_token(build(preset("tiny", vocab_size=97)), context_length=64)
    5186304
    """
    matrices = [part for block in blocks(model) for part in block.modules() if isinstance(part, nn.Linear)]
    config = model.config
    numbers = sum(part.weight.numel() for part in matrices) + config.vocab_size * config.d_model
    return 6 * numbers + 12 * config.n_layers * config.d_model * context_length
