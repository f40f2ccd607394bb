"""Answers to the exercises of instruction_tuning, as readers write them: right ones, and wrong ones with words."""

import torch
from torch.nn import functional as F

from experiments.tables import directions_choices


def mask(messages, counted=("assistant",), header=0, end=1, others=0):
    found = []
    for role, content in messages:
        if role in counted:
            found.extend([header, header])
            found.extend(1 for _ in content)
            found.append(end)
        else:
            found.extend([0] * (len(content) + 2) + [others])
    return found


def as_tensor(messages):
    pieces = []
    for role, content in messages:
        piece = torch.zeros(len(content) + 3)
        if role == "assistant":
            piece[2:] = 1
        pieces.append(piece)
    return torch.cat(pieces)


def only_last(messages):
    found = [0] * len(mask(messages))
    role, content = messages[-1]
    if role == "assistant":
        found[-len(content) - 1 :] = [1] * (len(content) + 1)
    return found


def first_two(messages):
    found = []
    for number, (role, content) in enumerate(messages):
        own = int(role == "assistant" and number < 2)
        found += [0, 0] + [own] * (len(content) + 1)
    return found


def one_header(messages):
    found = []
    for role, content in messages:
        found += [0] + [int(role == "assistant")] * (len(content) + 1)
    return found


def later(messages):
    found = mask(messages)
    return [0, *found[:-1]]


def layer(x, weight, a, b, alpha, scale=None, own=1, sign=1):
    rank = a.shape[0]
    factor = alpha / rank if scale is None else scale(alpha, rank)
    return own * F.linear(x, weight) + sign * factor * F.linear(F.linear(x, a), b)


def merged(x, weight, a, b, alpha):
    return x @ (weight + alpha / a.shape[0] * b @ a).T


def all_scaled(x, weight, a, b, alpha):
    return alpha / a.shape[0] * (x @ (weight + b @ a).T)


def one_by_one(logits, tokens, answers):
    total, count = 0.0, 0
    for row in range(tokens.shape[0]):
        for place in range(1, tokens.shape[1]):
            if answers[row, place]:
                total -= float(logits[row, place - 1].log_softmax(dim=0)[tokens[row, place]])
                count += 1
    return total / count


def gathered(logits, tokens, answers, chosen=None, average=None):
    log_p = logits[:, :-1].log_softmax(dim=-1).gather(2, tokens[:, 1:, None])[..., 0]
    some = answers[:, 1:] if chosen is None else chosen(answers)
    return -log_p[some].mean() if average is None else average(-log_p, some)


def beside(logits, tokens, answers):
    log_p = logits[:, 1:].log_softmax(dim=-1).gather(2, tokens[:, 1:, None])[..., 0]
    return -log_p[answers[:, 1:]].mean()


def rank_one(a, b):
    return lambda: (torch.tensor([a]), torch.tensor(b)[:, None])


def choice(**changes):
    return lambda: directions_choices.CHOICE | changes


RIGHT = {
    "answer_mask": [mask, as_tensor],
    "adapted": [layer, merged],
    "mean_answer_loss": [one_by_one, gathered],
    "edit": [rank_one([-1.0, 0.0, 0.0], [1.0, -2.0, 0.0]), lambda: ([[0.5, 0.0, 0.0]], [[-2.0], [4.0], [0.0]])],
    "tune_adapters": [choice(steps=60)],
}
WRONG = {
    "answer_mask": [
        (lambda messages: mask(messages, end=0), "the end token of an answer counts, too"),
        (lambda messages: mask(messages, header=1), "the two header tokens are written by the program"),
        (lambda messages: mask(messages, counted=("user",)), "what the *user* says is counted here"),
        (lambda messages: [1] * len(mask(messages)), "everything is counted"),
        (lambda messages: mask(messages, counted=("user", "assistant")), "what the user says is counted as well"),
        (only_last, "only the last message is looked at"),
        (first_two, "only the first answers count here"),
        (later, "the marks are shifted by one"),
        (lambda messages: mask(messages, others=1), "the end tokens of all messages count"),
        (one_header, "the headers have two tokens each"),
    ],
    "adapted": [
        (lambda *inputs: layer(*inputs, scale=lambda alpha, rank: 1), "alpha / rank is missing"),
        (lambda *inputs: layer(*inputs, scale=lambda alpha, rank: alpha), "alpha is divided by the rank"),
        (lambda *inputs: layer(*inputs, scale=lambda alpha, rank: rank / alpha), "you multiply by rank / alpha"),
        (lambda *inputs: layer(*inputs, own=0), "the layer's own product W x is missing"),
        (all_scaled, "alpha / rank multiplies W x as well"),
        (lambda *inputs: layer(*inputs, scale=lambda alpha, rank: alpha * rank**-0.5), "the square root of the rank"),
        (lambda *inputs: layer(*inputs, sign=-1), "the adapter is subtracted"),
    ],
    "mean_answer_loss": [
        (lambda *inputs: gathered(*inputs, lambda answers: answers[:, 1:] | True), "every token counts here"),
        (
            lambda *inputs: gathered(*inputs, lambda answers: answers[:, 1:] & ~answers[:, :-1]),
            "only the tokens *before* the answers' own are counted",
        ),
        (
            lambda *inputs: gathered(*inputs, lambda answers: answers[:, 1:] & answers[:, :-1]),
            "the first token of each answer is missing",
        ),
        (lambda *inputs: gathered(*inputs, lambda answers: answers[:, 1:] | answers[:, :-1]), "both masks together"),
        (lambda *inputs: gathered(*inputs, lambda answers: ~answers[:, 1:]), "the mask is turned round"),
        (lambda *inputs: gathered(*inputs, average=lambda nats, some: nats[some].sum()), "the losses are added up"),
        (
            lambda *inputs: gathered(*inputs, average=lambda nats, some: ((nats * some).sum(1) / some.sum(1)).mean()),
            "each row is averaged by itself first",
        ),
        (
            lambda *inputs: gathered(*inputs, average=lambda nats, some: (nats * some).mean()),
            "counted in the number that you divide by",
        ),
        (beside, "the logits now stand beside the token that they read"),
    ],
    "edit": [
        (rank_one([1.0, 0.0, 0.0], [0.0, 0.0, 0.0]), "nothing changes yet"),
        (rank_one([1.0, 0.0, 0.0], [0.0, 2.0, 0.0]), "the old one stays"),
        (rank_one([1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]), "nothing is put in its place"),
        (rank_one([1.0, 1.0, 0.0], [-1.0, 2.0, 0.0]), "(0, 1, 0) changes, too"),
        (rank_one([1.0, 0.0, 1.0], [-1.0, 2.0, 0.0]), "(0, 0, 1) changes, too"),
        (rank_one([1.0, 1.0, 1.0], [-1.0, 2.0, 0.0]), "every input changes"),
        (rank_one([2.0, 0.0, 0.0], [-1.0, 2.0, 0.0]), "the change is twice as large"),
        (rank_one([1.0, 0.0, 0.0], [-1.0, 1.0, 0.0]), "the second component becomes 1"),
        (lambda: torch.eye(3), "two matrices are expected"),
        (lambda: (torch.ones(3, 1), torch.ones(1, 3)), "A is 1 × 3 and B is 3 × 1"),
    ],
    "tune_adapters": [
        (choice(learning_rate=1e-5, steps=2), "a higher learning rate: the adapters have hardly moved."),
        (choice(steps=2), "more steps."),
        (choice(learning_rate=0.1, steps=10), "bits per character are forgotten, more than the 0.2 that are allowed"),
        (choice(rank=0), "rank is a whole number from 1 to 16, but yours is 0."),
        (choice(learning_rate=1), "learning_rate is a number from 1e-06 to 0.1, but yours is 1."),
        (choice(steps=100), "steps is a whole number from 1 to 60, but yours is 100."),
        (lambda: {"rank": 8}, "a dictionary with rank, learning_rate, steps is expected"),
    ],
}
