"""Every drawing of the course, with numbers of its size; the notebooks give their own."""

import math

import numpy as np

from classroom.diagrams import attention, encoder_decoder

LN3 = math.log(3)
Q, K, V = [2, 0, 0, 0], [[LN3, 0, 0, 0], [0, LN3, 0, 0], [0, 0, 0, 0]], [[0], [10], [5]]

SOURCE, TARGET = ["I", "loue", "thee"], ["BEGIN", "I", "love", "thee", "END"]

DRAWINGS = {
    "bottleneck": lambda: encoder_decoder.bottleneck(SOURCE, TARGET, 144),
    "looking_back": lambda: encoder_decoder.looking_back(SOURCE, TARGET, 1, [0.05, 0.9, 0.05]),
    "one_query": lambda: attention.one_query(Q, K, V, ["first", "second", "third"]),
    "masks": lambda: attention.masks(["to", "be", "or", "·", "·"], 3),
    "heads": lambda: attention.heads(np.random.default_rng(3).normal(size=(4, 6)), 2),
    "rotary": lambda: attention.rotary(25, 60, 20, [(3, 1), (6, 4)]),
}
