"""files: written whole or not at all; files to read; paths in the environment."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from course_lib import files
from course_lib.files import existing_file, load_results, path_in_environment, written_whole


def write(path, content=b"new"):
    with written_whole(path) as file:
        file.write(content)


@pytest.mark.parametrize("kind", [str, Path])
def test_a_file_is_written_and_missing_folders_are_made(tmp_path, kind):
    path = tmp_path / "a" / "b" / "file"
    write(kind(path))
    write(kind(path), b"newer")
    assert path.read_bytes() == b"newer" and list(path.parent.iterdir()) == [path]


def test_a_path_follows_the_working_directory_and_home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    write("sub/file")
    write("~/file")
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()) == [
        "home/file",
        "sub/file",
    ]
    assert existing_file("~/file", "text") == tmp_path / "home" / "file"


def stopped(path, error):
    with written_whole(path) as file:
        file.write(b"half")
        raise error


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt(), ValueError("a bug")])
def test_whatever_fails_the_old_file_stays_and_nothing_beside_it(tmp_path, error):
    path = tmp_path / "file"
    write(path, b"old")
    with pytest.raises(type(error)) as raised:
        stopped(path, error)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]
    if isinstance(error, OSError):
        says = (
            f"{path} could not be written ([Errno 28] No space left on device); the one before it is still there, whole"
        )
        assert str(raised.value) == says


def test_a_new_file_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(OSError, match=r"could not be written \(.*No space left on device\)$"):
        stopped(tmp_path / "file", OSError(28, "No space left on device"))
    assert list(tmp_path.iterdir()) == []


def test_a_file_where_a_folder_is_meant_is_told(tmp_path):
    write(tmp_path / "file")
    with pytest.raises(OSError, match=r"file.inner could not be written"):
        write(tmp_path / "file" / "inner")
    assert (tmp_path / "file").read_bytes() == b"new"


@pytest.mark.skipif(os.name == "nt", reason="a signal as POSIX has it")
def test_a_killed_process_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    write(path, b"old")
    code = f"""
import os, signal
from course_lib.files import written_whole
with written_whole({str(path)!r}) as file:
    file.write(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code])
    assert done.returncode == -signal.SIGKILL and path.read_bytes() == b"old"
    write(path)
    assert path.read_bytes() == b"new"


def test_a_path_in_the_environment(monkeypatch, tmp_path):
    monkeypatch.delenv("COURSE_TEST", raising=False)
    assert path_in_environment("COURSE_TEST") is None
    for value, path in {"": None, "  ": None, str(tmp_path): tmp_path, "~/x": Path.home() / "x"}.items():
        monkeypatch.setenv("COURSE_TEST", value)
        assert path_in_environment("COURSE_TEST") == path


@pytest.mark.parametrize("value", ["x", "./x", "../x", "~no-such-user-here/x"])
def test_a_relative_path_in_the_environment_is_refused(monkeypatch, value):
    monkeypatch.setenv("COURSE_TEST", value)
    with pytest.raises(ValueError) as raised:
        path_in_environment("COURSE_TEST")
    says = f"the environment variable COURSE_TEST must hold an absolute path, but it is {value!r}"
    assert str(raised.value) == says


def test_stored_results_are_read(monkeypatch, tmp_path):
    monkeypatch.setattr(files, "RESULTS", tmp_path)
    (tmp_path / "race.json").write_text('{"rows": ["é"]}', encoding="utf-8")
    assert load_results("race") == {"rows": ["é"]}
    with pytest.raises(FileNotFoundError, match=r"`python3 course\.py results rain` makes it"):
        load_results("rain")
