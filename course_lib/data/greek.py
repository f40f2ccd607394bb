"""The Greek New Testament, verse by verse with an English translation, and which word of it renders which Greek one."""

import csv
import json
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from course_lib.data.files import cached, data_files, read_text
from course_lib.data.splits import SPLITS, keep_apart

__all__ = ["HELD_OUT_BOOKS", "Verse", "greek_testament"]

_BOOKS = (
    "Matthew, Mark, Luke, John, Acts, Romans, 1 Corinthians, 2 Corinthians, Galatians, Ephesians, Philippians, "
    "Colossians, 1 Thessalonians, 2 Thessalonians, 1 Timothy, 2 Timothy, Titus, Philemon, Hebrews, James, 1 Peter, "
    "2 Peter, 1 John, 2 John, 3 John, Jude, Revelation"
).split(", ")  # numbered from 40 on
# Whole books: Matthew, Mark and Luke share many verses, so that they stay together.
HELD_OUT_BOOKS = {"validation": ("1 Corinthians", "James"), "test": ("John",)}


class Verse(NamedTuple):
    """A verse: its Greek words, each with its dictionary form and a gloss, the English words, and the links.

    A link (i, j) says that `english[j]` renders `greek[i]`, alone or with other words. Neither side has punctuation.
    """

    name: str  # "John 1:1"
    greek: list[str]
    lemmas: list[str]
    glosses: list[str]
    english: list[str]
    links: list[tuple[int, int]]


def greek_testament() -> dict[str, list[Verse]]:
    """The verses of the New Testament in Greek and English, with the links between their words that people made.

    "validation" has 1 Corinthians and James, "test" John, "train" the other 24 books (`greek.HELD_OUT_BOOKS`), each in
    the order of the text. A word may have several links, or none.
    """
    found = _greek_testament()
    return {split: [_verse(row) for row in rows] for split, rows in found.items()}


def _verse(row: list) -> Verse:
    *words, links = row
    return Verse(*words, [(i, j) for i, j in links])


@cached
def _greek_testament() -> dict[str, list]:
    """A verse is left out where a link leads out of it, or where one side is missing."""
    greek, english = _by_verse("data/sources/SBLGNT.tsv", 1), _by_verse("data/eng/targets/BSB/nt_BSB.tsv", 0)
    links, broken = _links()
    splits: dict[str, list] = {split: [] for split in SPLITS}
    for verse in sorted((greek.keys() & english.keys()) - broken):
        ours = {row["id"]: position for position, row in enumerate(greek[verse])}
        theirs = {row["id"]: position for position, row in enumerate(english[verse])}
        made = sorted((ours[source], theirs[target]) for source, target in links[verse])
        columns = [[row[column] for row in greek[verse]] for column in ("text", "lemma", "gloss2")]
        words = [row["text"] for row in english[verse]]
        book = _BOOKS[int(verse[:2]) - 40]
        split = next((name for name, books in HELD_OUT_BOOKS.items() if book in books), "train")
        name = f"{book} {int(verse[2:5])}:{int(verse[5:])}"
        splits[split].append((" ".join(columns[0]), " ".join(words), [name, *columns, words, made]))
    return {split: [row[2] for row in rows] for split, rows in keep_apart(splits, texts=(0, 1)).items()}


def _by_verse(path: str, first: int) -> dict[str, list[dict[str, str]]]:
    """The words of a table by verse, without punctuation; a word's id is book, chapter, verse and word from `first`."""
    verses = defaultdict(list)
    lines = read_text(_file(path)).splitlines()
    for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
        if not row.get("exclude"):
            verses[row["id"][first : first + 8]].append(row)
    return verses


def _links() -> tuple[dict[str, list[tuple[str, str]]], set[str]]:
    """The links by verse, as the ids of their words, and the verses from which one leads into another verse."""
    links, broken = defaultdict(list), set()
    for record in json.loads(read_text(_file("data/eng/alignments/BSB/SBLGNT-BSB-manual.json")))["records"]:
        pairs = [(source, target) for source in record["source"] for target in record["target"]]
        verses = {source[1:9] for source, _ in pairs} | {target[:8] for _, target in pairs}
        if len(verses) == 1:
            links[verses.pop()] += pairs
        else:
            broken |= verses
    return links, broken


def _file(path: str) -> Path:
    return data_files("bible-alignments", path)[0]
