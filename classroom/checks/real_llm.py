"""Exercises of the notebook real_llm."""

import math
import random
import re
import struct

import gguf
import numpy as np
import torch
from course_lib import files
from experiments.tables import quantisation
from torch import Generator

from classroom.answers import Mistake
from classroom.exercise import case, exercise, experiment

__all__ = ["dequantise", "halves", "log_probability", "outlier", "share_heads", "showable", "squeeze"]

Q4_1 = gguf.GGMLQuantizationType.Q4_1


def _blocks(seed, number, sign=-1):
    """Blocks of Q4_1 whose weights are exact in half precision, too: (number, 20) bytes."""
    blocks = []
    for place in range(number):
        d, m = ((69, 101), (70, 75), (85, 107), (91, 90))[(seed + place) % 4]
        codes = torch.randint(256, (16,), generator=Generator().manual_seed(seed + place)).tolist()
        blocks.append(struct.pack("<2e", d / 64, sign * m / 64) + bytes(codes))
    return _bytes(*blocks)


def _bytes(*blocks):
    return np.stack([np.frombuffer(block, np.uint8) for block in blocks])


def _one_by_one(low, high):
    return np.stack([low, high], axis=2).reshape(len(low), -1)


def _in_turn(first, second):
    return [q for pair in zip(first, second, strict=True) for q in pair]


def _side_by_side(low, high):
    return np.concatenate([low, high], axis=1)


def _below_one_another(blocks):
    weights = dequantise.right(blocks)
    return np.concatenate([weights[:, :16], weights[:, 16:]])


@exercise(
    praise="the byte 0x21 holds two weights: the first of the block, from its 1, and the 17th, from its 2.",
    cases=lambda seed: [
        (_bytes(struct.pack("<2e", 0.5, -1.0) + bytes([0x21, 0xF0, *[0x88] * 14])),),
        (_blocks(seed, 3),),
        (_blocks(seed + 1, 5),),
        case(_blocks(seed + 2, 2, sign=1), edge="a positive m"),
    ],
    wrong={
        "the two halves of a byte are not neighbours: first come the low halves of all 16 bytes, then the high ones.": {"put": _one_by_one},
        "the two halves of a byte are neighbours here, the high one first: all 16 low halves come first, then the high ones.": {
            "put": lambda low, high: _one_by_one(high, low)
        },
        "the low halves (byte & 15) are the first 16 weights, the high ones the last.": {"put": lambda low, high: _side_by_side(high, low)},
        "16 weights are missing: each byte holds two, and its high half is byte >> 4.": {"put": lambda low, high: low},
        "16 weights are missing: each byte holds two, and its low half is byte & 15.": {"put": lambda low, high: high},
        "the low halves come twice: the last 16 weights are the high halves.": {"put": lambda low, high: _side_by_side(low, low)},
        "the high halves come twice: the first 16 weights are the low halves.": {"put": lambda low, high: _side_by_side(high, high)},
        "the halves of the bytes lie below one another: a block is one row of 32 weights (axis=1).": _below_one_another,
        "the high half must be shifted down by four bits, to a number from 0 to 15.": {"high": lambda byte: byte & 240},
        "shift by four bits: the high half is a number from 0 to 15.": [
            {"high": lambda byte: byte >> 3},
            {"high": lambda byte: byte >> 5},
            {"high": lambda byte: 0 * byte},
        ],
        "a whole number is wanted for the high half: byte >> 4, or byte // 16.": {"high": lambda byte: byte / 16},
        "the low half is the lowest four bits: its mask is 15.": [
            {"low": lambda byte: byte & 16},
            {"low": lambda byte: byte & 7},
            {"low": lambda byte: byte % 15},
        ],
        "the low half still holds the high one: keep four bits of the byte.": {"low": lambda byte: byte},
        "d and m are swapped: the first two bytes are the scale d, the next two m.": {"weight": lambda d, m, q: m * q + d},
        "this is Q4_0, where 8 is subtracted and nothing added: in Q4_1 a weight is d q + m.": {"weight": lambda d, m, q: d * (q - 8)},
        "the 8 belongs to Q4_0: in Q4_1, q runs from 0 to 15, and m is added.": {"weight": lambda d, m, q: d * (q - 8) + m},
        "m is added, not subtracted: d q + m.": {"weight": lambda d, m, q: d * q - m},
        "m is missing: d q + m.": {"weight": lambda d, m, q: d * q},
        "the scale d is missing: d q + m.": {"weight": lambda d, m, q: q + m},
        "d multiplies q alone, and then m is added.": {"weight": lambda d, m, q: d * (q + m)},
        "the scale multiplies: d q + m, not q / d + m.": {"weight": lambda d, m, q: q / d + m},
        "these are the 4-bit codes q themselves: a weight is d q + m.": {"weight": lambda d, m, q: q},
        "each block has its own d and m: yours gives all blocks those of the first.": {"weight": lambda d, m, q: d[:1] * q + m[:1]},
        "the first four bytes are d and m, not weights: the packed weights begin behind them.": {"packed": lambda blocks: blocks},
        "four bytes come before the weights, d and m with two each: yours skips d alone.": {"packed": lambda blocks: blocks[:, 2:]},
        "a byte holds two weights of 4 bits: yours takes each byte for one.": {"put": lambda low, high: 16.0 * high + low},
        "d and m are read with their bytes in the wrong order: little-endian is '<f2'.": {"numbers": ">f2"},
        "d and m are numbers in half precision, not whole numbers: their type is '<f2'.": [
            {"numbers": "<i2"},
            {"numbers": "<u2"},
        ],
    },
)
def dequantise(
    blocks,
    *,
    numbers="<f2",
    packed=lambda blocks: blocks[:, 4:],
    low=lambda byte: byte & 15,
    high=lambda byte: byte >> 4,
    put=_side_by_side,
    weight=lambda d, m, q: d * q + m,
):
    """The weights of blocks of Q4_1, each of 20 bytes: (N, 20) becomes (N, 32)."""
    scales = np.ascontiguousarray(blocks[:, :4]).view(numbers).astype(np.float32)
    codes = put(low(packed(blocks)), high(packed(blocks))).astype(np.float32)
    return weight(scales[:, :1], scales[:, 1:], codes)


def _after_squeezing(design):
    """From 32 numbers to what is asked about them, and about the same numbers after Q4_1."""

    def asked(question):
        try:
            numbers = np.array([float(number) for number in design()], dtype=np.float32)
        except (TypeError, ValueError):
            raise Mistake("a list of 32 numbers is expected.") from None
        if len(numbers) != 32:
            raise Mistake(f"32 numbers are expected, but yours are {len(numbers)}.")
        step = float((numbers.max() - numbers.min()) / 15)
        if not max(step, float(np.abs(numbers).max())) <= 65_504:
            raise Mistake("d and m are kept in half precision, and so at most 65,504: a smaller outlier is enough.")
        back = gguf.dequantize(gguf.quantize(numbers[None], Q4_1), Q4_1)[0]
        return {
            "Are the first 31 between -1 and 1?": bool((np.abs(numbers[:31]) <= 1).all()),
            "Is their standard deviation at least 0.5?": bool(numbers[:31].std() >= 0.4999),
            "Do they come back as one and the same number?": len(set(back[:31].tolist())) == 1,
        }[question]

    return asked


@exercise(
    kind="design",
    through=_after_squeezing,
    praise="the step is a 15th of the range, and one outlier makes it larger than all the others together.",
    cases=lambda seed: [
        ("Are the first 31 between -1 and 1?",),
        ("Is their standard deviation at least 0.5?",),
        ("Do they come back as one and the same number?",),
    ],
    wrong={
        "the first 31 still come back as different numbers: what is the step d of your block, and how far apart are they?": [{"last": 1.0}, {"last": 5.0}],
        "the first 31 lie between -1 and 1: the last alone may be larger.": {"width": 2.0},
        "the first 31 are too close together: their standard deviation is at least 0.5.": {"width": 0.1},
    },
)
def outlier(*, last=100.0, width=1.0):
    """32 numbers, the last of which makes all others come back from Q4_1 as one."""
    return [*np.linspace(-width, width, 31).tolist(), last]


def _rows(seed, heads, width, columns):
    return torch.randn(heads * width, columns, generator=Generator().manual_seed(seed)), heads


@exercise(
    praise="0, 1, 2, 3, 4, 5, 6, 7 becomes 0, 2, 4, 6, 1, 3, 5, 7, in each head by itself.",
    cases=lambda seed: [(torch.arange(16.0)[:, None], 2), _rows(seed, 3, 6, 5), _rows(seed + 1, 5, 10, 3)],
    wrong={
        "this is the opposite direction, from halves to neighbours: from neighbours to halves is wanted.": {
            "order": lambda width: _in_turn(range(width // 2), range(width // 2, width))
        },
        "each head has rows of its own: split the matrix into n_heads groups first.": {"size": lambda rows, H: rows},
        "`split` takes the size of a part, `chunk` the number of parts: n_heads is a number of parts.": {"size": lambda rows, H: H},
        "the rows of a head are neighbours: a head is not every n_heads-th row.": lambda rows, n_heads: torch.cat(
            [torch.cat([head[::2], head[1::2]]) for head in (rows[start::n_heads] for start in range(n_heads))]
        ),
        "nothing has moved.": {"order": lambda width: list(range(width))},
        "the rows at odd positions come after those at even ones: yours begins with the odd ones.": {
            "order": lambda width: [*range(1, width, 2), *range(0, width, 2)]
        },
        "you swap the halves of a head: take every second row instead.": {"order": lambda width: [*range(width // 2, width), *range(width // 2)]},
        "you swap neighbours: first come all even rows of a head, then all odd ones.": {
            "order": lambda width: _in_turn(range(1, width, 2), range(0, width, 2))
        },
        "the odd rows come in reversed order: keep them ascending.": {"order": lambda width: [*range(0, width, 2), *range(width - 1, 0, -2)]},
        "the order within each head is reversed.": {"order": lambda width: [*range(width - 1, 0, -2), *range(width - 2, -1, -2)]},
        "the odd rows of each head are missing.": {"order": lambda width: list(range(0, width, 2))},
        "the even rows of each head are missing.": {"order": lambda width: list(range(1, width, 2))},
        "the heads come in reversed order: only the rows within each head move.": {"join": lambda heads: torch.cat(heads[::-1])},
        "the heads lie side by side here, along the columns: put them below one another again, along the rows.": {
            "join": lambda heads: torch.cat(heads, dim=1)
        },
        "the heads are stacked along an axis of their own: put them below one another again, (n_heads · D, C).": {"join": torch.stack},
        "the two halves of a head lie side by side here, along the columns: put the odd rows below the even ones.": {
            "part": lambda head: torch.cat([head[::2], head[1::2]], dim=1)
        },
        "these are the columns: the rows move.": {"part": lambda head: torch.cat([head[:, ::2], head[:, 1::2]], dim=1)},
        "only the first head is left: is the `return` inside the loop?": {"join": lambda heads: heads[0]},
        "only the last head is left: collect all of them.": {"join": lambda heads: heads[-1]},
    },
)
def halves(
    rows,
    n_heads,
    *,
    size=lambda rows, H: rows // H,
    order=lambda width: [*range(0, width, 2), *range(1, width, 2)],
    part=None,
    join=torch.cat,
):
    """The rows of each head: first 0, 2, 4, ..., then 1, 3, 5, ..."""
    part = part or (lambda head: head[order(len(head))])
    return join([part(head) for head in rows.split(size(len(rows), n_heads))])


def _keys(seed, B, G, S, D, n_heads):
    return torch.randn(B, G, S, D, generator=Generator().manual_seed(seed)), n_heads


def _tiled(k, n_heads):
    return k.repeat(1, n_heads // k.shape[1], 1, 1)


@exercise(
    kind="debug",
    found=_tiled,
    praise="neighbouring query heads share a key head: 0, 0, 0, 1, 1, 1, 2, 2, 2.",
    cases=lambda seed: [
        (torch.arange(3.0).view(1, 3, 1, 1), 9),
        _keys(seed, 2, 2, 3, 4, 6),
        _keys(seed + 1, 1, 2, 5, 2, 8),
        case(*_keys(seed + 2, 2, 3, 4, 2, 3), edge="as many key heads as query heads"),
        case(*_keys(seed + 3, 2, 1, 4, 2, 5), edge="a single key head"),
    ],
    wrong={
        "each key head is repeated n_heads times: n_heads is how many there are in the end.": {"times": lambda k, n_heads: n_heads},
        "each key head is repeated as often as there are key heads: by how many query heads is one shared?": {"times": lambda k, n_heads: k.shape[1]},
        "this repeats positions: the heads are on axis 1.": {"axis": 2},
        "this repeats components: the heads are on axis 1.": {"axis": 3},
        "this repeats the texts of the batch: the heads are on axis 1.": {"axis": 0},
        "all query heads get the first key head.": {"chosen": lambda k: k[:, :1].expand_as(k)},
        "the key heads come in reversed order.": {"chosen": lambda k: k.flip(1)},
        "all query heads get the mean of the key heads: each group has a head of its own.": {"chosen": lambda k: k.mean(1, keepdim=True).expand_as(k)},
    },
)
def share_heads(k, n_heads, *, times=lambda k, n_heads: n_heads // k.shape[1], axis=1, chosen=lambda k: k):
    """The keys of each query head, (B, n_heads, S, D), from those of fewer key heads, (B, G, S, D)."""
    return chosen(k).repeat_interleave(times(k, n_heads), dim=axis)


def _scored(seed, T, V, start):
    generator = Generator().manual_seed(seed)
    logits = 3 * torch.randn(T, V, generator=generator)
    return logits, torch.randint(V, (T,), generator=generator).tolist(), start


BY_HAND = torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8], [0.25, 0.5, 0.25], [0.2, 0.2, 0.6]]).log()


@exercise(
    praise="by hand: (ln 0.8 + ln 0.5) / 2, and the last row judges nothing.",
    cases=lambda seed: [
        (BY_HAND, [0, 1, 2, 1], 2),
        _scored(seed, 7, 11, 2),
        _scored(seed + 1, 11, 5, 4),
        _scored(seed + 2, 7, 13, 3),
        case(*_scored(seed + 3, 5, 7, 4), edge="an answer of one token"),
        case(*_scored(seed + 4, 5, 11, 1), edge="a prompt of one token"),
    ],
    wrong={
        "row t is about what *follows* token t: the token at position t is judged by row t - 1.": {"row": lambda position, T: position},
        "this is one row too early: the token at position t is judged by row t - 1.": {"row": lambda position, T: position - 2},
        "the rows move the wrong way: the token at position t is judged by row t - 1, not t + 1.": {"row": lambda position, T: (position + 1) % T},
        "the last row judges nothing: every token is judged by the row before it.": {"row": lambda position, T: T - 1},
        "this is the sum: divide by the number of tokens from start on.": {"end": lambda log_p, *sizes: log_p.sum()},
        "this is one number per token: take their mean.": [
            {"end": lambda log_p, *sizes: log_p},
            {"end": lambda log_p, *sizes: log_p.tolist()},
        ],
        "the tokens before start belong to the prompt: they do not count.": {"first": lambda start: 1},
        "these are the tokens of the prompt: the answer's begin at start.": {
            "first": lambda start: 1,
            "last": lambda start, T: start,
        },
        "the first token of the answer is missing: it stands at start.": {"first": lambda start: start + 1},
        "one token too many: the answer begins at start, not before it.": {"first": lambda start: max(start - 1, 1)},
        "the last token of the answer is missing.": {"last": lambda start, T: T - 1},
        "only the first token of the answer counts here: take the mean over all of them.": {"last": lambda start, T: start + 1},
        "only the last token of the answer counts here: take the mean over all of them.": {"end": lambda log_p, *sizes: log_p[-1]},
        "logits are not log-probabilities: take log_softmax first.": {"log_p": lambda z: z},
        "these are probabilities: take the logarithm of the softmax.": {"log_p": lambda z: z.softmax(dim=-1)},
        "the softmax runs over the positions (dim 0): it belongs over the vocabulary, the last axis.": {"log_p": lambda z: z.log_softmax(dim=0)},
        "these are log-probabilities of a yes or no for each token (sigmoid): take log_softmax.": {"log_p": torch.nn.functional.logsigmoid},
        "the most probable token is judged here: judge the token that stands in `tokens`.": {"judged": lambda log_p, row, token: log_p[row].max(dim=-1).values},
        "the sign is reversed: this is the cross-entropy, -ln p, and a mean of ln p is below 0.": {"end": lambda log_p, *sizes: -log_p.mean()},
        "this is the logarithm of the mean probability: take the mean of the logarithms.": {"end": lambda log_p, *sizes: log_p.exp().mean().log()},
        "this is in bits: the natural logarithm, in nats, is wanted.": {"end": lambda log_p, *sizes: log_p.mean() / math.log(2)},
        "this is with the logarithm to base 10: the natural one is wanted.": {"end": lambda log_p, *sizes: log_p.mean() / math.log(10)},
        "this is a probability: the logarithm itself is wanted.": [
            {"end": lambda log_p, *sizes: log_p.mean().exp()},
            {"end": lambda log_p, *sizes: log_p.sum().exp()},
        ],
        "this is the perplexity: the mean of ln p itself is wanted.": {"end": lambda log_p, *sizes: (-log_p.mean()).exp()},
        "divide by the number of tokens from start on, not by that of all.": {"end": lambda log_p, start, T: log_p.sum() / T},
        "divide by the number of tokens from start on, T - start.": [
            {"end": lambda log_p, start, T: log_p.sum() / start},
            {"end": lambda log_p, start, T: log_p.sum() / (T - start + 1)},
            {"end": lambda log_p, start, T: log_p.sum() / (T - 1)},
        ],
        "this is the largest of them: take their mean.": {"end": lambda log_p, *sizes: log_p.max()},
        "this is the smallest of them: take their mean.": {"end": lambda log_p, *sizes: log_p.min()},
        "a slice and a list give every row with every token: pair them, one row for each token.": {"judged": lambda log_p, row, token: log_p[row][:, token]},
    },
)
def log_probability(
    logits,
    tokens,
    start,
    *,
    row=lambda position, T: position - 1,
    first=lambda start: start,
    last=lambda start, T: T,
    log_p=lambda z: z.log_softmax(dim=-1),
    judged=lambda log_p, row, token: log_p[row, token],
    end=lambda log_p, *sizes: log_p.mean(),
):
    """The mean ln p of tokens[start:], each given all before it."""
    T = len(tokens)
    positions = range(first(start), last(start, T))
    rows = torch.tensor([row(position, T) for position in positions], dtype=torch.long)
    labels = torch.tensor([tokens[position] for position in positions], dtype=torch.long)
    return end(judged(log_p(logits), rows, labels), start, T)


def _ends(text, stop):
    """The lengths of all suffixes of the text that are prefixes of the stop string, itself apart."""
    return [n for n in range(1, len(stop)) if text.endswith(stop[:n])]


def _anywhere(text, stop, choose):
    """How much follows the longest, or the shortest, prefix of the stop string, wherever it is found."""
    found = [n for n in range(1, len(stop)) if stop[:n] in text]
    return len(text) - text.index(stop[: choose(found)]) if found else 0


def _again_and_again(text, stop):
    shown = text
    while held := max(_ends(shown, stop), default=0):
        shown = shown[:-held]
    return len(text) - len(shown)


def _drawn(seed):
    drawn = random.Random(seed)
    return [("".join(drawn.choices("ab", k=9)), "".join(drawn.choices("ab", k=4))) for _ in range(20)]


@exercise(
    praise="a new line waits until it is clear that no Q: follows.",
    cases=lambda seed: [
        ("Rome.", "\nQ:"),
        ("Rome.\n", "\nQ:"),
        ("Rome.\nQ", "\nQ:"),
        ("Rome.\nQ: and", "\nQ:"),
        ("Rome.\nQ: and\nQ: more", "\nQ:"),
        ("a line\nand more", "\nQ:"),
        ("abab", "ababac"),
        ("aab", "abc"),
        *_drawn(seed),
        case("", "stop", edge="an empty text"),
        case("\nQ: more", "\nQ:", edge="a stop string at the very beginning"),
        case("\nQ:", "\nQ:", edge="a text that is the stop string"),
        case("\nQ", "\nQ:", edge="a text that is the beginning of the stop string"),
        case("yes, no", ".", edge="a stop string of one character"),
        case("yes. no.", ".", edge="a stop string of one character"),
        case("1 + 2 (*) 3", "(*)", edge="a stop string with special characters"),
        case("axc and a", "a.c", edge="a stop string with special characters"),
        case("QUIT, q", "quit", edge="capital letters"),
        case("Rome. \n ", "\n\nQ:", edge="white space at the end"),
        case("Rome.\nQ: then\n", "\nQ:", edge="a text that holds the stop string and ends with its beginning"),
    ],
    wrong={
        "the stop string itself is never shown.": {"cut": lambda text, stop: text[: text.index(stop) + len(stop)]},
        "the text ends where the stop string comes *first*.": {"cut": lambda text, stop: text.rpartition(stop)[0]},
        "what follows the stop string goes too: yours takes out the stop string alone.": {"cut": lambda text, stop: text.replace(stop, "")},
        "this is what follows the stop string: what comes before it may be shown.": {"cut": lambda text, stop: text.partition(stop)[2]},
        "where the stop string is found, nothing is shown here: show what comes before it.": {"cut": lambda text, stop: ""},
        "one character too few is left before the stop string.": {"cut": lambda text, stop: text[: max(text.index(stop) - 1, 0)]},
        "the suffix of the text may be the beginning of the stop string: hold that back.": {"hold": lambda text, stop: 0},
        "only hold back what really begins the stop string: other text can be shown at once.": [
            {"hold": lambda text, stop: min(len(text), len(stop) - 1)},
            {"shown": lambda text, n, stop: text[: len(text) - len(stop) + 1]},
            {"shown": lambda text, n, stop: text[: 1 - len(stop)]},
        ],
        "the whole stop string's length is held back: hold back only what really begins it.": {"hold": lambda text, stop: min(len(text), len(stop))},
        "more than one character of the stop string may have come.": {"hold": lambda text, stop: int(text.endswith(stop[0]) and len(stop) > 1)},
        "all but one character of the stop string may have come: the longest prefix to try has len(stop) - 1.": {
            "hold": lambda text, stop: max((n for n in _ends(text, stop) if n < len(stop) - 1), default=0)
        },
        "one character of the stop string may have come: the shortest prefix to try has 1.": {
            "hold": lambda text, stop: max((n for n in _ends(text, stop) if n > 1), default=0)
        },
        "with n = 0 the cut text[:-0] is empty: stop the loop at 1.": {"hold": lambda text, stop: max(_ends(text, stop), default=len(text))},
        "where the whole stop string has come, the text ends before it.": {"find": lambda text, stop: False},
        "the stop string can stand anywhere in the text, not only at its end.": [
            {"find": str.endswith},
            {"find": str.endswith, "cut": lambda text, stop: text[: -len(stop)]},
        ],
        "the stop string at the very beginning is overlooked: index 0 counts as not found.": {"find": lambda text, stop: text.find(stop) > 0},
        "`find` returns -1 where there is nothing, which counts as true: ask whether `stop in text`.": {
            "find": lambda text, stop: True,
            "cut": lambda text, stop: text[: text.find(stop)],
        },
        "rstrip takes away any of the characters, not a string: look for text.endswith(stop[:n]).": [
            {
                "cut": lambda text, stop: text.rstrip(stop),
                "hold": lambda text, stop: len(text) - len(text.rstrip(stop)),
            },
            {"hold": lambda text, stop: len(text) - len(text.rstrip(stop))},
        ],
        "the shortest suffix that begins the stop string is held back: hold back the longest.": {"hold": lambda text, stop: min(_ends(text, stop), default=0)},
        "hold back what begins the stop string only at the *end* of the text.": [
            {"hold": lambda text, stop: _anywhere(text, stop, max)},
            {"hold": lambda text, stop: _anywhere(text, stop, min)},
        ],
        "you compare with the end of the stop string: the text's suffix may be its beginning.": {
            "hold": lambda text, stop: max((n for n in range(1, len(stop)) if text.endswith(stop[len(stop) - n :])), default=0)
        },
        "hold back once: what is left may end with the stop string's first character again, but something else has followed it.": {"hold": _again_and_again},
        "this is what is held back: return the text before it.": {"shown": lambda text, n, stop: text[len(text) - n :]},
        "where something is held back, nothing is shown here: show what comes before it.": {"shown": lambda text, n, stop: "" if n else text},
        "one character too many is held back.": {"shown": lambda text, n, stop: text[: max(len(text) - n - 1, 0)] if n else text},
        "one character too few is held back.": {"shown": lambda text, n, stop: text[: len(text) - max(n - 1, 0)]},
        "a text that is itself the beginning of the stop string is held back as a whole.": {
            "shown": lambda text, n, stop: text if n == len(text) else text[: len(text) - n]
        },
        "leave white space at the end of the text as it is.": {"result": str.rstrip},
        "the stop string is no pattern: its special characters stand for themselves.": lambda text, stop: (
            showable.right(text, re.search(_pattern(stop), text)[0]) if re.search(_pattern(stop), text) else showable.right(text, stop)
        ),
        "capital and small letters differ: compare the characters as they are.": {
            "find": lambda text, stop: stop.lower() in text.lower(),
            "cut": lambda text, stop: text[: text.lower().index(stop.lower())],
        },
    },
)
def showable(
    text,
    stop,
    *,
    find=lambda text, stop: stop in text,
    cut=lambda text, stop: text.partition(stop)[0],
    hold=lambda text, stop: max(_ends(text, stop), default=0),
    shown=lambda text, n, stop: text[: len(text) - n],
    result=lambda text: text,
):
    """What is certain of the text so far: it may end with the beginning of the stop string."""
    return result(cut(text, stop) if find(text, stop) else shown(text, hold(text, stop), stop))


def _pattern(stop):
    try:
        re.compile(stop)
    except re.error:
        return re.escape(stop)
    return stop


def _stored_choices():
    named = []
    for row in files.load_results("quantisation")["rows"]:
        choice = f"blocks of {row['block']}, {row['bits']} bits, {'a' if row['minimum'] else 'no'} minimum, clips {row['clips']}"
        if row["bits_per_weight"] <= 4.5:
            named.append((choice, row["error"][0]))
    return named


@experiment(
    goal=9.85,
    unit="percent error",
    stored=_stored_choices,
    seconds=20,
    advice={
        "4 bits per code: the block's scale then has to be shared by more weights.": lambda choice: choice["bits"] < 4,
        "several clips, so that each block can keep its best one.": lambda choice: len(choice["clips"]) == 1,
        "clips between 0.8 and 1: cut off a little of the range.": lambda choice: max(choice["clips"]) < 0.9 or min(choice["clips"]) > 0.95,
        "a minimum per block, and larger blocks to pay for it.": lambda choice: not choice["minimum"],
        "smaller blocks: use all of the 4.5 bits.": lambda choice: quantisation.bits_per_weight(**choice) < 4.5,
        "more clips, closer to each other.": lambda choice: True,
    },
    wrong={
        "several clips, so that each block can keep its best one.": lambda: _squeezing(clips=[1.0]),
        "4 bits per code": lambda: _squeezing(bits=3, clips=[1.0]),
        "a minimum per block, and larger blocks to pay for it.": lambda: _squeezing(block=32, minimum=False),
        "smaller blocks: use all of the 4.5 bits.": lambda: _squeezing(block=192),
        "clips between 0.8 and 1": lambda: _squeezing(clips=[0.4, 0.5]),
        "these are 5 bits per weight, and at most 4.5 are allowed.": lambda: _squeezing(block=32),
        "block divides 576, the width of a row, but yours is 50.": lambda: _squeezing(block=50),
        "bits is a whole number from 2 to 8, but yours is 4.5.": lambda: _squeezing(bits=4.5),
        "minimum is True or False, but yours is 'no'.": lambda: _squeezing(minimum="no"),
        "clips is a list of 1 to 8 numbers between 0.1 and 2": lambda: _squeezing(clips=0.9),
        "a dictionary with block, bits, minimum, clips is expected": lambda: {"block": 64},
    },
)
def squeeze(choice, seed):
    """The error of embedding rows that are kept in at most 4.5 bits per weight, with the reader's choices."""
    if not isinstance(choice, dict) or set(choice) != set(quantisation.CHOICE):
        raise Mistake(f"a dictionary with {', '.join(quantisation.CHOICE)} is expected, and nothing else.")
    block, bits, minimum, clips = (choice[name] for name in quantisation.CHOICE)
    if not isinstance(block, int) or block < 1 or 576 % block:
        raise Mistake(f"block divides 576, the width of a row, but yours is {block!r}.")
    if bits not in range(2, 9):
        raise Mistake(f"bits is a whole number from 2 to 8, but yours is {bits!r}.")
    if not isinstance(minimum, bool):
        raise Mistake(f"minimum is True or False, but yours is {minimum!r}.")
    if not isinstance(clips, list | tuple) or not 1 <= len(clips) <= 8 or not all(_is_clip(clip) for clip in clips):
        raise Mistake(f"clips is a list of 1 to 8 numbers between 0.1 and 2, but yours is {clips!r}.")
    spent = quantisation.bits_per_weight(**choice)
    if spent > 4.5:
        raise Mistake(f"these are {spent:.3g} bits per weight, and at most 4.5 are allowed.")
    return quantisation.row(**choice)["error"][0]


def _is_clip(clip):
    return isinstance(clip, int | float) and 0.1 <= clip <= 2


def _squeezing(**changes):
    return quantisation.CHOICE | {"block": 64, "clips": [1.0, 0.95, 0.9, 0.85, 0.8, 0.7]} | changes
