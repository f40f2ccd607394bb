"""Spoken digits of voices that training never heard: four recognisers, how many voices they learn from, and controls.

Every recogniser sees the same log-mel pictures of clips that `experiments.spoken` makes by rule. The networks are the
front half of a small Whisper: two convolutions, then a Transformer block (or none), the mean over time, ten logits.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.metrics import bootstrap_interval
from course_lib.positions import LearnedPositions
from course_lib.speech import log_mel
from course_lib.transformer import EncoderBlock, TransformerConfig
from experiments.shared import one_core, rounded, seeded
from experiments.spoken import DIGITS, SECONDS, say, voice

LOW, HIGH, ALL = (85, 150), (170, 300), (85, 300)  # pitches in Hz
STEPS, BATCH, RATE_OF_LEARNING = 200, 32, 0.002
HELD_OUT = 40  # voices
SYSTEMS = ("mean picture", "nearest clip", "warped clip", "convolutions", "Transformer")
FEATURES = 50  # positions of a clip after the second convolution


class Clips(NamedTuple):
    """Log-mel pictures, the digit of each, and the number of the voice."""

    mels: Float[Tensor, "N M F"]
    digits: Int[Tensor, " N"]
    voices: Int[Tensor, " N"]


@cache
def clips(voices: int, seed: int, takes: int = 1, pitch: tuple[float | int, float | int] = ALL) -> Clips:
    """Every digit in every voice, `takes` times."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(voices):
        who = voice(rng, pitch)
        for digit in list(range(10)) * takes:
            found.append((log_mel(say([DIGITS[digit]], who, rng)[0], seconds=SECONDS), digit, number))
    mels, digits, numbers = zip(*found, strict=True)
    return Clips(torch.stack(mels), torch.tensor(digits), torch.tensor(numbers))


class Recogniser(nn.Module):
    """Two convolutions as in Whisper, a Transformer block where it is asked for, the mean over time, ten logits."""

    def __init__(self, block: bool = True, d_model: int = 48) -> None:
        super().__init__()
        sizes = TransformerConfig(
            vocab_size=1, d_model=d_model, n_heads=4, d_ff=2 * d_model, dropout=0, positions="none"
        )
        self.first = nn.Conv1d(80, d_model, 3, padding=1)
        self.second = nn.Conv1d(d_model, d_model, 3, stride=2, padding=1)
        self.positions = LearnedPositions(FEATURES, d_model)
        self.block = EncoderBlock(sizes) if block else nn.Identity()
        self.norm, self.output = nn.LayerNorm(d_model), nn.Linear(d_model, 10)

    def forward(self, mels: Float[Tensor, "B M F"]) -> Float[Tensor, "B 10"]:
        x = F.gelu(self.second(F.gelu(self.first(mels)))).transpose(1, 2)
        x = self.block(self.positions(x))
        return self.output(self.norm(x).mean(dim=1))


def fit(
    model: nn.Module, mels: Tensor, digits: Tensor, seed: int, steps: int = STEPS, rate: float | int = RATE_OF_LEARNING
) -> nn.Module:
    """Train on batches at random with AdamW, a fixed number of steps."""
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate)
    for _ in range(steps):
        rows = torch.randint(len(mels), (BATCH,), generator=generator)
        loss = F.cross_entropy(model(mels[rows]), digits[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model.eval()


def warped_distances(ours: Float[Tensor, "N M F"], theirs: Float[Tensor, "K M F"]) -> Float[np.ndarray, "N K"]:
    """Dynamic time warping of every pair, on every second frame: the least sum of distances along a path."""
    a, b = ours[:, :, ::2].transpose(1, 2), theirs[:, :, ::2].transpose(1, 2)
    (N, T, M), (K, U, _) = a.shape, b.shape
    far = torch.cdist(a.reshape(-1, M), b.reshape(-1, M)).view(N, T, K, U).permute(1, 3, 0, 2).contiguous().numpy()
    never = np.full((N, K), np.inf, np.float32)
    above = [np.zeros((N, K), np.float32)] + [never] * U
    for i in range(T):
        row = [never]
        for j in range(U):
            row.append(far[i, j] + np.minimum(np.minimum(above[j], above[j + 1]), row[j]))
        above = row
    return above[U]


def _recognised(system: str, train: Clips, test: Clips, seed: int) -> Int[Tensor, " N"]:
    if system in ("convolutions", "Transformer"):
        model = fit(seeded(seed, lambda: Recogniser(system == "Transformer")), train.mels, train.digits, seed)
        with torch.no_grad():
            return model(test.mels).argmax(dim=1)
    if system == "mean picture":
        means = torch.stack([train.mels[train.digits == digit].mean(dim=0) for digit in range(10)])
        return torch.cdist(test.mels.flatten(1), means.flatten(1)).argmin(dim=1)
    if system == "nearest clip":
        return train.digits[torch.cdist(test.mels.flatten(1), train.mels.flatten(1)).argmin(dim=1)]
    nearest = [warped_distances(some, train.mels).argmin(axis=1) for some in test.mels.split(40)]
    return train.digits[np.concatenate(nearest)]


def row(system: str, voices: int, pitch: str, labels: str, seed: int) -> dict[str, Any]:
    """Accuracy on voices held out, with the 95% interval over them; after low voices, the held-out ones are high."""
    with one_core():
        train = clips(voices, seed + 1, pitch={"low": LOW, "all": ALL}[pitch])
        if labels == "shuffled":
            order = torch.randperm(len(train.digits), generator=torch.Generator().manual_seed(seed))
            train = train._replace(digits=train.digits[order])
        held_out = clips(HELD_OUT, 1_000, pitch=HIGH if pitch == "low" else ALL)
        right = (_recognised(system, train, held_out, seed) == held_out.digits).float()
        by_voice = right.view(HELD_OUT, 10).mean(dim=1).numpy()
        score = rounded(bootstrap_interval(lambda x: x.mean(-1), by_voice))
    settings = {"system": system, "voices": voices, "pitch": pitch, "labels": labels, "seed": seed}
    return settings | {"accuracy": score, "by voice": np.round(by_voice, 2).tolist()}


def rows() -> Iterator[dict[str, Any]]:
    """Systems by voices and seeds; trained on low voices and asked about high ones; and with shuffled labels."""
    for voices in (2, 8, 32):
        for seed in range(3):
            for system in SYSTEMS:
                yield row(system, voices, "all", "true", seed)
    for seed in range(3):
        for system in SYSTEMS:
            yield row(system, 32, "low", "true", seed)
        yield row("Transformer", 32, "all", "shuffled", seed)
