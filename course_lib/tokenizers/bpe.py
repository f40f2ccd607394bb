"""Byte-pair encoding on bytes, the tokenizer of GPT-2 and most of its successors, from the text to the ids.

A text is split into pieces, whose bytes are written as characters. Training learns frequent pairs of neighbours as
merges; encoding applies the merges in the order in which they were learned.
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import pairwise
from typing import Any, ClassVar

import regex

from course_lib.tokenizers.base import Tokenizer, training_texts
from course_lib.validation import Ids, ids_of, require, require_integer, texts_of

__all__ = ["GPT2_PATTERN", "BPETokenizer", "byte_alphabet", "compiled", "cut", "join", "learn_merges"]

# Radford et al. (2019): English contractions; letters, numbers or signs with the blank before them; white space.
GPT2_PATTERN = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
_MOST_CACHED = 1 << 17  # pieces; all of Shakespeare has 36,301


@cache
def byte_alphabet() -> tuple[str, ...]:
    """A character for each of the 256 bytes, so that any bytes can be shown and stored as text.

    Printable bytes stand for themselves; the others, in order, are the characters from 256 on: the blank, byte 32,
    becomes Ġ. This is the table of GPT-2 (Radford et al., 2019), and its order by character numbers GPT-2's bytes.

    >>> "".join(byte_alphabet()[byte] for byte in "To be\\n".encode())
    'ToĠbeĊ'
    """
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    shown = dict(zip(printable, printable, strict=True)) | {byte: 256 + n for n, byte in enumerate(others)}
    return tuple(chr(shown[byte]) for byte in range(256))


_BYTE = {character: byte for byte, character in enumerate(byte_alphabet())}


def compiled(pattern: str) -> regex.Pattern[str]:
    """The pattern, compiled; raises ValueError where it is no regular expression, or one with groups."""
    require(isinstance(pattern, str), "pattern must be a regular expression, a string", pattern)
    try:
        found = regex.compile(pattern)
    except regex.error as error:
        raise ValueError(f"the pattern must be a regular expression, but {pattern!r} is none: {error}") from None
    if found.groups:  # findall would give the groups instead of the pieces
        raise ValueError(f"groups in the pattern must be written (?:...), but not so in {pattern!r}")
    return found


def cut(pattern: regex.Pattern[str], text: str) -> list[str]:
    """The pieces of a text that a pattern finds; raises ValueError where it leaves some of the text out.

    >>> cut(regex.compile(GPT2_PATTERN), "I'm 20, said Tom.  ")
    ['I', "'m", ' 20', ',', ' said', ' Tom', '.', '  ']
    """
    pieces = pattern.findall(text)
    if sum(map(len, pieces)) != len(text):
        raise ValueError(f"the pattern must cover the whole text, but {pattern.pattern!r} leaves characters out")
    return pieces


def learn_merges(pieces: Counter[str], n_tokens: int) -> tuple[list[str], list[tuple[str, str]]]:
    """Tokens (256 bytes, then what merges make) and merges, in `byte_alphabet`, learned from pieces and their counts.

    Again and again the most frequent pair of neighbours becomes a token (Sennrich, Haddow and Birch, 2016, section
    3.2); of equally frequent ones, the pair of the smaller ids, as in Hugging Face's `tokenizers`.

    >>> learn_merges(Counter({"low": 5, "lot": 2}), 258)[1]
    [('l', 'o'), ('lo', 'w')]
    """
    tokens = sorted(byte_alphabet())
    id_of = [tokens.index(character) for character in byte_alphabet()]
    words = [[id_of[byte] for byte in piece.encode()] for piece in pieces]
    frequency = list(pieces.values())
    heap, counts = _pairs(words, frequency)
    merges: list[tuple[str, str]] = []
    while heap and len(tokens) < n_tokens:
        count, pair, holders = heapq.heappop(heap)
        if count != -counts[pair]:  # its occurrences have become fewer since it was put on the heap
            if counts[pair] > 0:
                heapq.heappush(heap, (-counts[pair], pair, holders))
            continue
        merges.append((tokens[pair[0]], tokens[pair[1]]))
        tokens.append("".join(merges[-1]))  # new: inside a token, the same merges have happened wherever it stands
        appeared = defaultdict(set)
        for word in holders:
            for changed, sign in _merge(words[word], *pair, len(tokens) - 1):
                counts[changed] += sign * frequency[word]
                if sign > 0:
                    appeared[changed].add(word)
        for changed, holders in appeared.items():
            if counts[changed] > 0:
                heapq.heappush(heap, (-counts[changed], changed, holders))
    return tokens, merges


def _pairs(words: list[list[int]], frequency: list[int]) -> tuple[list[tuple], Counter[tuple[int, int]]]:
    """A heap of (-count, pair, the indices of the words that hold it), and the counts."""
    counts: Counter[tuple[int, int]] = Counter()
    holders = defaultdict(set)
    for index, word in enumerate(words):
        for pair in pairwise(word):
            counts[pair] += frequency[index]
            holders[pair].add(index)
    heap = [(-counts[pair], pair, indices) for pair, indices in holders.items()]
    heapq.heapify(heap)
    return heap, counts


def _merge(word: list[int], first: int, second: int, new: int) -> list[tuple[tuple[int, int], int]]:
    """Put `new` for each first-second of a word, from left to right; the pairs that come (+1) and go (-1)."""
    changes, i = [], 0
    while i < len(word) - 1:
        if word[i] == first and word[i + 1] == second:
            if i > 0:
                changes += [((word[i - 1], first), -1), ((word[i - 1], new), 1)]
            if i + 2 < len(word):
                changes += [((second, word[i + 2]), -1), ((new, word[i + 2]), 1)]
            word[i : i + 2] = [new]
        i += 1
    return changes


class BPETokenizer(Tokenizer):
    """Bytes joined by learned merges (Sennrich, Haddow and Birch, 2016; on bytes: Radford et al., 2019, section 2.2).

    Text is cut into pieces by `pattern`; in each, the pair that was learned first is joined first. After `train`, every
    string round-trips. Ready-made tokens (in the order of their ids) and merges, such as a GGUF file's, are given in
    `byte_alphabet`, special tokens as they are. Raises ValueError where these do not fit together.

    >>> tokenizer = BPETokenizer.train("low lower lowest", vocab_size=259, special_tokens=["<|end|>"])
    >>> tokenizer.merges
    [('l', 'o'), ('lo', 'w')]
    >>> [tokenizer.vocabulary[id] for id in tokenizer.encode("low blow<|end|>", special=True)]
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
        self.merges, self.pattern, self._pattern = _pairs_of_tokens(merges), pattern, compiled(pattern)
        ordinary = {token: id for token, id in self._ids.items() if token not in self.special_tokens}
        self._bytes = [_as_bytes(token) if token in ordinary else token.encode() for token in self.vocabulary]
        self._of_byte = {_BYTE[token]: id for token, id in ordinary.items() if len(token) == 1}
        self._ranks = dict(_ranked(self.merges, ordinary))
        self._cache: dict[str, list[int]] = {}

    @classmethod
    def train(
        cls, text: str | Iterable[str], vocab_size: int, special_tokens: Iterable[str] = (), pattern: str = GPT2_PATTERN
    ) -> "BPETokenizer":
        """Learn merges until there are `vocab_size` tokens: the special ones, 256 bytes, then one a merge.

        Fewer come out where each piece has become one token. Raises ValueError for no text or too small a vocab_size.
        """
        special_tokens = texts_of("special_tokens", special_tokens)
        require_integer("vocab_size", vocab_size)
        least = len(special_tokens) + 256
        require(vocab_size >= least, f"vocab_size must be at least {least}, special tokens and bytes", vocab_size)
        cutter = compiled(pattern)
        pieces = Counter(piece for one in training_texts(text) for piece in cut(cutter, one))
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

    def decode(self, ids: Ids) -> str:
        """The text of the ids; bytes that are no UTF-8 become �. Raises ValueError for an unknown id."""
        known = ids_of("ids", ids, self.vocab_size).tolist()
        return b"".join([self._bytes[id] for id in known]).decode("utf-8", "replace")


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


def _pairs_of_tokens(merges: Iterable[Iterable[str]]) -> list[tuple[str, str]]:
    several = isinstance(merges, Iterable) and not isinstance(merges, str | bytes)
    require(several, "merges must be pairs of tokens, a list for example", merges)
    found = list(merges)
    for merge in found:
        pair = isinstance(merge, list | tuple) and len(merge) == 2 and all(isinstance(token, str) for token in merge)
        require(pair, "a merge must be a pair of tokens", merge)
    return [(first, second) for first, second in found]


def _ranked(merges: list[tuple[str, str]], ids: dict[str, int]) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    for rank, merge in enumerate(merges):
        if missing := [token for token in (*merge, "".join(merge)) if token not in ids]:
            raise ValueError(f"the merge {merge!r} needs the token {missing[0]!r}, which is not in the vocabulary")
        yield (ids[merge[0]], ids[merge[1]]), (rank, ids["".join(merge)])
