"""Speculative decoding: the text of greedy decoding, the distribution of sampling, fewer calls of the model."""

from collections import Counter
from itertools import product

import pytest
import torch
from helpers import enlarge
from scipy.stats import chisquare
from torch import Generator

from course_lib.generation import GenerationConfig, answers, generate
from course_lib.generation.speculative import Draft, DraftModel, PromptLookup, speculate
from course_lib.gpt import GPT, GPTConfig, ModernGPT, ModernGPTConfig

V = 13
PROMPT = [1, 2, 3, 4, 1, 2]


def gpt(seed=0, kind=GPT, context_length=40):
    torch.manual_seed(seed)
    config = {GPT: GPTConfig, ModernGPT: ModernGPTConfig}[kind]
    return enlarge(kind(config(vocab_size=V, context_length=context_length, d_model=8, n_layers=2, n_heads=2))).eval()


def greedily(n=20, **changes):
    return GenerationConfig(**{"max_new_tokens": n, "temperature": 0, **changes})


class Bigrams:
    """A model of three tokens whose next one depends on the last one alone."""

    def __init__(self, rows):
        self.logits = torch.tensor(rows).log()

    def start(self, source, lengths):
        return lengths.tolist()

    def step(self, tokens, state):
        return self.logits[tokens], state

    def extend(self, tokens, state):
        return self.logits[tokens], [state[0] + tokens.shape[1]]

    def truncate(self, state, lengths):
        assert 0 <= lengths[0] <= state[0]
        return lengths

    def room(self, length):
        return 100 - length


class Always:
    """Guesses the same tokens, whatever the text."""

    def __init__(self, *tokens):
        self.tokens = list(tokens)

    def draft(self, text, most, config, generator):
        return Draft(self.tokens[:most])


LARGE = Bigrams([[0.5, 0.3, 0.2], [0.05, 0.15, 0.8], [0.3, 0.6, 0.1]])
SMALL = Bigrams([[0.2, 0.2, 0.6], [0.4, 0.3, 0.3], [0.1, 0.8, 0.1]])


@pytest.mark.parametrize("kind", [GPT, ModernGPT])
@pytest.mark.parametrize(
    "drafter",
    [
        PromptLookup(),
        PromptLookup(n_drafts=2, longest=1),
        DraftModel(model=gpt(5)),
        DraftModel(model=gpt(5, context_length=10), n_drafts=3),
        Always(3, 3, 3, 3),
    ],
    ids=["lookup", "short lookup", "model", "model of short context", "always"],
)
def test_the_text_is_that_of_greedy_decoding_whatever_is_guessed(kind, drafter):
    model = gpt(kind=kind)
    for prompt in (PROMPT, [5], [7, 0, 7, 0, 7]):  # the drafter's cache goes on from another text
        [expected] = answers(model, [prompt], greedily())
        found = speculate(model, prompt, greedily(), drafter)
        assert (found.tokens, found.reason) == (expected.tokens, "max_new_tokens")
        assert found.log_probabilities == pytest.approx(expected.log_probabilities, abs=1e-4)
        assert 1 <= found.calls <= 20


@pytest.mark.parametrize("config", [greedily(12), GenerationConfig(max_new_tokens=12, temperature=0.7, top_k=5)])
def test_a_model_accepts_all_of_its_own_guesses(config):
    model = gpt()
    found = speculate(model, PROMPT, config, DraftModel(model=model, n_drafts=3), Generator().manual_seed(1))
    assert (len(found.tokens), found.calls, found.tokens_per_call) == (12, 3, 4)


def test_nothing_guessed_is_one_token_a_call():
    found = speculate(gpt(), PROMPT, greedily(5), Always())
    assert (found.calls, found.tokens_per_call) == (5, 1)


def test_an_end_token_among_the_guesses_ends_the_answer():
    model = gpt()
    [whole] = generate(model, [PROMPT], greedily(8))
    end = whole[4]
    first = whole.index(end)
    found = speculate(model, PROMPT, greedily(8, end_token=end), Always(*whole))
    assert (found.tokens, found.reason, found.calls) == (whole[:first], "end token", 1)
    assert found.end_log_probability is not None and found.tokens_per_call == first + 1


@pytest.mark.parametrize("drafter", [PromptLookup(longest=1), DraftModel(model=gpt(5))])
def test_the_answer_ends_where_the_context_is_full(drafter):
    model = gpt(context_length=12)
    [expected] = answers(model, [PROMPT], greedily(50))
    found = speculate(model, PROMPT, greedily(50), drafter)
    assert (found.tokens, found.reason) == (expected.tokens, "context")


@pytest.mark.parametrize("changes", [{}, {"temperature": 0.6, "top_k": 2}], ids=str)
@pytest.mark.parametrize("drafter", [DraftModel(model=SMALL, n_drafts=2), Always(2, 1)], ids=["model", "always"])
def test_sampled_texts_have_the_models_distribution(drafter, changes):
    """Counts of all 27 texts of three tokens against the products of their probabilities."""
    config, generator, n = GenerationConfig(max_new_tokens=3, **changes), Generator().manual_seed(7), 500
    counts = Counter(tuple(speculate(LARGE, [0], config, drafter, generator).tokens) for _ in range(n))
    one = GenerationConfig(max_new_tokens=1, **changes)
    p = torch.stack([_distribution(LARGE.logits[token], one) for token in range(3)])
    expected = {text: p[0, text[0]] * p[text[0], text[1]] * p[text[1], text[2]] for text in product(range(3), repeat=3)}
    possible = [text for text, probability in expected.items() if probability > 0]
    assert set(counts) <= set(possible)
    found = chisquare(
        [counts[text] for text in possible], [n * expected[text].item() for text in possible], sum_check=False
    )
    assert found.pvalue > 0.001


def _distribution(logits, config):
    """By hand: temperature, the k likeliest, the fewest that reach p."""
    p = (logits.double() / config.temperature).softmax(dim=-1)
    order = p.argsort(descending=True).tolist()
    kept = order[: config.top_k]
    if config.top_p < 1:
        sums = p[order].cumsum(0).tolist()
        kept = order[: next(n for n, total in enumerate(sums, 1) if total >= config.top_p)]
    q = torch.zeros(3, dtype=torch.float64)
    q[kept] = p[kept]
    return q / q.sum()


def test_the_same_seed_gives_the_same_text():
    def run():
        config = GenerationConfig(max_new_tokens=9, top_p=0.9)
        return speculate(gpt(), PROMPT, config, DraftModel(model=gpt(5)), Generator().manual_seed(3)).tokens

    assert run() == run()


def test_lookup_prefers_the_longest_and_latest_occurrence():
    def guess(text, **changes):
        return PromptLookup(n_drafts=2, **changes).draft(text, 9, greedily(), None).tokens

    assert guess([1, 2, 7, 8, 9, 2, 5, 6, 1, 2]) == [7, 8]  # (1, 2), not the later 2
    assert guess([1, 2, 7, 8, 9, 2, 5, 6, 1, 2], longest=1) == [5, 6]
    assert guess([1, 2, 3, 1, 2, 4, 1, 2]) == [4, 1]
    assert guess([4, 4]) == [4]
    assert guess([1, 2, 3]) == guess([1]) == []


def test_a_stopped_draft_leaves_a_drafter_that_can_go_on(monkeypatch):
    drafter = DraftModel(model=gpt(5))
    before = drafter.draft(PROMPT, 4, greedily(), None).tokens
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(drafter.model, "extend", _stopped)
        drafter.draft(PROMPT, 4, greedily(), None)
    assert drafter.draft(PROMPT, 4, greedily(), None).tokens == before


def _stopped(*_):
    raise KeyboardInterrupt
