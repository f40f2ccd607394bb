"""Whether torch.compile works on this machine, and what to install where it does not."""

import os
import sys
from functools import cache

import torch

__all__ = ["require_compiler", "what_compiling_lacks"]

INSTALL = {
    "linux": "install one (on Debian or Ubuntu with `sudo apt install g++ python3-dev`)",
    "darwin": "install one (with `xcode-select --install`)",
    "win32": "install one (the Build Tools for Visual Studio, with 'Desktop development with C++')",
}


@cache
def what_compiling_lacks(device: torch.device) -> str | None:
    """Why torch.compile does not work on a device, and what to install, found by compiling a line; None if it works.

    The number in that line differs each time: a stored translation would need no compiler.
    """
    number = int.from_bytes(os.urandom(4)) / 7
    try:
        torch.compile(lambda x: x * number)(torch.ones(3, device=device))
    except Exception as error:
        while cause := error.__cause__ or error.__context__:
            error = cause
        missing = type(error).__name__ == "InvalidCxxCompiler"
        reason = "none is found" if missing else " ".join(str(error).split())[:100]
        return f"torch.compile needs a working C++ compiler ({reason}): {INSTALL.get(sys.platform, 'install one')}"
    return None


def require_compiler(device: torch.device) -> None:
    """Raise ValueError where torch.compile does not work."""
    if lacks := what_compiling_lacks(device):
        raise ValueError(f"{lacks}, or leave compile out: the run is then the same, only slower")
