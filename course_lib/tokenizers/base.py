"""What the tokenizers share: a vocabulary, special tokens, a file; and the texts that they accept."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import regex

from course_lib.tokenizers import files

__all__ = ["Tokenizer", "check_text", "texts_of"]


class Tokenizer:
    """Tokens and their ids: a token's place in `vocabulary` is its id.

    A subclass encodes text without special tokens in `_encode`, and names in FIELDS what its constructor takes. Raises
    ValueError for a token that stands twice, or a special token that is not in the vocabulary.
    """

    FIELDS: ClassVar[dict[str, Any]] = {"vocabulary": list[str], "special_tokens": list[str]}

    def __init__(self, vocabulary: Iterable[str], special_tokens: Iterable[str] = ()) -> None:
        self.vocabulary, self.special_tokens = list(vocabulary), list(special_tokens)
        check_text("".join(self.vocabulary))
        self._ids: dict[str, int] = {}
        for number, token in enumerate(self.vocabulary):
            if not token or self._ids.setdefault(token, number) != number:
                raise ValueError(f"each token must be some text and stand once in the vocabulary, but not so {token!r}")
        if missing := [token for token in self.special_tokens if token not in self._ids]:
            raise ValueError(f"special tokens must be in the vocabulary, but {missing[0]!r} is not")
        longest_first = sorted(map(regex.escape, self.special_tokens), key=len, reverse=True)
        self._special = regex.compile(f"({'|'.join(longest_first)})") if longest_first else None

    @property
    def vocab_size(self) -> int:
        """How many tokens there are; ids run from 0 to vocab_size - 1."""
        return len(self.vocabulary)

    def encode(self, text: str, special: bool = False) -> list[int]:
        """The ids of a text. With `special`, special tokens that are spelled out in it are recognised.

        Leave that off for text that strangers wrote: nobody can then forge an end of text. Raises ValueError for a lone
        surrogate, and where the vocabulary has no token for a part of the text.
        """
        check_text(text)
        if not special or self._special is None:
            return self._encode(text)
        ids: list[int] = []
        for place, part in enumerate(self._special.split(text)):  # every second part is a special token
            ids += [self._ids[part]] if place % 2 else self._encode(part)
        return ids

    def _encode(self, text: str) -> list[int]:
        raise NotImplementedError

    def _tokens(self, ids: Iterable[int]) -> list[str]:
        return [self.vocabulary[self._known(number)] for number in ids]

    def _known(self, number: int) -> int:
        if not 0 <= number < len(self.vocabulary):
            raise ValueError(f"ids must be from 0 to {len(self.vocabulary) - 1}, but there is {number}")
        return number

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the tokenizer as JSON, the file whole or not at all."""
        files.write(Path(path), type(self).__name__, {name: getattr(self, name) for name in self.FIELDS})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Tokenizer":
        """Read what `save` wrote. Raises ValueError, with what was expected, for a file that is anything else."""
        return cls(**files.read(Path(path), cls.__name__, cls.FIELDS))


def check_text(text: str) -> None:
    """Raise ValueError for a lone surrogate: half a character of UTF-16, which no encoding of text can hold."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"text must consist of characters, but at position {error.start} stands {text[error.start]!a}, a lone "
            "surrogate (half a character)"
        ) from None


def texts_of(text: str | Iterable[str]) -> Sequence[str]:
    """One text or several as a sequence of texts to train on; raises ValueError where there is nothing in them."""
    texts = [text] if isinstance(text, str) else list(text)
    for one in texts:
        check_text(one)
    if not any(texts):
        raise ValueError("training needs text, but what came is empty")
    return texts
