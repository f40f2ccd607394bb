"""Sampling from what the training command wrote: what it prints, in any console, and what it says where it cannot."""

import io
import os
import subprocess
import sys

import pytest
import torch
from helpers import enlarge
from torch import Generator

from course_lib import PROJECT
from course_lib.generation import GenerationConfig, generate, generate_text
from course_lib.gpt import build, preset
from course_lib.model_files import load_model, save_model
from course_lib.tokenizers import CharTokenizer
from course_lib.training.__main__ import main
from course_lib.training.sampling import SlidingDecoder

TOKENIZER = CharTokenizer(list("\n ROMEabcdé·—"))
SIZES = {"vocab_size": 13, "context_length": 7, "d_model": 12, "n_layers": 2, "n_heads": 2}


def model(name="tiny", **changes):
    torch.manual_seed(0)
    return build(preset(name, **SIZES | changes))


@pytest.fixture
def folder(tmp_path):
    about = {"step": 300, "steps": 1000, "finished": True}
    save_model(tmp_path / "model.safetensors", model(), TOKENIZER, about)
    return tmp_path


def sample(folder, *words):
    return main(["sample", "--out", str(folder), "--device", "cpu", *words])


def test_it_writes_the_prompt_and_what_the_model_adds(folder, capsys):
    assert sample(folder, "--prompt", "ROME", "--max-new-tokens", "3", "--seed", "5", "--top-k", "4") == 0
    net, tokenizer = load_model(folder / "model.safetensors")
    config = GenerationConfig(max_new_tokens=3, top_k=4)
    [expected] = generate_text(net, tokenizer, ["ROME"], config, Generator().manual_seed(5))
    assert capsys.readouterr() == (f"ROME{expected}\n", "") and len(expected) == 3
    assert sample(folder, "--prompt", "ROME", "--max-new-tokens", "40", "--temperature", "0", "--top-p", "0.9") == 0
    assert len(capsys.readouterr().out) == 4 + 40 + 1


def test_the_seed_decides(folder, capsys):
    texts = []
    for seed in ("1", "1", "2"):
        sample(folder, "--seed", seed, "--max-new-tokens", "30")
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1] != texts[2]


def test_an_unfinished_run_says_so_and_writes(folder, capsys):
    about = {"step": 300, "steps": 1000, "finished": False}
    save_model(folder / "model.safetensors", model(), TOKENIZER, about)
    assert sample(folder, "--prompt", "M", "--max-new-tokens", "9") == 0
    out, said = capsys.readouterr()
    assert said == "this run is unfinished: its best weights so far are those of step 300 of 1,000\n" and len(out) == 11


def test_what_cannot_be_sampled_is_answered_with_a_sentence(folder, tmp_path, capsys):
    def error(*words):
        assert sample(*words) == 1
        return capsys.readouterr().err

    nowhere = folder / "nowhere"
    assert error(nowhere) == f"error: there is no folder {nowhere}: name the --out of a training run\n"
    (folder / "new").mkdir()
    assert "new has no model.safetensors yet: a run writes it at its first evaluation" in error(folder / "new")
    said = error(folder, "--prompt", "ROMEO and x")
    assert said.startswith("error: the model's tokenizer does not know all of the prompt: 'n' is not among")
    assert said.count("\n") == 1
    assert "at least one token" in error(folder, "--prompt", "")
    save_model(folder / "model.safetensors", model(), None, {})
    assert "has no tokenizer: train with --tokenizer" in error(folder)
    (folder / "model.safetensors").write_bytes(b"ROMEO")
    assert "no safetensors file, or damaged" in error(folder)


@pytest.mark.parametrize(
    "flags, sentence",
    [
        ("--top-p 2", "top_p must be above 0 and at most 1, but it is 2.0"),
        ("--max-new-tokens 0", "max_new_tokens must be at least 1"),
        ("--device tpu", "device must be"),
        ("--temperatur 1", "unrecognized arguments"),
    ],
)
def test_a_wrong_flag_is_answered_with_a_sentence(folder, capsys, flags, sentence):
    with pytest.raises(SystemExit) as left:
        sample(folder, *flags.split())
    assert left.value.code == 2 and sentence in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "cp932"])
def test_any_console_gets_what_it_can_show(folder, encoding):
    words = ["-m", "course_lib.training", "sample", "--out", str(folder), "--prompt", "é·—", "--max-new-tokens", "50"]
    environment = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONPATH": str(PROJECT)}
    done = subprocess.run([sys.executable, *words], capture_output=True, env=environment)
    assert done.returncode == 0 and done.stderr == b""
    text = done.stdout.decode(encoding)
    assert text.startswith("é·—".encode(encoding, "replace").decode(encoding)) and len(text.splitlines()) > 1


def test_text_appears_as_it_is_written(folder, monkeypatch):
    seen = []

    class Console(io.StringIO):
        encoding = "utf-8"

        def flush(self):
            seen.append(len(self.getvalue()))

    monkeypatch.setattr(sys, "stdout", Console())
    assert sample(folder, "--prompt", "ROME", "--max-new-tokens", "5") == 0
    assert seen == [4, 5, 6, 7, 8, 9, 10]


def test_a_reader_who_leaves_ends_it_without_a_word(folder):
    words = ["-m", "course_lib.training", "sample", "--out", str(folder), "--max-new-tokens", "5000"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": os.environ | {"PYTHONPATH": str(PROJECT)}}
    with subprocess.Popen([sys.executable, *words], **pipes) as running:
        running.stdout.read(10)
        running.stdout.close()
        assert running.stderr.read() == b""
    assert running.returncode == 0


@pytest.mark.parametrize("name", ["tiny", "modern_tiny"])
def test_past_its_context_a_model_reads_the_last_half_afresh(name):
    net, config = enlarge(model(name)).eval(), GenerationConfig(temperature=0, max_new_tokens=20)
    prompt = [3, 1, 4, 1, 5]
    [written] = generate(SlidingDecoder(net), [prompt], config)
    text = prompt.copy()
    for first in range(20):
        read = text if first < 3 else text[-4 - (first - 3) % 4 :]
        with torch.no_grad():
            text.append(int(net(torch.tensor([read]))[0, -1].argmax()))
    assert written == text[5:]


def test_a_long_prompt_is_read_from_its_end_and_padded_ids_are_never_written():
    net = model(vocab_size=17).eval()
    torch.nn.init.zeros_(net.embedding.weight)  # all ids are equally likely
    config = GenerationConfig(max_new_tokens=200)
    [text] = generate_text(SlidingDecoder(net), TOKENIZER, [[1, 2, 3] * 10], config, Generator().manual_seed(0))
    assert {*text} == {*TOKENIZER.vocabulary} and len(text) == 200
