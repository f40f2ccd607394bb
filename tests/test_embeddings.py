"""Embeddings against hand-computed values, PyTorch, gensim, NumPy, and their own properties."""

import numpy as np
import pytest
import scipy.sparse
import torch
from gensim.models import KeyedVectors
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from course_lib import embeddings


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def keyed(vectors):
    result = KeyedVectors(vectors.shape[1])
    result.add_vectors([str(row) for row in range(len(vectors))], vectors.numpy())
    return result


def test_cosine_similarity_equals_pytorch_in_values_and_gradients():
    u, v = random(7, 5, 11), random(7, 5, 11, seed=1)
    u.requires_grad_()
    mine = embeddings.cosine_similarity(u, v)
    theirs = F.cosine_similarity(u, v, dim=-1)
    torch.testing.assert_close(mine, theirs)
    (mine_gradient,) = torch.autograd.grad(mine.square().sum(), u, retain_graph=True)
    (their_gradient,) = torch.autograd.grad(theirs.square().sum(), u)
    torch.testing.assert_close(mine_gradient, their_gradient)


def test_cosine_similarity_broadcasts_and_zero_vectors_are_like_nothing():
    u, v = random(3, 1, 5), random(1, 7, 5, seed=1)
    u[1] = 0
    similarity = embeddings.cosine_similarity(u, v)
    assert similarity.shape == (3, 7)
    assert (similarity[1] == 0).all() and not similarity.isnan().any()
    torch.testing.assert_close(embeddings.cosine_similarity(3 * u, v), similarity)


def test_normalise_gives_length_one_and_leaves_zero():
    unit = embeddings.normalise(torch.cat([random(5, 3), torch.zeros(1, 3)]))
    torch.testing.assert_close(unit.norm(dim=1), torch.tensor([1.0, 1, 1, 1, 1, 0]))


def test_nearest_neighbours_equal_gensim():
    vectors = random(43, 5) * torch.arange(1, 44)[:, None]
    similarities, rows = embeddings.nearest_neighbours(vectors[[4, 17]], vectors, 8)
    for query, found, values in zip((4, 17), rows, similarities, strict=True):
        assert found[0] == query
        theirs = keyed(vectors).most_similar(str(query), topn=7)
        assert [str(row.item()) for row in found[1:]] == [name for name, _ in theirs]
        np.testing.assert_allclose(values[1:], [value for _, value in theirs], rtol=1e-5)


def test_lengths_known_beforehand_change_nothing():
    vectors = random(43, 5)
    lengths = vectors.norm(dim=-1)
    for search, query in ((embeddings.nearest_neighbours, vectors[4]), (embeddings.analogy, torch.tensor([4, 5, 6]))):
        first, second = (query, vectors) if query.dim() == 1 and query.is_floating_point() else (vectors, query)
        torch.testing.assert_close(search(first, second, 3), search(first, second, 3, lengths))


def test_a_zero_vector_is_nobodys_nearest_neighbour_but_the_last():
    vectors = torch.tensor([[1.0, 0.0], [0.0, 0.0], [-1.0, 0.0], [1.0, 1.0]])
    similarities, rows = embeddings.nearest_neighbours(vectors[0], vectors, 4)
    assert rows.tolist() == [0, 3, 1, 2]
    assert similarities.tolist() == pytest.approx([1, 0.5**0.5, 0, -1])


@pytest.mark.parametrize("k", [0, 6])
def test_nearest_neighbours_wants_a_possible_k(k):
    with pytest.raises(ValueError, match=f"k must be from 1 to the 5 vectors there are, but it is {k}"):
        embeddings.nearest_neighbours(random(3), random(5, 3), k)


def test_analogy_equals_gensim():
    vectors = random(37, 5) * torch.arange(1, 38)[:, None]
    questions = torch.tensor([[0, 1, 2], [5, 3, 36], [7, 7, 8]])
    similarities, rows = embeddings.analogy(vectors, questions, k=4)
    for (a, b, c), found, values in zip(questions.tolist(), rows, similarities, strict=True):
        theirs = keyed(vectors).most_similar(positive=[str(b), str(c)], negative=[str(a)], topn=4)
        assert [str(row.item()) for row in found] == [name for name, _ in theirs]
        np.testing.assert_allclose(values, [value for _, value in theirs], rtol=1e-5)


def test_one_analogy_or_many_give_the_same():
    vectors, questions = random(13, 5), torch.tensor([[[0, 1, 2], [3, 4, 5]]])
    assert torch.equal(
        embeddings.analogy(vectors, questions, 3)[1][0, 1], embeddings.analogy(vectors, questions[0, 1], 3)[1]
    )


def test_analogy_never_answers_with_its_question_and_wants_a_possible_k():
    vectors = random(5, 3)
    _, rows = embeddings.analogy(vectors, torch.tensor([4, 0, 2]), k=2)
    assert set(rows.tolist()) == {1, 3}
    with pytest.raises(ValueError, match="k must be from 1 to 2"):
        embeddings.analogy(vectors, torch.tensor([4, 0, 2]), k=3)


def test_association_by_hand():
    first, second = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 3.0], [0.0, -1.0]])
    words = torch.tensor([[5.0, 0.0], [0.0, 1.0], [3.0, 4.0]])
    assert embeddings.association(words, first, second).tolist() == pytest.approx([1, 0, 0.6])


def brute_force(tokens, vocab_size, window):
    counts = np.zeros((vocab_size, vocab_size))
    for here, word in enumerate(tokens):
        for there, other in enumerate(tokens):
            if 0 < abs(here - there) <= window and word >= 0 and other >= 0:
                counts[word, other] += 1
    return counts


@given(st.lists(st.integers(-1, 4), max_size=30), st.integers(1, 40))
def test_cooccurrence_equals_counting_by_hand(tokens, window):
    counts = embeddings.cooccurrence(torch.tensor(tokens, dtype=torch.long), 5, window)
    np.testing.assert_array_equal(counts.toarray(), brute_force(tokens, 5, window))


@pytest.mark.parametrize(
    "tokens, window, words",
    [
        ([0, 1], 0, "window must be at least 1"),
        ([0, 5], 2, "from -1 to 4 .* there is 5"),
        ([-2, 1], 2, "from -1 to 4 .* there is -2"),
    ],
)
def test_cooccurrence_refuses(tokens, window, words):
    with pytest.raises(ValueError, match=words):
        embeddings.cooccurrence(torch.tensor(tokens), 5, window)


def test_ppmi_equals_the_formula_on_a_dense_table():
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 5, (7, 11)).astype(float) + np.eye(7, 11)
    joint = counts / counts.sum()
    with np.errstate(divide="ignore"):
        expected = np.maximum(np.log(joint / np.outer(joint.sum(1), joint.sum(0))), 0)
    information = embeddings.ppmi(scipy.sparse.csr_array(counts))
    np.testing.assert_allclose(information.toarray(), expected)
    assert (information.data > 0).all(), "zeros are stored"


def test_svd_vectors_give_the_best_approximation_of_their_rank():
    matrix = random(13, 13).double().numpy()
    matrix = matrix @ matrix.T  # symmetric and positive: U√Σ times its transpose is the approximation
    vectors = embeddings.svd_vectors(scipy.sparse.csr_array(matrix), 5)
    u, s, vt = np.linalg.svd(matrix)
    assert vectors.dtype == torch.float32 and vectors.shape == (13, 5)
    np.testing.assert_allclose(vectors @ vectors.T, u[:, :5] * s[:5] @ vt[:5], atol=1e-4)
    lengths = vectors.norm(dim=0)
    assert (lengths[:-1] >= lengths[1:]).all(), "the widest direction comes first"


def test_svd_vectors_are_the_same_every_time():
    matrix = scipy.sparse.random_array((31, 31), density=0.3, rng=np.random.default_rng(0))
    first, second = (embeddings.svd_vectors(matrix.tocsr(), 7) for _ in range(2))
    assert torch.equal(first, second)
    assert (first.gather(0, first.abs().argmax(0, keepdim=True)) > 0).all()


@pytest.mark.parametrize("width", [0, 5])
def test_svd_vectors_want_a_possible_width(width):
    with pytest.raises(ValueError, match=f"d_embed must be from 1 to 4 .* but it is {width}"):
        embeddings.svd_vectors(scipy.sparse.csr_array(np.eye(5)), width)


@pytest.mark.parametrize("kind", [list, iter, np.array, lambda tokens: torch.tensor(tokens, dtype=torch.int16)])
def test_cooccurrence_takes_any_sequence_of_ids(kind):
    tokens = [0, 3, -1, 2, 0, 0, 4]
    np.testing.assert_array_equal(embeddings.cooccurrence(kind(tokens), 5, 2).toarray(), brute_force(tokens, 5, 2))
    assert embeddings.cooccurrence(kind(tokens[:1]), 5, 1_000_000).nnz == 0


def test_matrices_may_be_dense_and_hold_zeros_that_are_stored():
    counts = np.array([[2.0, 0, 1], [0, 3, 1], [1, 1, 0]])
    stored = scipy.sparse.csr_array((counts.ravel(), (np.repeat(range(3), 3), np.tile(range(3), 3))), shape=(3, 3))
    assert stored.nnz == 9
    for matrix in (counts, counts.astype(int), stored, scipy.sparse.csc_matrix(counts)):
        np.testing.assert_array_equal(
            embeddings.ppmi(matrix).toarray(), embeddings.ppmi(scipy.sparse.csr_array(counts)).toarray()
        )
    assert stored.nnz == 9, "what is given stays as it was"
    whole = embeddings.svd_vectors(counts.astype(int), 2)
    assert torch.equal(whole, embeddings.svd_vectors(scipy.sparse.csr_array(counts), 2))


def test_questions_come_as_lists_too():
    vectors = random(13, 5)
    questions = [[0, 1, 2], [3, 4, 5]]
    for search in (questions, np.array(questions, dtype=np.int32)):
        assert torch.equal(
            embeddings.analogy(vectors, search)[1], embeddings.analogy(vectors, torch.tensor(questions))[1]
        )


def test_nan_anywhere_among_the_vectors_is_found():
    vectors = random(41, 7)
    vectors[29, 3] = torch.nan
    lengths = vectors.nan_to_num().norm(dim=-1)
    for known in (None, lengths):
        with pytest.raises(ValueError, match=r"vectors must be finite numbers, but at \(29, 3\) there is nan"):
            embeddings.nearest_neighbours(vectors[:3], vectors, 1, known)
        with pytest.raises(ValueError, match=r"vectors must be finite numbers, but at \(29, 3\) there is nan"):
            embeddings.analogy(vectors, torch.tensor([0, 1, 2]), lengths=known)
