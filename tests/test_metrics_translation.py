"""BLEU and chrF against sacrebleu, sentence for sentence drawn, and their intervals."""

import numpy as np
import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

from course_lib import data
from course_lib.metrics import (
    bleu,
    bleu_counts,
    bleu_tokens,
    bootstrap_interval,
    chrf,
    chrf_counts,
    exact_match,
    translation_scores,
)

SCORES = [(bleu, bleu_counts, sacrebleu.corpus_bleu), (chrf, chrf_counts, sacrebleu.corpus_chrf)]
NAMES = ["BLEU", "chrF"]

HAND_MADE = {
    "equal": [("the cat sat on the mat", "the cat sat on the mat")],
    "nothing in common": [("a b c d e", "v w x y z")],
    "one word in common": [("a b c d e", "v w c y z")],
    "matches of two lengths only": [("a b x y z", "a b v w u"), ("c d e q r", "d e f g h")],
    "a word too often": [("the the the the the", "the cat is on the mat")],
    "shorter": [("the cat sat on", "the cat sat on the mat by the door")],
    "longer": [("the cat sat on the mat by the door", "the cat sat on")],
    "fewer than four words": [("good night", "good night"), ("a", "a")],
    "nothing said": [("", "the cat sat")],
    "nothing asked": [("the cat sat", "")],
    "nothing at all": [("", "")],
    "some empty": [("", "the cat sat"), ("the cat sat on it", "the cat sat on it"), ("so", "")],
    "white space": [("  the\tcat \n sat on ", "the cat sat on"), ("\u00a0a\u3000b", "a b")],
    "entities and hyphens": [
        ("&quot;a&quot; &amp;lt; b-\nc <skipped>&gt;d", '"a" < bc >d'),
        ("1-2, 3.4,5", "1 - 2 3.4 5"),
    ],
    "unicode": [("Ich weiß, daß 我爱你 ﬁn 🙂.", "Ich weiss, dass 我 爱你 fin 🙂 ."), ("İstanbul…«x»", "Istanbul…«x»")],
}


def _counts(count, pairs):
    return np.array([count(*pair) for pair in pairs])


def _equals_sacrebleu(pairs):
    for score, count, peer in SCORES:
        expected = peer([pair[0] for pair in pairs], [[pair[1] for pair in pairs]]).score
        assert float(score(_counts(count, pairs))) == pytest.approx(expected, rel=1e-9), peer.__name__


@pytest.mark.parametrize("pairs", HAND_MADE.values(), ids=HAND_MADE)
def test_hand_made_sentences_score_as_in_sacrebleu(pairs):
    _equals_sacrebleu(pairs)


WORDS = st.lists(st.sampled_from("a b cd. cd a, 3.1 1,2 5-6 x-y 'tis & &amp; ; é 我".split()), max_size=9).map(" ".join)
TEXTS = st.one_of(WORDS, st.text(max_size=12), st.text("ab1.,-& \n'", max_size=15))


@settings(deadline=None, max_examples=300)
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=4))
def test_any_sentences_score_as_in_sacrebleu(pairs):
    _equals_sacrebleu(pairs)


@settings(deadline=None, max_examples=300)
@given(TEXTS)
def test_words_are_parted_as_in_sacrebleu(text):
    assert bleu_tokens(text) == Tokenizer13a()(text.rstrip()).split()


def test_scores_by_hand():
    """3 of 4 words, 2 of 3 pairs, 1 of 2 triples, and smoothed 1/2 of 1; the reference has 5 words."""
    counts = bleu_counts("the cat sat down", "the cat sat over there")
    assert counts.tolist() == [[3, 2, 1, 0], [4, 3, 2, 1], [5, 4, 3, 2]]
    assert bleu(counts[None]) == pytest.approx(100 * np.exp(1 - 5 / 4) * (3 / 4 * 2 / 3 * 1 / 2 * 1 / 2) ** 0.25)
    counts = chrf_counts("ab", "a cb")
    assert counts.tolist() == [[2, 0, 0, 0, 0, 0], [2, 1, 0, 0, 0, 0], [3, 2, 1, 0, 0, 0]]
    precision, recall = (1 + 0) / 2, (2 / 3 + 0) / 2
    assert chrf(counts[None]) == pytest.approx(100 * 5 * precision * recall / (4 * precision + recall))


@pytest.mark.parametrize("score, count, peer", SCORES, ids=NAMES)
def test_many_corpora_at_once_score_as_each_alone(score, count, peer):
    counts = _counts(count, [pair for pairs in HAND_MADE.values() for pair in pairs])
    drawn = np.random.default_rng(0).integers(0, len(counts), (2, 3, 7))
    together = score(counts[drawn])
    assert together.shape == (2, 3)
    alone = [[float(score(counts[sample])) for sample in row] for row in drawn]
    np.testing.assert_allclose(together, alone, rtol=1e-12)
    with pytest.raises(ValueError, match="at least one sentence"):
        score(counts[:0])


def test_exact_match_wants_every_character():
    assert exact_match(["a b", "a b ", "A b", "c"], ["a b", "a b", "a b", "c"]) == 50
    for hypotheses, references in ((["a"], ["a", "b"]), ([], [])):
        with pytest.raises(ValueError, match=f"there are {len(hypotheses)} and {len(references)}"):
            exact_match(hypotheses, references)
        with pytest.raises(ValueError, match="each hypothesis needs its reference"):
            translation_scores(hypotheses, references)


def test_intervals_are_of_the_scores_and_draw_the_same_sentences():
    pairs = data.folio_pairs()["validation"][:300]
    hypotheses, references = zip(*pairs, strict=True)
    scores = translation_scores(hypotheses, references, seed=3)
    assert list(scores) == ["BLEU", "chrF", "exact match"]
    assert scores["exact match"].value == exact_match(hypotheses, references)
    for name, (score, count, peer) in zip(NAMES, SCORES, strict=True):
        counts = _counts(count, pairs)
        drawn = np.random.default_rng(3).integers(0, 300, (1000, 300))
        low, high = np.percentile([float(score(counts[sample])) for sample in drawn], [2.5, 97.5])
        assert scores[name] == pytest.approx((peer(hypotheses, [references]).score, low, high), rel=1e-9)
        assert low < scores[name].value < high
    assert scores == translation_scores(hypotheses, references, seed=3) != translation_scores(hypotheses, references)


def test_a_bootstrap_in_batches_is_the_same():
    sample = np.random.default_rng(1).normal(size=31)
    sizes = []

    def mean(x):
        sizes.append(x.shape)
        return x.mean(axis=-1)

    whole = bootstrap_interval(mean, sample, n_resamples=50)
    sizes.clear()
    assert bootstrap_interval(mean, sample, n_resamples=50, batch=7) == whole
    assert max(shape[0] for shape in sizes if len(shape) == 2) == 7


def test_generators_of_texts_are_texts():
    pairs = [("good night", "good night"), ("O loue", "O love")]
    hypotheses, references = zip(*pairs, strict=True)
    assert exact_match((text for text in hypotheses), iter(references)) == 50
    assert translation_scores(iter(hypotheses), iter(references)) == translation_scores(hypotheses, references)
