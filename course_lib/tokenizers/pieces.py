"""Before the merging: how text is cut into pieces, and how bytes are written as characters."""

from functools import cache

import regex

__all__ = ["GPT2_PATTERN", "byte_alphabet", "compiled", "cut"]

# Radford et al. (2019): English contractions; letters, numbers or signs with the blank before them; white space.
GPT2_PATTERN = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""


@cache
def byte_alphabet() -> tuple[str, ...]:
    """A character for each of the 256 bytes, so that any bytes can be shown and stored as text.

    Printable bytes stand for themselves; the others, in order, are the characters from 256 on: the blank, byte 32,
    becomes Ġ. This is the table of GPT-2 (Radford et al., 2019), and its order by character numbers GPT-2's bytes.

    >>> "".join(byte_alphabet()[byte] for byte in "To be\\n".encode())
    'ToĠbeĊ'
    """
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    shown = dict(zip(printable, printable, strict=True)) | {byte: 256 + n for n, byte in enumerate(others)}
    return tuple(chr(shown[byte]) for byte in range(256))


def compiled(pattern: str) -> regex.Pattern[str]:
    """The pattern, compiled; raises ValueError where it is no regular expression, or one with groups."""
    try:
        found = regex.compile(pattern)
    except regex.error as error:
        raise ValueError(f"the pattern must be a regular expression, but {pattern!r} is none: {error}") from None
    if found.groups:  # findall would give the groups instead of the pieces
        raise ValueError(f"groups in the pattern must be written (?:...), but not so in {pattern!r}")
    return found


def cut(pattern: regex.Pattern[str], text: str) -> list[str]:
    """The pieces of a text that a pattern finds; raises ValueError where it leaves some of the text out.

    >>> cut(regex.compile(GPT2_PATTERN), "I'm 20, said Tom.  ")
    ['I', "'m", ' 20', ',', ' said', ' Tom', '.', '  ']
    """
    pieces = pattern.findall(text)
    if sum(map(len, pieces)) != len(text):
        raise ValueError(f"the pattern must cover the whole text, but {pattern.pattern!r} leaves characters out")
    return pieces
