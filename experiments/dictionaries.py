"""Sparse autoencoders on the stream of the Shakespeare GPT, and what it computes with the rebuilt stream.

The stream is that after three of the model's four blocks. A sparse autoencoder writes it as a mean plus a few of many
directions. Axes: N tokens, C width of the stream, F features.
"""

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from course_lib import data
from course_lib.gpt import ModernGPT
from course_lib.interpret import recorded_activations, replaced
from course_lib.pretrained import load_shakespeare_gpt
from course_lib.runtime import own_randomness
from course_lib.training import TrainingConfig, random_rows
from experiments.shared import one_core, seeded, train_whole
from experiments.tables.looking_inside import read_on

__all__ = [
    "PLACE",
    "Dictionary",
    "draws",
    "fit",
    "gpt",
    "loss_with",
    "pieces",
    "short_training",
    "stream",
    "untrained",
    "windows",
    "with_vector",
]

LAYER, PLACE = 3, "blocks.2"  # three blocks have been passed
CONTEXT, BATCH = 128, 64
CHARACTERS = 700  # enough for a window
BATCH_SIZE, STEPS, RATE = 512, 300, 0.003
SHORT, SHORT_STEPS, SHORT_K = 60, 60, 8  # windows, steps and features per token of the short trainings
SILENT, REVIVED = 20, 32  # steps without firing that make a feature dead, and how many dead ones help at a token


@cache
def gpt() -> ModernGPT:
    """The Shakespeare GPT."""
    return load_shakespeare_gpt()[0]


@cache
def pieces() -> list[str]:
    """What each token stands for."""
    tokenizer = load_shakespeare_gpt()[1]
    return [tokenizer.decode([token]) for token in range(tokenizer.vocab_size)]


def untrained(seed: int) -> ModernGPT:
    """The Shakespeare GPT's sizes with initial weights."""
    return seeded(seed, lambda: ModernGPT(gpt().config)).eval()


@cache
def windows(split: str, number: int) -> Int[Tensor, "B T"]:
    """Windows of 128 tokens that begin with a line, at even distances in the plays of a split."""
    text, tokenizer, rows = data.shakespeare(split), load_shakespeare_gpt()[1], []
    for start in np.linspace(0, len(text) - 4 * CHARACTERS, number).astype(int).tolist():
        start = text.index("\n", start) + 1
        rows.append(tokenizer.encode(text[start : start + CHARACTERS])[:CONTEXT])
    return torch.tensor(rows)


@torch.no_grad()
def stream(model: ModernGPT, tokens: Int[Tensor, "B T"], place: str = PLACE) -> Float[Tensor, "N C"]:
    """The activation at every token but the first of each window, whose norm is unlike the others'."""
    found = []
    for rows in tokens.split(BATCH):
        with recorded_activations(model, [place]) as at:
            model(rows)
        found.append(at[place][:, 1:].flatten(0, 1))
    return torch.cat(found)


class Dictionary(nn.Module):
    """A sparse autoencoder: x is rebuilt as a bias plus features times unit directions.

    With k, the k largest features of a token are kept; with a penalty, their sum is punished. A frozen one never
    changes its directions. Training begins with the mean as the bias (`centred`), else with 0, and with the directions
    as the encoder (`tied`), else with others. `revive` lets silent features predict what is left over (Gao et al.,
    2024).
    """

    def __init__(
        self,
        x: Float[Tensor, "N C"],
        n_features: int,
        k: int = 0,
        penalty: float = 0.0,
        frozen: bool = False,
        centred: bool = True,
        tied: bool = True,
        revive: bool = False,
    ) -> None:
        super().__init__()
        self.k, self.penalty, self.revive = k, penalty, revive
        directions = F.normalize(torch.randn(x.shape[1], n_features), dim=0)
        encoder = directions if tied else F.normalize(torch.randn(x.shape[1], n_features), dim=0)
        self.encoder, self.threshold = nn.Parameter(encoder.T.clone()), nn.Parameter(torch.zeros(n_features))
        self.decoder, self.bias = nn.Parameter(directions.clone()), nn.Parameter(centred * x.mean(dim=0))
        self.decoder.requires_grad_(not frozen)
        self.register_buffer("variance", (x - x.mean(dim=0)).square().sum(dim=1).mean())
        self.register_buffer("silent", torch.zeros(n_features))

    def directions(self) -> Float[Tensor, "C F"]:
        """A unit vector for each feature."""
        return F.normalize(self.decoder, dim=0)

    def before(self, x: Float[Tensor, "*N C"]) -> Float[Tensor, "*N F"]:
        """What the encoder computes before its nonlinearity."""
        return (x - self.bias) @ self.encoder.T + self.threshold

    def encode(self, x: Float[Tensor, "*N C"]) -> Float[Tensor, "*N F"]:
        """The features, most of them 0."""
        return _largest(torch.relu(self.before(x)), self.k)

    def forward(self, x: Float[Tensor, "*N C"]) -> Float[Tensor, "*N C"]:
        return self.encode(x) @ self.directions().T + self.bias

    def loss(self, batch: tuple[Float[Tensor, "N C"]]) -> Tensor:
        """The share of the variance that is not rebuilt, plus the penalty on the features' sum."""
        before = self.before(batch[0])
        features = _largest(torch.relu(before), self.k)
        directions = self.directions()
        left = batch[0] - self.bias - features @ directions.T
        loss = left.square().sum(dim=1).mean() / self.variance
        loss = loss + self.penalty * features.sum(dim=1).mean() / self.variance.sqrt()
        with torch.no_grad():
            self.silent = torch.where((features > 0).any(dim=0), 0, self.silent + 1)
        dead = self.silent > SILENT
        if self.revive and dead.any():
            helpers = _largest(torch.relu(before[:, dead]), min(REVIVED, int(dead.sum())))
            still = left.detach() - helpers @ directions[:, dead].T
            loss = loss + still.square().sum(dim=1).mean() / self.variance / 16
        return loss


def _largest(features: Float[Tensor, "*N F"], k: int) -> Float[Tensor, "*N F"]:
    """The k largest numbers of each row, and 0 for the others; with k = 0, all of them."""
    if k == 0:
        return features
    top = features.topk(k, dim=-1)
    return torch.zeros_like(features).scatter(-1, top.indices, top.values)


def fit(x: Float[Tensor, "N C"], seed: int, steps: int = STEPS, rate: float = RATE, **settings: object) -> Dictionary:
    """A dictionary trained on these activations."""
    with own_randomness(seed):
        model = Dictionary(x, **settings)
    warmup = min(30, steps // 4)
    config = TrainingConfig(
        steps=steps,
        learning_rate=rate,
        warmup_steps=warmup,
        schedule="trapezoid",
        decay_steps=steps // 3,
        clip_norm=math.inf,
        seed=seed,
    )
    with torch.enable_grad():
        train_whole(model, Dictionary.loss, random_rows(x, batch_size=BATCH_SIZE), config)
    return model


@torch.no_grad()
def loss_with(
    model: ModernGPT, tokens: Int[Tensor, "B T"], change: Callable[[Tensor], Tensor] | None
) -> Float[Tensor, " B"]:
    """Nats per token of each window where the stream after its first token is changed by a function."""
    nats = []
    for rows in tokens.split(BATCH):
        with recorded_activations(model, [PLACE]) as at:
            model(rows)
        x = at[PLACE]
        if change is not None:
            x = torch.cat([x[:, :1], change(x[:, 1:])], dim=1)
        logits = model.logits(read_on(model, x, LAYER))[:, 1:-1]
        nats.append(F.cross_entropy(logits.transpose(1, 2), rows[:, 2:], reduction="none").mean(dim=1))
    return torch.cat(nats)


@torch.no_grad()
def with_vector(vector: Float[Tensor, " C"], tokens: Int[Tensor, "B T"]) -> Float[Tensor, "2 B"]:
    """With a vector added at every token: the probability of a next token in capitals, and the loss, by window."""
    capitals = torch.tensor([piece.strip().isupper() and len(piece.strip()) > 1 for piece in pieces()])
    with replaced(gpt(), {PLACE: lambda x: x + vector}):
        logits = gpt()(tokens)[:, 1:-1]
    probability = logits.softmax(dim=-1)[..., capitals].sum(dim=-1).mean(dim=1)
    nats = F.cross_entropy(logits.transpose(1, 2), tokens[:, 2:], reduction="none")
    return torch.stack([probability, nats.mean(dim=1)])


@cache
def _short_streams(split: str) -> Float[Tensor, "N C"]:
    return stream(gpt(), windows(split, SHORT))


@torch.no_grad()
def short_training(n_features: int, rate: float, centred: bool, tied: bool, nulls: int) -> tuple[float, float]:
    """The share of the variance that sixty steps explain, and the most that frozen random directions do.

    Of each token eight features are kept. Trained on windows of the training plays, scored on the validation plays.
    """
    x, held_out, shares = _short_streams("train"), _short_streams("validation"), []
    variance = (held_out - held_out.mean(dim=0)).square().sum()
    for seed in range(nulls + 1):
        with one_core():
            dictionary = fit(
                x,
                seed,
                SHORT_STEPS,
                rate,
                n_features=n_features,
                k=SHORT_K,
                frozen=seed > 0,
                centred=centred,
                tied=tied,
            )
        shares.append(1 - ((held_out - dictionary(held_out)).square().sum() / variance).item())
    return shares[0], max(shares[1:])


def draws(rows: int, columns: int, seed: int) -> Float[Tensor, "F C"]:
    """Random unit vectors."""
    return F.normalize(torch.randn(rows, columns, generator=Generator().manual_seed(seed)), dim=1)
