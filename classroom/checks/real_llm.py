"""Exercises of the notebook real_llm."""

import math
import random
import re
import struct

import torch
from torch import Generator

from classroom.exercise import case, exercise

__all__ = ["chat_text", "dequantise", "few_shot", "halves", "log_probability", "showable"]

SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"


def _block(seed, sign=-1):
    """A block of Q4_1 whose weights are exact in half precision, too."""
    d, m = ((69, 101), (70, 75), (85, 107), (91, 90))[seed % 4]
    drawn = torch.randint(256, (16,), generator=Generator().manual_seed(seed)).tolist()
    return struct.pack("<2e", d / 64, sign * m / 64) + bytes(drawn)


def _in_turn(first, second):
    return [q for pair in zip(first, second, strict=True) for q in pair]


@exercise(
    praise="the byte 0x21 holds two weights: the first of the block, from its 1, and the 17th, from its 2.",
    cases=lambda seed: [
        (struct.pack("<2e", 0.5, -1.0) + bytes([0x21, 0xF0, *[0x88] * 14]),),
        (_block(seed),),
        (_block(seed + 1),),
        case(_block(seed + 2, sign=1), edge="a positive m"),
    ],
    wrong={
        "the two halves of a byte are not neighbours: first come the low halves of all 16 bytes, then the high ones.": {"put": _in_turn},
        "the two halves of a byte are neighbours here, the high one first: all 16 low halves come first, then the high ones.": {
            "put": lambda low, high: _in_turn(high, low)
        },
        "the low halves (byte & 15) are the first 16 weights, the high ones the last.": {"put": lambda low, high: high + low},
        "16 weights are missing: each byte holds two, and its high half is byte >> 4.": {"put": lambda low, high: low},
        "16 weights are missing: each byte holds two, and its low half is byte & 15.": {"put": lambda low, high: high},
        "the low halves come twice: the last 16 weights are the high halves.": {"put": lambda low, high: low + low},
        "the high halves come twice: the first 16 weights are the low halves.": {"put": lambda low, high: high + high},
        "the high half must be shifted down by four bits, to a number from 0 to 15.": {"high": lambda byte: byte & 240},
        "shift by four bits: the high half is a number from 0 to 15.": [
            {"high": lambda byte: byte >> 3},
            {"high": lambda byte: byte >> 5},
            {"high": lambda byte: byte >> 8},
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
        "these are the 4-bit numbers q themselves: a weight is d q + m.": {"weight": lambda d, m, q: float(q)},
        "the first four bytes are d and m, not weights: the packed weights begin behind them.": {"packed": lambda block: block},
        "four bytes come before the weights, d and m with two each: yours skips d alone.": {"packed": lambda block: block[2:]},
        "a byte holds two weights of 4 bits: yours takes each byte for one.": lambda block: [
            struct.unpack("<e", block[:2])[0] * byte + struct.unpack("<e", block[2:4])[0] for byte in block[4:]
        ],
        "d and m are read with their bytes in the wrong order: little-endian is '<e' for struct, '<f2' for NumPy.": {"numbers": ">2e"},
        "d and m are numbers in half precision, not whole numbers: 'e' for struct, 'f2' for NumPy.": [
            {"numbers": "<2h"},
            {"numbers": "<2H"},
        ],
    },
)
def dequantise(
    block,
    *,
    numbers="<2e",
    packed=lambda block: block[4:],
    low=lambda byte: byte & 15,
    high=lambda byte: byte >> 4,
    put=lambda low, high: low + high,
    weight=lambda d, m, q: d * q + m,
):
    """The 32 weights of a block of Q4_1, of 20 bytes."""
    d, m = struct.unpack(numbers, block[:4])
    quants = put([low(byte) for byte in packed(block)], [high(byte) for byte in packed(block)])
    return [weight(d, m, q) for q in quants]


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


def _talk(*turns):
    return [{"role": role, "content": content} for role, content in turns]


def _turns(seed):
    drawn = random.Random(seed)
    said = ["".join(drawn.choices("abcdef \n", k=12)) for _ in range(3)]
    return _talk(*zip(("user", "assistant", "user"), said, strict=True))


def _default(messages):
    return messages[0]["role"] != "system"


@exercise(
    praise="the model has seen conversations in this form, and in no other.",
    cases=lambda seed: [
        (_talk(("user", "What is 7 + 5?")),),
        (_talk(("system", "Be brief."), ("user", "What is 7 + 5?")),),
        (_turns(seed),),
        (_turns(seed + 1),),
        case(
            _talk(("user", "Hi"), ("system", "Be brief."), ("user", "7 + 5?")),
            edge="a system message that is not the first",
        ),
        case(
            _talk(("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello")),
            edge="a conversation that ends with the assistant",
        ),
        case(_talk(("system", "Be brief."), ("user", " Hi \n")), edge="content with white space at its ends"),
    ],
    wrong={
        "the generation prompt is missing: end with <|im_start|>assistant and a new line.": {"prompt": ""},
        "a new line belongs behind the last `assistant`: the answer begins on the next line.": {"prompt": "<|im_start|>assistant"},
        "the last message is still to be written: end after `assistant` and its new line.": {"prompt": "<|im_start|>assistant\n<|im_end|>\n"},
        "it is the assistant's turn at the end, not the user's.": {"prompt": "<|im_start|>user\n"},
        "the last line begins with <|im_start|>, as every message does.": {"prompt": "assistant\n"},
        "whoever spoke last, the text ends with the beginning of an assistant's message.": lambda messages: chat_text.right(
            messages, prompt="" if messages[-1]["role"] == "assistant" else "<|im_start|>assistant\n"
        ),
        "a conversation that begins without a system message gets the default one.": {"needed": lambda messages: False},
        "the default system message is only for a conversation that begins without one.": {"needed": lambda messages: True},
        "only the first message decides: the default comes in front even if a later one is a system message.": {
            "needed": lambda messages: all(message["role"] != "system" for message in messages)
        },
        "this puts the default in front of a system message, and leaves it out where there is none: the condition is the wrong way round.": {
            "needed": lambda messages: messages[0]["role"] == "system"
        },
        "the default system message stands at the beginning, not at the end.": {"begin": lambda default, messages: [*messages, default]},
        "the default system message replaces the first message here: put it in front.": {"begin": lambda default, messages: [default, *messages[1:]]},
        "the default message has the role `system`.": {"role": "user"},
        "the default system message has no full stop at its end.": {"system": f"{SYSTEM}."},
        "the role must follow <|im_start|> at once.": [{"start": "<|im_start|>\n"}, {"start": "<|im_start|> "}],
        "each message begins with <|im_start|>.": {"start": ""},
        "a new line stands between the role and the content.": [{"after_role": " "}, {"after_role": ": "}],
        "the role runs into the content: a new line stands between them.": {"after_role": ""},
        "one new line stands between the role and the content, not two.": {"after_role": "\n\n"},
        "a new line follows each <|im_end|>.": {"end": "<|im_end|>"},
        "the new line follows <|im_end|>: yours is another character.": {"end": "<|im_end|> "},
        "<|im_end|> follows the content at once, without a new line between.": {"end": "\n<|im_end|>\n"},
        "<|im_end|> follows the content at once, and the new line comes after it: they are swapped.": {"end": "\n<|im_end|>"},
        "each message ends with <|im_end|>, before its new line.": {"end": "\n"},
        "no empty line stands between the messages: one new line follows <|im_end|>.": {"end": "<|im_end|>\n\n"},
        "a new line follows the last <|im_end|>, too.": {"whole": lambda text: text.removesuffix("\n")},
        "leave the content as it is, with the white space at its ends.": {"content": str.strip},
        "the content is missing.": {"content": lambda content: ""},
        "only the last message is here: write the whole conversation.": {"chosen": lambda messages: messages[-1:]},
        "only the first message is here: write the whole conversation.": {"chosen": lambda messages: messages[:1]},
        "the last message is missing.": {"chosen": lambda messages: messages[:-1]},
    },
)
def chat_text(
    messages,
    *,
    needed=_default,
    role="system",
    system=SYSTEM,
    begin=lambda default, messages: [default, *messages],
    chosen=lambda messages: messages,
    start="<|im_start|>",
    after_role="\n",
    content=lambda content: content,
    end="<|im_end|>\n",
    whole=lambda text: text,
    prompt="<|im_start|>assistant\n",
):
    """The conversation as one text, up to where the assistant's next message begins."""
    if needed(messages):
        messages = begin({"role": role, "content": system}, messages)
    texts = [start + message["role"] + after_role + content(message["content"]) + end for message in chosen(messages)]
    return whole("".join(texts)) + prompt


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


POOL = [("a joy .", "positive"), ("dull .", "negative"), ("not bad at all .", "positive"), ("a mess .", "negative")]


@exercise(
    praise="what follows the last colon is the model's part.",
    cases=lambda seed: [
        (POOL[:2], "i laughed ."),
        (random.Random(seed).sample(POOL, 3), "no , thanks ."),
        (random.Random(seed + 1).sample(POOL, 4), "fine ."),
        case(POOL[:1], "fine .", edge="a single example"),
        case([], "i laughed .", edge="no examples"),
    ],
    wrong={
        "no space at the end: the model's tokens begin with theirs, and ' positive' is one token.": {"question": "\nSentiment: "},
        "the question must end with a line `Sentiment:`, or the model goes on with the review.": {"question": ""},
        "no new line at the end: the answer stands on the same line as `Sentiment:`.": {"question": "\nSentiment:\n"},
        "the last line is `Sentiment:`, with its colon.": {"question": "\nSentiment"},
        "the last `Sentiment:` begins a line of its own.": {"question": " Sentiment:"},
        "the model writes the last sentiment: end behind the colon.": [
            {"question": "\nSentiment: positive"},
            {"question": "\nSentiment: negative"},
            {"question": "\nSentiment: ..."},
        ],
        "an empty line stands between two reviews.": {"between": "\n"},
        "one empty line between two reviews, not two.": {"between": "\n\n\n"},
        "the reviews run into each other: an empty line stands between two.": [{"between": ""}, {"between": " "}],
        "an empty line stands before the last review, too.": {"before_last": "\n"},
        "the last review runs into the examples: an empty line stands before it.": {"before_last": ""},
        "nothing stands behind the last `Sentiment:`, no empty line either.": {"question": "\nSentiment:\n\n"},
        "the prompt begins with the first review, without an empty line before it.": [
            {"begin": "\n"},
            {"begin": "\n\n"},
        ],
        "without examples the prompt begins with the review itself, without an empty line before it.": [
            {"without": "\n\n"},
            {"without": "\n"},
        ],
        "`Sentiment:` begins a line of its own.": [{"line": " "}, {"line": ""}, {"line": ", "}],
        "no empty line stands between a review and its sentiment.": {"line": "\n\n"},
        "a space follows the colon of `Sentiment:` in the examples.": {"label": "Sentiment:"},
        "a space follows the colon of `Review:`.": {"review": "Review:"},
        "each review begins with `Review: `.": {"review": ""},
        "each label begins with `Sentiment: `.": {"label": ""},
        "the last review begins with `Review: `, as the examples do.": {"asked": ""},
        "the sentiments of the examples are missing.": {"lines": lambda review, sentiment, line: review},
        "the sentiments stand before their reviews: the review comes first.": {"lines": lambda review, sentiment, line: sentiment + line + review},
        "an example is (review, sentiment), in this order.": {"chosen": lambda examples: [(sentiment, review) for review, sentiment in examples]},
        "the examples stay in their order.": {"chosen": lambda examples: examples[::-1]},
        "the examples are missing.": {"chosen": lambda examples: []},
        "all of the examples are wanted, not only the first.": {"chosen": lambda examples: examples[:1]},
        "all of the examples are wanted, not only the last.": {"chosen": lambda examples: examples[-1:]},
        "the last example is missing.": {"chosen": lambda examples: examples[:-1]},
        "the review to be judged is missing: it comes last.": lambda examples, text: "\n\n".join(
            f"Review: {review}\nSentiment: {sentiment}" for review, sentiment in examples
        ),
        "the review to be judged comes last, behind the examples.": lambda examples, text: "\n\n".join(
            [
                f"Review: {text}\nSentiment:",
                *(f"Review: {review}\nSentiment: {sentiment}" for review, sentiment in examples),
            ]
        ),
    },
)
def few_shot(
    examples,
    text,
    *,
    chosen=list,
    begin="",
    without="",
    review="Review: ",
    line="\n",
    label="Sentiment: ",
    lines=lambda review, sentiment, line: review + line + sentiment,
    between="\n\n",
    before_last=None,
    asked=None,
    question="\nSentiment:",
):
    """Reviews with their sentiment, then the text, up to where its sentiment follows."""
    shown = [lines(review + said, label + sentiment, line) for said, sentiment in chosen(examples)]
    before = without if not shown else between if before_last is None else before_last
    last = review if asked is None else asked
    return begin + between.join(shown) + before + last + text + question
