"""What does a message cost in English, French and Chinese? Byte pairs by the share of each language in their training.

Every tokenizer has 2,000 merges. They are learned from the same training messages of JupyterLab's interface, a share of
them for each language, and the tokens are counted on the same validation messages in all three.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

from course_lib import data
from course_lib.metrics import bootstrap_interval
from course_lib.tokenizers import BPETokenizer
from experiments.shared import rounded

LANGUAGES, MERGES = ("English", "French", "Chinese"), 2000


@cache
def messages(split: str) -> list[tuple[str, str, str]]:
    """The messages of a split that have a translation into both languages: English, French, Chinese."""
    french, chinese = (dict(data.interface_strings(code)[split]) for code in ("fr_FR", "zh_CN"))
    return [(english, french[english], chinese[english]) for english in french if english in chinese]


@cache
def lengths(english: float | int, french: float | int, chinese: float | int) -> np.ndarray:
    """The tokens of each validation message, a column per language."""
    train, texts = messages("train"), []
    for column, share in enumerate((english, french, chinese)):
        texts += [message[column] for message in train[: round(share * len(train))]]
    tokenizer = BPETokenizer.train(texts, vocab_size=256 + MERGES)
    return np.array([[len(tokenizer.encode(text)) for text in message] for message in messages("validation")])


def row(english: float | int, french: float | int, chinese: float | int) -> dict[str, Any]:
    """The mean tokens of a message in each language, with 95% intervals, and the largest of the three."""
    columns = lengths(english, french, chinese).T
    means = [rounded(bootstrap_interval(lambda x: x.mean(axis=-1), column)) for column in columns]
    shares = {"shares": [english, french, chinese]}
    return shares | dict(zip(LANGUAGES, means, strict=True)) | {"dearest": max(means)}


def rows() -> Iterator[dict[str, Any]]:
    """One language alone, all three in equal shares, and with half of one."""
    yield row(1, 0, 0)
    yield row(1, 1, 1)
    yield row(0.5, 1, 1)
    yield row(1, 0.5, 1)
    yield row(1, 1, 0.5)
