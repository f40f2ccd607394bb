"""The checks: every exercise of every notebook with right answers, wrong answers and its stub; and their machinery."""

import importlib
import json

import numpy as np
import pytest
import torch

from classroom import notebooks
from classroom.checks import Verdict, compare, exercise, same
from classroom.progress import passed, progress_file, record_passed


def _exercises():
    for path in notebooks.notebooks():
        for found in notebooks.exercises(notebooks.read(path)):
            yield path, found.id


EXERCISES = {identity: path for path, identity in _exercises()}
ANSWERS = {identity: importlib.import_module(f"answers.{identity.split('.')[0]}") for identity in EXERCISES}


def _check(identity):
    slug, _, function = identity.partition(".")
    return getattr(importlib.import_module(f"classroom.checks.{slug}"), function)


def _cases(kind):
    for identity, answers in ANSWERS.items():
        for number, answer in enumerate(getattr(answers, kind)[identity.partition(".")[2]]):
            yield pytest.param(identity, answer, id=f"{identity}-{number}")


def _defined_in(identity, kind):
    """What the stub or the solution of the notebook defines, with the notebook's imports at hand."""
    notebook, function = notebooks.read(EXERCISES[identity]), identity.partition(".")[2]
    imports = next(cell.source for cell in notebook.cells if cell.cell_type == "code")
    cells = [cell for cell in notebook.cells if kind in cell.metadata.get("tags", [])]
    names = {}
    exec(imports, names)
    exec(next(cell.source for cell in cells if f"def {function}" in cell.source), names)
    return names.get(f"{function}_solution") or names[function]


@pytest.fixture
def progress(monkeypatch, tmp_path):
    file = tmp_path / "a folder" / "progress.json"
    monkeypatch.setenv("COURSE_PROGRESS", str(file))
    return file


@pytest.mark.parametrize("seed", [0, 1, 17])
@pytest.mark.parametrize("identity", EXERCISES)
def test_solution_passes(identity, seed):
    verdict = _check(identity)(_defined_in(identity, "solution"), seed=seed, record=False)
    assert verdict.passed and verdict.exercise == identity, verdict


@pytest.mark.parametrize("identity", EXERCISES)
def test_stub_is_not_attempted(identity):
    check = _check(identity)
    for stub in (_defined_in(identity, "exercise"), ..., None, lambda *inputs: ...):
        verdict = check(stub)
        assert verdict.passed is None and str(verdict).startswith("○ not attempted yet")


@pytest.mark.parametrize("identity, answer", list(_cases("RIGHT")))
def test_another_right_answer_passes(identity, answer):
    for seed in range(5):
        assert _check(identity)(answer, seed=seed, record=False).passed, _check(identity)(answer, seed=seed)


@pytest.mark.parametrize("identity, wrong", list(_cases("WRONG")))
def test_wrong_answer_is_named(identity, wrong, progress):
    answer, words = wrong
    for seed in range(5):
        verdict = _check(identity)(answer, seed=seed)
        assert verdict.passed is False and words in verdict.message, verdict
    assert not progress.exists()


@pytest.mark.parametrize("identity", EXERCISES)
def test_there_are_enough_answers(identity):
    function = identity.partition(".")[2]
    assert len(ANSWERS[identity].RIGHT[function]) >= 1
    assert len(ANSWERS[identity].WRONG[function]) >= 3


@exercise
def doubled(answer, seed):
    """Used by the tests below."""
    compare(answer, lambda x: 2 * x, [(seed + 1,), (3,)], [(lambda x: x * x, "this is the square.")])


def test_a_pass_is_recorded_once_and_only_where_asked(progress):
    assert doubled(lambda x: 2 * x, record=False).passed and not progress.exists()
    assert not doubled(lambda x: x).passed and not progress.exists()
    assert doubled(lambda x: x + x).passed
    first = passed()["test_checks.doubled"]
    progress.write_text(
        json.dumps({"test_checks.doubled": "2020-01-01T00:00:00", "other.one": first}), encoding="utf-8"
    )
    doubled(lambda x: 2 * x)
    assert passed() == {"test_checks.doubled": "2020-01-01T00:00:00", "other.one": first}
    assert [file.name for file in progress.parent.iterdir()] == ["progress.json"]


def test_damaged_progress_is_kept_aside(progress):
    progress.parent.mkdir()
    progress.write_text("{half", encoding="utf-8")
    assert passed() == {}
    assert doubled(lambda x: 2 * x).passed
    assert list(passed()) == ["test_checks.doubled"]
    assert progress.with_name("progress.json.damaged").read_text(encoding="utf-8") == "{half"


def test_progress_that_cannot_be_saved_does_not_fail_the_check(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "file" / "progress.json"))
    verdict = doubled(lambda x: 2 * x)
    assert verdict.passed and "your progress could not be saved" in verdict.message
    assert record_passed("a.b") != ""


def test_progress_lies_with_the_working_copies(monkeypatch):
    monkeypatch.delenv("COURSE_PROGRESS")
    assert progress_file().parts[-2:] == ("my", "progress.json")


def test_an_error_of_the_answer_is_shown_with_its_line():
    def answer(x):
        return x["a"]

    verdict = doubled(answer)
    assert verdict.passed is False
    assert verdict.message.startswith('your code raised TypeError in its line `return x["a"]`: ')


def test_what_is_no_function_and_what_matches_no_mistake():
    assert "a function is expected here, but this is 7" in doubled(7).message
    assert doubled(lambda x: x * x).message == "this is the square."
    assert doubled(lambda x: x * x if x == 3 else 0).message == "for 1\nexpected 2\nbut got  0"


def test_verdict_is_escaped_in_html():
    assert "&lt;unk&gt;" in Verdict("a.b", False, "<unk>")._repr_html_()


def test_same():
    nan = float("nan")
    pairs = [(1.0, 1.00001), (1.0, 1), (nan, nan), ("a", "a"), (2, torch.tensor(2)), (0.5, np.float64(0.5))]
    pairs += [(torch.ones(2), torch.ones(2)), ([1, 2.0], [1, 2.0]), (np.zeros(3), np.zeros(3))]
    for expected, got in pairs:
        assert same(got, expected), (expected, got)
    pairs = [(1.0, 1.01), (1.0, "1"), (1, 1.5), ("a", "b"), ((1, 2), [1, 2]), ([1, 2], [1]), (1.0, nan)]
    pairs += [
        (torch.ones(2), torch.ones(2).long()),
        (torch.ones(2), torch.ones(2, 1)),
        (torch.ones(2), np.ones(2)),
        (torch.ones(1), 1.0),
    ]
    for expected, got in pairs:
        assert not same(got, expected), (expected, got)
