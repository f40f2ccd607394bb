"""Emoji: their pictures and names, pinned, and what keeps the splits apart."""

import hashlib

import numpy as np

from course_lib import data
from course_lib.data import pictures


def sha256(found):
    """The hash of the names, and that of the pictures."""
    names, pixels = hashlib.sha256(), hashlib.sha256()
    for one in found:
        names.update(repr(one[:4]).encode())
        pixels.update(one.picture.tobytes())
    return names.hexdigest()[:16], pixels.hexdigest()[:16]


def test_emoji_are_pinned():
    found = data.emoji()
    assert {split: len(some) for split, some in found.items()} == {"train": 1_429, "validation": 107, "test": 116}
    assert sha256(found["test"]) == ("190fbc20269390e5", "03c23ac99df4a33f")
    names = {one.english: one for one in found["train"]}
    assert names["badger"][:4] == ("badger", "獾", "blaireau", "🦡")
    assert names["badger"].picture.shape == (64, 64, 3) and names["badger"].picture.dtype == np.uint8


def test_no_flag_of_a_country_and_no_tone_unless_asked_for():
    found, toned = data.emoji(), data.emoji(skin_tones=True)
    assert not any("🇫" in one.character for some in toned.values() for one in some)
    assert not any("skin tone" in one.english for some in found.values() for one in some)
    assert {split: len(some) for split, some in toned.items()} == {"train": 3_059, "validation": 232, "test": 391}
    whereabouts = {one.character: split for split, some in found.items() for one in some}
    for split, some in toned.items():
        for one in some:
            assert whereabouts.get(pictures._TONE.sub("", one.character), split) == split, one.english


def test_no_held_out_picture_is_near_an_earlier_split():
    blurred = {
        split: np.stack([one.picture for one in some]).reshape(-1, 16, 4, 16, 4, 3).mean(axis=(2, 4))
        for split, some in data.emoji().items()
    }
    for late, early in (("validation", "train"), ("test", "train"), ("test", "validation")):
        for picture in blurred[late]:
            assert np.abs(blurred[early] - picture).mean(axis=(1, 2, 3)).min() > 5.9


def test_no_picture_is_blank():
    for some in data.emoji().values():
        for one in some:
            assert (one.picture < 200).any(), one.english


def test_families_share_words_pictures_or_all_but_the_tone():
    pixels = np.zeros((5, 64, 64, 3), np.uint8)
    pixels[1:] = np.arange(50, 250, 50, dtype=np.uint8)[:, None, None, None]
    pixels[4] = pixels[2] + 5  # near-identical
    names = ["cook", "man cook", "apple", "apple dark skin tone", "pie"]
    related = set(pictures._related(names, ["c", "m", "a", "a\U0001f3ff", "p"], pixels))
    together = {frozenset(pair) for pair in related if pair[0] != pair[1]}
    assert together == {frozenset({0, 1}), frozenset({2, 3}), frozenset({2, 4})}
