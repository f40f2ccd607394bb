"""The first look at each data set, and the table of them all."""

import re
from pathlib import Path

import pytest

from course_lib import data
from course_lib.data import __main__, catalogue, packages

CARDS = (Path(__file__).parents[1] / "data" / "README.md").read_text(encoding="utf-8")


SLOW = ("emoji", "folio_pairs", "movie_reviews")  # the first time


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow if n in SLOW else ()) for n in catalogue.SETS])
def test_a_first_look(name, capsys):
    data.describe(name)
    said = capsys.readouterr().out.splitlines()
    parts = [
        line for line in said if re.search(r" [\d,]+ items of \d[\d,]* to [\d,]+ characters, median [\d,]+$", line)
    ]
    assert said[0].startswith(f"{name} · ") and 1 <= len(parts) <= 11
    assert len([line for line in said if line.startswith("  e.g. ")]) == 3
    assert f"  licence: {catalogue.SETS[name].licence}" in said
    assert max(map(len, said)) < 260


@pytest.mark.slow
def test_the_first_look_at_the_folio_pairs(capsys):
    data.describe("folio_pairs")
    assert "  train        81,153 items of 1 to 106 characters, median 42\n" in capsys.readouterr().out


def test_a_wrong_name_is_answered_with_the_right_ones():
    with pytest.raises(ValueError, match=r"name must be one of glove, word_similarity, .*, but it is 'folio'"):
        data.describe("folio")


def test_every_loader_has_its_first_look_and_its_card():
    loaders = set(data.__all__) - {"DataError", "describe"}
    assert loaders == set(catalogue.SETS)
    assert set(re.findall(r"^## .*?`(\w+)", CARDS, re.MULTILINE)) == loaders


def test_every_package_is_pinned_and_used():
    used = {package for chosen in catalogue.SETS.values() for package in chosen.package.split(", ")}
    assert used - {"gensim"} == set(packages.packages())


def test_the_table_says_what_is_here(tmp_path, monkeypatch, capsys):
    assert __main__.main(["--list"]) == 0
    here = capsys.readouterr().out
    assert re.search(r"^glove +76 MB  present  GloVe", here, re.MULTILINE) and "0 MB to fetch" in here
    monkeypatch.setattr(packages, "OWN_FOLDER", tmp_path / "nothing")
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "shared"))
    assert __main__.main(["--list"]) == 0
    gone = capsys.readouterr().out
    assert re.search(r"^glove +76 MB  missing  GloVe", gone, re.MULTILINE)
    assert re.search(r"^wikipedia +none  present  ", gone, re.MULTILINE)
    assert f"432 MB to fetch; in {tmp_path / 'shared'} or {tmp_path / 'nothing'}" in gone
    assert not (tmp_path / "shared").exists()


def test_a_wrong_word_is_one_line_of_help(capsys):
    assert __main__.main(["--lsit"]) == 2
    assert capsys.readouterr().err == "usage: python -m course_lib.data [--list]\n"
