"""Checks of arguments, each with a message of one sentence: what was expected and what was passed."""

from collections.abc import Iterable
from numbers import Integral

__all__ = ["require", "require_divides", "require_dropout", "require_one_of", "require_sizes"]


def require(holds: object, expected: str, came: object) -> None:
    """Raise a ValueError that says what was expected and what came instead, unless the condition holds.

    >>> require(0 <= 1.5 < 1, "dropout must be at least 0 and below 1", 1.5)
    Traceback (most recent call last):
    ValueError: dropout must be at least 0 and below 1, but it is 1.5
    """
    if not holds:
        raise ValueError(f"{expected}, but it is {came!r}")


def require_sizes(config: object, *names: str) -> None:
    """Raise ValueError unless each of these attributes of a config is an integer of at least 1."""
    for name in names:
        size = getattr(config, name)
        require(isinstance(size, Integral), f"{name} must be an integer", size)
        require(size >= 1, f"{name} must be at least 1", size)


def require_divides(**sizes: int) -> None:
    """Raise ValueError unless the first of two sizes divides the second.

    >>> require_divides(n_heads=5, d_model=128)
    Traceback (most recent call last):
    ValueError: n_heads must divide d_model, but they are 5 and 128
    """
    (small, divisor), (large, size) = sizes.items()
    if divisor < 1 or size % divisor:
        raise ValueError(f"{small} must divide {large}, but they are {divisor} and {size}")


def require_dropout(dropout: float | int) -> None:
    """Raise ValueError unless a dropout probability is at least 0 and below 1."""
    require(0 <= dropout < 1, "dropout must be at least 0 and below 1", dropout)


def require_one_of(name: str, choices: Iterable[str], came: str) -> None:
    """Raise ValueError unless a word is one of the choices.

    >>> require_one_of("norm", ("pre", "post"), "none")
    Traceback (most recent call last):
    ValueError: norm must be one of pre, post, but it is 'none'
    """
    require(came in choices, f"{name} must be one of {', '.join(choices)}", came)
