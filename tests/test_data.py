"""What each loader gives: its SHA-256 is pinned, so that no version of anything changes a data set silently."""

import hashlib
import json
import re

import pytest

from course_lib import data


def sha256(value) -> str:
    return hashlib.sha256(json.dumps(value, ensure_ascii=False).encode()).hexdigest()


SHAKESPEARE = {
    None: "c0c3d8f671de3da5b75e6b0c3c75d3a612273cd2a8e28ad0986d190a119afa18",
    "train": "7d37d96d4ae444eea4fb4f547b834047dd058eb4290e89fee0af437120d15fe9",
    "validation": "983474dbfa80f5d3ab3344e24172b1f1ef044928e8de5a1243c83d6f32e4baca",
    "test": "7d76d24aef1a3a5938d12c0c8e444ae1eca8fabbeeded0a6cf5f5399660a376f",
}


@pytest.mark.parametrize("split", SHAKESPEARE)
def test_shakespeare_is_pinned(split):
    assert sha256(data.shakespeare(split)) == SHAKESPEARE[split]


def test_shakespeare_is_clean_text_of_42_works():
    text = data.shakespeare()
    assert text.count("\n\n\n\n") == 41 and text.startswith("ALL'S WELL THAT ENDS WELL\n")
    assert "".join(sorted(set(text))) == (
        "\n !\"&'(),-./0123456789:;?ABCDEFGHIJKLMNOPQRSTUVWXYZ[]_abcdefghijklmnopqrstuvwxyz"
    )
    foreign = r"(?i:gutenberg|copyright|\betext|\be-text|public domain|www\.|http|small print|michael hart)|\nTHE END\n"
    assert re.search(foreign, text) is None and not re.search(r"[ \t]\n", text)


def test_shakespeare_splits_are_whole_works_and_share_hardly_a_line():
    works = {split: data.shakespeare(split).rstrip("\n").split("\n\n\n\n") for split in SHAKESPEARE}
    assert sorted(works["train"] + works["validation"] + works["test"]) == sorted(works[None])
    assert [len(works[split]) for split in SHAKESPEARE] == [42, 36, 3, 3]
    lines = {
        split: [re.sub("[^a-z]+", " ", line.lower()).strip() for work in works[split] for line in work.split("\n")]
        for split in SHAKESPEARE
    }
    train = set(lines["train"])
    for split in ("validation", "test"):
        long = [line for line in lines[split] if line.count(" ") >= 3]
        assert sum(line in train for line in long) / len(long) < 0.005


def test_a_wrong_split_is_named():
    with pytest.raises(ValueError, match="train, validation and test, not 'dev'"):
        data.shakespeare("dev")


def test_wikipedia_is_pinned():
    articles = data.wikipedia()
    assert sha256(articles) == "539bc143c5085c08d8713f97bcaef7f440f73fca82fb3005a4f9c38235f97a32"
    assert len(articles) == 103 and list(articles)[:2] == ["Anarchism", "Autism"]


def test_glove_is_pinned():
    vectors = data.glove()
    content = vectors.vectors.tobytes() + "\n".join(vectors.index_to_key).encode()
    assert hashlib.sha256(content).hexdigest() == "15d6444d8238b32ffe434caac22d4210f2690df6fe19f032036014b2a06aec76"
    assert vectors.vectors.shape == (400_000, 50) and vectors.key_to_index["the"] == 0
    assert [word for word, _ in vectors.most_similar("frog", topn=3)] == ["snake", "ape", "toad"]


@pytest.mark.parametrize(
    ("name", "pairs", "digest"),
    [
        ("wordsim353", 353, "d321960ab9e4a4d0007a963d1afd424604222bfeb22b440fa3e284b5e1feaea7"),
        ("simlex999", 999, "e5039b79d6f4a82b756aa8441ea891cef210b1740341da336e0228b4f7cf8dc5"),
    ],
)
def test_word_similarity_is_pinned(name, pairs, digest):
    rows = data.word_similarity(name)
    assert len(rows) == pairs and sha256(rows) == digest
    assert all(0 <= score <= 10 for _, _, score in rows)


def test_a_wrong_list_of_judgements_is_named():
    with pytest.raises(ValueError, match="wordsim353 and simlex999, not 'men'"):
        data.word_similarity("men")


def test_analogies_are_pinned():
    sections = data.analogies()
    assert sha256(sections) == "02a331925e339a19929c9ab2c353621f2439671401d73e1a4afc834db6b3f756"
    assert len(sections) == 14 and sum(map(len, sections.values())) == 19_544
    assert sections["capital-common-countries"][0] == ("Athens", "Greece", "Baghdad", "Iraq")
