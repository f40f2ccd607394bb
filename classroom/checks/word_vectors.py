"""Exercises of the notebook word_vectors."""

import itertools

import torch
from course_lib import files
from experiments.tables import count_vectors
from torch import Generator
from torch.nn import functional as F

from classroom.answers import Mistake
from classroom.exercise import case, exercise, experiment

__all__ = [
    "analogy",
    "count_settings",
    "ppmi",
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


def _shares(totals, smoothing):
    powers = totals**smoothing
    return powers / powers.sum()


def _independent(counts, smoothing):
    return _shares(counts.sum(1, keepdim=True), 1) * _shares(counts.sum(0), smoothing)


def _cut(pmi):
    return pmi.clamp(min=0)


@exercise(
    praise="unseen and unsurprising pairs are 0, surprising ones positive, and a rare context surprises less than before.",
    cases=lambda seed: [
        (torch.tensor([[1.0, 1.0], [0.0, 2.0]]), 1.0),
        (torch.tensor([[3.0, 1.0], [6.0, 0.0]]), 0.5),
        (_counts(seed), 1.0),
        (_counts(seed), 0.75),
        (_counts(seed + 1)[:, :5] + 1, 0.4),
        case(_counts(seed + 2), 0.0, edge="a smoothing of 0, where all contexts are equally probable"),
    ],
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
        "and divide p(w, c) by both p(w) and p(c).": lambda counts, smoothing: torch.zeros_like(counts),
        "the counts must be divided by the total of the table: p(w, c), p(w) and p(c) are probabilities.": {"joint": lambda counts: counts},
        "there is no smoothing yet: this is the PPMI of smoothing 1.": {"independent": lambda counts, smoothing: _independent(counts, 1)},
        "the words are smoothed: raise the totals of the columns, the contexts, to the power.": {
            "independent": lambda counts, smoothing: _shares(counts.sum(1, keepdim=True), smoothing) * _shares(counts.sum(0), 1)
        },
        "both words and contexts are smoothed: p(w) stays as it is.": {
            "independent": lambda counts, smoothing: _shares(counts.sum(1, keepdim=True), smoothing) * _shares(counts.sum(0), smoothing)
        },
        "the smoothed contexts do not sum to 1: divide the powers by the sum of the powers.": [
            {"independent": lambda counts, smoothing: _shares(counts.sum(1, keepdim=True), 1) * _shares(counts.sum(0), 1) ** smoothing},
            {"independent": lambda counts, smoothing: _shares(counts.sum(1, keepdim=True), 1) * counts.sum(0) ** smoothing / counts.sum()},
        ],
        "the cells are smoothed: only p(c) takes the power, p(w, c) stays as it is.": {"joint": lambda counts: _shares(counts, 0.75)},
        "you raise the probability of chance, p(w) p(c), to the power: only the totals of the contexts take it.": {
            "independent": lambda counts, smoothing: _independent(counts, 1) ** smoothing
        },
        "rows and columns are swapped in p(w) p(c): the row sums are a column, the column sums a row.": {
            "independent": lambda counts, smoothing: _shares(counts.sum(1), 1) * _shares(counts.sum(0, keepdim=True).mT, smoothing)
        },
        "you add 1 to every count: PPMI takes the counts as they are.": lambda counts, smoothing: _ppmi(counts + 1, smoothing),
        "this is weighted by p(w, c): PPMI is the logarithm alone.": lambda counts, smoothing: _ppmi(counts, smoothing) * counts / counts.sum(),
    },
)
def ppmi(counts, smoothing, *, joint=lambda counts: counts / counts.sum(), independent=_independent, log=torch.log, cut=_cut):
    """PPMI of a table of counts; p(c) in proportion to the context's count to the power `smoothing`."""
    return cut(log(joint(counts) / independent(counts, smoothing)))


def _ppmi(counts, smoothing):
    return torch.log(counts / counts.sum() / _independent(counts, smoothing)).clamp(min=0)


def _finite(values):
    return values.where(values.isfinite(), 0.0)


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


def _as_it_is(vectors, a, b, c):
    """The exercise as it is found: raw vectors, and the question's own words may win."""
    target = vectors[b] - vectors[a] + vectors[c]
    return F.cosine_similarity(vectors, target[None]).argmax()


@exercise(
    kind="debug",
    found=_as_it_is,
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


def _score(row):
    return sum(row[name][0] for name in ("wordsim353", "simlex999")) / 2


def _stored_counts():
    """The stored choices that the exercise allows: only the window, the weights, smoothing and power differ."""
    fixed = {name: count_vectors.USUAL[name] for name in ("weighting", "width")}
    rows = [row for row in files.load_results("count_vectors")["rows"] if row["window"] <= 12 and fixed.items() <= row.items()]
    free = [name for name in count_vectors.USUAL if name not in fixed]
    return [(", ".join(f"{name} {row[name]}" for name in free if row[name] != count_vectors.USUAL[name]) or "the usual choice", _score(row)) for row in rows]


@experiment(
    goal=0.395,
    unit="mean rank correlation on the pairs for choosing",
    lower_is_better=False,
    stored=_stored_counts,
    advice={
        "a wider window: of the stored rows, the narrow ones are the worst.": lambda choice: choice["window"] < 8,
        "more smoothing is not better for both sets: what does a power of 0.5 do to SimLex-999?": lambda choice: choice["smoothing"] < 0.7,
        "a larger power of the singular values: with 0 every direction counts the same.": lambda choice: choice["power"] < 0.4,
        "near words that count more, in a window that is as wide as allowed or nearly so.": lambda choice: not choice["nearer"],
        "one change at a time, to see which way the score goes.": lambda choice: True,
    },
    wrong={
        "a wider window": lambda: {"window": 2, "nearer": True, "smoothing": 1.0, "power": 0.5},
        "more smoothing is not better for both sets": lambda: {"window": 8, "nearer": True, "smoothing": 0.5, "power": 0.5},
        "a larger power of the singular values": lambda: {"window": 8, "nearer": True, "smoothing": 1.0, "power": 0.0},
        "near words that count more": lambda: {"window": 8, "nearer": False, "smoothing": 1.0, "power": 0.5},
        "one change at a time": lambda: {"window": 8, "nearer": True, "smoothing": 1.0, "power": 0.5},
        "the window is a whole number from 1 to 12, but yours is 16.": lambda: {"window": 16, "nearer": True, "smoothing": 1, "power": 0.5},
        "nearer is True or False, but yours is yes.": lambda: {"window": 8, "nearer": "yes", "smoothing": 1, "power": 0.5},
        "smoothing is a number from 0 to 1, but yours is 2.": lambda: {"window": 8, "nearer": True, "smoothing": 2, "power": 0.5},
        "power is a number from 0 to 1, but yours is -1.": lambda: {"window": 8, "nearer": True, "smoothing": 1, "power": -1},
        "a dictionary with window, nearer, smoothing, power is expected": lambda: {"window": 8, "width": 100},
    },
)
def count_settings(choice, seed):
    """Window, weights, smoothing and power for vectors of 50 numbers, scored on the pairs for choosing."""
    if not isinstance(choice, dict) or set(choice) != {"window", "nearer", "smoothing", "power"}:
        raise Mistake("a dictionary with window, nearer, smoothing, power is expected, and nothing else.")
    if choice["window"] not in range(1, 13):
        raise Mistake(f"the window is a whole number from 1 to 12, but yours is {choice['window']}.")
    if not isinstance(choice["nearer"], bool):
        raise Mistake(f"nearer is True or False, but yours is {choice['nearer']}.")
    for name in ("smoothing", "power"):
        if not isinstance(choice[name], int | float) or not 0 <= choice[name] <= 1:
            raise Mistake(f"{name} is a number from 0 to 1, but yours is {choice[name]}.")
    numbers = {name: float(choice[name]) for name in ("smoothing", "power")}
    return count_vectors.agreement(window=int(choice["window"]), nearer=choice["nearer"], **numbers)
