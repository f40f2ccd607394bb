"""How far a transcript is from what was said: the word error rate."""

import numpy as np
from jaxtyping import Float, Int

from course_lib.validation import require, text_of

__all__ = ["word_error_counts", "word_error_rate"]


def word_error_counts(transcript: str, reference: str) -> Int[np.ndarray, " 2"]:
    """The fewest words to change, add or drop that make the reference of the transcript, and the reference's words.

    Levenshtein's distance, row by row: d(i, j) = min(d(i-1, j) + 1, d(i, j-1) + 1, d(i-1, j-1) + [words differ]). Words
    are what spaces separate; capitals and punctuation count, unless both texts are normalised before.

    >>> word_error_counts("the cat sat on mat", "a cat sat on the mat")
    array([2, 6])
    """
    said = text_of("reference", reference).split()
    heard = text_of("transcript", transcript).split()
    row = list(range(len(said) + 1))
    for i, word in enumerate(heard, start=1):
        above, row = row, [i]
        for j, right in enumerate(said, start=1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (word != right)))
    return np.array([row[-1], len(said)])


def word_error_rate(counts: Int[np.ndarray, "*B N 2"]) -> Float[np.ndarray, "*B"] | np.floating:
    """Errors per word of the references, over all N texts together; above 1 where too much was written.

    Raises ValueError for anything but rows of two counts, and where the references have no words.

    >>> texts = [("two too", "one two"), ("", "three")]
    >>> float(word_error_rate(np.array([word_error_counts(*pair) for pair in texts])))
    1.0
    """
    fits = isinstance(counts, np.ndarray) and counts.ndim > 1 and counts.dtype.kind in "iu" and counts.shape[-1] == 2
    require(fits, "counts must be an array of integers, 2 for each text", counts)
    errors, words = np.moveaxis(counts.sum(axis=-2), -1, 0)
    require((np.asarray(words) > 0).all(), "an error rate needs references of at least one word", words)
    return errors / words
