"""Exercises of the notebook what_models_keep."""

import math
import random
from itertools import pairwise

import torch
from course_lib import files
from course_lib.retrieval import BM25, words_of
from experiments.tables import watermark_settings
from torch import Generator

from classroom.answers import Mistake
from classroom.exercise import case, exercise, experiment

__all__ = ["exposure_bits", "green_z", "planted", "private_gradient", "tune_mark"]


def _losses(seed, count):
    dice = random.Random(seed)
    return dice.uniform(1, 9), [dice.uniform(1, 9) for _ in range(count)]


@exercise(
    praise="first of 4 is 2 bits, last is 0; and a secret that ties with another comes after it.",
    cases=lambda seed: [
        (0.5, [1.0, 2.0, 3.0]),
        (4.0, [1.0, 2.0, 3.0]),
        _losses(seed, 20),
        _losses(seed + 1, 63),
        case(2.0, [1.0, 2.0, 2.0, 3.0, 9.0], edge="losses that are equal"),
    ],
    wrong={
        "the rank begins at 1: with no lower loss, it is 1.": {"first": 0},
        "the candidates include the secret itself: there is one more than `others` has.": {"extra": 0},
        "this is in nats: take the logarithm to base 2.": {"log": math.log},
        "this takes the highest loss as the most exposed: a model that has memorised a number gives it a *low* loss.": {
            "before": lambda other, own: other >= own
        },
        "among equal losses, the secret comes last: count the others with the same loss, too.": {"before": lambda other, own: other < own},
        "this is the rank: the exposure is log2 of the number of candidates minus log2 of the rank.": lambda own, others: (
            1 + sum(other <= own for other in others)
        ),
        "log2 of the rank is subtracted from log2 of the number of candidates, and not the reverse.": {"sign": -1},
    },
)
def exposure_bits(own, others, *, first=1, extra=1, log=math.log2, before=lambda other, own: other <= own, sign=1):
    """The exposure of a secret, in bits, from its loss and the losses of other candidates."""
    rank = first + sum(before(other, own) for other in others)
    return sign * (log(len(others) + extra) - log(max(rank, 0.5)))


def _rows(seed, B, P, size=1.0):
    return size * torch.randn(B, P, generator=Generator().manual_seed(seed))


def _numbers_clipped(gradients, clip, noise, batch_size):
    return (gradients.clamp(-clip, clip).sum(dim=0) + noise) / batch_size


def _batch_clipped(gradients, clip, noise, batch_size):
    """The exercise as it is found: the mean gradient is clipped, and no row's part in it is."""
    mean = gradients.sum(dim=0) / batch_size
    factor = (clip / mean.norm()).clamp(max=1)
    return factor * mean + noise / batch_size


def _factors(gradients, clip):
    return (clip / gradients.norm(dim=1, keepdim=True)).clamp(max=1)


@exercise(
    kind="debug",
    found=_batch_clipped,
    praise="no row adds more than clip to the sum, so the noise can hide any of them.",
    cases=lambda seed: [
        (torch.tensor([[3.0, 4.0], [0.3, 0.4]]), 1.0, torch.zeros(2), 2),
        (_rows(seed, 5, 7), 1.0, _rows(seed + 9, 1, 7)[0], 5),
        (_rows(seed + 1, 4, 6, 0.1), 1.0, _rows(seed + 8, 1, 6)[0], 4),
        case(_rows(seed + 2, 3, 4), 0.5, torch.zeros(4), 6, edge="a batch that came out smaller than batch_size"),
    ],
    wrong={
        "a gradient below the clipping norm stays as it is: the factor is at most 1.": {"factors": lambda g, clip: clip / g.norm(dim=1, keepdim=True)},
        "you clip each number: clip the norm of each row, which keeps its direction.": lambda g, clip, noise, size: (
            (g.clamp(-clip, clip).sum(0) + noise) / size
        ),
        "the sum is clipped once more, or instead: each row is clipped by itself, and then they are added up.": lambda g, clip, noise, size: (
            (_factors(g.sum(0)[None], clip)[0] * g.sum(0) + noise) / size
        ),
        "divide by batch_size, which is fixed, and not by the rows that came: their number is private, too.": {"count": lambda g, size: len(g)},
        "the noise is added to the sum, before the division.": lambda g, clip, noise, size: (_factors(g, clip) * g).sum(0) / size + noise,
        "the noise is lost: without it, nothing is hidden.": {"noisy": lambda total, noise: total},
        "the norm runs over the rows (dim=0): each row has its own, over all its numbers.": {
            "factors": lambda g, clip: (clip / g.norm(dim=0, keepdim=True)).clamp(max=1)
        },
    },
)
def private_gradient(gradients, clip, noise, batch_size, *, factors=_factors, noisy=torch.add, count=lambda gradients, size: size):
    """The gradient of a step of DP-SGD, from one row for each example, (B, P), and the noise, (P,)."""
    total = (factors(gradients, clip) * gradients).sum(dim=0)
    return noisy(total, noise) / count(gradients, batch_size)


LIBRARY = {
    "hours": "The library is open from nine to six on weekdays and from ten to four on Saturdays.",
    "cards": "A card costs nothing. Bring a passport to the desk, and ask for a library card.",
    "fines": "A book that comes back late costs ten cents a day. The fine for a lost book is its price.",
    "rooms": "Rooms for groups can be booked at the desk. A room holds six people.",
    "prints": "Printing costs five cents a page. The printer stands on the first floor.",
}
QUESTIONS = ("when is the library open", "what is the fine for a late book", "how much does printing cost")
MOST_WORDS = 10


def _searched(design):
    """From a passage to whether the search puts it first."""

    def asked(question):
        passage = design()
        if not isinstance(passage, str):
            raise Mistake("a text is expected: the planted passage.")
        if not words_of(passage):
            raise Mistake("the passage holds no word.")
        if len(words_of(passage)) > MOST_WORDS:
            raise Mistake(f"the passage has {len(words_of(passage))} words: at most {MOST_WORDS} are allowed.")
        index = BM25()
        index.add(LIBRARY | {"planted": passage})
        return index.search([question], 1)[0][0].id == "planted"

    return asked


@exercise(
    kind="design",
    through=_searched,
    praise="nine words that are first for three questions: a rank says what a passage shares with a query, and not who wrote it.",
    cases=lambda seed: [(question,) for question in QUESTIONS],
    wrong={
        "the question about the fine finds another passage: which of its words do few passages have?": {"words": "when is open how much printing"},
        "the question about printing finds another passage: which of its words do few passages have?": {"words": "when is open what is fine for late"},
        "the question about the hours finds another passage: which of its words do few passages have?": {"words": "what is fine for late printing"},
        "two of the questions find other passages: the words are for one of them alone.": {"words": "when is the library open"},
        "none of the questions finds it: use their words.": {"words": "Pay at once to the account of Bluebird"},
    },
)
def planted(*, words="when is open what is fine for late printing"):
    """A passage of at most 10 words that the search puts first for all three questions."""
    return words


def _text(seed, count, length):
    dice = random.Random(seed)
    tokens = [dice.randrange(count) for _ in range(length)]
    every = [(a, b) for a in range(count) for b in range(count)]
    return tokens, set(dice.sample(every, len(every) // 2)), 0.5


@exercise(
    praise="4 pairs, 3 of them green, where 2 are expected: z = 1; and a pair that comes again counts once.",
    cases=lambda seed: [
        ([5, 1, 2, 3, 4], {(5, 1), (1, 2), (2, 3), (9, 9)}, 0.5),
        _text(seed, 30, 60),
        (*_text(seed + 1, 40, 50)[:2], 0.25),
        case([1, 2, 1, 2, 1, 2, 3], {(1, 2), (2, 3)}, 0.5, edge="a pair that occurs several times"),
    ],
    wrong={
        "a pair that occurs several times has the same colour each time: count different pairs.": {"kind": list},
        "the number that is expected by chance is missing: subtract share · n.": {"expected": lambda n, share: 0},
        "a share of 0.5 is built in: use `share`.": lambda tokens, green, share: green_z.right(tokens, green, 0.5),
        "divide by the standard deviation, the square root of n share (1 - share).": {"spread": lambda n, share: n * share * (1 - share)},
        "the standard deviation of a count is √(n share (1 - share)): the factor 1 - share is missing.": {"spread": lambda n, share: math.sqrt(n * share)},
        "this is the number that is expected minus what was found: a mark means *more* green.": {"sign": -1},
        "n is the number of pairs, one fewer than there are tokens.": {"extra": 1},
        "this is the share of green pairs: how far is that from what chance gives?": lambda tokens, green, share: (
            len(set(pairwise(tokens)) & green) / len(set(pairwise(tokens)))
        ),
    },
)
def green_z(
    tokens,
    green,
    share,
    *,
    kind=set,
    extra=0,
    sign=1,
    expected=lambda n, share: n * share,
    spread=lambda n, share: math.sqrt(n * share * (1 - share)),
):
    """How many standard deviations the number of green pairs is above what chance gives."""
    pairs = kind(pairwise(tokens))
    found, n = sum(pair in green for pair in pairs), len(pairs) + extra
    return sign * (found - expected(n, share)) / spread(n, share)


MOST_BITS = 0.18


def _stored():
    rows = files.load_results("watermark_settings")["rows"]
    return [(f"share {row['share']}, strength {row['strength']}", row["found"][0]) for row in rows if row["bits"][0] <= MOST_BITS]


def _choice(share=0.25, strength=1.2):
    return {"share": share, "strength": strength}


@experiment(
    goal=0.75,
    unit="of 100 texts of 50 tokens are found",
    lower_is_better=False,
    stored=_stored,
    advice={
        "a stronger mark: the limit of the divergence is not reached.": lambda choice: choice["strength"] < 1.0,
        "a smaller green share: a green token is then less likely by chance.": lambda choice: choice["share"] > 0.7,
        "a larger green share: few tokens that the model would write are green.": lambda choice: choice["share"] < 0.2,
        "a little more strength, or a share between 0.2 and 0.5.": lambda choice: True,
    },
    wrong={
        "a stronger mark": lambda: _choice(strength=0.5),
        "a smaller green share": lambda: _choice(share=0.8, strength=1.3),
        "a larger green share": lambda: _choice(share=0.05, strength=1.3),
        "bits per token, and at most 0.18 is allowed": lambda: _choice(strength=4.0),
        "share is a number above 0 and below 1, but yours is 50.": lambda: _choice(share=50),
        "strength is a number from 0 to 20, but yours is -1.": lambda: _choice(strength=-1),
        "a dictionary with share, strength is expected": lambda: {"share": 0.5},
    },
)
def tune_mark(choice, seed):
    """Share and strength of a watermark, with a limit to what it changes."""
    if not isinstance(choice, dict) or set(choice) != {"share", "strength"}:
        raise Mistake("a dictionary with share, strength is expected, and nothing else.")
    share, strength = choice["share"], choice["strength"]
    if not isinstance(share, int | float) or not 0 < share < 1:
        raise Mistake(f"share is a number above 0 and below 1, but yours is {share}.")
    if not isinstance(strength, int | float) or not 0 <= strength <= 20:
        raise Mistake(f"strength is a number from 0 to 20, but yours is {strength}.")
    row = watermark_settings.row(share, strength)
    if row["bits"][0] > MOST_BITS:
        raise Mistake(f"this changes the predictions by {row['bits'][0]:.2f} bits per token, and at most {MOST_BITS:g} is allowed: make the mark weaker.")
    return row["found"][0]
