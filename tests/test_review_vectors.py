"""The stored vectors of review words: learned from the training texts alone, and whole."""

import torch

from course_lib import data, embeddings
from experiments.checkpoints import review_vectors


def test_only_the_training_texts_are_read_and_only_frequent_words_kept(monkeypatch, tmp_path):
    train = [
        ("It's a DOG, a dog! and a cat and a fish", 1),
        ("a dog and a cat; a dog", 0),
        ("it's and dog, dog, cat", 1),
    ] * 20
    splits = {"train": train, "validation": [("secret secret", 1)] * 500, "test": [("hidden hidden", 0)] * 500}
    monkeypatch.setattr(data, "movie_reviews", lambda source: splits)
    monkeypatch.setattr(review_vectors, "FILE", tmp_path / "vectors.safetensors")
    monkeypatch.setattr(review_vectors, "WORDS", 5)
    monkeypatch.setattr(review_vectors, "WIDTH", 3)
    assert review_vectors.make() == tmp_path / "vectors.safetensors"
    bag, words = review_vectors.vectors.__wrapped__()
    assert words == ["a", "dog", "and", "cat", "it's"]
    assert bag.weight.shape == (5, 3) and bag.weight.abs().sum() > 0 and not bag.weight.requires_grad
    torch.testing.assert_close(bag(torch.tensor([0, 2]), torch.tensor([0]))[0], bag.weight[[0, 2]].mean(dim=0))


def test_the_stored_vectors_are_whole_and_make_sense():
    bag, words = review_vectors.vectors()
    assert len(words) == len(set(words)) == 10_000 and words[0] == "the"
    assert bag.weight.shape == (10_000, 100) and bag.weight.isfinite().all()
    _, near = embeddings.nearest_neighbours(bag.weight[words.index("awful")], bag.weight, 5)
    assert "terrible" in {words[number] for number in near}
