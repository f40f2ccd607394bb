"""Drawings of evaluation: one question scored three ways, a choice made on one half, a judge asked twice."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from classroom.diagrams.diagram import Diagram
from classroom.diagrams.parts import legend

__all__ = ["asked_twice", "one_question", "two_halves"]

WAYS = ("letter", "whole answer", "per byte")


def one_question(
    choices: Sequence[str], right: str, letters: ArrayLike, answers: ArrayLike, per_byte: ArrayLike
) -> Diagram:
    """A row for each choice, a column for each way to score it; the highest score of a column is picked."""
    scores = np.array([letters, answers, per_byte], dtype=float)
    best = scores.argmax(axis=1).tolist()
    told = "; ".join(f"{way}: {choices[place]}" for way, place in zip(WAYS, best, strict=True))
    alt = f"""One question with the choices {", ".join(choices)}, of which {right} is right. Each gets three scores:
        ln p of its letter, ln p of the whole answer, and that per byte. The highest of each kind is picked. {told}."""
    height = 36 * len(choices)
    d = Diagram(820, 190 + height, alt)
    d.title("Three scores for each choice, from the same weights")
    units = ("ln p(letter)", "ln p(answer)", "ln p(answer) / bytes")
    for column, (way, unit, place) in enumerate(zip(WAYS, units, best, strict=True)):
        x = 340 + 180 * column
        d.label(x, 60, way, 14, bold=True)
        d.label(x, 82, unit, 12, "faint")
        for row, score in enumerate(scores[column].tolist()):
            look = "score" if row == place else "plain"
            d.box(x, 118 + 36 * row, 120, 28, f"{score:.2f}".replace("-", "−"), look, 13)
        d.label(x, 122 + height, f"picks {choices[place]}", 13, "score")
    for row, choice in enumerate(choices):
        d.label(50, 118 + 36 * row, f"{'ABCDE'[row]}. {choice}", 13, align="start", bold=choice == right)
    legend(d, 62, 166 + height, score="highest score of its column")
    d.label(500, 166 + height, "the right answer is in bold", 12, "faint")
    return d


def two_halves(ways: int, half: int, chosen: str, on_first: float, on_second: float) -> Diagram:
    """All ways take the first half; the best one there is measured again on the second."""
    alt = f"""A test set has two halves of {half} questions. All {ways} ways take the first half, and the best of
        them, {chosen}, has an accuracy of {on_first:.2f} there. It chose the way, so it is no fair score. The same way
        has {on_second:.2f} on the second half, which chose nothing."""
    d = Diagram(860, 240, alt)
    d.title("Choose on one half, measure on the other")
    first = d.box(110, 90, 160, 44, f"{half} questions", "token")
    second = d.box(110, 180, 160, 44, f"{half} questions", "token")
    taken = d.box(320, 90, 150, 44, f"{ways} ways", "weight")
    best = d.box(520, 90, 150, 44, "the best one", "weight")
    again = d.box(520, 180, 150, 44, "the same one", "weight")
    d.flow(first, taken, best)
    d.arrow(best.bottom, again.top)
    d.flow(second, again)
    d.flow(best, d.box(740, 90, 150, 44, f"accuracy {on_first:.2f}", "loss"))
    d.flow(again, d.box(740, 180, 150, 44, f"accuracy {on_second:.2f}", "score"))
    d.label(740, 128, "has chosen: too high", 12, "faint")
    d.label(740, 218, "has chosen nothing", 12, "faint")
    return d


def asked_twice(right: str, wrong: str, margins: Sequence[float]) -> Diagram:
    """A judge reads two answers in both orders; ln p(A) - ln p(B) says which one it prefers."""
    verdicts = ["A" if margin > 0 else "B" for margin in margins]
    same = verdicts[0] == verdicts[1]
    end = "the position decides" if same else "the answer decides"
    alt = f"""A judge reads a question with two answers, in both orders. First A is {right!r} and B is {wrong!r}; then
        they are swapped. ln p(A) minus ln p(B) is {margins[0]:.2f} and {margins[1]:.2f}, so the judge says
        {verdicts[0]}, then {verdicts[1]}: {end}."""
    d = Diagram(860, 236, alt)
    d.title("The same two answers, in both orders")
    for row, (first, second) in enumerate(((right, wrong), (wrong, right))):
        y = 86 + 84 * row
        pair = d.box(160, y, 260, 52, f"A: {first}\nB: {second}"[:60], "token", 12)
        judge = d.box(395, y, 120, 44, "SmolLM2", "weight")
        margin = d.box(580, y, 150, 44, f"A - B: {margins[row]:+.2f}".replace("-", "−"), "score")
        d.flow(pair, judge, margin, d.box(745, y, 100, 44, verdicts[row], "token"))
    legend(d, 60, 218, token="text", weight="model", score="ln p(A) − ln p(B)")
    return d
