"""Exercises of the notebook in_service."""

import hashlib
import hmac

import numpy as np
from course_lib import files
from experiments.tables import serving_load

from classroom.answers import Mistake
from classroom.exercise import case, exercise, experiment

__all__ = ["delays", "lengths", "log_entry", "schedule", "slots"]


@exercise(
    praise="each request takes the slot that is free first, so no slot waits for another.",
    cases=lambda seed: [
        ([3, 1, 2, 2], 2),
        (np.random.default_rng(seed).integers(1, 9, 12).tolist(), 3),
        case([4, 2, 5], 1, edge="a single slot"),
        case([4, 2], 3, edge="more slots than requests"),
    ],
    wrong={
        "a slot is free as soon as its own answer has ended: yours wait for the whole batch.": lambda lengths, slots: _batched(lengths, slots),
        "these are the turns after the last tokens: return the turns of the first ones.": {"told": lambda start, length: start + length},
        "a slot that wrote its last token in turn t is free in turn t + 1: yours loses a turn.": {"lost": 1},
        "the first turn is 0.": {"told": lambda start, length: start + 1},
        "requests begin in the order in which they came: do not sort them.": {"order": sorted},
        "take the slot that is free first, and not the next one in turn.": {"pick": lambda free, number: number % len(free)},
    },
)
def schedule(
    lengths,
    slots,
    *,
    order=list,
    pick=lambda free, number: int(np.argmin(free)),
    told=lambda start, length: start,
    lost=0,
):
    """The turn in which each request gets its first token."""
    free, starts = [0] * slots, []
    for number, length in enumerate(order(lengths)):
        slot = pick(free, number)
        starts.append(told(free[slot], length))
        free[slot] += length + lost
    return starts


def _batched(lengths, slots):
    starts, turn = [], 0
    for first in range(0, len(lengths), slots):
        batch = lengths[first : first + slots]
        starts += [turn] * len(batch)
        turn += max(batch)
    return starts


def _from_sending(due, seconds):
    now, found = 0.0, []
    for planned, work in zip(due, seconds, strict=True):
        sent = max(now, planned)
        now = sent + work
        found.append(now - sent)
    return found


@exercise(
    kind="debug",
    found=_from_sending,
    praise="the clock starts when the request is due, so the time in the queue counts.",
    cases=lambda seed: [
        ([0.0, 1.0, 2.0, 3.0], [0.5, 3.0, 0.5, 0.5]),
        (np.random.default_rng(seed).random(8).cumsum().tolist(), (np.random.default_rng(seed + 1).random(8) * 1.4).tolist()),
        case([0.0, 5.0], [1.0, 1.0], edge="a server with nothing to do"),
    ],
    wrong={
        "the work itself counts, too: the delay ends with the answer.": {"end": lambda begun, work: begun},
        "the server cannot begin before the request is due.": {"begin": lambda now, planned: now},
        "these are the times of the answers: subtract when each request was due.": {"since": lambda planned: 0.0},
    },
)
def delays(
    due,
    seconds,
    *,
    begin=max,
    end=lambda begun, work: begun + work,
    since=lambda planned: planned,
):
    """The seconds that each user waits, from when the request is due to the answer."""
    now, found = 0.0, []
    for planned, work in zip(due, seconds, strict=True):
        begun = begin(now, planned)
        now = begun + work
        found.append(end(begun, work) - since(planned))
    return found


SLOTS, COUNT, MOST_TOKENS = 4, 12, 72


def _as_lengths(design):
    """From a design to what is asked about it."""

    def asked(question):
        try:
            chosen = list(design())
        except TypeError:
            raise Mistake("a list of twelve integers from 1 to 20 is expected.") from None
        if len(chosen) != COUNT or not all(type(one) is int and 1 <= one <= 20 for one in chosen):
            raise Mistake("a list of twelve integers from 1 to 20 is expected.")
        static = sum(max(chosen[first : first + SLOTS]) for first in range(0, COUNT, SLOTS))
        starts = schedule.right(chosen, SLOTS)
        continuous = max(start + length for start, length in zip(starts, chosen, strict=True))
        return {
            "Are there at most 72 tokens?": sum(chosen) <= MOST_TOKENS,
            "Do static batches take at least 2.4 times as many turns?": static >= 2.4 * continuous,
        }[question]

    return asked


@exercise(
    kind="design",
    through=_as_lengths,
    praise="one long answer in each static batch keeps three slots idle, and with continuous batching the long ones overlap.",
    cases=lambda seed: [
        ("Are there at most 72 tokens?",),
        ("Do static batches take at least 2.4 times as many turns?",),
    ],
    wrong={
        "static batches lose too little: in how many of them should a long answer keep the others waiting?": [
            {"chosen": [6] * 12},
            {"chosen": [20, 20, 20, 1, 1, 1, 1, 1, 1, 1, 1, 1]},
        ],
        "there are more than 72 tokens: shorten the answers that hold nobody up.": {"chosen": [20, 4, 4, 4] * 3},
    },
)
def lengths(*, chosen=(20, 1, 1, 1) * 3):
    """Twelve lengths of answers, in the order in which the requests come."""
    return list(chosen)


def _pseudonym(key, user):
    return hmac.new(key, user.encode(), hashlib.sha256).hexdigest()[:16]


def _request(seed, user):
    prompt = f"Why do I sleep so badly since March {seed + 1}?"
    return {"user": user, "prompt": prompt, "prompt_tokens": 12 + seed % 5}, f"You told me that on {seed}.", 8


@exercise(
    praise="sizes and times stay, the texts do not, and only who has the key can link a pseudonym to a user.",
    cases=lambda seed: [
        (*_request(seed, "ada@example.org"), b"first key"),
        (*_request(seed + 1, "ada@example.org"), b"second key"),
        (*_request(seed + 2, "grace@example.org"), b"first key"),
    ],
    wrong={
        "the prompt must not be kept.": {"extra": lambda request, answer: {"prompt": request["prompt"]}},
        "the answer must not be kept: it repeats what the user wrote.": {"extra": lambda request, answer: {"answer": answer}},
        "the user's name must not stand in the log.": {"name": lambda key, user: user},
        "without the key, anyone who has a list of names can hash it and compare: use hmac with the key.": {
            "name": lambda key, user: hashlib.sha256(user.encode()).hexdigest()[:16]
        },
        "key and user are exchanged: the key is hmac's first argument.": {
            "name": lambda key, user: hmac.new(user.encode(), key, hashlib.sha256).hexdigest()[:16]
        },
        "keep the first 16 characters of the hexadecimal digest.": {"name": lambda key, user: hmac.new(key, user.encode(), hashlib.sha256).hexdigest()},
    },
)
def log_entry(request, answer, answer_tokens, key, *, name=_pseudonym, extra=lambda request, answer: {}):
    """What the log keeps of a request, as a dictionary."""
    kept = {"user": name(key, request["user"]), "prompt_tokens": request["prompt_tokens"], "answer_tokens": answer_tokens}
    return kept | extra(request, answer)


RATE = 3.0


def _stored():
    stored = files.load_results("serving_load")["rows"]
    shares = {}
    for row in stored:
        if row["rate"] == RATE and not row["static"]:
            shares.setdefault(f"{row['rows']} slots, {row['waiting']} waiting", []).append(row["in time"][0])
    return [(name, float(np.mean(found))) for name, found in shares.items()]


@experiment(
    goal=0.74,
    unit="of the requests in time, as a share (the mean of three seeds)",
    lower_is_better=False,
    stored=_stored,
    advice={
        "a shorter queue: who waits long is answered, but too late.": lambda choice: choice["waiting"] > 3,
        "fewer slots: each further row makes every token later.": lambda choice: choice["rows"] > 7,
        "more slots: too many requests are refused.": lambda choice: True,
    },
    wrong={
        "a shorter queue": lambda: {"rows": 8, "waiting": 32},
        "fewer slots": lambda: {"rows": 16, "waiting": 0},
        "more slots": lambda: {"rows": 3, "waiting": 1},
        "a dictionary with rows and waiting is expected": lambda: [8, 32],
        "rows from 1 to 64 and waiting from 0 to 500 are allowed.": lambda: {"rows": 0, "waiting": 1},
    },
)
def slots(choice, seed):
    """How many requests run at a time, and how many may wait."""
    if not isinstance(choice, dict) or set(choice) != {"rows", "waiting"} or not all(type(n) is int for n in choice.values()):
        raise Mistake("a dictionary with rows and waiting is expected, both whole numbers.")
    if not 1 <= choice["rows"] <= 64 or not 0 <= choice["waiting"] <= 500:
        raise Mistake("rows from 1 to 64 and waiting from 0 to 500 are allowed.")
    rows = [serving_load.row(RATE, each, **choice, static=False) for each in serving_load.SEEDS]
    return float(np.mean([row["in time"][0] for row in rows]))
