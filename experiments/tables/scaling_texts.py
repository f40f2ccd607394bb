"""What the text does to the loss: other texts, a crawl after each step of a pipeline, and a text read several times.

Every run has the learning rate that `scaling_laws` found for its size on plays.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

from torch import Tensor

from course_lib import files
from experiments import crawl
from experiments.scaling import BATCH, characters_of, draw_windows, held_out, loss_after, model_of, parameters, read

__all__ = ["row", "rows"]

SEEDS = (0, 1, 2)
TEXTS = ("reviews", "python")
RUNS = [(16, 600_000), (32, 600_000), (32, 1_200_000)]  # of each text: width, characters
CRAWL = {"d_model": 32, "characters": 300_000}
AGAIN = {"d_model": 32, "characters": 600_000}
PASSES = (4, 32)


@cache
def _crawled(step: str) -> Tensor:
    return characters_of("\n\n".join(page.text for page in crawl.after(step, crawl.crawl())), "reviews")


def _rate(d_model: int) -> float:
    rows = files.load_results("scaling_laws")["rows"]
    [rate] = {one["learning rate"] for one in rows if one["d_model"] == d_model and one["part"] == "grid"}
    return rate


def row(part: str, setting: str | int, d_model: int, characters: int, seed: int) -> dict[str, Any]:
    """One run. `setting` is the text, the last step of the pipeline, or how often the same text is read."""
    text = {"text": setting, "crawl": "reviews", "passes": "plays"}[part]
    ids = _crawled(setting) if part == "crawl" else read(text, "train")
    unique = characters // setting if part == "passes" else characters
    rate = _rate(d_model)
    draw = draw_windows(ids, unique, BATCH, seed)
    return {
        "part": part,
        "setting": setting,
        "d_model": d_model,
        "parameters": parameters(d_model),
        "characters": characters,
        "of": len(ids) if part == "crawl" else unique,
        "learning rate": rate,
        "seed": seed,
        "loss": loss_after(model_of(d_model, seed), draw, characters, rate, seed, held_out(text)),
    }


def rows() -> Iterator[dict[str, Any]]:
    """Two other texts; the crawl; repetition; three seeds where differences are small."""
    yield row("text", "reviews", 16, 40_960, 0)
    for text in TEXTS:
        for d_model, characters in RUNS:
            yield row("text", text, d_model, characters, 0)
    for seed in SEEDS:
        for step in crawl.STEPS:
            yield row("crawl", step, **CRAWL, seed=seed)
    for seed in SEEDS:
        for passes in PASSES:
            yield row("passes", passes, **AGAIN, seed=seed)
