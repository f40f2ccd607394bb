"""Answers to the exercises of scaling_laws, as readers write them: right ones, and wrong ones with their words."""

import numpy as np


def by_matrices(d_model, n_layers, vocab_size, context_length, characters, tables=0, logits=1, per_weight=6, block=12):
    weights = n_layers * block * d_model * d_model + logits * vocab_size * d_model + tables * context_length * d_model
    return per_weight * weights * characters


def by_numpy(residuals, step):
    r = np.abs(np.array(residuals))
    return float(np.where(r <= step, r**2 / 2, step * (r - step / 2)).sum())


def pieces(inside, outside, size=abs, mean=False):
    def huber(residuals, step):
        losses = [inside(r) if size(r) <= step else outside(r, step) for r in residuals]
        return sum(losses) / len(losses) if mean else sum(losses)

    return huber


def half(r):
    return r * r / 2


def line(r, step):
    return step * (abs(r) - step / 2)


def each(change, keep=min):
    def signature(hashes, a, b):
        return [keep(change(x, h, y) for h in hashes) for x, y in zip(a, b, strict=True)]

    return signature


def per_hash(hashes, a, b):
    return [min((x * h + y) % 2**32 for x, y in zip(a, b, strict=True)) for h in hashes]


def of_the_smallest(hashes, a, b):
    return [(x * min(hashes) + y) % 2**32 for x, y in zip(a, b, strict=True)]


def last(runs, N, D):
    return min(loss for _, _, loss in runs)


def floored(runs, N, D):
    terms = np.array([[1, size**-0.35, characters**-0.35] for size, characters, _ in runs])
    E, A, B = np.linalg.lstsq(terms, np.array([loss for *_, loss in runs]))[0]
    return E + A * N**-0.35 + B * D**-0.35


def plan(*runs, law=last):
    return lambda: (list(runs), law)


RIGHT = {
    "training_flops": [by_matrices],
    "huber": [by_numpy, pieces(half, line)],
    "budget": [lambda: (21_000, 1e11 / 21_000), lambda: [20_000, 5e6]],
    "signature": [each(lambda x, h, y: (x * h + y) % 2**32), each(lambda x, h, y: (x * h + y) & 0xFFFFFFFF)],
    "predict": [
        plan((16, 600_000), (16, 2_400_000), (32, 600_000), (48, 1_200_000), law=floored),
        plan((24, 600_000), (16, 1_200_000), (24, 2_400_000), (48, 1_200_000), law=floored),
    ],
}
WRONG = {
    "training_flops": [
        (lambda *sizes: by_matrices(*sizes, tables=1), "the position vectors are looked up"),
        (lambda *sizes: by_matrices(*sizes, logits=0), "the matrix that gives the logits is multiplied"),
        (lambda *sizes: by_matrices(*sizes, logits=2), "the token embeddings are still counted twice"),
        (lambda *sizes: by_matrices(*sizes, per_weight=2), "a training step takes 6 operations"),
        (lambda *sizes: by_matrices(*sizes, block=8), "a block holds 12 times the square"),
    ],
    "huber": [
        (pieces(half, lambda r, step: half(r)), "this is the square everywhere"),
        (lambda residuals, step: sum(line(r, step) for r in residuals), "this is the line everywhere"),
        (pieces(half, lambda r, step: step * abs(r)), "the two pieces do not meet"),
        (pieces(lambda r: r * r, line), "within the step it is half of the square"),
        (pieces(half, line, size=float), "a negative residual counts by its size"),
        (pieces(half, line, mean=True), "the sum is wanted"),
        (pieces(half, lambda r, step: abs(r) - step / 2), "the slope is the step"),
    ],
    "budget": [
        (lambda: (22_000, 1e7), "this costs more than the budget"),
        (lambda: (30_000, 3.3e6), "too large for the device"),
        (lambda: (20_000, 2.5e6), "is the whole budget spent?"),
        (lambda: (9_000, 1e11 / 9_000), "so small a model does not reach"),
        (lambda: 20_000, "two numbers are expected, N and D."),
        (lambda: (0, 5e6), "N and D are at least 1."),
    ],
    "signature": [
        (each(lambda x, h, y: (x * h + y) % 2**32, keep=max), "this is the largest number"),
        (each(lambda x, h, y: x * h + y), "the remainder by 2**32 is missing"),
        (each(lambda x, h, y: x * h % 2**32 + y), "before b is added"),
        (each(lambda x, h, y: x * h % 2**32), "b is missing"),
        (per_hash, "one number is wanted for each pair"),
        (of_the_smallest, "need not have the smallest number afterwards"),
    ],
    "predict": [
        (plan((16, 600_000), (16, 1_200_000)), "more than two runs"),
        (plan((16, 600_000), (16, 1_200_000), (16, 2_400_000)), "sizes that differ"),
        (plan((16, 600_000), (24, 600_000), (32, 600_000)), "larger runs"),
        (plan((16, 600_000), (32, 600_000), (32, 1_200_000), (48, 1_200_000)), "a law with a floor"),
        (plan((48, 1_200_000), (48, 1_200_000), (48, 1_200_000)), "the runs cost"),
        (plan((128, 600_000)), "a width is one of"),
        (plan((16, 10)), "characters are from"),
        (lambda: 1.5, "a pair is expected: a list of runs"),
    ],
}
