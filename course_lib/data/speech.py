"""A sentence of Dickens as a person reads it, in nine clips with their texts, and one in which nobody speaks."""

import wave

import numpy as np
from jaxtyping import Float

from course_lib.data.files import data_files

__all__ = ["speech_clips"]

RATE, THEIRS = 16_000, 48_000  # samples a second, of a clip here and in the file
CLIPS = {  # when each ends, in seconds: in the middle of a pause
    4.79: "it was the best of times it was the worst of times",
    8.51: "it was the age of wisdom it was the age of foolishness",
    13.12: "it was the epoch of belief it was the epoch of incredulity",
    17.12: "it was the season of light it was the season of darkness",
    20.86: "it was the spring of hope it was the winter of despair",
    26.29: "we had everything before us we had nothing before us we were all going direct to heaven",
    32.52: "we were all going direct the other way in short the period was so far like the present period",
    36.76: "that some of its noisiest authorities insisted on its being received",
    42.25: "for good or for evil in the superlative degree of comparison only",
    44.37: "",
}


def speech_clips() -> list[tuple[str, Float[np.ndarray, " W"]]]:
    """Text, in lower case without punctuation, and waveform of each clip: 16,000 samples a second, from -1 to 1.

    The last one has no words: it is the silence at the end. The texts are the book's.
    """
    from scipy.signal import resample_poly  # slow to import, and no other loader needs it

    (path,) = data_files("moonshine-voice", "*/two_cities.wav")
    with wave.open(str(path)) as file:
        sound = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32_768
    waveform = np.clip(resample_poly(sound, 1, THEIRS // RATE), -1, 1)
    ends = [round(end * RATE) for end in CLIPS]
    return list(zip(CLIPS.values(), np.split(waveform, ends)[: len(CLIPS)], strict=True))
