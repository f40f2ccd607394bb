"""A race on characters of Shakespeare: one budget of time, one change per row, three verdicts.

First a ladder of settings, each kept where it gains. On top of those kept, each invention is tried by itself: at two
learning rates for equal time, and at the better of them for equal steps. Then the ladder goes on with those that gain.
"""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import torch
from torch import nn

from course_lib.gpt import SwiGLU
from course_lib.metrics import student_interval
from course_lib.training import muon
from experiments.shared import rounded, unstopped
from experiments.speed_run import (
    RECIPE,
    Entry,
    GPTOfParts,
    NgramEmbedding,
    NormedAttention,
    PositionEmbedding,
    SquaredReLU,
    TokenEmbedding,
    held_out_losses,
    race,
    rotary,
    silent_outputs,
    steps_within,
)

__all__ = ["BUDGET", "CHANGES", "INVENTIONS", "SEEDS", "allowed", "of", "row", "rows", "standing", "training"]

BUDGET = 100  # steps of the recipe: about 6 seconds of one core
SHORT = 40  # the budget of the first row
SEEDS = (0, 1, 2)
ROUNDS = 3  # of timing by turns, for each seed
SAME = 0.03  # as many steps as before, but for this share: equal time is equal steps
PARTS = ("row", "allowed")

Change = Callable[[Entry], Entry]
Row = dict[str, Any]


def of(**changes: Any) -> Change:
    """A change of the model's parts."""
    return lambda entry: replace(entry, parts=replace(entry.parts, **changes))


def training(**changes: Any) -> Change:
    """A change of the training."""
    return lambda entry: replace(entry, **changes)


def without_positions(entry: Entry) -> Callable[..., nn.Module]:
    """An entry's embedding, but for learned position vectors."""
    return TokenEmbedding if entry.parts.embedding is PositionEmbedding else entry.parts.embedding


RATES = {f"learning rate {rate}": training(learning_rate=rate) for rate in (0.001, 0.002, 0.004, 0.008, 0.016)}
FREE: dict[str, Change] = RATES | {"straight decay": training(schedule="trapezoid")}  # a step's work stays as it is
SIZES: dict[str, Change] = {"context 32": of(context_length=32), "2 layers": of(n_layers=2)}
INVENTIONS: dict[str, Change] = {
    "RMSNorm": of(norm=nn.RMSNorm),
    "rotary positions": lambda entry: of(rotation=rotary, embedding=without_positions(entry))(entry),
    "SwiGLU": of(feed_forward=lambda d_model: SwiGLU(d_model, 8 * d_model // 3)),
    "QK norm": of(attention=lambda d_model: NormedAttention(d_model, 4, 4, bias=True)),
    "Muon": training(optimiser=muon),
    "n-gram vectors": of(embedding=NgramEmbedding),
}
OTHERS: dict[str, Change] = {  # for entries of one's own
    "squared ReLU": of(feed_forward=lambda d_model: SquaredReLU(d_model, 4 * d_model)),
    "silent outputs": of(first_weights=silent_outputs),
    "untied output": of(tied=False),
}
CHANGES = FREE | SIZES | INVENTIONS | OTHERS
SETTINGS = ("context 32", "2 layers", *[f"learning rate {rate}" for rate in (0.002, 0.004, 0.008)], "straight decay")
DOUBLED = ("QK norm", "Muon")  # tried at twice the learning rate, as they are said to bear it; the others at half of it


def standing(changes: Sequence[str]) -> Entry:
    """The recipe with these changes, one after the other."""
    entry = RECIPE
    for change in changes:
        entry = CHANGES[change](entry)
    return entry


def at(factor: float | int, changes: Sequence[str]) -> str:
    """The change that gives them this multiple of their learning rate."""
    return f"learning rate {factor * standing(changes).learning_rate}"


def allowed(changes: Sequence[str], budget: int) -> list[int]:
    """How many steps the recipe with these changes may take: one measurement for each seed."""
    return [steps_within(standing(changes), budget, ROUNDS) for _ in SEEDS]


@cache
def raced(changes: tuple[str, ...], steps: int, seed: int) -> tuple[GPTOfParts, float]:
    """The recipe with these changes after so many steps, and the seconds of processor time that they took."""
    start = time.process_time()
    model, history = race(standing(changes), steps, seed, show=False)
    unstopped(history)
    return model, round(time.process_time() - start, 1)


def row(
    change: str,
    before: Sequence[str],
    budget: int = BUDGET,
    split: str = "validation",
    steps: Sequence[int] | None = None,
) -> Row:
    """What each seed reaches with a change ("none" for none) on top of those made before, in nats per character.

    It takes the steps that the budget of time allows it, or, to compare at equal steps, those given for each seed.
    """
    changes = [*before] if change == "none" else [*before, change]
    equal = "time" if steps is None else "steps"
    if steps is None:
        steps = allowed([name for name in changes if name not in FREE], budget)
    models, seconds = zip(*(raced(tuple(changes), *run) for run in zip(steps, SEEDS, strict=True)), strict=True)
    losses = [round(float(held_out_losses(model, split).mean()), 4) for model in models]
    return {
        "change": change,
        "before": [*before],
        "equal": equal,
        "budget": budget,
        "split": split,
        "learning rate": standing(changes).learning_rate,
        "parameters": sum(parameter.numel() for parameter in models[0].parameters()),
        "steps": [*steps],
        "seconds": [*seconds],
        "losses": losses,
        "loss": rounded(student_interval(losses)),
    }


def judged(tried: Row, best: Row) -> Row:
    """A row with its gain: how much lower its loss is than that of the row `best`, seed by seed, with its interval."""
    gains = [before - after for before, after in zip(best["losses"], tried["losses"], strict=True)]
    gain = rounded(student_interval(gains))
    verdict = "gain" if gain[1] > 0 else "loss" if gain[2] < 0 else "undecided"
    return tried | {"gain": gain, "verdict": verdict}


def rows() -> Iterator[Row]:
    """A short race; the recipe; the ladder of settings; the inventions; the ladder goes on; its ends on test plays."""
    torch.set_num_threads(1)
    plain = {"gain": None, "verdict": None, "kept": False}
    recipe = row("none", [])
    yield row("none", [], SHORT) | plain | {"stage": "short"}
    yield recipe | plain | {"stage": "settings"}
    best, base = yield from climb("settings", SETTINGS, recipe, [])
    best, base = yield from climb("settings", [at(0.5, base)], best, base)
    helped = yield from each_invention(best, base)
    _, kept = yield from climb("together", helped[:2], best, base)
    for ending in ([], base, kept):
        yield row("none", ending, split="test") | plain | {"stage": "test"}


def climb(
    stage: str, changes: Sequence[str], best: Row, kept: list[str]
) -> Generator[Row, None, tuple[Row, list[str]]]:
    """The rows of changes, each on top of those that gained before it; returns the best row and what was kept."""
    for change in changes:
        tried = judged(row(change, kept), best)
        gains = tried["verdict"] == "gain"
        yield tried | {"kept": gains, "stage": stage}
        if gains:
            best, kept = tried, [*kept, change]
    return best, kept


def each_invention(best: Row, base: list[str]) -> Generator[Row, None, list[str]]:
    """The rows of each invention by itself; returns those that gain at equal time, the largest gain first."""
    helped = {}
    for invention in INVENTIONS:
        second = [*base, at(2 if invention in DOUBLED else 0.5, base)]
        tried = [judged(row(invention, before), best) for before in (base, second)]
        better = max(tried, key=lambda row: row["gain"][0])
        if abs(sum(better["steps"]) / sum(best["steps"]) - 1) > SAME:
            tried.append(judged(row(invention, better["before"], steps=best["steps"]), best))
        for each in tried:
            yield each | {"kept": False, "stage": "inventions"}
        if better["verdict"] == "gain":
            helped[invention] = better["gain"][0]
    return sorted(helped, key=helped.__getitem__, reverse=True)
