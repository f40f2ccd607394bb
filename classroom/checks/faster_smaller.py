"""Exercises of the notebook faster_smaller."""

import math
import random

import torch
from course_lib import files
from experiments.tables import bits_per_weight
from torch import Generator

from classroom.answers import Mistake
from classroom.exercise import case, exercise, experiment

__all__ = ["draft", "in_blocks", "share_bits", "tokens_per_second", "with_zero_point"]


def _machine(seed):
    dice = random.Random(seed)
    return dice.randint(50, 2000) * 1e6, dice.choice((4, 8, 16)), dice.randint(5, 90) * 1e6, dice.randint(2, 9), dice.randint(5, 99) * 1e9


@exercise(
    praise="the weights are read once for the whole batch, each row's cache for that row alone.",
    cases=lambda seed: [
        (100e6, 8, 0.0, 1, 10e9),
        (135e6, 32, 20e6, 1, 12e9),
        (135e6, 4, 23e6, 8, 9e9),
        _machine(seed),
        case(7e9, 16, 500e6, 3, 50e9, edge="a large model"),
    ],
    wrong={
        "there are 8 bits in a byte: divide by 8.": {"byte": 1},
        "the bits are missing: a weight has bits / 8 bytes.": {"weights": lambda n_weights, bits, batch: 8 * n_weights},
        "the weights are read once for all rows of the batch: with yours, a batch gains nothing.": {
            "weights": lambda n_weights, bits, batch: n_weights * bits * batch
        },
        "each row of the batch has a cache of its own to read.": {"caches": lambda cache_bytes, batch: cache_bytes},
        "the cache is missing: each row's is read, too.": {"caches": lambda cache_bytes, batch: 0.0},
        "the cache is in bytes already, and stays as it is: only the weights have `bits` bits.": lambda n_weights, bits, cache_bytes, batch, bandwidth: (
            tokens_per_second.right(n_weights, bits, cache_bytes * bits / 8, batch, bandwidth)
        ),
        "a step writes a token for each row of the batch.": {"written": lambda batch: 1},
        "this is seconds per token: turn it upside down.": lambda n_weights, bits, cache_bytes, batch, bandwidth: (
            (n_weights * bits / 8 + batch * cache_bytes) / bandwidth / batch
        ),
    },
)
def tokens_per_second(
    n_weights,
    bits,
    cache_bytes,
    batch,
    bandwidth,
    *,
    byte=8,
    weights=lambda n_weights, bits, batch: n_weights * bits,
    caches=lambda cache_bytes, batch: batch * cache_bytes,
    written=lambda batch: batch,
):
    """The most tokens per second that the bandwidth allows, for all rows of a batch together."""
    return written(batch) * bandwidth / (weights(n_weights, bits, batch) / byte + caches(cache_bytes, batch))


def _weights(seed, n, outlier=0.0):
    weights = torch.randn(n, generator=Generator().manual_seed(seed)) * 0.3
    weights[n // 3] += outlier
    return weights


@exercise(
    praise="each block has its own scale, so an outlier spoils its own block only.",
    cases=lambda seed: [
        (torch.tensor([0.7, -0.2, 0.1, -1.4, 0.03, 0.0, -0.05, 0.07]), 4, 4),
        (_weights(seed, 24), 4, 8),
        (_weights(seed + 1, 24, 5.0), 8, 12),
        case(_weights(seed + 2, 6), 3, 6, edge="a single block"),
    ],
    wrong={
        "all blocks have the same scale: take the largest |w| of each block.": {"largest": lambda blocks: blocks.abs().max().expand(len(blocks), 1)},
        "the largest weight may be negative: take the largest absolute value.": {"largest": lambda blocks: blocks.amax(1, keepdim=True)},
        "the scale is the largest |w| divided by 2^(bits - 1) - 1, which is 7 for 4 bits.": [
            {"steps": lambda bits: 2 ** (bits - 1)},
            {"steps": lambda bits: 2**bits - 1},
            {"steps": lambda bits: 2**bits},
        ],
        "round to the nearest integer: yours goes down, or towards 0.": [{"round": torch.floor}, {"round": torch.trunc}],
        "nothing is rounded: these are the weights themselves.": {"round": lambda codes: codes},
        "these are the integers: multiply by the scale again.": {"back": lambda codes, scales: codes},
        "the blocks are neighbours: the first `block` weights, then the next.": lambda weights, bits, block: (
            in_blocks.right(weights.view(block, -1).T.flatten(), bits, block).view(-1, block).T.flatten()
        ),
        "`view(block, -1)` makes `block` rows: each row must be a block, `view(-1, block)`.": lambda weights, bits, block: in_blocks.right(
            weights, bits, len(weights) // block
        ),
        "the largest |w| is taken across the blocks: look for it within each block, along axis 1.": {
            "largest": lambda blocks: blocks.abs().amax(0, keepdim=True)
        },
        "return one row of weights, in their order.": {"form": lambda blocks: blocks},
    },
)
def in_blocks(
    weights,
    bits,
    block,
    *,
    largest=lambda blocks: blocks.abs().amax(1, keepdim=True),
    steps=lambda bits: 2 ** (bits - 1) - 1,
    round=torch.round,
    back=lambda codes, scales: codes * scales,
    form=torch.flatten,
):
    """The weights that come back from integers of so many bits, with a scale for each block."""
    blocks = weights.view(-1, block)
    scales = largest(blocks) / steps(bits)
    return form(back(round(blocks / scales), scales))


def _wraps_around(weights):
    least = weights.min()
    scale = (weights.max() - least) / 16
    codes = torch.round((weights - least) / scale).int() & 15
    return codes * scale + least


@exercise(
    kind="debug",
    found=_wraps_around,
    praise="16 values have 15 steps between them, so the largest weight is 15 and fits.",
    cases=lambda seed: [
        (torch.tensor([0.0, 0.1, 0.2, 1.5]),),
        (_weights(seed, 32),),
        (_weights(seed + 1, 16) + 3,),
        case(-_weights(seed + 2, 8).abs() - 0.5, edge="negative weights"),
    ],
    wrong={
        "the largest weight no longer wraps around, but the steps are too small: 16 values have 15 steps between them.": {
            "steps": 16,
            "kept": lambda codes: codes.clamp(max=15),
        },
        "16 is kept now, which has five bits: 4 bits hold 0 to 15.": {"steps": 16, "kept": lambda codes: codes},
        "the steps are smaller than before, so the largest weight still wraps around: how many steps fit from 0 to 15?": {
            "steps": 17,
            "kept": lambda codes: codes % 16,
        },
        "the steps are larger than needed: from 0 to 15 there are 15 of them.": {"steps": 14},
        "the least weight is added again at the end.": {"low": 0},
        "round to the nearest integer.": {"round": torch.floor},
    },
)
def with_zero_point(weights, *, steps=15, kept=lambda codes: codes, round=torch.round, low=1):
    """The weights that come back from 4 bits each, spread from the least to the largest weight."""
    least = weights.min()
    scale = (weights.max() - least) / steps
    return kept(round((weights - least) / scale)) * scale + low * least


TARGET = [0.35, 0.33, 0.31, 0.01]


def _judged(design):
    """From a draft's distribution to what is asked about it."""

    def asked(question):
        try:
            q = [float(part) for part in design()]
        except (TypeError, ValueError):
            raise Mistake("a list of four probabilities is expected.") from None
        if len(q) != 4 or min(q) < 0 or not math.isclose(sum(q), 1, abs_tol=1e-6):
            raise Mistake("four numbers of at least 0 are expected, which sum to 1.")
        accepted = sum(map(min, TARGET, q))
        return {
            "Is the first token the most likely guess?": q[0] > max(q[1:]),
            "Has every token a probability of at most 0.6?": max(q) <= 0.6,
            "Are fewer than 40% of the guesses accepted?": accepted < 0.4,
        }[question]

    return asked


@exercise(
    kind="design",
    through=_judged,
    praise="the same most likely token, and yet most guesses are rejected: what counts is how much of the two distributions overlaps.",
    cases=lambda seed: [
        ("Is the first token the most likely guess?",),
        ("Has every token a probability of at most 0.6?",),
        ("Are fewer than 40% of the guesses accepted?",),
    ],
    wrong={
        "too many guesses are accepted: where is the model's own probability small?": [
            {"q": (0.6, 0.4, 0.0, 0.0)},
            {"q": (0.35, 0.33, 0.31, 0.01)},
        ],
        "one token has more than 0.6: the rest must go elsewhere.": [{"q": (1.0, 0.0, 0.0, 0.0)}, {"q": (0.7, 0.1, 0.1, 0.1)}],
        "the draft's most likely token must be the model's, the first, without a tie.": [
            {"q": (0.45, 0.0, 0.0, 0.55)},
            {"q": (0.35, 0.0, 0.0, 0.65)},
            {"q": (0.25, 0.25, 0.25, 0.25)},
            {"q": (0.2, 0.8, 0.0, 0.0)},
        ],
    },
)
def draft(*, q=(0.55, 0.0, 0.0, 0.45)):
    """A distribution over four tokens for the draft."""
    return list(q)


MOST_BITS = 4.5


def _stored():
    rows = files.load_results("bits_per_weight")["rows"]
    rows = [row for row in rows if row["split"] == "validation" and row["bits per weight"] <= MOST_BITS]
    return [(" ".join(map(str, row["bits"])) + " bits", row["rise"][0]) for row in rows]


@experiment(
    goal=0.03,
    unit="nats per token above float32 on the validation plays",
    stored=_stored,
    advice={
        "more bits for a small matrix: they cost little on average.": lambda bits: bits[1] < 5,
        "more bits for the matrix that writes the feed-forward's output.": lambda bits: bits[3] < 5,
        "fewer bits for the largest matrix, feed_forward.hidden, and more for the others.": lambda bits: True,
    },
    wrong={
        "more bits for a small matrix": lambda: [4, 4, 4, 4],
        "more bits for the matrix that writes": lambda: [4, 5, 4, 4],
        "fewer bits for the largest matrix": lambda: [3, 5, 4, 5],
        "bits per weight: at most 4.5 are allowed.": lambda: [8, 8, 8, 8],
        "a list of four integers from 2 to 8 is expected": lambda: [4, 4, 4],
    },
)
def share_bits(bits, seed):
    """Bits of attention.projection, attention.output, feed_forward.hidden and feed_forward.output, a scale per row."""
    fits = isinstance(bits, list | tuple) and len(bits) == 4 and all(type(one) is int and 2 <= one <= 8 for one in bits)
    if not fits:
        raise Mistake("a list of four integers from 2 to 8 is expected, one for each kind of layer.")
    found = bits_per_weight.row("shakespeare_gpt", bits=bits, block=None, zero_point=False, split="validation")
    if found["bits per weight"] > MOST_BITS:
        raise Mistake(f"this needs {found['bits per weight']:.2f} bits per weight: at most {MOST_BITS} are allowed.")
    return found["rise"][0]
