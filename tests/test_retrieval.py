"""BM25 equal to bm25s, dense search equal to a sort of cosines, fusion by hand; indexes from a file as before."""

import math
from itertools import pairwise

import bm25s
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.metrics.ranking import recall_at, reciprocal_ranks
from course_lib.retrieval import BM25, DenseIndex, Hit, reciprocal_rank_fusion, windows, words_of

WORDS = "the a dog cat man bit saw old house of river and".split()


def texts(count, seed, longest=23):
    dice = np.random.default_rng(seed)
    chances = 1 / np.arange(1, len(WORDS) + 1)
    return [
        " ".join(dice.choice(WORDS, dice.integers(1, longest), p=chances / chances.sum())).capitalize() + "."
        for _ in range(count)
    ]


def named(documents):
    return {f"d{number}": text for number, text in enumerate(documents)}


def bm25(documents, **how):
    index = BM25(**how)
    index.add(named(documents))
    return index


def counts(texts):
    """A stand-in for an encoder: how often each word occurs."""
    return torch.tensor([[float(words_of(text).count(word)) for word in WORDS] for text in texts])


@pytest.mark.parametrize("k1, b", [(1.2, 0.75), (0.9, 0.4), (2.0, 0.0), (0.5, 1.0)])
def test_bm25_equals_bm25s(k1, b):
    documents, queries = texts(101, seed=0), texts(13, seed=1, longest=7)
    peer = bm25s.BM25(method="lucene", k1=k1, b=b)
    tokens = bm25s.tokenize(documents, stopwords=None, token_pattern=r"\w+", return_ids=False, show_progress=False)
    peer.index(tokens, show_progress=False)
    for query, hits in zip(queries, bm25(documents, k1=k1, b=b).search(queries, k=101), strict=True):
        theirs = peer.get_scores(words_of(query))
        found = {int(hit.id[1:]): hit.score for hit in hits}
        assert set(found) == set(np.flatnonzero(theirs))
        np.testing.assert_allclose(list(found.values()), theirs[list(found)], rtol=1e-4)


def test_bm25_by_hand():
    index = bm25(["dog dog cat", "dog", "man man man man man"], k1=1, b=1)  # 3, 1 and 5 words: 3 on average
    [[first, second]] = index.search(["A dog!"], k=3)
    idf = math.log(1 + 1.5 / 2.5)
    assert (first.id, second.id) == ("d1", "d0")
    assert first.score == pytest.approx(idf * 1 / (1 + 1 / 3)) and second.score == pytest.approx(idf * 2 / (2 + 1))
    assert index.weights().toarray()[index.weights().shape[0] - 1] == pytest.approx(
        [0, 0, math.log(8 / 3) * 5 / (5 + 5 / 3)]
    )


def test_a_word_that_stands_twice_in_a_query_counts_twice():
    index = bm25(texts(11, seed=2))
    once, twice = index.search(["dog", "dog dog"], k=11)
    assert [hit.id for hit in once] == [hit.id for hit in twice]
    assert [2 * hit.score for hit in once] == pytest.approx([hit.score for hit in twice])


def test_only_what_shares_a_word_is_found_and_ties_go_to_the_first():
    index = bm25(["dog cat", "man", "cat dog", "dog dog"], k1=0)
    assert [[hit.id for hit in hits] for hits in index.search(["dog", "river", "man dog"], k=4)] == [
        ["d0", "d2", "d3"],
        [],
        ["d1", "d0", "d2", "d3"],
    ]
    assert [hit.id for hit in index.search(["dog"], k=2)[0]] == ["d0", "d2"]


def test_more_queries_than_are_searched_at_once():
    index, queries = bm25(texts(31, seed=3)), texts(131, seed=4, longest=5)
    assert index.search(queries, k=5) == [index.search([query], k=5)[0] for query in queries]


def test_documents_added_later_change_how_rare_a_word_is():
    index = bm25(["dog", "cat"])
    before = index.search(["cat"], k=1)[0][0].score
    index.add({"late": "a cat and a dog"})
    whole = bm25(["dog", "cat", "a cat and a dog"])
    whole.ids[2] = "late"
    assert index.search(["cat dog"], k=3) == whole.search(["cat dog"], k=3)
    assert index.search(["cat"], k=1)[0][0].score < before and len(index) == 3


def test_dense_search_is_a_sort_of_cosines():
    documents, queries = texts(31, seed=5), texts(7, seed=6)
    index = DenseIndex(counts)
    index.add(named(documents[:17]))
    index.add({f"d{number}": documents[number] for number in range(17, 31)})
    cosines = torch.nn.functional.cosine_similarity(counts(queries)[:, None], counts(documents)[None], dim=-1)
    for row, hits in zip(cosines, index.search(queries, k=31), strict=True):
        assert [hit.score for hit in hits] == pytest.approx(row.sort(descending=True).values.tolist(), abs=1e-6)
        assert [hit.score for hit in hits] == pytest.approx([row[int(hit.id[1:])].item() for hit in hits], abs=1e-6)


def test_equal_vectors_come_in_the_order_in_which_they_were_added():
    index = DenseIndex(lambda texts: torch.ones(len(texts), 3))
    index.add(named(texts(5, seed=7)))
    assert [hit.id for hit in index.search(["dog"], k=4)[0]] == ["d0", "d1", "d2", "d3"]


@pytest.mark.parametrize("make, given", [(lambda: BM25(0.9, 0.4), ()), (lambda: DenseIndex(counts), (counts,))])
def test_an_index_from_a_file_is_as_before(tmp_path, make, given):
    index, queries = make(), texts(5, seed=8)
    index.add(named(texts(17, seed=9)) | {"漢字 id": "Déjà-vu of a dog"})
    index.save(tmp_path / "new" / "index.npz")
    again = type(index).load(tmp_path / "new" / "index.npz", *given)
    assert again.ids == index.ids and again.search(queries, k=18) == index.search(queries, k=18)
    for one in (index, again):
        one.add({"late": "a river and an old house"})
    assert again.search(queries, k=19) == index.search(queries, k=19)


def test_an_empty_index_from_a_file_can_be_filled(tmp_path):
    BM25().save(tmp_path / "index.npz")
    index = BM25.load(tmp_path / "index.npz")
    index.add({"a": "dog"})
    assert [hit.id for hit in index.search(["dog"], k=1)[0]] == ["a"]


def test_fusion_by_hand():
    words = [Hit("a", 9.0), Hit("b", 8.0), Hit("c", 7.0)]
    meaning = [Hit("c", 0.9), Hit("a", 0.8)]
    fused = reciprocal_rank_fusion([words, meaning], constant=1)
    assert [hit.id for hit in fused] == ["a", "c", "b"]
    assert [hit.score for hit in fused] == pytest.approx([1 / 2 + 1 / 3, 1 / 4 + 1 / 2, 1 / 3])
    assert reciprocal_rank_fusion([words])[0] == Hit("a", 1 / 61)
    assert reciprocal_rank_fusion([]) == reciprocal_rank_fusion([[], []]) == []


@given(words=st.lists(st.sampled_from(WORDS), max_size=40), length=st.integers(1, 9), overlap=st.integers(0, 8))
@settings(max_examples=100, deadline=None)
def test_windows_hold_every_word_and_share_as_many_as_was_said(words, length, overlap):
    overlap = min(overlap, length - 1)
    found = [window.split() for window in windows(" ".join(words), length, overlap)]
    assert found[0] + [word for window in found[1:] for word in window[overlap:]] == words
    assert all(len(window) == length for window in found[:-1]) and len(found[-1]) <= length
    assert all(len(window) > overlap for window in found[1:])
    assert all(a[length - overlap :] == b[:overlap] for a, b in pairwise(found))


def test_ranks_by_hand():
    found = reciprocal_ranks([["a", "b", "c"], ["a", "b", "c"], ["a"], []], right=["a", "c", "z", "a"])
    assert found.tolist() == [1, 1 / 3, 0, 0]
    assert [float(recall_at(k, found)) for k in (1, 2, 3, 50)] == [0.25, 0.25, 0.5, 0.5]
    assert recall_at(3, np.array([[1, 1 / 3], [1 / 4, 0]])).tolist() == [1, 0]


def test_recall_counts_the_kth_for_every_k():
    for k in range(1, 300):
        assert recall_at(k, np.array([1 / k])) == 1 and recall_at(k, np.array([1 / (k + 1)])) == 0
