"""How near a translation is to a reference: BLEU, chrF and exact match, equal to sacrebleu's.

BLEU and chrF are no means over sentences: they are made of n-gram counts summed over all of them. So counting comes
apart from scoring, and a bootstrap draws sentences by summing their counts again.

Axes: B any axes before the last three, N sentences, then three rows of counts (matches, those in the hypothesis, those
in the reference), then one column for each length of n-gram.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from jaxtyping import Float, Int

from course_lib.metrics.intervals import Interval, bootstrap_interval
from course_lib.validation import require, text_of, texts_of

__all__ = ["bleu", "bleu_counts", "bleu_tokens", "chrf", "chrf_counts", "exact_match", "translation_scores"]

_ENTITIES = (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))
_SPACED = (
    (re.compile(r"([!-&(-+/:-@\[-`{-~])"), r" \1 "),  # ASCII's signs but ' , - .
    (re.compile(r"([^0-9])([.,])"), r"\1 \2 "),  # a point or comma, but not inside 3.14 or 1,000
    (re.compile(r"([.,])([^0-9])"), r" \1 \2"),
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),
)


def bleu_tokens(text: str) -> list[str]:
    """The words and signs of a text, as "13a", the standard evaluation's tokenizer (Post, 2018), parts them.

    BLEU depends on how words are parted, so that scores compare only where all use one way.

    >>> bleu_tokens("Ay, 'tis 3.14; well-met.")
    ['Ay', ',', "'tis", '3.14', ';', 'well-met', '.']
    """
    return _words(text_of("text", text))


def _words(text: str) -> list[str]:
    text = text.rstrip().replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    for entity, sign in _ENTITIES:
        text = text.replace(entity, sign)
    text = f" {text} "
    for pattern, spaced in _SPACED:
        text = pattern.sub(spaced, text)
    return text.split()


def bleu_counts(hypothesis: str, reference: str) -> Int[np.ndarray, "3 4"]:
    """What BLEU needs to know of one sentence: matching n-grams, the hypothesis' and the reference's, of 1 to 4 words.

    An n-gram matches as often as it occurs in both ("clipped": saying a right word five times gains nothing).

    >>> bleu_counts("the the cat sat", "the cat slept")
    array([[2, 1, 0, 0],
           [4, 3, 2, 1],
           [3, 2, 1, 0]])
    """
    return _of_words(text_of("hypothesis", hypothesis), text_of("reference", reference))


def _of_words(hypothesis: str, reference: str) -> Int[np.ndarray, "3 4"]:
    return ngram_counts(_words(hypothesis), _words(reference), orders=4)


def bleu(counts: Int[np.ndarray, "*B N 3 4"]) -> Float[np.ndarray, "*B"] | np.floating:
    """Corpus BLEU, 0 to 100: the geometric mean of four precisions, times a penalty for answers that are too short.

    100 min(1, exp(1 - r / c)) (p_1 p_2 p_3 p_4)^(1/4): Papineni, Roukos, Ward and Zhu (2002, section 2.3); p_n is the
    share of the hypotheses' n-grams that match, c and r are the words of all hypotheses and of all references. Where
    none of n words match, p_n counts 1/2 match, the next such p_n 1/4, and so on (Chen and Cherry, 2014,
    smoothing 3), as sacrebleu does; 0 without any match at all, or where no hypothesis has four words.

    >>> sentences = [("the cat sat on the mat", "the cat sat on a mat"), ("good night", "good night")]
    >>> round(float(bleu(np.array([bleu_counts(*pair) for pair in sentences]))), 2)
    55.84
    """
    matches, ours, theirs = _summed(counts, orders=4)
    none = matches == 0
    smoothed = np.where(none, 0.5 ** none.cumsum(axis=-1), matches)
    log_p = np.log(smoothed / np.maximum(ours, 1)).mean(axis=-1)
    brevity = np.minimum(0, 1 - theirs[..., 0] / np.maximum(ours[..., 0], 1))
    possible = (ours > 0).all(axis=-1) & ~none.all(axis=-1)
    return 100 * np.where(possible, np.exp(brevity + log_p), 0.0)[()]


def chrf_counts(hypothesis: str, reference: str) -> Int[np.ndarray, "3 6"]:
    """What chrF needs to know of one sentence, as `bleu_counts`, but of 1 to 6 characters, white space left out.

    As in sacrebleu, n-grams of a length that the reference does not have are not held against the hypothesis.

    >>> chrf_counts("a bed", "bead")
    array([[4, 1, 0, 0, 0, 0],
           [4, 3, 2, 1, 0, 0],
           [4, 3, 2, 1, 0, 0]])
    """
    return _of_characters(text_of("hypothesis", hypothesis), text_of("reference", reference))


def _of_characters(hypothesis: str, reference: str) -> Int[np.ndarray, "3 6"]:
    counts = ngram_counts("".join(hypothesis.split()), "".join(reference.split()), orders=6)
    counts[1, counts[2] == 0] = 0
    return counts


def chrf(counts: Int[np.ndarray, "*B N 3 6"]) -> Float[np.ndarray, "*B"] | np.floating:
    """Corpus chrF2, 0 to 100: precision and recall of character n-grams, recall weighing twice as much.

    100 (1 + 2²) p r / (2² p + r), p and r the means over the n-gram lengths that both sides have: Popović (2015,
    section 2; 2016 for the 2). A word with one wrong letter counts in part; for BLEU it is wrong.

    >>> round(float(chrf(np.array([chrf_counts("loue", "love"), chrf_counts("hath", "hath")]))), 2)
    63.54
    """
    matches, ours, theirs = _summed(counts, orders=6)
    both = (ours > 0) & (theirs > 0)
    lengths = np.maximum(both.sum(axis=-1), 1)
    matches = np.where(both, matches, 0)
    precision = (matches / np.maximum(ours, 1)).sum(axis=-1) / lengths
    recall = (matches / np.maximum(theirs, 1)).sum(axis=-1) / lengths
    weighed = 4 * precision + recall
    return 100 * 5 * precision * recall / np.where(weighed > 0, weighed, 1)


def exact_match(hypotheses: Iterable[str], references: Iterable[str]) -> float:
    """The percentage of hypotheses that equal their reference in every character.

    Raises ValueError for one text in place of several, for no sentences, or unequally many.

    >>> exact_match(["good night", "O loue"], ["good night", "O love"])
    50.0
    """
    return float(100 * np.mean([ours == theirs for ours, theirs in _pairs(hypotheses, references)]))


def translation_scores(hypotheses: Iterable[str], references: Iterable[str], seed: int = 0) -> dict[str, Interval]:
    """BLEU, chrF and exact match, all from 0 to 100, each with its 95% bootstrap interval over the sentences.

    Koehn (2004): 1,000 times, as many sentences are drawn with replacement, and scored together. Raises
    ValueError for one text in place of several, fewer than two sentences, or unequally many.

    >>> pairs = [("good night", "good night"), ("O loue is blind to all", "O love is blind to all")]
    >>> {name: str(interval) for name, interval in translation_scores(*zip(*pairs)).items()}["exact match"]
    '50.00 [0.00, 100.00]'
    """
    pairs = _pairs(hypotheses, references)
    require(len(pairs) > 1, "an interval needs at least two sentences", len(pairs))
    equal = np.array([ours == theirs for ours, theirs in pairs])
    of_words = np.array([_of_words(*pair) for pair in pairs])
    of_characters = np.array([_of_characters(*pair) for pair in pairs])
    scores: dict[str, Callable[[np.ndarray], np.ndarray | np.floating]] = {
        "BLEU": lambda drawn: bleu(of_words[drawn]),
        "chrF": lambda drawn: chrf(of_characters[drawn]),
        "exact match": lambda drawn: 100 * equal[drawn].mean(axis=-1),
    }
    sentences = np.arange(len(pairs))
    return {
        name: bootstrap_interval(score, sentences, n_resamples=1000, seed=seed, batch=20)
        for name, score in scores.items()
    }


def ngram_counts(hypothesis: Sequence[str], reference: Sequence[str], orders: int) -> Int[np.ndarray, "3 orders"]:
    """Matching n-grams, the hypothesis' and the reference's, of each length up to `orders`."""
    counts = np.zeros((3, orders), dtype=np.int64)
    for n in range(1, orders + 1):
        ours, theirs = _ngrams(hypothesis, n), _ngrams(reference, n)
        counts[:, n - 1] = (ours & theirs).total(), ours.total(), theirs.total()
    return counts


def _ngrams(items: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(items[start:] for start in range(n)), strict=False))


def _summed(counts: Int[np.ndarray, "*B N 3 n"], orders: int) -> Int[np.ndarray, "3 *B n"]:
    """The counts of all sentences together, the three rows first. Raises ValueError where there are no sentences."""
    fits = isinstance(counts, np.ndarray) and counts.ndim > 2 and counts.dtype.kind in "iu"
    fits = fits and counts.shape[-2:] == (3, orders)
    require(fits, f"counts must be an array of integers, (3, {orders}) for each sentence", counts)
    if not counts.shape[-3]:
        raise ValueError("a score needs at least one sentence, but there are none")
    return np.moveaxis(counts.sum(axis=-3), -2, 0)


def _pairs(hypotheses: Iterable[str], references: Iterable[str]) -> list[tuple[str, str]]:
    """Each hypothesis with its reference."""
    hypotheses, references = texts_of("hypotheses", hypotheses), texts_of("references", references)
    if len(hypotheses) != len(references) or not references:
        raise ValueError(
            "each hypothesis needs its reference, and there must be at least one, "
            f"but there are {len(hypotheses)} and {len(references)}"
        )
    return list(zip(hypotheses, references, strict=True))
