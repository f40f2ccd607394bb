"""ROUGE against the package rouge-score, with and without stems, and by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score import rouge_scorer, tokenize

from course_lib import data
from course_lib.metrics.rouge import rouge, rouge_tokens

TYPES = ("rouge1", "rouge2", "rougeL")
PEERS = {stem: rouge_scorer.RougeScorer(TYPES, use_stemmer=stem) for stem in (False, True)}
WORDS = st.lists(st.sampled_from("a b dogs running ran café 3.14 don't İ".split()), max_size=12).map(" ".join)


def equals_the_peer(summary, reference, stem):
    theirs = PEERS[stem].score(reference, summary)
    for name, ours in rouge(summary, reference, stem).items():
        assert tuple(ours) == pytest.approx(tuple(theirs[name])), name


@pytest.mark.parametrize("stem", [False, True])
def test_scores_of_real_summaries_equal_rouge_scores(stem):
    for article in data.question_set("xsum")["validation"][:40]:
        first_sentence = article.passage.partition(". ")[0]
        equals_the_peer(first_sentence, article.answers[0], stem)


@given(WORDS | st.text(max_size=20), WORDS | st.text(max_size=20), st.booleans())
def test_scores_of_any_texts_equal_rouge_scores(summary, reference, stem):
    equals_the_peer(summary, reference, stem)
    assert rouge_tokens(summary, stem) == tokenize.tokenize(summary, PEERS[True]._tokenizer._stemmer if stem else None)


def test_by_hand():
    scores = rouge("The police killed the gunman", "the gunman police killed")
    assert scores["rouge1"] == pytest.approx((4 / 5, 1, 8 / 9))
    assert scores["rouge2"] == pytest.approx((2 / 4, 2 / 3, 4 / 7))  # police killed, the gunman
    assert scores["rougeL"] == pytest.approx((3 / 5, 3 / 4, 2 / 3))  # the, police, killed


def test_texts_swapped_swap_precision_and_recall_and_a_text_equals_itself():
    first, second = "a dog ran to the house", "the dog is now in a house"
    for there, back in zip(rouge(first, second).values(), rouge(second, first).values(), strict=True):
        assert (there.precision, there.recall, there.f1) == (back.recall, back.precision, back.f1)
    assert set(rouge(first, first).values()) == {(1, 1, 1)}
    assert set(rouge("", first).values()) == set(rouge("", "").values()) == {(0, 0, 0)}
