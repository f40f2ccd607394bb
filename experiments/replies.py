"""Lines that a small Shakespeare model writes after a speaker's name, and which of two a program prefers.

The program prefers the line with more long words. Prompts to train on come from the training plays, those to measure on
from the validation plays.
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from course_lib import data, pretrained
from course_lib.generation import Answer, GenerationConfig, answers
from course_lib.gpt import ModernGPT
from course_lib.tokenizers import BPETokenizer
from course_lib.training import TrainingConfig, random_rows
from course_lib.tuning import dpo_loss, preference_rows, summed_log_probabilities
from experiments.shared import train_whole

__all__ = ["END", "Pair", "divergence", "dpo", "judged", "long_words", "model", "prompts", "sampled"]

END, LONGEST, CONTEXT = 198, 24, 16  # the id of a line's end; tokens of a line at most; tokens of a prompt
LETTERS = 6  # of a long word, at least
CUE = r"\n\n[A-Z][A-Z ]+\.\n"  # a speaker's name


class Pair(NamedTuple):
    """A prompt, and two lines after it: the preferred one first."""

    prompt: list[int]
    preferred: list[int]
    rejected: list[int]


@cache
def model() -> tuple[ModernGPT, BPETokenizer]:
    """The Shakespeare model and its tokenizer."""
    return pretrained.load_shakespeare_gpt()


@cache
def prompts(split: str, count: int) -> list[list[int]]:
    """The last tokens of the text up to a speaker's name, evenly spread over a split's plays."""
    text, tokenizer = data.shakespeare(split), model()[1]
    ends = [cue.end() for cue in re.finditer(CUE, text)]
    found = []
    for end in ends[:: len(ends) // count][:count]:
        found.append(tokenizer.encode(text[max(end - 120, 0) : end])[-CONTEXT:])
    return found


def long_words(tokens: Sequence[int]) -> int:
    """What the program counts in a line: words of six letters or more."""
    return len(re.findall(rf"[A-Za-z]{{{LETTERS},}}", model()[1].decode(list(tokens))))


def sampled(writer: nn.Module, asked: Sequence[list[int]], seed: int, each: int = 1) -> list[list[int]]:
    """A line, or `each` of them, after each prompt, at temperature 1."""
    repeated = [one for one in asked for _ in range(each)]
    return [found.tokens for found in _answers(writer, repeated, seed)]


def _answers(writer: nn.Module, asked: Sequence[list[int]], seed: int) -> list[Answer]:
    config = GenerationConfig(max_new_tokens=LONGEST, end_token=END)
    return answers(writer, asked, config, Generator().manual_seed(seed))


def divergence(writer: nn.Module, reference: nn.Module, asked: Sequence[list[int]], seed: int) -> list[float]:
    """ln p - ln p of the reference for each line of `sampled`: the mean estimates KL(writer || reference) in nats."""
    rows, masks = [], []
    for prompt, found in zip(asked, _answers(writer, asked, seed), strict=True):
        written = [*found.tokens, END] if found.reason == "end token" else found.tokens
        rows.append(torch.tensor(prompt + written))
        masks.append(torch.tensor([False] * len(prompt) + [True] * len(written)))
    batch = pad_sequence(rows, batch_first=True), pad_sequence(masks, batch_first=True)
    log_p = [summed_log_probabilities(model, batch, batch_size=64) for model in (writer, reference)]
    return (log_p[0] - log_p[1]).tolist()


def judged(asked: Sequence[list[int]], seed: int) -> list[Pair]:
    """Two lines of the model after each prompt, where the program prefers one of them."""
    lines = sampled(model()[0], asked, seed, each=2)
    found = []
    for place, one in enumerate(asked):
        first, second = lines[2 * place], lines[2 * place + 1]
        if first and second and long_words(first) != long_words(second):
            better, worse = sorted((first, second), key=long_words, reverse=True)
            found.append(Pair(one, better, worse))
    return found


def dpo(
    writer: nn.Module, pairs: Sequence[Pair], steps: int, seed: int, beta: float = 0.1, learning_rate: float = 3e-4
) -> None:
    """Train the writer on pairs with DPO; the reference is the writer as it is now."""
    rows = preference_rows(pairs, end_token=END, context_length=CONTEXT + LONGEST)
    before = summed_log_probabilities(writer, rows, batch_size=64)
    config = TrainingConfig(steps=steps, learning_rate=learning_rate, warmup_steps=steps // 5, seed=seed)

    def loss(trained: nn.Module, batch: Sequence[Tensor]) -> Tensor:
        return dpo_loss(trained, batch, beta)

    train_whole(writer, loss, random_rows(*rows, before, batch_size=16), config)
