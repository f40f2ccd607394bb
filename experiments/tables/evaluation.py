"""SmolLM2-135M-Instruct judged in several ways: multiple choice by letter, whole answer and per byte; twelve prompts
for the same questions; summaries beside the first sentence; as a judge; and programs with tests.

A row keeps what was scored item by item, so that a notebook can pair and resample.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch

from course_lib import data, generation, pretrained
from course_lib.data.questions import Question
from course_lib.evaluation import choice_log_probabilities, lettered_prompt
from course_lib.gpt import ModernGPT
from course_lib.metrics import bootstrap_interval
from course_lib.metrics.comparing import pass_at_k
from course_lib.metrics.rouge import rouge
from course_lib.sandbox import run_code
from course_lib.tokenizers import BPETokenizer
from experiments.shared import rounded

PARTS = ("row", "scored", "judged", "programs")
ITEMS = {"commonsense_qa": 250, "openbook_qa": 250, "siqa": 200, "piqa": 200}
WAYS = ("letter", "answer", "per byte", "longest answer", "frequent position")
TEMPLATES = (
    "Question: {}\nAnswer:",
    "Q: {}\nA:",
    "{}",
    "{}\nAnswer:",
    "{} The answer is",
    "Here is a question about everyday life. {}\nAnswer:",
    "User: {}\nAssistant:",
    "Teacher: {}\nStudent:",
    "Quiz\n{}\nThe right answer:",
    "{}\n-",
    "Answer in one or two words. {}",
    "I was asked: {} I said:",
)
TUNED_ON, TUNED_ITEMS = "commonsense_qa", 160
ARTICLES, LONGEST = 24, 1_200  # characters
PAIRS = 60
PROBLEMS, PROGRAMS, LINES = 16, 16, 48  # the last in tokens
STOPS = ("\ndef", "\nclass", "\nif", "\nprint", "\n#", "\n```", "<|im_end|>")
WORTHLESS = " That is my answer, and I have thought about this question with great care before I gave it."


@cache
def smollm2() -> tuple[ModernGPT, BPETokenizer]:
    """The model and its tokenizer."""
    return pretrained.load_smollm2()


def questions(name: str) -> list[Question]:
    """The test questions of a set that are asked."""
    return data.question_set(name)["test"][: ITEMS[name]]


def scored(name: str, template: int | None) -> list[list[float]]:
    """ln p of each choice of each question: of the whole answer after a template, or of the letter (None)."""
    asked = questions(name) if template in (0, None) else questions(name)[:TUNED_ITEMS]
    if template is None:
        prompts = [lettered_prompt(one) for one in asked]
        choices = [[f" {letter}" for letter in "ABCDE"[: len(one.choices)]] for one in asked]
    else:
        prompts = [_before(one) + TEMPLATES[template].format(one.question) for one in asked]
        choices = [[f" {choice}" for choice in one.choices] for one in asked]
    model, tokenizer = smollm2()
    found = choice_log_probabilities(model, tokenizer, prompts, choices)
    return [[round(float(nats), 4) for nats in row] for row in found]


def _before(question: Question) -> str:
    return f"{question.passage}\n\n" if question.passage else ""


def _scores(name: str, way: str, template: int) -> list[np.ndarray]:
    """The scores of each question's choices: the highest is picked."""
    asked = questions(name)
    if way == "longest answer":
        return [np.array([len(choice) for choice in one.choices]) for one in asked]
    if way == "frequent position":
        known = Counter(one.choices.index(one.answers[0]) for one in data.question_set(name)["train"])
        return [np.array([known[place] for place in range(len(one.choices))]) for one in asked]
    found = list(map(np.array, scored(name, None if way == "letter" else template)))
    if way == "per byte":
        sizes = [[len(choice.encode()) for choice in one.choices] for one in asked]
        return [nats / np.array(some) for nats, some in zip(found, sizes, strict=False)]
    return found


def prompt_row(template: int, way: str) -> dict[str, Any]:
    """The same with another prompt, on the same first questions for all of them."""
    return choice_row(TUNED_ON, way, template, TUNED_ITEMS)


def choice_row(name: str, way: str, template: int = 0, most: int | None = None) -> dict[str, Any]:
    """Accuracy; for each question whether it was right, which choice was picked, and how sure the model was."""
    asked, scores = questions(name)[:most], _scores(name, way, template)[:most]
    picked = [int(np.argmax(each)) for each in scores]
    right = [one.choices.index(one.answers[0]) == place for one, place in zip(asked, picked, strict=True)]
    sure = []
    if way in ("letter", "answer"):
        sure = [round(float(np.exp(each - np.logaddexp.reduce(each)).max()), 3) for each in scores]
    details = {"right": _digits(right), "picked": _digits(picked), "confidence": sure}
    return _stored(name, right, details)


def _digits(values: Sequence[int | bool]) -> str:
    return "".join(str(int(value)) for value in values)


def _stored(name: str, scores: Sequence[float | bool], details: dict[str, Any]) -> dict[str, Any]:
    values = np.array(scores, dtype=float)
    interval = rounded(bootstrap_interval(lambda x: x.mean(-1), values))
    return {"name": name, "items": len(values), "score": interval, "details": details}


def articles() -> list[Question]:
    """Short articles, each with its summary in one sentence."""
    short = [one for one in data.question_set("xsum")["test"] if len(one.passage) <= LONGEST]
    return short[:ARTICLES]


def sentences(text: str) -> list[str]:
    """A text cut where a full stop, question or exclamation mark is followed by a space and a capital."""
    return re.split(r"(?<=[.!?])\s+(?=[A-Z\"'])", " ".join(text.split()))


def summary_row(system: str) -> dict[str, Any]:
    """ROUGE-1, -2 and -L of summaries, their F1 for each article."""
    asked = articles()
    if system == "SmolLM2":
        said = _asked([f"{one.question}\n\n{one.passage}" for one in asked], 48)
    elif system == "first sentence":
        said = [sentences(one.passage)[0] for one in asked]
    else:  # another article's first sentence
        said = [sentences(one.passage)[0] for one in (*asked[1:], asked[0])]
    overlaps = [rouge(text, one.answers[0]) for text, one in zip(said, asked, strict=True)]
    kinds = ("rouge1", "rouge2", "rougeL")
    details: dict[str, Any] = {kind: [round(each[kind].f1, 4) for each in overlaps] for kind in kinds}
    details["words"] = [len(text.split()) for text in said]
    return _stored(system, details["rougeL"], details)


def _asked(requests: list[str], most: int, batch: int = 6) -> list[str]:
    """The model's first line in answer to each request, always with the most probable token."""
    model, tokenizer = smollm2()
    end = tokenizer.vocabulary.index("<|im_end|>")
    config = generation.GenerationConfig(temperature=0, max_new_tokens=most, end_token=end)
    prompts = [pretrained.chat_tokens(tokenizer, [{"role": "user", "content": text}]) for text in requests]
    said = []
    for start in range(0, len(prompts), batch):
        said += generation.generate_text(model, tokenizer, prompts[start : start + batch], config)
    return [text.strip().partition("\n")[0] for text in said]


def comparison(question: str, first: str, second: str) -> list[int]:
    """What the judge reads: a question and two answers; what follows is the letter of the better one."""
    content = f"Question: {question}\n\nAnswer A: {first}\n\nAnswer B: {second}\n\nWhich answer is better, A or B?"
    tokenizer = smollm2()[1]
    prompt = pretrained.chat_tokens(tokenizer, [{"role": "user", "content": content}])
    return prompt + tokenizer.encode("The better answer is")


def pairs(kind: str) -> list[tuple[str, str, str]]:
    """Questions with two answers: the first is the right one, the second depends on the kind."""
    found = []
    for one in data.question_set(TUNED_ON)["test"][:PAIRS]:
        wrong = next(choice for choice in one.choices if choice != one.answers[0])
        right = f"It is {one.answers[0]}."
        second = {"identical": right, "wrong": f"It is {wrong}.", "longer": right + WORTHLESS}[kind]
        found.append((one.question, right, second))
    return found


def judged(kind: str, swapped: bool) -> list[float]:
    """ln p(A) - ln p(B) for each pair; swapped, the second answer is A."""
    rows = pairs(kind)
    prompts = [comparison(asked, *((b, a) if swapped else (a, b))) for asked, a, b in rows]
    found = choice_log_probabilities(*smollm2(), prompts, [[" A", " B"]] * len(rows))
    return [round(float(a - b), 4) for a, b in found]


def judge_row(kind: str) -> dict[str, Any]:
    """How often the judge prefers the first answer, over both orders; its margins for A in each order."""
    margins, swapped = judged(kind, False), judged(kind, True)
    wins = [((a > 0) + (b < 0)) / 2 for a, b in zip(margins, swapped, strict=True)]
    return _stored(kind, wins, {"margin": margins, "swapped": swapped})


def problems() -> list[Any]:
    """The problems with the shortest solutions whose text is short, too."""
    return [one for one in data.programming_problems() if len(one.prompt) < 450][:PROBLEMS]


def programs(temperature: float, number: int) -> list[str]:
    """How each of the sampled programs for a problem ended."""
    model, tokenizer = smollm2()
    problem, config = problems()[number], generation.GenerationConfig(temperature=temperature, max_new_tokens=LINES)
    generator = torch.Generator().manual_seed(number)
    prompt = problem.prompt.strip()
    bodies = generation.generate_text(model, tokenizer, [prompt] * PROGRAMS, config, generator, stop=STOPS)
    outcome = {body: run_code(f"{prompt}{body}\n{problem.tests}").outcome for body in dict.fromkeys(bodies)}
    return [outcome[body] for body in bodies]


def code_row(temperature: float) -> dict[str, Any]:
    """pass@1 over the problems; how many programs passed for each, and how all of them ended."""
    ends = [programs(temperature, number) for number in range(PROBLEMS)]
    passed = [some.count("passed") for some in ends]
    outcomes = dict(Counter(end for some in ends for end in some))
    details = {
        "problems": [one.name for one in problems()],
        "programs": PROGRAMS,
        "passed": passed,
        "outcomes": outcomes,
    }
    return _stored(f"temperature {temperature}", [pass_at_k(PROGRAMS, one, 1) for one in passed], details)


def row(part: str, *setting: Any) -> dict[str, Any]:
    """One row of a part, by its own function."""
    make = {"choice": choice_row, "prompt": prompt_row, "summary": summary_row, "judge": judge_row, "code": code_row}
    return {"part": part, "setting": list(setting), **make[part](*setting)}


def rows() -> Iterator[dict[str, Any]]:
    """All parts, the cheap baselines last in each set."""
    for name in ITEMS:
        for way in WAYS:
            yield row("choice", name, way)
    for template in range(len(TEMPLATES)):
        for way in ("answer", "per byte"):
            yield row("prompt", template, way)
    for kind in ("identical", "wrong", "longer"):
        yield row("judge", kind)
    for system in ("first sentence", "another article's", "SmolLM2"):
        yield row("summary", system)
    for temperature in (0.2, 0.8):
        yield row("code", temperature)
