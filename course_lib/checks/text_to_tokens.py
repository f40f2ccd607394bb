"""Checks of the notebook text_to_tokens."""

import math
import random
import re
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from course_lib.checks import Mistake, compare, exercise
from course_lib.tokenizers import WordTokenizer

__all__ = ["encode", "merge", "unknown_rate", "utf8", "words", "zipf_exponent"]


def _as_list(answer: Any) -> Any:
    """The same function with its result as a list where it is a tuple, bytes, a generator or the like."""
    if not callable(answer):
        return answer

    def listed(*inputs: Any) -> Any:
        result = answer(*inputs)
        if isinstance(result, str):
            raise Mistake(f"a list is expected, but your function returns the string {result[:60]!r}.")
        return list(result) if hasattr(result, "__iter__") else result

    return listed


@exercise
def utf8(answer: Any, seed: int) -> str:
    """utf8(code_point): the bytes of a character."""

    def coded(limits: Any = (0x80, 0x800, 0x10000), first: Any = (0, 0xC0, 0xE0, 0xF0), later: int = 0x80) -> Any:
        def bytes_of(number: int) -> list[int]:
            more = sum(number >= limit for limit in limits)
            ends = [later | number >> 6 * place & 0x3F for place in reversed(range(more))]
            return [first[more] | number >> 6 * more, *ends]

        return bytes_of

    def bare(number: int) -> list[int]:
        return list(number.to_bytes(4, "big").lstrip(b"\0"))

    def unmasked(number: int) -> list[int]:
        size = len(coded()(number)) - 1
        return [coded()(number)[0], *[0x80 | number >> 6 * place for place in reversed(range(size))]]

    mistakes = [
        (coded(limits=(0x81, 0x800, 0x10000)), "one byte holds 0 to 127: 128 needs two already."),
        (coded(limits=(0x80, 0x801, 0x10000)), "two bytes hold up to 2,047: 2,048 needs three already."),
        (coded(limits=(0x80, 0x800, 0x10001)), "three bytes hold up to 65,535: 65,536 needs four already."),
        (coded(limits=(0x100, 0x800, 0x10000)), "one byte holds 0 to 127 only, so é has two."),
        (coded(limits=(0x80, 0x800)), "characters above 65,535, such as 😀, need a fourth byte."),
        (coded(later=0), "the later bytes lack their mark: each is 0b10000000 | six bits."),
        (coded(first=(0, 0, 0, 0)), "the first byte lacks its mark: 110, 1110 or 11110 in its highest bits."),
        (coded(first=(0, 0xC0, 0xC0, 0xC0)), "the mark of the first byte grows with the length: 110, 1110, 11110."),
        (lambda number: coded()(number)[::-1], "the bytes are turned round: the highest bits come first."),
        (unmasked, "keep only six bits of each later byte: `& 0b111111` after the shift."),
        (lambda number: [number], "a byte holds 0 to 255: spread the bits over two to four bytes from 128 on."),
        (bare, "these are the bare bits, eight a byte: UTF-8 puts six into each later byte, after the mark 10."),
        (lambda number: list(chr(number).encode("utf-16-be")), "this is UTF-16: UTF-8 is wanted."),
    ]  # fmt: skip
    numbers = [65, 127, 128, 0xE9, 0x7FF, 0x800, 0x4FDD, 0xFFFF, 0x10000, 0x1F600, 0x10FFFF]
    numbers += random.Random(seed).sample(range(0xE000, 0x10FFFF), 5)
    compare(_as_list(answer), lambda number: list(chr(number).encode()), [(number,) for number in numbers], mistakes)
    return "one byte for A, two for é, three for 保, four for 😀."


@exercise
def words(answer: Any, seed: int) -> str:
    """words(text): runs of letters and digits with apostrophes inside; other signs alone."""

    def found(pattern: str) -> Callable[[str], list[str]]:
        return lambda text: re.findall(pattern, text)

    mistakes = [
        (str.split, "this cuts at blanks only, so that signs stick to the words: make each sign a token of its own."),
        (found(r"\w+"), "the signs are lost, and words with an apostrophe are cut: add `(?:'\\w+)*` and `|[^\\w\\s]`."),
        (found(r"\w+(?:'\w+)*"), "the signs are lost: add `|[^\\w\\s]`, one sign that is neither word nor blank."),
        (found(r"\w+|[^\w\s]"), "words with an apostrophe inside, such as don't, are cut in three: keep them whole."),
        (found(r"[\w']+|[^\w\s]"), "an apostrophe belongs to a word only between letters: 'no' has three tokens."),
        (found(r"\w+'?\w*|[^\w\s]"), "an apostrophe at a word's end is a sign of its own: letters must follow it."),
        (found(r"\w+(?:'\w+)?|[^\w\s]"), "a word can have two apostrophes, as in rock'n'roll: `*` instead of `?`."),
        (found(r"\w+('\w+)*|[^\w\s]"), "findall returns what the brackets hold: write (?:...) instead of (...)."),
        (found(r"\w+(?:'\w+)*|[^\w\s]+"), "signs in a row stick together: drop the + after [^\\w\\s]."),
        (found(r"\w+(?:'\w+)*|\W"), "blanks have become tokens: \\W takes them in, [^\\w\\s] does not."),
        (found(r"\w+(?:'\w+)*|."), "blanks have become tokens: `.` takes them in, [^\\w\\s] does not."),
        (found(r"[a-zA-Z]+(?:'[a-zA-Z]+)*|[^\w\s]"), "digits and letters with accents are lost: \\w knows them."),
        (found(r"[a-zA-Z0-9]+(?:'[a-zA-Z0-9]+)*|[^\w\s]"), "letters with accents, as in café, are lost: use \\w."),
        (lambda text: WordTokenizer.words(text.lower()), "capitals are lost: leave the text as it is."),
    ]  # fmt: skip
    rest = random.Random(seed).sample(["x's 2nd... ", "'quoted' ", "(it's) ", "naïve? ", "A-1! "], 5)
    cases = [
        "Don't stop: it's 9.30!",
        "the café's 'no'",
        "rock'n'roll, cats' tails",
        "\tWhy?!\n\nNo  idea",
        "",
        "".join(rest),
    ]
    compare(_as_list(answer), WordTokenizer.words, [(text,) for text in cases], mistakes)
    return "Don't stays whole, and every sign stands alone."


@exercise
def unknown_rate(answer: Any, seed: int) -> str:
    """unknown_rate(train, test, vocab_size): the share of test tokens not among the most frequent training tokens."""

    def most_frequent(tokens: list[str], size: int) -> set[str]:
        return {token for token, _ in Counter(tokens).most_common(size)}

    def share(train: list[str], test: list[str], vocab_size: int) -> float:
        known = most_frequent(train, vocab_size)
        return sum(token not in known for token in test) / len(test)

    def of_types(train: list[str], test: list[str], vocab_size: int) -> float:
        return len(set(test) - most_frequent(train, vocab_size)) / len(set(test))

    mistakes = [
        (lambda a, b, n: 1 - share(a, b, n), "this is the share of known tokens: the unknown ones are wanted."),
        (lambda a, b, n: share(a, b, n) * len(b), "this is a number of tokens: divide it by the test text's length."),
        (of_types, "this is a share of different words: count a word as often as it occurs."),
        (lambda a, b, n: len(set(b) - most_frequent(a, n)) / len(b), "a set forgets repetitions: count each token."),
        (lambda a, b, n: share(a, b, len(a)), "vocab_size is not used: only the most frequent words are known."),
        (lambda a, b, n: share(b, b, n), "the vocabulary is taken from the test text: that is cheating."),
        (lambda a, b, n: share(a + b, b, n), "the test text helped to choose the vocabulary: that is cheating."),
        (lambda a, b, n: share(a, a, n), "this is measured on the training text: the test text is wanted."),
        (lambda a, b, n: share(b, a, n), "training and test text are swapped."),
        (lambda a, b, n: share([*dict.fromkeys(a)], b, n), "these are the first words: take the most frequent ones."),
        (lambda a, b, n: share(sorted(set(a)), b, n), "the alphabet's first words: take the most frequent ones."),
        (lambda a, b, n: share(a, b, n) * len(b) / len(a), "divide by the test text's length, not training's."),
        (lambda a, b, n: 100 * share(a, b, n), "this is a percentage: give a share between 0 and 1."),
        (lambda a, b, n: share(a, b, n - 1), "one word too few is known: vocab_size words are."),
        (lambda a, b, n: share(a, b, n + 1), "one word too many is known: vocab_size words are."),
    ]  # fmt: skip
    draw = random.Random(seed)
    train = [f"w{number}" for number in range(12) for _ in range(20 * (12 - number))]  # no two are equally frequent
    test = [f"w{number}" for number, count in enumerate(draw.sample(range(1, 20), 14)) for _ in range(count)]
    draw.shuffle(train)
    draw.shuffle(test)
    cases = [(["b", "b", "b", "a", "a", "c"], ["a", "d", "c", "d", "d", "c", "d", "d", "c", "d"], 2)]
    cases += [(train, test, size) for size in (1, 4, 7)]
    compare(answer, share, cases, mistakes)
    return "known words come from the training text alone."


@exercise
def zipf_exponent(answer: Any, seed: int) -> str:
    """zipf_exponent(counts): s, where the count falls as 1 / rank**s."""

    def fitted(
        x: Callable[..., Any] = np.log, y: Callable[..., Any] = np.log, first: int = 1, order: Any = sorted
    ) -> Any:
        def slope(counts: list[int]) -> float:
            ordered = np.array(list(order(counts)), dtype=float)[::-1]
            ranks = np.arange(first, first + len(ordered))
            return -float(np.polyfit(x(ranks), y(ordered), 1)[0])

        return slope

    def swapped(counts: list[int]) -> float:
        ordered = np.sort(counts)[::-1]
        return -float(np.polyfit(np.log(ordered), np.log(np.arange(1, len(counts) + 1)), 1)[0])

    def two_points(counts: list[int]) -> float:
        return math.log(max(counts) / min(counts)) / math.log(len(counts))

    as_given, rising = fitted(order=lambda counts: counts[::-1]), fitted(order=lambda counts: sorted(counts)[::-1])
    mistakes = [
        (lambda counts: -fitted()(counts), "the sign is wrong: the line falls, and the exponent is what it falls by."),
        (as_given, "rank 1 is the most frequent word: sort the counts, largest first."),
        (lambda counts: -as_given(counts), "sort the counts, largest first, and turn the sign of the slope."),
        (rising, "your counts rise: rank 1 is the most frequent word, so sort from the largest."),
        (lambda counts: -rising(counts), "your counts rise: sort from the largest, then turn the sign of the slope."),
        (fitted(np.array, np.array), "this is without logarithms: take those of the ranks and of the counts."),
        (fitted(np.array), "take the logarithm of the ranks as well."),
        (fitted(y=np.array), "take the logarithm of the counts as well."),
        (fitted(y=np.log10), "one logarithm is natural and the other to base 10: use the same for both."),
        (fitted(first=2), "ranks begin at 1, and yours at 2."),
        (swapped, "the axes are swapped: the count is a function of the rank."),
        (two_points, "this joins the first and the last point: fit a line through all, `np.polyfit(x, y, 1)`."),
    ]  # fmt: skip

    def one_number(counts: list[int]) -> Any:
        try:
            with np.errstate(divide="ignore", invalid="ignore"):
                result = answer(counts)
        except np.linalg.LinAlgError:
            result = math.nan
        if isinstance(result, np.ndarray | tuple | list) and len(result) == 2:
            raise Mistake("np.polyfit returns slope and intercept: return only the slope, with its sign turned.")
        if isinstance(result, float) and not math.isfinite(result):
            raise Mistake("the result is not a number: ranks begin at 1, since the logarithm of 0 is minus infinity.")
        return result

    draw = random.Random(seed)
    drawn = [round(1000 / rank ** draw.uniform(0.5, 1.5)) + draw.randrange(20) + 1 for rank in range(1, 40)]
    draw.shuffle(drawn)
    cases = [([30, 120, 60, 40],), (drawn,), ([7, 1, 1, 3, 2, 40],)]
    compare(one_number if callable(answer) else answer, fitted(), cases, mistakes)
    return "120, 60, 40, 30 fall exactly as 1 / rank: s = 1."


def _merged(symbols: list[str], pair: tuple[str, str], same: Callable[..., Any] = tuple, stop: int = 0) -> list[str]:
    merged, place = [], 0
    while place < len(symbols) - stop:
        both = same(symbols[place : place + 2]) == same(pair)
        merged.append("".join(symbols[place : place + 1 + both]))
        place += 1 + both
    return merged


@exercise
def merge(answer: Any, seed: int) -> str:
    """merge(symbols, pair): every occurrence of the pair joined, from left to right."""

    def first_only(symbols: list[str], pair: tuple[str, str]) -> list[str]:
        for place in range(len(symbols) - 1):
            if (symbols[place], symbols[place + 1]) == tuple(pair):
                return [*symbols[:place], "".join(pair), *symbols[place + 2 :]]
        return list(symbols)

    def no_skip(symbols: list[str], pair: tuple[str, str]) -> list[str]:
        joined = ["".join(pair) if both == tuple(pair) else both[0] for both in pairwise(symbols)]
        return [*joined, symbols[-1]] if symbols else []

    def from_text(symbols: list[str], pair: tuple[str, str]) -> list[str]:
        return " ".join(symbols).replace(" ".join(pair), "".join(pair)).split()

    mistakes = [
        (first_only, "only the first occurrence is joined: go on to the end."),
        (lambda symbols, pair: _merged(symbols, pair, stop=1), "the last symbol is lost where it is in no pair."),
        (no_skip, "the second symbol of a pair still stands after the joined one: go on two places, not one."),
        (from_text, "as text, symbols lose their ends: 'xa', 'b' holds no pair ('a', 'b')."),
        (lambda symbols, pair: _merged(symbols, pair, same="".join), "'ab', 'c' is not the pair ('a', 'bc')."),
        (lambda symbols, pair: [s for s in symbols if s not in pair], "the pair is gone: put its two symbols, joined."),
        (lambda symbols, pair: symbols, "nothing has changed: is the pair compared as a tuple of two symbols?"),
    ]  # fmt: skip
    cases = [(list("thatshat"), ("a", "t")), (list("aaa"), ("a", "a")), (["xa", "b", "a", "b"], ("a", "b"))]
    cases += [(["ab", "c", "a", "bc", "d"], ("a", "bc")), (["a", "ab", "a", "b", "b"], ("a", "b"))]
    draw = random.Random(seed)
    cases += [(draw.choices(["a", "b", "ab"], k=17), pair) for pair in (("a", "b"), ("ab", "a"), ("b", "b"))]
    compare(_as_list(answer), _merged, cases, mistakes)
    return "from left to right, whole symbols, to the end."


@exercise
def encode(answer: Any, seed: int) -> str:
    """encode(word, merges): the word in tokens, by merges in the order in which they were learned."""

    def in_order(word: str, merges: list[tuple[str, str]]) -> list[str]:
        symbols = list(word)
        for pair in merges:
            symbols = _merged(symbols, pair)
        return symbols

    def longest(word: str, merges: list[tuple[str, str]]) -> list[str]:
        tokens, known = [], {"".join(pair) for pair in merges}
        while word:
            size = next((n for n in range(len(word), 1, -1) if word[:n] in known), 1)
            tokens, word = [*tokens, word[:size]], word[size:]
        return tokens

    def leftmost(word: str, merges: list[tuple[str, str]]) -> list[str]:
        symbols = list(word)
        while places := [n for n in range(len(symbols) - 1) if (symbols[n], symbols[n + 1]) in merges]:
            symbols[places[0] : places[0] + 2] = ["".join(symbols[places[0] : places[0] + 2])]
        return symbols

    def once(word: str, merges: list[tuple[str, str]]) -> list[str]:
        symbols = list(word)
        for pair in merges:
            place = next((n for n in range(len(symbols) - 1) if (symbols[n], symbols[n + 1]) == pair), None)
            if place is not None:
                symbols[place : place + 2] = ["".join(pair)]
        return symbols

    mistakes = [
        (longest, "this takes the longest token from the left. Byte-pair encoding repeats the merges in their order."),
        (leftmost, "this joins whatever pair comes first in the word: the pair that was learned first goes first."),
        (lambda word, merges: in_order(word, merges[::-1]), "the merges are applied from the last to the first."),
        (once, "each merge is applied once only: join all its occurrences in the word."),
        (lambda word, merges: in_order(word, merges[:1]), "only the first merge is applied: go through all of them."),
        (lambda word, merges: list(word), "no merge is applied: is the result of each merge kept for the next?"),
        (lambda word, merges: in_order(word, sorted(merges)), "the merges are sorted: keep the order they come in."),
    ]  # fmt: skip
    learned = [("b", "c"), ("a", "b"), ("bc", "d"), ("a", "bcd"), ("d", "a"), ("ab", "ab"), ("c", "a"), ("bc", "bc")]
    draw = random.Random(seed)
    known = ["abc", "abcd", "bcbcd", "abab", "daabcd", "x", "", "cabbcda"]
    known += ["".join(draw.choices("abcd", k=19)) for _ in range(6)]
    compare(_as_list(answer), in_order, [(word, learned) for word in known], mistakes)
    return "a, b, c: the pair b, c was learned first, so the tokens are a and bc."
