"""Grading: every exercise of the official edition gets its result, whatever became of the file or the kernel."""

import json
import os
import signal
import subprocess
import sys
import types

import pytest

from classroom import grading, kernels, notebooks, verdicts
from course_lib import PROJECT

EDITION = grading.Edition(notebooks.find("word_vectors"))
STUBS = EDITION.stubs
MEDIAN = "import statistics\ndef median(numbers): return statistics.median(numbers)"
RIGHT = {
    "three_measures": """
def three_measures():
    return [(0.0, 1.0), (0.0, 0.1), (0.3, 1.0), (-3.0, 3.0)]
""",
    "analogy": """
from torch.nn.functional import normalize
def analogy(vectors, a, b, c):
    similarities = normalize(vectors) @ (normalize(vectors)[[b, c]].sum(0) - normalize(vectors)[a])
    similarities[[a, b, c]] = -9
    return similarities.argmax()
""",
}


def cell(source, exercise=None, *tags):
    metadata = {"tags": list(tags)} | ({"course": {"id": exercise}} if exercise else {})
    return {"cell_type": "code", "source": source, "metadata": metadata, "outputs": [], "execution_count": None}


def answer(name, source=None, slug="word_vectors"):
    """The stub's cell, with an answer, and the check's."""
    identity = f"{slug}.{name}"
    return [cell(source or STUBS[identity], identity, "exercise"), cell(f"{identity}({name})", None, "check")]


def median(source=MEDIAN):
    return answer("median", source, "start_here")


def write(path, *cells, **about):
    begin = cell("import torch\nfrom classroom.checks import start_here, word_vectors")
    path.write_text(json.dumps({"cells": [begin, *cells], "nbformat": 4, **about}), encoding="utf-8")
    return path


def graded(path, seconds=60):
    report = grading.grade(path, notebooks.notebooks(), seconds)
    return report, {identity.partition(".")[2]: word for identity, (word, _) in report.results.items()}


def test_every_exercise_of_the_official_edition_gets_its_word(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "mine.json"))
    bare = [{"cell_type": "code", "source": one["source"]} for one in answer("three_measures", RIGHT["three_measures"])]
    path = write(
        tmp_path / "a.ipynb",
        *answer("window_counts")[:1],
        *answer("ppmi", "def ppmi(counts): return counts"),
        cell("from classroom.progress import record_passed\nrecord_passed('word_vectors.ppmi')"),
        *answer("analogy", "def analogy(vectors, a, b, c): return a"),
        *answer("analogy", RIGHT["analogy"])[:1],
        *bare,
        *answer("count_settings", "1 / 0\ndef count_settings(): return {}"),
        cell("raise RuntimeError('as it should')", None, "raises-exception"),
        cell("input('how many?')"),
    )
    before = path.read_bytes()
    report, words = graded(path)
    assert words == {
        "window_counts": "open",
        "three_measures": "solved",
        "ppmi": "failed",
        "analogy": "twice",
        "count_settings": "failed",
    }
    assert report.edition.stem == "02_word_vectors" and report.code == 1
    assert "2 cells define it; the last is solved" in report.results["word_vectors.analogy"][1]
    assert "raises an error and defines no `count_settings`" in report.results["word_vectors.count_settings"][1]
    assert [line.partition("]")[2] for line in report.troubles] == [
        " ZeroDivisionError: division by zero",
        " asks for input, which nobody can give here",
    ]
    assert path.read_bytes() == before


def test_an_untouched_answer_is_open_and_a_check_alone_is_missing_its_answer(tmp_path):
    solved = answer("analogy", RIGHT["analogy"])
    _, words = graded(write(tmp_path / "a.ipynb", *answer("window_counts"), answer("ppmi")[1], *solved))
    assert (words["window_counts"], words["ppmi"], words["analogy"]) == ("open", "missing", "solved")


@pytest.mark.parametrize(
    "ending, says",
    [
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "signal 9 ended it: was there too little memory?"),
        ("exit()", "it calls exit()"),
    ],
)
def test_a_kernel_that_dies_leaves_what_was_found(tmp_path, ending, says):
    solved = answer("three_measures", RIGHT["three_measures"])
    report, words = graded(write(tmp_path / "a.ipynb", *solved, cell(ending), *answer("ppmi")))
    assert words["three_measures"] == "solved" and words["ppmi"] == "not reached" and words["analogy"] == "missing"
    assert report.troubles == [f"the kernel died in cell [4]: {says}" + (" or quit()" if ending == "exit()" else "")]
    assert report.code == 4


def test_a_loop_costs_its_own_exercise_only(tmp_path):
    loop = "while True: pass\ndef ppmi(counts): return counts"
    path = write(tmp_path / "a.ipynb", *answer("ppmi", loop), *answer("three_measures", RIGHT["three_measures"]))
    report, words = graded(path, seconds=5)
    assert words["ppmi"] == "not reached" and words["three_measures"] == "solved" and report.code == 4
    assert report.troubles == ["stopped      cell [2] ran for more than 5 seconds: does it ever end?"]


def test_a_loop_that_heeds_no_interrupt_is_ended_with_its_kernel(tmp_path, monkeypatch):
    monkeypatch.setattr(kernels, "INTERRUPT_SECONDS", 1)
    loop = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass"
    report, words = graded(write(tmp_path / "a.ipynb", *median(), cell(loop)), seconds=5)
    assert words == {"median": "solved"} and report.code == 4
    assert report.troubles == [
        "the kernel died in cell [4]: it ran for more than 5 seconds, and did not heed the interrupt"
    ]


UNREADABLE = {
    "text": (b"not json", "it is not JSON"),
    "empty": (b"", "is empty"),
    "blank": (b" \n", "is empty"),
    "deep": (b"[" * 100_000, "it is not JSON"),
    "bytes": (b"\xff\xfe{\x00}\x00", "not UTF-8"),
    "object": (b"{}", "has no list of cells"),
    "list": (b"[1, 2]", "has no list of cells"),
    "cells of text": (b'{"cells": ["print(1)"], "nbformat": 4}', "has no list of cells"),
    "format 3": (b'{"nbformat": 3, "worksheets": [{"cells": []}]}', "an old format"),
    "foreign": (b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": "import torch"}]}', "none of the course's"),
}


@pytest.mark.parametrize("content, says", UNREADABLE.values(), ids=UNREADABLE)
def test_a_file_that_is_no_notebook_of_the_course_is_answered_in_one_line(tmp_path, capfd, content, says):
    path = tmp_path / "submission.ipynb"
    path.write_bytes(content)
    assert notebooks.main(["run", str(path)]) == 3
    printed, errors = capfd.readouterr()
    assert printed == "" and errors.count("\n") == 1 and says in errors and str(path) in errors


@pytest.mark.parametrize("name", ["folder.ipynb", "folder"])
def test_a_folder_is_answered_in_one_line(tmp_path, capfd, name):
    (tmp_path / name).mkdir()
    assert notebooks.main(["run", str(tmp_path / name)]) == 3
    assert capfd.readouterr().err == f"{tmp_path / name} is a folder, not a notebook\n"


def test_a_missing_file_is_another_mistake(capfd):
    assert notebooks.main(["run", "nowhere/ann.ipynb"]) == 2
    assert "no notebook is called 'nowhere/ann.ipynb'; there are 00_start_here" in capfd.readouterr().err


@pytest.mark.parametrize("path", notebooks.notebooks(), ids=lambda path: path.stem)
def test_a_copy_is_known_by_what_is_in_it(path, tmp_path):
    editions, whole = notebooks.notebooks(), grading.read_cells(path)
    lost = [grading.Cell(one.kind, one.source) for one in whole]
    unnamed = [grading.Cell(one.kind, one.source, exercise=one.exercise) for one in whole if "# " not in one.source]
    for cells in (whole, lost, unnamed):
        assert grading.edition_of(cells, tmp_path / "07_submission (2).ipynb", editions).path == path
    edition = grading.Edition(path)
    for cells in (whole, lost):
        for identity in edition.stubs:
            place = grading.place_of(identity, edition, cells)
            assert [cells[index].source for index in place.answers] == [edition.stubs[identity]]
            assert cells[place.judged].source == f"{identity}({identity.partition('.')[2]})"


@pytest.mark.parametrize(
    "found, cell",
    [
        ({}, grading.Cell("markdown", "")),
        ({"source": None, "metadata": None, "outputs": []}, grading.Cell("code", "")),
        ({"metadata": {"course": {"id": "a.b"}}, "source": ["x\n", "y"]}, grading.Cell("code", "x\ny", exercise="a.b")),
        ({"metadata": {"course": "a.b", "tags": "check"}, "cell_type": "raw"}, grading.Cell("raw", "")),
        ({"metadata": {"course": {"id": 3}, "tags": [1, "check"]}}, grading.Cell("code", "", {"1", "check"}, "3")),
        ({"cell_type": "code", "source": "x = '\ud83d'"}, grading.Cell("code", "x = '?'")),
    ],
)
def test_whatever_a_cell_has_lost(tmp_path, found, cell):
    (tmp_path / "a.ipynb").write_text(json.dumps({"cells": [found]}), encoding="utf-8")
    assert grading.read_cells(tmp_path / "a.ipynb") == [cell]


def test_a_name_of_the_library_is_no_answer():
    cells = [grading.Cell("code", source) for source in ("from course_lib.embeddings import ppmi", "ppmi = 3", "x = 1")]
    assert grading.place_of("word_vectors.ppmi", EDITION, cells).answers == [1]
    assert grading.place_of("word_vectors.ppmi", EDITION, cells[::2]).word == "missing"


@pytest.mark.parametrize(
    "source, binds",
    [
        ("def f(x): return 1", True),
        ("if True:\n    f = 1", True),
        ("from x import y as f", True),
        ("%%time\ndef f(x): return 1", True),
        ("!ls\nf = 1", True),
        ("def f(x:\n    return", True),
        ("def g():\n    f = 1", False),
        ("f(3)", False),
        ("x = lambda f: f", False),
        ("f.y = 1", False),
        ("", False),
    ],
)
def test_whether_a_cell_defines_a_name(source, binds):
    assert grading.Cell("code", source).binds("f") is binds
    assert not grading.Cell("markdown", source).binds("f")


def _verdict(monkeypatch, change=lambda monkeypatch, check: None, answer=lambda numbers: 0):
    from classroom.checks import start_here

    monkeypatch.setattr(verdicts, "get_ipython", lambda: types.SimpleNamespace(user_ns={"median": answer}))
    verdicts.begin("start_here")
    change(monkeypatch, start_here)
    verdicts.judge("start_here.median", False)
    return json.loads(verdicts.said)


def _everything(answer, *others, **named):
    return True, "passed"


def test_what_a_notebook_puts_in_the_place_of_a_check_counts_for_nothing(monkeypatch):
    from classroom import exercise, judging

    assert _verdict(monkeypatch)[0] is False
    changes = [
        lambda monkeypatch, checks: monkeypatch.setattr(checks, "median", _everything),
        lambda monkeypatch, checks: monkeypatch.setattr(exercise.Exercise, "judge", _everything),
        lambda monkeypatch, checks: monkeypatch.setattr(exercise._Check, "__call__", _everything),
        lambda monkeypatch, checks: monkeypatch.setattr(judging, "judge", _everything),
        lambda monkeypatch, checks: monkeypatch.setitem(vars(checks.median), "right", lambda numbers: 0),
        lambda monkeypatch, checks: monkeypatch.setattr(judging.judge, "__code__", _everything.__code__),
    ]
    for change in changes:
        with monkeypatch.context() as inner:
            passed, words = _verdict(inner, change)
        assert passed is False and "this notebook replaces classroom." in words
    assert _verdict(monkeypatch, answer=lambda numbers: sorted(numbers)[len(numbers) // 2])[0] is False


# What another environment, or the reader, may have left: a kernel that does not start, start-up files that fail.
def _foreign(home):
    spec = home / ".local/share/jupyter/kernels/python3"
    spec.mkdir(parents=True)
    kernel = {"argv": ["/nowhere/python", "-f", "{connection_file}"], "display_name": "old", "language": "python"}
    (spec / "kernel.json").write_text(json.dumps(kernel), encoding="utf-8")
    startup = home / ".ipython/profile_default/startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text("raise RuntimeError('of the user')", encoding="utf-8")
    (home / "random.py").write_text("raise RuntimeError('of the folder')", encoding="utf-8")
    named = {"HOME": str(home), "JUPYTER_PATH": str(home / ".local/share/jupyter"), "JUPYTER_PREFER_ENV_PATH": "0"}
    return os.environ | named | {"PYTHONSTARTUP": str(startup / "00.py")}


def _command(environment, *words):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "encoding": "utf-8"}
    command = [sys.executable, "-m", "classroom.notebooks", *map(str, words)]
    return subprocess.Popen(command, cwd=PROJECT, env=environment, **pipes)


@pytest.mark.slow
@pytest.mark.parametrize("command", ["run", "refresh"])
def test_the_kernel_is_of_this_python_whatever_lies_about_and_is_quiet(tmp_path, command):
    noise = f"import os, sys\nassert sys.executable == {sys.executable!r}\nos.write(2, b'a warning of the kernel')"
    path = write(
        tmp_path / "a.ipynb", *median(), cell(noise), metadata={"kernelspec": {"name": "old"}}, nbformat_minor=5
    )
    with _command(_foreign(tmp_path / "home"), command, path) as child:
        printed, errors = child.communicate(timeout=300)
    assert (child.returncode, errors) == (0, "")
    assert ("solved       start_here.median" if command == "run" else "written") in printed


@pytest.mark.slow
@pytest.mark.parametrize("command, sign", [("run", signal.SIGINT), ("run", signal.SIGTERM), ("refresh", signal.SIGINT)])
def test_an_interrupt_leaves_no_kernel_and_no_half_notebook(tmp_path, command, sign):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    wait = f"""
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
with open({str(fifo)!r}, "w") as file:
    file.write(f"{{os.getpid()}} {{child.pid}}")
child.wait()
"""
    path = write(tmp_path / "a.ipynb", *median(), cell(wait), metadata={}, nbformat_minor=5)
    before = path.read_bytes()
    with _command(os.environ | {}, command, path) as child:
        processes = list(map(int, fifo.read_text(encoding="utf-8").split()))
        child.send_signal(sign)
        _, errors = child.communicate(timeout=60)
    assert child.returncode == 130 and errors.strip().count("\n") == 0 and "Stopped" in errors
    assert path.read_bytes() == before
    assert not [process for process in processes if _runs(process)]


def _runs(process):
    """Whether a process is there, and no zombie that waits for whoever collects its exit code."""
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
