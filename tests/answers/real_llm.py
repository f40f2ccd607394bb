"""Answers to the exercises of real_llm: other right ones, and wrong ones with words of their message."""

import math
import struct

import gguf
import numpy as np
import torch
from torch.nn import functional as F

from course_lib.generation.text import _open_end
from course_lib.pretrained import chat_prompt

SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"


def by_package(block):
    raw = np.frombuffer(block, np.uint8)[None]
    return gguf.dequantize(raw, gguf.GGMLQuantizationType.Q4_1)[0]


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


def halves_by_index(rows, n_heads):
    width = rows.shape[0] // n_heads
    places = [head * width + n for head in range(n_heads) for start in (0, 1) for n in range(start, width, 2)]
    return rows[places]


def halves_by_axes(rows, n_heads):
    heads, width, columns = n_heads, rows.shape[0] // n_heads, rows.shape[1]
    return rows.reshape(heads, width // 2, 2, columns).swapaxes(1, 2).reshape(heads * width, columns)


def halves_by_stack(rows, n_heads):
    return torch.cat([torch.cat([head[::2], head[1::2]]) for head in rows.chunk(n_heads)])


def to_neighbours(rows, n_heads):
    return rows.unflatten(0, (n_heads, 2, -1)).transpose(1, 2).flatten(0, 2)


def chat_by_loop(messages, default=True, always=False, close="<|im_start|>assistant\n", sep="\n", end="<|im_end|>\n"):
    text = ""
    if always or (default and messages[0]["role"] != "system"):
        text += "<|im_start|>system" + sep + SYSTEM + end
    for message in messages:
        text += "<|im_start|>" + message["role"] + sep + message["content"] + end
    return text + close


def log_p_by_loss(logits, tokens, start):
    return -F.cross_entropy(logits[start - 1 : -1], torch.tensor(tokens[start:]))


def log_p_by_loop(logits, tokens, start, shift=1, log=True, end=None):
    total = []
    for place in range(start, len(tokens)):
        row = logits[place - shift].double()
        total.append((row[tokens[place]] - (row.logsumexp(0) if log else 0)).item())
    return sum(total) / len(total) if end is None else end(total)


def showable_by_cut(text, stop):
    if stop in text:
        return text[: text.index(stop)]
    for n in range(len(stop) - 1, 0, -1):
        if text.endswith(stop[:n]):
            return text[:-n]
    return text


def showable_by_library(text, stop):
    return text.split(stop)[0] if stop in text else text[: len(text) - _open_end(text, [stop])]


def few_by_join(examples, text, last="Sentiment:", between="\n\n"):
    shown = [f"Review: {review}\nSentiment: {sentiment}" for review, sentiment in examples]
    return between.join(shown) + between + f"Review: {text}\n{last}"


def few_by_loop(examples, text):
    prompt = ""
    for review, sentiment in examples:
        prompt += "Review: " + review + "\nSentiment: " + sentiment + "\n\n"
    return prompt + "Review: " + text + "\nSentiment:"


RIGHT = {
    "dequantise": [by_package, by_numpy, by_loop],
    "halves": [halves_by_index, halves_by_axes, halves_by_stack],
    "chat_text": [chat_prompt, chat_by_loop],
    "log_probability": [log_p_by_loss, log_p_by_loop, lambda *inputs: np.float64(log_p_by_loop(*inputs))],
    "showable": [showable_by_cut, showable_by_library],
    "few_shot": [few_by_join, few_by_loop],
}
WRONG = {
    "dequantise": [
        (lambda block: by_loop(block, interleaved=True), "are not neighbours"),
        (lambda block: by_numpy(block).roll(16), "the low halves (byte & 15) are the first 16"),
        (lambda block: by_numpy(block)[:16], "its high half is byte >> 4"),
        (lambda block: by_numpy(block)[16:], "its low half is byte & 15"),
        (lambda block: by_loop(block, high=lambda byte: byte & 0xF0), "shift the high half down"),
        (lambda block: by_loop(block, number=lambda d, m, q: m * q + d), "are swapped"),
        (lambda block: by_loop(block, number=lambda d, m, q: (q - 8) * d), "this is Q4_0"),
        (lambda block: by_loop(block, number=lambda d, m, q: q * d - m), "the least value is added"),
        (lambda block: by_loop(block, number=lambda d, m, q: q * d), "the least value m is missing"),
        (lambda block: by_loop(block, number=lambda d, m, q: (q + m) * d), "first d times q"),
        (lambda block: by_loop(block, number=lambda d, m, q: 1.0 * q), "the 4-bit numbers q themselves"),
        (lambda block: by_loop(block, order=">"), "wrong order"),
        (lambda block: by_numpy(block[:4] + block), "begin at block[4:]"),
        (lambda block: by_loop(block, high=lambda byte: byte / 16), "a whole number is wanted"),
        (lambda block: [0.0] * 32, "expected"),
        (lambda block: str(by_loop(block)), "returns the string"),
    ],
    "halves": [
        (to_neighbours, "this is the way there"),
        (lambda rows, n_heads: torch.cat([rows[::2], rows[1::2]]), "each head has rows of its own"),
        (
            lambda rows, n_heads: torch.cat([torch.cat([h[::2], h[1::2]]) for h in rows.split(n_heads)]),
            "chunk the number",
        ),
        (lambda rows, n_heads: torch.cat([rows[:, 0::2], rows[:, 1::2]], dim=1), "the rows move"),
        (lambda rows, n_heads: rows.clone(), "nothing has moved"),
        (lambda rows, n_heads: torch.cat([torch.cat([h[1::2], h[::2]]) for h in rows.chunk(n_heads)]), "come after"),
        (lambda rows, n_heads: torch.cat([h.roll(len(h) // 2, 0) for h in rows.chunk(n_heads)]), "swapping the halves"),
        (lambda rows, n_heads: rows.unflatten(0, (-1, 2)).flip(1).flatten(0, 1), "swapping neighbours"),
        (lambda rows, n_heads: rows.view(-1, n_heads, rows.shape[1]), "the shape should be"),
    ],
    "chat_text": [
        (lambda messages: chat_prompt(messages, answer=False), "the generation prompt is missing"),
        (lambda messages: chat_prompt(messages)[:-1], "behind the last `assistant`"),
        (lambda messages: chat_by_loop(messages, close="<|im_start|>assistant\n<|im_end|>\n"), "still to be written"),
        (lambda messages: chat_by_loop(messages, default=False), "gets the default one"),
        (lambda messages: chat_by_loop(messages, always=True), "only for a conversation that begins without"),
        (lambda messages: chat_by_loop(messages, sep=" "), "between the role and what is said"),
        (lambda messages: chat_by_loop(messages, sep=""), "something must stand"),
        (lambda messages: chat_by_loop(messages, end="<|im_end|>"), "follows each <|im_end|>"),
        (lambda messages: chat_by_loop(messages, end="\n"), "each message ends with <|im_end|>"),
        (
            lambda messages: chat_by_loop(messages, close="").removesuffix("\n") + "<|im_start|>assistant\n",
            "follows the last <|im_end|>, too",
        ),
        (lambda messages: chat_by_loop(messages, end="\n<|im_end|>\n"), "at once"),
        (
            lambda messages: chat_by_loop(messages).replace("Hugging Face<|im_end|>", "Hugging Face.<|im_end|>"),
            "full stop",
        ),
        (lambda messages: messages[-1]["content"], "expected"),
    ],
    "log_probability": [
        (lambda *inputs: log_p_by_loop(*inputs, shift=0), "row t says what *follows*"),
        (lambda *inputs: log_p_by_loop(*inputs, end=sum), "this is the sum"),
        (lambda logits, tokens, start: log_p_by_loop(logits, tokens, 1), "belong to the prompt"),
        (lambda logits, tokens, start: log_p_by_loop(logits, tokens, start + 1), "begin at start"),
        (lambda *inputs: log_p_by_loop(*inputs, log=False), "take log_softmax first"),
        (
            lambda logits, tokens, start: logits.softmax(-1)[range(start - 1, len(tokens) - 1), tokens[start:]].mean(),
            "the logarithm of the softmax",
        ),
        (
            lambda logits, tokens, start: logits.log_softmax(0)[
                range(start - 1, len(tokens) - 1), tokens[start:]
            ].mean(),
            "over the positions (dim 0)",
        ),
        (lambda *inputs: -log_p_by_loss(*inputs), "the sign is turned"),
        (lambda *inputs: log_p_by_loss(*inputs) / math.log(2), "these are bits"),
        (
            lambda logits, tokens, start: (
                logits.softmax(-1)[range(start - 1, len(tokens) - 1), tokens[start:]].mean().log()
            ),
            "not the logarithm of the mean",
        ),
        (
            lambda logits, tokens, start: logits.log_softmax(-1)[start - 1 : -1, tokens[start:]].mean(),
            "every row with every token",
        ),
        (lambda *inputs: log_p_by_loss(*inputs).exp(), "not the probability itself"),
        (lambda logits, tokens, start: log_p_by_loop(logits, tokens, start, end=sum) / len(tokens), "not of all"),
    ],
    "showable": [
        (
            lambda text, stop: text[: text.index(stop) + len(stop)] if stop in text else showable_by_cut(text, stop),
            "itself",
        ),
        (lambda text, stop: text.rpartition(stop)[0] if stop in text else showable_by_cut(text, stop), "comes *first*"),
        (
            lambda text, stop: text.replace(stop, "") if stop in text else showable_by_cut(text, stop),
            "follows the stop",
        ),
        (lambda text, stop: text.split(stop)[0], "hold that back"),
        (lambda text, stop: text.split(stop)[0] if stop in text else text[: 1 - len(stop)], "what really begins"),
        (
            lambda text, stop: text.split(stop)[0] if stop in text else text.removesuffix(stop[0]),
            "more than one character",
        ),
        (
            lambda text, stop: (
                text.split(stop)[0]
                if stop in text
                else showable_by_cut(text, stop) * text.endswith(tuple(stop[:n] for n in range(1, len(stop))))
            ),
            "stop the loop at 1",
        ),
        (
            lambda text, stop: (
                next((text[:-n] for n in (3, 2, 1) if n < len(stop) and text.endswith(stop[:n])), text)
                if len(stop) < 5
                else showable_by_cut(text, stop)
            ),
            "the text ends before it",
        ),
        (lambda text, stop: text.rstrip(stop), "takes away any of the characters"),
        (lambda text, stop: text[:-1], "expected"),
    ],
    "few_shot": [
        (lambda examples, text: few_by_join(examples, text) + " ", "no blank at the end"),
        (lambda examples, text: few_by_join(examples, text, last="")[:-1], "must end with a line"),
        (lambda examples, text: few_by_join(examples, text) + "\n", "no new line at the end"),
        (lambda examples, text: few_by_join(examples, text, between="\n"), "an empty line stands"),
        (lambda examples, text: few_by_join(examples, text, between="\n\n\n"), "not two"),
        (lambda examples, text: few_by_join(examples[::-1], text), "in their order"),
        (lambda examples, text: few_by_join([], text).strip(), "the examples are missing"),
        (lambda examples, text: few_by_join(examples[:1], text), "all of the examples"),
        (lambda examples, text: few_by_join([pair[::-1] for pair in examples], text), "(review, sentiment)"),
        (lambda examples, text: few_by_join(examples, text, last="Sentiment"), "with its colon"),
        (
            lambda examples, text: "\nReview".join(few_by_join(examples, text).rsplit("\n\nReview", 1)),
            "before the last review",
        ),
    ],
}
