"""Conversations as SmolLM2 was taught to read them: ChatML, in which special tokens open and close each message."""

from collections.abc import Mapping, Sequence

from course_lib.tokenizers import Tokenizer
from course_lib.validation import require

__all__ = ["chat_prompt", "chat_tokens"]

_SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
_MARKS = ("<|im_start|>", "<|im_end|>")
_ROLES = ("system", "user", "assistant")

Message = Mapping[str, str]


def chat_prompt(messages: Sequence[Message], answer: bool = True) -> str:
    """A conversation as one text; with `answer`, it ends where the assistant's next message begins.

    One that begins without a system message gets SmolLM2's own. Raises ValueError for a conversation without messages,
    or a message that is not one.

    >>> print(chat_prompt([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]))
    <|im_start|>system
    Be brief.<|im_end|>
    <|im_start|>user
    Hello<|im_end|>
    <|im_start|>assistant
    <BLANKLINE>
    """
    texts = [f"<|im_start|>{body}<|im_end|>\n" for body in _bodies(messages)]
    return "".join(texts) + ("<|im_start|>assistant\n" if answer else "")


def chat_tokens(tokenizer: Tokenizer, messages: Sequence[Message], answer: bool = True) -> list[int]:
    """The tokens of `chat_prompt`, where what a message says is never taken for a special token.

    So nobody can end a message, or write one in another's name, with the markup's own words.
    """
    for mark in _MARKS:
        require(
            mark in tokenizer.special_tokens,
            f"the tokenizer must have the special token {mark}",
            tokenizer.special_tokens,
        )
    [start], [end] = (tokenizer.encode(mark, special=True) for mark in _MARKS)
    newline, tokens = tokenizer.encode("\n"), []
    for body in _bodies(messages):
        tokens += [start, *tokenizer.encode(body), end, *newline]
    return tokens + ([start, *tokenizer.encode("assistant\n")] if answer else [])


def _bodies(messages: Sequence[Message]) -> list[str]:
    """What stands between the marks of each message: its role, a new line, what it says."""
    is_list = isinstance(messages, Sequence) and not isinstance(messages, str) and len(messages)
    require(is_list, "a conversation must be a list of one or more messages", messages)
    for message in messages:
        fits = isinstance(message, Mapping) and message.get("role") in _ROLES
        fits = fits and isinstance(message.get("content"), str)
        require(fits, f"a message must have a role ({', '.join(_ROLES)}) and a content, a text", message)
    if messages[0]["role"] != "system":
        messages = [{"role": "system", "content": _SYSTEM}, *messages]
    return [f"{message['role']}\n{message['content']}" for message in messages]
