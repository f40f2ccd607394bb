"""Without a C++ compiler, really: one sentence that says what to install, or training without it where asked."""

import os
import subprocess
import sys

from helpers import TEXT

from course_lib import PROJECT
from course_lib.training import compiling, write_tokens

WITHOUT = """
import sys, torch
from course_lib.training import Execution, TrainingConfig, train
from course_lib.training.__main__ import main
words = sys.argv[1:]
assert main([*words, "--compile"]) == 1
assert main([*words, "--compile", "auto"]) == 0
x, config = torch.ones(3, 2), TrainingConfig(steps=2, learning_rate=0.1)
try:
    mean = lambda model, batch: model(batch).square().mean()
    train(torch.nn.Linear(2, 2), mean, lambda generator: x, config, execution=Execution(compile=True))
except ValueError as error:
    print(error, file=sys.stderr)
"""


def test_without_a_compiler(tmp_path):
    write_tokens(tmp_path / "text.tokens", [TEXT], vocab_size=11)
    words = ["--out", str(tmp_path / "out"), "--data", str(tmp_path / "text.tokens"), "--device", "cpu", "--steps", "2"]
    words += "--context-length 7 --d-model 12 --n-layers 1 --n-heads 2 --batch-size 4".split()
    environment = {name: value for name, value in os.environ.items() if name not in ("CC", "CXX")}
    environment |= {"PATH": str(tmp_path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", WITHOUT, *words]
    done = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT, env=environment)
    assert done.returncode == 0, done.stderr
    lacks = f"torch.compile needs a working C++ compiler (none is found): {compiling.INSTALL[sys.platform]}"
    instead = f"{lacks}, or leave compile out: the run is then the same, only slower"
    assert done.stderr.splitlines() == [f"error: {instead}", f"{lacks}; this run goes without", instead]
    assert "step 2 of 2" in done.stdout
