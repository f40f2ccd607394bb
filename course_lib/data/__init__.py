"""Loaders for the course's data sets: plain Python, NumPy, or gensim's KeyedVectors. The cards: data/README.md."""

from course_lib.data.catalogue import describe
from course_lib.data.folio import folio_pairs
from course_lib.data.greek import greek_testament
from course_lib.data.packages import DataError, fetch, status
from course_lib.data.pairs import interface_strings, pronunciations
from course_lib.data.reviews import movie_reviews
from course_lib.data.texts import shakespeare, wikipedia
from course_lib.data.weights import smollm2_file
from course_lib.data.words import analogies, glove, word_similarity

__all__ = [
    "DataError",
    "analogies",
    "describe",
    "fetch",
    "folio_pairs",
    "glove",
    "greek_testament",
    "interface_strings",
    "movie_reviews",
    "pronunciations",
    "shakespeare",
    "smollm2_file",
    "status",
    "wikipedia",
    "word_similarity",
]
