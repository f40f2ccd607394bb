"""Answers to the exercises of width_and_experts, as readers write them: right ones, and wrong ones with their words."""

import torch

from experiments.tables import width_choices


def table(**changes):
    usual = {"input": (0, 0), "hidden": (-0.5, -1), "output": (-1, -1)}
    return lambda: usual | changes


def of_the_chosen(logits, k):
    top = logits.topk(k, dim=-1)
    return torch.zeros_like(logits).scatter(-1, top.indices, top.values.softmax(dim=-1))


def by_minus_infinity(logits, k):
    least = logits.topk(k, dim=-1).values[:, -1:]
    return logits.masked_fill(logits < least, float("-inf")).softmax(dim=-1)


def row_by_row(logits, k, largest=True, axis=1, divide=True):
    probabilities = logits.softmax(dim=axis)
    rows = []
    for logits_of_row, row in zip(logits, probabilities, strict=True):
        chosen = sorted(range(len(row)), key=lambda e: logits_of_row[e].item(), reverse=largest)[:k]
        total = sum(row[e].item() for e in chosen) if divide else 1
        rows.append([row[e].item() / total if e in chosen else 0.0 for e in range(len(row))])
    return rows


def by_zeros(logits, k):
    kept = torch.zeros_like(logits).scatter(-1, logits.topk(k).indices, 1.0)
    return (logits * kept).softmax(dim=-1)


def of_logits(logits, k):
    kept = logits * torch.zeros_like(logits).scatter(-1, logits.topk(k).indices, 1.0)
    return kept / kept.sum(dim=-1, keepdim=True)


def equal(logits, k):
    return torch.zeros_like(logits).scatter(-1, logits.topk(k).indices, 1 / k)


def counted(logits, k, most=None, per=None, axis=1):
    """Shares and mean probabilities, one expert after the other."""
    probabilities = logits.softmax(dim=axis)
    chosen = logits.topk(most or k, dim=-1).indices
    for expert in range(logits.shape[1]):
        share = (chosen == expert).sum() / (per or len(logits))
        yield share, probabilities[:, expert].mean()


def summed(logits, k, factor=None, **changes):
    factor = logits.shape[1] if factor is None else factor(logits.shape[1], k)
    return factor * sum(share * mean for share, mean in counted(logits, k, **changes))


def by_one_hot(logits, k):
    chosen = torch.nn.functional.one_hot(logits.topk(k).indices, logits.shape[1])
    return logits.shape[1] * torch.dot(chosen.sum(dim=1).float().mean(dim=0), logits.softmax(-1).mean(dim=0))


def by_gather(logits):
    chosen = logits.argmax(dim=-1, keepdim=True)
    return logits.softmax(dim=-1).gather(1, chosen)[:, 0]


def by_hand(logits):
    powers = logits.exp()
    return powers.amax(dim=1) / powers.sum(dim=1)


def choice(**changes):
    return lambda: width_choices.CHOICE | changes


RIGHT = {
    "powers": [table(), table(input=[0.0, 0.0], output=(-1.5, -1))],
    "gates": [of_the_chosen, by_minus_infinity, row_by_row],
    "balancing_loss": [summed, by_one_hot],
    "switch_weights": [by_gather, by_hand],
    "spend": [choice(d_model=16, batch=4, learning_rate=0.02)],
}
WRONG = {
    "powers": [
        (table(input=(-0.5, 0)), "the input matrix sums 10 terms"),
        (table(input=(0, -1)), "the input matrix sums 10 terms"),
        (table(input=(-1, -1)), "the input matrix sums 10 terms"),
        (table(hidden=(-1, -1)), "the hidden matrix begins too large or too small"),
        (table(hidden=(0, -1)), "the hidden matrix begins too large or too small"),
        (table(hidden=(-0.5, -0.5)), "a step of the hidden matrix moves its outputs"),
        (table(output=(-1, -0.5)), "a step of the output matrix moves the logits"),
        (table(output=(-0.5, -1)), "the output matrix begins too large"),
        (table(hidden=(0, 0), output=(0, 0)), "nothing depends on the width here"),
        (lambda: {"hidden": (-0.5, -1)}, "a dictionary with input, hidden and output"),
        (table(hidden=-1), "each matrix needs two numbers"),
    ],
    "gates": [
        (lambda logits, k: row_by_row(logits, k, divide=False), "the weights of a position do not sum to 1"),
        (lambda logits, k: logits.softmax(dim=-1), "all experts have a weight"),
        (by_zeros, "through e⁰ = 1"),
        (lambda logits, k: row_by_row(logits, k, largest=False), "these are the least probable experts"),
        (lambda logits, k: row_by_row(logits, k, axis=0), "the softmax goes over the positions"),
        (equal, "the chosen experts get equal weights"),
        (of_logits, "the logits themselves are divided by their sum"),
    ],
    "balancing_loss": [
        (lambda logits, k: summed(logits, k, factor=lambda count, k: 1), "the number of experts is missing"),
        (lambda logits, k: len(logits[0]) * (logits.softmax(-1).mean(0) ** 2).sum(), "these are squared probabilities"),
        (
            lambda logits, k: logits.shape[1] * sum(share**2 for share, _ in counted(logits, k)),
            "these are squared shares",
        ),
        (lambda logits, k: summed(logits, k, most=1), "the shares count the first choice only"),
        (lambda logits, k: summed(logits, k, per=1), "these are counts"),
        (lambda logits, k: summed(logits, k, factor=lambda count, k: count / k), "the shares are divided by k"),
        (lambda logits, k: summed(logits, k, factor=lambda count, k: 1 / count), "averaged over the experts"),
        (lambda logits, k: summed(logits, k, axis=0), "the softmax goes over the positions"),
    ],
    "switch_weights": [
        (lambda logits: by_gather(logits).detach(), "no gradient goes through it"),
        (lambda logits: logits.amax(dim=1), "this is the logit"),
        (lambda logits: logits.softmax(dim=0).amax(dim=1), "the softmax goes over the positions"),
        (lambda logits: by_gather(logits).log(), "this is the logarithm of the probability"),
        (lambda logits: logits.sigmoid().amax(dim=1), "a sigmoid looks at one logit alone"),
        (lambda logits: logits.softmax(dim=-1), "one weight for each of the 2 positions"),
    ],
    "spend": [
        (choice(learning_rate=0.5), "another rate"),
        (choice(d_model=16, learning_rate=0.0005), "a higher rate"),
        (choice(), "a narrower model"),
        (choice(d_model=16, batch=32), "a smaller batch"),
        (choice(d_model=128), "d_model is one of"),
        (choice(batch=1), "batch is one of"),
        (choice(learning_rate=2), "learning_rate is a number"),
        (lambda: {"batch": 8}, "a dictionary with d_model, batch, learning_rate"),
    ],
}
