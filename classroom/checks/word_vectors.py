"""Exercises of the notebook word_vectors."""

import itertools

import torch
from course_lib import files
from experiments.tables import count_vectors
from scipy import stats
from torch import Generator, Tensor
from torch.nn import functional as F

from classroom.answers import Mistake
from classroom.exercise import case, exercise, experiment

__all__ = [
    "analogy",
    "cosine_similarity",
    "count_settings",
    "nearest",
    "p_value",
    "ppmi",
    "spearman",
    "three_measures",
    "window_counts",
]


def _random(seed, *shape):
    return torch.randn(shape, generator=Generator().manual_seed(seed))


def _from_the_end(tokens, n_words, window):
    """The exercise as it is found: negative positions count from the end of a list, and `range` leaves its end out."""
    counts = torch.zeros(n_words, n_words)
    for here, word in enumerate(tokens):
        for there in range(here - window, min(len(tokens), here + window)):
            if there != here:
                counts[word, tokens[there]] += 1
    return counts


@exercise(
    kind="debug",
    found=_from_the_end,
    praise="a symmetric table, and the first word of a text never meets the last one.",
    cases=lambda seed: [
        ([0, 1, 2, 3], 4, 1),
        ([0, 1, 2, 1, 3, 0, 2, 4], 5, 2),
        (torch.randint(0, 6, (23,), generator=Generator().manual_seed(seed)).tolist(), 6, 3),
        case([2, 2, 1, 2], 3, 2, edge="a word that is its own neighbour"),
        case([1, 0, 2], 3, 5, edge="a window larger than the text"),
        case([1], 2, 2, edge="a text of one word"),
    ],
    wrong={
        "Python counts negative positions from the end, so the first words still meet the last ones: where should the window of the first word begin?": {
            "first": lambda here, window: here - window
        },
        "`range` leaves its end out: the neighbour `window` positions to the right is not counted.": {
            "last": lambda here, window, length: min(length, here + window)
        },
        "the window reaches one position too far to the right: `range` leaves its end out, so it ends at + 1.": {
            "last": lambda here, window, length: min(length, here + window + 2)
        },
        "the window begins one position too late: it reaches `window` positions to the left.": {"first": lambda here, window: max(0, here - window + 1)},
        "the window begins one position too early: it reaches `window` positions to the left.": {"first": lambda here, window: max(0, here - window - 1)},
        "the first word of the text is never a neighbour: positions count from 0.": {"first": lambda here, window: max(1, here - window)},
        "the last word of the text is never a neighbour: `range` leaves its end out already.": {
            "last": lambda here, window, length: min(length - 1, here + window + 1)
        },
        "only neighbours on the right are counted: a window opens to both sides.": {"first": lambda here, window: here},
        "only neighbours on the left are counted: a window opens to both sides.": {"last": lambda here, window, length: here},
        "a token is not its own neighbour: leave out the position `here`.": {"skip": lambda here, there, tokens: False},
        "two tokens of one word can be neighbours: leave out the position `here`, not the word.": {
            "skip": lambda here, there, tokens: tokens[here] == tokens[there]
        },
        "each neighbour within the window counts 1, however far away it is.": {"amount": lambda here, there: 1 / abs(here - there)},
        "every pair is counted twice now: adding the transposed table is for a loop that counts one side only.": {"end": lambda counts: counts + counts.T},
        "this says whether two words meet: count how often.": {"end": lambda counts: counts.clamp(max=1)},
    },
)
def window_counts(
    tokens,
    n_words,
    window,
    *,
    first=lambda here, window: max(0, here - window),
    last=lambda here, window, length: min(length, here + window + 1),
    skip=lambda here, there, tokens: here == there,
    amount=lambda here, there: 1.0,
    end=lambda counts: counts,
):
    """How often each word stands within `window` tokens of each other word: (n_words, n_words)."""
    counts = torch.zeros(n_words, n_words)
    for here, word in enumerate(tokens):
        for there in range(first(here, window), last(here, window, len(tokens))):
            if not skip(here, there, tokens):
                counts[word, tokens[there]] += amount(here, there)
    return end(counts)


def _norms(u, v):
    return u.norm() * v.norm()


@exercise(
    praise="(3, 4) and (4, 3): 24 / 25 = 0.96, and a zero vector is similar to nothing.",
    cases=lambda seed: [
        (torch.tensor([3.0, 4.0]), torch.tensor([4.0, 3.0])),
        *((3 * _random(seed + n, 7), _random(seed + n + 100, 7)) for n in range(3)),
        case(torch.tensor([0.0, 2.0, 1.0]), torch.tensor([1.0, 3.0, 0.0]), edge="vectors with a 0 among their numbers"),
        case(torch.tensor([1.0, -2.0, 1.0]), torch.tensor([2.0, 1.0, 3.0]), edge="a vector whose numbers sum to 0"),
        case(torch.zeros(3), torch.ones(3), edge="a zero vector first"),
        case(torch.ones(3), torch.zeros(3), edge="a zero vector second"),
        case(torch.zeros(3), torch.zeros(3), edge="two zero vectors"),
    ],
    wrong={
        "a zero vector, which has no direction, gives NaN: return 0 there.": {"zero": torch.nan},
        "a zero vector has no direction, so it is similar to nothing: return 0 there, not 1.": {"zero": 1.0},
        "this is the dot product: divide it by the norms of both vectors.": {"norms": lambda u, v: 1},
        "`a / b * c` multiplies by c: put the product of the norms in brackets.": {"norms": lambda u, v: u.norm() / v.norm()},
        "you divide by the norm of u only: divide by the norm of v, too.": {"norms": lambda u, v: u.norm()},
        "you divide by the norm of v only: divide by the norm of u, too.": {"norms": lambda u, v: v.norm()},
        "the sum is missing: add the products up to a single number.": [
            {"product": torch.mul},
            lambda u, v: u * v / _norms(u, v),
            torch.mul,
        ],
        "you take the mean of the products: add them up.": {"product": lambda u, v: (u * v).mean()},
        "every product counts as positive: leave out the absolute value, since opposite signs lower the cosine.": {"product": lambda u, v: (u * v).abs().sum()},
        "you divide by the squared norms: take the root of each sum of squares.": {"norms": lambda u, v: u @ u * (v @ v)},
        "you divide by sums of absolute values: a norm is the root of the sum of squares.": {"norms": lambda u, v: u.abs().sum() * v.abs().sum()},
        "you divide by the sum of the two norms: divide by their product.": {"norms": lambda u, v: u.norm() + v.norm()},
        "you divide by the number of components: divide by the product of the norms.": {"norms": lambda u, v: len(u)},
        "this is the cosine distance, 1 - cos: return the cosine itself.": {"end": lambda cosine: 1 - cosine},
        "this is the angle, in radians: return its cosine.": {"end": torch.arccos},
        "this is the square of the cosine: return the cosine itself.": {"end": torch.square},
        "the sign is lost: the cosine of vectors that point in opposite directions is negative.": {"end": torch.abs},
        "this is the distance between the two points, not the cosine of their angle.": lambda u, v: (u - v).norm(),
        "this is Pearson's correlation: do not subtract the means.": lambda u, v: F.cosine_similarity(u - u.mean(), v - v.mean(), dim=0),
    },
)
def cosine_similarity(u, v, *, product=torch.dot, norms=_norms, zero=0.0, end=lambda cosine: cosine):
    """The cosine of the angle between two vectors; 0 where one of them is zero."""
    if not u.any() or not v.any():
        return torch.tensor(zero)
    return end(product(u, v) / norms(u, v))


QUERY, A, B, C = (2.0, 0.0), (0.2, 0.0), (2.0, 0.5), (6.0, 4.0)
MEASURES = {
    "cosine": lambda query, words: F.cosine_similarity(words, query[None]),
    "distance": lambda query, words: -(words - query).norm(dim=1),
    "dot product": lambda query, words: words @ query,
}


def _winners(design):
    """From a design to the words that measures find most similar to the query."""

    def winners(measures):
        made = design()
        try:
            vectors = torch.stack([torch.as_tensor(row).double() for row in made])
        except (RuntimeError, TypeError, ValueError):
            raise Mistake("a tensor of four rows of two numbers each is expected.") from None
        if vectors.shape != (4, 2):
            raise Mistake(f"four rows of two numbers are expected, but yours has the shape {tuple(vectors.shape)}.")
        if not vectors.isfinite().all():
            raise Mistake("one of your numbers is infinite or NaN: choose finite ones.")
        if not vectors.any(dim=1).all():
            raise Mistake("a zero vector has no direction: choose other numbers for it.")
        return {measure: _winner(MEASURES[measure](vectors[0], vectors[1:])) for measure in measures}

    return winners


def _winner(similarities):
    best = ["abc"[word] for word in (similarities > similarities.max() - 1e-6).nonzero()]
    return best[0] if len(best) == 1 else f"a tie of {' and '.join(best)}"


@exercise(
    kind="design",
    through=_winners,
    praise="direction, distance, and both at once: three measures, three winners.",
    cases=lambda seed: [(list(MEASURES),)],
    wrong={
        "by cosine, c ties with another word: c may be long, but turn it a little away from the query.": {"c": (6.0, 0.0)},
        "by cosine, c wins, too: turn c farther away from the query than a.": {"c": (6.0, 0.0), "a": (0.2, 0.01)},
        "by distance, a wins, too: make a so short, or so long, that its tip is farther from the query's tip than b's is.": {"a": (1.9, 0.0)},
        "by distance, c wins, too: make c longer, so that its tip is far from the query's.": {"c": (2.1, 0.2)},
        "by cosine, b wins, too: turn b farther away from the query than a.": {"b": (2.2, 0.0), "a": (0.2, 0.01)},
        "by the dot product, a wins, too: make c longer, so that its norm gains more than its angle costs.": {"a": (9.0, 0.0)},
        "by the dot product, b wins, too: make c longer.": {"c": (1.0, 2.0)},
        "by all three measures, a wins: move its tip away from the query's, and make c longer.": {"a": (1.8, 0.0), "b": (1.5, 0.5), "c": (1.0, 1.0)},
        "the words a and b are swapped: a must win by cosine, b by distance.": lambda: torch.tensor([QUERY, B, A, C]),
        "the words a and c are swapped: a must win by cosine, c by the dot product.": lambda: torch.tensor([QUERY, C, B, A]),
        "the words b and c are swapped: b must win by distance, c by the dot product.": lambda: torch.tensor([QUERY, A, C, B]),
        "the three winners are in another order: a must win by cosine, b by distance, c by the dot product.": [
            lambda: torch.tensor([QUERY, B, C, A]),
            lambda: torch.tensor([QUERY, C, A, B]),
        ],
    },
)
def three_measures(*, a=A, b=B, c=C):
    """A query and three words: a is most similar by cosine, b by distance, c by dot product."""
    return torch.tensor([QUERY, a, b, c])


def _counts(seed):
    counts = torch.randint(0, 9, (5, 7), generator=Generator().manual_seed(seed)).float() + torch.eye(5, 7)
    counts[0, 1] = 0
    return counts


def _independent(counts):
    p = counts / counts.sum()
    return p.sum(1, keepdim=True) * p.sum(0)


def _cut(pmi):
    return pmi.clamp(min=0)


@exercise(
    praise="unseen and unsurprising pairs are 0, surprising ones positive.",
    cases=lambda seed: [(torch.tensor([[1.0, 1.0], [0.0, 2.0]]),), (_counts(seed),), (_counts(seed + 1)[:, :5] + 1,)],
    wrong={
        "the negative values are still there (-inf where a count is 0): the first P of PPMI cuts them off at 0.": [
            {"cut": lambda pmi: pmi},
            {"cut": lambda pmi: pmi, "log": lambda x: torch.log(x.clamp(min=0))},
        ],
        "pairs with a count of 0 are right, but other negative values must become 0, too.": {"cut": lambda pmi: pmi.nan_to_num(neginf=0.0)},
        "these are absolute values: what is rarer than chance must become 0.": {"cut": lambda pmi: _finite(pmi.abs())},
        "this is in bits (log2): take the natural logarithm, for nats.": {"log": torch.log2},
        "this is the logarithm to base 10: take the natural one (ln).": {"log": torch.log10},
        "this is ln(1 + ratio): take the logarithm of the ratio itself, then cut at 0.": {"log": torch.log1p},
        "the logarithm is missing: this is the ratio p(w, c) / (p(w) p(c)).": [
            {"log": lambda ratio: ratio},
            {"log": lambda ratio: ratio.where(ratio > 1, 0.0)},
        ],
        "everything comes out 0: no ratio is above 1. Compare probabilities, each divided by the total of the table, "
        "and divide p(w, c) by both p(w) and p(c).": torch.zeros_like,
        "the counts must be divided by the total of the table: p(w, c), p(w) and p(c) are probabilities.": {"joint": lambda counts: counts},
        "the row sums must be a column: keepdim=True is missing.": {"independent": lambda counts: counts.sum(1) * counts.sum(0) / counts.sum() ** 2},
        "rows and columns are swapped in p(w) p(c): the row sums are a column, the column sums a row.": {
            "independent": lambda counts: counts.sum(1) * counts.sum(0, keepdim=True).mT / counts.sum() ** 2
        },
        "you add 1 to every count: PPMI takes the counts as they are.": lambda counts: _ppmi(counts + 1),
        "this is weighted by p(w, c): PPMI is the logarithm alone.": lambda counts: _ppmi(counts) * counts / counts.sum(),
    },
)
def ppmi(counts, *, joint=lambda counts: counts / counts.sum(), independent=_independent, log=torch.log, cut=_cut):
    """max(0, ln p(w, c) / (p(w) p(c))) for every cell of a table of counts."""
    return cut(log(joint(counts) / independent(counts)))


def _ppmi(counts):
    return torch.log(counts / counts.sum() / _independent(counts)).clamp(min=0)


def _finite(values):
    return values.where(values.isfinite(), 0.0)


def _cosines(vectors, row):
    return F.cosine_similarity(vectors, vectors[row : row + 1])


def _ranked(similarities, row):
    order = similarities.argsort(descending=True, stable=True)
    return order[order != row]


def _parallel(seed):
    vectors = _random(seed, 9, 4)
    vectors[2] = torch.tensor([0.0, 0.0, 3.0, 0.0])  # along an axis: no rounding decides between the two rows
    vectors[7] = 2 * vectors[2]
    return vectors


# Of two equal similarities the lower row comes first, as with argsort, or the higher one, as with topk.
ORDERS = (lambda s: s.argsort(descending=True, stable=True), lambda s: s.argsort(stable=True).flip(0))


@exercise(
    praise="the greatest cosine comes first, whatever the norms.",
    cases=lambda seed: [
        *((_random(seed, 23, 5) * torch.arange(1, 24)[:, None], row, k) for row, k in ((4, 3), (0, 7), (11, 1), (9, 22))),
        case(_parallel(seed), 2, 3, edge="another row that points the same way"),
        case(_parallel(seed), 7, 3, edge="another row that points the same way"),
    ],
    wrong={
        "the word itself comes first: leave its own row out, and give k others.": [{"rank": lambda s, row, order=order: order(s)} for order in ORDERS],
        "only k - 1 neighbours come back: take k + 1 before you leave the word itself out.": [
            {"take": lambda order, k: order[: k - 1]},
            *({"rank": lambda s, row, order=order: order(s), "take": lambda order, k: order[1:k]} for order in ORDERS),
        ],
        "one neighbour too many: k are wanted.": {"take": lambda order, k: order[: k + 1]},
        "the first neighbour is lost: the word's row has gone already.": {"take": lambda order, k: order[1 : k + 1]},
        "you cut off the first of the ranking, but a row that is parallel to the word can come first: leave out its own row by number.": [
            {"rank": lambda s, row, order=order: order(s)[1:]} for order in ORDERS
        ],
        "these are the least similar words: sort from the greatest similarity down.": {"rank": lambda s, row: _ranked(-s, row)},
        "the right words, but the best must come first: reverse the order.": {"take": lambda order, k: order[:k].flip(0)},
        "this ranks by the dot product, so long vectors win: divide by the norms.": {"similarity": lambda vectors, row: vectors @ vectors[row]},
        "this ranks by distance, so vectors of other norms lose: use the cosine.": {"similarity": lambda vectors, row: -(vectors - vectors[row]).norm(dim=1)},
        "the sign is lost: a word that points the opposite way is not near.": {"similarity": lambda vectors, row: _cosines(vectors, row).abs()},
        "you divide by the norms of the columns (dim=0): a word is a row, dim=1.": [
            {"similarity": lambda vectors, row: F.normalize(vectors, dim=0) @ F.normalize(vectors, dim=0)[row]},
            {"similarity": lambda vectors, row: _cosines(F.normalize(vectors, dim=0), row)},
        ],
        "0 is not low enough for the word itself, as others are negative: give it -torch.inf.": {
            "rank": lambda s, row: s.index_fill(0, torch.tensor(row), 0).argsort(descending=True)
        },
        "the rows have moved: once a row is cut out, those after it have other numbers.": lambda vectors, row, k: (
            (found := _nearest(vectors, row, k)) - (found > row).long()
        ),
        "these are the similarities: return the rows (topk and sort give both).": lambda vectors, row, k: _cosines(vectors, row)[_nearest(vectors, row, k)],
        "return the rows' numbers, not the vectors.": lambda vectors, row, k: vectors[_nearest(vectors, row, k)],
    },
)
def nearest(vectors, row, k, *, similarity=_cosines, rank=_ranked, take=lambda order, k: order[:k]):
    """The rows of the k vectors most similar to vectors[row], best first, itself left out."""
    return take(rank(similarity(vectors, row), row), k)


def _nearest(vectors, row, k):
    return _ranked(_cosines(vectors, row), row)[:k]


def _solve(vectors, a, b, c, signs=(-1, 1, 1), excluded="abc", unit=F.normalize, low=-torch.inf, target=None):
    ready = unit(vectors)
    of_a, of_b, of_c = (ready if target is None else target(vectors))[[a, b, c]]
    similarity = ready @ (signs[0] * of_a + signs[1] * of_b + signs[2] * of_c)
    for letter, row in (("a", a), ("b", b), ("c", c)):
        if letter in excluded:
            similarity[row] = low
    return similarity


def _analogies(seed):
    vectors = _random(seed, 12, 4) * torch.rand(12, 1, generator=Generator().manual_seed(seed)).exp()
    return [(vectors, *question) for question in list(itertools.permutations(range(6), 3))[:60]]


@exercise(
    praise="the three words of the question are left out, and norms do not matter.",
    cases=lambda seed: [
        *_analogies(seed),
        case(torch.tensor([[1.0, 0.0], [1.0, 0.5], [1.0, -0.5], [0.5, 1.0]]), 0, 1, 2, edge="a itself is closest"),
        case(
            torch.tensor([[0.0, 1.0], [1.0, 1.0], [1.0, 0.0], [-1.0, -0.2], [-1.0, -1.0]]),
            0,
            1,
            2,
            edge="all other words have negative cosines",
        ),
    ],
    wrong={
        "the sign is reversed: what a lacks and b has must be added, b - a + c.": {"signs": (1, -1, 1)},
        "this is a + b - c: the direction is from a to b, b - a, and it starts at c.": {"signs": (1, 1, -1)},
        "you add all three: a must be subtracted, b - a + c.": {"signs": (1, 1, 1)},
        "a is missing: subtract it, b - a + c.": {"signs": (0, 1, 1)},
        "this is b - a alone, the direction: start at c, b - a + c.": {"signs": (-1, 1, 0)},
        "this is b - a - c: c is added, b - a + c.": {"signs": (-1, 1, -1)},
        "one of the question's own words wins: a, b and c cannot be the answer.": {"excluded": ""},
        **{
            f"{' and '.join(letter for letter in 'abc' if letter not in left)} can still be the answer: leave out all three words.": {"excluded": left}
            for left in ("a", "b", "c", "ab", "ac", "bc")
        },
        "0 is not low enough for a, b and c, as others may be negative: give them -torch.inf.": {"low": 0.0},
        "long vectors win: make every vector a unit vector first.": {"unit": lambda vectors: vectors},
        "the target is made of the raw vectors, so a long one counts more: make them unit vectors first.": {"target": lambda vectors: vectors},
        "you divide by the norms of the columns: a word is a row, dim=1.": {"unit": lambda x: F.normalize(x, dim=0)},
        "this is the least similar row: take the greatest similarity.": {"choose": lambda s, *rows: s.where(s.isfinite(), torch.inf).argmin()},
        "the three words need not be the top three: leave them out by number, do not take the fourth.": lambda *q: _solve(*q, excluded="").argsort(
            descending=True
        )[3],
        "this is the similarity: return the number of its row.": lambda *q: _solve(*q).max(),
        "this is a list of one row: return the row's number alone.": lambda *q: _solve(*q).topk(1).indices,
    },
)
def analogy(
    vectors,
    a,
    b,
    c,
    *,
    signs=(-1, 1, 1),
    excluded="abc",
    unit=F.normalize,
    low=-torch.inf,
    target=None,
    choose=lambda s, *rows: s.argmax(),
):
    """The row that is to c as b is to a."""
    return int(choose(_solve(vectors, a, b, c, signs, excluded, unit, low, target), a, b, c))


def _ranks(x):
    return x.argsort().argsort().double()


def _pearson(x: Tensor, y: Tensor) -> Tensor:
    return torch.corrcoef(torch.stack([x.double(), y.double()]))[0, 1]


def _squares(x, y):
    return (_ranks(x) - _ranks(y)).square().sum()


@exercise(
    praise="only the order counts: 400 or 40, the rank is the same.",
    cases=lambda seed: [
        (torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([10.0, 20.0, 400.0, 30.0])),
        *((_random(seed, 31), sign * _random(seed, 31) + _random(seed + 50, 31).exp()) for sign in (1, -1)),
        (_random(seed + 1, 8), _random(seed + 2, 8)),
    ],
    wrong={
        "this is Pearson's correlation of the values themselves: correlate their ranks.": {"rank": lambda x: x},
        "`argsort` gives the positions that would sort the values, not their ranks: apply it twice.": {"rank": torch.argsort},
        "only x is ranked: y needs ranks, too.": lambda x, y: _pearson(_ranks(x), y),
        "only y is ranked: x needs ranks, too.": lambda x, y: _pearson(x, _ranks(y)),
        "the sign is wrong: rank both from the smallest up.": {"correlate": lambda x, y: -_pearson(x, y)},
        "the sign is lost: opposite orders correlate negatively.": {"correlate": lambda x, y: _pearson(x, y).abs()},
        "this is the square of the correlation: return the correlation itself.": {"correlate": lambda x, y: _pearson(x, y).square()},
        "this is the cosine of the ranks: subtract their mean first, or use `torch.corrcoef`.": {"correlate": lambda x, y: F.cosine_similarity(x, y, dim=0)},
        "`torch.corrcoef` gives a 2 × 2 matrix: the correlation is its entry [0, 1].": {"correlate": lambda x, y: torch.corrcoef(torch.stack([x, y]))},
        "this is the sum of squared rank differences: put it into 1 - 6 Σd² / (n (n² - 1)).": _squares,
        "the denominator is n (n² - 1): yours has n (n - 1).": lambda x, y: 1 - 6 * _squares(x, y) / (len(x) * (len(x) - 1)),
        "the 6 is missing in 1 - 6 Σd² / (n (n² - 1)).": lambda x, y: 1 - _squares(x, y) / (len(x) * (len(x) ** 2 - 1)),
        "the 1 - is missing in 1 - 6 Σd² / (n (n² - 1)).": lambda x, y: 6 * _squares(x, y) / (len(x) * (len(x) ** 2 - 1)),
        "this is Kendall's correlation, which counts pairs in one order: correlate ranks.": lambda x, y: torch.tensor(stats.kendalltau(x, y).statistic),
    },
)
def spearman(x, y, *, rank=_ranks, correlate=_pearson):
    """The correlation of the ranks of x with the ranks of y."""
    return correlate(rank(x), rank(y))


DECIMALS = (
    ([0.4, 0.8], [0.5, 0.1, 0.7]),
    ([0.7, 0.4, 0.6], [0.2, 0.4, 0.7]),
)


def _difference(pool, chosen):
    first = [pool[position] for position in chosen]
    second = [pool[position] for position in range(len(pool)) if position not in chosen]
    return sum(first) / len(first) - sum(second) / len(second)


def _splits(pool, size):
    return itertools.combinations(range(len(pool)), size)


@exercise(
    praise="of the 20 splits of (5, 6, 7) and (1, 2, 3) only the real one is so extreme: p = 1/20.",
    cases=lambda seed: [
        ([5, 6, 7], [1, 2, 3]),
        case([10, 0], [1, 1, 1], edge="groups of unequal size"),
        case([3, 5], [1, 9, 2, 2, 4], edge="groups of unequal size"),
        case([6, 2, 7, 7, 1], [3, 5], edge="groups of unequal size"),
        *((torch.randint(2, 9, (4,), generator=Generator().manual_seed(seed + n)).tolist(), [1, 4, 6, 8]) for n in range(3)),
        *(case(*decimals, edge="decimals, where rounding can lose the observed split") for decimals in DECIMALS),
        case([2, 2], [2, 2], edge="all numbers equal"),
    ],
    wrong={
        "rounding lost splits that are exactly as extreme: allow for 1e-9.": {"counts": float.__ge__},
        "splits exactly as extreme count too, the observed one first: use >=.": [
            {"counts": lambda difference, observed: difference > observed + 1e-9},
            {"counts": float.__gt__},
        ],
        "this is the two-sided test: count only splits as large in the same direction.": [
            {"counts": lambda difference, observed: abs(difference) >= abs(observed) - 1e-9},
            {"counts": lambda difference, observed: abs(difference) >= abs(observed)},
        ],
        "this is the share of smaller differences: the larger ones are wanted.": [
            {"counts": lambda difference, observed: difference < observed - 1e-9},
            {"counts": float.__lt__},
        ],
        "the comparison points the wrong way: count differences >= the observed.": [
            {"counts": lambda difference, observed: difference <= observed + 1e-9},
            {"counts": float.__le__},
        ],
        "the first group of a split must have len(x) numbers, like x itself.": [
            {"size": lambda x, y: len(y)},
            {"size": lambda x, y: (len(x) + len(y)) // 2},
        ],
        "this is the number of such splits: divide by the number of all.": {"end": lambda hits, splits: hits},
        "the observed split is one of them: it counts in the numerator and in the denominator.": [
            {"end": lambda hits, splits: (hits - 1) / (splits - 1)},
            {"end": lambda hits, splits: (hits - 1) / splits},
            {"end": lambda hits, splits: (hits + 1) / (splits + 1)},
        ],
        "equal numbers are different items: a set of splits loses the repeated ones. Choose positions, not values.": {
            "splits": lambda pool, size: list({tuple(sorted(pool[position] for position in chosen)): chosen for chosen in _splits(pool, size)}.values())
        },
    },
)
def p_value(
    x,
    y,
    *,
    counts=lambda difference, observed: difference >= observed - 1e-9,
    size=lambda x, y: len(x),
    splits=_splits,
    end=lambda hits, splits: hits / splits,
):
    """The share of splits of x + y whose difference of means is at least the observed one."""
    found = [_difference(x + y, chosen) for chosen in splits(x + y, size(x, y))]
    observed = _difference(x + y, range(len(x)))
    return end(sum(counts(float(difference), float(observed)) for difference in found), len(found))


def _stored_counts():
    rows = files.load_results("count_vectors")["rows"]
    allowed = [row for row in rows if row["weighting"] == "PPMI" and row["window"] <= 10 and row["width"] == 50]
    return [(f"window {row['window']}", row["development"][0]) for row in allowed]


@experiment(
    goal=0.645,
    unit="rank correlation on the 71 pairs for choosing",
    lower_is_better=False,
    stored=_stored_counts,
    advice={
        "a wider window: of the stored rows, the wider ones are better.": lambda choice: choice["window"] < 6,
        "smoothing: a power below 1 for the counts of contexts, so that rare ones surprise less.": lambda choice: choice["smoothing"] > 0.9,
        "less smoothing: with a power near 0 all contexts count as equally frequent.": lambda choice: choice["smoothing"] < 0.3,
        "a larger power of the singular values: with 0 every direction counts the same.": lambda choice: choice["power"] < 0.4,
        "a power of the singular values between 0.5 and 1.": lambda choice: choice["power"] > 0.9,
        "one change at a time, to see which way the correlation goes.": lambda choice: True,
    },
    wrong={
        "a wider window": lambda: {"window": 2, "smoothing": 1.0, "power": 0.5},
        "smoothing: a power below 1": lambda: {"window": 6, "smoothing": 1.0, "power": 0.5},
        "a larger power of the singular values": lambda: {"window": 8, "smoothing": 0.75, "power": 0.0},
        "the window is a whole number from 1 to 10, but yours is 16.": lambda: {
            "window": 16,
            "smoothing": 1,
            "power": 0.5,
        },
        "smoothing is a number from 0 to 1, but yours is 2.": lambda: {"window": 8, "smoothing": 2, "power": 0.5},
        "power is a number from 0 to 1, but yours is -1.": lambda: {"window": 8, "smoothing": 1, "power": -1},
        "a dictionary with window, smoothing, power is expected": lambda: {"window": 8, "width": 100},
    },
)
def count_settings(choice, seed):
    """Window, smoothing and power for vectors of 50 numbers, scored on the pairs for choosing."""
    if not isinstance(choice, dict) or set(choice) != {"window", "smoothing", "power"}:
        raise Mistake("a dictionary with window, smoothing, power is expected, and nothing else.")
    if choice["window"] not in range(1, 11):
        raise Mistake(f"the window is a whole number from 1 to 10, but yours is {choice['window']}.")
    for name in ("smoothing", "power"):
        if not isinstance(choice[name], int | float) or not 0 <= choice[name] <= 1:
            raise Mistake(f"{name} is a number from 0 to 1, but yours is {choice[name]}.")
    return count_vectors.correlation(int(choice["window"]), 50, float(choice["smoothing"]), float(choice["power"]))
