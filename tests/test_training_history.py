"""The log: one JSON object a line, whole after a resumed run; the count of operations against PyTorch's."""

import pytest
import torch
from helpers import config, json_lines, on_all, press_stop_at, run
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from course_lib.gpt import build, preset
from course_lib.training import History, RunLog, TrainingConfig, flops_per_token, learning_rate


def test_a_line_a_step_says_all(tmp_path):
    log = RunLog(tmp_path / "log.jsonl", config(), tokens_per_step=30, flops_per_token=100, peak_flops=1e6)
    history = run(evaluate=on_all, log=log)
    assert [line["step"] for line in json_lines(log.path)] == list(range(1, 21))
    for place, line in enumerate(json_lines(log.path)):
        assert (line["loss"], line["gradient_norm"]) == (history.losses[place], history.gradient_norms[place])
        assert line["learning_rate"] == learning_rate(place, config()) and line.get("held_out") == (
            history.evaluations.get(place + 1)
        )
        speed = 30 / history.seconds[place]
        assert line["tokens_per_second"] == pytest.approx(speed, abs=0.06)
        assert line["mfu"] == pytest.approx(speed * 100 / 1e6, abs=6e-5)


def test_without_a_peak_there_is_no_mfu(tmp_path):
    log = RunLog(tmp_path / "log.jsonl", config(), tokens_per_step=30, flops_per_token=100)
    log(History(losses=[1.0], gradient_norms=[2.0], seconds=[0.5]))
    assert json_lines(log.path) == [
        {"step": 1, "loss": 1.0, "learning_rate": 0.01, "gradient_norm": 2.0, "tokens_per_second": 60.0}
    ]


def test_a_resumed_runs_log_is_that_of_an_uninterrupted_one(tmp_path):
    def make():
        return RunLog(tmp_path / "log.jsonl", config(), tokens_per_step=30)

    run(batches=press_stop_at(9), evaluate=on_all, checkpoint=tmp_path / "run", log=make())
    with (tmp_path / "log.jsonl").open("a") as file:  # steps after the checkpoint, the last line cut off
        file.write('{"step": 10, "loss": 5}\n{"step": 11, "lo')
    history = run(evaluate=on_all, checkpoint=tmp_path / "run", log=make())
    assert [line["loss"] for line in json_lines(tmp_path / "log.jsonl")] == history.losses
    assert [line["step"] for line in json_lines(tmp_path / "log.jsonl")] == list(range(1, 21))


def test_the_lines_of_the_steps_before_a_resumption_stay_as_they_were(tmp_path):
    """Their speeds, and with more steps their learning rates: the new schedule was not theirs."""
    log = tmp_path / "log.jsonl"
    run(steps=9, evaluate=on_all, checkpoint=tmp_path / "run", log=RunLog(log, config(steps=9), tokens_per_step=30))
    before = log.read_text().splitlines()
    lost = [
        *before[:4],
        before[5],
        '{"step": 5, "loss": 5}',
        before[6],
        '["loss", "step"]',
        *before[7:8],
        "8",
        before[8][:20],
    ]
    log.write_text("\n".join(lost))
    history = run(evaluate=on_all, checkpoint=tmp_path / "run", log=RunLog(log, config(), tokens_per_step=60))
    assert [line["loss"] for line in json_lines(log)] == history.losses
    after = log.read_text().splitlines()
    assert [line["step"] for line in json_lines(log)] == list(range(1, 21))
    assert [place for place in range(9) if after[place] != before[place]] == [4, 8]  # these two were lost
    assert json_lines(log)[9]["learning_rate"] == learning_rate(9, config())


def test_a_history_without_evaluations_has_no_best_step():
    with pytest.raises(ValueError, match="nothing was evaluated"):
        History(losses=[1.0]).best_loss  # noqa: B018


@pytest.mark.parametrize(("name", "changes"), [("tiny", {}), ("modern_tiny", {}), ("modern_tiny", {"tied": False})])
def test_operations_equal_those_that_pytorch_counts(name, changes):
    model = build(preset(name, vocab_size=13, context_length=11, d_model=24, n_layers=3, **changes))
    tokens = torch.randint(13, (5, 7))
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        model(tokens).sum().backward()
    assert flops_per_token(model, 7) * tokens.numel() == counter.get_total_flops()


def test_a_log_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").touch()
    log = RunLog(tmp_path / "file" / "log.jsonl", TrainingConfig(steps=1, learning_rate=1), tokens_per_step=1)
    with pytest.raises(OSError, match=r"log\.jsonl could not be written"):
        log(History(losses=[1.0], gradient_norms=[2.0], seconds=[0.5]))
