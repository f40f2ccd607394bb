"""Continuous batching: requests join the batch as they come and leave it as they end, with one more token each a turn.

Yu et al. (2022, Orca), section 3.1. A model that can `join` states, as a GPT, steps all requests as one batch; another
model steps them one after the other.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Generator

from course_lib.generation import Answer, Decoder, GenerationConfig
from course_lib.generation.choosing import choose
from course_lib.generation.decoding import Task, add_token, padded
from course_lib.runtime import evaluating

__all__ = ["Batcher", "Full", "Job"]


class Full(Exception):
    """As many requests as may wait are waiting, or no more are taken."""


@dataclass(eq=False, kw_only=True)
class Job:
    """One request. The batcher's thread writes its answer, which may also end for "time", "cancelled" or "error"."""

    task: Task  # of one prompt
    config: GenerationConfig  # without a repetition penalty
    generator: Generator
    stop: Callable[[list[int]], bool] | None = None
    deadline: float = float("inf")  # by time.monotonic()
    changed: Callable[[], None] = lambda: None  # called after each token and at the end
    answer: Answer = field(default_factory=Answer)


class Batcher:
    """A thread that writes the answers of at most `rows` jobs at a time, while at most `waiting` others wait."""

    def __init__(self, model: Decoder, *, rows: int, waiting: int) -> None:
        self.model, self.rows, self.waiting = model, rows, waiting
        self.queue: deque[Job] = deque()
        self.groups: list[tuple[list[Job], Any]] = []  # jobs that are stepped together, and their state in the model
        self.condition, self.closing = threading.Condition(), False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def running(self) -> int:
        """How many answers are being written."""
        return sum(job.answer.reason is None for jobs, _ in self.groups for job in jobs)

    def submit(self, job: Job) -> None:
        """Take a job. Raises Full where there is no place."""
        with self.condition:
            if self.closing or self.running() + len(self.queue) >= self.rows + self.waiting:
                raise Full
            self.queue.append(job)
            self.condition.notify()

    def end(self, job: Job, reason: str) -> None:
        """End a job that has not ended yet, which frees its place."""
        with self.condition:
            job.answer.reason = job.answer.reason or reason
            if job in self.queue:
                self.queue.remove(job)
        job.changed()

    def close(self) -> None:
        """Take no more jobs, and return once all that were taken have ended."""
        with self.condition:
            self.closing = True
            self.condition.notify()
        self.thread.join()

    def _run(self) -> None:
        with evaluating(self.model) as device, torch.no_grad():
            while True:
                with self.condition:
                    self.condition.wait_for(lambda: self.queue or self.groups or self.closing)
                    if not self.queue and not self.groups:
                        return
                try:
                    self._turn(device)
                except Exception:  # whatever the model raises, later requests are served
                    for job in [job for jobs, _ in self.groups for job in jobs]:
                        self.end(job, "error")
                    self.groups = []

    def _turn(self, device: torch.device) -> None:
        with self.condition:
            taken = [*self.queue, *(job for jobs, _ in self.groups for job in jobs)]
        for job in taken:
            if time.monotonic() > job.deadline:
                self.end(job, "time")
        self.groups = [group for jobs, state in self.groups if (group := _living(self.model, jobs, state))[0]]
        while self.running() < self.rows:
            with self.condition:
                if not self.queue:
                    break
                job = self.queue.popleft()
                self.groups = [*self.groups, ([job], None)]
            self.groups[-1] = [job], self.model.start(*padded(job.task.sources, device))
        if len(self.groups) > 1 and hasattr(self.model, "join"):
            state = self.model.join([state for _, state in self.groups])
            self.groups = [([job for jobs, _ in self.groups for job in jobs], state)]
        self.groups = [(jobs, _stepped(self.model, jobs, state, device)) for jobs, state in self.groups]


def _lives(job: Job) -> bool:
    return job.answer.reason is None


def _living(model: Any, jobs: list[Job], state: Any) -> tuple[list[Job], Any]:
    """The jobs that have not ended, and their state."""
    rows = [row for row, job in enumerate(jobs) if _lives(job)]
    if rows and len(rows) < len(jobs):
        state = model.reorder(state, torch.tensor(rows))
    return [jobs[row] for row in rows], state


def _stepped(model: Any, jobs: list[Job], state: Any, device: torch.device) -> Any:
    """Write one more token for each job; returns the state after those before it."""
    last = [(job.answer.tokens or job.task.begins[0])[-1] for job in jobs]
    logits, state = model.step(torch.tensor(last, device=device), state)
    for job, row in zip(jobs, logits[:, None, : jobs[0].task.vocab_size].float(), strict=True):
        token = choose(row, torch.zeros_like(row, dtype=torch.bool), job.config, job.generator).item()
        if _lives(job):
            log_probability = row.log_softmax(dim=-1)[0, token].item()
            add_token(job.answer, token, log_probability, job.task.most[0], job.config, job.stop)
        job.changed()
    return state
