"""GPTs on Shakespeare, by characters and by tokens, for the time that the recurrent networks had, and a long run.

They learn from windows of 64, and each of a text's tokens is scored after at least half a window and at most one. The
networks of `recurrent_models` had windows of 128 and are scored with a state carried through the text; `same_context`
has a GRU under the conditions of the GPT on characters.
"""

import time
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from course_lib import data
from course_lib.gpt import GPT, GPTConfig
from course_lib.losses import next_token_loss, text_losses
from course_lib.model_files import read_about
from course_lib.pretrained.shakespeare import SHAKESPEARE_GPT, load_shakespeare_gpt
from course_lib.tokenizers import BPETokenizer
from course_lib.training import TrainingConfig, random_windows
from experiments.shared import bits, characters, seeded, train_whole

CHARACTERS, TOKENS = 80, 1000  # sizes of the two vocabularies
SIZES = {"context_length": 64, "d_model": 80, "n_layers": 3, "n_heads": 5}  # about as many weights as the GRU had
BATCH_SIZE = 16  # windows
# Of each system: its vocabulary; the steps that one core takes in 75 seconds, the time of the recurrent networks; of
# the learning rates 0.002, 0.004 and so on until it got worse, the best on the validation plays in half that time.
SYSTEMS = {
    "GPT, characters": (CHARACTERS, 2_000, 0.008),
    "GPT, 1,000 tokens": (TOKENS, 1_500, 0.004),
}
SHORT = 5  # the first rows have a fifth of these steps
SEEDS = (0, 1, 2)
LONG_RATE = 0.006  # of checkpoints.shakespeare_gpt


@cache
def tokenizer() -> BPETokenizer:
    """Tokens learned from the training plays."""
    return BPETokenizer.train(data.shakespeare("train"), vocab_size=TOKENS)


@cache
def ids(vocab_size: int, split: str) -> Tensor:
    """A split's text as ids of characters or of tokens."""
    of_characters = vocab_size == CHARACTERS
    return torch.tensor(characters(split) if of_characters else tokenizer().encode(data.shakespeare(split)))


def lengths(vocab_size: int, split: str) -> np.ndarray:
    """How many characters each of a split's ids stands for, but the first, which nothing predicts."""
    if vocab_size == CHARACTERS:
        return np.ones(len(ids(vocab_size, split)) - 1, dtype=int)
    of_token = np.array([len(tokenizer().decode([id])) for id in range(TOKENS)])
    return of_token[ids(vocab_size, split)[1:]]


def losses(model: nn.Module, split: str) -> np.ndarray:
    """-ln p of a split's tokens, in their order and but the first, in nats, each after at least half a window."""
    return text_losses(model, ids(model.config.vocab_size, split)).double().numpy()


def build(vocab_size: int, seed: int) -> GPT:
    """A GPT of 239,000 weights and its vectors for the vocabulary, with its initial weights."""
    return seeded(seed, lambda: GPT(GPTConfig(vocab_size=vocab_size, **SIZES)))


@cache
def trained(system: str, steps: int, learning_rate: float, seed: int) -> tuple[GPT, float]:
    """A GPT after its training, and how long that took one core, in minutes of processor time."""
    vocab_size = SYSTEMS[system][0]
    model, text = build(vocab_size, seed), ids(vocab_size, "train")
    batches = random_windows(text, batch_size=BATCH_SIZE, context_length=model.config.context_length)
    config = TrainingConfig(steps=steps, learning_rate=learning_rate, warmup_steps=steps // 20, beta2=0.99, seed=seed)
    start = time.process_time()
    train_whole(model, next_token_loss, batches, config)
    return model, (time.process_time() - start) / 60


def row(system: str, steps: int, learning_rate: float, seed: int) -> dict[str, Any]:
    """One GPT's bits per character on the validation plays."""
    model, minutes = trained(system, steps, learning_rate, seed)
    return _row(system, model, steps, learning_rate, seed, minutes)


def _row(system: str, model: nn.Module, steps: int, learning_rate: float, seed: int, minutes: float) -> dict[str, Any]:
    return {
        "system": system,
        "steps": steps,
        "learning_rate": learning_rate,
        "seed": seed,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "minutes": round(minutes, 1),
        "validation": score(model, "validation"),
        "test": None,
    }


def score(model: nn.Module, split: str) -> list[float]:
    """Bits per character of a split, with their interval."""
    return bits(losses(model, split), lengths(model.config.vocab_size, split))


def rows() -> Iterator[dict[str, Any]]:
    """Each system in a fifth of its time, then in all of it for three seeds; a long run, scored on the test plays."""
    for system, (_, steps, learning_rate) in SYSTEMS.items():
        yield row(system, steps // SHORT, learning_rate, 0)
        for seed in SEEDS:
            yield row(system, steps, learning_rate, seed)
    (model, _), about = load_shakespeare_gpt(), read_about(SHAKESPEARE_GPT)
    long = _row("ModernGPT, 1,000 tokens", model, about["steps"], LONG_RATE, 0, about["minutes"])
    yield long | {"test": score(model, "test")}
