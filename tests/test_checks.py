"""The exercises: each with its solution, its stub, other right answers, wrong ones, and all its declared mistakes."""

import importlib
import pkgutil

import pytest

from classroom import checks, notebooks
from classroom.exercise import Exercise, Experiment


def _exercises():
    for path in notebooks.notebooks():
        for found in notebooks.exercises(notebooks.read(path)):
            yield found.id, path


EXERCISES = dict(_exercises())
SLUGS = sorted({identity.partition(".")[0] for identity in EXERCISES})
ANSWERS = {slug: importlib.import_module(f"answers.{slug}") for slug in SLUGS}
SEEDS = (0, 17)


def _check(identity):
    slug, _, name = identity.partition(".")
    return getattr(importlib.import_module(f"classroom.checks.{slug}"), name)


def _answers(kind, identity):
    slug, _, name = identity.partition(".")
    return getattr(ANSWERS[slug], kind).get(name, [])


def _cases(kind):
    for identity in EXERCISES:
        for number, answer in enumerate(_answers(kind, identity)):
            yield pytest.param(identity, answer, id=f"{identity}-{number}")


def _defined_in(identity, kind):
    """What the stub or the solution of the notebook defines, with the notebook's imports at hand."""
    notebook, name = notebooks.read(EXERCISES[identity]), identity.partition(".")[2]
    imports = next(cell.source for cell in notebook.cells if cell.cell_type == "code")
    cells = [cell for cell in notebook.cells if kind in cell.metadata.get("tags", [])]
    names = {}
    exec(imports, names)
    exec(next(cell.source for cell in cells if f"def {name}" in cell.source), names)
    return names.get(f"{name}_solution") or names[name]


@pytest.fixture(autouse=True, scope="module")
def _every_choice_is_scored_once():
    """A choice trains for seconds, and comes up to ten times: in other tests, with other seeds, in its own cell."""
    experiments = [check for check in map(_check, EXERCISES) if isinstance(check, Experiment)]
    scores = [check.score for check in experiments]
    for check in experiments:
        object.__setattr__(check, "score", _once(check.score))
    yield
    for check, score in zip(experiments, scores, strict=True):
        object.__setattr__(check, "score", score)


def _once(score):
    """A score is one of the choice alone: nothing can be seeded with what comes as its seed, so that a use fails."""
    scored = {}

    def remembered(choice, seed):
        key = repr(choice)
        if key not in scored:
            scored[key] = choice, score(choice, object())  # the choice lives on, or another could get its address
        return scored[key][1]

    return remembered


def test_every_exercise_belongs_to_a_notebook_and_every_notebook_has_its_module():
    modules = {module.name: importlib.import_module(f"classroom.checks.{module.name}")
               for module in pkgutil.iter_modules(checks.__path__)}  # fmt: skip
    there = {f"{slug}.{name}" for slug, module in modules.items() for name in module.__all__}
    assert there == set(EXERCISES)
    assert all(_check(identity).id == identity for identity in EXERCISES)


@pytest.mark.parametrize("identity", EXERCISES)
def test_solution_passes(identity):
    solution = _defined_in(identity, "solution")
    for seed in (*SEEDS, 2):
        verdict = _check(identity)(solution, seed=seed, record=False)
        assert verdict.passed and verdict.exercise == identity, verdict
        assert str(verdict).startswith("✔ passed by the solution · ")


@pytest.mark.parametrize("identity", EXERCISES)
def test_stub_is_not_attempted(identity):
    check = _check(identity)
    for stub in (_defined_in(identity, "exercise"), ..., None, lambda *inputs: ...):
        verdict = check(stub)
        assert verdict.passed is None and str(verdict).startswith("○ not attempted yet"), verdict


@pytest.mark.parametrize("identity, answer", list(_cases("RIGHT")))
def test_another_right_answer_passes(identity, answer):
    for seed in SEEDS:
        verdict = _check(identity)(answer, seed=seed, record=False)
        assert verdict.passed, verdict


@pytest.mark.parametrize("identity, wrong", list(_cases("WRONG")))
def test_wrong_answer_is_named(identity, wrong):
    answer, words = wrong
    for seed in SEEDS:
        verdict = _check(identity)(answer, seed=seed)
        assert verdict.passed is False and words in verdict.message, verdict
        assert len(verdict.message) <= 400 and "could not compare" not in verdict.message


@pytest.mark.parametrize("identity", EXERCISES)
def test_every_declared_mistake_is_wrong_and_told_by_its_own_words(identity):
    """It differs from the right answer on the cases, and no other mistake is recognised in its place."""
    check = _check(identity)
    for words, function in check.mistakes():
        for seed in SEEDS:
            verdict = check(function, seed=seed, record=False)
            assert verdict.passed is False, words
            assert words[1:] in verdict.message, f"declared: {words}\nsaid: {verdict.message}"


@pytest.mark.parametrize("identity", EXERCISES)
def test_an_answer_on_file_reaches_every_declared_mistake(identity):
    check = _check(identity)
    assert len(_answers("RIGHT", identity)) >= 1 and len(_answers("WRONG", identity)) >= 3
    said = [check(answer, record=False).message for answer, _ in _answers("WRONG", identity)]
    unreached = [words for words, _ in check.mistakes() if not any(words[1:] in message for message in said)]
    assert unreached == []


@pytest.mark.parametrize("identity", EXERCISES)
def test_words_are_one_line_and_short(identity):
    check = _check(identity)
    for words, _ in check.mistakes():
        assert "\n" not in words and len(words) <= 250, words
    if isinstance(check, Exercise):
        assert check.praise and "\n" not in check.praise
