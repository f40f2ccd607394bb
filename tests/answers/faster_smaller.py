"""Answers to the exercises of faster_smaller, as readers write them: right ones, and wrong ones with their words."""

import torch

from course_lib.quantisation import QuantisationConfig, quantise


def speed(n_weights, bits, cache_bytes, batch, bandwidth):
    read = n_weights * bits / 8 + batch * cache_bytes
    steps = bandwidth / read
    return steps * batch


def wrong_speed(byte=8, weights=1, caches=None, written=None, bits_count=True):
    def function(n_weights, bits, cache_bytes, batch, bandwidth):
        of_weights = n_weights * (bits / byte if bits_count else 1) * (batch if weights == "batch" else 1)
        of_caches = cache_bytes * (batch if caches is None else caches)
        return bandwidth / (of_weights + of_caches) * (batch if written is None else written)

    return function


def blocks_by_loop(weights, bits, block):
    out = []
    for start in range(0, len(weights), block):
        part = weights[start : start + block]
        scale = part.abs().max() / (2 ** (bits - 1) - 1)
        out.append((part / scale).round() * scale)
    return torch.cat(out)


def wrong_blocks(scale=None, round=torch.round, form=torch.flatten, codes=False, whole=False, transposed=False):
    def function(weights, bits, block):
        rows = weights.view(block, -1).T if transposed else weights.view(-1, block)
        largest = rows.abs().amax(1, keepdim=True)
        if whole:
            largest = torch.full_like(largest, weights.abs().max().item())
        steps = 2 ** (bits - 1) - 1
        scales = scale(rows, bits) if scale else largest / steps
        found = round(rows / scales)
        found = found if codes else found * scales
        return form(found.T if transposed else found)

    return function


def zero_point(weights):
    low, high = weights.min(), weights.max()
    codes = torch.round((weights - low) / (high - low) * 15)
    return low + codes * (high - low) / 15


def wrong_zero_point(steps=15, clamp=False, low=True, round=torch.round):
    def function(weights):
        least = weights.min()
        scale = (weights.max() - least) / steps
        codes = round((weights - least) / scale)
        codes = codes.clamp(max=15) if clamp else codes
        return codes * scale + (least if low else 0)

    return function


def wraps_around(weights):
    least = weights.min()
    scale = (weights.max() - least) / 17
    return (torch.round((weights - least) / scale).int() & 15) * scale + least


def by_library(weights):
    config = QuantisationConfig(bits=4, zero_point=True)
    codes = quantise(weights[None], config).codes[0, 0]
    return codes * (weights.max() - weights.min()) / 15 + weights.min()


def steps(bits):
    return 2 ** (bits - 1) - 1


RIGHT = {
    "tokens_per_second": [speed],
    "in_blocks": [blocks_by_loop],
    "with_zero_point": [zero_point, by_library],
    "draft": [lambda: [0.55, 0.0, 0.0, 0.45], lambda: (0.5, 0.0, 0.01, 0.49)],
    "share_bits": [lambda: [4, 5, 4, 5], lambda: (4, 6, 4, 5)],
}
WRONG = {
    "tokens_per_second": [
        (wrong_speed(byte=1), "there are 8 bits in a byte"),
        (wrong_speed(bits_count=False), "the bits are missing"),
        (wrong_speed(weights="batch"), "the weights are read once for all rows"),
        (wrong_speed(caches=1), "each row of the batch has a cache of its own"),
        (wrong_speed(caches=0), "the cache is missing"),
        (wrong_speed(written=1), "a step writes a token for each row"),
        (
            lambda n, bits, cache, batch, width: speed(n, bits, cache / 8 * bits, batch, width),
            "the cache is in bytes already",
        ),
        (wrong_speed(caches=1, written=1), "a batch gains nothing"),
        (lambda *inputs: 1 / speed(*inputs), "this is seconds per token"),
    ],
    "in_blocks": [
        (wrong_blocks(whole=True), "all blocks have the same scale"),
        (
            wrong_blocks(lambda rows, bits: rows.amax(1, keepdim=True) / (2 ** (bits - 1) - 1)),
            "the largest weight may be negative",
        ),
        (wrong_blocks(lambda rows, bits: rows.abs().amax(1, keepdim=True) / 2 ** (bits - 1)), "which is 7 for 4 bits"),
        (wrong_blocks(lambda rows, bits: rows.abs().amax(1, keepdim=True) / (2**bits - 1)), "which is 7 for 4 bits"),
        (wrong_blocks(lambda rows, bits: rows.abs().amax(1, keepdim=True) / 2**bits), "which is 7 for 4 bits"),
        (wrong_blocks(round=torch.floor), "round to the nearest integer"),
        (wrong_blocks(round=torch.trunc), "round to the nearest integer"),
        (wrong_blocks(round=lambda codes: codes), "nothing is rounded"),
        (wrong_blocks(codes=True), "these are the integers"),
        (wrong_blocks(transposed=True), "the blocks are neighbours"),
        (lambda weights, bits, block: blocks_by_loop(weights, bits, len(weights) // block), "makes `block` rows"),
        (wrong_blocks(lambda rows, bits: rows.abs().amax(0, keepdim=True) / steps(bits)), "across the blocks"),
        (wrong_blocks(form=lambda blocks: blocks), "return one row of weights"),
    ],
    "with_zero_point": [
        (wrong_zero_point(16, clamp=True), "the steps are too small"),
        (wrong_zero_point(16), "16 is kept now"),
        (wraps_around, "the steps are smaller than before"),
        (wrong_zero_point(14), "the steps are larger than needed"),
        (wrong_zero_point(low=False), "the least weight is added again"),
        (wrong_zero_point(round=torch.floor), "round to the nearest integer"),
    ],
    "draft": [
        (lambda: [0.6, 0.4, 0.0, 0.0], "too many guesses are accepted"),
        (lambda: [0.35, 0.33, 0.31, 0.01], "too many guesses are accepted"),
        (lambda: [1.0, 0.0, 0.0, 0.0], "one token has more than 0.6"),
        (lambda: [0.8, 0.2, 0.0, 0.0], "one token has more than 0.6"),
        (lambda: [0.45, 0.0, 0.0, 0.55], "the draft's most likely token must be the model's"),
        (lambda: [0.5, 0.0, 0.0, 0.5], "without a tie"),
        (lambda: [0.3, 0.0, 0.0, 0.7], "without a tie"),
        (lambda: [0.25, 0.25, 0.25, 0.25], "without a tie"),
        (lambda: [0.1, 0.8, 0.1, 0.0], "without a tie"),
        (lambda: 0.5, "a list of four probabilities is expected."),
        (lambda: [0.5, 0.5, 0.5, 0.5], "which sum to 1."),
    ],
    "share_bits": [
        (lambda: [4, 4, 4, 4], "more bits for a small matrix"),
        (lambda: [4, 5, 4, 4], "more bits for the matrix that writes"),
        (lambda: [3, 5, 4, 5], "fewer bits for the largest matrix"),
        (lambda: [8, 8, 8, 8], "bits per weight: at most 4.5 are allowed."),
        (lambda: [4, 4, 4], "a list of four integers from 2 to 8 is expected"),
    ],
}
