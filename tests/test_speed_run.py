"""The race: models of parts beside the library's own, what each part does, equal time, and the ladder's rules."""

import importlib
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_lib import files
from course_lib.attention import GroupedQueryAttention, recorded
from course_lib.gpt import GPT, GPTConfig, ModernGPT, ModernGPTConfig, SwiGLU
from course_lib.metrics import student_interval
from experiments.speed_run import (
    RECIPE,
    Entry,
    GPTOfParts,
    NgramEmbedding,
    NormedAttention,
    Parts,
    SquaredReLU,
    TokenEmbedding,
    held_out_losses,
    race,
    rotary,
    silent_outputs,
    steps_within,
)
from experiments.tables import speed_run

race_module = importlib.import_module("experiments.speed_run.race")  # the name is the function's as well
TINY = Entry(parts=Parts(n_layers=1, d_model=8, context_length=7), batch_size=3)
NGRAMS = ["n-gram vectors", "rotary positions"]
TOKENS = torch.randint(11, (2, 7), generator=torch.Generator().manual_seed(0))
NAMES = {"embedding.token.weight": "embedding.weight", "embedding.position.weight": "positions.weight"}


def _small(parts):
    torch.manual_seed(0)
    return GPTOfParts(replace(parts, n_layers=2, d_model=16, context_length=7), vocab_size=11)


def _renamed(model):
    state = {NAMES.get(name, name): weight for name, weight in model.state_dict().items()}
    return {name: weight for name, weight in state.items() if name != "output.weight"}


def test_the_recipes_parts_are_gpt():
    ours = _small(Parts())
    theirs = GPT(GPTConfig(vocab_size=11, context_length=7, d_model=16, n_layers=2, n_heads=4))
    theirs.load_state_dict(_renamed(ours))
    torch.testing.assert_close(ours(TOKENS), theirs(TOKENS))


def test_the_modern_parts_are_modern_gpt():
    parts = Parts(
        embedding=TokenEmbedding,
        rotation=rotary,
        norm=lambda d_model: nn.RMSNorm(d_model, 1e-5),
        attention=lambda d_model: GroupedQueryAttention(d_model, 4, 2),
        feed_forward=lambda d_model: SwiGLU(d_model, 5),
    )
    ours = _small(parts)
    sizes = {"d_model": 16, "n_layers": 2, "n_heads": 4, "n_kv_heads": 2, "d_ff": 5}
    theirs = ModernGPT(ModernGPTConfig(vocab_size=11, context_length=7, **sizes))
    theirs.load_state_dict(_renamed(ours))
    torch.testing.assert_close(ours(TOKENS), theirs(TOKENS))


@pytest.mark.parametrize("change", speed_run.CHANGES)
def test_no_change_looks_ahead(change):
    entry = speed_run.standing([change])
    torch.manual_seed(0)
    model = GPTOfParts(replace(entry.parts, context_length=7), vocab_size=11)
    for weight in model.parameters():
        nn.init.normal_(weight, std=0.3)
    other = TOKENS.clone()
    other[:, 4] = (other[:, 4] + 1) % 11
    apart = (model(TOKENS) - model(other)).abs().amax(dim=(0, 2))
    assert apart[:4].max() < 1e-5 < apart[4:].min()


def test_one_matrix_or_two():
    tied, untied = _small(Parts()), _small(Parts(tied=False))
    assert tied.output.weight is tied.embedding.token.weight
    assert untied.output.weight is not untied.embedding.token.weight
    assert sum(p.numel() for p in untied.parameters()) - sum(p.numel() for p in tied.parameters()) == 11 * 16


def test_silent_outputs_leave_the_embedding_and_the_output():
    model = _small(Parts(first_weights=silent_outputs))
    torch.testing.assert_close(model(TOKENS), model.output(model.norm(model.embedding(TOKENS))))


def test_ngram_rows_by_hand():
    embedding = NgramEmbedding(vocab_size=11, context_length=7, d_model=6)
    rows = embedding.rows(torch.tensor([[3, 5, 2, 3, 5]]))[:, 0].tolist()
    pair = (5 * 31_337 + 3 + 1) % 2_147_483_647
    triple = (pair * 31_337 + 0 + 1) % 2_147_483_647
    assert rows[0][1] == pair % 4096 and rows[1][1] == triple % 4096 + 4096
    assert rows[0][1] == rows[0][4] and rows[1][1] != rows[1][4], "the pairs are alike, the triples are not"
    assert all(4096 * n <= row < 4096 * (n + 1) for n, some in enumerate(rows) for row in some)
    torch.testing.assert_close(embedding(TOKENS), embedding.token(TOKENS))  # the table begins with zeros


def test_lengths_of_queries_and_keys_do_not_matter_to_normed_attention():
    torch.manual_seed(0)
    attention, x = NormedAttention(12, 4, 4), torch.randn(2, 5, 12)
    before = attention(x)
    with torch.no_grad():
        attention.projection.weight[:24] *= 7
    torch.testing.assert_close(attention(x), before, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("change", speed_run.CHANGES)
def test_looking_at_attention_changes_nothing(change):
    entry = speed_run.standing([change])
    torch.manual_seed(0)
    model = GPTOfParts(replace(entry.parts, context_length=7), vocab_size=11)
    for weight in model.parameters():
        nn.init.normal_(weight, std=0.3)
    expected = model(TOKENS)
    with recorded(model) as maps:
        torch.testing.assert_close(model(TOKENS), expected)
    assert all(len(weights) == 1 for weights in maps.values())


def test_squared_relu_by_hand():
    layer = SquaredReLU(1, 2)
    weights = {"hidden.weight": [[2.0], [-1.0]], "hidden.bias": [1.0, 0.0], "output.weight": [[1.0, 5.0]]}
    layer.load_state_dict(
        {name: torch.tensor(value) for name, value in weights.items()} | {"output.bias": torch.ones(1)}
    )
    assert layer(torch.tensor([[[3.0]], [[-2.0]]])).flatten().tolist() == [50.0, 21.0]


def test_a_race_repeats_itself():
    (first, history), (second, again), (_, other) = (race(TINY, 5, seed, show=False) for seed in (0, 0, 1))
    assert history.losses == again.losses != other.losses and len(history.losses) == 5
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_an_entry_trains_as_it_says():
    config = race_module._config(replace(TINY, learning_rate=0.5, schedule="trapezoid"), 40, 3)
    assert (config.warmup_steps, config.decay_steps, config.learning_rate, config.seed) == (2, 38, 0.5, 3)
    assert race_module._config(TINY, 40, 0).schedule == "cosine"


def test_what_nothing_is_known_of_costs_the_logarithm_of_the_vocabulary():
    class Uniform(nn.Module):
        config = TINY.parts

        def forward(self, tokens):
            return torch.zeros(*tokens.shape, 80)

    losses = held_out_losses(Uniform())
    assert len(losses) == 49_999 // 7 * 7
    np.testing.assert_allclose(losses, math.log(80))


def test_the_score_is_the_mean_of_windows_that_begin_afresh():
    model, _ = race(TINY, 3, show=False)
    text = race_module._text("validation")[:15]
    with torch.no_grad():
        expected = [
            F.cross_entropy(model(text[None, s : s + 7])[0], text[s + 1 : s + 8], reduction="none") for s in (0, 7)
        ]
    np.testing.assert_allclose(held_out_losses(model)[:14], torch.cat(expected), rtol=1e-4)


def test_equal_time(monkeypatch):
    monkeypatch.setattr(race_module, "_seconds_a_step", lambda entry: 1.0 if entry == RECIPE else 2.5)
    assert steps_within(RECIPE, 500) == 500
    assert steps_within(TINY, 500) == 200
    assert steps_within(TINY, 1) == 1, "even the slowest takes one step"
    free = replace(RECIPE, learning_rate=0.5, schedule="trapezoid")
    assert steps_within(free, 500) == 500, "a rate and its schedule cost nothing"


def test_steps_are_timed_without_the_first():
    assert 0 < race_module._seconds_a_step(TINY) < 1


def test_changes_come_one_after_the_other():
    changes = ["learning rate 0.002", "context 32", "learning rate 0.004"]
    entry = speed_run.standing(changes)
    assert entry == replace(RECIPE, learning_rate=0.004, parts=replace(RECIPE.parts, context_length=32))
    both = [speed_run.standing(order).parts for order in (NGRAMS, NGRAMS[::-1])]
    assert both[0] == both[1] and both[0].embedding is NgramEmbedding and both[0].rotation is rotary
    assert speed_run.at(0.5, changes) == "learning rate 0.002" and speed_run.at(2, changes) == "learning rate 0.008"


def test_the_stored_rows_are_what_the_rules_make_of_the_races(monkeypatch):
    stored = files.load_results("speed_run")["rows"]
    races = [{name: row[name] for name in row if name not in ("gain", "verdict", "kept", "stage")} for row in stored]

    def look_up(change, before, budget=speed_run.BUDGET, split="validation", steps=None):
        asked = change, list(before), budget, split, "time" if steps is None else "steps"
        return next(r for r in races if asked == tuple(r[n] for n in ("change", "before", "budget", "split", "equal")))

    monkeypatch.setattr(speed_run, "row", look_up)
    monkeypatch.setattr(torch, "set_num_threads", lambda threads: None)
    assert list(speed_run.rows()) == stored


def test_a_gain_a_loss_and_what_is_undecided():
    best = {"losses": [2.0, 2.1, 2.2]}
    for after, verdict in (([1.9, 2.0, 2.1], "gain"), ([2.1, 2.2, 2.31], "loss"), ([1.8, 2.1, 2.25], "undecided")):
        judged = speed_run.judged({"losses": after}, best)
        gains = [b - a for b, a in zip(best["losses"], after, strict=True)]
        assert judged["verdict"] == verdict and judged["gain"] == pytest.approx(student_interval(gains), abs=1e-4)
