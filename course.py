"""The course's one command: `python3 course.py` lists what it can do.

It makes `.venv` beside itself, installs there what requirements.txt names, and runs everything inside it.
The learner's copies are in `my/` beside it, or in the folder that COURSE_MY names.
Standard library only. An old Python must be able to read this file in order to say what is needed instead:
hence ASCII, no f-strings, no annotations, no unpacking inside a list.
"""
# ruff: noqa: RUF005

from __future__ import print_function

import os
import subprocess
import sys

THIS = "%d.%d" % sys.version_info[:2]
# By the name of the Python that runs it, as another one may not do.
RUNNER = "py -" + THIS if os.name == "nt" else os.path.basename(sys.executable or "python3")
COMMAND = RUNNER + " course.py"


def unsuitable():
    """One sentence: what is needed, and the interpreter on this machine that would do."""
    advice = "install one, from https://www.python.org/downloads/ for example"
    for name in ("py -3.13", "py -3.11", "py -3.12", "python3.13", "python3.11", "python3.12"):
        try:
            with open(os.devnull, "w") as nowhere:
                if subprocess.call(name.split() + ["--version"], stdout=nowhere, stderr=nowhere) == 0:
                    advice = "run `%s %s`" % (name, subprocess.list2cmdline(sys.argv))
        except OSError:
            pass
    return "The course needs Python 3.11 or 3.12 (3.13 should do), and this is %s: %s." % (THIS, advice)


PYTHONS = ("3.11", "3.12", "3.13")
if not (3, 11) <= sys.version_info < (3, 14):  # gensim has no wheel for 3.14
    sys.exit(unsuitable())

import argparse
import contextlib
import difflib
import hashlib
import io
import json
import re
import shutil
import signal
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
ALONE = ["tests/test_browser.py", "tests/test_book_browser.py"]  # what they wait for comes too late beside other work
NO_TESTS = 5  # pytest's exit code where it ran none
CHOICE = VENV / "torch-build"  # which of torch's two builds on Linux was chosen: "cpu" or "full"
STAMP = VENV / "requirements.txt.installed"
EACH = "[--cpu|--no-cpu] [--anew]"
COPY = "copy the course into a folder of your own, or, where it is set up for several, let COURSE_MY name one"

COMMANDS = {  # the arguments, what it does, and where it is only passed on: to what
    "lab": ("[--reset NN] [--no-browser]", "open my/, your working copies, in JupyterLab", None),
    "test": ("[--quick] [--latest] [-- ...]", "run all tests and notebooks; --quick: in three minutes", None),
    "data": ("[--list]", "fetch all data sets at once, for a class or a flight", ["-m", "course_lib.data"]),
    "run": ("NN|PATH", "execute one notebook without a browser, and time it", ["-m", "classroom.notebooks", "run"]),
    "progress": ("[--review]", "show what you have passed; review old mistakes", ["-m", "classroom.review"]),
    "edition": ("KIND --out FOLDER", "make the course for a class; --help: which kinds", ["-m", "classroom.editions"]),
    "grade": ("FOLDER [--to FILE]", "grade a class's notebooks into one table", ["-m", "classroom.class_grades"]),
    "book": ("[--out FOLDER]", "make the course as a site that opens offline", ["-m", "classroom.book"]),
    "refresh": ("[NN ...] [--check]", "store fresh outputs in notebooks/", ["-m", "classroom.notebooks", "refresh"]),
    "results": ("[NAME]", "compute a table of stored results anew", ["-m", "experiments"]),
    "bench": ("[NAME]", "measure how fast things are", [str(ROOT / "tests" / "bench.py")]),
    "doctor": ("", "check Python, disk, memory, device, packages and data, and say what to do", None),
}


def work_in(folder):
    """Let `folder` be the environment that is set up and used from here on."""
    global VENV, PYTHON, CHOICE, STAMP
    VENV, PYTHON = folder, folder / PYTHON.relative_to(VENV)
    CHOICE, STAMP = folder / CHOICE.name, folder / STAMP.name


def say(sentence):
    print(sentence, flush=True)


def fail(sentence, code=1):
    print(sentence, file=sys.stderr, flush=True)
    sys.exit(code)


def path_in_environment(name):
    """The absolute path that an environment variable holds, or None; a relative one is answered in one line."""
    value = os.environ.get(name, "").strip()
    path = Path(os.path.expanduser(value))
    if value and not path.is_absolute():
        fail("The environment variable %s must hold an absolute path, but it is %r." % (name, value), 2)
    return path if value else None


def my():
    """The learner's folder."""
    return path_in_environment("COURSE_MY") or ROOT / "my"


def shown(path):
    """A path as a message names it: from the course's folder on, where it is inside."""
    return os.path.relpath(str(path), str(ROOT)) if ROOT in path.parents else str(path)


def demand_writable(folder, advice):
    """Go on only where a folder can be written to; a missing one is made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=str(folder)).close()
    except OSError as error:
        fail("%s cannot be written to (%s): %s." % (folder, error.strerror or error, advice))


def call(command, cwd=ROOT, base=os.environ, **extra):
    """Run a command in a folder and return its exit code; it has ended when this returns or raises."""
    environment = {name: base[name] for name in base if name not in ("MPLBACKEND", "PYTHONPATH")}
    environment.update(PYTHONUTF8="1", **extra)
    if "OMP_WAIT_POLICY" not in environment:  # a thread that waits leaves its core to other programs, and soon
        environment.setdefault("GOMP_SPINCOUNT", "1000")
    own = str(VENV / "share" / "jupyter")  # first, or a kernel "python3" of another environment could be started
    others = environment.get("JUPYTER_PATH")
    environment["JUPYTER_PATH"] = own + os.pathsep + others if others else own
    child = subprocess.Popen([str(word) for word in command], cwd=str(cwd), env=environment)
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


def version_of_venv():
    """The version of .venv's Python, "3.11" for one; None where it does not work, or .venv is unfinished."""
    # pip's RECORD is the last file that is written of it.
    probe = "import importlib.metadata as m, sys; m.distribution('pip').read_text('RECORD')[0]; print(sys.version)"
    try:
        version = subprocess.check_output([str(PYTHON), "-I", "-c", probe], stderr=subprocess.DEVNULL).decode()
    except (OSError, subprocess.CalledProcessError):
        return None
    return ".".join(version.split()[0].split(".")[:2])


def make_venv(reason, build):
    try:
        from ensurepip import bootstrap  # noqa: F401
    except ImportError:
        fail("This Python cannot make .venv yet: on Debian or Ubuntu run `sudo apt install python%s-venv`, "
             "then the same command again." % THIS)  # fmt: skip
    demand_writable(ROOT, "copy the course into a folder of your own")
    needed, free = sum(gigabytes(build == "cpu")), shutil.disk_usage(str(ROOT)).free / 1e9
    if free < needed:
        fail("The set-up needs about %.0f GB of free disk, and %s has %.1f GB." % (needed, ROOT, free))
    say("Making %s, the course's own environment (%s)." % (VENV.name, reason))
    if VENV.exists():
        shutil.rmtree(str(VENV))
    VENV.mkdir()
    write(CHOICE, build.encode("utf-8"))  # first, so that whatever stops the set-up does not forget it
    if call([sys._base_executable, "-m", "venv", VENV]):
        fail("Python could not make %s, for the reason above." % VENV.name)


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
    lines = requirements.read_text(encoding="utf-8").splitlines()
    pins = [line.split()[0] for line in lines if re.match(r"torch(==|$)", line)]
    if cpu and system == "linux" and pins:
        commands.insert(0, pip + ["--index-url", CPU_INDEX] + pins)
    return commands


def pip(command):
    """Run a command of pip, and end with a sentence where it fails."""
    sys.path.insert(0, str(ROOT))
    from course_lib.installing import PipError, pip_environment, why_pip_failed

    with tempfile.TemporaryDirectory() as scratch:
        log = Path(scratch) / "pip.log"
        try:
            code = call(command, base=pip_environment(log, str(PYTHON)))
        except PipError as error:
            fail("%s." % error)
        said = log.read_text(encoding="utf-8", errors="replace") if code and log.exists() else ""
    if code:
        why = why_pip_failed(said, ROOT, "try again where there is a network")
        fail("pip stopped%s; the same command goes on from there." % (": " + why if why else ", for the reason above"))


def chosen_build():
    """What CHOICE holds, or None."""
    return CHOICE.read_text(encoding="utf-8") if CHOICE.exists() else None


def choose_build(build):
    """Keep the choice; where it is a new one, remove the other build, with which pip would be content."""
    if chosen_build() not in (None, build) and sys.platform == "linux":
        with contextlib.suppress(OSError):
            STAMP.unlink()
        infos = [path.name for site in VENV.glob("lib/python*/site-packages") for path in site.glob("*.dist-info")]
        names = [name.split("-")[0] for name in infos if re.match(r"(torch|triton|nvidia_\w+|cuda_\w+)-", name)]
        pip([str(PYTHON), "-m", "pip", "uninstall", "--yes"] + (names or ["torch"]))
    write(CHOICE, build.encode("utf-8"))


def install(name, build, version):
    """Install what a requirements file names, unless the stamp in .venv says that this is done."""
    requirements, stamp, cpu = ROOT / name, VENV / (name.replace("/", "-") + ".installed"), build == "cpu"
    package = (ROOT / "pyproject.toml").read_bytes().partition(b"[tool.ruff]")[0]  # the tools' settings follow
    place = ("%s %s" % (version, ROOT)).encode("utf-8")  # the folder may have moved
    small = b"cpu" if cpu and sys.platform == "linux" else b""
    wanted = hashlib.sha256(requirements.read_bytes() + package + place + small).hexdigest()
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    demand_writable(VENV, "what %s names must be installed by whoever may do that, with `%s data`" % (name, COMMAND))
    say("Installing what %s names." % name)
    if name == "requirements.txt" and not stamp.exists():
        say("This happens once: about %g GB to download, %g GB on disk." % gigabytes(cpu))
        if gigabytes(cpu) != gigabytes(True) and not shutil.which("nvidia-smi"):
            say("No NVIDIA GPU here? Then `%s lab --cpu` downloads %g GB only." % (COMMAND, gigabytes(True)[0]))
    choose_build(build)
    sweep()
    for command in pip_commands(PYTHON, requirements, cpu, sys.platform):
        pip(command)
    stamp.write_text(wanted, encoding="utf-8")


def set_up(build=None, anew=False, tests=False):
    """Make .venv where there is none that works, and install in it what is not installed yet.

    `build` is torch's, "cpu" or "full"; None is the one that was chosen last. An environment of another Python serves
    as it is, and is made anew only where that is asked for.
    """
    build, version = build or chosen_build() or "full", version_of_venv()
    if anew or not version:
        old = "--anew says so" if version else "the old one is unfinished, or the Python that made it has gone"
        make_venv(old if VENV.exists() else "there is none yet", build)
        version = THIS
    elif version not in PYTHONS:
        fail("The .venv here is of Python %s, which the course cannot use; `%s lab --anew` makes it anew with %s."
             % (version, COMMAND, THIS))  # fmt: skip
    elif version != THIS:
        say("This is Python %s; .venv was made by Python %s and goes on with that (`%s lab --anew` makes it anew)."
            % (THIS, version, COMMAND))  # fmt: skip
    for name in ["requirements.txt"] + ["tests/requirements.txt"] * tests:
        install(name, build, version)
    kernel_settings()


def set_up_latest(build=None, anew=False):
    """Make .venv-latest, where all that the requirements name has its newest version, and say which versions are new.

    It is the environment that is used from here on; the data packages keep their pins.
    """
    work_in(ROOT / ".venv-latest")
    version, build = version_of_venv(), build or chosen_build() or "full"
    if anew or version != THIS:
        make_venv("it holds the newest versions", build)
    pins = {}
    for name in ("requirements.txt", "tests/requirements.txt"):
        text = (ROOT / name).read_text(encoding="utf-8")
        pins.update(re.findall(r"^([\w.-]+)==(\S+)", text, re.M))
        newest = VENV / name.replace("/", "-")
        write(newest, re.sub(r"(==| #).*", "", text).encode("utf-8"))
        for command in pip_commands(PYTHON, newest, build == "cpu", sys.platform):
            pip(command + ["--upgrade"])
    kernel_settings()
    listed = subprocess.check_output([str(PYTHON), "-m", "pip", "list", "--format=json"])
    found = {}
    for package in json.loads(listed.decode("utf-8")):
        found[package["name"].replace("_", "-")] = package["version"].partition("+")[0]
    changed = ["%s %s -> %s" % (name, pin, found.get(name)) for name, pin in pins.items() if found.get(name) != pin]
    say("Python %s; not as pinned: %s." % (THIS, ", ".join(changed) or "nothing"))


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
        return dict(json.loads((my() / ".copied.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}  # missing or damaged: what differs from the project's counts as the learner's


def remember(copied):
    write(my() / ".copied.json", json.dumps(copied, indent=1).encode("utf-8"))


def renumber_copies():
    """Give the copy of a notebook that has a new number this number too, changed or not; no other file is renamed."""
    folder, copied, project = my(), recall(), editions()
    for name, edition in project.items():
        copy = folder / edition.name
        for before in sorted(folder.glob("[0-9][0-9]%s.ipynb" % name[2:])):
            if before.stem in copied and before.stem not in project and not copy.exists():
                before.rename(copy)
                copied[name] = copied.pop(before.stem)
                remember(copied)
                say("%s is %s now." % (shown(before), shown(copy)))


def update_copies():
    """Add to my/ what is missing and renew what the learner never changed; a learner's work stays as it is."""
    folder = my()
    demand_writable(folder, COPY)
    renumber_copies()
    copied = recall()
    for name, edition in editions().items():
        copy, new = folder / edition.name, digest(edition)
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
    copy = kept = my() / (names[0] + ".ipynb")
    while kept.exists():
        kept = copy.with_name("%s.%s.ipynb" % (names[0], time.strftime("%Y-%m-%d_%H-%M-%S")))
    if kept != copy:
        copy.rename(kept)
        say("Your %s is kept as %s." % (copy.name, shown(kept)))


def parse(name, words, *options):
    """The options of a command; a wrong one is answered in one line."""
    parser = argparse.ArgumentParser(prog="course.py " + name, description=COMMANDS[name][1])
    takes = ("%s %s" % (COMMANDS[name][0], EACH)).strip()
    parser.error = lambda message: fail("course.py %s: %s; it takes %s" % (name, message, takes), 2)
    for option in options:
        parser.add_argument(option, action="store" if option == "--reset" else "store_true")
    return parser.parse_args(words)


def taken_out(words):
    """The words without those that every command takes, and what these say, as `set_up` takes it."""
    at = words.index("--") if "--" in words else len(words)
    asked = [word for word in words[:at] if word in ("--cpu", "--no-cpu", "--anew")]
    builds = [word for word in asked if word != "--anew"]
    if len(set(builds)) == 2:
        fail("--cpu and --no-cpu are opposites; give one of them.", 2)
    wishes = {"anew": "--anew" in asked}
    if builds:
        wishes["build"] = "cpu" if builds[0] == "--cpu" else "full"
    return [word for word in words[:at] if word not in asked] + words[at:], wishes


def write_if_new(target, content):
    """Write a file whole or not at all, if it does not hold this already; a folder that is read-only stays as it is."""
    if digest(target) != hashlib.sha256(content).hexdigest():
        with contextlib.suppress(OSError):
            target.parent.mkdir(parents=True, exist_ok=True)
            write(target, content)


def kernel_settings():
    """Let the plots of .venv's kernels do without LaTeX, whatever a matplotlibrc says: few machines have it."""
    write_if_new(
        VENV / "etc" / "ipython" / "ipython_kernel_config.py", b'c.InlineBackend.rc = {"text.usetex": False}\n'
    )


def lab(words, wishes):
    options = parse("lab", words, "--reset", "--no-browser")
    if options.reset:
        reset(options.reset)
    update_copies()
    set_up(**wishes)
    say("Starting JupyterLab; Ctrl-C in this window ends it.")
    address = ["--ServerApp.ip=127.0.0.1", "--LabApp.default_url=/lab/tree/00_start_here.ipynb"]
    others = ["--ServerApp.root_dir=%s" % my(), "--ServerApp.answer_yes=True", "--allow-root"]
    command = [PYTHON, "-m", "jupyterlab"] + address + others + ["--no-browser"] * options.no_browser
    folders = [str(ROOT / "classroom" / "lab"), os.environ.get("JUPYTER_CONFIG_PATH")]
    return call(command, JUPYTER_CONFIG_PATH=os.pathsep.join(filter(None, folders)))


def test(words, wishes):
    at = words.index("--") if "--" in words else len(words)
    options, extra = parse("test", words[:at], "--quick", "--latest"), words[at + 1 :]
    if options.latest:
        set_up_latest(**wishes)
    else:
        set_up(tests=True, **wishes)
    nbval = ["--nbval", "--nbval-current-env", "--nbval-sanitize-with", "tests/nbval_sanitize.cfg"]
    nbval += ["--nbval-cell-timeout", "300"]
    scope = ["notebooks/00_start_here.ipynb", "-m", "not slow"] if options.quick else ["notebooks"]
    on_two_cores = ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"] + ["--ignore=" + path for path in ALONE]
    steps = [
        ["-m", "course_lib.data"],
        ["-m", "ruff", "check"],
        ["-m", "ruff", "format", "--check"],
        ["-m", "pytest", "tests"] + on_two_cores + nbval + scope + extra,
    ]
    if not options.quick:
        steps.append(["-m", "pytest"] + ALONE + extra + ["-n", "0"])
    with tempfile.TemporaryDirectory() as scratch:
        apart = {"COURSE_SCALE": "laptop", "COURSE_PROGRESS": os.path.join(scratch, "progress.json")}
        codes = [call([PYTHON] + step, **apart) for step in steps]
    if set(codes[3:]) != {NO_TESTS}:  # `-k x` may leave one of the two runs nothing to do
        codes = [0 if code == NO_TESTS else code for code in codes]
    for step, code in zip(steps, codes, strict=True):
        if code:
            say("FAILED: python %s (exit code %d)" % (" ".join(step[:3]), code))
    return next((code for code in codes if code), 0)


def list_data():
    """The data packages as their pins have them: what `data --list` says before the set-up."""
    own, pin = ROOT / "data" / "packages", re.compile(r"([\w-]+)==(\S+) --hash=\S+  # ([\d.]+) MB \S+ (.+)")
    for line in (ROOT / "data" / "requirements.txt").read_text(encoding="utf-8").splitlines():
        found = pin.match(line)
        if found:
            record = "%s-%s.dist-info/RECORD" % (found.group(1).lower().replace("-", "_"), found.group(2))
            here = any((folder / record).is_file() for folder in (path_in_environment("COURSE_DATA") or own, own))
            state = "present" if here else "missing"
            say("%-32s %5s MB  %s  %s" % (found.group(1), found.group(3), state, found.group(4)))
    return 0


def doctor(wishes):
    if wishes != {"anew": False}:
        set_up(**wishes)
    if version_of_venv():
        return call([PYTHON, "-P", "-m", "classroom.doctor"])
    say("Python    %s (the course is tested on 3.11 and 3.12)" % THIS)
    say("Disk      %.1f GB free" % (shutil.disk_usage(str(ROOT)).free / 1e9))
    say("Packages  not set up yet: run `%s lab`" % COMMAND)
    if not os.access(str(ROOT), os.W_OK):
        say("Folder    %s cannot be written to: %s" % (ROOT, COPY))
    return 1


def main(words):
    if not words or words[0] in ("-h", "--help", "help"):
        for name, (arguments, does, _) in COMMANDS.items():
            say("%s %-36s %s" % (COMMAND, name + " " + arguments, does))
        say("With each: --cpu takes torch's small build on Linux, now and later (--no-cpu: the large one);")
        say("           --anew makes .venv anew.")
        return 0
    name, (rest, wishes) = words[0], taken_out(words[1:])
    if name not in COMMANDS:
        nearest = difflib.get_close_matches(name, COMMANDS, 1, cutoff=0)[0]
        fail("There is no command %r; the nearest is %r, and `%s` lists them all." % (name, nearest, COMMAND), 2)
    for variable in ("COURSE_MY", "COURSE_DATA", "COURSE_PROGRESS"):
        path_in_environment(variable)
    if THIS not in ("3.11", "3.12"):
        say("The course is tested on Python 3.11 and 3.12; this is %s." % THIS)
    if name in ("lab", "test"):
        return lab(rest, wishes) if name == "lab" else test(rest, wishes)
    if name == "doctor":
        return doctor(wishes)
    listing = (name, rest) == ("data", ["--list"])
    if listing and not (STAMP.exists() and version_of_venv()):
        return list_data()
    if not listing:
        set_up(tests=name == "bench", **wishes)
    safe = [] if name == "bench" else ["-P"]  # a module in the caller's folder is none of the course's
    return call([PYTHON] + safe + COMMANDS[name][2] + rest, cwd=os.getcwd())


def stop(number, frame):
    """Leave through every `finally`, so that a closed terminal leaves no JupyterLab behind."""
    sys.exit(128 + number)


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a console may lack letters of a path
            stream.reconfigure(errors="replace")
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) is signal.SIG_DFL:
            signal.signal(getattr(signal, name), stop)
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        fail("\nStopped; the same command goes on from here.", 130)
    except OSError as error:
        fail("course.py: %s" % error)
