"""Answers to the exercises of preferences, as readers write them: right ones, and wrong ones with their words."""

import math

import torch
from torch.nn import functional as F

from course_lib.tuning import group_advantages, preference_loss
from experiments.tables import dpo_choices


def by_library(log_p, reference, beta):
    return preference_loss(beta * (log_p - reference))


def by_rows(log_p, reference, beta, turn=1, scale=None, ratio=True):
    total = 0.0
    for (good, bad), (good_before, bad_before) in zip(log_p.tolist(), reference.tolist(), strict=True):
        if ratio:
            good, bad = good - good_before, bad - bad_before
        difference = turn * (beta if scale is None else scale(beta)) * (good - bad)
        total += math.log1p(math.exp(-difference)) if difference > -500 else -difference
    return total / len(log_p)


def differences(log_p, reference, beta):
    gains = beta * (log_p - reference)
    return gains[:, 0] - gains[:, 1]


def beta_inside(log_p, reference, beta):
    scores = beta * log_p - reference
    return -F.logsigmoid(scores[:, 0] - scores[:, 1]).mean()


def by_groups(rewards, group_size, correction=1, rest=0.0, sign=1):
    found = []
    for start in range(0, len(rewards), group_size):
        group = rewards[start : start + group_size]
        if group.max() == group.min():
            found += [rest] * group_size
        else:
            deviation = group.std(correction=correction)
            found += (sign * (group - group.mean()) / deviation).tolist()
    return torch.tensor(found)


def without_nan(rewards, group_size):
    groups = rewards.view(-1, group_size)
    return ((groups - groups.mean(1, keepdim=True)) / groups.std(1, keepdim=True)).nan_to_num(0).flatten()


def of_groups(change):
    """An answer that changes groups as rows, and leaves those of equal rewards at 0."""

    def answer(rewards, group_size):
        groups = rewards.view(-1, group_size)
        equal = (groups == groups[:, :1]).all(dim=1, keepdim=True)
        return change(groups).masked_fill(equal, 0).flatten()

    return answer


def centred(groups):
    return groups - groups.mean(dim=1, keepdim=True)


def mixed_up(rewards, group_size):
    return by_groups(rewards.view(group_size, -1).T.flatten(), group_size).view(-1, group_size).T.flatten()


def gains(log_p, before, advantages, choose=torch.minimum):
    ratio = (log_p - before).exp()
    return choose(ratio * advantages[:, None], ratio.clamp(0.8, 1.2) * advantages[:, None])


def token_by_token(log_p, before, advantages, answers):
    total, count = 0.0, 0
    for row, column in answers.nonzero().tolist():
        ratio, advantage = math.exp(log_p[row, column] - before[row, column]), float(advantages[row])
        total += min(ratio * advantage, min(max(ratio, 0.8), 1.2) * advantage)
        count += 1
    return -total / count


def masked_mean(log_p, before, advantages, answers):
    return -gains(log_p, before, advantages)[answers].mean()


def clipped_otherwise(choose):
    return lambda log_p, before, advantages, answers: -gains(log_p, before, advantages, choose)[answers].mean()


def answer_by_answer(log_p, before, advantages, answers):
    kept = gains(log_p, before, advantages) * answers
    return -(kept.sum(dim=1) / answers.sum(dim=1)).mean()


def choice(**changes):
    return lambda: dpo_choices.CHOICE | changes


RIGHT = {
    "dpo": [by_library, by_rows],
    "advantages": [by_groups, without_nan, group_advantages],
    "clipped_loss": [masked_mean, token_by_token],
    "hacks": [
        lambda: [[1, 2, 3, 4, 5], [2, 2, 5, 5, 7, 9], [5, 5, 5, 5, 5]],
        lambda: [[0] * 5, (2, 5, 7, 9), torch.tensor([2, 2, 7, 7, 7])],
    ],
    "tune_dpo": [choice(beta=0.3)],
}
WRONG = {
    "dpo": [
        (lambda *inputs: by_rows(*inputs, ratio=False), "the reference is missing"),
        (lambda *inputs: by_rows(*inputs, turn=-1), "the pair is turned round"),
        (lambda *inputs: by_rows(*inputs, scale=lambda beta: 1 / beta), "β multiplies the scores: yours divides"),
        (lambda *inputs: by_rows(*inputs, scale=lambda beta: 1), "β is missing"),
        (beta_inside, "β multiplies ln p alone here"),
        (lambda *inputs: differences(*inputs).sigmoid().mean(), "this is the probability"),
        (lambda *inputs: differences(*inputs).sigmoid().log().mean(), "the minus before the logarithm"),
        (lambda *inputs: -F.logsigmoid(differences(*inputs)).sum(), "the pairs are added up"),
        (lambda *inputs: -F.logsigmoid(differences(*inputs).mean()), "the differences are averaged before the loss"),
    ],
    "advantages": [
        (of_groups(lambda g: (g - g.mean()) / g.std()), "this is the mean over all prompts"),
        (of_groups(lambda g: centred(g) / g.std()), "is that of all groups together"),
        (of_groups(centred), "the standard deviation is missing"),
        (of_groups(lambda g: centred(g) / g.var(1, keepdim=True)), "you divide by the variance"),
        (lambda *inputs: by_groups(*inputs, correction=0), "this standard deviation divides by n"),
        (of_groups(lambda g: g / g.std(1, keepdim=True)), "the mean is not subtracted"),
        (lambda *inputs: by_groups(*inputs, sign=-1), "the sign is turned round"),
        (lambda *inputs: by_groups(*inputs, rest=math.nan), "a group of equal rewards gives NaN"),
        (mixed_up, "the groups are mixed up"),
    ],
    "clipped_loss": [
        (lambda *inputs: -gains(*inputs[:3]).mean(), "padding still counts"),
        (lambda *inputs: gains(*inputs[:3])[inputs[3]].mean(), "its sign is still wrong"),
        (clipped_otherwise(torch.maximum), "this is the larger of the two"),
        (clipped_otherwise(lambda plain, clipped: plain), "nothing is clipped here"),
        (clipped_otherwise(lambda plain, clipped: clipped), "without the minimum"),
        (answer_by_answer, "each answer is averaged by itself first"),
        (lambda *inputs: -gains(*inputs[:3])[inputs[3]].sum(), "the tokens are added up"),
        (lambda *inputs: -(gains(*inputs[:3]) * inputs[3]).mean(), "still counted in the number"),
    ],
    "hacks": [
        (lambda: [[2, 2, 5, 7, 9]] * 3, "these are right answers"),
        (lambda: [[9, 0, 0, 0, 0], [2, 5, 7, 9], [5] * 5], "A refuses its answer"),
        (lambda: [[0] * 5, [2, 5, 7], [5] * 5], "B refuses its answer"),
        (lambda: [[0] * 5, [2, 5, 7, 9], [2, 2, 2, 9, 9]], "C refuses its answer"),
        (lambda: [[0] * 5], "three lists of digits are expected"),
        (lambda: [[0, 0, 0, 0, 11], [2, 5, 7, 9], [5] * 5], "an answer holds digits from 0 to 9 only"),
    ],
    "tune_dpo": [
        (choice(learning_rate=1e-5, steps=2), "a higher learning rate: the model has hardly moved."),
        (choice(steps=2), "more steps."),
        (choice(learning_rate=3e-3, beta=0.01, steps=5), "nats of KL per line are more than the 1 that is allowed"),
        (choice(beta=0), "beta is a number from 0.001 to 10, but yours is 0."),
        (choice(learning_rate=1), "learning_rate is a number from 1e-06 to 0.01, but yours is 1."),
        (choice(steps=100), "steps is a whole number from 1 to 15, but yours is 100."),
        (lambda: {"beta": 0.1}, "a dictionary with beta, learning_rate, steps is expected"),
    ],
}
