"""An exercise is data: the right function, its cases, its wrong variants with their words; one engine judges an answer.

    @exercise(
        praise="(3, 4) and (4, 3): 24 / 25 = 0.96.",
        cases=lambda seed: [(u, v), case(zero, v, edge="a zero vector")],
        wrong={
            "this is the dot product: divide it by both norms.": torch.dot,
            "you divide by the squared norms: take the root.": {"norm": lambda u: u @ u},
        },
    )
    def cosine_similarity(u, v, *, norm=torch.norm):
        return u @ v / (norm(u) * norm(v))

A wrong variant is a function, or what is changed in the right one: values of its keyword-only parameters, which are the
places where it can go wrong; or a list of such variants that get the same words. `classroom.judging` is the engine.
"""

import functools
import html
import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from classroom import answers, forms, judging, showing
from classroom.progress import record_mistake, record_passed

__all__ = ["Case", "Exercise", "Experiment", "Verdict", "case", "exercise", "experiment"]

Variant = Callable[..., Any] | Mapping[str, Any]
Wrong = Mapping[str, Variant | list[Variant]]


@dataclass(frozen=True)
class Verdict:
    """What a check says; `passed` is None where the exercise was not attempted."""

    exercise: str
    passed: bool | None
    message: str
    whose: str = ""  # "the solution" where it is not the reader's

    def __repr__(self) -> str:
        sign = {True: "✔ passed", False: "✘ not yet", None: "○ not attempted yet"}[self.passed]
        by = f" by {self.whose}" if self.whose else ""
        return f"{sign}{by} · {self.message}" if self.message else f"{sign}{by}"

    def _repr_html_(self) -> str:
        colour = "#0072B2" if self.whose else {True: "#009E73", False: "#D55E00", None: "#888888"}[self.passed]
        style = f"border-left: 5px solid {colour}; padding: 0.4em 0.8em; white-space: pre-wrap"
        text = re.sub(r"`([^`\n]+)`", r"<code>\1</code>", html.escape(repr(self), quote=False))
        return f'<div style="{style}">{text}</div>'


class Case(tuple):
    """The inputs of one call, and the name of the edge that they stand for ("a zero vector"), if any."""

    edge: str = ""


def case(*inputs: Any, edge: str = "") -> Case:
    """A case with a name: an answer that is wrong there alone is told so by that name."""
    made = Case(inputs)
    made.edge = edge
    return made


class _Check:
    """A check: an answer goes in, a verdict comes out. What Exercise and Experiment share."""

    id: str

    @property
    def name(self) -> str:
        """The exercise's name without its notebook's."""
        return self.id.rpartition(".")[2]

    def judge(self, answer: Any, seed: int) -> tuple[bool | None, str]:
        """Whether the answer passes (None: not attempted), and the words."""
        raise NotImplementedError

    def __call__(self, answer: Any, seed: int = 0, record: bool = True) -> Verdict:
        """The verdict on an answer. A pass is recorded as progress unless record=False."""
        if answer is None or answer is ...:
            message = f"replace the `...` of {self.name} with your answer, run that cell, then this one."
            return Verdict(self.id, None, message)
        try:
            passed, message = self.judge(answer, seed)
        except Exception as error:  # no check may raise in a reader's notebook
            passed, message = False, f"the check could not compare your result ({type(error).__name__}: {error})."
        problem = ""
        if record and passed is not None:
            problem = record_passed(self.id) if passed else record_mistake(self.id, _first_sentence(message))
        if problem:
            message = f"{message} ({problem})".strip()
        solution = not record and str(getattr(answer, "__name__", "")).endswith("_solution")
        return Verdict(self.id, passed, showing.shorten(message), "the solution" if solution else "")

    def yours_or(self, answer: Any, ours: Callable[..., Any]) -> Callable[..., Any]:
        """The reader's function if it passes, else the library's; prints whose it is."""
        if self(answer, record=False).passed:
            print(f"{self.name}: yours")
            return answer
        print(f"{self.name}: the library's, until yours passes its check")
        return ours


@dataclass(frozen=True, repr=False, eq=False)
class Exercise(_Check):
    """An exercise whose answers are compared with the right function on cases. Made by the decorator `exercise`."""

    id: str
    right: Callable[..., Any]
    cases: Callable[[int], Sequence[tuple[Any, ...]]]
    wrong: Wrong
    praise: str
    kind: str = "build"  # or "debug" or "design"
    found: Callable[..., Any] | None = None  # of a debug exercise: the function as the reader finds it
    through: Callable[[Any], Callable[..., Any]] | None = None  # from an answer to what is compared of it
    form: Callable[[Any], Any] | None = None  # puts a plain result in the form in which it is compared
    tolerance: float = forms.TOLERANCE
    seconds: float | int = answers.SECONDS

    def __post_init__(self) -> None:
        for words, changes in self.changes():
            if unknown := changes.keys() - inspect.signature(self.right).parameters.keys():
                raise ValueError(
                    f"{self.id}: {words!r} changes {', '.join(sorted(unknown))}, and there is no such place"
                )

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of what the function is called with."""
        called = inspect.signature(self.through(self.right) if self.through else self.right)
        return tuple(p.name for p in called.parameters.values() if p.kind is not inspect.Parameter.KEYWORD_ONLY)

    @property
    def takes_inputs(self) -> bool:
        """Whether an answer is called with inputs; a design takes none."""
        parameters = inspect.signature(self.right).parameters.values()
        return any(parameter.kind is not inspect.Parameter.KEYWORD_ONLY for parameter in parameters)

    def variants(self) -> Iterator[tuple[str, Variant]]:
        """Every declared mistake: its words, and the variant as it is declared."""
        for words, variants in self.wrong.items():
            yield from ((words, variant) for variant in (variants if isinstance(variants, list) else [variants]))

    def mistakes(self) -> Iterator[tuple[str, Callable[..., Any]]]:
        """Every declared mistake: its words, and a function that makes it, as an answer would."""
        for words, variant in self.variants():
            yield words, functools.partial(self.right, **variant) if isinstance(variant, Mapping) else variant

    def changes(self) -> list[tuple[str, Mapping[str, Any]]]:
        """The declared mistakes that are changes of the right function, which can be combined."""
        return [(words, variant) for words, variant in self.variants() if isinstance(variant, Mapping)]

    def judge(self, answer: Any, seed: int) -> tuple[bool | None, str]:
        """Whether the answer passes, and the words: praise, or what is wrong."""
        return judging.judge(self, answer, seed)


@dataclass(frozen=True, repr=False, eq=False)
class Experiment(_Check):
    """An exercise whose answer chooses something that is scored, and stands beside stored scores.

    `score(choice, seed)` raises Mistake, with words, for a choice that is not allowed.
    """

    id: str
    score: Callable[[Any, int], float | int]
    goal: float | int
    unit: str
    stored: Callable[[], Sequence[tuple[str, float | int]]]  # what was chosen before, with the scores
    advice: Mapping[str, Callable[[Any], bool]]  # what is worth a try, where it holds of the choice
    wrong: Mapping[str, Callable[..., Any]]  # answers that miss the goal, or are not allowed, with words of the verdict
    lower_is_better: bool = True
    kind: str = "experiment"
    seconds: float | int = 60

    def mistakes(self) -> Iterator[tuple[str, Callable[..., Any]]]:
        """Every declared mistake: its words, and a function that makes it, as an answer would."""
        yield from self.wrong.items()

    def judge(self, answer: Any, seed: int) -> tuple[bool | None, str]:
        """Whether the reader's choice reaches the goal, where it stands, and what is worth a try."""
        return judging.score(self, answer, seed)


def _first_sentence(message: str, most: int = 240) -> str:
    """What a check said, without the numbers of the answer that may follow in further lines."""
    line = message.strip().partition("\n")[0]
    return line if len(line) <= most else f"{line[: most - 1]}…"


def exercise(**data: Any) -> Callable[[Callable[..., Any]], Exercise]:
    """Make an Exercise of the right function; its module's name and its own are the exercise's id."""

    def make(right: Callable[..., Any]) -> Exercise:
        return Exercise(id=_id(right), right=right, **data)

    return make


def experiment(**data: Any) -> Callable[[Callable[..., Any]], Experiment]:
    """Make an Experiment of the function that scores a choice; its module's name and its own are the exercise's id."""

    def make(score: Callable[[Any, int], float]) -> Experiment:
        return Experiment(id=_id(score), score=score, **data)

    return make


def _id(function: Callable[..., Any]) -> str:
    return f"{function.__module__.rpartition('.')[2]}.{function.__name__}"
