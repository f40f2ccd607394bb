"""Many processes: the losses of one process, whatever holds the weights; a killed worker's steps are repeated exactly.

This file is also what torchrun starts: `work` trains in each of two processes, and leaves what came of it as JSON.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers import TEXT, json_lines
from torch.nn import functional as F

from course_lib import PROJECT
from course_lib.gpt import build, preset
from course_lib.training import Execution, TrainingConfig, adamw, muon, processes, random_windows, train, write_tokens
from course_lib.training import __main__ as command

DRAW = random_windows(TEXT, batch_size=8, context_length=7)
SMALL = {"vocab_size": 11, "context_length": 7, "d_model": 12, "n_layers": 2, "n_heads": 2}
CASES = {
    "one batch": {},
    "accumulated": {"execution": Execution(accumulate=2)},
    "sharded": {"execution": Execution(parallel="shard")},
    "sharded, accumulated": {"execution": Execution(parallel="shard", accumulate=2)},
    "sharded, muon": {"execution": Execution(parallel="shard"), "optimiser": muon},
    "muon": {"optimiser": muon},
}
COMMAND = {"steps": 9, "evaluate_every": 4, "batch_size": 4, "learning_rate": 0.01, "optimiser": "muon", "dropout": 0.2}
COMMAND |= {name: size for name, size in SMALL.items() if name != "vocab_size"}


def loss(model, batch):
    return F.cross_entropy(model(batch[0]).flatten(0, 1), batch[1].flatten())


def run(press=None, dropout=0.0, **options):
    """Losses, norms and held-out losses of six steps; the stop button is pressed in the last process at a step."""

    def batches(generator):
        batches.calls += 1
        if batches.calls == press and processes.rank() == processes.count() - 1:
            signal.raise_signal(signal.SIGINT)
        return DRAW(generator)

    batches.calls = 0
    torch.manual_seed(0)
    model = build(preset("tiny", **SMALL, dropout=dropout))
    config = TrainingConfig(steps=6, learning_rate=0.01, evaluate_every=2, clip_norm=0.5)
    mine = slice(processes.rank(), None, processes.count())
    evaluate = lambda model: loss(model, tuple(part[mine] for part in DRAW(torch.Generator().manual_seed(5))))  # noqa: E731
    done = train(model, loss, batches, config, evaluate=evaluate, show=False, **{"optimiser": adamw} | options)
    return [done.losses, done.gradient_norms, list(done.evaluations.values())]


def work(folder):
    found = {name: run(**options) for name, options in CASES.items()}
    for name in ("one batch", "sharded", "sharded, muon"):
        checkpoint = folder / f"{name}.run"
        stopped = run(press=3, dropout=0.3, checkpoint=checkpoint, **CASES[name])[0]
        resumed = run(dropout=0.3, checkpoint=checkpoint, **CASES[name])
        found[f"{name}, resumed"] = [stopped, resumed, run(dropout=0.3, **CASES[name])]
    (folder / f"{processes.rank()}.json").write_text(json.dumps(found))


def torchrun(*arguments, restarts=0):
    launch = [
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--local-addr",
        "127.0.0.1",
        "--nproc-per-node",
        "2",
        "--max-restarts",
        str(restarts),
    ]
    environment = os.environ | {"PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1", "COURSE_SCALE": "laptop"}
    # Else workers started again find the addresses of the dead ones: github.com/pytorch/pytorch/issues/135712.
    environment["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"
    words = [sys.executable, *launch, *map(str, arguments)]
    done = subprocess.run(words, capture_output=True, text=True, env=environment, timeout=900)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_two_processes_are_one_with_the_same_batch_and_resume_exactly(tmp_path):
    torchrun(__file__, "work", tmp_path)
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2))
    assert first == second
    for name in CASES:
        expected = run(optimiser=CASES[name].get("optimiser", adamw))
        for mine, alone in zip(first[name], expected, strict=True):
            assert mine == pytest.approx(alone, rel=2e-4), name
    for name in ("one batch", "sharded", "sharded, muon"):
        stopped, resumed, whole = first[f"{name}, resumed"]
        assert len(stopped) == 3 and resumed == whole, name


@pytest.mark.slow
def test_a_killed_worker_is_started_again_and_its_steps_are_repeated_exactly(tmp_path):
    write_tokens(tmp_path / "text.tokens", [TEXT], vocab_size=11)
    for name, killed in {"whole": 0, "killed": 7}.items():
        torchrun(__file__, "command", tmp_path / name, tmp_path / "text.tokens", killed, restarts=1)
    whole, again = (json_lines(tmp_path / name / "log.jsonl") for name in ("whole", "killed"))
    assert [line["step"] for line in again] == list(range(1, 10)) and "held_out" in again[7]
    for line in whole + again:
        assert line.pop("tokens_per_second") > 0
    assert again == whole
    assert (tmp_path / "killed" / "killed").read_text() == "7"


def killed_command(folder, tokens, step):
    """The command; on the first start the last process is killed in a step."""
    plain, calls = command._loss, []

    def kill(model, batch):
        calls.append(model.training)
        if sum(calls) == step and processes.rank() == 1 and os.environ["TORCHELASTIC_RESTART_COUNT"] == "0":
            (folder / "killed").write_text(str(step))
            os.kill(os.getpid(), signal.SIGKILL)
        return plain(model, batch)

    command._loss = kill
    flags = [word for name, value in COMMAND.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    return command.main(["--out", str(folder), "--data", str(tokens), "--held-out", str(tokens), *flags])


if __name__ == "__main__":
    what, folder, *rest = sys.argv[1:]
    if what == "command":
        sys.exit(killed_command(Path(folder), rest[0], int(rest[1])))
    with processes.joined(torch.device("cpu")):
        work(Path(folder))
