"""Weights and whole runs in safetensors files, written whole or not at all."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Generator, Tensor, nn

from course_lib.training.config import TrainingConfig
from course_lib.training.history import History

__all__ = ["load_run", "load_weights", "read_about", "save_run", "save_weights"]


def save_weights(path: Path | str, model: nn.Module, about: dict[str, Any] | None = None) -> None:
    """Write a model's weights, and what `about` says of them (anything JSON can hold)."""
    _write(Path(path), model.state_dict(), about or {})


def load_weights(path: Path | str, model: nn.Module) -> dict[str, Any]:
    """Read weights into a model that has the same names and shapes, and return what the file says about them.

    Raises ValueError for a file of another model, which is left as it was, and for a damaged file.
    """
    path = Path(path)
    tensors, about = _read(path)
    _demand_same_model(path, model, tensors)
    model.load_state_dict(tensors)
    return about


def read_about(path: Path | str) -> dict[str, Any]:
    """What the file of `save_weights` says about its weights: enough, perhaps, to build the model that they fit."""
    return _read(Path(path))[1]


def save_run(
    path: Path,
    model: nn.Module,
    optimise: torch.optim.Optimizer,
    generator: Generator,
    config: TrainingConfig,
    history: History,
) -> None:
    """Write all that a run needs to go on: weights, best weights, optimiser, random states, losses."""
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    tensors |= {f"best.{name}": tensor for name, tensor in history.best_weights.items()}
    for place, state in optimise.state_dict()["state"].items():
        tensors |= {f"optimiser.{place}.{key}": value for key, value in state.items() if value is not None}
    tensors |= {"random.batches": generator.get_state(), "random.cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        tensors["random.cuda"] = torch.cuda.get_rng_state()
    about = {"config": asdict(config), "losses": history.losses, "evaluations": list(history.evaluations.items())}
    _write(path, tensors, about)


def load_run(
    path: Path, model: nn.Module, optimise: torch.optim.Optimizer, generator: Generator, config: TrainingConfig
) -> History:
    """Put a run back to where `save_run` wrote it, PyTorch's random state included.

    Raises ValueError for a file of another model or another config, and for a damaged one.
    """
    tensors, about = _read(path)
    if set(about) != {"config", "losses", "evaluations"}:
        raise ValueError(f"{path} holds no training run: expected what save_run writes")
    if differences := config.differences(TrainingConfig(**about["config"])):
        raise ValueError(f"{path} holds a run of another config; here and there: {', '.join(differences)}")
    weights = _part(tensors, "model.")
    _demand_same_model(path, model, weights)
    model.load_state_dict(weights)
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _part(tensors, "optimiser.").items():
        place, _, key = name.partition(".")
        state.setdefault(int(place), {})[key] = tensor
    optimise.load_state_dict({"state": state, "param_groups": optimise.state_dict()["param_groups"]})
    generator.set_state(tensors["random.batches"])
    torch.set_rng_state(tensors["random.cpu"])
    if torch.cuda.is_available() and "random.cuda" in tensors:
        torch.cuda.set_rng_state(tensors["random.cuda"])
    return History(about["losses"], dict(about["evaluations"]), _part(tensors, "best."))


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _write(path: Path, tensors: dict[str, Tensor], about: dict[str, Any]) -> None:
    """Write beside the file, force it to the disk, then put it in the file's place in one stroke."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    # Copies, as safetensors refuses tensors that share memory (tied weights do).
    copies = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    with partial.open("wb") as file:
        file.write(safetensors.torch.save(copies, metadata={"about": json.dumps(about)}))
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint {path}")
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return tensors, json.loads((file.metadata() or {}).get("about", "{}"))
    except SafetensorError as error:
        raise ValueError(f"{path} is no safetensors file, or damaged ({error}): delete it and train anew") from None


def _demand_same_model(path: Path, model: nn.Module, tensors: dict[str, Tensor]) -> None:
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    came = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    for name in [*expected, *came]:
        if expected.get(name) != came.get(name):
            mine, theirs = (shapes.get(name, "nothing") for shapes in (expected, came))
            raise ValueError(f"{path} holds another model: for {name!r} expected {mine}, but the file holds {theirs}")
