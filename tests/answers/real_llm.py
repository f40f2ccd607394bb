"""Answers to the exercises of real_llm: other right ones, and wrong ones with words of their message."""

import math
import re
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


def chat_by_loop(messages, default=True, always=False, close="<|im_start|>assistant\n", sep="\n", end="<|im_end|>\n"):
    text = ""
    if always or (default and messages[0]["role"] != "system"):
        text += "<|im_start|>system" + sep + SYSTEM + end
    for message in messages:
        text += "<|im_start|>" + message["role"] + sep + message["content"] + end
    return text + close


def chat_of(change=lambda messages: messages, one="<|im_start|>{role}\n{content}<|im_end|>\n", end=None):
    """The conversation with its list of messages, or their form, changed."""

    def chat(messages):
        if messages[0]["role"] != "system":
            messages = [{"role": "system", "content": SYSTEM}, *messages]
        text = "".join(one.format(**message) for message in change(messages))
        return text + ("<|im_start|>assistant\n" if end is None else end)

    return chat


def chat_with_default(needed=lambda messages: messages[0]["role"] != "system", at=0, role="system", drop=0):
    def chat(messages):
        found = list(messages[drop:]) if needed(messages) else list(messages)
        if needed(messages):
            found.insert(len(found) if at is None else at, {"role": role, "content": SYSTEM})
        return chat_by_loop(found, default=False)

    return chat


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


def few_by_join(examples, text, last="Sentiment:", between="\n\n"):
    shown = [f"Review: {review}\nSentiment: {sentiment}" for review, sentiment in examples]
    return between.join([*shown, f"Review: {text}\n{last}"])


def few_by_plus(examples, text):
    shown = "\n\n".join(f"Review: {review}\nSentiment: {sentiment}" for review, sentiment in examples)
    return shown + "\n\n" + f"Review: {text}\nSentiment:"


def few_by_form(form="Review: {}\nSentiment: {}\n\n", asked="Review: {}\nSentiment:", begin=""):
    return lambda examples, text: begin + "".join(form.format(*pair) for pair in examples) + asked.format(text)


def few_by_loop(examples, text):
    prompt = ""
    for review, sentiment in examples:
        prompt += "Review: " + review + "\nSentiment: " + sentiment + "\n\n"
    return prompt + "Review: " + text + "\nSentiment:"


RIGHT = {
    "dequantise": [by_package, by_numpy, by_loop, by_parts(), lambda block: by_numpy(block).numpy().astype("f2")],
    "halves": [
        halves_by_index,
        halves_by_axes,
        halves_by_stack,
        halves_of_heads(even_then_odd),
        lambda rows, n_heads: halves_by_stack(rows, n_heads).tolist(),
    ],
    "chat_text": [chat_prompt, chat_by_loop, chat_of(), chat_with_default()],
    "log_probability": [
        log_p_by_loss,
        log_p_by_loop,
        lambda *inputs: np.float64(log_p_by_loop(*inputs)),
        log_p_of(),
    ],
    "showable": [showable_by_cut, showable_by_library, showable_with()],
    "few_shot": [few_by_join, few_by_loop, few_by_form()],
}
WRONG = {
    "dequantise": [
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
        (by_parts(lambda packed: [byte & 16 for byte in packed] + [byte >> 4 for byte in packed]), "its mask is 15"),
        (by_parts(lambda packed: packed + [byte >> 4 for byte in packed]), "still holds the high one"),
        (lambda block: by_loop(block, number=lambda d, m, q: m * q + d), "are swapped"),
        (lambda block: by_loop(block, number=lambda d, m, q: (q - 8) * d), "this is Q4_0"),
        (lambda block: by_loop(block, number=lambda d, m, q: (q - 8) * d + m), "the 8 belongs to Q4_0"),
        (lambda block: by_loop(block, number=lambda d, m, q: q * d - m), "m is added, not subtracted"),
        (lambda block: by_loop(block, number=lambda d, m, q: q * d), "m is missing"),
        (lambda block: by_loop(block, number=lambda d, m, q: m + q), "the scale d is missing"),
        (lambda block: by_loop(block, number=lambda d, m, q: (q + m) * d), "d multiplies q alone"),
        (lambda block: by_loop(block, number=lambda d, m, q: m + q / d), "the scale multiplies"),
        (lambda block: by_loop(block, number=lambda d, m, q: 1.0 * q), "the 4-bit numbers q themselves"),
        (lambda block: by_loop(block, order=">"), "wrong order"),
        (by_parts(numbers="<2h"), "not whole numbers"),
        (lambda block: by_numpy(block[:4] + block), "the first four bytes"),
        (by_parts(first=2), "yours skips d alone"),
        (by_parts(lambda packed: packed), "takes each byte for one"),
        (lambda block: by_loop(block, order=">", number=lambda d, m, q: q * d), "two things"),
        (lambda block: [0.0] * 32, "is 0 each time"),
        (lambda block: str(by_loop(block)), "returns a string"),
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
    "chat_text": [
        (lambda messages: chat_prompt(messages, answer=False), "the generation prompt is missing"),
        (lambda messages: chat_prompt(messages)[:-1], "behind the last `assistant`"),
        (lambda messages: chat_by_loop(messages, close="<|im_start|>assistant\n<|im_end|>\n"), "still to be written"),
        (chat_of(end="<|im_start|>user\n"), "not the user's"),
        (chat_of(end="assistant\n"), "the last line begins with <|im_start|>"),
        (
            lambda messages: chat_prompt(messages, answer=messages[-1]["role"] != "assistant"),
            "whoever spoke last",
        ),
        (lambda messages: chat_by_loop(messages, default=False), "gets the default one"),
        (lambda messages: chat_by_loop(messages, always=True), "only for a conversation that begins without"),
        (
            chat_with_default(lambda messages: "system" not in [message["role"] for message in messages]),
            "only the first message decides",
        ),
        (chat_with_default(lambda messages: messages[0]["role"] == "system"), "the wrong way round"),
        (chat_with_default(at=None), "not at the end"),
        (chat_with_default(drop=1), "replaces the first message"),
        (chat_with_default(role="assistant"), "expected"),
        (chat_with_default(role="user"), "has the role `system`"),
        (chat_of(one="<|im_start|>\n{role}\n{content}<|im_end|>\n"), "must follow <|im_start|> at once"),
        (chat_of(one="{role}\n{content}<|im_end|>\n"), "each message begins with"),
        (lambda messages: chat_by_loop(messages, sep=" "), "between the role and the content"),
        (lambda messages: chat_by_loop(messages, sep=""), "the role runs into the content"),
        (lambda messages: chat_by_loop(messages, sep="\n\n"), "not two"),
        (lambda messages: chat_by_loop(messages, end="<|im_end|>"), "follows each <|im_end|>"),
        (lambda messages: chat_by_loop(messages, end="<|im_end|> "), "yours is another character"),
        (lambda messages: chat_by_loop(messages, end="\n"), "each message ends with <|im_end|>"),
        (lambda messages: chat_by_loop(messages, end="\n<|im_end|>"), "they are swapped"),
        (chat_of(one="<|im_start|>{role}\n{content}<|im_end|>\n\n"), "no empty line"),
        (
            lambda messages: chat_by_loop(messages, close="").removesuffix("\n") + "<|im_start|>assistant\n",
            "follows the last <|im_end|>, too",
        ),
        (lambda messages: chat_by_loop(messages, end="\n<|im_end|>\n"), "at once"),
        (
            lambda messages: chat_by_loop(messages).replace("Hugging Face<|im_end|>", "Hugging Face.<|im_end|>"),
            "full stop",
        ),
        (
            chat_of(lambda messages: [{**message, "content": message["content"].strip()} for message in messages]),
            "white space at its ends",
        ),
        (chat_of(one="<|im_start|>{role}\n<|im_end|>\n"), "the content is missing"),
        (chat_of(lambda messages: messages[-1:]), "only the last message"),
        (chat_of(lambda messages: messages[:1]), "only the first message is here"),
        (chat_of(lambda messages: messages[:-1]), "the last message is missing"),
        (chat_of(one="<|im_start|>{role}\n{content}\n<|im_end|>\n", end="<|im_start|>assistant"), "two things"),
        (lambda messages: messages[-1]["content"], "expected"),
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
    "few_shot": [
        (lambda examples, text: few_by_join(examples, text) + " ", "no space at the end"),
        (lambda examples, text: few_by_join(examples, text, last="")[:-1], "must end with a line"),
        (lambda examples, text: few_by_join(examples, text) + "\n", "no new line at the end"),
        (lambda examples, text: few_by_join(examples, text) + "\n\n", "no empty line either"),
        (few_by_form(asked="Review: {} Sentiment:"), "the last `Sentiment:` begins a line"),
        (few_by_form(asked="Review: {}\nSentiment: positive"), "end behind the colon"),
        (lambda examples, text: few_by_join(examples, text, between="\n"), "an empty line stands between two"),
        (lambda examples, text: few_by_join(examples, text, between="\n\n\n"), "not two"),
        (lambda examples, text: few_by_join(examples, text, between=""), "run into each other"),
        (lambda examples, text: "\n" + few_by_join(examples, text), "begins with the first review"),
        (few_by_plus, "without examples"),
        (few_by_form("Review: {} Sentiment: {}\n\n"), "`Sentiment:` begins a line of its own"),
        (few_by_form("Review: {}\n\nSentiment: {}\n\n"), "between a review and its sentiment"),
        (few_by_form("Review: {}\nSentiment:{}\n\n"), "the colon of `Sentiment:`"),
        (few_by_form("Review:{}\nSentiment: {}\n\n", asked="Review:{}\nSentiment:"), "the colon of `Review:`"),
        (few_by_form("{}\nSentiment: {}\n\n", asked="{}\nSentiment:"), "each review begins with"),
        (few_by_form("Review: {}\n{}\n\n"), "each label begins with"),
        (few_by_form(asked="{}\nSentiment:"), "the last review begins with"),
        (few_by_form("Review: {}\n\n"), "the sentiments of the examples are missing"),
        (few_by_form("Sentiment: {1}\nReview: {0}\n\n"), "the review comes first"),
        (lambda examples, text: few_by_join(examples[::-1], text), "in their order"),
        (lambda examples, text: few_by_join([], text).strip(), "the examples are missing"),
        (lambda examples, text: few_by_join(examples[:1], text), "not only the first"),
        (lambda examples, text: few_by_join(examples[-1:], text), "not only the last"),
        (lambda examples, text: few_by_join(examples[:-1], text), "the last example is missing"),
        (lambda examples, text: few_by_join([pair[::-1] for pair in examples], text), "(review, sentiment)"),
        (lambda examples, text: few_by_join(examples, text, last="Sentiment"), "with its colon"),
        (
            lambda examples, text: "\nReview".join(few_by_join(examples, text).rsplit("\n\nReview", 1)),
            "before the last review",
        ),
        (
            lambda examples, text: "Review".join(few_by_join(examples, text).rsplit("\n\nReview", 1)),
            "runs into the examples",
        ),
        (few_by_form(asked=""), "expected"),
        (lambda examples, text: few_by_form(asked="")(examples, text).rstrip(), "to be judged is missing"),
        (
            lambda examples, text: "\n\n".join(
                [few_by_join([], text), *(f"Review: {review}\nSentiment: {label}" for review, label in examples)]
            ),
            "to be judged comes last",
        ),
    ],
}
