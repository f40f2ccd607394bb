"""Exercises of the notebook instruction_tuning."""

import random
from functools import cache

import torch
from course_lib import files
from experiments.tables import directions_choices
from torch import Generator
from torch.nn import functional as F

from classroom.answers import Mistake
from classroom.choices import demand_names
from classroom.exercise import case, exercise, experiment

__all__ = ["adapted", "answer_mask", "edit", "mean_answer_loss", "tune_adapters"]


def _random(seed, *shape):
    return torch.randn(shape, generator=Generator().manual_seed(seed))


def _talk(seed):
    dice = random.Random(seed)
    roles = ["system", "user", "assistant", *dice.choices(("user", "assistant"), k=dice.randint(2, 4))]
    return [(role, dice.choices(range(5, 99), k=dice.randint(1, 5))) for role in roles]


TALK = [("system", [11]), ("user", [12, 13]), ("assistant", [14, 15, 16]), ("user", [17]), ("assistant", [18])]


@exercise(
    praise="each answer and its end token count, in every turn; nothing that the user says or that the program writes does.",
    cases=lambda seed: [
        ([("user", [7, 8]), ("assistant", [9])],),
        (TALK,),
        (_talk(seed),),
        case(TALK[:4], edge="a conversation that ends with the user"),
        case([("system", [5, 6]), ("user", [7])], edge="a conversation without an answer"),
        case([("assistant", [5]), ("assistant", [6, 7])], edge="two answers, one after the other"),
    ],
    wrong={
        "the end token of an answer counts, too: without it the model never learns to stop.": {"end": 0},
        "the two header tokens are written by the program, not by the model: they do not count.": {"header": 1},
        "what the *user* says is counted here, and the answers are not.": {"roles": ("user",)},
        "everything is counted: only answers should be.": {"roles": ("system", "user", "assistant"), "header": 1},
        "what the user says is counted as well: the model need not learn to ask.": {"roles": ("user", "assistant")},
        "only the last message is looked at: an answer counts in every turn.": {"which": lambda number, count: number == count - 1},
        "only the first answers count here: look at every message.": {"which": lambda number, count: number < 2},
        "the marks are shifted by one: they belong to the tokens of the answer themselves.": lambda messages: [0, *answer_mask.right(messages)][:-1],
        "the end tokens of all messages count: only those of answers should.": {"others_end": 1},
        "the headers have two tokens each: yours leaves one out.": {"before": 1},
    },
)
def answer_mask(messages, *, roles=("assistant",), header=0, end=1, others_end=0, before=2, which=lambda number, count: True):
    """1 for each token on which the loss is taken, else 0: a message is two header tokens, its content, an end token."""
    mask = []
    for number, (role, content) in enumerate(messages):
        if role in roles and which(number, len(messages)):
            mask += [header] * before + [1] * len(content) + [end]
        else:
            mask += [0] * before + [0] * len(content) + [others_end]
    return mask


@exercise(
    praise="the layer's own output, and alpha / rank times the product through the narrow middle.",
    cases=lambda seed: [
        (torch.tensor([[1.0, 2.0]]), torch.eye(2), torch.tensor([[1.0, 1.0]]), torch.tensor([[1.0], [0.0]]), 2.0),
        (_random(seed, 4, 3), _random(seed + 1, 5, 3), _random(seed + 2, 2, 3), _random(seed + 3, 5, 2), 16.0),
        (_random(seed, 2, 3, 7), _random(seed + 1, 5, 7), _random(seed + 2, 3, 7), _random(seed + 3, 5, 3), 1.0),
        case(_random(seed, 3, 3), _random(seed + 1, 3, 3), _random(seed + 2, 2, 3), torch.zeros(3, 2), 8.0, edge="B at zero"),
    ],
    wrong={
        "alpha / rank is missing: it multiplies the product of A and B.": {"scale": lambda alpha, rank: 1.0},
        "alpha is divided by the rank before it multiplies.": {"scale": lambda alpha, rank: alpha},
        "you multiply by rank / alpha: it is alpha / rank.": {"scale": lambda alpha, rank: rank / alpha},
        "the layer's own product W x is missing.": {"own": 0.0},
        "alpha / rank multiplies W x as well: it belongs to the adapter alone.": lambda x, weight, a, b, alpha: alpha / len(a) * (x @ weight.T + x @ a.T @ b.T),
        "you divide by the square root of the rank: LoRA divides by the rank.": {"scale": lambda alpha, rank: alpha / rank**0.5},
        "the adapter is subtracted: it is added to W x.": {"sign": -1.0},
    },
)
def adapted(x, weight, a, b, alpha, *, scale=lambda alpha, rank: alpha / rank, own=1.0, sign=1.0):
    """W x + (alpha / rank) B A x for each row of x."""
    return own * (x @ weight.T) + sign * scale(alpha, len(a)) * (x @ a.T @ b.T)


def _rows(seed, lengths, prompts, vocabulary=6):
    longest = max(lengths)
    places = torch.arange(longest)
    answers = (places >= torch.tensor(prompts)[:, None]) & (places < torch.tensor(lengths)[:, None])
    tokens = torch.randint(1, vocabulary, answers.shape, generator=Generator().manual_seed(seed))
    tokens[places >= torch.tensor(lengths)[:, None]] = 0
    return 2 * _random(seed + 1, *answers.shape, vocabulary), tokens, answers


def _as_found(logits, tokens, answers):
    losses = F.cross_entropy(logits[:, :-1].mT, tokens[:, 1:], reduction="none")
    return losses[answers[:, :-1]].mean()


def _losses(logits, tokens):
    return F.cross_entropy(logits[:, :-1].mT, tokens[:, 1:], reduction="none")


@exercise(
    kind="debug",
    found=_as_found,
    praise="what counts is whether the token that is *predicted* belongs to an answer: the first of an answer does, padding does not.",
    cases=lambda seed: [
        _rows(seed, [5, 4], [2, 3]),
        _rows(seed + 2, [7, 3, 6], [3, 1, 5]),
        case(*_rows(seed + 4, [4, 9], [3, 2]), edge="much padding"),
        case(*_rows(seed + 6, [6, 6], [5, 5]), edge="answers of one token"),
    ],
    wrong={
        "every token counts here, padding and prompts as well: choose by `answers`.": {"chosen": lambda answers: torch.ones_like(answers)[:, 1:]},
        "only the tokens *before* the answers' own are counted: which mask belongs to the predicted tokens?": {
            "chosen": lambda answers: answers[:, 1:] & ~answers[:, :-1]
        },
        "the first token of each answer is missing.": {"chosen": lambda answers: answers[:, 1:] & answers[:, :-1]},
        "both masks together count one token too many per row: that after the answer.": {"chosen": lambda answers: answers[:, 1:] | answers[:, :-1]},
        "the mask is turned round: these are the prompts and the padding.": {"chosen": lambda answers: ~answers[:, 1:]},
        "the losses are added up: take their mean.": {"average": lambda losses, chosen: losses[chosen].sum()},
        "each row is averaged by itself first: a token of a long answer then counts less.": {
            "average": lambda losses, chosen: ((losses * chosen).sum(dim=1) / chosen.sum(dim=1)).mean()
        },
        "prompts and padding are masked in the sum, but counted in the number that you divide by.": {
            "average": lambda losses, chosen: (losses * chosen).mean()
        },
        "the logits now stand beside the token that they read: they predict the *next* one.": {
            "losses": lambda logits, tokens: F.cross_entropy(logits[:, 1:].mT, tokens[:, 1:], reduction="none")
        },
    },
)
def mean_answer_loss(
    logits,
    tokens,
    answers,
    *,
    losses=_losses,
    chosen=lambda answers: answers[:, 1:],
    average=lambda losses, chosen: losses[chosen].mean(),
):
    """The mean of -ln p over the tokens of answers: logits are (N, T, V), tokens and answers (N, T)."""
    return average(losses(logits, tokens), chosen(answers))


def _edited(design):
    """From A and B to what the layer I + B A gives for an input."""

    def output(*x):
        try:
            a, b = (torch.as_tensor(matrix).detach().float() for matrix in design())
        except (TypeError, ValueError):
            raise Mistake("two matrices are expected: A and B.") from None
        if a.shape != (1, 3) or b.shape != (3, 1):
            raise Mistake(f"A is 1 × 3 and B is 3 × 1, but yours have the shapes {tuple(a.shape)} and {tuple(b.shape)}.")
        x = torch.tensor(x)
        return x + b @ (a @ x)

    return output


@exercise(
    kind="design",
    through=_edited,
    praise="A looks for the first component and nothing else; B says what is added where A has found it.",
    cases=lambda seed: [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), case(2.0, 5.0, -1.0, edge="a mixture of all three")],
    wrong={
        "nothing changes yet: (1, 0, 0) should become (0, 2, 0).": {"b": (0.0, 0.0, 0.0)},
        "the new output is added, but the old one stays: B has to take away the 1 as well.": {"b": (0.0, 2.0, 0.0)},
        "the old output is taken away, and nothing is put in its place.": {"b": (-1.0, 0.0, 0.0)},
        "(0, 1, 0) changes, too: A must be 0 where an input is to be left alone.": {"a": (1.0, 1.0, 0.0)},
        "(0, 0, 1) changes, too: A must be 0 where an input is to be left alone.": {"a": (1.0, 0.0, 1.0)},
        "every input changes: A must be 0 where an input is to be left alone.": {"a": (1.0, 1.0, 1.0)},
        "the change is twice as large as it should be.": {"a": (2.0, 0.0, 0.0)},
        "the second component becomes 1: it should become 2.": {"b": (-1.0, 1.0, 0.0)},
    },
)
def edit(*, a=(1.0, 0.0, 0.0), b=(-1.0, 2.0, 0.0)):
    """A (1, 3) and B (3, 1): the layer I + B A turns (1, 0, 0) into (0, 2, 0), and leaves (0, 1, 0) and (0, 0, 1)."""
    return torch.tensor([a]), torch.tensor([b]).T


def _stored():
    named = []
    for row in files.load_results("directions_choices")["rows"]:
        if row["forgotten"][0] <= directions_choices.MOST_FORGOTTEN and row["steps"]:
            changes = [f"{name} {row[name]:g}" for name, value in directions_choices.CHOICE.items() if row[name] != value]
            named.append((", ".join(changes) or "the usual choice", row["obeyed"][0]))
    return named


@cache
def _measured(rank, learning_rate, steps):
    return directions_choices.row(rank, learning_rate, steps)


def _choice(**changes):
    return directions_choices.CHOICE | changes


@experiment(
    goal=0.26,
    seconds=300,
    unit="of the directions obeyed",
    lower_is_better=False,
    stored=_stored,
    advice={
        "a higher learning rate: the adapters have hardly moved.": lambda choice: choice["learning_rate"] < 3e-3,
        "more steps.": lambda choice: choice["steps"] < 40,
        "more steps at a slightly lower rate: that often forgets less.": lambda choice: True,
    },
    wrong={
        "a higher learning rate: the adapters have hardly moved.": lambda: _choice(learning_rate=1e-5, steps=2),
        "more steps.": lambda: _choice(steps=2),
        "bits per character are forgotten, more than the 0.2 that are allowed": lambda: _choice(learning_rate=0.1, steps=10),
        "rank is a whole number from 1 to 16, but yours is 0.": lambda: _choice(rank=0),
        "learning_rate is a number from 1e-06 to 0.1, but yours is 1.": lambda: _choice(learning_rate=1),
        "steps is a whole number from 1 to 60, but yours is 100.": lambda: _choice(steps=100),
        "a dictionary with rank, learning_rate, steps is expected": lambda: {"rank": 8},
    },
)
def tune_adapters(choice, seed):
    """Rank, learning rate and steps of LoRA, for the most obedience at a rise of 0.2 bits on plays at most."""
    demand_names(choice, directions_choices.CHOICE)
    rank, learning_rate, steps = (choice[name] for name in directions_choices.CHOICE)
    for name, value, most in (("rank", rank, 16), ("steps", steps, 60)):
        if value not in range(1, most + 1):
            raise Mistake(f"{name} is a whole number from 1 to {most}, but yours is {value}.")
    if not isinstance(learning_rate, int | float) or not 1e-6 <= learning_rate <= 0.1:
        raise Mistake(f"learning_rate is a number from 1e-06 to 0.1, but yours is {learning_rate}.")
    row = _measured(int(rank), float(learning_rate), int(steps))
    if row["forgotten"][0] > directions_choices.MOST_FORGOTTEN:
        said = f"{row['forgotten'][0]:.2f} bits per character are forgotten, more than the 0.2 that are allowed"
        raise Mistake(f"{said} (obeyed: {row['obeyed'][0]:.2f}): take fewer steps or a lower rate.")
    return row["obeyed"][0]
