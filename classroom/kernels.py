"""A kernel of this very Python, whatever kernels the machine knows: quiet, and gone when it is done or stopped."""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager, KernelManager
from traitlets import default

__all__ = ["QUIET", "Died", "Kernel", "OverTime", "ThisPythonAsync", "apart", "kernel", "kill"]

QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}  # a kernel's own words; cells print elsewhere
STARTING_SECONDS = 120
INTERRUPT_SECONDS = 10  # that a cell gets to end after an interrupt


class Died(RuntimeError):
    """The kernel has gone, and with it what it knew."""


class OverTime(RuntimeError):
    """What was executed took too long, and was interrupted; the kernel lives."""


class _OnlyThisPython(KernelSpecManager):
    """Neither a kernel that another environment left in the user's folder, nor any variable of Jupyter's, counts."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """This Python's kernel, under any name."""
        command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=command, display_name="Python 3 (ipykernel)", language="python")


class ThisPythonAsync(AsyncKernelManager):
    """A manager for nbclient, which starts this Python's kernel only."""

    @default("kernel_spec_manager")
    def _only_this_python(self) -> KernelSpecManager:
        return _OnlyThisPython()


@contextlib.contextmanager
def apart(folder: str) -> Iterator[None]:
    """Kernels write what they write, and the reader's progress, into this folder, and read no start-up file."""
    before = dict(os.environ)
    os.environ["COURSE_PROGRESS"] = str(Path(folder, "progress.json"))
    os.environ["IPYTHONDIR"] = str(Path(folder, "ipython"))
    os.environ["JUPYTER_RUNTIME_DIR"] = folder
    os.environ.pop("PYTHONSTARTUP", None)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


class Kernel:
    """A running kernel that executes cells one by one; only whether they failed is looked at."""

    def __init__(self, manager: KernelManager) -> None:
        self.manager, self.client = manager, manager.client()
        self.client.start_channels()
        try:
            self.client.wait_for_ready(timeout=STARTING_SECONDS)
        except RuntimeError as error:
            raise Died("it did not start") from error
        self.client.iopub_channel.stop()  # outputs are not read, however many there are

    def execute(self, source: str, seconds: float, then: str = "") -> dict[str, Any]:
        """The kernel's reply: `status`, for an error `ename` and `evalue`; and the value of the expression `then`.

        With `then`, nothing is left of the execution in the notebook. Raises Died, or OverTime after so many seconds.
        """
        how = {"silent": True, "user_expressions": {"value": then}} if then else {}
        asked = self.client.execute(source, allow_stdin=False, stop_on_error=False, **how)
        reply = self._reply(asked, seconds)
        if reply is None:
            self.manager.interrupt_kernel()
            if self._reply(asked, INTERRUPT_SECONDS) is None:
                self.manager.shutdown_kernel(now=True)
                raise Died(f"it ran for more than {seconds:g} seconds, and did not heed the interrupt")
            raise OverTime
        if any(payload.get("source") == "ask_exit" for payload in reply.get("payload", [])):
            raise Died("it calls exit() or quit()")
        return reply

    def _reply(self, asked: str, seconds: float) -> dict[str, Any] | None:
        """What the kernel answered, or None where it did not in time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                message = self.client.get_shell_msg(timeout=min(1.0, max(0.01, end - time.monotonic())))
            except queue.Empty:
                if not self.manager.is_alive():
                    raise Died(self._how_it_ended()) from None
                continue
            if message["parent_header"].get("msg_id") == asked:
                return message["content"]
        return None

    def _how_it_ended(self) -> str:
        code = getattr(getattr(self.manager.provisioner, "process", None), "returncode", None)
        if code is None or code >= 0:
            return f"its process ended with exit code {code}"
        return f"signal {-code} ended it" + (": was there too little memory?" if code == -9 else "")


def kill(manager: KernelManager | None) -> None:
    """End a manager's kernel at once, and the processes that it started."""
    process = getattr(getattr(manager, "provisioner", None), "process", None)
    if process is not None:
        with contextlib.suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()


@contextlib.contextmanager
def kernel(folder: Path) -> Iterator[Kernel]:
    """A kernel of this Python in a folder. However the block is left, the kernel and what it started are ended."""
    manager = KernelManager(kernel_spec_manager=_OnlyThisPython())
    opened = None
    try:
        manager.start_kernel(cwd=str(folder), **QUIET)
        opened = Kernel(manager)
        yield opened
    finally:
        if opened:
            opened.client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()
