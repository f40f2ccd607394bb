"""Exercises of the notebook bert."""

import torch
from course_lib import files
from course_lib.losses import IGNORED
from experiments.tables import masked_language_model as table
from torch import Generator

from classroom.answers import Mistake
from classroom.exercise import case, exercise, experiment

__all__ = ["between", "both_neighbours", "fill_gaps", "text_vectors", "with_gaps"]

MASK, SPECIAL = 2, 3


def _probabilities(seed, words):
    g = Generator().manual_seed(seed)
    return torch.rand(words, generator=g) + 0.05, torch.rand(words, words, generator=g) + 0.05


def _after(seed, words=7):
    return (lambda p: p / p.sum(dim=1, keepdim=True))(_probabilities(seed, words)[1])


@exercise(
    praise="a word must follow the left neighbour and be followed by the right one.",
    cases=lambda seed: [
        (torch.tensor([[0.2, 0.5, 0.3], [0.1, 0.6, 0.3], [0.4, 0.4, 0.2]]), 0, 1),
        (_after(seed), 2, 5),
        (_after(seed + 1), 6, 0),
        case(_after(seed + 2), 3, 3, edge="the same word on both sides"),
    ],
    wrong={
        "the probabilities of the words must sum to 1: divide by their sum.": {"end": lambda p: p},
        "a softmax of probabilities is no division by their sum.": {"end": lambda p: p.softmax(dim=0)},
        "the left neighbour alone decides here: multiply by the probability of the right one after each word.": {"right": lambda after, r: 1},
        "the right neighbour alone decides here: multiply by the probability of each word after the left one.": {"left": lambda after, w: 1},
        "this is each word after the *right* neighbour: the right neighbour comes after the word, a column.": {"right": lambda after, r: after[r]},
        "this is the left neighbour after each word: each word comes after the left neighbour, a row.": {"left": lambda after, w: after[:, w]},
        "the neighbours are swapped: rows are the word before, columns the word after.": {
            "left": lambda after, w: after[:, w],
            "right": lambda after, r: after[r],
        },
        "both must hold, so the probabilities are multiplied, not added.": {"join": torch.add},
    },
)
def between(
    after,
    left_word,
    right_word,
    *,
    left=lambda after, w: after[w],
    right=lambda after, r: after[:, r],
    join=lambda a, b: a * b,
    end=lambda p: p / p.sum(),
):
    """The probability of each word between two neighbours, from those of each word after each."""
    return end(join(left(after, left_word), right(after, right_word)))


def _batch(seed, rows=6, length=12):
    g = Generator().manual_seed(seed)
    tokens = torch.randint(1, 20, (rows, length), generator=g)
    tokens[:, -2:] = 0
    drawn, kind = torch.rand(2, rows, length, generator=g)
    return tokens, 0.5 * drawn, kind, torch.randint(SPECIAL, 20, (rows, length), generator=g)


def _replace(tokens, kind, other):
    return torch.where(kind < 0.8, MASK, torch.where(kind < 0.9, other, tokens))


@exercise(
    praise="of the chosen tokens 80% are hidden, 10% replaced and 10% left; only the chosen ones have targets.",
    cases=lambda seed: [
        (
            torch.tensor([[5, 6, 7, 8, 0]]),
            torch.tensor([[0.1, 0.1, 0.1, 0.9, 0.1]]),
            torch.tensor([[0.5, 0.85, 0.95, 0.1, 0.1]]),
            torch.tensor([[9, 9, 9, 9, 9]]),
        ),
        _batch(seed),
        _batch(seed + 1, rows=9),
        case(torch.tensor([[0, 1, 2]]), torch.zeros(1, 3), torch.zeros(1, 3), torch.tensor([[9, 9, 9]]), edge="a row of special tokens"),
    ],
    wrong={
        "padding and other special tokens (ids below 3) are never chosen.": {"allowed": lambda tokens: torch.ones_like(tokens, dtype=torch.bool)},
        "padding is left out, but the other special tokens (ids 1 and 2) are chosen.": {"allowed": lambda tokens: tokens > 0},
        "a token is chosen where `drawn` is *below* 0.15: yours chooses 85%.": {"choose": lambda drawn: drawn >= 0.15},
        "all chosen tokens are hidden: 10% get the other token, and 10% stay.": {"replace": lambda tokens, kind, other: torch.full_like(tokens, MASK)},
        "the other token goes to `kind` from 0.8 to 0.9; from 0.9 on the token stays.": [
            {"replace": lambda tokens, kind, other: torch.where(kind < 0.8, MASK, torch.where(kind < 0.9, tokens, other))},
            {"replace": lambda tokens, kind, other: torch.where(kind < 0.8, MASK, other)},
        ],
        "no token is replaced by another: that is for `kind` from 0.8 to 0.9.": {"replace": lambda tokens, kind, other: torch.where(kind < 0.8, MASK, tokens)},
        "every token has a target: where none was chosen it must be -100, so that the loss leaves it out.": {"elsewhere": lambda tokens: tokens},
        "the target is 0 where no token was chosen: it must be -100, which the loss leaves out.": {"elsewhere": torch.zeros_like},
        "the targets are the tokens as they were, not those of the input.": {"target": lambda tokens, inputs: inputs},
        "only the hidden tokens have targets: the replaced and the kept ones are asked for, too.": lambda tokens, drawn, kind, other: (
            with_gaps.right(tokens, drawn, kind, other)[0],
            torch.where((drawn < 0.15) & (tokens >= SPECIAL) & (kind < 0.8), tokens, IGNORED),
        ),
    },
)
def with_gaps(
    tokens,
    drawn,
    kind,
    other,
    *,
    allowed=lambda tokens: tokens >= SPECIAL,
    choose=lambda drawn: drawn < 0.15,
    replace=_replace,
    elsewhere=lambda tokens: torch.full_like(tokens, IGNORED),
    target=lambda tokens, inputs: tokens,
):
    """Inputs and targets of masked-token training, from the random numbers that decide."""
    chosen = choose(drawn) & allowed(tokens)
    inputs = torch.where(chosen, replace(tokens, kind, other), tokens)
    return inputs, torch.where(chosen, target(tokens, inputs), elsewhere(tokens))


DISTANCES = range(-4, 5)


def _weights_of(design):
    """From a bias for each distance to the weight of a key at a distance, in the middle of a text of equal scores."""

    def weight(distance):
        try:
            bias = torch.tensor([float(number) for number in design()])
        except (TypeError, ValueError):
            raise Mistake("a list of 9 numbers is expected, for the distances -4 to 4.") from None
        if len(bias) != len(DISTANCES):
            raise Mistake(f"9 numbers are expected, for the distances -4 to 4, but yours are {len(bias)}.")
        if not bias.isfinite().all():
            raise Mistake("the numbers must be finite: a large negative one is enough.")
        share = bias.softmax(dim=0)[DISTANCES.index(distance)].item()
        return "at least 45%" if share >= 0.45 else "less than 3%" if share < 0.03 else "between"

    return weight


@exercise(
    kind="design",
    through=_weights_of,
    praise="the head reads both neighbours, and hardly anything else.",
    cases=lambda seed: [(distance,) for distance in DISTANCES],
    wrong={
        "the head reads the token itself, which the mask hides: the bias of distance 0 must be low.": {"near": (-1, 0, 1)},
        "the head reads the left neighbour alone.": {"near": (-1,)},
        "the head reads the right neighbour alone.": {"near": (1,)},
        "the head reads the tokens two steps away.": {"near": (-2, 2)},
        "the token itself gets nearly all the weight.": {"near": (0,)},
        "the weights are too even: each neighbour must get at least 45%. A softmax sees differences alone.": [{"gap": 1.0}, {"gap": 0.0}],
    },
)
def both_neighbours(*, near=(-1, 1), gap=10.0):
    """A bias for each distance from -4 to 4, with which a head reads both neighbours of a token and little else."""
    return [0.0 if distance in near else -gap for distance in DISTANCES]


def _mean_of_all(states, tokens):
    """The exercise as it is found: padding has its share in the mean."""
    return states.mean(dim=1)


def _states(seed, *lengths, width=5):
    g, longest = Generator().manual_seed(seed), max(lengths)
    tokens = torch.randint(3, 30, (len(lengths), longest), generator=g)
    for row, length in enumerate(lengths):
        tokens[row, length:] = 0
    return torch.randn(len(lengths), longest, width, generator=g), tokens


@exercise(
    kind="debug",
    found=_mean_of_all,
    praise="a text's vector no longer depends on the longest text of its batch.",
    cases=lambda seed: [
        (torch.tensor([[[1.0], [2.0], [9.0]]]), torch.tensor([[4, 7, 0]])),
        _states(seed, 6, 3, 1),
        _states(seed + 1, 4, 7),
        case(*_states(seed + 2, 5, 5), edge="a batch without padding"),
    ],
    wrong={
        "padding is set to zero, but still counted: divide by the number of real tokens.": {"count": lambda real: real.shape[1]},
        "the number of real tokens is that of the whole batch: each text has its own.": {"count": lambda real: real.sum()},
        "the states of the padding are still in the sum, although they are no longer counted.": {"keep": lambda states, real: states},
        "this is the sum: divide it by the number of real tokens.": {"count": lambda real: 1},
        "this is the first token's state: the mean over the real tokens is wanted.": lambda states, tokens: states[:, 0],
        "the mean runs over the texts: it must run over the tokens of each.": lambda states, tokens: states.mean(dim=0),
        "the mask is inverted: this is the mean of the padding.": {"real": lambda tokens: tokens == 0},
        "the token ids are used as weights: a token counts once, whatever its id.": {"real": lambda tokens: tokens},
    },
)
def text_vectors(
    states,
    tokens,
    *,
    real=lambda tokens: tokens != 0,
    keep=lambda states, real: states * real,
    count=lambda real: real.sum(dim=1),
):
    """The mean state of each text's real tokens: (B, T, C) and (B, T) become (B, C)."""
    mask = real(tokens)[..., None].to(states.dtype)
    return keep(states, mask).sum(dim=1) / count(mask)


STEPS = 100


def _stored_beginnings():
    rows = files.load_results("masked_language_model")["rows"]
    short = [row for row in rows if row["steps"] == table.SHORT]
    return [(_named(row), row["curve"][str(STEPS)]) for row in short]


def _named(row):
    settings = {"begins": row["begins"], "loss": row["loss"], "chosen": tuple(row["chosen"])}
    changes = [f"{name} {value}" for name, value in settings.items() if value != table.CHOICE[name]]
    return ", ".join(changes) or "the table's choice"


@experiment(
    goal=5.65,
    unit="nats per gap on 500 gaps of the validation plays",
    stored=_stored_beginnings,
    advice={
        "attention that begins at the neighbours.": lambda choice: choice["begins"] != "neighbours",
        "a smaller learning rate: this one is too large for so short a warmup.": lambda choice: choice["learning_rate"] > 0.005,
        "a larger learning rate: a hundred steps are few.": lambda choice: choice["learning_rate"] < 0.002,
        "a larger share of gaps: each gives a lesson.": lambda choice: choice["share"] < 0.3,
        "a share that leaves the model something to read.": lambda choice: choice["share"] > 0.6,
        "a learning rate near 0.003.": lambda choice: True,
    },
    wrong={
        "attention that begins at the neighbours.": lambda: _choice(begins="zero"),
        "a larger learning rate": lambda: _choice(learning_rate=0.0001),
        "begins is one of": lambda: _choice(begins="near"),
        "share is a number from 0.05 to 0.9, but yours is 1.": lambda: _choice(share=1),
        "learning_rate is a number above 0 and at most 0.05, but yours is 1.": lambda: _choice(learning_rate=1),
        "a dictionary with begins, share, learning_rate is expected": lambda: {"share": 0.15},
    },
)
def fill_gaps(choice, seed):
    """How attention begins, the share of gaps and the learning rate of a masked model that trains for 100 steps."""
    if not isinstance(choice, dict) or set(choice) != {"begins", "share", "learning_rate"}:
        raise Mistake("a dictionary with begins, share, learning_rate is expected, and nothing else.")
    begins, share, rate = choice["begins"], choice["share"], choice["learning_rate"]
    if begins not in table.BEGINS:
        raise Mistake(f"begins is one of {', '.join(table.BEGINS)}, but yours is {begins!r}.")
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0.05 <= share <= 0.9:
        raise Mistake(f"share is a number from 0.05 to 0.9, but yours is {share}.")
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate <= 0.05:
        raise Mistake(f"learning_rate is a number above 0 and at most 0.05, but yours is {rate}.")
    return table.after_few_steps(begins, float(share), float(rate), STEPS)


def _choice(begins="neighbours", share=0.3, learning_rate=0.003):
    return {"begins": begins, "share": share, "learning_rate": learning_rate}
