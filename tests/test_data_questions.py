"""The sets of questions: their content is pinned, nothing held out is in training, and every trap is avoided."""

import hashlib
import json
from collections import Counter

import pytest

from course_lib import data
from course_lib.data.splits import SPLITS, variants
from course_lib.sandbox import run_code


def sha256(value) -> str:
    return hashlib.sha256(json.dumps(value, ensure_ascii=False).encode()).hexdigest()


SIZES = {
    "boolq": ([6795, 1528, 1603], 2),
    "disfl_qa": ([354, 86, 557], 0),
    "narrative_qa": ([1019, 346, 1587], 0),
    "commonsense_qa": ([374, 125, 696], 5),
    "openbook_qa": ([158, 46, 295], 4),
    "siqa": ([594, 195, 1141], 3),
    "piqa": ([407, 158, 907], 2),
    "mmlu": ([846, 263, 1721], 4),
    "asdiv": ([679, 201, 1424], 0),
    "truthful_qa": ([237, 85, 487], 0),
    "xsum": ([304, 102, 593], 0),
}
PINNED = {
    "boolq": "aae36095cde06dc147860fa4e494dd77aadbb71848ced9daf22a4a9badcf48c9",
    "disfl_qa": "f8ee6e699febe0e1aa5df381b7feb69275a34c6f049152b59c6c9de85b06255c",
    "narrative_qa": "8788da5d929ff5b4113ff6bb4cd95d5a401b02cef50c81ea5dd3ce9387b7d3a1",
    "commonsense_qa": "115d41cba4c7117507bfaf374bc069463b53b050aa22c862554c227b27b8e9d9",
    "openbook_qa": "b210288c905415a39574e85a62dbfc74ee991639fd107cbfdc1c979a2692158a",
    "siqa": "0072cb69b140e50be13d73104de243bac9fcf29f0f8b0e7900bc5f90c07dee09",
    "piqa": "fa44b6ffa127cc1d190857dbbf659faf6d595d34ea1111e681501a0d5a2e1f82",
    "mmlu": "03eac46fa3ebace53aebcb86b22866d596c4ba336188c1aedf5a5d17db3e948c",
    "asdiv": "70ce7e0e28d25517330d700814bc73e7b534dbd54bf19ce73af668b8b6c33413",
    "truthful_qa": "5b3a9974d8cccb2b24fb75dae7f2e639e286c1bac4d1801d22620a960dfa9a70",
    "xsum": "d7868a95248ba5c7091566524e6407150a33b840aa0d041e35a8ce90217d50d0",
}


@pytest.fixture(scope="module")
def sets():
    return {name: data.question_set(name) for name in SIZES}


@pytest.mark.parametrize("name", SIZES)
def test_a_set_is_pinned(sets, name):
    sizes, choices = SIZES[name]
    assert [len(sets[name][split]) for split in SPLITS] == sizes
    assert sha256(sets[name]) == PINNED[name]
    assert {len(one.choices) for split in SPLITS for one in sets[name][split]} == {choices}


@pytest.mark.parametrize("name", SIZES)
def test_every_question_is_whole(sets, name):
    for split in SPLITS:
        for one in sets[name][split]:
            assert one.question and one.question == one.question.strip() and all(one.answers)
            assert len(set(one.choices)) == len(one.choices) and all(one.choices)
            assert one.answers or name == "disfl_qa"
            if one.choices:
                assert len(one.answers) == 1 and one.answers[0] in one.choices
                assert not any("\nA. " in choice for choice in one.choices)
            assert bool(one.passage) == (name in ("boolq", "disfl_qa", "narrative_qa", "siqa", "asdiv", "xsum"))
        assert len(set(sets[name][split])) == len(sets[name][split])


@pytest.mark.parametrize("name", SIZES)
def test_the_splits_share_no_passage_and_no_near_question(sets, name):
    place = {"siqa": 2, "asdiv": 2, "xsum": 1}.get(name, 0)
    seen, passages = set(), set()
    for split in SPLITS:
        rows = sets[name][split]
        marks = {mark for one in rows for mark in variants("".join(one[place]))}
        assert not marks & seen and not {one.passage for one in rows if one.passage} & passages
        seen |= marks
        passages |= {one.passage for one in rows}


def test_boolq_keeps_an_article_on_one_side_and_what_has_no_label_apart(sets):
    boolq = sets["boolq"]
    titles = {split: {one.passage.split(" -- ")[0] for one in boolq[split]} for split in SPLITS}
    assert not titles["train"] & (titles["validation"] | titles["test"]) and not titles["validation"] & titles["test"]
    assert list(boolq) == [*SPLITS, "unlabelled"] and len(boolq["unlabelled"]) == 3245
    assert not any(one.answers for one in boolq["unlabelled"])
    yes = Counter(one.answers[0] for split in SPLITS for one in boolq[split])
    assert yes["yes"] / yes.total() == pytest.approx(0.623, abs=0.005), "the authors' majority, as published"
    drum = next(one for one in boolq["train"] if one.question == "is this the last season of coke studio")
    assert drum.answers == ("no",) and drum.choices == ("no", "yes")


def test_disfl_qa_has_questions_without_an_answer(sets):
    counts = [sum(not one.answers for one in sets["disfl_qa"][split]) for split in SPLITS]
    assert counts == [92, 15, 137]
    assert not any("#" in one.question for split in SPLITS for one in sets["disfl_qa"][split])


def test_narrative_qa_has_two_answers_and_truthful_qa_several(sets):
    assert {len(one.answers) for split in SPLITS for one in sets["narrative_qa"][split]} == {2}
    assert max(len(one.answers) for one in sets["truthful_qa"]["test"]) > 4


def test_an_answer_is_the_choice_that_its_letter_names(sets):
    asked = {one.question: one for split in SPLITS for one in sets["commonsense_qa"][split]}
    door = (
        "A revolving door is convenient for two direction travel, but it also serves as a security measure at a what?"
    )
    assert asked[door].answers == ("bank",) and asked[door].choices[3:] == ("mall", "new york")
    fog = [one for split in SPLITS for one in sets["openbook_qa"][split] if "going to be fog around" in one.question]
    assert [one.answers for one in fog] == [("a marsh",)]


def test_an_article_comes_with_its_sentence(sets):
    xsum = [one for split in SPLITS for one in sets["xsum"][split]]
    assert {one.question for one in xsum} == {"Sum up this article in one sentence."}
    assert {len(one.answers) for one in xsum} == {1} and len({one.passage for one in xsum}) == len(xsum) == 999


@pytest.mark.parametrize(
    ("name", "count", "digest"),
    [
        ("crows_pairs", 1017, "9b8de110cfc426018a66a86969003c88ceb501fdf8b20b6ab11a2961e2f5243b"),
        ("stereoset", 4229, "cd444d06fa1a8abc94a948122402eecfca586616d14794110db51d0a30062562"),
    ],
)
def test_stereotypes_are_pinned(name, count, digest):
    rows = data.stereotypes(name)
    assert (len(rows), sha256(rows)) == (count, digest)
    assert all(all(row) for row in rows)
    if name == "crows_pairs":
        assert all(row[0].count("[MASK]") == 1 and row[1] != row[2] for row in rows)
    else:
        assert sum("BLANK" in row[0] for row in rows) == 2106


def test_what_is_handed_out_is_hashable_and_its_own():
    first, second = (data.question_set("openbook_qa") for _ in range(2))
    first["train"].clear()
    assert len(second["train"]) == 158 and len({*second["test"]}) == 295


def test_each_problem_is_solved_by_its_solution_and_not_without():
    problems = data.programming_problems()
    assert len(problems) == len({one.name for one in problems}) == 164
    digest = "ec997f702e4c8d11acdd09a7750ee848538225bb56ecebc49795f02a4967058c"
    assert sha256([tuple(one) for one in problems]) == digest
    for one in (problems[0], problems[40]):
        assert run_code(one.prompt + one.solution + one.tests).outcome == "passed"
        assert run_code(f"{one.prompt}    return None\n{one.tests}").outcome == "failed"
