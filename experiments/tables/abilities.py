"""What SmolLM2-135M-Instruct can do, each task put in two forms, beside a baseline on the same items."""

import math
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from course_lib import data, generation, pretrained
from course_lib.gpt import ModernGPT
from course_lib.metrics import bootstrap_interval
from course_lib.tokenizers import BPETokenizer
from experiments.shared import rounded

SENTENCES, SUMS, BATCH = 400, 100, 25
REVIEW = "Is this movie review positive or negative? Answer with one word.\n\n{}"
FACTS = """an elephant|bigger|a mouse; the Sun|hotter|the Moon; a second|shorter|a year; a car|faster|a bicycle
a mountain|higher|a house; iron|heavier|cotton; a whale|larger|a cat; ice|colder|fire; a river|longer|a pencil
a child|younger|its grandmother; a plane|faster|a bus; a lake|deeper|a bath; a tree|taller|a flower
a stone|harder|a pillow; a minute|longer|a second; a lion|stronger|a rabbit; a city|larger|a village
a snail|slower|a horse; a feather|lighter|a brick; the Earth|smaller|the Sun; gold|heavier|wood
a needle|sharper|a spoon; an ocean|deeper|a pond; a desert|drier|a swamp; a rocket|faster|a train
a book|thicker|a sheet of paper; a giant|taller|a dwarf; a day|longer|an hour; a desk|larger|a coin
an oven|hotter|a fridge; an ant|smaller|a dog; a diamond|harder|butter; a king|richer|a beggar
a whisper|quieter|a shout; the night|darker|the day; a snake|longer|a worm; a truck|heavier|a bicycle
a cheetah|faster|a turtle; a castle|larger|a tent; lemon juice|sourer|honey"""


@cache
def smollm2() -> tuple[ModernGPT, BPETokenizer]:
    """The model and its tokenizer."""
    return pretrained.load_smollm2()


def chat(question: str) -> list[int]:
    """A question as a conversation of its own."""
    return pretrained.chat_tokens(smollm2()[1], [{"role": "user", "content": question}])


def plain(text: str) -> list[int]:
    """A text that the model continues."""
    return smollm2()[1].encode(text)


def _in_batches(prompts: Sequence[list[int]], do: Callable[[list[list[int]]], list[Any]]) -> list[Any]:
    found: list[Any] = []
    for start in range(0, len(prompts), BATCH):
        found += do(list(prompts[start : start + BATCH]))
    return found


@torch.no_grad()
def _next_logits(prompts: list[list[int]]) -> list[torch.Tensor]:
    tokens = [torch.tensor(prompt[:-1]) for prompt in prompts]
    lengths = torch.tensor([len(row) for row in tokens])
    state = smollm2()[0].start(torch.nn.utils.rnn.pad_sequence(tokens, batch_first=True), lengths)
    return list(smollm2()[0].step(torch.tensor([prompt[-1] for prompt in prompts]), state)[0])


def leanings(prompts: Sequence[list[int]], yes: str, no: str) -> np.ndarray:
    """The logit of one next token minus that of another, for each prompt."""
    [first], [second] = plain(yes), plain(no)
    return np.array([(row[first] - row[second]).item() for row in _in_batches(prompts, _next_logits)])


def answers(prompts: Sequence[list[int]], new_tokens: int) -> list[str]:
    """What the model writes after each prompt, always with the most probable token."""
    model, tokenizer = smollm2()
    end = tokenizer.vocabulary.index("<|im_end|>")
    config = generation.GenerationConfig(temperature=0, max_new_tokens=new_tokens, end_token=end)
    return _in_batches(prompts, lambda batch: generation.generate_text(model, tokenizer, batch, config))


@torch.no_grad()
def log_p(text: str) -> float:
    """The log-probability of a text, after a new line."""
    tokens = torch.tensor([plain("\n" + text)])
    logits = smollm2()[0](tokens)[0, :-1].log_softmax(-1)
    return logits.gather(1, tokens[0, 1:, None]).sum().item()


def features(text: str, longest: int) -> set[str]:
    """The different words of a text and, with `longest` 2, its pairs of neighbours."""
    words = text.split()
    pairs = {" ".join(pair) for pair in pairwise(words)}
    return set(words) | (pairs if longest == 2 else set())


@cache
def _counts(longest: int) -> tuple[Counter, Counter]:
    counts = Counter(), Counter()
    for text, label in data.movie_reviews("rotten_tomatoes")["train"]:
        counts[label].update(features(text, longest))
    return counts


def naive_bayes(texts: Sequence[str], longest: int, smoothing: float) -> np.ndarray:
    """The verdict of naive Bayes on each text: 1 where it is more probably positive."""
    counts = _counts(longest)
    known = counts[0].keys() | counts[1].keys()
    totals = [sum(count.values()) + smoothing * len(known) for count in counts]
    labels = Counter(label for _, label in data.movie_reviews("rotten_tomatoes")["train"])
    verdicts = []
    for text in texts:
        odds = math.log(labels[1] / labels[0])
        for feature in features(text, longest) & known:
            odds += math.log((counts[1][feature] + smoothing) / totals[1])
            odds -= math.log((counts[0][feature] + smoothing) / totals[0])
        verdicts.append(odds > 0)
    return np.array(verdicts)


@cache
def best_bayes() -> tuple[int, float]:
    """Its settings: the best on the validation sentences."""
    texts, labels = zip(*data.movie_reviews("rotten_tomatoes")["validation"], strict=True)
    settings = [(longest, smoothing) for longest in (1, 2) for smoothing in (0.1, 0.3, 1.0, 3.0)]
    return max(settings, key=lambda setting: np.mean(naive_bayes(texts, *setting) == np.array(labels)))


@cache
def review_answers(form: str) -> tuple[np.ndarray, np.ndarray]:
    """Whether each verdict is right, and whether it is positive: on a sample of the test sentences, or on all."""
    rows = data.movie_reviews("rotten_tomatoes")["test"]
    if form != "naive Bayes, all":
        rows = random.Random(0).sample(rows, SENTENCES)
    texts, labels = zip(*rows, strict=True)
    if form == "chat":
        said = leanings([chat(REVIEW.format(text)) for text in texts], "positive", "negative") > 0
    elif form == "completion":
        said = leanings([plain(f"Review: {text}\nSentiment:") for text in texts], " positive", " negative") > 0
    else:
        said = naive_bayes(texts, *best_bayes())
    return said == np.array(labels, dtype=bool), said


@cache
def sums(digits: int) -> list[tuple[int, int]]:
    """Sums of two numbers of that many digits."""
    dice = random.Random(digits)
    low, high = (10 ** (digits - 1), 10**digits - 1)
    return [(dice.randint(low, high), dice.randint(low, high)) for _ in range(SUMS)]


@cache
def sum_answers(form: str, digits: int) -> tuple[np.ndarray, np.ndarray]:
    """Whether each sum is right: the last number of the answer's first line."""
    pairs = sums(digits)
    if form == "chat":
        said = answers([chat(f"What is {a} + {b}?") for a, b in pairs], 24)
    elif form == "completion":
        said = answers([plain(f"3 + 4 = 7\n12 + 25 = 37\n{a} + {b} =") for a, b in pairs], 6)
    else:
        said = [str(11 * 10 ** (digits - 1) - 1)] * len(pairs)  # the most frequent sum: 10, 109 or 1099
    last = [re.findall(r"\d+", text.strip().partition("\n")[0].replace(",", "")) for text in said]
    right = [bool(found) and int(found[-1]) == a + b for found, (a, b) in zip(last, pairs, strict=True)]
    return np.array(right), np.zeros(len(pairs), dtype=bool)


@cache
def comparison_answers(form: str) -> tuple[np.ndarray, np.ndarray]:
    """Whether the true order of each pair is preferred to the false one; and whether each question is answered yes."""
    facts = [fact.strip().split("|") for fact in re.split(r"[;\n]", FACTS)]
    both = [[(a, more, b), (b, more, a)] for a, more, b in facts]
    if form == "chat":
        asked = [f"Is {a} {more} than {b}? Answer yes or no." for pair in both for a, more, b in pair]
        leaning = leanings([chat(question) for question in asked], "Yes", "No").reshape(-1, 2)
        return leaning[:, 0] > leaning[:, 1], (leaning > 0).flatten()
    texts = [[f"{a[0].upper()}{a[1:]} is {more} than {b}." for a, more, b in pair] for pair in both]
    right = [log_p(true) > log_p(false) for true, false in texts]
    return np.array(right), np.zeros(len(right), dtype=bool)


ROWS: list[tuple[str, str]] = [
    *[("reviews", form) for form in ("chat", "completion", "naive Bayes", "naive Bayes, all")],
    *[(f"sums of {n} digit{'s' * (n > 1)}", form) for n in (1, 2, 3) for form in ("chat", "completion", "constant")],
    *[("comparisons", form) for form in ("chat", "completion")],
]


def row(task: str, form: str) -> dict[str, Any]:
    """The accuracy with its 95% interval; minus the baseline's on the same items; the share of yes or positive."""
    right, said = _of(task, form)
    baseline = {"r": "naive Bayes", "s": "constant", "c": ""}[task[0]]
    difference = None
    if baseline and form in ("chat", "completion"):
        both = right.astype(float) - _of(task, baseline)[0].astype(float)
        difference = rounded(bootstrap_interval(lambda gains: gains.mean(-1), both))
    score = rounded(bootstrap_interval(lambda hits: hits.mean(-1), right.astype(float)))
    asked = task == "reviews" or (task, form) == ("comparisons", "chat")
    share = round(float(said.mean()), 4) if asked else None
    return {"task": task, "form": form, "items": len(right), "accuracy": score, "gain": difference, "yes": share}


def _of(task: str, form: str) -> tuple[np.ndarray, np.ndarray]:
    if task == "reviews":
        return review_answers(form)
    return comparison_answers(form) if task == "comparisons" else sum_answers(form, int(task.split()[2]))


def rows() -> Iterator[dict[str, Any]]:
    """Every task in two forms, and baselines."""
    for task, form in ROWS:
        yield row(task, form)
