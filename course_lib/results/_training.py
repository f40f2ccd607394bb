"""Training for stored results: whole, or not at all."""

from typing import Any

from course_lib.training import History, train


def train_whole(*arguments: Any, **named: Any) -> History:
    """`train` without its display. Where the stop button ended it, KeyboardInterrupt: half a run is not a result."""
    history = train(*arguments, show=False, **named)
    if history.stopped:
        raise KeyboardInterrupt
    return history
