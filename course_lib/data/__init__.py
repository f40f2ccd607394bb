"""Loaders for the course's data sets: plain Python, NumPy, or gensim's KeyedVectors. The cards: data/README.md."""

from course_lib.data.packages import DataError, fetch, status
from course_lib.data.texts import shakespeare, wikipedia
from course_lib.data.words import analogies, glove, word_similarity

__all__ = ["DataError", "analogies", "fetch", "glove", "shakespeare", "status", "wikipedia", "word_similarity"]
