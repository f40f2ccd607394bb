"""Intervals of what was measured on the same items with several seeds."""

from typing import Any

import numpy as np

__all__ = ["crossed"]


def crossed(values: Any) -> list[float]:
    """The mean of values (seeds, items) and the ends of its 95% interval, with both seeds and items drawn anew."""
    values, generator = np.asarray(values, dtype=float), np.random.default_rng(0)
    n_seeds, n_items = values.shape
    means = []
    for _ in range(2000):
        seeds = generator.integers(n_seeds, size=n_seeds)
        items = generator.integers(n_items, size=n_items)
        means.append(values[seeds].mean(axis=0)[items].mean())
    return [round(float(one), 4) for one in (values.mean(), *np.quantile(means, (0.025, 0.975)))]
