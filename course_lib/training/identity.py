"""What makes a run this run and no other: its optimiser's settings and, of its data, the batch that comes next."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Generator, Tensor

__all__ = ["Batches", "other_batch", "other_optimiser", "settings"]

OF_THE_MACHINE = {
    "params",
    "lr",
    "initial_lr",
    "fused",
    "foreach",
    "capturable",
    "differentiable",
}  # lr: each step's own
TOLERANCE = 1e-4  # relative: another machine may round a batch's numbers in another way


class Batches:
    """The batches of a run, each drawn once; a checkpoint looks at the next one before a step takes it."""

    def __init__(self, draw: Callable[[Generator], Any], generator: Generator) -> None:
        self.draw, self.generator = draw, generator
        self._drawn: list[Any] = []

    def take(self) -> Any:
        """The next batch."""
        return self._drawn.pop() if self._drawn else self.draw(self.generator)

    def peek(self) -> dict[str, Any]:
        """What the next batch looks like, as JSON."""
        if not self._drawn:
            self._drawn.append(self.draw(self.generator))
        return _fingerprint(self._drawn[0])

    @contextmanager
    def peeked(self) -> Iterator[dict[str, Any] | None]:
        """The same, with all random states as they were before; None where drawing fails, as it then will in its step.

        PyTorch's own state counts, too: who forgets to use the generator draws from that.
        """
        assert not self._drawn, "a checkpoint follows a step, which takes what was drawn"
        before = self.generator.get_state(), torch.get_rng_state()
        try:
            found, after = self.peek(), (self.generator.get_state(), torch.get_rng_state())
        except Exception:
            found, after = None, before
        self._set_states(before)
        yield found
        self._set_states(after)

    def _set_states(self, states: tuple[Tensor, Tensor]) -> None:
        self.generator.set_state(states[0])
        torch.set_rng_state(states[1])


def _fingerprint(batch: Any) -> dict[str, Any]:
    """Of the tensors of a batch the shapes, a checksum of the integers, and two sums of other numbers."""
    found: dict[str, Any] = {"shapes": [], "sums": []}
    checksum = hashlib.sha256()
    for tensor in _tensors(batch):
        found["shapes"].append(list(tensor.shape))
        if tensor.is_floating_point():
            numbers = tensor.nan_to_num().double().flatten()
            weights = torch.arange(len(numbers), dtype=torch.double).cos()
            found["sums"].append([(numbers @ weights).item(), numbers.norm().item()])
        else:
            checksum.update(tensor.contiguous().numpy().tobytes())
    return found | {"checksum": checksum.hexdigest()[:16]}


def _tensors(batch: Any) -> Iterator[Tensor]:
    if isinstance(batch, Tensor) and batch.layout is torch.strided:
        yield batch.detach().cpu()
    for part in batch.values() if isinstance(batch, Mapping) else batch if isinstance(batch, tuple | list) else ():
        yield from _tensors(part)


def other_batch(here: Mapping[str, Any], there: Mapping[str, Any]) -> str | None:
    """How one run's next batch differs from another's; None where it does not."""
    if here["shapes"] != there["shapes"]:
        mine, theirs = (", ".join(map(str, map(tuple, batch["shapes"]))) for batch in (here, there))
        return f"batches of another size; here and there: {mine} and {theirs}"
    near = here["checksum"] == there["checksum"] and len(here["sums"]) == len(there["sums"])
    for mine, theirs in zip(here["sums"], there["sums"], strict=False):
        near = near and all(
            abs(a - b) <= TOLERANCE * max(mine[1], theirs[1]) for a, b in zip(mine, theirs, strict=True)
        )
    return None if near else "other data or another tokenizer (or batches that do not depend on their generator alone)"


def settings(optimiser: torch.optim.Optimizer) -> dict[str, Any]:
    """The class of an optimiser, and of each group of parameters its settings and size, as JSON."""
    groups = [
        {name: _plain(value) for name, value in group.items() if name not in OF_THE_MACHINE}
        | {"parameters": len(group["params"])}
        for group in optimiser.param_groups
    ]
    return {"optimiser": type(optimiser).__name__, "groups": groups}


def _plain(value: Any) -> Any:
    """A setting as JSON gives it back."""
    if isinstance(value, tuple | list):
        return list(value)
    return value if isinstance(value, int | float | str | None) else repr(value)


def other_optimiser(here: Mapping[str, Any], there: Mapping[str, Any]) -> str | None:
    """How the settings of two optimisers differ, as a sentence's end; None where they do not."""
    if here["optimiser"] != there["optimiser"]:
        return f"{here['optimiser']} and {there['optimiser']}"
    for mine, theirs in zip(here["groups"], there["groups"], strict=False):
        for name in mine | theirs:
            if mine.get(name) != theirs.get(name):
                return f"{here['optimiser']} with {name} {mine.get(name)} and {theirs.get(name)}"
    mine, theirs = len(here["groups"]), len(there["groups"])
    return None if mine == theirs else f"{here['optimiser']} with {mine} and {theirs} groups of parameters"
