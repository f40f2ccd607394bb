"""Borders of `evaluation` and `sandbox`."""

import math

import numpy as np
import torch
from course_lib.data.questions import Question
from course_lib.evaluation import (
    Task,
    TransformersDecoder,
    by_answer,
    by_answer_per_byte,
    by_letter,
    choice_log_probabilities,
    evaluate,
    generated,
    lettered_prompt,
    plain_prompt,
)
from course_lib.generation import GenerationConfig
from course_lib.sandbox import run_code
from course_lib.tokenizers import CharTokenizer

from borders import Border

TOKENIZER = CharTokenizer.train("Question: A\nnswerB")
ASKED = Question("A", ("n",), "", ("n", "s"))
CONFIG = GenerationConfig(max_new_tokens=1)


class Uniform:
    def start(self, source, lengths):
        return None

    def step(self, tokens, state):
        return torch.zeros(len(tokens), TOKENIZER.vocab_size), None


def rows(of, *mistakes):
    return [Border(of, mistake, call, says) for mistake, call, says in mistakes]


def task(**changes):
    return Task(**{"name": "t", "questions": [ASKED] * 2, "prompt": plain_prompt, "scoring": by_answer, **changes})


def log_p(prompts=("A",), choices=(("n", "s"),), model=None, tokenizer=TOKENIZER):
    return choice_log_probabilities(model or Uniform(), tokenizer, prompts, choices)


def of_choices(name, scoring):
    def scored(question, model=None):
        return scoring(model or Uniform(), TOKENIZER, ["A"], [question])

    return rows(
        f"evaluation.{name}",
        ("no choices", lambda: scored(ASKED._replace(choices=())), "choices[0] must be texts of at least one character"),
        ("no answer", lambda: scored(ASKED._replace(answers=())), "the answer of questions[0] must be among its choices"),
        ("another answer", lambda: scored(ASKED._replace(answers=("A",))), "must be among its choices, but it is ('A',)"),
        ("a name for a model", lambda: scored(ASKED, "gpt2"), "model must have start and step (see Decoder)"),
    )


def of_prompts(name, prompt):
    return rows(
        f"evaluation.{name}",
        ("a text", lambda: prompt("Why?"), "question must be a Question, but it is 'Why?'"),
        ("None", lambda: prompt(None), "question must be a Question, but it is None"),
    )


BORDERS = [
    *rows(
        "evaluation.Task",
        ("no questions", lambda: task(questions=[]), "questions must be a list of at least two Questions"),
        ("one question", lambda: task(questions=ASKED), "questions must be a list of at least two Questions"),
        ("texts", lambda: task(questions=["Why?", "Who?"]), "questions must be a list of at least two Questions"),
        ("a text as prompt", lambda: task(prompt="Question:"), "prompt must be a function of a question"),
        ("a name as scoring", lambda: task(scoring="letter"), "scoring must be a function, as by_answer"),
    ),
    *rows(
        "evaluation.evaluate",
        ("one model", lambda: evaluate((Uniform(), TOKENIZER), [task()]), "models must map names to pairs"),
        ("no tokenizer", lambda: evaluate({"m": Uniform()}, [task()]), "models must map names to pairs"),
        ("no models", lambda: evaluate({}, [task()]), "models must map names to pairs"),
        ("one task", lambda: evaluate({"m": (Uniform(), TOKENIZER)}, task()), "tasks must be a list of Tasks"),
        ("no model", lambda: evaluate({"m": (5, TOKENIZER)}, [task()]), "model must have start and step"),
        (
            "a scoring with one number",
            lambda: evaluate({"m": (Uniform(), TOKENIZER)}, [task(scoring=lambda *_: 1.0)]),
            "the scoring of t must give 2 finite numbers",
        ),
        (
            "a scoring with NaN",
            lambda: evaluate({"m": (Uniform(), TOKENIZER)}, [task(scoring=lambda *_: np.array([1, math.nan]))]),
            "the scoring of t must give 2 finite numbers",
        ),
    ),
    *of_prompts("plain_prompt", plain_prompt),
    *of_prompts("lettered_prompt", lettered_prompt),
    *of_choices("by_letter", by_letter),
    *of_choices("by_answer", by_answer),
    *of_choices("by_answer_per_byte", by_answer_per_byte),
    *rows(
        "evaluation.choice_log_probabilities",
        ("one prompt", lambda: log_p("A"), "prompts must be a list, but it is 'A'"),
        ("unequally many", lambda: log_p(["A", "A"]), "there must be choices for each of the 2 prompts"),
        ("one choice", lambda: log_p(choices=["ns"]), "choices[0] must be several texts, but it is one, 'ns'"),
        ("an empty choice", lambda: log_p(choices=[["n", ""]]), "choices[0] must be texts of at least one character"),
        ("an empty prompt", lambda: log_p([""]), "prompts[0] must hold a token that is the same before each choice"),
        ("no tokens", lambda: log_p([[]]), "prompts[0] must hold a token"),
        ("ids outside", lambda: log_p([[99]]), "prompts[0] must be ids from 0 to"),
        ("no tokenizer", lambda: log_p(tokenizer=None), "tokenizer must be a Tokenizer, but it is None"),
        ("no model", lambda: log_p(model="gpt2"), "model must have start and step"),
    ),
    *rows(
        "evaluation.generated",
        ("no function", lambda: generated("exact", CONFIG), "score must be a function of a text and a question"),
        ("no config", lambda: generated(len, None), "config must be a GenerationConfig, but it is None"),
        (
            "an empty stop",
            lambda: generated(len, CONFIG, "")(Uniform(), TOKENIZER, ["A"], [ASKED]),
            "a stop string must hold at least one character",
        ),
    ),
    *rows(
        "evaluation.TransformersDecoder",
        ("a name", lambda: TransformersDecoder("gpt2"), "model must be a causal language model of Transformers"),
        ("another module", lambda: TransformersDecoder(torch.nn.Linear(2, 2)), "must be a causal language model"),
    ),
    *rows(
        "sandbox.run_code",
        ("bytes", lambda: run_code(b"1"), "code must be a string, but it is b'1'"),
        ("several programs", lambda: run_code(["1", "2"]), "code must be a string, but it is ['1', '2']"),
        ("half a character", lambda: run_code("'\ud800'"), "code must consist of characters"),
        ("no time", lambda: run_code("1", seconds=0), "seconds must be above 0 and at most 3600, but it is 0"),
        ("endless time", lambda: run_code("1", seconds=math.inf), "seconds must be above 0 and at most 3600"),
        ("no memory", lambda: run_code("1", megabytes=1), "megabytes must be at least 32, but it is 1"),
        ("gigabytes", lambda: run_code("1", megabytes=0.5), "megabytes must be an integer, but it is 0.5"),
        ("no files", lambda: run_code("1", file_megabytes=0), "file_megabytes must be at least 1, but it is 0"),
    ),
]
NOTHING = {
    "evaluation.Result": "made by evaluate",
    "sandbox.Verdict": "made by run_code",
}
