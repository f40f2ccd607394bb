"""Many processes: the losses of one process, whatever holds the weights; a killed worker's steps are repeated exactly.

This file is also what torchrun starts: `work` trains in each of two processes, and leaves what came of it as JSON.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import weakref
from pathlib import Path

import pytest
import safetensors
import torch
from helpers import TEXT, json_lines
from safetensors.torch import load_file
from torch.distributed.tensor import DTensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from course_lib import PROJECT
from course_lib.gpt import build, preset
from course_lib.losses import next_token_loss
from course_lib.model_files import load_model
from course_lib.training import (
    Execution,
    TrainingConfig,
    adamw,
    checkpoints,
    command,
    muon,
    random_windows,
    save_weights,
    train,
    write_tokens,
)
from course_lib.training.__main__ import main
from course_lib.training.deferred import build_sharded
from course_lib.training.distributed import full_tensor, is_sharded, process_group, rank, world_size
from course_lib.training.loop import backward_pass
from course_lib.transformer import Transformer, TransformerConfig
from course_lib.translation import Pairs, translation_loss

DRAW = random_windows(TEXT, batch_size=8, context_length=7)
SMALL = {"vocab_size": 11, "context_length": 7, "d_model": 12, "n_layers": 2, "n_heads": 2}
SHARD = Execution(parallel="shard")
CASES = {
    "one batch": {},
    "accumulated": {"execution": Execution(accumulate=2)},
    "sharded": {"execution": SHARD},
    "sharded, accumulated": {"execution": Execution(parallel="shard", accumulate=2)},
    "sharded, muon": {"execution": SHARD, "make_optimiser": muon},
    "muon": {"make_optimiser": muon},
}
PADDED = [Execution(parallel=parallel, accumulate=parts) for parallel in ("replicate", "shard") for parts in (1, 2, 4)]
LARGE = SMALL | {"n_layers": 6, "d_model": 24}
RESUMED = ("one batch", "sharded", "sharded, muon")
COMMAND = {"steps": 9, "evaluate_every": 4, "batch_size": 4, "learning_rate": 0.01, "optimiser": "muon", "dropout": 0.2}
COMMAND |= {name: size for name, size in SMALL.items() if name != "vocab_size"}


def run(press=None, dropout=0.0, steps=6, d_model=12, evaluated=False, **options):
    """Losses, norms and held-out losses of six steps, or the weights that were `evaluated` best.

    The stop button is pressed in the last process at a step.
    """

    def batches(generator):
        batches.calls += 1
        if batches.calls == press and rank() == world_size() - 1:
            signal.raise_signal(signal.SIGINT)
        return DRAW(generator)

    batches.calls = 0
    torch.manual_seed(0)
    model = build(preset("tiny", **SMALL | {"d_model": d_model}, dropout=dropout))
    config = TrainingConfig(steps=steps, learning_rate=0.01, evaluate_every=2, clip_norm=0.5)
    mine = slice(rank(), None, world_size())
    held_out = tuple(part[mine] for part in DRAW(torch.Generator().manual_seed(5)))
    done = train(
        model,
        next_token_loss,
        batches,
        config,
        evaluate=lambda model: next_token_loss(model, held_out),
        show=False,
        **options,
    )
    if evaluated:
        return done.best_weights
    return [done.losses, done.gradient_norms, list(done.evaluations.values())]


def gradient(loss, execution):
    """Loss and gradient of a batch whose second half is padding in one case, and unequally long in the other."""
    torch.manual_seed(0)
    if loss == "translation":
        model = Transformer(TransformerConfig(vocab_size=11, d_model=8, n_heads=2, d_ff=8, dropout=0.0))
        batch = Pairs(*torch.randint(3, 11, (2, 8, 9)))
        for row, length in enumerate((9, 4, 7, 1, 2, 8, 3, 5)):
            batch.target[row, length:] = 0
        loss = translation_loss(0.1)
    else:
        model, batch, loss = build(preset("tiny", **SMALL)), torch.randint(11, (2, 8, 7)).unbind(), next_token_loss
        batch[1][1, 4:] = batch[1][4:] = -100
    value = backward_pass(model, loss, execution)(batch)
    return value, torch.cat([full_tensor(parameter.grad).flatten() for parameter in model.parameters()]).tolist()


class Allocated(TorchDispatchMode):
    """The bytes of all tensors that are there at one time, at most."""

    def __init__(self):
        super().__init__()
        self.live, self.peak = {}, 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        if any(issubclass(kind, DTensor) for kind in types):
            return NotImplemented  # the operations on its shards come by again
        made = operation(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if type(tensor) is torch.Tensor and not tensor.is_meta:
                storage = tensor.untyped_storage()
                self.live[storage._cdata] = weakref.ref(storage), storage.nbytes()
        self.live = {key: (alive, size) for key, (alive, size) in self.live.items() if alive() is not None}
        self.peak = max(self.peak, sum(size for _, size in self.live.values()))
        return made


def built():
    """The shards of a model that was built from them, put together; and the most bytes that a process had."""
    torch.manual_seed(5)
    with Allocated() as allocated:
        model = build_sharded(lambda: build(preset("tiny", **LARGE)), torch.device("cpu"))
    weights = {name: full_tensor(tensor).tolist() for name, tensor in model.state_dict().items()}
    return weights, torch.rand(3).tolist(), allocated.peak


def bytes_read(work):
    """How much is read of safetensors files."""
    plain, read = safetensors.safe_open, []

    class Counted:
        def __init__(self, *arguments, **named):
            self.file = plain(*arguments, **named)

        def __enter__(self):
            self.file.__enter__()
            return self

        def __exit__(self, *error):
            return self.file.__exit__(*error)

        def __getattr__(self, name):
            return getattr(self.file, name)

        def get_tensor(self, name):
            read.append(self.file.get_tensor(name))
            return read[-1]

        def get_slice(self, name):
            return Slice(self.file.get_slice(name))

    class Slice:
        def __init__(self, slice):
            self.slice = slice

        def __getattr__(self, name):
            return getattr(self.slice, name)

        def __getitem__(self, at):
            read.append(self.slice[at])
            return read[-1]

    safetensors.safe_open = checkpoints.safe_open = Counted
    work()
    safetensors.safe_open = checkpoints.safe_open = plain
    return sum(tensor.nbytes for tensor in read)


def work(folder):
    found = {name: run(**options) for name, options in CASES.items()}
    found["padded"] = [gradient(loss, how) for loss in ("translation", "next token") for how in PADDED]
    *found["built"], peak = built()
    best = run(evaluated=True, execution=SHARD)
    found["best is sharded"] = [is_sharded(tensor) for tensor in best.values()]
    save_weights(folder / "best of two", torch.nn.Module(), weights=best)
    for name in RESUMED:
        checkpoint = folder / f"{name}.run"
        stopped = run(press=3, dropout=0.3, checkpoint=checkpoint, **CASES[name])[0]
        resumed = run(dropout=0.3, checkpoint=checkpoint, **CASES[name])
        found[f"{name}, resumed"] = [stopped, resumed, run(dropout=0.3, **CASES[name])]
    run(press=3, checkpoint=folder / "two.run", execution=SHARD)
    found["from one"] = run(checkpoint=folder / "one.run", execution=SHARD)
    try:
        run(checkpoint=folder / "one.run" / "about.safetensors" / "two.run", execution=SHARD)
    except OSError as error:
        found["no room"] = str(error)
    read = bytes_read(lambda: run(dropout=0.3, checkpoint=folder / "sharded.run", execution=SHARD))  # it is finished
    (folder / f"{rank()} bytes.json").write_text(json.dumps([peak, read]))
    (folder / f"{rank()}.json").write_text(json.dumps(found))


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


@pytest.fixture(scope="module")
def worked(tmp_path_factory):
    """What two processes found, and the folder with their checkpoints."""
    folder = tmp_path_factory.mktemp("work")
    run(press=3, checkpoint=folder / "one.run")
    torchrun(__file__, "work", folder)
    first, second = (json.loads((folder / f"{rank}.json").read_text()) for rank in range(2))
    assert first == second
    return folder, first


def assert_close(found, expected):
    for mine, theirs in zip(found, expected, strict=True):
        assert mine == pytest.approx(theirs, rel=2e-4)


@pytest.mark.slow
def test_two_processes_are_one_with_the_same_batch_and_resume_exactly(worked):
    _, found = worked
    for name, options in CASES.items():
        assert_close(found[name], run(make_optimiser=options.get("make_optimiser", adamw)))
    for name in RESUMED:
        stopped, resumed, whole = found[f"{name}, resumed"]
        assert len(stopped) == 3 and resumed == whole, name


@pytest.mark.slow
def test_two_processes_weigh_by_real_tokens(worked):
    """The second process has no target at all in one case, with one part as with four."""
    found = iter(worked[1]["padded"])
    for loss in ("translation", "next token"):
        value, whole = gradient(loss, Execution())
        whole = torch.tensor(whole)
        for how in PADDED:
            mine, parts = next(found)
            assert mine == pytest.approx(value, rel=1e-5), how
            assert (torch.tensor(parts) - whole).norm() < 1e-5 * whole.norm(), how


@pytest.mark.slow
def test_a_model_is_sharded_before_it_has_memory_with_the_weights_of_any_other(worked):
    folder, found = worked
    torch.manual_seed(5)
    model = build(preset("tiny", **LARGE))
    weights, after = found["built"]
    assert weights == {name: tensor.tolist() for name, tensor in model.state_dict().items()}
    assert after == torch.rand(3).tolist()
    sizes = [tensor.nbytes for tensor in model.parameters()]
    for process in range(2):
        peak, _ = json.loads((folder / f"{process} bytes.json").read_text())
        assert 0.4 * sum(sizes) < peak < 0.6 * sum(sizes) + 3 * max(sizes)


class OfNumbers(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor([1.0, 2.0]).mul(2))


class InPart(torch.nn.Linear):
    def __init__(self):
        super().__init__(3, 2)
        torch.nn.init.zeros_(self.weight[:1])


@pytest.mark.parametrize(
    "make, says", [(OfNumbers, "must not make its tensors from numbers"), (InPart, "whole tensors")]
)
def test_a_model_that_cannot_be_built_without_memory_is_refused(make, says):
    with pytest.raises(ValueError, match=says):
        build_sharded(make, torch.device("cpu"))


@pytest.mark.slow
def test_the_best_weights_are_sharded_and_put_together_where_they_are_asked_for(worked):
    folder, found = worked
    assert all(found["best is sharded"])
    best = run(evaluated=True)
    read = load_file(folder / "best of two")
    assert read.keys() == best.keys()
    for name, tensor in best.items():
        torch.testing.assert_close(read[name], tensor, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_a_process_that_resumes_reads_its_own_shards_alone(worked):
    folder, _ = worked
    files = sorted((folder / "sharded.run" / "shards").iterdir())
    whole = sum(file.stat().st_size for file in files)
    for process in range(2):
        _, read = json.loads((folder / f"{process} bytes.json").read_text())
        assert 0.3 * whole < read < 0.7 * whole


@pytest.mark.slow
def test_a_run_goes_on_with_another_number_of_processes(worked, tmp_path):
    folder, found = worked
    expected = run()
    assert_close(found["from one"], expected)
    assert (folder / "one.run").is_dir()
    shutil.copytree(folder / "two.run", tmp_path / "two.run")
    assert_close(run(checkpoint=tmp_path / "two.run"), expected)
    assert (tmp_path / "two.run").is_file() and len(list(tmp_path.iterdir())) == 1


@pytest.mark.slow
def test_each_process_writes_its_own_shards_as_safetensors(worked):
    folder, _ = worked
    files = sorted((folder / "two.run" / "shards").iterdir())
    assert [file.suffix for file in files] == [".safetensors"] * 2
    for file, rows in zip(files, (6, 5), strict=True):
        tensors = load_file(file)
        assert tensors["model.embedding.weight"].shape == tensors["optimiser.0.exp_avg"].shape == (rows, 12)
    assert not list(folder.glob(".*"))


@pytest.mark.slow
def test_damaged_shards_and_those_of_another_run_are_refused(worked, tmp_path):
    shutil.copytree(worked[0] / "two.run", tmp_path / "two.run")
    with pytest.raises(ValueError, match="run of another config; here and there: steps 5 and 6"):
        run(checkpoint=tmp_path / "two.run", steps=5)
    with pytest.raises(
        ValueError, match=r"another model: for 'embedding.weight' expected \(11, 18\), but .*\(11, 12\)"
    ):
        run(checkpoint=tmp_path / "two.run", d_model=18)
    shard, _ = (tmp_path / "two.run" / "shards").iterdir()
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-10])
    with pytest.raises(ValueError, match="no safetensors file, or damaged"):
        run(checkpoint=tmp_path / "two.run")
    shard.unlink()
    with pytest.raises(ValueError, match="shards should hold 2 files, but holds 1"):
        run(checkpoint=tmp_path / "two.run")


@pytest.mark.slow
def test_shards_that_cannot_be_written_are_named(worked):
    _, found = worked
    assert "two.run could not be written ([Errno 20] Not a directory: " in found["no room"]


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
    assert (tmp_path / "killed" / "run.safetensors").is_dir()
    models = [load_model(tmp_path / name / "model.safetensors")[0].state_dict() for name in ("whole", "killed")]
    assert all(torch.equal(models[0][name], models[1][name]) for name in models[0])


def killed_command(folder, tokens, step):
    """The command, sharded; on the first start the last process is killed in a step."""
    plain, calls = command.next_token_loss, []

    def kill(model, batch):
        calls.append(model.training)
        if sum(calls) == step and rank() == 1 and os.environ["TORCHELASTIC_RESTART_COUNT"] == "0":
            (folder / "killed").write_text(str(step))
            os.kill(os.getpid(), signal.SIGKILL)
        return plain(model, batch)

    command.next_token_loss = kill
    flags = [word for name, value in COMMAND.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    files = ["--out", str(folder), "--data", str(tokens), "--held-out", str(tokens)]
    return main([*files, "--parallel", "shard", *flags])


if __name__ == "__main__":
    what, folder, *rest = sys.argv[1:]
    if what == "command":
        sys.exit(killed_command(Path(folder), rest[0], int(rest[1])))
    with process_group(torch.device("cpu")):
        work(Path(folder))
