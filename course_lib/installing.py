"""How pip is run here: it reaches packages as its user configured it, and installs them where the course says.

Standard library only, as course.py reads this module before anything is installed.
"""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

__all__ = ["PipError", "pip_environment", "why_pip_failed"]

_OURS = {  # where to install, what, and whether: not what a configuration made for other projects says
    *("user", "prefix", "target", "root", "python", "src", "dry-run", "require-virtualenv", "require-venv"),
    *("requirement", "editable", "no-deps", "no-dependencies", "require-hashes", "no-binary", "only-binary", "pre"),
    *("platform", "python-version", "implementation", "abi", "ignore-installed", "force-reinstall", "upgrade"),
    *("no-build-isolation", "quiet", "verbose", "report", "config-file"),
}
_REASONS = {  # what pip or the system says, what it means, and what to do where that is not the caller's remedy
    r"No space left|Errno 28\b|Errno 122\b|WinError 112": ("the disk is full", "make room in {folder} and try again"),
    r"DO NOT MATCH THE HASHES": (
        "what came is not what the course pinned (its SHA-256 differs)",
        "try another network, and update the course if it happens again",
    ),
    r"\b40[13] (?:Client )?Error|HTTP error 40[13]\b": (
        "the package index asks for a login, or refuses the one it was given",
        "put it into the address of the index in pip's configuration (`pip config edit`), or into ~/.netrc",
    ),
    r"ProxyError|Cannot connect to proxy|\b407 (?:Client )?Error": (
        "the proxy that pip is told to use cannot be reached, or refuses",
        "correct HTTPS_PROXY in the environment, or `proxy` in pip's configuration (`pip config edit`)",
    ),
    r"CERTIFICATE_VERIFY_FAILED|SSLCertVerificationError|confirming the ssl certificate": (
        "the certificate of the package index is not trusted here",
        "let `cert` in pip's configuration (`pip config edit`) name your network's certificates",
    ),
    r"connection broken|[Tt]imed out|IncompleteRead|ConnectionError|ProtocolError": (
        "the package registry cannot be reached, or the connection broke",
        None,
    ),
    r"No matching distribution": (
        "pip does not find it (the registry no longer has it, or pip is told not to look there)",
        None,
    ),
}


class PipError(RuntimeError):
    """pip cannot be run here: the message says what to do."""


def pip_environment(log: Path, python: str = sys.executable) -> dict[str, str]:
    """The environment in which pip keeps to what is configured for it, less what is the course's to say.

    Kept are the ways to packages (index, login, proxy, certificates, constraints); left out are `user`, `prefix`,
    `target` and their like, with which a package would be installed elsewhere, or not at all. pip never asks on the
    terminal, and writes into `log` what it does not print (a refused login, for one). Raises PipError where there is no
    pip, or where it cannot read its configuration.
    """
    given = {name: value for name, value in os.environ.items() if name.upper().startswith("PIP_")}
    others = {name: value for name, value in os.environ.items() if name not in given}
    files = {name: value for name, value in given.items() if name.upper() == "PIP_CONFIG_FILE"}
    listed = subprocess.run(
        [python, "-m", "pip", "config", "list"],  # of all files, and in words, whatever these say
        env=others | files | {"PIP_USER": "0", "PIP_QUIET": "0", "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    if "No module named pip" in listed.stderr:
        raise PipError(f'there is no pip in this environment: run `"{python}" -m ensurepip`, then try again')
    if listed.returncode:
        raise PipError(
            f"pip cannot read its configuration; correct it and try again ({' '.join(listed.stderr.split())})"
        )
    rows = [re.fullmatch(r"(global|install)\.([\w-]+)=(['\"].*)", row) for row in listed.stdout.splitlines()]
    found = sorted((row.groups() for row in rows if row), key=lambda row: row[0])  # [install] prevails over [global],
    options = {name: ast.literal_eval(value) for _, name, value in found if value != "''"}
    options |= {name[4:].lower().replace("_", "-"): value for name, value in given.items() if value}  # these over both
    kept = {name: value for name, value in options.items() if name not in _OURS}
    ours = {f"PIP_{name.replace('-', '_').upper()}": value for name, value in kept.items()}
    return others | ours | {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INPUT": "1", "PIP_LOG": str(log)}


def why_pip_failed(said: str, folder: Path, remedy: str) -> str | None:
    """What pip's log means and what to do, without an end mark; None where it is of no known kind.

    >>> why_pip_failed("ERROR: No matching distribution found for torch", Path(".venv"), "ask your teacher")
    'pip does not find it (the registry no longer has it, or pip is told not to look there): ask your teacher'
    """
    for pattern, (meaning, better) in _REASONS.items():
        if re.search(pattern, said):
            return f"{meaning}: {better.replace('{folder}', str(folder)) if better else remedy}"
    return None
