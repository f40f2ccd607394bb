"""Byte-pair encoding on bytes: the tokenizer of GPT-2 and most of its followers."""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, ClassVar

from course_lib.tokenizers.base import Tokenizer, texts_of
from course_lib.tokenizers.bpe_training import learn_merges
from course_lib.tokenizers.pieces import GPT2_PATTERN, byte_alphabet, compiled, cut

__all__ = ["BPETokenizer"]

_BYTE = {character: byte for byte, character in enumerate(byte_alphabet())}
_MOST_CACHED = 1 << 17  # pieces; all of Shakespeare has 36,301


class BPETokenizer(Tokenizer):
    """Bytes joined by learned merges (Sennrich, Haddow and Birch, 2016; on bytes: Radford et al., 2019, section 2.2).

    Text is cut into pieces by `pattern`; in each, the pair that was learned first is joined first. After `train`, every
    string round-trips. Ready-made tokens (in the order of their ids) and merges, such as a GGUF file's, are given in
    `byte_alphabet`, special tokens as they are. Raises ValueError where these do not fit together.

    >>> tokenizer = BPETokenizer.train("low lower lowest", vocab_size=259, special_tokens=["<|end|>"])
    >>> tokenizer.merges
    [('l', 'o'), ('lo', 'w')]
    >>> [tokenizer.vocabulary[number] for number in tokenizer.encode("low blow<|end|>", special=True)]
    ['low', 'Ġ', 'b', 'low', '<|end|>']
    """

    FIELDS: ClassVar[dict[str, Any]] = {**Tokenizer.FIELDS, "pattern": str, "merges": list[list[str]]}

    def __init__(
        self,
        vocabulary: Iterable[str],
        merges: Iterable[Iterable[str]],
        special_tokens: Iterable[str] = (),
        pattern: str = GPT2_PATTERN,
    ) -> None:
        super().__init__(vocabulary, special_tokens)
        self.merges, self.pattern, self._pattern = [tuple(merge) for merge in merges], pattern, compiled(pattern)
        ordinary = {token: number for token, number in self._ids.items() if token not in self.special_tokens}
        self._bytes = [_as_bytes(token) if token in ordinary else token.encode() for token in self.vocabulary]
        self._of_byte = {_BYTE[token]: number for token, number in ordinary.items() if len(token) == 1}
        self._ranks = dict(_ranked(self.merges, ordinary))
        self._cache: dict[str, list[int]] = {}

    @classmethod
    def train(
        cls, text: str | Iterable[str], vocab_size: int, special_tokens: Iterable[str] = (), pattern: str = GPT2_PATTERN
    ) -> "BPETokenizer":
        """Learn merges until there are `vocab_size` tokens: the special ones, 256 bytes, then one a merge.

        Fewer come out where each piece has become one token. Raises ValueError for no text or too small a vocab_size.
        """
        special_tokens = list(special_tokens)
        if vocab_size < (least := len(special_tokens) + 256):
            raise ValueError(f"vocab_size must be at least {least}, special tokens and bytes, but it is {vocab_size}")
        pieces = Counter(piece for one in texts_of(text) for piece in cut(compiled(pattern), one))
        tokens, merges = learn_merges(pieces, vocab_size - len(special_tokens))
        return cls([*special_tokens, *tokens], merges, special_tokens, pattern)

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = []
        for piece in cut(self._pattern, text):
            ids += self._cache.get(piece) or self._join(piece)
        return ids

    def _join(self, piece: str) -> list[int]:
        if len(self._cache) >= _MOST_CACHED:
            self._cache.clear()
        return self._cache.setdefault(piece, join(_of_bytes(piece.encode(), self._of_byte), self._ranks))

    def decode(self, ids: Iterable[int]) -> str:
        """The text of the ids; bytes that are no UTF-8 become �. Raises ValueError for an unknown id."""
        return b"".join(self._bytes[self._known(number)] for number in ids).decode("utf-8", "replace")


def join(ids: list[int], ranks: dict[tuple[int, int], tuple[int, int]]) -> list[int]:
    """Join neighbours while any pair has a rank: the lowest (rank, new id) first, from left to right, n log n steps.

    >>> join([0, 1, 2, 0, 1], {(0, 1): (0, 5), (1, 2): (1, 6), (5, 2): (2, 7)})
    [7, 5]
    """
    tokens: list[int | None] = list(ids)
    before, after = list(range(-1, len(ids) - 1)), list(range(1, len(ids) + 1))
    heap = [(*ranks[pair], left) for left, pair in enumerate(pairwise(ids)) if pair in ranks]
    heapq.heapify(heap)
    while heap:
        rank, new, left = heapq.heappop(heap)
        right = after[left]
        if right == len(ids) or ranks.get((tokens[left], tokens[right])) != (rank, new):
            continue  # an earlier join took one of the two
        tokens[left], tokens[right] = new, None
        after[left] = after[right]
        if after[left] < len(ids):
            before[after[left]] = left
        for start in (before[left], left):
            if start >= 0 and after[start] < len(ids):
                found = ranks.get((tokens[start], tokens[after[start]]))
                if found:
                    heapq.heappush(heap, (*found, start))
    return [token for token in tokens if token is not None]


def _of_bytes(utf8: bytes, ids: dict[int, int]) -> list[int]:
    if missing := set(utf8) - ids.keys():
        raise ValueError(f"this vocabulary has no token for the byte 0x{min(missing):02x}")
    return [ids[byte] for byte in utf8]


def _as_bytes(token: str) -> bytes:
    try:
        return bytes(_BYTE[character] for character in token)
    except KeyError as error:
        raise ValueError(f"tokens must be written in byte_alphabet(), but {token!r} has {error.args[0]!r}") from None


def _ranked(merges: list[tuple[str, ...]], ids: dict[str, int]) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    for rank, merge in enumerate(merges):
        if len(merge) != 2:
            raise ValueError(f"a merge must be a pair of tokens, but {merge!r} is not")
        if missing := [token for token in (*merge, "".join(merge)) if token not in ids]:
            raise ValueError(f"the merge {merge!r} needs the token {missing[0]!r}, which is not in the vocabulary")
        yield (ids[merge[0]], ids[merge[1]]), (rank, ids["".join(merge)])
