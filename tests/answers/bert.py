"""Answers to the exercises of bert: right ones written in another way, and wrong ones with what must be said."""

import math

import torch


def by_loop(after, left, right):
    words = [float(after[left, word] * after[word, right]) for word in range(len(after))]
    return torch.tensor(words) / sum(words)


def by_logs(after, left, right):
    return (after[left].log() + after.T[right].log()).softmax(dim=0)


def joined(weigh):
    def answer(after, left, right):
        found = weigh(after, left, right)
        return found / found.sum()

    return answer


def gaps(low=3, share=0.15, mask=0.8, random=0.9, nothing=-100, ids=None):
    """Masked-token training written with loops over the tokens."""

    def answer(tokens, drawn, kind, other):
        inputs, targets = tokens.clone(), torch.full_like(tokens, nothing)
        for at in torch.cartesian_prod(*map(torch.arange, tokens.shape)).tolist():
            at = tuple(at)
            if tokens[at] >= low and drawn[at] < share:
                targets[at] = tokens[at]
                if kind[at] < mask:
                    inputs[at] = 2
                elif kind[at] < random:
                    inputs[at] = other[at]
        return (inputs, targets) if ids is None else (inputs, ids(tokens, targets, inputs))

    return answer


def bias(*numbers):
    return lambda: list(numbers)


def mean_by_rows(states, tokens):
    return torch.stack([row[ids != 0].mean(dim=0) for row, ids in zip(states, tokens, strict=True)])


def weighted(states, tokens):
    return torch.einsum("btc,bt->bc", states, (tokens > 0).float() / (tokens > 0).sum(dim=1, keepdim=True))


def zeroed(states, tokens):
    return torch.where((tokens == 0)[..., None], 0, states).mean(dim=1)


def settings(begins="neighbours", share=0.3, learning_rate=0.003):
    return lambda: {"begins": begins, "share": share, "learning_rate": learning_rate}


LOW = -50.0

RIGHT = {
    "between": [by_loop, by_logs],
    "with_gaps": [gaps()],
    "both_neighbours": [
        bias(LOW, LOW, LOW, 3, LOW, 3, LOW, LOW, LOW),
        lambda: torch.tensor([-9.0, -9, -9, 0, -9, 0, -9, -9, -9]),
    ],
    "text_vectors": [mean_by_rows, weighted],
    "fill_gaps": [settings(share=0.35)],
}

WRONG = {
    "between": [
        (lambda after, left, right: after[left] * after[:, right], "must sum to 1"),
        (lambda after, left, right: (after[left] * after[:, right]).softmax(dim=0), "a softmax of probabilities"),
        (joined(lambda after, left, right: after[left]), "the left neighbour alone"),
        (joined(lambda after, left, right: after[:, right]), "the right neighbour alone"),
        (joined(lambda after, left, right: after[left] * after[right]), "each word after the *right* neighbour"),
        (joined(lambda after, left, right: after[:, left] * after[:, right]), "the left neighbour after each word"),
        (joined(lambda after, left, right: after[:, left] * after[right]), "the neighbours are swapped"),
        (joined(lambda after, left, right: after[left] + after[:, right]), "multiplied, not added"),
    ],
    "with_gaps": [
        (gaps(low=0), "are never chosen"),
        (gaps(low=1), "the other special tokens"),
        (
            lambda tokens, drawn, kind, other: gaps()(tokens, torch.where(drawn < 0.15, 1.0, 0.0), kind, other),
            "yours chooses 85%",
        ),
        (gaps(mask=1.0), "all chosen tokens are hidden"),
        (gaps(random=1.0), "from 0.9 on the token stays"),
        (gaps(random=0.8), "no token is replaced by another"),
        (gaps(ids=lambda tokens, targets, inputs: tokens), "every token has a target"),
        (gaps(nothing=0), "the target is 0"),
        (
            gaps(ids=lambda tokens, targets, inputs: torch.where(targets == -100, -100, inputs)),
            "the tokens as they were",
        ),
        (
            gaps(ids=lambda tokens, targets, inputs: torch.where(inputs == 2, targets, -100)),
            "only the hidden tokens have targets",
        ),
        (lambda tokens, drawn, kind, other: gaps()(tokens, drawn, kind, other)[0], "expected"),
    ],
    "both_neighbours": [
        (bias(LOW, LOW, LOW, 0, 0, 0, LOW, LOW, LOW), "which the mask hides"),
        (bias(LOW, LOW, LOW, 0, LOW, LOW, LOW, LOW, LOW), "the left neighbour alone"),
        (bias(LOW, LOW, LOW, LOW, LOW, 0, LOW, LOW, LOW), "the right neighbour alone"),
        (bias(LOW, LOW, 0, LOW, LOW, LOW, 0, LOW, LOW), "two steps away"),
        (bias(LOW, LOW, LOW, LOW, 0, LOW, LOW, LOW, LOW), "the token itself gets nearly all"),
        (bias(-1, -1, -1, 0, -1, 0, -1, -1, -1), "the weights are too even"),
        (bias(*[5] * 9), "the weights are too even"),
        (bias(0, 1), "9 numbers are expected"),
        (bias(*[-math.inf] * 9), "must be finite"),
        (lambda: "near", "a list of 9 numbers is expected"),
    ],
    "text_vectors": [
        (zeroed, "still counted"),
        (
            lambda states, tokens: (states * (tokens > 0)[..., None]).sum(dim=1) / (tokens > 0).sum(),
            "each text has its own",
        ),
        (lambda states, tokens: states.sum(dim=1) / (tokens > 0).sum(dim=1, keepdim=True), "still in the sum"),
        (lambda states, tokens: (states * (tokens > 0)[..., None]).sum(dim=1), "this is the sum"),
        (lambda states, tokens: states[:, 0], "the first token's state"),
        (lambda states, tokens: states.mean(dim=0), "over the texts"),
        (lambda states, tokens: mean_by_rows(states, (tokens == 0).long()), "the mask is inverted"),
        (
            lambda states, tokens: (states * tokens[..., None]).sum(dim=1) / tokens.sum(dim=1, keepdim=True),
            "the token ids are used as weights",
        ),
    ],
    "fill_gaps": [
        (settings(begins="zero"), "attention that begins at the neighbours."),
        (settings(learning_rate=0.0001), "a larger learning rate"),
        (settings(begins="near"), "begins is one of"),
        (settings(share=1), "share is a number from 0.05 to 0.9, but yours is 1."),
        (settings(learning_rate=1), "learning_rate is a number above 0 and at most 0.05, but yours is 1."),
        (lambda: {"share": 0.15}, "a dictionary with begins, share, learning_rate is expected"),
    ],
}
