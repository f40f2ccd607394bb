"""Answers to the exercises of speed_run: other right ones, and wrong ones with words of their message."""

import math
import statistics
from dataclasses import replace

import numpy as np
import torch
from scipy import stats
from torch import nn
from torch.nn import functional as F

from course_lib.training import orthogonalise
from experiments.speed_run import RECIPE, NgramEmbedding
from experiments.tables.speed_run import standing


def steps_by_numpy(recipe, entry, budget):
    return np.maximum(1, np.round(budget * np.median(np.array(recipe) / np.array(entry)))).astype(int)


def steps_by_sorting(recipe, entry, budget, pick=statistics.median, end=lambda n: max(1, n)):
    ratios = sorted(r / e for r, e in zip(recipe, entry, strict=True))
    return end(round(budget * pick(ratios)))


def steps_at(speed, end=lambda n: max(1, round(n))):
    """Steps at a speed that is made of both lists in another way."""
    return lambda recipe, entry, budget: end(budget * float(speed(np.array(recipe), np.array(entry))))


def gain_by_scipy(before, after):
    gains = np.subtract(before, after)
    low, high = stats.t.interval(0.95, len(gains) - 1, gains.mean(), stats.sem(gains))
    return [gains.mean(), low, high]


def gain_by_hand(before, after, t=lambda n: stats.t.ppf(0.975, n - 1), spread=statistics.stdev, root=math.sqrt):
    gains = [b - a for b, a in zip(before, after, strict=True)]
    half = t(len(gains)) * spread(gains) / root(len(gains))
    return statistics.mean(gains), statistics.mean(gains) - half, statistics.mean(gains) + half


def gain_with(change=np.subtract, middle=np.mean, spread=np.subtract, half=1.0):
    """The interval by NumPy, with one of its parts changed."""

    def gained(before, after):
        gains = change(np.array(before), np.array(after))
        error = np.std(spread(np.array(before), np.array(after)), ddof=1) / len(gains) ** 0.5
        wide = half * stats.t(len(gains) - 1).isf(0.025) * error
        return middle(gains), middle(gains) - wide, middle(gains) + wide

    return gained


def gain_as(order):
    """Mean and ends of the interval, handed over in another way."""
    return lambda before, after: order(*(float(value) for value in gain_by_scipy(before, after)))


def gain_of_means(before, after):
    mean, n = statistics.mean(before) - statistics.mean(after), len(before)
    half = stats.t.ppf(0.975, n - 1) * math.sqrt((statistics.variance(before) + statistics.variance(after)) / n)
    return mean, mean - half, mean + half


def by_gates(gate, value, out):
    """A SwiGLU's three matrices, as a design."""
    return lambda: (gate, value, out)


TWO = [[1.0, 0.0], [-1.0, 0.0]]  # the gates of the first number and of its opposite


def entering(*changes):
    return lambda: standing(changes)


def sized(**sizes):
    return lambda: replace(RECIPE, parts=replace(RECIPE.parts, embedding=NgramEmbedding, **sizes))


def schulz_on_the_other_side(matrix, steps=5, start=lambda m: m / m.norm(), b=-4.7750, c=2.0315):
    x = start(matrix)
    for _ in range(steps):
        square = x.T @ x
        x = 3.4445 * x + x @ (b * square + c * square @ square)
    return x


def schulz_by_terms(second, third, norm=torch.norm, end=lambda x, matrix: x, a=3.4445, b=-4.7750, c=2.0315):
    """Five steps whose second and third terms are made in another way."""

    def stepped(matrix):
        x = matrix / norm(matrix)
        for _ in range(5):
            x = a * x + b * second(x) + c * third(x)
        return end(x, matrix)

    return stepped


def cubed(x):
    return x @ x.T @ x


def to_the_fifth(x):
    return x @ x.T @ x @ x.T @ x


def schulz_with_one_square(matrix):
    x = matrix / matrix.norm()
    square = x @ x.T
    for _ in range(5):
        x = 3.4445 * x - 4.7750 * square @ x + 2.0315 * square @ square @ x
    return x


def schulz_with_norms(matrix):
    x = matrix
    for _ in range(5):
        x = schulz_by_polynomial(x / x.norm())
    return x


def schulz_by_polynomial(x):
    return 3.4445 * x - 4.7750 * cubed(x) + 2.0315 * to_the_fifth(x)


def schulz_by_values(matrix):
    u, s, v = torch.linalg.svd(matrix, full_matrices=False)
    s = s / s.norm()
    for _ in range(5):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    return u * s @ v


def rows_by_numpy(tokens, n, vocab_size, size):
    padded = np.array([0] * (n - 1) + tokens)
    grams = np.lib.stride_tricks.sliding_window_view(padded, n)
    return (grams @ vocab_size ** np.arange(n)[::-1]) % size


def rows_one_by_one(tokens, n, vocab_size, size, first=None, behind=0, wrap=False):
    found = []
    for place in range(len(tokens)):
        number = 0
        for k in range(place - n + 1 if first is None else place + first, place + 1 + behind):
            number = number * vocab_size + (tokens[k % len(tokens)] if wrap or 0 <= k < len(tokens) else 0)
        found.append(number % size)
    return found


def rows_of(grams, base=None, row=lambda number, size: number % size):
    """Rows of n-grams that are cut out, or numbered, in another way."""

    def rows(tokens, n, vocab_size, size):
        B = vocab_size if base is None else base(n, vocab_size, size)
        return [row(sum(t * B**k for k, t in enumerate(reversed(gram))), size) for gram in grams(tokens, n)]

    return rows


def windows(tokens, n):
    return [[tokens[end - k] if end >= k else 0 for k in range(n - 1, -1, -1)] for end in range(len(tokens))]


RIGHT = {
    "steps_in_time": [steps_by_numpy, steps_by_sorting, steps_at(lambda r, e: np.median(r / e))],
    "gain": [gain_by_scipy, gain_by_hand, lambda before, after: np.array(gain_by_hand(before, after)), gain_with()],
    "multiply": [
        by_gates(TWO, [[0.0, 1.0], [0.0, -1.0]], [[1.0, 1.0]]),
        by_gates([[0.0, -1.0], [0.0, 1.0]], np.array([[1, 0], [1, 0]]), torch.tensor([[-1.0, 1.0]])),
        by_gates([[0.5, 0.0], [-0.5, 0.0]], [[0.0, 4.0], [0.0, 4.0]], nn.Parameter(torch.tensor([[0.5, -0.5]]))),
    ],
    "newton_schulz": [
        lambda matrix: orthogonalise(matrix),
        schulz_on_the_other_side,
        schulz_by_values,
        schulz_by_terms(cubed, to_the_fifth),
    ],
    "ngram_rows": [
        rows_by_numpy,
        rows_one_by_one,
        rows_of(windows),
        lambda *inputs: torch.tensor(rows_one_by_one(*inputs)),
    ],
    "fastest": [entering("2 layers", "context 32", "n-gram vectors", "learning rate 0.002", "straight decay")],
}
WRONG = {
    "steps_in_time": [
        (lambda recipe, entry, budget: steps_by_sorting(entry, recipe, budget), "this is the reciprocal"),
        (lambda *inputs: steps_by_sorting(*inputs, pick=statistics.mean), "the mean of the ratios"),
        (steps_at(lambda r, e: np.exp(np.log(r / e).mean())), "the geometric mean"),
        (steps_at(lambda r, e: 1 / np.mean(e / r)), "the harmonic mean"),
        (steps_at(lambda r, e: np.median(r) / np.median(e)), "compare turn by turn, since"),
        (lambda recipe, entry, budget: max(1, round(budget * sum(recipe) / sum(entry))), "two means, or two sums"),
        (steps_at(lambda r, e: r.min() / e.min()), "the shortest times"),
        (steps_at(lambda r, e: np.median(np.sort(r) / np.sort(e))), "sort each list by itself"),
        (lambda recipe, entry, budget: max(1, round(budget * recipe[0] / entry[0])), "the first turn alone"),
        (steps_at(lambda r, e: r[-1] / e[-1]), "the last turn alone"),
        (steps_at(lambda r, e: (r / e)[len(r) // 2]), "sort the ratios first"),
        (lambda *inputs: steps_by_sorting(*inputs, pick=max), "is luck"),
        (lambda *inputs: steps_by_sorting(*inputs, pick=min), "is bad luck"),
        (lambda *inputs: steps_by_sorting(*inputs, pick=lambda ratios: ratios[len(ratios) // 2]), "the upper one"),
        (
            lambda *inputs: steps_by_sorting(*inputs, pick=lambda ratios: ratios[(len(ratios) - 1) // 2]),
            "the lower one",
        ),
        (steps_at(lambda r, e: round(np.median(r / e))), "the ratio itself is rounded"),
        (lambda *inputs: steps_by_sorting(*inputs, end=lambda n: n), "not 0"),
        (lambda *inputs: steps_by_sorting(*inputs, end=lambda n: n + 1), "does not come on top"),
        (lambda *inputs: steps_by_sorting(*inputs, end=lambda n: min(1, n)), "at least one is `max`"),
        (
            lambda recipe, entry, budget: min(budget, steps_by_sorting(recipe, entry, budget)),
            "do not cap them",
        ),
        (lambda recipe, entry, budget: steps_by_sorting(recipe, entry, 1), "the budget is missing"),
        (steps_at(lambda r, e: np.median(r)), "divide by the entry's seconds"),
        (steps_at(lambda r, e: np.median(r / e), lambda n: max(1, math.floor(n))), "cuts off the fraction"),
        (steps_at(lambda r, e: np.median(r / e), lambda n: max(1, math.ceil(n))), "rounds up"),
        (steps_at(lambda r, e: np.median(r / e), lambda n: n), "a number of steps is whole"),
        (steps_at(lambda r, e: np.median(e / r), int), "two things"),
        (steps_at(lambda r, e: np.median(r / e) + 0.1), "expected"),
    ],
    "gain": [
        (lambda before, after: gain_by_hand(after, before), "the sign is reversed"),
        (gain_with(lambda b, a: abs(b - a)), "expected"),
        (gain_with(lambda b, a: abs(b - a), spread=lambda b, a: abs(b - a)), "counts as positive"),
        (gain_with(lambda b, a: 1 - a / b, spread=lambda b, a: 1 - a / b), "relative to the loss before"),
        (lambda *inputs: gain_by_hand(*inputs, spread=statistics.pstdev), "n - 1, not n"),
        (lambda *inputs: gain_by_hand(*inputs, spread=statistics.variance), "this is the variance"),
        (gain_with(spread=lambda b, a: b), "the losses before"),
        (gain_with(spread=lambda b, a: a), "the losses after"),
        (lambda *inputs: gain_by_hand(*inputs, root=lambda n: 1), "divide the standard deviation"),
        (lambda *inputs: gain_by_hand(*inputs, root=lambda n: n), "not by n"),
        (lambda *inputs: gain_by_hand(*inputs, root=lambda n: (n - 1) ** 0.5), "in the standard deviation already"),
        (lambda *inputs: gain_by_hand(*inputs, t=lambda n: 1.96), "1.96 is for many"),
        (lambda *inputs: gain_by_hand(*inputs, t=lambda n: stats.t.ppf(0.975, n)), "here, not n"),
        (lambda *inputs: gain_by_hand(*inputs, t=lambda n: stats.t.ppf(0.975, 2 * n - 2)), "not 2n"),
        (lambda *inputs: gain_by_hand(*inputs, t=lambda n: stats.t.ppf(0.95, n - 1)), "at each end"),
        (lambda *inputs: gain_by_hand(*inputs, t=lambda n: stats.t.isf(0.005, n - 1)), "99% interval"),
        (lambda *inputs: gain_by_hand(*inputs, t=lambda n: stats.t.cdf(0.975, n - 1)), "`cdf` does the opposite"),
        (lambda *inputs: gain_by_hand(*inputs, t=lambda n: 1), "one standard error"),
        (gain_of_means, "the seeds are pairs"),
        (lambda *inputs: sorted(gain_by_hand(*inputs)), "the order is mean, low end"),
        (gain_as(lambda mean, low, high: (mean, high, low)), "low and high are swapped"),
        (gain_as(lambda mean, low, high: (low, high, mean)), "the mean comes first"),
        (gain_as(lambda mean, low, high: (low, high)), "the mean is missing"),
        (gain_as(lambda mean, low, high: (mean, low - mean, high - mean)), "the mean minus and plus half"),
        (gain_with(half=0.5), "do not halve it"),
        (gain_with(half=2), "twice too wide"),
        (
            lambda before, after: (
                gain_by_hand(before, after)[0],
                min(b - a for b, a in zip(before, after, strict=True)),
                max(b - a for b, a in zip(before, after, strict=True)),
            ),
            "the smallest and the largest gain",
        ),
        (gain_with(middle=np.sum), "this is the sum"),
        (gain_with(middle=np.median), "this is the median"),
        (lambda *inputs: gain_by_hand(*inputs, t=lambda n: 1.96, spread=statistics.pstdev), "two things"),
        (lambda *inputs: (gain_by_hand(*inputs)[0],) * 3, "expected"),
    ],
    "multiply": [
        (by_gates([[1.0, 0.0]], [[0.0, 1.0]], [[1.0]]), "this is silu of the first number times the second"),
        (by_gates(TWO, [[0.0, 1.0]] * 2, [[1.0, 1.0]]), "one of the units has to be subtracted"),
        (by_gates([[1.0, 0.0]] * 2, [[0.0, 1.0]] * 2, [[1.0, -1.0]]), "the two units cancel"),
        (by_gates(TWO, [[0.0, 1.0]] * 2, [[-1.0, 1.0]]), "this is minus the product"),
        (by_gates(TWO, [[0.0, 1.0]] * 2, [[2.0, -2.0]]), "this is twice the product"),
        (by_gates(TWO, [[0.0, 0.5]] * 2, [[1.0, -1.0]]), "this is half the product"),
        (by_gates(TWO, [[1.0, 0.0]] * 2, [[1.0, -1.0]]), "the square of the first number"),
        (by_gates(TWO, [[1.0, 1.0]] * 2, [[1.0, -1.0]]), "the sum of both"),
        (by_gates([[1.0, 0.0]] * 3, [[0.0, 1.0]] * 3, [[1.0] * 3]), "two hidden units are enough, but yours has 3"),
        (by_gates(TWO, [[0.0, 1.0]] * 2, [[1.0], [-1.0]]), "out is (1, F), with the same F, but yours are"),
        (lambda: torch.eye(2), "three matrices are expected"),
        (by_gates(TWO, [[0.0, 1.0]] * 2, [[1.0, -0.5]]), "expected"),
    ],
    "newton_schulz": [
        (lambda matrix: schulz_on_the_other_side(matrix, start=lambda m: m), "grow without bound"),
        (
            lambda matrix: schulz_on_the_other_side(matrix, start=lambda m: m / torch.linalg.svdvals(m)[0]),
            "the largest singular value",
        ),
        (lambda matrix: schulz_on_the_other_side(matrix, start=lambda m: m / m.abs().max()), "the largest entry"),
        (lambda matrix: schulz_on_the_other_side(matrix, start=lambda m: F.normalize(m, dim=1)), "for each row"),
        (lambda matrix: schulz_on_the_other_side(matrix, start=lambda m: m / (m * m).sum()), "the squared norm"),
        (lambda matrix: schulz_on_the_other_side(matrix, start=lambda m: m / m.abs().sum()), "the absolute values"),
        (schulz_with_norms, "not in each of them"),
        (schulz_by_terms(cubed, to_the_fifth, end=lambda x, m: x / x.norm()), "by its norm again"),
        (schulz_by_terms(cubed, to_the_fifth, end=lambda x, m: m.norm() * x), "multiplied back"),
        (lambda matrix: schulz_on_the_other_side(matrix, steps=1), "not one"),
        (lambda matrix: matrix / matrix.norm(), "no step is taken"),
        (lambda matrix: schulz_on_the_other_side(matrix, steps=4), "yours are four"),
        (lambda matrix: schulz_on_the_other_side(matrix, steps=6), "yours are six"),
        (lambda matrix: schulz_on_the_other_side(matrix, steps=3), "yours are fewer"),
        (lambda matrix: schulz_on_the_other_side(matrix, steps=10), "yours are more"),
        (schulz_with_one_square, "computed anew"),
        (schulz_by_terms(lambda x: x**3, lambda x: x**5), "powers of the entries"),
        (schulz_by_terms(cubed, lambda x: (x @ x.T) ** 2 @ x), "not each entry squared"),
        (schulz_by_terms(cubed, cubed), "is missing its square"),
        (schulz_by_terms(to_the_fifth, lambda x: x @ x.T @ to_the_fifth(x)), "one too high"),
        (lambda matrix: schulz_on_the_other_side(matrix, c=0), "the last term"),
        (schulz_by_terms(cubed, to_the_fifth, b=0), "one of the three terms"),
        (schulz_by_terms(lambda x: x @ x.T, lambda x: x @ x.T @ x @ x.T), "the last x of each term"),
        (schulz_by_terms(lambda x: x @ x @ x.T, lambda x: x @ x @ x.T @ x @ x.T), "another order"),
        (lambda matrix: schulz_on_the_other_side(matrix, b=2.0315, c=-4.7750), "are swapped"),
        (lambda matrix: schulz_on_the_other_side(matrix, b=4.7750), "b is negative"),
        (schulz_by_terms(cubed, to_the_fifth, a=1.5, b=-0.5, c=0), "Schulz's own coefficients"),
        (lambda matrix: torch.linalg.svd(matrix, False)[0] @ torch.linalg.svd(matrix, False)[2], "the exact U"),
        (lambda matrix: schulz_on_the_other_side(matrix).round(), "rounded"),
    ],
    "ngram_rows": [
        (lambda t, n, V, size: rows_one_by_one(t, n, V, size, first=0, behind=n - 1), "begins at the position"),
        (lambda t, n, V, size: rows_one_by_one(t, n, V, size, first=-n, behind=-1), "ends one before"),
        (lambda t, n, V, size: rows_one_by_one(t, n, V, size, first=2 - n, behind=1), "ends one later"),
        (lambda *inputs: rows_one_by_one(*inputs, wrap=True), "no ring"),
        (rows_of(lambda tokens, n: windows(tokens[:1] * n + tokens, n)[n:]), "yours repeats it"),
        (lambda t, n, V, size: [one % size for one in t], "own token counts"),
        (rows_of(windows, base=lambda n, V, size: size), "own token counts"),
        (lambda t, n, V, size: rows_one_by_one(t, n + 1, V, size), "one token too many"),
        (lambda t, n, V, size: rows_one_by_one(t, n - 1, V, size), "one token too few"),
        (lambda t, n, V, size: rows_one_by_one(t, len(t), V, size), "all tokens up to"),
        (lambda t, n, V, size: rows_one_by_one(t, 2, V, size), "takes two tokens"),
        (
            lambda t, n, V, size: [0] * min(n - 1, len(t)) + rows_one_by_one(t, n, V, size)[n - 1 :],
            "get row 0 here",
        ),
        (rows_of(lambda tokens, n: windows([*tokens, 0], n)), "one row too many"),
        (
            lambda t, n, V, size: [
                sum(k * V**i for i, k in enumerate(([0] * n + t)[p + 1 : p + n + 1])) % size for p in range(len(t))
            ],
            "from the wrong end",
        ),
        (
            lambda t, n, V, size: [sum(([0] * n + t)[p + 1 : p + n + 1]) % size for p in range(len(t))],
            "a plain sum",
        ),
        (lambda t, n, V, size: [int(np.prod(gram)) % size for gram in windows(t, n)], "a product of the tokens"),
        (lambda t, n, V, size: [V * row % size for row in rows_one_by_one(t, n, V, size)], "is multiplied by"),
        (lambda t, n, V, size: [V * sum(gram) % size for gram in windows(t, n)], "every token counts vocab_size"),
        (rows_of(windows, base=lambda n, V, size: V + 1), "not its neighbour"),
        (rows_of(windows, base=lambda n, V, size: 10), "not 10"),
        (rows_of(windows, base=lambda n, V, size: 2), "not 2"),
        (rows_of(windows, base=lambda n, V, size: n), "not n"),
        (lambda t, n, V, size: rows_by_numpy(t, n, V, V**n).tolist(), "the table has `size` rows"),
        (rows_of(windows, row=lambda number, size: number // size), "this is the quotient"),
        (lambda t, n, V, size: rows_one_by_one(t, n, V, V), "not by vocab_size"),
        (lambda t, n, V, size: rows_one_by_one(t, n, V, size - 1), "from 0 to size - 1"),
        (rows_of(windows, row=lambda number, size: min(number, size - 1)), "cut off here"),
        (lambda t, n, V, size: windows(t, n), "the n-grams themselves"),
        (lambda t, n, V, size: rows_by_numpy(t, n, V, size)[n - 1 :], "have no row"),
        (rows_of(windows, base=lambda n, V, size: V + 1, row=lambda number, size: number), "two things"),
        (lambda t, n, V, size: [row + 5 for row in rows_by_numpy(t, n, V, size)], "5 too large"),
    ],
    "fastest": [
        (entering("context 32", "2 layers", "learning rate 0.004"), "the embedding that knows n-grams."),
        (entering("n-gram vectors"), "shorter windows: a step takes less time"),
        (entering("n-gram vectors", "context 32", "learning rate 0.016"), "a learning rate between 0.002 and 0.006."),
        (
            lambda: ["n-gram vectors"],
            "an Entry is expected, such as `standing([...])` or `replace(RECIPE, ...)`, but yours is a list.",
        ),
        (sized(d_model=512), "d_model is at most 256 here, but yours is 512."),
        (sized(n_layers=9), "n_layers is at most 8 here, but yours is 9."),
        (sized(context_length=512), "context_length is at most 256 here"),
        (lambda: replace(RECIPE, batch_size=65), "the batch has at most 64 windows here, but yours has 65."),
    ],
}
