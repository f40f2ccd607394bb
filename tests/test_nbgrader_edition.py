"""The nbgrader course: no secret in it, nothing lost in a second run, and nbgrader itself gives the right grades."""

import copy
import csv
import hashlib
import html
import importlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import nbformat
import pytest
import torch

from classroom import editions, grade_one, grading, judging, nbgrader_edition, notebooks
from course_lib import PROJECT

SEED = 918273645
SEEDS = (0, 17, SEED)
NAME = "37_evaluation"
NOTEBOOK = notebooks.read(PROJECT / "notebooks" / f"{NAME}.ipynb")
STARS = {one.id.partition(".")[2]: one.stars for one in notebooks.exercises(NOTEBOOK)}
ONE_SIDED = "this is the probability of one side only"
BY_TABLE = """TABLE = {}
def passes_at_k(n, passed, k):
    return TABLE[n, passed, k]"""
LOOK_FOR_THE_SEED = """import os
from pathlib import Path
nearby = [path for folder in (Path(), *Path().resolve().parents) for path in folder.glob("*seed*")]
raise ValueError([*os.environ.values(), *(path.read_text() for path in nearby)])
def per_byte(log_p, prompt_length, answer):
    return 1.0"""
TAMPERING = """import IPython.display
from classroom import exercise
from classroom.checks import evaluation
exercise.Exercise.judge = lambda *all: (True, "")
IPython.display.display = display = print
evaluation.sign_test = lambda *all, **more: exercise.Verdict("", True, "")
def sign_test(first, second):
    exercise.Exercise.__call__ = evaluation.sign_test
    return evaluation.sign_test.right(first, second)"""
ENDLESS = "def per_byte(log_p, prompt_length, answer):\n    while True:\n        pass"
SLEEPS = "import time\ntime.sleep(10**6)\ndef passes_at_k(n, passed, k):\n    return 0.5"
KILLS = "import os, signal\ndef sign_test(first, second):\n    os.kill(os.getpid(), signal.SIGKILL)"
REQUIREMENTS = PROJECT / "tests" / "nbgrader" / "requirements.txt"
PASSWORD = "correct-horse"  # of the teacher, in the environment
SECONDS = 40  # for an answer: the endless one takes them all


def tagged(cell, tag):
    return tag in cell.metadata.get("tags", [])


def solutions(notebook=NOTEBOOK):
    """The right answers of a notebook, by the exercise's name."""
    found = {}
    for place, cell in enumerate(notebook.cells):
        if tagged(cell, "exercise"):
            slug, _, name = cell.metadata["course"]["id"].partition(".")
            text = notebook.cells[place + 2].source.rpartition(f"{slug}.{name}(")[0]
            found[name] = text.replace(f"{name}_solution", name).strip()
    return found


def lines(cells):
    """What stands in cells, line by line, but for what is so short that it may stand anywhere."""
    return {line.strip() for cell in cells for line in cell.source.splitlines() if len(line.strip()) > 20}


def told(notebook):
    """The lines that only a notebook's solutions have."""
    solved = [cell for cell in notebook.cells if tagged(cell, "solution")]
    return lines(solved) - lines(cell for cell in notebook.cells if cell not in solved)


@pytest.mark.parametrize("path", notebooks.notebooks(), ids=lambda path: path.stem)
def test_a_source_notebook_tells_no_solution_and_gives_the_stars_as_points(path):
    notebook = notebooks.read(path)
    made = nbgrader_edition.without_secrets(notebook)
    assert not told(notebook) & lines(made.cells)
    assert "_solution" not in nbformat.writes(made)
    assert not [cell for cell in made.cells if cell.get("outputs") or cell.get("attachments")]
    checks = [cell for cell in made.cells if cell.metadata.get("nbgrader", {}).get("grade")]
    answers = [cell for cell in made.cells if cell.metadata.get("nbgrader", {}).get("solution")]
    assert [cell.metadata["nbgrader"]["points"] for cell in checks] == [
        one.stars for one in notebooks.exercises(notebook)
    ]
    assert [cell.source for cell in answers] == [cell.source for cell in notebook.cells if tagged(cell, "exercise")]
    nbformat.validate(made)


def test_no_secret_survives_in_any_part_of_a_notebook():
    notebook = notebooks.read(PROJECT / "notebooks" / f"{NAME}.ipynb")
    notebook.metadata["widgets"] = {"state": "SECRET"}
    for cell in notebook.cells:
        cell.metadata["note"] = "SECRET"
        cell["attachments"] = {"a.txt": {"text/plain": "SECRET"}}
        if cell.cell_type == "code":
            cell.outputs = [nbformat.v4.new_output("stream", text="SECRET")]
        if tagged(cell, "solution"):
            cell.source += "\n# SECRET"
    assert "SECRET" not in nbformat.writes(nbgrader_edition.without_secrets(notebook))


def test_only_the_teachers_file_holds_the_seed(tmp_path):
    assert editions.main(["nbgrader", "--out", str(tmp_path / "class"), "--seed", str(SEED), "0", "evaluation"]) == 0
    holders = [path.name for path in (tmp_path / "class").rglob("*") if path.is_file() and _holds(path, str(SEED))]
    assert holders == [nbgrader_edition.SEED]
    assert {path.name for path in (tmp_path / "class" / "source").iterdir()} == {"00_start_here", NAME}


def _holds(path, text):
    return text in path.read_bytes().decode(errors="replace")


def test_a_second_run_changes_nothing_that_somebody_wrote(tmp_path, capsys):
    folder = tmp_path / "class"
    make = ["nbgrader", "--out", str(folder)]
    assert editions.main([*make, "0"]) == 0
    seed = (folder / nbgrader_edition.SEED).read_text()
    [source] = folder.glob("source/*/*.ipynb")
    mine = [source, folder / "nbgrader_config.py", folder / "gradebook.db"]
    for path in mine:
        path.write_text("a teacher's", encoding="utf-8")
    assert editions.main([*make, "evaluation"]) == 0
    assert [path.read_text(encoding="utf-8") for path in mine] == ["a teacher's"] * 3
    assert "00_start_here.ipynb was changed there since, and stays as it is" in capsys.readouterr().out
    assert (folder / nbgrader_edition.SEED).read_text() == seed
    assert (folder / "source" / NAME / f"{NAME}.ipynb").is_file()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--out", "{new}", "nowhere"], "no notebook is called 'nowhere'"),
        (["--out", "{new}", "--seed", "one"], "--seed must hold a whole number, 0 or larger, but it is 'one'"),
        (["--out", "{new}", "--seed", "-1"], "--seed must hold a whole number, 0 or larger, but it is '-1'"),
        (["--out", "{full}"], "--out must be a new or empty folder, or one of an earlier edition"),
        (["--out", str(PROJECT / "my")], "--out must be a folder outside the course"),
        (["--out", "{damaged}"], "hidden_seed.txt must hold a whole number, 0 or larger, but it is 'lost'"),
        ([], "course.py edition nbgrader: the following arguments are required: --out"),
        (["--out", "{new}", "--zip", "a.zip"], "course.py edition nbgrader: unrecognized arguments: --zip"),
    ],
)
def test_what_cannot_be_is_answered_in_one_sentence(arguments, words, tmp_path, capsys):
    places = {name: tmp_path / name for name in ("new", "full", "damaged")}
    for name, file in (("full", "thesis.txt"), ("damaged", nbgrader_edition.SEED)):
        places[name].mkdir()
        (places[name] / file).write_text("lost", encoding="utf-8")
    try:
        code = editions.main(["nbgrader", *(word.format(**places) for word in arguments)])
    except SystemExit as end:
        code = end.code
    said = capsys.readouterr().err
    assert code == 2 and words in said and said.count("\n") == 1
    assert not places["new"].exists()


def test_hidden_cases_depend_on_the_seed_and_on_all_that_was_handed_in():
    one, other = grading.Cell("code", "TABLE = {}"), grading.Cell("code", "TABLE = {1: 2}")
    drawn = [
        grade_one.hidden_seeds(seed, "a.b", cells)
        for seed, cells in [(SEED, [one]), (SEED, [one]), (SEED, [one, other]), (SEED + 1, [one])]
    ]
    assert drawn[0] == drawn[1]
    assert len({seed for seeds in drawn[1:] for seed in seeds}) == 3 * grade_one.HIDDEN


def test_an_answer_that_takes_inputs_gets_other_ones_with_another_seed():
    same = []
    for path in notebooks.notebooks():
        for identity in grading.Edition(path).stubs:
            slug, _, name = identity.partition(".")
            check = getattr(importlib.import_module(f"classroom.checks.{slug}"), name)
            if check.kind != "experiment" and check.takes_inputs:
                inputs = {_inputs(check, seed) for seed in SEEDS}
                if len(inputs) == 1 and len({repr(judging._right(check, seed)[1]) for seed in SEEDS}) == 1:
                    same.append(identity)
    assert not same


def _inputs(check, seed):
    """The cases in words; of a source of random numbers, its seed."""
    values = [value for case in check.cases(seed) for value in case]
    return repr([value.initial_seed() if isinstance(value, torch.Generator) else value for value in values])


def handed_out():
    """The assignment as nbgrader hands it out: without what is hidden in its checks."""
    notebook = nbgrader_edition.without_secrets(NOTEBOOK)
    for cell in notebook.cells:
        cell.source = cell.source.partition("\n### BEGIN")[0]
    return notebook


def submission(answers, release=None):
    """A student's copy of the assignment, with answers written into its stubs."""
    notebook = copy.deepcopy(release or handed_out())
    for cell in notebook.cells:
        cell.source = answers.get(grade_id(cell), cell.source)
    return notebook


def grade_id(cell):
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")


def by_table():
    """An answer that knows the published cases by heart."""
    from classroom.checks import evaluation

    check = evaluation.passes_at_k
    table = {tuple(inputs): check.right(*inputs) for inputs in check.cases(0)}
    return BY_TABLE.replace("{}", repr(table))


def results(notebook):
    """What stands under each check: the points, and the verdict."""
    found = {}
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade"):
            verdict, points = cell.outputs
            points, words = points["data"]["text/plain"], verdict["data"]["text/plain"]
            found[grade_id(cell).removesuffix("-check")] = float(points), words
    return found


def test_a_check_that_is_run_without_the_judge_gives_no_points():
    made = nbgrader_edition.without_secrets(NOTEBOOK)
    [check] = [cell for cell in made.cells if grade_id(cell) == "sign_test-check"]
    names = {"evaluation": importlib.import_module("classroom.checks.evaluation"), "display": print}
    with pytest.raises(RuntimeError, match="nbgrader did not read the nbgrader_config"):
        exec(check.source, names | {"sign_test": names["evaluation"].sign_test.right})


def test_the_judge_needs_neither_nbgrader_nor_the_notebooks_checks():
    right = solutions()
    notebook = submission({"sign_test": right["sign_test"], "passes_at_k": by_table()})
    points = {f"{name}-check": stars for name, stars in STARS.items()} | {"essay": 3}
    notebook.cells = [cell for cell in notebook.cells if grade_id(cell) != "sign_test-check"]
    own = nbgrader_edition._metadata("essay", grade=True) | {"points": 3}
    notebook.cells.append(nbformat.v4.new_code_cell("1 / 0", metadata={"nbgrader": own}))
    invented = nbgrader_edition._metadata("gift", grade=True) | {"points": 100}
    notebook.cells.append(nbformat.v4.new_code_cell("100", metadata={"nbgrader": invented}))
    nbgrader_edition.judge(notebook, NAME, points, SEED, 60)
    found = results(notebook)
    assert found.pop("sign_test")[0] == STARS["sign_test"]
    assert found.pop("passes_at_k") == (0, f"✘ not yet · {nbgrader_edition.BEYOND}")
    assert found.pop("essay") == (0, f"✘ not yet · {nbgrader_edition.FOREIGN}")
    assert found.keys() == STARS.keys() - {"sign_test", "passes_at_k"}
    assert {verdict[:15] for _, verdict in found.values()} == {"○ not attempted"}


@pytest.fixture(scope="module")
def tool():
    """An environment with nbgrader and all that the course's has, and the variables for a command in it."""
    if os.environ.get("COURSE_TOOLS") != "required":
        pytest.skip("COURSE_TOOLS=required installs nbgrader in an environment of its own, and runs this")
    folder, packages = Path(sys.prefix, "tools", "nbgrader"), Path(nbformat.__file__).parents[1]
    stamp, wanted = folder / "installed", hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        where = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
        site = Path(subprocess.run(where, capture_output=True, text=True, check=True).stdout.strip())
        (site / "course.pth").write_text(f"{packages}\n", encoding="utf-8")
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "-r", str(REQUIREMENTS)], check=True)
        stamp.write_text(wanted, encoding="utf-8")
    return {
        "PATH": os.pathsep.join([str(python.parent), os.environ["PATH"]]),
        "PYTHONPATH": str(PROJECT),
        "JUPYTER_PATH": str(Path(sys.prefix, "share", "jupyter")),
        "OMP_NUM_THREADS": "1",
    }


@pytest.fixture(scope="module")
def graded(tool, tmp_path_factory):
    """A class of seven that nbgrader has graded: the teacher's folder."""
    folder = tmp_path_factory.mktemp("nbgrader") / "class"

    def nbgrader(*words):
        apart = tool | {"TEACHERS_PASSWORD": PASSWORD, "JUPYTER_CONFIG_DIR": str(folder.parent / "jupyter")}
        done = subprocess.run(
            ["nbgrader", *words], cwd=folder, env=os.environ | apart, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]

    assert editions.main(["nbgrader", "--out", str(folder), "--seed", str(SEED), "evaluation"]) == 0
    with (folder / "nbgrader_config.py").open("a", encoding="utf-8") as config:
        config.write(f"c.Judge.seconds = {SECONDS}\n")
    nbgrader("generate_assignment", NAME)
    release = notebooks.read(folder / "release" / NAME / f"{NAME}.ipynb")
    for student, notebook in the_class(release).items():
        path = folder / "submitted" / student / NAME / f"{NAME}.ipynb"
        path.parent.mkdir(parents=True)
        nbformat.write(notebook, path)
    nbgrader("autograde", NAME)
    nbgrader("generate_feedback", NAME)
    nbgrader("export", "--to", "grades.csv")
    return folder


def the_class(release):
    """What each student hands in."""
    right = solutions()

    def some(*names, **more):
        return submission({name: right[name] for name in names} | more, release)

    one_sided = right["sign_test"].replace("2 * ", "")
    assert one_sided != right["sign_test"]
    students = {
        "right": some(*right),
        "half": some("per_byte", "sign_test"),
        "wrong": some(sign_test=one_sided, passes_at_k=by_table()),
        "endless": some("sign_test", per_byte=ENDLESS, passes_at_k=SLEEPS),
        "killer": some("per_byte", sign_test=KILLS),
        "tampering": some(sign_test=TAMPERING, per_byte=LOOK_FOR_THE_SEED, passes_at_k=by_table()),
        "lost": some(*right),
    }
    tampering, lost = students["tampering"], students["lost"]
    for cell in tampering.cells:
        if grade_id(cell).endswith("-check"):
            cell.source, cell.metadata["nbgrader"]["points"] = "print('✔ passed')\n100.0", 100
    tampering.cells = [cell for cell in tampering.cells if not grade_id(cell).startswith("other_systems")]
    hook = "get_ipython().run_cell = print\nget_ipython().input_transformers_cleanup.append(lambda lines: ['2.0'])"
    tampering.cells.insert(1, nbformat.v4.new_code_cell(hook))
    for cell in lost.cells:
        cell.metadata = nbformat.from_dict({})
    return students


@pytest.mark.slow
def test_nbgrader_gives_the_grades_that_the_answers_deserve(graded):
    with (graded / "grades.csv").open(encoding="utf-8", newline="") as file:
        scores = {row["student_id"]: (float(row["score"]), float(row["max_score"])) for row in csv.DictReader(file)}
    points = {"right": 8, "half": 3, "wrong": 0, "endless": 2, "killer": 1, "tampering": 0, "lost": 8}
    assert sum(STARS.values()) == 8
    assert scores == {student: (points[student], 8) for student in points}


@pytest.mark.slow
def test_feedback_has_the_checks_own_words(graded):
    said = {student: results(notebooks.read(path)) for student, path in _each(graded, "autograded", "ipynb")}
    assert said["right"]["sign_test"][1].startswith("✔ passed · ")
    assert said["half"]["find_leaks"][1].startswith("○ not attempted")
    assert ONE_SIDED in said["wrong"]["sign_test"][1]
    assert nbgrader_edition.BEYOND in said["wrong"]["passes_at_k"][1] == said["tampering"]["passes_at_k"][1]
    assert "does a loop in it go on for ever?" in said["endless"]["per_byte"][1]
    assert f"no verdict after {SECONDS} seconds" in said["endless"]["passes_at_k"][1]
    assert "does your answer end Python" in said["killer"]["sign_test"][1]
    assert said["tampering"]["other_systems"][1] == "✘ not yet · no cell defines `other_systems`."
    pages = {student: path.read_text(encoding="utf-8") for student, path in _each(graded, "feedback", "html")}
    assert pages.keys() == said.keys()
    assert ONE_SIDED in pages["wrong"] and ONE_SIDED not in pages["right"]


def _each(folder, stage, ending):
    for path in sorted((folder / stage).glob(f"*/{NAME}/{NAME}.{ending}")):
        yield path.parts[-3], path


@pytest.mark.slow
def test_nothing_hidden_is_in_what_students_get(graded):
    unsolved = told(NOTEBOOK)
    for path in [*(graded / "release").rglob("*.ipynb"), *(graded / "feedback").rglob("*.html")]:
        text = path.read_text(encoding="utf-8")
        assert str(SEED) not in text and "HIDDEN" not in text and "_solution" not in text, path
        if not {"right", "lost", "half"} & set(path.parts):
            assert not [line for line in unsolved if line in html.unescape(text)], path
    assert PASSWORD not in dict(_each(graded, "feedback", "html"))["tampering"].read_text(encoding="utf-8")
    assert {path.suffix for path in (graded / "release").rglob("*") if path.is_file()} == {".ipynb"}
