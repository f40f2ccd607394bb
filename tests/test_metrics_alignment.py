"""The alignment error rate against NLTK's, sentence for sentence and all together."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.translate import Alignment
from nltk.translate.metrics import alignment_error_rate as peer

from course_lib.metrics import alignment_counts, alignment_error_rate, bootstrap_interval

LINKS = st.sets(st.tuples(st.integers(0, 4), st.integers(0, 6)))


@settings(deadline=None)
@given(LINKS, LINKS.filter(bool), LINKS)
def test_one_sentence_scores_as_in_nltk(proposed, sure, more):
    counts = np.array([alignment_counts(proposed, sure, more)])
    assert alignment_error_rate(counts) == pytest.approx(peer(Alignment(sure), Alignment(proposed), sure | more))


def test_by_hand():
    proposed, sure, possible = [(0, 0), (1, 1), (2, 2)], [(0, 0), (1, 2)], [(1, 1)]
    counts = alignment_counts(proposed, sure, possible)
    assert counts.tolist() == [1, 2, 3, 2]
    assert alignment_error_rate(counts[None]) == pytest.approx(1 - 3 / 5)


def test_without_possible_links_it_is_one_minus_f1():
    proposed, sure = [(0, 0), (1, 1), (2, 2)], [(0, 0), (1, 2)]
    precision, recall = 1 / 3, 1 / 2
    rate = alignment_error_rate(alignment_counts(proposed, sure)[None])
    assert rate == pytest.approx(1 - 2 * precision * recall / (precision + recall))


def test_sentences_are_counted_together_and_not_averaged():
    counts = np.array(
        [alignment_counts([(0, 0)], [(0, 0)]), alignment_counts([(0, 1)] * 3, [(i, i) for i in range(5)])]
    )
    assert counts[1].tolist() == [0, 0, 1, 5]
    assert alignment_error_rate(counts) == pytest.approx(1 - 2 / 8)


def test_resamples_are_scored_at_once():
    counts = np.array([[1, 1, 1, 1], [0, 0, 2, 1], [2, 2, 3, 4]])
    rows = np.array([[0, 1, 2], [0, 0, 0]])
    assert alignment_error_rate(counts[rows]).tolist() == pytest.approx([0.5, 0.0])
    interval = bootstrap_interval(lambda drawn: alignment_error_rate(counts[drawn]), np.arange(3), n_resamples=50)
    assert interval.low <= interval.value <= interval.high


@pytest.mark.parametrize("kind", [list, set, tuple, iter])
def test_links_may_come_in_any_order_and_container(kind):
    assert alignment_counts(kind([(1, 2), (0, 0)]), kind([(0, 0)])).tolist() == [1, 1, 2, 1]
