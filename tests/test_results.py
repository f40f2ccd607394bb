"""Stored results are whole, say how they came about, and a cheap row of each is made again."""

import ast
import contextlib
import importlib
import json
import math
import os
import re
import resource
import signal
import subprocess
import sys
import types

import pytest
import torch

from classroom.notebooks import find, read
from course_lib import PROJECT, files
from course_lib.training import History
from experiments import __main__ as command
from experiments import partial, shared, skipgram, tables
from experiments.shared import judgements
from experiments.tables import (
    abilities,
    activations,
    anything,
    beyond_length,
    bigram_descent,
    bits_per_weight,
    bm25_settings,
    boolq,
    cascades,
    count_vectors,
    dialogue,
    dialogue_tuned,
    directions_choices,
    discounts,
    distillation,
    dpo_choices,
    emoji_changes,
    emoji_names,
    emoji_views,
    equal_compute,
    evaluation,
    fine_tuning,
    first_steps,
    forget_bias,
    gates_on_text,
    gpt_shakespeare,
    gpu_run,
    input_drift,
    instruction_tuning,
    inventions,
    leaked_questions,
    list_capacity,
    little_text,
    looking_inside,
    lora_or_all,
    masked_language_model,
    memorisation,
    memory,
    memory_budget,
    mixture_of_experts,
    model_field,
    moved_digits,
    network_budget,
    neural_language_model,
    ngrams,
    overfitting,
    passage_answers,
    planted_passages,
    preferred_lines,
    pruning,
    quantisation,
    recognisers,
    recurrent_budget,
    recurrent_models,
    retrieval,
    same_context,
    scaling_forecast,
    scaling_laws,
    scaling_run,
    scaling_sums,
    scaling_texts,
    semantic_roles,
    serving_load,
    shown_digits,
    sorting_rewards,
    speed_run,
    speller,
    spoken_digits,
    spoken_settings,
    stereotypes,
    story_answers,
    swapped_names,
    token_prices,
    transformer_ablations,
    translation,
    watermark_settings,
    width_choices,
    width_rates,
    word_alignment,
    word_rules,
)

NEEDS_GPU = {"gpu_run"}  # stored only once somebody has had a GPU
PERCENT = {"BLEU", "chrF", "exact match"}  # the other scores run from 0 to about 1
CHEAP = {
    "abilities": (
        lambda: abilities.row("reviews", "naive Bayes, all"),
        ["task", "form"],
        ["accuracy"],
    ),
    "beyond_length": (
        lambda: beyond_length.row("learned"),
        ["kind", "window", "d_model", "steps", "seed"],
        ["3 to 15", "16 to 31", "32 to 63"],
    ),
    "boolq": (
        lambda: boolq.row("TF-IDF", 1_000),
        ["system", "labelled"],
        ["accuracy"],
    ),
    "activations": (
        lambda: activations.row("tanh", 1, 0.01, 0),
        ["activation", "depth", "rate", "seed"],
        ["test"],
    ),
    "bigram_descent": (
        lambda: bigram_descent.row(10.0, 0.5, "zeros"),
        ["rate", "momentum", "start"],
        ["gap"],
    ),
    "discounts": (lambda: discounts.row(4, 0.7), ["order", "discount"], ["bits"]),
    "distillation": (
        lambda: distillation.baseline(),
        ["lesson", "tokens", "seed"],
        ["loss"],
    ),
    "anything": (
        lambda: anything.row("pixels", "one byte by position"),
        ["field", "system", "seed"],
        ["validation"],
    ),
    "bits_per_weight": (
        lambda: bits_per_weight.row("shakespeare_gpt", bits=[4] * 4, block=None, zero_point=False, split="validation"),
        ["model", "split", "bits", "block", "zero_point"],
        ["loss", "rise"],
    ),
    "bm25_settings": (
        lambda: bm25_settings.row(**bm25_settings.CHOICE),
        [*bm25_settings.CHOICE, "split"],
        ["MRR"],
    ),
    "cascades": (
        lambda: cascades.row(**cascades.USUAL),
        ["first", "second", "width"],
        ["accuracy"],
    ),
    "count_vectors": (
        lambda: count_vectors.row(window=2),
        [*count_vectors.USUAL],
        ["wordsim353", "wordsim353, gain", "simlex999"],
    ),
    "dpo_choices": (
        lambda: dpo_choices.row(0.1, 3e-4, 0),
        [*dpo_choices.CHOICE],
        ["win rate"],
    ),
    "emoji_changes": (
        lambda: emoji_changes.row(0, "random", tower="nearest names"),
        [*emoji_changes.CHOICE, "seed", "split_by", "skin_tones"],
        ["recall at 10"],
    ),
    "emoji_names": (
        lambda: emoji_names.row(**emoji_names.CHOICE | {"tower": "nearest names"}, seed=0),
        [*emoji_names.CHOICE, "seed", "shuffled", "split_by", "skin_tones", "split"],
        ["recall at 10"],
    ),
    "emoji_views": (
        lambda: emoji_views.row("nearest names", 0, "validation"),
        ["system", "seed", "split", "shuffled"],
        ["recall at 1", "recall at 10"],
    ),
    "equal_compute": (
        lambda: equal_compute.row(**equal_compute.CHOICE | {"d_model": 160}, seed=0),
        [*equal_compute.CHOICE, "seed"],
        ["bits"],
    ),
    "evaluation": (
        lambda: evaluation.row("choice", "openbook_qa", "longest answer"),
        ["part", "setting"],
        ["score"],
    ),
    "fine_tuning": (
        lambda: fine_tuning.row("TF-IDF, words and pairs", 1_000, 1),
        ["system", "labelled", "seed"],
        ["accuracy"],
    ),
    "first_steps": (
        lambda: first_steps.row(**first_steps.CHOICE | {"positions": "sinusoidal"}, seed=0),
        [*first_steps.CHOICE, "seed"],
        ["loss"],
    ),
    "gates_on_text": (
        lambda: gates_on_text.row("LSTM", 800, 0.032, 0),
        ["kind", "steps", "learning_rate", "seed"],
        ["validation"],
    ),
    "gpt_shakespeare": (
        lambda: gpt_shakespeare.row("GPT, characters", 400, 0.008, 0),
        ["system", "steps", "seed"],
        ["validation"],
    ),
    "little_text": (
        lambda: little_text.row(0, **little_text.CHOICE | {"steps": 250}),
        ["read", "seed", *little_text.CHOICE],
        ["bits"],
    ),
    "looking_inside": (
        lambda: looking_inside.row("steering", 24, 1.0),
        ["part", "setting"],
        ["value"],
    ),
    "input_drift": (
        lambda: input_drift.row("letters", 30, "1623 spelling"),
        ["statistic", "requests", "stream"],
        ["alarms"],
    ),
    "leaked_questions": (
        lambda: leaked_questions.row(**leaked_questions.USUAL),
        ["part", "lowest", "reference"],
        ["AUC"],
    ),
    "masked_language_model": (
        lambda: masked_language_model.counted("left bigram", "validation"),
        ["system", "split"],
        ["accuracy", "nats"],
    ),
    "memorisation": (
        lambda: memorisation.row("untrained", 0),
        ["part", "setting", "copies"],
        ["exposure", "extracted"],
    ),
    "memory": (
        lambda: memory.row("RNN", 10, 0.03, 0),
        ["system", "longest_gap", "learning_rate", "seed"],
        ["accuracy"],
    ),
    "mixture_of_experts": (
        lambda: mixture_of_experts.row("dense", 40_960, 0.01, 0),
        ["system", "characters", "learning_rate", "seed"],
        ["loss"],
    ),
    "model_field": (
        lambda: model_field.row("two bigram models", 1),
        ["system", "seed"],
        ["accuracy"],
    ),
    "memory_budget": (
        lambda: memory_budget.row(0, **memory_budget.CHOICE | {"longest_gap": 10, "learning_rate": 0.01}),
        [*memory_budget.CHOICE, "seed"],
        ["accuracy"],
    ),
    "network_budget": (
        lambda: network_budget.row(0, **network_budget.CHOICE | {"batch_size": 64}),
        [*network_budget.CHOICE, "seed"],
        ["bits"],
    ),
    "moved_digits": (
        lambda: moved_digits.row("logistic regression", 0, test=True),
        ["tower", "seed"],
        ["validation", "test"],
    ),
    "neural_language_model": (
        lambda: neural_language_model.row(1, 256, 6_000, 0),
        ["context_length", "d_hidden", "steps", "seed"],
        ["validation"],
    ),
    "ngrams": (
        lambda: ngrams.row(3, "Kneser-Ney"),
        ["order", "smoothing", "weight"],
        ["train", "validation"],
    ),
    "overfitting": (
        lambda: overfitting.row("width", 0),
        ["treatment", "strength", "learning_rate"],
        ["loss", "accuracy"],
    ),
    "story_answers": (
        lambda: story_answers.row("best sentence"),
        ["system"],
        ["exact, second person"],
    ),
    "passage_answers": (
        lambda: passage_answers.row("best sentence", "rule"),
        ["condition", "form", "split", "answerable", "leave"],
        ["f1", "contains"],
    ),
    "dialogue": (
        lambda: dialogue.row("BM25", "chitchat", 3, "words"),
        ["part", "system", "text", "earlier", "score"],
        ["first"],
    ),
    "dialogue_tuned": (
        lambda: dialogue_tuned.row("BM25", "words"),
        ["part", "system", "score"],
        ["first"],
    ),
    "directions_choices": (
        lambda: directions_choices.row(8, 1e-2, 0),
        [*directions_choices.CHOICE],
        ["obeyed", "forgotten"],
    ),
    "instruction_tuning": (
        lambda: instruction_tuning.row("untouched", 0, 0),
        ["part", "system", "rate", "seed"],
        ["bits", "plays"],
    ),
    "inventions": (
        lambda: inventions.row("names", False, "last"),
        ["task", "answerable", "leave"],
        ["right", "refused"],
    ),
    "speller": (
        lambda: speller.row("copying"),
        ["part", "system"],
        ["exact"],
    ),
    "lora_or_all": (
        lambda: lora_or_all.before(),
        ["part", "system"],
        [*lora_or_all.TEXTS],
    ),
    "preferred_lines": (
        lambda: preferred_lines.row("best of 2", None, 0),
        ["system", "beta", "seed"],
        ["win rate", "tokens"],
    ),
    "planted_passages": (
        lambda: planted_passages.row("mention", "text"),
        ["kind", "read_as", "warned"],
        ["planted word"],
    ),
    "pruning": (
        lambda: pruning.row(0.4, "magnitude", False, 0),
        ["share", "rule", "retrained", "seed", "split"],
        ["loss", "rise"],
    ),
    "quantisation": (
        lambda: quantisation.row(**quantisation.CHOICE),
        ["block", "bits", "minimum", "clips"],
        ["error"],
    ),
    "recognisers": (
        lambda: recognisers.row("writes nothing", "read", 0),
        ["system", "speech", "seed"],
        ["WER"],
    ),
    "recurrent_models": (
        lambda: recurrent_models.row("MLP", 1160, 1_860, 0.004, 0),
        ["system", "steps", "seed"],
        ["validation"],
    ),
    "forget_bias": (
        lambda: forget_bias.row(3.0, 0.064, 0),
        ["bias", "learning_rate", "seed"],
        ["accuracy"],
    ),
    "list_capacity": (
        lambda: list_capacity.row(8, 200, 0.032, 1),
        ["width", "steps", "learning_rate", "seed"],
        ["error"],
    ),
    "recurrent_budget": (
        lambda: recurrent_budget.row(0, **recurrent_budget.CHOICE | {"kind": "LSTM"}),
        [*recurrent_budget.CHOICE, "seed"],
        ["bits"],
    ),
    "retrieval": (
        lambda: retrieval.row("boolq", "BM25"),
        ["part", "system", "setting"],
        ["recall at 1", "recall at 5", "MRR"],
    ),
    "same_context": (
        lambda: same_context.row(same_context.STEPS // same_context.SHORT, same_context.RATES[0], 0),
        ["system", "steps", "learning_rate", "seed"],
        ["validation", "carried"],
    ),
    "scaling_forecast": (
        lambda: scaling_forecast.row("published exponents"),
        ["forecaster", "parameters", "characters", "learning rate"],
        ["loss"],
    ),
    "scaling_laws": (
        lambda: scaling_laws.row(16, 150_000, 0.02, 0),
        ["d_model", "parameters", "characters", "learning rate", "seed"],
        ["loss"],
    ),
    "scaling_run": (
        lambda: scaling_run.row(scaling_run.SHORT),
        ["d_model", "parameters", "characters", "learning rate", "seed"],
        ["loss"],
    ),
    "scaling_sums": (
        lambda: scaling_sums.row(8, 60, 0),
        ["d_model", "parameters", "steps", "seed"],
        ["exact"],
    ),
    "scaling_texts": (
        lambda: scaling_texts.row("text", "reviews", 16, 40_960, 0),
        ["part", "setting", "d_model", "characters", "of", "seed"],
        ["loss"],
    ),
    "semantic_roles": (
        lambda: semantic_roles.row("rules", 0),
        ["system", "seed"],
        ["held-out verbs", "people"],
    ),
    "sorting_rewards": (
        sorting_rewards.copied,
        ["system", "seed"],
        ["exact", "pass@8"],
    ),
    "serving_load": (
        lambda: serving_load.row(2.0, 0, **serving_load.CHOICE),
        ["rate", *serving_load.CHOICE, "seed"],
        ["in time"],
    ),
    "shown_digits": (
        lambda: shown_digits.row("none", "own pictures", 0),
        ["gpt", "trained_on", "seed"],
        ["accuracy"],
    ),
    "speed_run": (
        lambda: speed_run.row("none", [], 40),
        ["change", "before", "budget", "split"],
        ["loss"],
    ),
    "spoken_digits": (
        lambda: spoken_digits.row("mean picture", 8, "all", "true", 0),
        ["system", "voices", "pitch", "labels", "seed"],
        ["accuracy"],
    ),
    "stereotypes": (
        lambda: stereotypes.row("crows_pairs", "word frequency"),
        ["set", "system"],
        ["first preferred"],
    ),
    "swapped_names": (
        lambda: swapped_names.row("TF-IDF"),
        ["system"],
        ["accuracy", "turned"],
    ),
    "spoken_settings": (
        lambda: spoken_settings.row(**spoken_settings.CHOICE, seed=0),
        [*spoken_settings.CHOICE, "seed"],
        ["error"],
    ),
    "transformer_ablations": (
        lambda: transformer_ablations.row("none", 0, 100),
        ["change", "seed", "steps"],
        ["BLEU", "chrF"],
    ),
    "translation": (
        translation.copied,
        ["system"],
        ["BLEU", "chrF", "exact match"],
    ),
    "watermark_settings": (
        lambda: watermark_settings.row(**watermark_settings.CHOICE),
        ["share", "strength"],
        ["found", "bits"],
    ),
    "width_choices": (
        lambda: width_choices.row(**width_choices.CHOICE),
        [*width_choices.CHOICE],
        ["loss"],
    ),
    "width_rates": (
        lambda: width_rates.row("standard", width_rates.WIDTHS[0], 0.02, 0, characters=40_960),
        ["part", "d_model", "batch", "characters", "learning_rate", "seed"],
        ["loss"],
    ),
    "word_alignment": (
        lambda: word_alignment.row("diagonal prior"),
        ["system", "seed"],
        ["AER", "validation", "BLEU", "chrF"],
    ),
    "token_prices": (
        lambda: token_prices.row(1, 0, 0),
        ["shares"],
        [*token_prices.LANGUAGES, "dearest"],
    ),
    "word_rules": (
        lambda: word_rules.row("a full stop at the end", **word_rules.CHOICES["a full stop at the end"]),
        ["rules"],
        ["BLEU"],
    ),
}


def test_every_result_is_stored_and_every_stored_one_can_be_made():
    stored = {path.stem for path in files.RESULTS.glob("*.json")}
    assert set(tables.names()) - NEEDS_GPU == stored - NEEDS_GPU == set(CHEAP)


@pytest.mark.parametrize("name", CHEAP)
def test_results_say_how_they_came_about(name):
    stored = files.load_results(name)
    assert stored["name"] == name and stored["command"] == f"python3 course.py results {name}"
    assert {"date", "seconds", "machine", "versions"} < stored.keys()
    assert stored["rows"] and all(row.keys() == stored["rows"][0].keys() for row in stored["rows"])


@pytest.mark.slow
@pytest.mark.parametrize("name", CHEAP)
def test_a_cheap_row_made_again_lies_in_its_interval(name):
    make, settings, scores = CHEAP[name]
    again = make()
    [stored] = [row for row in files.load_results(name)["rows"] if all(row[s] == again[s] for s in settings)]
    for score in scores:
        value, low, high = stored[score]
        assert low <= again[score][0] <= high
        assert again[score][0] == pytest.approx(value, abs=2 if score in PERCENT else 0.02)


@pytest.mark.slow
def test_the_field_of_skipgram_is_what_its_usual_choice_reaches():
    assert skipgram.share(skipgram.CHOICE) == pytest.approx(skipgram.FIELD["the usual choice"], abs=0.01)
    assert len(skipgram.FIELD) == len(skipgram.CHANGES)


TINY_GPU_RUN = {"context_length": 16, "d_model": 24, "n_layers": 2, "n_heads": 3, "batch_size": 5}


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_gpu_run_of_tiny_size_on_the_cpu(precision):
    row = gpu_run.row(precision, compiled=False, steps=30, held_out=4500, **TINY_GPU_RUN)
    assert row["nats per character"] == pytest.approx(row["bits per character"][0] * math.log(2), abs=1e-3)
    assert 2 < row["nats per character"] < math.log(80) and row["tokens per second"] > 0
    assert (row["precision"], row["steps"], row["parameters"]) == (precision, 30, 16_800)
    assert (row["memory, GB"], row["MFU"], row["GPU"]) == (None, None, "none") or torch.cuda.is_available()
    assert row["versions"]["torch"] == torch.__version__


def test_the_rows_of_a_gpu_run_differ_in_how_it_is_computed_alone(monkeypatch):
    monkeypatch.setattr(gpu_run, "row", lambda *way: {"way": way})
    assert [row["way"] for row in gpu_run.rows()] == [("float32", False), ("bfloat16", False), ("bfloat16", True)]


def test_a_gpu_run_has_the_sizes_of_the_notebooks_gpu_scale():
    [cell] = [cell.source for cell in read(find("gpt")).cells if 'if scale == "gpu":' in cell.source]
    [at_scale] = [node for node in ast.parse(cell).body if isinstance(node, ast.If)]
    sizes, others = (ast.literal_eval(node.value) for node in at_scale.body)
    assert sizes == gpu_run.SIZES
    assert others == (gpu_run.STEPS, gpu_run.LEARNING_RATE, gpu_run.BATCH_SIZE)


def test_the_peak_of_a_gpu_is_found_by_its_name():
    names = ["NVIDIA H100 80GB HBM3", "NVIDIA H100 PCIe", "NVIDIA L40S", "NVIDIA L4", "NVIDIA A100-SXM4-80GB", "none"]
    assert [gpu_run.peak_flops(name) for name in names] == [989e12, 756e12, 362e12, 121e12, 312e12, None]


def test_a_table_that_needs_a_gpu_says_so_and_changes_nothing(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(files, "RESULTS", tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert command.main(["gpu_run"]) == 1
    assert re.fullmatch(r"gpu_run needs an NVIDIA GPU .+; nothing was changed\n", capsys.readouterr().err)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_test_pairs_are_not_those_that_the_setting_was_chosen_on():
    numbers = {word: number for number, word in enumerate(count_vectors.corpus()[0])}
    parts = {part: judgements("wordsim353", numbers, part)[0].tolist() for part in ("development", "test")}
    pairs = {part: set(map(frozenset, rows)) for part, rows in parts.items()}
    assert not pairs["development"] & pairs["test"]
    assert all(len(pairs[part]) == len(rows) for part, rows in parts.items())
    assert (len(pairs["development"]), len(pairs["test"])) == (71, 142)


@pytest.mark.parametrize("name", ["gpt_shakespeare", "ngrams", "neural_language_model", "recurrent_models"])
def test_only_what_is_best_on_the_validation_plays_is_scored_on_the_test_plays(name):
    rows = files.load_results(name)["rows"]
    [tested] = [row for row in rows if row["test"]]
    assert tested == min(rows, key=lambda row: row["validation"][0])


def test_a_training_that_was_stopped_is_no_result(monkeypatch):
    history = History(losses=[1.0])
    monkeypatch.setattr(shared, "train", lambda *arguments, **named: history)
    assert shared.train_whole() is history
    history.stopped = True
    with pytest.raises(KeyboardInterrupt):
        shared.train_whole()


def test_unknown_names_are_answered(capsys):
    with pytest.raises(FileNotFoundError, match="results nothing` makes it"):
        files.load_results("nothing")
    assert command.main(["nothing"]) == 2
    assert f"no results are called 'nothing'; there are {tables.names()[0]}, " in capsys.readouterr().err
    assert command.main([]) == 0
    assert capsys.readouterr().out.split() == tables.names()


def test_make_stores_the_file_whole(monkeypatch, tmp_path):
    monkeypatch.setattr(files, "RESULTS", tmp_path / "new")
    monkeypatch.setattr(count_vectors, "rows", lambda: iter([{"score": [0.5, 0.4, 0.6]}]))
    file = tables.make("count_vectors")
    assert files.load_results("count_vectors")["rows"] == [{"score": [0.5, 0.4, 0.6]}]
    assert list(file.parent.iterdir()) == [file]
    assert json.loads(file.read_text(encoding="utf-8"))["versions"].keys() == {"torch", "numpy", "scipy", "gensim"}


def test_a_failing_experiment_leaves_the_old_file(monkeypatch, tmp_path):
    monkeypatch.setattr(files, "RESULTS", tmp_path)
    (tmp_path / "count_vectors.json").write_text("old", encoding="utf-8")

    def rows():
        yield {}
        raise KeyboardInterrupt

    monkeypatch.setattr(count_vectors, "rows", rows)
    with pytest.raises(KeyboardInterrupt):
        tables.make("count_vectors")
    assert (tmp_path / "count_vectors.json").read_text(encoding="utf-8") == "old"


TINY = """
import os, signal
CALLS = os.environ["TINY_CALLS"]
PARTS = ("row", "best")


def row(number, text="x"):
    with open(CALLS, "a") as file:
        file.write(f"row {number}\\n")
    if str(number) == os.environ.get("TINY_WAIT"):
        read, write = os.pipe()
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write)  # a signal that comes before the read is not lost, as it would be before a pause
        print("waiting", flush=True)
        os.read(read, 1)
    return {"number": number, "score": [number / 3, 0.0, 1.0], "text": text * 200, "best": None}


def best(numbers):
    with open(CALLS, "a") as file:
        file.write("best\\n")
    return max(numbers)


def rows():
    made = [row(number) for number in range(4)]
    made[0]["best"] = best([one["number"] for one in made])
    yield from made
"""
COMMAND = """
import sys
from pathlib import Path
from course_lib import files
from experiments import __main__, tables
files.RESULTS = Path(sys.argv[1])
tables.__path__.append(sys.argv[1])
sys.exit(__main__.main(["tiny"]))
"""
OLD = '{"rows": "the old ones"}'


class Tiny:
    """A table of four rows in a folder of its own, made by a process that can be interrupted for real."""

    def __init__(self, folder):
        self.folder, self.calls = folder, folder / "calls"
        (folder / "tiny.py").write_text(TINY, encoding="utf-8")
        self.file, self.partial = folder / "tiny.json", folder / "tiny.partial"
        self.file.write_text(OLD, encoding="utf-8")

    def start(self, wait=None, limit=None):
        self.calls.write_text("", encoding="utf-8")
        named = {"TINY_CALLS": str(self.calls), "TINY_WAIT": str(wait), "PYTHONDONTWRITEBYTECODE": "1"}
        small = (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))) if limit else None
        command = [sys.executable, "-c", COMMAND, str(self.folder)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "encoding": "utf-8"}
        return subprocess.Popen(command, env=os.environ | named, cwd=PROJECT, preexec_fn=small, **pipes)

    def finish(self, **how):
        """Exit code, standard error, and what was computed."""
        child = self.start(**how)
        _, errors = child.communicate(timeout=120)
        return child.returncode, errors, self.calls.read_text(encoding="utf-8").splitlines()

    def stop_in(self, number, signal_number):
        child = self.start(wait=number)
        assert child.stdout.readline() == "waiting\n"
        child.send_signal(signal_number)
        _, errors = child.communicate(timeout=120)
        return child.returncode, errors


def whole(file):
    rows = json.loads(file.read_text(encoding="utf-8"))["rows"]
    return [row["number"] for row in rows] == [0, 1, 2, 3] and rows[0]["best"] == 3 and rows[1]["score"][0] == 1 / 3


@pytest.fixture
def tiny(tmp_path):
    return Tiny(tmp_path)


@pytest.mark.slow
def test_ctrl_c_keeps_the_rows_and_the_same_command_goes_on_to_the_same_table(tiny):
    code, errors = tiny.stop_in(2, signal.SIGINT)
    assert code == 130 and "Traceback" not in errors and "the same command goes on" in errors
    assert tiny.file.read_text(encoding="utf-8") == OLD
    assert tiny.finish()[::2] == (0, ["row 2", "row 3", "best"])
    assert whole(tiny.file) and not tiny.partial.exists()
    stopped = json.loads(tiny.file.read_text(encoding="utf-8"))
    assert tiny.finish()[::2] == (0, ["row 0", "row 1", "row 2", "row 3", "best"]), "a finished table is made anew"
    assert {**stopped, "seconds": 0} == {**json.loads(tiny.file.read_text(encoding="utf-8")), "seconds": 0}


@pytest.mark.slow
def test_a_kill_keeps_the_rows_and_a_line_that_was_cut_off_is_computed_again(tiny):
    assert tiny.stop_in(3, signal.SIGKILL)[0] == -signal.SIGKILL
    assert tiny.file.read_text(encoding="utf-8") == OLD
    tiny.partial.write_bytes(tiny.partial.read_bytes()[:-9])
    tiny.stop_in(3, signal.SIGKILL)
    assert tiny.calls.read_text(encoding="utf-8").split("\n")[:2] == ["row 2", "row 3"]
    assert tiny.finish()[::2] == (0, ["row 3", "best"])
    assert whole(tiny.file)


@pytest.mark.slow
def test_a_full_disk_keeps_the_rows_that_fit(tiny):
    tiny.stop_in(1, signal.SIGINT)
    full = tiny.partial.stat().st_size + 100
    code, errors, computed = tiny.finish(limit=full)
    assert code == 1 and computed == ["row 1"]
    assert "could not be written" in errors and "Traceback" not in errors
    assert tiny.file.read_text(encoding="utf-8") == OLD and tiny.partial.stat().st_size == full
    assert tiny.finish()[::2] == (0, ["row 1", "row 2", "row 3", "best"])
    assert whole(tiny.file)


@pytest.mark.slow
def test_a_full_disk_at_the_end_keeps_all_rows_and_the_old_file(tiny):
    """The result is longer than its parts here: the disk is full when the last file is written."""
    source = TINY.replace("range(4)]\n", "range(4)] + [row(0)] * 20\n")
    (tiny.folder / "tiny.py").write_text(source, encoding="utf-8")
    code, errors, computed = tiny.finish(limit=4000)
    assert code == 1 and computed[-1] == "best" and "tiny.json could not be written" in errors
    assert tiny.file.read_text(encoding="utf-8") == OLD
    assert tiny.finish()[::2] == (0, [])


@pytest.mark.slow
def test_rows_of_another_version_are_kept_apart_and_not_used(tiny):
    tiny.stop_in(2, signal.SIGINT)
    rows = tiny.partial.read_bytes()
    (tiny.folder / "tiny.py").write_text(TINY.replace("* 200", "* 201"), encoding="utf-8")
    code, errors, computed = tiny.finish()
    assert (code, computed[0]) == (0, "row 0") and "of another version of the experiment" in errors
    assert (tiny.folder / "tiny.partial.old").read_bytes() == rows


def test_calls_with_the_same_settings_are_computed_once_while_the_table_is_made(tmp_path):
    experiment = types.ModuleType("experiment")
    experiment.row = original = lambda number, weight=0.5: {"number": [number, weight]}
    with partial.Partial(tmp_path / "p", {"version": 1}).remembering(experiment):
        assert experiment.row(1) == experiment.row(number=1, weight=0.5) == {"number": [1, 0.5]}
        experiment.row(1)["number"] = "changed"
        assert experiment.row(1) == {"number": [1, 0.5]} and experiment.row(2) == {"number": [2, 0.5]}
    assert experiment.row is original and len((tmp_path / "p").read_text(encoding="utf-8").splitlines()) == 3


@pytest.mark.parametrize("name", tables.names())
def test_what_is_remembered_exists_and_its_settings_are_json(name):
    module = importlib.import_module(f"experiments.tables.{name}")
    assert "row" in getattr(module, "PARTS", ("row",)) and all(
        map(callable, map(vars(module).get, getattr(module, "PARTS", ())))
    )


def test_no_experiment_trains_without_looking_whether_it_was_stopped():
    """`train` returns a history that says so; `shared` is the one place that looks."""
    race = PROJECT / "experiments" / "speed_run"  # whose callers look
    for path in set((PROJECT / "experiments").rglob("*.py")) - set(race.glob("*.py")):
        imports = [
            node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.ImportFrom)
        ]
        names = {alias.name for node in imports for alias in node.names}
        assert path.name == "shared.py" or "train" not in names, path
        assert "race" not in names or "unstopped" in names, path
        assert "train_skipgram" not in names or "raising_at_the_stop" in names, path


def test_what_ends_itself_at_the_stop_button_is_no_result(monkeypatch):
    with pytest.raises(KeyboardInterrupt), shared.raising_at_the_stop(), contextlib.suppress(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    with shared.raising_at_the_stop():
        pass
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    documents, seen = [[0, 1, 2] * 40] * 20, []
    monkeypatch.setattr(skipgram, "corpus", lambda: (["a", "b", "c"], documents))

    def press(rows, *arguments):
        seen.append(rows)
        signal.raise_signal(signal.SIGINT)
        return keep(rows, *arguments)

    training = importlib.import_module("course_lib.embeddings.skipgram")
    keep = training._with_negatives
    monkeypatch.setattr(training, "_with_negatives", press)
    with pytest.raises(KeyboardInterrupt):
        skipgram.share(skipgram.CHOICE)
    assert len(seen) == 1


def test_a_race_that_was_stopped_is_no_result(monkeypatch):
    stopped = None, History(losses=[1.0], stopped=True)
    speed_run.raced.cache_clear()
    monkeypatch.setattr(speed_run, "race", lambda *arguments, **named: stopped)
    with pytest.raises(KeyboardInterrupt):
        speed_run.row("none", [], 40)
    race_module = importlib.import_module("experiments.speed_run.race")
    monkeypatch.setattr(race_module, "race", lambda *arguments, **named: stopped)
    with pytest.raises(KeyboardInterrupt):
        race_module.steps_within(speed_run.standing(["2 layers"]), 40)
