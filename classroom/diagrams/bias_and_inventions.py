"""Drawings of bias and inventions: two fillings and their two parts, names swapped in a sentence, a threshold."""

from collections.abc import Sequence

from classroom.diagrams.diagram import Diagram
from classroom.diagrams.geometry import spread
from classroom.diagrams.parts import legend

__all__ = ["swapped_names", "threshold", "two_fillings"]


def two_fillings(
    before: Sequence[str], fillings: tuple[str, str], after: Sequence[str], filling: float, rest: float
) -> Diagram:
    """Two sentences that share their beginning and their end: where the difference of ln p comes from."""
    alt = f"""Two sentences: {" ".join(before)} {fillings[0]} {" ".join(after)}, and the same with {fillings[1]}. What
        stands before is the same and adds nothing to the difference of ln p. The filling adds {filling:.2f}, the rest
        after it adds {rest:.2f}, together {filling + rest:.2f}."""
    d = Diagram(900, 250, alt)
    d.title("The filling is judged by its own probability; the rest, by what it makes probable")
    words = [*before, max(fillings, key=len), *after]
    widths = [26 + 9 * len(word) for word in words]
    places = spread(40, 860, widths)
    for line, choice in enumerate(fillings):
        y = 74 + 46 * line
        for number, (word, x, w) in enumerate(zip(words, places, widths, strict=True)):
            role = "plain" if number < len(before) else "vector" if number > len(before) else "token"
            d.box(x, y, w, 34, choice if number == len(before) else word, role, 13)
    spot = len(before)
    d.label((places[0] + places[spot - 1]) / 2, 166, "the same: 0", 13, "faint")
    d.label(places[spot], 166, f"filling: {filling:+.2f}", 13)
    d.label((places[spot + 1] + places[-1]) / 2, 166, f"rest: {rest:+.2f}", 13)
    d.label(450, 198, f"ln p of the first minus ln p of the second: {filling + rest:+.2f}", 14)
    legend(d, 60, 230, token="filling", vector="rest")
    return d


def swapped_names(sentence: tuple[str, str], scores: dict[str, dict[str, float]]) -> Diagram:
    """One sentence, names of two groups in its gap, the classifier's log odds for each name, and two differences."""
    groups = list(scores)
    means = {group: sum(by_name.values()) / len(by_name) for group, by_name in scores.items()}
    told = "; ".join(f"{name} {value:.2f}" for by_name in scores.values() for name, value in by_name.items())
    within = max(max(by_name.values()) - min(by_name.values()) for by_name in scores.values())
    between = means[groups[0]] - means[groups[1]]
    alt = f"""The sentence "{sentence[0]} ... {sentence[1]}" with a name in its gap goes through the classifier. Its log
        odds: {told}. The mean of the {groups[0]} names minus that of the {groups[1]} names is {between:.2f}; two names
        of one group differ by up to {within:.2f}."""
    names = [(group, name, value) for group, by_name in scores.items() for name, value in by_name.items()]
    d = Diagram(900, 112 + 40 * len(names), alt)
    d.title("Only the name changes: how far do two groups differ, and how far two names of one?")
    middle = 62 + 20 * (len(names) - 1)
    left = d.box(150, middle, 250, 44, f"{sentence[0]} ... {sentence[1]}", "plain", 12)
    model = d.box(560, middle, 120, 54, "MiniLM\nand a head", "weight", 13)
    for number, (group, name, value) in enumerate(names):
        y = 62 + 40 * number
        role = "token" if group == groups[0] else "vector"
        box = d.box(380, y, 120, 30, name, role, 13)
        d.arrow(left.right, box.left)
        d.arrow(box.right, model.left)
        d.arrow(model.right, d.box(740, y, 96, 30, f"{value:+.2f}", role, 13).left)
    bottom = 62 + 40 * len(names)
    d.label(620, bottom, f"groups differ by {abs(between):.2f} · names of one group by up to {within:.2f}", 13)
    legend(d, 60, bottom + 30, token=groups[0], vector=groups[1])
    return d


def threshold(kept: dict[str, int], silenced: dict[str, int], least: float) -> Diagram:
    """Answers pass a threshold on their confidence or become "I do not know": how many of each kind."""
    told = ", ".join(f"{count} {kind}" for kind, count in kept.items())
    lost = ", ".join(f"{count} {kind}" for kind, count in silenced.items())
    alt = f"""A question goes to SmolLM2, which gives an answer and a confidence. With a confidence of at least
        {least:g} the answer is given: {told}. Below it, the answer becomes "I do not know": {lost}."""
    d = Diagram(900, 250, alt)
    d.title("A threshold takes inventions away, and right answers with them")
    asked = d.box(80, 125, 100, 44, "question", "token", 13)
    model = d.box(215, 125, 100, 44, "SmolLM2", "weight", 13)
    answer = d.box(375, 125, 140, 50, "answer\nand confidence", "vector", 13)
    gate = d.op(500, 125, "≥")
    d.flow(asked, model, answer, gate)
    d.label(470, 158, f"{least:g}", 13, "faint")
    for y, name, counts in ((84, "the answer", kept), (190, "“I do not know”", silenced)):
        box = d.box(610, y, 130, 40, name, "plain", 13)
        d.arrow(gate.top if y < 125 else gate.bottom, box.left, bend="|-")
        for number, (kind, count) in enumerate(counts.items()):
            role = "state" if kind == "right" else "loss"
            d.box(785, y - 26 + 26 * number, 170, 24, f"{count} {kind}", role, 12)
    legend(d, 60, 232, state="right", loss="wrong or invented")
    return d
