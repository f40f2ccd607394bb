"""Exercises of the notebook preferences."""

from functools import cache

import torch
from course_lib import files
from experiments.tables import dpo_choices
from torch import Generator
from torch.nn import functional as F

from classroom.answers import Mistake
from classroom.exercise import case, exercise, experiment

__all__ = ["advantages", "clipped_loss", "dpo", "hacks", "tune_dpo"]


def _random(seed, *shape):
    return torch.randn(shape, generator=Generator().manual_seed(seed))


def _log_p(seed, pairs):
    return -20 + 3 * _random(seed, pairs, 2), -20 + 3 * _random(seed + 1, pairs, 2)


BY_HAND = torch.tensor([[-12.0, -10.0]]), torch.tensor([[-14.0, -9.0]]), 0.5


@exercise(
    praise="the preferred answer rose by 2 nats and the other fell by 1: 0.5 · 3 = 1.5, and -ln σ(1.5) = 0.201.",
    cases=lambda seed: [
        BY_HAND,
        (*_log_p(seed, 5), 0.1),
        (*_log_p(seed + 2, 3), 1.0),
        (*_log_p(seed + 4, 2), 0.03),
        case(*_log_p(seed + 6, 1), 0.3, edge="a single pair"),
    ],
    wrong={
        "the reference is missing: the score is β times what an answer *gained* over the reference.": {"score": lambda log_p, reference, beta: beta * log_p},
        "the pair is turned round: the loss must fall when the preferred answer, the first column, gains.": {"sign": -1},
        "β multiplies the scores: yours divides by it.": {"score": lambda log_p, reference, beta: (log_p - reference) / beta},
        "β is missing: it multiplies the difference.": {"score": lambda log_p, reference, beta: log_p - reference},
        "β multiplies ln p alone here: it multiplies the difference from the reference.": {"score": lambda log_p, reference, beta: beta * log_p - reference},
        "this is the probability σ(...) itself: the loss is its negative logarithm.": {"loss": torch.sigmoid},
        "the minus before the logarithm is missing: ln σ is below 0, and a loss is to be made small.": {"loss": F.logsigmoid},
        "the pairs are added up: take their mean.": {"average": torch.sum},
        "the differences are averaged before the loss: take -ln σ of each pair, then the mean.": lambda log_p, reference, beta: (
            -F.logsigmoid((beta * (log_p - reference) @ torch.tensor([1.0, -1.0])).mean())
        ),
    },
)
def dpo(
    log_p,
    reference,
    beta,
    *,
    score=lambda log_p, reference, beta: beta * (log_p - reference),
    sign=1,
    loss=lambda difference: -F.logsigmoid(difference),
    average=torch.mean,
):
    """The mean DPO loss of pairs: both tensors are (N, 2), the preferred answer first."""
    scores = score(log_p, reference, beta)
    return average(loss(sign * (scores[:, 0] - scores[:, 1])))


def _rewards(seed, groups, size):
    return torch.randint(4, (groups * size,), generator=Generator().manual_seed(seed)).float()


def _centred(groups):
    return groups - groups.mean(dim=1, keepdim=True)


def _deviation(groups):
    return groups.std(dim=1, keepdim=True)


@exercise(
    praise="1, 0, 0 become 1.155, -0.577, -0.577, and a group of equal rewards teaches nothing.",
    cases=lambda seed: [
        (torch.tensor([1.0, 0, 0, 0, 1, 1]), 3),
        (_random(seed, 12), 4),
        (_random(seed + 1, 10), 5),
        (_rewards(seed, 4, 5), 5),
        case(torch.tensor([1.0, 0, 5, 5, 0, 0]), 2, edge="groups of equal rewards"),
        case(torch.zeros(4), 4, edge="a single group, of equal rewards"),
    ],
    wrong={
        "this is the mean over all prompts: each group has a mean of its own, so that hard prompts count, too.": {
            "centre": lambda groups: groups - groups.mean(),
            "deviation": lambda groups: groups.std(),
        },
        "the mean is the group's, but the standard deviation is that of all groups together.": {"deviation": lambda groups: groups.std()},
        "the standard deviation is missing: divide by the group's.": {"deviation": lambda groups: torch.ones(1)},
        "you divide by the variance: take its root, the standard deviation.": {"deviation": lambda groups: groups.var(dim=1, keepdim=True)},
        "this standard deviation divides by n: take PyTorch's, which divides by n - 1.": {
            "deviation": lambda groups: groups.std(dim=1, keepdim=True, correction=0)
        },
        "the mean is not subtracted: an advantage says how much better than its group an answer is.": {"centre": lambda groups: groups},
        "the sign is turned round: a better answer has an advantage above 0.": {"centre": lambda groups: -_centred(groups)},
        "a group of equal rewards gives NaN, 0 divided by 0: its advantages are 0.": {"rest": float("nan")},
        "the groups are mixed up: the answers to one prompt stand one after the other.": lambda rewards, group_size: (
            advantages.right(rewards.view(group_size, -1).T.flatten(), group_size).view(-1, group_size).T.flatten()
        ),
    },
)
def advantages(rewards, group_size, *, centre=_centred, deviation=_deviation, rest=0.0):
    """(R - mean) / standard deviation of each answer's own group; rewards is (N,), group after group."""
    groups = rewards.view(-1, group_size)
    equal = (groups == groups[:, :1]).all(dim=1, keepdim=True)
    found = (centre(groups) / deviation(groups)).masked_fill(equal, rest)
    return found.flatten()


def _batch(seed, lengths, spread=0.3):
    longest = max(lengths)
    answers = torch.arange(longest) < torch.tensor(lengths)[:, None]
    before = (-1 - _random(seed, len(lengths), longest).abs()).masked_fill(~answers, 0)
    now = (before + spread * _random(seed + 1, len(lengths), longest)).masked_fill(~answers, 0)
    return now, before, _random(seed + 2, len(lengths)), answers


def _as_found(log_p, before, advantages, answers):
    ratio = (log_p - before).exp()
    advantage = advantages[:, None]
    gain = torch.minimum(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage)
    return gain.mean()


def _mean_of_tokens(gain, answers):
    return gain[answers].sum() / answers.sum()


@exercise(
    kind="debug",
    found=_as_found,
    praise="minimising it makes good answers more probable, and padding counts for nothing.",
    cases=lambda seed: [
        _batch(seed, [3, 5, 2]),
        _batch(seed + 3, [1, 4, 4, 2]),
        _batch(seed + 6, [2, 7], spread=0.6),
        case(*_batch(seed + 9, [3, 1], spread=0.0), edge="nothing learned yet: every ratio is 1"),
    ],
    wrong={
        "padding still counts: take the mean over the tokens of the answers alone.": {"average": lambda gain, answers: gain.mean()},
        "its sign is still wrong: an optimiser makes a loss small, and the gain must become large.": {"sign": 1},
        "this is the larger of the two: the clipped ratio must never make a gain look larger than it is.": {"choose": torch.maximum},
        "nothing is clipped here: the ratio may pay only from 0.8 to 1.2.": {"choose": lambda plain, clipped: plain},
        "without the minimum, a ratio beyond the limits has no gradient even where it does harm.": {"choose": lambda plain, clipped: clipped},
        "each answer is averaged by itself first: a token of a long answer then counts less. Divide once, by the number of tokens.": {
            "average": lambda gain, answers: ((gain * answers).sum(dim=1) / answers.sum(dim=1)).mean()
        },
        "the tokens are added up: divide by how many there are.": {"average": lambda gain, answers: gain[answers].sum()},
        "padding is masked in the sum, but still counted in the number that you divide by.": {"average": lambda gain, answers: (gain * answers).mean()},
    },
)
def clipped_loss(log_p, before, advantages, answers, *, sign=-1, choose=torch.minimum, average=_mean_of_tokens):
    """The clipped loss over the tokens of answers; log_p, before and answers are (N, T), advantages is (N,)."""
    ratio = (log_p - before).exp()
    advantage = advantages[:, None]
    return sign * average(choose(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage), answers)


PROBLEM = [7, 2, 9, 2, 5]
CHECKERS = {
    "A": lambda answer: len(answer) == len(PROBLEM) and answer == sorted(answer),
    "B": lambda answer: set(answer) == set(PROBLEM) and answer == sorted(answer),
    "C": lambda answer: len(answer) == len(PROBLEM) and sum(answer) == sum(PROBLEM) and set(answer) <= set(PROBLEM) and answer == sorted(answer),
}


def _fooled(design):
    """From three answers to what each of the checkers says of its own."""

    def said(name):
        try:
            answer = [int(digit) for digit in design()["ABC".index(name)]]
        except (TypeError, ValueError, IndexError):
            raise Mistake("three lists of digits are expected, for A, B and C.") from None
        if not all(0 <= digit <= 9 for digit in answer):
            raise Mistake("an answer holds digits from 0 to 9 only.")
        if answer == sorted(PROBLEM):
            return "right"
        return "fooled" if CHECKERS[name](answer) else "refused"

    return said


@exercise(
    kind="design",
    through=_fooled,
    praise="each checker asks for something that right answers have, and that wrong ones can have, too.",
    cases=lambda seed: [("A",), ("B",), ("C",)],
    wrong={
        "these are right answers: look for wrong ones that are paid all the same.": {"answers": ([2, 2, 5, 7, 9],) * 3},
        "A refuses its answer: five digits are enough for it if none is smaller than the one before.": {"a": [9, 0, 0, 0, 0]},
        "B refuses its answer: it wants 2, 5, 7 and 9, in order. Does it count how often?": {"b": [2, 5, 7]},
        "C refuses its answer: it wants five of the digits 2, 5, 7 and 9, in order, with the sum 25.": {"c": [2, 2, 2, 9, 9]},
    },
)
def hacks(*, a=(0, 0, 0, 0, 0), b=(2, 5, 7, 9), c=(5, 5, 5, 5, 5), answers=None):
    """Three wrong answers to the problem 7 2 9 2 5, for which the checkers A, B and C pay in full."""
    return [list(answer) for answer in answers or (a, b, c)]


def _stored():
    named = []
    for row in files.load_results("dpo_choices")["rows"]:
        if row["KL"][0] <= dpo_choices.MOST_KL and row["steps"]:
            changes = [f"{name} {row[name]:g}" for name, value in dpo_choices.CHOICE.items() if row[name] != value]
            named.append((", ".join(changes) or "the usual choice", row["win rate"][0]))
    return named


@cache
def _measured(beta, learning_rate, steps):
    return dpo_choices.row(beta, learning_rate, steps)


def _choice(**changes):
    return dpo_choices.CHOICE | changes


@experiment(
    goal=0.64,
    seconds=300,
    unit="win rate on prompts of the validation plays",
    lower_is_better=False,
    stored=_stored,
    advice={
        "a higher learning rate: the model has hardly moved.": lambda choice: choice["learning_rate"] < 3e-4,
        "more steps.": lambda choice: choice["steps"] < 12,
        "a smaller β: the reference holds the model back.": lambda choice: choice["beta"] > 0.3,
        "a slightly higher rate, with a β that keeps the KL in bounds.": lambda choice: True,
    },
    wrong={
        "a higher learning rate: the model has hardly moved.": lambda: _choice(learning_rate=1e-5, steps=2),
        "more steps.": lambda: _choice(steps=2),
        "nats of KL per line are more than the 1 that is allowed": lambda: _choice(learning_rate=3e-3, beta=0.01, steps=5),
        "beta is a number from 0.001 to 10, but yours is 0.": lambda: _choice(beta=0),
        "learning_rate is a number from 1e-06 to 0.01, but yours is 1.": lambda: _choice(learning_rate=1),
        "steps is a whole number from 1 to 15, but yours is 100.": lambda: _choice(steps=100),
        "a dictionary with beta, learning_rate, steps is expected": lambda: {"beta": 0.1},
    },
)
def tune_dpo(choice, seed):
    """β, learning rate and steps of DPO, for the highest win rate at a KL of at most 1 nat per line."""
    if not isinstance(choice, dict) or set(choice) != set(dpo_choices.CHOICE):
        raise Mistake("a dictionary with beta, learning_rate, steps is expected, and nothing else.")
    beta, learning_rate, steps = (choice[name] for name in dpo_choices.CHOICE)
    for name, value, least, most in (("beta", beta, 0.001, 10), ("learning_rate", learning_rate, 1e-6, 0.01)):
        if not isinstance(value, int | float) or not least <= value <= most:
            raise Mistake(f"{name} is a number from {least:g} to {most:g}, but yours is {value}.")
    if steps not in range(1, 16):
        raise Mistake(f"steps is a whole number from 1 to 15, but yours is {steps}.")
    row = _measured(float(beta), float(learning_rate), int(steps))
    if row["KL"][0] > dpo_choices.MOST_KL:
        said = f"{row['KL'][0]:.2f} nats of KL per line are more than the 1 that is allowed (win rate {row['win rate'][0]:.3f})"
        raise Mistake(f"{said}: take fewer steps, a lower rate or a larger β.")
    return row["win rate"][0]
