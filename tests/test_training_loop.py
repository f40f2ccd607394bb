"""The training loop: repeatable, evaluated without a trace, stopped without a loss, clear about NaN; and the same
however a step is computed: in parts, in bfloat16, compiled.
"""

import math
import shutil
import signal
import threading
from typing import NamedTuple

import pytest
import torch
from helpers import DRAW, X, Y, config, cross_entropy, network, on_all, run
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.gpt import build, preset
from course_lib.losses import mean_over, next_token_loss
from course_lib.training import Execution, train
from course_lib.training.loop import backward_pass
from course_lib.transformer import Transformer, TransformerConfig
from course_lib.translation import Pairs, translation_loss


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
        run(model, loss=square, make_optimiser=sgd, learning_rate=1e6, clip_norm=math.inf, schedule="constant")


def test_a_held_out_loss_of_nan_is_named():
    with pytest.raises(FloatingPointError, match="held-out loss after step 6 is nan"):
        run(evaluate=lambda model: math.nan)


def test_a_loss_that_does_not_depend_on_the_model_is_named():
    free = torch.tensor(1.0, requires_grad=True)
    with pytest.raises(ValueError, match="no parameter has a gradient"):
        run(loss=lambda model, batch: free * 2)


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


@mean_over(lambda batch: (batch[1] >= 0).sum())
def over_real(model, batch):
    """A reader's loss, in which a negative target is padding: 0 / 0 where there is nothing else."""
    real = batch[1] >= 0
    losses = F.cross_entropy(model(batch[0]), batch[1].clamp(min=0), reduction="none")
    return (losses * real).sum() / real.sum()


def padded(generator):
    """Twelve rows, of which 3, 0, 2 and 1 of each three are real."""
    x, y = (torch.cat([part, part])[:12] for part in DRAW(generator))
    return x, torch.where(torch.tensor([1, 1, 1, 0, 0, 0, 0, 1, 1, 0, 0, 1]) > 0, y, -1)


@pytest.mark.parametrize("accumulate", [2, 3, 4, 6])
def test_parts_weigh_by_what_the_loss_averages(accumulate):
    whole, parts = network(dropout=0.0), network(dropout=0.0)
    expected = run(whole, over_real, padded, clip_norm=math.inf, steps=5)
    history = run(parts, over_real, padded, clip_norm=math.inf, steps=5, execution=Execution(accumulate=accumulate))
    assert history.losses == pytest.approx(expected.losses, rel=1e-5)
    assert history.gradient_norms == pytest.approx(expected.gradient_norms, rel=1e-5)
    for mine, theirs in zip(parts.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


def gradient(model, loss, batch, accumulate):
    model.zero_grad()
    value = backward_pass(model, loss, Execution(accumulate=accumulate))(batch)
    return value, torch.cat([parameter.grad.flatten() for parameter in model.parameters()])


def translations():
    """Pairs with 8 real target tokens to none."""
    torch.manual_seed(0)
    source, target = (torch.randint(3, 11, (6, width)) for width in (7, 9))
    for row, length in enumerate((9, 5, 8, 2, 1, 3)):
        target[row, length:] = 0
    config = TransformerConfig(vocab_size=11, d_model=8, n_heads=2, d_ff=8, dropout=0.0)
    return Transformer(config), Pairs(source, target)


def continuations():
    """Windows of which one is all padding, and another has it at its end."""
    inputs, targets = torch.randint(11, (2, 6, 7), generator=torch.Generator().manual_seed(0))
    targets[1, 3:] = targets[3] = -100
    torch.manual_seed(0)
    return build(preset("tiny", vocab_size=11, context_length=7, d_model=12, n_layers=2, n_heads=2)), (inputs, targets)


@pytest.mark.parametrize("accumulate", [2, 3, 6])
@pytest.mark.parametrize(
    "loss, made",
    [(translation_loss(), translations), (translation_loss(0.3), translations), (next_token_loss, continuations)],
)
def test_the_librarys_losses_have_the_whole_batchs_gradient(loss, made, accumulate):
    model, batch = made()
    expected, whole = gradient(model, loss, batch, 1)
    found, parts = gradient(model, loss, batch, accumulate)
    assert found == pytest.approx(expected, rel=1e-5)
    assert (parts - whole).norm() < 1e-5 * whole.norm()


def test_a_batch_of_padding_alone_is_named():
    with pytest.raises(ValueError, match=r"a batch must hold something that the loss counts, but it is \[0.0, 0.0\]"):
        run(loss=over_real, batches=lambda generator: (X[:6], -1 - Y[:6]), execution=Execution(accumulate=2))


def test_a_count_that_is_no_number_of_values_is_named():
    loss = mean_over(lambda batch: -3)(lambda model, batch: cross_entropy(model, batch))
    with pytest.raises(ValueError, match="the loss's count of a part of the batch must be at least 0"):
        run(loss=loss, batches=even, execution=Execution(accumulate=2))


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

    train_once = dict(make_optimiser=sgd, schedule="constant", log=lambda history: heard.append(len(history.losses)))  # noqa: C408
    run(**train_once)
    assert heard == list(range(1, 21))
    assert [group["lr"] for group in optimisers[0].param_groups] == pytest.approx([0.03, 0.01])
