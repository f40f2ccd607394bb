"""The exercises for Otter: what a student gets tells no secret, and Otter's own commands grade as they should."""

import json
import os
import re
import subprocess
import zipfile

import nbformat
import pytest
from helpers import environment

from classroom import editions, notebooks, otter_edition
from course_lib import PROJECT

SEED = 1357924680
NAME = "40_choosing_a_model"  # it has exercises of all four kinds, and its checks are quick
SECONDS = 8  # for an answer that does not end
ASSIGN_ALL = """
import sys
from pathlib import Path
from otter.assign import main
for path in sorted(Path(sys.argv[1]).glob("*/*.ipynb")):
    main(str(path), str(path.parent / "made"), no_run_tests=True)
"""
SEEKS_THE_SEED = """
import glob, os, re, tempfile
found = glob.glob(tempfile.gettempdir() + "/**", recursive=True) + glob.glob("../**", recursive=True)
texts = [open(path, errors="replace").read() for path in found if os.path.isfile(path)]
raise ValueError(re.findall("seed.{1,4}[0-9]{5,}", str(texts)), len(texts))
def on_the_front(milliseconds, accuracies):
    return []
"""
TAMPERING = """
from classroom import exercise
from classroom.checks import choosing_a_model
from otter.execute import Checker
from otter.test_files.exception_test import ExceptionTestFile
import builtins, otter
exercise.Exercise.judge = lambda *all: (True, "")
exercise.Exercise.__call__ = lambda *all, **more: exercise.Verdict("", True, "")
choosing_a_model.cascade = lambda *all, **more: exercise.Verdict("", True, "")
ExceptionTestFile.run = lambda *all: None
Checker.check = lambda *all, **more: None
builtins.display = display = print
class Passed(dict):
    def __getitem__(self, name):
        return {"public": (True, ""), "hidden": (True, "")}
verdicts = Passed()
"""
POSING = "raise SystemExit('a file of the submission was imported')"


def tagged(cell, *tags):
    return bool(set(tags) & set(cell.metadata.get("tags", [])))


@pytest.fixture(scope="module")
def masters():
    files = otter_edition.otter(SEED)
    return {path.stem: nbformat.reads(files[f"{path.stem}/{path.name}"], 4) for path in notebooks.notebooks()}


def left(master):
    """What `otter assign` leaves for students, as its documentation has it: the cells' sources, and the other parts."""
    sources, others, block = [], [dict(master.metadata)], ""
    for cell in master.cells:
        begins = re.match(r"# (BEGIN|END) (SOLUTION|TESTS)", cell.source) if cell.cell_type == "raw" else None
        if begins:
            block = begins[2] if begins[1] == "BEGIN" else ""
        if cell.cell_type == "raw" or block == "TESTS":
            continue
        source = cell.source
        if block == "SOLUTION":
            source = re.sub(r"(?s)^# BEGIN SOLUTION NO PROMPT\n.*?^# END SOLUTION\n", "", source, flags=re.MULTILINE)
            source = re.sub(r"(?m)^.*# (BEGIN|END) PROMPT$\n?", "", source).removesuffix("\n")
        sources.append(source)
        others.append({key: value for key, value in cell.items() if key != "source"})
    return sources, others


@pytest.mark.parametrize("path", notebooks.notebooks(), ids=lambda path: path.stem)
def test_what_is_left_for_students_is_the_students_edition(path, masters):
    sources, others = left(masters[path.stem])
    official = editions.without_solutions(notebooks.read(path))
    assert sources == [cell.source for cell in official.cells]
    assert str(SEED) not in "\n".join(sources) + repr(others)
    assert not [part for part in others if part.get("outputs") or part.get("attachments")]


def test_nothing_hidden_in_a_notebook_gets_into_its_master():
    notebook = notebooks.read(notebooks.find(NAME[:2]))
    notebook.metadata["widgets"] = {"state": "SECRET"}
    for cell in notebook.cells:
        cell.metadata["note"] = "SECRET"
        cell["attachments"] = {"a.txt": {"text/plain": "SECRET"}}
        if cell.cell_type == "code":
            cell.outputs = [nbformat.v4.new_output("stream", text="SECRET")]
    assert "SECRET" not in nbformat.writes(otter_edition.master(notebook, NAME, SEED))


def test_stars_are_points_of_the_hidden_test_and_an_experiment_has_only_a_public_one(masters):
    found = {}
    for cell in masters[NAME].cells:
        if test := re.search(r"hidden: (\w+)\npoints: (\d)\n.*\ndef test_(\w+)_(public|hidden)\(", cell.source):
            hidden, points, name, which = test.groups()
            assert (hidden == "true") == (which == "hidden")
            found.setdefault(name, {})[which] = int(points)
    for one in notebooks.exercises(notebooks.read(notebooks.find(NAME[:2]))):
        trains = one.kind == "experiment"
        expected = {"public": one.stars} if trains else {"public": 0, "hidden": one.stars}
        assert found[one.id.partition(".")[2]] == expected


def test_a_second_run_changes_nothing_that_somebody_wrote_and_keeps_the_seed(tmp_path, capsys, monkeypatch):
    two = notebooks.notebooks()[:2]
    monkeypatch.setattr(notebooks, "notebooks", lambda: two)
    folder = tmp_path / "teacher"
    assert editions.main(["otter", "--out", str(folder)]) == 0
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    [mine, others] = sorted(folder.glob("*/*.ipynb"))
    mine.write_text("a teacher's", encoding="utf-8")
    assert editions.main(["otter", "--out", str(folder)]) == 0
    assert "00_start_here/00_start_here.ipynb was changed there since, and stays as it is" in capsys.readouterr().out
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert after == before | {mine: b"a teacher's"}
    assert editions.main(["otter", "--out", str(folder), "--seed", str(SEED)]) == 0
    assert mine.read_text(encoding="utf-8") == "a teacher's"
    assert f"seed: {SEED}" in others.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "course.py edition otter: the following arguments are required: --out"),
        (["--out", "{new}", "--zip", "a.zip"], "course.py edition otter: unrecognized arguments: --zip a.zip"),
        (["--out", "{new}", "--seed", "one"], "--seed must hold a whole number from 1 to 2147483647, but it is 'one'"),
        (["--out", "{new}", "--seed", "0"], "--seed must hold a whole number from 1 to 2147483647, but it is '0'"),
        (["--out", "{new}", "--seed", str(2**31)], "--seed must hold a whole number from 1 to 2147483647, but it is"),
        (["--out", "{damaged}"], "seed.txt must hold a whole number from 1 to 2147483647, but it is 'lost'"),
        (["--out", "{full}", "--seed", "3"], "--out must be a new or empty folder, or one of an earlier edition"),
        (["--out", str(PROJECT / "class"), "--seed", "3"], "--out must be a folder outside the course"),
    ],
)
def test_what_cannot_be_is_answered_in_one_sentence(words, said, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(notebooks, "notebooks", list)
    places = {name: tmp_path / name for name in ("new", "full", "damaged")}
    for name, file in (("full", "thesis.txt"), ("damaged", otter_edition.SEED)):
        places[name].mkdir()
        (places[name] / file).write_text("lost", encoding="utf-8")
    try:
        code = editions.main(["otter", *(word.format(**places) for word in words)])
    except SystemExit as end:
        code = end.code
    error = capsys.readouterr().err
    assert code == 2 and said in error and error.count("\n") == 1
    assert not places["new"].exists()


def test_the_plugin_leaves_only_the_notebook_and_the_tests_and_only_in_a_copy_of_otters(tmp_path):
    copy = tmp_path / "autograder" / "submission"
    for folder in (copy / "tests", copy / "otter", copy.parent / "source"):
        folder.mkdir(parents=True)
    for path in ("mine.ipynb", ".OTTER_LOG", "pickle.py", "tests/median.py", "otter/__init__.py"):
        (copy / path).write_text(POSING, encoding="utf-8")
    settings = copy.parent / "source" / "otter_config.json"
    settings.write_text(f'{{"seed": {SEED}}}', encoding="utf-8")
    otter_edition.Grader(str(copy / "mine.ipynb"), {}, {}).before_grading(None)
    assert {str(path.relative_to(copy)) for path in copy.rglob("*")} == {"mine.ipynb", "tests", "tests/median.py"}
    assert not settings.exists()
    elsewhere = tmp_path / "mine.ipynb"
    with pytest.raises(ValueError, match="graded in Otter's own copy"):
        otter_edition.Grader(str(elsewhere), {}, {}).before_grading(None)


def test_the_plugin_reports_what_is_said_of_answers_that_pass():
    grader = otter_edition.Grader("mine.ipynb", {}, {})
    assert grader.generate_report() is None
    look, wrong = (True, "Look at it: 2 cells define it."), (False, "half of it is wrong.")
    grader.verdicts = {"first": {"public": look, "hidden": look}, "second": {"public": wrong, "hidden": wrong}}
    assert grader.generate_report() == "first: Look at it: 2 cells define it."


def run(python, *words, folder):
    """A command as a teacher gives it, from the course's folder; its temporary files go into a folder."""
    variables = os.environ | {"TMPDIR": str(folder), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([python, *map(str, words)], cwd=PROJECT, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def otter(tmp_path_factory):
    """A real Otter, and a teacher's folder with what `otter assign` makes of every notebook."""
    folder = tmp_path_factory.mktemp("otter")
    python = environment(PROJECT / "tests" / "otter" / "requirements.txt")
    teacher, scratch = folder / "teacher", folder / "scratch"
    scratch.mkdir()
    assert editions.main(["otter", "--out", str(teacher), "--seed", str(SEED)]) == 0
    changed = teacher / NAME / f"{NAME}.ipynb"  # by the teacher, who may
    text = changed.read_text(encoding="utf-8")
    changed.write_text(text.replace("seconds: 60", f"seconds: {SECONDS}"), encoding="utf-8")
    run(python, "-c", ASSIGN_ALL, teacher, folder=scratch)
    return python, teacher, scratch


@pytest.mark.slow
def test_what_otter_makes_for_students_holds_no_secret(otter):
    _, teacher, _ = otter
    for path in notebooks.notebooks():
        folder = teacher / path.stem / "made" / "student"
        assert [found.name for found in folder.rglob("*")] == [path.name]
        made = notebooks.read(folder / path.name)
        assert [cell.source for cell in made.cells] == [
            cell.source for cell in editions.without_solutions(notebooks.read(path)).cells
        ]
        text = nbformat.writes(made)
        assert not re.search(rf"{SEED}|test_\w+_hidden|_solution\b|BEGIN SOLUTION", text), path.stem
        assert not [cell for cell in made.cells if cell.get("outputs") or cell.get("attachments")]


def submission(teacher, answers):
    """A student's copy of what Otter made, with answers written into its stubs."""
    notebook = notebooks.read(teacher / NAME / "made" / "student" / f"{NAME}.ipynb")
    for cell in notebook.cells:
        if tagged(cell, "exercise"):
            cell.source = answers.get(cell.metadata["course"]["id"].partition(".")[2], cell.source)
    return notebook


def solutions():
    cells = notebooks.read(notebooks.find(NAME[:2])).cells
    found = {}
    for place, cell in enumerate(cells):
        if tagged(cell, "exercise"):
            name = cell.metadata["course"]["id"].partition(".")[2]
            text = cells[place + 2].source.rpartition("\n")[0]
            found[name] = text.replace(f"{name}_solution", name)
    return found


def graded(otter, path):
    """What `otter run` says of a submission: the points of each exercise, and what students and teachers see."""
    python, teacher, scratch = otter
    [grader] = (teacher / NAME / "made" / "autograder").glob("*.zip")
    results = scratch / f"results_{path.stem}"
    results.mkdir()
    printed = run(python, "-m", "otter", "run", "-a", grader, "-o", results, "--no-logo", path, folder=scratch)
    tests = json.loads((results / "results.json").read_text(encoding="utf-8"))["tests"]
    public = "\n".join(test["output"] for test in tests if test["visibility"] == "visible")
    points = {test["name"]: test["score"] for test in tests if test["visibility"] != "visible"}
    hidden = "\n".join(test["output"] for test in tests if test["visibility"] != "visible")
    assert str(SEED) not in public + hidden + printed
    return points, public, hidden


@pytest.mark.slow
def test_otters_own_test_of_the_solutions_gives_all_points(otter):
    python, teacher, scratch = otter
    master = teacher / NAME / f"{NAME}.ipynb"
    said = run(python, "-m", "otter", "assign", "-v", master, teacher / "again", folder=scratch)
    assert "All autograder tests passed." in said


@pytest.mark.slow
def test_a_half_right_submission_gets_the_stars_of_what_is_right(otter):
    right = solutions()
    notebook = submission(otter[1], {name: right[name] for name in ("on_the_front", "quick_cascade")})
    path = otter[2] / "half.ipynb"
    nbformat.write(notebook, path)
    points, public, _ = graded(otter, path)
    stars = {one.id.partition(".")[2]: one.stars for one in notebooks.exercises(notebook)}
    assert points == {name: stars[name] if name in ("on_the_front", "quick_cascade") else 0 for name in stars}
    assert public.count("All test cases passed!") == 2 and public.count("not attempted yet") == 3


@pytest.mark.slow
def test_each_answer_counts_alone_whatever_the_others_do(otter):
    from classroom.checks import choosing_a_model

    front = choosing_a_model.on_the_front
    table = {repr(tuple(inputs)): front.right(*inputs) for inputs in front.cases(0)}
    answers = {
        "on_the_front": f"def on_the_front(*inputs):\n    return {table!r}.get(repr(inputs), [0])",
        "winning_prices": "def winning_prices():\n    return dict.fromkeys('ABCD', 1.0)",
        "cascade": "while True:\n    pass\ndef cascade(first, second, width):\n    return first",
        "quick_cascade": "import os\nos._exit(3)\ndef quick_cascade():\n    return {}",
        "elo_update": solutions()["elo_update"],
    }
    path = otter[2] / "bad.ipynb"
    nbformat.write(submission(otter[1], answers), path)
    points, public, hidden = graded(otter, path)
    assert points == dict.fromkeys(answers, 0) | {"elo_update": 1}
    assert "on_the_front results: All test cases passed!" in public
    assert re.search(r"on_the_front - 2 result:\s+❌", hidden) and "on_the_front - 2" not in public
    assert f"no verdict after {SECONDS} seconds" in public and "its process ended with exit code 3" in public
    prices = choosing_a_model.winning_prices(lambda: dict.fromkeys("ABCD", 1.0), record=False)
    assert " ".join(prices.message.split())[:60] in public


@pytest.mark.slow
def test_tampering_gains_nothing(otter):
    answers = {
        "on_the_front": SEEKS_THE_SEED,
        "winning_prices": "def winning_prices():\n    return choosing_a_model.winning_prices.right()",
        "cascade": TAMPERING + "\ndef cascade(first, second, width):\n    return first",
        "quick_cascade": "from classroom import exercise\nexercise.Experiment.judge = lambda *all: (True, '')\n"
        "def quick_cascade():\n    return {}",
        "elo_update": "elo_update = choosing_a_model.elo_update.right",
    }
    notebook = submission(otter[1], answers)
    for cell in notebook.cells:
        if tagged(cell, "check"):
            cell.source = TAMPERING
    notebook.cells.insert(0, nbformat.v4.new_code_cell(TAMPERING))
    for name in answers:
        test = f"name = {name!r}\npoints = 9\nfrom otter.test_files import test_case\n"
        notebook.metadata["otter"]["tests"][name] = f"{test}@test_case(points=9)\ndef passes():\n    pass\n"
    notebook.metadata.kernelspec["name"] = "mine"
    path = otter[2] / "tampering.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{NAME}.ipynb", nbformat.writes(notebook))
        for name in ("otter.py", "pickle.py", "sitecustomize.py", "tests/elo_update.py", ".OTTER_LOG"):
            archive.writestr(name, POSING)
    points, public, _ = graded(otter, path)
    assert points == dict.fromkeys(answers, 0)
    assert re.search(r"its cell raises ValueError: \(\[\], [1-9]", public)  # it found files, and no seed
