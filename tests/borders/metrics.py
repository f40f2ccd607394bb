"""Borders of `metrics` and `plotting`."""

import math

import numpy as np
import torch
from course_lib import plotting
from course_lib.metrics import (
    accuracy,
    alignment_counts,
    alignment_error_rate,
    bits_per_character,
    bleu,
    bleu_counts,
    bleu_tokens,
    bootstrap_interval,
    calibration_error,
    chrf,
    chrf_counts,
    cross_entropy,
    exact_match,
    perplexity,
    precision_recall_f1,
    reliability,
    spearman,
    student_interval,
    translation_scores,
)
from course_lib.metrics.answers import answer_match, token_f1

from borders import Border

LABELS = {"title": "t", "xlabel": "x", "ylabel": "y"}
TWO = {"title": "t", "xlabel": "x"}


def rows(of, *mistakes):
    """Rows of one function, each of mistake, call and words."""
    return [Border(of, mistake, call, says) for mistake, call, says in mistakes]


def mean(x):
    return x.mean(axis=-1)


def of_labels(name, score):
    return rows(
        f"metrics.{name}",
        ("unequal lengths", lambda: score([1, 0], [1]), "both must be of one shape, but theirs are (2,) and (1,)"),
        ("no items", lambda: score([], []), "truth must hold labels, integers or words, and at least one"),
        ("one label", lambda: score(1, 1), "truth must hold labels"),
        ("one text", lambda: score("abc", "abd"), "truth must hold labels"),
        ("None among labels", lambda: score([1, 0], [1, None]), "predicted must hold labels, integers or words"),
        ("NaN among words", lambda: score(["a", math.nan], ["a", "b"]), "truth must hold labels, integers or words"),
        ("probabilities", lambda: score(np.array([1, 0]), np.array([0.9, 0.2])), "predicted must hold labels"),
        ("words and integers", lambda: score([1, 0], ["1", "0"]), "must be labels of one kind, but one holds integers"),
        ("rows of unequal length", lambda: score([[1], [1, 0]], [[1], [1, 0]]), "rows of unequal length"),
    )


def of_confidence(name, score):
    return rows(
        f"metrics.{name}",
        ("above 1", lambda: score([0.5, 1.2], [1, 0]), "confidence must hold probabilities, from 0 to 1"),
        ("in percent", lambda: score([50, 80], [1, 0]), "confidence must hold probabilities, from 0 to 1"),
        ("below 0", lambda: score([-0.1], [1]), "confidence must hold probabilities, from 0 to 1"),
        ("NaN", lambda: score([math.nan], [1]), "confidence must be finite numbers, but at (0,) there is nan"),
        ("no items", lambda: score([], []), "and at least one"),
        ("an axis too many", lambda: score([[0.5]], [[1]]), "in one row"),
        ("unequal lengths", lambda: score([0.5], [1, 0]), "both must be of one shape"),
        ("labels for correct", lambda: score([0.5], [2]), "correct must hold truth values, or 0 and 1"),
        ("None for correct", lambda: score([0.5], [None]), "correct must be numbers, but at (0,) there is None"),
        ("words for confidence", lambda: score(["a"], [1]), "confidence must be numbers"),
        ("no bins", lambda: score([0.5], [1], 0), "n_bins must be at least 1, but it is 0"),
        ("a fraction for n_bins", lambda: score([0.5], [1], 2.5), "n_bins must be an integer, but it is 2.5"),
    )


def of_sentences(name, score):
    return rows(
        f"metrics.{name}",
        ("one text", lambda: score("good", "good"), "hypotheses must be several texts, but it is one, 'good'"),
        ("one reference", lambda: score(["good"], "good"), "references must be several texts, but it is one"),
        ("a list of references", lambda: score(["a"], [["a"]]), "references[0] must be a string, but it is ['a']"),
        ("None among texts", lambda: score(["a", None], ["a", "b"]), "hypotheses[1] must be a string, but it is None"),
        ("NaN among texts", lambda: score(["a", "b"], ["a", math.nan]), "references[1] must be a string, but it is nan"),
        ("bytes", lambda: score([b"a"], ["a"]), "hypotheses[0] must be a string, but it is b'a'"),
        ("unequally many", lambda: score(["a", "b"], ["a"]), "each hypothesis needs its reference"),
        ("no texts", lambda: score([], []), "there must be at least one, but there are 0 and 0"),
    )


def of_one_sentence(name, count):
    return rows(
        f"metrics.{name}",
        ("several texts", lambda: count(["a"], ["a"]), "hypothesis must be a string, but it is ['a']"),
        ("None", lambda: count("a", None), "reference must be a string, but it is None"),
        ("bytes", lambda: count(b"a", "a"), "hypothesis must be a string, but it is b'a'"),
    )


def of_counts(name, score, shape):
    expected = f"counts must be an array of integers, {shape} for each sentence"
    return rows(
        f"metrics.{name}",
        ("texts", lambda: score(["good night"]), expected),
        ("one sentence", lambda: score(np.zeros(shape, dtype=int)), expected),
        ("other counts", lambda: score(np.zeros((2, 3, 5), dtype=int)), expected),
        ("floats", lambda: score(np.full((1, *shape), math.nan)), expected),
        ("no sentences", lambda: score(np.zeros((0, *shape), dtype=int)), "a score needs at least one sentence"),
    )


def of_an_answer(name, score):
    return rows(
        f"metrics.{name}",
        ("one right answer", lambda: score("a", "a"), "right must be several texts, but it is one, 'a': put it in a list"),
        ("None for an answer", lambda: score(None, ["a"]), "answer must be a string, but it is None"),
        ("several answers", lambda: score(["a"], ["a"]), "answer must be a string, but it is ['a']"),
        ("None among the right", lambda: score("a", ["a", None]), "right[1] must be a string, but it is None"),
        ("a number", lambda: score("3", [3]), "right[0] must be a string, but it is 3"),
    )


METRICS = [
    *of_labels("accuracy", accuracy),
    *of_labels("precision_recall_f1", precision_recall_f1),
    *rows(
        "metrics.precision_recall_f1",
        ("1 among words", lambda: precision_recall_f1(["a"], ["a"]), "positive must be a label of the same kind"),
        ("a word among integers", lambda: precision_recall_f1([1], [1], "1"), "positive must be a label of the same kind"),
        ("a fraction", lambda: precision_recall_f1([1], [1], 0.5), "positive must be a label of the same kind"),
    ),
    *of_confidence("reliability", reliability),
    *of_confidence("calibration_error", calibration_error),
    *rows(
        "metrics.bootstrap_interval",
        ("no samples", lambda: bootstrap_interval(mean), "samples must be of one length of at least 2"),
        ("unequal lengths", lambda: bootstrap_interval(mean, [1, 2], [1, 2, 3]), "but their lengths are [2, 3]"),
        ("one item", lambda: bootstrap_interval(mean, [1]), "samples must be of one length of at least 2"),
        ("one number", lambda: bootstrap_interval(mean, 5), "samples[0] must be one row"),
        ("an axis too many", lambda: bootstrap_interval(mean, np.ones((2, 2))), "samples[0] must be one row"),
        ("NaN", lambda: bootstrap_interval(mean, [1, math.nan]), "samples[0] must be finite numbers, but at (1,)"),
        ("None", lambda: bootstrap_interval(mean, [1, 2], [1, None]), "samples[1] must be numbers, but at (1,)"),
        ("a text", lambda: bootstrap_interval(mean, "abc"), "samples[0] must be numbers, but it is 'abc'"),
        ("confidence in percent", lambda: bootstrap_interval(mean, [1, 2], confidence=95), "above 0 and below 1"),
        ("confidence of 1", lambda: bootstrap_interval(mean, [1, 2], confidence=1), "above 0 and below 1"),
        ("no resamples", lambda: bootstrap_interval(mean, [1, 2], n_resamples=0), "n_resamples must be at least 1"),
        ("a fraction", lambda: bootstrap_interval(mean, [1, 2], n_resamples=1e3), "n_resamples must be an integer"),
        ("a seed below 0", lambda: bootstrap_interval(mean, [1, 2], seed=-1), "seed must be at least 0, but it is -1"),
        ("no seed", lambda: bootstrap_interval(mean, [1, 2], seed=None), "seed must be an integer, but it is None"),
        ("a batch of 0", lambda: bootstrap_interval(mean, [1, 2], batch=0), "batch must be at least 1, but it is 0"),
        ("a mean over all", lambda: bootstrap_interval(np.mean, [1, 2]), "the statistic must work over the last axis"),
    ),
    *rows(
        "metrics.student_interval",
        ("one value", lambda: student_interval([1.0]), "an interval needs at least two values in a row"),
        ("one number", lambda: student_interval(5), "an interval needs at least two values in a row"),
        ("an axis too many", lambda: student_interval(np.ones((2, 2))), "but their shape is (2, 2)"),
        ("NaN", lambda: student_interval([1, math.nan]), "values must be finite numbers, but at (1,) there is nan"),
        ("None", lambda: student_interval([1, None]), "values must be numbers, but at (1,) there is None"),
        ("confidence in percent", lambda: student_interval([1, 2], 95), "confidence must be above 0 and below 1"),
        ("confidence of 0", lambda: student_interval([1, 2], 0), "confidence must be above 0 and below 1"),
    ),
    *rows(
        "metrics.spearman",
        ("unequal lengths", lambda: spearman([1, 2, 3], [1, 2]), "their shapes are (3,) and (2,)"),
        ("one for all", lambda: spearman([1, 2, 3], [1]), "their shapes are (3,) and (1,)"),
        ("one value", lambda: spearman([1], [1]), "at least two values in a row"),
        ("no values", lambda: spearman([], []), "at least two values in a row"),
        ("NaN", lambda: spearman([1, math.nan], [1, 2]), "x must be finite numbers, but at (1,) there is nan"),
        ("words", lambda: spearman([1, 2], ["a", "b"]), "y must be numbers, but it is ['a', 'b']"),
    ),
    *rows(
        "metrics.cross_entropy",
        ("a list", lambda: cross_entropy([[1.0]], [0]), "logits must be a tensor of floating-point numbers"),
        ("integers", lambda: cross_entropy(torch.ones(1, 2).long(), torch.tensor([0])), "logits must be a tensor of floating"),
        ("probabilities for targets", lambda: cross_entropy(torch.ones(2, 2), torch.ones(2)), "targets must be a tensor of integers"),
        ("another shape", lambda: cross_entropy(torch.ones(2, 2), torch.tensor([0])), "targets must be of the shape (2,)"),
        ("no targets", lambda: cross_entropy(torch.ones(0, 2), torch.ones(0).long()), "targets must hold at least one id"),
        ("too large a target", lambda: cross_entropy(torch.ones(1, 2), torch.tensor([2])), "targets must be ids from 0 to 1"),
        ("padding of -1", lambda: cross_entropy(torch.ones(1, 2), torch.tensor([-1])), "or -100 to be ignored"),
    ),
    *rows(
        "metrics.perplexity",
        ("the mean of ln p", lambda: perplexity(-2.3), "cross_entropy must be at least 0, the mean of -ln p, but it is -2.3"),
        ("NaN", lambda: perplexity(math.nan), "cross_entropy must be numbers, but it is nan"),
        ("several", lambda: perplexity([1.0, 2.0]), "cross_entropy must be one number, a mean over tokens"),
        ("text", lambda: perplexity("2"), "cross_entropy must be numbers, but it is '2'"),
        ("None", lambda: perplexity(None), "cross_entropy must be numbers, but it is None"),
    ),
    *rows(
        "metrics.bits_per_character",
        ("no characters", lambda: bits_per_character(1.0, 0), "at least one character, but there are 0"),
        ("fewer than none", lambda: bits_per_character([1, 1], [2, -1]), "characters must be at least 0, but it is -1"),
        ("the text itself", lambda: bits_per_character(1.0, "to be"), "characters must be numbers, but it is 'to be'"),
        ("NaN", lambda: bits_per_character([1, math.nan], 3), "nats must be numbers, but at (1,) there is nan"),
        ("None", lambda: bits_per_character(None, 3), "nats must be numbers, but it is None"),
        ("unequally many texts", lambda: bits_per_character(np.ones((2, 3)), np.ones((3, 3))), "for the (3,) texts"),
    ),
    *rows(
        "metrics.bleu_tokens",
        ("None", lambda: bleu_tokens(None), "text must be a string, but it is None"),
        ("several texts", lambda: bleu_tokens(["a"]), "text must be a string, but it is ['a']"),
    ),
    *of_one_sentence("bleu_counts", bleu_counts),
    *of_one_sentence("chrf_counts", chrf_counts),
    *of_counts("bleu", bleu, (3, 4)),
    *of_counts("chrf", chrf, (3, 6)),
    *of_an_answer("answer_match", answer_match),
    *of_an_answer("token_f1", token_f1),
    *of_sentences("exact_match", exact_match),
    *of_sentences("translation_scores", translation_scores),
    *rows(
        "metrics.alignment_counts",
        ("one text", lambda: alignment_counts("0-0", [(0, 0)]), "proposed must be several links, a set for example"),
        ("one link", lambda: alignment_counts((0, 1), [(0, 0)]), "each link in proposed must be a pair of positions"),
        ("no links", lambda: alignment_counts([(0, 0)], None), "sure must be several links"),
        ("texts", lambda: alignment_counts([(0, 0)], ["0-0"]), "each link in sure must be a pair of positions"),
        ("a fraction", lambda: alignment_counts([(0, 0.5)], [(0, 0)]), "each link in proposed must be a pair of positions"),
        ("three ends", lambda: alignment_counts([], [(0, 0)], [(0, 0, 1)]), "each link in possible must be a pair"),
        ("a table", lambda: alignment_counts({0: 1}, [(0, 0)]), "proposed must be several links"),
    ),
    *rows(
        "metrics.alignment_error_rate",
        ("links", lambda: alignment_error_rate([{(0, 0)}]), "counts must be an array of integers, 4 for each sentence"),
        ("one sentence", lambda: alignment_error_rate(np.ones(4, dtype=int)), "counts must be an array of integers"),
        ("other counts", lambda: alignment_error_rate(np.ones((2, 3), dtype=int)), "counts must be an array of integers"),
        ("floats", lambda: alignment_error_rate(np.full((2, 4), math.nan)), "counts must be an array of integers"),
        ("no sentences", lambda: alignment_error_rate(np.ones((0, 4), dtype=int)), "needs at least one link"),
        ("no links", lambda: alignment_error_rate(np.zeros((1, 4), dtype=int)), "needs at least one link"),
    ),
    *rows(
        "metrics.translation_scores",
        ("one sentence", lambda: translation_scores(["a"], ["a"]), "an interval needs at least two sentences"),
        ("a seed below 0", lambda: translation_scores(["a", "b"], ["a", "b"], seed=-1), "seed must be at least 0"),
    ),
]


def bars(labels, values):
    return plotting.bars(labels, values, **TWO)


def curves(lines):
    return plotting.curves(lines, **LABELS)


def arrows(vectors):
    return plotting.arrows(vectors, **LABELS)


def heatmap(values):
    return plotting.heatmap(values, **LABELS)


def intervals(scores):
    return plotting.intervals(scores, **TWO)


def words_on_map(groups, places):
    return plotting.words_on_map(groups, places, **LABELS)


PLOTTING = [
    *rows(
        "plotting.bars",
        ("too few values", lambda: bars(["a", "b"], [1]), "the 2 labels must have one value each"),
        ("too many values", lambda: bars(["a"], [1, 2]), "the 1 labels must have one value each"),
        ("nothing", lambda: bars([], []), "bars need at least one label"),
        ("NaN", lambda: bars(["a"], [math.nan]), "values must be finite numbers, but at (0,) there is nan"),
        ("None", lambda: bars(["a", "b"], [1, None]), "values must be numbers, but at (1,) there is None"),
        ("words", lambda: bars(["a"], ["b"]), "values must be numbers, but it is ['b']"),
    ),
    *rows(
        "plotting.curves",
        ("nothing", lambda: curves({}), "lines must hold at least one line"),
        ("unequal lengths", lambda: curves({"a": ([1, 2], [1])}), "the line 'a' must have as many y as x"),
        ("one number", lambda: curves({"a": (1, 2)}), "in one row each"),
        ("y alone", lambda: curves({"loss": [3, 2, 1]}), "the line 'loss' must be a pair, its x and its y"),
        ("an empty line", lambda: curves({"a": ([], [])}), "the line 'a' must have a finite number"),
        ("NaN alone", lambda: curves({"a": ([1], [math.nan])}), "the line 'a' must have a finite number"),
    ),
    *rows(
        "plotting.arrows",
        ("nothing", lambda: arrows({}), "vectors must hold at least one vector"),
        ("three numbers", lambda: arrows({"u": (1, 2, 3)}), "vectors['u'] must have two numbers"),
        ("NaN", lambda: arrows({"u": (1, math.nan)}), "vectors['u'] must be finite numbers, but at (1,)"),
    ),
    *rows(
        "plotting.intervals",
        ("nothing", lambda: intervals({}), "scores must hold at least one interval"),
        ("values alone", lambda: intervals({"a": 1.0}), "scores must be intervals: a value, its low and its high end"),
        ("NaN", lambda: intervals({"a": (1, math.nan, 2)}), "scores must be finite numbers, but at (0, 1)"),
        ("outside", lambda: intervals({"a": (3, 1, 2)}), "values must be within their intervals"),
    ),
    *rows(
        "plotting.heatmap",
        ("a row", lambda: heatmap([1, 2]), "values must be a matrix with a finite number in it"),
        ("nothing", lambda: heatmap(np.ones((0, 3))), "values must be a matrix with a finite number in it"),
        ("NaN alone", lambda: heatmap([[math.nan]]), "values must be a matrix with a finite number in it"),
    ),
    *rows(
        "plotting.attention_map",
        ("too few tokens", lambda: plotting.attention_map(np.eye(2), ["a"], ["b"], title="t"), "weights of shape (1, 1)"),
        ("no tokens", lambda: plotting.attention_map(np.ones((0, 0)), [], [], title="t"), "values must be a matrix"),
    ),
    *rows(
        "plotting.words_on_map",
        ("too few places", lambda: words_on_map({"g": ["a", "b"]}, np.eye(2)[:1]), "the words need places of shape (2, 2)"),
        ("too many places", lambda: words_on_map({"g": ["a"]}, np.eye(2)), "the words need places of shape (1, 2)"),
        ("three axes", lambda: words_on_map({"g": ["a"]}, np.ones((1, 3))), "the words need places of shape (1, 2)"),
        ("nothing", lambda: words_on_map({}, np.ones((0, 2))), "the words need places of shape (0, 2)"),
        ("NaN", lambda: words_on_map({"g": ["a"]}, [[1, math.nan]]), "places must be finite numbers, but at (0, 1)"),
    ),
    *rows(
        "plotting.visible",
        ("None", lambda: plotting.visible(None), "token must be a string, but it is None"),
        ("an id", lambda: plotting.visible(5), "token must be a string, but it is 5"),
    ),
]

BORDERS = [*METRICS, *PLOTTING]
NOTHING = {"metrics.Interval": "made by the functions that give it", "plotting.COLOURS": "a list"}
