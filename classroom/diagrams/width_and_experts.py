"""Drawings of larger models: the rules of muP along a GPT, one position in a mixture of experts, a batch sent out."""

from collections.abc import Sequence

from classroom.diagrams.diagram import Diagram
from classroom.diagrams.geometry import spread
from classroom.diagrams.parts import legend

__all__ = ["dispatch", "mixture", "mup_rules"]


def mup_rules(base: int, width: int, std: float) -> Diagram:
    """Where a GPT in muP differs from the usual one, from its input to its logits, at a width r times the base."""
    r = width / base
    hidden = (f"start {std / r**0.5:.4f}", f"rate η / {r:g}")
    same = (f"start {std:g}", "rate η")
    places = [
        ("embedding\nand positions", "weight", same),
        (f"attention\n{width} × {width}", "weight", hidden),
        ("scores\nq · k", "score", (f"divided by {r**0.5:.2f} more", "no parameters")),
        (f"feed-forward\n{width} × {4 * width}", "weight", hidden),
        ("logits\nby the embedding", "score", (f"divided by {r:g}", "no parameters of their own")),
    ]
    said = "; ".join(f"{name.replace(chr(10), ' ')}: {first}, {second}" for name, _, (first, second) in places)
    alt = f"""A GPT of width {width}, {r:g} times the base width of {base}, whose parameters begin with a standard
        deviation of {std:g} and learn at the rate η. From left to right: {said}."""
    d = Diagram(900, 226, alt)
    d.title(f"muP at {r:g} times the base width: what begins smaller, learns more slowly, or is divided")
    boxes = []
    for x, (name, role, lines) in zip(spread(16, 884, [160] * len(places)), places, strict=True):
        boxes.append(d.box(x, 84, 146, 52, name, role, 13))
        for number, line in enumerate(lines):
            changed = line not in (*same, "no parameters", "no parameters of their own")
            d.label(x, 132 + 24 * number, line, 12, "plain" if changed else "faint", bold=changed)
    d.flow(*boxes)
    legend(d, 60, 204, weight="parameters", score="computed, then divided")
    return d


def mixture(probabilities: Sequence[float], chosen: Sequence[int], weights: Sequence[float]) -> Diagram:
    """One position in a mixture: the router's probabilities, the chosen experts, their weights, and the sum."""
    count = len(probabilities)
    listed = ", ".join(f"{p:.2f}" for p in probabilities)
    picked = " and ".join(f"expert {e} with the weight {w:.2f}" for e, w in zip(chosen, weights, strict=True))
    alt = f"""A position's state goes to a router, which gives {count} experts the probabilities {listed}. Only
        {picked} compute. Their outputs times these weights are added, and the sum goes to the residual stream."""
    step = 44
    d = Diagram(880, 96 + step * count, alt)
    d.title(f"Of {count} experts, the router chooses {len(chosen)}; the others compute nothing")
    middle = 60 + step * (count - 1) / 2
    state = d.box(76, middle, 104, 46, "state", "state")
    router = d.box(214, middle, 110, 46, "router", "weight")
    d.flow(state, router)
    total = d.op(724, middle, "+")
    for number, p in enumerate(probabilities):
        y = 60 + step * number
        used = number in chosen
        d.box(346, y, 62, 28, f"{p:.2f}", "score" if used else "plain", 13)
        box = d.box(478, y, 116, 30, f"expert {number}", "weight" if used else "plain", 13)
        if used:
            d.arrow((269, middle), (295, middle), (295, y), (315, y))
            d.arrow((377, y), box.left)
            part = d.box(622, y, 84, 28, f"× {weights[list(chosen).index(number)]:.2f}", "score", 13)
            d.flow(box, part)
            d.arrow(part.right, (total.x, y), total.top if y < middle else total.bottom)
    out = d.box(814, middle, 104, 46, "stream", "state")
    d.flow(total, out)
    legend(d, 60, d.height - 20, weight="parameters used", score="probabilities and weights", state="residual stream")
    return d


def dispatch(tokens: Sequence[str], chosen: Sequence[Sequence[int]], count: int, capacity: int) -> Diagram:
    """Which positions each expert computes, in order, and those that a capacity would drop."""
    queues = [[n for n, own in enumerate(chosen) if expert in own] for expert in range(count)]
    lost = sum(max(0, len(queue) - capacity) for queue in queues)
    said = "; ".join(f"expert {e}: {''.join(tokens[n] for n in queue) or 'none'}" for e, queue in enumerate(queues))
    total = sum(map(len, queues))
    alt = f"""Each of {len(tokens)} positions goes to {len(chosen[0])} of {count} experts. {said}. With a capacity of
        {capacity}, {lost} of {total} assignments would be dropped."""
    cell, left = 38, 130
    longest = max(capacity + 1, *map(len, queues))
    d = Diagram(max(620, left + cell * longest + 40), 118 + 36 * count, alt)
    d.title(f"Who computes what: with a capacity of {capacity}, {lost} of {total} would be dropped")
    for expert, queue in enumerate(queues):
        y = 62 + 36 * expert
        d.label(left - 26, y, f"expert {expert}", 13, align="end")
        for place, n in enumerate(queue):
            role = "vector" if place < capacity else "loss"
            d.box(left + cell * place, y, cell - 6, 28, tokens[n].replace(" ", "␣").replace("\n", "↵"), role, 13)
    legend(d, 60, d.height - 22, vector="computed", loss="beyond the capacity")
    return d
