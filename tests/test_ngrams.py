"""N-gram models against nltk.lm and numbers by hand; probabilities that sum to 1; sampling; what will not do."""

import itertools
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.lm import MLE, KneserNeyInterpolated, Laplace, Lidstone, Vocabulary
from nltk.util import everygrams

from course_lib.ngrams import add_k, count_ngrams, jelinek_mercer, kneser_ney, modified_kneser_ney, sample

V = 5
MODELS = {
    "add 1": lambda grams: add_k(grams, 1),
    "add 0.3": lambda grams: add_k(grams, 0.3),
    "relative frequencies": lambda grams: add_k(grams, 0),
    "Jelinek-Mercer": lambda grams: jelinek_mercer(grams, 0.7),
    "Kneser-Ney": kneser_ney,
    "modified Kneser-Ney": modified_kneser_ney,
    "Kneser-Ney 0.75": lambda grams: kneser_ney(grams, [0.75] * len(grams)),
}


def _text(length=60, seed=0):
    """Tokens 0 ... V - 2, the last one is never used; the opening comes again, as nltk has another rule for it."""
    tokens = np.random.default_rng(seed).choice(V - 1, size=length, p=[0.5, 0.3, 0.15, 0.05])
    return np.concatenate([tokens, tokens[:4]])


def _nltk(model, tokens):
    """The peer counts the text as it stands, tokens as strings; its <UNK> is our last token."""
    words = [str(token) for token in tokens]
    model.vocab = Vocabulary(words, unk_cutoff=1)
    model.fit([everygrams(words, max_len=model.order)])
    assert len(model.vocab) == V
    return model


def _contexts(length):
    return itertools.product(range(V - 1), repeat=length)


def _assert_equal(ours, theirs, length):
    """The same probability for every token but <UNK> after every context of this length."""
    for context in _contexts(length):
        expected = [theirs.score(str(token), [str(one) for one in context]) for token in range(V - 1)]
        np.testing.assert_allclose(ours.distribution(np.array(context, int))[: V - 1], expected, rtol=1e-12)


def test_counts_are_those_of_a_counter():
    tokens = _text()
    for length, grams in enumerate(count_ngrams(tokens, V, 4), start=1):
        assert sorted(grams.counts) == sorted(Counter(everygrams(tokens.tolist(), length, length)).values())
        assert (np.diff(grams.keys) > 0).all() and grams.counts.sum() == len(tokens) - length + 1


@pytest.mark.parametrize("order", [2, 3, 4])
@pytest.mark.parametrize("discount", [0.1, 0.75])
def test_kneser_ney_equals_nltk(order, discount):
    tokens = _text()
    theirs = _nltk(KneserNeyInterpolated(order, discount=discount), tokens)
    # nltk does not discount the shortest context: what never occurs has probability 0 there.
    ours = kneser_ney(count_ngrams(tokens, V, order), [0] + [discount] * (order - 1))
    for length in range(order):
        _assert_equal(ours, theirs, length)
    assert {*_contexts(3)} - {*zip(tokens, tokens[1:], tokens[2:], strict=False)}, "contexts never seen are among them"


def test_kneser_ney_equals_nltk_with_our_shortest_context():
    class Ours(type(KneserNeyInterpolated(2).estimator)):
        def unigram_score(self, word):
            count, total = self._continuation_counts(word)
            types = sum(self._continuation_counts(str(other))[0] > 0 for other in range(V))
            return (max(count - self.discount, 0) + self.discount * types / V) / total

    tokens = _text(seed=3)
    theirs = _nltk(KneserNeyInterpolated(3, discount=0.6), tokens)
    theirs.estimator = Ours(theirs.vocab, theirs.counts, 3, 0.6)
    ours = kneser_ney(count_ngrams(tokens, V, 3), [0.6] * 3)
    for length in range(3):
        _assert_equal(ours, theirs, length)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("peer, k", [(Laplace, 1), (lambda order: Lidstone(0.3, order), 0.3)])
def test_add_k_equals_nltk(order, peer, k):
    tokens = _text()
    _assert_equal(add_k(count_ngrams(tokens, V, order), k), _nltk(peer(order), tokens), order - 1)


def test_relative_frequencies_equal_nltk():
    tokens = _text(length=300)  # every pair occurs: of a context never seen, nltk says 0, and we 1 / V
    _assert_equal(add_k(count_ngrams(tokens, V, 3), 0), _nltk(MLE(3), tokens), 2)


def test_kneser_ney_by_hand():
    """a b a b a c: 'b' follows one token only, however often; D = 0.5 everywhere."""
    model = kneser_ney(count_ngrams(np.array([0, 1, 0, 1, 0, 2]), 4, 2), [0.5, 0.5])
    # Different bigrams: ab, ba, ac. Before a stands b alone, before b a, before c a.
    shortest = np.array([0.5, 0.5, 0.5, 0]) / 3 + 3 * 0.5 / 3 / 4
    np.testing.assert_allclose(model.distribution(np.array([], int)), shortest)
    np.testing.assert_allclose(model.distribution(np.array([0])), [0, 1.5 / 3, 0.5 / 3, 0] + 2 * 0.5 / 3 * shortest)
    np.testing.assert_allclose(model.distribution(np.array([2])), shortest)  # nothing ever followed c


def test_jelinek_mercer_by_hand():
    model = jelinek_mercer(count_ngrams(np.array([0, 1, 0, 1, 0, 2]), 4, 2), 0.8)
    shortest = 0.8 * np.array([3, 2, 1, 0]) / 6 + 0.2 / 4
    np.testing.assert_allclose(model.distribution(np.array([0])), 0.8 * np.array([0, 2, 1, 0]) / 3 + 0.2 * shortest)
    np.testing.assert_allclose(model.distribution(np.array([2])), shortest)


def test_discounts_are_estimated_from_the_counts_that_they_discount():
    tokens = np.array([0, 1, 0, 1, 0, 2, 3, 3])  # bigrams: ab 2, ba 2, ac, cd, dd; before d stand c and d
    estimated, given_ = (kneser_ney(count_ngrams(tokens, 4, 2), d) for d in (None, [3 / (3 + 2), 3 / (3 + 4)]))
    np.testing.assert_allclose(estimated.distribution(np.array([0])), given_.distribution(np.array([0])))


def test_modified_kneser_ney_by_hand():
    """One length: n1 = 3, n2 = 2, n3 = 1 and n4 = 1, so that Y = 3/7, D1 = 3/7, D2 = 2 - 9/14 and D3 = 3 - 12/7."""
    tokens = np.repeat(np.arange(7), [1, 1, 1, 2, 2, 3, 4])
    model = modified_kneser_ney(count_ngrams(tokens, 8, 1))
    discounts = np.array([3 / 7] * 3 + [2 - 9 / 14] * 2 + [3 - 12 / 7] * 2)
    expected = np.append(np.bincount(tokens) - discounts, 0) / 14 + discounts.sum() / 14 / 8
    np.testing.assert_allclose(model.distribution(np.array([], int)), expected)


def test_modified_discounts_are_kept_from_nothing_to_the_whole_count():
    """n1 = n2 = n4 = 1 and n3 = 5, so that Y = 1/3 and D2 would be 2 - 5: it is 0."""
    tokens = np.repeat(np.arange(8), [1, 2, 3, 3, 3, 3, 3, 4])
    discounts = np.array([1 / 3, 0] + [3 - 4 / 3 / 5] * 6)
    expected = (np.bincount(tokens) - discounts + discounts.sum() / 8) / 22
    model = modified_kneser_ney(count_ngrams(tokens, 8, 1))
    np.testing.assert_allclose(model.distribution(np.array([], int)), expected)


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
@settings(max_examples=30, deadline=None)
@given(tokens=st.lists(st.integers(0, V - 1), min_size=4, max_size=30), text=st.lists(st.integers(0, V - 1)))
def test_probabilities_sum_to_one_and_those_of_a_text_are_among_them(model, tokens, text):
    trained, text = model(count_ngrams(np.array(tokens), V, 4)), np.array(text, dtype=int)
    of_text = trained.log_probabilities(text)
    assert of_text.shape == text.shape
    for place, token in enumerate(text):
        distribution = trained.distribution(text[:place])
        assert distribution.sum() == pytest.approx(1) and distribution.min() >= 0
        assert np.exp(of_text[place]) == pytest.approx(distribution[token])


def test_a_slice_of_the_counts_is_a_model_of_a_lower_order():
    tokens = _text()
    short, cut = kneser_ney(count_ngrams(tokens, V, 2)), kneser_ney(count_ngrams(tokens, V, 4)[:2])
    np.testing.assert_array_equal(short.log_probabilities(tokens), cut.log_probabilities(tokens))
    assert cut.order == 2


def test_what_never_occurred_is_impossible_without_smoothing():
    grams = count_ngrams(np.array([0, 1, 0, 1]), 3, 2)
    assert add_k(grams, 0).log_probabilities(np.array([0, 2]))[1] == -np.inf
    for model in (add_k(grams, 1), jelinek_mercer(grams, 0.7), kneser_ney(grams)):
        assert np.isfinite(model.log_probabilities(np.array([0, 2, 2, 1]))).all()


@pytest.mark.parametrize("temperature", [0.5, 1, 2])
def test_samples_follow_the_distribution(temperature):
    model = kneser_ney(count_ngrams(_text(), V, 1))
    drawn = sample(model, np.array([], int), 1000, temperature)
    expected = model.distribution(np.array([], int)) ** (1 / temperature)
    np.testing.assert_allclose(np.bincount(drawn, minlength=V) / 1000, expected / expected.sum(), atol=0.05)


def test_samples_repeat_by_seed_and_leave_the_prompt_alone():
    model, prompt = kneser_ney(count_ngrams(_text(), V, 3)), np.array([1, 0])
    first = sample(model, prompt, 20, seed=1)
    assert len(first) == 20 and prompt.tolist() == [1, 0]
    assert first.tolist() == sample(model, prompt, 20, seed=1).tolist() != sample(model, prompt, 20, seed=2).tolist()
    assert len(set(sample(model, prompt[:0], 9, temperature=0.001).tolist())) <= 3  # nearly always the likeliest


KINDS = {
    "list": list,
    "generator": iter,
    "16 bits": lambda tokens: np.array(tokens, dtype=np.uint16),
    "tensor": torch.tensor,
    "tensor of 32 bits": lambda tokens: torch.tensor(tokens, dtype=torch.int32),
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_tokens_come_in_any_sequence(kind):
    tokens = _text()
    model = kneser_ney(count_ngrams(tokens, V, 3))
    of_kind = kneser_ney(count_ngrams(kind(tokens.tolist()), V, 3))
    for work in (of_kind.log_probabilities, of_kind.distribution, lambda prompt: sample(of_kind, prompt, 9)):
        np.testing.assert_array_equal(work(kind(tokens.tolist())), work(tokens))
    np.testing.assert_array_equal(of_kind.log_probabilities(tokens), model.log_probabilities(tokens))


def test_no_tokens_have_no_probabilities():
    model = kneser_ney(count_ngrams([0, 1, 0], 2, 2))
    assert (
        model.log_probabilities([]).shape == (0,) and len(sample(model, [], 3)) == 3 and len(sample(model, [], 0)) == 0
    )


@pytest.mark.parametrize(
    "work, words",
    [
        (lambda g: count_ngrams(np.array([0, 1]), 2, 3), "order must be from 1 to the 2 tokens"),
        (lambda g: count_ngrams(np.array([0, 1]), 2, 0), "order must be from 1"),
        (
            lambda g: count_ngrams(np.array([0, 2]), 2, 1),
            "tokens must be ids from 0 to 1 .*, but at position 1 there is 2",
        ),
        (lambda g: add_k(g, 1).log_probabilities(np.array([-1, 0])), "at position 0 there is -1"),
        (lambda g: add_k(g, 1).distribution(np.array([9])), "at position 0 there is 9"),
        (lambda g: add_k(g, -1), "k must be at least 0"),
        (lambda g: jelinek_mercer(g, 1.5), "weight must be at least 0 and at most 1, but it is 1.5"),
        (lambda g: kneser_ney(g, [0.5]), "discounts must be 2 numbers from 0 to 1"),
        (lambda g: kneser_ney(g, [0.5, 1.5]), "discounts must be 2 numbers from 0 to 1"),
        (lambda g: sample(add_k(g, 1), np.array([0]), 1, temperature=0), "temperature must be above 0"),
    ],
)
def test_what_will_not_do(work, words):
    with pytest.raises(ValueError, match=words):
        work(count_ngrams(np.array([0, 1, 0]), 2, 2))
