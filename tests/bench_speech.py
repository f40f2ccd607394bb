"""Whisper tiny.en beside CTranslate2, which reads the same file in float32: a clip, from sound to text."""

from collections.abc import Callable, Iterator

import ctranslate2
import torch

from course_lib import data
from course_lib.speech import log_mel
from experiments.listening import LONGEST, prompt, transcribe, whisper


def hearing() -> Iterator[tuple[str, Callable, Callable]]:
    """The memory of the first clip of Dickens; then its tokens, greedily and with a beam of 5, memory included."""
    model, _, suppressed = whisper()
    start, _ = prompt()
    _, sound = data.speech_clips()[0]
    threads = torch.get_num_threads()
    peer = ctranslate2.models.Whisper(str(data.whisper_folder()), compute_type="float32", intra_threads=threads)
    options = {"max_length": LONGEST + len(start), "suppress_tokens": suppressed, "suppress_blank": False}

    def heard() -> ctranslate2.StorageView:
        return ctranslate2.StorageView.from_array(log_mel(sound)[None].numpy())

    @torch.inference_mode()
    def encode() -> torch.Tensor:
        return model.encode(log_mel(sound)[None])

    yield "encoder", encode, lambda: peer.encode(heard(), to_cpu=True)
    for beams in (1, 5):
        yield (
            f"12 words, beam of {beams}",
            lambda beams=beams: transcribe(sound, beams),
            lambda beams=beams: peer.generate(heard(), [start], beam_size=beams, **options),
        )


hearing.rounds = 3
