"""What SmolLM2-135M-Instruct says to questions without an answer, and how sure it is of that.

"names": capitals of countries and states of towns, from memory, beside invented countries and towns. "passages":
questions of Disfl-QA with their passage, which has the answer or not. With leave, the prompt says that the model may
answer "I do not know.", and an example does so, the first or the last one. Each item's numbers are stored as a text,
"0.12 0.9 ...".
"""

import itertools
import random
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_lib import data, pretrained
from course_lib.generation.decoding import padded
from course_lib.metrics import bootstrap_interval
from course_lib.metrics.answers import token_f1
from course_lib.retrieval import words_of
from experiments.shared import rounded
from experiments.tables.passage_answers import contains, joined, refused, restart, smollm2

INVENTED, ASKED, SAMPLES, BATCH = 60, 40, 6, 12
NEW_TOKENS = {"names": 10, "passages": 16}
SETTINGS = (("names", "none"), ("names", "first"), ("names", "last"), ("passages", "none"), ("passages", "first"))
LEAVE = ' If you do not know, answer: "I do not know."'
EXAMPLES = {
    "names": [
        ("What is the capital of France?", "Paris"),
        ("In which state of the United States is Tulsa?", "Oklahoma"),
    ],
    "passages": [
        ("Passage: The walls of the fort were of limestone.\n\nQuestion: What were the walls made of?", "limestone"),
    ],
}
UNKNOWN = {
    "names": ("What is the capital of Zamunda?", "I do not know."),
    "passages": ("Passage: The fort was built in 1610.\n\nQuestion: Who built the fort?", "I do not know."),
}
SYSTEM = {"names": "Answer with one name.", "passages": "Answer with a few words from the passage."}


class Item(NamedTuple):
    """What is asked, and the answers that count as right: none for a question without an answer."""

    asked: str
    answers: tuple[str, ...]


class Said(NamedTuple):
    """An answer, the mean probability of its tokens, ln p of all of it, and how far samples agree with it."""

    text: str
    mean_p: float
    log_p: float
    agreement: float


def invented(count: int, endings: Sequence[str], seed: int) -> list[str]:
    """Names that no text of the course's Wikipedia has: two syllables and an ending.

    >>> invented(2, ("land", "ia"), seed=0)
    ['Zovoland', 'Kunoia']
    """
    known = set(words_of(" ".join(data.wikipedia().values())))
    dice, found = random.Random(seed), []
    while len(found) < count:
        syllables = [dice.choice("bdfgklmnprstvz") + dice.choice("aeiou") for _ in range(2)]
        name = ("".join(syllables) + dice.choice(endings)).capitalize()
        if name.lower() not in known and name not in found:
            found.append(name)
    return found


def items(task: str, answerable: bool) -> list[Item]:
    """The questions of a task, in random order."""
    if task == "passages":
        found = []
        for question in data.question_set("disfl_qa")["test"]:
            text = restart(question.question)
            if text is not None and bool(question.answers) == answerable:
                passage = joined(question.passage)
                found.append(Item(f"Passage: {passage}\n\nQuestion: {text}", tuple(map(joined, question.answers))))
        return random.Random(0).sample(found, min(ASKED, len(found)))
    capital, state = "What is the capital of {}?", "In which state of the United States is {}?"
    if not answerable:
        lands = invented(INVENTED, ("ia", "land", "stan"), seed=0)
        towns = invented(INVENTED, ("ton", "ville", "burg"), seed=1)
        found = [Item(capital.format(name), ()) for name in lands] + [Item(state.format(name), ()) for name in towns]
    else:
        sections = data.analogies()
        lands = {land: city for row in sections["capital-world"] for city, land in (row[:2], row[2:])}
        towns = {town: land for row in sections["city-in-state"] for town, land in (row[:2], row[2:])}
        found = [Item(capital.format(land), (city,)) for land, city in lands.items() if land != "France"]
        found += [Item(state.format(town), (land,)) for town, land in towns.items() if town != "Tulsa"]
    return random.Random(0).sample(found, len(found))


def prompt(task: str, asked: str, leave: str = "none") -> list[int]:
    """What the model reads; with leave, the example that does not know is the "first" or the "last" one."""
    unknown = [UNKNOWN[task]]
    shown = {"none": [], "first": unknown}.get(leave, []) + EXAMPLES[task] + (unknown if leave == "last" else [])
    messages = [{"role": "system", "content": SYSTEM[task] + ("" if leave == "none" else LEAVE)}]
    for question, answer in shown:
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return pretrained.chat_tokens(smollm2()[1], [*messages, {"role": "user", "content": asked}])


@torch.no_grad()
def begun(prompts: Sequence[list[int]]) -> tuple[Tensor, Any]:
    """The logits and the state after each prompt; what all have in common is read once."""
    model = smollm2()[0]
    shared = 0
    while shared < min(map(len, prompts)) - 1 and len({row[shared] for row in prompts}) == 1:
        shared += 1
    state = model.start(torch.tensor([prompts[0][:shared]]), [shared])
    state = model.reorder(state, torch.zeros(len(prompts), dtype=torch.long))
    own, lengths = padded([row[shared:] for row in prompts])
    logits, state = model.extend(own, state, lengths)
    return logits[torch.arange(len(prompts)), lengths - 1], state


@torch.no_grad()
def said(prompts: Sequence[list[int]], samples: int = 0, new_tokens: int = 10) -> list[Said]:
    """The most probable tokens after each prompt, and how far as many samples (temperature 1) agree with them."""
    model, tokenizer = smollm2()
    end, generator = tokenizer.vocabulary.index("<|im_end|>"), torch.Generator().manual_seed(0)
    logits, state = begun(prompts)
    rows = torch.arange(len(prompts)).repeat_interleave(1 + samples)
    logits, state = logits[rows], model.reorder(state, rows)
    greedy = torch.arange(len(rows)) % (1 + samples) == 0
    tokens, log_p = [], []
    for _ in range(new_tokens):
        log_probabilities = logits.log_softmax(dim=-1)
        drawn = torch.multinomial(log_probabilities.exp(), 1, generator=generator)[:, 0]
        chosen = torch.where(greedy, logits.argmax(dim=-1), drawn)
        tokens.append(chosen)
        log_p.append(log_probabilities[torch.arange(len(rows)), chosen])
        logits, state = model.step(chosen, state)
    found = []
    for row, numbers in zip(torch.stack(tokens, 1).tolist(), torch.stack(log_p, 1).tolist(), strict=True):
        length = row.index(end) if end in row else len(row)
        text = tokenizer.decode(row[:length]).strip().partition("\n")[0]
        found.append((text, numbers[: length + 1]))
    return [_judged(found[start : start + 1 + samples]) for start in range(0, len(found), 1 + samples)]


def _judged(found: Sequence[tuple[str, list[float]]]) -> Said:
    text, log_p = found[0]
    agreement = [token_f1(other, [text]) for other, _ in found[1:]] if words_of(text) else [0.0]
    return Said(text, float(np.exp(log_p).mean()), float(np.sum(log_p)), float(np.mean(agreement or [0.0])))


def row(task: str, answerable: bool, leave: str) -> dict[str, Any]:
    """The answers to the questions of a kind, which are right or refuse, and the three kinds of confidence.

    Samples are drawn for names without leave only: elsewhere the agreement is 0.
    """
    asked = items(task, answerable)
    prompts = [prompt(task, item.asked, leave) for item in asked]
    order, found = sorted(range(len(asked)), key=lambda index: len(prompts[index])), {}
    for start in range(0, len(order), BATCH):
        some = order[start : start + BATCH]
        samples = SAMPLES if (task, leave) == SETTINGS[0] else 0
        answers = said([prompts[index] for index in some], samples, NEW_TOKENS[task])
        found.update(zip(some, answers, strict=True))
    answers = [found[index] for index in range(len(asked))]
    right = [contains(answer.text, item.answers) for answer, item in zip(answers, asked, strict=True)]
    refusals = [refused(answer.text) for answer in answers]
    stored: dict[str, Any] = {"task": task, "answerable": answerable, "leave": leave, "items": len(asked)}
    stored |= {"right": _share(right), "refused": _share(refusals)}
    stored |= {"each right": _digits(right), "each refused": _digits(refusals)}
    for name in ("mean_p", "log_p", "agreement"):
        stored[name] = " ".join(f"{getattr(answer, name):.3g}" for answer in answers)
    return stored | {"said": [answer.text for answer in answers]}


def _digits(values: Sequence[bool]) -> str:
    return "".join(str(int(value)) for value in values)


def _share(values: Sequence[bool]) -> list[float]:
    return rounded(bootstrap_interval(lambda x: x.mean(axis=-1), np.array(values, dtype=float)))


def rows() -> Iterator[dict[str, Any]]:
    """Both tasks, with and without leave not to know."""
    for (task, leave), answerable in itertools.product(SETTINGS, (True, False)):
        yield row(task, answerable, leave)
