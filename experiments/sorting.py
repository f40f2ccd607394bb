"""Digits to sort: a task whose answers a program can verify, for a small model that learns from rewards.

A model reads digits and a colon, and writes them in ascending order, then the end token. Problems whose digits add up
to a multiple of 5 are for testing, so that no test problem, and no answer to one, occurs in training.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor, nn

from course_lib.generation import GenerationConfig, generate
from course_lib.gpt import ModernGPT, ModernGPTConfig
from course_lib.training import TrainingConfig, random_rows
from course_lib.tuning import (
    answer_log_probabilities,
    answer_loss,
    answer_rows,
    policy_batch,
    policy_loss,
    sample_groups,
)
from experiments.shared import seeded, train_whole

__all__ = ["COLON", "END", "Task", "learn", "prompt", "reinforce", "verified"]

END, COLON, VOCABULARY = 10, 11, 12
Reward = Callable[[list[int], list[int]], float]


@dataclass(frozen=True)
class Task:
    """How many digits there are to sort, and the sizes of the model that sorts them."""

    length: int = 8
    d_model: int = 96
    n_layers: int = 3

    def problems(self, count: int, generator: Generator | int, test: bool = False) -> list[list[int]]:
        """Digits in random order; those of the test are never among the others."""
        if isinstance(generator, int):
            generator = Generator().manual_seed(generator)
        found: list[list[int]] = []
        while len(found) < count:
            rows = torch.randint(10, (8 * count, self.length), generator=generator)
            found += rows[(rows.sum(dim=1) % 5 == 0) == test].tolist()
        return found[:count]

    def model(self, seed: int) -> ModernGPT:
        """A model with random weights."""
        sizes = {"d_model": self.d_model, "n_layers": self.n_layers, "n_heads": 4, "n_kv_heads": 4}
        config = ModernGPTConfig(
            vocab_size=VOCABULARY, context_length=2 * self.length + 4, d_ff=8 * self.d_model // 3, **sizes
        )
        return seeded(seed, lambda: ModernGPT(config))

    def written(self, model: nn.Module, problems: Sequence[list[int]], samples: int = 0, seed: int = 0) -> list[Any]:
        """The most probable answer to each problem, or so many sampled ones, one problem after the other."""
        prompts = [prompt(digits) for digits in problems for _ in range(samples or 1)]
        config = GenerationConfig(temperature=1 if samples else 0, max_new_tokens=self.length + 2, end_token=END)
        return generate(model, prompts, config, Generator().manual_seed(seed))

    def right(self, model: nn.Module, problems: Sequence[list[int]]) -> list[float]:
        """For each problem 1 where the most probable answer is right, else 0."""
        return [verified(*pair) for pair in zip(problems, self.written(model, problems), strict=True)]


def prompt(digits: list[int]) -> list[int]:
    """What the model reads."""
    return [*digits, COLON]


def verified(digits: list[int], answer: list[int]) -> float:
    """The reward of a verifier: 1 for the sorted digits, else 0."""
    return float(answer == sorted(digits))


def learn(
    task: Task,
    model: nn.Module,
    answers: Sequence[tuple[list[int], list[int]]],
    steps: int,
    seed: int,
    learning_rate: float = 1e-3,
) -> None:
    """Supervised training on problems with answers."""
    pairs = [(prompt(digits), answer) for digits, answer in answers]
    rows = answer_rows(pairs, end_token=END, context_length=2 * task.length + 4)
    config = TrainingConfig(steps=steps, learning_rate=learning_rate, warmup_steps=min(20, steps // 5), seed=seed)
    train_whole(model, answer_loss, random_rows(*rows, batch_size=64), config)


def reinforce(
    task: Task,
    model: nn.Module,
    reward: Reward,
    steps: int,
    seed: int,
    *,
    prompts: int = 32,
    group_size: int = 16,
    learning_rate: float = 3e-4,
    kl_weight: float = 0.0,
    warmup: int = 10,
) -> list[float]:
    """GRPO: each step samples a group of answers to each prompt and makes one update. The mean reward of each step."""
    reference = copy.deepcopy(model).eval() if kl_weight else None
    means: list[float] = []

    def batches(generator: Generator) -> tuple[Tensor, ...]:
        mean, batch = _sampled(task, model, reward, generator, prompts, group_size)
        means.append(mean)
        if reference is None:
            return batch
        with torch.no_grad():
            return *batch, answer_log_probabilities(reference, batch[:2])

    def loss(model: nn.Module, batch: Sequence[Tensor]) -> Tensor:
        return policy_loss(model, batch, kl_weight=kl_weight)

    settings = {"schedule": "constant", "warmup_steps": min(warmup, steps), "beta2": 0.95}
    config = TrainingConfig(steps=steps, learning_rate=learning_rate, seed=seed, **settings)
    train_whole(model, loss, batches, config)
    return means


def _sampled(
    task: Task, model: nn.Module, reward: Reward, generator: Generator, prompts: int, group_size: int
) -> tuple[float, tuple[Tensor, ...]]:
    """The mean reward of answers to new problems, and the batch to learn from."""
    problems = task.problems(prompts, generator)
    asked = [prompt(digits) for digits in problems]
    samples = sample_groups(model, asked, group_size, task.length + 2, END, generator)
    repeated = [digits for digits in problems for _ in range(group_size)]
    rewards = [reward(*pair) for pair in zip(repeated, samples.written, strict=True)]
    return sum(rewards) / len(rewards), policy_batch(samples, rewards)
