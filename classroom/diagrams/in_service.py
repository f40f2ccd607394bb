"""Drawings of a server: the path of a request, slots over time, and two versions side by side."""

from collections.abc import Sequence

from classroom.diagrams.diagram import Diagram
from classroom.diagrams.parts import legend

__all__ = ["request_path", "slots_over_time", "two_versions"]

Span = tuple[int, int]  # the turns of a request's first and last token


def request_path(waiting: int, rows: int, max_tokens: int) -> Diagram:
    """A request goes through the limits and the queue into a slot, and its tokens come back as they are written."""
    alt = f"""A client sends a prompt. The server checks its limits, here at most {max_tokens} tokens per answer, and
        answers 4xx where they are broken. A request then waits in a queue of {waiting} places, or is refused with 429
        where that is full. One of {rows} slots takes it. The model writes one token for all slots in each turn, and
        the pieces of text go back to the client one by one."""
    d = Diagram(860, 320, alt)
    d.title("The path of a request")
    client = d.box(80, 150, 110, 56, "client", "token")
    limits = d.box(270, 150, 130, 56, "limits", "plain")
    queue = d.box(450, 150, 130, 56, f"queue\n{waiting} places", "state")
    slots = d.box(620, 150, 120, 56, f"{rows} slots", "vector")
    model = d.box(780, 150, 110, 56, "model", "weight")
    d.flow(client, limits, queue, slots, model)
    d.label(168, 128, "prompt", 12, "faint")
    d.arrow(limits.top, (270, 70), (110, 70), (110, 122))
    d.label(190, 56, "4xx: the request is wrong", 12, "loss")
    d.arrow(queue.top, (450, 86), (50, 86), (50, 122))
    d.label(450, 72, "429: no place is free", 12, "loss")
    d.arrow((780, 178), (780, 240), (80, 240), (80, 178), role="state")
    d.label(430, 226, "pieces of text, as they are written", 12, "faint")
    d.arrow((780, 122), (780, 96), (620, 96), (620, 122), dashed=True)
    d.label(700, 82, "one turn: a token per slot", 12, "faint")
    legend(d, 60, 292, state="waits", vector="is written", weight="learned")
    return d


def slots_over_time(static: Sequence[Span], continuous: Sequence[Span], slots: int) -> Diagram:
    """Which request is in which slot in which turn, with static and with continuous batches."""
    last = max(end for _, end in static)
    ended = max(end for _, end in continuous)
    alt = f"""The same {len(static)} requests in {slots} slots. Static batches, in which a batch waits for its longest
        answer, need {last} turns. Continuous batches, in which the next request takes each slot that becomes free,
        need {ended} turns."""
    height = 150 + 2 * slots * 28
    d = Diagram(860, height, alt)
    d.title("Twelve requests over time" if len(static) == 12 else f"{len(static)} requests over time")
    width = 700 / last
    for number, (name, spans) in enumerate({"static": static, "continuous": continuous}.items()):
        top = 70 + number * (slots * 28 + 36)
        turns = max(end for _, end in spans)
        d.label(126, top - 20, f"{name}: {turns} turns", 13, align="start", bold=True)
        for slot in range(slots):
            d.label(112, top + slot * 28, f"slot {slot + 1}", 12, "faint", align="end")
        for request, (slot, first, end) in enumerate(_placed(spans, slots)):
            x = 126 + (first - 1) * width
            w = (end - first + 1) * width
            role = ("vector", "state", "weight")[request // slots % 3]
            d.box(x + w / 2, top + slot * 28, w - 3, 24, f"{request + 1}", role, 12)
    d.label(476, height - 44, "time, in turns of the model", 12, "faint")
    legend(d, 126, height - 20, vector="requests 1 to 4", state="5 to 8", weight="9 to 12")
    return d


def _placed(spans: Sequence[Span], slots: int) -> list[tuple[int, int, int]]:
    """Of each request a slot that is free from its first token on, and its turns."""
    free, placed = [0] * slots, []
    for first, end in spans:
        slot = next(slot for slot in range(slots) if free[slot] < first)
        free[slot] = end
        placed.append((slot, first, end))
    return placed


def two_versions(old: str, new: str, share: float) -> Diagram:
    """Most users reach the old version, a few the new one; fixed prompts ask both, and a switch goes back."""
    alt = f"""Users are divided by a hash of their name: {1 - share:.0%} reach the old version, {old}, and {share:.0%}
        the new one, {new}. Fixed prompts, the canary, ask both, and their answers are compared. If the new version
        fails, the share is set to 0, and all users reach the old one."""
    d = Diagram(820, 300, alt)
    d.title("A new version beside the old one")
    users = d.box(90, 150, 110, 52, "users", "token")
    router = d.box(280, 150, 150, 52, "router:\nhash of the user", "plain", 13)
    first = d.box(500, 90, 170, 52, f"old version\n{old}", "weight", 13)
    second = d.box(500, 210, 170, 52, f"new version\n{new}", "weight", 13)
    d.box(730, 150, 120, 52, "compare", "score")
    d.flow(users, router)
    d.arrow((355, 140), first.left, bend="-|-")
    d.arrow((355, 160), second.left, bend="-|-")
    d.label(388, 76, f"{1 - share:.0%}", 12, "faint")
    d.label(388, 226, f"{share:.0%}", 12, "faint")
    d.arrow(first.right, (710, 124), bend="-|")
    d.arrow(second.right, (710, 176), bend="-|")
    d.label(660, 76, "50 fixed prompts", 12, "faint")
    d.label(660, 226, "the same prompts", 12, "faint")
    d.arrow((768, 176), (768, 268), (280, 268), (280, 176), dashed=True)
    d.label(505, 282, "rollback: the share of the new version becomes 0", 12, "loss")
    return d
