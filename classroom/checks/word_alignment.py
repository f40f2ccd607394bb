"""Exercises of the notebook word_alignment."""

import numpy as np
import torch
from course_lib import files
from experiments import verses
from experiments.tables import word_alignment as table
from experiments.verses import Pair, WordTable
from torch import Generator

from classroom.answers import Mistake
from classroom.exercise import case, exercise, experiment

__all__ = ["best_links", "em_step", "error_rate", "lower_error", "toy_corpus"]


def _links(seed, greek=5, english=7, share=0.3):
    generator = torch.Generator().manual_seed(seed)
    hit = torch.rand(greek, english, generator=generator) < share
    return {(int(i), int(j)) for i, j in hit.nonzero()}


@exercise(
    praise="a sure link counts twice where it is found, and a possible one does no harm.",
    cases=lambda seed: [
        ({(0, 0), (1, 1), (2, 2)}, {(0, 0), (1, 2)}, {(0, 0), (1, 2), (1, 1)}),
        (_links(seed), _links(seed + 1, share=0.2), _links(seed + 2) | _links(seed + 1, share=0.2)),
        (_links(seed + 3), _links(seed + 4), _links(seed + 4) | _links(seed + 5)),
        case({(0, 1)}, {(0, 0)}, {(0, 0)}, edge="no link in common"),
        case({(0, 0), (1, 1)}, {(0, 0), (1, 1)}, {(0, 0), (1, 1), (2, 1)}, edge="all sure links, nothing else"),
        case({(0, 0), (1, 2)}, {(0, 0), (1, 1), (2, 2)}, {(0, 0), (1, 1), (2, 2)}, edge="all links sure"),
    ],
    wrong={
        "this is the share that is right: the error rate is 1 minus it.": {"turned": lambda share: share},
        "the denominator is |A| + |S|: you divide by the size of the union.": {"size": lambda a, s, p: len(a | s)},
        "this is 1 minus precision: the denominator is |A| + |S|.": {
            "hits": lambda a, s, p: len(a & s),
            "size": lambda a, s, p: len(a),
        },
        "this is 1 minus recall: the denominator is |A| + |S|.": {"hits": lambda a, s, p: len(a & s), "size": lambda a, s, p: len(s)},
        "P plays no part: the numerator is |A ∩ S| + |A ∩ P|.": {"hits": lambda a, s, p: 2 * len(a & s)},
        "only P counts in your numerator: it is |A ∩ S| + |A ∩ P|.": {"hits": lambda a, s, p: 2 * len(a & p)},
        "the numerator is a sum of two sizes, |A ∩ S| + |A ∩ P|: yours has one of them.": [
            {"hits": lambda a, s, p: len(a & s)},
            {"hits": lambda a, s, p: len(a & p)},
        ],
        "the denominator has the sure links, not the possible ones: |A| + |S|.": {"size": lambda a, s, p: len(a) + len(p)},
        "the result is a share from 0 to 1, not in percent.": {"turned": lambda share: 100 * (1 - share)},
    },
)
def error_rate(
    proposed,
    sure,
    possible,
    *,
    hits=lambda a, s, p: len(a & s) + len(a & p),
    size=lambda a, s, p: len(a) + len(s),
    turned=lambda share: 1 - share,
):
    """1 - (|A ∩ S| + |A ∩ P|) / (|A| + |S|)."""
    return turned(hits(proposed, sure, possible) / size(proposed, sure, possible))


def _corpus(seed, n_greek, n_english, lengths):
    """Verses as ids, in which each word occurs, and a table whose rows sum to 1."""
    generator = Generator().manual_seed(seed)
    verses = []
    for G, E in lengths:
        greek = torch.randperm(n_greek, generator=generator)[:G].tolist()
        english = torch.randperm(n_english, generator=generator)[:E].tolist()
        verses.append((greek, english))
    verses.append((list(range(n_greek)), list(range(n_english))))
    t = torch.rand(n_greek, n_english, generator=generator, dtype=torch.float64) + 0.1
    return verses, t / t.sum(dim=1, keepdim=True)


def _toy():
    return [([0, 1], [0, 1]), ([0, 2], [0, 2])], torch.full((3, 3), 1 / 3, dtype=torch.float64)


def _expected(verses, t, share):
    """The expected counts: how often each Greek word became each English one."""
    counts = torch.zeros_like(t)
    for greek, english in verses:
        for g in greek:
            for e in english:
                counts[g, e] += share(t, g, e, greek, english)
    return counts


def _share(t, g, e, greek, english):
    return t[g, e] / sum(t[other, e] for other in greek)


def _hard(t, g, e, greek, english):
    return float(g == max(greek, key=lambda other: float(t[other, e])))


@exercise(
    praise="two words that meet twice have begun to find each other; `WordTable` repeats the step on 6,485 verses.",
    cases=lambda seed: [
        _toy(),
        _corpus(seed, 4, 5, [(2, 3), (3, 2), (1, 4)]),
        _corpus(seed + 1, 6, 3, [(4, 2), (2, 2), (3, 3), (5, 1)]),
        case([([0, 1, 0], [0, 1])], torch.tensor([[0.5, 0.5], [0.2, 0.8]], dtype=torch.float64), edge="a Greek word that occurs twice"),
        case([([0, 1], [1, 1, 0])], torch.tensor([[0.5, 0.5], [0.2, 0.8]], dtype=torch.float64), edge="an English word that occurs twice"),
    ],
    wrong={
        "the rows do not sum to 1: divide each Greek word's counts by their sum.": {"normalised": lambda counts: counts},
        "you normalise over the wrong side: t(e | g) sums to 1 over the English words of one Greek word, dim=1.": {
            "normalised": lambda counts: counts / counts.sum(dim=0, keepdim=True)
        },
        "you divide by the sum of all counts: each Greek word has a sum of its own.": {"normalised": lambda counts: counts / counts.sum()},
        "the share of a Greek word is its t divided by the sum over all Greek words of the verse: yours is t alone.": {"share": lambda t, g, e, *_: t[g, e]},
        "the shares of one *English* word sum to 1: divide by the sum over the Greek words of the verse, not over its English words.": {
            "share": lambda t, g, e, greek, english: t[g, e] / sum(t[g, other] for other in english)
        },
        "divide by the sum over the Greek words of this verse, not over the whole vocabulary.": {"share": lambda t, g, e, *_: t[g, e] / t[:, e].sum()},
        "every Greek word of the verse counts alike in your table: weigh them by t.": {"share": lambda t, g, e, greek, english: 1 / len(greek)},
        "these are the counts of words that meet, as in Dice: weigh each by t.": {"share": lambda *_: 1.0},
        "only the best Greek word gets the count: each gets its share.": {"share": _hard},
    },
)
def em_step(
    verses,
    t,
    *,
    share=_share,
    normalised=lambda counts: counts / counts.sum(dim=1, keepdim=True),
):
    """One iteration of model 1: from t(e | g) to expected counts, from these to the next t."""
    return normalised(_expected(verses, t, share))


def _as_found(probabilities):
    best = probabilities.argmax(dim=1)
    return {(int(i), j) for j, i in enumerate(best)}


def _table(seed, english, greek):
    return torch.rand(english, greek + 1, generator=Generator().manual_seed(seed), dtype=torch.float64)


@exercise(
    kind="debug",
    found=_as_found,
    praise="NULL is no word: column 1 is the Greek word 0, and a word that comes from NULL has no link.",
    cases=lambda seed: [
        (torch.tensor([[0.1, 0.7, 0.2], [0.6, 0.3, 0.1], [0.1, 0.2, 0.7]], dtype=torch.float64),),
        (_table(seed, 7, 4),),
        (_table(seed + 1, 3, 9),),
        (_table(seed + 2, 11, 2),),
        case(torch.tensor([[0.9, 0.1], [0.8, 0.2]], dtype=torch.float64), edge="every word comes from NULL"),
    ],
    wrong={
        "the columns are one off: column 0 is NULL, so that column 1 is the Greek word 0.": {"name": lambda i: i},
        "an English word that comes from NULL has no link: leave it out.": {"linked": lambda i: True},
        "an English word from NULL is now linked to the first Greek word: leave it out.": {
            "linked": lambda i: True,
            "name": lambda i: max(i - 1, 0),
        },
        "NULL may win, and then the word has no link: you choose among the Greek words alone.": {"best": lambda p: p[:, 1:].argmax(dim=1) + 1},
        "each *English* word chooses: take the largest number of a row, dim=1.": {"best": lambda p: p.argmax(dim=0)},
        "a link is (Greek, English): yours is reversed.": {"link": lambda i, j: (j, i)},
        "you take the least likely word.": {"best": lambda p: p.argmin(dim=1)},
    },
)
def best_links(
    probabilities,
    *,
    best=lambda p: p.argmax(dim=1),
    linked=lambda i: i > 0,
    name=lambda i: i - 1,
    link=lambda i, j: (i, j),
):
    """The links (Greek, English) of a table (E, G + 1) whose first column is NULL."""
    return {link(name(int(i)), j) for j, i in enumerate(best(probabilities)) if linked(int(i))}


DICTIONARY = {"logos": "word", "theos": "god", "phos": "light", "zoe": "life"}


def _learned(design):
    """What model 1 learns from a corpus of four pairs."""

    def learn(iterations):
        pairs = design()
        fits = isinstance(pairs, list | tuple) and all(
            isinstance(pair, list | tuple) and len(pair) == 2 and all(isinstance(side, str) for side in pair) for pair in pairs
        )
        if not fits:
            raise Mistake('a list of pairs of texts is expected, such as [("logos theos", "god word"), ...].')
        if len(pairs) != 4:
            raise Mistake(f"four pairs are expected, but yours are {len(pairs)}.")
        for greek, english in pairs:
            for side, known in ((greek.split(), DICTIONARY), (english.split(), DICTIONARY.values())):
                if strange := [word for word in side if word not in known]:
                    raise Mistake(f"the only words are {', '.join(known)}, but one of yours is {strange[0]!r}.")
                if len(side) < 2:
                    raise Mistake("each text has two words at least: a pair of single words would give its answer away.")
        found = WordTable([Pair(g.split(), e.split(), set()) for g, e in pairs], iterations, _without_null)
        return {greek: _best_of(found, greek) for greek in DICTIONARY}

    return learn


def _without_null(G, E):
    """All Greek words alike, and next to nothing from NULL."""
    return np.hstack([np.full((E, 1), 1e-9), np.full((E, G), 1 / G)])


def _best_of(found, greek):
    if greek not in found.greek:
        return "nothing: it never occurs"
    row = found.probabilities(Pair([greek], list(found.english), set()))[:, 1]
    best = sorted(word for word, chance in zip(found.english, row, strict=True) if chance > row.max() - 1e-6)
    return " or ".join(best) + ("" if row.max() >= 0.9 else ", below 90%")


_TOGETHER = (("logos theos", "word god"), ("logos theos", "god word"), ("phos zoe", "light life"), ("zoe phos", "life light"))
_CYCLE = (("logos theos", "god word"), ("theos phos", "light god"), ("phos zoe", "life light"), ("zoe logos", "word life"))


@exercise(
    kind="design",
    through=_learned,
    praise="each word meets its translation in every pair where it occurs, and no other word as often.",
    cases=lambda seed: [(20,)],
    wrong={
        "words that only occur together cannot be told apart: each needs a pair in which it occurs without the other.": {"pairs": _TOGETHER},
        "`zoe` and `life` never occur: all four words must.": {
            "pairs": (("logos theos", "word god"), ("theos phos", "god light"), ("phos logos", "light word"), ("logos theos", "word god"))
        },
        "all four words are in every pair, so nothing sets them apart.": {"pairs": (("logos theos phos zoe", "word god light life"),) * 4},
    },
)
def toy_corpus(*, pairs=_CYCLE):
    """Four pairs of texts from which model 1 learns that logos is word, theos god, phos light and zoe life."""
    return list(pairs)


def _stored():
    rows = files.load_results("word_alignment")["rows"]
    return [(row["system"], row["validation"][0]) for row in rows if row["validation"] and not row["parameters"]]


CHOICE = {"words": "lemmas", "greek_letters": None, "english_letters": None, "iterations": 5, "sharpness": 8, "null": 0.08, "join": "grow-diag"}


@experiment(
    goal=0.38,
    unit="alignment error rate on the validation books",
    stored=_stored,
    seconds=120,
    advice={
        "dictionary forms: endings split a Greek word into many rare ones.": lambda choice: choice["words"] != "lemmas",
        "a prior for the diagonal: a word's partner is more often near than far.": lambda choice: choice["sharpness"] < 1,
        "a softer prior: words do move.": lambda choice: choice["sharpness"] > 16,
        "both directions: what one misses, the other may find.": lambda choice: choice["join"] in ("forward", "backward"),
        "shorter English words: `love`, `loved` and `loves` could share their counts.": lambda choice: choice["english_letters"] is None,
        "a few iterations more.": lambda choice: choice["iterations"] < 4,
        "another number of letters, and a smaller NULL.": lambda choice: True,
    },
    wrong={
        "dictionary forms": lambda: CHOICE | {"words": "words"},
        "a prior for the diagonal": lambda: CHOICE | {"sharpness": 0},
        "a softer prior": lambda: CHOICE | {"sharpness": 40},
        "both directions": lambda: CHOICE | {"join": "forward"},
        "shorter English words": lambda: dict(CHOICE),
        "join is one of forward, backward, intersection, union, grow-diag, but yours is 'both'.": lambda: CHOICE | {"join": "both"},
        "words is one of words, lemmas, but yours is 'roots'.": lambda: CHOICE | {"words": "roots"},
        "english_letters is None or a whole number from 1 to 20, but yours is 0.": lambda: CHOICE | {"english_letters": 0},
        "iterations is a whole number from 1 to 20, but yours is 100.": lambda: CHOICE | {"iterations": 100},
        "null is a number from 0.001 to 0.9, but yours is 0.": lambda: CHOICE | {"null": 0},
        "sharpness is a number from 0 to 50, but yours is -1.": lambda: CHOICE | {"sharpness": -1},
        "a dictionary with words, greek_letters": lambda: {"words": "lemmas"},
    },
)
def lower_error(choice, seed):
    """The error rate on the validation books of word tables with these settings."""
    if not isinstance(choice, dict) or set(choice) != set(CHOICE):
        raise Mistake(f"a dictionary with {', '.join(CHOICE)} is expected, and nothing else.")
    for name, known in (("words", ("words", "lemmas")), ("join", tuple(verses.JOINS))):
        if choice[name] not in known:
            raise Mistake(f"{name} is one of {', '.join(known)}, but yours is {choice[name]!r}.")
    for name in ("greek_letters", "english_letters"):
        if choice[name] is not None and choice[name] not in range(1, 21):
            raise Mistake(f"{name} is None or a whole number from 1 to 20, but yours is {choice[name]}.")
    if choice["iterations"] not in range(1, 21):
        raise Mistake(f"iterations is a whole number from 1 to 20, but yours is {choice['iterations']}.")
    for name, low, high in (("sharpness", 0, 50), ("null", 0.001, 0.9)):
        if not low <= choice[name] <= high:
            raise Mistake(f"{name} is a number from {low} to {high}, but yours is {choice[name]}.")
    return table.chosen_error_rate(**choice)
