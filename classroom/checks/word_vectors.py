"""Checks of the notebook word_vectors."""

import itertools
from collections.abc import Callable
from typing import Any

import torch
from scipy import stats
from torch import Tensor
from torch.nn import functional as F

from classroom.checks import Mistake, compare, exercise
from course_lib import embeddings

__all__ = ["analogy", "cosine_similarity", "nearest", "p_value", "ppmi", "spearman"]


def _random(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@exercise
def cosine_similarity(answer: Any, seed: int) -> str:
    """cosine_similarity(u, v) of two vectors; 0 where one of them is zero."""

    def cosine(u: Tensor, v: Tensor) -> Tensor:
        return u @ v / (u.norm() * v.norm())

    mistakes = [
        (
            cosine,
            "right for two ordinary vectors, but a zero vector, which has no direction, gives NaN: return 0 there.",
        ),
        (torch.dot, "this is the dot product: divide it by the lengths of both vectors."),
        (
            lambda u, v: u @ v / u.norm() * v.norm(),
            "`a / b * c` multiplies by c: put the product of the lengths in brackets.",
        ),
        (lambda u, v: u @ v / u.norm(), "you divide by the length of u only: the length of v must go too."),
        (lambda u, v: u @ v / v.norm(), "you divide by the length of v only: the length of u must go too."),
        (lambda u, v: u * v / (u.norm() * v.norm()), "the sum is missing: add the products up to a single number."),
        (
            lambda u, v: u @ v / (u @ u * (v @ v)),
            "you divide by the squared lengths: take the root of each sum of squares.",
        ),
        (
            lambda u, v: u @ v / (u.abs().sum() * v.abs().sum()),
            "you divide by sums of absolute values: a length is the root of the sum of squares.",
        ),
        (
            lambda u, v: u @ v / (u.norm() + v.norm()),
            "you divide by the sum of the two lengths: divide by their product.",
        ),
        (lambda u, v: 1 - cosine(u, v), "this is the cosine distance, 1 - cos: leave the 1 - away."),
        (lambda u, v: cosine(u, v).arccos(), "this is the angle itself, in radians: its cosine is wanted."),
        (lambda u, v: (u - v).norm(), "this is the distance between the two points, not the cosine of their angle."),
    ]
    cases = [(torch.tensor([3.0, 4.0]), torch.tensor([4.0, 3.0]))]
    cases += [(3 * _random(seed + i, 7), _random(seed + i + 100, 7)) for i in range(3)]
    zero, one = torch.zeros(3), torch.ones(3)
    cases += [(zero, one), (one, zero), (zero, zero)]
    compare(answer, lambda u, v: F.cosine_similarity(u, v, dim=0), cases, mistakes)
    return "(3, 4) and (4, 3): 24 / 25 = 0.96, and a zero vector is similar to nothing."


@exercise
def ppmi(answer: Any, seed: int) -> str:
    """ppmi(counts) of a dense matrix, in nats."""

    def reference(counts: Tensor) -> Tensor:
        return _pmi(counts).clamp(min=0)

    mistakes = [
        (
            _pmi,
            "the negative values are still there (-inf where a count is 0): the first P of PPMI cuts them off at 0.",
        ),
        (
            lambda counts: _pmi(counts).nan_to_num(neginf=0.0),
            "pairs with a count of 0 are right, but other negative values must become 0 too.",
        ),
        (
            lambda counts: reference(counts) / torch.log(torch.tensor(2.0)),
            "this is in bits (log2): nats (ln) are wanted.",
        ),
        (
            lambda counts: reference(counts) / torch.log(torch.tensor(10.0)),
            "this is with the logarithm to base 10: the natural one (ln) is wanted.",
        ),
        (
            torch.zeros_like,
            "everything comes out 0: no ratio is above 1. Compare probabilities, each divided by the total of the "
            "table, and divide p(w, c) by both p(w) and p(c).",
        ),
        (
            lambda counts: torch.log(counts * counts.sum() / (counts.sum(1) * counts.sum(0))).clamp(min=0),
            "the row sums must stand as a column: keepdim=True is missing.",
        ),
        (
            lambda counts: torch.exp(reference(counts)).where(reference(counts) > 0, 0.0),
            "the logarithm is missing: this is the ratio p(w, c) / (p(w) p(c)).",
        ),
    ]
    counts = torch.randint(0, 9, (5, 7), generator=torch.Generator().manual_seed(seed)).float() + torch.eye(5, 7)
    counts[0, 1] = 0
    compare(answer, reference, [(torch.tensor([[1.0, 1.0], [0.0, 2.0]]),), (counts,)], mistakes)
    return "unseen and unsurprising pairs are 0, surprising ones positive."


def _pmi(counts: Tensor) -> Tensor:
    total = counts.sum()
    return torch.log(counts / total / (counts.sum(1, keepdim=True) / total * (counts.sum(0) / total)))


@exercise
def nearest(answer: Any, seed: int) -> str:
    """nearest(vectors, row, k): the rows of the k nearest neighbours by cosine, best first, itself left out."""

    def ranked(
        similarity: Callable[[Tensor, int], Tensor], largest: bool = True, skip: int = 1
    ) -> Callable[..., Tensor]:
        def rows(vectors: Tensor, row: int, k: int) -> Tensor:
            order = similarity(vectors, row).argsort(descending=largest)
            return (order[order != row] if skip else order)[:k]

        return rows

    def cosine(vectors: Tensor, row: int) -> Tensor:
        return embeddings.cosine_similarity(vectors[row], vectors)

    mistakes = [
        (ranked(cosine, skip=0), "the word itself comes first: leave its own row out, and give k others."),
        (
            lambda vectors, row, k: ranked(cosine, skip=0)(vectors, row, k)[1:],
            "only k - 1 neighbours come back: take k + 1 before you leave the word itself out.",
        ),
        (ranked(cosine, largest=False), "these are the least similar words: sort from the greatest similarity down."),
        (
            ranked(lambda vectors, row: vectors @ vectors[row]),
            "this ranks by the dot product, so long vectors win: divide by the lengths.",
        ),
        (
            ranked(lambda vectors, row: (vectors - vectors[row]).norm(dim=1), largest=False),
            "this ranks by distance, so vectors of other lengths lose: use the cosine.",
        ),
        (
            ranked(lambda vectors, row: cosine(vectors / vectors.norm(dim=0), row)),
            "you divide by the lengths of the columns (dim=0): a word is a row, dim=1.",
        ),
        (
            ranked(lambda vectors, row: cosine(vectors, row).index_fill(0, torch.tensor([row]), 0), skip=0),
            "0 is not low enough for the word itself, as others are negative: give it -torch.inf.",
        ),
        (
            lambda vectors, row, k: (kept := ranked(cosine)(vectors, row, k)) - (kept > row).long(),
            "the rows have moved: once a row is cut out, those after it have other numbers.",
        ),
        (
            lambda vectors, row, k: cosine(vectors, row)[ranked(cosine)(vectors, row, k)],
            "these are the similarities: return the numbers of the rows (topk and sort give both).",
        ),
    ]
    vectors = _random(seed, 23, 5) * torch.arange(1, 24)[:, None]
    compare(answer, ranked(cosine), [(vectors, 4, 3), (vectors, 0, 7), (vectors, 11, 1), (vectors, 9, 22)], mistakes)
    return "the greatest cosine comes first, whatever the lengths."


@exercise
def analogy(answer: Any, seed: int) -> str:
    """analogy(vectors, a, b, c): the row closest to b - a + c, the three left out."""

    def solve(signs: tuple[int, int, int], excluded: str = "abc", unit: bool = True, low: float = -torch.inf) -> Any:
        def row(vectors: Tensor, a: int, b: int, c: int) -> int:
            ready = F.normalize(vectors, dim=1) if unit else vectors
            similarity = ready @ (signs[0] * ready[a] + signs[1] * ready[b] + signs[2] * ready[c])
            similarity[[{"a": a, "b": b, "c": c}[letter] for letter in excluded]] = low
            return int(similarity.argmax())

        return row

    right = (-1, 1, 1)
    mistakes = [
        (solve((1, -1, 1)), "the sign is turned round: what a lacks and b has must be added, b - a + c."),
        (solve((1, 1, -1)), "this is a + b - c: the direction is from a to b, b - a, and it starts at c."),
        (solve((1, 1, 1)), "you add all three: a must be taken away, b - a + c."),
        (solve(right, excluded=""), "one of the question's own words wins: a, b and c cannot be the answer."),
        (solve(right, low=0.0), "0 is not low enough for a, b and c, as others may be negative: give them -torch.inf."),
        (solve(right, unit=False), "long vectors win: make every vector a unit vector first."),
    ]
    for left in ("a", "b", "c", "ab", "ac", "bc"):
        missing = " and ".join(letter for letter in "abc" if letter not in left)
        mistakes.append((solve(right, excluded=left), f"{missing} can still be the answer: leave out all three words."))
    vectors = _random(seed, 12, 4) * torch.rand(12, 1, generator=torch.Generator().manual_seed(seed)).exp()
    cases = [(vectors, *question) for question in list(itertools.permutations(range(6), 3))[:60]]
    # Here a itself is closest to b - a + c; and here everything but the three words points away from it.
    cases += [(torch.tensor([[1.0, 0.0], [1.0, 0.5], [1.0, -0.5], [0.5, 1.0]]), 0, 1, 2)]
    cases += [(torch.tensor([[0.0, 1.0], [1.0, 1.0], [1.0, 0.0], [-1.0, -0.2], [-1.0, -1.0]]), 0, 1, 2)]
    compare(answer, solve(right), cases, mistakes)
    return "the three words of the question are left out, and lengths do not matter."


@exercise
def spearman(answer: Any, seed: int) -> str:
    """spearman(x, y) of two tensors without ties."""

    def pearson(x: Tensor, y: Tensor) -> float:
        return torch.corrcoef(torch.stack([x.double(), y.double()]))[0, 1].item()

    def ranks(x: Tensor) -> Tensor:
        return x.argsort().argsort()

    mistakes = [
        (pearson, "this is Pearson's correlation of the values themselves: correlate their ranks."),
        (
            lambda x, y: pearson(x.argsort(), y.argsort()),
            "`argsort` gives the positions that would sort the values, not their ranks: apply it twice.",
        ),
        (lambda x, y: -pearson(ranks(x), ranks(y)), "the sign is wrong: rank both from the smallest up."),
        (lambda x, y: abs(pearson(ranks(x), ranks(y))), "the sign is lost: opposite orders correlate negatively."),
        (
            lambda x, y: F.cosine_similarity(ranks(x).double(), ranks(y).double(), dim=0).item(),
            "this is the cosine of the ranks: subtract their mean first, or use `torch.corrcoef`.",
        ),
        (
            lambda x, y: (ranks(x) - ranks(y)).square().sum().item() / 1.0,
            "this is the sum of squared rank differences: 1 - 6 Σd² / (n (n² - 1)) is still to come.",
        ),
    ]
    cases = [(torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([10.0, 20.0, 400.0, 30.0]))]
    cases += [(x, sign * x + _random(seed + 50, 31).exp()) for x in [_random(seed, 31)] for sign in (1, -1)]
    compare(answer, lambda x, y: float(stats.spearmanr(x, y).statistic), cases, mistakes)
    return "only the order counts: 400 or 40, the rank is the same."


@exercise
def p_value(answer: Any, seed: int) -> str:
    """p_value(x, y): the share of splits whose difference of means is at least the observed one."""

    def share(counts: Callable[[float, float], bool], swapped: bool = False) -> Callable[..., float]:
        def over_all_splits(x: list[float | int], y: list[float | int]) -> float:
            splits = itertools.combinations(range(len(x + y)), len(y) if swapped else len(x))
            found = [_difference(x + y, split) for split in splits]
            observed = _difference(x + y, tuple(range(len(x))))
            return sum(counts(difference, observed) for difference in found) / len(found)

        return over_all_splits

    def at_least(difference: float, observed: float) -> bool:
        return difference >= observed - 1e-9

    mistakes = [
        (
            share(lambda d, observed: d > observed),
            "splits exactly as extreme count too, the observed one first: use >=.",
        ),
        (
            share(lambda d, observed: abs(d) >= abs(observed)),
            "this is the two-sided test: count only splits as large in the same direction.",
        ),
        (
            share(lambda d, observed: d < observed),
            "this is the share of smaller differences: the larger ones are wanted.",
        ),
        (
            share(lambda d, observed: d <= observed),
            "the comparison points the wrong way: count differences >= the observed.",
        ),
        (share(at_least, swapped=True), "the first group of a split must have len(x) numbers, like x itself."),
    ]
    generator = torch.Generator().manual_seed(seed)
    cases = [([5, 6, 7], [1, 2, 3]), ([10, 0], [1, 1, 1])]
    cases += [(torch.randint(2, 9, (4,), generator=generator).tolist(), [1, 4, 6, 8]) for _ in range(3)]
    compare(answer, share(at_least), cases, mistakes)
    try:
        compare(answer, share(at_least), [([0.8, 0.8, 0.7], [0.3, 0.3, 0.1])])
    except Mistake as mistake:
        raise Mistake(
            f"right for whole numbers, but rounding lost the observed split: allow for 1e-9.\n{mistake}"
        ) from None
    return "of the 20 splits of (5, 6, 7) and (1, 2, 3) only the real one is so extreme: p = 1/20."


def _difference(pool: list[float | int], chosen: tuple[int, ...]) -> float:
    first = [pool[i] for i in chosen]
    second = [pool[i] for i in range(len(pool)) if i not in chosen]
    return sum(first) / len(first) - sum(second) / len(second)
