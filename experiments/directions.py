"""The Shakespeare model taught to follow directions: "[A short question.]" asks for a line of that kind.

The lines are those of the plays, and a program writes the directions. Training lines come from the training plays;
settings are chosen on the validation plays, and results are measured on the test plays.
"""

import copy
import random
import re
from collections.abc import Sequence
from functools import cache, partial
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from course_lib import data, pretrained
from course_lib.generation import GenerationConfig, answers
from course_lib.gpt import ModernGPT
from course_lib.linear import Linear
from course_lib.lora import LoRAConfig, add_lora
from course_lib.runtime import evaluating, own_randomness
from course_lib.tokenizers import BPETokenizer
from course_lib.training import TrainingConfig, random_rows
from course_lib.tuning import answer_loss, answer_rows, summed_log_probabilities
from experiments.shared import train_whole

__all__ = [
    "END",
    "bits",
    "examples",
    "kind_of",
    "model",
    "obedience",
    "prepared",
    "prompt",
    "rows_of",
    "text_bits",
    "tune",
    "written",
]

END, CONTEXT, LONGEST = 198, 48, 30  # the id of a line's end; tokens of direction and line; written tokens at most
TEMPLATE = "\n\n[A {length} {form}.]\n"
FORMS = {"?": "question", "!": "cry", ".": "statement"}
KINDS = [(length, form) for length in ("short", "long") for form in FORMS.values()]
SHORT, LONG = range(12, 27), range(34, 57)  # characters
EACH = 900  # training lines of each kind

Rows = tuple[Tensor, Tensor]


class Line(NamedTuple):
    """A line of a play and what a program says of it."""

    length: str
    form: str
    text: str


@cache
def model() -> tuple[ModernGPT, BPETokenizer]:
    """The Shakespeare model and its tokenizer, once; copy the model before you change it."""
    return pretrained.load_shakespeare_gpt()


def kind_of(text: str) -> tuple[str, str] | None:
    """Length and form of a line, from its characters and its last one; None for a line that is neither.

    >>> kind_of("Is it even so?"), kind_of("Well, sit we down,")
    (('short', 'question'), None)
    """
    form = FORMS.get(text[-1:])
    length = "short" if len(text) in SHORT else "long" if len(text) in LONG else None
    return None if form is None or length is None else (length, form)


@cache
def examples(split: str) -> list[Line]:
    """A split's lines of the six kinds, each once, in a random order; of held-out lines, none whose words occur in an
    earlier split. Of the training lines there are equally many of each kind.
    """
    order = ("train", "validation", "test")
    earlier = {_words(line) for name in order[: order.index(split)] for line in _lines(name)}
    found = [Line(*kind_of(line), line) for line in _lines(split) if _words(line) not in earlier]
    random.Random(0).shuffle(found)
    if split == "train":
        kept = [[line for line in found if line[:2] == kind][:EACH] for kind in KINDS]
        found = [line for group in zip(*kept, strict=True) for line in group]
    return found


def _lines(split: str) -> list[str]:
    found = dict.fromkeys(line.strip() for line in data.shakespeare(split).splitlines())
    direction = re.compile(r"\[|\b(enter|exit|exeunt|act|scene)\b", re.IGNORECASE)
    return [line for line in found if kind_of(line) and line[0].isupper() and not direction.search(line)]


def _words(line: str) -> str:
    return " ".join(re.findall(r"[a-z]+", line.lower()))


def prompt(length: str, form: str, template: str = TEMPLATE) -> list[int]:
    """The tokens of a direction."""
    return model()[1].encode(template.format(length=length, form=form))


def rows_of(lines: Sequence[Line], packed: bool = False) -> Rows:
    """Directions with their lines, as `answer_rows` gives them; a line too long for a row is left out."""
    tokens = [(prompt(line.length, line.form), model()[1].encode(line.text)) for line in lines]
    short = [pair for pair in tokens if len(pair[0]) + len(pair[1]) < CONTEXT]
    return answer_rows(short, end_token=END, context_length=(2 * CONTEXT if packed else CONTEXT) - 1, packed=packed)


def head_only(writer: ModernGPT) -> int:
    """Give the model an output matrix of its own, a copy of its embedding, and train that alone."""
    width, tokens = writer.config.d_model, writer.config.vocab_size
    writer.requires_grad_(False)
    writer.output = Linear(width, tokens, bias=False)
    writer.output.weight.data = writer.embedding.weight.detach().clone()
    return width * tokens


def prepared(system: str, seed: int = 0) -> tuple[nn.Module, int]:
    """A copy of the model, of which a part will be trained; and how many weights that is.

    The seed is that of adapters' first weights.
    """
    writer = copy.deepcopy(model()[0])
    if system.startswith("LoRA"):
        rank, *rest = re.findall(r"rank (\d+)(, queries and values)?", system)[0]
        targets = ["query", "value"] if rest[0] else ["blocks"]
        with own_randomness(seed):
            return writer, add_lora(writer, LoRAConfig(rank=int(rank), alpha=2 * int(rank), targets=targets))
    if system == "head":
        return writer, head_only(writer)
    return writer, sum(weight.numel() for weight in writer.parameters())


def tune(writer: nn.Module, rows: Rows, learning_rate: float, steps: int, seed: int, batch_size: int = 16) -> None:
    """Train on random batches of the rows."""
    config = TrainingConfig(
        steps=steps, learning_rate=learning_rate, warmup_steps=steps // 10, evaluate_every=steps, seed=seed
    )
    train_whole(writer, answer_loss, random_rows(*rows, batch_size=batch_size), config)


def bits(writer: nn.Module, lines: Sequence[Line]) -> list[float]:
    """Bits per character of each line with its end, given its direction."""
    pairs = [(prompt(line.length, line.form), model()[1].encode(line.text)) for line in lines]
    log_p = summed_log_probabilities(writer, answer_rows(pairs, end_token=END, context_length=127), batch_size=128)
    lengths = torch.tensor([len(line.text) + 1 for line in lines])
    return (-log_p / lengths / torch.log(torch.tensor(2.0))).tolist()


def written(
    writer: nn.Module, each: int, seed: int, template: str = TEMPLATE
) -> list[tuple[tuple[str, str], str, bool]]:
    """So many lines for each kind, sampled at temperature 1: the kind, the line, whether the end token ended it."""
    asked = [kind for kind in KINDS for _ in range(each)]
    config = GenerationConfig(max_new_tokens=LONGEST, end_token=END)
    found = answers(writer, [prompt(*kind, template) for kind in asked], config, Generator().manual_seed(seed))
    texts = [model()[1].decode(one.tokens).strip() for one in found]
    return [(kind, text, one.reason == "end token") for kind, text, one in zip(asked, texts, found, strict=True)]


def obedience(found: Sequence[tuple[tuple[str, str], str, bool]]) -> dict[str, float]:
    """The shares of written lines that have the form, the length (30 characters divide), both, and an end."""
    form = [FORMS.get(text[-1:]) == kind[1] for kind, text, _ in found]
    length = [(len(text) > 30) == (kind[0] == "long") and bool(text) for kind, text, _ in found]
    both = [one and other for one, other in zip(form, length, strict=True)]
    ends = [ended for _, _, ended in found]
    shares = {"form": form, "length": length, "both": both, "ended": ends}
    return {name: sum(values) / len(found) for name, values in shares.items()}


@cache
def _windows(name: str) -> tuple[Tensor, list[int]]:
    texts = {
        "plays": partial(data.shakespeare, "test"),
        "validation plays": partial(data.shakespeare, "validation"),
        "spelling of 1623": lambda: "\n".join(old for old, _ in data.folio_pairs()["test"]),
        "Wikipedia": lambda: "\n\n".join(data.wikipedia().values()),
    }
    text, tokenizer, found, sizes = texts[name](), model()[1], [], []
    for number in range(60):
        start = number * (len(text) // 60)
        tokens = tokenizer.encode(text[start : start + 1200])[:121]
        found.append(tokens)
        sizes.append(len(tokenizer.decode(tokens[1:])))
    return torch.tensor(found), sizes


def text_bits(writer: nn.Module, name: str) -> list[float]:
    """Bits per character of 60 windows of "plays" (test), "validation plays", "spelling of 1623" or "Wikipedia"."""
    tokens, sizes = _windows(name)
    with evaluating(writer), torch.no_grad():
        logits = writer(tokens[:, :-1])
    nats = F.cross_entropy(logits.transpose(1, 2), tokens[:, 1:], reduction="none").sum(dim=1)
    return (nats / torch.tensor(sizes) / torch.log(torch.tensor(2.0))).tolist()
