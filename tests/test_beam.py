"""Beam search against all answers there are, greedy search, each source alone, and numbers worked out by hand."""

import itertools
import math

import pytest
import torch
from torch import nn

from course_lib.generation import (
    BeamConfig,
    BeamDecoder,
    GenerationConfig,
    Hypothesis,
    beam_search,
    beam_steps,
    generate,
)

BEGIN, END = 1, 0
SOURCES = [[2, 3, 4], [4], [3, 2, 2, 4, 3], [2, 4]]


class Table:
    """A model whose probabilities after each token are a row of a table, so that answers can be worked out by hand."""

    def __init__(self, *rows):
        self.log_p, self.batches = torch.tensor(rows, dtype=torch.float64).log(), []

    def start(self, source, lengths):
        return None

    def step(self, tokens, state):
        self.batches.append(len(tokens))
        return self.log_p[tokens], None

    def reorder(self, state, rows):
        return None


class Recurrent(nn.Module):
    """A small recurrent encoder-decoder with random weights: cached, what was read and written is its state."""

    def __init__(self, vocab_size=5, seed=1):
        super().__init__()
        torch.manual_seed(seed)
        self.embed, self.cell, self.head = nn.Embedding(vocab_size, 7), nn.GRUCell(7, 11), nn.Linear(11, vocab_size)
        self.dropout = nn.Dropout(0.5)
        with torch.no_grad():
            for weights in self.parameters():
                weights *= 2
        self.head.weight.data *= 2
        self.head.bias.data[END] += 1.5  # so that some answers end
        self.batches = []

    def start(self, source, lengths):
        state = torch.zeros(len(source), 11)
        for place, tokens in enumerate(source.T):
            state = torch.where((place < lengths)[:, None], self.cell(self.embed(tokens), state), state)
        return state

    def step(self, tokens, state):
        self.batches.append(len(tokens))
        assert not torch.is_grad_enabled(), "no graph may grow with the state"
        state = self.cell(self.dropout(self.embed(tokens)), state)
        return self.head(state), state

    def reorder(self, state, rows):
        return state[rows]


class Uncached(Recurrent):
    """The same, but all is read anew at each step."""

    def start(self, source, lengths):
        return source, lengths, torch.zeros(len(source), 0, dtype=torch.long)

    def step(self, tokens, state):
        source, lengths, written = state
        written = torch.cat([written, tokens[:, None]], dim=1)
        memory = super().start(source, lengths)
        for column in written.T:
            logits, memory = super().step(column, memory)
        return logits, (source, lengths, written)

    def reorder(self, state, rows):
        return tuple(part[rows] for part in state)


def _config(**settings):
    return BeamConfig(**{"begin_token": BEGIN, "end_token": END, **settings})


def _answers(found):
    return [[one.tokens for one in hypotheses] for hypotheses in found]


def _all_answers(model, source, config, vocab_size):
    """Every answer there is, each stepped through alone, best first."""
    found = []
    for length in range(1, config.max_new_tokens + 1):
        for tokens in itertools.product([t for t in range(vocab_size) if t != END], repeat=length):
            last = length == config.max_new_tokens
            for answer in [(*tokens[:-1], END), *([tokens] if last else [])]:
                state, before, total = model.start(torch.tensor([source]), torch.tensor([len(source)])), BEGIN, 0.0
                for token in answer:
                    logits, state = model.step(torch.tensor([before]), state)
                    total, before = total + logits[0].log_softmax(-1)[token].item(), token
                kept = [token for token in answer if token != END]
                found.append(Hypothesis(kept, total / length**config.length_penalty, total))
    unique = {(*one.tokens, one.log_probability): one for one in found}
    return sorted(unique.values(), key=lambda one: -one.score)


@pytest.mark.parametrize("alpha", [0, 0.6, 1])
def test_with_enough_beams_the_best_of_all_answers_are_found(alpha):
    model, best = Recurrent(vocab_size=3).eval(), set()
    for source in ([2], [1, 2], [2, 2, 1]):
        config = _config(n_beams=81, max_new_tokens=4, length_penalty=alpha)
        with torch.no_grad():
            expected = _all_answers(model, source, config, 3)
        found = beam_search(model, [source], config)[0]
        assert len(found) == len(expected) == 31
        for ours, theirs in zip(found[:5], expected, strict=False):
            assert ours.tokens == theirs.tokens and ours[1:] == pytest.approx(theirs[1:], rel=1e-5)
        best.add(tuple(found[0].tokens))
    assert best != {()}


FORK = [[0, 0.4, 0.2, 0.4], [0, 0, 0.55, 0.45], [0.4, 0.2, 0.2, 0.2], [0.9, 0.1, 0, 0]]


def test_two_beams_find_what_greedy_search_misses():
    """0.55 · 0.4 = 0.22 for the first step's likelier token, 0.45 · 0.9 = 0.405 for the other."""
    assert generate(Table(*FORK), [[1]], GenerationConfig(temperature=0, begin_token=BEGIN, end_token=END)) == [[2]]
    one, two = (beam_search(Table(*FORK), [[1]], _config(n_beams=n, length_penalty=0))[0] for n in (1, 2))
    assert [one[0].tokens, two[0].tokens, two[1].tokens] == [[2], [3], [2]]
    for found, p in zip((one[0], *two), (0.22, 0.405, 0.22), strict=True):
        assert found.log_probability == found.score == pytest.approx(math.log(p))


def test_the_length_penalty_prefers_longer_answers():
    """The end at once has p = 0.5; 2 and then the end has 0.5 · 0.8 = 0.4, which is more a token."""
    table = [[1, 0, 0], [0.5, 0, 0.5], [0.8, 0, 0.2]]
    for alpha, best in ((0, []), (0.3, []), (0.5, [2]), (1, [2])):
        found = beam_search(Table(*table), [[1]], _config(n_beams=2, length_penalty=alpha, max_new_tokens=2))[0]
        assert found[0].tokens == best, alpha
        scores = {len(one.tokens): one.score for one in found}
        assert scores[0] == pytest.approx(math.log(0.5))
        assert scores[1] == pytest.approx(math.log(0.4) / 2**alpha)


def test_the_search_goes_on_while_a_live_beam_can_still_win():
    """The end at once has p = 0.6; many steps of 0.7 cost less a token, more together."""
    table = [[1, 0, 0, 0], [0.6, 0, 0.4, 0], [0.25, 0, 0.7, 0.05], [0.5, 0, 0, 0.5]]
    longest = Table(*table)
    found = beam_search(longest, [[1]], _config(n_beams=2, length_penalty=1, max_new_tokens=13))[0]
    assert found[0].tokens == [2] * 13 and len(longest.batches) == 13
    assert found[0].score == pytest.approx((math.log(0.4) + 12 * math.log(0.7)) / 13)
    shortest = Table(*table)
    assert beam_search(shortest, [[1]], _config(n_beams=2, length_penalty=0, max_new_tokens=13))[0][0].tokens == []
    assert len(shortest.batches) == 5, "0.4 · 0.7⁴ is less than the second answer's 0.4 · 0.25"


def test_beams_that_end_together_leave_others_to_live():
    """In the second step the two likeliest continuations both end; a longer answer is likelier a token."""
    table = [[1, 0, 0, 0, 0], [0, 0, 0.5, 0.5, 0], *[[0.6, 0, 0, 0, 0.4]] * 2, [0.01, 0, 0, 0, 0.99]]
    found = beam_search(Table(*table), [[1]], _config(n_beams=2, max_new_tokens=7))[0]
    assert [one.tokens for one in found] == [[2] + [4] * 6, [3] + [4] * 6]


@pytest.mark.parametrize("alpha", [0, 0.6])
def test_stopping_early_loses_nothing(alpha, monkeypatch):
    model, config, score = Recurrent(), _config(n_beams=3, max_new_tokens=23, length_penalty=alpha), BeamConfig.score
    early = [list(beam_steps(model, [source], config)) for source in SOURCES]
    assert min(map(len, early)) < 22

    def always_attainable(self, log_probability, length):
        return math.inf if length == self.max_new_tokens else score(self, log_probability, length)

    monkeypatch.setattr(BeamConfig, "score", always_attainable)
    late = list(itertools.islice(beam_steps(model, SOURCES, config), 22))[-1]
    for source, steps in enumerate(early):
        assert late[source].live
        if len(steps) <= 22:
            late_answers, early_answers = _answers([late[source].finished, steps[-1][0].finished])
            assert late_answers == early_answers


@pytest.mark.parametrize("alpha", [0, 1, 2])
@pytest.mark.parametrize("seed", range(5))
def test_one_beam_is_greedy_search(alpha, seed):
    model, config = Recurrent(seed=seed), _config(n_beams=1, max_new_tokens=17, length_penalty=alpha)
    greedy = GenerationConfig(temperature=0, begin_token=BEGIN, end_token=END, max_new_tokens=17)
    assert [[answer] for answer in generate(model, SOURCES, greedy)] == _answers(beam_search(model, SOURCES, config))


@pytest.mark.parametrize("n_beams", [1, 2, 5])
def test_a_batch_of_unequal_sources_answers_as_each_alone_and_uncached(n_beams):
    config = _config(n_beams=n_beams, max_new_tokens=9)
    cached, uncached = Recurrent(), Uncached()
    together = beam_search(cached, SOURCES, config)
    assert _answers(together) == [_answers(beam_search(cached, [source], config))[0] for source in SOURCES]
    assert _answers(together) == _answers(beam_search(uncached, SOURCES, config))
    assert len({str(found[0].tokens) for found in together}) > 1
    assert all(len(found) == n_beams for found in together)
    assert all(found == sorted(found, key=lambda one: -one.score) for found in together)


def test_sources_that_are_done_leave_the_batch():
    model = Recurrent()
    ends = [len(list(beam_steps(model, [source], _config(n_beams=3, length_penalty=0)))) for source in SOURCES]
    model.batches.clear()
    beam_search(model, SOURCES, _config(n_beams=3, length_penalty=0))
    assert model.batches == [3 * sum(end > step for end in ends) for step in range(max(ends))]
    assert len({*ends}) > 1


def test_what_is_unended_at_the_last_step_counts_as_finished():
    table = [[1, 0, 0, 0], [0.1, 0, 0.6, 0.3], [0.1, 0, 0.7, 0.2], [0.1, 0, 0.2, 0.7]]
    found = beam_search(Table(*table), [[1]], _config(n_beams=2, max_new_tokens=3, length_penalty=0))[0]
    assert [one.tokens for one in found] == [[2, 2, 2], [3, 3, 3]]
    assert found[1].log_probability == pytest.approx(math.log(0.3 * 0.7 * 0.7))


def test_of_equals_the_earlier_beam_and_the_lower_token_come_first():
    table = [[1, 0, 0, 0, 0], *[[0, 0.25, 0.25, 0.25, 0.25]] * 4]
    found = beam_search(Table(*table), [[1]], _config(n_beams=3, max_new_tokens=2))[0]
    assert [one.tokens for one in found] == [[1, 1], [1, 2], [1, 3]]


def test_what_is_impossible_is_not_an_answer():
    table = [[1, 0, 0], [0, 0, 1], [1, 0, 0]]
    assert _answers(beam_search(Table(*table), [[1], [2]], _config(n_beams=4))) == [[[2]], [[2]]]
    with pytest.raises(ValueError, match="logits must make a distribution"):
        beam_search(Table([1, 0], [math.nan, 1]), [[1]], _config())


def test_the_search_can_be_watched():
    steps = list(beam_steps(Table(*FORK), [[1]], _config(n_beams=2, length_penalty=0)))
    live = [[beam.tokens for beam in step[0].live] for step in steps]
    finished = [[beam.tokens for beam in step[0].finished] for step in steps]
    assert (live, finished) == ([[[2], [3]], []], [[], [[3], [2]]])
    assert steps[0][0].live[1].log_probability == pytest.approx(math.log(0.45))


def test_dropout_is_off_and_modes_and_gradients_are_as_before():
    model = Recurrent().train()
    model.embed.eval()
    before = [module.training for module in model.modules()]
    first = beam_search(model, SOURCES, _config(max_new_tokens=9))
    assert first == beam_search(model, SOURCES, _config(max_new_tokens=9))
    assert [module.training for module in model.modules()] == before
    steps = beam_steps(model, SOURCES, _config())
    next(steps)
    assert torch.is_grad_enabled() and not model.training
    steps.close()
    assert model.training and all(weights.grad is None for weights in model.parameters())


def test_the_source_goes_whole_to_the_model_and_its_rows_become_beams():
    class Seen(Table):
        def start(self, source, lengths):
            self.source, self.lengths, self.rows, self.tokens = source.tolist(), lengths.tolist(), [], []

        def step(self, tokens, state):
            self.tokens.append(tokens.tolist())
            return super().step(tokens, state)

        def reorder(self, state, rows):
            self.rows.append(rows.tolist())

    model = Seen(*FORK)
    beam_search(model, [[5, 6, 7], [8]], _config(n_beams=2, length_penalty=0))
    assert (model.source, model.lengths) == ([[5, 6, 7], [8, 0, 0]], [3, 1])
    assert model.rows == [[0, 0, 1, 1], [0, 0, 2, 2]]
    assert model.tokens == [[BEGIN] * 4, [2, 3, 2, 3]]
    assert isinstance(model, BeamDecoder) and isinstance(Recurrent(), BeamDecoder)
