"""Drawings of what models keep and give away: a private step, a planted passage's way, a watermark and its count."""

from collections.abc import Sequence

from classroom.diagrams.diagram import Diagram
from classroom.diagrams.geometry import spread
from classroom.diagrams.parts import legend

__all__ = ["planted_passage", "private_step", "watermark"]


def private_step(norms: Sequence[float], clip: float, noise: float) -> Diagram:
    """A batch of DP-SGD: each row's gradient is clipped by itself, then they are added up, and noise is added."""
    kept = [min(norm, clip) for norm in norms]
    told = "; ".join(f"norm {norm:.2f}, then {after:.2f}" for norm, after in zip(norms, kept, strict=True))
    alt = f"""One step of DP-SGD. Each of {len(norms)} rows has a gradient of its own, clipped to a norm of {clip:g}:
        {told}. The clipped gradients are added up, noise of standard deviation {clip:g} times {noise:g} is added to
        each number, and the sum is divided by the batch size and moves the weights."""
    height = 130 + 58 * len(norms)
    d = Diagram(900, height, alt)
    d.title("A row can move the sum by no more than the clipping norm")
    middle = 70 + 58 * (len(norms) - 1) / 2
    total = d.op(520, middle, "+")
    for number, (norm, after) in enumerate(zip(norms, kept, strict=True)):
        y = 70 + 58 * number
        row = d.box(80, y, 90, 36, f"row {number + 1}", "token")
        gradient = d.box(235, y, 120, 36, f"|g| = {norm:.2f}", "vector")
        clipped = d.box(400, y, 120, 36, f"|g| = {after:.2f}", "vector")
        d.flow(row, gradient, clipped)
        if number == (len(norms) - 1) / 2:
            d.flow(clipped, total)
        else:
            d.arrow(clipped.right, total.top if y < middle else total.bottom, bend="-|")
    d.label(318, 70 + 58 * len(norms) - 18, f"clip: at most {clip:g}", 12, "faint")
    noisy = d.op(610, middle, "+")
    moved = d.box(705, middle, 100, 40, "÷ batch size", "plain", 13)
    weights = d.box(830, middle, 90, 40, "weights", "weight")
    d.flow(total, noisy, moved, weights)
    source = d.box(610, middle + 74, 150, 36, f"noise, {clip:g} · {noise:g}", "loss", 13)
    d.flow(source, noisy)
    legend(d, 60, height - 22, token="data", vector="computed", loss="random", weight="learned")
    return d


def planted_passage(question: str, word: str, tokens: int, answer: str) -> Diagram:
    """The way of an attacker's text: into the collection, found by the search, into the prompt, obeyed by the model."""
    alt = f"""An attacker plants a passage in the collection that is searched. The question "{question}" finds it. It
        stands in the prompt of {tokens} tokens beside the system's and the user's words, and SmolLM2 answers
        "{answer}". The planted word is {word}. Nothing in the row of tokens says whose words they are."""
    d = Diagram(960, 262, alt)
    d.title("Whose words are these? In the prompt they are all tokens")
    widths = [110, 110, 130, 170, 100, 180]
    places = spread(24, 936, widths)
    looks = [
        ("question", "token"),
        ("search", "plain"),
        ("planted\npassage", "loss"),
        ("", "token"),
        ("SmolLM2", "weight"),
    ]
    boxes = [
        d.box(x, 130, w, 92 if not text else 50, text, role)
        for x, w, (text, role) in zip(places, widths, looks, strict=False)
    ]
    boxes.append(d.box(places[-1], 130, widths[-1], 50, answer, "token", 12))
    d.flow(*boxes)
    prompt, asked = boxes[3], boxes[0]
    for number, (text, role) in enumerate((("system", "plain"), ("passage", "loss"), ("question", "plain"))):
        d.label(prompt.x, 104 + 26 * number, text, 13, role, owner=prompt, ground=("token", 1))
    d.arrow(asked.top, (asked.x, 62), (prompt.x, 62), prompt.top)
    d.label(prompt.x, 194, f"prompt, {tokens} tokens", 12, "faint")
    attacker = d.box(places[2], 220, 110, 34, "attacker", "loss", 13)
    d.flow(attacker, boxes[2])
    return d


def watermark(words: Sequence[str], green: Sequence[bool], share: float, z: float) -> Diagram:
    """Tokens in a row, each green or not after the one before it, and what the detector makes of their number."""
    found = sum(green)
    told = ", ".join(f"{word} ({'green' if one else 'not green'})" for word, one in zip(words[1:], green, strict=True))
    alt = f"""The text {" ".join(words)}. With the key, each token decides which tokens are green after it: {told}.
        {found} of {len(green)} are green, where {share * len(green):.1f} are expected by chance: z = {z:.2f}."""
    d = Diagram(900, 230, alt)
    d.title("Each token and the key decide which tokens are green next")
    widths = [18 + 9 * len(word) for word in words]
    places = spread(30, 870, widths)
    for number, (word, x, w) in enumerate(zip(words, places, widths, strict=True)):
        role = "faint" if not number else "state" if green[number - 1] else "token"
        d.box(x, 120, w, 34, word, role, 13)
        if number:
            before = places[number - 1] + 6
            d.arrow((before, 103), (before, 70), (x - 6, 70), (x - 6, 103))
    d.label(450, 168, f"{found} of {len(green)} green · by chance {share * len(green):.1f} · z = {z:.2f}", 14)
    legend(d, 60, 208, state="green", token="not green", faint="only decides what follows")
    return d
