"""Spoken digits made by rule: a source (pulses or noise) through a filter that has the resonances of a mouth.

A voice is drawn at random: its pitch, the length of its mouth, its speed, its accent. No recording is used, and the
speech is easier than real speech: compare scores on it with each other, and with nothing else.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from course_lib.speech import RATE

__all__ = ["DIGITS", "SECONDS", "Voice", "say", "voice"]

HOP, WINDOW = 80, 320  # samples: 5 and 20 ms
SECONDS = 1.0  # a clip's
DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
# Each sound: its first three resonances in Hz, how loud the voice and the noise are, the noise's middle in Hz, and ms.
# The vowels' resonances are near those of Peterson and Barney (1952); the rest is set by ear and by eye.
SOUNDS = {
    "iy": (270, 2290, 3010, 1.0, 0.0, 0, 140),
    "ih": (390, 1990, 2550, 1.0, 0.0, 0, 90),
    "eh": (530, 1840, 2480, 1.0, 0.0, 0, 100),
    "ah": (640, 1190, 2390, 1.0, 0.0, 0, 110),
    "aa": (730, 1090, 2440, 1.0, 0.0, 0, 110),
    "ao": (570, 840, 2410, 1.0, 0.0, 0, 130),
    "uh": (440, 1020, 2240, 0.9, 0.0, 0, 90),
    "uw": (300, 870, 2240, 1.0, 0.0, 0, 160),
    "r": (350, 1150, 1600, 0.7, 0.0, 0, 80),
    "w": (300, 650, 2200, 0.7, 0.0, 0, 80),
    "n": (280, 1500, 2500, 0.35, 0.0, 0, 90),
    "v": (280, 1150, 2300, 0.3, 0.1, 4500, 70),
    "z": (280, 1500, 2500, 0.25, 0.5, 5500, 90),
    "s": (280, 1500, 2500, 0.0, 1.0, 5800, 110),
    "f": (280, 1150, 2300, 0.0, 0.25, 4500, 100),
    "th": (280, 1400, 2500, 0.0, 0.2, 5000, 90),
    "t": (300, 1800, 2600, 0.0, 0.8, 4000, 30),
    "k": (300, 1900, 2500, 0.0, 0.7, 2000, 30),
    ".": (300, 1500, 2500, 0.0, 0.0, 0, 50),  # the mouth is closed
}
SPOKEN = {
    "zero": "z ih r ao uh",
    "one": "w ah n",
    "two": ". t uw",
    "three": "th r iy",
    "four": "f ao r",
    "five": "f aa ih v",
    "six": "s ih . k s",
    "seven": "s eh v uh n",
    "eight": "eh iy . t",
    "nine": "n aa ih n",
}


class Voice(NamedTuple):
    """Who speaks: the pitch in Hz, what resonances and speed are multiplied with, breath, and each sound's accent."""

    pitch: float
    mouth: float
    speed: float
    breath: float
    accent: dict[str, np.ndarray]


def voice(rng: np.random.Generator, pitch: tuple[float | int, float | int] = (85, 270)) -> Voice:
    """A voice at random, its pitch between two ends in Hz; a high voice tends to have a short mouth."""
    hertz = float(np.exp(rng.uniform(*np.log(pitch))))
    mouth = float((hertz / 150) ** 0.25 * np.exp(rng.normal(0, 0.06)))
    accent = {sound: np.exp(rng.normal(0, 0.06, 3)) for sound in SOUNDS}
    return Voice(
        hertz, mouth, float(np.exp(np.clip(rng.normal(0, 0.15), -0.3, 0.3))), float(rng.uniform(0.01, 0.1)), accent
    )


def say(
    words: Sequence[str], who: Voice, rng: np.random.Generator, seconds: float | int = SECONDS, even: bool = True
) -> tuple[Float[np.ndarray, " W"], list[tuple[float, float]]]:
    """Digits in a voice, with room noise, in a clip of `seconds`; and when each word begins and ends, in seconds.

    The pauses before, between and after the words are about equal, unless `even` is False.
    """
    frames = round(seconds * RATE) // HOP
    spoken = [_frames(word, who, rng) for word in words]
    space = frames - sum(map(len, spoken))
    if space < 0:
        raise ValueError(f"{len(words)} words need more than {seconds} seconds")
    shares = np.full(len(words) + 1, 1 / (len(words) + 1)) if even else rng.dirichlet(np.ones(len(words) + 1))
    gaps = rng.multinomial(space, shares)
    closed, place, track, times = np.array(SOUNDS["."][:6], dtype=float), 0, [], []
    for gap, word in zip(gaps, spoken, strict=False):
        track += [np.tile(closed, (gap, 1)), word]
        times.append(((place + gap) * HOP / RATE, (place + gap + len(word)) * HOP / RATE))
        place += gap + len(word)
    track.append(np.tile(closed, (frames - place, 1)))
    sound = _filtered(_smooth(np.concatenate(track)), who, rng)
    sound *= rng.uniform(0.1, 0.5) / np.abs(sound).max()
    noise = np.sqrt((sound**2).mean()) * 10 ** (-rng.uniform(10, 30) / 20)
    return np.clip(sound + rng.normal(0, noise, len(sound)), -1, 1), times


def _frames(word: str, who: Voice, rng: np.random.Generator) -> Float[np.ndarray, "F 6"]:
    rows = []
    for sound in SPOKEN[word].split():
        *target, ms = SOUNDS[sound]
        row = np.array(target, dtype=float)
        row[:3] *= who.accent[sound] * who.mouth * np.exp(rng.normal(0, 0.02, 3))
        rows.append(np.tile(row, (max(2, round(ms / 5 / who.speed * np.exp(rng.normal(0, 0.12)))), 1)))
    return np.concatenate(rows)


def _smooth(track: Float[np.ndarray, "F 6"]) -> Float[np.ndarray, "F 6"]:
    """A mouth moves in about 40 ms; a noise changes at once in its middle, which no one hears while it is silent."""
    kernel = np.hanning(10)[1:-1] / np.hanning(10)[1:-1].sum()
    padded = np.pad(track, ((4, 3), (0, 0)), mode="edge")
    moved = np.stack([np.convolve(column, kernel, mode="valid") for column in padded.T], axis=1)
    moved[:, 5] = track[:, 5]
    return moved


def _filtered(track: Float[np.ndarray, "F 6"], who: Voice, rng: np.random.Generator) -> Float[np.ndarray, " W"]:
    """The sources' spectra, 5 ms after 5 ms, times the filter's; then the frames are added up."""
    length = len(track) * HOP
    fall = np.linspace(rng.uniform(1.0, 1.2), rng.uniform(0.75, 0.95), length)  # the pitch falls
    phase = np.cumsum(who.pitch * fall * np.exp(rng.normal(0, 0.002, length))) / RATE
    pulses = np.diff(np.floor(phase), prepend=0.0)
    noise = rng.normal(0, 1, length)
    hertz = np.fft.rfftfreq(WINDOW, 1 / RATE)
    window = np.hanning(WINDOW + 1)[:-1]

    def spectra(sound: np.ndarray) -> np.ndarray:
        padded = np.pad(sound, (WINDOW // 2, WINDOW // 2))
        frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][: len(track)]
        return np.fft.rfft(frames * window)

    mouth = np.ones((len(track), len(hertz)))
    upper = [np.full(len(track), f * who.mouth) for f in (3500, 4500)]
    for formant in [*track[:, :3].T, *upper]:
        width = 50 + 0.06 * formant[:, None]
        square = formant[:, None] ** 2
        mouth *= square / np.sqrt((hertz**2 - square) ** 2 + (width * hertz) ** 2 + 1)
    tilt = 1 / (1 + hertz / 300)
    voiced = (spectra(pulses) + who.breath * spectra(noise)) * mouth * tilt * track[:, 3:4] * 8
    middle = np.maximum(track[:, 5:6] * who.mouth**0.5, 1)
    hiss = np.exp(-(((hertz - middle) / (0.3 * middle + 400)) ** 2))
    frames = np.fft.irfft(voiced + 0.12 * spectra(noise) * hiss * track[:, 4:5], WINDOW) * window
    out = np.zeros(length + WINDOW)
    for index, frame in enumerate(frames):
        out[index * HOP : index * HOP + WINDOW] += frame
    return out[WINDOW // 2 : WINDOW // 2 + length]
