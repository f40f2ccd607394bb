"""The engine behind the checks: it runs an answer, compares it with the right function, and says what is wrong.

It looks only at what an answer does, never at its text. Words come from the declared mistake that the answer makes
in the cases where it is wrong, else from two of them, else from the difference in the smallest wrong case.
"""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from classroom import answers, differences, forms, showing
from classroom.answers import Outcome

if TYPE_CHECKING:
    from classroom.exercise import Exercise, Experiment

__all__ = ["judge", "score"]

NOTHING = "it returns nothing so far. If you did write it: is the `return` missing?"


@dataclass(frozen=True, eq=False)
class _Result:
    """What an answer gave in a case, beside the right result."""

    place: int
    inputs: tuple[Any, ...]
    got: Outcome
    expected: Any
    tolerance: float

    @functools.cached_property
    def value(self) -> Any:
        """The answer's result in the form of the right one."""
        return forms.conform(self.got.value, self.expected)

    @functools.cached_property
    def right(self) -> bool:
        return not self.got.error and forms.same(self.value, self.expected, self.tolerance)

    @property
    def edge(self) -> str:
        return getattr(self.inputs, "edge", "")

    def is_value(self, outcome: Outcome) -> bool:
        """Whether another function's outcome is the answer's value."""
        if self.got.error or outcome.error:
            return False
        return forms.same(forms.conform(outcome.value, self.expected), self.value, self.tolerance)


def judge(exercise: Exercise, answer: Any, seed: int) -> tuple[bool | None, str]:
    """Whether the answer passes (None: not attempted), and the words."""
    if not callable(answer):
        return False, f"a function is expected here, but this is {showing.show(answer)}."
    if replaced := answers.put_back():
        return False, f"`{replaced[0]}` had been replaced in this notebook; it is put back: run your cell again."
    cases, wanted = _right(exercise, seed)
    if misfit := _misfit(answer, cases[0] if exercise.takes_inputs else (), exercise.inputs):
        return False, misfit
    if not exercise.takes_inputs and ((made := answers.run(answer, ())).error or _is_nothing(made)):
        return (False, made.error) if made.error else (None, NOTHING)
    outcomes = []
    for inputs in cases:
        outcomes.append(_run(exercise, answer, inputs, answers.run))
        if outcomes[-1].fatal:
            return False, _with_printed(outcomes[-1].error, outcomes)
    if all(map(_is_nothing, outcomes)):
        return None, NOTHING
    results = [
        _Result(place, *three, exercise.tolerance)
        for place, three in enumerate(zip(cases, outcomes, wanted, strict=True))
    ]
    if all(result.right for result in results):
        return True, exercise.praise
    if exercise.found and _is_as_found(exercise, results):
        return None, "this is still the function as you found it: measure what it does, then change it."
    return False, _with_printed(_why(exercise, answer, results, seed), outcomes)


@functools.lru_cache(maxsize=4)
def _right(exercise: Exercise, seed: int) -> tuple[list[tuple[Any, ...]], list[Any]]:
    """The cases of a seed, and the right results."""
    cases = list(exercise.cases(seed))
    outcomes = [_run(exercise, exercise.right, inputs, answers.trusted) for inputs in cases]
    for outcome in outcomes:
        assert not outcome.error, f"the right function of {exercise.id} fails: {outcome.error}"
    return cases, [outcome.value for outcome in outcomes]


@dataclass(frozen=True, eq=False)
class _Declared:
    """A declared mistake in the cases of a seed: its outcomes, and where it gives a wrong value."""

    words: str
    outcomes: list[Outcome]
    differs: frozenset[int]

    @property
    def raises(self) -> set[int]:
        return {place for place, outcome in enumerate(self.outcomes) if outcome.error}


@functools.lru_cache(maxsize=4)
def _declared(exercise: Exercise, seed: int) -> list[_Declared]:
    """The declared mistakes in the cases of a seed."""
    return [_in_cases(exercise, words, function, seed) for words, function in exercise.mistakes()]


def _in_cases(exercise: Exercise, words: str, function: Callable[..., Any], seed: int) -> _Declared:
    cases, wanted = _right(exercise, seed)
    outcomes = [_run(exercise, function, inputs, answers.trusted) for inputs in cases]
    differs = frozenset(
        place
        for place, (outcome, right) in enumerate(zip(outcomes, wanted, strict=True))
        if not outcome.error and not forms.same(forms.conform(outcome.value, right), right, exercise.tolerance)
    )
    return _Declared(words, outcomes, differs)


def _is_nothing(outcome: Outcome) -> bool:
    return not outcome.error and (outcome.value is None or outcome.value is ...)


def _misfit(answer: Callable[..., Any], inputs: tuple[Any, ...], names: Sequence[str]) -> str:
    """Words for an answer that cannot be called with the inputs; "" where it can, or where Python cannot tell."""
    try:
        signature = inspect.signature(answer)
        signature.bind(*inputs)
    except ValueError:  # a function written in C
        return ""
    except TypeError:
        called = f" ({', '.join(names)})" if inputs else ""
        many = f"{len(inputs)} input{'' if len(inputs) == 1 else 's'}{called}"
        return f"it is called with {many}, but your function takes {signature}."
    return ""


def _run(
    exercise: Exercise, function: Callable[..., Any], inputs: tuple[Any, ...], run: Callable[..., Outcome]
) -> Outcome:
    """What a function, or a design, comes to in a case; `run` guards it, or trusts it."""
    target = exercise.through(function) if exercise.through else function
    outcome = run(target, tuple(inputs), exercise.seconds)
    if outcome.error or exercise.form is None or _is_nothing(outcome):
        return outcome
    return run(lambda: exercise.form(outcome.value), (), exercise.seconds)


def _is_as_found(exercise: Exercise, results: Sequence[_Result]) -> bool:
    """Whether the answer does in every case what the function does that the reader was to mend."""
    found = [_run(exercise, exercise.found, result.inputs, answers.trusted) for result in results]
    return all(
        result.is_value(outcome) or (result.got.error and outcome.error and result.got.raised == outcome.raised)
        for result, outcome in zip(results, found, strict=True)
    )


def _why(exercise: Exercise, answer: Any, results: Sequence[_Result], seed: int) -> str:
    """What is wrong with an answer that differs in some of the results."""
    wrong = [result for result in results if not result.right]
    valued = [result for result in wrong if not result.got.error]
    raising = {result.place for result in wrong if result.got.error}
    declared = _declared(exercise, seed)
    if len(valued) <= len(raising):  # mostly errors: what they say comes first, unless a mistake raises them, too
        declared = [mistake for mistake in declared if mistake.raises >= raising]
        return (_named(results, valued, declared) if valued else "") or _raised(wrong, results, declared)
    named = _named(results, valued, declared) or _two_changes(exercise, results, valued, seed)
    return named or _located(exercise, answer, results, valued)


def _raised(wrong: Sequence[_Result], results: Sequence[_Result], declared: Sequence[_Declared]) -> str:
    """The error of the smallest case that raises one, and a declared mistake that raises its like in the same cases."""
    raising = [result for result in wrong if result.got.error]
    first = min(raising, key=lambda result: _size(result.inputs))
    head = f"right in {len(results) - len(wrong)} of {len(results)} cases, but " if len(wrong) < len(results) else ""
    words = f"{head}{first.got.error}" + (f" (the case: {first.edge})" if first.edge else "")
    for mistake in declared if first.got.raised else ():
        same = all(mistake.outcomes[result.place].raised == result.got.raised for result in raising)
        if same and mistake.raises == {result.place for result in raising}:
            return f"{words}\nPerhaps this is why: {mistake.words}"
    return words


def _named(results: Sequence[_Result], valued: Sequence[_Result], declared: Sequence[_Declared]) -> str:
    """The declared mistake that the answer makes in every case where it is wrong, or two that share them; else "".

    To fit, a mistake must also agree with the answer in at least half of the cases in which the mistake itself is
    wrong: the same slip with an edge handled well is recognised, a coincidence is not. The largest share comes first.
    """
    places = {result.place for result in valued}
    fitting, partly = [], []
    for mistake in declared:
        agrees, share = _agreement(results, mistake)
        if share >= 0.5 and places <= agrees:
            fitting.append((-share, len(fitting), mistake.words))
        elif share >= 1 / 3:
            partly.append((mistake.words, agrees & places))
    if fitting:
        return min(fitting)[2]
    for (words, one), (others, two) in itertools.combinations(partly, 2):
        if words != others and one | two == places and min(len(one), len(two)) > 1:
            return _both(words, others)
    return ""


def _agreement(results: Sequence[_Result], mistake: _Declared) -> tuple[set[int], float]:
    """In which cases a mistake does what the answer does, and their share of the cases where it gives a wrong value."""
    agrees = {result.place for result in results if result.is_value(mistake.outcomes[result.place])}
    return agrees, len(agrees & mistake.differs) / max(len(mistake.differs), 1)


def _two_changes(exercise: Exercise, results: Sequence[_Result], valued: Sequence[_Result], seed: int) -> str:
    """Two changes of the right function that together do what the answer does."""
    places = {result.place for result in valued}
    for (words, one), (others, two) in itertools.combinations(exercise.changes(), 2):
        if words == others or one.keys() & two.keys():
            continue
        function = functools.partial(exercise.right, **one, **two)
        if not valued[0].is_value(_run(exercise, function, valued[0].inputs, answers.trusted)):
            continue
        agrees, share = _agreement(results, _in_cases(exercise, words, function, seed))
        if share >= 0.5 and places <= agrees:
            return _both(words, others)
    return ""


def _both(words: str, others: str) -> str:
    return f"two things. {_sentence(words)} {_sentence(others)}"


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _located(exercise: Exercise, answer: Any, results: Sequence[_Result], valued: Sequence[_Result]) -> str:
    """The difference in words, and the smallest case that shows it."""
    valued = sorted(valued, key=lambda result: _size(result.inputs))
    first, right = valued[0], sum(result.right for result in results)
    pairs = [(result.value, result.expected) for result in valued]
    words = differences.relation(pairs, [result.inputs for result in valued], exercise.inputs)
    if right == 0 and not exercise.through and differences.alike(pairs):
        words = _ignored(exercise, answer, results) or words
    edges = list(dict.fromkeys(result.edge for result in valued))
    where = f", but not for {' or '.join(edges[:2])}" if all(edges) else ""
    lines = [f"right in {right} of {len(results)} cases{where}."] if right else []
    lines += [_sentence(words)] if words else []
    lines.append(f"For {showing.show_inputs(first.inputs, exercise.inputs)}")
    lines[-1] += f" ({first.edge}):" if first.edge and not where else ":"
    lines += [f"expected {showing.show(first.expected)}", f"but got  {showing.show(first.value)}"]
    return "\n".join(lines)


def _ignored(exercise: Exercise, answer: Any, results: Sequence[_Result]) -> str:
    """Words for an input that changes the right result and not the answer's; "" where there is none."""
    for place, name in enumerate(exercise.inputs if len(exercise.inputs) > 1 else ()):
        swaps = [_swapped(exercise, answer, place, *two) for two in itertools.permutations(results[:5], 2)]
        changes = [unchanged for unchanged in swaps if unchanged is not None]
        if changes and all(changes):
            return f"`{name}` changes nothing in your result."
    return ""


def _swapped(exercise: Exercise, answer: Any, place: int, one: _Result, other: _Result) -> bool | None:
    """Whether the answer stays the same with one input of another case; None where the right result stays, too."""
    inputs = (*one.inputs[:place], other.inputs[place], *one.inputs[place + 1 :])
    right = _run(exercise, exercise.right, inputs, answers.trusted)
    if right.error or forms.same(forms.conform(right.value, one.expected), one.expected, one.tolerance):
        return None
    mine = _run(exercise, answer, inputs, answers.run)
    return None if mine.error else one.is_value(mine)


def _with_printed(words: str, outcomes: Sequence[Outcome]) -> str:
    printed = next((outcome.printed for outcome in outcomes if outcome.printed), "")
    return f"{words}\n({printed})" if printed else words


def _size(value: Any) -> int:
    """How large inputs are: the smallest case is shown."""
    if hasattr(value, "shape"):
        return functools.reduce(lambda size, axis: size * axis, value.shape, 1)
    if isinstance(value, dict):
        return 1 + sum(_size(part) for pair in value.items() for part in pair)
    if isinstance(value, list | tuple | set):
        return 1 + sum(map(_size, value))
    return len(value) if isinstance(value, str) else 1


def score(experiment: Experiment, answer: Any, seed: int) -> tuple[bool | None, str]:
    """Whether the choice that the answer returns reaches the goal; where it stands; what is worth a try."""
    if not callable(answer):
        return False, f"a function is expected here, but this is {showing.show(answer)}."
    if misfit := _misfit(answer, (), ()):
        return False, misfit
    choice = answers.run(answer, ())
    if _is_nothing(choice):
        return None, NOTHING
    scored = (
        choice if choice.error else answers.run(lambda: experiment.score(choice.value, seed), (), experiment.seconds)
    )
    if scored.error:
        return False, _with_printed(scored.error, [choice])
    value, lower = scored.value, experiment.lower_is_better
    reached = value <= experiment.goal if lower else value >= experiment.goal
    bound = f"{'at most' if lower else 'at least'} {experiment.goal:g}"
    words = f"{value:.3f} {experiment.unit}; the goal is {bound}. {_standing(experiment, value)}"
    tips = [tip for tip, holds in experiment.advice.items() if not reached and holds(choice.value)]
    return reached, f"{words} Worth a try: {tips[0]}" if tips else words


def _standing(experiment: Experiment, value: float) -> str:
    rows, lower = experiment.stored(), experiment.lower_is_better
    beaten = sum(value < other if lower else value > other for _, other in rows)
    choice, best = (min if lower else max)(rows, key=lambda row: row[1])
    return f"That beats {beaten} of the {len(rows)} stored choices, the best of which is {choice} with {best:.3f}."
