"""Skip-gram with negative sampling: its step is the gradient of the loss, and what it learns is there to be found."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
import torch
from scipy.stats import chi2
from torch import Generator
from torch.nn import functional as F

from course_lib.embeddings import (
    SkipGramConfig,
    cosine_similarity,
    keep_probability,
    noise_distribution,
    skipgram,
    train_skipgram,
)

ALL = SkipGramConfig(subsample=0)


def first_batch(documents, vocab_size, config=ALL):
    words, document = skipgram._flatten(documents, vocab_size)
    generator = Generator().manual_seed(config.seed)
    keep = keep_probability(words.bincount(minlength=vocab_size), config.subsample)
    return next(skipgram._batches(words, document, keep, config, generator))


def pairs_of(documents, vocab_size, config=ALL):
    """(word, context) pairs of the first batch, counted one by one."""
    stretch, pairs = first_batch(documents, vocab_size, config)
    return Counter((stretch[n, b + config.window].item(), stretch[n, s].item()) for n, b, s in pairs.nonzero().tolist())


def test_with_a_reach_of_one_the_pairs_are_the_neighbours_within_a_document():
    documents = [[0, 1, 2], [3], [4, 5, 4], list(range(6, 106)), []]
    expected = Counter()
    for document in documents:
        expected.update(itertools.pairwise(document))
        expected.update(itertools.pairwise(document[::-1]))
    assert pairs_of(documents, 106, SkipGramConfig(subsample=0, window=1)) == expected


def test_every_reach_up_to_the_window_is_as_likely():
    document = list(range(1000))
    distances = Counter(abs(a - b) for a, b in pairs_of([document], 1000, SkipGramConfig(subsample=0, window=4)))
    assert set(distances) == {1, 2, 3, 4}
    for distance, times in distances.items():
        assert times / 2000 == pytest.approx((5 - distance) / 4, abs=0.05)  # 4 standard errors


def test_frequent_words_are_thinned_as_often_as_said():
    counts = torch.tensor([9000, 900, 100])
    keep = keep_probability(counts, 1e-2)
    words = torch.repeat_interleave(torch.arange(3), counts)[
        torch.randperm(10_000, generator=Generator().manual_seed(0))
    ]
    config = SkipGramConfig(subsample=1e-2, window=1)
    generator = Generator().manual_seed(1)
    batches = list(skipgram._batches(words, torch.zeros_like(words), keep, config, generator))
    seen = torch.cat([stretch[:, 1:-1].flatten() for stretch, _ in batches[: len(batches) // 3]])
    padding = -len(seen) % skipgram.BLOCK
    shares = seen[: len(seen) - padding].bincount(minlength=3)
    expected = counts * keep
    assert ((shares - expected).abs() < 4 * expected.sqrt() + skipgram.BLOCK).all()
    assert keep.tolist() == pytest.approx([(0.01 / 0.9) ** 0.5 + 0.01 / 0.9, (0.01 / 0.09) ** 0.5 + 0.01 / 0.09, 1.0])


def test_noise_is_drawn_by_the_three_quarter_power():
    counts = torch.tensor([1, 16, 81, 256])
    noise = noise_distribution(counts, 0.75)
    assert noise.tolist() == pytest.approx([1 / 100, 8 / 100, 27 / 100, 64 / 100])
    drawn = torch.multinomial(noise, 10_000, replacement=True, generator=Generator().manual_seed(0)).bincount()
    assert ((drawn - 10_000 * noise) ** 2 / (10_000 * noise)).sum() < chi2.ppf(0.9999, df=3)


def test_a_negative_that_is_the_word_to_predict_does_not_count():
    documents = [[0, 1, 2, 1, 3]]
    stretch, pairs = first_batch(documents, 5, SkipGramConfig(subsample=0, window=1))
    drawn = torch.tensor([[1, 4, 1]])
    rows, weights = skipgram._with_negatives(stretch, pairs, drawn, negatives=6)
    assert rows.tolist() == [[*stretch[0].tolist(), 1, 4, 1]]
    # 6 negatives of 3 drawn: a weight of 2 a pair. The 0 and the 2 have no pair without a 1; 3's only one is a 1.
    assert weights[0, :5, -3:].tolist() == [[0, 2, 0], [4, 4, 4], [0, 4, 0], [4, 4, 4], [0, 2, 0]]
    assert torch.equal(weights[:, :, :-3], pairs)


@pytest.fixture
def small():
    """Blocks of a text of 17 words in which some come often, with weights, and random vectors of width 7."""
    generator = Generator().manual_seed(0)
    documents = [torch.randint(0, 17, (length,), generator=generator).tolist() for length in (40, 3, 90)]
    config = SkipGramConfig(subsample=0, window=3)
    stretch, pairs = first_batch(documents, 17, config)
    drawn = torch.randint(0, 17, (len(stretch), skipgram.SHARED), generator=generator)
    rows, weights = skipgram._with_negatives(stretch, pairs, drawn, config.negatives)
    vectors, contexts = torch.randn(2, 17, 7, generator=generator).unbind()
    return stretch[:, 3:-3], rows, weights, vectors, contexts


def loss_pair_by_pair(block, rows, weights, vectors, contexts):
    """The module docstring's loss, one score at a time, as autograd sees it."""
    losses = []
    for n, b, s in weights.nonzero().tolist():
        score = vectors[block[n, b]] @ contexts[rows[n, s]]
        sign = 1 if s < rows.shape[1] - skipgram.SHARED else -1
        losses.append(-weights[n, b, s] * F.logsigmoid(sign * score))
    return sum(losses)


def test_the_step_is_the_gradient_of_the_loss(small):
    block, rows, weights, vectors, contexts = small
    u, c = vectors.clone().requires_grad_(), contexts.clone().requires_grad_()
    total = loss_pair_by_pair(block, rows, weights, u, c)
    total.backward()
    rate = 1e-4  # so small that no vector's rate is cut
    scores = skipgram._step(vectors, contexts, block, rows, weights, rate)
    torch.testing.assert_close(vectors, u.detach() - rate * u.grad)
    torch.testing.assert_close(contexts, c.detach() - rate * c.grad)
    pairs = weights[:, :, : -skipgram.SHARED].sum()
    assert skipgram._loss(scores, weights) == pytest.approx((total / pairs).item(), rel=1e-5)


def test_a_crowded_vector_moves_by_reach_times_its_mean_gradient(small):
    block, rows, weights, vectors, contexts = small
    u, c = vectors.clone().requires_grad_(), contexts.clone().requires_grad_()
    loss_pair_by_pair(block, rows, weights, u, c).backward()
    crowd, context_crowd = torch.zeros(17), torch.zeros(17)
    for n, b, s in itertools.product(*map(range, weights.shape)):
        crowd[block[n, b]] += weights[n, b, s]
        context_crowd[rows[n, s]] += weights[n, b, s]
    skipgram._step(vectors, contexts, block, rows, weights, rate=1.0)
    assert min(crowd.min(), context_crowd.min()) > skipgram.REACH
    torch.testing.assert_close(vectors, u.detach() - skipgram.REACH / crowd[:, None] * u.grad)
    torch.testing.assert_close(contexts, c.detach() - skipgram.REACH / context_crowd[:, None] * c.grad)


def grammar(sentences=1500):
    """ "The cat eats fish", over and over: twelve animals, twelve foods, no word twice in a sentence."""
    generator = Generator().manual_seed(0)
    draws = torch.randint(0, 12, (sentences, 2), generator=generator)
    return [[24, animal, 25, 12 + food, 26] for animal, food in draws.tolist()]


def test_words_with_the_same_neighbours_get_like_vectors_the_same_every_time():
    config = SkipGramConfig(d_embed=13, epochs=60, window=2, subsample=0, seed=3)
    vectors, contexts = train_skipgram(grammar(), 27, config)
    alike = cosine_similarity(vectors[:24, None], vectors[None, :24])
    kind = torch.arange(24) < 12
    within, across = alike[kind][:, kind].mean(), alike[kind][:, ~kind].mean()
    assert within > across + 0.3
    again, again_contexts = train_skipgram(grammar(), 27, config)
    assert torch.equal(vectors, again) and torch.equal(contexts, again_contexts)
    other, _ = train_skipgram(grammar(), 27, SkipGramConfig(**{**vars(config), "seed": 4}))
    assert not torch.equal(vectors, other)


def test_watch_sees_the_loss_fall_from_that_of_a_coin():
    seen = []
    config = SkipGramConfig(d_embed=13, epochs=5, window=2, subsample=0)
    vectors, _ = train_skipgram(grammar(), 27, config, watch=seen.append)
    done = [progress.done for progress in seen]
    assert done == sorted(done) and 0 < done[0] < 0.2 and done[-1] > 0.9
    assert 5 * math.log(2) < seen[0].loss < 6 * math.log(2)  # 6 but for negatives that are the word to predict
    assert seen[-1].loss < seen[0].loss - 0.5
    assert seen[-1].vectors.data_ptr() == vectors.data_ptr()


def test_the_stop_button_keeps_what_was_learned():
    def stop(progress):
        if progress.done > 0.5:
            raise KeyboardInterrupt

    config = SkipGramConfig(d_embed=13, epochs=5, window=2, subsample=0)
    vectors, contexts = train_skipgram(grammar(), 27, config, watch=stop)
    assert vectors.isfinite().all() and contexts.abs().max() > 0


@pytest.mark.parametrize(
    "documents, words",
    [
        ([], "at least two words, but there is none"),
        ([[1], []], "at least two words, but there is none"),
        ([[1, 7]], r"documents\[0\] must be ids from 0 to 6 .* at position 1 there is 7"),
        ([[-1, 2]], "from 0 to 6 .* at position 0 there is -1"),
    ],
)
def test_it_refuses_what_is_no_text(documents, words):
    with pytest.raises(ValueError, match=words):
        train_skipgram(documents, 7)


@pytest.mark.parametrize(
    "settings",
    [{"window": 0}, {"negatives": 0}, {"epochs": 0}, {"d_embed": 0}, {"subsample": -1.0}, {"learning_rate": 0}],
)
def test_config_refuses(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        SkipGramConfig(**settings)


def test_a_tiny_text_is_trained_on_or_refused_but_never_silently_left_out():
    ended = {"trained": 0, "refused": 0}
    for seed in range(40):
        config = SkipGramConfig(subsample=0.02, epochs=2, d_embed=5, seed=seed)  # keeps about two words an epoch
        try:
            _, contexts = train_skipgram([[0, 1, 2, 0, 1, 2]], 3, config)
        except ValueError as error:
            assert "subsample must leave two of the 6 words beside each other" in str(error)
            ended["refused"] += 1
        else:
            assert contexts.isfinite().all() and contexts.any()
            ended["trained"] += 1
    assert min(ended.values()) > 5, ended


def test_documents_come_in_any_sequence():
    documents, config = [[0, 1, 2, 1], [2, 0]], SkipGramConfig(subsample=0, d_embed=3)
    expected, _ = train_skipgram(documents, 3, config)
    for kind in (iter, torch.tensor, lambda ids: np.array(ids, dtype=np.uint16)):
        vectors, _ = train_skipgram((kind(document) for document in documents), 3, config)
        assert torch.equal(vectors, expected)
    matrix, _ = train_skipgram(torch.tensor([[0, 1, 2], [1, 1, 0]]), 3, config)
    assert torch.equal(matrix, train_skipgram([[0, 1, 2], [1, 1, 0]], 3, config)[0])


def test_the_stop_button_before_the_first_pair_is_no_error():
    def stop(progress):
        raise KeyboardInterrupt

    vectors, contexts = train_skipgram([[0], [1, 2]], 3, SkipGramConfig(subsample=0.001, epochs=500), watch=stop)
    assert vectors.isfinite().all() and contexts.isfinite().all()


def test_counts_come_as_lists_too():
    assert torch.equal(keep_probability([990, 10], 0.01), keep_probability(torch.tensor([990, 10]), 0.01))
    assert torch.equal(noise_distribution([16, 0, 1], 0.75), noise_distribution(torch.tensor([16, 0, 1]), 0.75))
    assert noise_distribution([16, 0, 1], 0.75)[1] == 0
