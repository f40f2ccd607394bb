"""The engine of the checks: what an answer may do, what is said of it, and what stays as it was."""

import builtins
import itertools
import json
import math
import threading
import time
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from classroom import answers, differences, forms, showing
from classroom.answers import Mistake
from classroom.exercise import Verdict, case, exercise, experiment
from classroom.progress import passed, progress_file, record_passed


@exercise(
    praise="twice as much.",
    cases=lambda seed: [(seed + 1, 5), (3, 7), (4, 1), (7, 3), case(0, 2, edge="zero")],
    wrong={
        "this is the square.": {"change": lambda x, n: x * x + n},
        "n is missing.": lambda x, n: 2 * x,
        "add n, do not subtract it.": {"sign": -1},
    },
    seconds=2,
)
def doubled(x, n, *, change=lambda x, n: 2 * x + n, sign=1):
    """Twice x, plus n."""
    return change(x, sign * n)


@exercise(
    praise="they sum to 1.",
    cases=lambda seed: [(torch.tensor([1.0, 3.0, 4.0]),), (torch.arange(1.0, 8),), (torch.ones(2, 3),)],
    wrong={},
    seconds=2,
)
def shares(x):
    """The numbers over their sum, of all axes."""
    return x / x.sum()


@pytest.fixture
def progress(monkeypatch, tmp_path):
    file = tmp_path / "a folder" / "progress.json"
    monkeypatch.setenv("COURSE_PROGRESS", str(file))
    return file


def by_numpy(x):
    return np.asarray(x) / np.asarray(x).sum()


@pytest.mark.parametrize(
    "answer",
    [
        by_numpy,
        lambda x: by_numpy(x).tolist(),
        lambda x: tuple(map(tuple, by_numpy(x))) if x.ndim > 1 else tuple(by_numpy(x)),
        lambda x: (part / x.sum() for part in x),
        lambda x: [part / x.sum() for part in x],
        lambda x: (x.double() / x.double().sum()).requires_grad_(),
        lambda x: (
            [[Fraction(int(v), int(x.sum())) for v in row] for row in x]
            if x.ndim > 1
            else [Fraction(int(v), int(x.sum())) for v in x]
        ),
    ],
    ids=["array", "lists", "tuples", "generator", "list of tensors", "with gradients, in double", "fractions"],
)
def test_a_right_answer_in_another_form_passes(answer):
    assert shares(answer, record=False).passed, shares(answer, record=False)


def test_a_whole_number_may_be_a_float_a_tensor_or_a_fraction():
    for form in (float, torch.tensor, np.int64, Fraction, lambda x: torch.tensor(float(x), requires_grad=True)):
        assert doubled(lambda x, n, form=form: form(2 * x + n), record=False).passed
    assert doubled(lambda x, n: 2 * x + n + 0.25, record=False).message.startswith(
        "A whole number is expected, but your function returns"
    )


def test_declared_mistakes_and_pairs_of_them_are_recognised_in_the_wrong_cases():
    assert doubled(lambda x, n: x * x + n).message == "this is the square."
    assert doubled(lambda x, n: 2 * x).message == "n is missing."
    assert doubled(lambda x, n: x * x - n).message == "two things. This is the square. Add n, do not subtract it."
    handled = lambda x, n: 2 * x if x else n  # the same mistake, but right for the edge  # noqa: E731
    assert doubled(handled).message == "n is missing."
    shared = lambda x, n: 2 * x - n if x > 3 else x * x + n  # one mistake here, the other there  # noqa: E731
    assert doubled(shared).message == "two things. This is the square. Add n, do not subtract it."


def test_a_coincidence_in_one_case_is_no_mistake():
    """Right but for the edge, where it happens to give what a declared mistake gives there."""
    message = doubled(lambda x, n: 2 * x + n if x else 0).message
    assert message.startswith("right in 4 of 5 cases, but not for zero.")
    assert "For x = 0, n = 2:\nexpected 2\nbut got  0" in message


def test_an_error_that_a_declared_mistake_raises_too_is_explained():
    @exercise(
        praise="",
        cases=lambda seed: [(1.0, 2.0), (3.0, 0.5)],
        wrong={"y stands in the list of another.": lambda x, y: [x][int(y) + 1]},
    )
    def product(x, y):
        return x * y

    message = product(lambda x, y: [x, y][5]).message
    assert message.startswith("your code raised IndexError in its line")
    assert message.endswith("list index out of range\nPerhaps this is why: y stands in the list of another.")
    assert "\nPerhaps" not in product(lambda x, y: {}["x"]).message


def test_a_mistyped_place_is_refused_when_the_exercise_is_made():
    with pytest.raises(ValueError, match=r"'wrong scale\.' changes scal, and there is no such place"):
        exercise(praise="", cases=lambda seed: [(1,)], wrong={"wrong scale.": {"scal": 2}})(lambda x, *, scale=1: x)


def test_an_input_that_changes_nothing_is_named():
    assert "`n` changes nothing in your result." in doubled(lambda x, n: 3 * x + 11).message


def forever(*inputs):
    while True:
        pass


def swallowing(*inputs):
    while True:
        try:  # noqa: SIM105
            time.sleep(0.01)
        except:  # noqa: E722
            pass


def endless(*inputs):
    return itertools.count()


def leaves(*inputs):
    raise SystemExit


def replaces(x):
    torch.softmax = lambda x, dim: x
    torch.Tensor.softmax = lambda self, dim: self
    return x


def in_place(x):
    x /= x.sum()
    return x


def deep(*inputs):
    return deep(*inputs)


def interrupted(*inputs):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    "check, answer, words",
    [
        (doubled, forever, "it did not end within 2 seconds: does a loop in it go on for ever?"),
        (doubled, swallowing, "it did not end within 2 seconds"),
        (doubled, interrupted, "you stopped it after 0 seconds"),
        (doubled, endless, "your function returns a list of"),
        (doubled, leaves, "it calls exit(), which would end the whole notebook: use `return`."),
        (doubled, deep, "your code raised RecursionError in its line `return deep(*inputs)`"),
        (doubled, lambda x: 2 * x, "it is called with 2 inputs (x, n), but your function takes (x)."),
        (doubled, lambda: 2, "it is called with 2 inputs (x, n), but your function takes ()."),
        (doubled, 7, "a function is expected here, but this is 7."),
        (doubled, lambda x, n: "six", "A whole number is expected, but your function returns a string."),
        (doubled, lambda x, n: None if x == 3 else 2 * x + n, "is a `return` missing on one path?"),
        (doubled, lambda x, n: {}["key"], "your code raised KeyError in its line"),
        (doubled, lambda x, n: {1: 0, 7: 17, 0: 2}[x], "right in 2 of 5 cases, but your code raised KeyError"),
        (shares, replaces, "your code replaces `torch.softmax` and `torch.Tensor.softmax` for everybody"),
        (shares, in_place, "your function changes its input in place"),
        (shares, lambda x: x / x.sum(-1, keepdim=True), "right in 2 of 3 cases"),
        (shares, lambda x: {1, 2}, "a set forgets the order"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_an_answer_may_do_is_answered_in_words_and_leaves_the_notebook_usable(check, answer, words, progress):
    before = torch.softmax, torch.get_rng_state(), np.random.get_state()[1].tolist(), torch.is_grad_enabled()
    start = time.monotonic()
    verdict = check(answer)
    assert time.monotonic() - start < 20
    assert verdict.passed is False and words in verdict.message and len(verdict.message) <= 400, verdict
    assert torch.softmax is before[0] and "softmax" not in vars(torch.Tensor)
    assert torch.equal(torch.get_rng_state(), before[1]) and np.random.get_state()[1].tolist() == before[2]
    assert torch.is_grad_enabled() == before[3] and not progress.exists()


def test_an_endless_answer_is_stopped_in_a_thread_too():
    verdicts = []
    thread = threading.Thread(target=lambda: verdicts.append(doubled(forever)))
    thread.start()
    thread.join(10)
    assert "did not end within 2 seconds" in verdicts[0].message


def test_what_an_answer_prints_does_not_stand_above_the_verdict(capsys):
    def talkative(x, n):
        for number in range(10_000):
            print("line", number)
        return 2 * x

    verdict = doubled(talkative)
    assert capsys.readouterr() == ("", "")
    assert verdict.message == "n is missing.\n(it printed 'line 0' ... (10,000 lines))"


def test_nested_inputs_are_copied_deeply_for_the_answer_and_the_reference():
    @exercise(praise="", cases=lambda seed: [([[3, 1, 2], [5, 4]],)], wrong={})
    def largest(rows):
        return [row[-1] for row in rows]

    def sorts(rows):
        for row in rows:
            row.sort()
        return [row[-1] for row in rows]

    assert "changes its input in place" in largest(sorts).message
    assert largest(lambda rows: [row[-1] for row in rows], record=False).passed


def test_functions_replaced_in_the_notebook_are_put_back(monkeypatch):
    F.relu, before = lambda x: x, F.relu
    try:
        assert "`F.relu` had been replaced" in shares(by_numpy, record=False).message
        assert F.relu is before
    finally:
        F.relu = before
    assert shares(by_numpy, record=False).passed
    assert builtins.print is answers.ORIGINALS["builtins"]["print"]


def test_what_exercises_hand_to_an_answer_may_object():
    class Scarce:
        def __call__(self, n):
            if n > 2:
                raise Mistake("at most two at a time.")
            return n

    @exercise(praise="", cases=lambda seed: [(Scarce(),)], wrong={})
    def total(get):
        return get(1) + get(2)

    assert total(lambda get: get(3)).message == "at most two at a time."


@exercise(
    kind="debug",
    praise="",
    cases=lambda seed: [([1, 2, 3],), ([4, 4],), case([7], edge="a single number, where the found one raises")],
    wrong={"the mean of the whole list is wanted.": lambda x: float(x[0])},
    found=lambda x: sum(x) / (len(x) - 1),
)
def mean(x):
    """The mean."""
    return sum(x) / len(x)


def test_a_debug_exercise_left_as_it_was_found_is_not_attempted():
    assert mean(lambda x: sum(x) / (len(x) - 1)).passed is None
    assert "as you found it" in mean(lambda x: sum(x) / (len(x) - 1)).message
    assert mean(lambda x: x[0]).message == "the mean of the whole list is wanted."
    assert mean(lambda x: sum(x) / len(x), record=False).passed


def _as_one_number(function):
    def probed(x):
        result = function(x)
        if isinstance(result, list):
            raise Mistake("one number is expected, not a list.")
        return result

    return probed


@exercise(
    kind="debug",
    praise="it is doubled.",
    cases=lambda seed: [(1.0,), (3.0,)],
    through=_as_one_number,
    found=lambda x: x,
    wrong={"it is tripled.": lambda x: 3 * x},
)
def to_be_doubled(x):
    """Twice the number."""
    return 2 * x


def test_an_answer_that_is_not_allowed_is_not_the_one_that_was_found():
    assert "as you found it" in to_be_doubled(lambda x: x).message
    assert "one number is expected, not a list." in to_be_doubled(lambda x: [x]).message


@exercise(
    kind="design",
    praise="any line through both points.",
    through=lambda design: lambda x: design()[0] * x + design()[1],
    cases=lambda seed: [(1.0,), (3.0,)],
    wrong={"slope and intercept are swapped.": lambda: (1.0, 2.0)},
)
def line():
    """Slope and intercept of a line through (1, 3) and (3, 7)."""
    return 2.0, 1.0


def test_a_design_is_judged_by_what_it_does():
    assert line(lambda: torch.tensor([2.0, 1.0]), record=False).passed
    assert line(lambda: (1.0, 2.0)).message == "slope and intercept are swapped."
    assert "For x = 1:\nexpected 3\nbut got  5" in line(lambda: (1.0, 4.0)).message
    assert line(lambda: None).passed is None
    assert "called with 0 inputs, but your function takes (x)" in line(lambda x: (1.0, 2.0)).message


@experiment(
    goal=2.0,
    unit="bits",
    stored=lambda: [("size 1", 3.0), ("size 5", 2.1)],
    advice={"a larger size.": lambda choice: choice["size"] < 5, "fewer steps.": lambda choice: True},
    wrong={},
)
def size(choice, seed):
    """Choose a size."""
    if choice["size"] > 9:
        raise Mistake("at most 9.")
    return 5.0 - choice["size"] / 2


def test_an_experiment_is_scored_and_stands_beside_what_is_stored():
    reached = size(lambda: {"size": 8}, record=False)
    words = "1.000 bits; the goal is at most 2. "
    words += "That beats 2 of the 2 stored choices, the best of which is size 5 with 2.100."
    assert reached == Verdict("test_exercise.size", True, words)
    short = size(lambda: {"size": 2})
    assert not short.passed and short.message.endswith("Worth a try: a larger size.")
    assert size(lambda: {"size": 5}).message.endswith("Worth a try: fewer steps.")
    assert size(lambda: {"size": 10}).message == "at most 9."
    assert "KeyError" in size(dict).message
    assert size(lambda: ...).passed is None


def test_yours_or_takes_the_readers_function_only_if_it_passes(capsys):
    def mine(x, n):
        return 2 * x + n

    assert doubled.yours_or(mine, doubled.right) is mine
    assert doubled.yours_or(lambda x, n: x, doubled.right) is doubled.right
    assert doubled.yours_or(lambda x, n: ..., doubled.right) is doubled.right
    library = "doubled: the library's, until yours passes its check"
    assert capsys.readouterr().out.splitlines() == ["doubled: yours", library, library]


def test_a_pass_is_recorded_once_and_only_where_asked(progress):
    def right(x, n):
        return 2 * x + n

    assert doubled(right, record=False).passed and not progress.exists()
    assert not doubled(lambda x, n: x).passed and not progress.exists()
    assert doubled(right).passed
    first = passed()["test_exercise.doubled"]
    kept = {"test_exercise.doubled": "2020-01-01T00:00:00", "other.one": first}
    progress.write_text(json.dumps(kept), encoding="utf-8")
    doubled(right)
    assert passed() == kept
    assert sorted(file.name for file in progress.parent.iterdir()) == ["mistakes.json", "progress.json"]


def test_damaged_progress_is_kept_aside(progress):
    progress.parent.mkdir()
    progress.write_text("{half", encoding="utf-8")
    assert passed() == {}
    assert doubled(doubled.right).passed
    assert list(passed()) == ["test_exercise.doubled"]
    assert progress.with_name("progress.json.damaged").read_text(encoding="utf-8") == "{half"


def test_progress_that_cannot_be_saved_does_not_fail_the_check(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "file" / "progress.json"))
    verdict = doubled(doubled.right)
    assert verdict.passed and "your progress could not be saved" in verdict.message
    assert record_passed("a.b") != ""


def test_progress_lies_with_the_working_copies(monkeypatch):
    monkeypatch.delenv("COURSE_PROGRESS")
    assert progress_file().parts[-2:] == ("my", "progress.json")


def test_verdicts_are_escaped_in_html_and_show_code_as_code():
    shown = Verdict("a.b", False, "<unk> is not `x < y`")._repr_html_()
    assert "&lt;unk&gt; is not <code>x &lt; y</code>" in shown
    assert str(Verdict("a.b", True, "well done.", "the solution")) == "✔ passed by the solution · well done."
    colours = [
        Verdict("a.b", True, "", whose)._repr_html_().partition("solid ")[2][:7] for whose in ("", "the solution")
    ]
    assert colours == ["#009E73", "#0072B2"], "only what the reader has passed is green"


X = np.array([[0.2, 0.5, 1.5], [0.1, 0.7, 2.0]])


@pytest.mark.parametrize(
    "got, expected, words",
    [
        (-X, X, "the right one with the sign reversed"),
        (1 - X, X, "1 minus the right one"),
        (X**2, X, "the square of the right one"),
        (np.sqrt(X), X, "the square root of the right one"),
        (np.exp(X), X, "the exponential of the right one"),
        (np.abs(X - 1), X - 1, "without its sign"),
        (X, X.sum(-1), "a sum over the last axis is missing"),
        (X, float(X.sum()), "a sum over all values is missing"),
        (X, X.mean(0), "a mean over the first axis is missing"),
        (X, X / X.sum(-1, keepdims=True), "not divided by their sum"),
        (2 * X, X, "the right one times 2"),
        (X / math.log(2), X, "which turns nats into bits"),
        (7 * X, X, "yours is 7 times the right one everywhere"),
        (X + 1, X, "1 too large everywhere"),
        (X[:, ::-1], X, "in reversed order"),
        (X[:, [1, 0, 2]], X, "the numbers are right, but in another order"),
        (X[:, None], X, "an axis of length 1 is too much"),
        (X.T, X, "right numbers, but the axes are in another order"),
        (X.reshape(6), X, "right numbers, but in another shape"),
        (X[:, :2], X, "the shape should be (2, 3), but yours is (2, 2)"),
        (np.where(X > 1, np.nan, X), X, "there is NaN in your result"),
        (np.where(X > 1, 0, X), X, "4 of 6 numbers are right; the first wrong one is at index (0, 2)"),
        (X > 1, X < 1, "True and False are swapped"),
        (X > 0.6, X > 0.3, "too few are True, for example at index (0, 1)"),
        ((X > 1).astype(int), X > 1, "a boolean tensor is expected"),
        (X > 1, X, "numbers are expected, but yours holds True and False"),
        ([1, 2, 3], [1, 2, 3, 4], "4 items are expected, but yours has 3: the end is missing"),
        ([2, 3, 4], [1, 2, 3, 4], "the beginning is missing"),
        ([3, 2, 1], [1, 2, 3], "in reversed order"),
        (["a", "c", "b"], ["a", "b", "c"], "in another order"),
        (["a", "b"], ["a", "b", "b"], "the end is missing"),
        (["a", "b", "b", "c"], ["a", "b", "c"], "repeated items are counted in another way"),
        (["a", "x"], ["a", "b"], "the first difference is in item 1: expected 'b', but got 'x'"),
        ({"a": 1}, {"a": 1, "b": 2}, "the key 'b' is missing"),
        ({"a": 1, "b": 3}, {"a": 1, "b": 2}, "for the key 'b': expected 2, but got 3"),
        ("abc", "abcd", "the end is missing: 'd'"),
        ("abXd", "abcd", "the first difference is at character 2"),
        ("ABC", "abc", "only upper and lower case differ"),
        ("a b ", "a b", "only white space at the ends differs"),
        ((X, 2.0), (X, 3.0), "of the 2 results the second is wrong, the other is right"),
        ((2 * X, 2 * X), (X, X), "of the 2 results all are wrong. Yours is the right one times 2."),
        (np.array([3.0]), 2.0, "a single number is expected, and yours is inside a tensor of shape (1,)"),
        ((2.0, X), (X, 2.0), "the results are right, but in another order"),
        (X[:1], (X, 2.0), "2 results are expected, but your function returns 1."),
        (3.0, (X, 3.0), "2 results are expected, but your function returns a number; this is the second of them alone"),
        ((X, 1.0), X, "one result is expected, and yours is among several"),
        (True, 1, "a whole number is expected, but your function returns True or False"),
    ],
)
def test_a_difference_is_located(got, expected, words):
    assert not forms.same(forms.conform(got, expected), expected)
    found = differences.relation([(forms.conform(got, expected), expected)], [(1,)], ["x"])
    assert words in found, found


def test_a_factor_that_is_a_size_of_the_inputs_is_named():
    cases = [([1.0, 2.0],), ([1.0, 2.0, 6.0],), ([3.0, 4.0, 5.0, 7.0],)]
    pairs = [(sum(x), sum(x) / len(x)) for (x,) in cases]
    assert differences.relation(pairs, cases, ["x"]) == "yours is the right one times the length of `x`."


def test_nothing_is_said_where_nothing_is_known():
    assert differences.relation([(0.3, 0.7)], [(1,)], ["x"]) == ""
    assert differences.relation([(0.0, 0.3)], [(1,)], ["x"]) == ""


def test_what_is_shown_of_inputs_is_short():
    long = torch.zeros(50, 50), list(range(1000)), "x" * 1000
    assert len(showing.show_inputs(long, ["a", "b", "c"])) <= 150
    assert all(len(showing.show(value)) <= 80 for value in long)


def test_same():
    nan = float("nan")
    pairs = [(1.0, 1.00001), (1.0, 1), (nan, nan), ("a", "a"), (2, torch.tensor(2)), (0.5, np.float64(0.5))]
    pairs += [
        (np.ones(2), torch.ones(2)),
        ([1, 2.0], [1, 2.0]),
        (np.zeros(3), [0, 0, 0]),
        ((1, 2), torch.tensor([1, 2])),
    ]
    pairs += [({"a": 1}, {"a": np.int64(1)}), ([[1], [2, 3]], [(1,), (2, 3)]), (np.zeros(0), [])]
    for expected, got in pairs:
        assert forms.same(forms.conform(forms.plain(got), expected), expected), (expected, got)
    pairs = [(1.0, 1.01), (1.0, "1"), (1, 1.5), ("a", "b"), ([1, 2], [1]), (1.0, nan), (True, 1), (1, True)]
    pairs += [(np.ones(2), torch.ones(2, 1)), (np.ones(2) > 0, torch.ones(2)), (np.ones(1), 1.0), ([1, 2], {1, 2})]
    for expected, got in pairs:
        assert not forms.same(forms.conform(forms.plain(got), expected), expected), (expected, got)
