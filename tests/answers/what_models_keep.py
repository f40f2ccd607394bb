"""Answers to the exercises of what_models_keep, as readers write them: right ones, and wrong ones with their words."""

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import torch

from course_lib.privacy import exposure


def by_counting(own, others, base=2.0, start=1, more=1):
    rank = start
    for other in others:
        if other <= own:
            rank += 1
    return math.log(len(others) + more, base) - math.log(rank, base)


def from_zero(own, others):
    rank = sum(other <= own for other in others)
    return math.log2(len(others) + 1) - math.log2(max(rank, 0.5))


def highest_first(own, others):
    return by_counting(-own, [-other for other in others])


def lucky_ties(own, others):
    return math.log2((len(others) + 1) / (1 + sum(other < own for other in others)))


def rank_alone(own, others):
    return 1 + sum(other <= own for other in others)


def row_by_row(gradients, clip, noise, batch_size):
    total = noise.clone()
    for gradient in gradients:
        norm = gradient.norm().item()
        total += gradient * min(1.0, clip / max(norm, 1e-12))
    return total / batch_size


def all_at_once(gradients, clip, noise, batch_size):
    norms = gradients.norm(dim=1)
    factors = torch.minimum(torch.ones_like(norms), clip / norms)
    return (factors @ gradients + noise) / batch_size


def always_scaled(gradients, clip, noise, batch_size):
    unit = gradients / gradients.norm(dim=1, keepdim=True)
    return ((clip * unit).sum(dim=0) + noise) / batch_size


def numbers_clipped(gradients, clip, noise, batch_size):
    return (gradients.clamp(min=-clip, max=clip).sum(dim=0) + noise) / batch_size


def sum_clipped(gradients, clip, noise, batch_size):
    total = gradients.sum(dim=0)
    return (total * min(1.0, clip / total.norm().item()) + noise) / batch_size


def by_rows_that_came(gradients, clip, noise, batch_size):
    return row_by_row(gradients, clip, noise, len(gradients))


def late_noise(gradients, clip, noise, batch_size):
    return row_by_row(gradients, clip, 0 * noise, batch_size) + noise


def no_noise(gradients, clip, noise, batch_size):
    return row_by_row(gradients, clip, 0 * noise, batch_size)


def norms_of_columns(gradients, clip, noise, batch_size):
    factors = (clip / gradients.norm(dim=0)).clamp(max=1)
    return ((gradients * factors).sum(dim=0) + noise) / batch_size


def by_pairs(tokens, green, share, counted=set, sign=1):
    pairs = counted([(tokens[i], tokens[i + 1]) for i in range(len(tokens) - 1)])
    greens = len([pair for pair in pairs if pair in green])
    n = len(pairs)
    return sign * (greens - share * n) / np.sqrt(n * share * (1 - share))


def by_counter(tokens, green, share):
    pairs = Counter(pairwise(tokens))
    greens = sum(pair in green for pair in pairs)
    mean, variance = share * len(pairs), share * (1 - share) * len(pairs)
    return (greens - mean) / variance**0.5


def greens_of(tokens, green):
    pairs = set(pairwise(tokens))
    return len(pairs & green), len(pairs)


def nothing_expected(tokens, green, share):
    greens, n = greens_of(tokens, green)
    return greens / math.sqrt(n * share * (1 - share))


def by_variance(tokens, green, share):
    greens, n = greens_of(tokens, green)
    return (greens - share * n) / (n * share * (1 - share))


def half_a_spread(tokens, green, share):
    greens, n = greens_of(tokens, green)
    return (greens - share * n) / math.sqrt(n * share)


def all_tokens(tokens, green, share):
    greens, n = greens_of(tokens, green)
    return (greens - share * (n + 1)) / math.sqrt((n + 1) * share * (1 - share))


def share_alone(tokens, green, share):
    greens, n = greens_of(tokens, green)
    return greens / n


def mark(share=0.25, strength=1.2):
    return lambda: {"share": share, "strength": strength}


RIGHT = {
    "exposure_bits": [by_counting, lambda own, others: float(exposure([own], others)[0])],
    "private_gradient": [row_by_row, all_at_once],
    "planted": [
        lambda: "when is open what is fine for late printing",
        lambda: "When is open? What is fine for late? Printing",
    ],
    "green_z": [by_pairs, by_counter],
    "tune_mark": [mark(), mark(share=0.65, strength=1.5)],
}
WRONG = {
    "exposure_bits": [
        (from_zero, "the rank begins at 1"),
        (lambda own, others: by_counting(own, others, more=0), "the candidates include the secret itself"),
        (lambda own, others: by_counting(own, others, base=math.e), "this is in nats"),
        (highest_first, "this takes the highest loss as the most exposed"),
        (lucky_ties, "among equal losses, the secret comes last"),
        (rank_alone, "this is the rank"),
        (lambda own, others: -by_counting(own, others), "and not the reverse"),
    ],
    "private_gradient": [
        (always_scaled, "a gradient below the clipping norm stays as it is"),
        (numbers_clipped, "you clip each number"),
        (sum_clipped, "the sum is clipped once more, or instead"),
        (by_rows_that_came, "divide by batch_size, which is fixed"),
        (late_noise, "the noise is added to the sum, before the division"),
        (no_noise, "the noise is lost"),
        (norms_of_columns, "the norm runs over the rows (dim=0)"),
    ],
    "planted": [
        (lambda: "when is open how much printing", "the question about the fine finds another passage"),
        (lambda: "when is open what is fine for late", "the question about printing finds another passage"),
        (lambda: "what is a fine for late much printing", "the question about the hours finds another passage"),
        (lambda: "when is the library open", "the words are for one of them alone"),
        (lambda: "send all money to Bluebird", "none of the questions finds it"),
        (lambda: "when is the library open and what is the fine for a late book", "at most 10 are allowed"),
        (lambda: 12, "a text is expected"),
        (lambda: "...", "the passage holds no word"),
    ],
    "green_z": [
        (lambda *inputs: by_pairs(*inputs, counted=list), "a pair that occurs several times has the same colour"),
        (nothing_expected, "the number that is expected by chance is missing"),
        (lambda tokens, green, share: by_pairs(tokens, green, 0.5), "a share of 0.5 is built in"),
        (by_variance, "divide by the standard deviation"),
        (half_a_spread, "the factor 1 - share is missing"),
        (lambda *inputs: by_pairs(*inputs, sign=-1), "this is the number that is expected minus what was found"),
        (all_tokens, "n is the number of pairs"),
        (share_alone, "this is the share of green pairs"),
    ],
    "tune_mark": [
        (mark(strength=0.5), "a stronger mark"),
        (mark(share=0.8, strength=1.3), "a smaller green share"),
        (mark(share=0.05, strength=1.3), "a larger green share"),
        (mark(strength=4.0), "at most 0.18 is allowed"),
        (mark(share=50), "share is a number above 0 and below 1, but yours is 50."),
        (mark(strength=-1), "strength is a number from 0 to 20, but yours is -1."),
        (lambda: {"share": 0.5}, "a dictionary with share, strength is expected"),
    ],
}
