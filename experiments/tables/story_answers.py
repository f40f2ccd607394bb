"""How near SmolLM2-135M-Instruct comes to two people's answers about stories, on NarrativeQA, one question a story."""

import random
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np

from course_lib import data
from course_lib.data.questions import Question
from course_lib.metrics import bootstrap_interval
from course_lib.metrics.answers import answer_match, token_f1
from experiments.shared import rounded
from experiments.tables.passage_answers import best_sentence, first_lines, prompt

PARTS = ("row",)
SYSTEMS = ("SmolLM2, its summary", "SmolLM2, another summary", "SmolLM2, no summary", "best sentence", "first person")
FORM, BATCH = "chat, two examples", 5  # the form that `passage_answers` chose, on questions of another set


@cache
def questions() -> list[Question]:
    """One test question of each story, drawn with a fixed seed: questions on one story are no independent ones."""
    stories: dict[str, list[Question]] = {}
    for question in data.question_set("narrative_qa")["test"]:
        stories.setdefault(question.passage, []).append(question)
    draw = random.Random(0)
    return [draw.choice(asked) for asked in stories.values()]


def read(system: str) -> list[str]:
    """The summary that a system reads before each question: "" for none."""
    own = [question.passage for question in questions()]
    texts = {"its summary": own, "another summary": own[1:] + own[:1], "no summary": [""] * len(own)}
    return texts[system.partition(", ")[2]]


def answered(system: str) -> list[str]:
    """A system's answers. The model's end with its first line; the first person's are the first ones of the set."""
    if system == "first person":
        return [question.answers[0] for question in questions()]
    if system == "best sentence":
        return [best_sentence(question.question, question.passage) for question in questions()]
    pairs = zip(questions(), read(system), strict=True)
    prompts = [prompt(question.question, text, FORM) for question, text in pairs]
    return first_lines(prompts, BATCH)


def row(system: str) -> dict[str, Any]:
    """F1 of each answer against the second person's alone and, but for the first person, the better of both."""
    said = answered(system)
    alone = [[question.answers[1]] for question in questions()]
    stored: dict[str, Any] = {"system": system, "items": len(said), "f1, second person": _each(said, alone)}
    both = [question.answers for question in questions()]
    stored["f1, both"] = None if system == "first person" else _each(said, both)
    matches = [answer_match(text, right) for text, right in zip(said, alone, strict=True)]
    stored["exact, second person"] = rounded(bootstrap_interval(lambda x: x.mean(-1), np.array(matches)))
    stored["words"] = round(float(np.mean([len(text.split()) for text in said])), 1)
    return stored


def _each(said: Sequence[str], right: Sequence[Sequence[str]]) -> list[float]:
    return [round(token_f1(text, answers), 4) for text, answers in zip(said, right, strict=True)]


def rows() -> Iterator[dict[str, Any]]:
    """The model with three summaries, the rule, and the first of the two people."""
    for system in SYSTEMS[::-1]:
        yield row(system)
