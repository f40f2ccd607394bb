"""Borders of `retrieval`, and of the scores of a ranking."""

import os
import tempfile

import numpy as np
import torch
from course_lib.metrics.ranking import recall_at, reciprocal_ranks
from course_lib.retrieval import BM25, DenseIndex, Hit, reciprocal_rank_fusion, windows, words_of

from borders import Border

NAN = float("nan")
DOCUMENTS = {"a": "the dog", "b": "the cat"}


def rows(of, *each):
    return [Border(of, mistake, call, says) for mistake, call, says in each]


def ones(texts):
    return torch.ones(len(texts), 3)


def filled(make):
    index = make()
    index.add(DOCUMENTS)
    return index


def loaded(kind, write, *given):
    """Load an index of a file that `write` has written."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "index.npz")
        write(path)
        return kind.load(path, *given)


def text_file(path):
    with open(path, "w", encoding="utf-8") as file:
        file.write("dog")


def half_a_file(path):
    filled(BM25).save(path)
    with open(path, "r+b") as file:
        file.truncate(100)


def pickled(path):
    with open(path, "wb") as file:
        np.savez(file, kind=np.array("BM25"), ids=np.array([{}], dtype=object))


def of_index(name, make):
    return rows(
        f"retrieval.{name}",
        ("a list of texts", lambda: make().add(["the dog"]), "documents must be a dictionary, of each id its text"),
        ("one text", lambda: make().add("the dog"), "documents must be a dictionary"),
        ("no documents", lambda: make().add({}), "and not empty, but it is {}"),
        ("a number for an id", lambda: make().add({1: "the dog"}), "ids[0] must be a string, but it is 1"),
        ("None for a text", lambda: make().add({"a": None}), "documents[0] must be a string, but it is None"),
        ("an id twice", lambda: filled(make).add({"b": "a man"}), "each id must be new to the index, but 'b' is in it already"),
        ("an empty document", lambda: make().add({"a": "dog", "b": " "}), "each document must hold at least one word, number 1 too"),
        ("no documents yet", lambda: make().search(["dog"], 1), "the index must hold documents before it is searched"),
        ("one query", lambda: filled(make).search("dog", 1), "queries must be several texts, but it is one, 'dog'"),
        ("an empty query", lambda: filled(make).search(["dog", ""], 1), "each query must hold at least one word, number 1 too"),
        ("a query of signs", lambda: filled(make).search(["?!"], 1), "each query must hold at least one word, number 0 too"),
        ("None for a query", lambda: filled(make).search([None], 1), "queries[0] must be a string, but it is None"),
        ("k above the documents", lambda: filled(make).search(["dog"], 3), "k must be from 1 to the 2 documents there are, but it is 3"),
        ("k of 0", lambda: filled(make).search(["dog"], 0), "k must be from 1 to the 2 documents"),
        ("a fraction for k", lambda: filled(make).search(["dog"], 1.5), "k must be an integer, but it is 1.5"),
        ("a folder", lambda: filled(make).save("."), "the path must name a file, not a folder"),
        ("a text file", lambda: loaded(BM25, text_file), "should hold a BM25 that was saved, but"),
        ("half a file", lambda: loaded(BM25, half_a_file), "should hold a BM25 that was saved, but"),
        ("objects, which may run code", lambda: loaded(BM25, pickled), "should hold a BM25 that was saved, but"),
    )


BORDERS = [
    *of_index("BM25", BM25),
    *of_index("DenseIndex", lambda: DenseIndex(ones)),
    *rows(
        "retrieval.BM25",
        ("k1 below 0", lambda: BM25(k1=-1), "k1 must be at least 0 and finite, but it is -1"),
        ("k1 of NaN", lambda: BM25(k1=NAN), "k1 must be a number, but it is nan"),
        ("b above 1", lambda: BM25(b=75), "b must be at least 0 and at most 1, but it is 75"),
        ("a text for b", lambda: BM25(b="0.75"), "b must be a number, but it is '0.75'"),
        ("another index", lambda: loaded(BM25, filled(lambda: DenseIndex(ones)).save), "it holds a DenseIndex"),
    ),
    *rows(
        "retrieval.DenseIndex",
        ("vectors for encode", lambda: DenseIndex(torch.ones(2, 3)), "encode must be a function of texts"),
        ("no encode for a file", lambda: loaded(DenseIndex, filled(BM25).save, None), "encode must be a function of texts"),
        ("another index", lambda: loaded(DenseIndex, filled(BM25).save, ones), "it holds a BM25"),
        ("one vector for all", lambda: filled(lambda: DenseIndex(lambda texts: torch.ones(3))), "encode must make a tensor of shape (2, C)"),
        ("arrays", lambda: filled(lambda: DenseIndex(lambda texts: np.ones((2, 3)))), "encode must make a tensor of shape (2, C)"),
        ("integers", lambda: filled(lambda: DenseIndex(lambda texts: torch.ones(2, 3).long())), "must be a tensor of floating-point numbers"),
        ("NaN", lambda: filled(lambda: DenseIndex(lambda texts: torch.full((2, 3), NAN))), "vectors must be finite numbers"),
        (
            "another width later",
            lambda: filled(lambda: DenseIndex(lambda texts: torch.ones(len(texts), len(texts[0])))).search(["do"], 1),
            "encode must make a tensor of shape (1, 7) of 1 texts",
        ),
    ),
    Border("retrieval.BM25", "a missing file", lambda: BM25.load("none.npz"), "there is no index none.npz", FileNotFoundError),
    *rows(
        "retrieval.words_of",
        ("None", lambda: words_of(None), "text must be a string, but it is None"),
        ("several texts", lambda: words_of(["a"]), "text must be a string, but it is ['a']"),
    ),
    *rows(
        "retrieval.reciprocal_rank_fusion",
        ("one ranking", lambda: reciprocal_rank_fusion([Hit("a", 1.0)]), "each ranking must be a list of Hits"),
        ("rankings of ids", lambda: reciprocal_rank_fusion([["a", "b"]]), "each ranking must be a list of Hits, as search gives"),
        ("hits of several queries", lambda: reciprocal_rank_fusion([[[Hit("a", 1.0)]]]), "each ranking must be a list of Hits"),
        ("a constant below 0", lambda: reciprocal_rank_fusion([], constant=-1), "constant must be at least 0 and finite, but it is -1"),
    ),
    *rows(
        "retrieval.windows",
        ("several texts", lambda: windows(["a b"], 2), "text must be a string, but it is ['a b']"),
        ("no length", lambda: windows("a b", 0), "length must be at least 1, but it is 0"),
        ("overlap of all", lambda: windows("a b", 2, 2), "overlap must be at least 0 and at most 1, but it is 2"),
        ("overlap as a share", lambda: windows("a b", 2, 0.5), "overlap must be an integer, but it is 0.5"),
    ),
    *rows(
        "metrics.reciprocal_ranks",
        ("one ranking", lambda: reciprocal_ranks(["a", "b"], ["a", "b"]), "each ranking must be several texts, but it is one, 'a'"),
        ("one right document", lambda: reciprocal_ranks([["a"]], "a"), "right must be several texts, but it is one, 'a'"),
        ("unequally many", lambda: reciprocal_ranks([["a"]], ["a", "b"]), "but there are 1 and 2"),
        ("hits for ids", lambda: reciprocal_ranks([[Hit("a", 1.0)]], ["a"]), "each ranking[0] must be a string, but it is Hit(id='a'"),
    ),
    *rows(
        "metrics.recall_at",
        ("ranks", lambda: recall_at(5, [1, 2, 3]), "reciprocal ranks must be from 0 to 1, but it is 3"),
        ("k of 0", lambda: recall_at(0, [1.0]), "k must be at least 1, but it is 0"),
        ("k and ranks swapped", lambda: recall_at([1.0], 1), "k must be an integer, but it is [1.0]"),
        ("no queries", lambda: recall_at(1, []), "reciprocal_ranks must hold at least one query's"),
        ("NaN", lambda: recall_at(1, [NAN]), "reciprocal_ranks must be finite numbers, but at (0,) there is nan"),
    ),
]
NOTHING = {"retrieval.Hit": "made by the functions that give it", "retrieval.Index": "what BM25 and DenseIndex share"}
