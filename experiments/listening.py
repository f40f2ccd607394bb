"""Whisper tiny.en in a few lines: what it writes, of sounds with words and without, and where it looks as it writes."""

import json
import re
from difflib import SequenceMatcher
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from scipy.signal import resample

from course_lib import data
from course_lib.attention import recorded
from course_lib.generation import BeamConfig, GenerationConfig, beam_search, generate
from course_lib.pretrained import load_whisper
from course_lib.speech import RATE, Listener, Whisper, log_mel
from course_lib.tokenizers import BPETokenizer
from experiments.spoken import DIGITS, say, voice

__all__ = [
    "Heard",
    "at_rate",
    "digit_string",
    "heard_when",
    "listen",
    "noisy",
    "normalised",
    "nothing",
    "transcribe",
    "within",
]

LONGEST = 40  # tokens
HEARD_AT = 6.0  # seconds of a string of digits


@cache
def whisper() -> tuple[Whisper, BPETokenizer, list[int]]:
    """The model, its tokenizer, and the tokens that are never written (marks of sounds, of notes, of steering)."""
    model, tokenizer = load_whisper()
    ids = json.loads((data.whisper_folder() / "config.json").read_text(encoding="utf-8"))["suppress_ids"]
    return model, tokenizer, [id for id in ids if id < tokenizer.vocab_size]


def prompt() -> tuple[list[int], int]:
    """The tokens that ask for a transcript, and the one that ends it."""
    tokens = whisper()[1].encode("<|startoftranscript|><|notimestamps|><|endoftext|>", special=True)
    return tokens[:2], tokens[2]


def listener(waveform: np.ndarray) -> Listener:
    """Whisper, which has heard a waveform."""
    model, _, suppressed = whisper()
    return Listener(model, log_mel(waveform)[None], suppressed=suppressed)


def transcribe(waveform: np.ndarray, beams: int = 1) -> str:
    """What Whisper writes, greedily or with a beam."""
    start, end = prompt()
    if beams > 1:
        config = BeamConfig(n_beams=beams, begin_token=start[1], end_token=end, max_new_tokens=LONGEST)
        tokens = beam_search(listener(waveform), [start[:1]], config)[0][0].tokens
    else:
        config = GenerationConfig(temperature=0, max_new_tokens=LONGEST, end_token=end)
        [tokens] = generate(listener(waveform), [start], config)
    return whisper()[1].decode([token for token in tokens if token != end])


def normalised(text: str) -> str:
    """Lower case, without punctuation, so that only words count as errors."""
    return " ".join(re.findall(r"[a-z0-9']+", text.lower()))


def noisy(waveform: np.ndarray, decibels: float | int, rng: np.random.Generator) -> np.ndarray:
    """With white noise that is so many decibels weaker than the sound."""
    scale = np.sqrt((waveform**2).mean()) * 10 ** (-decibels / 20)
    return np.clip(waveform + rng.normal(0, scale, len(waveform)), -1, 1)


def at_rate(waveform: np.ndarray, factor: float | int) -> np.ndarray:
    """What a recogniser hears that takes a sound of `factor` times its rate for one of 16,000 samples a second."""
    return np.clip(resample(waveform, round(len(waveform) * factor)), -1, 1)


def nothing(kind: str, seconds: float | int, rng: np.random.Generator) -> np.ndarray:
    """Silence, or white noise, or a tone, of a loudness and a pitch at random."""
    time = np.arange(round(seconds * RATE)) / RATE
    loud = float(10 ** rng.uniform(-2.5, -0.5))
    if kind == "silence":
        return np.zeros(len(time))
    if kind == "white noise":
        return np.clip(rng.normal(0, loud / 2, len(time)), -1, 1)
    return loud * np.sin(2 * np.pi * rng.uniform(200, 4_000) * time)


def digits_in(text: str) -> list[str]:
    """The digits that a transcript has, as words."""
    found = re.findall(rf"\d|{'|'.join(DIGITS)}", text.lower())
    return [DIGITS[int(word)] if word.isdigit() else word for word in found]


def digit_string(rng: np.random.Generator) -> tuple[list[str], np.ndarray, list[tuple[float, float]]]:
    """Four digits with pauses of unequal lengths: words, waveform, and when each begins and ends."""
    words = [DIGITS[index] for index in rng.choice(10, 4, replace=False)]
    sound, times = say(words, voice(rng, (90, 160)), rng, HEARD_AT, even=False)
    return words, sound, times


def heard_when(sound: np.ndarray) -> tuple[list[str], np.ndarray]:
    """The tokens that are written, and the cross-attention (layer and head, token, 20 ms) as each is predicted.

    Only the positions of the sound itself are kept, not those of the silence that fills the 30 seconds.
    """
    _, tokenizer, _ = whisper()
    start, end = prompt()
    hears = listener(sound)
    with recorded(hears) as maps:
        [tokens] = generate(hears, [start], GenerationConfig(temperature=0, max_new_tokens=LONGEST, end_token=end))
    words = [tokenizer.decode([token]) for token in tokens if token != end]
    of_layers = []
    for layer in range(len(hears.model.decoder)):
        steps = maps[f"model.decoder.{layer}.cross_attention"][1 : 1 + len(words)]
        of_layers.append(torch.stack([weights[0, :, 0] for weights in steps], dim=1))
    weights = torch.cat(of_layers)[:, :, : round(len(sound) / RATE * 50)]
    return words, weights.numpy()


class Heard(NamedTuple):
    """Of each digit of a string that is written right: when it is spoken, the attention's peaks, and the diagonal's."""

    spoken: np.ndarray  # (N, 2): seconds
    peaks: np.ndarray  # (layer and head, N): seconds
    diagonal: np.ndarray  # (N,): seconds, where the digits are spread evenly


def listen(rng: np.random.Generator) -> Heard:
    """Make a string of digits, let Whisper write it, and compare when with when."""
    words, sound, times = digit_string(rng)
    tokens, weights = heard_when(sound)
    of_words = [index for index, token in enumerate(tokens) if digits_in(token)]
    written = [digits_in(tokens[index])[0] for index in of_words]
    blocks = SequenceMatcher(None, words, written, autojunk=False).get_matching_blocks()
    ours = [block.a + after for block in blocks for after in range(block.size)]
    theirs = [of_words[block.b + after] for block in blocks for after in range(block.size)]
    diagonal = (np.array(ours) + 0.5) * HEARD_AT / len(words)
    return Heard(np.array(times)[ours], weights[:, theirs].argmax(axis=-1) / 50, diagonal)


def within(heard: Heard, when: np.ndarray) -> np.ndarray:
    """Whether each time lies within its digit, or 0.1 seconds around it."""
    return (when >= heard.spoken[:, 0] - 0.1) & (when <= heard.spoken[:, 1] + 0.1)
