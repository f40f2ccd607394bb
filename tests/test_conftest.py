"""The order of the tests, their threads, the times at the end; what the comparison of notebooks leaves out."""

import json
import os
import re
import time
from pathlib import Path
from types import SimpleNamespace

import conftest
import pytest
from nbval.plugin import get_sanitize_patterns

from course_lib import data
from course_lib.data import packages


def item(path, slow=False):
    return SimpleNamespace(path=Path(path), get_closest_marker=lambda name: slow and name == "slow")


def test_what_takes_longest_comes_first(tmp_path):
    for name, about in {"a": {"run_minutes": 1}, "b": {"run_minutes": 3}, "c": {}}.items():
        text = json.dumps({"metadata": {"course": about}})
        (tmp_path / f"{name}.ipynb").write_text(text, encoding="utf-8")
    notebooks = [item(tmp_path / f"{name}.ipynb") for name in "aabbc"]
    tests = [item("test_a.py"), item("test_b.py"), item("test_b.py", slow=True), item("test_c.py")]
    items = [*tests, *notebooks]
    conftest.pytest_collection_modifyitems(items)
    assert [each.path.stem for each in items] == "b b a a test_b test_b test_a test_c c".split()


@pytest.mark.parametrize(("processes", "threads"), [(2, "1"), (0, "7"), (None, "7")])
def test_several_processes_have_one_thread_each(monkeypatch, processes, threads):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    conftest.pytest_configure(SimpleNamespace(getoption=lambda name, default: {"numprocesses": processes}[name]))
    assert os.environ["OMP_NUM_THREADS"] == threads


@pytest.mark.parametrize(
    ("nbval", "worker", "fetched"), [(True, False, ["tiny"]), (False, False, []), (True, True, [])]
)
def test_data_is_fetched_beforehand_for_notebooks_only(monkeypatch, nbval, worker, fetched):
    names = []
    monkeypatch.setattr(packages, "status", lambda: [SimpleNamespace(name="tiny")])
    monkeypatch.setattr(packages, "fetch", names.extend)
    config = SimpleNamespace(
        getoption=lambda name, default: {"nbval": nbval}[name], **{"workerinput": {}} if worker else {}
    )
    conftest.pytest_sessionstart(SimpleNamespace(config=config))
    assert names == fetched


def test_notebooks_without_network_and_data_say_so_themselves(monkeypatch):
    def fail(names):
        raise data.DataError("no network")

    monkeypatch.setattr(packages, "fetch", fail)
    conftest.pytest_sessionstart(SimpleNamespace(config=SimpleNamespace(getoption=lambda name, default: True)))


@pytest.mark.parametrize("notebook", [True, False])
def test_the_report_has_each_notebook_their_sum_and_the_ten_slowest_tests(notebook):
    reports = [SimpleNamespace(nodeid=f"notebooks/0{n}.ipynb::Cell {n}", duration=2.0) for n in (1, 0, 1)] * notebook
    reports += [
        SimpleNamespace(nodeid=f"tests/test_a.py::test_{n}", duration=float(n)) for n in range(12) for _ in "ab"
    ]
    lines = []
    stats = {"passed": reports, "deselected": [SimpleNamespace(nodeid="tests/test_a.py::test_0")]}
    conftest.pytest_terminal_summary(SimpleNamespace(stats=stats, section=lines.append, line=lines.append))
    times = {"notebooks/00.ipynb": 2.0, "notebooks/01.ipynb": 4.0, "all": 6.0}
    slowest = [f"{2 * n:7.1f} s  tests/test_a.py::test_{n}" for n in range(11, 1, -1)]
    whole = ["time of the notebooks", *(f"{name:44}{seconds:7.1f} s" for name, seconds in times.items())]
    assert lines == ([*whole, "the ten slowest tests", *slowest] if notebook else [])


LEFT_OUT = get_sanitize_patterns((Path(__file__).parent / "nbval_sanitize.cfg").read_text(encoding="utf-8"))
SAID = [
    ("<f at 0x7f3a2b1c> and <g at 0x1234567>", "<f at 0xADDRESS> and <g at 0xADDRESS>"),
    ("/tmp/ipykernel_12/345.py:1: Warning\n  in /tmp/ipykernel_12/6.py", "CELL.py:1: Warning\n  in CELL.py"),
    ("before\n training:  50%|##   | 5/10 [00:01<00:01] loss 2\nafter", "before\nPROGRESS loss 2\nafter"),
    ('<img src="data:image/png;base64,iVBOR/+=">', '<img src="PICTURE">'),
    ("50% | half, and ipykernel.py", "50% | half, and ipykernel.py"),
]


def left_out(text):
    for pattern, replacement in LEFT_OUT:
        text = re.sub(pattern, replacement, text)
    return text


@pytest.mark.parametrize(("text", "compared"), SAID)
def test_outputs_are_compared_without_what_differs_from_run_to_run(text, compared):
    assert left_out(text) == compared


@pytest.mark.parametrize("character", ["x", " ", "7", "%", "|"])
def test_a_long_line_is_searched_once_and_not_from_each_of_its_characters(character):
    """A drawing is one line of 50,000 characters and more, and all of them went through twice in every run."""
    start = time.process_time()
    assert left_out(character * 30_000) == character * 30_000
    assert time.process_time() - start < 1
