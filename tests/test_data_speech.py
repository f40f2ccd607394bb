"""Clips of a read sentence: their texts, lengths and loudness."""

import numpy as np
import pytest

from course_lib import data


def test_clips_of_a_sentence():
    clips = data.speech_clips()
    texts = [text for text, _ in clips]
    assert len(clips) == 10 and sum(len(text.split()) for text in texts) == 119 and texts[-1] == ""
    assert texts[0] == "it was the best of times it was the worst of times"
    assert [len(sound) for _, sound in clips[:3]] == [76_640, 59_520, 73_760]
    assert all(sound.ndim == 1 and np.abs(sound).max() < 0.2 for _, sound in clips)
    loud = [float(np.sqrt((sound**2).mean())) for _, sound in clips]
    assert loud[-1] < 0.3 * min(loud[:-1])
    assert clips[0][1][20_000] == pytest.approx(-0.025533, abs=1e-4)
