"""Interrupted for real: Ctrl-C, a killed process, a full disk at chosen moments; then the same command goes on to the
same losses and weights. With several processes, and a killed worker: see distributed.
"""

import json
import os
import signal
import subprocess
import sys

import pytest
import torch
from helpers import TEXT, json_lines

from course_lib import PROJECT
from course_lib.model_files import load_model
from course_lib.training import TokenFile, write_tokens
from course_lib.training.__main__ import main

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork and a limit on the size of files")

SMALL = "--context-length 7 --d-model 12 --n-layers 1 --n-heads 2 --steps 8 --evaluate-every 3 --batch-size 4".split()
FILES = {"run.json", "run.safetensors", "log.jsonl", "model.safetensors"}
HOOKED = """
import json, os, resource, signal, sys
import torch._dynamo  # what the first step of an optimiser imports, once for all children
from course_lib.training import __main__, checkpoints, command, history, identity, loop

def kill(): os.kill(os.getpid(), signal.SIGKILL)
def press(): signal.raise_signal(signal.SIGINT)
def press_twice(): press(), press()
def fill(): resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
OWNERS = {"take": identity.Batches, "next_token_loss": command, "token_losses": command, "save_run": loop, "fsync": os,
    "__call__": history.RunLog, "load_run": loop, "replace": os, "save_model": command}

def interrupted(folder, words, name, number, how):
    owner, calls = OWNERS[name], []
    plain = getattr(owner, name)
    def hooked(*arguments, **named):
        calls.append(1)
        if len(calls) == number:
            globals()[how]()
        return plain(*arguments, **named)
    setattr(owner, name, hooked)
    return __main__.main(["--out", folder, *words])

words, cases = json.loads(sys.argv[1])
for folder, *case in cases:
    child = os.fork()
    if not child:
        log = os.open(folder + ".txt", os.O_WRONLY | os.O_CREAT)
        os.dup2(log, 1), os.dup2(log, 2)
        code = interrupted(folder, words, *case)
        sys.stdout.flush()
        os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
# The moment: the so-manieth call of this function. Steps 3, 6 and 8 (the last) are evaluated, each better than before.
MOMENTS = {
    "start": ("load_run", 1),
    "drawing": ("take", 5),
    "loss": ("next_token_loss", 5),
    "first evaluation": ("token_losses", 1),
    "evaluation": ("token_losses", 2),
    "log": ("__call__", 6),
    "last log": ("__call__", 8),
    "first checkpoint": ("save_run", 1),
    "between log and checkpoint": ("save_run", 2),
    "in the model": ("fsync", 3),
    "in the checkpoint": ("fsync", 6),
    "before the checkpoint takes its place": ("replace", 6),
    "end": ("save_model", 4),
}
CASES = [("kill", moment) for moment in MOMENTS]
CASES += [("press", moment) for moment in ("loss", "evaluation", "last log", "end")]
CASES += [("press_twice", moment) for moment in ("start", "drawing", "first evaluation", "in the checkpoint")]
CASES += [("fill", moment) for moment in ("log", "between log and checkpoint", "in the model", "end")]


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    text = tmp_path_factory.mktemp("text") / "text.tokens"
    write_tokens(text, [TEXT], vocab_size=11)
    return ["--data", str(text), "--held-out", str(text), "--device", "cpu", "--dropout", "0.2", *SMALL]


def result(folder):
    lines = [
        {key: value for key, value in line.items() if key != "tokens_per_second"}
        for line in json_lines(folder / "log.jsonl")
    ]
    return lines, load_model(folder / "model.safetensors")[0].state_dict()


@pytest.fixture(scope="module")
def whole(tmp_path_factory, words):
    folder = tmp_path_factory.mktemp("whole") / "out"
    assert main(["--out", str(folder), *words]) == 0
    return result(folder)


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory, words):
    """For each case its folder and exit code: one process imports what training needs, and forks for each of them."""
    folder = tmp_path_factory.mktemp("interrupted")
    cases = [(str(folder / f"{how} {moment}"), *MOMENTS[moment], how) for how, moment in CASES]
    command = [sys.executable, "-c", HOOKED, json.dumps([words, cases])]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT, env=environment)
    assert done.returncode == 0, done.stderr
    folders = [folder / f"{how} {moment}" for how, moment in CASES]
    return dict(zip(CASES, zip(folders, map(int, done.stdout.split()), strict=True), strict=True))


@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_whatever_interrupts_it_the_same_command_goes_on_to_the_same_end(interrupted, whole, words, case):
    folder, code = interrupted[case]
    said = folder.with_suffix(".txt").read_text(encoding="utf-8")
    assert code == {"kill": -signal.SIGKILL, "fill": 1}.get(case[0], 130) and "Traceback" not in said
    if case[0] == "fill":
        assert "could not be written ([Errno 27] File too large)" in said.splitlines()[-1]
    assert main(["--out", str(folder), *words]) == 0
    lines, weights = result(folder)
    assert lines == whole[0]
    assert all(torch.equal(weights[name], whole[1][name]) for name in weights)
    assert {path.name for path in folder.iterdir()} == FILES


WRITER = """
import os, resource, signal, sys
from course_lib.training import write_tokens

def parts():
    yield [3, 1]
    if sys.argv[2] == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if sys.argv[2] == "press":
        signal.raise_signal(signal.SIGINT)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
    yield [4] * 1000

write_tokens(sys.argv[1], parts(), vocab_size=5)
"""


@pytest.mark.parametrize(
    "how, code, said",
    [
        ("kill", -signal.SIGKILL, ""),
        ("press", -signal.SIGINT, "KeyboardInterrupt"),
        ("fill", 1, "the one before it is still there, whole"),
    ],
)
def test_a_token_file_that_is_interrupted_leaves_the_one_before_it(tmp_path, how, code, said):
    path = tmp_path / "text.tokens"
    write_tokens(path, [[2, 0, 2]], vocab_size=5)
    done = subprocess.run([sys.executable, "-c", WRITER, str(path), how], capture_output=True, text=True, cwd=PROJECT)
    assert done.returncode == code and said in done.stderr
    assert TokenFile(path)[:].tolist() == [2, 0, 2]
