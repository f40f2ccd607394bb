"""A recogniser of spoken digits from 80 clips: whose voices, changed how, learned from at which rate.

The score is the error rate on high voices, which the low ones of training do not have unless somebody changes them.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import torch
from torch import Tensor

from course_lib.metrics import bootstrap_interval
from experiments.shared import one_core, rounded, seeded
from experiments.tables.spoken_digits import HIGH, LOW, Recogniser, clips, fit

CHOICE = {"voices": 2, "shift": 0, "loudness": 0.0, "rate": 0.002}
CLIPS = 80  # each voice says the ten digits CLIPS / 10 / voices times
STEPS = 120
ASKED = 30  # voices


@cache
def asked() -> tuple[Tensor, Tensor]:
    """Clips of high voices, and their digits."""
    held_out = clips(ASKED, 2_000, pitch=HIGH)
    return held_out.mels, held_out.digits


class Changed(torch.nn.Module):
    """A recogniser that hears each training clip with its mel bands shifted, and louder or softer, at random."""

    def __init__(self, model: torch.nn.Module, shift: int, loudness: float | int) -> None:
        super().__init__()
        self.model, self.shift, self.loudness = model, shift, loudness

    def forward(self, mels: Tensor) -> Tensor:
        if self.training:
            moves = torch.randint(-self.shift, self.shift + 1, (len(mels),)).tolist()
            moved = [torch.roll(mel, move, dims=0) for mel, move in zip(mels, moves, strict=True)]
            mels = torch.stack(moved) + self.loudness * torch.randn(len(mels), 1, 1)
        return self.model(mels)


def row(voices: int, shift: int, loudness: float | int, rate: float | int, seed: int) -> dict[str, Any]:
    """The error rate on high voices after training on low ones, with its 95% interval over the voices."""
    with one_core():
        train = clips(voices, seed + 1, takes=CLIPS // 10 // voices, pitch=LOW)
        model = seeded(seed, lambda: Changed(Recogniser(), shift, loudness))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            fit(model, train.mels, train.digits, seed, STEPS, rate)
        mels, digits = asked()
        with torch.no_grad():
            wrong = (model(mels).argmax(dim=1) != digits).float()
    by_voice = wrong.view(ASKED, 10).mean(dim=1).numpy()
    settings = {"voices": voices, "shift": shift, "loudness": loudness, "rate": rate, "seed": seed}
    return settings | {"error": rounded(bootstrap_interval(lambda x: x.mean(-1), by_voice))}


def rows() -> Iterator[dict[str, Any]]:
    """One change at a time, with three seeds."""
    changes: list[dict[str, Any]] = [
        {},
        {"voices": 1},
        {"voices": 8},
        {"shift": 4},
        {"loudness": 0.2},
        {"rate": 0.0005},
        {"rate": 0.02},
    ]
    for change in changes:
        for seed in range(3):
            yield row(**CHOICE | change, seed=seed)
