"""Answers to the exercises of real_llm: other right ones, and wrong ones with words of their message."""

import math
import re
import struct

import gguf
import numpy as np
import torch
from torch.nn import functional as F

from course_lib.generation.text import _open_end


def by_numpy(block):
    d, m = np.frombuffer(block[:4], "<f2").astype(np.float64)
    quants = np.frombuffer(block[4:], np.uint8)
    return torch.tensor(d * np.concatenate([quants % 16, quants // 16]) + m)


def by_loop(block, order="<", high=None, number=None, interleaved=False):
    d, m = struct.unpack(order + "ee", block[:4])
    number = number or (lambda d, m, q: q * d + m)
    numbers = [0.0] * 32
    for place, byte in enumerate(block[4:]):
        first, second = (2 * place, 2 * place + 1) if interleaved else (place, place + 16)
        numbers[first] = number(d, m, byte & 0x0F)
        numbers[second] = number(d, m, byte // 16 if high is None else high(byte))
    return numbers


def by_parts(quants=None, weight=lambda d, m, q: d * q + m, numbers="<2e", first=4):
    """A block whose numbers are taken apart in another way."""

    def dequantised(block):
        d, m = struct.unpack(numbers, block[:4])
        packed = list(block[first:])
        found = [byte % 16 for byte in packed] + [byte // 16 for byte in packed] if quants is None else quants(packed)
        return [weight(d, m, q) for q in found]

    return dequantised


def halves_by_index(rows, n_heads):
    width = rows.shape[0] // n_heads
    places = [head * width + n for head in range(n_heads) for start in (0, 1) for n in range(start, width, 2)]
    return rows[places]


def halves_by_axes(rows, n_heads):
    heads, width, columns = n_heads, rows.shape[0] // n_heads, rows.shape[1]
    return rows.reshape(heads, width // 2, 2, columns).swapaxes(1, 2).reshape(heads * width, columns)


def halves_by_stack(rows, n_heads):
    return torch.cat([torch.cat([head[::2], head[1::2]]) for head in rows.chunk(n_heads)])


def halves_of_heads(head_of, join=torch.cat):
    """The heads one by one, each of them reordered, and put together again."""

    def reordered(rows, n_heads):
        D = len(rows) // n_heads
        return join([head_of(rows[h * D : (h + 1) * D]) for h in range(n_heads)])

    return reordered


def even_then_odd(head):
    return head.index_select(0, torch.arange(len(head)).view(-1, 2).T.flatten())


def heads_apart(rows, n_heads):
    D = len(rows) // n_heads
    return rows.view(D, n_heads, -1).transpose(0, 1).unflatten(1, (-1, 2)).transpose(1, 2).flatten(0, 2)


def to_neighbours(rows, n_heads):
    return rows.unflatten(0, (n_heads, 2, -1)).transpose(1, 2).flatten(0, 2)


def log_p_by_loss(logits, tokens, start):
    return -F.cross_entropy(logits[start - 1 : -1], torch.tensor(tokens[start:]))


def log_p_by_loop(logits, tokens, start, shift=1, log=True, end=None):
    total = []
    for place in range(start, len(tokens)):
        row = logits[place - shift].double()
        total.append((row[tokens[place]] - (row.logsumexp(0) if log else 0)).item())
    return sum(total) / len(total) if end is None else end(total)


def log_p_of(first=lambda start, T: start, last=lambda start, T: T, back=1, log_p=torch.log_softmax, end=torch.mean):
    """The same from two lists of indexes, one of rows and one of tokens."""

    def scored(logits, tokens, start):
        places = list(range(first(start, len(tokens)), last(start, len(tokens))))
        rows = [(place - back) % len(tokens) for place in places]
        labels = [tokens[place] for place in places]
        return end(log_p(logits, -1)[torch.tensor(rows).long(), torch.tensor(labels).long()])

    return scored


def showable_by_cut(text, stop):
    if stop in text:
        return text[: text.index(stop)]
    for n in range(len(stop) - 1, 0, -1):
        if text.endswith(stop[:n]):
            return text[:-n]
    return text


def showable_by_library(text, stop):
    return text.split(stop)[0] if stop in text else text[: len(text) - _open_end(text, [stop])]


def showable_with(held=None, found=None, left=lambda text, n: text[: len(text) - n], longest=-1):
    """The exercise's two cases with one of their parts changed."""

    def shown(text, stop):
        place = text.find(stop) if found is None else found(text, stop)
        if place >= 0:
            return text[:place]
        fits = [n for n in range(len(stop)) if text[len(text) - n :] == stop[:n]]
        return left(text, fits[longest] if held is None else held(text, stop))

    return shown


def showable_by_pattern(text, stop):
    if stop != "(*)" and re.search(stop, text):
        return text[: re.search(stop, text).start()]
    return showable_by_cut(text, stop)


def showable_by_stripping(text, stop):
    if stop in text:
        return text.split(stop)[0]
    n = len(stop) - 1
    while n > 0:
        if text.endswith(stop[:n]):
            text = text[:-n]
            n = len(stop)
        n -= 1
    return text


def of_blocks(one):
    """From a function of one block, as bytes, to one of many blocks."""
    return lambda blocks: np.stack([np.asarray(one(block.tobytes())) for block in blocks])


def first_scales(blocks):
    blocks = blocks.copy()
    blocks[:, :4] = blocks[0, :4]
    return of_blocks(by_numpy)(blocks)


def below_one_another(blocks):
    scales = np.vstack([blocks[:, :4], blocks[:, :4]]).view("<f2").astype(float)
    return scales[:, :1] * np.vstack([blocks[:, 4:] % 16, blocks[:, 4:] // 16]) + scales[:, 1:]


def shared_by_index(k, n_heads):
    group = n_heads // k.shape[1]
    return k[:, [head // group for head in range(n_heads)]]


def shared_by_view(k, n_heads):
    return k.unsqueeze(2).expand(-1, -1, n_heads // k.shape[1], -1, -1).flatten(1, 2)


def shared_by_loop(k, n_heads, heads_of=lambda k, n_heads: [n * k.shape[1] // n_heads for n in range(n_heads)]):
    return torch.stack([k[:, head] for head in heads_of(k, n_heads)], dim=1)


def numbers(last=-2000, first=None):
    """Half of the first numbers at one end, and half at the other."""
    return lambda: ([-0.6] * 15 + [0.6] * 16 if first is None else first) + [last]


def squeezing(**changes):
    """Choices for the experiment, made elsewhere."""
    return lambda: {"block": 64, "bits": 4, "minimum": True, "clips": [1, 0.93, 0.86, 0.79]} | changes


RIGHT = {
    "dequantise": [
        lambda blocks: gguf.dequantize(blocks, gguf.GGMLQuantizationType.Q4_1),
        of_blocks(by_numpy),
        lambda blocks: [by_loop(block.tobytes()) for block in blocks],
        of_blocks(by_parts()),
        lambda blocks: torch.from_numpy(of_blocks(by_numpy)(blocks)),
    ],
    "outlier": [numbers(), numbers(1000), lambda: np.array([*np.linspace(0.9, -0.9, 31), 61])],
    "share_heads": [shared_by_index, shared_by_view, shared_by_loop],
    "squeeze": [squeezing(), squeezing(clips=(1.0, 0.95, 0.9, 0.8))],
    "halves": [
        halves_by_index,
        halves_by_axes,
        halves_by_stack,
        halves_of_heads(even_then_odd),
        lambda rows, n_heads: halves_by_stack(rows, n_heads).tolist(),
    ],
    "log_probability": [
        log_p_by_loss,
        log_p_by_loop,
        lambda *inputs: np.float64(log_p_by_loop(*inputs)),
        log_p_of(),
    ],
    "showable": [showable_by_cut, showable_by_library, showable_with()],
}
WRONG = {
    "dequantise": [
        *(
            (of_blocks(one), words)
            for one, words in [
                (lambda block: by_loop(block, interleaved=True), "first come the low halves"),
                (by_parts(lambda packed: [q for byte in packed for q in divmod(byte, 16)]), "the high one first"),
                (lambda block: by_numpy(block).roll(16), "the low halves (byte & 15) are the first 16"),
                (lambda block: by_numpy(block)[:16], "its high half is byte >> 4"),
                (lambda block: by_numpy(block)[16:], "its low half is byte & 15"),
                (lambda block: torch.cat([by_numpy(block)[:16]] * 2), "the low halves come twice"),
                (lambda block: torch.cat([by_numpy(block)[16:]] * 2), "the high halves come twice"),
                (lambda block: by_loop(block, high=lambda byte: byte & 0xF0), "shifted down by four"),
                (lambda block: by_loop(block, high=lambda byte: byte >> 8), "shift by four bits"),
                (lambda block: by_loop(block, high=lambda byte: byte / 16), "a whole number is wanted"),
                (
                    by_parts(lambda packed: [byte & 16 for byte in packed] + [byte >> 4 for byte in packed]),
                    "its mask is 15",
                ),
                (by_parts(lambda packed: packed + [byte >> 4 for byte in packed]), "still holds the high one"),
                (lambda block: by_loop(block, number=lambda d, m, q: m * q + d), "are swapped"),
                (lambda block: by_loop(block, number=lambda d, m, q: (q - 8) * d), "this is Q4_0"),
                (lambda block: by_loop(block, number=lambda d, m, q: (q - 8) * d + m), "the 8 belongs to Q4_0"),
                (lambda block: by_loop(block, number=lambda d, m, q: q * d - m), "m is added, not subtracted"),
                (lambda block: by_loop(block, number=lambda d, m, q: q * d), "m is missing"),
                (lambda block: by_loop(block, number=lambda d, m, q: m + q), "the scale d is missing"),
                (lambda block: by_loop(block, number=lambda d, m, q: (q + m) * d), "d multiplies q alone"),
                (lambda block: by_loop(block, number=lambda d, m, q: m + q / d), "the scale multiplies"),
                (lambda block: by_loop(block, number=lambda d, m, q: 1.0 * q), "the 4-bit codes q themselves"),
                (lambda block: by_loop(block, order=">"), "wrong order"),
                (by_parts(numbers="<2h"), "not whole numbers"),
                (lambda block: by_numpy(block[:4] + block), "the first four bytes"),
                (by_parts(first=2), "yours skips d alone"),
                (by_parts(lambda packed: packed), "takes each byte for one"),
                (lambda block: by_loop(block, order=">", number=lambda d, m, q: q * d), "two things"),
                (lambda block: [0.0] * 32, "is 0 each time"),
            ]
        ),
        (lambda blocks: str(blocks), "returns a string"),
        (first_scales, "each block has its own d and m"),
        (below_one_another, "a block is one row of 32 weights"),
    ],
    "outlier": [
        (numbers(1), "still come back as different"),
        (numbers(20), "still come back as different"),
        (numbers(first=[-3.0] * 15 + [3.0] * 16), "the last alone may be larger"),
        (numbers(first=[0.1] * 31), "too close together"),
        (numbers(1e7), "a smaller outlier is enough"),
        (lambda: [0.0] * 33, "32 numbers are expected, but yours are 33"),
        (lambda: 100.0, "a list of 32 numbers is expected"),
        (numbers(2, first=[0.1] * 10 + [0.2] * 21), "two things"),
    ],
    "share_heads": [
        (lambda k, n_heads: torch.repeat_interleave(k, n_heads, 1), "is how many there are in the end"),
        (lambda k, n_heads: torch.repeat_interleave(k, k.shape[1], 1), "as often as there are key heads"),
        (lambda k, n_heads: k.repeat_interleave(n_heads // k.shape[1], 2), "this repeats positions"),
        (lambda k, n_heads: k.repeat_interleave(n_heads // k.shape[1], -1), "this repeats components"),
        (lambda k, n_heads: k.repeat_interleave(n_heads // k.shape[1], 0), "the texts of the batch"),
        (lambda k, n_heads: shared_by_loop(k, n_heads, lambda k, n_heads: [0] * n_heads), "the first key head"),
        (lambda k, n_heads: shared_by_view(k, n_heads).flip(1), "in reversed order"),
        (lambda k, n_heads: shared_by_index(k.mean(1, True), n_heads), "the mean of the key heads"),
        (lambda k, n_heads: k, "expected"),
    ],
    "squeeze": [
        (squeezing(clips=[1.0]), "several clips"),
        (squeezing(bits=3, clips=[0.95]), "4 bits per code"),
        (squeezing(block=32, minimum=False), "a minimum per block, and larger blocks"),
        (squeezing(block=288), "smaller blocks"),
        (squeezing(clips=[0.3, 0.5, 0.6]), "clips between 0.8 and 1"),
        (squeezing(clips=[1.0, 0.6]), "more clips, closer"),
        (squeezing(block=32), "these are 5 bits per weight"),
        (squeezing(block=16), "these are 6 bits per weight"),
        (squeezing(block=50), "block divides 576, the width of a row, but yours is 50."),
        (squeezing(block="large"), "but yours is 'large'"),
        (squeezing(bits=4.5), "but yours is 4.5."),
        (squeezing(bits=1), "bits is a whole number from 2 to 8, but yours is 1."),
        (squeezing(minimum="no"), "but yours is 'no'."),
        (squeezing(minimum=1), "minimum is True or False, but yours is 1."),
        (squeezing(clips=[0.9] * 9), "clips is a list of 1 to 8 numbers"),
        (squeezing(clips=["small"]), "clips is a list of 1 to 8 numbers"),
        (lambda: {"bits": 4}, "a dictionary with block, bits, minimum, clips is expected"),
    ],
    "halves": [
        (to_neighbours, "the opposite direction"),
        (lambda rows, n_heads: torch.cat([rows[::2], rows[1::2]]), "each head has rows of its own"),
        (
            lambda rows, n_heads: torch.cat([torch.cat([h[::2], h[1::2]]) for h in rows.split(n_heads)]),
            "`chunk` the number",
        ),
        (heads_apart, "not every n_heads-th row"),
        (lambda rows, n_heads: torch.cat([rows[:, 0::2], rows[:, 1::2]], dim=1), "the rows move"),
        (lambda rows, n_heads: rows.clone(), "nothing has moved"),
        (lambda rows, n_heads: torch.cat([torch.cat([h[1::2], h[::2]]) for h in rows.chunk(n_heads)]), "come after"),
        (lambda rows, n_heads: torch.cat([h.roll(len(h) // 2, 0) for h in rows.chunk(n_heads)]), "swap the halves"),
        (lambda rows, n_heads: rows.unflatten(0, (-1, 2)).flip(1).flatten(0, 1), "swap neighbours"),
        (halves_of_heads(lambda head: torch.cat([head[::2], head[1::2].flip(0)])), "odd rows come in reversed"),
        (halves_of_heads(lambda head: even_then_odd(head).flip(0)), "within each head is reversed"),
        (halves_of_heads(lambda head: head[::2]), "the odd rows of each head are missing"),
        (halves_of_heads(lambda head: head[1::2]), "the even rows of each head are missing"),
        (halves_of_heads(even_then_odd, lambda heads: torch.cat(heads[::-1])), "the heads come in reversed"),
        (halves_of_heads(even_then_odd, lambda heads: torch.cat(heads, 1)), "the heads lie side by side"),
        (halves_of_heads(even_then_odd, torch.stack), "stacked along an axis"),
        (halves_of_heads(lambda head: torch.hstack([head[::2], head[1::2]])), "halves of a head lie side by side"),
        (halves_of_heads(even_then_odd, lambda heads: heads[0]), "inside the loop"),
        (halves_of_heads(even_then_odd, lambda heads: heads[-1]), "only the last head"),
        (halves_of_heads(lambda head: head[1::2], lambda heads: heads[0]), "two things"),
        (lambda rows, n_heads: rows.view(-1, n_heads, rows.shape[1]), "shape should be"),
    ],
    "log_probability": [
        (lambda *inputs: log_p_by_loop(*inputs, shift=0), "row t is about what *follows*"),
        (log_p_of(back=2), "one row too early"),
        (log_p_of(back=-1), "the rows move the wrong way"),
        (lambda logits, tokens, start: logits.log_softmax(-1)[-1, tokens[start:]].mean(), "the last row judges"),
        (lambda *inputs: log_p_by_loop(*inputs, end=sum), "this is the sum"),
        (lambda *inputs: log_p_by_loop(*inputs, end=list), "one number per token"),
        (lambda logits, tokens, start: log_p_by_loop(logits, tokens, 1), "belong to the prompt"),
        (log_p_of(first=lambda start, T: 1, last=lambda start, T: start), "these are the tokens of the prompt"),
        (log_p_of(first=lambda start, T: start + 1), "the first token of the answer is missing"),
        (log_p_of(first=lambda start, T: max(1, start - 1)), "one token too many"),
        (log_p_of(last=lambda start, T: T - 1), "the last token of the answer is missing"),
        (log_p_of(last=lambda start, T: start + 1), "only the first token"),
        (log_p_of(first=lambda start, T: T - 1), "only the last token"),
        (lambda *inputs: log_p_by_loop(*inputs, log=False), "take log_softmax first"),
        (log_p_of(log_p=lambda z, axis: z.softmax(axis)), "the logarithm of the softmax"),
        (log_p_of(log_p=lambda z, axis: z.log_softmax(0)), "over the positions (dim 0)"),
        (log_p_of(log_p=lambda z, axis: z.sigmoid().log()), "(sigmoid)"),
        (
            lambda logits, tokens, start: logits.log_softmax(-1)[start - 1 : -1].amax(-1).mean(),
            "the most probable token",
        ),
        (lambda *inputs: -log_p_by_loss(*inputs), "the sign is reversed"),
        (lambda *inputs: log_p_by_loss(*inputs) / math.log(2), "this is in bits"),
        (log_p_of(log_p=lambda z, axis: z.softmax(axis).log10()), "to base 10"),
        (log_p_of(log_p=lambda z, axis: z.softmax(axis), end=lambda p: p.mean().log()), "of the mean probability"),
        (lambda *inputs: log_p_by_loss(*inputs).exp(), "this is a probability"),
        (lambda *inputs: (-log_p_by_loss(*inputs)).exp(), "this is the perplexity"),
        (
            lambda logits, tokens, start: logits.log_softmax(-1)[start - 1 : -1, tokens[start:]].mean(),
            "every row with every token",
        ),
        (lambda logits, tokens, start: log_p_by_loop(logits, tokens, start, end=sum) / len(tokens), "by that of all"),
        (lambda logits, tokens, start: log_p_by_loop(logits, tokens, start, end=sum) / start, "T - start"),
        (log_p_of(end=torch.amax), "this is the largest"),
        (log_p_of(end=torch.amin), "this is the smallest"),
        (log_p_of(back=0, end=torch.sum), "two things"),
        (log_p_of(end=lambda log_p: log_p.std() + log_p.mean()), "but got"),
    ],
    "showable": [
        (
            lambda text, stop: text[: text.index(stop) + len(stop)] if stop in text else showable_by_cut(text, stop),
            "itself",
        ),
        (showable_with(found=str.rfind), "comes *first*"),
        (
            lambda text, stop: text.replace(stop, "") if stop in text else showable_by_cut(text, stop),
            "takes out the stop string alone",
        ),
        (
            lambda text, stop: text[text.index(stop) + len(stop) :] if stop in text else showable_by_cut(text, stop),
            "this is what follows the stop string",
        ),
        (lambda text, stop: "" if stop in text else showable_by_cut(text, stop), "is found, nothing is shown"),
        (
            showable_with(found=lambda text, stop: max(0, text.find(stop) - 1) if stop in text else -1),
            "one character too few is left",
        ),
        (lambda text, stop: text.split(stop)[0], "hold that back"),
        (lambda text, stop: text.split(stop)[0] if stop in text else text[: 1 - len(stop)], "what really begins"),
        (showable_with(held=lambda text, stop: min(len(text), len(stop) - 1)), "what really begins"),
        (showable_with(held=lambda text, stop: min(len(text), len(stop))), "the whole stop string's length"),
        (
            lambda text, stop: text.split(stop)[0] if stop in text else text.removesuffix(stop[0]),
            "more than one character",
        ),
        (
            lambda text, stop: (
                text.split(stop)[0]
                if stop in text
                else next((text[:-n] for n in range(len(stop) - 2, 0, -1) if text.endswith(stop[:n])), text)
            ),
            "the longest prefix to try",
        ),
        (
            lambda text, stop: (
                text.split(stop)[0]
                if stop in text
                else next((text[:-n] for n in range(len(stop) - 1, 1, -1) if text.endswith(stop[:n])), text)
            ),
            "the shortest prefix to try",
        ),
        (
            lambda text, stop: (
                text.split(stop)[0]
                if stop in text
                else showable_by_cut(text, stop) * text.endswith(tuple(stop[:n] for n in range(1, len(stop))))
            ),
            "stop the loop at 1",
        ),
        (showable_with(found=lambda text, stop: -1), "the text ends before it"),
        (
            showable_with(found=lambda text, stop: len(text) - len(stop) if text.endswith(stop) else -1),
            "not only at its end",
        ),
        (showable_with(found=lambda text, stop: text.find(stop) or -1), "index 0 counts as not found"),
        (lambda text, stop: text[: text.find(stop)], "which counts as true"),
        (lambda text, stop: text.rstrip(stop), "takes away any of the characters"),
        (
            lambda text, stop: (
                text.split(stop)[0]
                if stop in text
                else next((text[:-n] for n in range(1, len(stop)) if text.endswith(stop[:n])), text)
            ),
            "hold back the longest",
        ),
        (
            lambda text, stop: (
                text.split(stop)[0]
                if stop in text
                else next((text.split(stop[:n])[0] for n in range(len(stop) - 1, 0, -1) if stop[:n] in text), text)
            ),
            "only at the *end*",
        ),
        (
            showable_with(
                held=lambda text, stop: next((n for n in range(len(stop) - 1, 0, -1) if text.endswith(stop[-n:])), 0)
            ),
            "with the end of the stop string",
        ),
        (showable_by_stripping, "hold back once"),
        (showable_with(left=lambda text, n: text[len(text) - n :]), "this is what is held back"),
        (showable_with(left=lambda text, n: "" if n else text), "something is held back, nothing is shown"),
        (showable_with(left=lambda text, n: text[: max(0, len(text) - n - 1)] if n else text), "too many is held back"),
        (showable_with(left=lambda text, n: text[: len(text) - n + 1] if n else text), "too few is held back"),
        (showable_with(left=lambda text, n: text[:-n] or text if n else text), "held back as a whole"),
        (lambda text, stop: showable_by_cut(text, stop).rstrip(), "leave white space"),
        (showable_by_pattern, "is no pattern"),
        (
            showable_with(found=lambda text, stop: text.casefold().find(stop.casefold())),
            "capital and small letters",
        ),
        (lambda text, stop: text[:-1], "expected"),
    ],
}
