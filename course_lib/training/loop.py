"""The training loop."""

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Generator, Tensor, nn

from course_lib.training import processes
from course_lib.training.checkpoints import load_run, save_run, weights
from course_lib.training.config import Execution, TrainingConfig
from course_lib.training.display import reporter
from course_lib.training.gradients import backward_pass, precision
from course_lib.training.history import History
from course_lib.training.schedules import adamw, clip_gradient, learning_rate

__all__ = ["train"]


def train(
    model: nn.Module,
    loss: Callable[[nn.Module, Any], Tensor],
    batches: Callable[[Generator], Any],
    config: TrainingConfig,
    *,
    evaluate: Callable[[nn.Module], float | Tensor] | None = None,
    optimiser: Callable[[nn.Module, TrainingConfig], torch.optim.Optimizer] = adamw,
    checkpoint: Path | str | None = None,
    show: bool = True,
    log: Callable[[History], None] | None = None,
    execution: Execution | None = None,
) -> History:
    """Train `model` in place for config.steps steps of loss(model, batches(generator)), and say what happened.

    `evaluate(model)` gives the held-out loss, in evaluation mode, without gradients and without effect on the run's
    random numbers; `history.best_weights` are those of its lowest value. The stop button (Ctrl-C) ends the run after
    the step it is in, pressed twice at once. `checkpoint` is written at every evaluation and at the end; where it
    exists, the run goes on from it, to the same losses. `log(history)` is called after each step. The model is left in
    evaluation mode. Raises FloatingPointError where a loss or gradient is not finite, before it reaches the weights.
    """
    execution = execution or Execution()
    with _own_randomness(model, config.seed), _stop_button() as pressed:
        backward = backward_pass(model, loss, execution)  # first, as it may shard the weights
        optimise, generator = optimiser(model, config), Generator().manual_seed(config.seed)
        history = load_run(checkpoint, model, optimise, generator, config)
        with _training(model, reporter(config, show, log), history) as report:
            while len(history.losses) < config.steps and not history.stopped:
                _step(model, backward, batches(generator), optimise, config, history)
                due = config.is_due(len(history.losses))
                if due and evaluate is not None:
                    _evaluate(model, evaluate, execution, history)
                history.stopped = processes.anywhere(bool(pressed))
                if checkpoint is not None and (due or history.stopped):
                    save_run(checkpoint, model, optimise, generator, config, history)
                report(history, False)
    return history


def _step(
    model: nn.Module,
    backward: Callable[[Any], float],
    batch: Any,
    optimise: torch.optim.Optimizer,
    config: TrainingConfig,
    history: History,
) -> None:
    start = time.perf_counter()
    rate = learning_rate(len(history.losses), config)
    for group in optimise.param_groups:
        group["lr"] = rate * group.get("rate_factor", 1)
    optimise.zero_grad()
    value = backward(batch)
    norm = clip_gradient(model.parameters(), config.clip_norm)
    _demand_finite(value, norm, batch, rate, history)
    optimise.step()
    history.losses.append(value)
    history.gradient_norms.append(norm)
    history.seconds.append(time.perf_counter() - start)


def _evaluate(
    model: nn.Module, evaluate: Callable[[nn.Module], float | Tensor], execution: Execution, history: History
) -> None:
    """The held-out loss, added to the history; the best weights are kept."""
    model.eval()
    with torch.no_grad(), torch.random.fork_rng(_devices(model)), precision(model, execution):
        value = processes.mean(float(evaluate(model)))
    model.train()
    step = len(history.losses)
    if not math.isfinite(value):
        raise FloatingPointError(f"the held-out loss after step {step} is {value}, although the training loss is not")
    if value < min(history.evaluations.values(), default=math.inf):
        history.best_weights = weights(model)
    history.evaluations[step] = value


def _demand_finite(value: float, norm: float, batch: Any, rate: float, history: History) -> None:
    """Raise a sentence that names the step and the likely cause where a loss or its gradient is NaN or infinite."""
    if math.isfinite(value) and math.isfinite(norm):
        return
    step = len(history.losses) + 1
    tensors = [part for part in (batch if isinstance(batch, tuple | list) else [batch]) if isinstance(part, Tensor)]
    if not all(tensor.isfinite().all() for tensor in tensors):
        cause = "the batch itself holds NaN or infinite numbers: look at the data"
    elif math.isfinite(value):
        cause = "a square root, norm or division in the model or the loss meets 0: its slope there is infinite"
    elif step == 1:
        cause = "nothing has been learned yet, so look at the model and the loss: log(0), a division by 0, a wrong mask"
    else:
        cause = f"the learning rate ({rate:.2g} at this step) is too high: try a tenth of it, or a longer warmup"
    what = f"the loss is {value}" + f", but its gradient is {norm}" * math.isfinite(value)
    raise FloatingPointError(f"training stopped at step {step}: {what}. The likely cause: {cause}.")


def _devices(model: nn.Module) -> list[torch.device]:
    return sorted({p.device for p in model.parameters() if p.device.type == "cuda"}, key=str)


@contextmanager
def _training(
    model: nn.Module, report: Callable[[History, bool], None], history: History
) -> Iterator[Callable[[History, bool], None]]:
    """The model in training mode, in evaluation mode afterwards; whatever ends the run, it is reported."""
    model.train()
    try:
        yield report
    finally:
        report(history, True)
        model.eval()


@contextmanager
def _own_randomness(model: nn.Module, seed: int) -> Iterator[None]:
    """Dropout and the like start from the run's seed; afterwards PyTorch's random state is as it was."""
    with torch.random.fork_rng(_devices(model)):
        torch.manual_seed(seed + processes.rank())  # each process drops numbers of its own
        yield


@contextmanager
def _stop_button() -> Iterator[list[bool]]:
    """A list that is empty until the stop button (SIGINT) is pressed; a second press interrupts at once."""
    pressed: list[bool] = []
    if threading.current_thread() is not threading.main_thread():  # where no signal arrives
        yield pressed
        return

    def press(number: int, frame: Any) -> None:
        if pressed:
            raise KeyboardInterrupt
        pressed.append(True)

    before = signal.signal(signal.SIGINT, press)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)
