"""What changes when emoji and names are learned with other batches, other scales, or other splits.

Short runs of `emoji_names`, scored on validation emoji. Where emoji are split at `random` instead of by family,
near-identical ones fall on both sides; the training set and the candidates stay as many.
"""

from collections.abc import Iterator
from typing import Any

from experiments.tables import emoji_names

__all__ = ["row", "rows"]

CHOICE = emoji_names.CHOICE
SEEDS = (0, 1, 2)


def row(seed: int, split_by: str = "family", skin_tones: bool = False, **changes: Any) -> dict[str, Any]:
    """A row of `emoji_names` with these changes of its usual choice."""
    return emoji_names.row(**CHOICE | changes, seed=seed, split_by=split_by, skin_tones=skin_tones)


def rows() -> Iterator[dict[str, Any]]:
    """The splits, then the batches with a rate for each, then the scales."""
    for split_by, skin_tones in (("family", False), ("random", False), ("random", True)):
        yield row(0, split_by, skin_tones, tower="nearest names")
        for seed in SEEDS:
            yield row(seed, split_by, skin_tones)
    for seed in SEEDS:
        yield row(seed, batch_size=64, steps=100, learning_rate=0.002)
        yield row(seed, batch_size=256, steps=25, learning_rate=0.003)
    for seed in SEEDS:
        for scale in (1.0, 100.0):
            yield row(seed, scale=scale)
