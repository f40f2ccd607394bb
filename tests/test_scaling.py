"""What the tables of scaling laws stand on: counts, windows, the crawl and its signatures, the fits."""

import random
import zlib

import datasketch
import numpy as np
import pytest
import torch
from torch import Generator

from classroom.checks import scaling_laws as checks
from course_lib.training import flops_per_token
from experiments import crawl, scaling
from experiments.tables import scaling_forecast, scaling_sums

TEXTS = ["the dog bit the man in the park on Sunday", "a dog bit the man in the park on Monday", "ash"]


def test_parameters_are_those_of_the_matrices_in_products():
    for d_model in (16, 24, 128):
        attention = 12 * scaling.LAYERS * d_model * scaling.CONTEXT
        assert 6 * scaling.parameters(d_model) + attention == flops_per_token(scaling.model_of(d_model, 0), 64)


def test_a_pass_reads_each_chosen_window_once_and_the_next_one_in_another_order():
    ids = torch.arange(64 * 12 + 1)
    draw, generator = scaling.draw_windows(ids, 64 * 8, 4, seed=0), Generator().manual_seed(1)
    starts = [draw(generator)[0][:, 0].tolist() for _ in range(4)]
    first, second = starts[0] + starts[1], starts[2] + starts[3]
    assert len(set(first)) == 8 and sorted(first) == sorted(second) and first != second


def test_signatures_are_those_of_datasketch():
    a, b = crawl.permutations()
    for text in TEXTS:
        shingles = sorted(crawl.shingles(text))
        peer = datasketch.MinHash(num_perm=64, hashfunc=zlib.crc32, permutations=(a, b), scheme="affine32")
        for shingle in shingles:
            peer.update(shingle.encode())
        own = crawl.signature(crawl.hashes(shingles), a, b)
        assert np.array_equal(peer.hashvalues, own)
        assert checks.signature.right(crawl.hashes(shingles).tolist(), a.tolist(), b.tolist()) == own.tolist()


def test_near_duplicates_are_found_and_the_first_is_kept():
    long = " ".join(f"word{number}" for number in range(60))
    assert crawl.near_duplicates([long, "something else altogether here", long + " end"]) == [False, False, True]


def test_without_tags_gives_the_text_back():
    text = "Fish & chips\n\nA <b> is no tag of ours"
    assert crawl.without_tags(crawl._with_tags(text, random.Random(0))) == text


def test_sums_are_written_with_the_ones_first():
    [row] = scaling_sums.encode(torch.tensor([947]), torch.tensor([85])).tolist()
    assert row == [7, 4, 9, 5, 8, 0, 10, 2, 3, 0, 1]


def test_the_law_is_found_again_from_its_own_losses():
    theta = np.array([0.0, np.log(60), 0.5, np.log(600), 0.5])
    N, D = map(np.ravel, np.meshgrid([7e3, 2e4, 6e4, 1e5], [6e5, 1.2e6, 2.4e6]))
    losses = scaling_forecast.law(theta, N, D)
    assert losses[0] == pytest.approx(1 + 60 / 7e3**0.5 + 600 / 6e5**0.5)
    data = np.stack([N, D, losses], axis=1)
    assert scaling_forecast.fit_with(data, 0.5, 0.5) == pytest.approx(theta, abs=1e-6)
    fitted = scaling_forecast.law(scaling_forecast.fit(data), N, D)
    assert fitted == pytest.approx(losses, rel=2e-3)
