"""What a run shows: lines in a terminal, one lasting picture in a notebook, and little time spent on either."""

import json
import time

import matplotlib.pyplot as plt
import nbformat
import pytest
import torch
from helpers import on_all, press_stop_at, run
from nbclient import NotebookClient

from classroom.notebooks import normalise
from course_lib.training import History, TrainingConfig, display, learning_curves


def test_a_terminal_gets_a_line_an_evaluation(capsys):
    history = run(show=True, evaluate=on_all)
    lines = capsys.readouterr().out.splitlines()
    mean = sum(history.losses[6:12]) / 6
    assert lines[1] == f"step 12 of 20 · training {mean:.4f} · held-out {history.evaluations[12]:.4f}"
    assert [line.split(" of ")[0] for line in lines] == ["step 6", "step 12", "step 18", "step 20"]
    run(show=True, steps=2)
    assert "held-out" not in capsys.readouterr().out
    run(show=False)
    assert capsys.readouterr().out == ""


CELL = """
import os, signal, torch
from torch.nn import functional as F
from course_lib.training import TrainingConfig, random_rows, train
x = torch.randn(50, 3)
def loss(model, batch):
    if os.environ.pop("PRESS", None): signal.raise_signal(signal.SIGINT)
    return F.mse_loss(model(batch[0]), batch[1])
def held_out(model): return loss(model, (x, x))
config = TrainingConfig(steps=40, learning_rate=0.01, evaluate_every=10)
history = train(torch.nn.Linear(3, 3), loss, random_rows(x, x, batch_size=5), config, evaluate=held_out)
"""


def test_a_notebook_keeps_one_picture_and_the_same_text():
    cells = [nbformat.v4.new_code_cell(code) for code in (CELL, "os.environ['PRESS'] = '1'\n" + CELL)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=120, kernel_name="python3", record_timing=False).execute()
    whole, stopped = (cell.outputs for cell in normalise(notebook).cells)
    assert [output.output_type for output in (*whole, *stopped)] == ["display_data"] * 2
    words = "learning curves: training and held-out loss (nats) over 40 steps"
    assert set(whole[0].data) == {"image/png", "text/plain"} and whole[0].data["text/plain"] == words
    said = "stopped after step 1 of 40: the model is half-trained, with that step's weights"
    assert stopped[0].data["text/plain"] == f"{words}, {said}" and stopped[0].data["image/png"]
    shown = stopped[0].data["text/html"]
    assert shown.startswith(f"<strong>S{said[1:]}.</strong>") and 'src="data:image/png;base64,' in shown
    assert "widget" not in json.dumps(notebook.metadata)


class Handle:
    def __init__(self):
        self.updates = []

    def update(self, bundle, raw):
        self.updates.append(bundle)


@pytest.fixture
def notebook(monkeypatch):
    handle = Handle()
    monkeypatch.setattr("IPython.display.display", lambda *args, **kwargs: handle)
    monkeypatch.setattr(display, "_in_notebook", lambda: True)
    return handle


def test_the_bar_moves_once_a_second_and_the_picture_is_drawn_more_seldom(notebook, monkeypatch):
    seconds, drawn = [0.0], []

    def draw(history):
        seconds[0] += 1.0 if not drawn else 0.2
        drawn.append(len(history.losses))
        return f"picture {len(drawn)}"

    monkeypatch.setattr(time, "monotonic", lambda: seconds[0])
    monkeypatch.setattr(display, "_png", draw)
    history = History()
    report = display.reporter(TrainingConfig(steps=500, learning_rate=0.1), history, True)
    for _ in range(300):
        seconds[0] += 0.125
        history.losses.append(1.0)
        report(history, False)
    # The first picture takes 1 s, at a share of 5% worth 20 s or 160 steps; the others 0.2 s, worth 4 s or 32 steps.
    assert drawn == [8, 168, 200, 232, 265, 297] and 30 <= len(notebook.updates) <= 39
    first = notebook.updates[0]["text/html"]
    assert first.startswith('<progress value="8" max="500"') and "step 8 of 500, about 62 s left" in first
    assert 'src="data:image/png;base64,picture 6"' in notebook.updates[-1]["text/html"]


def test_a_run_that_fails_leaves_its_picture(notebook):
    def fails(generator):
        fails.calls += 1
        if fails.calls == 5:
            raise MemoryError
        return torch.zeros(1, 5), torch.zeros(1, dtype=torch.long)

    fails.calls = 0
    with pytest.raises(MemoryError):
        run(batches=fails, show=True)
    assert notebook.updates[-1]["text/plain"].endswith("with that step's weights") and notebook.updates[-1]["image/png"]


def test_a_run_that_fails_in_its_first_step_says_so(notebook):
    with pytest.raises(ValueError, match="no parameter"):
        run(loss=lambda model, batch: torch.ones((), requires_grad=True) * 2, show=True)
    said = "topped before the end of its first step: the model has its initial weights"
    assert notebook.updates[-1] == {
        "text/plain": f"learning curves: training and held-out loss (nats) over 20 steps, s{said}",
        "text/html": f"<strong>S{said}.</strong>",
    }


def test_a_resumed_run_counts_its_own_steps_only(notebook, monkeypatch, tmp_path):
    seconds = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: seconds[0])
    monkeypatch.setattr(display, "_png", lambda history: "picture")
    history = History(losses=[1.0] * 400)
    report = display.reporter(TrainingConfig(steps=500, learning_rate=0.1), history, True)
    for _ in range(10):
        seconds[0] += 0.5
        history.losses.append(1.0)
        report(history, False)
    assert "step 410 of 500, about 45 s left" in notebook.updates[-1]["text/html"]
    finished = History(losses=[1.0] * 500)
    display.reporter(TrainingConfig(steps=500, learning_rate=0.1), finished, True)(finished, True)
    assert "Finished before, at step 500: read from its checkpoint, not trained." in notebook.updates[-1]["text/html"]


def test_a_resumed_runs_lines_are_those_of_an_uninterrupted_one(tmp_path, capsys):
    run(show=True, evaluate=on_all)
    whole = capsys.readouterr().out.splitlines()
    run(show=True, evaluate=on_all, batches=press_stop_at(9), checkpoint=tmp_path / "run")
    *first, last, sentence = capsys.readouterr().out.splitlines()
    run(show=True, evaluate=on_all, checkpoint=tmp_path / "run")
    assert first + capsys.readouterr().out.splitlines() == whole
    assert last.startswith("step 9 of 20 · training ")
    assert sentence == (
        "stopped after step 9 of 20: the model is half-trained, with that step's weights (those of step 6, the best so "
        "far, are in history.best_weights)"
    )


def test_a_history_without_steps_has_no_curves():
    with pytest.raises(ValueError, match="history must be what train returns, after at least one step"):
        learning_curves(History())


def test_learning_curves_show_means_of_training_and_every_evaluation():
    ax = learning_curves(History(losses=[1.0, 3.0] * 150, evaluations={100: 2.5, 300: 2.0}))
    training, held_out = ax.get_lines()
    assert len(training.get_xdata()) == 100 and training.get_ydata() == pytest.approx([5 / 3, 7 / 3] * 50)
    assert list(held_out.get_xdata()) == [100, 300] and list(held_out.get_ydata()) == [2.5, 2.0]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step", "loss (nats)")
    assert training.get_linestyle() != held_out.get_linestyle()
    plt.close(ax.figure)
