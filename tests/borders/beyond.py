"""Borders of `vision` and `speech`, and of their data."""

from functools import partial

import numpy as np
import torch
from course_lib import data
from course_lib.bert import BERTConfig
from course_lib.metrics.speech import word_error_counts, word_error_rate
from course_lib.speech import Listener, Whisper, WhisperConfig, log_mel, mel_filters
from course_lib.vision import TwoTowers, ViT, ViTConfig, contrastive_loss, patches, pixels
from torch import nn

from borders import Border

PICTURE = np.zeros((4, 6, 3), np.uint8)
CONFIG = ViTConfig(image_size=10, patch_size=5, d_model=6, n_layers=1, n_heads=2, d_ff=5)
MODEL = ViT(CONFIG)


def rows(of, *each):
    return [Border(of, mistake, call, says) for mistake, call, says in each]


def sized(**changes):
    return partial(ViTConfig, **{"image_size": 10, "patch_size": 5, "d_model": 6, "n_heads": 2} | changes)


def towers(pictures=None, texts=None, sizes=(5, 7, 3)):
    return TwoTowers(pictures or nn.Identity(), texts or nn.Identity(), *sizes)


VISION = [
    *rows(
        "data.emoji",
        ("a word", lambda: data.emoji("no"), "skin_tones must be True or False, but it is 'no'"),
        ("a number", lambda: data.emoji(5), "skin_tones must be True or False"),
    ),
    *rows(
        "vision.pixels",
        ("none", lambda: pixels([]), "pictures must be a list of arrays of one size"),
        ("one number", lambda: pixels(3), "pictures must be a list of arrays of one size"),
        ("two sizes", lambda: pixels([PICTURE, PICTURE[:2]]), "pictures must be a list of arrays of one size"),
        ("one picture", lambda: pixels(PICTURE), "pictures must be arrays of 8-bit integers (height, width, 3)"),
        ("floats", lambda: pixels([PICTURE / 255]), "pictures must be arrays of 8-bit integers (height, width, 3)"),
        ("colours first", lambda: pixels([PICTURE.transpose(2, 0, 1)]), "pictures must be arrays of 8-bit integers"),
    ),
    *rows(
        "vision.patches",
        ("an array", lambda: patches(np.zeros((1, 3, 4, 4)), 2), "pictures must be a tensor of floats (batch, colours, height, width)"),
        ("one picture", lambda: patches(torch.zeros(3, 4, 4), 2), "pictures must be a tensor of floats"),
        ("bytes", lambda: patches(torch.zeros(1, 3, 4, 4, dtype=torch.uint8), 2), "pictures must be a tensor of floats"),
        ("a size that does not fit", lambda: patches(torch.zeros(1, 3, 4, 6), 4), "the patches' size must divide width, but they are 4 and 6"),
        ("size 0", lambda: patches(torch.zeros(1, 3, 4, 4), 0), "the patches' size must divide height, but they are 0 and 4"),
        ("size of a fraction", lambda: patches(torch.zeros(1, 3, 4, 4), 0.5), "the patches' size must be an integer"),
    ),
    *rows(
        "vision.ViTConfig",
        ("patches that do not fit", sized(patch_size=3), "patch_size must divide image_size, but they are 3 and 10"),
        ("heads that do not fit", sized(n_heads=4), "n_heads must divide d_model, but they are 4 and 6"),
        ("no layers", sized(n_layers=0), "n_layers must be at least 1"),
        ("a width of text", sized(d_ff="6"), "d_ff must be an integer"),
        ("dropout 1", sized(dropout=1), "dropout must be at least 0 and below 1"),
        ("epsilon 0", sized(norm_eps=0), "norm_eps must be above 0"),
    ),
    *rows(
        "vision.ViT",
        ("another config", lambda: ViT(BERTConfig(vocab_size=11)), "config must be a ViTConfig"),
        ("another size", lambda: MODEL(torch.zeros(1, 3, 15, 15)), "pictures must be a tensor of floats (batch, 3, 10, 10)"),
        ("grey pictures", lambda: MODEL(torch.zeros(1, 1, 10, 10)), "pictures must be a tensor of floats (batch, 3, 10, 10)"),
        ("an array", lambda: MODEL(np.zeros((1, 3, 10, 10))), "pictures must be a tensor of floats (batch, 3, 10, 10)"),
    ),
    *rows(
        "vision.TwoTowers",
        ("a function as tower", lambda: towers(pictures=len), "the tower of pictures must be a torch.nn.Module"),
        ("no width", lambda: towers(sizes=(5, 7, 0)), "d_shared must be at least 1"),
        ("a tower of another width", lambda: towers()(torch.ones(2, 5), torch.ones(2, 6)), "the vectors of texts must be a tensor of floats (batch, 7)"),
        ("states for vectors", lambda: towers()(torch.ones(2, 4, 5), torch.ones(2, 7)), "the vectors of pictures must be a tensor of floats (batch, 5)"),
    ),
    *rows(
        "vision.contrastive_loss",
        ("more texts than pictures", lambda: contrastive_loss(torch.zeros(2, 3)), "logits must have a row and a column for each pair"),
        ("one row", lambda: contrastive_loss(torch.zeros(3)), "logits must be a tensor of floats (batch, batch)"),
        ("a list", lambda: contrastive_loss([[0.0]]), "logits must be a tensor of floats (batch, batch)"),
    ),
]

HEARER = Whisper(WhisperConfig(vocab_size=11, source_length=7, context_length=5, d_model=6, n_heads=2, d_ff=5, n_mels=3))
SOUND, TOKENS = torch.zeros(2, 3, 14), torch.ones(2, 3, dtype=torch.long)
ENDLESS = [0.0, float("nan")]


def listening(mels=SOUND, tokens=TOKENS, lengths=(3, 3), **options):
    return Listener(HEARER, mels, **options).start(tokens, torch.tensor(lengths))


SPEECH = [
    *rows(
        "speech.mel_filters",
        ("no bands", lambda: mel_filters(0), "n_mels must be at least 1"),
        ("a fraction of a band", lambda: mel_filters(0.5), "n_mels must be an integer"),
    ),
    *rows(
        "speech.log_mel",
        ("16-bit samples", lambda: log_mel(np.array([0, 3000], np.int16)), "waveform must be samples from -1 to 1, at least one"),
        ("nothing", lambda: log_mel([]), "waveform must be samples from -1 to 1, at least one"),
        ("two channels", lambda: log_mel(np.zeros((5, 2))), "waveform must have one axis, its samples"),
        ("NaN", lambda: log_mel(ENDLESS), "waveform must be finite numbers"),
        ("a file's name", lambda: log_mel("speech.wav"), "waveform must be"),
        ("too long", lambda: log_mel(np.zeros(16_001), seconds=1), "waveform must last 1 seconds at most, 16000 samples"),
        ("no time", lambda: log_mel(np.zeros(5), seconds=0), "seconds must be above 0"),
    ),
    *rows(
        "speech.WhisperConfig",
        ("heads that do not fit", lambda: WhisperConfig(n_heads=5), "n_heads must divide d_model, but they are 5 and 384"),
        ("no layers", lambda: WhisperConfig(n_decoder_layers=0), "n_decoder_layers must be at least 1"),
        ("a width of text", lambda: WhisperConfig(d_ff="6"), "d_ff must be an integer"),
    ),
    *rows(
        "speech.Whisper",
        ("another config", lambda: Whisper(CONFIG), "config must be a WhisperConfig"),
        ("other bands", lambda: HEARER(torch.zeros(2, 4, 14), TOKENS), "mels must be a tensor of floats (batch, 3, frames)"),
        ("a waveform", lambda: HEARER(torch.zeros(14), TOKENS), "mels must be a tensor of floats (batch, 3, frames)"),
        ("too long a sound", lambda: HEARER(torch.zeros(2, 3, 16), TOKENS), "there are 7 learned positions"),
        ("too long a text", lambda: HEARER(SOUND, TOKENS.repeat(1, 2)), "there are 5 learned positions"),
        ("floats for tokens", lambda: HEARER(SOUND, SOUND[0]), "tokens must be a tensor of integers (batch, time)"),
        ("an unknown id", lambda: HEARER(SOUND, TOKENS * 11), "ids must be from 0 to 10"),
    ),
    *rows(
        "speech.Listener",
        ("another model", lambda: Listener(MODEL, SOUND), "the model must be a Whisper"),
        ("one sound without a batch", lambda: Listener(HEARER, SOUND[0]), "mels must be a tensor of floats (batch, 3, frames)"),
        ("an unknown token suppressed", lambda: Listener(HEARER, SOUND, [11]), "suppressed must be ids from 0 to 10"),
        ("more prompts than sounds", lambda: listening(tokens=TOKENS[:1], lengths=(3,)), "source must be a tensor of integers (2, time)"),
        ("prompts of two lengths", lambda: listening(lengths=(3, 2)), "prompts must be of one length, but it is [3, 2]"),
    ),
]

ERRORS = [
    *rows(
        "metrics.speech.word_error_counts",
        ("a list of words", lambda: word_error_counts("a", ["a"]), "reference must be"),
        ("nothing heard", lambda: word_error_counts(None, "a"), "transcript must be"),
    ),
    *rows(
        "metrics.speech.word_error_rate",
        ("a list", lambda: word_error_rate([[1, 2]]), "counts must be an array of integers, 2 for each text"),
        ("one text", lambda: word_error_rate(np.array([1, 2])), "counts must be an array of integers, 2 for each text"),
        ("no words", lambda: word_error_rate(np.array([[1, 0]])), "an error rate needs references of at least one word"),
    ),
]

BORDERS = [*VISION, *SPEECH, *ERRORS]
NOTHING = {"data.speech_clips": "takes no arguments", "data.whisper_folder": "takes no arguments", "pretrained.load_whisper": "takes nothing"}
