"""Sparse autoencoders train as they say, and single numbers are scored as scikit-learn scores them."""

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score, roc_auc_score

from experiments import dictionaries, properties


def streams(seed, rows=400, width=6):
    """A few directions of many, with noise."""
    generator = torch.Generator().manual_seed(seed)
    codes = torch.relu(torch.randn(rows, 12, generator=generator) - 1)
    directions = torch.nn.functional.normalize(torch.randn(12, width, generator=generator), dim=1)
    return 3 * codes @ directions + 2


def explained(x, dictionary):
    with torch.no_grad():
        return 1 - ((x - dictionary(x)).square().sum() / (x - x.mean(dim=0)).square().sum()).item()


def test_a_dictionary_keeps_k_features_and_learns():
    x = streams(0)
    short, long = (dictionaries.fit(x, 0, steps, 0.01, n_features=16, k=2) for steps in (4, 80))
    with torch.no_grad():
        assert ((long.encode(x) > 0).sum(dim=1) <= 2).all()
    assert explained(x, long) > explained(x, short) + 0.05
    assert torch.allclose(long.directions().norm(dim=0), torch.ones(16))


@pytest.mark.parametrize("frozen", [True, False])
def test_frozen_directions_stay(frozen):
    x = streams(1)
    first, last = (dictionaries.fit(x, 3, steps, 0.01, n_features=8, k=2, frozen=frozen) for steps in (4, 20))
    assert torch.equal(first.decoder, last.decoder) is frozen


def test_a_penalty_makes_smaller_features():
    x = streams(2)
    sums = [
        dictionaries.fit(x, 0, 80, 0.01, n_features=16, penalty=penalty).encode(x).sum().item()
        for penalty in (0.0, 0.5)
    ]
    assert sums[1] < 0.7 * sums[0]


def test_the_extra_loss_moves_silent_features_alone():
    x = streams(3)
    dictionary = dictionaries.Dictionary(x, n_features=8, k=1, revive=True)
    with torch.no_grad():
        dictionary.threshold[5] = -1.0  # below the others: it is silent, but its encoder still reads something
    dictionary.silent[5] = dictionaries.SILENT + 1
    dictionary.loss((x,)).backward()
    assert dictionary.encoder.grad[5].abs().sum() > 0


def test_scores_are_those_of_scikit_learn():
    random = np.random.default_rng(0)
    scores = torch.from_numpy(np.round(random.normal(size=(60, 5)), 1)).float()
    label = random.random(60) < 0.3
    areas = properties.areas(scores, {"it": label})["it"]
    rule = properties.best_rules(scores, {"it": label})["it"]
    every = []
    for column in range(5):
        assert areas[column] == pytest.approx(roc_auc_score(label, scores[:, column]))
        for sign in (1, -1):
            own = sign * scores[:, column]
            every += [f1_score(label, own >= threshold) for threshold in own]
    assert rule.f1 == pytest.approx(max(every))
    assert properties.f1_of(rule, scores, label) == pytest.approx(rule.f1)


def test_labels_are_read_from_the_text():
    rows = dictionaries.windows("validation", 3)
    labels = properties.labels(rows)
    tokens = [dictionaries.pieces()[token] for token in rows[:, 1:].flatten().tolist()]
    for token, capital, vowel in zip(tokens, labels["capital letter"], labels["ends with a vowel"], strict=True):
        assert capital == token.strip()[:1].isupper()
        assert vowel == token.endswith(tuple("aeiou"))
    names = [token for token, inside in zip(tokens, labels["in a speaker's name"], strict=True) if inside]
    assert names and not any(character.islower() for character in "".join(names))
