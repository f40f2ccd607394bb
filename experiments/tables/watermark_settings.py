"""Watermarks in text of the course's Shakespeare GPT: how many short texts are found, and what the mark changes.

The threshold is the 99% quantile of the z-scores of people's text of the same length, from the validation plays. The
cost is the Kullback-Leibler divergence of the marked predictions from the model's own, in bits per token.
"""

import math
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from course_lib import data
from course_lib.generation import GenerationConfig, generate
from course_lib.gpt import ModernGPT
from course_lib.metrics import bootstrap_interval
from course_lib.pretrained import load_shakespeare_gpt
from course_lib.tokenizers import BPETokenizer
from course_lib.watermark import Watermark, Watermarked
from experiments.shared import rounded

TEXTS, BEGIN, LENGTH, KEY = 100, 8, 50, 7
CHOICE = {"share": 0.5, "strength": 1.0}
SHARES, STRENGTHS = (0.1, 0.25, 0.5, 0.75), (0.0, 0.5, 1.0, 1.5, 2.0)


@cache
def shakespeare_gpt() -> tuple[ModernGPT, BPETokenizer]:
    """The model and its tokenizer."""
    return load_shakespeare_gpt()


@cache
def people() -> list[list[int]]:
    """The validation plays, in pieces of a beginning and a continuation."""
    ids, length = shakespeare_gpt()[1].encode(data.shakespeare("validation")), BEGIN + LENGTH
    return [ids[start : start + length] for start in range(0, len(ids) - length + 1, length)]


def threshold(mark: Watermark) -> float:
    """The z-score that 1% of people's texts exceed."""
    return float(np.quantile([mark.z_score(piece[BEGIN:]) for piece in people()[:500]], 0.99))


def written(mark: Watermark) -> list[list[int]]:
    """Texts with the mark, each of which goes on from the beginning of a piece."""
    model = Watermarked(shakespeare_gpt()[0], mark)
    prompts = [piece[:BEGIN] for piece in people()[:TEXTS]]
    generators = [Generator().manual_seed(number) for number in range(TEXTS)]
    return generate(model, prompts, GenerationConfig(max_new_tokens=LENGTH), generators)


@torch.no_grad()
def divergence(mark: Watermark, texts: list[list[int]]) -> Tensor:
    """Of each text, the mean divergence of the marked predictions from the model's, in bits per token."""
    begins = [piece[:BEGIN] for piece in people()[: len(texts)]]
    ids = torch.tensor([begin + text for begin, text in zip(begins, texts, strict=True)])
    logits = shakespeare_gpt()[0](ids[:, :-1])[:, BEGIN - 1 :]
    green = torch.stack([mark.green(token) for token in range(mark.vocab_size)])[ids[:, BEGIN - 1 : -1]]
    own, marked = logits.log_softmax(-1), (logits + mark.strength * green).log_softmax(-1)
    return (marked.exp() * (marked - own)).sum(-1).mean(-1) / math.log(2)


def row(share: float, strength: float) -> dict[str, Any]:
    """The share of the texts that is found, and the divergence."""
    mark = Watermark(vocab_size=shakespeare_gpt()[1].vocab_size, key=KEY, share=share, strength=strength)
    texts = written(mark)
    found = np.array([mark.z_score(text) for text in texts]) > threshold(mark)
    stored: dict[str, Any] = {"share": share, "strength": strength, "tokens": LENGTH}
    for name, values in (("found", found.astype(float)), ("bits", divergence(mark, texts).numpy())):
        stored[name] = rounded(bootstrap_interval(lambda x: x.mean(axis=-1), values))
    return stored


def rows() -> Iterator[dict[str, Any]]:
    """Every share with every strength."""
    for share in SHARES:
        for strength in STRENGTHS:
            yield row(share, strength)
