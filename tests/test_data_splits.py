"""What keeps splits apart."""

import pytest

from course_lib.data.reviews import _clean, _without_long_repeats
from course_lib.data.splits import draw, keep_apart, variants, without_repeats


@pytest.mark.parametrize(
    ("one", "other", "near"),
    [
        ("Nay, answer me: stand", "nay answer me -- STAND!", True),
        ("Nay, answer me: stand", "Nay, answer him: stand", True),
        ("Nay, answer me: stand", "Nay, answer me: stand up", True),
        ("Nay, answer me: stand", "Answer me, stand", True),
        ("Nay, answer me: stand", "Nay, tell him: stand", False),
        ("My lord", "My lady", False),
        ("My lord", "My lord!", True),
        ("It's good", "Its good", True),
    ],
)
def test_near_texts_share_a_variant(one, other, near):
    assert bool(variants(one) & variants(other)) == near


def test_held_out_rows_near_an_earlier_split_are_dropped():
    splits = {
        "train": [("my lord", "a"), ("to be or not to be", "b")],
        "validation": [("my lord", "c"), ("my lady", "a"), ("who is there now", "e")],
        "test": [("to be and not to be", "f"), ("Who is there, now?", "g"), ("a new line", "h")],
    }
    first = {"train": splits["train"], "validation": splits["validation"][1:], "test": [("a new line", "h")]}
    assert keep_apart(splits) == first
    assert keep_apart(splits, texts=(0, 1)) == {**first, "validation": [("who is there now", "e")]}


def test_of_short_repeats_the_first_is_kept():
    assert without_repeats(["a fine warm film", "A fine, warm film!", "a fine cold film", "nothing alike"]) == [0, 3]


def test_of_long_repeats_the_first_is_kept():
    one, other = (" ".join(f"{letter}{number}" for number in range(400)) for letter in "ab")
    half = one[: len(one) // 2] + other[: len(other) // 2]
    assert _without_long_repeats([one, one.upper(), half, other]) == [0], "the half is in both"
    assert _without_long_repeats([one, other + one[: len(one) // 20]]) == [0, 1], "a short quotation is none"
    assert _without_long_repeats(["short", "Short!", "shorter"]) == [0, 2]


def test_a_review_becomes_plain_text():
    raw = "Caf\xe9 \x96 <i>good</i>.<br /><br />\x93Two\x94 &#269;\x08<br />three\t four <3"
    assert _clean(raw) == "Café – good.\n\n“Two” č\n\nthree four <3"


def test_the_draw_is_one_in_ten():
    drawn = [draw(str(number)) for number in range(10_000)]
    shares = [drawn.count(split) / 10_000 for split in ("train", "validation", "test")]
    assert shares == pytest.approx([0.8, 0.1, 0.1], abs=0.01)
