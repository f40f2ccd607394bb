"""Every notebook is in form, and the form really rejects what it should."""

import nbformat
import pytest
from notebook_form import problems

from classroom import notebooks
from classroom.progress import passed, record_passed
from course_lib import PROJECT

PATHS = notebooks.notebooks()


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_notebook_is_in_form(path):
    text = path.read_text(encoding="utf-8")
    assert problems(text, path.stem) == []
    assert str(PROJECT) not in text


def _cells(notebook, tag):
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]


def _set(cell, **fields):
    cell.update(fields)


def _drop(notebook, text):
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = cell.source.replace(text, "")


def _ignore_all(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.outputs:
            cell.metadata["tags"] = [*cell.metadata.get("tags", []), "nbval-ignore-output"]


def _code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


STREAM = {"output_type": "stream", "text": "x"}
ERROR = {"output_type": "error", "ename": "E", "evalue": "", "traceback": []}
SPOILT = {
    "not run": (lambda nb: _set(_code(nb)[3], execution_count=None), "not every code cell was run"),
    "run twice": (lambda nb: _set(_code(nb)[3], execution_count=99), "not every code cell was run"),
    "error": (lambda nb: _set(_code(nb)[3], outputs=[nbformat.from_dict(ERROR)]), "error output"),
    "stderr": (lambda nb: _set(_code(nb)[3], outputs=[nbformat.from_dict({**STREAM, "name": "stderr"})]), "stderr"),
    "kernel version": (lambda nb: nb.metadata.language_info.update(version="3.11.7"), "not in normal form"),
    "nothing compared": (_ignore_all, "too few outputs are compared"),
    "long cell": (lambda nb: _set(_code(nb)[3], source="x = 1\n" * 31), "too long a cell"),
    "star import": (lambda nb: _set(_code(nb)[0], source="from math import *"), "`import *`"),
    "long cells": (lambda nb: [_set(cell, source="x = 1\n" * 5) for cell in _code(nb)], "median code cell"),
    "no title": (lambda nb: _set(nb.cells[0], source="Hello"), "begin with the title"),
    "no time": (lambda nb: _drop(nb, "**Time.**"), "how long it takes"),
    "no questions": (lambda nb: _drop(nb, "**Ask yourself**"), "five questions"),
    "no metadata": (lambda nb: nb.metadata.pop("course"), "metadata must give course"),
    "no picture": (lambda nb: [_set(cell, outputs=[]) for cell in _code(nb)], "a panel or a picture"),
    "no solution tag": (lambda nb: _cells(nb, "solution")[0].metadata.pop("tags"), "out of form"),
    "no exercise": (lambda nb: [cell.metadata.pop("tags", None) for cell in nb.cells], "too few exercises"),
    "order": (lambda nb: nb.cells.append(nb.cells.pop(nb.cells.index(_cells(nb, "check")[0]))), "follow each other"),
    "no stars": (
        lambda nb: _cells(nb, "exercise")[0].metadata.course.pop("stars"),
        "NAME), kind, stars, minutes",
    ),
    "no kind": (lambda nb: _cells(nb, "exercise")[0].metadata.course.update(kind="riddle"), "the kind must be one of"),
    "solution's name": (
        lambda nb: _set(_code(nb)[-1], source="print(ppmi_solution)"),
        "only a solution defines",
    ),
    "one hint": (lambda nb: _set(_cells(nb, "statement")[0], source="Do it."), "fewer than two hints"),
    "filled stub": (lambda nb: _set(_cells(nb, "exercise")[0], source="def f(): return 1"), "signature, a docstring"),
    "solved check": (lambda nb: _set(_cells(nb, "check")[0], outputs=[]), "not attempted"),
    "open solution": (lambda nb: _cells(nb, "solution")[0].metadata.pop("jupyter"), "must be collapsed"),
    "failing solution": (lambda nb: _set(_cells(nb, "solution")[0], outputs=[]), "and pass"),
    "answer used": (lambda nb: _set(_code(nb)[-1], source="ppmi(counts)"), "uses the reader's answer"),
    "too large": (lambda nb: _set(nb.cells[-1], source="x" * 1_000_001), "larger than"),
}


@pytest.mark.parametrize("spoil, words", SPOILT.values(), ids=SPOILT)
def test_form_rejects(spoil, words):
    notebook = notebooks.read(notebooks.find("word_vectors"))
    spoil(notebook)
    found = problems(nbformat.writes(notebook) + "\n", "02_word_vectors")
    assert any(words in problem for problem in found), found


@pytest.mark.parametrize("name", ["21_attention", "02_word_vectors"])
def test_in_a_second_edition_the_answer_to_a_prediction_begins_folded(name):
    notebook = notebooks.read(notebooks.find(name))
    for cell in _code(notebook):
        cell.metadata.get("jupyter", {}).pop("outputs_hidden", None)
    found = problems(nbformat.writes(notebook) + "\n", name)
    open_answers = [problem for problem in found if "must begin folded" in problem]
    assert len(open_answers) == (3 if name == "21_attention" else 5), found


def test_normalise_drops_what_differs_between_runs_and_machines():
    cell = nbformat.v4.new_code_cell(
        "x", id="3f2a", metadata={"tags": ["b", "a"], "collapsed": True}, execution_count=1
    )
    cell.outputs = [
        nbformat.v4.new_output("stream", name="stdout", text=" 10%|█  |\r 100%|███|\n"),
        nbformat.v4.new_output("stream", name="stdout", text=f"done at 0x7f00aa11bb22 in {PROJECT / 'x'}\n"),
        nbformat.v4.new_output("display_data", {notebooks.WIDGET: {}, "text/plain": "panel"}, metadata={"w": 1}),
    ]
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"language_info": {"name": "python", "version": "3"}})
    [normal], before = notebooks.normalise(notebook).cells, nbformat.writes(notebook)
    assert (normal.id, normal.metadata) == ("cell-000", {"tags": ["a", "b"]})
    assert normal.outputs[0].text == " 100%|███|\ndone at 0xADDRESS in x\n"
    assert normal.outputs[1].data == {"text/plain": "panel"}
    assert nbformat.writes(notebook) == before, "the notebook that was given has changed"
    assert notebooks.normalise(notebooks.normalise(notebook)) == notebooks.normalise(notebook)


@pytest.mark.parametrize("word", ["2", "02", "word_vectors", "02_word_vectors", "02_word_vectors.ipynb"])
def test_find(word):
    assert notebooks.find(word).stem == "02_word_vectors"


def test_find_names_the_notebooks_that_there_are():
    with pytest.raises(ValueError, match="no notebook is called 'wordvectors'; there are 00_start_here, 01_text"):
        notebooks.find("wordvectors")


def test_course_map_counts_what_has_passed(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))
    assert "▱▱▱▱▱ 0 of 5" in notebooks.course_map()
    record_passed("word_vectors.ppmi")
    assert "▰▱▱▱▱ 1 of 5" in notebooks.course_map()


def _small_notebook(folder, source):
    stub = nbformat.v4.new_code_cell(source, metadata={"tags": ["exercise"]})
    stub.metadata["course"] = {"id": "start_here.median", "stars": 1, "minutes": 5}
    check = "from classroom.checks import start_here\nstart_here.median(median)"
    path = folder / "small.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[stub, nbformat.v4.new_code_cell(check)]), path)
    return path


@pytest.mark.parametrize(
    "source, code, words",
    [
        ("import statistics\ndef median(x): return statistics.median(x)", 0, "solved       start_here.median"),
        ("def median(x): return x[0]", 0, "failed       start_here.median"),
        ("def median(x): ...", 0, "open         start_here.median"),
        ("raise KeyError('oh')", 1, "error        cell [1] KeyError: 'oh'"),
    ],
)
def test_run_reports_which_exercises_pass_and_changes_nothing(tmp_path, capfd, monkeypatch, source, code, words):
    progress = tmp_path / "mine.json"
    monkeypatch.setenv("COURSE_PROGRESS", str(progress))
    path = _small_notebook(tmp_path, source)
    before = path.read_bytes()
    assert notebooks.main(["run", str(path)]) == code
    output = "".join(capfd.readouterr())
    assert words in output
    assert path.read_bytes() == before and not progress.exists()


def test_refresh_writes_once_and_check_writes_never(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "mine.json"))
    path = _small_notebook(tmp_path, "def median(x): ...")
    monkeypatch.setattr(notebooks, "notebooks", lambda: [path])
    raw = path.read_bytes()
    assert notebooks.main(["refresh", "--check"]) == 1
    assert path.read_bytes() == raw
    assert notebooks.main(["refresh"]) == 0
    written = path.read_bytes()
    assert b"not attempted yet" in written
    assert notebooks.main(["refresh", "--check"]) == 0
    assert path.read_bytes() == written


def test_refresh_leaves_the_notebook_whose_kernel_dies(tmp_path, capfd):
    path = _small_notebook(tmp_path, "import os; os._exit(7)")
    raw = path.read_bytes()
    assert notebooks.main(["refresh", str(path)]) == 4
    assert "the kernel died while small.ipynb ran" in capfd.readouterr().err and path.read_bytes() == raw


def test_refresh_on_a_full_disk_leaves_the_notebook(tmp_path, monkeypatch, capsys):
    path = _small_notebook(tmp_path, "def median(x): ...")
    raw = path.read_bytes()
    monkeypatch.setattr(notebooks, "execute", notebooks.read)
    monkeypatch.setattr("os.fsync", _full)
    assert notebooks.main(["refresh", str(path)]) == 1
    assert "No space left" in capsys.readouterr().err
    assert path.read_bytes() == raw and list(tmp_path.iterdir()) == [path]


def _full(number):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("content", ["{half", "[1, 2]", "[" * 100_000, "\ufeff{"])
def test_damaged_progress_is_said_and_every_damaged_file_kept(monkeypatch, tmp_path, content):
    file = tmp_path / "progress.json"
    monkeypatch.setenv("COURSE_PROGRESS", str(file))
    for number in ("", "1"):
        file.write_text(content, encoding="utf-8")
        assert passed() == {}
        assert record_passed("a.b") == (
            f"your progress file was damaged; it is kept as {file}.damaged{number}, and a new one begun"
        )
        assert list(passed()) == ["a.b"] and record_passed("a.c") == ""
        assert (tmp_path / f"progress.json.damaged{number}").read_text(encoding="utf-8") == content


@pytest.mark.parametrize(
    "value, words",
    [("progress.json", "must hold an absolute path"), ("/", "Is a directory"), ("/proc/none/progress.json", "proc")],
)
def test_progress_that_has_no_place_is_answered_in_one_sentence(monkeypatch, value, words):
    monkeypatch.setenv("COURSE_PROGRESS", value)
    said = record_passed("a.b")
    assert said.startswith("your progress could not be saved: ") and words in said and "\n" not in said
