"""Which search finds the passage of a question, and what that costs as the index grows.

BoolQ's test questions among all its passages; the first sentences of the standard library's documentation, without the
name, among the rest of it; sentences taken out of Wikipedia's articles among windows of them; and exact against
approximate search among up to a million vectors. A timing is processor time of one thread, in milliseconds per query.
"""

import ast
import importlib.util
import random
import re
import sysconfig
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.feature_extraction.text import TfidfVectorizer

from course_lib import data
from course_lib.bert import BERT, sentence_vectors
from course_lib.embeddings import normalise
from course_lib.metrics import bootstrap_interval
from course_lib.metrics.ranking import recall_at, reciprocal_ranks
from course_lib.pretrained import WordPieceTokenizer, load_minilm
from course_lib.retrieval import BM25, DenseIndex, Hit, reciprocal_rank_fusion, windows, words_of
from experiments.shared import one_core, rounded

K = 200  # a right document below that rank counts as not found
SETS = ("boolq", "python")
SYSTEMS = ("TF-IDF", "BM25", "MiniLM", "fused")
BM25_CONTROLS = {
    "BM25, a word counts once": (0, 0.75),
    "BM25, no saturation": (1e6, 0.75),
    "BM25, no length": (1.2, 0),
    "BM25, full length": (1.2, 1),
    "BM25, neither": (1e6, 0),
}
LENGTHS, BUDGET = ((25, 0), (50, 0), (100, 0), (100, 50), (200, 0), (400, 0)), 400
ARTICLES, TAKEN_OUT = 25, 12
SIZES = (10_000, 100_000, 1_000_000)
ASKED = 500
MEASURES = ("recall at 1", "recall at 5", "MRR")
COLUMNS = ("queries", "documents", *MEASURES, *(f"{measure}, gain" for measure in MEASURES), "MRR, gain over MiniLM")
COLUMNS += (
    "found",
    "gain",
    "nearest 10",
    "milliseconds",
    "build seconds",
)  # a row has None where its part measures something else
SKIPPED = {"test", "tests", "idle_test", "idlelib", "lib2to3", "site-packages", "turtledemo", "pydoc_data", "ensurepip"}


def lacks() -> str | None:
    """What this machine lacks, in words."""
    there = importlib.util.find_spec("faiss") is not None
    return None if there else "retrieval needs faiss-cpu: `pip install -r tests/requirements.txt`"


@cache
def questions(name: str) -> tuple[dict[str, str], list[str], list[str]]:
    """Documents by id, queries, and the id of each query's right document."""
    if name == "python":
        return _documentation()
    splits = data.question_set("boolq")
    passages = list(dict.fromkeys(row.passage for split in splits.values() for row in split))
    ids = {passage: str(number) for number, passage in enumerate(passages)}
    test = splits["test"]
    return {id: text for text, id in ids.items()}, [row.question for row in test], [ids[row.passage] for row in test]


def _documentation() -> tuple[dict[str, str], list[str], list[str]]:
    """The standard library's own functions and classes: what they do, to be found by the first sentence."""
    root, found = Path(sysconfig.get_paths()["stdlib"]), {}
    for path in sorted(root.rglob("*.py")):
        place = path.relative_to(root)
        if SKIPPED & set(place.parts):
            continue
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, UnicodeDecodeError):  # examples of what is no Python
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                first, _, rest = (ast.get_docstring(node) or "").partition("\n\n")
                query = re.sub(rf"\b{re.escape(node.name)}\b", "", first)
                if 4 <= len(words_of(query)) <= 30 and len(words_of(rest)) >= 15:
                    found.setdefault(" ".join(rest.split()), (f"{place}:{node.lineno}", " ".join(query.split())))
    documents = {id: rest for rest, (id, _) in found.items()}
    return documents, [query for _, query in found.values()], list(documents)


@cache
def minilm() -> tuple[BERT, WordPieceTokenizer]:
    """The model and its tokenizer."""
    return load_minilm()


def encode(texts: list[str]) -> torch.Tensor:
    """MiniLM's vectors of texts, of which it reads 256 tokens."""
    model, tokenizer = minilm()
    return sentence_vectors(model, [tokenizer.sequence(text, longest=256)[0] for text in texts])


@cache
def dense(name: str) -> DenseIndex:
    """The index of a set's documents."""
    index = DenseIndex(encode)
    index.add(questions(name)[0])
    return index


@cache
def rankings(name: str, system: str) -> list[list[str]]:
    """The ids that a system finds for each query of a set, best first."""
    documents, queries, _ = questions(name)
    if system == "TF-IDF":
        return _by_tf_idf(documents, queries)
    if system == "fused":
        both = [_hits(name, one) for one in ("BM25", "MiniLM")]
        return [[hit.id for hit in reciprocal_rank_fusion(pair)][:K] for pair in zip(*both, strict=True)]
    return [[hit.id for hit in hits] for hits in _hits(name, system)]


@cache
def _hits(name: str, system: str) -> list[list[Hit]]:
    documents, queries, _ = questions(name)
    if system == "MiniLM":
        return dense(name).search(queries, K)
    index = BM25(*BM25_CONTROLS.get(system, ()))
    index.add(documents)
    return index.search(queries, K)


def _by_tf_idf(documents: dict[str, str], queries: list[str]) -> list[list[str]]:
    """Cosines of TF-IDF with logarithmic counts, the better of its two usual forms here."""
    vectorizer, ids = TfidfVectorizer(sublinear_tf=True), list(documents)
    matrix = vectorizer.fit_transform(documents.values())
    scores = (vectorizer.transform(queries) @ matrix.T).toarray()
    return [[ids[place] for place in np.argsort(-row, kind="stable")[:K]] for row in scores]


def row(part: str, system: str, setting: Any = None) -> dict[str, Any]:
    """One row of a part of the table."""
    with one_core():
        made = {"windows": _of_windows, "hard": _of_hard_negatives, "size": _of_size, "cost": _of_cost}
        measured = made.get(part, _of_ranking)(part, system, setting)
    return {"part": part, "system": system, "setting": setting} | dict.fromkeys(COLUMNS) | measured


def _of_ranking(name: str, system: str, setting: Any) -> dict[str, Any]:
    """Recall at 1 and 5 and the MRR with their 95% intervals, and what they gain over BM25's on the same queries.

    For the fused ranking, also what its MRR gains over MiniLM's.
    """
    right = questions(name)[2]
    found, base = (reciprocal_ranks(rankings(name, one), right) for one in (system, "BM25"))
    scores = [lambda r: recall_at(1, r), lambda r: recall_at(5, r), lambda r: r.mean(-1)]
    stored: dict[str, Any] = {"queries": len(right), "documents": len(questions(name)[0])}
    for measure, score in zip(MEASURES, scores, strict=True):
        stored[measure] = _interval(score, found)
        stored[f"{measure}, gain"] = _gain(score, found, base)
    if system == "fused":
        stored["MRR, gain over MiniLM"] = _gain(scores[-1], found, reciprocal_ranks(rankings(name, "MiniLM"), right))
    return stored


def _interval(score: Callable[[np.ndarray], np.ndarray], found: np.ndarray) -> list[float]:
    return rounded(bootstrap_interval(score, found))


def _gain(score: Callable[[np.ndarray], np.ndarray], found: np.ndarray, base: np.ndarray) -> list[float]:
    return rounded(bootstrap_interval(lambda ours, theirs: score(ours) - score(theirs), found, base))


def _of_hard_negatives(part: str, system: str, setting: str) -> dict[str, Any]:
    """Recall at 1 among ten: the right passage and nine others, at random or those that BM25 or MiniLM ranks first."""
    documents, _, right = questions("boolq")
    dice, order, hits = random.Random(0), list(documents), []
    for number, (own, ranking) in enumerate(zip(right, rankings("boolq", system), strict=True)):
        pool = dice.sample(order, 10) if setting == "random" else rankings("boolq", setting)[number]
        others = [id for id in pool if id != own][:9]
        place = {id: rank for rank, id in enumerate(ranking)}
        hits.append(own in place and all(place[own] < place.get(id, K) for id in others))
    return {"recall at 1": _share(hits)}


def _share(hits: ArrayLike) -> list[float]:
    return rounded(bootstrap_interval(lambda x: x.mean(-1), np.array(hits, dtype=float)))


def _of_size(part: str, system: str, setting: int) -> dict[str, Any]:
    """Recall at 1 where the right passages of 500 queries are among `setting` passages in all."""
    documents, queries, right = questions("boolq")
    dice = random.Random(0)
    asked = dice.sample(range(len(right)), ASKED)
    kept = {right[number] for number in asked}
    others = [id for id in documents if id not in kept]
    kept |= set(dice.sample(others, min(setting, len(documents)) - len(kept)))
    if system == "BM25":
        index: BM25 | DenseIndex = BM25()
        index.add({id: text for id, text in documents.items() if id in kept})
    else:
        index, whole = DenseIndex(encode), dense("boolq")
        places = [place for place, id in enumerate(whole.ids) if id in kept]
        index.ids, index.vectors = [whole.ids[place] for place in places], whole.vectors[places]
    found = index.search([queries[number] for number in asked], 1)
    hits = [bool(best) and best[0].id == right[number] for best, number in zip(found, asked, strict=True)]
    return {"documents": len(kept), "recall at 1": _share(hits)}


@cache
def _articles() -> tuple[dict[str, str], list[tuple[str, str, int]]]:
    """Articles from which sentences were taken out, and each sentence: its text, its article, the place in words."""
    dice, texts, taken = random.Random(0), {}, []
    long = {title: text for title, text in data.wikipedia().items() if 2_000 <= len(text.split()) <= 8_000}
    for title in dice.sample(sorted(long), ARTICLES):
        paragraphs = [re.split(r"(?<=[.!?]) (?=[A-Z])", paragraph) for paragraph in long[title].split("\n")]
        fits = [number for number, sentences in enumerate(paragraphs) if len(sentences) >= 4]
        words: list[str] = []
        chosen = set(dice.sample(fits, min(TAKEN_OUT, len(fits))))
        for number, sentences in enumerate(paragraphs):
            inner = [place for place in range(1, len(sentences) - 1) if 8 <= len(sentences[place].split()) <= 40]
            out = dice.choice(inner) if number in chosen and inner else None
            for place, sentence in enumerate(sentences):
                if place == out:
                    taken.append((sentence, title, len(words)))
                else:
                    words += sentence.split()
        texts[title] = " ".join(words)
    return texts, taken


@cache
def _window_hits(system: str, length: int, overlap: int) -> np.ndarray:
    """Whether the words that are found, BUDGET in all, hold the place that each sentence was taken from."""
    texts, taken = _articles()
    index = BM25() if system == "BM25" else DenseIndex(encode)
    for title, text in texts.items():
        pieces = windows(text, length, overlap)
        index.add({f"{title}|{number * (length - overlap)}": piece for number, piece in enumerate(pieces)})
    hits = []
    for (_, title, place), found in zip(taken, index.search([one[0] for one in taken], BUDGET // length), strict=True):
        starts = [(hit.id.rpartition("|")[0], int(hit.id.rpartition("|")[2])) for hit in found]
        hits.append(any(where == title and start < place < start + length for where, start in starts))
    return np.array(hits, dtype=float)


def _of_windows(part: str, system: str, setting: Sequence[int]) -> dict[str, Any]:
    """The share of sentences whose place is in the first 400 words found; and its gain over windows of 100 words."""
    hits, base = _window_hits(system, *setting), _window_hits(system, 100, 0)
    return {
        "queries": len(hits),
        "found": _share(hits),
        "gain": _share(hits - base),
    }


@cache
def _phrases() -> tuple[np.ndarray, np.ndarray]:
    """Vectors of phrases, the mean of two neighbouring words' GloVe vectors, of length 1; and of others, to ask for.

    The phrases are the most frequent in the reviews.
    """
    glove, counts = data.glove(), Counter()
    for text, _ in data.movie_reviews("imdb")["train"]:
        counts.update(pairwise(words_of(text)))
    known = [
        pair for pair, _ in counts.most_common() if pair[0] in glove.key_to_index and pair[1] in glove.key_to_index
    ]
    pairs = known[: SIZES[-1] + 2 * ASKED]
    rows = np.array([[glove.key_to_index[word] for word in pair] for pair in pairs])
    vectors = normalise(torch.from_numpy((glove.vectors[rows[:, 0]] + glove.vectors[rows[:, 1]]) / 2)).numpy()
    asked = np.random.default_rng(0).choice(len(vectors), ASKED, replace=False)
    rest = np.ones(len(vectors), dtype=bool)
    rest[asked] = False
    return vectors[rest][: SIZES[-1]], vectors[asked]


@cache
def _built(kind: str, size: int) -> tuple[Any, float]:
    """An index of faiss and the seconds that it took to build."""
    import faiss

    faiss.omp_set_num_threads(1)
    vectors, begun = _phrases()[0][:size], time.process_time()
    width = vectors.shape[1]
    if kind == "exact":
        index = faiss.IndexFlatIP(width)
    elif kind == "lists":
        lists = int(4 * size**0.5)
        index = faiss.IndexIVFFlat(faiss.IndexFlatIP(width), width, lists, faiss.METRIC_INNER_PRODUCT)
        index.cp.niter, index.cp.min_points_per_centroid, index.cp.max_points_per_centroid = 10, 5, 64
        index.train(vectors)
    else:
        index = faiss.IndexHNSWFlat(width, 16, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = 80
    index.add(vectors)
    return index, time.process_time() - begun


def _of_cost(part: str, system: str, setting: Sequence[int]) -> dict[str, Any]:
    """The share of the ten nearest that an engine finds, its time per query, one query at a time, and to build."""
    size, effort = setting
    index, seconds = _built(system, size)
    if system == "lists":
        index.nprobe = effort
    elif system == "graph":
        index.hnsw.efSearch = effort
    queries, begun = _phrases()[1], time.process_time()
    found = [index.search(query[None], 10)[1][0] for query in queries]
    milliseconds = 1000 * (time.process_time() - begun) / len(queries)
    if system == "exact":
        shares = np.ones(len(queries))
    else:
        nearest = _built("exact", size)[0].search(queries, 10)[1]
        shares = np.array([len(set(ours) & set(best)) / 10 for ours, best in zip(found, nearest, strict=True)])
    return {
        "documents": size,
        "nearest 10": _share(shares),
        "milliseconds": round(milliseconds, 4),
        "build seconds": round(seconds, 2),
    }


def rows() -> Iterator[dict[str, Any]]:
    """Rankings of two sets by five systems, BM25's controls, hard negatives, sizes, windows, and the cost of search."""
    for name in SETS:
        for system in (*SYSTEMS, *BM25_CONTROLS):
            yield row(name, system)
    for system in ("BM25", "MiniLM"):
        for negatives in ("random", "BM25", "MiniLM"):
            yield row("hard", system, negatives)
        for size in (600, 1_500, 4_000, 20_000):
            yield row("size", system, size)
        for length in LENGTHS:
            yield row("windows", system, list(length))
    for size in SIZES:
        yield row("cost", "exact", [size, 0])
        for effort in (1, 4, 16, 64):
            yield row("cost", "lists", [size, effort])
        for effort in (16, 64, 256):
            yield row("cost", "graph", [size, effort])
