"""Whether this machine is ready for the course, and what to do where it is not: `python -m classroom.doctor`."""

import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from course_lib.console import replace_unprintable  # nothing that may be missing: that is for a finding to say

__all__ = ["Finding", "check"]

PROJECT = Path(__file__).resolve().parents[1]
WAITING = {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"}  # either says how long OpenMP's threads keep a core while they wait
PYTHON = f"{'py -' if os.name == 'nt' else 'python'}{sys.version_info[0]}.{sys.version_info[1]}"  # not just any python3
INSTALL = f'run `"{sys.executable}" -m pip install -r requirements.txt` in {PROJECT}'


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `advice` says what to do where it is not ok, or what is good to know where it is.

    >>> print(Finding("Memory", "2.1 GB", ok=False, advice="a notebook takes up to 3 GB"))
    !!  Memory    2.1 GB
                  a notebook takes up to 3 GB
    """

    name: str
    value: str
    ok: bool = True
    advice: str = ""

    def __str__(self) -> str:
        line = f"{'ok' if self.ok else '!!'}  {self.name:10}{self.value}"
        return line + (f"\n{'':14}{self.advice}" if self.advice else "")


def check() -> list[Finding]:
    """Python, disk, memory, cores, device, packages and data of this machine, sizes in GB of 10⁹ bytes."""
    checks = {"Python": _python, "Disk": _disk, "Memory": _memory, "Cores": _cores}
    checks |= {"Device": _device, "Packages": _packages, "Data": _data}
    return [_finding(name, look) for name, look in checks.items()]


def _finding(name: str, look: Callable[[], tuple[str, bool, str]]) -> Finding:
    try:
        return Finding(name, *look())
    except ImportError as error:
        return Finding(name, f"not known ({error})", False, INSTALL)
    except Exception as error:  # whatever else is broken here is a finding too
        return Finding(name, f"not known ({type(error).__name__})", False, str(error))


def _python() -> tuple[str, bool, str]:
    tested, works = sys.version_info[:2] in ((3, 11), (3, 12)), sys.version_info[:2] == (3, 13)
    advice = "" if tested else "the course is tested on Python 3.11 and 3.12" + ", 3.13 should do" * works
    return f"{platform.python_version()}, {platform.system()} {platform.machine()}", tested or works, advice


def _in_venv() -> bool:
    """Whether this is course.py's own environment, and not one that the reader made."""
    return Path(sys.prefix) == PROJECT / ".venv"


def _disk() -> tuple[str, bool, str]:
    from course_lib.files import path_in_environment

    folder = my = path_in_environment("COURSE_MY") or PROJECT / "my"
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free / 1e9
    closed = f"{my} cannot be written to: copy the course into a folder of your own, or let COURSE_MY name one"
    advice = "" if os.access(folder, os.W_OK) else closed
    if free < 1:
        advice = "free 1 GB for the data and what notebooks write"
    return f"{free:.1f} GB free", not advice, advice


def _memory() -> tuple[str, bool, str]:
    import psutil

    memory = psutil.virtual_memory()
    enough = memory.total >= 3.5e9  # "4 GB" as machines report it
    advice = "" if memory.available >= 3e9 else "a notebook takes up to 3 GB: close other programs, run one at a time"
    return f"{memory.total / 1e9:.1f} GB, {memory.available / 1e9:.1f} GB of it free", enough, advice


def _cores() -> tuple[str, bool, str]:
    cores, spins = os.cpu_count() or 1, sys.platform == "linux" and not WAITING & os.environ.keys()
    if cores == 1:
        return "1", True, "the times in the notebooks are those of two: expect about double"
    start = f"start with `{PYTHON} course.py lab`, or " if _in_venv() else ""
    advice = f"beside other programs training may take ten times as long: {start}set GOMP_SPINCOUNT=1000 in the "
    return str(cores), True, advice + "environment before Python starts" if spins else ""


def _device() -> tuple[str, bool, str]:
    import torch

    from course_lib.runtime import device, scale

    chosen = device()
    found = f"{chosen} ({torch.cuda.get_device_name()})" if chosen.type == "cuda" else str(chosen)
    unseen = shutil.which("nvidia-smi") and not torch.cuda.is_available()
    advice = "torch does not see the NVIDIA GPU: update its driver"
    if torch.version.cuda is None:
        build = f"`{PYTHON} course.py lab --no-cpu` installs" if _in_venv() else "install"
        advice = f"torch is its small build, which knows no NVIDIA GPU: {build} the other"
    return f"{found}, {scale()} scale", True, advice if unseen else ""


def _packages() -> tuple[str, bool, str]:
    lines = (PROJECT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = [line.split("#")[0].strip().split("==") for line in lines if "==" in line]
    wrong = [difference for name, version in pins if (difference := _difference(name, version))]
    return ("; ".join(wrong), False, INSTALL) if wrong else (f"{len(pins)} as pinned", True, "")


def _difference(name: str, pinned: str) -> str:
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return f"{name} is missing"
    # "2.13.0+cpu" is 2.13.0 in another build
    return "" if version.partition("+")[0] == pinned else f"{name} is {version}, not {pinned}"


def _data() -> tuple[str, bool, str]:
    from course_lib.data.packages import status

    packages = status()
    missing = [f"{package.name} ({package.size_mb:g} MB)" for package in packages if not package.present]
    fetch = f"{PYTHON} course.py data" if _in_venv() else f'"{sys.executable}" -m course_lib.data'
    advice = f"fetched at first use, or now with `{fetch}`: {', '.join(missing)}" if missing else ""
    return f"{len(packages) - len(missing)} of {len(packages)} packages are here", True, advice


if __name__ == "__main__":
    replace_unprintable()
    findings = check()
    print(*findings, sep="\n")
    sys.exit(not all(finding.ok for finding in findings))
