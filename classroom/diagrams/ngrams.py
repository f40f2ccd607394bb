"""Drawings of n-gram models: what they look at, and how Kneser-Ney hands probability down its ladder."""

from collections.abc import Sequence

from classroom.diagrams.diagram import Diagram
from classroom.diagrams.geometry import spread
from classroom.diagrams.parts import legend

__all__ = ["contexts", "ladder"]


def contexts(tokens: Sequence[str], orders: Sequence[int]) -> Diagram:
    """What models of some orders look at when they predict the last token."""
    said = "; ".join(f"order {n}: {' '.join(tokens[-n:-1]) or 'nothing'}" for n in orders)
    alt = f"""The tokens {" ".join(tokens)}. To predict the last one, models look at the tokens before it: {said}."""
    d = Diagram(900, 106 + 44 * len(orders), alt)
    d.title("What models of different orders see")
    places = spread(150, 868, [74] * len(tokens))
    for i, x in enumerate(places):
        d.box(x, 66, 74, 30, tokens[i], "score" if i == len(tokens) - 1 else "token", 14)
    for row, n in enumerate(orders):
        y = 114 + 44 * row
        d.label(70, y, f"order {n}", 13, "faint")
        for x in places[len(tokens) - n : -1]:
            d.box(x, y, 74, 28, "read", "vector", 12)
        d.box(places[-1], y, 74, 28, "predicted", "score", 12)
    return d


def ladder(word: str, steps: Sequence[tuple[str, float, float, float]]) -> Diagram:
    """Kneser-Ney's probability of a word, from the longest context down to the shortest.

    A step has its context, what is left of the word's count divided by the total, the share that its context hands
    down, and the probability that results.
    """
    said = "; ".join(
        f"after {name}: {own:.3f} of its own, {share:.3f} times the next shorter one, together {result:.3f}"
        for name, own, share, result in steps
    )
    alt = f"The probability of {word}, one line per context, the longest first. {said}."
    d = Diagram(900, 92 + 84 * len(steps), alt)
    d.title(f"A ladder of contexts: the probability of {word!r}")
    for row, (name, own, _, result) in enumerate(steps):
        y = 76 + 84 * row
        d.label(150, y, f"after {name}", 14, "plain")
        kept = d.box(340, y, 150, 34, f"{own:.3f}", "weight")
        total = d.box(760, y, 150, 34, f"p = {result:.3f}", "vector")
        if row > 0:  # handed up to the longer context
            d.arrow(total.top, (total.x, plus.y + 44), (plus.x, plus.y + 44), plus.bottom)
            d.label(660, plus.y + 56, f"× {steps[row - 1][2]:.3f}", 13, "plain")
        if row < len(steps) - 1:
            plus = d.op(560, y, "+")
            d.flow(kept, plus, total)
        else:
            d.flow(kept, total)
    legend(d, 60, d.height - 18, weight="discounted count / total", vector="probability of the word in this context")
    return d
