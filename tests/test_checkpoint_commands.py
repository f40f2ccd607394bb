"""The commands that made data/checkpoints: what was stopped is not stored, and goes on when it is called again."""

import os
import signal
import subprocess
import sys

import pytest

from course_lib import PROJECT
from course_lib.training import History
from experiments import shared
from experiments.checkpoints import folio_transformer, shakespeare_gpt


@pytest.mark.parametrize(
    "command, file, data",
    [
        (folio_transformer, "CHECKPOINT", ("pairs", "pair_batches")),
        (shakespeare_gpt, "SHAKESPEARE_GPT", ("ids", "random_windows")),
    ],
)
def test_a_run_that_was_stopped_leaves_the_checkpoint_and_the_run(monkeypatch, tmp_path, command, file, data):
    path, run = tmp_path / "model.safetensors", tmp_path / "model.run"
    path.write_bytes(b"the old one")
    monkeypatch.setattr(command, file, path)
    for name in data:
        monkeypatch.setattr(command, name, lambda *arguments, **named: None)

    def stopped(*arguments, checkpoint, **named):
        checkpoint.write_bytes(b"half a run")
        return History(losses=[1.0], stopped=True)

    monkeypatch.setattr(shared, "train", stopped)
    with pytest.raises(KeyboardInterrupt):
        command.make()
    assert path.read_bytes() == b"the old one" and run.read_bytes() == b"half a run"


# Each command with a tiny model on random tokens; in the step of TINY_WAIT, or in the scores, it waits to be stopped.
BEGIN = """
import os, signal, sys
from pathlib import Path
import torch
from course_lib.training import TrainingConfig
from experiments.shared import finish
path, wait, steps = Path(sys.argv[1]), os.environ["TINY_WAIT"], []

def wait_at(moment):
    if moment == wait:
        read, write = os.pipe()
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write)  # a signal that comes before the read is not lost, as it would be before a pause
        print("waiting", flush=True)
        os.read(read, 1)
        signal.set_wakeup_fd(-1)

def draw(generator):
    steps.append(torch.randint(11, (3, 8), generator=generator))
    wait_at(str(len(steps)))
    return steps[-1], steps[-1]

def scores(*arguments, **named):
    wait_at("scores")
    return len(steps)

RUN = TrainingConfig(steps=6, learning_rate=0.01, warmup_steps=1, evaluate_every=2)
"""
TINY = {
    "shakespeare_gpt": """
from experiments.checkpoints import shakespeare_gpt as command
from course_lib.gpt import ModernGPTConfig
command.MODEL = ModernGPTConfig(vocab_size=11, context_length=8, d_model=8, n_layers=1, n_heads=2, n_kv_heads=2, d_ff=8)
command.SHAKESPEARE_GPT, command.random_windows, command.bits = path, lambda *a, **n: draw, scores
command.ids = command.tokenizer = command.lengths = command.losses = lambda *a: None
command.held_out = lambda model: 1.0
""",
    "folio_transformer": """
from experiments.checkpoints import folio_transformer as command
from course_lib.transformer import TransformerConfig
command.MODEL = TransformerConfig(vocab_size=11, d_model=8, n_heads=2, d_ff=8, dropout=0.1, positions="rotary")
command.CHECKPOINT, command.pair_batches, command.scores = path, lambda *a, **n: draw, scores
command.pairs = command.tokenizer = lambda *a: None
command.translation_loss = lambda: lambda model, batch: model(*batch).square().mean()
command.held_out_loss = lambda model: 1.0
""",
}
END = "command.RUN = RUN\nsys.exit(finish(command.make))\n"
REVIEWS = """
from course_lib import data
from experiments.checkpoints import review_vectors as command
train, command.FILE, command.WIDTH, command.WORDS = command.train_skipgram, path, 3, 4
data.movie_reviews = lambda source: {"train": [("a dog and a cat; a dog and a fish", 1)] * 40}

def watched(*arguments, watch):
    return train(*arguments, watch=lambda so_far: (steps.append(so_far), wait_at(str(len(steps)))))

command.train_skipgram = watched
sys.exit(finish(command.make, again="begins anew"))
"""


def start(source, path, wait=""):
    named = {"TINY_WAIT": wait, "OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "encoding": "utf-8"}
    return subprocess.Popen([sys.executable, "-c", source, str(path)], env=os.environ | named, cwd=PROJECT, **pipes)


def stop(child, number):
    """The exit code, and what was said."""
    with child:
        for line in child.stdout:
            if line == "waiting\n":
                child.send_signal(number)
        errors = child.stderr.read()
    return child.returncode, errors


def finish(source, path):
    """The exit code and what was printed."""
    child = start(source, path)
    printed, _ = child.communicate(timeout=120)
    return child.returncode, printed


@pytest.mark.slow
@pytest.mark.parametrize("name", TINY)
def test_an_interrupted_command_goes_on_to_the_same_checkpoint(tmp_path, name):
    source = BEGIN + TINY[name] + END
    path, run = tmp_path / "model.safetensors", tmp_path / "model.run"
    assert finish(source, path)[0] == 0 and not run.exists()
    straight = path.read_bytes()
    path.write_bytes(b"the old one")
    code, errors = stop(start(source, path, "3"), signal.SIGINT)
    assert code == 130 and "Traceback" not in errors and "the same command goes on" in errors
    assert path.read_bytes() == b"the old one" and run.exists()
    code, _ = stop(start(source, path, "3"), signal.SIGKILL)  # the third step of this process, the sixth of the run
    assert code == -signal.SIGKILL and path.read_bytes() == b"the old one"
    code, errors = stop(start(source, path, "scores"), signal.SIGINT)
    assert code == 130 and path.read_bytes() == straight
    code, printed = finish(source, path)
    assert code == 0 and path.read_bytes() == straight and not run.exists()
    scored = [line for line in printed.splitlines() if line.startswith(("validation", "test"))]
    assert scored and all(line.endswith(" 1") for line in scored), (
        "a finished run looks at one batch, and trains on none"
    )


@pytest.mark.slow
def test_an_interrupted_skipgram_leaves_the_stored_vectors(tmp_path):
    path = tmp_path / "vectors.safetensors"
    path.write_bytes(b"the old ones")
    code, errors = stop(start(BEGIN + REVIEWS, path, "2"), signal.SIGINT)
    assert code == 130 and "Traceback" not in errors and "begins anew" in errors
    assert path.read_bytes() == b"the old ones" and list(tmp_path.iterdir()) == [path]
    assert finish(BEGIN + REVIEWS, path)[0] == 0 and path.read_bytes() != b"the old ones"
