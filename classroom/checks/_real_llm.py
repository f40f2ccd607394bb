"""The references of real_llm's checks; what is `other` makes the mistakes."""

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Generator, Tensor

__all__ = [
    "choice_log_p",
    "columns_in_halves",
    "conversation",
    "dequantised",
    "every_row_with_every_token",
    "held_back",
    "in_halves",
    "prompt_with_examples",
    "some_block",
]

SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"


def some_block(seed: int) -> bytes:
    """A block of Q4_1: a scale and a least value in half precision, and 32 numbers of 4 bits."""
    drawn = torch.randint(256, (16,), generator=Generator().manual_seed(seed)).tolist()
    return struct.pack("<2e", 0.3 + seed % 3, -1.7 - seed % 5) + bytes(drawn)


def dequantised(block: bytes, **other: Any) -> list[float]:
    """32 numbers; what is `other`: order ("<" or ">"), skip (bytes), high(byte), put(low, high), number(d, m, q)."""
    d, m = struct.unpack(f"{other.get('order', '<')}2e", block[:4])
    packed, upper = block[other.get("skip", 4) :], other.get("high", lambda byte: byte >> 4)
    low, high = [byte & 15 for byte in packed], [upper(byte) for byte in packed]
    quants = other.get("put", lambda low, high: low + high)(low, high)
    number: Callable[..., float] = other.get("number", lambda d, m, q: d * q + m)
    return [number(d, m, q) for q in quants]


def in_halves(rows: Tensor, n_heads: int, **other: Any) -> Tensor:
    """Each head's rows 0, 2, 4, ... and then 1, 3, 5, ...; what is `other`: order(width of a head), one (all heads).

    And size: n_heads is taken for the size of a head.
    """
    heads = 1 if other.get("one") else len(rows) // n_heads if other.get("size") else n_heads
    width = len(rows) // heads
    order = other.get("order", lambda width: [*range(0, width, 2), *range(1, width, 2)])(width)
    return torch.cat([rows[head * width :][:width][order] for head in range(heads)])


def columns_in_halves(rows: Tensor, n_heads: int) -> Tensor:
    """What one gets who moves the columns."""
    return torch.cat([rows[:, ::2], rows[:, 1::2]], dim=1)


def conversation(messages: Sequence[Mapping[str, str]], **other: Any) -> str:
    """The text of a chat; what is `other`: begin(messages), after_role, end, without (after the last end), close."""
    default = {"role": "system", "content": SYSTEM}
    begin = other.get("begin", lambda messages: [default] * (messages[0]["role"] != "system"))
    role, end = other.get("after_role", "\n"), other.get("end", "<|im_end|>\n")
    texts = [f"<|im_start|>{one['role']}{role}{one['content']}{end}" for one in [*begin(messages), *messages]]
    return "".join(texts).removesuffix(other.get("without", "")) + other.get("close", "<|im_start|>assistant\n")


def choice_log_p(logits: Tensor, tokens: Sequence[int], start: int, **other: Any) -> float:
    """The mean ln p of tokens[start:]; what is `other`: shift, begin, log_p(logits), end(each)."""
    shift, begin = other.get("shift", 1), other.get("begin", lambda start: start)(start)
    log_p = other.get("log_p", lambda z: z.log_softmax(dim=-1))(logits)
    each = torch.stack([log_p[(place - shift) % len(tokens), tokens[place]] for place in range(begin, len(tokens))])
    return float(other.get("end", lambda each: each.mean())(each))


def every_row_with_every_token(logits: Tensor, tokens: Sequence[int], start: int) -> float:
    """What one gets who asks for a slice of rows and a list of columns."""
    return float(logits.log_softmax(dim=-1)[start - 1 : -1, list(tokens[start:])].mean())


def held_back(text: str, stop: str, **other: Any) -> str:
    """What may be shown; what is `other`: cut (with a stop string in the text), hold(text, stop) (how much waits).

    And unseen: a whole stop string is not looked for.
    """
    if stop in text and not other.get("unseen"):
        return other.get("cut", lambda text, stop: text.partition(stop)[0])(text, stop)
    waiting = max((n for n in range(len(stop)) if text.endswith(stop[:n])), default=0)
    return text[: len(text) - other.get("hold", lambda text, stop: waiting)(text, stop)]


def prompt_with_examples(examples: Sequence[tuple[str, str]], text: str, **other: Any) -> str:
    """The prompt; what is `other`: order (of the examples), between, before_last, line, last (the question's end)."""
    between, line = other.get("between", "\n\n"), other.get("line", "\n")
    shown = other.get("order", list)(examples)
    parts = [f"Review: {review}{line}Sentiment: {sentiment}" for review, sentiment in shown]
    before_last = other.get("before_last", between) if parts else ""
    return between.join(parts) + before_last + f"Review: {text}{other.get('last', f'{line}Sentiment:')}"
