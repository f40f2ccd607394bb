"""Exercises of the notebook scaling_laws."""

import math
import random

from course_lib import files
from experiments.scaling import parameters
from experiments.tables import scaling_laws as grid
from experiments.tables.scaling_forecast import LARGE

from classroom.answers import Mistake
from classroom.exercise import case, exercise, experiment

__all__ = ["budget", "huber", "predict", "signature", "training_flops"]


def _with_tables(d_model, n_layers, vocab_size, context_length, characters):
    N = 12 * n_layers * d_model**2 + (2 * vocab_size + context_length) * d_model
    return 6 * N * characters


def _sizes(seed):
    dice = random.Random(seed)
    return 8 * dice.randint(2, 40), dice.randint(2, 9), dice.randint(50, 9000), dice.randint(64, 2048), dice.randint(10**6, 10**8)


@exercise(
    kind="debug",
    found=_with_tables,
    praise="a row that is looked up costs no multiplication: only the matrices in products count, with the one that gives the logits.",
    cases=lambda seed: [
        (16, 2, 80, 64, 600_000),
        (768, 12, 50_257, 1024, 10**9),
        _sizes(seed),
        case(64, 2, 50_257, 64, 10**6, edge="a small model with a large vocabulary"),
        case(16, 2, 80, 4096, 10**6, edge="a long context"),
    ],
    wrong={
        "the position vectors are looked up, not multiplied: they cost nothing here.": {"looked_up": lambda vocab_size, context_length: context_length},
        "the matrix that gives the logits is multiplied at every position: it counts.": {"output": 0},
        "the token embeddings are still counted twice: once they are looked up, once they give the logits.": {"output": 2},
        "a training step takes 6 operations per parameter and character: 2 forward and 4 backward.": {"operations": 2},
        "a block holds 12 times the square of its width: 4 for attention and 8 for the feed-forward.": {"per_block": 8},
    },
)
def training_flops(
    d_model, n_layers, vocab_size, context_length, characters, *, looked_up=lambda vocab_size, context_length: 0, output=1, operations=6, per_block=12
):
    """The operations of a training run, 6 N D, with the parameters of the matrices in products as N."""
    N = per_block * n_layers * d_model**2 + (output * vocab_size + looked_up(vocab_size, context_length)) * d_model
    return operations * N * characters


def _residuals(seed, count):
    dice = random.Random(seed)
    return [dice.gauss(0, 2) for _ in range(count)]


@exercise(
    praise="0.5 lies within the step and costs 0.125; 3 lies outside and costs 3 - 0.5.",
    cases=lambda seed: [
        ([0.5, 3.0], 1.0),
        ([-0.5, -3.0, 1.0, 0.0], 1.0),
        (_residuals(seed, 9), 0.5),
        case([4.0, -4.0], 0.001, edge="a small step"),
    ],
    wrong={
        "this is the square everywhere: beyond the step the loss grows along a line.": {"beyond": lambda r, step: r * r / 2},
        "this is the line everywhere: within the step it is half the square.": {"within": lambda r, step: step * (abs(r) - step / 2)},
        "the two pieces do not meet at the step: the line is step · (|r| - step / 2).": {"beyond": lambda r, step: step * abs(r)},
        "within the step it is half of the square.": {"within": lambda r, step: r * r},
        "a negative residual counts by its size: |r|.": {"size": lambda r: r},
        "the sum is wanted, not the mean.": {"total": lambda losses: sum(losses) / len(losses)},
        "beyond the step, the slope is the step, not 1.": {"beyond": lambda r, step: abs(r) - step / 2},
    },
)
def huber(
    residuals,
    step,
    *,
    within=lambda r, step: r * r / 2,
    beyond=lambda r, step: step * (abs(r) - step / 2),
    size=abs,
    total=sum,
):
    """The sum of Huber's losses: r² / 2 up to the step, then a line that continues it."""
    return total([within(r, step) if size(r) <= step else beyond(r, step) for r in residuals])


BUDGET, MOST, WANTED = 6e11, 22_000, 1.70
E, A, B = 1.0, 60.0, 600.0


def _spent(design):
    """From a size and an amount to which wishes they fulfil."""

    def asked(wish):
        try:
            N, D = map(float, design())
        except (TypeError, ValueError):
            raise Mistake("two numbers are expected, N and D.") from None
        if not (1 <= N < math.inf and 1 <= D < math.inf):
            raise Mistake("N and D are at least 1.")
        if wish == "within the budget":
            return 6 * N * D <= BUDGET * 1.0001
        if wish == "fits":
            return N <= MOST
        read = D if wish == "good enough" else BUDGET / (6 * N)
        return E + A / N**0.5 + B / read**0.5 <= WANTED

    return asked


@exercise(
    kind="design",
    through=_spent,
    praise="a model smaller than the best one for its budget, trained on more text, loses little and is cheaper to run ever after.",
    cases=lambda seed: [("within the budget",), ("fits",), ("good enough",), ("good enough with all of the budget",)],
    wrong={
        "this costs more than the budget: 6 N D.": {"D": 1e7},
        "the model is too large for the device.": {"N": 31_600, "D": 3_160_000},
        "this fits, but the loss is above 1.70: is the whole budget spent?": {"D": 3e6},
        "this fits, but so small a model does not reach 1.70, whatever of the budget it reads.": {"N": 10_000, "D": 1e7},
    },
)
def budget(*, N=20_000, D=5_000_000):
    """A size and an amount of text for a budget, for a small device."""
    return N, D


@exercise(
    praise="each pair (a, b) puts the numbers in another order; the smallest of each order is kept.",
    cases=lambda seed: [
        ([1, 2, 3], [1, 5], [0, 7]),
        ([3_000_000_000, 7, 2_500_000_001], [3, 2_147_483_649, 99_991], [11, 5, 4_000_000_000]),
        (random.Random(seed).sample(range(2**32), 12), [2**31 + 11, 77_777, 3], [1, 2**31, 12_345]),
        case([4_294_967_295], [3], [5], edge="a single hash"),
    ],
    wrong={
        "this is the largest number of each order: keep the smallest.": {"keep": max},
        "the remainder by 2**32 is missing: the numbers grow beyond 32 bits.": {"modulus": 2**80},
        "the remainder is taken before b is added: (a h + b) mod 2**32.": {"order": lambda a, h, b, modulus: a * h % modulus + b},
        "b is missing: (a h + b) mod 2**32.": {"order": lambda a, h, b, modulus: a * h % modulus},
        "one number is wanted for each pair of a and b, not one for each hash.": lambda hashes, a, b: [
            min((x * h + y) % 2**32 for x, y in zip(a, b, strict=True)) for h in hashes
        ],
        "the smallest hash need not have the smallest number afterwards: look at all of them for each pair.": lambda hashes, a, b: [
            (x * min(hashes) + y) % 2**32 for x, y in zip(a, b, strict=True)
        ],
    },
)
def signature(hashes, a, b, *, keep=min, modulus=2**32, order=lambda a, h, b, modulus: (a * h + b) % modulus):
    """The MinHash signature of a text, from the hashes of its shingles: one number for each pair of a and b."""
    return [keep(order(x, h, y, modulus) for h in hashes) for x, y in zip(a, b, strict=True)]


PAID = 1.5e11  # N D of all runs together: about an eighth of the large run
WIDTHS, LEAST, MOST_READ = (16, 24, 32, 48, 64), 50_000, 2_400_000


def _bought(d_model, characters):
    """The loss of a run: a stored one where there is one, or else it is made now."""
    rows = files.load_results("scaling_laws")["rows"]
    own = [row for row in rows if row["d_model"] == d_model and row["part"] == "grid"]
    stored = [row for row in own if row["characters"] == characters and row["seed"] == 0]
    run = stored[0] if stored else grid.row(d_model, characters, own[0]["learning rate"], 0)
    return run["loss"][0]


def _large():
    [row] = [row for row in files.load_results("scaling_run")["rows"] if row["characters"] == LARGE["characters"]]
    return row


def _stored():
    reached = _large()["loss"][0]
    return [(f"the {row['forecaster']} of all stored runs", abs(row["loss"][0] - reached)) for row in files.load_results("scaling_forecast")["rows"]]


def _price(runs):
    return sum(parameters(d_model) * characters for d_model, characters in runs)


def _last(runs, N, D):
    return min(loss for *_, loss in runs)


def _line(runs, N, D):
    """A straight line through the logarithms of the first and the last run."""
    (n, d, first), (m, c, last) = runs[0], runs[-1]
    slope = math.log(last / first) / math.log(m * c / (n * d))
    return last * math.exp(slope * math.log(N * D / (m * c)))


def _plan(runs=((16, 600_000), (48, 1_200_000)), law=_line):
    return lambda: (list(runs), law)


@experiment(
    goal=0.1,
    unit="nats per character between the forecast and the large run",
    stored=_stored,
    advice={
        "more than two runs: two points lie on many curves.": lambda choice: len(choice[0]) < 3,
        "sizes that differ: from a single one, nothing can be seen of N.": lambda choice: len({d for d, _ in choice[0]}) < 2,
        "larger runs: the small ones tell little about where the curve goes.": lambda choice: _price(choice[0]) < PAID / 3,
        "a law with a floor, or without one if yours has it.": lambda choice: True,
    },
    wrong={
        "more than two runs": _plan([(16, 600_000), (16, 1_200_000)], _last),
        "sizes that differ": _plan([(16, 600_000), (16, 1_200_000), (16, 2_400_000)], _last),
        "larger runs": _plan([(16, 600_000), (24, 600_000), (32, 600_000)], _last),
        "a law with a floor": _plan([(16, 600_000), (32, 600_000), (32, 1_200_000), (48, 1_200_000)], _last),
        "the runs cost": _plan([(48, 1_200_000)] * 3),
        "a width is one of 16, 24, 32, 48, 64, but yours is 128.": _plan([(128, 600_000)]),
        "characters are from 50,000 to 2,400,000, but yours are 10.": _plan([(16, 10)]),
        "a pair is expected: a list of runs": lambda: 1.5,
    },
    seconds=120,
)
def predict(choice, seed):
    """Runs to buy, and a rule that forecasts the large run from them."""
    try:
        runs, law = choice
        runs = [(int(d_model), int(characters)) for d_model, characters in runs]
    except (TypeError, ValueError):
        raise Mistake("a pair is expected: a list of runs, each a width and a number of characters, and a function.") from None
    if not runs or not callable(law):
        raise Mistake("a pair is expected: a list of runs, each a width and a number of characters, and a function.")
    for d_model, characters in runs:
        if d_model not in WIDTHS:
            raise Mistake(f"a width is one of {', '.join(map(str, WIDTHS))}, but yours is {d_model}.")
        if not LEAST <= characters <= MOST_READ:
            raise Mistake(f"characters are from {LEAST:,} to {MOST_READ:,}, but yours are {characters:,}.")
    if _price(runs) > PAID:
        raise Mistake(f"the runs cost {_price(runs):.2g} parameters times characters, and you have {PAID:.2g}.")
    bought = [(parameters(d_model), characters, _bought(d_model, characters)) for d_model, characters in runs]
    large = _large()
    said = law(bought, large["parameters"], large["characters"])
    if not isinstance(said, int | float) or not math.isfinite(said):
        raise Mistake(f"your function must return a number, but it returned {said!r}.")
    return abs(float(said) - large["loss"][0])
