"""A small harness for evaluation: a task is questions, a prompt and a way to score answers; any language model can take
it, ours or one of Transformers.

Multiple choice is scored by log probabilities. All choices of a question share its prompt, so the prompt is read once
and its cache is copied to one row for each choice.

Axes: B questions, N choices of all of them, T position, V vocabulary.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from string import ascii_uppercase
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from course_lib.data.questions import Question
from course_lib.generation import Decoder, GenerationConfig, generate_text
from course_lib.generation.decoding import padded
from course_lib.metrics import Interval, bootstrap_interval
from course_lib.runtime import evaluating
from course_lib.tokenizers import Tokenizer
from course_lib.validation import Ids, ids_of, require, texts_of

__all__ = [
    "Result",
    "Task",
    "TransformersDecoder",
    "by_answer",
    "by_answer_per_byte",
    "by_letter",
    "choice_log_probabilities",
    "evaluate",
    "generated",
    "lettered_prompt",
    "plain_prompt",
]

Prompt = str | Ids  # a text, or its ids, where it holds special tokens (see pretrained.chat_tokens)
Prompts, Questions = Sequence[Prompt], Sequence[Question]
Scoring = Callable[[Any, Tokenizer, Prompts, Questions], np.ndarray]  # a score for each question
Scores = Float[np.ndarray, " B"]
LETTERS = ascii_uppercase
BATCH = 8  # prompts that are read at once


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is asked, how it is put to the model, and how its answers are scored.

    Raises ValueError for fewer than two questions: an interval needs as many.
    """

    name: str
    questions: Sequence[Question]
    prompt: Callable[[Question], Prompt]
    scoring: Scoring

    def __post_init__(self) -> None:
        fits = isinstance(self.questions, Sequence) and all(isinstance(one, Question) for one in self.questions)
        require(fits and len(self.questions) > 1, "questions must be a list of at least two Questions", self.questions)
        require(callable(self.prompt), "prompt must be a function of a question", self.prompt)
        require(callable(self.scoring), "scoring must be a function, as by_answer", self.scoring)


class Result(NamedTuple):
    """What a model scored in a task, question by question, so that models can be compared on the same questions."""

    model: str
    task: str
    scores: np.ndarray
    seconds: float  # for all questions

    @property
    def interval(self) -> Interval:
        """The mean score with its 95% bootstrap interval over the questions."""
        return bootstrap_interval(lambda scores: scores.mean(axis=-1), self.scores)

    def row(self) -> dict[str, str | float | int]:
        """The result as a row of a table: `pandas.DataFrame(result.row() for result in results)`."""
        sizes = {"questions": len(self.scores), "seconds": self.seconds}
        return {"model": self.model, "task": self.task, **self.interval._asdict(), **sizes}


def evaluate(models: Mapping[str, tuple[Any, Tokenizer]], tasks: Sequence[Task]) -> list[Result]:
    """Let each model, given by its name with its tokenizer, take each task.

    A model is anything with `start` and `step` (see generation.Decoder), or a causal language model of Transformers.
    Raises ValueError for anything else, and where a scoring does not give one finite number for each question.
    """
    pairs = isinstance(models, Mapping) and all(isinstance(one, tuple) and len(one) == 2 for one in models.values())
    require(pairs and models, "models must map names to pairs, a model and its tokenizer", models)
    fits = isinstance(tasks, Sequence) and all(isinstance(task, Task) for task in tasks)
    require(fits, "tasks must be a list of Tasks", tasks)
    results = []
    for name, (model, tokenizer) in models.items():
        for task in tasks:
            started = time.perf_counter()
            prompts = [task.prompt(question) for question in task.questions]
            scores = np.asarray(task.scoring(_decoder(model), tokenizer, prompts, task.questions), dtype=np.float64)
            fits = scores.shape == (len(prompts),) and np.isfinite(scores).all()
            require(fits, f"the scoring of {task.name} must give {len(prompts)} finite numbers", scores)
            results.append(Result(name, task.name, scores, time.perf_counter() - started))
    return results


def plain_prompt(question: Question) -> str:
    """The passage, if there is one, and the question, without the choices: what `by_answer` and `generated` need.

    >>> print(plain_prompt(Question("What do bees make?", ("honey",), "", ("honey", "milk"))))
    Question: What do bees make?
    Answer:
    """
    require(isinstance(question, Question), "question must be a Question", question)
    passage = f"{question.passage}\n\n" if question.passage else ""
    return f"{passage}Question: {question.question}\nAnswer:"


def lettered_prompt(question: Question) -> str:
    """As `plain_prompt`, but with the choices, each after a letter: what `by_letter` needs.

    >>> print(lettered_prompt(Question("What do bees make?", ("honey",), "", ("honey", "milk"))))
    Question: What do bees make?
    A. honey
    B. milk
    Answer:
    """
    plain = plain_prompt(question).removesuffix("Answer:")
    lines = [f"{letter}. {choice}\n" for letter, choice in zip(LETTERS, question.choices, strict=False)]
    return f"{plain}{''.join(lines)}Answer:"


def by_letter(model: Any, tokenizer: Tokenizer, prompts: Prompts, questions: Questions) -> Scores:
    """1 where the letter of the right choice is the most probable letter, else 0: MMLU's way (Hendrycks et al., 2021).

    It asks for more than knowledge: the model must connect a letter with its choice. Ties go to the first. Raises
    ValueError for a question without choices, or whose answer is not among them.
    """
    choices = [[f" {letter}" for letter in LETTERS[: len(question.choices)]] for question in questions]
    return _is_right(choice_log_probabilities(model, tokenizer, prompts, choices), questions)


def by_answer(model: Any, tokenizer: Tokenizer, prompts: Prompts, questions: Questions) -> Scores:
    """1 where the right choice is, as a whole, the most probable answer, else 0 (Brown et al., 2020, section 2.4).

    ln p(answer) = Σ ln p(token), so long answers are at a disadvantage. Ties and errors as in `by_letter`.
    """
    return _is_right(_of_answers(model, tokenizer, prompts, questions), questions)


def by_answer_per_byte(model: Any, tokenizer: Tokenizer, prompts: Prompts, questions: Questions) -> Scores:
    """As `by_answer`, but each answer's ln p is divided by its number of bytes in UTF-8.

    The measure does not depend on the tokenizer: Gao (2021), "Multiple choice normalization in LM evaluation".
    """
    log_p = _of_answers(model, tokenizer, prompts, questions)
    n_bytes = [[len(choice.encode()) for choice in question.choices] for question in questions]
    return _is_right([nats / np.array(sizes) for nats, sizes in zip(log_p, n_bytes, strict=True)], questions)


def _of_answers(model: Any, tokenizer: Tokenizer, prompts: Prompts, questions: Questions) -> list:
    choices = [[f" {choice}" for choice in question.choices] for question in questions]
    return choice_log_probabilities(model, tokenizer, prompts, choices)


def _is_right(scores: list[np.ndarray], questions: Questions) -> Scores:
    for index, question in enumerate(questions):
        fits = question.answers and question.answers[0] in question.choices
        require(fits, f"the answer of questions[{index}] must be among its choices", question.answers)
    right = [question.choices.index(question.answers[0]) for question in questions]
    return np.array([float(np.argmax(each) == one) for each, one in zip(scores, right, strict=True)])


def generated(
    score: Callable[[str, Question], float | int], config: GenerationConfig, stop: str | Sequence[str] = "\n"
) -> Scoring:
    """A scoring that lets the model write an answer, up to `stop`, and scores this text: `score(text, question)`.

    >>> exact = generated(lambda text, question: text.strip() in question.answers, GenerationConfig(temperature=0))
    """
    require(callable(score), "score must be a function of a text and a question", score)
    require(isinstance(config, GenerationConfig), "config must be a GenerationConfig", config)

    def scoring(model: Any, tokenizer: Tokenizer, prompts: Prompts, questions: Questions) -> Scores:
        model, texts = _decoder(model), []
        for start in range(0, len(prompts), BATCH):
            texts += generate_text(model, tokenizer, prompts[start : start + BATCH], config, stop=stop)
        return np.array([float(score(text, one)) for text, one in zip(texts, questions, strict=True)])

    return scoring


def choice_log_probabilities(
    model: Any, tokenizer: Tokenizer, prompts: Prompts, choices: Sequence[Sequence[str]]
) -> list[Float[np.ndarray, " _"]]:
    """ln p(choice | prompt) in nats for each choice of each prompt: a choice is the text that follows directly.

    Prompt and choice are tokenized together, as the model knows text. If the prompt's last tokens then differ, they
    count as part of each choice. Prompts of similar length are read at once. Raises ValueError for a prompt without
    choices, an empty choice, and for what the model cannot read.
    """
    model = _decoder(model)
    require(isinstance(tokenizer, Tokenizer), "tokenizer must be a Tokenizer", tokenizer)
    require(isinstance(prompts, Sequence) and not isinstance(prompts, str), "prompts must be a list", prompts)
    require(len(prompts) == len(choices), f"there must be choices for each of the {len(prompts)} prompts", choices)
    rows = [_split(tokenizer, index, *pair) for index, pair in enumerate(zip(prompts, choices, strict=True))]
    order = sorted(range(len(rows)), key=lambda index: len(rows[index][0]))
    found: dict[int, np.ndarray] = {}
    for start in range(0, len(order), BATCH):
        batch = order[start : start + BATCH]
        ends = np.cumsum([len(rows[index][1]) for index in batch])
        log_p = _log_probabilities(model, [rows[index] for index in batch]).cpu().numpy()
        found.update(zip(batch, np.split(log_p, ends[:-1]), strict=True))
    return [found[index] for index in range(len(rows))]


Row = tuple[list[int], list[list[int]]]  # the tokens that a prompt and its choices share, and each choice's own


def _split(tokenizer: Tokenizer, index: int, prompt: Prompt, choices: Sequence[str]) -> Row:
    choices = texts_of(f"choices[{index}]", choices)
    require(choices and all(choices), f"choices[{index}] must be texts of at least one character", choices)
    if isinstance(prompt, str):
        ids, whole = tokenizer.encode(prompt), [tokenizer.encode(prompt + choice) for choice in choices]
    else:
        ids = ids_of(f"prompts[{index}]", prompt, tokenizer.vocab_size).tolist()
        whole = [ids + tokenizer.encode(choice) for choice in choices]
    shared = sum(1 for _ in takewhile(lambda tokens: len(set(tokens)) == 1, zip(ids, *whole, strict=False)))
    require(shared, f"prompts[{index}] must hold a token that is the same before each choice", prompt)
    return ids[:shared], [tokens[shared:] for tokens in whole]


@torch.no_grad()
def _log_probabilities(model: Decoder, batch: list[Row]) -> Float[Tensor, " N"]:
    """ln p of each choice's tokens, of one prompt after another."""
    parents = [index for index, (_, choices) in enumerate(batch) for _ in choices]
    shares = hasattr(model, "reorder")  # else each choice reads its prompt for itself
    prefixes = [prefix for prefix, _ in batch] if shares else [batch[index][0] for index in parents]
    with evaluating(model) as device:
        targets, lengths = padded([choice for _, choices in batch for choice in choices], device)  # (N, T)
        state = model.start(*padded([prefix[:-1] for prefix in prefixes], device))
        first, state = model.step(torch.tensor([prefix[-1] for prefix in prefixes], device=device), state)
        if shares:
            rows = torch.tensor(parents, device=device)
            first, state = first[rows], model.reorder(state, rows)
        logits = [first[:, None]]
        if targets.shape[1] > 1 and hasattr(model, "extend"):
            logits.append(model.extend(targets[:, :-1], state, lengths - 1)[0])
        else:
            for tokens in targets.T[:-1]:
                following, state = model.step(tokens, state)
                logits.append(following[:, None])
        logits = torch.cat(logits, dim=1).float()  # half precision sums too coarsely
        log_p = logits.gather(2, targets[..., None])[..., 0] - logits.logsumexp(dim=-1)
        padding = torch.arange(targets.shape[1], device=device) >= lengths[:, None]
        return log_p.masked_fill(padding, 0).sum(dim=1)


def _decoder(model: Any) -> Decoder:
    """The model itself, or one of Transformers behind our contract."""
    model = TransformersDecoder(model) if _is_of_transformers(model) else model
    require(isinstance(model, Decoder), "model must have start and step (see Decoder)", type(model).__name__)
    return model


class TransformersDecoder(nn.Module):
    """A causal language model of the library Transformers behind our contract, so that `generate` works with it too.

    The state is Transformers' cache, which of its positions are real (the others are padding), and how many tokens each
    row has read. A call that goes on from a state uses it up. Raises ValueError for anything but such a model.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        require(_is_of_transformers(model), "model must be a causal language model of Transformers", model)
        self.model, self.config = model, model.config

    def start(self, source: Int[Tensor, "B T"], lengths: Int[Tensor, " B"]) -> tuple:
        """The state after each row's first `lengths` tokens."""
        state = (None, source.new_zeros(len(source), 0, dtype=torch.bool), torch.zeros_like(lengths))
        return self._read(self.model.base_model, source, state, lengths)[1] if source.shape[1] else state

    def step(self, tokens: Int[Tensor, " B"], state: tuple) -> tuple[Float[Tensor, "B V"], tuple]:
        """The logits of what follows one more token a row, and the state after it."""
        logits, state = self.extend(tokens[:, None], state, torch.ones_like(tokens))
        return logits[:, 0], state

    def extend(self, tokens: Int[Tensor, "B N"], state: tuple, lengths: Int[Tensor, " B"]) -> tuple[Tensor, tuple]:
        """The logits after each of several more tokens a row, (B, N, V), of which the first `lengths` are real."""
        out, state = self._read(self.model, tokens, state, lengths)
        return out.logits, state

    def reorder(self, state: tuple, rows: Int[Tensor, " N"]) -> tuple:
        """The state of these rows, in this order."""
        cache, real, read = state
        if cache is not None:
            cache.reorder_cache(rows)
        return cache, real[rows], read[rows]

    def _read(self, model: nn.Module, tokens: Tensor, state: tuple, lengths: Tensor) -> tuple[Any, tuple]:
        cache, real, read = state
        new = torch.arange(tokens.shape[1], device=tokens.device)
        real = torch.cat([real, new < lengths[:, None]], dim=1)
        options = {"attention_mask": real.long(), "position_ids": read[:, None] + new, "use_cache": True}
        out = model(tokens, past_key_values=cache, **options)
        return out, (out.past_key_values, real, read + lengths)


def _is_of_transformers(model: Any) -> bool:
    return isinstance(model, nn.Module) and hasattr(model, "base_model") and hasattr(model, "generate")
