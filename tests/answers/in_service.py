"""Answers to the exercises of in_service, as readers write them: right ones, and wrong ones with their words."""

import hashlib
import heapq
import hmac


def by_heap(lengths, slots):
    ends = [0] * slots
    starts = []
    for length in lengths:
        start = heapq.heappop(ends)
        starts.append(start)
        heapq.heappush(ends, start + length)
    return starts


def by_turns(lengths, slots):
    left, starts, turn, queue = [0] * slots, [], 0, list(lengths)
    while queue:
        for slot in range(slots):
            if left[slot] == 0 and queue:
                left[slot] = queue.pop(0)
                starts.append(turn)
        left = [max(one - 1, 0) for one in left]
        turn += 1
    return starts


def whole_batches(lengths, slots):
    starts, turn = [], 0
    for number, _ in enumerate(lengths):
        if number and number % slots == 0:
            turn += max(lengths[number - slots : number])
        starts.append(turn)
    return starts


def wrong_schedule(told=lambda start, length: start, lost=0, order=list, in_turn=False):
    def function(lengths, slots):
        free, starts = [0] * slots, []
        for number, length in enumerate(order(lengths)):
            slot = number % slots if in_turn else free.index(min(free))
            starts.append(told(free[slot], length))
            free[slot] += length + lost
        return starts

    return function


def delays(due, seconds):
    free, found = 0.0, []
    for planned, work in zip(due, seconds, strict=True):
        free = max(free, planned) + work
        found.append(free - planned)
    return found


def waiting_alone(due, seconds):
    return [delay - work for delay, work in zip(delays(due, seconds), seconds, strict=True)]


def ends(due, seconds):
    return [delay + planned for delay, planned in zip(delays(due, seconds), due, strict=True)]


def before_due(due, seconds):
    now, found = 0.0, []
    for planned, work in zip(due, seconds, strict=True):
        now += work
        found.append(now - planned)
    return found


def entry(request, answer, answer_tokens, key):
    digest = hmac.new(key, request["user"].encode("utf-8"), "sha256").hexdigest()
    return {"user": digest[:16], "prompt_tokens": request["prompt_tokens"], "answer_tokens": answer_tokens}


def wrong_entry(name=None, **extra):
    def function(request, answer, answer_tokens, key):
        kept = entry(request, answer, answer_tokens, key)
        if name is not None:
            kept["user"] = name(key, request["user"])
        return kept | {field: tell(request, answer) for field, tell in extra.items()}

    return function


RIGHT = {
    "schedule": [by_heap, by_turns],
    "delays": [delays],
    "lengths": [lambda: [20, 1, 1, 1] * 3, lambda: (1, 1, 1, 20) * 3, lambda: [20, 1, 1, 1, 19, 1, 1, 2, 18, 2, 1, 1]],
    "log_entry": [entry],
    "slots": [lambda: {"rows": 6, "waiting": 1}, lambda: {"waiting": 2, "rows": 6}],
}
WRONG = {
    "schedule": [
        (whole_batches, "yours wait for the whole batch"),
        (wrong_schedule(told=lambda start, length: start + length), "these are the turns after the last tokens"),
        (wrong_schedule(lost=1), "yours loses a turn"),
        (wrong_schedule(told=lambda start, length: start + 1), "the first turn is 0"),
        (wrong_schedule(order=sorted), "do not sort them"),
        (wrong_schedule(in_turn=True), "and not the next one in turn"),
    ],
    "delays": [
        (waiting_alone, "the work itself counts, too"),
        (before_due, "the server cannot begin before the request is due"),
        (ends, "these are the times of the answers"),
    ],
    "lengths": [
        (lambda: [6] * 12, "static batches lose too little"),
        (lambda: [20] * 3 + [1] * 9, "static batches lose too little"),
        (lambda: [20, 4, 4, 4] * 3, "there are more than 72 tokens"),
        (lambda: [20, 1, 1, 1], "a list of twelve integers from 1 to 20 is expected."),
        (lambda: 20, "a list of twelve integers from 1 to 20 is expected."),
    ],
    "log_entry": [
        (wrong_entry(prompt=lambda request, answer: request["prompt"]), "the prompt must not be kept"),
        (wrong_entry(answer=lambda request, answer: answer), "the answer must not be kept"),
        (wrong_entry(lambda key, user: user), "the user's name must not stand in the log"),
        (
            wrong_entry(lambda key, user: hashlib.sha256(user.encode()).hexdigest()[:16]),
            "without the key, anyone who has a list of names can hash it",
        ),
        (
            wrong_entry(lambda key, user: hmac.new(user.encode(), key, "sha256").hexdigest()[:16]),
            "key and user are exchanged",
        ),
        (
            wrong_entry(lambda key, user: hmac.new(key, user.encode(), "sha256").hexdigest()),
            "keep the first 16 characters",
        ),
    ],
    "slots": [
        (lambda: {"rows": 8, "waiting": 32}, "a shorter queue"),
        (lambda: {"rows": 16, "waiting": 0}, "fewer slots"),
        (lambda: {"rows": 3, "waiting": 1}, "more slots"),
        (lambda: [8, 32], "a dictionary with rows and waiting is expected"),
        (lambda: {"rows": 0, "waiting": 1}, "rows from 1 to 64 and waiting from 0 to 500 are allowed."),
    ],
}
