"""Search: BM25 over words and dense search over vectors, both an `Index`; their fusion; long texts in windows.

Axes: N documents, V vocabulary, Q queries, C width of a vector.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np
import torch
from jaxtyping import Float
from scipy import sparse
from torch import Tensor

from course_lib.embeddings import normalise
from course_lib.files import existing_file, written_whole
from course_lib.validation import require, require_integer, require_number, text_of, texts_of

__all__ = ["BM25", "DenseIndex", "Hit", "Index", "reciprocal_rank_fusion", "windows", "words_of"]

AT_ONCE = 64  # queries: their scores with every document are in memory together


class Hit(NamedTuple):
    """A document that a query found."""

    id: str
    score: float


class Index:
    """Documents, each under an id, that can be searched; a subclass says how a query and a document are compared."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    def __len__(self) -> int:
        return len(self.ids)

    def add(self, documents: Mapping[str, str]) -> None:
        """Take in texts by their ids. Raises ValueError for an id that is there already, and for an empty text."""
        several = isinstance(documents, Mapping) and documents
        require(several, "documents must be a dictionary, of each id its text, and not empty", documents)
        ids, texts = texts_of("ids", list(documents)), texts_of("documents", documents.values())
        if known := documents.keys() & set(self.ids):
            raise ValueError(f"each id must be new to the index, but {min(known)!r} is in it already")
        _require_words("document", texts)
        self._add(texts)
        self.ids += ids

    def search(self, queries: Iterable[str], k: int = 10) -> list[list[Hit]]:
        """For each query, the k documents of greatest score, best first; ties go to the one that was added first.

        Raises ValueError for an index without documents, a query without words, and k above the number of documents.
        """
        require(self.ids, "the index must hold documents before it is searched: add some", self.ids)
        queries = texts_of("queries", queries)
        _require_words("query", queries)
        require_integer("k", k)
        require(1 <= k <= len(self), f"k must be from 1 to the {len(self)} documents there are", k)
        found = []
        for start in range(0, len(queries), AT_ONCE):
            for documents, scores in self._search(queries[start : start + AT_ONCE], k):
                best = zip(documents.tolist(), scores.tolist(), strict=True)
                found.append([Hit(self.ids[document], score) for document, score in best])
        return found

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the index to a file of NumPy arrays (.npz), whole or not at all."""
        with written_whole(path) as file:
            np.savez(file, kind=np.array(type(self).__name__), ids=np.array(self.ids, dtype=str), **self._arrays())

    @classmethod
    def load(cls, path: str | os.PathLike[str], *settings: Any) -> "Index":
        """The index that `save` wrote; `settings` are what the class takes and no file can hold.

        Raises FileNotFoundError for a missing file, and ValueError for anything but such an index.
        """
        path, index = existing_file(path, "index"), cls(*settings)
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                if (kind := str(arrays["kind"])) != cls.__name__:
                    raise ValueError(f"it holds a {kind}")
                index.ids = arrays["ids"].tolist()
                index._restore(arrays)
        except (AttributeError, BadZipFile, EOFError, KeyError, OSError, TypeError, ValueError) as error:
            raise ValueError(f"{path} should hold a {cls.__name__} that was saved, but: {error}") from error
        return index

    def _add(self, texts: list[str]) -> None:
        raise NotImplementedError

    def _search(self, queries: list[str], k: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        raise NotImplementedError

    def _arrays(self) -> dict[str, np.ndarray]:
        raise NotImplementedError

    def _restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        raise NotImplementedError


def _require_words(what: str, texts: list[str]) -> None:
    for index, text in enumerate(texts):
        require(re.search(r"\w", text), f"each {what} must hold at least one word, number {index} too", text)


def words_of(text: str) -> list[str]:
    """The words and numbers of a text, in lower case; two words are the same only if all their letters are.

    >>> words_of("Who wrote R.U.R. in 1920?")
    ['who', 'wrote', 'r', 'u', 'r', 'in', '1920']
    """
    return re.findall(r"\w+", text_of("text", text).lower())


class BM25(Index):
    """Robertson and Zaragoza (2009, section 3.4): the sum over a query's words, as often as they stand in it, of

    idf tf / (tf + k1 (1 - b + b length / mean length)), where idf = ln(1 + (N - df + 0.5) / (df + 0.5)).

    tf says how often the word stands in the document, df in how many of the N documents it stands; a length is a
    number of words. The 1 in idf, Lucene's, keeps it above 0. Only documents that share a word with a query are found,
    so that they may be fewer than k.

    >>> index = BM25()
    >>> index.add({"dog": "The dog bit the man.", "man": "The man slept."})
    >>> [(id, round(score, 3)) for id, score in index.search(["a dog"], k=2)[0]]
    [('dog', 0.286)]
    """

    def __init__(self, k1: float | int = 1.2, b: float | int = 0.75) -> None:
        super().__init__()
        require_number("k1", k1, at_least=0, below=float("inf"))
        require_number("b", b, at_least=0, at_most=1)
        self.k1, self.b = k1, b
        self._vocabulary: dict[str, int] = {}
        self._terms: list[int] = []  # of all documents, one after the other
        self._lengths: list[int] = []
        self._weights: sparse.csr_array | None = None  # (V, N), made when they are needed

    def _add(self, texts: list[str]) -> None:
        number = self._vocabulary
        for text in texts:
            terms = [number.setdefault(word, len(number)) for word in words_of(text)]
            self._terms += terms
            self._lengths.append(len(terms))
        self._weights = None

    def weights(self) -> sparse.csr_array:
        """What a word of a query adds to the score of a document: a row for each word, a column for each document."""
        if self._weights is None:
            lengths, n = np.array(self._lengths), len(self)
            places = np.array(self._terms), np.repeat(np.arange(n), lengths)
            shape = len(self._vocabulary), n
            weights = sparse.coo_array((np.ones(len(self._terms)), places), shape).tocsr()  # tf: it adds up
            df, norm = np.diff(weights.indptr), self.k1 * (1 - self.b + self.b * lengths / lengths.mean())
            idf = np.log1p((n - df + 0.5) / (df + 0.5))
            weights.data *= np.repeat(idf, df) / (weights.data + norm[weights.indices])
            self._weights = weights
        return self._weights

    def _search(self, queries: list[str], k: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        known = [[self._vocabulary[word] for word in words_of(query) if word in self._vocabulary] for query in queries]
        ends, ids = np.cumsum([0, *map(len, known)]), np.concatenate(known).astype(int)
        asked = sparse.csr_array((np.ones(len(ids)), ids, ends), (len(known), len(self._vocabulary)))
        scores = asked @ self.weights()  # (Q, N)
        for start, end in zip(scores.indptr[:-1], scores.indptr[1:], strict=True):
            documents, values = scores.indices[start:end], scores.data[start:end]
            if len(values) > k:
                candidates = values >= np.partition(values, -k)[-k]
                documents, values = documents[candidates], values[candidates]
            order = np.lexsort((documents, -values))[:k]
            yield documents[order], values[order]

    def _arrays(self) -> dict[str, np.ndarray]:
        numbers = {"terms": self._terms, "lengths": self._lengths, "k1": self.k1, "b": self.b}
        return {"vocabulary": np.array(list(self._vocabulary), dtype=str)} | {
            n: np.array(x) for n, x in numbers.items()
        }

    def _restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        self.k1, self.b = float(arrays["k1"]), float(arrays["b"])
        self._vocabulary = {word: number for number, word in enumerate(arrays["vocabulary"].tolist())}
        self._terms, self._lengths = arrays["terms"].tolist(), arrays["lengths"].tolist()


class DenseIndex(Index):
    """Exact search by cosine: every query's vector is compared with every document's.

    `encode` makes vectors of texts, (N, C), in the same way for documents and queries. What it reads of a long text is
    its own affair. To `load` an index, give `encode` again: a file cannot hold it.

    >>> index = DenseIndex(lambda texts: torch.tensor([[text.count("a"), text.count("b")] for text in texts]).float())
    >>> index.add({"first": "aab", "second": "b"})
    >>> [hit.id for hit in index.search(["abbb"], k=2)[0]]
    ['second', 'first']
    """

    def __init__(self, encode: Callable[[list[str]], Float[Tensor, "N C"]]) -> None:
        super().__init__()
        require(callable(encode), "encode must be a function of texts", encode)
        self.encode = encode
        self.vectors: Float[Tensor, "N C"] = torch.empty(0, 0)

    def _unit_vectors(self, texts: list[str]) -> Float[Tensor, "N C"]:
        vectors = self.encode(texts)
        width = self.vectors.shape[1] if self.ids else "C"
        fits = isinstance(vectors, Tensor) and vectors.ndim == 2 and len(vectors) == len(texts)
        fits = fits and vectors.shape[1] == (vectors.shape[1] if width == "C" else width)
        require(fits, f"encode must make a tensor of shape ({len(texts)}, {width}) of {len(texts)} texts", vectors)
        return normalise(vectors)

    def _add(self, texts: list[str]) -> None:
        vectors = self._unit_vectors(texts)
        self.vectors = torch.cat([self.vectors, vectors]) if self.ids else vectors

    def _search(self, queries: list[str], k: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        scores, documents = (self._unit_vectors(queries) @ self.vectors.T).sort(descending=True, stable=True)
        return zip(documents[:, :k].numpy(), scores[:, :k].numpy(), strict=True)

    def _arrays(self) -> dict[str, np.ndarray]:
        return {"vectors": self.vectors.numpy()}

    def _restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        self.vectors = torch.from_numpy(arrays["vectors"])


def reciprocal_rank_fusion(rankings: Iterable[list[Hit]], constant: float | int = 60) -> list[Hit]:
    """Several rankings for one query as one: the sum over them of 1 / (constant + rank), where the first has rank 1.

    Cormack, Clarke and Büttcher (2009). Scores of different systems, which have no common scale, do not matter.

    >>> by_words, by_meaning = [Hit("a", 9.0), Hit("b", 8.0)], [Hit("b", 0.7), Hit("c", 0.6)]
    >>> [hit.id for hit in reciprocal_rank_fusion([by_words, by_meaning])]
    ['b', 'a', 'c']
    """
    require_number("constant", constant, at_least=0, below=float("inf"))
    sums: dict[str, float] = {}
    for ranking in rankings:
        for rank, hit in enumerate(ranking, start=1):
            require(isinstance(hit, Hit), "each ranking must be a list of Hits, as search gives for a query", hit)
            sums[hit.id] = sums.get(hit.id, 0.0) + 1 / (constant + rank)
    return [Hit(id, score) for id, score in sorted(sums.items(), key=lambda one: -one[1])]


def windows(text: str, length: int, overlap: int = 0) -> list[str]:
    """A long text in pieces of `length` words, of which the last may be shorter; two neighbours share `overlap` words.

    >>> windows("to be or not to be", length=4, overlap=2)
    ['to be or not', 'or not to be']
    """
    require_integer("length", length, at_least=1)
    require_integer("overlap", overlap, at_least=0, at_most=length - 1)
    words = text_of("text", text).split()
    starts = range(0, max(len(words) - overlap, 1), length - overlap)
    return [" ".join(words[start : start + length]) for start in starts]
