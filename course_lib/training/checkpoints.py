"""Weights and whole runs in safetensors files, written whole or not at all."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Generator, Tensor, nn

from course_lib.files import written_whole
from course_lib.training.config import TrainingConfig
from course_lib.training.history import History
from course_lib.training.processes import gathered, like, rank, whole

__all__ = ["load_run", "load_weights", "read_about", "save_run", "save_weights", "weights"]


def save_weights(path: Path | str, model: nn.Module, about: dict[str, Any] | None = None) -> None:
    """Write a model's weights, and what `about` says of them (anything JSON can hold)."""
    copies = weights(model)
    if rank() == 0:
        _write(Path(path), copies, about or {})


def load_weights(path: Path | str, model: nn.Module) -> dict[str, Any]:
    """Read weights into a model that has the same names and shapes, and return what the file says about them.

    Raises ValueError for a file of another model, which is left as it was, and for a damaged file.
    """
    path = Path(path)
    tensors, about = _read(path)
    _load_weights(path, model, tensors)
    return about


def read_about(path: Path | str) -> dict[str, Any]:
    """What the file of `save_weights` says about its weights: enough, perhaps, to build the model that they fit."""
    return _read(Path(path))[1]


def save_run(
    path: Path | str,
    model: nn.Module,
    optimise: torch.optim.Optimizer,
    generator: Generator,
    config: TrainingConfig,
    history: History,
) -> None:
    """Write all that a run needs to go on: weights, best weights, optimiser, random states, losses.

    Of many processes all take part, and the first writes.
    """
    tensors = {f"model.{name}": tensor for name, tensor in weights(model).items()}
    for place, state in optimise.state_dict()["state"].items():
        for key, value in state.items():
            if value is not None:
                tensor = whole(value)
                tensors |= {f"optimiser.{place}.{key}": tensor.cpu().contiguous()} if rank() == 0 else {}
    for number, state in enumerate(gathered(torch.get_rng_state())):
        tensors[f"random.cpu.{number}"] = state
    if torch.cuda.is_available():
        for number, state in enumerate(gathered(torch.cuda.get_rng_state())):
            tensors[f"random.cuda.{number}"] = state
    tensors |= {f"best.{name}": tensor for name, tensor in history.best_weights.items()}
    tensors["random.batches"] = generator.get_state()
    if rank() == 0:
        _write(Path(path), tensors, {"config": asdict(config), **_figures(history)})


def weights(model: nn.Module) -> dict[str, Tensor]:
    """A copy of a model's weights on the CPU, for `load_state_dict`; of many processes the first has it."""
    copies = {}
    for name, tensor in model.state_dict().items():
        tensor = whole(tensor.detach())  # in all processes, and one at a time: a sharded model fits into none
        if rank() == 0:
            copies[name] = tensor.to("cpu", copy=True, memory_format=torch.contiguous_format)
    return copies


def _figures(history: History) -> dict[str, Any]:
    kept = {name: getattr(history, name) for name in ("losses", "gradient_norms", "seconds")}
    return kept | {"evaluations": list(history.evaluations.items())}  # JSON's keys are no numbers


def load_run(
    path: Path | str | None,
    model: nn.Module,
    optimise: torch.optim.Optimizer,
    generator: Generator,
    config: TrainingConfig,
) -> History:
    """Put a run back to where `save_run` wrote it, PyTorch's random state included; a new one where there is no file.

    Raises ValueError for a file of another model or another config, and for a damaged one.
    """
    if path is None or not (path := Path(path)).exists():
        return History()
    tensors, about = _read(path)
    if set(about) != {"config", *_figures(History())}:
        raise ValueError(f"{path} holds no training run: expected what save_run writes")
    if differences := config.differences(TrainingConfig(**about.pop("config"))):
        raise ValueError(f"{path} holds a run of another config; here and there: {', '.join(differences)}")
    _load_weights(path, model, _part(tensors, "model."))
    parameters = [parameter for group in optimise.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _part(tensors, "optimiser.").items():
        place, _, key = name.partition(".")
        parameter = parameters[int(place)]
        state.setdefault(int(place), {})[key] = like(tensor, parameter) if tensor.shape == parameter.shape else tensor
    optimise.load_state_dict({"state": state, "param_groups": optimise.state_dict()["param_groups"]})
    generator.set_state(tensors["random.batches"])
    if (mine := f"random.cpu.{rank()}") in tensors:  # not in a run that goes on with more processes
        torch.set_rng_state(tensors[mine])
    if torch.cuda.is_available() and (mine := f"random.cuda.{rank()}") in tensors:
        torch.cuda.set_rng_state(tensors[mine])
    best = _part(tensors, "best.") if rank() == 0 else {}
    return History(**about | {"evaluations": dict(about["evaluations"]), "best_weights": best})


def _load_weights(path: Path, model: nn.Module, tensors: dict[str, Tensor]) -> None:
    here = model.state_dict()
    expected = {name: tuple(tensor.shape) for name, tensor in here.items()}
    came = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    for name in [*expected, *came]:
        if expected.get(name) != came.get(name):
            mine, theirs = (shapes.get(name, "nothing") for shapes in (expected, came))
            raise ValueError(f"{path} holds another model: for {name!r} expected {mine}, but the file holds {theirs}")
    model.load_state_dict({name: like(tensor, here[name]) for name, tensor in tensors.items()})


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _write(path: Path, tensors: dict[str, Tensor], about: dict[str, Any]) -> None:
    with written_whole(path) as file:
        file.write(safetensors.torch.save(tensors, metadata={"about": json.dumps(about)}))


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint {path}")
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return tensors, json.loads((file.metadata() or {}).get("about", "{}"))
    except SafetensorError as error:
        raise ValueError(f"{path} is no safetensors file, or damaged ({error}): delete it and train anew") from None
