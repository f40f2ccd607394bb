"""Exercises of the notebook gpt."""

import math
import random

import torch
from course_lib import files
from experiments.shared import worst_by_change
from experiments.tables import equal_compute
from torch import Generator, Tensor
from torch.nn import functional as F

from classroom.answers import Mistake
from classroom.exercise import case, exercise, experiment

__all__ = [
    "accumulated_gradient",
    "activation_bytes",
    "best_use",
    "chunk_mask",
    "next_token_loss",
    "plan_step",
]

LN2 = math.log(2)
PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29)


def _random(seed, *shape):
    return torch.randn(shape, generator=Generator().manual_seed(seed))


def _windows(seed, B, T, V):
    return 2 * _random(seed, B, T, V), torch.randint(V, (B, T), generator=Generator().manual_seed(seed))


def _unflattened(logits, tokens):
    """Cross entropy with the positions where the classes should be: an error, unless there are as many of both."""
    return F.cross_entropy(logits, tokens)


def _one_long_text(logits, tokens):
    predicted = logits.flatten(0, 1)[:-1]
    return F.cross_entropy(predicted, tokens.flatten()[1:])


@exercise(
    kind="debug",
    found=_one_long_text,
    praise="a window of T tokens asks T - 1 questions, and one token more makes it T.",
    cases=lambda seed: [
        (
            torch.tensor([[[0.5, 0.25, 0.25], [0.1, 0.1, 0.8], [0.2, 0.7, 0.1]]]).log() + 1,
            torch.tensor([[0, 1, 2]]),
        ),
        _windows(seed, 2, 5, 5),
        _windows(seed + 1, 3, 7, 6),
        _windows(seed + 2, 2, 5, 4),
    ],
    wrong={
        "nothing is shifted: the logits at position t are for the token at position t + 1.": [
            {"aligned": lambda logits, tokens: (logits, tokens)},
            {"aligned": lambda logits, tokens: (logits[:, :-1], tokens[:, :-1])},
            {"aligned": lambda logits, tokens: (logits[:, 1:], tokens[:, 1:])},
        ],
        "shifted the wrong way: the logits at t are for the token at t + 1, so drop the last logits and the first token.": {
            "aligned": lambda logits, tokens: (logits[:, 1:], tokens[:, :-1])
        },
        "shifted by two: the logits at t are for the token at t + 1.": {"aligned": lambda logits, tokens: (logits[:, :-2], tokens[:, 2:])},
        "this shifts the batch axis: position is axis 1.": {"aligned": lambda logits, tokens: (logits[: len(logits) - 1], tokens[1:])},
        "the last logits of a window have no label in it (`roll` hands them the first token): drop them.": {
            "aligned": lambda logits, tokens: (logits, tokens.roll(-1, 1))
        },
        "only the last prediction of each window counts here: every position makes one.": {
            "aligned": lambda logits, tokens: (logits[:, -2:-1], tokens[:, -1:])
        },
        "only the first prediction of each window counts here: every position makes one.": {"aligned": lambda logits, tokens: (logits[:, :1], tokens[:, 1:2])},
        "the first prediction, token 1 from token 0, is missing.": {"aligned": lambda logits, tokens: (logits[:, 1:-1], tokens[:, 2:])},
        "the last prediction is missing: the last token of the window is a label, too.": {"aligned": lambda logits, tokens: (logits[:, :-2], tokens[:, 1:-1])},
        "only the first window counts here: take the mean over all of them.": {"aligned": lambda logits, tokens: (logits[:1, :-1], tokens[:1, 1:])},
        "logits are not log-probabilities: take log_softmax first.": {"log_p": lambda z: z},
        "the logarithm is missing: this is the mean probability, with a minus.": {"log_p": lambda z: z.softmax(dim=-1)},
        "`F.cross_entropy` takes logits: your softmax before it is one too many.": {"log_p": lambda z: z.softmax(dim=-1).log_softmax(dim=-1)},
        "the softmax runs over the positions: it belongs over the vocabulary, the last axis.": {"log_p": lambda z: z.log_softmax(dim=1)},
        "the softmax runs over the batch: it belongs over the vocabulary, the last axis.": {"log_p": lambda z: z.log_softmax(dim=0)},
        "this takes each logit for a yes or no of its own (sigmoid): the tokens exclude each other, so take softmax.": {"log_p": F.logsigmoid},
        "the minus sign is missing: the loss is -ln p.": {"end": lambda losses: -losses.mean()},
        "this is the sum over all predictions: return their mean.": {"end": lambda losses: losses.sum()},
        "divide by all predictions, B (T - 1), not by the number of windows.": {"end": lambda losses: losses.sum() / len(losses)},
        "divide by all predictions, B (T - 1), not by those of one window.": {"end": lambda losses: losses.sum() / losses.shape[1]},
        "divide by the number of predictions, B (T - 1), not by that of the tokens, B T.": {
            "end": lambda losses: losses.sum() / losses.shape[0] / (losses.shape[1] + 1)
        },
        "this is in bits: the loss is wanted in nats, so do not divide by ln 2.": {"end": lambda losses: losses.mean() / LN2},
        "this is -ln of the mean probability: take the logarithm of each, then the mean.": {"end": lambda losses: -(-losses).exp().mean().log()},
        "this is the perplexity, the exponential of the loss: return the loss itself.": {"end": lambda losses: losses.mean().exp()},
        "one loss per window: take the mean over the windows as well.": {"end": lambda losses: losses.mean(dim=1)},
        "one loss per prediction: take their mean.": [
            {"end": lambda losses: losses},
            {"end": lambda losses: losses.flatten()},
        ],
        "`F.cross_entropy` takes the classes on axis 1, and axis 1 of the logits is the position: flatten batch and "
        "position into one axis, of the tokens too.": [
            _unflattened,
            lambda logits, tokens: _unflattened(logits[:, :-1], tokens[:, 1:]),
        ],
    },
)
def next_token_loss(
    logits,
    tokens,
    *,
    aligned=lambda logits, tokens: (logits[:, :-1], tokens[:, 1:]),
    log_p=lambda z: z.log_softmax(dim=-1),
    end=lambda losses: losses.mean(),
):
    """The mean of -ln p over all predictions whose label is in the window."""
    predicted, labels = aligned(logits, tokens)
    return end(-log_p(predicted).gather(-1, labels[..., None])[..., 0])


class _Gradient:
    """The gradient of a linear model's mean squared error over the rows that it is given, `room` rows at most."""

    def __init__(self, weight: Tensor, room: int) -> None:
        self.weight, self.room = weight, room

    def __call__(self, inputs: Tensor, targets: Tensor) -> Tensor:
        if inputs.ndim < targets.ndim:
            raise Mistake("`gradient` takes the inputs first, then the targets.")
        if len(inputs) > self.room:
            raise Mistake(f"this asks for {len(inputs)} rows at once, with room for {self.room}: one part at a time.")
        return 2 * inputs.T @ (inputs @ self.weight - targets) / len(inputs)

    def __repr__(self) -> str:
        return "gradient"


def _in_parts(seed, *rows):
    weight, inputs, targets = _random(seed, 3), _random(seed + 50, sum(rows), 3), _random(seed + 100, sum(rows))
    return _Gradient(weight, max(rows)), list(zip(inputs.split(rows), targets.split(rows), strict=True))


def _pairwise_mean(gradient, parts):
    mean = gradient(*parts[0])
    for part in parts[1:]:
        mean = (mean + gradient(*part)) / 2
    return mean


@exercise(
    praise="the same gradient as of all rows at once, with room for one part.",
    cases=lambda seed: [
        _in_parts(seed, 3, 1),
        _in_parts(seed + 1, 2, 7, 4),
        _in_parts(seed + 2, 5, 1, 3, 2),
        _in_parts(seed + 3, 2, 1, 5),
    ],
    wrong={
        "the parts differ in length, so their plain mean is not the gradient of all rows: weight each part by its rows.": {
            "weight": lambda rows: 1,
            "divisor": len,
        },
        "this is the plain sum: each part's gradient is a mean over its own rows, so weight it by them, and divide by all rows.": {
            "weight": lambda rows: 1,
            "divisor": lambda rows: 1,
        },
        "you divide by all rows, but do not weight: a part's gradient is a mean, and times its rows it is a sum.": {"weight": lambda rows: 1},
        "weighted correctly, but not divided: divide by the rows of all parts.": {"divisor": lambda rows: 1},
        "divide by the rows of all parts, not by the number of parts.": {"divisor": len},
        "divide by the rows of all parts, not by those of the largest.": {"divisor": max},
        "divide by the rows of all parts, not by those of the last: the loop's variable holds only these.": {"divisor": lambda rows: rows[-1]},
        "divide by the rows of all parts, not by those of the first.": {"divisor": lambda rows: rows[0]},
        "divided twice: a part's share of all rows is its whole weight.": [
            {"divisor": lambda rows: sum(rows) ** 2},
            {"divisor": lambda rows: sum(rows) * len(rows)},
        ],
        "every part has the weight of the first: each needs its own number of rows.": {"weights": lambda rows: [rows[0]] * len(rows)},
        "every part has the weight of the last: each needs its own number of rows.": {"weights": lambda rows: [rows[-1]] * len(rows)},
        "the weight is the number of rows, len(inputs): yours counts all numbers in them.": {"weight": lambda rows: 3 * rows},
        "a part's weight is its share of the rows: multiply by its rows, do not divide.": [
            {"weight": lambda rows: 1 / rows},
            {"weight": lambda rows: 1 / rows, "divisor": lambda rows: 1},
            {"weight": lambda rows: 1 / rows, "divisor": len},
        ],
        "only the last part is left: add to what was there, do not overwrite it.": [
            lambda gradient, parts: gradient(*parts[-1]),
            {"weights": lambda rows: [0] * (len(rows) - 1) + [rows[-1]]},
        ],
        "only the first part counts: is the `return` inside the loop?": [
            lambda gradient, parts: gradient(*parts[0]),
            {"weights": lambda rows: [rows[0]] + [0] * (len(rows) - 1)},
        ],
        "the first part is missing from the sum.": {"weights": lambda rows: [0, *rows[1:]]},
        "the last part is missing from the sum.": {"weights": lambda rows: [*rows[:-1], 0]},
        "the mean of two at a time gives the last part half of all weight: add all up, then divide once.": (_pairwise_mean),
    },
)
def accumulated_gradient(
    gradient,
    parts,
    *,
    weight=lambda rows: rows,
    weights=lambda rows: rows,
    divisor=sum,
):
    """The gradient of the mean loss over the rows of all parts, one part at a time."""
    rows = [len(inputs) for inputs, _ in parts]
    weighted = [weight(n) * gradient(*part) for n, part in zip(weights(rows), parts, strict=True)]
    return sum(weighted) / divisor(rows)


@exercise(
    praise="past = 0 is the causal mask, new = 1 a row of True: reading and writing are two ends of one thing.",
    cases=lambda seed: [
        (2, 3),
        case(0, 4, edge="an empty cache"),
        case(5, 1, edge="a single new token"),
        (3 + seed % 3, 7),
        (7, 2 + seed % 3),
    ],
    wrong={
        "row i is the token at position past + i of the text, so the triangle begins `past` columns further right.": {"diagonal": lambda past, new: 0},
        "a token may look at itself.": {"diagonal": lambda past, new: past - 1},
        "a token may not look at the one that follows it.": {"diagonal": lambda past, new: past + 1},
        "the diagonal moves by `past` columns, not by `new`.": {"diagonal": lambda past, new: new},
        "the diagonal moves to the right, by +past: yours moves to the left.": {"diagonal": lambda past, new: -past},
        "this is the reverse: True means that a token may look.": {"end": torch.logical_not},
        "every new token sees everything: it must not see those that follow it.": {"diagonal": lambda past, new: past + new},
        "the tokens in the cache are hidden: every new token may look at all of them.": {
            "end": lambda mask: mask & (torch.arange(mask.shape[1]) >= mask.shape[1] - len(mask))
        },
        "the new tokens see only the cache: each may look at itself and at the new ones before it, too.": {
            "end": lambda mask: mask & (torch.arange(mask.shape[1]) < mask.shape[1] - len(mask))
        },
        "of the new tokens, each sees only itself: it may look at the new ones before it, too.": (
            lambda past, new: torch.cat([torch.ones(new, past), torch.eye(new)], dim=1) > 0
        ),
        "the order of the columns is wrong: the cache comes first, then the new tokens.": {"end": lambda mask: mask.roll(len(mask), 1)},
        "the triangle is upside down: a token looks back, so keep what lies below the diagonal (tril), not above (triu).": [
            {"triangle": torch.triu},
            {"triangle": torch.triu, "diagonal": lambda past, new: 0},
        ],
        "this is the mask of the whole text: the queries are the new tokens alone, its last rows.": {
            "shape": lambda past, new: (past + new, past + new),
            "diagonal": lambda past, new: 0,
        },
        "there is one row per cached token here: the rows are the queries, one per new token.": {"shape": lambda past, new: (past, past + new)},
        "rows are the queries (new), columns the keys (past + new): yours is transposed.": {"end": lambda mask: mask.T},
        "the columns of the cache are missing: the shape is (new, past + new).": {
            "shape": lambda past, new: (new, new),
            "diagonal": lambda past, new: 0,
        },
        "these are only the columns of the cache: those of the new tokens are missing.": {"shape": lambda past, new: (new, past)},
    },
)
def chunk_mask(
    past,
    new,
    *,
    shape=lambda past, new: (new, past + new),
    triangle=torch.tril,
    diagonal=lambda past, new: past,
    end=lambda mask: mask,
):
    """Where `new` tokens may look behind a cache of `past`: boolean, (new, past + new)."""
    return end(triangle(torch.ones(shape(past, new), dtype=torch.bool), diagonal(past, new)))


def _sizes(seed):
    drawn = random.Random(seed)
    return [tuple(drawn.sample(PRIMES, 5)) for _ in range(2)]


@exercise(
    praise="16 C per block, whatever the number of heads; and V for the loss: a quarter of all that GPT-2 keeps.",
    cases=lambda seed: [(7, 2, 3, 5, 11), (80, 80, 3, 64, 16), (50_257, 768, 12, 1024, 8), *_sizes(seed)],
    wrong={
        "this is how many numbers are kept: in float32 each takes 4 bytes.": {"size": 1},
        "in float32 a number takes 4 bytes, not 2.": {"size": 2},
        "in float32 a number takes 4 bytes, not 8.": {"size": 8},
        "this is in bits: a byte has eight.": {"size": 32},
        "the L blocks are missing: each keeps its own.": {"layers": lambda L: 1},
        "the loss is missing: it keeps V log-probabilities per token.": {"loss": 0},
        "the log-probabilities are kept once: the logits themselves are not needed any more.": {"loss": 2},
        "the loss keeps V numbers for each token, not V in all.": {"scored": lambda T, B: 1},
        "the loss keeps V numbers for each token, so T per window.": {"scored": lambda T, B: B},
        "behind the blocks, the last norm keeps its input, and the product of the logits its own: C each.": {"behind": 0},
        "behind the blocks two things are kept: the last norm's input, and that of the product for the logits.": {"behind": 1},
        "what the embedding returns is the first block's x: it is kept once.": {"behind": 3},
        "what stands behind the blocks is kept once, not in every layer.": [
            {"behinds": lambda L: L, "losses": lambda L: L},
            {"behinds": lambda L: L},
            {"losses": lambda L: L},
        ],
        "a sum keeps nothing, as its gradient is 1: yours counts 2 C more per block.": {"block": 18},
        "a block lacks 4 C here: the feed-forward keeps 4 C twice, before GELU for its gradient, and after it as W_2's input.": {"block": 12},
        "a block lacks 8 C here: the feed-forward keeps 4 C twice, before and after GELU.": {"block": 8},
        "a block lacks 2 C here: each of its norms keeps its input, and the matrix behind it the norm's output; and q, k and v are three.": {"block": 14},
        "a block lacks 3 C here: attention keeps q, k and v, C numbers each.": {"block": 13},
        "a block has C too many here: attention's result is W_O's input, and kept once.": {"block": 17},
        "a block lacks C here: attention's result is W_O's input, and is kept.": {"block": 15},
        "a block's numbers are not counted rightly: go from x to the sum at its end, and write down the input of each "
        "norm and matrix, q, k and v, and what GELU gets.": [{"block": numbers} for numbers in (1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 19, 20, 22, 24)],
        "these are the weights of a block, C² each: what is kept are activations, C numbers each per token.": {"width": lambda C: C * C},
        "the model's own weights are there anyway: count only what the forward pass keeps for the backward pass.": (
            lambda V, C, L, T, B: 4 * (B * T * (16 * L * C + 2 * C + V) + 12 * L * C * C + V * C)
        ),
        "this is for one token: there are B T of them.": {"tokens": lambda T, B: 1, "scored": lambda T, B: 1},
        "this is for one window: there are B of them.": {"tokens": lambda T, B: T, "scored": lambda T, B: T},
        "each window has T tokens: times B T.": {"tokens": lambda T, B: B, "scored": lambda T, B: B},
    },
)
def activation_bytes(
    V,
    C,
    L,
    T,
    B,
    *,
    size=4,
    block=16,
    width=lambda C: C,
    layers=lambda L: L,
    behind=2,
    behinds=lambda L: 1,
    loss=1,
    losses=lambda L: 1,
    tokens=lambda T, B: B * T,
    scored=lambda T, B: B * T,
):
    """Bytes that a GPT keeps from the forward pass of one batch for the backward pass, in float32."""
    per_token = layers(L) * block * width(C) + behind * behinds(L) * C
    return size * (per_token * tokens(T, B) + loss * losses(L) * V * scored(T, B))


WINDOWS, PROCESSES, PARTS = 480, 8, 4
BYTES = 24 * 10**9
OF_WEIGHTS, OF_WINDOW = 16 * 124_439_808, activation_bytes.right(50_257, 768, 12, 1024, 1)


def _planned(design):
    """From a plan to what a step's gradient is, as a multiple of that of the mean loss."""

    def gradient(name):
        try:
            plan = [float(number) for number in design()]
            processes, parts, windows, divisor = plan
        except (TypeError, ValueError):
            raise Mistake("four numbers are expected: processes, parts, windows and divisor.") from None
        if any(number < 1 or number != int(number) for number in plan):
            raise Mistake("all four numbers are whole, and at least 1.")
        if processes > PROCESSES:
            raise Mistake(f"there are {PROCESSES} GPUs, one for each process.")
        if parts > PARTS:
            raise Mistake(f"a process may compute at most {PARTS} parts one after another.")
        used = OF_WEIGHTS + windows * OF_WINDOW
        if used > BYTES:
            raise Mistake(f"a part of {windows:.0f} windows needs {used / 1e9:.1f} GB with the weights and what belongs to them: more than 24.")
        if processes * parts * windows != WINDOWS:
            raise Mistake(f"a step has {processes * parts * windows:.0f} windows here, but {WINDOWS} are wanted.")
        if divisor == parts != processes * parts:
            raise Mistake("this divides by the parts of one process: all-reduce adds the gradients of all processes.")
        if divisor == processes != processes * parts:
            raise Mistake("this divides by the processes alone: each of them adds up the gradients of its parts, too.")
        return processes * parts / divisor

    return gradient


@exercise(
    kind="design",
    through=_planned,
    praise="what counts is the product: 480 windows, and every part's loss divided by the number of all parts.",
    cases=lambda seed: [("the gradient, as a multiple of the mean loss's",)],
    wrong={
        "the gradients of all parts are added up, but nothing divides them.": {"divisor": 1},
        "this divides by the windows: a part's loss is a mean over its windows already.": {"divisor": WINDOWS},
        "this divides by the windows of a part: its loss is a mean over them already.": {"divisor": 20},
    },
)
def plan_step(*, processes=8, parts=3, windows=20, divisor=24):
    """Processes, parts of each, windows of a part, and what each part's loss is divided by."""
    return processes, parts, windows, divisor


@experiment(
    goal=3.4,
    unit="bits per character, the worse of two seeds",
    stored=lambda: worst_by_change(files.load_results("equal_compute")["rows"], equal_compute.CHOICE, "bits"),
    advice={
        "a smaller model: it takes more steps with the same operations.": lambda choice: choice["d_model"] > 32 or choice["n_layers"] > 1,
        "smaller batches or shorter windows: more steps.": lambda choice: choice["batch_size"] * choice["context_length"] > 512,
        "a learning rate between 0.004 and 0.012.": lambda choice: not 0.004 <= choice["learning_rate"] <= 0.012,
        "another balance of window and batch.": lambda choice: True,
    },
    wrong={
        "a smaller model: it takes more steps": lambda: _use(d_model=128, n_layers=3),
        "smaller batches or shorter windows: more steps.": lambda: _use(batch_size=128),
        "a learning rate between 0.004 and 0.012.": lambda: _use(learning_rate=0.0003),
        "that makes 2422 steps, and at most 1000 are allowed.": lambda: _use(d_model=16),
        "too many operations for a single step": lambda: _use(d_model=1024, n_layers=12, batch_size=512),
        "d_model is a multiple of 16, from 16 to 1024, but yours is 40.": lambda: _use(d_model=40),
        "n_layers is a whole number from 1 to 12, but yours is 0.": lambda: _use(n_layers=0),
        "context_length is a whole number from 8 to 512, but yours is 4.": lambda: _use(context_length=4),
        "batch_size is a whole number from 1 to 512, but yours is 0.": lambda: _use(batch_size=0),
        "learning_rate is a number above 0 and at most 0.1, but yours is 1.": lambda: _use(learning_rate=1),
        "a dictionary with d_model, n_layers, context_length, batch_size, learning_rate is expected": lambda: {"d_model": 32},
    },
)
def best_use(choice, seed):
    """Sizes, batch and learning rate of a GPT that trains with a fixed number of operations."""
    if not isinstance(choice, dict) or set(choice) != set(equal_compute.CHOICE):
        raise Mistake(f"a dictionary with {', '.join(equal_compute.CHOICE)} is expected, and nothing else.")
    if choice["d_model"] not in range(16, 1025, 16):
        raise Mistake(f"d_model is a multiple of 16, from 16 to 1024, but yours is {choice['d_model']!r}.")
    for name, least, most in (("n_layers", 1, 12), ("context_length", 8, 512), ("batch_size", 1, 512)):
        if choice[name] not in range(least, most + 1):
            raise Mistake(f"{name} is a whole number from {least} to {most}, but yours is {choice[name]!r}.")
    rate = choice["learning_rate"]
    if not isinstance(rate, int | float) or not 0 < rate <= 0.1:
        raise Mistake(f"learning_rate is a number above 0 and at most 0.1, but yours is {rate!r}.")
    steps = equal_compute.steps_of(**choice)
    if steps < 1:
        raise Mistake("too many operations for a single step: a smaller model, or a smaller batch.")
    if steps > equal_compute.MOST_STEPS:
        raise Mistake(f"that makes {steps} steps, and at most {equal_compute.MOST_STEPS} are allowed.")
    return max(equal_compute.row(**choice, seed=other)["bits"][0] for other in equal_compute.SEEDS)


def _use(**changes):
    small = {"d_model": 32, "n_layers": 1, "context_length": 32, "batch_size": 16, "learning_rate": 0.008}
    return small | changes
