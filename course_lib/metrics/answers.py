"""How near a short answer is to the right ones: exact match and F1 over words, equal to SQuAD's."""

import re
import string
from collections import Counter
from collections.abc import Iterable

from course_lib.validation import text_of, texts_of

__all__ = ["answer_match", "token_f1"]

_PUNCTUATION = str.maketrans("", "", string.punctuation)


def answer_match(answer: str, right: Iterable[str]) -> float:
    """1 if an answer equals one of the right ones in all its words, else 0. Rajpurkar et al. (2016), section 6.1.

    Capitals, ASCII's punctuation and the articles *a*, *an* and *the* do not count. Without a right answer the question
    has none, and only an answer without words gets 1 (Rajpurkar, Jia and Liang, 2018).

    >>> answer_match("The Normans.", ["Normans", "the Norman people"])
    1.0
    """
    return float(any(words == theirs for words, theirs in _pairs(answer, right)))


def token_f1(answer: str, right: Iterable[str]) -> float:
    """The harmonic mean of two shares: of the answer's words that are in the right one, and of the right one's that
    are in the answer. With several right answers, the best F1 counts.

    Words are as in `answer_match`, and so is a question without an answer. Raises ValueError for one text in place of
    several right answers.

    >>> token_f1("in the year 1820", ["about 1820", "1819"])
    0.4
    """
    return max(_f1(words, theirs) for words, theirs in _pairs(answer, right))


def _f1(words: list[str], theirs: list[str]) -> float:
    if not words or not theirs:
        return float(words == theirs)
    shared = (Counter(words) & Counter(theirs)).total()
    return 2 * shared / (len(words) + len(theirs))


def _pairs(answer: str, right: Iterable[str]) -> list[tuple[list[str], list[str]]]:
    """The words of the answer beside those of each right one."""
    words = _words(text_of("answer", answer))
    return [(words, _words(each)) for each in texts_of("right", right) or [""]]


def _words(text: str) -> list[str]:
    return re.sub(r"\b(a|an|the)\b", " ", text.lower().translate(_PUNCTUATION)).split()
