"""Answers to the exercises of retrieval, as readers write them: right ones, and wrong ones with their words."""

import math
from collections import Counter

import torch

from course_lib.retrieval import BM25, Hit, reciprocal_rank_fusion


def by_words(query, passages, k1, b, plus=1.0, counts=None, idf=None, norm=None, divide=None):
    mean = sum(len(passage) for passage in passages) / len(passages)
    scores = []
    for passage in passages:
        score = 0.0
        for word in query:
            tf, df = passage.count(word), sum(word in other for other in passages)
            if counts == "all":
                df = sum(other.count(word) for other in passages)
            if counts == "once":
                tf = min(tf, 1)
            if not tf:
                continue
            rarity = math.log(plus + (len(passages) - df + 0.5) / (df + 0.5))
            rarity = idf(len(passages), df) if idf else rarity
            relative = len(passage) / mean
            length = norm(b, relative) if norm else 1 - b + b * relative
            bottom = k1 * length if divide == "no tf" else tf + k1 * length
            score += rarity * tf / bottom
        scores.append(score)
    return scores


def by_library(query, passages, k1, b):
    index = BM25(k1, b)
    index.add({str(number): " ".join(passage) for number, passage in enumerate(passages)})
    found = dict(index.search([" ".join(query)], len(passages))[0])
    return [found.get(str(number), 0.0) for number in range(len(passages))]


def once_asked(query, passages, k1, b):
    return by_words(sorted(set(query)), passages, k1, b)


def older_form(query, passages, k1, b):
    return [(k1 + 1) * score for score in by_words(query, passages, k1, b)]


def worst_rank(scores, right):
    ranks = []
    for row, place in zip(scores.tolist(), right.tolist(), strict=True):
        ranks.append(sum(score >= row[place] for score in row))
    return torch.tensor(ranks)


def sorted_rank(scores, right):
    order = scores.argsort(dim=1, descending=True, stable=True)
    return 1 + (order == right[:, None]).int().argmax(dim=1)


def fewer_lower(scores, right):
    own = scores.gather(1, right[:, None])
    return (scores <= own).sum(dim=1)


def by_counter(rankings, constant):
    sums = Counter()
    for ranking in rankings:
        sums.update({name: 1 / (constant + rank) for rank, name in enumerate(ranking, start=1)})
    return [name for name, _ in sums.most_common()]


def fused_by_library(rankings, constant):
    hits = [[Hit(name, 0.0) for name in ranking] for ranking in rankings]
    return [hit.id for hit in reciprocal_rank_fusion(hits, constant)]


def parts_of(rankings, constant):
    parts = {}
    for ranking in rankings:
        for rank, name in enumerate(ranking, start=1):
            parts.setdefault(name, []).append(1 / (constant + rank))
    return parts


def found_by_all(rankings, constant):
    names = fused_by_library(rankings, constant)
    return [name for name in names if all(name in ranking for ranking in rankings)]


def mean_part(rankings, constant):
    parts = parts_of(rankings, constant)
    return sorted(parts, key=lambda name: -sum(parts[name]) / len(parts[name]))


def best_part(rankings, constant):
    parts = parts_of(rankings, constant)
    return sorted(parts, key=lambda name: -max(parts[name]))


def one_after_the_other(rankings, constant):
    names = []
    for ranking in rankings:
        names += [name for name in ranking if name not in names]
    return names


def choice(k1=1.2, b=0.75, letters=6, title=5):
    return lambda: {"k1": k1, "b": b, "letters": letters, "title": title}


RIGHT = {
    "bm25": [by_words, by_library],
    "settings": [lambda: (2.0, 0.22), lambda: [2.5, 0.2]],
    "ranks_of_right": [worst_rank, lambda scores, right: worst_rank(scores, right).tolist()],
    "fuse": [by_counter, fused_by_library],
    "tune": [choice(), choice(letters=5, title=4)],
}
WRONG = {
    "bm25": [
        (lambda *inputs: by_words(*inputs, idf=lambda n, df: 1.0), "the idf is missing"),
        (lambda *inputs: by_words(*inputs, plus=0.0), "without the 1 inside the logarithm"),
        (lambda *inputs: by_words(*inputs, idf=lambda n, df: math.log(n / df)), "this is the idf of TF-IDF"),
        (lambda *inputs: by_words(*inputs, counts="all"), "df is the number of passages"),
        (lambda *inputs: by_words(*inputs, divide="no tf"), "nothing saturates"),
        (lambda *inputs: by_words(*inputs, counts="once"), "a word counts once per passage here"),
        (lambda *inputs: by_words(*inputs, norm=lambda b, relative: 1.0), "the length is missing"),
        (lambda *inputs: by_words(*inputs, norm=lambda b, relative: 1 - b + b / relative), "the length is upside down"),
        (lambda *inputs: by_words(*inputs, norm=lambda b, relative: b + (1 - b) * relative), "b and 1 - b are swapped"),
        (older_form, "this is the older form"),
        (once_asked, "a word that occurs twice in the query"),
    ],
    "settings": [
        (lambda: (5.0, 0.22), "A, which has both words, is still below B"),
        (lambda: (2.0, 0.0), "E is still below D"),
        (lambda: (2.0, 0.75), "D is still below C: its length counts too much"),
        (lambda: (0.5, 0.22), "repetition saturates too soon"),
        (lambda: 2.0, "two numbers are expected, k1 and b."),
        (lambda: (2.0, 3.0), "k1 is at least 0, and b is from 0 to 1."),
    ],
    "ranks_of_right": [
        (lambda scores, right: 1 + worst_rank(scores, right), "and counted twice"),
        (lambda scores, right: worst_rank(scores, right) - 1, "ranks count from 1, not from 0"),
        (fewer_lower, "this counts how many score lower"),
        (sorted_rank, "yours comes in the order of the passages"),
    ],
    "fuse": [
        (found_by_all, "only what all rankings hold is left"),
        (lambda *inputs: by_counter(*inputs)[::-1], "the worst comes first"),
        (mean_part, "this is the mean over the rankings"),
        (best_part, "only the best rank of each document counts"),
        (lambda *inputs: sorted(by_counter(*inputs)), "the ids are sorted by the alphabet"),
        (one_after_the_other, "this is the first ranking, then what it misses"),
    ],
    "tune": [
        (choice(letters=None, title=1), "words cut to fewer letters"),
        (choice(letters=3), "words cut to more letters"),
        (choice(title=1), "a title that counts more often"),
        (choice(k1=50.0, b=0.0), "k1 and b nearer to the usual"),
        (choice(k1=-1), "k1 is a number from 0 to 100, but yours is -1."),
        (choice(b=75), "b is a number from 0 to 1, but yours is 75."),
        (choice(letters=0), "letters is None or a whole number from 1 to 20, but yours is 0."),
        (choice(title=0), "title is a whole number from 1 to 10, but yours is 0."),
        (lambda: {"k1": 1.2}, "a dictionary with k1, b, letters, title is expected"),
    ],
}
