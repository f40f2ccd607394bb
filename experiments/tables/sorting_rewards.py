"""Sorting 8 digits after 150 demonstrations: what rewards and more supervision make of the same start.

GRPO gets 75 seconds of one core. All are asked the same 1,000 test problems, of which no answer occurs in training.
"""

import copy
import random
import time
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Generator, nn

from course_lib.generation import GenerationConfig, generate
from course_lib.metrics import bootstrap_interval
from course_lib.metrics.comparing import pass_at_k
from experiments import sorting
from experiments.shared import one_core, rounded
from experiments.sorting import END, Task, prompt, verified

TASK = Task(length=8, d_model=96, n_layers=3)
SEEDS, CONTROL_SEEDS = (0, 1, 2, 3, 4), (0, 1, 2)
DEMONSTRATIONS, SUPERVISED_STEPS = 150, 300
STEPS, RATE = 170, 3e-4  # GRPO's
TESTED, SAMPLED_ON, SAMPLES = 1_000, 200, 16
TRIED, TRIES, AFTERWARDS = 24_000, 4, 740  # rejection sampling: problems, answers to each, steps on the right ones
Trained = tuple[nn.Module, list[float]]  # a model, and the mean reward of each step


@cache
def tests() -> list[list[int]]:
    """The problems on which everything is measured."""
    return TASK.problems(TESTED, 20_000, test=True)


@cache
def demonstrations(count: int, seed: int) -> list[tuple[list[int], list[int]]]:
    """Problems with their answers."""
    return [(digits, sorted(digits)) for digits in TASK.problems(count, 10_000 + seed)]


@cache
def start(seed: int) -> nn.Module:
    """The model after 150 demonstrations, from which all others go on."""
    return supervised(seed, DEMONSTRATIONS, SUPERVISED_STEPS)[0]


def supervised(seed: int, count: int, steps: int) -> Trained:
    """A model after so many steps on so many demonstrations."""
    model = TASK.model(seed)
    sorting.learn(TASK, model, demonstrations(count, seed), steps, seed)
    return model, []


def ascending(digits: list[int], answer: list[int]) -> float:
    """A sloppy verifier: it asks for as many digits, in ascending order, and not for the digits of the problem."""
    return float(len(answer) == len(digits) and answer == sorted(answer))


def coin(seed: int) -> sorting.Reward:
    """A reward that does not look at the answer."""
    dice = random.Random(seed)
    return lambda digits, answer: float(dice.random() < 0.5)


def rewarded(seed: int, reward: sorting.Reward, steps: int, learning_rate: float = RATE) -> Trained:
    """The start after GRPO with a reward."""
    model = copy.deepcopy(start(seed))
    return model, sorting.reinforce(TASK, model, reward, steps, seed, learning_rate=learning_rate)


def rejected(seed: int) -> Trained:
    """The start after supervised steps on those of its own answers that the verifier found right."""
    model, generator = copy.deepcopy(start(seed)), Generator().manual_seed(seed)
    problems = TASK.problems(TRIED, generator)
    config = GenerationConfig(max_new_tokens=TASK.length + 2, end_token=END)
    right = []
    for first in range(0, TRIED, 128):
        some = problems[first : first + 128]
        answers = generate(model, [prompt(digits) for digits in some for _ in range(TRIES)], config, generator)
        for place, digits in enumerate(some):
            if sorted(digits) in answers[TRIES * place : TRIES * (place + 1)]:
                right.append((digits, sorted(digits)))
    sorting.learn(TASK, model, right, AFTERWARDS, seed)
    return model, []


SYSTEMS: dict[str, Callable[[int], Trained]] = {
    "start": lambda seed: (start(seed), []),
    "GRPO": lambda seed: rewarded(seed, verified, STEPS),
    "random reward": lambda seed: rewarded(seed, coin(seed), STEPS // 2),
    "random reward, rate / 10": lambda seed: rewarded(seed, coin(seed), STEPS // 2, RATE / 10),
    "GRPO, rate / 10": lambda seed: rewarded(seed, verified, STEPS // 2, RATE / 10),
    "sloppy verifier": lambda seed: rewarded(seed, ascending, 60),
    "supervised, three times as long": lambda seed: supervised(seed, DEMONSTRATIONS, 3 * SUPERVISED_STEPS),
    "rejection sampling": rejected,
    "supervised, 1,000 demonstrations": lambda seed: supervised(seed, 1_000, 2 * SUPERVISED_STEPS),
}


def moved(model: nn.Module, seed: int) -> tuple[float, nn.Module]:
    """The distance of the weights from the start, and the start with noise of the same norm on its weights."""
    noisy, generator = copy.deepcopy(start(seed)), Generator().manual_seed(seed)
    pairs = list(zip(model.parameters(), noisy.parameters(), strict=True))
    distance = sum(float((a.detach() - b.detach()).square().sum()) for a, b in pairs) ** 0.5
    noise = [torch.randn(weight.shape, generator=generator) for weight in noisy.parameters()]
    length = sum(float(part.square().sum()) for part in noise) ** 0.5
    with torch.no_grad():
        for weight, part in zip(noisy.parameters(), noise, strict=True):
            weight += part * (distance / length)
    return distance, noisy


def mean(values: Any) -> list[float]:
    """The mean with its 95% interval over problems."""
    return rounded(bootstrap_interval(lambda x: x.mean(axis=-1), np.array(values, dtype=float)))


def row(system: str, seed: int) -> dict[str, Any]:
    """One system from one seed: how often it is right, and its gain over the start on the same problems."""
    with one_core():
        start(seed)
        began = time.process_time()
        model, rewards = SYSTEMS[system](seed)
        seconds = time.process_time() - began
        right, before = np.array(TASK.right(model, tests())), np.array(TASK.right(start(seed), tests()))
        some = tests()[:SAMPLED_ON]
        answers = TASK.written(model, some, samples=SAMPLES)
        distance, noisy = moved(model, seed) if rewards else (None, None)
    repeated = [digits for digits in some for _ in range(SAMPLES)]
    passed = np.array([verified(*pair) for pair in zip(repeated, answers, strict=True)]).reshape(SAMPLED_ON, SAMPLES)
    at_8 = [pass_at_k(SAMPLES, int(count), 8) for count in passed.sum(axis=1)]
    return {
        "system": system,
        "seed": seed,
        "seconds": round(seconds, 1),
        "exact": mean(right),
        "gain": mean(right - before),
        "pass@1": mean(passed.mean(axis=1)),
        "pass@8": mean(at_8),
        "curve": [round(sum(rewards[at : at + 5]) / 5, 4) for at in range(0, len(rewards) - 4, 5)],
        "distance": None if distance is None else round(distance, 3),
        "noise": None if noisy is None else mean(TASK.right(noisy, tests())),
        "examples": [[digits, answer] for digits, answer in zip(some[:3], TASK.written(model, some[:3]), strict=True)],
    }


def copied() -> dict[str, Any]:
    """The baseline that writes the digits as they come."""
    right = mean([verified(digits, digits) for digits in tests()])
    examples = [[digits, digits] for digits in tests()[:3]]
    stored = {"system": "copied", "seed": None, "seconds": 0.0, "exact": right, "gain": None, "pass@1": right}
    return stored | {"pass@8": right, "curve": [], "distance": None, "noise": None, "examples": examples}


def rows() -> Iterator[dict[str, Any]]:
    """The baseline, the start and GRPO from five seeds, then everything else from three."""
    yield copied()
    for system in SYSTEMS:
        for seed in SEEDS if system in ("start", "GRPO") else CONTROL_SEEDS:
            yield row(system, seed)
