"""How good, and how sure: scores with intervals, over SciPy's.

`language` scores a model's probabilities, `classification` its labels, `translation` its translations, `alignment` its
alignments of words; `intervals` says how sure a score is. Two are imported by their own names: `metrics.answers` scores
short answers, `metrics.ranking` a search.
"""

from course_lib.metrics.alignment import alignment_counts, alignment_error_rate
from course_lib.metrics.classification import accuracy, calibration_error, precision_recall_f1, reliability
from course_lib.metrics.intervals import Interval, bootstrap_interval, spearman, student_interval
from course_lib.metrics.language import bits_per_character, cross_entropy, perplexity
from course_lib.metrics.translation import (
    bleu,
    bleu_counts,
    bleu_tokens,
    chrf,
    chrf_counts,
    exact_match,
    translation_scores,
)

__all__ = [
    "Interval",
    "accuracy",
    "alignment_counts",
    "alignment_error_rate",
    "bits_per_character",
    "bleu",
    "bleu_counts",
    "bleu_tokens",
    "bootstrap_interval",
    "calibration_error",
    "chrf",
    "chrf_counts",
    "cross_entropy",
    "exact_match",
    "perplexity",
    "precision_recall_f1",
    "reliability",
    "spearman",
    "student_interval",
    "translation_scores",
]
