"""Short answers, scored as SQuAD's own script scores them: values computed by hand."""

import pytest

from course_lib.metrics.answers import answer_match, token_f1


@pytest.mark.parametrize(
    "answer, right, match, f1",
    [
        ("the Normans", ["Normans"], 1, 1),
        ("Normans", ["the Norman people", "Normans."], 1, 1),
        ("A a an THE", ["the"], 1, 1),  # both without words
        ("in 1820", ["about 1820"], 0, 1 / 2),
        ("in the year 1820", ["about 1820", "1819"], 0, 2 / 5),
        ("very very cold", ["very cold very"], 0, 1),
        ("cold cold cold", ["cold"], 0, 1 / 2),  # a word counts as often as it is in both
        ("40,000 people", ["40,000"], 0, 2 / 3),  # punctuation goes without a space in its place
        ("40 , 000", ["40,000"], 0, 0),
        ("theatre", ["atre"], 0, 0),  # an article is a whole word
        ("yes", ["no"], 0, 0),
        ("", ["no"], 0, 0),
        ("no", [""], 0, 0),
        ("", [], 1, 1),
        ("The.", [], 1, 1),
        ("I do not know", [], 0, 0),
    ],
)
def test_scores_by_hand(answer, right, match, f1):
    assert answer_match(answer, right) == match
    assert token_f1(answer, right) == pytest.approx(f1)


def test_what_splits_words_is_any_white_space():
    assert answer_match("New\nYork\u00a0City ", ["new york city"]) == 1
