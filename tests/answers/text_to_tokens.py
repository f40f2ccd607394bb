"""Answers to the exercises of text_to_tokens: other right ones, and wrong ones with words of their message."""

import re
from collections import Counter
from fractions import Fraction

import numpy as np
import scipy.stats

from course_lib.tokenizers import WordTokenizer
from course_lib.tokenizers.bpe import join


def utf8_by_cases(n):
    if n < 0x80:
        return (n,)
    if n < 0x800:
        return (0b11000000 + n // 64, 0b10000000 + n % 64)
    if n < 0x10000:
        return (0b11100000 + n // 4096, 0b10000000 + n // 64 % 64, 0b10000000 + n % 64)
    return (0b11110000 + n // 2**18, 0b10000000 + n // 4096 % 64, 0b10000000 + n // 64 % 64, 0b10000000 + n % 64)


def utf8_wrong(limits=(0x80, 0x800, 0x10000), marks=(0, 0xC0, 0xE0, 0xF0), later=0x80, mask=0x3F):
    def encode(n):
        size = next((place for place, limit in enumerate(limits) if n < limit), len(limits))
        return [marks[size] | n >> 6 * size] + [later | (n >> 6 * k) & mask for k in range(size - 1, -1, -1)]

    return encode


def utf8_plus(n):
    if n < 0x80:
        return [n]
    if n < 0x800:
        return [0b11000000 + n >> 6, 0b10000000 + n & 0b111111]
    if n < 0x10000:
        return [0b11100000 + n >> 12, 0b10000000 + n >> 6 & 0b111111, 0b10000000 + n & 0b111111]
    last = 0b10000000 + n & 0b111111
    return [0b11110000 + n >> 18, 0b10000000 + n >> 12 & 0b111111, 0b10000000 + n >> 6 & 0b111111, last]


def utf8_by_eights(n):
    size = len(utf8_by_cases(n)) - 1
    return [(0, 0xC0, 0xE0, 0xF0)[size] | n >> 8 * size] + [0x80 | n >> 8 * k & 0x3F for k in range(size - 1, -1, -1)]


def utf8_middle_unmasked(n):
    first, *later = utf8_by_cases(n)
    return [first, *[0x80 | n >> 6 * k for k in range(len(later) - 1, 0, -1)], *later[-1:]]


def words_by_hand(text):
    found, word = [], ""
    for place, sign in enumerate(text):
        following = text[place + 1 : place + 2]
        if sign.isalnum() or sign == "_" or (sign == "'" and word and (following.isalnum() or following == "_")):
            word += sign
            continue
        found += [word] * bool(word) + [sign] * (not sign.isspace())
        word = ""
    return found + [word] * bool(word)


def findall(pattern):
    return lambda text: re.findall(pattern, text)


def rate(train, test, size):
    known = sorted(set(train), key=train.count, reverse=True)[:size]
    return np.mean([token not in known for token in test])


def pairs_as_words(train, test, size):
    known = Counter(train).most_common(size)
    return sum(token not in known for token in test) / len(test)


def line(counts):
    ordered = np.sort(counts)[::-1]
    return scipy.stats.linregress(np.log2(np.arange(1, len(ordered) + 1)), np.log2(ordered))


def slope(x, y):
    return -np.polyfit(x, y, 1)[0]


def ranks(counts):
    return np.arange(1, len(counts) + 1)


def down(counts):
    return np.sort(counts)[::-1]


def merge_stack(symbols, pair):
    merged, free = [], False
    for symbol in symbols:
        if free and (merged[-1], symbol) == pair:
            merged[-1], free = "".join(pair), False
        else:
            merged.append(symbol)
            free = True
    return merged


def merge_while(symbols, pair):
    symbols = list(symbols)
    place = 0
    while place < len(symbols) - 1:
        if (symbols[place], symbols[place + 1]) == pair:
            symbols[place : place + 2] = [symbols[place] + symbols[place + 1]]
        place += 1
    return symbols


def merge_in_place(symbols, pair):
    place = 0
    while place < len(symbols) - 1:
        if (symbols[place], symbols[place + 1]) == pair:
            symbols[place : place + 2] = [symbols[place] + symbols[place + 1]]
        place += 1
    return symbols


def merge_short(symbols, pair):
    merged, place = [], 0
    while place < len(symbols) - 1:
        if (symbols[place], symbols[place + 1]) == pair:
            merged.append("".join(pair))
            place += 2
        else:
            merged.append(symbols[place])
            place += 1
    return merged


def merge_no_skip(symbols, pair):
    merged = []
    for place, symbol in enumerate(symbols):
        merged.append("".join(pair) if tuple(symbols[place : place + 2]) == pair else symbol)
    return merged


def merge_last_twice(symbols, pair):
    return [*merge_short(symbols, pair), symbols[-1]]


def merge_by_letters(symbols, pair):
    merged = []
    for symbol in merge_while(symbols, pair):
        merged += symbol
    return merged


def merge_every_second(symbols, pair):
    twos = [symbols[place : place + 2] for place in range(0, len(symbols), 2)]
    return ["".join(two) if tuple(two) == pair else two[0] for two in twos]


def merge_either_order(symbols, pair):
    symbols, place = list(symbols), 0
    while place < len(symbols) - 1:
        if sorted(symbols[place : place + 2]) == sorted(pair):
            symbols[place : place + 2] = [symbols[place] + symbols[place + 1]]
        place += 1
    return symbols


def encode_by(step):
    def encode(word, merges):
        symbols = list(word)
        for pair in merges:
            symbols = step(symbols, pair)
        return symbols

    return encode


def merge_equal_text(symbols, pair):
    symbols, place = list(symbols), 0
    while place < len(symbols) - 1:
        if symbols[place] + symbols[place + 1] == "".join(pair):
            symbols[place : place + 2] = ["".join(pair)]
        place += 1
    return symbols


def encode_by_rank(word, merges):
    symbols = list(word)
    while pairs := [pair for pair in zip(symbols, symbols[1:]) if pair in merges]:  # noqa: B905, RUF007
        symbols = merge_while(symbols, min(pairs, key=merges.index))
    return symbols


def encode_by_library(word, merges):
    names = sorted({*word, *(part for pair in merges for part in pair), *map("".join, merges)})
    ids = {name: number for number, name in enumerate(names)}
    ranks = {(ids[a], ids[b]): (rank, ids[a + b]) for rank, (a, b) in enumerate(merges)}
    return [names[number] for number in join([ids[letter] for letter in word], ranks)]


def encode_leftmost(word, merges):
    symbols, place = list(word), 0
    while place < len(symbols) - 1:
        if (symbols[place], symbols[place + 1]) in merges:
            symbols[place : place + 2] = [symbols[place] + symbols[place + 1]]
            place = 0
        else:
            place += 1
    return symbols


def encode_longest(word, merges):
    known, tokens = {a + b for a, b in merges}, []
    while word:
        size = max([n for n in range(2, len(word) + 1) if word[:n] in known], default=1)
        tokens.append(word[:size])
        word = word[size:]
    return tokens


RIGHT = {
    "utf8": [utf8_by_cases, lambda n: chr(n).encode("utf-8"), lambda n: np.array(utf8_by_cases(n))],
    "words": [
        words_by_hand,
        lambda text: (word for word in words_by_hand(text)),
        WordTokenizer.words,
        findall(r"\w+(?:'\w+)*|[^\w\s]"),
        findall(r"[^\w\s]|\w+(?:'\w+)*"),
    ],
    "unknown_rate": [
        rate,
        lambda a, b, n: np.array(rate(a, b, n)),
        lambda a, b, n: Fraction(sum(t not in {w for w, _ in Counter(a).most_common(n)} for t in b), len(b)),
        lambda a, b, n: 1 - sum(t in dict(Counter(a).most_common(n)) for t in b) / len(b),
    ],
    "zipf_exponent": [
        lambda counts: -line(counts).slope,
        lambda counts: np.array(-line(counts).slope),
        lambda c: slope(np.log10(ranks(c)), np.log10(down(c))),
    ],
    "merge": [
        merge_stack,
        merge_while,
        lambda symbols, pair: tuple(merge_while(symbols, pair)),
        lambda s, p: iter(merge_stack(s, p)),
    ],
    "encode": [encode_by_rank, encode_by_library],
}
WRONG = {
    "utf8": [
        (utf8_wrong(limits=(0x81, 0x800, 0x10000)), "128 needs two already"),
        (utf8_wrong(limits=(0x80, 0x801, 0x10000)), "2,048 needs three already"),
        (utf8_wrong(limits=(0x80, 0x800, 0x10001)), "65,536 needs four already"),
        (utf8_wrong(limits=(0x100, 0x800, 0x10000)), "so é has two"),
        (utf8_wrong(limits=(0x80, 0x800)), "need a fourth byte"),
        (utf8_wrong(limits=(0x81, 0x801, 0x10001)), "`<` 128, not `<=`"),
        (utf8_wrong(limits=(0x7F, 0x7FF, 0xFFFF)), "127 fits in one byte"),
        (utf8_wrong(limits=(0x80,)), "need a third byte"),
        (utf8_wrong(later=0xC0), "is 10, not 11"),
        (utf8_wrong(marks=(0, 0xC0, 0xE0, 0xE0)), "of the first one is 11110"),
        (utf8_wrong(mask=0x1F), "six bits, and yours five"),
        (utf8_plus, "`+` binds before"),
        (utf8_by_eights, "not eight: shift by 6"),
        (utf8_middle_unmasked, "in the middle too"),
        (
            lambda n: utf8_by_cases(n)[:1] + utf8_by_cases(n)[-1:] * (len(utf8_by_cases(n)) - 1),
            "the later bytes are equal",
        ),
        (utf8_wrong(later=0), "the later bytes lack their mark"),
        (utf8_wrong(marks=(0, 0, 0, 0)), "the first byte lacks its mark"),
        (utf8_wrong(marks=(0, 0xC0, 0xC0, 0xC0)), "grows with the length"),
        (utf8_wrong(mask=0xFFFFFF), "keep only six bits"),
        (lambda n: utf8_by_cases(n)[::-1], "turned round"),
        (lambda n: [n], "spread the bits"),
        (lambda n: n.to_bytes(4, "big").lstrip(b"\0"), "the bare bits"),
        (lambda n: chr(n), "returns the string"),
        (lambda n: [n] if n < 128 else None, "missing on one path"),
        (b"A", "a function is expected"),
    ],
    "words": [
        (str.split, "cuts at blanks only"),
        (findall(r"\w+"), "the signs are lost, and words with an apostrophe"),
        (findall(r"\w+(?:'\w+)*"), "the signs are lost: add"),
        (list, "these are characters"),
        (findall(r"\w+(?:'\w+)+|[^\w\s]"), "words without an apostrophe are lost"),
        (findall(r"\w+'\w+|[^\w\s]"), "words without an apostrophe are lost"),
        (findall(r"\w*(?:'\w+)*|[^\w\s]"), "empty strings"),
        (findall(r"\w(?:'\w)*|[^\w\s]"), "letters stand alone"),
        (findall(r"\w+|'\w+|[^\w\s]"), "don't is cut in two"),
        (findall(r"(?:\w+'?)+|[^\w\s]"), "at a word's end"),
        (findall(r"\w+(?:['-]\w+)*|[^\w\s]"), "a hyphen is a sign"),
        (findall(r"(\w+(?:'\w+)*)|([^\w\s])"), "findall returns tuples"),
        (findall(r"\w+(?:'\w+)*|[^\w ]"), "tabs and newlines"),
        (findall(r"\w+(?:'\w+)*|[.,!?;:]"), "some signs are lost"),
        (findall(r"[^\W_]+(?:'[^\W_]+)*|[^\w\s]"), "underscores are lost"),
        (lambda text: set(WordTokenizer.words(text)), "a set forgets"),
        (findall(r"\w+|[^\w\s]"), "cut in three"),
        (findall(r"[\w']+|[^\w\s]"), "only between letters"),
        (findall(r"\w+(?:'\w*)*|[^\w\s]"), "at a word's end"),
        (findall(r"\w+'?\w*|[^\w\s]"), "at a word's end"),
        (findall(r"\w+(?:'\w+)?|[^\w\s]"), "two apostrophes"),
        (findall(r"\w+('\w+)*|[^\w\s]"), "what the brackets hold"),
        (findall(r"\w+(?:'\w+)*|[^\w\s]+"), "stick together"),
        (findall(r"\w+(?:'\w+)*|\W"), "blanks have become tokens"),
        (findall(r"[A-Za-z]+(?:'[A-Za-z]+)*|[^\w\s]"), "digits and letters with accents"),
        (findall(r"[A-Za-z0-9]+(?:'[A-Za-z0-9]+)*|[^\w\s]"), "accents, as in café"),
        (lambda text: WordTokenizer.words(text.lower()), "capitals are lost"),
        (lambda text: " ".join(WordTokenizer.words(text)), "returns the string"),
    ],
    "unknown_rate": [
        (lambda a, b, n: 1 - rate(a, b, n), "the share of known tokens"),
        (lambda a, b, n: rate(a, b, n) * len(b), "a number of tokens"),
        (lambda a, b, n: rate(a, list(set(b)), n), "a share of different words"),
        (lambda a, b, n: rate(a, list(set(b)), n) * len(set(b)) / len(b), "a set forgets repetitions"),
        (lambda a, b, n: rate(a, b, len(a)), "vocab_size is not used"),
        (lambda a, b, n: rate(b, b, n), "taken from the test text"),
        (lambda a, b, n: rate(a + b, b, n), "helped to choose"),
        (lambda a, b, n: rate(b, a, n), "swapped"),
        (lambda a, b, n: rate(a, a, n), "measured on the training text"),
        (lambda a, b, n: np.mean([t not in list(dict.fromkeys(a))[:n] for t in b]), "these are the first words"),
        (lambda a, b, n: np.mean([t not in sorted(set(a))[:n] for t in b]), "the alphabet's first"),
        (pairs_as_words, "take the token out of each pair"),
        (lambda a, b, n: rate(a, b, n) * len(b) // len(b), "drops the fraction"),
        (lambda a, b, n: rate(a, b, n) * len(b) / len(Counter(b)), "not the different ones"),
        (lambda a, b, n: rate(a, b, n) * len(b) / n, "not by vocab_size"),
        (lambda a, b, n: np.mean([a.count(t) < n for t in b]), "no least count"),
        (lambda a, b, n: np.mean([t not in a[:n] for t in b]), "these are the first tokens"),
        (lambda a, b, n: [t for t in b if rate(a, [t], n)], "one number is expected"),
        (lambda a, b, n: np.mean([t not in " ".join(w for w, _ in Counter(a).most_common(n)) for t in b]), "expected"),
        (lambda a, b, n: sum((Counter(b) - Counter(dict(Counter(a).most_common(n)))).values()) / len(b), "expected"),
        (lambda a, b, n: rate(a, b, n) * 100, "a percentage"),
        (lambda a, b, n: rate(a, b, n - 1), "one word too few"),
        (lambda a, b, n: rate(a, b, n + 1), "one word too many"),
        (lambda a, b, n: rate(a, b, n) * len(b) / len(a), "not training's"),
    ],
    "zipf_exponent": [
        (lambda c: line(c).slope, "the sign is wrong"),
        (lambda c: slope(np.log(ranks(c)), np.log(c)), "sort the counts, largest first"),
        (lambda c: -slope(np.log(ranks(c)), np.log(np.sort(c))), "then turn the sign"),
        (lambda c: slope(np.log(ranks(c)), np.log(np.sort(c))), "your counts rise"),
        (lambda c: slope(ranks(c), down(c)), "this is without logarithms"),
        (lambda c: slope(ranks(c), np.log(down(c))), "logarithm of the ranks as well"),
        (lambda c: slope(np.log(ranks(c)), down(c)), "logarithm of the counts as well"),
        (lambda c: slope(np.log(ranks(c)), np.log10(down(c))), "use the same for both"),
        (lambda c: slope(np.log(ranks(c) + 1), np.log(down(c))), "ranks begin at 1"),
        (lambda c: slope(np.log10(ranks(c)), np.log(down(c))), "use the same for both"),
        (lambda c: slope(np.log(ranks(c)), np.log1p(down(c))), "the logarithm of 1 + x"),
        (lambda c: -np.polyfit(np.log(ranks(c)), np.log(down(c)), 1)[1], "this is the intercept"),
        (lambda c: -line(list(Counter(c).values())).slope, "do not count them again"),
        (lambda c: -line(np.unique(c)).slope, "keep them all"),
        (lambda c: -slope(np.log(down(c)), np.log(ranks(c))), "takes the ranks first"),
        (lambda c: -np.polyfit(np.log(ranks(c)), np.log(down(c)), 1)[:1], "one number is expected"),
        (lambda c: slope(np.log(down(c)), np.log(ranks(c))), "the axes are swapped"),
        (lambda c: np.polyfit(np.log(ranks(c)), np.log(down(c)), 1), "returns slope and intercept"),
        (lambda c: slope(np.log(ranks(c) - 1), np.log(down(c))), "the logarithm of 0 is minus infinity"),
        (lambda c: c.sort(reverse=True) or slope(np.log(ranks(c)), np.log(c)), "changes its input in place"),
        (lambda c: np.log(max(c) / min(c)) / np.log(len(c)), "joins the first and the last point"),
    ],
    "merge": [
        (merge_in_place, "changes its input in place"),
        (merge_short, "the last symbol is lost"),
        (merge_no_skip, "go on by two"),
        (merge_last_twice, "the last symbol stands twice"),
        (lambda s, pair: merge_stack(s, pair)[:1], "inside the loop"),
        (merge_every_second, "go on by one place"),
        (merge_either_order, "the order counts"),
        (merge_by_letters, "`+=` cuts it"),
        (merge_equal_text, "is not the pair"),
        (lambda s, pair: "-".join(s).replace("-".join(pair), "".join(pair)).split("-"), "lose their ends"),
        (lambda s, pair: " ".join(s).replace(" ".join(pair), "".join(pair)).split(), "lose their ends"),
        (lambda s, pair: [symbol for symbol in s if symbol not in pair], "the pair is gone"),
        (lambda s, pair: s, "nothing has changed"),
        (lambda s, pair: "".join(s), "returns the string"),
    ],
    "encode": [
        (encode_longest, "the longest token from the left"),
        (encode_leftmost, "learned first goes first"),
        (lambda word, merges: encode_by_rank(word, merges[:1]), "only the first merge"),
        (encode_by(merge_no_skip), "go on by two"),
        (encode_by(merge_short), "the last symbol is lost"),
        (encode_by(merge_equal_text), "compare both symbols"),
        (encode_by(lambda s, pair: " ".join(s).replace(" ".join(pair), "".join(pair)).split()), "lose their ends"),
        (lambda word, merges: encode_by_rank(word.split(), merges), "begin with its letters"),
        (lambda word, merges: list(word), "no merge is applied"),
        (lambda word, merges: encode_by_rank(word, sorted(merges)), "the merges are sorted"),
        (lambda word, merges: " ".join(encode_by_rank(word, merges)), "returns the string"),
    ],
}
