"""Checkpoints: a run resumed is the run uninterrupted, bit for bit; files are whole or absent; others are refused."""

import os

import pytest
import torch
from helpers import DRAW, X, Y, config, cross_entropy, network, on_all, press_stop_at, run
from torch import nn

from course_lib.training import checkpoints, load_weights, random_rows, save_weights, train
from course_lib.training.optimisers import Muon


def sgd(model, config):
    return torch.optim.SGD(model.parameters(), lr=config.learning_rate)


def one_group(model, config):
    return torch.optim.AdamW(model.parameters(), lr=config.learning_rate, betas=(0.9, config.beta2), weight_decay=0.0)


def groups(model):
    return [{"params": [p for p in model.parameters() if (p.ndim == 2) is matrices]} for matrices in (True, False)]


def with_decay(model, config):
    return torch.optim.AdamW(groups(model), lr=config.learning_rate, betas=(0.9, config.beta2), weight_decay=0.5)


def muon_of_blocks(model, config):
    return Muon(groups(model), lr=config.learning_rate)


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


def test_a_finished_run_is_only_read_and_says_so(tmp_path, capsys):
    model, again, calls = network(), network(), []
    expected = run(model, checkpoint=str(tmp_path / "run"))
    before = (tmp_path / "run").read_bytes()

    def no_step(model, batch):
        raise AssertionError("a finished run takes no step")

    def batches(generator):
        calls.append(1)
        return DRAW(generator)

    found = run(again, loss=no_step, batches=batches, evaluate=on_all, checkpoint=tmp_path / "run", show=True)
    assert found.losses == expected.losses and not found.stopped
    assert torch.equal(model[0].weight, again[0].weight)
    assert (
        len(calls) == 1 and (tmp_path / "run").read_bytes() == before
    )  # one batch tells whether the data are the same
    said = "finished before, at step 20: read from its checkpoint, not trained\n"
    assert capsys.readouterr().out == said


@pytest.mark.parametrize("optimiser", [torch.optim.SGD, torch.optim.Adam])
def test_other_optimisers_resume_as_well(tmp_path, optimiser):
    options = {"momentum": 0.9} if optimiser is torch.optim.SGD else {}
    make = lambda model, config: optimiser(model.parameters(), lr=config.learning_rate, **options)  # noqa: E731
    run(batches=press_stop_at(5), make_optimiser=make, checkpoint=tmp_path / "run")
    assert run(make_optimiser=make, checkpoint=tmp_path / "run").losses == run(make_optimiser=make).losses


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
    with pytest.raises(ValueError, match=r"another config; here and there: steps 10 and 20$"):
        run(steps=10, checkpoint=tmp_path / "run")


@pytest.mark.parametrize("schedule, same", [("constant", True), ("cosine", False)])
def test_a_run_goes_on_to_more_steps_on_the_schedule_of_their_number(tmp_path, schedule, same):
    """Where the schedule does not depend on the number of steps, that is the longer run."""
    run(steps=12, schedule=schedule, batches=press_stop_at(9), checkpoint=tmp_path / "stopped")
    run(steps=12, schedule=schedule, checkpoint=tmp_path / "finished")
    longer = run(steps=20, schedule=schedule)
    rates = []
    log = lambda history: rates.append(history.losses[-1])  # noqa: E731
    for name, done in {"stopped": 9, "finished": 12}.items():
        history = run(steps=20, schedule=schedule, checkpoint=tmp_path / name, log=log)
        assert len(rates) == 20 - done and len(history.losses) == 20 and (history.losses == longer.losses) is same
        assert run(steps=20, schedule=schedule, checkpoint=tmp_path / name).losses == history.losses
        rates.clear()


def other_data(generator):
    x, y = DRAW(generator)
    return -x, y


def other_labels(generator):
    x, y = DRAW(generator)
    return x, 1 - y


def other_order(generator):
    torch.rand(1, generator=generator)
    return DRAW(generator)


@pytest.mark.parametrize("stop", [5, None])
@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"make_optimiser": muon_of_blocks}, "another optimiser; here and there: optimiser Muon and AdamW"),
        ({"make_optimiser": sgd}, "another optimiser; here and there: optimiser SGD and AdamW"),
        ({"make_optimiser": with_decay}, "weight_decay of group 0 0.5 and 0.0"),
        ({"make_optimiser": one_group}, "parameters of group 0 4 and 2"),
        (
            {"batches": random_rows(X, Y, batch_size=13)},
            r"batches of another size; here and there: \(13, 5\), \(13,\) and \(7, 5\), \(7,\)",
        ),
        ({"batches": lambda generator: DRAW(generator)[:1]}, "batches of another size"),
        ({"batches": other_data}, "holds a run on other data or another tokenizer"),
        ({"batches": other_labels}, "other data"),
        ({"batches": other_order}, "other data"),
    ],
)
def test_another_optimiser_data_or_batch_size_is_refused_by_name_and_changes_nothing(tmp_path, options, sentence, stop):
    """Of a stopped and of a finished run."""
    run(batches=DRAW if stop is None else press_stop_at(stop), checkpoint=tmp_path / "run")
    model, before = network(), (tmp_path / "run").read_bytes()
    with pytest.raises(ValueError, match=sentence):
        run(model, checkpoint=tmp_path / "run", **options)
    assert (tmp_path / "run").read_bytes() == before and torch.equal(model[0].weight, network()[0].weight)


@pytest.mark.parametrize("others", [0, 12])
def test_processes_that_would_start_at_different_steps_are_refused(tmp_path, monkeypatch, others):
    """As on disks that they do not share; the steps of another process stand in for it."""
    monkeypatch.setattr(checkpoints, "all_gather", lambda step: [step, torch.tensor(others)])
    if others == 0:
        run(batches=press_stop_at(9), checkpoint=tmp_path / "run")
    with pytest.raises(ValueError, match=r"would start after 0 and (9|12) steps: .*run must be on a disk"):
        run(checkpoint=tmp_path / "run")


def test_no_batch_is_drawn_twice_and_none_too_many(tmp_path):
    """Whoever counts batches, or draws without the generator, finds what a run without a checkpoint would show."""
    seen = []

    def batches(generator):
        if len(seen) == 12:
            raise RuntimeError("the thirteenth")
        seen.append(torch.randint(len(X), (7,)))
        return X[seen[-1]], Y[seen[-1]]

    def whole(generator):
        drawn = torch.randint(len(X), (7,))
        return X[drawn], Y[drawn]

    expected = run(batches=whole)
    with pytest.raises(RuntimeError, match="the thirteenth"):
        run(batches=batches, checkpoint=tmp_path / "run")  # the checkpoint after step 12 is written all the same
    stopped = run(batches=whole, checkpoint=tmp_path / "run")
    assert len(seen) == 12 and len({tuple(drawn.tolist()) for drawn in seen}) == 12
    assert stopped.losses == expected.losses


def test_a_batch_of_another_machine_is_the_same_but_for_rounding(tmp_path):
    run(batches=press_stop_at(5), checkpoint=tmp_path / "run")

    def draws(generator):
        x, y = DRAW(generator)
        return x * (1 + 1e-6), y

    assert len(run(batches=draws, checkpoint=tmp_path / "run").losses) == 20


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
