"""The child process of `run_code`: it fences itself in, runs the program, and reports how that ended.

It is a script of its own and imports nothing of the library, so that it starts within milliseconds.
"""

import itertools
import math
import os
import runpy
import sys
import traceback
from contextlib import suppress
from typing import Any

__all__: list[str] = []

PROGRAM = "program.py"
MOST_FILES = 100  # that a program may open for writing
# Audit events that are refused, by how they begin, and those that are refused for paths outside of the folder.
REFUSED = tuple(
    "ctypes. socket. subprocess. pty. syslog. webbrowser. resource. signal.pthread_kill os.exec os.fork os.kill "
    "os.posix_spawn os.spawn os.system sqlite3.enable_load_extension".split()
)
CHANGES = set(
    "os.chflags os.chmod os.chown os.link os.mkdir os.remove os.rename os.rmdir os.symlink os.truncate os.utime "
    "os.setxattr os.removexattr shutil.rmtree sqlite3.connect".split()
)


def main(secret: str, report: str, seconds: str, megabytes: str, file_megabytes: str) -> None:
    """Run the program within these limits; `report` is where to report, and each line begins with the secret."""
    network = "none" if _without_network() else "refused by the hook"
    os.write(int(report), f"{secret}\t{network}\n".encode())
    _limit(float(seconds), int(megabytes) << 20, int(file_megabytes) << 20)
    _fence(os.path.realpath(os.curdir))
    outcome = _outcome()
    os.write(int(report), f"{secret}\t{outcome}\n".encode(errors="replace"))
    with suppress(Exception):  # the program may have closed it
        sys.stdout.flush()
    os._exit(0)  # whatever threads and exit handlers it has left


def _without_network() -> bool:
    """Enter a user namespace with an empty network; False where the system does not allow it, or is not Linux."""
    new_user, new_network = 0x1000_0000, 0x4000_0000  # as in Linux's sched.h
    try:
        import ctypes  # Python has os.unshare from 3.12 on only

        return ctypes.CDLL(None).unshare(new_user | new_network) == 0
    except (ImportError, AttributeError):
        return False
    finally:  # a program that imports it meets the hook
        for name in ("ctypes", "_ctypes"):
            sys.modules.pop(name, None)


def _limit(seconds: float, memory: int, file_size: int) -> None:
    """Limits that the operating system holds, and that cannot be raised again: seconds of processor time and bytes."""
    import resource  # which Windows lacks

    limits = {
        resource.RLIMIT_CPU: math.ceil(seconds) + 1,  # the parent's clock comes first
        resource.RLIMIT_FSIZE: file_size,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NPROC: 0,  # no more processes, on Linux no threads either; root is exempt
    }
    if sys.platform.startswith("linux"):  # macOS does not hold it; the parent watches the memory as well
        with open("/proc/self/statm", encoding="ascii") as file:
            in_use = int(file.read().split()[0]) * resource.getpagesize()
        limits[resource.RLIMIT_AS] = in_use + memory
    for limit, value in limits.items():
        resource.setrlimit(limit, (value, value))


def _fence(folder: str) -> None:
    """From now on refuse what the module of `run_code` lists, by an audit hook, which cannot be removed."""
    files = itertools.count(1)

    def outside(path: Any) -> bool:
        if not isinstance(path, str | bytes | os.PathLike):
            return False  # a file that is already open
        path = os.path.realpath(os.fsdecode(path))
        return path not in (folder, os.devnull) and not path.startswith(folder + os.sep)

    def hook(event: str, arguments: tuple) -> None:
        writes = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        paths = arguments[:1] if writes else arguments[:2] if event in CHANGES else ()
        if event.startswith(REFUSED) or any(map(outside, paths)):
            refuse(event, *paths)
        if writes and next(files) > MOST_FILES:
            refuse(f"more than {MOST_FILES} files")

    def refuse(what: Any, *more: Any) -> None:
        raise PermissionError(f"the sandbox refuses {' '.join(map(str, (what, *more)))}")

    with suppress(ImportError):
        import _posixsubprocess  # multiprocessing calls it without an audit event

        _posixsubprocess.fork_exec = lambda *arguments: refuse("other processes")
    sys.addaudithook(hook)


def _outcome() -> str:
    """Run the program; the outcome and its message, separated by a tab."""
    try:
        runpy.run_path(PROGRAM, run_name="__main__")
    except MemoryError:
        return "memory\tMemoryError"
    except SystemExit as error:
        return f"error\tit called exit({error.code!r}) before its end"
    except BaseException as error:
        places = [line for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == PROGRAM]
        place = f"line {places[-1]}: " if places else ""
        what = " ".join(traceback.format_exception_only(error)[-1].split())
        return f"{'failed' if isinstance(error, AssertionError) else 'error'}\t{place}{what[:500]}"
    return "passed\t"


if __name__ == "__main__":
    given, sys.argv[:] = sys.argv[1:], [PROGRAM]
    main(*given)
