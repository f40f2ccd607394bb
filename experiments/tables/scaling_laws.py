"""The held-out loss of small GPTs on plays by their size and by the characters read: what a scaling law is fitted to.

For each size, the learning rate is searched by factors of 2 at 0.6 million characters until both neighbours of the best
are worse; it then serves for the other amounts. The first row of each size, 0.15 million, is not for the fit.
"""

from collections.abc import Iterator
from typing import Any

from experiments.scaling import draw_windows, held_out, loss_after, model_of, parameters, read

__all__ = ["GRID", "RATES", "best_rate", "row", "rows"]

START = {16: 0.02, 24: 0.02, 32: 0.01, 48: 0.01, 64: 0.01}  # width: the rate that the search begins with
RATES = (0.0025, 0.005, 0.01, 0.02, 0.04, 0.08)
SHORT, TUNED = 150_000, 600_000  # characters
MORE = {1_200_000: (16, 24, 32, 48), 2_400_000: (16, 24, 32)}  # characters: widths, none of more than 7.1e10 N D
SEEDS = {16: (0, 1, 2), 32: (0, 1, 2), 64: (0, 1, 2)}  # at TUNED; otherwise one
GRID = [(d_model, TUNED) for d_model in START] + [(d, characters) for characters, ds in MORE.items() for d in ds]


def row(d_model: int, characters: int, learning_rate: float, seed: int) -> dict[str, Any]:
    """One run: its size, what it read, and its loss on held-out plays, in nats per character."""
    draw = draw_windows(read("plays", "train"), characters, 8, seed)
    loss = loss_after(model_of(d_model, seed), draw, characters, learning_rate, seed, held_out("plays"))
    return {
        "d_model": d_model,
        "parameters": parameters(d_model),
        "characters": characters,
        "learning rate": learning_rate,
        "seed": seed,
        "loss": loss,
    }


def search(d_model: int) -> Iterator[dict[str, Any]]:
    """Runs at ever other rates, until both neighbours of the best are worse."""
    tried: dict[float, dict[str, Any]] = {}
    wanted = [START[d_model]]
    while wanted:
        for rate in wanted:
            tried[rate] = row(d_model, TUNED, rate, 0)
            yield tried[rate]
        at = RATES.index(best_rate(list(tried.values())))
        wanted = [rate for rate in RATES[max(at - 1, 0) : at + 2] if rate not in tried]


def best_rate(tried: list[dict[str, Any]]) -> float:
    """The learning rate of the run with the lowest loss."""
    return min(tried, key=lambda one: one["loss"][0])["learning rate"]


def rows() -> Iterator[dict[str, Any]]:
    """For each size a short run, the search, and more seeds; then the larger amounts."""
    rates = {}
    for d_model, first in START.items():
        yield row(d_model, SHORT, first, 0) | {"part": "short"}
        tried = []
        for one in search(d_model):
            tried.append(one)
            yield one | {"part": "rates"}
        rates[d_model] = best_rate(tried)
        for seed in SEEDS.get(d_model, (0,)):
            yield row(d_model, TUNED, rates[d_model], seed) | {"part": "grid"}
    for characters, widths in MORE.items():
        for d_model in widths:
            yield row(d_model, characters, rates[d_model], 0) | {"part": "grid"}
