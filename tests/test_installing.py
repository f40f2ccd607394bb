"""pip's environment: what is kept of its configuration; the set-up's pip for real, in a .venv of its own."""

import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from wheels import make_wheel, refusing

from course_lib.installing import PipError, pip_environment, why_pip_failed

PROJECT = Path(__file__).resolve().parents[1]


@pytest.fixture
def configured(tmp_path, monkeypatch):
    """configured(text, NAME=value) gives pip's environment under this pip.conf and these variables PIP_NAME."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)

    def write(text, **variables):
        (tmp_path / "pip.conf").write_text(text, encoding="utf-8")
        monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
        for name, value in variables.items():
            monkeypatch.setenv(f"PIP_{name}", value)
        environment = pip_environment(tmp_path / "pip.log")
        kept = {name[4:]: value for name, value in environment.items() if name.startswith("PIP_")}
        fixed = {"CONFIG_FILE": os.devnull, "NO_INPUT": "1", "LOG": str(tmp_path / "pip.log")}
        assert fixed.items() <= kept.items() and environment["PATH"] == os.environ["PATH"]
        return kept  # with what is configured for the whole machine

    return write


def test_the_ways_to_packages_are_kept_and_the_rest_is_not(configured):
    text = "[global]\nindex-url = https://u:p@a/simple\nuser = true\nquiet = 2\n[install]\nprefix = /x\ntarget = /y\n"
    kept = configured(text, USER="1", PROXY="http://p", ROOT="/z", PYTHON="/nowhere")
    assert kept.items() >= {"INDEX_URL": "https://u:p@a/simple", "PROXY": "http://p"}.items()
    assert not {"USER", "QUIET", "PREFIX", "TARGET", "ROOT", "PYTHON"} & kept.keys()


def test_what_prevails_with_pip_prevails_here(configured):
    sections = ["[install]\ntimeout = 2\nretries = 2\nproxy =", "[global]\ntimeout = 1\nretries = 1\nproxy = http://p"]
    kept = configured("\n".join([*sections, "[download]\ntimeout = 9"]), RETRIES="3", CERT="")
    assert kept.items() >= {"TIMEOUT": "2", "RETRIES": "3", "PROXY": "http://p"}.items()


def test_several_indexes_are_kept(configured):
    kept = configured("[global]\nextra-index-url =\n    https://a\n    https://b's\n")
    assert kept["EXTRA_INDEX_URL"].split() == ["https://a", "https://b's"]


def test_an_environment_without_pip_is_told_how_to_get_one(tmp_path):
    venv.create(tmp_path / "venv", with_pip=False, symlinks=os.name != "nt")
    python = tmp_path / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    with pytest.raises(PipError, match=rf'there is no pip in this environment: run `"{python}" -m ensurepip`'):
        pip_environment(tmp_path / "pip.log", str(python))


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ("OSError: [Errno 28] No space left on device", "the disk is full: make room in here and try again"),
        (
            "SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]",
            "certificate .* is not trusted here: let",
        ),
        ("Tunnel connection failed: 407 Proxy Authentication Required ProxyError", "the proxy that pip is told to use"),
        ("after connection broken by 'ReadTimeoutError", "cannot be reached, or the connection broke: do this"),
        ("ERROR: HTTP error 401 while getting https://x", "asks for a login"),
    ],
)
def test_words_of_pip_and_what_they_mean(said, means):
    assert re.search(means, why_pip_failed(said, Path("here"), "do this"))


def test_unknown_words_are_left_to_the_caller():
    assert why_pip_failed("ERROR: something new", Path("here"), "do this") is None


@pytest.mark.slow
def test_the_set_up_installs_into_its_venv_whatever_pip_is_configured_to_do(tmp_path):
    root = tmp_path / "course"
    for folder in ("course_lib", "notebooks"):
        (root / folder).mkdir(parents=True)
    for name in ("course.py", "course_lib/__init__.py", "course_lib/installing.py"):
        shutil.copy(PROJECT / name, root / name)
    make_wheel(tmp_path / "wheels")
    (root / "requirements.txt").write_text("tiny-data==1.0\n", encoding="utf-8")
    (root / "pyproject.toml").write_text("", encoding="utf-8")
    venv.create(root / ".venv", with_pip=True, symlinks=os.name != "nt")
    config = tmp_path / "pip.conf"
    elsewhere = "[install]\nuser = true\nprefix = /x\n[global]\nrequire-virtualenv = true\nno-deps = true\n"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHONPATH"))}
    environment |= {"PIP_CONFIG_FILE": str(config), "PIP_TARGET": str(tmp_path / "y")}

    def data(configuration):
        config.write_text(elsewhere + configuration, encoding="utf-8")
        command = [sys.executable, str(root / "course.py"), "data"]
        return subprocess.run(command, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)

    with refusing(401) as address:
        refused = data(f"index-url = {address}/simple\n")
    *_, last = refused.stderr.splitlines()
    assert refused.returncode == 1 and last.startswith("pip stopped: the package index asks for a login")
    assert last.endswith("the same command goes on from there.")
    unreachable = data("index-url = http://127.0.0.1:9/simple\nretries = 0\n")  # nobody listens at the discard port
    assert unreachable.stderr.splitlines()[-1].startswith("pip stopped: the package registry cannot be reached")
    done = data(f"no-index = true\nfind-links = {tmp_path / 'wheels'}\n")
    assert "No module named 'course_lib'" in done.stderr  # which the set-up's requirements do not name here
    assert list((root / ".venv").rglob("tiny_data/words.txt")) and not (tmp_path / "y").exists()
