"""course.py, copied to a folder of its own, where .venv holds a pip and a JupyterLab that only take notes."""

import ast
import contextlib
import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import venv
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

COURSE = Path(__file__).resolve().parents[1] / "course.py"
NOTE = """
import json, os, sys, time
if sys.argv[1] == "config":
    sys.exit(0)
try:
    with open("{name}.log", "a", encoding="utf-8") as log:
        print(json.dumps([sys.argv[1:], dict(os.environ), os.getpid()]), file=log)
    time.sleep(60 if os.environ.get("FAKE") == "slow" else 0)
except KeyboardInterrupt:
    pass
sys.exit(int(os.environ.get("FAKE_CODE", 0)))
"""
posix = pytest.mark.skipif(os.name == "nt", reason="signals and scripts as POSIX has them")


@pytest.fixture
def course(tmp_path, monkeypatch):
    """course.py as a module, in a folder with two notebooks whose name has a space and a letter beyond ASCII."""
    root = tmp_path / "my cours é"
    for folder in ("notebooks", "tests", "course_lib"):
        (root / folder).mkdir(parents=True)
    for name in ("__init__.py", "installing.py"):
        shutil.copy(COURSE.parent / "course_lib" / name, root / "course_lib")
    (root / "requirements.txt").write_text("-e .\ntorch==2.13.0  # a note\nnumpy==2.4.6\n", encoding="utf-8")
    (root / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
    (root / "tests" / "requirements.txt").write_text("pytest==9.2.0\n", encoding="utf-8")
    for name in ("00_start_here", "02_word_vectors"):
        (root / "notebooks" / f"{name}.ipynb").write_text(f"{name}, first edition", encoding="utf-8")
    monkeypatch.setattr(sys, "path", sys.path[:])  # to which course.py adds its folder
    spec = importlib.util.spec_from_file_location("course", shutil.copy(COURSE, root))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def ready(course):
    """The same with a .venv."""
    venv.create(course.VENV, with_pip=False, symlinks=os.name != "nt")
    for name in ("pip", "jupyterlab"):
        (site(course) / name).mkdir()
        (site(course) / name / "__main__.py").write_text(NOTE.format(name=name), encoding="utf-8")
    package(course, "pip-1.0")
    return course


@pytest.fixture
def calls(course, monkeypatch):
    """The commands that would be run, with what they are told beyond the environment."""
    made = []
    monkeypatch.setattr(course, "call", lambda command, **extra: made.append(([*map(str, command)], extra)) or 0)
    return made


def site(course):
    return next(iter([*course.VENV.glob("lib/python*/site-packages"), *course.VENV.glob("Lib/site-packages")]))


def package(course, name, files=("METADATA", "INSTALLER", "RECORD")):
    folder = site(course) / f"{name}.dist-info"
    folder.mkdir()
    for file in files:
        (folder / file).write_text(f"{file}\n", encoding="utf-8")
    return folder


def run(course, *words, **environment):
    """course.py as a process of its own; a wrong course.py could want to install, but would find nothing."""
    command = [sys.executable, str(course.ROOT / "course.py"), *words]
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8", "PIP_NO_INDEX": "1", **environment}
    options = {"capture_output": True, "text": True, "encoding": environment["PYTHONIOENCODING"], "cwd": "/"}
    return subprocess.run(command, env=environment, **options)


def notes(course, name):
    """What a fake package was called with, a row a call."""
    log = course.ROOT / f"{name}.log"
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()] if log.exists() else []


def newer_syntax(source):
    """What Python 2.7 could not read, as far as the syntax tree shows it."""
    found = [] if source.isascii() else ["letters beyond ASCII"]
    kinds = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.AsyncFunctionDef, ast.Nonlocal, ast.YieldFrom, ast.Match)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, kinds):
            found.append(type(node).__name__)
        elif getattr(node, "kwonlyargs", None) or getattr(node, "posonlyargs", None):
            found.append("special arguments")
        elif getattr(node, "annotation", None) or getattr(node, "returns", None):
            found.append("annotation")
        elif isinstance(node, (ast.List, ast.Tuple, ast.Set)) and any(isinstance(e, ast.Starred) for e in node.elts):
            found.append("unpacking in a display")
        elif None in getattr(node, "keys", []) or getattr(node, "cause", None):
            found.append("unpacking in a dict, or raise ... from")
    return found


def test_an_old_python_can_read_it():
    source = COURSE.read_text(encoding="utf-8")
    assert newer_syntax(source) == [] and "from __future__ import print_function" in source


@pytest.mark.parametrize(
    "source",
    ["f'{1}'", "'é'", "a: int = 1", "def f(a: int): 0", "def f() -> int: 0", "def f(*, a): 0", "(a := 1)", "[*a, 1]",
     "{**a}", "def f(a, /): 0", "raise A from None"],
)  # fmt: skip
def test_newer_syntax_would_be_seen(source):
    assert newer_syntax(source)


@pytest.mark.parametrize("version", [(2, 7), (3, 10), (3, 14)])
@pytest.mark.parametrize("others", [[], pytest.param(["python3.11"], marks=posix), pytest.param(["py"], marks=posix)])
def test_another_python_is_told_what_is_needed(tmp_path, version, others):
    for name in others:
        (tmp_path / name).write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    fake = f"import runpy, sys; sys.version_info = {version}; sys.argv = ['course.py', 'no-such-word']; "
    code = fake + f"runpy.run_path({str(COURSE)!r}, run_name='__main__')"
    environment = {**os.environ, "PATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    advice = {"": "install one", "python3.11": "run `python3.11 {}`", "py": "run `py -3.12 {}`"}["".join(others)]
    assert done.returncode == 1 and done.stdout == "" and done.stderr.count("\n") == 1
    assert "needs Python 3.11 or 3.12 (3.13 should do), and this is {}.{}: ".format(*version) in done.stderr
    assert advice.format(subprocess.list2cmdline([str(COURSE), "no-such-word"])) in done.stderr


def test_alone_it_lists_its_commands(course):
    done = run(course)
    *lines, builds, anew = done.stdout.splitlines()
    words = [re.fullmatch(rf"{re.escape(course.COMMAND)} (\w+) .*  \w.*", line)[1] for line in lines]
    assert builds.startswith("With each: --cpu takes") and "--anew" in anew
    for_readers, for_classes = ["lab", "test", "data", "run", "progress"], ["edition", "grade", "book"]
    assert done.returncode == 0
    assert words == [*for_readers, *for_classes, "refresh", "results", "bench", "doctor"]


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["tset"], "nearest is 'test'"),
        (["Lab"], "nearest is 'lab'"),
        (["lab", "--gpu"], "--cpu"),
        (["lab", "--reset"], "--reset"),
        (["lab", "--reset", "07"], "there are 00_start_here, 02_word_vectors"),
        (["test", "--fast"], "--quick"),
    ],
)
def test_a_wrong_word_is_answered_in_one_line(course, words, answer):
    done = run(course, *words)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1) and answer in done.stderr


def edition(course, name, text):
    (course.ROOT / "notebooks" / f"{name}.ipynb").write_text(text, encoding="utf-8")


def mine(course, name):
    return course.ROOT / "my" / f"{name}.ipynb"


def in_my(course):
    files = (course.ROOT / "my").iterdir()
    return {path.name.removesuffix(".ipynb"): path.read_text(encoding="utf-8") for path in files}


def test_missing_copies_are_added(course):
    course.update_copies()
    mine(course, "02_word_vectors").unlink()
    course.update_copies()
    memory = json.loads(in_my(course).pop(".copied.json"))
    assert in_my(course).keys() == {".copied.json", "00_start_here", "02_word_vectors"}
    assert mine(course, "02_word_vectors").read_text(encoding="utf-8") == "02_word_vectors, first edition"
    assert memory["02_word_vectors"] == course.digest(course.ROOT / "notebooks" / "02_word_vectors.ipynb")


def test_an_untouched_copy_is_renewed_silently(course, capsys):
    course.update_copies()
    edition(course, "02_word_vectors", "second edition")
    course.update_copies()
    assert in_my(course)["02_word_vectors"] == "second edition" and capsys.readouterr().out == ""
    edition(course, "02_word_vectors", "third edition")
    course.update_copies()
    assert in_my(course)["02_word_vectors"] == "third edition"


def test_a_learners_work_is_left_and_a_newer_edition_named(course, capsys):
    course.update_copies()
    mine(course, "02_word_vectors").write_text("my work", encoding="utf-8")
    course.update_copies()
    assert capsys.readouterr().out == ""
    edition(course, "02_word_vectors", "second edition")
    for _ in range(2):
        course.update_copies()
        assert in_my(course)["02_word_vectors"] == "my work"
        line = "02_word_vectors has a newer edition: `{} lab --reset 02` takes it and keeps yours.\n"
        assert capsys.readouterr().out == line.format(course.COMMAND)


@pytest.mark.parametrize("damage", ["", "{", "[1]", '"x"', "null", "\x00", '{"02_word_vectors": 3}'])
def test_a_damaged_memory_loses_nothing(course, damage):
    course.update_copies()
    mine(course, "02_word_vectors").write_text("my work", encoding="utf-8")
    (course.ROOT / "my" / ".copied.json").write_text(damage, encoding="utf-8")
    edition(course, "02_word_vectors", "second edition")
    course.update_copies()
    assert in_my(course)["02_word_vectors"] == "my work"
    edition(course, "00_start_here", "second edition")
    course.update_copies()
    assert in_my(course)["00_start_here"] == "second edition"  # it was the same as the project's: known again


def test_a_notebook_that_left_the_project_stays_with_the_learner(course):
    course.update_copies()
    (course.ROOT / "notebooks" / "02_word_vectors.ipynb").unlink()
    course.update_copies()
    assert in_my(course)["02_word_vectors"] == "02_word_vectors, first edition"


@pytest.mark.parametrize("changed", [False, True])
def test_the_copy_of_a_renumbered_notebook_follows(course, changed, capsys):
    course.update_copies()
    if changed:
        mine(course, "02_word_vectors").write_text("my work", encoding="utf-8")
    (course.ROOT / "notebooks" / "02_word_vectors.ipynb").rename(course.ROOT / "notebooks" / "13_word_vectors.ipynb")
    edition(course, "13_word_vectors", "second edition")
    course.update_copies()
    assert "02_word_vectors" not in in_my(course)
    assert in_my(course)["13_word_vectors"] == ("my work" if changed else "second edition")
    assert ("has a newer edition" in capsys.readouterr().out) == changed


def test_a_learners_own_notebook_is_never_renamed(course):
    course.update_copies()
    mine(course, "02_word_vectors").unlink()
    mine(course, "99_word_vectors").write_text("my own", encoding="utf-8")
    (course.ROOT / "notebooks" / "02_word_vectors.ipynb").rename(course.ROOT / "notebooks" / "13_word_vectors.ipynb")
    course.update_copies()
    assert in_my(course)["99_word_vectors"] == "my own"
    assert in_my(course)["13_word_vectors"] == "02_word_vectors, first edition"


def test_reset_of_a_renumbered_notebook_keeps_its_copy_and_gives_a_fresh_one(course):
    course.update_copies()
    mine(course, "02_word_vectors").write_text("my work", encoding="utf-8")
    (course.ROOT / "notebooks" / "02_word_vectors.ipynb").rename(course.ROOT / "notebooks" / "13_word_vectors.ipynb")
    course.reset("13")
    course.update_copies()
    files = in_my(course)
    assert files.pop("13_word_vectors") == "02_word_vectors, first edition" and "my work" in files.values()
    assert "02_word_vectors" not in files


def test_a_renaming_is_remembered_at_once(course, monkeypatch):
    course.update_copies()
    (course.ROOT / "notebooks" / "02_word_vectors.ipynb").rename(course.ROOT / "notebooks" / "13_word_vectors.ipynb")
    edition(course, "13_word_vectors", "second edition")
    monkeypatch.setattr(course, "digest", lambda path: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        course.update_copies()
    monkeypatch.undo()
    course.update_copies()
    assert in_my(course)["13_word_vectors"] == "second edition"


def test_a_copy_is_written_whole_or_not_at_all(course, monkeypatch):
    course.update_copies()
    edition(course, "02_word_vectors", "second edition")

    def full_disk(*paths):
        raise OSError("no space left on device")

    monkeypatch.setattr(course.os, "replace", full_disk)
    with pytest.raises(OSError, match="no space"):
        course.update_copies()
    assert in_my(course)["02_word_vectors"] == "02_word_vectors, first edition"


@pytest.mark.parametrize("which", ["02", "2", "word_vectors", "02_word_vectors", "my/02_word_vectors.ipynb"])
def test_reset_takes_the_new_edition_and_keeps_the_old(course, which, monkeypatch):
    ticks = iter(["2026-11-22_14-03-05", "2026-11-22_14-03-05", "2026-11-22_14-03-06"])
    monkeypatch.setattr(course.time, "strftime", lambda form: next(ticks) if form == "%Y-%m-%d_%H-%M-%S" else None)
    course.update_copies()
    for work in ("my work", "my later work"):
        mine(course, "02_word_vectors").write_text(work, encoding="utf-8")
        course.reset(which)
        course.update_copies()
    files = in_my(course)
    assert files["02_word_vectors"] == "02_word_vectors, first edition"
    assert files["02_word_vectors.2026-11-22_14-03-05"] == "my work"
    assert files["02_word_vectors.2026-11-22_14-03-06"] == "my later work"
    edition(course, "02_word_vectors", "second edition")
    course.update_copies()
    assert in_my(course)["02_word_vectors"] == "second edition"


def pip_calls(course):
    return [words for words, _, _ in notes(course, "pip")]


def test_packages_are_installed_when_the_requirements_changed(ready):
    install = ["install", "--disable-pip-version-check", "-r"]
    main, tests = (str(ready.ROOT / name) for name in ("requirements.txt", "tests/requirements.txt"))
    ready.set_up()
    ready.set_up()
    assert pip_calls(ready) == [[*install, main]]
    ready.set_up(tests=True)
    ready.set_up(tests=True)
    assert pip_calls(ready)[1:] == [[*install, tests]]
    (ready.ROOT / "requirements.txt").write_text("torch==2.14.0\n", encoding="utf-8")
    ready.set_up(tests=True)
    assert pip_calls(ready)[2:] == [[*install, main]]


@pytest.mark.parametrize(
    ("changed", "installs"),
    [("[project]\nversion = '2'\n\n[tool.ruff]\n", 2), ("[project]\n\n[tool.ruff]\nx = 1\n", 1)],
    ids=["description", "settings"],
)
def test_the_package_is_installed_when_its_description_changed_not_the_tools_settings(ready, changed, installs):
    about = ready.ROOT / "pyproject.toml"
    for text in ("[project]\n\n[tool.ruff]\n", changed):
        about.write_text(text, encoding="utf-8")
        ready.set_up()
    assert len(pip_calls(ready)) == installs


def test_the_tools_settings_follow_the_packages_description():
    package, _, tools = (COURSE.parent / "pyproject.toml").read_text(encoding="utf-8").partition("[tool.ruff]")
    assert "[tool.setuptools]" in package and re.findall(r"(?m)^\[(?!tool\.(?:ruff|pytest))", tools) == []


def test_it_says_how_big_it_is_the_first_time_only(ready, capsys, monkeypatch):
    monkeypatch.setattr(ready.shutil, "which", lambda name: None)
    monkeypatch.setattr(ready.sys, "platform", "linux")
    ready.set_up()
    said = capsys.readouterr().out
    assert "once: about 3 GB to download, 6 GB on disk" in said and "lab --cpu` downloads 0.5 GB" in said
    (ready.ROOT / "requirements.txt").write_text("torch==2.14.0\n", encoding="utf-8")
    ready.set_up()
    assert capsys.readouterr().out == "Installing what requirements.txt names.\n"


@pytest.mark.parametrize(
    ("system", "nvidia", "cpu"), [("linux", "smi", False), ("linux", None, True), ("darwin", None, False)]
)
def test_the_smaller_download_is_named_only_where_there_is_one(ready, capsys, monkeypatch, system, nvidia, cpu):
    monkeypatch.setattr(ready.shutil, "which", lambda name: nvidia)
    monkeypatch.setattr(ready.sys, "platform", system)
    ready.set_up("cpu" if cpu else None)
    said = capsys.readouterr().out
    assert "GB to download" in said and "lab --cpu" not in said


def test_a_failed_install_is_tried_again(ready):
    done = run(ready, "lab", FAKE_CODE="1")
    assert (
        done.returncode == 1
        and done.stderr.count("\n") == 1
        and "the same command goes on from there" in done.stderr.splitlines()[-1]
    )
    assert run(ready, "lab").returncode == 0 and len(pip_calls(ready)) == 2


def test_half_installed_packages_are_removed_first(ready):
    whole = package(ready, "whole-1.0")
    halves = [package(ready, "half-1.0", ["METADATA", "RECORD"]), package(ready, "less-1.0", ["METADATA", "INSTALLER"])]
    stash = site(ready) / "~umpy"
    stash.mkdir()
    (site(ready) / "~left.pth").write_text("", encoding="utf-8")
    ready.set_up()
    assert whole.is_dir() and not any(path.exists() for path in [*halves, stash, site(ready) / "~left.pth"])


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
@pytest.mark.parametrize("cpu", [False, True])
def test_cpu_takes_torch_from_its_own_index_on_linux(course, system, cpu):
    requirements = course.ROOT / "requirements.txt"
    commands = course.pip_commands("python", requirements, cpu, system)
    pip = ["python", "-m", "pip", "install", "--disable-pip-version-check"]
    first = [[*pip, "--index-url", "https://download.pytorch.org/whl/cpu", "torch==2.13.0"]]
    assert commands == first * (cpu and system == "linux") + [[*pip, "-r", str(requirements)]]
    assert course.pip_commands("python", course.ROOT / "tests" / "requirements.txt", cpu, system)[0][5] == "-r"


def test_the_pin_of_torch_is_found_in_the_real_requirements(course):
    commands = course.pip_commands("python", COURSE.parent / "requirements.txt", True, "linux")
    assert re.fullmatch(r"torch==[\d.]+", commands[0][-1])


@pytest.mark.parametrize("ensurepip", [None, ModuleType("ensurepip")])  # the second: its folder was left behind, empty
def test_a_debian_without_ensurepip_is_told_its_package(course, monkeypatch, capsys, ensurepip):
    monkeypatch.setitem(sys.modules, "ensurepip", ensurepip)
    with pytest.raises(SystemExit):
        course.set_up()
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and f"`sudo apt install python{course.THIS}-venv`" in said and "same command" in said
    assert not course.VENV.exists()


def test_a_disk_that_is_too_small_is_told_beforehand(course, monkeypatch, capsys):
    monkeypatch.setattr(course.sys, "platform", "linux")
    monkeypatch.setattr(course.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(8e9, 0, 8e9))
    with pytest.raises(SystemExit):
        course.set_up()
    assert "needs about 9 GB of free disk" in capsys.readouterr().err and not course.VENV.exists()


def test_a_venv_that_serves_is_kept(ready, calls):
    (ready.VENV / "mark").touch()
    ready.set_up()
    assert (ready.VENV / "mark").exists() and all("venv" not in command for command, _ in calls)


def break_interpreter(course, monkeypatch):
    course.PYTHON.unlink()
    if os.name != "nt":
        course.PYTHON.symlink_to("/gone/python3")


def break_pip(course, monkeypatch):
    (site(course) / "pip-1.0.dist-info" / "RECORD").unlink()


@pytest.mark.parametrize("break_it", [break_interpreter, break_pip])
def test_a_venv_that_does_not_serve_is_made_anew(ready, calls, capsys, monkeypatch, break_it):
    break_it(ready, monkeypatch)
    monkeypatch.setattr(ready, "install", lambda *what: None)
    monkeypatch.setattr(ready, "kernel_settings", lambda: None)
    ready.set_up()
    assert "the old one is unfinished" in capsys.readouterr().out
    assert list(ready.VENV.iterdir()) == [ready.CHOICE] and ready.chosen_build() == "full"
    assert calls == [([sys._base_executable, "-m", "venv", str(ready.VENV)], {})]


def test_another_python_goes_on_with_the_venv_as_it_is(ready, capsys, monkeypatch):
    ready.set_up()
    (ready.VENV / "mark").touch()
    ours = ready.THIS
    other = "3.12" if ours == "3.11" else "3.11"
    monkeypatch.setattr(ready, "THIS", other)
    capsys.readouterr()
    ready.set_up()
    said = (
        f"This is Python {other}; .venv was made by Python {ours} and goes on with that (`{ready.COMMAND} lab --anew`"
    )
    assert said in capsys.readouterr().out
    assert (ready.VENV / "mark").exists() and len(pip_calls(ready)) == 1


def test_a_venv_of_an_unsuitable_python_is_left_alone_and_told(ready, capsys, monkeypatch):
    monkeypatch.setattr(ready, "version_of_venv", lambda: "3.9")
    with pytest.raises(SystemExit):
        ready.set_up()
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "is of Python 3.9, which" in said and f"`{ready.COMMAND} lab --anew`" in said
    assert ready.PYTHON.exists()


def test_anew_makes_the_venv_anew_and_keeps_the_choice_of_torch(ready, calls, capsys, monkeypatch):
    ready.CHOICE.write_text("cpu", encoding="utf-8")
    installs = []
    monkeypatch.setattr(ready, "install", lambda *what: installs.append(what))
    ready.set_up(anew=True)
    assert "(--anew says so)" in capsys.readouterr().out
    assert calls == [([sys._base_executable, "-m", "venv", str(ready.VENV)], {})]
    assert installs == [("requirements.txt", "cpu", ready.THIS)]


@pytest.mark.parametrize("words", [["lab", "--cpu"], ["lab"]])
def test_a_set_up_that_is_stopped_remembers_the_choice(course, monkeypatch, words):
    if words == ["lab"]:
        course.VENV.mkdir()
        course.CHOICE.write_text("cpu", encoding="utf-8")

    def stop(command, **extra):
        raise KeyboardInterrupt

    monkeypatch.setattr(course, "call", stop)
    with pytest.raises(KeyboardInterrupt):
        course.main(words)
    assert course.chosen_build() == "cpu"


def test_a_folder_that_moved_is_installed_again(ready):
    ready.set_up()
    moved = shutil.move(ready.ROOT, ready.ROOT.with_name("elsewhere"))
    subprocess.run([sys.executable, Path(moved) / "course.py", "lab"], check=True, capture_output=True)
    assert len((Path(moved) / "pip.log").read_text(encoding="utf-8").splitlines()) == 2


def test_lab_opens_the_working_copies_on_loopback_with_its_token(ready):
    done = run(ready, "lab", "--no-browser", MPLBACKEND="agg", PYTHONPATH="/elsewhere")
    assert done.returncode == 0 and in_my(ready).keys() > {"00_start_here", "02_word_vectors"}
    ((words, environment, _),) = notes(ready, "jupyterlab")
    assert {f"--ServerApp.root_dir={ready.ROOT / 'my'}", "--ServerApp.ip=127.0.0.1", "--no-browser"} < set(words)
    assert "--LabApp.default_url=/lab/tree/00_start_here.ipynb" in words and not re.search("token|password", str(words))
    assert environment["PYTHONUTF8"] == "1" and not {"MPLBACKEND", "PYTHONPATH"} & environment.keys()
    assert environment["JUPYTER_CONFIG_PATH"].split(os.pathsep)[0] == str(ready.ROOT / "classroom" / "lab")


def test_lab_sets_up_first(ready, calls, monkeypatch):
    monkeypatch.setattr(ready, "set_up", lambda **wishes: calls.append(wishes))
    ready.main(["lab"])
    assert calls[0] == {"anew": False} and "jupyterlab" in calls[1][0]


def test_lab_reset_keeps_the_old(ready):
    run(ready, "lab")
    mine(ready, "02_word_vectors").write_text("my work", encoding="utf-8")
    done = run(ready, "lab", "--reset", "02")
    kept = re.search(r"kept as my/(\S+)\.ipynb", done.stdout)[1]
    assert in_my(ready)[kept] == "my work" and in_my(ready)["02_word_vectors"] == "02_word_vectors, first edition"


@pytest.mark.parametrize(
    ("own", "spins"), [({}, "1000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, None)]
)
def test_waiting_threads_leave_their_core_unless_the_environment_says_otherwise(ready, monkeypatch, own, spins):
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    run(ready, "lab", **own)
    ((_, environment, _),) = notes(ready, "jupyterlab")
    assert environment.get("GOMP_SPINCOUNT") == spins


def test_exit_codes_are_passed_on(ready):
    ready.set_up()
    assert run(ready, "lab", FAKE_CODE="7").returncode == 7


@posix
def test_a_child_killed_by_a_signal_gives_128_and_its_number(course):
    assert course.call([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"]) == 137


def interrupted(course, name, number, send=os.kill):
    """The exit code and last words of course.py lab, interrupted by a signal as soon as the slow fake package runs."""
    command = [sys.executable, str(course.ROOT / "course.py"), "lab"]
    environment = {**os.environ, "FAKE": "slow"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True}
    # What a shell starts with & ignores SIGINT, and what nohup starts SIGHUP.
    heard = lambda: [signal.signal(each, signal.SIG_DFL) for each in (signal.SIGINT, signal.SIGHUP)]  # noqa: E731
    with subprocess.Popen(command, env=environment, preexec_fn=heard, **pipes) as child:
        deadline = time.monotonic() + 20
        while not notes(course, name) and time.monotonic() < deadline:
            time.sleep(0.02)
        send(child.pid, number)
        _, last_words = child.communicate(timeout=30)
    ((_, _, process),) = notes(course, name)
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
    return child.returncode, last_words


@posix
def test_ctrl_c_in_an_install_is_one_line_and_leaves_nothing_behind(ready):
    line = "\nStopped; the same command goes on from here.\n"
    assert interrupted(ready, "pip", signal.SIGINT, os.killpg) == (130, line)  # as a terminal does: to the whole group
    assert not list(ready.VENV.glob("*.installed"))


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_closed_terminal_leaves_no_jupyterlab_behind(ready, number):
    ready.set_up()
    assert interrupted(ready, "jupyterlab", number) == (128 + number, "")


def test_test_runs_everything_apart_from_the_learners_progress(course, calls, monkeypatch):
    set_ups = []
    monkeypatch.setattr(course, "set_up", lambda **wishes: set_ups.append(wishes))
    assert course.main(["test"]) == course.main(["test", "--quick", "--cpu", "--", "-k", "--foo"]) == 0
    assert set_ups == [{"tests": True, "anew": False}, {"tests": True, "anew": False, "build": "cpu"}]
    steps = [command[2:] for command, _ in calls]
    lint = [["course_lib.data"], ["ruff", "check"], ["ruff", "format", "--check"]]
    alone = ["tests/test_browser.py", "tests/test_book_browser.py"]
    workers = ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder", *[f"--ignore={path}" for path in alone]]
    nbval = ["--nbval", "--nbval-current-env", "--nbval-sanitize-with", "tests/nbval_sanitize.cfg"]
    tests = ["pytest", "tests", *workers, *nbval, "--nbval-cell-timeout", "300"]
    browser = ["pytest", *alone, "-n", "0"]
    quick = [*tests, "notebooks/00_start_here.ipynb", "-m", "not slow", "-k", "--foo"]
    assert steps == [*lint, [*tests, "notebooks"], browser, *lint, quick]
    assert all(extra["COURSE_SCALE"] == "laptop" and extra["COURSE_PROGRESS"] for _, extra in calls)


@pytest.mark.parametrize(
    ("codes", "code", "failed"),
    [
        ([0, 3, 0, 1, 0], 3, ["ruff check (exit code 3)", "pytest tests (exit code 1)"]),
        ([0, 0, 0, 0, 1], 1, ["pytest tests/test_browser.py (exit code 1)"]),
        ([0, 0, 0, 0, 5], 0, []),
        ([0, 0, 0, 1, 5], 1, ["pytest tests (exit code 1)"]),
        ([0, 0, 0, 5, 5], 5, ["pytest tests (exit code 5)", "pytest tests/test_browser.py (exit code 5)"]),
    ],
)
def test_test_goes_on_after_a_failure_and_tells_it(course, monkeypatch, capsys, codes, code, failed):
    left = iter(codes)
    monkeypatch.setattr(course, "set_up", lambda **wishes: None)
    monkeypatch.setattr(course, "call", lambda command, **extra: next(left))
    assert course.main(["test"]) == code and next(left, None) is None
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("FAILED")]
    assert lines == [f"FAILED: python -m {step}" for step in failed]


def listed(versions):
    return json.dumps([{"name": name, "version": version} for name, version in versions.items()]).encode()


@pytest.mark.parametrize("words", [[], ["--cpu"], ["--quick"]])
def test_the_newest_versions_have_an_environment_of_their_own(course, monkeypatch, capsys, words):
    made, upgraded, run = [], [], []
    names, ours = ("requirements.txt", "tests-requirements.txt"), course.ROOT / ".venv"
    latest = course.ROOT / ".venv-latest"
    monkeypatch.setattr(course, "make_venv", lambda reason, build: (latest.mkdir(), made.append(build)))
    monkeypatch.setattr(course, "pip", upgraded.append)
    monkeypatch.setattr(course, "call", lambda command, **extra: run.append([*map(str, command)]) or 0)
    versions = {"torch": "2.14.0+cpu", "numpy": "2.4.6", "pytest": "9.3.0"}
    monkeypatch.setattr(course.subprocess, "check_output", lambda *command, **extra: listed(versions))
    monkeypatch.setattr(course.sys, "platform", "linux")
    assert course.main(["test", "--latest", *words]) == 0
    assert made == ["cpu" if "--cpu" in words else "full"] and not ours.exists()
    assert [command[-2:] for command in upgraded if "-r" in command] == [[str(latest / n), "--upgrade"] for n in names]
    assert [command[-2] for command in upgraded if "-r" not in command] == ["torch"] * ("--cpu" in words)
    assert (latest / names[0]).read_text(encoding="utf-8") == "-e .\ntorch\nnumpy\n"
    said = capsys.readouterr().out
    assert f"Python {course.THIS}; not as pinned: torch 2.13.0 -> 2.14.0, pytest 9.2.0 -> 9.3.0.\n" in said
    assert all(Path(command[0]).is_relative_to(latest) for command in run) and run
    assert ("notebooks" in run[3]) == ("--quick" not in words)


def test_where_nothing_is_newer_it_says_so(course, monkeypatch, capsys):
    (course.ROOT / ".venv-latest").mkdir()
    monkeypatch.setattr(course, "version_of_venv", lambda: course.THIS)
    monkeypatch.setattr(course, "pip", lambda command: None)
    monkeypatch.setattr(course.subprocess, "check_output", lambda *command, **extra: listed(PINNED))
    course.set_up_latest()
    assert capsys.readouterr().out == f"Python {course.THIS}; not as pinned: nothing.\n"


PINNED = {"torch": "2.13.0", "numpy": "2.4.6", "pytest": "9.2.0"}
PASSED_ON = [
    (["data"], ["-P", "-m", "course_lib.data"]),
    (["run", "02"], ["-P", "-m", "classroom.notebooks", "run", "02"]),
    (["refresh", "02", "--check"], ["-P", "-m", "classroom.notebooks", "refresh", "02", "--check"]),
    (["results", "glove"], ["-P", "-m", "experiments", "glove"]),
    (["progress", "--review"], ["-P", "-m", "classroom.review", "--review"]),
    (["edition", "student", "--zip", "a.zip"], ["-P", "-m", "classroom.editions", "student", "--zip", "a.zip"]),
    (["grade", "class"], ["-P", "-m", "classroom.class_grades", "class"]),
    (["book", "--out", "b"], ["-P", "-m", "classroom.book", "--out", "b"]),
    (["bench"], ["{ROOT}/tests/bench.py"]),
]


@pytest.mark.parametrize(("words", "command"), PASSED_ON)
@pytest.mark.parametrize(
    ("option", "wish"),
    [([], {}), (["--cpu"], {"build": "cpu"}), (["--no-cpu", "--anew"], {"build": "full", "anew": True})],
)
def test_the_other_commands_pass_on_what_is_not_for_the_set_up(
    course, calls, monkeypatch, tmp_path, words, command, option, wish
):
    monkeypatch.setattr(course, "set_up", lambda **wishes: calls.append(wishes))
    monkeypatch.chdir(tmp_path)
    assert course.main([*words, *option]) == 0
    command = [str(Path(word.format(ROOT=course.ROOT))) if "{" in word else word for word in command]
    assert calls[0] == {"tests": words == ["bench"], "anew": False, **wish}
    assert calls[1:] == [([str(course.PYTHON), *command], {"cwd": str(tmp_path)})]


def test_opposite_wishes_are_refused(course):
    done = run(course, "run", "02", "--cpu", "--no-cpu")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1) and "opposites" in done.stderr


def torch_of(course, build):
    """As pip leaves torch in .venv."""
    for name in {"cpu": ["torch-2.13.0+cpu"], "full": ["torch-2.13.0", "triton-3.5", "nvidia_nccl_cu12-2.27"]}[build]:
        package(course, name)


def test_the_choice_of_torch_is_kept_until_another_is_made(ready, monkeypatch):
    monkeypatch.setattr(ready.sys, "platform", "linux")
    index = ["--index-url", "https://download.pytorch.org/whl/cpu"]
    ready.set_up("cpu")
    assert pip_calls(ready)[0][2:] == [*index, "torch==2.13.0"] and len(pip_calls(ready)) == 2
    ready.set_up()
    assert len(pip_calls(ready)) == 2
    (ready.ROOT / "requirements.txt").write_text("torch==2.14.0\n", encoding="utf-8")
    ready.set_up()
    assert pip_calls(ready)[2][2:] == [*index, "torch==2.14.0"] and len(pip_calls(ready)) == 4


@pytest.mark.parametrize(("old", "new"), [("cpu", "full"), ("full", "cpu")])
def test_another_choice_takes_the_other_build_away_first(ready, monkeypatch, old, new):
    monkeypatch.setattr(ready.sys, "platform", "linux")
    ready.set_up(old)
    torch_of(ready, old)
    before = len(pip_calls(ready))
    ready.set_up(new)
    removed, *installs = pip_calls(ready)[before:]
    names = {"cpu": ["torch"], "full": ["nvidia_nccl_cu12", "torch", "triton"]}[old]
    assert removed[:2] == ["uninstall", "--yes"] and sorted(removed[2:]) == names
    assert len(installs) == {"cpu": 2, "full": 1}[new] and ready.chosen_build() == new


def test_a_change_of_torch_that_is_interrupted_is_not_taken_for_done(ready, monkeypatch):
    monkeypatch.setattr(ready.sys, "platform", "linux")
    ready.set_up("full")
    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(ready, "write", lambda target, content: signal.raise_signal(signal.SIGINT))
        ready.set_up("cpu")
    before = len(pip_calls(ready))
    ready.set_up()
    assert len(pip_calls(ready)) == before + 1


def test_elsewhere_there_is_one_build_and_nothing_to_change(ready, monkeypatch):
    monkeypatch.setattr(ready.sys, "platform", "darwin")
    ready.set_up("cpu")
    ready.set_up("full")
    assert len(pip_calls(ready)) == 1


PINS = """# a comment
tiny-data==1.0 --hash=sha256:0  # 0.6 MB · tiny words
other==2.0 --hash=sha256:1  # 76 MB · vectors
"""


def test_data_is_listed_before_the_set_up(course, tmp_path):
    (course.ROOT / "data").mkdir()
    (course.ROOT / "data" / "requirements.txt").write_text(PINS, encoding="utf-8")
    record = tmp_path / "shared" / "tiny_data-1.0.dist-info" / "RECORD"
    record.parent.mkdir(parents=True)
    record.touch()
    done = run(course, "data", "--list", COURSE_DATA=str(tmp_path / "shared"))
    assert done.returncode == 0 and done.stderr == "" and not course.VENV.exists()
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert lines == ["tiny-data 0.6 MB present tiny words", "other 76 MB missing vectors"]


def test_the_real_pins_are_listed(course, capsys, monkeypatch):
    monkeypatch.setattr(course, "ROOT", COURSE.parent)
    monkeypatch.delenv("COURSE_DATA", raising=False)
    course.list_data()
    pins = (COURSE.parent / "data" / "requirements.txt").read_text(encoding="utf-8")
    assert len(capsys.readouterr().out.splitlines()) == pins.count("--hash=") > 5


def test_data_is_listed_after_the_set_up_without_another_one(ready, calls):
    ready.STAMP.touch()
    assert ready.main(["data", "--list"]) == 0
    assert [command[1:] for command, _ in calls] == [["-P", "-m", "course_lib.data", "--list"]]


def test_a_module_in_the_callers_folder_is_none_of_the_courses(ready, monkeypatch, tmp_path):
    package = site(ready) / "course_lib"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "data.py").write_text("import os, sys; print('ours, in', os.getcwd(), sys.argv[1:])", encoding="utf-8")
    for name in ("course_lib", "json"):
        (tmp_path / f"{name}.py").write_text("print('a stranger')", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    done = subprocess.run(
        [sys.executable, str(ready.ROOT / "course.py"), "data", "words.txt"], capture_output=True, text=True
    )
    assert f"ours, in {tmp_path} ['words.txt']" in done.stdout and "stranger" not in done.stdout


@pytest.mark.parametrize("variable", ["COURSE_MY", "COURSE_DATA", "COURSE_PROGRESS"])
@pytest.mark.parametrize("command", ["lab", "test", "data", "run", "doctor"])
def test_a_relative_path_in_the_environment_is_refused(course, variable, command):
    done = run(course, command, **{variable: "some/folder"})
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f"The environment variable {variable} must hold an absolute path, but it is 'some/folder'." in done.stderr


def test_my_may_be_elsewhere(ready, tmp_path):
    place = tmp_path / "hers" / "my"
    done = run(ready, "lab", COURSE_MY=str(place))
    mine = place / "02_word_vectors.ipynb"
    assert done.returncode == 0 and mine.exists() and not (ready.ROOT / "my").exists()
    assert f"--ServerApp.root_dir={place}" in notes(ready, "jupyterlab")[0][0]
    mine.write_text("my work", encoding="utf-8")
    done = run(ready, "lab", "--reset", "02", COURSE_MY=str(place))
    assert re.search(rf"kept as {re.escape(str(place))}/02_word_vectors\.\S+\.ipynb\.", done.stdout)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp932"])
def test_a_console_that_lacks_letters(ready, tmp_path, encoding):
    place = tmp_path / "cahier é ☕"
    console = {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "COURSE_MY": str(place)}
    assert run(ready, "lab", **console).returncode == 0
    done = run(ready, "lab", "--reset", "02", **console)
    assert done.returncode == 0 and "kept as " in done.stdout and "Traceback" not in done.stderr
    done = run(ready, "lab", **{**console, "COURSE_MY": "cahier é ☕"})
    assert done.returncode == 2 and done.stderr.count("\n") == 1


@pytest.fixture
def disk(tmp_path):
    """A disk of its own, and the way to make it read-only."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)]
    if sys.platform != "linux" or os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a disk can be made by root on Linux only, and where mounting is allowed")
    yield folder, lambda: subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    subprocess.run(["umount", str(folder)], check=True)


def test_a_folder_that_cannot_be_written_to_is_answered_in_one_line(course, disk, tmp_path):
    folder, close = disk
    course.ROOT = shutil.copytree(course.ROOT, folder / "course")
    close()
    lab, elsewhere = run(course, "lab"), run(course, "lab", COURSE_MY=str(tmp_path / "my"))
    for done, place in ((lab, course.ROOT / "my"), (elsewhere, course.ROOT), (run(course, "run", "02"), course.ROOT)):
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        assert f"{place} cannot be written to (Read-only file system): copy the course into a folder" in done.stderr
    assert "or, where it is set up for several, let COURSE_MY name one." in lab.stderr
    doctor = run(course, "doctor")
    assert doctor.returncode == 1 and f"Folder    {course.ROOT} cannot be written to" in doctor.stdout


def test_a_shared_installation_serves_whoever_has_a_folder(ready, disk, tmp_path):
    folder, close = disk
    root = shutil.copytree(ready.ROOT, folder / "course", symlinks=True)
    shared = SimpleNamespace(ROOT=root)
    assert run(shared, "data").returncode == 1  # sets up; there is no course_lib.data here
    close()
    mine = tmp_path / "my"
    done = run(shared, "lab", COURSE_MY=str(mine), JUPYTER_LOG=str(tmp_path))
    assert (done.stdout, done.stderr.count("Traceback")) == ("Starting JupyterLab; Ctrl-C in this window ends it.\n", 1)
    assert (mine / "02_word_vectors.ipynb").exists()
    assert "let COURSE_MY name one" in run(shared, "lab").stderr
    done = run(shared, "lab", "--cpu", COURSE_MY=str(mine))
    assert done.returncode == 1 and f"{root / '.venv'} cannot be written to" in done.stderr
    assert "must be installed by whoever may do that" in done.stderr


@pytest.mark.parametrize("own", [None, "/somewhere"])
def test_the_kernels_of_the_venv_come_first(ready, monkeypatch, own):
    monkeypatch.delenv("JUPYTER_PATH", raising=False)
    run(ready, "lab", **({"JUPYTER_PATH": own} if own else {}))
    ((_, environment, _),) = notes(ready, "jupyterlab")
    ours = str(ready.VENV / "share" / "jupyter")
    assert environment["JUPYTER_PATH"] == (f"{ours}{os.pathsep}{own}" if own else ours)


@pytest.fixture
def real_lab(ready, monkeypatch, tmp_path):
    """JupyterLab itself, started as `lab` starts it, in a home of its own: what it logs, line by line."""
    home = tmp_path / "home"
    kernels = home / ".local" / "share" / "jupyter" / "kernels" / "python3"
    kernels.mkdir(parents=True)
    stale = {"argv": ["/nowhere/python", "-f", "{connection_file}"], "display_name": "old", "language": "python"}
    (kernels / "kernel.json").write_text(json.dumps(stale), encoding="utf-8")
    for name in [name for name in os.environ if name.startswith(("JUPYTER", "IPYTHON", "XDG"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")
    monkeypatch.setenv("JUPYTER_PATH", str(home / ".local" / "share" / "jupyter"))
    started = []
    monkeypatch.setattr(ready.subprocess, "Popen", lambda command, **how: started.append((command, how)) or 1 / 0)
    monkeypatch.setattr(ready, "set_up", lambda **wishes: None)
    monkeypatch.setattr(ready, "VENV", Path(sys.prefix))
    monkeypatch.setattr(ready, "PYTHON", sys.executable)
    with pytest.raises(ZeroDivisionError):
        ready.main(["lab", "--no-browser"])
    monkeypatch.undo()
    ((command, how),) = started
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, encoding="utf-8", **how) as server:
        yield server.stderr
        server.terminate()


@pytest.fixture
def taken_port():
    with socket.socket() as taken, contextlib.suppress(OSError):  # or another program has it
        taken.bind(("127.0.0.1", 8888))
        taken.listen()
        yield


def answer_to(asked):
    """The server's answer; it names its address a moment before it listens."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return urllib.request.urlopen(asked, timeout=60)
        except urllib.error.HTTPError as error:
            pytest.fail(f"the server answers {error}")
        except urllib.error.URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


@posix
@pytest.mark.slow
def test_lab_takes_another_port_and_its_own_kernel(taken_port, real_lab):
    lines = iter(real_lab.readline, "")
    found = next(filter(None, (re.search(r"(http://127\.0\.0\.1:(\d+))/lab\S*\?token=(\w+)", line) for line in lines)))
    assert found[2] != "8888"
    header = {"Authorization": f"token {found[3]}", "Content-Type": "application/json"}
    asked = urllib.request.Request(f"{found[1]}/api/kernels", b'{"name": "python3"}', header)
    with answer_to(asked) as answer:
        assert answer.status == 201 and json.load(answer)["name"] == "python3"


def test_doctor_works_before_the_set_up(course):
    done = run(course, "doctor")
    assert done.returncode == 1 and f"Python    {course.THIS}" in done.stdout and "GB free" in done.stdout
    assert f"not set up yet: run `{course.COMMAND} lab`" in done.stdout and not course.VENV.exists()


def test_doctor_asks_the_library_afterwards(ready, calls):
    assert ready.main(["doctor"]) == 0 and calls[0][0][1:] == ["-P", "-m", "classroom.doctor"]


def test_a_newer_python_gets_a_line(ready, calls, capsys, monkeypatch):
    ready.main(["doctor"])
    assert "tested on" not in capsys.readouterr().out or ready.THIS == "3.13"
    monkeypatch.setattr(ready, "THIS", "3.13")
    ready.main(["doctor"])
    assert "tested on Python 3.11 and 3.12; this is 3.13" in capsys.readouterr().out
