"""Tokenizers that need no learning: characters and words."""

from collections import Counter
from collections.abc import Iterable
from itertools import chain

import regex

from course_lib.tokenizers.base import Tokenizer, training_texts
from course_lib.validation import Ids, require, require_integer, text_of, texts_of

__all__ = ["CharTokenizer", "WordTokenizer"]

_WORD = regex.compile(r"\w+(?:'\w+)*|[^\w\s]")


class CharTokenizer(Tokenizer):
    """A token is a character (a code point). Every text of known characters round-trips.

    >>> tokenizer = CharTokenizer.train("to be")
    >>> tokenizer.encode("bet"), tokenizer.decode([1, 2, 4])
    ([1, 2, 4], 'bet')
    """

    @classmethod
    def train(
        cls, text: str | Iterable[str], vocab_size: int | None = None, special_tokens: Iterable[str] = ()
    ) -> "CharTokenizer":
        """The special tokens, then the characters of the text in the order of their code points.

        Give "<unk>" as a special token to encode unknown characters as that; without it they raise ValueError. With
        `vocab_size`, only so many of the most frequent characters are kept.
        """
        special_tokens = texts_of("special_tokens", special_tokens)
        counts = Counter(chain.from_iterable(training_texts(text)))
        return cls([*special_tokens, *sorted(_most_frequent(counts, vocab_size, special_tokens))], special_tokens)

    def _encode(self, text: str) -> list[int]:
        return _look_up(self._ids, text)

    def decode(self, ids: Ids) -> str:
        """The text of the ids; raises ValueError for an unknown id. An unknown character comes out as "<unk>"."""
        return "".join(self._tokens(ids))


class WordTokenizer(Tokenizer):
    """A token is a run of letters and digits, apostrophes inside it included, or a single other sign.

    What `encode` loses, `decode` cannot give back: blanks and newlines (it puts one blank between any two tokens), and
    words that are not in the vocabulary (they come out as "<unk>").

    >>> tokenizer = WordTokenizer.train("To be, or not to be")
    >>> tokenizer.vocabulary
    ['<unk>', 'be', 'To', ',', 'or', 'not', 'to']
    >>> tokenizer.decode(tokenizer.encode("Not to be?"))
    '<unk> to be <unk>'
    """

    @classmethod
    def train(
        cls, text: str | Iterable[str], vocab_size: int | None = None, special_tokens: Iterable[str] = ("<unk>",)
    ) -> "WordTokenizer":
        """The special tokens, then the words of the text, most frequent first, at most `vocab_size` tokens in all.

        Without "<unk>" among the special tokens, `encode` raises ValueError for an unknown word.
        """
        special_tokens = texts_of("special_tokens", special_tokens)
        counts = Counter(chain.from_iterable(map(_WORD.findall, training_texts(text))))
        return cls([*special_tokens, *_most_frequent(counts, vocab_size, special_tokens)], special_tokens)

    @staticmethod
    def words(text: str) -> list[str]:
        """The words and signs of a text, in order.

        >>> WordTokenizer.words("Don't stop: it's 9.30!")
        ["Don't", 'stop', ':', "it's", '9', '.', '30', '!']
        """
        return _WORD.findall(text_of("text", text))

    def _encode(self, text: str) -> list[int]:
        return _look_up(self._ids, _WORD.findall(text))

    def decode(self, ids: Ids) -> str:
        """The tokens with a blank between any two; raises ValueError for an unknown id."""
        return " ".join(self._tokens(ids))


def _most_frequent(counts: Counter[str], vocab_size: int | None, special_tokens: list[str]) -> list[str]:
    if vocab_size is None:
        return [token for token, _ in counts.most_common()]
    require_integer("vocab_size", vocab_size)
    most = vocab_size - len(special_tokens)
    require(most > 0, f"vocab_size must be above the {len(special_tokens)} special tokens", vocab_size)
    return [token for token, _ in counts.most_common(most)]


def _look_up(ids: dict[str, int], tokens: Iterable[str]) -> list[int]:
    if (unknown := ids.get("<unk>")) is not None:
        return [ids.get(token, unknown) for token in tokens]
    try:
        return [ids[token] for token in tokens]
    except KeyError as error:
        raise ValueError(
            f"{error.args[0]!r} is not among the {len(ids)} tokens; train with '<unk>' as a special token to allow that"
        ) from None
