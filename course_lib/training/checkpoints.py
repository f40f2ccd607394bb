"""Weights and whole runs in safetensors files, written whole or not at all.

A run goes on from its file, but not another one: config, optimiser and data must be the same. It may get more steps.
The learning rate then follows the schedule of that length: a cosine, which had come near 0, begins again higher up.
"""

import json
from collections.abc import Collection
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import safe_open
from torch import Generator, Tensor, nn

from course_lib.files import existing_file, file_to_write, written_whole
from course_lib.training.config import TrainingConfig
from course_lib.training.distributed import all_gather, distribute_like, full_tensor, is_sharded, rank
from course_lib.training.history import History
from course_lib.training.identity import Batches, other_batch, other_setting, settings
from course_lib.training.shards import (
    count_shards,
    damage_named,
    folder_written_whole,
    put_back,
    read_shards,
    remove_aside,
    set_aside,
    write_shards,
)
from course_lib.validation import require

__all__ = ["full_weights", "load_run", "load_weights", "read_about", "save_run", "save_weights"]

BEST, SHARDS = "best.safetensors", "shards"  # what is in the folder of a sharded run


def save_weights(path: Path | str, model: nn.Module, about: dict[str, Any] | None = None) -> None:
    """Write a model's weights, and what `about` says of them (anything JSON can hold). Missing folders are made.

    Raises ValueError for what is no model, for notes that JSON cannot hold, and for a folder in place of a file.
    """
    _require_module(model)
    path = file_to_write(path)
    try:
        json.dumps(about)
    except (TypeError, ValueError) as error:
        raise ValueError(f"about must be what JSON can hold: {error}") from None
    copies = full_weights(model)
    if rank() == 0:
        _write(path, copies, about or {})


def load_weights(path: Path | str, model: nn.Module) -> dict[str, Any]:
    """Read weights into a model that has the same names and shapes, and return what the file says about them.

    Raises FileNotFoundError for a missing file; and ValueError for a file of another model, which is left as it was,
    for a damaged file and one in another format (PyTorch's own is pickle, which could run any code), and for a folder.
    """
    _require_module(model)
    path = existing_file(path, "checkpoint")
    tensors, about = _read(path)
    _require_same_model(path, model, tensors)
    _load_weights(model, tensors)
    return about


def read_about(path: Path | str) -> dict[str, Any]:
    """What the file of `save_weights` says about its weights: enough, perhaps, to build the model that they fit.

    Raises the errors of `load_weights` for a missing, damaged or other file.
    """
    return _read(existing_file(path, "checkpoint"), names=())[1]


def _require_module(model: Any) -> None:
    require(isinstance(model, nn.Module), "model must be a torch.nn.Module", model)


def full_weights(model: nn.Module) -> dict[str, Tensor]:
    """A copy of a model's weights on the CPU, for `load_state_dict`; of many processes the first has it."""
    copies = {}
    for name, tensor in model.state_dict().items():
        tensor = full_tensor(tensor.detach())  # in all processes, and one at a time: a sharded model fits into none
        if rank() == 0:
            copies[name] = _copy(tensor)
    return copies


def save_run(
    path: Path | str,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    batches: Batches,
    config: TrainingConfig,
    history: History,
) -> None:
    """Write all that a run needs to go on: weights, best weights, optimiser, random states, losses; and what tells it
    from others: its config, its optimiser's settings, and what its next batch looks like.

    All processes take part. Process 0 writes a file. Where the model is sharded, the path becomes a folder, in which
    each process writes its own shards, and process 0 the best weights, which it alone has, and the losses.
    """
    path, tensors = Path(path), _state(model, optimiser, batches.generator)  # before the next batch is drawn
    best = {f"best.{name}": tensor for name, tensor in history.best_weights.items()}
    about = {
        "config": asdict(config),
        "optimiser": settings(optimiser),
        "next batch": batches.peek(),
        **_figures(history),
    }
    if any(map(is_sharded, tensors.values())):
        with folder_written_whole(path) as folder:
            write_shards(folder / SHARDS, {name: _copy(tensor) for name, tensor in tensors.items()})
            if rank() == 0:
                _write(folder / BEST, best, about | {"shards": count_shards(folder / SHARDS)})
    elif rank() == 0:
        if path.is_dir():
            set_aside(path)
        _write(path, {name: _copy(tensor) for name, tensor in tensors.items()} | best, about)
        remove_aside(path)


def load_run(
    path: Path | str | None,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    batches: Batches,
    config: TrainingConfig,
) -> History:
    """Put a run back to where `save_run` wrote it, PyTorch's random state included; a new one where there is none.

    The run may go on with another number of processes, sharded or not, and to more steps. Raises ValueError for a run
    of another model, config, optimiser or data, for a damaged one, and where processes would start at different steps.
    """
    if path is None:
        return History()
    path = Path(path)
    put_back(path)
    sharded = path.is_dir()
    first = path / BEST if sharded else path
    about = read_about(first) if path.exists() else None
    if about is not None and not {"config", "optimiser", "next batch", *_figures(History())} <= about.keys():
        raise ValueError(f"{path} holds no training run: expected what save_run writes")
    _require_one_start(path, 0 if about is None else len(about["losses"]))
    if about is None:
        return History()
    tensors = _read(first)[0] if rank() == 0 or not sharded else {}
    if sharded:
        here = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
        here |= {f"optimiser.{index}": parameter for index, parameter in enumerate(_parameters(optimiser))}
        tensors |= read_shards(path / SHARDS, about["shards"], here)
    _require_same_model(path, model, _part(tensors, "model."))
    _require_same_run(path, about, optimiser, config)
    _load_random_states(batches.generator, _part(tensors, "random."))
    _require_same_data(path, about["next batch"], batches.peek())
    _load_weights(model, _part(tensors, "model."))
    _load_optimiser(optimiser, _part(tensors, "optimiser."))
    figures = {name: about[name] for name in _figures(History())}
    best = _part(tensors, "best.") if rank() == 0 else {}
    return History(**figures | {"evaluations": dict(about["evaluations"]), "best_weights": best})


def _require_one_start(path: Path, step: int) -> None:
    steps = sorted({int(its) for its in all_gather(torch.tensor(step))})
    if len(steps) > 1:
        starts = f"would start after {' and '.join(map(str, steps))} steps"
        raise ValueError(f"the processes {starts}: {path} must be on a disk that they share")


def _require_same_run(
    path: Path, about: dict[str, Any], optimiser: torch.optim.Optimizer, config: TrainingConfig
) -> None:
    before = TrainingConfig(**about["config"])
    if config.differences(replace(before, steps=max(before.steps, config.steps))):
        differences = ", ".join(config.differences(before))
        raise ValueError(f"{path} holds a run of another config; here and there: {differences}")
    if different := other_setting(settings(optimiser), about["optimiser"]):
        raise ValueError(f"{path} holds a run of another optimiser; here and there: {different}")


def _require_same_data(path: Path, there: dict[str, Any] | None, here: dict[str, Any] | None) -> None:
    if here and there and (different := other_batch(here, there)):
        raise ValueError(f"{path} holds a run on {different}")


def _state(model: nn.Module, optimiser: torch.optim.Optimizer, generator: Generator) -> dict[str, Tensor]:
    """The tensors of a run, the same names in all processes; sharded where the model is."""
    tensors = {f"model.{name}": tensor.detach() for name, tensor in model.state_dict().items()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{key}": value for key, value in state.items() if value is not None}
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    for kind, state in states.items():
        tensors |= {f"random.{kind}.{process}": its for process, its in enumerate(all_gather(state))}
    return tensors | {"random.batches": generator.get_state()}


def _figures(history: History) -> dict[str, Any]:
    kept = {name: getattr(history, name) for name in ("losses", "gradient_norms", "seconds")}
    return kept | {"evaluations": list(history.evaluations.items())}  # JSON's keys are strings


def _require_same_model(path: Path, model: nn.Module, tensors: dict[str, Tensor]) -> None:
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    came = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    for name in [*expected, *came]:
        if expected.get(name) != came.get(name):
            mine, theirs = expected.get(name, "nothing"), came.get(name, "nothing")
            raise ValueError(f"{path} holds another model: for {name!r} expected {mine}, but the file holds {theirs}")


def _load_weights(model: nn.Module, tensors: dict[str, Tensor]) -> None:
    here = model.state_dict()
    model.load_state_dict({name: distribute_like(tensor, here[name]) for name, tensor in tensors.items()})


def _load_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    parameters = _parameters(optimiser)
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, _, key = name.partition(".")
        parameter = parameters[int(index)]
        value = distribute_like(tensor, parameter) if tensor.shape == parameter.shape else tensor
        state.setdefault(int(index), {})[key] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def _parameters(optimiser: torch.optim.Optimizer) -> list[Tensor]:
    """In the order by which an optimiser's state_dict counts them."""
    return [parameter for group in optimiser.param_groups for parameter in group["params"]]


def _load_random_states(generator: Generator, states: dict[str, Tensor]) -> None:
    generator.set_state(states["batches"])
    if (mine := f"cpu.{rank()}") in states:  # not in a run that goes on with more processes
        torch.set_rng_state(states[mine])
    if torch.cuda.is_available() and (mine := f"cuda.{rank()}") in states:
        torch.cuda.set_rng_state(states[mine])


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _copy(tensor: Tensor) -> Tensor:
    """On the CPU and contiguous, in memory of its own: safetensors refuses tensors that share theirs."""
    return tensor.detach().to("cpu", copy=True).contiguous()


def _write(path: Path, tensors: dict[str, Tensor], about: dict[str, Any]) -> None:
    with written_whole(path) as file:
        file.write(safetensors.torch.save(tensors, metadata={"about": json.dumps(about)}))


def _read(path: Path, names: Collection[str] | None = None) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of a file, all or those named, and what it says about them."""
    with damage_named(path), safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in (file.keys() if names is None else names)}
        said = (file.metadata() or {}).get("about", "{}")
    try:
        about = json.loads(said)
    except json.JSONDecodeError:  # another's words
        about = None
    return tensors, about if isinstance(about, dict) else {}
