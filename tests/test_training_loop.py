"""The training loop: repeatable, evaluated without a trace, stopped without a loss, and clear about NaN."""

import math
import signal
import threading

import pytest
import torch
from helpers import DRAW, X, Y, config, cross_entropy, network, on_all, run
from torch import nn

from course_lib.training import clip_gradient, train


def test_the_loop_equals_one_written_out_with_pytorch_alone():
    model, twin = network(), network()
    history = run(model, warmup_steps=5, schedule="constant", weight_decay=0.1, clip_norm=0.5)
    torch.manual_seed(3)
    generator = torch.Generator().manual_seed(3)
    matrices, others = [[p for p in twin.parameters() if (p.ndim == 2) is wanted] for wanted in (True, False)]
    optimiser = torch.optim.AdamW([{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0}])
    for step in range(20):
        for group in optimiser.param_groups:
            group["lr"] = 0.01 * min(1, (step + 1) / 5)
        loss = cross_entropy(twin, DRAW(generator))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(twin.parameters(), 0.5)
        optimiser.step()
        assert history.losses[step] == pytest.approx(loss.item(), rel=1e-5)
    for mine, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs)


def test_it_learns_what_can_be_learned():
    model = network(dropout=0.0)
    history = run(model, steps=400, learning_rate=0.03, evaluate=on_all)
    assert history.best_loss < 0.15 < 0.6 < history.losses[0]
    assert (model(X).argmax(1) == Y).float().mean() > 0.95


def test_the_seed_decides_all_and_the_callers_randomness_is_left_alone():
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    first = run(evaluate=on_all)
    torch.manual_seed(11)
    run(network())
    model = network()
    torch.manual_seed(11)
    assert train(model, cross_entropy, DRAW, config(), show=False).losses == first.losses
    assert torch.equal(torch.rand(3), expected)
    assert run(seed=4).losses != first.losses


def test_evaluation_leaves_no_trace():
    modes = []

    def evaluate(model):
        modes.append((model.training, torch.is_grad_enabled()))
        torch.rand(5)
        return on_all(model)

    model = network()
    history = run(model, evaluate=evaluate)
    assert history.losses == run().losses
    assert modes == [(False, False)] * 4
    assert list(history.evaluations) == [6, 12, 18, 20]
    assert not model.training


def test_the_model_is_in_training_mode_at_every_step():
    modes = []
    run(loss=lambda model, batch: (modes.append(model.training), cross_entropy(model, batch))[1], evaluate=on_all)
    assert modes == [True] * 20


def test_the_best_weights_are_kept():
    values = iter([3.0, 1.0, 2.0, 1.0])
    seen = []

    def evaluate(model):
        seen.append(model[0].weight.clone())
        return next(values)

    model = network()
    history = run(model, evaluate=evaluate)
    assert (history.best_step, history.best_loss) == (12, 1.0)
    assert torch.equal(history.best_weights["0.weight"], seen[1])
    assert not torch.equal(history.best_weights["0.weight"], model[0].weight)
    model.load_state_dict(history.best_weights)
    assert torch.equal(model[0].weight, seen[1])


def test_the_stop_button_ends_the_run_after_the_step_and_keeps_what_was_learned():
    def batches(generator):
        batches.calls += 1
        if batches.calls == 8:
            signal.raise_signal(signal.SIGINT)
        return DRAW(generator)

    batches.calls = 0
    before, model = signal.getsignal(signal.SIGINT), network()
    history = run(model, batches=batches, evaluate=on_all)
    assert history.stopped and history.losses == run(evaluate=on_all).losses[:8]
    assert list(history.evaluations) == [6] and history.best_step == 6
    assert not torch.equal(model[0].weight, network()[0].weight)
    assert signal.getsignal(signal.SIGINT) is before


def test_the_stop_button_pressed_twice_interrupts_at_once():
    def batches(generator):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("not reached")

    before, model = signal.getsignal(signal.SIGINT), network()
    with pytest.raises(KeyboardInterrupt):
        run(model, batches=batches)
    assert signal.getsignal(signal.SIGINT) is before and not model.training


def test_a_thread_can_train():
    found = []
    thread = threading.Thread(target=lambda: found.append(run().losses))
    thread.start()
    thread.join()
    assert found == [run().losses]


def cases_of_nan():
    def too_fast(model, batch):
        return cross_entropy(model, batch) * (math.inf if too_fast.calls.append(1) or len(too_fast.calls) > 4 else 1)

    too_fast.calls = []
    root = lambda model, batch: (model(batch[0]) * 0).square().sum().sqrt()  # noqa: E731
    holes = lambda generator: (X.log(), Y)  # noqa: E731
    return [
        ({"loss": too_fast}, r"at step 5: the loss is inf. The likely cause: the learning rate \(0.0[01]\d* at this"),
        ({"loss": lambda model, batch: (model(batch[0]) * 0 - 1).log().sum()}, "at step 1: the loss is nan.*log"),
        ({"loss": root}, "at step 1: the loss is 0.0, but its gradient is nan.*square root"),
        ({"batches": holes}, "at step 1: the loss is nan.*the batch itself holds NaN"),
    ]


@pytest.mark.parametrize("options, sentence", cases_of_nan())
def test_nan_stops_with_its_step_and_likely_cause_before_it_reaches_the_weights(options, sentence):
    model = network()
    with pytest.raises(FloatingPointError, match=sentence):
        run(model, **options)
    assert all(parameter.isfinite().all() for parameter in model.parameters())


def test_a_learning_rate_that_is_far_too_high_is_named():
    model = nn.Linear(5, 1)
    sgd = lambda model, config: torch.optim.SGD(model.parameters(), lr=config.learning_rate)  # noqa: E731
    square = lambda model, batch: model(batch[0]).square().mean()  # noqa: E731
    with pytest.raises(FloatingPointError, match="try a tenth of it"):
        run(model, loss=square, optimiser=sgd, learning_rate=1e6, clip_norm=math.inf, schedule="constant")


def test_a_held_out_loss_of_nan_is_named():
    with pytest.raises(FloatingPointError, match="held-out loss after step 6 is nan"):
        run(evaluate=lambda model: math.nan)


@pytest.mark.parametrize("largest", [0.1, 1.0, 1e6, math.inf])
def test_clipping_equals_pytorchs(largest):
    mine, theirs = network(), network()
    for model in (mine, theirs):
        (10 * on_all(model.eval())).backward()
    norm = torch.nn.utils.clip_grad_norm_(theirs.parameters(), largest)
    assert clip_gradient(mine.parameters(), largest) == pytest.approx(norm.item())
    for a, b in zip(mine.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad)


def test_a_loss_that_does_not_depend_on_the_model_is_named():
    free = torch.tensor(1.0, requires_grad=True)
    with pytest.raises(ValueError, match="no parameter has a gradient"):
        run(loss=lambda model, batch: free * 2)
