"""Checks of the notebook text_to_tokens."""

import math
import random
import re
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from course_lib.tokenizers import WordTokenizer

from classroom.checks import Mistake, compare, exercise
from classroom.checks.forms import as_list, as_number

__all__ = ["encode", "merge", "unknown_rate", "utf8", "words", "zipf_exponent"]


@exercise
def utf8(answer: Any, seed: int) -> str:
    """utf8(code_point): the bytes of a character."""
    borders, marks = (0x80, 0x800, 0x10000), (0, 0xC0, 0xE0, 0xF0)

    def coded(limits: Any = borders, first: Any = marks, later: int = 0x80, mask: int = 0x3F, step: int = 6) -> Any:
        def bytes_of(number: int) -> list[int]:
            more = sum(number >= limit for limit in limits)
            ends = [later | number >> step * place & mask for place in reversed(range(more))]
            return [first[more] | number >> step * more, *ends]

        return bytes_of

    def plus(number: int) -> list[int]:
        size = len(right(number)) - 1
        return [marks[size] + number >> 6 * size, *[0x80 + number >> 6 * k & 0x3F for k in reversed(range(size))]]

    right = coded()
    mistakes = [
        (coded(limits=(0x81, 0x801, 0x10001)), "one off at each border: 128 needs two already: `<` 128, not `<=`."),
        (coded(limits=(0x7F, 0x7FF, 0xFFFF)), "one off at each border: 127 fits in one byte, 2,047 in two still."),
        (coded(limits=(0x81, 0x800, 0x10000)), "one byte holds 0 to 127: 128 needs two already."),
        (coded(limits=(0x80, 0x801, 0x10000)), "two bytes hold up to 2,047: 2,048 needs three already."),
        (coded(limits=(0x80, 0x800, 0x10001)), "three bytes hold up to 65,535: 65,536 needs four already."),
        (coded(limits=(0x100, 0x800, 0x10000)), "one byte holds 0 to 127 only, so é has two."),
        (coded(limits=(0x80,)), "characters above 2,047, such as 保, need a third byte."),
        (coded(limits=(0x80, 0x800)), "characters above 65,535, such as 😀, need a fourth byte."),
        (coded(later=0), "the later bytes lack their mark: each is 0b10000000 | six bits."),
        (coded(later=0xC0), "the mark of the later bytes is 10, not 11: 0b10000000 | six bits."),
        (coded(first=(0, 0, 0, 0)), "the first byte lacks its mark: 110, 1110 or 11110 in its highest bits."),
        (coded(first=(0, 0xC0, 0xC0, 0xC0)), "the mark of the first byte grows with the length: 110, 1110, 11110."),
        (coded(first=(0, 0xC0, 0xE0, 0xE0)), "of four bytes, the mark of the first one is 11110."),
        (lambda number: right(number)[::-1], "the bytes are turned round: the highest bits come first."),
        (coded(mask=-1), "keep only six bits of each later byte: `& 0b111111` after the shift."),
        (lambda n: [*coded(mask=-1)(n)[:-1], right(n)[-1]], "keep six bits of each later byte, in the middle too."),
        (coded(mask=0x1F), "a later byte holds six bits, and yours five: `& 0b111111` has six ones."),
        (coded(step=8), "a later byte holds six bits, not eight: shift by 6, 12 and 18."),
        (lambda n: right(n)[:1] + right(n)[-1:] * (len(right(n)) - 1), "the later bytes are equal: shift each one."),
        (plus, "`+` binds before `>>` and `&`: write `|`, or brackets around the shift."),
        (lambda number: [number], "a byte holds 0 to 255: spread the bits over two to four bytes from 128 on."),
        (lambda n: list(n.to_bytes(4, "big").lstrip(b"\0")), "the bare bits: UTF-8 has marks, and six a byte."),
    ]  # fmt: skip
    points = [65, 127, 128, 0xE9, 0x7FF, 0x800, 0x4FDD, 0xFFFF, 0x10000, 0x1F600, 0x10FFFF]
    points += random.Random(seed).sample(range(0xE000, 0x10FFFF), 5)
    compare(as_list(answer), lambda number: list(chr(number).encode()), [(point,) for point in points], mistakes)
    return "one byte for A, two for é, three for 保, four for 😀."


@exercise
def words(answer: Any, seed: int) -> str:
    """words(text): runs of letters and digits with apostrophes inside; other signs alone."""

    def found(pattern: str) -> Callable[[str], list[str]]:
        return lambda text: re.findall(pattern, text)

    mistakes = [
        (str.split, "this cuts at blanks only, so that signs stick to the words: make each sign a token of its own."),
        (list, "these are characters: cut the text into words and signs, `re.findall(pattern, text)`."),
        (found(r"\w+"), "the signs are lost, and words with an apostrophe are cut: add `(?:'\\w+)*` and `|[^\\w\\s]`."),
        (found(r"\w+(?:'\w+)*"), "the signs are lost: add `|[^\\w\\s]`, one sign that is neither word nor blank."),
        (found(r"\w+(?:'\w+)+|[^\w\s]"), "words without an apostrophe are lost: `*` instead of `+` after the bracket."),
        (found(r"\w+'\w+|[^\w\s]"), "words without an apostrophe are lost: `\\w+(?:'\\w+)*`."),
        (found(r"\w*(?:'\w+)*|[^\w\s]"), "empty strings have become tokens: a word has a letter at least, `\\w+`."),
        (found(r"\w(?:'\w)*|[^\w\s]"), "letters stand alone: `\\w+` is a run of them."),
        (found(r"\w+|'\w+|[^\w\s]"), "don't is cut in two: what follows the apostrophe belongs to the same token."),
        (found(r"\w+|[^\w\s]"), "words with an apostrophe inside, such as don't, are cut in three: keep them whole."),
        (found(r"[\w']+|[^\w\s]"), "an apostrophe belongs to a word only between letters: 'no' has three tokens."),
        (found(r"\w+'?\w*|[^\w\s]"), "an apostrophe at a word's end is a sign of its own: letters must follow it."),
        (found(r"(?:\w+'?)+|[^\w\s]"), "an apostrophe at a word's end is a sign of its own: letters must follow it."),
        (found(r"\w+(?:['-]\w+)*|[^\w\s]"), "a hyphen is a sign of its own: A-1 has three tokens."),
        (found(r"\w+(?:'\w+)?|[^\w\s]"), "a word can have two apostrophes, as in rock'n'roll: `*` instead of `?`."),
        (found(r"\w+('\w+)*|[^\w\s]"), "findall returns what the brackets hold: write (?:...) instead of (...)."),
        (found(r"(\w+(?:'\w+)*)|([^\w\s])"), "findall returns tuples where there are brackets: leave them out."),
        (found(r"\w+(?:'\w+)*|[^\w\s]+"), "signs in a row stick together: drop the + after [^\\w\\s]."),
        (found(r"\w+(?:'\w+)*|\W"), "blanks have become tokens: \\W takes them in, [^\\w\\s] does not."),
        (found(r"\w+(?:'\w+)*|."), "blanks have become tokens: `.` takes them in, [^\\w\\s] does not."),
        (found(r"\w+(?:'\w+)*|[^\w ]"), "tabs and newlines have become tokens: [^\\w\\s]."),
        (found(r"\w+(?:'\w+)*|[.,!?;:]"), "some signs are lost, such as a lone ': [^\\w\\s] has them all."),
        (found(r"[^\W_]+(?:'[^\W_]+)*|[^\w\s]"), "underscores are lost: \\w knows them, as in my_name."),
        (found(r"[a-zA-Z]+(?:'[a-zA-Z]+)*|[^\w\s]"), "digits and letters with accents are lost: \\w knows them."),
        (found(r"[a-zA-Z0-9]+(?:'[a-zA-Z0-9]+)*|[^\w\s]"), "letters with accents, as in café, are lost: use \\w."),
        (lambda text: WordTokenizer.words(text.lower()), "capitals are lost: leave the text as it is."),
    ]  # fmt: skip
    rest = random.Random(seed).sample(["x's 2nd... ", "'quoted' ", "(it's) ", "naïve? ", "A-1! "], 5)
    cases = ["Don't stop: it's 9.30!", "the café's 'no'", "rock'n'roll, cats' tails", "\tWhy?!\n\nNo  idea, my_name"]
    cases += ["", "".join(rest)]
    compare(as_list(answer), WordTokenizer.words, [(text,) for text in cases], mistakes)
    return "Don't stays whole, and every sign stands alone."


@exercise
def unknown_rate(answer: Any, seed: int) -> str:
    """unknown_rate(train, test, vocab_size): the share of test tokens not among the most frequent training tokens."""

    def most_frequent(tokens: list[str], size: int) -> set[str]:
        return {token for token, _ in Counter(tokens).most_common(size)}

    def share(train: list[str], test: list[str], vocab_size: int) -> float:
        known = most_frequent(train, vocab_size)
        return sum(token not in known for token in test) / len(test)

    mistakes = [
        (lambda a, b, n: 1 - share(a, b, n), "this is the share of known tokens: the unknown ones are wanted."),
        (lambda a, b, n: share(a, b, n) * len(b), "this is a number of tokens: divide it by the test text's length."),
        (lambda a, b, n: share(a, [*set(b)], n), "this is a share of different words: count each whenever it occurs."),
        (lambda a, b, n: share(a, [*set(b)], n) * len(set(b)) / len(b), "a set forgets repetitions: count each token."),
        (lambda a, b, n: share(a, b, len(a)), "vocab_size is not used: only the most frequent words are known."),
        (lambda a, b, n: share(b, b, n), "the vocabulary is taken from the test text: that is cheating."),
        (lambda a, b, n: share(a + b, b, n), "the test text helped to choose the vocabulary: that is cheating."),
        (lambda a, b, n: share(a, a, n), "this is measured on the training text: the test text is wanted."),
        (lambda a, b, n: share(b, a, n), "training and test text are swapped."),
        (lambda a, b, n: 1.0, "nothing is ever known: most_common gives pairs; take the token out of each pair."),
        (lambda a, b, n: float(share(a, b, n) == 1), "`//` drops the fraction: divide with `/`."),
        (lambda a, b, n: share(a, b, n) * len(b) / len(set(b)), "divide by all test tokens, not the different ones."),
        (lambda a, b, n: share(a, b, n) * len(b) / n, "divide by the test text's length, not by vocab_size."),
        (lambda a, b, n: share([t for t in a if a.count(t) >= n], b, 99), "vocab_size is no least count of a word."),
        (lambda a, b, n: share(a[:n], b, n), "these are the first tokens: take the most frequent words."),
        (lambda a, b, n: share([*dict.fromkeys(a)], b, n), "these are the first words: take the most frequent ones."),
        (lambda a, b, n: share(sorted(set(a)), b, n), "the alphabet's first words: take the most frequent ones."),
        (lambda a, b, n: share(a, b, n) * len(b) / len(a), "divide by the test text's length, not training's."),
        (lambda a, b, n: 100 * share(a, b, n), "this is a percentage: give a share between 0 and 1."),
        (lambda a, b, n: share(a, b, n - 1), "one word too few is known: vocab_size words are."),
        (lambda a, b, n: share(a, b, n + 1), "one word too many is known: vocab_size words are."),
    ]  # fmt: skip
    draw = random.Random(seed)
    train = [f"w{number}" for number in range(12) for _ in range(20 * number + 20)]  # no two are equally frequent
    test = [f"w{number}" for number, count in enumerate(draw.sample(range(1, 20), 14)) for _ in range(count)]
    draw.shuffle(train)
    draw.shuffle(test)
    cases = [(["b", "b", "b", "a", "a", "c"], ["a", "d", "c", "d", "d", "c", "d", "d", "c", "d"], 2)]
    cases += [(["x", "y", "x", "z", "x", "y"], ["z", "q", "z", "z", "x", "q", "z"], 1)]
    cases += [(["a", "b"], ["a", "c", "a"], 5), *[(train, test, size) for size in (1, 4, 7)]]
    compare(as_number(answer), share, cases, mistakes)
    return "known words come from the training text alone."


@exercise
def zipf_exponent(answer: Any, seed: int) -> str:
    """zipf_exponent(counts): s, where the count falls as 1 / rank**s."""

    def fitted(x: Any = np.log, y: Any = np.log, first: int = 1, order: Any = sorted, coefficient: int = 0) -> Any:
        def slope(counts: list[int]) -> float:
            ordered = np.array(list(order(counts)), dtype=float)[::-1]
            ranks = np.arange(first, first + len(ordered))
            return -float(np.polyfit(x(ranks), y(ordered), 1)[coefficient])

        return slope

    def swapped(counts: list[int]) -> float:
        return -float(np.polyfit(np.log(np.sort(counts)[::-1]), np.log(np.arange(1, len(counts) + 1)), 1)[0])

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
        (fitted(np.log10), "one logarithm is natural and the other to base 10: use the same for both."),
        (fitted(y=np.log1p), "log1p(x) is the logarithm of 1 + x: take np.log of the counts."),
        (fitted(first=2), "ranks begin at 1, and yours at 2 (log1p would do that as well)."),
        (fitted(coefficient=1), "this is the intercept: the slope is the first number that np.polyfit returns."),
        (fitted(order=lambda c: sorted(Counter(c).values())), "these are counts already: do not count them again."),
        (fitted(order=lambda c: sorted(set(c))), "equal counts belong to different words: keep them all."),
        (lambda counts: -swapped(counts), "the axes are swapped: np.polyfit(x, y, 1) takes the ranks first."),
        (swapped, "the axes are swapped: the count is a function of the rank."),
        (lambda c: math.log(max(c) / min(c)) / math.log(len(c)), "this joins the first and the last point: fit all."),
    ]  # fmt: skip

    def one_number(counts: list[int]) -> Any:
        try:
            with np.errstate(divide="ignore", invalid="ignore"):
                result = answer(counts)
        except np.linalg.LinAlgError:
            result = math.nan
        if np.shape(result) == (2,):
            raise Mistake("np.polyfit returns slope and intercept: return only the slope, with its sign turned.")
        if isinstance(result, float) and not math.isfinite(result):
            raise Mistake("the result is not a number: ranks begin at 1, since the logarithm of 0 is minus infinity.")
        return result

    draw = random.Random(seed)
    drawn = [round(1000 / rank ** draw.uniform(0.5, 1.5)) + draw.randrange(20) + 1 for rank in range(1, 40)]
    draw.shuffle(drawn)
    cases = [([30, 120, 60, 40],), (drawn,), ([7, 1, 1, 3, 2, 40],)]
    compare(as_number(one_number) if callable(answer) else answer, fitted(), cases, mistakes)
    return "120, 60, 40, 30 fall exactly as 1 / rank: s = 1."


def _merged(symbols: Any, pair: Any, same: Any = tuple, stop: int = 0, most: int = 99, go: Any = (1, 2)) -> Any:
    """The pair joined; or so with another comparison, an end too early, at most so often, or other steps."""
    merged, place, found = [], 0, 0
    while place < len(symbols) - stop:
        both = found < most and same(symbols[place : place + 2]) == same(pair)
        merged.append("".join(symbols[place : place + 1 + both]))
        found, place = found + both, place + go[both]
    return merged


def _from_text(symbols: list[str], pair: tuple[str, str]) -> list[str]:
    return " ".join(symbols).replace(" ".join(pair), "".join(pair)).split()


@exercise
def merge(answer: Any, seed: int) -> str:
    """merge(symbols, pair): every occurrence of the pair joined, from left to right."""

    mistakes = [
        (partial(_merged, most=1), "only the first occurrence is joined: go on to the end."),
        (lambda s, pair: _merged(s, pair)[:1], "this stops after one step: is the `return` inside the loop?"),
        (partial(_merged, stop=1), "the last symbol is lost where it is in no pair."),
        (lambda s, pair: _merged(s, pair, stop=1) + s[-1:], "the last symbol stands twice where it ends a pair."),
        (partial(_merged, go=(1, 1)), "the second symbol of a pair still stands after the joined one: go on by two."),
        (partial(_merged, go=(2, 2)), "where the pair does not match, go on by one place, not two."),
        (_from_text, "as text, symbols lose their ends: 'xa', 'b' holds no pair ('a', 'b')."),
        (partial(_merged, same="".join), "'ab', 'c' is not the pair ('a', 'bc')."),
        (partial(_merged, same=sorted), "the order counts: 'b', 'a' is not the pair ('a', 'b')."),
        (lambda s, pair: list("".join(s)), "each letter stands alone: `append` the joined symbol: `+=` cuts it."),
        (lambda symbols, pair: [s for s in symbols if s not in pair], "the pair is gone: put its two symbols, joined."),
        (lambda symbols, pair: symbols, "nothing has changed: is the pair compared as a tuple of two symbols?"),
    ]  # fmt: skip
    cases = [(list("thatshat"), ("a", "t")), (list("aaa"), ("a", "a")), (["xa", "b", "a", "b"], ("a", "b"))]
    cases += [(["ab", "c", "a", "bc", "d"], ("a", "bc")), (["a", "ab", "a", "b", "b"], ("a", "b"))]
    draw = random.Random(seed)
    cases += [(draw.choices(["a", "b", "ab"], k=17), pair) for pair in (("a", "b"), ("ab", "a"), ("b", "b"))]
    compare(as_list(answer), _merged, cases, mistakes)
    return "from left to right, whole symbols, to the end."


@exercise
def encode(answer: Any, seed: int) -> str:
    """encode(word, merges): the word in tokens, by merges in the order in which they were learned."""

    def in_order(word: str, merges: Any, join: Any = _merged, **how: Any) -> list[str]:
        symbols = list(word)
        for pair in merges:
            symbols = join(symbols, pair, **how)
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

    mistakes = [
        (longest, "this takes the longest token from the left. Byte-pair encoding repeats the merges in their order."),
        (leftmost, "this joins whatever pair comes first in the word: the pair that was learned first goes first."),
        (lambda word, merges: in_order(word, merges[::-1]), "the merges are applied from the last to the first."),
        (partial(in_order, most=1), "each merge is applied once only: join all its occurrences in the word."),
        (lambda word, merges: in_order(word, merges[:1]), "only the first merge is applied: go through all of them."),
        (partial(in_order, same="".join), "compare both symbols of the pair: 'ab', 'c' is not the pair ('a', 'bc')."),
        (partial(in_order, join=_from_text), "as text, symbols lose their ends: 'a', 'bc' holds no pair ('a', 'b')."),
        (partial(in_order, stop=1), "the last symbol is lost where it is in no pair."),
        (partial(in_order, go=(1, 1)), "the second symbol of a pair still stands after the joined one: go on by two."),
        (lambda word, merges: word.split(), "the word is not taken apart: begin with its letters, `list(word)`."),
        (lambda word, merges: list(word), "no merge is applied: is the result of each merge kept for the next?"),
        (lambda word, merges: in_order(word, sorted(merges)), "the merges are sorted: keep the order they come in."),
    ]  # fmt: skip
    learned = [("b", "c"), ("a", "b"), ("bc", "d"), ("a", "bcd"), ("d", "a"), ("ab", "ab"), ("c", "a"), ("bc", "bc")]
    draw = random.Random(seed)
    known = ["abc", "abcd", "bcbcd", "abab", "daabcd", "x", "", "cabbcda", "bcab"]
    known += ["".join(draw.choices("abcd", k=19)) for _ in range(6)]
    cases = [(word, learned) for word in known] + [("abcab", [("a", "b"), ("b", "c"), ("a", "bc")])]
    compare(as_list(answer), in_order, cases, mistakes)
    return "a, b, c: the pair b, c was learned first, so the tokens are a and bc."
