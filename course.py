"""The course's one command: `python3 course.py` lists what it can do.

It makes `.venv` beside itself, installs there what requirements.txt names, and runs everything inside it.
Standard library only. An old Python must be able to read this file in order to say what is needed instead:
hence ASCII, no f-strings, no annotations, no unpacking inside a list.
"""
# ruff: noqa: RUF005

from __future__ import print_function

import os
import subprocess
import sys

THIS = "%d.%d" % sys.version_info[:2]
COMMAND = "py course.py" if os.name == "nt" else "python3 course.py"


def unsuitable():
    """One sentence: what is needed, and the interpreter on this machine that would do."""
    advice = "install one, from https://www.python.org/downloads/ for example"
    for name in ("py -3.11", "py -3.12", "python3.11", "python3.12"):
        try:
            with open(os.devnull, "w") as nowhere:
                if subprocess.call(name.split() + ["--version"], stdout=nowhere, stderr=nowhere) == 0:
                    advice = "run `%s %s`" % (name, subprocess.list2cmdline(sys.argv))
        except OSError:
            pass
    return "The course needs Python 3.11 or 3.12, and this is %s: %s." % (THIS, advice)


if not (3, 11) <= sys.version_info < (3, 14):  # gensim has no wheel for 3.14
    sys.exit(unsuitable())

import argparse
import contextlib
import difflib
import hashlib
import json
import shutil
import signal
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
ALONE = "tests/test_browser.py"  # what it waits for comes too late beside other work
NO_TESTS = 5  # pytest's exit code where it ran none

COMMANDS = {  # the arguments, what it does, and where it is only passed on: to what
    "lab": ("[--cpu] [--reset NN] [--no-browser]", "open my/, your working copies, in JupyterLab", None),
    "test": ("[--cpu] [--quick] [-- PYTEST ...]", "run all tests and notebooks; --quick: in three minutes", None),
    "data": ("[--list]", "fetch all data sets at once, for a class or a flight", ["-m", "course_lib.data"]),
    "run": ("NN|PATH", "execute one notebook without a browser, and time it", ["-m", "classroom.notebooks", "run"]),
    "refresh": ("[NN ...] [--check]", "store fresh outputs in notebooks/", ["-m", "classroom.notebooks", "refresh"]),
    "results": ("[NAME]", "compute a table of stored results anew", ["-m", "experiments"]),
    "bench": ("[NAME]", "measure how fast things are", ["tests/bench.py"]),
    "doctor": ("", "check Python, disk, memory, device, packages and data, and say what to do", None),
}


def say(sentence):
    print(sentence, flush=True)


def fail(sentence, code=1):
    print(sentence, file=sys.stderr, flush=True)
    sys.exit(code)


def call(command, **extra):
    """Run a command in the project's folder and return its exit code; it has ended when this returns or raises."""
    environment = {name: os.environ[name] for name in os.environ if name not in ("MPLBACKEND", "PYTHONPATH")}
    environment.update(PYTHONUTF8="1", **extra)
    if "OMP_WAIT_POLICY" not in environment:  # a thread that waits leaves its core to other programs, and soon
        environment.setdefault("GOMP_SPINCOUNT", "1000")
    child = subprocess.Popen([str(word) for word in command], cwd=str(ROOT), env=environment)
    try:
        code = child.wait()
        return code if code >= 0 else 128 - code
    except KeyboardInterrupt:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(5)  # the terminal has interrupted it too: let it clean up
        raise
    finally:
        if child.poll() is None:
            child.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(10)
            child.kill()
            child.wait()


def gigabytes(cpu):
    """(to download, on disk), measured; on Linux PyPI's torch brings NVIDIA's libraries with it."""
    return (3.0, 6.0) if sys.platform == "linux" and not cpu else (0.5, 2.0)


def why_anew():
    """Why .venv has to be made, or None where it serves."""
    if not VENV.exists():
        return "there is none yet"
    # pip's RECORD is the last file that is written of it.
    probe = "import importlib.metadata as m, sys; m.distribution('pip').read_text('RECORD')[0]; print(sys.version)"
    try:
        version = subprocess.check_output([str(PYTHON), "-I", "-c", probe], stderr=subprocess.DEVNULL).decode()
    except (OSError, subprocess.CalledProcessError):
        return "the old one is unfinished, or the Python that made it has gone"
    return None if version.startswith(THIS + ".") else "the old one is of Python %s" % version.split()[0]


def make_venv(reason, cpu):
    try:
        from ensurepip import bootstrap  # noqa: F401
    except ImportError:
        fail("This Python cannot make .venv yet: on Debian or Ubuntu run `sudo apt install python%s-venv`, "
             "then the same command again." % THIS)  # fmt: skip
    needed, free = sum(gigabytes(cpu)), shutil.disk_usage(str(ROOT)).free / 1e9
    if free < needed:
        fail("The set-up needs about %.0f GB of free disk, and %s has %.1f GB." % (needed, ROOT, free))
    say("Making .venv, the course's own environment (%s)." % reason)
    if VENV.exists():
        shutil.rmtree(str(VENV))
    if call([sys._base_executable, "-m", "venv", VENV]):
        fail("Python could not make .venv, for the reason above.")


def sweep():
    """Remove what an interrupted pip left, so that it installs a half-copied package anew.

    pip writes INSTALLER when all files of a package are in place, and then its RECORD.
    """
    for site in list(VENV.glob("lib/python*/site-packages")) + list(VENV.glob("Lib/site-packages")):
        halves = [d for d in site.glob("*.dist-info") if not ((d / "INSTALLER").exists() and (d / "RECORD").exists())]
        for left in halves + list(site.glob("~*")):
            shutil.rmtree(str(left)) if left.is_dir() else left.unlink()


def pip_commands(python, requirements, cpu, system):
    """The commands that install a requirements file; with `cpu` Linux takes torch from PyTorch's own index first."""
    pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check"]
    commands = [pip + ["-r", str(requirements)]]
    pins = [line.split()[0] for line in requirements.read_text(encoding="utf-8").splitlines() if line[:7] == "torch=="]
    if cpu and system == "linux" and pins:
        commands.insert(0, pip + ["--index-url", CPU_INDEX] + pins)
    return commands


def install(name, cpu):
    """Install what a requirements file names, unless the stamp in .venv says that this is done."""
    requirements, stamp = ROOT / name, VENV / (name.replace("/", "-") + ".installed")
    package = (ROOT / "pyproject.toml").read_bytes().partition(b"[tool.ruff]")[0]  # the tools' settings follow
    place = ("%s %s" % (THIS, ROOT)).encode("utf-8")  # the folder may have moved
    wanted = hashlib.sha256(requirements.read_bytes() + package + place).hexdigest()
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    say("Installing what %s names." % name)
    if name == "requirements.txt" and not stamp.exists():
        say("This happens once: about %g GB to download, %g GB on disk." % gigabytes(cpu))
        if gigabytes(cpu) != gigabytes(True) and not shutil.which("nvidia-smi"):
            say("No NVIDIA GPU here? Then `%s lab --cpu` downloads %g GB only." % (COMMAND, gigabytes(True)[0]))
    sweep()
    for command in pip_commands(PYTHON, requirements, cpu, sys.platform):
        if call(command):
            fail("pip stopped, for the reason above (no network? a full disk?); the same command goes on from there.")
    stamp.write_text(wanted, encoding="utf-8")


def set_up(cpu=False, tests=False):
    """Make .venv, and install in it what is not installed yet."""
    reason = why_anew()
    if reason:
        make_venv(reason, cpu)
    for name in ["requirements.txt"] + ["tests/requirements.txt"] * tests:
        install(name, cpu)


def editions():
    """The project's notebooks: name to path."""
    return {path.stem: path for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))}


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None


def write(target, content):
    """Write a file whole or not at all."""
    partial = target.with_name("." + target.name + ".partial")
    partial.write_bytes(content)
    os.replace(str(partial), str(target))


def recall():
    """The SHA-256 of each copy as it was made, from my/.copied.json: a file that differs from it is the learner's."""
    try:
        return dict(json.loads((ROOT / "my" / ".copied.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}  # missing or damaged: what differs from the project's counts as the learner's


def remember(copied):
    write(ROOT / "my" / ".copied.json", json.dumps(copied, indent=1).encode("utf-8"))


def renumber_copies():
    """Give the copy of a notebook that has a new number this number too, changed or not; no other file is renamed."""
    my, copied, project = ROOT / "my", recall(), editions()
    for name, edition in project.items():
        copy = my / edition.name
        for before in sorted(my.glob("[0-9][0-9]%s.ipynb" % name[2:])):
            if before.stem in copied and before.stem not in project and not copy.exists():
                before.rename(copy)
                copied[name] = copied.pop(before.stem)
                remember(copied)
                say("my/%s is my/%s now." % (before.name, copy.name))


def update_copies():
    """Add to my/ what is missing and renew what the learner never changed; a learner's work stays as it is."""
    my = ROOT / "my"
    my.mkdir(exist_ok=True)
    renumber_copies()
    copied = recall()
    for name, edition in editions().items():
        copy, new = my / edition.name, digest(edition)
        old = digest(copy)
        if old in (None, new, copied.get(name)):
            if old != new:
                write(copy, edition.read_bytes())
            copied[name] = new
        elif copied.get(name) != new:
            say("%s has a newer edition: `%s lab --reset %s` takes it and keeps yours." % (name, COMMAND, name[:2]))
    remember(copied)


def reset(which):
    """Put the learner's copy of a notebook aside under a dated name: `update_copies` then makes a new one."""
    word = Path(which).name.split(".")[0]
    names = [name for name in editions() if word in (name, name[3:]) or word.zfill(2) == name[:2]]
    if not names:
        fail("There is no notebook %s; there are %s." % (which, ", ".join(editions()) or "none"), 2)
    renumber_copies()  # or the old copy would be taken for the new one
    copy = kept = ROOT / "my" / (names[0] + ".ipynb")
    while kept.exists():
        kept = copy.with_name("%s.%s.ipynb" % (names[0], time.strftime("%Y-%m-%d_%H-%M-%S")))
    if kept != copy:
        copy.rename(kept)
        say("Your %s is kept as my/%s." % (copy.name, kept.name))


def parse(name, words, *options):
    """The options of a command; a wrong one is answered in one line."""
    parser = argparse.ArgumentParser(prog="course.py " + name, description=COMMANDS[name][1])
    parser.error = lambda message: fail("course.py %s: %s; it takes %s" % (name, message, COMMANDS[name][0]), 2)
    for option in options:
        parser.add_argument(option, action="store" if option == "--reset" else "store_true")
    return parser.parse_args(words)


def lab(words):
    options = parse("lab", words, "--cpu", "--reset", "--no-browser")
    if options.reset:
        reset(options.reset)
    update_copies()
    set_up(options.cpu)
    say("Starting JupyterLab; Ctrl-C in this window ends it.")
    address = ["--ServerApp.ip=127.0.0.1", "--LabApp.default_url=/lab/tree/00_start_here.ipynb"]
    others = ["--ServerApp.root_dir=%s" % (ROOT / "my"), "--ServerApp.answer_yes=True", "--allow-root"]
    words = ["-m", "jupyterlab"] + address + others + ["--no-browser"] * options.no_browser
    folders = [str(ROOT / "classroom" / "lab"), os.environ.get("JUPYTER_CONFIG_PATH")]
    return call([PYTHON] + words, JUPYTER_CONFIG_PATH=os.pathsep.join(filter(None, folders)))


def test(words):
    at = words.index("--") if "--" in words else len(words)
    options, extra = parse("test", words[:at], "--cpu", "--quick"), words[at + 1 :]
    set_up(options.cpu, tests=True)
    nbval = ["--nbval", "--nbval-current-env", "--nbval-sanitize-with", "tests/nbval_sanitize.cfg"]
    nbval += ["--nbval-cell-timeout", "300"]
    scope = ["notebooks/00_start_here.ipynb", "-m", "not slow"] if options.quick else ["notebooks"]
    on_two_cores = ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder", "--ignore", ALONE]
    steps = [
        ["-m", "course_lib.data"],
        ["-m", "ruff", "check"],
        ["-m", "ruff", "format", "--check"],
        ["-m", "pytest", "tests"] + on_two_cores + nbval + scope + extra,
    ]
    if not options.quick:
        steps.append(["-m", "pytest", ALONE] + extra + ["-n", "0"])
    with tempfile.TemporaryDirectory() as scratch:
        apart = {"COURSE_SCALE": "laptop", "COURSE_PROGRESS": os.path.join(scratch, "progress.json")}
        codes = [call([PYTHON] + step, **apart) for step in steps]
    if set(codes[3:]) != {NO_TESTS}:  # `-k x` may leave one of the two runs nothing to do
        codes = [0 if code == NO_TESTS else code for code in codes]
    for step, code in zip(steps, codes, strict=True):
        if code:
            say("FAILED: python %s (exit code %d)" % (" ".join(step[:3]), code))
    return next((code for code in codes if code), 0)


def doctor():
    if not why_anew():
        return call([PYTHON, "-m", "classroom.doctor"])
    say("Python    %s (the course is tested on 3.11 and 3.12)" % THIS)
    say("Disk      %.1f GB free" % (shutil.disk_usage(str(ROOT)).free / 1e9))
    say("Packages  not set up yet: run `%s lab`" % COMMAND)
    return 1


def main(words):
    if not words or words[0] in ("-h", "--help", "help"):
        for name, (arguments, does, _) in COMMANDS.items():
            say("%s %-42s %s" % (COMMAND, name + " " + arguments, does))
        return 0
    name, rest = words[0], words[1:]
    if name not in COMMANDS:
        nearest = difflib.get_close_matches(name, COMMANDS, 1, cutoff=0)[0]
        fail("There is no command %r; the nearest is %r, and `%s` lists them all." % (name, nearest, COMMAND), 2)
    if THIS not in ("3.11", "3.12"):
        say("The course is tested on Python 3.11 and 3.12; this is %s." % THIS)
    if name == "test":
        return test(rest)
    if name in ("lab", "doctor"):
        return lab(rest) if name == "lab" else doctor()
    set_up(tests=name == "bench")
    rest = [os.path.abspath(word) if word.endswith(".ipynb") and os.path.exists(word) else word for word in rest]
    return call([PYTHON] + COMMANDS[name][2] + rest)


def stop(number, frame):
    """Leave through every `finally`, so that a closed terminal leaves no JupyterLab behind."""
    sys.exit(128 + number)


if __name__ == "__main__":
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) is signal.SIG_DFL:
            signal.signal(getattr(signal, name), stop)
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        fail("\nStopped; the same command goes on from here.", 130)
    except OSError as error:
        fail("course.py: %s" % error)
