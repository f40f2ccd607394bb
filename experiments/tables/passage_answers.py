"""What SmolLM2-135M-Instruct answers with the right passage, a retrieved one, a distractor and none; on Disfl-QA.

Its questions change their mind half-way ("Who is, no wait, what author wrote ...?"). Those are taken that begin anew
with a whole question, and only that question is asked.
"""

import random
import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from course_lib import data, generation, pretrained
from course_lib.data.questions import Question
from course_lib.gpt import ModernGPT
from course_lib.metrics import bootstrap_interval
from course_lib.metrics.answers import answer_match, token_f1
from course_lib.retrieval import BM25, windows, words_of
from course_lib.tokenizers import BPETokenizer
from experiments.shared import rounded

PARTS = ("row", "answered")
CHOSEN_ON, ASKED, WITHOUT_ANSWER, BATCH, NEW_TOKENS = 30, 60, 30, 10, 20
FORMS = ("chat", "chat, two examples", "plain text")
CONDITIONS = ("none", "distractor", "retrieved", "right")
EXAMPLES = (
    (
        "The Danube rises in the Black Forest and flows into the Black Sea.",
        "Where does the Danube rise?",
        "the Black Forest",
    ),
    ("The walls of the fort were of limestone, its roof of cedar wood.", "What was the roof made of?", "cedar wood"),
)
LEAVE = 'If the passage does not say it, answer: "I do not know."'
_CHANGE = (
    r"(?:(?:or )?no make that|(?:or )?make that|no wait(?: I meant)?|no sorry|no I meant?|oh no|wait no|actually no"
    r"|scratch that|sorry|I meant?|or rather|rather|uhh?|umm?|er|actually|wait|no)"
)
_ASKING = r"(?:(?:in|at|on|of|to|by|from|for|with) )?(?:what|who|whom|whose|which|when|where|why|how)\b"
_REFUSALS = (
    "not know",
    "n't know",
    "not say",
    "not mention",
    "not stated",
    "not specif",
    "unclear",
    "unknown",
    "no answer",
)


@cache
def smollm2() -> tuple[ModernGPT, BPETokenizer]:
    """The model and its tokenizer."""
    return pretrained.load_smollm2()


def joined(text: str) -> str:
    """A text of Disfl-QA, whose words and punctuation stand apart, as people write it."""
    text = re.sub(r"(\d) ([.,]) (\d)", r"\1\2\3", text)
    text = re.sub(r" ([,.;:!?)%])", r"\1", text).replace("( ", "(")
    text = re.sub(r" ' (s|t|re|ve|ll|d|m)\b", r"'\1", text)
    return re.sub(r"(\w) - (\w)", r"\1-\2", text)


def restart(question: str) -> str | None:
    """The question with which the speaker begins anew, or a question without a change of mind; None for the others.

    >>> restart("Who is no sorry what author is known for it ?")
    'What author is known for it?'
    """
    text = joined(question)
    changes = list(re.finditer(rf"\b{_CHANGE}[ ,]+(?={_ASKING})", text, re.I))
    if changes:
        text = text[changes[-1].end() :]
        return text[0].upper() + text[1:]
    plain = re.match(_ASKING, text, re.I) and not re.search(rf"\b{_CHANGE}\b", text, re.I)
    return text if plain else None


@cache
def questions(split: str, answerable: bool) -> list[Question]:
    """Those of a split that can be asked plainly, with or without an answer in their passage; a sample of them."""
    found = []
    for row in data.question_set("disfl_qa")[split]:
        asked = restart(row.question)
        if asked is not None and bool(row.answers) == answerable:
            found.append(Question(asked, tuple(map(joined, row.answers)), joined(row.passage), ()))
    most = CHOSEN_ON if split == "train" else ASKED if answerable else WITHOUT_ANSWER
    return random.Random(0).sample(found, min(most, len(found)))


@cache
def passages() -> tuple[list[str], BM25]:
    """All passages of Disfl-QA, and an index of them, in which the id is the number."""
    rows = [row for split in data.question_set("disfl_qa").values() for row in split]
    texts = list(dict.fromkeys(joined(row.passage) for row in rows))
    index = BM25()
    index.add({str(number): text for number, text in enumerate(texts)})
    return texts, index


def given(asked: Sequence[Question], condition: str) -> list[str]:
    """The passage that is put before each question: "" for none."""
    if condition in ("none", "right"):
        return [question.passage if condition == "right" else "" for question in asked]
    texts, index = passages()
    found = []
    for question, hits in zip(asked, index.search([question.question for question in asked], 2), strict=True):
        best = [texts[int(hit.id)] for hit in hits]
        others = [text for text in best if text != question.passage]
        found.append(best[0] if condition == "retrieved" else others[0])
    return found


def prompt(question: str, passage: str, form: str, leave: bool = False) -> list[int]:
    """What the model reads."""
    tokenizer = smollm2()[1]
    shown = EXAMPLES if form == "chat, two examples" else ()
    if form == "plain text":
        return tokenizer.encode(f"{_asked(question, passage)}\nAnswer in a few words:")
    system = "Answer with a few words from the passage." if passage else "Answer with a few words."
    messages = [{"role": "system", "content": f"{system} {LEAVE}" if leave else system}]
    for text, example, answer in shown:
        messages.append({"role": "user", "content": _asked(example, text if passage else "")})
        messages.append({"role": "assistant", "content": answer})
    return pretrained.chat_tokens(tokenizer, [*messages, {"role": "user", "content": _asked(question, passage)}])


def _asked(question: str, passage: str) -> str:
    return f"Passage: {passage}\n\nQuestion: {question}" if passage else f"Question: {question}"


def answered(split: str, answerable: bool, condition: str, form: str, leave: bool = False) -> list[str]:
    """The first line of the model's answer to each question, always with the most probable token."""
    asked = questions(split, answerable)
    texts = given(asked, condition)
    prompts = [prompt(question.question, text, form, leave) for question, text in zip(asked, texts, strict=True)]
    said, again = [""] * len(prompts), set()
    if condition == "retrieved":  # where that is the right passage, the answer is known
        again = {number for number, text in enumerate(texts) if text == asked[number].passage}
        with_right = answered(split, answerable, "right", form, leave)
        said = [text if number in again else "" for number, text in enumerate(with_right)]
    asked_anew = [number for number in range(len(prompts)) if number not in again]
    for number, text in zip(asked_anew, first_lines([prompts[number] for number in asked_anew]), strict=True):
        said[number] = text
    return said


def first_lines(prompts: Sequence[list[int]], batch: int = BATCH) -> list[str]:
    """The first line of what the model writes after each prompt, always with the most probable token."""
    model, tokenizer = smollm2()
    end = tokenizer.vocabulary.index("<|im_end|>")
    config = generation.GenerationConfig(temperature=0, max_new_tokens=NEW_TOKENS, end_token=end)
    said = [""] * len(prompts)
    order = sorted(range(len(prompts)), key=lambda number: len(prompts[number]))
    for start in range(0, len(order), batch):
        some = order[start : start + batch]
        texts = generation.generate_text(model, tokenizer, [prompts[number] for number in some], config)
        for number, text in zip(some, texts, strict=True):
            said[number] = text.strip().partition("\n")[0]
    return said


def best_sentence(question: str, passage: str) -> str:
    """The baseline: the sentence of the passage that BM25 finds for the question."""
    sentences = [sentence for sentence in re.split(r"(?<=[.!?]) +(?=[A-Z\"(])", passage) if words_of(sentence)]
    index = BM25()
    index.add({str(number): sentence for number, sentence in enumerate(sentences)})
    hits = index.search([question], 1)[0]
    return sentences[int(hits[0].id)] if hits else sentences[0]


def best_words(question: str, passage: str, length: int = 5) -> str:
    """Another baseline: the words after the question's last word that stands in its best sentence."""
    sentence, asked = best_sentence(question, passage), set(words_of(question))
    words = sentence.split()
    places = [place for place, word in enumerate(words) if set(words_of(word)) & asked]
    start = places[-1] + 1 if places and places[-1] + 1 < len(words) else 0
    return windows(" ".join(words[start:]), length)[0]


BASELINES = {"best sentence": best_sentence, "next words": best_words}


def best_form() -> str:
    """The form of the prompt whose answers to training questions have the highest mean F1."""
    return max(FORMS, key=lambda form: float(np.mean(_f1("train", answered("train", True, "right", form)))))


def _f1(split: str, said: Sequence[str]) -> np.ndarray:
    return np.array([token_f1(text, row.answers) for text, row in zip(said, questions(split, True), strict=True)])


def refused(text: str) -> bool:
    """Whether an answer says that it does not know."""
    return any(words in text.lower() for words in _REFUSALS)


def row(condition: str, form: str, split: str = "test", answerable: bool = True, leave: bool = False) -> dict[str, Any]:
    """F1, exact match, the share that contains a right answer, the share refused; what is gained in F1.

    The gain is over no passage; with the right passage, also over the rule that copies its best sentence.
    """
    asked = questions(split, answerable)
    if condition in BASELINES:
        said = [BASELINES[condition](question.question, question.passage) for question in asked]
    else:
        said = answered(split, answerable, condition, form, leave)
    stored: dict[str, Any] = {"condition": condition, "form": form, "split": split, "answerable": answerable}
    stored |= {"leave": leave, "items": len(asked), "refused": _share([refused(text) for text in said])}
    stored |= dict.fromkeys(("found", "f1", "exact", "contains", "gain", "gain over best sentence"))
    if condition == "retrieved":
        pairs = zip(given(asked, condition), asked, strict=True)
        stored["found"] = _share([text == question.passage for text, question in pairs])
    if not answerable:
        return stored
    f1, pairs = _f1(split, said), list(zip(said, asked, strict=True))
    stored["f1"] = _share(f1)
    stored["exact"] = _share([answer_match(text, question.answers) for text, question in pairs])
    stored["contains"] = _share([contains(text, question.answers) for text, question in pairs])
    if split == "test" and condition != "none" and condition not in BASELINES:
        stored["gain"] = _share(f1 - _f1(split, answered("test", True, "none", form)))
    if split == "test" and condition == "right":
        copied = [best_sentence(question.question, question.passage) for question in asked]
        stored["gain over best sentence"] = _share(f1 - _f1(split, copied))
    return stored


def contains(text: str, answers: Sequence[str]) -> bool:
    """Whether the words of one of the right answers stand in the text, one after the other."""
    said = f" {' '.join(words_of(text))} "
    return any(f" {' '.join(words_of(answer))} " in said for answer in answers)


def _share(values: ArrayLike) -> list[float]:
    return rounded(bootstrap_interval(lambda x: x.mean(-1), np.array(values, dtype=float)))


def rows() -> Iterator[dict[str, Any]]:
    """Three forms of the prompt on training questions; the best one with four kinds of passage; leave not to know."""
    for form in FORMS:
        yield row("right", form, "train")
    form = best_form()
    for condition in CONDITIONS:
        yield row(condition, form)
    for baseline in BASELINES:
        yield row(baseline, "rule")
    for leave in (False, True):
        yield row("right", form, answerable=False, leave=leave)
    yield row("right", form, leave=True)
