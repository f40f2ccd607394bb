"""Exercises of the notebook text_to_tokens."""

import functools
import operator
import random
from itertools import pairwise

from course_lib import files
from course_lib.tokenizers import BPETokenizer
from experiments.tables import token_prices

from classroom.answers import Mistake
from classroom.exercise import case, exercise, experiment

__all__ = ["encode", "fair_prices", "merge", "training_text", "utf8"]


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
    kind="debug",
    found=_leftmost,
    praise="a, b, c: the pair b, c was learned first, so the tokens are a and bc.",
    cases=_words,
    wrong={
        "this takes the longest token from the left: byte-pair encoding applies the merges in the order in which they were learned.": _longest,
        "this joins whatever pair comes first in the word: the pair that was learned first goes first.": _one_pass,
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


LEARNED_WORDS, LONGEST_TEXT = 9, 40


def _cuts(design):
    """From a training text to the tokens of a word, after nine merges."""

    def tokens(word):
        text = design()
        if not isinstance(text, str) or not text:
            raise Mistake("one string is expected, the training text.")
        if len(text) > LONGEST_TEXT:
            raise Mistake(f"the training text may have {LONGEST_TEXT} characters, but yours has {len(text)}.")
        tokenizer = BPETokenizer.train(text, vocab_size=256 + LEARNED_WORDS)
        return [tokenizer.vocabulary[number] for number in tokenizer.encode(word)]

    return tokens


@exercise(
    kind="design",
    through=_cuts,
    praise="berry is the more frequent piece, so it is complete before a space can join its first letters.",
    cases=lambda seed: [("strawberry",), (" berry",)],
    wrong={
        "strawberry has become one token: its two halves must not stand side by side in the same piece.": {"text": "strawberry strawberry"},
        "the space has joined the first letters of berry: berry must be complete before that, so it must be more frequent without a space.": [
            {"text": "straw berry"},
            {"text": "straw berry straw berry"},
        ],
        "straw and berry are whole, but no merge has joined the space to berry.": {"text": "straw\nberry"},
        "straw is still in parts, and the space is not joined to berry: do the merges suffice for what your text contains?": {"text": "berry straw"},
        "berry with its space is whole, but straw is still in parts: some merges went to another piece.": {"text": "berry straw berry"},
        "berry is whole, but the training text never shows straw.": {"text": "berry\nberry"},
        "straw is whole, but the training text never shows berry.": {"text": "straw straw"},
    },
)
def training_text(*, text="straw berry\nberry"):
    """A training text from which nine merges cut strawberry into straw and berry, and make one token of " berry"."""
    return text


def _stored_prices():
    rows = files.load_results("token_prices")["rows"]
    return [("shares " + ", ".join(f"{share:g}" for share in row["shares"]), row["dearest"][0]) for row in rows]


def _dearest(choice):
    row = token_prices.row(*choice)
    return max(token_prices.LANGUAGES, key=lambda language: row[language][0])


@experiment(
    goal=16.0,
    unit="tokens per message in the language that pays most",
    stored=_stored_prices,
    advice={
        "all three languages: one that is left out pays for nearly every byte.": lambda choice: min(choice) == 0,
        "less Chinese: French pays most, and Chinese has tokens to spare.": lambda choice: _dearest(choice) == "French" and choice[2] > 0.4,
        "more French, or less English: French pays most.": lambda choice: _dearest(choice) == "French",
        "more of the language that pays most, less of the one that pays least.": lambda choice: True,
    },
    wrong={
        "less Chinese: French pays most, and Chinese has tokens to spare.": lambda: (1, 1, 1),
        "all three languages: one that is left out pays for nearly every byte.": lambda: (1, 0, 0),
        "more French, or less English: French pays most.": lambda: (1, 0.5, 0.3),
        "more of the language that pays most, less of the one that pays least.": lambda: (1, 1, 0.1),
        "each share is a number from 0 to 1, but yours are (1, 2, 1).": lambda: (1, 2, 1),
        "at least one share must be above 0.": lambda: (0, 0, 0),
        "three shares are expected: English, French, Chinese.": lambda: (1, 1),
    },
)
def fair_prices(choice, seed):
    """The shares of English, French and Chinese messages from which 2,000 merges are learned."""
    try:
        shares = tuple(round(float(share), 3) for share in choice)
    except (TypeError, ValueError):
        shares = ()
    if len(shares) != 3:
        raise Mistake("three shares are expected: English, French, Chinese.")
    if not all(0 <= share <= 1 for share in shares):
        raise Mistake(f"each share is a number from 0 to 1, but yours are {tuple(choice)}.")
    if not any(shares):
        raise Mistake("at least one share must be above 0.")
    return token_prices.row(*shares)["dearest"][0]
