"""DPO on lines of Shakespeare that a program prefers, because of their long words: win rate against KL.

The pairs' prompts come from the training plays, those of the measurement from the test plays. The learning rate was
chosen on the validation plays. A win rate counts a tie as half; 3 nats per line were fixed beforehand as the most that
KL may be.
"""

import copy
import math
import random
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from torch import nn

from course_lib.metrics import bootstrap_interval
from experiments import replies
from experiments.replies import Pair, long_words
from experiments.shared import one_core, rounded

SEEDS = (0, 1, 2)
ASKED, MEASURED, STEPS, MOST_KL = 600, 400, 30, 3.0
BETAS = (0.03, 0.1, 0.3, 1.0)
BEST_OF = (2, 4, 8)


@cache
def pairs(seed: int) -> list[Pair]:
    """Pairs of the model's own lines, the one with more long words first."""
    return replies.judged(replies.prompts("train", ASKED), seed)


def matched(found: list[Pair], seed: int) -> list[Pair]:
    """As many pairs where the longer line is preferred as pairs where the shorter is, with the same differences."""
    shorter, longer = [], {}
    for pair in random.Random(seed).sample(found, len(found)):
        difference = len(pair.preferred) - len(pair.rejected)
        if difference <= 0:
            shorter.append(pair)
        else:
            longer.setdefault(difference, []).append(pair)
    kept = []
    for pair in shorter:
        difference = len(pair.rejected) - len(pair.preferred)
        if not difference:
            kept.append(pair)
        elif longer.get(difference):
            kept += [pair, longer[difference].pop()]
    return kept


def longer_first(found: list[Pair]) -> list[Pair]:
    """The same lines, but the longer one is preferred, whatever its words."""
    apart = [pair for pair in found if len(pair.preferred) != len(pair.rejected)]
    return [Pair(pair.prompt, *sorted(pair[1:], key=len, reverse=True)) for pair in apart]


def shuffled(found: list[Pair], seed: int) -> list[Pair]:
    """The same lines, and a coin says which is preferred."""
    dice = random.Random(seed)
    return [Pair(pair.prompt, *dice.sample(pair[1:], 2)) for pair in found]


def trained(system: str, beta: float, seed: int) -> nn.Module:
    """The model after DPO on the pairs of a system."""
    found = pairs(seed)
    if system == "matched in length":
        found = matched(found, seed)
    elif system == "the longer one":
        found = longer_first(found)
    elif system == "a coin":
        found = shuffled(found, seed)
    writer = copy.deepcopy(replies.model()[0])
    replies.dpo(writer, found, STEPS, seed, beta)
    return writer


@cache
def reference_lines(seed: int) -> list[list[int]]:
    """What the model wrote before, on the prompts of the test plays."""
    return replies.sampled(replies.model()[0], replies.prompts("test", MEASURED), 100 + seed)


def measured(lines: list[list[int]], seed: int) -> dict[str, Any]:
    """The win rate over the lines from before, on all prompts and where both lines are equally long; the length."""
    before = reference_lines(seed)
    ours, theirs = (np.array([long_words(line) for line in some]) for some in (lines, before))
    lengths, others = (np.array([len(line) for line in some]) for some in (lines, before))
    wins = (ours > theirs) + 0.5 * (ours == theirs)
    close = wins[abs(lengths - others) <= 1]
    return {
        "win rate": _mean(wins),
        "win rate, same length": _mean(close),
        "pairs of the same length": len(close),
        "tokens": _mean(lengths),
        "tokens more": _mean(lengths - others),
        "long words per token": round(float(ours.sum() / lengths.sum()), 4),
    }


def _mean(values: np.ndarray) -> list[float]:
    return rounded(bootstrap_interval(lambda x: x.mean(axis=-1), values.astype(float)))


def row(system: str, beta: float | None, seed: int) -> dict[str, Any]:
    """One model after DPO, beside the model before."""
    asked = replies.prompts("test", MEASURED)
    with one_core():
        if system.startswith("best of "):
            n = int(system.removeprefix("best of "))
            many = replies.sampled(replies.model()[0], asked, 200 + seed, each=n)
            lines = [max(many[n * place : n * (place + 1)], key=long_words) for place in range(MEASURED)]
            kl = [round(math.log(n) - (n - 1) / n, 4)] * 3  # exact for a score without ties: the most it can be
            used = None
        else:
            writer = trained(system, beta, seed)
            lines = replies.sampled(writer, asked, 200 + seed)
            kl = _mean(np.array(replies.divergence(writer, replies.model()[0], asked, 200 + seed)))
            used = len(pairs(seed))
    return {"system": system, "beta": beta, "seed": seed, "pairs": used, "KL": kl} | measured(lines, seed)


def rows() -> Iterator[dict[str, Any]]:
    """DPO with four weights of the reference, its controls, and the best of n lines, each from three seeds."""
    for seed in SEEDS:
        for beta in BETAS:
            yield row("long words", beta, seed)
        for system in ("matched in length", "the longer one", "a coin"):
            yield row(system, 0.1, seed)
        for n in BEST_OF:
            yield row(f"best of {n}", None, seed)
