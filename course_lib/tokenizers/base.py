"""What all tokenizers share: a vocabulary, special tokens, the texts that they accept, and their file.

The file is JSON, written atomically and validated when it is read.
"""

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar, get_args

import regex

from course_lib.files import existing_file, written_whole
from course_lib.validation import Ids, ids_of, require, text_of, texts_of

__all__ = ["Tokenizer", "training_texts"]

FORMAT, VERSION = "course_lib tokenizer", 1


class Tokenizer:
    """Tokens and their ids: a token's index in `vocabulary` is its id.

    A subclass encodes text without special tokens in `_encode`, and names in FIELDS what its constructor takes. Raises
    ValueError for no tokens, a token that stands twice, or a special token that is not in the vocabulary.
    """

    FIELDS: ClassVar[dict[str, Any]] = {"vocabulary": list[str], "special_tokens": list[str]}

    def __init__(self, vocabulary: Iterable[str], special_tokens: Iterable[str] = ()) -> None:
        self.vocabulary = texts_of("vocabulary", vocabulary)
        self.special_tokens = texts_of("special_tokens", special_tokens)
        require(self.vocabulary, "vocabulary must hold at least one token", self.vocabulary)
        self._ids: dict[str, int] = {}
        for id, token in enumerate(self.vocabulary):
            if not token or self._ids.setdefault(token, id) != id:
                raise ValueError(f"each token must be some text and stand once in the vocabulary, but not so {token!r}")
        if missing := [token for token in self.special_tokens if token not in self._ids]:
            raise ValueError(f"special tokens must be in the vocabulary, but {missing[0]!r} is not")
        different = len(set(self.special_tokens)) == len(self.special_tokens)
        require(different, "special_tokens must be different from one another", self.special_tokens)
        longest_first = sorted(map(regex.escape, self.special_tokens), key=len, reverse=True)
        self._special = regex.compile(f"({'|'.join(longest_first)})") if longest_first else None

    @property
    def vocab_size(self) -> int:
        """How many tokens there are; ids run from 0 to vocab_size - 1."""
        return len(self.vocabulary)

    def encode(self, text: str, special: bool = False) -> list[int]:
        """The ids of a text. With `special`, special tokens that are written out in it are recognised.

        Leave that off for text that strangers wrote: nobody can then forge an end of text. Raises ValueError for
        anything but a string, for a lone surrogate, and where the vocabulary has no token for a part of the text.
        """
        text = text_of("text", text)
        if not special or self._special is None:
            return self._encode(text)
        ids: list[int] = []
        for index, part in enumerate(self._special.split(text)):
            if index % 2:  # every second part is a special token
                ids.append(self._ids[part])
            else:
                ids += self._encode(part)
        return ids

    def _encode(self, text: str) -> list[int]:
        raise NotImplementedError

    def _tokens(self, ids: Ids) -> list[str]:
        return [self.vocabulary[id] for id in ids_of("ids", ids, self.vocab_size).tolist()]

    def fields(self) -> dict[str, Any]:
        """The constructor's arguments for an equal tokenizer, as JSON can hold them."""
        return {name: getattr(self, name) for name in self.FIELDS}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the tokenizer as JSON, atomically; missing folders are made. Raises ValueError for a folder."""
        content = self.fields()
        header = {"format": FORMAT, "version": VERSION, "kind": type(self).__name__, "sha256": _digest(content)}
        with written_whole(path) as file:
            file.write((json.dumps(header | content, ensure_ascii=False, indent=1) + "\n").encode())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Tokenizer":
        """Read what `save` wrote.

        Raises FileNotFoundError for a missing file, and ValueError, with what was expected, for anything else.
        """
        return cls(**_read(existing_file(path, "tokenizer file"), cls.__name__, cls.FIELDS))


def training_texts(text: str | Iterable[str]) -> list[str]:
    """One text or several as a list of texts; raises ValueError for anything else, and where nothing is in them."""
    texts = [text_of("text", text)] if isinstance(text, str | bytes) else texts_of("text", text)
    if not any(texts):
        raise ValueError("training needs text, but what came is empty")
    return texts


def _read(path: Path, kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    """The content that `save` wrote; `fields` names the values expected in it and their types.

    The SHA-256 guards against damage, not against malice. Raises ValueError for a file that is anything else.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON, or nested without end
        raise ValueError(f"{path} should hold a {kind} as JSON, but cannot be read: {error}") from error
    about = found if isinstance(found, dict) else {}
    for name, expected in {"format": FORMAT, "version": VERSION, "kind": kind}.items():
        if about.get(name) != expected:
            raise ValueError(f"{path} should have {name} {expected!r}, but has {about.get(name)!r}")
    if extra := about.keys() ^ (fields.keys() | {"format", "version", "kind", "sha256"}):
        raise ValueError(f"{path} should hold {', '.join(fields)}; missing or not expected: {', '.join(sorted(extra))}")
    content = {name: about[name] for name in fields}
    for name, kind_of_value in fields.items():
        if not _fits(content[name], kind_of_value):
            raise ValueError(f"{path} should hold {name} as {kind_of_value}, but it is another kind of value")
    if about["sha256"] != _digest(content):
        raise ValueError(f"{path} is damaged: its content does not have the SHA-256 that it names")
    return content


def _fits(value: Any, kind: Any) -> bool:
    if kind is str:
        return isinstance(value, str)
    return isinstance(value, list) and all(_fits(part, get_args(kind)[0]) for part in value)


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
