"""How often an alarm for drifting inputs rings: on inputs of the same kind, its false alarms, and on others.

A request is a line of a play, or seven words of a review. The server knows 1,000 lines of three plays, its reference.
An alarm computes a statistic of a window of requests and rings where that lies outside the interval that 99% of windows
of another 1,000 lines of these plays gave. It hears requests from the same plays, from other plays, from other plays in
the spelling of 1623, and from reviews. The model was trained on none of these texts.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from course_lib import data
from course_lib.losses import token_losses
from course_lib.metrics import bootstrap_interval
from course_lib.pretrained import load_shakespeare_gpt
from experiments.shared import rounded

REQUESTS, WINDOWS, WORDS = 1_000, 1_000, 7
SIZES = (10, 30, 100)  # requests in a window
FALSE_ALARMS = 0.01  # that the interval is made for
STREAMS = ("the same plays", "other plays", "1623 spelling", "reviews", "one review in ten")
STATISTICS = ("length", "characters per token", "letters", "loss")


@cache
def stream(name: str) -> list[str]:
    """The requests of a stream; "reference" and "interval" are what the alarm is made with."""
    if name == "one review in ten":
        lines, reviews = stream("other plays"), stream("reviews")
        return [(lines if number % 10 else reviews)[number] for number in range(REQUESTS)]
    if name == "reviews":
        words = [text.split() for text, _ in data.movie_reviews("imdb")["test"]]
        return [" ".join(some[WORDS : 2 * WORDS]) for some in words if len(some) > 2 * WORDS][:REQUESTS]
    ours = ("reference", "interval", "the same plays")
    pairs = data.folio_pairs()["validation" if name in ours else "test"]
    lines = [folio if name == "1623 spelling" else modern for folio, modern in pairs]
    lines = [line for line in lines if len(line) > 1]
    places = np.linspace(0, len(lines) - 3, REQUESTS, dtype=int) + (ours.index(name) if name in ours else 0)
    return [lines[place] for place in places]


@cache
def counts(name: str) -> Float[np.ndarray, "N K"]:
    """How often each ASCII character occurs in each request of a stream, all others as one."""
    found = np.zeros((REQUESTS, 128))
    for number, text in enumerate(stream(name)):
        np.add.at(found[number], [min(ord(character), 127) for character in text], 1)
    return found


def divergence(p: ArrayLike, q: ArrayLike) -> float:
    """The Jensen-Shannon divergence of two distributions in nats: 0 for equal ones, at most ln 2."""
    p, q = np.asarray(p), np.asarray(q)
    middle = (p + q) / 2
    parts = [share[share > 0] * np.log(share[share > 0] / middle[share > 0]) for share in (p, q)]
    return float(sum(part.sum() for part in parts) / 2)


@cache
def by_request(statistic: str, name: str) -> Float[np.ndarray, " N"]:
    """The statistic of each request of a stream: the mean over a window is the window's."""
    texts = stream(name)
    if statistic == "length":
        return np.array([len(text) for text in texts], dtype=float)
    model, tokenizer = load_shakespeare_gpt()
    rows = [tokenizer.encode(f"\n{text}") for text in texts]
    if statistic == "characters per token":
        return np.array([len(text) / (len(row) - 1) for text, row in zip(texts, rows, strict=True)])
    return np.array([token_losses(model, [row[:-1]], [row[1:]]).mean().item() for row in rows])


def of_windows(statistic: str, name: str, size: int) -> Float[np.ndarray, " W"]:
    """The statistic of many windows of a stream, each of requests drawn without replacement."""
    generator = np.random.default_rng(size)
    chosen = [generator.choice(REQUESTS, size, replace=False) for _ in range(WINDOWS)]
    if statistic != "letters":
        return np.array([by_request(statistic, name)[some].mean() for some in chosen])
    reference = counts("reference").sum(0) / counts("reference").sum()
    sums = [counts(name)[some].sum(0) for some in chosen]
    return np.array([divergence(one / one.sum(), reference) for one in sums])


@cache
def limits(statistic: str, size: int) -> tuple[float, float]:
    """Between these, the alarm is silent."""
    low, high = np.quantile(of_windows(statistic, "interval", size), [FALSE_ALARMS / 2, 1 - FALSE_ALARMS / 2])
    return float(low), float(high)


def row(statistic: str, size: int, name: str) -> dict[str, Any]:
    """The share of windows of a stream at which the alarm rings."""
    (low, high), found = limits(statistic, size), of_windows(statistic, name, size)
    rings = ((found < low) | (found > high)).astype(float)
    return {
        "statistic": statistic,
        "requests": size,
        "stream": name,
        "mean": round(float(found.mean()), 4),
        "limits": [round(low, 4), round(high, 4)],
        "alarms": rounded(bootstrap_interval(lambda x: x.mean(-1), rings)),
    }


def rows() -> Iterator[dict[str, Any]]:
    """Every statistic, window and stream."""
    for statistic in STATISTICS:
        for size in SIZES:
            for name in STREAMS:
                yield row(statistic, size, name)
