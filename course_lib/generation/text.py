"""Text as it is generated: whole characters only, and nothing from a stop string on."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set

from torch import Generator, Tensor

from course_lib.generation.choosing import GenerationConfig
from course_lib.generation.decoding import Answer, Decoder, Task, require_decoder, warn_of_context, written
from course_lib.tokenizers import Tokenizer
from course_lib.validation import Ids, ids_of, require, texts_of

__all__ = ["certain", "generate_text", "require_alike", "stop_strings", "stopping", "stream"]


def stream(
    model: Decoder,
    tokenizer: Tokenizer,
    prompt: str | Ids,
    config: GenerationConfig,
    generator: Generator | None = None,
    stop: str | Iterable[str] = (),
) -> Iterator[str]:
    """The answer to a prompt, piece by piece as it comes; together the pieces are generate_text's answer.

    A character whose bytes are spread over tokens comes once it is whole, and what may begin a stop string once it is
    clear that it does not. The prompt is a text, or its tokens, where it holds special ones. Warns and raises as
    `generate_text`.
    """
    require_alike(model, tokenizer, config)
    stops, ids = stop_strings(stop), tokenizer.encode(prompt) if isinstance(prompt, str) else ids_of("prompt", prompt)
    task = Task.of("prompts", model, [ids], config, tokenizer.vocab_size)
    return _pieces(written(model, task, config, generator, stopping(tokenizer, stops)), tokenizer, stops)


def generate_text(
    model: Decoder,
    tokenizer: Tokenizer,
    prompts: Iterable[str | Ids],
    config: GenerationConfig,
    generator: Generator | Sequence[Generator] | None = None,
    stop: str | Iterable[str] = (),
) -> list[str]:
    """The answers to prompts, each a text or its tokens, up to the first stop string, which is left out.

    Generators, the warning of a full context and errors as for `generate`; raises ValueError also for an empty stop
    string, and for a tokenizer with more tokens than the model's vocabulary. What the tokenizer does not know (a
    vocabulary may be padded) is never written.
    """
    require_alike(model, tokenizer, config)
    if isinstance(prompts, str | bytes | Mapping | Set) or not isinstance(prompts, Iterable):
        texts_of("prompts", prompts)  # raises
    stops = stop_strings(stop)
    if not isinstance(prompts, Tensor):
        prompts = [tokenizer.encode(prompt) if isinstance(prompt, str) else prompt for prompt in prompts]
    task, found = Task.of("prompts", model, prompts, config, tokenizer.vocab_size), []
    for found in written(model, task, config, generator, stopping(tokenizer, stops)):  # noqa: B007
        pass
    warn_of_context([answer.reason == "context" for answer in found])
    return [_cut(tokenizer.decode(answer.tokens), stops)[0] for answer in found]


def require_alike(model: Decoder, tokenizer: Tokenizer, config: GenerationConfig) -> None:
    """Raise ValueError unless the three fit together."""
    require_decoder(model, config)
    require(isinstance(tokenizer, Tokenizer), "tokenizer must be a Tokenizer", tokenizer)
    known = getattr(getattr(model, "config", None), "vocab_size", tokenizer.vocab_size)
    expected = f"the tokenizer's vocab_size must be at most the model's {known}"
    require(tokenizer.vocab_size <= known, expected, tokenizer.vocab_size)


def stop_strings(stop: str | Iterable[str]) -> list[str]:
    """Stop strings as a list; raises ValueError for an empty one."""
    stops = texts_of("stop", [stop] if isinstance(stop, str) else stop)
    require(all(stops), "a stop string must hold at least one character", stops)
    return stops


def _pieces(steps: Iterator[list[Answer]], tokenizer: Tokenizer, stops: list[str]) -> Iterator[str]:
    shown, answer = "", Answer()
    for [answer] in steps:
        text = certain(tokenizer, answer, stops)
        if piece := text[len(shown) :]:
            yield piece
        shown = text
    warn_of_context([answer.reason == "context"])


def certain(tokenizer: Tokenizer, answer: Answer, stops: list[str]) -> str:
    """What more tokens will not change of an answer's text, up to the first stop string; once it has ended, all."""
    ended = answer.reason is not None  # looked at first, as another thread may write the answer
    text, stopped = _cut(tokenizer.decode(answer.tokens) if ended else _whole(tokenizer, answer.tokens), stops)
    return text if stopped or ended else text[: len(text) - _open_end(text, stops)]


def stopping(tokenizer: Tokenizer, stops: list[str]) -> Callable[[list[int]], bool] | None:
    """Whether a stop string has come with the last of some tokens."""
    return (lambda tokens: _cut(_whole(tokenizer, tokens), stops)[1]) if stops else None


def _whole(tokenizer: Tokenizer, tokens: list[int]) -> str:
    return tokenizer.decode(tokens).removesuffix("\N{REPLACEMENT CHARACTER}")  # perhaps half a character


def _cut(text: str, stops: list[str]) -> tuple[str, bool]:
    """The text up to the first stop string, and whether there is one."""
    found = [(start + len(one), start) for one in stops if (start := text.find(one)) >= 0]
    # the one that ends first, so that it does not matter how text is cut into tokens
    return (text[: min(found)[1]], True) if found else (text, False)


def _open_end(text: str, stops: list[str]) -> int:
    """How many characters at the end may begin a stop string."""
    return max((n for one in stops for n in range(1, len(one)) if text.endswith(one[:n])), default=0)
