"""The child process of `run_code`: it fences itself in, runs the program, and reports how that ended.

It is a script of its own and imports nothing of the library, so that it starts within milliseconds.
"""

import math
import os
import runpy
import sys
import traceback
from contextlib import suppress
from typing import Any

__all__: list[str] = []

PROGRAM = "program.py"
MOST_FILES = 100  # that a program may create or open for writing
# Audit events that are refused, by how they begin, and those that are refused for paths outside of the folder.
REFUSED = (
    *("ctypes.", "socket.", "subprocess.", "pty.", "syslog.", "webbrowser.", "resource.", "signal.pthread_kill"),
    *("os.exec", "os.fork", "os.kill", "os.posix_spawn", "os.spawn", "os.system", "sqlite3.enable_load_extension"),
)
CHANGES = {
    f"os.{change}" for change in "chflags chmod chown link mkdir remove rename rmdir symlink truncate utime".split()
}
CHANGES |= {"os.setxattr", "os.removexattr", "sqlite3.connect"}


def main() -> None:
    """Run the program with the limits in the arguments; the secret that opens each line of the report is on stdin."""
    seconds, megabytes, file_megabytes, report = map(float, sys.argv[1:])
    secret, sys.argv[:] = sys.stdin.read(), [PROGRAM]
    network = "none" if _without_network() else "refused by the hook"
    os.write(int(report), f"{secret}\t{network}\n".encode())
    _limit(seconds, int(megabytes) << 20, int(file_megabytes) << 20)
    _fence(os.path.realpath(os.curdir))
    outcome = _outcome()
    os.write(int(report), f"{secret}\t{outcome}\n".encode(errors="replace"))
    with suppress(Exception):  # the program may have closed it
        sys.stdout.flush()
    os._exit(0)  # whatever threads and exit handlers it has left


def _without_network() -> bool:
    """Enter a user namespace with an empty network (Linux); False where the system does not allow it."""
    if not sys.platform.startswith("linux"):
        return False
    new_user, new_network = 0x1000_0000, 0x4000_0000  # as in Linux's sched.h
    with suppress(OSError, ImportError):
        if hasattr(os, "unshare"):  # from Python 3.12
            os.unshare(new_user | new_network)
            return True
        import ctypes

        found = ctypes.CDLL(None).unshare(new_user | new_network) == 0
        for name in ("ctypes", "_ctypes"):
            del sys.modules[name]  # a program that imports it meets the hook
        return found
    return False


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
    written = 0

    def inside(path: Any, base: str) -> bool:
        if not isinstance(path, str | bytes | os.PathLike):
            return True  # a file that is already open
        path = os.path.realpath(os.path.join(base, os.fsdecode(path)))
        return path in (folder, os.devnull) or path.startswith(folder + os.sep)

    def hook(event: str, arguments: tuple) -> None:
        nonlocal written
        paths, bases = (), [os.curdir]
        if event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC):
            written, paths = written + 1, arguments[:1]
            if written > MOST_FILES:
                raise PermissionError(f"the sandbox allows {MOST_FILES} files")
        elif event in CHANGES:  # a path may be relative to an open folder, as in shutil.rmtree
            paths, bases = arguments[:2], bases + [_path_of(number) for number in arguments if isinstance(number, int)]
        outside = [path for path in paths if not all(inside(path, base) for base in bases)]
        if event.startswith(REFUSED) or outside:
            raise PermissionError(f"the sandbox refuses {' '.join([event, *map(repr, outside)])}")

    def refused(*arguments: Any) -> None:
        raise PermissionError("the sandbox refuses other processes")

    with suppress(ImportError):
        import _posixsubprocess  # multiprocessing calls it without an audit event

        _posixsubprocess.fork_exec = refused
    sys.addaudithook(hook)


def _path_of(descriptor: int) -> str:
    """The path of an open folder; of what is none, the current one."""
    with suppress(OSError, ValueError, OverflowError):
        if sys.platform.startswith("linux"):
            return os.readlink(f"/proc/self/fd/{descriptor}")
        import fcntl

        return os.fsdecode(fcntl.fcntl(descriptor, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0"))
    return os.curdir


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
    main()
