"""doctor: what it finds on this machine, and what it says where something is wrong."""

import builtins
import importlib.metadata
import os
import subprocess
import sys
from types import SimpleNamespace

import psutil
import pytest

from classroom import doctor
from course_lib.data import packages


def finding(name):
    (found,) = [found for found in doctor.check() if found.name == name]
    return found


def test_it_looks_at_everything_in_order():
    names = [found.name for found in doctor.check()]
    assert names == ["Python", "Disk", "Memory", "Cores", "Device", "Packages", "Data"]


def test_what_is_wrong_comes_with_advice():
    assert all(found.ok or found.advice for found in doctor.check())


@pytest.mark.parametrize(
    ("version", "ok", "advice"),
    [
        ((3, 11, 7), True, ""),
        ((3, 12, 1), True, ""),
        ((3, 13, 0), True, "tested on Python 3.11 and 3.12, 3.13 should do"),
        ((3, 14, 0), False, "tested on Python 3.11 and 3.12"),
    ],
)
def test_python(monkeypatch, version, ok, advice):
    monkeypatch.setattr(sys, "version_info", version)
    found = finding("Python")
    assert found.ok == ok and found.advice.endswith(advice) and bool(found.advice) == bool(advice)


@pytest.mark.parametrize(("free", "ok"), [(0.9e9, False), (1.1e9, True)])
def test_disk(monkeypatch, free, ok):
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: SimpleNamespace(free=free))
    found = finding("Disk")
    assert (found.value, found.ok, bool(found.advice)) == (f"{free / 1e9:.1f} GB free", ok, not ok)


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_folder_that_cannot_be_written_to(monkeypatch, tmp_path, elsewhere):
    monkeypatch.delenv("COURSE_MY", raising=False)
    monkeypatch.setattr(os, "access", lambda path, mode: path == tmp_path)
    if elsewhere:
        monkeypatch.setenv("COURSE_MY", str(tmp_path / "not" / "made" / "yet"))
    found = finding("Disk")
    assert found.ok == elsewhere
    assert found.advice == "" if elsewhere else f"{doctor.PROJECT / 'my'} cannot be written to" in found.advice


def test_a_relative_folder_is_a_finding(monkeypatch):
    monkeypatch.setenv("COURSE_MY", "some/folder")
    found = finding("Disk")
    assert not found.ok and "COURSE_MY must hold an absolute path" in found.advice


@pytest.mark.parametrize(
    ("total", "available", "ok", "advice"), [(2.1, 1.9, False, True), (8.2, 2.2, True, True), (8.2, 6.3, True, False)]
)
def test_memory(monkeypatch, total, available, ok, advice):
    memory = SimpleNamespace(total=total * 1e9, available=available * 1e9)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    found = finding("Memory")
    assert (found.value, found.ok) == (f"{total} GB, {available} GB of it free", ok)
    assert ("3 GB" in found.advice) == advice


@pytest.mark.parametrize(
    ("cores", "system", "named", "value", "advice"),
    [
        (None, "linux", "GOMP_SPINCOUNT", "1", "expect about double"),
        (1, "linux", "GOMP_SPINCOUNT", "1", "expect about double"),
        (2, "linux", "GOMP_SPINCOUNT", "2", ""),
        (2, "linux", "OMP_WAIT_POLICY", "2", ""),
        (2, "linux", None, "2", f"start with `{doctor.PYTHON} course.py lab`, or set GOMP_SPINCOUNT=1000"),
        (2, "darwin", None, "2", ""),
    ],
)
def test_cores_and_what_threads_do_while_they_wait(monkeypatch, cores, system, named, value, advice):
    monkeypatch.setattr(doctor, "_in_venv", lambda: True)
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    monkeypatch.setattr(sys, "platform", system)
    for name in doctor.WAITING:
        monkeypatch.delenv(name, raising=False)
    if named:
        monkeypatch.setenv(named, "1")
    found = finding("Cores")
    assert (found.value, found.ok, bool(found.advice)) == (value, True, bool(advice)) and advice in found.advice


def test_device(monkeypatch):
    monkeypatch.setenv("COURSE_SCALE", "laptop")
    assert finding("Device").value == "cpu, laptop scale"
    monkeypatch.setenv("COURSE_SCALE", "huge")
    found = finding("Device")
    assert not found.ok and "COURSE_SCALE" in found.advice and "huge" in found.advice


def test_a_gpu_that_torch_does_not_see(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(doctor.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    assert "does not see the NVIDIA GPU: update its driver" in finding("Device").advice
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(doctor, "_in_venv", lambda: True)
    assert (
        f"small build, which knows no NVIDIA GPU: `{doctor.PYTHON} course.py lab --no-cpu`" in finding("Device").advice
    )
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    assert finding("Device").advice == ""


@pytest.fixture
def pins(tmp_path, monkeypatch):
    """A project whose pins are these."""

    def write(*lines):
        (tmp_path / "requirements.txt").write_text("\n".join(lines), encoding="utf-8")
        monkeypatch.setattr(doctor, "PROJECT", tmp_path)

    return write


def test_packages(pins, monkeypatch):
    versions = {"torch": "2.13.0+cpu", "numpy": "2.4.6"}

    def version(name):
        if name not in versions:
            raise importlib.metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(importlib.metadata, "version", version)
    pins("-e .", "torch==2.13.0", "numpy==2.4.6  # a note")
    assert finding("Packages") == doctor.Finding("Packages", "2 as pinned")
    pins("-e .", "torch==2.13.1", "numpy==2.4.6", "scipy==1.17.1")
    found = finding("Packages")
    assert found.value == "torch is 2.13.0+cpu, not 2.13.1; scipy is missing"
    assert not found.ok and "pip install -r requirements.txt" in found.advice


def test_this_environment_is_as_pinned():
    assert finding("Packages").ok


@pytest.mark.parametrize("own", [True, False])
def test_missing_data_is_advice_not_failure(monkeypatch, own):
    monkeypatch.setattr(doctor, "_in_venv", lambda: own)
    here, away = (SimpleNamespace(name=name, size_mb=7.5, present=name == "here") for name in ("here", "away"))
    monkeypatch.setattr(packages, "status", lambda: [here, away])
    found = finding("Data")
    assert found.ok and found.value == "1 of 2 packages are here"
    fetch = f"{doctor.PYTHON} course.py data" if own else f'"{sys.executable}" -m course_lib.data'
    assert found.advice == f"fetched at first use, or now with `{fetch}`: away (7.5 MB)"
    monkeypatch.setattr(packages, "status", lambda: [here])
    assert finding("Data") == doctor.Finding("Data", "1 of 1 packages are here")


def test_a_broken_environment_is_a_finding(monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name in ("psutil", "torch"):
            raise ImportError(f"No module named {name!r}")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    for name, module in {"Memory": "psutil", "Device": "torch"}.items():
        found = finding(name)
        assert not found.ok and module in found.value and "pip install -r requirements.txt" in found.advice


@pytest.mark.parametrize(("scale", "code"), [("laptop", 0), ("huge", 1)])
def test_as_a_command_it_prints_a_table_and_exits_1_where_something_is_wrong(scale, code):
    command = [sys.executable, "-m", "classroom.doctor"]
    environment = {**os.environ, "COURSE_SCALE": scale, "PYTHONUTF8": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, encoding="utf-8")
    marks = {line[4:14].strip(): line[:2] for line in done.stdout.splitlines() if line[:2].strip()}
    assert marks["Python"] == "ok" and marks["Device"] == ("!!" if code else "ok") and len(marks) == 7
    assert done.returncode == code, done.stdout


@pytest.mark.parametrize("encoding", ["ascii", "cp932"])
def test_a_console_of_another_encoding(encoding):
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "COURSE_MY": "relativ/é ☕"}
    command = [sys.executable, "-m", "classroom.doctor"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, encoding=encoding)
    assert done.returncode == 1 and "Traceback" not in done.stderr and "COURSE_MY must hold" in done.stdout
