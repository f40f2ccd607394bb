"""What makes a run this run and no other: its optimiser's settings and, of its data, the batch that comes next."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Generator, Tensor

__all__ = ["Batches", "other_batch", "other_setting", "settings"]

OF_THE_MACHINE = {"params", "fused", "foreach", "capturable", "differentiable"}
TOLERANCE = 1e-4  # relative: another machine may round the numbers of a batch in another way


class Batches:
    """The batches of a run, each drawn once; a checkpoint looks at the next one before a step takes it."""

    def __init__(self, draw: Callable[[Generator], Any], generator: Generator) -> None:
        self.draw, self.generator = draw, generator
        self._drawn: list[Any] = []

    def take(self) -> Any:
        """The next batch."""
        return self._drawn.pop() if self._drawn else self.draw(self.generator)

    def peek(self) -> dict[str, Any] | None:
        """What the next batch looks like, as JSON; None where drawing fails, as it will when its step takes it."""
        before = self.generator.get_state()
        try:
            self._drawn.append(self.take())
        except Exception:
            self.generator.set_state(before)
            return None
        return _fingerprint(self._drawn[0])


def _fingerprint(batch: Any) -> dict[str, Any]:
    """Of the tensors of a batch the shapes, a checksum of the integers, and two sums of other numbers."""
    shapes, sums, checksum = [], [], hashlib.sha256()
    for tensor in _tensors(batch):
        shapes.append(list(tensor.shape))
        if tensor.is_floating_point():
            numbers = tensor.nan_to_num().double().flatten()
            weights = torch.arange(len(numbers), dtype=torch.double).cos()
            sums += [[(numbers @ weights).item(), numbers.norm().item()]]
        else:
            checksum.update(tensor.contiguous().numpy().tobytes())
    return {"shapes": shapes, "sums": sums, "checksum": checksum.hexdigest()[:16]}


def _tensors(batch: Any) -> Iterator[Tensor]:
    if isinstance(batch, Tensor) and batch.layout is torch.strided:
        yield batch.detach().cpu()
    elif isinstance(batch, tuple | list | Mapping):
        for part in batch.values() if isinstance(batch, Mapping) else batch:
            yield from _tensors(part)


def other_batch(here: Mapping[str, Any], there: Mapping[str, Any]) -> str | None:
    """What tells two batches apart; None if they are the same but for rounding."""
    if here["shapes"] != there["shapes"]:
        mine, theirs = (", ".join(map(str, map(tuple, batch["shapes"]))) for batch in (here, there))
        return f"batches of another size; here and there: {mine} and {theirs}"
    mine, theirs = (torch.tensor(batch["sums"], dtype=torch.double) for batch in (here, there))
    near = mine.shape == theirs.shape and bool(((mine - theirs).abs() <= TOLERANCE * mine[..., 1:]).all())
    if not near or here["checksum"] != there["checksum"]:
        return "other data or another tokenizer (or batches that do not depend on their generator alone)"
    return None


def settings(optimiser: torch.optim.Optimizer) -> dict[str, Any]:
    """The class of an optimiser, and the settings and size of each group of parameters, as JSON gives them back.

    The learning rate is each step's own.
    """
    found = {"optimiser": type(optimiser).__name__}
    for number, group in enumerate(optimiser.param_groups):
        of_group = {name: value for name, value in group.items() if name not in OF_THE_MACHINE | {"lr", "initial_lr"}}
        of_group["parameters"] = len(group["params"])
        found |= {f"{name} of group {number}": value for name, value in of_group.items()}
    return json.loads(json.dumps(found, default=repr))


def other_setting(here: Mapping[str, Any], there: Mapping[str, Any]) -> str | None:
    """The first setting that is not the same, as a sentence's end: "weight_decay of group 0 0.1 and 0.0"."""
    for name in {**here, **there}:
        if here.get(name) != there.get(name):
            return f"{name} {here.get(name)} and {there.get(name)}"
    return None
