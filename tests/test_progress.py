"""Progress and review: mistakes come back, spaced, in the check's own words; what cannot be read is kept aside."""

import json
from datetime import date, timedelta

import pytest

from classroom import progress, review
from classroom.progress import Mistake, due, passed, record_mistake, record_passed, reviewed

TODAY = date.today()
ONE = Mistake("ngrams.add_one", "the counts must sum to 1")


@pytest.fixture
def file(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))
    return tmp_path / "progress.json"


def in_days(days):
    return due(TODAY + timedelta(days=days))


def test_a_mistake_comes_back_after_its_exercise_has_passed(file):
    assert record_mistake(ONE.exercise, "this is another slip") == record_mistake(ONE.exercise, ONE.words) == ""
    assert in_days(100) == []  # not passed yet: the check itself is the place
    record_passed(ONE.exercise)
    assert (in_days(0), in_days(1)) == ([], [ONE])


def test_its_reviews_are_spaced_and_end(file, monkeypatch):
    record_mistake(ONE.exercise, ONE.words)
    record_passed(ONE.exercise)
    for days in progress.DAYS[1:]:
        assert reviewed(ONE, well=True) == ""
        assert (in_days(days - 1), in_days(days)) == ([], [ONE])
    assert reviewed(ONE, well=False) == ""
    assert in_days(1) == [ONE]
    for _ in progress.DAYS:
        reviewed(ONE, well=True)
    assert in_days(1000) == []


def test_several_mistakes_of_an_exercise_come_one_after_the_other(file):
    for number in range(7):
        record_mistake(ONE.exercise, f"slip {number}")
    record_passed(ONE.exercise)
    assert [mistake.words for mistake in in_days(1)] == ["slip 6"]
    for _ in progress.DAYS:
        reviewed(Mistake(ONE.exercise, "slip 6"), well=True)
    assert [mistake.words for mistake in in_days(1)] == ["slip 5"]
    kept = json.loads(file.with_name("mistakes.json").read_text(encoding="utf-8"))
    assert kept[ONE.exercise]["words"] == [f"slip {number}" for number in range(2, 6)]


@pytest.mark.parametrize(
    "content",
    ["{half", "[]", '{"a": {"b": 1}}', '{"a": {"words": ["x"], "reviews": 0, "due": "soon"}}', '{"a.b": "2026-01-01"}'],
)
def test_mistakes_that_cannot_be_read_are_kept_aside(file, content):
    mistakes = file.with_name("mistakes.json")
    mistakes.write_text(content, encoding="utf-8")
    assert due() == []
    assert "was damaged; it is kept as" in record_mistake(ONE.exercise, ONE.words)
    assert mistakes.with_name("mistakes.json.damaged").read_text(encoding="utf-8") == content
    assert list(json.loads(mistakes.read_text(encoding="utf-8"))) == [ONE.exercise]


def test_foreign_progress_is_kept_aside(file):
    file.write_text('{"user": {"name": "somebody else"}}', encoding="utf-8")
    assert passed() == {}
    assert "was damaged" in record_passed(ONE.exercise)
    assert file.with_name("progress.json.damaged").exists() and list(passed()) == [ONE.exercise]


def test_the_review_asks_for_each_and_stops_where_the_reader_does(file, capsys, monkeypatch):
    for name in ("ngrams.add_one", "attention.masked", "gpt.block"):
        record_mistake(name, f"a slip in {name}")
        record_passed(name)
    monkeypatch.setattr(review, "due", lambda: in_days(1))
    answers = iter(["y", "n", ""])
    assert review.review(lambda question: next(answers)) == 2
    shown = capsys.readouterr().out
    assert "a slip in ngrams.add_one" in shown and "a slip in gpt.block" in shown
    assert "It comes back tomorrow. The exercise is in the notebook attention." in shown
    assert sorted(mistake.exercise for mistake in in_days(1)) == ["attention.masked", "gpt.block"]


def test_the_page_counts_notebooks_and_skills(file):
    before = review.page()
    record_passed("evaluation.sign_test")
    after = review.page()
    assert "37_evaluation                ▱▱▱▱▱ 0 of 5" in before
    assert "37_evaluation                ▰▱▱▱▱ 1 of 5" in after
    changed = [line for line, other in zip(after.splitlines(), before.splitlines(), strict=True) if line != other]
    assert [line.partition(":")[0] for line in changed[1:]] == ["build", "★★"]
    assert after.endswith("nothing to review today")
