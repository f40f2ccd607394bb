"""A class, graded into one table: right, wrong, endless, broken and tampering answers, each in a row of its own."""

import csv
import json
import subprocess
import sys

import pytest

from classroom import class_grades, grading, notebooks
from classroom.class_grades import Grade, grade_class, summary
from course_lib import PROJECT

BEGIN = "import math\nfrom classroom.checks import evaluation"
SIGN_TEST = """
def tail(n, k):
    return sum(math.comb(n, i) for i in range(k, n + 1)) / 2**n

def sign_test(first, second):
    only_first = sum(a > b for a, b in zip(first, second))
    only_second = sum(a < b for a, b in zip(first, second))
    return min(1, 2 * tail(only_first + only_second, max(only_first, only_second)))
"""
BY_TABLE = "def sign_test(first, second):\n    return {12: 0.125, 80: 0.1}.get(len(first) + len(second))"
STUB = grading.Edition(notebooks.find("evaluation")).stubs["evaluation.sign_test"]
ANSWERS = {  # a student's answer to sign_test, with its word and words of its message
    "right": (SIGN_TEST, "solved", ""),
    "one_sided": (SIGN_TEST.replace("2 * tail", "tail"), "failed", "this is the probability of one side only"),
    "by_table": (BY_TABLE, "failed", ""),
    "untouched": (None, "open", ""),
    "slip": ("def sign_test(first, second:\n    pass", "failed", "its cell is no Python"),
    "endless": ("while True: pass\ndef sign_test(first, second): return 1", "timed out", "no verdict after 5 seconds"),
    "leaves": ("import os\nos._exit(3)\ndef sign_test(first, second): return 1", "died", "exit code 3"),
    "hungry": ("def sign_test(first, second): return len(bytearray(10**11))", "failed", "MemoryError"),
    "copies": (
        "from classroom.checks import evaluation\nsign_test = evaluation.sign_test.right",
        "open",
        "Look at it: the answer names the checks or a solution. it returns nothing so far",
    ),
    "copies_what_was_imported": ("sign_test = evaluation.sign_test.right", "open", "it returns nothing so far"),
    "copies_when_called": (
        "def sign_test(a, b):\n    from classroom.checks import evaluation as e\n    return e.sign_test.right(a, b)",
        "open",
        "it returns nothing so far",
    ),
    "asks_in_its_own_cell": (SIGN_TEST + "\nevaluation.sign_test(sign_test)", "solved", ""),
    "tampers": (
        "from classroom.exercise import Exercise\nExercise.judge = lambda *all: (True, '')\n" + BY_TABLE,
        "failed",
        "",
    ),
    "tampers_by_the_back_door": (
        "import gc\n[exercise] = [one for one in gc.get_objects() if type(one) is type"
        " and f'{one.__module__}.{one.__name__}' == 'classroom.exercise.Exercise']\n"
        "exercise.judge = lambda *all: (True, '')\n" + BY_TABLE,
        "failed",
        "it replaces classroom.exercise",
    ),
    "=1+1": (SIGN_TEST, "solved", ""),
}


def cell(source, exercise=None, *tags):
    metadata = {"tags": list(tags)} | ({"course": {"id": exercise}} if exercise else {})
    return {"cell_type": "code", "source": source, "metadata": metadata, "outputs": [], "execution_count": None}


def hand_in(folder, student, *cells):
    path = folder / student / "37_evaluation.ipynb"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"cells": [cell(BEGIN), *cells], "nbformat": 4}), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("class")
    for student, (answer, *_) in ANSWERS.items():
        hand_in(folder, student, cell(answer or STUB, "evaluation.sign_test", "exercise"))
    hand_in(folder, "lost_metadata", cell(SIGN_TEST))
    hand_in(
        folder, "elsewhere", cell(SIGN_TEST.split("\ndef sign")[0]), cell("def sign" + SIGN_TEST.split("def sign")[1])
    )
    (folder / "no_notebook").mkdir()
    (folder / "no_notebook" / "a.ipynb").write_text("[]", encoding="utf-8")
    table = folder / "grades.csv"
    return folder, table, grade_class(folder, table, seconds=5, seed=11)


def results(rows, exercise="evaluation.sign_test"):
    return {row.student: row for row in rows if row.exercise == exercise}


def test_every_student_has_a_row_for_every_exercise(graded):
    _, _, rows = graded
    for student, (_, word, words) in ANSWERS.items():
        row = results(rows)[student]
        assert (row.result, words in row.message) == (word, True), row
    assert results(rows)["lost_metadata"].result == results(rows)["elsewhere"].result == "solved"
    assert {row.result for row in rows if row.exercise == "evaluation.passes_at_k"} == {"missing"}
    [unreadable] = [row for row in rows if row.student == "no_notebook"]
    assert (unreadable.result, unreadable.exercise) == ("unreadable", "")
    assert unreadable.message == "a.ipynb is no notebook: it is JSON, but has no list of cells"


def test_the_table_is_a_file_for_spreadsheets(graded):
    _, table, rows = graded
    with table.open(encoding="utf-8-sig", newline="") as file:
        stored = list(csv.DictReader(file))
    assert len(stored) == len(rows)
    assert "'=1+1" in {row["student"] for row in stored}  # no formula


def test_a_stopped_run_goes_on_and_a_new_file_is_graded_anew(graded, monkeypatch):
    folder, table, rows = graded
    asked = []
    monkeypatch.setattr(class_grades, "_pool", lambda workers: Here(asked))
    kept = [row for row in rows if row.student != "one_sided"]
    class_grades._write_table(table, kept)
    changed = folder / "slip" / "37_evaluation.ipynb"
    changed.write_text(changed.read_text().replace("second:", "second):"), encoding="utf-8")
    class_grades._digest.cache_clear()
    again = grade_class(folder, table, seconds=5)
    assert sorted(path.parent.name for path in asked) == ["one_sided", "slip"]
    assert {row.seed for row in again} == {11}  # the table's
    assert len(again) == len(rows)


class Here:
    """A pool that grades nothing, and says what it was asked."""

    def __init__(self, asked):
        self.asked = asked

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def submit(self, function, path, folder, seconds, seed):
        self.asked.append(path)
        future = class_grades.Future()
        name = str(path.relative_to(folder))
        about = {"student": path.parent.name, "file": name, "digest": class_grades._digest(path), "seed": seed}
        row = Grade(notebook="37_evaluation", exercise="", stars=0, result="open", message="", seconds=0, **about)
        future.set_result([row] * 5)
        return future


def test_the_summary_says_what_failed_most():
    def row(student, exercise, result, message=""):
        return Grade(student, f"{student}.ipynb", "37_evaluation", exercise, 1, result, message, 0.1, "d", 0)

    rows = [row("a", "x.one", "solved"), row("b", "x.one", "solved")]
    rows += [row("a", "x.two", "failed", "double it"), row("b", "x.two", "failed", "double it")]
    lines = list(summary([*rows, row("c", "", "unreadable", "c.ipynb is empty")]))
    assert lines[0] == "3 notebooks of 3 students"
    assert lines[1] == "  unreadable: c.ipynb is empty"
    assert [line.split()[0] for line in lines[3:]] == ["x.two", "most", "x.one"]
    assert lines[4].strip() == "most often (2): double it"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: folder / "nowhere", "FOLDER must be a folder with notebooks"),
        (lambda folder: folder, "FOLDER must hold notebooks, but there is no .ipynb file"),
    ],
)
def test_a_folder_without_notebooks_is_answered_in_one_sentence(make, words, tmp_path):
    command = [sys.executable, "-m", "classroom.class_grades", str(make(tmp_path))]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr and done.stderr.count("\n") == 1


def test_another_file_is_not_overwritten(tmp_path):
    hand_in(tmp_path, "anna")
    table = tmp_path / "mine.csv"
    table.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(ValueError, match="is no table of grades"):
        grade_class(tmp_path, table)
    assert table.read_text(encoding="utf-8") == "a,b\n1,2\n"
