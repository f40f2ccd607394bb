"""Answers to the exercises of text_to_tokens: other right ones, and wrong ones with words of their message."""

from itertools import pairwise

import numpy as np

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


def utf8_and(n):
    marks = {1: [0xFF], 2: [0xC0, 0x80], 3: [0xE0, 0x80, 0x80], 4: [0xF0, 0x80, 0x80, 0x80]}[len(utf8_by_cases(n))]
    bits = [n >> 6 * place & 0x3F for place in reversed(range(1, len(marks)))]
    return [n] if n < 0x80 else [marks[0] & n >> 6 * len(bits), *([0x80 & part for part in bits[1:]]), 0x80 & n & 0x3F]


def utf8_latin_mark(n):
    return [0b11000000 | n] if n < 128 else utf8_by_cases(n)


def utf8_first_unshifted(n):
    later = utf8_by_cases(n)[1:]
    return [(0, 0xC0, 0xE0, 0xF0)[len(later)] | n, *later]


def utf8_four_by_sixteen(n):
    return utf8_by_cases(n) if n < 0x10000 else [0xF0 | n >> 16, *utf8_by_cases(n)[1:]]


def utf8_last_unmasked(n):
    *others, _ = utf8_by_cases(n)
    return [*others, 0x80 | n] if others else [n]


def utf8_tail_reversed(n):
    size, tail = len(utf8_by_cases(n)), []
    for _ in range(size - 1):
        tail.append(0x80 | n & 0x3F)
        n >>= 6
    return [utf8_by_cases(n)[0] if size == 1 else (0, 0, 0xC0, 0xE0, 0xF0)[size] | n, *tail]


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


def merge_once(symbols, pair):
    for place in range(len(symbols) - 1):
        if (symbols[place], symbols[place + 1]) == tuple(pair):
            return [*symbols[:place], "".join(pair), *symbols[place + 2 :]]
    return symbols


def merge_break(symbols, pair):
    merged = []
    for place, symbol in enumerate(symbols):
        if tuple(symbols[place : place + 2]) == pair:
            merged.append("".join(pair))
            break
        merged.append(symbol)
    return merged


def merge_by_threes(symbols, pair):
    merged, place = [], 0
    while place < len(symbols):
        if tuple(symbols[place : place + 2]) == pair:
            merged.append(symbols[place] + symbols[place + 1])
            place += 2
        else:
            merged.append(symbols[place])
        place += 1
    return merged


def merge_where(fits, join="".join):
    def merge(symbols, pair):
        merged, rest = [], list(symbols)
        while rest:
            if len(rest) > 1 and fits(rest[0] == pair[0], rest[1] == pair[1]):
                merged.append(join([rest.pop(0), rest.pop(0)]))
            else:
                merged.append(rest.pop(0))
        return merged

    return merge


def merge_from_the_end(symbols, pair):
    symbols, place = list(symbols), len(symbols) - 2
    while place >= 0:
        if (symbols[place], symbols[place + 1]) == pair:
            symbols[place : place + 2] = [symbols[place] + symbols[place + 1]]
            place -= 1
        place -= 1
    return symbols


def merge_and_blank(symbols, pair):
    symbols = list(symbols)
    for place in range(len(symbols) - 1):
        if (symbols[place], symbols[place + 1]) == pair:
            symbols[place : place + 2] = ["".join(pair), ""]
    return symbols


def merge_past_the_end(symbols, pair):
    merged, place = [], 0
    while place < len(symbols):
        both = symbols[place] == pair[0] and symbols[place + 1] == pair[1]
        merged.append("".join(pair) if both else symbols[place])
        place += 2 if both else 1
    return merged


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


def encode_one_pass(word, merges):
    symbols, place = list(word), 0
    while place < len(symbols) - 1:
        if (symbols[place], symbols[place + 1]) in merges:
            symbols[place : place + 2] = [symbols[place] + symbols[place + 1]]
        place += 1
    return symbols


def encode_longest(word, merges):
    known, tokens = {a + b for a, b in merges}, []
    while word:
        size = max([n for n in range(2, len(word) + 1) if word[:n] in known], default=1)
        tokens.append(word[:size])
        word = word[size:]
    return tokens


def encode_all_steps(word, merges):
    steps = [encode_by(merge_while)(word, merges[: count + 1]) for count in range(len(merges))]
    return [symbol for step in steps for symbol in step]


def encode_from_letters(word, merges):
    for pair in merges:
        symbols = merge_while(list(word), pair)
    return symbols


def encode_until_no_change(word, merges):
    symbols = list(word)
    for pair in merges:
        before = symbols
        symbols = merge_while(symbols, pair)
        if symbols == before:
            return symbols
    return symbols


def encode_first_change(word, merges):
    for pair in merges:
        if len(symbols := merge_while(list(word), pair)) < len(word):
            return symbols
    return list(word)


RIGHT = {
    "utf8": [
        utf8_by_cases,
        lambda n: chr(n).encode("utf-8"),
        lambda n: np.array(utf8_by_cases(n)),
        lambda n: bytearray(utf8_by_cases(n)),
    ],
    "merge": [
        merge_stack,
        merge_while,
        lambda symbols, pair: tuple(merge_while(symbols, pair)),
        lambda s, p: iter(merge_stack(s, p)),
    ],
    "encode": [encode_by_rank, encode_by_library],
    "training_text": [lambda: "berry\nberry berry\nstraw", lambda: "straw-berry. berry"],
    "fair_prices": [lambda: [0.5, 1, 0.25], lambda: np.array([0.4, 1.0, 0.25])],
}
WRONG = {
    "utf8": [
        (utf8_wrong(limits=(0x81, 0x800, 0x10000)), "128 needs two already"),
        (utf8_wrong(limits=(0x80, 0x801, 0x10000)), "2,048 needs three already"),
        (utf8_wrong(limits=(0x80, 0x800, 0x10001)), "65,536 needs four already"),
        (utf8_wrong(limits=(0x100, 0x800, 0x10000)), "so é needs two"),
        (utf8_wrong(limits=(0x80, 0x800)), "need a fourth byte"),
        (utf8_wrong(limits=(0x81, 0x801, 0x10001)), "`<` 128, not `<=`"),
        (utf8_wrong(limits=(0x7F, 0x7FF, 0xFFFF)), "127 still fits in one byte"),
        (utf8_wrong(limits=(0x80,)), "need a third byte"),
        (utf8_wrong(later=0xC0), "is 10, not 11"),
        (utf8_wrong(marks=(0, 0xC0, 0xE0, 0xE0)), "of the first of four bytes is 11110"),
        (utf8_wrong(mask=0x1F), "six bits, and yours five"),
        (utf8_plus, "`+` binds more tightly"),
        (utf8_by_eights, "not eight: shift by 6"),
        (utf8_middle_unmasked, "of the middle bytes too"),
        (
            lambda n: utf8_by_cases(n)[:1] + utf8_by_cases(n)[-1:] * (len(utf8_by_cases(n)) - 1),
            "the later bytes are equal",
        ),
        (utf8_wrong(limits=(0x80, 0x1000, 0x10000)), "11 bits"),
        (utf8_wrong(limits=(0x80, 0x80, 0x10000)), "the case of two bytes is missing"),
        (utf8_wrong(limits=(0x80, 0x800, 0x800)), "the case of three bytes is missing"),
        (utf8_and, "`&` keeps only the bits"),
        (lambda n: [n & 0xFF], "spread the bits over"),
        (lambda n: list(chr(n).encode("utf-16-be")), "or UTF-16"),
        (utf8_wrong(limits=(0x80, 0x800, 0x8000)), "16 bits"),
        (utf8_wrong(marks=(0, 0x80, 0xC0, 0xE0)), "one too few"),
        (utf8_wrong(marks=(0, 0xE0, 0xF0, 0xF8)), "one too many"),
        (utf8_wrong(mask=0xFF), "seven or eight"),
        (utf8_latin_mark, "a single byte has no mark"),
        (utf8_first_unshifted, "shift the first byte too"),
        (utf8_four_by_sixteen, "6, 12 or 18"),
        (utf8_last_unmasked, "of the last byte too"),
        (utf8_tail_reversed, "the later bytes are in reversed order"),
        (lambda n: [format(byte, "b") for byte in utf8_by_cases(n)], "these are strings"),
        (utf8_wrong(later=0), "the later bytes lack their mark"),
        (utf8_wrong(marks=(0, 0, 0, 0)), "the first byte lacks its mark"),
        (utf8_wrong(marks=(0, 0xC0, 0xC0, 0xC0)), "grows with the number of bytes"),
        (utf8_wrong(mask=0xFFFFFF), "keep only six bits"),
        (lambda n: utf8_by_cases(n)[::-1], "the bytes are in reversed order"),
        (lambda n: [n], "spread the bits over"),
        (lambda n: n.to_bytes(4, "big").lstrip(b"\0"), "the plain bytes of the number"),
        (lambda n: chr(n), "returns a string"),
        (lambda n: [n] if n < 128 else None, "missing on one path"),
        (b"A", "a function is expected"),
    ],
    "merge": [
        (merge_in_place, "changes its input in place"),
        (merge_short, "the last symbol is lost"),
        (merge_no_skip, "go on by two"),
        (merge_once, "only the first occurrence is joined"),
        (merge_break, "everything after the first occurrence"),
        (merge_by_threes, "not by three"),
        (merge_where(lambda first, second: first), "only the first symbol is compared"),
        (merge_where(lambda first, second: second), "only the second symbol is compared"),
        (merge_where(lambda first, second: first or second), "not one of them"),
        (merge_where(lambda first, second: first and second, join=list), "the joined symbol is one string"),
        (merge_where(lambda first, second: first and second, join=" ".join), "nothing between its parts"),
        (merge_where(lambda first, second: first and second, join=lambda two: two[1] + two[0]), "in reversed order"),
        (merge_from_the_end, "go from left to right"),
        (merge_and_blank, "empty strings are left"),
        (lambda s, pair: [a + b for a, b in pairwise(s) if (a, b) == pair], "only the joined symbols"),
        (merge_past_the_end, "raised IndexError in its line"),
        (merge_last_twice, "the last symbol occurs twice"),
        (lambda s, pair: merge_stack(s, pair)[:1], "inside the loop"),
        (merge_every_second, "go on by one position"),
        (merge_either_order, "the order counts"),
        (merge_by_letters, "`+=` cuts it"),
        (merge_equal_text, "is not the pair"),
        (lambda s, pair: "-".join(s).replace("-".join(pair), "".join(pair)).split("-"), "lose their ends"),
        (lambda s, pair: " ".join(s).replace(" ".join(pair), "".join(pair)).split(), "lose their ends"),
        (lambda s, pair: [symbol for symbol in s if symbol not in pair], "the pair is gone"),
        (lambda s, pair: s, "nothing has changed"),
        (lambda s, pair: "".join(s), "your function returns a string"),
    ],
    "encode": [
        (encode_longest, "the longest token from the left"),
        (encode_one_pass, "that was learned first goes first"),
        (lambda word, merges: encode_by_rank(word, merges[:1]), "only the first merge"),
        (lambda word, merges: encode_by(merge_while)(word, merges[::-1]), "from the last to the first"),
        (lambda word, merges: encode_by_rank(word, merges[:-1]), "the last merge is missing"),
        (lambda word, merges: encode_by_rank(word, merges[1:]), "the first merge is missing"),
        (
            lambda w, merges: encode_by(merge_while)(w, sorted(merges, key=lambda p: -len(p[0] + p[1]))),
            "longest merges",
        ),
        (encode_until_no_change, "stops at the first merge that does not fit"),
        (encode_first_change, "stops after the first merge that fits"),
        (encode_all_steps, "the symbols of all steps"),
        (encode_from_letters, "starts from the letters again"),
        (encode_by(merge_once), "applied only once"),
        (encode_by(merge_from_the_end), "where occurrences of a pair overlap"),
        (encode_by(merge_by_threes), "not by three"),
        (lambda word, merges: [a + b for a, b in merges if word.count(a + b)], "these are the merges that fit"),
        (encode_by(merge_no_skip), "go on by two"),
        (encode_by(merge_short), "the last symbol is lost"),
        (encode_by(merge_equal_text), "compare both symbols"),
        (encode_by(lambda s, pair: " ".join(s).replace(" ".join(pair), "".join(pair)).split()), "lose their ends"),
        (lambda word, merges: encode_by_rank(word.split(), merges), "begin with its letters"),
        (lambda word, merges: list(word), "no merge is applied"),
        (lambda word, merges: encode_by(merge_while)(word, sorted(merges)), "the merges are sorted"),
        (lambda word, merges: " ".join(encode_by_rank(word, merges)), "returns a string"),
    ],
    "training_text": [
        (lambda: "strawberry", "strawberry has become one token"),
        (lambda: "straw berry", "the space has joined the first letters of berry"),
        (lambda: "straw.berry", "no merge has joined the space to berry"),
        (lambda: "berry straw", "straw is still in parts, and the space is not joined"),
        (lambda: "berry berry straw", "some merges went to another piece"),
        (lambda: "berry", "never shows straw"),
        (lambda: "straw", "never shows berry"),
        (lambda: "straw berry\nberry " * 3, "may have 40 characters, but yours has 54"),
        (lambda: ["straw", "berry"], "one string is expected"),
    ],
    "fair_prices": [
        (lambda: (1, 1, 1), "less Chinese: French pays most"),
        (lambda: (1, 0, 0), "one that is left out pays"),
        (lambda: (1, 0.5, 0.3), "more French, or less English"),
        (lambda: (1, 1, 0.1), "more of the language that pays most"),
        (lambda: (1, 2, 1), "each share is a number from 0 to 1, but yours are (1, 2, 1)."),
        (lambda: (0, 0, 0), "at least one share must be above 0"),
        (lambda: (1, 1), "three shares are expected"),
    ],
}
