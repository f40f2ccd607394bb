"""Search by words beside bm25s, the fastest kept implementation that we know: from texts to the best ten."""

from collections.abc import Callable, Iterator

import bm25s

from course_lib import data
from course_lib.retrieval import BM25


def retrieval() -> Iterator[tuple[str, Callable, Callable]]:
    """An index of BoolQ's 11,265 passages; then the best ten for 1,000 questions. The peer is bm25s without numba.

    Both split texts into the same words, and keep all of them.
    """
    splits = data.question_set("boolq")
    passages = list(dict.fromkeys(row.passage for split in splits.values() for row in split))
    queries = [row.question for row in splits["test"]][:1000]
    documents = {str(number): passage for number, passage in enumerate(passages)}
    index, peer = _ours(documents), _theirs(passages)
    yield (
        "an index and 1,000 queries",
        lambda: _ours(documents).search(queries, 10),
        lambda: _best(_theirs(passages), queries),
    )
    yield "1,000 queries alone", lambda: index.search(queries, 10), lambda: _best(peer, queries)


def _best(peer: bm25s.BM25, queries: list[str]) -> bm25s.Results:
    return peer.retrieve(_tokens(queries), k=10, show_progress=False, n_threads=0)


def _ours(documents: dict[str, str]) -> BM25:
    index = BM25()
    index.add(documents)
    index.weights()
    return index


def _theirs(passages: list[str]) -> bm25s.BM25:
    peer = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
    peer.index(_tokens(passages), show_progress=False)
    return peer


def _tokens(texts: list[str]) -> bm25s.tokenization.Tokenized:
    return bm25s.tokenize(texts, stopwords=None, token_pattern=r"\w+", show_progress=False)
