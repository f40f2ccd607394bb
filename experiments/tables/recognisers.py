"""Whisper tiny.en beside a recogniser of the time before: pocketsphinx, with hidden Markov models and word pairs.

The speech is the nine read clips, as recorded and with white noise as loud as the voice, and made strings of four
digits. With `digits only`, pocketsphinx may write nothing else than digits: its language model is exchanged for a
grammar. A seed draws the noise, or the voices and digits of the strings.
"""

import importlib.util
import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib.metadata import version
from time import process_time
from typing import Any

import numpy as np

from course_lib import data
from course_lib.metrics import bootstrap_interval
from course_lib.metrics.speech import word_error_counts
from experiments.listening import digit_string, noisy, normalised, transcribe
from experiments.shared import one_core, rounded
from experiments.spoken import DIGITS

__all__ = ["error_rate", "lacks", "row", "rows", "spelled"]

PACKAGE = "pocketsphinx==5.1.1"
STRINGS = 10  # of digits, for each seed
SEEDS = (0, 1, 2)
GRAMMAR = f"#JSGF V1.0; grammar digits; public <digits> = ({' | '.join(DIGITS)})+;"


def lacks() -> str | None:
    """What this machine lacks, in words."""
    there = importlib.util.find_spec("pocketsphinx") is not None
    return None if there else f"recognisers needs pocketsphinx: `pip install {PACKAGE}`"


def row(system: str, speech: str, seed: int) -> dict[str, Any]:
    """The word error rate with its 95% interval over the clips; words and errors of each clip."""
    clips = _clips(speech, seed)
    write = _system(system)
    with one_core():
        begin = process_time()
        written = [spelled(write(sound)) for _, sound in clips]
        seconds = process_time() - begin
    errors = np.array([word_error_counts(heard, text)[0] for heard, (text, _) in zip(written, clips, strict=True)])
    words = np.array([len(text.split()) for text, _ in clips])
    return {
        "system": system,
        "speech": speech,
        "seed": seed,
        "version": version("pocketsphinx") if "pocketsphinx" in system else None,
        "seconds per clip": round(seconds / len(clips), 2),
        "words": " ".join(map(str, words)),
        "errors": " ".join(map(str, errors.astype(int))),
        "WER": rounded(bootstrap_interval(error_rate, errors, words)),
    }


def error_rate(errors: np.ndarray, words: np.ndarray) -> np.ndarray | np.floating:
    """All errors divided by all words."""
    return errors.sum(axis=-1) / words.sum(axis=-1)


def spelled(text: str) -> str:
    """Normalised, and each digit as its word: 60 becomes six zero."""
    return normalised(re.sub(r"\d", lambda digit: f" {DIGITS[int(digit[0])]} ", text))


def _clips(speech: str, seed: int) -> list[tuple[str, np.ndarray]]:
    rng = np.random.default_rng(seed)
    if speech == "made digits":
        made = [digit_string(rng) for _ in range(STRINGS)]
        return [(" ".join(words), sound) for words, sound, _ in made]
    read = data.speech_clips()[:-1]
    return read if speech == "read" else [(text, noisy(sound, 0, rng)) for text, sound in read]


def _system(name: str) -> Callable[[np.ndarray], str]:
    if name == "writes nothing":
        return lambda sound: ""
    return transcribe if name == "Whisper" else lambda sound: _heard(_decoder("digits only" in name), sound)


@cache
def _decoder(digits_only: bool) -> Any:
    from pocketsphinx import Decoder

    if not digits_only:
        return Decoder(samprate=16_000, loglevel="FATAL")
    decoder = Decoder(samprate=16_000, loglevel="FATAL", lm=None)
    decoder.add_jsgf_string("digits", GRAMMAR)
    decoder.activate_search("digits")
    return decoder


def _heard(decoder: Any, sound: np.ndarray) -> str:
    samples = (np.clip(sound, -1, 1) * 32_767).astype("<i2").tobytes()
    decoder.start_utt()
    decoder.process_raw(samples, full_utt=True)
    decoder.end_utt()
    found = decoder.hyp()
    return found.hypstr if found else ""


def rows() -> Iterator[dict[str, Any]]:
    """Every system on every kind of speech; digits only where only digits are said."""
    for system in ("writes nothing", "Whisper", "pocketsphinx"):
        yield row(system, "read", 0)
        yield row(system, "read, noise", 0)
        for seed in SEEDS:
            yield row(system, "made digits", seed)
    for seed in SEEDS:
        yield row("pocketsphinx, digits only", "made digits", seed)
