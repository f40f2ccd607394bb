"""Weights and whole runs in safetensors files, written whole or not at all.

A run goes on from its file, but not another one: config, optimiser and data must be the same. It may get more steps.
The learning rate then follows the schedule of that length: a cosine, which had come near 0, begins again higher up.
"""

import json
from collections.abc import Collection, Mapping
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Generator, Tensor, nn

from course_lib.files import existing_file, file_to_write, written_whole
from course_lib.runtime import devices_of, random_state, set_random_state
from course_lib.training.config import TrainingConfig
from course_lib.training.distributed import all_gather, distribute_like, full_tensor, is_sharded, rank
from course_lib.training.history import History
from course_lib.training.identity import Batches, other_batch, other_setting, settings
from course_lib.training.shards import (
    count_shards,
    damage_named,
    folder_written_whole,
    like_it,
    put_back,
    read_shards,
    remove_aside,
    set_aside,
    write_shards,
)
from course_lib.validation import require

__all__ = ["copied_weights", "load_run", "load_weights", "read_about", "save_run", "save_weights"]

ABOUT, SHARDS = "about.safetensors", "shards"  # what is in the folder of a sharded run
DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
DTYPES |= {"I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8}
DTYPES |= {"U8": torch.uint8, "BOOL": torch.bool}


def save_weights(
    path: Path | str,
    model: nn.Module,
    about: dict[str, Any] | None = None,
    *,
    weights: Mapping[str, Tensor] | None = None,
) -> None:
    """Write a model's weights, or others in their place, and what `about` says of them (anything JSON can hold).

    Missing folders are made. Raises ValueError for what is no model, for notes that JSON cannot hold, and for a folder
    in place of a file.
    """
    _require_module(model)
    path = file_to_write(path)
    try:
        json.dumps(about)
    except (TypeError, ValueError) as error:
        raise ValueError(f"about must be what JSON can hold: {error}") from None
    _write(path, model.state_dict() if weights is None else weights, about or {})


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


def copied_weights(model: nn.Module) -> dict[str, Tensor]:
    """A copy of a model's weights on the CPU, for `load_state_dict`.

    Of a sharded model each process has its shards, as the whole may fit into none; of a replicated one the first
    process has all.
    """
    weights = model.state_dict()
    if rank() and not any(map(is_sharded, weights.values())):
        return {}
    return {name: _copy(tensor) for name, tensor in weights.items()}


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
    each process writes its own shards, and process 0 the losses.
    """
    path, tensors = Path(path), _state(model, optimiser, batches.generator)  # before the next batch is drawn
    tensors |= {f"best.{name}": tensor for name, tensor in history.best_weights.items()}
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
                _write(folder / ABOUT, {}, about | {"shards": count_shards(folder / SHARDS)})
    elif rank() == 0:
        if path.is_dir():
            set_aside(path)
        _write(path, tensors, about)
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
    first = path / ABOUT if sharded else path
    about = read_about(first) if path.exists() else None
    if about is not None and not {"config", "optimiser", "next batch", *_figures(History())} <= about.keys():
        raise ValueError(f"{path} holds no training run: expected what save_run writes")
    _require_one_start(path, 0 if about is None else len(about["losses"]))
    if about is None:
        return History()
    here = {f"{kind}.{name}": tensor for kind in ("model", "best") for name, tensor in model.state_dict().items()}
    here |= {f"optimiser.{index}": parameter for index, parameter in enumerate(_parameters(optimiser))}
    tensors = read_shards(path / SHARDS, about["shards"], here) if sharded else _read(path, like=here)[0]
    _require_same_model(path, model, _part(tensors, "model."))
    _require_same_run(path, about, optimiser, config)
    _load_random_states(model, batches.generator, _part(tensors, "random."))
    _require_same_data(path, about["next batch"], batches.peek())
    _load_weights(model, _part(tensors, "model."))
    _load_optimiser(optimiser, _part(tensors, "optimiser."))
    figures = {name: about[name] for name in _figures(History())}
    keeps = rank() == 0 or any(map(is_sharded, tensors.values()))
    best = {name: _copy(tensor) for name, tensor in _part(tensors, "best.").items()} if keeps else {}
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
    for name, device in _random_devices(model).items():
        states = all_gather(random_state(device))
        tensors |= {f"random.{name}.{process}": state for process, state in enumerate(states)}
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


def _random_devices(model: nn.Module) -> dict[str, torch.device]:
    """The devices with random numbers of the run, under names that fit whichever of a kind a process has."""
    return {f"{number}.{device.type}": device for number, device in enumerate(devices_of(model))}


def _load_random_states(model: nn.Module, generator: Generator, states: dict[str, Tensor]) -> None:
    """Devices that the run did not have, and processes, keep what the seed gave them."""
    generator.set_state(states["batches"])
    for name, device in _random_devices(model).items():
        if (mine := f"{name}.{rank()}") in states:
            set_random_state(device, states[mine])


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _copy(tensor: Tensor) -> Tensor:
    """On the CPU and contiguous, in memory of its own: safetensors refuses tensors that share theirs."""
    return tensor.detach().to("cpu", copy=True).contiguous()


def _write(path: Path, tensors: Mapping[str, Tensor], about: Any) -> None:
    """A safetensors file, written by process 0, tensor by tensor: all processes that have shards put each together."""
    ordered = sorted(tensors.items(), key=lambda item: (-item[1].element_size(), item[0]))  # so all are aligned
    names, header, end = {dtype: name for name, dtype in DTYPES.items()}, {}, 0
    for name, tensor in ordered:
        start, end = end, end + tensor.numel() * tensor.element_size()
        header[name] = {"dtype": names[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [start, end]}
    text = json.dumps({"__metadata__": {"about": json.dumps(about)}} | header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with written_whole(path) if rank() == 0 else nullcontext() as file:
        if file is not None:
            file.write(len(text).to_bytes(8, "little") + text)
        for _, tensor in ordered:
            whole = full_tensor(tensor.detach())
            if file is not None:
                file.write(whole.cpu().contiguous().view(-1).view(torch.uint8).numpy())


def _read(
    path: Path, names: Collection[str] | None = None, like: Mapping[str, Tensor] | None = None
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of a file, all or those named, sharded as those `like` them; and what it says about them."""
    with damage_named(path), safe_open(path, framework="pt") as file:
        tensors = {}
        for name in file.keys() if names is None else names:
            tensor = file.get_tensor(name)
            reference = like_it(name, tensor.shape, like or {})
            tensors[name] = tensor if reference is None else distribute_like(tensor, reference)
        said = (file.metadata() or {}).get("about", "{}")
    try:
        about = json.loads(said)
    except json.JSONDecodeError:  # another's words
        about = None
    return tensors, about if isinstance(about, dict) else {}
