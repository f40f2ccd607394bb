"""Loaders for the course's data sets: plain Python, NumPy, or gensim's KeyedVectors. The cards: data/README.md."""

from course_lib.data.catalogue import describe
from course_lib.data.dialogues import conversations
from course_lib.data.folio import folio_pairs
from course_lib.data.greek import greek_testament
from course_lib.data.packages import DataError
from course_lib.data.pairs import interface_strings, pronunciations
from course_lib.data.pictures import emoji
from course_lib.data.programs import programming_problems
from course_lib.data.questions import question_set, stereotypes
from course_lib.data.reviews import movie_reviews
from course_lib.data.speech import speech_clips
from course_lib.data.texts import shakespeare, wikipedia
from course_lib.data.weights import minilm_folder, smollm2_file, whisper_folder
from course_lib.data.words import analogies, glove, word_similarity

__all__ = [
    "DataError",
    "analogies",
    "conversations",
    "describe",
    "emoji",
    "folio_pairs",
    "glove",
    "greek_testament",
    "interface_strings",
    "minilm_folder",
    "movie_reviews",
    "programming_problems",
    "pronunciations",
    "question_set",
    "shakespeare",
    "smollm2_file",
    "speech_clips",
    "stereotypes",
    "whisper_folder",
    "wikipedia",
    "word_similarity",
]
