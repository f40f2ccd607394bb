"""Whisper tiny.en beside CTranslate2, which reads the same file: on four clips of a person's reading, the same."""

import ctranslate2
import numpy as np
import pytest
import torch

from course_lib import data
from course_lib.generation import BeamConfig, GenerationConfig, beam_search, generate
from course_lib.speech import Listener, log_mel
from experiments.listening import LONGEST, prompt, whisper

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def mels():
    return torch.stack([log_mel(sound) for _, sound in data.speech_clips()[:4]])


@pytest.fixture(scope="module")
def memory(mels):
    with torch.no_grad():
        return whisper()[0].encode(mels)


@pytest.fixture(scope="module")
def peer():
    return ctranslate2.models.Whisper(str(data.whisper_folder()), compute_type="float32", intra_threads=1)


def view(array):
    return ctranslate2.StorageView.from_array(np.ascontiguousarray(array))


def test_the_encoder_has_the_values_of_ctranslate2(mels, memory, peer):
    theirs = np.array(peer.encode(view(mels.numpy()), to_cpu=True))
    np.testing.assert_allclose(memory.numpy(), theirs, atol=1e-3)


@pytest.mark.parametrize("beams", [1, 5])
def test_the_same_tokens_as_ctranslate2_greedily_and_with_a_beam(mels, memory, peer, beams):
    model, _, suppressed = whisper()
    start, end = prompt()
    options = {"beam_size": beams, "max_length": LONGEST + len(start), "suppress_tokens": suppressed}
    heard = peer.generate(view(memory.numpy()), [start] * len(mels), suppress_blank=False, **options)
    theirs = [found.sequences_ids[0] for found in heard]
    listener = Listener(model, mels, suppressed=suppressed)
    if beams == 1:
        config = GenerationConfig(temperature=0, max_new_tokens=LONGEST, end_token=end)
        written = generate(listener, [start] * len(mels), config)
    else:
        config = BeamConfig(n_beams=beams, begin_token=start[1], end_token=end, max_new_tokens=LONGEST)
        written = [found[0].tokens for found in beam_search(listener, [start[:1]] * len(mels), config)]
    ours = [[token for token in tokens if token != end] for tokens in written]
    assert ours == theirs and min(map(len, ours)) > 10
