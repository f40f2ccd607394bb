"""A server under load, simulated: how many slots and how long a queue let most requests be answered in time.

Time is counted by rules and not measured, so that a run repeats. A turn writes one token for each running request and
takes 25 ms and 5 ms per request; a request that joins takes 40 ms and 2.4 ms per token of its prompt before. SmolLM2 in
float32 took about that on one core: 28 ms for one row, 97 for sixteen, 74 for a prompt of 16 tokens, 194 for one of 64.
Requests come at random times, as many as `rate` a second on average. One is answered in time if its first token comes
within a second, and its tokens then with 100 ms between them on average at most. A refused one is not.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from course_lib.metrics import bootstrap_interval
from experiments.shared import rounded

TURN, ROW, JOIN, TOKEN = 0.025, 0.005, 0.040, 0.0024  # seconds
FIRST, GAP = 1.0, 0.100  # promised, in seconds
REQUESTS = 1_000
RATES = (1.0, 2.0, 3.0, 4.0, 6.0)  # requests a second
SEEDS = (0, 1, 2)
CHOICE: dict[str, Any] = {"rows": 8, "waiting": 32, "static": False}


@dataclass
class Request:
    """When a request came, its sizes in tokens, and when its tokens were written."""

    came: float
    prompt: int
    answer: int
    refused: bool = False
    written: list[float] = field(default_factory=list)

    def first(self) -> float:
        """Seconds from its coming to its first token."""
        return self.written[0] - self.came

    def gap(self) -> float:
        """The mean seconds between its tokens."""
        return (self.written[-1] - self.written[0]) / max(len(self.written) - 1, 1)

    def in_time(self) -> bool:
        """Whether both promises were kept."""
        return not self.refused and self.first() <= FIRST and self.gap() <= GAP


def requests(rate: float, seed: int) -> list[Request]:
    """Requests at random times; most answers are short, some are long."""
    generator = np.random.default_rng(seed)
    came = generator.exponential(1 / rate, REQUESTS).cumsum()
    prompts = generator.integers(10, 60, REQUESTS)
    answers = np.minimum(generator.geometric(1 / 24, REQUESTS), 120)
    return [Request(*some) for some in zip(came.tolist(), prompts.tolist(), answers.tolist(), strict=True)]


def simulate(coming: list[Request], *, rows: int, waiting: int, static: bool) -> None:
    """Write the requests' tokens, with at most `rows` running and `waiting` queued; others are refused.

    A static batch is filled only once it is empty.
    """
    now, coming, queue, running = 0.0, deque(coming), deque(), []
    while coming or queue or running:
        if not queue and not running:
            now = max(now, coming[0].came)
        while coming and coming[0].came <= now:
            request = coming.popleft()
            request.refused = len(queue) + len(running) >= rows + waiting
            if not request.refused:
                queue.append(request)
        if not static or not running:
            while queue and len(running) < rows:
                running.append(queue.popleft())
                now += JOIN + TOKEN * running[-1].prompt
        now += TURN + ROW * len(running)
        for request in running:
            request.written.append(now)
        running = [request for request in running if len(request.written) < request.answer]


def row(rate: float, seed: int, **choice: Any) -> dict[str, Any]:
    """The share of requests answered in time, with its interval, and percentiles of what they waited."""
    served = requests(rate, seed)
    simulate(served, **choice)
    kept = [request for request in served if not request.refused]
    first, gaps = [request.first() for request in kept], [request.gap() for request in kept]
    seconds = max(request.written[-1] for request in kept)
    in_time = np.array([request.in_time() for request in served], dtype=float)
    return {
        "rate": rate,
        **choice,
        "seed": seed,
        "in time": rounded(bootstrap_interval(lambda x: x.mean(-1), in_time)),
        "refused": round(1 - len(kept) / len(served), 4),
        "tokens per second": round(sum(len(request.written) for request in kept) / seconds, 1),
        "first, median": round(float(np.median(first)), 3),
        "first, 95%": round(float(np.quantile(first, 0.95)), 3),
        "gap, median": round(float(np.median(gaps)), 4),
        "gap, 95%": round(float(np.quantile(gaps, 0.95)), 4),
    }


def rows() -> Iterator[dict[str, Any]]:
    """Static and continuous batches at each rate; then other numbers of slots and places at three requests a second."""
    for seed in SEEDS:
        for rate in RATES:
            for static in (True, False):
                yield row(rate, seed, **CHOICE | {"static": static})
        for changes in ({"rows": 1}, {"rows": 4}, {"rows": 32}, {"waiting": 0}, {"waiting": 4}, {"waiting": 200}):
            yield row(3.0, seed, **CHOICE | changes)
