"""How near a word alignment is to one made by hand: the alignment error rate.

As in `translation`, counting comes apart from scoring, so that a bootstrap draws sentences by summing their counts.

Axes: B any axes before the last two, N sentences, then the four counts of a sentence.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from course_lib.validation import require

__all__ = ["alignment_counts", "alignment_error_rate"]

Links = Iterable[tuple[int, int]]


def alignment_counts(proposed: Links, sure: Links, possible: Links | None = None) -> Int[np.ndarray, " 4"]:
    """What the error rate needs to know of one sentence: |A ∩ S|, |A ∩ P|, |A| and |S|.

    A are the proposed links, each a pair of positions, S those that a person made and was sure of, P the possible ones:
    S and what else would be no mistake. Without `possible`, P is S. Raises ValueError for anything but pairs of
    integers.

    >>> alignment_counts({(0, 0), (1, 2), (2, 1)}, sure={(0, 0), (1, 1)}, possible={(1, 2)})
    array([1, 2, 3, 2])
    """
    ours, sure = _links("proposed", proposed), _links("sure", sure)
    allowed = sure if possible is None else sure | _links("possible", possible)
    return np.array([len(ours & sure), len(ours & allowed), len(ours), len(sure)])


def alignment_error_rate(counts: Int[np.ndarray, "*B N 4"]) -> Float[np.ndarray, "*B"] | np.floating:
    """1 - (|A ∩ S| + |A ∩ P|) / (|A| + |S|), over all sentences together: Och and Ney (2003, section 5.1).

    From 0, where every sure link and only possible ones are proposed, to 1. Where all links of the reference are sure,
    it is 1 - F1. Raises ValueError for anything but rows of four counts, and where nothing is proposed nor sure.

    >>> sentences = [([(0, 0), (1, 2)], [(0, 0), (1, 1)]), ([(0, 0)], [(0, 0)])]
    >>> round(float(alignment_error_rate(np.array([alignment_counts(*pair) for pair in sentences]))), 4)
    0.3333
    """
    fits = isinstance(counts, np.ndarray) and counts.ndim > 1 and counts.dtype.kind in "iu" and counts.shape[-1] == 4
    require(fits, "counts must be an array of integers, 4 for each sentence", counts)
    in_sure, in_possible, proposed, sure = np.moveaxis(counts.sum(axis=-2), -1, 0)
    links = np.asarray(proposed + sure)
    require((links > 0).all(), "an error rate needs at least one link, proposed or sure", links)
    return 1 - (in_sure + in_possible) / (proposed + sure)


def _links(name: str, links: Any) -> set[tuple[int, int]]:
    several = isinstance(links, Iterable) and not isinstance(links, str | bytes | Mapping)
    require(several, f"{name} must be several links, a set for example", links)
    found = list(links)
    for link in found:
        pair = isinstance(link, tuple | list) and len(link) == 2
        fits = pair and all(isinstance(end, int | np.integer) and not isinstance(end, bool) for end in link)
        require(fits, f"each link in {name} must be a pair of positions, two integers", link)
    return {(int(i), int(j)) for i, j in found}
