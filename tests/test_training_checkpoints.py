"""Checkpoints: a run resumed is the run uninterrupted, bit for bit; files are whole or absent; others are refused."""

import os

import pytest
import torch
from helpers import DRAW, config, cross_entropy, network, on_all, press_stop_at, run
from torch import nn

from course_lib.training import load_weights, save_weights, train


@pytest.mark.parametrize("stop", [1, 6, 9, 19])
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(tmp_path, stop):
    whole, parts, file = network(), network(), tmp_path / "new" / "run.safetensors"
    expected = run(whole, evaluate=on_all)
    stopped = run(parts, evaluate=on_all, batches=press_stop_at(stop), checkpoint=file)
    assert stopped.stopped and len(stopped.losses) == stop
    torch.rand(5)  # other work between the two
    again = network()
    history = run(again, evaluate=on_all, checkpoint=file)
    assert history.losses == expected.losses and history.evaluations == expected.evaluations
    assert not history.stopped
    for mine, theirs in [(again.state_dict(), whole.state_dict()), (history.best_weights, expected.best_weights)]:
        assert mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_a_run_killed_between_checkpoints_goes_on_from_the_last(tmp_path):
    def killed(model, batch):
        killed.calls += 1
        if killed.calls == 17:
            raise MemoryError
        return cross_entropy(model, batch)

    killed.calls = 0
    with pytest.raises(MemoryError):
        run(loss=killed, checkpoint=tmp_path / "run")
    assert run(checkpoint=tmp_path / "run").losses == run().losses


def test_a_finished_run_is_only_read(tmp_path):
    def no_batch(generator):
        raise AssertionError("a finished run draws no batch")

    model, again = network(), network()
    expected = run(model, checkpoint=str(tmp_path / "run"))
    assert run(again, batches=no_batch, checkpoint=tmp_path / "run").losses == expected.losses
    assert torch.equal(model[0].weight, again[0].weight)


@pytest.mark.parametrize("optimiser", [torch.optim.SGD, torch.optim.Adam])
def test_other_optimisers_resume_as_well(tmp_path, optimiser):
    options = {"momentum": 0.9} if optimiser is torch.optim.SGD else {}
    make = lambda model, config: optimiser(model.parameters(), lr=config.learning_rate, **options)  # noqa: E731
    run(batches=press_stop_at(5), optimiser=make, checkpoint=tmp_path / "run")
    assert run(optimiser=make, checkpoint=tmp_path / "run").losses == run(optimiser=make).losses


def test_a_write_that_dies_halfway_leaves_the_old_file(tmp_path, monkeypatch):
    file, model = tmp_path / "weights", network()
    save_weights(file, model, {"step": 1})
    before = file.read_bytes()

    def full(number):
        os.truncate(number, 100)
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        save_weights(file, network(), {"step": 2})
    assert file.read_bytes() == before and load_weights(file, model) == {"step": 1}
    monkeypatch.undo()
    save_weights(file, network(), {"step": 3})
    assert load_weights(file, model) == {"step": 3} and list(tmp_path.iterdir()) == [file]


def test_the_file_is_on_the_disk_before_it_takes_its_place(tmp_path, monkeypatch):
    done, fsync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda number: (done.append("fsync"), fsync(number))[1])
    monkeypatch.setattr(os, "replace", lambda *paths: (done.append("replace"), replace(*paths))[1])
    save_weights(tmp_path / "weights", network())
    assert done == ["fsync", "replace"]


def test_tied_weights_and_odd_layouts_round_trip(tmp_path):
    class Tied(nn.Module):
        def __init__(self, seed):
            super().__init__()
            torch.manual_seed(seed)
            self.embed, self.out = nn.Embedding(7, 3), nn.Linear(3, 7, bias=False)
            self.out.weight = self.embed.weight
            self.register_buffer("places", torch.randn(5, 2).T)

    first, second = Tied(0), Tied(1)
    save_weights(tmp_path / "weights", first)
    assert load_weights(tmp_path / "weights", second) == {}
    assert second.out.weight is second.embed.weight and torch.equal(first.out.weight, second.out.weight)
    assert torch.equal(first.places, second.places)


@pytest.mark.parametrize(
    "other, words",
    [
        (lambda: nn.Sequential(nn.Linear(5, 13)), r"for '0.weight' expected \(13, 5\), but the file holds \(11, 5\)"),
        (lambda: nn.Linear(5, 11), r"for 'weight' expected \(11, 5\), but the file holds nothing"),
        (lambda: network()[:3], r"for '3.bias' expected nothing, but the file holds \(2,\)"),
    ],
)
def test_a_file_of_another_model_is_refused_and_changes_nothing(tmp_path, other, words):
    file, model = tmp_path / "weights", other()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    save_weights(file, network())
    with pytest.raises(ValueError, match=words):
        load_weights(file, model)
    run(checkpoint=tmp_path / "run")
    with pytest.raises(ValueError, match=words):
        train(model, cross_entropy, DRAW, config(), checkpoint=tmp_path / "run", show=False)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_a_run_of_another_config_is_refused_with_what_differs(tmp_path):
    run(checkpoint=tmp_path / "run")
    with pytest.raises(ValueError, match=r"another config; here and there: steps 30 and 20, seed 4 and 3"):
        run(steps=30, seed=4, checkpoint=tmp_path / "run")


def test_what_is_no_checkpoint_is_refused(tmp_path):
    file = tmp_path / "weights"
    with pytest.raises(FileNotFoundError, match="there is no checkpoint"):
        load_weights(file, network())
    save_weights(file, network())
    with pytest.raises(ValueError, match="holds no training run"):
        run(checkpoint=file)
    file.write_bytes(file.read_bytes()[:50])
    with pytest.raises(ValueError, match="no safetensors file, or damaged"):
        load_weights(file, network())
