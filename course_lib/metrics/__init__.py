"""How good, and how sure: scores with intervals."""

from course_lib.metrics.classification import (
    Interval,
    accuracy,
    bits_per_character,
    bootstrap_interval,
    calibration_error,
    cross_entropy,
    perplexity,
    precision_recall_f1,
    reliability,
    spearman,
)

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
