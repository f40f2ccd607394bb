"""Exercises of the notebook speech."""

import math
import random
from functools import cache

import numpy as np
import torch
from course_lib import files
from course_lib.speech import RATE, log_mel
from experiments.shared import worst_by_change
from experiments.tables import spoken_settings

from classroom.answers import Mistake
from classroom.exercise import case, exercise, experiment

__all__ = ["log_spectrum", "staircase", "train_recogniser", "warped_distance", "word_errors"]

BANDS = (10, 25, 40, 55, 70)


def _tone(hertz, seconds=0.1):
    time = torch.arange(round(seconds * RATE)) / RATE
    return 0.5 * torch.sin(2 * math.pi * hertz * time)


def _steps(design):
    """From five frequencies to whether a tone of each is loudest in the band that is wanted."""

    def asked(number):
        try:
            hertz = [float(value) for value in design()]
        except (TypeError, ValueError):
            raise Mistake("five frequencies in Hz are expected, in a list.") from None
        if len(hertz) != len(BANDS):
            raise Mistake(f"five frequencies are expected, but these are {len(hertz)}.")
        if not all(0 < value < 8_000 for value in hertz):
            raise Mistake("each frequency is above 0 and below 8,000 Hz, half of the sampling rate.")
        if max(hertz) < 100:
            raise Mistake("the largest is below 100: are these kilohertz, mels or bands? Return Hz.")
        band = int(log_mel(_tone(hertz[number - 1]), seconds=0.1).mean(dim=1).argmax())
        wanted = BANDS[number - 1]
        if abs(band - wanted) <= 1:
            return f"near band {wanted}"
        return f"above band {wanted}" if band > wanted else f"below band {wanted}"

    return asked


@exercise(
    kind="design",
    through=_steps,
    praise="below 1,000 Hz, equal steps of the picture are equal steps in Hz; above, they are equal ratios.",
    cases=lambda seed: [(number,) for number in range(1, 6)],
    wrong={
        "the ends are right, but the three between them are too high: equal steps in Hz are not equal steps of the picture.": {
            "hertz": np.linspace(405, 5_450, 5)
        },
        "the ends are right, but not all between them: an equal ratio from each to the next does not fit below 1,000 Hz.": {
            "hertz": np.geomspace(405, 5_450, 5)
        },
        "the order is turned round: the lowest comes first.": {"hertz": (5_450, 3_065, 1_722, 962, 405)},
    },
)
def staircase(*, hertz=(405, 962, 1_722, 3_065, 5_450)):
    """Frequencies in Hz of five tones that are loudest in the bands 10, 25, 40, 55 and 70."""
    return list(hertz)


def _smeared(wave):
    frames = wave.unfold(0, 400, 160)
    spectrum = torch.fft.rfft(frames)
    return torch.log10(spectrum.abs() ** 2)


def _windows(wave):
    return wave.unfold(0, 400, 160)


@exercise(
    kind="debug",
    found=_smeared,
    praise="with Hann's window a tone between two frequencies stays narrow, and silence is -10, a number.",
    cases=lambda seed: [
        (_tone(1_020),),
        (0.1 * torch.randn(2_000, generator=torch.Generator().manual_seed(seed)),),
        case(torch.cat([torch.zeros(800), _tone(1_000)]), edge="a silence before the tone"),
    ],
    wrong={
        "1e-10 is added to every power, which changes all small ones: raise only those that are below it.": {
            "power": lambda spectrum: spectrum.abs() ** 2 + 1e-10
        },
        "silence still gives minus infinity: let no power be below 1e-10 before the logarithm.": {"floor": 0.0},
        "the tone of 1,020 Hz is still smeared over all frequencies: fade each window in and out before its spectrum.": {"fade": torch.ones},
        "this is the logarithm of the magnitude, half of that of the power: square it.": {"power": lambda spectrum: spectrum.abs()},
        "this is the natural logarithm: use log10.": {"log": torch.log},
        "the windows do not begin every 160 samples any more.": {"frames": lambda wave: wave.unfold(0, 400, 200)},
        "the whole waveform is faded in and out, not each window.": {
            "frames": lambda wave: (wave * torch.hann_window(len(wave))).unfold(0, 400, 160),
            "fade": torch.ones,
        },
        "1e-10 is added to the magnitude before it is squared, or the floor is another: a silence must be -10.": {"floor": 1e-20},
    },
)
def log_spectrum(wave, *, frames=_windows, fade=torch.hann_window, power=lambda spectrum: spectrum.abs() ** 2, floor=1e-10, log=torch.log10):
    """The logarithm (base 10) of the power of each frequency in windows of 400 samples, one every 160."""
    spectrum = torch.fft.rfft(frames(wave) * fade(400))
    return log(power(spectrum).clamp(min=floor))


def _least(far, diagonal, above, beside, start=0.0):
    T, U = far.shape
    best = np.full((T + 1, U + 1), math.inf)
    best[0, 0] = start
    for i in range(T):
        for j in range(U):
            ways = [best[i, j] if diagonal else math.inf, best[i, j + 1] if above else math.inf, best[i + 1, j] if beside else math.inf]
            if i == j == 0:
                ways = [best[0, 0]]
            best[i + 1, j + 1] = far[i, j] + min(ways)
    return best[1:, 1:]


def _from_anywhere(far, beside, above):
    T, U = far.shape
    best = np.full((T + 1, U + 1), math.inf)
    best[:, 0], best[0] = beside, above
    best[0, 0] = 0.0
    for i in range(T):
        for j in range(U):
            best[i + 1, j + 1] = far[i, j] + min(best[i, j], best[i, j + 1], best[i + 1, j])
    return best[T, U]


def _greedy(far):
    i = j = 0
    total = far[0, 0]
    while (i, j) != (far.shape[0] - 1, far.shape[1] - 1):
        ways = [(a, b) for a, b in ((i + 1, j + 1), (i + 1, j), (i, j + 1)) if a < far.shape[0] and b < far.shape[1]]
        i, j = min(ways, key=lambda way: far[way])
        total += far[i, j]
    return float(total)


def _distances(seed, T, U):
    return np.round(np.random.default_rng(seed).uniform(0, 9, (T, U)), 1)


@exercise(
    praise="each cell: its own distance plus the least of the three cells before it; the last cell is the answer.",
    cases=lambda seed: [
        (np.array([[1.0, 5.0, 9.0], [4.0, 1.0, 2.0], [9.0, 3.0, 1.0]]),),
        (np.array([[0.0, 1.0, 9.0, 9.0], [9.0, 9.0, 1.0, 9.0], [9.0, 9.0, 9.0, 1.0]]),),
        (_distances(seed, 5, 7),),
        (_distances(seed + 1, 6, 4),),
        case(_distances(seed + 2, 1, 4), edge="a single row"),
        case(_distances(seed + 3, 4, 1), edge="a single column"),
    ],
    wrong={
        "the step to the right and down at once is missing.": {"diagonal": False},
        "this path may begin in the middle of a clip: outside the table, all costs but the one before the first cell are infinite.": [
            lambda far: float(_from_anywhere(far, math.inf, 0.0)),
            lambda far: float(_from_anywhere(far, 0.0, 0.0)),
        ],
        "this path goes to the nearest next cell each time: a small step now may lead into large ones. Fill the whole table.": _greedy,
        "only diagonal steps are taken: time can also stand still in either clip.": lambda far: float(
            sum(far[min(i, far.shape[0] - 1), min(i, far.shape[1] - 1)] for i in range(max(far.shape)))
        ),
        "the sum is divided by its number of cells, or of steps: return the sum.": [
            {"total": lambda best: best[-1, -1] / sum(best.shape)},
            {"total": lambda best: best[-1, -1] / max(best.shape)},
        ],
        "this is the least of the last row: both clips must be heard to their ends.": {"total": lambda best: best[-1].min()},
        "the first cell's own distance is missing.": {"total": lambda best: best[-1, -1] - best[0, 0]},
    },
)
def warped_distance(far, *, diagonal=True, total=lambda best: best[-1, -1]):
    """The least sum of distances along a path from the first cell to the last, by steps right, down, or both."""
    return float(total(_least(far, diagonal, True, True)))


def _misheard(seed):
    dice = random.Random(seed)
    return tuple(" ".join(dice.choices("it was the best of times".split(), k=dice.randint(4, 8))) for _ in range(2))


def _edits(transcript, reference, change=1):
    row = list(range(len(reference) + 1))
    for i, word in enumerate(transcript, start=1):
        above, row = row, [i]
        for j, right in enumerate(reference, start=1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + change * (word != right)))
    return row[-1]


def _from_zeros(transcript, reference):
    row = [0] * (len(reference.split()) + 1)
    for word in transcript.split():
        above, row = row, [0]
        for j, right in enumerate(reference.split(), start=1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (word != right)))
    return row[-1]


def _unlike(some, others):
    return sum(a != b for a, b in zip(some, others, strict=False))


@exercise(
    praise="a change, an extra word and a missing word cost 1 each, and the table finds the fewest.",
    cases=lambda seed: [
        ("the cat sat on mat", "a cat sat on the mat"),
        ("it was the best of time", "it was the best of times"),
        ("you", "for good or for evil"),
        ("so so far far like", "so far like"),
        _misheard(seed),
        ("was it the worst of times", "it was the worst of times"),
        case("", "two words", edge="an empty transcript"),
        case("you", "", edge="a reference without words"),
    ],
    wrong={
        "these are edits of characters: split both texts into words first.": lambda transcript, reference: _edits(transcript, reference),
        "the words are compared place by place: after one missing word, all others count as wrong.": [
            lambda transcript, reference: _unlike(transcript.split(), reference.split()),
            lambda transcript, reference: _unlike(transcript.split(), reference.split()) + abs(len(transcript.split()) - len(reference.split())),
        ],
        "a changed word counts twice here, as one too many and one missing: it costs 1.": {"change": 2},
        "the first row and the first column are 0: they hold the number of words so far.": _from_zeros,
        "the order is not looked at: a set knows neither order nor repetition.": lambda transcript, reference: len(
            set(transcript.split()) ^ set(reference.split())
        ),
        "this is the difference of the lengths: a wrong word is an error, too.": lambda transcript, reference: abs(
            len(transcript.split()) - len(reference.split())
        ),
        "this is the rate, a number per word of the reference: return the number of errors.": {"per": lambda words: max(len(words), 1)},
    },
)
def word_errors(transcript, reference, *, change=1, per=lambda words: 1):
    """The fewest words to change, add or leave out that make the reference of the transcript."""
    words = reference.split()
    return _edits(transcript.split(), words, change) / per(words)


def _stored():
    rows = [row for row in files.load_results("spoken_settings")["rows"] if row["seed"] == DRAWN]
    return worst_by_change(rows, spoken_settings.CHOICE, "error")


DRAWN = 1  # the seed of the voices that are recorded: another draw is luckier or less so, by more than most choices


@cache
def _error(**choice):
    return spoken_settings.row(**choice, seed=DRAWN)["error"][0]


def _choice(**changes):
    return spoken_settings.CHOICE | changes


@experiment(
    goal=0.18,
    unit="error rate on high voices",
    stored=_stored,
    advice={
        "a learning rate between 0.001 and 0.005.": lambda choice: not 0.001 <= choice["rate"] <= 0.005,
        "more voices: one person's accent is no one else's.": lambda choice: choice["voices"] < 4,
        "a smaller change of the loudness.": lambda choice: choice["loudness"] > 0.3,
        "pictures that are moved up and down by a few bands: a higher voice has all its resonances higher.": lambda choice: choice["shift"] < 2,
        "a smaller shift: too far, and one vowel becomes another.": lambda choice: choice["shift"] > 6,
        "another shift, or another learning rate.": lambda choice: True,
    },
    wrong={
        "a learning rate between 0.001 and 0.005.": lambda: _choice(rate=0.03),
        "more voices": lambda: _choice(voices=1),
        "voices is 1, 2, 4 or 8, but yours is 3.": lambda: _choice(voices=3),
        "shift is a whole number from 0 to 20, but yours is -1.": lambda: _choice(shift=-1),
        "loudness is a number from 0 to 2, but yours is 5.": lambda: _choice(loudness=5),
        "rate is a number from 0 to 0.1, but yours is 1.": lambda: _choice(rate=1),
        "a dictionary with voices, shift, loudness, rate is expected": lambda: {"voices": 2},
    },
)
def train_recogniser(choice, seed):
    """The voices of 80 clips, shift and loudness in training, and the learning rate."""
    if not isinstance(choice, dict) or set(choice) != set(spoken_settings.CHOICE):
        raise Mistake("a dictionary with voices, shift, loudness, rate is expected, and nothing else.")
    if choice["voices"] not in (1, 2, 4, 8):
        raise Mistake(f"voices is 1, 2, 4 or 8, but yours is {choice['voices']!r}.")
    if choice["shift"] not in range(21):
        raise Mistake(f"shift is a whole number from 0 to 20, but yours is {choice['shift']!r}.")
    for name, most in (("loudness", 2), ("rate", 0.1)):
        if not isinstance(choice[name], int | float) or not 0 <= choice[name] <= most:
            raise Mistake(f"{name} is a number from 0 to {most}, but yours is {choice[name]!r}.")
    return _error(**choice)
