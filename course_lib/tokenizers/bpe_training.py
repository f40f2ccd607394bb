"""Learning byte-pair merges: count the pieces once, then update the counts of pairs where a merge changes them."""

import heapq
from collections import Counter, defaultdict
from itertools import pairwise

from course_lib.tokenizers.pieces import byte_alphabet

__all__ = ["learn_merges"]


def learn_merges(pieces: Counter[str], n_tokens: int) -> tuple[list[str], list[tuple[str, str]]]:
    """Tokens (256 bytes, then what merges make) and merges, in `byte_alphabet`, learned from pieces and their counts.

    Again and again the most frequent pair of neighbours becomes a token (Sennrich, Haddow and Birch, 2016, section
    3.2); of equally frequent ones, the pair of the smaller ids, as in Hugging Face's `tokenizers`.

    >>> learn_merges(Counter({"low": 5, "lot": 2}), 258)[1]
    [('l', 'o'), ('lo', 'w')]
    """
    tokens = sorted(byte_alphabet())
    number = [tokens.index(character) for character in byte_alphabet()]
    words = [[number[byte] for byte in piece.encode()] for piece in pieces]
    frequency = list(pieces.values())
    heap, counts = _pairs(words, frequency)
    merges: list[tuple[str, str]] = []
    while heap and len(tokens) < n_tokens:
        count, pair, places = heapq.heappop(heap)
        if count != -counts[pair]:  # its occurrences have become fewer since it was put on the heap
            if counts[pair] > 0:
                heapq.heappush(heap, (-counts[pair], pair, places))
            continue
        merges.append((tokens[pair[0]], tokens[pair[1]]))
        tokens.append("".join(merges[-1]))  # new: inside a token, the same merges have happened wherever it stands
        appeared = defaultdict(set)
        for place in places:
            for changed, sign in _merge(words[place], *pair, len(tokens) - 1):
                counts[changed] += sign * frequency[place]
                if sign > 0:
                    appeared[changed].add(place)
        for changed, where in appeared.items():
            if counts[changed] > 0:
                heapq.heappush(heap, (-counts[changed], changed, where))
    return tokens, merges


def _pairs(words: list[list[int]], frequency: list[int]) -> tuple[list[tuple], Counter[tuple[int, int]]]:
    """A heap of (-count, pair, the words that hold it), and the counts."""
    counts: Counter[tuple[int, int]] = Counter()
    places = defaultdict(set)
    for place, word in enumerate(words):
        for pair in pairwise(word):
            counts[pair] += frequency[place]
            places[pair].add(place)
    heap = [(-counts[pair], pair, where) for pair, where in places.items()]
    heapq.heapify(heap)
    return heap, counts


def _merge(word: list[int], first: int, second: int, new: int) -> list[tuple[tuple[int, int], int]]:
    """Put `new` for each first-second of a word, from left to right; the pairs that come (+1) and go (-1)."""
    changes, place = [], 0
    while place < len(word) - 1:
        if word[place] == first and word[place + 1] == second:
            if place > 0:
                changes += [((word[place - 1], first), -1), ((word[place - 1], new), 1)]
            if place + 2 < len(word):
                changes += [((second, word[place + 2]), -1), ((new, word[place + 2]), 1)]
            word[place : place + 2] = [new]
        place += 1
    return changes
