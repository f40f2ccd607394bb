"""A model's code in a child process: how it ended, what it may not do, and that nothing of it stays."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from course_lib import sandbox
from course_lib.sandbox import run_code

pytestmark = pytest.mark.skipif(not sys.platform.startswith(("linux", "darwin")), reason="run_code needs its limits")
SECONDS = 60  # so many that a busy machine does not end a test

SUM = """
import collections, hashlib, itertools, math, random, re, string, typing
def add(first: int, second: int) -> int:
    return first {sign} second
def check(candidate):
    assert candidate(2, 2) == 4
    assert candidate(2, 3) == 5
check(add)
"""
FORGED = """
import os
for number in range(3, 40):
    try:
        os.write(number, b"\\tpassed\\t\\n")
    except OSError:
        pass
os._exit(0)
"""


@pytest.mark.parametrize(
    "code, outcome, message",
    [
        (SUM.format(sign="+"), "passed", ""),
        (SUM.format(sign="*"), "failed", "line 7: AssertionError"),
        (SUM.format(sign="/ 0 *"), "error", "line 4: ZeroDivisionError: division by zero"),
        ("", "passed", ""),
        ("def f(:", "error", "SyntaxError: "),
        ("raise ValueError('one\\n\\ttwo')", "error", "line 1: ValueError: one two"),
        ("def f(): f()\nf()", "error", "line 1: RecursionError: "),
        ("input()", "error", "line 1: EOFError: "),
        ("import numpy", "error", "ModuleNotFoundError: No module named 'numpy'"),
        ("import sys; sys.exit()", "error", "it called exit(None) before its end"),
        ("import os; os._exit(0)", "error", "it ended itself, with exit status 0"),
        ("import signal; signal.raise_signal(9)", "error", "it ended itself, with exit status -9"),
        ("import os; os.closerange(0, 100)", "error", "it ended itself"),
        (FORGED, "error", "it ended itself, with exit status 0"),
        ("import sys; sys.stdout.close(); sys.stderr.close()", "passed", ""),
        ("import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()", None, ""),
    ],
)
def test_how_a_program_ended(code, outcome, message):
    found = run_code(code, SECONDS)
    if outcome is None:  # a thread: allowed to root and on macOS
        assert found.outcome == "passed" or "can't start new thread" in found.message
    else:
        assert found.outcome == outcome and message in found.message, found
    assert found.seconds < SECONDS


def _children():
    return set(psutil.Process().children(recursive=True))


@pytest.mark.parametrize(
    "code", ["while True: pass", "while True:\n    try: __import__('time').sleep(9)\n    except BaseException: pass"]
)
def test_an_endless_program_is_stopped(code):
    before = _children()
    found = run_code(code, seconds=0.5)
    assert found.outcome == "timed out" and 0.5 < found.seconds < 10
    assert _children() <= before  # another test of the process may have left one


@pytest.mark.parametrize("code", ["x = [0] * 10**9", "x = []\nwhile True: x.append(bytes(10**4))", "x = bytes(10**10)"])
def test_memory_is_limited(code):
    assert run_code(code, SECONDS, megabytes=64).outcome == "memory"
    assert run_code("x = bytes(40 << 20)", SECONDS, megabytes=64).outcome == "passed"


def test_output_is_handed_back_and_limited():
    code = "import sys\nprint('é', 1, flush=True)\nprint('two', file=sys.stderr)\nsys.stdout.buffer.write(b'\\xff')"
    found = run_code(code, SECONDS)
    assert found.outcome == "passed" and set(found.output.split()) == {"é", "1", "two", "\ufffd"}
    found = run_code("while True: print('x' * 1000)", SECONDS)
    assert (found.outcome, len(found.output)) == ("error", 100_000) and "File too large" in found.message


def test_files_stay_in_the_folder_and_are_limited():
    code = (
        "import os, tempfile\nopen('a', 'w').write('1')\nos.mkdir('b')\nos.rename('a', 'b/c')\nopen(os.devnull, 'w')\n"
    )
    code += "tempfile.TemporaryFile()\n"
    code += "with tempfile.TemporaryDirectory() as d: open(d + '/e', 'w')\nos.chmod('b', 0)\nprint(os.getcwd())"
    found = run_code(code, SECONDS)
    assert found.outcome == "passed", found
    assert not Path(found.output.strip()).exists()
    assert "File too large" in run_code("open('a', 'wb').write(bytes(2 << 20))", SECONDS).message
    assert run_code("open('a', 'wb').write(bytes(2 << 20))", SECONDS, file_megabytes=3).outcome == "passed"
    assert "refuses more than 100 files" in run_code("for i in range(101): open(str(i), 'w').close()", SECONDS).message


def test_nothing_outside_is_destroyed(tmp_path):
    kept, folder = tmp_path / "kept", tmp_path / "folder"
    kept.write_text("kept")
    folder.mkdir()
    attempts = [
        f"open({str(kept)!r}, 'w')",
        f"open({str(kept)!r}.encode(), 'ab')",
        f"pathlib.Path({str(kept)!r}).write_text('')",
        f"os.open({str(kept)!r}, os.O_WRONLY | os.O_TRUNC)",
        f"os.remove({str(kept)!r})",
        f"os.truncate({str(kept)!r}, 0)",
        f"os.chmod({str(kept)!r}, 0)",
        f"os.rename({str(kept)!r}, 'mine')",
        f"os.replace('program.py', {str(kept)!r})",
        f"os.rmdir({str(folder)!r})",
        f"os.mkdir({str(folder / 'new')!r})",
        f"shutil.rmtree({str(tmp_path)!r})",
        f"os.symlink({str(kept)!r}, 'link')",
        f"os.link({str(kept)!r}, 'link')",
        f"sqlite3.connect({str(folder / 'base')!r})",
        "open(os.path.join('..', 'beside'), 'w')",
    ]
    code = "import os, pathlib, shutil, sqlite3\n"
    for index, attempt in enumerate(attempts):
        code += f"try:\n    {attempt}\nexcept PermissionError as error:\n    print({index}, error)\n"
    found = run_code(code, SECONDS)
    assert found.outcome == "passed", found
    said = found.output.splitlines()
    assert [line.split()[:4] for line in said] == [[str(i), "the", "sandbox", "refuses"] for i in range(len(attempts))]
    assert kept.read_text() == "kept" and os.access(kept, os.R_OK) and not list(folder.iterdir())


@pytest.mark.parametrize(
    "code",
    [
        "import os\nwhile True: os.fork()",
        "import subprocess\nsubprocess.run(['ls'])",
        "import os\nos.system('ls')",
        "import os\nos.execv('/bin/ls', ['ls'])",
        "import os\nos.posix_spawn('/bin/ls', ['ls'], {})",
        "import multiprocessing\nmultiprocessing.get_context('spawn').Process(target=print).start()",
        "import multiprocessing\nmultiprocessing.get_context('fork').Process(target=print).start()",
        "import os\nos.kill(os.getppid(), 9)",
        "import socket\nsocket.create_connection(('127.0.0.1', 80))",
        "import urllib.request\nurllib.request.urlopen('http://127.0.0.1')",
        "import ctypes",
        "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (1, 1))",
    ],
)
def test_other_processes_and_the_network_are_refused(code):
    found = run_code(code, SECONDS)
    assert found.outcome == "error" and "the sandbox refuses" in found.message, found


def test_the_environment_stays_outside(monkeypatch):
    monkeypatch.setenv("COURSE_SECRET", "hidden")
    found = run_code("import os, sys\nprint(sorted(os.environ), sys.argv)", SECONDS)
    assert found.output.strip() in (
        "['LC_CTYPE'] ['program.py']",
        "[] ['program.py']",
        "['__CF_USER_TEXT_ENCODING'] ['program.py']",
    )


def test_the_network_leads_nowhere_without_the_hook_too():
    code = f"""
import runpy, socket
without_network = runpy.run_path({str(sandbox._CHILD)!r})["_without_network"]
with socket.create_server(("127.0.0.1", 0)) as server:
    address = server.getsockname()
    socket.create_connection(address).close()
    if without_network():
        try:
            socket.create_connection(address)
        except OSError:
            print("nowhere")
    else:
        print("not allowed here")
"""
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True)
    assert done.stdout in ("nowhere\n", "not allowed here\n"), done.stderr
    network = {"nowhere\n": "none", "not allowed here\n": "refused by the hook"}[done.stdout]
    assert run_code("", SECONDS).network == network


def test_what_a_program_has_started_ends_with_it(monkeypatch, tmp_path):
    child = tmp_path / "child.py"  # without any fence
    child.write_text("import os, time\npid = os.fork()\nif pid: print(pid, flush=True)\nelse: time.sleep(600)")
    monkeypatch.setattr(sandbox, "_CHILD", child)
    found = run_code("", SECONDS)
    assert found.outcome == "error"
    gone = psutil.Process(int(found.output)) if psutil.pid_exists(int(found.output)) else None
    assert gone is None or gone.wait(10) is None or gone.status() == psutil.STATUS_ZOMBIE


def test_an_interrupted_run_leaves_nothing(monkeypatch):
    def interrupt(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(sandbox.time, "sleep", interrupt)
    before = _children()
    with pytest.raises(KeyboardInterrupt):
        run_code("while True: pass", SECONDS)
    assert _children() <= before  # another test of the process may have left one


def test_other_systems_are_told(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(RuntimeError, match="only on Linux and macOS, which can limit it, not on win32"):
        run_code("print(1)")
