"""The course for students: no solution in it, made again without loss, and it runs."""

import json
import re
import subprocess
import sys
import zipfile

import pytest

from classroom import editions, notebooks
from course_lib import PROJECT


@pytest.fixture(scope="module")
def student():
    return editions.student()


def test_no_solution_and_no_test_is_in_it(student):
    text = {name: content.decode() for name, content in student.items() if name.startswith("notebooks/")}
    assert len(text) == len(notebooks.notebooks())
    for name, notebook in text.items():
        found = json.loads(notebook)["cells"]
        assert not [cell for cell in found if "solution" in cell["metadata"].get("tags", [])], name
        assert not re.search(r"_solution\b|passed by the solution", notebook), name
        assert [cell for cell in found if "exercise" in cell["metadata"].get("tags", [])], name
    assert not [name for name in student if name.startswith(("tests/", "my/", ".git/", "data/packages/"))]


def test_it_has_what_the_commands_need_and_says_how_to_begin(student):
    assert {"course.py", "requirements.txt", "data/requirements.txt", "course_lib/__init__.py"} <= student.keys()
    readme = student["README.md"].decode()
    assert "python3 course.py lab" in readme
    assert all(path.stem in readme for path in notebooks.notebooks())


def test_a_hand_out_runs_with_every_stub_unfilled(student, tmp_path):
    """The smallest one, in the folder that students get; which names the others use is for tests/notebook_form."""
    editions.write_folder(student, tmp_path / "class")
    [path] = (tmp_path / "class" / "notebooks").glob("00_*.ipynb")
    code = "import sys; from pathlib import Path; from classroom import notebooks; notebooks.execute(Path(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], cwd=tmp_path / "class", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_second_time_nothing_is_lost(tmp_path):
    first = {"notebooks/a.ipynb": b"one", "b.py": b"two", "c.py": b"three", "old.py": b"gone"}
    assert editions.write_folder(first, tmp_path / "class") == []
    (tmp_path / "class" / "b.py").write_bytes(b"a student's")
    (tmp_path / "class" / "mine.txt").write_bytes(b"a student's, too")
    second = {"notebooks/a.ipynb": b"new", "b.py": b"newer", "c.py": b"three", "d.py": b"four"}
    assert editions.write_folder(second, tmp_path / "class") == ["b.py"]
    left = {path.name: path.read_bytes() for path in (tmp_path / "class").rglob("*") if path.is_file()}
    assert left.pop(editions.LIST)
    assert left == {
        "a.ipynb": b"new",
        "b.py": b"a student's",
        "c.py": b"three",
        "d.py": b"four",
        "mine.txt": b"a student's, too",
    }


def test_the_same_files_give_the_same_zip(tmp_path):
    for name in ("one.zip", "two.zip"):
        editions.write_zip({"b.py": b"2", "a/c.py": b"3"}, tmp_path / name)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    assert zipfile.ZipFile(tmp_path / "one.zip").namelist() == ["course/a/c.py", "course/b.py"]


@pytest.fixture
def repository(tmp_path, monkeypatch):
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "a teacher")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "teacher@example.org")
    subprocess.run(["git", "init", "-q", "-b", "main", str(tmp_path)], check=True)
    (tmp_path / "here.txt").write_text("untouched", encoding="utf-8")
    return tmp_path


def git(repository, *words):
    return subprocess.run(["git", *words], cwd=repository, capture_output=True, text=True, check=True).stdout.strip()


def test_the_branch_grows_and_is_never_rewritten(repository):
    first = editions.commit({"a.py": b"1", "old.py": b"2"}, "students", repository)
    assert editions.commit({"a.py": b"1", "old.py": b"2"}, "students", repository) is None
    second = editions.commit({"a.py": b"changed"}, "students", repository)
    assert git(repository, "rev-list", "students").split() == [second, first]
    assert git(repository, "ls-tree", "-r", "--name-only", "students") == "a.py"
    assert git(repository, "show", "students:a.py") == "changed"
    assert git(repository, "status", "--porcelain") == "?? here.txt"  # neither files nor index were touched


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--out", "{full}"], "--out must be a new or empty folder, or one of an earlier edition"),
        (["--out", str(PROJECT / "data")], "--out must be a folder outside the course"),
        (["--out", "{file}"], "--out must be a folder, but"),
        (["--branch", "a..b"], "git check-ref-format failed"),
    ],
)
def test_what_cannot_be_is_answered_in_one_sentence(arguments, words, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(editions, "student", lambda: {"a.py": b"1"})
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine", encoding="utf-8")
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    places = {"full": tmp_path / "full", "file": tmp_path / "file"}
    assert editions.main(["student", *(word.format(**places) for word in arguments)]) == 2
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1
    assert (tmp_path / "full" / "thesis.txt").read_text(encoding="utf-8") == "mine"
