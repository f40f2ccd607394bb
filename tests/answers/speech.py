"""Answers to the exercises of speech, as readers write them: right ones, and wrong ones with their words."""

import numpy as np
import torch


def by_formula():
    top = 15 + 27 * np.log(8) / np.log(6.4)
    mels = (np.array([10, 25, 40, 55, 70]) + 1) * top / 81
    return np.where(mels < 15, mels * 200 / 3, 1000 * np.exp((mels - 15) * np.log(6.4) / 27))


def spectrum(wave, window=True, floor=1e-10, square=2, log=torch.log10, hop=160, added=0.0):
    rows = []
    for start in range(0, len(wave) - 399, hop):
        piece = wave[start : start + 400]
        if window:
            piece = piece * torch.hann_window(400)
        rows.append(torch.fft.rfft(piece).abs() ** square + added)
    return log(torch.stack(rows).clamp(min=floor))


def by_stft(wave):
    found = torch.stft(wave, 400, 160, window=torch.hann_window(400), center=False, return_complex=True)
    return found.abs().square().clamp(min=1e-10).log10().T


def whole_faded(wave):
    return spectrum(wave * torch.hann_window(len(wave)), window=False)


def warped(far, ways=((-1, -1), (-1, 0), (0, -1))):
    best = {}
    for i in range(len(far)):
        for j in range(len(far[0])):
            before = [best[i + a, j + b] for a, b in ways if (i + a, j + b) in best]
            best[i, j] = far[i][j] + (min(before) if before else 0)
    return best[len(far) - 1, len(far[0]) - 1]


def recursive(far):
    if far.shape == (1, 1):
        return far[0, 0]
    shorter = []
    if far.shape[0] > 1:
        shorter.append(recursive(far[:-1]))
    if far.shape[1] > 1:
        shorter.append(recursive(far[:, :-1]))
    if far.shape[0] > 1 and far.shape[1] > 1:
        shorter.append(recursive(far[:-1, :-1]))
    return far[-1, -1] + min(shorter)


def no_diagonal(far):
    return warped(far, ways=((-1, 0), (0, -1)))


def nearest_step(far):
    i = j = 0
    total = far[0, 0]
    while i < far.shape[0] - 1 or j < far.shape[1] - 1:
        ways = [(i + 1, j + 1), (i + 1, j), (i, j + 1)]
        ways = [(a, b) for a, b in ways if a < far.shape[0] and b < far.shape[1]]
        i, j = min(ways, key=lambda way: far[way])
        total += far[i, j]
    return total


def straight(far):
    T, U = far.shape
    return sum(far[min(n, T - 1), min(n, U - 1)] for n in range(max(T, U)))


def last_row(far):
    return min(warped(far[:, : end + 1]) for end in range(far.shape[1]))


def free_start(far):
    best = np.zeros((far.shape[0] + 1, far.shape[1] + 1))
    for i, row in enumerate(far):
        for j, value in enumerate(row):
            best[i + 1, j + 1] = value + min(best[i, j], best[i, j + 1], best[i + 1, j])
    return best[-1, -1]


def free_border(transcript, reference):
    said, right = transcript.split(), reference.split()
    costs = np.zeros((len(said) + 1, len(right) + 1), dtype=int)
    for i, word in enumerate(said):
        for j, other in enumerate(right):
            costs[i + 1, j + 1] = min(costs[i, j] + (word != other), costs[i, j + 1] + 1, costs[i + 1, j] + 1)
    return int(costs[-1, -1])


def distance(a, b, change=1):
    if not a or not b:
        return len(a) + len(b)
    if a[-1] == b[-1]:
        return distance(a[:-1], b[:-1], change)
    return min(
        distance(a[:-1], b, change) + 1, distance(a, b[:-1], change) + 1, distance(a[:-1], b[:-1], change) + change
    )


def errors(transcript, reference):
    return distance(transcript.split(), reference.split())


def of_characters(transcript, reference):
    row = list(range(len(reference) + 1))
    for i, one in enumerate(transcript, start=1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(reference, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (one != other))
    return row[-1]


def by_library(transcript, reference):
    from course_lib.metrics.speech import word_error_counts

    return int(word_error_counts(transcript, reference)[0])


def by_place(transcript, reference):
    ours, theirs = transcript.split(), reference.split()
    wrong = abs(len(ours) - len(theirs))
    for a, b in zip(ours, theirs, strict=False):
        wrong += a != b
    return wrong


def choice(voices=8, shift=4, loudness=0.0, rate=0.002):
    return lambda: {"voices": voices, "shift": shift, "loudness": loudness, "rate": rate}


RIGHT = {
    "staircase": [by_formula, lambda: [400, 960, 1_720, 3_060, 5_450]],
    "log_spectrum": [spectrum, by_stft],
    "warped_distance": [warped, recursive],
    "word_errors": [errors, by_library],
    "train_recogniser": [choice()],
}
WRONG = {
    "staircase": [
        (lambda: np.linspace(400, 5_450, 5), "equal steps in Hz are not equal steps of the picture"),
        (lambda: np.geomspace(400, 5_450, 5), "an equal ratio from each to the next"),
        (lambda: [5_450, 3_060, 1_720, 960, 400], "the order is turned round"),
        (lambda: [0.4, 0.96, 1.72, 3.06, 5.45], "the largest is below 100"),
        (lambda: [400, 960, 1_720], "five frequencies are expected, but these are 3."),
        (lambda: [400, 960, 1_720, 3_060, 9_000], "each frequency is above 0 and below 8,000 Hz"),
        (lambda: "low to high", "five frequencies in Hz are expected, in a list."),
    ],
    "log_spectrum": [
        (lambda wave: spectrum(wave, floor=0.0), "silence still gives minus infinity"),
        (lambda wave: spectrum(wave, window=False), "is still smeared over all frequencies"),
        (lambda wave: spectrum(wave, square=1), "this is the logarithm of the magnitude"),
        (lambda wave: spectrum(wave, log=torch.log), "this is the natural logarithm"),
        (lambda wave: spectrum(wave, hop=200), "do not begin every 160 samples"),
        (lambda wave: spectrum(wave, added=1e-10), "1e-10 is added to every power"),
        (whole_faded, "the whole waveform is faded"),
        (lambda wave: spectrum(wave, floor=1e-20), "a silence must be -10"),
    ],
    "warped_distance": [
        (no_diagonal, "right and down at once is missing"),
        (free_start, "this path may begin in the middle of a clip"),
        (nearest_step, "this path goes to the nearest next cell"),
        (straight, "only diagonal steps are taken"),
        (lambda far: warped(far) / sum(far.shape), "return the sum"),
        (lambda far: warped(far) / max(far.shape), "return the sum"),
        (last_row, "this is the least of the last row"),
        (lambda far: warped(far) - far[0, 0], "the first cell's own distance is missing"),
    ],
    "word_errors": [
        (of_characters, "these are edits of characters"),
        (by_place, "compared place by place"),
        (lambda a, b: sum(x != y for x, y in zip(a.split(), b.split(), strict=False)), "compared place by place"),
        (free_border, "the first row and the first column are 0"),
        (lambda a, b: distance(a.split(), b.split(), change=2), "a changed word counts twice"),
        (lambda a, b: len(set(a.split()) ^ set(b.split())), "a set knows neither order nor repetition"),
        (lambda a, b: abs(len(a.split()) - len(b.split())), "this is the difference of the lengths"),
        (lambda a, b: errors(a, b) / max(len(b.split()), 1), "return the number of errors"),
    ],
    "train_recogniser": [
        (choice(voices=2, shift=0, rate=0.03), "a learning rate between 0.001 and 0.005."),
        (choice(voices=1, shift=0), "more voices"),
        (choice(voices=3), "voices is 1, 2, 4 or 8, but yours is 3."),
        (choice(shift=-1), "shift is a whole number from 0 to 20, but yours is -1."),
        (choice(loudness=5), "loudness is a number from 0 to 2, but yours is 5."),
        (choice(rate=1), "rate is a number from 0 to 0.1, but yours is 1."),
        (lambda: {"voices": 2}, "a dictionary with voices, shift, loudness, rate is expected"),
    ],
}
