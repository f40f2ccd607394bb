"""How a run is computed: in parts, in bfloat16, compiled; what it learns stays the same."""

import shutil
from typing import NamedTuple

import pytest
import torch
from helpers import DRAW, X, Y, cross_entropy, network, on_all, run
from torch import Tensor

from course_lib.training import Execution


def even(generator):
    """Batches of six rows."""
    return tuple(part[:6] for part in DRAW(generator))


@pytest.mark.parametrize("accumulate", [2, 3, 6])
def test_accumulation_equals_the_large_batch(accumulate):
    sizes = []

    def loss(model, batch):
        sizes.append(len(batch[0]))
        return cross_entropy(model, batch)

    whole, parts = network(dropout=0.0), network(dropout=0.0)
    expected = run(whole, batches=even)
    history = run(parts, loss=loss, batches=even, execution=Execution(accumulate=accumulate))
    assert sizes == [6 // accumulate] * 20 * accumulate
    assert history.losses == pytest.approx(expected.losses, rel=1e-5)
    assert history.gradient_norms == pytest.approx(expected.gradient_norms, rel=1e-4)
    for mine, theirs in zip(parts.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


class Pair(NamedTuple):
    x: Tensor
    y: Tensor


@pytest.mark.parametrize("kind", [tuple, lambda parts: Pair(*parts), list])
def test_parts_are_what_the_batch_is(kind):
    seen = []

    def loss(model, batch):
        seen.append(type(batch))
        return cross_entropy(model, (batch.x, batch.y) if isinstance(batch, Pair) else batch)

    run(loss=loss, batches=lambda generator: kind(even(generator)), steps=1, execution=Execution(accumulate=2))
    assert seen == [Pair if type(kind((X, Y))) is Pair else tuple] * 2
    alone = lambda model, batch: model(batch).square().mean()  # noqa: E731
    run(loss=alone, batches=lambda generator: even(generator)[0], steps=1, execution=Execution(accumulate=2))


def test_a_batch_that_cannot_be_cut_is_named():
    with pytest.raises(
        ValueError, match=r"7 rows cannot be cut into 1 \(processes\) x 2 \(accumulate\) parts of one size"
    ):
        run(execution=Execution(accumulate=2))


def test_bfloat16_multiplies_in_it_and_keeps_weights_and_losses_in_float32():
    kinds = []

    def loss(model, batch):
        logits = model(batch[0])
        value = torch.nn.functional.cross_entropy(logits, batch[1])
        kinds.append((logits.dtype, value.dtype))
        return value

    model = network(dropout=0.0)
    expected = run(network(dropout=0.0), evaluate=on_all)
    history = run(
        model, loss=loss, evaluate=lambda model: loss(model, (X, Y)), execution=Execution(precision="bfloat16")
    )
    assert set(kinds) == {(torch.bfloat16, torch.float32)} and len(kinds) == 24
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())
    assert history.losses == pytest.approx(expected.losses, rel=0.02) and history.losses != expected.losses


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("c++") is None, reason="torch.compile needs a C++ compiler")
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # what the compiler itself imports
def test_compiled_steps_are_the_same_steps():
    expected = run(network(dropout=0.0), evaluate=on_all)
    history = run(network(dropout=0.0), evaluate=on_all, execution=Execution(compile=True))
    assert history.losses == pytest.approx(expected.losses, rel=1e-4)
    assert history.evaluations == pytest.approx(expected.evaluations, rel=1e-4)


def test_a_run_may_go_on_in_another_way(tmp_path):
    expected = run(network(dropout=0.0), batches=even)

    def stops(model, batch):
        stops.calls += 1
        if stops.calls == 15:
            raise MemoryError
        return cross_entropy(model, batch)

    stops.calls = 0
    with pytest.raises(MemoryError):
        run(network(dropout=0.0), loss=stops, batches=even, checkpoint=tmp_path / "run")
    again = run(network(), batches=even, checkpoint=tmp_path / "run", execution=Execution(accumulate=3))
    assert again.losses[:12] == expected.losses[:12] and len(again.losses) == 20


def test_a_log_hears_of_every_step_and_a_groups_rate_has_its_factor():
    heard, optimisers = [], []

    def sgd(model, config):
        groups = [{"params": [model[0].weight], "rate_factor": 3}, {"params": [model[3].weight]}]
        optimisers.append(torch.optim.SGD(groups, lr=config.learning_rate))
        return optimisers[0]

    train_once = dict(optimiser=sgd, schedule="constant", log=lambda history: heard.append(len(history.losses)))  # noqa: C408
    run(**train_once)
    assert heard == list(range(1, 21))
    assert [group["lr"] for group in optimisers[0].param_groups] == pytest.approx([0.03, 0.01])


@pytest.mark.parametrize(
    "changes, sentence",
    [
        ({"precision": "float16"}, "precision must be 'float32' or 'bfloat16', but it is 'float16'"),
        ({"accumulate": 0}, "accumulate must be at least 1 .part., but it is 0"),
        ({"parallel": "ddp"}, "parallel must be 'replicate' or 'shard', but it is 'ddp'"),
    ],
)
def test_an_execution_out_of_range_is_refused(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        Execution(**changes)
