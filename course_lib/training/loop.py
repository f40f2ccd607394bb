"""The training loop, and the gradients of a batch as an Execution says: in parts, in bfloat16, by many processes.

`loss(model, batch)` gives a mean over its rows, or over what `losses.mean_over` says. `evaluate(model)` gives
the held-out loss, in evaluation mode, without gradients and without effect on the random numbers; several processes
each evaluate an equal share, or each all, as the mean is taken; `history.best_weights` are those of its lowest value.
`checkpoint` is written at every evaluation and at the end. Where it exists, the run goes on from it, to the same losses
or to more steps (`checkpoints` says what they mean for the schedule); a finished run is read.
"""

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from numbers import Real
from pathlib import Path
from typing import Any

import torch
from torch import Generator, Tensor, nn

from course_lib.runtime import devices_of, own_randomness
from course_lib.training.checkpoints import copied_weights, load_run, save_run
from course_lib.training.compiling import require_compiler
from course_lib.training.config import Execution, TrainingConfig
from course_lib.training.display import reporter
from course_lib.training.distributed import (
    all_reduce_any,
    all_reduce_mean,
    blocks,
    distribute_model,
    full_tensor,
    rank,
    world_size,
)
from course_lib.training.history import History
from course_lib.training.identity import Batches
from course_lib.training.optimisers import adamw, learning_rate
from course_lib.validation import require, require_number

__all__ = ["backward_pass", "train"]

Loss = Callable[[nn.Module, Any], Tensor]


def train(
    model: nn.Module,
    loss: Loss,
    batches: Callable[[Generator], Any],
    config: TrainingConfig,
    *,
    evaluate: Callable[[nn.Module], float | Tensor] | None = None,
    make_optimiser: Callable[[nn.Module, TrainingConfig], torch.optim.Optimizer] = adamw,
    checkpoint: Path | str | None = None,
    show: bool = True,
    log: Callable[[History], None] | None = None,
    execution: Execution | None = None,
) -> History:
    """Train `model` in place for config.steps steps of loss(model, batches(generator)), and say what happened.

    The stop button (Ctrl-C) ends it after the step it is in, pressed twice at once; `log(history)` hears of every step,
    in every process; the model is left in evaluation mode. What `loss`, `evaluate` and `checkpoint` mean stands above.
    Raises FloatingPointError where a loss or gradient is not finite, before it reaches the weights, and ValueError for
    arguments of the wrong kind and for the checkpoint of another run.
    """
    execution = execution or Execution()
    _require_kinds(model, loss, batches, config, evaluate, make_optimiser, log, execution)
    with own_randomness(config.seed + rank(), devices_of(model)), _stop_button() as pressed:  # dropout differs by rank
        backward = backward_pass(model, loss, execution)  # first, as it may shard the weights
        optimiser = _optimiser(make_optimiser(model, config))
        drawn = Batches(batches, Generator().manual_seed(config.seed))
        history = load_run(checkpoint, model, optimiser, drawn, config)
        with _training(model, reporter(config, history, show, log), history) as report:
            while len(history.losses) < config.steps and not history.stopped:
                _step(model, backward, drawn.take(), optimiser, config, history)
                due = config.is_due(len(history.losses))
                if due and evaluate is not None:
                    _evaluate(model, evaluate, execution, history)
                history.stopped = all_reduce_any(bool(pressed))
                report(history, False)  # before the checkpoint, as its steps are not repeated
                if checkpoint is not None and (due or history.stopped):
                    save_run(checkpoint, model, optimiser, drawn, config, history)
            history.stopped = all_reduce_any(bool(pressed))  # after the last step, too
    return history


def _require_kinds(
    model: Any, loss: Any, batches: Any, config: Any, evaluate: Any, make_optimiser: Any, log: Any, execution: Any
) -> None:
    require(isinstance(model, nn.Module), "the model must be an nn.Module", model)
    is_loss = callable(loss) and not isinstance(loss, nn.modules.loss._Loss)  # PyTorch's are of logits and targets
    require(is_loss, "the loss must be a function of a model and a batch", loss)
    require(callable(batches), "batches must be a function that draws a batch, as random_rows makes one", batches)
    require(isinstance(config, TrainingConfig), "the config must be a TrainingConfig", config)
    require(evaluate is None or callable(evaluate), "evaluate must be a function of a model", evaluate)
    makes = callable(make_optimiser) and not isinstance(make_optimiser, type)
    require(makes, "make_optimiser must be a function of a model and a config, like adamw", make_optimiser)
    require(log is None or callable(log), "log must be a function of a History", log)
    require(isinstance(execution, Execution), "the execution must be an Execution", execution)


def _optimiser(made: Any) -> torch.optim.Optimizer:
    require(isinstance(made, torch.optim.Optimizer), "make_optimiser must give an optimiser", made)
    return made


def backward_pass(model: nn.Module, loss: Loss, execution: Execution) -> Callable[[Any], float]:
    """A function that adds a batch's gradients to the parameters and gives its loss, both over all processes.

    The batch is cut into parts of equally many rows, `accumulate` for each process. Each part's loss is weighted by its
    share of what the loss is a mean over, so that loss and gradient are the whole batch's. Call it before there is an
    optimiser: it may shard the model's weights.
    """
    if execution.compile:
        require_compiler(next(model.parameters()).device)
    count = getattr(loss, "count", None)
    if execution.compile and execution.parallel == "shard":
        for block in blocks(model):
            block.compile()  # one by one, as FSDP gathers and frees each one's weights by itself
    distributed = distribute_model(model, execution.parallel)
    if execution.compile and execution.parallel == "replicate":
        loss = torch.compile(loss)
    first, parts = rank() * execution.accumulate, world_size() * execution.accumulate

    def backward(batch: Any) -> float:
        total = torch.zeros(())
        mine = _weighted(_rows(batch, parts), count)[first : first + execution.accumulate]
        for number, (part, share) in enumerate(mine, start=1):
            with _synchronised(distributed, number == len(mine)):
                with _precision(model, execution):
                    value = _required_loss(loss(distributed, part)) * (share * world_size())  # processes average
                value.backward()
            total = total + value.detach()
        return all_reduce_mean(total.item())

    return backward


def _rows(batch: Any, parts: int) -> Sequence[Any]:
    """A batch, a tensor or a tuple of some, cut into parts of equally many rows."""
    if parts == 1:
        return [batch]
    tensors = [batch] if isinstance(batch, Tensor) else list(batch)
    have_rows = [isinstance(tensor, Tensor) and tensor.ndim > 0 for tensor in tensors]
    require(tensors and all(have_rows), "to be cut into parts, a batch must be a tensor or a tuple of some", batch)
    rows = sorted({len(tensor) for tensor in tensors})
    require(len(rows) == 1, "the tensors of a batch must have equally many rows", rows)
    if rows[0] % parts or not rows[0]:
        count = f"{world_size()} (processes) x {parts // world_size()} (accumulate)"
        raise ValueError(f"a batch of {rows[0]} rows cannot be cut into {count} parts of one size")
    cut = list(zip(*(tensor.chunk(parts) for tensor in tensors), strict=True))
    if isinstance(batch, Tensor):
        return [part for (part,) in cut]
    return [type(batch)(*part) if hasattr(batch, "_fields") else part for part in cut]


def _weighted(parts: Sequence[Any], count: Callable[[Any], Any] | None) -> list[tuple[Any, float]]:
    """The parts of a batch, each with its share of what the loss is a mean over: of the rows, if there is no count.

    A part that counts for nothing is replaced: its own loss may be 0 / 0, but every process must take part in the sum.
    """
    if count is None or len(parts) == 1:
        return [(part, 1 / len(parts)) for part in parts]
    counts = [float(count(part)) for part in parts]
    for number in counts:
        require_number("the loss's count of a part of the batch", number, at_least=0, below=math.inf)
    require(sum(counts), "a batch must hold something that the loss counts", counts)
    largest = parts[counts.index(max(counts))]
    return [(part if number else largest, number / sum(counts)) for part, number in zip(parts, counts, strict=True)]


def _required_loss(value: Any) -> Tensor:
    one = isinstance(value, Tensor) and value.numel() == 1
    require(one, "the loss must be a tensor of one number, the mean over the batch", value)
    require(value.requires_grad, "the loss must depend on the model's parameters, by operations of PyTorch", value)
    return value.reshape(())


def _synchronised(distributed: nn.Module, last: bool) -> AbstractContextManager:
    """Gradients stay with each process until the last part; then the processes average them."""
    if isinstance(distributed, nn.parallel.DistributedDataParallel):
        return nullcontext() if last else distributed.no_sync()
    if hasattr(distributed, "set_requires_gradient_sync"):
        distributed.set_requires_gradient_sync(last)
    return nullcontext()


def _precision(model: nn.Module, execution: Execution) -> AbstractContextManager:
    """Where matrix products are in the execution's precision; what needs more of it (losses, norms) keeps float32."""
    if execution.precision == "float32":
        return nullcontext()
    return torch.autocast(next(model.parameters()).device.type, dtype=torch.bfloat16)


def _step(
    model: nn.Module,
    backward: Callable[[Any], float],
    batch: Any,
    optimiser: torch.optim.Optimizer,
    config: TrainingConfig,
    history: History,
) -> None:
    start = time.perf_counter()
    rate = learning_rate(len(history.losses), config)
    for group in optimiser.param_groups:
        group["lr"] = rate * group.get("rate_factor", 1)
    optimiser.zero_grad()
    value = backward(batch)
    with_gradients = [parameter for parameter in model.parameters() if parameter.grad is not None]
    if not with_gradients:
        raise ValueError("no parameter has a gradient: the loss must depend on the model")
    norm = full_tensor(nn.utils.clip_grad_norm_(with_gradients, config.clip_norm)).item()
    _require_finite(value, norm, batch, rate, history)
    optimiser.step()
    history.losses.append(value)
    history.gradient_norms.append(norm)
    history.seconds.append(time.perf_counter() - start)


def _require_finite(value: float, norm: float, batch: Any, rate: float, history: History) -> None:
    """Raise a sentence that names the step and the likely cause where a loss or its gradient is NaN or infinite."""
    if math.isfinite(value) and math.isfinite(norm):
        return
    step = len(history.losses) + 1
    tensors = [part for part in (batch if isinstance(batch, tuple | list) else [batch]) if isinstance(part, Tensor)]
    what = f"the loss is {value}"
    if not all(tensor.isfinite().all() for tensor in tensors):
        cause = "the batch itself holds NaN or infinite numbers: look at the data"
    elif math.isfinite(value):
        what += f", but its gradient is {norm}"
        cause = "a square root, norm or division in the model or the loss meets 0: its derivative there is infinite"
    elif step == 1:
        cause = "nothing has been learned yet, so look at the model and the loss: log(0), a division by 0, a wrong mask"
    else:
        cause = f"the learning rate ({rate:.2g} at this step) is too high: try a tenth of it, or a longer warmup"
    raise FloatingPointError(f"training stopped at step {step}: {what}. The likely cause: {cause}.")


def _evaluate(
    model: nn.Module, evaluate: Callable[[nn.Module], float | Tensor], execution: Execution, history: History
) -> None:
    """The held-out loss, added to the history; the best weights are kept."""
    model.eval()
    with torch.no_grad(), own_randomness(None, devices_of(model)), _precision(model, execution):
        found = evaluate(model)
        one = found.numel() == 1 if isinstance(found, Tensor) else isinstance(found, Real)
        require(one, "evaluate must give one number, the held-out loss", found)
        value = all_reduce_mean(float(found))
    model.train()
    step = len(history.losses)
    if not math.isfinite(value):
        raise FloatingPointError(f"the held-out loss after step {step} is {value}, although the training loss is not")
    if value < min(history.evaluations.values(), default=math.inf):
        history.best_weights = copied_weights(model)
    history.evaluations[step] = value


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
