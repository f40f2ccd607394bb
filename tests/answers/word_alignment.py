"""Answers to the exercises of the notebook word_alignment."""

from collections import defaultdict

import torch


def rate(proposed, sure, possible, hits=None, size=None):
    hits = len(proposed & sure) + len(proposed & possible) if hits is None else hits
    size = len(proposed) + len(sure) if size is None else size
    return 1 - hits / size


def by_sums(proposed, sure, possible):
    found = sum((link in sure) + (link in possible) for link in proposed)
    return (len(proposed) + len(sure) - found) / (len(proposed) + len(sure))


def em(share, axis=1, rows=True):
    """A step of EM with another share of an English word, given as (t, Greek ids, English ids) -> (G, E)."""

    def step(verses, t):
        counts = torch.zeros_like(t)
        for greek, english in verses:
            parts = share(t[greek][:, english], t, greek, english)
            for row, g in enumerate(greek):
                for column, e in enumerate(english):
                    counts[g, e] += parts[row, column]
        return counts / counts.sum(axis, keepdim=True) if rows else counts

    return step


def right_share(block, *_):
    return block / block.sum(0, keepdim=True)


def by_dictionaries(verses, t):
    counts, totals = defaultdict(float), defaultdict(float)
    for greek, english in verses:
        for e in english:
            whole = sum(float(t[g, e]) for g in greek)
            for g in greek:
                counts[g, e] += float(t[g, e]) / whole
                totals[g] += float(t[g, e]) / whole
    return [[counts[g, e] / totals[g] for e in range(t.shape[1])] for g in range(t.shape[0])]


def over_everything(verses, t):
    counts = em(right_share, rows=False)(verses, t)
    return counts / counts.sum()


def hard(block, *_):
    return torch.nn.functional.one_hot(block.argmax(0), block.shape[0]).T.to(block)


def by_rows(probabilities):
    found = set()
    for j, row in enumerate(probabilities.tolist()):
        i = max(range(len(row)), key=row.__getitem__)
        if i:
            found.add((i - 1, j))
    return found


def choosing(words="lemmas", greek=6, english=4, iterations=5, sharpness=8, null=0.08, join="grow-diag"):
    names = ("words", "greek_letters", "english_letters", "iterations", "sharpness", "null", "join")
    return lambda: dict(zip(names, (words, greek, english, iterations, sharpness, null, join), strict=True))


def corpus(text):
    """A design: pairs divided by semicolons, the sides of a pair by a stroke."""
    return lambda: [tuple(side.strip() for side in pair.split("|")) for pair in text.split(";")]


RIGHT = {
    "error_rate": [rate, by_sums],
    "em_step": [em(right_share), by_dictionaries],
    "best_links": [by_rows, lambda p: sorted(by_rows(p))],
    "toy_corpus": [
        corpus("theos logos|word god; logos phos|word light; zoe phos|light life; zoe theos|life god"),
        corpus(
            "logos logos theos|word god word; logos phos|light word; phos zoe zoe|light life life; theos zoe|god life"
        ),
    ],
    "lower_error": [choosing(iterations=6)],
}
WRONG = {
    "error_rate": [
        (lambda a, s, p: 1 - rate(a, s, p), "the error rate is 1 minus it"),
        (lambda a, s, p: rate(a, s, p, size=len(a | s)), "you divide by the size of the union"),
        (lambda a, s, p: 1 - len(a & s) / len(a), "this is 1 minus precision"),
        (lambda a, s, p: 1 - len(a & s) / len(s), "this is 1 minus recall"),
        (lambda a, s, p: rate(a, s, p, hits=2 * len(a & s)), "P plays no part"),
        (lambda a, s, p: rate(a, s, p, hits=2 * len(a & p)), "only P counts in your numerator"),
        (lambda a, s, p: rate(a, s, p, hits=len(a & s)), "yours has one of them"),
        (lambda a, s, p: rate(a, s, p, hits=len(a & p)), "yours has one of them"),
        (lambda a, s, p: rate(a, s, p, size=len(a) + len(p)), "not the possible ones"),
        (lambda a, s, p: 100 * rate(a, s, p), "not in percent"),
    ],
    "em_step": [
        (em(right_share, rows=False), "the rows do not sum to 1"),
        (em(right_share, axis=0), "you normalise over the wrong side"),
        (over_everything, "each Greek word has a sum of its own"),
        (em(lambda block, *_: block), "yours is t alone"),
        (em(lambda block, *_: block / block.sum(1, keepdim=True)), "not over its English words"),
        (em(lambda block, t, greek, english: block / t[:, english].sum(0)), "not over the whole vocabulary"),
        (em(lambda block, *_: torch.ones_like(block) / len(block)), "counts alike"),
        (em(lambda block, *_: torch.ones_like(block)), "as in Dice"),
        (em(hard), "only the best Greek word gets the count"),
    ],
    "best_links": [
        (lambda p: {(i + 1, j) for i, j in by_rows(p)}, "the columns are one off"),
        (lambda p: {(int(i) - 1, j) for j, i in enumerate(p.argmax(1))}, "leave it out"),
        (lambda p: {(max(int(i) - 1, 0), j) for j, i in enumerate(p.argmax(1))}, "linked to the first Greek word"),
        (lambda p: {(int(i), j) for j, i in enumerate(p[:, 1:].argmax(1))}, "you choose among the Greek words alone"),
        (lambda p: {(int(i) - 1, j) for j, i in enumerate(p.argmax(0)) if i > 0}, "take the largest number of a row"),
        (lambda p: {(j, i) for i, j in by_rows(p)}, "yours is reversed"),
        (lambda p: by_rows(-p), "the least likely word"),
    ],
    "toy_corpus": [
        (
            corpus("logos theos|god word; theos logos|word god; phos zoe|life light; phos zoe|light life"),
            "only occur together",
        ),
        (
            corpus("logos theos|god word; theos phos|god light; phos logos|light word; logos theos|god word"),
            "never occur",
        ),
        (corpus(";".join(["zoe phos theos logos|word life light god"] * 4)), "all four words are in every pair"),
        (corpus("logos|word; theos phos|god light; phos zoe|light life; zoe theos|life god"), "two words at least"),
        (corpus("logos theos|word god"), "four pairs are expected, but yours are 1."),
        (corpus(";".join(["logos theos|word god"] * 3 + ["theou logos|god word"])), "one of yours is 'theou'"),
        (lambda: "logos theos", "a list of pairs of texts is expected"),
    ],
    "lower_error": [
        (choosing(words="words", greek=None, english=None), "dictionary forms"),
        (choosing(sharpness=0), "a prior for the diagonal"),
        (choosing(sharpness=40), "a softer prior"),
        (choosing(join="forward"), "both directions"),
        (choosing(greek=None, english=None), "shorter English words"),
        (choosing(greek=2, english=2, iterations=2), "a few iterations more"),
        (choosing(greek=2, english=2), "another number of letters"),
        (choosing(join="both"), "join is one of"),
        (choosing(words="roots"), "words is one of"),
        (choosing(english=0), "english_letters is None or a whole number"),
        (choosing(iterations=100), "iterations is a whole number from 1 to 20"),
        (choosing(null=0), "null is a number from 0.001 to 0.9"),
        (choosing(sharpness=-1), "sharpness is a number from 0 to 50"),
        (lambda: ["lemmas"], "a dictionary with words, greek_letters"),
    ],
}
