"""A digit's picture becomes vectors before the words of a frozen GPT, which says what it sees: "I see seven."

Only the pictures' tower and a projection learn. Controls: trained with shuffled pictures, so that nothing in the
picture helps; asked with another digit's picture. Settings were chosen by the validation digits; the test digits are
scored.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import torch
from sklearn.linear_model import LogisticRegression
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from course_lib.gpt import ModernGPT
from course_lib.metrics import bootstrap_interval
from course_lib.positions import rotation_at
from course_lib.pretrained.shakespeare import load_shakespeare_gpt
from course_lib.runtime import evaluating
from experiments.pictures import Convolutions, fit
from experiments.shared import rounded, seeded
from experiments.tables.moved_digits import digits

__all__ = ["WORDS", "SpokenPicture", "batches", "caption_loss", "captions", "row", "rows", "spoken"]

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
PREFIX, BATCH, STEPS, RATE = 4, 32, 150, 0.01
SEEDS = (0, 1, 2)
NOTHING = -100  # a target that does not count


class SpokenPicture(nn.Module):
    """The logits of a caption's tokens, and of what follows them, after vectors made from the picture."""

    def __init__(self, gpt: ModernGPT) -> None:
        super().__init__()
        self.gpt = gpt.requires_grad_(False)
        self.tower = Convolutions((16, 32, 32), (1, 2, 2))
        self.projection = nn.Linear(64, PREFIX * gpt.config.d_model)

    def forward(self, pictures: Tensor, tokens: Tensor) -> Tensor:
        prefix = self.projection(self.tower(pictures)).view(len(pictures), PREFIX, -1)
        x = torch.cat([prefix, self.gpt.embedding(tokens)], dim=1)
        config = self.gpt.config
        positions = torch.arange(x.shape[1])[None, None]
        rotation = rotation_at(positions, config.d_model // config.n_heads, config.rotary_base, x.dtype)
        for block in self.gpt.blocks:
            x = block(x, rotation)
        return self.gpt.logits(self.gpt.norm(x))[:, PREFIX - 1 :]


@cache
def captions() -> tuple[Tensor, Tensor]:
    """The ten captions: tokens, padded with 0, and targets, padded with what does not count."""
    _, tokenizer = load_shakespeare_gpt()
    rows = [torch.tensor(tokenizer.encode(f"I see {word}.\n")) for word in WORDS]
    pad = torch.nn.utils.rnn.pad_sequence
    return pad(rows, batch_first=True), pad(rows, batch_first=True, padding_value=NOTHING)


def caption_loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Nats per token of the right captions, the end of the line included."""
    pictures, labels = batch
    tokens, targets = captions()
    logits = model(pictures, tokens[labels])[:, :-1]
    return F.cross_entropy(logits.flatten(0, 1), targets[labels].flatten(), ignore_index=NOTHING)


def row(gpt: str, trained_on: str, seed: int, steps: int = STEPS, split: str = "test") -> dict[str, Any]:
    """Nats per token, and the share of greedy captions that are right, with the own and with another's picture."""
    about = locals()
    if gpt == "none":
        nothing = {"seconds": None, "nats": None, "accuracy, shuffled": None}
        return {**about, **nothing, "accuracy": _logistic(split)}
    language_model, _ = load_shakespeare_gpt()
    model = seeded(seed, lambda: SpokenPicture(language_model))
    seconds = fit(model, caption_loss, batches(trained_on == "shuffled pictures"), steps, RATE, seed)
    pictures, labels = digits()[split]
    pictures = pictures[:, None].expand(-1, 3, -1, -1)
    others = pictures[torch.randperm(len(labels), generator=Generator().manual_seed(1))]
    with torch.no_grad(), evaluating(model):
        found = {"nats": round(caption_loss(model, (pictures, labels)).item(), 4)}
        for name, shown in (("accuracy", pictures), ("accuracy, shuffled", others)):
            right = [said == labels[n] for n, said in enumerate(spoken(model, shown))]
            found[name] = rounded(bootstrap_interval(lambda x: x.mean(axis=-1), torch.tensor(right).double()))
    return {**about, "seconds": round(seconds, 1), **found}


def _logistic(split: str) -> list[float]:
    """The baseline: logistic regression on the pixels, which gives one of ten labels and no words."""
    (pictures, labels), (asked, truth) = digits()["train"], digits()[split]
    fitted = LogisticRegression(C=0.1, max_iter=1000).fit(pictures.flatten(1).numpy(), labels.numpy())
    right = fitted.predict(asked.flatten(1).numpy()) == truth.numpy()
    return rounded(bootstrap_interval(lambda x: x.mean(axis=-1), right.astype(float)))


def batches(shuffled: bool) -> Callable[[Generator], tuple[Tensor, Tensor]]:
    """A function that draws training digits with their labels, or with the pictures of other digits."""
    pictures, labels = digits()["train"]

    def draw(generator: Generator) -> tuple[Tensor, Tensor]:
        chosen = torch.randint(len(labels), (BATCH,), generator=generator)
        shown = torch.randint(len(labels), (BATCH,), generator=generator) if shuffled else chosen
        return pictures[shown][:, None].expand(-1, 3, -1, -1), labels[chosen]

    return draw


def spoken(model: nn.Module, pictures: Tensor) -> list[int]:
    """Which digit each greedy caption names; -1 for none of the ten captions."""
    tokens, targets = captions()
    written = torch.zeros(len(pictures), 0, dtype=torch.long)
    for _ in range(tokens.shape[1]):
        best = model(pictures, written)[:, -1].argmax(dim=-1)
        written = torch.cat([written, best[:, None]], dim=1)
    matches = ((written[:, None] == targets) | (targets == NOTHING)).all(dim=2)  # (B, 10)
    return [row.int().argmax().item() if row.any() else -1 for row in matches]


def rows() -> Iterator[dict[str, Any]]:
    """The baseline, the GPT, and the control: pictures that have nothing to do with the words."""
    yield row("none", "own pictures", 0)
    for seed in SEEDS:
        yield row("plays", "own pictures", seed)
        yield row("plays", "shuffled pictures", seed)
