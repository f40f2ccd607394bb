"""The word error rate, beside NLTK's distance and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nltk.metrics.distance import edit_distance

from course_lib.metrics.speech import word_error_counts, word_error_rate

WORDS = st.lists(st.sampled_from(["a", "b", "c"]), max_size=8).map(" ".join)


@pytest.mark.parametrize(
    ("transcript", "reference", "errors"),
    [("", "", 0), ("", "a b", 2), ("a b", "", 2), ("a b c", "a c", 1), ("b a", "a b", 2), ("A, b", "a b", 1)],
)
def test_by_hand(transcript, reference, errors):
    assert word_error_counts(transcript, reference).tolist() == [errors, len(reference.split())]


@given(WORDS, WORDS)
def test_the_distance_is_nltks_and_the_same_both_ways(one, other):
    errors = word_error_counts(one, other)[0]
    assert errors == edit_distance(one.split(), other.split()) == word_error_counts(other, one)[0]


def test_texts_count_by_their_words():
    counts = np.array([[1, 2], [0, 8], [3, 10]])
    assert word_error_rate(counts) == pytest.approx(0.2)
    np.testing.assert_allclose(word_error_rate(np.stack([counts, counts * [2, 1]])), [0.2, 0.4])
