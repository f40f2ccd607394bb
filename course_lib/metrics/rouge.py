"""How much of a reference summary a summary contains, and how much of the summary is in the reference: ROUGE.

The scores equal those of the package rouge-score, whose names for them we keep.
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from course_lib.metrics.translation import ngram_counts
from course_lib.validation import require, text_of

__all__ = ["Overlap", "rouge", "rouge_tokens"]


class Overlap(NamedTuple):
    """Precision, recall and F1 of what two texts share, each from 0 to 1."""

    precision: float
    recall: float
    f1: float


def rouge(summary: str, reference: str, stem: bool = False) -> dict[str, Overlap]:
    """A summary's ROUGE-1, ROUGE-2 and ROUGE-L as "rouge1", "rouge2" and "rougeL" (Lin, 2004, sections 2 and 3).

    ROUGE-1 and ROUGE-2 count shared words and pairs of words. ROUGE-L counts the words of the longest common
    subsequence: they stand in the same order in both texts, but other words may stand between them. Precision divides
    the count by the summary's length, recall by the reference's. `stem` compares Porter's stems (1980), so that "ran"
    and "runs" stay different but "runs" and "running" match. The score of many summaries is the mean of theirs, so
    `bootstrap_interval` gives its interval. Raises ValueError for anything but two texts.

    >>> rouge("the cat sat down", "the black cat sat")["rouge2"]
    Overlap(precision=0.3333333333333333, recall=0.3333333333333333, f1=0.3333333333333333)
    >>> rouge("the cat sat down", "the black cat sat")["rougeL"].f1
    0.75
    """
    require(isinstance(stem, bool), "stem must be True or False", stem)
    ours, theirs = _words(text_of("summary", summary), stem), _words(text_of("reference", reference), stem)
    shared = ngram_counts(ours, theirs, orders=2).T.tolist()
    shared.append([_longest_common_subsequence(ours, theirs), len(ours), len(theirs)])
    return {name: _overlap(*counts) for name, counts in zip(("rouge1", "rouge2", "rougeL"), shared, strict=True)}


def rouge_tokens(text: str, stem: bool = False) -> list[str]:
    """The words of a text as ROUGE compares them: runs of a-z and 0-9 after lowercasing; everything else separates.

    A letter with an accent separates too, so ROUGE suits English only. `stem` replaces words of four letters or more
    by Porter's stems, in NLTK's version.

    >>> rouge_tokens("The café's dogs were running.", stem=True)
    ['the', 'caf', 's', 'dog', 'were', 'run']
    """
    require(isinstance(stem, bool), "stem must be True or False", stem)
    return _words(text_of("text", text), stem)


def _words(text: str, stem: bool) -> list[str]:
    words = re.findall("[a-z0-9]+", text.lower())
    return [_stemmed(word) if len(word) > 3 else word for word in words] if stem else words


@cache
def _stemmer() -> Any:
    from nltk.stem.porter import PorterStemmer  # a second, which only those who stem should wait

    return PorterStemmer()


@cache
def _stemmed(word: str) -> str:
    return _stemmer().stem(word)


def _longest_common_subsequence(first: Sequence[str], second: Sequence[str]) -> int:
    """Its length, by dynamic programming: `row[j]` belongs to first's words so far and second's first j words."""
    row = [0] * (len(second) + 1)
    for word in first:
        diagonal = 0  # row[j - 1] as it was before this word
        for j, other in enumerate(second, start=1):
            longest = diagonal + 1 if word == other else max(row[j], row[j - 1])
            diagonal, row[j] = row[j], longest
    return row[-1]


def _overlap(shared: int, ours: int, theirs: int) -> Overlap:
    precision, recall = shared / max(ours, 1), shared / max(theirs, 1)
    return Overlap(precision, recall, 2 * precision * recall / (precision + recall) if shared else 0.0)
