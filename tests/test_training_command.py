"""The command: it trains, goes on where it stopped, and answers bad input with a sentence; nothing is lost."""

import argparse
import io
import subprocess
import sys

import pytest
import torch
from helpers import TEXT, json_lines

from course_lib import PROJECT, data
from course_lib.gpt import GPT, ModernGPT, build, preset
from course_lib.losses import token_losses
from course_lib.model_files import load_model, read_about
from course_lib.tokenizers import BPETokenizer, CharTokenizer
from course_lib.training import command, windows, write_tokens
from course_lib.training.__main__ import main

FILES = {"run.json", "run.safetensors", "log.jsonl", "model.safetensors"}
SMALL = "--context-length 7 --d-model 12 --n-layers 2 --n-heads 2 --steps 6 --evaluate-every 3 --batch-size 4".split()


@pytest.fixture
def text(tmp_path):
    write_tokens(tmp_path / "text.tokens", [TEXT], vocab_size=11)
    return tmp_path / "text.tokens"


def run(folder, text, *flags):
    words = ["--out", str(folder / "out"), "--data", str(text), "--held-out", str(text), "--device", "cpu"]
    return main([*words, *SMALL, *flags])


def log(folder):
    lines = json_lines(folder / "out" / "log.jsonl")
    return [{name: value for name, value in line.items() if name != "tokens_per_second"} for line in lines]


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def test_it_leaves_checkpoint_log_and_weights_and_a_finished_run_stays(tmp_path, text, capsys):
    assert run(tmp_path, text, "--peak-flops", "1e12") == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("step 3 of 6") and "held-out" in printed[1]
    assert contents(tmp_path / "out").keys() == FILES
    lines = log(tmp_path)
    assert len(lines) == 6 and set(lines[0]) == {"step", "loss", "learning_rate", "gradient_norm", "mfu"}
    assert "held_out" in lines[5] and lines[5]["loss"] < lines[0]["loss"] < 2.6
    model, tokenizer = load_model(tmp_path / "out" / "model.safetensors")
    assert type(model) is GPT and model.config.vocab_size == 11 and tokenizer is None
    about = {"trained on": str(text), "step": 6, "steps": 6, "finished": True, "held-out loss": lines[5]["held_out"]}
    assert read_about(tmp_path / "out" / "model.safetensors") == about
    assert run(tmp_path, text, "--peak-flops", "1e12") == 0 and log(tmp_path) == lines
    assert main(["train", "--out", str(tmp_path / "out"), "--data", str(text), "--device", "cpu", *SMALL]) == 1
    assert "holds another run; here and there: held_out None and" in capsys.readouterr().err


def test_a_run_that_fails_goes_on_to_the_same_end(tmp_path, text, monkeypatch, capsys):
    assert run(tmp_path / "whole", text, "--optimiser", "muon", "--dropout", "0.2") == 0
    plain, calls = command.next_token_loss, []

    def nan(model, batch):
        calls.append(model.training)
        return plain(model, batch) * (float("nan") if sum(calls) == 5 else 1)

    monkeypatch.setattr(command, "next_token_loss", nan)
    assert run(tmp_path, text, "--optimiser", "muon", "--dropout", "0.2") == 1
    assert "error: training stopped at step 5: the loss is nan. The likely cause" in capsys.readouterr().err
    assert [line["step"] for line in log(tmp_path)] == [1, 2, 3, 4]
    about = read_about(tmp_path / "out" / "model.safetensors")
    assert (about["step"], about["steps"], about["finished"]) == (3, 6, False)
    assert run(tmp_path, text, "--optimiser", "muon", "--dropout", "0.2") == 0
    assert log(tmp_path) == log(tmp_path / "whole")


def test_evaluating_and_writing_the_model_leave_the_run_as_it_is(tmp_path, text):
    flags = ["--dropout", "0.2", "--evaluate-every", "2"]
    assert run(tmp_path, text, *flags) == 0
    words = ["--out", str(tmp_path / "plain" / "out"), "--data", str(text), "--device", "cpu", *SMALL, *flags]
    assert main(words) == 0
    assert [line["loss"] for line in log(tmp_path)] == [line["loss"] for line in log(tmp_path / "plain")]
    model, _ = load_model(tmp_path / "plain" / "out" / "model.safetensors")
    assert read_about(tmp_path / "plain" / "out" / "model.safetensors")["step"] == 6 and isinstance(model, GPT)


def test_another_run_in_the_same_folder_is_refused_but_another_machine_may_go_on(tmp_path, text, capsys):
    assert run(tmp_path, text) == 0
    before = contents(tmp_path / "out")
    assert run(tmp_path, text, "--batch-size", "8", "--d-model", "16") == 1
    said = capsys.readouterr().err
    assert "holds another run; here and there: batch_size 8 and 4, d_model 16 and 12. Name another --out" in said
    assert contents(tmp_path / "out") == before
    assert run(tmp_path, text, "--accumulate", "2") == 0


def test_a_file_is_known_by_its_contents(tmp_path, text, capsys):
    CharTokenizer(list("abcdefghijk")).save(tmp_path / "tokenizer.json")
    flags = ["--tokenizer", str(tmp_path / "tokenizer.json")]
    assert run(tmp_path, text, *flags) == 0
    moved = text.rename(tmp_path / "moved.tokens")
    assert run(tmp_path, moved, *flags) == 0
    write_tokens(moved, [TEXT.flip(0)], vocab_size=11)
    CharTokenizer(list("kjihgfedcba")).save(tmp_path / "tokenizer.json")
    before = contents(tmp_path / "out")
    assert run(tmp_path, moved, *flags) == 1
    said = capsys.readouterr().err
    for name in ("data", "held_out", "tokenizer"):
        assert f"{name} a file of " in said
    (tmp_path / "out" / "run.json").unlink()
    assert run(tmp_path, moved) == 1
    assert "run.safetensors holds a run on other data or another tokenizer" in capsys.readouterr().err
    assert {**contents(tmp_path / "out"), "run.json": None} == {**before, "run.json": None}


def test_more_steps_go_on_and_fewer_are_refused(tmp_path, text, capsys):
    flags = ["--schedule", "constant"]
    assert run(tmp_path, text, *flags) == 0 and run(tmp_path, text, *flags, "--steps", "9") == 0
    assert run(tmp_path / "whole", text, *flags, "--steps", "9") == 0
    assert log(tmp_path) == log(tmp_path / "whole")
    assert read_about(tmp_path / "out" / "model.safetensors")["steps"] == 9
    capsys.readouterr()
    assert run(tmp_path, text, *flags) == 1
    assert "another config; here and there: steps 6 and 9" in capsys.readouterr().err
    assert run(tmp_path, text, *flags, "--steps", "9") == 0
    assert capsys.readouterr().out == "finished before, at step 9: read from its checkpoint, not trained\n"


@pytest.mark.parametrize("processes", [1, 2, 3, 5, 40])
def test_the_held_out_loss_is_the_same_whatever_the_number_of_processes(monkeypatch, processes):
    """The mean over processes is that over windows, also if these are fewer; all compute equally many batches."""
    torch.manual_seed(0)
    model = build(preset("tiny", vocab_size=11, context_length=7, d_model=12, n_layers=1, n_heads=2)).eval()
    options = argparse.Namespace(held_out_tokens=200, batch_size=8, accumulate=1)
    inputs, targets = windows(TEXT[:201], 7)
    expected = token_losses(model, inputs, targets).mean().item()
    found, calls = [], []
    monkeypatch.setattr(command, "world_size", lambda: processes)
    for process in range(processes):
        monkeypatch.setattr(command, "rank", lambda process=process: process)
        forward = model.register_forward_pre_hook(lambda *_, process=process: calls.append(process))
        found.append(command._evaluation(TEXT, options, 7, torch.device("cpu"))(model))
        forward.remove()
    assert sum(found) / processes == pytest.approx(expected, rel=1e-6)
    assert len({calls.count(process) for process in range(processes)}) == 1


@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "cp932", "ascii"])
def test_no_console_stops_it(tmp_path, text, monkeypatch, encoding):
    printed = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(printed, encoding=encoding))
    assert run(tmp_path, text) == 0
    with pytest.raises(SystemExit):
        main(["--help"])
    CharTokenizer(list("abcdefghij\u2615")).save(tmp_path / "tokenizer.json")
    assert run(tmp_path / "more", text, "--tokenizer", str(tmp_path / "tokenizer.json")) == 0
    sample = ["sample", "--out", str(tmp_path / "more" / "out"), "--prompt", "ab\u2615", "--max-new-tokens", "3"]
    assert main([*sample, "--device", "cpu"]) == 0
    print("\u2615")  # after main, as a traceback or a warning would
    sys.stdout.flush()
    assert b"step 6 of 6" in printed.getvalue() and b"ab?" in printed.getvalue()


def test_a_checkpoint_of_another_shape_and_a_truncated_one_are_refused_and_kept(tmp_path, text, capsys):
    assert run(tmp_path, text) == 0
    checkpoint = tmp_path / "out" / "run.safetensors"
    (tmp_path / "out" / "run.json").unlink()
    assert run(tmp_path, text, "--d-model", "16") == 1
    assert "holds another model: for 'embedding.weight' expected (11, 16), but the file holds (11, 12)" in (
        capsys.readouterr().err
    )
    (tmp_path / "out" / "run.json").unlink()
    checkpoint.write_bytes(checkpoint.read_bytes()[:-100])
    cut = checkpoint.read_bytes()
    assert run(tmp_path, text) == 1
    assert "no safetensors file, or damaged" in capsys.readouterr().err and checkpoint.read_bytes() == cut


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files there")
def test_a_full_disk_is_named_and_the_checkpoint_before_is_kept(tmp_path, text):
    """The limit on a file's size stands for a full disk: writes fail in the same place."""
    limited = f"""
import resource, sys
from course_lib.training import __main__ as command, checkpoints
plain, written = checkpoints._write, []
def write(*arguments):
    if written:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, resource.RLIM_INFINITY))
    written.append(1)
    plain(*arguments)
checkpoints._write = write
sys.exit(command.main({["--out", str(tmp_path / "out"), "--data", str(text), "--device", "cpu", *SMALL]!r}))
"""
    done = subprocess.run([sys.executable, "-c", limited], capture_output=True, text=True, cwd=PROJECT)
    assert done.returncode == 1
    assert (
        "run.safetensors could not be written ([Errno 27] File too large); the one before it is still there, whole"
        in (done.stderr)
    )
    assert not list((tmp_path / "out").glob(".*")) and [line["step"] for line in log(tmp_path)] == [1, 2, 3, 4, 5, 6]
    assert main(["--out", str(tmp_path / "out"), "--data", str(text), "--device", "cpu", *SMALL]) == 0
    assert len(log(tmp_path)) == 6


@pytest.mark.parametrize(
    "flags, sentence",
    [
        ("--preset gpt9", "preset must be one of tiny, small, gpt2"),
        ("--preset tiny --d-ff 7", "the preset 'tiny' has no d_ff"),
        ("--step 5", "unrecognized arguments: --step 5"),
        ("--steps 0", "steps must be at least 1, but it is 0"),
        ("--steps five", "argument --steps: invalid int value: 'five'"),
        ("--schedule linear", "schedule must be one of cosine, constant, trapezoid, but it is 'linear'"),
        ("--schedule trapezoid", "decay_steps must be from 1 to 6"),
        ("--batch-size 0", "batch_size must be at least 1, but it is 0"),
        ("--held-out-tokens 0", "held_out_tokens must be at least 1"),
        ("--peak-flops -1", "peak_flops must be above 0 and finite, but it is -1.0"),
        ("--peak-flops nan", "peak_flops must be a number, but it is nan"),
        ("--compile always", "invalid choice: 'always' (choose from 'auto')"),
        ("--precision fp8", "precision must be one of float32, bfloat16, but it is 'fp8'"),
        ("--accumulate 0", "accumulate must be at least 1"),
        ("--parallel pipeline", "parallel must be one of replicate, shard"),
        ("--optimiser sgd", "argument --optimiser: invalid choice: 'sgd'"),
        ("--n-heads 5", "n_heads must divide d_model, but they are 5 and 12"),
        ("--device tpu", "device must be"),
        ("--vocab-size 0", "vocab_size must be at least 1"),
        ("--context-length -3", "context_length must be at least 1, but it is -3"),
        ("--d-model -12", "d_model must be at least 1, but it is -12"),
        ("--out FILE", "out must be a folder, but it is"),
    ],
)
def test_a_wrong_flag_is_answered_with_a_sentence_and_writes_nothing(tmp_path, text, capsys, flags, sentence):
    with pytest.raises(SystemExit) as left:
        run(tmp_path, text, *flags.replace("FILE", str(text)).split())
    assert left.value.code == 2 and sentence in capsys.readouterr().err and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "flags, sentence",
    [
        ("--data nowhere.tokens", "there is no token file nowhere.tokens"),
        ("--held-out nowhere.tokens", "there is no token file nowhere.tokens"),
        ("--vocab-size 10", "has ids up to 10, but the model's vocab_size is 10"),
        ("--data .", "the path must name a token file, not a folder"),
        ("--data EMPTY", "is no token file: expected what write_tokens writes"),
        ("--held-out EMPTY", "is no token file"),
        ("--out EMPTY/out", "out/run.json could not be written ([Errno 20] Not a directory"),
        ("--data characters", "held_out and tokenizer are for a token file, and --data characters brings its own"),
        ("--held-out-tokens 6", "a window of 7 tokens and its targets do not fit into 7 tokens"),
        ("--context-length 400", "a window of 400 tokens and its targets do not fit into 400 tokens"),
        ("--accumulate 3", "a batch of 4 rows cannot be cut into 1 (processes) x 3 (accumulate) parts of one size"),
    ],
)
def test_what_cannot_be_trained_is_answered_with_a_sentence(tmp_path, text, capsys, flags, sentence):
    (tmp_path / "empty").touch()
    assert run(tmp_path, text, *flags.replace("EMPTY", str(tmp_path / "empty")).split()) == 1
    assert "error: " in (said := capsys.readouterr().err) and sentence in said
    assert run(tmp_path, text) == 0  # a folder does not remember flags that failed


def test_damaged_token_files_are_named(tmp_path, text, capsys):
    whole = text.read_bytes()
    text.write_bytes(whole[:-1])
    assert run(tmp_path, text) == 1 and "should have 1,056 bytes, but has 1,055" in capsys.readouterr().err
    text.write_bytes(whole[:256] + b"\x0b\x00" * 400)
    assert run(tmp_path, text) == 1 and "ids must be from 0 to 10 (vocab_size)" in capsys.readouterr().err


@pytest.mark.parametrize("name, kind", [("characters", CharTokenizer), ("bpe", BPETokenizer)])
def test_shakespeare_by_characters_and_by_bpe(tmp_path, monkeypatch, name, kind):
    shakespeare = data.shakespeare("validation")
    monkeypatch.setattr(
        data, "shakespeare", lambda split: shakespeare[:20_000] if split == "train" else shakespeare[:5000]
    )
    flags = ["--out", str(tmp_path / "out"), "--data", name, "--device", "cpu", *SMALL, "--preset", "modern_tiny"]
    flags += ["--n-kv-heads", "1", "--vocab-size", "300"]
    assert main(flags) == 0
    model, tokenizer = load_model(tmp_path / "out" / "model.safetensors")
    assert type(tokenizer) is kind and type(model) is ModernGPT and model.config.vocab_size == tokenizer.vocab_size
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
    assert main(flags) == 0


def test_a_tokenizer_of_ones_own_is_kept_with_the_model(tmp_path, text, capsys):
    tokenizer = CharTokenizer(list("abcdefghijk"))
    tokenizer.save(tmp_path / "tokenizer.json")
    assert run(tmp_path, text, "--tokenizer", str(tmp_path / "tokenizer.json")) == 0
    _, kept = load_model(tmp_path / "out" / "model.safetensors")
    assert kept.vocabulary == tokenizer.vocabulary
    CharTokenizer(list("abc")).save(tmp_path / "small.json")
    for file, sentence in {
        "small.json": "text.tokens, 11, but it is 3",
        "text.tokens": "is no tokenizer: expected what its save writes",
        "nowhere.json": "there is no tokenizer",
        ".": "must name a tokenizer, not a folder",
    }.items():
        assert run(tmp_path / "other", text, "--tokenizer", str(tmp_path / file)) == 1
        assert sentence in capsys.readouterr().err


def test_held_out_ids_that_the_model_does_not_know_are_named_before_the_first_step(tmp_path, text, capsys):
    write_tokens(tmp_path / "more.tokens", [TEXT + 1], vocab_size=12)
    for flags in [], ["--vocab-size", "11"], ["--vocab-size", "12"]:
        assert run(tmp_path, text, "--held-out", str(tmp_path / "more.tokens"), *flags) == 1
        said = capsys.readouterr().err
        assert "more.tokens must be that of" in said and "text.tokens, 11, but it is 12" in said
    assert not (tmp_path / "out").exists()
