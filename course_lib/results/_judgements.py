"""People's judgements of word pairs, parted into pairs for choosing a setting and pairs for reporting."""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_lib import data

__all__ = ["judgements"]


def judgements(name: str, numbers: dict[str, int], part: str) -> tuple[Int[Tensor, "N 2"], Float[np.ndarray, " N"]]:
    """The known pairs of a set of judgements as rows of vectors, and what people said of each.

    Every third pair is for choosing ("development"), the others for reporting ("test").
    """
    # WordSim-353 has two pairs twice, one of them turned round: each is kept once.
    scores = {tuple(sorted((a.lower(), b.lower()))): score for a, b, score in data.word_similarity(name)}
    known = [(numbers[a], numbers[b], score) for (a, b), score in scores.items() if {a, b} <= numbers.keys()]
    chosen = [pair for place, pair in enumerate(known) if (place % 3 == 0) == (part == "development")]
    return torch.tensor([pair[:2] for pair in chosen]), np.array([pair[2] for pair in chosen])
