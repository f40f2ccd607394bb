"""The folder of a sharded run is there whole, old or new, whenever a write dies. With processes: see distributed."""

import os

import pytest
import safetensors.torch
import torch
from safetensors.torch import load_file

from course_lib.training import read_about, save_weights
from course_lib.training.checkpoints import DTYPES
from course_lib.training.shards import folder_written_whole, put_back


@pytest.mark.parametrize("dtype", list(DTYPES.values()))
def test_a_file_written_tensor_by_tensor_is_what_safetensors_writes(tmp_path, dtype):
    numbers = torch.arange(15).view(3, 5)
    tensors = {"b": numbers.to(dtype), "a": numbers.T.to(torch.float32), "scalar": numbers[1, 1].to(dtype)}
    tensors |= {"none": numbers[:0].to(dtype), "é": numbers[0].to(torch.bool)}
    save_weights(tmp_path / "weights", torch.nn.Module(), {"step": "é"}, weights=tensors)
    read = load_file(tmp_path / "weights")
    assert read.keys() == tensors.keys() and all(torch.equal(read[name], tensors[name]) for name in tensors)
    theirs = safetensors.torch.save({name: tensor.clone().contiguous() for name, tensor in tensors.items()})
    size = int.from_bytes(theirs[:8], "little")
    assert (tmp_path / "weights").read_bytes().endswith(theirs[8 + size :])  # but for the order in the header
    assert read_about(tmp_path / "weights") == {"step": "é"}


def write(path, text):
    with folder_written_whole(path) as folder:
        folder.mkdir()
        (folder / "new").write_text(text)


def contents(path):
    return {file.name: file.read_text() for file in path.iterdir()}


class Killed(BaseException):
    pass


def test_a_folder_takes_the_place_of_a_folder_or_a_file(tmp_path):
    path = tmp_path / "run"
    path.write_text("a run of one process")
    write(path, "1")
    assert contents(path) == {"new": "1"}
    write(path, "2")
    assert contents(path) == {"new": "2"} and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("renamed", [0, 1])
def test_a_write_that_is_killed_leaves_the_old_folder(tmp_path, monkeypatch, renamed):
    path, replace, done = tmp_path / "run", os.replace, []
    write(path, "1")

    def killed(*paths):
        if len(done) == renamed:
            raise Killed
        done.append(replace(*paths))

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(Killed):
        write(path, "2")
    monkeypatch.undo()
    assert path.exists() == (renamed == 0)
    (tmp_path / ".run.partial").mkdir()  # what SIGKILL leaves
    put_back(path)
    assert contents(path) == {"new": "1"}
    path.with_name(".run.old").mkdir()
    path.with_name(".run.old").joinpath("older").touch()
    write(path, "3")
    assert contents(path) == {"new": "3"} and list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_says_so_and_leaves_the_old_folder(tmp_path):
    path = tmp_path / "run"
    write(path, "1")
    sentence = r"run could not be written \(No space left\); if there was one before it, it is kept"
    with pytest.raises(OSError, match=sentence), folder_written_whole(path) as folder:
        folder.mkdir()
        raise OSError("No space left")
    put_back(path)
    assert contents(path) == {"new": "1"} and list(tmp_path.iterdir()) == [path]
