"""How good, and how sure: scores with intervals, over SciPy's.

`language` scores a model's probabilities, `classification` its answers, `intervals` says how sure a score is.
"""

from course_lib.metrics.classification import accuracy, calibration_error, precision_recall_f1, reliability
from course_lib.metrics.intervals import Interval, bootstrap_interval, spearman
from course_lib.metrics.language import bits_per_character, cross_entropy, perplexity

__all__ = [
    "Interval",
    "accuracy",
    "bits_per_character",
    "bootstrap_interval",
    "calibration_error",
    "cross_entropy",
    "perplexity",
    "precision_recall_f1",
    "reliability",
    "spearman",
]
