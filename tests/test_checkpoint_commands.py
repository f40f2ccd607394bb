"""The commands that made data/checkpoints: what was stopped is not stored, and goes on when it is called again."""

import pytest

from course_lib.training import History
from experiments import shared
from experiments.checkpoints import folio_transformer, shakespeare_gpt


@pytest.mark.parametrize(
    "command, file, data",
    [
        (folio_transformer, "CHECKPOINT", ("pairs", "pair_batches")),
        (shakespeare_gpt, "SHAKESPEARE_GPT", ("ids", "random_windows")),
    ],
)
def test_a_run_that_was_stopped_leaves_the_checkpoint_and_the_run(monkeypatch, tmp_path, command, file, data):
    path, run = tmp_path / "model.safetensors", tmp_path / "model.run"
    path.write_bytes(b"the old one")
    monkeypatch.setattr(command, file, path)
    for name in data:
        monkeypatch.setattr(command, name, lambda *arguments, **named: None)

    def stopped(*arguments, checkpoint, **named):
        checkpoint.write_bytes(b"half a run")
        return History(losses=[1.0], stopped=True)

    monkeypatch.setattr(shared, "train", stopped)
    with pytest.raises(KeyboardInterrupt):
        command.make()
    assert path.read_bytes() == b"the old one" and run.read_bytes() == b"half a run"
