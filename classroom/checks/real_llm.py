"""Checks of the notebook real_llm."""

import math
import random
import struct
from typing import Any

import torch
from torch import Generator, Tensor

from classroom.checks import Changes, compare, exercise, variants
from classroom.checks._real_llm import (
    choice_log_p,
    columns_in_halves,
    conversation,
    dequantised,
    every_row_with_every_token,
    held_back,
    in_halves,
    prompt_with_examples,
    some_block,
)
from classroom.checks.forms import as_list, as_number

__all__ = ["chat_text", "dequantise", "few_shot", "halves", "log_probability", "showable"]


@exercise
def dequantise(answer: Any, seed: int) -> str:
    """dequantise(block): the 32 numbers of a block of Q4_1, of 20 bytes."""
    other: Changes = {
        "the two halves of a byte are not neighbours: first the low halves of all 16 bytes, then the high halves.": {
            "put": lambda low, high: [q for pair in zip(low, high, strict=True) for q in pair]
        },
        "low and high are neighbours here, high first: all 16 low halves come first, then the high ones.": {
            "put": lambda low, high: [q for pair in zip(high, low, strict=True) for q in pair]
        },
        "the low halves (byte & 15) are the first 16 numbers, the high ones the last.": {"put": lambda low, high: high + low},
        "16 numbers are missing: each byte holds two, its high half is byte >> 4.": {"put": lambda low, high: low},
        "16 numbers are missing: each byte holds two, its low half is byte & 15.": {"put": lambda low, high: high},
        "shift the high half down: byte >> 4, from 0 to 15.": {"put": lambda low, high: low + [16 * q for q in high]},
        "scale and least value are swapped: the first two bytes are d, the next two m.": {"number": lambda d, m, q: m * q + d},
        "this is Q4_0, which has no least value: here a number is d q + m.": {"number": lambda d, m, q: d * (q - 8)},
        "the least value is added: d q + m.": {"number": lambda d, m, q: d * q - m},
        "the least value m is missing: d q + m.": {"number": lambda d, m, q: d * q},
        "first d times q, then plus m.": {"number": lambda d, m, q: d * (q + m)},
        "these are the 4-bit numbers q themselves: d q + m is wanted.": {"number": lambda d, m, q: float(q)},
        "the first four bytes are d and m, not numbers: begin at block[4:].": {"skip": 0},
        "a whole number is wanted for the high half: byte >> 4, or byte // 16.": {"high": lambda byte: byte / 16},
        "the scale is read with its bytes in the wrong order: little-endian, '<e' for struct, '<f2' for NumPy.": {"order": ">"},
    }
    hand = struct.pack("<2e", 0.5, -1.0) + bytes([0x21, 0xF0, *[0x88] * 14])
    cases = [(hand,), *((some_block(seed + number),) for number in range(2))]
    compare(as_list(answer), dequantised, cases, variants(dequantised, other))
    return "the byte 0x21 holds two numbers: the first of the block, from its 1, and the 17th, from its 2."


def _plain(answer: Any) -> Any:
    """The answer with gradients taken off its results."""
    if not callable(answer):
        return answer

    def plain(*inputs: Any) -> Any:
        result = answer(*inputs)
        return result.detach() if isinstance(result, Tensor) else result

    return plain


@exercise
def halves(answer: Any, seed: int) -> str:
    """halves(rows, n_heads): in each head first the rows 0, 2, 4, ..., then 1, 3, 5, ..."""
    other: Changes = {
        "this is the way there, from halves to neighbours: the way back is wanted.": {
            "order": lambda width: [n for k in range(width // 2) for n in (k, k + width // 2)]
        },
        "each head has rows of its own: part them first, into n_heads groups.": {"one": True},
        "split takes the size of a part, chunk the number of parts.": {"size": True},
        "nothing has moved.": {"order": lambda width: list(range(width))},
        "the odd rows come after the even ones.": {"order": lambda width: [*range(1, width, 2), *range(0, width, 2)]},
        "swapping the halves is not it: take every second row.": {"order": lambda width: [*range(width // 2, width), *range(width // 2)]},
        "swapping neighbours is not it: first all even rows, then all odd ones.": {"order": lambda width: [n for k in range(0, width, 2) for n in (k + 1, k)]},
    }
    hand = torch.arange(16.0)[:, None]
    cases: list[tuple[Any, ...]] = [(hand, 2)]
    for number, (heads, width, columns) in enumerate([(3, 6, 5), (5, 10, 3)]):
        drawn = torch.randn(heads * width, columns, generator=Generator().manual_seed(seed + number))
        cases.append((drawn, heads))
    mistakes = [*variants(in_halves, other), (columns_in_halves, "these are the columns: the rows move.")]
    compare(_plain(answer), in_halves, cases, mistakes)
    return "0, 1, 2, 3, 4, 5, 6, 7 becomes 0, 2, 4, 6, 1, 3, 5, 7, in each head by itself."


@exercise
def chat_text(answer: Any, seed: int) -> str:
    """chat_text(messages): the conversation as one text, up to where the assistant's next message begins."""
    system = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
    other: Changes = {
        "the generation prompt is missing: end with <|im_start|>assistant and a new line.": {"close": ""},
        "a new line belongs behind the last `assistant`: the answer begins on the next line.": {"close": "<|im_start|>assistant"},
        "the last message is still to be written: end after `assistant` and its new line.": {"close": "<|im_start|>assistant\n<|im_end|>\n"},
        "a conversation that begins without a system message gets the default one.": {"begin": lambda messages: []},
        "the default system message is only for a conversation that begins without one.": {"begin": lambda messages: [{"role": "system", "content": system}]},
        "a new line stands between the role and what is said.": {"after_role": " "},
        "something must stand between the role and what is said: a new line.": {"after_role": ""},
        "a new line follows each <|im_end|>.": {"end": "<|im_end|>"},
        "a new line follows the last <|im_end|>, too.": {"without": "\n"},
        "<|im_end|> follows what is said at once, without a new line between.": {"end": "\n<|im_end|>\n"},
        "the default system message has no full stop at its end.": {
            "begin": lambda messages: [{"role": "system", "content": f"{system}."}] * (messages[0]["role"] != "system")
        },
        "each message ends with <|im_end|>, before its new line.": {"end": "\n"},
    }
    ask = {"role": "user", "content": "What is 7 + 5?"}
    cases: list[tuple[Any, ...]] = [([ask],), ([{"role": "system", "content": "Be brief."}, ask],)]
    drawn = random.Random(seed)
    words = ["".join(drawn.choices("abcdef \n", k=12)) for _ in range(3)]
    turns = [{"role": role, "content": said} for role, said in zip(("user", "assistant", "user"), words, strict=True)]
    cases.append((turns,))
    compare(answer, conversation, cases, variants(conversation, other))
    return "the model has seen conversations in this form, and in no other."


@exercise
def log_probability(answer: Any, seed: int) -> str:
    """log_probability(logits, tokens, start): the mean ln p of tokens[start:], in nats a token."""
    other: Changes = {
        "row t says what *follows* token t: the token at t is judged by row t - 1.": {"shift": 0},
        "this is the sum: divide by the number of tokens from start on.": {"end": lambda each: each.sum()},
        "tokens before start belong to the prompt: they do not count.": {"begin": lambda start: 1},
        "the first token of the choice is missing: begin at start.": {"begin": lambda start: start + 1},
        "these are logits: take log_softmax first.": {"log_p": lambda z: z},
        "take the logarithm of the softmax.": {"log_p": lambda z: z.softmax(dim=-1)},
        "the softmax runs over the positions (dim 0): over the vocabulary, the last axis.": {"log_p": lambda z: z.log_softmax(dim=0)},
        "the sign is turned: this is the cost (cross-entropy). A mean of ln p is below 0.": {"end": lambda each: -each.mean()},
        "the mean of the logarithms is wanted, not the logarithm of the mean.": {"end": lambda each: each.exp().mean().log()},
        "these are bits: nats are wanted, the natural logarithm.": {"end": lambda each: each.mean() / math.log(2)},
        "the logarithm is wanted, not the probability itself.": {"end": lambda each: each.mean().exp()},
        "divide by the number of tokens from start on, not of all.": {"end": lambda each: each.sum() / (len(each) + 2)},
    }
    hand = torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8], [0.25, 0.5, 0.25], [0.2, 0.2, 0.6]]).log()
    cases: list[tuple[Any, ...]] = [(hand, [0, 1, 2, 1], 2)]
    for number, (length, start) in enumerate([(7, 2), (5, 2)]):
        generator = Generator().manual_seed(seed + number)
        logits = 3 * torch.randn(length, 11, generator=generator)
        cases.append((logits, torch.randint(11, (length,), generator=generator).tolist(), start))
    pairs = "a slice and a list give every row with every token: pair them, with range(start - 1, len(tokens) - 1)."
    mistakes = [*variants(choice_log_p, other), (every_row_with_every_token, pairs)]
    compare(as_number(_plain(answer)), choice_log_p, cases, mistakes)
    return "by hand: (ln 0.8 + ln 0.5) / 2, and the last row judges nothing."


@exercise
def showable(answer: Any, seed: int) -> str:
    """showable(text, stop): what is certain of the text so far, with a stop string that may be on its way."""
    other: Changes = {
        "the stop string itself is never shown.": {"cut": lambda text, stop: text[: text.index(stop) + len(stop)]},
        "the text ends where the stop string comes *first*.": {"cut": lambda text, stop: text.rpartition(stop)[0]},
        "what follows the stop string goes too.": {"cut": lambda text, stop: text.replace(stop, "")},
        "the end of the text may be the beginning of the stop string: hold that back.": {"hold": lambda text, stop: 0},
        "only hold back what really begins the stop string: other text can be shown at once.": {"hold": lambda text, stop: min(len(text), len(stop) - 1)},
        "more than one character of the stop string may have come.": {"hold": lambda text, stop: int(text.endswith(stop[0]))},
        "with n = 0 the cut text[:-0] is empty: stop the loop at 1.": {
            "hold": lambda text, stop: max((n for n in range(1, len(stop)) if text.endswith(stop[:n])), default=len(text))
        },
        "where the whole stop string has come, the text ends before it.": {"unseen": True},
        "rstrip takes away any of the characters, not a text: look for text.endswith(stop[:n]).": {
            "cut": lambda text, stop: text.rstrip(stop),
            "hold": lambda text, stop: len(text) - len(text.rstrip(stop)),
        },
        "of all ends of the text that begin the stop string, hold back the longest.": {
            "hold": lambda text, stop: min((n for n in range(1, len(stop)) if text.endswith(stop[:n])), default=0)
        },
        "what begins the stop string stands at the *end* of the text.": {
            "hold": lambda text, stop: len(text) - min([text.index(stop[:n]) for n in range(1, len(stop)) if stop[:n] in text], default=len(text))
        },
    }
    cases: list[tuple[Any, ...]] = [
        ("Rome.", "\nQ:"),
        ("Rome.\n", "\nQ:"),
        ("Rome.\nQ", "\nQ:"),
        ("Rome.\nQ: and\nQ: more", "\nQ:"),
        ("a line\nand more", "\nQ:"),
        ("abab", "ababac"),
        ("", "stop"),
        ("aab", "abc"),
    ]
    drawn = random.Random(seed)
    cases += [("".join(drawn.choices("ab", k=9)), "".join(drawn.choices("ab", k=4))) for _ in range(20)]
    compare(answer, held_back, cases, variants(held_back, other))
    return "a new line waits until it is clear that no Q: follows."


@exercise
def few_shot(answer: Any, seed: int) -> str:
    """few_shot(examples, text): reviews with their sentiment, then the text, up to where its sentiment follows."""
    other: Changes = {
        "no blank at the end: the model's tokens begin with theirs, and ' positive' is one token.": {"last": "\nSentiment: "},
        "the question must end with a line `Sentiment:`, or the model goes on with the review.": {"last": ""},
        "no new line at the end: the answer stands on the same line as `Sentiment:`.": {"last": "\nSentiment:\n"},
        "an empty line stands between two reviews.": {"between": "\n"},
        "one empty line between two reviews, not two.": {"between": "\n\n\n"},
        "the reviews must be parted, by an empty line.": {"between": ""},
        "`Sentiment:` begins a line of its own.": {"line": " "},
        "an example is (review, sentiment), in this order.": {"order": lambda examples: [(sentiment, review) for review, sentiment in examples]},
        "an empty line stands before the last review, too.": {"before_last": "\n"},
        "the last line is `Sentiment:`, with its colon.": {"last": "\nSentiment"},
        "the examples stay in their order.": {"order": lambda examples: list(reversed(examples))},
        "the examples are missing.": {"order": lambda examples: []},
        "all of the examples are wanted.": {"order": lambda examples: list(examples)[:1]},
    }
    pool = [("a joy .", "positive"), ("dull .", "negative"), ("not bad at all .", "positive"), ("a mess .", "negative")]
    drawn = random.Random(seed)
    cases = [(pool[:2], "i laughed ."), (drawn.sample(pool, 3), "no , thanks ."), (drawn.sample(pool, 4), "fine .")]
    compare(answer, prompt_with_examples, cases, variants(prompt_with_examples, other))
    return "what follows the last colon is the model's part."
