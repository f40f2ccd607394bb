"""The Folio pairs: what of a play is spoken, what stands for what, and that held-out lines are unseen."""

import hashlib
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib import data
from course_lib.data.alignment import ALIKE, align, spelling
from course_lib.data.folio import _folio_lines, _modern_text, _pairs

FOLIO = """The Tragedie of Hamlet

Actus Primus. Scoena Prima.

Enter Barnardo and Francisco two
Centinels.

  Barnardo. Who's there?
  Fran. Nay answer me: Stand & vnfold
your selfe

   Bar. Long liue the King

   1.Sold. I, we will doe it, my good
M[aster]. Shallow, at
once
Exit Fran.

Song.

 1 Hey ho, the winde and the raine,
"""
MODERN = """HAMLET

Bernardo, an Officer.

ACT I.

SCENE I. Elsinore.

[Enter Francisco at his
post.]

BERNARDO.
Who's there?

FRANCISCO.
Nay, answer me: stand, and unfold yourself.

Bern.
[Aside] Long live the king!

FIRST SOLDIER.
Ay, we will do it, my good Master Shallow, at once. [Exit.]

SONG

'Hey-ho, the wind and the rain,'
"""


def test_what_is_spoken_in_the_folio():
    assert _folio_lines(FOLIO) == [
        "Who's there?",
        "Nay answer me: Stand & vnfold",
        "your selfe",
        "Long liue the King",
        "I, we will doe it, my good",
        "Master. Shallow, at",
        "once",
        "Song.",
        "Hey ho, the winde and the raine,",
    ]


def test_what_is_spoken_in_the_modern_edition():
    assert " ".join(_modern_text(MODERN).split()) == (
        "Who's there? Nay, answer me: stand, and unfold yourself. Long live the king! Ay, we will do it, my good "
        "Master Shallow, at once. 'Hey-ho, the wind and the rain,'"
    )


def test_lines_are_paired_however_prose_breaks():
    assert list(_pairs(_folio_lines(FOLIO), _modern_text(MODERN))) == [
        ("Who's there?", "Who's there?"),
        ("Nay answer me: Stand & vnfold", "Nay, answer me: stand, and unfold"),
        ("your selfe", "yourself."),
        ("Long liue the King", "Long live the king!"),
        ("I, we will doe it, my good", "Ay, we will do it, my good"),
        ("Master. Shallow, at", "Master Shallow, at"),
        ("once", "once."),
        ("Hey ho, the winde and the raine,", "'Hey-ho, the wind and the rain,'"),
    ]


def test_a_line_beside_words_that_are_in_no_line_is_left_out():
    lines, text = ["Who calls me here", "Say on my lord"], "Who calls me here\nand why? Say on, my lord."
    assert list(_pairs(lines, text)) == []
    assert list(_pairs(lines, text.replace("and why? ", ""))) == [
        ("Who calls me here", "Who calls me here"),
        ("Say on my lord", "Say on, my lord."),
    ]


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (["I hurt my", "selfe"], "I hurt myself."),
        (["If one could match you Sir"], "If one could match you: the scrimers of their nation had no guard, Sir."),
        (["If one and all the Scrimers of our nation could match you"], "If one could match you"),
    ],
    ids=["a word on two lines", "much more on one side", "much more on the other"],
)
def test_a_line_without_a_certain_counterpart_is_left_out(lines, text):
    assert list(_pairs(lines, text)) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("vnkinde", "unkind"),
        ("ioy", "joy"),
        ("Kinge", "king"),
        ("I", "Ay"),
        ("&", "and"),
        ("vvell", "well"),
        ("olde", "Old"),
    ],
)
def test_two_spellings_of_one_word(old, new):
    assert spelling(old) == spelling(new)


@pytest.mark.parametrize(
    ("one", "other", "blocks"),
    [
        ("a b c", "a b c", [(0, 1, 0, 1), (1, 2, 1, 2), (2, 3, 2, 3)]),
        ("say mi self sir", "say miself sir", [(0, 1, 0, 1), (1, 3, 1, 2), (3, 4, 2, 3)]),
        ("say miself sir", "say mi self sir", [(0, 1, 0, 1), (1, 2, 1, 3), (2, 3, 3, 4)]),
        ("go enter king sir", "go sir", [(0, 1, 0, 1), (3, 4, 1, 2)]),
        ("gon sir", "nai but gone sir", [(0, 1, 2, 3), (1, 2, 3, 4)]),
        ("", "go", []),
    ],
)
def test_what_stands_for_what(one, other, blocks):
    assert [block for block, like in align(one.split(), other.split()) if like >= ALIKE] == blocks


WORDS = ["go", "no", "sir", "sire", "lord", "lords", "the", "thee", "that"]


@settings(deadline=None)
@given(*2 * [st.lists(st.sampled_from(WORDS), max_size=40)])
def test_blocks_rise_and_never_overlap(one, other):
    end = other_end = 0
    for (start, stop, other_start, other_stop), like in align(one, other):
        assert end <= start < stop <= len(one) and other_end <= other_start < other_stop <= len(other)
        assert 0 <= like <= 1
        end, other_end = stop, other_stop


@settings(deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=40))
def test_a_text_stands_for_itself(words):
    assert [block for block, _ in align(words, words)] == [(i, i + 1, i, i + 1) for i in range(len(words))]


@pytest.mark.slow
def test_the_pairs_are_pinned_and_more_than_sixty_thousand():
    pairs = data.folio_pairs()
    digest = hashlib.sha256(json.dumps(pairs, ensure_ascii=False).encode()).hexdigest()
    assert digest == "8e916676d78470b910b17251b8f174bd6044e8adfbd9acb3854b6cc9f15329d0"
    assert {split: len(rows) for split, rows in pairs.items()} == {"train": 81_153, "validation": 7_575, "test": 7_294}
    assert pairs["test"][0] == ("When shall we three meet againe?", "When shall we three meet again?")


@pytest.mark.slow
@pytest.mark.parametrize("side", [0, 1], ids=["1623", "modern"])
def test_no_held_out_line_occurs_in_an_earlier_split(side):
    lines = {
        split: {" ".join(re.findall("[a-z]+", row[side].lower().replace("'", ""))) for row in rows}
        for split, rows in data.folio_pairs().items()
    }
    assert not lines["test"] & (lines["train"] | lines["validation"]) and not lines["validation"] & lines["train"]
