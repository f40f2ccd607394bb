"""A model's code, run in a child process that has limits: what it prints, breaks or destroys stays there.

A program that a model has written is a stranger's program. Here it meets three kinds of fences, none of which needs
administrator's rights:

- Limits by the operating system: processor time, memory, size of files; an own process group, which ends with it. The
  parent watches the clock and the memory too. The child sees no environment variables, an empty temporary folder that
  is deleted afterwards, and Python's standard library alone.
- On Linux, where the system allows it, a user namespace with a network of its own that leads nowhere.
- An audit hook (PEP 578) that refuses network, other processes, signals, native code (ctypes), and to write, rename or
  delete outside of the folder.

The hook is a fence, not a wall: it stops what a model writes by accident or by habit, but a program that is made to
break out of Python can get around it. Reading files is not stopped; what is read can leave the child only as its
output. Code that somebody may have written to do harm belongs in a virtual machine.
"""

import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

import psutil

from course_lib.validation import require_integer, require_number, text_of

__all__ = ["Verdict", "run_code"]

_CHILD = Path(__file__).with_name("child.py")
_OUTPUT = 100_000  # bytes of output that are handed back


class Verdict(NamedTuple):
    """How a program ended.

    `outcome` is "passed" (it reached its end), "failed" (an assertion did not hold), "error" (another exception, or it
    ended itself before its end), "timed out" or "memory" (it needed more than it was allowed).
    """

    outcome: str
    message: str  # the exception in one line, or "" where it passed
    output: str  # what it printed, stdout and stderr together: the first 100,000 bytes
    seconds: float  # of wall-clock time, the start of Python included
    network: str  # "none" (a network of its own, which leads nowhere) or "refused by the hook" alone


def run_code(code: str, seconds: float | int = 5, megabytes: int = 256, file_megabytes: int = 1) -> Verdict:
    """Run a Python program, its tests included, in a child process with limits, and say how it ended.

    The limits are wall-clock seconds, megabytes (2^20 bytes) of memory, and megabytes of each file written, of the
    output too. A program passes only if its last line was reached: one that calls exit before the tests does not. See
    the module for what is and is not stopped. Raises ValueError for limits out of range, and RuntimeError on systems
    other than Linux and macOS (on Windows, run the course in WSL).

    >>> run_code("print(6 * 7)").output
    '42\\n'
    >>> run_code("assert sum([1, 2]) == 4, 'that is wrong'")[:2]
    ('failed', 'line 1: AssertionError: that is wrong')
    """
    text_of("code", code)
    require_number("seconds", seconds, above=0, at_most=3600)
    require_integer("megabytes", megabytes, at_least=32)
    require_integer("file_megabytes", file_megabytes, at_least=1)
    if not sys.platform.startswith(("linux", "darwin")):
        raise RuntimeError(f"a model's code runs only on Linux and macOS, which can limit it, not on {sys.platform}")
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        tempfile.TemporaryFile() as output,
        tempfile.TemporaryFile() as report,
    ):
        Path(folder, "program.py").write_text(code, encoding="utf-8")
        secret = secrets.token_hex(16)  # without it, a program could report "passed" itself
        given = [secret, report.fileno(), seconds, megabytes, file_megabytes]
        command = [sys.executable, *"-I -S -B -X utf8".split(), str(_CHILD), *map(str, given)]
        streams = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output, "pass_fds": [report.fileno()]}
        started = time.perf_counter()
        child = subprocess.Popen(command, cwd=folder, env={}, start_new_session=True, **streams)
        try:
            stopped = _watched(child, started + seconds, megabytes)
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)  # what it has started too
            child.wait()
        network, *ending = _reported(report, secret)
        outcome, message = stopped or ending or ("error", f"it ended itself, with exit status {child.returncode}")
        return Verdict(outcome, message, _start_of(output), time.perf_counter() - started, network)


def _watched(child: subprocess.Popen, deadline: float, megabytes: int) -> tuple[str, str] | None:
    """Wait until the child ends, or exceeds its time or memory: then why it is to be stopped."""
    process = psutil.Process(child.pid)
    while child.poll() is None:
        if time.perf_counter() > deadline:
            return "timed out", "it did not end in time"
        with suppress(psutil.Error):
            if process.memory_info().rss > megabytes * 2**20:
                return "memory", f"it needed more than {megabytes} MB"
        time.sleep(0.005)
    return None


def _reported(report: BinaryIO, secret: str) -> list[str]:
    """What the child reported: the network, then outcome and message if it reached its end."""
    lines = [line.split("\t") for line in _start_of(report).splitlines()]
    return [field for key, *fields in lines if key == secret for field in fields] or ["refused by the hook"]


def _start_of(file: BinaryIO) -> str:
    file.seek(0)
    return file.read(_OUTPUT).decode(errors="replace")
