"""What the tables of scaling laws share: a text as windows, a small GPT that reads so many characters, its loss.

A size is the width of a GPT of two blocks. Its `parameters` are those of the matrices in products, the one that gives
the logits included, as in the 6 N D of Kaplan et al. (2020). A run reads windows without repetition until its own
text, `unique` characters of it, is used up; then it begins again in another order. All runs score the same characters.
"""

from collections import Counter
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import pandas
import torch
from torch import Generator, Tensor, nn

from course_lib import data
from course_lib.gpt import GPT, GPTConfig
from course_lib.losses import next_token_loss, text_losses
from course_lib.metrics import bootstrap_interval
from course_lib.training import TrainingConfig, adamw, windows
from experiments.shared import BLOCK, one_core, rounded, seeded, train_whole

__all__ = [
    "characters_of",
    "draw_windows",
    "held_out",
    "loss_after",
    "model_of",
    "parameters",
    "read",
    "text_of",
]

VOCABULARY, CONTEXT, BATCH, LAYERS = 80, 64, 8, 2  # characters, in a window, windows in a batch, blocks
HELD_OUT = 50_001  # characters of the held-out text that are scored
UNKNOWN = 0  # the id of characters that are not among the 79 most frequent
FUSED = partial(adamw, fused=True)

Draw = Callable[[Generator], tuple[Tensor, Tensor]]


def parameters(d_model: int) -> int:
    """The parameters of the matrices in products of a model of this width."""
    return 12 * LAYERS * d_model**2 + VOCABULARY * d_model


def model_of(d_model: int, seed: int) -> GPT:
    """A GPT of two blocks with its initial weights; a head is 8 wide in models under 16 x 2, else 16."""
    heads = d_model // (16 if d_model % 16 == 0 else 8)
    config = GPTConfig(vocab_size=VOCABULARY, context_length=CONTEXT, d_model=d_model, n_layers=LAYERS, n_heads=heads)
    return seeded(seed, lambda: GPT(config))


def _python(split: str) -> str:
    """The source of pandas: every tenth file is held out."""
    files = sorted((Path(pandas.__file__).parent / "core").rglob("*.py"))
    held_out = [number % 10 == 9 for number in range(len(files))]
    return "\n".join(
        file.read_text("utf-8") for file, held in zip(files, held_out, strict=True) if held == (split == "validation")
    )


@cache
def text_of(name: str, split: str) -> str:
    """A text by name: "plays" (Shakespeare), "reviews" (IMDb) or "python" (the source of pandas)."""
    if name == "plays":
        return data.shakespeare(split)
    if name == "reviews":
        return "\n\n".join(text for text, _ in data.movie_reviews("imdb")[split])[:6_000_000]
    return _python(split)


@cache
def _ids(name: str) -> dict[str, int]:
    counts = Counter(text_of(name, "train"))
    common = sorted(counts, key=lambda character: (-counts[character], character))[: VOCABULARY - 1]
    return {character: id for id, character in enumerate(sorted(common), start=1)}


def characters_of(text: str, like: str) -> Tensor:
    """A text as ids of the characters of a named text; others are 0."""
    ids = _ids(like)
    return torch.tensor([ids.get(character, UNKNOWN) for character in text])


@cache
def read(name: str, split: str) -> Tensor:
    """A split of a named text as ids."""
    text = text_of(name, split)
    return characters_of(text[:HELD_OUT] if split == "validation" else text, name)


@cache
def held_out(name: str) -> Tensor:
    """The characters that every run on a text is scored on."""
    return read(name, "validation")[:HELD_OUT]


def draw_windows(ids: Tensor, unique: int, batch_size: int, seed: int) -> Draw:
    """A function that draws windows: of all of the text's, as many as `unique` characters fill, each once per pass."""
    inputs, targets = windows(ids, CONTEXT)
    chosen = torch.randperm(len(inputs), generator=Generator().manual_seed(seed))[: unique // CONTEXT]
    waiting: list[int] = []

    def draw(generator: Generator) -> tuple[Tensor, Tensor]:
        while len(waiting) < batch_size:
            waiting.extend(chosen[torch.randperm(len(chosen), generator=generator)].tolist())
        rows = [waiting.pop(0) for _ in range(batch_size)]
        return inputs[rows], targets[rows]

    return draw


def loss_after(
    model: nn.Module,
    draw: Draw,
    characters: int,
    learning_rate: float,
    seed: int,
    scored: Tensor,
    *,
    batch_size: int = BATCH,
    loss: Callable[[nn.Module, Any], Tensor] = next_token_loss,
    make_optimiser: Callable[..., torch.optim.Optimizer] = FUSED,
) -> list[float]:
    """The held-out loss in nats per character after reading so many characters on one core.

    Its interval is over blocks of the text, for another text of the kind; runs are compared on the same blocks. `draw`
    gives `batch_size` windows; `loss` is what is minimised.
    """
    steps = characters // (batch_size * CONTEXT)
    config = TrainingConfig(steps=steps, learning_rate=learning_rate, warmup_steps=steps // 10, beta2=0.99, seed=seed)
    with one_core():
        train_whole(model, loss, draw, config, make_optimiser=make_optimiser)
        nats = text_losses(model, scored).double().numpy()
    blocks = nats[: len(nats) // BLOCK * BLOCK].reshape(-1, BLOCK).mean(axis=1)
    return rounded(bootstrap_interval(lambda rows: rows.mean(axis=-1), blocks))
