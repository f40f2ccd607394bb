"""Stored results are whole, say how they came about, and a cheap row of each is made again."""

import json

import pytest

from course_lib import files
from course_lib.training import History
from experiments import __main__ as command
from experiments import shared, tables
from experiments.shared import judgements
from experiments.tables import (
    beyond_length,
    count_vectors,
    first_steps,
    gpt_shakespeare,
    memory,
    neural_language_model,
    ngrams,
    overfitting,
    recurrent_models,
    speed_run,
    transformer_ablations,
    translation,
    word2vec,
    word_rules,
)

PERCENT = {"BLEU", "chrF", "exact match"}  # the other scores run from 0 to about 1
CHEAP = {
    "beyond_length": (
        lambda: beyond_length.row("learned"),
        ["kind", "window", "d_model", "steps", "seed"],
        ["3 to 15", "16 to 31", "32 to 63"],
    ),
    "count_vectors": (
        lambda: count_vectors.row(2, "PPMI", 50),
        ["window", "weighting", "width"],
        ["development"],
    ),
    "first_steps": (
        lambda: first_steps.row(**first_steps.CHOICE | {"positions": "sinusoidal"}, seed=0),
        [*first_steps.CHOICE, "seed"],
        ["loss"],
    ),
    "gpt_shakespeare": (
        lambda: gpt_shakespeare.row("GPT, characters", 400, 0.008, 0),
        ["system", "steps", "seed"],
        ["validation"],
    ),
    "memory": (
        lambda: memory.row("RNN", 5, 0.001, 0),
        ["system", "longest_gap", "learning_rate", "seed"],
        ["accuracy"],
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
        ["treatment", "strength"],
        ["loss", "accuracy"],
    ),
    "recurrent_models": (
        lambda: recurrent_models.row("MLP", 1160, 1_860, 0.004, 0),
        ["system", "steps", "seed"],
        ["validation"],
    ),
    "speed_run": (
        lambda: speed_run.row("none", [], 40),
        ["change", "before", "budget", "split"],
        ["loss"],
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
    "word2vec": (
        lambda: word2vec.row("PPMI + SVD", 1),
        ["system", "seed"],
        ["wordsim353", "simlex999", "analogies"],
    ),
    "word_rules": (
        lambda: word_rules.row("a full stop at the end", **word_rules.CHOICES["a full stop at the end"]),
        ["rules"],
        ["BLEU"],
    ),
}


def test_every_result_is_stored_and_every_stored_one_can_be_made():
    assert sorted(tables.names()) == sorted(path.stem for path in files.RESULTS.glob("*.json")) == sorted(CHEAP)


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
    assert "no results are called 'nothing'; there are beyond_length" in capsys.readouterr().err
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
