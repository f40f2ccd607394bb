"""Speech made by rule: what is said when, in which voice, and that the sounds differ as they should."""

import numpy as np
import pytest
import torch

from course_lib.speech import RATE, log_mel
from experiments import spoken
from experiments.spoken import DIGITS, say, voice
from experiments.tables.spoken_digits import warped_distances


def test_a_clip_is_loud_where_its_words_are():
    rng = np.random.default_rng(0)
    wave, times = say(["two", "nine"], voice(rng), rng, seconds=4, even=False)
    assert wave.shape == (4 * RATE,) and np.abs(wave).max() <= 1
    spoken_then = np.zeros(len(wave), dtype=bool)
    for begin, end in times:
        spoken_then[round(begin * RATE) : round(end * RATE)] = True
    assert (wave[spoken_then] ** 2).mean() > 5 * (wave[~spoken_then] ** 2).mean()
    assert times[0][1] <= times[1][0]


def test_the_same_seed_says_the_same_and_another_does_not():
    def said(seed):
        rng = np.random.default_rng(seed)
        return say(["six"], voice(rng), rng)[0]

    np.testing.assert_array_equal(said(3), said(3))
    assert np.abs(said(3) - said(4)).max() > 0.01


def test_every_digit_fits_a_clip_in_the_slowest_voice():
    rng = np.random.default_rng(0)
    slow = voice(rng)._replace(speed=float(np.exp(-0.3)))
    assert all(len(say([digit], slow, rng)[0]) == RATE for digit in DIGITS)
    with pytest.raises(ValueError, match="9 words need more than 2 seconds"):
        say(["seven"] * 9, slow, rng, seconds=2)


def test_the_resonances_of_a_vowel_are_where_its_row_says():
    rng = np.random.default_rng(0)
    plain = voice(rng)._replace(pitch=100.0, mouth=1.0, breath=0.0)
    track = np.tile(np.array(spoken.SOUNDS["iy"][:6], dtype=float), (100, 1))
    power = np.abs(np.fft.rfft(spoken._filtered(track, plain, rng))) ** 2
    hertz = np.fft.rfftfreq(100 * spoken.HOP, 1 / RATE)
    upper = (hertz > 1_000) & (hertz < 2_700)
    assert hertz[upper][power[upper].argmax()] == pytest.approx(2_290, abs=120)


def test_warped_distances_of_all_pairs_are_those_of_each_by_hand():
    rng = np.random.default_rng(0)
    mels = [log_mel(say([digit], voice(rng), rng)[0], seconds=1) for digit in ("one", "two", "six")]
    stacked = torch.stack(mels)
    found = warped_distances(stacked[:2], stacked[2:])
    for row, mel in enumerate(stacked[:2].numpy()):
        far = np.linalg.norm(mel[:, ::2].T[:, None] - stacked[2].numpy()[:, ::2].T[None], axis=-1)
        best = np.full((51, 51), np.inf)
        best[0, 0] = 0
        for i in range(50):
            for j in range(50):
                best[i + 1, j + 1] = far[i, j] + min(best[i, j], best[i, j + 1], best[i + 1, j])
        assert found[row, 0] == pytest.approx(best[50, 50], rel=1e-4)
