"""The Folio's short lines in modern spelling by a table of words, and by rules for what the table lacks: BLEU."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np

from course_lib import data
from course_lib.metrics import bleu, bleu_counts, bootstrap_interval
from experiments.shared import rounded

LONGEST = 25
WORD = re.compile(r"[A-Za-z'&-]+")
Rules = Sequence[tuple[str, str]]

STOP = [(r"(?<=\w)$", ".")]
V = [("^v(?=[^aeiou])", "u"), ("(?<=[aeiou])u(?=[aeiou])", "v")]
E = [("(?<=[^aeiou]{2})e$", "")]
CHOICES: dict[str, dict[str, Rules]] = {
    "the table alone": {"words": [], "line": []},
    "a full stop at the end": {"words": [], "line": STOP},
    "u and v": {"words": V, "line": []},
    "u and v, a full stop at the end": {"words": V, "line": STOP},
    "no final e, a full stop at the end": {"words": [("e$", "")], "line": STOP},
    "colons become semicolons, a full stop at the end": {"words": [], "line": [(":", ";"), *STOP]},
}


@cache
def short(split: str) -> list[tuple[str, str]]:
    """The pairs of a split whose source has at most LONGEST characters."""
    return [pair for pair in data.folio_pairs()[split] if len(pair[0]) <= LONGEST]


@cache
def table() -> dict[str, str]:
    """For each word of the short training lines, the modern word that stands most often in its place."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for folio, modern in short("train"):
        old, new = WORD.findall(folio), WORD.findall(modern)
        if len(old) == len(new):
            for word, other in zip(old, new, strict=True):
                counts[word][other] += 1
    return {word: found.most_common(1)[0][0] for word, found in counts.items()}


def changed(text: str, rules: Rules) -> str:
    """The text after all rules, one after the other."""
    for pattern, replacement in rules:
        text = re.sub(pattern, replacement, text)
    return text


def modernised(folio: str, words: Rules, line: Rules) -> str:
    """Words by the table, the others by the rules for words, the whole by the rules for lines."""
    known = table()
    new = WORD.sub(lambda found: known.get(found[0]) or changed(found[0], words), folio)
    return changed(new, line)


def scored(words: Rules, line: Rules) -> np.ndarray:
    """What BLEU needs to know of each short line of the validation plays."""
    return np.array([bleu_counts(modernised(folio, words, line), modern) for folio, modern in short("validation")])


def row(rules: str, words: Rules, line: Rules) -> dict[str, Any]:
    """BLEU on these lines, with its 95% interval over them."""
    counts = scored(words, line)
    interval = bootstrap_interval(lambda drawn: bleu(counts[drawn]), np.arange(len(counts)), n_resamples=1000, batch=20)
    return {"rules": rules, "BLEU": rounded(interval)}


def rows() -> Iterator[dict[str, Any]]:
    """The table alone, and with rules."""
    for rules, choice in CHOICES.items():
        yield row(rules, **choice)
