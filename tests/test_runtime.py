"""The dial, the device, the seed and the verdicts."""

import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import network, on_all, press_stop_at, run

from course_lib import runtime
from course_lib.runtime import device, devices_of, expect, own_randomness, scale, seed_everything
from course_lib.training import checkpoints, loop


@pytest.fixture
def machine(monkeypatch):
    def has(cuda, mps, dial=None):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
        monkeypatch.delenv("COURSE_SCALE", raising=False)
        if dial is not None:
            monkeypatch.setenv("COURSE_SCALE", dial)

    return has


@pytest.mark.parametrize(
    "cuda, mps, dial, expected_scale, expected_device",
    [
        (False, False, None, "laptop", "cpu"),
        (True, False, None, "gpu", "cuda"),
        (True, True, None, "gpu", "cuda"),
        (False, True, None, "gpu", "mps"),
        (True, False, "laptop", "laptop", "cpu"),
        (False, False, "gpu", "gpu", "cpu"),
        (True, False, " GPU ", "gpu", "cuda"),
        (False, False, "", "laptop", "cpu"),
    ],
)
def test_scale_and_device(machine, cuda, mps, dial, expected_scale, expected_device):
    machine(cuda, mps, dial)
    assert scale() == expected_scale
    assert device().type == expected_device


def test_a_wrong_dial_is_named(machine):
    machine(False, False, "cluster")
    with pytest.raises(ValueError, match="COURSE_SCALE must be 'laptop' or 'gpu', but it is 'cluster'"):
        device()


def test_seed_everything_repeats_all_three():
    def draw():
        return random.random(), np.random.rand(), torch.rand(3).tolist()

    seed_everything(7)
    first = draw()
    assert draw() != first
    seed_everything(7)
    assert draw() == first


@pytest.mark.parametrize(
    "value, bounds, printed",
    [
        (1.5, {"at_most": 1.6}, "loss · expected at most 1.60 · ok"),
        (torch.tensor(2.0), {"at_least": 2}, "loss · expected at least 2 · ok"),
        (0.5, {"at_least": 0.25, "at_most": 1}, "loss · expected at least 0.25 and at most 1 · ok"),
        (0.001, {"at_most": 0.002}, "loss · expected at most 2.0e-03 · ok"),
        (0.0, {"at_most": 0.0}, "loss · expected at most 0.00 · ok"),
        (12345, {"at_least": 12_000}, "loss · expected at least 12,000 · ok"),
        ([1, 2], {"equals": [1, 2]}, "loss · expected [1, 2] · ok"),
        (False, {"equals": False}, "loss · expected False · ok"),
    ],
)
def test_a_claim_that_holds_prints_its_bound_only(capsys, value, bounds, printed):
    expect("loss", value, **bounds)
    assert capsys.readouterr().out == printed + "\n"


@pytest.mark.parametrize(
    "value, bounds, words",
    [
        (
            1.7,
            {"at_most": 1.6, "cause": "too few steps."},
            "at most 1.60, but it is 1.7. What usually .* too few steps",
        ),
        (float("nan"), {"at_most": 1.6}, "at most 1.60, but it is nan"),
        (float("nan"), {"at_least": 0}, "at least 0, but it is nan"),
        (2, {"equals": 3}, "expected 3, but it is 2"),
        (0.1, {"at_least": 0.25, "at_most": 1}, "at least 0.25 and at most 1, but it is 0.1"),
    ],
)
def test_a_claim_that_fails_says_the_value(capsys, value, bounds, words):
    with pytest.raises(AssertionError, match=words):
        expect("loss", value, **bounds)
    assert capsys.readouterr().out == ""


def test_a_claim_without_a_bound_is_a_mistake():
    with pytest.raises(ValueError, match="needs equals=, at_least= or at_most="):
        expect("loss", 1.0)


def forbid(monkeypatch, *kinds):
    """Devices that are there, and whose random numbers nobody may read, seed or set."""

    def touched(*arguments):
        raise AssertionError("another device's random numbers were touched")

    for kind in kinds:
        monkeypatch.setattr(torch, "manual_seed", touched)
        monkeypatch.setattr(kind, "is_available", lambda: True)
        for name in ("get_rng_state", "set_rng_state", "manual_seed", "manual_seed_all", "seed_all"):
            monkeypatch.setattr(kind, name, touched, raising=False)


class Device:
    """What PyTorch's module of a kind of device has of random numbers; a state is a seed."""

    def __init__(self, monkeypatch, kind):
        self.states, self.seen = {}, []
        for name in ("get_rng_state", "set_rng_state"):
            monkeypatch.setattr(kind, name, getattr(self, name))

    def get_rng_state(self, device):
        return torch.tensor([self.states.setdefault(str(device), 11)], dtype=torch.uint8)

    def set_rng_state(self, state, device):
        self.states[str(device)] = int(state)
        self.seen.append((str(device), int(state)))


class Seeded:
    """A Generator of a device that is not there."""

    def __init__(self, device):
        self.device = device

    def manual_seed(self, seed):
        return torch.Generator().manual_seed(seed) if self.device.type == "cpu" else Seeded.State(seed)

    class State:
        def __init__(self, seed):
            self.seed = seed

        def get_state(self):
            return torch.tensor([self.seed], dtype=torch.uint8)


class On(torch.nn.Linear):
    """A model whose weights say that they are on another device."""

    def __init__(self, *devices):
        super().__init__(3, 2)
        self.devices = [torch.device(device) for device in devices]

    def parameters(self, recurse=True):
        yield from (SimpleNamespace(device=device) for device in self.devices)


@pytest.mark.parametrize("kind, others", [("cuda:1", [torch.mps]), ("mps", [torch.cuda])])
def test_own_randomness_is_of_the_cpu_and_the_models_device_and_of_no_other(monkeypatch, kind, others):
    forbid(monkeypatch, *others)
    monkeypatch.setattr(runtime, "Generator", Seeded)
    fake = Device(monkeypatch, torch.cuda if "cuda" in kind else torch.mps)
    devices = devices_of(On(kind, "cpu", "meta", kind))
    assert devices == [torch.device("cpu"), torch.device(kind)]
    before = torch.get_rng_state()
    with pytest.raises(KeyError), own_randomness(7, devices):
        assert torch.equal(torch.rand(2), torch.rand(2, generator=torch.Generator().manual_seed(7)))
        assert fake.states == {kind: 7}
        fake.states[kind] = 8  # as if something were drawn there
        raise KeyError
    assert fake.seen == [(kind, 7), (kind, 11)] and torch.equal(torch.get_rng_state(), before)


def test_own_randomness_without_a_seed_goes_on_and_is_put_back():
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    with own_randomness():
        assert torch.equal(torch.rand(4), expected)
    assert torch.equal(torch.rand(4), expected)


@pytest.mark.parametrize("kind", [torch.cuda, torch.mps])
def test_a_run_on_the_cpu_leaves_the_machines_other_devices_alone(monkeypatch, tmp_path, kind):
    expected = run(evaluate=on_all).losses
    model = network()
    stopped = run(network(), batches=press_stop_at(8), evaluate=on_all, checkpoint=tmp_path / "run")
    forbid(monkeypatch, kind)
    assert len(stopped.losses) == 8
    assert run(model, evaluate=on_all, checkpoint=tmp_path / "run").losses == expected


@pytest.mark.parametrize("first, then", [("cuda:0", "cpu"), ("cpu", "cuda:0"), ("cuda:0", "cuda:1"), ("cuda:0", "mps")])
def test_a_run_goes_on_on_another_device(monkeypatch, tmp_path, first, then):
    """Each has the random numbers of the CPU, and of a device of its kind where the run had one."""
    cuda, mps = Device(monkeypatch, torch.cuda), Device(monkeypatch, torch.mps)
    monkeypatch.setattr(runtime, "Generator", Seeded)
    expected = run(network()).losses

    def on(device):
        devices = devices_of(On(device))
        for module in (checkpoints, loop):
            monkeypatch.setattr(module, "devices_of", lambda model: devices)

    def batches(generator):
        cuda.states["cuda:0"] = 77  # something was drawn there
        return draw(generator)

    on(first)
    draw = press_stop_at(8)
    run(batches=batches, checkpoint=tmp_path / "run")
    on(then)
    cuda.seen.clear()
    assert run(checkpoint=tmp_path / "run").losses == expected
    assert (77 in dict(cuda.seen[:-1]).values()) == (then == "cuda:1")
    assert [state for _, state in mps.seen] == ([3, 11] if then == "mps" else [])
