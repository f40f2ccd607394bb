"""Exercises of the notebook text_to_tokens."""

import functools
import operator
import random
import re
import string
from collections import Counter
from itertools import pairwise

import numpy as np

from classroom.exercise import case, exercise

__all__ = ["encode", "merge", "unknown_rate", "utf8", "words", "zipf_exponent"]


def _unchanged(value):
    return value


def _code_points(seed):
    return [
        (65,),
        case(0, edge="code point 0"),
        case(127, edge="127, the last code point of one byte"),
        case(128, edge="128, the first of two bytes"),
        (0xE9,),
        (0x5D0,),
        case(0x7FF, edge="2,047, the last of two bytes"),
        case(0x800, edge="2,048, the first of three bytes"),
        (0xC15,),
        (0x4FDD,),
        case(0xFFFF, edge="65,535, the last of three bytes"),
        case(0x10000, edge="65,536, the first of four bytes"),
        (0x1F600,),
        case(0x10FFFF, edge="the last code point of all"),
        *((point,) for point in random.Random(seed).sample(range(0xE000, 0x10FFFF), 3)),
    ]


def _added(number):
    size = (number >= 0x80) + (number >= 0x800) + (number >= 0x10000)
    marks = (0, 0xC0, 0xE0, 0xF0)
    return [marks[size] + number >> 6 * size, *(0x80 + number >> 6 * k & 0x3F for k in reversed(range(size)))]


@exercise(
    praise="one byte for A, two for é, three for 保, four for 😀.",
    cases=_code_points,
    form=lambda value: list(value) if isinstance(value, bytes | bytearray) else value,
    wrong={
        "off by one at each limit: 128 needs two bytes already, so test `<` 128, not `<=`.": {"limits": (0x81, 0x801, 0x10001)},
        "off by one at each limit: 127 still fits in one byte, and 2,047 in two.": {"limits": (0x7F, 0x7FF, 0xFFFF)},
        "one byte holds 0 to 127: 128 needs two already.": {"limits": (0x81, 0x800, 0x10000)},
        "two bytes hold up to 2,047: 2,048 needs three already.": {"limits": (0x80, 0x801, 0x10000)},
        "three bytes hold up to 65,535: 65,536 needs four already.": {"limits": (0x80, 0x800, 0x10001)},
        "one byte holds only 0 to 127, so é needs two.": {"limits": (0x100, 0x800, 0x10000)},
        "two bytes hold 5 + 6 = 11 bits, so the third byte begins at 2,048.": [
            {"limits": (0x80, 0x400, 0x10000)},
            {"limits": (0x80, 0x1000, 0x10000)},
        ],
        "three bytes hold 4 + 6 + 6 = 16 bits, so the fourth byte begins at 65,536.": [
            {"limits": (0x80, 0x800, 0x8000)},
            {"limits": (0x80, 0x800, 0x20000)},
        ],
        "the case of two bytes is missing: 128 to 2,047 need two.": {"limits": (0x80, 0x80, 0x10000)},
        "the case of three bytes is missing: 2,048 to 65,535 need three.": {"limits": (0x80, 0x800, 0x800)},
        "characters above 2,047, such as 保, need a third byte.": {"limits": (0x80,)},
        "characters above 65,535, such as 😀, need a fourth byte.": {"limits": (0x80, 0x800)},
        "the later bytes lack their mark: each is 0b10000000 | six bits.": {"later": 0},
        "the mark of the later bytes is 10, not 11: 0b10000000 | six bits.": {"later": 0xC0},
        "the first byte lacks its mark: 110, 1110 or 11110 in its highest bits.": {"first": (0, 0, 0, 0)},
        "the mark of the first byte grows with the number of bytes: 110, 1110, 11110.": [
            {"first": (0, 0xC0, 0xC0, 0xC0)},
            {"first": (0, 0xE0, 0xE0, 0xE0)},
            {"first": (0, 0xF0, 0xF0, 0xF0)},
        ],
        "the mark of the first of four bytes is 11110.": {"first": (0, 0xC0, 0xE0, 0xE0)},
        "the mark of the first byte has as many ones as there are bytes, then a 0: yours has one too few.": {"first": (0, 0x80, 0xC0, 0xE0)},
        "the mark of the first byte has as many ones as there are bytes, then a 0: yours has one too many.": [
            {"first": (0, 0xE0, 0xF0, 0xF8)},
            {"first": (0, 0xE0, 0xF0, 0xFF)},
        ],
        "a single byte has no mark: below 128 it is the code point itself.": [
            {"first": (0x80, 0xC0, 0xE0, 0xF0)},
            {"first": (0xC0, 0xC0, 0xE0, 0xF0)},
        ],
        "the bytes are in reversed order: the highest bits come first.": {"end": lambda found: found[::-1]},
        "the later bytes are in reversed order: the lowest six bits come last.": {"end": lambda found: found[:1] + found[:0:-1]},
        "shift the first byte too: it holds only the bits that the later bytes leave.": {"head": lambda number, more: number},
        "the first byte is shifted by six bits for each later byte: 6, 12 or 18.": [
            {"head": lambda number, more: number >> 6 * min(more, 1)},
            {"head": lambda number, more: number >> 6 * (more + 1)},
            {"head": lambda number, more: number >> (0, 6, 12, 16)[more]},
            {"head": lambda number, more: number >> (0, 6, 12, 24)[more]},
        ],
        "keep only six bits of each later byte: `& 0b111111` after the shift.": {"mask": lambda bits, k: bits},
        "keep only six bits of the middle bytes too, not just of the last one.": {"mask": lambda bits, k: bits if k else bits & 0x3F},
        "keep only six bits of the last byte too: `& 0b111111`.": {"mask": lambda bits, k: bits & 0x3F if k else bits},
        "a later byte holds six bits, and yours five: `& 0b111111` has six ones.": {"mask": lambda bits, k: bits & 0x1F},
        "a later byte holds six bits, and yours seven or eight: `& 0b111111` has six ones.": [
            {"mask": lambda bits, k: bits & 0x7F},
            {"mask": lambda bits, k: bits & 0xFF},
        ],
        "a later byte holds six bits, not eight: shift by 6, 12 and 18.": [
            {"step": 8, "head": lambda number, more: number >> 8 * more},
            {"step": 8},
        ],
        "the later bytes are equal: shift each one by six bits more than the next.": {"end": lambda found: found[:1] + found[-1:] * (len(found) - 1)},
        "`&` keeps only the bits that both have: put a mark in front of the bits with `|`.": {"put": operator.and_},
        "`+` binds more tightly than `>>` and `&`: write `|`, or put parentheses around the shift.": _added,
        "a byte holds 0 to 255: from 128 on, spread the bits over two to four bytes.": [
            lambda number: [number],
            lambda number: [number % 256],
        ],
        "these are the plain bytes of the number, or UTF-16: UTF-8 has marks, and six bits in each later byte.": [
            lambda number: list(number.to_bytes(4, "big").lstrip(b"\0")),
            lambda number: list(number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big")),
            lambda number: list(number.to_bytes(4, "big")),
            lambda number: list(chr(number).encode("utf-16-be")),
            lambda number: list(chr(number).encode("utf-16")),
        ],
        "these are strings: return the bytes as whole numbers; `0b...` is only a way to write one.": [
            {"end": lambda found: [bin(byte) for byte in found]},
            {"end": lambda found: [hex(byte) for byte in found]},
            {"end": lambda found: [f"{byte:08b}" for byte in found]},
            {"end": lambda found: [f"{byte:b}" for byte in found]},
            {"end": lambda found: [f"{byte:02x}" for byte in found]},
        ],
    },
)
def utf8(
    code_point,
    *,
    limits=(0x80, 0x800, 0x10000),
    first=(0, 0xC0, 0xE0, 0xF0),
    head=lambda number, more: number >> 6 * more,
    put=operator.or_,
    later=0x80,
    step=6,
    mask=lambda bits, k: bits & 0x3F,
    end=list,
):
    """The bytes of a code point in UTF-8."""
    more = sum(code_point >= limit for limit in limits)
    tail = [put(later, mask(code_point >> step * k, k)) for k in reversed(range(more))]
    return end([put(first[more], head(code_point, more)), *tail])


def _texts(seed):
    parts = ["x's 2nd... ", "'quoted' ", "(it's) ", "naïve? ", "A-1! ", "no.1_b ", "3.5kg a, "]
    return [
        ("Don't stop: we're at 9.30!",),
        ("no, no!",),
        ("To be or not to be",),
        case("the café's naïve", edge="letters with accents"),
        case("he said 'no'.", edge="apostrophes at the ends of a word"),
        case("rock'n'roll, cats' tails", edge="more than one apostrophe in a word"),
        case("my_name = _x1", edge="underscores"),
        case("\tWhy?!\n\nNo  idea", edge="tabs, newlines and double spaces"),
        case("I am a 5-a-side fan", edge="words of a single letter"),
        case("«Привет» — 保守", edge="letters and punctuation of other languages"),
        case("that it''s", edge="two apostrophes in a row"),
        case("", edge="an empty text"),
        ("".join(random.Random(seed).sample(parts, 7)),),
    ]


@exercise(
    praise="Don't stays whole, and every punctuation mark is a token of its own.",
    cases=_texts,
    wrong={
        "this splits at spaces only, so punctuation sticks to the words: make each mark a token of its own.": str.split,
        "punctuation at the ends of the words is cut off and lost: make each mark a token of its own.": lambda text: [
            word.strip(string.punctuation) for word in text.split()
        ],
        "`re.split` also returns empty strings and spaces: `re.findall` returns the matches only.": [
            lambda text: re.split(r"(\W)", text),
            lambda text: re.split(r"(\W+)", text),
            lambda text: re.split(r"\W+", text),
            lambda text: re.split(r"\b", text),
            lambda text: re.split(r"\s+|([^\w\s])", text),
        ],
        "these are characters: cut the text into words and punctuation marks, `re.findall(pattern, text)`.": list,
        "punctuation is lost, and words with an apostrophe are cut: the pattern needs a part for each.": {
            "inside": "",
            "mark": "",
        },
        "punctuation is lost: the pattern needs a second part, after `|`, for one character that is neither word nor space.": {"mark": ""},
        "punctuation is lost, and an apostrophe belongs to a word only between letters.": {
            "run": r"[\w']+",
            "inside": "",
            "mark": "",
        },
        "words without an apostrophe are lost: the part in brackets may also occur zero times.": [
            {"inside": r"(?:'\w+)+"},
            {"inside": r"'\w+"},
        ],
        "words of a single letter are lost: a run may be one character long.": [
            {"inside": r"'?\w+"},
            {"run": r"\w\w+"},
        ],
        "empty strings have become tokens: a word has at least one letter.": {"run": r"\w*"},
        "letters stand alone: a run has one or more of them, `+`.": [
            {"run": r"\w", "inside": ""},
            {"run": r"\w", "inside": r"(?:'\w)*"},
            {"run": r"\w"},
        ],
        "don't is cut in two: what follows the apostrophe belongs to the same token.": {"inside": r"|'\w+"},
        "words with an apostrophe inside, such as don't, are cut in three: keep them whole.": {"inside": ""},
        "an apostrophe belongs to a word only between letters: 'no' is three tokens.": {
            "run": r"[\w']+",
            "inside": "",
        },
        "an apostrophe at the beginning of a word is a token of its own: letters must come before it.": {"run": r"'?\w+"},
        "an apostrophe at the end of a word is a token of its own: letters must follow it.": [
            {"inside": r"'?\w*"},
            {"inside": r"(?:'\w*)*"},
            {"inside": r"'?"},
            {"run": r"(?:\w+'?)+", "inside": ""},
        ],
        "several letters can follow an apostrophe, as in rock'n'roll.": [
            {"inside": r"(?:'\w)*"},
            {"inside": r"(?:'\w)?"},
        ],
        "a hyphen is a token of its own: A-1 is three tokens.": [
            {"inside": r"(?:['-]\w+)*"},
            {"run": r"[\w-]+", "inside": r"(?:'[\w-]+)*"},
        ],
        "a period inside a number is a token of its own: 9.30 is three tokens.": [
            {"inside": r"(?:['.]\w+)*"},
            {"run": r"(?:\d+\.\d+|\w+)"},
        ],
        "a word can have two apostrophes, as in rock'n'roll: allow any number of them.": {"inside": r"(?:'\w+)?"},
        "`findall` returns only what the brackets hold: write (?:...) instead of (...).": {"inside": r"('\w+)*"},
        "`findall` returns tuples if the pattern has brackets (...): write (?:...), or leave them out.": [
            {"run": r"(\w+", "inside": r"(?:'\w+)*)", "mark": r"|([^\w\s])"},
            {"run": r"(\w+", "inside": r"('\w+)*)", "mark": r"|([^\w\s])"},
        ],
        "punctuation marks in a row stick together: take one character at a time.": [
            {"mark": r"|[^\w\s]+"},
            {"mark": r"|\S+"},
        ],
        "spaces have become tokens: the second part must exclude white space as well as word characters.": [
            {"mark": r"|\W"},
            {"mark": r"|[^\w]"},
            {"mark": r"|."},
            {"mark": r"|\W+"},
        ],
        "tabs and newlines have become tokens: exclude all white space, not the space alone.": {"mark": r"|[^\w ]"},
        "some punctuation is lost, such as a single ', a = or «: take whatever is neither word nor white space.": [
            {"mark": r"|[.,!?;:]"},
            {"mark": r"|[.,!?]"},
            {"mark": r"|[.,!?;:\-]"},
            {"mark": r"|[.,!?;:\-()]"},
            {"mark": r"|[.,!?;:'\"]"},
            {"mark": r"|[!-/:-@\[-`{-~]"},
        ],
        "an underscore belongs to the word, as in my_name: `\\w` matches it.": [
            {"run": r"[^\W_]+", "inside": r"(?:'[^\W_]+)*"},
            {"run": r"[^\W_]+", "inside": r"(?:'[^\W_]+)*", "mark": r"|[^\w\s]|_"},
        ],
        "digits and letters with accents are lost: `\\w` matches them.": {
            "run": r"[a-zA-Z]+",
            "inside": r"(?:'[a-zA-Z]+)*",
        },
        "digits belong to the words, too: `\\w` matches them.": [
            {"run": r"[^\W\d]+", "inside": r"(?:'[^\W\d]+)*"},
            {"run": r"[^\W\d]+", "inside": r"(?:'[^\W\d]+)*", "mark": r"|[^\w\s]|\d"},
            {"run": r"[a-zA-Z]+", "inside": r"(?:'[a-zA-Z]+)*", "mark": r"|[^a-zA-Z\s]"},
        ],
        "letters with accents, as in café, must stay in their word: use `\\w`.": [
            {"run": r"[a-zA-Z0-9]+", "inside": r"(?:'[a-zA-Z0-9]+)*"},
            {"run": r"[a-zA-Z0-9_]+", "inside": r"(?:'[a-zA-Z0-9_]+)*"},
            {"run": r"[a-zA-Z0-9_]+", "inside": r"(?:'[a-zA-Z0-9_]+)*", "mark": r"|[^a-zA-Z0-9_\s]"},
            {"run": r"[a-zA-Z0-9]+", "inside": r"(?:'[a-zA-Z0-9]+)*", "mark": r"|[^a-zA-Z0-9\s]"},
        ],
        "letters of other alphabets, such as п or 保, belong to the words too: use `\\w`.": [
            {"run": r"[a-zA-ZÀ-ÿ0-9_]+", "inside": r"(?:'[a-zA-ZÀ-ÿ0-9_]+)*"},
            {"run": r"[a-zA-ZÀ-ÿ0-9_]+", "inside": r"(?:'[a-zA-ZÀ-ÿ0-9_]+)*", "mark": r"|[^a-zA-ZÀ-ÿ0-9_\s]"},
        ],
        "two apostrophes in a row do not join two words: letters must follow each apostrophe.": [
            {"inside": r"(?:'+\w+)*"},
            {"inside": r"(?:'*\w+)*"},
        ],
        "capital and small letters are no longer told apart: leave the text as it is.": [
            {"text_first": str.lower},
            {"text_first": str.upper},
            {"text_first": str.casefold},
        ],
        "all apostrophes are lost: they belong to the words.": {"text_first": lambda text: text.replace("'", "")},
        "each token is there once only: keep all occurrences, in the order of the text.": [
            {"end": lambda found: list(dict.fromkeys(found))},
            {"end": lambda found: sorted(set(found))},
        ],
        "the tokens are sorted: keep them in the order of the text.": {"end": sorted},
    },
)
def words(text, *, text_first=_unchanged, run=r"\w+", inside=r"(?:'\w+)*", mark=r"|[^\w\s]", end=_unchanged):
    """Words, with apostrophes inside, and all other characters that are not white space, one by one."""
    return end(re.findall(run + inside + mark, text_first(text)))


def _frequent(tokens, size):
    return [token for token, _ in Counter(tokens).most_common(size)]


def _token_lists(seed):
    draw = random.Random(seed)
    train = [f"w{number}" for number in range(12) for _ in range(20 * number + 20)]  # no two are equally frequent
    test = [f"w{number}" for number, count in enumerate(draw.sample(range(1, 20), 14)) for _ in range(count)]
    draw.shuffle(train)
    draw.shuffle(test)
    return [
        ("a b b".split(), "c a c c c b".split(), 1),
        ("b b b a a c".split(), "a d c d d c d d c d".split(), 2),
        ("x y x z x y".split(), "z q z z x q z".split(), 1),
        case("a b".split(), "a c a".split(), 5, edge="a vocab_size above the number of different tokens"),
        case("a b a".split(), "b a a".split(), 2, edge="a test text without unknown tokens"),
        case("a b a".split(), "c d c".split(), 2, edge="a test text without known tokens"),
        *((train, test, size) for size in (1, 4, 7)),
    ]


@exercise(
    praise="known words come from the training text alone.",
    cases=_token_lists,
    wrong={
        "this is the share of known tokens: the unknown ones are wanted.": {"counts": operator.contains},
        "this is a number of tokens: divide it by the length of the test text.": {"total": lambda test, train, n: 1},
        "this is a share of different words: count each token as often as it occurs.": {
            "tokens": set,
            "total": lambda test, train, n: len(set(test)),
        },
        "a set forgets repetitions: of the unknown tokens, count every occurrence.": {"tokens": set},
        "divide by the number of all test tokens, not of the different ones.": {"total": lambda test, train, n: len(set(test))},
        "`vocab_size` is not used: only the most frequent words are known.": {"known": lambda train, n: train},
        "the vocabulary is taken from the test text: the training text alone decides what is known.": {"source": lambda train, test: test},
        "the test text helped to choose the vocabulary: the training text alone decides what is known.": {"source": lambda train, test: train + test},
        "this is measured on the training text: the share of test tokens is wanted.": {"measured": lambda train, test: train},
        "training and test text are swapped.": {
            "source": lambda train, test: test,
            "measured": lambda train, test: train,
        },
        "nothing is ever known: `most_common` gives pairs, so take the token out of each pair.": {"known": lambda train, n: Counter(train).most_common(n)},
        "`//` drops the fraction: divide with `/`.": {"divide": operator.floordiv},
        "divide by the length of the test text, not by `vocab_size`.": {"total": lambda test, train, n: n},
        "divide by the length of the test text, not of the training text.": [
            {"total": lambda test, train, n: len(train)},
            {"total": lambda test, train, n: len(train) + len(test)},
        ],
        "the share is rounded: return it as it is.": [
            {"divide": lambda unknown, tokens, digits=digits: round(unknown / tokens, digits)} for digits in range(4)
        ],
        "subtracting counters compares counts: a known token is known however often it occurs.": [
            lambda train, test, n: (Counter(test) - Counter(dict(Counter(train).most_common(n)))).total() / len(test),
            lambda train, test, n: (Counter(test) - Counter(train)).total() / len(test),
        ],
        "`vocab_size` is a number of words, not the least count that a word must have.": [
            {"known": lambda train, n: [token for token in train if train.count(token) >= n]},
            {"known": lambda train, n: [token for token in train if train.count(token) > n]},
        ],
        "these are the first tokens of the text: take the most frequent words.": {"known": lambda train, n: train[:n]},
        "these are the first different words of the text: take the most frequent ones.": {"known": lambda train, n: list(dict.fromkeys(train))[:n]},
        "these are the alphabet's first words: take the most frequent ones.": [
            {"known": lambda train, n: sorted(set(train))[:n]},
            {"known": lambda train, n: sorted(train)[:n]},
        ],
        "these are the least frequent words: sort from the largest count down.": {"known": lambda train, n: _frequent(train, None)[::-1][:n]},
        "words that occur once are left out, whatever `vocab_size` says: take the `vocab_size` most frequent.": {
            "known": lambda train, n: [token for token in train if train.count(token) > 1]
        },
        "in a string, `in` also finds parts of words: put the known tokens into a set.": {"known": lambda train, n: " ".join(_frequent(train, n))},
        "this is a percentage: give a share between 0 and 1.": {"divide": lambda a, b: 100 * a / b},
        "one word too few is known: `vocab_size` words are.": {"known": lambda train, n: _frequent(train, n - 1)},
        "one word too many is known: `vocab_size` words are.": {"known": lambda train, n: _frequent(train, n + 1)},
        "this is the share of known words that the test text lacks: ask it of the test tokens the other way round.": (
            lambda train, test, n: sum(word not in test for word in _frequent(train, n)) / len(_frequent(train, n))
        ),
        "this is the ratio of unknown to known tokens: divide by the number of all test tokens.": {
            "divide": lambda unknown, tokens: unknown / (tokens - unknown)
        },
    },
)
def unknown_rate(
    train,
    test,
    vocab_size,
    *,
    source=lambda train, test: train,
    known=_frequent,
    measured=lambda train, test: test,
    tokens=list,
    counts=lambda known, token: token not in known,
    total=lambda test, train, n: len(test),
    divide=operator.truediv,
):
    """The share of test tokens that are not among the most frequent training tokens."""
    vocabulary, text = known(source(train, test), vocab_size), measured(train, test)
    unknown = sum(counts(vocabulary, token) for token in tokens(text))
    return divide(unknown, total(text, train, vocab_size))


def _falling(counts):
    return sorted(counts, reverse=True)


def _slope(x, y):
    return float(np.polyfit(x, y, 1)[0])


def _counts(seed):
    draw = random.Random(seed)
    drawn = [round(1000 / rank ** draw.uniform(0.5, 1.5)) + draw.randrange(20) + 1 for rank in range(1, 40)]
    draw.shuffle(drawn)
    return [
        ([30, 120, 60, 40],),
        ([2, 11, 1, 90, 3, 17],),
        (drawn,),
        case([7, 1, 1, 3, 2, 40], edge="equal counts"),
        case([3, 12], edge="two words only"),
    ]


@exercise(
    praise="120, 60, 40, 30 fall exactly as 1 / rank: s = 1.",
    cases=_counts,
    wrong={
        "the sign is wrong: the line falls, and the exponent is what it falls by.": {"end": operator.pos},
        "rank 1 is the most frequent word: sort the counts, largest first.": {"order": list},
        "the counts are reversed, not sorted: sort them, largest first.": {"order": lambda counts: counts[::-1]},
        "your counts rise: rank 1 is the most frequent word, so sort from the largest down.": {"order": sorted},
        "this is without logarithms: take those of the ranks and of the counts.": {"x": np.array, "y": np.array},
        "take the logarithm of the ranks as well.": {"x": np.array},
        "take the logarithm of the counts as well.": {"y": np.array},
        "one logarithm is natural and the other has another base: use the same for both.": [
            {"y": np.log10},
            {"x": np.log10},
            {"y": np.log2},
            {"x": np.log2},
        ],
        "`log1p(x)` is the logarithm of 1 + x: take that of the counts themselves.": {"y": np.log1p},
        "ranks start at 1, and yours at 2 (`log1p` of the ranks would do that as well).": {"first": 2},
        "ranks start at 1, and yours at 0: do not help log(0) with a small number.": [
            {"x": lambda ranks, digits=digits: np.log(ranks - 1 + 10.0**-digits)} for digits in range(5, 13)
        ],
        "`argsort` gives positions, not ranks: sort the counts, then number them from 1.": [
            lambda counts: -_slope(np.log(np.argsort(counts) + 1), np.log(counts)),
            lambda counts: -_slope(np.log(np.argsort(counts)[::-1] + 1), np.log(counts)),
        ],
        "this is the intercept: the slope is the first number that `np.polyfit` returns.": {"fit": lambda x, y: np.polyfit(x, y, 1)[1]},
        "this is C, from the intercept: the slope is the first number that `np.polyfit` returns.": {
            "fit": lambda x, y: np.exp(np.polyfit(x, y, 1)[1]),
            "end": operator.pos,
        },
        "`np.polyfit` returns slope and intercept: return only the slope, with its sign reversed.": {"fit": lambda x, y: np.polyfit(x, y, 1)},
        "this is an array of one number: index the result of `np.polyfit` with [0], not with a slice.": {"fit": lambda x, y: np.polyfit(x, y, 1)[:1]},
        "these are counts already: do not count them again.": {"order": lambda counts: sorted(Counter(counts).values(), reverse=True)},
        "equal counts belong to different words: keep them all.": {"order": lambda counts: _falling(set(counts))},
        "the axes are swapped: the count is a function of the rank, so the ranks come first.": {"fit": lambda x, y: _slope(y, x)},
        "this joins the first and the last point: fit a line to all points by least squares.": {"fit": lambda x, y: (y[-1] - y[0]) / (x[-1] - x[0])},
        "this is the mean of the slopes between single points: fit one line to all points by least squares.": [
            {"fit": lambda x, y: np.mean(np.diff(y) / np.diff(x))},
            {"fit": lambda x, y: np.mean((y[1:] - y[0]) / (x[1:] - x[0]))},
        ],
        "your line goes through the origin: fit an intercept as well.": {"fit": lambda x, y: (x * y).sum() / (x @ x)},
        "this is the correlation: the slope of the fitted line is wanted.": {"fit": lambda x, y: np.corrcoef(x, y)[0, 1]},
        "this is the covariance: divide it by the variance of x, or use `np.polyfit`.": [
            {"fit": lambda x, y: np.cov(x, y)[0, 1]},
            {"fit": lambda x, y: np.cov(x, y, bias=True)[0, 1]},
        ],
        "a straight line has degree 1: yours is a parabola.": {"fit": lambda x, y: np.polyfit(x, y, min(2, len(x) - 1))[0]},
        "this is 1 / s: leave the reciprocal away.": {"end": lambda slope: -1 / slope},
    },
)
def zipf_exponent(counts, *, order=_falling, first=1, x=np.log, y=np.log, fit=_slope, end=operator.neg):
    """The slope of ln count over ln rank by least squares, with its sign reversed."""
    ordered = np.array(order(counts), dtype=float)
    ranks = np.arange(first, first + len(ordered))
    return end(fit(x(ranks), y(ordered)))


def _is(two, pair):
    return tuple(two) == tuple(pair)


def _from_the_right(symbols, pair):
    reversed_symbols = merge.right(symbols[::-1], pair[::-1], joined=lambda two: "".join(two[::-1]))
    return reversed_symbols[::-1]


def _as_text(symbols, pair, separator=None):
    return " ".join(symbols).replace(" ".join(pair), "".join(pair)).split(separator)


def _until_first(symbols, pair):
    first = next((n for n in range(len(symbols)) if _is(symbols[n : n + 2], pair)), len(symbols))
    return merge.right(symbols[: first + 2], pair)


def _in_twos(symbols, pair):
    twos = [symbols[n : n + 2] for n in range(0, len(symbols), 2)]
    return [symbol for two in twos for symbol in (["".join(two)] if _is(two, pair) else two)]


def _symbols(seed):
    draw = random.Random(seed)
    return [
        (list("thatshat"), ("a", "t")),
        (list("abcabd"), ("a", "b")),
        (list("xababa"), ("a", "b")),
        case(list("aaa"), ("a", "a"), edge="overlapping occurrences"),
        case(["ab", "aba", "ab", "c"], ("ab", "c"), edge="symbols longer than a letter"),
        case(["xa", "b", "a", "b"], ("a", "b"), edge="a symbol that ends with the pair's first"),
        case(["ab", "c", "a", "bc", "d"], ("a", "bc"), edge="other symbols with the same text"),
        case(["a", "ab", "a", "b", "b"], ("a", "b"), edge="a symbol that is the pair joined"),
        case(list("bab"), ("b", "a"), edge="a last symbol that is the pair's first"),
        case(list("cba"), ("a", "b"), edge="a pair that does not occur"),
        case(["a"], ("a", "a"), edge="a single symbol"),
        case([], ("a", "b"), edge="no symbols"),
        *((draw.choices(["a", "b", "ab"], k=17), pair) for pair in (("a", "b"), ("ab", "a"), ("b", "b"))),
    ]


@exercise(
    praise="from left to right, whole symbols, to the end.",
    cases=_symbols,
    wrong={
        "only the first occurrence is joined: go on to the end.": {"most": 1},
        "everything after the first occurrence is lost: go on to the end.": _until_first,
        "this stops after one step: is the `return` inside the loop?": lambda symbols, pair: merge.right(symbols, pair)[:1],
        "the last symbol is lost if it belongs to no pair: go on to the end of the list.": {"stop": 1},
        "the last symbol occurs twice if it ends a pair: append it only if it is in no pair.": lambda symbols, pair: (
            merge.right(symbols, pair, stop=1) + symbols[-1:]
        ),
        "the second symbol of a pair still follows the joined one: go on by two.": {"after": 1},
        "the symbol after a pair is lost: go on by two, not by three.": {"after": 3},
        "if the pair does not match, go on by one position, not two.": [{"step": 2}, _in_twos],
        "joined into one text, the symbols lose their ends: 'xa', 'b' does not contain the pair ('a', 'b').": [
            _as_text,
            functools.partial(_as_text, separator=" "),
        ],
        "compare both symbols, not their joined text: 'ab', 'c' is not the pair ('a', 'bc').": {"matches": lambda two, pair: "".join(two) == "".join(pair)},
        "the order counts: 'b', 'a' is not the pair ('a', 'b').": [
            {"matches": lambda two, pair: sorted(two) == sorted(pair)},
            {"matches": lambda two, pair: set(two) == set(pair)},
            {"matches": lambda two, pair: len(two) == 2 and two[0] in pair and two[1] in pair},
        ],
        "only the first symbol is compared: the second must match as well.": [
            {"matches": lambda two, pair: two[0] == pair[0]},
            {"matches": lambda two, pair: len(two) == 2 and two[0] == pair[0]},
        ],
        "only the second symbol is compared: the first must match as well.": {"matches": lambda two, pair: two[1:] == [pair[1]]},
        "both symbols must match, not one of them: `and`, not `or`.": {"matches": lambda two, pair: len(two) == 2 and (two[0] == pair[0] or two[1] == pair[1])},
        "go from left to right: where occurrences overlap, the left one is joined.": _from_the_right,
        "the joined symbol is one string: put the two texts together, not the pair as a tuple or list.": [
            {"joined": tuple},
            {"joined": list},
        ],
        "the joined symbol has nothing between its parts: leave out the separator.": [
            {"joined": " ".join},
            {"joined": "+".join},
        ],
        "the parts of the joined symbol are in reversed order.": {"joined": lambda two: "".join(two[::-1])},
        "each letter stands alone: append the joined symbol, since `+=` cuts it into letters.": [
            lambda symbols, pair: list("".join(symbols)),
        ],
        "empty strings are left where the second symbols were: leave them out.": lambda symbols, pair: [
            part for text in merge.right(symbols, pair, joined=lambda two: ["".join(two), ""]) for part in (text if isinstance(text, list) else [text])
        ],
        "only the joined symbols are there: keep the symbols that are in no pair, too.": [
            lambda symbols, pair: ["".join(pair) for two in pairwise(symbols) if two == tuple(pair)],
            lambda symbols, pair: ["".join(two) for two in pairwise(symbols)],
        ],
        "the pair is gone: put its two symbols in, joined.": [
            lambda symbols, pair: [symbol for symbol in symbols if symbol not in pair],
            lambda symbols, pair: [text for text in merge.right(symbols, pair, joined=lambda two: "") if text],
        ],
        "nothing has changed: is the pair compared as a tuple of two symbols?": lambda symbols, pair: symbols,
    },
)
def merge(symbols, pair, *, matches=_is, stop=0, most=99, step=1, after=2, joined="".join):
    """The symbols with every occurrence of the pair joined, from left to right."""
    merged, position, found = [], 0, 0
    while position < len(symbols) - stop:
        two = symbols[position : position + 2]
        if found < most and matches(two, pair):
            merged.append(joined(two))
            position, found = position + after, found + 1
        else:
            merged.append(symbols[position])
            position += step
    return merged


def _longest(word, merges):
    tokens, known = [], {"".join(pair) for pair in merges}
    while word:
        size = next((n for n in range(len(word), 1, -1) if word[:n] in known), 1)
        tokens, word = [*tokens, word[:size]], word[size:]
    return tokens


def _leftmost(word, merges):
    symbols = list(word)
    while places := [n for n in range(len(symbols) - 1) if (symbols[n], symbols[n + 1]) in merges]:
        symbols[places[0] : places[0] + 2] = ["".join(symbols[places[0] : places[0] + 2])]
    return symbols


def _one_pass(word, merges):
    symbols, position = list(word), 0
    while position < len(symbols) - 1:
        if (symbols[position], symbols[position + 1]) in merges:
            symbols[position : position + 2] = ["".join(symbols[position : position + 2])]
        position += 1
    return symbols


def _while_they_fit(word, merges):
    symbols = list(word)
    for pair in merges:
        if (merged := merge.right(symbols, pair)) == symbols:
            break
        symbols = merged
    return symbols


def _until_one_fits(word, merges):
    return next((merged for pair in merges if (merged := merge.right(word, pair)) != list(word)), list(word))


def _of_all_steps(word, merges):
    symbols, found = list(word), []
    for pair in merges:
        symbols = merge.right(symbols, pair)
        found += symbols
    return found


LEARNED = [("b", "c"), ("a", "b"), ("bc", "d"), ("a", "bcd"), ("d", "a"), ("ab", "ab"), ("c", "a"), ("bc", "bc")]


def _words(seed):
    draw = random.Random(seed)
    return [
        ("abc", [("b", "c"), ("a", "b")]),
        ("xaab", [("c", "d"), ("a", "b"), ("a", "ab")]),
        *((word, LEARNED) for word in ("abcd", "bcbcd", "abab", "daabcd", "cabbcda", "bcab")),
        *(("".join(draw.choices("abcd", k=19)), LEARNED) for _ in range(6)),
        case("abcab", [("a", "b"), ("b", "c"), ("a", "bc")], edge="two pairs of symbols with the same text"),
        case("aaaaa", [("a", "a"), ("aa", "aa")], edge="a letter that repeats"),
        case("x", LEARNED, edge="a single letter"),
        case("", LEARNED, edge="an empty word"),
        case("dcba", LEARNED, edge="a word that no merge fits"),
    ]


@exercise(
    praise="a, b, c: the pair b, c was learned first, so the tokens are a and bc.",
    cases=_words,
    wrong={
        "this takes the longest token from the left: byte-pair encoding applies the merges in the order in which they were learned.": _longest,
        "this joins whatever pair comes first in the word: the pair that was learned first goes first.": [
            _leftmost,
            _one_pass,
        ],
        "the merges are applied from the last to the first.": {"order": lambda merges: merges[::-1]},
        "the merges are sorted: keep the order in which they come.": {"order": sorted},
        "the longest merges go first: keep the order in which they come.": {"order": lambda merges: sorted(merges, key=lambda pair: -len("".join(pair)))},
        "the symbols of all steps are collected: return those after the last merge.": _of_all_steps,
        "only the first merge is applied: is the `return` inside the loop?": {"order": lambda merges: merges[:1]},
        "the last merge is missing.": {"order": lambda merges: merges[:-1]},
        "the first merge is missing.": {"order": lambda merges: merges[1:]},
        "this stops at the first merge that does not fit the word: go on with the next one.": _while_they_fit,
        "this stops after the first merge that fits the word: go on with the next one.": _until_one_fits,
        "each merge starts from the letters again: apply it to the result of the merge before.": {"keep": lambda letters, symbols: letters},
        "each merge is applied only once: join all its occurrences in the word.": {"step": functools.partial(merge.right, most=1)},
        "compare both symbols of the pair: 'ab', 'c' is not the pair ('a', 'bc').": {
            "step": functools.partial(merge.right, matches=lambda two, pair: "".join(two) == "".join(pair))
        },
        "joined into one text, the symbols lose their ends: 'bc', 'd' does not contain the pair ('c', 'd').": [
            {"step": _as_text},
            {"step": functools.partial(_as_text, separator=" ")},
        ],
        "where occurrences of a pair overlap, the left one is joined: go from left to right.": {"step": _from_the_right},
        "the last symbol is lost if it belongs to no pair.": {"step": functools.partial(merge.right, stop=1)},
        "the second symbol of a pair still follows the joined one: go on by two.": {"step": functools.partial(merge.right, after=1)},
        "the symbol after a pair is lost: go on by two, not by three.": {"step": functools.partial(merge.right, after=3)},
        "the word is not split: begin with its letters, `list(word)`.": {"split": lambda word: [word]},
        "no merge is applied: is the result of each merge kept for the next?": {"order": lambda merges: []},
        "these are the merges that fit: return the tokens of the word.": lambda word, merges: ["".join(pair) for pair in merges if "".join(pair) in word],
    },
)
def encode(word, merges, *, split=list, order=_unchanged, step=merge.right, keep=lambda letters, symbols: symbols):
    """The letters of a word, joined by each of the merges in turn."""
    letters = symbols = split(word)
    for pair in order(merges):
        symbols = step(keep(letters, symbols), pair)
    return symbols
