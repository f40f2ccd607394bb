"""Drawings of choosing_a_model: a cheap model hands its doubtful texts on; what one game does to two ratings."""

from classroom.diagrams.diagram import Diagram
from classroom.diagrams.parts import legend

__all__ = ["cascade", "one_game"]


def cascade(
    first: tuple[str, float], second: tuple[str, float], width: float, handed_on: float, accuracies: tuple[float, float]
) -> Diagram:
    """The first model answers where it is sure; the second reads the rest. Models are pairs: a name, milliseconds."""
    mean = first[1] + handed_on * second[1]
    alt = f"""Each text goes to {first[0]}, {first[1]:.1f} milliseconds. Where its probability is {width:.2f} or more
        from 0.5, that answer is kept: {1 - handed_on:.0%} of the texts, accuracy {accuracies[0]:.2f}. The other
        {handed_on:.0%} are handed on to {second[0]}, {second[1]:.1f} milliseconds more, accuracy {accuracies[1]:.2f}.
        On average that takes {mean:.1f} milliseconds a text."""
    d = Diagram(880, 250, alt)
    d.title("A cascade: only doubtful texts reach the second model")
    text = d.box(70, 92, 84, 42, "a text", "token")
    cheap = d.box(230, 92, 150, 50, f"{first[0]}\n{first[1]:.1f} ms", "weight")
    sure = d.box(440, 92, 190, 50, f"|p − 0.5| ≥ {width:.2f}?", "score")
    kept = d.box(750, 92, 190, 50, f"{1 - handed_on:.0%} are kept\n{accuracies[0]:.2f} of them right", "token", 13)
    d.flow(text, cheap, sure)
    d.flow(sure, kept)
    d.label(598, 80, "yes", 12, "faint")
    costly = d.box(440, 190, 190, 50, f"{second[0]}\n{second[1]:.1f} ms", "weight")
    d.arrow(sure.bottom, costly.top)
    d.label(454, 142, "no", 12, "faint", align="start")
    d.flow(
        costly, d.box(750, 190, 190, 50, f"{handed_on:.0%} handed on\n{accuracies[1]:.2f} of them right", "token", 13)
    )
    d.label(70, 190, f"mean: {first[1]:.1f} + {handed_on:.2f} · {second[1]:.1f}", 13, align="start")
    d.label(70, 212, f"= {mean:.1f} ms per text", 13, align="start", bold=True)
    return d


def one_game(names: tuple[str, str], before: tuple[float, float], score: float, k: float) -> Diagram:
    """Two ratings, the expected score of the first, what came, and the ratings after it."""
    expected = 1 / (1 + 10 ** ((before[1] - before[0]) / 400))
    gain = k * (score - expected)
    after = before[0] + gain, before[1] - gain
    alt = f"""{names[0]} has a rating of {before[0]:.0f}, {names[1]} of {before[1]:.0f}. The difference gives
        {names[0]} an expected score of {expected:.2f}. The game's score is {score:g}, so the surprise is
        {score - expected:+.2f}. {k:g} times the surprise, {gain:+.1f} points, go to {names[0]} and are taken from
        {names[1]}: {after[0]:.1f} and {after[1]:.1f}."""
    d = Diagram(880, 240, alt)
    d.title("What one game does to two ratings")
    first = d.box(110, 90, 160, 46, f"{names[0]}\n{before[0]:.0f}", "vector", 13)
    second = d.box(110, 180, 160, 46, f"{names[1]}\n{before[1]:.0f}", "vector", 13)
    guess = d.box(330, 135, 150, 46, f"expected\n{expected:.2f}".replace("-", "−"), "score", 13)
    d.arrow(first.right, guess.left)
    d.arrow(second.right, guess.left)
    surprise = d.box(530, 135, 170, 46, f"surprise: {score:g} − {expected:.2f}", "loss", 13)
    d.flow(guess, surprise)
    moved = f"{gain:+.1f}".replace("-", "−"), f"{-gain:+.1f}".replace("-", "−")
    for y, value, change, name in zip((90, 180), after, moved, names, strict=True):
        box = d.box(770, y, 160, 46, f"{name}\n{value:.1f}", "vector", 13)
        d.arrow(surprise.right, box.left)
        d.label(652, y, change, 13, bold=True)
    legend(d, 60, 222, vector="rating", score="expected score", loss="score minus expected")
    return d
