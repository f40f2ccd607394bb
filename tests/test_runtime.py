"""The dial, the device, the seed and the verdicts."""

import random

import numpy as np
import pytest
import torch

from course_lib.runtime import device, expect, scale, seed_everything


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
