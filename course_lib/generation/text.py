"""Text as it is generated: whole characters only, and nothing from a stop string on."""

from collections.abc import Iterator, Sequence

from torch import Generator

from course_lib.generation.choosing import GenerationConfig
from course_lib.generation.decoding import Decoder, steps
from course_lib.tokenizers import Tokenizer

__all__ = ["generate_text", "stream"]


def stream(
    model: Decoder,
    tokenizer: Tokenizer,
    prompt: str | Sequence[int],
    config: GenerationConfig,
    generator: Generator | None = None,
    stop: str | Sequence[str] = (),
) -> Iterator[str]:
    """The answer to a prompt, piece by piece as it comes; together the pieces are generate_text's answer.

    A character whose bytes are spread over tokens comes once it is whole, and what may begin a stop string once it is
    clear that it does not. The prompt is a text, or its tokens, where it holds special ones.
    """
    text = _Text(tokenizer, stop)
    for (token,) in steps(model, [_tokens(tokenizer, prompt)], config, generator):
        if piece := text.add(token):
            yield piece
        if text.stopped:
            return
    if piece := text.finish():
        yield piece


def generate_text(
    model: Decoder,
    tokenizer: Tokenizer,
    prompts: Sequence[str | Sequence[int]],
    config: GenerationConfig,
    generator: Generator | Sequence[Generator] | None = None,
    stop: str | Sequence[str] = (),
) -> list[str]:
    """The answers to prompts, each a text or its tokens, up to the first stop string, which is left out.

    Generators as for `generate`. Raises ValueError for an empty prompt or stop string.
    """
    texts = [_Text(tokenizer, stop) for _ in prompts]
    for tokens in steps(model, [_tokens(tokenizer, prompt) for prompt in prompts], config, generator):
        for text, token in zip(texts, tokens, strict=True):
            if token is not None:
                text.add(token)
        if all(text.stopped or token is None for text, token in zip(texts, tokens, strict=True)):
            break
    for text in texts:
        text.finish()
    return [text.released for text in texts]


class _Text:
    """Text that grows by tokens: `released` holds what is certain, `stopped` says whether a stop string has come."""

    def __init__(self, tokenizer: Tokenizer, stop: str | Sequence[str]) -> None:
        self.tokenizer, self.stop = tokenizer, [stop] if isinstance(stop, str) else list(stop)
        if not all(self.stop):
            raise ValueError(f"a stop string must hold at least one character, but they are {self.stop}")
        self.tokens: list[int] = []
        self.released, self.stopped = "", False

    def add(self, token: int) -> str:
        """What is certain with one more token and was not before."""
        self.tokens.append(token)
        text = self.tokenizer.decode(self.tokens).removesuffix("\N{REPLACEMENT CHARACTER}")  # perhaps half a character
        return self._release(text, last=False)

    def finish(self) -> str:
        """What was held back, after the last token."""
        return self._release(self.tokenizer.decode(self.tokens), last=True)

    def _release(self, text: str, last: bool) -> str:
        if self.stopped:
            return ""
        found = [(start + len(one), start) for one in self.stop if (start := text.find(one)) >= 0]
        if found:  # the one that ends first, so that it does not matter how text is cut into tokens
            _, start = min(found)
            text, self.stopped = text[:start], True
        elif not last:
            text = text[: len(text) - _open_end(text, self.stop)]
        piece, self.released = text[len(self.released) :], text
        return piece


def _open_end(text: str, stop: list[str]) -> int:
    """How many characters at the end may begin a stop string."""
    return max((n for one in stop for n in range(1, len(one)) if text.endswith(one[:n])), default=0)


def _tokens(tokenizer: Tokenizer, prompt: str | Sequence[int]) -> list[int]:
    return tokenizer.encode(prompt) if isinstance(prompt, str) else list(prompt)
