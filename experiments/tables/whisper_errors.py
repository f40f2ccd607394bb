"""How Whisper tiny.en and a classic recogniser write down a sentence of Dickens: noise, wrong rates, beams, inventions.

The clips are nine parts of one sentence by one reader, so an interval over them says nothing of other voices. Sounds
without words are made here, and so are strings of digits, whose words begin and end at known times.
"""

import importlib.util
import json
import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from functools import cache
from typing import Any

import numpy as np
import torch
from scipy.signal import resample

from course_lib import data
from course_lib.attention import recorded
from course_lib.generation import BeamConfig, GenerationConfig, beam_search, generate
from course_lib.metrics import bootstrap_interval
from course_lib.metrics.speech import word_error_counts
from course_lib.pretrained import load_whisper
from course_lib.speech import RATE, Listener, Whisper, log_mel
from course_lib.tokenizers import BPETokenizer
from experiments.shared import one_core, rounded
from experiments.spoken import DIGITS, say, voice

COLUMNS = ("WER", "gain", "written", "words", "no speech", "within", "transcripts")
KINDS = ("silence", "white noise", "hum", "tone", "clicks")
SOUNDS, STRINGS = 10, 12  # sounds of each kind, and strings of digits
LONGEST = 60  # tokens
HEARD_AT = 6.0  # seconds of a string of digits


def lacks() -> str | None:
    """What this machine lacks, in words."""
    there = importlib.util.find_spec("pocketsphinx") is not None
    return None if there else "whisper_errors needs pocketsphinx: `pip install -r tests/requirements.txt`"


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


def classic(waveform: np.ndarray) -> str:
    """What pocketsphinx writes: Gaussian mixtures, a hidden Markov model, and a trigram model of words."""
    import pocketsphinx

    decoder = pocketsphinx.Decoder(samprate=RATE, loglevel="FATAL")
    decoder.start_utt()
    decoder.process_raw((waveform * 32_767).astype("<i2").tobytes(), full_utt=True)
    decoder.end_utt()
    found = decoder.hyp()
    return found.hypstr if found else ""


def normalised(text: str) -> str:
    """Lower case, without punctuation, so that only words count as errors."""
    return " ".join(re.findall(r"[a-z0-9']+", text.lower()))


def noisy(waveform: np.ndarray, decibels: float, rng: np.random.Generator) -> np.ndarray:
    """With white noise that is so many decibels weaker than the sound."""
    scale = np.sqrt((waveform**2).mean()) * 10 ** (-decibels / 20)
    return np.clip(waveform + rng.normal(0, scale, len(waveform)), -1, 1)


def at_rate(waveform: np.ndarray, factor: float) -> np.ndarray:
    """What a recogniser hears that takes a sound of `factor` times its rate for one of 16,000 samples a second."""
    return np.clip(resample(waveform, round(len(waveform) * factor)), -1, 1)


@cache
def counts(system: str, condition: str, seed: int) -> tuple[np.ndarray, list[str]]:
    """Errors and words of each clip, and the transcripts. A condition is "clean", "N dB" or "rate F"."""
    rng, found, said = np.random.default_rng(seed), [], []
    for text, sound in data.speech_clips()[:-1]:
        kind, _, value = condition.partition(" ")
        heard = at_rate(sound, float(value)) if kind == "rate" else sound
        heard = noisy(sound, float(kind), rng) if value == "dB" else heard
        written = classic(heard) if system == "pocketsphinx" else transcribe(heard, int(system.split()[-1]))
        said.append(normalised(written))
        found.append(word_error_counts(said[-1], text))
    return np.array(found), said


def row(system: str, condition: str, seed: int = 0) -> dict[str, Any]:
    """The word error rate with its 95% interval over the clips, and the gain over a beam of 1 on the same clips."""
    with one_core():
        found, said = counts(system, condition, seed)
        base = counts("Whisper, beam 1", condition, seed)[0]
        stored = {
            "WER": rounded(bootstrap_interval(lambda errors, words: errors.sum(-1) / words.sum(-1), *found.T)),
            "gain": rounded(
                bootstrap_interval(
                    lambda ours, theirs, words: (theirs - ours).sum(-1) / words.sum(-1), found[:, 0], *base.T
                )
            ),
            "transcripts": said,
        }
    return _row("errors", system, condition, seed) | stored


def _row(part: str, system: str, condition: str, seed: int) -> dict[str, Any]:
    settings = {"part": part, "system": system, "condition": condition, "seed": seed}
    return settings | dict.fromkeys(COLUMNS)


def sound_without_words(kind: str, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Silence, or noise, mains hum, a tone or clicks of a loudness and pitch at random."""
    time = np.arange(round(seconds * RATE)) / RATE
    loud = float(10 ** rng.uniform(-2.5, -0.5))
    if kind == "silence":
        return np.zeros(len(time))
    if kind == "white noise":
        return np.clip(rng.normal(0, loud / 2, len(time)), -1, 1)
    if kind == "hum":
        return loud * sum(np.sin(2 * np.pi * rng.choice([50, 60]) * k * time) / k for k in (1, 2, 3)) / 2
    if kind == "tone":
        return loud * np.sin(2 * np.pi * rng.uniform(200, 4_000) * time)
    clicks = np.zeros(len(time))
    clicks[rng.integers(len(time), size=rng.integers(5, 40))] = loud
    return clicks


def invented(kind: str) -> dict[str, Any]:
    """The share of sounds without words in which Whisper writes some, how many, and how sure it is that none is said.

    Whisper's own mark for "no speech" is a token that it may put in the place of the first one.
    """
    rng, said, sure = np.random.default_rng(0), [], []
    start, _ = prompt()
    [mark] = whisper()[1].encode("<|nocaptions|>", special=True)
    with one_core(), torch.no_grad():
        for _ in range(1 if kind == "silence" else SOUNDS):
            sound = sound_without_words(kind, float(rng.uniform(1, 20)), rng)
            said.append(normalised(transcribe(sound)))
            logits = whisper()[0](log_mel(sound)[None], torch.tensor([start[:1]]))[0, -1]
            sure.append(float(logits.softmax(dim=-1)[mark]))
    return _row("inventions", "Whisper, beam 1", kind, 0) | {
        "written": round(float(np.mean([bool(text) for text in said])), 3),
        "words": round(float(np.mean([len(text.split()) for text in said])), 2),
        "no speech": [round(value, 3) for value in sure],
        "transcripts": said,
    }


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


@cache
def _aligned(split: str) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Of each string's digits that are written right: their times, the attention's peaks, and the diagonal's."""
    rng, found = np.random.default_rng({"validation": 100, "test": 0}[split]), []
    for _ in range(STRINGS):
        words, sound, times = digit_string(rng)
        tokens, weights = heard_when(sound)
        of_words = [index for index, token in enumerate(tokens) if digits_in(token)]
        written = [digits_in(tokens[index])[0] for index in of_words]
        blocks = SequenceMatcher(None, words, written, autojunk=False).get_matching_blocks()
        ours = [block.a + after for block in blocks for after in range(block.size)]
        theirs = [of_words[block.b + after] for block in blocks for after in range(block.size)]
        if ours:
            diagonal = (np.array(ours) + 0.5) * HEARD_AT / len(words)
            found.append((np.array(times)[ours], weights[:, theirs].argmax(axis=-1) / 50, diagonal))
    return found


def _within(times: np.ndarray, peaks: np.ndarray) -> np.ndarray:
    """Whether each peak lies within its word, or 0.1 seconds around it."""
    return (peaks >= times[:, 0] - 0.1) & (peaks <= times[:, 1] + 0.1)


def aligned(system: str) -> dict[str, Any]:
    """The share of digits in whose time the peak lies: the best head (chosen on other strings), and controls."""
    with one_core():
        validation, test = _aligned("validation"), _aligned("test")
    chosen = np.mean([_within(times, peaks).mean(axis=-1) for times, peaks, _ in validation], axis=0).argmax()
    shares, words = [], 0
    for index, (times, peaks, diagonal) in enumerate(test):
        other = test[index - 1][1][chosen]
        places = {
            "best head": peaks[chosen],
            "all heads": peaks,
            "diagonal": diagonal,
            "another string's": np.resize(other, len(times)),
        }
        shares.append(float(_within(times, places[system]).mean()))
        words += len(times)
    score = rounded(bootstrap_interval(lambda x: x.mean(-1), np.array(shares)))
    layer, head = divmod(int(chosen), whisper()[0].config.n_heads)
    return _row("alignment", system, f"layer {layer + 1}, head {head + 1}", 0) | {"within": score, "words": words}


def rows() -> Iterator[dict[str, Any]]:
    """Noise and wrong rates by system, what is invented, and when words are heard."""
    for condition in ("clean", "10 dB", "0 dB"):
        for seed in range(1 if condition == "clean" else 3):
            yield row("Whisper, beam 1", condition, seed)
    for condition in ("clean", "10 dB"):  # 30 seconds of one core each
        yield row("pocketsphinx", condition)
    for seed in range(3):
        yield row("Whisper, beam 5", "0 dB", seed)
    for factor in (0.5, 0.75, 3):
        yield row("Whisper, beam 1", f"rate {factor}")
    for kind in KINDS:
        yield invented(kind)
    for system in ("best head", "all heads", "diagonal", "another string's"):
        yield aligned(system)


PARTS = ("row", "invented", "aligned")
